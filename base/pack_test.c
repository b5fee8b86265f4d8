/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/pack.c: there and back, and packed bytes that lie. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/pack.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define BYTES 100000u

static uint8_t bytes[BYTES], back[BYTES + 1];

static void there_and_back(size_t count)
{
	struct trn_test_alloc mem;
	uint32_t method = 99;
	void *packed = NULL;
	size_t packed_count = 0;

	trn_test_alloc_init(&mem, -1);
	ck_assert_int_eq(trn_pack(&mem.alloc, bytes, count, &method, &packed, &packed_count), 0);
	ck_assert_uint_le(packed_count, count);
	memset(back, 0xaa, sizeof(back));
	ck_assert_int_eq(trn_unpack(&mem.alloc, method, packed, packed_count, back, count), 0);
	ck_assert_mem_eq(back, bytes, count);
	ck_assert_uint_eq(back[count], 0xaa);
	/* One byte more or less than there is. */
	ck_assert_int_eq(trn_unpack(&mem.alloc, method, packed, packed_count, back, count + 1),
			 -EBADMSG);
	if (count > 0) {
		memset(back, 0xaa, sizeof(back));
		ck_assert_int_eq(trn_unpack(&mem.alloc, method, packed, packed_count, back,
					    count - 1),
				 -EBADMSG);
		ck_assert_uint_eq(back[count - 1], 0xaa);
		ck_assert_int_eq(trn_unpack(&mem.alloc, method, packed, packed_count - 1, back,
					    count),
				 -EBADMSG);
	}
	trn_free(&mem.alloc, packed);
	ck_assert_int_eq(mem.live, 0);
}

START_TEST(everything_comes_back)
{
	static const size_t counts[] = { 0, 1, 2, 255, 4096, BYTES };
	struct trn_prng prng;

	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		there_and_back(counts[i]);
	/* What cannot be made smaller is kept as it is. */
	trn_prng_seed(&prng, trn_test_seed());
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)trn_prng_next(&prng);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		there_and_back(counts[i]);
}
END_TEST

START_TEST(lies_are_refused)
{
	static const uint8_t junk[] = { 0x78, 0x9c, 0xff, 0xff, 0xff, 0x00 };
	int r = trn_unpack(&trn_alloc_libc, TRN_PACK_ZLIB, junk, sizeof(junk), back, 10);

	ck_assert(r == -EBADMSG || r == -ENOTSUP);
	ck_assert_int_eq(trn_unpack(&trn_alloc_libc, 7, junk, sizeof(junk), back, 6), -ENOTSUP);
}
END_TEST

START_TEST(refused_memory)
{
	memset(bytes, 0, sizeof(bytes));
	for (long nth = 0;; nth++) {
		struct trn_test_alloc mem;
		uint32_t method = TRN_PACK_NONE;
		void *packed = NULL;
		size_t count = 0;
		int r;

		trn_test_alloc_init(&mem, nth);
		r = trn_pack(&mem.alloc, bytes, BYTES, &method, &packed, &count);
		if (r == 0) {
			r = trn_unpack(&mem.alloc, method, packed, count, back, BYTES);
			trn_free(&mem.alloc, packed);
		}
		ck_assert_int_eq(mem.live, 0);
		if (r == 0)
			break;
		ck_assert_int_eq(r, -ENOMEM);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/pack");
	TCase *tc = tcase_create("pack");

	tcase_add_test(tc, everything_comes_back);
	tcase_add_test(tc, lies_are_refused);
	tcase_add_test(tc, refused_memory);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
