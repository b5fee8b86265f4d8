/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions as text: what the parameters and immediates of each opcode mean, and the names
 * of their values. Tables only; docs/assembly.md is the page. */
#ifndef BASE_ISA_TEXT_H
#define BASE_ISA_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* What a number stands for. */
enum trn_text_kind {
	TRN_TEXT_NUMBER = 0,
	TRN_TEXT_SIGNED,
	TRN_TEXT_BITS,  /* any 32 bits */
	TRN_TEXT_FLOAT, /* FP32 bits */
	TRN_TEXT_REG,
	TRN_TEXT_LABEL, /* word index in the stream */
	TRN_TEXT_ARG,   /* argument number */
	/* with names */
	TRN_TEXT_ALU,
	TRN_TEXT_ACT,
	TRN_TEXT_REDUCE,
	TRN_TEXT_DGE,
	TRN_TEXT_ROUND,
	TRN_TEXT_PART,
	TRN_TEXT_DTYPE,
	TRN_TEXT_ENGINE,
	TRN_TEXT_SLOT,
	TRN_TEXT_KINDS,
};

/* Parameters and immediates of an instruction. */
enum trn_text_field {
	TRN_FIELD_OP0 = 0,
	TRN_FIELD_OP1,
	TRN_FIELD_FUNC,
	TRN_FIELD_MODE,
	TRN_FIELD_IMM0, /* six of them */
	TRN_FIELD_COUNT = TRN_FIELD_IMM0 + 6,
};

#define TRN_TEXT_FLAGS 8 /* bits of a head's flags */

struct trn_isa_text {
	uint8_t field[TRN_FIELD_COUNT]; /* enum trn_text_kind */
	const char *const *flags;       /* TRN_TEXT_FLAGS names, bit 0 first, or NULL */
};

/* Where a field is, and how it is called when it holds a register or a label, or anything. */
struct trn_text_place {
	const char *name, *other;
	uint16_t offset, size; /* in struct trn_isa_compute */
};
extern const struct trn_text_place trn_text_places[TRN_FIELD_COUNT];

/* NULL for a number that is no opcode. */
const struct trn_isa_text *trn_isa_text(uint32_t op);
/* Opcode of a name of length bytes, or -1. */
int trn_isa_text_op(const char *name, size_t length);

/* Name of a value, or NULL; value of a name, or -1. */
const char *trn_text_name(enum trn_text_kind kind, uint32_t value);
int trn_text_value(enum trn_text_kind kind, const char *name, size_t length);
/* "an operator": what is expected, for messages. */
const char *trn_text_expected(enum trn_text_kind kind);

#endif /* BASE_ISA_TEXT_H */
