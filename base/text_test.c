/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>
#include "base/test_main.h"

START_TEST(pieces)
{
	char buf[8];
	size_t used = trn_text_add(buf, sizeof(buf), 0, "%d", 12);

	ck_assert_uint_eq(used, 2);
	used = trn_text_add(buf, sizeof(buf), used, "%s", "abc");
	ck_assert_uint_eq(used, 5);
	ck_assert_str_eq(buf, "12abc");
}
END_TEST

START_TEST(what_does_not_fit)
{
	char buf[8];
	size_t used = trn_text_add(buf, sizeof(buf), 0, "%s", "1234567");

	ck_assert_uint_eq(used, 7); /* exactly full */
	used = trn_text_add(buf, sizeof(buf), used, "%s", "8");
	ck_assert_uint_eq(used, 7);
	ck_assert_str_eq(buf, "1234567");
	used = trn_text_add(buf, sizeof(buf), 5, "%s", "xyz");
	ck_assert_uint_eq(used, 7);
	ck_assert_str_eq(buf, "12345xy");
	/* Behind the end: nothing is written. */
	ck_assert_uint_eq(trn_text_add(buf, sizeof(buf), 99, "%s", "z"), 7);
	ck_assert_str_eq(buf, "12345xy");
	ck_assert_uint_eq(trn_text_add(buf, 1, 0, "%s", "z"), 0);
	ck_assert_str_eq(buf, "");
}
END_TEST

static Suite *text_suite(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");

	tcase_add_test(tcase, pieces);
	tcase_add_test(tcase, what_does_not_fit);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(text_suite)
