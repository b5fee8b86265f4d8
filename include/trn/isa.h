/* SPDX-License-Identifier: Apache-2.0 */
/* The NeuronCore instruction set as libtrn encodes it (a libtrn extension: the
 * vendor's binary encoding is not public). Semantics follow the public kernel
 * language; docs/isa.md is the specification. Little endian. */
#ifndef TRN_ISA_H
#define TRN_ISA_H

#include <stdint.h>
#include <trn/opcodes.h>

#define TRN_ISA_VERSION 1
#define TRN_ISA_WORD_SIZE 64   /* bytes */
#define TRN_ISA_WORDS_MAX 4    /* words of one instruction */
#define TRN_ISA_REGISTERS 64   /* 32-bit registers of each engine's sequencer */
#define TRN_ISA_SEMAPHORES 256 /* of each core */
#define TRN_ISA_PARTITIONS 128
#define TRN_ISA_ARGS_MAX 64 /* entries of a launch's argument table */
#define TRN_ISA_DMA_ENGINES 16

/** enum trn_wait_mode - what an instruction waits for: a field of the head */
enum trn_wait_mode {
	TRN_WAIT_NONE = 0,
	TRN_WAIT_GE = 1,      /* semaphore >= wait_value */
	TRN_WAIT_GE_REG = 2,  /* semaphore >= register[wait_value] */
	TRN_WAIT_CONSUME = 3, /* semaphore >= wait_value, then semaphore -= wait_value */
};
/** enum trn_inc_mode - what an instruction does to a semaphore: a field of the head */
enum trn_inc_mode {
	TRN_INC_NONE = 0,
	TRN_INC_ADD = 1, /* when the instruction retires; a DMA's 16 engines each add inc_value */
	TRN_INC_SUB = 2, /* not for DMA */
};

/* Flags of struct trn_isa_head.flags, by opcode. Unknown bits trap. */
#define TRN_MATMUL_ACCUMULATE 0x01 /* add to PSUM; else overwrite */
#define TRN_MATMUL_TRANSPOSE 0x02  /* is_transpose: moving passes through, dtype and bits kept */
#define TRN_MATMUL_DOUBLE_ROW 0x04 /* FP8, K 256 as [128, 2, N] */
#define TRN_MATMUL_TILED 0x08      /* on a part of the array: op0 rows, op1 columns, in 32s */
#define TRN_MATMUL_ONEZERO0 0x10   /* FP32: every element of SRC0 is 0 or 1 */
#define TRN_MATMUL_ONEZERO1 0x20   /* FP32: every element of SRC1 is 0 or 1 */
#define TRN_DMA_GATHER 0x01        /* the index access pattern chooses dims[0] of the DRAM source */
#define TRN_DMA_SCATTER 0x02       /* the same for the DRAM destination */
#define TRN_DMA_ACCUMULATE 0x08    /* DMA_ADD: dst is one of the sources */
#define TRN_DMA_GPSIMD 0x10        /* SENDRECV: through the gpsimd's own DMA */
#define TRN_DMA_OOB_SKIP 0x04    /* an index or address out of range moves nothing; else it traps */
#define TRN_SCALAR_COLUMN0 0x01  /* operand 0 is AP_SRC1 (a column), not imm[0] */
#define TRN_SCALAR_COLUMN1 0x02  /* operand 1 is AP_SRC2 (a column), not imm[1] */
#define TRN_SCALAR_REVERSE0 0x04 /* operand0 op0 data */
#define TRN_SCALAR_REVERSE1 0x08 /* operand1 op1 (...) */
#define TRN_REDUCE_NEGATE 0x10
#define TRN_SELECT_REVERSE 0x20    /* the predicate means the opposite */
#define TRN_PARTITION_AVERAGE 0x01 /* PARTITION_REDUCE by ADD: divided by the partitions */
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
	uint8_t indirect; /* 0, or enum trn_isa_slot + 1 of the operand that INDEX applies to */
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

/** enum trn_isa_slot - slots of struct trn_isa_compute.ap */
enum trn_isa_slot {
	TRN_AP_DST = 0,
	TRN_AP_SRC0 = 1,
	TRN_AP_SRC1 = 2,
	TRN_AP_SRC2 = 3,
	TRN_AP_DST2 = 4, /* where a reduction result goes */
	TRN_AP_SRC3 = 5,
	TRN_AP_INDEX = 6, /* elements of the operand that head.indirect names; trn3 and later */
	TRN_AP_COUNT = 7,
};

/**
 * struct trn_isa_compute - an instruction as words; only the first head.words
 * words exist in the stream. Word 0 holds the destination, word 1 two sources
 * and two more immediates, word 2 the third source and the second destination,
 * word 3 the fourth source and the index.
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
	struct trn_isa_ap src3, index;
	uint32_t reserved3[2]; /* 256 */
};

/**
 * struct trn_isa_dma - DMA_*, SENDRECV, REG_LOAD, REG_STORE: three words
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
