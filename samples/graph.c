// SPDX-License-Identifier: Apache-2.0
/*
 * graph: work recorded once and run again with one doorbell for each queue. One queue brings a
 * page to HBM, another takes it back when it is there, unless its first word is 1: the device
 * itself looks, and sends ones instead. Each launch has another page bound.
 * usage: graph [URI]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)
#define BYTES UINT64_C(4096)

enum {
	PAGE0,
	PAGE1,
	NEAR,
	BACK,
	BUFFERS
};

struct work {
	struct trn_buffer *buffer[BUFFERS];
	struct trn_queue *in, *out;
	struct trn_batch *bring, *take;
	struct trn_graph *graph;
	struct trn_graph_exec *exec;
	uint32_t node; /* that brings the page */
};

static int setup(struct trn_device *device, struct work *work)
{
	int r = 0;

	if (trn_queue_create(device, NULL, &work->in) < 0 ||
	    trn_queue_create(device, NULL, &work->out) < 0 ||
	    trn_batch_create(work->in, 1, &work->bring) < 0 ||
	    trn_batch_create(work->out, 1, &work->take) < 0)
		return -1;
	for (int i = 0; r == 0 && i < BUFFERS; i++) {
		const struct trn_buffer_opts opts = {
			.size = sizeof(opts),
			.kind = i == NEAR ? TRN_BUFFER_HBM : TRN_BUFFER_HOST,
			.bytes = BYTES,
		};

		r = trn_buffer_create(device, &opts, &work->buffer[i]);
	}
	return r;
}

/* What the batch says becomes a node; the batch is free for the next one. */
static int add(struct work *work, struct trn_batch *batch, uint32_t *ret_node)
{
	int r = trn_graph_add_batch(work->graph, batch, ret_node);

	trn_batch_clear(batch);
	return r;
}

/* The first call that fails leaves the record that main() prints. */
static int record(struct trn_device *device, struct work *work)
{
	struct trn_buffer **b = work->buffer;
	const struct trn_graph_cond is_one = { b[NEAR], 0, TRN_GRAPH_EQ, 1 };
	uint32_t choice;

	if (trn_graph_create(device, &work->graph) < 0 ||
	    trn_batch_copy(work->bring, b[NEAR], 0, b[PAGE0], 0, BYTES) < 0 ||
	    add(work, work->bring, &work->node) < 0 ||
	    trn_graph_if(work->graph, work->out, &is_one, &choice) < 0 ||
	    trn_batch_fill(work->take, b[BACK], 0, BYTES, 0xffffffff) < 0 ||
	    add(work, work->take, NULL) < 0 || trn_graph_else(work->graph, work->out) < 0 ||
	    trn_batch_copy(work->take, b[BACK], 0, b[NEAR], 0, BYTES) < 0 ||
	    add(work, work->take, NULL) < 0 || trn_graph_end(work->graph, work->out) < 0 ||
	    /* the whole if waits, on the other queue */
	    trn_graph_depend(work->graph, choice, work->node) < 0)
		return -1;
	return trn_graph_instantiate(work->graph, &work->exec);
}

/* One command and one doorbell for each queue, however much was recorded. */
static int replay(struct work *work, int page, uint64_t *ret_back)
{
	const struct trn_arg source = { .buffer = work->buffer[page] };
	const uint64_t deadline = trn_deadline_in(30 * SECONDS);

	if (trn_graph_rebind(work->exec, work->node, 0, 1, &source) < 0 ||
	    trn_graph_launch(work->exec, deadline, NULL) < 0 ||
	    trn_graph_wait(work->exec, deadline) < 0)
		return -1;
	return trn_buffer_read(work->buffer[BACK], 0, ret_back, sizeof(*ret_back), deadline);
}

static int run(struct trn_device *device, struct work *work)
{
	struct trn_graph_info info = { .size = sizeof(info) };
	const uint64_t send[2] = { 42, 1 };
	uint64_t back = 0;
	int r = setup(device, work);

	for (int i = 0; r == 0 && i < 2; i++)
		r = trn_buffer_write(work->buffer[i], 0, &send[i], sizeof(send[i]),
				     trn_deadline_in(30 * SECONDS));
	if (r == 0)
		r = record(device, work);
	for (int i = 0; r == 0 && i < 4; i++) {
		r = replay(work, i % 2, &back);
		if (r == 0)
			printf("page %d came back as 0x%" PRIx64 "\n", i % 2, back);
	}
	if (r == 0 && trn_graph_info(work->exec, &info) == 0)
		printf("%" PRIu64 " launches of %" PRIu32 " nodes, %" PRIu32 " doorbells each\n",
		       info.launches, info.nodes, info.queues);
	return r;
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : getenv("TRN_DEVICE");
	struct trn_error error = { .size = sizeof(error) };
	struct trn_context *context = NULL;
	struct trn_device *device = NULL;
	struct work work = { 0 };
	int r;

	if (!uri)
		printf("No device was named: using the simulated %s.\n", uri = "mock:trn3");
	r = trn_context_create(NULL, &context);
	if (r == 0)
		r = trn_device_open(context, uri, trn_deadline_in(30 * SECONDS), &device);
	if (r == 0)
		r = run(device, &work);
	if (r < 0 && context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "%s: %s\n  cause: %s\n", uri, trn_strerror(error.code),
			error.cause);
	trn_graph_exec_destroy(work.exec);
	trn_graph_destroy(work.graph);
	trn_batch_destroy(work.take);
	trn_batch_destroy(work.bring);
	trn_queue_unref(work.out);
	trn_queue_unref(work.in);
	for (int i = 0; i < BUFFERS; i++)
		trn_buffer_unref(work.buffer[i]);
	trn_device_unref(device);
	trn_context_unref(context);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
