/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes in words, what to do about each, and the record that a failing
 * call leaves in its context. */
#include "runtime/private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct code {
	int code;
	const char *text; /* begins with the name */
	const char *hint;
};

#define CODE(name, meaning, step)              \
	{                                      \
		name, #name ": " meaning, step \
	}

/* Every code that a public header names (runtime/error_test.c reads the headers). */
static const struct code codes[] = {
	CODE(EPERM, "not allowed from this thread",
	     "use a queue only from the thread that owns it"),
	CODE(ENOENT, "there is none", "count from 0 and stop at the first that is not there"),
	CODE(EIO, "the device reported a failure", "reset the core or the device, then try again"),
	CODE(EBADF, "no open file descriptor", "give one that is open, of memory"),
	CODE(EAGAIN, "no room now, or nothing pending", "wait for earlier work, then try again"),
	CODE(ENOMEM, "out of memory", "free buffers, or place them on another stack"),
	CODE(EBUSY, "held by somebody else",
	     "wait, or pick another core; a faulted one needs a reset"),
	CODE(ENODEV, "no such device", "give a URI, for example mock:trn3, or set TRN_DEVICE"),
	CODE(EXDEV, "not of one pod", "open both devices in one context, from one pod's URI"),
	CODE(EINVAL, "an argument is wrong", "correct the argument that the cause names"),
	CODE(EDQUOT, "past a quota of memory",
	     "free buffers of that category, or raise it: trn_memory_quota_set()"),
	CODE(ENOSPC, "no space left in the object", "make it larger, or submit and clear it first"),
	CODE(ERANGE, "number out of range", "use a smaller number"),
	CODE(ENOTSUP, "this device cannot do that",
	     "look at the capabilities in trn_device_info()"),
	CODE(ESTALE, "made before a reset", "trn_graph_instantiate() the graph again"),
	CODE(ETIMEDOUT, "the deadline passed", "allow more time, or see what the work waits for"),
	CODE(ECANCELED, "cancelled, or waited for something that was",
	     "submit it again when it is still wanted"),
	CODE(EDEADLK, "queues wait for each other in a ring",
	     "break the ring that the cause names; trn_queue_cancel() one of the queues"),
	CODE(EBADMSG, "damaged, or no such thing at all", "look at where the bytes come from"),
	CODE(EFBIG, "larger than is allowed", "use a smaller one"),
	CODE(EMFILE, "no file descriptor left in the process", "close some, or raise the limit"),
	CODE(ENFILE, "no file descriptor left in the system", "close some, or raise the limit"),
	CODE(TRN_EDEVLOST, "the device fell off the bus",
	     "trn_device_reset() the whole device; else reopen it"),
	CODE(TRN_ERESET, "reset under the operation", "trn_queue_reset(), then submit again"),
	CODE(TRN_EPROGRAM, "the program is malformed or for another device",
	     "build it again for this device"),
	CODE(TRN_EFAULT_DEV, "the device refused an address",
	     "compare the address with the buffers of the command"),
	CODE(TRN_EINSN, "an instruction broke a rule of the ISA",
	     "see the rule in docs/isa.md; then reset the core and the queue"),
	CODE(TRN_EFIRMWARE, "the firmware refused or answered nonsense",
	     "trn_device_reset() the whole device"),
	CODE(TRN_EQUEUE, "the queue stopped at an earlier failing command",
	     "see trn_queue_error(), then trn_queue_reset()"),
	CODE(TRN_EIDLE, "nothing is pending that could satisfy a wait",
	     "submit the work that signals it first"),
	CODE(TRN_EHANG, "a command does not move any more", "wait again, or trn_queue_recover()"),
	CODE(TRN_ERANK, "a rank is missing, late, dead or does not match",
	     "look at the process that the cause names; trn_comm_shrink() goes on without it"),
	CODE(TRN_EVALIDATE, "the validation layer found a mistake",
	     "docs/validation.md says what the rule means that the cause begins with"),
};

static const struct code *code_find(int code)
{
	if (code == INT_MIN)
		return NULL;
	if (code < 0)
		code = -code;
	for (size_t i = 0; i < TRN_ARRAY_LEN(codes); i++)
		if (codes[i].code == code)
			return &codes[i];
	return NULL;
}

_Static_assert(TRN_ARRAY_LEN(codes) < TRN_ERROR_CODES_MAX, "the last counts the others");

int trn_error_code_at(uint32_t index, const char **ret_text)
{
	if (index >= TRN_ARRAY_LEN(codes))
		return 0;
	*ret_text = codes[index].text;
	return -codes[index].code;
}

int trn_error_code_index(int code)
{
	const struct code *found = code_find(code);

	return found ? (int)(found - codes) : -1;
}

TRN_API const char *trn_strerror(int code)
{
	const struct code *found = code_find(code);

	const char *text;

	if (code == 0)
		return "success";
	if (found)
		return found->text;
	/* What a host call answered and we have no better words for. */
	text = strerrordesc_np(code < 0 && code > INT_MIN ? -code : code);
	return text ? text : "unknown error code";
}

void trn_error_init(struct trn_error *error, int code, const char *operation)
{
	const struct code *found = code_find(code);

	*error = (struct trn_error){
		.size = sizeof(*error),
		.code = code,
		.core = -1,
		.queue = -1,
		.command = -1,
		.engine = -1,
		.opcode = -1,
		.operand = -1,
		.pc = -1,
	};
	trn_text_copy(error->operation, sizeof(error->operation), operation);
	if (found)
		trn_text_copy(error->hint, sizeof(error->hint), found->hint);
}

int trn_error_post(struct trn_context *context, const struct trn_error *error)
{
	const int index = trn_error_code_index(error->code);

	trn_lock_take(&context->lock);
	context->error = *error;
	context->failed = true;
	context->errors[index < 0 ? TRN_ERROR_CODES_MAX - 1 : (uint32_t)index]++;
	trn_lock_give(&context->lock);
	trn_logf(&context->log, TRN_LOG_DEBUG, "%s%s%s: %s: %s", error->operation,
		 error->device[0] ? " on " : "", error->device, trn_strerror(error->code),
		 error->cause);
	return error->code;
}

static TRN_PRINTF(3, 0) void error_cause(struct trn_error *error, struct trn_device *device,
					 const char *fmt, va_list args)
{
	if (device)
		trn_text_copy(error->device, sizeof(error->device), device->info.uri);
	/* Our own formats; a text that is too long is cut, which is what the member allows. */
	(void)vsnprintf(error->cause, sizeof(error->cause), fmt, args);
}

int trn_fail(struct trn_context *context, struct trn_device *device, int code,
	     const char *operation, const char *fmt, ...)
{
	struct trn_error error;
	va_list args;

	trn_error_init(&error, code, operation);
	va_start(args, fmt);
	error_cause(&error, device, fmt, args);
	va_end(args);
	return trn_error_post(context, &error);
}

int trn_fail_hal(struct trn_device *device, int code, const char *operation, const char *fmt, ...)
{
	struct trn_hal_fault fault;
	struct trn_error error;
	va_list args;
	size_t used;

	if (code == -TRN_EDEVLOST)
		trn_device_lose(device);
	trn_hal_last_fault(device->hal, &fault);
	trn_error_init(&error, code, operation);
	va_start(args, fmt);
	error_cause(&error, device, fmt, args);
	va_end(args);
	used = strlen(error.cause);
	if (fault.why[0])
		(void)snprintf(error.cause + used, sizeof(error.cause) - used, ": %s", fault.why);
	error.address = fault.address;
	return trn_error_post(device->object.context, &error);
}

static int inherited_describe(struct trn_error *ret_error)
{
	trn_error_init(ret_error, -EPERM, "fork");
	(void)snprintf(ret_error->cause, sizeof(ret_error->cause),
		       "the context belongs to the process that this one (pid %ld) was forked from",
		       (long)getpid());
	trn_text_copy(ret_error->hint, sizeof(ret_error->hint),
		      "make a context in the child, or fork before the first one");
	return 0;
}

TRN_API int trn_error_get(struct trn_context *context, struct trn_error *ret_error)
{
	int r = 0;

	/* In a forked child too, where there is one thing to say. */
	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT) && trn_handle_refused() != -EPERM)
		return trn_handle_refused();
	/* Not recorded: it would replace the record that was asked for. */
	if (!ret_error || ret_error->size != sizeof(*ret_error))
		return -EINVAL;
	if (trn_context_inherited(context))
		return inherited_describe(ret_error);
	trn_lock_take(&context->lock);
	if (context->failed)
		*ret_error = context->error;
	else
		r = -ENOENT;
	trn_lock_give(&context->lock);
	return r;
}
