/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pulse.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* Sequentially consistent throughout: either the raiser sees the sleeper, or the sleeper the new
 * count. */
void trn_pulse_raise(struct trn_pulse *pulse)
{
	atomic_fetch_add(&pulse->count, 1);
	if (atomic_load(&pulse->sleepers) > 0)
		(void)syscall(SYS_futex, &pulse->count, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

bool trn_pulse_sleep(struct trn_pulse *pulse, uint32_t seen, uint64_t until_ns)
{
	const struct timespec until = { .tv_sec = (time_t)(until_ns / NS_PER_S),
					.tv_nsec = (long)(until_ns % NS_PER_S) };

	atomic_fetch_add(&pulse->sleepers, 1);
	if (atomic_load(&pulse->count) == seen)
		/* Absolute, monotonic; whatever ends it, the caller looks again. */
		(void)syscall(SYS_futex, &pulse->count, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
			      seen, &until, NULL, FUTEX_BITSET_MATCH_ANY);
	atomic_fetch_sub(&pulse->sleepers, 1);
	return atomic_load(&pulse->count) != seen;
}
