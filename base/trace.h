/* SPDX-License-Identifier: Apache-2.0 */
/* What a device tells a time trace: spans and counters in device time. The model makes
 * them, a writer of trace files takes them. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdint.h>

enum trn_trace_kind {
	TRN_TRACE_INSTRUCTION = 0, /* span: an engine of a core, from issue to the next issue */
	TRN_TRACE_DMA = 1,         /* span: a DMA, from its trigger to its semaphore */
	TRN_TRACE_COPY = 2,        /* span: a command of a queue */
	TRN_TRACE_LAUNCH = 3,      /* span: a launch on a core */
	TRN_TRACE_WAIT = 4,        /* span: an engine waited for a semaphore */
	TRN_TRACE_SEMAPHORE = 5,   /* counter: value of a semaphore */
	TRN_TRACE_HBM = 6,         /* counter: bytes/s of a stack since the last sample */
	TRN_TRACE_POWER = 7,       /* counter: milliwatts of the chip since the last sample */
	TRN_TRACE_LINK = 8,     /* counter: bytes/s of a link since the last sample; of the chip it
			     * leaves, or, from a switch, of the chip it goes to */
	TRN_TRACE_TRANSFER = 9, /* span: a transfer of a sync processor */
	TRN_TRACE_SYNC_WAIT = 10, /* span: a sync processor waited */
};

struct trn_trace_item {
	enum trn_trace_kind kind;
	const char *name; /* static: opcode, command */
	uint64_t begin_ps, end_ps;
	uint32_t chip, core;
	uint32_t track; /* engine, DMA queue, semaphore, stack, number of a link, sync processor */
	uint32_t pc;    /* instruction, operation */
	/* Of a counter; bytes of a DMA or transfer; cycles of an instruction; tag of a command;
	 * semaphore of a wait; error of a launch. */
	uint64_t value;
};

typedef void trn_trace_fn(void *user, const struct trn_trace_item *item);

#endif /* BASE_TRACE_H */
