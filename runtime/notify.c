/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told once that a timeline has a value, or never will: callbacks, which run on threads
 * that wait, and descriptors, which whoever notices the change writes to. */
#include "runtime/private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

static _Atomic uint32_t *count_of(struct trn_sync *sync, const struct trn_note *note)
{
	return note->fn ? &sync->callbacks : &sync->fds;
}

/* 1 due, 0 not yet; *ret_code is what a callback is told. lock held. */
static bool note_due(const struct trn_note *note, int *ret_code)
{
	*ret_code = 0;
	if (trn_timeline_value(note->timeline) >= note->value)
		return true;
	*ret_code = note->timeline->error.code;
	return trn_timeline_broken(note->timeline) >= note->value;
}

/* Takes the oldest note of that kind that is due; of one timeline alone also what is not. */
static struct trn_note *note_take(struct trn_sync *sync, bool callback,
				  const struct trn_timeline *all_of, int *ret_code)
{
	struct trn_note **at, *note;

	trn_lock_take(&sync->lock);
	for (at = &sync->notes; (note = *at); at = &note->next) {
		if ((note->fn != NULL) != callback || (all_of && note->timeline != all_of))
			continue;
		if (note_due(note, ret_code))
			break;
		if (all_of) {
			*ret_code = -ECANCELED;
			break;
		}
	}
	if (note) {
		*at = note->next;
		atomic_fetch_sub(count_of(sync, note), 1);
	}
	trn_lock_give(&sync->lock);
	return note;
}

/* A counter that nobody else writes to takes a 1. */
static void make_readable(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* Nothing is locked. */
static void note_tell(struct trn_context *context, struct trn_note *note, int code)
{
	if (note->fn) {
		note->fn(note->user, code);
	} else {
		make_readable(note->fd);
		(void)close(note->fd);
	}
	trn_free(&context->alloc, note);
}

void trn_notes_run(struct trn_context *context)
{
	struct trn_sync *sync = &context->sync;
	struct trn_note *note;
	int code;

	if (atomic_load_explicit(&sync->callbacks, memory_order_relaxed) == 0 ||
	    atomic_exchange(&sync->calling, true))
		return;
	while ((note = note_take(sync, true, NULL, &code)))
		note_tell(context, note, code);
	atomic_store(&sync->calling, false);
}

bool trn_notes_write(struct trn_context *context)
{
	struct trn_sync *sync = &context->sync;
	struct trn_note *note;
	bool any = false;
	int code;

	while (atomic_load(&sync->fds) > 0 && (note = note_take(sync, false, NULL, &code))) {
		note_tell(context, note, code);
		any = true;
	}
	return any;
}

void trn_notes_end(struct trn_timeline *timeline)
{
	struct trn_context *context = timeline->object.context;
	struct trn_sync *sync = &context->sync;
	struct trn_note *note;
	int code = 0;

	if (atomic_load(&sync->fds) > 0)
		while ((note = note_take(sync, false, timeline, &code)))
			note_tell(context, note, code);
	if (atomic_load(&sync->callbacks) > 0)
		while ((note = note_take(sync, true, timeline, &code)))
			note_tell(context, note, code);
}

static uint64_t note_add(struct trn_sync *sync, struct trn_note *note)
{
	struct trn_note **at;
	uint64_t id;

	trn_lock_take(&sync->lock);
	id = note->id = ++sync->note_ids;
	for (at = &sync->notes; *at; at = &(*at)->next)
		;
	*at = note;
	atomic_fetch_add(count_of(sync, note), 1);
	trn_lock_give(&sync->lock);
	return id;
}

static int note_make(struct trn_timeline *timeline, const struct trn_note *with,
		     const char *operation, struct trn_note **ret_note)
{
	struct trn_context *context = timeline->object.context;
	struct trn_note *note = trn_alloc_zero(&context->alloc, sizeof(*note));

	if (!note)
		return trn_fail(context, timeline->device, -ENOMEM, operation,
				"no memory to note who is told");
	*note = *with;
	note->timeline = timeline;
	*ret_note = note;
	return 0;
}

TRN_API int trn_timeline_notify(struct trn_timeline *timeline, uint64_t value, trn_notify_fn fn,
				void *user, uint64_t *ret_id)
{
	const struct trn_note with = { .value = value, .fn = fn, .user = user, .fd = -1 };
	struct trn_note *note = NULL;
	struct trn_context *context;
	uint64_t id;
	int r;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	context = timeline->object.context;
	if (!fn)
		return trn_fail(context, timeline->device, -EINVAL, __func__, "fn is NULL");
	r = note_make(timeline, &with, __func__, &note);
	if (r < 0)
		return r;
	id = note_add(&context->sync, note);
	if (ret_id)
		*ret_id = id;
	/* A thread that sleeps may be the one that calls. */
	trn_pulse_raise(&context->sync.pulse);
	return 0;
}

TRN_API int trn_timeline_notify_cancel(struct trn_context *context, uint64_t id)
{
	struct trn_note **at, *note;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	trn_lock_take(&context->sync.lock);
	for (at = &context->sync.notes; (note = *at); at = &note->next)
		if (note->fn && note->id == id)
			break;
	if (note) {
		*at = note->next;
		atomic_fetch_sub(&context->sync.callbacks, 1);
	}
	trn_lock_give(&context->sync.lock);
	if (!note)
		return trn_fail(context, NULL, -ENOENT, __func__,
				"no callback %llu is left: it has run, runs now or was cancelled",
				(unsigned long long)id);
	trn_free(&context->alloc, note);
	return 0;
}

/* Somebody has to notice the device's writes while no thread of the caller's is inside a call. */
static int fd_check(struct trn_timeline *timeline)
{
	struct trn_device *device = timeline->device;
	const char *why = NULL;

	if (trn_device_has(device, TRN_HAL_CAP_INLINE))
		why = "the device moves only inside calls: open it with threads=1";
	else if (!trn_device_has(device, TRN_HAL_CAP_COMPUTE))
		why = "queues of a device without TRN_CAP_COMPUTE move only inside calls";
	else if (!atomic_load(&device->watched))
		why = "nobody notices what this device writes";
	return why ? trn_fail(device->object.context, device, -ENOTSUP, "trn_timeline_fd", "%s",
			      why) :
		     0;
}

static int fd_pair(struct trn_timeline *timeline, int *ret_fd, int *ret_own)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r = -errno;

	if (own >= 0) {
		*ret_fd = fd;
		*ret_own = own;
		return 0;
	}
	if (fd >= 0)
		(void)close(fd);
	return trn_fail(timeline->object.context, timeline->device, r, "trn_timeline_fd",
			"no file descriptor left");
}

TRN_API int trn_timeline_fd(struct trn_timeline *timeline, uint64_t value, int *ret_fd)
{
	struct trn_note with = { .value = value };
	struct trn_note *note = NULL;
	int fd = -1, r;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	if (!ret_fd)
		return trn_fail(timeline->object.context, timeline->device, -EINVAL, __func__,
				"ret_fd is NULL");
	r = fd_check(timeline);
	if (r == 0)
		r = fd_pair(timeline, &fd, &with.fd);
	if (r < 0)
		return r;
	r = note_make(timeline, &with, __func__, &note);
	if (r < 0) {
		(void)close(fd);
		(void)close(with.fd);
		return r;
	}
	(void)note_add(&timeline->object.context->sync, note);
	/* From here on whoever changes something looks at it; what changed before, now. Here, too,
	 * since another thread may be at that, and what is due is readable at once. */
	trn_pulse_raise(&timeline->object.context->sync.pulse);
	if (trn_timeline_value(timeline) >= value || trn_timeline_broken(timeline) >= value)
		make_readable(fd);
	(void)trn_sync_run(timeline->object.context);
	*ret_fd = fd;
	return 0;
}
