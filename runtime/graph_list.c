/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph becomes: for each queue one list of commands in memory that the device reads.
 * Conditions and loops are branches in it. Queues wait for each other on words that only grow: a
 * launch uses the values from launches * stride on, which its CALL tells the device, so a list
 * that is in place is never written again. */
#include "runtime/graph.h"

#include <errno.h>

#define WORD_BYTES 64u /* a cache line each: several queues write them */
#define LISTS_BYTES_MAX UINT32_MAX

/* What the parts of a graph need. */
struct need {
	uint64_t entries, counters, refs, slot_bytes;
};

struct emit {
	const struct trn_graph *graph;
	struct trn_lists *lists;
	const uint64_t *values; /* of a node's end, on its lane's word */
	uint32_t lane_first;    /* entry */
	uint32_t entries, counters, refs;
	uint64_t slot; /* byte in the memory */
};

/* ---- how much ---- */

static const struct trn_program *program_of(const struct trn_graph *graph,
					    const struct trn_graph_command *command)
{
	if (command->cmd.op != TRN_CMD_LAUNCH)
		return NULL;
	return (const struct trn_program *)(const void *)graph->refs.at[command->refs];
}

/* The descriptor with as many arguments as the device reads. */
static uint64_t slot_bytes(const struct trn_program *program)
{
	return trn_align_up(sizeof(struct trn_ext_launch) +
				    program->launch.arg_count * sizeof(struct trn_ext_arg),
			    WORD_BYTES);
}

static void need_batch(const struct trn_graph *graph, const struct trn_graph_node *node,
		       struct need *need)
{
	need->entries += node->count;
	for (uint32_t i = node->first; i < node->first + node->count; i++) {
		const struct trn_graph_command *command = &graph->commands.at[i];
		const struct trn_program *program = program_of(graph, command);

		need->refs += command->ref_count;
		need->slot_bytes += program ? slot_bytes(program) : 0;
	}
}

static void need_node(const struct trn_graph *graph, const struct trn_graph_node *node,
		      struct need *need)
{
	for (uint32_t e = node->edges; e != TRN_GRAPH_NONE; e = graph->edges.at[e].next)
		need->entries++;
	need->entries += node->waited;
	need->refs += node->cond.word != NULL;
	switch (node->kind) {
	case TRN_GRAPH_BATCH:
		need_batch(graph, node, need);
		break;
	case TRN_GRAPH_LOOP: /* counter to 0, look; at the end count, branch back */
		need->entries += node->cond.word ? 4 : 3;
		need->counters++;
		break;
	case TRN_GRAPH_IF:
	case TRN_GRAPH_ELSE:
		need->entries++;
		break;
	case TRN_GRAPH_END:
		break;
	}
}

/* ---- entries ---- */

static uint64_t word_address(const struct trn_lists *lists, uint32_t index)
{
	return lists->mem.address + (uint64_t)index * WORD_BYTES;
}

/* Number of the entry, counted over all lists. */
static uint32_t put(struct emit *emit, uint32_t node, struct trn_ext_cmd cmd)
{
	cmd.tag = node; /* for time traces */
	emit->lists->cmds[emit->entries] = cmd;
	emit->lists->entries[emit->entries] =
		(struct trn_list_entry){ .node = node, .command = TRN_GRAPH_NONE };
	return emit->entries++;
}

/* The entry that is put next, as a branch names it. */
static uint64_t here(const struct emit *emit)
{
	return emit->entries - emit->lane_first;
}

static uint32_t hold(struct emit *emit, struct trn_object *object)
{
	trn_object_ref(object);
	trn_program_graph_use(object, 1);
	emit->lists->refs[emit->refs] = object;
	emit->lists->ref_count = ++emit->refs;
	return emit->refs - 1;
}

static void put_sync(struct emit *emit, uint32_t node, enum trn_ext_op op, uint32_t lane,
		     uint64_t value)
{
	(void)put(emit, node,
		  (struct trn_ext_cmd){ .op = (uint8_t)op,
					.flags = TRN_CMD_RELATIVE,
					.a = { word_address(emit->lists, lane), value } });
}

static void put_command(struct emit *emit, uint32_t node, uint32_t index)
{
	const struct trn_graph *graph = emit->graph;
	const struct trn_graph_command *command =
		&graph->commands.at[graph->nodes.at[node].first + index];
	const struct trn_program *program = program_of(graph, command);
	struct trn_list_entry *entry;

	entry = &emit->lists->entries[put(emit, node, command->cmd)];
	entry->command = index;
	entry->refs = emit->refs;
	entry->ref_count = command->ref_count;
	for (uint32_t i = 0; i < command->ref_count; i++)
		(void)hold(emit, graph->refs.at[command->refs + i]);
	if (!program)
		return;
	entry->slot = (uint32_t)emit->slot;
	emit->slot += slot_bytes(program);
	trn_launch_slot_write(trn_lists_slot(emit->lists, entry), program,
			      graph->args.at + command->args);
	emit->lists->cmds[emit->entries - 1].a[0] = emit->lists->mem.address + entry->slot;
}

static void put_batch(struct emit *emit, uint32_t node)
{
	struct trn_list_node *to = &emit->lists->nodes[node];

	to->first = emit->entries;
	to->count = emit->graph->nodes.at[node].count;
	for (uint32_t i = 0; i < to->count; i++)
		put_command(emit, node, i);
}

/* Leaves when the condition does not hold; where to is filled in later. */
static void put_cond(struct emit *emit, uint32_t node)
{
	const struct trn_graph_cond *cond = &emit->graph->nodes.at[node].cond;
	struct trn_list_node *to = &emit->lists->nodes[node];
	const uint64_t opposite = (((uint64_t)cond->compare - 1) ^ 1) + 1;

	to->first = put(emit, node,
			(struct trn_ext_cmd){ .op = TRN_CMD_BRANCH,
					      .a = { cond->word->address + cond->offset,
						     cond->value, opposite } });
	emit->lists->entries[to->first].refs = hold(emit, &cond->word->object);
	emit->lists->entries[to->first].ref_count = 1;
}

static void branch_to_here(struct emit *emit, uint32_t entry)
{
	emit->lists->cmds[entry].a[3] = here(emit);
}

static void put_loop(struct emit *emit, uint32_t node)
{
	struct trn_list_node *to = &emit->lists->nodes[node];
	const uint32_t word = emit->graph->lanes.count + emit->counters++;

	to->first = TRN_GRAPH_NONE;
	to->counter = word_address(emit->lists, word);
	(void)put(emit, node,
		  (struct trn_ext_cmd){ .op = TRN_CMD_FILL, .a = { to->counter, 8, 0 } });
	to->top = here(emit);
	if (emit->graph->nodes.at[node].cond.word)
		put_cond(emit, node);
}

static void end_loop(struct emit *emit, uint32_t node)
{
	struct trn_list_node *to = &emit->lists->nodes[node];

	(void)put(emit, node, (struct trn_ext_cmd){ .op = TRN_CMD_ADD, .a = { to->counter, 1 } });
	to->turns = put(emit, node,
			(struct trn_ext_cmd){ .op = TRN_CMD_BRANCH,
					      .a = { to->counter, emit->graph->nodes.at[node].max,
						     TRN_COMPARE_LT, to->top } });
	if (to->first != TRN_GRAPH_NONE)
		branch_to_here(emit, to->first);
}

static void put_else(struct emit *emit, uint32_t node)
{
	emit->lists->nodes[node].first = put(
		emit, node,
		(struct trn_ext_cmd){ .op = TRN_CMD_BRANCH, .a = { 0, 0, TRN_COMPARE_ALWAYS } });
	branch_to_here(emit, emit->lists->nodes[emit->graph->nodes.at[node].open].first);
}

/* Ends what is open; the node that it is. */
static uint32_t put_end(struct emit *emit, uint32_t node)
{
	const struct trn_graph_node *nodes = emit->graph->nodes.at;
	const uint32_t open = nodes[node].open;

	if (nodes[open].kind == TRN_GRAPH_LOOP)
		end_loop(emit, open);
	else
		branch_to_here(emit, emit->lists->nodes[open].first);
	return nodes[open].kind == TRN_GRAPH_ELSE ? nodes[open].open : open;
}

/* One node with what it waits for and, at its end, what it tells. */
static void put_node(struct emit *emit, uint32_t node)
{
	const struct trn_graph *graph = emit->graph;
	const struct trn_graph_node *from = &graph->nodes.at[node];
	uint32_t ended = TRN_GRAPH_NONE;

	emit->lists->nodes[node].kind = from->kind;
	for (uint32_t e = from->edges; e != TRN_GRAPH_NONE; e = graph->edges.at[e].next)
		put_sync(emit, node, TRN_CMD_WAIT, graph->nodes.at[graph->edges.at[e].on].lane,
			 emit->values[graph->edges.at[e].on]);
	switch (from->kind) {
	case TRN_GRAPH_BATCH:
		put_batch(emit, node);
		ended = node;
		break;
	case TRN_GRAPH_IF:
		put_cond(emit, node);
		break;
	case TRN_GRAPH_LOOP:
		put_loop(emit, node);
		break;
	case TRN_GRAPH_ELSE:
		put_else(emit, node);
		break;
	case TRN_GRAPH_END:
		ended = put_end(emit, node);
		break;
	}
	if (ended != TRN_GRAPH_NONE && graph->nodes.at[ended].waited)
		put_sync(emit, ended, TRN_CMD_SIGNAL, from->lane, emit->values[ended]);
}

/* A launch begins when the last one has ended on all queues: a word that has come as far as this
 * one's base says that. */
static void put_lane(struct emit *emit, uint32_t lane)
{
	const struct trn_graph *graph = emit->graph;
	struct trn_list_lane *to = &emit->lists->lanes[lane];

	to->first = emit->lane_first = emit->entries;
	for (uint32_t other = 0; other < graph->lanes.count; other++)
		if (other != lane)
			put_sync(emit, TRN_GRAPH_NONE, TRN_CMD_WAIT, other, 0);
	for (uint32_t node = 0; node < graph->nodes.count; node++)
		if (graph->nodes.at[node].lane == lane)
			put_node(emit, node);
	if (graph->lanes.count > 1)
		put_sync(emit, TRN_GRAPH_NONE, TRN_CMD_SIGNAL, lane, emit->lists->stride);
	to->count = emit->entries - to->first;
}

/* ---- making ---- */

static void lists_destroy(struct trn_lists *lists)
{
	const struct trn_alloc *alloc = &lists->object.context->alloc;
	struct trn_device *device = lists->device;

	for (uint32_t i = 0; i < lists->ref_count; i++) {
		trn_program_graph_use(lists->refs[i], -1);
		trn_object_drop(lists->refs[i]);
	}
	trn_device_mem_free(device, &lists->mem);
	trn_free(alloc, lists->refs);
	trn_free(alloc, lists->nodes);
	trn_free(alloc, lists->entries);
	trn_free(alloc, lists->lanes);
	trn_object_bury(&lists->object);
	trn_device_flush_log(device);
	(void)trn_device_unref(device);
}

void trn_lists_unref(struct trn_lists *lists)
{
	if (trn_object_unref(&lists->object))
		lists_destroy(lists);
}

static int lists_memory(struct trn_lists *lists, uint32_t lanes, const struct need *need)
{
	const struct trn_alloc *alloc = &lists->object.context->alloc;
	struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST,
		.numa_node = -1,
		.category = TRN_MEMORY_RINGS,
	};
	int r;

	lists->cmds_at = (lanes + need->counters) * WORD_BYTES;
	desc.size = lists->cmds_at + need->entries * sizeof(*lists->cmds) + need->slot_bytes;
	if (desc.size > LISTS_BYTES_MAX)
		return -ENOSPC;
	lists->lanes = trn_alloc_array(alloc, lanes, sizeof(*lists->lanes));
	lists->entries = trn_alloc_array(alloc, need->entries, sizeof(*lists->entries));
	lists->nodes = trn_alloc_array(alloc, lists->node_count, sizeof(*lists->nodes));
	lists->refs = trn_alloc_array(alloc, need->refs, sizeof(struct trn_object *));
	if (!lists->lanes || !lists->entries || !lists->nodes || !lists->refs)
		return -ENOMEM;
	r = trn_device_mem_alloc(lists->device, &desc, &lists->mem);
	if (r < 0)
		return r;
	memset(lists->mem.host, 0, desc.size);
	lists->cmds = (struct trn_ext_cmd *)(void *)((char *)lists->mem.host + lists->cmds_at);
	return 0;
}

/* What each node's end is on its lane's word; the stride is past all of them. NULL: no memory. */
static uint64_t *values_make(const struct trn_graph *graph, uint64_t *ret_stride)
{
	uint64_t *values =
		trn_alloc_array(&graph->object.context->alloc, graph->nodes.count, sizeof(*values));

	*ret_stride = 1;
	/* Nodes of a queue end in the order in which they were added. */
	for (uint32_t i = 0; values && i < graph->nodes.count; i++)
		if (graph->nodes.at[i].waited)
			values[i] = (*ret_stride)++;
	return values;
}

static int lists_fill(struct trn_lists *lists, const struct trn_graph *graph,
		      const struct need *need)
{
	struct emit emit = { .graph = graph, .lists = lists };
	uint64_t *values;
	int r = lists_memory(lists, graph->lanes.count, need);

	if (r < 0)
		return r;
	values = values_make(graph, &lists->stride);
	if (!values)
		return -ENOMEM;
	emit.values = values;
	emit.slot = lists->cmds_at + need->entries * sizeof(*lists->cmds);
	for (uint32_t lane = 0; lane < graph->lanes.count; lane++)
		put_lane(&emit, lane);
	lists->lane_count = graph->lanes.count;
	lists->entry_count = emit.entries;
	trn_free(&graph->object.context->alloc, values);
	for (uint32_t lane = 0; lane < graph->lanes.count; lane++)
		if (lists->lanes[lane].count > TRN_EXT_LIST_MAX)
			return -ENOSPC;
	return 0;
}

int trn_lists_create(const struct trn_graph *graph, struct trn_lists **ret_lists)
{
	struct trn_context *context = graph->object.context;
	const uint64_t lanes = graph->lanes.count;
	struct need need = { .entries = lanes > 1 ? lanes * lanes : 0 };
	struct trn_lists *lists;
	int r;

	for (uint32_t i = 0; i < graph->nodes.count; i++)
		need_node(graph, &graph->nodes.at[i], &need);
	lists = trn_alloc_zero(&context->alloc, sizeof(*lists));
	if (!lists)
		return trn_fail(context, graph->device, -ENOMEM, "trn_graph_instantiate",
				"no memory for the object");
	trn_object_init(&lists->object, TRN_OBJECT_LISTS, context);
	lists->device = trn_device_ref(graph->device);
	lists->node_count = graph->nodes.count;
	r = lists_fill(lists, graph, &need);
	if (r < 0) {
		lists_destroy(lists);
		return trn_fail(context, graph->device, r, "trn_graph_instantiate",
				"%llu commands, %llu bytes of descriptors; a queue's list has at "
				"most %u commands",
				(unsigned long long)need.entries,
				(unsigned long long)need.slot_bytes, TRN_EXT_LIST_MAX);
	}
	*ret_lists = lists;
	return 0;
}

/* ---- what a CALL ran ---- */

static const struct trn_lists *lists_of(const struct trn_object *object)
{
	if (atomic_load_explicit(&object->kind, memory_order_relaxed) != TRN_OBJECT_LISTS)
		return NULL;
	return (const struct trn_lists *)(const void *)object;
}

/* The list that the CALL runs, and how many entries of it there are. The CALL stands in a ring
 * that the device can write to: what it says may be anything. */
static uint64_t list_of_call(const struct trn_lists *lists, const struct trn_ext_cmd *call,
			     uint64_t *ret_first)
{
	uint64_t first = (call->a[0] - lists->mem.address - lists->cmds_at) / sizeof(*call);

	*ret_first = first;
	if (first >= lists->entry_count)
		return 0;
	return trn_min_u64(call->a[1], lists->entry_count - first);
}

const struct trn_ext_cmd *trn_lists_blame(const struct trn_queue_slot *slot,
					  const struct trn_ext_cmd *call, uint32_t entry,
					  uint32_t *ret_node, uint32_t *ret_command)
{
	const struct trn_lists *lists = slot->ref_count == 1 ? lists_of(slot->refs[0]) : NULL;
	uint64_t first;

	if (!lists || entry == 0 || entry > list_of_call(lists, call, &first))
		return NULL;
	*ret_node = lists->entries[first + entry - 1].node;
	*ret_command = lists->entries[first + entry - 1].command;
	return &lists->cmds[first + entry - 1];
}

uint32_t trn_lists_owed(const struct trn_object *object, const struct trn_ext_cmd *call,
			uint32_t *entry, struct trn_promise *promises, uint32_t max)
{
	const struct trn_lists *lists = lists_of(object);
	uint64_t first = 0, entries = lists ? list_of_call(lists, call, &first) : 0;
	uint32_t i = *entry, count = 0;

	for (; i < entries && count < max; i++) {
		const struct trn_ext_cmd *cmd = &lists->cmds[first + i];

		/* The others are words of the instance's own. */
		if (cmd->op == TRN_CMD_SIGNAL && !(cmd->flags & TRN_CMD_RELATIVE))
			promises[count++] = (struct trn_promise){ cmd->a[0], cmd->a[1] };
	}
	*entry = i < entries ? i : 0;
	return count;
}
