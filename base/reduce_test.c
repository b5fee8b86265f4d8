/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/reduce.c against one element at a time, written from the words of reduce.h. */
#include "base/reduce.h"

#include <string.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"

#define SOURCES 20u
#define COUNT_MAX 5000u
#define ROUNDS 400u
/* ck_assert writes to a file each time it passes. */
#define CHECK(cond)                          \
	do {                                 \
		if (!(cond))                 \
			ck_abort_msg(#cond); \
	} while (0)

static const enum trn_dtype integers[] = { TRN_DTYPE_U8,  TRN_DTYPE_S8,  TRN_DTYPE_U16,
					   TRN_DTYPE_S16, TRN_DTYPE_U32, TRN_DTYPE_S32 };

static bool is_integer(enum trn_dtype dtype)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(integers); i++) {
		if (integers[i] == dtype)
			return true;
	}
	return false;
}

static float quiet_nan(void)
{
	const uint32_t bits = 0x7fc00000u;
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static int64_t integer_get(const uint8_t *p, enum trn_dtype dtype)
{
	uint32_t u = 0;

	memcpy(&u, p, trn_dtype_size(dtype));
	switch (dtype) {
	case TRN_DTYPE_S8:
		return (int8_t)u;
	case TRN_DTYPE_S16:
		return (int16_t)u;
	case TRN_DTYPE_S32:
		return (int32_t)u;
	default:
		return u;
	}
}

/* Cut to the width, and read back as what that is. */
static int64_t integer_cut(int64_t v, enum trn_dtype dtype)
{
	uint8_t raw[4];
	const uint32_t u = (uint32_t)((uint64_t)v & UINT32_MAX);

	memcpy(raw, &u, sizeof(raw));
	return integer_get(raw, dtype);
}

static int64_t integer_join(int64_t a, int64_t b, const struct trn_reduce *how)
{
	switch (how->op) {
	case TRN_REDUCE_SUM:
		return integer_cut(a + b, how->dtype);
	case TRN_REDUCE_MIN:
		return a < b ? a : b;
	case TRN_REDUCE_MAX:
		return a > b ? a : b;
	default:
		return integer_cut((int64_t)((uint64_t)a * (uint64_t)b), how->dtype);
	}
}

static float float_join(float a, float b, const struct trn_reduce *how)
{
	switch (how->op) {
	case TRN_REDUCE_SUM:
		return a + b;
	case TRN_REDUCE_PROD:
		return a * b;
	case TRN_REDUCE_MIN:
		return a != a || b != b ? a + b : a < b ? a : b;
	default:
		return a != a || b != b ? a + b : a > b ? a : b;
	}
}

/* Element i of the result, as bytes. */
static void want_element(uint8_t *out, const void *const *src, uint32_t sources,
			 const struct trn_reduce *how, size_t i)
{
	const size_t size = trn_dtype_size(how->dtype);
	const uint8_t *first = (const uint8_t *)src[0] + i * size;

	if (is_integer(how->dtype)) {
		int64_t v = integer_get(first, how->dtype);

		for (uint32_t s = 1; s < sources; s++)
			v = integer_join(
				v, integer_get((const uint8_t *)src[s] + i * size, how->dtype),
				how);
		v = how->divisor > 1 ? v / (int64_t)how->divisor : v;
		memcpy(out, &v, size);
	} else if (sources == 1 && how->scale == 1.0f) {
		memcpy(out, first, size);
	} else {
		volatile float v = trn_load_f32(first, how->dtype);

		for (uint32_t s = 1; s < sources; s++)
			v = float_join(v,
				       trn_load_f32((const uint8_t *)src[s] + i * size, how->dtype),
				       how);
		v = v * how->scale;
		trn_store_f32(out, how->dtype, v == v ? v : quiet_nan());
	}
}

/* Any bits: NaNs, infinities, subnormals come with them; half of the time numbers that are
 * near each other. */
static void fill(struct trn_prng *prng, uint8_t *p, size_t count, enum trn_dtype dtype)
{
	const size_t size = trn_dtype_size(dtype);
	const bool tame = trn_prng_below(prng, 2) == 0;

	for (size_t i = 0; i < count; i++) {
		const uint64_t bits = trn_prng_next(prng);

		if (tame && !is_integer(dtype))
			trn_store_f32(p + i * size, dtype,
				      (float)(int32_t)(bits % 2001) / 64.0f - 15.0f);
		else
			memcpy(p + i * size, &bits, size);
	}
}

static uint8_t memory[SOURCES + 1][COUNT_MAX * 4 + 8];

static void check_row(struct trn_prng *prng, const struct trn_reduce *how, uint32_t sources,
		      size_t count)
{
	static uint8_t want[COUNT_MAX * 4];
	const size_t size = trn_dtype_size(how->dtype);
	const void *src[SOURCES];
	uint8_t *dst = memory[SOURCES] + trn_prng_below(prng, 8);

	for (uint32_t s = 0; s < sources; s++) {
		uint8_t *p = memory[s] + trn_prng_below(prng, 8);

		fill(prng, p, count, how->dtype);
		src[s] = p;
	}
	for (size_t i = 0; i < count; i++)
		want_element(want + i * size, src, sources, how, i);
	/* Into one of the sources, as often as not. */
	if (trn_prng_below(prng, 2) == 0)
		dst = (uint8_t *)(uintptr_t)src[trn_prng_below(prng, sources)];
	trn_reduce_row(dst, src, sources, how, count);
	if (memcmp(dst, want, count * size) != 0)
		ck_abort_msg("%s op %u, %u sources, %zu elements", trn_dtype_name(how->dtype),
			     how->op, sources, count);
}

static size_t any_count(struct trn_prng *prng)
{
	static const size_t edges[] = { 0, 1, 7, 31, 2047, 2048, 2049, 4096, COUNT_MAX };

	return trn_prng_below(prng, 3) == 0 ? edges[trn_prng_below(prng, TRN_ARRAY_LEN(edges))] :
					      (size_t)trn_prng_below(prng, 300);
}

/* Every dtype with every operator. */
START_TEST(rows_as_elements)
{
	static const float scales[] = { 1.0f, 0.5f, 1.0f / 3, 3.0f };
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (uint32_t d = 1; d < TRN_DTYPE_COUNT; d++) {
		if (!trn_reduce_has((enum trn_dtype)d))
			continue;
		for (uint32_t round = 0; round < ROUNDS; round++) {
			const struct trn_reduce how = {
				.dtype = (enum trn_dtype)d,
				.op = (enum trn_ext_reduce)(round % TRN_REDUCE_OPS),
				.scale = scales[trn_prng_below(&prng, TRN_ARRAY_LEN(scales))],
				.divisor = (uint32_t)trn_prng_below(&prng, 5),
			};

			check_row(&prng, &how, 1 + (uint32_t)trn_prng_below(&prng, SOURCES),
				  any_count(&prng));
		}
	}
}
END_TEST

/* Whether an element is in the vector part of a loop or behind it: the same bits, for pairs of
 * NaNs of both signs, zeros of both signs, infinities. */
START_TEST(special_numbers)
{
	static const uint32_t bits[] = { 0x00000000u, 0x80000000u, 0x7f800000u, 0xff800000u,
					 0x7fc00001u, 0xffc12345u, 0x7f800001u, 0xffffffffu,
					 0x3f800000u, 0x00000001u, 0x7f7fffffu };
	enum {
		N = TRN_ARRAY_LEN(bits)
	};
	uint32_t a[N * N], b[N * N], all[N * N], one;
	const void *src[] = { a, b };

	for (uint32_t i = 0; i < N * N; i++) {
		a[i] = bits[i / N];
		b[i] = bits[i % N];
	}
	for (uint32_t op = 0; op < TRN_REDUCE_OPS; op++) {
		const struct trn_reduce how = { TRN_DTYPE_F32, (enum trn_ext_reduce)op, 1.0f, 0 };

		trn_reduce_row(all, src, 2, &how, N * N);
		for (uint32_t i = 0; i < N * N; i++) {
			const void *single[] = { &a[i], &b[i] };
			uint8_t want[4];

			trn_reduce_row(&one, single, 2, &how, 1);
			want_element(want, src, 2, &how, i);
			ck_assert_uint_eq(one, all[i]);
			ck_assert_mem_eq(want, &one, sizeof(one));
		}
	}
}
END_TEST

/* BF16 is rounded once, not once a source. */
START_TEST(rounded_once)
{
	static const struct trn_reduce how = { TRN_DTYPE_BF16, TRN_REDUCE_SUM, 1.0f, 0 };
	uint16_t x[8], sum;
	const void *src[8];

	for (uint32_t s = 0; s < 8; s++) {
		/* 256 + 7 x 0.5: halves of its last place, each alone lost */
		x[s] = trn_f32_to_bf16(s == 0 ? 256.0f : 0.5f);
		src[s] = &x[s];
	}
	trn_reduce_row(&sum, src, 8, &how, 1);
	ck_assert_float_eq(trn_bf16_to_f32(sum), 260.0f);
	trn_reduce_row(&sum, src, 4, &how, 1);
	ck_assert_float_eq(trn_bf16_to_f32(sum), 258.0f);
}
END_TEST

START_TEST(refused)
{
	const struct trn_reduce good = { TRN_DTYPE_F32, TRN_REDUCE_SUM, 1.0f, 0 };
	struct trn_reduce how = good;
	const float a = 1, b = 2;
	float dst = 7;
	const void *src[] = { &a, &b };

	ck_assert(!trn_reduce_has(TRN_DTYPE_NONE));
	ck_assert(!trn_reduce_has(TRN_DTYPE_F8E8M0));
	ck_assert(!trn_reduce_has(TRN_DTYPE_F4E2M1_X4));
	ck_assert(!trn_reduce_has((enum trn_dtype)TRN_DTYPE_COUNT));
	ck_assert(!trn_reduce_has((enum trn_dtype)255));
	ck_assert(trn_reduce_has(TRN_DTYPE_F8E3M4));
	trn_reduce_row(&dst, src, 0, &how, 1);
	how.dtype = TRN_DTYPE_F8E5M2_X4;
	trn_reduce_row(&dst, src, 2, &how, 1);
	how = good;
	how.op = (enum trn_ext_reduce)TRN_REDUCE_OPS;
	trn_reduce_row(&dst, src, 2, &how, 1);
	ck_assert_float_eq(dst, 7);
	trn_reduce_row(&dst, src, 2, &good, 1);
	ck_assert_float_eq(dst, 3);
}
END_TEST

static Suite *reduce_suite(void)
{
	Suite *suite = suite_create("reduce");
	TCase *tc = tcase_create("reduce");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, rows_as_elements);
	tcase_add_test(tc, special_numbers);
	tcase_add_test(tc, rounded_once);
	tcase_add_test(tc, refused);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(reduce_suite)
