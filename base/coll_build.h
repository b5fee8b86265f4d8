/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of a channel being built: where blocks are, and moving them. For coll.c. */
#ifndef BASE_COLL_BUILD_H
#define BASE_COLL_BUILD_H

#include "base/bits.h"
#include "base/coll.h"

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

static inline void put(struct trn_coll_ops *out, struct trn_ext_sync_op op)
{
	if (out->count < out->max)
		out->ops[out->count] = op;
	out->count++;
}

/* An address of a rank's chip as this one writes it. */
static inline uint64_t reach(const struct trn_coll *c, uint32_t rank, uint64_t address)
{
	const struct trn_coll_rank *r = &c->rank[rank];

	return r->chip == c->rank[c->me].chip ? address : r->mark | address;
}

static inline uint64_t semaphore_of(const struct trn_coll *c, uint32_t rank, uint32_t semaphore)
{
	return reach(c, rank, trn_coll_semaphore(c->rank[rank].processor + c->channel, semaphore));
}

static inline void put_wait(struct build *b, uint32_t semaphore, uint32_t value, uint32_t peer)
{
	put(b->out, (struct trn_ext_sync_op){ .op = TRN_SYNC_WAIT,
					      .semaphore = (uint16_t)semaphore,
					      .value = value,
					      .peer = peer });
}

static inline void put_signal(struct trn_coll_ops *out, uint64_t signal, uint32_t value,
			      uint32_t peer)
{
	put(out, (struct trn_ext_sync_op){
			 .op = TRN_SYNC_SIGNAL, .signal = signal, .value = value, .peer = peer });
}

static inline void put_fence(struct trn_coll_ops *out, uint32_t peer)
{
	put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_FENCE, .peer = peer });
}

/* ---- places ---- */

static inline uint64_t place_address(const struct build *b, const struct place *at,
				     uint32_t position)
{
	uint64_t offset = 0;

	if (at->layout == PACKED)
		offset = b->sum[position] - b->sum[at->first];
	else
		offset = at->layout == IN_SRC ? b->from[position] : b->to[position];
	return at->base + offset * b->c->element;
}

static inline uint64_t scratch_of(const struct build *b, uint32_t rank)
{
	return b->c->scratch[(size_t)rank * b->c->channels + b->c->channel];
}

static inline struct source user_source(const struct build *b)
{
	return (struct source){ .at = { b->c->rank[b->c->me].src, IN_SRC, 0 }, .sources = 1 };
}

/* Half of the results, or of what is behind them. */
static inline uint64_t strand_part(const struct build *b, bool behind)
{
	const uint64_t results = TRN_COLL_RESULTS(b->c->room, b->c->ranks);
	const uint64_t all = TRN_COLL_SCRATCH(b->c->room, b->c->ranks);

	return (behind ? all - results : results) / 2 / SLOT_ALIGN * SLOT_ALIGN;
}

/* Results of a chunk in scratch: every position has its place. */
static inline struct place results(const struct build *b, uint32_t rank)
{
	return (struct place){ scratch_of(b, rank) + b->c->strand * strand_part(b, false), PACKED,
			       0 };
}

static inline struct place slot_of(const struct build *b, uint32_t rank, uint32_t dim,
				   uint32_t slot, uint32_t first)
{
	return (struct place){ scratch_of(b, rank) + b->slots[dim] + slot * b->pitch[dim], PACKED,
			       first };
}

static inline uint32_t block_first(const struct build *b, uint32_t dim, uint32_t coord)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < dim; i++)
		first += b->coord[i] * b->below[i + 1];
	return first + coord * b->below[dim + 1];
}

/* Who has this coordinate and else mine. */
static inline uint32_t member(const struct build *b, uint32_t dim, uint32_t coord)
{
	return b->way->rank_at[b->me + (coord - b->coord[dim]) * b->below[dim + 1]];
}

static inline uint64_t own_signal(const struct build *b)
{
	return b->c->strands ? semaphore_of(b->c, b->c->me, b->c->own_semaphore) : 0;
}

static inline struct target to_slot(const struct build *b, uint32_t rank, uint32_t dim,
				    uint32_t slot, uint32_t first)
{
	struct target t = { .at = slot_of(b, rank, dim, slot, first), .rank = rank };

	t.signal = own_signal(b);
	if (rank != b->c->me)
		t.signal = semaphore_of(b->c, rank, b->c->semaphore + b->way->dim[dim].semaphore);
	return t;
}

static inline struct target to_here(const struct build *b, struct place at)
{
	return (struct target){ .at = at, .rank = b->c->me, .signal = own_signal(b) };
}

/* ---- coll_build.c ---- */

/* The block [first, first + count) of positions; its signal counts positions. last: the sum is
 * complete, an average is taken. */
void trn_coll_move(struct build *b, const struct source *src, const struct target *dst,
		   uint32_t first, uint32_t count, bool last);
/* What this rank moved within its chip is there. */
void trn_coll_settle(struct build *b, uint32_t peer);

#endif /* BASE_COLL_BUILD_H */
