/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of graphs: launched with one command and one doorbell for each queue, waited for, and
 * rebound in place. */
#include "runtime/graph.h"

#include <errno.h>

struct exec_lane {
	struct trn_batch *batch; /* of one command, the CALL; holds the queue */
	struct trn_queue *queue;
	uint64_t base;     /* queue->base when this was made: another one is after a reset */
	uint64_t sequence; /* of the last launch */
};

struct trn_graph_exec {
	struct trn_object object;
	struct trn_device *device;
	struct trn_lists *lists;
	struct exec_lane *lanes;
	uint32_t lane_count, user_nodes;
	uint32_t epoch; /* device.epoch that this was made in */
	bool torn;      /* a launch that not all queues took */
	uint64_t launches;
};

static int refuse(const struct trn_graph_exec *exec, int code, const char *operation,
		  const char *why)
{
	return trn_fail(exec->object.context, exec->device, code, operation, "%s", why);
}

/* ---- making and ending ---- */

static void exec_free(struct trn_graph_exec *exec)
{
	const struct trn_alloc *alloc = &exec->object.context->alloc;
	struct trn_device *device = exec->device;

	for (uint32_t i = 0; i < exec->lane_count; i++)
		(void)trn_batch_destroy(exec->lanes[i].batch);
	if (exec->lists)
		trn_lists_unref(exec->lists);
	trn_free(alloc, exec->lanes);
	trn_object_bury(&exec->object);
	(void)trn_device_unref(device);
}

/* The batch with the CALL of one queue's list. */
static int lane_make(struct trn_graph_exec *exec, uint32_t index, struct trn_queue *queue)
{
	struct exec_lane *lane = &exec->lanes[index];
	const struct trn_list_lane *list = &exec->lists->lanes[index];
	const uint64_t at = exec->lists->mem.address + exec->lists->cmds_at;
	struct trn_object *lists = &exec->lists->object;
	int r = trn_batch_create(queue, 1, &lane->batch);

	if (r < 0)
		return r;
	exec->lane_count++;
	lane->queue = queue;
	lane->base = queue->base;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct trn_ext_cmd *cmd = &exec->lists->cmds[list->first + i];

		if (cmd->op == TRN_CMD_LAUNCH)
			lane->batch->cores |= 1u << cmd->a[1];
	}
	return trn_batch_call(lane->batch, at + list->first * sizeof(struct trn_ext_cmd),
			      list->count, lists);
}

static int exec_fill(struct trn_graph_exec *exec, const struct trn_graph *graph)
{
	const struct trn_alloc *alloc = &exec->object.context->alloc;
	int r = trn_lists_create(graph, &exec->lists);

	if (r < 0)
		return r;
	exec->lanes = trn_alloc_array(alloc, graph->lanes.count, sizeof(*exec->lanes));
	if (!exec->lanes)
		return refuse(exec, -ENOMEM, "trn_graph_instantiate", "no memory for its queues");
	for (uint32_t i = 0; r == 0 && i < graph->lanes.count; i++)
		r = lane_make(exec, i, graph->lanes.at[i].queue);
	for (uint32_t i = 0; i < graph->nodes.count; i++)
		exec->user_nodes += graph->nodes.at[i].kind <= TRN_GRAPH_LOOP;
	return r;
}

TRN_API int trn_graph_instantiate(struct trn_graph *graph, struct trn_graph_exec **ret_exec)
{
	struct trn_context *context;
	struct trn_graph_exec *exec;
	const char *what = NULL;
	int r;

	if (!TRN_HANDLE_OK(graph, TRN_OBJECT_GRAPH))
		return trn_handle_refused();
	context = graph->object.context;
	if (!ret_exec)
		what = "ret_exec is NULL";
	else if (graph->nodes.count == 0)
		what = "the graph is empty";
	for (uint32_t i = 0; i < graph->lanes.count; i++)
		if (graph->lanes.at[i].depth > 0)
			what = "an if or a loop is open: trn_graph_end()";
	if (what)
		return trn_fail(context, graph->device, -EINVAL, __func__, "%s", what);
	exec = trn_alloc_zero(&context->alloc, sizeof(*exec));
	if (!exec)
		return trn_fail(context, graph->device, -ENOMEM, __func__,
				"no memory for the object");
	trn_object_init(&exec->object, TRN_OBJECT_EXEC, context);
	exec->device = trn_device_ref(graph->device);
	exec->epoch = atomic_load(&graph->device->epoch);
	r = exec_fill(exec, graph);
	if (r < 0) {
		exec_free(exec);
		return r;
	}
	*ret_exec = exec;
	return 0;
}

TRN_API struct trn_graph_exec *trn_graph_exec_destroy(struct trn_graph_exec *exec)
{
	if (exec && TRN_HANDLE_OK(exec, TRN_OBJECT_EXEC))
		exec_free(exec);
	return NULL;
}

TRN_API int trn_graph_info(const struct trn_graph_exec *exec, struct trn_graph_info *ret_info)
{
	if (!TRN_HANDLE_OK(exec, TRN_OBJECT_EXEC))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return refuse(exec, -EINVAL, __func__,
			      "size member is not sizeof(struct trn_graph_info)");
	*ret_info = (struct trn_graph_info){
		.size = sizeof(*ret_info),
		.queues = exec->lane_count,
		.nodes = exec->user_nodes,
		.commands = exec->lists->entry_count,
		.memory_bytes = exec->lists->mem.size,
		.launches = exec->launches,
	};
	return 0;
}

/* ---- running ---- */

/* Why it can never run again, or NULL. Words of queues that were reset under a launch are not
 * where the next one would look for them. */
static const char *dead(const struct trn_graph_exec *exec)
{
	if (exec->torn)
		return "only some of its queues took a launch";
	if (atomic_load_explicit(&exec->device->epoch, memory_order_relaxed) != exec->epoch)
		return "the device was reset since it was made";
	for (uint32_t i = 0; i < exec->lane_count; i++)
		if (exec->lanes[i].queue->base != exec->lanes[i].base)
			return "a queue of it was reset, or its work cancelled, since it was made";
	return NULL;
}

TRN_API int trn_graph_launch(struct trn_graph_exec *exec, uint64_t deadline_ns,
			     uint64_t *ret_sequences)
{
	const char *why;
	int r = 0;

	if (!TRN_HANDLE_OK(exec, TRN_OBJECT_EXEC))
		return trn_handle_refused();
	why = dead(exec);
	if (why)
		return refuse(exec, -ESTALE, __func__, why);
	/* All of them, before the first takes it. */
	for (uint32_t i = 0; r == 0 && i < exec->lane_count; i++)
		r = trn_queue_room(exec->lanes[i].queue, 1, deadline_ns);
	for (uint32_t i = 0; r == 0 && i < exec->lane_count; i++) {
		struct exec_lane *lane = &exec->lanes[i];

		lane->batch->cmds[0].a[2] = exec->launches * exec->lists->stride;
		r = trn_queue_submit(lane->queue, lane->batch, TRN_DEADLINE_NOW, &lane->sequence);
		exec->torn = r < 0 && i > 0;
	}
	if (r < 0)
		return r;
	exec->launches++;
	for (uint32_t i = 0; ret_sequences && i < exec->lane_count; i++)
		ret_sequences[i] = exec->lanes[i].sequence;
	return 0;
}

/* 0 all launches have finished, -EAGAIN not yet, or a queue's error, recorded. */
static int test_all(struct trn_graph_exec *exec)
{
	int all = 0;

	for (uint32_t i = 0; i < exec->lane_count; i++) {
		int r = trn_queue_test(exec->lanes[i].queue, exec->lanes[i].sequence);

		if (r < 0 && r != -EAGAIN)
			return r;
		if (r < 0)
			all = r;
	}
	return all;
}

static int wait_failed(struct trn_graph_exec *exec, int code, bool polling)
{
	const char *idle = code == -EAGAIN ? "idle: " : "";

	if (code == -EAGAIN || code == -ETIMEDOUT)
		code = polling ? -ETIMEDOUT : trn_device_verdict(exec->device, -ETIMEDOUT);
	return trn_fail(exec->object.context, exec->device, code, "trn_graph_wait",
			"%slaunch %llu has not finished", idle, (unsigned long long)exec->launches);
}

TRN_API int trn_graph_wait(struct trn_graph_exec *exec, uint64_t deadline_ns)
{
	struct trn_wait wait;
	const char *why;
	int r, step = 0;

	if (!TRN_HANDLE_OK(exec, TRN_OBJECT_EXEC))
		return trn_handle_refused();
	why = dead(exec);
	if (why)
		return refuse(exec, -ESTALE, __func__, why);
	trn_wait_begin(&wait, exec->device, deadline_ns);
	r = test_all(exec);
	while (r == -EAGAIN && step == 0) {
		step = trn_wait_step(&wait);
		r = test_all(exec);
	}
	trn_notes_run(exec->object.context);
	trn_device_flush_log(exec->device);
	return r == -EAGAIN ? wait_failed(exec, step, deadline_ns == TRN_DEADLINE_NOW) : r;
}

/* ---- rebinding ---- */

enum field_kind {
	FIELD_PLACE, /* a buffer's range as long as the command says */
	FIELD_WORD,  /* a u64 of this device or the host */
	FIELD_NUMBER,
};

/* What of a command can change. A launch has its arguments. */
static const struct field {
	uint8_t op, arg;
	enum field_kind kind;
	uint8_t a;     /* of the command */
	uint8_t ref;   /* object of the entry */
	uint8_t bytes; /* PLACE: where its length is */
	bool own;      /* PLACE: not a peer's */
	uint64_t min, max;
} fields[] = {
	{ TRN_CMD_COPY, 0, FIELD_PLACE, 0, 0, 2, false, 0, 0 },
	{ TRN_CMD_COPY, 1, FIELD_PLACE, 1, 1, 2, false, 0, 0 },
	{ TRN_CMD_FILL, 0, FIELD_PLACE, 0, 0, 1, true, 0, 0 },
	{ TRN_CMD_FILL, 1, FIELD_NUMBER, 2, 0, 0, false, 0, UINT32_MAX },
	{ TRN_CMD_TIMESTAMP, 0, FIELD_WORD, 0, 0, 0, true, 0, 0 },
	{ TRN_CMD_WAIT, 0, FIELD_NUMBER, 1, 0, 0, false, 0, UINT64_MAX },
	{ TRN_CMD_SIGNAL, 0, FIELD_NUMBER, 1, 0, 0, false, 0, UINT64_MAX },
	{ TRN_CMD_BRANCH, 0, FIELD_WORD, 0, 0, 0, true, 0, 0 },
	{ TRN_CMD_BRANCH, 1, FIELD_NUMBER, 1, 0, 0, false, 0, UINT64_MAX },
};
/* A loop's turns, in the branch back. */
static const struct field turns_field = {
	.kind = FIELD_NUMBER, .a = 1, .min = 1, .max = UINT64_MAX
};

static const struct field *field_find(uint8_t op, uint32_t arg)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(fields); i++)
		if (fields[i].op == op && fields[i].arg == arg)
			return &fields[i];
	return NULL;
}

static void swap_ref(struct trn_lists *lists, uint32_t at, struct trn_object *object)
{
	struct trn_object *old = lists->refs[at];

	trn_object_ref(object);
	lists->refs[at] = object;
	trn_object_drop(old);
}

static bool overlap(const struct trn_ext_cmd *cmd)
{
	return cmd->op == TRN_CMD_COPY && cmd->a[0] < cmd->a[1] + cmd->a[2] &&
	       cmd->a[1] < cmd->a[0] + cmd->a[2];
}

static const char *place_problem(const struct trn_graph_exec *exec, const struct field *field,
				 const struct trn_ext_cmd *cmd, const struct trn_arg *value,
				 int *ret_code)
{
	const uint64_t bytes = cmd->a[field->bytes];
	const char *why = trn_range_problem(exec->device, value->buffer, value->offset, bytes);

	*ret_code = -EINVAL;
	if (!why && value->bytes != 0 && value->bytes != bytes)
		why = "the length was recorded and cannot be another";
	if (!why && field->own && value->buffer->peer) {
		*ret_code = -ENOTSUP;
		why = "the memory is another chip's: only copies and programs reach it";
	}
	return why;
}

/* Changes a command in place; NULL, or why it stays as it is. */
static const char *field_set(struct trn_graph_exec *exec, const struct field *field, uint32_t entry,
			     const struct trn_arg *value, int *ret_code)
{
	struct trn_ext_cmd *cmd = &exec->lists->cmds[entry], changed = *cmd;
	const char *why = NULL;

	*ret_code = -EINVAL;
	if (field->kind == FIELD_NUMBER) {
		if (value->buffer || value->offset != 0 || value->bytes != 0)
			return "a number is wanted, not a buffer";
		if (value->scalar < field->min || value->scalar > field->max)
			return "the number is too small or too large";
		cmd->a[field->a] = value->scalar;
		return NULL;
	}
	if (value->scalar != 0)
		return "a buffer is wanted, not a number";
	if (field->kind == FIELD_WORD)
		why = trn_word_problem(exec->device, value->buffer, value->offset, ret_code);
	else
		why = place_problem(exec, field, cmd, value, ret_code);
	if (why)
		return why;
	changed.a[field->a] = value->buffer->address + value->offset;
	if (overlap(&changed))
		return "source and destination overlap";
	*cmd = changed;
	swap_ref(exec->lists, exec->lists->entries[entry].refs + field->ref,
		 &value->buffer->object);
	return NULL;
}

static const char *launch_set(struct trn_graph_exec *exec, uint32_t entry, uint32_t arg,
			      const struct trn_arg *value, int *ret_code)
{
	struct trn_lists *lists = exec->lists;
	const struct trn_list_entry *from = &lists->entries[entry];
	const struct trn_program *program =
		(const struct trn_program *)(const void *)lists->refs[from->refs];
	uint32_t ref = from->refs + 1; /* buffers are held in their order behind the program */
	struct trn_ext_arg out;
	const char *why;

	*ret_code = -ENOENT;
	if (arg >= program->info.arg_count)
		return "the program has no such argument";
	*ret_code = -EINVAL;
	why = trn_arg_take(exec->device, &program->args[arg], value, &out);
	if (why)
		return why;
	trn_lists_slot(lists, from)->args[arg] = out;
	for (uint32_t i = 0; i < arg; i++)
		ref += program->args[i].kind == TRN_ARG_BUFFER;
	if (value->buffer)
		swap_ref(lists, ref, &value->buffer->object);
	return NULL;
}

/* The entry of a node's command; NONE: there is none. */
static uint32_t entry_find(const struct trn_graph_exec *exec, uint32_t node, uint32_t command)
{
	const struct trn_list_node *at;

	if (node >= exec->lists->node_count)
		return TRN_GRAPH_NONE;
	at = &exec->lists->nodes[node];
	if (at->kind == TRN_GRAPH_BATCH)
		return command < at->count ? at->first + command : TRN_GRAPH_NONE;
	return command == 0 && at->kind <= TRN_GRAPH_LOOP ? at->first : TRN_GRAPH_NONE;
}

static const char *rebind(struct trn_graph_exec *exec, uint32_t node, uint32_t command,
			  uint32_t arg, const struct trn_arg *value, int *ret_code)
{
	const struct trn_lists *lists = exec->lists;
	const struct field *field;
	uint32_t entry;

	if (node < lists->node_count && lists->nodes[node].kind == TRN_GRAPH_LOOP && command == 0 &&
	    arg == 2)
		return field_set(exec, &turns_field, lists->nodes[node].turns, value, ret_code);
	*ret_code = -ENOENT;
	entry = entry_find(exec, node, command);
	if (entry == TRN_GRAPH_NONE)
		return "there is no such node, or no such command in it";
	if (lists->cmds[entry].op == TRN_CMD_LAUNCH)
		return launch_set(exec, entry, arg, value, ret_code);
	field = field_find(lists->cmds[entry].op, arg);
	return field ? field_set(exec, field, entry, value, ret_code) :
		       "the command has no such argument";
}

TRN_API int trn_graph_rebind(struct trn_graph_exec *exec, uint32_t node, uint32_t command,
			     uint32_t arg, const struct trn_arg *value)
{
	const char *why;
	int r = -EINVAL;

	if (!TRN_HANDLE_OK(exec, TRN_OBJECT_EXEC))
		return trn_handle_refused();
	if (!value)
		return refuse(exec, -EINVAL, __func__, "value is NULL");
	why = dead(exec);
	if (why)
		return refuse(exec, -ESTALE, __func__, why);
	r = test_all(exec);
	if (r == -EAGAIN)
		return refuse(exec, -EBUSY, __func__, "a launch has not finished");
	if (r < 0)
		return r;
	why = rebind(exec, node, command, arg, value, &r);
	if (!why)
		return 0;
	return trn_fail(exec->object.context, exec->device, r, __func__,
			"node %u, command %u, argument %u: %s", node, command, arg, why);
}
