/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines: words in pinned memory, signals, and every way a wait can end. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>

static struct trn_timeline *timeline_of(struct trn_rig *rig, uint64_t value)
{
	struct trn_timeline *timeline = NULL;

	ck_assert_int_eq(trn_timeline_create(rig->device, value, &timeline), 0);
	return timeline;
}

START_TEST(value_only_grows)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	timeline = timeline_of(&rig, 7);
	ck_assert_uint_eq(trn_timeline_value(timeline), 7);
	ck_assert_int_eq(trn_timeline_signal(timeline, 9), 0);
	ck_assert_int_eq(trn_timeline_signal(timeline, 8), 0);
	ck_assert_uint_eq(trn_timeline_value(timeline), 9);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_SIGNAL], 2);
	ck_assert_int_eq(trn_timeline_wait(timeline, 9, TRN_DEADLINE_NOW), 0);
	ck_assert_int_eq(trn_timeline_signal(timeline, UINT64_MAX), 0);
	ck_assert_int_eq(trn_timeline_wait(timeline, UINT64_MAX, TRN_DEADLINE_NOW), 0);
	trn_test_hal.fail[TRN_TEST_SIGNAL] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), -TRN_EDEVLOST);
	ck_assert_ptr_eq(trn_timeline_ref(timeline), timeline);
	trn_timeline_unref(timeline);
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(words_are_a_cache_line_apart_and_reused)
{
	struct trn_timeline *timelines[65];
	uint64_t second;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	for (int i = 0; i < 64; i++) {
		timelines[i] = timeline_of(&rig, (uint64_t)i);
		for (int j = 0; j < i; j++) {
			uint64_t a = timelines[i]->address, b = timelines[j]->address;

			ck_assert_uint_ge(a > b ? a - b : b - a, 64);
		}
	}
	ck_assert_uint_eq(trn_test_hal.live_mem, 1); /* 64 in a page */
	second = timelines[1]->address;
	trn_timeline_unref(timelines[1]);
	timelines[1] = timeline_of(&rig, 1);
	ck_assert_uint_eq(timelines[1]->address, second);
	timelines[64] = timeline_of(&rig, 64);
	ck_assert_uint_eq(trn_test_hal.live_mem, 2);
	for (int i = 0; i < 65; i++) {
		ck_assert_uint_eq(trn_timeline_value(timelines[i]), (uint64_t)i);
		trn_timeline_unref(timelines[i]);
	}
	trn_rig_down(&rig);
}
END_TEST

START_TEST(creation_failures)
{
	struct trn_timeline *timeline = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_timeline_create(NULL, 0, &timeline), -EINVAL);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, NULL), -EINVAL);
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -ENOMEM;
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "pinned");
	ck_assert_ptr_null(timeline);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(nothing_pending_ends_at_once)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	timeline = timeline_of(&rig, 2);
	ck_assert_int_eq(trn_timeline_wait(timeline, 3, TRN_DEADLINE_NEVER), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "idle: nothing is pending that could raise 2 to 3");
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(deadline_passes)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	trn_test_hal.dead = true;
	timeline = timeline_of(&rig, 0);
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, TRN_DEADLINE_NOW), -ETIMEDOUT);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_PROGRESS], 0); /* only looks */
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_REG], 0);
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, trn_deadline_in(1000000)), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "value is 0, wanted 1");
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(device_that_is_gone)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	timeline = timeline_of(&rig, 0);
	/* The wait ran out because the device is not there any more. */
	trn_test_hal.dead = true;
	trn_test_hal.fail[TRN_TEST_REG] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, trn_deadline_in(1000000)), -TRN_EDEVLOST);
	trn_rig_expect(&rig, -TRN_EDEVLOST, "device is lost");
	ck_assert(atomic_load(&rig.device->lost));
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(progress_that_fails)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	timeline = timeline_of(&rig, 0);
	trn_test_hal.fail[TRN_TEST_PROGRESS] = -EIO;
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, SOON), -EIO);
	trn_rig_expect(&rig, -EIO, "scripted");
	trn_test_hal.fail[TRN_TEST_PROGRESS] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, SOON), -TRN_EDEVLOST);
	ck_assert(atomic_load(&rig.device->lost));
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

/* A queue that stops before its signal ends the wait in its own error. */
START_TEST(broken_promise)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_timeline *promised, *other;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	promised = timeline_of(&rig, 0);
	other = timeline_of(&rig, 0);
	queue = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_signal(batch, promised, 1), 0);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	ck_assert_int_eq(trn_batch_signal(batch, promised, 5), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	trn_test_hal.error_at = 2;
	trn_test_hal.error = (struct trn_ext_status){ .error = TRN_EXT_ERR_INJECTED };
	trn_test_hal.never_idle = _i == 1; /* found while the wait goes on, too */
	/* Long before the deadline, or Check ends the test. */
	ck_assert_int_eq(trn_timeline_wait(promised, 5, trn_deadline_in(UINT64_C(60000000000))),
			 -EIO);
	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_str_eq(error.operation, "nop");
	ck_assert_int_eq(error.command, 1);
	ck_assert_int_eq(error.queue, 0);
	ck_assert_int_eq(trn_timeline_wait(promised, 1, 0), 0); /* was kept */
	/* Nobody promised these. */
	ck_assert_int_eq(trn_timeline_wait(promised, 6, trn_deadline_in(1000000)), -ETIMEDOUT);
	ck_assert_int_eq(trn_timeline_wait(other, 1, trn_deadline_in(1000000)), -ETIMEDOUT);
	/* What is dropped stays broken, until it is promised anew. */
	ck_assert_int_eq(trn_queue_reset(queue, SOON), 0);
	ck_assert_int_eq(trn_timeline_wait(promised, 5, trn_deadline_in(1000000)), -EIO);
	ck_assert_int_eq(trn_timeline_error(promised, &error), 0);
	ck_assert_int_eq(error.command, 1);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_int_eq(trn_timeline_error(promised, &error), -ENOENT);
	ck_assert_int_eq(trn_timeline_wait(promised, 5, SOON), 0);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(promised);
	trn_timeline_unref(other);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(reset_device_breaks_promises)
{
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	timeline = timeline_of(&rig, 0);
	queue = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 1), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_int_eq(trn_device_reset(rig.device, 0, SOON), 0);
	trn_test_hal.dead = true; /* the queue does not run any more */
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, trn_deadline_in(100000000)), -TRN_ERESET);
	trn_rig_expect(&rig, -TRN_ERESET, "the device was reset");
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

static Suite *timeline_suite(void)
{
	Suite *suite = suite_create("runtime-timeline");
	TCase *tc = tcase_create("timeline");

	tcase_add_test(tc, value_only_grows);
	tcase_add_test(tc, words_are_a_cache_line_apart_and_reused);
	tcase_add_test(tc, creation_failures);
	tcase_add_test(tc, nothing_pending_ends_at_once);
	tcase_add_test(tc, deadline_passes);
	tcase_add_test(tc, device_that_is_gone);
	tcase_add_test(tc, progress_that_fails);
	tcase_add_loop_test(tc, broken_promise, 0, 2);
	tcase_add_test(tc, reset_device_breaks_promises);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(timeline_suite)
