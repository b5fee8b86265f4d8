/* SPDX-License-Identifier: Apache-2.0 */
/* Items for a time trace, made where things end. Every function is one comparison when nobody
 * listens. */
#include "model/trace.h"

#include "model/ext.h"
#include "model/fabric.h"
#include "model/timing.h"

#define PS_PER_S UINT64_C(1000000000000)

static bool listened(const struct trn_chip *chip)
{
	return chip->listener != NULL;
}

static uint64_t now_of(const struct trn_core *core)
{
	return core->chip->model->now_ps;
}

static void emit(const struct trn_chip *chip, struct trn_trace_item item)
{
	item.chip = chip->index;
	chip->listener(chip->model->host.user, &item);
}

/* The open span ends when its time is up, or when the engine goes on before. */
static void close_span(struct trn_core_engine *engine, uint64_t limit_ps)
{
	struct trn_trace_engine *open = &engine->trace;

	if (open->name && listened(engine->core->chip))
		emit(engine->core->chip,
		     (struct trn_trace_item){ .kind = TRN_TRACE_INSTRUCTION,
					      .name = open->name,
					      .begin_ps = open->begin_ps,
					      .end_ps = trn_min_u64(open->end_ps, limit_ps),
					      .core = engine->core->index,
					      .track = engine->index,
					      .pc = open->pc,
					      .value = open->cycles });
	open->name = NULL;
}

void trn_trace_issue(struct trn_core_engine *engine, const struct trn_inst *inst, uint64_t begin_ps,
		     uint64_t end_ps)
{
	struct trn_trace_engine *open = &engine->trace;

	if (!listened(engine->core->chip)) {
		open->name = NULL;
		return;
	}
	close_span(engine, begin_ps);
	open->name = inst->form->name;
	open->begin_ps = begin_ps;
	open->end_ps = end_ps;
	open->cycles = inst->cycles;
	open->pc = inst->pc;
}

void trn_trace_wait(struct trn_core_engine *engine, bool waiting)
{
	struct trn_trace_engine *open = &engine->trace;

	if (waiting == open->waiting)
		return;
	open->waiting = waiting;
	if (waiting)
		open->wait_ps = now_of(engine->core);
	else if (listened(engine->core->chip))
		emit(engine->core->chip,
		     (struct trn_trace_item){ .kind = TRN_TRACE_WAIT,
					      .name = engine->current->form->name,
					      .begin_ps = open->wait_ps,
					      .end_ps = now_of(engine->core),
					      .core = engine->core->index,
					      .track = engine->index,
					      .pc = engine->current->pc,
					      .value = engine->current->head.wait_sem });
}

void trn_trace_dma(const struct trn_core *core, const struct trn_inst *inst, uint64_t begin_ps)
{
	if (listened(core->chip))
		emit(core->chip, (struct trn_trace_item){ .kind = TRN_TRACE_DMA,
							  .name = inst->form->name,
							  .begin_ps = begin_ps,
							  .end_ps = now_of(core),
							  .core = core->index,
							  .track = inst->engine,
							  .pc = inst->pc,
							  .value = trn_dma_bytes(inst) });
}

static void emit_semaphore(const struct trn_core *core, uint32_t semaphore, uint32_t value)
{
	emit(core->chip, (struct trn_trace_item){ .kind = TRN_TRACE_SEMAPHORE,
						  .name = "semaphore",
						  .begin_ps = now_of(core),
						  .end_ps = now_of(core),
						  .core = core->index,
						  .track = semaphore,
						  .value = value });
}

void trn_trace_semaphore(const struct trn_core *core, uint32_t semaphore)
{
	if (listened(core->chip))
		emit_semaphore(core, semaphore, core->sync.semaphore[semaphore]);
}

void trn_trace_launch(const struct trn_core *core)
{
	for (uint32_t s = 0; listened(core->chip) && s < TRN_SEMAPHORES; s++)
		if (core->sync.semaphore[s])
			emit_semaphore(core, s, 0);
}

void trn_trace_launch_end(struct trn_core *core)
{
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		close_span(&core->engine[e], now_of(core));
		core->engine[e].trace.waiting = false;
	}
	if (listened(core->chip))
		emit(core->chip, (struct trn_trace_item){ .kind = TRN_TRACE_LAUNCH,
							  .name = "launch",
							  .begin_ps = core->launch_ps,
							  .end_ps = now_of(core),
							  .core = core->index,
							  .value = core->error.code });
}

void trn_trace_sync(const struct trn_chip *chip, enum trn_trace_kind kind, const char *name,
		    uint64_t begin_ps, uint32_t processor, uint32_t pc, uint64_t value)
{
	if (listened(chip))
		emit(chip, (struct trn_trace_item){ .kind = kind,
						    .name = name,
						    .begin_ps = begin_ps,
						    .end_ps = chip->model->now_ps,
						    .core = processor / 2,
						    .track = processor,
						    .pc = pc,
						    .value = value });
}

void trn_trace_command(const struct trn_queue *queue)
{
	static const char *const names[] = {
		[TRN_CMD_NOP] = "nop",       [TRN_CMD_COPY] = "copy",
		[TRN_CMD_FILL] = "fill",     [TRN_CMD_WAIT] = "wait",
		[TRN_CMD_SIGNAL] = "signal", [TRN_CMD_TIMESTAMP] = "timestamp",
		[TRN_CMD_LAUNCH] = "launch", [TRN_CMD_COLLECT] = "collect",
		[TRN_CMD_CALL] = "call",     [TRN_CMD_BRANCH] = "branch",
		[TRN_CMD_ADD] = "add",       [TRN_CMD_COPY_ND] = "copy-nd",
	};
	const struct trn_chip *chip = queue->launch->chip;
	const uint32_t op = queue->cmd.op;

	if (listened(chip) && op < TRN_ARRAY_LEN(names) && names[op])
		emit(chip, (struct trn_trace_item){ .kind = TRN_TRACE_COPY,
						    .name = names[op],
						    .begin_ps = queue->begin_ps,
						    .end_ps = chip->model->now_ps,
						    .track = queue->index,
						    .value = queue->cmd.tag });
}

/* ---- samples ---- */

void trn_trace_hbm(struct trn_chip *chip, uint32_t stack, uint64_t begin_ps, uint64_t end_ps,
		   uint64_t bytes)
{
	uint64_t *last = &chip->trace.bytes[stack];

	/* A counter keeps its value until the next sample. */
	if (!listened(chip) || begin_ps < chip->trace.from_ps || bytes == *last)
		return;
	*last = bytes;
	emit(chip, (struct trn_trace_item){ .kind = TRN_TRACE_HBM,
					    .name = "HBM",
					    .begin_ps = begin_ps,
					    .end_ps = end_ps,
					    .track = stack,
					    .value = bytes * (PS_PER_S / (end_ps - begin_ps)) });
}

void trn_trace_link(struct trn_chip *chip, uint32_t link, uint64_t slot_ps, uint64_t slot,
		    uint64_t bytes, uint64_t *last)
{
	if (!listened(chip) || slot * slot_ps < chip->trace.from_ps || bytes == *last)
		return;
	*last = bytes;
	emit(chip, (struct trn_trace_item){ .kind = TRN_TRACE_LINK,
					    .name = "link",
					    .begin_ps = slot * slot_ps,
					    .end_ps = (slot + 1) * slot_ps,
					    .track = link,
					    .value = bytes * (PS_PER_S / slot_ps) });
}

void trn_trace_begin(struct trn_chip *chip)
{
	if (chip->model->fabric)
		trn_fabric_trace(chip->model->fabric, chip->index, false);
	chip->trace = (struct trn_trace_chip){ .from_ps = chip->model->now_ps };
	chip->power_ps = chip->model->now_ps;
	chip->power_nj = trn_energy_total_nj(chip);
}

void trn_trace_end(struct trn_chip *chip)
{
	if (!listened(chip))
		return;
	trn_hbm_flush(chip);
	if (chip->model->fabric)
		trn_fabric_trace(chip->model->fabric, chip->index, true);
}
