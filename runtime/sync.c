/* SPDX-License-Identifier: Apache-2.0 */
/* One round of telling: queues that stopped break their promises, devices look again at what
 * their queues wait for, descriptors become readable, threads wake. */
#include "runtime/graph.h"

#include <errno.h>
#include "base/clock.h"

#define PROMISES 16u /* taken out of a ring at once */

void trn_sync_init(struct trn_sync *sync, uint32_t flags)
{
	trn_lock_init(&sync->lock);
	sync->check = TRN_OBJECT_CHECKED || (flags & TRN_CONTEXT_CHECK_WAITS);
}

void trn_sync_fini(struct trn_sync *sync)
{
	trn_lock_fini(&sync->lock);
}

/* ---- devices ---- */

/* Runs on the device's own thread, or inside a wait. */
static void written(void *user)
{
	struct trn_context *context = user;

	trn_pulse_raise(&context->sync.pulse);
	if (atomic_load(&context->sync.fds) > 0 || atomic_load(&context->sync.foreign) > 0)
		(void)trn_sync_run(context);
}

/* An inline device is watched only once its words are somebody else's, too. */
void trn_sync_watch(struct trn_device *device)
{
	if (!atomic_exchange(&device->watched, true) &&
	    device->hal->ops.watch(device->hal, written, device->object.context) < 0)
		atomic_store(&device->watched, false);
}

void trn_sync_add(struct trn_device *device)
{
	struct trn_sync *sync = &device->object.context->sync;

	trn_lock_take(&sync->lock);
	device->sync_next = sync->devices;
	sync->devices = device;
	trn_lock_give(&sync->lock);
	if (!trn_device_has(device, TRN_HAL_CAP_INLINE) || atomic_load(&sync->foreign) > 0)
		trn_sync_watch(device);
}

void trn_sync_remove(struct trn_device *device)
{
	struct trn_sync *sync = &device->object.context->sync;
	struct trn_device **at;
	unsigned int round = 0;
	uint32_t rounds;

	trn_lock_take(&sync->lock);
	for (at = &sync->devices; *at && *at != device; at = &(*at)->sync_next)
		;
	if (*at)
		*at = device->sync_next;
	rounds = atomic_load(&sync->rounds);
	trn_lock_give(&sync->lock);
	if (atomic_load(&device->watched))
		(void)device->hal->ops.watch(device->hal, NULL, NULL);
	/* The round that is under way may know the device; the next does not. */
	while (atomic_load(&sync->pending) > 0 && atomic_load(&sync->rounds) == rounds)
		trn_clock_backoff(&round);
}

/* The first device, or the one after. Inside a round a device that was found stays. */
static struct trn_device *device_after(struct trn_sync *sync, const struct trn_device *device)
{
	struct trn_device *next;

	trn_lock_take(&sync->lock);
	next = device ? device->sync_next : sync->devices;
	trn_lock_give(&sync->lock);
	return next;
}

/* ---- failures ---- */

/* Devices that may have a queue waiting for the word look again. lock held. */
static void touch(struct trn_sync *sync, struct trn_timeline *timeline)
{
	uint64_t ignored;

	timeline->device->sync_kick = true;
	if (!atomic_load_explicit(&timeline->shared, memory_order_acquire))
		return;
	for (struct trn_device *device = sync->devices; device; device = device->sync_next)
		if (trn_timeline_address(timeline, device, &ignored) == 0)
			device->sync_kick = true;
}

bool trn_timeline_break(struct trn_timeline *timeline, uint64_t value,
			const struct trn_error *error)
{
	struct trn_sync *sync = &timeline->object.context->sync;

	if (value <= trn_timeline_broken(timeline) || value <= trn_timeline_value(timeline))
		return false;
	if (trn_timeline_broken(timeline) == 0) {
		atomic_fetch_add(&sync->broken, 1);
		timeline->error = *error;
	}
	atomic_store(&timeline->broken, value);
	/* What the device looks at. */
	atomic_store_explicit(&timeline->slot[1], value, memory_order_release);
	touch(sync, timeline);
	return true;
}

/* lock held. */
static struct trn_timeline *timeline_at(struct trn_sync *sync, struct trn_device *device,
					uint64_t address) TRN_REQUIRES(sync->lock)
{
	struct trn_timeline *timeline;
	uint64_t have;

	for (timeline = sync->timelines; timeline; timeline = timeline->next)
		if (trn_timeline_address(timeline, device, &have) == 0 && have == address)
			return timeline;
	return NULL;
}

bool trn_sync_root(struct trn_device *device, uint64_t address, struct trn_error *ret_error)
{
	struct trn_sync *sync = &device->object.context->sync;
	struct trn_timeline *timeline;

	trn_lock_take(&sync->lock);
	timeline = timeline_at(sync, device, address);
	if (timeline && trn_timeline_broken(timeline) == 0)
		timeline = NULL; /* mended meanwhile */
	if (timeline)
		*ret_error = timeline->error;
	trn_lock_give(&sync->lock);
	return timeline != NULL;
}

/* Some promises of one queue of the device that stopped, with the record of it. */
static uint32_t promises_take(struct trn_device *device, struct trn_promise *promises,
			      struct trn_error *error, uint64_t *ret_depends)
{
	struct trn_queue *queue;
	uint32_t count = 0;

	trn_lock_take(&device->list_lock);
	for (queue = device->queues; queue && count == 0; queue = queue->next)
		count = trn_queue_promises(queue, promises, PROMISES, error, ret_depends);
	trn_lock_give(&device->list_lock);
	return count;
}

/* lock held. */
static bool break_all(struct trn_sync *sync, struct trn_device *device,
		      const struct trn_promise *promises, uint32_t count,
		      const struct trn_error *error) TRN_REQUIRES(sync->lock)
{
	bool changed = false;

	for (uint32_t i = 0; i < count; i++) {
		struct trn_timeline *timeline = timeline_at(sync, device, promises[i].address);

		if (timeline && trn_timeline_break(timeline, promises[i].value, error))
			changed = true;
	}
	return changed;
}

static bool sweep_device(struct trn_sync *sync, struct trn_device *device)
{
	struct trn_promise promises[PROMISES];
	uint64_t depends = 0;
	struct trn_error error;
	bool changed = false;
	uint32_t count;

	while ((count = promises_take(device, promises, &error, &depends)) > 0) {
		/* Who broke the first promise of a chain is to blame for all of it. */
		if (depends == 0 || !trn_sync_root(device, depends, &error))
			trn_device_blame(device, &error);
		trn_lock_take(&sync->lock);
		if (break_all(sync, device, promises, count, &error))
			changed = true;
		trn_lock_give(&sync->lock);
	}
	return changed;
}

void trn_sync_drop(struct trn_queue *queue, uint64_t after, const struct trn_error *error)
{
	struct trn_sync *sync = &queue->object.context->sync;
	struct trn_promise_at at = { .sequence = after };
	struct trn_promise promises[PROMISES];
	uint32_t count;

	trn_lock_take(&sync->lock);
	while ((count = trn_queue_owed(queue, &at, promises, PROMISES)) > 0)
		(void)break_all(sync, queue->device, promises, count, error);
	trn_lock_give(&sync->lock);
}

/* lock held. */
static void mend(struct trn_sync *sync, struct trn_device *device,
		 const struct trn_promise *promise) TRN_REQUIRES(sync->lock)
{
	struct trn_timeline *timeline = timeline_at(sync, device, promise->address);
	uint64_t broken = timeline ? trn_timeline_broken(timeline) : 0;

	if (broken == 0 || timeline->failed || promise->value < broken)
		return;
	atomic_fetch_sub(&sync->broken, 1);
	atomic_store(&timeline->broken, 0);
	atomic_store_explicit(&timeline->slot[1], 0, memory_order_release);
}

void trn_sync_mend(const struct trn_batch *batch)
{
	struct trn_sync *sync = &batch->object.context->sync;
	struct trn_device *device = batch->queue->device;
	struct trn_promise promises[PROMISES];

	trn_lock_take(&sync->lock);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct trn_ext_cmd *cmd = &batch->cmds[i];
		uint32_t entry = 0, count = 0;

		if (cmd->op == TRN_CMD_SIGNAL)
			mend(sync, device, &(struct trn_promise){ cmd->a[0], cmd->a[1] });
		while (cmd->op == TRN_CMD_CALL) {
			count = trn_lists_owed(batch->entries[i].refs[0], cmd, &entry, promises,
					       PROMISES);
			while (count > 0)
				mend(sync, device, &promises[--count]);
			if (entry == 0)
				break;
		}
	}
	trn_lock_give(&sync->lock);
}

/* ---- a round ---- */

/* Words that other devices look at and that have changed. */
static void touch_changed(struct trn_sync *sync)
{
	trn_lock_take(&sync->lock);
	for (struct trn_timeline *t = sync->timelines; t; t = t->next) {
		uint64_t value;

		if (!atomic_load_explicit(&t->shared, memory_order_acquire))
			continue;
		value = trn_timeline_value(t);
		if (value == t->told)
			continue;
		t->told = value;
		touch(sync, t);
	}
	trn_lock_give(&sync->lock);
}

static struct trn_device *kick_take(struct trn_sync *sync)
{
	struct trn_device *device;

	trn_lock_take(&sync->lock);
	for (device = sync->devices; device && !device->sync_kick; device = device->sync_next)
		;
	if (device)
		device->sync_kick = false;
	trn_lock_give(&sync->lock);
	return device;
}

static bool run_once(struct trn_context *context)
{
	struct trn_sync *sync = &context->sync;
	struct trn_device *device = NULL;
	bool changed = false;

	atomic_fetch_add(&sync->rounds, 1);
	while ((device = device_after(sync, device)))
		if (sweep_device(sync, device))
			changed = true;
	touch_changed(sync);
	while ((device = kick_take(sync))) {
		/* One that is gone waits for nothing. */
		if (device->hal->ops.signal(device->hal) == -TRN_EDEVLOST)
			trn_device_lose(device);
		changed = true;
	}
	if (trn_notes_write(context))
		changed = true;
	if (changed)
		trn_pulse_raise(&sync->pulse);
	return changed;
}

bool trn_sync_run(struct trn_context *context)
{
	struct trn_sync *sync = &context->sync;
	bool changed = false;
	uint32_t seen;

	if (atomic_fetch_add(&sync->pending, 1) > 0)
		return true;
	do {
		seen = atomic_load(&sync->pending);
		if (run_once(context))
			changed = true;
	} while (!atomic_compare_exchange_strong(&sync->pending, &seen, 0));
	return changed;
}

void trn_sync_changed(struct trn_context *context)
{
	trn_pulse_raise(&context->sync.pulse);
	if (atomic_load(&context->sync.fds) > 0)
		(void)trn_sync_run(context);
}

/* ---- letting devices go on ---- */

/* A pod is stepped as a whole, but the copy queues of a device are its driver's to move. */
static bool wants_step(const struct trn_device *device, uint64_t stepped)
{
	return device->info.pod_id == 0 || device->info.pod_id != stepped ||
	       !trn_device_has(device, TRN_HAL_CAP_COMPUTE);
}

int trn_sync_progress(struct trn_context *context, const struct trn_device *but, bool *ret_free)
{
	uint64_t id = UINT64_MAX, stepped = but ? but->info.pod_id : 0;
	struct trn_device *device;
	int r = -EAGAIN;

	while ((device = trn_context_device_below(context, id))) {
		unsigned int round = 0;

		if (!trn_device_has(device, TRN_HAL_CAP_INLINE)) {
			if (ret_free && device != but)
				*ret_free = true;
		} else if (device != but && wants_step(device, stepped)) {
			/* Devices of a pod follow each other. */
			stepped = device->info.pod_id ? device->info.pod_id : stepped;
			if (device->hal->ops.progress(device->hal, &round, TRN_DEADLINE_NEVER) == 0)
				r = 0;
		}
		trn_device_flush_log(device);
		id = device->id;
		(void)trn_device_unref(device);
	}
	return r;
}
