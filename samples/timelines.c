// SPDX-License-Identifier: Apache-2.0
/*
 * timelines: two devices that share nothing else; three ways to hear of a value; what is told of
 * work that was cancelled, and of queues that wait for each other. docs/sync.md walks through it.
 * usage: timelines [URI URI]
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <trn/trn.h>
#include <unistd.h>

#define SOON trn_deadline_in(UINT64_C(10000000000))

struct job {
	struct trn_context *context;
	struct trn_device *device[2];
	struct trn_queue *queue[2];
	struct trn_batch *batch[2];
	struct trn_timeline *ping, *pong;
};

static int open_side(struct job *job, int side, const char *uri)
{
	int r = trn_device_open(job->context, uri, SOON, &job->device[side]);

	if (r == 0)
		r = trn_queue_create(job->device[side], NULL, &job->queue[side]);
	return r < 0 ? r : trn_batch_create(job->queue[side], 2, &job->batch[side]);
}

/* Waits for the other side's timeline, then raises its own. */
static int answer(struct job *job, int side, uint64_t value)
{
	struct trn_timeline *wait = side ? job->ping : job->pong;
	struct trn_timeline *signal = side ? job->pong : job->ping;
	int r;

	trn_batch_clear(job->batch[side]);
	r = trn_batch_wait(job->batch[side], wait, value);
	if (r == 0)
		r = trn_batch_signal(job->batch[side], signal, value);
	return r < 0 ? r : trn_queue_submit(job->queue[side], job->batch[side], SOON, NULL);
}

/* Each device has to reach the other one's word. */
static int meet(struct job *job)
{
	int r = trn_timeline_create(job->device[0], 0, &job->ping);

	if (r == 0)
		r = trn_timeline_create(job->device[1], 0, &job->pong);
	if (r == 0)
		r = trn_timeline_share(job->ping, job->device[1]);
	return r < 0 ? r : trn_timeline_share(job->pong, job->device[0]);
}

static void called(void *user, int code)
{
	*(int *)user = code;
}

/* The host raises ping, the second device pong: three ways to hear of it. */
static int hear(struct job *job)
{
	struct trn_timeline_point points[] = { { job->pong, 2 }, { job->pong, 1 } };
	struct pollfd poller = { .events = POLLIN };
	uint32_t index = 0;
	int code = 1;
	int r = trn_timeline_notify(job->pong, 1, called, &code, NULL);

	if (r == 0)
		r = trn_timeline_fd(job->pong, 1, &poller.fd);
	if (r == 0)
		r = answer(job, 1, 1);
	if (r == 0)
		r = trn_timeline_signal(job->ping, 1);
	if (r < 0)
		return r;
	printf("poll: %d readable\n", poll(&poller, 1, 10000));
	(void)close(poller.fd);
	r = trn_timeline_wait_many(points, 2, TRN_WAIT_ANY, SOON, &index);
	printf("wait: point %u, callback %d\n", index, code);
	return r;
}

static int told(struct job *job, const char *what, int r)
{
	struct trn_error error = { .size = sizeof(error) };

	(void)trn_error_get(job->context, &error);
	printf("%s: %s\n  cause: %s\n", what, trn_strerror(r), error.cause);
	return r < 0 ? 0 : -EINVAL;
}

/* Each queue waits for what the other one would do next. */
static int tie(struct job *job, uint64_t value)
{
	int r = answer(job, 0, value);

	return r < 0 ? r : answer(job, 1, value);
}

/* Who waits is told of both, and why: of work that was dropped, and of the ring. */
static int fail(struct job *job)
{
	int r = tie(job, 5);

	if (r == 0)
		r = trn_queue_cancel(job->queue[1], SOON);
	if (r == 0)
		r = told(job, "cancelled", trn_timeline_wait(job->ping, 5, SOON));
	if (r == 0)
		r = trn_queue_reset(job->queue[0], SOON);
	if (r == 0)
		r = tie(job, 9);
	return r < 0 ? r : told(job, "ring", trn_timeline_wait(job->ping, 9, SOON));
}

int main(int argc, char **argv)
{
	const struct trn_context_opts opts = { .size = sizeof(opts),
					       .flags = TRN_CONTEXT_CHECK_WAITS };
	struct trn_error error = { .size = sizeof(error) };
	struct job job = { 0 };
	int r = trn_context_create(&opts, &job.context);

	if (r == 0)
		r = open_side(&job, 0, argc > 2 ? argv[1] : "mock:trn3?threads=1");
	if (r == 0)
		r = open_side(&job, 1, argc > 2 ? argv[2] : "mock:trn2?threads=1");
	if (r == 0)
		r = meet(&job);
	if (r == 0)
		r = hear(&job);
	if (r == 0)
		r = fail(&job);
	if (r < 0 && trn_error_get(job.context, &error) == 0)
		fprintf(stderr, "timelines: %s: %s\n", error.operation, error.cause);
	for (int side = 0; side < 2; side++) {
		trn_batch_destroy(job.batch[side]);
		trn_queue_unref(job.queue[side]);
		trn_device_unref(job.device[side]);
	}
	trn_timeline_unref(job.ping);
	trn_timeline_unref(job.pong);
	trn_context_unref(job.context);
	return r != 0;
}
