/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test of the runtime starts from: a context with a counting
 * allocator and a log that is kept, and the scripted device, open. */
#ifndef RUNTIME_TEST_RIG_H
#define RUNTIME_TEST_RIG_H

#include "base/test_alloc.h"
#include "base/test_main.h"
#include "runtime/program.h"
#include "runtime/test_hal.h"

#define SOON trn_deadline_in(UINT64_C(5000000000))

struct trn_rig {
	struct trn_test_alloc mem;
	struct trn_context *context;
	struct trn_device *device;
	uint32_t log_lines;
	char log_last[256];
};

/* caps: TRN_HAL_CAP_* of the device, 0 for all of them. */
void trn_rig_up(struct trn_rig *rig, uint32_t caps);
/* Also checks that nothing is left: memory, device memory, queues, devices. */
void trn_rig_down(struct trn_rig *rig);
/* The record of the last failure: its code is as given and its cause holds the text. */
void trn_rig_expect(struct trn_rig *rig, int code, const char *cause);
struct trn_buffer *trn_rig_buffer(struct trn_rig *rig, enum trn_buffer_kind kind, uint64_t bytes);
struct trn_queue *trn_rig_queue(struct trn_rig *rig, uint32_t depth);
/* A program without streams, as trn_program_load() would leave it: a buffer of 100 bytes or more,
 * then a number. */
struct trn_program *trn_rig_program(struct trn_rig *rig, uint32_t hidden);

#endif /* RUNTIME_TEST_RIG_H */
