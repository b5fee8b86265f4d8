/* SPDX-License-Identifier: Apache-2.0 */
/* Flows that share links fairly: what a network does when its queues are deep enough, without its
 * packets. Tasks follow each other; a task is a set of flows that begin together. Alike links
 * and alike flows may be one with a count; trn_flows_fold() finds out which are alike.
 * docs/scale.md 2. */
#ifndef PREDICT_FLOW_H
#define PREDICT_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include "predict/predict.h"

struct trn_flows;

/** struct trn_flow - bytes on their way; set what is not 0 */
struct trn_flow {
	uint32_t task;
	double bytes;
	double start_s;   /* behind the task's begin */
	double latency_s; /* from the last byte's leaving to its arrival */
	double limit;     /* bytes/s that the source can do at most; 0: what the links give */
	double count;     /* so many alike; 0: 1 */
};

/** struct trn_flow_hop - a link that a flow crosses */
struct trn_flow_hop {
	uint32_t link;
	double weight; /* what all flows of this kind together, at 1 byte/s each, bring each link */
};

int trn_flows_create(struct trn_flows **ret_flows);
struct trn_flows *trn_flows_destroy(struct trn_flows *flows);

/* They hand numbers out from 0 on. What goes wrong in them (memory, a number that is none) stays
 * with @flows and is what trn_flows_run() and trn_flows_fold() answer. */
/* @tag is handed back by trn_flows_link_tag(); links of different tags are not alike. */
uint32_t trn_flows_link(struct trn_flows *flows, double bytes_per_s, double count, uint32_t tag);
/* Begins @delay_s after all that it comes after are done; is run @repeat times in succession,
 * with the delay each time. */
uint32_t trn_flows_task(struct trn_flows *flows, double delay_s, uint32_t repeat);
void trn_flows_after(struct trn_flows *flows, uint32_t task, uint32_t before);
void trn_flows_add(struct trn_flows *flows, const struct trn_flow *flow,
		   const struct trn_flow_hop *hops, uint32_t hop_count);

/* From now on links serve who came first, instead of all alike: flows that began at one time in
 * one task share fairly what earlier ones, and at one time tasks of lower number, leave. */
void trn_flows_in_order(struct trn_flows *flows);

/* From now on a link that was idle brings what it could have brought in so many seconds at once, as
 * far as flows' limits, which they all must have, let it; and again when it has caught up. */
void trn_flows_burst(struct trn_flows *flows, double seconds);

/* @count tasks of @part from @first on, with their flows and what they wait for among each other,
 * once more, for @times as many alike; the number of the first one here. Link i there is @links[i]
 * here; UINT32_MAX there becomes the number of a new link, all of them at the first call. */
uint32_t trn_flows_append(struct trn_flows *flows, const struct trn_flows *part, uint32_t first,
			  uint32_t count, double times, uint32_t *links);
uint32_t trn_flows_tasks(const struct trn_flows *flows);

/* The same with alike links and flows in one: the partition is equitable, so every flow gets what
 * it had. Links and flows are numbered anew, tasks are not; @ret_links, of as many places as
 * links, says which one each link went into (may be NULL). */
int trn_flows_fold(const struct trn_flows *flows, struct trn_flows **ret_folded,
		   uint32_t *ret_links, struct trn_predict_why *why);

/* Seconds until all tasks are done. -EDEADLK: some wait for each other; -EHOSTUNREACH: a flow
 * crosses a link without bandwidth. Runs once. */
int trn_flows_run(struct trn_flows *flows, double *ret_seconds, struct trn_predict_why *why);

uint32_t trn_flows_links(const struct trn_flows *flows);
uint32_t trn_flows_flows(const struct trn_flows *flows);
uint32_t trn_flows_link_tag(const struct trn_flows *flows, uint32_t link);
double trn_flows_link_capacity(const struct trn_flows *flows, uint32_t link);
/* After the run: bytes that one link of this number carried, and its share of what it could. */
double trn_flows_link_bytes(const struct trn_flows *flows, uint32_t link);
double trn_flows_link_count(const struct trn_flows *flows, uint32_t link);
double trn_flows_link_used(const struct trn_flows *flows, uint32_t link);
/* When a task was done. */
double trn_flows_done_s(const struct trn_flows *flows, uint32_t task);
/* Bytes that all flows, alike ones counted, have brought to their ends. */
double trn_flows_bytes(const struct trn_flows *flows);

/* ---- flow_share.c ---- */

/** struct trn_share - flows that want to cross links, for one division of bandwidth */
struct trn_share {
	uint32_t flows, links;
	const uint32_t *first;           /* hops of flow f: [first[f], first[f + 1]) */
	const struct trn_flow_hop *hops; /* links below @links */
	const double *limit;             /* of a flow; 0: none */
	const double *capacity;          /* of a link */
	double *rate;                    /* out, of a flow */
};
/* Bytes that trn_share_divide() wants to work in. */
uint64_t trn_share_room(uint32_t flows, uint32_t links, uint32_t hops);
/* Max-min fair: nobody can get more without one that has no more getting less. */
void trn_share_divide(const struct trn_share *share, void *room);

#endif /* PREDICT_FLOW_H */
