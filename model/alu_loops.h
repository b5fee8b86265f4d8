/* SPDX-License-Identifier: Apache-2.0 */
/* Row loops made from a table of operators: X(operator, result of a and b), one plain loop for
 * each. For alu.c and alu_words.c only. */
#ifndef MODEL_ALU_LOOPS_H
#define MODEL_ALU_LOOPS_H

#include <stddef.h>
#include <stdint.h>

/* Cases of a switch: both are rows, the right one is a number, the left one is. */
#define TRN_ALU_BOTH(name, result)                   \
	case name:                                   \
		for (size_t i = 0; i < count; i++) { \
			const element a = x[i];      \
			const element b = y[i];      \
                                                     \
			(void)b;                     \
			dst[i] = (result);           \
		}                                    \
		break;
#define TRN_ALU_RIGHT(name, result)                  \
	case name:                                   \
		for (size_t i = 0; i < count; i++) { \
			const element a = x[i];      \
			const element b = y;         \
                                                     \
			(void)b;                     \
			dst[i] = (result);           \
		}                                    \
		break;
#define TRN_ALU_LEFT(name, result)                   \
	case name:                                   \
		for (size_t i = 0; i < count; i++) { \
			const element a = x;         \
			const element b = y[i];      \
                                                     \
			(void)b;                     \
			dst[i] = (result);           \
		}                                    \
		break;

/* One function; flip is what a table may ask for beside a and b. */
#define TRN_ALU_LOOP(target, name, type, X, left, right, CASES)                         \
	target static void name(uint32_t op, uint32_t flip, type *dst, left x, right y, \
				size_t count)                                           \
	{                                                                               \
		typedef type element;                                                   \
                                                                                        \
		(void)flip;                                                             \
		switch (op) {                                                           \
			X(CASES)                                                        \
		default: /* the rules let no other operator through */                  \
			break;                                                          \
		}                                                                       \
	}
#define TRN_ALU_UNIT(target, name, suffix, type, X)                                            \
	TRN_ALU_LOOP(target, name##_both##suffix, type, X, const type *, const type *,         \
		     TRN_ALU_BOTH)                                                             \
	TRN_ALU_LOOP(target, name##_right##suffix, type, X, const type *, type, TRN_ALU_RIGHT) \
	TRN_ALU_LOOP(target, name##_left##suffix, type, X, type, const type *, TRN_ALU_LEFT)

/* name_both(), name_right() and name_left() for the unit that the host has. */
#if defined(__x86_64__)
#define TRN_ALU_CHOICE(name, which, type, left, right)                                     \
	static void name##_##which(uint32_t op, uint32_t flip, type *dst, left x, right y, \
				   size_t count)                                           \
	{                                                                                  \
		if (__builtin_cpu_supports("avx2"))                                        \
			name##_##which##_wide(op, flip, dst, x, y, count);                 \
		else                                                                       \
			name##_##which##_plain(op, flip, dst, x, y, count);                \
	}
#define TRN_ALU_LOOPS(name, type, X)                                        \
	TRN_ALU_UNIT(, name, _plain, type, X)                               \
	TRN_ALU_UNIT(__attribute__((target("avx2"))), name, _wide, type, X) \
	TRN_ALU_CHOICE(name, both, type, const type *, const type *)        \
	TRN_ALU_CHOICE(name, right, type, const type *, type)               \
	TRN_ALU_CHOICE(name, left, type, type, const type *)
#else
#define TRN_ALU_LOOPS(name, type, X) TRN_ALU_UNIT(, name, , type, X)
#endif

#endif /* MODEL_ALU_LOOPS_H */
