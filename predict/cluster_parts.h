/* SPDX-License-Identifier: Apache-2.0 */
/* Phases of collectives as flows: inside a pod, and between pods. */
#ifndef PREDICT_CLUSTER_PARTS_H
#define PREDICT_CLUSTER_PARTS_H

#include "base/coll_plan.h"
#include "predict/cluster.h"
#include "predict/flow.h"

#define TRN_CLUSTER_NONE UINT32_MAX
/* Tags of links behind those of enum trn_cluster_class: inside a chip. */
#define TRN_CLUSTER_MEMORY TRN_CLUSTER_CLASSES
#define TRN_CLUSTER_DMA (TRN_CLUSTER_CLASSES + 1)

/** struct trn_cluster - pods on a network */
struct trn_cluster {
	const struct trn_pod *pod;
	const struct trn_pod_fabric *fabric;
	const struct trn_gen *gen;
	struct trn_cluster_params params; /* no zero that stands for the generation's */
	struct trn_pod_graph graph;
	uint32_t chips, pod_chips;
	uint32_t full, part; /* full pods; chips of the one that is not, 0: none */
	uint32_t leaf_pods;  /* pods of a leaf; 1 when a pod has leaves of its own */
	uint32_t group_pods; /* pods below one second tier */
	uint32_t tiers;      /* of switches; 0: no network */
	bool apart;          /* nothing is folded: every chip has flows of its own */
	uint32_t slow_link;  /* of pod 0's graph: its rate is divided by @slow; apart only */
	double slow;         /* 0: none */
};
int trn_cluster_init(struct trn_cluster *ret_cluster, const char *pod, const char *fabric,
		     uint32_t chips, const struct trn_cluster_params *params,
		     struct trn_predict_why *why);
static inline uint32_t trn_cluster_pods(const struct trn_cluster *c)
{
	return c->full + (c->part > 0);
}

/* Is more than one pod in a group? */
static inline bool trn_cluster_crosses(const struct trn_cluster *c,
				       const struct trn_cluster_call *call)
{
	return trn_cluster_pods(c) > 1 && call->block == 0;
}

/** struct trn_phase - tasks between two that bring nothing */
struct trn_phase {
	uint32_t begin, end;
};

/* ---- cluster_pod.c: one pod, with all its links ---- */

#define TRN_CLUSTER_LANES TRN_COLL_CHANNELS
#define TRN_CLUSTER_GATES 64u

/** struct trn_pod_chunk - what channels do with a chunk */
struct trn_pod_chunk {
	uint32_t first, count;    /* tasks */
	struct trn_phase in, out; /* an all-to-all has no second one: out.begin NONE */
	uint32_t gate[TRN_CLUSTER_GATES], gates; /* tasks that a processor comes to in order */
};

/** struct trn_pod_lane - channels that do the same; independent of other lanes */
struct trn_pod_lane {
	/* By strand: the first chunk, those in between, the last one; the second may be a copy. */
	struct trn_pod_chunk chunk[TRN_COLL_STRANDS][3];
	uint32_t chunks, strands, ahead; /* chunks of a strand, one after the other */
};

/** struct trn_pod_phases - what a pod does: a reduce-scatter and an all-gather, or an exchange */
struct trn_pod_phases {
	struct trn_flows *flows;
	struct trn_pod_lane lane[TRN_CLUSTER_LANES];
	uint32_t lanes;
};
/* Of a pod's first @chips, @bytes each, in the call's groups. @alone: chunks as the runtime makes
 * them. -ENOTSUP: not by this algorithm. The caller destroys flows. @pod 0 has the cluster's slow
 * link. */
int trn_cluster_pod_phases(const struct trn_cluster *cluster, uint32_t chips, uint32_t pod,
			   const struct trn_cluster_call *call, double bytes, bool alone,
			   struct trn_pod_phases *ret_phases, struct trn_predict_why *why);
/* What the runtime would pick: trn_comm_cost(). */
enum trn_cluster_inner trn_cluster_pod_choose(const struct trn_cluster *cluster, uint32_t chips,
					      const struct trn_cluster_call *call);

/* ---- cluster_net.c: between pods ---- */

/** struct trn_net - the network's flows of one phase */
struct trn_net {
	const struct trn_cluster *cluster;
	struct trn_flows *flows;
	struct trn_phase phase;
	struct trn_flows *all;  /* every link of the network, or every kind of link; no flows */
	double *carried;        /* by one of each, in bytes */
	struct trn_flows *into; /* where flows are put: flows, or a round of its own */
	uint32_t tx, up;        /* first links: of chips' networks, of leaves */
	uint32_t slots;         /* links of a pod's chips, one way */
	double switched;        /* bytes times switches that they pass */
};
/* Every chip has @bytes; chip r of a pod deals with chip r of the others. */
int trn_cluster_net_phase(const struct trn_cluster *cluster, enum trn_cluster_kind kind,
			  enum trn_cluster_outer outer, uint32_t stride, double bytes,
			  struct trn_net *ret_net, struct trn_predict_why *why);
void trn_cluster_net_close(struct trn_net *net);

#endif /* PREDICT_CLUSTER_PARTS_H */
