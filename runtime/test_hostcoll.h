/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of a job, forked by a test, each with a wire of its own; and what every collective
 * should give, computed from what every process has. */
#ifndef RUNTIME_TEST_HOSTCOLL_H
#define RUNTIME_TEST_HOSTCOLL_H

#include "runtime/wire_private.h"

#define TEST_PROCESSES_MAX 16u
#define TEST_LIMIT_NS UINT64_C(20000000000)

struct test_job {
	uint32_t processes;
	const char *provider; /* NULL: the mapping */
	void *shared;         /* a page that all see */
	void *boot;
	void *user;
	char root[64];
};

/* One process of the job. */
struct test_process {
	const struct test_job *job;
	struct trn_context *context;
	struct trn_boot *boot;
	struct trn_wire *wire;
	uint32_t process;
};

typedef int test_process_fn(struct test_process *self);

/* Runs fn in so many children; each opens a wire first, and answers 0 when all was well. Which
 * did not, as bits. A child that does not end in time is killed, and counts as one. */
uint32_t test_job_run(struct test_job *job, test_process_fn *fn);
/* The same without a wire. */
uint32_t test_job_fork(struct test_job *job, test_process_fn *fn);

/* Says where and why, in a child. */
int test_wrong(const struct test_process *self, const char *fmt, ...) TRN_PRINTF(2, 3);
/* The text of the last record of the context. */
const char *test_cause(const struct test_process *self);

/* Element i of what process p gives; small numbers that every dtype holds. */
void test_fill(enum trn_dtype dtype, uint64_t seed, uint32_t process, uint64_t first,
	       uint64_t count, void *ret_row);
/* Runs a random call of a kind and compares. counts: the v form. */
int test_call(struct test_process *self, enum trn_comm_kind kind, enum trn_dtype dtype,
	      enum trn_comm_op op, uint64_t count, uint64_t seed, bool counts);

#endif /* RUNTIME_TEST_HOSTCOLL_H */
