/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bits.h"

#define PAGE UINT64_C(4096) /* what addresses count in; a kernel with larger ones rounds up */
#define HUGE_SHIFT 26       /* of MAP_HUGE_ and MFD_HUGE_: above is log2 of the page's size */

static const unsigned int huge_bits[] = { 30, 21 }; /* 1 GiB, 2 MiB */

/* A shared file of that size, sealed: neither side can take pages from the other. */
static int file_make(uint64_t size, unsigned int bits, int *ret_fd)
{
	const unsigned int huge = bits > 0 ? MFD_HUGETLB | bits << HUGE_SHIFT : 0;
	int fd = memfd_create("trn-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING | huge);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r < 0)
		(void)close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* bits: log2 of a large page's size, or 0. */
static int try(uint64_t size, unsigned int bits, bool shared, struct trn_pages *ret)
{
	struct trn_pages pages = { .page = bits > 0 ? UINT64_C(1) << bits : PAGE, .fd = -1 };
	int flags = shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	int r = 0;

	if (size > UINT64_MAX - pages.page || size > SIZE_MAX)
		return -ENOMEM;
	pages.size = trn_align_up(size, pages.page);
	/* Large pages are counted when they are mapped; ordinary ones come when touched. */
	if (bits > 0)
		flags |= shared ? 0 : (int)(MAP_HUGETLB | bits << HUGE_SHIFT);
	else
		flags |= MAP_NORESERVE;
	if (shared)
		r = file_make(pages.size, bits, &pages.fd);
	if (r < 0)
		return r;
	pages.base = mmap(NULL, (size_t)pages.size, PROT_READ | PROT_WRITE, flags, pages.fd, 0);
	if (pages.base == MAP_FAILED) {
		r = -errno;
		if (pages.fd >= 0)
			(void)close(pages.fd);
		return r;
	}
	*ret = pages;
	return 0;
}

int trn_pages_alloc(uint64_t size, uint32_t flags, struct trn_pages *ret_pages)
{
	const bool shared = flags & TRN_PAGES_SHARED, only = flags & TRN_PAGES_HUGE_ONLY;
	int r;

	if (size == 0)
		return -EINVAL;
	for (size_t i = 0; i < TRN_ARRAY_LEN(huge_bits); i++) {
		/* Not for a buffer that would waste most of a page, unless it is asked for. */
		const bool fits = size >> huge_bits[i] != 0 || (only && huge_bits[i] == 21);

		if ((flags & (TRN_PAGES_HUGE | TRN_PAGES_HUGE_ONLY)) && fits &&
		    try(size, huge_bits[i], shared, ret_pages) == 0)
			return 0;
	}
	if (only)
		return -ENOMEM;
	r = try(size, 0, shared, ret_pages);
	/* The kernel may still put large pages behind it; where it does not, nothing is lost. */
	if (r == 0 && (flags & TRN_PAGES_HUGE))
		(void)madvise(ret_pages->base, (size_t)ret_pages->size, MADV_HUGEPAGE);
	return r;
}

static int import_fail(int code, const char *why, const char **ret_why)
{
	if (ret_why)
		*ret_why = why;
	return code;
}

int trn_pages_import(int fd, uint64_t size, struct trn_pages *ret_pages, const char **ret_why)
{
	struct trn_pages pages = { .page = PAGE, .fd = -1 };
	struct stat st;
	int seals;

	if (fstat(fd, &st) < 0)
		return import_fail(-errno, "it is no open file descriptor", ret_why);
	seals = S_ISREG(st.st_mode) ? fcntl(fd, F_GET_SEALS) : -1;
	if (seals < 0)
		return import_fail(-EINVAL, "it is not memory (memfd)", ret_why);
	if (!(seals & F_SEAL_SHRINK))
		return import_fail(-EINVAL, "it is not sealed against shrinking", ret_why);
	if (st.st_blksize > 0 && trn_is_pow2((uint64_t)st.st_blksize))
		pages.page = trn_max_u64(PAGE, (uint64_t)st.st_blksize);
	if (size == 0 || st.st_size < 0 || size > (uint64_t)st.st_size)
		return import_fail(-EINVAL, "it has fewer bytes than that", ret_why);
	/* A last page that the file does not fill is there all the same. */
	pages.size = trn_align_up(size, pages.page);
	pages.base = mmap(NULL, (size_t)pages.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pages.base == MAP_FAILED)
		return import_fail(errno == ENOMEM ? -ENOMEM : -EINVAL,
				   "it cannot be mapped for reading and writing", ret_why);
	*ret_pages = pages;
	return 0;
}

void trn_pages_free(struct trn_pages *pages)
{
	if (pages->base)
		(void)munmap(pages->base, (size_t)pages->size); /* as it was mapped */
	if (pages->base && pages->fd >= 0)
		(void)close(pages->fd);
	*pages = (struct trn_pages){ .fd = -1 };
}
