/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of collectives start from: a pod, a communicator of some of its cores, vectors of
 * every rank, and what must come out. */
#ifndef TESTS_COMM_COMM_H
#define TESTS_COMM_COMM_H

#include <trn/diag.h>
#include <trn/trn.h>
#include "base/clock.h"
#include "base/ext.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define RANKS_MAX 144u
#define SOON trn_clock_deadline(UINT64_C(120000000000))

struct rig {
	struct trn_test_alloc mem;
	struct trn_context *context;
	struct trn_device *pod[RANKS_MAX]; /* every device */
	uint32_t chips;
	struct trn_comm *comm;
	uint32_t ranks;
	struct trn_device *device[RANKS_MAX]; /* of each rank */
	uint32_t core[RANKS_MAX];
	struct trn_buffer *src[RANKS_MAX], *dst[RANKS_MAX];
	uint64_t room; /* bytes of each */
	uint8_t *given[RANKS_MAX], *got[RANKS_MAX], *want;
	struct trn_prng prng;
};

/* One collective of all ranks; v: with counts of its own for each rank. */
struct job {
	enum trn_comm_kind kind;
	enum trn_comm_op op;
	enum trn_dtype dtype;
	enum trn_comm_algorithm algorithm;
	uint64_t count;
	uint32_t root;
	bool v, in_place, batch;
};

void rig_up(struct rig *rig, const char *uri);
void rig_down(struct rig *rig);
/* Ranks in an order of their own; cores: ranks on each chip, 1 for one. room: bytes of src, dst. */
void rig_comm(struct rig *rig, uint32_t ranks, uint32_t cores, uint64_t room);
void rig_comm_end(struct rig *rig);
/* Fails the test when something else comes out; ret_ns may be NULL. */
void rig_run(struct rig *rig, const struct job *job, uint64_t *ret_ns);
/* All results of the last run as one number. */
uint64_t rig_hash(const struct rig *rig);
uint32_t element_of(enum trn_dtype dtype);
bool is_float(enum trn_dtype dtype);
extern const enum trn_dtype all_dtypes[];
extern const uint32_t all_dtypes_count;

#endif /* TESTS_COMM_COMM_H */
