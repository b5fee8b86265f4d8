/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, activations and accumulators against a reference in double. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

#define ROUNDS 60

static uint32_t join_bits(uint32_t op, uint32_t a, uint32_t b)
{
	if (op == TRN_ALU_AND)
		return a & b;
	return op == TRN_ALU_OR ? a | b : a ^ b;
}

/* ---- reductions ---- */

START_TEST(tensor_reduce_axes)
{
	static const uint8_t ops[] = { TRN_ALU_ADD, TRN_ALU_SUB,  TRN_ALU_MUL, TRN_ALU_MAX,
				       TRN_ALU_MIN, TRN_ALU_LAND, TRN_ALU_LOR, TRN_ALU_LXOR };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const uint32_t partitions = 1 + trn_test_below(&tc, 128);
		const uint32_t shape[3] = { 1 + trn_test_below(&tc, 3), 1 + trn_test_below(&tc, 4),
					    1 + trn_test_below(&tc, 20) };
		const uint32_t axes = 1 + round % 3;
		const uint8_t op = ops[round % TRN_ARRAY_LEN(ops)];
		const bool negate = round & 1;
		uint32_t kept = 1, width = 1;
		struct trn_isa_ap src = trn_test_ap(TRN_SPACE_SBUF, trn_test_any_float(&tc), 0,
						    partitions, TRN_TEST_SRC0, 1);
		struct trn_isa_ap dst;
		struct trn_isa_compute *inst;

		src.ndims = 3;
		for (uint32_t d = 0; d < 3; d++) {
			src.dims[d].num = (uint16_t)shape[d];
			if (d < 3 - axes)
				kept *= shape[d];
			else
				width *= shape[d];
		}
		src.dims[2].step = 1;
		src.dims[1].step = (int16_t)(shape[2] + 1);
		src.dims[0].step = (int16_t)((shape[2] + 1) * shape[1]);
		dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, partitions, TRN_TEST_DST, kept);
		trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_REDUCE, 2);
		inst->src0 = src;
		inst->dst = dst;
		inst->func = op;
		inst->imm[0] = axes;
		inst->head.flags = negate ? TRN_REDUCE_NEGATE : 0;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t k = 0; k < kept; k++) {
			const uint32_t p = trn_test_below(&tc, partitions);
			float row[TRN_TEST_COUNT_MAX * 4], want;

			for (uint32_t i = 0; i < width; i++)
				row[i] = trn_test_get(&tc, &src, p, k * width + i);
			want = trn_test_join(op, row, width);
			trn_test_expect(&tc, &dst, p, k, negate ? -want : want);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(bit_reductions)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint8_t op = TRN_ALU_AND; op <= TRN_ALU_XOR; op++) {
		uint16_t row[10], want, have;
		struct trn_isa_compute *inst;

		for (int i = 0; i < 10; i++)
			row[i] = (uint16_t)trn_prng_next(&tc.prng);
		want = row[0];
		for (int i = 1; i < 10; i++)
			want = (uint16_t)join_bits(op, want, row[i]);
		trn_test_clear(&tc);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_REDUCE, 2);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 1, TRN_TEST_SRC0, 10);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 1, TRN_TEST_DST, 1);
		inst->func = op;
		inst->imm[0] = 1;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, &have, 2);
		ck_assert_uint_eq(have, want);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The order is defined: eight partial sums, joined from the first to the last. */
START_TEST(sum_has_a_defined_order)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	float row[77], part[8], have;

	trn_test_core_open(&tc, "trn2");
	trn_test_fill(&tc, TRN_DTYPE_F32, row, 77);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_REDUCE, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, 77);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_DST, 1);
	inst->func = TRN_ALU_ADD;
	inst->imm[0] = 1;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	memcpy(part, row, sizeof(part));
	for (int i = 8; i < 77; i++)
		part[i % 8] += row[i];
	for (int i = 1; i < 8; i++)
		part[0] += part[i];
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, &have, 4);
	ck_assert_float_eq(have, part[0]);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- activation ---- */

#define SLOPE 0.375f

static double sigmoid_dx(double x, double k)
{
	const double s = 1 / (1 + exp(-k * x));

	return s + k * x * s * (1 - s);
}

static double activate(uint32_t func, double x)
{
	switch (func) {
	case TRN_ACT_COPY:
		return x;
	case TRN_ACT_SQUARE:
		return x * x;
	case TRN_ACT_SIGMOID:
		return 1 / (1 + exp(-x));
	case TRN_ACT_RELU:
		return x > 0 ? x : 0;
	case TRN_ACT_GELU:
		return 0.5 * x * erfc(-x / sqrt(2));
	case TRN_ACT_SILU:
		return x / (1 + exp(-x));
	case TRN_ACT_TANH:
		return tanh(x);
	case TRN_ACT_SOFTPLUS:
		return log1p(exp(x));
	case TRN_ACT_ERF:
		return erf(x);
	case TRN_ACT_EXP:
		return exp(x);
	case TRN_ACT_LOG:
		return log(x);
	case TRN_ACT_SIN:
		return sin(x);
	case TRN_ACT_ARCTAN:
		return atan(x);
	case TRN_ACT_SQRT:
		return sqrt(x);
	case TRN_ACT_RSQRT:
		return 1 / sqrt(x);
	case TRN_ACT_RECIPROCAL:
		return 1 / x;
	case TRN_ACT_SIGN:
		return x > 0 ? 1 : x < 0 ? -1 : 0;
	case TRN_ACT_PRELU:
		return x < 0 ? (double)SLOPE * x : x;
	case TRN_ACT_GELU_DX:
		return 0.5 * erfc(-x / sqrt(2)) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
	case TRN_ACT_GELU_TANH:
		return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
	case TRN_ACT_GELU_SIGMOID:
		return x / (1 + exp(-1.702 * x));
	case TRN_ACT_GELU_SIGMOID_DX:
		return sigmoid_dx(x, 1.702);
	case TRN_ACT_SILU_DX:
		return sigmoid_dx(x, 1);
	case TRN_ACT_MISH:
		return x * tanh(log1p(exp(x)));
	case TRN_ACT_ERF_DX:
		return 2 / sqrt(M_PI) * exp(-x * x);
	default:
		return fabs(x);
	}
}

START_TEST(activation_functions_with_scale_bias_and_sum)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_expect(&tc.host, "act-range"); /* arctan beyond pi / 2 */
	for (uint8_t func = 0; func < TRN_ACT_COUNT; func++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		struct trn_isa_ap src = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 TRN_DTYPE_BF16, TRN_TEST_SRC0);
		struct trn_isa_ap dst =
			trn_test_operand(&tc, &place, TRN_SPACE_SBUF, TRN_DTYPE_F32, TRN_TEST_DST);
		const struct trn_isa_ap bias = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32,
							   place.start, place.partitions,
							   TRN_TEST_SRC1, 1);
		const struct trn_isa_ap sum = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32,
							  place.start, place.partitions,
							  TRN_TEST_SRC1 + 4096, 1);
		const float scale = 0.25f;
		struct trn_isa_compute *inst;

		trn_test_fill_view(&tc, &src);
		/* A bias that keeps every argument positive: logarithms and roots too. */
		for (uint32_t p = 0; p < place.partitions; p++)
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_SRC1,
				      &(float){ 1.25f + (float)p / 512 }, 4);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 3);
		inst->src0 = src;
		inst->src2 = bias;
		inst->dst = dst;
		inst->dst2 = sum;
		inst->func = func;
		inst->mode = TRN_REDUCE_RESET_REDUCE;
		inst->head.flags = TRN_SCALAR_COLUMN1;
		memcpy(&inst->imm[0], &scale, 4);
		if (func == TRN_ACT_PRELU)
			memcpy(&inst->imm[2], &(float){ SLOPE }, 4);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 9) {
			double total = 0;

			for (uint32_t n = 0; n < place.count; n++) {
				const float x = trn_test_get(&tc, &src, p, n) * scale +
						trn_test_get(&tc, &bias, p, 0);
				const double want = activate(func, (double)x);

				ck_assert_double_eq_tol((double)trn_test_get(&tc, &dst, p, n), want,
							2.5e-7 * fabs(want) + 1e-30);
				total += want;
			}
			ck_assert_double_eq_tol((double)trn_test_get(&tc, &sum, p, 0), total,
						1e-5 * (fabs(total) + 1));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* To the bit: one FP32 multiplication below 0, and nothing above or at it. */
START_TEST(prelu_has_a_slope)
{
	static const float row[] = { -3.0f, -1e-45f,   -0.0f,    0.0f, 1e-45f,
				     7.0f,  -INFINITY, INFINITY, NAN };
	const uint16_t count = TRN_ARRAY_LEN(row);
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_DST, count);
	struct trn_test_core tc;
	struct trn_isa_compute *inst;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, count);
	inst->dst = dst;
	inst->func = TRN_ACT_PRELU;
	memcpy(&inst->imm[0], &(float){ 1.0f }, 4);
	memcpy(&inst->imm[2], &(float){ SLOPE }, 4);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < count; n++)
		trn_test_expect(&tc, &dst, 0, n, row[n] < 0.0f ? SLOPE * row[n] : row[n] + 0.0f);
	trn_test_core_close(&tc);
}
END_TEST

/* RESET_REDUCE, ACCUMULATE, ACCUMULATE: one sum over three instructions; IDLE keeps the
 * scalar engine's accumulators, RESET clears them. */
START_TEST(accumulators_of_the_scalar_engine)
{
	static const uint8_t modes[] = { TRN_REDUCE_RESET_REDUCE, TRN_REDUCE_ACCUMULATE,
					 TRN_REDUCE_IDLE,         TRN_REDUCE_ACCUMULATE,
					 TRN_REDUCE_RESET,        TRN_REDUCE_ACCUMULATE };
	static const float want[] = { 3.0f, 6.0f, 0.0f, 9.0f, 0.0f, 3.0f };
	struct trn_test_core tc;
	const float row[2] = { 1.0f, 2.0f };
	float have;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(modes); i++) {
		struct trn_isa_compute *inst =
			trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 3);

		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, 2);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_DST, 2);
		if (want[i] > 0.0f)
			inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1,
						 TRN_TEST_DST + 64 + 4 * i, 1);
		inst->func = TRN_ACT_COPY;
		inst->mode = modes[i];
		memcpy(&inst->imm[0], &(float){ 1.0f }, 4);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(modes); i++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST + 64 + 4 * i, &have, 4);
		ck_assert_float_eq(have, want[i]);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The result of a reduction survives when it lies inside the destination. */
START_TEST(sum_into_its_own_output)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	const float row[4] = { 1.0f, 2.0f, 3.0f, 4.0f };
	float have[4];

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 3);
	inst->src0 = inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, 4);
	inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0 + 4, 1);
	inst->func = TRN_ACT_SQUARE;
	inst->mode = TRN_REDUCE_RESET_REDUCE;
	memcpy(&inst->imm[0], &(float){ 1.0f }, 4);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, have, sizeof(have));
	ck_assert_float_eq(have[0], 1.0f);
	ck_assert_float_eq(have[1], 30.0f);
	ck_assert_float_eq(have[3], 16.0f);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(exponential_of_trn3)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	struct trn_isa_ap src =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 128, TRN_TEST_SRC0, 50);
	struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, TRN_TEST_DST, 50);
	struct trn_isa_ap top =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, TRN_TEST_SRC1, 1);
	struct trn_isa_ap sum =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, TRN_TEST_SRC1 + 4096, 1);

	trn_test_core_open(&tc, "trn3");
	trn_test_fill_view(&tc, &src);
	trn_test_fill_view(&tc, &top);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_EXPONENTIAL, 3);
	inst->src0 = src;
	inst->src1 = top;
	inst->dst = dst;
	inst->dst2 = sum;
	inst->mode = TRN_REDUCE_RESET_REDUCE;
	inst->head.flags = TRN_SCALAR_COLUMN0;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 128; p += 11) {
		double total = 0;

		for (uint32_t n = 0; n < 50; n++) {
			const float x =
				trn_test_get(&tc, &src, p, n) - trn_test_get(&tc, &top, p, 0);

			ck_assert_double_eq_tol((double)trn_test_get(&tc, &dst, p, n),
						exp((double)x), 2.5e-7 * exp((double)x));
			total += exp((double)x);
		}
		ck_assert_double_eq_tol((double)trn_test_get(&tc, &sum, p, 0), total, 1e-5 * total);
	}
	/* IDLE clobbers the vector engine's accumulators: what follows shows it. */
	trn_test_clear(&tc);
	for (uint32_t i = 0; i < 2; i++) {
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_EXPONENTIAL, 3);
		inst->src0 = src;
		inst->dst = dst;
		inst->mode = i == 0 ? TRN_REDUCE_IDLE : TRN_REDUCE_ACCUMULATE;
	}
	inst->dst2 = sum;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert(trn_test_get(&tc, &sum, 5, 0) != trn_test_get(&tc, &sum, 5, 0));
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(reciprocal_is_correctly_rounded)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	struct trn_isa_ap src =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F16, 0, 40, TRN_TEST_SRC0, 60);
	struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 40, TRN_TEST_DST, 60);

	trn_test_core_open(&tc, "trn2");
	trn_test_fill_view(&tc, &src);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_RECIPROCAL, 2);
	inst->src0 = src;
	inst->dst = dst;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < 60; n++)
		trn_test_expect(&tc, &dst, n % 40, n, 1.0f / trn_test_get(&tc, &src, n % 40, n));
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_reduce_suite(void)
{
	Suite *suite = suite_create("exec-reduce");
	TCase *tcase = tcase_create("rows");

	tcase_add_test(tcase, tensor_reduce_axes);
	tcase_add_test(tcase, bit_reductions);
	tcase_add_test(tcase, sum_has_a_defined_order);
	tcase_add_test(tcase, activation_functions_with_scale_bias_and_sum);
	tcase_add_test(tcase, prelu_has_a_slope);
	tcase_add_test(tcase, accumulators_of_the_scalar_engine);
	tcase_add_test(tcase, sum_into_its_own_output);
	tcase_add_test(tcase, exponential_of_trn3);
	tcase_add_test(tcase, reciprocal_is_correctly_rounded);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_reduce_suite)
