/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which bytes of a range: first fit by address, neighbours joined when freed. Knows
 * offsets only, so it serves memory that the host does not reach; takes no lock and allocates
 * nothing by itself. Every operation is O(log n) in the number of extents.
 *
 * Why first fit: what an allocator that does not move things can need at worst. With M bytes live
 * at most and requests of which the largest is n times the smallest, best fit (and what comes near
 * to it, as good fit by size classes) can need M * n, first fit stays within
 *
 *	M * (log2 n + 1) + n  sizes that are powers of two, aligned to themselves
 *	M * (3 * log2 n + 1)  any sizes
 *
 * and nobody gets below M * (log2 n / 2 + 1). docs/memory.md has the proof; fit_test.c plays the
 * adversary.
 */
#ifndef BASE_FIT_H
#define BASE_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Extents tile the whole range; two free ones never touch. A treap by offset, where each node
 * knows the largest hole below it. */
struct trn_fit_extent {
	uint64_t offset, size;
	uint64_t asked;       /* size as it was asked for; 0: free */
	uint64_t hole;        /* largest free extent of the subtree */
	uint32_t left, right; /* index + 1; 0: none. left also links the spare ones */
};

struct trn_fit {
	struct trn_fit_extent *extents; /* NULL until room was given */
	uint32_t count, room;           /* in the tree; of the array */
	uint32_t top;                   /* of the array, used at some time */
	uint32_t root, spare;
	uint64_t offset, size; /* the range */
	uint64_t granule;      /* power of two */
	uint64_t used, peak;   /* bytes, rounded as below */
};

/* Sizes are rounded up to the granule, or to the alignment where that is less. */
void trn_fit_init(struct trn_fit *fit, uint64_t offset, uint64_t size, uint64_t granule);
/* Extents that the next alloc may need room for; 0: it has it. The caller allocates an array of
 * that many and gives it; the answer is the old array (or the new one, when it is not
 * larger), for the caller to free. */
uint32_t trn_fit_need(const struct trn_fit *fit);
struct trn_fit_extent *trn_fit_give(struct trn_fit *fit, struct trn_fit_extent *extents,
				    uint32_t room);
/* align is a power of two; size > 0. -ENOMEM no hole is large enough, -EAGAIN room first.
 * *ret_room (may be NULL) is the size as rounded. */
int trn_fit_alloc(struct trn_fit *fit, uint64_t size, uint64_t align, uint64_t *ret_offset,
		  uint64_t *ret_room);
/* -EINVAL: no allocation of that size starts there. */
int trn_fit_free(struct trn_fit *fit, uint64_t offset, uint64_t size);
/* Size, as asked for, of the allocation that starts there; 0: none does. */
uint64_t trn_fit_size(const struct trn_fit *fit, uint64_t offset);
/* True when [offset, offset + size) lies inside one allocation. */
bool trn_fit_holds(const struct trn_fit *fit, uint64_t offset, uint64_t size);
/* Largest hole: what one request can get, if its alignment is met there. */
uint64_t trn_fit_largest(const struct trn_fit *fit);

#endif /* BASE_FIT_H */
