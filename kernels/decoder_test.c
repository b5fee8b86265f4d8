/* SPDX-License-Identifier: Apache-2.0 */
/* Norm, linear layers, embedding and argmax on the mock against plain loops in double. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_decoder.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "kernels/test_rig.h"

static const char *const uris[] = { "mock:trn3?hbm=1G", "mock:trn2?hbm=1G" };

static struct trn_prng prng;

static void *room(size_t size)
{
	void *p = calloc(1, size);

	ck_assert_ptr_nonnull(p);
	return p;
}

static float draw(float scale)
{
	return (float)(trn_prng_unit(&prng) * 2.0 - 1.0) * scale;
}

static float *floats(size_t count, float scale)
{
	float *p = room(count * sizeof(*p));

	for (size_t i = 0; i < count; i++)
		p[i] = draw(scale);
	return p;
}

static uint16_t *halves(size_t count, float scale)
{
	uint16_t *p = room(count * sizeof(*p));

	for (size_t i = 0; i < count; i++)
		p[i] = trn_f32_to_bf16(draw(scale));
	return p;
}

static struct trn_builder *builder(uint32_t args)
{
	static const char *const names[] = { "a0", "a1", "a2", "a3" };
	struct trn_builder *b;

	ck_assert_int_eq(trn_builder_create(NULL, &b), 0);
	for (uint32_t i = 0; i < args; i++)
		ck_assert_uint_eq(trn_builder_arg(b, names[i], TRN_ARG_BUFFER, 1), i);
	return b;
}

static int run(struct trn_rig *rig, struct trn_builder *b)
{
	const char *why = "";
	size_t bytes;
	void *image;

	if (trn_builder_finish(b, &image, &bytes) < 0) {
		(void)trn_builder_status(b, &why);
		ck_abort_msg("builder: %s", why);
	}
	trn_builder_destroy(b);
	return trn_rig_run(rig, image, bytes);
}

static void rig_open(struct trn_rig *rig, int i)
{
	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)i);
	trn_rig_open(rig, uris[(size_t)i % TRN_ARRAY_LEN(uris)]);
}

static const struct trn_norm_args norms[] = {
	{ 1, 256, 1e-5f, 0, 1, 2 }, { 64, 33, 1e-5f, 0, 1, 2 },  { 3, 2880, 1e-5f, 0, 1, 2 },
	{ 1, 1, 1e-5f, 0, 1, 2 },   { 2, 16384, 0.0f, 0, 1, 2 }, { 5, 64, 1e-5f, 0, 1, 0 },
};

START_TEST(norm_matches)
{
	const struct trn_norm_args *a = &norms[(size_t)_i / TRN_ARRAY_LEN(uris)];
	size_t cells = (size_t)a->tokens * a->width;
	float *x, *gamma, *y = room(cells * sizeof(*y));
	struct trn_rig rig;
	struct trn_builder *b = builder(3);

	rig_open(&rig, _i);
	x = floats(cells, 3.0f);
	gamma = floats(a->width, 2.0f);
	trn_rig_buffer(&rig, x, cells * 4);
	trn_rig_buffer(&rig, gamma, (uint64_t)a->width * 4);
	trn_rig_buffer(&rig, NULL, cells * 4);
	trn_norm_emit(b, a);
	ck_assert_int_eq(run(&rig, b), 0);
	trn_rig_read(&rig, a->y, y, cells * 4);
	for (size_t t = 0; t < a->tokens; t++) {
		double sum = 0.0, scale;

		for (size_t i = 0; i < a->width; i++)
			sum += (double)x[t * a->width + i] * (double)x[t * a->width + i];
		scale = 1.0 / sqrt(sum / a->width + (double)a->eps);
		for (size_t i = 0; i < a->width; i++) {
			double want = (double)x[t * a->width + i] * scale * (double)gamma[i];

			ck_assert_double_eq_tol((double)y[t * a->width + i], want,
						1e-5 * (1.0 + fabs(want)));
		}
	}
	trn_rig_close(&rig);
	free(x);
	free(gamma);
	free(y);
}
END_TEST

static const struct trn_linear_args linears[] = {
	{ 1, 256, 768, TRN_LINEAR_BIAS, 0, 1, 2, 3 },
	{ 1, 256, 256, TRN_LINEAR_BIAS | TRN_LINEAR_ADD, 0, 1, 2, 3 },
	{ 64, 130, 70, TRN_LINEAR_FP32, 0, 1, 2, 3 },
	{ 3, 1, 1, TRN_LINEAR_BIAS, 0, 1, 2, 3 },
	{ 2, 2880, 1000, 0, 0, 1, 2, 3 },
	{ 1, 16384, 40, TRN_LINEAR_FP32 | TRN_LINEAR_ADD, 0, 1, 2, 3 },
	{ 7, 127, 513, TRN_LINEAR_BIAS | TRN_LINEAR_ADD | TRN_LINEAR_FP32, 0, 1, 2, 3 },
};

struct layer {
	float *x, *bias, *y, *got;
	uint16_t *weight;
};

/* x is what the tensor engine gets: rounded to BF16 unless the layer keeps FP32. */
static double linear_want(const struct trn_linear_args *a, const struct layer *l, size_t t,
			  size_t o)
{
	double sum = 0.0;

	for (size_t i = 0; i < a->in; i++) {
		float x = l->x[t * a->in + i];

		if (!(a->flags & TRN_LINEAR_FP32))
			x = trn_bf16_to_f32(trn_f32_to_bf16(x));
		sum += (double)x * (double)trn_bf16_to_f32(l->weight[i * a->out + o]);
	}
	if (a->flags & TRN_LINEAR_BIAS)
		sum += (double)l->bias[o];
	if (a->flags & TRN_LINEAR_ADD)
		sum += (double)l->y[t * a->out + o];
	return sum;
}

START_TEST(linear_matches)
{
	const struct trn_linear_args *a = &linears[(size_t)_i / TRN_ARRAY_LEN(uris)];
	size_t in = (size_t)a->tokens * a->in, out = (size_t)a->tokens * a->out;
	struct trn_builder *b = builder(4);
	struct trn_rig rig;
	struct layer l;

	rig_open(&rig, _i);
	l.x = floats(in, 1.0f);
	l.weight = halves((size_t)a->in * a->out, 0.5f);
	l.bias = floats(a->out, 1.0f);
	l.y = floats(out, 1.0f);
	l.got = room(out * 4);
	trn_rig_buffer(&rig, l.x, in * 4);
	trn_rig_buffer(&rig, l.weight, (uint64_t)a->in * a->out * 2);
	trn_rig_buffer(&rig, l.bias, (uint64_t)a->out * 4);
	trn_rig_buffer(&rig, l.y, out * 4);
	trn_linear_emit(b, a);
	ck_assert_int_eq(run(&rig, b), 0);
	trn_rig_read(&rig, 3, l.got, out * 4);
	trn_rig_close(&rig);
	/* Only FP32 sums differ from the reference: an ulp for each term at most. */
	for (size_t t = 0; t < a->tokens; t++)
		for (size_t o = 0; o < a->out; o++)
			ck_assert_double_eq_tol((double)l.got[t * a->out + o],
						linear_want(a, &l, t, o),
						2e-6 * (4.0 + sqrt(a->in)));
	free(l.x);
	free(l.weight);
	free(l.bias);
	free(l.y);
	free(l.got);
}
END_TEST

START_TEST(embed_gathers_rows)
{
	static const struct trn_embed_args a = { 5, 300, 50, 0, 1, 2 };
	const uint32_t token[5] = { 0, 49, 7, 7, 31 };
	uint16_t *table;
	float got[5 * 300];
	struct trn_builder *b = builder(3);
	struct trn_rig rig;

	rig_open(&rig, _i);
	table = halves(50 * 300, 1.0f);
	trn_rig_buffer(&rig, token, sizeof(token));
	trn_rig_buffer(&rig, table, 50 * 300 * 2);
	trn_rig_buffer(&rig, NULL, sizeof(got));
	trn_embed_emit(b, &a);
	ck_assert_int_eq(run(&rig, b), 0);
	trn_rig_read(&rig, 2, got, sizeof(got));
	for (size_t i = 0; i < TRN_ARRAY_LEN(got); i++)
		ck_assert_float_eq(got[i], trn_bf16_to_f32(table[token[i / 300] * 300 + i % 300]));
	trn_rig_close(&rig);
	free(table);
}
END_TEST

START_TEST(embed_refuses_a_token_past_the_table)
{
	static const struct trn_embed_args a = { 2, 16, 50, 0, 1, 2 };
	const uint32_t token[2] = { 3, 50 };
	struct trn_builder *b = builder(3);
	struct trn_error error = { .size = sizeof(error) };
	struct trn_rig rig;

	rig_open(&rig, _i);
	trn_rig_buffer(&rig, token, sizeof(token));
	trn_rig_buffer(&rig, NULL, 50 * 16 * 2);
	trn_rig_buffer(&rig, NULL, 2 * 16 * 4);
	trn_embed_emit(b, &a);
	ck_assert_int_lt(run(&rig, b), 0);
	ck_assert_int_eq(trn_queue_error(rig.queue, &error), 0);
	ck_assert_int_eq(error.engine, TRN_ENGINE_GPSIMD);
	trn_rig_close(&rig);
}
END_TEST

START_TEST(argmax_takes_the_first_of_equals)
{
	static const struct trn_argmax_args shapes[] = {
		{ 3, 256, 0, 1 },   { 64, 9, 0, 1 }, { 2, 1, 0, 1 },
		{ 2, 16384, 0, 1 }, { 4, 5, 0, 1 },
	};
	const struct trn_argmax_args *a = &shapes[(size_t)_i / TRN_ARRAY_LEN(uris)];
	size_t cells = (size_t)a->tokens * a->width;
	uint32_t got[TRN_ROWS_MAX];
	struct trn_builder *b = builder(2);
	struct trn_rig rig;
	float *x;

	rig_open(&rig, _i);
	x = floats(cells, 1.0f);
	/* The first row has its largest element twice. */
	x[a->width / 2] = 2.0f;
	x[a->width - 1] = 2.0f;
	trn_rig_buffer(&rig, x, cells * 4);
	trn_rig_buffer(&rig, NULL, (uint64_t)a->tokens * 4);
	trn_argmax_emit(b, a);
	ck_assert_int_eq(run(&rig, b), 0);
	trn_rig_read(&rig, 1, got, (uint64_t)a->tokens * 4);
	for (size_t t = 0; t < a->tokens; t++) {
		uint32_t want = 0;

		for (uint32_t i = 1; i < a->width; i++)
			if (x[t * a->width + i] > x[t * a->width + want])
				want = i;
		ck_assert_uint_eq(got[t], want);
	}
	trn_rig_close(&rig);
	free(x);
}
END_TEST

static void refused(struct trn_builder *b)
{
	size_t bytes = 0;
	void *image = NULL;

	ck_assert_int_eq(trn_builder_finish(b, &image, &bytes), -EINVAL);
	trn_builder_destroy(b);
}

START_TEST(sizes_out_of_range_are_refused)
{
	static const uint32_t bad[][2] = { { 0, 8 }, { 65, 8 }, { 1, 0 }, { 1, 16385 } };
	uint32_t tokens = bad[_i][0], width = bad[_i][1];
	struct trn_builder *b[4];

	for (int i = 0; i < 4; i++)
		b[i] = builder(4);
	trn_norm_emit(b[0], &(struct trn_norm_args){ tokens, width, 1e-5f, 0, 1, 2 });
	trn_linear_emit(b[1], &(struct trn_linear_args){ tokens, width, 8, 0, 0, 1, 2, 3 });
	trn_embed_emit(b[2], &(struct trn_embed_args){ tokens, width, 8, 0, 1, 2 });
	trn_argmax_emit(b[3], &(struct trn_argmax_args){ tokens, width, 0, 1 });
	for (int i = 0; i < 4; i++)
		refused(b[i]);
	b[0] = builder(4);
	trn_norm_emit(b[0], &(struct trn_norm_args){ 1, 8, NAN, 0, 1, 2 });
	refused(b[0]);
	b[0] = builder(4);
	trn_linear_emit(b[0], &(struct trn_linear_args){ 1, 8, 8, 8, 0, 1, 2, 3 });
	refused(b[0]);
}
END_TEST

static Suite *decoder_suite(void)
{
	Suite *s = suite_create("decoder");
	TCase *tc = tcase_create("decoder");
	int n = (int)TRN_ARRAY_LEN(uris);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, norm_matches, 0, n * (int)TRN_ARRAY_LEN(norms));
	tcase_add_loop_test(tc, linear_matches, 0, n * (int)TRN_ARRAY_LEN(linears));
	tcase_add_loop_test(tc, embed_gathers_rows, 0, n);
	tcase_add_loop_test(tc, embed_refuses_a_token_past_the_table, 0, n);
	tcase_add_loop_test(tc, argmax_takes_the_first_of_equals, 0, n * 5);
	tcase_add_loop_test(tc, sizes_out_of_range_are_refused, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(decoder_suite)
