/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry: what happened to a device, and numbers of a context as text. */
#ifndef TRN_TELEMETRY_H
#define TRN_TELEMETRY_H

#include <trn/device.h>
#include <trn/queue.h>

TRN_BEGIN_DECLS

/* ---- events ---- */

/** enum trn_event_kind - what happened; the members of struct trn_event that it sets */
enum trn_event_kind {
	TRN_EVENT_OPEN = 1,        /* the device was opened */
	TRN_EVENT_CLAIM = 2,       /* core */
	TRN_EVENT_RELEASE = 3,     /* core */
	TRN_EVENT_QUEUE_OPEN = 4,  /* queue; value: depth */
	TRN_EVENT_QUEUE_CLOSE = 5, /* queue; value: commands that it took */
	TRN_EVENT_QUEUE_RESET = 6, /* queue, code (why); value: commands that were dropped */
	TRN_EVENT_FAULT = 7,       /* a queue stopped: queue, command, code, core, address, text */
	TRN_EVENT_REFUSED = 8,     /* a doorbell was refused: queue, code; value: commands */
	TRN_EVENT_TIMEOUT = 9,     /* a wait ran out: queue, code; value: sequence */
	TRN_EVENT_DEADLOCK = 10,   /* queues wait for each other: queue, code, text */
	TRN_EVENT_RESET = 11,      /* device or cores: code (how it ended); value: core mask */
	TRN_EVENT_LOST = 12,       /* it fell off the bus: code */
	TRN_EVENT_OUT_OF_MEMORY = 13, /* code, text (label); value: bytes wanted */
	TRN_EVENT_QUOTA = 14,         /* code, text (label); value: bytes wanted */
};

#define TRN_EVENT_KINDS 15 /* one past the last */
#define TRN_EVENT_TEXT_MAX 64
/** Events that a device keeps; then the oldest is overwritten. */
#define TRN_EVENTS_KEPT 128

/**
 * struct trn_event - one event; later versions add members at the end
 * @number: counts the events of this handle of the device, from 1
 * @time_ns: CLOCK_MONOTONIC
 * @kind: what happened
 * @code: negative number as calls answer it, or 0
 * @core: NeuronCore, or -1
 * @queue: queue number, or -1
 * @command: index of the command since the queue was made, or -1
 * @address: device address concerned, or 0
 * @value: as the kind says, or 0
 * @text: a few words, cut; or empty
 */
struct trn_event {
	uint64_t number;
	uint64_t time_ns;
	enum trn_event_kind kind;
	int32_t code;
	int32_t core;
	int32_t queue;
	int64_t command;
	uint64_t address;
	uint64_t value;
	char text[TRN_EVENT_TEXT_MAX];
};

/**
 * typedef trn_event_fn - one event of trn_telemetry_events()
 *
 * The event lives for the call. Return non-zero to stop.
 */
typedef int (*trn_event_fn)(void *user, const struct trn_event *event);

/**
 * trn_event_kind_name() - a kind in a word
 * @kind: a kind
 *
 * Context: any thread.
 * Return:  "fault"; "unknown" for none.
 * Since:   0.1
 */
TRN_API const char *trn_event_kind_name(enum trn_event_kind kind);

/**
 * trn_telemetry_events() - the events of a device since the last look
 * @device: a device
 * @cursor: number of the last event that was seen, 0 at first; moved to the last that @fn saw
 * @fn: called once for each, the oldest first
 * @user: handed to @fn
 * @ret_missed: set to how many were overwritten before this look; may be NULL
 *
 * A device keeps its last TRN_EVENTS_KEPT events. Who writes one never waits: not for readers,
 * who notice what they missed, and not for other writers (see trn_device_events_dropped in
 * docs/telemetry.md). Any number of readers have cursors of their own.
 *
 * Context: any thread. Takes no lock, does not allocate; @fn may call anything.
 * Return:  number of events that @fn saw, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_telemetry_events(struct trn_device *device, uint64_t *cursor, trn_event_fn fn,
				 void *user, uint64_t *ret_missed);

/* ---- metrics ---- */

/** enum trn_metric_type - as OpenMetrics has them */
enum trn_metric_type {
	TRN_METRIC_COUNTER = 0, /* only grows, until its object ends or is reset */
	TRN_METRIC_GAUGE = 1,
	TRN_METRIC_INFO = 2, /* always 1; the labels say it */
	TRN_METRIC_HISTOGRAM = 3,
};

/** struct trn_metric - one family of numbers; set size before the call */
struct trn_metric {
	size_t size;
	const char *name; /* static texts; counters get _total behind it in OpenMetrics */
	const char *unit; /* "" for a plain number; else the name ends with it */
	const char *help;
	const char *labels; /* names, with commas between: "device,queue" */
	enum trn_metric_type type;
	uint32_t reserved;
};

/**
 * trn_telemetry_metric() - what numbers there are
 * @index: from 0
 * @ret_metric: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOENT past the last, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_telemetry_metric(uint32_t index, struct trn_metric *ret_metric);

/**
 * trn_telemetry_openmetrics() - all numbers of a context, its devices and queues, as text
 * @context: a context
 * @buf: takes the text, NUL terminated; may be NULL when @size is 0
 * @size: bytes of @buf
 * @ret_needed: set to the bytes that the whole text takes, with the NUL
 *
 * OpenMetrics 1.0 (application/openmetrics-text; version=1.0.0; charset=utf-8). When *ret_needed
 * is above @size, @buf (if there is one) is empty: call again with more; the text grows with
 * devices, queues and digits. Numbers of one device, and those of one queue, are taken at one
 * time. A device that does not answer leaves its registers out, and has trn_device_up 0.
 *
 * Context: any thread. Does not allocate; reads registers of every device, which may take until
 *          another thread's call of that device has ended.
 * Return:  0, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_telemetry_openmetrics(struct trn_context *context, char *buf, size_t size,
				      size_t *ret_needed);

/**
 * trn_telemetry_json() - the same as one JSON object
 * @context: a context
 * @buf: takes the text, NUL terminated; may be NULL when @size is 0
 * @size: bytes of @buf
 * @ret_needed: set to the bytes that the whole text takes, with the NUL
 *
 * {"metrics":[{"name","type","unit","samples":[{"labels":{...},"value":N}]}]}; numbers are
 * what trn_telemetry_openmetrics() says of them. The value of a histogram is an object: count,
 * sum, and buckets as pairs of the upper bound and how many are not above it.
 *
 * Context: as trn_telemetry_openmetrics().
 * Return:  0, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_telemetry_json(struct trn_context *context, char *buf, size_t size,
			       size_t *ret_needed);

/* ---- latency ---- */

/**
 * trn_telemetry_latency() - measure the latency of batches, or stop it
 * @device: a device
 * @on: 1 or 0; 0 when a device is opened
 *
 * From the doorbell of a batch until its queue's owner sees that it has finished: in a wait, a
 * submit or a look. It is the host's time, CLOCK_MONOTONIC. Measuring reads the clock twice for
 * each batch; at most 64 batches of a queue are measured at a time, the others are counted as not
 * measured. Those under way when it is switched count to their end.
 *
 * Context: any thread.
 * Return:  0, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_telemetry_latency(struct trn_device *device, int on);

/** struct trn_latency - latency of a queue's batches so far; set size before the call */
struct trn_latency {
	size_t size;
	uint64_t count;                           /* batches that were measured */
	uint64_t sum_ns;                          /* all their latencies */
	uint64_t unmeasured;                      /* batches that were not, while it was on */
	uint64_t p50_ns, p90_ns, p99_ns, p999_ns; /* 50, 90, 99, 99.9 % are not longer */
};

/**
 * trn_queue_latency() - how long batches of a queue took
 * @queue: a queue
 * @ret_latency: filled; its size member is set by the caller
 *
 * Quantiles are bounds of buckets, four to a doubling: up to a quarter too large above 128 ns,
 * never too small.
 *
 * Context: any thread.
 * Return:  0, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_queue_latency(struct trn_queue *queue, struct trn_latency *ret_latency);

TRN_END_DECLS

#endif /* TRN_TELEMETRY_H */
