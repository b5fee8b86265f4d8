/* SPDX-License-Identifier: Apache-2.0 */
/* One seeded generator for model, faults and tests (xoshiro256**). */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct trn_prng {
	uint64_t s[4];
};

void trn_prng_seed(struct trn_prng *prng, uint64_t seed);
uint64_t trn_prng_next(struct trn_prng *prng);
/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t trn_prng_below(struct trn_prng *prng, uint64_t bound);
/* Uniform in [0, 1). */
double trn_prng_unit(struct trn_prng *prng);

#endif /* BASE_PRNG_H */
