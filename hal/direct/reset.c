/* SPDX-License-Identifier: Apache-2.0 */
/* Resets: the request through MISC RAM, asked again when the firmware lost it, then
 * engines and rings from the start (neuron-driver facts 6.2). */
#include <errno.h>
#include <stdio.h>
#include "base/bits.h"
#include "base/clock.h"
#include "hal/direct/direct.h"

#define MS UINT64_C(1000000)
#define SIMULATED_FASTER 100 /* a model answers in microseconds: no need to wait as for silicon */
#define READY_BUDGET_NS (1500 * MS)
#define TRIES_MAX 48 /* 480 s in steps of 10 s; an idle model is asked again at once */

static const struct kind {
	uint32_t type;
	uint64_t again_ns; /* ask again after */
} kinds[] = {
	[TRN_HAL_RESET_DEVICE] = { TRN_MR_RESET_TYPE_DEVICE, 30000 * MS },
	[TRN_HAL_RESET_CORES] = { TRN_MR_RESET_TYPE_TPB, 10000 * MS },
};

/* The simulator revision has no firmware: a register takes the map and clears it. */
static bool is_simulator(const struct trn_direct *d)
{
	return d->bus->info.revision == TRN_PCI_REVISION_QEMU;
}

/* The word is cleared when the reset is done; not-ready values are part of a reset. */
static int request_cleared(void *arg)
{
	struct trn_direct *d = arg;
	uint64_t offset = is_simulator(d) ? TRN_BAR0_QEMU_RESET : TRN_MISC_RAM + TRN_MR_RESET_TYPE;
	uint32_t value = 0;
	int r = trn_hal_read32_live(d->bus, offset, &value);

	if (r < 0)
		return r;
	return value == 0 ? 0 : -EAGAIN;
}

static int status_ready(void *arg)
{
	struct trn_direct *d = arg;
	uint32_t value = 0;
	int r = trn_hal_read32_live(d->bus, TRN_MISC_RAM + TRN_MR_STATUS, &value);

	if (r < 0)
		return r;
	return trn_hal_value_not_ready(value) || (value & TRN_MR_STATUS_RESETTING) ? -EAGAIN : 0;
}

/* Bits 7:0 the cores, 15:8 their DMA engines, 23:16 their sync processors. */
static uint32_t core_bits(uint32_t core_map)
{
	return core_map | core_map << 8 | core_map << 16;
}

static int request(struct trn_direct *d, const struct kind *kind, uint32_t core_map)
{
	int r = 0;

	if (is_simulator(d))
		return trn_hal_write32(d->bus, TRN_BAR0_QEMU_RESET, core_bits(core_map));
	if (kind->type == TRN_MR_RESET_TYPE_TPB)
		r = trn_hal_write32(d->bus, TRN_MISC_RAM + TRN_MR_RESET_MAP, core_bits(core_map));
	if (r == 0)
		r = trn_hal_write32(d->bus, TRN_MISC_RAM + TRN_MR_RESET_TYPE, kind->type);
	if (r == 0)
		r = trn_hal_write32(d->bus, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
	return r;
}

int trn_direct_reset_firmware(struct trn_direct *d, enum trn_hal_reset kind_of, uint32_t core_map,
			      uint64_t deadline_ns)
{
	const struct kind *kind = &kinds[kind_of];
	uint64_t again_ns = kind->again_ns;
	unsigned int tries = 0;
	bool idle = false;
	int r;

	if (d->bus->info.flags & TRN_BUS_SIMULATED)
		again_ns /= SIMULATED_FASTER;
	do {
		r = request(d, kind, core_map);
		if (r == 0)
			r = trn_direct_wait(d, request_cleared, d,
					    trn_direct_budget(deadline_ns, again_ns), &idle);
		tries++;
	} while (r == -ETIMEDOUT && tries < TRIES_MAX && !trn_clock_passed(deadline_ns));
	if (r == -ETIMEDOUT)
		return trn_hal_fail(&d->hal, r, "the firmware did not take the request, %u tries%s",
				    tries, idle ? "; the device is idle" : "");
	if (r < 0)
		return trn_hal_fail(&d->hal, r, "the device is gone");
	r = trn_direct_wait(d, status_ready, d, trn_direct_budget(deadline_ns, READY_BUDGET_NS),
			    &idle);
	if (r == -ETIMEDOUT)
		return trn_hal_fail(&d->hal, r, "the firmware stays in reset");
	if (r < 0)
		return trn_hal_fail(&d->hal, r, "the device is gone");
	if (tries > 1)
		trn_logf(d->hal.log, TRN_LOG_WARNING, "%s: reset request was lost, %u tries",
			 d->bus->info.name, tries);
	return 0;
}

/* The h2t engine of a pair of cores belongs to the first of them: it starts over only when
 * both do. */
static int engines_again(struct trn_direct *d, uint32_t core_map, uint32_t *ret_h2t_map)
{
	int r = 0;

	*ret_h2t_map = 0;
	for (uint32_t core = 0; r == 0 && core < TRN_CORES; core++) {
		if (!(core_map >> core & 1))
			continue;
		for (uint32_t e = 0; r == 0 && e < 16; e++)
			r = trn_direct_engine_init(d, core * 16 + e);
	}
	for (uint32_t seng = 0; r == 0 && seng < TRN_SENGS; seng++) {
		if ((core_map >> 2 * seng & 3) != 3)
			continue;
		*ret_h2t_map |= 1u << seng;
		atomic_fetch_and(&d->suspects, ~(1u << seng));
		r = trn_direct_engine_init(d, TRN_DMA_H2T_FIRST + seng);
		for (uint32_t q = 0; r == 0 && q < DIRECT_H2T_QUEUES; q++)
			r = trn_direct_ring_init(&d->h2t[seng][q]);
	}
	return r;
}

int trn_direct_reset(struct trn_hal_dev *dev, enum trn_hal_reset kind, uint32_t core_map,
		     uint64_t deadline_ns)
{
	struct trn_direct *d = trn_direct_of(dev);
	uint32_t all = (1u << d->cores) - 1;
	uint32_t h2t_map = 0;
	int r;

	if (kind == TRN_HAL_RESET_DEVICE)
		core_map = (1u << TRN_CORES) - 1;
	else if (kind != TRN_HAL_RESET_CORES || core_map == 0 || (core_map & ~all))
		return trn_hal_fail(dev, -EINVAL, "core map 0x%x is not of cores 0..%u", core_map,
				    d->cores - 1);
	r = trn_direct_reset_firmware(d, kind, core_map, deadline_ns);
	if (r < 0) {
		trn_hal_fault_prefix(dev, "reset");
		return r;
	}
	r = engines_again(d, core_map, &h2t_map);
	if (r == 0)
		r = trn_direct_copyq_after_reset(d, h2t_map);
	if (r < 0)
		return trn_hal_fail(dev, r, "reset: engines or rings did not start again");
	return 0;
}
