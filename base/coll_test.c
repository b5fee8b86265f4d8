/* SPDX-License-Identifier: Apache-2.0 */
/* Runs schedules of all ranks with sets instead of numbers, in orders that an adversary picks:
 * every result has every input once, in the documented order; nothing is overwritten before it
 * is read; nobody waits for ever; semaphores end at 0. */
#include "base/coll.h"

#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_main.h"

/* Check writes a line for every assertion: these are many. */
#define NEED(x)                                                            \
	do {                                                               \
		if (!(x))                                                  \
			ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x); \
	} while (0)
#define NEED_MSG(x, ...)                           \
	do {                                       \
		if (!(x))                          \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

#define RANKS 144u
#define CHANNELS 2u
#define SEMAPHORES 96u
#define STRAND_SEMAPHORES 40u /* of a strand: more than any way has */
#define AREA UINT64_C(0x1000000)
#define ROOM 512u
#define SEM_BASE UINT64_C(0x8000000000) /* every INC register of a chip is above */
#define OPS_MAX 12u

/* A value: a leaf (rank, element), or joined from some in order. */
struct node {
	uint32_t first, count; /* into list; count 0: a leaf */
	uint32_t rank;
	uint64_t element;
};
struct memory { /* of a rank: numbers of nodes, 0 nothing */
	uint32_t *src, *dst, *scratch[CHANNELS];
	uint64_t src_count, dst_count;
};
struct transfer {
	struct trn_ext_sync_op op;
	uint32_t stream;
	uint32_t *seen; /* sources as they were when it started */
	uint64_t serial;
};
struct stream {
	struct trn_ext_sync_op *ops;
	uint32_t count, at;
	uint64_t under_way;
	bool ended;
};
struct step { /* one collective of the sequence */
	struct trn_coll coll;
	struct trn_coll_way way[2]; /* by channel */
	bool stranded;
	uint32_t ahead;
	struct memory *memory; /* by rank */
	struct stream (*streams)[CHANNELS];
};

struct world {
	struct trn_prng prng;
	uint32_t ranks, steps;
	uint32_t order[RANKS], place[RANKS];
	uint16_t rank_at[RANKS], position[RANKS];
	struct trn_coll_rank rank[RANKS];
	uint64_t scratch[RANKS * CHANNELS];
	uint64_t work[4 * RANKS + 1];
	uint64_t counts[RANKS], offsets[RANKS];
	uint64_t a2a[RANKS][RANKS], a2a_src[RANKS][RANKS], a2a_dst[RANKS][RANKS];
	uint64_t from[RANKS][RANKS], there[RANKS][RANKS];
	struct trn_coll_way way[CHANNELS];
	struct step step[OPS_MAX];
	uint32_t now[RANKS]; /* step of each rank */
	uint32_t semaphore[RANKS][CHANNELS][SEMAPHORES];
	uint32_t *scratch_nodes[RANKS][CHANNELS];
	struct node *nodes;
	uint32_t node_count, node_max;
	uint32_t *list;
	uint32_t list_count, list_max;
	struct transfer *pending;
	uint32_t pending_count, pending_max;
	uint64_t serial;
	uint32_t slow; /* a rank that the adversary holds back, or RANKS */
};

static uint32_t node_new(struct world *w, const uint32_t *parts, uint32_t count, uint32_t rank,
			 uint64_t element)
{
	if (w->node_count == w->node_max) {
		w->node_max = w->node_max ? 2 * w->node_max : 1024;
		w->nodes = realloc(w->nodes, w->node_max * sizeof(*w->nodes));
	}
	if (w->list_count + count > w->list_max) {
		w->list_max = 2 * (w->list_max + count);
		w->list = realloc(w->list, w->list_max * sizeof(*w->list));
	}
	w->nodes[w->node_count] = (struct node){ w->list_count, count, rank, element };
	for (uint32_t i = 0; i < count; i++)
		w->list[w->list_count++] = parts[i];
	return w->node_count++;
}

/* Addresses: bit 63 the mark, bits 53..62 chip; below: step (bits 40..47) + 1 of a user's buffer,
 * or scratch of a channel; kind in bits 32..35. */
#define ADDRESS(kind, step, at) (((uint64_t)(kind) << 32) | ((uint64_t)(step) << 24) | (at))

static uint32_t chip_of(const struct world *w, uint64_t address, uint32_t self)
{
	return address >> 63 ? (uint32_t)(address >> 53 & 0x3ff) : w->rank[self].chip;
}

/* Which rank's memory: two ranks may share a chip. */
static uint32_t *at(struct world *w, uint64_t address, uint32_t self, uint64_t bytes)
{
	const uint32_t chip = chip_of(w, address, self);
	const uint64_t low = address & ((UINT64_C(1) << 53) - 1);
	const uint32_t kind = (uint32_t)(low >> 32) & 0xf, step = (uint32_t)(low >> 24) & 0xff;
	const uint32_t rank = (uint32_t)(low >> 36) & 0xfff;
	const uint64_t offset = low & 0xffffff;
	struct memory *m;
	uint64_t room = 0;
	uint32_t *base = NULL;

	NEED(rank < w->ranks);
	NEED(w->rank[rank].chip == chip);
	m = &w->step[step].memory[rank];
	if (kind == 1 || kind == 2) {
		NEED(step < w->steps);
		/* Nobody touches a buffer before its owner has begun, or when it is done. */
		NEED(w->now[rank] == step);
		base = kind == 1 ? m->src : m->dst;
		room = kind == 1 ? m->src_count : m->dst_count;
	} else {
		NEED(kind >= 3);
		NEED(kind < 3 + CHANNELS);
		base = w->scratch_nodes[rank][kind - 3];
		room = TRN_COLL_SCRATCH(ROOM, w->ranks);
	}
	NEED_MSG(offset + bytes <= room, "kind %u step %u: %llu + %llu > %llu", kind, step,
		 (unsigned long long)offset, (unsigned long long)bytes, (unsigned long long)room);
	return base + offset;
}

static uint64_t user_address(uint32_t rank, uint32_t kind, uint32_t step)
{
	return (uint64_t)rank << 36 | ADDRESS(kind, step, 0);
}

static void signal_add(struct world *w, uint64_t signal, uint32_t self, uint32_t value)
{
	const uint32_t chip = chip_of(w, signal, self);
	const uint64_t low = signal & ((UINT64_C(1) << 53) - 1);

	for (uint32_t r = 0; r < w->ranks; r++)
		for (uint32_t c = 0; c < CHANNELS; c++) {
			uint64_t first = trn_coll_semaphore(w->rank[r].processor + c, 0);

			if (w->rank[r].chip != chip || low < first || low >= first + 1024)
				continue;
			NEED((low - first) / 4 < SEMAPHORES);
			w->semaphore[r][c][(low - first) / 4] += value;
			return;
		}
	ck_abort_msg("no such semaphore 0x%llx", (unsigned long long)signal);
}

/* ---- the machine ---- */

static void transfer_start(struct world *w, uint32_t stream, const struct trn_ext_sync_op *op)
{
	const uint32_t self = stream / CHANNELS;
	const uint32_t sources = op->op == TRN_SYNC_REDUCE ? op->sources : 1;
	struct transfer *t;

	if (w->pending_count == w->pending_max) {
		w->pending_max = w->pending_max ? 2 * w->pending_max : 256;
		w->pending = realloc(w->pending, w->pending_max * sizeof(*w->pending));
	}
	t = &w->pending[w->pending_count++];
	*t = (struct transfer){ .op = *op, .stream = stream, .serial = w->serial++ };
	if (op->op == TRN_SYNC_SIGNAL)
		return;
	NEED(op->bytes > 0);
	t->seen = malloc(sources * op->bytes * sizeof(*t->seen));
	for (uint32_t s = 0; s < sources; s++)
		memcpy(t->seen + s * op->bytes, at(w, op->src + s * op->stride, self, op->bytes),
		       op->bytes * sizeof(*t->seen));
}

static void transfer_end(struct world *w, struct transfer *t, uint32_t self)
{
	const struct trn_ext_sync_op *op = &t->op;
	const uint32_t sources = op->op == TRN_SYNC_REDUCE ? op->sources : 1;
	uint32_t *parts = malloc(sources * sizeof(*parts));
	uint32_t *dst = at(w, op->dst, self, op->bytes);

	for (uint64_t i = 0; i < op->bytes; i++) {
		for (uint32_t s = 0; s < sources; s++) {
			parts[s] = at(w, op->src + s * op->stride, self, op->bytes)[i];
			NEED_MSG(parts[s] == t->seen[s * op->bytes + i],
				 "rank %u: a source changed under a transfer", self);
			NEED_MSG(parts[s] != 0, "rank %u: nothing was there yet", self);
		}
		dst[i] = op->op == TRN_SYNC_REDUCE ? node_new(w, parts, sources, 0, 0) : parts[0];
	}
	free(parts);
	free(t->seen);
}

/* A signal of its own comes after all that went to that chip before. */
static bool may_end(const struct world *w, const struct transfer *t)
{
	uint32_t chip;

	if (t->op.op != TRN_SYNC_SIGNAL)
		return true;
	chip = chip_of(w, t->op.signal, t->stream / CHANNELS);
	for (uint32_t i = 0; i < w->pending_count; i++) {
		const struct transfer *o = &w->pending[i];
		uint64_t to = o->op.op == TRN_SYNC_SIGNAL ? o->op.signal : o->op.dst;

		if (o->stream == t->stream && o->serial < t->serial &&
		    chip_of(w, to, o->stream / CHANNELS) == chip)
			return false;
	}
	return true;
}

static struct stream *stream_at(struct world *w, uint32_t stream)
{
	const uint32_t rank = stream / CHANNELS;

	if (w->now[rank] >= w->steps)
		return NULL;
	return &w->step[w->now[rank]].streams[rank][stream % CHANNELS];
}

static bool pending_step(struct world *w)
{
	uint32_t i = (uint32_t)trn_prng_below(&w->prng, w->pending_count);
	struct transfer t;
	uint32_t self;

	if (w->pending_count == 0 || !may_end(w, &w->pending[i]))
		return false;
	t = w->pending[i];
	self = t.stream / CHANNELS;
	if (t.op.op != TRN_SYNC_SIGNAL)
		transfer_end(w, &t, self);
	w->pending[i] = w->pending[--w->pending_count];
	if (t.op.signal)
		signal_add(w, t.op.signal, self, t.op.value);
	stream_at(w, t.stream)->under_way--;
	return true;
}

static void rank_next(struct world *w, uint32_t rank)
{
	for (uint32_t c = 0; c < CHANNELS; c++) {
		struct stream *s = stream_at(w, rank * CHANNELS + c);

		if (!s->ended || s->under_way > 0)
			return;
	}
	w->now[rank]++;
}

static bool stream_step(struct world *w, uint32_t stream)
{
	const uint32_t rank = stream / CHANNELS;
	struct stream *s = stream_at(w, stream);
	const struct trn_ext_sync_op *op;
	uint32_t *sem;

	if (!s)
		return false;
	if (s->ended) {
		uint32_t before = w->now[rank];

		rank_next(w, rank);
		return w->now[rank] != before;
	}
	NEED(s->at < s->count);
	op = &s->ops[s->at];
	switch (op->op) {
	case TRN_SYNC_WAIT:
		sem = &w->semaphore[rank][stream % CHANNELS][op->semaphore];
		if (*sem < op->value)
			return false;
		*sem -= op->value;
		break;
	case TRN_SYNC_FENCE:
		if (s->under_way > 0)
			return false;
		break;
	case TRN_SYNC_END:
		s->ended = true;
		break;
	default:
		s->under_way++;
		transfer_start(w, stream, op);
		break;
	}
	s->at++;
	return true;
}

/* Something that can go on does; at random, then everything in turn. */
static bool world_step(struct world *w)
{
	for (uint32_t tries = 0; tries < 8; tries++) {
		uint32_t stream = (uint32_t)trn_prng_below(&w->prng, w->ranks * CHANNELS);

		if (stream / CHANNELS == w->slow && trn_prng_below(&w->prng, 64) != 0)
			continue;
		if (trn_prng_below(&w->prng, 3) == 0 ? pending_step(w) : stream_step(w, stream))
			return true;
	}
	for (uint32_t stream = 0; stream < w->ranks * CHANNELS; stream++)
		if (stream_step(w, stream))
			return true;
	for (uint32_t i = 0; i < w->pending_count + 64; i++)
		if (pending_step(w))
			return true;
	return w->pending_count > 0;
}

static void world_run(struct world *w)
{
	while (world_step(w))
		;
	for (uint32_t r = 0; r < w->ranks; r++) {
		NEED_MSG(w->now[r] == w->steps, "rank %u stands in step %u of %u", r, w->now[r],
			 w->steps);
		for (uint32_t c = 0; c < CHANNELS; c++)
			for (uint32_t s = 0; s < SEMAPHORES; s++)
				NEED(w->semaphore[r][c][s] == 0);
	}
}

/* ---- what must come out ---- */

struct leaves {
	uint32_t ranks[RANKS];
	uint32_t count;
};

static void flatten(const struct world *w, uint32_t node, uint64_t element, struct leaves *ret)
{
	const struct node *n = &w->nodes[node];

	NEED(node > 0);
	if (n->count == 0) {
		NEED(n->element == element);
		NEED(ret->count < RANKS);
		ret->ranks[ret->count++] = n->rank;
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		flatten(w, w->list[n->first + i], element, ret);
}

/* The i-th of a dimension whose parts are added: ascending; in a ring from behind the owner on; in
 * a relay from the opposite one on. turned: the strand that goes the other way. */
static uint32_t nth(const struct trn_coll_dim *dim, uint32_t mine, uint32_t i, bool turned)
{
	const uint32_t n = dim->size;
	const bool back = dim->relay ? dim->back != turned : dim->back;
	const uint32_t steps = dim->relay ? i + 2 : i + 1;

	if (!dim->ring && !dim->relay)
		return i;
	return (back ? mine + 2 * n - steps : mine + steps) % n;
}

/* The documented order, dimension by dimension. */
static void expected(const struct trn_coll_way *way, uint32_t dims, uint32_t position, bool turned,
		     struct leaves *ret)
{
	uint32_t below = 1, n, mine;

	if (dims == 0) {
		ret->ranks[ret->count++] = way->rank_at[position];
		return;
	}
	for (uint32_t d = dims; d < way->dims; d++)
		below *= way->dim[d].size;
	n = way->dim[dims - 1].size;
	mine = position / below % n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t x = nth(&way->dim[dims - 1], mine, i, turned);

		expected(way, dims - 1, position + x * below - mine * below, turned, ret);
	}
}

static void check_sum(const struct world *w, const struct step *s, uint32_t node, uint64_t element,
		      bool by_rank, uint32_t owner)
{
	struct leaves got = { .count = 0 }, want;
	bool fits = false;

	flatten(w, node, element, &got);
	NEED(got.count == w->ranks);
	/* Some piece's owner, of one of the channels. */
	for (uint32_t c = 0; c < 2 * CHANNELS && !fits; c++)
		for (uint32_t p = 0; p < w->ranks && !fits; p++) {
			const struct trn_coll_way *way = &s->way[c / 2];

			if (by_rank && way->rank_at[p] != owner)
				continue;
			want.count = 0;
			expected(way, way->dims, p, c % 2, &want);
			fits = memcmp(got.ranks, want.ranks, w->ranks * sizeof(got.ranks[0])) == 0;
		}
	NEED(fits);
}

static void check_leaf(const struct world *w, uint32_t node, uint32_t rank, uint64_t element)
{
	NEED_MSG(node != 0, "nothing came from rank %u", rank);
	NEED(w->nodes[node].count == 0);
	NEED(w->nodes[node].rank == rank);
	NEED(w->nodes[node].element == element);
}

static void check_rank(struct world *w, const struct step *s, uint32_t r)
{
	const struct trn_coll *c = &s->coll;
	const uint32_t *dst = s->memory[r].dst;

	for (uint64_t i = 0; i < c->count; i++) {
		if (c->kind == TRN_COMM_ALL_REDUCE || (c->kind == TRN_COMM_REDUCE && r == c->root))
			check_sum(w, s, dst[i], i, false, 0);
		else if (c->kind == TRN_COMM_BROADCAST)
			check_leaf(w, dst[i], c->root, i);
	}
	for (uint32_t o = 0; o < w->ranks; o++) {
		if (c->kind == TRN_COMM_ALL_GATHER)
			for (uint64_t i = 0; i < w->counts[o]; i++)
				check_leaf(w, dst[w->offsets[o] + i], o, i);
		if (c->kind == TRN_COMM_ALL_TO_ALL)
			for (uint64_t i = 0; i < w->a2a[o][r]; i++)
				check_leaf(w, dst[w->a2a_dst[r][o] + i], o, w->a2a_src[o][r] + i);
	}
	if (c->kind == TRN_COMM_REDUCE_SCATTER)
		for (uint64_t i = 0; i < w->counts[r]; i++)
			check_sum(w, s, dst[i], w->offsets[r] + i, true, r);
}

/* ---- making worlds ---- */

static struct world *world_new(uint32_t ranks, uint64_t salt)
{
	struct world *w = calloc(1, sizeof(*w));
	uint32_t per_chip;

	trn_prng_seed(&w->prng, trn_test_seed() * 1000003 + salt);
	w->ranks = ranks;
	w->slow = (uint32_t)trn_prng_below(&w->prng, 2 * ranks);
	per_chip = 1 + (uint32_t)trn_prng_below(&w->prng, 3);
	for (uint32_t i = 0; i < ranks; i++)
		w->rank_at[i] = (uint16_t)i;
	for (uint32_t i = ranks; i-- > 1;) {
		uint32_t j = (uint32_t)trn_prng_below(&w->prng, i + 1);
		uint16_t t = w->rank_at[i];

		w->rank_at[i] = w->rank_at[j];
		w->rank_at[j] = t;
	}
	for (uint32_t i = 0; i < ranks; i++) {
		w->position[w->rank_at[i]] = (uint16_t)i;
		w->rank[i].chip = i / per_chip;
		w->rank[i].processor = 2 * (i % per_chip);
		w->rank[i].mark = UINT64_C(1) << 63 | (uint64_t)w->rank[i].chip << 53;
	}
	(void)node_new(w, NULL, 0, 0, 0);
	for (uint32_t i = 0; i < ranks; i++)
		for (uint32_t c = 0; c < CHANNELS; c++) {
			w->scratch[i * CHANNELS + c] = (uint64_t)i << 36 | ADDRESS(3 + c, 0, 0);
			w->scratch_nodes[i][c] =
				calloc(TRN_COLL_SCRATCH(ROOM, ranks), sizeof(uint32_t));
		}
	return w;
}

static void world_free(struct world *w)
{
	for (uint32_t s = 0; s < w->steps; s++) {
		for (uint32_t r = 0; r < w->ranks; r++) {
			for (uint32_t c = 0; c < CHANNELS; c++)
				free(w->step[s].streams[r][c].ops);
			if (w->step[s].memory[r].src != w->step[s].memory[r].dst)
				free(w->step[s].memory[r].src);
			free(w->step[s].memory[r].dst);
		}
		free(w->step[s].memory);
		free(w->step[s].streams);
	}
	for (uint32_t r = 0; r < w->ranks; r++)
		for (uint32_t c = 0; c < CHANNELS; c++)
			free(w->scratch_nodes[r][c]);
	free(w->nodes);
	free(w->list);
	free(w->pending);
	free(w);
}

#define STYLES 6u /* 0: mesh, 1: ring, 5: relays; others: boxes */

/* A random box: factors of the number of ranks, some of them rings. */
static void random_way(struct world *w, struct trn_coll_way *way, uint32_t style)
{
	uint32_t left = w->ranks, semaphore = 4;

	*way = (struct trn_coll_way){ .rank_at = w->rank_at, .position = w->position };
	while (left > 1 && way->dims < TRN_COLL_DIMS) {
		struct trn_coll_dim *dim = &way->dim[way->dims];
		uint32_t f = left, tries = 0;

		if (style >= 2)
			do
				f = 2 + (uint32_t)trn_prng_below(&w->prng, left - 1);
			while ((left % f != 0 || (style == 3 && f > 4)) && ++tries < 200);
		if (left % f != 0)
			f = left;
		if (style == 5 && left % 4 == 0)
			f = 4;
		dim->size = (uint16_t)f;
		dim->ring = style == 1 || (style == 4 && trn_prng_below(&w->prng, 2));
		dim->back = trn_prng_below(&w->prng, 2) != 0;
		dim->relay = style == 5 && f == 4;
		dim->semaphore = (uint8_t)semaphore;
		semaphore += dim->relay ? 4 : 2;
		left /= f;
		way->dims++;
	}
}

static void random_counts(struct world *w, uint64_t most)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < w->ranks; i++) {
		w->counts[i] = trn_prng_below(&w->prng, 3) ? trn_prng_below(&w->prng, most + 1) : 0;
		w->offsets[i] = at;
		at += w->counts[i] + trn_prng_below(&w->prng, 3);
	}
	for (uint32_t i = 0; i < w->ranks; i++) {
		uint64_t out = 0;

		for (uint32_t j = 0; j < w->ranks; j++) {
			w->a2a[i][j] = trn_prng_below(&w->prng, most + 1);
			w->a2a_src[i][j] = out;
			out += w->a2a[i][j];
		}
	}
	for (uint32_t j = 0; j < w->ranks; j++) {
		uint64_t in = 0;

		for (uint32_t i = 0; i < w->ranks; i++) {
			w->a2a_dst[j][i] = in;
			w->from[j][i] = w->a2a[i][j];
			w->there[i][j] = in;
			in += w->a2a[i][j];
		}
	}
}

static uint64_t total(const struct world *w)
{
	return w->offsets[w->ranks - 1] + w->counts[w->ranks - 1];
}

static void step_memory(struct world *w, struct step *s, uint32_t r)
{
	struct memory *m = &s->memory[r];
	const struct trn_coll *c = &s->coll;
	bool in_place = (c->kind == TRN_COMM_ALL_REDUCE || c->kind == TRN_COMM_REDUCE) &&
			trn_prng_below(&w->prng, 2);

	m->src_count = m->dst_count = c->count;
	if (c->kind == TRN_COMM_REDUCE_SCATTER)
		m->src_count = total(w), m->dst_count = w->counts[r];
	if (c->kind == TRN_COMM_ALL_GATHER)
		m->src_count = w->counts[r], m->dst_count = total(w);
	if (c->kind == TRN_COMM_ALL_TO_ALL) {
		m->src_count = w->a2a_src[r][w->ranks - 1] + w->a2a[r][w->ranks - 1];
		m->dst_count = w->a2a_dst[r][w->ranks - 1] + w->from[r][w->ranks - 1];
	}
	m->dst = calloc(m->dst_count + 1, sizeof(uint32_t));
	m->src = in_place ? m->dst : calloc(m->src_count + 1, sizeof(uint32_t));
	for (uint64_t i = 0; i < m->src_count; i++)
		m->src[i] = node_new(w, NULL, 0, r, i);
}

static struct trn_coll_ops built(const struct trn_coll *coll)
{
	struct trn_coll_ops out = { 0 };

	trn_coll_build(coll, &out);
	out.max = out.count;
	out.count = 0;
	out.ops = calloc(out.max, sizeof(*out.ops));
	trn_coll_build(coll, &out);
	NEED(out.count == out.max);
	return out;
}

/* Two strands of unequal parts as one stream. */
static struct trn_coll_ops built_strands(const struct trn_coll *coll, uint32_t ahead)
{
	struct trn_coll_ops strand[TRN_COLL_STRANDS], out = { 0 };

	for (uint32_t i = 0; i < TRN_COLL_STRANDS; i++) {
		struct trn_coll one = *coll;

		one.part_from = i == 0 ? coll->part_from : coll->part_from + 2;
		one.part_to = i == 0 ? coll->part_from + 2 : coll->part_to;
		one.strand = i;
		one.strands = TRN_COLL_STRANDS;
		one.semaphore = coll->semaphore + i * STRAND_SEMAPHORES;
		one.own_semaphore = one.semaphore + STRAND_SEMAPHORES - 1;
		strand[i] = built(&one);
		out.max += strand[i].count;
	}
	out.ops = calloc(out.max, sizeof(*out.ops));
	out.count = trn_coll_merge(strand[0].ops, strand[1].ops, ahead, out.ops);
	NEED(out.count == out.max - 1);
	for (uint32_t i = 0; i < TRN_COLL_STRANDS; i++)
		free(strand[i].ops);
	return out;
}

static void step_streams(struct world *w, uint32_t step, uint32_t r)
{
	struct step *s = &w->step[step];
	bool in_place = s->memory[r].src == s->memory[r].dst;

	for (uint32_t c = 0; c < CHANNELS; c++) {
		struct trn_coll coll = s->coll;
		struct trn_coll_ops out = { 0 };

		for (uint32_t i = 0; i < w->ranks; i++) {
			w->rank[i].src = user_address(i, in_place && i == r ? 2 : 1, step);
			/* Without direct nobody may look at it. */
			w->rank[i].dst = coll.direct || i == r ? user_address(i, 2, step) : 1;
		}
		coll.me = r;
		coll.rank = w->rank;
		coll.channel = c;
		coll.part_from = c ? 3 : 0; /* unequal */
		coll.part_to = c ? 8 : 3;
		coll.way = &s->way[c];
		if (coll.kind == TRN_COMM_ALL_TO_ALL) {
			coll.counts = w->a2a[r];
			coll.offsets = w->a2a_src[r];
			coll.from_counts = w->from[r];
			coll.from_offsets = w->a2a_dst[r];
			coll.there = w->there[r];
		}
		out = s->stranded ? built_strands(&coll, s->ahead) : built(&coll);
		s->streams[r][c] = (struct stream){ .ops = out.ops, .count = out.count };
	}
}

static void step_add(struct world *w, enum trn_comm_kind kind, bool direct, uint64_t count)
{
	const uint32_t step = w->steps++;
	struct step *s = &w->step[step];

	s->coll = (struct trn_coll){
		.kind = kind,
		.dtype = TRN_DTYPE_U8,
		.element = 1,
		.direct = direct,
		.root = (uint32_t)trn_prng_below(&w->prng, w->ranks),
		.ranks = w->ranks,
		.count = kind == TRN_COMM_ALL_TO_ALL ? ROOM / w->ranks : count,
		.channels = CHANNELS,
		.parts = 8,
		.semaphore = 2,
		.root_semaphore = 0,
		.scratch = w->scratch,
		.room = ROOM,
		.work = w->work,
	};
	if (kind == TRN_COMM_ALL_GATHER || kind == TRN_COMM_REDUCE_SCATTER) {
		s->coll.counts = w->counts;
		s->coll.offsets = w->offsets;
	}
	for (uint32_t c = 0; c < CHANNELS; c++)
		s->way[c] = w->way[c];
	s->stranded = trn_coll_stranded(kind) && trn_prng_below(&w->prng, 3) != 0;
	s->ahead = (uint32_t)trn_prng_below(&w->prng, 12);
	s->memory = calloc(w->ranks, sizeof(*s->memory));
	s->streams = calloc(w->ranks, sizeof(*s->streams));
	for (uint32_t r = 0; r < w->ranks; r++) {
		step_memory(w, s, r);
		step_streams(w, step, r);
	}
}

static void world_check(struct world *w)
{
	world_run(w);
	for (uint32_t s = 0; s < w->steps; s++)
		for (uint32_t r = 0; r < w->ranks; r++)
			check_rank(w, &w->step[s], r);
	world_free(w);
}

static const enum trn_comm_kind kinds[] = {
	TRN_COMM_ALL_REDUCE, TRN_COMM_REDUCE_SCATTER, TRN_COMM_ALL_GATHER, TRN_COMM_ALL_TO_ALL,
	TRN_COMM_BROADCAST,  TRN_COMM_REDUCE,         TRN_COMM_BARRIER,
};

/* One way all along: the sequence of an application, in any mixture. All operations of a world
 * use one box, as a communicator's do. */
static void run_sequence(uint32_t ranks, uint32_t style, uint64_t salt, uint32_t steps,
			 uint64_t count)
{
	struct world *w = world_new(ranks, salt);

	random_counts(w, trn_min_u64(count, 2 * ROOM / ranks + 1));
	for (uint32_t c = 0; c < CHANNELS; c++)
		random_way(w, &w->way[c], style);
	for (uint32_t i = 0; i < steps; i++) {
		enum trn_comm_kind kind = kinds[trn_prng_below(&w->prng, TRN_ARRAY_LEN(kinds))];
		bool direct = trn_prng_below(&w->prng, 2) != 0;

		if (kind == TRN_COMM_ALL_TO_ALL && style != 0)
			kind = TRN_COMM_ALL_REDUCE;
		/* Of a batch the pairs are no longer than count. */
		if (kind == TRN_COMM_ALL_TO_ALL)
			direct = true;
		step_add(w, kind, direct, trn_prng_below(&w->prng, count + 1));
	}
	world_check(w);
}

START_TEST(every_kind_and_way)
{
	for (uint32_t ranks = 1; ranks <= 20; ranks++)
		for (uint32_t k = 0; k < TRN_ARRAY_LEN(kinds); k++)
			for (uint32_t direct = 0; direct < 2; direct++) {
				struct world *w = world_new(ranks, ranks * 64 + k * 2 + direct);

				bool a2a = kinds[k] == TRN_COMM_ALL_TO_ALL;

				random_counts(w, ROOM / ranks / 2);
				for (uint32_t c = 0; c < CHANNELS; c++)
					random_way(w, &w->way[c], a2a ? 0 : (uint32_t)_i);
				step_add(w, kinds[k], direct, trn_prng_below(&w->prng, 3 * ROOM));
				world_check(w);
			}
}
END_TEST

START_TEST(sequences)
{
	for (uint32_t ranks = 2; ranks <= 20; ranks++)
		run_sequence(ranks, (uint32_t)_i, 100000 + ranks, 8, 2 * ROOM);
}
END_TEST

START_TEST(many_ranks)
{
	static const uint32_t some[] = { 33, 64, 72, 127, 144 };

	for (uint32_t i = 0; i < TRN_ARRAY_LEN(some); i++)
		run_sequence(some[i], (uint32_t)_i, 200000 + i, 3, 300);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("coll");
	TCase *t = tcase_create("coll");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_kind_and_way, 0, STYLES);
	tcase_add_loop_test(t, sequences, 0, STYLES);
	tcase_add_loop_test(t, many_ranks, 0, STYLES);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
