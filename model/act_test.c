/* SPDX-License-Identifier: Apache-2.0 */
/* Every activation function against the host's libm in double precision. */
#include <check.h>
#include <float.h>
#include <math.h>

#include "base/prng.h"
#include "base/test_main.h"
#include "base/bits.h"
#include "model/act.h"

static double gelu(double x)
{
	return 0.5 * x * erfc(-x * M_SQRT1_2);
}

static double silu(double x)
{
	return x / (1.0 + exp(-x));
}

static double sigmoid(double x)
{
	return 1.0 / (1.0 + exp(-x));
}

static double softplus(double x)
{
	return x > 30.0 ? x + exp(-x) : log1p(exp(x));
}

static double rsqrt(double x)
{
	return 1.0 / sqrt(x);
}

static double reciprocal(double x)
{
	return 1.0 / x;
}

static double square(double x)
{
	return x * x;
}

static double copy(double x)
{
	return x;
}

static double relu(double x)
{
	return x > 0.0 ? x : 0.0;
}

static double sign(double x)
{
	return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
}

#define SLOPE 0.3f

static double prelu(double x)
{
	return x < 0.0 ? (double)SLOPE * x : x;
}

static double normal_density(double x)
{
	return exp(-0.5 * x * x) / sqrt(2.0 * M_PI);
}

static double gelu_dx(double x)
{
	return 0.5 * erfc(-x * M_SQRT1_2) + x * normal_density(x);
}

static double gelu_tanh(double x)
{
	return x * sigmoid(2.0 * sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x));
}

static double gelu_sigmoid(double x)
{
	return x * sigmoid(1.702 * x);
}

static double gelu_sigmoid_dx(double x)
{
	return sigmoid(1.702 * x) * (1.0 + 1.702 * x * sigmoid(-1.702 * x));
}

static double silu_dx(double x)
{
	return sigmoid(x) * (1.0 + x * sigmoid(-x));
}

static double mish(double x)
{
	return x * tanh(log1p(exp(x)));
}

static double erf_dx(double x)
{
	return M_2_SQRTPI * exp(-x * x);
}

static const struct {
	enum trn_act fn;
	double (*want)(double x);
	double low, high;
} cases[] = {
	{ TRN_ACT_COPY, copy, -1e30, 1e30 },
	{ TRN_ACT_SQUARE, square, -1e15, 1e15 },
	{ TRN_ACT_SIGMOID, sigmoid, -85, 85 },
	{ TRN_ACT_RELU, relu, -1e30, 1e30 },
	{ TRN_ACT_GELU, gelu, -13, 100 },
	{ TRN_ACT_SILU, silu, -85, 100 },
	{ TRN_ACT_TANH, tanh, -100, 100 },
	{ TRN_ACT_SOFTPLUS, softplus, -85, 100 },
	{ TRN_ACT_ERF, erf, -100, 100 },
	{ TRN_ACT_EXP, exp, -86, 88 },
	{ TRN_ACT_LOG, log, 0x1p-64, 0x1p64 },
	{ TRN_ACT_SIN, sin, -M_PI, M_PI },
	{ TRN_ACT_ARCTAN, atan, -1e6, 1e6 },
	{ TRN_ACT_SQRT, sqrt, 0x1p-116, 0x1p118 },
	{ TRN_ACT_RSQRT, rsqrt, 1e-26, 1e29 },
	{ TRN_ACT_RECIPROCAL, reciprocal, 1e-12, 1e12 },
	{ TRN_ACT_SIGN, sign, -1e30, 1e30 },
	{ TRN_ACT_ABS, fabs, -1e30, 1e30 },
	{ TRN_ACT_PRELU, prelu, -1e30, 1e30 },
	{ TRN_ACT_GELU_DX, gelu_dx, -13, 100 },
	{ TRN_ACT_GELU_TANH, gelu_tanh, -9, 100 },
	{ TRN_ACT_GELU_SIGMOID, gelu_sigmoid, -50, 100 },
	{ TRN_ACT_GELU_SIGMOID_DX, gelu_sigmoid_dx, -50, 100 },
	{ TRN_ACT_SILU_DX, silu_dx, -85, 100 },
	{ TRN_ACT_MISH, mish, -85, 100 },
	{ TRN_ACT_ERF_DX, erf_dx, -9.3, 9.3 },
};

/* Spread over the range, around 0, and over many magnitudes. */
static double draw(struct trn_prng *prng, double low, double high, unsigned int round)
{
	double u = trn_prng_unit(prng);

	switch (round % 3) {
	case 0:
		return low + u * (high - low);
	case 1:
		return 2.0 * u - 1.0;
	default:
		return ldexp(2.0 * u - 1.0, (int)trn_prng_below(prng, 80) - 60);
	}
}

START_TEST(act_is_within_one_ulp)
{
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (unsigned int i = 0; i < 20000; i++) {
		float x = (float)draw(&prng, cases[_i].low, cases[_i].high, i);
		double want, ulp;
		float got;

		if ((double)x < cases[_i].low || (double)x > cases[_i].high)
			continue;
		want = cases[_i].want((double)x);
		got = trn_act_eval(cases[_i].fn, SLOPE, x);
		ulp = (double)(nextafterf(fabsf((float)want), INFINITY) - fabsf((float)want));
		ck_assert_msg(fabs((double)got - want) <= ulp,
			      "fn %d at %a: got %a, want %a (seed %llu)", (int)cases[_i].fn,
			      (double)x, (double)got, want, (unsigned long long)trn_test_seed());
	}
}
END_TEST

START_TEST(act_edges)
{
	ck_assert(isnan(trn_act_eval(TRN_ACT_EXP, 0.0f, NAN)));
	ck_assert(isinf(trn_act_eval(TRN_ACT_EXP, 0.0f, 1000.0f)));
	ck_assert_float_eq(trn_act_eval(TRN_ACT_EXP, 0.0f, -INFINITY), 0.0f);
	ck_assert_float_eq(trn_act_eval(TRN_ACT_EXP, 0.0f, 0.0f), 1.0f);
	ck_assert(isinf(trn_act_eval(TRN_ACT_LOG, 0.0f, 0.0f)));
	ck_assert(isnan(trn_act_eval(TRN_ACT_LOG, 0.0f, -1.0f)));
	ck_assert_float_eq(trn_act_eval(TRN_ACT_SILU, 0.0f, -INFINITY), 0.0f);
	ck_assert_float_eq(trn_act_eval(TRN_ACT_GELU, 0.0f, -INFINITY), 0.0f);
	ck_assert_float_eq(trn_act_eval(TRN_ACT_TANH, 0.0f, INFINITY), 1.0f);
	ck_assert_float_eq(trn_act_eval(TRN_ACT_ERF, 0.0f, -INFINITY), -1.0f);
	ck_assert(isnan(trn_act_eval(TRN_ACT_SIN, 0.0f, INFINITY)));
	ck_assert(isnan(trn_act_eval(TRN_ACT_COUNT, 0.0f, 1.0f)));
}
END_TEST

/* What each function is at both infinities; NaN stays NaN in all of them. */
START_TEST(act_limits)
{
	static const struct {
		enum trn_act fn;
		float below, above;
	} limits[] = {
		{ TRN_ACT_SIGMOID, 0, 1 },
		{ TRN_ACT_RELU, 0, INFINITY },
		{ TRN_ACT_GELU, 0, INFINITY },
		{ TRN_ACT_SILU, 0, INFINITY },
		{ TRN_ACT_TANH, -1, 1 },
		{ TRN_ACT_SOFTPLUS, 0, INFINITY },
		{ TRN_ACT_ERF, -1, 1 },
		{ TRN_ACT_EXP, 0, INFINITY },
		{ TRN_ACT_PRELU, -INFINITY, INFINITY },
		{ TRN_ACT_GELU_DX, 0, 1 },
		{ TRN_ACT_GELU_TANH, 0, INFINITY },
		{ TRN_ACT_GELU_SIGMOID, 0, INFINITY },
		{ TRN_ACT_GELU_SIGMOID_DX, 0, 1 },
		{ TRN_ACT_SILU_DX, 0, 1 },
		{ TRN_ACT_MISH, 0, INFINITY },
		{ TRN_ACT_ERF_DX, 0, 0 },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(limits); i++) {
		const enum trn_act fn = limits[i].fn;

		/* The largest numbers are as good as infinite. */
		ck_assert_float_eq(trn_act_eval(fn, 2.0f, -INFINITY), limits[i].below);
		ck_assert_float_eq(trn_act_eval(fn, 2.0f, INFINITY), limits[i].above);
		if (fn != TRN_ACT_PRELU)
			ck_assert_float_eq(trn_act_eval(fn, 2.0f, -FLT_MAX), limits[i].below);
		if (!isinf(limits[i].above))
			ck_assert_float_eq(trn_act_eval(fn, 2.0f, FLT_MAX), limits[i].above);
		else if (fn != TRN_ACT_EXP)
			ck_assert_float_eq(trn_act_eval(fn, 2.0f, FLT_MAX), FLT_MAX);
	}
	for (enum trn_act fn = 0; fn < TRN_ACT_COUNT; fn++)
		ck_assert_msg(isnan(trn_act_eval(fn, 2.0f, NAN)), "fn %d", (int)fn);
}
END_TEST

/* The documented oddity: no range reduction, a cubic goes on (sin(9) is about 27.65). */
START_TEST(act_sin_outside_is_the_cubic)
{
	ck_assert_float_eq_tol(trn_act_eval(TRN_ACT_SIN, 0.0f, 9.0f), 27.65f, 0.01f);
	ck_assert_float_eq_tol(trn_act_eval(TRN_ACT_SIN, 0.0f, -9.0f), -27.65f, 0.01f);
	ck_assert(!trn_act_in_range(TRN_ACT_SIN, 9.0f));
	ck_assert(trn_act_in_range(TRN_ACT_SIN, 3.0f));
	ck_assert(!trn_act_in_range(TRN_ACT_LOG, 0.0f));
	ck_assert(trn_act_in_range(TRN_ACT_RECIPROCAL, -2.0f));
	ck_assert(!trn_act_in_range(TRN_ACT_RECIPROCAL, 0.0f));
	ck_assert(!trn_act_in_range(TRN_ACT_COUNT, 0.0f));
}
END_TEST

START_TEST(act_pow_signs_and_zeros)
{
	ck_assert_float_eq(trn_act_pow(2.0f, 10.0f), 1024.0f);
	ck_assert_float_eq_tol(trn_act_pow(-3.0f, 3.0f), -27.0f, 1e-5f);
	ck_assert(isnan(trn_act_pow(-3.0f, 0.5f)));
	ck_assert_float_eq(trn_act_pow(0.0f, 2.0f), 0.0f);
	ck_assert(isinf(trn_act_pow(0.0f, -1.0f)));
	ck_assert_float_eq(trn_act_pow(-7.0f, 0.0f), 1.0f);
}
END_TEST

static Suite *act_suite(void)
{
	Suite *s = suite_create("act");
	TCase *tc = tcase_create("act");

	tcase_add_loop_test(tc, act_is_within_one_ulp, 0, (int)TRN_ARRAY_LEN(cases));
	tcase_add_test(tc, act_edges);
	tcase_add_test(tc, act_limits);
	tcase_add_test(tc, act_sin_outside_is_the_cubic);
	tcase_add_test(tc, act_pow_signs_and_zeros);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(act_suite)
