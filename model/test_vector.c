/* SPDX-License-Identifier: Apache-2.0 */
/* The operands and operators of test_vector.h. */
#include "model/test_vector.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"

const uint8_t trn_test_operators[TRN_TEST_OPERATORS] = {
	TRN_ALU_ADD, TRN_ALU_SUB,  TRN_ALU_MUL,     TRN_ALU_MAX,     TRN_ALU_MIN, TRN_ALU_EQ,
	TRN_ALU_NE,  TRN_ALU_GE,   TRN_ALU_GT,      TRN_ALU_LE,      TRN_ALU_LT,  TRN_ALU_LAND,
	TRN_ALU_LOR, TRN_ALU_LXOR, TRN_ALU_ABS_MAX, TRN_ALU_ABS_MIN,
};

float trn_test_alu(uint32_t op, float a, float b)
{
	switch (op) {
	case TRN_ALU_ADD:
		return a + b;
	case TRN_ALU_SUB:
		return a - b;
	case TRN_ALU_MUL:
		return a * b;
	case TRN_ALU_MAX:
		return a > b ? a : b;
	case TRN_ALU_MIN:
		return a < b ? a : b;
	case TRN_ALU_EQ:
		return a == b;
	case TRN_ALU_NE:
		return a != b;
	case TRN_ALU_GE:
		return a >= b;
	case TRN_ALU_GT:
		return a > b;
	case TRN_ALU_LE:
		return a <= b;
	case TRN_ALU_LT:
		return a < b;
	case TRN_ALU_LAND:
		return a != 0.0f && b != 0.0f;
	case TRN_ALU_LOR:
		return a != 0.0f || b != 0.0f;
	case TRN_ALU_LXOR:
		return (a != 0.0f) != (b != 0.0f);
	case TRN_ALU_ABS_MAX:
		return trn_test_alu(TRN_ALU_MAX, fabsf(a), fabsf(b));
	case TRN_ALU_ABS_MIN:
		return trn_test_alu(TRN_ALU_MIN, fabsf(a), fabsf(b));
	case TRN_ALU_ABS:
		return fabsf(a);
	case TRN_ALU_SQUARE:
		return a * a;
	case TRN_ALU_RELU:
		return a > 0.0f ? a : 0.0f;
	case TRN_ALU_RSQRT:
		return (float)(1.0 / sqrt((double)a));
	case TRN_ALU_RECIPROCAL:
		return 1.0f / a;
	default: /* BYPASS */
		return a;
	}
}

float trn_test_join(uint32_t op, const float *x, uint32_t count)
{
	const bool magnitude = op == TRN_ALU_ABS_MAX || op == TRN_ALU_ABS_MIN;
	const uint32_t parts = count < 8 ? count : 8;
	float part[8] = { 0 };

	for (uint32_t i = 1; i < count && op == TRN_ALU_SUB; i++)
		part[0] = i == 1 ? x[0] - x[1] : part[0] - x[i];
	if (op == TRN_ALU_SUB)
		return count == 1 ? x[0] : part[0];
	for (uint32_t i = 0; i < count; i++) {
		const float value = magnitude ? fabsf(x[i]) : x[i];

		part[i % 8] = i < 8 ? value : trn_test_alu(op, part[i % 8], value);
	}
	for (uint32_t p = 1; p < parts; p++)
		part[0] = trn_test_alu(op, part[0], part[p]);
	return part[0];
}

uint32_t trn_test_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

void trn_test_set(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		  float value)
{
	uint8_t raw[4];

	trn_store_f32(raw, ap->dtype, value);
	trn_test_raw_set(tc, ap, p, n, raw);
}

static float edge(struct trn_test_core *tc)
{
	static const float edges[] = { 0.0f,    -0.0f,     INFINITY, -INFINITY, NAN,
				       FLT_MIN, -FLT_MIN,  FLT_MAX,  -FLT_MAX,  1e-45f,
				       -1e-45f, 0x1p-140f, 1.0f,     -1.0f,     0.5f,
				       2.5f,    -3.5f,     255.5f,   65504.0f,  0x1p31f };

	return edges[trn_test_below(tc, TRN_ARRAY_LEN(edges))];
}

struct trn_isa_ap trn_test_edges(struct trn_test_core *tc, const struct trn_test_place *place,
				 enum trn_dtype dtype, uint32_t offset)
{
	const struct trn_isa_ap ap = trn_test_operand(tc, place, TRN_SPACE_SBUF, dtype, offset);

	trn_test_fill_view(tc, &ap);
	for (uint32_t p = 0; p < place->partitions; p++) {
		for (uint32_t n = 0; n < place->count; n++) {
			if (trn_test_below(tc, 4) == 0)
				trn_test_set(tc, &ap, p, n, edge(tc));
		}
	}
	return ap;
}

struct trn_isa_ap trn_test_column(struct trn_test_core *tc, const struct trn_test_place *place,
				  uint32_t offset)
{
	const struct trn_test_place one = { place->start, place->partitions, 1 };

	return trn_test_edges(tc, &one, TRN_DTYPE_F32, offset);
}

struct trn_isa_ap trn_test_psum(struct trn_test_core *tc, const struct trn_isa_ap *ap,
				uint32_t offset)
{
	struct trn_isa_compute *c = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);

	c->src0 = c->dst = *ap;
	c->dst.space = TRN_SPACE_PSUM;
	c->dst.offset = offset;
	return c->dst;
}

void trn_test_same_bits(struct trn_test_core *tc, const struct trn_isa_ap *a,
			const struct trn_isa_ap *b, uint32_t p, uint32_t n)
{
	uint32_t have = 0, want = 0;

	trn_test_raw_get(tc, a, p, n, &have);
	trn_test_raw_get(tc, b, p, n, &want);
	ck_assert_msg(have == want, "partition %u element %u: %x, not %x", p, n, have, want);
}
