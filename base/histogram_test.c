/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"
#include "base/prng.h"
#include "base/test_main.h"

#include <string.h>

static struct trn_histogram histogram;
static struct trn_histogram_sums sums;

static uint32_t bucket_with(uint64_t ns)
{
	uint32_t found = TRN_HISTOGRAM_BUCKETS;

	memset(&histogram, 0, sizeof(histogram));
	trn_histogram_add(&histogram, ns);
	trn_histogram_read(&histogram, &sums);
	ck_assert_uint_eq(sums.total, 1);
	ck_assert_uint_eq(sums.sum_ns, ns);
	for (uint32_t i = 0; i < TRN_HISTOGRAM_BUCKETS; i++)
		if (sums.count[i] > 0)
			found = i;
	return found;
}

START_TEST(every_duration_is_below_its_bound)
{
	ck_assert_uint_eq(bucket_with(0), 0);
	for (uint32_t i = 0; i + 1 < TRN_HISTOGRAM_BUCKETS; i++) {
		const uint64_t bound = trn_histogram_bound(i), next = trn_histogram_bound(i + 1);

		ck_assert_uint_eq(bucket_with(bound), i);
		ck_assert_uint_eq(bucket_with(bound + 1), i + 1);
		ck_assert_uint_eq(bucket_with(bound - 1), i);
		/* Off by a quarter at most, where a bucket is wider than the first. */
		ck_assert_uint_lt(bound, next);
		if (i >= 3)
			ck_assert_uint_le(next - bound, bound / 4);
	}
	ck_assert_uint_gt(trn_histogram_bound(TRN_HISTOGRAM_BUCKETS - 1), UINT64_C(100000000000));
	ck_assert_uint_eq(bucket_with(UINT64_MAX), TRN_HISTOGRAM_BUCKETS - 1);
}
END_TEST

START_TEST(quantiles)
{
	struct trn_prng prng;

	memset(&sums, 0, sizeof(sums));
	ck_assert_uint_eq(trn_histogram_quantile(&sums, 5000), 0);
	memset(&histogram, 0, sizeof(histogram));
	for (uint64_t ns = 1; ns <= 1000; ns++)
		trn_histogram_add(&histogram, ns * 1000);
	trn_histogram_read(&histogram, &sums);
	ck_assert_uint_eq(sums.sum_ns, 500500000);
	for (uint32_t part = 0; part <= 10000; part += 100) {
		const uint64_t exact = part > 0 ? UINT64_C(100) * part : 1000;
		const uint64_t found = trn_histogram_quantile(&sums, part);

		ck_assert_uint_ge(found, exact);
		ck_assert_uint_le(found, exact + exact / 4 + 1000);
	}
	trn_prng_seed(&prng, trn_test_seed());
	memset(&histogram, 0, sizeof(histogram));
	for (int i = 0; i < 1000; i++)
		trn_histogram_add(&histogram, trn_prng_next(&prng) >> (trn_prng_next(&prng) & 63));
	trn_histogram_read(&histogram, &sums);
	ck_assert_uint_eq(sums.total, 1000);
	for (uint32_t part = 100; part <= 10000; part += 100)
		ck_assert_uint_ge(trn_histogram_quantile(&sums, part),
				  trn_histogram_quantile(&sums, part - 100));
}
END_TEST

static Suite *histogram_suite(void)
{
	Suite *suite = suite_create("base-histogram");
	TCase *tc = tcase_create("histogram");

	tcase_add_test(tc, every_duration_is_below_its_bound);
	tcase_add_test(tc, quantiles);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(histogram_suite)
