/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: submit with one doorbell, reap in order, wait, stop, reset. The
 * hot path (trn_queue_submit with room, queue_reap) allocates and locks nothing. */
#include "runtime/graph.h"
#include "runtime/validate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"

#define HANG_STEPS 64u /* of a wait, between two looks at the clock */

/* ---- making and ending ---- */

static void queue_event(const struct trn_queue *queue, enum trn_event_kind kind, int code,
			uint64_t value)
{
	struct trn_event event = trn_event_of(kind);

	event.queue = (int32_t)queue->hal->index;
	event.code = code;
	event.value = value;
	trn_device_event(queue->device, &event);
}

/* Both locks: who looks needs one of them. */
static void list_lock(struct trn_device *device)
	TRN_ACQUIRES(device->list_lock, device->object.context->lock)
{
	trn_lock_take(&device->list_lock);
	trn_lock_take(&device->object.context->lock);
}

static void list_unlock(struct trn_device *device)
	TRN_RELEASES(device->list_lock, device->object.context->lock)
{
	trn_lock_give(&device->object.context->lock);
	trn_lock_give(&device->list_lock);
}

static void list_insert(struct trn_device *device, struct trn_queue *queue)
{
	list_lock(device);
	queue->next = device->queues;
	device->queues = queue;
	list_unlock(device);
	trn_count_shared(&device->count.opened);
	queue_event(queue, TRN_EVENT_QUEUE_OPEN, 0, queue->depth);
}

static void list_remove(struct trn_device *device, const struct trn_queue *queue)
{
	struct trn_queue **at;

	list_lock(device);
	for (at = &device->queues; *at; at = &(*at)->next)
		if (*at == queue) {
			*at = queue->next;
			break;
		}
	list_unlock(device);
	queue_event(queue, TRN_EVENT_QUEUE_CLOSE, 0, atomic_load(&queue->submitted));
}

static uint64_t submitted(const struct trn_queue *queue)
{
	return atomic_load_explicit(&queue->submitted, memory_order_relaxed);
}

/* Most commands of a long batch name nothing: their slots are not touched. */
static void slot_release(struct trn_queue *queue, uint64_t number)
{
	const uint64_t at = number & queue->mask;
	struct trn_queue_slot *slot = &queue->slots[at];

	if (!queue->held[at])
		return;
	queue->held[at] = false;
	for (uint32_t i = 0; i < slot->ref_count; i++)
		trn_object_drop(slot->refs[i]);
	slot->ref_count = 0;
}

static uint64_t completed(const struct trn_queue *queue)
{
	return atomic_load_explicit(&queue->completed, memory_order_relaxed);
}

/* Lets go of what the commands after completed, up to sequence, named. */
static void release_to(struct trn_queue *queue, uint64_t sequence)
{
	while (completed(queue) < sequence) {
		slot_release(queue, completed(queue));
		atomic_store_explicit(&queue->completed, completed(queue) + 1,
				      memory_order_release);
	}
}

/* Waiters of other threads look away from the ring, or at it again. */
static void quiet_set(struct trn_queue *queue, bool quiet, uint64_t base, uint32_t epoch)
{
	trn_lock_take(&queue->device->list_lock);
	queue->quiet = quiet;
	queue->base = base;
	queue->swept = (struct trn_promise_at){ 0 };
	atomic_store(&queue->epoch, epoch);
	trn_lock_give(&queue->device->list_lock);
}

/* What the queue has not signalled yet it never will. Afterwards nobody looks at its ring. */
static void promises_end(struct trn_queue *queue, int code, const char *cause)
{
	struct trn_sync *sync = &queue->object.context->sync;
	struct trn_error error;

	trn_error_init(&error, code, "trn_queue");
	trn_text_copy(error.device, sizeof(error.device), queue->device->info.uri);
	trn_text_copy(error.cause, sizeof(error.cause), cause);
	error.queue = queue->hal->index;
	error.command = (int64_t)completed(queue);
	if (queue->failed)
		error = queue->error; /* that was first */
	trn_sync_drop(queue, completed(queue), &error);
	/* A stale epoch, should it stay like this: the queue cannot be used. */
	quiet_set(queue, true, queue->base, atomic_load(&queue->device->epoch) - 1);
	(void)trn_sync_run(queue->object.context);
	trn_pulse_raise(&sync->pulse);
}

/* Also for one that was never finished. */
static void queue_destroy(struct trn_queue *queue)
{
	struct trn_device *device = queue->device;
	const struct trn_alloc *alloc = &device->object.context->alloc;

	if (queue->hal) {
		promises_end(queue, -ECANCELED, "the queue was given back");
		list_remove(device, queue);
		trn_device_enter(device);
		/* Also when it fails, the device is gone: nothing can touch the memory. */
		(void)device->hal->ops.queue_close(device->hal, queue->hal);
		trn_device_leave(device);
		trn_claim_leave(queue); /* a core that still works is stopped */
		release_to(queue, submitted(queue));
	}
	trn_device_mem_free(device, &queue->launch_mem);
	trn_free(alloc, queue->syncs);
	trn_free(alloc, queue->held);
	trn_free(alloc, queue->slots);
	trn_object_bury(&queue->object);
	trn_device_flush_log(device);
	(void)trn_device_unref(device);
}

static int queue_memory(struct trn_queue *queue)
{
	struct trn_device *device = queue->device;
	struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST,
		.size = (uint64_t)queue->depth * sizeof(struct trn_launch_slot),
		.category = TRN_MEMORY_RINGS,
		.label = "launch arguments",
		.numa_node = -1,
	};
	int r;

	queue->slots = trn_alloc_array(&device->object.context->alloc, queue->depth,
				       sizeof(*queue->slots));
	queue->held =
		trn_alloc_array(&device->object.context->alloc, queue->depth, sizeof(*queue->held));
	if (!queue->slots || !queue->held)
		return -ENOMEM;
	if (queue->object.context->sync.check) {
		queue->syncs = trn_alloc_array(&device->object.context->alloc, queue->depth,
					       sizeof(*queue->syncs));
		if (!queue->syncs)
			return -ENOMEM;
	}
	if (!trn_device_has(device, TRN_HAL_CAP_COMPUTE))
		return 0;
	r = trn_device_mem_alloc(device, &desc, &queue->launch_mem);
	if (r == 0)
		queue->launches = queue->launch_mem.host;
	return r;
}

static int queue_open(struct trn_queue *queue, uint32_t core)
{
	struct trn_device *device = queue->device;
	struct trn_hal_queue_desc desc = { .depth = queue->depth, .core = core };
	int r;

	trn_device_enter(device);
	r = device->hal->ops.queue_open(device->hal, &desc, &queue->hal);
	atomic_store(&queue->epoch, atomic_load(&device->epoch));
	trn_device_leave(device);
	if (r < 0)
		return r;
	list_insert(device, queue);
	return 0;
}

static int opts_check(struct trn_device *device, const struct trn_queue_opts *opts)
{
	const char *what = NULL;

	if (opts->size != sizeof(*opts))
		what = "size member is not sizeof(struct trn_queue_opts)";
	else if (opts->depth != 0 &&
		 (!trn_is_pow2(opts->depth) || opts->depth < TRN_QUEUE_DEPTH_MIN ||
		  opts->depth > TRN_QUEUE_DEPTH_MAX))
		what = "depth is not a power of two from 16 to 65536";
	else if (opts->core >= device->info.cores)
		what = "core is not there";
	if (what)
		return trn_fail(device->object.context, device, -EINVAL, "trn_queue_create", "%s",
				what);
	return 0;
}

TRN_API int trn_queue_create(struct trn_device *device, const struct trn_queue_opts *opts,
			     struct trn_queue **ret_queue)
{
	static const struct trn_queue_opts defaults = { .size = sizeof(defaults) };
	struct trn_context *context;
	struct trn_queue *queue;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	context = device->object.context;
	if (!ret_queue)
		return trn_fail(context, device, -EINVAL, __func__, "ret_queue is NULL");
	if (!opts)
		opts = &defaults;
	r = opts_check(device, opts);
	if (r < 0)
		return r;
	queue = trn_alloc_zero(&context->alloc, sizeof(*queue));
	if (!queue)
		return trn_fail(context, device, -ENOMEM, __func__, "no memory for the object");
	trn_object_init(&queue->object, TRN_OBJECT_QUEUE, context);
	queue->device = trn_device_ref(device);
	queue->depth = opts->depth ? opts->depth : TRN_QUEUE_DEPTH_DEFAULT;
	queue->mask = queue->depth - 1;
	queue->hang.ns = opts->hang_ns ? opts->hang_ns : trn_hang_default();
	r = queue_memory(queue);
	if (r < 0)
		(void)trn_fail(context, device, r, __func__, "no memory for %u commands in flight",
			       queue->depth);
	if (r == 0) {
		r = queue_open(queue, opts->core);
		if (r < 0)
			(void)trn_fail_hal(device, r, __func__, "opening a queue of the device");
	}
	if (r < 0) {
		queue_destroy(queue);
		return r;
	}
	*ret_queue = queue;
	return 0;
}

TRN_API struct trn_queue *trn_queue_ref(struct trn_queue *queue)
{
	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return NULL;
	trn_object_ref(&queue->object);
	return queue;
}

TRN_API struct trn_queue *trn_queue_unref(struct trn_queue *queue)
{
	if (queue && TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE) && trn_object_unref(&queue->object))
		queue_destroy(queue);
	return NULL;
}

/* ---- the owner ---- */

/* Something that differs between any two live threads and costs no system call. */
static uintptr_t thread_token(void)
{
	static _Thread_local char token;

	return (uintptr_t)&token;
}

/* The first thread that submits owns the queue; before that anybody may look. */
static int owner_check(struct trn_queue *queue, bool take, const char *operation)
{
	uintptr_t none = 0, self;
	char what[64];
	int r = 0;

	if (!TRN_OBJECT_CHECKED && !queue->device->validate)
		return 0;
	self = thread_token();
	if (take && atomic_compare_exchange_strong(&queue->owner, &none, self))
		return 0;
	none = atomic_load(&queue->owner);
	if (none == 0 || none == self)
		return 0;
	(void)snprintf(what, sizeof(what), "another thread owns queue %u", queue->hal->index);
	if (queue->device->validate)
		r = trn_validate_note(queue->device, "wrong-thread", what);
	if (r == 0 && !TRN_OBJECT_CHECKED)
		return 0;
	return trn_fail(queue->object.context, queue->device, r < 0 ? r : -EPERM, operation, "%s",
			what);
}

/* ---- what the device says ---- */

/* Stops the queue until it is reset: submit answers -TRN_EQUEUE, a wait the code. */
static void queue_stop(struct trn_queue *queue, const struct trn_error *error)
{
	queue->failed = true;
	queue->error = *error;
	trn_count(&queue->count.faults);
	trn_device_event_error(queue->device, TRN_EVENT_FAULT, error);
	trn_logf(&queue->object.context->log, TRN_LOG_ERROR,
		 "%s: queue %u stopped at command %lld: %s: %s", error->device, queue->hal->index,
		 (long long)error->command, trn_strerror(error->code), error->cause);
	trn_dump_failure(queue->device, error);
}

static void queue_stop_here(struct trn_queue *queue, int code, const char *cause)
{
	struct trn_error error;

	trn_error_init(&error, code, "trn_queue");
	trn_text_copy(error.device, sizeof(error.device), queue->device->info.uri);
	trn_text_copy(error.cause, sizeof(error.cause), cause);
	error.queue = queue->hal->index;
	error.command = (int64_t)completed(queue);
	queue_stop(queue, &error);
}

/* Takes back what has finished. Afterwards completed and failed are up to date. */
static void queue_reap(struct trn_queue *queue)
{
	const struct trn_ext_status *st = queue->hal->status;
	struct trn_error error;
	uint32_t state, done;

	if (queue->failed)
		return;
	/* The device writes state before head and every head before a later error: with this
	 * order of loads an error never hides a command that finished before it. */
	state = trn_load_acquire32(&st->state);
	done = trn_load_acquire32(&st->head) - trn_lo32(completed(queue) - queue->base);
	if (atomic_load_explicit(&queue->epoch, memory_order_relaxed) !=
	    atomic_load_explicit(&queue->device->epoch, memory_order_acquire)) {
		trn_queue_describe_reset(queue, completed(queue) + 1, &error);
		queue_stop(queue, &error);
		return;
	}
	if (state == TRN_QUEUE_ERROR) {
		trn_queue_describe(queue, submitted(queue), &error);
		if (st->error == TRN_EXT_ERR_DEPENDENCY)
			trn_queue_blame_root(queue, &error);
		else
			trn_device_blame(queue->device, &error);
		if (error.command >= 0)
			release_to(queue, (uint64_t)error.command);
		queue_stop(queue, &error);
		return;
	}
	if (done > submitted(queue) - completed(queue)) {
		queue_stop_here(queue, -TRN_EFIRMWARE, "the device reports more than it was given");
		return;
	}
	if (queue->marks.taken != queue->marks.given)
		trn_latency_reap(queue, completed(queue) + done);
	release_to(queue, completed(queue) + done);
}

/* ---- submit ---- */

void trn_launch_slot_write(struct trn_launch_slot *slot, const struct trn_program *program,
			   const struct trn_ext_arg *args)
{
	uint32_t user = program->info.arg_count;

	slot->launch = program->launch;
	if (user > 0)
		memcpy(slot->args, args, user * sizeof(slot->args[0]));
	if (program->hidden_count == 0)
		return;
	memset(slot->args + user, 0, (TRN_ARGS_USER_MAX - user) * sizeof(slot->args[0]));
	memcpy(slot->args + TRN_ARGS_USER_MAX, program->hidden,
	       program->hidden_count * sizeof(slot->args[0]));
}

static void command_write(struct trn_queue *queue, uint64_t sequence, const struct trn_batch *batch,
			  uint32_t index)
{
	const struct trn_batch_entry *entry = &batch->entries[index];
	uint32_t at = trn_lo32(sequence - 1 - queue->base) & queue->mask;
	struct trn_queue_slot *slot = &queue->slots[(sequence - 1) & queue->mask];
	struct trn_ext_cmd cmd = batch->cmds[index];

	cmd.tag = trn_lo32(sequence - 1);
	if (entry->program) {
		trn_launch_slot_write(&queue->launches[at], entry->program,
				      batch->args + (size_t)index * TRN_ARGS_USER_MAX);
		cmd.a[0] = queue->launch_mem.address + (uint64_t)at * sizeof(*queue->launches);
	}
	queue->hal->ring[at] = cmd;
	if (entry->ref_count == 0)
		return;
	for (uint32_t i = 0; i < entry->ref_count; i++) {
		trn_object_ref(entry->refs[i]);
		slot->refs[i] = entry->refs[i];
	}
	slot->ref_count = entry->ref_count;
	queue->held[(sequence - 1) & queue->mask] = true;
}

static int submit_stopped(struct trn_queue *queue)
{
	struct trn_error error = queue->error;
	int code = queue->error.code == -TRN_EDEVLOST ? -TRN_EDEVLOST : -TRN_EQUEUE;

	trn_error_init(&error, code, "trn_queue_submit");
	trn_text_copy(error.device, sizeof(error.device), queue->device->info.uri);
	(void)snprintf(error.cause, sizeof(error.cause), "stopped at command %lld: %.150s",
		       (long long)queue->error.command, queue->error.cause);
	error.queue = queue->hal->index;
	error.command = queue->error.command;
	return trn_error_post(queue->object.context, &error);
}

static bool has_room(const struct trn_queue *queue, uint32_t count)
{
	return submitted(queue) - completed(queue) + count <= queue->depth;
}

static int room_failed(struct trn_queue *queue, int code, uint32_t count, bool waited)
{
	bool idle = code == -EAGAIN;

	if (!waited) {
		trn_count(&queue->count.full);
		code = -EAGAIN;
	} else if (code == -EAGAIN || code == -ETIMEDOUT)
		code = trn_device_verdict(queue->device, -ETIMEDOUT);
	if (waited)
		queue_event(queue, TRN_EVENT_TIMEOUT, code, submitted(queue));
	return trn_fail(queue->object.context, queue->device, code, "trn_queue_submit",
			"%squeue %u has room for %llu commands, the batch has %u",
			waited && idle ? "idle: " : "", queue->hal->index,
			(unsigned long long)(queue->depth - (submitted(queue) - completed(queue))),
			count);
}

/* Waits for room for a batch. */
static int room_make(struct trn_queue *queue, uint32_t count, uint64_t deadline_ns)
{
	bool waited = false;
	struct trn_wait wait;
	int r = 0;

	queue_reap(queue);
	if (!has_room(queue, count))
		trn_wait_begin(&wait, queue->device, deadline_ns);
	while (!queue->failed && !has_room(queue, count)) {
		if (r != 0)
			return room_failed(queue, r, count, waited);
		r = trn_wait_step(&wait);
		waited = waited || r != -ETIMEDOUT;
		queue_reap(queue);
	}
	if (waited)
		trn_count(&queue->count.stalls);
	return queue->failed ? submit_stopped(queue) : 0;
}

/* A refused doorbell has taken nothing: the queue is as it was before. */
static void submit_undo(struct trn_queue *queue, uint64_t sequence)
{
	for (uint64_t at = sequence; at < submitted(queue); at++)
		slot_release(queue, at);
	atomic_store_explicit(&queue->submitted, sequence, memory_order_release);
}

static int submit(struct trn_queue *queue, const struct trn_batch *batch)
{
	struct trn_sync *sync = &queue->object.context->sync;
	struct trn_device *device = queue->device;
	uint64_t sequence = submitted(queue);
	int r = 0;

	if (batch->cores & ~queue->cores) {
		r = trn_claim_for(queue, batch->cores);
		if (r < 0 && r != -TRN_EDEVLOST) /* then the queue stops, as at its doorbell */
			return r;
	}
	if (batch->syncs > 0 && queue->syncs)
		trn_deadlock_note(queue, batch, sequence);
	if (batch->syncs > 0 && atomic_load_explicit(&sync->broken, memory_order_relaxed) > 0)
		trn_sync_mend(batch);
	for (uint32_t i = 0; i < batch->count; i++)
		command_write(queue, ++sequence, batch, i);
	atomic_store_explicit(&queue->submitted, sequence, memory_order_release);
	/* The HAL orders these writes before its doorbell. */
	if (r == 0)
		r = device->hal->ops.queue_kick(device->hal, queue->hal,
						trn_lo32(sequence - queue->base));
	if (r == 0) {
		trn_count(&queue->count.submits);
		if (atomic_load_explicit(&device->measures, memory_order_relaxed))
			trn_latency_mark(queue, sequence);
		/* A queue without a device behind it has signalled already. */
		if (batch->syncs > 0 &&
		    atomic_load_explicit(&sync->foreign, memory_order_relaxed) > 0)
			(void)trn_sync_run(queue->object.context);
		return 0;
	}
	r = trn_fail_hal(device, r, "trn_queue_submit", "queue %u does not take the batch",
			 queue->hal->index);
	queue_event(queue, TRN_EVENT_REFUSED, r, batch->count);
	if (r == -TRN_EDEVLOST)
		queue_stop_here(queue, r, "the doorbell could not be rung");
	else
		submit_undo(queue, sequence - batch->count);
	return r;
}

int trn_queue_room(struct trn_queue *queue, uint32_t count, uint64_t deadline_ns)
{
	int r = owner_check(queue, true, "trn_queue_submit");

	if (r < 0)
		return r;
	if (atomic_load_explicit(&queue->device->lost, memory_order_relaxed))
		return trn_fail(queue->object.context, queue->device, -TRN_EDEVLOST,
				"trn_queue_submit", "the device was lost earlier");
	return room_make(queue, count, deadline_ns);
}

TRN_API int trn_queue_submit(struct trn_queue *queue, struct trn_batch *batch, uint64_t deadline_ns,
			     uint64_t *ret_sequence)
{
	int r;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE) ||
	    !TRN_OTHER_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	if (batch->queue != queue)
		return trn_fail(queue->object.context, queue->device, -EINVAL, __func__,
				"the batch was made for another queue");
	r = trn_queue_room(queue, batch->count, deadline_ns);
	if (r == 0 && batch->count > 0)
		r = submit(queue, batch);
	if (r == 0 && ret_sequence)
		*ret_sequence = submitted(queue);
	trn_device_flush_log(queue->device);
	return r;
}

/* ---- wait ---- */

static bool is_deadlock(struct trn_queue *queue, char *text, size_t size)
{
	return queue->syncs && trn_deadlock_find_queue(queue, text, size);
}

static int wait_failed(struct trn_queue *queue, uint64_t sequence, int code, bool polling)
{
	bool idle = code == -EAGAIN;
	char text[TRN_DEADLOCK_TEXT];

	if (idle)
		code = -ETIMEDOUT;
	if (code == -ETIMEDOUT && !polling)
		code = trn_device_verdict(queue->device, code);
	if (code == -TRN_EDEVLOST)
		return trn_fail(queue->object.context, queue->device, code, "trn_queue_wait",
				"the device is lost");
	if (code != -ETIMEDOUT)
		return trn_fail_hal(queue->device, code, "trn_queue_wait",
				    "waiting for the device");
	if (!polling && is_deadlock(queue, text, sizeof(text))) {
		trn_logf(&queue->object.context->log, TRN_LOG_WARNING, "trn_queue_wait: %s", text);
		queue_event(queue, TRN_EVENT_DEADLOCK, -EDEADLK, sequence);
		return trn_fail(queue->object.context, queue->device, -EDEADLK, "trn_queue_wait",
				"%s", text);
	}
	if (idle && !polling) {
		const int hung = trn_hang_look(queue, true, "trn_queue_wait");

		if (hung == -TRN_EHANG)
			return hung;
	}
	if (!polling)
		queue_event(queue, TRN_EVENT_TIMEOUT, code, sequence);
	return trn_fail(queue->object.context, queue->device, code, "trn_queue_wait",
			"%squeue %u has finished %llu commands, %llu wanted", idle ? "idle: " : "",
			queue->hal->index, (unsigned long long)queue->completed,
			(unsigned long long)sequence);
}

/* Where the device runs by itself: does the command that the queue stands at move? */
static int hang_look(struct trn_queue *queue, const struct trn_wait *wait)
{
	if (queue->failed || trn_device_has(queue->device, TRN_HAL_CAP_INLINE) ||
	    (!wait->slept && wait->steps % HANG_STEPS != 0) || !trn_hang_due(queue))
		return 0;
	return trn_hang_look(queue, false, "trn_queue_wait");
}

/* The handle and the owner are checked. */
static int queue_wait(struct trn_queue *queue, uint64_t sequence, uint64_t deadline_ns)
{
	char text[TRN_DEADLOCK_TEXT];
	struct trn_wait wait;
	int r = 0;

	trn_wait_begin(&wait, queue->device, deadline_ns);
	queue_reap(queue);
	while (completed(queue) < sequence && !queue->failed && r == 0) {
		r = trn_wait_step(&wait);
		/* The last look sees all that has happened until now. */
		if (r != 0)
			(void)trn_sync_run(queue->object.context);
		queue_reap(queue);
		if (wait.stuck && is_deadlock(queue, text, sizeof(text)))
			r = -ETIMEDOUT;
		else if (r == 0 && completed(queue) < sequence)
			r = hang_look(queue, &wait);
	}
	trn_count(&queue->count.waits);
	if (wait.slept)
		trn_count(&queue->count.sleeps);
	trn_notes_run(queue->object.context);
	trn_device_flush_log(queue->device);
	if (completed(queue) >= sequence)
		return 0;
	if (queue->failed)
		return trn_error_post(queue->object.context, &queue->error);
	if (r == -TRN_EHANG) /* has its record */
		return r;
	return wait_failed(queue, sequence, r, deadline_ns == TRN_DEADLINE_NOW);
}

int trn_queue_test(struct trn_queue *queue, uint64_t sequence)
{
	queue_reap(queue);
	if (completed(queue) >= sequence)
		return 0;
	if (queue->failed)
		return trn_error_post(queue->object.context, &queue->error);
	if (atomic_load_explicit(&queue->device->lost, memory_order_relaxed))
		return wait_failed(queue, sequence, -TRN_EDEVLOST, true);
	return -EAGAIN;
}

TRN_API int trn_queue_wait(struct trn_queue *queue, uint64_t sequence, uint64_t deadline_ns)
{
	int r;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	r = owner_check(queue, false, __func__);
	if (r < 0)
		return r;
	if (sequence > submitted(queue))
		return trn_fail(queue->object.context, queue->device, -EINVAL, __func__,
				"%llu was never submitted, the last is %llu",
				(unsigned long long)sequence, (unsigned long long)submitted(queue));
	if (sequence > queue->dropped_after && sequence <= queue->dropped_to)
		return trn_fail(queue->object.context, queue->device, queue->dropped_code, __func__,
				"%llu was dropped by trn_queue_%s()", (unsigned long long)sequence,
				queue->dropped_code == -ECANCELED ? "cancel" : "reset");
	return queue_wait(queue, sequence, deadline_ns);
}

TRN_API int trn_queue_drain(struct trn_queue *queue, uint64_t deadline_ns)
{
	int r;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	r = owner_check(queue, false, __func__);
	if (r < 0)
		return r;
	return queue_wait(queue, submitted(queue), deadline_ns);
}

/* ---- errors and reset ---- */

TRN_API int trn_queue_error(struct trn_queue *queue, struct trn_error *ret_error)
{
	int r;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	r = owner_check(queue, false, __func__);
	if (r < 0)
		return r;
	if (!ret_error || ret_error->size != sizeof(*ret_error))
		return trn_fail(queue->object.context, queue->device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_error)");
	queue_reap(queue);
	if (!queue->failed)
		return -ENOENT;
	*ret_error = queue->error;
	return 0;
}

/* Drops what has not finished: who waits for it gets the code. */
static int queue_drop(struct trn_queue *queue, int code, const char *operation,
		      uint64_t deadline_ns)
{
	struct trn_device *device = queue->device;
	uint32_t epoch;
	uint64_t top;
	int r;

	r = owner_check(queue, false, operation);
	if (r < 0)
		return r;
	queue_reap(queue);
	top = submitted(queue);
	promises_end(queue, code,
		     code == -ECANCELED ? "the queue's work was cancelled" :
					  "the queue was reset under the work");
	/* Not while another thread resets the device; and the epoch is that of before or after. */
	trn_device_enter(device);
	r = device->hal->ops.queue_reset(device->hal, queue->hal, deadline_ns);
	epoch = atomic_load(&device->epoch);
	trn_device_leave(device);
	if (r < 0)
		return trn_fail_hal(device, r, operation, "resetting queue %u", queue->hal->index);
	quiet_set(queue, false, top, epoch);
	trn_claim_again(queue);
	queue->dropped_after = completed(queue);
	queue->dropped_to = top;
	queue->dropped_code = code;
	queue->failed = false;
	queue->marks.given = queue->marks.taken;
	trn_count(&queue->count.resets);
	queue_event(queue, TRN_EVENT_QUEUE_RESET, code, top - completed(queue));
	release_to(queue, top);
	trn_sync_changed(queue->object.context);
	return 0;
}

TRN_API int trn_queue_reset(struct trn_queue *queue, uint64_t deadline_ns)
{
	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	return queue_drop(queue, -TRN_ERESET, __func__, deadline_ns);
}

TRN_API int trn_queue_cancel(struct trn_queue *queue, uint64_t deadline_ns)
{
	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	return queue_drop(queue, -ECANCELED, __func__, deadline_ns);
}
