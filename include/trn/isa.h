/* SPDX-License-Identifier: Apache-2.0 */
/* The NeuronCore instruction set as libtrn encodes it (a libtrn extension: the
 * vendor's binary encoding is not public). Semantics follow the public kernel
 * language; docs/isa.md is the specification. Little endian. */
#ifndef TRN_ISA_H
#define TRN_ISA_H

#include <stdint.h>

#define TRN_ISA_VERSION 1
#define TRN_ISA_WORD_SIZE 64   /* bytes */
#define TRN_ISA_WORDS_MAX 4    /* words of one instruction */
#define TRN_ISA_REGISTERS 64   /* 32-bit registers of each engine's sequencer */
#define TRN_ISA_SEMAPHORES 256 /* of each core */
#define TRN_ISA_PARTITIONS 128
#define TRN_ISA_ARGS_MAX 64 /* entries of a launch's argument table */
#define TRN_ISA_DMA_ENGINES 16

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
	TRN_DTYPE_COUNT = 15,
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
	/* DMA, triggered by any engine, runs beside it [3] */
	TRN_OP_DMA_COPY = 0x10,      /* dst, src, index with GATHER or SCATTER */
	TRN_OP_DMA_TRANSPOSE = 0x11, /* dst = src with first and last dimension swapped */
	/* compute */
	/* T [2] DST[M,N] = SRC0[K,M] transposed times SRC1[K,N] */
	TRN_OP_MATMUL = 0x20,
	/* T, V [2] DST[F,P] = SRC0[P,F] */
	TRN_OP_TRANSPOSE = 0x21,
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
};

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
	TRN_ACT_COUNT = 18,
};

/** enum trn_reduce_cmd - what an instruction does with its lane's accumulator */
enum trn_reduce_cmd {
	TRN_REDUCE_IDLE = 0,
	TRN_REDUCE_RESET = 1,       /* clear, do not add */
	TRN_REDUCE_ACCUMULATE = 2,  /* add to what is there */
	TRN_REDUCE_RESET_REDUCE = 3 /* clear, then add; result goes to AP_DST2 when it is present */
};

/** enum trn_wait_mode, enum trn_inc_mode - semaphore fields of the head */
enum trn_wait_mode {
	TRN_WAIT_NONE = 0,
	TRN_WAIT_GE = 1,      /* semaphore >= wait_value */
	TRN_WAIT_GE_REG = 2,  /* semaphore >= register[wait_value] */
	TRN_WAIT_CONSUME = 3, /* semaphore >= wait_value, then semaphore -= wait_value */
};
enum trn_inc_mode {
	TRN_INC_NONE = 0,
	TRN_INC_ADD = 1, /* when the instruction retires; a DMA's 16 engines each add inc_value */
	TRN_INC_SUB = 2, /* not for DMA */
};

/* Flags of struct trn_isa_head.flags, by opcode. Unknown bits trap. */
#define TRN_MATMUL_ACCUMULATE 0x01 /* add to PSUM; else overwrite */
#define TRN_MATMUL_TRANSPOSE 0x02  /* is_transpose: moving passes through, dtype and bits kept */
#define TRN_MATMUL_DOUBLE_ROW 0x04 /* FP8, K 256 as [128, 2, N] */
#define TRN_DMA_GATHER 0x01        /* the index access pattern chooses dims[0] of the DRAM source */
#define TRN_DMA_SCATTER 0x02       /* the same for the DRAM destination */
#define TRN_DMA_OOB_SKIP 0x04    /* an index or address out of range moves nothing; else it traps */
#define TRN_SCALAR_COLUMN0 0x01  /* operand 0 is AP_SRC1 (a column), not imm[0] */
#define TRN_SCALAR_COLUMN1 0x02  /* operand 1 is AP_SRC2 (a column), not imm[1] */
#define TRN_SCALAR_REVERSE0 0x04 /* operand0 op0 data */
#define TRN_SCALAR_REVERSE1 0x08 /* operand1 op1 (...) */
#define TRN_REDUCE_NEGATE 0x10
#define TRN_REG_IMM 0x01 /* REG_MOVE, REG_ALU, BRANCH, NOTIFY: second operand is the immediate */

/**
 * struct trn_isa_head - first 16 bytes of every instruction
 *
 * The engine reads it, waits, issues, and increments when the instruction
 * retires. wait_value and inc_value must be 0 where the mode is NONE.
 */
struct trn_isa_head {
	uint8_t op;
	uint8_t words; /* 1..4 */
	uint8_t flags;
	uint8_t reserved; /* 0 */
	uint8_t wait_sem;
	uint8_t wait_mode;
	uint8_t inc_sem;
	uint8_t inc_mode;
	uint32_t wait_value;
	uint32_t inc_value;
};

/** struct trn_isa_dim - one loop of an on-chip access pattern, in elements */
struct trn_isa_dim {
	int16_t step;
	uint16_t num;
};

/**
 * struct trn_isa_ap - 28 bytes: a view of SBUF or PSUM
 *
 * Partitions are the outermost loop, then dims[0] (outer) to dims[ndims-1]
 * (innermost). The byte address in every partition is offset + register(reg)
 * + sum(i_k * step_k) * element size.
 */
struct trn_isa_ap {
	uint8_t space; /* enum trn_space; NONE: absent */
	uint8_t dtype;
	uint8_t start;      /* first partition */
	uint8_t partitions; /* 1..128 */
	uint32_t offset;    /* bytes inside the partition */
	uint8_t reg;        /* 0: none, else register reg-1 is added to offset (bytes, signed) */
	uint8_t ndims;      /* 1..4 */
	uint16_t reserved;  /* 0 */
	struct trn_isa_dim dims[4];
};

/** struct trn_isa_dram_dim - one loop of a DRAM view, in elements */
struct trn_isa_dram_dim {
	int32_t step;
	uint32_t num;
};

/**
 * struct trn_isa_mem - 48 bytes: one side of a DMA
 *
 * space SBUF or PSUM (PSUM is refused by DMA): @ap is used. space DRAM:
 * args[arg].address + offset + register(reg) * reg_scale + loops; every byte
 * touched must lie inside args[arg].size.
 */
struct trn_isa_mem {
	uint8_t space;
	uint8_t dtype;
	uint8_t arg;
	uint8_t reg;        /* 0: none, else register reg-1 (unsigned) */
	uint32_t reg_scale; /* bytes */
	union {
		struct {
			uint64_t offset;
			struct trn_isa_dram_dim
				dims[4]; /* outer to inner; num 0 in unused trailing dims */
		} dram;
		struct {
			struct trn_isa_ap ap;
			uint8_t reserved[12];
		} chip;
	} u;
};

/* Slots of struct trn_isa_compute.ap. */
enum trn_isa_slot {
	TRN_AP_DST = 0,
	TRN_AP_SRC0 = 1,
	TRN_AP_SRC1 = 2,
	TRN_AP_SRC2 = 3,
	TRN_AP_DST2 = 4, /* where a reduction result goes */
	TRN_AP_COUNT = 5,
};

/**
 * struct trn_isa_compute - an instruction as words; only the first head.words
 * words exist in the stream. Word 0 holds the destination, word 1 two sources
 * and two more immediates, word 2 the third source and the second destination.
 */
struct trn_isa_compute {
	struct trn_isa_head head; /* 16 */
	uint8_t op0;              /* enum trn_alu, or rd of a register instruction */
	uint8_t op1;              /* enum trn_alu, or ra */
	uint8_t func;             /* enum trn_act, reduction operator, or rb */
	uint8_t mode;             /* enum trn_reduce_cmd, or enum trn_alu of REG_ALU and BRANCH */
	uint32_t imm[4];          /* FP32 bits or integers, by opcode */
	struct trn_isa_ap dst;    /* 64 */
	struct trn_isa_ap src0, src1;
	uint32_t imm4, imm5; /* 128 */
	struct trn_isa_ap src2, dst2;
	uint32_t reserved[2]; /* 192 */
};

/**
 * struct trn_isa_dma - DMA_COPY, DMA_TRANSPOSE, REG_LOAD, REG_STORE: three words
 *
 * REG_LOAD reads one element of @src into register rd (params.op0);
 * REG_STORE writes register rd to one element of @dst.
 */
struct trn_isa_dma {
	struct trn_isa_head head;
	uint8_t op0, op1, func, mode;
	uint32_t imm[4];
	struct trn_isa_ap index; /* row numbers of GATHER or SCATTER: (P, 1), U32 or S32, SBUF */
	struct trn_isa_mem dst;
	uint32_t reserved1[4];
	struct trn_isa_mem src;
	uint32_t reserved2[4];
};

#endif /* TRN_ISA_H */
