/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of devices and queues, taken at one time each, for a text that is about to be
 * written. */
#include "runtime/private.h"

/* context.lock held. */
static void take_queue(struct trn_queue *queue)
{
	/* What has finished first: so it is never more than what was submitted. */
	const uint64_t completed = atomic_load_explicit(&queue->completed, memory_order_acquire);

	queue->snap = (struct trn_queue_snap){
		.depth = queue->depth,
		.completed = completed,
		.submitted = atomic_load_explicit(&queue->submitted, memory_order_acquire),
		.submits = trn_counted(&queue->count.submits),
		.full = trn_counted(&queue->count.full),
		.stalls = trn_counted(&queue->count.stalls),
		.waits = trn_counted(&queue->count.waits),
		.sleeps = trn_counted(&queue->count.sleeps),
		.faults = trn_counted(&queue->count.faults),
		.resets = trn_counted(&queue->count.resets),
	};
	trn_histogram_read(&queue->latency, &queue->snap.latency);
}

static void take_places(struct trn_device *device, struct trn_device_snap *snap)
{
	for (uint32_t i = 0; i <= device->info.hbm_stacks; i++) {
		snap->places[i].size = sizeof(snap->places[i]);
		(void)trn_device_memory_usage(device,
					      i < device->info.hbm_stacks ? i : TRN_MEMORY_HOST,
					      &snap->places[i]);
	}
}

static void take_device(struct trn_device *device)
{
	struct trn_device_snap snap = { .fresh = true, .one = 1, .cores = device->info.cores };

	trn_device_enter(device);
	snap.health = device->hal->ops.telemetry(device->hal, &snap.hal) == 0;
	trn_device_leave(device);
	snap.counted = snap.health && snap.hal.counted;
	take_places(device, &snap);
	snap.up = !atomic_load(&device->lost);
	snap.dropped = trn_counted(&device->events.dropped);
	snap.events = trn_counted(&device->events.last);
	snap.opened = trn_counted(&device->count.opened);
	snap.resets = trn_counted(&device->count.resets);
	snap.losses = trn_counted(&device->count.losses);
	snap.refused = trn_counted(&device->count.refused);
	trn_lock_take(&device->object.context->lock);
	for (struct trn_queue *queue = device->queues; queue; queue = queue->next) {
		take_queue(queue);
		snap.queues++;
	}
	device->snap = snap;
	trn_lock_give(&device->object.context->lock);
}

void trn_telemetry_take(struct trn_context *context)
{
	struct trn_device *device;
	uint64_t id = UINT64_MAX;

	while ((device = trn_context_device_below(context, id))) {
		id = device->id;
		take_device(device);
		(void)trn_device_unref(device);
	}
}
