/* SPDX-License-Identifier: Apache-2.0 */
/* What the conformance suite cannot reach: memory and descriptors that run out, devices that
 * refuse, promises by the dozen, queues that end under their waiters, the words of a ring. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FREE_CAPS (TRN_HAL_CAP_COMPUTE | TRN_HAL_CAP_SIMULATED)
#define MANY 50

static struct trn_timeline *timeline_of(struct trn_device *device)
{
	struct trn_timeline *timeline = NULL;

	ck_assert_int_eq(trn_timeline_create(device, 0, &timeline), 0);
	return timeline;
}

static struct trn_batch *batch_of(struct trn_queue *queue)
{
	struct trn_batch *batch = NULL;

	ck_assert_int_eq(trn_batch_create(queue, MANY + 2, &batch), 0);
	return batch;
}

static void count_code(void *user, int code)
{
	int *codes = user;

	codes[0]++;
	codes[1] = code;
}

START_TEST(bad_arguments)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;
	int fd;

	trn_rig_up(&rig, 0);
	timeline = timeline_of(rig.device);
	ck_assert_int_eq(trn_timeline_notify(NULL, 1, count_code, NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_timeline_notify_cancel(NULL, 1), -EINVAL);
	ck_assert_int_eq(trn_timeline_fd(NULL, 1, &fd), -EINVAL);
	ck_assert_int_eq(trn_timeline_share(NULL, rig.device), -EINVAL);
	ck_assert_int_eq(trn_timeline_share(timeline, NULL), -EINVAL);
	ck_assert_int_eq(trn_timeline_share(timeline, rig.device), 0); /* its own */
	ck_assert_int_eq(trn_timeline_fail(NULL, -EIO), -EINVAL);
	ck_assert_int_eq(trn_timeline_error(NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_timeline_error(timeline, NULL), -EINVAL);
	ck_assert_int_eq(trn_queue_cancel(NULL, 0), -EINVAL);
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

/* Each reason why there is no descriptor, by name. */
START_TEST(no_descriptor)
{
	struct rlimit none;
	struct trn_timeline *timeline;
	struct rlimit limit;
	struct trn_rig rig;
	int fd = -7;

	trn_rig_up(&rig, FREE_CAPS);
	timeline = timeline_of(rig.device);
	ck_assert(trn_test_hal.watch != NULL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(trn_timeline_fd(timeline, 1, &fd), -EMFILE);
	trn_rig_expect(&rig, -EMFILE, "no file descriptor left");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	trn_test_alloc_arm(&rig.mem, 0);
	ck_assert_int_eq(trn_timeline_fd(timeline, 1, &fd), -ENOMEM);
	trn_test_alloc_arm(&rig.mem, 0);
	ck_assert_int_eq(trn_timeline_notify(timeline, 1, count_code, NULL, NULL), -ENOMEM);
	ck_assert_int_eq(fd, -7);
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
	trn_test_hal_init();
	trn_rig_up(&rig, TRN_HAL_CAP_SIMULATED);
	timeline = timeline_of(rig.device);
	ck_assert_int_eq(trn_timeline_fd(timeline, 1, &fd), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "TRN_CAP_COMPUTE");
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

/* A device that does not tell of its writes: no descriptor, and waits look by themselves. */
START_TEST(nobody_watches)
{
	struct trn_timeline *timeline;
	struct trn_device *other;
	struct trn_rig rig;
	int fd = -7;

	trn_rig_up(&rig, FREE_CAPS);
	trn_test_hal.fail[TRN_TEST_WATCH] = -ENOTSUP;
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &other), 0);
	timeline = timeline_of(other);
	ck_assert_int_eq(trn_timeline_fd(timeline, 1, &fd), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "nobody notices");
	trn_test_hal.never_idle = true;
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, trn_deadline_in(1000000)), -ETIMEDOUT);
	trn_timeline_unref(timeline);
	trn_device_unref(other);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(sharing_that_fails)
{
	struct trn_timeline *timeline;
	struct trn_device *other;
	struct trn_context *context;
	struct trn_device *foreign;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &other), 0);
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	ck_assert_int_eq(trn_device_open(context, "test:2", SOON, &foreign), 0);
	timeline = timeline_of(rig.device);
	ck_assert_int_eq(trn_timeline_share(timeline, foreign), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "another context");
	trn_device_unref(foreign);
	trn_context_unref(context);
	trn_test_alloc_arm(&rig.mem, 0);
	ck_assert_int_eq(trn_timeline_share(timeline, other), -ENOMEM);
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -EIO;
	ck_assert_int_eq(trn_timeline_share(timeline, other), -EIO);
	trn_rig_expect(&rig, -EIO, "reachable");
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = 0;
	ck_assert_uint_eq(atomic_load(&rig.context->sync.foreign), 0);
	ck_assert_int_eq(trn_timeline_share(timeline, other), 0);
	ck_assert_int_eq(trn_timeline_share(timeline, other), 0); /* once is enough */
	ck_assert_uint_eq(trn_test_hal.live_mem, 2);
	ck_assert_uint_eq(atomic_load(&rig.context->sync.foreign), 1);
	/* It holds the device that it is shared with. */
	trn_device_unref(other);
	ck_assert_uint_eq(trn_test_hal.live_devices, 2);
	trn_timeline_unref(timeline);
	ck_assert_uint_eq(trn_test_hal.live_devices, 1);
	ck_assert_uint_eq(atomic_load(&rig.context->sync.foreign), 0);
	trn_rig_down(&rig);
}
END_TEST

/* More promises than are taken out of a ring at once, all of them broken, by the first one. */
START_TEST(promises_by_the_dozen)
{
	struct trn_timeline *timelines[MANY];
	struct trn_error error = { .size = sizeof(error) };
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	queue = trn_rig_queue(&rig, 64);
	batch = batch_of(queue);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	for (int i = 0; i < MANY; i++) {
		timelines[i] = timeline_of(rig.device);
		ck_assert_int_eq(trn_batch_signal(batch, timelines[i], 1), 0);
	}
	trn_test_hal.error_at = 1;
	trn_test_hal.error.error = TRN_EXT_ERR_INJECTED;
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_int_eq(trn_timeline_wait(timelines[MANY - 1], 1, SOON), -EIO);
	ck_assert_uint_eq(atomic_load(&rig.context->sync.broken), MANY);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(trn_timeline_error(timelines[i], &error), 0);
		ck_assert_int_eq(error.command, 0);
		ck_assert_str_eq(error.operation, "nop");
	}
	ck_assert_int_eq(trn_queue_reset(queue, SOON), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_uint_eq(atomic_load(&rig.context->sync.broken), 0);
	ck_assert_int_eq(trn_timeline_wait(timelines[MANY - 1], 1, SOON), 0);
	for (int i = 0; i < MANY; i++)
		trn_timeline_unref(timelines[i]);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_rig_down(&rig);
}
END_TEST

/* The last reference to a queue, and a reset that the device refuses, break promises, too. */
START_TEST(queue_that_goes)
{
	struct trn_timeline *timeline, *never;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;
	int codes[2] = { 0 };

	trn_rig_up(&rig, 0);
	timeline = timeline_of(rig.device);
	never = timeline_of(rig.device);
	queue = trn_rig_queue(&rig, 64);
	batch = batch_of(queue);
	ck_assert_int_eq(trn_batch_wait(batch, never, 1), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 2), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_int_eq(trn_timeline_notify(timeline, 2, count_code, codes, NULL), 0);
	trn_test_hal.fail[TRN_TEST_QUEUE_RESET] = -ETIMEDOUT;
	ck_assert_int_eq(trn_queue_cancel(queue, SOON), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "resetting queue");
	ck_assert_int_eq(trn_timeline_wait(timeline, 2, SOON), -ECANCELED);
	ck_assert(codes[0] == 1 && codes[1] == -ECANCELED);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), -TRN_EQUEUE); /* of no use now */
	trn_test_hal.fail[TRN_TEST_QUEUE_RESET] = 0;
	ck_assert_int_eq(trn_queue_cancel(queue, SOON), 0);
	trn_batch_clear(batch);
	ck_assert_int_eq(trn_batch_wait(batch, never, 1), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 9), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_int_eq(trn_timeline_wait(timeline, 9, SOON), -ETIMEDOUT);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	ck_assert_int_eq(trn_timeline_wait(timeline, 9, SOON), -ECANCELED);
	trn_rig_expect(&rig, -ECANCELED, "given back");
	trn_timeline_unref(timeline);
	trn_timeline_unref(never);
	trn_rig_down(&rig);
}
END_TEST

/* Where a chain ends that is no ring is in the words of the timeout. */
START_TEST(words_of_a_chain)
{
	struct trn_timeline *first, *second;
	struct trn_queue *queue;
	struct trn_batch *batch;
	char want[64];
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	first = timeline_of(rig.device);
	second = timeline_of(rig.device);
	queue = trn_rig_queue(&rig, 64);
	batch = batch_of(queue);
	ck_assert_int_eq(trn_batch_wait(batch, first, 4), 0);
	ck_assert_int_eq(trn_batch_signal(batch, second, 1), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, 0, NULL), 0);
	ck_assert_int_eq(trn_timeline_wait(second, 1, SOON), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "idle: nothing is pending that could raise 0 to 1");
	(void)snprintf(want, sizeof(want),
		       "command 1 promised it, but waits for timeline %llu >= 4",
		       (unsigned long long)first->id);
	trn_rig_expect(&rig, -ETIMEDOUT, want);
	ck_assert_int_eq(trn_queue_cancel(queue, SOON), 0);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(first);
	trn_timeline_unref(second);
	trn_rig_down(&rig);
}
END_TEST

/* Layers of queues, each of which waits for what any of the layer before promises, and the first
 * for what nobody does: there are more ways through that than anybody can look at. */
START_TEST(net_of_queues)
{
	enum {
		LAYERS = 20,
		WIDE = 3
	};
	struct trn_timeline *timelines[LAYERS + 1];
	struct trn_queue *queues[LAYERS * WIDE];
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	for (int i = 0; i <= LAYERS; i++)
		timelines[i] = timeline_of(rig.device);
	for (int i = 0; i < LAYERS * WIDE; i++) {
		struct trn_batch *batch;

		queues[i] = trn_rig_queue(&rig, 64);
		batch = batch_of(queues[i]);
		ck_assert_int_eq(trn_batch_wait(batch, timelines[i / WIDE], 1), 0);
		ck_assert_int_eq(trn_batch_signal(batch, timelines[i / WIDE + 1], 1), 0);
		ck_assert_int_eq(trn_queue_submit(queues[i], batch, 0, NULL), 0);
		trn_batch_destroy(batch);
	}
	ck_assert_int_eq(trn_timeline_wait(timelines[LAYERS], 1, SOON), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "promised it, but waits for timeline");
	for (int i = 0; i < LAYERS * WIDE; i++)
		trn_queue_unref(queues[i]);
	for (int i = 0; i <= LAYERS; i++)
		trn_timeline_unref(timelines[i]);
	trn_rig_down(&rig);
}
END_TEST

static Suite *sync_suite(void)
{
	Suite *suite = suite_create("runtime-sync");
	TCase *tc = tcase_create("sync");

	tcase_add_test(tc, bad_arguments);
	tcase_add_test(tc, no_descriptor);
	tcase_add_test(tc, nobody_watches);
	tcase_add_test(tc, sharing_that_fails);
	tcase_add_test(tc, promises_by_the_dozen);
	tcase_add_test(tc, queue_that_goes);
	tcase_add_test(tc, words_of_a_chain);
	tcase_add_test(tc, net_of_queues);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(sync_suite)
