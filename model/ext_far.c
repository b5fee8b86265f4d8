/* SPDX-License-Identifier: Apache-2.0 */
/* COPY between chips: one transfer, at the rate of the queue's engine. */
#include "model/collect.h"

#include "base/bits.h"

static void copy_gone(struct trn_transfer *transfer)
{
	struct trn_flight *flight = TRN_CONTAINER_OF(transfer, struct trn_flight, transfer);

	trn_flight_put(flight->queue->launch->sync, flight);
}

static void copy_done(struct trn_transfer *transfer, enum trn_ext_error error, uint64_t bad)
{
	struct trn_queue *queue = TRN_CONTAINER_OF(transfer, struct trn_flight, transfer)->queue;

	queue->far = NULL;
	if (error == TRN_EXT_OK)
		trn_queue_finish(queue);
	else
		trn_queue_fail_code(queue, error, bad);
}

static void copy_fill(struct trn_queue *queue, struct trn_transfer *transfer)
{
	struct trn_chip *chip = queue->launch->chip;
	const struct trn_gen *gen = chip->gen;
	const struct trn_ext_cmd *cmd = &queue->cmd;

	*transfer = (struct trn_transfer){
		.chip = chip,
		.dst = cmd->a[0],
		.src = cmd->a[1],
		.bytes = cmd->a[2],
		.mbps = cmd->a[0] >> 46 == 1 ? gen->dma_store_mbps : gen->dma_load_mbps,
		.percent = 100,
		.trigger_ps = gen->queue_command_ns * TRN_PS_PER_NS,
		.done = copy_done,
		.gone = copy_gone,
	};
}

void trn_far_begin(struct trn_queue *queue)
{
	struct trn_sync_unit *unit = trn_sync_unit(queue->launch);
	struct trn_transfer transfer;
	struct trn_flight *flight;
	enum trn_ext_error error;
	uint64_t bad = 0;

	copy_fill(queue, &transfer);
	error = trn_transfer_check(&transfer, queue->window, &bad);
	if (error != TRN_EXT_OK) {
		trn_queue_fail_code(queue, error, bad);
		return;
	}
	flight = unit ? trn_flight_get(unit) : NULL;
	if (flight) {
		*flight = (struct trn_flight){ .queue = queue, .transfer = transfer };
		if (trn_transfer_begin(&flight->transfer) == 0) {
			queue->busy = true;
			queue->far = flight;
			return;
		}
		trn_flight_put(unit, flight);
	}
	trn_queue_fail_code(queue, TRN_EXT_ERR_RESET, 0);
}

void trn_far_forget(struct trn_queue *queue)
{
	if (queue->far)
		trn_transfer_cancel(&queue->far->transfer);
	queue->far = NULL;
}
