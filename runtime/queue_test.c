/* SPDX-License-Identifier: Apache-2.0 */
/* Queues against a scripted device: order, references, errors, resets. */
#include "base/test_main.h"
#include "runtime/private.h"
#include "runtime/test_hal.h"

START_TEST(smoke)
{
	struct trn_context *context;
	struct trn_device *device;
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch;
	uint64_t sequence;

	trn_test_hal_init();
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	ck_assert_int_eq(trn_device_open(context, "test:0", trn_deadline_in(1000000000), &device),
			 0);
	ck_assert_int_eq(trn_timeline_create(device, 0, &timeline), 0);
	ck_assert_int_eq(trn_queue_create(device, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 8, &batch), 0);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 3), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, &sequence), 0);
	ck_assert_uint_eq(sequence, 2);
	ck_assert_int_eq(trn_timeline_wait(timeline, 3, trn_deadline_in(1000000000)), 0);
	ck_assert_int_eq(trn_queue_wait(queue, 2, 0), 0);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(timeline);
	trn_device_unref(device);
	trn_context_unref(context);
}
END_TEST

static Suite *queue_suite(void)
{
	Suite *suite = suite_create("runtime-queue");
	TCase *tc = tcase_create("queue");

	tcase_add_test(tc, smoke);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(queue_suite)
