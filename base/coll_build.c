/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of positions as the fewest operations that move them. */
#include "base/coll_build.h"

static uint64_t source_stride(const struct build *b, const struct source *src, uint32_t position)
{
	if (!src->pair)
		return src->sources > 1 ? src->stride : 0;
	return place_address(b, &src->then, position) - place_address(b, &src->at, position);
}

static void put_move(struct build *b, const struct source *src, const struct target *dst,
		     uint32_t position, uint64_t elements, uint32_t value, bool last)
{
	const struct trn_coll *c = b->c;
	struct trn_ext_sync_op op = {
		.op = TRN_SYNC_COPY,
		.value = dst->signal ? value : 0,
		.peer = dst->rank,
		.dst = reach(c, dst->rank, place_address(b, &dst->at, position)),
		.src = place_address(b, &src->at, position),
		.bytes = elements * c->element,
		.signal = dst->signal,
	};
	bool is_float = c->dtype >= TRN_DTYPE_F32;

	if (src->sources > 1) {
		op.op = TRN_SYNC_REDUCE;
		op.dtype = (uint8_t)c->dtype;
		op.reduce = (uint8_t)c->reduce;
		op.sources = (uint16_t)src->sources;
		op.stride = source_stride(b, src, position);
		op.scale = last && c->average && is_float ? 1.0f / (float)c->ranks : 1.0f;
		op.divisor = last && c->average && !is_float ? c->ranks : 0;
	} else if (op.dst == op.src) { /* in place: nothing to do, and at most a strand to tell */
		if (op.signal)
			put_signal(b->out, op.signal, value, dst->rank);
		return;
	}
	put(b->out, op);
}

/* Does the element after a run lie behind it, in a place? */
static bool goes_on(const struct build *b, const struct place *at, uint32_t first,
		    uint64_t elements, uint32_t next)
{
	return place_address(b, at, first) + elements * b->c->element == place_address(b, at, next);
}

static bool run_goes_on(const struct build *b, const struct source *src, const struct target *dst,
			uint32_t first, uint64_t elements, uint32_t next)
{
	return goes_on(b, &src->at, first, elements, next) &&
	       goes_on(b, &dst->at, first, elements, next) &&
	       (!src->pair || goes_on(b, &src->then, first, elements, next));
}

void trn_coll_move(struct build *b, const struct source *src, const struct target *dst,
		   uint32_t first, uint32_t count, bool last)
{
	uint32_t run = first, told = 0;
	uint64_t elements = 0;

	for (uint32_t p = first; p < first + count; p++) {
		if (b->len[p] > 0 && elements > 0 && !run_goes_on(b, src, dst, run, elements, p)) {
			put_move(b, src, dst, run, elements, p - first - told, last);
			told = p - first;
			elements = 0;
		}
		if (b->len[p] > 0 && elements == 0)
			run = p;
		elements += b->len[p];
	}
	if (elements > 0)
		put_move(b, src, dst, run, elements, count - told, last);
	else if (dst->signal)
		put_signal(b->out, dst->signal, count - told, dst->rank);
	if (dst->signal && dst->rank == b->c->me)
		b->moved += count;
}

void trn_coll_settle(struct build *b, uint32_t peer)
{
	if (b->c->strands == 0)
		put_fence(b->out, peer);
	else if (b->moved > 0)
		put_wait(b, b->c->own_semaphore, b->moved, b->c->me);
	b->moved = 0;
}
