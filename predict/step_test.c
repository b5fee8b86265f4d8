/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of clusters, and what failures leave of them. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/test_main.h"
#include "predict/cluster_parts.h"
#include "predict/goodput.h"
#include "predict/step.h"

static struct trn_predict_config config;

static struct trn_cluster cluster(const char *pod, uint32_t chips)
{
	struct trn_predict_why why = { "" };
	struct trn_cluster c;
	int r = trn_cluster_init(&c, pod, NULL, chips, NULL, &why);

	if (r == 0)
		r = trn_predict_config_load("gpt-oss-120b", &config, &why);
	ck_assert_msg(r == 0, "%s", why.text);
	return c;
}

static struct trn_step_result step(const struct trn_cluster *c, uint32_t tp, uint32_t ep,
				   uint32_t pp, uint32_t batch)
{
	struct trn_step_request request = { .cluster = c,
					    .config = &config,
					    .tp = tp,
					    .ep = ep,
					    .pp = pp,
					    .batch = batch,
					    .context = 4096 };
	struct trn_predict_why why = { "" };
	struct trn_step_result result;
	int r = trn_step(&request, &result, &why);
	double sum = 0;

	ck_assert_msg(r == 0, "%s", why.text);
	for (uint32_t i = 0; i < result.piece_count; i++)
		sum += result.piece[i].seconds;
	ck_assert_double_eq_tol(sum, result.step_s, 1e-9 * sum);
	ck_assert_double_gt(result.mfu, 0);
	ck_assert_double_le(result.mfu, (double)c->params.mfu_percent / 100.0);
	return result;
}

START_TEST(training)
{
	struct trn_cluster c = cluster("trn3-ultraserver", 288);
	struct trn_step_result one = step(&c, 8, 1, 1, 1), four = step(&c, 8, 1, 1, 4);
	struct trn_step_result staged = step(&c, 8, 1, 2, 4), spread = step(&c, 8, 16, 1, 4);

	ck_assert_uint_eq(one.dp, 36);
	/* H 6.3: 30.8 GF a token and the attention. */
	ck_assert_double_ge(one.flops, 30.8e9 * 36 * 4096);
	ck_assert_double_le(one.flops, 36e9 * 36 * 4096);
	/* Gradients are the same for four sequences. */
	ck_assert_double_gt(four.mfu, one.mfu);
	ck_assert_double_lt(four.step_s, 4 * one.step_s);
	ck_assert_double_lt(staged.chip_bytes, four.chip_bytes);
	ck_assert_double_lt(spread.chip_bytes, four.chip_bytes);
	ck_assert_uint_eq(staged.dp, 18);
	/* 116.8 billion weights of 14 bytes. */
	ck_assert_double_eq_tol(one.state_bytes, 116.83e9 * 14, 1e10);
	ck_assert(one.summed);
	ck_assert_double_gt(one.gradients.cls[TRN_CLUSTER_NIC].bytes, 0);
}
END_TEST

START_TEST(decoding)
{
	struct trn_cluster c = cluster("trn3-ultraserver", 144);
	struct trn_step_request request = { .cluster = &c,
					    .config = &config,
					    .phase = TRN_STEP_DECODE,
					    .tp = 4,
					    .ep = 16,
					    .batch = 16,
					    .context = 4096,
					    .seed = 1 };
	struct trn_step_result wide, narrow;
	struct trn_predict_why why = { "" };

	ck_assert_msg(trn_step(&request, &wide, &why) == 0, "%s", why.text);
	request.ep = 1;
	ck_assert_msg(trn_step(&request, &narrow, &why) == 0, "%s", why.text);
	ck_assert_double_eq(wide.tokens, 16 * 36);
	ck_assert_double_lt(wide.chip_bytes, narrow.chip_bytes);
	ck_assert_double_gt(wide.tokens_per_s, 0);
	ck_assert_uint_eq(wide.piece_count, 3);
	ck_assert_uint_eq(narrow.piece_count, 2);
}
END_TEST

START_TEST(bad_steps)
{
	static const struct {
		uint32_t tp, ep, pp, batch, context;
		int code;
		const char *why;
	} rows[] = {
		{ 1, 1, 1, 1, 4096, -ENOSPC, "more --tp" },
		{ 8, 1, 1, 0, 4096, -EINVAL, "batch" },
		{ 8, 1, 1, 1, 0, -EINVAL, "context" },
		{ 8, 1, 1, 1, 1 << 20, -EINVAL, "context" },
		{ 8, 12, 1, 1, 4096, -EINVAL, "multiple of the other" },
		{ 8, 256, 1, 1, 4096, -EINVAL, "experts" },
		{ 8, 1, 37, 1, 4096, -EINVAL, "stages" },
		{ 7, 1, 1, 1, 4096, -EINVAL, "no multiple" },
		{ 288, 1, 1, 1, 4096, -EINVAL, "more than a pod" },
	};
	struct trn_cluster c = cluster("trn3-ultraserver", 288);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trn_step_request request = { .cluster = &c,
						    .config = &config,
						    .tp = rows[i].tp,
						    .ep = rows[i].ep,
						    .pp = rows[i].pp,
						    .batch = rows[i].batch,
						    .context = rows[i].context };
		struct trn_predict_why why = { "" };
		struct trn_step_result result;

		ck_assert_int_eq(trn_step(&request, &result, &why), rows[i].code);
		ck_assert_msg(strstr(why.text, rows[i].why) != NULL, "%s", why.text);
	}
}
END_TEST

/* ---- failures ---- */

static struct trn_goodput goodput(const struct trn_cluster *c, double bytes, double interval,
				  uint32_t spares)
{
	struct trn_goodput_request request = { .cluster = c,
					       .state_bytes = bytes,
					       .interval_s = interval,
					       .spares = spares,
					       .seed = trn_test_seed() };
	struct trn_predict_why why = { "" };
	struct trn_goodput g;

	ck_assert_int_eq(trn_goodput(&request, &g, &why), 0);
	ck_assert_double_eq_tol(g.simulated + g.checkpointing + g.lost + g.restarting + g.waiting,
				1, 1e-6);
	return g;
}

START_TEST(intervals)
{
	struct trn_cluster c = cluster("trn3-ultraserver", 14400);
	double bytes = 14400 * 60e9; /* a minute at 1 GB/s */
	struct trn_goodput best = goodput(&c, bytes, 0, TRN_GOODPUT_AUTO);

	/* 14,400 chips and 100 pods. */
	ck_assert_double_eq_tol(best.mtbf_s, 3600 / (14400 / 50000.0 + 100 / 20000.0), 1);
	ck_assert_double_eq_tol(best.checkpoint_s, 60, 1e-9);
	ck_assert_double_eq_tol(best.young_s, sqrt(2 * 60 * best.mtbf_s), 1e-6);
	ck_assert_double_eq_tol(best.daly_s, best.young_s, 0.1 * best.young_s);
	ck_assert_uint_ge(best.failures, 4000);
	ck_assert_double_eq_tol(best.simulated, best.expected, 0.02);
	ck_assert_double_gt(best.expected, goodput(&c, bytes, best.daly_s * 3, 50).expected);
	ck_assert_double_gt(best.expected, goodput(&c, bytes, best.daly_s / 3, 50).expected);
	ck_assert_double_gt(best.simulated, goodput(&c, bytes, best.daly_s * 4, 50).simulated);
	ck_assert_double_gt(best.simulated, goodput(&c, bytes, best.daly_s / 4, 50).simulated);
}
END_TEST

START_TEST(spare_pods)
{
	struct trn_cluster c = cluster("trn3-ultraserver", 144000);
	double before = 0;

	for (uint32_t spares = 0; spares < 130; spares += 30) {
		struct trn_goodput g = goodput(&c, 1e12, 0, spares);

		ck_assert_double_ge(g.simulated, before - 0.02);
		before = g.simulated;
		if (spares == 0)
			ck_assert_double_gt(g.waiting, 0.5);
	}
	ck_assert_double_eq_tol(before, goodput(&c, 1e12, 0, TRN_GOODPUT_AUTO).simulated, 0.02);
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-step");
	TCase *tc = tcase_create("step");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, training);
	tcase_add_test(tc, decoding);
	tcase_add_test(tc, bad_steps);
	tcase_add_test(tc, intervals);
	tcase_add_test(tc, spare_pods);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
