/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of instructions that carry a value along each row: the scan of two tensors and the
 * cumulative operator. All lanes take a step at a time, so that a step is one row of vector
 * code; for that, tiles of a few elements of every partition are turned. */
#include "model/core.h"

#define TILE_ELEMENTS 8192u /* 32 KiB of FP32, the size of a first-level cache */

/* Elements [from, from + count) of rows [first, first + rows). */
struct tile {
	uint32_t first, rows, from, count;
};

/* Tiles walk along the rows; start with zeros. Random rounding draws row by row, so rows then
 * go one by one. False when all have been. */
static bool tile_next(struct tile *tile, const struct trn_view *view)
{
	uint32_t left;

	tile->from += tile->count;
	if (tile->from == view->count) {
		tile->from = 0;
		tile->first += tile->rows;
	}
	if (tile->first >= view->partitions)
		return false;
	left = view->count - tile->from;
	tile->rows = view->rounding ? 1 : view->partitions;
	tile->count = TILE_ELEMENTS / tile->rows < left ? TILE_ELEMENTS / tile->rows : left;
	return true;
}

static void flip(float *dst, const float *src, uint32_t rows, uint32_t columns)
{
	for (uint32_t r = 0; r < rows; r++) {
		for (uint32_t c = 0; c < columns; c++)
			dst[c * rows + r] = src[r * columns + c];
	}
}

/* Row i of the result is element from + i of all lanes. */
static void tile_load(struct trn_core *core, const struct trn_view *view, const struct tile *tile,
		      float *dst)
{
	float *rows = core->scratch->c;

	for (uint32_t r = 0; r < tile->rows; r++)
		trn_row_load(core, view, tile->first + r, tile->from, tile->count,
			     rows + (size_t)r * tile->count);
	flip(dst, rows, tile->rows, tile->count);
}

static void tile_store(struct trn_core *core, const struct trn_view *view, const struct tile *tile,
		       const float *src)
{
	float *rows = core->scratch->c;

	flip(rows, src, tile->count, tile->rows);
	for (uint32_t r = 0; r < tile->rows; r++)
		trn_row_store(core, view, tile->first + r, tile->from, tile->count,
			      rows + (size_t)r * tile->count, view->rounding);
}

/* a op b of all lanes, or b op a. */
static void step(uint32_t op, bool reverse, float *dst, const float *a, const float *b,
		 uint32_t lanes)
{
	trn_alu_rows(op, dst, reverse ? b : a, reverse ? a : b, lanes);
}

int trn_exec_tensor_scan(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const bool reverse0 = inst->head.flags & TRN_SCALAR_REVERSE0;
	const bool reverse1 = inst->head.flags & TRN_SCALAR_REVERSE1;
	const float *start = trn_operand_load(core, inst, 1);
	float *x = core->scratch->a, *y = core->scratch->b;
	float carried[TRN_ISA_PARTITIONS];
	struct tile tile = { 0 };

	(void)error;
	memcpy(carried, start, dst->partitions * sizeof(*start));
	while (tile_next(&tile, dst)) {
		float *lanes = carried + tile.first;

		tile_load(core, &inst->view[TRN_AP_SRC0], &tile, x);
		tile_load(core, &inst->view[TRN_AP_SRC1], &tile, y);
		for (uint32_t i = 0; i < tile.count; i++) {
			float *xi = x + (size_t)i * tile.rows;

			step(inst->op0, reverse0, lanes, xi, lanes, tile.rows);
			step(inst->op1, reverse1, lanes, lanes, y + (size_t)i * tile.rows,
			     tile.rows);
			memcpy(xi, lanes, tile.rows * sizeof(*lanes));
		}
		tile_store(core, dst, &tile, x);
	}
	return 0;
}

/* Where each lane of SCALAR_CUMULATIVE begins. */
static void cumulative_start(const struct trn_inst *inst, float *lanes)
{
	float start = trn_accumulator_empty(inst->op1);

	if (inst->mode == TRN_REDUCE_ACCUMULATE)
		return;
	if (inst->mode == TRN_REDUCE_LOAD_REDUCE)
		memcpy(&start, &inst->imm[1], sizeof(start));
	for (uint32_t p = 0; p < inst->view[TRN_AP_DST].partitions; p++)
		lanes[p] = start;
}

int trn_exec_cumulative(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const bool reverse0 = inst->head.flags & TRN_SCALAR_REVERSE0;
	const bool reverse1 = inst->head.flags & TRN_SCALAR_REVERSE1;
	const float *operand = trn_operand_load(core, inst, 0);
	float *all = core->acc_vector + inst->view[TRN_AP_SRC0].start;
	float *x = core->scratch->a;
	struct tile tile = { 0 };

	(void)error;
	cumulative_start(inst, all);
	while (tile_next(&tile, dst)) {
		float *lanes = all + tile.first;

		tile_load(core, &inst->view[TRN_AP_SRC0], &tile, x);
		for (uint32_t i = 0; i < tile.count; i++) {
			float *xi = x + (size_t)i * tile.rows;

			step(inst->op0, reverse0, xi, xi, operand + tile.first, tile.rows);
			step(inst->op1, reverse1, lanes, xi, lanes, tile.rows);
			memcpy(xi, lanes, tile.rows * sizeof(*lanes));
		}
		tile_store(core, dst, &tile, x);
	}
	return 0;
}

int trn_exec_scalar_tensor_tensor(struct trn_core *core, struct trn_inst *inst,
				  struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const bool reverse1 = inst->head.flags & TRN_SCALAR_REVERSE1;
	const float *operand = trn_operand_load(core, inst, 0);
	float *x = core->scratch->a, *y = core->scratch->b;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		trn_rows_load(core, &inst->view[TRN_AP_SRC2], block.first, block.rows, y);
		trn_operand_apply(inst, 0, operand, &block, dst->count, x);
		trn_alu_rows(inst->op1, x, reverse1 ? y : x, reverse1 ? x : y, block.count);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	return 0;
}
