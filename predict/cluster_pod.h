/* SPDX-License-Identifier: Apache-2.0 */
/* What cluster_pod.c and cluster_fused.c build flows of one pod with. */
#ifndef PREDICT_CLUSTER_POD_H
#define PREDICT_CLUSTER_POD_H

#include "predict/cluster_parts.h"

#define TRN_POD_STACKS \
	8u /* of a chip at most; what the user has lies in one, scratch in the others */
#define TRN_POD_ROOM 4194304.0 /* bytes of a chunk of a channel, as runtime/comm.h has it */
#define TRN_POD_CORES 8u

/** struct trn_pod_site - chips in groups, every so-many-th one, or side by side */
struct trn_pod_site {
	const struct trn_cluster *c;
	struct trn_flows *flows;
	uint32_t chips, groups, members; /* of a group */
	bool blocks;
	enum trn_cluster_kind kind;
	struct trn_coll_plan *plan; /* of each group */
	struct trn_coll_site coll;  /* of the last group, without its lists */
	uint32_t used;              /* channels */
	bool alone;                 /* every channel is a lane */
	uint32_t stacks;
	/* First links of the chips: memory, and all scratch. */
	uint32_t stack[TRN_POD_STACKS], scratch;
	uint32_t engines[TRN_POD_CORES];
	double op_s, trigger_s, done_s, hop_s, semaphore_s, add, core_rate;
	bool stranded;
	bool bursts;                 /* flows need limits: trn_flows_burst() */
	struct trn_pod_chunk *chunk; /* that is being built */
};

/** struct trn_pod_stream - channels of one part in one direction */
struct trn_pod_stream {
	uint32_t part;
	double channels;
	uint32_t dma, scratch; /* first links of the chips */
	double bytes;          /* of one channel and chunk */
	double start_s;        /* later than when the task begins: its processor hears of it */
	struct trn_coll_way way;
};

enum trn_pod_where {
	TRN_POD_HOME,
	TRN_POD_SCRATCH,
};

/** struct trn_pod_message - one of those that a channel sends at once, of so many sources */
struct trn_pod_message {
	double bytes, sources;
	enum trn_pod_where src, dst;
	uint32_t number, messages; /* of the operation among those at once */
};

uint32_t trn_pod_after(struct trn_pod_site *p, uint32_t before, double delay);
/* For every pair that stands @step apart in a dimension, in all groups. */
void trn_pod_neighbours(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			uint32_t step, uint32_t task, const struct trn_pod_message *m);

/* ---- cluster_fused.c ---- */

/* All-reduce in few steps: lanes of all channels. */
void trn_pod_fused(struct trn_pod_site *p, double bytes, struct trn_pod_phases *ret);

#endif /* PREDICT_CLUSTER_POD_H */
