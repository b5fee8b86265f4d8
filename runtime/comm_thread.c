/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A communicator's own thread, which lets what is under way go on. The only thread that the
 * runtime starts, because it is asked to.
 *
 * Whoever is in a call of the communicator has its lock, and the thread has it for one step at a
 * time; who waits for it goes first. The communicator's queues belong to whoever has the lock.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "runtime/comm.h"

#define IDLE_NS UINT64_C(20000000) /* how often it looks whether somebody is gone */

struct trn_comm_thread {
	struct trn_lock lock;
	pthread_cond_t wake;
	pthread_t id;
	pid_t pid; /* a forked child has no such thread */
	bool stop;
	_Atomic uint32_t waiting; /* for the lock */
};

/* The next thread that uses the queues owns them. */
static void queues_give(struct trn_comm *comm)
{
	for (uint32_t i = 0; comm->team && i < comm->team->ranks; i++)
		atomic_store(&comm->team->member[i].queue->owner, 0);
}

static void take(struct trn_comm_thread *thread) TRN_ACQUIRES(thread->lock)
{
	(void)atomic_fetch_add(&thread->waiting, 1);
	trn_lock_take(&thread->lock);
	(void)atomic_fetch_sub(&thread->waiting, 1);
}

/* Takes the lock of those communicators that have a thread: clang cannot follow that. */
int trn_comm_enter(struct trn_comm *comm, const char *operation) TRN_LOCKS_UNCHECKED
{
	struct trn_comm_thread *thread = comm->thread;

	if (!thread)
		return 0;
	/* Its lock may have been the thread's when the process was forked. */
	if (getpid() != thread->pid)
		return trn_fail(comm->context, NULL, -EPERM, operation,
				"a communicator with a thread is not for a forked child");
	take(thread);
	return 0;
}

int trn_comm_leave(struct trn_comm *comm, int result) TRN_LOCKS_UNCHECKED
{
	struct trn_comm_thread *thread = comm->thread;

	if (!thread)
		return result;
	queues_give(comm);
	pthread_cond_signal(&thread->wake);
	trn_lock_give(&thread->lock);
	return result;
}

/* Nothing is under way: until somebody comes, or for a while. */
static void rest(struct trn_comm_thread *thread)
{
	const uint64_t until = trn_clock_ns() + IDLE_NS;
	const struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
				     .tv_nsec = (long)(until % 1000000000u) };

	(void)pthread_cond_timedwait(&thread->wake, &thread->lock.mutex, &ts);
}

static void *thread_main(void *arg)
{
	struct trn_comm *comm = arg;
	struct trn_comm_thread *thread = comm->thread;
	unsigned int round = 0;

	trn_lock_take(&thread->lock);
	while (!thread->stop) {
		const bool busy = trn_comm_under_way(comm);

		if (busy)
			round = trn_comm_advance(comm) ? 0 : round;
		else
			(void)!trn_comm_look(comm);
		queues_give(comm);
		if (!busy && !thread->stop)
			rest(thread);
		trn_lock_give(&thread->lock);
		if (busy)
			trn_clock_backoff(&round);
		/* The mutex is not fair: callers that wait for it go first. */
		while (atomic_load(&thread->waiting) > 0)
			(void)sched_yield();
		trn_lock_take(&thread->lock);
	}
	trn_lock_give(&thread->lock);
	return NULL;
}

static void locks_init(struct trn_comm_thread *thread)
{
	pthread_condattr_t attr;

	/* None of these can fail on a system that has CLOCK_MONOTONIC. */
	trn_lock_init(&thread->lock);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&thread->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int trn_comm_thread_begin(struct trn_comm *comm)
{
	struct trn_comm_thread *thread = trn_alloc_zero(&comm->context->alloc, sizeof(*thread));
	sigset_t all, old;
	int r;

	if (!thread)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_create",
				"no memory for the thread");
	locks_init(thread);
	thread->pid = getpid();
	comm->thread = thread;
	/* The process's signals are for its own threads: this one takes none. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread->id, NULL, thread_main, comm);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		return 0;
	comm->thread = NULL;
	trn_free(&comm->context->alloc, thread);
	return trn_fail(comm->context, NULL, -EAGAIN, "trn_comm_create",
			"the system gives no thread: error %d", r);
}

void trn_comm_thread_end(struct trn_comm *comm)
{
	struct trn_comm_thread *thread = comm->thread;

	if (!thread)
		return;
	if (getpid() == thread->pid) {
		take(thread);
		thread->stop = true;
		pthread_cond_signal(&thread->wake);
		trn_lock_give(&thread->lock);
		(void)pthread_join(thread->id, NULL);
		pthread_cond_destroy(&thread->wake);
		trn_lock_fini(&thread->lock);
	}
	queues_give(comm);
	comm->thread = NULL;
	trn_free(&comm->context->alloc, thread);
}
