/* SPDX-License-Identifier: Apache-2.0 */
/* Items of a time trace (base/trace.h). What is kept here decides nothing: a model with and
 * one without a hook do the same at the same times. */
#ifndef MODEL_TRACE_H
#define MODEL_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/trace.h"

struct trn_chip;
struct trn_core;
struct trn_core_engine;
struct trn_inst;
struct trn_queue;

/* Of an engine: the instruction that was issued last, until the next one; a wait. */
struct trn_trace_engine {
	const char *name; /* NULL: none */
	uint64_t begin_ps, end_ps, cycles;
	uint32_t pc;
	bool waiting;
	uint64_t wait_ps;
};

/* An instruction keeps its engine from begin to end at most. */
void trn_trace_issue(struct trn_core_engine *engine, const struct trn_inst *inst, uint64_t begin_ps,
		     uint64_t end_ps);
/* The instruction that stands in front of its engine waits, or has waited. */
void trn_trace_wait(struct trn_core_engine *engine, bool waiting);
void trn_trace_dma(const struct trn_core *core, const struct trn_inst *inst, uint64_t begin_ps);
/* A semaphore has a new value. */
void trn_trace_semaphore(const struct trn_core *core, uint32_t semaphore);
/* A launch begins: semaphores that are not 0 will be. */
void trn_trace_launch(const struct trn_core *core);
/* It ended now, one way or the other. */
void trn_trace_launch_end(struct trn_core *core);
/* A sync processor's transfer, or wait, ended now; value: bytes, or the semaphore. */
void trn_trace_sync(const struct trn_chip *chip, enum trn_trace_kind kind, const char *name,
		    uint64_t begin_ps, uint32_t processor, uint32_t pc, uint64_t value);
/* A command of a queue ended now. */
void trn_trace_command(const struct trn_queue *queue);
/* Bytes that a stack moved from begin to end, in the order of time. */
void trn_trace_hbm(struct trn_chip *chip, uint32_t stack, uint64_t begin_ps, uint64_t end_ps,
		   uint64_t bytes);
/* The same of a link; *last is what its last sample said. */
void trn_trace_link(struct trn_chip *chip, uint32_t link, uint64_t slot_ps, uint64_t slot,
		    uint64_t bytes, uint64_t *last);
/* A trace begins: nothing of before belongs to it. */
void trn_trace_begin(struct trn_chip *chip);
/* It ends: what is left of samples. */
void trn_trace_end(struct trn_chip *chip);

#endif /* MODEL_TRACE_H */
