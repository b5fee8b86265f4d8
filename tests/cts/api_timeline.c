/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: timelines between hosts and queues. */
#include "api.h"

#include <errno.h>

static void timeline_host(struct api *a)
{
	struct trn_timeline *timeline = api_timeline(a, 5);

	API_CHECK(a, trn_timeline_value(timeline) == 5);
	API_OK(a, trn_timeline_wait(timeline, 5, TRN_DEADLINE_NOW));
	API_CODE(a, -ETIMEDOUT, trn_timeline_wait(timeline, 6, TRN_DEADLINE_NOW));
	API_OK(a, trn_timeline_signal(timeline, 9));
	API_OK(a, trn_timeline_signal(timeline, 7));
	API_CHECK(a, trn_timeline_value(timeline) == 9);
	API_OK(a, trn_timeline_wait(timeline, 9, api_soon()));
}

/* Nothing pending: an inline device says so at once, a free-running one at the deadline. */
static void timeline_idle(struct api *a)
{
	struct trn_timeline *timeline = api_timeline(a, 0);

	if (api_has(a, TRN_CAP_INLINE)) {
		API_CODE(a, -ETIMEDOUT, trn_timeline_wait(timeline, 1, TRN_DEADLINE_NEVER));
		API_CHECK(a, api_cause_has(a, "idle"));
	} else {
		API_CODE(a, -ETIMEDOUT, trn_timeline_wait(timeline, 1, trn_deadline_in(2000000)));
	}
}

static void timeline_many(struct api *a)
{
	struct trn_timeline *timelines[200];

	for (uint64_t i = 0; i < 200; i++)
		timelines[i] = api_timeline(a, i);
	for (uint64_t i = 0; i < 200; i += 2)
		API_OK(a, trn_timeline_signal(timelines[i], 1000 + i));
	for (uint64_t i = 0; i < 200; i++) {
		API_CHECK(a, trn_timeline_value(timelines[i]) == (i % 2 ? i : 1000 + i));
		api_release(a, timelines[i]);
	}
}

/* The queue's signal never lowers what the host has raised. */
static void timeline_device_keeps_higher(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);
	struct trn_timeline *timeline = api_timeline(a, 100);

	API_OK(a, trn_batch_signal(batch, timeline, 50));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_CHECK(a, trn_timeline_value(timeline) == 100);
	trn_batch_clear(batch);
	API_OK(a, trn_batch_signal(batch, timeline, UINT64_MAX));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_timeline_wait(timeline, UINT64_MAX, api_soon()));
}

/* A queue that waits starts when the host says so. */
static void timeline_host_to_queue(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_timeline *go = api_timeline(a, 0), *done = api_timeline(a, 0);

	for (uint64_t i = 1; i <= 30; i++) {
		trn_batch_clear(batch);
		API_OK(a, trn_batch_wait(batch, go, i));
		API_OK(a, trn_batch_signal(batch, done, i));
		api_submit(a, queue, batch, NULL);
		API_CODE(a, -ETIMEDOUT, trn_timeline_wait(done, i, TRN_DEADLINE_NOW));
		API_OK(a, trn_timeline_signal(go, i));
		API_OK(a, trn_timeline_wait(done, i, api_soon()));
	}
	API_OK(a, trn_queue_drain(queue, api_soon()));
}

const struct api_test api_timeline_tests[] = {
	{ "timeline.host", timeline_host },
	{ "timeline.idle", timeline_idle },
	{ "timeline.many", timeline_many },
	{ "timeline.device-keeps-higher", timeline_device_keeps_higher },
	{ "timeline.host-to-queue", timeline_host_to_queue },
	{ NULL, NULL },
};
