/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise instructions, reductions and activations against a reference in double,
 * over random shapes, places, dtypes and loops. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

#define ROUNDS 60

/* ---- copies and constants ---- */

START_TEST(tensor_copy_all_pairs_of_dtypes)
{
	static const enum trn_engine engines[] = { TRN_ENGINE_VECTOR, TRN_ENGINE_SCALAR,
						   TRN_ENGINE_GPSIMD };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (enum trn_dtype from = 1; from <= TRN_DTYPE_F8E3M4; from++) {
		for (enum trn_dtype to = 1; to <= TRN_DTYPE_F8E3M4; to++) {
			const struct trn_test_place place = trn_test_any_place(&tc);
			struct trn_isa_ap src =
				trn_test_operand(&tc, &place, TRN_SPACE_SBUF, from, TRN_TEST_SRC0);
			struct trn_isa_ap dst =
				trn_test_operand(&tc, &place, TRN_SPACE_SBUF, to, TRN_TEST_DST);
			struct trn_isa_compute *inst;

			trn_test_fill_view(&tc, &src);
			trn_test_clear(&tc);
			inst = trn_test_emit(&tc, engines[(from + to) % 3], TRN_OP_TENSOR_COPY, 2);
			inst->src0 = src;
			inst->dst = dst;
			ck_assert_uint_eq(trn_test_launch(&tc), 0);
			for (uint32_t n = 0; n < place.count; n += 5)
				trn_test_expect(&tc, &dst, place.partitions - 1, n,
						trn_test_get(&tc, &src, place.partitions - 1, n));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Bits that no FP32 could carry: NaN payloads, large integers. */
START_TEST(tensor_copy_keeps_bits)
{
	struct trn_test_core tc;
	const uint32_t odd[4] = { 0x7f800001u, 0xffc12345u, 0x01000001u, 0xfffffffeu };
	uint32_t have[4];

	trn_test_core_open(&tc, "trn2");
	for (enum trn_engine e = TRN_ENGINE_VECTOR; e <= TRN_ENGINE_GPSIMD; e++) {
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, odd, sizeof(odd));
		inst = trn_test_emit(&tc, e, TRN_OP_TENSOR_COPY, 2);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, TRN_TEST_SRC0, 4);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, TRN_TEST_DST, 4);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, have, sizeof(have));
		ck_assert_mem_eq(have, odd, sizeof(odd));
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Overlapping source and destination: everything is read before anything is written. */
START_TEST(shift_in_place)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	float row[64], have[64];

	trn_test_core_open(&tc, "trn2");
	trn_test_fill(&tc, TRN_DTYPE_F32, row, 64);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_SCALAR, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, 63);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0 + 4, 63);
	inst->op0 = TRN_ALU_MUL;
	memcpy(&inst->imm[0], &(float){ 1.0f }, 4);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, have, sizeof(have));
	ck_assert_float_eq(have[0], row[0]);
	for (int i = 1; i < 64; i++)
		ck_assert_float_eq(have[i], row[i - 1]);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(memset_of_every_dtype)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (enum trn_dtype dtype = 1; dtype <= TRN_DTYPE_F8E3M4; dtype++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		struct trn_isa_ap dst =
			trn_test_operand(&tc, &place, TRN_SPACE_SBUF, dtype, TRN_TEST_DST);
		const bool is_float = dtype >= TRN_DTYPE_F32;
		const float value = is_float ? 3.25f : -5.0f;
		struct trn_isa_compute *inst;
		uint8_t want[4], have[4];

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, dtype & 1 ? TRN_ENGINE_VECTOR : TRN_ENGINE_GPSIMD,
				     TRN_OP_MEMSET, 1);
		inst->dst = dst;
		if (is_float)
			memcpy(&inst->imm[0], &value, 4);
		else
			inst->imm[0] = (uint32_t)-5;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		if (is_float)
			trn_store_f32(want, dtype, value);
		else
			memcpy(want, &(int32_t){ -5 }, 4);
		trn_test_raw_get(&tc, &dst, place.partitions - 1, place.count - 1, have);
		ck_assert_mem_eq(have, want, trn_dtype_size(dtype));
		trn_test_raw_get(&tc, &dst, 0, 0, have);
		ck_assert_mem_eq(have, want, trn_dtype_size(dtype));
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- operators ---- */

static const uint8_t binary[] = {
	TRN_ALU_BYPASS, TRN_ALU_ADD, TRN_ALU_SUB,  TRN_ALU_MUL,     TRN_ALU_MAX,     TRN_ALU_MIN,
	TRN_ALU_EQ,     TRN_ALU_NE,  TRN_ALU_GE,   TRN_ALU_GT,      TRN_ALU_LE,      TRN_ALU_LT,
	TRN_ALU_LAND,   TRN_ALU_LOR, TRN_ALU_LXOR, TRN_ALU_ABS_MAX, TRN_ALU_ABS_MIN,
};

START_TEST(tensor_tensor_operators)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const uint8_t op = binary[round % TRN_ARRAY_LEN(binary)];
		struct trn_isa_ap a = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
						       trn_test_any_float(&tc), TRN_TEST_SRC0);
		struct trn_isa_ap b = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
						       trn_test_any_float(&tc), TRN_TEST_SRC1);
		struct trn_isa_ap dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 trn_test_any_float(&tc), TRN_TEST_DST);
		struct trn_isa_compute *inst;

		trn_test_fill_view(&tc, &a);
		trn_test_fill_view(&tc, &b);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, round & 1 ? TRN_ENGINE_VECTOR : TRN_ENGINE_GPSIMD,
				     TRN_OP_TENSOR_TENSOR, 2);
		inst->src0 = a;
		inst->src1 = b;
		inst->dst = dst;
		inst->op0 = op;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n++) {
			const uint32_t p = trn_test_below(&tc, place.partitions);

			trn_test_expect(&tc, &dst, p, n,
					trn_test_alu(op, trn_test_get(&tc, &a, p, n),
						     trn_test_get(&tc, &b, p, n)));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(gpsimd_integers_are_exact)
{
	static const uint8_t ops[] = { TRN_ALU_ADD, TRN_ALU_SUB, TRN_ALU_MUL, TRN_ALU_MAX,
				       TRN_ALU_MIN, TRN_ALU_GT,  TRN_ALU_LE };
	const uint32_t x[4] = { 0x01000001u, 0xfffffff0u, 0x7fffffffu, 123456789u };
	const uint32_t y[4] = { 0x00000002u, 0x00000020u, 0x00000001u, 987654321u };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, x, sizeof(x));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC1, y, sizeof(y));
	for (uint32_t k = 0; k < 2 * TRN_ARRAY_LEN(ops); k++) {
		const uint8_t op = ops[k / 2];
		const enum trn_dtype dtype = k & 1 ? TRN_DTYPE_U32 : TRN_DTYPE_S32;
		struct trn_isa_compute *inst;
		uint32_t have[4];

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_TENSOR, 2);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1, TRN_TEST_SRC0, 4);
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1, TRN_TEST_SRC1, 4);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1, TRN_TEST_DST, 4);
		inst->op0 = op;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, have, sizeof(have));
		for (int i = 0; i < 4; i++) {
			const int64_t a = k & 1 ? (int64_t)x[i] : (int64_t)(int32_t)x[i];
			const int64_t b = k & 1 ? (int64_t)y[i] : (int64_t)(int32_t)y[i];
			const int64_t want =
				op == TRN_ALU_ADD ? a + b :
				op == TRN_ALU_SUB ? a - b :
				op == TRN_ALU_MUL ? (int64_t)((uint64_t)a * (uint64_t)b) :
				op == TRN_ALU_MAX ? (a > b ? a : b) :
				op == TRN_ALU_MIN ? (a < b ? a : b) :
				op == TRN_ALU_GT  ? a > b :
						    a <= b;

			ck_assert_uint_eq(have[i], (uint32_t)(uint64_t)want);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The vector engine goes through FP32: 2^24 + 1 is lost there. */
START_TEST(vector_integers_are_fp32)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	const int32_t x = 0x01000001, y = 0;
	int32_t have;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, &x, 4);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC1, &y, 4);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_TENSOR, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, TRN_TEST_SRC0, 1);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, TRN_TEST_SRC1, 1);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, TRN_TEST_DST, 1);
	inst->op0 = TRN_ALU_ADD;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, &have, 4);
	ck_assert_int_eq(have, 0x01000000);
	trn_test_core_close(&tc);
}
END_TEST

static uint32_t bit_operate(uint32_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case TRN_ALU_NOT:
		return ~a;
	case TRN_ALU_AND:
		return a & b;
	case TRN_ALU_OR:
		return a | b;
	case TRN_ALU_XOR:
		return a ^ b;
	case TRN_ALU_SHL:
		return b > 31 ? 0 : a << b;
	default:
		return b > 31 ? 0 : a >> b;
	}
}

START_TEST(bit_operators)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 2 * 36; round++) {
		const enum trn_dtype dtype = 1 + round % 6;
		const uint8_t op = (uint8_t)(TRN_ALU_NOT + round / 6 % 6);
		const bool tensor = round >= 36;
		const uint32_t size = (uint32_t)trn_dtype_size(dtype);
		uint32_t a = (uint32_t)trn_prng_next(&tc.prng), b = trn_test_below(&tc, 40),
			 have = 0;
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, &a, 4);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC1, &b, 4);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR,
				     tensor ? TRN_OP_TENSOR_TENSOR : TRN_OP_TENSOR_SCALAR, 2);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1, TRN_TEST_SRC0, 1);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1, TRN_TEST_DST, 1);
		inst->op0 = op;
		if (tensor)
			inst->src1 = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1, TRN_TEST_SRC1, 1);
		else
			inst->imm[0] = b;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, &have, size);
		a &= size == 4 ? UINT32_MAX : (1u << 8 * size) - 1;
		a = bit_operate(op, a, b) & (size == 4 ? UINT32_MAX : (1u << 8 * size) - 1);
		ck_assert_msg(have == a, "op %u dtype %u: want %x have %x", op, dtype, a, have);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(tensor_scalar_columns_and_reverse)
{
	static const uint8_t unary[] = { TRN_ALU_ABS, TRN_ALU_SQUARE, TRN_ALU_RELU,
					 TRN_ALU_RECIPROCAL };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const uint8_t op0 = round % 5 == 4 ? unary[round / 5 % 4] :
						     binary[round % TRN_ARRAY_LEN(binary)];
		const uint8_t op1 = binary[trn_test_below(&tc, TRN_ARRAY_LEN(binary))];
		const uint8_t flags = (uint8_t)trn_test_below(&tc, 16);
		struct trn_isa_ap src = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 trn_test_any_float(&tc), TRN_TEST_SRC0);
		struct trn_isa_ap dst =
			trn_test_operand(&tc, &place, TRN_SPACE_SBUF, TRN_DTYPE_F32, TRN_TEST_DST);
		struct trn_isa_ap column[2];
		float imm[2] = { 1.5f, -0.75f };
		struct trn_isa_compute *inst;

		trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_SCALAR, 3);
		inst->src0 = src;
		inst->dst = dst;
		inst->op0 = op0;
		inst->op1 = op1;
		inst->head.flags = flags;
		for (uint32_t i = 0; i < 2; i++) {
			column[i] = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, place.start,
						place.partitions, TRN_TEST_SRC1 + i * 4096, 1);
			trn_test_fill_view(&tc, &column[i]);
			if ((i ? op1 : op0) == TRN_ALU_BYPASS &&
			    !(flags & (TRN_SCALAR_REVERSE0 << i)))
				imm[i] = 0.0f; /* is not used */
			if (!(flags & (TRN_SCALAR_COLUMN0 << i)))
				memcpy(&inst->imm[i], &imm[i], 4);
			else if (i == 0)
				inst->src1 = column[0];
			else
				inst->src2 = column[1];
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n++) {
			const uint32_t p = trn_test_below(&tc, place.partitions);
			float x = trn_test_get(&tc, &src, p, n);

			for (uint32_t i = 0; i < 2; i++) {
				const float b = flags & (TRN_SCALAR_COLUMN0 << i) ?
							trn_test_get(&tc, &column[i], p, 0) :
							imm[i];
				const uint8_t op = i == 0 ? op0 : op1;

				x = flags & (TRN_SCALAR_REVERSE0 << i) ? trn_test_alu(op, b, x) :
									 trn_test_alu(op, x, b);
			}
			trn_test_expect(&tc, &dst, p, n, x);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(scalar_engine_multiply_add)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	struct trn_isa_ap src =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 64, TRN_TEST_SRC0, 33);
	struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 64, 64, TRN_TEST_DST, 33);

	trn_test_core_open(&tc, "trn2");
	trn_test_fill_view(&tc, &src);
	inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_TENSOR_SCALAR, 2);
	inst->src0 = src;
	inst->dst = dst; /* the other half of the partitions */
	inst->op0 = TRN_ALU_MUL;
	inst->op1 = TRN_ALU_ADD;
	memcpy(&inst->imm[0], &(float){ 2.5f }, 4);
	memcpy(&inst->imm[1], &(float){ -1.0f }, 4);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < 33; n++)
		trn_test_expect(&tc, &dst, 63, n, trn_test_get(&tc, &src, 63, n) * 2.5f - 1.0f);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(gpsimd_power_and_rsqrt)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	const float x[4] = { 2.0f, 0.25f, 9.0f, 100.0f };
	float have[4];

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, x, sizeof(x));
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_SCALAR, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, 4);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_DST, 4);
	inst->op0 = TRN_ALU_POW;
	inst->op1 = TRN_ALU_RSQRT;
	memcpy(&inst->imm[0], &(float){ 3.0f }, 4);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, have, sizeof(have));
	for (int i = 0; i < 4; i++)
		ck_assert_double_eq_tol((double)have[i] * sqrt(pow((double)x[i], 3.0)), 1.0, 1e-6);
	trn_test_core_close(&tc);
}
END_TEST

/* A register in an address moves the whole operand. */
START_TEST(operand_moved_by_a_register)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	const uint32_t row[4] = { 11, 22, 33, 44 };
	uint32_t have;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_MOVE, 1);
	inst->head.flags = TRN_REG_IMM;
	inst->op0 = 63;
	inst->imm[0] = (uint32_t)-4;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, TRN_TEST_SRC0 + 12, 1);
	inst->src0.reg = 64;
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, TRN_TEST_DST, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, &have, 4);
	ck_assert_uint_eq(have, 33);
	trn_test_core_close(&tc);
}
END_TEST

/* Four loops, steps forwards, backwards and of 0. */
START_TEST(pattern_of_four_loops)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	uint16_t row[512], have[2 * 3 * 2 * 5];
	const struct trn_isa_dim dims[4] = { { 100, 2 }, { 0, 3 }, { -7, 2 }, { 3, 5 } };
	uint32_t n = 0;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 512; i++)
		row[i] = (uint16_t)i;
	trn_test_poke(&tc, TRN_SPACE_SBUF, 32, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_COPY, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 32, 1, TRN_TEST_SRC0 + 20, 1);
	inst->src0.ndims = 4;
	memcpy(inst->src0.dims, dims, sizeof(dims));
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 32, 1, TRN_TEST_DST, 60);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 32, 1, TRN_TEST_DST, have, sizeof(have));
	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 3; b++)
			for (int c = 0; c < 2; c++)
				for (int d = 0; d < 5; d++)
					ck_assert_int_eq(have[n++], 10 + 100 * a - 7 * c + 3 * d);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(random_casts_with_psum)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		struct trn_isa_ap src = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 trn_test_any_dtype(&tc), TRN_TEST_SRC0);
		struct trn_isa_ap mid =
			trn_test_operand(&tc, &place, TRN_SPACE_PSUM, TRN_DTYPE_F32, 4096);
		struct trn_isa_ap dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 trn_test_any_dtype(&tc), TRN_TEST_DST);
		struct trn_isa_compute *inst;

		trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
		inst->src0 = src;
		inst->dst = mid;
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
		inst->src0 = mid;
		inst->dst = dst;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n += 3)
			trn_test_expect(&tc, &dst, 0, n, trn_test_get(&tc, &src, 0, n));
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_suite(void)
{
	Suite *suite = suite_create("exec");
	TCase *tcase = tcase_create("elementwise");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, tensor_copy_all_pairs_of_dtypes);
	tcase_add_test(tcase, tensor_copy_keeps_bits);
	tcase_add_test(tcase, shift_in_place);
	tcase_add_test(tcase, memset_of_every_dtype);
	tcase_add_test(tcase, tensor_tensor_operators);
	tcase_add_test(tcase, gpsimd_integers_are_exact);
	tcase_add_test(tcase, vector_integers_are_fp32);
	tcase_add_test(tcase, bit_operators);
	tcase_add_test(tcase, tensor_scalar_columns_and_reverse);
	tcase_add_test(tcase, scalar_engine_multiply_add);
	tcase_add_test(tcase, gpsimd_power_and_rsqrt);
	tcase_add_test(tcase, operand_moved_by_a_register);
	tcase_add_test(tcase, pattern_of_four_loops);
	tcase_add_test(tcase, random_casts_with_psum);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_suite)
