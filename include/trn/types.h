/* SPDX-License-Identifier: Apache-2.0 */
/* What every public header needs: export marks, the caller's allocator, the
 * log sink, deadlines. No object is defined here. */
#ifndef TRN_TYPES_H
#define TRN_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TRN_BEGIN_DECLS extern "C" {
#define TRN_END_DECLS }
#else
#define TRN_BEGIN_DECLS
#define TRN_END_DECLS
#endif

#if defined(__GNUC__)
#define TRN_API __attribute__((visibility("default")))
#define TRN_MUST_CHECK __attribute__((warn_unused_result))
#define TRN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TRN_API
#define TRN_MUST_CHECK
#define TRN_PRINTF(fmt, args)
#endif

/** A deadline that has always passed: look once, never wait. */
#define TRN_DEADLINE_NOW UINT64_C(0)
/** A deadline that never comes. Allowed, but every sample uses a real one. */
#define TRN_DEADLINE_NEVER UINT64_MAX

/**
 * struct trn_alloc - where the library takes ordinary memory from
 * @realloc: like realloc(3): @size 0 frees and returns NULL, @ptr NULL
 *           allocates. Must be thread safe when objects of one context are
 *           used from several threads. Returns NULL when there is none.
 * @user: handed back to @realloc
 */
struct trn_alloc {
	void *(*realloc)(void *user, void *ptr, size_t size);
	void *user;
};

/** enum trn_log_level - how loud a message is; lower is more severe */
enum trn_log_level {
	TRN_LOG_ERROR = 0,
	TRN_LOG_WARNING = 1,
	TRN_LOG_INFO = 2,
	TRN_LOG_DEBUG = 3,
};

/**
 * typedef trn_log_fn - the user's log sink
 *
 * Called on the thread that is inside a library call, never under a lock.
 * @text has no newline and dies with the call.
 */
typedef void (*trn_log_fn)(void *user, enum trn_log_level level, const char *text);

#endif /* TRN_TYPES_H */
