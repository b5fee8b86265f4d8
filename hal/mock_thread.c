/* SPDX-License-Identifier: Apache-2.0 */
/* The model on a thread of its own: it jumps from event to event while there is
 * work, lets callers in between two events, and sleeps otherwise. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/bits.h"
#include "base/clock.h"
#include "hal/bus_mock.h"

#define STEPS_AT_ONCE 256         /* events handled before the lock is let go once */
#define TICK_NS UINT64_C(1000000) /* idle: firmware timers follow wall time */
#define TICK_PS (TICK_NS * TRN_PS_PER_NS)

void trn_mock_locks_init(struct mock_pod *pod)
{
	pthread_condattr_t attr;

	/* None of these can fail on a system that has CLOCK_MONOTONIC. */
	pthread_mutex_init(&pod->lock, NULL);
	trn_bus_watch_init(&pod->watch);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pod->work, &attr);
	pthread_condattr_destroy(&attr);
}

/* Nothing is pending: one tick of virtual time for one of wall time. Lock held. */
static void sleep_one_tick(struct mock_pod *pod)
{
	uint64_t until = trn_clock_ns() + TICK_NS;
	const struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
				     .tv_nsec = (long)(until % 1000000000u) };

	if (pthread_cond_timedwait(&pod->work, &pod->lock, &ts) == ETIMEDOUT)
		trn_model_run(pod->model, trn_model_now(pod->model) + TICK_PS);
}

static void *model_thread(void *arg)
{
	struct mock_pod *pod = arg;

	pthread_mutex_lock(&pod->lock);
	while (!pod->stop) {
		unsigned int steps = 0;
		bool wrote;

		if (trn_model_next(pod->model) == TRN_MODEL_NEVER)
			sleep_one_tick(pod);
		while (steps++ < STEPS_AT_ONCE && !pod->stop &&
		       atomic_load_explicit(&pod->waiting, memory_order_relaxed) == 0 &&
		       trn_model_next(pod->model) != TRN_MODEL_NEVER)
			trn_model_step(pod->model);
		wrote = pod->wrote_host; /* also what a register write led to */
		pod->wrote_host = false;
		trn_mock_unlock(pod);
		if (wrote)
			trn_bus_watch_tell(&pod->watch);
		/* The mutex is not fair: callers that wait for it go first. */
		while (atomic_load_explicit(&pod->waiting, memory_order_relaxed) > 0)
			sched_yield();
		pthread_mutex_lock(&pod->lock);
	}
	trn_mock_unlock(pod);
	return NULL;
}

int trn_mock_start(struct mock_pod *pod, char *why, size_t why_size)
{
	sigset_t all;
	sigset_t old;
	int r;

	if (!pod->threaded)
		return 0;
	/* The process's signals are for its own threads: this one takes none. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&pod->thread, NULL, model_thread, pod);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		snprintf(why, why_size, "no thread for the model: error %d", r);
		return -r;
	}
	pod->started = true;
	return 0;
}

void trn_mock_stop(struct mock_pod *pod)
{
	if (!pod->started)
		return;
	trn_mock_lock(pod);
	pod->stop = true;
	pthread_cond_signal(&pod->work);
	trn_mock_unlock(pod);
	pthread_join(pod->thread, NULL);
	pod->started = false;
}
