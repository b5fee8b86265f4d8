/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the gpsimd instructions that gather, count and sort (docs/isa.md, 8.3.2). */
#include "model/gpsimd.h"

#define GROUP TRN_GPSIMD_GROUP

static int refuse(struct trn_core_error *error, uint32_t operand, enum trn_ext_rule rule)
{
	return trn_inst_refuse(error, operand, rule);
}

static bool is_int(const struct trn_view *view)
{
	return view->dtype >= TRN_DTYPE_U8 && view->dtype <= TRN_DTYPE_S32;
}

static uint32_t div_up(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

int trn_check_partition_reduce(struct trn_core *core, struct trn_inst *inst,
			       struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const bool bits = inst->func == TRN_ALU_OR || inst->func == TRN_ALU_AND;

	(void)core;
	if (!bits && inst->func != TRN_ALU_ADD && inst->func != TRN_ALU_MAX)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if ((inst->head.flags & TRN_PARTITION_AVERAGE) && inst->func != TRN_ALU_ADD)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (bits && !is_int(src))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (bits && !is_int(dst))
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (dst->partitions != 1 || dst->count != src->count)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return 0;
}

int trn_check_topk(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const struct trn_view *where = &inst->view[TRN_AP_DST2];
	const uint32_t n = inst->imm[0], k = inst->imm[1];

	(void)core;
	if (src->dtype != TRN_DTYPE_BF16)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (dst->dtype != TRN_DTYPE_BF16 && dst->dtype != TRN_DTYPE_F32)
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (where->dtype != TRN_DTYPE_U32)
		return refuse(error, TRN_AP_DST2, TRN_RULE_DTYPE);
	if (src->partitions % GROUP != 0)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_PARTITION);
	if (n < TRN_TOPK_MIN || n >= TRN_FREE_MAX || k < 1 || k > n ||
	    src->count != div_up(n, GROUP))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (dst->partitions != src->partitions || dst->count != div_up(k, GROUP))
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	if (where->partitions != src->partitions || where->count != dst->count)
		return refuse(error, TRN_AP_DST2, TRN_RULE_SHAPE);
	return 0;
}

static bool float_or_int(const struct trn_view *view)
{
	return view->dtype == TRN_DTYPE_F32 || view->dtype == TRN_DTYPE_S32;
}

int trn_check_nonzero(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)core;
	if (!float_or_int(src))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (dst->dtype != TRN_DTYPE_S32)
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (dst->partitions != src->partitions || dst->count != src->count + 1)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return 0;
}

int trn_check_local_gather(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const struct trn_view *index = &inst->view[TRN_AP_SRC1];
	const uint32_t e = inst->imm[0], v = inst->imm[1];

	(void)core;
	if (index->dtype != TRN_DTYPE_U16)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_DTYPE);
	if (src->dtype != dst->dtype)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (dst->partitions % GROUP != 0)
		return refuse(error, TRN_AP_DST, TRN_RULE_PARTITION);
	if (src->partitions != dst->partitions)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_PARTITION);
	if (index->partitions != dst->partitions)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_PARTITION);
	if (e < 1 || e > TRN_GATHER_RUN_MAX || (e & (e - 1)) != 0 || v < 1 ||
	    v > TRN_GATHER_MAX / e || dst->count != v * e)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	if (index->count != div_up(v, GROUP))
		return refuse(error, TRN_AP_SRC1, TRN_RULE_SHAPE);
	return 0;
}

int trn_check_n_gather(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const struct trn_view *index = &inst->view[TRN_AP_SRC1];

	(void)core;
	if (index->dtype != TRN_DTYPE_U32)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_DTYPE);
	if (src->dtype != dst->dtype)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (src->partitions != dst->partitions)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (index->partitions != dst->partitions || index->count != dst->count)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_SHAPE);
	return 0;
}

int trn_check_bounds(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)core;
	if (!float_or_int(src))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (dst->dtype != src->dtype)
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (src->partitions != 1)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (dst->partitions != 1 || dst->count != 2 * src->count)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return 0;
}
