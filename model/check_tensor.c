/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the tensor engine's instructions and of MX: shapes, dtypes and places that
 * belong together. */
#include "model/core.h"

#define PLACE 32u        /* partitions and columns of one square of the array */
#define SCALE_ROWS 4u    /* rows of a scale operand for 32 partitions */
#define SCALE_PLACES 16u /* four scale operands share a quadrant, at 0, 4, 8 and 12 */
#define SCALE_GROUP 4u   /* elements of QUANTIZE_MX's source in one of its result */

static bool is_fp8(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_F8E4M3 && dtype <= TRN_DTYPE_F8E3M4;
}

static int refuse(struct trn_core_error *error, uint32_t operand, enum trn_ext_rule rule)
{
	return trn_inst_refuse(error, operand, rule);
}

static bool matmul_dtype(uint32_t dtype)
{
	return dtype == TRN_DTYPE_F32 || dtype == TRN_DTYPE_TF32 || dtype == TRN_DTYPE_BF16 ||
	       dtype == TRN_DTYPE_F16 || is_fp8(dtype);
}

/* FP32 and TF32 go with themselves only, and the two readings of e4m3 never meet. */
static bool matmul_pair(uint32_t a, uint32_t b)
{
	const bool wide = a == TRN_DTYPE_F32 || a == TRN_DTYPE_TF32 || b == TRN_DTYPE_F32 ||
			  b == TRN_DTYPE_TF32;
	const bool legacy = a == TRN_DTYPE_F8E4M3 || b == TRN_DTYPE_F8E4M3;
	const bool ocp = a == TRN_DTYPE_F8E4M3FN || b == TRN_DTYPE_F8E4M3FN;

	return matmul_dtype(a) && matmul_dtype(b) && (!wide || a == b) && !(legacy && ocp);
}

/* Where a product goes: dtype, steps, bank, and that it has the sources' shape. */
static int matmul_output(const struct trn_core *core, const struct trn_inst *inst, uint32_t m,
			 uint32_t n, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const uint32_t features = core->chip->gen->features;
	const bool pass = inst->head.flags & TRN_MATMUL_TRANSPOSE;
	const bool bf16 = dst->dtype == TRN_DTYPE_BF16 && (features & TRN_FEATURE_PSUM_BF16);
	const uint64_t most = core->chip->gen->matmul_moving_max * (bf16 && !pass ? 2 : 1);

	if (m > TRN_ISA_PARTITIONS)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (inst->view[TRN_AP_SRC1].partitions != inst->view[TRN_AP_SRC0].partitions || n > most)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_SHAPE);
	if (dst->partitions != m || dst->count != n)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	if (pass ? dst->dtype != inst->view[TRN_AP_SRC1].dtype :
		   dst->dtype != TRN_DTYPE_F32 && !bf16)
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	for (uint32_t d = 0; d < dst->ndims; d++) {
		/* Adding into one place twice in one instruction has no defined order. */
		if (dst->step[d] == 0)
			return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	}
	if (!(features & TRN_FEATURE_PSUM_WHOLE) &&
	    dst->lo / TRN_PSUM_BANK != (dst->hi - 1) / TRN_PSUM_BANK)
		return refuse(error, TRN_AP_DST, TRN_RULE_BANK);
	return 0;
}

static bool tile_size_ok(uint32_t squares)
{
	return squares == 1 || squares == 2 || squares == 4;
}

/* A part of the array: how many squares of it, and that the operands lie on one place. */
static int tile_ok(const struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *still = &inst->view[TRN_AP_SRC0];
	const struct trn_view *moving = &inst->view[TRN_AP_SRC1];
	const uint32_t rows = PLACE * inst->op0, columns = PLACE * inst->op1;
	/* Two rows a partition, or four: the columns are not cut then. */
	const bool whole = inst->head.op == TRN_OP_MATMUL_MX ||
			   (inst->head.flags & TRN_MATMUL_DOUBLE_ROW) != 0;

	if (!(inst->head.flags & TRN_MATMUL_TILED))
		return inst->op0 == 0 && inst->op1 == 0 ?
			       0 :
			       refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (!tile_size_ok(inst->op0) || !tile_size_ok(inst->op1) || (whole && inst->op1 != 4))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (still->partitions > rows || dst->partitions > columns)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (still->start % rows != 0)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_PARTITION);
	if (moving->start != still->start)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_PARTITION);
	return dst->start % columns == 0 ? 0 : refuse(error, TRN_AP_DST, TRN_RULE_PARTITION);
}

int trn_check_matmul(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *still = &inst->view[TRN_AP_SRC0];
	const struct trn_view *moving = &inst->view[TRN_AP_SRC1];
	const uint32_t flags = inst->head.flags;
	const uint32_t onezero = flags & (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1);
	const uint32_t rows = flags & TRN_MATMUL_DOUBLE_ROW ? 2 : 1;

	if ((flags & TRN_MATMUL_TRANSPOSE) && flags != TRN_MATMUL_TRANSPOSE)
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (onezero == (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1))
		return refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (!matmul_pair(still->dtype, moving->dtype))
		return refuse(error, TRN_AP_SRC1, TRN_RULE_DTYPE);
	if (onezero != 0 && still->dtype != TRN_DTYPE_F32)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (rows == 2 && (!is_fp8(still->dtype) || !is_fp8(moving->dtype)))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (still->count % rows != 0)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (moving->count % rows != 0)
		return refuse(error, TRN_AP_SRC1, TRN_RULE_SHAPE);
	if (matmul_output(core, inst, still->count / rows, moving->count / rows, error) < 0)
		return -1;
	return tile_ok(inst, error);
}

int trn_check_transpose(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const bool tensor = inst->engine == TRN_ENGINE_TENSOR;
	const uint32_t limit = tensor ? TRN_ISA_PARTITIONS : 32;

	(void)core;
	if (src->partitions > limit || src->count > limit)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (dst->partitions != src->count || dst->count != src->partitions)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	/* The tensor engine puts bytes into 16-bit containers. */
	if (tensor && src->esize == 1)
		return dst->dtype == TRN_DTYPE_U16 ? 0 : refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	return dst->dtype == src->dtype ? 0 : refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
}

/* ---- MX ---- */

static bool is_x4(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_F8E5M2_X4 && dtype <= TRN_DTYPE_F4E2M1_X4;
}

/* Scales of an operand: one for 8 partitions, in the first rows of each quadrant. */
static int scale_ok(const struct trn_inst *inst, uint32_t slot, uint32_t of,
		    struct trn_core_error *error)
{
	const struct trn_view *scale = &inst->view[slot];
	const struct trn_view *data = &inst->view[of];
	const uint32_t shift = scale->start - data->start; /* huge when in front of it */

	if (scale->space != TRN_SPACE_SBUF)
		return refuse(error, slot, TRN_RULE_SPACE);
	if (scale->dtype != TRN_DTYPE_U8 && scale->dtype != TRN_DTYPE_F8E8M0)
		return refuse(error, slot, TRN_RULE_DTYPE);
	if (scale->count != data->count ||
	    scale->partitions != data->partitions - PLACE + SCALE_ROWS)
		return refuse(error, slot, TRN_RULE_SHAPE);
	if (shift >= SCALE_PLACES || shift % SCALE_ROWS != 0)
		return refuse(error, slot, TRN_RULE_PARTITION);
	return 0;
}

int trn_check_matmul_mx(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *still = &inst->view[TRN_AP_SRC0];
	const struct trn_view *moving = &inst->view[TRN_AP_SRC1];

	if (!is_x4(still->dtype))
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (!is_x4(moving->dtype))
		return refuse(error, TRN_AP_SRC1, TRN_RULE_DTYPE);
	if (still->partitions % PLACE != 0 || still->count % 2 != 0)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	if (matmul_output(core, inst, still->count, moving->count, error) < 0 ||
	    scale_ok(inst, TRN_AP_SRC2, TRN_AP_SRC0, error) < 0 ||
	    scale_ok(inst, TRN_AP_SRC3, TRN_AP_SRC1, error) < 0)
		return -1;
	return tile_ok(inst, error);
}

int trn_check_quantize_mx(struct trn_core *core, struct trn_inst *inst,
			  struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)core;
	if (src->space != TRN_SPACE_SBUF)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SPACE);
	if (dst->space != TRN_SPACE_SBUF)
		return refuse(error, TRN_AP_DST, TRN_RULE_SPACE);
	if (src->dtype != TRN_DTYPE_BF16 && src->dtype != TRN_DTYPE_F16)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	if (dst->dtype != TRN_DTYPE_F8E5M2_X4 && dst->dtype != TRN_DTYPE_F8E4M3FN_X4)
		return refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (dst->partitions % PLACE != 0)
		return refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	if (src->partitions != dst->partitions || src->count != dst->count * SCALE_GROUP)
		return refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	return scale_ok(inst, TRN_AP_DST2, TRN_AP_DST, error);
}
