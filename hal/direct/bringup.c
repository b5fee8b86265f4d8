/* SPDX-License-Identifier: Apache-2.0 */
/* From a function on a bus to a device that copies: one state after the other,
 * each with a deadline, none with a sleep (order: neuron-driver facts 1.4, 6, 3.7, 3.9). */
#include <errno.h>
#include <stdio.h>
#include "base/bits.h"
#include "base/clock.h"
#include "hal/direct/direct.h"

#define MS UINT64_C(1000000)
#define CFG_COMMAND 0x04u
#define CFG_COMMAND_MEMORY 0x2u
#define CFG_COMMAND_MASTER 0x4u
#define ELECTION_SUCCESS 3u  /* in 7:0; 23:16 node id, 31:24 nodes */
#define SERVER_VALID 0x8000u /* 14:0 server */
#define ROUTING_IDS 128u     /* the largest platform's */
#define API_MAX 255u
#define BAR0_NEEDED (TRN_BAR0_TOPSP8 + 8 * TRN_BAR0_TOPSP_STRIDE) /* last block used */

static int config_space(struct trn_direct *d, uint64_t deadline_ns)
{
	uint32_t id = 0;
	uint32_t command = 0;
	int r = d->bus->ops->cfg_read32(d->bus, 0, &id);

	(void)deadline_ns;
	if (r < 0)
		return trn_hal_fail(&d->hal, r, "the bus cannot read it");
	if (trn_hal_value_dead(id))
		return trn_hal_fail(&d->hal, -TRN_EDEVLOST, "reads all-ones: nothing answers");
	d->chip = trn_direct_chip_find((uint16_t)(id >> 16));
	if ((id & 0xffff) != TRN_PCI_VENDOR || !d->chip)
		return trn_hal_fail(&d->hal, -ENODEV, "%04x:%04x is no chip of this driver",
				    id & 0xffff, id >> 16);
	r = d->bus->ops->cfg_read32(d->bus, CFG_COMMAND, &command);
	if (r == 0)
		r = d->bus->ops->cfg_write32(d->bus, CFG_COMMAND,
					     (command & 0xffff) | CFG_COMMAND_MEMORY |
						     CFG_COMMAND_MASTER);
	if (r < 0)
		return trn_hal_fail(&d->hal, r, "the command register cannot be written");
	return 0;
}

static int bars(struct trn_direct *d, uint64_t deadline_ns)
{
	void *window = NULL;

	(void)deadline_ns;
	if (d->bus->info.bar_size[TRN_BAR_REGS] < BAR0_NEEDED)
		return trn_hal_fail(&d->hal, -ENODEV, "BAR0 has 0x%llx bytes, 0x%llx are needed",
				    (unsigned long long)d->bus->info.bar_size[TRN_BAR_REGS],
				    (unsigned long long)BAR0_NEEDED);
	/* Four slots; the simulator revision packs them. */
	d->window_slot = d->bus->info.revision == TRN_PCI_REVISION_QEMU ?
				 d->bus->info.bar_size[TRN_BAR_HBM] / TRN_HBMS :
				 TRN_BAR4_SLOT;
	/* The HBM window is optional: without it every access is a copy. */
	d->map_hbm = d->bus->info.bar_size[TRN_BAR_HBM] > 0 &&
		     d->bus->ops->map(d->bus, TRN_BAR_HBM, DIRECT_HBM_RESERVED, DIRECT_PAGE,
				      &window) == 0;
	return 0;
}

/* ---- routing id: the sign that firmware runs ---- */

struct reg_wait {
	struct trn_direct *d;
	uint64_t offset;
	uint32_t value; /* as last read */
};

static int reg_ready(void *arg)
{
	struct reg_wait *wait = arg;
	int r = trn_hal_read32_live(wait->d->bus, wait->offset, &wait->value);

	if (r < 0)
		return r;
	return trn_hal_value_not_ready(wait->value) ? -EAGAIN : 0;
}

static int misc_read(struct trn_direct *d, uint32_t offset, uint64_t deadline_ns,
		     uint32_t *ret_value)
{
	struct reg_wait wait = { .d = d, .offset = TRN_MISC_RAM + offset };
	bool idle = false;
	int r = trn_direct_wait(d, reg_ready, &wait, deadline_ns, &idle);

	if (r == -ETIMEDOUT)
		return trn_hal_fail(&d->hal, r, "MISC RAM +0x%x still reads 0xdeadbeef%s", offset,
				    idle ? ", and the device is idle" : "");
	if (r < 0)
		return trn_hal_fail(&d->hal, r, "MISC RAM +0x%x: the device is gone", offset);
	*ret_value = wait.value;
	return 0;
}

static int routing(struct trn_direct *d, uint64_t deadline_ns)
{
	uint32_t id = 0;
	int r = misc_read(d, TRN_MR_ROUTING_ID, deadline_ns, &id);

	if (r < 0)
		return r;
	if (id >= ROUTING_IDS)
		return trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "0x%x is none", id);
	d->routing_id = id;
	return 0;
}

static int firmware(struct trn_direct *d, uint64_t deadline_ns)
{
	uint32_t api = 0;
	uint32_t low = 0;
	uint32_t high = 0;
	int r = misc_read(d, TRN_MR_API_VERSION, deadline_ns, &api);

	if (r == 0)
		r = misc_read(d, TRN_MR_SERIAL_LO, deadline_ns, &low);
	if (r == 0)
		r = misc_read(d, TRN_MR_SERIAL_HI, deadline_ns, &high);
	if (r < 0)
		return r;
	if (api == 0 || api > API_MAX)
		return trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "API version 0x%x is none", api);
	d->firmware_api = api;
	d->serial = trn_u64(low, high);
	return 0;
}

/* What an election left (driver facts 8.4): a torus keeps its result in registers, on a switched
 * pod the number of the server is the node's. A chip alone has no neighbours to elect with. */
static int election(struct trn_direct *d, uint64_t deadline_ns)
{
	const struct trn_pod *pod = d->bus->info.pod;
	uint32_t status = 0, low = 0, high = 0, server = 0;
	int r;

	d->node_id = UINT32_MAX;
	d->nodes = UINT32_MAX;
	if (d->bus->info.pod_id == 0)
		return 0;
	r = misc_read(d, TRN_MR_ELECTION_STATUS, deadline_ns, &status);
	if (r == 0)
		r = misc_read(d, TRN_MR_POD_SERIAL_HI, deadline_ns, &high);
	if (r == 0)
		r = misc_read(d, TRN_MR_POD_SERIAL_LO, deadline_ns, &low);
	if (r == 0)
		r = misc_read(d, TRN_MR_SERVER_INFO, deadline_ns, &server);
	if (r < 0)
		return r;
	if ((status & 0xff) == ELECTION_SUCCESS) {
		d->node_id = status >> 16 & 0xff;
		d->nodes = status >> 24;
		d->pod_serial = trn_u64(low, high);
	} else if (pod->shape != TRN_POD_TORUS && server & SERVER_VALID) {
		d->node_id = server & (SERVER_VALID - 1);
		d->nodes = pod->servers;
	}
	return 0;
}

/* Writes to a device that has gone vanish without a sign: READY means that it still answers. */
static int answers(struct trn_direct *d, uint64_t deadline_ns)
{
	uint32_t id = 0;
	int r = misc_read(d, TRN_MR_ROUTING_ID, deadline_ns, &id);

	if (r == 0 && id != d->routing_id)
		r = trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "was 0x%x, is 0x%x", d->routing_id, id);
	return r;
}

static int reset(struct trn_direct *d, uint64_t deadline_ns)
{
	return trn_direct_reset_firmware(d, TRN_HAL_RESET_DEVICE, (1u << TRN_CORES) - 1,
					 deadline_ns);
}

static int extension(struct trn_direct *d, uint64_t deadline_ns)
{
	(void)deadline_ns;
	return trn_direct_ext_find(d);
}

/* The sizes of memory: the extension knows, else the bus, else the generation's table. Once:
 * what buffers stand on does not change under them. */
static int memory(struct trn_direct *d, uint64_t deadline_ns)
{
	uint64_t bytes = d->hbm_bytes; /* as the extension said, or 0 */

	(void)deadline_ns;
	if (bytes == 0 && d->bus->info.revision == TRN_PCI_REVISION_QEMU)
		bytes = d->window_slot;
	if (d->bus->info.hbm_bytes != 0 && (bytes == 0 || d->bus->info.hbm_bytes < bytes))
		bytes = d->bus->info.hbm_bytes;
	if (bytes == 0)
		bytes = d->chip->hbm_bytes;
	if (bytes <= DIRECT_HBM_RESERVED || bytes > TRN_BAR4_SLOT)
		return trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "HBM stacks of 0x%llx bytes",
				    (unsigned long long)bytes);
	if (d->heap[0].size > 0) {
		if (bytes != d->hbm_bytes)
			return trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "HBM changed its size");
		return 0;
	}
	d->hbm_bytes = bytes;
	for (unsigned int i = 0; i < TRN_HBMS; i++)
		trn_fit_init(&d->heap[i], DIRECT_HBM_RESERVED, bytes - DIRECT_HBM_RESERVED,
			     DIRECT_PAGE);
	return 0;
}

static int engines(struct trn_direct *d, uint64_t deadline_ns)
{
	for (uint32_t engine = 0; engine < TRN_DMA_ENGINES; engine++) {
		int r = trn_direct_engine_init(d, engine);

		if (r < 0)
			return trn_hal_fail(&d->hal, r, "engine %u", engine);
		if (trn_clock_passed(deadline_ns))
			return trn_hal_fail(&d->hal, -ETIMEDOUT, "%u of %u engines done",
					    engine + 1, (unsigned int)TRN_DMA_ENGINES);
	}
	return 0;
}

static int rings(struct trn_direct *d, uint64_t deadline_ns)
{
	(void)deadline_ns;
	atomic_store(&d->suspects, 0);
	for (uint32_t e = 0; e < DIRECT_H2T_ENGINES; e++) {
		for (uint32_t q = 0; q < DIRECT_H2T_QUEUES; q++) {
			struct trn_direct_ring *ring = &d->h2t[e][q];
			int r = 0;

			if (!ring->d)
				r = trn_direct_ring_open(d, TRN_DMA_H2T_FIRST + e, q,
							 TRN_H2T_RING_DESCS, ring);
			if (r == 0)
				r = trn_direct_ring_init(ring);
			if (r < 0)
				return trn_hal_fail(&d->hal, r, "engine %u queue %u",
						    TRN_DMA_H2T_FIRST + e, q);
		}
	}
	return trn_direct_copyq_after_reset(d, UINT32_MAX);
}

/* ---- the machine ---- */

static const struct state {
	const char *name;
	uint64_t budget_ns; /* facts 10.4 where they have a number */
	int (*enter)(struct trn_direct *d, uint64_t deadline_ns);
} states[] = {
	{ "configuration space", 1000 * MS, config_space },
	{ "BARs", 1000 * MS, bars },
	{ "routing id", 600000 * MS, routing },
	{ "firmware", 30000 * MS, firmware },
	{ "election", 1000 * MS, election },
	{ "reset", 480000 * MS, reset },
	{ "extension", 1000 * MS, extension },
	{ "memory", 1000 * MS, memory },
	{ "DMA engines", 30000 * MS, engines },
	{ "copy rings", 5000 * MS, rings },
	{ "routing id again", 1000 * MS, answers },
};

int trn_direct_bring_up(struct trn_hal_dev *dev, uint64_t deadline_ns)
{
	struct trn_direct *d = trn_direct_of(dev);

	for (size_t i = 0; i < TRN_ARRAY_LEN(states); i++) {
		uint64_t until = trn_direct_budget(deadline_ns, states[i].budget_ns);
		char prefix[48];
		int r = states[i].enter(d, until);

		if (r < 0) {
			snprintf(prefix, sizeof(prefix), "bring-up: %s", states[i].name);
			trn_hal_fault_prefix(dev, prefix);
			trn_logf(d->hal.log, TRN_LOG_WARNING, "%s: %s failed: %d",
				 d->bus->info.name, prefix, r);
			return r;
		}
		trn_logf(d->hal.log, TRN_LOG_DEBUG, "%s: bring-up: %s", d->bus->info.name,
			 states[i].name);
	}
	return 0;
}
