// SPDX-License-Identifier: Apache-2.0
/* Attention of one token on the mock against plain double-precision loops. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_attention.h>

#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "kernels/test_rig.h"

static const char *const uris[] = { "mock:trn3?hbm=1G", "mock:trn2?hbm=1G" };

static const struct test_row {
	struct trn_attention_shape shape; /* cache is set by the loop */
	uint32_t position;
} rows[] = {
	{ { 8, 2, 32, 256, 0, 0 }, 0 },      { { 8, 2, 32, 256, 0, 0 }, 1 },
	{ { 8, 2, 32, 256, 0, 0 }, 127 },    { { 8, 2, 32, 256, 0, 0 }, 128 },
	{ { 8, 2, 32, 256, 0, 0 }, 255 },    { { 8, 2, 32, 256, 64, 0 }, 200 },
	{ { 8, 2, 32, 256, 1, 0 }, 128 },    { { 8, 2, 32, 256, 128, 0 }, 127 },
	{ { 8, 2, 32, 512, 129, 0 }, 384 },  { { 8, 2, 32, 256, 131072, 0 }, 130 },
	{ { 1, 1, 2, 128, 0, 0 }, 5 },       { { 6, 3, 80, 384, 100, 0 }, 300 },
	{ { 64, 8, 64, 384, 128, 0 }, 333 }, { { 128, 1, 128, 128, 0, 0 }, 100 },
	{ { 5, 5, 48, 640, 0, 0 }, 639 },
};
#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

struct problem {
	struct trn_attention_shape shape;
	uint32_t position;
	float *q, *k, *v, *rope, *sinks;
	float *keys, *values; /* what the caches hold, after rounding */
	void *key_cache, *value_cache;
	size_t cache_count, cache_bytes;
	double *y;
};

static float *floats(struct trn_prng *prng, size_t count, float scale)
{
	float *p = malloc(count * sizeof(*p));

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < count; i++)
		p[i] = (float)(trn_prng_unit(prng) * 2.0 - 1.0) * scale;
	return p;
}

static void *rounded(float *p, size_t count, enum trn_dtype dtype)
{
	void *bytes = malloc(count * 4);

	ck_assert_ptr_nonnull(bytes);
	trn_row_from_f32(bytes, p, dtype, count);
	trn_row_to_f32(p, bytes, dtype, count);
	return bytes;
}

static void problem_make(struct problem *p, const struct test_row *row, enum trn_dtype cache)
{
	const struct trn_attention_shape *s = &p->shape;
	struct trn_prng prng;
	size_t d;

	trn_prng_seed(&prng, trn_test_seed());
	p->shape = row->shape;
	p->shape.cache = cache;
	p->position = row->position;
	d = s->head_dim;
	p->q = floats(&prng, s->heads * d, 3.0f);
	p->k = floats(&prng, s->kv_heads * d, 2.0f);
	p->v = floats(&prng, s->kv_heads * d, 1.0f);
	p->rope = floats(&prng, s->positions * d, 1.0f);
	p->sinks = floats(&prng, s->heads, 2.0f);
	p->cache_count = s->kv_heads * d * s->positions;
	p->cache_bytes = p->cache_count * (cache == TRN_DTYPE_BF16 ? 2 : 4);
	p->keys = floats(&prng, p->cache_count, 2.0f);
	p->values = floats(&prng, p->cache_count, 1.0f);
	p->key_cache = rounded(p->keys, p->cache_count, cache);
	p->value_cache = rounded(p->values, p->cache_count, cache);
	p->y = calloc(s->heads * d, sizeof(*p->y));
	ck_assert_ptr_nonnull(p->y);
	for (size_t i = 0; i < s->positions; i++) {
		for (size_t j = 0; j < d / 2; j++) {
			p->rope[i * d + j] = cosf((float)i * 0.1f + (float)j);
			p->rope[i * d + d / 2 + j] = sinf((float)i * 0.1f + (float)j);
		}
	}
}

static void problem_free(struct problem *p)
{
	free(p->q);
	free(p->k);
	free(p->v);
	free(p->rope);
	free(p->sinks);
	free(p->keys);
	free(p->values);
	free(p->key_cache);
	free(p->value_cache);
	free(p->y);
}

static void rotate(const struct problem *p, const float *head, double *out)
{
	size_t d = p->shape.head_dim;
	const float *angles = p->rope + p->position * d;

	for (size_t i = 0; i < d / 2; i++) {
		double cosine = (double)angles[i], sine = (double)angles[d / 2 + i];

		out[i] = (double)head[i] * cosine - (double)head[d / 2 + i] * sine;
		out[d / 2 + i] = (double)head[d / 2 + i] * cosine + (double)head[i] * sine;
	}
}

/* The reference appends to its own copy, then attends. */
static void solve(struct problem *p)
{
	const struct trn_attention_shape *s = &p->shape;
	size_t d = s->head_dim, n = s->positions, group = s->heads / s->kv_heads;
	size_t first = s->window != 0 && p->position + 1 > s->window ? p->position + 1 - s->window :
								       0;
	double q[TRN_ATTENTION_HEAD_DIM_MAX], k[TRN_ATTENTION_HEAD_DIM_MAX];

	for (size_t h = 0; h < s->kv_heads; h++) {
		rotate(p, p->k + h * d, k);
		for (size_t i = 0; i < d; i++) {
			p->keys[(h * d + i) * n + p->position] = (float)k[i];
			p->values[(h * n + p->position) * d + i] = p->v[h * d + i];
		}
	}
	for (size_t h = 0; h < s->heads; h++) {
		const float *keys = p->keys + h / group * d * n;
		const float *values = p->values + h / group * d * n;
		double sum = exp((double)p->sinks[h]);

		rotate(p, p->q + h * d, q);
		for (size_t j = first; j <= p->position; j++) {
			double dot = 0;

			for (size_t i = 0; i < d; i++)
				dot += q[i] * (double)keys[i * n + j];
			dot = exp(dot / sqrt((double)d));
			sum += dot;
			for (size_t i = 0; i < d; i++)
				p->y[h * d + i] += dot * (double)values[j * d + i];
		}
		for (size_t i = 0; i < d; i++)
			p->y[h * d + i] /= sum;
	}
}

static int launch(struct trn_rig *rig, const struct problem *p, uint64_t position)
{
	const struct trn_attention_shape *s = &p->shape;
	size_t d = s->head_dim;
	void *image;
	size_t bytes;

	trn_rig_buffer(rig, p->q, s->heads * d * 4);
	trn_rig_buffer(rig, p->k, s->kv_heads * d * 4);
	trn_rig_buffer(rig, p->v, s->kv_heads * d * 4);
	trn_rig_buffer(rig, p->rope, s->positions * d * 4);
	trn_rig_buffer(rig, p->sinks, s->heads * (size_t)4);
	trn_rig_buffer(rig, p->key_cache, p->cache_bytes);
	trn_rig_buffer(rig, p->value_cache, p->cache_bytes);
	trn_rig_scalar(rig, position);
	trn_rig_buffer(rig, NULL, s->heads * d * 4);
	ck_assert_int_eq(trn_kernel_attention(NULL, s, &image, &bytes), 0);
	return trn_rig_run(rig, image, bytes);
}

/* The position's row is new, within rounding; every other byte is what it was. */
static void check_caches(struct trn_rig *rig, const struct problem *p, double tolerance)
{
	const struct trn_attention_shape *s = &p->shape;
	size_t d = s->head_dim, n = s->positions;
	void *bytes = malloc(p->cache_bytes);
	float *have = malloc(p->cache_count * sizeof(*have));

	ck_assert_ptr_nonnull(bytes);
	ck_assert_ptr_nonnull(have);
	for (uint32_t which = 0; which < 2; which++) {
		const float *want = which == 0 ? p->keys : p->values;

		trn_rig_read(rig, 5 + which, bytes, p->cache_bytes);
		trn_row_to_f32(have, bytes, s->cache, p->cache_count);
		for (size_t i = 0; i < p->cache_count; i++) {
			bool appended = (which == 0 ? i % n : i / d % n) == p->position;
			double apart = fabs((double)have[i] - (double)want[i]);

			/* Check writes at each assertion that holds, too. */
			if (!(apart <= (appended ? tolerance : 0.0)))
				ck_abort_msg("%s cache, element %zu: %g is not %g",
					     which == 0 ? "key" : "value", i, (double)have[i],
					     (double)want[i]);
		}
	}
	free(have);
	free(bytes);
}

START_TEST(attends)
{
	const struct test_row *row = &rows[_i % ROWS];
	enum trn_dtype cache = _i / ROWS % 2 == 0 ? TRN_DTYPE_F32 : TRN_DTYPE_BF16;
	double tolerance = cache == TRN_DTYPE_F32 ? 1e-5 : 3e-2;
	struct problem p = { 0 };
	struct trn_rig rig;
	float *y;

	problem_make(&p, row, cache);
	solve(&p);
	trn_rig_open(&rig, uris[_i / ROWS / 2]);
	ck_assert_int_eq(launch(&rig, &p, p.position), 0);
	y = malloc(p.shape.heads * p.shape.head_dim * sizeof(*y));
	ck_assert_ptr_nonnull(y);
	trn_rig_read(&rig, 8, y, p.shape.heads * p.shape.head_dim * sizeof(*y));
	for (size_t i = 0; i < p.shape.heads * (size_t)p.shape.head_dim; i++)
		ck_assert_msg(fabs((double)y[i] - p.y[i]) <= tolerance,
			      "head %zu, element %zu: %g is not %g", i / p.shape.head_dim,
			      i % p.shape.head_dim, (double)y[i], p.y[i]);
	check_caches(&rig, &p, tolerance);
	free(y);
	trn_rig_close(&rig);
	problem_free(&p);
}
END_TEST

START_TEST(position_outside_is_an_address_error)
{
	static const uint64_t positions[] = { 256, 1000, 0x7fffffff, 0xffffffff };

	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		struct problem p = { 0 };
		struct trn_rig rig;

		problem_make(&p, &rows[0], TRN_DTYPE_BF16);
		trn_rig_open(&rig, uris[0]);
		ck_assert_int_lt(launch(&rig, &p, positions[i]), 0);
		/* Nothing was appended anywhere. */
		p.position = p.shape.positions;
		check_caches(&rig, &p, 0.0);
		trn_rig_close(&rig);
		problem_free(&p);
	}
}
END_TEST

START_TEST(sizes_are_checked)
{
	static const struct trn_attention_shape bad[] = {
		{ 0, 1, 32, 128, 0, TRN_DTYPE_BF16 },      { 129, 1, 32, 128, 0, TRN_DTYPE_BF16 },
		{ 8, 0, 32, 128, 0, TRN_DTYPE_BF16 },      { 8, 3, 32, 128, 0, TRN_DTYPE_BF16 },
		{ 8, 2, 0, 128, 0, TRN_DTYPE_BF16 },       { 8, 2, 33, 128, 0, TRN_DTYPE_BF16 },
		{ 8, 2, 130, 128, 0, TRN_DTYPE_BF16 },     { 8, 2, 32, 0, 0, TRN_DTYPE_BF16 },
		{ 8, 2, 32, 100, 0, TRN_DTYPE_BF16 },      { 8, 2, 32, 131200, 0, TRN_DTYPE_BF16 },
		{ 8, 2, 32, 128, 131073, TRN_DTYPE_BF16 }, { 8, 2, 32, 128, 0, TRN_DTYPE_F16 },
	};
	void *image = &image;
	size_t bytes = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(trn_kernel_attention(NULL, &bad[i], &image, &bytes), -EINVAL);
	ck_assert_ptr_eq(image, &image);
	ck_assert_uint_eq(bytes, 7);
}
END_TEST

static Suite *attention_suite(void)
{
	Suite *suite = suite_create("attention");
	TCase *tcase = tcase_create("one token");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, attends, 0, ROWS * 4);
	tcase_add_test(tcase, position_outside_is_an_address_error);
	tcase_add_test(tcase, sizes_are_checked);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(attention_suite)
