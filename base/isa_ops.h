/* SPDX-License-Identifier: Apache-2.0 */
/* What every reader of instruction words knows of an opcode: its form. The model adds
 * effects and costs, the loader checks forms, the assembler names them. */
#ifndef BASE_ISA_OPS_H
#define BASE_ISA_OPS_H

#include <stdint.h>
#include <trn/isa.h>

/* What not every generation has. A generation is a set of these bits. */
#define TRN_FEATURE_EXPONENTIAL 0x0001u  /* EXPONENTIAL */
#define TRN_FEATURE_ALU_EXTRA 0x0002u    /* abs_max, abs_min, square, relu as ALU operators */
#define TRN_FEATURE_E4M3FN 0x0004u       /* F8E4M3FN */
#define TRN_FEATURE_PSUM_WHOLE 0x0008u   /* one matmul may span PSUM banks */
#define TRN_FEATURE_PSUM_BF16 0x0010u    /* BF16 destination of a matmul */
#define TRN_FEATURE_PSUM_PRELOAD 0x0020u /* a matmul may add to what a copy or memset wrote */
#define TRN_FEATURE_MX 0x0040u           /* MATMUL_MX, QUANTIZE_MX, their formats */
#define TRN_FEATURE_ACTIVATE2 0x0080u    /* ACTIVATE2 */
#define TRN_FEATURE_RAND2 0x0100u        /* RAND2 */
#define TRN_FEATURE_INDIRECT 0x0200u     /* INDEX operands */
#define TRN_FEATURE_QOS 0x0400u          /* priority of a DMA */
#define TRN_FEATURE_DMA_ADD_FULL 0x0800u /* DMA_ADD at the rate of a copy */
#define TRN_FEATURE_XORWOW 0x1000u       /* the vector engine's generator is XORWOW */

/* Where an instruction's fields are. */
enum trn_isa_layout {
	TRN_LAYOUT_WORD = 0, /* head, parameters and immediates only */
	TRN_LAYOUT_COMPUTE = 1,
	TRN_LAYOUT_DMA = 2,
};

enum trn_op_kind {
	TRN_KIND_SEQ = 0,  /* sequencer only */
	TRN_KIND_SYNC = 1, /* sequencer, after everything issued before has retired */
	TRN_KIND_DMA = 2,
	TRN_KIND_COMPUTE = 3,
};

/* Of op0, op1, func, mode: those that have a meaning. */
#define TRN_PARAM_OP0 0x1u
#define TRN_PARAM_OP1 0x2u
#define TRN_PARAM_FUNC 0x4u
#define TRN_PARAM_MODE 0x8u

#define TRN_SLOT(s) (1u << TRN_AP_##s)

struct trn_isa_op {
	const char *name;
	uint8_t kind;    /* enum trn_op_kind */
	uint8_t layout;  /* enum trn_isa_layout */
	uint8_t engines; /* bit per enum trn_engine */
	uint8_t words_min, words_max;
	uint8_t flags;              /* that may be set */
	uint8_t params;             /* TRN_PARAM_ */
	uint8_t imms;               /* bit per immediate that has a meaning */
	uint8_t required, optional; /* bit per slot of the compute layout */
	uint8_t indirect;           /* bit per slot that INDEX may apply to */
	uint32_t features;          /* it needs */
	uint8_t scales; /* bit per slot that holds scales of MX: it may start at any partition */
};

/* NULL for a number that is no opcode. */
const struct trn_isa_op *trn_isa_op(uint32_t op);

/* The word, from 1, that a slot is in. */
extern const uint8_t trn_isa_slot_word[TRN_AP_COUNT];
/* Byte offset of a slot in struct trn_isa_compute. */
extern const uint16_t trn_isa_slot_offset[TRN_AP_COUNT];

#endif /* BASE_ISA_OPS_H */
