/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for timelines: for one, for all or for any of several. */
#include "runtime/private.h"

#include <errno.h>
#include <stdio.h>

struct points {
	const struct trn_timeline_point *point;
	uint32_t count;
	bool any;
	const char *operation;
};

/* 1 the wait has ended well, 0 not yet, -1 one will not come; *ret_at says which. */
static int look(const struct points *points, uint32_t *ret_at)
{
	int r = points->any ? 0 : 1;

	*ret_at = 0;
	for (uint32_t i = 0; i < points->count; i++) {
		const struct trn_timeline_point *point = &points->point[i];
		bool reached = trn_timeline_value(point->timeline) >= point->value;

		if (reached && points->any) {
			*ret_at = i;
			return 1;
		}
		if (reached)
			continue;
		if (r >= 0 && trn_timeline_broken(point->timeline) >= point->value) {
			r = -1;
			*ret_at = i;
		} else if (r == 1) {
			r = 0;
			*ret_at = i;
		}
	}
	return r;
}

/* The record of whoever broke it; 0 when it was mended, or came, meanwhile. */
static int post_broken(const struct trn_timeline_point *point)
{
	struct trn_timeline *timeline = point->timeline;
	struct trn_context *context = timeline->object.context;
	struct trn_error error;
	bool broken;

	trn_lock_take(&context->sync.lock);
	error = timeline->error;
	broken = trn_timeline_broken(timeline) >= point->value &&
		 trn_timeline_value(timeline) < point->value;
	trn_lock_give(&context->sync.lock);
	return broken ? trn_error_post(context, &error) : 0;
}

/* A ring of queues that wait for each other, or where a chain of them ends, in words. */
static bool is_deadlock(const struct points *points, uint32_t at, char *text, size_t size)
{
	const struct trn_timeline_point *point = &points->point[at];
	struct trn_context *context = point->timeline->object.context;

	text[0] = '\0';
	return context->sync.check && (!points->any || points->count == 1) &&
	       trn_deadlock_find(context, point->timeline->id, point->value, text, size);
}

/* The value did not come. */
static int wait_failed(const struct points *points, uint32_t at, int code, bool polling)
{
	struct trn_timeline *timeline = points->point[at].timeline;
	struct trn_device *device = timeline->device;
	struct trn_context *context = device->object.context;
	bool idle = code == -EAGAIN;
	char text[TRN_DEADLOCK_TEXT];

	if (idle)
		code = -ETIMEDOUT;
	if (code == -ETIMEDOUT && !polling)
		code = trn_device_verdict(device, code);
	if (code == -TRN_EDEVLOST)
		return trn_fail(context, device, code, points->operation, "the device is lost");
	if (code != -ETIMEDOUT)
		return trn_fail_hal(device, code, points->operation, "waiting for the device");
	if (!polling && is_deadlock(points, at, text, sizeof(text))) {
		trn_logf(&context->log, TRN_LOG_WARNING, "%s: %s", points->operation, text);
		return trn_fail(context, device, -EDEADLK, points->operation, "%s", text);
	}
	if (polling)
		text[0] = '\0';
	return trn_fail(context, device, code, points->operation,
			idle ? "idle: nothing is pending that could raise %llu to %llu%s%s" :
			       "value is %llu, wanted %llu%s%s",
			(unsigned long long)trn_timeline_value(timeline),
			(unsigned long long)points->point[at].value, text[0] ? ": " : "", text);
}

static void wait_begin(struct trn_wait *wait, const struct points *points, uint64_t deadline_ns)
{
	trn_wait_begin(wait, points->point[0].timeline->device, deadline_ns);
	for (uint32_t i = 1; i < points->count; i++) {
		const struct trn_device *device = points->point[i].timeline->device;

		if (device != wait->device && !trn_device_same_pod(device, wait->device))
			wait->wide = true;
	}
}

/* 0 when it ended well. */
static int wait_for(const struct points *points, uint64_t deadline_ns, uint32_t *ret_at)
{
	bool polling = deadline_ns == TRN_DEADLINE_NOW;
	struct trn_wait wait;
	char text[TRN_DEADLOCK_TEXT];
	int r = 0, found;

	wait_begin(&wait, points, deadline_ns);
	for (;;) {
		found = look(points, ret_at);
		if (found < 0) {
			found = post_broken(&points->point[*ret_at]);
			if (found < 0)
				return found;
		}
		if (found > 0)
			return 0;
		if (r != 0)
			return wait_failed(points, *ret_at, r, polling);
		r = trn_wait_step(&wait);
		/* The last look sees all that has happened until now. */
		if (r != 0)
			(void)trn_sync_run(wait.context);
		if (wait.stuck && is_deadlock(points, *ret_at, text, sizeof(text)))
			r = -ETIMEDOUT;
	}
}

static int points_wait(const struct points *points, uint64_t deadline_ns, uint32_t *ret_at)
{
	struct trn_device *device = points->point[0].timeline->device;
	int r = wait_for(points, deadline_ns, ret_at);

	trn_notes_run(device->object.context);
	trn_device_flush_log(device);
	return r;
}

TRN_API int trn_timeline_wait(struct trn_timeline *timeline, uint64_t value, uint64_t deadline_ns)
{
	const struct trn_timeline_point point = { timeline, value };
	const struct points points = { .point = &point, .count = 1, .operation = __func__ };
	uint32_t ignored;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	return points_wait(&points, deadline_ns, &ignored);
}

static int points_check(const struct points *points, uint32_t flags)
{
	struct trn_context *context;

	if (!points->point || points->count == 0 ||
	    !TRN_HANDLE_OK(points->point[0].timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	context = points->point[0].timeline->object.context;
	if (flags != TRN_WAIT_ALL && flags != TRN_WAIT_ANY)
		return trn_fail(context, NULL, -EINVAL, points->operation,
				"flags 0x%x is neither TRN_WAIT_ALL nor TRN_WAIT_ANY", flags);
	for (uint32_t i = 1; i < points->count; i++) {
		const struct trn_timeline *timeline = points->point[i].timeline;

		if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE) ||
		    timeline->object.context != context)
			return trn_fail(context, NULL, -EINVAL, points->operation,
					"point %u: no timeline of the context of point 0", i);
	}
	return 0;
}

TRN_API int trn_timeline_wait_many(const struct trn_timeline_point *point, uint32_t count,
				   uint32_t flags, uint64_t deadline_ns, uint32_t *ret_index)
{
	const struct points points = {
		.point = point, .count = count, .any = flags == TRN_WAIT_ANY, .operation = __func__
	};
	uint32_t at;
	int r = points_check(&points, flags);

	if (r == 0)
		r = points_wait(&points, deadline_ns, &at);
	if (r == 0 && points.any && ret_index)
		*ret_index = at;
	return r;
}
