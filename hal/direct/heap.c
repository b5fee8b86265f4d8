/* SPDX-License-Identifier: Apache-2.0 */
/* Extents in one ordered array: a device holds hundreds of buffers, and a scan of
 * those is cheaper than the pointers of a tree. */
#include "hal/direct/heap.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

void trn_direct_heap_init(struct trn_direct_heap *heap, uint64_t offset, uint64_t size)
{
	*heap = (struct trn_direct_heap){ .offset = offset, .size = size, .free_bytes = size };
}

/* One allocation splits a hole into three at most. */
size_t trn_direct_heap_need(const struct trn_direct_heap *heap)
{
	return heap->count + 2 <= heap->room && heap->count > 0 ? 0 : heap->room * 2 + 16;
}

struct trn_direct_extent *trn_direct_heap_give(struct trn_direct_heap *heap,
					       struct trn_direct_extent *extents, size_t room)
{
	struct trn_direct_extent *old = heap->extents;

	if (room <= heap->room)
		return extents;
	if (heap->count > 0) {
		memcpy(extents, old, heap->count * sizeof(*extents));
	} else {
		extents[0] = (struct trn_direct_extent){ heap->offset, heap->size, false };
		heap->count = 1;
	}
	heap->extents = extents;
	heap->room = room;
	return old;
}

/* Bytes lost in front of an allocation in this hole, or UINT64_MAX when it does not fit. */
static uint64_t hole_pad(const struct trn_direct_extent *extent, uint64_t size, uint64_t align)
{
	uint64_t pad = trn_align_up(extent->offset, align) - extent->offset;

	if (extent->used || pad > extent->size || size > extent->size - pad)
		return UINT64_MAX;
	return pad;
}

static void extent_insert(struct trn_direct_heap *heap, size_t at, struct trn_direct_extent extent)
{
	memmove(&heap->extents[at + 1], &heap->extents[at],
		(heap->count - at) * sizeof(heap->extents[0]));
	heap->extents[at] = extent;
	heap->count++;
}

int trn_direct_heap_alloc(struct trn_direct_heap *heap, uint64_t size, uint64_t align,
			  uint64_t *ret_offset)
{
	size_t best = SIZE_MAX;
	struct trn_direct_extent hole;
	uint64_t pad;

	if (trn_direct_heap_need(heap) > 0)
		return -EAGAIN;
	for (size_t i = 0; i < heap->count; i++) {
		if (hole_pad(&heap->extents[i], size, align) != UINT64_MAX &&
		    (best == SIZE_MAX || heap->extents[i].size < heap->extents[best].size))
			best = i;
	}
	if (best == SIZE_MAX)
		return -ENOMEM;
	hole = heap->extents[best];
	pad = hole_pad(&hole, size, align);
	heap->extents[best] = (struct trn_direct_extent){ hole.offset + pad, size, true };
	if (hole.size - pad > size)
		extent_insert(heap, best + 1,
			      (struct trn_direct_extent){ hole.offset + pad + size,
							  hole.size - pad - size, false });
	if (pad > 0)
		extent_insert(heap, best, (struct trn_direct_extent){ hole.offset, pad, false });
	heap->free_bytes -= size;
	*ret_offset = hole.offset + pad;
	return 0;
}

/* Index of the extent that holds offset, or SIZE_MAX. */
static size_t extent_find(const struct trn_direct_heap *heap, uint64_t offset)
{
	size_t low = 0;
	size_t high = heap->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct trn_direct_extent *extent = &heap->extents[mid];

		if (offset < extent->offset)
			high = mid;
		else if (offset - extent->offset >= extent->size)
			low = mid + 1;
		else
			return mid;
	}
	return SIZE_MAX;
}

static void extent_remove(struct trn_direct_heap *heap, size_t at)
{
	heap->count--;
	memmove(&heap->extents[at], &heap->extents[at + 1],
		(heap->count - at) * sizeof(heap->extents[0]));
}

int trn_direct_heap_free(struct trn_direct_heap *heap, uint64_t offset, uint64_t size)
{
	size_t at = extent_find(heap, offset);
	struct trn_direct_extent *extent = at == SIZE_MAX ? NULL : &heap->extents[at];

	if (!extent || !extent->used || extent->offset != offset || extent->size != size)
		return -EINVAL;
	extent->used = false;
	heap->free_bytes += size;
	if (at + 1 < heap->count && !extent[1].used) {
		extent->size += extent[1].size;
		extent_remove(heap, at + 1);
	}
	if (at > 0 && !extent[-1].used) {
		extent[-1].size += extent->size;
		extent_remove(heap, at);
	}
	return 0;
}

bool trn_direct_heap_holds(const struct trn_direct_heap *heap, uint64_t offset, uint64_t size)
{
	size_t at = extent_find(heap, offset);

	return at != SIZE_MAX && heap->extents[at].used &&
	       trn_range_ok(offset - heap->extents[at].offset, size, heap->extents[at].size);
}
