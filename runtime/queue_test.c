/* SPDX-License-Identifier: Apache-2.0 */
/* Queues against a scripted device: order, one doorbell, room, references,
 * every device error, resets, the owner. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define DEPTH 16u

struct setup {
	struct trn_rig rig;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_timeline *timeline;
};

static void up(struct setup *s, uint32_t caps)
{
	trn_rig_up(&s->rig, caps);
	s->queue = trn_rig_queue(&s->rig, DEPTH);
	ck_assert_int_eq(trn_batch_create(s->queue, DEPTH, &s->batch), 0);
	ck_assert_int_eq(trn_timeline_create(s->rig.device, 0, &s->timeline), 0);
}

static void down(struct setup *s)
{
	trn_batch_destroy(s->batch);
	trn_queue_unref(s->queue);
	trn_timeline_unref(s->timeline);
	trn_rig_down(&s->rig);
}

static void nops(struct setup *s, uint32_t count)
{
	trn_batch_clear(s->batch);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(trn_batch_nop(s->batch), 0);
}

START_TEST(bad_options_are_refused)
{
	static const uint32_t depths[] = { 1, 8, 15, 17, 65535, 131072, UINT32_MAX };
	struct trn_queue_opts opts = { .size = sizeof(opts) };
	struct trn_queue *queue = NULL;
	struct trn_batch *batch = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	for (size_t i = 0; i < TRN_ARRAY_LEN(depths); i++) {
		opts.depth = depths[i];
		ck_assert_int_eq(trn_queue_create(rig.device, &opts, &queue), -EINVAL);
		trn_rig_expect(&rig, -EINVAL, "depth");
	}
	opts.depth = 0;
	opts.core = 8;
	ck_assert_int_eq(trn_queue_create(rig.device, &opts, &queue), -EINVAL);
	opts.size = 1;
	ck_assert_int_eq(trn_queue_create(rig.device, &opts, &queue), -EINVAL);
	ck_assert_int_eq(trn_queue_create(rig.device, NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_queue_create(NULL, NULL, &queue), -EINVAL);
	ck_assert_ptr_null(queue);
	ck_assert_int_eq(trn_queue_create(rig.device, NULL, &queue), 0);
	ck_assert_uint_eq(queue->depth, 256);
	ck_assert_int_eq(trn_batch_create(queue, 0, &batch), -EINVAL);
	ck_assert_int_eq(trn_batch_create(queue, 257, &batch), -EINVAL);
	ck_assert_int_eq(trn_batch_create(queue, 1, NULL), -EINVAL);
	ck_assert_ptr_null(batch);
	trn_queue_unref(queue);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(creation_failures)
{
	struct trn_queue *queues[TRN_TEST_QUEUES], *more = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	for (uint32_t i = 0; i < TRN_TEST_QUEUES; i++)
		queues[i] = trn_rig_queue(&rig, 16);
	ck_assert_int_eq(trn_queue_create(rig.device, NULL, &more), -ENOSPC);
	trn_rig_expect(&rig, -ENOSPC, "opening a queue");
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -ENOMEM;
	ck_assert_int_eq(trn_queue_create(rig.device, NULL, &more), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "256 commands");
	ck_assert_ptr_null(more);
	/* The first one made sits last in the device's list. */
	for (uint32_t i = 0; i < TRN_TEST_QUEUES; i++)
		trn_queue_unref(queues[i]);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(one_doorbell_for_a_batch_and_commands_in_order)
{
	uint64_t sequence = 0;
	struct setup s;

	up(&s, 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), 0); /* empty */
	ck_assert_uint_eq(sequence, 0);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_QUEUE_KICK], 0);
	for (uint64_t i = 1; i <= 10; i++)
		ck_assert_int_eq(trn_batch_signal(s.batch, s.timeline, i), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), 0);
	ck_assert_uint_eq(sequence, 10);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_QUEUE_KICK], 1);
	for (uint64_t i = 1; i <= 10; i++) {
		ck_assert_int_eq(trn_queue_wait(s.queue, i, SOON), 0);
		ck_assert_uint_eq(trn_timeline_value(s.timeline), i);
	}
	ck_assert_int_eq(trn_queue_wait(s.queue, 0, 0), 0);
	ck_assert_int_eq(trn_queue_wait(s.queue, 11, 0), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "never submitted");
	ck_assert_int_eq(trn_queue_drain(s.queue, 0), 0);
	ck_assert_ptr_eq(trn_queue_ref(s.queue), s.queue);
	trn_queue_unref(s.queue);
	down(&s);
}
END_TEST

START_TEST(batch_may_be_submitted_again_while_in_flight)
{
	uint64_t sequence;
	struct setup s;

	up(&s, 0);
	nops(&s, 5);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), 0);
	ck_assert_uint_eq(sequence, 15);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), -EAGAIN);
	trn_rig_expect(&s.rig, -EAGAIN, "has room for 1 commands, the batch has 5");
	ck_assert_uint_eq(sequence, 15);
	/* A deadline lets the device make room. */
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	ck_assert_uint_eq(trn_test_hal.executed, 515);
	down(&s);
}
END_TEST

START_TEST(no_room_for_ever)
{
	struct setup s;
	uint32_t looks;

	up(&s, 0);
	nops(&s, DEPTH - 1);
	ck_assert_int_eq(trn_batch_wait(s.batch, s.timeline, 1), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_wait(s.queue, DEPTH - 1, SOON), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, TRN_DEADLINE_NEVER, NULL), -ETIMEDOUT);
	trn_rig_expect(&s.rig, -ETIMEDOUT, "idle: queue 0 has room for 15");
	ck_assert_int_eq(trn_queue_wait(s.queue, DEPTH, TRN_DEADLINE_NEVER), -ETIMEDOUT);
	trn_rig_expect(&s.rig, -ETIMEDOUT, "idle: queue 0 has finished 15 commands, 16 wanted");
	trn_test_hal.never_idle = true;
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, trn_deadline_in(1000000), NULL),
			 -ETIMEDOUT);
	ck_assert_int_eq(trn_queue_wait(s.queue, DEPTH, trn_deadline_in(1000000)), -ETIMEDOUT);
	looks = trn_test_hal.calls[TRN_TEST_REG];
	ck_assert_int_eq(trn_queue_wait(s.queue, DEPTH, TRN_DEADLINE_NOW), -ETIMEDOUT);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_REG], looks); /* a poll costs no register */
	ck_assert_int_eq(trn_timeline_signal(s.timeline, 1), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	down(&s);
}
END_TEST

START_TEST(sequences_pass_two_to_the_32)
{
	const uint64_t far = (UINT64_C(1) << 32) - 8;
	uint64_t sequence;
	struct setup s;

	up(&s, 0);
	/* As if so many had run: device and runtime agree on the low half. */
	atomic_store(&s.queue->submitted, far);
	atomic_store(&s.queue->completed, far);
	s.queue->hal->tail = (uint32_t)far;
	((struct trn_ext_status *)(uintptr_t)s.queue->hal->status)->head = (uint32_t)far;
	nops(&s, 5);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, &sequence), 0);
		ck_assert_uint_eq(sequence, far + 5 * (uint64_t)(i + 1));
	}
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	ck_assert_uint_eq(trn_test_hal.executed, 50);
	trn_test_hal.error_at = 53;
	trn_test_hal.error.error = TRN_EXT_ERR_INJECTED;
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_wait(s.queue, sequence, SOON), -EIO);
	ck_assert_int_eq(trn_queue_wait(s.queue, sequence - 3, SOON), 0);
	ck_assert_int_eq(s.queue->error.command, (int64_t)(far + 52));
	down(&s);
}
END_TEST

START_TEST(references_live_as_long_as_the_commands)
{
	struct trn_buffer *a, *b;
	struct setup s;

	up(&s, 0);
	a = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, 4096);
	b = trn_rig_buffer(&s.rig, TRN_BUFFER_HOST, 4096);
	ck_assert_int_eq(trn_buffer_write(a, 0, "payload", 8, SOON), 0);
	ck_assert_int_eq(trn_batch_copy(s.batch, b, 8, a, 0, 8), 0);
	ck_assert_int_eq(trn_batch_signal(s.batch, s.timeline, 1), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	trn_batch_clear(s.batch);
	trn_buffer_unref(a);
	ck_assert_uint_eq(atomic_load(&a->object.refs), 1);
	ck_assert_uint_eq(atomic_load(&b->object.refs), 2);
	ck_assert_uint_eq(atomic_load(&s.timeline->object.refs), 2);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	ck_assert_uint_eq(atomic_load(&b->object.refs), 1);
	ck_assert_uint_eq(atomic_load(&s.timeline->object.refs), 1);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_MEM_FREE], 1); /* a, at the reap */
	ck_assert_str_eq((char *)b->mem.host + 8, "payload");
	trn_buffer_unref(b);
	down(&s);
}
END_TEST

START_TEST(unfinished_work_is_dropped_with_the_queue)
{
	struct trn_buffer *a;
	struct setup s;

	up(&s, 0);
	a = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, 4096);
	ck_assert_int_eq(trn_batch_fill(s.batch, a, 0, 4096, 1), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	trn_buffer_unref(a);
	s.batch = trn_batch_destroy(s.batch);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_MEM_FREE], 0);
	s.queue = trn_queue_unref(s.queue);
	ck_assert_uint_eq(trn_test_hal.live_queues, 0);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_MEM_FREE], 2); /* buffer, launch slots */
	down(&s);
}
END_TEST

START_TEST(submit_wait_reap_allocate_nothing)
{
	struct trn_buffer *a;
	struct setup s;
	long before;

	up(&s, 0);
	a = trn_rig_buffer(&s.rig, TRN_BUFFER_HOST, 4096);
	before = s.rig.mem.requests;
	for (int i = 1; i <= 100; i++) {
		trn_batch_clear(s.batch);
		ck_assert_int_eq(trn_batch_fill(s.batch, a, 0, 4096, 1), 0);
		ck_assert_int_eq(trn_batch_timestamp(s.batch, a, 8), 0);
		ck_assert_int_eq(trn_batch_signal(s.batch, s.timeline, (uint64_t)i), 0);
		ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, NULL), 0);
		ck_assert_int_eq(trn_timeline_wait(s.timeline, (uint64_t)i, SOON), 0);
	}
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	ck_assert_int_eq(s.rig.mem.requests, before);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_QUEUE_KICK], 100);
	trn_buffer_unref(a);
	down(&s);
}
END_TEST

static const struct {
	uint32_t error;
	int code;
	const char *cause;
	bool core, insn;
} errors[] = {
	{ TRN_EXT_ERR_COMMAND, -EINVAL, "does not know the command", false, false },
	{ TRN_EXT_ERR_ADDRESS, -TRN_EFAULT_DEV, "not mapped", false, false },
	{ TRN_EXT_ERR_LAUNCH, -TRN_EPROGRAM, "launch descriptor", false, false },
	{ TRN_EXT_ERR_CORE_STATE, -EBUSY, "busy, faulted or in reset", true, false },
	{ TRN_EXT_ERR_INSTRUCTION, -TRN_EINSN, "rule 10, PSUM is read before", true, true },
	{ TRN_EXT_ERR_DMA, -TRN_EFAULT_DEV, "DMA of the program", true, true },
	{ TRN_EXT_ERR_RESET, -TRN_ERESET, "was reset under", true, false },
	{ TRN_EXT_ERR_INJECTED, -EIO, "injected", false, false },
	{ TRN_EXT_ERR_DOORBELL, -EIO, "doorbell", false, false },
	{ TRN_EXT_ERR_DOORBELL + 1, -EIO, "unknown error", false, false },
	{ 0, -EIO, "unknown error", false, false },
};

START_TEST(every_device_error_becomes_a_record)
{
	struct trn_error e = { .size = sizeof(e) };
	struct setup s;

	up(&s, 0);
	trn_test_hal.error_at = 5;
	trn_test_hal.error = (struct trn_ext_status){
		.error = errors[_i].error,
		.address = 0xabc,
		.core = 3,
		.engine = TRN_ENGINE_VECTOR,
		.pc = 77,
		.opcode = TRN_OP_MEMSET,
		.operand = TRN_AP_SRC0,
		.rule = TRN_RULE_PSUM_UNINIT,
	};
	nops(&s, 4);
	ck_assert_int_eq(trn_batch_signal(s.batch, s.timeline, 1), 0);
	ck_assert_int_eq(trn_batch_nop(s.batch), 0);
	ck_assert_int_eq(trn_queue_error(s.queue, &e), -ENOENT);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_wait(s.queue, 6, SOON), errors[_i].code);
	ck_assert_int_eq(trn_queue_wait(s.queue, 4, SOON), 0); /* finished before it */
	ck_assert_int_eq(trn_queue_wait(s.queue, 5, SOON), errors[_i].code);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), errors[_i].code);
	ck_assert_int_eq(trn_queue_error(s.queue, &e), 0);
	ck_assert_int_eq(e.code, errors[_i].code);
	ck_assert_msg(strstr(e.cause, errors[_i].cause) != NULL, "%s", e.cause);
	ck_assert_str_eq(e.operation, "signal");
	ck_assert_int_eq(e.command, 4);
	ck_assert_int_eq(e.queue, s.queue->hal->index);
	ck_assert_uint_eq(e.address, 0xabc);
	ck_assert_int_eq(e.core, errors[_i].core ? 3 : -1);
	ck_assert_int_eq(e.engine, errors[_i].insn ? TRN_ENGINE_VECTOR : -1);
	ck_assert_int_eq(e.pc, errors[_i].insn ? 77 : -1);
	ck_assert_int_eq(e.opcode, errors[_i].insn ? TRN_OP_MEMSET : -1);
	ck_assert_int_eq(e.operand, errors[_i].insn ? TRN_AP_SRC0 : -1);
	ck_assert_int_eq(e.rule, errors[_i].insn ? TRN_RULE_PSUM_UNINIT : 0);
	ck_assert_ptr_nonnull(strstr(s.rig.log_last, "stopped at command 4"));
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), -TRN_EQUEUE);
	trn_rig_expect(&s.rig, -TRN_EQUEUE, "stopped at command 4");
	e.size = 1;
	ck_assert_int_eq(trn_queue_error(s.queue, &e), -EINVAL);
	ck_assert_int_eq(trn_queue_error(s.queue, NULL), -EINVAL);
	down(&s);
}
END_TEST

START_TEST(fields_a_device_left_out)
{
	struct setup s;

	up(&s, 0);
	trn_test_hal.error_at = 1;
	trn_test_hal.error = (struct trn_ext_status){
		.error = TRN_EXT_ERR_INSTRUCTION,
		.engine = 0xff,
		.operand = 0xff,
		.rule = 999,
	};
	nops(&s, 1);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -TRN_EINSN);
	ck_assert_int_eq(s.queue->error.engine, -1);
	ck_assert_int_eq(s.queue->error.operand, -1);
	ck_assert_ptr_nonnull(strstr(s.queue->error.cause, "rule 999, unknown"));
	down(&s);
}
END_TEST

/* A copy queue has neither program nor core to blame. */
START_TEST(dma_error_without_an_engine)
{
	struct setup s;

	up(&s, 0);
	trn_test_hal.error_at = 1;
	trn_test_hal.error = (struct trn_ext_status){
		.error = TRN_EXT_ERR_DMA,
		.address = 0xabc,
		.engine = 0xff,
		.operand = 0xff,
	};
	nops(&s, 1);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -TRN_EFAULT_DEV);
	ck_assert_int_eq(s.queue->error.core, -1);
	ck_assert_uint_eq(s.queue->error.address, 0xabc);
	ck_assert_ptr_nonnull(strstr(s.queue->error.cause, "the DMA engine stopped"));
	down(&s);
}
END_TEST

START_TEST(tag_of_no_command_blames_the_oldest)
{
	struct setup s;

	up(&s, 0);
	trn_test_hal.error_at = 3;
	trn_test_hal.wrong_tag = true;
	trn_test_hal.error.error = TRN_EXT_ERR_INJECTED;
	nops(&s, 4);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -EIO);
	ck_assert_int_ge(s.queue->error.command, 0);
	ck_assert_int_lt(s.queue->error.command, 4);
	down(&s);
}
END_TEST

START_TEST(error_without_a_command)
{
	struct trn_ext_status *status;
	struct setup s;

	up(&s, 0);
	status = (struct trn_ext_status *)(uintptr_t)s.queue->hal->status;
	status->error = TRN_EXT_ERR_DOORBELL;
	status->state = TRN_QUEUE_ERROR;
	ck_assert_int_eq(trn_timeline_wait(s.timeline, 1, SOON), -ETIMEDOUT);
	nops(&s, 1);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), -TRN_EQUEUE);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0); /* nothing was wanted of it */
	down(&s);
}
END_TEST

START_TEST(device_that_counts_wrong)
{
	struct setup s;

	up(&s, 0);
	trn_test_hal.head_lie = 100;
	nops(&s, 2);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -TRN_EFIRMWARE);
	trn_rig_expect(&s.rig, -TRN_EFIRMWARE, "more than it was given");
	down(&s);
}
END_TEST

START_TEST(refused_doorbell_takes_nothing)
{
	struct trn_buffer *a;
	uint64_t sequence = 99;
	struct setup s;

	up(&s, 0);
	a = trn_rig_buffer(&s.rig, TRN_BUFFER_HOST, 4096);
	ck_assert_int_eq(trn_batch_fill(s.batch, a, 0, 4, 0), 0);
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = -ENOTSUP;
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), -ENOTSUP);
	trn_rig_expect(&s.rig, -ENOTSUP, "does not take the batch: scripted");
	ck_assert_uint_eq(sequence, 99);
	ck_assert_uint_eq(atomic_load(&a->object.refs), 2); /* ours and the batch's */
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = 0;
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), 0);
	ck_assert_uint_eq(sequence, 1);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	trn_buffer_unref(a);
	down(&s);
}
END_TEST

START_TEST(doorbell_of_a_lost_device)
{
	struct setup s;

	up(&s, 0);
	nops(&s, 1);
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), -TRN_EDEVLOST);
	trn_rig_expect(&s.rig, -TRN_EDEVLOST, "lost earlier");
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -TRN_EDEVLOST);
	/* The device comes back; the queue still has to be reset. */
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = 0;
	ck_assert_int_eq(trn_device_reset(s.rig.device, 0, SOON), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), -TRN_EDEVLOST);
	trn_rig_expect(&s.rig, -TRN_EDEVLOST, "doorbell could not be rung");
	ck_assert_int_eq(trn_queue_reset(s.queue, SOON), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	down(&s);
}
END_TEST

START_TEST(device_lost_while_waiting)
{
	struct setup s;

	up(&s, 0);
	nops(&s, 2);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	trn_test_hal.fail[TRN_TEST_PROGRESS] = -EIO;
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -EIO);
	trn_test_hal.fail[TRN_TEST_PROGRESS] = 0;
	trn_test_hal.dead = true;
	trn_test_hal.fail[TRN_TEST_REG] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_queue_drain(s.queue, trn_deadline_in(1000000)), -TRN_EDEVLOST);
	trn_rig_expect(&s.rig, -TRN_EDEVLOST, "device is lost");
	down(&s);
}
END_TEST

START_TEST(reset_makes_a_stopped_queue_usable)
{
	struct trn_error e = { .size = sizeof(e) };
	uint64_t sequence;
	struct setup s;

	up(&s, 0);
	trn_test_hal.error_at = 3;
	trn_test_hal.error.error = TRN_EXT_ERR_INJECTED;
	nops(&s, 6);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), -EIO);
	trn_test_hal.fail[TRN_TEST_QUEUE_RESET] = -ETIMEDOUT;
	ck_assert_int_eq(trn_queue_reset(s.queue, SOON), -ETIMEDOUT);
	trn_rig_expect(&s.rig, -ETIMEDOUT, "resetting queue");
	trn_test_hal.fail[TRN_TEST_QUEUE_RESET] = 0;
	ck_assert_int_eq(trn_queue_reset(s.queue, SOON), 0);
	ck_assert_int_eq(trn_queue_error(s.queue, &e), -ENOENT);
	ck_assert_int_eq(trn_queue_wait(s.queue, 2, 0), 0);
	for (uint64_t i = 3; i <= 6; i++)
		ck_assert_int_eq(trn_queue_wait(s.queue, i, 0), -TRN_ERESET);
	trn_rig_expect(&s.rig, -TRN_ERESET, "dropped");
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, &sequence), 0);
	ck_assert_uint_eq(sequence, 66); /* numbers go on */
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	down(&s);
}
END_TEST

START_TEST(device_reset_stops_queues)
{
	uint64_t sequence;
	struct setup s;

	up(&s, 0);
	nops(&s, 6);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, &sequence), 0);
	ck_assert_int_eq(trn_queue_wait(s.queue, 2, SOON), 0);
	ck_assert_int_eq(trn_device_reset(s.rig.device, 0, SOON), 0);
	ck_assert_int_eq(trn_queue_wait(s.queue, 6, SOON), -TRN_ERESET);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, NULL), -TRN_EQUEUE);
	ck_assert_int_eq(trn_queue_reset(s.queue, SOON), 0);
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(s.queue, SOON), 0);
	down(&s);
}
END_TEST

static void *other_thread(void *arg)
{
	struct trn_error e = { .size = sizeof(e) };
	struct setup *s = arg;
	int code = TRN_OBJECT_CHECKED ? -EPERM : 0;

	ck_assert_int_eq(trn_queue_submit(s->queue, s->batch, SOON, NULL), code);
	ck_assert_int_eq(trn_queue_wait(s->queue, 1, SOON), code);
	ck_assert_int_eq(trn_queue_drain(s->queue, SOON), code);
	ck_assert_int_eq(trn_queue_reset(s->queue, SOON), code);
	ck_assert_int_eq(trn_queue_error(s->queue, &e), code ? code : -ENOENT);
	if (code)
		trn_rig_expect(&s->rig, code, "another thread owns queue 0");
	return NULL;
}

START_TEST(second_thread_is_refused)
{
	pthread_t thread;
	struct setup s;

	up(&s, 0);
	nops(&s, 1);
	ck_assert_int_eq(trn_queue_drain(s.queue, 0), 0); /* looking does not make an owner */
	ck_assert_int_eq(trn_queue_submit(s.queue, s.batch, 0, NULL), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, &s), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	down(&s);
}
END_TEST

START_TEST(batch_of_another_queue)
{
	struct trn_queue *other;
	struct setup s;

	up(&s, 0);
	other = trn_rig_queue(&s.rig, DEPTH);
	ck_assert_int_eq(trn_queue_submit(other, s.batch, 0, NULL), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "another queue");
	trn_queue_unref(other);
	down(&s);
}
END_TEST

static Suite *queue_suite(void)
{
	Suite *suite = suite_create("runtime-queue");
	TCase *tc = tcase_create("queue");

	tcase_add_test(tc, bad_options_are_refused);
	tcase_add_test(tc, creation_failures);
	tcase_add_test(tc, one_doorbell_for_a_batch_and_commands_in_order);
	tcase_add_test(tc, batch_may_be_submitted_again_while_in_flight);
	tcase_add_test(tc, no_room_for_ever);
	tcase_add_test(tc, sequences_pass_two_to_the_32);
	tcase_add_test(tc, references_live_as_long_as_the_commands);
	tcase_add_test(tc, unfinished_work_is_dropped_with_the_queue);
	tcase_add_test(tc, submit_wait_reap_allocate_nothing);
	tcase_add_loop_test(tc, every_device_error_becomes_a_record, 0, (int)TRN_ARRAY_LEN(errors));
	tcase_add_test(tc, fields_a_device_left_out);
	tcase_add_test(tc, dma_error_without_an_engine);
	tcase_add_test(tc, tag_of_no_command_blames_the_oldest);
	tcase_add_test(tc, error_without_a_command);
	tcase_add_test(tc, device_that_counts_wrong);
	tcase_add_test(tc, refused_doorbell_takes_nothing);
	tcase_add_test(tc, doorbell_of_a_lost_device);
	tcase_add_test(tc, device_lost_while_waiting);
	tcase_add_test(tc, reset_makes_a_stopped_queue_usable);
	tcase_add_test(tc, device_reset_stops_queues);
	tcase_add_test(tc, second_thread_is_refused);
	tcase_add_test(tc, batch_of_another_queue);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(queue_suite)
