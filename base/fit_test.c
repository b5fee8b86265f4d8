/* SPDX-License-Identifier: Apache-2.0 */
/* First fit: placement, joining, refusals, a random walk against a map of bytes, and the adversary
 * that makes it need the most. */
#include "base/fit.h"

#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_main.h"

#define BASE 0x1000u
#define UNITS 512u
#define UNIT 256u

static struct trn_fit fit;

static void room(void)
{
	uint32_t need;

	while ((need = trn_fit_need(&fit)) > 0) {
		struct trn_fit_extent *extents =
			trn_alloc_array(&trn_alloc_libc, need, sizeof(*extents));

		ck_assert_ptr_nonnull(extents);
		trn_free(&trn_alloc_libc, trn_fit_give(&fit, extents, need));
	}
}

static int take(uint64_t size, uint64_t align, uint64_t *ret_offset)
{
	room();
	return trn_fit_alloc(&fit, size, align, ret_offset, NULL);
}

static void setup(void)
{
	trn_fit_init(&fit, BASE, UNITS * UNIT, 4096);
}

static void teardown(void)
{
	trn_free(&trn_alloc_libc, fit.extents);
}

START_TEST(asks_for_room_first)
{
	uint64_t offset = 7;

	ck_assert_int_eq(trn_fit_alloc(&fit, 1, 1, &offset, NULL), -EAGAIN);
	ck_assert_uint_eq(offset, 7);
}
END_TEST

START_TEST(starts_at_the_range_and_ends_with_it)
{
	uint64_t offset = 0;

	ck_assert_int_eq(take(UNITS * UNIT, 1, &offset), 0);
	ck_assert_uint_eq(offset, BASE);
	ck_assert_uint_eq(fit.used, UNITS * UNIT);
	ck_assert_int_eq(take(1, 1, &offset), -ENOMEM);
	ck_assert_int_eq(trn_fit_free(&fit, BASE, UNITS * UNIT), 0);
	ck_assert_uint_eq(fit.used, 0);
	ck_assert_uint_eq(fit.count, 1);
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

START_TEST(takes_the_lowest_hole_that_fits)
{
	uint64_t at[5];
	uint64_t offset = 0;

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(take(i == 1 ? 4096 : i == 3 ? 512 : 256, 1, &at[i]), 0);
	ck_assert_int_eq(trn_fit_free(&fit, at[1], 4096), 0);
	ck_assert_int_eq(trn_fit_free(&fit, at[3], 512), 0);
	ck_assert_uint_eq(trn_fit_largest(&fit), UNITS * UNIT - 4096 - 512 - 3 * 256);
	ck_assert_int_eq(take(500, 1, &offset), 0);
	ck_assert_uint_eq(offset, at[1]);
	ck_assert_int_eq(take(4096, 1, &offset), 0); /* what is left there is too small */
	ck_assert_uint_gt(offset, at[4]);
}
END_TEST

START_TEST(rounds_to_the_granule_or_the_alignment)
{
	uint64_t offset = 0, room_taken = 0;

	room();
	ck_assert_int_eq(trn_fit_alloc(&fit, 100, 4096, &offset, &room_taken), 0);
	ck_assert_uint_eq(room_taken, 4096);
	ck_assert_uint_eq(trn_fit_size(&fit, offset), 100);
	ck_assert_uint_eq(trn_fit_size(&fit, offset + 1), 0);
	ck_assert(!trn_fit_holds(&fit, offset, 101));
	ck_assert_int_eq(trn_fit_alloc(&fit, 100, 64, &offset, &room_taken), 0);
	ck_assert_uint_eq(room_taken, 128);
	ck_assert_int_eq(trn_fit_alloc(&fit, 4097, 16384, &offset, &room_taken), 0);
	ck_assert_uint_eq(room_taken, 8192);
	ck_assert_uint_eq(fit.used, 4096 + 128 + 8192);
	ck_assert_uint_eq(fit.peak, fit.used);
}
END_TEST

START_TEST(joins_both_neighbours)
{
	uint64_t at[3];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(take(1024, 1, &at[i]), 0);
	ck_assert_int_eq(trn_fit_free(&fit, at[0], 1024), 0);
	ck_assert_int_eq(trn_fit_free(&fit, at[2], 1024), 0);
	ck_assert_int_eq(trn_fit_free(&fit, at[1], 1024), 0);
	ck_assert_uint_eq(fit.count, 1);
}
END_TEST

START_TEST(refuses_what_it_did_not_give)
{
	uint64_t offset = 0;

	ck_assert_int_eq(trn_fit_free(&fit, BASE, 1), -EINVAL);
	ck_assert_int_eq(take(1024, 1, &offset), 0);
	ck_assert_int_eq(trn_fit_free(&fit, offset, 1023), -EINVAL);
	ck_assert_int_eq(trn_fit_free(&fit, offset + 1, 1023), -EINVAL);
	ck_assert_int_eq(trn_fit_free(&fit, 0, 1024), -EINVAL);
	ck_assert_int_eq(trn_fit_free(&fit, UINT64_MAX, 1024), -EINVAL);
	ck_assert_int_eq(trn_fit_free(&fit, offset, 1024), 0);
	ck_assert_int_eq(trn_fit_free(&fit, offset, 1024), -EINVAL);
	ck_assert_int_eq(take(UINT64_MAX, 1, &offset), -ENOMEM);
	ck_assert_int_eq(take(1, UINT64_C(1) << 40, &offset), -ENOMEM);
}
END_TEST

START_TEST(holds_ranges_inside_one_allocation)
{
	uint64_t offset = 0;

	ck_assert(!trn_fit_holds(&fit, BASE, 1));
	ck_assert_int_eq(take(1024, 1, &offset), 0);
	ck_assert(trn_fit_holds(&fit, offset, 1024));
	ck_assert(trn_fit_holds(&fit, offset + 1000, 24));
	ck_assert(!trn_fit_holds(&fit, offset + 1000, 25));
	ck_assert(!trn_fit_holds(&fit, offset + 1024, 1));
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

	trn_fit_init(&fit, BASE, UNITS * UNIT, UNIT);
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

			ck_assert_int_eq(trn_fit_free(&fit, live[i].offset, live[i].size), 0);
			memset(&owner[first], 0, live[i].size / UNIT);
			used -= live[i].size;
			live[i] = live[--count];
		}
		ck_assert_uint_eq(fit.used, used);
	}
}
END_TEST

/* ---- the worst case ---- */

#define LOG2_N 10u                /* the largest request is 1024 times the smallest */
#define N ((uint64_t)1 << LOG2_N) /* the smallest is 1 */
#define M (UINT64_C(64) << LOG2_N)
#define WIDE (M * (3 * LOG2_N + 1))
#define BLOCKS_MAX (2 * M)

struct block {
	uint64_t offset, size;
};

static struct block blocks[BLOCKS_MAX];
static size_t block_count;
static uint64_t live, top;

static void wide_setup(void)
{
	trn_fit_init(&fit, 0, WIDE, 1);
	block_count = 0;
	live = 0;
	top = 0;
}

/* Never refused: the range is as large as the bound says. */
static void wide_take(uint64_t size, uint64_t align)
{
	uint64_t offset = 0;
	int r = take(size, align, &offset);

	ck_assert_msg(r == 0, "seed %llu: %llu bytes refused with %llu of %llu live",
		      (unsigned long long)trn_test_seed(), (unsigned long long)size,
		      (unsigned long long)live, (unsigned long long)M);
	blocks[block_count++] = (struct block){ offset, size };
	live += size;
	if (offset + size > top)
		top = offset + size;
}

static void wide_free(size_t at)
{
	ck_assert_int_eq(trn_fit_free(&fit, blocks[at].offset, blocks[at].size), 0);
	live -= blocks[at].size;
	blocks[at] = blocks[--block_count];
}

/* Whether the block has a byte at phase, counted in steps of step. */
static bool covers(const struct block *b, uint64_t phase, uint64_t step)
{
	return (phase - b->offset) % step < b->size;
}

/* The attack: all of M in units; then, for each larger size, keep only what stands on every
 * second place that matters, so that few bytes spoil many holes; spend the rest on that size. */
static void robson(bool aligned)
{
	uint64_t phase = 0;

	while (live < M)
		wide_take(1, 1);
	for (unsigned int i = 1; i <= LOG2_N; i++) {
		uint64_t step = UINT64_C(1) << i, held[2] = { 0, 0 };

		for (size_t k = 0; k < block_count; k++)
			for (unsigned int half = 0; half < 2; half++)
				if (covers(&blocks[k], phase + half * step / 2, step))
					held[half] += step - blocks[k].size;
		phase += held[1] > held[0] ? step / 2 : 0;
		for (size_t k = block_count; k-- > 0;)
			if (!covers(&blocks[k], phase, step))
				wide_free(k);
		while (live + step <= M)
			wide_take(step, aligned ? step : 1);
	}
}

START_TEST(the_adversary_stays_in_the_bound)
{
	bool aligned = _i == 1;

	robson(aligned);
	/* What the attack costs every allocator: it is one. */
	ck_assert_uint_ge(top, M * LOG2_N / 2 + M - N + 1);
	ck_assert_uint_le(top, aligned ? M * (LOG2_N + 1) + N : WIDE);
	while (block_count > 0)
		wide_free(block_count - 1);
	ck_assert_uint_eq(fit.count, 1);
	ck_assert_uint_eq(trn_fit_largest(&fit), WIDE);
}
END_TEST

/* What programs do: sizes of all magnitudes, memory nearly full, blocks of any age let go. */
START_TEST(random_loads_stay_far_below_it)
{
	uint64_t worst = 0;
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (int step = 0; step < 60000; step++) {
		uint64_t most = UINT64_C(1) << trn_prng_below(&prng, LOG2_N + 1);
		uint64_t size = 1 + trn_prng_below(&prng, most);

		while (live + size > M)
			wide_free((size_t)trn_prng_below(&prng, block_count));
		wide_take(size, 1);
		worst = top > worst ? top : worst;
	}
	ck_assert_msg(worst <= M + M / 2, "seed %llu: %llu needed for %llu",
		      (unsigned long long)trn_test_seed(), (unsigned long long)worst,
		      (unsigned long long)M);
}
END_TEST

/* Many extents: the tree stays flat, or this takes minutes. */
START_TEST(a_hundred_thousand_blocks)
{
	for (size_t i = 0; i < M; i++)
		wide_take(1, 1);
	for (size_t i = block_count; i-- > 0;)
		if (blocks[i].offset % 2 == 0)
			wide_free(i);
	ck_assert_uint_eq(fit.count, M + 1);
	wide_take(2, 1);
	ck_assert_uint_eq(top, M + 2);
}
END_TEST

static Suite *fit_suite(void)
{
	Suite *suite = suite_create("base-fit");
	TCase *tc = tcase_create("fit");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, asks_for_room_first);
	tcase_add_test(tc, starts_at_the_range_and_ends_with_it);
	tcase_add_test(tc, aligns_and_keeps_what_is_before);
	tcase_add_test(tc, takes_the_lowest_hole_that_fits);
	tcase_add_test(tc, rounds_to_the_granule_or_the_alignment);
	tcase_add_test(tc, joins_both_neighbours);
	tcase_add_test(tc, refuses_what_it_did_not_give);
	tcase_add_test(tc, holds_ranges_inside_one_allocation);
	tcase_add_test(tc, random_walk_never_overlaps);
	suite_add_tcase(suite, tc);
	tc = tcase_create("worst case");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, wide_setup, teardown);
	tcase_add_loop_test(tc, the_adversary_stays_in_the_bound, 0, 2);
	tcase_add_test(tc, random_loads_stay_far_below_it);
	tcase_add_test(tc, a_hundred_thousand_blocks);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(fit_suite)
