/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that knows malloc: every other file takes a struct trn_alloc.
 * Helpers zero what they give and check products. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <trn/types.h>

/* The C library's realloc behind a struct trn_alloc; used when the user gives none. */
extern const struct trn_alloc trn_alloc_libc;

/* Zeroed memory for one object, or NULL. */
void *trn_alloc_zero(const struct trn_alloc *alloc, size_t size);
/* Zeroed memory for count objects of size bytes; NULL when the product overflows. */
void *trn_alloc_array(const struct trn_alloc *alloc, size_t count, size_t size);
/* Grows ptr from old_count to new_count objects, zeroing the new ones; NULL leaves ptr alone. */
void *trn_alloc_grow(const struct trn_alloc *alloc, void *ptr, size_t old_count, size_t new_count,
		     size_t size);
void trn_free(const struct trn_alloc *alloc, void *ptr);
/* Copy of a string, or NULL. */
char *trn_alloc_strdup(const struct trn_alloc *alloc, const char *text);

/* Address space that the host commits when it is first touched, zeroed:
 * how a 36 GiB HBM stack opens without being paid for. Not from the user's
 * allocator, because that one hands out memory, not address space. */
int trn_reserve(size_t size, void **ret_base);
void trn_unreserve(void *base, size_t size);

#endif /* BASE_ALLOC_H */
