/* SPDX-License-Identifier: Apache-2.0 */
/* What a queue's status block says of the command it stopped at, and what the queue then owes. */
#include "runtime/graph.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int code;
	const char *cause;
} device_errors[] = {
	[TRN_EXT_ERR_COMMAND] = { -EINVAL, "the device does not know the command" },
	[TRN_EXT_ERR_ADDRESS] = { -TRN_EFAULT_DEV,
				  "address is not mapped, not aligned or outside the window" },
	[TRN_EXT_ERR_LAUNCH] = { -TRN_EPROGRAM, "launch descriptor or core number is wrong" },
	[TRN_EXT_ERR_CORE_STATE] = { -EBUSY, "the core is busy, faulted or in reset" },
	[TRN_EXT_ERR_INSTRUCTION] = { -TRN_EINSN, "an instruction broke a rule of the ISA" },
	[TRN_EXT_ERR_DMA] = { -TRN_EFAULT_DEV, "a DMA of the program hit a bad address" },
	[TRN_EXT_ERR_RESET] = { -TRN_ERESET, "core or device was reset under the command" },
	[TRN_EXT_ERR_INJECTED] = { -EIO, "an injected fault" },
	[TRN_EXT_ERR_DOORBELL] = { -EIO, "the doorbell went beyond the ring" },
	[TRN_EXT_ERR_TIMEOUT] = { -ETIMEDOUT, "a schedule waited past its limit" },
	[TRN_EXT_ERR_LINK] = { -EIO, "a transfer to or from another chip was lost on the way" },
	[TRN_EXT_ERR_DEPENDENCY] = { -ECANCELED, "what it waits for will not come" },
	[TRN_EXT_ERR_LIST] = { -EINVAL, "a list of commands is wrong" },
};

static const char *const command_names[] = {
	[TRN_CMD_NOP] = "nop",       [TRN_CMD_COPY] = "copy",
	[TRN_CMD_FILL] = "fill",     [TRN_CMD_WAIT] = "wait",
	[TRN_CMD_SIGNAL] = "signal", [TRN_CMD_TIMESTAMP] = "timestamp",
	[TRN_CMD_LAUNCH] = "launch", [TRN_CMD_COLLECT] = "collect",
	[TRN_CMD_CALL] = "call",     [TRN_CMD_BRANCH] = "branch",
	[TRN_CMD_ADD] = "add",       [TRN_CMD_COPY_ND] = "copy-nd",
};

static const char *const rule_names[TRN_RULE_COUNT] = {
	[TRN_RULE_NONE] = "none",
	[TRN_RULE_OPCODE] = "unknown opcode, or not on this generation",
	[TRN_RULE_ENGINE] = "not an instruction of this engine",
	[TRN_RULE_LENGTH] = "instruction length",
	[TRN_RULE_RESERVED] = "reserved field or flag is set",
	[TRN_RULE_PARTITION] = "partition start or count",
	[TRN_RULE_RANGE] = "outside SBUF, PSUM or the argument",
	[TRN_RULE_SPACE] = "this engine cannot reach that memory",
	[TRN_RULE_DTYPE] = "element type",
	[TRN_RULE_SHAPE] = "element counts or limits",
	[TRN_RULE_PSUM_UNINIT] = "PSUM is read before a first write",
	[TRN_RULE_OPERATOR] = "operator",
	[TRN_RULE_REGISTER] = "register",
	[TRN_RULE_BRANCH] = "branch target outside the stream",
	[TRN_RULE_ARGUMENT] = "argument number or kind",
	[TRN_RULE_ALIGN] = "alignment",
	[TRN_RULE_BANK] = "output does not fit one PSUM bank",
	[TRN_RULE_PC] = "ran past the end without HALT",
};

const char *trn_command_name(uint32_t op)
{
	return op < TRN_ARRAY_LEN(command_names) ? command_names[op] : NULL;
}

static bool is_core_error(uint32_t error)
{
	return error == TRN_EXT_ERR_INSTRUCTION || error == TRN_EXT_ERR_DMA ||
	       error == TRN_EXT_ERR_CORE_STATE || error == TRN_EXT_ERR_RESET;
}

/* Which operation of which schedule, and who it was for. */
static void describe_collect(const struct trn_ext_status *st, struct trn_error *e)
{
	size_t used = strlen(e->cause);

	(void)snprintf(e->cause + used, sizeof(e->cause) - used,
		       ": rank %u, operation %u of sync processor %u", st->operand, st->pc,
		       st->core);
}

static void describe_node(uint32_t node, uint32_t command, struct trn_error *e)
{
	size_t used = strlen(e->cause);

	if (node == UINT32_MAX)
		(void)snprintf(e->cause + used, sizeof(e->cause) - used,
			       "; between launches of a graph");
	else if (command == UINT32_MAX)
		(void)snprintf(e->cause + used, sizeof(e->cause) - used, "; node %u of a graph",
			       node);
	else
		(void)snprintf(e->cause + used, sizeof(e->cause) - used,
			       "; node %u of a graph, command %u", node, command);
}

static void describe_core(const struct trn_ext_status *st, struct trn_error *e)
{
	size_t used = strlen(e->cause);

	e->core = (int)st->core;
	if (st->error != TRN_EXT_ERR_INSTRUCTION && st->error != TRN_EXT_ERR_DMA)
		return;
	if (st->engine < TRN_ENGINE_COUNT)
		e->engine = (int)st->engine;
	e->pc = st->pc;
	e->opcode = (int)st->opcode;
	if (st->operand < TRN_AP_COUNT)
		e->operand = (int)st->operand;
	e->rule = (int)st->rule;
	if (st->rule != TRN_RULE_NONE)
		(void)snprintf(e->cause + used, sizeof(e->cause) - used, ": rule %u, %s", st->rule,
			       st->rule < TRN_RULE_COUNT ? rule_names[st->rule] : "unknown");
}

/* Sequence of the command that the status block blames. Its tag is the low half of its sequence
 * - 1, and not more than depth commands are in flight, so one of them has it; a device that
 * gives any other tag blames the oldest. */
static uint64_t failing_sequence(const struct trn_queue *queue, uint64_t top, uint32_t tag)
{
	uint64_t flight = trn_min_u64(queue->depth, top - queue->base);
	uint64_t back = (uint32_t)(trn_lo32(top) - 1 - tag);

	if (back >= flight)
		back = flight > 0 ? flight - 1 : 0;
	return top - back;
}

void trn_queue_describe(const struct trn_queue *queue, uint64_t top, struct trn_error *e)
{
	const struct trn_ext_status *st = queue->hal->status;
	uint64_t sequence = failing_sequence(queue, top, st->tag);
	const struct trn_ext_cmd *cmd =
		&queue->hal->ring[(sequence - 1 - queue->base) & queue->mask];
	bool known = st->error < TRN_ARRAY_LEN(device_errors) && device_errors[st->error].code != 0;
	const struct trn_ext_cmd *call = cmd->op == TRN_CMD_CALL ? cmd : NULL;
	uint32_t node = 0, command = 0;
	const char *name;

	if (call)
		cmd = trn_lists_blame(&queue->slots[(sequence - 1) & queue->mask], call, st->entry,
				      &node, &command);
	if (!cmd)
		cmd = call;
	name = trn_command_name(cmd->op);
	trn_error_init(e, known ? device_errors[st->error].code : -EIO, name ? name : "command");
	trn_text_copy(e->device, sizeof(e->device), queue->device->info.uri);
	trn_text_copy(e->cause, sizeof(e->cause),
		      known ? device_errors[st->error].cause : "the device gave an unknown error");
	e->queue = queue->hal->index;
	e->command = (int64_t)(sequence - 1);
	e->address = st->address;
	if (st->error == TRN_EXT_ERR_DMA && st->engine >= TRN_ENGINE_COUNT)
		trn_text_copy(e->cause, sizeof(e->cause),
			      "the DMA engine stopped with an error in the command");
	else if (cmd->op == TRN_CMD_COLLECT)
		describe_collect(st, e);
	else if (is_core_error(st->error))
		describe_core(st, e);
	if (call && cmd != call)
		describe_node(node, command, e);
}

void trn_queue_describe_reset(const struct trn_queue *queue, uint64_t sequence, struct trn_error *e)
{
	trn_error_init(e, -TRN_ERESET, "trn_device_reset");
	trn_text_copy(e->device, sizeof(e->device), queue->device->info.uri);
	trn_text_copy(e->cause, sizeof(e->cause), "the device was reset under the queue");
	e->queue = queue->hal->index;
	e->command = (int64_t)(sequence - 1);
}

uint64_t trn_queue_at(const struct trn_queue *queue)
{
	uint64_t done = atomic_load(&queue->completed);
	uint32_t ahead =
		trn_load_acquire32(&queue->hal->status->head) - trn_lo32(done - queue->base);

	return done + (ahead <= queue->depth ? ahead : 0) + 1;
}

/* Why the queue stopped; false when it goes on. list_lock held. */
static bool stopped_by(const struct trn_queue *queue, uint64_t top, uint64_t *ret_first,
		       struct trn_error *ret_error, uint64_t *ret_depends)
{
	const struct trn_ext_status *st = queue->hal->status;

	if (queue->quiet)
		return false;
	if (atomic_load(&queue->epoch) != atomic_load(&queue->device->epoch)) {
		*ret_first = atomic_load(&queue->completed) + 1;
		if (*ret_first <= top)
			trn_queue_describe_reset(queue, *ret_first, ret_error);
		return true;
	}
	if (trn_load_acquire32(&st->state) != TRN_QUEUE_ERROR)
		return false;
	*ret_first = failing_sequence(queue, top, st->tag);
	trn_queue_describe(queue, top, ret_error);
	if (st->error == TRN_EXT_ERR_DEPENDENCY)
		*ret_depends = ret_error->address;
	return true;
}

uint32_t trn_queue_owed(const struct trn_queue *queue, struct trn_promise_at *at,
			struct trn_promise *promises, uint32_t max)
{
	uint64_t top = atomic_load_explicit(&queue->submitted, memory_order_acquire);
	uint32_t count = 0;

	while (at->sequence < top && count < max) {
		const struct trn_ext_cmd *cmd =
			&queue->hal->ring[(at->sequence - queue->base) & queue->mask];
		const struct trn_queue_slot *slot = &queue->slots[at->sequence & queue->mask];

		if (cmd->op == TRN_CMD_SIGNAL)
			promises[count++] = (struct trn_promise){ cmd->a[0], cmd->a[1] };
		else if (cmd->op == TRN_CMD_CALL && slot->ref_count == 1)
			count += trn_lists_owed(slot->refs[0], cmd, &at->entry, promises + count,
						max - count);
		if (at->entry == 0)
			at->sequence++;
	}
	return count;
}

uint32_t trn_queue_promises(struct trn_queue *queue, struct trn_promise *promises, uint32_t max,
			    struct trn_error *ret_error, uint64_t *ret_depends)
{
	uint64_t top = atomic_load_explicit(&queue->submitted, memory_order_acquire);
	uint64_t first = 0;

	*ret_depends = 0;
	if (top == queue->swept.sequence || !stopped_by(queue, top, &first, ret_error, ret_depends))
		return 0;
	/* A stopped queue takes nothing more: the ring keeps still from here to the last
	 * command until it is reset, which says so under the list lock. */
	queue->swept.sequence = trn_max_u64(queue->swept.sequence, first - 1);
	return trn_queue_owed(queue, &queue->swept, promises, max);
}

/* The queue is well, what it waited for is not: the record says who is to blame. */
void trn_queue_blame_root(struct trn_queue *queue, struct trn_error *e)
{
	struct trn_error root;

	if (!trn_sync_root(queue->device, e->address, &root))
		return; /* promised anew meanwhile */
	e->code = root.code;
	trn_text_copy(e->hint, sizeof(e->hint), root.hint);
	if (root.queue < 0)
		(void)snprintf(e->cause, sizeof(e->cause),
			       "what it waits for will not come: %.120s", root.cause);
	else
		(void)snprintf(e->cause, sizeof(e->cause),
			       "what it waits for will not come: queue %lld of %.30s stopped at "
			       "command %lld: %.50s",
			       (long long)root.queue, root.device, (long long)root.command,
			       root.cause);
}
