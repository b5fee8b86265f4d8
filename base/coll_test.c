/* SPDX-License-Identifier: Apache-2.0 */
/* Runs schedules of all ranks with sets instead of numbers, in orders that an adversary picks:
 * every result has every input once, in the documented order; nothing is overwritten before it
 * is read; nobody waits for ever; semaphores end at 0. */
#include "base/test_coll.h"

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
		w->rank[i].processor = CHANNELS * (i % per_chip);
		w->rank[i].mark = UINT64_C(1) << 63 | (uint64_t)w->rank[i].chip << 53;
	}
	(void)trn_test_node(w, NULL, 0, 0, 0);
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

/* Boxes whose first dimensions scatter; a part of all channels with some shares, or of each. */
static void random_fused(struct world *w)
{
	const bool apart = trn_prng_below(&w->prng, 3) == 0;
	const uint32_t shares = 1 + (uint32_t)trn_prng_below(&w->prng, CHANNELS);

	for (uint32_t c = 0; c < CHANNELS; c++) {
		struct trn_coll_way *way = &w->way[c];
		uint32_t scatters;

		random_way(w, way, 2 + (uint32_t)trn_prng_below(&w->prng, 2));
		way->fused = true;
		way->channel = apart ? c : 0;
		way->channels = apart ? 1 : CHANNELS;
		way->shares = apart ? 1 : shares;
		way->part_from = apart ? 5 * c : 0;
		way->part_to = apart && c + 1 < CHANNELS ? 5 * c + 5 : 16;
		way->set_semaphores = 2 * TRN_COLL_DIMS;
		if (!apart && c > 0)
			*way = w->way[0];
		scatters = (uint32_t)trn_prng_below(&w->prng, way->dims + 1);
		for (uint32_t d = 0; d < way->dims && (apart || c == 0); d++)
			way->dim[d].whole = d >= scatters;
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
		m->src[i] = trn_test_node(w, NULL, 0, r, i);
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
	static const uint64_t shares[CHANNELS + 1] = { 0, 6, 9, 16 }; /* unequal */
	struct step *s = &w->step[step];
	bool in_place = s->memory[r].src == s->memory[r].dst;

	for (uint32_t c = 0; c < CHANNELS; c++) {
		struct trn_coll coll = s->coll;
		struct trn_coll_ops out = { 0 };

		for (uint32_t i = 0; i < w->ranks; i++) {
			w->rank[i].src = trn_test_address(i, in_place && i == r ? 2 : 1, step);
			/* Without direct nobody may look at it. */
			w->rank[i].dst = coll.direct || i == r ? trn_test_address(i, 2, step) : 1;
		}
		coll.me = r;
		coll.rank = w->rank;
		coll.channel = c;
		coll.part_from = shares[c];
		coll.part_to = shares[c + 1];
		coll.way = &s->way[c];
		coll.chunks = s->chunks;
		coll.set = s->set;
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

/* Fused: the same number on all channels, and the sets in turn. */
static void step_chunks(struct world *w, struct step *s)
{
	for (uint32_t c = 0; c < CHANNELS && s->way[c].fused; c++) {
		struct trn_coll coll = s->coll;

		coll.way = &s->way[c];
		s->chunks = trn_max_u64(s->chunks, trn_coll_fused_chunks(&coll));
	}
	s->set = w->set;
	if (s->coll.direct)
		w->set = (uint32_t)((w->set + s->chunks) % 2);
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
		.parts = 16,
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
	step_chunks(w, s);
	s->stranded = !w->way[0].fused && trn_coll_stranded(kind) &&
		      trn_prng_below(&w->prng, 3) != 0;
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
	trn_test_world_run(w);
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

/* Few steps: operations of all lengths, direct or not, in place or not, one behind the other. */
static void run_fused(uint32_t ranks, uint64_t salt, uint32_t steps)
{
	struct world *w = world_new(ranks, salt);

	random_fused(w);
	for (uint32_t i = 0; i < steps; i++)
		step_add(w, TRN_COMM_ALL_REDUCE, trn_prng_below(&w->prng, 3) != 0,
			 trn_prng_below(&w->prng, trn_prng_below(&w->prng, 2) ? 40 : 4 * ROOM));
	world_check(w);
}

START_TEST(few_steps)
{
	for (uint32_t ranks = 2; ranks <= 20; ranks++)
		run_fused(ranks, 300000 + 100 * (uint32_t)_i + ranks, 6);
}
END_TEST

START_TEST(few_steps_of_many)
{
	static const uint32_t some[] = { 33, 64, 72, 144 };

	run_fused(some[_i], 400000 + (uint32_t)_i, 3);
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
	t = tcase_create("few-steps");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, few_steps, 0, 8);
	tcase_add_loop_test(t, few_steps_of_many, 0, 4);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
