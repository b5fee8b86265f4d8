/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/prng.c: the published sequences, bounds, and no coarse bias. */
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_main.h"

START_TEST(published_sequences)
{
	/* xoshiro256** from state 1, 2, 3, 4; splitmix64 from 1234567 */
	static const uint64_t next[] = { 11520,
					 0,
					 1509978240,
					 UINT64_C(1215971899390074240),
					 UINT64_C(1216172134540287360),
					 UINT64_C(607988272756665600) };
	static const uint64_t state[] = { UINT64_C(6457827717110365317),
					  UINT64_C(3203168211198807973) };
	struct trn_prng prng = { { 1, 2, 3, 4 } };

	for (size_t i = 0; i < TRN_ARRAY_LEN(next); i++)
		ck_assert_uint_eq(trn_prng_next(&prng), next[i]);
	trn_prng_seed(&prng, 1234567);
	for (size_t i = 0; i < TRN_ARRAY_LEN(state); i++)
		ck_assert_uint_eq(prng.s[i], state[i]);
}
END_TEST

START_TEST(a_seed_decides)
{
	struct trn_prng x, y, z;

	trn_prng_seed(&x, trn_test_seed());
	trn_prng_seed(&y, trn_test_seed());
	trn_prng_seed(&z, trn_test_seed() + 1);
	for (int i = 0; i < 100; i++) {
		uint64_t v = trn_prng_next(&x);

		ck_assert_uint_eq(v, trn_prng_next(&y));
		ck_assert_uint_ne(v, trn_prng_next(&z));
	}
	trn_prng_seed(&x, 0); /* the all-zero state would only give zeros */
	ck_assert(x.s[0] || x.s[1] || x.s[2] || x.s[3]);
}
END_TEST

START_TEST(below_stays_below)
{
	static const uint64_t bounds[] = {
		1, 2, 3, 1000, UINT64_C(1) << 32, (UINT64_C(1) << 63) + 1, UINT64_MAX
	};
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	ck_assert_uint_eq(trn_prng_below(&prng, 0), 0);
	for (size_t k = 0; k < TRN_ARRAY_LEN(bounds); k++) {
		for (int i = 0; i < 1000; i++)
			ck_assert_uint_lt(trn_prng_below(&prng, bounds[k]), bounds[k]);
	}
}
END_TEST

#define DRAWS 70000

START_TEST(values_are_spread)
{
	struct trn_prng prng;
	unsigned int seen[7] = { 0 };
	unsigned int low = 0;
	double sum = 0;

	trn_prng_seed(&prng, trn_test_seed());
	for (int i = 0; i < DRAWS; i++) {
		double v = trn_prng_unit(&prng);

		seen[trn_prng_below(&prng, 7)]++;
		/* 3/4 of the range: plain modulo would put half of all draws below 2^62 */
		low += trn_prng_below(&prng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
		ck_assert(v >= 0.0 && v < 1.0);
		sum += v;
	}
	/* expected 10000 with deviation 93; 800 is out of reach for any seed */
	for (size_t i = 0; i < 7; i++)
		ck_assert(seen[i] > 10000 - 800 && seen[i] < 10000 + 800);
	ck_assert(low > DRAWS / 3 - 1500 && low < DRAWS / 3 + 1500);
	ck_assert(sum > DRAWS * 0.49 && sum < DRAWS * 0.51);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/prng");
	TCase *tc = tcase_create("prng");

	tcase_add_test(tc, published_sequences);
	tcase_add_test(tc, a_seed_decides);
	tcase_add_test(tc, below_stays_below);
	tcase_add_test(tc, values_are_spread);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
