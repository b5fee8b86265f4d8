/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/hash.c: what must differ differs, and stored values hold. */
#include "base/bits.h"
#include "base/hash.h"
#include "base/test_main.h"

START_TEST(each_bit_counts)
{
	unsigned char raw[40] = { 0 };
	uint64_t zero = trn_hash_bytes(TRN_HASH_INIT, raw, sizeof(raw));

	for (size_t bit = 0; bit < 8 * sizeof(raw); bit++) {
		unsigned char mask = (unsigned char)(1u << (bit % 8));
		uint64_t hash;

		raw[bit / 8] = mask;
		hash = trn_hash_bytes(TRN_HASH_INIT, raw, sizeof(raw));
		raw[bit / 8] = 0;
		ck_assert_uint_ne(hash, zero);
		/* a high bit of a word must reach the low half */
		ck_assert_uint_ne(trn_lo32(hash), trn_lo32(zero));
	}
}
END_TEST

START_TEST(size_and_order_count)
{
	static const unsigned char zeros[32];
	uint64_t seen[TRN_ARRAY_LEN(zeros) + 1];

	for (size_t size = 0; size <= sizeof(zeros); size++) {
		seen[size] = trn_hash_bytes(TRN_HASH_INIT, zeros, size);
		for (size_t k = 0; k < size; k++)
			ck_assert_uint_ne(seen[size], seen[k]);
	}
	ck_assert_uint_ne(trn_hash_u64(trn_hash_u64(TRN_HASH_INIT, 1), 2),
			  trn_hash_u64(trn_hash_u64(TRN_HASH_INIT, 2), 1));
}
END_TEST

START_TEST(alignment_does_not_count)
{
	unsigned char raw[64];
	uint64_t first = 0;

	for (size_t at = 0; at < 8; at++) {
		uint64_t hash;

		memcpy(raw + at, "the same twenty-seven bytes", 27);
		hash = trn_hash_bytes(TRN_HASH_INIT, raw + at, 27);
		first = at == 0 ? hash : first;
		ck_assert_uint_eq(hash, first);
	}
}
END_TEST

/* Hashes are compared between builds and machines: the function may not drift. */
START_TEST(stored_values)
{
	ck_assert_uint_eq(trn_hash_u64(TRN_HASH_INIT, 1), UINT64_C(0xaf63bc4c29620a60));
	ck_assert_uint_eq(trn_hash_bytes(TRN_HASH_INIT, "libtrn", 6), UINT64_C(0x5cb214eb7f8e1dde));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/hash");
	TCase *tc = tcase_create("hash");

	tcase_add_test(tc, each_bit_counts);
	tcase_add_test(tc, size_and_order_count);
	tcase_add_test(tc, alignment_does_not_count);
	tcase_add_test(tc, stored_values);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
