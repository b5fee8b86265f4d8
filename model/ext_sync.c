/* SPDX-License-Identifier: Apache-2.0 */
/* A sync processor: one operation after the other, transfers and signals that fly beside it. */
#include "model/collect.h"

#include "base/alloc.h"
#include "base/number.h"
#include "model/core.h"
#include "model/fabric.h"
#include "model/slots.h"

#define ENGINES 16u
#define SEMAPHORE_BYTES 4u

static struct trn_chip *chip_of(const struct trn_processor *processor)
{
	return processor->unit->launch->chip;
}

static uint64_t now_of(const struct trn_processor *processor)
{
	return chip_of(processor)->model->now_ps;
}

/* ---- errors ---- */

static void fail_at(struct trn_processor *processor, enum trn_ext_error code, uint32_t op,
		    uint32_t peer, uint64_t address)
{
	const struct trn_queue_error error = {
		.code = code,
		.core = processor->index,
		.engine = TRN_OPERAND_NONE,
		.pc = op,
		.operand = peer,
		.address = address,
	};

	trn_collect_fail(processor->collect, &error);
}

/* The operation at pc. */
static void fail(struct trn_processor *processor, const struct trn_ext_sync_op *op,
		 enum trn_ext_error code, uint64_t address)
{
	fail_at(processor, code, processor->pc, op->peer, address);
}

/* ---- semaphores ---- */

/* Whether an address of a chip's own is the increment register of a semaphore; *ret_reset is the
 * bit of the reset map that holds it. */
static bool is_increment(uint64_t address, uint32_t *ret_reset)
{
	const uint64_t topsp =
		address - (address >= TRN_AXI_TOPSP10 ? TRN_AXI_TOPSP10 : TRN_AXI_TOPSP0);
	const uint64_t block = topsp / TRN_AXI_TOPSP_STRIDE;
	const uint64_t size = TRN_SEMAPHORES * SEMAPHORE_BYTES;

	if (address % SEMAPHORE_BYTES != 0)
		return false;
	if (address >= TRN_AXI_TOPSP0 && block < TRN_TOPSPS / 2) {
		*ret_reset = TRN_RESET_TOPSP + (uint32_t)block / 2 +
			     (address >= TRN_AXI_TOPSP10 ? TRN_CORES / 2 : 0);
		return topsp % TRN_AXI_TOPSP_STRIDE - TRN_TOPSP_SEM_INC < size;
	}
	for (uint32_t c = 0; c < TRN_CORES; c++) {
		*ret_reset = c;
		if (address - trn_regs_tpb_axi(c) - TRN_TPB_SEM_INC < size)
			return true;
	}
	return false;
}

/* A semaphore that a signal may count. */
static enum trn_ext_error signal_check(const struct trn_processor *processor, uint64_t address,
				       struct trn_chip **ret_to)
{
	const struct trn_queue *queue = processor->collect->queue;
	uint64_t at = address;
	struct trn_chip *to = trn_chip_at(chip_of(processor), &at);
	uint32_t reset;

	if (!to || !is_increment(at, &reset) ||
	    !trn_launch_window_ok(queue->launch, queue->window, address, SEMAPHORE_BYTES, true))
		return TRN_EXT_ERR_ADDRESS;
	if (to->dead)
		return TRN_EXT_ERR_LINK;
	*ret_to = to;
	return to->in_reset >> reset & 1 ? TRN_EXT_ERR_ADDRESS : TRN_EXT_OK;
}

/* Counts now. */
static enum trn_ext_error signal_write(const struct trn_processor *processor, uint64_t address,
				       uint32_t value)
{
	struct trn_chip *to;
	const enum trn_ext_error error = signal_check(processor, address, &to);
	uint64_t bad;

	if (error != TRN_EXT_OK)
		return error;
	return trn_chip_far_write(chip_of(processor), address, &value, sizeof(value), &bad) < 0 ?
		       TRN_EXT_ERR_ADDRESS :
		       TRN_EXT_OK;
}

/* ---- flights ---- */

struct trn_flight *trn_flight_get(struct trn_sync_unit *unit)
{
	struct trn_flight *flight = unit->free;
	struct trn_flight_chunk *chunk;

	if (!flight) {
		chunk = trn_alloc_zero(unit->launch->chip->model->alloc, sizeof(*chunk));
		if (!chunk) {
			unit->launch->chip->model->lost++;
			return NULL;
		}
		chunk->next = unit->chunks;
		unit->chunks = chunk;
		for (uint32_t i = TRN_FLIGHTS_CHUNK; i-- > 0;) {
			chunk->flight[i].next = unit->free;
			unit->free = &chunk->flight[i];
		}
		flight = unit->free;
	}
	unit->free = flight->next;
	return flight;
}

void trn_flight_put(struct trn_sync_unit *unit, struct trn_flight *flight)
{
	flight->next = unit->free;
	unit->free = flight;
}

static void list_add(struct trn_processor *processor, struct trn_flight *flight)
{
	flight->next = NULL;
	flight->before = processor->newest;
	if (processor->newest)
		processor->newest->next = flight;
	else
		processor->oldest = flight;
	processor->newest = flight;
	processor->flights++;
	processor->signals += flight->is_signal;
	processor->collect->live++;
}

static void list_remove(struct trn_processor *processor, struct trn_flight *flight)
{
	if (flight->before)
		flight->before->next = flight->next;
	else
		processor->oldest = flight->next;
	if (flight->next)
		flight->next->before = flight->before;
	else
		processor->newest = flight->before;
	processor->flights--;
	processor->signals -= flight->is_signal;
}

/* False: no memory, and the command has failed. */
static bool step_after(struct trn_processor *processor, uint64_t delay_ps);

/* Goes on if it stood still for a flight. False as step_after(). */
static bool wake(struct trn_processor *processor)
{
	if (processor->state == TRN_PROCESSOR_FULL)
		return step_after(processor, 0);
	if (processor->state != TRN_PROCESSOR_FENCE || processor->flights > 0)
		return true;
	trn_trace_sync(chip_of(processor), TRN_TRACE_SYNC_WAIT, "fence", processor->since_ps,
		       processor->index, processor->pc, 0);
	processor->pc++;
	return step_after(processor, 0);
}

/* Counts. False: it cannot, and the command has failed. */
static bool signal_fire(const struct trn_flight *flight)
{
	const enum trn_ext_error error =
		signal_write(flight->processor, flight->signal, flight->value);

	if (error != TRN_EXT_OK)
		fail_at(flight->processor, error, flight->op, flight->peer, flight->signal);
	return error == TRN_EXT_OK;
}

/* A SIGNAL that has come, behind nothing any more that was sent to its chip before; or NULL. */
static struct trn_flight *signal_next(const struct trn_processor *processor)
{
	for (struct trn_flight *f = processor->oldest; f && processor->signals > 0; f = f->next) {
		const struct trn_flight *b = f->before;

		if (!f->is_signal || !f->due)
			continue;
		while (b && b->to != f->to)
			b = b->before;
		if (!b)
			return f;
	}
	return NULL;
}

/* Signals whose turn has come, after left flights have landed. */
static void landed(struct trn_processor *processor, uint32_t left)
{
	struct trn_flight *signal;

	while ((signal = signal_next(processor)) != NULL) {
		if (!signal_fire(signal))
			return;
		list_remove(processor, signal);
		trn_flight_put(processor->unit, signal);
		left++;
	}
	if (wake(processor))
		trn_collect_left(processor->collect, left);
}

/* ---- COPY, REDUCE ---- */

static void flight_gone(struct trn_transfer *transfer)
{
	struct trn_flight *flight = TRN_CONTAINER_OF(transfer, struct trn_flight, transfer);

	if (!flight->answers)
		trn_flight_put(flight->processor->unit, flight);
}

/* The answer has come back from the other chip: a signal on this one. */
static void answer_event(void *arg, uint64_t a, uint64_t b)
{
	struct trn_flight *flight = arg;
	struct trn_processor *processor = flight->processor;

	(void)a;
	(void)b;
	/* Cancelled, or cancelled by what it does now. */
	if (!flight->cancelled && signal_fire(flight)) {
		list_remove(processor, flight);
		landed(processor, 1);
	}
	trn_flight_put(processor->unit, flight);
}

/* A signal on this chip for data on another waits for the way back. False: it is due at once. */
static bool answer_later(struct trn_flight *flight)
{
	struct trn_chip *chip = chip_of(flight->processor);
	uint64_t at = flight->signal;

	if (flight->signal == 0 || flight->to == chip || trn_chip_at(chip, &at) != chip)
		return false;
	flight->answers = trn_model_after(chip->model,
					  trn_fabric_latency_ps(chip->model->fabric,
								flight->to->index, chip->index),
					  answer_event, flight, 0, 0) == 0;
	return flight->answers;
}

static void flight_done(struct trn_transfer *transfer, enum trn_ext_error error, uint64_t bad)
{
	struct trn_flight *flight = TRN_CONTAINER_OF(transfer, struct trn_flight, transfer);
	struct trn_processor *processor = flight->processor;

	if (error != TRN_EXT_OK) {
		fail_at(processor, error, flight->op, flight->peer, bad);
		return;
	}
	trn_trace_sync(chip_of(processor), TRN_TRACE_TRANSFER,
		       transfer->sources > 0 ? "reduce" : "copy", flight->begin_ps,
		       processor->index, flight->op, transfer->bytes);
	if (answer_later(flight) || (flight->signal != 0 && !signal_fire(flight)))
		return;
	list_remove(processor, flight);
	landed(processor, 1);
}

static struct trn_slots *engines_of(const struct trn_processor *processor)
{
	struct trn_slots **engines = &processor->unit->engines[processor->index / 2];

	if (!*engines)
		*engines = trn_slots_create(chip_of(processor)->model, 1, true);
	return *engines;
}

static uint64_t percent_of(const struct trn_gen *gen, const struct trn_ext_sync_op *op)
{
	if (op->op == TRN_SYNC_COPY)
		return 100;
	return op->dtype == TRN_DTYPE_BF16 || op->dtype == TRN_DTYPE_F32 ?
		       gen->dma_add_same_percent :
		       gen->dma_add_percent;
}

static void transfer_fill(const struct trn_processor *processor, const struct trn_ext_sync_op *op,
			  struct trn_transfer *transfer)
{
	const struct trn_gen *gen = chip_of(processor)->gen;

	*transfer = (struct trn_transfer){
		.chip = chip_of(processor),
		.dst = op->dst,
		.src = op->src,
		.bytes = op->bytes,
		.priority = processor->collect->head.priority,
		.sources = op->sources,
		.add_dst = op->flags & TRN_SYNC_ADD_DST,
		.stride = op->stride,
		.how = { (enum trn_dtype)op->dtype, (enum trn_ext_reduce)op->reduce, op->scale,
			 op->divisor },
		.mbps = ENGINES * gen->dma_load_mbps,
		.percent = percent_of(gen, op),
		.shared = engines_of(processor),
		.trigger_ps = gen->dma_trigger_hardware_ns * TRN_PS_PER_NS,
		.done_ps = gen->dma_done_ns * TRN_PS_PER_NS,
		.done = flight_done,
		.gone = flight_gone,
	};
}

/* Where dst is, and that the signal lies there or here. */
static enum trn_ext_error ends_check(const struct trn_processor *processor,
				     const struct trn_ext_sync_op *op, struct trn_chip **ret_to)
{
	struct trn_chip *chip = chip_of(processor), *to = NULL;
	enum trn_ext_error error;
	uint64_t at = op->dst;

	*ret_to = trn_chip_at(chip, &at);
	if (op->signal == 0)
		return TRN_EXT_OK;
	error = signal_check(processor, op->signal, &to);
	if (error != TRN_EXT_OK)
		return error;
	return to == chip || to == *ret_to ? TRN_EXT_OK : TRN_EXT_ERR_ADDRESS;
}

/* A flight of the operation at pc, in the list; NULL: the command has failed. */
static struct trn_flight *flight_new(struct trn_processor *processor,
				     const struct trn_ext_sync_op *op, struct trn_chip *to)
{
	struct trn_flight *flight = trn_flight_get(processor->unit);

	if (!flight) {
		fail(processor, op, TRN_EXT_ERR_RESET, 0);
		return NULL;
	}
	*flight = (struct trn_flight){
		.processor = processor,
		.to = to,
		.signal = op->signal,
		.value = op->value,
		.op = processor->pc,
		.peer = op->peer,
		.begin_ps = now_of(processor),
		.is_signal = op->op == TRN_SYNC_SIGNAL,
	};
	list_add(processor, flight);
	return flight;
}

static void next_op(struct trn_processor *processor)
{
	processor->pc++;
	(void)step_after(processor, chip_of(processor)->gen->sync_op_ns * TRN_PS_PER_NS);
}

static bool is_full(struct trn_processor *processor)
{
	if (processor->flights < TRN_SYNC_TRANSFERS_MAX)
		return false;
	processor->state = TRN_PROCESSOR_FULL;
	return true;
}

static void transfer_op(struct trn_processor *processor, const struct trn_ext_sync_op *op)
{
	struct trn_flight *flight;
	enum trn_ext_error error;
	uint64_t bad = 0;

	if (is_full(processor))
		return;
	flight = flight_new(processor, op, NULL);
	if (!flight)
		return;
	transfer_fill(processor, op, &flight->transfer);
	error = trn_transfer_check(&flight->transfer, processor->collect->queue->window, &bad);
	if (error == TRN_EXT_OK) {
		bad = op->signal;
		error = ends_check(processor, op, &flight->to);
	}
	if (error == TRN_EXT_OK && trn_transfer_begin(&flight->transfer) < 0)
		error = TRN_EXT_ERR_RESET;
	if (error != TRN_EXT_OK) {
		flight->unborn = true;
		fail(processor, op, error, error == TRN_EXT_ERR_RESET ? 0 : bad);
		return;
	}
	next_op(processor);
}

/* ---- SIGNAL ---- */

static void signal_event(void *arg, uint64_t lost, uint64_t b)
{
	struct trn_flight *flight = arg;

	(void)b;
	if (flight->cancelled) {
		trn_flight_put(flight->processor->unit, flight);
		return;
	}
	flight->due = true;
	if (lost)
		fail_at(flight->processor, TRN_EXT_ERR_LINK, flight->op, flight->peer,
			flight->signal);
	else
		landed(flight->processor, 0);
}

static void signal_op(struct trn_processor *processor, const struct trn_ext_sync_op *op)
{
	struct trn_chip *chip = chip_of(processor), *to = NULL;
	const uint64_t now = now_of(processor);
	struct trn_flight *flight;
	enum trn_ext_error error;
	uint64_t when;

	if (is_full(processor))
		return;
	error = signal_check(processor, op->signal, &to);
	if (error != TRN_EXT_OK) {
		fail(processor, op, error, op->signal);
		return;
	}
	flight = flight_new(processor, op, to);
	if (!flight)
		return;
	when = to == chip ? now + chip->gen->semaphore_ns * TRN_PS_PER_NS :
			    trn_fabric_take_ps(chip->model->fabric, chip->index, to->index,
					       SEMAPHORE_BYTES, processor->collect->head.priority,
					       now, 0);
	if (trn_model_after(chip->model, when == TRN_MODEL_NEVER ? TRN_FABRIC_LOST_PS : when - now,
			    signal_event, flight, when == TRN_MODEL_NEVER, 0) < 0) {
		flight->unborn = true;
		fail(processor, op, TRN_EXT_ERR_RESET, 0);
		return;
	}
	next_op(processor);
}

/* ---- WAIT, FENCE, END ---- */

static void stand(struct trn_processor *processor, enum trn_processor_state state)
{
	processor->state = state;
	processor->since_ps = now_of(processor);
	trn_collect_waits(processor->collect);
}

static bool take(struct trn_processor *processor, const struct trn_ext_sync_op *op)
{
	struct trn_sync *sync = &chip_of(processor)->topsp[processor->index];

	if (sync->semaphore[op->semaphore] < op->value)
		return false;
	trn_sync_count(sync, op->semaphore, true, op->value);
	return true;
}

static void wait_op(struct trn_processor *processor, const struct trn_ext_sync_op *op)
{
	if (take(processor, op))
		next_op(processor);
	else
		stand(processor, TRN_PROCESSOR_WAIT);
}

static void fence_op(struct trn_processor *processor, const struct trn_ext_sync_op *op)
{
	(void)op;
	if (processor->flights == 0)
		next_op(processor);
	else
		stand(processor, TRN_PROCESSOR_FENCE);
}

static void end_op(struct trn_processor *processor, const struct trn_ext_sync_op *op)
{
	(void)op;
	processor->state = TRN_PROCESSOR_ENDED;
	trn_collect_left(processor->collect, 1);
}

/* The operation in front of which it waits. */
static const struct trn_ext_sync_op *current(const struct trn_processor *processor)
{
	return &processor->ahead[processor->pc - processor->ahead_at];
}

void trn_launch_counted(struct trn_launch *launch, uint32_t topsp, uint32_t semaphore)
{
	struct trn_processor *processor = launch->sync ? &launch->sync->processor[topsp] : NULL;
	const struct trn_ext_sync_op *op;

	if (!processor || processor->state != TRN_PROCESSOR_WAIT)
		return;
	op = current(processor);
	if (op->semaphore != semaphore || !take(processor, op))
		return;
	trn_trace_sync(chip_of(processor), TRN_TRACE_SYNC_WAIT, "wait", processor->since_ps, topsp,
		       processor->pc, semaphore);
	next_op(processor);
}

void trn_processor_timeout(struct trn_processor *processor)
{
	const bool fence = processor->state == TRN_PROCESSOR_FENCE;

	fail_at(processor, TRN_EXT_ERR_TIMEOUT, processor->pc,
		fence ? processor->oldest->peer : current(processor)->peer, 0);
}

/* ---- steps ---- */

/* Words that an operation uses; the first has op, dtype, reduce, flags, sources, semaphore. */
#define WORDS 8u
#define ALL UINT64_MAX
#define PEER UINT64_C(0xffffffff00000000)
static const struct {
	void (*run)(struct trn_processor *processor, const struct trn_ext_sync_op *op);
	uint64_t used[WORDS];
} codes[] = {
	[TRN_SYNC_COPY] = { transfer_op, { 0xff, ALL, ALL, ALL, ALL, 0, ALL, 0 } },
	[TRN_SYNC_REDUCE] = { transfer_op,
			      { UINT64_C(0xffffffffffff), ALL, ALL, ALL, ALL, ALL, ALL, ALL } },
	[TRN_SYNC_WAIT] = { wait_op, { UINT64_C(0xffff0000000000ff), ALL } },
	[TRN_SYNC_SIGNAL] = { signal_op, { 0xff, ALL, 0, 0, 0, 0, ALL } },
	[TRN_SYNC_FENCE] = { fence_op, { 0xff, PEER } },
	[TRN_SYNC_END] = { end_op, { 0xff, PEER } },
};

static bool reduce_ok(const struct trn_ext_sync_op *op)
{
	const enum trn_dtype dtype = (enum trn_dtype)op->dtype;
	const bool integer = dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32;

	return trn_reduce_has(dtype) && op->reduce < TRN_REDUCE_OPS &&
	       (op->flags & ~TRN_SYNC_ADD_DST) == 0 && op->sources >= 1 &&
	       op->sources <= TRN_SYNC_SOURCES_MAX && op->bytes % trn_dtype_size(dtype) == 0 &&
	       (integer ? op->scale == 1.0f : op->divisor == 0);
}

static bool op_ok(const struct trn_ext_sync_op *op)
{
	uint64_t words[WORDS];

	if (op->op >= TRN_ARRAY_LEN(codes) || !codes[op->op].run)
		return false;
	memcpy(words, op, sizeof(words));
	for (uint32_t w = 0; w < WORDS; w++) {
		if (words[w] & ~codes[op->op].used[w])
			return false;
	}
	return (op->op != TRN_SYNC_REDUCE || reduce_ok(op)) && op->semaphore < TRN_SEMAPHORES;
}

/* The operations from pc on, some at a time. */
static bool fetch(struct trn_processor *processor)
{
	const struct trn_queue *queue = processor->collect->queue;
	const uint32_t left = processor->stream.ops - processor->pc;
	const uint64_t at =
		processor->stream.address + (uint64_t)processor->pc * sizeof(processor->ahead[0]);
	uint64_t size, bad = at;

	if (processor->pc - processor->ahead_at < processor->ahead_count)
		return true;
	if (left == 0) {
		fail_at(processor, TRN_EXT_ERR_COMMAND, processor->pc, TRN_OPERAND_NONE, at);
		return false;
	}
	processor->ahead_at = processor->pc;
	processor->ahead_count = left < TRN_SYNC_AHEAD ? left : TRN_SYNC_AHEAD;
	size = processor->ahead_count * sizeof(processor->ahead[0]);
	if (trn_launch_window_ok(queue->launch, queue->window, at, size, false) &&
	    trn_chip_dma_read(chip_of(processor), at, processor->ahead, size, &bad) == 0)
		return true;
	fail_at(processor, TRN_EXT_ERR_ADDRESS, processor->pc, TRN_OPERAND_NONE, bad);
	return false;
}

static void step_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_processor *processor = arg;
	const struct trn_ext_sync_op *op;

	(void)a;
	if (processor->epoch != (uint32_t)epoch || !fetch(processor))
		return;
	op = current(processor);
	if (op_ok(op))
		codes[op->op].run(processor, op);
	else
		fail(processor, op, TRN_EXT_ERR_COMMAND, 0);
}

static bool step_after(struct trn_processor *processor, uint64_t delay_ps)
{
	processor->state = TRN_PROCESSOR_RUN;
	if (trn_model_after(chip_of(processor)->model, delay_ps, step_event, processor, 0,
			    processor->epoch) == 0)
		return true;
	fail_at(processor, TRN_EXT_ERR_RESET, processor->pc, TRN_OPERAND_NONE, 0);
	return false;
}

void trn_processor_start(struct trn_processor *processor, struct trn_collect *collect,
			 const struct trn_ext_sync_stream *stream)
{
	processor->collect = collect;
	processor->stream = *stream;
	processor->pc = 0;
	processor->ahead_at = processor->ahead_count = 0;
	(void)step_after(processor, 0);
}

void trn_processor_stop(struct trn_processor *processor)
{
	processor->epoch++;
	processor->state = TRN_PROCESSOR_FREE;
	while (processor->oldest) {
		struct trn_flight *flight = processor->oldest;

		list_remove(processor, flight);
		flight->cancelled = true;
		trn_transfer_cancel(&flight->transfer);
		/* Else its event finds it. */
		if (flight->unborn || (flight->is_signal && flight->due))
			trn_flight_put(processor->unit, flight);
	}
}
