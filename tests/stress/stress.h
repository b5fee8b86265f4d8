/* SPDX-License-Identifier: Apache-2.0 */
/* Eight threads that do at random whatever threads may do with one device: what they share, and
 * what each of them has. */
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <trn/diag.h>
#include <trn/trn.h>
#include "base/prng.h"

#define STRESS_WORKERS 8u
#define STRESS_BYTES 4096u /* of every copy; as many as api_image_move() wants */
#define STRESS_SECOND UINT64_C(1000000000)
#define STRESS_PATIENCE (60 * STRESS_SECOND) /* of any one call: a hang, not a slow machine */

/* What goes wrong on purpose. */
#define STRESS_FAULTS 0x1u  /* cores stop with an error in the middle of programs */
#define STRESS_CANCEL 0x2u  /* threads cancel what their queues have */
#define STRESS_RESETS 0x4u  /* somebody resets cores */
#define STRESS_DEVICE 0x8u  /* somebody resets the whole device; no programs, their HBM goes */
#define STRESS_MEMORY 0x10u /* allocations are refused at random */

struct stress;

struct stress_worker {
	struct stress *stress;
	uint32_t index;
	pthread_t thread;
	struct trn_prng prng;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_buffer *in, *out, *hbm; /* hbm: a slice of what all share */
	struct trn_program *program;
	struct trn_pool *pool;
	struct trn_graph_exec *exec;
	struct trn_timeline *timeline; /* any thread waits for it */
	_Atomic uint64_t promised;     /* highest value that the queue was given to signal */
	uint32_t asked, cancelled;     /* callbacks */
	_Atomic uint32_t heard;
	uint64_t done; /* actions that went well */
};

struct stress {
	const char *uri;
	uint32_t flags; /* STRESS_* */
	uint64_t seed;
	struct trn_alloc alloc;
	_Atomic long live;        /* blocks */
	_Atomic uint32_t one_in;  /* so many allocations have one that is refused; 0: none */
	_Atomic uint32_t counter; /* of allocations that may be refused */
	struct trn_context *context;
	struct trn_device *device;
	struct trn_device_info info;
	struct trn_buffer *shared;
	void *image;
	size_t image_bytes;
	struct stress_worker workers[STRESS_WORKERS];
	_Atomic bool stop;
	_Atomic bool failed; /* why is filled */
	char why[384];
};

/* Keeps the first complaint and stops everybody. */
void stress_fail(struct stress *stress, const char *fmt, ...) TRN_PRINTF(2, 3);
/* A worker's thread: works until it is told to stop, then drops all but its timeline. */
void *stress_work(void *worker);

#endif /* TESTS_STRESS_STRESS_H */
