/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of instructions with a predicate: of two elements the one that an integer beside
 * them chooses. */
#include "model/core.h"

/* One row: elements whose predicate is not as wanted become the other's. A column is one
 * element for the whole row. */
static void select_row(float *x, const float *predicate, const float *other, bool column,
		       bool reverse, uint32_t count)
{
	const float alone = other[0];

	for (uint32_t i = 0; i < count && column; i++)
		x[i] = (predicate[i] != 0.0f) != reverse ? x[i] : alone;
	for (uint32_t i = 0; i < count && !column; i++)
		x[i] = (predicate[i] != 0.0f) != reverse ? x[i] : other[i];
}

/* What a row takes instead, where that is one element. */
static const float *other_column(struct trn_core *core, const struct trn_inst *inst)
{
	const struct trn_view *other = &inst->view[TRN_AP_SRC2];
	float *column = core->scratch->column[0];

	if (inst->live & TRN_SLOT(SRC2))
		trn_rows_load(core, other, 0, other->partitions, column);
	for (uint32_t p = 0; p < TRN_ISA_PARTITIONS && !(inst->live & TRN_SLOT(SRC2)); p++)
		memcpy(&column[p], &inst->imm[0], sizeof(*column));
	return column;
}

int trn_exec_select_reduce(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *other = &inst->view[TRN_AP_SRC2];
	const bool tensor = (inst->live & TRN_SLOT(SRC2)) && other->count == dst->count;
	const bool reverse = inst->head.flags & TRN_SELECT_REVERSE;
	float *lanes = core->acc_vector + inst->view[TRN_AP_SRC0].start;
	float *x = core->scratch->a, *y = core->scratch->b, *predicate = core->scratch->c;
	const float *column = tensor ? NULL : other_column(core, inst);
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		trn_rows_load(core, &inst->view[TRN_AP_SRC1], block.first, block.rows, predicate);
		if (tensor)
			trn_rows_load(core, other, block.first, block.rows, y);
		for (uint32_t r = 0; r < block.rows; r++) {
			const size_t at = (size_t)r * dst->count;

			select_row(x + at, predicate + at,
				   tensor ? y + at : &column[block.first + r], !tensor, reverse,
				   dst->count);
		}
		trn_accumulate(inst, TRN_ALU_MAX, lanes, &block, dst->count, x);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	trn_accumulator_read(core, inst, lanes);
	return 0;
}
