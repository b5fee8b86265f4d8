/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: descriptors of timelines. */
#include "api.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define FDS 5
#define ROUNDS 200

static bool readable(int fd, int wait_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, wait_ms) == 1;
}

/* Doors whose queues move by themselves have them; the others say what is missing. */
static bool has_fds(struct api *a, struct trn_timeline *timeline)
{
	int fd = -7;

	if (!api_has(a, TRN_CAP_INLINE) && api_has(a, TRN_CAP_COMPUTE))
		return true;
	API_CODE(a, -ENOTSUP, trn_timeline_fd(timeline, 1, &fd));
	API_CHECK(a, fd == -7);
	API_CHECK(a, !api_has(a, TRN_CAP_INLINE) || api_cause_has(a, "threads=1"));
	return false;
}

void api_sync_fd(struct api *a)
{
	struct trn_timeline *timeline = api_timeline(a, 0), *going = NULL;
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 1);
	int fd[FDS], closed = -1, late = -1, gone = -1;

	API_CODE(a, -EINVAL, trn_timeline_fd(timeline, 1, NULL));
	if (!has_fds(a, timeline))
		return;
	for (int i = 0; i < FDS; i++)
		API_OK(a, trn_timeline_fd(timeline, (uint64_t)i + 1, &fd[i]));
	API_OK(a, trn_timeline_fd(timeline, 1, &closed));
	(void)close(closed); /* whoever does not want it any more */
	API_CHECK(a, !readable(fd[0], 0));
	/* The host, then a queue with nobody inside the library. */
	API_OK(a, trn_timeline_signal(timeline, 1));
	API_CHECK(a, readable(fd[0], 60000) && !readable(fd[1], 0));
	API_OK(a, trn_batch_signal(batch, timeline, 3));
	api_submit(a, queue, batch, NULL);
	API_CHECK(a, readable(fd[1], 60000) && readable(fd[2], 60000) && !readable(fd[3], 0));
	API_OK(a, trn_timeline_fd(timeline, 2, &late)); /* reached long ago */
	API_CHECK(a, readable(late, 0));
	/* What will not come makes it readable, and so does the end. */
	API_OK(a, trn_timeline_fail(timeline, -EIO));
	API_CHECK(a, readable(fd[3], 60000) && readable(fd[4], 60000));
	API_CODE(a, -EIO, trn_timeline_wait(timeline, 4, TRN_DEADLINE_NOW));
	API_OK(a, trn_timeline_create(a->device, 0, &going));
	API_OK(a, trn_timeline_fd(going, 1, &gone));
	trn_timeline_unref(going);
	API_CHECK(a, readable(gone, 0));
	for (int i = 0; i < FDS; i++)
		(void)close(fd[i]);
	(void)close(late);
	(void)close(gone);
}

/* Arming and the signal meet at any distance: each descriptor becomes readable. */
void api_sync_fd_race(struct api *a)
{
	struct trn_timeline *timeline = api_timeline(a, 0), *promised = api_timeline(a, 0);
	struct trn_queue *queue = api_queue(a, 64);
	struct trn_batch *batch = api_batch(a, queue, 1);
	struct trn_batch *stuck = api_batch(a, queue, 2);
	int fd = -1;

	if (!has_fds(a, timeline))
		return;
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		trn_batch_clear(batch);
		API_OK(a, trn_batch_signal(batch, timeline, i));
		api_submit(a, queue, batch, NULL);
		for (uint64_t n = api_below(a, 4000); n > 0; n--)
			(void)trn_timeline_value(timeline);
		API_OK(a, trn_timeline_fd(timeline, i, &fd));
		API_CHECK(a, readable(fd, 60000));
		API_CHECK(a, trn_timeline_value(timeline) >= i);
		(void)close(fd);
	}
	/* The same for a promise that is broken. */
	API_OK(a, trn_batch_wait(stuck, promised, 1));
	API_OK(a, trn_batch_signal(stuck, timeline, ROUNDS + 1));
	api_submit(a, queue, stuck, NULL);
	API_OK(a, trn_timeline_fd(timeline, ROUNDS + 1, &fd));
	API_CHECK(a, !readable(fd, 0));
	API_OK(a, trn_timeline_fail(promised, -EPIPE));
	API_CHECK(a, readable(fd, 60000));
	API_CODE(a, -EPIPE, trn_timeline_wait(timeline, ROUNDS + 1, TRN_DEADLINE_NOW));
	(void)close(fd);
}
