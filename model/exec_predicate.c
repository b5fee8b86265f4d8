/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of instructions with a predicate or a mask: of two elements the one that an integer
 * beside them chooses, of 32 partitions the one that the mask names. */
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

/* ---- copies that leave some of the destination as it is ---- */

/* One loop for each element size: bits of src where the predicate is as wanted. */
#define DEFINE_COPY(type)                                                                         \
	static void copy_##type(void *dst, const void *src, const float *predicate, bool reverse, \
				size_t count)                                                     \
	{                                                                                         \
		type *to = dst;                                                                   \
		const type *from = src;                                                           \
                                                                                                  \
		for (size_t i = 0; i < count; i++)                                                \
			to[i] = (predicate[i] != 0.0f) != reverse ? from[i] : to[i];              \
	}
DEFINE_COPY(uint8_t)
DEFINE_COPY(uint16_t)
DEFINE_COPY(uint32_t)

static void copy_chosen(uint32_t esize, void *dst, const void *src, const float *predicate,
			bool reverse, size_t count)
{
	if (esize == 1)
		copy_uint8_t(dst, src, predicate, reverse, count);
	else if (esize == 2)
		copy_uint16_t(dst, src, predicate, reverse, count);
	else
		copy_uint32_t(dst, src, predicate, reverse, count);
}

int trn_exec_copy_predicated(struct trn_core *core, struct trn_inst *inst,
			     struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const bool constant = !(inst->live & TRN_SLOT(SRC0));
	const bool reverse = inst->head.flags & TRN_SELECT_REVERSE;
	float *to = core->scratch->a, *from = core->scratch->b, *predicate = core->scratch->c;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		if (constant && block.first == 0)
			trn_constant_row(inst, from, block.count);
		if (!constant)
			trn_rows_gather(&inst->view[TRN_AP_SRC0], block.first, block.rows, from);
		trn_rows_load(core, &inst->view[TRN_AP_SRC1], block.first, block.rows, predicate);
		trn_rows_gather(dst, block.first, block.rows, to);
		copy_chosen(dst->esize, to, from, predicate, reverse, block.count);
		trn_rows_scatter(dst, block.first, block.rows, to);
	}
	return 0;
}

uint32_t trn_shuffle_from(const struct trn_inst *inst, uint32_t partition)
{
	const uint32_t bit = partition * TRN_SHUFFLE_BITS, word = bit / 32;
	const uint64_t low = inst->imm[word];
	const uint64_t high = word + 1 < TRN_ARRAY_LEN(inst->imm) ? inst->imm[word + 1] : 0;

	return (uint32_t)((high << 32 | low) >> bit % 32) & ((1u << TRN_SHUFFLE_BITS) - 1);
}

int trn_exec_stream_shuffle(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const uint32_t chunk = sizeof(core->scratch->raw) / (TRN_QUADRANT * src->esize);
	uint8_t *rows = core->scratch->raw;

	(void)error;
	for (uint32_t q = 0; q < src->partitions; q += TRN_QUADRANT) {
		for (uint32_t from = 0; from < src->count; from += chunk) {
			const uint32_t left = src->count - from;
			const uint32_t count = left < chunk ? left : chunk;
			const size_t bytes = (size_t)count * src->esize;

			/* DST may be SRC0: read all before anything is written. */
			for (uint32_t p = 0; p < TRN_QUADRANT; p++)
				trn_row_gather(src, q + p, from, count, rows + p * bytes);
			for (uint32_t p = 0; p < TRN_QUADRANT; p++) {
				const uint32_t m = trn_shuffle_from(inst, p);

				if (m != TRN_SHUFFLE_KEEP)
					trn_row_scatter(dst, q + p, from, count, rows + m * bytes);
			}
		}
	}
	return 0;
}
