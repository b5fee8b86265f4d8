/* SPDX-License-Identifier: Apache-2.0 */
/* A device whose every answer a test can choose, in the place of hal/. It runs
 * commands in order, one for each progress(); it is no model of any silicon. */
#ifndef RUNTIME_TEST_HAL_H
#define RUNTIME_TEST_HAL_H

#include "hal/hal.h"

#define TRN_TEST_QUEUES 64 /* of a device */

enum trn_test_op {
	TRN_TEST_OPEN,
	TRN_TEST_INFO,
	TRN_TEST_MEM_ALLOC,
	TRN_TEST_MEM_FREE,
	TRN_TEST_MEM_MAP,
	TRN_TEST_COPY,
	TRN_TEST_QUEUE_OPEN,
	TRN_TEST_QUEUE_CLOSE,
	TRN_TEST_QUEUE_KICK,
	TRN_TEST_QUEUE_RESET,
	TRN_TEST_SIGNAL,
	TRN_TEST_PROGRESS,
	TRN_TEST_SEM_READ,
	TRN_TEST_CORE_ERROR,
	TRN_TEST_CORE_CLAIM,
	TRN_TEST_RESET,
	TRN_TEST_TELEMETRY,
	TRN_TEST_REG,
	TRN_TEST_CONTROL,
	TRN_TEST_DISCOVER,
	TRN_TEST_TRACE,
	TRN_TEST_WATCH,
	TRN_TEST_OPS,
};

/* One for the whole process: what the next device is, and what happens to it. */
struct trn_test_hal {
	struct trn_hal_info info;
	uint32_t devices;        /* what a URI stands for */
	const char *discover[4]; /* URIs that hardware discovery names */
	int fail[TRN_TEST_OPS];  /* answer of the op once `after` calls have passed */
	uint32_t after[TRN_TEST_OPS];
	uint32_t calls[TRN_TEST_OPS];
	bool counted;       /* telemetry has a page of counters */
	bool log_each_copy; /* the HAL logs inside copy */
	bool never_idle;    /* progress() with nothing to do answers 0: a free-running device */
	bool dead;          /* progress() does nothing at all, and is never idle */
	/* When a queue reaches this command (counted over all queues from 1; 0: never) it stops. */
	uint64_t error_at;
	struct trn_ext_status error; /* error, address, core, engine, ... ; tag is filled */
	bool wrong_tag;
	uint32_t head_lie; /* added to every head */
	uint64_t executed;
	uint64_t launches;
	struct trn_ext_launch launch; /* the last one */
	struct trn_ext_arg args[TRN_ISA_ARGS_MAX];
	uint32_t live_mem, live_queues, live_devices;
	struct trn_hal_claim claims[8];
	uint32_t busy_releases; /* so many more find the core at work */
	uint32_t reset_map;     /* cores of the last reset */
	trn_trace_fn *trace;    /* of the device that was told last */
	void *trace_user;
	void (*watch)(void *user); /* of the device that was told last */
	void *watch_user;
};
extern struct trn_test_hal trn_test_hal;

/* The defaults: 8 cores, 4 stacks of 16 MiB, every capability, inline. */
void trn_test_hal_init(void);

#endif /* RUNTIME_TEST_HAL_H */
