/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of the vector, scalar and gpsimd engines on rows of FP32. One loop per operator,
 * so that each becomes vector code. */
#include "model/core.h"

#include "model/act.h"
#include "model/alu_loops.h"

#define INLINE static inline __attribute__((always_inline))

INLINE float alu_land(float a, float b)
{
	return a != 0.0f && b != 0.0f ? 1.0f : 0.0f;
}

INLINE float alu_lor(float a, float b)
{
	return a != 0.0f || b != 0.0f ? 1.0f : 0.0f;
}

INLINE float alu_lxor(float a, float b)
{
	return (a != 0.0f) != (b != 0.0f) ? 1.0f : 0.0f;
}

INLINE float alu_abs(float a)
{
	uint32_t bits;

	memcpy(&bits, &a, sizeof(bits));
	bits &= 0x7fffffffu;
	memcpy(&a, &bits, sizeof(a));
	return a;
}

/* A NaN as first operand gives the second, as second it stays: one comparison. */
INLINE float alu_max(float a, float b)
{
	return a > b ? a : b;
}

INLINE float alu_min(float a, float b)
{
	return a < b ? a : b;
}

/* X(operator, result of a and b); those that reduce a row, then the others. */
#define REDUCE_OPERATORS(X)                                 \
	X(TRN_ALU_ADD, a + b)                               \
	X(TRN_ALU_MUL, a *b)                                \
	X(TRN_ALU_MAX, alu_max(a, b))                       \
	X(TRN_ALU_MIN, alu_min(a, b))                       \
	X(TRN_ALU_LAND, alu_land(a, b))                     \
	X(TRN_ALU_LOR, alu_lor(a, b))                       \
	X(TRN_ALU_LXOR, alu_lxor(a, b))                     \
	X(TRN_ALU_ABS_MAX, alu_max(alu_abs(a), alu_abs(b))) \
	X(TRN_ALU_ABS_MIN, alu_min(alu_abs(a), alu_abs(b)))
#define ROW_OPERATORS(X)                                           \
	REDUCE_OPERATORS(X)                                        \
	X(TRN_ALU_BYPASS, a)                                       \
	X(TRN_ALU_SUB, a - b)                                      \
	X(TRN_ALU_EQ, a == b ? 1.0f : 0.0f)                        \
	X(TRN_ALU_NE, a != b ? 1.0f : 0.0f)                        \
	X(TRN_ALU_GE, a >= b ? 1.0f : 0.0f)                        \
	X(TRN_ALU_GT, a > b ? 1.0f : 0.0f)                         \
	X(TRN_ALU_LE, a <= b ? 1.0f : 0.0f)                        \
	X(TRN_ALU_LT, a < b ? 1.0f : 0.0f)                         \
	X(TRN_ALU_POW, trn_act_pow(a, b))                          \
	X(TRN_ALU_ABS, alu_abs(a))                                 \
	X(TRN_ALU_SQUARE, a *a)                                    \
	X(TRN_ALU_RELU, alu_max(a, 0.0f))                          \
	X(TRN_ALU_RSQRT, (float)(1.0 / __builtin_sqrt((double)a))) \
	X(TRN_ALU_RECIPROCAL, 1.0f / a)

enum trn_alu_group trn_alu_group(uint32_t op)
{
	if (op == TRN_ALU_BYPASS)
		return TRN_ALU_GROUP_BYPASS;
	if (op >= TRN_ALU_ADD && op <= TRN_ALU_ABS_MIN)
		return TRN_ALU_GROUP_ARITH;
	if (op >= TRN_ALU_NOT && op <= TRN_ALU_SHR)
		return TRN_ALU_GROUP_BIT;
	if (op >= TRN_ALU_ABS && op <= TRN_ALU_RECIPROCAL)
		return TRN_ALU_GROUP_UNARY;
	return TRN_ALU_GROUP_NONE;
}

/* None of the operators rounds twice or is fused, so which unit of the host ran cannot be
 * seen. */
TRN_ALU_LOOPS(f32, float, ROW_OPERATORS)

void trn_alu_rows(uint32_t op, float *dst, const float *x, const float *y, size_t count)
{
	f32_both(op, 0, dst, x, y, count);
}

void trn_alu_scalar(uint32_t op, float *dst, const float *a, float b, bool reverse, size_t count)
{
	if (reverse)
		f32_left(op, 0, dst, b, a, count);
	else
		f32_right(op, 0, dst, a, b, count);
}

#define PARTIALS 8u

/* x[0] - x[1] - x[2] ...: has no partial results. */
static float reduce_sub(const float *x, size_t count)
{
	float a = x[0];

	for (size_t i = 1; i < count; i++)
		a -= x[i];
	return a;
}

/*
 * The order is part of the definition: element i joins partial result i mod 8, in
 * ascending order, and the partial results are joined from 0 to 7. A chain over the
 * whole row would be bound by the latency of one unit on any host.
 */
float trn_alu_reduce(uint32_t op, const float *x, size_t count)
{
	const size_t used = count < PARTIALS ? count : PARTIALS;
	float part[PARTIALS] = { 0 };
	size_t i = used;

	memcpy(part, x, used * sizeof(*x));
	/* Magnitudes: a join takes them, and one element is joined to nothing. */
	if (count == 1 && (op == TRN_ALU_ABS_MAX || op == TRN_ALU_ABS_MIN))
		return alu_abs(x[0]);
	switch (op) {
	case TRN_ALU_SUB:
		return reduce_sub(x, count);
#define ROWS(name, result)                                             \
	case name:                                                     \
		for (; i + PARTIALS <= count; i += PARTIALS) {         \
			for (size_t p = 0; p < PARTIALS; p++) {        \
				const float a = part[p], b = x[i + p]; \
                                                                       \
				part[p] = (result);                    \
			}                                              \
		}                                                      \
		for (size_t p = 0; i < count; i++, p++) {              \
			const float a = part[p], b = x[i];             \
                                                                       \
			part[p] = (result);                            \
		}                                                      \
		for (size_t p = 1; p < used; p++) {                    \
			const float a = part[0], b = part[p];          \
                                                                       \
			part[0] = (result);                            \
		}                                                      \
		return part[0];
		REDUCE_OPERATORS(ROWS)
#undef ROWS
	default: /* decode.c lets no other operator through */
		return x[0];
	}
}
