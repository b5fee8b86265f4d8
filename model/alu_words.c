/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on 32-bit words: the vector engine's bits, gpsimd's exact integers, registers.
 * One loop per operator, so that each becomes vector code. */
#include "model/alu_loops.h"
#include "model/core.h"

#define INLINE static inline __attribute__((always_inline))

/* flip moves unsigned numbers to where a signed comparison orders them; 0 for signed ones. */
INLINE bool more(uint32_t a, uint32_t b, uint32_t flip)
{
	return (int32_t)(a ^ flip) > (int32_t)(b ^ flip);
}

INLINE uint32_t magnitude(uint32_t a)
{
	return (int32_t)a < 0 ? 0 - a : a;
}

/* X(operator, result of a and b); those that reduce a row, then the others. */
#define BIT_OPERATORS(X)     \
	X(TRN_ALU_AND, a &b) \
	X(TRN_ALU_OR, a | b) \
	X(TRN_ALU_XOR, a ^ b)
#define WORD_OPERATORS(X)                          \
	BIT_OPERATORS(X)                           \
	X(TRN_ALU_BYPASS, a)                       \
	X(TRN_ALU_NOT, ~a)                         \
	X(TRN_ALU_SHL, b < 32 ? a << (b & 31) : 0) \
	X(TRN_ALU_SHR, b < 32 ? a >> (b & 31) : 0) \
	X(TRN_ALU_ADD, a + b)                      \
	X(TRN_ALU_SUB, a - b)                      \
	X(TRN_ALU_MUL, a *b)                       \
	X(TRN_ALU_MAX, more(a, b, flip) ? a : b)   \
	X(TRN_ALU_MIN, more(b, a, flip) ? a : b)   \
	X(TRN_ALU_EQ, a == b)                      \
	X(TRN_ALU_NE, a != b)                      \
	X(TRN_ALU_GE, !more(b, a, flip))           \
	X(TRN_ALU_GT, more(a, b, flip))            \
	X(TRN_ALU_LE, !more(a, b, flip))           \
	X(TRN_ALU_LT, more(b, a, flip))            \
	X(TRN_ALU_LAND, a != 0 && b != 0)          \
	X(TRN_ALU_LOR, a != 0 || b != 0)           \
	X(TRN_ALU_LXOR, (a != 0) != (b != 0))      \
	X(TRN_ALU_ABS, magnitude(a))

TRN_ALU_LOOPS(word, uint32_t, WORD_OPERATORS)

void trn_word_rows(uint32_t op, bool is_unsigned, uint32_t *dst, const uint32_t *a,
		   const uint32_t *b, size_t count)
{
	const uint32_t flip = is_unsigned ? 0x80000000u : 0;

	word_both(op, flip, dst, a, b, count);
}

void trn_word_scalar(uint32_t op, uint32_t *dst, const uint32_t *a, uint32_t b, bool reverse,
		     size_t count)
{
	if (reverse)
		word_left(op, 0, dst, b, a, count);
	else
		word_right(op, 0, dst, a, b, count);
}

uint32_t trn_word_reduce(uint32_t op, const uint32_t *x, size_t count)
{
	uint32_t a = x[0];

	switch (op) {
#define REDUCE(name, result)                         \
	case name:                                   \
		for (size_t i = 1; i < count; i++) { \
			const uint32_t b = x[i];     \
                                                     \
			a = (result);                \
		}                                    \
		break;
		BIT_OPERATORS(REDUCE)
#undef REDUCE
	default:
		break;
	}
	return a;
}

uint32_t trn_alu_register(uint32_t op, uint32_t a, uint32_t b)
{
	const uint32_t flip = 0;

	switch (op) {
#define ONE(name, result) \
	case name:        \
		return (result);
		WORD_OPERATORS(ONE)
#undef ONE
	default: /* the rules let no other operator through */
		return a;
	}
}
