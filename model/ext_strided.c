/* SPDX-License-Identifier: Apache-2.0 */
/* COPY_ND: rows with pitches, one after another, each as a COPY that costs no command. */
#include "model/ext.h"

#include "base/strided.h"

/* Rows that move together; between two lots deadlines are looked at. */
#define PIECE_BYTES (16u * TRN_MIB)
#define PIECE_ROWS 4096u

static uint64_t piece_rows(const struct trn_queue *queue)
{
	const uint64_t left = trn_strided_rows(&queue->cmd) - queue->done;
	const uint64_t most = trn_max_u64(1, PIECE_BYTES / trn_strided_bytes(&queue->cmd));

	return trn_min_u64(left, trn_min_u64(most, PIECE_ROWS));
}

/* A row takes its bytes' time, and at least that of a run on a DMA engine. */
static uint64_t piece_ps(struct trn_queue *queue)
{
	struct trn_chip *chip = queue->launch->chip;
	const struct trn_gen *gen = chip->gen;
	const struct trn_strided_row row = trn_strided_row(&queue->cmd, queue->done);
	const uint64_t bytes = trn_strided_bytes(&queue->cmd), rows = piece_rows(queue);
	const uint64_t now = chip->model->now_ps;
	const uint64_t mbps = row.dst >> 46 == 1 ? gen->dma_store_mbps : gen->dma_load_mbps;
	const uint64_t each = trn_max_u64(bytes * 1000000u / mbps, gen->dma_row_ns * TRN_PS_PER_NS);
	const uint64_t end =
		trn_max_u64(trn_hbm_take_ps(chip, row.dst, rows * bytes, now, rows * each),
			    trn_hbm_take_ps(chip, row.src, rows * bytes, now, rows * each));

	return end - now;
}

/* Another chip's memory is for COPY. */
static bool row_move(struct trn_queue *queue, const struct trn_strided_row *row)
{
	const struct trn_launch *launch = queue->launch;
	const uint64_t bytes = trn_strided_bytes(&queue->cmd);
	uint64_t bad = row->dst;

	if (!trn_launch_window_ok(launch, queue->window, row->dst, bytes, true) ||
	    trn_address_far(row->dst)) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, row->dst);
		return false;
	}
	if (!trn_launch_window_ok(launch, queue->window, row->src, bytes, false) ||
	    trn_address_far(row->src)) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, row->src);
		return false;
	}
	if (trn_chip_dma_copy(launch->chip, row->dst, row->src, bytes, &bad) < 0) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
		return false;
	}
	trn_energy_move(launch->chip, row->dst, row->src, bytes);
	launch->chip->counters.dma_bytes += bytes;
	return true;
}

static void rows_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	for (uint64_t left = queue->done < trn_strided_rows(&queue->cmd) ? piece_rows(queue) : 0;
	     left > 0; left--) {
		const struct trn_strided_row row = trn_strided_row(&queue->cmd, queue->done);

		if (!row_move(queue, &row))
			return;
		queue->done++;
	}
	if (queue->done < trn_strided_rows(&queue->cmd)) {
		trn_queue_after(queue, piece_ps(queue), rows_event);
		return;
	}
	trn_launch_written(queue->launch);
	trn_queue_finish(queue);
}

void trn_strided_begin(struct trn_queue *queue)
{
	const bool some = trn_strided_rows(&queue->cmd) > 0;

	if (queue->cmd.a[3] > UINT32_MAX) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_COMMAND, 0);
		return;
	}
	trn_queue_after(queue, trn_queue_command_ps(queue) + (some ? piece_ps(queue) : 0),
			rows_event);
}
