/* SPDX-License-Identifier: Apache-2.0 */
/* Sections about queues: where each stands, its commands in flight, what it launched. */
#include "runtime/dump.h"

#include <string.h>

#define COMMANDS_MAX 64u /* of a queue */
#define BEFORE 4u        /* finished ones that are shown */

static void put_command(struct trn_dump_make *make, const struct trn_ext_cmd *cmd)
{
	struct trn_asm_out *out = &make->out;
	const char *name = trn_command_name(cmd->op);

	if (name)
		trn_asm_put(out, "%s", name);
	else
		trn_asm_put(out, "op%u", cmd->op);
	trn_asm_put(out, " flags %u tag %u", cmd->flags, cmd->tag);
	for (size_t i = 0; i < TRN_ARRAY_LEN(cmd->a); i++)
		trn_asm_put(out, " 0x%" PRIx64, cmd->a[i]);
	trn_asm_put(out, "\n");
}

/* The command that the queue stands at, if the device is busy with it for long. */
static void keep_job(struct trn_dump_make *make, const struct trn_queue *q, uint64_t sequence,
		     const struct trn_ext_cmd *cmd)
{
	const struct trn_ext_status *st = q->hal->status;
	struct trn_dump_job *job = &make->jobs[make->job_count];

	/* A copy queue has none of these. */
	if (make->job_count == TRN_DUMP_JOBS || !q->launches ||
	    (cmd->op != TRN_CMD_LAUNCH && cmd->op != TRN_CMD_COLLECT))
		return;
	*job = (struct trn_dump_job){ .queue = q->hal->index, .sequence = sequence };
	if (cmd->op == TRN_CMD_COLLECT) {
		job->collect = cmd->a[0];
	} else {
		job->core = trn_lo32(cmd->a[1]);
		job->launch = q->launches[(sequence - 1 - q->base) & q->mask].launch;
	}
	job->stopped = trn_load_acquire32(&st->state) == TRN_QUEUE_ERROR;
	if (job->stopped) {
		job->at_core = st->core;
		job->at_engine = st->engine;
		job->at_pc = st->pc;
	}
	make->job_count++;
}

static void put_launch(struct trn_dump_make *make, const struct trn_queue *q, uint64_t sequence)
{
	const struct trn_launch_slot *slot = &q->launches[(sequence - 1 - q->base) & q->mask];
	struct trn_asm_out *out = &make->out;

	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		if (slot->launch.stream[e].words > 0)
			trn_asm_put(out, "  stream %s address 0x%" PRIx64 " words %u\n",
				    trn_text_name(TRN_TEXT_ENGINE, e),
				    slot->launch.stream[e].address, slot->launch.stream[e].words);
	for (uint32_t i = 0; i < slot->launch.arg_count && i < TRN_ISA_ARGS_MAX; i++)
		if (slot->args[i].value != 0 || slot->args[i].size != 0)
			trn_asm_put(out, "  argument %u value 0x%" PRIx64 " size %" PRIu64 "\n", i,
				    slot->args[i].value, slot->args[i].size);
}

static void put_status(struct trn_dump_make *make, const struct trn_queue *q)
{
	const struct trn_ext_status *st = q->hal->status;
	struct trn_asm_out *out = &make->out;
	const uint32_t state = trn_load_acquire32(&st->state);

	trn_asm_put(out, "  status head %u state %u", trn_load_acquire32(&st->head), state);
	/* The device is done with the rest of the block once it has stopped. */
	if (state == TRN_QUEUE_ERROR)
		trn_asm_put(out,
			    " error %u tag %u address 0x%" PRIx64
			    " core %u engine %u pc %u opcode %u operand %u rule %u entry %u",
			    st->error, st->tag, st->address, st->core, st->engine, st->pc,
			    st->opcode, st->operand, st->rule, st->entry);
	trn_asm_put(out, "\n");
}

/* list_lock held: the queue stays. Its owner may go on meanwhile; a command that was finished and
 * overwritten while it was copied is left out. */
static void put_queue(struct trn_dump_make *make, const struct trn_queue *q)
{
	struct trn_asm_out *out = &make->out;
	const uint64_t top = atomic_load_explicit(&q->submitted, memory_order_acquire);
	const uint64_t done = atomic_load_explicit(&q->completed, memory_order_acquire);
	const uint64_t at = trn_queue_at(q);
	const uint64_t first = at > q->base + BEFORE ? at - BEFORE : q->base + 1;
	uint64_t shown = 0;

	trn_asm_put(out, "queue %u depth %u submitted %" PRIu64 " finished %" PRIu64, q->hal->index,
		    q->depth, top, at - 1);
	trn_asm_put(out, " reaped %" PRIu64 " stopped %d\n", done,
		    trn_load_acquire32(&q->hal->status->state) == TRN_QUEUE_ERROR);
	put_status(make, q);
	for (uint64_t s = first; s <= top && shown < COMMANDS_MAX; s++, shown++) {
		const struct trn_ext_cmd cmd = q->hal->ring[(s - 1 - q->base) & q->mask];

		if (s + q->depth <= atomic_load_explicit(&q->submitted, memory_order_acquire))
			continue;
		trn_asm_put(out, "%c command %" PRIu64 " ", s == at ? '>' : (s < at ? '-' : ' '),
			    s - 1);
		put_command(make, &cmd);
		if (cmd.op == TRN_CMD_LAUNCH && q->launches && s >= at)
			put_launch(make, q, s);
		if (s == at)
			keep_job(make, q, s, &cmd);
	}
	if (top >= first && shown < top - first + 1)
		trn_asm_put(out, "  and %" PRIu64 " more\n", top - first + 1 - shown);
}

void trn_dump_queues(struct trn_dump_make *make)
{
	struct trn_device *device = make->device;

	trn_dump_begin(make, "queues");
	trn_lock_take(&device->list_lock);
	for (const struct trn_queue *q = device->queues; q; q = q->next)
		put_queue(make, q);
	trn_lock_give(&device->list_lock);
	trn_dump_end(make);
}
