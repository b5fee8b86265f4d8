/* SPDX-License-Identifier: Apache-2.0 */
/* TRN_VALIDATE: what becomes of a URI, who may use a queue, what is left at the end. */
#include "runtime/test_rig.h"
#include "runtime/validate.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct trn_rig rig;

START_TEST(uris)
{
	static const struct {
		const char *setting, *uri, *becomes;
	} rows[] = {
		{ NULL, "null:", "null:" },
		{ "0", "null:", "null:" },
		{ "", "null:", "null:" },
		{ "1", "null:", "validate+null:" },
		{ "fatal", "null:", "validate(fatal)+null:" },
		{ "1", "record(file=x)+mock:trn3", "validate+record(file=x)+mock:trn3" },
		{ "fatal", "validate+null:", "validate+null:" },
		{ "1",
		  "a-name-that-does-not-fit-the-buffer:", "a-name-that-does-not-fit-the-buffer:" },
	};
	const char *got = NULL;
	char buf[40];

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		if (rows[i].setting)
			(void)setenv("TRN_VALIDATE", rows[i].setting, 1);
		else
			(void)unsetenv("TRN_VALIDATE");
		ck_assert_int_eq(trn_validate_uri(rows[i].uri, buf, sizeof(buf), &got), 0);
		ck_assert_str_eq(got, rows[i].becomes);
	}
	(void)setenv("TRN_VALIDATE", "yes", 1);
	ck_assert_int_eq(trn_validate_uri("null:", buf, sizeof(buf), &got), -EINVAL);
}
END_TEST

START_TEST(a_setting_that_is_none)
{
	struct trn_context *context = NULL;
	struct trn_device *device = NULL;

	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	(void)setenv("TRN_VALIDATE", "yes", 1);
	ck_assert_int_eq(trn_device_open(context, "mock:trn3", SOON, &device), -EINVAL);
	ck_assert_ptr_null(device);
	(void)trn_context_unref(context);
}
END_TEST

static __attribute__((noinline)) struct trn_buffer *forgetful(void)
{
	return trn_rig_buffer(&rig, TRN_BUFFER_HOST, 100);
}

START_TEST(what_is_left)
{
	struct trn_buffer *buffer;

	trn_rig_up(&rig, 0);
	(void)setenv("TRN_VALIDATE", "1", 1); /* the scripted device has no hooks */
	buffer = forgetful();
	trn_live_report();
	ck_assert_ptr_nonnull(strstr(rig.log_last, "validate: leaked-object: a buffer made by "));
	ck_assert_uint_eq(rig.log_lines, 1);
	(void)trn_buffer_unref(buffer);
	rig.log_lines = 0;
	trn_live_report();
	ck_assert_uint_eq(rig.log_lines, 0);
	trn_rig_down(&rig);
	trn_live_report(); /* nothing: the context that it would be logged to is gone */
}
END_TEST

START_TEST(nothing_is_kept_unasked)
{
	(void)unsetenv("TRN_VALIDATE");
	trn_rig_up(&rig, 0);
	trn_live_report();
	ck_assert_uint_eq(rig.log_lines, 0);
	trn_rig_down(&rig);
}
END_TEST

static Suite *validate_suite(void)
{
	Suite *suite = suite_create("validate");
	TCase *tc = tcase_create("validate");

	tcase_add_test(tc, uris);
	tcase_add_test(tc, a_setting_that_is_none);
	tcase_add_test(tc, what_is_left);
	tcase_add_test(tc, nothing_is_kept_unasked);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(validate_suite)
