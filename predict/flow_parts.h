/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of struct trn_flows, for flow.c and flow_fold.c. */
#ifndef PREDICT_FLOW_PARTS_H
#define PREDICT_FLOW_PARTS_H

#include "predict/flow.h"

struct trn_flows_link {
	double capacity, count;
	double bytes; /* carried */
	uint32_t tag;
};

struct trn_flows_flow {
	struct trn_flow is;
	uint32_t hop, hops; /* of the list of hops */
	uint32_t next;      /* of its task */
	double left;
	double since; /* its bytes are on their way */
	bool waits;   /* its start is still to come */
};

struct trn_flows_task {
	double delay;
	uint32_t repeat, waits;
	uint32_t flow, edge; /* first ones, linked by next */
	uint32_t open;       /* flows that have not arrived */
	uint32_t mark;       /* tasks that had begun when it did, when it was alone */
	double ready, done;
};

struct trn_flows_edge {
	uint32_t task, next;
};

struct trn_flows {
	struct trn_flows_link *link;
	struct trn_flows_flow *flow;
	struct trn_flows_task *task;
	struct trn_flow_hop *hop;
	struct trn_flows_edge *edge;
	uint32_t links, flows, tasks, hops, edges;
	uint32_t link_room, flow_room, task_room, hop_room, edge_room;
	double bytes, seconds, burst_s;
	bool in_order;
	int error;
};

#endif /* PREDICT_FLOW_PARTS_H */
