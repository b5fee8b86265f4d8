/* SPDX-License-Identifier: Apache-2.0 */
/* A count that somebody raises whenever something has changed, and that others sleep on. Who
 * looks at the count, then at what it waits for, and then sleeps on that count misses nothing. */
#ifndef BASE_PULSE_H
#define BASE_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct trn_pulse {
	_Atomic uint32_t count;
	_Atomic uint32_t sleepers;
};

static inline uint32_t trn_pulse_now(struct trn_pulse *pulse)
{
	return atomic_load(&pulse->count);
}

/* Any thread; a system call only when somebody sleeps. */
void trn_pulse_raise(struct trn_pulse *pulse);
/* Sleeps until the count is not seen any more, or until that time of the monotonic clock. True
 * when the count has changed. */
bool trn_pulse_sleep(struct trn_pulse *pulse, uint32_t seen, uint64_t until_ns);

#endif /* BASE_PULSE_H */
