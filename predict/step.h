/* SPDX-License-Identifier: Apache-2.0 */
/* A step of a decoder on a cluster: its products, and the collectives between chips. */
#ifndef PREDICT_STEP_H
#define PREDICT_STEP_H

#include "predict/cluster.h"

#define TRN_STEP_PIECES 10

/** enum trn_step_phase - what a step is */
enum trn_step_phase {
	TRN_STEP_TRAIN,  /* forward, backward, sum of gradients, new weights */
	TRN_STEP_DECODE, /* one token more for each sequence */
};

/** struct trn_step_request - what is asked; 0 is 1, or chosen */
struct trn_step_request {
	const struct trn_cluster *cluster;
	const struct trn_predict_config *config;
	enum trn_step_phase phase;
	uint32_t tp, ep, pp; /* chips that share a layer; that share the experts; stages */
	uint32_t batch;      /* sequences of a replica */
	uint32_t context;
	uint64_t seed;
};

/** struct trn_step_piece - a part of a step's time */
struct trn_step_piece {
	const char *name;
	double seconds;
	double bytes; /* of each collective, of a chip; 0: none */
	double times; /* collectives of the step */
};

/** struct trn_step_result - what a step takes */
struct trn_step_result {
	uint32_t tp, ep, pp, dp; /* dp: replicas */
	double step_s, tokens, tokens_per_s;
	double flops;       /* of the step, all chips */
	double mfu;         /* of the tensor engines' peak in BF16 */
	double state_bytes; /* of a checkpoint, all chips; 0: none is needed */
	double chip_bytes;  /* of HBM that a chip needs */
	double joules;      /* chips, links and network; the site is on top */
	double joules_site;
	uint32_t piece_count;
	struct trn_step_piece piece[TRN_STEP_PIECES];
	bool summed;                         /* gradients */
	struct trn_cluster_result gradients; /* of those that took longer */
};
int trn_step(const struct trn_step_request *request, struct trn_step_result *ret_result,
	     struct trn_predict_why *why);

#endif /* PREDICT_STEP_H */
