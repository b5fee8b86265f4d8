/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of the measurements: a device with a queue, a batch and a timeline. */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include <trn/trn.h>

#define BENCH_INLINE "mock:trn3"             /* who waits steps the model */
#define BENCH_THREADED "mock:trn3?threads=1" /* the model on CPU 1 */

struct bench_rig {
	struct trn_context *context;
	struct trn_device *device;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_timeline *timeline;
	uint64_t value;       /* last one that was asked of the timeline */
	uint64_t deadline_ns; /* of everything: far away */
};

/* All of it; a batch of commands_max commands. The model's thread, where there is one, is on CPU
 * 1, the caller afterwards on CPU 0. What was made before an error is the rig's to end. */
int bench_rig_open(struct bench_rig *rig, const char *uri, uint32_t depth, uint32_t commands_max);
void bench_rig_close(struct bench_rig *rig);
/* The batch becomes count no-ops and a signal of the next value. */
int bench_rig_record(struct bench_rig *rig, uint32_t count);
int bench_rig_submit(struct bench_rig *rig);
/* For the timeline. */
int bench_rig_wait(struct bench_rig *rig);

#endif /* BENCH_RIG_H */
