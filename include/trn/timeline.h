/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines: 64-bit values that only grow; devices and hosts wait for and signal them. */
#ifndef TRN_TIMELINE_H
#define TRN_TIMELINE_H

#include <trn/device.h>

TRN_BEGIN_DECLS

struct trn_timeline;

/**
 * trn_timeline_create() - make a timeline
 * @device: device whose queues will use it; in a pod, those of its server may as well, and any
 *          other it is shared with: trn_timeline_share()
 * @value: first value
 * @ret_timeline: set on success; the caller holds one reference
 *
 * Context: any thread.
 * Return:  0, -ENOMEM, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_timeline_create(struct trn_device *device, uint64_t value,
					       struct trn_timeline **ret_timeline);

/**
 * trn_timeline_ref() - take one more reference
 * @timeline: a timeline
 *
 * Context: any thread.
 * Return:  @timeline.
 * Since:   0.1
 */
TRN_API struct trn_timeline *trn_timeline_ref(struct trn_timeline *timeline);

/**
 * trn_timeline_unref() - give a reference back
 * @timeline: a timeline, or NULL
 *
 * Commands in flight hold references.
 *
 * Context: any thread.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_timeline *trn_timeline_unref(struct trn_timeline *timeline);

/**
 * trn_timeline_value() - the value now
 * @timeline: a timeline
 *
 * Context: any thread. Does not let the device advance.
 * Return:  the value.
 * Since:   0.1
 */
TRN_API uint64_t trn_timeline_value(const struct trn_timeline *timeline);

/**
 * trn_timeline_signal() - raise the value from the host
 * @timeline: a timeline
 * @value: new value; smaller than the present one changes nothing
 *
 * Device queues that wait for it look again.
 *
 * Context: any thread.
 * Return:  0, or -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API int trn_timeline_signal(struct trn_timeline *timeline, uint64_t value);

/**
 * trn_timeline_wait() - wait until the value is reached
 * @timeline: a timeline
 * @value: value to reach
 * @deadline_ns: CLOCK_MONOTONIC time to give up; TRN_DEADLINE_NOW only looks
 *
 * Steps an inline mock. When nothing is pending there that could ever satisfy the wait the
 * answer is -ETIMEDOUT at once, with a cause that begins with "idle": a pod is one model, so
 * what another chip of it still has to do counts, and so do the devices that timelines are shared
 * with. When a queue that has promised the value stops with an error, or stops because it waited
 * for such a queue, the wait ends in that error, and the record names the queue and command that
 * were first. A value that is there already is no error, whatever became of later ones.
 *
 * Where waits are checked (TRN_CONTEXT_CHECK_WAITS) and the queues that have promised the value
 * wait for each other in a ring, the wait ends in -EDEADLK and the record's cause names the ring:
 * at once on an inline mock, after a second without any change on others.
 *
 * Context: any thread. Blocks until @deadline_ns.
 * Return:  0, -ETIMEDOUT, -TRN_EDEVLOST, -TRN_ERESET, -ECANCELED, -EDEADLK, or the failing
 *          queue's error.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_timeline_wait(struct trn_timeline *timeline, uint64_t value,
					     uint64_t deadline_ns);

/**
 * struct trn_timeline_point - a value of a timeline
 * @timeline: a timeline
 * @value: value to reach
 */
struct trn_timeline_point {
	struct trn_timeline *timeline;
	uint64_t value;
};

#define TRN_WAIT_ALL 0u
#define TRN_WAIT_ANY 1u

/**
 * trn_timeline_wait_many() - wait for several timelines at once
 * @points: timelines of one context, of any of its devices, and values
 * @count: how many, > 0
 * @flags: TRN_WAIT_ALL until all are reached, TRN_WAIT_ANY until one is
 * @deadline_ns: CLOCK_MONOTONIC time to give up; TRN_DEADLINE_NOW only looks
 * @ret_index: if not NULL, set by TRN_WAIT_ANY: the lowest index that is reached
 *
 * As trn_timeline_wait(). One that will not come ends the wait in its error, with TRN_WAIT_ANY
 * unless another one is reached.
 *
 * Context: any thread. Blocks until @deadline_ns.
 * Return:  as trn_timeline_wait(); -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_timeline_wait_many(const struct trn_timeline_point *points,
						  uint32_t count, uint32_t flags,
						  uint64_t deadline_ns, uint32_t *ret_index);

/**
 * trn_timeline_share() - let the queues of another device wait for it and raise it
 * @timeline: a timeline
 * @device: any device of the same context
 *
 * Needed where the device is not of the same server: its host memory is mapped for that device.
 * Does nothing where the device reaches it already. The timeline holds the device from then on.
 *
 * Context: any thread.
 * Return:  0, -EINVAL a device of another context, -ENOMEM, or what the device answers.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_timeline_share(struct trn_timeline *timeline,
					      struct trn_device *device);

/**
 * trn_timeline_fail() - say from the host that the timeline will not go on
 * @timeline: a timeline
 * @code: negative number that waiters get
 *
 * Every wait for a value that is not reached ends in @code: of threads, callbacks and descriptors
 * at once, of queues when their device looks, and what those have promised is broken in turn. For
 * good: a new beginning is a new timeline. Does nothing to values that are reached.
 *
 * Context: any thread.
 * Return:  0, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_timeline_fail(struct trn_timeline *timeline, int code);

/**
 * trn_timeline_error() - why values above the present one will not come
 * @timeline: a timeline
 * @ret_error: filled; its size member is set by the caller
 *
 * The record of the queue and command that were first to fail. A promise that a queue broke is
 * made good by a submission that promises as much again.
 *
 * Context: any thread.
 * Return:  0, -ENOENT when nothing is broken, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_timeline_error(struct trn_timeline *timeline, struct trn_error *ret_error);

/**
 * typedef trn_notify_fn - what trn_timeline_notify() calls
 * @user: as given
 * @code: 0 the value is reached, or why it will not be; -ECANCELED when the timeline went before
 *
 * May call everything, also of the same timeline. A wait inside it runs no other callback.
 */
typedef void (*trn_notify_fn)(void *user, int code);

/**
 * trn_timeline_notify() - have a function called when a value is reached, or never will be
 * @timeline: a timeline; not held
 * @value: value to reach
 * @fn: called exactly once unless it is cancelled
 * @user: handed to @fn
 * @ret_id: if not NULL, set on success: for trn_timeline_notify_cancel(); never 0
 *
 * It runs on a thread that is inside a wait of the context or in trn_context_progress(), never
 * under a lock, one at a time; of those that are due together the one that was asked for first goes
 * first. With the timeline's last reference what is left is called from there.
 *
 * Context: any thread. Allocates.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API int trn_timeline_notify(struct trn_timeline *timeline, uint64_t value, trn_notify_fn fn,
				void *user, uint64_t *ret_id);

/**
 * trn_timeline_notify_cancel() - do not call it any more
 * @context: context of the timeline
 * @id: from trn_timeline_notify()
 *
 * Context: any thread, also inside a callback.
 * Return:  0 it will not be called, -ENOENT it was, or is being called now; -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_timeline_notify_cancel(struct trn_context *context, uint64_t id);

/**
 * trn_timeline_fd() - a descriptor for poll(2)
 * @timeline: a timeline; not held
 * @value: value to reach
 * @ret_fd: set on success: an eventfd, closed by the caller, who only reads it
 *
 * Readable once the value is reached, will not be, or the timeline is gone; trn_timeline_wait()
 * with TRN_DEADLINE_NOW says which. Whatever happens between two calls makes it readable: no
 * thread has to be inside the library.
 *
 * Context: any thread. Allocates.
 * Return:  0, -ENOTSUP where the device moves only inside calls (a mock without threads=1, a
 *          device without TRN_CAP_COMPUTE), -ENOMEM, -EMFILE, -ENFILE, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_timeline_fd(struct trn_timeline *timeline, uint64_t value,
					   int *ret_fd);

TRN_END_DECLS

#endif /* TRN_TIMELINE_H */
