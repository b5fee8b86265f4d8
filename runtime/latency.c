/* SPDX-License-Identifier: Apache-2.0 */
/* Latency of batches: from the doorbell until the owner saw the last command finished. Off, it
 * costs one look at a flag for each submit and one at two numbers for each reap. */
#include "runtime/private.h"

#include <errno.h>
#include "base/clock.h"

void trn_latency_mark(struct trn_queue *queue, uint64_t sequence)
{
	struct trn_latency_marks *marks = &queue->marks;

	if (marks->taken - marks->given == TRN_LATENCY_MARKS) {
		trn_count(&queue->count.unmeasured);
		return;
	}
	marks->at[marks->taken++ % TRN_LATENCY_MARKS] =
		(struct trn_latency_mark){ .sequence = sequence, .ns = trn_clock_ns() };
}

void trn_latency_reap(struct trn_queue *queue, uint64_t completed)
{
	struct trn_latency_marks *marks = &queue->marks;
	uint64_t now;

	if (marks->at[marks->given % TRN_LATENCY_MARKS].sequence > completed)
		return;
	now = trn_clock_ns();
	while (marks->given != marks->taken) {
		const struct trn_latency_mark *mark = &marks->at[marks->given % TRN_LATENCY_MARKS];

		if (mark->sequence > completed)
			break;
		trn_histogram_add(&queue->latency, now - mark->ns);
		marks->given++;
	}
}

TRN_API int trn_telemetry_latency(struct trn_device *device, int on)
{
	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (on != 0 && on != 1)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"on is %d, not 0 or 1", on);
	atomic_store_explicit(&device->measures, on == 1, memory_order_relaxed);
	return 0;
}

TRN_API int trn_queue_latency(struct trn_queue *queue, struct trn_latency *ret_latency)
{
	struct trn_histogram_sums sums;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	if (!ret_latency || ret_latency->size != sizeof(*ret_latency))
		return trn_fail(queue->object.context, queue->device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_latency)");
	trn_histogram_read(&queue->latency, &sums);
	*ret_latency = (struct trn_latency){
		.size = sizeof(*ret_latency),
		.count = sums.total,
		.sum_ns = sums.sum_ns,
		.unmeasured = trn_counted(&queue->count.unmeasured),
		.p50_ns = trn_histogram_quantile(&sums, 5000),
		.p90_ns = trn_histogram_quantile(&sums, 9000),
		.p99_ns = trn_histogram_quantile(&sums, 9900),
		.p999_ns = trn_histogram_quantile(&sums, 9990),
	};
	return 0;
}
