/* SPDX-License-Identifier: Apache-2.0 */
/* The context: allocator, log, last error; the root of every other object. */
#ifndef TRN_CONTEXT_H
#define TRN_CONTEXT_H

#include <trn/error.h>
#include <trn/types.h>

TRN_BEGIN_DECLS

#define TRN_VERSION_MAJOR 0
#define TRN_VERSION_MINOR 1
#define TRN_VERSION_PATCH 0

struct trn_context;

/* A wait that queues keep from ending by waiting for each other ends in -EDEADLK, and names them.
 * Builds of type debug and debugoptimized always look; it costs a lock for each submission that
 * waits or signals. */
#define TRN_CONTEXT_CHECK_WAITS 0x1u

/* HBM that is given back is zeroed first, so that no later context reads what was in it. */
#define TRN_CONTEXT_SCRUB 0x2u

/**
 * struct trn_context_opts - how a context behaves; zero everything, then set
 * @size: sizeof(struct trn_context_opts)
 * @alloc: memory of the library's own objects; NULL is the C library's
 * @log: sink for messages; NULL drops them
 * @log_user: handed to @log
 * @log_level: least severe level that still reaches @log
 * @flags: TRN_CONTEXT_*, or 0
 */
struct trn_context_opts {
	size_t size;
	const struct trn_alloc *alloc;
	trn_log_fn log;
	void *log_user;
	enum trn_log_level log_level;
	uint32_t flags;
};

/**
 * trn_version() - version of the library that is running
 *
 * Context: any thread.
 * Return:  static text such as "0.1.0".
 * Since:   0.1
 */
TRN_API const char *trn_version(void);

/**
 * trn_context_create() - make a context
 * @opts: options, or NULL for the defaults; copied
 * @ret_context: set on success; the caller holds one reference
 *
 * Starts no thread and opens no device.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (options), -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_context_create(const struct trn_context_opts *opts,
					      struct trn_context **ret_context);

/**
 * trn_context_ref() - take one more reference
 * @context: a context
 *
 * Context: any thread.
 * Return:  @context.
 * Since:   0.1
 */
TRN_API struct trn_context *trn_context_ref(struct trn_context *context);

/**
 * trn_context_unref() - give a reference back
 * @context: a context, or NULL
 *
 * Objects made from the context hold references of their own: the last of them ends it.
 *
 * Context: any thread.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_context *trn_context_unref(struct trn_context *context);

/**
 * trn_context_log_level() - change the level filter of the log
 * @context: a context
 * @level: least severe level that still reaches the sink
 *
 * Context: any thread.
 * Return:  0, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_context_log_level(struct trn_context *context, enum trn_log_level level);

/**
 * trn_error_get() - the record of the last call that failed in a context
 * @context: a context
 * @ret_error: filled; its size member is set by the caller
 *
 * The record is kept per context and replaced by the next failure.
 *
 * Context: any thread.
 * Return:  0, -ENOENT when nothing failed yet, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_error_get(struct trn_context *context, struct trn_error *ret_error);

/**
 * trn_context_progress() - let every device of the context advance once
 * @context: a context
 *
 * On an inline mock this lets the model go on a little, once for each pod. Also finds queues that
 * stopped, tells who waits for them, and runs the callbacks of trn_timeline_notify() that are due.
 * Waits do all of it by themselves.
 *
 * Context: any thread.
 * Return:  0, or -EAGAIN when nothing is pending.
 * Since:   0.1
 */
TRN_API int trn_context_progress(struct trn_context *context);

/**
 * trn_context_trace_start() - begin a time trace of every device of a context
 * @context: a context
 * @path: file that is made or overwritten: trace events as JSON, for Perfetto
 *
 * In device time: instructions, DMAs, commands, launches, semaphores, bandwidth of memory.
 * Devices that are opened later come along where they can. docs/traces.md has more.
 *
 * Context: one thread at a time for this and trn_context_trace_stop().
 * Return:  0, -ENOTSUP when a device has no device time, -EBUSY when there is a trace already,
 *          -EINVAL, -ENOMEM, or the errno of opening the file.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_context_trace_start(struct trn_context *context, const char *path);

/**
 * trn_context_trace_stop() - end the trace
 * @context: a context
 *
 * Without it the file is ended with the context, and errors go unseen.
 *
 * Context: one thread at a time for this and trn_context_trace_start().
 * Return:  0, -ENOENT when there is none, or the first error of writing the file.
 * Since:   0.1
 */
TRN_API int trn_context_trace_stop(struct trn_context *context);

/**
 * trn_deadline_in() - the deadline that lies some time ahead
 * @ns: nanoseconds from now; too many give TRN_DEADLINE_NEVER
 *
 * Context: any thread.
 * Return:  CLOCK_MONOTONIC time, for the deadline_ns of any call.
 * Since:   0.1
 */
TRN_API uint64_t trn_deadline_in(uint64_t ns);

TRN_END_DECLS

#endif /* TRN_CONTEXT_H */
