/* SPDX-License-Identifier: Apache-2.0 */
/* Reference counts, and handles that were given back already (checked builds). */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>

#define GRAVES_MAX 256 /* as in object.c */

START_TEST(weak_reference_only_while_alive)
{
	struct trn_object object;

	trn_object_init(&object, TRN_OBJECT_BUFFER, NULL);
	trn_object_ref(&object);
	ck_assert(!trn_object_unref(&object));
	ck_assert(trn_object_ref_live(&object));
	ck_assert(!trn_object_unref(&object));
	ck_assert(trn_object_unref(&object));
	ck_assert(!trn_object_ref_live(&object));
}
END_TEST

START_TEST(null_is_refused_everywhere)
{
	uint64_t word = 0;
	void *ptr;

	ck_assert_ptr_null(trn_device_ref(NULL));
	ck_assert_ptr_null(trn_buffer_ref(NULL));
	ck_assert_ptr_null(trn_queue_ref(NULL));
	ck_assert_ptr_null(trn_timeline_ref(NULL));
	ck_assert_ptr_null(trn_program_ref(NULL));
	ck_assert_ptr_null(trn_device_unref(NULL));
	ck_assert_ptr_null(trn_buffer_unref(NULL));
	ck_assert_ptr_null(trn_queue_unref(NULL));
	ck_assert_ptr_null(trn_timeline_unref(NULL));
	ck_assert_ptr_null(trn_program_unref(NULL));
	ck_assert_ptr_null(trn_batch_destroy(NULL));
	ck_assert_uint_eq(trn_buffer_size(NULL), 0);
	ck_assert_uint_eq(trn_buffer_address(NULL), 0);
	ck_assert_uint_eq(trn_timeline_value(NULL), 0);
	ck_assert_int_eq(trn_buffer_map(NULL, &ptr), -EINVAL);
	ck_assert_int_eq(trn_buffer_write(NULL, 0, &word, 8, 0), -EINVAL);
	ck_assert_int_eq(trn_buffer_read(NULL, 0, &word, 8, 0), -EINVAL);
	ck_assert_int_eq(trn_timeline_signal(NULL, 1), -EINVAL);
	ck_assert_int_eq(trn_timeline_wait(NULL, 1, 0), -EINVAL);
	ck_assert_int_eq(trn_queue_submit(NULL, NULL, 0, NULL), -EINVAL);
	ck_assert_int_eq(trn_queue_wait(NULL, 1, 0), -EINVAL);
	ck_assert_int_eq(trn_queue_drain(NULL, 0), -EINVAL);
	ck_assert_int_eq(trn_queue_reset(NULL, 0), -EINVAL);
	ck_assert_int_eq(trn_queue_error(NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_batch_nop(NULL), -EINVAL);
	ck_assert_int_eq(trn_batch_copy(NULL, NULL, 0, NULL, 0, 1), -EINVAL);
	ck_assert_int_eq(trn_batch_fill(NULL, NULL, 0, 1, 0), -EINVAL);
	ck_assert_int_eq(trn_batch_launch(NULL, NULL, 0, NULL, 0), -EINVAL);
	ck_assert_int_eq(trn_batch_wait(NULL, NULL, 0), -EINVAL);
	ck_assert_int_eq(trn_batch_signal(NULL, NULL, 0), -EINVAL);
	ck_assert_int_eq(trn_batch_timestamp(NULL, NULL, 0), -EINVAL);
	trn_batch_clear(NULL);
}
END_TEST

#if TRN_OBJECT_CHECKED

/* The handle is dead: the last call left a record and a line that say so. */
static void expect_dead(struct trn_rig *rig)
{
	trn_rig_expect(rig, -EINVAL, "already given back");
	ck_assert_msg(strstr(rig->log_last, "already given back") != NULL, "%s", rig->log_last);
	(void)trn_fail(rig->context, NULL, -EIO, "trn_other", "something else");
	rig->log_last[0] = '\0';
}

START_TEST(dead_buffer)
{
	struct trn_buffer *buffer, *other = NULL;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;
	void *ptr;

	trn_rig_up(&rig, 0);
	queue = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	buffer = trn_rig_buffer(&rig, TRN_BUFFER_HOST, 4096);
	trn_buffer_unref(buffer);
	trn_buffer_unref(buffer); /* double free */
	expect_dead(&rig);
	ck_assert_ptr_null(trn_buffer_ref(buffer));
	expect_dead(&rig);
	ck_assert_int_eq(trn_buffer_map(buffer, &ptr), -EINVAL);
	expect_dead(&rig);
	ck_assert_int_eq(trn_buffer_slice(buffer, 0, 1, &other), -EINVAL);
	expect_dead(&rig);
	ck_assert_uint_eq(trn_buffer_size(buffer), 0);
	expect_dead(&rig);
	ck_assert_int_eq(trn_batch_fill(batch, buffer, 0, 4, 0), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "given back");
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(dead_timeline_queue_batch)
{
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch, *after = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	queue = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	trn_timeline_unref(timeline);
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, 0), -EINVAL);
	expect_dead(&rig);
	ck_assert_int_eq(trn_batch_wait(batch, timeline, 1), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "given back");
	ck_assert_ptr_null(trn_batch_destroy(batch));
	ck_assert_ptr_null(trn_batch_destroy(batch));
	expect_dead(&rig);
	ck_assert_int_eq(trn_batch_nop(batch), -EINVAL);
	expect_dead(&rig);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), -EINVAL);
	expect_dead(&rig);
	trn_queue_unref(queue);
	trn_queue_unref(queue);
	expect_dead(&rig);
	ck_assert_int_eq(trn_batch_create(queue, 4, &after), -EINVAL);
	expect_dead(&rig);
	ck_assert_int_eq(trn_queue_drain(queue, 0), -EINVAL);
	expect_dead(&rig);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(dead_device)
{
	struct trn_device_info info = { .size = sizeof(info) };
	struct trn_device *second;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &second), 0);
	trn_device_unref(second);
	ck_assert_int_eq(trn_device_info(second, &info), -EINVAL);
	expect_dead(&rig);
	ck_assert_ptr_null(trn_device_unref(second));
	expect_dead(&rig);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(wrong_kind_of_handle)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), 0);
	ck_assert_int_eq(trn_batch_nop((struct trn_batch *)(void *)timeline), -EINVAL);
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(graveyard_is_bounded)
{
	struct trn_timeline *first, *last = NULL;
	struct trn_rig rig;
	long live;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &first), 0);
	trn_timeline_unref(first);
	for (int i = 1; i < GRAVES_MAX; i++) {
		ck_assert_int_eq(trn_timeline_create(rig.device, 0, &last), 0);
		trn_timeline_unref(last);
	}
	live = rig.mem.live;
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(trn_timeline_create(rig.device, 0, &last), 0);
		trn_timeline_unref(last);
	}
	ck_assert_int_eq(rig.mem.live, live);
	ck_assert_int_eq(trn_timeline_signal(last, 1), -EINVAL);
	expect_dead(&rig);
	trn_rig_down(&rig);
}
END_TEST

#endif /* TRN_OBJECT_CHECKED */

static Suite *object_suite(void)
{
	Suite *suite = suite_create("runtime-object");
	TCase *tc = tcase_create("object");

	tcase_add_test(tc, weak_reference_only_while_alive);
	tcase_add_test(tc, null_is_refused_everywhere);
#if TRN_OBJECT_CHECKED
	tcase_add_test(tc, dead_buffer);
	tcase_add_test(tc, dead_timeline_queue_batch);
	tcase_add_test(tc, dead_device);
	tcase_add_test(tc, wrong_kind_of_handle);
	tcase_add_test(tc, graveyard_is_bounded);
#endif
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(object_suite)
