/* SPDX-License-Identifier: Apache-2.0 */
/* The one way the driver waits: look, let the device progress, look again, until
 * an absolute deadline. No sleep of its own. */
#include <errno.h>
#include "base/bits.h"
#include "base/clock.h"
#include "hal/direct/direct.h"

#define LOOKS_PER_CLOCK 16 /* an inline model steps faster than a clock is read */

int trn_direct_wait(struct trn_direct *d, int (*check)(void *arg), void *arg, uint64_t deadline_ns,
		    bool *ret_idle)
{
	unsigned int round = 0;

	if (ret_idle)
		*ret_idle = false;
	for (unsigned int look = 0;; look++) {
		int r = check(arg);

		if (r != -EAGAIN)
			return r;
		if (look % LOOKS_PER_CLOCK == 0 && trn_clock_passed(deadline_ns))
			return -ETIMEDOUT;
		r = d->bus->ops->progress(d->bus, &round, deadline_ns);
		if (r == -EAGAIN) {
			/* Inline and nothing pending: waiting longer cannot change anything. */
			r = check(arg);
			if (r != -EAGAIN)
				return r;
			if (ret_idle)
				*ret_idle = true;
			return -ETIMEDOUT;
		}
		if (r < 0)
			return r;
	}
}

uint64_t trn_direct_budget(uint64_t deadline_ns, uint64_t budget_ns)
{
	return trn_min_u64(deadline_ns, trn_clock_deadline(budget_ns));
}
