/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for what: the timelines of a context and their failures, and who is told when
 * something has changed: threads that sleep, descriptors, callbacks, queues of other devices.
 *
 * One thread at a time does that, trn_sync_run(); who comes meanwhile leaves a count and goes on,
 * and the one inside goes round once more. So it holds no lock while it calls a device, and may
 * itself be called on a simulated device's thread. A device that is closed waits for the round
 * that may know it.
 *
 * sync.lock comes after device.lock and before device.list_lock. Short: under it no reference is
 * dropped, no user function and no HAL entry called.
 */
#ifndef RUNTIME_SYNC_H
#define RUNTIME_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <trn/timeline.h>
#include "base/lock.h"
#include "base/pulse.h"

struct trn_device;
struct trn_queue;
struct trn_batch;

/* Somebody who is told once that a timeline has a value, or never will. */
struct trn_note {
	struct trn_note *next;
	uint64_t id;
	struct trn_timeline *timeline; /* weak: its last unref tells, too */
	uint64_t value;
	trn_notify_fn fn; /* NULL: a descriptor */
	void *user;
	int fd; /* ours; the caller has a duplicate */
};

struct trn_sync {
	struct trn_lock lock;
	struct trn_device *devices;      /* lock; by sync_next */
	struct trn_timeline *timelines;  /* lock; every one that lives */
	struct trn_note *notes;          /* lock; oldest first */
	uint64_t timeline_ids, note_ids; /* lock */
	_Atomic uint32_t callbacks, fds; /* notes of each kind */
	_Atomic uint32_t foreign;        /* timelines made reachable by trn_timeline_share() */
	_Atomic uint32_t broken;         /* timelines with a failure */
	_Atomic uint32_t pending;        /* calls of trn_sync_run() under way */
	_Atomic uint32_t rounds;         /* of the one inside */
	_Atomic bool calling;            /* a thread runs callbacks */
	bool check;                      /* TRN_CONTEXT_CHECK_WAITS */
	struct trn_pulse pulse;          /* raised whenever a wait may have ended */
};

void trn_sync_init(struct trn_sync *sync, uint32_t flags);
void trn_sync_fini(struct trn_sync *sync);

/* The device can be found, or not any more; the second may wait a little. */
void trn_sync_add(struct trn_device *device);
void trn_sync_watch(struct trn_device *device);
void trn_sync_remove(struct trn_device *device);

/* Looks for queues that stopped, breaks what they promised, tells everybody concerned. True when
 * something has changed, or another thread is at it. Any thread without locks. */
bool trn_sync_run(struct trn_context *context);
/* Wakes who sleeps, and runs when somebody else is to be told. */
void trn_sync_changed(struct trn_context *context);
/* Lets the inline devices go on, but for the pod of one of them (may be NULL). 0 when one has,
 * -EAGAIN when nothing is pending; *ret_free (may be NULL) says that others run by themselves. */
int trn_sync_progress(struct trn_context *context, const struct trn_device *but, bool *ret_free);
/* What the queue's commands after that one promise will not come. Owner, without locks. */
void trn_sync_drop(struct trn_queue *queue, uint64_t after, const struct trn_error *error);
/* A batch is about to be submitted: what it promises anew is not broken any more. */
void trn_sync_mend(const struct trn_batch *batch);

/* The timeline will not reach value. lock held; false when that was known. */
bool trn_timeline_break(struct trn_timeline *timeline, uint64_t value,
			const struct trn_error *error);
/* The root of a queue's TRN_EXT_ERR_DEPENDENCY: the record of the timeline whose word the
 * device has at that address. */
bool trn_sync_root(struct trn_device *device, uint64_t address, struct trn_error *ret_error);

/* ---- what a queue owes: queue_error.c ---- */

struct trn_promise {
	uint64_t address, value;
};

/* Up to where promises were looked at: a command, and entries of the list the next one runs. */
struct trn_promise_at {
	uint64_t sequence;
	uint32_t entry;
};

/* What the commands after the cursor promise, those in lists too; moves it. 0: no more. Owner, or
 * list_lock of the queue's device held and the queue has stopped. */
uint32_t trn_queue_owed(const struct trn_queue *queue, struct trn_promise_at *at,
			struct trn_promise *promises, uint32_t max);
/* Any thread, list_lock of the queue's device held: takes promises that a queue which stopped will
 * not keep, each once, with the record of the first; 0: none are left. *ret_depends is the
 * address of the word it waited for when that is why it stopped, else 0. */
uint32_t trn_queue_promises(struct trn_queue *queue, struct trn_promise *promises, uint32_t max,
			    struct trn_error *ret_error, uint64_t *ret_depends);
/* "copy"; NULL for a number that is none. */
const char *trn_command_name(uint32_t op);
/* Sequence of the first command that the device has not finished. */
uint64_t trn_queue_at(const struct trn_queue *queue);
void trn_queue_describe_reset(const struct trn_queue *queue, uint64_t sequence,
			      struct trn_error *ret_error);
/* It stopped for what it waited for: the record gets the cause of that. */
void trn_queue_blame_root(struct trn_queue *queue, struct trn_error *error);

/* ---- notes: notify.c ---- */

/* Calls what is due, unless another thread, or this one further up, is at it. */
void trn_notes_run(struct trn_context *context);
/* Writes to descriptors that are due; true when there was one. */
bool trn_notes_write(struct trn_context *context);
/* The timeline is going: tells all that is left. */
void trn_notes_end(struct trn_timeline *timeline);

/* ---- waiting: wait.c ---- */

struct trn_wait {
	struct trn_context *context;
	struct trn_device *device; /* goes first */
	uint64_t deadline_ns;
	uint64_t sleep_at_ns; /* until then it spins; 0: not begun */
	uint64_t quiet_ns;    /* since when nothing has changed */
	unsigned int round, steps;
	uint32_t seen; /* of the pulse, before the caller looked */
	bool wide;     /* other devices of the context have a hand in it */
	bool slept;
	bool stuck; /* nothing has changed for long: worth a look at the graph of waits */
};

void trn_wait_begin(struct trn_wait *wait, struct trn_device *device, uint64_t deadline_ns);
/* Between two looks of the caller: 0 look again, -EAGAIN nothing is pending, -ETIMEDOUT,
 * -TRN_EDEVLOST. */
int trn_wait_step(struct trn_wait *wait);

/* ---- the graph of waits: deadlock.c ---- */

/* What a queue in a context that checks has in its ring. device.list_lock. */
struct trn_queue_sync {
	uint64_t sequence;
	uint64_t timeline; /* id; 0: nothing of that kind */
	uint64_t value;
	bool signal;
};

void trn_deadlock_note(struct trn_queue *queue, const struct trn_batch *batch, uint64_t sequence);
#define TRN_DEADLOCK_TEXT 512u /* more than a record has room for: the log has all of it */

/* Why the timeline does not reach value, in words. True: it never will, for a ring of queues that
 * wait for each other; false with text "" when somebody may yet raise it. */
bool trn_deadlock_find(struct trn_context *context, uint64_t timeline, uint64_t value, char *text,
		       size_t size);
/* The same for the command that a queue stands at. */
bool trn_deadlock_find_queue(struct trn_queue *queue, char *text, size_t size);

/* The device writes these words while the host looks. */
static inline uint32_t trn_load_acquire32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

#endif /* RUNTIME_SYNC_H */
