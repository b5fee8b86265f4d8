/* SPDX-License-Identifier: Apache-2.0 */
/* Work that does not move any more, and the smallest reset that helps. docs/recovery.md. */
#ifndef TRN_RECOVER_H
#define TRN_RECOVER_H

#include <trn/queue.h>

TRN_BEGIN_DECLS

/**
 * trn_queue_hang_check() - does the command that a queue stands at still move?
 * @queue: a queue
 *
 * Looks at the counters of progress once and compares them with what it saw earlier. Waits of the
 * queue do this by themselves; this is for programs that only poll. A hang is a verdict and
 * changes nothing: the wait can be made again, and the command may end after all.
 *
 * Context: the queue's owner thread. Does not wait for the device.
 * Return:  0 it moves, has nothing to do, or waits for what somebody may yet signal;
 *          -TRN_EHANG with a record: where it stands; -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_hang_check(struct trn_queue *queue);

/** enum trn_recover_step - what was done, from the smallest to the largest */
enum trn_recover_step {
	TRN_RECOVER_NOTHING = 0, /* it was well */
	TRN_RECOVER_QUEUE = 1,
	TRN_RECOVER_CORES = 2,
	TRN_RECOVER_DEVICE = 3,
};
#define TRN_RECOVER_STEPS 4

/**
 * struct trn_recover_report - what was tried; set size before the call
 * @size: sizeof(struct trn_recover_report)
 * @step: the last one, which helped when the call answered 0
 * @core_mask: cores that were reset in TRN_RECOVER_CORES
 * @tried: bit for each enum trn_recover_step that was tried
 * @code: what came of it: 0, or why the next one was needed
 */
struct trn_recover_report {
	size_t size;
	enum trn_recover_step step;
	uint32_t core_mask;
	uint32_t tried;
	int code[TRN_RECOVER_STEPS];
};

/**
 * trn_queue_recover() - bring a queue back by the smallest reset that works
 * @queue: a queue, in any state; it need not have failed
 * @most: largest step allowed
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 * @ret_report: filled, also when the call fails; may be NULL
 *
 * Resets the queue, then the cores that its command left busy or faulted, then the device. After
 * each step the queue runs a small copy, and a program that only ends on each of these cores; when
 * that works it is over. What was queued ends as after trn_queue_reset(), or -TRN_ERESET.
 * Up to TRN_RECOVER_CORES, work of other queues goes on unless it runs on those cores; after
 * TRN_RECOVER_DEVICE all queues of the device need trn_queue_reset() and HBM is undefined.
 *
 * Context: the queue's owner thread. Blocks until @deadline_ns.
 * Return:  0, or why the last step did not help; -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_recover(struct trn_queue *queue, enum trn_recover_step most,
					     uint64_t deadline_ns,
					     struct trn_recover_report *ret_report);

/**
 * trn_device_recover() - bring a device back by the smallest reset that works
 * @device: a device, in any state
 * @most: largest step allowed
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 * @ret_report: filled, also when the call fails; may be NULL
 *
 * A device that answers and has no faulted core is left alone. Else resets the faulted cores, then
 * the device. Queues are not touched: their owners have trn_queue_recover().
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, or why the last step did not help; -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_device_recover(struct trn_device *device, enum trn_recover_step most,
					      uint64_t deadline_ns,
					      struct trn_recover_report *ret_report);

TRN_END_DECLS

#endif /* TRN_RECOVER_H */
