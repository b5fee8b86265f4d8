/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of single instructions: shapes, dtypes and operators that belong together.
 * Named by the table in ops.c, called when the operands have been resolved. Here those of
 * sequencer and DMA; the others are in check_tensor.c and check_vector.c. */
#include "model/core.h"

#define FLIP_ROWS 16u /* a gathered transpose takes a multiple of them */

static int refuse(struct trn_core_error *error, uint32_t operand, enum trn_ext_rule rule)
{
	return trn_inst_refuse(error, operand, rule);
}

static int register_ok(uint32_t index, struct trn_core_error *error)
{
	return index < TRN_ISA_REGISTERS ? 0 : refuse(error, TRN_OPERAND_NONE, TRN_RULE_REGISTER);
}

/* The second operand of a register instruction: rb (or ra) unless the flag says
 * immediate; the one that is not used must be 0. */
static int second_ok(const struct trn_inst *inst, uint32_t reg, uint32_t imm,
		     struct trn_core_error *error)
{
	const bool immediate = inst->head.flags & TRN_REG_IMM;

	if (immediate ? reg != 0 : inst->imm[imm] != 0)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	return immediate ? 0 : register_ok(reg, error);
}

int trn_check_branch(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const uint32_t words = core->engine[inst->engine].words;
	const bool compare = inst->mode >= TRN_ALU_EQ && inst->mode <= TRN_ALU_LT;

	if (inst->mode != TRN_ALU_BYPASS && !compare)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (register_ok(inst->op1, error) < 0 || second_ok(inst, inst->func, 0, error) < 0)
		return -1;
	return inst->imm[1] < words ? 0 : refuse(error, TRN_OPERAND_NONE, TRN_RULE_BRANCH);
}

int trn_check_move(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (register_ok(inst->op0, error) < 0)
		return -1;
	return second_ok(inst, inst->op1, 0, error);
}

int trn_check_reg_alu(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const enum trn_alu_group group = trn_alu_group(inst->mode);

	(void)core;
	if (group == TRN_ALU_GROUP_NONE ||
	    (inst->mode >= TRN_ALU_POW && inst->mode <= TRN_ALU_ABS_MIN) ||
	    (group == TRN_ALU_GROUP_UNARY && inst->mode != TRN_ALU_ABS))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (register_ok(inst->op0, error) < 0 || register_ok(inst->op1, error) < 0)
		return -1;
	return second_ok(inst, inst->func, 0, error);
}

static int dram_range(const struct trn_side *side, uint32_t operand, struct trn_core_error *error)
{
	if (side->space != TRN_SPACE_DRAM)
		return 0;
	if ((int64_t)side->offset + side->lo < 0 ||
	    (int64_t)side->offset + side->hi > (int64_t)side->arg_bytes) {
		error->address = side->arg + side->offset;
		return refuse(error, operand, TRN_RULE_RANGE);
	}
	return 0;
}

static int one_element(const struct trn_inst *inst, const struct trn_side *side, uint32_t operand,
		       struct trn_core_error *error)
{
	if (register_ok(inst->op0, error) < 0)
		return -1;
	if (side->count != 1)
		return refuse(error, operand, TRN_RULE_SHAPE);
	return dram_range(side, operand, error);
}

int trn_check_reg_load(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	return one_element(inst, &inst->src, TRN_AP_SRC0, error);
}

int trn_check_reg_store(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	return one_element(inst, &inst->dst, TRN_AP_DST, error);
}

int trn_check_reg_arg(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	if (register_ok(inst->op0, error) < 0)
		return -1;
	if (inst->imm[0] >= core->arg_count || inst->imm[1] > TRN_REG_PART_SIZE_HI)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_ARGUMENT);
	return 0;
}

int trn_check_notify(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	return second_ok(inst, inst->func, 1, error);
}

/* Row numbers: one column of 32-bit integers, one row of the indexed side each. */
static int gather_ok(const struct trn_inst *inst, struct trn_core_error *error)
{
	const bool gather = inst->head.flags & TRN_DMA_GATHER;
	const struct trn_side *side = gather ? &inst->src : &inst->dst;
	const struct trn_view *index = &inst->view[TRN_AP_SRC1];
	const uint32_t operand = gather ? TRN_AP_SRC0 : TRN_AP_DST;

	if (side->space != TRN_SPACE_DRAM)
		return refuse(error, operand, TRN_RULE_SPACE);
	if (index->dtype != TRN_DTYPE_U32 && index->dtype != TRN_DTYPE_S32)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_DTYPE);
	if (index->count != 1 || index->partitions != side->num[0])
		return refuse(error, TRN_AP_SRC1, TRN_RULE_SHAPE);
	return 0;
}

/* Where a DMA may lie: the rows of an index are looked at when it ends. */
static int dma_place(const struct trn_inst *inst, struct trn_core_error *error)
{
	const uint32_t indexed = inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);
	const bool skip = inst->head.flags & TRN_DMA_OOB_SKIP;

	if (indexed == (TRN_DMA_GATHER | TRN_DMA_SCATTER))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (indexed && gather_ok(inst, error) < 0)
		return -1;
	if (indexed != TRN_DMA_SCATTER && !skip && dram_range(&inst->dst, TRN_AP_DST, error) < 0)
		return -1;
	if (indexed != TRN_DMA_GATHER && !skip && dram_range(&inst->src, TRN_AP_SRC0, error) < 0)
		return -1;
	return 0;
}

int trn_check_dma_copy(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (inst->dst.count != inst->src.count)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return dma_place(inst, error);
}

int trn_check_dma_add(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_side *src = &inst->src;
	const bool dram = src->space == TRN_SPACE_DRAM;
	const uint32_t sources = inst->imm[0];
	const bool indexed = inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);

	(void)core;
	if (sources < 1 || sources > TRN_DMA_SOURCES ||
	    (indexed && (sources != 1 || !(inst->head.flags & TRN_DMA_ACCUMULATE))))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (sources > 1 && ((dram ? src->ndims : src->view.rank) < 2 ||
			    (dram ? src->num[0] : src->view.shape[0]) != sources))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (src->count != sources * inst->dst.count)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return dma_place(inst, error);
}

uint32_t trn_side_shape(const struct trn_side *side, uint32_t ret_shape[5])
{
	const bool dram = side->space == TRN_SPACE_DRAM;
	const uint32_t first = dram ? 0 : 1;
	const uint32_t rank = dram ? side->ndims : side->view.rank;

	if (!dram)
		ret_shape[0] = side->view.partitions;
	for (uint32_t d = 0; d < rank; d++)
		ret_shape[first + d] = dram ? side->num[d] : side->view.shape[d];
	return first + rank;
}

int trn_check_dma_transpose(struct trn_core *core, struct trn_inst *inst,
			    struct trn_core_error *error)
{
	const bool gather = inst->head.flags & TRN_DMA_GATHER;
	uint32_t dst[5], src[5];
	const uint32_t rank = trn_side_shape(&inst->src, src);

	(void)core;
	if (inst->src.esize != 2 || inst->dst.dtype != inst->src.dtype)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (rank < 2 || rank > 4 || trn_side_shape(&inst->dst, dst) != rank)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	for (uint32_t d = 0; d < rank; d++) {
		uint32_t from = d == 0 ? rank - 1 : d == rank - 1 ? 0 : d;

		if (dst[d] != src[from])
			return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	}
	if (gather && (rank != 2 || src[0] % FLIP_ROWS != 0 || src[0] > TRN_ISA_PARTITIONS))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	return dma_place(inst, error);
}

int trn_check_set_rounding(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	(void)core;
	return inst->mode <= TRN_ROUND_STOCHASTIC ?
		       0 :
		       refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
}
