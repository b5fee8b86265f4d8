/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles through the mock's library give exactly the model's bits, whatever the shape. */
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "hal/bus_mock.h"

static struct trn_test_alloc mem;
static struct mock_pod mock;
static struct trn_prng prng;

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_prng_seed(&prng, trn_test_seed());
	trn_mock_gemm_open(&mem.alloc, &mock.gemm);
}

static void teardown(void)
{
	trn_mock_gemm_close(mock.gemm);
	ck_assert_int_eq(mem.live, 0);
}

static void fill(float *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = (float)(trn_prng_unit(&prng) * 4.0 - 2.0) *
			    (float)(1u << trn_prng_below(&prng, 12));
}

static const struct {
	uint32_t m, n, k;
	size_t pad;
} shapes[] = {
	{ 128, 512, 128, 0 }, { 128, 512, 64, 0 }, { 1, 512, 128, 0 },  { 128, 1, 128, 0 },
	{ 1, 1, 1, 0 },       { 7, 33, 100, 5 },   { 64, 64, 128, 64 }, { 128, 512, 256, 0 },
	{ 16, 16, 2, 1 },     { 31, 511, 127, 0 },
};

/* The model lets sums grow in PSUM: rows of 16 KiB and a cache line, in floats. */
#define PSUM_ROW ((16 * 1024 + 64) / 4)

static float a[256 * 256];
static float b[256 * 600];
static float want[128 * 600];
static float got[128 * PSUM_ROW];

START_TEST(same_bits_as_the_model)
{
	const size_t count = 128 * 600;
	struct trn_gemm gemm = { .m = shapes[_i].m,
				 .n = shapes[_i].n,
				 .k = shapes[_i].k,
				 .a = a,
				 .b = b,
				 .lda = shapes[_i].m + shapes[_i].pad,
				 .ldb = shapes[_i].n + shapes[_i].pad,
				 .ldc = shapes[_i].n + shapes[_i].pad };

	if (!mock.gemm)
		return; /* no library on this machine: nothing is promised */
	for (int round = 0; round < 4; round++) {
		fill(a, TRN_ARRAY_LEN(a));
		fill(b, TRN_ARRAY_LEN(b));
		fill(want, count);
		memcpy(got, want, sizeof(want));
		gemm.accumulate = round % 2 == 1;
		gemm.c = want;
		trn_gemm_run(&gemm);
		gemm.c = got;
		trn_mock_gemm_run(&mock, &gemm);
		ck_assert_int_eq(memcmp(got, want, sizeof(want)), 0);
	}
}
END_TEST

/* The commonest tile must not fall back: that would be slow, and nobody would notice. */
START_TEST(the_common_tile_is_fast)
{
	struct trn_gemm gemm = { .m = 128,
				 .n = 512,
				 .k = 128,
				 .a = a,
				 .b = b,
				 .c = got,
				 .lda = 128,
				 .ldb = 512,
				 .ldc = PSUM_ROW,
				 .accumulate = true };

	ck_assert_uint_eq(trn_mock_gemm_kernels(NULL), 0);
	if (!mock.gemm)
		return;
	trn_mock_gemm_run(&mock, &gemm);
	ck_assert_uint_eq(trn_mock_gemm_kernels(mock.gemm), 1);
	/* No second kernel for the same shape, another for another one. */
	trn_mock_gemm_run(&mock, &gemm);
	gemm.accumulate = false;
	trn_mock_gemm_run(&mock, &gemm);
	gemm.accumulate = true;
	trn_mock_gemm_run(&mock, &gemm);
	ck_assert_uint_eq(trn_mock_gemm_kernels(mock.gemm), 2);
}
END_TEST

/* More shapes than are remembered: right, if slower. */
START_TEST(many_shapes)
{
	struct trn_gemm gemm = {
		.n = 16, .k = 16, .a = a, .b = b, .lda = 128, .ldb = 16, .ldc = 16
	};

	if (!mock.gemm)
		return;
	fill(a, TRN_ARRAY_LEN(a));
	fill(b, TRN_ARRAY_LEN(b));
	for (gemm.m = 1; gemm.m <= 100; gemm.m++) {
		gemm.c = want;
		trn_gemm_run(&gemm);
		gemm.c = got;
		trn_mock_gemm_run(&mock, &gemm);
		ck_assert_int_eq(memcmp(got, want, gemm.m * 16 * sizeof(float)), 0);
	}
}
END_TEST

START_TEST(no_memory_is_no_library)
{
	struct trn_mock_gemm *none = NULL;

	trn_test_alloc_arm(&mem, 0);
	trn_mock_gemm_open(&mem.alloc, &none);
	ck_assert_ptr_null(none);
	trn_mock_gemm_close(none);
}
END_TEST

static Suite *gemm_suite(void)
{
	Suite *suite = suite_create("hal-gemm");
	TCase *tc = tcase_create("gemm");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, same_bits_as_the_model, 0, (int)TRN_ARRAY_LEN(shapes));
	tcase_add_test(tc, the_common_tile_is_fast);
	tcase_add_test(tc, many_shapes);
	tcase_add_test(tc, no_memory_is_no_library);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(gemm_suite)
