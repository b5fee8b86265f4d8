/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/number.c against a slow reference that knows formats only by
 * the value of each code and searches for the nearest one. */
#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"

#include <math.h>
#include <string.h>

#define RANDOM_ROUNDS 50000
/* For inner loops: ck_assert writes to a file each time it passes. */
#define CHECK(cond)                          \
	do {                                 \
		if (!(cond))                 \
			ck_abort_msg(#cond); \
	} while (0)
#define CODE_BITS_MAX 18 /* TF32 without its sign */

struct ref_format {
	enum trn_dtype type;
	int exponent, mantissa;
	bool finite;         /* e4m3fn */
	unsigned int unused; /* low bits of the container */
	double max;
};

static const struct ref_format refs[] = {
	{ TRN_DTYPE_F8E4M3, 4, 3, false, 0, 240 },
	{ TRN_DTYPE_F8E4M3FN, 4, 3, true, 0, 448 },
	{ TRN_DTYPE_F8E5M2, 5, 2, false, 0, 57344 },
	{ TRN_DTYPE_F8E3M4, 3, 4, false, 0, 15.5 },
	{ TRN_DTYPE_F16, 5, 10, false, 0, 65504 },
	{ TRN_DTYPE_BF16, 8, 7, false, 0, 0x1.fep127 },
	{ TRN_DTYPE_TF32, 8, 10, false, 13, 0x1.ffcp127 },
};

static uint32_t bits_of(float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

static float float_of(uint32_t u)
{
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static uint32_t code_top(const struct ref_format *f) /* without sign */
{
	return (1u << (f->exponent + f->mantissa)) - 1;
}

static uint32_t code_over(const struct ref_format *f) /* infinity, or the one NaN */
{
	return f->finite ? code_top(f) : code_top(f) & ~((1u << f->mantissa) - 1);
}

/* All codes of formats up to 16 bits. Of TF32's 2^19 the subnormals, the special
 * ones and every 61st. */
static uint32_t code_step(const struct ref_format *f, uint32_t code)
{
	uint32_t abs = code & code_top(f);
	uint32_t edge = 2u << f->mantissa;

	return f->unused == 0 || abs < edge || abs > code_top(f) - edge ? 1 : 61;
}

/* What a code without sign would be worth if none were special. */
static double value_of(const struct ref_format *f, uint32_t code)
{
	int bias = (1 << (f->exponent - 1)) - 1;
	int e = (int)(code >> f->mantissa);
	double m = (double)(code & ((1u << f->mantissa) - 1));

	return e == 0 ? ldexp(m, 1 - bias - f->mantissa) :
			ldexp(m + (double)(1u << f->mantissa), e - bias - f->mantissa);
}

/* The same from a table, filled at a format's first use: the search reads it often. */
static double ref_value(const struct ref_format *f, uint32_t code)
{
	static double values[1u << CODE_BITS_MAX];
	static const struct ref_format *filled;

	if (filled != f) {
		for (uint32_t i = 0; i <= code_top(f); i++)
			values[i] = value_of(f, i);
		filled = f;
	}
	return values[code];
}

/* Nearest code for |v|, ties to even; v is no NaN. */
static uint32_t ref_code(const struct ref_format *f, double v)
{
	uint32_t low = 0, high = code_over(f);
	double mid;

	v = fabs(v);
	if (v >= ref_value(f, high))
		return high;
	while (high - low > 1) { /* value(low) <= v < value(high) */
		uint32_t at = (low + high) / 2;

		if (ref_value(f, at) <= v)
			low = at;
		else
			high = at;
	}
	mid = (ref_value(f, low) + ref_value(f, high)) / 2;
	if (v != mid)
		return v < mid ? low : high;
	return low & 1 ? high : low;
}

static uint32_t container_load(const void *p, size_t size)
{
	uint32_t u = 0;

	memcpy(&u, p, size);
	return u;
}

static uint32_t store(const struct ref_format *f, float v)
{
	unsigned char raw[4] = { 0 };

	trn_store_f32(raw, f->type, v);
	return container_load(raw, trn_dtype_size(f->type));
}

static float load(const struct ref_format *f, uint32_t container)
{
	return trn_load_f32(&container, f->type); /* little endian: the low bytes are first */
}

static uint32_t sign_of(const struct ref_format *f)
{
	return 1u << (f->exponent + f->mantissa);
}

static void check_store(const struct ref_format *f, float v)
{
	uint32_t want = (ref_code(f, (double)v) | (signbit(v) ? sign_of(f) : 0)) << f->unused;
	uint32_t got = store(f, v);

	if (got != want)
		ck_abort_msg("%s: %a gives %#x, not %#x", trn_dtype_name(f->type), (double)v, got,
			     want);
}

/* One code: its value, and back. *largest follows the finite ones. */
static void check_code(const struct ref_format *f, uint32_t code, double *largest)
{
	uint32_t abs = code & code_top(f);
	bool nan = abs > code_over(f) || (f->finite && abs == code_over(f));
	float v = load(f, code << f->unused);
	uint32_t back = code;

	if (nan) {
		/* Sign and payload stay, a signalling NaN becomes quiet. */
		back |= f->finite ? 0 : 1u << (f->mantissa - 1);
		CHECK(isnan(v));
		CHECK(f->type == TRN_DTYPE_BF16 || (bits_of(v) & 0x00400000));
	} else if (abs == code_over(f)) {
		CHECK(isinf(v));
	} else {
		CHECK(fabs((double)v) == ref_value(f, abs));
		*largest = fmax(*largest, fabs((double)v));
	}
	CHECK((signbit(v) != 0) == (code != abs)); /* -0 too */
	CHECK(store(f, v) == back << f->unused);
}

START_TEST(every_code_loads_its_value_and_stores_back)
{
	const struct ref_format *f = &refs[_i];
	double largest = 0;

	for (uint32_t code = 0; code <= (code_top(f) | sign_of(f)); code += code_step(f, code))
		check_code(f, code, &largest);
	ck_assert_msg(largest == f->max, "%s: largest %a", trn_dtype_name(f->type), largest);
}
END_TEST

START_TEST(stores_round_to_nearest_even)
{
	const struct ref_format *f = &refs[_i];

	/* Each code's value, the tie above it, and the FP32 numbers beside both. */
	for (uint32_t code = 0; code < code_over(f); code += code_step(f, code)) {
		float at = (float)ref_value(f, code);
		double tie = (ref_value(f, code) + ref_value(f, code + 1)) / 2;

		check_store(f, at);
		check_store(f, -at);
		check_store(f, nextafterf(at, INFINITY));
		check_store(f, nextafterf(at, -INFINITY));
		if (tie > 0x1.fffffep127 || (double)(float)tie != tie)
			continue; /* FP32 has no such number: BF16 and TF32 at its ends */
		check_store(f, (float)tie);
		check_store(f, -(float)tie);
		check_store(f, nextafterf((float)tie, INFINITY));
		check_store(f, nextafterf((float)tie, 0.0f));
	}
	check_store(f, INFINITY);
	check_store(f, -INFINITY);
	check_store(f, 0x1.fffffep127f);
	check_store(f, -0x1.fffffep127f);
	check_store(f, 0x1p-149f);
}
END_TEST

START_TEST(stores_of_random_bits)
{
	const struct ref_format *f = &refs[_i];
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (size_t i = 0; i < RANDOM_ROUNDS; i++) {
		uint32_t u = trn_hi32(trn_prng_next(&prng));
		float v = float_of(u);

		if (!isnan(v))
			check_store(f, v);
		else
			CHECK(isnan(load(f, store(f, v))));
	}
}
END_TEST

START_TEST(nan_stores)
{
	const struct ref_format *f = &refs[_i];
	/* the last has its payload only where narrow formats have nothing */
	static const uint32_t nans[] = { 0x7fc00000, 0xffc00000, 0x7fffffff,
					 0xffffffff, 0x7f800001, 0xff800001 };

	for (size_t i = 0; i < TRN_ARRAY_LEN(nans); i++) {
		uint32_t code = store(f, float_of(nans[i])) >> f->unused;
		uint32_t quiet = code_over(f) | (1u << (f->mantissa - 1));

		ck_assert_uint_eq(code & sign_of(f), nans[i] >> 31 ? sign_of(f) : 0);
		ck_assert_uint_eq(code & quiet, quiet);
	}
}
END_TEST

START_TEST(known_values)
{
	ck_assert_uint_eq(trn_f32_to_bf16(1.0f), 0x3f80);
	ck_assert_uint_eq(trn_f32_to_bf16(float_of(0x3f808000)), 0x3f80); /* tie, even */
	ck_assert_uint_eq(trn_f32_to_bf16(float_of(0x3f818000)), 0x3f82); /* tie, odd */
	ck_assert_uint_eq(trn_f32_to_bf16(float_of(0x7f7fffff)), 0x7f80);
	ck_assert_uint_eq(trn_f32_to_bf16(float_of(0x7f800001)), 0x7fc0);
	ck_assert_uint_eq(bits_of(trn_bf16_to_f32(0xc000)), bits_of(-2.0f));
	ck_assert_uint_eq(trn_f32_to_f16(65519.996f), 0x7bff);
	ck_assert_uint_eq(trn_f32_to_f16(65520.0f), 0x7c00);
	ck_assert_uint_eq(trn_f32_to_f16(0x1p-24f), 0x0001);
	ck_assert_uint_eq(trn_f32_to_f16(0x1p-25f), 0x0000);
	ck_assert_uint_eq(bits_of(trn_f16_to_f32(0x0001)), bits_of(0x1p-24f));
	/* one bit pattern, two formats: a known trap */
	ck_assert(trn_fp8_to_f32(0x7e, TRN_DTYPE_F8E4M3FN) == 448.0f);
	ck_assert(isnan(trn_fp8_to_f32(0x7e, TRN_DTYPE_F8E4M3)));
	ck_assert_uint_eq(trn_f32_to_fp8(464.0f, TRN_DTYPE_F8E4M3FN), 0x7e); /* tie, even */
	ck_assert_uint_eq(trn_f32_to_fp8(465.0f, TRN_DTYPE_F8E4M3FN), 0x7f);
	ck_assert_uint_eq(trn_f32_to_fp8(-INFINITY, TRN_DTYPE_F8E4M3FN), 0xff);
	ck_assert_uint_eq(trn_f32_to_fp8(247.0f, TRN_DTYPE_F8E4M3), 0x77);
	ck_assert_uint_eq(trn_f32_to_fp8(248.0f, TRN_DTYPE_F8E4M3), 0x78);
	ck_assert_uint_eq(trn_f32_to_fp8(1.0f, TRN_DTYPE_F8E3M4), 0x30);
	ck_assert_uint_eq(trn_f32_to_fp8(-1.0f, TRN_DTYPE_F8E5M2), 0xbc);
}
END_TEST

START_TEST(tf32_load_ignores_low_bits)
{
	uint32_t one = 0x3f801fff, small_nan = 0x7f800001;

	ck_assert_uint_eq(bits_of(trn_load_f32(&one, TRN_DTYPE_TF32)), 0x3f800000);
	ck_assert(isnan(trn_load_f32(&small_nan, TRN_DTYPE_TF32))); /* not infinity */
}
END_TEST

struct ref_int {
	enum trn_dtype type;
	double low, high;
};

static const struct ref_int ints[] = {
	{ TRN_DTYPE_U8, 0, 255 },           { TRN_DTYPE_S8, -128, 127 },
	{ TRN_DTYPE_U16, 0, 65535 },        { TRN_DTYPE_S16, -32768, 32767 },
	{ TRN_DTYPE_U32, 0, 4294967295.0 }, { TRN_DTYPE_S32, -2147483648.0, 2147483647.0 },
};

static void check_int(const struct ref_int *f, float v)
{
	size_t size = trn_dtype_size(f->type);
	double want = isnan(v) ? 0 : fmin(fmax(rint((double)v), f->low), f->high);
	uint32_t mask = UINT32_MAX >> (32 - 8 * size);
	uint32_t got = 0;

	trn_store_f32(&got, f->type, v);
	if (got != ((uint32_t)(int64_t)want & mask))
		ck_abort_msg("%s: %a gives %#x", trn_dtype_name(f->type), (double)v, got);
	/* and back: exact where FP32 has the number, else its nearest */
	CHECK(trn_load_f32(&got, f->type) == (float)want);
}

START_TEST(integers_round_then_saturate)
{
	const struct ref_int *f = &ints[_i];
	static const float edges[] = { 0.0f,    0x1p7f,  0x1p8f,  0x1p15f, 0x1p16f, 0x1p22f,
				       0x1p23f, 0x1p24f, 0x1p31f, 0x1p32f, 0x1p63f };
	struct trn_prng prng;

	for (size_t i = 0; i < TRN_ARRAY_LEN(edges); i++) {
		for (int k = -300; k <= 300; k++) {
			float v = edges[i] + (float)k * 0.5f; /* every second one is a tie */

			check_int(f, v);
			check_int(f, -v);
		}
		check_int(f, nextafterf(edges[i], INFINITY));
		check_int(f, nextafterf(edges[i], -INFINITY));
		check_int(f, nextafterf(-edges[i], INFINITY));
		check_int(f, nextafterf(-edges[i], -INFINITY));
	}
	check_int(f, INFINITY);
	check_int(f, -INFINITY);
	check_int(f, NAN);
	check_int(f, -0.0f);
	check_int(f, nextafterf(0.5f, 1.0f));
	check_int(f, nextafterf(0.5f, 0.0f));
	trn_prng_seed(&prng, trn_test_seed());
	for (size_t i = 0; i < RANDOM_ROUNDS; i++)
		check_int(f, float_of(trn_hi32(trn_prng_next(&prng))));
}
END_TEST

#define ROW_MAX 67

/* The vector body against the one-element path, at odd addresses and sizes. */
START_TEST(rows_equal_elements)
{
	enum trn_dtype type = (enum trn_dtype)_i;
	size_t size = trn_dtype_size(type);
	unsigned char raw[ROW_MAX * 4 + 8], out[ROW_MAX * 4 + 8], one[4];
	float wide[ROW_MAX + 1];
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (size_t count = 0; count <= ROW_MAX; count++) {
		size_t shift = count % 4;

		for (size_t i = 0; i < sizeof(raw); i++)
			raw[i] = (unsigned char)trn_prng_next(&prng);
		wide[count] = 123.0f;
		trn_row_to_f32(wide, raw + shift, type, count);
		ck_assert(wide[count] == 123.0f); /* nothing behind the end */
		for (size_t i = 0; i < count; i++)
			CHECK(bits_of(wide[i]) ==
			      bits_of(trn_load_f32(raw + shift + i * size, type)));

		for (size_t i = 0; i < count; i++)
			wide[i] = float_of(trn_lo32(trn_prng_next(&prng)));
		memset(out, 0xa5, sizeof(out));
		trn_row_from_f32(out + shift, wide, type, count);
		ck_assert_uint_eq(out[shift + count * size], 0xa5);
		for (size_t i = 0; i < count; i++) {
			trn_store_f32(one, type, wide[i]);
			CHECK(memcmp(out + shift + i * size, one, size) == 0);
		}
	}
}
END_TEST

START_TEST(rows_in_place)
{
	static const enum trn_dtype types[] = { TRN_DTYPE_S32, TRN_DTYPE_U32, TRN_DTYPE_TF32,
						TRN_DTYPE_F32 };
	float row[ROW_MAX], apart[ROW_MAX];

	for (size_t t = 0; t < TRN_ARRAY_LEN(types); t++) {
		for (size_t i = 0; i < ROW_MAX; i++)
			row[i] = (float)i * 1.37f;
		trn_row_from_f32(apart, row, types[t], ROW_MAX);
		trn_row_from_f32(row, row, types[t], ROW_MAX);
		ck_assert_mem_eq(row, apart, sizeof(row));
		trn_row_to_f32(row, row, types[t], ROW_MAX);
		for (size_t i = 0; i < ROW_MAX; i++)
			ck_assert_uint_eq(bits_of(row[i]),
					  bits_of(trn_load_f32(&apart[i], types[t])));
	}
}
END_TEST

START_TEST(what_is_no_dtype)
{
	static const int bad[] = { TRN_DTYPE_NONE, TRN_DTYPE_COUNT, 255, -1 };
	uint32_t raw = 0x12345678;
	float row[2] = { 1.0f, 2.0f };

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++) {
		enum trn_dtype type = (enum trn_dtype)bad[i];

		ck_assert_uint_eq(trn_dtype_size(type), 0);
		ck_assert_ptr_nonnull(trn_dtype_name(type));
		ck_assert(trn_load_f32(&raw, type) == 0.0f);
		ck_assert(trn_fp8_to_f32(0x7e, type) == 0.0f);
		ck_assert_uint_eq(trn_f32_to_fp8(1.0f, type), 0);
		trn_store_f32(&raw, type, 1.0f);
		trn_row_from_f32(&raw, row, type, 1);
		ck_assert_uint_eq(raw, 0x12345678);
		row[0] = 1.0f;
		trn_row_to_f32(row, &raw, type, 1);
		ck_assert(row[0] == 0.0f && row[1] == 2.0f);
	}
	ck_assert(trn_fp8_to_f32(0x7e, TRN_DTYPE_BF16) == 0.0f); /* not 8 bits */
	ck_assert_str_eq(trn_dtype_name((enum trn_dtype)99), "unknown");
}
END_TEST

START_TEST(names_and_sizes)
{
	static const size_t sizes[] = { 0, 1, 1, 2, 2, 4, 4, 4, 4, 2, 2, 1, 1, 1, 1 };

	ck_assert_uint_eq(TRN_ARRAY_LEN(sizes), TRN_DTYPE_F8E3M4 + 1);
	for (int i = 0; i <= TRN_DTYPE_F8E3M4; i++) {
		ck_assert_uint_eq(trn_dtype_size((enum trn_dtype)i), sizes[i]);
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(trn_dtype_name((enum trn_dtype)i),
					 trn_dtype_name((enum trn_dtype)k));
	}
}
END_TEST

static Suite *suite(void)
{
	const int n = (int)TRN_ARRAY_LEN(refs);
	Suite *s = suite_create("base/number");
	TCase *tc = tcase_create("number");

	tcase_set_timeout(tc, 60); /* under valgrind on a busy host */
	tcase_add_loop_test(tc, every_code_loads_its_value_and_stores_back, 0, n);
	tcase_add_loop_test(tc, stores_round_to_nearest_even, 0, n);
	tcase_add_loop_test(tc, stores_of_random_bits, 0, n);
	tcase_add_loop_test(tc, nan_stores, 0, n);
	tcase_add_test(tc, known_values);
	tcase_add_test(tc, tf32_load_ignores_low_bits);
	tcase_add_loop_test(tc, integers_round_then_saturate, 0, (int)TRN_ARRAY_LEN(ints));
	tcase_add_loop_test(tc, rows_equal_elements, 1, TRN_DTYPE_F8E3M4 + 1);
	tcase_add_test(tc, rows_in_place);
	tcase_add_test(tc, what_is_no_dtype);
	tcase_add_test(tc, names_and_sizes);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
