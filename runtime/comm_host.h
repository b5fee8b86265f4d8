/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of a communicator: other processes, and ranks of host memory. */
#ifndef RUNTIME_COMM_HOST_H
#define RUNTIME_COMM_HOST_H

#include "runtime/boot.h"
#include "runtime/comm.h"
#include "runtime/hostcoll.h"

#define TRN_COMM_HOST_OPS 4u /* of a group without memory of its own */

/* One collective of a group. With ranks of devices: calls has one of each local rank. */
struct trn_comm_host_op {
	struct trn_hostcoll *coll;
	const struct trn_comm_call *calls;
	uint32_t stage;
	uint64_t team_ticket;
	unsigned char *rows;   /* staging: what the local ranks give, one behind the other */
	unsigned char *result; /* and what comes back */
	uint64_t *counts;      /* by process, then by local rank */
};

struct trn_comm_host_group {
	bool used;
	uint32_t count, at; /* collectives; with devices: the one that runs */
	uint64_t deadline_ns;
	struct trn_comm_host_op *ops;
	struct trn_comm_host_op own[TRN_COMM_HOST_OPS];
	void *memory; /* ops, calls and arrays that are copied; NULL: none */
};

struct trn_comm_host {
	struct trn_boot *boot;
	struct trn_wire *wire;
	uint32_t *first; /* rank of each process; one more: all */
	struct trn_comm_host_group groups[TRN_COMM_GROUPS];
};

static inline uint32_t trn_comm_host_ranks(const struct trn_comm_host *host, uint32_t process)
{
	return host->first[process + 1] - host->first[process];
}

/* comm_host_team.c: ranks of devices. */
int trn_comm_host_team_check(struct trn_comm *comm, const struct trn_comm_call *calls,
			     uint32_t count);
int trn_comm_host_team_start(struct trn_comm *comm, struct trn_comm_host_group *group,
			     const struct trn_comm_call *calls, uint32_t count);
int trn_comm_host_team_step(struct trn_comm *comm, struct trn_comm_host_group *group);
void trn_comm_host_team_end(struct trn_comm *comm, struct trn_comm_host_group *group);

#endif /* RUNTIME_COMM_HOST_H */
