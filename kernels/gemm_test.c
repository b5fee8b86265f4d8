/* SPDX-License-Identifier: Apache-2.0 */
/* GEMM against double precision: every format, sizes around the tiles' edges, loops. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <trn/kernels_gemm.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "kernels/test_rig.h"

static const struct {
	const char *uri;
	uint32_t arch;
} chips[] = { { "mock:trn3?hbm=1G", 3 }, { "mock:trn2?hbm=1G", 2 }, { "mock:trn4?hbm=1G", 4 } };
#define CHIPS TRN_ARRAY_LEN(chips)

/* Random elements in the format; *ret_values: what they are. */
static void *make(struct trn_prng *prng, enum trn_dtype dtype, size_t count, float **ret_values)
{
	float *values = malloc(count * sizeof(*values));
	void *bytes = malloc(count * trn_dtype_size(dtype));

	ck_assert(values && bytes);
	for (size_t i = 0; i < count; i++)
		values[i] = (float)(trn_prng_unit(prng) * 2.0 - 1.0);
	trn_row_from_f32(bytes, values, dtype, count);
	trn_row_to_f32(values, bytes, dtype, count);
	*ret_values = values;
	return bytes;
}

static double *reference(const struct trn_gemm_shape *shape, const float *a, const float *b)
{
	double *c = calloc((size_t)shape->m * shape->n, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	for (size_t m = 0; m < shape->m; m++)
		for (size_t k = 0; k < shape->k; k++)
			for (size_t n = 0; n < shape->n; n++)
				c[m * shape->n + n] +=
					(double)a[m * shape->k + k] * (double)b[k * shape->n + n];
	return c;
}

/* FP32 sums: partial sums grow with the root of K, and so do K roundings of them; then the
 * output's own rounding. */
static void compare(const struct trn_gemm_shape *shape, const void *got, const double *want)
{
	double relative = shape->output == TRN_DTYPE_F32 ? 1e-6 :
			  shape->output == TRN_DTYPE_F16 ? 6e-4 :
							   5e-3;
	double absolute = 1e-7 * shape->k;

	for (size_t i = 0; i < (size_t)shape->m * shape->n; i++) {
		const uint8_t *at = (const uint8_t *)got + i * trn_dtype_size(shape->output);
		double value = (double)trn_load_f32(at, shape->output);

		/* Written so that NaN fails. */
		if (!(fabs(value - want[i]) <= absolute + relative * fabs(want[i])))
			ck_abort_msg("m %u n %u k %u formats %d %d: element %zu is %.9g, not %.9g",
				     shape->m, shape->n, shape->k, shape->input, shape->output, i,
				     value, want[i]);
	}
}

static void try_shape(uint32_t chip, const struct trn_gemm_shape *shape, uint64_t seed)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = chips[chip].arch };
	size_t size = trn_dtype_size(shape->input);
	size_t c_bytes = (size_t)shape->m * shape->n * trn_dtype_size(shape->output);
	float *a_values, *b_values;
	struct trn_prng prng;
	struct trn_rig rig;
	void *a, *b, *c, *image;
	double *want;
	size_t bytes;

	trn_prng_seed(&prng, seed);
	a = make(&prng, shape->input, (size_t)shape->m * shape->k, &a_values);
	b = make(&prng, shape->input, (size_t)shape->k * shape->n, &b_values);
	c = malloc(c_bytes);
	want = reference(shape, a_values, b_values);
	trn_rig_open(&rig, chips[chip].uri);
	(void)trn_rig_buffer(&rig, a, (uint64_t)shape->m * shape->k * size);
	(void)trn_rig_buffer(&rig, b, (uint64_t)shape->k * shape->n * size);
	(void)trn_rig_buffer(&rig, NULL, c_bytes);
	ck_assert_int_eq(trn_kernel_gemm(&opts, shape, &image, &bytes), 0);
	ck_assert_int_eq(trn_rig_run(&rig, image, bytes), 0);
	trn_rig_read(&rig, 2, c, c_bytes);
	compare(shape, c, want);
	trn_rig_close(&rig);
	free(a);
	free(b);
	free(c);
	free(a_values);
	free(b_values);
	free(want);
}

static const struct trn_gemm_shape shapes[] = {
	{ 1, 1, 1, TRN_DTYPE_BF16, TRN_DTYPE_F32 },
	{ 1, 1, 1, TRN_DTYPE_F32, TRN_DTYPE_F32 },
	{ 128, 512, 128, TRN_DTYPE_BF16, TRN_DTYPE_F32 },
	{ 129, 513, 129, TRN_DTYPE_BF16, TRN_DTYPE_F32 },
	{ 127, 511, 127, TRN_DTYPE_F16, TRN_DTYPE_F16 },
	{ 257, 1025, 130, TRN_DTYPE_BF16, TRN_DTYPE_BF16 },
	{ 130, 1030, 257, TRN_DTYPE_F32, TRN_DTYPE_F32 },
	{ 3, 2050, 300, TRN_DTYPE_F16, TRN_DTYPE_F32 },
	{ 300, 5, 700, TRN_DTYPE_F32, TRN_DTYPE_BF16 },
	/* K in several steps: 44 KiB hold 22 chunks of 1024 columns, 11 of FP32. */
	{ 64, 1024, 23 * 128 + 7, TRN_DTYPE_BF16, TRN_DTYPE_F32 },
	{ 64, 1024, 12 * 128 + 100, TRN_DTYPE_F32, TRN_DTYPE_F32 },
	/* More blocks of rows than are unrolled. */
	{ 17 * 256 + 30, 8, 40, TRN_DTYPE_BF16, TRN_DTYPE_F32 },
	{ 18 * 128 + 1, 6, 130, TRN_DTYPE_F32, TRN_DTYPE_F16 },
};

START_TEST(edges)
{
	try_shape((uint32_t)_i % CHIPS, &shapes[(uint32_t)_i / CHIPS], trn_test_seed());
}
END_TEST

START_TEST(random_shapes)
{
	static const enum trn_dtype dtypes[] = { TRN_DTYPE_BF16, TRN_DTYPE_F16, TRN_DTYPE_F32 };
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	for (int i = 0; i < 4; i++) {
		struct trn_gemm_shape shape = {
			.m = 1 + (uint32_t)trn_prng_below(&prng, 300),
			.n = 1 + (uint32_t)trn_prng_below(&prng, 600),
			.k = 1 + (uint32_t)trn_prng_below(&prng, 300),
			.input = dtypes[trn_prng_below(&prng, 3)],
			.output = dtypes[trn_prng_below(&prng, 3)],
		};

		try_shape((uint32_t)_i % CHIPS, &shape, trn_prng_next(&prng));
	}
}
END_TEST

static const struct {
	struct trn_gemm_shape shape;
	int code;
} wrong[] = {
	{ { 0, 1, 1, TRN_DTYPE_BF16, TRN_DTYPE_F32 }, -EINVAL },
	{ { 1, 0, 1, TRN_DTYPE_BF16, TRN_DTYPE_F32 }, -EINVAL },
	{ { 1, 1, 0, TRN_DTYPE_BF16, TRN_DTYPE_F32 }, -EINVAL },
	{ { 1, 1, 1, TRN_DTYPE_U8, TRN_DTYPE_F32 }, -EINVAL },
	{ { 1, 1, 1, TRN_DTYPE_BF16, TRN_DTYPE_NONE }, -EINVAL },
	{ { 1, UINT32_MAX, 1, TRN_DTYPE_BF16, TRN_DTYPE_F32 }, -EINVAL },
	{ { 1, 1, UINT32_MAX, TRN_DTYPE_BF16, TRN_DTYPE_F32 }, -EINVAL },
	{ { 1, 2000000, 2000000, TRN_DTYPE_BF16, TRN_DTYPE_F32 }, -ENOSPC },
};

START_TEST(wrong_shapes)
{
	void *image = NULL;
	size_t bytes = 0;

	ck_assert_int_eq(trn_kernel_gemm(NULL, &wrong[_i].shape, &image, &bytes), wrong[_i].code);
	ck_assert_ptr_null(image);
	ck_assert_int_eq(trn_kernel_gemm(NULL, NULL, &image, &bytes), -EINVAL);
}
END_TEST

START_TEST(out_of_memory)
{
	static const struct trn_gemm_shape shape = { 300, 600, 200, TRN_DTYPE_F32, TRN_DTYPE_BF16 };

	for (long n = 0;; n++) {
		struct trn_test_alloc mem;
		struct trn_builder_opts opts = { .size = sizeof(opts), .alloc = &mem.alloc };
		void *image = NULL;
		size_t bytes;
		int r;

		trn_test_alloc_init(&mem, n);
		r = trn_kernel_gemm(&opts, &shape, &image, &bytes);
		if (r != (mem.failed ? -ENOMEM : 0) || (r < 0) != !image)
			ck_abort_msg("allocation %ld: %d", n, r);
		trn_image_free(&mem.alloc, image);
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

/* After it the builder's memory is as before: the product is a part of a program. */
START_TEST(leaves_nothing_behind)
{
	struct trn_gemm_args args = { 0, 1, 2 };
	struct trn_builder *builder;
	uint32_t sbuf;

	ck_assert_int_eq(trn_builder_create(NULL, &builder), 0);
	sbuf = trn_tile_room(builder, TRN_SPACE_SBUF);
	for (size_t i = 0; i < TRN_ARRAY_LEN(shapes); i++)
		trn_gemm_emit(builder, &shapes[i], &args);
	ck_assert_int_eq(trn_builder_status(builder, NULL), 0);
	ck_assert_uint_eq(trn_tile_room(builder, TRN_SPACE_SBUF), sbuf);
	ck_assert_uint_eq(trn_tile_room(builder, TRN_SPACE_PSUM), 16384);
	trn_builder_destroy(builder);
}
END_TEST

static Suite *gemm_suite(void)
{
	Suite *suite = suite_create("gemm");
	TCase *tcase = tcase_create("gemm");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, edges, 0, (int)(CHIPS * TRN_ARRAY_LEN(shapes)));
	tcase_add_loop_test(tcase, random_shapes, 0, 6);
	tcase_add_loop_test(tcase, wrong_shapes, 0, (int)TRN_ARRAY_LEN(wrong));
	tcase_add_test(tcase, leaves_nothing_behind);
	tcase_add_test(tcase, out_of_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(gemm_suite)
