/* SPDX-License-Identifier: Apache-2.0 */
/* xoshiro256** with its state spread from one word by splitmix64 (both by
 * Blackman and Vigna, public domain). Not for secrets. */
#include "base/prng.h"

static uint64_t rotl(uint64_t x, unsigned int k)
{
	return (x << k) | (x >> (64 - k));
}

void trn_prng_seed(struct trn_prng *prng, uint64_t seed)
{
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		prng->s[i] = z ^ (z >> 31);
	}
}

uint64_t trn_prng_next(struct trn_prng *prng)
{
	uint64_t *s = prng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t trn_prng_below(struct trn_prng *prng, uint64_t bound)
{
	uint64_t skip, v;

	if (bound == 0)
		return 0;
	/* 2^64 mod bound: values below it would make small results more likely.
	 * At most every second draw is refused, so the loop is short. */
	skip = (0 - bound) % bound;
	do {
		v = trn_prng_next(prng);
	} while (v < skip);
	return v % bound;
}

double trn_prng_unit(struct trn_prng *prng)
{
	return (double)(trn_prng_next(prng) >> 11) * 0x1p-53;
}
