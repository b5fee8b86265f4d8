/* SPDX-License-Identifier: Apache-2.0 */
/* A treap needs no balancing code: with priorities that look random its depth is that of a random
 * search tree, some 40 for a million extents. */
#include "base/fit.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

void trn_fit_init(struct trn_fit *fit, uint64_t offset, uint64_t size, uint64_t granule)
{
	*fit = (struct trn_fit){ .offset = offset, .size = size, .granule = granule };
}

static struct trn_fit_extent *extent(const struct trn_fit *fit, uint32_t at)
{
	return &fit->extents[at - 1];
}

/* ---- the tree ---- */

/* Of a place in the array: the same operations give the same tree. */
static uint32_t priority(uint32_t at)
{
	at ^= at >> 16;
	at *= 0x7feb352du;
	at ^= at >> 15;
	at *= 0x846ca68bu;
	return at ^ at >> 16;
}

static uint64_t hole_of(const struct trn_fit *fit, uint32_t at)
{
	return at ? extent(fit, at)->hole : 0;
}

static void update(struct trn_fit *fit, uint32_t at)
{
	struct trn_fit_extent *e = extent(fit, at);

	e->hole = trn_max_u64(hole_of(fit, e->left), hole_of(fit, e->right));
	if (e->asked == 0)
		e->hole = trn_max_u64(e->hole, e->size);
}

/* Everything in a is in front of everything in b. */
static uint32_t join(struct trn_fit *fit, uint32_t a, uint32_t b)
{
	if (!a || !b)
		return a ? a : b;
	if (priority(a) > priority(b)) {
		extent(fit, a)->right = join(fit, extent(fit, a)->right, b);
		update(fit, a);
		return a;
	}
	extent(fit, b)->left = join(fit, a, extent(fit, b)->left);
	update(fit, b);
	return b;
}

/* Extents below offset, and the others. */
static void split(struct trn_fit *fit, uint32_t at, uint64_t offset, uint32_t *ret_low,
		  uint32_t *ret_high)
{
	struct trn_fit_extent *e;

	*ret_low = 0;
	*ret_high = 0;
	if (!at)
		return;
	e = extent(fit, at);
	if (e->offset < offset) {
		split(fit, e->right, offset, &e->right, ret_high);
		*ret_low = at;
	} else {
		split(fit, e->left, offset, ret_low, &e->left);
		*ret_high = at;
	}
	update(fit, at);
}

static void put(struct trn_fit *fit, uint64_t offset, uint64_t size, uint64_t asked)
{
	uint32_t at = fit->spare;
	uint32_t low, high;

	if (at)
		fit->spare = extent(fit, at)->left;
	else
		at = ++fit->top;
	fit->count++;
	*extent(fit, at) =
		(struct trn_fit_extent){ .offset = offset, .size = size, .asked = asked };
	update(fit, at);
	split(fit, fit->root, offset, &low, &high);
	fit->root = join(fit, join(fit, low, at), high);
}

/* Takes the extent that begins at offset out of the tree. */
static void take(struct trn_fit *fit, uint64_t offset)
{
	uint32_t low, at, high;

	split(fit, fit->root, offset, &low, &high);
	split(fit, high, offset + 1, &at, &high);
	fit->root = join(fit, low, high);
	extent(fit, at)->left = fit->spare;
	fit->spare = at;
	fit->count--;
}

/* The extent that holds the byte, or NULL outside the range. */
static const struct trn_fit_extent *find(const struct trn_fit *fit, uint64_t offset)
{
	uint32_t at = fit->root;

	while (at) {
		const struct trn_fit_extent *e = extent(fit, at);

		if (offset < e->offset)
			at = e->left;
		else if (offset - e->offset >= e->size)
			at = e->right;
		else
			return e;
	}
	return NULL;
}

/* ---- room ---- */

/* One allocation splits a hole into three at most. */
uint32_t trn_fit_need(const struct trn_fit *fit)
{
	return fit->room > 0 && fit->count + 2 <= fit->room ? 0 : fit->room * 2 + 16;
}

struct trn_fit_extent *trn_fit_give(struct trn_fit *fit, struct trn_fit_extent *extents,
				    uint32_t room)
{
	struct trn_fit_extent *old = fit->extents;

	if (room <= fit->room)
		return extents;
	if (fit->top > 0)
		memcpy(extents, old, fit->top * sizeof(*extents));
	fit->extents = extents;
	fit->room = room;
	if (fit->count == 0)
		put(fit, fit->offset, fit->size, 0);
	return old;
}

/* ---- allocations ---- */

/* Bytes lost in front of an allocation in this hole, or UINT64_MAX when it does not fit. */
static uint64_t hole_pad(const struct trn_fit_extent *e, uint64_t size, uint64_t align)
{
	uint64_t pad = trn_align_up(e->offset, align) - e->offset;

	if (e->asked || pad > e->size || size > e->size - pad)
		return UINT64_MAX;
	return pad;
}

/* The lowest hole that takes it. Goes back up only where an alignment does not fit a hole that
 * is large enough. */
static const struct trn_fit_extent *lowest(const struct trn_fit *fit, uint32_t at, uint64_t size,
					   uint64_t align)
{
	const struct trn_fit_extent *e, *found;

	if (hole_of(fit, at) < size)
		return NULL;
	e = extent(fit, at);
	found = lowest(fit, e->left, size, align);
	if (found)
		return found;
	if (hole_pad(e, size, align) != UINT64_MAX)
		return e;
	return lowest(fit, e->right, size, align);
}

int trn_fit_alloc(struct trn_fit *fit, uint64_t size, uint64_t align, uint64_t *ret_offset,
		  uint64_t *ret_room)
{
	uint64_t unit = trn_min_u64(align, fit->granule);
	const struct trn_fit_extent *found;
	struct trn_fit_extent hole;
	uint64_t pad, room;

	if (trn_fit_need(fit) > 0)
		return -EAGAIN;
	if (size > fit->size)
		return -ENOMEM;
	room = trn_align_up(size, unit);
	found = lowest(fit, fit->root, room, align);
	if (!found)
		return -ENOMEM;
	hole = *found;
	pad = hole_pad(&hole, room, align);
	take(fit, hole.offset);
	if (pad > 0)
		put(fit, hole.offset, pad, 0);
	put(fit, hole.offset + pad, room, size);
	if (hole.size - pad > room)
		put(fit, hole.offset + pad + room, hole.size - pad - room, 0);
	fit->used += room;
	fit->peak = trn_max_u64(fit->peak, fit->used);
	*ret_offset = hole.offset + pad;
	if (ret_room)
		*ret_room = room;
	return 0;
}

int trn_fit_free(struct trn_fit *fit, uint64_t offset, uint64_t size)
{
	const struct trn_fit_extent *e = find(fit, offset);
	const struct trn_fit_extent *next, *before;
	uint64_t first = offset, end;

	if (!e || e->asked == 0 || e->offset != offset || e->asked != size)
		return -EINVAL;
	end = offset + e->size;
	fit->used -= e->size;
	next = find(fit, end);
	before = offset > fit->offset ? find(fit, offset - 1) : NULL;
	if (next && next->asked == 0)
		end += next->size;
	if (before && before->asked == 0)
		first = before->offset;
	take(fit, offset);
	if (next && next->asked == 0)
		take(fit, next->offset);
	if (first < offset)
		take(fit, first);
	put(fit, first, end - first, 0);
	return 0;
}

uint64_t trn_fit_size(const struct trn_fit *fit, uint64_t offset)
{
	const struct trn_fit_extent *e = find(fit, offset);

	return e && e->offset == offset ? e->asked : 0;
}

bool trn_fit_holds(const struct trn_fit *fit, uint64_t offset, uint64_t size)
{
	const struct trn_fit_extent *e = find(fit, offset);

	return e && e->asked && trn_range_ok(offset - e->offset, size, e->asked);
}

uint64_t trn_fit_largest(const struct trn_fit *fit)
{
	return fit->count > 0 ? hole_of(fit, fit->root) : fit->size;
}
