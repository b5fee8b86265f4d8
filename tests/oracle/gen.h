/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that several generators of instructions share (gen_elem.c). */
#ifndef TESTS_ORACLE_GEN_H
#define TESTS_ORACLE_GEN_H

#include "oracle.h"

/* A binary operator of the arithmetic group, or BYPASS, that the generation has. */
uint32_t orc_arithmetic(struct orc_case *g);
/* Two tensors, at most one of them in PSUM. */
void orc_two_sources(struct orc_case *g, uint32_t set, uint32_t p, uint32_t n, struct trn_isa_ap *a,
		     struct trn_isa_ap *b);
/* Operands a (bit 0 of which) and b (bit 1): immediates or columns. */
void orc_scalars(struct orc_case *g, struct trn_isa_compute *c, uint32_t p, uint32_t which,
		 bool bits);
/* Where the generation has it, sometimes: one operand becomes a region with an index. */
void orc_index(struct orc_case *g, struct trn_isa_compute *c);
/* Emits it with as many words as its operands need. */
void orc_put_last(struct orc_case *g, const struct trn_isa_compute *c);
/* Emits it a few times with accumulator commands. load: it knows LOAD_REDUCE. */
void orc_modes(struct orc_case *g, struct trn_isa_compute *c, uint32_t p, bool load);
/* SRC1: eight values, most of which are in SRC0. */
void orc_wanted(struct orc_case *g, struct trn_isa_compute *c);

#endif /* TESTS_ORACLE_GEN_H */
