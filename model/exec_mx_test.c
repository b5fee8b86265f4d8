/* SPDX-License-Identifier: Apache-2.0 */
/* MX products against a chain of fused multiply-adds over unpacked, scaled numbers, and
 * quantisation against its definition in double. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define SRC0_AT 0u
#define SRC1_AT 16384u
#define SCALE0_AT 49152u
#define SCALE1_AT 57344u
#define DST_AT 65536u
#define PSUM_AT 0u

static struct trn_isa_ap sbuf(enum trn_dtype dtype, uint32_t start, uint32_t partitions,
			      uint32_t offset, uint32_t count)
{
	return trn_test_ap(TRN_SPACE_SBUF, dtype, start, partitions, offset, count);
}

/* Random bytes in every partition a pattern may touch, so that what nobody names shows. */
static void noise(struct trn_test_core *tc, uint32_t offset, uint32_t bytes, bool scales)
{
	uint8_t row[8192];

	for (uint32_t p = 0; p < TRN_ISA_PARTITIONS; p++) {
		for (uint32_t i = 0; i < bytes; i++)
			row[i] = (uint8_t)(scales ? 110 + trn_test_below(tc, 30) :
						    trn_prng_next(&tc->prng));
		trn_test_poke(tc, TRN_SPACE_SBUF, p, 1, offset, row, bytes);
	}
}

/* Number j of element f of partition p, by the definition. */
static float number(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t f,
		    uint32_t j)
{
	static const float e2m1[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
	uint8_t raw[4];
	uint32_t code;

	trn_test_raw_get(tc, ap, p, f, raw);
	if (ap->dtype == TRN_DTYPE_F8E5M2_X4)
		return trn_fp8_to_f32(raw[j], TRN_DTYPE_F8E5M2);
	if (ap->dtype == TRN_DTYPE_F8E4M3FN_X4)
		return trn_fp8_to_f32(raw[j], TRN_DTYPE_F8E4M3FN);
	code = (uint32_t)raw[j / 2] >> (j % 2 * 4) & 15u;
	return code & 8 ? -e2m1[code & 7] : e2m1[code & 7];
}

static float scaled(struct trn_test_core *tc, const struct trn_isa_ap *ap,
		    const struct trn_isa_ap *scale, uint32_t k, uint32_t f)
{
	const uint32_t p = k / 4;
	uint8_t b;

	trn_test_raw_get(tc, scale, p / 32 * 32 + p % 32 / 8, f, &b);
	return number(tc, ap, p, f, k % 4) * (b == 255 ? (float)NAN : ldexpf(1.0f, b - 127));
}

struct product {
	struct trn_isa_ap a, b, sa, sb, dst;
	uint8_t flags, op0, op1;
};

static void emit(struct trn_test_core *tc, const struct product *x)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL_MX, 4);

	inst->head.flags = x->flags;
	inst->op0 = x->op0;
	inst->op1 = x->op1;
	inst->dst = x->dst;
	inst->src0 = x->a;
	inst->src1 = x->b;
	inst->src2 = x->sa;
	inst->src3 = x->sb;
}

static void check(struct trn_test_core *tc, const struct product *x, uint32_t m, uint32_t n,
		  float sum)
{
	for (uint32_t k = 0; k < 4u * x->a.partitions; k++)
		sum = fmaf(scaled(tc, &x->a, &x->sa, k, m), scaled(tc, &x->b, &x->sb, k, n), sum);
	trn_test_expect(tc, &x->dst, m, n, sum);
}

static struct product make(enum trn_dtype a, enum trn_dtype b, uint32_t start, uint32_t partitions,
			   uint32_t m, uint32_t n)
{
	return (struct product){
		.a = sbuf(a, start, partitions, SRC0_AT, m),
		.b = sbuf(b, start, partitions, SRC1_AT, n),
		.sa = sbuf(TRN_DTYPE_U8, start, partitions - 28, SCALE0_AT, m),
		.sb = sbuf(TRN_DTYPE_F8E8M0, start, partitions - 28, SCALE1_AT, n),
		.dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, m, PSUM_AT, n),
	};
}

START_TEST(products_of_every_pair)
{
	static const uint32_t places[][2] = { { 0, 128 }, { 0, 96 },  { 0, 64 },
					      { 64, 64 }, { 96, 32 }, { 32, 32 } };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 9 * TRN_ARRAY_LEN(places); round++) {
		const uint32_t *place = places[round / 9];
		const uint32_t m = 2 + 2 * trn_test_below(&tc, 20), n = 1 + trn_test_below(&tc, 40);
		struct product x = make(TRN_DTYPE_F8E5M2_X4 + round % 3,
					TRN_DTYPE_F8E5M2_X4 + round / 3 % 3, place[0], place[1], m,
					n);

		x.sa.start = (uint8_t)(x.sa.start + 4 * trn_test_below(&tc, 4));
		x.sb.start = (uint8_t)(x.sb.start + 4 * trn_test_below(&tc, 4));
		if (round % 2 == 0)
			x.b.dims[0].step = 3; /* gaps */
		noise(&tc, SRC0_AT, 256, false);
		noise(&tc, SRC1_AT, 1024, false);
		noise(&tc, SCALE0_AT, 64, true);
		noise(&tc, SCALE1_AT, 64, true);
		trn_test_clear(&tc);
		emit(&tc, &x);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t i = 0; i < 6; i++)
			check(&tc, &x, trn_test_below(&tc, m), trn_test_below(&tc, n), 0.0f);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Infinity and NaN among the numbers, NaN as a scale, the least and the largest scale. */
START_TEST(special_numbers_and_scales)
{
	struct trn_test_core tc;
	struct product x = make(TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F8E5M2_X4, 0, 32, 4, 4);
	const uint16_t ones = 0x2222; /* four times 1 */
	uint8_t row[16];

	trn_test_core_open(&tc, "trn3");
	for (uint32_t p = 0; p < 32; p++) {
		uint16_t still[4] = { ones, ones, ones, ones };

		memset(row, 0, sizeof(row));
		if (p == 9)
			row[0] = 0x7c, row[5] = 0x7d, row[15] = 0x01;
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, SRC0_AT, still, sizeof(still));
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, SRC1_AT, row, sizeof(row));
		/* scales of the numbers 0, 2^-127, NaN, 2^127 */
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, SCALE0_AT, "\x00\x7f\xff\xfe", 4);
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, SCALE1_AT, "\x7f\x7f\x7f\x00", 4);
	}
	emit(&tc, &x);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t m = 0; m < 4; m++) {
		for (uint32_t n = 0; n < 4; n++)
			check(&tc, &x, m, n, 0.0f);
	}
	ck_assert(isinf(trn_test_get(&tc, &x.dst, 1, 0)));
	ck_assert(isnan(trn_test_get(&tc, &x.dst, 1, 1)));
	ck_assert(isnan(trn_test_get(&tc, &x.dst, 2, 2)));
	ck_assert(trn_test_get(&tc, &x.dst, 1, 3) == 0x1p-143f); /* 2^-16 * 2^-127 */
	trn_test_core_close(&tc);
}
END_TEST

/* Accumulation goes on with the chain, past one host tile too, and into BF16. */
START_TEST(accumulates)
{
	static const enum trn_dtype dtypes[] = { TRN_DTYPE_F32, TRN_DTYPE_BF16 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(dtypes); i++) {
		struct product x = make(TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F8E4M3FN_X4, 0, 32, 2, 1030);
		float old[2];

		x.dst.dtype = (uint8_t)dtypes[i];
		noise(&tc, SRC0_AT, 64, false);
		noise(&tc, SRC1_AT, 4120, true); /* no NaN */
		noise(&tc, SCALE0_AT, 64, true);
		noise(&tc, SCALE1_AT, 1030, true);
		trn_test_clear(&tc);
		emit(&tc, &x);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		old[0] = trn_test_get(&tc, &x.dst, 1, 3);
		old[1] = trn_test_get(&tc, &x.dst, 0, 1029);
		check(&tc, &x, 1, 3, 0.0f);
		trn_test_clear(&tc);
		emit(&tc, &x);
		x.flags = TRN_MATMUL_ACCUMULATE;
		emit(&tc, &x);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		check(&tc, &x, 1, 3, old[0]);
		check(&tc, &x, 0, 1029, old[1]);
		/* onto nothing: a launch starts with PSUM unwritten */
		trn_test_clear(&tc);
		emit(&tc, &x);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_DST);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* One byte of an operand that a product has used is written: by the host, by an engine, by a
 * DMA. The next product sees it. */
START_TEST(operands_that_change_between_products)
{
	static const struct {
		uint32_t place, partition;
	} bytes[] = { { SRC0_AT, 5 }, { SRC1_AT, 63 }, { SCALE1_AT, 33 }, { SCALE0_AT, 0 } };
	struct trn_test_core tc;
	uint8_t ones[16];
	const struct product x = make(TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F4E2M1_X4, 0, 64, 8, 16);

	trn_test_core_open(&tc, "trn3");
	noise(&tc, SRC0_AT, 32, false);
	noise(&tc, SRC1_AT, 32, false);
	/* Scales of 1, or a small change would be lost beside large numbers. */
	memset(ones, 0x7f, sizeof(ones));
	for (uint32_t r = 0; r < 64; r++) {
		trn_test_poke(&tc, TRN_SPACE_SBUF, r, 1, SCALE0_AT, ones, sizeof(ones));
		trn_test_poke(&tc, TRN_SPACE_SBUF, r, 1, SCALE1_AT, ones, sizeof(ones));
	}
	for (uint32_t round = 0; round < 3 * TRN_ARRAY_LEN(bytes); round++) {
		const uint32_t at = bytes[round % TRN_ARRAY_LEN(bytes)].place;
		const uint32_t p = bytes[round % TRN_ARRAY_LEN(bytes)].partition;
		const uint8_t value = (uint8_t)(0x30 + trn_test_below(&tc, 16));
		const struct trn_isa_ap byte =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, p - p % 32, 32, at, 1);

		trn_test_clear(&tc);
		emit(&tc, &x);
		if (round % 3 == 1) {
			/* All 32 partitions: an engine begins at quadrants. */
			struct trn_isa_compute *set =
				trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);

			set->dst = byte;
			set->imm[0] = value;
		} else if (round % 3 == 2) {
			struct trn_isa_dma *dma =
				trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);

			memset(tc.data, value, 32);
			trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), 32);
			dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, 32, 1);
			dma->dst = trn_test_mem(&byte);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		if (round % 3 == 0)
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, at, &value, 1);
		trn_test_clear(&tc);
		emit(&tc, &x);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t i = 0; i < 8 * 16; i++)
			check(&tc, &x, i / 16, i % 16, 0.0f);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(tiled_has_the_same_result)
{
	struct trn_test_core tc;
	struct product x = make(TRN_DTYPE_F8E4M3FN_X4, TRN_DTYPE_F4E2M1_X4, 64, 64, 24, 9);

	trn_test_core_open(&tc, "trn3");
	noise(&tc, SRC0_AT, 128, true);
	noise(&tc, SRC1_AT, 64, false);
	noise(&tc, SCALE0_AT, 64, true);
	noise(&tc, SCALE1_AT, 64, true);
	x.flags = TRN_MATMUL_TILED;
	x.op0 = 2;
	x.op1 = 4;
	emit(&tc, &x);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	check(&tc, &x, 23, 8, 0.0f);
	check(&tc, &x, 0, 0, 0.0f);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- quantisation ---- */

struct quantized {
	struct trn_isa_ap src, dst, scale;
};

static void emit_quantize(struct trn_test_core *tc, const struct quantized *q)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_QUANTIZE_MX, 3);

	inst->dst = q->dst;
	inst->src0 = q->src;
	inst->dst2 = q->scale;
}

/* One group by the text of the page, in double. */
static void check_group(struct trn_test_core *tc, const struct quantized *q, uint32_t p0,
			uint32_t f)
{
	const bool e5m2 = q->dst.dtype == TRN_DTYPE_F8E5M2_X4;
	const enum trn_dtype type = e5m2 ? TRN_DTYPE_F8E5M2 : TRN_DTYPE_F8E4M3FN;
	double amax = 0;
	bool special = false;
	uint8_t have, want;
	int e = -127;

	for (uint32_t r = 0; r < 8; r++) {
		for (uint32_t j = 0; j < 4; j++) {
			const float v = trn_test_get(tc, &q->src, p0 + r, 4 * f + j);

			special = special || isnan(v) || isinf(v);
			amax = fmax(amax, fabs((double)v));
		}
	}
	if (amax > 0 && !special) {
		(void)frexp(amax, &e);
		e = e - 1 - ((e5m2 ? 15 : 8) - 1);
		e = e < -127 ? -127 : e;
	}
	want = special ? 0xff : amax == 0 ? 0 : (uint8_t)(e + 127);
	trn_test_raw_get(tc, &q->scale, p0 / 32 * 32 + p0 % 32 / 8, f, &have);
	ck_assert_uint_eq(have, want);
	for (uint32_t r = 0; r < 8; r++) {
		uint8_t raw[4];

		trn_test_raw_get(tc, &q->dst, p0 + r, f, raw);
		for (uint32_t j = 0; j < 4; j++) {
			const float v = trn_test_get(tc, &q->src, p0 + r, 4 * f + j);

			want = special ? 0 : trn_f32_to_fp8((float)ldexp((double)v, -e), type);
			ck_assert_uint_eq(raw[j], want);
		}
	}
}

static struct quantized quantized(enum trn_dtype src, enum trn_dtype dst, uint32_t start,
				  uint32_t partitions, uint32_t count, uint32_t shift)
{
	return (struct quantized){
		.src = sbuf(src, start, partitions, SRC0_AT, 4 * count),
		.dst = sbuf(dst, start, partitions, DST_AT, count),
		.scale = sbuf(TRN_DTYPE_U8, start + shift, partitions - 28, SCALE0_AT, count),
	};
}

START_TEST(quantizes)
{
	static const uint32_t places[][2] = { { 0, 128 }, { 0, 96 }, { 64, 64 }, { 32, 32 } };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 16; round++) {
		const uint32_t *place = places[round / 4];
		const uint32_t count = round == 0 ? 1500 : 1 + trn_test_below(&tc, 60);
		struct quantized q =
			quantized(round & 1 ? TRN_DTYPE_BF16 : TRN_DTYPE_F16,
				  round & 2 ? TRN_DTYPE_F8E5M2_X4 : TRN_DTYPE_F8E4M3FN_X4, place[0],
				  place[1], count, 4 * trn_test_below(&tc, 4));

		/* Every bit pattern: subnormals, infinities, NaN. */
		noise(&tc, SRC0_AT, 8192, false);
		if (round == 0)
			noise(&tc, SRC0_AT + 8192, 4000, true);
		noise(&tc, SCALE0_AT, 4096, false);
		trn_test_clear(&tc);
		emit_quantize(&tc, &q);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place[1]; p += 8) {
			check_group(&tc, &q, p, 0);
			check_group(&tc, &q, p, trn_test_below(&tc, count));
			check_group(&tc, &q, p, count - 1);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* One value in a group, everything else 0. */
static void one_value(struct trn_test_core *tc, struct quantized *q, uint16_t bits,
		      uint8_t *ret_scale, uint8_t *ret_code)
{
	uint16_t row[4] = { 0 };
	uint8_t raw[4];

	for (uint32_t p = 0; p < 32; p++) {
		row[2] = p == 13 ? bits : 0;
		trn_test_poke(tc, TRN_SPACE_SBUF, p, 1, SRC0_AT, row, sizeof(row));
	}
	trn_test_clear(tc);
	emit_quantize(tc, q);
	ck_assert_uint_eq(trn_test_launch(tc), 0);
	trn_test_raw_get(tc, &q->scale, 1, 0, ret_scale);
	trn_test_raw_get(tc, &q->dst, 13, 0, raw);
	*ret_code = raw[2];
}

START_TEST(quantizes_edges)
{
	static const struct {
		uint16_t bits; /* BF16 */
		uint8_t e4m3, code4, e5m2, code5;
	} cases[] = {
		{ 0x3f80, 120, 0x70, 113, 0x74 }, /* 1: to 2^7, to 2^14 */
		{ 0x3fff, 120, 0x78, 113, 0x78 }, /* just under 2 rounds up to the next power */
		{ 0xbf80, 120, 0xf0, 113, 0xf4 },
		{ 0x7f7f, 247, 0x78, 240, 0x78 }, /* the largest */
		{ 0x0000, 0, 0x00, 0, 0x00 },
		{ 0x8000, 0, 0x80, 0, 0x80 },
		{ 0x0001, 0, 0x08, 0, 0x24 }, /* 2^-133: below the least scale */
		{ 0x0080, 0, 0x40, 0, 0x40 }, /* 2^-126 */
		{ 0x7f80, 255, 0, 255, 0 },   /* infinity */
		{ 0xffc1, 255, 0, 255, 0 },   /* NaN */
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		struct quantized q = quantized(TRN_DTYPE_BF16, TRN_DTYPE_F8E4M3FN_X4, 0, 32, 1, 8);
		uint8_t scale, code;

		one_value(&tc, &q, cases[i].bits, &scale, &code);
		ck_assert_uint_eq(scale, cases[i].e4m3);
		ck_assert_uint_eq(code, cases[i].code4);
		q.dst.dtype = TRN_DTYPE_F8E5M2_X4;
		one_value(&tc, &q, cases[i].bits, &scale, &code);
		ck_assert_uint_eq(scale, cases[i].e5m2);
		ck_assert_uint_eq(code, cases[i].code5);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Rows of the scale operand that belong to no group keep what they hold. */
START_TEST(scale_rows_that_nobody_names)
{
	struct trn_test_core tc;
	struct quantized q = quantized(TRN_DTYPE_BF16, TRN_DTYPE_F8E4M3FN_X4, 0, 64, 3, 4);
	uint8_t before[64][3], after[64][3];

	trn_test_core_open(&tc, "trn3");
	noise(&tc, SRC0_AT, 64, true);
	noise(&tc, SCALE0_AT, 16, false);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 64, SCALE0_AT, before, 3);
	emit_quantize(&tc, &q);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 64, SCALE0_AT, after, 3);
	for (uint32_t p = 0; p < 64; p++) {
		const bool named = p % 32 >= 4 && p % 32 < 8;

		ck_assert(named || memcmp(before[p], after[p], 3) == 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Packed formats move as bits, and a constant 0 fills them. */
START_TEST(packed_formats_move)
{
	struct trn_test_core tc;
	uint8_t in[32][64], out[32][64];

	trn_test_core_open(&tc, "trn3");
	for (int t = TRN_DTYPE_F8E5M2_X4; t < TRN_DTYPE_COUNT; t++) {
		const enum trn_dtype type = (enum trn_dtype)t;
		const uint32_t size = (uint32_t)trn_dtype_size(type);
		const struct trn_isa_ap src = sbuf(type, 0, 32, SRC0_AT, 16);
		struct trn_isa_compute *inst;
		struct trn_isa_dma *dma;

		noise(&tc, SRC0_AT, 64, false);
		noise(&tc, DST_AT, 256, false);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
		inst->src0 = src;
		inst->dst = sbuf(type, 0, 32, DST_AT, 16);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_MEMSET, 1);
		inst->dst = sbuf(type, 0, 32, DST_AT + 64, 16);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TRANSPOSE, 2);
		inst->src0 = src;
		inst->dst = sbuf(type, 0, 16, DST_AT + 4096, 32);
		trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), 65536);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->dst = trn_test_dram(0, type, 0, 32, 16);
		dma->src = trn_test_mem(&src);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 32, SRC0_AT, in, 16 * size);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 32, DST_AT, out, 16 * size);
		ck_assert_mem_eq(in, out, 32 * 16 * size);
		ck_assert_mem_eq(tc.data, in, 32 * 16 * size);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 32, DST_AT + 64, out, 16 * size);
		for (uint32_t i = 0; i < 32 * 16 * size; i++)
			ck_assert_uint_eq(((uint8_t *)out)[i], 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 5, 1, DST_AT + 4096, out, 32 * size);
		for (uint32_t p = 0; p < 32; p++)
			ck_assert_mem_eq((uint8_t *)out + p * size,
					 (uint8_t *)in + (p * 16 + 5) * size, size);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Four times the products in the same time: 315 TFLOPS a core. */
START_TEST(steady_state_rate)
{
	const struct product x = make(TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F8E4M3FN_X4, 0, 128, 128, 512);
	struct trn_test_core tc;
	uint64_t from;
	double rate;

	trn_test_core_init(&tc, "trn3");
	tc.host.config.timing_only = true; /* nobody looks at the numbers */
	trn_test_core_start(&tc);
	from = trn_model_now(tc.host.model);
	for (uint32_t i = 0; i < 200; i++)
		emit(&tc, &x);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	rate = 2.0 * 128 * 512 * 512 * 200 / (double)(trn_model_now(tc.host.model) - from);
	ck_assert_double_le(rate, 314.6 * 1.01);
	ck_assert_double_ge(rate, 314.6 * 0.93);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_mx_suite(void)
{
	Suite *suite = suite_create("exec-mx");
	TCase *tcase = tcase_create("mx");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, products_of_every_pair);
	tcase_add_test(tcase, special_numbers_and_scales);
	tcase_add_test(tcase, accumulates);
	tcase_add_test(tcase, operands_that_change_between_products);
	tcase_add_test(tcase, tiled_has_the_same_result);
	tcase_add_test(tcase, quantizes);
	tcase_add_test(tcase, quantizes_edges);
	tcase_add_test(tcase, scale_rows_that_nobody_names);
	tcase_add_test(tcase, packed_formats_move);
	tcase_add_test(tcase, steady_state_rate);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_mx_suite)
