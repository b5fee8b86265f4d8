/* SPDX-License-Identifier: Apache-2.0 */
/* The one way the runtime waits: let the device go on, tell who has to be told, spin a little,
 * then sleep until something changes. */
#include "runtime/private.h"

#include <errno.h>
#include "base/clock.h"

#define LOOKS 64u                     /* between two looks at other queues and devices */
#define SPIN_NS UINT64_C(60000)       /* a device that answers sooner costs no system call */
#define NAP_NS UINT64_C(1000000)      /* at most, for what is changed without a word */
#define QUIET_NS UINT64_C(1000000000) /* nothing has changed: is it a ring of queues? */

void trn_wait_begin(struct trn_wait *wait, struct trn_device *device, uint64_t deadline_ns)
{
	*wait = (struct trn_wait){
		.context = device->object.context,
		.device = device,
		.deadline_ns = deadline_ns,
	};
	wait->seen = trn_pulse_now(&wait->context->sync.pulse);
}

/* The device runs by itself. Whatever changed since the caller looked ends the sleep at once. */
static void doze(struct trn_wait *wait)
{
	uint64_t now = trn_clock_ns();

	if (wait->sleep_at_ns == 0) {
		wait->sleep_at_ns = now + SPIN_NS;
		wait->quiet_ns = now;
	}
	if (now < wait->sleep_at_ns)
		return;
	wait->slept = true;
	if (trn_pulse_sleep(&wait->context->sync.pulse, wait->seen,
			    trn_min_u64(wait->deadline_ns, now + NAP_NS)))
		wait->quiet_ns = now;
	wait->stuck = now - wait->quiet_ns > QUIET_NS;
	if (wait->stuck)
		wait->quiet_ns = now;
}

int trn_wait_step(struct trn_wait *wait)
{
	struct trn_context *context = wait->context;
	bool wide = wait->wide ||
		    atomic_load_explicit(&context->sync.foreign, memory_order_relaxed) > 0;
	bool runs = !trn_device_has(wait->device, TRN_HAL_CAP_INLINE) &&
		    atomic_load_explicit(&wait->device->watched, memory_order_relaxed);
	unsigned int fresh = 0; /* its own sleep would be deaf */
	bool others = false;
	int r = trn_device_step(wait->device, runs ? &fresh : &wait->round, wait->deadline_ns);

	if (r < 0 && r != -EAGAIN)
		return r;
	if (r == -EAGAIN || wait->slept || ++wait->steps % LOOKS == 0) {
		if (trn_sync_run(context))
			r = 0;
		if (wide && trn_sync_progress(context, wait->device, &others) == 0)
			r = 0;
		if (r == -EAGAIN && others) {
			runs = true;
			r = 0;
		}
	}
	trn_notes_run(context);
	if (r == 0 && runs)
		doze(wait);
	wait->seen = trn_pulse_now(&context->sync.pulse);
	return r;
}
