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
#define LINGER_NS UINT64_C(50000) /* a wake-up between cores takes most of that */
#define RELAXES 128u              /* between two looks at the clock */
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

void trn_mock_wake(struct mock_pod *pod)
{
	if (!pod->threaded || !atomic_load(&pod->sleeps))
		return;
	/* It has the lock until it really sleeps. */
	pthread_mutex_lock(&pod->lock);
	pthread_cond_signal(&pod->work);
	pthread_mutex_unlock(&pod->lock);
}

/* Nothing is pending, or was when so many writes had been posted: one tick of virtual time for
 * one of wall time. Lock held. */
static void sleep_one_tick(struct mock_pod *pod, uint32_t posted)
{
	uint64_t until = trn_clock_ns() + TICK_NS;
	const struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
				     .tv_nsec = (long)(until % 1000000000u) };
	int r = 0;

	/* Who posts looks at sleeps afterwards, so one of the two sees the other. */
	atomic_store(&pod->sleeps, true);
	if (trn_mock_posted(pod->posts) == posted)
		r = pthread_cond_timedwait(&pod->work, &pod->lock, &ts);
	atomic_store(&pod->sleeps, false);
	if (r == ETIMEDOUT)
		trn_model_run(pod->model, trn_model_now(pod->model) + TICK_PS);
}

/* Goes on as long as there is work, and nobody else wants the lock. Lock held. True: there was
 * something to do. */
static bool run_some(struct mock_pod *pod)
{
	bool some = false;

	for (unsigned int steps = 0; steps < STEPS_AT_ONCE && !pod->stop; steps++) {
		some |= trn_mock_posts_take(pod->posts);
		if (atomic_load_explicit(&pod->waiting, memory_order_relaxed) != 0 ||
		    trn_model_next(pod->model) == TRN_MODEL_NEVER)
			break;
		trn_model_step(pod->model);
		some = true;
	}
	return some;
}

/* Waits a little for more writes, awake: a thread that sleeps is woken late. No lock held. */
static void linger(struct mock_pod *pod, uint32_t posted)
{
	const uint64_t end = trn_clock_ns() + LINGER_NS;

	for (unsigned int n = 1; trn_mock_posted(pod->posts) == posted; n++) {
		trn_clock_relax();
		if (n % RELAXES != 0)
			continue;
		if (trn_clock_ns() >= end)
			break;
		(void)sched_yield(); /* where cores are few, others are let in */
	}
}

static void *model_thread(void *arg)
{
	struct mock_pod *pod = arg;

	pthread_mutex_lock(&pod->lock);
	while (!pod->stop) {
		const uint32_t posted = trn_mock_posted(pod->posts);
		const bool ran = run_some(pod);
		const bool idle = !pod->stop && trn_model_next(pod->model) == TRN_MODEL_NEVER;
		const bool wrote = pod->wrote_host; /* also what a register write led to */

		pod->wrote_host = false;
		if (idle && !ran)
			sleep_one_tick(pod, posted);
		trn_mock_unlock(pod);
		if (wrote)
			trn_bus_watch_tell(&pod->watch);
		/* The mutex is not fair: callers that wait for it go first. */
		while (atomic_load_explicit(&pod->waiting, memory_order_relaxed) > 0)
			sched_yield();
		if (idle && ran)
			linger(pod, posted);
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
	r = trn_mock_posts_create(pod->alloc, &pod->posts);
	if (r < 0) {
		snprintf(why, why_size, "no memory for the mock");
		return r;
	}
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
	trn_mock_unlock(pod);
	trn_mock_wake(pod);
	pthread_join(pod->thread, NULL);
	pod->started = false;
}
