/* SPDX-License-Identifier: Apache-2.0 */
/* Random instructions of sections 8.3.1 and 8.3.2: random numbers, gpsimd; and rounding. */
#include "gen.h"

#define U16 (1u << TRN_DTYPE_U16)
#define U32 (1u << TRN_DTYPE_U32)
#define S32 (1u << TRN_DTYPE_S32)
#define F32 (1u << TRN_DTYPE_F32)
#define BF16 (1u << TRN_DTYPE_BF16)

/* 6 words on G, four times that on V. */
static uint32_t state_words(const struct orc_case *g)
{
	return g->engine == TRN_ENGINE_GPSIMD ? 6 : 24;
}

static bool has_state(const struct orc_case *g)
{
	return g->engine == TRN_ENGINE_GPSIMD || g->number >= 3;
}

/* The generators at the start of a case: from a seed, from words, sometimes as they were. */
static void begin(struct orc_case *g, bool set)
{
	struct trn_isa_compute c = { .head.op = TRN_OP_RAND_SET_STATE };

	if (has_state(g) && (set || g->engine == TRN_ENGINE_GPSIMD || orc_chance(&g->rng, 50))) {
		const uint32_t p = set ? orc_partitions(g) : 128;

		c.src0 = orc_operand(g, TRN_SPACE_SBUF, TRN_DTYPE_U32, p, state_words(g));
		orc_fill(g, &c.src0, ORC_BITS);
		for (uint32_t r = 0; r < p && orc_chance(&g->rng, 30); r++) {
			for (uint32_t n = 0; n < 6; n++)
				orc_fill_raw(g, &c.src0, r, n, 0);
		}
	} else {
		c.head.op = TRN_OP_SET_RNG_SEED;
		c.src0 = orc_source(g, orc_pick_dtype(g, U32 | S32), 1, 1,
				    orc_chance(&g->rng, 80) ? ORC_BITS : ORC_WHOLE);
	}
	orc_put_last(g, &c);
}

/* What the generators gave and where they stand. */
static void show(struct orc_case *g)
{
	struct trn_isa_compute c = { .head.op = TRN_OP_RAND_GET_STATE };

	if (!has_state(g)) {
		c.head.op = TRN_OP_RNG;
		c.dst = orc_target(g, orc_pick_dtype(g, ORC_INTS), 128, 1 + orc_below(&g->rng, 3));
	} else {
		c.dst = orc_target(g, TRN_DTYPE_U32, orc_partitions(g), state_words(g));
	}
	c.head.words = 1;
	orc_put_last(g, &c);
}

void orc_make_rng(struct orc_case *g)
{
	begin(g, false);
	for (uint32_t k = 0; k < 2; k++) {
		struct trn_isa_compute c = { .head = { .op = TRN_OP_RNG, .words = 1 } };

		c.dst = orc_target(g, orc_pick_dtype(g, ORC_INTS), orc_partitions(g),
				   orc_count(g, 500));
		orc_put_last(g, &c);
	}
}

void orc_make_rand2(struct orc_case *g)
{
	struct trn_isa_compute c = { .head = { .op = TRN_OP_RAND2, .words = 1 } };
	const uint32_t p = orc_partitions(g);

	begin(g, false);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_FLOATS), p, orc_count(g, 500));
	orc_scalars(g, &c, p, 3, false);
	orc_put_last(g, &c);
}

void orc_make_dropout(struct orc_case *g)
{
	struct trn_isa_compute c = { .head.op = TRN_OP_DROPOUT };
	const uint32_t p = orc_partitions(g), n = orc_count(g, 500);

	begin(g, false);
	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, ORC_ANY);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	orc_in_place(g, &c.dst, &c.src0);
	orc_scalars(g, &c, p, 1, false);
	if (!(c.head.flags & TRN_SCALAR_COLUMN0) && orc_chance(&g->rng, 80))
		c.imm[0] = orc_bits_of((float)orc_below(&g->rng, 1000) * 0.001f);
	orc_put_last(g, &c);
}

void orc_make_seed(struct orc_case *g)
{
	struct trn_isa_compute c = { .head.op = TRN_OP_SET_RNG_SEED };

	c.src0 = orc_source(g, orc_pick_dtype(g, U32 | S32), 1, 1, ORC_BITS);
	orc_put_last(g, &c);
	show(g);
}

void orc_make_set_state(struct orc_case *g)
{
	if (!has_state(g))
		g->engine = TRN_ENGINE_GPSIMD;
	begin(g, true);
	orc_make_rng(g);
}

void orc_make_get_state(struct orc_case *g)
{
	begin(g, false);
	show(g);
}

void orc_make_partition_reduce(struct orc_case *g)
{
	static const uint8_t ops[] = { TRN_ALU_ADD, TRN_ALU_ADD, TRN_ALU_MAX, TRN_ALU_OR,
				       TRN_ALU_AND };
	const uint32_t n = orc_count(g, 500);
	struct trn_isa_compute c = { .head.op = TRN_OP_PARTITION_REDUCE };
	uint32_t set;

	c.func = ops[orc_below(&g->rng, ORC_LEN(ops))];
	set = orc_alu_is_bit(c.func) ? ORC_INTS : ORC_ANYDT;
	c.src0 = orc_source(g, orc_pick_dtype(g, set), orc_partitions(g), n, ORC_ANY);
	c.dst = orc_target(g, orc_pick_dtype(g, set), 1, n);
	if (c.func == TRN_ALU_ADD && orc_chance(&g->rng, 50))
		c.head.flags = TRN_PARTITION_AVERAGE;
	orc_put_last(g, &c);
}

static uint32_t sixteens(struct orc_case *g)
{
	return 16 * (1 + orc_below(&g->rng, g->small > 2 ? 1 : 8));
}

static uint32_t over16(uint32_t n)
{
	return (n + 15) / 16;
}

void orc_make_topk(struct orc_case *g)
{
	const uint32_t p = sixteens(g), n = 8 + orc_count(g, 1500);
	const uint32_t k = 1 + orc_below(&g->rng, orc_chance(&g->rng, 50) ? n : 8);
	struct trn_isa_compute c = { .head.op = TRN_OP_TOPK };

	c.imm[0] = n;
	c.imm[1] = k;
	c.src0 = orc_source(g, TRN_DTYPE_BF16, p, over16(n), ORC_ANY);
	c.dst = orc_operand(g, TRN_SPACE_SBUF, orc_pick_dtype(g, BF16 | F32), p, over16(k));
	c.dst2 = orc_operand(g, TRN_SPACE_SBUF, TRN_DTYPE_U32, p, over16(k));
	orc_put_last(g, &c);
}

/* Zeros among other values. */
static void fill_sparse(struct orc_case *g, const struct trn_isa_ap *ap)
{
	orc_fill(g, ap, ORC_ANY);
	for (uint32_t p = 0; p < ap->partitions; p++) {
		for (uint32_t n = 0; n < orc_ap_count(ap); n++) {
			if (orc_chance(&g->rng, 50))
				orc_fill_raw(g, ap, p, n, 0);
		}
	}
}

void orc_make_nonzero(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 1000);
	struct trn_isa_compute c = { .head.op = TRN_OP_NONZERO_COUNT };

	c.src0 = orc_source(g, orc_pick_dtype(g, F32 | S32), p, n, ORC_ANY);
	fill_sparse(g, &c.src0);
	c.dst = orc_target(g, TRN_DTYPE_S32, p, n + 1);
	c.imm[0] = (uint32_t)orc_next(&g->rng);
	c.imm[1] = (uint32_t)orc_next(&g->rng);
	orc_put_last(g, &c);
}

/* Places below a limit. */
static void fill_places(struct orc_case *g, const struct trn_isa_ap *ap, uint32_t limit)
{
	for (uint32_t p = 0; p < ap->partitions; p++) {
		for (uint32_t n = 0; n < orc_ap_count(ap); n++)
			orc_fill_raw(g, ap, p, n, orc_below(&g->rng, limit));
	}
}

void orc_make_local_gather(struct orc_case *g)
{
	const uint32_t p = sixteens(g), e = 1u << orc_below(&g->rng, 6);
	const uint32_t v = 1 + orc_below(&g->rng, g->small ? 8 : 100);
	const uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT | 0x78000), n = orc_count(g, 200) + e;
	struct trn_isa_compute c = { .head.op = TRN_OP_LOCAL_GATHER, .imm = { e, v } };

	c.src0 = orc_source(g, dtype, p, n, ORC_BITS);
	c.src1 = orc_operand(g, TRN_SPACE_SBUF, TRN_DTYPE_U16, p, over16(v));
	fill_places(g, &c.src1, n / e);
	c.dst = orc_target(g, dtype, p, v * e);
	orc_put_last(g, &c);
}

void orc_make_n_gather(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 1500), from = orc_count(g, 1500);
	const uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT | 0x78000);
	struct trn_isa_compute c = { .head.op = TRN_OP_N_GATHER };

	c.src0 = orc_source(g, dtype, p, from, ORC_BITS);
	c.src1 = orc_operand(g, TRN_SPACE_SBUF, TRN_DTYPE_U32, p, n);
	fill_places(g, &c.src1, from);
	c.dst = orc_target(g, dtype, p, n);
	orc_put_last(g, &c);
}

void orc_make_bounds(struct orc_case *g)
{
	const uint32_t n = orc_count(g, 400), dtype = orc_pick_dtype(g, F32 | S32);
	struct trn_isa_compute c = { .head.op = TRN_OP_SEQUENCE_BOUNDS };
	uint32_t id = 0;

	c.src0 = orc_operand(g, TRN_SPACE_SBUF, dtype, 1, n);
	for (uint32_t k = 0; k < n; k++) {
		if (orc_chance(&g->rng, 30))
			id = orc_chance(&g->rng, 25) ? 0 : orc_value(g, dtype, ORC_WHOLE);
		if (orc_chance(&g->rng, 3))
			id = orc_value(g, dtype, ORC_EDGES);
		orc_fill_raw(g, &c.src0, 0, k, id);
	}
	c.dst = orc_target(g, dtype, 1, 2 * n);
	orc_put_last(g, &c);
}

/* SET_ROUNDING, then instructions whose results are cut off. */
void orc_make_rounding(struct orc_case *g)
{
	static orc_make_fn *const on_v[] = { orc_make_copy,          orc_make_tensor_tensor,
					     orc_make_tensor_scalar, orc_make_reciprocal,
					     orc_make_reduce,        orc_make_range_select,
					     orc_make_memset,        orc_make_max8 };
	static orc_make_fn *const on_g[] = { orc_make_copy, orc_make_tensor_scalar, orc_make_iota,
					     orc_make_affine, orc_make_memset };
	static orc_make_fn *const on_s[] = { orc_make_copy, orc_make_tensor_scalar };
	struct trn_isa_compute *c = orc_emit(g, TRN_OP_SET_ROUNDING, 1);

	c->mode = TRN_ROUND_STOCHASTIC;
	c->imm[0] = orc_chance(&g->rng, 10) ? 0 : (uint32_t)orc_next(&g->rng);
	for (uint32_t k = 0; k < 2; k++) {
		if (g->engine == TRN_ENGINE_VECTOR)
			on_v[orc_below(&g->rng, ORC_LEN(on_v))](g);
		else if (g->engine == TRN_ENGINE_GPSIMD)
			on_g[orc_below(&g->rng, ORC_LEN(on_g))](g);
		else if (g->engine == TRN_ENGINE_SCALAR)
			on_s[orc_below(&g->rng, ORC_LEN(on_s))](g);
		else if (g->count < 4)
			orc_make_matmul(g);
	}
	if (g->count < ORC_SEQUENCE && orc_chance(&g->rng, 50))
		(void)orc_emit(g, TRN_OP_SET_ROUNDING, 1);
}
