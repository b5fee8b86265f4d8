/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: options, lifetime, log level, progress over all devices. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

START_TEST(version_is_the_headers)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d.%d.%d", TRN_VERSION_MAJOR, TRN_VERSION_MINOR,
		       TRN_VERSION_PATCH);
	ck_assert_str_eq(trn_version(), text);
}
END_TEST

START_TEST(bad_options_are_refused)
{
	static const struct trn_alloc hollow = { 0 };
	const struct trn_context_opts good = { .size = sizeof(good) };
	struct trn_context *context = NULL;
	struct trn_context_opts bad[4];

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].size = 1;
	bad[1].flags = 1u << 31;
	bad[2].log_level = (enum trn_log_level)9;
	bad[3].alloc = &hollow;
	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++)
		ck_assert_int_eq(trn_context_create(&bad[i], &context), -EINVAL);
	ck_assert_ptr_null(context);
	ck_assert_int_eq(trn_context_create(&good, NULL), -EINVAL);
	ck_assert_int_eq(trn_context_create(&good, &context), 0);
	ck_assert_ptr_eq(trn_context_ref(context), context);
	ck_assert_ptr_null(trn_context_unref(context));
	ck_assert_ptr_null(trn_context_unref(context));
	ck_assert_ptr_null(trn_context_unref(NULL));
	ck_assert_ptr_null(trn_context_ref(NULL));
}
END_TEST

START_TEST(no_memory)
{
	struct trn_context_opts opts = { .size = sizeof(opts) };
	struct trn_context *context = NULL;
	struct trn_test_alloc mem;

	trn_test_alloc_init(&mem, 0);
	opts.alloc = &mem.alloc;
	ck_assert_int_eq(trn_context_create(&opts, &context), -ENOMEM);
	ck_assert_ptr_null(context);
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(deadlines)
{
	uint64_t now = trn_deadline_in(0);

	ck_assert_uint_eq(trn_deadline_in(UINT64_MAX), TRN_DEADLINE_NEVER);
	ck_assert_uint_gt(now, 0);
	ck_assert_uint_ge(trn_deadline_in(1000), now + 1000);
}
END_TEST

START_TEST(log_level_reaches_open_devices)
{
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_context_log_level(rig.context, (enum trn_log_level)7), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "level 7");
	ck_assert_int_eq(trn_context_log_level(NULL, TRN_LOG_INFO), -EINVAL);
	ck_assert_int_eq(trn_context_log_level(rig.context, TRN_LOG_ERROR), 0);
	ck_assert_int_eq(atomic_load(&rig.device->hal_log.level), TRN_LOG_ERROR);
	ck_assert_int_eq(atomic_load(&rig.context->log.level), TRN_LOG_ERROR);
	rig.log_lines = 0;
	trn_rig_down(&rig); /* "closed" is at INFO */
	ck_assert_uint_eq(rig.log_lines, 0);
}
END_TEST

START_TEST(failures_are_logged_for_who_wants_to_know)
{
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_context_log_level(rig.context, TRN_LOG_DEBUG), 0);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, NULL), -EINVAL);
	ck_assert_msg(strstr(rig.log_last, "trn_timeline_create on test:0: EINVAL") != NULL, "%s",
		      rig.log_last);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(progress_steps_inline_devices)
{
	struct trn_device *second;
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &second), 0);
	ck_assert_int_eq(trn_context_progress(NULL), -EINVAL);
	ck_assert_int_eq(trn_context_progress(rig.context), -EAGAIN);
	queue = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), 0);
	ck_assert_int_eq(trn_batch_create(queue, 1, &batch), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 1), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_uint_eq(trn_timeline_value(timeline), 0);
	ck_assert_int_eq(trn_context_progress(rig.context), 0);
	ck_assert_uint_eq(trn_timeline_value(timeline), 1);
	ck_assert_int_eq(trn_context_progress(rig.context), -EAGAIN);
	trn_batch_destroy(batch);
	trn_timeline_unref(timeline);
	trn_queue_unref(queue);
	trn_device_unref(second);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(free_running_devices_are_left_alone)
{
	struct trn_rig rig;

	trn_rig_up(&rig, TRN_HAL_CAP_COMPUTE);
	ck_assert_int_eq(trn_context_progress(rig.context), -EAGAIN);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_PROGRESS], 0);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(context_lives_as_long_as_its_objects)
{
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	trn_context_unref(rig.context);
	ck_assert_int_eq(trn_context_progress(rig.device->object.context), -EAGAIN);
	trn_device_unref(rig.device);
	ck_assert_int_eq(rig.mem.live, 0);
}
END_TEST

static Suite *context_suite(void)
{
	Suite *suite = suite_create("runtime-context");
	TCase *tc = tcase_create("context");

	tcase_add_test(tc, version_is_the_headers);
	tcase_add_test(tc, bad_options_are_refused);
	tcase_add_test(tc, no_memory);
	tcase_add_test(tc, deadlines);
	tcase_add_test(tc, log_level_reaches_open_devices);
	tcase_add_test(tc, failures_are_logged_for_who_wants_to_know);
	tcase_add_test(tc, progress_steps_inline_devices);
	tcase_add_test(tc, free_running_devices_are_left_alone);
	tcase_add_test(tc, context_lives_as_long_as_its_objects);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(context_suite)
