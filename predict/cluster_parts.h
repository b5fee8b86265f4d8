/* SPDX-License-Identifier: Apache-2.0 */
/* Phases of collectives as flows: inside a pod, and between pods. */
#ifndef PREDICT_CLUSTER_PARTS_H
#define PREDICT_CLUSTER_PARTS_H

#include "predict/cluster.h"

#define TRN_CLUSTER_NONE UINT32_MAX

/** struct trn_phase - tasks between two that bring nothing */
struct trn_phase {
	uint32_t begin, end;
};

/* ---- cluster_pod.c: one pod, with all its links ---- */

/** struct trn_pod_phases - a pod's flows: a reduce-scatter and an all-gather, or an all-to-all */
struct trn_pod_phases {
	struct trn_flows *flows;  /* link i is link i of the graph, until it is folded */
	struct trn_phase in, out; /* the all-to-all has no second one: out.begin NONE */
};
/* Of a pod's first @chips, @bytes each, in groups of every @stride-th chip. -ENOTSUP: not by this
 * algorithm. The caller destroys flows. @pod 0 has the cluster's slow link. */
int trn_cluster_pod_phases(const struct trn_cluster *cluster, uint32_t chips, uint32_t pod,
			   enum trn_cluster_kind kind, enum trn_cluster_inner inner,
			   uint32_t stride, double bytes, struct trn_pod_phases *ret_phases,
			   struct trn_predict_why *why);

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
