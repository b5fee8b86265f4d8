/* SPDX-License-Identifier: Apache-2.0 */
/* Calendars of bandwidth. A class sees what better ones and its own have taken; what it takes
 * from worse ones, they owe: their next piece sends it first, so that no byte is lost. */
#include "model/slots.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "model/private.h"

struct trn_slots *trn_slots_create(struct trn_model *model, uint32_t classes, bool keeps_over)
{
	struct trn_slots *slots = trn_alloc_zero(
		model->alloc, sizeof(*slots) + TRN_SLOTS * classes * sizeof(slots->used[0]));

	if (!slots) {
		model->lost++;
		return NULL;
	}
	slots->first = model->now_ps / TRN_SLOT_PS;
	slots->capacity = 1;
	slots->classes = classes;
	slots->keeps_over = keeps_over;
	return slots;
}

void trn_slots_destroy(struct trn_model *model, struct trn_slots *slots)
{
	trn_free(model->alloc, slots);
}

static uint32_t *used_at(struct trn_slots *slots, uint64_t slot)
{
	return &slots->used[slot % TRN_SLOTS * slots->classes];
}

/* Bytes of the classes up to and including one. */
static uint64_t sum_of(const struct trn_slots *slots, uint64_t slot, uint32_t class)
{
	const uint32_t *used = &slots->used[slot % TRN_SLOTS * slots->classes];
	uint64_t sum = 0;

	for (uint32_t c = 0; c <= class; c++)
		sum += used[c];
	return sum;
}

static bool is_full(const struct trn_slots *slots, uint32_t class, uint64_t slot)
{
	return slots->full[class][slot % TRN_SLOTS / 64] >> slot % 64 & 1;
}

/* Notes for which classes a slot has no room. */
static void mark(struct trn_slots *slots, uint64_t slot)
{
	const uint32_t *used = used_at(slots, slot);
	const uint64_t bit = UINT64_C(1) << slot % 64;
	uint64_t sum = 0;

	for (uint32_t c = 0; c < slots->classes; c++) {
		uint64_t *word = &slots->full[c][slot % TRN_SLOTS / 64];

		sum += used[c];
		*word = sum >= slots->capacity ? *word | bit : *word & ~bit;
	}
}

void trn_slots_capacity(struct trn_slots *slots, uint64_t bytes)
{
	bytes = trn_max_u64(bytes, 1);
	if (slots->capacity == bytes)
		return;
	slots->capacity = bytes;
	for (uint64_t s = slots->first; s < slots->first + TRN_SLOTS; s++)
		mark(slots, s);
}

uint64_t trn_slots_used(const struct trn_slots *slots, uint64_t slot)
{
	return slot - slots->first < TRN_SLOTS ? sum_of(slots, slot, slots->classes - 1) : 0;
}

/* A slot comes into the calendar: what waited for it goes in, best class first. */
static void enter(struct trn_slots *slots, uint32_t *used)
{
	uint64_t room = slots->capacity;

	for (uint32_t c = 0; c < slots->classes; c++) {
		const uint64_t part = trn_min_u64(room, slots->over[c]);

		used[c] = (uint32_t)part;
		slots->over[c] -= part;
		room -= part;
	}
}

void trn_slots_roll(struct trn_slots *slots, uint64_t now_ps,
		    void (*told)(void *arg, uint64_t slot, uint64_t bytes), void *arg)
{
	const uint64_t now = now_ps / TRN_SLOT_PS;
	uint64_t waiting = 1;

	/* When everything has gone and nobody listens, the rest is a jump. */
	for (uint32_t idle = 0; slots->first < now && (waiting != 0 || idle < TRN_SLOTS); idle++) {
		uint32_t *used = used_at(slots, slots->first);

		if (told)
			told(arg, slots->first, sum_of(slots, slots->first, slots->classes - 1));
		enter(slots, used);
		mark(slots, slots->first);
		waiting = 0;
		for (uint32_t c = 0; c < slots->classes; c++)
			waiting += used[c];
		if (waiting != 0)
			idle = 0;
		slots->first++;
	}
	if (slots->first < now && told)
		told(arg, slots->first, 0);
	slots->first = trn_max_u64(slots->first, now);
}

/* Puts bytes into a slot. What has no room there any more of worse classes, worst first, is
 * owed to them. */
static void put(struct trn_slots *slots, uint64_t slot, uint32_t class, uint64_t bytes)
{
	uint32_t *used = used_at(slots, slot);
	uint64_t sum;

	used[class] += (uint32_t)bytes;
	sum = sum_of(slots, slot, slots->classes - 1);
	for (uint32_t c = slots->classes - 1; c > class && sum > slots->capacity; c--) {
		const uint64_t part = trn_min_u64(used[c], sum - slots->capacity);

		used[c] -= (uint32_t)part;
		slots->debt[c] += part;
		sum -= part;
	}
	mark(slots, slot);
}

/* Behind the last slot: with everything of its class and better ones that waits there, which goes
 * on while these bytes are still on their way to it. */
static uint64_t behind(struct trn_slots *slots, uint32_t class, uint64_t bytes, uint64_t from_ps)
{
	uint64_t sum = 0;

	if (!slots->keeps_over)
		return from_ps + bytes * TRN_SLOT_PS / slots->capacity;
	slots->over[class] += bytes;
	for (uint32_t c = 0; c <= class; c++)
		sum += slots->over[c];
	return trn_max_u64(from_ps + bytes * TRN_SLOT_PS / slots->capacity,
			   (slots->first + TRN_SLOTS) * TRN_SLOT_PS +
				   sum * TRN_SLOT_PS / slots->capacity);
}

/* The first slot at or after one that is not full, or the end of the calendar. */
static uint64_t next_free(const struct trn_slots *slots, uint32_t class, uint64_t slot)
{
	const uint64_t end = slots->first + TRN_SLOTS;

	while (slot < end) {
		const uint64_t at = slot % TRN_SLOTS;
		const uint64_t open = ~slots->full[class][at / 64] >> at % 64;

		if (open != 0)
			return trn_min_u64(slot + (uint64_t)__builtin_ctzll(open), end);
		slot += 64 - at % 64;
	}
	return end;
}

/* What of bytes goes in part of their span, rounded up. */
static uint64_t share(uint64_t bytes, uint64_t span_ps, uint64_t part_ps)
{
	return bytes / span_ps * part_ps + bytes % span_ps * part_ps / span_ps + 1;
}

static uint64_t book(struct trn_slots *slots, uint32_t class, uint64_t bytes, uint64_t start_ps,
		     uint64_t span_ps)
{
	/* Of the bytes, what goes in each slot but the first and the last. */
	const uint64_t each = span_ps > TRN_SLOT_PS ? share(bytes, span_ps, TRN_SLOT_PS) : 0;
	uint64_t left = bytes, from = start_ps, end = start_ps;

	while (left > 0) {
		uint64_t slot = from / TRN_SLOT_PS, next, want = left, taken, part;

		if (slot - slots->first < TRN_SLOTS && is_full(slots, class, slot)) {
			slot = next_free(slots, class, slot);
			from = slot * TRN_SLOT_PS;
		}
		if (slot - slots->first >= TRN_SLOTS)
			return behind(slots, class, left, from);
		next = (slot + 1) * TRN_SLOT_PS;
		if (span_ps > next - from)
			want = trn_min_u64(left, next - from == TRN_SLOT_PS ?
							 each :
							 share(bytes, span_ps, next - from));
		taken = trn_min_u64(sum_of(slots, slot, class), slots->capacity);
		part = trn_min_u64(want, slots->capacity - taken);
		put(slots, slot, class, part);
		left -= part;
		if (part < want || left == 0)
			end = slot * TRN_SLOT_PS + (taken + part) * TRN_SLOT_PS / slots->capacity;
		from = next;
	}
	return end;
}

uint64_t trn_slots_take(struct trn_slots *slots, uint32_t class, uint64_t bytes, uint64_t start_ps,
			uint64_t span_ps)
{
	const uint64_t owed = slots->debt[class];

	slots->debt[class] = 0;
	/* It was to go already: as soon as there is room. */
	if (owed != 0)
		(void)book(slots, class, owed, slots->first * TRN_SLOT_PS, 0);
	return book(slots, class, bytes, start_ps, span_ps);
}

uint64_t trn_slots_hash(const struct trn_slots *slots, uint64_t hash)
{
	hash = trn_hash_u64(hash, slots->first);
	hash = trn_hash_bytes(hash, slots->over, sizeof(slots->over));
	hash = trn_hash_bytes(hash, slots->debt, sizeof(slots->debt));
	return trn_hash_bytes(hash, slots->used,
			      TRN_SLOTS * slots->classes * sizeof(slots->used[0]));
}
