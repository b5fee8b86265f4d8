/* SPDX-License-Identifier: Apache-2.0 */
/* A mutex for slow paths. What each lock protects, and the order of locks, is
 * written where the lock lives (runtime/private.h, hal). */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

struct trn_lock {
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

static inline void trn_lock_take(struct trn_lock *lock)
{
	(void)pthread_mutex_lock(&lock->mutex);
}

/* True when the lock is now the caller's. */
static inline bool trn_lock_try(struct trn_lock *lock)
{
	return pthread_mutex_trylock(&lock->mutex) == 0;
}

static inline void trn_lock_give(struct trn_lock *lock)
{
	(void)pthread_mutex_unlock(&lock->mutex);
}

#endif /* BASE_LOCK_H */
