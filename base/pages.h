/* SPDX-License-Identifier: Apache-2.0 */
/* Whole pages of host memory, zeroed: ordinary ones or large, private or behind a file descriptor
 * that another process may map. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stdint.h>

#define TRN_PAGES_HUGE 0x1u      /* large pages where there are some, else ordinary ones */
#define TRN_PAGES_HUGE_ONLY 0x2u /* large pages or -ENOMEM */
#define TRN_PAGES_SHARED 0x4u    /* behind a file descriptor */

struct trn_pages {
	void *base;
	uint64_t size; /* as mapped: whole pages */
	uint64_t page; /* bytes of each */
	int fd;        /* SHARED: ours; else -1 */
};

/* size > 0. Large pages are reserved here: a later touch cannot fail for lack of them. */
int trn_pages_alloc(uint64_t size, uint32_t flags, struct trn_pages *ret_pages);
/* Maps the first size bytes of a file; fd stays the caller's. The file must be memory (memfd or
 * shm) that is sealed against shrinking, or a touch could kill the process. *ret_why (may be
 * NULL) says what is wrong. -EINVAL, -ENOMEM, -EBADF. */
int trn_pages_import(int fd, uint64_t size, struct trn_pages *ret_pages, const char **ret_why);
void trn_pages_free(struct trn_pages *pages);

#endif /* BASE_PAGES_H */
