/* SPDX-License-Identifier: Apache-2.0 */
/* Router and experts on the mock against plain double-precision loops. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_moe.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "kernels/test_rig.h"

static const char *const uris[] = { "mock:trn3?hbm=1G", "mock:trn2?hbm=1G" };

static const struct trn_moe_shape shapes[] = {
	{ 1, 256, 8, 2, 256, 7.0f, 1.702f },
	{ 1, 64, 4, 4, 32, 7.0f, 1.702f },
	{ 3, 200, 16, 4, 130, 7.0f, 1.702f },
	{ 2, 128, 32, 8, 128, 1.0f, 1.702f },
	{ 1, 1, 1, 1, 1, 7.0f, 1.702f },
	{ 2, 700, 3, 2, 300, 7.0f, 1.0f },
	{ 64, 40, 9, 1, 8, 7.0f, 1.702f },
	{ 1, 256, 8, 2, 256, 7.0f, 1.702f, TRN_MOE_FP32 },
	{ 3, 200, 16, 4, 130, 7.0f, 1.702f, TRN_MOE_FP32 },
};

/* Everything a layer needs, BF16 values as the device sees them. */
struct layer {
	struct trn_moe_shape shape;
	float *x, *router_bias, *gate_up_bias, *down_bias, *y, *shares;
	uint16_t *router, *gate_up, *down;
	uint32_t *indices;
	struct trn_prng prng;
};

static float *floats(struct layer *l, size_t count, float scale)
{
	float *p = malloc(count * sizeof(*p));

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < count; i++)
		p[i] = (float)(trn_prng_unit(&l->prng) * 2.0 - 1.0) * scale;
	return p;
}

static uint16_t *halves(struct layer *l, size_t count, float scale)
{
	uint16_t *p = malloc(count * sizeof(*p));

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < count; i++)
		p[i] = trn_f32_to_bf16((float)(trn_prng_unit(&l->prng) * 2.0 - 1.0) * scale);
	return p;
}

static void layer_make(struct layer *l, const struct trn_moe_shape *s, unsigned int salt)
{
	size_t h = s->hidden, e = s->experts, m = s->intermediate, t = s->tokens, k = s->top_k;

	memset(l, 0, sizeof(*l));
	l->shape = *s;
	trn_prng_seed(&l->prng, trn_test_seed() + salt);
	l->x = floats(l, t * h, 1.0f);
	l->router = halves(l, h * e, 0.3f);
	l->router_bias = floats(l, e, 0.5f);
	l->gate_up = halves(l, e * h * 2 * m, 0.4f);
	l->gate_up_bias = floats(l, e * 2 * m, 1.0f);
	l->down = halves(l, e * m * h, 0.2f);
	l->down_bias = floats(l, e * h, 0.5f);
	l->y = floats(l, t * h, 1.0f);
	l->shares = floats(l, t * k, 1.0f);
	l->indices = calloc(t * k, sizeof(*l->indices));
	ck_assert_ptr_nonnull(l->indices);
	for (size_t i = 0; i < t * k; i++)
		l->indices[i] = (uint32_t)trn_prng_below(&l->prng, e);
}

static void layer_free(struct layer *l)
{
	free(l->x);
	free(l->router);
	free(l->router_bias);
	free(l->gate_up);
	free(l->gate_up_bias);
	free(l->down);
	free(l->down_bias);
	free(l->y);
	free(l->shares);
	free(l->indices);
}

static double logit(const struct layer *l, size_t token, size_t expert)
{
	double sum = (double)l->router_bias[expert];

	for (size_t i = 0; i < l->shape.hidden; i++)
		sum += (double)l->x[token * l->shape.hidden + i] *
		       (double)trn_bf16_to_f32(l->router[i * l->shape.experts + expert]);
	return sum;
}

/* The chosen logits must be the k largest, in order, and the shares their softmax. */
static void check_token(const struct layer *l, size_t token, const uint32_t *indices,
			const float *shares)
{
	double want[TRN_MOE_TOP_K_MAX], total = 0.0, last = INFINITY;

	for (uint32_t k = 0; k < l->shape.top_k; k++) {
		ck_assert_uint_lt(indices[k], l->shape.experts);
		want[k] = logit(l, token, indices[k]);
		ck_assert_double_le(want[k], last + 1e-4);
		last = want[k];
		for (uint32_t j = 0; j < k; j++)
			ck_assert_uint_ne(indices[j], indices[k]);
	}
	for (uint32_t e = 0; e < l->shape.experts; e++) {
		bool taken = false;

		for (uint32_t k = 0; k < l->shape.top_k; k++)
			taken |= indices[k] == e;
		if (!taken)
			ck_assert_double_le(logit(l, token, e), last + 1e-4);
	}
	for (uint32_t k = 0; k < l->shape.top_k; k++)
		total += exp(want[k] - want[0]);
	for (uint32_t k = 0; k < l->shape.top_k; k++)
		ck_assert_double_eq_tol((double)shares[k], exp(want[k] - want[0]) / total, 1e-4);
}

static void run_router(const char *uri, const struct layer *l, uint32_t *ret_indices,
		       float *ret_shares)
{
	const struct trn_moe_shape *s = &l->shape;
	size_t cells = (size_t)s->tokens * s->top_k * 4, bytes;
	struct trn_rig rig;
	uint32_t indices, shares;
	void *image;

	trn_rig_open(&rig, uri);
	trn_rig_buffer(&rig, l->x, (uint64_t)s->tokens * s->hidden * 4);
	trn_rig_buffer(&rig, l->router, (uint64_t)s->hidden * s->experts * 2);
	trn_rig_buffer(&rig, l->router_bias, (uint64_t)s->experts * 4);
	indices = trn_rig_buffer(&rig, NULL, cells);
	shares = trn_rig_buffer(&rig, NULL, cells);
	ck_assert_int_eq(trn_kernel_router(NULL, s, &image, &bytes), 0);
	ck_assert_int_eq(trn_rig_run(&rig, image, bytes), 0);
	trn_rig_read(&rig, indices, ret_indices, cells);
	trn_rig_read(&rig, shares, ret_shares, cells);
	trn_rig_close(&rig);
}

START_TEST(router_takes_the_largest)
{
	const struct trn_moe_shape *s = &shapes[(size_t)_i / TRN_ARRAY_LEN(uris)];
	uint32_t indices[TRN_MOE_TOKENS_MAX * TRN_MOE_TOP_K_MAX];
	float shares[TRN_MOE_TOKENS_MAX * TRN_MOE_TOP_K_MAX];
	struct layer l;

	layer_make(&l, s, (unsigned int)_i);
	run_router(uris[(size_t)_i % TRN_ARRAY_LEN(uris)], &l, indices, shares);
	for (uint32_t t = 0; t < s->tokens; t++)
		check_token(&l, t, indices + t * s->top_k, shares + t * s->top_k);
	layer_free(&l);
}
END_TEST

/* Equal logits: the lower number comes first, and none comes twice. */
START_TEST(router_breaks_ties_by_number)
{
	struct trn_moe_shape s = { 1, 32, 12, 4, 1, 7.0f, 1.702f };
	uint32_t indices[4];
	float shares[4];
	struct layer l;

	layer_make(&l, &s, 77);
	memset(l.router, 0, (size_t)s.hidden * s.experts * 2);
	for (uint32_t e = 0; e < s.experts; e++)
		l.router_bias[e] = e == 7 ? 2.0f : 1.0f;
	run_router(uris[0], &l, indices, shares);
	ck_assert_uint_eq(indices[0], 7);
	for (uint32_t k = 1; k < 4; k++)
		ck_assert_uint_eq(indices[k], k - 1);
	layer_free(&l);
}
END_TEST

static double rounded(const struct layer *l, double v)
{
	if ((l->shape.flags & TRN_MOE_FP32) != 0)
		return v;
	return (double)trn_bf16_to_f32(trn_f32_to_bf16((float)v));
}

/* What expert e adds to one row. */
static void expert_reference(const struct layer *l, const float *x, uint32_t e, double share,
			     double *y)
{
	size_t h = l->shape.hidden, m = l->shape.intermediate;
	const uint16_t *w = l->gate_up + e * h * 2 * m, *d = l->down + e * m * h;
	double limit = (double)l->shape.limit, *mid = malloc(m * sizeof(*mid));

	ck_assert_ptr_nonnull(mid);
	for (size_t j = 0; j < m; j++) {
		double gate = (double)l->gate_up_bias[e * 2 * m + 2 * j];
		double up = (double)l->gate_up_bias[e * 2 * m + 2 * j + 1];

		for (size_t i = 0; i < h; i++) {
			gate += rounded(l, (double)x[i]) *
				(double)trn_bf16_to_f32(w[i * 2 * m + 2 * j]);
			up += rounded(l, (double)x[i]) *
			      (double)trn_bf16_to_f32(w[i * 2 * m + 2 * j + 1]);
		}
		gate = fmin(gate, limit);
		up = fmax(fmin(up, limit), -limit);
		mid[j] = (up + 1.0) * gate / (1.0 + exp(-(double)l->shape.alpha * gate));
	}
	for (size_t i = 0; i < h; i++) {
		double sum = (double)l->down_bias[e * h + i];

		for (size_t j = 0; j < m; j++)
			sum += mid[j] * (double)trn_bf16_to_f32(d[j * h + i]);
		y[i] += share * sum;
	}
	free(mid);
}

static uint32_t experts_args(struct trn_rig *rig, const struct layer *l)
{
	const struct trn_moe_shape *s = &l->shape;
	uint64_t h = s->hidden, e = s->experts, m = s->intermediate, t = s->tokens;

	trn_rig_buffer(rig, l->x, t * h * 4);
	trn_rig_buffer(rig, l->indices, t * s->top_k * 4);
	trn_rig_buffer(rig, l->shares, t * s->top_k * 4);
	trn_rig_buffer(rig, l->gate_up, e * h * 2 * m * 2);
	trn_rig_buffer(rig, l->gate_up_bias, e * 2 * m * 4);
	trn_rig_buffer(rig, l->down, e * m * h * 2);
	trn_rig_buffer(rig, l->down_bias, e * h * 4);
	return trn_rig_buffer(rig, l->y, t * h * 4);
}

START_TEST(experts_match_the_reference)
{
	const struct trn_moe_shape *s = &shapes[(size_t)_i / TRN_ARRAY_LEN(uris)];
	size_t cells = (size_t)s->tokens * s->hidden, bytes;
	float *got = malloc(cells * sizeof(*got));
	double *want = malloc(cells * sizeof(*want)), scale = 1.0;
	struct trn_rig rig;
	struct layer l;
	void *image;
	uint32_t y;

	ck_assert(got && want);
	layer_make(&l, s, 100u + (unsigned int)_i);
	trn_rig_open(&rig, uris[(size_t)_i % TRN_ARRAY_LEN(uris)]);
	y = experts_args(&rig, &l);
	ck_assert_int_eq(trn_kernel_experts(NULL, s, &image, &bytes), 0);
	ck_assert_int_eq(trn_rig_run(&rig, image, bytes), 0);
	trn_rig_read(&rig, y, got, cells * sizeof(*got));
	trn_rig_close(&rig);
	for (size_t i = 0; i < cells; i++)
		want[i] = (double)l.y[i];
	for (uint32_t t = 0; t < s->tokens; t++)
		for (uint32_t k = 0; k < s->top_k; k++)
			expert_reference(&l, l.x + (size_t)t * s->hidden,
					 l.indices[t * s->top_k + k],
					 (double)l.shares[t * s->top_k + k],
					 want + (size_t)t * s->hidden);
	for (size_t i = 0; i < cells; i++)
		scale = fmax(scale, fabs(want[i]));
	/* The product of gate and up is rounded to BF16: 2^-9 relative, over many of them. */
	scale *= (s->flags & TRN_MOE_FP32) != 0 ? 1e-5 : 6e-3;
	for (size_t i = 0; i < cells; i++)
		ck_assert_msg(fabs((double)got[i] - want[i]) <= scale,
			      "row %zu: got %g, want %g (seed %llu)", i, (double)got[i], want[i],
			      (unsigned long long)trn_test_seed());
	layer_free(&l);
	free(got);
	free(want);
}
END_TEST

/* An expert that does not exist is an address outside the weights: named, not read. */
START_TEST(experts_refuse_a_wrong_index)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_rig rig;
	struct layer l;
	size_t bytes;
	void *image;

	layer_make(&l, &shapes[0], 5);
	l.indices[1] = l.shape.experts;
	trn_rig_open(&rig, uris[0]);
	(void)experts_args(&rig, &l);
	ck_assert_int_eq(trn_kernel_experts(NULL, &l.shape, &image, &bytes), 0);
	ck_assert_int_lt(trn_rig_run(&rig, image, bytes), 0);
	ck_assert_int_eq(trn_queue_error(rig.queue, &error), 0);
	ck_assert_int_eq(error.engine, TRN_ENGINE_SYNC);
	ck_assert_int_eq(error.opcode, TRN_OP_DMA_COPY);
	ck_assert_int_ge(error.pc, 0);
	trn_rig_close(&rig);
	layer_free(&l);
}
END_TEST

START_TEST(shapes_out_of_range_are_refused)
{
	static const struct trn_moe_shape bad[] = {
		{ 0, 64, 8, 2, 64, 7.0f, 1.7f },   { 65, 64, 8, 2, 64, 7.0f, 1.7f },
		{ 1, 0, 8, 2, 64, 7.0f, 1.7f },    { 1, 64, 8, 9, 64, 7.0f, 1.7f },
		{ 1, 64, 2, 4, 64, 7.0f, 1.7f },   { 1, 64, 8, 2, 0, 7.0f, 1.7f },
		{ 1, 64, 8, 2, 64, 0.0f, 1.7f },   { 1, 64, 8, 2, 64, 7.0f, NAN },
		{ 1, 9000, 8, 2, 64, 7.0f, 1.7f }, { 1, 64, 600, 2, 64, 7.0f, 1.7f },
	};
	void *image = &image;
	size_t bytes = 7;

	ck_assert_int_eq(trn_kernel_router(NULL, &bad[_i], &image, &bytes), -EINVAL);
	ck_assert_int_eq(trn_kernel_experts(NULL, &bad[_i], &image, &bytes), -EINVAL);
	ck_assert_int_eq(trn_kernel_router(NULL, NULL, &image, &bytes), -EINVAL);
	ck_assert_int_eq(trn_kernel_experts(NULL, NULL, &image, &bytes), -EINVAL);
	ck_assert_ptr_eq(image, &image);
	ck_assert_uint_eq(bytes, 7);
}
END_TEST

static Suite *moe_suite(void)
{
	Suite *s = suite_create("moe");
	TCase *tc = tcase_create("moe");
	int runs = (int)(TRN_ARRAY_LEN(shapes) * TRN_ARRAY_LEN(uris));

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, router_takes_the_largest, 0, runs);
	tcase_add_test(tc, router_breaks_ties_by_number);
	tcase_add_loop_test(tc, experts_match_the_reference, 0, runs);
	tcase_add_test(tc, experts_refuse_a_wrong_index);
	tcase_add_loop_test(tc, shapes_out_of_range_are_refused, 0, 10);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(moe_suite)
