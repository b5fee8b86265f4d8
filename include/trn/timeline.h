/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines: 64-bit values that only grow; devices and hosts wait for and signal them. */
#ifndef TRN_TIMELINE_H
#define TRN_TIMELINE_H

#include <trn/device.h>

TRN_BEGIN_DECLS

struct trn_timeline;

/**
 * trn_timeline_create() - make a timeline
 * @device: device whose queues will use it; in a pod, those of its server may as well
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
 * what another chip of it still has to do counts. When a queue of the device, or of its server,
 * that has promised a signal on this timeline stops with an error, the wait ends in
 * that error.
 *
 * Context: any thread. Blocks until @deadline_ns.
 * Return:  0, -ETIMEDOUT, -TRN_EDEVLOST, -TRN_ERESET, or the failing queue's error.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_timeline_wait(struct trn_timeline *timeline, uint64_t value,
					     uint64_t deadline_ns);

TRN_END_DECLS

#endif /* TRN_TIMELINE_H */
