/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs inside: what is recorded (graph.c), the lists that it becomes (graph_list.c), and
 * instances that run (graph_exec.c). */
#ifndef RUNTIME_GRAPH_H
#define RUNTIME_GRAPH_H

#include "runtime/program.h"

#define TRN_GRAPH_NONE UINT32_MAX

enum trn_graph_kind {
	TRN_GRAPH_BATCH,
	TRN_GRAPH_IF,
	TRN_GRAPH_LOOP,
	TRN_GRAPH_ELSE, /* these two have no number that a user knows */
	TRN_GRAPH_END,
};

struct trn_graph_node {
	enum trn_graph_kind kind;
	uint32_t lane;
	uint32_t depth;             /* open nodes of its queue around it */
	uint32_t first, count;      /* BATCH: commands */
	uint32_t edges;             /* first of those that it waits for, or NONE */
	uint32_t open;              /* ELSE: the IF; END: the ELSE, IF or LOOP */
	bool waited;                /* another queue waits for its end */
	uint64_t max;               /* LOOP */
	struct trn_graph_cond cond; /* word NULL: none. Held */
};

struct trn_graph_command {
	struct trn_ext_cmd cmd;
	uint32_t refs, ref_count;
	uint32_t args; /* LAUNCH; refs[0] is the program */
};

struct trn_graph_edge {
	uint32_t on, next;
};

/* A queue of the graph. */
struct trn_graph_lane {
	struct trn_queue *queue; /* held */
	uint32_t depth;
	uint32_t open[TRN_GRAPH_DEPTH_MAX]; /* nodes; an ELSE stands for its IF */
};

/* An array that grows. */
#define TRN_GRAPH_ARRAY(type)         \
	struct {                      \
		type *at;             \
		uint32_t count, room; \
	}

struct trn_graph {
	struct trn_object object;
	struct trn_device *device;
	TRN_GRAPH_ARRAY(struct trn_graph_node) nodes;
	TRN_GRAPH_ARRAY(struct trn_graph_command) commands;
	TRN_GRAPH_ARRAY(struct trn_object *) refs;
	TRN_GRAPH_ARRAY(struct trn_ext_arg) args;
	TRN_GRAPH_ARRAY(struct trn_graph_edge) edges;
	TRN_GRAPH_ARRAY(struct trn_graph_lane) lanes;
	void *grown; /* on its way into one of them */
};

/* ---- lists ---- */

/* Where an entry of a list comes from. */
struct trn_list_entry {
	uint32_t node;
	uint32_t command; /* in the node's batch, or NONE: a branch, a counter, a wait or signal */
	uint32_t refs, ref_count;
	uint32_t slot; /* LAUNCH: byte in the memory */
};

struct trn_list_node {
	enum trn_graph_kind kind;
	uint32_t first, count; /* BATCH: entries; else entry of the branch on the word, or NONE */
	uint32_t turns;        /* LOOP: entry of the branch back */
	uint64_t counter;      /* LOOP: address of its count */
	uint64_t top;          /* LOOP: first entry of a turn, in its list */
};

struct trn_list_lane {
	uint32_t first, count; /* entries */
};

/* All lists of an instance, and what they hold. Commands in flight hold it, not the instance: that
 * one holds the queues, which hold the commands. */
struct trn_lists {
	struct trn_object object;
	struct trn_device *device;
	struct trn_hal_mem mem;   /* words, counters, lists, descriptors */
	struct trn_ext_cmd *cmds; /* in mem; the lists one after the other */
	uint64_t cmds_at;         /* byte in mem */
	uint64_t stride;          /* values of a launch, on each lane's word */
	uint32_t lane_count, entry_count, node_count, ref_count;
	struct trn_list_lane *lanes;
	struct trn_list_entry *entries;
	struct trn_list_node *nodes;
	struct trn_object **refs;
};

/* Which entry of the list of a CALL failed, and where it came from; NULL when the
 * device names none that is there. entry counts from 1. */
const struct trn_ext_cmd *trn_lists_blame(const struct trn_queue_slot *slot,
					  const struct trn_ext_cmd *call, uint32_t entry,
					  uint32_t *ret_node, uint32_t *ret_command);
/* What the list promises from *entry on, which moves on; it is 0 again at the end. */
uint32_t trn_lists_owed(const struct trn_object *lists, const struct trn_ext_cmd *call,
			uint32_t *entry, struct trn_promise *promises, uint32_t max);

/* Records CALL; the command holds the lists. */
int trn_batch_call(struct trn_batch *batch, uint64_t address, uint32_t count,
		   struct trn_object *lists);

/* From a graph that is complete. Records its failures. */
int trn_lists_create(const struct trn_graph *graph, struct trn_lists **ret_lists);
void trn_lists_unref(struct trn_lists *lists);

static inline struct trn_launch_slot *trn_lists_slot(const struct trn_lists *lists,
						     const struct trn_list_entry *entry)
{
	return (struct trn_launch_slot *)(void *)((char *)lists->mem.host + entry->slot);
}

#endif /* RUNTIME_GRAPH_H */
