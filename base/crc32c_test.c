/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/crc32c.c: published vectors, and a bit-by-bit reference. */
#include "base/bits.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "base/test_main.h"

/* RFC 3720 B.4 and the usual check string. */
START_TEST(published_vectors)
{
	unsigned char raw[32];

	ck_assert_uint_eq(trn_crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(trn_crc32c(0, "", 0), 0);
	memset(raw, 0, sizeof(raw));
	ck_assert_uint_eq(trn_crc32c(0, raw, sizeof(raw)), 0x8a9136aa);
	memset(raw, 0xff, sizeof(raw));
	ck_assert_uint_eq(trn_crc32c(0, raw, sizeof(raw)), 0x62a8ab43);
	for (unsigned int i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)i;
	ck_assert_uint_eq(trn_crc32c(0, raw, sizeof(raw)), 0x46dd794e);
	for (unsigned int i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(31 - i);
	ck_assert_uint_eq(trn_crc32c(0, raw, sizeof(raw)), 0x113fdb5c);
}
END_TEST

static uint32_t by_bits(const unsigned char *p, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= p[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Each table entry is used: one byte of any value at any of the eight places. */
START_TEST(every_table_entry)
{
	for (size_t at = 0; at < 8; at++) {
		for (unsigned int value = 0; value < 256; value++) {
			unsigned char raw[8] = { 0 };

			raw[at] = (unsigned char)value;
			ck_assert_uint_eq(trn_crc32c(0, raw, sizeof(raw)),
					  by_bits(raw, sizeof(raw)));
			ck_assert_uint_eq(trn_crc32c(0, raw + at, 1), by_bits(raw + at, 1));
		}
	}
}
END_TEST

START_TEST(any_size_alignment_and_split)
{
	unsigned char raw[300];
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)trn_prng_next(&prng);
	for (int i = 0; i < 2000; i++) {
		size_t at = trn_prng_below(&prng, sizeof(raw) + 1);
		size_t size = trn_prng_below(&prng, sizeof(raw) - at + 1);
		size_t split = trn_prng_below(&prng, size + 1);
		uint32_t whole = trn_crc32c(0, raw + at, size);
		uint32_t first = trn_crc32c(0, raw + at, split);

		ck_assert_uint_eq(whole, by_bits(raw + at, size));
		ck_assert_uint_eq(whole, trn_crc32c(first, raw + at + split, size - split));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/crc32c");
	TCase *tc = tcase_create("crc32c");

	tcase_add_test(tc, published_vectors);
	tcase_add_test(tc, every_table_entry);
	tcase_add_test(tc, any_size_alignment_and_split);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
