/* SPDX-License-Identifier: Apache-2.0 */
/* The 4-ary event heap. Four children share about three cache lines, and the
 * tree is half as deep as a binary one: the pop path is what the model runs. */
#include "base/heap.h"
#include "base/alloc.h"

#include <errno.h>

#define HEAP_ARITY 4
#define HEAP_ROOM_FIRST 64

static bool item_before(const struct trn_heap_item *x, const struct trn_heap_item *y)
{
	return x->when != y->when ? x->when < y->when : x->seq < y->seq;
}

void trn_heap_init(struct trn_heap *heap, const struct trn_alloc *alloc)
{
	*heap = (struct trn_heap){ .alloc = alloc };
}

void trn_heap_fini(struct trn_heap *heap)
{
	trn_free(heap->alloc, heap->items);
	heap->items = NULL;
	heap->count = 0;
	heap->room = 0;
}

static int heap_grow(struct trn_heap *heap)
{
	size_t room = heap->room > 0 ? heap->room * 2 : HEAP_ROOM_FIRST;
	struct trn_heap_item *items;

	items = trn_alloc_grow(heap->alloc, heap->items, heap->room, room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	heap->items = items;
	heap->room = room;
	return 0;
}

int trn_heap_push(struct trn_heap *heap, uint64_t when,
		  void (*fn)(void *arg, uint64_t a, uint64_t b), void *arg, uint64_t a, uint64_t b)
{
	size_t at = heap->count;

	if (heap->count == heap->room) {
		int r = heap_grow(heap);

		if (r < 0)
			return r;
	}
	heap->count++;
	/* Parents that come later move down into the hole; the item is written once. One of the
	 * same time came earlier. */
	while (at > 0) {
		size_t parent = (at - 1) / HEAP_ARITY;

		if (heap->items[parent].when <= when)
			break;
		heap->items[at] = heap->items[parent];
		at = parent;
	}
	heap->items[at] = (struct trn_heap_item){
		.when = when, .seq = heap->next_seq++, .fn = fn, .arg = arg, .a = a, .b = b
	};
	return 0;
}

const struct trn_heap_item *trn_heap_peek(const struct trn_heap *heap)
{
	return heap->count > 0 ? &heap->items[0] : NULL;
}

/* Puts item where the root was, below every child that comes before it. */
static void sift_down(struct trn_heap *heap, const struct trn_heap_item *item)
{
	size_t at = 0;

	for (;;) {
		size_t first = at * HEAP_ARITY + 1;
		size_t best = first;
		size_t end = first + HEAP_ARITY < heap->count ? first + HEAP_ARITY : heap->count;

		for (size_t i = first + 1; i < end; i++) {
			if (item_before(&heap->items[i], &heap->items[best]))
				best = i;
		}
		if (best >= heap->count || !item_before(&heap->items[best], item))
			break;
		heap->items[at] = heap->items[best];
		at = best;
	}
	heap->items[at] = *item;
}

bool trn_heap_pop(struct trn_heap *heap, struct trn_heap_item *ret_item)
{
	struct trn_heap_item last;

	if (heap->count == 0)
		return false;
	*ret_item = heap->items[0];
	last = heap->items[--heap->count];
	if (heap->count > 0)
		sift_down(heap, &last);
	return true;
}
