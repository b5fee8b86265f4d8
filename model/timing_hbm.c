/* SPDX-License-Identifier: Apache-2.0 */
/* Bandwidth of the HBM stacks, shared by everything that moves bytes: cores, UDMA, queues
 * (hardware-and-isa facts 1.1, 4.6). Time is cut into slots; who comes takes what is left of
 * each, no more than it can move. */
#include "base/bits.h"
#include "model/private.h"

#define SLOT_PS UINT64_C(1000000)
#define PS_PER_S UINT64_C(1000000000000)

/* Drops the slots that are over; a trace hears of them. */
static void roll(struct trn_chip *chip, uint32_t stack, uint64_t slot)
{
	struct trn_hbm_time *hbm = &chip->hbm_time[stack];
	const uint64_t end = trn_min_u64(slot, hbm->first + TRN_HBM_SLOTS);

	for (; hbm->first < end; hbm->first++) {
		uint32_t *used = &hbm->used[hbm->first % TRN_HBM_SLOTS];

		trn_trace_hbm(chip, stack, hbm->first * SLOT_PS, (hbm->first + 1) * SLOT_PS, *used);
		*used = 0;
	}
	if (end < slot)
		trn_trace_hbm(chip, stack, end * SLOT_PS, (end + 1) * SLOT_PS, 0);
	hbm->first = slot;
}

void trn_hbm_flush(struct trn_chip *chip)
{
	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		const struct trn_hbm_time *hbm = &chip->hbm_time[i];

		roll(chip, i, trn_max_u64(chip->model->now_ps / SLOT_PS, hbm->first));
		/* What is promised further on belongs to what began before. */
		for (uint64_t slot = hbm->first; slot < hbm->first + TRN_HBM_SLOTS; slot++)
			trn_trace_hbm(chip, i, slot * SLOT_PS, (slot + 1) * SLOT_PS,
				      hbm->used[slot % TRN_HBM_SLOTS]);
	}
}

/* Takes bytes from start_ps on, as many as the mover moves in span_ps; the end. */
static uint64_t take(struct trn_hbm_time *hbm, uint64_t capacity, uint64_t bytes, uint64_t start_ps,
		     uint64_t span_ps)
{
	uint64_t left = bytes, from = start_ps, end = start_ps;

	while (left > 0) {
		const uint64_t slot = from / SLOT_PS, next = (slot + 1) * SLOT_PS;
		uint32_t *used = &hbm->used[slot % TRN_HBM_SLOTS];
		uint64_t want = left, part;

		/* Further ahead nothing is booked. */
		if (slot - hbm->first >= TRN_HBM_SLOTS)
			return from + left * SLOT_PS / capacity;
		if (span_ps > next - from)
			want = trn_min_u64(left, bytes / span_ps * (next - from) +
							 bytes % span_ps * (next - from) / span_ps +
							 1);
		part = trn_min_u64(want, capacity - *used);
		*used += (uint32_t)part;
		left -= part;
		if (part < want || left == 0)
			end = slot * SLOT_PS + *used * SLOT_PS / capacity;
		from = next;
	}
	return end;
}

uint64_t trn_hbm_take_ps(struct trn_chip *chip, uint64_t address, uint64_t bytes, uint64_t start_ps,
			 uint64_t span_ps)
{
	const uint64_t second = chip->gen->hbm_bytes_per_s / TRN_HBMS;
	const uint64_t capacity = trn_max_u64(second / (PS_PER_S / SLOT_PS), 1);

	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		const uint64_t base = trn_regs_hbm_axi(i);

		if (address < base || address - base >= chip->hbm_bytes)
			continue;
		roll(chip, i, chip->model->now_ps / SLOT_PS);
		return trn_max_u64(start_ps + span_ps,
				   take(&chip->hbm_time[i], capacity, bytes, start_ps, span_ps));
	}
	return start_ps + span_ps;
}
