/* SPDX-License-Identifier: Apache-2.0 */
/* The launch claims of H 3, each with its arithmetic and what the model measures. */
#ifndef PREDICT_HEADLINES_H
#define PREDICT_HEADLINES_H

#include "predict/predict.h"

#define TRN_PREDICT_CLAIMS_MAX 32

enum trn_predict_verdict {
	TRN_PREDICT_FOLLOWS,
	TRN_PREDICT_FOLLOWS_NOT,
	TRN_PREDICT_NOT_PROVABLE,
};

/** struct trn_predict_claim - one claim */
struct trn_predict_claim {
	const char *id, *claim;
	double claimed;       /* the number in it */
	double value;         /* what published figures give */
	char arithmetic[160]; /* how */
	double measured;     /* by programs on the model; NaN: it cannot be, or was not asked for */
	const char *measure; /* what was measured; NULL: nothing can be */
	enum trn_predict_verdict verdict;
	const char *words; /* why */
};

/* All claims; with @measure the model runs. @ret_claims has TRN_PREDICT_CLAIMS_MAX places. */
int trn_predict_headlines(bool measure, uint64_t seed, struct trn_predict_claim *ret_claims,
			  uint32_t *ret_count, struct trn_predict_why *why);
const char *trn_predict_verdict_name(enum trn_predict_verdict verdict);

/** struct trn_predict_rates - what one chip does, measured on the model */
struct trn_predict_rates {
	double bf16, f8, mx; /* FLOP/s of the tensor engines of a chip; NaN: has none */
	double hbm;          /* bytes/s of a chip, from HBM to SBUF */
};
int trn_predict_rates(const char *gen, uint64_t seed, struct trn_predict_rates *ret_rates,
		      struct trn_predict_why *why);

#endif /* PREDICT_HEADLINES_H */
