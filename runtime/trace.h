/* SPDX-License-Identifier: Apache-2.0 */
/* A time trace of a context: items of its devices as a file of trace events. The context holds
 * a reference on the trace, and so does every device whose items go there. */
#ifndef RUNTIME_TRACE_H
#define RUNTIME_TRACE_H

#include <stdint.h>
#include <trn/types.h>
#include "base/trace.h"

struct trn_trace;

/* One device of a trace: user pointer of trn_trace_put(). Zero: none. */
struct trn_trace_source {
	struct trn_trace *trace;
	uint32_t number;   /* of the device in the trace */
	const char *name;  /* its URI; lives as long as the source */
	uint64_t seen[33]; /* bit per track of cores and of the chip that has its name */
};

/* -errno of the file; -ENOMEM. */
int trn_trace_open(const struct trn_alloc *alloc, const char *path, struct trn_trace **ret_trace);
void trn_trace_ref(struct trn_trace *trace);
void trn_trace_unref(struct trn_trace *trace);
/* Ends the file: what comes later is dropped. The first error of writing, or 0. */
int trn_trace_close(struct trn_trace *trace);
/* Number of the next device. */
uint32_t trn_trace_next(struct trn_trace *trace);
/* A trn_trace_fn: any thread, no lock above it but the backend's. */
void trn_trace_put(void *user, const struct trn_trace_item *item);

#endif /* RUNTIME_TRACE_H */
