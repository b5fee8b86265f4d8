/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT commands: descriptors checked as hostile, sync processors handed out in order of
 * arrival, all of a command at once, and limits. What a processor does is in ext_sync.c. */
#include "model/collect.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "model/slots.h"

#define PRIORITIES 4u

static struct trn_model *model_of(const struct trn_sync_unit *unit)
{
	return unit->launch->chip->model;
}

static void limit_event(void *arg);

struct trn_sync_unit *trn_sync_unit(struct trn_launch *launch)
{
	struct trn_sync_unit *unit = launch->sync;

	if (unit)
		return unit;
	unit = trn_alloc_zero(launch->chip->model->alloc, sizeof(*unit));
	if (!unit) {
		launch->chip->model->lost++;
		return NULL;
	}
	unit->launch = launch;
	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		unit->processor[p].unit = unit;
		unit->processor[p].index = p;
	}
	launch->sync = unit;
	return unit;
}

void trn_sync_unit_destroy(struct trn_sync_unit *unit)
{
	struct trn_model *model;

	if (!unit)
		return;
	model = model_of(unit);
	for (uint32_t q = 0; q < TRN_EXT_QUEUES; q++)
		trn_model_limit_drop(model, &unit->collect[q].limit);
	for (uint32_t c = 0; c < TRN_CORES; c++)
		trn_slots_destroy(model, unit->engines[c]);
	while (unit->chunks) {
		struct trn_flight_chunk *chunk = unit->chunks;

		unit->chunks = chunk->next;
		trn_free(model->alloc, chunk);
	}
	trn_free(model->alloc, unit);
}

/* ---- descriptor ---- */

static bool head_ok(const struct trn_ext_collect *head)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(head->reserved); i++) {
		if (head->reserved[i] != 0)
			return false;
	}
	return head->magic == TRN_EXT_MAGIC && head->version == TRN_EXT_VERSION &&
	       head->streams >= 1 && head->streams <= TRN_SYNC_STREAMS_MAX && head->flags == 0 &&
	       head->priority < PRIORITIES;
}

/* Memory of the descriptor or of a stream, through the queue's window. */
static bool readable(struct trn_queue *queue, uint64_t address, uint64_t size, uint64_t *ret_bad)
{
	*ret_bad = address;
	return address % sizeof(struct trn_ext_sync_op) == 0 &&
	       trn_launch_window_ok(queue->launch, queue->window, address, size, false) &&
	       trn_chip_dma_check(queue->launch->chip, address, size, false, ret_bad) == 0;
}

static enum trn_ext_error streams_ok(struct trn_queue *queue, struct trn_collect *collect,
				     uint64_t *ret_bad)
{
	collect->processors = 0;
	for (uint32_t i = 0; i < collect->head.streams; i++) {
		const struct trn_ext_sync_stream *stream = &collect->stream[i];

		if (stream->processor >= TRN_TOPSPS || stream->ops == 0 ||
		    stream->ops > TRN_SYNC_OPS_MAX ||
		    (collect->processors >> stream->processor & 1) != 0)
			return TRN_EXT_ERR_COMMAND;
		if (!readable(queue, stream->address,
			      (uint64_t)stream->ops * sizeof(struct trn_ext_sync_op), ret_bad))
			return TRN_EXT_ERR_ADDRESS;
		collect->processors |= 1u << stream->processor;
	}
	return TRN_EXT_OK;
}

static enum trn_ext_error descriptor_read(struct trn_queue *queue, struct trn_collect *collect,
					  uint64_t *ret_bad)
{
	struct trn_chip *chip = queue->launch->chip;
	const uint64_t at = queue->cmd.a[0], streams = at + sizeof(collect->head);
	uint64_t size;

	if (!readable(queue, at, sizeof(collect->head), ret_bad) ||
	    trn_chip_dma_read(chip, at, &collect->head, sizeof(collect->head), ret_bad) < 0)
		return TRN_EXT_ERR_ADDRESS;
	if (!head_ok(&collect->head)) {
		*ret_bad = at;
		return TRN_EXT_ERR_COMMAND;
	}
	size = collect->head.streams * sizeof(collect->stream[0]);
	if (!readable(queue, streams, size, ret_bad) ||
	    trn_chip_dma_read(chip, streams, collect->stream, size, ret_bad) < 0)
		return TRN_EXT_ERR_ADDRESS;
	*ret_bad = at;
	return streams_ok(queue, collect, ret_bad);
}

/* ---- processors ---- */

/* Two of each core. */
static uint32_t processors_of(uint32_t cores)
{
	uint32_t processors = 0;

	for (uint32_t c = 0; c < TRN_CORES; c++)
		processors |= (cores >> c & 1) * (3u << 2 * c);
	return processors;
}

static void run_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;
	struct trn_sync_unit *unit = queue->launch->sync;
	struct trn_collect *collect = &unit->collect[queue->index];

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	for (uint32_t i = 0; i < collect->head.streams; i++) {
		const struct trn_ext_sync_stream *stream = &collect->stream[i];

		trn_processor_start(&unit->processor[stream->processor], collect, stream);
		/* One that found no memory has failed the command. */
		if (collect->state != TRN_COLLECT_RUN)
			return;
	}
}

static void line_remove(struct trn_sync_unit *unit, uint32_t at)
{
	unit->line_count--;
	memmove(&unit->line[at], &unit->line[at + 1], unit->line_count - at);
}

/* Starts what can have all its processors now and takes none that somebody in front waits for. */
static void line_next(struct trn_sync_unit *unit)
{
	const uint32_t in_reset = unit->launch->chip->in_reset;
	const uint32_t held = processors_of(in_reset >> TRN_RESET_TOPSP);
	uint32_t wanted = unit->taken;

	for (uint32_t i = 0; i < unit->line_count;) {
		struct trn_collect *collect = &unit->collect[unit->line[i]];

		if (collect->processors & held) {
			/* Leaves the line, and comes here again. */
			trn_queue_fail_code(collect->queue, TRN_EXT_ERR_CORE_STATE, 0);
			return;
		}
		if ((collect->processors & wanted) == 0) {
			line_remove(unit, i);
			unit->taken |= collect->processors;
			collect->state = TRN_COLLECT_RUN;
			collect->live = collect->head.streams;
			trn_queue_after(collect->queue, 0, run_event);
			/* It failed for want of memory, and came here by that. */
			if (collect->state != TRN_COLLECT_RUN)
				return;
		} else {
			i++;
		}
		wanted |= collect->processors;
	}
}

void trn_collect_begin(struct trn_queue *queue)
{
	struct trn_sync_unit *unit = trn_sync_unit(queue->launch);
	struct trn_collect *collect;
	enum trn_ext_error error;
	uint64_t bad = 0;

	if (!unit) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_RESET, 0);
		return;
	}
	collect = &unit->collect[queue->index];
	error = descriptor_read(queue, collect, &bad);
	if (error != TRN_EXT_OK) {
		trn_queue_fail_code(queue, error, bad);
		return;
	}
	queue->busy = true;
	collect->queue = queue;
	collect->limit.fn = limit_event;
	collect->limit.arg = collect;
	collect->state = TRN_COLLECT_LINE;
	unit->line[unit->line_count++] = (uint8_t)queue->index;
	line_next(unit);
}

/* Its processors are free. */
static void let_go(struct trn_sync_unit *unit, struct trn_collect *collect)
{
	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		if (collect->processors >> p & 1)
			trn_processor_stop(&unit->processor[p]);
	}
	trn_model_limit_drop(model_of(unit), &collect->limit);
	unit->taken &= ~collect->processors;
	collect->state = TRN_COLLECT_NONE;
}

void trn_collect_forget(struct trn_queue *queue)
{
	struct trn_sync_unit *unit = queue->launch->sync;
	struct trn_collect *collect = unit ? &unit->collect[queue->index] : NULL;

	if (!unit || collect->state == TRN_COLLECT_NONE)
		return;
	if (collect->state == TRN_COLLECT_RUN)
		let_go(unit, collect);
	collect->state = TRN_COLLECT_NONE;
	for (uint32_t i = 0; i < unit->line_count; i++) {
		if (unit->line[i] == queue->index) {
			line_remove(unit, i);
			break;
		}
	}
	line_next(unit);
}

void trn_collect_left(struct trn_collect *collect, uint32_t count)
{
	struct trn_queue *queue = collect->queue;
	struct trn_sync_unit *unit = queue->launch->sync;
	const uint32_t epoch = queue->epoch;

	collect->live -= count;
	if (collect->live > 0)
		return;
	let_go(unit, collect);
	line_next(unit);
	/* Somebody's status record may lie in this queue's registers. */
	if (queue->epoch == epoch)
		trn_queue_finish(queue);
}

void trn_collect_fail(struct trn_collect *collect, const struct trn_queue_error *error)
{
	trn_queue_fail(collect->queue, error); /* forgets it */
}

bool trn_collect_hit(const struct trn_queue *queue, uint32_t cores)
{
	const struct trn_sync_unit *unit = queue->launch->sync;

	return unit && unit->collect[queue->index].state != TRN_COLLECT_NONE &&
	       (unit->collect[queue->index].processors & processors_of(cores)) != 0;
}

void trn_collect_clear_line(struct trn_launch *launch, uint32_t cores)
{
	struct trn_sync_unit *unit = launch->sync;
	uint32_t kept = 0;

	for (uint32_t i = 0; unit && i < unit->line_count; i++) {
		if (!trn_collect_hit(&launch->queue[unit->line[i]], cores))
			unit->line[kept++] = unit->line[i];
	}
	if (unit)
		unit->line_count = kept;
}

/* ---- limits ---- */

static uint64_t deadline_of(const struct trn_collect *collect,
			    const struct trn_processor *processor)
{
	const uint64_t ns = trn_min_u64(collect->head.limit_ns, UINT64_MAX / TRN_PS_PER_NS / 2);

	return trn_min_u64(processor->since_ps + ns * TRN_PS_PER_NS, TRN_MODEL_NEVER - 1);
}

/* The processor that waits longest, NULL: none does. */
static struct trn_processor *first_to_wait(struct trn_sync_unit *unit,
					   const struct trn_collect *collect)
{
	struct trn_processor *first = NULL;

	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		struct trn_processor *processor = &unit->processor[p];

		if ((collect->processors >> p & 1) != 0 && trn_processor_waits(processor) &&
		    (!first || processor->since_ps < first->since_ps))
			first = processor;
	}
	return first;
}

static void limit_event(void *arg)
{
	struct trn_collect *collect = arg;
	struct trn_sync_unit *unit = collect->queue->launch->sync;
	struct trn_processor *first = first_to_wait(unit, collect);

	if (!first)
		return;
	if (deadline_of(collect, first) <= model_of(unit)->now_ps)
		trn_processor_timeout(first);
	else
		trn_model_limit(model_of(unit), &collect->limit, deadline_of(collect, first));
}

/* One limit for all processors: who waits later has more time left. */
void trn_collect_waits(struct trn_collect *collect)
{
	struct trn_sync_unit *unit = collect->queue->launch->sync;

	if (collect->head.limit_ns != 0 && !collect->limit.set)
		trn_model_limit(model_of(unit), &collect->limit,
				deadline_of(collect, first_to_wait(unit, collect)));
}

uint64_t trn_collect_hash(const struct trn_launch *launch, uint64_t hash)
{
	const struct trn_sync_unit *unit = launch->sync;

	if (!unit)
		return hash;
	hash = trn_hash_u64(hash, trn_u64(unit->taken, unit->line_count));
	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		const struct trn_processor *processor = &unit->processor[p];

		hash = trn_hash_u64(hash, trn_u64(processor->state, processor->pc));
		hash = trn_hash_u64(hash, trn_u64(processor->flights, processor->epoch));
	}
	return hash;
}
