/* SPDX-License-Identifier: Apache-2.0 */
/* H 3.1: the roofline's table, and what requests are refused. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "predict/predict.h"

static struct trn_predict_config config;

static void setup(void)
{
	struct trn_predict_why why;

	ck_assert_int_eq(trn_predict_config_load("gpt-oss-120b", &config, &why), 0);
}

static double step_ms(const char *gen, uint32_t batch, double *ret_gb)
{
	struct trn_predict_request request = { .config = &config,
					       .gen = gen,
					       .batch = batch,
					       .context = 4096,
					       .chip_equivalent = true };
	struct trn_predict_roofline roofline;
	struct trn_predict_why why;

	ck_assert_int_eq(trn_predict_request_check(&request, &why), 0);
	ck_assert_uint_eq(request.chips, 1);
	ck_assert_int_eq(trn_predict_roofline(&request, &roofline, &why), 0);
	*ret_gb = (roofline.weight_bytes + roofline.kv_bytes) * 1e-9;
	return roofline.step_s * 1e3;
}

START_TEST(the_published_table)
{
	static const struct {
		uint32_t batch;
		double gb2, ms2, gb3, ms3, ratio;
	} rows[] = {
		{ 1, 10.42, 3.592, 5.16, 1.052, 3.41 },   { 4, 31.07, 10.71, 10.98, 2.242, 4.78 },
		{ 16, 96.92, 33.42, 29.85, 6.092, 5.49 }, { 64, 212.3, 73.2, 65.99, 13.47, 5.44 },
		{ 256, 272.2, 93.9, 103.9, 21.2, 4.43 },  { 1024, 391.9, 135.1, 223.5, 45.6, 2.96 },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		double gb, ms2 = step_ms("trn2", rows[i].batch, &gb), ms3;

		ck_assert_double_eq_tol(gb / rows[i].gb2, 1, 2e-3);
		ck_assert_double_eq_tol(ms2 / rows[i].ms2, 1, 2e-3);
		ms3 = step_ms("trn3", rows[i].batch, &gb);
		ck_assert_double_eq_tol(gb / rows[i].gb3, 1, 2e-3);
		ck_assert_double_eq_tol(ms3 / rows[i].ms3, 1, 4e-3);
		ck_assert_double_eq_tol(ms2 / ms3, rows[i].ratio, 0.02);
	}
}
END_TEST

START_TEST(the_smallest_number_of_chips)
{
	struct trn_predict_request request = {
		.config = &config, .gen = "trn2", .batch = 1, .context = 4096
	};
	struct trn_predict_why why;

	/* H 6.2: at least 3, and numbers are powers of two. */
	ck_assert_int_eq(trn_predict_request_check(&request, &why), 0);
	ck_assert_uint_eq(request.chips, 4);
	request.chips = 2;
	ck_assert_int_eq(trn_predict_request_check(&request, &why), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(why.text, "it needs 4"));
	request.gen = "trn3";
	request.chips = 0;
	ck_assert_int_eq(trn_predict_request_check(&request, &why), 0);
	ck_assert_uint_eq(request.chips, 1);
}
END_TEST

START_TEST(requests_are_checked)
{
	static const struct {
		const char *gen;
		uint32_t batch, context, chips;
		bool equivalent;
		const char *line;
	} rows[] = {
		{ "trn1", 1, 1, 0, false, "no generation \"trn1\"" },
		{ "trn2", 0, 1, 0, false, "batch must be 1 to" },
		{ "trn2", 65537, 1, 0, false, "batch must be 1 to" },
		{ "trn2", 1, 0, 0, false, "context must be 1 to 131072" },
		{ "trn2", 1, 131073, 0, false, "context must be 1 to 131072" },
		{ "trn2", 1, 1, 6, false, "power of two" },
		{ "trn2", 1, 1, 2048, false, "power of two" },
		{ "trn2", 1, 1, 2, true, "a chip equivalent has one chip" },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct trn_predict_request request = { .config = &config,
						       .gen = rows[i].gen,
						       .batch = rows[i].batch,
						       .context = rows[i].context,
						       .chips = rows[i].chips,
						       .chip_equivalent = rows[i].equivalent };
		struct trn_predict_why why = { "" };

		ck_assert_int_eq(trn_predict_request_check(&request, &why), -EINVAL);
		ck_assert_msg(strstr(why.text, rows[i].line) != NULL, "%s", why.text);
	}
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-roofline");
	TCase *tc = tcase_create("roofline");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, the_published_table);
	tcase_add_test(tc, the_smallest_number_of_chips);
	tcase_add_test(tc, requests_are_checked);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
