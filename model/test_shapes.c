/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of test_shapes.h. */
#include "model/test_shapes.h"

#include <string.h>
#include "base/isa_ops.h"

const struct trn_test_shape_info trn_test_shapes[TRN_SHAPE_COUNT] = {
	[TRN_SHAPE_COPY] = { TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 3 },
	[TRN_SHAPE_COPY_G] = { TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_COPY, 3 },
	[TRN_SHAPE_ADD] = { TRN_ENGINE_VECTOR, TRN_OP_TENSOR_TENSOR, 3 },
	[TRN_SHAPE_ADD_G] = { TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_TENSOR, 3 },
	[TRN_SHAPE_SCALE] = { TRN_ENGINE_VECTOR, TRN_OP_TENSOR_SCALAR, 3 },
	[TRN_SHAPE_SCALE_S] = { TRN_ENGINE_SCALAR, TRN_OP_TENSOR_SCALAR, 3 },
	[TRN_SHAPE_REDUCE] = { TRN_ENGINE_VECTOR, TRN_OP_TENSOR_REDUCE, 3 },
	[TRN_SHAPE_ACT] = { TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 3 },
	[TRN_SHAPE_EXP] = { TRN_ENGINE_VECTOR, TRN_OP_EXPONENTIAL, 3 },
	[TRN_SHAPE_SET] = { TRN_ENGINE_GPSIMD, TRN_OP_MEMSET, 3 },
	[TRN_SHAPE_IOTA] = { TRN_ENGINE_GPSIMD, TRN_OP_IOTA, 3 },
	[TRN_SHAPE_AFFINE] = { TRN_ENGINE_GPSIMD, TRN_OP_AFFINE_SELECT, 3 },
	[TRN_SHAPE_RANGE] = { TRN_ENGINE_VECTOR, TRN_OP_RANGE_SELECT, 3 },
	[TRN_SHAPE_MAX8] = { TRN_ENGINE_VECTOR, TRN_OP_MAX8, 3 },
	[TRN_SHAPE_FIND8] = { TRN_ENGINE_VECTOR, TRN_OP_FIND_INDEX8, 3 },
	[TRN_SHAPE_SCALAR_REDUCE] = { TRN_ENGINE_VECTOR, TRN_OP_SCALAR_REDUCE, 3 },
	[TRN_SHAPE_ACTIVATE2] = { TRN_ENGINE_SCALAR, TRN_OP_ACTIVATE2, 3 },
	[TRN_SHAPE_SELECT_REDUCE] = { TRN_ENGINE_VECTOR, TRN_OP_SELECT_REDUCE, 3 },
	[TRN_SHAPE_STT] = { TRN_ENGINE_VECTOR, TRN_OP_SCALAR_TENSOR_TENSOR, 3 },
	[TRN_SHAPE_SCAN] = { TRN_ENGINE_VECTOR, TRN_OP_TENSOR_SCAN, 3 },
	[TRN_SHAPE_CUMULATIVE] = { TRN_ENGINE_VECTOR, TRN_OP_SCALAR_CUMULATIVE, 3 },
	[TRN_SHAPE_INDEXED] = { TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 4 },
	[TRN_SHAPE_MATCH8] = { TRN_ENGINE_VECTOR, TRN_OP_MATCH_REPLACE8, 3 },
	[TRN_SHAPE_COPY_PREDICATED] = { TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 3 },
	[TRN_SHAPE_SHUFFLE] = { TRN_ENGINE_VECTOR, TRN_OP_STREAM_SHUFFLE, 3 },
	[TRN_SHAPE_BN_STATS] = { TRN_ENGINE_VECTOR, TRN_OP_BN_STATS, 3 },
	[TRN_SHAPE_BN_AGGR] = { TRN_ENGINE_VECTOR, TRN_OP_BN_AGGR, 3 },
	[TRN_SHAPE_PARTITIONS] = { TRN_ENGINE_GPSIMD, TRN_OP_PARTITION_REDUCE, 3 },
	[TRN_SHAPE_TOPK] = { TRN_ENGINE_GPSIMD, TRN_OP_TOPK, 3 },
	[TRN_SHAPE_NONZERO] = { TRN_ENGINE_GPSIMD, TRN_OP_NONZERO_COUNT, 3 },
	[TRN_SHAPE_LOCAL_GATHER] = { TRN_ENGINE_GPSIMD, TRN_OP_LOCAL_GATHER, 3 },
	[TRN_SHAPE_N_GATHER] = { TRN_ENGINE_GPSIMD, TRN_OP_N_GATHER, 3 },
	[TRN_SHAPE_BOUNDS] = { TRN_ENGINE_GPSIMD, TRN_OP_SEQUENCE_BOUNDS, 3 },
	[TRN_SHAPE_MATMUL] = { TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 3 },
	[TRN_SHAPE_FLIP_T] = { TRN_ENGINE_TENSOR, TRN_OP_TRANSPOSE, 3 },
	[TRN_SHAPE_FLIP_V] = { TRN_ENGINE_VECTOR, TRN_OP_TRANSPOSE, 3 },
	[TRN_SHAPE_LOAD] = { TRN_ENGINE_SYNC, TRN_OP_DMA_COPY, 3 },
	[TRN_SHAPE_GATHER] = { TRN_ENGINE_SYNC, TRN_OP_DMA_COPY, 3 },
	[TRN_SHAPE_DFLIP] = { TRN_ENGINE_SYNC, TRN_OP_DMA_TRANSPOSE, 3 },
	[TRN_SHAPE_GATHER_FLIP] = { TRN_ENGINE_SYNC, TRN_OP_DMA_TRANSPOSE, 3 },
	[TRN_SHAPE_SUM] = { TRN_ENGINE_SYNC, TRN_OP_DMA_ADD, 3 },
	[TRN_SHAPE_GATHER_ADD] = { TRN_ENGINE_GPSIMD, TRN_OP_DMA_ADD, 3 },
	[TRN_SHAPE_SENDRECV] = { TRN_ENGINE_SYNC, TRN_OP_SENDRECV, 3 },
	[TRN_SHAPE_REG_LOAD] = { TRN_ENGINE_SYNC, TRN_OP_REG_LOAD, 3 },
	[TRN_SHAPE_REG_STORE] = { TRN_ENGINE_SYNC, TRN_OP_REG_STORE, 3 },
	[TRN_SHAPE_MOVE] = { TRN_ENGINE_SYNC, TRN_OP_REG_MOVE, 1 },
	[TRN_SHAPE_ALU] = { TRN_ENGINE_SYNC, TRN_OP_REG_ALU, 1 },
	[TRN_SHAPE_BRANCH] = { TRN_ENGINE_SYNC, TRN_OP_BRANCH, 1 },
	[TRN_SHAPE_ARG] = { TRN_ENGINE_SYNC, TRN_OP_REG_ARG, 1 },
	[TRN_SHAPE_NOTIFY] = { TRN_ENGINE_SYNC, TRN_OP_NOTIFY, 1 },
	[TRN_SHAPE_NOP] = { TRN_ENGINE_SYNC, TRN_OP_NOP, 1 },
	[TRN_SHAPE_ROUNDING] = { TRN_ENGINE_VECTOR, TRN_OP_SET_ROUNDING, 1 },
	[TRN_SHAPE_MATMUL_MX] = { TRN_ENGINE_TENSOR, TRN_OP_MATMUL_MX, 4 },
	[TRN_SHAPE_QUANTIZE_MX] = { TRN_ENGINE_VECTOR, TRN_OP_QUANTIZE_MX, 3 },
	[TRN_SHAPE_RNG] = { TRN_ENGINE_GPSIMD, TRN_OP_RNG, 3 },
	[TRN_SHAPE_RAND2] = { TRN_ENGINE_VECTOR, TRN_OP_RAND2, 3 },
	[TRN_SHAPE_DROPOUT] = { TRN_ENGINE_VECTOR, TRN_OP_DROPOUT, 3 },
	[TRN_SHAPE_SEED] = { TRN_ENGINE_VECTOR, TRN_OP_SET_RNG_SEED, 3 },
	[TRN_SHAPE_RAND_SET] = { TRN_ENGINE_GPSIMD, TRN_OP_RAND_SET_STATE, 3 },
	[TRN_SHAPE_RAND_SET_V] = { TRN_ENGINE_VECTOR, TRN_OP_RAND_SET_STATE, 3 },
	[TRN_SHAPE_RAND_GET_V] = { TRN_ENGINE_VECTOR, TRN_OP_RAND_GET_STATE, 3 },
	[TRN_SHAPE_BARRIER] = { TRN_ENGINE_SYNC, TRN_OP_CORE_BARRIER, 1 },
};

struct trn_isa_ap trn_test_sbuf(enum trn_dtype dtype, uint32_t partitions, uint32_t at,
				uint32_t count)
{
	return trn_test_ap(TRN_SPACE_SBUF, dtype, 0, partitions, at, count);
}

static void make_dma(union trn_test_inst *i, enum trn_test_shape shape)
{
	const struct trn_isa_ap tile = trn_test_sbuf(TRN_DTYPE_BF16, 8, 0, 16);
	const struct trn_isa_ap cell = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 1);

	i->d.src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 8, 16);
	i->d.dst = trn_test_mem(&tile);
	if (shape == TRN_SHAPE_GATHER) {
		i->d.head.flags = TRN_DMA_GATHER;
		i->d.index = trn_test_sbuf(TRN_DTYPE_U32, 8, 4096, 1);
	} else if (shape == TRN_SHAPE_DFLIP) {
		i->d.src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 16, 8);
	} else if (shape == TRN_SHAPE_GATHER_FLIP) {
		i->d.head.flags = TRN_DMA_GATHER;
		i->d.index = trn_test_sbuf(TRN_DTYPE_U32, 16, 4096, 1);
		i->d.src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 16, 8);
	} else if (shape == TRN_SHAPE_SUM) {
		i->d.src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 2, 128);
		i->d.imm[0] = 2;
	} else if (shape == TRN_SHAPE_GATHER_ADD) {
		i->d.head.flags = TRN_DMA_GATHER | TRN_DMA_ACCUMULATE;
		i->d.index = trn_test_sbuf(TRN_DTYPE_U32, 8, 4096, 1);
		i->d.imm[0] = 1;
	} else if (shape == TRN_SHAPE_SENDRECV) {
		i->d.src = i->d.dst;
	} else if (shape == TRN_SHAPE_REG_LOAD) {
		i->d.src = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 1);
		memset(&i->d.dst, 0, sizeof(i->d.dst));
	} else if (shape == TRN_SHAPE_REG_STORE) {
		i->d.dst = trn_test_mem(&cell);
		memset(&i->d.src, 0, sizeof(i->d.src));
	}
}

/* An index; gathers, counts and sorts of the gpsimd engine. */
static void make_gpsimd(struct trn_isa_compute *c, enum trn_test_shape shape)
{
	switch (shape) {
	case TRN_SHAPE_INDEXED:
		c->head.indirect = TRN_AP_SRC0 + 1;
		c->index = trn_test_sbuf(TRN_DTYPE_U16, 64, 4096, 1);
		break;
	case TRN_SHAPE_PARTITIONS:
		c->dst.partitions = 1;
		c->func = TRN_ALU_ADD;
		break;
	case TRN_SHAPE_TOPK:
		c->src0 = trn_test_sbuf(TRN_DTYPE_BF16, 64, 0, 6);
		c->dst = trn_test_sbuf(TRN_DTYPE_BF16, 64, 16384, 2);
		c->dst2 = trn_test_sbuf(TRN_DTYPE_U32, 64, 20480, 2);
		c->imm[0] = 90;
		c->imm[1] = 20;
		break;
	case TRN_SHAPE_NONZERO:
		c->dst = trn_test_sbuf(TRN_DTYPE_S32, 64, 16384, 17);
		break;
	case TRN_SHAPE_LOCAL_GATHER:
		c->src1 = trn_test_sbuf(TRN_DTYPE_U16, 64, 4096, 1);
		c->imm[0] = 2;
		c->imm[1] = 8;
		break;
	case TRN_SHAPE_N_GATHER:
		c->src1 = trn_test_sbuf(TRN_DTYPE_U32, 64, 4096, 16);
		break;
	case TRN_SHAPE_BOUNDS:
		c->src0.partitions = c->dst.partitions = 1;
		c->dst.dims[0].num = 32;
		break;
	default:
		break;
	}
}

/* The vector engine's with three operands, and what has a form like them. */
static void make_vector(struct trn_isa_compute *c, enum trn_test_shape shape)
{
	switch (shape) {
	case TRN_SHAPE_SCALAR_REDUCE:
		c->op0 = TRN_ALU_SUB;
		c->func = TRN_ALU_MAX;
		break;
	case TRN_SHAPE_ACTIVATE2:
		c->op0 = TRN_ALU_MUL;
		c->func = TRN_ACT_SILU;
		break;
	case TRN_SHAPE_STT:
		c->src2 = trn_test_sbuf(TRN_DTYPE_F32, 64, 1024, 16);
		c->op0 = TRN_ALU_MUL;
		c->op1 = TRN_ALU_ADD;
		break;
	case TRN_SHAPE_SCAN:
		c->src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 1024, 16);
		c->op0 = TRN_ALU_MUL;
		c->op1 = TRN_ALU_ADD;
		break;
	case TRN_SHAPE_CUMULATIVE:
		c->op1 = TRN_ALU_ADD;
		c->mode = TRN_REDUCE_RESET_REDUCE;
		break;
	case TRN_SHAPE_MATCH8:
		c->src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 1024, 8);
		break;
	case TRN_SHAPE_BN_STATS:
		c->dst.dims[0].num = 6;
		break;
	case TRN_SHAPE_BN_AGGR:
		c->src0.dims[0].num = 6;
		c->dst.dims[0].num = 2;
		break;
	default: /* SELECT_REDUCE, COPY_PREDICATED */
		c->src1 = trn_test_sbuf(TRN_DTYPE_U8, 64, 1024, 16);
		break;
	}
}

/* MX; generators and what they make: no source, or no destination. */
static void make_mx_random(struct trn_isa_compute *c, enum trn_test_shape shape)
{
	const struct trn_isa_ap none = { 0 };
	const uint32_t words = shape == TRN_SHAPE_RAND_SET ? 6 : 24;

	switch (shape) {
	case TRN_SHAPE_MATMUL_MX:
		c->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 0, 24);
		c->src0 = trn_test_sbuf(TRN_DTYPE_F4E2M1_X4, 64, 0, 16);
		c->src1 = trn_test_sbuf(TRN_DTYPE_F8E4M3FN_X4, 64, 1024, 24);
		c->src2 = trn_test_sbuf(TRN_DTYPE_F8E8M0, 36, 2048, 16);
		c->src3 = trn_test_sbuf(TRN_DTYPE_U8, 36, 3072, 24);
		break;
	case TRN_SHAPE_QUANTIZE_MX:
		c->dst = trn_test_sbuf(TRN_DTYPE_F8E4M3FN_X4, 64, 16384, 16);
		c->src0 = trn_test_sbuf(TRN_DTYPE_BF16, 64, 0, 64);
		c->dst2 = trn_test_sbuf(TRN_DTYPE_F8E8M0, 36, 2048, 16);
		break;
	case TRN_SHAPE_RNG:
		c->dst.dtype = TRN_DTYPE_U32;
		c->src0 = none;
		break;
	case TRN_SHAPE_RAND2:
		c->src0 = none;
		break;
	case TRN_SHAPE_SEED:
		c->src0 = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 1);
		c->dst = none;
		break;
	case TRN_SHAPE_RAND_SET:
	case TRN_SHAPE_RAND_SET_V:
		c->src0 = trn_test_sbuf(TRN_DTYPE_U32, 64, 0, words);
		c->dst = none;
		break;
	case TRN_SHAPE_RAND_GET_V:
		c->dst = trn_test_sbuf(TRN_DTYPE_U32, 64, 16384, words);
		c->src0 = none;
		break;
	default:
		break;
	}
}

static void make_compute(union trn_test_inst *i, enum trn_test_shape shape)
{
	struct trn_isa_compute *c = &i->c;

	c->dst = trn_test_sbuf(TRN_DTYPE_F32, 64, 16384, 16);
	if (shape != TRN_SHAPE_SET && shape != TRN_SHAPE_IOTA)
		c->src0 = trn_test_sbuf(TRN_DTYPE_F32, 64, 0, 16);
	switch (shape) {
	case TRN_SHAPE_ADD:
	case TRN_SHAPE_ADD_G:
		c->src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 1024, 16);
		c->op0 = TRN_ALU_ADD;
		break;
	case TRN_SHAPE_SCALE:
	case TRN_SHAPE_SCALE_S:
		c->op0 = TRN_ALU_MUL;
		break;
	case TRN_SHAPE_REDUCE:
		c->dst.dims[0].num = 1;
		c->func = TRN_ALU_ADD;
		c->imm[0] = 1;
		break;
	case TRN_SHAPE_AFFINE:
		c->op0 = TRN_ALU_GE;
		break;
	case TRN_SHAPE_RANGE:
		c->op0 = TRN_ALU_GE;
		c->op1 = TRN_ALU_LT;
		break;
	case TRN_SHAPE_MAX8:
		c->dst.dims[0].num = 8;
		break;
	case TRN_SHAPE_FIND8:
		c->dst = trn_test_sbuf(TRN_DTYPE_U16, 64, 16384, 8);
		c->src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 1024, 8);
		break;
	case TRN_SHAPE_MATMUL:
		c->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 0, 16);
		c->src0 = trn_test_sbuf(TRN_DTYPE_BF16, 64, 0, 16);
		c->src1 = trn_test_sbuf(TRN_DTYPE_BF16, 64, 1024, 16);
		break;
	case TRN_SHAPE_FLIP_T:
		c->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 0, 64);
		break;
	case TRN_SHAPE_FLIP_V:
		c->src0.partitions = 32;
		c->dst = trn_test_sbuf(TRN_DTYPE_F32, 16, 16384, 32);
		break;
	case TRN_SHAPE_SCALAR_REDUCE:
	case TRN_SHAPE_ACTIVATE2:
	case TRN_SHAPE_SELECT_REDUCE:
	case TRN_SHAPE_STT:
	case TRN_SHAPE_SCAN:
	case TRN_SHAPE_CUMULATIVE:
	case TRN_SHAPE_MATCH8:
	case TRN_SHAPE_COPY_PREDICATED:
	case TRN_SHAPE_BN_STATS:
	case TRN_SHAPE_BN_AGGR:
		make_vector(c, shape);
		break;
	default:
		make_gpsimd(c, shape);
		make_mx_random(c, shape);
		break;
	}
}

void trn_test_shape_make(union trn_test_inst *i, enum trn_test_shape shape)
{
	uint8_t layout;

	memset(i, 0, sizeof(*i));
	i->c.head.op = (uint8_t)trn_test_shapes[shape].op;
	i->c.head.words = trn_test_shapes[shape].words;
	layout = trn_isa_op(trn_test_shapes[shape].op)->layout;
	if (layout == TRN_LAYOUT_DMA)
		make_dma(i, shape);
	else if (layout == TRN_LAYOUT_COMPUTE)
		make_compute(i, shape);
}

void trn_test_shape_emit(struct trn_test_core *tc, enum trn_test_shape shape,
			 const union trn_test_inst *i, uint8_t words)
{
	struct trn_isa_compute *c =
		trn_test_emit(tc, trn_test_shapes[shape].engine, trn_test_shapes[shape].op, words);

	memcpy(c, i, words * TRN_ISA_WORD_SIZE);
}
