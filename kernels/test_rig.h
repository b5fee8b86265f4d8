/* SPDX-License-Identifier: Apache-2.0 */
/* For the kernels' tests: a device, buffers filled from the host, one launch. Failures
 * fail the test that runs. */
#ifndef KERNELS_TEST_RIG_H
#define KERNELS_TEST_RIG_H

#include <trn/builder.h>
#include <trn/trn.h>

#define RIG_ARGS_MAX 16

struct trn_rig {
	struct trn_context *context;
	struct trn_device *device;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_buffer *buffer[RIG_ARGS_MAX];
	struct trn_arg arg[RIG_ARGS_MAX];
	uint32_t args;
};

void trn_rig_open(struct trn_rig *rig, const char *uri);
/* Also fails the test when the model's checker saw a violation. */
void trn_rig_close(struct trn_rig *rig);
/* The next argument: a buffer with these bytes (NULL: zero). Its number. */
uint32_t trn_rig_buffer(struct trn_rig *rig, const void *bytes, uint64_t size);
uint32_t trn_rig_scalar(struct trn_rig *rig, uint64_t value);
void trn_rig_read(struct trn_rig *rig, uint32_t arg, void *ret_bytes, uint64_t size);
/* Loads the image, runs it with the arguments so far, forgets the image. The code of
 * the launch: 0, or the device's error. */
int trn_rig_run(struct trn_rig *rig, void *image, size_t bytes);
/* Forgets the arguments. */
void trn_rig_clear(struct trn_rig *rig);

#endif /* KERNELS_TEST_RIG_H */
