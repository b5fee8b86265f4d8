// SPDX-License-Identifier: Apache-2.0
/* The reference decoder against cases small enough to work out by hand. */
#include <math.h>
#include <stdarg.h>
#include "base/test_main.h"
#include "decode.h"

static struct decode_weights weights;
static struct decode_ref *ref;

/* A decoder whose weights are all zero but for unit norms and a head that shows x: the
 * embedding of token 0 is (3, 4), of token 1 (0, 1), of token 2 (1, 0). */
static void plain_make(const struct decode_config *config)
{
	static const float embed[] = { 3, 4, 0, 1, 1, 0 }, head[] = { 1, 0, 0, 1, 0, 0 };
	struct decode_why why;

	ck_assert_int_eq(decode_weights_seed(config, 1, &weights, &why), 0);
	for (unsigned int which = 0; which < DECODE_WEIGHT_COUNT; which++) {
		bool one = which == DECODE_FINAL_NORM || which == DECODE_ATTN_NORM ||
			   which == DECODE_MLP_NORM;

		for (uint64_t i = 0; i < decode_weights_size(config, which); i++)
			weights.tensor[which][i] = decode_bf16_from_float(one ? 1.0f : 0.0f);
	}
	for (unsigned int i = 0; i < 6; i++) {
		weights.tensor[DECODE_EMBED][i] = decode_bf16_from_float(embed[i]);
		weights.tensor[DECODE_HEAD][i] = decode_bf16_from_float(head[i]);
	}
	ck_assert_int_eq(decode_ref_create(&weights, 3, &ref), 0);
}

static struct decode_config tiny(void)
{
	return (struct decode_config){ .vocab = 3,
				       .hidden = 2,
				       .layers = 1,
				       .heads = 1,
				       .kv_heads = 1,
				       .head_dim = 2,
				       .experts = 2,
				       .active = 1,
				       .intermediate = 1,
				       .window = 3,
				       .positions = 3,
				       .rope_theta = 10000,
				       .swiglu_limit = 7 };
}

static void set(enum decode_weight which, uint64_t count, ...)
{
	va_list args;

	va_start(args, count);
	for (uint64_t i = 0; i < count; i++)
		weights.tensor[which][i] = decode_bf16_from_float((float)va_arg(args, double));
	va_end(args);
}

static void step(uint32_t token, double *logits)
{
	ck_assert_int_eq(decode_ref_step(ref, token, NULL, logits), 0);
}

static void teardown(void)
{
	ref = decode_ref_destroy(ref);
	decode_weights_free(&weights);
}

START_TEST(norm_and_head)
{
	struct decode_config config = tiny();
	double logits[3];

	plain_make(&config);
	set(DECODE_FINAL_NORM, 2, 1.0, 2.0);
	step(0, logits); /* (3, 4) over sqrt(12.5), the second doubled */
	ck_assert_double_eq_tol(logits[0], 0.8485281374238570, 1e-14);
	ck_assert_double_eq_tol(logits[1], 2.2627416997969522, 1e-14);
	ck_assert_double_eq_tol(logits[2], 0, 1e-14);
}
END_TEST

START_TEST(sink_takes_its_share)
{
	struct decode_config config = tiny();
	double logits[3];

	plain_make(&config);
	set(DECODE_V_BIAS, 2, 1.0, -2.0);
	set(DECODE_O, 4, 1.0, 0.0, 0.0, 1.0);
	step(0, logits); /* one key and the sink, all scores 0: half of v */
	ck_assert_double_eq_tol(logits[0], 1.0737509843863184, 1e-14);
	ck_assert_double_eq_tol(logits[1], 0.9203579866168444, 1e-14);
	step(0, logits); /* two keys and the sink: two thirds of v */
	ck_assert_double_eq_tol(logits[0] / logits[1], (3 + 2.0 / 3) / (4 - 4.0 / 3), 1e-14);
}
END_TEST

START_TEST(even_layers_have_a_window)
{
	struct decode_config config = tiny();
	double logits[3];

	config.window = 1;
	plain_make(&config);
	set(DECODE_V_BIAS, 2, 1.0, -2.0);
	set(DECODE_O, 4, 1.0, 0.0, 0.0, 1.0);
	step(0, logits);
	step(0, logits); /* sees itself only: half of v again */
	ck_assert_double_eq_tol(logits[0] / logits[1], 3.5 / 3, 1e-14);
}
END_TEST

START_TEST(rotation_has_a_direction)
{
	struct decode_config config = tiny();
	double logits[3];

	plain_make(&config);
	set(DECODE_Q_BIAS, 2, 1.0, 0.0);
	set(DECODE_K_BIAS, 2, 0.0, 1.0);
	set(DECODE_V, 4, 1.0, 0.0, 0.0, 1.0);
	set(DECODE_O, 4, 1.0, 0.0, 0.0, 1.0);
	set(DECODE_SINKS, 1, -1e30);
	step(2, logits);
	step(1, logits); /* score sin(1)/sqrt(2) with the first key, 0 with its own */
	ck_assert_double_eq_tol(logits[0] / logits[1], 0.6065481557148447, 1e-14);
}
END_TEST

START_TEST(heads_share_keys_in_groups)
{
	struct decode_config config = tiny();
	double logits[3];

	config.heads = 4;
	config.kv_heads = 2;
	plain_make(&config);
	set(DECODE_V_BIAS, 4, 1.0, 1.0, 2.0, 2.0);
	weights.tensor[DECODE_O][2] = decode_bf16_from_float(1);     /* x0 takes head 1 */
	weights.tensor[DECODE_O][8 + 4] = decode_bf16_from_float(1); /* x1 takes head 2 */
	step(0, logits);
	ck_assert_double_eq_tol(logits[0] / logits[1], 3.5 / 5, 1e-14);
}
END_TEST

START_TEST(expert_is_chosen_and_clamped)
{
	struct decode_config config = tiny();
	struct decode_routing routing;
	double logits[3];

	plain_make(&config);
	set(DECODE_ROUTER_BIAS, 2, 0.5, 2.0);
	set(DECODE_GATE_UP_BIAS, 4, 0.0, 0.0, 10.0, -9.0); /* clamped to 7 and -7 */
	set(DECODE_DOWN, 4, 0.0, 0.0, 1.0, 2.0);
	set(DECODE_DOWN_BIAS, 4, 9.0, 9.0, 0.5, 0.0);
	step(0, logits);
	ck_assert_double_eq_tol(logits[0], -0.6132683164912653, 1e-14);
	ck_assert_double_eq_tol(logits[1], -1.2743241235996317, 1e-14);
	decode_ref_routing(ref, &routing);
	ck_assert_double_eq_tol(routing.margin, 1.5, 1e-14);
	ck_assert_uint_eq(routing.choices, 1);
}
END_TEST

START_TEST(two_experts_share_by_softmax)
{
	struct decode_config config = tiny();
	double logits[3], share = 1 / (1 + exp(-1.5));

	config.active = 2;
	plain_make(&config);
	set(DECODE_ROUTER_BIAS, 2, 0.5, 2.0);
	set(DECODE_DOWN_BIAS, 4, 1.0, 0.0, 0.0, 1.0); /* expert 0 feeds x0, expert 1 feeds x1 */
	step(0, logits);
	ck_assert_double_eq_tol(logits[0] / logits[1], (3 + 1 - share) / (4 + share), 1e-14);
}
END_TEST

START_TEST(device_is_followed)
{
	struct decode_config config = tiny();
	const uint32_t first = 0, second = 1, none = 2, twice[] = { 1, 1 };
	struct decode_routing routing;
	double logits[3];

	plain_make(&config);
	set(DECODE_ROUTER_BIAS, 2, 1.75, 2.0);
	set(DECODE_DOWN_BIAS, 4, 1.0, 0.0, 0.0, 1.0);
	ck_assert_int_eq(decode_ref_step(ref, 0, &second, logits), 0);
	ck_assert_double_eq_tol(logits[0] / logits[1], 3.0 / 5, 1e-14);
	decode_ref_routing(ref, &routing);
	ck_assert_uint_eq(routing.followed, 0);
	ck_assert_int_eq(decode_ref_step(ref, 0, &first, logits), 0);
	ck_assert_double_eq_tol(logits[0] / logits[1], 4.0 / 4, 1e-14);
	decode_ref_routing(ref, &routing);
	ck_assert_uint_eq(routing.followed, 1);
	ck_assert_double_eq_tol(routing.worst, 0.25, 1e-14);
	ck_assert_int_eq(decode_ref_step(ref, 0, &none, logits), -EINVAL);
	teardown();
	config.active = 2;
	plain_make(&config);
	ck_assert_int_eq(decode_ref_step(ref, 0, twice, logits), -EINVAL);
}
END_TEST

START_TEST(ends_are_refused)
{
	struct decode_config config = tiny();
	double logits[3];

	plain_make(&config);
	ck_assert_int_eq(decode_ref_step(ref, 3, NULL, logits), -EINVAL);
	for (unsigned int i = 0; i < 3; i++)
		step(0, logits);
	ck_assert_int_eq(decode_ref_step(ref, 0, NULL, logits), -ENOSPC);
}
END_TEST

static Suite *ref_suite(void)
{
	Suite *suite = suite_create("decode-ref");
	TCase *tcase = tcase_create("by hand");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, norm_and_head);
	tcase_add_test(tcase, sink_takes_its_share);
	tcase_add_test(tcase, even_layers_have_a_window);
	tcase_add_test(tcase, rotation_has_a_direction);
	tcase_add_test(tcase, heads_share_keys_in_groups);
	tcase_add_test(tcase, expert_is_chosen_and_clamped);
	tcase_add_test(tcase, two_experts_share_by_softmax);
	tcase_add_test(tcase, device_is_followed);
	tcase_add_test(tcase, ends_are_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(ref_suite)
