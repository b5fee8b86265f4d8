/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts of H 3, and that the model's rates are those of H 1.3. */
#include <check.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "predict/headlines.h"

START_TEST(verdicts_are_those_of_the_facts)
{
	static const struct {
		const char *id;
		enum trn_predict_verdict verdict;
		double value;
	} rows[] = {
		{ "H1", TRN_PREDICT_FOLLOWS, 4.36 },      { "H1b", TRN_PREDICT_FOLLOWS_NOT, 2.26 },
		{ "H1c", TRN_PREDICT_NOT_PROVABLE, 4.5 }, { "H1d", TRN_PREDICT_FOLLOWS_NOT, 1.94 },
		{ "H2", TRN_PREDICT_FOLLOWS_NOT, 3.375 }, { "H2b", TRN_PREDICT_FOLLOWS, 3.80 },
		{ "H3", TRN_PREDICT_NOT_PROVABLE, 1.40 }, { "H3b", TRN_PREDICT_NOT_PROVABLE, 1.4 },
		{ "H4", TRN_PREDICT_FOLLOWS, 2.96 },      { "H5", TRN_PREDICT_NOT_PROVABLE, 3.41 },
		{ "H6", TRN_PREDICT_FOLLOWS, 10 },        { "H6b", TRN_PREDICT_FOLLOWS, 144 },
		{ "H7", TRN_PREDICT_FOLLOWS_NOT, 1.94 },  { "H8", TRN_PREDICT_FOLLOWS, 6 },
		{ "H8b", TRN_PREDICT_FOLLOWS, 3 },        { "H8c", TRN_PREDICT_FOLLOWS, 4 },
		{ "H9", TRN_PREDICT_FOLLOWS, 1.94 },      { "H10", TRN_PREDICT_FOLLOWS, 2 },
		{ "H10b", TRN_PREDICT_FOLLOWS, 2 },
	};
	struct trn_predict_claim claims[TRN_PREDICT_CLAIMS_MAX];
	struct trn_predict_why why;
	uint32_t count = 0;

	ck_assert_int_eq(trn_predict_headlines(false, 1, claims, &count, &why), 0);
	ck_assert_uint_eq(count, TRN_ARRAY_LEN(rows));
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_str_eq(claims[i].id, rows[i].id);
		ck_assert_msg(claims[i].verdict == rows[i].verdict, "%s", claims[i].id);
		ck_assert_double_eq_tol(claims[i].value, rows[i].value, 0.02);
		ck_assert(isnan(claims[i].measured));
		ck_assert_uint_gt(strlen(claims[i].arithmetic), 0);
	}
}
END_TEST

START_TEST(rates_of_a_chip)
{
	struct trn_predict_rates rates;
	struct trn_predict_why why = { "" };
	int r = trn_predict_rates("trn2", 1, &rates, &why);

	ck_assert_msg(r == 0, "%s", why.text);
	ck_assert_double_eq_tol(rates.bf16 * 1e-12, 629.1, 629.1 * 0.02);
	ck_assert_double_eq_tol(rates.f8 * 1e-12, 1258.3, 1258.3 * 0.02);
	ck_assert(isnan(rates.mx));
	/* Two cores share a stack: 2.9 TB/s, and less than their DMA engines could. */
	ck_assert_double_eq_tol(rates.hbm * 1e-12, 2.9, 2.9 * 0.02);
	ck_assert_int_eq(trn_predict_rates("trn3", 1, &rates, &why), 0);
	ck_assert_double_eq_tol(rates.bf16 * 1e-12, 629.1, 629.1 * 0.02);
	ck_assert_double_eq_tol(rates.mx * 1e-12, 2516.6, 2516.6 * 0.02);
	/* H 1.3: Trainium3 is bound by its DMA engines, 528 GB/s a core. */
	ck_assert_double_eq_tol(rates.hbm * 1e-12, 4.22, 4.22 * 0.02);
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-headlines");
	TCase *tc = tcase_create("headlines");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, verdicts_are_those_of_the_facts);
	tcase_add_test(tc, rates_of_a_chip);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
