/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: the C library's allocator behind struct trn_alloc, zeroing and
 * overflow-checked helpers, and reserved address space. */
#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *libc_realloc(void *user, void *ptr, size_t size)
{
	(void)user;
	/* realloc(p, 0) means different things to different C libraries. */
	if (size == 0) {
		free(ptr);
		return NULL;
	}
	return realloc(ptr, size);
}

const struct trn_alloc trn_alloc_libc = { .realloc = libc_realloc };

void *trn_alloc_zero(const struct trn_alloc *alloc, size_t size)
{
	return trn_alloc_array(alloc, 1, size);
}

void *trn_alloc_array(const struct trn_alloc *alloc, size_t count, size_t size)
{
	return trn_alloc_grow(alloc, NULL, 0, count, size);
}

void *trn_alloc_grow(const struct trn_alloc *alloc, void *ptr, size_t old_count, size_t new_count,
		     size_t size)
{
	size_t old_bytes, new_bytes;
	char *p;

	if (__builtin_mul_overflow(new_count, size, &new_bytes) ||
	    __builtin_mul_overflow(old_count, size, &old_bytes))
		return NULL;
	/* Size 0 frees, so nothing is asked for as one byte: NULL always means no memory. */
	p = alloc->realloc(alloc->user, ptr, new_bytes > 0 ? new_bytes : 1);
	if (p && new_bytes > old_bytes)
		memset(p + old_bytes, 0, new_bytes - old_bytes);
	return p;
}

void trn_free(const struct trn_alloc *alloc, void *ptr)
{
	if (ptr)
		(void)alloc->realloc(alloc->user, ptr, 0);
}

char *trn_alloc_strdup(const struct trn_alloc *alloc, const char *text)
{
	size_t size = strlen(text) + 1;
	char *p = alloc->realloc(alloc->user, NULL, size);

	if (p)
		memcpy(p, text, size);
	return p;
}

int trn_reserve(size_t size, void **ret_base)
{
	void *base;

	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	*ret_base = base;
	return 0;
}

void trn_unreserve(void *base, size_t size)
{
	if (base)
		(void)munmap(base, size); /* only fails for arguments that trn_reserve never gave */
}
