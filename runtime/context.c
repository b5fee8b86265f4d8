/* SPDX-License-Identifier: Apache-2.0 */
/* The context: what every other object hangs on. */
#include "runtime/private.h"
#include "runtime/validate.h"

#include <errno.h>
#include "base/clock.h"

#define VERSION_TEXT(a, b, c) VERSION_TEXT_(a, b, c)
#define VERSION_TEXT_(a, b, c) #a "." #b "." #c

TRN_API const char *trn_version(void)
{
	return VERSION_TEXT(TRN_VERSION_MAJOR, TRN_VERSION_MINOR, TRN_VERSION_PATCH);
}

TRN_API uint64_t trn_deadline_in(uint64_t ns)
{
	return trn_clock_deadline(ns);
}

static bool level_ok(enum trn_log_level level)
{
	return (unsigned int)level <= (unsigned int)TRN_LOG_DEBUG;
}

TRN_API int trn_context_create(const struct trn_context_opts *opts,
			       struct trn_context **ret_context)
{
	static const struct trn_context_opts defaults = { .size = sizeof(defaults) };
	const struct trn_alloc *alloc;
	struct trn_context *context;
	int r;

	if (!opts)
		opts = &defaults;
	if (!ret_context || opts->size != sizeof(*opts) ||
	    (opts->flags & ~(TRN_CONTEXT_CHECK_WAITS | TRN_CONTEXT_SCRUB)) ||
	    !level_ok(opts->log_level) || (opts->alloc && !opts->alloc->realloc))
		return -EINVAL;
	alloc = opts->alloc ? opts->alloc : &trn_alloc_libc;
	context = trn_alloc_zero(alloc, sizeof(*context));
	if (!context)
		return -ENOMEM;
	trn_object_init(&context->object, TRN_OBJECT_CONTEXT, context);
	context->alloc = *alloc;
	trn_log_init(&context->log, opts->log, opts->log_user, opts->log_level);
	trn_lock_init(&context->open_lock);
	trn_lock_init(&context->lock);
	trn_dump_policy_init(&context->dump);
	trn_sync_init(&context->sync, opts->flags);
	context->scrub = (opts->flags & TRN_CONTEXT_SCRUB) != 0;
	context->token = trn_claim_token();
	context->graves_end = &context->graves;
	r = trn_process_word(&context->mine);
	if (r < 0) {
		trn_free(alloc, context);
		return r;
	}
	if (trn_hal_pods_create(&context->alloc, &context->pods) < 0) {
		(void)trn_context_unref(context);
		return -ENOMEM;
	}
	*ret_context = context;
	return 0;
}

TRN_API struct trn_context *trn_context_ref(struct trn_context *context)
{
	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return NULL;
	trn_object_ref(&context->object);
	return context;
}

static void graves_free(struct trn_context *context)
{
	struct trn_object *grave = context->graves;

	while (grave) {
		struct trn_object *next = grave->next_grave;

		trn_free(&context->alloc, grave);
		grave = next;
	}
}

TRN_API struct trn_context *trn_context_unref(struct trn_context *context)
{
	struct trn_alloc alloc;

	if (!context || !TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT) ||
	    !trn_object_unref(&context->object))
		return NULL;
	trn_trace_unref(context->trace); /* no device is left */
	trn_hal_pods_destroy(context->pods);
	graves_free(context);
	trn_sync_fini(&context->sync);
	trn_live_remove(&context->object);
	trn_lock_fini(&context->lock);
	trn_lock_fini(&context->open_lock);
	alloc = context->alloc;
	trn_free(&alloc, context);
	return NULL;
}

struct trn_device *trn_context_device_below(struct trn_context *context, uint64_t id)
{
	struct trn_device *device;

	trn_lock_take(&context->lock);
	for (device = context->devices; device; device = device->next)
		if (device->id < id && trn_object_ref_live(&device->object))
			break;
	trn_lock_give(&context->lock);
	return device;
}

TRN_API int trn_context_log_level(struct trn_context *context, enum trn_log_level level)
{
	struct trn_device *device;
	uint64_t id = UINT64_MAX;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	if (!level_ok(level))
		return trn_fail(context, NULL, -EINVAL, __func__, "level %d is not one",
				(int)level);
	atomic_store(&context->log.level, (int)level);
	while ((device = trn_context_device_below(context, id))) {
		trn_device_set_log_level(device, level);
		id = device->id;
		(void)trn_device_unref(device);
	}
	return 0;
}

TRN_API int trn_context_progress(struct trn_context *context)
{
	int r;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	r = trn_sync_progress(context, NULL, NULL);
	/* What nobody waits for has to be told, too. */
	if (trn_sync_run(context))
		r = 0;
	trn_notes_run(context);
	return r;
}
