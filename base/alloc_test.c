/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/alloc.c and of the tests' own allocator. */
#include "base/alloc.h"
#include "base/bits.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#include <pthread.h>
#include <string.h>

START_TEST(zeroed_memory_even_for_size_zero)
{
	struct trn_test_alloc mem;
	unsigned char *p;
	void *q;

	trn_test_alloc_init(&mem, -1);
	p = trn_alloc_zero(&mem.alloc, 100);
	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < 100; i++)
		ck_assert_uint_eq(p[i], 0);
	q = trn_alloc_zero(&mem.alloc, 0);
	ck_assert_ptr_nonnull(q); /* NULL is kept for "no memory" */
	ck_assert_int_eq(mem.live, 2);
	trn_free(&mem.alloc, p);
	trn_free(&mem.alloc, q);
	trn_free(&mem.alloc, NULL);
	ck_assert_int_eq(mem.live, 0);
	ck_assert_uint_eq(mem.live_bytes, 0);
}
END_TEST

START_TEST(products_that_overflow_are_refused)
{
	struct trn_test_alloc mem;
	char *p;

	trn_test_alloc_init(&mem, -1);
	ck_assert_ptr_null(trn_alloc_array(&mem.alloc, SIZE_MAX / 2, 3));
	ck_assert_ptr_null(trn_alloc_array(&mem.alloc, 3, SIZE_MAX / 2));
	ck_assert_int_eq(mem.requests, 0);
	p = trn_alloc_array(&mem.alloc, 4, 4);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(trn_alloc_grow(&mem.alloc, p, 4, SIZE_MAX / 2, 4));
	ck_assert_int_eq(mem.live, 1);
	trn_free(&mem.alloc, p);
}
END_TEST

START_TEST(grow_keeps_the_old_and_zeroes_the_new)
{
	struct trn_test_alloc mem;
	uint32_t *p, *q;

	trn_test_alloc_init(&mem, -1);
	p = trn_alloc_grow(&mem.alloc, NULL, 0, 4, sizeof(*p));
	ck_assert_ptr_nonnull(p);
	for (uint32_t i = 0; i < 4; i++)
		p[i] = i + 1;
	p = trn_alloc_grow(&mem.alloc, p, 4, 1000, sizeof(*p));
	ck_assert_ptr_nonnull(p);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(p[i], i < 4 ? i + 1 : 0);
	trn_test_alloc_arm(&mem, 0);
	q = trn_alloc_grow(&mem.alloc, p, 1000, 2000, sizeof(*p));
	ck_assert_ptr_null(q);
	ck_assert_uint_eq(p[3], 4); /* still ours */
	p = trn_alloc_grow(&mem.alloc, p, 1000, 2, sizeof(*p));
	ck_assert_uint_eq(p[1], 2);
	ck_assert_uint_eq(mem.live_bytes, 2 * sizeof(*p));
	trn_free(&mem.alloc, p);
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(strdup_copies)
{
	struct trn_test_alloc mem;
	char *p;

	trn_test_alloc_init(&mem, 1);
	p = trn_alloc_strdup(&mem.alloc, "mock:trn3");
	ck_assert_str_eq(p, "mock:trn3");
	ck_assert_ptr_null(trn_alloc_strdup(&mem.alloc, "second"));
	trn_free(&mem.alloc, p);
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(libc_size_zero_frees)
{
	void *p = trn_alloc_libc.realloc(NULL, NULL, 10);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(trn_alloc_libc.realloc(NULL, p, 0)); /* a leak shows under ASan */
	ck_assert_ptr_null(trn_alloc_libc.realloc(NULL, NULL, 0));
}
END_TEST

START_TEST(countdown_fails_one_request)
{
	struct trn_test_alloc mem;
	void *p[4];

	trn_test_alloc_init(&mem, 2);
	for (size_t i = 0; i < TRN_ARRAY_LEN(p); i++) {
		p[i] = trn_alloc_zero(&mem.alloc, 8);
		ck_assert_int_eq(p[i] != NULL, i != 2);
		ck_assert_int_eq(mem.failed, i >= 2);
	}
	ck_assert_int_eq(mem.live, 3);
	ck_assert_int_eq(mem.requests, 4);
	for (size_t i = 0; i < TRN_ARRAY_LEN(p); i++)
		trn_free(&mem.alloc, p[i]);
	ck_assert_int_eq(mem.live, 0);
	ck_assert_uint_eq(mem.peak_bytes, 24);
}
END_TEST

#define THREADS 4
#define ROUNDS 500

static void *churn(void *arg)
{
	struct trn_test_alloc *mem = arg;
	long *nulls = trn_alloc_zero(&trn_alloc_libc, sizeof(*nulls));

	for (size_t i = 0; nulls && i < ROUNDS; i++) {
		char *p = trn_alloc_zero(&mem->alloc, i + 1);

		*nulls += !p;
		trn_free(&mem->alloc, p);
	}
	return nulls;
}

START_TEST(one_allocator_from_many_threads)
{
	struct trn_test_alloc mem;
	pthread_t threads[THREADS];
	long nulls = 0;

	trn_test_alloc_init(&mem, THREADS * ROUNDS / 2);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &mem), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *result;

		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_nonnull(result);
		nulls += *(long *)result;
		trn_free(&trn_alloc_libc, result);
	}
	ck_assert_int_eq(nulls, 1); /* exactly one thread sees the failure */
	ck_assert(mem.failed);
	ck_assert_int_eq(mem.requests, THREADS * ROUNDS);
	ck_assert_int_eq(mem.live, 0);
	ck_assert_uint_eq(mem.live_bytes, 0);
}
END_TEST

START_TEST(reserve_is_zeroed_and_costs_nothing)
{
	size_t size = 36 * TRN_GIB; /* one HBM stack */
	unsigned char *base = NULL;
	void *p = NULL;

	ck_assert_int_eq(trn_reserve(size, &p), 0);
	base = p;
	ck_assert_uint_eq(base[0], 0);
	ck_assert_uint_eq(base[size - 1], 0);
	base[size - 1] = 0x5a;
	ck_assert_uint_eq(base[size - 1], 0x5a);
	trn_unreserve(base, size);
	trn_unreserve(NULL, 0);
}
END_TEST

START_TEST(reserve_refuses)
{
	void *p = &p;

	ck_assert_int_eq(trn_reserve(0, &p), -EINVAL);
	ck_assert_int_lt(trn_reserve((size_t)1 << 62, &p), 0); /* valgrind has its own errno */
	ck_assert_ptr_eq(p, &p);                               /* untouched */
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/alloc");
	TCase *tc = tcase_create("alloc");

	tcase_add_test(tc, zeroed_memory_even_for_size_zero);
	tcase_add_test(tc, products_that_overflow_are_refused);
	tcase_add_test(tc, grow_keeps_the_old_and_zeroes_the_new);
	tcase_add_test(tc, strdup_copies);
	tcase_add_test(tc, libc_size_zero_frees);
	tcase_add_test(tc, countdown_fails_one_request);
	tcase_add_test(tc, one_allocator_from_many_threads);
	tcase_add_test(tc, reserve_is_zeroed_and_costs_nothing);
	tcase_add_test(tc, reserve_refuses);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
