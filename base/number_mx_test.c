/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the MX formats and of stochastic rounding, against definitions in double. */
#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"

#include <math.h>
#include <string.h>

/* For inner loops: ck_assert writes to a file each time it passes. */
#define CHECK(cond)                          \
	do {                                 \
		if (!(cond))                 \
			ck_abort_msg(#cond); \
	} while (0)
#define COUNT_MAX 70
#define ROUNDS 20000

static const float e2m1[8] = { 0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f };

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

START_TEST(scales)
{
	uint8_t bytes[256];
	float row[256];

	for (int b = 0; b < 255; b++)
		ck_assert(trn_e8m0_to_f32((uint8_t)b) == ldexpf(1.0f, b - 127));
	ck_assert(isnan(trn_e8m0_to_f32(0xff)));
	for (int b = 0; b < 256; b++)
		bytes[b] = (uint8_t)b;
	trn_e8m0_row(row, bytes, 256);
	for (int b = 0; b < 256; b++)
		ck_assert_uint_eq(bits_of(row[b]), bits_of(trn_e8m0_to_f32((uint8_t)b)));
}
END_TEST

/* Number j of an element by the definition. */
static float number_at(const unsigned char *element, enum trn_dtype type, uint32_t j)
{
	uint32_t code;

	if (type != TRN_DTYPE_F4E2M1_X4)
		return trn_fp8_to_f32(element[j], type == TRN_DTYPE_F8E5M2_X4 ? TRN_DTYPE_F8E5M2 :
										TRN_DTYPE_F8E4M3FN);
	code = (uint32_t)element[j / 2] >> (j % 2 * 4) & 15u;
	return code & 8 ? -e2m1[code & 7] : e2m1[code & 7];
}

/* All codes of all formats, at any length and address, and only where they belong. */
START_TEST(unpacks)
{
	const enum trn_dtype type = (enum trn_dtype)_i;
	const size_t size = trn_dtype_size(type);
	unsigned char raw[COUNT_MAX * 4 + 4];
	float scale[COUNT_MAX], out[4 * (COUNT_MAX + 1)];
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (size_t count = 0; count <= COUNT_MAX; count++) {
		const size_t ld = count + 1;

		for (size_t i = 0; i < sizeof(raw); i++)
			raw[i] = (unsigned char)trn_prng_next(&prng);
		for (size_t i = 0; i < count; i++)
			scale[i] = trn_e8m0_to_f32((uint8_t)trn_prng_next(&prng));
		for (size_t i = 0; i < TRN_ARRAY_LEN(out); i++)
			out[i] = 123.0f;
		trn_mx_unpack(out, ld, raw + count % 4, type, scale, count);
		for (uint32_t j = 0; j < 4; j++) {
			for (size_t i = 0; i < count; i++) {
				const float want =
					number_at(raw + count % 4 + i * size, type, j) * scale[i];

				CHECK(isnan(want) ? isnan(out[j * ld + i]) :
						    bits_of(out[j * ld + i]) == bits_of(want));
			}
			CHECK(out[j * ld + count] == 123.0f);
		}
	}
}
END_TEST

START_TEST(packs_what_it_unpacks)
{
	const enum trn_dtype type = (enum trn_dtype)_i;
	const size_t size = trn_dtype_size(type);
	const float one[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	unsigned char raw[64], back[64];
	float wide[4][16], flat[64];

	for (uint32_t base = 0; base < 256; base += 64) {
		for (uint32_t i = 0; i < 64; i++)
			raw[i] = (unsigned char)(base + i);
		trn_mx_unpack(wide[0], 16, raw, type, one, 16);
		for (uint32_t i = 0; i < 64; i++)
			flat[i] = wide[i % 4][i / 4];
		trn_mx_pack(back, flat, type, 16);
		for (uint32_t i = 0; i < 16 * size; i++)
			CHECK(back[i] == raw[i] ||
			      (type == TRN_DTYPE_F8E5M2_X4 && (raw[i] & 0x7f) > 0x7c));
	}
}
END_TEST

START_TEST(e2m1_rounds_to_even_and_stops_at_6)
{
	static const struct {
		float value;
		uint32_t code;
	} cases[] = {
		{ 0.0f, 0 },       { 0.25f, 0 },      { 0.2500001f, 1 },
		{ 0.7499999f, 1 }, { 0.75f, 2 },      { 1.25f, 2 },
		{ 1.2500001f, 3 }, { 1.7499999f, 3 }, { 1.75f, 4 },
		{ 2.5f, 4 },       { 2.5000002f, 5 }, { 3.4999998f, 5 },
		{ 3.5f, 6 },       { 5.0f, 6 },       { 5.0000005f, 7 },
		{ 6.0f, 7 },       { 1e30f, 7 },      { (float)INFINITY, 7 },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		const float v = cases[i].value;
		const float four[4] = { v, -v, (float)NAN, -(float)NAN };
		uint16_t packed = 0xffff;

		trn_mx_pack(&packed, four, TRN_DTYPE_F4E2M1_X4, 1);
		ck_assert_uint_eq(packed, cases[i].code | (cases[i].code | 8) << 4);
	}
}
END_TEST

START_TEST(no_arithmetic)
{
	static const size_t sizes[] = { 4, 4, 2, 1 };
	uint32_t raw = 0x12345678;

	for (int i = TRN_DTYPE_F8E5M2_X4; i < TRN_DTYPE_COUNT; i++) {
		const enum trn_dtype type = (enum trn_dtype)i;

		ck_assert(trn_dtype_is_mx(type));
		ck_assert_uint_eq(trn_dtype_size(type), sizes[i - TRN_DTYPE_F8E5M2_X4]);
		ck_assert_uint_gt(strlen(trn_dtype_name(type)), 5);
		ck_assert(trn_load_f32(&raw, type) == 0.0f);
		trn_store_f32(&raw, type, 1.0f);
		ck_assert_uint_eq(raw, 0x12345678);
	}
	ck_assert(!trn_dtype_is_mx(TRN_DTYPE_F8E3M4) && !trn_dtype_is_mx(TRN_DTYPE_COUNT));
	trn_mx_pack(&raw, (const float[4]){ 1, 1, 1, 1 }, TRN_DTYPE_F32, 1);
	ck_assert_uint_eq(raw, 0x12345678);
	trn_mx_unpack((float *)(void *)&raw, 1, &raw, TRN_DTYPE_F8E8M0, NULL, 1);
	ck_assert_uint_eq(raw, 0x12345678);
}
END_TEST

START_TEST(generator)
{
	uint32_t state = 1;

	/* the published sequence of xorshift32 from 1 */
	ck_assert_uint_eq(trn_rounding_next(&state), 270369);
	ck_assert_uint_eq(trn_rounding_next(&state), 67634689);
	ck_assert_uint_eq(state, 67634689);
}
END_TEST

static const struct {
	enum trn_dtype type;
	int exponent, mantissa;
	bool finite;
} refs[] = {
	{ TRN_DTYPE_F8E4M3, 4, 3, false }, { TRN_DTYPE_F8E4M3FN, 4, 3, true },
	{ TRN_DTYPE_F8E5M2, 5, 2, false }, { TRN_DTYPE_F8E3M4, 3, 4, false },
	{ TRN_DTYPE_F16, 5, 10, false },   { TRN_DTYPE_BF16, 8, 7, false },
	{ TRN_DTYPE_TF32, 8, 10, false },
};

/* What section 3 says, in double: the value below, the last place, the part cut off. */
static double ref_stochastic(int r, float v, uint32_t random)
{
	const int bias = (1 << (refs[r].exponent - 1)) - 1;
	const double top = refs[r].finite ? 448.0 : ldexp(2 - ldexp(1, -refs[r].mantissa), bias);
	const double x = fabs((double)v);
	int e = 1 - bias;
	double place, low;

	if (x >= ldexp(1, e))
		(void)frexp(x, &e), e--;
	place = ldexp(1, e - refs[r].mantissa);
	low = floor(x / place);
	low += (double)random < floor((x / place - low) * 0x1p32);
	low *= place;
	return copysign(low > top ? (double)INFINITY : low, (double)v);
}

static void check_stochastic(int r, float v, uint32_t *state)
{
	uint32_t copy = *state, raw = 0;
	const double want = ref_stochastic(r, v, trn_rounding_next(&copy));
	float got;

	trn_row_from_f32_stochastic(&raw, &v, refs[r].type, 1, state);
	CHECK(*state == copy);
	got = trn_load_f32(&raw, refs[r].type);
	if (refs[r].finite && isinf(want))
		CHECK(isnan(got));
	else if ((double)got != want || !signbit(got) != !signbit(v))
		ck_abort_msg("%s: %a gives %a, not %a", trn_dtype_name(refs[r].type), (double)v,
			     (double)got, want);
}

START_TEST(stochastic_against_the_definition)
{
	uint32_t state = (uint32_t)trn_test_seed() | 1;
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (uint32_t i = 0; i < ROUNDS; i++) {
		float v = float_of(trn_lo32(trn_prng_next(&prng)));

		/* every other one where the format has its numbers */
		if (i % 2 != 0)
			v = ldexpf(1.0f + (float)(trn_prng_next(&prng) % (1u << 23)) * 0x1p-23f,
				   (int)(trn_prng_next(&prng) % 40) - 28);
		if (!isnan(v) && !isinf(v))
			check_stochastic(_i, v, &state);
	}
	check_stochastic(_i, 0.0f, &state);
	check_stochastic(_i, -0.0f, &state);
	check_stochastic(_i, 0x1p-149f, &state);
	check_stochastic(_i, -0x1.fffffep127f, &state);
	check_stochastic(_i, 470.0f, &state);
	check_stochastic(_i, 479.9f, &state);
	check_stochastic(_i, 480.0f, &state);
}
END_TEST

/* Infinity and NaN as when rounding to nearest, but they draw. */
START_TEST(stochastic_of_special_values)
{
	const float in[4] = { (float)INFINITY, -(float)INFINITY, (float)NAN, float_of(0xffc12345) };
	const size_t size = trn_dtype_size(refs[_i].type);
	unsigned char got[16], want[16];
	uint32_t state = 7, copy = 7;

	trn_row_from_f32_stochastic(got, in, refs[_i].type, 4, &state);
	trn_row_from_f32(want, in, refs[_i].type, 4);
	ck_assert_mem_eq(got, want, 4 * size);
	for (int i = 0; i < 4; i++)
		(void)trn_rounding_next(&copy);
	ck_assert_uint_eq(state, copy);
}
END_TEST

/* Up as often as the part that is cut off says. */
START_TEST(stochastic_mean)
{
	const float v = 1.0f + 0.3f * 0x1p-7f;
	uint32_t state = (uint32_t)trn_test_seed() | 1, up = 0;
	uint16_t out;

	for (int i = 0; i < 100000; i++) {
		trn_row_from_f32_stochastic(&out, &v, TRN_DTYPE_BF16, 1, &state);
		up += out == 0x3f81;
		CHECK(out == 0x3f80 || out == 0x3f81);
	}
	ck_assert_uint_gt(up, 29000);
	ck_assert_uint_lt(up, 31000);
}
END_TEST

START_TEST(formats_that_draw_nothing)
{
	static const enum trn_dtype types[] = { TRN_DTYPE_F32, TRN_DTYPE_S32, TRN_DTYPE_U8,
						TRN_DTYPE_S16, TRN_DTYPE_NONE };
	const float in[3] = { 1.75f, -2.5f, 300.0f };

	for (size_t t = 0; t < TRN_ARRAY_LEN(types); t++) {
		uint32_t state = 9, got[3] = { 1, 2, 3 }, want[3] = { 1, 2, 3 };

		trn_row_from_f32_stochastic(got, in, types[t], 3, &state);
		trn_row_from_f32(want, in, types[t], 3);
		ck_assert_mem_eq(got, want, sizeof(got));
		ck_assert_uint_eq(state, 9);
	}
}
END_TEST

static Suite *suite(void)
{
	const int n = (int)TRN_ARRAY_LEN(refs);
	Suite *s = suite_create("base/number_mx");
	TCase *tc = tcase_create("mx");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, scales);
	tcase_add_loop_test(tc, unpacks, TRN_DTYPE_F8E5M2_X4, TRN_DTYPE_F8E8M0);
	tcase_add_loop_test(tc, packs_what_it_unpacks, TRN_DTYPE_F8E5M2_X4, TRN_DTYPE_F8E8M0);
	tcase_add_test(tc, e2m1_rounds_to_even_and_stops_at_6);
	tcase_add_test(tc, no_arithmetic);
	tcase_add_test(tc, generator);
	tcase_add_loop_test(tc, stochastic_against_the_definition, 0, n);
	tcase_add_loop_test(tc, stochastic_of_special_values, 0, n);
	tcase_add_test(tc, stochastic_mean);
	tcase_add_test(tc, formats_that_draw_nothing);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
