/* SPDX-License-Identifier: Apache-2.0 */
/* LAUNCH commands: descriptors checked as hostile, cores handed out in order of
 * arrival, ends of launches brought back to their queues. */
#include "model/ext.h"

/* Why a launch is refused. */
struct refusal {
	enum trn_ext_error code;
	uint64_t address;
};

static bool refuse(struct refusal *refusal, enum trn_ext_error code, uint64_t address)
{
	refusal->code = code;
	refusal->address = address;
	return false;
}

/* Memory that must be readable through the queue's window. */
static bool readable(struct trn_queue *queue, uint64_t address, uint64_t size,
		     struct refusal *refusal)
{
	uint64_t bad = address;

	if (!trn_launch_window_ok(queue->launch, queue->window, address, size, false) ||
	    trn_chip_dma_check(queue->launch->chip, address, size, false, &bad) < 0)
		return refuse(refusal, TRN_EXT_ERR_ADDRESS, bad);
	return true;
}

static bool streams_ok(struct trn_queue *queue, const struct trn_ext_launch *desc,
		       struct refusal *refusal)
{
	uint32_t running = 0;

	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		const struct trn_ext_stream *stream = &desc->stream[e];

		if (stream->reserved != 0)
			return refuse(refusal, TRN_EXT_ERR_LAUNCH, queue->cmd.a[0]);
		if (stream->words == 0)
			continue;
		running++;
		if (stream->address % TRN_ISA_WORD_SIZE != 0)
			return refuse(refusal, TRN_EXT_ERR_ADDRESS, stream->address);
		if (!readable(queue, stream->address, (uint64_t)stream->words * TRN_ISA_WORD_SIZE,
			      refusal))
			return false;
	}
	return running > 0 || refuse(refusal, TRN_EXT_ERR_LAUNCH, queue->cmd.a[0]);
}

/* What DMA may touch lies in the window, for reading or for writing. */
static bool args_ok(struct trn_queue *queue, const struct trn_ext_arg *args, uint32_t count,
		    struct refusal *refusal)
{
	const struct trn_launch *launch = queue->launch;

	for (uint32_t i = 0; i < count; i++) {
		const struct trn_ext_arg *arg = &args[i];

		if (arg->size == 0)
			continue;
		if (arg->size > INT64_MAX || arg->value + arg->size < arg->value)
			return refuse(refusal, TRN_EXT_ERR_LAUNCH, arg->value);
		if (!trn_launch_window_ok(launch, queue->window, arg->value, arg->size, false) &&
		    !trn_launch_window_ok(launch, queue->window, arg->value, arg->size, true))
			return refuse(refusal, TRN_EXT_ERR_ADDRESS, arg->value);
	}
	return true;
}

static bool head_ok(const struct trn_ext_launch *desc)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(desc->reserved1); i++) {
		if (desc->reserved1[i] != 0)
			return false;
	}
	return desc->magic == TRN_EXT_MAGIC && desc->version == TRN_EXT_VERSION &&
	       desc->arg_count <= TRN_ISA_ARGS_MAX && desc->flags == 0 && desc->reserved0 == 0;
}

static bool descriptor_read(struct trn_queue *queue, struct trn_ext_launch *desc,
			    struct trn_ext_arg *args, struct refusal *refusal)
{
	struct trn_chip *chip = queue->launch->chip;
	const uint64_t at = queue->cmd.a[0];
	uint64_t bad = at;

	if (at % TRN_ISA_WORD_SIZE != 0)
		return refuse(refusal, TRN_EXT_ERR_ADDRESS, at);
	if (!readable(queue, at, sizeof(*desc), refusal))
		return false;
	if (trn_chip_dma_read(chip, at, desc, sizeof(*desc), &bad) < 0)
		return refuse(refusal, TRN_EXT_ERR_ADDRESS, bad);
	if (!head_ok(desc))
		return refuse(refusal, TRN_EXT_ERR_LAUNCH, at);
	if (!readable(queue, at + sizeof(*desc), desc->arg_count * sizeof(*args), refusal))
		return false;
	if (trn_chip_dma_read(chip, at + sizeof(*desc), args, desc->arg_count * sizeof(*args),
			      &bad) < 0)
		return refuse(refusal, TRN_EXT_ERR_ADDRESS, bad);
	return streams_ok(queue, desc, refusal) && args_ok(queue, args, desc->arg_count, refusal);
}

/* ---- cores ---- */

static bool core_usable(const struct trn_launch *launch, uint32_t index)
{
	const struct trn_core *core = launch->chip->core[index];

	return !(launch->chip->in_reset >> index & 1) && core && core->state != TRN_CORE_FAULTED;
}

static void start_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;
	struct trn_launch *launch = queue->launch;
	struct refusal refusal = { TRN_EXT_OK, 0 };
	struct trn_ext_arg args[TRN_ISA_ARGS_MAX];
	struct trn_ext_launch desc;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	/* Read when the core is there: until then it is the user's memory. */
	if (!core_usable(launch, queue->core))
		refuse(&refusal, TRN_EXT_ERR_CORE_STATE, 0);
	else if (descriptor_read(queue, &desc, args, &refusal) &&
		 trn_core_launch(launch->chip->core[queue->core], &desc, args, queue->window) < 0)
		refuse(&refusal, TRN_EXT_ERR_CORE_STATE, 0);
	if (refusal.code != TRN_EXT_OK)
		trn_queue_fail_code(queue, refusal.code, refusal.address);
}

/* Gives the core to the first in line; queues that cannot have it any more fail. */
static void line_next(struct trn_launch *launch, uint32_t core)
{
	struct trn_core_line *line = &launch->line[core];

	while (line->runner == TRN_QUEUE_NONE && line->count > 0) {
		struct trn_queue *queue = &launch->queue[line->queue[0]];

		if (launch->chip->core[core]->state == TRN_CORE_RUNNING)
			return; /* a launch whose queue has left it */
		line->count--;
		memmove(line->queue, line->queue + 1, line->count);
		if (!core_usable(launch, core)) {
			trn_queue_fail_code(queue, TRN_EXT_ERR_CORE_STATE, 0);
			continue;
		}
		line->runner = queue->index;
		trn_queue_after(queue, launch->chip->gen->queue_launch_ns * TRN_PS_PER_NS,
				start_event);
	}
}

void trn_launch_begin(struct trn_queue *queue)
{
	struct trn_launch *launch = queue->launch;
	const uint64_t core = queue->cmd.a[1];
	struct trn_core_line *line;

	if (core >= TRN_CORES) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_LAUNCH, 0);
		return;
	}
	queue->core = (uint32_t)core;
	if (!trn_chip_core(launch->chip, queue->core) || !core_usable(launch, queue->core)) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_CORE_STATE, 0);
		return;
	}
	queue->busy = true;
	line = &launch->line[core];
	line->queue[line->count++] = (uint8_t)queue->index;
	line_next(launch, queue->core);
}

void trn_launch_forget(struct trn_queue *queue)
{
	struct trn_launch *launch = queue->launch;
	const uint32_t core = queue->core;
	struct trn_core_line *line;
	uint32_t kept = 0;

	if (core == TRN_CORE_NONE)
		return;
	queue->core = TRN_CORE_NONE;
	line = &launch->line[core];
	if (line->runner == queue->index)
		line->runner = TRN_QUEUE_NONE;
	for (uint32_t i = 0; i < line->count; i++) {
		if (line->queue[i] != queue->index)
			line->queue[kept++] = line->queue[i];
	}
	line->count = kept;
	line_next(launch, core);
}

static void report_end(struct trn_queue *queue, const struct trn_core *core)
{
	const struct trn_core_error *from = &core->error;
	const struct trn_queue_error error = {
		.code = from->code,
		.opcode = from->opcode,
		.core = core->index,
		.engine = from->engine,
		.pc = from->pc,
		.operand = from->operand,
		.rule = from->rule,
		.address = from->address,
	};

	if (core->state == TRN_CORE_FAULTED) {
		trn_queue_fail(queue, &error);
	} else {
		queue->core = TRN_CORE_NONE;
		trn_queue_finish(queue);
	}
}

static void done_event(void *arg, uint64_t index, uint64_t epoch)
{
	struct trn_launch *launch = arg;
	struct trn_core *core = launch->chip->core[index];
	struct trn_core_line *line = &launch->line[index];
	const uint32_t runner = line->runner;

	if (core->epoch != (uint32_t)epoch)
		return;
	line->runner = TRN_QUEUE_NONE;
	if (runner != TRN_QUEUE_NONE)
		report_end(&launch->queue[runner], core);
	line_next(launch, (uint32_t)index);
}

void trn_launch_core_done(struct trn_launch *launch, uint32_t core)
{
	const uint32_t epoch = launch->chip->core[core]->epoch;

	/* Not from inside the core's own event: what follows may start its next launch. */
	if (trn_model_after(launch->chip->model, 0, done_event, launch, core, epoch) < 0)
		done_event(launch, core, epoch);
}
