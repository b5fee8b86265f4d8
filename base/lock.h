/* SPDX-License-Identifier: Apache-2.0 */
/* A mutex for slow paths. What each lock protects, and the order of locks, is
 * written where the lock lives (runtime/private.h, hal). With the words below clang checks that
 * who takes a lock gives it back and that who needs one has it (-Wthread-safety); other compilers
 * read nothing there. Which member needs which lock it cannot be told in C. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

#ifdef __clang__
#define TRN_THREAD_WORD(word) __attribute__((word))
#else
#define TRN_THREAD_WORD(word)
#endif
/* Of a function: the caller has the locks; takes one; gives one back; takes it when it answers
 * the first argument. */
#define TRN_REQUIRES(...) TRN_THREAD_WORD(requires_capability(__VA_ARGS__))
#define TRN_ACQUIRES(...) TRN_THREAD_WORD(acquire_capability(__VA_ARGS__))
#define TRN_RELEASES(...) TRN_THREAD_WORD(release_capability(__VA_ARGS__))
#define TRN_TRY_ACQUIRES(...) TRN_THREAD_WORD(try_acquire_capability(__VA_ARGS__))
/* Of a function that clang cannot follow. */
#define TRN_LOCKS_UNCHECKED TRN_THREAD_WORD(no_thread_safety_analysis)

struct TRN_THREAD_WORD(capability("mutex")) trn_lock {
	pthread_mutex_t mutex;
};

/* With default attributes none of these can fail on Linux: a normal mutex has no
 * owner check and needs no memory. */
static inline void trn_lock_init(struct trn_lock *lock)
{
	(void)pthread_mutex_init(&lock->mutex, NULL);
}

static inline void trn_lock_fini(struct trn_lock *lock)
{
	(void)pthread_mutex_destroy(&lock->mutex);
}

static inline void trn_lock_take(struct trn_lock *lock) TRN_ACQUIRES(*lock) TRN_LOCKS_UNCHECKED
{
	(void)pthread_mutex_lock(&lock->mutex);
}

/* True when the lock is now the caller's. */
static inline bool trn_lock_try(struct trn_lock *lock)
	TRN_TRY_ACQUIRES(true, *lock) TRN_LOCKS_UNCHECKED
{
	return pthread_mutex_trylock(&lock->mutex) == 0;
}

static inline void trn_lock_give(struct trn_lock *lock) TRN_RELEASES(*lock) TRN_LOCKS_UNCHECKED
{
	(void)pthread_mutex_unlock(&lock->mutex);
}

#endif /* BASE_LOCK_H */
