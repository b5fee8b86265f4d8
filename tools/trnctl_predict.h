/* SPDX-License-Identifier: Apache-2.0 */
/* Predictions of clusters: what the command line says, and the verb's other half. */
#ifndef TOOLS_TRNCTL_PREDICT_H
#define TOOLS_TRNCTL_PREDICT_H

#include "tools/trnctl.h"

/** struct trnctl_scale - options of allreduce, alltoall and step; NULL and 0: not given */
struct trnctl_scale {
	const char *what; /* which of them */
	const char *pod, *fabric, *network, *model, *bytes, *phase;
	const char *inner, *outer;
	uint32_t chips, chunks, block;
	uint32_t tp, ep, pp, batch, context;
	uint32_t spares;
	bool spares_given;
	double interval_s;
	double slow; /* of link @slow_link of the first pod */
	uint32_t slow_link;
	uint64_t seed;
};
bool trnctl_scale_has(const char *what);
int trnctl_scale(struct trnctl *ctl, const struct trnctl_scale *scale);

#endif /* TOOLS_TRNCTL_PREDICT_H */
