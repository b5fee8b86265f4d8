/* SPDX-License-Identifier: Apache-2.0 */
/* Telling somebody that a device wrote host memory, and not any more once he has said so. */
#include "hal/bus.h"

void trn_bus_watch_init(struct trn_bus_watch *watch)
{
	*watch = (struct trn_bus_watch){ 0 };
	pthread_mutex_init(&watch->lock, NULL); /* a default one cannot fail */
}

void trn_bus_watch_fini(struct trn_bus_watch *watch)
{
	pthread_mutex_destroy(&watch->lock);
}

void trn_bus_watch_set(struct trn_bus_watch *watch, void (*fn)(void *user), void *user)
{
	pthread_mutex_lock(&watch->lock);
	if (fn) {
		watch->devices++;
		watch->fn = fn;
		watch->user = user;
	} else if (watch->devices > 0 && --watch->devices == 0) {
		watch->fn = NULL;
	}
	atomic_store(&watch->on, watch->fn != NULL);
	pthread_mutex_unlock(&watch->lock);
}

void trn_bus_watch_tell(struct trn_bus_watch *watch)
{
	uint32_t seen;

	if (!atomic_load_explicit(&watch->on, memory_order_relaxed))
		return;
	/* Nobody waits here, he may hold what fn wants: who is inside goes round once more. */
	if (atomic_fetch_add(&watch->pending, 1) > 0)
		return;
	do {
		seen = atomic_load(&watch->pending);
		pthread_mutex_lock(&watch->lock);
		if (watch->fn)
			watch->fn(watch->user);
		pthread_mutex_unlock(&watch->lock);
	} while (!atomic_compare_exchange_strong(&watch->pending, &seen, 0));
}
