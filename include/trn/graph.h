/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs: batches of one device's queues recorded with conditions, loops and dependencies, made
 * ready once, and run again and again with one doorbell for each queue. docs/graphs.md. */
#ifndef TRN_GRAPH_H
#define TRN_GRAPH_H

#include <trn/queue.h>

TRN_BEGIN_DECLS

struct trn_graph;
struct trn_graph_exec;

/** Conditions and loops inside each other, on one queue. */
#define TRN_GRAPH_DEPTH_MAX 8

/** enum trn_graph_compare - how a condition's word compares to its value, unsigned */
enum trn_graph_compare {
	TRN_GRAPH_EQ = 1,
	TRN_GRAPH_NE = 2,
	TRN_GRAPH_LT = 3,
	TRN_GRAPH_GE = 4,
	TRN_GRAPH_GT = 5,
	TRN_GRAPH_LE = 6,
};

/**
 * struct trn_graph_cond - a word in memory, read by the device when it gets there
 * @word: buffer of the graph's device; held by the graph
 * @offset: of a little-endian u64 in it; its device address is 8-aligned
 * @compare: how it compares
 * @value: to this
 */
struct trn_graph_cond {
	struct trn_buffer *word;
	uint64_t offset;
	enum trn_graph_compare compare;
	uint64_t value;
};

/** struct trn_graph_info - what an instance is made of; set size */
struct trn_graph_info {
	size_t size;
	uint32_t queues;   /* doorbells of a launch */
	uint32_t nodes;    /* batches, conditions and loops */
	uint32_t commands; /* of all lists, with branches, counters, waits and signals */
	uint32_t reserved;
	uint64_t memory_bytes; /* of the host, pinned: lists, descriptors, words */
	uint64_t launches;     /* that were handed to the device */
};

/**
 * trn_graph_create() - make an empty graph
 * @device: device whose queues it will use
 * @ret_graph: set on success; ended with trn_graph_destroy()
 *
 * Context: any thread.
 * Return:  0, -ENOTSUP without TRN_CAP_LISTS, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_create(struct trn_device *device,
					    struct trn_graph **ret_graph);

/**
 * trn_graph_destroy() - end a graph; instances of it live on
 * @graph: a graph, or NULL
 *
 * Context: one thread at a time per object.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_graph *trn_graph_destroy(struct trn_graph *graph);

/**
 * trn_graph_add_batch() - add the commands of a batch to its queue's part of the graph
 * @graph: a graph
 * @batch: recorded commands of a queue of the graph's device; copied, with all they hold
 * @ret_node: set on success when not NULL: number for trn_graph_depend() and trn_graph_rebind()
 *
 * Nodes of one queue run in the order in which they were added; between trn_graph_if() or
 * trn_graph_loop() and trn_graph_end() they are its body. What a batch waits for and signals keeps
 * its value from launch to launch, unless it is rebound.
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL (another device's queue, an empty batch), -ENOTSUP for collectives,
 *          -ENOSPC, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_add_batch(struct trn_graph *graph, struct trn_batch *batch,
					       uint32_t *ret_node);

/**
 * trn_graph_if() - what follows on a queue runs only when a word in memory says so
 * @graph: a graph
 * @queue: a queue of its device
 * @cond: the word and what it is compared to; copied
 * @ret_node: set on success when not NULL
 *
 * Up to trn_graph_else() or trn_graph_end() for the same queue.
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL, -ENOSPC deeper than TRN_GRAPH_DEPTH_MAX, -ENOTSUP a peer's memory, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_if(struct trn_graph *graph, struct trn_queue *queue,
					const struct trn_graph_cond *cond, uint32_t *ret_node);

/**
 * trn_graph_else() - what follows runs when the condition did not hold
 * @graph: a graph
 * @queue: queue whose innermost open node is an if without an else
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_else(struct trn_graph *graph, struct trn_queue *queue);

/**
 * trn_graph_loop() - what follows on a queue runs a number of times, or while a word says so
 * @graph: a graph
 * @queue: a queue of its device
 * @while_cond: looked at before each turn; NULL: count alone
 * @max: turns at most, > 0; without a condition exactly so many
 * @ret_node: set on success when not NULL
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL, -ENOSPC deeper than TRN_GRAPH_DEPTH_MAX, -ENOTSUP a peer's memory, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_loop(struct trn_graph *graph, struct trn_queue *queue,
					  const struct trn_graph_cond *while_cond, uint64_t max,
					  uint32_t *ret_node);

/**
 * trn_graph_end() - end the body of a queue's innermost if or loop
 * @graph: a graph
 * @queue: a queue that has one open
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_end(struct trn_graph *graph, struct trn_queue *queue);

/**
 * trn_graph_depend() - a node begins when another, of any queue of the graph, has ended
 * @graph: a graph
 * @node: the later one
 * @on: the earlier one: added before @node
 *
 * An if or a loop counts as a whole, with its body. Nodes inside a body cannot be named: whether,
 * and how often, they run is not known.
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_depend(struct trn_graph *graph, uint32_t node, uint32_t on);

/**
 * trn_graph_instantiate() - make a graph ready to run
 * @graph: a graph with at least one node and nothing open; may be changed, or ended, afterwards
 * @ret_exec: set on success; ended with trn_graph_exec_destroy()
 *
 * Places lists and launch descriptors in memory that the device reaches. The instance holds all
 * queues, buffers, programs and timelines. Several instances of a graph are independent.
 *
 * Context: one thread at a time per device.
 * Return:  0, -EINVAL, -ENOSPC a queue has more than 65536 commands, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_instantiate(struct trn_graph *graph,
						 struct trn_graph_exec **ret_exec);

/**
 * trn_graph_exec_destroy() - end an instance
 * @exec: an instance, or NULL; launches in flight go on and keep what they need
 *
 * Context: the thread that owns its queues.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_graph_exec *trn_graph_exec_destroy(struct trn_graph_exec *exec);

/**
 * trn_graph_rebind() - change an argument of an instance
 * @exec: an instance with no launch in flight
 * @node: number of a node
 * @command: index of the command in the node's batch; 0 for an if or a loop
 * @arg: a launch: index of the argument. A copy: 0 destination, 1 source. A fill: 0 destination,
 *       1 pattern. A timestamp: 0 destination. A wait or signal: 0 value. An if or a loop: 0 word,
 *       1 value, 2 turns
 * @value: what it is from now on: a buffer with its offset where there was a buffer, else a
 *         number. A copy and a fill keep their length: @value->bytes is that or 0
 *
 * All that recording checks is checked again. Costs the same however large the graph is.
 *
 * Context: the thread that owns the queues.
 * Return:  0, -EBUSY a launch has not finished, -EINVAL, -ENOENT no such node, command or
 *          argument, -ESTALE as trn_graph_launch(), -ENOTSUP a peer's memory where it cannot be.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_rebind(struct trn_graph_exec *exec, uint32_t node,
					    uint32_t command, uint32_t arg,
					    const struct trn_arg *value);

/**
 * trn_graph_launch() - run an instance once
 * @exec: an instance
 * @deadline_ns: CLOCK_MONOTONIC time to give up waiting for room; TRN_DEADLINE_NOW never waits
 * @ret_sequences: if not NULL, set on success: for each queue, in the order in which the graph
 *                 first named them, the number for trn_queue_wait()
 *
 * One command and one doorbell for each queue, whatever the number of nodes. Launches of one
 * instance run one after the other. After a reset of the device, a reset or cancellation of a
 * queue, or a launch that only some of the queues took, an instance is dead: make a new one.
 *
 * Context: the thread that owns the queues. Does not allocate, lock or make a system call on a
 *          memory-mapped door while there is room.
 * Return:  0, -ESTALE the instance is dead, else as trn_queue_submit().
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_launch(struct trn_graph_exec *exec, uint64_t deadline_ns,
					    uint64_t *ret_sequences);

/**
 * trn_graph_wait() - wait until all launches of an instance have finished
 * @exec: an instance
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * Looks at all queues: the error of the first that stopped, not a timeout of the others.
 *
 * Context: the thread that owns the queues. Blocks until @deadline_ns.
 * Return:  0, -ESTALE, -ETIMEDOUT, else as trn_queue_wait(); the record names node and command.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_graph_wait(struct trn_graph_exec *exec, uint64_t deadline_ns);

/**
 * trn_graph_info() - what an instance is made of
 * @exec: an instance
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: the thread that owns the queues.
 * Return:  0, or -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_graph_info(const struct trn_graph_exec *exec, struct trn_graph_info *ret_info);

TRN_END_DECLS

#endif /* TRN_GRAPH_H */
