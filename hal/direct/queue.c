/* SPDX-License-Identifier: Apache-2.0 */
/* Command queues of the launch block: a ring and a status record in pinned memory, a
 * control page, a doorbell page. Without the block the copy queues stand in. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "hal/direct/direct.h"

#define DEPTH_MIN 16u
#define DEPTH_MAX 65536u
#define RESET_BUDGET_NS UINT64_C(1000000000)

static uint64_t control_reg(const struct trn_direct_queue *q, uint32_t reg)
{
	return q->d->ext + TRN_EXT_QUEUE(q->queue.index) + reg;
}

static struct trn_direct_queue *queue_of(struct trn_hal_queue *queue)
{
	return (struct trn_direct_queue *)(void *)queue; /* queue is the first member */
}

static int reset_done(void *arg)
{
	struct trn_direct_queue *q = arg;
	uint32_t control = 0;
	int r = trn_hal_read32_live(q->d->bus, control_reg(q, TRN_EXT_Q_CONTROL), &control);

	if (r < 0)
		return r;
	return control & TRN_EXT_Q_RESET ? -EAGAIN : 0;
}

static int queue_stop(struct trn_direct_queue *q, uint64_t deadline_ns)
{
	int r = trn_hal_write32(q->d->bus, control_reg(q, TRN_EXT_Q_CONTROL), TRN_EXT_Q_RESET);

	if (r < 0)
		return r;
	return trn_direct_wait(q->d, reset_done, q, trn_direct_budget(deadline_ns, RESET_BUDGET_NS),
			       NULL);
}

/* From disabled to ready; the ring starts at 0. */
static int queue_program(struct trn_direct_queue *q, uint64_t deadline_ns)
{
	const uint64_t ring = q->ring_mem.address;
	const uint64_t status = q->status_mem.address;
	const struct {
		uint32_t reg, value;
	} writes[] = {
		{ TRN_EXT_Q_BASE_LO, trn_lo32(ring) },
		{ TRN_EXT_Q_BASE_HI, trn_hi32(ring) },
		{ TRN_EXT_Q_ENTRIES, q->queue.depth },
		{ TRN_EXT_Q_WINDOW, 0 }, /* this door owns the function: nothing to check */
		{ TRN_EXT_Q_STATUS_LO, trn_lo32(status) },
		{ TRN_EXT_Q_STATUS_HI, trn_hi32(status) },
		{ TRN_EXT_Q_CONTROL, TRN_EXT_Q_ENABLE },
	};
	uint32_t state = 0;
	int r = queue_stop(q, deadline_ns);

	if (r < 0)
		return trn_hal_fail(&q->d->hal, r, "queue %u does not reset", q->queue.index);
	memset(q->status_mem.host, 0, sizeof(struct trn_ext_status));
	q->queue.tail = 0;
	trn_hal_dma_publish(); /* the cleared status before the device may write it again */
	for (size_t i = 0; r == 0 && i < TRN_ARRAY_LEN(writes); i++)
		r = trn_hal_write32(q->d->bus, control_reg(q, writes[i].reg), writes[i].value);
	if (r == 0)
		r = trn_hal_read32_live(q->d->bus, control_reg(q, TRN_EXT_Q_STATE), &state);
	if (r < 0)
		return trn_hal_fail(&q->d->hal, r, "queue %u: the device is gone", q->queue.index);
	if (state != TRN_QUEUE_READY)
		return trn_hal_fail(&q->d->hal, -EIO, "queue %u is in state %u after enabling",
				    q->queue.index, state);
	return 0;
}

static void queue_release(struct trn_direct_queue *q)
{
	trn_direct_inner_free(q->d, &q->status_mem);
	trn_direct_inner_free(q->d, &q->ring_mem);
	trn_free(q->d->hal.alloc, q);
}

static int queue_make(struct trn_direct *d, uint32_t index, uint32_t depth,
		      struct trn_direct_queue **ret_queue)
{
	struct trn_direct_queue *q = trn_alloc_zero(d->hal.alloc, sizeof(*q));
	int r;

	if (!q)
		return trn_hal_fail(&d->hal, -ENOMEM, "no memory for a queue");
	q->d = d;
	q->queue.index = index;
	q->queue.depth = depth;
	r = trn_direct_inner_alloc(d, depth * sizeof(struct trn_ext_cmd), TRN_MEMORY_RINGS,
				   &q->ring_mem);
	if (r == 0)
		r = trn_direct_inner_alloc(d, sizeof(struct trn_ext_status),
					   TRN_MEMORY_NOTIFICATIONS, &q->status_mem);
	if (r == 0) {
		q->queue.ring = q->ring_mem.host;
		q->queue.status = q->status_mem.host;
		r = queue_program(q, TRN_DEADLINE_NEVER);
	}
	if (r < 0) {
		queue_release(q);
		return r;
	}
	*ret_queue = q;
	return 0;
}

int trn_direct_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			  struct trn_hal_queue **ret_queue)
{
	struct trn_direct *d = trn_direct_of(dev);
	struct trn_direct_queue *q = NULL;
	uint32_t index = 0;
	int r;

	if (!trn_is_pow2(desc->depth) || desc->depth < DEPTH_MIN || desc->depth > DEPTH_MAX)
		return trn_hal_fail(dev, -EINVAL, "depth %u is no power of two in 16..65536",
				    desc->depth);
	if (desc->core >= d->cores)
		return trn_hal_fail(dev, -EINVAL, "no core %u", desc->core);
	if (!(d->ext_caps & TRN_EXT_CAP_LAUNCH))
		return trn_direct_copyq_open(d, desc, ret_queue);
	while (index < d->ext_queues && d->queues[index])
		index++;
	if (index == d->ext_queues)
		return trn_hal_fail(dev, -ENOSPC, "all %u queues are open", d->ext_queues);
	r = queue_make(d, index, desc->depth, &q);
	if (r < 0)
		return r;
	d->queues[index] = q;
	atomic_fetch_or(&d->queues_open, UINT64_C(1) << index);
	*ret_queue = &q->queue;
	return 0;
}

static void queue_end(struct trn_direct_queue *q)
{
	struct trn_direct *d = q->d;

	atomic_fetch_and(&d->queues_open, ~(UINT64_C(1) << q->queue.index));
	d->queues[q->queue.index] = NULL;
	/* The device may not write the memory any more; a dead one does not. */
	if (queue_stop(q, TRN_DEADLINE_NEVER) < 0)
		trn_logf(d->hal.log, TRN_LOG_WARNING, "%s: queue %u did not stop",
			 d->bus->info.name, q->queue.index);
	queue_release(q);
}

int trn_direct_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *queue)
{
	struct trn_direct_queue *q = queue_of(queue);

	(void)dev;
	if (q->copyq)
		trn_direct_copyq_close(q);
	else
		queue_end(q);
	return 0;
}

void trn_direct_queues_close(struct trn_direct *d)
{
	for (uint32_t i = 0; i < TRN_EXT_QUEUES; i++) {
		if (d->queues[i])
			queue_end(d->queues[i]);
	}
	for (uint32_t i = 0; i < DIRECT_COPY_QUEUES; i++) {
		if (d->copyqs[i])
			trn_direct_copyq_close(d->copyqs[i]);
	}
}

int trn_direct_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail)
{
	struct trn_direct_queue *q = queue_of(queue);
	struct trn_direct *d = q->d;
	int r;

	if (tail - trn_hal_dma_load32(&queue->status->head) > queue->depth)
		return trn_hal_fail(dev, -EINVAL, "tail %u is past the ring", tail);
	if (q->copyq)
		return trn_direct_copyq_kick(q, tail);
	trn_hal_dma_publish(); /* commands, and what they point to, before the doorbell */
	r = trn_hal_write32(d->bus, d->ext + TRN_EXT_DOORBELL(queue->index) + TRN_EXT_DB_TAIL,
			    tail);
	if (r == 0)
		queue->tail = tail;
	return r;
}

int trn_direct_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			   uint64_t deadline_ns)
{
	struct trn_direct_queue *q = queue_of(queue);

	(void)dev;
	return q->copyq ? trn_direct_copyq_reset(q) : queue_program(q, deadline_ns);
}

int trn_direct_signal(struct trn_hal_dev *dev)
{
	struct trn_direct *d = trn_direct_of(dev);
	uint64_t open = atomic_load(&d->queues_open);
	int r = 0;

	trn_hal_dma_publish(); /* the value that a WAIT looks at before the kick */
	for (uint32_t i = 0; r == 0 && open >> i; i++) {
		if (open >> i & 1)
			r = trn_hal_write32(d->bus, d->ext + TRN_EXT_DOORBELL(i) + TRN_EXT_DB_KICK,
					    1);
		if (i == TRN_EXT_QUEUES - 1)
			break; /* a shift by 64 is undefined */
	}
	if (!(d->ext_caps & TRN_EXT_CAP_LAUNCH))
		(void)trn_direct_copyq_pump(d, TRN_DIRECT_PUMP_NOW);
	return r;
}
