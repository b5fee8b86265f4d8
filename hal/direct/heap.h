/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which bytes of one HBM stack: best fit, neighbours joined when freed.
 * Knows offsets only; takes no lock and allocates nothing by itself. */
#ifndef HAL_DIRECT_HEAP_H
#define HAL_DIRECT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Extents tile the whole range, in order; two free ones never touch. */
struct trn_direct_extent {
	uint64_t offset, size;
	bool used;
};

struct trn_direct_heap {
	struct trn_direct_extent *extents; /* NULL until room was given */
	size_t count, room;
	uint64_t offset, size; /* the range */
	uint64_t free_bytes;
};

void trn_direct_heap_init(struct trn_direct_heap *heap, uint64_t offset, uint64_t size);
/* Extents that the next alloc may need; 0: it has them. The caller allocates an array of that
 * many and gives it; the answer is the old array (or the new one, when it is not
 * larger), for the caller to free. */
size_t trn_direct_heap_need(const struct trn_direct_heap *heap);
struct trn_direct_extent *trn_direct_heap_give(struct trn_direct_heap *heap,
					       struct trn_direct_extent *extents, size_t room);
/* align is a power of two; size > 0. -ENOMEM no hole is large enough, -EAGAIN room first. */
int trn_direct_heap_alloc(struct trn_direct_heap *heap, uint64_t size, uint64_t align,
			  uint64_t *ret_offset);
/* -EINVAL: no allocation of that size starts there. */
int trn_direct_heap_free(struct trn_direct_heap *heap, uint64_t offset, uint64_t size);
/* True when [offset, offset + size) lies inside one allocation. */
bool trn_direct_heap_holds(const struct trn_direct_heap *heap, uint64_t offset, uint64_t size);

#endif /* HAL_DIRECT_HEAP_H */
