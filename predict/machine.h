/* SPDX-License-Identifier: Apache-2.0 */
/* Runs programs on a mock in timing-only mode and says what they took. The cores that share an
 * HBM stack run the same program at the same time, so each gets its share of the stack. */
#ifndef PREDICT_MACHINE_H
#define PREDICT_MACHINE_H

#include <trn/trn.h>
#include "predict/predict.h"

#define TRN_MACHINE_CORES 2u /* of a chip's eight that are run: those of one stack, H 1.1 */

struct trn_machine;

/** struct trn_machine_arg - an argument of a program: a buffer, or a number */
struct trn_machine_arg {
	uint64_t bytes;      /* 0: a number */
	uint64_t value;      /* the number */
	const void *content; /* of the buffer's first bytes; NULL: zero */
	uint64_t content_bytes;
};

/** struct trn_machine_cost - what a run took, of one core */
struct trn_machine_cost {
	double seconds;
	double busy[5]; /* seconds of each engine, by enum trn_engine */
	double dma_bytes, macs, instructions;
	double joules;     /* that work took, docs/energy.md */
	double idle_watts; /* of the chip, whether there is work or not */
};

/* @options is added to the mock's URI and begins with "&", or is NULL. */
int trn_machine_open(const char *gen, uint64_t seed, const char *options,
		     struct trn_machine **ret_machine, struct trn_predict_why *why);
struct trn_machine *trn_machine_close(struct trn_machine *machine);
/* Takes the image. Arguments in the program's order. */
int trn_machine_run(struct trn_machine *machine, void *image, size_t bytes,
		    const struct trn_machine_arg *args, uint32_t arg_count,
		    struct trn_machine_cost *ret_cost, struct trn_predict_why *why);
/* a + factor * b */
void trn_machine_cost_add(struct trn_machine_cost *a, const struct trn_machine_cost *b,
			  double factor);

#endif /* PREDICT_MACHINE_H */
