/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of a communicator: other processes, and ranks of host memory. */
#ifndef RUNTIME_COMM_HOST_H
#define RUNTIME_COMM_HOST_H

#include "runtime/boot.h"
#include "runtime/comm.h"
#include "runtime/hostcoll.h"

#define TRN_COMM_HOST_OPS 4u /* of a group without memory of its own */

struct trn_comm_flow; /* comm_stage.h */
struct trn_comm_mail;
struct trn_comm_stage;

struct trn_comm_host_group {
	bool used;
	uint32_t count, at; /* collectives; with devices: the one that runs */
	uint64_t deadline_ns;
	void *memory; /* ops, calls and arrays that are copied; NULL: none */

	/* Ranks of host memory. */
	struct trn_hostcoll **colls;
	struct trn_hostcoll *own[TRN_COMM_HOST_OPS];

	/* Ranks of devices. */
	const struct trn_comm_call *calls; /* held is what they name */
	uint32_t call_count;
	const struct trn_comm_call **refs; /* [collective][local rank] */
	struct trn_comm_flow *flows;
	struct trn_comm_mail *mail; /* NULL: no sends and receives */
	uint64_t order;             /* in which it was started */
	int result;                 /* -EAGAIN: under way */
	bool begun, mail_done;
	struct trn_error error; /* of a result that nobody has asked for yet */
};

struct trn_comm_host {
	struct trn_boot *boot;
	struct trn_wire *wire;
	uint32_t *first;              /* rank of each process; one more: all */
	struct trn_comm_stage *stage; /* ranks of devices */
	uint64_t orders;
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
