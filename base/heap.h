/* SPDX-License-Identifier: Apache-2.0 */
/* A 4-ary heap of events ordered by (when, seq): the model's calendar. Grows by
 * its allocator; trn_heap_push is the only call that can fail. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>
#include <trn/types.h>

struct trn_heap_item {
	uint64_t when; /* key, ascending */
	uint64_t seq;  /* tie break, ascending, given by the heap */
	void (*fn)(void *arg, uint64_t a, uint64_t b);
	void *arg;
	uint64_t a, b;
};

struct trn_heap {
	const struct trn_alloc *alloc;
	struct trn_heap_item *items;
	size_t count, room;
	uint64_t next_seq;
};

void trn_heap_init(struct trn_heap *heap, const struct trn_alloc *alloc);
void trn_heap_fini(struct trn_heap *heap);
/* The members of an item but for its seq, which is filled in; one by one, so that they stay in
 * registers. -ENOMEM leaves the heap as it was. */
int trn_heap_push(struct trn_heap *heap, uint64_t when,
		  void (*fn)(void *arg, uint64_t a, uint64_t b), void *arg, uint64_t a, uint64_t b);
const struct trn_heap_item *trn_heap_peek(const struct trn_heap *heap);
bool trn_heap_pop(struct trn_heap *heap, struct trn_heap_item *ret_item);

#endif /* BASE_HEAP_H */
