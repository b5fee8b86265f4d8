/* SPDX-License-Identifier: Apache-2.0 */
/* Recording: what each command becomes, what it holds, what is refused. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>

struct setup {
	struct trn_rig rig;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_timeline *timeline;
	struct trn_buffer *hbm, *host;
	struct trn_program *program;
};

static void up(struct setup *s, uint32_t caps, uint32_t max)
{
	trn_rig_up(&s->rig, caps);
	s->queue = trn_rig_queue(&s->rig, 16);
	ck_assert_int_eq(trn_batch_create(s->queue, max, &s->batch), 0);
	ck_assert_int_eq(trn_timeline_create(s->rig.device, 0, &s->timeline), 0);
	s->hbm = trn_rig_buffer(&s->rig, TRN_BUFFER_HBM, 8192);
	s->host = trn_rig_buffer(&s->rig, TRN_BUFFER_HOST, 8192);
	s->program = trn_rig_program(&s->rig, 3);
}

static void down(struct setup *s)
{
	trn_program_unref(s->program);
	trn_buffer_unref(s->hbm);
	trn_buffer_unref(s->host);
	trn_batch_destroy(s->batch);
	trn_queue_unref(s->queue);
	trn_timeline_unref(s->timeline);
	trn_rig_down(&s->rig);
}

START_TEST(rows_want_a_device_that_moves_them)
{
	const struct trn_copy_shape shape = {
		.size = sizeof(shape), .bytes = 16, .rows = 4, .dst_pitch = 16, .src_pitch = 64
	};
	struct trn_buffer *src, *dst;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;

	trn_rig_up(&rig, TRN_HAL_CAP_COMPUTE | TRN_HAL_CAP_MAP_HBM | TRN_HAL_CAP_INLINE);
	src = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 4096);
	dst = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 4096);
	queue = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_batch_create(queue, 1, &batch), 0);
	ck_assert_int_eq(trn_batch_copy_nd(batch, dst, src, &shape), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "TRN_CAP_STRIDED");
	ck_assert_uint_eq(batch->count, 0);
	rig.device->info.caps |= TRN_HAL_CAP_STRIDED;
	ck_assert_int_eq(trn_batch_copy_nd(batch, dst, src, &shape), 0);
	trn_buffer_unref(src); /* the command holds both */
	trn_buffer_unref(dst);
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, SOON), 0);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(commands_as_the_device_reads_them)
{
	struct trn_arg args[2] = { { .offset = 8 }, { .scalar = 42 } };
	uint64_t hbm, host;
	struct setup s;

	up(&s, 0, 8);
	hbm = trn_buffer_address(s.hbm);
	host = trn_buffer_address(s.host);
	args[0].buffer = s.hbm;
	ck_assert_int_eq(trn_batch_nop(s.batch), 0);
	ck_assert_int_eq(trn_batch_copy(s.batch, s.hbm, 1, s.host, 2, 3), 0);
	ck_assert_int_eq(trn_batch_fill(s.batch, s.host, 4, 5, 0xabcdef), 0);
	ck_assert_int_eq(trn_batch_wait(s.batch, s.timeline, 6), 0);
	ck_assert_int_eq(trn_batch_signal(s.batch, s.timeline, 7), 0);
	ck_assert_int_eq(trn_batch_timestamp(s.batch, s.hbm, 16), 0);
	ck_assert_int_eq(trn_batch_launch(s.batch, s.program, 5, args, 2), 0);
	ck_assert_uint_eq(s.batch->count, 7);
	{
		const struct trn_ext_cmd want[] = {
			{ .op = TRN_CMD_NOP },
			{ .op = TRN_CMD_COPY, .a = { hbm + 1, host + 2, 3 } },
			{ .op = TRN_CMD_FILL, .a = { host + 4, 5, 0xabcdef } },
			{ .op = TRN_CMD_WAIT,
			  .a = { s.timeline->address, 6, s.timeline->address + 8 } },
			{ .op = TRN_CMD_SIGNAL, .a = { s.timeline->address, 7 } },
			{ .op = TRN_CMD_TIMESTAMP, .a = { hbm + 16 } },
			{ .op = TRN_CMD_LAUNCH, .a = { 0, 5 } },
		};

		ck_assert_mem_eq(s.batch->cmds, want, sizeof(want));
	}
	ck_assert_uint_eq(s.batch->entries[6].ref_count, 2);
	trn_batch_clear(s.batch);
	ck_assert_uint_eq(s.batch->count, 0);
	ck_assert_uint_eq(atomic_load(&s.hbm->object.refs), 1);
	down(&s);
}
END_TEST

START_TEST(launch_descriptor)
{
	struct trn_arg args[2] = { { .offset = 8 }, { .scalar = UINT64_MAX } };
	struct setup s;

	up(&s, 0, 8);
	args[0].buffer = s.hbm;
	ck_assert_int_eq(trn_batch_launch(s.batch, s.program, 5, args, 2), 0);
	args[0].bytes = 100;
	ck_assert_int_eq(trn_batch_launch(s.batch, s.program, 0, args, 2), 0);
	for (int i = 0; i < 20; i++) /* around the ring, over what was there */
		ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, NULL), 0);
	trn_program_unref(s.program); /* commands in flight hold it */
	ck_assert_int_eq(trn_queue_wait(s.queue, 39, SOON), 0);
	ck_assert_uint_eq(trn_test_hal.launch.arg_count, 35);
	ck_assert_uint_eq(trn_test_hal.launch.magic, TRN_EXT_MAGIC);
	ck_assert_uint_eq(trn_test_hal.args[0].value, trn_buffer_address(s.hbm) + 8);
	ck_assert_uint_eq(trn_test_hal.args[0].size, 8192 - 8);
	ck_assert_uint_eq(trn_test_hal.args[1].value, UINT64_MAX);
	ck_assert_uint_eq(trn_test_hal.args[1].size, 0);
	for (int i = 2; i < 32; i++)
		ck_assert_uint_eq(trn_test_hal.args[i].value | trn_test_hal.args[i].size, 0);
	ck_assert_uint_eq(trn_test_hal.args[34].value, 1002);
	ck_assert_int_eq(trn_queue_wait(s.queue, 40, SOON), 0);
	ck_assert_uint_eq(trn_test_hal.args[0].size, 100);
	/* Without sections the table ends with the arguments. */
	s.program = trn_rig_program(&s.rig, 0);
	trn_batch_clear(s.batch);
	ck_assert_int_eq(trn_batch_launch(s.batch, s.program, 0, args, 2), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	ck_assert_uint_eq(trn_test_hal.launch.arg_count, 2);
	down(&s);
}
END_TEST

START_TEST(bad_ranges)
{
	struct trn_buffer *slice;
	struct setup s;

	up(&s, 0, 8);
#define BAD(call, text)                                \
	do {                                           \
		ck_assert_int_eq(call, -EINVAL);       \
		trn_rig_expect(&s.rig, -EINVAL, text); \
	} while (0)
	BAD(trn_batch_copy(s.batch, NULL, 0, s.host, 0, 1), "NULL");
	BAD(trn_batch_copy(s.batch, s.hbm, 0, NULL, 0, 1), "NULL");
	BAD(trn_batch_copy(s.batch, s.hbm, 0, s.host, 0, 0), "length is 0");
	BAD(trn_batch_copy(s.batch, s.hbm, 8192, s.host, 0, 1), "not inside");
	BAD(trn_batch_copy(s.batch, s.hbm, 0, s.host, 1, 8192), "not inside");
	BAD(trn_batch_copy(s.batch, s.hbm, UINT64_MAX, s.host, 1, 2), "not inside");
	BAD(trn_batch_copy(s.batch, s.hbm, 0, s.hbm, 10, 11), "overlap");
	ck_assert_int_eq(trn_buffer_slice(s.hbm, 10, 100, &slice), 0);
	BAD(trn_batch_copy(s.batch, s.hbm, 0, slice, 0, 11), "overlap");
	ck_assert_int_eq(trn_batch_copy(s.batch, s.hbm, 0, slice, 0, 10), 0);
	trn_buffer_unref(slice);
	BAD(trn_batch_fill(s.batch, NULL, 0, 1, 0), "NULL");
	BAD(trn_batch_fill(s.batch, s.hbm, 8190, 3, 0), "not inside");
	BAD(trn_batch_timestamp(s.batch, s.hbm, 4), "aligned");
	BAD(trn_batch_timestamp(s.batch, s.hbm, 8192), "not inside");
	BAD(trn_batch_wait(s.batch, NULL, 1), "NULL");
	BAD(trn_batch_signal(s.batch, NULL, 1), "NULL");
	ck_assert_uint_eq(s.batch->count, 1);
	down(&s);
}
END_TEST

START_TEST(bad_launches)
{
	struct trn_arg good[2] = { { .offset = 0 }, { .scalar = 1 } }, args[2];
	struct setup s;

	up(&s, 0, 8);
	good[0].buffer = s.hbm;
	BAD(trn_batch_launch(s.batch, NULL, 0, good, 2), "program is NULL");
	BAD(trn_batch_launch(s.batch, s.program, 8, good, 2), "core is not there");
	BAD(trn_batch_launch(s.batch, s.program, 0, good, 1), "1 arguments given, prog wants 2");
	BAD(trn_batch_launch(s.batch, s.program, 0, NULL, 2), "0 arguments given");
#define BAD_ARG(text, ...)                                                   \
	do {                                                                 \
		memcpy(args, good, sizeof(args));                            \
		__VA_ARGS__;                                                 \
		BAD(trn_batch_launch(s.batch, s.program, 0, args, 2), text); \
	} while (0)
	BAD_ARG("argument 0 (input): a buffer is wanted", args[0].buffer = NULL);
	BAD_ARG("argument 0 (input): offset", args[0].offset = 8192);
	BAD_ARG("argument 0 (input): the range is not", args[0].bytes = 8193);
	BAD_ARG("argument 0 (input): the range is shorter", args[0].bytes = 99);
	BAD_ARG("argument 0 (input): the range is shorter", args[0].offset = 8192 - 99);
	BAD_ARG("argument 1 (count): a number", args[1].buffer = s.hbm);
	BAD_ARG("argument 1 (count): a number", args[1].bytes = 1);
	ck_assert_uint_eq(s.batch->count, 0);
	ck_assert_uint_eq(atomic_load(&s.hbm->object.refs), 1);
	down(&s);
}
END_TEST

START_TEST(other_devices_objects)
{
	struct trn_arg args[2] = { { .offset = 0 }, { .scalar = 1 } };
	struct trn_device *second;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct setup s;

	up(&s, 0, 8);
	args[0].buffer = s.hbm;
	ck_assert_int_eq(trn_device_open(s.rig.context, "test:1", SOON, &second), 0);
	ck_assert_int_eq(trn_queue_create(second, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	BAD(trn_batch_fill(batch, s.hbm, 0, 4, 0), "another device");
	ck_assert_int_eq(trn_batch_wait(batch, s.timeline, 0), -ENOTSUP);
	trn_rig_expect(&s.rig, -ENOTSUP, "trn_timeline_share()");
	BAD(trn_batch_launch(batch, s.program, 0, args, 2), "another device");
	s.program->device = second; /* so that the argument is looked at */
	BAD(trn_batch_launch(batch, s.program, 0, args, 2), "argument 0 (input): a buffer of");
	s.program->device = s.rig.device;
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_device_unref(second);
	down(&s);
}
END_TEST

START_TEST(full_batch)
{
	struct trn_arg args[2] = { { .offset = 0 }, { .scalar = 1 } };
	struct setup s;

	up(&s, 0, 1);
	args[0].buffer = s.hbm;
	ck_assert_int_eq(trn_batch_nop(s.batch), 0);
	ck_assert_int_eq(trn_batch_nop(s.batch), -ENOSPC);
	trn_rig_expect(&s.rig, -ENOSPC, "full");
	ck_assert_int_eq(trn_batch_copy(s.batch, s.hbm, 0, s.host, 0, 1), -ENOSPC);
	ck_assert_int_eq(trn_batch_fill(s.batch, s.hbm, 0, 1, 0), -ENOSPC);
	ck_assert_int_eq(trn_batch_wait(s.batch, s.timeline, 1), -ENOSPC);
	ck_assert_int_eq(trn_batch_signal(s.batch, s.timeline, 1), -ENOSPC);
	ck_assert_int_eq(trn_batch_timestamp(s.batch, s.hbm, 0), -ENOSPC);
	ck_assert_int_eq(trn_batch_launch(s.batch, s.program, 0, args, 2), -ENOSPC);
	down(&s);
}
END_TEST

START_TEST(what_the_device_cannot_do)
{
	struct trn_arg args[2] = { { .offset = 0 }, { .scalar = 1 } };
	struct setup s;

	up(&s, TRN_HAL_CAP_INLINE, 8);
	ck_assert_ptr_null(s.queue->launches); /* no memory for what cannot be */
	ck_assert_int_eq(trn_batch_launch(s.batch, s.program, 0, args, 2), -ENOTSUP);
	trn_rig_expect(&s.rig, -ENOTSUP, "TRN_CAP_COMPUTE");
	ck_assert_int_eq(trn_batch_timestamp(s.batch, s.hbm, 0), -ENOTSUP);
	trn_rig_expect(&s.rig, -ENOTSUP, "TRN_CAP_TIMESTAMP");
	down(&s);
}
END_TEST

#if TRN_OBJECT_CHECKED
START_TEST(dead_argument)
{
	struct trn_arg args[2] = { { .offset = 0 }, { .scalar = 1 } };
	struct setup s;

	up(&s, 0, 8);
	args[0].buffer = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, 4096);
	trn_buffer_unref(args[0].buffer);
	BAD(trn_batch_launch(s.batch, s.program, 0, args, 2), "argument 0 (input): the buffer was");
	down(&s);
}
END_TEST
#endif

static Suite *batch_suite(void)
{
	Suite *suite = suite_create("runtime-batch");
	TCase *tc = tcase_create("batch");

	tcase_add_test(tc, rows_want_a_device_that_moves_them);
	tcase_add_test(tc, commands_as_the_device_reads_them);
	tcase_add_test(tc, launch_descriptor);
	tcase_add_test(tc, bad_ranges);
	tcase_add_test(tc, bad_launches);
	tcase_add_test(tc, other_devices_objects);
	tcase_add_test(tc, full_batch);
	tcase_add_test(tc, what_the_device_cannot_do);
#if TRN_OBJECT_CHECKED
	tcase_add_test(tc, dead_argument);
#endif
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(batch_suite)
