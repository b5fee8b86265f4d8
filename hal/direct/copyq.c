/* SPDX-License-Identifier: Apache-2.0 */
/* Copy queues: command queues for a device without a launch block. COPY and FILL run on
 * a UDMA pair; the host does WAIT and SIGNAL while it kicks or waits. One command at a
 * time and in order; queues are independent of each other. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/strided.h"
#include "hal/direct/direct.h"

#define COPYQ_DESCS 4096u                /* one full batch and its marker, and the gap */
#define FILL_BYTES TRN_UDMA_DESC_LEN_MAX /* pattern, repeated: one descriptor's worth */
#define POLLS_PER_STATE 64

struct trn_direct_copyq {
	uint32_t slot;
	struct trn_direct_ring ring;
	struct trn_hal_mem fill_mem;
	struct trn_ext_status *status;
	struct trn_direct_xfer xfer; /* of the command that runs */
	uint64_t row;                /* of a COPY_ND: the one that moves */
	bool running;                /* a COPY or FILL has been started */
	unsigned int polls;
	bool thorough; /* look at the engine's state now */
	uint32_t tail; /* the queue's, under the lock */
};

/* ---- commands ---- */

static const struct trn_ext_cmd *current(const struct trn_direct_queue *q)
{
	return &q->queue.ring[q->copyq->status->head & (q->queue.depth - 1)];
}

/* The queue stops at the failing command: error fields first, state last. */
static void stop(struct trn_direct_queue *q, uint32_t error, uint64_t address)
{
	struct trn_ext_status *status = q->copyq->status;
	const struct trn_ext_cmd *cmd = current(q);

	status->error = error;
	status->tag = cmd->tag;
	status->address = address;
	status->opcode = cmd->op;
	status->engine = 0xff;
	status->operand = 0xff;
	q->copyq->running = false;
	trn_hal_dma_store32(&status->state, TRN_QUEUE_ERROR);
}

static void state_set(struct trn_direct_queue *q, uint32_t state)
{
	if (q->copyq->status->state != state)
		trn_hal_dma_store32(&q->copyq->status->state, state);
}

static void done(struct trn_direct_queue *q)
{
	q->copyq->running = false;
	trn_hal_dma_store32(&q->copyq->status->head, q->copyq->status->head + 1);
}

/* Each starts or finishes the command at the head; true when the queue moved. */
static bool run_nop(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	(void)cmd;
	done(q);
	return true;
}

static bool run_wait(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	uint64_t *value = cmd->a[0] % 8 == 0 ? trn_direct_resolve(q->d, cmd->a[0], 8) : NULL;
	uint64_t *broken = cmd->a[2] % 8 == 0 ? trn_direct_resolve(q->d, cmd->a[2], 8) : NULL;

	if (!value || (cmd->a[2] != 0 && !broken)) {
		stop(q, TRN_EXT_ERR_ADDRESS, value ? cmd->a[2] : cmd->a[0]);
		return true;
	}
	if (trn_hal_dma_load64(value) < cmd->a[1]) {
		if (broken && trn_hal_dma_load64(broken) >= cmd->a[1]) {
			stop(q, TRN_EXT_ERR_DEPENDENCY, cmd->a[0]);
			return true;
		}
		state_set(q, TRN_QUEUE_WAITING);
		return false;
	}
	state_set(q, TRN_QUEUE_READY);
	done(q);
	return true;
}

static bool run_signal(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	uint64_t *value = cmd->a[0] % 8 == 0 ? trn_direct_resolve(q->d, cmd->a[0], 8) : NULL;

	if (!value) {
		stop(q, TRN_EXT_ERR_ADDRESS, cmd->a[0]);
		return true;
	}
	trn_hal_dma_raise64(value, cmd->a[1]);
	done(q);
	return true;
}

/* Posts the next batch of the running command. */
static void post(struct trn_direct_queue *q)
{
	struct trn_direct_copyq *c = q->copyq;
	uint64_t at = c->xfer.dst;
	int r = c->ring.broken ? trn_direct_ring_init(&c->ring) : 0;

	if (r == 0)
		r = trn_direct_ring_post(&c->ring, &c->xfer);
	if (r < 0) {
		c->ring.broken = true;
		stop(q, TRN_EXT_ERR_DMA, at);
	}
}

static bool transfer_failed(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd, int r)
{
	stop(q, r == -TRN_EFAULT_DEV ? TRN_EXT_ERR_ADDRESS : TRN_EXT_ERR_DMA, cmd->a[0]);
	/* The engine stands still for every queue of it: start it again now, not when
	 * this queue's owner gets round to a reset. A failure is the next post's. */
	(void)trn_direct_ring_init(&q->copyq->ring);
	return true;
}

/* A transfer in flight: its next batch, or its end. */
static bool run_transfer(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	struct trn_direct_copyq *c = q->copyq;
	int r = trn_direct_ring_poll(&c->ring, c->thorough || ++c->polls % POLLS_PER_STATE == 0);

	if (r == -EAGAIN)
		return false;
	if (r < 0)
		return transfer_failed(q, cmd, r);
	if (c->xfer.left > 0)
		post(q);
	else
		done(q);
	return true;
}

static bool run_copy(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	struct trn_direct_copyq *c = q->copyq;

	if (c->running)
		return run_transfer(q, cmd);
	if (cmd->a[2] == 0) {
		done(q);
		return true;
	}
	c->xfer = (struct trn_direct_xfer){ .dst = cmd->a[0], .src = cmd->a[1], .left = cmd->a[2] };
	c->running = true;
	post(q);
	return true;
}

static bool run_copy_nd(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	struct trn_direct_copyq *c = q->copyq;
	struct trn_strided_row row;

	if (!c->running)
		c->row = 0;
	if (cmd->a[3] > UINT32_MAX) {
		stop(q, TRN_EXT_ERR_COMMAND, 0);
		return true;
	}
	if (trn_strided_rows(cmd) == 0) {
		done(q);
		return true;
	}
	/* All but the end of a row that is not the last is as in any copy. */
	if (c->running && (c->xfer.left > 0 || c->row + 1 == trn_strided_rows(cmd)))
		return run_transfer(q, cmd);
	if (c->running) {
		const int r = trn_direct_ring_poll(
			&c->ring, c->thorough || ++c->polls % POLLS_PER_STATE == 0);

		if (r != 0)
			return r == -EAGAIN ? false : transfer_failed(q, cmd, r);
		c->row++;
	}
	row = trn_strided_row(cmd, c->row);
	c->xfer = (struct trn_direct_xfer){ .dst = row.dst,
					    .src = row.src,
					    .left = trn_strided_bytes(cmd) };
	c->running = true;
	post(q);
	return true;
}

static bool run_fill(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd)
{
	struct trn_direct_copyq *c = q->copyq;
	uint32_t *pattern = c->fill_mem.host;

	if (c->running)
		return run_transfer(q, cmd);
	if (cmd->a[1] == 0) {
		done(q);
		return true;
	}
	for (size_t i = 0; i < FILL_BYTES / sizeof(*pattern); i++)
		pattern[i] = (uint32_t)cmd->a[2];
	c->xfer = (struct trn_direct_xfer){ .dst = cmd->a[0],
					    .src = c->fill_mem.address,
					    .left = cmd->a[1],
					    .window = FILL_BYTES };
	c->running = true;
	post(q);
	return true;
}

static bool (*const run[])(struct trn_direct_queue *q, const struct trn_ext_cmd *cmd) = {
	[TRN_CMD_NOP] = run_nop,   [TRN_CMD_COPY] = run_copy,     [TRN_CMD_FILL] = run_fill,
	[TRN_CMD_WAIT] = run_wait, [TRN_CMD_SIGNAL] = run_signal, [TRN_CMD_COPY_ND] = run_copy_nd,
};

static bool runs_here(const struct trn_ext_cmd *cmd)
{
	return cmd->op < TRN_ARRAY_LEN(run) && run[cmd->op];
}

/* Lock held. */
static bool queue_go_on(struct trn_direct_queue *q, bool thorough)
{
	struct trn_direct_copyq *c = q->copyq;
	bool moved = false;

	c->thorough = thorough;
	while (c->status->head != c->tail && c->status->state != TRN_QUEUE_ERROR) {
		const struct trn_ext_cmd *cmd = current(q);

		/* The kick looked at it, but the ring is the user's memory. */
		if (!runs_here(cmd)) {
			stop(q, TRN_EXT_ERR_COMMAND, 0);
			return true;
		}
		if (!run[cmd->op](q, cmd))
			break;
		moved = true;
	}
	return moved;
}

bool trn_direct_copyq_pump(struct trn_direct *d, enum trn_direct_pump how)
{
	bool moved = false;

	if (how != TRN_DIRECT_PUMP_TRY)
		pthread_mutex_lock(&d->copyq_lock);
	else if (pthread_mutex_trylock(&d->copyq_lock) != 0)
		return false;
	for (uint32_t i = 0; i < DIRECT_COPY_QUEUES; i++) {
		if (d->copyqs[i] && queue_go_on(d->copyqs[i], how == TRN_DIRECT_PUMP_IDLE))
			moved = true;
	}
	if (moved)
		atomic_fetch_add(&d->copyq_moves, 1);
	pthread_mutex_unlock(&d->copyq_lock);
	return moved;
}

/* ---- life ---- */

static void copyq_release(struct trn_direct_queue *q)
{
	struct trn_direct *d = q->d;

	trn_direct_ring_close(&q->copyq->ring);
	trn_direct_inner_free(d, &q->copyq->fill_mem);
	trn_free(d->hal.alloc, q->copyq->status);
	trn_free(d->hal.alloc, q->queue.ring);
	trn_free(d->hal.alloc, q->copyq);
	trn_free(d->hal.alloc, q);
}

static int copyq_make(struct trn_direct *d, uint32_t slot, uint32_t depth,
		      struct trn_direct_queue **ret_queue)
{
	struct trn_direct_queue *q = trn_alloc_zero(d->hal.alloc, sizeof(*q));
	struct trn_direct_copyq *c = trn_alloc_zero(d->hal.alloc, sizeof(*c));
	uint32_t engine = TRN_DMA_H2T_FIRST + slot % DIRECT_H2T_ENGINES;
	uint32_t queue = DIRECT_H2T_QUEUES + slot / DIRECT_H2T_ENGINES;
	int r = -ENOMEM;

	if (!q || !c) {
		trn_free(d->hal.alloc, c);
		trn_free(d->hal.alloc, q);
		return trn_hal_fail(&d->hal, r, "no memory for a queue");
	}
	q->d = d;
	q->copyq = c;
	c->slot = slot;
	q->queue.index = slot;
	q->queue.depth = depth;
	q->queue.ring = trn_alloc_array(d->hal.alloc, depth, sizeof(*q->queue.ring));
	c->status = trn_alloc_zero(d->hal.alloc, sizeof(*c->status));
	if (q->queue.ring && c->status)
		r = trn_direct_inner_alloc(d, FILL_BYTES, TRN_MEMORY_SCRATCH, &c->fill_mem);
	if (r == 0)
		r = trn_direct_ring_open(d, engine, queue, COPYQ_DESCS, &c->ring);
	if (r == 0)
		r = trn_direct_ring_init(&c->ring);
	if (r < 0) {
		copyq_release(q);
		return trn_hal_fail(&d->hal, r, "no memory for a copy queue");
	}
	c->status->state = TRN_QUEUE_READY;
	q->queue.status = c->status;
	*ret_queue = q;
	return 0;
}

/* A free slot on the engine nearest to the core, else on any: slot % 4 is the engine. */
static uint32_t slot_find(const struct trn_direct *d, uint32_t core)
{
	uint32_t suspects = atomic_load(&d->suspects);

	for (uint32_t i = 0; i < DIRECT_COPY_QUEUES; i++) {
		if (i % DIRECT_H2T_ENGINES == core / 2 && !d->copyqs[i] &&
		    !(suspects >> i % DIRECT_H2T_ENGINES & 1))
			return i;
	}
	for (uint32_t i = 0; i < DIRECT_COPY_QUEUES; i++) {
		if (!d->copyqs[i])
			return i;
	}
	return DIRECT_COPY_QUEUES;
}

int trn_direct_copyq_open(struct trn_direct *d, const struct trn_hal_queue_desc *desc,
			  struct trn_hal_queue **ret_queue)
{
	uint32_t slot = slot_find(d, desc->core);
	struct trn_direct_queue *q = NULL;
	int r;

	if (slot == DIRECT_COPY_QUEUES)
		return trn_hal_fail(&d->hal, -ENOSPC, "all %u copy queues are open",
				    (unsigned int)DIRECT_COPY_QUEUES);
	r = copyq_make(d, slot, desc->depth, &q);
	if (r < 0)
		return r;
	pthread_mutex_lock(&d->copyq_lock);
	d->copyqs[slot] = q;
	pthread_mutex_unlock(&d->copyq_lock);
	*ret_queue = &q->queue;
	return 0;
}

void trn_direct_copyq_close(struct trn_direct_queue *q)
{
	struct trn_direct *d = q->d;

	pthread_mutex_lock(&d->copyq_lock);
	d->copyqs[q->copyq->slot] = NULL;
	pthread_mutex_unlock(&d->copyq_lock);
	/* A reset queue reads no descriptor and writes nothing any more. */
	if (trn_direct_ring_init(&q->copyq->ring) < 0)
		trn_logf(d->hal.log, TRN_LOG_WARNING, "%s: a copy queue did not stop",
			 d->bus->info.name);
	copyq_release(q);
}

int trn_direct_copyq_kick(struct trn_direct_queue *q, uint32_t tail)
{
	struct trn_direct *d = q->d;

	/* All or nothing: a command that only a launch block runs refuses the kick. */
	for (uint32_t i = q->queue.tail; i != tail; i++) {
		const struct trn_ext_cmd *cmd = &q->queue.ring[i & (q->queue.depth - 1)];

		if (!runs_here(cmd))
			return trn_hal_fail(
				&d->hal, -ENOTSUP,
				"command %u: operation %u needs the launch block, which "
				"this device does not have",
				i, cmd->op);
	}
	q->queue.tail = tail;
	pthread_mutex_lock(&d->copyq_lock);
	q->copyq->tail = tail;
	(void)queue_go_on(q, false);
	pthread_mutex_unlock(&d->copyq_lock);
	return 0;
}

int trn_direct_copyq_reset(struct trn_direct_queue *q)
{
	struct trn_direct_copyq *c = q->copyq;
	int r;

	pthread_mutex_lock(&q->d->copyq_lock);
	r = trn_direct_ring_init(&c->ring);
	c->running = false;
	c->tail = 0;
	*c->status = (struct trn_ext_status){ .state = TRN_QUEUE_READY };
	pthread_mutex_unlock(&q->d->copyq_lock);
	q->queue.tail = 0;
	if (r < 0)
		return trn_hal_fail(&q->d->hal, r, "queue %u does not reset", q->queue.index);
	return 0;
}

int trn_direct_copyq_after_reset(struct trn_direct *d, uint32_t engine_map)
{
	int r = 0;

	pthread_mutex_lock(&d->copyq_lock);
	for (uint32_t i = 0; r == 0 && i < DIRECT_COPY_QUEUES; i++) {
		struct trn_direct_queue *q = d->copyqs[i];

		if (!q || !(engine_map >> i % DIRECT_H2T_ENGINES & 1))
			continue;
		if (q->copyq->running)
			stop(q, TRN_EXT_ERR_RESET, current(q)->a[0]);
		r = trn_direct_ring_init(&q->copyq->ring);
	}
	pthread_mutex_unlock(&d->copyq_lock);
	return r;
}
