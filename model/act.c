/* SPDX-License-Identifier: Apache-2.0 */
/* Activation functions by series in double precision. Nothing here knows about
 * engines, tiles or time. */
#include "model/act.h"

#include <stdint.h>
#include <string.h>

#define LOG2E 1.4426950408889634074
#define LN2_HI 6.93147180369123816490e-01
#define LN2_LO 1.90821492927058770002e-10
#define PI 3.14159265358979323846
#define SQRT_HALF 0.70710678118654752440
#define TWO_OVER_SQRT_PI 1.12837916709551257390
#define INV_SQRT_PI 0.56418958354775628695
/* Adding it rounds a double of less than 2^51 to the nearest integer. */
#define ROUND_MAGIC 6755399441055744.0

/* Into the row loops, where it becomes vector code. */
#define INLINE static inline __attribute__((always_inline))

INLINE double from_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

INLINE uint64_t to_bits(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* Past the limits FP32 is 0 or infinity anyway; NaN passes both comparisons. */
INLINE double exp_d(double x)
{
	double k, r, p;
	uint64_t bits;

	x = x > 200.0 ? 200.0 : x;
	x = x < -200.0 ? -200.0 : x;
	k = x * LOG2E + ROUND_MAGIC;
	bits = to_bits(k);
	k -= ROUND_MAGIC;
	r = x - k * LN2_HI - k * LN2_LO;
	p = 1.0 / 362880;
	p = p * r + 1.0 / 40320;
	p = p * r + 1.0 / 5040;
	p = p * r + 1.0 / 720;
	p = p * r + 1.0 / 120;
	p = p * r + 1.0 / 24;
	p = p * r + 1.0 / 6;
	p = p * r + 0.5;
	p = p * r + 1.0;
	p = p * r + 1.0;
	/* The low bits of the magic sum are k in two's complement. */
	return p * from_bits((bits + 1023) << 52);
}

/* 2 atanh(s), for |s| <= 1/3. */
INLINE double atanh2(double s)
{
	double q = s * s, p = 1.0 / 23;

	for (int n = 21; n >= 1; n -= 2)
		p = p * q + 1.0 / n;
	return 2.0 * s * p;
}

INLINE double log_d(double x)
{
	uint64_t bits;
	double m;
	int e;

	if (!(x > 0.0))
		return x == 0.0 ? -__builtin_inf() : __builtin_nan("");
	if (x == __builtin_inf())
		return x;
	bits = to_bits(x);
	e = (int)(bits >> 52) - 1023;
	m = from_bits((bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff) << 52);
	if (m > 2.0 * SQRT_HALF) {
		m *= 0.5;
		e++;
	}
	return e * LN2_HI + (e * LN2_LO + atanh2((m - 1.0) / (m + 1.0)));
}

INLINE double tanh_d(double x)
{
	double a = x < 0.0 ? -x : x, q = x * x, e, t;

	if (a < 0.5) {
		t = 13.0;
		for (int n = 11; n >= 1; n -= 2)
			t = n + q / t;
		return x / t;
	}
	e = exp_d(-2.0 * a);
	t = (1.0 - e) / (1.0 + e);
	return x < 0.0 ? -t : t;
}

/* erf for |z| < 3: all terms have one sign, so nothing cancels. */
static double erf_series(double z)
{
	double term = z, sum = z, q = 2.0 * z * z;

	for (int n = 3; n < 140; n += 2) {
		term *= q / n;
		sum += term;
		if (term < sum * 1e-17 && term > -1e-300)
			break;
	}
	return TWO_OVER_SQRT_PI * exp_d(-z * z) * sum;
}

/* erfc for z >= 2, by its continued fraction from the far end. */
static double erfc_fraction(double z)
{
	double t = z;

	for (int n = 60; n >= 1; n--)
		t = z + 0.5 * n / t;
	return INV_SQRT_PI * exp_d(-z * z) / t;
}

static double erf_d(double z)
{
	double a = z < 0.0 ? -z : z, v;

	if (z != z)
		return z;
	v = a < 2.0 ? erf_series(a) : 1.0 - erfc_fraction(a);
	return z < 0.0 ? -v : v;
}

static double gelu_d(double x)
{
	double z = x * SQRT_HALF;

	if (x != x)
		return x;
	if (z <= -2.0)
		return z < -14.0 ? -0.0 : 0.5 * x * erfc_fraction(-z);
	return 0.5 * x * (1.0 + erf_d(z));
}

INLINE double silu_d(double x)
{
	if (x < -150.0)
		return -0.0;
	return x / (1.0 + exp_d(-x));
}

INLINE double softplus_d(double x)
{
	double t = exp_d(x < 0.0 ? x : -x);

	return (x < 0.0 ? 0.0 : x) + atanh2(t / (2.0 + t));
}

/* The engine reduces no range: past pi it goes on with the cubic it has there. */
INLINE double sin_d(double x)
{
	double a = x < 0.0 ? -x : x, q, p, v;

	if (x != x || a == __builtin_inf())
		return __builtin_nan("");
	if (a > PI) {
		double d = a - PI;

		v = d * d * d / 6.0 - d;
		return x < 0.0 ? -v : v;
	}
	if (a > PI / 2)
		a = PI - a;
	q = a * a;
	p = 1.0;
	for (int n = 17; n >= 3; n -= 2)
		p = 1.0 - p * q / (n * (n - 1));
	v = a * p;
	return x < 0.0 ? -v : v;
}

INLINE double arctan_d(double x)
{
	double a = x < 0.0 ? -x : x, q, p, v, scale = 1.0, offset = 0.0;

	if (x != x)
		return x;
	if (a > 1.0) {
		offset = PI / 2;
		scale = -1.0;
		a = 1.0 / a;
	}
	/* Halve the angle twice: the series then needs few terms. */
	for (int i = 0; i < 2; i++) {
		a = a / (1.0 + __builtin_sqrt(1.0 + a * a));
		scale *= 2.0;
	}
	q = a * a;
	p = 1.0 / 23;
	for (int n = 21; n >= 1; n -= 2)
		p = 1.0 / n - q * p;
	v = offset + scale * a * p;
	return x < 0.0 ? -v : v;
}

INLINE double sign_d(double x)
{
	if (x > 0.0)
		return 1.0;
	return x < 0.0 ? -1.0 : x;
}

INLINE double rsqrt_d(double x)
{
	return 1.0 / __builtin_sqrt(x);
}

INLINE double sqrt_d(double x)
{
	return __builtin_sqrt(x);
}

INLINE double copy_d(double x)
{
	return x;
}

INLINE double square_d(double x)
{
	return x * x;
}

INLINE double sigmoid_d(double x)
{
	return 1.0 / (1.0 + exp_d(-x));
}

INLINE double relu_d(double x)
{
	return x < 0.0 ? 0.0 : x;
}

INLINE double reciprocal_d(double x)
{
	return 1.0 / x;
}

INLINE double abs_d(double x)
{
	return x < 0.0 ? -x : x + 0.0;
}

#define ROW_FOR(target, name, element)                                      \
	target static void name(float *dst, const float *src, size_t count) \
	{                                                                   \
		for (size_t i = 0; i < count; i++)                          \
			dst[i] = (float)element((double)src[i]);            \
	}

/* One source for every unit of the host: IEEE operations, nothing fused. */
#if defined(__x86_64__)
#define ROW(name)                       \
	ROW_FOR(, name##_row, name##_d) \
	ROW_FOR(__attribute__((target("avx2"))), name##_wide, name##_d)
#define ROWS(name) name##_row, name##_wide
#else
#define ROW(name) ROW_FOR(, name##_row, name##_d)
#define ROWS(name) name##_row, name##_row
#endif

ROW(copy)
ROW(square)
ROW(sigmoid)
ROW(relu)
ROW(gelu)
ROW(silu)
ROW(tanh)
ROW(softplus)
ROW(erf)
ROW(exp)
ROW(log)
ROW(sin)
ROW(arctan)
ROW(sqrt)
ROW(rsqrt)
ROW(reciprocal)
ROW(sign)
ROW(abs)

/* min and max are the documented valid range by magnitude; below min only 0 is bad. */
static const struct act {
	void (*row)(float *dst, const float *src, size_t count);
	void (*wide)(float *dst, const float *src, size_t count);
	float low, high; /* of the argument; reciprocal: of its magnitude */
} acts[TRN_ACT_COUNT] = {
	[TRN_ACT_COPY] = { ROWS(copy), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_SQUARE] = { ROWS(square), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_SIGMOID] = { ROWS(sigmoid), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_RELU] = { ROWS(relu), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_GELU] = { ROWS(gelu), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_SILU] = { ROWS(silu), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_TANH] = { ROWS(tanh), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_SOFTPLUS] = { ROWS(softplus), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_ERF] = { ROWS(erf), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_EXP] = { ROWS(exp), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_LOG] = { ROWS(log), 0x1p-64f, 0x1p64f },
	[TRN_ACT_SIN] = { ROWS(sin), -(float)PI, (float)PI },
	[TRN_ACT_ARCTAN] = { ROWS(arctan), -(float)(PI / 2), (float)(PI / 2) },
	[TRN_ACT_SQRT] = { ROWS(sqrt), 0x1p-116f, 0x1p118f },
	[TRN_ACT_RSQRT] = { ROWS(rsqrt), 0x1p-87f, 0x1p97f },
	[TRN_ACT_RECIPROCAL] = { ROWS(reciprocal), 0x1p-42f, 0x1p42f },
	[TRN_ACT_SIGN] = { ROWS(sign), -__builtin_inff(), __builtin_inff() },
	[TRN_ACT_ABS] = { ROWS(abs), -__builtin_inff(), __builtin_inff() },
};

void trn_act_row(enum trn_act fn, float *dst, const float *src, size_t count)
{
	if ((unsigned int)fn < TRN_ACT_COUNT) {
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx2")) {
			acts[fn].wide(dst, src, count);
			return;
		}
#endif
		acts[fn].row(dst, src, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		dst[i] = __builtin_nanf("");
}

float trn_act_eval(enum trn_act fn, float x)
{
	trn_act_row(fn, &x, &x, 1);
	return x;
}

bool trn_act_in_range(enum trn_act fn, float x)
{
	if ((unsigned int)fn >= TRN_ACT_COUNT)
		return false;
	if (fn == TRN_ACT_RECIPROCAL && x < 0.0f)
		x = -x;
	return x >= acts[fn].low && x <= acts[fn].high;
}

float trn_act_pow(float x, float y)
{
	bool whole = y == (float)(int32_t)(y > -2e9f && y < 2e9f ? y : 0.5f);
	double v;

	if (y == 0.0f)
		return 1.0f;
	if (x == 0.0f)
		return y > 0.0f ? 0.0f : __builtin_inff();
	if (x < 0.0f && !whole)
		return __builtin_nanf("");
	v = exp_d((double)y * log_d((double)(x < 0.0f ? -x : x)));
	return (float)(x < 0.0f && ((int32_t)y & 1) ? -v : v);
}
