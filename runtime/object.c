/* SPDX-License-Identifier: Apache-2.0 */
/* Reference counts and canaries. In a checked build (TRN_DEBUG) a dead object
 * stays readable in the context's graveyard, so that a call with a handle that was given back
 * answers -EINVAL with a record instead of touching freed memory. The graveyard is bounded:
 * older mistakes are left to the address sanitizer, and so is a dead context. */
#include "runtime/graph.h"
#include "runtime/validate.h"

#include <errno.h>
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
#define KNOWS_ALONE 1
#include <sys/single_threaded.h>
#endif

#define GRAVES_MAX 256u

static const enum trn_object_kind live_kinds[] = {
	TRN_OBJECT_CONTEXT, TRN_OBJECT_DEVICE, TRN_OBJECT_BUFFER, TRN_OBJECT_TIMELINE,
	TRN_OBJECT_PROGRAM, TRN_OBJECT_QUEUE,  TRN_OBJECT_BATCH,  TRN_OBJECT_COMM,
	TRN_OBJECT_POOL,    TRN_OBJECT_GRAPH,  TRN_OBJECT_EXEC,
};

/* The process has one thread, so nothing needs to be atomic, and that is most of what a reference
 * costs. Once there is a second one it is false for good, or at least until that has ended. */
static bool alone(void)
{
#ifdef KNOWS_ALONE
	return __libc_single_threaded;
#else
	return false;
#endif
}

void trn_object_init(struct trn_object *object, enum trn_object_kind kind,
		     struct trn_context *context)
{
	atomic_init(&object->kind, (uint32_t)kind);
	atomic_init(&object->refs, 1);
	object->context = context;
	object->next_grave = NULL;
	trn_live_add(object);
}

void trn_object_ref(struct trn_object *object)
{
	/* Whoever holds one may take another: nothing to order. */
	if (alone())
		atomic_store_explicit(&object->refs,
				      atomic_load_explicit(&object->refs, memory_order_relaxed) + 1,
				      memory_order_relaxed);
	else
		(void)atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
}

bool trn_object_ref_live(struct trn_object *object)
{
	uint32_t refs = atomic_load_explicit(&object->refs, memory_order_relaxed);

	while (refs > 0)
		if (atomic_compare_exchange_weak(&object->refs, &refs, refs + 1))
			return true;
	return false;
}

bool trn_object_unref(struct trn_object *object)
{
	uint32_t refs;

	if (alone()) {
		refs = atomic_load_explicit(&object->refs, memory_order_relaxed);
		atomic_store_explicit(&object->refs, refs - 1, memory_order_relaxed);
		return refs == 1;
	}
	/* The last one must see what every other holder did before it let go. */
	return atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) == 1;
}

void trn_object_bury(struct trn_object *object)
{
	struct trn_context *context = object->context;
	struct trn_object *oldest = NULL;

	trn_live_remove(object);
	atomic_store(&object->kind, TRN_OBJECT_DEAD);
	if (!TRN_OBJECT_CHECKED) {
		trn_free(&context->alloc, object);
		return;
	}
	trn_lock_take(&context->lock);
	object->next_grave = NULL;
	*context->graves_end = object;
	context->graves_end = &object->next_grave;
	if (context->grave_count < GRAVES_MAX) {
		context->grave_count++;
	} else {
		oldest = context->graves;
		context->graves = oldest->next_grave;
	}
	trn_lock_give(&context->lock);
	trn_free(&context->alloc, oldest);
}

void trn_object_drop(struct trn_object *object)
{
	switch (atomic_load_explicit(&object->kind, memory_order_relaxed)) {
	case TRN_OBJECT_BUFFER:
		(void)trn_buffer_unref((struct trn_buffer *)object);
		break;
	case TRN_OBJECT_TIMELINE:
		(void)trn_timeline_unref((struct trn_timeline *)object);
		break;
	case TRN_OBJECT_COMM:
		(void)trn_comm_unref((struct trn_comm *)object);
		break;
	case TRN_OBJECT_PROGRAM:
		trn_program_drop((struct trn_program *)object);
		break;
	case TRN_OBJECT_LISTS:
		trn_lists_unref((struct trn_lists *)object);
		break;
	default: /* a command names nothing else */
		break;
	}
}

static _Thread_local int refused_code = -EINVAL;

/* Taken, so that the next refusal, which may be of no handle at all, is not this one's. */
int trn_handle_refused(void)
{
	int code = refused_code;

	refused_code = -EINVAL;
	return code;
}

/* Where kinds are not checked, only an inherited object is refused. */
static bool is_inherited(const struct trn_object *object)
{
	uint32_t kind = atomic_load_explicit(&object->kind, memory_order_relaxed);

	for (size_t i = 0; i < TRN_ARRAY_LEN(live_kinds); i++)
		if (kind == (uint32_t)live_kinds[i])
			return trn_context_inherited(object->context);
	return false;
}

void trn_object_bad(const struct trn_object *object, const char *operation)
{
	refused_code = -EINVAL;
	if (!object)
		return;
	/* No lock, no log: another thread of the parent may have been at them. */
	if (is_inherited(object)) {
		refused_code = -EPERM;
		return;
	}
	/* Only a grave is known to have a context behind it; anything else may be any memory. */
	if (atomic_load_explicit(&object->kind, memory_order_relaxed) != TRN_OBJECT_DEAD ||
	    trn_context_inherited(object->context))
		return;
	trn_logf(&object->context->log, TRN_LOG_ERROR, "%s: the object was already given back",
		 operation);
	(void)trn_fail(object->context, NULL, -EINVAL, operation,
		       "the object was already given back (use after unref)");
}
