/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of instructions that make or look at positions: iota, the two selects, the
 * eight largest and where they are. */
#include "model/core.h"

#define LOWEST TRN_F32_LOWEST /* what a masked element becomes */
#define TOP_COUNT 8u

/* Affine values of one partition in the order of the destination's loops. 32-bit
 * arithmetic that wraps. */
static void affine_row(const struct trn_view *view, const uint32_t *step, uint32_t start,
		       uint32_t *dst)
{
	const uint32_t last = view->rank - 1, run = view->shape[last];
	uint32_t i[4] = { 0 };
	uint32_t value = start;

	for (uint32_t n = 0; n < view->count; n += run) {
		uint32_t d = last;

		for (uint32_t k = 0; k < run; k++)
			dst[n + k] = value + k * step[last];
		while (d-- > 0) {
			value += step[d];
			if (++i[d] < view->shape[d])
				break;
			value -= step[d] * view->shape[d];
			i[d] = 0;
		}
	}
}

int trn_exec_iota(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	uint32_t *row = trn_words(core->scratch->a);

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p++) {
		affine_row(dst, &inst->imm[2], inst->imm[0] + p * inst->imm[1], row);
		if (dst->dtype == TRN_DTYPE_S32 || dst->dtype == TRN_DTYPE_U32) {
			trn_row_scatter(dst, p, 0, dst->count, row);
			continue;
		}
		trn_row_to_f32(core->scratch->b, row, TRN_DTYPE_S32, dst->count);
		trn_rows_store(core, dst, p, 1, core->scratch->b);
	}
	return 0;
}

int trn_exec_affine(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	uint32_t *row = trn_words(core->scratch->c);
	const uint32_t step[4] = { inst->imm[3], inst->imm[4], inst->imm[5], 0 };
	float *x = core->scratch->a;
	float other;

	(void)error;
	memcpy(&other, &inst->imm[2], sizeof(other));
	for (uint32_t p = 0; p < dst->partitions; p++) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], p, 1, x);
		affine_row(dst, step, inst->imm[0] + p * inst->imm[1], row);
		trn_word_scalar(inst->op0, row, row, 0, false, dst->count);
		for (uint32_t i = 0; i < dst->count; i++)
			x[i] = row[i] ? x[i] : other;
		trn_rows_store(core, dst, p, 1, x);
	}
	return 0;
}

int trn_exec_range_select(struct trn_core *core, struct trn_inst *inst,
			  struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *x = core->scratch->a, *low = core->scratch->b, *high = core->scratch->c;
	float *lanes = core->acc_vector + inst->view[TRN_AP_SRC0].start;

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p++) {
		const struct trn_block row = { p, 1, dst->count };

		/* Positions are compared as FP32: exact below 2^24. */
		for (uint32_t i = 0; i < dst->count; i++)
			low[i] = (float)(int32_t)(inst->imm[2] + i);
		trn_alu_scalar(inst->op1, high, low, trn_operand_row(inst, 1, p), false,
			       dst->count);
		trn_alu_scalar(inst->op0, low, low, trn_operand_row(inst, 0, p), false, dst->count);
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], p, 1, x);
		for (uint32_t i = 0; i < dst->count; i++)
			x[i] = low[i] * high[i] != 0.0f ? x[i] : LOWEST;
		trn_accumulate(inst, TRN_ALU_MAX, lanes, &row, dst->count, x);
		trn_rows_store(core, dst, p, 1, x);
	}
	trn_accumulator_read(core, inst, lanes);
	return 0;
}

/* Keeps the eight largest, in order; the earlier of two equal values stays ahead. A NaN
 * is larger than nothing. */
static void top_insert(float *top, uint32_t *ret_have, float value)
{
	uint32_t at = *ret_have;

	if (value != value)
		return;
	if (at == TOP_COUNT && !(value > top[TOP_COUNT - 1]))
		return;
	if (at == TOP_COUNT)
		at--;
	else
		(*ret_have)++;
	for (; at > 0 && value > top[at - 1]; at--)
		top[at] = top[at - 1];
	top[at] = value;
}

int trn_exec_max8(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	float *x = core->scratch->a;

	(void)error;
	for (uint32_t p = 0; p < src->partitions; p++) {
		float top[TOP_COUNT] = { LOWEST, LOWEST, LOWEST, LOWEST,
					 LOWEST, LOWEST, LOWEST, LOWEST };
		uint32_t have = 0;

		trn_rows_load(core, src, p, 1, x);
		for (uint32_t i = 0; i < src->count; i++)
			top_insert(top, &have, x[i]);
		trn_rows_store(core, &inst->view[TRN_AP_DST], p, 1, top);
	}
	return 0;
}

#define SEARCH_STEP 32u /* elements looked at before the search may stop */

/* The first position from a given one on that holds the value, or count. */
static uint32_t search(const float *x, uint32_t from, uint32_t count, float value)
{
	while (from + SEARCH_STEP <= count) {
		uint32_t any = 0;

		for (uint32_t i = 0; i < SEARCH_STEP; i++)
			any |= x[from + i] == value;
		if (any)
			break;
		from += SEARCH_STEP;
	}
	while (from < count && x[from] != value)
		from++;
	return from;
}

/* Positions of eight values, UINT32_MAX for none. They are taken from the first to the last,
 * or the other way round; a value that was asked for before goes on behind its last place. */
static void search8(const float *x, uint32_t count, const float *value, bool backwards,
		    uint32_t *ret_found)
{
	for (uint32_t k = 0; k < TOP_COUNT; k++) {
		const uint32_t v = backwards ? TOP_COUNT - 1 - k : k;
		uint32_t from = 0;

		for (uint32_t j = 0; j < k; j++) {
			const uint32_t u = backwards ? TOP_COUNT - 1 - j : j;

			if (value[u] == value[v])
				from = ret_found[u] == UINT32_MAX ? count : ret_found[u] + 1;
		}
		from = search(x, from, count, value[v]);
		ret_found[v] = from < count ? from : UINT32_MAX;
	}
}

static void store8(const struct trn_view *view, uint32_t row, const uint32_t *found)
{
	uint8_t packed[TOP_COUNT * 4];

	for (uint32_t v = 0; v < TOP_COUNT; v++)
		memcpy(packed + v * view->esize, &found[v], view->esize);
	trn_row_scatter(view, row, 0, TOP_COUNT, packed);
}

int trn_exec_find8(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	float *x = core->scratch->a, *value = core->scratch->b;
	uint32_t found[TOP_COUNT];

	(void)error;
	for (uint32_t p = 0; p < src->partitions; p++) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC1], p, 1, value);
		trn_rows_load(core, src, p, 1, x);
		search8(x, src->count, value, false, found);
		store8(&inst->view[TRN_AP_DST], p, found);
	}
	return 0;
}

int trn_exec_match_replace8(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	float *x = core->scratch->a, *value = core->scratch->b;
	uint32_t found[TOP_COUNT];
	float other;

	(void)error;
	memcpy(&other, &inst->imm[0], sizeof(other));
	for (uint32_t p = 0; p < src->partitions; p++) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC1], p, 1, value);
		trn_rows_load(core, src, p, 1, x);
		search8(x, src->count, value, true, found);
		for (uint32_t v = 0; v < TOP_COUNT; v++) {
			if (found[v] != UINT32_MAX)
				x[found[v]] = other;
		}
		trn_rows_store(core, &inst->view[TRN_AP_DST], p, 1, x);
		if (inst->live & TRN_SLOT(DST2))
			store8(&inst->view[TRN_AP_DST2], p, found);
	}
	return 0;
}
