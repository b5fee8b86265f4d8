/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: fallback of large ones, shared ones, and files that are not what they should be. */
#include "base/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/test_main.h"

#define MIB (UINT64_C(1) << 20)

START_TEST(large_pages_or_ordinary_ones)
{
	static const uint32_t ways[] = { 0, TRN_PAGES_HUGE, TRN_PAGES_SHARED,
					 TRN_PAGES_HUGE | TRN_PAGES_SHARED };
	struct trn_pages pages;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		ck_assert_int_eq(trn_pages_alloc(3 * MIB + 5, ways[i], &pages), 0);
		ck_assert(pages.page == 4096 ||
			  (pages.page == 2 * MIB && ways[i] & TRN_PAGES_HUGE));
		ck_assert_uint_eq(pages.size % pages.page, 0);
		ck_assert_uint_ge(pages.size, 3 * MIB + 5);
		ck_assert_uint_eq((uintptr_t)pages.base % pages.page, 0);
		ck_assert_int_eq(pages.fd >= 0, (ways[i] & TRN_PAGES_SHARED) != 0);
		for (uint64_t at = 0; at < pages.size; at += 4096)
			ck_assert_int_eq(((char *)pages.base)[at], 0);
		memset(pages.base, 1, pages.size);
		trn_pages_free(&pages);
		ck_assert_ptr_null(pages.base);
		trn_pages_free(&pages);
	}
}
END_TEST

/* Free large pages of 2 MiB as the kernel counts them. */
static unsigned long free_large(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long free_pages = 0, kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "HugePages_Free: %lu", &free_pages);
		(void)sscanf(line, "Hugepagesize: %lu", &kib);
	}
	if (file)
		fclose(file);
	return kib == 2048 ? free_pages : 0;
}

START_TEST(only_large_ones_is_an_answer)
{
	struct trn_pages pages = { .size = 7 };
	unsigned long there = free_large();
	int r = trn_pages_alloc(1, TRN_PAGES_HUGE_ONLY, &pages);

	if (r < 0) {
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_uint_eq(pages.size, 7);
		return;
	}
	ck_assert_uint_gt(there, 0);
	ck_assert_uint_eq(pages.page, 2 * MIB);
	memset(pages.base, 1, pages.size);
	trn_pages_free(&pages);
}
END_TEST

START_TEST(sizes_that_are_none)
{
	struct trn_pages pages;

	ck_assert_int_eq(trn_pages_alloc(0, 0, &pages), -EINVAL);
	ck_assert_int_eq(trn_pages_alloc(UINT64_MAX, 0, &pages), -ENOMEM);
	ck_assert_int_eq(trn_pages_alloc(UINT64_MAX, TRN_PAGES_SHARED, &pages), -ENOMEM);
	ck_assert_int_lt(trn_pages_alloc(UINT64_MAX - 8192, TRN_PAGES_SHARED, &pages), 0);
}
END_TEST

START_TEST(two_mappings_are_one_memory)
{
	struct trn_pages a, b;
	const char *why = NULL;

	ck_assert_int_eq(trn_pages_alloc(10000, TRN_PAGES_SHARED, &a), 0);
	ck_assert_int_eq(trn_pages_import(a.fd, 10000, &b, &why), 0);
	ck_assert_ptr_ne(a.base, b.base);
	ck_assert_int_eq(b.fd, -1);
	memcpy((char *)a.base + 9990, "both", 5);
	ck_assert_str_eq((char *)b.base + 9990, "both");
	/* Neither side can take the pages away. */
	ck_assert_int_lt(ftruncate(a.fd, 0), 0);
	ck_assert_int_lt(ftruncate(a.fd, 1 << 20), 0);
	trn_pages_free(&a);
	ck_assert_str_eq((char *)b.base + 9990, "both");
	trn_pages_free(&b);
}
END_TEST

static void refused(int fd, uint64_t size, int code, const char *text)
{
	struct trn_pages pages = { .size = 7 };
	const char *why = "";
	int r = trn_pages_import(fd, size, &pages, &why);

	ck_assert_msg(r == code && strstr(why, text), "%d: %s", r, why);
	ck_assert_uint_eq(pages.size, 7);
	ck_assert_int_eq(trn_pages_import(fd, size, &pages, NULL), code);
}

START_TEST(files_that_are_no_memory)
{
	int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ends[2];
	int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	refused(-1, 1, -EBADF, "no open file");
	refused(9999, 1, -EBADF, "no open file");
	refused(null, 1, -EINVAL, "not memory");
	refused(folder, 1, -EINVAL, "not memory");
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	refused(ends[0], 1, -EINVAL, "not memory");
	ck_assert_int_eq(ftruncate(plain, 8192), 0);
	refused(plain, 8192, -EINVAL, "not sealed");
	ck_assert_int_eq(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	refused(plain, 0, -EINVAL, "fewer bytes");
	refused(plain, 8193, -EINVAL, "fewer bytes");
	refused(plain, UINT64_MAX, -EINVAL, "fewer bytes");
	ck_assert_int_eq(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE), 0);
	refused(plain, 8192, -EINVAL, "cannot be mapped");
	close(plain);
	close(null);
	close(folder);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static Suite *pages_suite(void)
{
	Suite *suite = suite_create("base-pages");
	TCase *tc = tcase_create("pages");

	tcase_add_test(tc, large_pages_or_ordinary_ones);
	tcase_add_test(tc, only_large_ones_is_an_answer);
	tcase_add_test(tc, sizes_that_are_none);
	tcase_add_test(tc, two_mappings_are_one_memory);
	tcase_add_test(tc, files_that_are_no_memory);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(pages_suite)
