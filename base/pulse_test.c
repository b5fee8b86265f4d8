/* SPDX-License-Identifier: Apache-2.0 */
/* A sleeper is woken, however close the raise comes to the sleep. */
#include "base/pulse.h"

#include <pthread.h>
#include "base/clock.h"
#include "base/prng.h"
#include "base/test_main.h"

#define LONG_NS UINT64_C(60000000000)
#define ROUNDS 2000u

START_TEST(raises_count)
{
	struct trn_pulse pulse = { 0 };

	ck_assert_uint_eq(trn_pulse_now(&pulse), 0);
	trn_pulse_raise(&pulse);
	trn_pulse_raise(&pulse);
	ck_assert_uint_eq(trn_pulse_now(&pulse), 2);
	/* Another count than it was: no sleep, or Check ends the test. */
	ck_assert(trn_pulse_sleep(&pulse, 1, trn_clock_deadline(LONG_NS)));
	/* The same: only time ends it. */
	ck_assert(!trn_pulse_sleep(&pulse, 2, trn_clock_deadline(1000000)));
	ck_assert(!trn_pulse_sleep(&pulse, 2, 0));
}
END_TEST

struct race {
	struct trn_pulse pulse, back;
	_Atomic uint32_t word;
	uint64_t seed;
};

static void *raiser(void *arg)
{
	struct race *race = arg;
	struct trn_prng prng;

	trn_prng_seed(&prng, race->seed);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		while (trn_pulse_now(&race->back) < i - 1)
			(void)trn_pulse_sleep(&race->back, i - 2, trn_clock_deadline(LONG_NS));
		for (uint64_t n = trn_prng_below(&prng, 300); n > 0; n--)
			atomic_signal_fence(memory_order_seq_cst);
		atomic_store_explicit(&race->word, i, memory_order_relaxed);
		trn_pulse_raise(&race->pulse);
	}
	return NULL;
}

/* Each wake-up that got lost would cost a minute: Check ends the test long before. */
START_TEST(no_wake_up_is_lost)
{
	struct race race = { .seed = trn_test_seed() };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, raiser, &race), 0);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		for (;;) {
			uint32_t seen = trn_pulse_now(&race.pulse);

			if (atomic_load_explicit(&race.word, memory_order_relaxed) >= i)
				break;
			(void)trn_pulse_sleep(&race.pulse, seen, trn_clock_deadline(LONG_NS));
		}
		trn_pulse_raise(&race.back);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(atomic_load(&race.pulse.sleepers), 0);
}
END_TEST

static Suite *pulse_suite(void)
{
	Suite *suite = suite_create("base-pulse");
	TCase *tc = tcase_create("pulse");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, raises_count);
	tcase_add_test(tc, no_wake_up_is_lost);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(pulse_suite)
