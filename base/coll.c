/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of collectives: one channel of one rank at a time. */
#include "base/coll.h"

#include <stddef.h>
#include "base/bits.h"

#define SLOT_ALIGN 64u

/* A stream being built. Numbers by position: elements. */
struct build {
	const struct trn_coll *c;
	const struct trn_coll_way *way;
	struct trn_coll_ops *out;
	uint32_t me;    /* position */
	uint64_t *from; /* in src */
	uint64_t *to;   /* in dst */
	uint64_t *len;
	uint64_t *sum; /* of the lengths before; one more than positions */
	uint32_t coord[TRN_COLL_DIMS];
	uint32_t below[TRN_COLL_DIMS + 1]; /* positions that share the coordinates up to a dim */
	uint64_t slots[TRN_COLL_DIMS];     /* where a dim's slots begin, in scratch */
	uint64_t pitch[TRN_COLL_DIMS];
	uint64_t own[TRN_COLL_DIMS]; /* what a ring adds: in scratch */
	uint32_t moved;              /* here and not waited for: a strand's */
};

/* Where the elements of a block are. */
enum layout {
	PACKED, /* one position behind the other, from the position first on */
	IN_SRC,
	IN_DST,
};
struct place {
	uint64_t base;
	enum layout layout;
	uint32_t first;
};
/* A block that has to be joined on the way: sources of one stride, or two places. */
struct source {
	struct place at;
	uint32_t sources;
	uint64_t stride;
	bool pair; /* at, then then */
	struct place then;
};
struct target {
	struct place at;
	uint32_t rank;
	uint64_t signal; /* 0: none */
};

static void put(struct trn_coll_ops *out, struct trn_ext_sync_op op)
{
	if (out->count < out->max)
		out->ops[out->count] = op;
	out->count++;
}

/* An address of a rank's chip as this one writes it. */
static uint64_t reach(const struct trn_coll *c, uint32_t rank, uint64_t address)
{
	const struct trn_coll_rank *r = &c->rank[rank];

	return r->chip == c->rank[c->me].chip ? address : r->mark | address;
}

static uint64_t semaphore_of(const struct trn_coll *c, uint32_t rank, uint32_t semaphore)
{
	return reach(c, rank, trn_coll_semaphore(c->rank[rank].processor + c->channel, semaphore));
}

static void put_wait(struct build *b, uint32_t semaphore, uint32_t value, uint32_t peer)
{
	put(b->out, (struct trn_ext_sync_op){ .op = TRN_SYNC_WAIT,
					      .semaphore = (uint16_t)semaphore,
					      .value = value,
					      .peer = peer });
}

static void put_signal(struct trn_coll_ops *out, uint64_t signal, uint32_t value, uint32_t peer)
{
	put(out, (struct trn_ext_sync_op){
			 .op = TRN_SYNC_SIGNAL, .signal = signal, .value = value, .peer = peer });
}

static void put_fence(struct trn_coll_ops *out, uint32_t peer)
{
	put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_FENCE, .peer = peer });
}

/* ---- places ---- */

static uint64_t place_address(const struct build *b, const struct place *at, uint32_t position)
{
	uint64_t offset = 0;

	if (at->layout == PACKED)
		offset = b->sum[position] - b->sum[at->first];
	else
		offset = at->layout == IN_SRC ? b->from[position] : b->to[position];
	return at->base + offset * b->c->element;
}

static uint64_t scratch_of(const struct build *b, uint32_t rank)
{
	return b->c->scratch[(size_t)rank * b->c->channels + b->c->channel];
}

static struct source user_source(const struct build *b)
{
	return (struct source){ .at = { b->c->rank[b->c->me].src, IN_SRC, 0 }, .sources = 1 };
}

/* Half of the results, or of what is behind them. */
static uint64_t strand_part(const struct build *b, bool behind)
{
	const uint64_t results = TRN_COLL_RESULTS(b->c->room, b->c->ranks);
	const uint64_t all = TRN_COLL_SCRATCH(b->c->room, b->c->ranks);

	return (behind ? all - results : results) / 2 / SLOT_ALIGN * SLOT_ALIGN;
}

/* Results of a chunk in scratch: every position has its place. */
static struct place results(const struct build *b, uint32_t rank)
{
	return (struct place){ scratch_of(b, rank) + b->c->strand * strand_part(b, false), PACKED,
			       0 };
}

static struct place slot_of(const struct build *b, uint32_t rank, uint32_t dim, uint32_t slot,
			    uint32_t first)
{
	return (struct place){ scratch_of(b, rank) + b->slots[dim] + slot * b->pitch[dim], PACKED,
			       first };
}

static uint32_t block_first(const struct build *b, uint32_t dim, uint32_t coord)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < dim; i++)
		first += b->coord[i] * b->below[i + 1];
	return first + coord * b->below[dim + 1];
}

/* Who has this coordinate and else mine. */
static uint32_t member(const struct build *b, uint32_t dim, uint32_t coord)
{
	return b->way->rank_at[b->me + (coord - b->coord[dim]) * b->below[dim + 1]];
}

/* ---- moving blocks ---- */

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

/* The block [first, first + count) of positions; its signal counts positions. last: the sum is
 * complete, an average is taken. */
static void move(struct build *b, const struct source *src, const struct target *dst,
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

/* What this rank moved within its chip is there. */
static void settle(struct build *b, uint32_t peer)
{
	if (b->c->strands == 0)
		put_fence(b->out, peer);
	else if (b->moved > 0)
		put_wait(b, b->c->own_semaphore, b->moved, b->c->me);
	b->moved = 0;
}

static uint64_t own_signal(const struct build *b)
{
	return b->c->strands ? semaphore_of(b->c, b->c->me, b->c->own_semaphore) : 0;
}

static struct target to_slot(const struct build *b, uint32_t rank, uint32_t dim, uint32_t slot,
			     uint32_t first)
{
	struct target t = { .at = slot_of(b, rank, dim, slot, first), .rank = rank };

	t.signal = own_signal(b);
	if (rank != b->c->me)
		t.signal = semaphore_of(b->c, rank, b->c->semaphore + b->way->dim[dim].semaphore);
	return t;
}

static struct target to_here(const struct build *b, struct place at)
{
	return (struct target){ .at = at, .rank = b->c->me, .signal = own_signal(b) };
}

/* ---- RS ---- */

static void rs_wait(struct build *b, uint32_t dim, uint32_t messages, uint32_t peer)
{
	put_wait(b, b->c->semaphore + b->way->dim[dim].semaphore, messages * b->below[dim + 1],
		 peer);
}

static void rs_mesh(struct build *b, uint32_t dim, struct source *cur)
{
	const uint32_t n = b->way->dim[dim].size, mine = b->coord[dim];
	uint32_t first, x;

	/* From the next one on: not everybody to the first. */
	for (uint32_t i = 1; i <= n; i++) {
		struct target t;

		x = (mine + i) % n;
		first = block_first(b, dim, x);
		t = to_slot(b, member(b, dim, x), dim, mine, first);
		move(b, cur, &t, first, b->below[dim + 1], false);
	}
	rs_wait(b, dim, n - 1, member(b, dim, (mine + 1) % n));
	settle(b, member(b, dim, (mine + 1) % n));
	first = block_first(b, dim, mine);
	*cur = (struct source){
		.at = slot_of(b, b->c->me, dim, 0, first),
		.sources = n,
		.stride = b->pitch[dim],
	};
}

static uint32_t ring_block(const struct build *b, uint32_t dim, uint32_t steps)
{
	const uint32_t n = b->way->dim[dim].size;

	steps %= n;
	return (b->coord[dim] + (b->way->dim[dim].back ? steps : n - steps)) % n;
}

static uint32_t ring_next(const struct build *b, uint32_t dim)
{
	const uint32_t n = b->way->dim[dim].size;

	return member(b, dim, (b->coord[dim] + (b->way->dim[dim].back ? n - 1 : 1)) % n);
}

static uint32_t ring_prev(const struct build *b, uint32_t dim)
{
	const uint32_t n = b->way->dim[dim].size;

	return member(b, dim, (b->coord[dim] + (b->way->dim[dim].back ? 1 : n - 1)) % n);
}

/* What a ring adds must be one number: joined first when it is not. */
static void ring_own(struct build *b, uint32_t dim, struct source *cur)
{
	const uint32_t first = block_first(b, dim, 0);
	struct target t =
		to_here(b, (struct place){ scratch_of(b, b->c->me) + b->own[dim], PACKED, first });

	if (cur->sources == 1)
		return;
	move(b, cur, &t, first, b->below[dim], false);
	settle(b, b->c->me);
	*cur = (struct source){ .at = t.at, .sources = 1 };
}

static void rs_ring(struct build *b, uint32_t dim, struct source *cur)
{
	const uint32_t n = b->way->dim[dim].size, next = ring_next(b, dim);
	const uint32_t prev = ring_prev(b, dim);
	struct source src;

	ring_own(b, dim, cur);
	src = *cur;
	for (uint32_t s = 0; s + 1 < n; s++) {
		uint32_t first = block_first(b, dim, ring_block(b, dim, s + 1));
		struct target t = to_slot(b, next, dim, s, first);

		move(b, &src, &t, first, b->below[dim + 1], false);
		/* Messages do not overtake each other. */
		put_fence(b->out, next);
		rs_wait(b, dim, 1, prev);
		src = (struct source){
			.at = slot_of(b, b->c->me, dim, s,
				      block_first(b, dim, ring_block(b, dim, s + 2))),
			.sources = 2,
			.pair = true,
			.then = cur->at,
		};
	}
	*cur = src;
}

static void rs_signals(struct build *b, uint32_t dim)
{
	const uint32_t n = b->way->dim[dim].size, mine = b->coord[dim];

	for (uint32_t i = 1; i < n; i++) {
		uint32_t rank = member(b, dim, (mine + i) % n);

		put_signal(b->out,
			   semaphore_of(b->c, rank, b->c->semaphore + b->way->dim[dim].semaphore),
			   b->below[dim + 1], rank);
	}
	rs_wait(b, dim, n - 1, member(b, dim, (mine + 1) % n));
}

/* ---- AG ---- */

static uint32_t ag_semaphore(const struct build *b, uint32_t dim)
{
	return b->c->semaphore + b->way->dim[dim].semaphore + 1;
}

static void ag_wait(struct build *b, uint32_t dim, uint32_t messages, uint32_t peer)
{
	put_wait(b, ag_semaphore(b, dim), messages * b->below[dim + 1], peer);
}

/* Straight into dst: the last dimension on the way back, when everybody's dst is known. A ring
 * passes on what it got, from scratch. */
static bool ag_direct(const struct build *b, uint32_t dim)
{
	return dim == 0 && b->c->direct && !b->way->dim[0].ring;
}

static struct target ag_target(const struct build *b, uint32_t dim, uint32_t rank)
{
	struct target t = { .at = results(b, rank), .rank = rank };

	if (ag_direct(b, dim))
		t.at = (struct place){ b->c->rank[rank].dst, IN_DST, 0 };
	t.signal = semaphore_of(b->c, rank, ag_semaphore(b, dim));
	return t;
}

static void ag_mesh(struct build *b, uint32_t dim, const struct source *held, bool last)
{
	const uint32_t n = b->way->dim[dim].size, mine = b->coord[dim];
	const uint32_t first = block_first(b, dim, mine);

	for (uint32_t i = 1; i < n; i++) {
		struct target t = ag_target(b, dim, member(b, dim, (mine + i) % n));

		move(b, held, &t, first, b->below[dim + 1], last);
	}
	ag_wait(b, dim, n - 1, member(b, dim, (mine + 1) % n));
}

static void ag_ring(struct build *b, uint32_t dim, const struct source *held)
{
	const uint32_t n = b->way->dim[dim].size, next = ring_next(b, dim);
	struct source src = *held;

	for (uint32_t s = 0; s + 1 < n; s++) {
		struct target t = ag_target(b, dim, next);

		move(b, &src, &t, block_first(b, dim, ring_block(b, dim, s)), b->below[dim + 1],
		     false);
		put_fence(b->out, next);
		ag_wait(b, dim, 1, ring_prev(b, dim));
		src = (struct source){ .at = results(b, b->c->me), .sources = 1 };
	}
}

static void ag_signals(struct build *b, uint32_t dim)
{
	const uint32_t n = b->way->dim[dim].size, mine = b->coord[dim];

	for (uint32_t i = 1; i < n; i++) {
		uint32_t rank = member(b, dim, (mine + i) % n);

		put_signal(b->out, semaphore_of(b->c, rank, ag_semaphore(b, dim)),
			   b->below[dim + 1], rank);
	}
	ag_wait(b, dim, n - 1, member(b, dim, (mine + 1) % n));
}

static struct target to_dst(const struct build *b)
{
	return to_here(b, (struct place){ b->c->rank[b->c->me].dst, IN_DST, 0 });
}

/* To dst, what did not go there by itself. */
static void copy_out(struct build *b, const struct source *src)
{
	struct target t = to_dst(b);

	if (ag_direct(b, 0))
		move(b, src, &t, block_first(b, 0, b->coord[0]), b->below[1], false);
	else
		move(b, src, &t, 0, b->below[0], false);
}

/* held: this rank's piece, maybe still in parts. */
static void ag_all(struct build *b, struct source held)
{
	const uint32_t dims = b->way->dims;
	const struct source joined = { .at = results(b, b->c->me), .sources = 1 };
	const struct target here = to_here(b, joined.at);
	/* Joining again for the one other member is sooner than joining first. */
	const bool fuse = held.sources == 1 || (dims >= 2 && b->way->dim[dims - 1].size == 2 &&
						!b->way->dim[dims - 1].ring);

	move(b, &held, &here, b->me, 1, true);
	if (!fuse) {
		settle(b, b->c->me);
		held = joined;
	}
	for (uint32_t d = dims; d-- > 0;) {
		if (ag_direct(b, d))
			copy_out(b, dims == 1 ? &held : &joined);
		if (b->way->dim[d].ring)
			ag_ring(b, d, &held);
		else
			ag_mesh(b, d, &held, true);
		/* What was put here at the beginning is here. */
		if (d > 0 && d == dims - 1)
			settle(b, b->c->me);
		held = joined;
	}
	settle(b, b->c->me);
	if (ag_direct(b, 0))
		return;
	copy_out(b, &joined);
	settle(b, b->c->me);
}

/* ---- kinds ---- */

static void signals_back(struct build *b)
{
	for (uint32_t d = b->way->dims; d-- > 0;)
		ag_signals(b, d);
}

static struct source rs_all(struct build *b)
{
	struct source cur = user_source(b);

	for (uint32_t d = 0; d < b->way->dims; d++) {
		if (b->way->dim[d].ring)
			rs_ring(b, d, &cur);
		else
			rs_mesh(b, d, &cur);
	}
	return cur;
}

static void build_all_reduce(struct build *b)
{
	ag_all(b, rs_all(b));
}

static void build_reduce_scatter(struct build *b)
{
	struct source cur = rs_all(b);
	struct target t = to_dst(b);

	move(b, &cur, &t, b->me, 1, true);
	settle(b, b->c->me);
	signals_back(b);
}

/* Pieces go from their owners to the root. */
static void build_reduce(struct build *b)
{
	const struct trn_coll *c = b->c;
	struct source cur = rs_all(b);
	struct target t = { .at = results(b, c->root), .rank = c->root };

	if (c->direct)
		t.at = (struct place){ c->rank[c->root].dst, IN_DST, 0 };
	if (c->me != c->root)
		t.signal = semaphore_of(c, c->root, c->root_semaphore + 1);
	move(b, &cur, &t, b->me, 1, true);
	put_fence(b->out, c->root);
	if (c->me == c->root) {
		put_wait(b, c->root_semaphore + 1, c->ranks - 1, b->way->rank_at[b->me ? 0 : 1]);
		if (!c->direct) {
			struct source src = { .at = results(b, c->me), .sources = 1 };
			struct target out = to_dst(b);

			move(b, &src, &out, 0, b->below[0], false);
			put_fence(b->out, c->me);
		}
	}
	signals_back(b);
}

static void build_broadcast(struct build *b)
{
	const struct trn_coll *c = b->c;
	struct source src = user_source(b);

	if (c->me != c->root) {
		put_signal(b->out, semaphore_of(c, c->root, c->root_semaphore), 1, c->root);
		put_wait(b, c->root_semaphore + 1, 1, c->root);
		src = (struct source){ .at = results(b, c->me), .sources = 1 };
	} else {
		put_wait(b, c->root_semaphore, c->ranks - 1, b->way->rank_at[b->me ? 0 : 1]);
		for (uint32_t i = 1; i < c->ranks; i++) {
			uint32_t p = (b->me + i) % c->ranks, rank = b->way->rank_at[p];
			struct target t = {
				.at = results(b, rank),
				.rank = rank,
				.signal = semaphore_of(c, rank, c->root_semaphore + 1),
			};

			move(b, &src, &t, p, 1, false);
		}
	}
	ag_all(b, src);
}

static void build_all_gather(struct build *b)
{
	for (uint32_t d = 0; d < b->way->dims; d++)
		rs_signals(b, d);
	ag_all(b, user_source(b));
}

/* from: to whom; to: from whom; sum is not used. */
static void a2a_copy_out(struct build *b, uint64_t pitch)
{
	const struct trn_coll *c = b->c;

	for (uint32_t p = 0; p < c->ranks; p++) {
		uint32_t rank = b->way->rank_at[p];
		uint64_t lo, hi, count = c->from_counts ? c->from_counts[rank] : c->count;

		if (rank == c->me)
			continue;
		lo = trn_coll_share(count, c->part_from, c->parts);
		hi = trn_coll_share(count, c->part_to, c->parts);
		if (hi == lo)
			continue;
		put(b->out,
		    (struct trn_ext_sync_op){
			    .op = TRN_SYNC_COPY,
			    .peer = rank,
			    .dst = c->rank[c->me].dst +
				   ((c->from_offsets ? c->from_offsets[rank] : rank * c->count) +
				    lo) * c->element,
			    .src = scratch_of(b, c->me) + p * pitch,
			    .bytes = (hi - lo) * c->element,
		    });
	}
	put_fence(b->out, c->me);
}

static void build_all_to_all(struct build *b)
{
	const struct trn_coll *c = b->c;
	const uint32_t n = c->ranks;
	const uint64_t pitch = trn_align_up(c->room / n, SLOT_ALIGN);

	rs_signals(b, 0);
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t p = (b->me + i) % n, rank = b->way->rank_at[p];
		struct source src = user_source(b);
		struct target t = { .at = { scratch_of(b, rank) + b->me * pitch, PACKED, p },
				    .rank = rank };

		if (c->direct || rank == c->me)
			t.at = (struct place){ c->rank[rank].dst +
						       (c->there[rank] +
							trn_coll_share(c->counts ? c->counts[rank] :
										   c->count,
								       c->part_from, c->parts)) *
							       c->element,
					       PACKED, p };
		if (rank != c->me)
			t.signal = semaphore_of(c, rank, ag_semaphore(b, 0));
		move(b, &src, &t, p, 1, false);
	}
	ag_wait(b, 0, n - 1, b->way->rank_at[(b->me + 1) % n]);
	put_fence(b->out, c->me);
	if (!c->direct)
		a2a_copy_out(b, pitch);
}

static void build_barrier(struct build *b)
{
	for (uint32_t d = 0; d < b->way->dims; d++)
		rs_signals(b, d);
	signals_back(b);
}

/* ---- a channel ---- */

static void lay_vector(struct build *b, uint64_t chunk, uint64_t chunks)
{
	const uint32_t n = b->c->ranks;
	uint64_t lo, hi;

	trn_coll_chunk(b->c, b->c->count, chunk, chunks, &lo, &hi);
	for (uint32_t p = 0; p < n; p++) {
		b->from[p] = b->to[p] = lo + trn_coll_share(hi - lo, p, n);
		b->len[p] = lo + trn_coll_share(hi - lo, p + 1, n) - b->from[p];
	}
}

/* One piece of a rank: the vectors of the others lie around it. */
static void lay_piece(struct build *b, uint32_t p, uint64_t chunk, uint64_t chunks)
{
	const struct trn_coll *c = b->c;
	const uint32_t rank = b->way->rank_at[p];
	const uint64_t count = c->counts ? c->counts[rank] : c->count;
	const uint64_t offset = c->offsets ? c->offsets[rank] : rank * c->count;
	uint64_t lo, hi;

	trn_coll_chunk(c, count, chunk, chunks, &lo, &hi);
	b->len[p] = hi - lo;
	b->from[p] = b->to[p] = offset + lo;
	if (c->kind == TRN_COMM_ALL_GATHER)
		b->from[p] = lo;
	else if (c->kind == TRN_COMM_REDUCE_SCATTER)
		b->to[p] = lo;
	else if (c->from_offsets)
		b->to[p] = c->from_offsets[rank] + lo;
}

/* Slots of every dimension, for the blocks that the members of my group have there. */
static void lay_slots(struct build *b)
{
	uint64_t at, most;

	/* Always the same place: results of one operation stay while slots of the next fill. */
	at = trn_align_up(TRN_COLL_RESULTS(b->c->room, b->c->ranks), SLOT_ALIGN) +
	     b->c->strand * strand_part(b, true);
	for (uint32_t d = 0; d < b->way->dims; d++) {
		const uint32_t n = b->way->dim[d].size, size = b->below[d + 1];

		most = 0;
		for (uint32_t x = 0; x < n; x++) {
			uint32_t first = block_first(b, d, x);

			most = trn_max_u64(most, b->sum[first + size] - b->sum[first]);
		}
		b->pitch[d] = trn_align_up(most * b->c->element, SLOT_ALIGN);
		b->slots[d] = at;
		at += n * b->pitch[d];
		b->own[d] = at;
		if (b->way->dim[d].ring && d > 0)
			at += n * b->pitch[d];
	}
}

static void lay_chunk(struct build *b, uint64_t chunk, uint64_t chunks)
{
	const uint32_t n = b->c->ranks;

	if (trn_coll_one_vector(b->c->kind))
		lay_vector(b, chunk, chunks);
	else
		for (uint32_t p = 0; p < n; p++)
			lay_piece(b, p, chunk, chunks);
	b->sum[0] = 0;
	for (uint32_t p = 0; p < n; p++)
		b->sum[p + 1] = b->sum[p] + b->len[p];
	lay_slots(b);
}

static void build_init(struct build *b, const struct trn_coll *c, struct trn_coll_ops *out)
{
	uint32_t below = 1;

	*b = (struct build){ .c = c, .way = c->way, .out = out };
	b->from = c->work;
	b->to = b->from + c->ranks;
	b->len = b->to + c->ranks;
	b->sum = b->len + c->ranks;
	b->me = b->way->position[c->me];
	for (uint32_t d = b->way->dims; d-- > 0;) {
		b->below[d + 1] = below;
		b->coord[d] = b->me / below % b->way->dim[d].size;
		below *= b->way->dim[d].size;
	}
	b->below[0] = below;
}

static void build_alone(struct build *b)
{
	struct source src = user_source(b);
	struct target t = to_dst(b);

	move(b, &src, &t, 0, 1, false);
	settle(b, b->c->me);
}

void trn_coll_build(const struct trn_coll *c, struct trn_coll_ops *out)
{
	static void (*const kinds[])(struct build *) = {
		[TRN_COMM_ALL_REDUCE] = build_all_reduce,
		[TRN_COMM_REDUCE_SCATTER] = build_reduce_scatter,
		[TRN_COMM_ALL_GATHER] = build_all_gather,
		[TRN_COMM_ALL_TO_ALL] = build_all_to_all,
		[TRN_COMM_BROADCAST] = build_broadcast,
		[TRN_COMM_REDUCE] = build_reduce,
		[TRN_COMM_BARRIER] = build_barrier,
	};
	const uint64_t chunks = trn_coll_chunks(c);
	struct build b;

	build_init(&b, c, out);
	for (uint64_t i = 0; i < chunks; i++) {
		lay_chunk(&b, i, chunks);
		if (c->ranks > 1)
			kinds[c->kind](&b);
		else if (c->kind != TRN_COMM_BARRIER)
			build_alone(&b);
	}
	put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_END });
}
