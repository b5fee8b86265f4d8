/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of eight threads over one device, for TRN_STRESS_SECONDS in all: in each a new context
 * and device, and at its end nothing may be left. The seed of a round is printed when it fails. */
#include "stress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "api_images.h"
#include "base/clock.h"
#include "base/test_main.h"

#define SECONDS_DEFAULT 12u
#define ROUND (STRESS_SECOND / 2)
#define DISTURB (STRESS_SECOND / 200)
#define REFUSE_ONE_IN 97u

#define WRONG (STRESS_FAULTS | STRESS_CANCEL | STRESS_RESETS)
static const struct {
	const char *uri;
	uint32_t flags;
} cases[] = {
	{ "mock:trn3?threads=1", 0 },
	{ "mock:trn3", 0 },
	{ "mock:trn3?threads=1", WRONG },
	{ "mock:trn3", WRONG },
	{ "mock:trn3?threads=1", STRESS_DEVICE | STRESS_CANCEL },
	{ "mock:trn3?threads=1", STRESS_MEMORY },
	{ "mock:trn3", STRESS_MEMORY | STRESS_CANCEL },
	{ "mock:trn3-ultraserver/77?threads=1", STRESS_CANCEL },
};
#define CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static uint64_t seconds(void)
{
	const char *text = getenv("TRN_STRESS_SECONDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : SECONDS_DEFAULT;

	return n > 0 ? n : 1;
}

void stress_fail(struct stress *stress, const char *fmt, ...)
{
	static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
	va_list args;

	pthread_mutex_lock(&first);
	if (!atomic_load(&stress->failed)) {
		va_start(args, fmt);
		(void)vsnprintf(stress->why, sizeof(stress->why), fmt, args);
		va_end(args);
		atomic_store(&stress->failed, true);
	}
	pthread_mutex_unlock(&first);
	atomic_store(&stress->stop, true);
}

/* ---- memory that is counted, and refused when it shall be ---- */

static bool refused(struct stress *s)
{
	uint32_t one_in = atomic_load_explicit(&s->one_in, memory_order_relaxed);
	struct trn_prng prng;

	if (one_in == 0)
		return false;
	trn_prng_seed(&prng, s->seed + atomic_fetch_add(&s->counter, 1));
	return trn_prng_below(&prng, one_in) == 0;
}

static void *stress_realloc(void *user, void *ptr, size_t size)
{
	struct stress *s = user;
	void *got;

	if (size == 0) {
		atomic_fetch_sub(&s->live, ptr != NULL);
		free(ptr);
		return NULL;
	}
	if (refused(s))
		return NULL;
	got = realloc(ptr, size);
	if (got && !ptr)
		atomic_fetch_add(&s->live, 1);
	return got;
}

/* ---- a round ---- */

static uint64_t held(struct stress *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= s->info.hbm_stacks; i++) {
		uint32_t place = i < s->info.hbm_stacks ? i : TRN_MEMORY_HOST;
		struct trn_memory_usage usage = { .size = sizeof(usage) };

		ck_assert_int_eq(trn_device_memory_usage(s->device, place, &usage), 0);
		sum += usage.live_bytes;
	}
	return sum;
}

static void begin(struct stress *s)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .alloc = &s->alloc };
	const struct trn_buffer_opts shared = { .size = sizeof(shared),
						.bytes = STRESS_WORKERS * STRESS_BYTES };

	s->alloc = (struct trn_alloc){ stress_realloc, s };
	s->info.size = sizeof(s->info);
	ck_assert_int_eq(trn_context_create(&opts, &s->context), 0);
	ck_assert_int_eq(trn_device_open(s->context, s->uri, trn_deadline_in(STRESS_PATIENCE),
					 &s->device),
			 0);
	ck_assert_int_eq(trn_device_info(s->device, &s->info), 0);
	ck_assert_int_eq(api_image_move(&s->alloc, &s->image, &s->image_bytes), 0);
	ck_assert_int_eq(trn_buffer_create(s->device, &shared, &s->shared), 0);
	for (uint32_t i = 0; i < STRESS_WORKERS; i++) {
		struct stress_worker *w = &s->workers[i];

		w->stress = s;
		w->index = i;
		trn_prng_seed(&w->prng, s->seed * STRESS_WORKERS + i);
		ck_assert_int_eq(trn_timeline_create(s->device, 0, &w->timeline), 0);
	}
}

static void end(struct stress *s)
{
	for (uint32_t i = 0; i < STRESS_WORKERS; i++)
		trn_timeline_unref(s->workers[i].timeline);
	for (uint32_t i = 0; i < STRESS_WORKERS; i++) {
		struct stress_worker *w = &s->workers[i];

		if (w->asked != w->cancelled + atomic_load(&w->heard))
			stress_fail(s, "thread %u: %u callbacks, %u cancelled, %u called", i,
				    w->asked, w->cancelled, atomic_load(&w->heard));
	}
	trn_buffer_unref(s->shared);
	trn_image_free(&s->alloc, s->image);
}

/* Now and then something goes wrong that no thread has asked for. */
static void disturb(struct stress *s, struct trn_prng *prng)
{
	uint32_t core = (uint32_t)trn_prng_below(prng, s->info.cores);
	int r = 0;

	if ((s->flags & STRESS_FAULTS) && trn_prng_below(prng, 4) == 0) {
		char spec[64];

		(void)snprintf(spec, sizeof(spec), "core.error@%u,after=%u", core,
			       (unsigned int)trn_prng_below(prng, 3));
		r = trn_diag_control(s->device, "fault", spec, NULL, 0);
	}
	if (r == 0 && (s->flags & STRESS_RESETS) && trn_prng_below(prng, 8) == 0)
		r = trn_device_reset(s->device, UINT32_C(1) << core,
				     trn_deadline_in(STRESS_PATIENCE));
	if (r == 0 && (s->flags & STRESS_DEVICE) && trn_prng_below(prng, 8) == 0)
		r = trn_device_reset(s->device, 0, trn_deadline_in(STRESS_PATIENCE));
	if (r < 0)
		stress_fail(s, "disturbing: %d", r);
}

static void run_threads(struct stress *s, uint64_t ns)
{
	uint64_t until = trn_deadline_in(ns);
	unsigned int round = 0;
	struct trn_prng prng;

	trn_prng_seed(&prng, s->seed);
	atomic_store(&s->one_in, s->flags & STRESS_MEMORY ? REFUSE_ONE_IN : 0);
	for (uint32_t i = 0; i < STRESS_WORKERS; i++)
		ck_assert_int_eq(pthread_create(&s->workers[i].thread, NULL, stress_work,
						&s->workers[i]),
				 0);
	for (uint64_t next = 0; !atomic_load(&s->stop) && trn_deadline_in(0) < until;) {
		trn_clock_backoff(&round);
		if (trn_deadline_in(0) < next)
			continue;
		disturb(s, &prng);
		next = trn_deadline_in(DISTURB);
	}
	atomic_store(&s->stop, true);
	for (uint32_t i = 0; i < STRESS_WORKERS; i++)
		ck_assert_int_eq(pthread_join(s->workers[i].thread, NULL), 0);
	atomic_store(&s->one_in, 0);
}

static uint64_t round_of(struct stress *s, uint64_t ns)
{
	uint64_t before, after, done = 0;

	begin(s);
	before = held(s);
	run_threads(s, ns);
	after = held(s);
	if (before != after)
		stress_fail(s, "memory of the device held: %llu bytes before, %llu after",
			    (unsigned long long)before, (unsigned long long)after);
	end(s);
	trn_device_unref(s->device);
	trn_context_unref(s->context);
	if (atomic_load(&s->live) != 0)
		stress_fail(s, "%ld blocks left", atomic_load(&s->live));
	for (uint32_t i = 0; i < STRESS_WORKERS; i++)
		done += s->workers[i].done;
	return done;
}

START_TEST(everything_at_once)
{
	uint64_t until = trn_deadline_in(seconds() * STRESS_SECOND / (uint64_t)CASES);
	uint64_t seed = trn_test_seed() * 1000, done = 0;

	do {
		struct stress *s = calloc(1, sizeof(*s));

		ck_assert_ptr_nonnull(s);
		s->uri = cases[_i].uri;
		s->flags = cases[_i].flags;
		s->seed = seed++;
		done += round_of(s, ROUND);
		ck_assert_msg(!atomic_load(&s->failed), "%s, 0x%x, round of seed %llu: %s", s->uri,
			      s->flags, (unsigned long long)s->seed, s->why);
		free(s);
	} while (trn_deadline_in(0) < until);
	ck_assert_uint_gt(done, 0);
	if (getenv("TRN_TEST_LOG"))
		(void)fprintf(stderr, "# %s, 0x%x: %llu actions\n", cases[_i].uri, cases[_i].flags,
			      (unsigned long long)done);
}
END_TEST

static Suite *stress_suite(void)
{
	Suite *suite = suite_create("stress");
	TCase *tc = tcase_create("stress");

	tcase_set_timeout(tc, (double)seconds() + 120);
	tcase_add_loop_test(tc, everything_at_once, 0, CASES);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(stress_suite)
