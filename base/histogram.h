/* SPDX-License-Identifier: Apache-2.0 */
/* Durations counted in a fixed kilobyte: four buckets for each doubling, so a number read back is
 * off by a quarter at most. One thread adds, any thread reads. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define TRN_HISTOGRAM_BUCKETS 128u

struct trn_histogram {
	_Atomic uint64_t count[TRN_HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum_ns;
};

/* The same as numbers. */
struct trn_histogram_sums {
	uint64_t count[TRN_HISTOGRAM_BUCKETS];
	uint64_t sum_ns, total;
};

/* Longer than all buckets: the last has it. */
void trn_histogram_add(struct trn_histogram *histogram, uint64_t ns);
void trn_histogram_read(const struct trn_histogram *histogram, struct trn_histogram_sums *ret);
/* Bucket i has durations above the bound of i - 1 (0 for the first), up to this one. */
uint64_t trn_histogram_bound(uint32_t bucket);
/* The bound of the bucket that part / 10000 of all durations reach; 0 without any. */
uint64_t trn_histogram_quantile(const struct trn_histogram_sums *sums, uint32_t part);

#endif /* BASE_HISTOGRAM_H */
