/* SPDX-License-Identifier: Apache-2.0 */
/* Random instructions of sections 8.3 and 8.4, the part that the first version had. */
#include "gen.h"

#include <math.h>

#define ARITH_LAST 13 /* TRN_ALU_ADD .. LXOR: 1..14 */
#define WORDS32 (1u << TRN_DTYPE_U32 | 1u << TRN_DTYPE_S32)

/* A binary operator that this engine and generation have; POW only alone. */
uint32_t orc_arithmetic(struct orc_case *g)
{
	uint32_t op = TRN_ALU_ADD + orc_below(&g->rng, 14);

	if (orc_chance(&g->rng, 8))
		op = TRN_ALU_BYPASS;
	if (g->number >= 3 && orc_chance(&g->rng, 10))
		op = orc_chance(&g->rng, 50) ? TRN_ALU_ABS_MAX : TRN_ALU_ABS_MIN;
	return op == TRN_ALU_BYPASS || op <= TRN_ALU_LXOR || op >= TRN_ALU_ABS_MAX ? op :
										     TRN_ALU_ADD;
}

/* The same, or a unary one. */
static uint32_t any_operator(struct orc_case *g)
{
	static const uint8_t all[] = { TRN_ALU_ABS, TRN_ALU_RECIPROCAL };
	static const uint8_t later[] = { TRN_ALU_SQUARE, TRN_ALU_RELU };

	if (!orc_chance(&g->rng, 20))
		return orc_arithmetic(g);
	if (g->engine == TRN_ENGINE_GPSIMD && orc_chance(&g->rng, 40))
		return TRN_ALU_RSQRT;
	if (g->number >= 3 && orc_chance(&g->rng, 50))
		return later[orc_below(&g->rng, 2)];
	return all[orc_below(&g->rng, 2)];
}

void orc_make_copy(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 8192);
	uint32_t from = orc_pick_dtype(g, ORC_ANYDT), to = orc_pick_dtype(g, ORC_ANYDT);
	struct trn_isa_compute c = { .head.op = TRN_OP_TENSOR_COPY };

	if (orc_chance(&g->rng, 25)) {
		from = orc_pick_dtype(g, ORC_ANYDT | 0x78000);
		to = from;
	}
	c.src0 = orc_source(g, from, p, n, ORC_ANY);
	c.dst = orc_target(g, to, p, n);
	orc_in_place(g, &c.dst, &c.src0);
	orc_put_last(g, &c);
}

void orc_make_memset(struct orc_case *g)
{
	const uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT | 0x78000);
	struct trn_isa_ap dst = orc_target(g, dtype, orc_partitions(g), orc_count(g, 8192));
	struct trn_isa_compute *c = orc_emit(g, TRN_OP_MEMSET, 1 + orc_below(&g->rng, 3));

	c->dst = dst;
	if (orc_is_float(dtype))
		c->imm[0] = orc_imm(g);
	else if (orc_is_int(dtype))
		c->imm[0] = (uint32_t)orc_next(&g->rng);
}

/* At most one of both in PSUM. */
void orc_two_sources(struct orc_case *g, uint32_t set, uint32_t p, uint32_t n, struct trn_isa_ap *a,
		     struct trn_isa_ap *b)
{
	const bool ready = g->psum_ready;

	*a = orc_source(g, orc_pick_dtype(g, set), p, n, ORC_ANY);
	if (a->space == TRN_SPACE_PSUM)
		g->psum_ready = false;
	*b = orc_source(g, orc_pick_dtype(g, set), p, n, ORC_ANY);
	g->psum_ready = ready;
}

void orc_make_tensor_tensor(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 4096);
	const bool on_g = g->engine == TRN_ENGINE_GPSIMD;
	uint32_t set = ORC_ANYDT, op = orc_arithmetic(g);
	struct trn_isa_compute c = { .head.op = TRN_OP_TENSOR_TENSOR };

	if (!on_g && orc_chance(&g->rng, 25)) {
		op = TRN_ALU_NOT + orc_below(&g->rng, 6);
		set = ORC_INTS;
	}
	if (on_g && orc_chance(&g->rng, 40))
		set = WORDS32;
	else if (on_g && orc_chance(&g->rng, 10))
		op = TRN_ALU_POW;
	orc_two_sources(g, set, p, n, &c.src0, &c.src1);
	if (op == TRN_ALU_SHL || op == TRN_ALU_SHR)
		orc_fill(g, &c.src1, orc_chance(&g->rng, 80) ? ORC_WHOLE : ORC_BITS);
	c.dst = orc_target(g, orc_pick_dtype(g, set), p, n);
	orc_in_place(g, &c.dst, orc_chance(&g->rng, 50) ? &c.src0 : &c.src1);
	c.op0 = (uint8_t)op;
	orc_put_last(g, &c);
}

/* Operands a and b: immediates or columns. */
void orc_scalars(struct orc_case *g, struct trn_isa_compute *c, uint32_t p, uint32_t which,
		 bool bits)
{
	static const uint8_t flag[] = { TRN_SCALAR_COLUMN0, TRN_SCALAR_COLUMN1 };

	for (uint32_t k = 0; k < 2; k++) {
		struct trn_isa_ap column;

		if (!(which >> k & 1))
			continue;
		if (!orc_chance(&g->rng, 45)) {
			c->imm[k] = bits ? (uint32_t)orc_next(&g->rng) : orc_imm(g);
			if (bits && orc_chance(&g->rng, 60))
				c->imm[k] &= 0x3f;
			continue;
		}
		column = orc_source(g, bits ? orc_pick_dtype(g, WORDS32) : TRN_DTYPE_F32, p, 1,
				    ORC_ANY);
		/* A register instruction for its address may have come in between. */
		c->head.flags |= flag[k];
		if (k == 0)
			c->src1 = column;
		else
			c->src2 = column;
	}
}

void orc_make_tensor_scalar(struct orc_case *g)
{
	static const uint8_t pairs[][2] = { { TRN_ALU_MUL, TRN_ALU_ADD },
					    { TRN_ALU_MUL, TRN_ALU_BYPASS },
					    { TRN_ALU_ADD, TRN_ALU_BYPASS } };
	const uint32_t p = orc_partitions(g), n = orc_count(g, 4096);
	const bool bits = g->engine == TRN_ENGINE_VECTOR && orc_chance(&g->rng, 25);
	const uint32_t set = bits ? ORC_INTS : ORC_ANYDT;
	struct trn_isa_compute c = { .head.op = TRN_OP_TENSOR_SCALAR };

	if (g->engine == TRN_ENGINE_SCALAR) {
		const uint8_t *pair = pairs[orc_below(&g->rng, ORC_LEN(pairs))];

		c.op0 = pair[0];
		c.op1 = pair[1];
	} else if (bits) {
		c.op0 = (uint8_t)(TRN_ALU_NOT + orc_below(&g->rng, 6));
		c.op1 = orc_chance(&g->rng, 30) ? TRN_ALU_BYPASS :
						  (uint8_t)(TRN_ALU_NOT + orc_below(&g->rng, 6));
	} else {
		c.op0 = (uint8_t)any_operator(g);
		c.op1 = orc_chance(&g->rng, 30) ? TRN_ALU_BYPASS : (uint8_t)any_operator(g);
		if (g->engine == TRN_ENGINE_GPSIMD && orc_chance(&g->rng, 10)) {
			c.op0 = TRN_ALU_POW;
			c.op1 = TRN_ALU_BYPASS;
		}
	}
	c.src0 = orc_source(g, orc_pick_dtype(g, set), p, n, ORC_ANY);
	c.dst = orc_target(g, orc_pick_dtype(g, set), p, n);
	orc_in_place(g, &c.dst, &c.src0);
	if (orc_chance(&g->rng, 30))
		c.head.flags |= TRN_SCALAR_REVERSE0;
	if (c.op1 != TRN_ALU_BYPASS && orc_chance(&g->rng, 30))
		c.head.flags |= TRN_SCALAR_REVERSE1;
	if (c.op0 == TRN_ALU_BYPASS)
		c.head.flags &= (uint8_t)~TRN_SCALAR_REVERSE0;
	/* An operand beside BYPASS is not used. */
	orc_scalars(g, &c, p,
		    (c.op0 != TRN_ALU_BYPASS ? 1u : 0) | (c.op1 != TRN_ALU_BYPASS ? 2u : 0), bits);
	orc_put_last(g, &c);
}

void orc_make_reduce(struct orc_case *g)
{
	static const uint8_t ops[] = { TRN_ALU_ADD, TRN_ALU_SUB,  TRN_ALU_MUL, TRN_ALU_MAX,
				       TRN_ALU_MIN, TRN_ALU_LAND, TRN_ALU_LOR, TRN_ALU_LXOR,
				       TRN_ALU_AND, TRN_ALU_OR,   TRN_ALU_XOR };
	const uint8_t op = ops[orc_below(&g->rng, ORC_LEN(ops))];
	const uint32_t set = orc_alu_is_bit(op) ? ORC_INTS : ORC_ANYDT, p = orc_partitions(g);
	struct trn_isa_compute c = { .head.op = TRN_OP_TENSOR_REDUCE, .func = op };
	uint32_t kept = 1;

	c.src0 = orc_source(g, orc_pick_dtype(g, set), p, orc_count(g, 4096), ORC_ANY);
	c.imm[0] = 1 + orc_below(&g->rng, c.src0.ndims);
	for (uint32_t d = 0; d + c.imm[0] < c.src0.ndims; d++)
		kept *= c.src0.dims[d].num;
	c.dst = orc_target(g, orc_pick_dtype(g, set), p, kept);
	if (!orc_alu_is_bit(op) && orc_chance(&g->rng, 30))
		c.head.flags = TRN_REDUCE_NEGATE;
	orc_put_last(g, &c);
}

/* An instruction with accumulator commands runs a few times over the same lanes. */
void orc_modes(struct orc_case *g, struct trn_isa_compute *c, uint32_t p, bool load)
{
	static const uint8_t first[] = { TRN_REDUCE_IDLE, TRN_REDUCE_RESET, TRN_REDUCE_RESET_REDUCE,
					 TRN_REDUCE_RESET_REDUCE, TRN_REDUCE_LOAD_REDUCE };
	/* In place the second would read what is not defined to the bit: NaN of another dtype. */
	const bool once = c->dst.offset == c->src0.offset && c->dst.space == c->src0.space;
	const uint32_t again = once ? 0 : orc_below(&g->rng, 4);

	for (uint32_t k = 0; k <= again && g->count + 4 < ORC_SEQUENCE; k++) {
		c->mode = k > 0 && orc_chance(&g->rng, 70) ?
				  (uint8_t)TRN_REDUCE_ACCUMULATE :
				  first[orc_below(&g->rng, ORC_LEN(first))];
		/* What stands in the lanes of S is another case's sum, maybe a loose one. */
		if (k == 0 && g->engine == TRN_ENGINE_SCALAR && c->mode == TRN_REDUCE_IDLE)
			c->mode = TRN_REDUCE_RESET_REDUCE;
		if (c->mode == TRN_REDUCE_LOAD_REDUCE && !load)
			c->mode = TRN_REDUCE_RESET_REDUCE;
		c->imm[1] = load && c->mode == TRN_REDUCE_LOAD_REDUCE ? orc_imm(g) : c->imm[1];
		if (load && c->mode != TRN_REDUCE_LOAD_REDUCE)
			c->imm[1] = 0;
		c->dst2 = (struct trn_isa_ap){ 0 };
		if (c->mode >= TRN_REDUCE_ACCUMULATE && orc_chance(&g->rng, 70))
			c->dst2 = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, 1);
		orc_put_last(g, c);
	}
}

/* Arguments that lie where the function does something. */
static enum orc_values act_values(struct orc_case *g)
{
	static const uint8_t often[] = { ORC_PLAIN, ORC_PLAIN, ORC_WHOLE, ORC_EDGES, ORC_BITS };

	return often[orc_below(&g->rng, ORC_LEN(often))];
}

void orc_make_activation(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 1000);
	struct trn_isa_compute c = { .head.op = TRN_OP_ACTIVATION };

	c.func = (uint8_t)orc_below(&g->rng, TRN_ACT_COUNT);
	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, act_values(g));
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	c.imm[0] = 0x3f800000;
	if (orc_chance(&g->rng, 60)) {
		c.imm[0] = 0;
		orc_scalars(g, &c, p, 3, false);
	}
	if (c.func == TRN_ACT_PRELU)
		c.imm[2] = orc_imm(g);
	orc_modes(g, &c, p, false);
}

void orc_make_exponential(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 1000);
	struct trn_isa_compute c = { .head.op = TRN_OP_EXPONENTIAL };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, act_values(g));
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	orc_scalars(g, &c, p, 1, false);
	orc_modes(g, &c, p, true);
}

void orc_make_reciprocal(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 4096);
	struct trn_isa_compute c = { .head.op = TRN_OP_RECIPROCAL };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, ORC_ANY);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	orc_in_place(g, &c.dst, &c.src0);
	orc_put_last(g, &c);
}

static uint32_t step(struct orc_case *g)
{
	return orc_chance(&g->rng, 80) ? orc_below(&g->rng, 41) - 20 : (uint32_t)orc_next(&g->rng);
}

void orc_make_iota(struct orc_case *g)
{
	struct trn_isa_compute c = { .head.op = TRN_OP_IOTA };
	uint32_t *const steps[] = { &c.imm[2], &c.imm[3], &c.imm4, &c.imm5 };

	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), orc_partitions(g), orc_count(g, 4096));
	c.imm[0] = step(g);
	c.imm[1] = step(g);
	for (uint32_t d = 0; d < c.dst.ndims; d++)
		*steps[d] = step(g);
	orc_put_last(g, &c);
}

void orc_make_affine(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = orc_count(g, 4096);
	struct trn_isa_compute c = { .head.op = TRN_OP_AFFINE_SELECT };
	uint32_t *const steps[] = { &c.imm[3], &c.imm4, &c.imm5 };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, ORC_ANY);
	do
		c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	while (c.dst.ndims > 3 && !g->full);
	c.op0 = (uint8_t)(TRN_ALU_EQ + orc_below(&g->rng, 6));
	c.imm[0] = step(g);
	c.imm[1] = step(g);
	c.imm[2] = orc_imm(g);
	for (uint32_t d = 0; d < c.dst.ndims && d < 3; d++)
		*steps[d] = step(g);
	orc_put_last(g, &c);
}

void orc_make_range_select(struct orc_case *g)
{
	static const uint8_t ops[] = { TRN_ALU_EQ, TRN_ALU_GE, TRN_ALU_GT, TRN_ALU_LE, TRN_ALU_LT };
	const uint32_t p = orc_partitions(g), n = orc_count(g, 2000);
	struct trn_isa_compute c = { .head.op = TRN_OP_RANGE_SELECT };

	c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, ORC_ANY);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, n);
	orc_in_place(g, &c.dst, &c.src0);
	c.op0 = ops[orc_below(&g->rng, ORC_LEN(ops))];
	c.op1 = ops[orc_below(&g->rng, ORC_LEN(ops))];
	orc_scalars(g, &c, p, 3, false);
	if (!(c.head.flags & TRN_SCALAR_COLUMN0) && orc_chance(&g->rng, 80))
		c.imm[0] = orc_bits_of((float)orc_below(&g->rng, n));
	if (!(c.head.flags & TRN_SCALAR_COLUMN1) && orc_chance(&g->rng, 80))
		c.imm[1] = orc_bits_of((float)orc_below(&g->rng, n));
	c.imm[2] = orc_chance(&g->rng, 80) ? orc_below(&g->rng, 40) - 20 :
					     (uint32_t)orc_next(&g->rng);
	orc_modes(g, &c, p, false);
}

static uint32_t eights(struct orc_case *g)
{
	return 8 + orc_count(g, 16384 - 8);
}

void orc_make_max8(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = eights(g);
	struct trn_isa_compute c = { .head.op = TRN_OP_MAX8 };

	do
		c.src0 = orc_source(g, orc_pick_dtype(g, ORC_ANYDT), p, n, ORC_ANY);
	while (c.src0.ndims > 3 && !g->full);
	c.dst = orc_target(g, orc_pick_dtype(g, ORC_ANYDT), p, 8);
	orc_put_last(g, &c);
}

/* Values to look for: some that are there, some twice. */
void orc_wanted(struct orc_case *g, struct trn_isa_compute *c)
{
	for (uint32_t p = 0; p < c->src1.partitions; p++) {
		for (uint32_t v = 0; v < 8; v++) {
			const uint32_t n = orc_below(&g->rng, orc_ap_count(&c->src0));
			const uint32_t from = (uint32_t)orc_ap_at(&c->src0, n);
			const uint32_t at = c->src0.space == TRN_SPACE_PSUM ? from + g->image :
									      from;
			const uint32_t raw = orc_read(g->m, TRN_SPACE_SBUF, c->src0.start + p, at,
						      orc_size(c->src0.dtype));

			if (!g->full && orc_chance(&g->rng, 70))
				orc_fill_raw(g, &c->src1, p, v,
					     orc_encode(c->src1.dtype,
							orc_decode(c->src0.dtype, raw)));
		}
	}
}

void orc_make_find8(struct orc_case *g)
{
	const uint32_t p = orc_partitions(g), n = eights(g);
	const uint32_t dtype = orc_pick_dtype(g, ORC_ANYDT);
	struct trn_isa_compute c = { .head.op = TRN_OP_FIND_INDEX8 };
	struct trn_isa_ap plain;

	g->count = 0;
	c.src0 = orc_operand(g, orc_space(g, true), dtype, p, n);
	orc_fill(g, &c.src0, orc_chance(&g->rng, 50) ? ORC_WHOLE : ORC_ANY);
	plain = orc_operand(g, orc_space(g, true), orc_chance(&g->rng, 70) ? dtype : TRN_DTYPE_F32,
			    p, 8);
	c.src1 = plain;
	orc_fill(g, &c.src1, ORC_ANY);
	orc_wanted(g, &c);
	c.dst = orc_target(g, orc_chance(&g->rng, 50) ? TRN_DTYPE_U16 : TRN_DTYPE_U32, p, 8);
	orc_put_last(g, &c);
}
