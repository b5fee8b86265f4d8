/* SPDX-License-Identifier: Apache-2.0 */
/* SET_ROUNDING: what draws a number, in which order, on which engine, and what does not. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define SEED 0x1234567u

static void set_rounding(struct trn_test_core *tc, enum trn_engine engine, uint8_t mode,
			 uint32_t seed)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, engine, TRN_OP_SET_ROUNDING, 1);

	inst->mode = mode;
	inst->imm[0] = seed;
}

/* Row after row of a pattern is what the generator makes of the values in wide. */
static void expect_rows(struct trn_test_core *tc, const struct trn_isa_ap *dst,
			const struct trn_isa_ap *wide, uint32_t *state)
{
	const uint32_t size = (uint32_t)trn_dtype_size(dst->dtype);

	for (uint32_t p = 0; p < dst->partitions; p++) {
		for (uint32_t n = 0; n < trn_test_view_count(dst); n++) {
			const float v = trn_test_get(tc, wide, p, n);
			uint8_t want[4] = { 0 }, have[4] = { 0 };

			trn_row_from_f32_stochastic(want, &v, dst->dtype, 1, state);
			trn_test_raw_get(tc, dst, p, n, have);
			ck_assert_msg(memcmp(want, have, size) == 0, "%s partition %u element %u",
				      trn_dtype_name(dst->dtype), p, n);
		}
	}
}

static const enum trn_dtype narrow[] = {
	TRN_DTYPE_TF32,   TRN_DTYPE_BF16,     TRN_DTYPE_F16,    TRN_DTYPE_F8E4M3,
	TRN_DTYPE_F8E5M2, TRN_DTYPE_F8E4M3FN, TRN_DTYPE_F8E3M4,
};

START_TEST(stores_of_every_format_and_engine)
{
	static const enum trn_engine engines[] = { TRN_ENGINE_VECTOR, TRN_ENGINE_SCALAR,
						   TRN_ENGINE_GPSIMD };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 3 * TRN_ARRAY_LEN(narrow); round++) {
		const enum trn_engine engine = engines[round % 3];
		const struct trn_test_place place = trn_test_any_place(&tc);
		struct trn_isa_ap src =
			trn_test_operand(&tc, &place, TRN_SPACE_SBUF, TRN_DTYPE_F32, TRN_TEST_SRC0);
		struct trn_isa_ap dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 narrow[round / 3], TRN_TEST_DST);
		struct trn_isa_compute *inst;
		uint32_t state = SEED;

		trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		set_rounding(&tc, engine, TRN_ROUND_STOCHASTIC, SEED);
		for (uint32_t i = 0; i < 2; i++) { /* the second goes on where the first stopped */
			inst = trn_test_emit(&tc, engine, TRN_OP_TENSOR_COPY, 2);
			inst->src0 = src;
			inst->dst = dst;
			inst->dst.offset += 4096 * i;
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		expect_rows(&tc, &dst, &src, &state);
		dst.offset += 4096;
		expect_rows(&tc, &dst, &src, &state);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Copies of bits, constants, FP32 and integers draw none; other engines, DMA, QUANTIZE_MX
 * and DST2 round to nearest. */
START_TEST(what_draws_nothing)
{
	const struct trn_isa_ap wide = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, 0, 32);
	const struct trn_isa_ap half = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 4096, 32);
	struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 8192, 32);
	struct trn_isa_ap near = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 16384, 32);
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	uint32_t state = 1; /* seed 0 */
	float value = 1.00390625f;

	trn_test_core_open(&tc, "trn3");
	trn_test_fill_view(&tc, &wide);
	trn_test_clear(&tc);
	set_rounding(&tc, TRN_ENGINE_VECTOR, TRN_ROUND_STOCHASTIC, 0);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);
	inst->dst = half;
	memcpy(&inst->imm[0], &value, 4); /* a tie: to 1.0 */
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	inst->src0 = half;
	inst->dst = near;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TRANSPOSE, 2);
	inst->src0 = half;
	inst->dst = near;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	inst->src0 = wide;
	inst->dst = near;
	inst->dst.dtype = TRN_DTYPE_S16;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_RECIPROCAL, 2);
	inst->src0 = wide;
	inst->dst = wide;
	inst->dst.offset = 32768;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_QUANTIZE_MX, 3);
	inst->src0 = half;
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2_X4, 0, 32, 40960, 8);
	inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 4, 49152, 8);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	inst->src0 = wide;
	inst->dst = dst;
	inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_TENSOR_COPY, 2);
	inst->src0 = wide;
	inst->dst = near;
	inst->dst.offset += 4096;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_expect(&tc, &half, 3, 4, 1.0f);
	expect_rows(&tc, &dst, &wide, &state);
	near.offset += 4096;
	for (uint32_t n = 0; n < 32; n++)
		trn_test_expect(&tc, &near, 31, n, trn_test_get(&tc, &wide, 31, n));
	trn_test_core_close(&tc);
}
END_TEST

/* DST2 takes the accumulator to nearest while DST is drawn. */
START_TEST(second_destination_rounds_to_nearest)
{
	const struct trn_isa_ap src = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, 0, 7);
	const struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 4096, 7);
	const struct trn_isa_ap sum = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 8192, 1);
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	uint32_t state = 5;

	trn_test_core_open(&tc, "trn2");
	trn_test_fill_view(&tc, &src);
	trn_test_clear(&tc);
	set_rounding(&tc, TRN_ENGINE_SCALAR, TRN_ROUND_STOCHASTIC, 5);
	inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 3);
	inst->src0 = src;
	inst->dst = dst;
	inst->dst2 = sum;
	inst->imm[0] = 0x3f800000;
	inst->mode = TRN_REDUCE_RESET_REDUCE;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	expect_rows(&tc, &dst, &src, &state);
	for (uint32_t p = 0; p < 32; p++) {
		float total = trn_test_get(&tc, &src, p, 0);

		for (uint32_t n = 1; n < 7; n++)
			total += trn_test_get(&tc, &src, p, n);
		trn_test_expect(&tc, &sum, p, 0, total);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(back_to_nearest)
{
	const struct trn_isa_ap src = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, 0, 32);
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3, 0, 32, 4096, 32);
	struct trn_test_core tc;
	struct trn_isa_compute *inst;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 2; round++) {
		trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		/* The second launch sets nothing: it starts with rounding to nearest. */
		if (round == 0) {
			set_rounding(&tc, TRN_ENGINE_VECTOR, TRN_ROUND_STOCHASTIC, 7);
			set_rounding(&tc, TRN_ENGINE_VECTOR, TRN_ROUND_NEAREST, 7);
		} else {
			set_rounding(&tc, TRN_ENGINE_GPSIMD, TRN_ROUND_STOCHASTIC, 7);
		}
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
		inst->src0 = src;
		inst->dst = dst;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < 32; n++)
			trn_test_expect(&tc, &dst, 9, n, trn_test_get(&tc, &src, 9, n));
		trn_test_clear(&tc);
		set_rounding(&tc, TRN_ENGINE_VECTOR, TRN_ROUND_STOCHASTIC, 7);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Sums of products in BF16: old value, sum in FP32, one number an element, row after row
 * even when a row does not fit one tile of the host. */
START_TEST(products_into_bf16)
{
	static const uint32_t widths[] = { 40, 1100 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(widths); i++) {
		const uint32_t n = widths[i];
		const struct trn_isa_ap a =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 0, 4);
		const struct trn_isa_ap b =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 32, 8192, n);
		struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_BF16, 0, 4, 0, n);
		struct trn_isa_ap wide = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 4, 8192, n);
		struct trn_isa_compute *inst;
		uint32_t state = SEED;
		uint16_t row[1100];

		trn_test_fill_view(&tc, &a);
		for (uint32_t p = 0; p < 32; p++) {
			trn_test_fill(&tc, TRN_DTYPE_BF16, row, n);
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 8192, row, n * 2);
		}
		trn_test_clear(&tc);
		set_rounding(&tc, TRN_ENGINE_TENSOR, TRN_ROUND_STOCHASTIC, SEED);
		for (uint32_t k = 0; k < 2; k++) {
			inst = trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);
			inst->dst = k == 0 ? wide : dst;
			inst->src0 = a;
			inst->src1 = b;
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		expect_rows(&tc, &dst, &wide, &state);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_rounding_suite(void)
{
	Suite *suite = suite_create("exec-rounding");
	TCase *tcase = tcase_create("rounding");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, stores_of_every_format_and_engine);
	tcase_add_test(tcase, what_draws_nothing);
	tcase_add_test(tcase, second_destination_rounds_to_nearest);
	tcase_add_test(tcase, back_to_nearest);
	tcase_add_test(tcase, products_into_bf16);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_rounding_suite)
