/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the devices of a process and the wire. What travels passes through pinned host memory
 * of the wire that all local devices reach: the devices copy into it by their queues, the hosts
 * move or reduce it, the devices copy the result back. All of it in chunks, some under way at
 * once, so that devices, wire and hosts work at the same time. Nothing here waits.
 *
 * comm_stage.c has the memory, copies, and a collective's way through it; comm_stage_kind.c what a
 * chunk of each kind is; comm_mail.c sends and receives.
 */
#ifndef RUNTIME_COMM_STAGE_H
#define RUNTIME_COMM_STAGE_H

#include "runtime/comm_host.h"

#define TRN_STAGE_SLOTS 3u                   /* chunks under way */
#define TRN_STAGE_BYTES (UINT64_C(2) << 20)  /* of a chunk, each way */
#define TRN_STAGE_PIECES 32u                 /* collectives of the devices in one command each */
#define TRN_MAIL_LANES 30u                   /* under way: TRN_HOSTCOLL_MAX is above twice that */
#define TRN_MAIL_SLOTS 2u                    /* chunks of a lane under way */
#define TRN_MAIL_BYTES (UINT64_C(512) << 10) /* of a chunk */

/* ---- memory and copies (comm_stage.c) ---- */

/* Host memory of the wire as the local devices reach it. Grows while nobody uses it. */
struct trn_comm_area {
	void *memory;
	unsigned char *host; /* begins on a page */
	uint64_t bytes;
	struct trn_buffer **user; /* [local rank] */
};

/* A copy between a device's buffer and the area; the next may continue it. */
struct trn_comm_copy {
	struct trn_buffer *buffer, *host;
	uint64_t offset, at, bytes; /* at: in the area */
	bool in;                    /* to the host */
};

struct trn_comm_stage {
	struct trn_comm_area area, mail;
	struct trn_buffer **scratch; /* HBM of each local rank, for what its chips reduce */
	uint64_t scratch_bytes;
	struct trn_comm_copy *copy;  /* [local rank], not recorded yet */
	struct trn_comm_call *calls; /* of the team: [piece][local rank] */
	uint64_t *shares;            /* of the team: [piece][local rank] */
	uint32_t pieces;             /* in them */
	uint64_t *counts;            /* of the wire: [slot][both ways][process] */
	uint64_t *sequence;          /* [slot][local rank] */
	uint64_t deadline_ns;        /* of the group that runs */
	uint64_t moves;              /* steps of chunks, ever */
	uint32_t pump;               /* the local rank whose device is stepped next */
};

int trn_comm_stage_open(struct trn_comm *comm);
int trn_comm_area_need(struct trn_comm *comm, struct trn_comm_area *area, uint64_t bytes);

/* A group begins: when its devices did, too. */
int trn_comm_stage_begin(struct trn_comm *comm);
int trn_comm_stage_copy(struct trn_comm *comm, const struct trn_comm_area *area, uint32_t local,
			const struct trn_comm_copy *copy);
/* All copies go to the devices; where their queues stand then. */
int trn_comm_stage_submit(struct trn_comm *comm, uint64_t *ret_sequence);
/* 0: all queues have come so far; -EAGAIN, or the failure, which names a rank. */
int trn_comm_stage_test(struct trn_comm *comm, const uint64_t *sequence);
/* Devices that work on this thread get some steps. */
int trn_comm_stage_pump(struct trn_comm *comm);
/* Calls of the team, that are in stage.calls: as many as there are. */
int trn_comm_stage_team(struct trn_comm *comm, uint32_t count);
/* A failure of this side: the others hear of it. Returns code. */
int trn_comm_stage_broken(struct trn_comm *comm, int code);

/* ---- a collective ---- */

/* One collective of a group: chunks in order, each of them issued to the devices, on the wire,
 * met by all processes, and done when the devices have the result. */
struct trn_comm_flow {
	const struct trn_comm_call **call; /* of each local rank */
	uint64_t width;                    /* elements: of a chunk, or of each piece's part of it */
	uint64_t chunks;
	uint64_t stride; /* bytes of a chunk's part of the area */
	uint64_t issued, wired, met, done;
	struct trn_hostcoll *coll[TRN_STAGE_SLOTS];
	struct trn_hostcoll *agree; /* on the number of chunks, where nobody knows all counts */
	uint32_t mine, most;
	bool begun, agreed;
};

/* 0 done, -EAGAIN, or the failure. */
int trn_comm_flow_step(struct trn_comm *comm, struct trn_comm_flow *flow);
/* Is it the devices that it waits for? */
bool trn_comm_flow_on_devices(const struct trn_comm_flow *flow);
void trn_comm_flow_end(struct trn_comm_flow *flow);

/* ---- what a chunk is (comm_stage_kind.c) ---- */

/* width, chunks and stride; chunks is this process's own idea where ret_agree says so. */
void trn_comm_flow_plan(struct trn_comm *comm, struct trn_comm_flow *flow, bool *ret_agree);
/* The devices' part before the wire, and into the area. */
int trn_comm_flow_fetch(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk);
/* The wire's, but for the deadline; counts: room for both ways, until it ends. */
void trn_comm_flow_wire(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			uint64_t *counts, struct trn_hostcoll_call *ret_call);
/* Out of the area, and the devices' part after it: by trn_comm_flow_spread(), behind the copies. */
int trn_comm_flow_store(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk);
int trn_comm_flow_spread(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk);
/* Does it need scratch of the devices? */
bool trn_comm_flow_scratch(const struct trn_comm *comm, const struct trn_comm_flow *flow);

static inline uint64_t trn_comm_flow_at(const struct trn_comm_flow *flow, uint64_t chunk, bool back)
{
	return (chunk % TRN_STAGE_SLOTS * 2 + back) * flow->stride;
}
/* Ranks of devices: whose process is it? */
uint32_t trn_comm_process_of(const struct trn_comm *comm, uint32_t rank);

/* ---- sends and receives (comm_mail.c) ---- */

struct trn_comm_mail;

/* The point-to-point calls among calls, which are checked and stay; NULL when there is none. */
int trn_comm_mail_new(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
		      struct trn_comm_mail **ret_mail);
/* What stays among the devices of this process goes to them. */
int trn_comm_mail_begin(struct trn_comm *comm, struct trn_comm_mail *mail);
/* 0 done, -EAGAIN, or the failure. */
int trn_comm_mail_step(struct trn_comm *comm, struct trn_comm_mail *mail);
bool trn_comm_mail_on_devices(const struct trn_comm_mail *mail);
void trn_comm_mail_end(struct trn_comm *comm, struct trn_comm_mail *mail);

#endif /* RUNTIME_COMM_STAGE_H */
