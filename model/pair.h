/* SPDX-License-Identifier: Apache-2.0 */
/* Two cores of a pair, between seq.c, core.c and pair.c. */
#ifndef MODEL_PAIR_H
#define MODEL_PAIR_H

#include "model/core.h"

/* seq.c, for pair.c: a DMA's transfer is over; an engine looks again; a core has lost an event. */
void trn_seq_dma_done(struct trn_core *core, uint32_t slot);
void trn_seq_wake(struct trn_core_engine *engine);
void trn_seq_lost(struct trn_core *core, uint32_t engine);

/* pair.c: the other core of a pair. */
trn_check_fn trn_check_core_barrier, trn_check_sendrecv;
/* True when the barrier that an engine stands at may be passed. */
bool trn_pair_barrier(struct trn_core_engine *engine);
/* A SENDRECV has been issued: it meets the other side, or waits for it. Negative with *error
 * when the two do not go together. */
int trn_pair_exchange(struct trn_core *core, uint32_t slot, struct trn_core_error *error);
/* The core does not run any more. */
void trn_pair_stopped(struct trn_core *core);
uint64_t trn_pair_hash(const struct trn_core *core, uint64_t hash);
/* What these instructions do is done before they retire. */
trn_check_fn trn_exec_pair;

#endif /* MODEL_PAIR_H */
