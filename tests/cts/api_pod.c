/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: chips of one pod. Peers' buffers, copies between chips, the order in which they
 * arrive, timelines of a server, and chips that go away. */
#include "api.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "api_images.h"
#include "base/bits.h"

#define SPAN (300u * 1024u)

static uint32_t chips(struct api *a)
{
	struct trn_pod_info pod = { .size = sizeof(pod) };

	API_OK(a, trn_device_pod(a->device, &pod));
	return pod.chips;
}

/* The other chip of a pair of numbers: the same server. */
static struct trn_device *near_chip(struct api *a)
{
	struct trn_device_place place = { .size = sizeof(place) };

	if (!api_has(a, TRN_CAP_PEER))
		return api_chip(a, 0); /* ends the test */
	API_OK(a, trn_device_place(a->device, &place));
	return api_chip(a, place.index % 2 ? chips(a) - 1 : 1);
}

/* As far away as there is: another rack, where there are two. */
static struct trn_device *far_chip(struct api *a)
{
	return api_chip(a, api_has(a, TRN_CAP_PEER) ? chips(a) / 2 : 0);
}

static int submit_wait(struct trn_queue *queue, struct trn_batch *batch)
{
	uint64_t sequence = 0;
	int r = trn_queue_submit(queue, batch, api_soon(), &sequence);

	return r < 0 ? r : trn_queue_wait(queue, sequence, api_soon());
}

static void run(struct api *a, struct trn_queue *queue, struct trn_batch *batch)
{
	API_OK(a, submit_wait(queue, batch));
	trn_batch_clear(batch);
}

/* ---- what a pod is ---- */

static void pod_one_of_many(struct api *a)
{
	struct trn_device_place here = { .size = sizeof(here) }, there = { .size = sizeof(there) };
	struct trn_device *next = near_chip(a);
	struct trn_device *again = NULL;
	char uri[256];

	API_OK(a, trn_device_place(a->device, &here));
	API_OK(a, trn_device_place(next, &there));
	API_CHECK(a, here.index / 2 == there.index / 2 && here.index != there.index);
	API_CHECK(a, here.rack == there.rack && here.server == there.server);
	API_CHECK(a, here.routing_id != there.routing_id);
	api_uri(a, there.index, uri, sizeof(uri));
	API_OK(a, trn_device_open(a->context, uri, api_soon(), &again));
	API_CHECK(a, again == next);
	trn_device_unref(again);
	api_uri(a, UINT32_MAX, uri, sizeof(uri));
	API_CODE(a, -EINVAL, trn_device_open(a->context, uri, api_soon(), &again));
	API_CHECK(a, api_cause_has(a, "trn_pod_open()"));
	api_uri(a, 1000, uri, sizeof(uri));
	API_CODE(a, -ENODEV, trn_device_open(a->context, uri, api_soon(), &again));
	API_CHECK(a, api_cause_has(a, "has devices /0 to"));
}

static void pod_all(struct api *a)
{
	struct trn_device *next = near_chip(a);
	struct trn_device *devices[256] = { NULL };
	struct trn_device_place place = { .size = sizeof(place) };
	uint32_t count = 0, index;
	char uri[256];

	API_OK(a, trn_device_place(a->device, &place));
	index = place.index;
	api_uri(a, UINT32_MAX, uri, sizeof(uri));
	API_OK(a, trn_pod_open(a->context, uri, api_soon(), devices, 256, &count));
	for (uint32_t i = 0; i < count; i++)
		(void)api_keep(a, API_DEVICE, devices[i]);
	API_CHECK(a, count == chips(a) && devices[index] == a->device);
	for (uint32_t i = 0; i < count; i++) {
		API_OK(a, trn_device_place(devices[i], &place));
		API_CHECK(a, place.index == i);
	}
	API_OK(a, trn_device_place(next, &place));
	API_CHECK(a, devices[place.index] == next);
}

/* ---- copies ---- */

/* Every way between two chips, by the queue of either, and of a third one that has neither end. */
static void pod_copies(struct api *a)
{
	static const uint64_t sizes[] = { 1, 3, 8, 63, 65, 4095, 4097, 65537, 200001 };
	struct trn_device *next = near_chip(a), *far = far_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *there = api_buffer_on(a, far, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, SPAN);
	struct trn_buffer *out = api_peer(a, there, a->device);
	struct trn_buffer *back = api_peer(a, here, far);
	struct trn_buffer *third_here = api_peer(a, here, next);
	struct trn_buffer *third_there = api_peer(a, there, next);
	struct trn_queue *queues[3] = { api_queue(a, 16), api_queue_on(a, far, 16),
					api_queue_on(a, next, 16) };
	struct trn_batch *batches[3];
	uint8_t *bytes = api_bytes(a, SPAN), *got = api_bytes(a, SPAN);

	for (int i = 0; i < 3; i++)
		batches[i] = api_batch(a, queues[i], 8);
	for (size_t s = 0; s < TRN_ARRAY_LEN(sizes); s++) {
		const uint64_t n = sizes[s], skew = api_below(a, 67);

		api_random(a, bytes, n);
		API_OK(a, trn_buffer_write(host, skew, bytes, n, api_soon()));
		/* Host to the other chip, and on by its own queue to the first, */
		API_OK(a, trn_batch_copy(batches[0], out, skew, host, skew, n));
		run(a, queues[0], batches[0]);
		API_OK(a, trn_batch_copy(batches[1], back, 2 * skew, there, skew, n));
		run(a, queues[1], batches[1]);
		API_OK(a, trn_buffer_read(here, 2 * skew, got, n, api_soon()));
		API_CHECK(a, memcmp(bytes, got, n) == 0);
		/* fetched by its reader, */
		api_random(a, bytes, n);
		API_OK(a, trn_buffer_write(out, 5, bytes, n, api_soon()));
		API_OK(a, trn_batch_copy(batches[0], here, skew, out, 5, n));
		run(a, queues[0], batches[0]);
		API_OK(a, trn_buffer_read(here, skew, got, n, api_soon()));
		API_CHECK(a, memcmp(bytes, got, n) == 0);
		/* and moved by somebody else. */
		API_OK(a, trn_batch_copy(batches[2], third_there, 7, third_here, skew, n));
		run(a, queues[2], batches[2]);
		API_OK(a, trn_buffer_read(there, 7, got, n, api_soon()));
		API_CHECK(a, memcmp(bytes, got, n) == 0);
	}
}

/* Offsets past 32 bits, and a copy over that edge. */
static void pod_large_offsets(struct api *a)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 4 * TRN_GIB + 65536 };
	struct trn_device *far = far_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *there = NULL, *peer;
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);
	uint8_t bytes[5000], got[5000];
	int r = trn_buffer_create(far, &opts, &there);

	if (r == -ENOMEM) /* TRN_TEST_HBM */
		return;
	API_OK(a, r);
	peer = api_peer(a, api_keep(a, API_BUFFER, there), a->device);
	api_random(a, bytes, sizeof(bytes));
	API_OK(a, trn_buffer_write(here, 0, bytes, sizeof(bytes), api_soon()));
	API_OK(a, trn_batch_copy(batch, peer, 4 * TRN_GIB - 2500, here, 0, sizeof(bytes)));
	run(a, queue, batch);
	API_OK(a, trn_buffer_read(there, 4 * TRN_GIB - 2500, got, sizeof(got), api_soon()));
	API_CHECK(a, memcmp(bytes, got, sizeof(got)) == 0);
}

/* What lies around a copy stays as it is. */
static void pod_nothing_else(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, 8192);
	struct trn_buffer *there = api_buffer_on(a, far, TRN_BUFFER_HBM, 8192);
	struct trn_buffer *peer = api_peer(a, there, a->device);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);
	uint8_t *want = api_bytes(a, 8192), *got = api_bytes(a, 8192), *mine = api_bytes(a, 8192);

	api_random(a, want, 8192);
	api_random(a, mine, 8192);
	API_OK(a, trn_buffer_write(there, 0, want, 8192, api_soon()));
	API_OK(a, trn_buffer_write(here, 0, mine, 8192, api_soon()));
	for (int i = 0; i < 20; i++) {
		const uint64_t n = 1 + api_below(a, 3000);
		const uint64_t to = api_below(a, 8192 - n), from = api_below(a, 8192 - n);

		API_OK(a, trn_batch_copy(batch, peer, to, here, from, n));
		run(a, queue, batch);
		memcpy(want + to, mine + from, n);
	}
	API_OK(a, trn_buffer_read(there, 0, got, 8192, api_soon()));
	API_CHECK(a, memcmp(want, got, 8192) == 0);
}

/* A batch of many copies to many chips; it is submitted twice. */
static void pod_fan_out(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 64);
	struct trn_batch *batch = api_batch(a, queue, 16);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, 16 * 4096);
	struct trn_buffer *there[6];
	uint8_t bytes[4096], got[4096];

	for (uint32_t i = 0; i < 6; i++) {
		struct trn_device *device = api_chip(a, 1 + 2 * i);

		there[i] = api_buffer_on(a, device, TRN_BUFFER_HBM, 4096);
		API_OK(a, trn_batch_copy(batch, api_peer(a, there[i], a->device), 0, here,
					 4096ull * i, 4096));
	}
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 6; i++) {
			memset(bytes, (int)(16 * (i + 1) + (uint32_t)round), sizeof(bytes));
			API_OK(a, trn_buffer_write(here, 4096ull * i, bytes, 4096, api_soon()));
		}
		API_OK(a, submit_wait(queue, batch));
		for (uint32_t i = 0; i < 6; i++) {
			API_OK(a, trn_buffer_read(there[i], 0, got, 4096, api_soon()));
			API_CHECK(a, got[0] == 16 * (i + 1) + (uint32_t)round &&
					     memcmp(got, got + 1, 4095) == 0);
		}
	}
}

/* ---- order ---- */

/* A payload, then a word that says so: whoever sees the word sees the payload, however late links
 * are. Looked at after every little step of an inline pod. */
static void pod_payload_then_flag(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_buffer *data = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *there = api_buffer_on(a, far, TRN_BUFFER_HBM, 2 * SPAN);
	struct trn_buffer *peer = api_peer(a, there, a->device);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	uint8_t *bytes = api_bytes(a, SPAN), *zeros = api_bytes(a, SPAN);
	void *seen = NULL;
	uint64_t sequence = 0;
	char text[64] = "";

	API_OK(a, trn_diag_control(a->device, "fault", "link.jitter,value=20000,seed=3", text,
				   sizeof(text)));
	if (!api_has(a, TRN_CAP_INLINE) || trn_buffer_map(there, &seen) < 0)
		return; /* nobody to step it */
	for (uint32_t round = 1; round < 8; round++) {
		const uint8_t *payload = seen;
		const uint8_t *flag = payload + SPAN + 64;

		memset(bytes, (int)round, SPAN);
		API_OK(a, trn_buffer_write(there, 0, zeros, SPAN, api_soon()));
		API_OK(a, trn_buffer_write(data, 0, bytes, SPAN, api_soon()));
		API_OK(a, trn_batch_copy(batch, peer, 0, data, 0, SPAN - 8));
		API_OK(a, trn_batch_copy(batch, peer, SPAN + 64, data, 0, 1));
		API_OK(a, trn_queue_submit(queue, batch, api_soon(), &sequence));
		while (*flag != round)
			API_CHECK(a, trn_context_progress(a->context) == 0);
		API_CHECK(a, memcmp(payload, bytes, SPAN - 8) == 0);
		API_OK(a, trn_queue_wait(queue, sequence, api_soon()));
		trn_batch_clear(batch);
	}
}

/* ---- several threads ---- */

#define RING 4
#define RING_ROUNDS 25

struct ring_thread {
	struct trn_queue *queue;
	struct trn_batch *batch;
	int r;
};

static void *ring_run(void *arg)
{
	struct ring_thread *t = arg;

	for (int i = 0; t->r == 0 && i < RING_ROUNDS; i++)
		t->r = submit_wait(t->queue, t->batch);
	return NULL;
}

/* A thread a chip: each sends to the next one, all at the same time. */
static void pod_threads(struct api *a)
{
	struct trn_device *chip[RING] = { a->device, NULL, NULL, NULL };
	struct trn_buffer *send[RING], *receive[RING];
	struct ring_thread threads[RING] = { 0 };
	pthread_t handles[RING];
	uint8_t *bytes = api_bytes(a, SPAN), *got = api_bytes(a, SPAN);
	int started = 0;

	for (uint32_t i = 1; i < RING; i++)
		chip[i] = api_chip(a, i);
	for (uint32_t i = 0; i < RING; i++) {
		send[i] = api_buffer_on(a, chip[i], TRN_BUFFER_HBM, SPAN);
		receive[i] = api_buffer_on(a, chip[i], TRN_BUFFER_HBM, SPAN);
		memset(bytes, (int)i + 1, SPAN);
		API_OK(a, trn_buffer_write(send[i], 0, bytes, SPAN, api_soon()));
		threads[i].queue = api_queue_on(a, chip[i], 16);
		threads[i].batch = api_batch(a, threads[i].queue, 2);
	}
	for (uint32_t i = 0; i < RING; i++)
		API_OK(a, trn_batch_copy(threads[i].batch,
					 api_peer(a, receive[(i + 1) % RING], chip[i]), 0, send[i],
					 0, SPAN));
	while (started < RING &&
	       pthread_create(&handles[started], NULL, ring_run, &threads[started]) == 0)
		started++;
	for (int i = 0; i < started; i++)
		(void)pthread_join(handles[i], NULL);
	API_CHECK(a, started == RING);
	for (uint32_t i = 0; i < RING; i++) {
		API_OK(a, threads[i].r);
		API_OK(a, trn_buffer_read(receive[(i + 1) % RING], 0, got, SPAN, api_soon()));
		API_CHECK(a, got[0] == i + 1 && memcmp(got, got + 1, SPAN - 1) == 0);
	}
}

/* ---- timelines ---- */

/* Three queues on two chips of a server answer each other; the host begins. Nobody is idle while
 * another chip has something to do. */
static void pod_timeline_between(struct api *a)
{
	struct trn_device *next = near_chip(a);
	struct trn_timeline *timeline = api_timeline(a, 0);
	struct trn_timeline *theirs = NULL;
	struct trn_queue *mine = api_queue(a, 64), *other = api_queue_on(a, next, 64);
	struct trn_batch *first = api_batch(a, mine, 32), *second = api_batch(a, other, 32);
	uint64_t one = 0, two = 0;

	API_OK(a, trn_timeline_create(next, 0, &theirs));
	(void)api_keep(a, API_TIMELINE, theirs);
	for (uint64_t i = 1; i <= 8; i++) {
		API_OK(a, trn_batch_wait(first, timeline, 2 * i - 1));
		API_OK(a, trn_batch_signal(first, theirs, i));
		API_OK(a, trn_batch_wait(second, theirs, i));
		API_OK(a, trn_batch_signal(second, timeline, 2 * i + (i < 8)));
	}
	API_OK(a, trn_queue_submit(other, second, api_soon(), &two));
	API_OK(a, trn_queue_submit(mine, first, api_soon(), &one));
	API_OK(a, trn_timeline_signal(timeline, 1));
	API_OK(a, trn_timeline_wait(theirs, 4, api_soon()));
	API_OK(a, trn_timeline_wait(timeline, 16, api_soon()));
	API_OK(a, trn_queue_wait(mine, one, api_soon()));
	API_OK(a, trn_queue_wait(other, two, api_soon()));
}

/* The host raises one device's timeline: queues of another one that wait for it go on. */
static void pod_timeline_from_host(struct api *a)
{
	struct trn_device *next = near_chip(a);
	struct trn_timeline *timeline = api_timeline(a, 0);
	struct trn_queue *other = api_queue_on(a, next, 16);
	struct trn_batch *batch = api_batch(a, other, 4);
	uint64_t sequence = 0;

	API_OK(a, trn_batch_wait(batch, timeline, 7));
	API_OK(a, trn_queue_submit(other, batch, api_soon(), &sequence));
	if (api_has(a, TRN_CAP_INLINE)) {
		API_CODE(a, -ETIMEDOUT, trn_queue_wait(other, sequence, api_soon()));
		API_CHECK(a, api_cause_has(a, "idle"));
	}
	API_OK(a, trn_timeline_signal(timeline, 7));
	API_OK(a, trn_queue_wait(other, sequence, api_soon()));
}

/* A payload by one chip's queue, then its timeline: the next chip's queue carries on. */
static void pod_timeline_chain(struct api *a)
{
	struct trn_device *next = near_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *there = api_buffer_on(a, next, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *home = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_timeline *timeline = api_timeline(a, 0);
	struct trn_queue *mine = api_queue(a, 16), *other = api_queue_on(a, next, 16);
	struct trn_batch *first = api_batch(a, mine, 4), *second = api_batch(a, other, 4);
	uint8_t *bytes = api_bytes(a, SPAN), *got = api_bytes(a, SPAN);

	api_random(a, bytes, SPAN);
	API_OK(a, trn_buffer_write(here, 0, bytes, SPAN, api_soon()));
	API_OK(a, trn_batch_wait(second, timeline, 1));
	API_OK(a, trn_batch_copy(second, api_peer(a, home, next), 0, there, 0, SPAN));
	API_OK(a, trn_batch_signal(second, timeline, 2));
	API_OK(a, trn_batch_copy(first, api_peer(a, there, a->device), 0, here, 0, SPAN));
	API_OK(a, trn_batch_signal(first, timeline, 1));
	API_OK(a, trn_queue_submit(other, second, api_soon(), NULL));
	API_OK(a, trn_queue_submit(mine, first, api_soon(), NULL));
	API_OK(a, trn_timeline_wait(timeline, 2, api_soon()));
	API_OK(a, trn_buffer_read(home, 0, got, SPAN, api_soon()));
	API_CHECK(a, memcmp(bytes, got, SPAN) == 0);
}

static void pod_timeline_of_another_server(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_device_place here = { .size = sizeof(here) }, there = { .size = sizeof(there) };
	struct trn_timeline *timeline = api_timeline(a, 0);
	struct trn_queue *other = api_queue_on(a, far, 16);
	struct trn_batch *batch = api_batch(a, other, 4);

	API_OK(a, trn_device_place(a->device, &here));
	API_OK(a, trn_device_place(far, &there));
	if (here.rack == there.rack && here.server == there.server) {
		API_OK(a, trn_batch_wait(batch, timeline, 1)); /* a pod of one server */
		return;
	}
	API_CODE(a, -ENOTSUP, trn_batch_wait(batch, timeline, 1));
	API_CHECK(a, api_cause_has(a, "does not reach"));
	API_CODE(a, -ENOTSUP, trn_batch_signal(batch, timeline, 1));
}

/* ---- programs ---- */

static void pod_program(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_buffer *in = api_buffer_on(a, far, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_buffer *out = api_buffer_on(a, far, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_program *program = NULL;
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);
	struct trn_arg args[2] = { 0 };
	uint8_t bytes[API_COPY_BYTES], got[API_COPY_BYTES];
	void *image = NULL;
	size_t size = 0;

	API_OK(a, api_image_move(&a->mem.alloc, &image, &size));
	(void)api_keep(a, API_IMAGE, image);
	API_OK(a, trn_program_load(a->device, image, size, 0, api_soon(), &program));
	(void)api_keep(a, API_PROGRAM, program);
	api_random(a, bytes, sizeof(bytes));
	API_OK(a, trn_buffer_write(in, 0, bytes, sizeof(bytes), api_soon()));
	args[0].buffer = api_peer(a, in, a->device);
	args[1].buffer = api_peer(a, out, a->device);
	API_OK(a, trn_batch_launch(batch, program, 0, args, 2));
	run(a, queue, batch);
	API_OK(a, trn_buffer_read(out, 0, got, sizeof(got), api_soon()));
	API_CHECK(a, memcmp(bytes, got, sizeof(got)) == 0);
}

/* ---- who is no peer, who goes away ---- */

static void pod_strangers(struct api *a)
{
	struct trn_device *next = near_chip(a);
	struct trn_buffer *hbm = api_buffer(a, TRN_BUFFER_HBM, 4096);
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, 4096);
	struct trn_queue *queue = api_queue_on(a, next, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_buffer *peer = NULL;
	struct trn_device *other = NULL;
	char uri[256];

	api_uri(a, 1, uri, sizeof(uri));
	(void)snprintf(uri + strlen(uri), sizeof(uri) - strlen(uri), "%sseed=77",
		       strchr(uri, '?') ? "&" : "?");
	API_OK(a, trn_device_open(a->context, uri, api_soon(), &other));
	(void)api_keep(a, API_DEVICE, other);
	API_CODE(a, -EXDEV, trn_buffer_peer(hbm, other, &peer));
	API_CODE(a, -ENOTSUP, trn_buffer_peer(host, next, &peer));
	API_CODE(a, -EINVAL, trn_batch_copy(batch, hbm, 0, hbm, 2048, 64));
	API_CHECK(a, api_cause_has(a, "trn_buffer_peer()"));
	peer = api_peer(a, hbm, next);
	API_CODE(a, -ENOTSUP, trn_batch_fill(batch, peer, 0, 64, 0));
	API_CODE(a, -EINVAL, trn_batch_copy(batch, peer, 4090, peer, 0, 64));
}

/* Everything of the other chip is given back before the work begins: it is there until its end. */
static void pod_held_by_the_work(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *there = api_buffer_on(a, far, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *peer = api_peer(a, there, a->device);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	uint64_t sequence = 0;

	API_OK(a, trn_batch_copy(batch, peer, 0, here, 0, SPAN));
	API_OK(a, trn_batch_copy(batch, here, 0, peer, 0, SPAN));
	api_release(a, peer);
	api_release(a, there);
	api_release(a, far);
	API_OK(a, trn_queue_submit(queue, batch, api_soon(), &sequence));
	api_release(a, batch);
	API_OK(a, trn_queue_wait(queue, sequence, api_soon()));
}

/* Work on this chip's own memory, to see that it is well. */
static void still_well(struct api *a)
{
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 8192);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);

	API_OK(a, trn_batch_copy(batch, buffer, 4096, buffer, 0, 4096));
	run(a, queue, batch);
}

/* The other chip falls off the bus: copies to it end in an error, this one goes on. */
static void pod_lost_peer(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, SPAN);
	struct trn_buffer *peer =
		api_peer(a, api_buffer_on(a, far, TRN_BUFFER_HBM, SPAN), a->device);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);
	struct trn_error error = { .size = sizeof(error) };
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	char text[64] = "";
	int r;

	a->violations_allowed = true;
	API_OK(a, trn_diag_control(far, "fault", "device.lost", text, sizeof(text)));
	API_CODE(a, -TRN_EDEVLOST, trn_device_telemetry(far, &telemetry));
	API_OK(a, trn_batch_copy(batch, peer, 0, here, 0, SPAN));
	r = submit_wait(queue, batch);
	API_CHECK(a, r == -EIO || r == -TRN_EFAULT_DEV);
	API_OK(a, trn_queue_error(queue, &error));
	API_CHECK(a, error.code == r && error.command == 0);
	API_OK(a, trn_queue_reset(queue, api_soon()));
	trn_batch_clear(batch);
	API_OK(a, trn_batch_copy(batch, here, 0, peer, 0, 64));
	r = submit_wait(queue, batch);
	API_CHECK(a, r == -EIO || r == -TRN_EFAULT_DEV);
	still_well(a);
}

/* The other chip is reset at some moment of a copy: it ends, one way or the other. */
static void pod_reset_under_copy(struct api *a)
{
	struct trn_device *far = far_chip(a);
	struct trn_buffer *here = api_buffer(a, TRN_BUFFER_HBM, 64 * SPAN);
	struct trn_buffer *there = api_buffer_on(a, far, TRN_BUFFER_HBM, 64 * SPAN);
	struct trn_buffer *peer = api_peer(a, there, a->device);

	a->violations_allowed = true;
	for (int round = 0; round < 4; round++) {
		struct trn_queue *queue = api_queue(a, 16);
		struct trn_batch *batch = api_batch(a, queue, 2);
		const uint64_t steps = api_below(a, 6);
		uint64_t sequence = 0;
		int r;

		API_OK(a, trn_batch_copy(batch, round % 2 ? here : peer, 0, round % 2 ? peer : here,
					 0, 64 * SPAN));
		API_OK(a, trn_queue_submit(queue, batch, api_soon(), &sequence));
		for (uint64_t i = 0; i < steps; i++)
			(void)trn_context_progress(a->context);
		API_OK(a, trn_device_reset(far, 0, api_soon()));
		r = trn_queue_wait(queue, sequence, api_soon());
		API_CHECK(a, r == 0 || r == -EIO || r == -TRN_EFAULT_DEV);
		API_OK(a, trn_queue_reset(queue, api_soon()));
		trn_batch_clear(batch);
		API_OK(a, trn_batch_copy(batch, peer, 0, here, 0, 4096));
		run(a, queue, batch);
	}
	still_well(a);
}

const struct api_test api_pod_tests[] = {
	{ "pod.one-of-many", pod_one_of_many },
	{ "pod.all", pod_all },
	{ "pod.copies", pod_copies },
	{ "pod.large-offsets", pod_large_offsets },
	{ "pod.nothing-else", pod_nothing_else },
	{ "pod.fan-out", pod_fan_out },
	{ "pod.payload-then-flag", pod_payload_then_flag },
	{ "pod.threads", pod_threads },
	{ "pod.timeline-between", pod_timeline_between },
	{ "pod.timeline-from-host", pod_timeline_from_host },
	{ "pod.timeline-chain", pod_timeline_chain },
	{ "pod.timeline-of-another-server", pod_timeline_of_another_server },
	{ "pod.program", pod_program },
	{ "pod.strangers", pod_strangers },
	{ "pod.held-by-the-work", pod_held_by_the_work },
	{ "pod.lost-peer", pod_lost_peer },
	{ "pod.reset-under-copy", pod_reset_under_copy },
	{ 0 },
};
