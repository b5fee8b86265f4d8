/* SPDX-License-Identifier: Apache-2.0 */
/* The HBM heap: placement, joining, refusals, and a random walk against a map of
 * bytes. */
#include "hal/direct/heap.h"

#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_main.h"

#define BASE 0x1000u
#define UNITS 512u
#define UNIT 256u

static struct trn_direct_heap heap;

static void room(void)
{
	size_t need;

	while ((need = trn_direct_heap_need(&heap)) > 0) {
		struct trn_direct_extent *extents =
			trn_alloc_array(&trn_alloc_libc, need, sizeof(*extents));

		ck_assert_ptr_nonnull(extents);
		trn_free(&trn_alloc_libc, trn_direct_heap_give(&heap, extents, need));
	}
}

static int take(uint64_t size, uint64_t align, uint64_t *ret_offset)
{
	room();
	return trn_direct_heap_alloc(&heap, size, align, ret_offset);
}

static void setup(void)
{
	trn_direct_heap_init(&heap, BASE, UNITS * UNIT);
}

static void teardown(void)
{
	trn_free(&trn_alloc_libc, heap.extents);
}

START_TEST(asks_for_room_first)
{
	uint64_t offset = 7;

	ck_assert_int_eq(trn_direct_heap_alloc(&heap, 1, 1, &offset), -EAGAIN);
	ck_assert_uint_eq(offset, 7);
}
END_TEST

START_TEST(starts_at_the_range_and_ends_with_it)
{
	uint64_t offset = 0;

	ck_assert_int_eq(take(UNITS * UNIT, 1, &offset), 0);
	ck_assert_uint_eq(offset, BASE);
	ck_assert_uint_eq(heap.free_bytes, 0);
	ck_assert_int_eq(take(1, 1, &offset), -ENOMEM);
	ck_assert_int_eq(trn_direct_heap_free(&heap, BASE, UNITS * UNIT), 0);
	ck_assert_uint_eq(heap.free_bytes, UNITS * UNIT);
	ck_assert_uint_eq(heap.count, 1);
}
END_TEST

START_TEST(aligns_and_keeps_what_is_before)
{
	uint64_t first = 0;
	uint64_t second = 0;
	uint64_t third = 0;

	ck_assert_int_eq(take(1, 1, &first), 0);
	ck_assert_int_eq(take(16, 0x2000, &second), 0);
	ck_assert_uint_eq(second % 0x2000, 0);
	/* The hole in front of the aligned one is the better fit. */
	ck_assert_int_eq(take(32, 16, &third), 0);
	ck_assert_uint_lt(third, second);
	ck_assert_uint_ge(third, first + 1);
}
END_TEST

START_TEST(takes_the_smallest_hole_that_fits)
{
	uint64_t at[5];
	uint64_t offset = 0;

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(take(i == 1 ? 4096 : i == 3 ? 512 : 256, 1, &at[i]), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, at[1], 4096), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, at[3], 512), 0);
	ck_assert_int_eq(take(500, 1, &offset), 0);
	ck_assert_uint_eq(offset, at[3]);
}
END_TEST

START_TEST(joins_both_neighbours)
{
	uint64_t at[3];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(take(1024, 1, &at[i]), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, at[0], 1024), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, at[2], 1024), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, at[1], 1024), 0);
	ck_assert_uint_eq(heap.count, 1);
}
END_TEST

START_TEST(refuses_what_it_did_not_give)
{
	uint64_t offset = 0;

	ck_assert_int_eq(trn_direct_heap_free(&heap, BASE, 1), -EINVAL);
	ck_assert_int_eq(take(1024, 1, &offset), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, offset, 1023), -EINVAL);
	ck_assert_int_eq(trn_direct_heap_free(&heap, offset + 1, 1023), -EINVAL);
	ck_assert_int_eq(trn_direct_heap_free(&heap, 0, 1024), -EINVAL);
	ck_assert_int_eq(trn_direct_heap_free(&heap, UINT64_MAX, 1024), -EINVAL);
	ck_assert_int_eq(trn_direct_heap_free(&heap, offset, 1024), 0);
	ck_assert_int_eq(trn_direct_heap_free(&heap, offset, 1024), -EINVAL);
	ck_assert_int_eq(take(UINT64_MAX, 1, &offset), -ENOMEM);
	ck_assert_int_eq(take(1, UINT64_C(1) << 40, &offset), -ENOMEM);
}
END_TEST

START_TEST(holds_ranges_inside_one_allocation)
{
	uint64_t offset = 0;

	ck_assert(!trn_direct_heap_holds(&heap, BASE, 1));
	ck_assert_int_eq(take(1024, 1, &offset), 0);
	ck_assert(trn_direct_heap_holds(&heap, offset, 1024));
	ck_assert(trn_direct_heap_holds(&heap, offset + 1000, 24));
	ck_assert(!trn_direct_heap_holds(&heap, offset + 1000, 25));
	ck_assert(!trn_direct_heap_holds(&heap, offset + 1024, 1));
}
END_TEST

/* Every byte belongs to nobody or to exactly one. */
START_TEST(random_walk_never_overlaps)
{
	static uint8_t owner[UNITS];
	struct {
		uint64_t offset, size;
	} live[64];
	size_t count = 0;
	uint64_t used = 0;
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (int step = 0; step < 4000; step++) {
		if (count < 64 && trn_prng_below(&prng, 2) == 0) {
			uint64_t size = UNIT * (1 + trn_prng_below(&prng, 24));
			uint64_t align = (uint64_t)UNIT << trn_prng_below(&prng, 5);
			uint64_t offset = 0;

			if (take(size, align, &offset) < 0)
				continue;
			ck_assert_uint_eq(offset % align, 0);
			for (uint64_t u = (offset - BASE) / UNIT; u < (offset - BASE + size) / UNIT;
			     u++)
				ck_assert_uint_eq(owner[u]++, 0);
			live[count].offset = offset;
			live[count++].size = size;
			used += size;
		} else if (count > 0) {
			size_t i = (size_t)trn_prng_below(&prng, count);
			uint64_t first = (live[i].offset - BASE) / UNIT;

			ck_assert_int_eq(trn_direct_heap_free(&heap, live[i].offset, live[i].size),
					 0);
			memset(&owner[first], 0, live[i].size / UNIT);
			used -= live[i].size;
			live[i] = live[--count];
		}
		ck_assert_uint_eq(heap.free_bytes, UNITS * UNIT - used);
	}
}
END_TEST

static Suite *heap_suite(void)
{
	Suite *suite = suite_create("hal-heap");
	TCase *tc = tcase_create("heap");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, asks_for_room_first);
	tcase_add_test(tc, starts_at_the_range_and_ends_with_it);
	tcase_add_test(tc, aligns_and_keeps_what_is_before);
	tcase_add_test(tc, takes_the_smallest_hole_that_fits);
	tcase_add_test(tc, joins_both_neighbours);
	tcase_add_test(tc, refuses_what_it_did_not_give);
	tcase_add_test(tc, holds_ranges_inside_one_allocation);
	tcase_add_test(tc, random_walk_never_overlaps);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(heap_suite)
