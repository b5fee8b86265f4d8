/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of elementwise instructions and reductions. Each works on blocks of
 * partitions: all sources of a block are read before anything of it is written. */
#include "model/core.h"

#include "model/act.h"

static bool is_int32(const struct trn_view *view)
{
	return view->dtype == TRN_DTYPE_S32 || view->dtype == TRN_DTYPE_U32;
}

int trn_exec_copy(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, src)) {
		if (dst->dtype == src->dtype) {
			trn_rows_gather(src, block.first, block.rows, core->scratch->raw);
			trn_rows_scatter(dst, block.first, block.rows, core->scratch->raw);
		} else {
			trn_rows_load(core, src, block.first, block.rows, core->scratch->a);
			trn_rows_store(core, dst, block.first, block.rows, core->scratch->a);
		}
	}
	return 0;
}

void trn_constant_row(const struct trn_inst *inst, void *row, size_t count)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const size_t size = count * dst->esize;
	uint8_t *bytes = row;
	uint8_t pattern[4] = { 0 }; /* the constant of the MX formats */

	if (dst->dtype >= TRN_DTYPE_F32) {
		float value;

		memcpy(&value, &inst->imm[0], sizeof(value));
		trn_store_f32(pattern, dst->dtype, value);
	} else {
		memcpy(pattern, &inst->imm[0], sizeof(pattern));
	}
	memcpy(bytes, pattern, dst->esize);
	for (size_t done = dst->esize; done < size; done *= 2)
		memcpy(bytes + done, bytes, done < size - done ? done : size - done);
}

int trn_exec_memset(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];

	(void)error;
	trn_constant_row(inst, core->scratch->raw, dst->count);
	for (uint32_t p = 0; p < dst->partitions; p++)
		trn_row_scatter(dst, p, 0, dst->count, core->scratch->raw);
	return 0;
}

/* ---- integers ---- */

static bool exact_operator(uint32_t op)
{
	return op <= TRN_ALU_LXOR;
}

/* Bits on the vector engine, exact 32-bit integers on gpsimd. */
static void tensor_tensor_bits(struct trn_core *core, const struct trn_inst *inst,
			       const struct trn_block *block)
{
	const struct trn_view *a = &inst->view[TRN_AP_SRC0];
	const struct trn_view *b = &inst->view[TRN_AP_SRC1];
	const bool is_unsigned = a->dtype == TRN_DTYPE_U32 && b->dtype == TRN_DTYPE_U32;
	uint32_t *x = trn_words(core->scratch->a), *y = trn_words(core->scratch->b);

	trn_rows_load_words(core, a, block->first, block->rows, x);
	trn_rows_load_words(core, b, block->first, block->rows, y);
	trn_word_rows(inst->op0, is_unsigned, x, x, y, block->count);
	trn_rows_store_words(core, &inst->view[TRN_AP_DST], block->first, block->rows, x);
}

int trn_exec_tensor_tensor(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *a = &inst->view[TRN_AP_SRC0];
	const struct trn_view *b = &inst->view[TRN_AP_SRC1];
	const bool integers = inst->engine == TRN_ENGINE_GPSIMD && is_int32(a) && is_int32(b) &&
			      is_int32(dst) && exact_operator(inst->op0);
	struct trn_scratch *scratch = core->scratch;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		if (integers || trn_alu_group(inst->op0) == TRN_ALU_GROUP_BIT) {
			tensor_tensor_bits(core, inst, &block);
			continue;
		}
		trn_rows_load(core, a, block.first, block.rows, scratch->a);
		trn_rows_load(core, b, block.first, block.rows, scratch->b);
		trn_alu_rows(inst->op0, scratch->a, scratch->a, scratch->b, block.count);
		trn_rows_store(core, dst, block.first, block.rows, scratch->a);
	}
	return 0;
}

/* ---- one operand per partition ---- */

float trn_operand_row(const struct trn_inst *inst, uint32_t which, uint32_t row)
{
	const uint32_t slot = which == 0 ? TRN_AP_SRC1 : TRN_AP_SRC2;
	float value;

	if (inst->live >> slot & 1)
		trn_row_gather(&inst->view[slot], row, 0, 1, &value);
	else
		memcpy(&value, &inst->imm[which], sizeof(value));
	return value;
}

const float *trn_operand_load(struct trn_core *core, const struct trn_inst *inst, uint32_t which)
{
	float *column = core->scratch->column[which];
	const uint32_t slot = which == 0 ? TRN_AP_SRC1 : TRN_AP_SRC2;

	if (inst->live >> slot & 1) {
		trn_rows_gather(&inst->view[slot], 0, inst->view[slot].partitions, column);
		return column;
	}
	for (uint32_t p = 0; p < inst->view[TRN_AP_DST].partitions; p++)
		memcpy(&column[p], &inst->imm[which], sizeof(column[p]));
	return column;
}

static void tensor_scalar_bits(struct trn_core *core, const struct trn_inst *inst,
			       const struct trn_block *block, const float *const operand[2])
{
	const uint32_t width = inst->view[TRN_AP_DST].count;
	uint32_t *x = trn_words(core->scratch->a);

	trn_rows_load_words(core, &inst->view[TRN_AP_SRC0], block->first, block->rows, x);
	for (uint32_t which = 0; which < 2; which++) {
		const uint32_t op = which == 0 ? inst->op0 : inst->op1;
		const bool reverse = inst->head.flags & (TRN_SCALAR_REVERSE0 << which);

		for (uint32_t r = 0; r < block->rows; r++) {
			uint32_t *row = x + (size_t)r * width;
			uint32_t b;

			memcpy(&b, &operand[which][block->first + r], sizeof(b));
			trn_word_scalar(op, row, row, b, reverse, width);
		}
	}
	trn_rows_store_words(core, &inst->view[TRN_AP_DST], block->first, block->rows, x);
}

void trn_operand_apply(const struct trn_inst *inst, uint32_t which, const float *operand,
		       const struct trn_block *block, uint32_t width, float *x)
{
	const uint32_t op = which == 0 ? inst->op0 : inst->op1;
	const bool reverse = inst->head.flags & (TRN_SCALAR_REVERSE0 << which);

	if (op == TRN_ALU_BYPASS && !reverse)
		return;
	for (uint32_t r = 0; r < block->rows; r++) {
		float *row = x + (size_t)r * width;

		trn_alu_scalar(op, row, row, operand[block->first + r], reverse, width);
	}
}

int trn_exec_tensor_scalar(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const float *operand[2] = { trn_operand_load(core, inst, 0),
				    trn_operand_load(core, inst, 1) };
	const bool bits = trn_alu_group(inst->op0) == TRN_ALU_GROUP_BIT ||
			  trn_alu_group(inst->op1) == TRN_ALU_GROUP_BIT;
	float *x = core->scratch->a;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		if (bits) {
			tensor_scalar_bits(core, inst, &block, operand);
			continue;
		}
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		for (uint32_t which = 0; which < 2; which++)
			trn_operand_apply(inst, which, operand[which], &block, dst->count, x);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	return 0;
}

/* ---- reductions ---- */

int trn_exec_reduce(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const uint32_t width = src->count / dst->count;
	const bool bits = trn_alu_group(inst->func) == TRN_ALU_GROUP_BIT;
	const bool negate = inst->head.flags & TRN_REDUCE_NEGATE;
	float *x = core->scratch->a, *y = core->scratch->b;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, src)) {
		const size_t out = (size_t)block.rows * dst->count;

		if (bits) {
			trn_rows_load_words(core, src, block.first, block.rows, trn_words(x));
			for (size_t i = 0; i < out; i++)
				trn_words(y)[i] = trn_word_reduce(inst->func,
								  trn_words(x) + i * width, width);
			trn_rows_store_words(core, dst, block.first, block.rows, trn_words(y));
			continue;
		}
		trn_rows_load(core, src, block.first, block.rows, x);
		for (size_t i = 0; i < out; i++) {
			const float sum = trn_alu_reduce(inst->func, x + i * width, width);

			y[i] = negate ? -sum : sum;
		}
		trn_rows_store(core, dst, block.first, block.rows, y);
	}
	return 0;
}

/* ---- activation ---- */

static float accumulate(const struct trn_inst *inst, uint32_t op, float empty, float lane,
			const float *row, uint32_t count)
{
	float sum;

	if (inst->mode == TRN_REDUCE_RESET)
		return empty;
	if (inst->mode == TRN_REDUCE_IDLE) /* clobbers it on the vector engine */
		return inst->engine == TRN_ENGINE_VECTOR ? __builtin_nanf("") : lane;
	sum = trn_alu_reduce(op, row, count);
	if (inst->mode == TRN_REDUCE_RESET_REDUCE)
		return sum;
	if (inst->mode == TRN_REDUCE_LOAD_REDUCE)
		memcpy(&lane, &inst->imm[1], sizeof(lane));
	trn_alu_rows(op, &lane, &lane, &sum, 1);
	return lane;
}

float trn_accumulator_empty(uint32_t op)
{
	switch (op) {
	case TRN_ALU_MUL:
		return 1.0f;
	case TRN_ALU_MAX:
		return TRN_F32_LOWEST;
	case TRN_ALU_MIN:
	case TRN_ALU_ABS_MIN:
		return -TRN_F32_LOWEST;
	default: /* ADD, SUB, ABS_MAX */
		return 0.0f;
	}
}

void trn_accumulate(const struct trn_inst *inst, uint32_t op, float *lanes,
		    const struct trn_block *block, uint32_t width, const float *x)
{
	const float empty = trn_accumulator_empty(op);

	for (uint32_t r = 0; r < block->rows; r++) {
		float *lane = &lanes[block->first + r];

		*lane = accumulate(inst, op, empty, *lane, x + (size_t)r * width, width);
	}
}

void trn_accumulator_read(struct trn_core *core, const struct trn_inst *inst, const float *lanes)
{
	const struct trn_view *out = &inst->view[TRN_AP_DST2];

	if (inst->live & TRN_SLOT(DST2))
		trn_rows_store(core, out, 0, out->partitions, lanes);
}

/* The engine's polynomials hold in a range; past it their results are told, not changed.
 * True when the instruction has been told about. */
static bool told_range(struct trn_core *core, const struct trn_inst *inst, const float *x,
		       size_t count)
{
	/* A function whose range has no end has no range. */
	if (trn_act_in_range(inst->func, __builtin_inff()))
		return true;
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;

		if (trn_act_in_range(inst->func, x[i]))
			continue;
		memcpy(&bits, &x[i], sizeof(bits));
		trn_model_event(core->chip, TRN_EV_VIOLATION, "act-range", inst->pc, bits,
				core->index, inst->engine);
		return true;
	}
	return false;
}

int trn_exec_activation(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *lanes = core->acc_scalar + inst->view[TRN_AP_SRC0].start;
	const float *scale = trn_operand_load(core, inst, 0);
	const float *bias = trn_operand_load(core, inst, 1);
	float *x = core->scratch->a;
	struct trn_block block = { 0 };
	bool told = false;
	float slope;

	(void)error;
	memcpy(&slope, &inst->imm[2], sizeof(slope));
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		for (uint32_t r = 0; r < block.rows; r++) {
			float *row = x + (size_t)r * dst->count;
			const float s = scale[block.first + r], b = bias[block.first + r];

			for (uint32_t i = 0; i < dst->count; i++)
				row[i] = row[i] * s + b;
		}
		told = told || told_range(core, inst, x, block.count);
		trn_act_row(inst->func, slope, x, x, block.count);
		trn_accumulate(inst, TRN_ALU_ADD, lanes, &block, dst->count, x);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	trn_accumulator_read(core, inst, lanes);
	return 0;
}

int trn_exec_exponential(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *lanes = core->acc_vector + inst->view[TRN_AP_SRC0].start;
	const float *top = trn_operand_load(core, inst, 0);
	float *x = core->scratch->a;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		for (uint32_t r = 0; r < block.rows; r++) {
			float *row = x + (size_t)r * dst->count;

			trn_alu_scalar(TRN_ALU_SUB, row, row, top[block.first + r], false,
				       dst->count);
		}
		trn_act_row(TRN_ACT_EXP, 0.0f, x, x, block.count);
		trn_accumulate(inst, TRN_ALU_ADD, lanes, &block, dst->count, x);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	trn_accumulator_read(core, inst, lanes);
	return 0;
}

int trn_exec_activate2(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const float *operand[2] = { trn_operand_load(core, inst, 0),
				    trn_operand_load(core, inst, 1) };
	float *lanes = core->acc_scalar + inst->view[TRN_AP_SRC0].start;
	float *x = core->scratch->a;
	struct trn_block block = { 0 };
	bool told = false;
	float slope;

	(void)error;
	memcpy(&slope, &inst->imm[3], sizeof(slope));
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		for (uint32_t which = 0; which < 2; which++)
			trn_operand_apply(inst, which, operand[which], &block, dst->count, x);
		told = told || told_range(core, inst, x, block.count);
		trn_act_row(inst->func, slope, x, x, block.count);
		trn_accumulate(inst, inst->imm[2], lanes, &block, dst->count, x);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	trn_accumulator_read(core, inst, lanes);
	return 0;
}

int trn_exec_scalar_reduce(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *lanes = core->acc_vector + inst->view[TRN_AP_SRC0].start;
	const float *operand = trn_operand_load(core, inst, 0);
	float *x = core->scratch->a;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		trn_operand_apply(inst, 0, operand, &block, dst->count, x);
		trn_accumulate(inst, inst->func, lanes, &block, dst->count, x);
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	if (inst->head.flags & TRN_REDUCE_NEGATE) {
		/* What is shown, not what stays. */
		trn_alu_scalar(TRN_ALU_MUL, x, lanes, -1.0f, false, dst->partitions);
		lanes = x;
	}
	trn_accumulator_read(core, inst, lanes);
	return 0;
}

int trn_exec_reciprocal(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *x = core->scratch->a;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, dst)) {
		trn_rows_load(core, &inst->view[TRN_AP_SRC0], block.first, block.rows, x);
		for (size_t i = 0; i < block.count; i++)
			x[i] = 1.0f / x[i];
		trn_rows_store(core, dst, block.first, block.rows, x);
	}
	return 0;
}
