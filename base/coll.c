/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of collectives: one channel of one rank at a time. */
#include "base/coll.h"

#include <stddef.h>
#include "base/coll_build.h"

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
		trn_coll_move(b, cur, &t, first, b->below[dim + 1], false);
	}
	rs_wait(b, dim, n - 1, member(b, dim, (mine + 1) % n));
	trn_coll_settle(b, member(b, dim, (mine + 1) % n));
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
	trn_coll_move(b, cur, &t, first, b->below[dim], false);
	trn_coll_settle(b, b->c->me);
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

		trn_coll_move(b, &src, &t, first, b->below[dim + 1], false);
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

/* ---- relays: a ring of four ---- */

/* What belongs to the opposite one goes by way of the next, which adds its own. So every link of
 * the ring carries no more than it must, when half of the strands go round the other way. */
enum relay_slot {
	RELAY_SUM = 0, /* the opposite one's and the one's before me, added by that */
	RELAY_OWN = 1,
	RELAY_OTHER = 2, /* the next one's */
	RELAY_PASS = 3,  /* for the next one, from the one before me */
	RELAY_ADD = 4,   /* mine to that */
	RELAY_SLOTS = 5,
};
/* Semaphores of a dimension, behind RS and AG: of what is to be passed on. */
#define RELAY_RS 2u
#define RELAY_AG 3u

/* Steps the way that the opposite's parts go. */
static uint32_t relay_coord(const struct build *b, uint32_t dim, uint32_t steps)
{
	const uint32_t n = b->way->dim[dim].size;
	const bool back = b->way->dim[dim].back != (b->c->strand % 2 != 0);

	return (b->coord[dim] + (back ? n - steps : steps)) % n;
}

static uint32_t relay_rank(const struct build *b, uint32_t dim, uint32_t steps)
{
	return member(b, dim, relay_coord(b, dim, steps));
}

static void relay_wait(struct build *b, uint32_t dim, uint32_t which, uint32_t messages,
		       uint32_t peer)
{
	put_wait(b, b->c->semaphore + b->way->dim[dim].semaphore + which,
		 messages * b->below[dim + 1], peer);
}

static uint32_t relay_first(const struct build *b, uint32_t dim, uint32_t steps)
{
	return block_first(b, dim, relay_coord(b, dim, steps));
}

/* My part of a block to a slot, of a neighbour or here. */
static struct target relay_send(struct build *b, uint32_t dim, const struct source *src,
				uint32_t to, enum relay_slot slot, uint32_t steps)
{
	const uint32_t first = relay_first(b, dim, steps);
	struct target t = to_slot(b, to, dim, slot, first);

	if (slot == RELAY_PASS)
		t.signal = semaphore_of(b->c, to,
					b->c->semaphore + b->way->dim[dim].semaphore + RELAY_RS);
	trn_coll_move(b, src, &t, first, b->below[dim + 1], false);
	return t;
}

static void rs_relay(struct build *b, uint32_t dim, struct source *cur)
{
	const uint32_t next = relay_rank(b, dim, 1), prev = relay_rank(b, dim, 3), me = b->c->me;
	struct source passed = {
		.at = slot_of(b, me, dim, RELAY_PASS, relay_first(b, dim, 1)),
		.sources = 2,
		.pair = true,
		.then = cur->at,
	};

	(void)relay_send(b, dim, cur, next, RELAY_PASS, 2);
	(void)relay_send(b, dim, cur, prev, RELAY_OTHER, 3);
	if (cur->sources > 1)
		passed.then = relay_send(b, dim, cur, me, RELAY_ADD, 1).at;
	(void)relay_send(b, dim, cur, me, RELAY_OWN, 0);
	relay_wait(b, dim, RELAY_RS, 1, prev);
	trn_coll_settle(b, prev);
	(void)relay_send(b, dim, &passed, next, RELAY_SUM, 1);
	rs_wait(b, dim, 2, prev);
	*cur = (struct source){
		.at = slot_of(b, me, dim, RELAY_SUM, relay_first(b, dim, 0)),
		.sources = 3,
		.stride = b->pitch[dim],
	};
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

		trn_coll_move(b, held, &t, first, b->below[dim + 1], last);
	}
	ag_wait(b, dim, n - 1, member(b, dim, (mine + 1) % n));
}

static void ag_ring(struct build *b, uint32_t dim, const struct source *held)
{
	const uint32_t n = b->way->dim[dim].size, next = ring_next(b, dim);
	struct source src = *held;

	for (uint32_t s = 0; s + 1 < n; s++) {
		struct target t = ag_target(b, dim, next);

		trn_coll_move(b, &src, &t, block_first(b, dim, ring_block(b, dim, s)),
			      b->below[dim + 1], false);
		put_fence(b->out, next);
		ag_wait(b, dim, 1, ring_prev(b, dim));
		src = (struct source){ .at = results(b, b->c->me), .sources = 1 };
	}
}

static struct target to_dst(const struct build *b)
{
	return to_here(b, (struct place){ b->c->rank[b->c->me].dst, IN_DST, 0 });
}

static void ag_relay(struct build *b, uint32_t dim, const struct source *held)
{
	const uint32_t next = relay_rank(b, dim, 1), prev = relay_rank(b, dim, 3);
	const uint32_t mine = relay_first(b, dim, 0), theirs = relay_first(b, dim, 3);
	const uint32_t blocks = b->below[dim + 1];
	const struct source passed = { .at = results(b, b->c->me), .sources = 1 };
	struct target t = {
		.at = results(b, next),
		.rank = next,
		.signal = semaphore_of(b->c, next,
				       b->c->semaphore + b->way->dim[dim].semaphore + RELAY_AG),
	};

	trn_coll_move(b, held, &t, mine, blocks, true);
	t = ag_target(b, dim, prev);
	trn_coll_move(b, held, &t, mine, blocks, true);
	relay_wait(b, dim, RELAY_AG, 1, prev);
	t = ag_target(b, dim, next);
	trn_coll_move(b, &passed, &t, theirs, blocks, false);
	if (ag_direct(b, dim)) {
		t = to_dst(b);
		trn_coll_move(b, &passed, &t, theirs, blocks, false);
	}
	ag_wait(b, dim, 2, prev);
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

/* To dst, what did not go there by itself. */
static void copy_out(struct build *b, const struct source *src)
{
	struct target t = to_dst(b);

	if (ag_direct(b, 0))
		trn_coll_move(b, src, &t, block_first(b, 0, b->coord[0]), b->below[1], false);
	else
		trn_coll_move(b, src, &t, 0, b->below[0], false);
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

	trn_coll_move(b, &held, &here, b->me, 1, true);
	if (!fuse) {
		trn_coll_settle(b, b->c->me);
		held = joined;
	}
	for (uint32_t d = dims; d-- > 0;) {
		if (ag_direct(b, d))
			copy_out(b, dims == 1 ? &held : &joined);
		if (b->way->dim[d].relay)
			ag_relay(b, d, &held);
		else if (b->way->dim[d].ring)
			ag_ring(b, d, &held);
		else
			ag_mesh(b, d, &held, true);
		/* What was put here at the beginning is here. */
		if (d > 0 && d == dims - 1)
			trn_coll_settle(b, b->c->me);
		held = joined;
	}
	trn_coll_settle(b, b->c->me);
	if (ag_direct(b, 0))
		return;
	copy_out(b, &joined);
	trn_coll_settle(b, b->c->me);
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
		if (b->way->dim[d].relay)
			rs_relay(b, d, &cur);
		else if (b->way->dim[d].ring)
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

	trn_coll_move(b, &cur, &t, b->me, 1, true);
	trn_coll_settle(b, b->c->me);
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
	trn_coll_move(b, &cur, &t, b->me, 1, true);
	put_fence(b->out, c->root);
	if (c->me == c->root) {
		put_wait(b, c->root_semaphore + 1, c->ranks - 1, b->way->rank_at[b->me ? 0 : 1]);
		if (!c->direct) {
			struct source src = { .at = results(b, c->me), .sources = 1 };
			struct target out = to_dst(b);

			trn_coll_move(b, &src, &out, 0, b->below[0], false);
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

			trn_coll_move(b, &src, &t, p, 1, false);
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

/* From one receiver to the next, so that all are met: far from the one before, or all ranks would
 * send the same way at the same time. */
static uint32_t a2a_stride(uint32_t n)
{
	uint32_t stride = n * 5 / 8 + 1;

	for (;; stride++) {
		uint32_t a = stride, b = n;

		while (b > 0) {
			const uint32_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

static void build_all_to_all(struct build *b)
{
	const struct trn_coll *c = b->c;
	const uint32_t n = c->ranks, stride = a2a_stride(n);
	const uint64_t pitch = trn_align_up(c->room / n, SLOT_ALIGN);

	rs_signals(b, 0);
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t p = (b->me + i * stride) % n, rank = b->way->rank_at[p];
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
		trn_coll_move(b, &src, &t, p, 1, false);
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
		at += (b->way->dim[d].relay ? (uint32_t)RELAY_SLOTS : n) * b->pitch[d];
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

	trn_coll_move(b, &src, &t, 0, 1, false);
	trn_coll_settle(b, b->c->me);
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

	if (c->way->fused) {
		trn_coll_build_fused(c, out);
		return;
	}
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
