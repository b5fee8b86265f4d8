/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/bits.h. */
#include "base/bits.h"
#include "base/test_main.h"

START_TEST(ranges_do_not_wrap)
{
	ck_assert(trn_range_ok(0, 0, 0));
	ck_assert(trn_range_ok(0, 10, 10));
	ck_assert(trn_range_ok(10, 0, 10));
	ck_assert(!trn_range_ok(11, 0, 10));
	ck_assert(!trn_range_ok(1, 10, 10));
	ck_assert(!trn_range_ok(UINT64_MAX, 2, 10));
	ck_assert(!trn_range_ok(2, UINT64_MAX, 10));
	ck_assert(trn_range_ok(1, UINT64_MAX - 1, UINT64_MAX));
}
END_TEST

START_TEST(powers_and_alignment)
{
	ck_assert(!trn_is_pow2(0));
	ck_assert(trn_is_pow2(1));
	ck_assert(!trn_is_pow2(3));
	ck_assert(trn_is_pow2(UINT64_C(1) << 63));
	ck_assert(!trn_is_pow2(UINT64_MAX));
	ck_assert_uint_eq(trn_align_up(0, 64), 0);
	ck_assert_uint_eq(trn_align_up(1, 64), 64);
	ck_assert_uint_eq(trn_align_up(64, 64), 64);
	ck_assert_uint_eq(trn_align_up((UINT64_C(1) << 40) + 1, 4096), (UINT64_C(1) << 40) + 4096);
}
END_TEST

START_TEST(words)
{
	unsigned char raw[16] = { 0 };
	struct {
		uint32_t first, second;
	} pair;

	trn_store64(raw + 3, UINT64_C(0x1122334455667788));
	ck_assert_uint_eq(raw[3], 0x88);
	ck_assert_uint_eq(raw[10], 0x11);
	ck_assert_uint_eq(trn_load32(raw + 3), 0x55667788);
	ck_assert_uint_eq(trn_load64(raw + 3), UINT64_C(0x1122334455667788));
	trn_store32(raw + 7, 0xdeadbeef);
	ck_assert_uint_eq(trn_hi32(trn_load64(raw + 3)), 0xdeadbeef);
	ck_assert_uint_eq(trn_lo32(trn_load64(raw + 3)), 0x55667788);
	ck_assert_uint_eq(trn_u64(0x55667788, 0xdeadbeef), trn_load64(raw + 3));
	ck_assert_ptr_eq(TRN_CONTAINER_OF(&pair.second, __typeof__(pair), second), &pair);
	ck_assert_uint_eq(trn_min_u64(3, UINT64_MAX), 3);
	ck_assert_uint_eq(trn_max_u64(3, UINT64_MAX), UINT64_MAX);
	ck_assert_uint_eq(TRN_ARRAY_LEN(raw), 16);
	ck_assert_uint_eq(TRN_GIB, 1024 * TRN_MIB);
	ck_assert_uint_eq(TRN_MIB, 1024 * TRN_KIB);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/bits");
	TCase *tc = tcase_create("bits");

	tcase_add_test(tc, ranges_do_not_wrap);
	tcase_add_test(tc, powers_and_alignment);
	tcase_add_test(tc, words);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
