/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: queues and batches. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 8192u

static void queue_limits(struct api *a)
{
	struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 24 };
	struct trn_queue *queue = NULL;
	struct trn_batch *batch = NULL;

	API_CODE(a, -EINVAL, trn_queue_create(a->device, &opts, &queue));
	opts.depth = 131072;
	API_CODE(a, -EINVAL, trn_queue_create(a->device, &opts, &queue));
	API_CHECK(a, !queue);
	queue = api_queue(a, 0);
	API_CODE(a, -EINVAL, trn_batch_create(queue, 0, &batch));
	API_CODE(a, -EINVAL, trn_batch_create(queue, 257, &batch));
	API_CODE(a, -EINVAL, trn_queue_wait(queue, 1, api_soon()));
	API_OK(a, trn_queue_wait(queue, 0, TRN_DEADLINE_NOW));
	API_OK(a, trn_queue_drain(queue, TRN_DEADLINE_NOW));
}

/* The last command of each batch tells that all before it have run, in order. */
static void queue_order(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 32);
	struct trn_batch *batch = api_batch(a, queue, 8);
	struct trn_timeline *timeline = api_timeline(a, 0);
	uint64_t value = 0, sequence = 0;

	for (int i = 0; i < 50; i++) {
		uint32_t count = 1 + (uint32_t)api_below(a, 7);

		trn_batch_clear(batch);
		for (uint32_t j = 0; j < count; j++)
			API_OK(a, trn_batch_nop(batch));
		API_OK(a, trn_batch_signal(batch, timeline, ++value));
		sequence += count + 1;
		{
			uint64_t given = 0;

			api_submit(a, queue, batch, &given);
			API_CHECK(a, given == sequence);
		}
		if (i % 3 == 0) {
			API_OK(a, trn_queue_wait(queue, sequence, api_soon()));
			API_CHECK(a, trn_timeline_value(timeline) == value);
		}
	}
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_CHECK(a, trn_timeline_value(timeline) == value);
}

/* Random copies against a model of two arrays; what lies beside must not change. */
static void queue_copy(struct api *a)
{
	struct trn_buffer *buffers[2] = { api_buffer(a, TRN_BUFFER_HBM, ROOM),
					  api_buffer(a, TRN_BUFFER_HOST, ROOM) };
	static uint8_t want[2][ROOM], got[ROOM];
	struct trn_queue *queue = api_queue(a, 64);
	struct trn_batch *batch = api_batch(a, queue, 64);

	for (int i = 0; i < 2; i++) {
		api_random(a, want[i], ROOM);
		API_OK(a, trn_buffer_write(buffers[i], 0, want[i], ROOM, api_soon()));
	}
	for (int round = 0; round < 4; round++) {
		trn_batch_clear(batch);
		for (int i = 0; i < 16; i++) {
			uint64_t to = api_below(a, 2), n = 1 + api_below(a, 1000);
			uint64_t dst = api_below(a, ROOM - n), src = api_below(a, ROOM - n);

			API_OK(a, trn_batch_copy(batch, buffers[to], dst, buffers[1 - to], src, n));
			memcpy(want[to] + dst, want[1 - to] + src, n);
		}
		api_submit(a, queue, batch, NULL);
		API_OK(a, trn_queue_drain(queue, api_soon()));
	}
	for (int i = 0; i < 2; i++) {
		API_OK(a, trn_buffer_read(buffers[i], 0, got, ROOM, api_soon()));
		API_CHECK(a, memcmp(got, want[i], ROOM) == 0);
	}
}

static void queue_fill(struct api *a)
{
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 200000);
	uint8_t *want = api_bytes(a, 200000), *got = api_bytes(a, 200000);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 16);

	API_OK(a, trn_buffer_write(buffer, 0, want, 200000, api_soon()));
	for (uint64_t i = 0; i < 12; i++) {
		uint64_t n = i < 10 ? i + 1 : 66000 + i, at = i * 97 + 1;
		uint32_t pattern = (uint32_t)trn_prng_next(&a->prng);

		API_OK(a, trn_batch_fill(batch, buffer, at, n, pattern));
		for (uint64_t j = 0; j < n; j++)
			want[at + j] = (uint8_t)(pattern >> 8 * (j % 4));
	}
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_OK(a, trn_buffer_read(buffer, 0, got, 200000, api_soon()));
	API_CHECK(a, memcmp(got, want, 200000) == 0);
}

/* Far more work than fits, through a ring that wraps many times. */
static void queue_wrap(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 5);
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HOST, 4096);
	uint64_t sequence = 0;

	for (uint32_t i = 0; i < 5; i++)
		API_OK(a, trn_batch_fill(batch, buffer, i * 8, 8, i));
	for (int i = 0; i < 300; i++)
		api_submit(a, queue, batch, &sequence);
	API_CHECK(a, sequence == 1500);
	API_OK(a, trn_queue_wait(queue, sequence, api_soon()));
}

static void queue_doorbells(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 64);
	struct trn_batch *batch = api_batch(a, queue, 16);
	uint64_t before;

	for (int i = 0; i < 16; i++)
		API_OK(a, trn_batch_nop(batch));
	before = api_counter(a, "counters", "doorbells");
	for (int i = 0; i < 20; i++) {
		api_submit(a, queue, batch, NULL);
		API_OK(a, trn_queue_drain(queue, api_soon()));
	}
	if (before != UINT64_MAX && api_has(a, TRN_CAP_COMPUTE))
		API_CHECK(a, api_counter(a, "counters", "doorbells") == before + 20);
}

static void queue_no_allocation(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 64);
	struct trn_batch *batch = api_batch(a, queue, 8);
	struct trn_timeline *timeline = api_timeline(a, 0);
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 65536);
	long before = 0;

	for (uint64_t i = 1; i <= 400; i++) {
		if (i == 100) /* a simulated device has made its tables by now */
			before = a->mem.requests;
		trn_batch_clear(batch);
		API_OK(a, trn_batch_fill(batch, buffer, 0, 4096, (uint32_t)i));
		API_OK(a, trn_batch_copy(batch, buffer, 8192, buffer, 0, 4096));
		API_OK(a, trn_batch_signal(batch, timeline, i));
		api_submit(a, queue, batch, NULL);
		API_OK(a, trn_timeline_wait(timeline, i, api_soon()));
	}
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_CHECK(a, a->mem.requests == before);
}

static void queue_bad_commands(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16), *other = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 4096);

	API_CODE(a, -EINVAL, trn_batch_copy(batch, buffer, 0, buffer, 0, 0));
	API_CODE(a, -EINVAL, trn_batch_copy(batch, buffer, 0, buffer, 1, 4095));
	API_CODE(a, -EINVAL, trn_batch_copy(batch, buffer, 4096, buffer, 0, 1));
	API_CODE(a, -EINVAL, trn_batch_fill(batch, buffer, 1, UINT64_MAX, 0));
	API_CODE(a, -EINVAL, trn_batch_copy(batch, buffer, 0, NULL, 0, 1));
	API_CODE(a, -EINVAL, trn_batch_wait(batch, NULL, 0));
	API_OK(a, trn_batch_nop(batch));
	API_OK(a, trn_batch_nop(batch));
	API_CODE(a, -ENOSPC, trn_batch_nop(batch));
	API_CODE(a, -EINVAL, trn_queue_submit(other, batch, api_soon(), NULL));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
}

/* One queue waits for what the other signals, both ways. */
static void queue_wait(struct api *a)
{
	struct trn_queue *queues[2] = { api_queue(a, 32), api_queue(a, 32) };
	struct trn_batch *batches[2] = { api_batch(a, queues[0], 8), api_batch(a, queues[1], 8) };
	struct trn_timeline *lines[2] = { api_timeline(a, 0), api_timeline(a, 0) };
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HOST, 4096);
	uint32_t word = 0;

	for (uint64_t i = 1; i <= 20; i++) {
		for (int q = 0; q < 2; q++) {
			/* Queue 1 answers queue 0; queue 0 goes on when it has. */
			trn_batch_clear(batches[q]);
			API_OK(a, trn_batch_wait(batches[q], lines[1 - q], q ? i : i - 1));
			API_OK(a, trn_batch_fill(batches[q], buffer, 0, 4,
						 (uint32_t)(2 * i) + (uint32_t)q));
			API_OK(a, trn_batch_signal(batches[q], lines[q], i));
		}
		/* The one that has to wait is there first. */
		api_submit(a, queues[1], batches[1], NULL);
		api_submit(a, queues[0], batches[0], NULL);
	}
	API_OK(a, trn_timeline_wait(lines[1], 20, api_soon()));
	API_OK(a, trn_queue_drain(queues[0], api_soon()));
	API_OK(a, trn_queue_drain(queues[1], api_soon()));
	API_OK(a, trn_buffer_read(buffer, 0, &word, 4, api_soon()));
	API_CHECK(a, word == 41);
}

/* A full queue that waits: -EAGAIN at once, -ETIMEDOUT later, then room again. */
static void queue_room(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 16);
	struct trn_timeline *timeline = api_timeline(a, 0);

	API_OK(a, trn_batch_wait(batch, timeline, 1));
	for (int i = 1; i < 16; i++)
		API_OK(a, trn_batch_nop(batch));
	api_submit(a, queue, batch, NULL);
	API_CODE(a, -EAGAIN, trn_queue_submit(queue, batch, TRN_DEADLINE_NOW, NULL));
	API_CODE(a, -ETIMEDOUT, trn_queue_submit(queue, batch, trn_deadline_in(2000000), NULL));
	API_CODE(a, -ETIMEDOUT, trn_queue_drain(queue, trn_deadline_in(2000000)));
	API_OK(a, trn_timeline_signal(timeline, 1));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
}

/* Memory that commands in flight name stays until the queue lets go of it. */
static void queue_drop(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_timeline *timeline = api_timeline(a, 0);
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 1 << 20);

	API_OK(a, trn_batch_wait(batch, timeline, 1));
	API_OK(a, trn_batch_fill(batch, buffer, 0, 1 << 20, 7));
	api_submit(a, queue, batch, NULL);
	api_release(a, buffer);
	api_release(a, timeline);
	api_release(a, batch);
	api_release(a, queue); /* waits for nobody */
	queue = api_queue(a, 16);
	API_OK(a, trn_queue_drain(queue, TRN_DEADLINE_NOW));
}

static void queue_reset_healthy(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_error error = { .size = sizeof(error) };
	uint64_t sequence = 0;

	API_OK(a, trn_batch_nop(batch));
	for (int i = 0; i < 5; i++) {
		api_submit(a, queue, batch, &sequence);
		API_OK(a, trn_queue_drain(queue, api_soon()));
		API_OK(a, trn_queue_reset(queue, api_soon()));
		API_OK(a, trn_queue_wait(queue, sequence, TRN_DEADLINE_NOW));
	}
	API_CHECK(a, sequence == 5);
	API_CHECK(a, trn_queue_error(queue, &error) == -ENOENT);
}

static void queue_timestamp(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 1 << 20);
	uint64_t times[2] = { 0, 0 };

	API_OK(a, trn_batch_timestamp(batch, buffer, 0));
	API_OK(a, trn_batch_fill(batch, buffer, 4096, 1 << 19, 7));
	API_OK(a, trn_batch_timestamp(batch, buffer, 8));
	API_CODE(a, -EINVAL, trn_batch_timestamp(batch, buffer, 12));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_OK(a, trn_buffer_read(buffer, 0, times, sizeof(times), api_soon()));
	API_CHECK(a, times[1] > times[0]);
}

/* As many queues as a program may want; each keeps its own order. */
static void queue_many(struct api *a)
{
	struct trn_queue *queues[6];
	struct trn_batch *batches[6];
	struct trn_timeline *timeline = api_timeline(a, 0);

	for (uint64_t i = 0; i < 6; i++) {
		queues[i] = api_queue(a, 16);
		batches[i] = api_batch(a, queues[i], 2);
		API_OK(a, trn_batch_nop(batches[i]));
		API_OK(a, trn_batch_signal(batches[i], timeline, i + 1));
	}
	for (int i = 5; i >= 0; i--)
		api_submit(a, queues[i], batches[i], NULL);
	for (int i = 0; i < 6; i++)
		API_OK(a, trn_queue_drain(queues[i], api_soon()));
	API_CHECK(a, trn_timeline_value(timeline) == 6);
}

const struct api_test api_queue_tests[] = {
	{ "queue.limits", queue_limits },
	{ "queue.order", queue_order },
	{ "queue.copy", queue_copy },
	{ "queue.fill", queue_fill },
	{ "queue.wrap", queue_wrap },
	{ "queue.doorbells", queue_doorbells },
	{ "queue.no-allocation", queue_no_allocation },
	{ "queue.bad-commands", queue_bad_commands },
	{ "queue.wait", queue_wait },
	{ "queue.room", queue_room },
	{ "queue.drop", queue_drop },
	{ "queue.reset-healthy", queue_reset_healthy },
	{ "queue.timestamp", queue_timestamp },
	{ "queue.many", queue_many },
	{ NULL, NULL },
};
