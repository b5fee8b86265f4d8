/* SPDX-License-Identifier: Apache-2.0 */
/* Bandwidth of the HBM stacks, shared by everything that moves bytes: cores, UDMA, queues
 * (hardware-and-isa facts 1.1, 4.6). */
#include "base/bits.h"
#include "model/private.h"
#include "model/slots.h"

#define PS_PER_S UINT64_C(1000000000000)

struct stack {
	struct trn_chip *chip;
	uint32_t index;
};

/* A trace hears of the slots that are over. */
static void told(void *arg, uint64_t slot, uint64_t bytes)
{
	const struct stack *stack = arg;

	trn_trace_hbm(stack->chip, stack->index, slot * TRN_SLOT_PS, (slot + 1) * TRN_SLOT_PS,
		      bytes);
}

static void roll(struct trn_chip *chip, uint32_t index)
{
	trn_slots_roll(chip->hbm_time[index], chip->model->now_ps, told,
		       &(struct stack){ chip, index });
}

void trn_hbm_flush(struct trn_chip *chip)
{
	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		const struct trn_slots *slots = chip->hbm_time[i];

		if (!slots)
			continue;
		roll(chip, i);
		/* What is promised further on belongs to what began before. */
		for (uint64_t slot = slots->first; slot < slots->first + TRN_SLOTS; slot++)
			told(&(struct stack){ chip, i }, slot, trn_slots_used(slots, slot));
	}
}

static struct trn_slots *slots_of(struct trn_chip *chip, uint32_t index)
{
	const uint64_t second = chip->gen->hbm_bytes_per_s / TRN_HBMS;

	if (!chip->hbm_time[index]) {
		chip->hbm_time[index] = trn_slots_create(chip->model, 1, false);
		if (chip->hbm_time[index])
			trn_slots_capacity(chip->hbm_time[index],
					   second / (PS_PER_S / TRN_SLOT_PS));
	}
	return chip->hbm_time[index];
}

uint64_t trn_hbm_take_ps(struct trn_chip *chip, uint64_t address, uint64_t bytes, uint64_t start_ps,
			 uint64_t span_ps)
{
	chip = trn_chip_at(chip, &address);
	for (uint32_t i = 0; chip && i < TRN_HBMS; i++) {
		const uint64_t base = trn_regs_hbm_axi(i);
		struct trn_slots *slots;

		if (address < base || address - base >= chip->hbm_bytes)
			continue;
		slots = slots_of(chip, i);
		if (!slots)
			break;
		roll(chip, i);
		return trn_max_u64(start_ps + span_ps,
				   trn_slots_take(slots, 0, bytes, start_ps, span_ps));
	}
	return start_ps + span_ps;
}
