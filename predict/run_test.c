/* SPDX-License-Identifier: Apache-2.0 */
/* A small decoder end to end: its instruction streams against hand arithmetic, and that a step
 * behaves as one: more bandwidth, fewer bytes or fewer layers are never slower. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "predict/predict.h"

static struct trn_predict_config small(void)
{
	return (struct trn_predict_config){ .name = "small",
					    .vocab = 4096,
					    .hidden = 256,
					    .layers = 4,
					    .heads = 32,
					    .kv_heads = 8,
					    .head_dim = 64,
					    .experts = 8,
					    .active = 2,
					    .intermediate = 1024,
					    .window = 128,
					    .positions = 262144,
					    .rms_eps = 1e-5,
					    .swiglu_limit = 7,
					    .swiglu_alpha = 1.702,
					    .pattern_count = 2,
					    .sliding = { true, false } };
}

static struct trn_predict_result predict(const struct trn_predict_config *config, const char *gen,
					 uint32_t batch, uint32_t context)
{
	struct trn_predict_request request = { .config = config,
					       .gen = gen,
					       .batch = batch,
					       .context = context,
					       .seed = trn_test_seed() };
	struct trn_predict_result result;
	struct trn_predict_why why = { "" };
	int r = trn_predict_request_check(&request, &why);

	if (r == 0)
		r = trn_predict_run(&request, &result, &why);
	ck_assert_msg(r == 0, "%s", why.text);
	return result;
}

/* One token on one of eight cores: multiplications of every part, and the bytes. */
START_TEST(streams_are_what_the_arithmetic_says)
{
	const struct trn_predict_config config = small();
	struct trn_predict_result result = predict(&config, "trn2", 1, 1024);
	const double hidden = 256, heads = 4, d = 64, middle = 128, experts = 8, active = 2;
	const double outs = (heads + 2) * d, rows = 2 * heads; /* of a unit of two sequences */
	const double norm = 128 * 128, turned = 3 * 128 * 128;
	double divided = rows * 128 * rows; /* sums to every lane: one unit */
	double attention = norm + hidden * outs + turned + divided + heads * d * hidden;
	double mixture = norm + 2 * hidden * experts + active * (3 * hidden * middle + hidden);
	double full = 1024 * rows * 128 * 2, sliding = 256 * rows * 128 * 2;
	double macs = 4 * (attention + mixture) + 2 * (full + sliding) + norm + hidden * 512;
	double weights = 4 * (hidden * outs + heads * d * hidden + hidden * experts +
			      active * 3 * hidden * middle) +
			 hidden * 512;
	double caches = 2 * (1024 + 256) * 128 * 2;

	ck_assert_uint_eq(result.chips, 1);
	ck_assert_uint_eq(result.width, 8);
	ck_assert_double_eq(result.macs, macs);
	ck_assert_double_ge(result.dma_bytes, 2 * (weights + caches));
	/* Activations, biases, tables: little, but the model is small. */
	ck_assert_double_le(result.dma_bytes, 2 * (weights + caches) + 4 * 80000);
	ck_assert_double_eq(result.experts, 2);
	ck_assert_uint_eq(result.piece_count, 1);
	ck_assert(!result.piece[0].composed);
	ck_assert_double_gt(result.step_s, result.roofline.step_s);
	ck_assert_double_eq_tol(result.tokens_per_s * result.step_s, 1, 1e-9);
}
END_TEST

START_TEST(more_is_never_slower)
{
	struct trn_predict_config config = small();
	double trn2 = predict(&config, "trn2", 4, 1024).step_s;
	double trn3 = predict(&config, "trn3", 4, 1024).step_s;
	double trn4 = predict(&config, "trn4", 4, 1024).step_s;
	double longer = predict(&config, "trn2", 4, 4096).step_s;
	double deeper;

	ck_assert_double_le(trn3, trn2);
	ck_assert_double_le(trn4, trn3);
	ck_assert_double_ge(longer, trn2);
	config.layers = 8;
	deeper = predict(&config, "trn2", 4, 1024).step_s;
	ck_assert_double_gt(deeper, 1.5 * trn2);
	config.layers = 4;
	ck_assert_double_ge(predict(&config, "trn2", 64, 1024).step_s, trn2);
}
END_TEST

/* A launch of all layers, rounds of the pattern and chunks of tokens tell the same story. */
START_TEST(composed_steps_fit_each_other)
{
	struct trn_predict_config config = small();
	double whole, patterns;

	config.experts = 16;
	config.active = 1;
	whole = predict(&config, "trn2", 64, 1024).step_s;
	config.experts = 32;
	patterns = predict(&config, "trn2", 64, 1024).step_s;
	ck_assert_double_ge(patterns, whole * 0.9);
	ck_assert_double_le(patterns, whole * 2.2);
	ck_assert_double_ge(predict(&config, "trn2", 512, 1024).step_s, patterns);
}
END_TEST

START_TEST(a_seed_decides)
{
	struct trn_predict_config config = small();
	struct trn_predict_result a = predict(&config, "trn3", 3, 512);
	struct trn_predict_result b = predict(&config, "trn3", 3, 512);

	ck_assert_double_eq(a.step_s, b.step_s);
	ck_assert_double_eq(a.experts, b.experts);
	ck_assert_double_ge(a.experts, 2);
	ck_assert_double_le(a.experts, 6);
}
END_TEST

START_TEST(dense_and_long)
{
	struct trn_predict_config config = small();
	struct trn_predict_result r;

	config.experts = config.active = 1;
	r = predict(&config, "trn2", 1, 100);
	ck_assert_double_eq(r.experts, 1);
	/* Beyond what is run the context stretches times. */
	r = predict(&config, "trn2", 1, 65536);
	ck_assert(r.piece[0].composed);
	ck_assert_double_gt(r.step_s, predict(&config, "trn2", 1, 8192).step_s);
}
END_TEST

START_TEST(prompts)
{
	struct trn_predict_config config = small();
	struct trn_predict_request request = { .config = &config,
					       .gen = "trn2",
					       .phase = TRN_PREDICT_PREFILL,
					       .batch = 1,
					       .context = 2048 };
	struct trn_predict_result once, twice;
	struct trn_predict_why why = { "" };
	double rows = 2048, products;

	ck_assert_int_eq(trn_predict_request_check(&request, &why), 0);
	ck_assert_msg(trn_predict_run(&request, &once, &why) == 0, "%s", why.text);
	ck_assert_double_eq(once.tokens, 2048);
	ck_assert_double_gt(once.step_s, once.roofline.step_s);
	/* Queries, key, value and output; router; experts; what the attention adds is not here. */
	products = 4 * rows * 256 * (384 + 256 + 8.0 / 8 + 2 * 3 * 128);
	ck_assert_double_ge(once.macs, products);
	ck_assert_double_le(once.macs, 3 * products);
	request.batch = 2;
	ck_assert_int_eq(trn_predict_run(&request, &twice, &why), 0);
	ck_assert_double_gt(twice.step_s, 1.3 * once.step_s);
	ck_assert_double_lt(twice.step_s, 2.2 * once.step_s);
}
END_TEST

START_TEST(what_cannot_be_cut_is_refused)
{
	struct trn_predict_config config = small();
	struct trn_predict_request request = {
		.config = &config, .gen = "trn2", .batch = 1, .context = 128
	};
	struct trn_predict_result result;
	struct trn_predict_why why = { "" };

	config.heads = 7;
	config.kv_heads = 7;
	ck_assert_int_eq(trn_predict_request_check(&request, &why), 0);
	ck_assert_int_eq(trn_predict_run(&request, &result, &why), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(why.text, "cannot be cut"));
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-run");
	TCase *tc = tcase_create("run");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, streams_are_what_the_arithmetic_says);
	tcase_add_test(tc, more_is_never_slower);
	tcase_add_test(tc, composed_steps_fit_each_other);
	tcase_add_test(tc, a_seed_decides);
	tcase_add_test(tc, dense_and_long);
	tcase_add_test(tc, prompts);
	tcase_add_test(tc, what_cannot_be_cut_is_refused);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
