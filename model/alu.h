/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on rows of FP32, on rows of 32-bit words, and on registers. Part of core.h. */
#ifndef MODEL_ALU_H
#define MODEL_ALU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trn_alu_group {
	TRN_ALU_GROUP_NONE = 0, /* no such operator */
	TRN_ALU_GROUP_BYPASS = 1,
	TRN_ALU_GROUP_ARITH = 2,
	TRN_ALU_GROUP_BIT = 3,
	TRN_ALU_GROUP_UNARY = 4,
};
enum trn_alu_group trn_alu_group(uint32_t op);

/* alu.c. dst[i] = a[i] op b[i]; dst may be a or b. */
void trn_alu_rows(uint32_t op, float *dst, const float *a, const float *b, size_t count);
/* dst[i] = a[i] op b, or b op a[i] when reverse. */
void trn_alu_scalar(uint32_t op, float *dst, const float *a, float b, bool reverse, size_t count);
/* All elements joined, in the defined order; count >= 1. */
float trn_alu_reduce(uint32_t op, const float *x, size_t count);

/* alu_words.c: bits, and exact integers that wrap. Maximum, minimum and comparisons are
 * unsigned where that is said, else signed. */
void trn_word_rows(uint32_t op, bool is_unsigned, uint32_t *dst, const uint32_t *a,
		   const uint32_t *b, size_t count);
void trn_word_scalar(uint32_t op, uint32_t *dst, const uint32_t *a, uint32_t b, bool reverse,
		     size_t count);
/* Bit operators only. */
uint32_t trn_word_reduce(uint32_t op, const uint32_t *x, size_t count);
/* One signed operation of a sequencer. */
uint32_t trn_alu_register(uint32_t op, uint32_t a, uint32_t b);

#endif /* MODEL_ALU_H */
