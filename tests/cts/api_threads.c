/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: what the headers allow from several threads, at the same time. A
 * thread cannot leave the test: it keeps its first bad answer for the main one. */
#include "api.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define ROUNDS 60u

struct worker {
	struct api *api;
	pthread_t thread;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_buffer *src, *dst;
	struct trn_timeline *wait_for, *signal;
	_Atomic bool *stop;
	uint64_t seed;
	int code;
	int line;
};

#define KEEP(w, call)                           \
	do {                                    \
		int r_ = (call);                \
		if (r_ < 0 && (w)->code == 0) { \
			(w)->code = r_;         \
			(w)->line = __LINE__;   \
		}                               \
	} while (0)

static void start(struct api *a, struct worker *w, void *(*body)(void *arg))
{
	w->api = a;
	API_CHECK(a, pthread_create(&w->thread, NULL, body, w) == 0);
}

/* All of them end before the first bad answer ends the test. */
static void finish(struct api *a, struct worker *workers, int count)
{
	for (int i = 0; i < count; i++)
		API_CHECK(a, pthread_join(workers[i].thread, NULL) == 0);
	for (int i = 0; i < count; i++)
		if (workers[i].code < 0)
			api_code(a, workers[i].code, 0, "api_threads.c", workers[i].line, "thread");
}

static void worker_up(struct api *a, struct worker *w)
{
	w->queue = api_queue(a, 32);
	w->batch = api_batch(a, w->queue, 8);
	w->src = api_buffer(a, TRN_BUFFER_HOST, 4096);
	w->dst = api_buffer(a, TRN_BUFFER_HBM, 4096);
}

/* On an inline device a wait says "idle" when the other thread has not come so far yet. */
static int patient_wait(struct worker *w, uint64_t value)
{
	uint64_t deadline_ns = api_soon();
	int r;

	do {
		r = trn_timeline_wait(w->signal, value, trn_deadline_in(API_SECOND / 100));
		if (r == -ETIMEDOUT)
			(void)sched_yield();
	} while (r == -ETIMEDOUT && !atomic_load(w->stop) && trn_deadline_in(0) < deadline_ns);
	return r;
}

/* ---- a queue for each thread ---- */

static void *copy_loop(void *arg)
{
	struct worker *w = arg;
	void *in, *out;

	KEEP(w, trn_buffer_map(w->src, &in));
	for (uint32_t i = 0; i < ROUNDS && w->code == 0; i++) {
		uint64_t sequence = 0;

		memset(in, (int)(w->seed + i), 4096);
		trn_batch_clear(w->batch);
		KEEP(w, trn_batch_copy(w->batch, w->dst, 0, w->src, 0, 2048));
		KEEP(w, trn_batch_copy(w->batch, w->src, 2048, w->dst, 0, 1024));
		KEEP(w, trn_queue_submit(w->queue, w->batch, api_soon(), &sequence));
		KEEP(w, trn_queue_wait(w->queue, sequence, api_soon()));
	}
	KEEP(w, trn_buffer_map(w->src, &out));
	if (w->code == 0 && ((uint8_t *)out)[2048] != (uint8_t)(w->seed + ROUNDS - 1))
		w->code = -EIO;
	return NULL;
}

static void threads_queues(struct api *a)
{
	struct worker workers[3] = { { .seed = 1 }, { .seed = 50 }, { .seed = 99 } };

	for (int i = 0; i < 3; i++)
		worker_up(a, &workers[i]);
	for (int i = 0; i < 3; i++)
		start(a, &workers[i], copy_loop);
	finish(a, workers, 3);
}

/* ---- two threads that answer each other through the device ---- */

static void *ping_pong(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 1; i <= ROUNDS && w->code == 0; i++) {
		trn_batch_clear(w->batch);
		KEEP(w, trn_batch_wait(w->batch, w->wait_for, w->seed ? i : i - 1));
		KEEP(w, trn_batch_signal(w->batch, w->signal, i));
		KEEP(w, trn_queue_submit(w->queue, w->batch, api_soon(), NULL));
		if (w->code == 0)
			KEEP(w, patient_wait(w, i));
	}
	if (w->code < 0)
		atomic_store(w->stop, true); /* the other one need not wait for us */
	else
		KEEP(w, trn_queue_drain(w->queue, api_soon()));
	return NULL;
}

static void threads_ping_pong(struct api *a)
{
	struct trn_timeline *ping = api_timeline(a, 0), *pong = api_timeline(a, 0);
	_Atomic bool stop = false;
	struct worker workers[2] = {
		{ .seed = 0, .wait_for = pong, .signal = ping, .stop = &stop },
		{ .seed = 1, .wait_for = ping, .signal = pong, .stop = &stop },
	};

	for (int i = 0; i < 2; i++)
		worker_up(a, &workers[i]);
	for (int i = 0; i < 2; i++)
		start(a, &workers[i], ping_pong);
	finish(a, workers, 2);
	API_CHECK(a, trn_timeline_value(ping) == ROUNDS && trn_timeline_value(pong) == ROUNDS);
}

/* ---- one thread works, another calls all that "any thread" may ---- */

static void *any_calls(void *arg)
{
	struct worker *w = arg;
	struct trn_device *device = w->api->device;
	uint64_t value = 0;

	while (!atomic_load(w->stop) && w->code == 0) {
		const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 8192 };
		struct trn_device_info info = { .size = sizeof(info) };
		struct trn_device_telemetry t = { .size = sizeof(t) };
		struct trn_error error = { .size = sizeof(error) };
		struct trn_timeline *timeline;
		struct trn_buffer *buffer;
		void *ptr;

		KEEP(w, trn_device_info(device, &info));
		(void)trn_device_telemetry(device, &t); /* not every door has counters */
		(void)trn_error_get(w->api->context, &error);
		(void)trn_context_progress(w->api->context);
		KEEP(w, trn_timeline_create(device, 1, &timeline));
		KEEP(w, trn_timeline_signal(timeline, ++value));
		KEEP(w, trn_timeline_wait(timeline, value, TRN_DEADLINE_NOW));
		trn_timeline_unref(timeline);
		KEEP(w, trn_buffer_create(device, &opts, &buffer));
		if (info.caps & TRN_CAP_MAP_HBM)
			KEEP(w, trn_buffer_map(buffer, &ptr));
		trn_buffer_unref(buffer);
		trn_device_unref(trn_device_ref(device));
	}
	return NULL;
}

static void threads_any(struct api *a)
{
	_Atomic bool stop = false;
	struct worker work = { .seed = 3 }, others[2] = { { .stop = &stop }, { .stop = &stop } };

	worker_up(a, &work);
	for (int i = 0; i < 2; i++)
		start(a, &others[i], any_calls);
	work.api = a;
	(void)copy_loop(&work);
	atomic_store(&stop, true);
	finish(a, others, 2);
	API_CHECK(a, work.code == 0);
}

/* ---- open and close at the same time ---- */

static void *open_close(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 5 && w->code == 0; i++) {
		struct trn_device *device = NULL;

		KEEP(w, trn_device_open(w->api->context,
					w->seed ? w->api->opened : "null:", api_soon(), &device));
		trn_device_unref(device);
	}
	return NULL;
}

static void threads_open(struct api *a)
{
	struct worker workers[3] = { { .seed = 0 }, { .seed = 1 }, { .seed = 0 } };

	for (int i = 0; i < 3; i++)
		start(a, &workers[i], open_close);
	finish(a, workers, 3);
}

const struct api_test api_thread_tests[] = {
	{ "threads.queues", threads_queues },
	{ "threads.ping-pong", threads_ping_pong },
	{ "threads.any", threads_any },
	{ "threads.open", threads_open },
	{ NULL, NULL },
};
