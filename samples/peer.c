// SPDX-License-Identifier: Apache-2.0
/*
 * peer: the first and the last chip of a pod exchange a buffer over the links, both ways at
 * once, each by a copy of its own queue between two time stamps; no byte passes the host.
 * usage: peer [URI of a pod]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)
#define BYTES (UINT64_C(16) << 20)
#define CHIPS_MAX 256

static uint8_t a[BYTES], b[BYTES];

struct side {
	uint32_t index; /* of the chip */
	struct trn_device *device;
	struct trn_buffer *send, *receive, *stamps, *there; /* there: the other's receive */
	struct trn_queue *queue;
	struct trn_batch *batch;
};

static int make(struct side *side)
{
	const struct trn_buffer_opts hbm = { .size = sizeof(hbm), .bytes = BYTES };
	const struct trn_buffer_opts host = { .size = sizeof(host),
					      .bytes = 16,
					      .kind = TRN_BUFFER_HOST };
	int r = trn_buffer_create(side->device, &hbm, &side->send);

	if (r == 0)
		r = trn_buffer_create(side->device, &hbm, &side->receive);
	if (r == 0)
		r = trn_buffer_create(side->device, &host, &side->stamps);
	if (r == 0)
		r = trn_queue_create(side->device, NULL, &side->queue);
	if (r == 0)
		r = trn_batch_create(side->queue, 3, &side->batch);
	return r;
}

static int record(struct side *side, struct side *other)
{
	int r = trn_buffer_peer(other->receive, side->device, &side->there);

	if (r == 0)
		r = trn_batch_timestamp(side->batch, side->stamps, 0);
	if (r == 0)
		r = trn_batch_copy(side->batch, side->there, 0, side->send, 0, BYTES);
	if (r == 0)
		r = trn_batch_timestamp(side->batch, side->stamps, 8);
	return r;
}

/* What was received is what the other one sent, and how long that took. */
static int check(struct side *side, struct side *other)
{
	uint64_t deadline = trn_deadline_in(30 * SECONDS), stamps[2] = { 0 };
	int r = trn_buffer_read(side->send, 0, a, BYTES, deadline);

	if (r == 0)
		r = trn_buffer_read(other->receive, 0, b, BYTES, deadline);
	if (r == 0)
		r = trn_buffer_read(side->stamps, 0, stamps, sizeof(stamps), deadline);
	if (r < 0)
		return r;
	r = memcmp(a, b, BYTES) != 0;
	printf("chip %" PRIu32 " to %" PRIu32 ": %" PRIu64 " MiB in %.3f us of device time, "
	       "%.1f GB/s%s\n",
	       side->index, other->index, BYTES >> 20, (double)(stamps[1] - stamps[0]) / 1e3,
	       (double)BYTES / (double)(stamps[1] - stamps[0]), r ? ": bytes are wrong" : "");
	return r;
}

/* Both copies are on the way at the same time. */
static int run(struct side *sides)
{
	uint64_t deadline = trn_deadline_in(60 * SECONDS);
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		for (uint64_t n = 0; n < BYTES; n++)
			a[n] = (uint8_t)((n + (uint64_t)i) * 2654435761u >> 24);
		r = make(&sides[i]);
		if (r == 0)
			r = trn_buffer_write(sides[i].send, 0, a, BYTES, deadline);
	}
	for (int i = 0; r == 0 && i < 2; i++)
		r = record(&sides[i], &sides[1 - i]);
	for (int i = 0; r == 0 && i < 2; i++)
		r = trn_queue_submit(sides[i].queue, sides[i].batch, deadline, NULL);
	for (int i = 0; r == 0 && i < 2; i++)
		r = trn_queue_drain(sides[i].queue, deadline);
	for (int i = 0; r == 0 && i < 2; i++)
		r = check(&sides[i], &sides[1 - i]);
	return r;
}

static void end(struct side *side)
{
	trn_batch_destroy(side->batch);
	trn_queue_unref(side->queue);
	trn_buffer_unref(side->there);
	trn_buffer_unref(side->stamps);
	trn_buffer_unref(side->receive);
	trn_buffer_unref(side->send);
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : getenv("TRN_DEVICE");
	struct trn_error error = { .size = sizeof(error) };
	struct trn_device *devices[CHIPS_MAX];
	struct trn_context *context = NULL;
	struct side sides[2] = { 0 };
	uint32_t count = 0;
	int r;

	if (!uri) {
		uri = "mock:trn2-48xl";
		printf("No device was named: using the simulated %s.\n", uri);
	}
	r = trn_context_create(NULL, &context);
	if (r == 0)
		r = trn_pod_open(context, uri, trn_deadline_in(60 * SECONDS), devices, CHIPS_MAX,
				 &count);
	if (r == 0) {
		sides[0].device = devices[0];
		sides[1].device = devices[count - 1];
		sides[1].index = count - 1;
		r = run(sides);
	}
	if (r < 0 && context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "%s: %s\n  cause: %s\n  hint:  %s\n", uri, trn_strerror(r),
			error.cause, error.hint);
	end(&sides[0]);
	end(&sides[1]);
	while (count > 0)
		trn_device_unref(devices[--count]);
	trn_context_unref(context);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
