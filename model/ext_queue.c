/* SPDX-License-Identifier: Apache-2.0 */
/* Command queues: one command at a time, in order, each with its cost in virtual time
 * and its effect at the end of it. What the user polls is written with the head last,
 * so whoever has seen the head has everything before it. */
#include "model/ext.h"

#define PIECE (256u * TRN_MIB) /* of a copy, so that deadlines are looked at in between */
#define ENTRIES_MIN 16u
#define ENTRIES_MAX 65536u

static void queue_next(struct trn_queue *queue);

static uint64_t queue_now(const struct trn_queue *queue)
{
	return queue->launch->chip->model->now_ps;
}

/* ---- status in host memory ---- */

/* Another thread may be reading it. */
static void put32(uint32_t *p, uint32_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static void put64(uint64_t *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static void status_fill(struct trn_ext_status *status, const struct trn_queue *queue)
{
	const struct trn_queue_error *error = &queue->error;

	put32(&status->error, error->code);
	put32(&status->tag, error->tag);
	put64(&status->address, error->address);
	put32(&status->core, error->core);
	put32(&status->engine, error->engine);
	put32(&status->pc, error->pc);
	put32(&status->opcode, error->opcode);
	put32(&status->operand, error->operand);
	put32(&status->rule, error->rule);
	put32(&status->entry, error->entry);
}

/* Error fields, then state, then head. A status address that went away is the user's
 * loss: the registers say the same. */
static void status_write(struct trn_queue *queue)
{
	struct trn_chip *chip = queue->launch->chip;
	struct trn_ext_status *status;
	uint64_t bad = 0;

	if (queue->status == 0 || queue->status % sizeof(*status) != 0)
		return; /* none, or refused: the registers say why */
	status = trn_chip_memory(chip, queue->status, sizeof(*status), true);
	if (status && (uintptr_t)status % sizeof(uint64_t) == 0) {
		/* What was written before is the device's, and still there. */
		if (!queue->told)
			status_fill(status, queue);
		queue->told = true;
		put64(&status->time_ps, queue_now(queue));
		__atomic_store_n(&status->state, queue->state, __ATOMIC_RELEASE);
		__atomic_store_n(&status->head, queue->head, __ATOMIC_RELEASE);
		return;
	}
	{
		struct trn_ext_status copy = { .head = queue->head,
					       .state = queue->state,
					       .time_ps = queue_now(queue) };

		status_fill(&copy, queue);
		if (trn_chip_dma_write(chip, queue->status, &copy, sizeof(copy), &bad) < 0)
			trn_model_event(chip, TRN_EV_VIOLATION, "status-unmapped", bad,
					queue->state, TRN_QUEUE_NONE, queue->index);
	}
}

static void state_set(struct trn_queue *queue, enum trn_ext_queue_state state)
{
	if (queue->state == TRN_QUEUE_WAITING)
		queue->launch->waiting--;
	if (state == TRN_QUEUE_WAITING)
		queue->launch->waiting++;
	queue->state = state;
}

static void error_clear(struct trn_queue *queue)
{
	queue->error = (struct trn_queue_error){
		.core = TRN_CORE_NONE,
		.engine = TRN_OPERAND_NONE,
		.operand = TRN_OPERAND_NONE,
	};
	queue->told = false;
}

void trn_queue_fail(struct trn_queue *queue, const struct trn_queue_error *error)
{
	trn_trace_command(queue);
	trn_launch_forget(queue);
	trn_collect_forget(queue);
	trn_far_forget(queue);
	queue->epoch++;
	queue->busy = false;
	queue->error = *error;
	queue->told = false;
	/* The ring's command is the one that its user knows. */
	queue->error.tag = queue->list.active ? queue->list.call.tag : queue->cmd.tag;
	queue->error.entry = queue->list.active ? queue->list.next : 0;
	queue->list.active = false;
	if (queue->error.engine == TRN_OPERAND_NONE)
		queue->error.opcode = queue->cmd.op;
	state_set(queue, TRN_QUEUE_ERROR);
	status_write(queue);
}

void trn_queue_fail_code(struct trn_queue *queue, enum trn_ext_error code, uint64_t address)
{
	const struct trn_queue_error error = {
		.code = code,
		.address = address,
		.core = queue->core,
		.engine = TRN_OPERAND_NONE,
		.operand = TRN_OPERAND_NONE,
	};

	trn_queue_fail(queue, &error);
}

void trn_queue_after(struct trn_queue *queue, uint64_t delay_ps,
		     void (*fn)(void *arg, uint64_t a, uint64_t b))
{
	queue->busy = true;
	if (trn_model_after(queue->launch->chip->model, delay_ps, fn, queue, 0, queue->epoch) < 0)
		trn_queue_fail_code(queue, TRN_EXT_ERR_RESET, 0);
}

void trn_queue_finish(struct trn_queue *queue)
{
	trn_trace_command(queue);
	queue->busy = false;
	if (queue->state != TRN_QUEUE_READY)
		state_set(queue, TRN_QUEUE_READY);
	if (queue->list.active) {
		if (queue->cmd.op == TRN_CMD_WAIT)
			status_write(queue); /* it may say WAITING */
		if (trn_list_next(queue))
			return;
	}
	queue->head++;
	status_write(queue);
	queue_next(queue);
}

/* ---- addresses ---- */

/* Window, then whether something answers; fails the queue at the first bad byte. */
static bool range_allowed(struct trn_queue *queue, uint64_t address, uint64_t size, bool write)
{
	uint64_t bad = address;

	if (trn_launch_window_ok(queue->launch, queue->window, address, size, write) &&
	    trn_chip_dma_check(queue->launch->chip, address, size, write, &bad) == 0)
		return true;
	trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
	return false;
}

uint64_t *trn_queue_word(struct trn_queue *queue, uint64_t address, bool write)
{
	uint64_t *value = NULL;

	if (address % sizeof(*value) == 0 &&
	    trn_launch_window_ok(queue->launch, queue->window, address, sizeof(*value), write))
		value = trn_chip_memory(queue->launch->chip, address, sizeof(*value), write);
	if (!value || (uintptr_t)value % sizeof(*value) != 0) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, address);
		return NULL;
	}
	return value;
}

/* ---- effects ---- */

static uint64_t piece_size(const struct trn_queue *queue)
{
	const struct trn_ext_cmd *cmd = &queue->cmd;
	const uint64_t total = cmd->op == TRN_CMD_COPY ? cmd->a[2] : cmd->a[1];
	const uint64_t gap = cmd->a[0] > cmd->a[1] ? cmd->a[0] - cmd->a[1] : cmd->a[1] - cmd->a[0];

	/* Ranges that overlap move in one go: memmove knows the order. */
	if (cmd->op == TRN_CMD_COPY && gap < total)
		return total;
	return trn_min_u64(total - queue->done, PIECE);
}

uint64_t trn_queue_command_ps(const struct trn_queue *queue)
{
	return queue->launch->chip->gen->queue_command_ns * TRN_PS_PER_NS;
}

/* Time of the next piece. */
static uint64_t piece_ps(struct trn_queue *queue)
{
	struct trn_chip *chip = queue->launch->chip;
	const struct trn_ext_cmd *cmd = &queue->cmd;
	const uint64_t dst = cmd->a[0] + queue->done, src = cmd->a[1] + queue->done;
	const uint64_t bytes = piece_size(queue), now = chip->model->now_ps;
	const bool to_host = dst >> 46 == 1;
	/* One host copy engine (driver facts 2.6: one for each pair of cores). */
	const uint64_t ps =
		bytes * 1000000u / (to_host ? chip->gen->dma_store_mbps : chip->gen->dma_load_mbps);
	uint64_t end = trn_hbm_take_ps(chip, dst, bytes, now, ps);

	if (cmd->op == TRN_CMD_COPY)
		end = trn_max_u64(end, trn_hbm_take_ps(chip, src, bytes, now, ps));
	return end - now;
}

static void copy_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;
	struct trn_chip *chip = queue->launch->chip;
	const struct trn_ext_cmd *cmd = &queue->cmd;
	uint64_t size, bad = 0;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	size = piece_size(queue);
	if (trn_chip_dma_copy(chip, cmd->a[0] + queue->done, cmd->a[1] + queue->done, size, &bad) <
	    0) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
		return;
	}
	trn_energy_move(chip, cmd->a[0] + queue->done, cmd->a[1] + queue->done, size);
	queue->done += size;
	chip->counters.dma_bytes += size;
	if (queue->done < cmd->a[2]) {
		trn_queue_after(queue, piece_ps(queue), copy_event);
		return;
	}
	trn_launch_written(queue->launch);
	trn_queue_finish(queue);
}

/* The pattern starts anew at the first byte of every call: size of a piece is a multiple. */
static int fill_piece(struct trn_chip *chip, uint64_t address, uint64_t size, uint32_t pattern,
		      uint64_t *ret_bad)
{
	uint32_t words[1024];
	uint8_t *memory = trn_chip_memory(chip, address, size, true);

	if (memory && pattern == (pattern & 0xffu) * 0x01010101u) {
		memset(memory, (int)(pattern & 0xffu), (size_t)size);
		return 0;
	}
	for (size_t i = 0; i < TRN_ARRAY_LEN(words); i++)
		words[i] = pattern;
	for (uint64_t at = 0; at < size; at += sizeof(words)) {
		const uint64_t part = trn_min_u64(size - at, sizeof(words));

		if (memory)
			memcpy(memory + at, words, (size_t)part);
		else if (trn_chip_dma_write(chip, address + at, words, part, ret_bad) < 0)
			return -1;
	}
	return 0;
}

static void fill_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;
	const struct trn_ext_cmd *cmd = &queue->cmd;
	uint64_t size, bad = 0;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	size = piece_size(queue);
	if (fill_piece(queue->launch->chip, cmd->a[0] + queue->done, size, (uint32_t)cmd->a[2],
		       &bad) < 0) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
		return;
	}
	trn_energy_move(queue->launch->chip, cmd->a[0] + queue->done, TRN_ENERGY_NOWHERE, size);
	queue->done += size;
	queue->launch->chip->counters.dma_bytes += size;
	if (queue->done < cmd->a[1]) {
		trn_queue_after(queue, piece_ps(queue), fill_event);
		return;
	}
	trn_launch_written(queue->launch);
	trn_queue_finish(queue);
}

static void signal_effect(uint64_t *value, uint64_t level)
{
	uint64_t old = __atomic_load_n(value, __ATOMIC_RELAXED);

	/* The host may signal the same timeline at the same time. */
	while (old < level && !__atomic_compare_exchange_n(value, &old, level, false,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* NOP, SIGNAL, TIMESTAMP, ADD, and a WAIT that was met. */
static void short_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;
	const struct trn_ext_cmd *cmd = &queue->cmd;
	uint64_t *value;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	if (cmd->op == TRN_CMD_SIGNAL || cmd->op == TRN_CMD_TIMESTAMP || cmd->op == TRN_CMD_ADD) {
		value = trn_queue_word(queue, cmd->a[0], true);
		if (!value)
			return;
		if (cmd->op == TRN_CMD_SIGNAL)
			signal_effect(value, cmd->a[1]);
		else if (cmd->op == TRN_CMD_ADD)
			(void)__atomic_fetch_add(value, cmd->a[1], __ATOMIC_RELEASE);
		else
			__atomic_store_n(value, queue_now(queue) / TRN_PS_PER_NS, __ATOMIC_RELEASE);
		trn_launch_written(queue->launch);
	}
	trn_queue_finish(queue);
}

/* ---- starting a command ---- */

static void copy_begin(struct trn_queue *queue)
{
	const struct trn_ext_cmd *cmd = &queue->cmd;

	if (trn_address_far(cmd->a[0]) || trn_address_far(cmd->a[1])) {
		trn_far_begin(queue);
		return;
	}
	if (!range_allowed(queue, cmd->a[1], cmd->a[2], false) ||
	    !range_allowed(queue, cmd->a[0], cmd->a[2], true))
		return;
	trn_queue_after(queue, trn_queue_command_ps(queue) + piece_ps(queue), copy_event);
}

static void fill_begin(struct trn_queue *queue)
{
	const struct trn_ext_cmd *cmd = &queue->cmd;

	if (cmd->a[2] > UINT32_MAX) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_COMMAND, 0);
		return;
	}
	if (!range_allowed(queue, cmd->a[0], cmd->a[1], true))
		return;
	trn_queue_after(queue, trn_queue_command_ps(queue) + piece_ps(queue), fill_event);
}

static void short_begin(struct trn_queue *queue)
{
	if (queue->cmd.op != TRN_CMD_NOP && !trn_queue_word(queue, queue->cmd.a[0], true))
		return;
	trn_queue_after(queue, trn_queue_command_ps(queue), short_event);
}

/* 1 met, 0 not yet, negative with the queue failed. */
static int wait_look(struct trn_queue *queue)
{
	const struct trn_ext_cmd *cmd = &queue->cmd;
	const uint64_t *value = trn_queue_word(queue, cmd->a[0], false);
	const uint64_t *broken = NULL;

	if (value && cmd->a[2] != 0)
		broken = trn_queue_word(queue, cmd->a[2], false);
	if (!value || (cmd->a[2] != 0 && !broken))
		return -1;
	if (__atomic_load_n(value, __ATOMIC_ACQUIRE) >= cmd->a[1])
		return 1;
	if (!broken || __atomic_load_n(broken, __ATOMIC_ACQUIRE) < cmd->a[1])
		return 0;
	trn_queue_fail_code(queue, TRN_EXT_ERR_DEPENDENCY, cmd->a[0]);
	return -1;
}

static void wait_begin(struct trn_queue *queue)
{
	const int met = wait_look(queue);

	if (met > 0)
		trn_queue_after(queue, trn_queue_command_ps(queue), short_event);
	if (met != 0)
		return;
	/* No event: somebody's write or kick brings it back. */
	queue->busy = true;
	state_set(queue, TRN_QUEUE_WAITING);
	status_write(queue);
}

void trn_queue_recheck(struct trn_queue *queue)
{
	if (queue->state != TRN_QUEUE_WAITING || wait_look(queue) <= 0)
		return;
	state_set(queue, TRN_QUEUE_READY);
	trn_queue_after(queue, trn_queue_command_ps(queue), short_event);
}

void trn_queue_begin(struct trn_queue *queue)
{
	static void (*const begin[])(struct trn_queue * queue) = {
		[TRN_CMD_NOP] = short_begin,         [TRN_CMD_COPY] = copy_begin,
		[TRN_CMD_FILL] = fill_begin,         [TRN_CMD_WAIT] = wait_begin,
		[TRN_CMD_SIGNAL] = short_begin,      [TRN_CMD_TIMESTAMP] = short_begin,
		[TRN_CMD_LAUNCH] = trn_launch_begin, [TRN_CMD_COLLECT] = trn_collect_begin,
		[TRN_CMD_CALL] = trn_call_begin,     [TRN_CMD_BRANCH] = trn_branch_begin,
		[TRN_CMD_ADD] = short_begin,         [TRN_CMD_COPY_ND] = trn_strided_begin,
	};
	const struct trn_ext_cmd *cmd = &queue->cmd;

	queue->done = 0;
	queue->begin_ps = queue_now(queue);
	if (cmd->op >= TRN_ARRAY_LEN(begin) || !begin[cmd->op] || cmd->flags != 0 ||
	    cmd->reserved != 0)
		trn_queue_fail_code(queue, TRN_EXT_ERR_COMMAND, 0);
	else
		begin[cmd->op](queue);
}

/* Reads the command at the head, if there is one. */
static void queue_next(struct trn_queue *queue)
{
	const uint64_t at =
		queue->base + (uint64_t)(queue->head % queue->entries) * sizeof(struct trn_ext_cmd);
	uint64_t bad = at;

	if (queue->state != TRN_QUEUE_READY || queue->busy || queue->head == queue->tail)
		return;
	if (trn_chip_dma_read(queue->launch->chip, at, &queue->cmd, sizeof(queue->cmd), &bad) < 0) {
		queue->cmd = (struct trn_ext_cmd){ 0 };
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
		return;
	}
	trn_queue_begin(queue);
}

static void fetch_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	queue->busy = false;
	queue_next(queue);
}

/* ---- registers ---- */

static void queue_start(struct trn_queue *queue)
{
	const uint64_t ring = (uint64_t)queue->entries * sizeof(struct trn_ext_cmd);
	uint64_t bad = queue->base;

	error_clear(queue);
	queue->cmd = (struct trn_ext_cmd){ 0 };
	if (!trn_is_pow2(queue->entries) || queue->entries < ENTRIES_MIN ||
	    queue->entries > ENTRIES_MAX || queue->window >= TRN_EXT_WINDOWS ||
	    queue->status % sizeof(struct trn_ext_status) != 0) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_COMMAND, 0);
		return;
	}
	if (queue->base % sizeof(struct trn_ext_cmd) != 0 ||
	    trn_chip_dma_check(queue->launch->chip, queue->base, ring, false, &bad) < 0) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
		return;
	}
	state_set(queue, TRN_QUEUE_READY);
	status_write(queue);
}

/* Empty, no error, registers of place and size as they were. */
static void queue_reset(struct trn_queue *queue)
{
	trn_launch_forget(queue);
	trn_collect_forget(queue);
	trn_far_forget(queue);
	queue->epoch++;
	queue->busy = false;
	queue->list.active = false;
	queue->head = queue->tail = 0;
	error_clear(queue);
	state_set(queue, TRN_QUEUE_DISABLED);
}

void trn_queue_disable(struct trn_queue *queue)
{
	queue_reset(queue);
	queue->base = queue->status = 0;
	queue->entries = queue->window = 0;
}

static void control_write(struct trn_queue *queue, uint32_t value)
{
	if (value & TRN_EXT_Q_RESET)
		queue_reset(queue);
	if ((value & TRN_EXT_Q_ENABLE) && queue->state == TRN_QUEUE_DISABLED)
		queue_start(queue);
	else if (!(value & TRN_EXT_Q_ENABLE) && queue->state != TRN_QUEUE_DISABLED)
		queue_reset(queue);
}

uint32_t trn_queue_read(struct trn_queue *queue, uint32_t reg)
{
	switch (reg) {
	case TRN_EXT_Q_CONTROL:
		return queue->state != TRN_QUEUE_DISABLED ? TRN_EXT_Q_ENABLE : 0;
	case TRN_EXT_Q_STATE:
		return queue->state;
	case TRN_EXT_Q_BASE_LO:
		return trn_lo32(queue->base);
	case TRN_EXT_Q_BASE_HI:
		return trn_hi32(queue->base);
	case TRN_EXT_Q_ENTRIES:
		return queue->entries;
	case TRN_EXT_Q_WINDOW:
		return queue->window;
	case TRN_EXT_Q_STATUS_LO:
		return trn_lo32(queue->status);
	case TRN_EXT_Q_STATUS_HI:
		return trn_hi32(queue->status);
	case TRN_EXT_Q_HEAD:
		return queue->head;
	case TRN_EXT_Q_TAIL:
		return queue->tail;
	default:
		return 0;
	}
}

bool trn_queue_write(struct trn_queue *queue, uint32_t reg, uint32_t value)
{
	struct trn_chip *chip = queue->launch->chip;

	if (reg == TRN_EXT_Q_CONTROL) {
		control_write(queue, value);
		return true;
	}
	if (reg < TRN_EXT_Q_BASE_LO || reg > TRN_EXT_Q_STATUS_HI || reg % 4 != 0)
		return false;
	if (queue->state != TRN_QUEUE_DISABLED) {
		/* A ring does not move under the device. */
		trn_model_event(chip, TRN_EV_VIOLATION, "queue-live-config", reg, value,
				TRN_QUEUE_NONE, queue->index);
		return true;
	}
	switch (reg) {
	case TRN_EXT_Q_BASE_LO:
		queue->base = trn_u64(value, trn_hi32(queue->base));
		break;
	case TRN_EXT_Q_BASE_HI:
		queue->base = trn_u64(trn_lo32(queue->base), value);
		break;
	case TRN_EXT_Q_ENTRIES:
		queue->entries = value;
		break;
	case TRN_EXT_Q_WINDOW:
		queue->window = value;
		break;
	case TRN_EXT_Q_STATUS_LO:
		queue->status = trn_u64(value, trn_hi32(queue->status));
		break;
	default:
		queue->status = trn_u64(trn_lo32(queue->status), value);
		break;
	}
	return true;
}

static void tail_write(struct trn_queue *queue, uint32_t tail)
{
	struct trn_chip *chip = queue->launch->chip;

	chip->counters.doorbells++;
	if (queue->state != TRN_QUEUE_READY && queue->state != TRN_QUEUE_WAITING)
		return; /* stopped: the user finds out from the status */
	if (tail - queue->head > queue->entries || tail - queue->head < queue->tail - queue->head) {
		trn_model_event(chip, TRN_EV_VIOLATION, "doorbell-past-ring", tail, queue->head,
				TRN_QUEUE_NONE, queue->index);
		trn_queue_fail_code(queue, TRN_EXT_ERR_DOORBELL, 0);
		return;
	}
	queue->tail = tail;
	if (!queue->busy && queue->head != tail)
		trn_queue_after(queue, chip->gen->udma_fetch_ns * TRN_PS_PER_NS, fetch_event);
}

bool trn_queue_doorbell(struct trn_queue *queue, uint32_t reg, uint32_t value)
{
	if (reg == TRN_EXT_DB_TAIL)
		tail_write(queue, value);
	else if (reg == TRN_EXT_DB_KICK)
		trn_queue_recheck(queue);
	return reg == TRN_EXT_DB_TAIL || reg == TRN_EXT_DB_KICK;
}
