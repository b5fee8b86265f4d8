/* SPDX-License-Identifier: Apache-2.0 */
/* The only reader of the host's clock. Deadlines are absolute CLOCK_MONOTONIC
 * nanoseconds; virtual time of the model is another thing and never mixes. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

uint64_t trn_clock_ns(void);
/* Time of day in ns since 1970: to show, never to wait by. */
uint64_t trn_clock_wall_ns(void);
/* now + delta, saturating at UINT64_MAX. */
uint64_t trn_clock_deadline(uint64_t delta_ns);
bool trn_clock_passed(uint64_t deadline_ns);
/* The pause of a loop that spins. */
void trn_clock_relax(void);
/* One step of a polite wait: spins for the first rounds, then yields, then
 * sleeps in growing steps up to 100 us. *round starts at 0. */
void trn_clock_backoff(unsigned int *round);

#endif /* BASE_CLOCK_H */
