/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of elementwise instructions, reductions and selects. Named by the table in ops.c,
 * called when the operands have been resolved. */
#include "model/core.h"

static bool is_int(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32;
}

static bool has(const struct trn_inst *inst, uint32_t slot)
{
	return (inst->live >> slot & 1) != 0;
}

static int refuse(struct trn_core_error *error, uint32_t operand, enum trn_ext_rule rule)
{
	return trn_inst_refuse(error, operand, rule);
}

static int same_shape(const struct trn_inst *inst, uint32_t slot, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *view = &inst->view[slot];

	return view->partitions == dst->partitions && view->count == dst->count ?
		       0 :
		       refuse(error, slot, TRN_RULE_SHAPE);
}

int trn_check_same_shape(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	return same_shape(inst, TRN_AP_SRC0, error);
}

/* One element per partition, as many partitions as the data. */
static int column_ok(const struct trn_inst *inst, uint32_t slot, bool bits,
		     struct trn_core_error *error)
{
	const struct trn_view *view = &inst->view[slot];
	const bool dtype_ok = bits ? view->dtype == TRN_DTYPE_U32 || view->dtype == TRN_DTYPE_S32 :
				     view->dtype == TRN_DTYPE_F32;

	if (!dtype_ok)
		return refuse(error, slot, TRN_RULE_DTYPE);
	if (view->count != 1 || view->partitions != inst->view[TRN_AP_SRC0].partitions)
		return refuse(error, slot, TRN_RULE_SHAPE);
	return 0;
}

/* Operand a or b: the flag says where it is, and only there may be something. */
static int scalar_ok(const struct trn_inst *inst, uint32_t which, bool bits,
		     struct trn_core_error *error)
{
	const uint32_t slot = which == 0 ? TRN_AP_SRC1 : TRN_AP_SRC2;
	const bool column = inst->head.flags & (TRN_SCALAR_COLUMN0 << which);

	if (column && inst->imm[which] != 0)
		return refuse(error, slot, TRN_RULE_RESERVED);
	if (column != has(inst, slot))
		return refuse(error, slot, column ? TRN_RULE_SPACE : TRN_RULE_RESERVED);
	return column ? column_ok(inst, slot, bits, error) : 0;
}

/* The same of an operator that may be BYPASS: what it leaves out must still be 0. */
static int operand_ok(const struct trn_inst *inst, uint32_t which, bool bits,
		      struct trn_core_error *error)
{
	const uint32_t op = which == 0 ? inst->op0 : inst->op1;
	const bool reverse = inst->head.flags & (TRN_SCALAR_REVERSE0 << which);

	if (op == TRN_ALU_BYPASS && !reverse && inst->imm[which] != 0)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	return scalar_ok(inst, which, bits, error);
}

/* Operators an engine and a generation have. */
static bool operator_ok(const struct trn_core *core, uint32_t engine, uint32_t op)
{
	const bool extra = op == TRN_ALU_ABS_MAX || op == TRN_ALU_ABS_MIN || op == TRN_ALU_SQUARE ||
			   op == TRN_ALU_RELU;

	if (trn_alu_group(op) == TRN_ALU_GROUP_NONE)
		return false;
	if (extra && !(core->chip->gen->features & TRN_FEATURE_ALU_EXTRA))
		return false;
	if (trn_alu_group(op) == TRN_ALU_GROUP_BIT && engine != TRN_ENGINE_VECTOR)
		return false;
	return (op != TRN_ALU_POW && op != TRN_ALU_RSQRT) || engine == TRN_ENGINE_GPSIMD;
}

static bool arithmetic(const struct trn_core *core, const struct trn_inst *inst, uint32_t op)
{
	return trn_alu_group(op) == TRN_ALU_GROUP_ARITH && operator_ok(core, inst->engine, op);
}

static int ints_only(const struct trn_inst *inst, uint32_t slot, struct trn_core_error *error)
{
	return is_int(inst->view[slot].dtype) ? 0 : refuse(error, slot, TRN_RULE_DTYPE);
}

static int not_both_psum(const struct trn_inst *inst, uint32_t a, uint32_t b,
			 struct trn_core_error *error)
{
	return inst->view[a].space == TRN_SPACE_PSUM && inst->view[b].space == TRN_SPACE_PSUM ?
		       refuse(error, b, TRN_RULE_SPACE) :
		       0;
}

int trn_check_tensor_tensor(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	const enum trn_alu_group group = trn_alu_group(inst->op0);

	if (!operator_ok(core, inst->engine, inst->op0) || group == TRN_ALU_GROUP_UNARY)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	for (uint32_t s = TRN_AP_SRC0; s <= TRN_AP_SRC1; s++) {
		if (same_shape(inst, s, error) < 0)
			return -1;
		if (group == TRN_ALU_GROUP_BIT && ints_only(inst, s, error) < 0)
			return -1;
	}
	if (not_both_psum(inst, TRN_AP_SRC0, TRN_AP_SRC1, error) < 0)
		return -1;
	return group == TRN_ALU_GROUP_BIT ? ints_only(inst, TRN_AP_DST, error) : 0;
}

/* The scalar engine's one multiply-add. */
static bool scalar_engine_pair(uint32_t op0, uint32_t op1)
{
	return (op0 == TRN_ALU_MUL && (op1 == TRN_ALU_ADD || op1 == TRN_ALU_BYPASS)) ||
	       (op0 == TRN_ALU_ADD && op1 == TRN_ALU_BYPASS);
}

int trn_check_tensor_scalar(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	const bool bits = trn_alu_group(inst->op0) == TRN_ALU_GROUP_BIT ||
			  trn_alu_group(inst->op1) == TRN_ALU_GROUP_BIT;
	const uint32_t op[2] = { inst->op0, inst->op1 };

	for (uint32_t i = 0; i < 2; i++) {
		const enum trn_alu_group group = trn_alu_group(op[i]);

		if (!operator_ok(core, inst->engine, op[i]))
			return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
		if (bits && group != TRN_ALU_GROUP_BIT && group != TRN_ALU_GROUP_BYPASS)
			return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
		if (operand_ok(inst, i, bits, error) < 0)
			return -1;
	}
	if (inst->engine == TRN_ENGINE_SCALAR && !scalar_engine_pair(inst->op0, inst->op1))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	if (!bits)
		return 0;
	if (ints_only(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	return ints_only(inst, TRN_AP_DST, error);
}

static bool reduce_operator(uint32_t op)
{
	return (op >= TRN_ALU_ADD && op <= TRN_ALU_MIN) ||
	       (op >= TRN_ALU_LAND && op <= TRN_ALU_LXOR) ||
	       (op >= TRN_ALU_AND && op <= TRN_ALU_XOR);
}

int trn_check_reduce(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const bool bits = trn_alu_group(inst->func) == TRN_ALU_GROUP_BIT;
	uint32_t kept = 1;

	(void)core;
	if (!reduce_operator(inst->func) || (bits && (inst->head.flags & TRN_REDUCE_NEGATE)))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (inst->imm[0] < 1 || inst->imm[0] > src->rank)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	for (uint32_t d = 0; d < src->rank - inst->imm[0]; d++)
		kept *= src->shape[d];
	if (dst->partitions != src->partitions || dst->count != kept)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	if (!bits)
		return 0;
	if (ints_only(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	return ints_only(inst, TRN_AP_DST, error);
}

/* Accumulator command and the column it may be read out to. loads: imm[1] may be what the
 * accumulator starts from. */
static int accumulate_ok(const struct trn_inst *inst, bool loads, struct trn_core_error *error)
{
	const struct trn_view *out = &inst->view[TRN_AP_DST2];

	if (inst->mode > (loads ? TRN_REDUCE_LOAD_REDUCE : TRN_REDUCE_RESET_REDUCE))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (loads && inst->mode != TRN_REDUCE_LOAD_REDUCE && inst->imm[1] != 0)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (!has(inst, TRN_AP_DST2))
		return 0;
	if (inst->mode < TRN_REDUCE_ACCUMULATE)
		return refuse(error, TRN_AP_DST2, TRN_RULE_RESERVED);
	if (out->count != 1 || out->partitions != inst->view[TRN_AP_DST].partitions)
		return refuse(error, TRN_AP_DST2, TRN_RULE_SHAPE);
	return 0;
}

/* The function, and the immediate that only PRELU has. */
static int function_ok(const struct trn_inst *inst, uint32_t slope, struct trn_core_error *error)
{
	if (inst->func >= TRN_ACT_COUNT)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (inst->imm[slope] != 0 && inst->func != TRN_ACT_PRELU)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	return 0;
}

int trn_check_activation(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (function_ok(inst, 2, error) < 0 || same_shape(inst, TRN_AP_SRC0, error) < 0 ||
	    scalar_ok(inst, 0, false, error) < 0 || scalar_ok(inst, 1, false, error) < 0)
		return -1;
	return accumulate_ok(inst, false, error);
}

int trn_check_exponential(struct trn_core *core, struct trn_inst *inst,
			  struct trn_core_error *error)
{
	(void)core;
	if (same_shape(inst, TRN_AP_SRC0, error) < 0 || scalar_ok(inst, 0, false, error) < 0)
		return -1;
	return accumulate_ok(inst, true, error);
}

/* Operators between SRC0 and its operands, and which of the two operands goes unused. */
static bool activate2_pair(uint32_t op0, uint32_t op1)
{
	if (op0 == TRN_ALU_MUL && (op1 == TRN_ALU_ADD || op1 == TRN_ALU_SUB))
		return true;
	return op1 == TRN_ALU_BYPASS && op0 <= TRN_ALU_MUL;
}

int trn_check_activate2(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const uint32_t join = inst->imm[2];
	const bool joins = join == TRN_ALU_ADD || join == TRN_ALU_MAX || join == TRN_ALU_MIN ||
			   join == TRN_ALU_ABS_MAX || join == TRN_ALU_ABS_MIN;

	(void)core;
	if (!activate2_pair(inst->op0, inst->op1))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (inst->mode == TRN_REDUCE_IDLE && join != 0)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (inst->mode != TRN_REDUCE_IDLE && !joins)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (function_ok(inst, 3, error) < 0 || same_shape(inst, TRN_AP_SRC0, error) < 0 ||
	    operand_ok(inst, 0, false, error) < 0 || operand_ok(inst, 1, false, error) < 0)
		return -1;
	return accumulate_ok(inst, false, error);
}

int trn_check_scalar_reduce(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	if (!arithmetic(core, inst, inst->op0) || inst->func < TRN_ALU_ADD ||
	    inst->func > TRN_ALU_MIN || inst->func == TRN_ALU_SUB)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0 || scalar_ok(inst, 0, false, error) < 0)
		return -1;
	return accumulate_ok(inst, true, error);
}

/* Formats that the vector engine selects among: a 32-bit integer is none. */
static int selectable(const struct trn_inst *inst, uint32_t slot, struct trn_core_error *error)
{
	const uint32_t dtype = inst->view[slot].dtype;

	return dtype != TRN_DTYPE_U32 && dtype != TRN_DTYPE_S32 ?
		       0 :
		       refuse(error, slot, TRN_RULE_DTYPE);
}

/* The other of the two tensors: of the same shape, a column, or an immediate. */
static int other_ok(const struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *other = &inst->view[TRN_AP_SRC2];

	if (!has(inst, TRN_AP_SRC2))
		return 0;
	if (inst->imm[0] != 0)
		return refuse(error, TRN_AP_SRC2, TRN_RULE_RESERVED);
	if (other->count != inst->view[TRN_AP_SRC0].count && other->count == 1) {
		if (is_int(other->dtype))
			return refuse(error, TRN_AP_SRC2, TRN_RULE_DTYPE);
		return other->partitions == inst->view[TRN_AP_SRC0].partitions ?
			       0 :
			       refuse(error, TRN_AP_SRC2, TRN_RULE_SHAPE);
	}
	if (same_shape(inst, TRN_AP_SRC2, error) < 0)
		return -1;
	return selectable(inst, TRN_AP_SRC2, error);
}

int trn_check_select_reduce(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	const uint32_t predicate = inst->view[TRN_AP_SRC1].dtype;

	(void)core;
	if (predicate > TRN_DTYPE_S16)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_DTYPE);
	for (uint32_t s = TRN_AP_DST; s <= TRN_AP_SRC1; s++) {
		if (same_shape(inst, s, error) < 0 || selectable(inst, s, error) < 0)
			return -1;
	}
	if (other_ok(inst, error) < 0)
		return -1;
	return accumulate_ok(inst, true, error);
}

int trn_check_scalar_tensor_tensor(struct trn_core *core, struct trn_inst *inst,
				   struct trn_core_error *error)
{
	const uint32_t op[2] = { inst->op0, inst->op1 };

	for (uint32_t i = 0; i < 2; i++) {
		if (op[i] != TRN_ALU_BYPASS && !arithmetic(core, inst, op[i]))
			return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	}
	if (same_shape(inst, TRN_AP_SRC0, error) < 0 || same_shape(inst, TRN_AP_SRC2, error) < 0 ||
	    operand_ok(inst, 0, false, error) < 0)
		return -1;
	return not_both_psum(inst, TRN_AP_SRC0, TRN_AP_SRC2, error);
}

int trn_check_tensor_scan(struct trn_core *core, struct trn_inst *inst,
			  struct trn_core_error *error)
{
	if (!arithmetic(core, inst, inst->op0) || !arithmetic(core, inst, inst->op1))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0 || same_shape(inst, TRN_AP_SRC1, error) < 0 ||
	    scalar_ok(inst, 1, false, error) < 0)
		return -1;
	return not_both_psum(inst, TRN_AP_SRC0, TRN_AP_SRC1, error);
}

int trn_check_cumulative(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	if ((inst->op0 != TRN_ALU_BYPASS && !arithmetic(core, inst, inst->op0)) ||
	    inst->op1 < TRN_ALU_ADD || inst->op1 > TRN_ALU_MIN ||
	    inst->mode < TRN_REDUCE_ACCUMULATE)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	for (uint32_t s = TRN_AP_DST; s <= TRN_AP_SRC0; s++) {
		if (same_shape(inst, s, error) < 0 || selectable(inst, s, error) < 0)
			return -1;
	}
	if (operand_ok(inst, 0, false, error) < 0)
		return -1;
	return accumulate_ok(inst, true, error);
}

/* Steps of loops that are not there must be 0. */
static int steps_ok(const struct trn_inst *inst, const uint32_t *step, uint32_t room,
		    struct trn_core_error *error)
{
	const uint32_t rank = inst->view[TRN_AP_DST].rank;

	if (rank > room)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	for (uint32_t d = rank; d < room; d++) {
		if (step[d] != 0)
			return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	}
	return 0;
}

int trn_check_iota(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	return steps_ok(inst, &inst->imm[2], 4, error);
}

int trn_check_affine(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (inst->op0 < TRN_ALU_EQ || inst->op0 > TRN_ALU_LT)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	return steps_ok(inst, &inst->imm[3], 3, error);
}

int trn_check_range_select(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const uint32_t op[2] = { inst->op0, inst->op1 };

	(void)core;
	for (uint32_t i = 0; i < 2; i++) {
		if (op[i] < TRN_ALU_EQ || op[i] > TRN_ALU_LT || op[i] == TRN_ALU_NE)
			return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
		if (scalar_ok(inst, i, false, error) < 0)
			return -1;
	}
	if (same_shape(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	return accumulate_ok(inst, false, error);
}

#define TOP_COUNT 8u
#define TOP_MAX 16384u

static int top_source(const struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const struct trn_view *dst = &inst->view[TRN_AP_DST];

	if (src->count < TOP_COUNT || src->count > TOP_MAX)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (dst->count != TOP_COUNT || dst->partitions != src->partitions)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return 0;
}

int trn_check_max8(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (inst->view[TRN_AP_SRC0].rank > 3)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	return top_source(inst, error);
}

int trn_check_find8(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const uint32_t dtype = inst->view[TRN_AP_DST].dtype;

	(void)core;
	if (dtype != TRN_DTYPE_U16 && dtype != TRN_DTYPE_U32)
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (top_source(inst, error) < 0)
		return -1;
	return same_shape(inst, TRN_AP_SRC1, error);
}

int trn_check_match8(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const struct trn_view *value = &inst->view[TRN_AP_SRC1];
	const struct trn_view *found = &inst->view[TRN_AP_DST2];

	(void)core;
	if (src->count < TOP_COUNT || src->count > TOP_MAX)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	if (value->count != TOP_COUNT || value->partitions != src->partitions)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_SHAPE);
	if (!has(inst, TRN_AP_DST2))
		return 0;
	if (found->dtype != TRN_DTYPE_U16 && found->dtype != TRN_DTYPE_U32)
		return refuse(error, TRN_AP_DST2, TRN_RULE_DTYPE);
	return found->count == TOP_COUNT && found->partitions == src->partitions ?
		       0 :
		       refuse(error, TRN_AP_DST2, TRN_RULE_SHAPE);
}

int trn_check_copy_predicated(struct trn_core *core, struct trn_inst *inst,
			      struct trn_core_error *error)
{
	(void)core;
	inst->keeps = true;
	if (same_shape(inst, TRN_AP_SRC1, error) < 0 || ints_only(inst, TRN_AP_SRC1, error) < 0)
		return -1;
	if (!has(inst, TRN_AP_SRC0))
		return 0;
	if (inst->imm[0] != 0)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	if (inst->view[TRN_AP_SRC0].dtype != inst->view[TRN_AP_DST].dtype)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	return not_both_psum(inst, TRN_AP_SRC0, TRN_AP_SRC1, error);
}

int trn_check_stream_shuffle(struct trn_core *core, struct trn_inst *inst,
			     struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];

	(void)core;
	if (dst->partitions % TRN_QUADRANT != 0)
		return refuse(error, TRN_AP_DST, TRN_RULE_PARTITION);
	if (same_shape(inst, TRN_AP_SRC0, error) < 0)
		return -1;
	if (inst->view[TRN_AP_SRC0].dtype != dst->dtype)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	for (uint32_t p = 0; p < TRN_QUADRANT; p++) {
		const uint32_t from = trn_shuffle_from(inst, p);

		if (from >= TRN_QUADRANT && from != TRN_SHUFFLE_KEEP)
			return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
		inst->keeps = inst->keeps || from == TRN_SHUFFLE_KEEP;
	}
	return 0;
}

/* So many results for each row, in a float format. */
static int results_ok(const struct trn_inst *inst, uint32_t count, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];

	if (is_int(dst->dtype))
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	return dst->count == count && dst->partitions == inst->view[TRN_AP_SRC0].partitions ?
		       0 :
		       refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
}

#define BN_STATS_MAX 512u

int trn_check_bn_stats(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (inst->view[TRN_AP_SRC0].count > BN_STATS_MAX)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	return results_ok(inst, 6, error);
}

int trn_check_bn_aggr(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (inst->view[TRN_AP_SRC0].count % 3 != 0)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	return results_ok(inst, 2, error);
}
