/* SPDX-License-Identifier: Apache-2.0 */
/* Random instructions of section 8.3: two operators, scans, selects, statistics, shuffles. */
#include "gen.h"

#define NO_WORDS (ORC_ANYDT & ~(1u << TRN_DTYPE_U32 | 1u << TRN_DTYPE_S32))

static uint8_t reverse(struct orc_case *g, uint32_t bits)
{
	return (uint8_t)((uint32_t)orc_next(&g->rng) & bits &
			 (TRN_SCALAR_REVERSE0 | TRN_SCALAR_REVERSE1));
}

/* Values of sequences that should not all end as NaN. */
static enum orc_values tame(struct orc_case *g)
{
	return orc_chance(&g->rng, 70) ? (orc_chance(&g->rng, 50) ? ORC_PLAIN : ORC_WHOLE) :
					 ORC_ANY;
}

/* An operand beside BYPASS is not used unless reversed. */
static uint32_t uses_a(const struct trn_isa_compute *c)
{
	return c->op0 != TRN_ALU_BYPASS || (c->head.flags & TRN_SCALAR_REVERSE0);
}

void orc_make_stt(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	struct trn_isa_compute c = { .head.op = TRN_OP_SCALAR_TENSOR_TENSOR };

	orc_two_sources(g, ORC_ANYDT, p, n, &c.src0, &c.src2);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	orc_in_place(g, &c.dst, orc_chance(&g->rng, 50) ? &c.src0 : &c.src2);
	c.op0 = (uint8_t)orc_arithmetic(g);
	c.op1 = (uint8_t)orc_arithmetic(g);
	c.head.flags = reverse(g, 0xff);
	orc_scalars(g, &c, p, uses_a(&c), false);
	orc_put_last(g, &c);
}

void orc_make_scan(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	struct trn_isa_compute c = { .head.op = TRN_OP_TENSOR_SCAN };

	orc_two_sources(g, ORC_ANYDT, p, n, &c.src0, &c.src1);
	orc_fill(g, &c.src0, tame(g));
	orc_fill(g, &c.src1, tame(g));
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	do {
		c.op0 = (uint8_t)orc_arithmetic(g);
		c.op1 = (uint8_t)orc_arithmetic(g);
	} while (c.op0 == TRN_ALU_BYPASS || c.op1 == TRN_ALU_BYPASS);
	c.head.flags = reverse(g, 0xff);
	orc_scalars(g, &c, p, 2, false);
	orc_put_last(g, &c);
}

void orc_make_cumulative(struct orc_case *g)
{
	static const uint8_t joins[] = { TRN_ALU_ADD, TRN_ALU_SUB, TRN_ALU_MUL, TRN_ALU_MAX,
					 TRN_ALU_MIN };
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	struct trn_isa_compute c = { .head.op = TRN_OP_SCALAR_CUMULATIVE };

	c.src0 = orc_source(g, orc_pick_dtype(g, NO_WORDS), p, n, tame(g));
	c.op0 = (uint8_t)orc_arithmetic(g);
	c.op1 = joins[orc_below(&g->rng, ORC_LEN(joins))];
	c.head.flags = reverse(g, 0xff);
	orc_scalars(g, &c, p, uses_a(&c), false);
	for (uint32_t k = 0; k < 3 && g->count + 3 < ORC_SEQUENCE; k++) {
		c.mode = k > 0 ? TRN_REDUCE_ACCUMULATE : TRN_REDUCE_RESET_REDUCE;
		if (k == 0 && orc_chance(&g->rng, 50))
			c.mode = TRN_REDUCE_LOAD_REDUCE;
		c.imm[1] = c.mode == TRN_REDUCE_LOAD_REDUCE ? orc_imm(g) : 0;
		c.dst = orc_target(g, orc_pick_dtype(g, NO_WORDS), p, n);
		orc_put_last(g, &c);
	}
}

void orc_make_scalar_reduce(struct orc_case *g)
{
	static const uint8_t joins[] = { TRN_ALU_ADD, TRN_ALU_MUL, TRN_ALU_MAX, TRN_ALU_MIN };
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	struct trn_isa_compute c = { .head.op = TRN_OP_SCALAR_REDUCE };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, tame(g));
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	c.op0 = (uint8_t)orc_arithmetic(g);
	if (c.op0 == TRN_ALU_BYPASS)
		c.op0 = TRN_ALU_ADD;
	c.func = joins[orc_below(&g->rng, ORC_LEN(joins))];
	if (orc_chance(&g->rng, 40))
		c.head.flags = TRN_REDUCE_NEGATE;
	orc_scalars(g, &c, p, 1, false);
	orc_modes(g, &c, p, true);
}

void orc_make_activate2(struct orc_case *g)
{
	static const uint8_t pairs[][2] = {
		{ TRN_ALU_BYPASS, TRN_ALU_BYPASS }, { TRN_ALU_MUL, TRN_ALU_BYPASS },
		{ TRN_ALU_ADD, TRN_ALU_BYPASS },    { TRN_ALU_SUB, TRN_ALU_BYPASS },
		{ TRN_ALU_MUL, TRN_ALU_ADD },       { TRN_ALU_MUL, TRN_ALU_SUB },
	};
	static const uint8_t joins[] = { TRN_ALU_ADD, TRN_ALU_MAX, TRN_ALU_MIN, TRN_ALU_ABS_MAX,
					 TRN_ALU_ABS_MIN };
	const uint8_t *pair = pairs[orc_below(&g->rng, ORC_LEN(pairs))];
	const uint32_t p = orc_partitions(g), n = orc_count(g, 1000);
	struct trn_isa_compute c = { .head.op = TRN_OP_ACTIVATE2, .op0 = pair[0], .op1 = pair[1] };
	const uint32_t used = (pair[0] != TRN_ALU_BYPASS ? 1u : 0) |
			      (pair[1] != TRN_ALU_BYPASS ? 2u : 0);

	c.func = (uint8_t)orc_below(&g->rng, TRN_ACT_COUNT);
	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, tame(g));
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	c.head.flags = reverse(g, (used & 1 ? TRN_SCALAR_REVERSE0 : 0) |
					  (used & 2 ? TRN_SCALAR_REVERSE1 : 0));
	orc_scalars(g, &c, p, used, false);
	if (c.func == TRN_ACT_PRELU)
		c.imm[3] = orc_imm(g);
	c.imm[2] = joins[orc_below(&g->rng, ORC_LEN(joins))];
	orc_modes(g, &c, p, false);
	for (uint32_t k = 0; k < g->count; k++) {
		if (g->inst[k].head.op == TRN_OP_ACTIVATE2 && g->inst[k].mode == TRN_REDUCE_IDLE)
			g->inst[k].imm[2] = 0;
	}
}

/* A predicate of zeros and others. */
static struct trn_isa_ap predicate(struct orc_case *g, uint32_t set, uint32_t p, uint32_t n)
{
	struct trn_isa_ap ap = orc_source(g, orc_pick_dtype(g, set), p, n, ORC_BITS);

	for (uint32_t r = 0; r < p; r++) {
		for (uint32_t k = 0; k < n; k++) {
			if (orc_chance(&g->rng, 50))
				orc_fill_raw(g, &ap, r, k, 0);
		}
	}
	return ap;
}

void orc_make_select(struct orc_case *g)
{
	const uint32_t narrow = ORC_INTS & NO_WORDS;
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	const uint32_t kind = orc_below(&g->rng, 3);
	struct trn_isa_compute c = { .head.op = TRN_OP_SELECT_REDUCE };

	c.src0 = orc_source(g, orc_pick_dtype(g, NO_WORDS), p, n, ORC_ANY);
	c.src1 = predicate(g, narrow, p, n);
	c.dst = orc_target(g, orc_pick_dtype(g, NO_WORDS), p, n);
	if (kind == 0)
		c.imm[0] = orc_imm(g);
	else if (kind == 1)
		c.src2 = orc_source(g, orc_pick_dtype(g, ORC_FLOATS), p, 1, ORC_ANY);
	else
		c.src2 = orc_source(g, orc_pick_dtype(g, NO_WORDS & (n == 1 ? ORC_FLOATS : ~0u)), p,
				    n, ORC_ANY);
	if (orc_chance(&g->rng, 40))
		c.head.flags = TRN_SELECT_REVERSE;
	orc_modes(g, &c, p, true);
}

void orc_make_predicated(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	const bool constant = orc_chance(&g->rng, 30), ready = g->psum_ready;
	uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT | 0x78000);
	struct trn_isa_compute c = { .head.op = TRN_OP_COPY_PREDICATED };

	if (!constant)
		c.src0 = orc_source(g, dtype, p, n, ORC_BITS);
	if (c.src0.space == TRN_SPACE_PSUM)
		g->psum_ready = false;
	c.src1 = predicate(g, ORC_INTS, p, n);
	g->psum_ready = ready;
	c.dst = orc_operand(g, orc_space(g, true), dtype, p, n);
	orc_fill(g, &c.dst, ORC_BITS);
	if (constant && orc_is_float(dtype))
		c.imm[0] = orc_imm(g);
	else if (constant && orc_is_int(dtype))
		c.imm[0] = (uint32_t)orc_next(&g->rng);
	if (orc_chance(&g->rng, 40))
		c.head.flags = TRN_SELECT_REVERSE;
	orc_put_last(g, &c);
}

void orc_make_bn_stats(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 512);
	struct trn_isa_compute c = { .head.op = TRN_OP_BN_STATS };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, ORC_ANY);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_FLOATS), p, 6);
	orc_put_last(g, &c);
}

void orc_make_bn_aggr(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), k = orc_count(g, 60);
	struct trn_isa_compute c = { .head.op = TRN_OP_BN_AGGR };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, 3 * k,
			    orc_chance(&g->rng, 15) ? ORC_ANY : ORC_PLAIN);
	/* Mostly counts that are counts. */
	for (uint32_t r = 0; r < p && orc_chance(&g->rng, 95); r++) {
		for (uint32_t j = 0; j < k; j++)
			orc_fill_raw(g, &c.src0, r, 3 * j,
				     orc_encode(c.src0.dtype, (float)orc_below(&g->rng, 9)));
	}
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_FLOATS), p, 2);
	orc_put_last(g, &c);
}

void orc_make_shuffle(struct orc_case *g)
{
	const uint32_t p = 32 * (1 + orc_below(&g->rng, 4)), n = orc_count(g, 300);
	const uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT | 0x78000);
	struct trn_isa_compute c = { .head.op = TRN_OP_STREAM_SHUFFLE };
	uint64_t field[32];
	uint32_t word[6] = { 0 };

	for (uint32_t k = 0; k < 32; k++) {
		field[k] = orc_chance(&g->rng, 15) ? 63 : orc_below(&g->rng, 32);
		for (uint32_t b = 0; b < 6; b++)
			word[(6 * k + b) / 32] |= (uint32_t)(field[k] >> b & 1) << (6 * k + b) % 32;
	}
	for (uint32_t k = 0; k < 4; k++)
		c.imm[k] = word[k];
	c.imm4 = word[4];
	c.imm5 = word[5];
	/* The middle counts of partitions have only one start. */
	c.src0 = orc_source(g, dtype, p, n, ORC_BITS);
	c.dst = orc_operand(g, orc_space(g, true), dtype, p, n);
	orc_fill(g, &c.dst, ORC_BITS);
	for (uint32_t d = 0; d < c.src0.ndims && c.src0.dims[d].step != 0; d++) {
		if (d + 1u == c.src0.ndims && orc_chance(&g->rng, 20))
			c.dst = c.src0;
	}
	orc_put_last(g, &c);
}

void orc_make_replace8(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = 8 + orc_count(g, 4000);
	const uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT);
	struct trn_isa_compute c = { .head.op = TRN_OP_MATCH_REPLACE8 };

	c.src0 = orc_operand(g, orc_space(g, true), dtype, p, n);
	orc_fill(g, &c.src0, orc_chance(&g->rng, 50) ? ORC_WHOLE : ORC_ANY);
	c.src1 = orc_operand(g, orc_space(g, true), orc_chance(&g->rng, 70) ? dtype : TRN_DTYPE_F32,
			     p, 8);
	orc_fill(g, &c.src1, ORC_ANY);
	orc_wanted(g, &c);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	orc_in_place(g, &c.dst, &c.src0);
	c.imm[0] = orc_imm(g);
	if (orc_chance(&g->rng, 60))
		c.dst2 = orc_target(g, orc_chance(&g->rng, 50) ? TRN_DTYPE_U16 : TRN_DTYPE_U32, p,
				    8);
	orc_put_last(g, &c);
}
