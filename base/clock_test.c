/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/clock.c: order only, never how long something took. */
#include "base/clock.h"
#include "base/test_main.h"

START_TEST(time_never_goes_back)
{
	uint64_t last = trn_clock_ns();

	ck_assert_uint_gt(last, 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = trn_clock_ns();

		ck_assert_uint_ge(now, last);
		last = now;
	}
}
END_TEST

START_TEST(deadlines_saturate)
{
	uint64_t before = trn_clock_ns();
	uint64_t deadline = trn_clock_deadline(1000);

	ck_assert_uint_ge(deadline, before + 1000);
	ck_assert_uint_le(deadline, trn_clock_ns() + 1000);
	ck_assert_uint_eq(trn_clock_deadline(UINT64_MAX), UINT64_MAX);
	ck_assert_uint_eq(trn_clock_deadline(UINT64_MAX - 1), UINT64_MAX);
}
END_TEST

START_TEST(passed)
{
	ck_assert(trn_clock_passed(0));
	ck_assert(trn_clock_passed(trn_clock_ns()));
	ck_assert(!trn_clock_passed(UINT64_MAX));
	ck_assert(!trn_clock_passed(UINT64_MAX - 1));
	ck_assert(!trn_clock_passed(trn_clock_deadline(UINT64_C(3600000000000))));
}
END_TEST

START_TEST(backoff_goes_through_its_stages_and_stays)
{
	unsigned int round = 0, last = 0, steps = 0;

	for (; steps < 1000; steps++) {
		trn_clock_backoff(&round);
		if (round == last)
			break;
		ck_assert_uint_eq(round, last + 1);
		last = round;
	}
	ck_assert_uint_gt(steps, 64);   /* spins first */
	ck_assert_uint_lt(steps, 1000); /* then settles on one step, and cannot wrap */
	round = UINT32_MAX;
	trn_clock_backoff(&round);
	ck_assert_uint_eq(round, UINT32_MAX);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, time_never_goes_back);
	tcase_add_test(tc, deadlines_saturate);
	tcase_add_test(tc, passed);
	tcase_add_test(tc, backoff_goes_through_its_stages_and_stays);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
