/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives. A communicator joins ranks: cores of this process' devices, and of others'.
 * docs/comm.md has the algorithms, their order of summing and their costs. */
#ifndef TRN_COMM_H
#define TRN_COMM_H

#include <trn/opcodes.h>
#include <trn/queue.h>

TRN_BEGIN_DECLS
struct trn_comm;
/** enum trn_comm_kind - what a call does */
enum trn_comm_kind {
	TRN_COMM_ALL_REDUCE = 0,
	TRN_COMM_REDUCE_SCATTER = 1,
	TRN_COMM_ALL_GATHER = 2,
	TRN_COMM_ALL_TO_ALL = 3,
	TRN_COMM_BROADCAST = 4,
	TRN_COMM_REDUCE = 5,
	TRN_COMM_SEND = 6,
	TRN_COMM_RECV = 7,
	TRN_COMM_PERMUTE = 8,
	TRN_COMM_BARRIER = 9,
	TRN_COMM_KINDS = 10,
};

/** enum trn_comm_op - how elements of different ranks become one */
enum trn_comm_op {
	TRN_COMM_SUM = 0,
	TRN_COMM_MIN = 1,
	TRN_COMM_MAX = 2,
	TRN_COMM_PROD = 3,
	TRN_COMM_AVG = 4, /* integers: the quotient, toward zero */
	TRN_COMM_OPS = 5,
};

/** enum trn_comm_algorithm - which way the bytes go */
enum trn_comm_algorithm {
	TRN_COMM_AUTO = 0, /* by TRN_COMM_ALGORITHM in the environment, else by the cost model */
	TRN_COMM_RING = 1,
	TRN_COMM_MESH = 2,   /* direct: everybody to everybody */
	TRN_COMM_RDH = 3,    /* recursive halving and doubling, mixed radix */
	TRN_COMM_PAIRED = 4, /* ring over pairs of ranks */
	TRN_COMM_GRID = 5,   /* the dimensions of the pod in turn, parts in rotated order */
	TRN_COMM_SWITCH = 6, /* all-to-all in rounds that never meet at a port of a switch */
	TRN_COMM_HOST = 7,   /* through the hosts: other processes */
	TRN_COMM_TORUS = 8,  /* the same as GRID; in a ring of four chips by the neighbours */
	TRN_COMM_FUSED = 9,  /* all-reduce in few steps: what a step adds it sends on */
	TRN_COMM_ALGORITHMS = 10,
};
#define TRN_COMM_PROGRESS_THREAD 0x1u /* a thread of the library lets groups go on */

/**
 * struct trn_comm_opts - who the ranks are; zero everything, then set
 * @size: sizeof(struct trn_comm_opts)
 * @devices: of the local ranks, in order; NULL: one rank of host memory
 * @cores: of each; NULL: core 0. A core is one rank of a communicator at most
 * @count: local ranks, >= 1
 * @process: who this process is
 * @processes: how many there are; 0: one, or as the environment says when @root does
 * @root: where processes meet: "HOST:PORT" (process 0 listens), "file:PATH", "pmix", "env"; NULL:
 *        TRN_COMM_ROOT from the environment, else alone
 * @name: of the job: processes with another one are refused; NULL: ""
 * @provider: of libfabric, between processes; NULL: TRN_COMM_PROVIDER, else the best
 * @timeout_ns: of a collective whose call has no deadline, a day at most; 0: 30 s
 * @limit_ns: device time that a rank may wait for another in a collective, a day at most; 0: 1 s
 * @flags: TRN_COMM_PROGRESS_THREAD, else trn_comm_progress() and trn_comm_wait() drive
 * @reserved: 0
 */
struct trn_comm_opts {
	size_t size;
	struct trn_device *const *devices;
	const uint32_t *cores;
	uint32_t count;
	uint32_t process, processes;
	const char *root;
	const char *name;
	const char *provider;
	uint64_t timeout_ns;
	uint64_t limit_ns;
	uint32_t flags;
	uint32_t reserved;
};

/** struct trn_comm_info - what a communicator is; set size before the call */
struct trn_comm_info {
	size_t size;
	uint32_t ranks; /* of all processes */
	uint32_t first; /* local ranks are [first, first + count) */
	uint32_t count;
	uint32_t processes, process;
	uint32_t channels;  /* sync processors that each local rank uses */
	char transport[32]; /* "device", "shm", "tcp;ofi_rxm", "efa", "shared mapping" */
	char launcher[16];  /* "alone", "host:port", "file", "pmix" */
};

/** struct trn_comm_span - memory of a rank: a part of a device buffer, or host memory */
struct trn_comm_span {
	struct trn_buffer *buffer; /* of the rank's device, no peer's; dst in HBM; NULL: host */
	uint64_t offset;           /* bytes into the buffer, a multiple of the element */
	void *host;
};

/**
 * struct trn_comm_call - one rank's part of a collective; zero everything, then set what it has
 * @size: sizeof(struct trn_comm_call)
 * @kind: enum trn_comm_kind
 * @op: for ALL_REDUCE, REDUCE_SCATTER and REDUCE
 * @dtype: of the elements: U8 to S32, F32, BF16, F16, F8*
 * @algorithm: between processes AUTO or HOST, for SEND, RECV, PERMUTE AUTO; others are -ENOTSUP
 * @rank: whose call it is, a local one
 * @root: BROADCAST from, REDUCE to; SEND: the receiver; RECV: the sender
 * @priority: 0..3, lower is served first where the chip can
 * @count: elements. ALL_REDUCE, BROADCAST, REDUCE, SEND, RECV, PERMUTE: of the vector;
 *         REDUCE_SCATTER: of each result; ALL_GATHER: of each source; ALL_TO_ALL: to each rank
 * @src: what the rank gives
 * @dst: what it gets; in place is the same memory: ALL_REDUCE, BROADCAST and REDUCE @dst = @src,
 *       ALL_GATHER @src at the rank's place in @dst, REDUCE_SCATTER @dst at its place in @src;
 *       ALL_TO_ALL and PERMUTE have none
 * @src_counts: ALL_TO_ALL: elements to each rank; NULL: @count
 * @src_offsets: where they begin, in elements of @src; NULL: one behind the other
 * @dst_counts: ALL_TO_ALL (the senders' @src_counts), ALL_GATHER: from each rank; REDUCE_SCATTER:
 *              of each rank's result; NULL: @count. Of the last two all ranks give the same
 * @dst_offsets: where they begin, in elements of @dst; NULL: one behind the other
 * @permutation: PERMUTE: rank r sends to permutation[r], UINT32_MAX: to nobody; all give the same
 */
struct trn_comm_call {
	size_t size;
	enum trn_comm_kind kind;
	enum trn_comm_op op;
	enum trn_dtype dtype;
	enum trn_comm_algorithm algorithm;
	uint32_t rank;
	uint32_t root;
	uint32_t priority;
	uint64_t count;
	struct trn_comm_span src, dst;
	const uint64_t *src_counts, *src_offsets, *dst_counts, *dst_offsets;
	const uint32_t *permutation;
};

/** struct trn_comm_cost - what a call takes by the cost model; set size before the call */
struct trn_comm_cost {
	size_t size;
	enum trn_comm_algorithm algorithm; /* the call's, or what AUTO picks */
	uint64_t predicted_ns, bound_ns;   /* device time; no algorithm is below the bound */
	uint64_t bound_latency_ns, bound_bandwidth_ns; /* whose sum it is */
	uint64_t wire_bytes;                           /* that a rank sends to other chips */
	uint32_t steps;                                /* messages one behind the other */
};

/** struct trn_comm_times - how long a group took on the devices; set size before the call */
struct trn_comm_times {
	size_t size;
	uint64_t device_ns; /* first begin to last end; virtual time on a mock */
};

/**
 * trn_comm_create() - join ranks
 * @context: context of the devices
 * @opts: who they are; borrowed for the call
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 * @ret_comm: set on success; the caller holds one reference
 *
 * All devices must be of one pod. Takes a queue of each device and a few KiB; scratch memory
 * follows with the first calls: docs/comm.md. The thread, and fork(): docs/threading.md.
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, -EINVAL, -ENOMEM, -ENOSPC (queues), -ENOTSUP (no sync processors), -EAGAIN (no
 *          thread), -EXDEV devices of different pods, -ETIMEDOUT, -TRN_ERANK a process is missing
 *          or does not match: the record names it.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_comm_create(struct trn_context *context,
					   const struct trn_comm_opts *opts, uint64_t deadline_ns,
					   struct trn_comm **ret_comm);

/**
 * trn_comm_ref() - take one more reference
 * @comm: a communicator
 *
 * Context: any thread.
 * Return:  @comm.
 * Since:   0.1
 */
TRN_API struct trn_comm *trn_comm_ref(struct trn_comm *comm);

/**
 * trn_comm_unref() - give a reference back
 * @comm: a communicator, or NULL
 *
 * Commands recorded by trn_batch_comm() hold references.
 *
 * Context: the thread that uses it, for the last reference.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_comm *trn_comm_unref(struct trn_comm *comm);

/**
 * trn_comm_info() - what a communicator is
 * @comm: a communicator
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_comm_info(struct trn_comm *comm, struct trn_comm_info *ret_info);

/**
 * trn_comm_run() - run a group of calls and wait
 * @comm: a communicator
 * @calls: one for each local rank that takes part, of one or several collectives
 * @count: calls, >= 1
 * @deadline_ns: CLOCK_MONOTONIC time to give up; 0: the communicator's timeout from now
 *
 * The calls are one group: none waits for one that stands behind it. Collectives are told apart by
 * their order among each rank's calls.
 *
 * Context: one thread at a time per communicator. Blocks until @deadline_ns.
 * Return:  0, -EINVAL (the record names the rank that is missing, or the member), -ENOMEM,
 *          -ENOTSUP, -ETIMEDOUT, -TRN_ERANK a rank is late, gone or does not match,
 *          -TRN_EDEVLOST. After the last three the communicator has failed: trn_comm_shrink().
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_comm_run(struct trn_comm *comm, const struct trn_comm_call *calls,
					uint32_t count, uint64_t deadline_ns);

/**
 * trn_comm_start() - run a group of calls on the communicator's own queues
 * @comm: a communicator
 * @calls: as of trn_comm_run(); copied, arrays too. Groups run in the order they were started
 * @count: calls, >= 1
 * @ret_ticket: set on success; for trn_comm_wait()
 *
 * Context: one thread at a time per communicator.
 * Return:  0, as trn_comm_run(), or -EAGAIN: too many groups are under way, wait for one.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_comm_start(struct trn_comm *comm, const struct trn_comm_call *calls,
					  uint32_t count, uint64_t *ret_ticket);

/**
 * trn_comm_wait() - wait for a group
 * @comm: a communicator
 * @ticket: from trn_comm_start()
 * @deadline_ns: CLOCK_MONOTONIC time to give up; TRN_DEADLINE_NOW only looks
 *
 * Context: one thread at a time per communicator. Blocks until @deadline_ns.
 * Return:  0, -EINVAL no such ticket, -ETIMEDOUT, -TRN_ERANK, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_comm_wait(struct trn_comm *comm, uint64_t ticket,
					 uint64_t deadline_ns);

/**
 * trn_comm_progress() - let what is under way go on
 * @comm: a communicator
 *
 * Context: one thread at a time per communicator. Does not block.
 * Return:  0, -EAGAIN nothing is under way, -TRN_ERANK a rank is gone.
 * Since:   0.1
 */
TRN_API int trn_comm_progress(struct trn_comm *comm);

/**
 * trn_comm_times() - how long the last group that was waited for took
 * @comm: a communicator
 * @ret_times: filled; its size member is set by the caller
 *
 * Context: one thread at a time per communicator.
 * Return:  0, -EINVAL, -ENOENT none was, -ENOTSUP without TRN_CAP_TIMESTAMP.
 * Since:   0.1
 */
TRN_API int trn_comm_times(struct trn_comm *comm, struct trn_comm_times *ret_times);

/**
 * trn_batch_comm() - record one rank's part of a collective
 * @batch: a batch of a queue of the rank's device
 * @comm: a communicator; the recorded command holds a reference
 * @call: device memory only
 *
 * Run by the device in order with the other commands; the batch may be submitted again. Every
 * rank must submit its part; two communicators that share a chip are submitted in the same order
 * on all of them. What comes passes through scratch memory: trn_comm_start() knows the others'
 * buffers, and is faster. Between processes it takes three commands, which somebody must let go on
 * (docs/hosts.md).
 *
 * Context: one thread at a time per communicator. The first call of a size allocates.
 * Return:  0, -EINVAL, -ENOSPC, -ENOMEM, -ENOTSUP: a rank of host memory, or SEND and RECV
 *          between processes.
 * Since:   0.1
 */
TRN_API int trn_batch_comm(struct trn_batch *batch, struct trn_comm *comm,
			   const struct trn_comm_call *call);

/**
 * trn_comm_cost() - what a call would take, and the least it could
 * @comm: a communicator
 * @call: spans are not looked at
 * @ret_cost: filled; its size member is set by the caller
 *
 * Context: one thread at a time per communicator.
 * Return:  0, -EINVAL, -ENOTSUP for what needs the host.
 * Since:   0.1
 */
TRN_API int trn_comm_cost(struct trn_comm *comm, const struct trn_comm_call *call,
			  struct trn_comm_cost *ret_cost);

/**
 * trn_comm_kind_name() - "all_reduce" and so on
 * @kind: a kind
 *
 * Context: any thread.
 * Return:  static text, "?" for no kind.
 * Since:   0.1
 */
TRN_API const char *trn_comm_kind_name(enum trn_comm_kind kind);

/**
 * trn_comm_op_name() - "sum" and so on
 * @op: an operator
 *
 * Context: any thread.
 * Return:  static text, "?" for no operator.
 * Since:   0.1
 */
TRN_API const char *trn_comm_op_name(enum trn_comm_op op);

/**
 * trn_comm_algorithm_name() - "ring" and so on
 * @algorithm: an algorithm
 *
 * Context: any thread.
 * Return:  static text, "?" for no algorithm.
 * Since:   0.1
 */
TRN_API const char *trn_comm_algorithm_name(enum trn_comm_algorithm algorithm);

/**
 * trn_comm_lost() - who is gone, after a failure
 * @comm: a communicator
 * @index: from 0
 * @ret_rank: set on success
 * @why: filled with one line; may be NULL
 * @size: room in @why
 *
 * Context: one thread at a time per communicator.
 * Return:  0, -ENOENT past the end.
 * Since:   0.1
 */
TRN_API int trn_comm_lost(struct trn_comm *comm, uint32_t index, uint32_t *ret_rank, char *why,
			  size_t size);

/**
 * trn_comm_shrink() - a new communicator of the ranks that are left
 * @comm: a communicator that failed; it stays as it is
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 * @ret_comm: set on success; ranks are numbered anew, in order
 *
 * Resets the queues of @comm; no command of it may be under way on other queues.
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, as trn_comm_create().
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_comm_shrink(struct trn_comm *comm, uint64_t deadline_ns,
					   struct trn_comm **ret_comm);

/**
 * trn_comm_host_alloc() - host memory that the processes of this machine share
 * @comm: a communicator
 * @bytes: length, > 0
 * @ret_host: set on success; given back with trn_comm_host_free()
 *
 * Every process calls it, in the same order. Collectives on such memory are the fast path.
 *
 * Context: one thread at a time per communicator.
 * Return:  0, -EINVAL, -ENOMEM, -ENOTSUP.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_comm_host_alloc(struct trn_comm *comm, uint64_t bytes,
					       void **ret_host);

/**
 * trn_comm_host_free() - give shared host memory back
 * @comm: a communicator
 * @host: from trn_comm_host_alloc(), or NULL
 *
 * Context: one thread at a time per communicator.
 * Return:  0, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_comm_host_free(struct trn_comm *comm, void *host);

TRN_END_DECLS

#endif /* TRN_COMM_H */
