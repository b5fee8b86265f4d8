/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: waits for several timelines, callbacks, failures on their way to whoever waits,
 * cancellation, rings of waits, timelines between devices that share nothing else. */
#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLINK trn_deadline_in(3000000) /* of a wait that has to end in -ETIMEDOUT */

/* ---- several at once ---- */

static void sync_many(struct api *a)
{
	const struct trn_timeline_point points[] = {
		{ api_timeline(a, 0), 1 },
		{ api_timeline(a, 4), 5 },
		{ api_timeline(a, 0), 1 },
	};
	uint32_t at = 99;

	API_CODE(a, -ETIMEDOUT,
		 trn_timeline_wait_many(points, 3, TRN_WAIT_ANY, TRN_DEADLINE_NOW, &at));
	API_CODE(a, -ETIMEDOUT, trn_timeline_wait_many(points, 3, TRN_WAIT_ANY, BLINK, &at));
	API_CHECK(a, at == 99);
	API_OK(a, trn_timeline_signal(points[2].timeline, 1));
	API_OK(a, trn_timeline_wait_many(points, 3, TRN_WAIT_ANY, api_soon(), &at));
	API_CHECK(a, at == 2);
	API_OK(a, trn_timeline_signal(points[1].timeline, 5));
	API_OK(a, trn_timeline_wait_many(points, 3, TRN_WAIT_ANY, api_soon(), &at));
	API_CHECK(a, at == 1);
	API_CODE(a, -ETIMEDOUT, trn_timeline_wait_many(points, 3, TRN_WAIT_ALL, BLINK, NULL));
	API_OK(a, trn_timeline_signal(points[0].timeline, 1));
	API_OK(a, trn_timeline_wait_many(points, 3, TRN_WAIT_ALL, TRN_DEADLINE_NOW, NULL));
	API_CHECK(a, trn_timeline_wait_many(points, 0, TRN_WAIT_ALL, 0, NULL) == -EINVAL);
	API_CHECK(a, trn_timeline_wait_many(NULL, 1, TRN_WAIT_ALL, 0, NULL) == -EINVAL);
	API_CODE(a, -EINVAL, trn_timeline_wait_many(points, 3, 2, 0, NULL));
}

/* By queues, in an order that the host does not know. */
static void sync_many_queues(struct api *a)
{
	struct trn_timeline_point points[4];
	uint32_t first = (uint32_t)api_below(a, 4), at = 99;

	for (uint32_t i = 0; i < 4; i++)
		points[i] = (struct trn_timeline_point){ api_timeline(a, 0), i + 1 };
	for (uint32_t n = 0; n < 4; n++) {
		uint32_t i = (first + n) % 4;
		struct trn_queue *queue = api_queue(a, 16);
		struct trn_batch *batch = api_batch(a, queue, 1);

		API_OK(a, trn_batch_signal(batch, points[i].timeline, i + 1));
		api_submit(a, queue, batch, NULL);
		if (n == 0) {
			API_OK(a, trn_timeline_wait_many(points, 4, TRN_WAIT_ANY, api_soon(), &at));
			API_CHECK(a, at == first);
		}
	}
	API_OK(a, trn_timeline_wait_many(points, 4, TRN_WAIT_ALL, api_soon(), NULL));
}

/* ---- callbacks ---- */

struct heard {
	uint32_t calls;
	int code;
	uint32_t *clock; /* counts over several */
	uint32_t at;
};

static void hear(void *user, int code)
{
	struct heard *heard = user;

	heard->calls++;
	heard->code = code;
	heard->at = ++*heard->clock;
}

static void sync_notify(struct api *a)
{
	struct trn_timeline *timeline = api_timeline(a, 0), *other = NULL;
	uint32_t clock = 0;
	struct heard heard[4] = {
		{ .clock = &clock }, { .clock = &clock }, { .clock = &clock }, { .clock = &clock }
	};
	uint64_t id = 0;

	API_OK(a, trn_timeline_notify(timeline, 2, hear, &heard[0], NULL));
	API_OK(a, trn_timeline_notify(timeline, 1, hear, &heard[1], NULL));
	API_OK(a, trn_timeline_notify(timeline, 3, hear, &heard[2], &id));
	API_CHECK(a, id != 0);
	API_CODE(a, -EINVAL, trn_timeline_notify(timeline, 3, NULL, NULL, NULL));
	API_OK(a, trn_timeline_signal(timeline, 2));
	API_CHECK(a, clock == 0); /* not inside a signal */
	API_OK(a, trn_timeline_wait(timeline, 2, api_soon()));
	API_CHECK(a, heard[0].calls == 1 && heard[1].calls == 1 && heard[2].calls == 0);
	API_CHECK(a, heard[0].at == 1 && heard[1].at == 2 && heard[0].code == 0);
	/* Cancelled: never; and only once. */
	API_OK(a, trn_timeline_notify_cancel(a->context, id));
	API_CODE(a, -ENOENT, trn_timeline_notify_cancel(a->context, id));
	API_OK(a, trn_timeline_signal(timeline, 3));
	(void)trn_context_progress(a->context);
	API_CHECK(a, heard[2].calls == 0);
	/* Due at once, but not before a wait or progress. */
	API_OK(a, trn_timeline_notify(timeline, 3, hear, &heard[2], NULL));
	API_CHECK(a, heard[2].calls == 0);
	(void)trn_context_progress(a->context);
	API_CHECK(a, heard[2].calls == 1);
	/* A timeline that goes tells what is left; it is held by nobody who only listens. */
	API_OK(a, trn_timeline_create(a->device, 0, &other));
	API_OK(a, trn_timeline_notify(other, 1, hear, &heard[3], NULL));
	trn_timeline_unref(other);
	API_CHECK(a, heard[3].calls == 1 && heard[3].code == -ECANCELED);
}

struct busy {
	struct api *api;
	struct trn_timeline *timeline; /* gives back its only reference */
	struct trn_timeline *next;
	struct heard *heard;
	struct trn_queue *queue;
	struct trn_batch *batch;
	int failed; /* line */
};

#define TRY(busy, condition)                             \
	do {                                             \
		if (!(condition) && (busy)->failed == 0) \
			(busy)->failed = __LINE__;       \
	} while (0)

/* Whatever an application may do it may do here. */
static void do_everything(void *user, int code)
{
	struct busy *busy = user;
	struct trn_error error = { .size = sizeof(error) };
	struct trn_timeline *own = NULL;
	uint64_t id = 0;

	TRY(busy, code == 0);
	TRY(busy, trn_timeline_value(busy->timeline) == 1);
	TRY(busy, trn_timeline_create(busy->api->device, 0, &own) == 0);
	TRY(busy, trn_timeline_notify(own, 1, hear, busy->heard, &id) == 0);
	TRY(busy, trn_timeline_notify_cancel(busy->api->context, id) == 0);
	TRY(busy, trn_timeline_signal(own, 1) == 0);
	TRY(busy, trn_timeline_wait(own, 1, TRN_DEADLINE_NOW) == 0);
	TRY(busy, trn_timeline_fail(own, -EIO) == 0);
	TRY(busy, trn_timeline_wait(own, 2, TRN_DEADLINE_NOW) == -EIO);
	TRY(busy, trn_timeline_error(own, &error) == 0);
	(void)trn_context_progress(busy->api->context);
	trn_timeline_unref(own);
	TRY(busy, trn_timeline_notify(busy->next, 7, hear, busy->heard, NULL) == 0);
	TRY(busy, trn_queue_submit(busy->queue, busy->batch, TRN_DEADLINE_NOW, NULL) == 0);
	TRY(busy, trn_timeline_wait(busy->next, 7, api_soon()) == 0);
	TRY(busy, busy->heard->calls == 0); /* no callback inside a callback */
	trn_timeline_unref(busy->timeline);
}

static void sync_notify_everything(struct api *a)
{
	uint32_t clock = 0;
	struct heard heard = { .clock = &clock };
	struct busy busy = { .api = a, .heard = &heard, .next = api_timeline(a, 0) };

	busy.queue = api_queue(a, 16);
	busy.batch = api_batch(a, busy.queue, 1);
	API_OK(a, trn_batch_signal(busy.batch, busy.next, 7));
	API_OK(a, trn_timeline_create(a->device, 1, &busy.timeline));
	API_OK(a, trn_timeline_notify(busy.timeline, 1, do_everything, &busy, NULL));
	(void)trn_context_progress(a->context);
	if (busy.failed)
		(void)fprintf(stderr, "# line %d\n", busy.failed);
	API_CHECK(a, busy.failed == 0);
	API_OK(a, trn_timeline_wait(busy.next, 7, api_soon()));
	API_CHECK(a, heard.calls == 1 && heard.code == 0);
}

/* ---- failures ---- */

static void sync_fail(struct api *a)
{
	struct trn_timeline *timeline = api_timeline(a, 3);
	struct trn_timeline_point points[] = { { timeline, 4 }, { api_timeline(a, 0), 1 } };
	struct trn_error error = { .size = sizeof(error) };
	uint32_t clock = 0, at = 99;
	struct heard heard = { .clock = &clock };

	API_CHECK(a, trn_timeline_error(timeline, &error) == -ENOENT);
	API_OK(a, trn_timeline_notify(timeline, 4, hear, &heard, NULL));
	API_CODE(a, -EINVAL, trn_timeline_fail(timeline, 0));
	API_OK(a, trn_timeline_fail(timeline, -EIO));
	API_OK(a, trn_timeline_wait(timeline, 3, api_soon())); /* is there */
	API_CODE(a, -EIO, trn_timeline_wait(timeline, 4, api_soon()));
	API_CODE(a, -EIO, trn_timeline_wait(timeline, UINT64_MAX, TRN_DEADLINE_NOW));
	API_CHECK(a, heard.calls == 1 && heard.code == -EIO);
	API_CODE(a, -EIO, trn_timeline_wait_many(points, 2, TRN_WAIT_ALL, api_soon(), NULL));
	API_CODE(a, -EIO, trn_timeline_wait_many(points, 2, TRN_WAIT_ANY, api_soon(), &at));
	API_CHECK(a, at == 99);
	API_OK(a, trn_timeline_signal(points[1].timeline, 1));
	API_OK(a, trn_timeline_wait_many(points, 2, TRN_WAIT_ANY, api_soon(), &at));
	API_CHECK(a, at == 1);
	API_OK(a, trn_timeline_error(timeline, &error));
	API_CHECK(a, error.code == -EIO && strcmp(error.operation, "trn_timeline_fail") == 0);
	error.size = 1;
	API_CODE(a, -EINVAL, trn_timeline_error(timeline, &error));
}

/* links[i] waits for links[i - 1] and then raises its own: each in a queue of its own. */
#define LINKS 4

struct chain {
	struct trn_timeline *links[LINKS];
	struct trn_queue *queue[LINKS];
	struct trn_batch *batch[LINKS];
};

static void chain_make(struct api *a, struct trn_device *const *devices, uint32_t count,
		       struct chain *chain)
{
	for (uint32_t i = 0; i < LINKS; i++)
		chain->links[i] = api_timeline_on(a, devices[i % count], 0);
	for (uint32_t i = 1; i < LINKS; i++) {
		struct trn_device *device = devices[i % count];

		chain->queue[i] = api_queue_on(a, device, 16);
		chain->batch[i] = api_batch(a, chain->queue[i], 3);
		API_OK(a, trn_timeline_share(chain->links[i - 1], device));
		API_OK(a, trn_batch_wait(chain->batch[i], chain->links[i - 1], 1));
		API_OK(a, trn_batch_nop(chain->batch[i]));
		API_OK(a, trn_batch_signal(chain->batch[i], chain->links[i], 1));
		api_submit(a, chain->queue[i], chain->batch[i], NULL);
	}
}

/* Every queue of it stopped for the root, and can be used again. */
static void chain_check_broken(struct api *a, struct chain *chain, int code, const char *cause)
{
	struct trn_error error = { .size = sizeof(error) };

	API_CODE(a, code, trn_timeline_wait(chain->links[LINKS - 1], 1, api_soon()));
	API_CHECK(a, api_cause_has(a, cause));
	for (uint32_t i = 1; i < LINKS; i++) {
		API_CODE(a, code, trn_timeline_wait(chain->links[i], 1, api_soon()));
		API_CODE(a, code, trn_queue_drain(chain->queue[i], api_soon()));
		API_OK(a, trn_queue_error(chain->queue[i], &error));
		API_CHECK(a, error.code == code && strcmp(error.operation, "wait") == 0);
		API_CHECK(a, error.command == 0 && strstr(error.cause, "will not come"));
	}
	for (uint32_t i = 1; i < LINKS; i++)
		API_OK(a, trn_queue_reset(chain->queue[i], api_soon()));
}

static void sync_queue_fail(struct api *a)
{
	struct chain chain;

	chain_make(a, &a->device, 1, &chain);
	API_OK(a, trn_timeline_fail(chain.links[0], -EPIPE));
	chain_check_broken(a, &chain, -EPIPE, "the host says");
}

/* What was broken is whole once it is promised anew. */
static void sync_queue_mend(struct api *a)
{
	struct trn_error error = { .size = sizeof(error) };
	struct chain chain;
	struct trn_queue *root;
	struct trn_batch *first;

	chain_make(a, &a->device, 1, &chain);
	root = api_queue(a, 16);
	first = api_batch(a, root, 2);
	API_OK(a, trn_batch_wait(first, api_timeline(a, 0), 1));
	API_OK(a, trn_batch_signal(first, chain.links[0], 1));
	api_submit(a, root, first, NULL);
	API_OK(a, trn_queue_cancel(root, api_soon()));
	chain_check_broken(a, &chain, -ECANCELED, "cancelled");
	trn_batch_clear(first);
	API_OK(a, trn_batch_signal(first, chain.links[0], 1));
	for (uint32_t i = 1; i < LINKS; i++)
		api_submit(a, chain.queue[i], chain.batch[i], NULL);
	/* Nobody has promised the first one yet. */
	API_CODE(a, -ECANCELED, trn_timeline_wait(chain.links[0], 1, api_soon()));
	for (uint32_t i = 1; i < LINKS; i++)
		API_OK(a, trn_queue_reset(chain.queue[i], api_soon()));
	api_submit(a, root, first, NULL);
	for (uint32_t i = 1; i < LINKS; i++)
		api_submit(a, chain.queue[i], chain.batch[i], NULL);
	API_OK(a, trn_timeline_wait(chain.links[LINKS - 1], 1, api_soon()));
	API_CHECK(a, trn_timeline_error(chain.links[0], &error) == -ENOENT);
}

/* ---- cancellation ---- */

static void sync_queue_cancel(struct api *a)
{
	struct trn_timeline *go = api_timeline(a, 0), *done = api_timeline(a, 0);
	struct trn_timeline *others = api_timeline(a, 0);
	struct trn_queue *queue = api_queue(a, 16), *other = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4), *that = api_batch(a, other, 2);
	struct trn_timeline *held = NULL;
	uint64_t sequence = 0;

	API_OK(a, trn_queue_cancel(queue, api_soon())); /* nothing to drop */
	API_OK(a, trn_timeline_create(a->device, 0, &held));
	API_OK(a, trn_batch_wait(batch, go, 1));
	API_OK(a, trn_batch_signal(batch, held, 1));
	API_OK(a, trn_batch_signal(batch, done, 1));
	API_OK(a, trn_batch_wait(that, go, 1));
	API_OK(a, trn_batch_signal(that, others, 1));
	api_submit(a, other, that, NULL);
	api_submit(a, queue, batch, &sequence);
	trn_batch_clear(batch);
	trn_timeline_unref(held); /* the commands in flight have it */
	API_OK(a, trn_queue_cancel(queue, api_soon()));
	API_CODE(a, -ECANCELED, trn_queue_wait(queue, sequence, api_soon()));
	API_CODE(a, -ECANCELED, trn_timeline_wait(done, 1, api_soon()));
	API_CHECK(a, api_cause_has(a, "cancelled"));
	/* Used again at once; higher values are another matter. */
	API_OK(a, trn_batch_signal(batch, done, 2));
	api_submit(a, queue, batch, &sequence);
	API_OK(a, trn_queue_wait(queue, sequence, api_soon()));
	API_OK(a, trn_timeline_wait(done, 1, api_soon()));
	/* The other one never noticed. */
	API_OK(a, trn_timeline_signal(go, 1));
	API_OK(a, trn_timeline_wait(others, 1, api_soon()));
	API_CHECK(a, trn_queue_cancel(NULL, api_soon()) == -EINVAL);
}

/* ---- rings of waits ---- */

static void ring_half(struct api *a, struct trn_queue *queue, struct trn_timeline *wait,
		      struct trn_timeline *signal)
{
	struct trn_batch *batch = api_batch(a, queue, 3);

	API_OK(a, trn_batch_nop(batch));
	API_OK(a, trn_batch_wait(batch, wait, 1));
	API_OK(a, trn_batch_signal(batch, signal, 1));
	api_submit(a, queue, batch, NULL);
}

static void sync_queue_ring(struct api *a)
{
	struct trn_timeline *t[3] = { api_timeline(a, 0), api_timeline(a, 0), api_timeline(a, 0) };
	struct trn_timeline *self = api_timeline(a, 0);
	struct trn_queue *q[3] = { api_queue(a, 16), api_queue(a, 16), api_queue(a, 16) };

	for (int i = 0; i < 3; i++)
		ring_half(a, q[i], t[i], t[(i + 1) % 3]);
	API_CODE(a, -EDEADLK, trn_timeline_wait(t[0], 1, api_soon()));
	API_CHECK(a, api_cause_has(a, "command 1 waits for timeline"));
	API_CHECK(a, api_cause_has(a, "promised by queue"));
	API_CODE(a, -EDEADLK, trn_queue_drain(q[1], api_soon()));
	/* One that nobody has promised is no ring. */
	API_CODE(a, -ETIMEDOUT, trn_timeline_wait(t[0], 9, BLINK));
	/* A queue that waits for itself. */
	API_OK(a, trn_queue_cancel(q[2], api_soon()));
	ring_half(a, q[2], self, self);
	API_CODE(a, -EDEADLK, trn_timeline_wait(self, 1, api_soon()));
	/* The host may break it all the same. */
	API_OK(a, trn_timeline_signal(self, 1));
	API_OK(a, trn_queue_drain(q[2], api_soon()));
}

/* ---- devices that share nothing ---- */

static struct trn_device *stranger(struct api *a, const char *params)
{
	struct trn_device *device = NULL;
	char uri[64];

	(void)snprintf(uri, sizeof(uri), "mock:trn2?hbm=64M&seed=5%s", params);
	API_OK(a, trn_device_open(a->context, uri, api_soon(), &device));
	return api_keep(a, API_DEVICE, device);
}

static void between(struct api *a, const char *params)
{
	struct trn_device *devices[2] = { a->device, stranger(a, params) };
	struct trn_timeline *loose = api_timeline(a, 0);
	struct trn_queue *queue = api_queue_on(a, devices[1], 16);
	struct trn_batch *batch = api_batch(a, queue, 1);
	struct chain good, bad;

	API_CODE(a, -ENOTSUP, trn_batch_signal(batch, loose, 1));
	API_CHECK(a, api_cause_has(a, "trn_timeline_share()"));
	chain_make(a, devices, 2, &good);
	chain_make(a, devices, 2, &bad);
	API_OK(a, trn_timeline_signal(good.links[0], 1));
	API_OK(a, trn_timeline_wait(good.links[LINKS - 1], 1, api_soon()));
	API_OK(a, trn_timeline_fail(bad.links[0], -EPIPE));
	chain_check_broken(a, &bad, -EPIPE, "the host says");
}

static void sync_queue_between(struct api *a)
{
	between(a, "");
}

static void sync_queue_between_free(struct api *a)
{
	between(a, "&threads=1");
}

static void sync_queue_between_vendor(struct api *a)
{
	between(a, "&extension=0");
}

const struct api_test api_sync_tests[] = {
	{ "sync.many", sync_many },
	{ "sync.many-queues", sync_many_queues },
	{ "sync.notify", sync_notify },
	{ "sync.notify-everything", sync_notify_everything },
	{ "sync.fail", sync_fail },
	{ "sync.queue-fail", sync_queue_fail },
	{ "sync.queue-mend", sync_queue_mend },
	{ "sync.queue-cancel", sync_queue_cancel },
	{ "sync.queue-ring", sync_queue_ring },
	{ "sync.queue-between", sync_queue_between },
	{ "sync.queue-between-free", sync_queue_between_free },
	{ "sync.queue-between-vendor", sync_queue_between_vendor },
	{ "sync.fd", api_sync_fd },
	{ "sync.fd-race", api_sync_fd_race },
	{ NULL, NULL },
};
