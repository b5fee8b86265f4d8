/* SPDX-License-Identifier: Apache-2.0 */
/* The host's monotonic clock and the polite wait. Nothing else in the tree
 * reads a clock; only base/pulse.c sleeps besides. */
#include "base/clock.h"

#include <sched.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

/* Rounds of each stage: a device that answers within some microseconds never
 * costs a system call; one that takes long must not cost a core. */
#define SPIN_ROUNDS 64u
#define YIELD_ROUNDS 64u
#define SLEEP_FIRST_NS 1000l
#define SLEEP_STEPS 7u /* 1 us doubled seven times is past the longest sleep */
#define SLEEP_LAST_NS 100000l

uint64_t trn_clock_ns(void)
{
	struct timespec ts;

	/* Cannot fail: the clock exists on every Linux and ts is ours. */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t trn_clock_wall_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t trn_clock_deadline(uint64_t delta_ns)
{
	uint64_t now = trn_clock_ns();

	return delta_ns > UINT64_MAX - now ? UINT64_MAX : now + delta_ns;
}

bool trn_clock_passed(uint64_t deadline_ns)
{
	/* The two ends have a meaning of their own and need no clock. */
	if (deadline_ns == 0)
		return true;
	if (deadline_ns == UINT64_MAX)
		return false;
	return trn_clock_ns() >= deadline_ns;
}

void trn_clock_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void trn_clock_backoff(unsigned int *round)
{
	unsigned int r = *round;
	unsigned int step;
	struct timespec ts = { 0 };

	if (r < SPIN_ROUNDS + YIELD_ROUNDS + SLEEP_STEPS)
		*round = r + 1;
	if (r < SPIN_ROUNDS) {
		trn_clock_relax();
		return;
	}
	if (r < SPIN_ROUNDS + YIELD_ROUNDS) {
		(void)sched_yield();
		return;
	}
	step = r - SPIN_ROUNDS - YIELD_ROUNDS;
	ts.tv_nsec = step >= SLEEP_STEPS ? SLEEP_LAST_NS : SLEEP_FIRST_NS << step;
	(void)nanosleep(&ts, NULL); /* a signal only makes this step shorter */
}
