/* SPDX-License-Identifier: Apache-2.0 */
/* Time traces of a context: which devices write into which file. */
#include "runtime/private.h"

#include <errno.h>

/* The trace of the context with a reference, or NULL. */
static struct trn_trace *trace_of(struct trn_context *context)
{
	struct trn_trace *trace;

	trn_lock_take(&context->lock);
	trace = context->trace;
	if (trace)
		trn_trace_ref(trace);
	trn_lock_give(&context->lock);
	return trace;
}

int trn_device_trace_begin(struct trn_device *device)
{
	struct trn_trace *trace = trace_of(device->object.context);
	bool took = false;
	int r = 0;

	if (!trace)
		return 0;
	trn_lock_take(&device->lock);
	if (!device->trace.trace) {
		device->trace = (struct trn_trace_source){ .trace = trace,
							   .number = trn_trace_next(trace),
							   .name = device->uri };
		r = device->hal->ops.trace(device->hal, trn_trace_put, &device->trace);
		took = r == 0;
		if (!took)
			device->trace = (struct trn_trace_source){ 0 };
	}
	trn_lock_give(&device->lock);
	if (!took)
		trn_trace_unref(trace);
	return r;
}

void trn_device_trace_end(struct trn_device *device)
{
	struct trn_trace *trace;

	trn_lock_take(&device->lock);
	trace = device->trace.trace;
	if (trace)
		(void)device->hal->ops.trace(device->hal, NULL, NULL);
	device->trace = (struct trn_trace_source){ 0 };
	trn_lock_give(&device->lock);
	trn_trace_unref(trace);
}

/* Takes the trace off the context and every device; the caller gets the reference. */
static struct trn_trace *take_off(struct trn_context *context)
{
	struct trn_device *device;
	struct trn_trace *trace;
	uint64_t id = UINT64_MAX;

	trn_lock_take(&context->lock);
	trace = context->trace;
	context->trace = NULL;
	trn_lock_give(&context->lock);
	while (trace && (device = trn_context_device_below(context, id))) {
		trn_device_trace_end(device);
		trn_device_flush_log(device);
		id = device->id;
		(void)trn_device_unref(device);
	}
	return trace;
}

/* False when there was one already. */
static bool put_on(struct trn_context *context, struct trn_trace *trace)
{
	bool free;

	trn_lock_take(&context->lock);
	free = !context->trace;
	if (free)
		context->trace = trace;
	trn_lock_give(&context->lock);
	return free;
}

TRN_API int trn_context_trace_start(struct trn_context *context, const char *path)
{
	struct trn_device *device;
	struct trn_trace *trace, *old;
	uint64_t id = UINT64_MAX;
	int r = 0;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	if (!path)
		return trn_fail(context, NULL, -EINVAL, __func__, "path is NULL");
	old = trace_of(context);
	trn_trace_unref(old);
	if (old)
		return trn_fail(context, NULL, -EBUSY, __func__, "a trace is being written");
	r = trn_trace_open(&context->alloc, path, &trace);
	if (r < 0)
		return trn_fail(context, NULL, r, __func__, "%.120s", path);
	if (!put_on(context, trace)) {
		trn_trace_unref(trace);
		return trn_fail(context, NULL, -EBUSY, __func__, "a trace is being written");
	}
	while (r == 0 && (device = trn_context_device_below(context, id))) {
		r = trn_device_trace_begin(device);
		if (r < 0)
			r = trn_fail_hal(device, r, __func__, "this device cannot be traced");
		id = device->id;
		(void)trn_device_unref(device);
	}
	if (r < 0)
		trn_trace_unref(take_off(context));
	return r;
}

TRN_API int trn_context_trace_stop(struct trn_context *context)
{
	struct trn_trace *trace;
	int r;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	trace = take_off(context);
	if (!trace)
		return trn_fail(context, NULL, -ENOENT, __func__, "no trace is being written");
	r = trn_trace_close(trace);
	trn_trace_unref(trace);
	if (r < 0)
		return trn_fail(context, NULL, r, __func__, "the trace is not complete");
	return 0;
}
