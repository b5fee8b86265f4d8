// SPDX-License-Identifier: Apache-2.0
/*
 * tour: two queues and two timelines. One queue fills a buffer when the host says go, the
 * other copies it out when the first is done. Then a wait that nothing can satisfy, and
 * what the library says about it. docs/runtime-guide.md walks through this file.
 * usage: tour [URI]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)
#define BYTES UINT64_C(65536)
#define PATTERN 0x600dcafeu

struct tour {
	struct trn_buffer *hbm, *host;
	struct trn_timeline *go, *filled, *copied;
	struct trn_queue *first, *second;
	struct trn_batch *fill, *copy;
};

/* All memory is taken here: nothing below allocates. */
static int make(struct trn_device *device, struct tour *t)
{
	const struct trn_buffer_opts hbm = { .size = sizeof(hbm), .bytes = BYTES, .core = 0 };
	const struct trn_buffer_opts host = { .size = sizeof(host),
					      .bytes = BYTES,
					      .kind = TRN_BUFFER_HOST };
	int r = trn_buffer_create(device, &hbm, &t->hbm);

	if (r == 0)
		r = trn_buffer_create(device, &host, &t->host);
	if (r == 0)
		r = trn_timeline_create(device, 0, &t->go);
	if (r == 0)
		r = trn_timeline_create(device, 0, &t->filled);
	if (r == 0)
		r = trn_timeline_create(device, 0, &t->copied);
	if (r == 0)
		r = trn_queue_create(device, NULL, &t->first);
	if (r == 0)
		r = trn_queue_create(device, NULL, &t->second);
	if (r == 0)
		r = trn_batch_create(t->first, 3, &t->fill);
	if (r == 0)
		r = trn_batch_create(t->second, 3, &t->copy);
	return r;
}

static int record(struct tour *t)
{
	int r = trn_batch_wait(t->fill, t->go, 1);

	if (r == 0)
		r = trn_batch_fill(t->fill, t->hbm, 0, BYTES, PATTERN);
	if (r == 0)
		r = trn_batch_signal(t->fill, t->filled, 1);
	if (r == 0)
		r = trn_batch_wait(t->copy, t->filled, 1);
	if (r == 0)
		r = trn_batch_copy(t->copy, t->host, 0, t->hbm, 0, BYTES);
	if (r == 0)
		r = trn_batch_signal(t->copy, t->copied, 1);
	return r;
}

/* The queue that has to wait goes first: the device holds it back, not this thread. */
static int run(struct tour *t, uint64_t deadline_ns)
{
	int r = trn_queue_submit(t->second, t->copy, deadline_ns, NULL);

	if (r == 0)
		r = trn_queue_submit(t->first, t->fill, deadline_ns, NULL);
	if (r == 0)
		r = trn_timeline_signal(t->go, 1);
	if (r == 0)
		r = trn_timeline_wait(t->copied, 1, deadline_ns);
	return r;
}

/* Nobody raises the timeline to 2. A simulated device says so at once. */
static void give_up(struct trn_context *context, struct tour *t)
{
	struct trn_error error = { .size = sizeof(error) };
	int r = trn_timeline_wait(t->copied, 2, trn_deadline_in(SECONDS / 10));

	if (r < 0 && trn_error_get(context, &error) == 0)
		printf("%s: %s\n  cause: %s\n  hint:  %s\n", error.operation, trn_strerror(r),
		       error.cause, error.hint);
}

static int look(struct tour *t)
{
	const uint32_t *words = NULL;
	void *bytes = NULL;
	int r = trn_buffer_map(t->host, &bytes);

	for (words = bytes; r == 0 && words < (const uint32_t *)bytes + BYTES / 4; words++)
		if (*words != PATTERN)
			r = 1;
	printf("%" PRIu64 " bytes filled by one queue, copied by another: %s.\n", BYTES,
	       r == 0 ? "all there" : "wrong");
	return r;
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : getenv("TRN_DEVICE");
	struct trn_error error = { .size = sizeof(error) };
	struct trn_context *context = NULL;
	struct trn_device *device = NULL;
	uint64_t deadline_ns = trn_deadline_in(30 * SECONDS);
	struct tour t = { 0 };
	int r = trn_context_create(NULL, &context);

	if (!uri)
		printf("No device was named: using the simulated %s.\n", uri = "mock:trn3");
	if (r == 0)
		r = trn_device_open(context, uri, deadline_ns, &device);
	if (r == 0)
		r = make(device, &t);
	if (r == 0)
		r = record(&t);
	if (r == 0)
		r = run(&t, deadline_ns);
	if (r < 0 && context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "%s: %s: %s\n", uri, trn_strerror(r), error.cause);
	if (r == 0)
		r = look(&t);
	if (r == 0)
		give_up(context, &t);
	trn_batch_destroy(t.copy);
	trn_batch_destroy(t.fill);
	trn_queue_unref(t.second);
	trn_queue_unref(t.first);
	trn_timeline_unref(t.copied);
	trn_timeline_unref(t.filled);
	trn_timeline_unref(t.go);
	trn_buffer_unref(t.host);
	trn_buffer_unref(t.hbm);
	trn_device_unref(device);
	trn_context_unref(context);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
