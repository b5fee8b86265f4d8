/* SPDX-License-Identifier: Apache-2.0 */
/* The sequencers of a core: fetch, wait, issue, retire. Instructions take effect when
 * they retire, in order within an engine; DMAs run beside. Every calendar event does a
 * bounded amount of work and moves virtual time on, so no program can stop its host. */
#include "model/core.h"
#include "model/parts.h"
#include "model/pair.h"

#include <errno.h>

#define BATCH 64u /* register instructions done in one event: nobody else can see them */
#define DMA_ENGINES_INC 16u

static void engine_step(struct trn_core_engine *engine);

static uint64_t core_now(const struct trn_core *core)
{
	return core->chip->model->now_ps;
}

/* No memory for an event: the launch cannot go on, and says so. */
void trn_seq_lost(struct trn_core *core, uint32_t engine)
{
	const struct trn_core_error error = {
		.code = TRN_EXT_ERR_RESET,
		.engine = engine,
		.pc = core->engine[engine].pc,
		.operand = TRN_OPERAND_NONE,
	};

	trn_core_fail(core, &error);
}

static void core_after(struct trn_core *core, uint64_t when_ps,
		       void (*fn)(void *arg, uint64_t a, uint64_t b), uint32_t engine, uint64_t a)
{
	struct trn_model *model = core->chip->model;
	const uint64_t delay = when_ps > model->now_ps ? when_ps - model->now_ps : 0;

	if (trn_model_after(model, delay, fn, &core->engine[engine], a, core->epoch) < 0)
		trn_seq_lost(core, engine);
}

static void step_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_core_engine *engine = arg;

	(void)a;
	if (engine->core->epoch != (uint32_t)epoch)
		return;
	engine->awake = false;
	engine_step(engine);
}

static void engine_wake(struct trn_core_engine *engine, uint64_t when_ps)
{
	if (engine->awake || engine->core->state != TRN_CORE_RUNNING)
		return;
	engine->awake = true;
	core_after(engine->core, when_ps, step_event, engine->index, 0);
}

void trn_seq_wake(struct trn_core_engine *engine)
{
	engine_wake(engine, core_now(engine->core));
}

/* An instruction that is under way, from the oldest on; the one behind them is the current. */
static struct trn_inst *ring_at(struct trn_core_engine *engine, uint32_t index)
{
	return &engine->ring[(engine->first + index) % TRN_RING];
}

/* ---- semaphores ---- */

static bool wait_met(const struct trn_core_engine *engine)
{
	const struct trn_isa_head *head = &engine->current->head;
	uint32_t level = head->wait_value;

	if (head->wait_mode == TRN_WAIT_NONE)
		return true;
	if (head->wait_mode == TRN_WAIT_GE_REG)
		level = engine->reg[head->wait_value];
	return engine->core->sync.semaphore[head->wait_sem] >= level;
}

/* Lets those go on that wait for a semaphore: its own engine at once, others when they see. */
static void sync_wake(struct trn_core *core, uint32_t semaphore, uint32_t by, uint64_t delay_ps)
{
	if (core->state != TRN_CORE_RUNNING)
		return;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_core_engine *engine = &core->engine[e];

		/* The step looks again: another engine may consume first. */
		if (engine->state == TRN_ENGINE_WAITING &&
		    engine->current->head.wait_sem == semaphore && wait_met(engine))
			engine_wake(engine, core_now(core) + (e == by ? 0 : delay_ps));
	}
}

void trn_core_sync_changed(struct trn_core *core, uint32_t semaphore)
{
	trn_trace_semaphore(core, semaphore);
	sync_wake(core, semaphore, TRN_ENGINE_COUNT, 0);
}

/* A DMA's way to who waits for it is part of dma_done_ns. */
static void inst_signal(struct trn_core *core, const struct trn_inst *inst, uint32_t times)
{
	const struct trn_isa_head *head = &inst->head;
	const bool dma = inst->form->kind == TRN_KIND_DMA;
	const bool down = head->inc_mode == TRN_INC_SUB;
	const uint64_t clipped = core->sync.clipped;

	if (head->inc_mode == TRN_INC_NONE)
		return;
	for (uint32_t i = 0; i < (down ? 1 : times); i++)
		trn_sync_count(&core->sync, head->inc_sem, down, head->inc_value);
	trn_trace_semaphore(core, head->inc_sem);
	if (core->sync.clipped != clipped)
		trn_chip_sync_clipped(core->chip, core->index, head->inc_sem,
				      core->sync.semaphore[head->inc_sem]);
	sync_wake(core, head->inc_sem, inst->engine,
		  dma ? 0 : core->chip->gen->semaphore_ns * TRN_PS_PER_NS);
}

/* ---- the end of a launch ---- */

static void engine_halt(struct trn_core_engine *engine)
{
	struct trn_core *core = engine->core;

	engine->state = TRN_ENGINE_HALTED;
	engine->retired++;
	core->chip->counters.instructions++;
	trn_energy_issue(core->chip, engine->index);
	inst_signal(core, engine->current, 1);
	if (--core->running > 0)
		return;
	trn_trace_launch_end(core);
	core->state = TRN_CORE_IDLE;
	core->runs++;
	core->epoch++;
	trn_pair_stopped(core);
	trn_launch_core_done(core->chip->launch, core->index);
}

/* An engine that waits for everything it issued looks again. */
static void engine_drained(struct trn_core_engine *engine)
{
	if (engine->draining)
		engine_wake(engine, core_now(engine->core));
}

/* ---- retiring ---- */

static void inst_fail(struct trn_core *core, const struct trn_inst *inst,
		      struct trn_core_error *error)
{
	error->engine = inst->engine;
	error->pc = inst->pc;
	error->opcode = inst->head.op;
	trn_core_fail(core, error);
}

static void retire_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_core_engine *engine = arg;
	struct trn_core *core = engine->core;
	struct trn_inst *inst = &engine->ring[engine->first];
	struct trn_core_error error = { .operand = TRN_OPERAND_NONE };
	int r = 0;

	(void)a;
	if (core->epoch != (uint32_t)epoch)
		return;
	if (inst->form->kind == TRN_KIND_COMPUTE)
		r = trn_inst_effect(core, inst, &error);
	else if (inst->info->exec)
		r = inst->info->exec(core, inst, &error);
	if (r < 0) {
		inst_fail(core, inst, &error);
		return;
	}
	engine->first = (engine->first + 1) % TRN_RING;
	engine->count--;
	engine->retired++;
	core->chip->counters.instructions++;
	trn_energy_retire(core, inst);
	inst_signal(core, inst, 1);
	if (engine->count == 0)
		engine_drained(engine);
}

/* Commands of a queue may wait for what a DMA wrote, here or on another chip. */
static void wrote(struct trn_chip *chip, uint64_t address)
{
	chip = trn_chip_at(chip, &address);
	if (chip && chip->launch)
		trn_launch_written(chip->launch);
}

void trn_seq_dma_done(struct trn_core *core, uint32_t slot)
{
	const struct trn_inst *inst = &core->dma[slot].inst;

	trn_trace_dma(core, inst, core->dma[slot].begin_ps);
	trn_dma_forget(core, slot);
	core->dma[slot].used = false;
	core->dma_live--;
	core->engine[inst->engine].dma_live--;
	core->engine[inst->engine].retired++;
	core->chip->counters.instructions++;
	trn_energy_retire(core, inst);
	inst_signal(core, inst, DMA_ENGINES_INC);
	if (inst->dst.space == TRN_SPACE_DRAM)
		wrote(core->chip, inst->dst.arg + inst->dst.offset);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		engine_drained(&core->engine[e]);
}

static void dma_event(void *arg, uint64_t slot, uint64_t epoch)
{
	struct trn_core_engine *engine = arg;
	struct trn_core *core = engine->core;
	struct trn_inst *inst = &core->dma[slot].inst;
	struct trn_core_error error = { .operand = TRN_OPERAND_NONE };

	if (core->epoch != (uint32_t)epoch)
		return;
	/* Others that came meanwhile have made it later. */
	if (trn_dma_end_ps(core, (uint32_t)slot) > core_now(core)) {
		core_after(core, trn_dma_end_ps(core, (uint32_t)slot), dma_event, engine->index,
			   slot);
		return;
	}
	if (trn_dma_lost(core, (uint32_t)slot)) {
		(void)trn_dma_refuse(&error, TRN_AP_DST, inst->dst.arg + inst->dst.offset);
		error.code = TRN_EXT_ERR_LINK;
		inst_fail(core, inst, &error);
	} else if (inst->info->exec(core, inst, &error) < 0)
		inst_fail(core, inst, &error);
	else
		trn_seq_dma_done(core, (uint32_t)slot);
}

/* ---- issuing ---- */

/* When what an instruction reads has been written by its own engine. */
static uint64_t hazard_ps(struct trn_core_engine *engine, const struct trn_inst *inst)
{
	const uint32_t outputs = (inst->keeps ? 0 : TRN_SLOT(DST)) | TRN_SLOT(DST2);
	uint64_t when = 0;

	for (uint32_t i = 0; i < engine->count; i++) {
		const struct trn_inst *old = ring_at(engine, i);

		for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
			if (!((inst->live & ~outputs) >> s & 1))
				continue;
			for (uint32_t d = TRN_AP_DST; d <= TRN_AP_DST2; d += TRN_AP_DST2) {
				if ((old->live >> d & 1) &&
				    trn_view_overlap(&inst->view[s], &old->view[d]))
					when = old->retire_ps;
			}
		}
	}
	return when;
}

/* Puts the current instruction among those under way. */
static void inst_issue(struct trn_core_engine *engine, struct trn_cost cost)
{
	struct trn_inst *inst = engine->current;
	const uint64_t now = core_now(engine->core);

	inst->cycles = cost.cycles;
	inst->retire_ps = trn_max_u64(now + cost.result_ps, engine->last_retire_ps);
	engine->last_retire_ps = inst->retire_ps;
	if (engine->index == TRN_ENGINE_TENSOR && inst->form->kind == TRN_KIND_COMPUTE)
		trn_tensor_take(engine, inst, now + cost.busy_ps);
	else if (inst->form->kind == TRN_KIND_COMPUTE)
		engine->ready_ps = now + cost.busy_ps;
	engine->count++;
	engine->current = ring_at(engine, engine->count);
	trn_trace_issue(engine, inst, now,
			inst->form->kind == TRN_KIND_SYNC ? inst->retire_ps : now + cost.busy_ps);
	engine->core->chip->counters.busy_ps[engine->index] += cost.busy_ps;
	core_after(engine->core, inst->retire_ps, retire_event, engine->index, 0);
}

static void dma_issue(struct trn_core_engine *engine, struct trn_cost cost)
{
	struct trn_core *core = engine->core;
	const uint64_t now = core_now(core);
	struct trn_core_error error = { .operand = TRN_OPERAND_NONE };
	uint32_t slot = 0;

	while (core->dma[slot].used)
		slot++;
	core->dma[slot].used = true;
	core->dma[slot].alone = false;
	core->dma[slot].begin_ps = now;
	core->dma[slot].inst = *engine->current;
	core->dma_live++;
	engine->dma_live++;
	trn_trace_issue(engine, engine->current, now, now + cost.busy_ps);
	engine->dma_ready_ps = now + trn_dma_issue_ps(core->chip->gen, engine->current);
	core->chip->counters.busy_ps[engine->index] += cost.busy_ps;
	if (engine->current->head.op == TRN_OP_SENDRECV) {
		if (trn_pair_exchange(core, slot, &error) < 0)
			inst_fail(core, engine->current, &error);
		return;
	}
	core_after(core, trn_dma_begin_ps(core, slot), dma_event, engine->index, slot);
}

static uint32_t second_operand(const struct trn_core_engine *engine, const struct trn_inst *inst,
			       uint32_t reg)
{
	return inst->head.flags & TRN_REG_IMM ? inst->imm[0] : engine->reg[reg];
}

static uint32_t launch_argument(const struct trn_core *core, const struct trn_inst *inst)
{
	const struct trn_ext_arg *arg = &core->arg[inst->imm[0]];

	switch (inst->imm[1]) {
	case TRN_REG_PART_VALUE_LO:
		return trn_lo32(arg->value);
	case TRN_REG_PART_VALUE_HI:
		return trn_hi32(arg->value);
	case TRN_REG_PART_SIZE_LO:
		return trn_lo32(arg->size);
	default:
		return trn_hi32(arg->size);
	}
}

/* What a register instruction does; where the stream goes on. */
static uint32_t sequence(struct trn_core_engine *engine, const struct trn_inst *inst)
{
	const uint32_t next = inst->pc + inst->head.words;

	switch (inst->head.op) {
	case TRN_OP_BRANCH:
		if (inst->mode == TRN_ALU_BYPASS ||
		    trn_alu_register(inst->mode, engine->reg[inst->op1],
				     second_operand(engine, inst, inst->func)))
			return inst->imm[1];
		return next;
	case TRN_OP_REG_MOVE:
		engine->reg[inst->op0] = second_operand(engine, inst, inst->op1);
		return next;
	case TRN_OP_REG_ALU:
		engine->reg[inst->op0] = trn_alu_register(inst->mode, engine->reg[inst->op1],
							  second_operand(engine, inst, inst->func));
		return next;
	case TRN_OP_REG_ARG:
		engine->reg[inst->op0] = launch_argument(engine->core, inst);
		return next;
	default:
		return next;
	}
}

/* Only its own registers: may run ahead of virtual time. */
static bool is_private(const struct trn_inst *inst)
{
	return inst->form->kind == TRN_KIND_SEQ && inst->head.wait_mode == TRN_WAIT_NONE &&
	       inst->head.inc_mode == TRN_INC_NONE;
}

/* The earliest time at which the current instruction may issue, from local_ps on; NEVER:
 * when something that is under way has ended. */
static uint64_t issue_ps(struct trn_core_engine *engine, uint64_t local_ps)
{
	const struct trn_inst *inst = engine->current;
	uint64_t when = local_ps;

	if (engine->count == TRN_INFLIGHT)
		when = trn_max_u64(when, engine->ring[engine->first].retire_ps);
	switch (inst->form->kind) {
	case TRN_KIND_SEQ:
		return when;
	case TRN_KIND_COMPUTE:
		when = trn_max_u64(when, engine->index == TRN_ENGINE_TENSOR ?
						 trn_tensor_ready_ps(engine, inst) :
						 engine->ready_ps);
		return trn_max_u64(when, hazard_ps(engine, inst));
	case TRN_KIND_DMA:
		/* Behind an exchange that has not met the other side nothing has an end. */
		if (engine->count > 0 || engine->core->dma_live == TRN_DMA_LIVE ||
		    engine->exchanging)
			return TRN_MODEL_NEVER;
		return trn_max_u64(when, engine->dma_ready_ps);
	default:
		if (engine->count > 0 || (inst->head.op == TRN_OP_HALT && engine->dma_live > 0))
			return TRN_MODEL_NEVER;
		return when;
	}
}

/* Looks at the semaphore when everything else is ready, and takes what it consumes. */
static bool take_wait(struct trn_core_engine *engine)
{
	const struct trn_isa_head *head = &engine->current->head;

	/* Who has come to a barrier has waited for its semaphore before. */
	if (!engine->arrived) {
		if (!wait_met(engine)) {
			engine->state = TRN_ENGINE_WAITING;
			trn_trace_wait(engine, true);
			return false;
		}
		if (head->wait_mode == TRN_WAIT_CONSUME) {
			engine->core->sync.semaphore[head->wait_sem] -= head->wait_value;
			trn_trace_semaphore(engine->core, head->wait_sem);
		}
	}
	if (head->op == TRN_OP_CORE_BARRIER && !trn_pair_barrier(engine)) {
		engine->state = TRN_ENGINE_WAITING;
		trn_trace_wait(engine, true);
		return false;
	}
	engine->state = TRN_ENGINE_BUSY;
	trn_trace_wait(engine, false);
	return true;
}

/* Starts the current instruction; false when the engine has nothing to go on with now. */
static bool issue(struct trn_core_engine *engine)
{
	const struct trn_inst *inst = engine->current;
	const struct trn_cost cost = trn_inst_cost(engine, inst);
	const uint64_t cycles = trn_cycles_ps(engine->core->chip->gen, engine->index,
					      engine->core->chip->gen->sequencer_cycles);

	engine->decoded = false;
	if (inst->head.op == TRN_OP_HALT) {
		engine_halt(engine);
		return false;
	}
	engine->pc = sequence(engine, inst);
	engine->local_ps = core_now(engine->core) + cycles;
	if (inst->form->kind == TRN_KIND_DMA)
		dma_issue(engine, cost);
	else
		inst_issue(engine, cost);
	if (inst->form->kind != TRN_KIND_SYNC)
		return engine->core->state == TRN_CORE_RUNNING;
	/* A register must have been loaded before the next instruction is decoded. */
	engine->local_ps = engine->last_retire_ps;
	engine_wake(engine, engine->local_ps);
	return false;
}

/* Decodes the next instruction, or ends the launch with the rule it breaks. */
static bool fetch(struct trn_core_engine *engine, uint64_t local_ps)
{
	struct trn_core_error error;
	uint64_t when;

	if (engine->decoded)
		return true;
	if (trn_inst_decode(engine, engine->current, &error) == 0) {
		engine->decoded = true;
		return true;
	}
	/* What was issued before still counts, and its own errors come first. */
	when = trn_max_u64(local_ps, engine->last_retire_ps);
	if (when > core_now(engine->core))
		engine_wake(engine, when);
	else
		trn_core_fail(engine->core, &error);
	return false;
}

static void engine_step(struct trn_core_engine *engine)
{
	struct trn_core *core = engine->core;
	const uint64_t now = core_now(core);

	engine->local_ps = trn_max_u64(engine->local_ps, now);
	for (uint32_t n = 0; n < BATCH; n++) {
		uint64_t when;

		if (!fetch(engine, engine->local_ps))
			return;
		if (is_private(engine->current)) {
			const uint64_t begin = engine->local_ps;

			engine->local_ps += trn_inst_cost(engine, engine->current).busy_ps;
			trn_trace_issue(engine, engine->current, begin, engine->local_ps);
			engine->pc = sequence(engine, engine->current);
			engine->decoded = false;
			engine->retired++;
			core->chip->counters.instructions++;
			trn_energy_issue(core->chip, engine->index);
			continue;
		}
		when = issue_ps(engine, engine->local_ps);
		engine->draining = when == TRN_MODEL_NEVER;
		if (engine->draining)
			return;
		if (when > now) {
			engine_wake(engine, when);
			return;
		}
		if (!take_wait(engine) || !issue(engine))
			return;
	}
	engine_wake(engine, engine->local_ps);
}

/* ---- starting ---- */

static void engine_start(struct trn_core_engine *engine, const struct trn_ext_stream *stream)
{
	struct trn_core *core = engine->core;

	memset(engine->reg, 0, sizeof(engine->reg));
	engine->runs = stream->words > 0;
	engine->state = engine->runs ? TRN_ENGINE_BUSY : TRN_ENGINE_IDLE;
	engine->decoded = engine->draining = engine->awake = false;
	engine->stream = stream->address;
	engine->words = stream->words;
	engine->pc = engine->retired = 0;
	engine->local_ps = engine->ready_ps = core_now(core);
	engine->dma_ready_ps = engine->last_retire_ps = core_now(core);
	engine->dma_live = engine->first = engine->count = 0;
	engine->current = ring_at(engine, 0);
	/* What lies in HBM stays where it is; other memory is looked up for each instruction. */
	engine->code = NULL;
	if (trn_chip_place(core->chip, stream->address) == TRN_PLACE_HBM)
		engine->code = trn_chip_memory(core->chip, stream->address,
					       (uint64_t)stream->words * TRN_ISA_WORD_SIZE, false);
	engine->rounding = TRN_ROUND_NEAREST;
	engine->trace = (struct trn_trace_engine){ 0 };
	engine->arrived = engine->exchanging = false;
}

/* True when a fault of the catalogue decided how this launch goes. */
static bool launch_fault(struct trn_core *core, uint32_t engine)
{
	const struct trn_core_error error = {
		.code = TRN_EXT_ERR_INJECTED,
		.engine = engine,
		.operand = TRN_OPERAND_NONE,
	};
	uint64_t value = 0;

	if (trn_fault_fires(core->chip, "core.error", core->index, &value)) {
		trn_core_fail(core, &error);
		return true;
	}
	return trn_fault_fires(core->chip, "core.hang", core->index, &value);
}

/* Semaphores and registers start at 0, PSUM as unwritten; SBUF keeps what it holds. */
int trn_core_launch(struct trn_core *core, const struct trn_ext_launch *launch,
		    const struct trn_ext_arg *args, uint32_t window)
{
	uint32_t first = TRN_ENGINE_COUNT;

	if (!trn_core_storage(core))
		return -ENOMEM;
	core->state = TRN_CORE_RUNNING;
	core->epoch++;
	core->error = (struct trn_core_error){ 0 };
	core->window = window;
	core->arg_count = launch->arg_count;
	memcpy(core->arg, args, launch->arg_count * sizeof(*args));
	core->launch_ps = core_now(core);
	trn_trace_launch(core);
	memset(core->sync.semaphore, 0, sizeof(core->sync.semaphore));
	memset(core->psum_written, 0, sizeof(core->psum_written));
	memset(core->psum_summable, 0, sizeof(core->psum_summable));
	core->running = 0;
	for (uint32_t e = TRN_ENGINE_COUNT; e-- > 0;) {
		engine_start(&core->engine[e], &launch->stream[e]);
		if (core->engine[e].runs) {
			core->running++;
			first = e;
		}
	}
	core->chip->counters.launches++;
	if (launch_fault(core, first))
		return 0;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT && core->state == TRN_CORE_RUNNING; e++) {
		if (core->engine[e].runs)
			engine_wake(&core->engine[e], core_now(core));
	}
	return 0;
}
