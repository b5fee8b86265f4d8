/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives on host memory, one rank a process, as state machines over a wire. docs/hosts.md.
 *
 * Collectives of one wire run one after the other, in the order they were started, which must be
 * the same in every process: a process that calls another kind, operator, dtype, root or count is
 * named by -TRN_ERANK on all of them. Sends and receives run beside them; between two processes
 * the n-th send meets the n-th receive.
 *
 * Reductions take the processes in ascending order, as trn_reduce_row() does, whatever the
 * transport, the size or the alignment: FP32, rounded once. So all processes get the same bits.
 */
#ifndef RUNTIME_HOSTCOLL_H
#define RUNTIME_HOSTCOLL_H

#include <trn/comm.h>
#include <trn/isa.h>
#include "runtime/wire.h"

struct trn_hostcoll;

#define TRN_HOSTCOLL_MAX 64u /* started and not ended, of one wire */

/* Tags say which letter it is: from << 44 | to << 24 | what else must be the same.
 * Counts and offsets are in elements, arrays have one of each process and live until the end.
 * In place is dst == src; ALL_GATHER: src == dst + own offset; REDUCE_SCATTER: dst == src + own. */
struct trn_hostcoll_call {
	enum trn_comm_kind kind;
	enum trn_comm_op op;
	enum trn_dtype dtype;
	uint32_t root;   /* BROADCAST, REDUCE; SEND to; RECV from */
	uint32_t divide; /* AVG: the sum is divided by it; 0: by the number of processes */
	uint64_t count;  /* as struct trn_comm_call */
	const void *src;
	void *dst;
	/* NULL: count of each, one behind the other. ALL_GATHER has dst_*, REDUCE_SCATTER has
	 * dst_counts and src_offsets. */
	const uint64_t *src_counts, *src_offsets, *dst_counts, *dst_offsets;
	const uint32_t *permutation; /* PERMUTE: p sends to permutation[p]; UINT32_MAX none */
	uint64_t tag;                /* SEND, RECV: the same on both sides */
	uint64_t deadline_ns;        /* absolute */
};

/* -EINVAL; -EBUSY: TRN_HOSTCOLL_MAX are in use; -EPERM: in a forked child. Takes no memory. */
int trn_hostcoll_start(struct trn_wire *wire, const struct trn_hostcoll_call *call,
		       struct trn_hostcoll **ret_coll);
/* What start would say of the call itself: 0, -EINVAL. */
int trn_hostcoll_check(struct trn_wire *wire, const struct trn_hostcoll_call *call);
/* How many more may be started. */
uint32_t trn_hostcoll_room(const struct trn_wire *wire);
/* Moves everything on that was started. 0: this one is done; -EAGAIN: not yet. -TRN_ERANK: a
 * process died, is late or does not match; the record names it. -ETIMEDOUT does not occur: who is
 * waited for at the deadline is late. */
int trn_hostcoll_step(struct trn_hostcoll *coll);
/* Steps until it is not -EAGAIN: spins a little, then leaves the core to others. */
int trn_hostcoll_wait(struct trn_hostcoll *coll);
/* Gives it back. One that has neither succeeded nor failed makes the wire fail. NULL is fine. */
void trn_hostcoll_end(struct trn_hostcoll *coll);
/* Start, wait, end. */
int trn_hostcoll_run(struct trn_wire *wire, const struct trn_hostcoll_call *call);

#endif /* RUNTIME_HOSTCOLL_H */
