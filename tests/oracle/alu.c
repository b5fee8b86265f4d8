/* SPDX-License-Identifier: Apache-2.0 */
/* Sections 9 and 10 of docs/isa.md: operators and activation functions. */
#include "oracle.h"

#include <math.h>

bool orc_alu_is_bit(uint32_t op)
{
	return op >= TRN_ALU_NOT && op <= TRN_ALU_SHR;
}

bool orc_alu_is_unary(uint32_t op)
{
	return op >= TRN_ALU_ABS && op <= TRN_ALU_RECIPROCAL;
}

static float power(float a, float b)
{
	if (b == 0)
		return 1;
	if (a != a || b != b)
		return NAN;
	if (a == 0)
		return b > 0 ? 0 : INFINITY;
	if (a < 0 && (isinf(b) || rintf(b) != b))
		return NAN;
	return (float)powl(a, b);
}

static float truth(bool value)
{
	return value ? 1.0f : 0.0f;
}

static float logic(uint32_t op, float a, float b)
{
	const bool x = !(a == 0), y = !(b == 0);

	if (op == TRN_ALU_LAND)
		return truth(x && y);
	return truth(op == TRN_ALU_LOR ? x || y : x != y);
}

static float unary(uint32_t op, float a)
{
	switch (op) {
	case TRN_ALU_ABS:
		return orc_float_of(orc_bits_of(a) & 0x7fffffffu);
	case TRN_ALU_SQUARE:
		return a * a;
	case TRN_ALU_RELU:
		return a > 0 ? a : 0;
	case TRN_ALU_RSQRT:
		return (float)(1.0 / sqrt((double)a));
	default:
		return 1.0f / a;
	}
}

float orc_alu(uint32_t op, float a, float b)
{
	switch (op) {
	case TRN_ALU_BYPASS:
		return a;
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
		return truth(a == b);
	case TRN_ALU_NE:
		return truth(a != b);
	case TRN_ALU_GE:
		return truth(a >= b);
	case TRN_ALU_GT:
		return truth(a > b);
	case TRN_ALU_LE:
		return truth(a <= b);
	case TRN_ALU_LT:
		return truth(a < b);
	case TRN_ALU_POW:
		return power(a, b);
	case TRN_ALU_ABS_MAX:
		return orc_alu(TRN_ALU_MAX, fabsf(a), fabsf(b));
	case TRN_ALU_ABS_MIN:
		return orc_alu(TRN_ALU_MIN, fabsf(a), fabsf(b));
	default:
		return orc_alu_is_unary(op) ? unary(op, a) : logic(op, a, b);
	}
}

uint32_t orc_alu_bits(uint32_t op, uint32_t a, uint32_t b)
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
		return b >= 32 ? 0 : a << b;
	case TRN_ALU_SHR:
		return b >= 32 ? 0 : a >> b;
	default:
		return a; /* BYPASS */
	}
}

uint32_t orc_alu_int(uint32_t op, uint32_t a, uint32_t b, bool is_signed)
{
	const int64_t x = is_signed ? (int64_t)(int32_t)a : (int64_t)a;
	const int64_t y = is_signed ? (int64_t)(int32_t)b : (int64_t)b;

	switch (op) {
	case TRN_ALU_ADD:
		return a + b;
	case TRN_ALU_SUB:
		return a - b;
	case TRN_ALU_MUL:
		return a * b;
	case TRN_ALU_MAX:
		return x > y ? a : b;
	case TRN_ALU_MIN:
		return x < y ? a : b;
	case TRN_ALU_EQ:
		return x == y;
	case TRN_ALU_NE:
		return x != y;
	case TRN_ALU_GE:
		return x >= y;
	case TRN_ALU_GT:
		return x > y;
	case TRN_ALU_LE:
		return x <= y;
	case TRN_ALU_LT:
		return x < y;
	case TRN_ALU_LAND:
		return a != 0 && b != 0;
	case TRN_ALU_LOR:
		return a != 0 || b != 0;
	case TRN_ALU_LXOR:
		return (a != 0) != (b != 0);
	case TRN_ALU_ABS:
		return x < 0 ? 0u - a : a;
	default:
		return orc_alu_bits(op, a, b);
	}
}

float orc_reduce(uint32_t op, const float *x, uint32_t count)
{
	const uint32_t wide = op == TRN_ALU_SUB ? 1 : 8; /* x0 - x1 - x2 ... */
	const uint32_t parts = count < wide ? count : wide;
	float part[8] = { 0 };
	float result;

	for (uint32_t i = 0; i < count; i++) {
		if (op == TRN_ALU_ABS_MAX || op == TRN_ALU_ABS_MIN)
			part[i % wide] = i < wide ? fabsf(x[i]) : orc_alu(op, part[i % wide], x[i]);
		else
			part[i % wide] = i < wide ? x[i] : orc_alu(op, part[i % wide], x[i]);
	}
	result = part[0];
	for (uint32_t i = 1; i < parts; i++)
		result = orc_alu(op, result, part[i]);
	return result;
}

uint32_t orc_reduce_bits(uint32_t op, const uint32_t *x, uint32_t count)
{
	uint32_t result = x[0];

	for (uint32_t i = 1; i < count; i++)
		result = orc_alu_bits(op, result, x[i]);
	return result;
}

bool orc_act_exact(uint32_t func)
{
	switch (func) {
	case TRN_ACT_COPY:
	case TRN_ACT_SQUARE:
	case TRN_ACT_RELU:
	case TRN_ACT_SIGN:
	case TRN_ACT_ABS:
	case TRN_ACT_PRELU:
		return true;
	default:
		return false;
	}
}

static long double sigmoid(long double x)
{
	return 1 / (1 + expl(-x));
}

/* s * (1 + kx (1 - s)) with s the sigmoid of kx: derivative of x * sigmoid(kx). */
static long double sigmoid_dx(long double kx)
{
	return sigmoid(kx) * (1 + kx * sigmoid(-kx));
}

static long double sine(long double x)
{
	const long double pi = 3.14159265358979323846264338327950288L;
	const long double d = fabsl(x) - pi;

	if (d <= 0)
		return sinl(x);
	return (x < 0 ? -1 : 1) * (d * d * d / 6 - d);
}

static long double mish(long double x)
{
	const long double w = expl(x), s = w * (w + 2);

	return x > 1000 ? x : x * (s / (s + 2));
}

static long double gelus(uint32_t func, long double x)
{
	const long double root_half = 0.707106781186547524400844362104849039L;
	const long double root_two_pi = 2.50662827463100050241576528481104525L;

	switch (func) {
	case TRN_ACT_GELU:
		return x * erfcl(-x * root_half) / 2;
	case TRN_ACT_GELU_DX:
		return erfcl(-x * root_half) / 2 + x * expl(-x * x / 2) / root_two_pi;
	case TRN_ACT_GELU_TANH:
		return x * sigmoid(4 / root_two_pi * (x + 0.044715L * x * x * x));
	case TRN_ACT_GELU_SIGMOID:
		return x * sigmoid(1.702L * x);
	default: /* GELU_SIGMOID_DX */
		return sigmoid_dx(1.702L * x);
	}
}

long double orc_act(uint32_t func, float x, float slope)
{
	/* At infinity: the limit, which so large a number gives. */
	const long double v = isinf(x) && func != TRN_ACT_LOG ? (x > 0 ? 1e300L : -1e300L) : x;

	switch (func) {
	case TRN_ACT_COPY:
		return v;
	case TRN_ACT_SQUARE:
		return v * v;
	case TRN_ACT_SIGMOID:
		return sigmoid(v);
	case TRN_ACT_RELU:
		return v < 0 ? 0 : v;
	case TRN_ACT_SILU:
		return v * sigmoid(v);
	case TRN_ACT_TANH:
		return tanhl(v);
	case TRN_ACT_SOFTPLUS:
		return v > 100 ? v : log1pl(expl(v));
	case TRN_ACT_ERF:
		return erfl(v);
	case TRN_ACT_EXP:
		return expl(v);
	case TRN_ACT_LOG:
		return v == 0 ? -INFINITY : (v < 0 ? NAN : logl(v));
	case TRN_ACT_SIN:
		return isinf(x) ? NAN : sine(v);
	case TRN_ACT_ARCTAN:
		return atanl(v);
	case TRN_ACT_SQRT:
		return sqrtl(v);
	case TRN_ACT_RSQRT:
		return 1 / sqrtl(v);
	case TRN_ACT_RECIPROCAL:
		return 1 / v;
	case TRN_ACT_SIGN:
		return v > 0 ? 1 : (v < 0 ? -1 : v);
	case TRN_ACT_ABS:
		return fabsl(v);
	case TRN_ACT_PRELU:
		return v < 0 ? (long double)(float)((double)slope * (double)x) : v;
	case TRN_ACT_SILU_DX:
		return sigmoid_dx(v);
	case TRN_ACT_MISH:
		return mish(v);
	case TRN_ACT_ERF_DX:
		return 1.12837916709551257389615890312154517L * expl(-v * v);
	default:
		return gelus(func, v);
	}
}
