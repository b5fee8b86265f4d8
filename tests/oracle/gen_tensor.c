/* SPDX-License-Identifier: Apache-2.0 */
/* Random instructions of sections 8.1 to 8.2.1: the tensor engine. */
#include "gen.h"

#define F8                                                                            \
	(1u << TRN_DTYPE_F8E4M3 | 1u << TRN_DTYPE_F8E4M3FN | 1u << TRN_DTYPE_F8E5M2 | \
	 1u << TRN_DTYPE_F8E3M4)
#define NARROW (F8 | 1u << TRN_DTYPE_BF16 | 1u << TRN_DTYPE_F16)
#define BANK 2048u

/* dtypes that may meet: F32 and TF32 with themselves, no E4M3 with E4M3FN. */
static void inputs(struct orc_case *g, uint32_t set, uint32_t *a, uint32_t *b)
{
	*a = orc_pick_dtype(g, set);
	*b = *a;
	if (!(NARROW >> *a & 1))
		return;
	*b = orc_pick_dtype(g, set & NARROW);
	if ((*a == TRN_DTYPE_F8E4M3 && *b == TRN_DTYPE_F8E4M3FN) ||
	    (*a == TRN_DTYPE_F8E4M3FN && *b == TRN_DTYPE_F8E4M3))
		*b = *a;
}

/* A destination; on trn2 inside one bank. */
static struct trn_isa_ap output(struct orc_case *g, uint32_t dtype, uint32_t m, uint32_t n)
{
	struct trn_isa_ap ap = orc_operand(g, TRN_SPACE_PSUM, dtype, m, n);
	int64_t least = INT64_MAX, most = 0;

	for (uint32_t k = 0; k < n && !g->full; k++) {
		const int64_t at = orc_ap_at(&ap, k);

		least = at < least ? at : least;
		most = at > most ? at : most;
	}
	if (g->number < 3 && !g->full && least / BANK != most / BANK)
		g->full = true;
	return ap;
}

static void tile(struct orc_case *g, struct trn_isa_compute *c, uint32_t flags, uint32_t k,
		 uint32_t m)
{
	static const uint8_t sizes[] = { 1, 2, 4 };

	if ((flags & TRN_MATMUL_TRANSPOSE) || !orc_chance(&g->rng, 20))
		return;
	c->op0 = sizes[orc_below(&g->rng, 3)];
	c->op1 = flags & TRN_MATMUL_DOUBLE_ROW ? 4 : sizes[orc_below(&g->rng, 3)];
	if (k > 32u * c->op0 || m > 32u * c->op1) {
		c->op0 = c->op1 = 0;
		return;
	}
	c->src0.start = (uint8_t)(orc_below(&g->rng, 4u / c->op0) * 32u * c->op0);
	c->src1.start = c->src0.start;
	c->dst.start = (uint8_t)(orc_below(&g->rng, 4u / c->op1) * 32u * c->op1);
	c->head.flags |= TRN_MATMUL_TILED;
}

static void fill_zero_one(struct orc_case *g, const struct trn_isa_ap *ap)
{
	for (uint32_t p = 0; p < ap->partitions; p++) {
		for (uint32_t n = 0; n < orc_ap_count(ap); n++)
			orc_fill_raw(g, ap, p, n,
				     orc_encode(ap->dtype, (float)orc_below(&g->rng, 2)));
	}
}

static void fill_inputs(struct orc_case *g, struct trn_isa_compute *c)
{
	const enum orc_values values = orc_chance(&g->rng, 70) ? ORC_PLAIN : ORC_ANY;

	orc_fill(g, &c->src0, values);
	orc_fill(g, &c->src1, values);
	if (c->head.flags & (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_TRANSPOSE))
		fill_zero_one(g, &c->src0);
	if (c->head.flags & TRN_MATMUL_ONEZERO1)
		fill_zero_one(g, &c->src1);
}

/* Flags that go together. */
static uint32_t matmul_flags(struct orc_case *g, uint32_t a)
{
	if (a == TRN_DTYPE_F32 && orc_chance(&g->rng, 30))
		return orc_chance(&g->rng, 50) ? TRN_MATMUL_ONEZERO0 : TRN_MATMUL_ONEZERO1;
	return orc_chance(&g->rng, 12) ? TRN_MATMUL_TRANSPOSE : 0;
}

void orc_make_matmul(struct orc_case *g)
{
	const bool two = orc_chance(&g->rng, 15);
	uint32_t k = 1 + orc_below(&g->rng, g->small ? 16 : 48) * (orc_chance(&g->rng, 10) ? 2 : 1);
	const uint32_t m = 1 + orc_below(&g->rng, g->small ? 8 : 24);
	const uint32_t n = 1 + orc_below(&g->rng, g->small > 1 ? 12 : 60);
	uint32_t a, b, to = TRN_DTYPE_F32;
	struct trn_isa_compute c = { .head.op = TRN_OP_MATMUL };

	if (g->number >= 3 && orc_chance(&g->rng, 12))
		k = 32; /* an index goes by 32 */
	inputs(g, two ? F8 : NARROW | 1u << TRN_DTYPE_F32 | 1u << TRN_DTYPE_TF32, &a, &b);
	c.head.flags = (uint8_t)(two ? TRN_MATMUL_DOUBLE_ROW : matmul_flags(g, a));
	if (g->number >= 3 && orc_chance(&g->rng, 40))
		to = TRN_DTYPE_BF16;
	if (c.head.flags & TRN_MATMUL_TRANSPOSE)
		to = b;
	c.src0 = orc_operand(g, TRN_SPACE_SBUF, a, k, two ? 2 * m : m);
	c.src1 = orc_operand(g, TRN_SPACE_SBUF, b, k, two ? 2 * n : n);
	c.dst = output(g, to, m, n);
	tile(g, &c, c.head.flags, k, m);
	fill_inputs(g, &c);
	c.head.words = 2;
	if (!(c.head.flags & (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1)))
		orc_index(g, &c);
	*orc_emit(g, TRN_OP_MATMUL, 2) = c;
	/* More on top of it, of other values. */
	while (!(c.head.flags & TRN_MATMUL_TRANSPOSE) && g->count < 4 && orc_chance(&g->rng, 40)) {
		c.head.flags |= TRN_MATMUL_ACCUMULATE;
		*orc_emit(g, TRN_OP_MATMUL, 2) = c;
		if (!c.head.indirect)
			g->inst[g->count - 1].head.words = (uint8_t)(2 + orc_below(&g->rng, 3));
	}
}

void orc_make_transpose(struct orc_case *g)
{
	const bool on_t = g->engine == TRN_ENGINE_TENSOR;
	const uint32_t most = on_t ? (g->small ? 24 : 128) : 32;
	const uint32_t p = 1 + orc_below(&g->rng, most), f = 1 + orc_below(&g->rng, most);
	const uint32_t from = orc_pick_dtype(g, ORC_ANYDT | (on_t ? 0x38000 : 0x78000));
	struct trn_isa_compute c = { .head.op = TRN_OP_TRANSPOSE };

	c.src0 = orc_source(g, from, p, f, ORC_BITS);
	c.dst = orc_target(g, on_t && orc_size(from) == 1 ? TRN_DTYPE_U16 : from, f, p);
	*orc_emit(g, TRN_OP_TRANSPOSE, 2) = c;
	g->inst[g->count - 1].head.words = (uint8_t)(2 + orc_below(&g->rng, 2));
}

static struct trn_isa_ap scales(struct orc_case *g, const struct trn_isa_ap *ap, bool fill)
{
	const uint32_t dtype = orc_chance(&g->rng, 50) ? TRN_DTYPE_U8 : TRN_DTYPE_F8E8M0;
	struct trn_isa_ap s =
		orc_operand(g, TRN_SPACE_SBUF, dtype, ap->partitions - 28u, orc_ap_count(ap));

	/* Its start is the operand's plus 0, 4, 8 or 12. */
	s.start = (uint8_t)(ap->start + 4 * orc_below(&g->rng, 4));
	for (uint32_t p = 0; p < s.partitions && fill; p++) {
		for (uint32_t n = 0; n < orc_ap_count(&s); n++) {
			uint32_t raw = 117 + orc_below(&g->rng, 20);

			if (orc_chance(&g->rng, 1))
				raw = orc_chance(&g->rng, 20) ? 255 : orc_below(&g->rng, 256);
			orc_fill_raw(g, &s, p, n, raw);
		}
	}
	return s;
}

#define X4 (1u << TRN_DTYPE_F8E5M2_X4 | 1u << TRN_DTYPE_F8E4M3FN_X4 | 1u << TRN_DTYPE_F4E2M1_X4)

/* x4 numbers without too many NaN. */
static void fill_x4(struct orc_case *g, const struct trn_isa_ap *ap)
{
	const uint32_t part = orc_x4_part(ap->dtype);
	const bool wild = orc_chance(&g->rng, 15);

	orc_fill(g, ap, ORC_BITS);
	for (uint32_t p = 0; p < ap->partitions && part && !wild; p++) {
		for (uint32_t n = 0; n < orc_ap_count(ap); n++) {
			uint32_t raw = 0;

			for (uint32_t j = 0; j < 4; j++)
				raw |= orc_value(g, part, ORC_PLAIN) << 8 * j;
			orc_fill_raw(g, ap, p, n, raw);
		}
	}
}

void orc_make_matmul_mx(struct orc_case *g)
{
	const uint32_t p =
		32 * (1 + orc_below(&g->rng, g->small || orc_chance(&g->rng, 70) ? 1 : 4));
	const uint32_t m = 2 * (1 + orc_below(&g->rng, g->small ? 3 : 10));
	const uint32_t n = 1 + orc_below(&g->rng, g->small > 1 ? 6 : 24);
	struct trn_isa_compute c = { .head.op = TRN_OP_MATMUL_MX };

	c.src0 = orc_operand(g, TRN_SPACE_SBUF, orc_pick_dtype(g, X4), p, m);
	c.src1 = orc_operand(g, TRN_SPACE_SBUF, orc_pick_dtype(g, X4), p, n);
	c.dst = output(g, orc_chance(&g->rng, 40) ? TRN_DTYPE_BF16 : TRN_DTYPE_F32, m, n);
	tile(g, &c, TRN_MATMUL_DOUBLE_ROW, p, m); /* op1 is 4 */
	fill_x4(g, &c.src0);
	fill_x4(g, &c.src1);
	c.src2 = scales(g, &c.src0, true);
	c.src3 = scales(g, &c.src1, true);
	c.head.words = 4;
	orc_index(g, &c);
	*orc_emit(g, TRN_OP_MATMUL_MX, 4) = c;
	if (orc_chance(&g->rng, 40)) {
		c.head.flags |= TRN_MATMUL_ACCUMULATE;
		*orc_emit(g, TRN_OP_MATMUL_MX, 4) = c;
	}
}

void orc_make_quantize_mx(struct orc_case *g)
{
	const uint32_t p = 32 * (1 + orc_below(&g->rng, 4)), f = 1 + orc_below(&g->rng, 20);
	const uint32_t set = 1u << TRN_DTYPE_BF16 | 1u << TRN_DTYPE_F16;
	struct trn_isa_compute c = { .head.op = TRN_OP_QUANTIZE_MX, .head.words = 3 };
	const bool ready = g->psum_ready;

	g->psum_ready = false; /* all operands are in SBUF */
	c.src0 = orc_source(g, orc_pick_dtype(g, set), p, 4 * f, ORC_ANY);
	g->psum_ready = ready;
	c.dst = orc_operand(
		g, TRN_SPACE_SBUF,
		orc_pick_dtype(g, 1u << TRN_DTYPE_F8E5M2_X4 | 1u << TRN_DTYPE_F8E4M3FN_X4), p, f);
	/* Groups of zeros, of one size, of subnormals. */
	for (uint32_t r = 0; r < p; r++) {
		for (uint32_t n = 0; n < 4 * f && r % 32 < 16; n++)
			orc_fill_raw(g, &c.src0, r, n,
				     r % 32 < 8 ? 0 : orc_value(g, c.src0.dtype, ORC_PLAIN));
	}
	c.dst2 = scales(g, &c.dst, false);
	*orc_emit(g, TRN_OP_QUANTIZE_MX, 3) = c;
}
