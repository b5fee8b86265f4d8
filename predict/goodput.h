/* SPDX-License-Identifier: Apache-2.0 */
/* What failures leave of a cluster's work: by formula, and by drawing failures. */
#ifndef PREDICT_GOODPUT_H
#define PREDICT_GOODPUT_H

#include "predict/cluster.h"

#define TRN_GOODPUT_AUTO UINT32_MAX

/** struct trn_goodput_request - what is asked */
struct trn_goodput_request {
	const struct trn_cluster *cluster;
	double state_bytes; /* of a checkpoint, of all chips, each writes its part */
	double interval_s;  /* of work between two checkpoints; 0: Daly's */
	uint32_t spares;    /* pods; AUTO: what is seldom short */
	uint64_t seed;
};

/** struct trn_goodput - shares are of the time that passes */
struct trn_goodput {
	double mtbf_s; /* of all that the job uses */
	double checkpoint_s, restart_s, repair_s;
	double young_s, daly_s, interval_s;
	uint32_t spares;
	double repairing; /* pods at a time, in the mean */
	double expected;  /* share of useful work, Daly's model, a spare always there */
	double simulated; /* the same, drawn, with repairs */
	double checkpointing, lost, restarting, waiting; /* where the rest went, drawn */
	uint32_t failures;                               /* that were drawn */
};
/* Mean time between failures of anything the cluster uses, seconds. */
double trn_goodput_mtbf(const struct trn_cluster *cluster);
int trn_goodput(const struct trn_goodput_request *request, struct trn_goodput *ret_goodput,
		struct trn_predict_why *why);

#endif /* PREDICT_GOODPUT_H */
