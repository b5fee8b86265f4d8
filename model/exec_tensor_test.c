/* SPDX-License-Identifier: Apache-2.0 */
/* The tensor engine: products of every dtype against a chain of fused multiply-adds,
 * accumulation and its rules, transposes and pass-through to the bit. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define PSUM_AT 2048u

/* Emits a product; a and b at the usual places. */
static struct trn_isa_compute *product(struct trn_test_core *tc, const struct trn_isa_ap *dst,
				       const struct trn_isa_ap *a, const struct trn_isa_ap *b)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);

	inst->dst = *dst;
	inst->src0 = *a;
	inst->src1 = *b;
	return inst;
}

static float chain(struct trn_test_core *tc, const struct trn_isa_ap *a, const struct trn_isa_ap *b,
		   uint32_t rows, uint32_t m, uint32_t n, float start)
{
	const uint32_t mw = trn_test_view_count(a) / rows, nw = trn_test_view_count(b) / rows;
	float sum = start;

	for (uint32_t p = 0; p < a->partitions; p++) {
		for (uint32_t j = 0; j < rows; j++)
			sum = fmaf(trn_test_get(tc, a, p, j * mw + m),
				   trn_test_get(tc, b, p, j * nw + n), sum);
	}
	return sum;
}

START_TEST(products_of_every_dtype)
{
	static const enum trn_dtype pairs[][2] = {
		{ TRN_DTYPE_F32, TRN_DTYPE_F32 },           { TRN_DTYPE_TF32, TRN_DTYPE_TF32 },
		{ TRN_DTYPE_BF16, TRN_DTYPE_BF16 },         { TRN_DTYPE_F16, TRN_DTYPE_BF16 },
		{ TRN_DTYPE_F8E4M3, TRN_DTYPE_BF16 },       { TRN_DTYPE_F8E5M2, TRN_DTYPE_F8E4M3 },
		{ TRN_DTYPE_F8E4M3FN, TRN_DTYPE_F8E4M3FN }, { TRN_DTYPE_F8E3M4, TRN_DTYPE_F16 },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 4 * TRN_ARRAY_LEN(pairs); round++) {
		const enum trn_dtype *pair = pairs[round % TRN_ARRAY_LEN(pairs)];
		const struct trn_test_place k = trn_test_any_place(&tc);
		const struct trn_test_place km = { k.start, k.partitions,
						   1 + trn_test_below(&tc, 96) };
		const uint32_t m = km.count, n = k.count;
		struct trn_isa_ap a =
			trn_test_operand(&tc, &km, TRN_SPACE_SBUF, pair[0], TRN_TEST_SRC0);
		struct trn_isa_ap b =
			trn_test_operand(&tc, &k, TRN_SPACE_SBUF, pair[1], TRN_TEST_SRC1);
		const struct trn_test_place out = { 0, m, n };
		struct trn_isa_ap dst =
			trn_test_operand(&tc, &out, TRN_SPACE_PSUM, TRN_DTYPE_F32, PSUM_AT);

		trn_test_fill_view(&tc, &a);
		trn_test_fill_view(&tc, &b);
		trn_test_clear(&tc);
		(void)product(&tc, &dst, &a, &b);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t i = 0; i < 20; i++) {
			const uint32_t x = trn_test_below(&tc, m), y = trn_test_below(&tc, n);

			trn_test_expect(&tc, &dst, x, y, chain(&tc, &a, &b, 1, x, y, 0.0f));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(accumulation_continues_the_chain)
{
	struct trn_test_core tc;
	struct trn_isa_ap a[2], b[2];
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 40, PSUM_AT, 50);
	float want;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 2; i++) {
		a[i] = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 128, 1024 * i, 40);
		b[i] = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 128, 8192 + 1024 * i, 50);
		trn_test_fill_view(&tc, &a[i]);
		trn_test_fill_view(&tc, &b[i]);
	}
	/* The gaps of the fill run over the second operands: fill again in order. */
	trn_test_fill_view(&tc, &a[0]);
	(void)product(&tc, &dst, &a[0], &b[0]);
	product(&tc, &dst, &a[1], &b[1])->head.flags = TRN_MATMUL_ACCUMULATE;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	want = chain(&tc, &a[0], &b[0], 1, 7, 11, 0.0f);
	trn_test_expect(&tc, &dst, 7, 11, chain(&tc, &a[1], &b[1], 1, 7, 11, want));
	trn_test_core_close(&tc);
}
END_TEST

/* Convolutions add shifted products: only the part in common accumulates. */
START_TEST(accumulation_on_an_overlap)
{
	struct trn_test_core tc;
	struct trn_isa_ap a = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, TRN_TEST_SRC0, 8);
	struct trn_isa_ap b = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, TRN_TEST_SRC1, 16);
	struct trn_isa_ap all = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 8, PSUM_AT, 16);
	struct trn_isa_ap part = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 8, PSUM_AT + 32, 8);
	struct trn_isa_ap b8 = b;
	float one;

	trn_test_core_open(&tc, "trn2");
	b8.dims[0].num = 8;
	trn_test_fill_view(&tc, &a);
	trn_test_fill_view(&tc, &b);
	(void)product(&tc, &all, &a, &b);
	product(&tc, &part, &a, &b8)->head.flags = TRN_MATMUL_ACCUMULATE;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_expect(&tc, &all, 3, 7, chain(&tc, &a, &b, 1, 3, 7, 0.0f));
	one = chain(&tc, &a, &b, 1, 3, 8, 0.0f);
	trn_test_expect(&tc, &all, 3, 8, chain(&tc, &a, &b, 1, 3, 0, one));
	trn_test_core_close(&tc);
}
END_TEST

/* Strided output, and on trn3 a BF16 one: rounded after every product. */
START_TEST(outputs_that_are_not_dense_fp32)
{
	struct trn_test_core tc;
	struct trn_isa_ap a = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 64, TRN_TEST_SRC0, 32);
	struct trn_isa_ap b = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 64, TRN_TEST_SRC1, 48);
	struct trn_isa_ap wide = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 32, PSUM_AT, 48);
	struct trn_isa_ap half = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_BF16, 0, 32, 0, 48);
	float first;

	trn_test_core_open(&tc, "trn3");
	wide.dims[0].step = 3;
	trn_test_fill_view(&tc, &a);
	trn_test_fill_view(&tc, &b);
	(void)product(&tc, &wide, &a, &b);
	product(&tc, &wide, &a, &b)->head.flags = TRN_MATMUL_ACCUMULATE;
	(void)product(&tc, &half, &a, &b);
	product(&tc, &half, &a, &b)->head.flags = TRN_MATMUL_ACCUMULATE;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	first = chain(&tc, &a, &b, 1, 31, 47, 0.0f);
	trn_test_expect(&tc, &wide, 31, 47, chain(&tc, &a, &b, 1, 31, 47, first));
	first = trn_bf16_to_f32(trn_f32_to_bf16(first));
	trn_test_expect(&tc, &half, 31, 47, chain(&tc, &a, &b, 1, 31, 47, first));
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(double_row_is_twice_the_depth)
{
	struct trn_test_core tc;
	struct trn_isa_ap a =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3, 0, 128, TRN_TEST_SRC0, 1);
	struct trn_isa_ap b =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2, 0, 128, TRN_TEST_SRC1, 1);
	struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 40, PSUM_AT, 30);

	trn_test_core_open(&tc, "trn2");
	a.ndims = b.ndims = 2;
	a.dims[0] = (struct trn_isa_dim){ 64, 2 };
	a.dims[1] = (struct trn_isa_dim){ 1, 40 };
	b.dims[0] = (struct trn_isa_dim){ 32, 2 };
	b.dims[1] = (struct trn_isa_dim){ 1, 30 };
	trn_test_fill_view(&tc, &a);
	trn_test_fill_view(&tc, &b);
	product(&tc, &dst, &a, &b)->head.flags = TRN_MATMUL_DOUBLE_ROW;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t i = 0; i < 30; i++)
		trn_test_expect(&tc, &dst, 39 - i, i, chain(&tc, &a, &b, 2, 39 - i, i, 0.0f));
	trn_test_core_close(&tc);
}
END_TEST

/* The order of the chain is visible when the products differ in size: row pairs of one
 * partition follow each other. */
START_TEST(double_row_order)
{
	struct trn_test_core tc;
	struct trn_isa_ap a =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2, 0, 64, TRN_TEST_SRC0, 32);
	struct trn_isa_ap b =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2, 0, 64, TRN_TEST_SRC1, 32);
	struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, PSUM_AT, 16);

	trn_test_core_open(&tc, "trn2");
	for (uint32_t p = 0; p < 64; p++) {
		for (uint32_t i = 0; i < 64; i++) {
			/* Any sign, exponents 1 to 30: finite, over 2^29. */
			const uint8_t byte = (uint8_t)(trn_test_below(&tc, 2) << 7 |
						       (1 + trn_test_below(&tc, 30)) << 2 |
						       trn_test_below(&tc, 4));

			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1,
				      (i < 32 ? TRN_TEST_SRC0 : TRN_TEST_SRC1) + i % 32, &byte, 1);
		}
	}
	product(&tc, &dst, &a, &b)->head.flags = TRN_MATMUL_DOUBLE_ROW;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t m = 0; m < 16; m++) {
		for (uint32_t n = 0; n < 16; n++)
			trn_test_expect(&tc, &dst, m, n, chain(&tc, &a, &b, 2, m, n, 0.0f));
	}
	trn_test_core_close(&tc);
}
END_TEST

/* More columns than one host tile. */
START_TEST(wide_product_of_trn3)
{
	struct trn_test_core tc;
	struct trn_isa_ap a = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, TRN_TEST_SRC0, 16);
	struct trn_isa_ap b =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, TRN_TEST_SRC1, 1100);
	struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 0, 1100);
	uint16_t row[1100];

	trn_test_core_open(&tc, "trn3");
	b.dims[0].step = 2;
	trn_test_fill_view(&tc, &a);
	for (uint32_t p = 0; p < 32; p++) {
		trn_test_fill(&tc, TRN_DTYPE_BF16, row, 1100);
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC1, row, sizeof(row));
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC1 + 2200, row, sizeof(row));
	}
	(void)product(&tc, &dst, &a, &b);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < 1100; n += 37)
		trn_test_expect(&tc, &dst, 15, n, chain(&tc, &a, &b, 1, 15, n, 0.0f));
	trn_test_core_close(&tc);
}
END_TEST

/* The stationary operand is a permutation: rows of the moving one come out in its order. */
START_TEST(pass_through_keeps_bits)
{
	struct trn_test_core tc;
	struct trn_isa_ap a = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, TRN_TEST_SRC0, 16);
	struct trn_isa_ap b = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, TRN_TEST_SRC1, 20);
	struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_BF16, 0, 16, PSUM_AT, 20);
	uint16_t one[16][16] = { 0 }, data[16][20], have[20];

	trn_test_core_open(&tc, "trn2");
	for (int m = 0; m < 15; m++) /* column 15 chooses nothing */
		one[(m * 7 + 3) % 16][m] = 0x3f80;
	for (int p = 0; p < 16; p++)
		for (int n = 0; n < 20; n++)
			data[p][n] = (uint16_t)trn_prng_next(&tc.prng); /* NaNs and all */
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 16, TRN_TEST_SRC0, one, sizeof(one[0]));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 16, TRN_TEST_SRC1, data, sizeof(data[0]));
	product(&tc, &dst, &a, &b)->head.flags = TRN_MATMUL_TRANSPOSE;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t m = 0; m < 15; m++) {
		trn_test_peek(&tc, TRN_SPACE_PSUM, m, 1, PSUM_AT, have, sizeof(have));
		ck_assert_mem_eq(have, data[(m * 7 + 3) % 16], sizeof(have));
	}
	trn_test_peek(&tc, TRN_SPACE_PSUM, 15, 1, PSUM_AT, have, sizeof(have));
	for (int n = 0; n < 20; n++)
		ck_assert_uint_eq(have[n], 0);
	trn_test_core_close(&tc);
}
END_TEST

static void transpose_case(struct trn_test_core *tc, enum trn_engine engine, enum trn_dtype dtype,
			   uint32_t p_count, uint32_t f_count)
{
	const bool tensor = engine == TRN_ENGINE_TENSOR;
	const uint32_t size = (uint32_t)trn_dtype_size(dtype);
	const enum trn_dtype to = tensor && size == 1 ? TRN_DTYPE_U16 : dtype;
	const struct trn_isa_ap src =
		trn_test_ap(TRN_SPACE_SBUF, dtype, 0, p_count, TRN_TEST_SRC0, f_count);
	const struct trn_isa_ap dst = trn_test_ap(tensor ? TRN_SPACE_PSUM : TRN_SPACE_SBUF, to, 0,
						  f_count, tensor ? PSUM_AT : TRN_TEST_DST,
						  p_count);
	struct trn_isa_compute *inst;
	uint8_t row[128 * 4];

	for (uint32_t p = 0; p < p_count; p++) {
		for (uint32_t i = 0; i < f_count * size; i++)
			row[i] = (uint8_t)trn_prng_next(&tc->prng);
		trn_test_poke(tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC0, row, f_count * size);
	}
	trn_test_clear(tc);
	inst = trn_test_emit(tc, engine, TRN_OP_TRANSPOSE, 2);
	inst->src0 = src;
	inst->dst = dst;
	ck_assert_uint_eq(trn_test_launch(tc), 0);
	for (uint32_t i = 0; i < 40; i++) {
		const uint32_t p = trn_test_below(tc, p_count), f = trn_test_below(tc, f_count);
		uint32_t want = 0, have = 0;

		trn_test_raw_get(tc, &src, p, f, &want);
		trn_test_raw_get(tc, &dst, f, p, &have);
		ck_assert_uint_eq(have, want);
	}
}

START_TEST(transposes_keep_bits)
{
	static const enum trn_dtype dtypes[] = { TRN_DTYPE_F32,    TRN_DTYPE_BF16, TRN_DTYPE_S16,
						 TRN_DTYPE_F8E5M2, TRN_DTYPE_U8,   TRN_DTYPE_U32 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(dtypes); i++) {
		transpose_case(&tc, TRN_ENGINE_TENSOR, dtypes[i], 128, 128);
		transpose_case(&tc, TRN_ENGINE_TENSOR, dtypes[i], 1 + trn_test_below(&tc, 128),
			       1 + trn_test_below(&tc, 128));
		transpose_case(&tc, TRN_ENGINE_VECTOR, dtypes[i], 32, 32);
		transpose_case(&tc, TRN_ENGINE_VECTOR, dtypes[i], 1 + trn_test_below(&tc, 32),
			       1 + trn_test_below(&tc, 32));
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A part of the array gives what the whole one gives. */
START_TEST(tiles_have_the_same_result)
{
	static const struct {
		uint8_t rows, columns, start, dst, flags;
		uint32_t k, m;
	} tiles[] = {
		{ 1, 1, 96, 32, 0, 32, 32 },
		{ 1, 4, 32, 0, 0, 20, 100 },
		{ 2, 2, 64, 64, 0, 64, 50 },
		{ 4, 1, 0, 96, 0, 128, 7 },
		{ 2, 4, 64, 0, TRN_MATMUL_DOUBLE_ROW, 64, 60 },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(tiles); i++) {
		const uint32_t rows = tiles[i].flags ? 2 : 1;
		struct trn_isa_ap a = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3, tiles[i].start,
						  tiles[i].k, TRN_TEST_SRC0, tiles[i].m * rows);
		struct trn_isa_ap b = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2, tiles[i].start,
						  tiles[i].k, TRN_TEST_SRC1, 30 * rows);
		struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, tiles[i].dst,
						    tiles[i].m, PSUM_AT, 30);
		struct trn_isa_compute *inst;

		trn_test_fill_view(&tc, &a);
		trn_test_fill_view(&tc, &b);
		trn_test_clear(&tc);
		inst = product(&tc, &dst, &a, &b);
		inst->head.flags = TRN_MATMUL_TILED | tiles[i].flags;
		inst->op0 = tiles[i].rows;
		inst->op1 = tiles[i].columns;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < 30; n += 7)
			trn_test_expect(&tc, &dst, tiles[i].m - 1, n,
					chain(&tc, &a, &b, rows, tiles[i].m - 1, n, 0.0f));
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The promise is not believed, only told about; it costs half. */
START_TEST(operands_of_zeros_and_ones)
{
	static const uint8_t flags[] = { TRN_MATMUL_ONEZERO0, TRN_MATMUL_ONEZERO1 };
	const struct trn_isa_ap a =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 64, TRN_TEST_SRC0, 40);
	const struct trn_isa_ap b =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 64, TRN_TEST_SRC1, 40);
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 40, PSUM_AT, 40);
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_expect(&tc.host, "one-zero");
	for (uint32_t i = 0; i < 2; i++) {
		const struct trn_isa_ap *masked = i == 0 ? &a : &b;
		float row[40];

		trn_test_fill_view(&tc, &a);
		trn_test_fill_view(&tc, &b);
		for (uint32_t p = 0; p < 64; p++) {
			for (uint32_t n = 0; n < 40; n++)
				row[n] = trn_test_below(&tc, 3) == 0 ? 1.0f : n % 2 ? 0.0f : -0.0f;
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, masked->offset, row, sizeof(row));
		}
		trn_test_clear(&tc);
		product(&tc, &dst, &a, &b)->head.flags = flags[i];
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_expect(&tc, &dst, 9, 11, chain(&tc, &a, &b, 1, 9, 11, 0.0f));
		ck_assert_uint_eq(trn_test_host_count(&tc.host, "one-zero"), i);
		/* one that is neither, in the last place of the operand */
		trn_test_poke(&tc, TRN_SPACE_SBUF, 63, 1, masked->offset + 39 * 4, &(float){ 0.5f },
			      4);
		ck_assert_uint_eq(tc.status->error, 0);
		trn_test_clear(&tc);
		product(&tc, &dst, &a, &b)->head.flags = flags[i];
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_expect(&tc, &dst, 39, 39, chain(&tc, &a, &b, 1, 39, 39, 0.0f));
		ck_assert_uint_eq(trn_test_host_count(&tc.host, "one-zero"), i + 1);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Steady products on one core run at one column a cycle: 78.6 TFLOPS in BF16. */
START_TEST(steady_state_rate)
{
	static const struct {
		enum trn_dtype dtype;
		uint8_t flags;
		double tflops;
	} cases[] = {
		{ TRN_DTYPE_BF16, 0, 78.64 },
		{ TRN_DTYPE_F32, 0, 19.66 },
		{ TRN_DTYPE_F8E4M3, TRN_MATMUL_DOUBLE_ROW, 157.3 },
		{ TRN_DTYPE_F32, TRN_MATMUL_ONEZERO1, 39.32 },
	};
	struct trn_test_core tc;

	trn_test_core_init(&tc, "trn2");
	tc.host.config.timing_only = true; /* nobody looks at the numbers */
	trn_test_core_start(&tc);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		const uint32_t rows = cases[i].flags == TRN_MATMUL_DOUBLE_ROW ? 2 : 1, count = 200;
		const struct trn_isa_ap a =
			trn_test_ap(TRN_SPACE_SBUF, cases[i].dtype, 0, 128, 0, 128 * rows);
		const struct trn_isa_ap b =
			trn_test_ap(TRN_SPACE_SBUF, cases[i].dtype, 0, 128, 8192, 512 * rows);
		const struct trn_isa_ap c =
			trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 128, 0, 512);
		const uint64_t from = trn_model_now(tc.host.model);
		double seconds, flops = 2.0 * 128 * 128 * 512 * rows * count;

		trn_test_clear(&tc);
		for (uint32_t n = 0; n < count; n++)
			product(&tc, &c, &a, &b)->head.flags = cases[i].flags;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		seconds = (double)(trn_model_now(tc.host.model) - from) * 1e-12;
		/* Launch and end are in it: a little slower than the steady state. */
		ck_assert_double_le(flops / seconds * 1e-12, cases[i].tflops * 1.01);
		ck_assert_double_ge(flops / seconds * 1e-12, cases[i].tflops * 0.93);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_tensor_suite(void)
{
	Suite *suite = suite_create("exec-tensor");
	TCase *tcase = tcase_create("tensor");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, products_of_every_dtype);
	tcase_add_test(tcase, accumulation_continues_the_chain);
	tcase_add_test(tcase, accumulation_on_an_overlap);
	tcase_add_test(tcase, outputs_that_are_not_dense_fp32);
	tcase_add_test(tcase, double_row_is_twice_the_depth);
	tcase_add_test(tcase, double_row_order);
	tcase_add_test(tcase, wide_product_of_trn3);
	tcase_add_test(tcase, pass_through_keeps_bits);
	tcase_add_test(tcase, transposes_keep_bits);
	tcase_add_test(tcase, tiles_have_the_same_result);
	tcase_add_test(tcase, operands_of_zeros_and_ones);
	tcase_add_test(tcase, steady_state_rate);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_tensor_suite)
