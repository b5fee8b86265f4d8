/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator for tests: counts, and fails when told to. Any number of
 * threads may allocate from one. */
#ifndef BASE_TEST_ALLOC_H
#define BASE_TEST_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <trn/types.h>

/*
 * The object must stay where it was initialised: alloc.user points to it.
 * The usual loop, over every allocation of one operation:
 *
 *	for (long n = 0;; n++) {
 *		struct trn_test_alloc mem;
 *
 *		trn_test_alloc_init(&mem, n);
 *		r = operation(&mem.alloc);
 *		if (!mem.failed) {
 *			... r is 0; undo; live is 0 ...
 *			break;
 *		}
 *		... r is -ENOMEM, live is 0 ...
 *	}
 */
struct trn_test_alloc {
	struct trn_alloc alloc;
	_Atomic long countdown;    /* requests that still pass; negative: all */
	_Atomic bool failed;       /* a request was refused */
	_Atomic long live;         /* blocks out */
	_Atomic size_t live_bytes; /* and their bytes */
	_Atomic size_t peak_bytes; /* most live_bytes so far */
	_Atomic long requests;     /* allocations and resizes; frees do not count */
};

/* The request after pass others, and that one only, gets NULL; pass -1: none. */
void trn_test_alloc_init(struct trn_test_alloc *test, long pass);
/* The same again for an object in use: blocks stay, failed is cleared. */
void trn_test_alloc_arm(struct trn_test_alloc *test, long pass);

#endif /* BASE_TEST_ALLOC_H */
