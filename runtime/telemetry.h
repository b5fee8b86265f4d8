/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, and the ring of events: inside of devices, queues and contexts. */
#ifndef RUNTIME_TELEMETRY_H
#define RUNTIME_TELEMETRY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/error.h>
#include <trn/telemetry.h>
#include "base/histogram.h"
#include "hal/hal.h"
#include "runtime/memory.h"

#define TRN_EVENT_WORDS (sizeof(struct trn_event) / sizeof(uint64_t))
#define TRN_ERROR_CODES_MAX 48u /* runtime/error.c has fewer */

/*
 * The ring. A writer of event n takes slot n % KEPT by turning its stamp from the even number of
 * an earlier event to 2n + 1, moves `last` to n, writes, and leaves 2n + 2 behind. So numbers
 * have no holes, and the stamp tells a reader whether what it copied is whole. A slot
 * whose writer has stopped in the middle keeps its number from others for a whole round: then
 * events are dropped and counted, which nobody waits for.
 */
struct trn_event_slot {
	_Atomic uint64_t stamp;
	_Atomic uint64_t words[TRN_EVENT_WORDS];
};

struct trn_event_ring {
	_Atomic uint64_t last; /* newest number that a slot was taken for */
	_Atomic uint64_t dropped;
	struct trn_event_slot slots[TRN_EVENTS_KEPT];
};

/* event.c. Number and time are filled in. Any thread, under any lock; also in a signal handler. */
void trn_event_write(struct trn_event_ring *ring, const struct trn_event *event);
/* The event after *number, or the oldest that is still there: its number replaces *number. False
 * when there is none yet. */
bool trn_event_read(const struct trn_event_ring *ring, uint64_t *number, uint64_t *ret_missed,
		    struct trn_event *ret_event);

struct trn_device;
struct trn_queue;
/* An event with nothing known but the kind. */
struct trn_event trn_event_of(enum trn_event_kind kind);
void trn_device_event(struct trn_device *device, const struct trn_event *event);
/* One that is made of an error's record. */
void trn_device_event_error(struct trn_device *device, enum trn_event_kind kind,
			    const struct trn_error *error);
/* The device is gone: said once, until a reset brings it back. */
void trn_device_lose(struct trn_device *device);

/* ---- counters ---- */

/* Counters of a queue: its owner's thread writes them, anybody reads. */
struct trn_queue_count {
	_Atomic uint64_t submits; /* batches taken: doorbells */
	_Atomic uint64_t full;    /* -EAGAIN */
	_Atomic uint64_t stalls;  /* submits that waited for room */
	_Atomic uint64_t waits;
	_Atomic uint64_t sleeps; /* waits that slept */
	_Atomic uint64_t faults;
	_Atomic uint64_t resets;
	_Atomic uint64_t unmeasured; /* batches that no mark was left for */
};

/* Batches under way whose latency will be counted. The owner's. */
#define TRN_LATENCY_MARKS 64u

struct trn_latency_mark {
	uint64_t sequence; /* of the last command */
	uint64_t ns;       /* when its doorbell was rung */
};

struct trn_latency_marks {
	uint64_t taken, given;
	struct trn_latency_mark at[TRN_LATENCY_MARKS];
};

/* The same as numbers, for a text that is about to be written. context.lock */
struct trn_queue_snap {
	uint64_t depth, submitted, completed;
	uint64_t submits, full, stalls, waits, sleeps, faults, resets;
	struct trn_histogram_sums latency;
};

struct trn_device_count {
	_Atomic uint64_t opened;  /* queues */
	_Atomic uint64_t resets;  /* of the device or of cores */
	_Atomic uint64_t losses;  /* times it was lost */
	_Atomic uint64_t refused; /* requests for memory: no room or a quota */
};

struct trn_device_snap { /* context.lock */
	bool fresh;      /* taken for the text that is being written */
	bool health;     /* hal is filled */
	bool counted;    /* with the page of counters */
	struct trn_hal_telemetry hal;
	struct trn_memory_usage places[TRN_MEMORY_PLACES]; /* the host behind the last stack */
	uint64_t one, up, cores, queues, events, dropped, opened, resets, losses, refused;
};

static inline void trn_count(_Atomic uint64_t *count)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* Where several threads count. */
static inline void trn_count_shared(_Atomic uint64_t *count)
{
	(void)atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static inline uint64_t trn_counted(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* error.c: the codes that the library has words for: number `index`, or 0 past the last; and
 * which one a code is, or -1. */
int trn_error_code_at(uint32_t index, const char **ret_text);
int trn_error_code_index(int code);

/* latency.c. Owner: a batch was submitted; the device has come so far. */
void trn_latency_mark(struct trn_queue *queue, uint64_t sequence);
void trn_latency_reap(struct trn_queue *queue, uint64_t completed);

/* telemetry_snap.c: numbers of every device and queue of the context, now. */
void trn_telemetry_take(struct trn_context *context);

#endif /* RUNTIME_TELEMETRY_H */
