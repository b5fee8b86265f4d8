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
#define INV_SQRT_2PI 0.39894228040143267794
#define SQRT_TWO_OVER_PI 0.79788456080286535588
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

/* erf for |z| <= 1: a polynomial in z^2, a Chebyshev fit that is off by 4e-16 at most. */
INLINE double erf_small(double z)
{
	double q = z * z, p;

	p = -7.7985438505499473e-10;
	p = p * q + 1.3721520406351094e-08;
	p = p * q - 1.6208829856810202e-07;
	p = p * q + 1.6447471190594618e-06;
	p = p * q - 1.4924740785377576e-05;
	p = p * q + 0.00012055295112667001;
	p = p * q - 0.00085483259825432252;
	p = p * q + 0.0052239776072699456;
	p = p * q - 0.026866170643256995;
	p = p * q + 0.1128379167094513;
	p = p * q - 0.37612638903183543;
	p = p * q + 1.1283791670955126;
	return z * p;
}

/* e^(a^2) erfc(a) for a from 0 to 20: (1 + 2a) times it hardly changes, and a Chebyshev fit of
 * 22 terms in u = (1.3a - 3) / (a + 3), which runs from -1 to 1, is off by 3e-16 of it. */
INLINE double erfcx_d(double a)
{
	double u = (1.3 * a - 3.0) / (a + 3.0), p;

	p = 1.9091066139829636e-10;
	p = p * u + 1.3510968198758248e-09;
	p = p * u - 7.0604423523348829e-10;
	p = p * u - 1.6536047614110711e-08;
	p = p * u - 1.1485591565582639e-08;
	p = p * u + 1.2511166812765515e-07;
	p = p * u + 2.0339950631388377e-07;
	p = p * u - 8.4923270977110409e-07;
	p = p * u - 2.1742012228046549e-06;
	p = p * u + 6.4863106263494725e-06;
	p = p * u + 1.9892870629647215e-05;
	p = p * u - 6.5978040077245936e-05;
	p = p * u - 0.00015124120558789958;
	p = p * u + 0.00087593036300602967;
	p = p * u + 4.5335743472346749e-05;
	p = p * u - 0.010826956257476018;
	p = p * u + 0.043529247870568229;
	p = p * u - 0.097222745462111584;
	p = p * u + 0.1345098115152685;
	p = p * u - 0.084755508782604433;
	p = p * u - 0.10037691480035714;
	p = p * u + 1.2695636603661815;
	return p / (1.0 + 2.0 * a);
}

#define ERFC_END 20.0 /* erfc is 0 in FP32 long before */

INLINE double erf_d(double z)
{
	double a = z < 0.0 ? -z : z, small = erf_small(z), v;

	a = a > ERFC_END ? ERFC_END : a;
	v = 1.0 - exp_d(-a * a) * erfcx_d(a);
	v = z < 0.0 ? -v : v;
	return a < 1.0 ? small : v;
}

/* The normal distribution up to x, and times 1 / sqrt(2 pi) its density. */
struct normal {
	double below, density;
};

INLINE struct normal normal_d(double x)
{
	double a = (x < 0.0 ? -x : x) * SQRT_HALF, e, tail;

	a = a > ERFC_END ? ERFC_END : a;
	/* x is FP32, so its square is exact, and a^2 would not be. */
	e = exp_d(-0.5 * (x * x));
	tail = 0.5 * e * erfcx_d(a);
	return (struct normal){ x < 0.0 ? tail : 1.0 - tail, e * INV_SQRT_2PI };
}

/* What is times 0 in the end must not be infinite: beyond it every function is its limit. */
INLINE double limited(double x)
{
	x = x > 200.0 ? 200.0 : x;
	return x < -200.0 ? -200.0 : x;
}

INLINE double floored(double x)
{
	return x < -200.0 ? -200.0 : x;
}

INLINE double gelu_d(double x)
{
	x = floored(x);
	return x * normal_d(x).below;
}

INLINE double gelu_dx_d(double x)
{
	struct normal n;

	x = limited(x);
	n = normal_d(x);
	return n.below + x * n.density;
}

INLINE double gelu_tanh_d(double x)
{
	x = floored(x);
	/* (1 + tanh u) / 2 is 1 / (1 + e^-2u). */
	return x / (1.0 + exp_d(-2.0 * SQRT_TWO_OVER_PI * (x + 0.044715 * (x * x * x))));
}

INLINE double gelu_sigmoid_d(double x)
{
	x = floored(x);
	return x / (1.0 + exp_d(-1.702 * x));
}

/* s + k x s (1 - s) with s = 1 / (1 + e^-kx): 1 - s is e^-kx s, without cancellation. */
INLINE double sigmoid_product_dx(double x, double k)
{
	double t, s;

	x = limited(x);
	t = exp_d(-k * x);
	s = 1.0 / (1.0 + t);
	return s * (1.0 + k * x * (t * s));
}

INLINE double gelu_sigmoid_dx_d(double x)
{
	return sigmoid_product_dx(x, 1.702);
}

INLINE double silu_dx_d(double x)
{
	return sigmoid_product_dx(x, 1.0);
}

/* With e = e^x: tanh(ln(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1). */
INLINE double mish_d(double x)
{
	double e, n;

	x = floored(x);
	e = exp_d(x);
	n = e * (e + 2.0);
	return x * (n / (n + 2.0));
}

INLINE double erf_dx_d(double x)
{
	return TWO_OVER_SQRT_PI * exp_d(-(x * x));
}

INLINE double silu_d(double x)
{
	x = floored(x);
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
ROW(gelu_dx)
ROW(gelu_tanh)
ROW(gelu_sigmoid)
ROW(gelu_sigmoid_dx)
ROW(silu_dx)
ROW(mish)
ROW(erf_dx)

/* PRELU is the one function with a number of its own, and one FP32 operation. */
static void prelu_row(float slope, float *dst, const float *src, size_t count)
{
	for (size_t i = 0; i < count; i++)
		dst[i] = src[i] < 0.0f ? slope * src[i] : src[i];
}

#define EVERYWHERE -__builtin_inff(), __builtin_inff()

/* Where the documented range ends; a function that holds everywhere has none. */
static const struct act {
	void (*row)(float *dst, const float *src, size_t count);
	void (*wide)(float *dst, const float *src, size_t count);
	float low, high; /* of the argument; reciprocal: of its magnitude */
} acts[TRN_ACT_COUNT] = {
	[TRN_ACT_COPY] = { ROWS(copy), EVERYWHERE },
	[TRN_ACT_SQUARE] = { ROWS(square), EVERYWHERE },
	[TRN_ACT_SIGMOID] = { ROWS(sigmoid), EVERYWHERE },
	[TRN_ACT_RELU] = { ROWS(relu), EVERYWHERE },
	[TRN_ACT_GELU] = { ROWS(gelu), EVERYWHERE },
	[TRN_ACT_SILU] = { ROWS(silu), EVERYWHERE },
	[TRN_ACT_TANH] = { ROWS(tanh), EVERYWHERE },
	[TRN_ACT_SOFTPLUS] = { ROWS(softplus), EVERYWHERE },
	[TRN_ACT_ERF] = { ROWS(erf), EVERYWHERE },
	[TRN_ACT_EXP] = { ROWS(exp), EVERYWHERE },
	[TRN_ACT_LOG] = { ROWS(log), 0x1p-64f, 0x1p64f },
	[TRN_ACT_SIN] = { ROWS(sin), -(float)PI, (float)PI },
	[TRN_ACT_ARCTAN] = { ROWS(arctan), -(float)(PI / 2), (float)(PI / 2) },
	[TRN_ACT_SQRT] = { ROWS(sqrt), 0x1p-116f, 0x1p118f },
	[TRN_ACT_RSQRT] = { ROWS(rsqrt), 0x1p-87f, 0x1p97f },
	[TRN_ACT_RECIPROCAL] = { ROWS(reciprocal), 0x1p-42f, 0x1p42f },
	[TRN_ACT_SIGN] = { ROWS(sign), EVERYWHERE },
	[TRN_ACT_ABS] = { ROWS(abs), EVERYWHERE },
	[TRN_ACT_PRELU] = { NULL, NULL, EVERYWHERE },
	[TRN_ACT_GELU_DX] = { ROWS(gelu_dx), EVERYWHERE },
	[TRN_ACT_GELU_TANH] = { ROWS(gelu_tanh), EVERYWHERE },
	[TRN_ACT_GELU_SIGMOID] = { ROWS(gelu_sigmoid), EVERYWHERE },
	[TRN_ACT_GELU_SIGMOID_DX] = { ROWS(gelu_sigmoid_dx), EVERYWHERE },
	[TRN_ACT_SILU_DX] = { ROWS(silu_dx), EVERYWHERE },
	[TRN_ACT_MISH] = { ROWS(mish), EVERYWHERE },
	[TRN_ACT_ERF_DX] = { ROWS(erf_dx), EVERYWHERE },
};

void trn_act_row(enum trn_act fn, float slope, float *dst, const float *src, size_t count)
{
	if (fn == TRN_ACT_PRELU) {
		prelu_row(slope, dst, src, count);
		return;
	}
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

float trn_act_eval(enum trn_act fn, float slope, float x)
{
	trn_act_row(fn, slope, &x, &x, 1);
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
	const float size = x < 0.0f ? -x : x, up = y < 0.0f ? -y : y;
	/* From 2^24 on every FP32 number is whole and even. */
	const bool small = up < 0x1p24f;
	const bool whole = small ? y == (float)(int32_t)y : up < __builtin_inff();
	double power, v;

	if (y == 0.0f)
		return 1.0f;
	if (x != x || y != y)
		return __builtin_nanf("");
	if (x == 0.0f)
		return y > 0.0f ? 0.0f : __builtin_inff();
	if (x < 0.0f && !whole)
		return __builtin_nanf("");
	if (size == 1.0f)
		power = 0.0;
	else if (size == __builtin_inff())
		power = y > 0.0f ? 1000.0 : -1000.0;
	else
		power = (double)y * log_d((double)size);
	/* FP32 ends long before. */
	if (power > 200.0)
		v = __builtin_inf();
	else
		v = power < -200.0 ? 0.0 : exp_d(power);
	return (float)(x < 0.0f && small && ((int32_t)y & 1) ? -v : v);
}
