/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: graphs, on every door that runs lists of commands. */
#include "api.h"

#include <errno.h>
#include <string.h>
#include "api_images.h"

/* First in each test: a door without lists answers here. */
static struct trn_graph *graph_new(struct api *a)
{
	struct trn_graph *graph = NULL;

	API_OK(a, trn_graph_create(a->device, &graph));
	return api_keep(a, API_GRAPH, graph);
}

static struct trn_graph_exec *instantiate(struct api *a, struct trn_graph *graph)
{
	struct trn_graph_exec *exec = NULL;

	API_OK(a, trn_graph_instantiate(graph, &exec));
	return api_keep(a, API_EXEC, exec);
}

static struct trn_program *load(struct api *a,
				int (*make)(const struct trn_alloc *, void **, size_t *))
{
	struct trn_program *program = NULL;
	void *image = NULL;
	size_t bytes = 0;

	API_CHECK(a, make(&a->mem.alloc, &image, &bytes) == 0);
	(void)api_keep(a, API_IMAGE, image);
	API_OK(a, trn_program_load(a->device, image, bytes, 0, api_soon(), &program));
	api_release(a, image);
	return api_keep(a, API_PROGRAM, program);
}

static uint64_t *words_of(struct api *a, struct trn_buffer *buffer)
{
	void *map = NULL;

	API_OK(a, trn_buffer_map(buffer, &map));
	memset(map, 0, trn_buffer_size(buffer));
	return map;
}

static uint32_t add(struct api *a, struct trn_graph *graph, struct trn_batch *batch)
{
	uint32_t node = 0;

	API_OK(a, trn_graph_add_batch(graph, batch, &node));
	trn_batch_clear(batch);
	return node;
}

static void run(struct api *a, struct trn_graph_exec *exec)
{
	API_OK(a, trn_graph_launch(exec, api_soon(), NULL));
	API_OK(a, trn_graph_wait(exec, api_soon()));
}

/* Copies, fills and launches; one doorbell and no memory for each replay. */
static void graph_replay(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 16);
	struct trn_buffer *in = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_buffer *out = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, API_COPY_BYTES);
	struct trn_program *program = load(a, api_image_move);
	const struct trn_arg args[2] = { { .buffer = in }, { .buffer = out } };
	uint64_t *words = words_of(a, host), doorbells = 0;
	struct trn_graph_exec *exec;
	long requests = 0;

	for (int i = 0; i < 25; i++) {
		API_OK(a, trn_batch_copy(batch, in, 0, host, 0, API_COPY_BYTES));
		API_OK(a, trn_batch_launch(batch, program, 0, args, 2));
		API_OK(a, trn_batch_copy(batch, host, 8, out, 0, 8));
		API_OK(a, trn_batch_copy(batch, host, 0, host, 8, 8));
		(void)add(a, graph, batch);
	}
	exec = instantiate(a, graph);
	api_release(a, graph);
	api_release(a, program);
	for (uint64_t i = 1; i <= 30; i++) {
		if (i == 10) {
			requests = a->mem.requests;
			doorbells = api_counter(a, "counters", "doorbells");
		}
		words[0] = i;
		words[1] = 0;
		run(a, exec);
		API_CHECK(a, words[0] == i && words[1] == i);
	}
	API_CHECK(a, a->mem.requests == requests);
	if (doorbells != UINT64_MAX)
		API_CHECK(a, api_counter(a, "counters", "doorbells") == doorbells + 21);
}

/* A value goes around three queues, and launches that are in flight together do not meet. */
static void graph_queues(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, 4096);
	uint64_t *words = words_of(a, host), sequences[3];
	struct trn_graph_exec *exec;
	struct trn_queue *queues[3];
	uint32_t node = 0, last = 0;

	for (int q = 0; q < 3; q++)
		queues[q] = api_queue(a, 16);
	for (uint64_t i = 0; i < 12; i++) {
		struct trn_batch *batch = api_batch(a, queues[i % 3], 2);

		API_OK(a, trn_batch_copy(batch, host, 8 * i + 8, host, 8 * i, 8));
		node = add(a, graph, batch);
		if (i > 0)
			API_OK(a, trn_graph_depend(graph, node, last));
		last = node;
	}
	exec = instantiate(a, graph);
	for (uint64_t i = 1; i <= 20; i++) {
		words[0] = i;
		run(a, exec);
		API_CHECK(a, words[12] == i);
	}
	for (int i = 0; i < 10; i++)
		API_OK(a, trn_graph_launch(exec, api_soon(), sequences));
	for (int q = 0; q < 3; q++)
		API_OK(a, trn_queue_wait(queues[q], sequences[q], api_soon()));
	API_OK(a, trn_graph_wait(exec, TRN_DEADLINE_NOW));
}

/* Words that the device itself writes decide. */
static void graph_branches(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 16);
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, 4096);
	struct trn_buffer *hbm = api_buffer(a, TRN_BUFFER_HBM, 4096);
	struct trn_graph_cond cond = { hbm, 0, TRN_GRAPH_GE, 100 };
	struct trn_graph_cond more = { host, 16, TRN_GRAPH_NE, 0 };
	uint64_t *words = words_of(a, host);
	struct trn_graph_exec *exec;

	API_OK(a, trn_batch_copy(batch, hbm, 0, host, 0, 8));
	(void)add(a, graph, batch);
	API_OK(a, trn_graph_if(graph, queue, &cond, NULL));
	API_OK(a, trn_batch_fill(batch, host, 8, 8, 1));
	(void)add(a, graph, batch);
	API_OK(a, trn_graph_else(graph, queue));
	API_OK(a, trn_batch_fill(batch, host, 8, 8, 2));
	(void)add(a, graph, batch);
	API_OK(a, trn_graph_end(graph, queue));
	/* Words 3.. move down to word 2 until that is 0: at most 5 times. */
	API_OK(a, trn_graph_loop(graph, queue, &more, 5, NULL));
	API_OK(a, trn_batch_copy(batch, host, 512, host, 24, 256));
	API_OK(a, trn_batch_copy(batch, host, 16, host, 512, 256));
	API_OK(a, trn_batch_timestamp(batch, hbm, 64));
	(void)add(a, graph, batch);
	API_OK(a, trn_graph_end(graph, queue));
	exec = instantiate(a, graph);
	for (uint64_t i = 0; i < 8; i++) {
		memset(words, 0, 4096);
		words[0] = 97 + i;
		for (uint64_t j = 0; j < i; j++)
			words[2 + j] = 1;
		run(a, exec);
		API_CHECK(a, (uint32_t)words[1] == (i >= 3 ? 1 : 2));
		for (uint64_t j = 0; j < 8; j++)
			API_CHECK(a, words[2 + j] == (j + 5 < i));
	}
}

static void graph_rebind(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_buffer *in[2], *out = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_timeline *gate = api_timeline(a, 0);
	struct trn_program *program = load(a, api_image_move);
	uint8_t bytes[2][API_COPY_BYTES], got[API_COPY_BYTES];
	struct trn_graph_exec *exec;
	uint32_t node;

	for (int i = 0; i < 2; i++) {
		in[i] = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
		api_random(a, bytes[i], API_COPY_BYTES);
		API_OK(a, trn_buffer_write(in[i], 0, bytes[i], API_COPY_BYTES, api_soon()));
	}
	API_OK(a, trn_batch_wait(batch, gate, 1));
	API_OK(a,
	       trn_batch_launch(batch, program, 1,
				(struct trn_arg[2]){ { .buffer = in[0] }, { .buffer = out } }, 2));
	node = add(a, graph, batch);
	exec = instantiate(a, graph);
	for (int i = 0; i < 2; i++) {
		const struct trn_arg arg = { .buffer = in[1 - i] };

		API_OK(a, trn_graph_launch(exec, api_soon(), NULL));
		if (i == 0) { /* the gate is closed: the launch is in flight */
			API_CODE(a, -EBUSY, trn_graph_rebind(exec, node, 1, 0, &arg));
			API_CODE(a, -ETIMEDOUT, trn_graph_wait(exec, trn_deadline_in(1000000)));
			API_OK(a, trn_timeline_signal(gate, 1));
		}
		API_OK(a, trn_graph_wait(exec, api_soon()));
		API_OK(a, trn_buffer_read(out, 0, got, API_COPY_BYTES, api_soon()));
		API_CHECK(a, memcmp(got, bytes[i], API_COPY_BYTES) == 0);
		API_OK(a, trn_graph_rebind(exec, node, 1, 0, &arg));
	}
	API_CODE(a, -EINVAL,
		 trn_graph_rebind(exec, node, 1, 0,
				  &(struct trn_arg){ .buffer = in[0], .offset = 1 }));
	API_CODE(a, -ENOENT, trn_graph_rebind(exec, node, 2, 0, &(struct trn_arg){ 0 }));
}

/* A program that breaks a rule inside a loop on one queue; the other waits for it. */
static void graph_failure(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_queue *queue = api_queue(a, 16), *other = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4), *late = api_batch(a, other, 1);
	struct trn_error error = { .size = sizeof(error) };
	struct trn_graph_exec *exec;
	uint32_t loop = 0;

	API_OK(a, trn_graph_loop(graph, queue, NULL, 3, &loop));
	API_OK(a, trn_batch_nop(batch));
	API_OK(a, trn_batch_launch(batch, load(a, api_image_uninit), 2, NULL, 0));
	(void)add(a, graph, batch);
	API_OK(a, trn_graph_end(graph, queue));
	API_OK(a, trn_batch_nop(late));
	API_OK(a, trn_graph_depend(graph, add(a, graph, late), loop));
	exec = instantiate(a, graph);
	API_OK(a, trn_graph_launch(exec, api_soon(), NULL));
	API_CODE(a, -TRN_EINSN, trn_graph_wait(exec, api_soon()));
	API_CHECK(a, api_cause_has(a, "node 1 of a graph, command 1"));
	API_OK(a, trn_queue_error(queue, &error));
	API_CHECK(a, error.core == 2 && strcmp(error.operation, "launch") == 0);
	API_CODE(a, -TRN_EQUEUE, trn_graph_launch(exec, api_soon(), NULL));
	API_OK(a, trn_device_reset(a->device, 1u << 2, api_soon()));
	API_OK(a, trn_queue_reset(queue, api_soon()));
	API_CODE(a, -ESTALE, trn_graph_launch(exec, api_soon(), NULL));
	API_CODE(a, -ESTALE, trn_graph_wait(exec, api_soon()));
	API_OK(a, trn_queue_reset(other, api_soon()));
	a->violations_allowed = true; /* a read of PSUM that nobody wrote */
}

/* After a reset of the whole device an instance is dead, and the graph makes another. */
static void graph_device_reset(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 1);
	struct trn_graph_exec *exec;

	API_OK(a, trn_batch_nop(batch));
	(void)add(a, graph, batch);
	exec = instantiate(a, graph);
	run(a, exec);
	API_OK(a, trn_device_reset(a->device, 0, api_soon()));
	API_CODE(a, -ESTALE, trn_graph_launch(exec, api_soon(), NULL));
	API_OK(a, trn_queue_reset(queue, api_soon()));
	run(a, instantiate(a, graph));
}

/* An instance that is ended, and a queue that is, with launches in flight. */
static void graph_drop(struct api *a)
{
	struct trn_graph *graph = graph_new(a);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 1);
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, 4096);
	struct trn_timeline *gate = api_timeline(a, 0);
	struct trn_graph_exec *exec;

	API_OK(a, trn_batch_wait(batch, gate, 1));
	(void)add(a, graph, batch);
	API_OK(a, trn_batch_fill(batch, host, 0, 4096, 1));
	(void)add(a, graph, batch);
	exec = instantiate(a, graph);
	for (int i = 0; i < 3; i++)
		API_OK(a, trn_graph_launch(exec, api_soon(), NULL));
	api_release(a, exec);
	api_release(a, graph);
	api_release(a, host);
	api_release(a, batch);
	api_release(a, queue);
}

const struct api_test api_graph_tests[] = {
	{ "graph.replay", graph_replay },     { "graph.queues", graph_queues },
	{ "graph.branches", graph_branches }, { "graph.rebind", graph_rebind },
	{ "graph.failure", graph_failure },   { "graph.device-reset", graph_device_reset },
	{ "graph.drop", graph_drop },         { NULL, NULL },
};
