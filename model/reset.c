/* SPDX-License-Identifier: Apache-2.0 */
/* Reset by firmware request (driver facts 6.2), device or cores, and the
 * reset register of the simulator revision. */
#include "model/misc.h"

#include <string.h>

#include "base/bits.h"

#define MAP_CORES 0x000000ffu
#define MAP_SDMA_SHIFT 8
/* Ours, inside: the engines that no core owns, and the mailbox. */
#define MAP_TOP (UINT32_C(1) << TRN_RESET_TOP)
#define MAP_DEVICE (0x00ffffffu | MAP_TOP)
#define ENGINES_PER_CORE 16u
#define FIS_STRIDE 0x20000u
/* The status bit falls a little after the request word. */
#define STATUS_TAIL_DIVISOR 10u

static void reset_engines(struct trn_chip *chip, uint32_t first, uint32_t count)
{
	trn_plain_forget(chip->plain, trn_regs_udma_bar0(first), count * TRN_UDMA_BLOCK);
	if (first < TRN_DMA_ENGINES_CORE)
		trn_plain_forget(chip->plain, trn_regs_fis_bar0(first), count * FIS_STRIDE);
	for (uint32_t i = first; i < first + count; i++) {
		if (chip->udma[i])
			trn_udma_reset(chip->udma[i]);
		trn_notific_reset(chip->notific, TRN_NQ_OWNER_UDMA + i);
	}
}

/* Everything in the map to its state after power-on; memory keeps its contents. */
static void reset_parts(struct trn_chip *chip, uint32_t map)
{
	for (uint32_t i = 0; i < TRN_CORES; i++) {
		if ((map >> i & 1) != 0) {
			if (chip->core[i])
				trn_core_reset(chip->core[i]);
			trn_notific_reset(chip->notific, TRN_NQ_OWNER_CORE + i);
		}
		if ((map >> (MAP_SDMA_SHIFT + i) & 1) != 0)
			reset_engines(chip, i * ENGINES_PER_CORE, ENGINES_PER_CORE);
		for (uint32_t t = 2 * i; (map >> (TRN_RESET_TOPSP + i) & 1) != 0 && t < 2 * i + 2;
		     t++) {
			memset(&chip->topsp[t], 0, sizeof(chip->topsp[t]));
			trn_notific_reset(chip->notific, TRN_NQ_OWNER_TOPSP + t);
		}
	}
	if ((map & MAP_TOP) != 0) {
		reset_engines(chip, TRN_DMA_H2T_FIRST, 2);
		reset_engines(chip, TRN_DMA_H2T_FIRST + 2, 2);
		chip->misc->request_token++; /* an answer under way never comes */
	}
	if (chip->launch)
		trn_launch_reset(chip->launch, map & MAP_CORES,
				 (map >> TRN_RESET_TOPSP) & MAP_CORES, (map & MAP_TOP) != 0);
}

/* Event: the status bit falls. */
static void status_clear(void *arg, uint64_t a, uint64_t b)
{
	struct trn_misc *misc = arg;

	(void)b;
	if (a == misc->reset_token)
		*misc_word(misc, TRN_MR_STATUS) &= ~TRN_MR_STATUS_RESETTING;
}

/* Event: what was in reset comes back. */
static void reset_end(void *arg, uint64_t a, uint64_t b)
{
	struct trn_misc *misc = arg;
	struct trn_chip *chip = misc->chip;

	(void)b;
	if (a != misc->reset_token)
		return;
	misc->reset_ending = false;
	trn_model_event(chip, TRN_EV_RESET,
			(misc->reset_map & MAP_TOP) != 0 ? "reset-device" : "reset-cores", 0,
			misc->reset_map, 0, 0);
	misc->reset_map = 0;
	misc->qemu_map = 0;
	chip->in_reset = 0;
	*misc_word(misc, TRN_MR_RESET_TYPE) = 0;
	if (trn_model_after(chip->model,
			    (uint64_t)chip->gen->reset_ns / STATUS_TAIL_DIVISOR * TRN_PS_PER_NS,
			    status_clear, misc, a, 0) < 0)
		status_clear(misc, a, 0);
}

static void reset_begin(struct trn_misc *misc, uint32_t map)
{
	struct trn_chip *chip = misc->chip;
	uint64_t slow_ms = 0, value = 0;

	chip->counters.resets++;
	if (trn_fault_fires(chip, "reset.lost", 0, &value))
		return;
	misc->reset_map |= map;
	chip->in_reset |= map;
	*misc_word(misc, TRN_MR_STATUS) |= TRN_MR_STATUS_RESETTING;
	reset_parts(chip, map);
	if (trn_fault_fires(chip, "reset.never", 0, &value))
		return;
	/* A request that comes again while one is under way ends with it. */
	if (misc->reset_ending)
		return;
	(void)trn_fault_fires(chip, "reset.slow", 0, &slow_ms);
	misc->reset_token++;
	misc->reset_ending =
		trn_model_after(chip->model,
				(chip->gen->reset_ns + trn_min_u64(slow_ms, 1000000) * 1000000) *
					TRN_PS_PER_NS,
				reset_end, misc, misc->reset_token, 0) == 0;
}

void trn_reset_request(struct trn_misc *misc)
{
	uint32_t type = *misc_word(misc, TRN_MR_RESET_TYPE);
	uint32_t map = *misc_word(misc, TRN_MR_RESET_MAP) & MAP_DEVICE & ~MAP_TOP;

	*misc_word(misc, TRN_MR_TRIGGER) = 0;
	if (type == TRN_MR_RESET_TYPE_DEVICE)
		reset_begin(misc, MAP_DEVICE);
	else if (type == TRN_MR_RESET_TYPE_TPB)
		reset_begin(misc, map);
	else
		trn_model_event(misc->chip, TRN_EV_VIOLATION, "reset-type",
				TRN_MISC_RAM + TRN_MR_RESET_TYPE, type, 0, 0);
}

uint32_t trn_qemu_reset_read(struct trn_misc *misc)
{
	return misc->qemu_map;
}

void trn_qemu_reset_write(struct trn_misc *misc, uint32_t map)
{
	uint32_t cores = map & MAP_CORES;

	if (map == 0)
		return;
	misc->qemu_map = map;
	/* All cores is the device; the driver's map has the three groups for each core. */
	reset_begin(misc, cores == MAP_CORES ? MAP_DEVICE : map & MAP_DEVICE & ~MAP_TOP);
}
