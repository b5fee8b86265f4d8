/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of cores: by hand, by the first launch, until the last queue that needed them. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <unistd.h>

#define OTHER UINT32_C(0xffffff01)

static const struct trn_hal_claim stranger = {
	.owner = OTHER, .pid = 4711, .wall_ns = UINT64_C(1000000000), .command = "python3"
};

static uint32_t held(uint32_t core)
{
	return trn_test_hal.claims[core].owner;
}

START_TEST(by_hand)
{
	struct trn_core_claim claim = { .size = sizeof(claim) };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 7, 0, &claim), 0);
	ck_assert_uint_eq(claim.owner, 0);
	ck_assert_uint_eq(claim.state, TRN_CORE_FAULTED);
	ck_assert_uint_eq(claim.core, 7);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 2, 1, &claim), 0);
	ck_assert_uint_eq(claim.owner, rig.context->token);
	ck_assert_uint_eq(claim.pid, (uint32_t)getpid());
	ck_assert_uint_gt(claim.since_wall_ns, 0);
	ck_assert_uint_gt(strlen(claim.command), 0);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 2, -1, NULL), 0);
	ck_assert_uint_eq(held(2), 0);
	trn_test_hal.claims[2] = stranger;
	ck_assert_int_eq(trn_device_core_claim(rig.device, 2, 1, &claim), -EBUSY);
	ck_assert_uint_eq(claim.owner, OTHER);
	ck_assert_str_eq(claim.command, "python3");
	trn_rig_expect(&rig, -EBUSY, "core 2 is held by pid 4711 (python3) since ");
	ck_assert_int_eq(trn_device_core_claim(rig.device, 2, -1, NULL), -EBUSY);
	/* One that does not say who it is. */
	trn_test_hal.claims[2] = (struct trn_hal_claim){ .owner = OTHER, .since_ns = 9 };
	ck_assert_int_eq(trn_device_core_claim(rig.device, 2, 1, NULL), -EBUSY);
	trn_rig_expect(&rig, -EBUSY, "held by 0xffffff01 since 9 ns of device time");
	trn_rig_down(&rig);
}
END_TEST

START_TEST(refused)
{
	struct trn_core_claim claim = { .size = sizeof(claim) };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_core_claim(NULL, 2, 1, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 8, 1, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 0, 2, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 0, -2, NULL), -EINVAL);
	claim.size = 0;
	ck_assert_int_eq(trn_device_core_claim(rig.device, 0, 0, &claim), -EINVAL);
	trn_test_hal.fail[TRN_TEST_CORE_CLAIM] = -ENOTSUP;
	ck_assert_int_eq(trn_device_core_claim(rig.device, 0, 0, NULL), -ENOTSUP);
	trn_rig_down(&rig);
}
END_TEST

/* Two contexts of one process are not the same holder. */
START_TEST(tokens_differ)
{
	const uint32_t one = trn_claim_token(), two = trn_claim_token();

	ck_assert_uint_ne(one, two);
	ck_assert_uint_ne(one, 0);
	ck_assert_uint_eq(one >> 10, two >> 10);
}
END_TEST

struct job {
	struct trn_rig rig;
	struct trn_queue *queue[2];
	struct trn_batch *batch[2];
	struct trn_program *program;
	struct trn_buffer *buffer;
};

/* Two queues, each with a launch on cores 1 and 3, or on core 1 only. */
static void job_up(struct job *job)
{
	trn_rig_up(&job->rig, 0);
	job->program = trn_rig_program(&job->rig, 0);
	job->buffer = trn_rig_buffer(&job->rig, TRN_BUFFER_HBM, 4096);
	for (uint32_t i = 0; i < 2; i++) {
		struct trn_arg args[] = { { .buffer = job->buffer, .bytes = 4096 },
					  { .scalar = 1 } };

		job->queue[i] = trn_rig_queue(&job->rig, 16);
		ck_assert_int_eq(trn_batch_create(job->queue[i], 4, &job->batch[i]), 0);
		ck_assert_int_eq(trn_batch_launch(job->batch[i], job->program, 1, args, 2), 0);
		if (i == 0)
			ck_assert_int_eq(trn_batch_launch(job->batch[i], job->program, 3, args, 2),
					 0);
	}
}

static int job_submit(struct job *job, uint32_t i)
{
	return trn_queue_submit(job->queue[i], job->batch[i], SOON, NULL);
}

static void job_end(struct job *job, uint32_t i)
{
	(void)trn_batch_destroy(job->batch[i]);
	job->queue[i] = trn_queue_unref(job->queue[i]);
}

static void job_down(struct job *job)
{
	(void)trn_program_unref(job->program);
	(void)trn_buffer_unref(job->buffer);
	trn_rig_down(&job->rig);
}

START_TEST(first_launch_claims)
{
	struct job job;
	uint32_t calls;

	job_up(&job);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_CORE_CLAIM], 0);
	ck_assert_int_eq(job_submit(&job, 0), 0);
	ck_assert_uint_eq(held(1), job.rig.context->token);
	ck_assert_uint_eq(held(3), job.rig.context->token);
	ck_assert_uint_eq(held(0), 0);
	calls = trn_test_hal.calls[TRN_TEST_CORE_CLAIM];
	ck_assert_int_eq(job_submit(&job, 0), 0);
	ck_assert_int_eq(job_submit(&job, 1), 0);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_CORE_CLAIM], calls); /* held already */
	ck_assert_int_eq(trn_device_core_claim(job.rig.device, 3, 1, NULL), 0);
	/* A core that a queue needs outlives the claim by hand. */
	ck_assert_int_eq(trn_device_core_claim(job.rig.device, 1, 1, NULL), 0);
	ck_assert_int_eq(trn_device_core_claim(job.rig.device, 1, -1, NULL), 0);
	ck_assert_uint_eq(held(1), job.rig.context->token);
	ck_assert_int_eq(trn_queue_drain(job.queue[0], SOON), 0);
	ck_assert_int_eq(trn_queue_drain(job.queue[1], SOON), 0);
	job_end(&job, 0);
	ck_assert_uint_eq(held(1), job.rig.context->token); /* the other queue's */
	ck_assert_uint_eq(held(3), job.rig.context->token); /* by hand */
	job_end(&job, 1);
	ck_assert_uint_eq(held(1), 0);
	ck_assert_uint_eq(held(3), job.rig.context->token);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_RESET], 0);
	job_down(&job);
	ck_assert_uint_eq(held(3), 0); /* with the device */
}
END_TEST

/* Nothing was taken, and no core of those that were free stays claimed. */
START_TEST(held_by_another)
{
	struct job job;

	job_up(&job);
	trn_test_hal.claims[3] = stranger;
	ck_assert_int_eq(job_submit(&job, 0), -EBUSY);
	trn_rig_expect(&job.rig, -EBUSY, "core 3 is held by pid 4711 (python3)");
	ck_assert_uint_eq(held(1), 0);
	ck_assert_uint_eq(trn_test_hal.executed, 0);
	trn_test_hal.claims[3] = (struct trn_hal_claim){ 0 };
	ck_assert_int_eq(job_submit(&job, 0), 0); /* the other has gone */
	ck_assert_int_eq(trn_queue_drain(job.queue[0], SOON), 0);
	ck_assert_uint_eq(trn_test_hal.launches, 2);
	job_end(&job, 0);
	job_end(&job, 1);
	ck_assert_uint_eq(held(1) | held(3), 0);
	job_down(&job);
}
END_TEST

/* The queue goes and its program still runs: the core is stopped before anybody gets it. */
START_TEST(stopped_first)
{
	struct job job;

	job_up(&job);
	ck_assert_int_eq(job_submit(&job, 1), 0);
	ck_assert_int_eq(trn_queue_drain(job.queue[1], SOON), 0);
	trn_test_hal.busy_releases = 1;
	job_end(&job, 1);
	ck_assert_uint_eq(trn_test_hal.reset_map, 1u << 1);
	ck_assert_uint_eq(held(1), 0);
	/* One that cannot be stopped stays claimed, and the log says so. */
	ck_assert_int_eq(job_submit(&job, 0), 0);
	ck_assert_int_eq(trn_queue_drain(job.queue[0], SOON), 0);
	trn_test_hal.busy_releases = 2;
	trn_test_hal.fail[TRN_TEST_RESET] = -ETIMEDOUT;
	job_end(&job, 0);
	ck_assert_uint_ne(held(1), 0);
	ck_assert_ptr_nonnull(strstr(job.rig.log_last, "could not be stopped"));
	trn_test_hal.fail[TRN_TEST_RESET] = 0;
	job_down(&job);
	ck_assert_uint_eq(held(1) | held(3), 0);
}
END_TEST

START_TEST(device_reset_frees)
{
	struct job job;

	job_up(&job);
	ck_assert_int_eq(job_submit(&job, 0), 0);
	ck_assert_int_eq(trn_queue_drain(job.queue[0], SOON), 0);
	ck_assert_int_eq(trn_device_reset(job.rig.device, 0, SOON), 0);
	ck_assert_uint_eq(held(1), 0);
	ck_assert_int_eq(trn_queue_reset(job.queue[0], SOON), 0);
	trn_test_hal.claims[3] = stranger; /* was faster */
	ck_assert_int_eq(job_submit(&job, 0), -EBUSY);
	trn_test_hal.claims[3] = (struct trn_hal_claim){ 0 };
	ck_assert_int_eq(job_submit(&job, 0), 0);
	ck_assert_uint_eq(held(1), job.rig.context->token);
	job_end(&job, 0);
	job_end(&job, 1);
	job_down(&job);
}
END_TEST

START_TEST(door_without_claims)
{
	struct job job;

	job_up(&job);
	trn_test_hal.fail[TRN_TEST_CORE_CLAIM] = -ENOTSUP;
	ck_assert_int_eq(job_submit(&job, 0), 0);
	ck_assert_int_eq(trn_queue_drain(job.queue[0], SOON), 0);
	trn_test_hal.fail[TRN_TEST_CORE_CLAIM] = -TRN_EDEVLOST;
	ck_assert_int_eq(job_submit(&job, 1), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_queue_drain(job.queue[1], SOON), -TRN_EDEVLOST);
	trn_test_hal.fail[TRN_TEST_CORE_CLAIM] = 0;
	job_end(&job, 0);
	job_end(&job, 1);
	job_down(&job);
}
END_TEST

static Suite *claim_suite(void)
{
	Suite *suite = suite_create("runtime-claim");
	TCase *tcase = tcase_create("claim");

	tcase_add_test(tcase, by_hand);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, tokens_differ);
	tcase_add_test(tcase, first_launch_claims);
	tcase_add_test(tcase, held_by_another);
	tcase_add_test(tcase, stopped_first);
	tcase_add_test(tcase, device_reset_frees);
	tcase_add_test(tcase, door_without_claims);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(claim_suite)
