// SPDX-License-Identifier: Apache-2.0
/*
 * copy_roundtrip: host memory to HBM, to another HBM stack, and back, by one batch of
 * queued commands with one doorbell; then compares.
 * usage: copy_roundtrip [URI]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)
#define BYTES (UINT64_C(4) << 20)

struct work {
	struct trn_buffer *send, *near, *far, *receive;
	struct trn_queue *queue;
	struct trn_batch *batch;
};

static int buffer(struct trn_device *device, enum trn_buffer_kind kind, uint32_t core,
		  struct trn_buffer **ret_buffer)
{
	struct trn_buffer_opts opts = {
		.size = sizeof(opts), .kind = kind, .core = core, .bytes = BYTES
	};

	return trn_buffer_create(device, &opts, ret_buffer);
}

static int setup(struct trn_device *device, uint32_t last_core, struct work *work)
{
	int r = buffer(device, TRN_BUFFER_HOST, 0, &work->send);

	if (r == 0)
		r = buffer(device, TRN_BUFFER_HBM, 0, &work->near);
	if (r == 0)
		r = buffer(device, TRN_BUFFER_HBM, last_core, &work->far);
	if (r == 0)
		r = buffer(device, TRN_BUFFER_HOST, 0, &work->receive);
	if (r == 0)
		r = trn_queue_create(device, NULL, &work->queue);
	if (r == 0)
		r = trn_batch_create(work->queue, 3, &work->batch);
	return r;
}

/* Commands of a queue run in order: each copy sees what the one before wrote. */
static int copy(struct work *work)
{
	uint64_t deadline = trn_deadline_in(30 * SECONDS), last;
	int r = trn_batch_copy(work->batch, work->near, 0, work->send, 0, BYTES);

	if (r == 0)
		r = trn_batch_copy(work->batch, work->far, 0, work->near, 0, BYTES);
	if (r == 0)
		r = trn_batch_copy(work->batch, work->receive, 0, work->far, 0, BYTES);
	if (r == 0)
		r = trn_queue_submit(work->queue, work->batch, deadline, &last);
	if (r == 0)
		r = trn_queue_wait(work->queue, last, deadline);
	return r;
}

static int run(struct trn_device *device, struct work *work)
{
	struct trn_device_info info = { .size = sizeof(info) };
	void *send, *receive;
	int r = trn_device_info(device, &info);

	if (r == 0)
		r = setup(device, info.cores - 1, work);
	if (r == 0)
		r = trn_buffer_map(work->send, &send);
	if (r == 0)
		r = trn_buffer_map(work->receive, &receive);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < BYTES; i++)
		((uint8_t *)send)[i] = (uint8_t)(i * 2654435761u >> 24);
	memset(receive, 0, BYTES);
	r = copy(work);
	if (r < 0)
		return r;
	if (memcmp(send, receive, BYTES) != 0) {
		printf("The bytes came back changed.\n");
		return 1;
	}
	printf("%s: %" PRIu64 " MiB went to 0x%" PRIx64 ", to 0x%" PRIx64 " and back unchanged.\n",
	       info.uri, BYTES >> 20, trn_buffer_address(work->near),
	       trn_buffer_address(work->far));
	return 0;
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : getenv("TRN_DEVICE");
	struct trn_error error = { .size = sizeof(error) };
	struct trn_context *context = NULL;
	struct trn_device *device = NULL;
	struct work work = { 0 };
	int r;

	if (argc > 2) {
		fprintf(stderr, "usage: copy_roundtrip [URI]\n");
		return 2;
	}
	if (!uri) {
		uri = "mock:trn3";
		printf("No device was named: using the simulated %s.\n", uri);
	}
	r = trn_context_create(NULL, &context);
	if (r == 0)
		r = trn_device_open(context, uri, trn_deadline_in(30 * SECONDS), &device);
	if (r == 0)
		r = run(device, &work);
	if (r < 0 && context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "%s: %s\n  cause: %s\n  hint:  %s\n", uri, trn_strerror(r),
			error.cause, error.hint);
	trn_batch_destroy(work.batch);
	trn_queue_unref(work.queue);
	trn_buffer_unref(work.receive);
	trn_buffer_unref(work.far);
	trn_buffer_unref(work.near);
	trn_buffer_unref(work.send);
	trn_device_unref(device);
	trn_context_unref(context);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
