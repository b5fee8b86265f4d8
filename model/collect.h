/* SPDX-License-Identifier: Apache-2.0 */
/* What flies by itself for commands: sync processors and the COLLECT commands that have them, and
 * copies between chips. Shared by ext_collect.c, ext_sync.c and ext_far.c; nobody else includes
 * it. */
#ifndef MODEL_COLLECT_H
#define MODEL_COLLECT_H

#include "model/ext.h"
#include "model/transfer.h"

struct trn_processor;

/* A transfer or a signal that a processor has started. Whoever has an event for it in the calendar
 * frees it there, cancelled or not. */
struct trn_flight {
	struct trn_transfer transfer;
	struct trn_processor *processor;
	struct trn_queue *queue;          /* of a COPY between chips, which has no processor */
	struct trn_flight *next, *before; /* the processor's, oldest first; next of the free ones */
	struct trn_chip *to;              /* where dst is, or the semaphore of a SIGNAL */
	uint64_t signal;                  /* as the processor sees it; 0: none */
	uint32_t value, op, peer;
	uint64_t begin_ps;
	bool is_signal;
	bool due;     /* a SIGNAL that has come, but for what was sent before */
	bool answers; /* the transfer is done, its signal is on the way back */
	bool unborn;  /* has no event */
	bool cancelled;
};

enum trn_processor_state {
	TRN_PROCESSOR_FREE = 0,
	TRN_PROCESSOR_RUN,   /* a step is in the calendar */
	TRN_PROCESSOR_WAIT,  /* for its semaphore */
	TRN_PROCESSOR_FENCE, /* for its flights */
	TRN_PROCESSOR_FULL,  /* for one of them */
	TRN_PROCESSOR_ENDED,
};

struct trn_processor {
	struct trn_sync_unit *unit;
	uint32_t index;
	enum trn_processor_state state;
	uint32_t epoch; /* steps of an older epoch are stale */
	struct trn_collect *collect;
	struct trn_ext_sync_stream stream;
	uint32_t pc;
	struct trn_ext_sync_op ahead[TRN_SYNC_AHEAD]; /* operations from ahead_at on */
	uint32_t ahead_at, ahead_count;
	uint64_t since_ps; /* of a wait */
	struct trn_flight *oldest, *newest;
	uint32_t flights, signals; /* SIGNALs among them */
};

enum trn_collect_state {
	TRN_COLLECT_NONE = 0,
	TRN_COLLECT_LINE, /* stands in line for its processors */
	TRN_COLLECT_RUN,
};

/* The COLLECT command of a queue. */
struct trn_collect {
	struct trn_queue *queue;
	enum trn_collect_state state;
	uint32_t processors; /* a bit for each that it needs */
	uint32_t live;       /* streams that have not ended, and flights */
	struct trn_ext_collect head;
	struct trn_ext_sync_stream stream[TRN_SYNC_STREAMS_MAX];
	struct trn_limit limit;
};

#define TRN_FLIGHTS_CHUNK 32u
struct trn_flight_chunk {
	struct trn_flight_chunk *next;
	struct trn_flight flight[TRN_FLIGHTS_CHUNK];
};

/* Of a chip, from its first COLLECT, or copy to or from another chip, on. */
struct trn_sync_unit {
	struct trn_launch *launch;
	struct trn_processor processor[TRN_TOPSPS];
	uint32_t taken;                       /* processors of commands that run */
	struct trn_slots *engines[TRN_CORES]; /* of each core, shared by its two processors */
	struct trn_flight *free;
	struct trn_flight_chunk *chunks;
	uint32_t line_count;
	uint8_t line[TRN_EXT_QUEUES]; /* queues, in order of arrival */
	struct trn_collect collect[TRN_EXT_QUEUES];
};

/* ext_sync.c */
/* NULL: no memory. What is in it is of old. */
struct trn_flight *trn_flight_get(struct trn_sync_unit *unit);
void trn_flight_put(struct trn_sync_unit *unit, struct trn_flight *flight);
void trn_processor_start(struct trn_processor *processor, struct trn_collect *collect,
			 const struct trn_ext_sync_stream *stream);
/* Stops where it is; what it has started goes no further. */
void trn_processor_stop(struct trn_processor *processor);
/* A wait that began at since_ps has taken its limit. */
void trn_processor_timeout(struct trn_processor *processor);
static inline bool trn_processor_waits(const struct trn_processor *processor)
{
	return processor->state == TRN_PROCESSOR_WAIT || processor->state == TRN_PROCESSOR_FENCE;
}

/* ext_collect.c. Made when first asked for; NULL: no memory. */
struct trn_sync_unit *trn_sync_unit(struct trn_launch *launch);
/* A processor begins to wait; so many streams or flights
 * have ended; an error. */
void trn_collect_waits(struct trn_collect *collect);
void trn_collect_left(struct trn_collect *collect, uint32_t count);
void trn_collect_fail(struct trn_collect *collect, const struct trn_queue_error *error);

#endif /* MODEL_COLLECT_H */
