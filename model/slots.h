/* SPDX-License-Identifier: Apache-2.0 */
/* Bandwidth that many share, an HBM stack's or a link's: time is cut into slots, who comes takes
 * what is left of each, no more than it can move. */
#ifndef MODEL_SLOTS_H
#define MODEL_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct trn_model;

#define TRN_SLOT_PS UINT64_C(1000000)
#define TRN_SLOTS 1024u     /* from now on */
#define TRN_SLOT_CLASSES 4u /* 0 is served first */

struct trn_slots {
	uint64_t first;    /* slot that is now */
	uint64_t capacity; /* bytes of a slot */
	/* Bytes for which the slots had no room any more: they fill those to come. Where it is not
	 * kept, everything is free behind the last slot. */
	bool keeps_over;
	uint64_t over[TRN_SLOT_CLASSES];
	/* Bytes that were promised to a class and went to a better one: its next one sends them
	 * first. */
	uint64_t debt[TRN_SLOT_CLASSES];
	uint64_t full[TRN_SLOT_CLASSES][TRN_SLOTS / 64]; /* bit by slot: no room for the class */
	uint32_t classes;
	uint32_t used[]; /* bytes of slot s and class c: [s % TRN_SLOTS * classes + c] */
};

/* NULL: no memory, counted as lost. Slots begin at the model's time. */
struct trn_slots *trn_slots_create(struct trn_model *model, uint32_t classes, bool keeps_over);
void trn_slots_destroy(struct trn_model *model, struct trn_slots *slots);

/* What a slot holds from now on, 1 at least. */
void trn_slots_capacity(struct trn_slots *slots, uint64_t bytes);

/* Drops the slots before a time; told, unless NULL, hears of each with the bytes it carried. */
void trn_slots_roll(struct trn_slots *slots, uint64_t now_ps,
		    void (*told)(void *arg, uint64_t slot, uint64_t bytes), void *arg);
/* Bytes of a slot in the calendar, all classes. */
uint64_t trn_slots_used(const struct trn_slots *slots, uint64_t slot);

/* Takes bytes from start_ps on, as many as the mover moves in span_ps; when the last has gone,
 * which may be before start_ps + span_ps. */
uint64_t trn_slots_take(struct trn_slots *slots, uint32_t class, uint64_t bytes, uint64_t start_ps,
			uint64_t span_ps);
uint64_t trn_slots_hash(const struct trn_slots *slots, uint64_t hash);

#endif /* MODEL_SLOTS_H */
