/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include "base/bits.h"

#define UNIT 5u     /* the first buckets are 32 ns wide */
#define SUBS_LOG 2u /* four to a doubling */

static uint32_t bucket_of(uint64_t ns)
{
	const uint64_t units = (ns > 0 ? ns - 1 : 0) >> UNIT;
	uint32_t top, bucket;

	if (units < 1u << SUBS_LOG)
		return (uint32_t)units;
	top = 63u - (uint32_t)__builtin_clzll(units);
	bucket = ((top - SUBS_LOG + 1) << SUBS_LOG) +
		 (uint32_t)(units >> (top - SUBS_LOG) & ((1u << SUBS_LOG) - 1));
	return bucket < TRN_HISTOGRAM_BUCKETS ? bucket : TRN_HISTOGRAM_BUCKETS - 1;
}

uint64_t trn_histogram_bound(uint32_t bucket)
{
	const uint32_t octave = bucket >> SUBS_LOG, sub = bucket & ((1u << SUBS_LOG) - 1);

	if (octave == 0)
		return (uint64_t)(sub + 1) << UNIT;
	return ((uint64_t)((1u << SUBS_LOG) + sub + 1) << (octave - 1)) << UNIT;
}

static void add(_Atomic uint64_t *to, uint64_t what)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + what,
			      memory_order_relaxed);
}

void trn_histogram_add(struct trn_histogram *histogram, uint64_t ns)
{
	add(&histogram->count[bucket_of(ns)], 1);
	add(&histogram->sum_ns, ns);
}

void trn_histogram_read(const struct trn_histogram *histogram, struct trn_histogram_sums *ret)
{
	ret->total = 0;
	for (uint32_t i = 0; i < TRN_HISTOGRAM_BUCKETS; i++) {
		ret->count[i] = atomic_load_explicit(&histogram->count[i], memory_order_relaxed);
		ret->total += ret->count[i];
	}
	ret->sum_ns = atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
}

uint64_t trn_histogram_quantile(const struct trn_histogram_sums *sums, uint32_t part)
{
	/* The number of the duration that is asked for, from 1. */
	uint64_t wanted = trn_max_u64((sums->total * part + 9999) / 10000, 1), seen = 0;

	for (uint32_t i = 0; i < TRN_HISTOGRAM_BUCKETS; i++) {
		seen += sums->count[i];
		if (seen >= wanted)
			return trn_histogram_bound(i);
	}
	return 0;
}
