/* SPDX-License-Identifier: Apache-2.0 */
/* The counting and failing allocator of the tests. */
#include "base/test_alloc.h"
#include "base/alloc.h"

#include <stdint.h>

/* In front of every block, at malloc's own alignment. */
union header {
	size_t size;
	max_align_t align;
};

static bool must_fail(struct trn_test_alloc *test)
{
	long left = atomic_load(&test->countdown);

	/* Only one thread takes the step from 0 to -1. */
	while (left >= 0) {
		if (!atomic_compare_exchange_weak(&test->countdown, &left, left - 1))
			continue;
		if (left > 0)
			return false;
		atomic_store(&test->failed, true);
		return true;
	}
	return false;
}

static void account(struct trn_test_alloc *test, size_t old_size, size_t new_size)
{
	/* Unsigned wrap-around subtracts. */
	size_t live =
		atomic_fetch_add(&test->live_bytes, new_size - old_size) + new_size - old_size;
	size_t peak = atomic_load(&test->peak_bytes);

	while (live > peak && !atomic_compare_exchange_weak(&test->peak_bytes, &peak, live))
		;
}

static void *test_realloc(void *user, void *ptr, size_t size)
{
	struct trn_test_alloc *test = user;
	union header *h = ptr ? (union header *)ptr - 1 : NULL;
	size_t old_size = h ? h->size : 0;

	if (size == 0) {
		if (h) {
			account(test, old_size, 0);
			atomic_fetch_sub(&test->live, 1);
			trn_free(&trn_alloc_libc, h);
		}
		return NULL;
	}
	atomic_fetch_add(&test->requests, 1);
	if (must_fail(test) || size > SIZE_MAX - sizeof(*h))
		return NULL;
	h = trn_alloc_libc.realloc(trn_alloc_libc.user, h, sizeof(*h) + size);
	if (!h)
		return NULL;
	if (!ptr)
		atomic_fetch_add(&test->live, 1);
	account(test, old_size, size);
	h->size = size;
	return h + 1;
}

void trn_test_alloc_init(struct trn_test_alloc *test, long pass)
{
	*test = (struct trn_test_alloc){
		.alloc = { .realloc = test_realloc, .user = test },
	};
	atomic_init(&test->countdown, pass);
}

void trn_test_alloc_arm(struct trn_test_alloc *test, long pass)
{
	atomic_store(&test->failed, false);
	atomic_store(&test->countdown, pass);
}
