/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of several processes, forked by a test, each with a communicator of ranks of host memory or
 * of chips of a pod of its own. */
#ifndef TESTS_COMM_HOSTS_H
#define TESTS_COMM_HOSTS_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <trn/comm.h>
#include <trn/trn.h>
#include "base/test_main.h"

#define LIMIT_NS UINT64_C(100000000000)
#define LOCALS_MAX 4u
#define PROCESSES_MAX 4u
#define BUFFER_BYTES (UINT64_C(8) << 20)

struct job {
	uint32_t processes;
	uint32_t locals[PROCESSES_MAX]; /* chips; of process 0 none: ranks of host memory */
	const char *provider;
	const char *pod;  /* NULL: "mock:trn2-48xl" */
	uint32_t flags;   /* of the communicator */
	uint32_t variant; /* the test's own */
	uint64_t buffers; /* bytes; 0: BUFFER_BYTES */
	char root[64];
};

struct self {
	const struct job *job;
	uint32_t process, locals, first, ranks;
	struct trn_context *context;
	struct trn_device *devices[64];
	struct trn_buffer *src[LOCALS_MAX], *dst[LOCALS_MAX];
	struct trn_comm *comm;
};

/* Says what went wrong, in a child. */
int wrong(const struct self *self, int r, const char *what);
typedef int process_fn(struct self *self);
/* Runs fn in so many children; bits of those that did not answer 0. */
uint32_t run_job(struct job *job, process_fn *fn);
int open_all(struct self *self);
void close_all(struct self *self);

#endif /* TESTS_COMM_HOSTS_H */
