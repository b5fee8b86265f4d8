/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the vector engine's instructions: operators by their definition, operands
 * with the values that go wrong first. */
#ifndef MODEL_TEST_VECTOR_H
#define MODEL_TEST_VECTOR_H

#include "model/test_core.h"

/* Arithmetic operators of both generations, without BYPASS; those of trn2 come first. */
#define TRN_TEST_OPERATORS 16u
#define TRN_TEST_OPERATORS_TRN2 14u
extern const uint8_t trn_test_operators[TRN_TEST_OPERATORS];

/* a op b in FP32; not POW. */
float trn_test_alu(uint32_t op, float a, float b);
/* A row joined in the order that the page defines; without elements' signs for ABS_MAX and
 * ABS_MIN. */
float trn_test_join(uint32_t op, const float *x, uint32_t count);
/* Bits of an immediate. */
uint32_t trn_test_bits(float value);

/* One element of a pattern. */
void trn_test_set(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		  float value);
/* A random pattern in SBUF with random values, one in four of them an edge: zeros of both
 * signs, infinities, NaN, subnormals, the largest and the smallest, ties. */
struct trn_isa_ap trn_test_edges(struct trn_test_core *tc, const struct trn_test_place *place,
				 enum trn_dtype dtype, uint32_t offset);
/* The same values in one FP32 column. */
struct trn_isa_ap trn_test_column(struct trn_test_core *tc, const struct trn_test_place *place,
				  uint32_t offset);
/* Emits a copy of an SBUF pattern to PSUM and gives the pattern there. */
struct trn_isa_ap trn_test_psum(struct trn_test_core *tc, const struct trn_isa_ap *ap,
				uint32_t offset);
/* Bits of two elements are the same. */
void trn_test_same_bits(struct trn_test_core *tc, const struct trn_isa_ap *a,
			const struct trn_isa_ap *b, uint32_t p, uint32_t n);

#endif /* MODEL_TEST_VECTOR_H */
