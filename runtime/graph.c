/* SPDX-License-Identifier: Apache-2.0 */
/* Recording graphs: nodes in order, copies of what batches say, references on what they name. A
 * call that fails leaves the graph as it was. */
#include "runtime/graph.h"

#include <errno.h>

static int refuse(const struct trn_graph *graph, int code, const char *operation, const char *why)
{
	return trn_fail(graph->object.context, graph->device, code, operation, "node %u: %s",
			graph->nodes.count, why);
}

/* ---- arrays ---- */

static void *grow(const struct trn_graph *graph, void *at, uint32_t count, uint32_t *room,
		  uint32_t more, size_t size)
{
	uint32_t wanted = *room > 0 ? *room : 8;

	while (wanted - count < more)
		wanted *= 2;
	at = trn_alloc_grow(&graph->object.context->alloc, at, count, wanted, size);
	if (at)
		*room = wanted;
	return at;
}

/* Room for more members; false: no memory, and the array as it was. */
#define ROOM(graph, array, more)                                                           \
	((more) <= (graph)->array.room - (graph)->array.count ||                           \
	 ((graph)->grown = grow((graph), (graph)->array.at, (graph)->array.count,          \
				&(graph)->array.room, (more), sizeof(*(graph)->array.at)), \
	  (graph)->grown ? ((graph)->array.at = (graph)->grown, true) : false))

/* ---- making and ending ---- */

TRN_API int trn_graph_create(struct trn_device *device, struct trn_graph **ret_graph)
{
	struct trn_context *context;
	struct trn_graph *graph;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	context = device->object.context;
	if (!ret_graph)
		return trn_fail(context, device, -EINVAL, __func__, "ret_graph is NULL");
	if (!trn_device_has(device, TRN_HAL_CAP_LISTS))
		return trn_fail(context, device, -ENOTSUP, __func__,
				"the device runs no lists of commands (TRN_CAP_LISTS)");
	graph = trn_alloc_zero(&context->alloc, sizeof(*graph));
	if (!graph)
		return trn_fail(context, device, -ENOMEM, __func__, "no memory for the object");
	trn_object_init(&graph->object, TRN_OBJECT_GRAPH, context);
	graph->device = trn_device_ref(device);
	*ret_graph = graph;
	return 0;
}

TRN_API struct trn_graph *trn_graph_destroy(struct trn_graph *graph)
{
	const struct trn_alloc *alloc;
	struct trn_device *device;

	if (!graph || !TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return NULL;
	alloc = &graph->object.context->alloc;
	device = graph->device;
	for (uint32_t i = 0; i < graph->refs.count; i++) {
		trn_program_graph_use(graph->refs.at[i], -1);
		trn_object_drop(graph->refs.at[i]);
	}
	for (uint32_t i = 0; i < graph->nodes.count; i++)
		(void)trn_buffer_unref(graph->nodes.at[i].cond.word);
	for (uint32_t i = 0; i < graph->lanes.count; i++)
		(void)trn_queue_unref(graph->lanes.at[i].queue);
	trn_free(alloc, graph->nodes.at);
	trn_free(alloc, graph->commands.at);
	trn_free(alloc, graph->refs.at);
	trn_free(alloc, graph->args.at);
	trn_free(alloc, graph->edges.at);
	trn_free(alloc, graph->lanes.at);
	trn_object_bury(&graph->object);
	(void)trn_device_unref(device);
	return NULL;
}

/* ---- nodes ---- */

/* The part of a queue, or NONE. */
static uint32_t lane_find(const struct trn_graph *graph, const struct trn_queue *queue)
{
	for (uint32_t i = 0; i < graph->lanes.count; i++)
		if (graph->lanes.at[i].queue == queue)
			return i;
	return TRN_GRAPH_NONE;
}

/* A queue of the device, and room for a node and, if it is new here, for the queue. */
static int lane_prepare(struct trn_graph *graph, const struct trn_queue *queue,
			const char *operation)
{
	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return refuse(graph, -EINVAL, operation, "the queue is NULL or was given back");
	if (queue->device != graph->device)
		return refuse(graph, -EINVAL, operation, "a queue of another device");
	if (!ROOM(graph, nodes, 1) || !ROOM(graph, lanes, 1))
		return refuse(graph, -ENOMEM, operation, "no memory for it");
	return 0;
}

static struct trn_graph_lane *lane_take(struct trn_graph *graph, struct trn_queue *queue)
{
	uint32_t at = lane_find(graph, queue);

	if (at == TRN_GRAPH_NONE) {
		at = graph->lanes.count++;
		graph->lanes.at[at] = (struct trn_graph_lane){ .queue = trn_queue_ref(queue) };
	}
	return &graph->lanes.at[at];
}

/* There is room. The node's number. */
static uint32_t node_add(struct trn_graph *graph, struct trn_graph_lane *lane,
			 struct trn_graph_node node)
{
	node.lane = (uint32_t)(lane - graph->lanes.at);
	node.depth = lane->depth;
	node.edges = TRN_GRAPH_NONE;
	graph->nodes.at[graph->nodes.count] = node;
	return graph->nodes.count++;
}

static int batch_check(const struct trn_graph *graph, const struct trn_batch *batch)
{
	if (batch->count == 0)
		return refuse(graph, -EINVAL, "trn_graph_add_batch", "the batch is empty");
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->cmds[i].op == TRN_CMD_COLLECT)
			return refuse(graph, -ENOTSUP, "trn_graph_add_batch",
				      "a collective cannot be in a graph");
	return 0;
}

static bool batch_room(struct trn_graph *graph, const struct trn_batch *batch)
{
	uint32_t refs = 0, args = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		const struct trn_batch_entry *entry = &batch->entries[i];

		refs += entry->ref_count;
		args += entry->program ? entry->program->info.arg_count : 0;
	}
	return ROOM(graph, commands, batch->count) && ROOM(graph, refs, refs) &&
	       ROOM(graph, args, args);
}

/* There is room. */
static void command_copy(struct trn_graph *graph, const struct trn_batch *batch, uint32_t index)
{
	const struct trn_batch_entry *entry = &batch->entries[index];
	uint32_t args = entry->program ? entry->program->info.arg_count : 0;

	graph->commands.at[graph->commands.count++] = (struct trn_graph_command){
		.cmd = batch->cmds[index],
		.refs = graph->refs.count,
		.ref_count = entry->ref_count,
		.args = graph->args.count,
	};
	for (uint32_t i = 0; i < entry->ref_count; i++) {
		trn_object_ref(entry->refs[i]);
		trn_program_graph_use(entry->refs[i], 1);
		graph->refs.at[graph->refs.count++] = entry->refs[i];
	}
	for (uint32_t i = 0; i < args; i++)
		graph->args.at[graph->args.count++] =
			batch->args[(size_t)index * TRN_ARGS_USER_MAX + i];
}

TRN_API int trn_graph_add_batch(struct trn_graph *graph, struct trn_batch *batch,
				uint32_t *ret_node)
{
	struct trn_graph_node node = { .kind = TRN_GRAPH_BATCH };
	uint32_t number;
	int r;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH) || !TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	r = batch_check(graph, batch);
	if (r == 0)
		r = lane_prepare(graph, batch->queue, __func__);
	if (r == 0 && !batch_room(graph, batch))
		r = refuse(graph, -ENOMEM, __func__, "no memory for its commands");
	if (r < 0)
		return r;
	node.first = graph->commands.count;
	node.count = batch->count;
	number = node_add(graph, lane_take(graph, batch->queue), node);
	for (uint32_t i = 0; i < batch->count; i++)
		command_copy(graph, batch, i);
	if (ret_node)
		*ret_node = number;
	return 0;
}

/* ---- conditions and loops ---- */

static int cond_check(const struct trn_graph *graph, const struct trn_graph_cond *cond,
		      const char *operation)
{
	int code;
	const char *why = trn_word_problem(graph->device, cond->word, cond->offset, &code);

	if (why)
		return refuse(graph, code, operation, why);
	if (cond->compare < TRN_GRAPH_EQ || cond->compare > TRN_GRAPH_LE)
		return refuse(graph, -EINVAL, operation, "there is no such comparison");
	return 0;
}

/* Opens an if or a loop. */
static int node_open(struct trn_graph *graph, struct trn_queue *queue, struct trn_graph_node node,
		     const char *operation, uint32_t *ret_node)
{
	struct trn_graph_lane *lane;
	uint32_t number;
	int r = lane_prepare(graph, queue, operation);

	if (r < 0)
		return r;
	number = lane_find(graph, queue);
	if (number != TRN_GRAPH_NONE && graph->lanes.at[number].depth == TRN_GRAPH_DEPTH_MAX)
		return refuse(graph, -ENOSPC, operation, "too many are open around it");
	lane = lane_take(graph, queue);
	number = node_add(graph, lane, node);
	if (node.cond.word)
		(void)trn_buffer_ref(node.cond.word);
	lane->open[lane->depth++] = number;
	if (ret_node)
		*ret_node = number;
	return 0;
}

TRN_API int trn_graph_if(struct trn_graph *graph, struct trn_queue *queue,
			 const struct trn_graph_cond *cond, uint32_t *ret_node)
{
	int r;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return trn_handle_refused();
	if (!cond)
		return refuse(graph, -EINVAL, __func__, "cond is NULL");
	r = cond_check(graph, cond, __func__);
	if (r < 0)
		return r;
	return node_open(graph, queue,
			 (struct trn_graph_node){ .kind = TRN_GRAPH_IF, .cond = *cond }, __func__,
			 ret_node);
}

TRN_API int trn_graph_loop(struct trn_graph *graph, struct trn_queue *queue,
			   const struct trn_graph_cond *while_cond, uint64_t max,
			   uint32_t *ret_node)
{
	struct trn_graph_node node = { .kind = TRN_GRAPH_LOOP, .max = max };
	int r;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return trn_handle_refused();
	if (max == 0)
		return refuse(graph, -EINVAL, __func__, "a loop of no turns");
	if (while_cond) {
		r = cond_check(graph, while_cond, __func__);
		if (r < 0)
			return r;
		node.cond = *while_cond;
	}
	return node_open(graph, queue, node, __func__, ret_node);
}

/* The queue's part with something open, and room for one more node. */
static int open_find(struct trn_graph *graph, const struct trn_queue *queue, const char *operation,
		     struct trn_graph_lane **ret_lane)
{
	uint32_t at = lane_find(graph, queue);

	if (at == TRN_GRAPH_NONE || graph->lanes.at[at].depth == 0)
		return refuse(graph, -EINVAL, operation, "the queue has no open if or loop");
	if (!ROOM(graph, nodes, 1))
		return refuse(graph, -ENOMEM, operation, "no memory for it");
	*ret_lane = &graph->lanes.at[at];
	return 0;
}

TRN_API int trn_graph_else(struct trn_graph *graph, struct trn_queue *queue)
{
	struct trn_graph_lane *lane = NULL;
	uint32_t *open;
	int r;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return trn_handle_refused();
	r = open_find(graph, queue, __func__, &lane);
	if (r < 0)
		return r;
	open = &lane->open[lane->depth - 1];
	if (graph->nodes.at[*open].kind != TRN_GRAPH_IF)
		return refuse(graph, -EINVAL, __func__,
			      "what is open is no if, or has an else already");
	*open = node_add(graph, lane,
			 (struct trn_graph_node){ .kind = TRN_GRAPH_ELSE, .open = *open });
	return 0;
}

TRN_API int trn_graph_end(struct trn_graph *graph, struct trn_queue *queue)
{
	struct trn_graph_node node = { .kind = TRN_GRAPH_END };
	struct trn_graph_lane *lane = NULL;
	int r;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return trn_handle_refused();
	r = open_find(graph, queue, __func__, &lane);
	if (r < 0)
		return r;
	node.open = lane->open[--lane->depth];
	(void)node_add(graph, lane, node);
	return 0;
}

/* ---- dependencies ---- */

static const char *edge_problem(const struct trn_graph *graph, uint32_t node, uint32_t on)
{
	const struct trn_graph_node *nodes = graph->nodes.at;

	if (node >= graph->nodes.count || on >= graph->nodes.count ||
	    nodes[node].kind > TRN_GRAPH_LOOP || nodes[on].kind > TRN_GRAPH_LOOP)
		return "there is no such node";
	if (on >= node)
		return "a node depends on those that were added before it";
	if (nodes[node].depth > 0 || nodes[on].depth > 0)
		return "a node inside an if or a loop cannot be named";
	return NULL;
}

TRN_API int trn_graph_depend(struct trn_graph *graph, uint32_t node, uint32_t on)
{
	struct trn_graph_node *nodes;
	const char *why;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return trn_handle_refused();
	why = edge_problem(graph, node, on);
	if (why)
		return trn_fail(graph->object.context, graph->device, -EINVAL, __func__,
				"node %u on %u: %s", node, on, why);
	nodes = graph->nodes.at;
	if (nodes[node].lane == nodes[on].lane)
		return 0; /* in order anyway */
	if (!ROOM(graph, edges, 1))
		return refuse(graph, -ENOMEM, __func__, "no memory for it");
	graph->edges.at[graph->edges.count] =
		(struct trn_graph_edge){ .on = on, .next = nodes[node].edges };
	nodes[node].edges = graph->edges.count++;
	nodes[on].waited = true;
	return 0;
}
