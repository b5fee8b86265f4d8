/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the instruction set: engines, formats, opcodes, operators, functions. How they
 * are laid out in words is in trn/isa.h; docs/isa.md is the specification. */
#ifndef TRN_OPCODES_H
#define TRN_OPCODES_H

/** enum trn_engine - the instruction streams of one core */
enum trn_engine {
	TRN_ENGINE_TENSOR = 0,
	TRN_ENGINE_VECTOR = 1,
	TRN_ENGINE_SCALAR = 2,
	TRN_ENGINE_GPSIMD = 3,
	TRN_ENGINE_SYNC = 4,
	TRN_ENGINE_COUNT = 5,
};

/** enum trn_dtype - element formats; 0 is none */
enum trn_dtype {
	TRN_DTYPE_NONE = 0,
	TRN_DTYPE_U8 = 1,
	TRN_DTYPE_S8 = 2,
	TRN_DTYPE_U16 = 3,
	TRN_DTYPE_S16 = 4,
	TRN_DTYPE_U32 = 5,
	TRN_DTYPE_S32 = 6,
	TRN_DTYPE_F32 = 7,
	TRN_DTYPE_TF32 = 8, /* 32-bit container, 10 mantissa bits used */
	TRN_DTYPE_BF16 = 9,
	TRN_DTYPE_F16 = 10,
	TRN_DTYPE_F8E4M3 = 11,   /* legacy: infinities, 240 largest */
	TRN_DTYPE_F8E4M3FN = 12, /* OCP: no infinity, 448 largest */
	TRN_DTYPE_F8E5M2 = 13,
	TRN_DTYPE_F8E3M4 = 14,
	/* MX elements: four numbers in one element, the first in the low bits; trn3 and later */
	TRN_DTYPE_F8E5M2_X4 = 15,   /* 4 bytes */
	TRN_DTYPE_F8E4M3FN_X4 = 16, /* 4 bytes */
	TRN_DTYPE_F4E2M1_X4 = 17,   /* 2 bytes */
	TRN_DTYPE_F8E8M0 = 18,      /* scale 2^(b - 127), 0xff NaN; trn3 and later */
	TRN_DTYPE_COUNT = 19,
};

/** enum trn_space - where an access pattern points */
enum trn_space {
	TRN_SPACE_NONE = 0,
	TRN_SPACE_SBUF = 1,
	TRN_SPACE_PSUM = 2,
	TRN_SPACE_DRAM = 3, /* through the launch's argument table; DMA and register access only */
};

/**
 * enum trn_op - operation codes; gaps are unknown and trap
 *
 * Operands are named as in struct trn_isa_compute and struct trn_isa_dma; rd, ra, rb
 * are the register numbers in op0, op1, func. [words] is the length; every field that
 * the line does not name must be 0. Engines: T tensor, V vector, S scalar, G gpsimd.
 * Columns are access patterns of one element per partition. docs/isa.md has the rest.
 */
enum trn_op {
	/* sequencer, every engine [1] */
	TRN_OP_NOP = 0x01,      /* carries a wait or an increment */
	TRN_OP_HALT = 0x02,     /* the stream ends when everything it issued is done */
	TRN_OP_BRANCH = 0x03,   /* if ra MODE (rb or imm[0]): next word is imm[1]; BYPASS: always */
	TRN_OP_REG_MOVE = 0x04, /* rd = ra or imm[0] */
	TRN_OP_REG_ALU = 0x05,  /* rd = ra MODE (rb or imm[0]); compares are signed */
	TRN_OP_REG_LOAD = 0x06, /* [3] rd = the one element of src, bits; S8, S16 sign-extend */
	TRN_OP_REG_STORE = 0x07, /* [3] the one element of dst = low bits of rd */
	TRN_OP_REG_ARG = 0x08,   /* rd = part imm[1] of argument imm[0]: enum trn_reg_part */
	TRN_OP_NOTIFY = 0x09,    /* notification with code imm[0] and aux (rb or imm[1]) */
	/* conversions of this engine round as MODE says (enum trn_rounding), seed imm[0] */
	TRN_OP_SET_ROUNDING = 0x0a,
	/* waits until the other core of the pair reaches barrier imm[0] too */
	TRN_OP_CORE_BARRIER = 0x0b,
	/* DMA, triggered by any engine, runs beside it [3]; op0: enum trn_dge, mode: priority */
	TRN_OP_DMA_COPY = 0x10,      /* dst, src, index with GATHER or SCATTER */
	TRN_OP_DMA_TRANSPOSE = 0x11, /* dst = src with first and last dimension swapped */
	TRN_OP_DMA_ADD = 0x12,       /* dst = sum of imm[0] sources, and of dst with ACCUMULATE */
	TRN_OP_SENDRECV = 0x13,      /* src to the pair's other core, its src to dst; pipe imm[0] */
	/* compute */
	/* T [2] DST[M,N] = SRC0[K,M] transposed times SRC1[K,N] */
	TRN_OP_MATMUL = 0x20,
	/* T, V [2] DST[F,P] = SRC0[P,F] */
	TRN_OP_TRANSPOSE = 0x21,
	/* T [4] as MATMUL, MX elements, K = 4 per partition; scales: SRC2 of SRC0, SRC3 of SRC1 */
	TRN_OP_MATMUL_MX = 0x22,
	/* V [3] DST = SRC0 as MX elements, DST2 = their scales */
	TRN_OP_QUANTIZE_MX = 0x23,
	/* V, S, G [2] DST = SRC0 */
	TRN_OP_TENSOR_COPY = 0x30,
	/* V, G [1] DST = imm[0]: an integer, or FP32 bits when DST is a float */
	TRN_OP_MEMSET = 0x31,
	/* V, G [2] DST = SRC0 op0 SRC1 */
	TRN_OP_TENSOR_TENSOR = 0x32,
	/* V, S, G [2, 3] DST = (SRC0 op0 a) op1 b; a is imm[0] or column SRC1 (COLUMN0), b is
	 * imm[1] or column SRC2 (COLUMN1) */
	TRN_OP_TENSOR_SCALAR = 0x33,
	/* V [2] DST = SRC0 reduced by func over its imm[0] last dims */
	TRN_OP_TENSOR_REDUCE = 0x34,
	/* S [2, 3] DST = func(SRC0 * a + b), a and b as above; mode: row sum, to column DST2 */
	TRN_OP_ACTIVATION = 0x35,
	/* V [2, 3] DST = exp(SRC0 - a), a as above; mode: row sum, to column DST2 */
	TRN_OP_EXPONENTIAL = 0x36,
	/* V [2] DST = 1 / SRC0 */
	TRN_OP_RECIPROCAL = 0x37,
	/* G [2] DST = imm[0] + partition * imm[1] + sum of i_k * step_k; steps of DST's up to
	 * four dims: imm[2], imm[3], imm4, imm5 */
	TRN_OP_IOTA = 0x38,
	/* G [2] DST = (affine op0 0) ? SRC0 : FP32 imm[2]; affine as IOTA, up to three steps:
	 * imm[3], imm4, imm5 */
	TRN_OP_AFFINE_SELECT = 0x39,
	/* V [2, 3] DST = (i op0 a) && (i op1 b) ? SRC0 : lowest finite FP32; i counts from
	 * imm[2]; mode: row maximum, to column DST2 */
	TRN_OP_RANGE_SELECT = 0x3a,
	/* V [2] DST[P,8] = the eight largest of SRC0, descending */
	TRN_OP_MAX8 = 0x3b,
	/* V [2] DST[P,8] = first places in SRC0 of the values SRC1[P,8]; all ones: none */
	TRN_OP_FIND_INDEX8 = 0x3c,
	/* V [2, 3] DST = SRC0 with the places that SRC1[P,8] matches := imm[0]; places to DST2 */
	TRN_OP_MATCH_REPLACE8 = 0x3d,
	/* V [3] DST = (SRC0 op0 a) op1 SRC2, a as TENSOR_SCALAR's */
	TRN_OP_SCALAR_TENSOR_TENSOR = 0x3e,
	/* V [2, 3] r = (SRC0 op0 r) op1 SRC1, DST = r, element by element; first r: imm[1] or
	 * column SRC2 (COLUMN1) */
	TRN_OP_TENSOR_SCAN = 0x3f,
	/* V [2] lane = (SRC0 op0 a) op1 lane, DST = lane, element by element; mode */
	TRN_OP_SCALAR_CUMULATIVE = 0x40,
	/* V [2, 3] DST = SRC0 op0 a; mode: row reduced by func, to column DST2 */
	TRN_OP_SCALAR_REDUCE = 0x41,
	/* S [2, 3] DST = func((SRC0 op0 a) op1 b); mode: row reduced by imm[2], to column DST2 */
	TRN_OP_ACTIVATE2 = 0x42,
	/* V [2, 3] DST = SRC1 != 0 ? SRC0 : SRC2 or imm[0]; mode: row maximum, to column DST2 */
	TRN_OP_SELECT_REDUCE = 0x43,
	/* V [2] where SRC1 != 0: DST = SRC0 or imm[0]; elsewhere DST stays */
	TRN_OP_COPY_PREDICATED = 0x44,
	/* V [2] DST[P,6] = count, mean, variance * count of the even, then of the odd elements */
	TRN_OP_BN_STATS = 0x45,
	/* V [2] DST[P,2] = mean and variance that triples SRC0[P,3k] make together */
	TRN_OP_BN_AGGR = 0x46,
	/* V [2] partition i of each quadrant of DST = partition mask[i] of SRC0's; mask: 32 fields
	 * of 6 bits in imm[0..5] */
	TRN_OP_STREAM_SHUFFLE = 0x47,
	/* V [2] DST = (random < a) ? 0 : SRC0 */
	TRN_OP_DROPOUT = 0x48,
	/* V, G [1] DST = random bits */
	TRN_OP_RNG = 0x49,
	/* V [1..3] DST = random number in [a, b) */
	TRN_OP_RAND2 = 0x4a,
	/* V [2] the generator starts anew from the one element of SRC0 */
	TRN_OP_SET_RNG_SEED = 0x4b,
	/* V, G [2] the generator's state = SRC0 */
	TRN_OP_RAND_SET_STATE = 0x4c,
	/* V, G [1] DST = the generator's state */
	TRN_OP_RAND_GET_STATE = 0x4d,
	/* G [2] DST[1,N] = SRC0[P,N] reduced over its partitions by func */
	TRN_OP_PARTITION_REDUCE = 0x50,
	/* G [3] the imm[1] largest of the imm[0] elements of each 16 partitions, ascending:
	 * values to DST, places to DST2 */
	TRN_OP_TOPK = 0x51,
	/* G [2] DST[1,T+1] = places where SRC0[1,T] is not 0, then imm[1], last the count */
	TRN_OP_NONZERO_COUNT = 0x52,
	/* G [2] DST = elements of SRC0 that SRC1 names, the same for each 16 partitions */
	TRN_OP_LOCAL_GATHER = 0x53,
	/* G [2] DST = elements of SRC0's row that SRC1's row names */
	TRN_OP_N_GATHER = 0x54,
	/* G [2] DST[1,2,N] = first place and end of each element's segment SRC0[1,N] */
	TRN_OP_SEQUENCE_BOUNDS = 0x55,
	TRN_OP_LIMIT = 0x56, /* one above the last */
};

/** enum trn_rounding - of SET_ROUNDING */
enum trn_rounding {
	TRN_ROUND_NEAREST = 0,    /* to nearest, ties to even */
	TRN_ROUND_STOCHASTIC = 1, /* up with the probability of the part that is cut off */
};

/** enum trn_dge - who makes the descriptors of a DMA */
enum trn_dge {
	TRN_DGE_AUTO = 0,
	TRN_DGE_SOFTWARE = 1, /* gpsimd */
	TRN_DGE_HARDWARE = 2, /* sync and scalar; no index */
	TRN_DGE_STATIC = 3,   /* prepared before the launch; no register, no index */
};

#define TRN_DMA_PRIORITIES 4 /* classes of a DMA: 0 goes first; trn3 and later */

/** enum trn_reg_part - what REG_ARG reads of struct trn_ext_arg */
enum trn_reg_part {
	TRN_REG_PART_VALUE_LO = 0,
	TRN_REG_PART_VALUE_HI = 1,
	TRN_REG_PART_SIZE_LO = 2,
	TRN_REG_PART_SIZE_HI = 3,
};

/** enum trn_alu - element operators of tensor_*, reductions, selects, REG_ALU */
enum trn_alu {
	TRN_ALU_BYPASS = 0, /* first operand unchanged */
	/* arithmetic group */
	TRN_ALU_ADD = 1,
	TRN_ALU_SUB = 2,
	TRN_ALU_MUL = 3,
	TRN_ALU_MAX = 4,
	TRN_ALU_MIN = 5,
	TRN_ALU_EQ = 6, /* comparisons and logic give 1.0 or 0.0 */
	TRN_ALU_NE = 7,
	TRN_ALU_GE = 8,
	TRN_ALU_GT = 9,
	TRN_ALU_LE = 10,
	TRN_ALU_LT = 11,
	TRN_ALU_LAND = 12,
	TRN_ALU_LOR = 13,
	TRN_ALU_LXOR = 14,
	TRN_ALU_POW = 15,     /* gpsimd only */
	TRN_ALU_ABS_MAX = 16, /* trn3 and later */
	TRN_ALU_ABS_MIN = 17, /* trn3 and later */
	/* bit group: integer dtypes, bits are copied, vector engine (and REG_ALU) */
	TRN_ALU_NOT = 32,
	TRN_ALU_AND = 33,
	TRN_ALU_OR = 34,
	TRN_ALU_XOR = 35,
	TRN_ALU_SHL = 36,
	TRN_ALU_SHR = 37, /* logical */
	/* unary, first operand only */
	TRN_ALU_ABS = 48,
	TRN_ALU_SQUARE = 49, /* trn3 and later */
	TRN_ALU_RELU = 50,   /* trn3 and later */
	TRN_ALU_RSQRT = 51,  /* gpsimd only */
	TRN_ALU_RECIPROCAL = 52,
};

/** enum trn_act - activation functions of the scalar engine */
enum trn_act {
	TRN_ACT_COPY = 0,
	TRN_ACT_SQUARE = 1,
	TRN_ACT_SIGMOID = 2,
	TRN_ACT_RELU = 3,
	TRN_ACT_GELU = 4,
	TRN_ACT_SILU = 5,
	TRN_ACT_TANH = 6,
	TRN_ACT_SOFTPLUS = 7,
	TRN_ACT_ERF = 8,
	TRN_ACT_EXP = 9,
	TRN_ACT_LOG = 10,
	TRN_ACT_SIN = 11,
	TRN_ACT_ARCTAN = 12,
	TRN_ACT_SQRT = 13,
	TRN_ACT_RSQRT = 14,
	TRN_ACT_RECIPROCAL = 15,
	TRN_ACT_SIGN = 16,
	TRN_ACT_ABS = 17,
	TRN_ACT_PRELU = 18, /* slope below 0: imm[2] */
	TRN_ACT_GELU_DX = 19,
	TRN_ACT_GELU_TANH = 20,
	TRN_ACT_GELU_SIGMOID = 21,
	TRN_ACT_GELU_SIGMOID_DX = 22,
	TRN_ACT_SILU_DX = 23,
	TRN_ACT_MISH = 24,
	TRN_ACT_ERF_DX = 25,
	TRN_ACT_COUNT = 26,
};

/** enum trn_reduce_cmd - what an instruction does with its lane's accumulator */
enum trn_reduce_cmd {
	TRN_REDUCE_IDLE = 0,
	TRN_REDUCE_RESET = 1,      /* clear, do not add */
	TRN_REDUCE_ACCUMULATE = 2, /* add to what is there */
	TRN_REDUCE_RESET_REDUCE =
		3,                  /* clear, then add; result goes to AP_DST2 when it is present */
	TRN_REDUCE_LOAD_REDUCE = 4, /* start from an immediate, then add */
};

#endif /* TRN_OPCODES_H */
