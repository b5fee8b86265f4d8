/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions with random fields that the loader takes, for tests that read and write them. */
#ifndef RUNTIME_TEST_INSN_H
#define RUNTIME_TEST_INSN_H

#include <trn/isa.h>
#include "base/prng.h"

/* Arguments that such an instruction may name. */
#define TRN_TEST_INSN_ARGS 4

union trn_test_insn {
	struct trn_isa_compute c;
	struct trn_isa_dma d;
	uint8_t bytes[TRN_ISA_WORDS_MAX * TRN_ISA_WORD_SIZE];
};

/* An instruction of this opcode; head.words is set. Branches go to word 0. */
void trn_test_insn_make(struct trn_prng *prng, uint8_t op, union trn_test_insn *insn);
/* One of the engines that have it. */
enum trn_engine trn_test_insn_engine(struct trn_prng *prng, uint8_t op);

#endif /* RUNTIME_TEST_INSN_H */
