/* SPDX-License-Identifier: Apache-2.0 */
/* All-reduce in few steps, for short vectors: what a step adds it sends on in the same transfer
 * (docs/comm.md, "Few steps"). Dimensions of a way that scatter come first, then those that
 * exchange whole parts; what is added in the last goes back through the first ones. */
#include "base/coll.h"

#include <stddef.h>
#include "base/bits.h"

#define SLOT_ALIGN 64u
#define SETS 4u /* of slots and semaphores: two in turn, direct or not */

/* A stream being built, at one of the part's shares of the vector. */
struct build {
	const struct trn_coll *c;
	const struct trn_coll_way *way;
	struct trn_coll_ops *out;
	uint32_t scatters; /* dimensions */
	uint32_t pieces;
	uint32_t me; /* position */
	uint32_t coord[TRN_COLL_DIMS];
	uint32_t stride[TRN_COLL_DIMS];
	uint32_t below[TRN_COLL_DIMS + 1]; /* pieces of a block behind so many dimensions */
	uint32_t share;                    /* which */
	uint32_t crew;                     /* processors of a share, its own first */
	uint32_t hand;                     /* this one of them */
	uint64_t from, count;              /* its elements of this chunk */
	uint32_t set;
	uint64_t slots[TRN_COLL_DIMS], pitch[TRN_COLL_DIMS];
	uint64_t results;
};

static void put(struct build *b, struct trn_ext_sync_op op)
{
	if (b->out->count < b->out->max)
		b->out->ops[b->out->count] = op;
	b->out->count++;
}

static uint64_t reach(const struct build *b, uint32_t rank, uint64_t address)
{
	const struct trn_coll_rank *r = &b->c->rank[rank];

	return r->chip == b->c->rank[b->c->me].chip ? address : r->mark | address;
}

static uint32_t member(const struct build *b, uint32_t dim, uint32_t coord)
{
	return b->way->rank_at[b->me + (coord - b->coord[dim]) * b->stride[dim]];
}

/* The channel that waits for a share's messages and has its scratch. */
static uint32_t carrier(const struct build *b)
{
	return b->way->channel + b->share * b->crew;
}

/* ---- semaphores ---- */

/* Of a set: one a dimension, then one a dimension of the way back. */
static uint32_t there(const struct build *b, uint32_t dim)
{
	return b->c->semaphore + b->set * b->way->set_semaphores + dim;
}

static uint32_t back(const struct build *b, uint32_t dim)
{
	return there(b, b->way->dims + dim);
}

/* Behind the sets, within a rank: its vector has been read; a crew may go on. */
static uint32_t has_read(const struct build *b)
{
	return b->c->semaphore + SETS * b->way->set_semaphores;
}

static uint32_t crew_semaphore(const struct build *b)
{
	return has_read(b) + 1;
}

/* Members of dim have begun. */
static uint32_t begun(const struct build *b, uint32_t dim)
{
	return has_read(b) + 2 + dim;
}

uint32_t trn_coll_fused_semaphores(uint32_t set_semaphores, uint32_t dims)
{
	return SETS * set_semaphores + 2 + dims;
}

static uint64_t signal_of(const struct build *b, uint32_t rank, uint32_t channel,
			  uint32_t semaphore)
{
	return reach(b, rank, trn_coll_semaphore(b->c->rank[rank].processor + channel, semaphore));
}

static void put_signal(struct build *b, uint64_t signal, uint32_t peer)
{
	put(b, (struct trn_ext_sync_op){
		       .op = TRN_SYNC_SIGNAL, .signal = signal, .value = 1, .peer = peer });
}

static void put_wait(struct build *b, uint32_t semaphore, uint32_t value, uint32_t peer)
{
	put(b, (struct trn_ext_sync_op){ .op = TRN_SYNC_WAIT,
					 .semaphore = (uint16_t)semaphore,
					 .value = value,
					 .peer = peer });
}

static void put_fence(struct build *b)
{
	put(b, (struct trn_ext_sync_op){ .op = TRN_SYNC_FENCE, .peer = b->c->me });
}

/* All messages of a dimension, one's own too. */
static void wait_all(struct build *b, uint32_t dim, uint32_t semaphore, uint32_t messages)
{
	const uint32_t n = b->way->dim[dim].size;

	put_wait(b, semaphore, messages, member(b, dim, (b->coord[dim] + 1) % n));
}

/* ---- places ---- */

static uint64_t scratch_of(const struct build *b, uint32_t rank)
{
	const uint64_t all = TRN_COLL_SCRATCH(b->c->room, b->c->ranks);

	return b->c->scratch[(size_t)rank * b->c->channels + carrier(b)] +
	       b->set * (all / SETS / SLOT_ALIGN * SLOT_ALIGN);
}

static uint64_t slot_of(const struct build *b, uint32_t rank, uint32_t dim, uint32_t slot)
{
	return scratch_of(b, rank) + b->slots[dim] + slot * b->pitch[dim];
}

/* First element of a piece, from the share's first on. */
static uint64_t start(const struct build *b, uint32_t piece)
{
	return trn_coll_share(b->count, piece, b->pieces);
}

/* First piece of the block whose coordinates are mine before dim, and coord in it. */
static uint32_t block_first(const struct build *b, uint32_t dim, uint32_t coord)
{
	uint32_t first = 0;

	for (uint32_t d = 0; d < dim && d < b->scatters; d++)
		first += b->coord[d] * b->below[d + 1];
	return dim < b->scatters ? first + coord * b->below[dim + 1] : first;
}

/* Pieces of it. */
static uint32_t block_size(const struct build *b, uint32_t dim)
{
	return dim < b->scatters ? b->below[dim + 1] : 1;
}

/* ---- moving ---- */

struct source {
	uint64_t base; /* of the block's first element */
	uint32_t sources;
	uint64_t stride;
};

/* Pieces [first, first + count) of what src has from the piece src_first on. */
static void move(struct build *b, const struct source *src, uint32_t src_first, uint32_t first,
		 uint32_t count, uint64_t dst, uint32_t rank, uint64_t signal, bool last)
{
	const struct trn_coll *c = b->c;
	const bool is_float = c->dtype >= TRN_DTYPE_F32;
	const uint64_t from = start(b, first), elements = start(b, first + count) - from;
	struct trn_ext_sync_op op = {
		.op = src->sources > 1 ? TRN_SYNC_REDUCE : TRN_SYNC_COPY,
		.value = signal ? 1 : 0,
		.peer = rank,
		.dst = reach(b, rank, dst),
		.src = src->base + (from - start(b, src_first)) * c->element,
		.bytes = elements * c->element,
		.signal = signal,
	};

	if (elements == 0) {
		if (signal)
			put_signal(b, signal, rank);
		return;
	}
	if (src->sources > 1) {
		op.dtype = (uint8_t)c->dtype;
		op.reduce = (uint8_t)c->reduce;
		op.sources = (uint16_t)src->sources;
		op.stride = src->stride;
		op.scale = last && c->average && is_float ? 1.0f / (float)c->ranks : 1.0f;
		op.divisor = last && c->average && !is_float ? c->ranks : 0;
	}
	put(b, op);
}

static struct source user_source(const struct build *b)
{
	return (struct source){ .base = b->c->rank[b->c->me].src + b->from * b->c->element,
				.sources = 1 };
}

static struct source slots_source(const struct build *b, uint32_t dim)
{
	return (struct source){ .base = slot_of(b, b->c->me, dim, 0),
				.sources = b->way->dim[dim].size,
				.stride = b->pitch[dim] };
}

/* To a member of dim its part of the block, or all of it. */
static void move_there(struct build *b, const struct source *src, uint32_t dim, uint32_t coord)
{
	const uint32_t rank = member(b, dim, coord);

	move(b, src, block_first(b, dim, 0), block_first(b, dim, coord), block_size(b, dim),
	     slot_of(b, rank, dim, b->coord[dim]), rank,
	     signal_of(b, rank, carrier(b), there(b, dim)), false);
}

/* Where the results of a rank go: everything from the share's first element on. */
static uint64_t results_of(const struct build *b, uint32_t rank)
{
	return b->c->direct ? b->c->rank[rank].dst + b->from * b->c->element :
			      scratch_of(b, rank) + b->results;
}

/* ---- steps ---- */

/* The vector itself: all processors of the part share the messages of all its shares. */
static void first_step(struct build *b, uint32_t issuer, uint32_t issuers, uint32_t entry)
{
	const struct source src = user_source(b);
	const uint32_t n = b->way->dim[0].size;

	for (uint32_t i = 0; i < n; i++)
		if ((entry + i) % issuers == issuer)
			move_there(b, &src, 0, (b->coord[0] + 1 + i) % n);
}

/* The share's own processor has waited; the others of its crew send some of what is next, if
 * that is much: telling them takes as long as two messages. */
static bool is_shared(const struct build *b, uint32_t dim)
{
	return b->crew > 1 && b->way->dim[dim].size > TRN_COLL_CREW_LEAST;
}

static bool begin_step(struct build *b, uint32_t dim, uint32_t semaphore, uint32_t messages,
		       uint32_t next)
{
	if (b->hand == 0)
		wait_all(b, dim, semaphore, messages);
	if (!is_shared(b, next))
		return b->hand == 0;
	for (uint32_t i = 1; b->hand == 0 && i < b->crew; i++)
		put_signal(b, signal_of(b, b->c->me, carrier(b) + i, crew_semaphore(b)), b->c->me);
	if (b->hand > 0)
		put_wait(b, crew_semaphore(b), 1, b->c->me);
	return true;
}

/* Is the ith message of a step this processor's? */
static bool is_mine(const struct build *b, uint32_t dim, uint32_t i)
{
	return !is_shared(b, dim) || i % b->crew == b->hand;
}

static void next_steps(struct build *b)
{
	for (uint32_t d = 1; d < b->way->dims; d++) {
		const uint32_t n = b->way->dim[d].size;
		const struct source src = slots_source(b, d - 1);

		if (!begin_step(b, d - 1, there(b, d - 1), b->way->dim[d - 1].size, d))
			continue;
		for (uint32_t i = 1; i <= n; i++)
			if (is_mine(b, d, i))
				move_there(b, &src, d, (b->coord[d] + i) % n);
	}
}

/* What was added in the last step goes straight to those that scattered, and on. */
static void way_back(struct build *b)
{
	const uint32_t dims = b->way->dims;
	struct source src = slots_source(b, dims - 1);
	uint32_t src_first = block_first(b, b->scatters, 0);
	uint32_t before = dims - 1, semaphore = there(b, dims - 1), n = b->way->dim[before].size;

	for (uint32_t d = b->scatters; d-- > 0;) {
		const uint32_t first = block_first(b, d, b->coord[d]), size = block_size(b, d);
		const bool adds = src.sources > 1, sends = begin_step(b, before, semaphore, n, d);

		n = b->way->dim[d].size;
		for (uint32_t i = 1; sends && i < n + adds; i++) {
			const uint32_t rank = member(b, d, (b->coord[d] + i) % n);

			if (is_mine(b, d, i))
				move(b, &src, src_first, first, size,
				     results_of(b, rank) + start(b, first) * b->c->element, rank,
				     signal_of(b, rank, carrier(b), back(b, d)), true);
		}
		before = d;
		semaphore = back(b, d);
		n -= !adds;
		src = (struct source){ .base = results_of(b, b->c->me), .sources = 1 };
		src_first = 0;
	}
	if (b->hand == 0)
		wait_all(b, before, semaphore, n);
}

static void finish(struct build *b)
{
	const uint32_t last = b->way->dims - 1;
	struct source src = slots_source(b, last);
	const uint64_t dst = b->c->rank[b->c->me].dst + b->from * b->c->element;

	if (b->scatters > 0) {
		way_back(b);
		if (b->c->direct)
			return;
		src = (struct source){ .base = results_of(b, b->c->me), .sources = 1 };
	} else if (b->hand == 0) {
		wait_all(b, last, there(b, last), b->way->dim[last].size);
	}
	if (b->hand == 0)
		move(b, &src, 0, 0, b->pieces, dst, b->c->me, 0, true);
}

/* ---- a chunk ---- */

static uint64_t most_of(const struct build *b, uint32_t pieces)
{
	return trn_align_up(((b->count * pieces + b->pieces - 1) / b->pieces) * b->c->element,
			    SLOT_ALIGN);
}

static void lay(struct build *b, uint32_t share, uint64_t chunk, uint64_t chunks)
{
	const struct trn_coll_way *way = b->way;
	const uint64_t all = way->part_to - way->part_from;
	const uint64_t lo = trn_coll_share(b->c->count, way->part_from + all * share / way->shares,
					   b->c->parts);
	const uint64_t hi = trn_coll_share(
		b->c->count, way->part_from + all * (share + 1) / way->shares, b->c->parts);
	uint64_t at = 0;

	b->share = share;
	b->from = lo + trn_coll_share(hi - lo, chunk, chunks);
	b->count = lo + trn_coll_share(hi - lo, chunk + 1, chunks) - b->from;
	b->set = (uint32_t)(b->c->direct ? (b->c->set + chunk) % 2 : 2 + chunk % 2);
	for (uint32_t d = 0; d < way->dims; d++) {
		b->pitch[d] = most_of(b, block_size(b, d));
		b->slots[d] = at;
		at += way->dim[d].size * b->pitch[d];
	}
	b->results = at;
}

uint64_t trn_coll_fused_chunks(const struct trn_coll *c)
{
	const struct trn_coll_way *way = c->way;
	const uint64_t all = way->part_to - way->part_from;
	uint64_t most = 0, slots = c->direct ? 0 : 1, piece = 1;

	for (uint32_t i = 0; i < way->shares; i++)
		most = trn_max_u64(
			most,
			trn_coll_share(c->count, way->part_from + all * (i + 1) / way->shares,
				       c->parts) -
				trn_coll_share(c->count, way->part_from + all * i / way->shares,
					       c->parts));
	/* Slots of a dimension are as much as was there before it, or so often as it exchanges. */
	for (uint32_t d = 0; d < way->dims; d++) {
		slots += way->dim[d].whole ? (way->dim[d].size + piece - 1) / piece : 1;
		piece *= way->dim[d].whole ? 1 : way->dim[d].size;
	}
	return trn_max_u64((most * c->element * slots + c->room - 1) / c->room, 1);
}

static void say_begun(struct build *b)
{
	for (uint32_t d = 0; d < b->way->dims; d++) {
		const uint32_t n = b->way->dim[d].size;

		for (uint32_t i = 1; i < n; i++) {
			const uint32_t rank = member(b, d, (b->coord[d] + i) % n);

			put_signal(b, signal_of(b, rank, b->c->channel, begun(b, d)), rank);
		}
	}
	for (uint32_t d = 0; d < b->way->dims; d++)
		wait_all(b, d, begun(b, d), b->way->dim[d].size - 1);
}

static void build_init(struct build *b, const struct trn_coll *c, struct trn_coll_ops *out)
{
	uint32_t stride = 1;

	*b = (struct build){ .c = c, .way = c->way, .out = out, .pieces = 1 };
	b->me = c->way->position[c->me];
	for (uint32_t d = c->way->dims; d-- > 0;) {
		b->stride[d] = stride;
		b->coord[d] = b->me / stride % c->way->dim[d].size;
		stride *= c->way->dim[d].size;
		b->below[d + 1] = b->pieces;
		if (c->way->dim[d].whole)
			continue;
		b->scatters++;
		b->pieces *= c->way->dim[d].size;
	}
	b->below[0] = b->pieces;
}

/* In place, and nobody tells a rank that its vector has been read before it writes there. */
static bool is_read_back(const struct build *b)
{
	const struct trn_coll_rank *me = &b->c->rank[b->c->me];

	return b->scatters == 0 && me->src == me->dst;
}

/* To the processors that will write. */
static void say_read(struct build *b, uint32_t issuer)
{
	put_fence(b);
	for (uint32_t i = 0; i < b->way->shares; i++) {
		b->share = i;
		if (carrier(b) != b->way->channel + issuer)
			put_signal(b, signal_of(b, b->c->me, carrier(b), has_read(b)), b->c->me);
	}
}

/* One chunk: each processor of the part has some messages of the first step, whosever share. */
static void build_one(struct build *b, uint32_t issuer)
{
	const struct trn_coll_way *way = b->way;
	const bool reads = is_read_back(b);

	b->crew = way->channels / way->shares;
	for (uint32_t i = 0; i < way->shares; i++) {
		lay(b, i, 0, 1);
		first_step(b, issuer, way->channels, i * way->dim[0].size);
	}
	if (reads)
		say_read(b, issuer);
	if (issuer / b->crew >= way->shares)
		return;
	b->hand = issuer % b->crew;
	lay(b, issuer / b->crew, 0, 1);
	next_steps(b);
	if (reads && b->hand == 0 && way->channels > 1)
		put_wait(b, has_read(b), way->channels - 1, b->c->me);
	finish(b);
}

static void build_many(struct build *b, uint32_t share, uint64_t chunks)
{
	b->crew = 1;
	for (uint64_t i = 0; i < chunks; i++) {
		lay(b, share, i, chunks);
		first_step(b, 0, 1, 0);
		next_steps(b);
		if (is_read_back(b))
			put_fence(b);
		finish(b);
		put_fence(b);
	}
}

void trn_coll_build_fused(const struct trn_coll *c, struct trn_coll_ops *out)
{
	const uint32_t issuer = c->channel - c->way->channel;
	struct build b;

	build_init(&b, c, out);
	if (!c->direct)
		say_begun(&b);
	if (c->chunks == 1)
		build_one(&b, issuer);
	else if (issuer < c->way->shares)
		build_many(&b, issuer, c->chunks);
	put(&b, (struct trn_ext_sync_op){ .op = TRN_SYNC_END });
}
