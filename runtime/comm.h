/* SPDX-License-Identifier: Apache-2.0 */
/* Communicators inside. A team is the device part: ranks that are cores of this process' devices,
 * numbered from 0 (comm_team.c, comm_record.c). What needs other processes or host memory is in
 * comm_host.c. comm.c has the handle, comm_call.c what is checked of a call.
 *
 * Lifetimes: comm holds its team, a team holds devices, queues and scratch; a command recorded by
 * trn_batch_comm() holds the communicator. */
#ifndef RUNTIME_COMM_H
#define RUNTIME_COMM_H

#include <trn/comm.h>
#include "base/coll_plan.h"
#include "runtime/private.h"

#define TRN_COMM_GROUPS 16u /* under way at most */
#define TRN_COMM_COMMANDS 64u
#define TRN_COMM_ROOM (UINT64_C(4) << 20) /* bytes of a chunk of one channel */
#define TRN_COMM_TIMEOUT_NS UINT64_C(30000000000)
#define TRN_COMM_LIMIT_NS UINT64_C(1000000000)
#define TRN_COMM_LONGEST_NS UINT64_C(86400000000000) /* of both: a day */

/* ---- calls (comm_call.c) ---- */

/* How far a call reaches, in elements; in_place: where dst may lie in src, or src in dst. */
struct trn_comm_extent {
	uint64_t src, dst;
	uint64_t src_at, dst_at; /* in place when src + src_at is dst + dst_at */
	bool src_used, dst_used, in_place;
};
/* Everything of a call but where its memory is: record and -EINVAL, -ENOTSUP. */
int trn_comm_call_check(struct trn_comm *comm, const struct trn_comm_call *call,
			const char *operation, struct trn_comm_extent *ret_extent);
/* Its spans, for a rank of a device: all in one buffer of it. */
int trn_comm_call_spans(struct trn_comm *comm, const struct trn_comm_call *call,
			struct trn_device *device, const struct trn_comm_extent *extent,
			const char *operation);
/* Is there host memory in it? */
bool trn_comm_call_host(const struct trn_comm_call *call, const struct trn_comm_extent *extent);
/* 0, or -TRN_ERANK when two ranks' calls cannot be one collective; why has a static text. */
int trn_comm_call_match(const struct trn_comm_call *a, const struct trn_comm_call *b,
			uint32_t ranks, const char **ret_why);
uint32_t trn_comm_element(enum trn_dtype dtype);
static inline bool trn_comm_kind_p2p(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_SEND || kind == TRN_COMM_RECV || kind == TRN_COMM_PERMUTE;
}
/* "mesh" and so on; TRN_COMM_ALGORITHMS when there is none of that name. */
enum trn_comm_algorithm trn_comm_algorithm_find(const char *name);

/* ---- teams ---- */

struct trn_comm_schedule { /* of one command, in host memory that the device reads */
	struct trn_buffer *buffer;
	uint64_t bytes;
};

struct trn_comm_member {
	struct trn_device *device;
	uint32_t core;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_buffer *stamps; /* two times for each group under way, and two; NULL without */
	struct trn_comm_schedule *pool;
	uint32_t pool_count;
	bool lost;
	char why[96];
};

struct trn_comm_shape { /* made at the first call that wants it */
	struct trn_coll_plan *plan;
	bool known, fits;
	bool ready; /* semaphores and scratch are there */
	uint32_t semaphore;
	uint64_t *scratch; /* [rank * channels + channel] */
	struct trn_buffer **buffers;
	uint32_t buffer_count;
};

struct trn_comm_group {
	uint64_t ticket;    /* 0: free */
	uint64_t *sequence; /* of each rank's queue; 0: none */
	bool stamped;
};

struct trn_comm_team {
	struct trn_context *context;
	uint32_t ranks, channels;
	uint32_t first; /* what its rank 0 is among all processes */
	uint64_t limit_ns;
	struct trn_comm_member *member;
	struct trn_coll_rank *rank;
	uint16_t *chip, *core;
	struct trn_pod_graph *graph;
	struct trn_coll_site site;
	struct trn_comm_shape shape[TRN_COLL_SHAPES];
	uint32_t root_semaphore;
	uint32_t p2p_semaphore, p2p_semaphores; /* 0 of them: not there yet */
	uint64_t *p2p_landing;                  /* of each rank, for batches */
	struct trn_buffer **p2p_buffers;
	uint64_t semaphores[4]; /* taken, of every processor of every rank */
	uint64_t *work, *there; /* of the builder */
	struct trn_coll_p2p *parts;
	uint32_t *index;                  /* of the calls of a group: [rank] */
	const struct trn_comm_call **all; /* of one collective: [rank] */
	struct trn_comm_group group[TRN_COMM_GROUPS];
	uint64_t tickets;
	uint32_t set;       /* of slots: the next fused command's (trn_coll.set) */
	uint64_t device_ns; /* of the last group; UINT64_MAX none */
	int failed;
};

int trn_comm_team_create(struct trn_context *context, struct trn_device *const *devices,
			 const uint32_t *cores, uint32_t count, uint64_t limit_ns,
			 struct trn_comm_team **ret_team);
void trn_comm_team_destroy(struct trn_comm_team *team);
/* Calls of one group, checked one by one; ranks are the team's. forced: what AUTO is, or AUTO. */
int trn_comm_team_start(struct trn_comm_team *team, const struct trn_comm_call *calls,
			uint32_t count, enum trn_comm_algorithm forced, uint64_t *ret_ticket);
int trn_comm_team_wait(struct trn_comm_team *team, uint64_t ticket, uint64_t deadline_ns);
/* Nobody waits for it by its ticket: the queues tell. */
void trn_comm_team_forget(struct trn_comm_team *team, uint64_t ticket);
/* Sets device_ns by the two stamps of a place; slot TRN_COMM_GROUPS: those of comm_stage.c. */
void trn_comm_team_times(struct trn_comm_team *team, uint32_t slot);
#define TRN_COMM_STAMP_BEGIN (2 * TRN_COMM_GROUPS * sizeof(uint64_t))
#define TRN_COMM_STAMP_END (TRN_COMM_STAMP_BEGIN + sizeof(uint64_t))
/* A rank's queue failed before it came to its sequence: the record names who is behind it. */
int trn_comm_team_failed(struct trn_comm_team *team, const uint64_t *sequence, uint32_t rank,
			 int code, uint64_t deadline_ns);
/* The survivors; resets the queues of the old one. */
int trn_comm_team_shrink(struct trn_comm_team *team, uint64_t deadline_ns,
			 struct trn_comm_team **ret_team);

/* What AUTO and GRID stand for. -ENOTSUP: the ranks do not stand so. */
int trn_comm_team_choose(struct trn_comm_team *team, const struct trn_comm_call *call,
			 enum trn_comm_algorithm forced, enum trn_coll_shape *ret_shape);
/* The record of what choose said: by which algorithm, and who asked for it. Returns code. */
int trn_comm_team_refuse(struct trn_comm_team *team, const struct trn_comm_call *call,
			 enum trn_comm_algorithm forced, int code, const char *operation);
/* Bytes of the vector that algorithms think of. */
uint64_t trn_comm_team_bytes(const struct trn_comm_team *team, const struct trn_comm_call *call);
/* Plans exist after this; false: the ranks do not stand so. */
bool trn_comm_team_plan(struct trn_comm_team *team, enum trn_coll_shape shape);
/* Semaphores and scratch, too. */
int trn_comm_team_ready(struct trn_comm_team *team, enum trn_coll_shape shape);
int trn_comm_team_p2p_ready(struct trn_comm_team *team, bool landing);
/* A free range of semaphores on all processors of the team, set to 0; -ENOSPC. */
int trn_comm_team_semaphores(struct trn_comm_team *team, uint32_t count, uint32_t *ret_first);

/* comm_record.c: one rank's command into a batch. all: the calls of all ranks, by rank, when they
 * are known. */
int trn_comm_record(struct trn_comm_team *team, struct trn_batch *batch,
		    const struct trn_comm_call *call, const struct trn_comm_call *const *all,
		    enum trn_coll_shape shape, struct trn_object *hold);
/* The point-to-point calls of one rank as one command. */
int trn_comm_record_p2p(struct trn_comm_team *team, struct trn_batch *batch,
			const struct trn_comm_call *calls, uint32_t count, uint32_t rank,
			bool direct, struct trn_object *hold);

/* ---- the handle ---- */

struct trn_comm_entry;  /* comm_batch.c */
struct trn_comm_thread; /* comm_thread.c */
struct trn_comm_host;   /* comm_host.c */
struct trn_comm_host_group;

struct trn_comm_pending {
	uint64_t ticket; /* 0: free */
	uint64_t team_ticket;
	struct trn_comm_host_group *host;
};

struct trn_comm {
	struct trn_object object;
	struct trn_context *context;
	uint32_t ranks, first, count;
	uint32_t processes, process;
	uint64_t timeout_ns, limit_ns;
	uint32_t flags;
	enum trn_comm_algorithm forced; /* by the environment, or AUTO */
	char transport[32], launcher[16];
	struct trn_comm_team *team; /* NULL: ranks of host memory */
	struct trn_comm_host *host; /* NULL: alone */
	struct trn_comm_pending pending[TRN_COMM_GROUPS];
	uint64_t tickets;
	struct trn_comm_thread *thread; /* NULL: none */
	struct trn_comm_entry *entries; /* recorded in batches, between processes */
	uint64_t entry_orders;
	struct trn_comm_host_group *entry_group; /* of them; NULL: none runs */
	int entry_failed;
};

/* Every public call is between these two, and so is each step of the thread. -EPERM: in a forked
 * child. leave returns result. */
int trn_comm_enter(struct trn_comm *comm, const char *operation);
int trn_comm_leave(struct trn_comm *comm, int result);
int trn_comm_thread_begin(struct trn_comm *comm);
void trn_comm_thread_end(struct trn_comm *comm);
/* For the thread, inside: is there work; a step, true when something moved; is somebody gone? */
bool trn_comm_under_way(const struct trn_comm *comm);
bool trn_comm_advance(struct trn_comm *comm);
int trn_comm_look(struct trn_comm *comm);

/* comm_batch.c: of ranks of devices, between processes. The call is checked. */
int trn_comm_batch_record(struct trn_comm *comm, struct trn_batch *batch,
			  const struct trn_comm_call *call);
/* Does any queue wait, or will one? */
bool trn_comm_batch_waits(const struct trn_comm *comm);
/* 0, -EAGAIN, or why what runs failed. */
int trn_comm_batch_step(struct trn_comm *comm);
void trn_comm_batch_close(struct trn_comm *comm);
/* A call with its arrays, which have so many bytes. */
size_t trn_comm_arrays_bytes(const struct trn_comm_call *call, uint32_t ranks);
void trn_comm_call_copy(struct trn_comm_call *to, const struct trn_comm_call *from, uint32_t ranks,
			uint64_t **at);

/* Between processes, and for host memory. open sets comm.ranks, first, processes, process,
 * transport and launcher; team is there already, or NULL. */
bool trn_comm_host_wanted(const struct trn_comm_opts *opts);
int trn_comm_host_open(struct trn_comm *comm, const struct trn_comm_opts *opts,
		       uint64_t deadline_ns);
void trn_comm_stage_close(struct trn_comm *comm);
void trn_comm_host_close(struct trn_comm *comm);
/* A group of calls that are checked; they, and their arrays, may go when this returns. */
int trn_comm_host_start(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
			uint64_t deadline_ns, struct trn_comm_host_group **ret_group);
/* 0 done, -EAGAIN, or why it failed (recorded). Never blocks. */
int trn_comm_host_step(struct trn_comm *comm, struct trn_comm_host_group *group);
/* One step of a wait for it. */
void trn_comm_host_relax(const struct trn_comm *comm, unsigned int *round);
void trn_comm_host_end(struct trn_comm *comm, struct trn_comm_host_group *group);
/* Also without a group. */
int trn_comm_host_progress(struct trn_comm *comm);
/* It waits for nothing but its caller. */
bool trn_comm_host_done(const struct trn_comm *comm, const struct trn_comm_host_group *group);
/* Is somebody gone? */
int trn_comm_host_look(struct trn_comm *comm);
/* Changes when something went on. */
uint64_t trn_comm_host_moves(const struct trn_comm *comm);
bool trn_comm_host_lost(struct trn_comm *comm, uint32_t index, uint32_t *ret_rank, char *why,
			size_t size);
/* Fills a new communicator as open does; comm.team of it is there already. */
int trn_comm_host_shrink(struct trn_comm *comm, uint64_t deadline_ns, struct trn_comm *fresh);
int trn_comm_host_memory(struct trn_comm *comm, uint64_t bytes, void **ret_host);
int trn_comm_host_memory_free(struct trn_comm *comm, void *host);

#endif /* RUNTIME_COMM_H */
