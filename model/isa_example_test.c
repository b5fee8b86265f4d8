/* SPDX-License-Identifier: Apache-2.0 */
/* The worked example of docs/isa.md, taken from the page byte by byte and run. */
#include <stdio.h>
#include <string.h>
#include "base/test_main.h"
#include "model/test_core.h"

static const struct {
	const char *name;
	enum trn_engine engine;
} engines[] = {
	{ "gpsimd", TRN_ENGINE_GPSIMD },
	{ "sync", TRN_ENGINE_SYNC },
};

/* A line of the page: engine, offset in its stream, 16 bytes. False for any other line. */
static bool parse(const char *line, enum trn_engine *ret_engine, uint32_t *ret_offset,
		  uint8_t *ret_bytes)
{
	unsigned int offset;
	char name[8];
	int at = 0;

	if (sscanf(line, "%7s %3x %n", name, &offset, &at) != 2 || at == 0)
		return false;
	for (int i = 0; i < 16; i++) {
		unsigned int byte;
		int used = 0;

		if (sscanf(line + at, "%2x%n", &byte, &used) != 1)
			return false;
		ret_bytes[i] = (uint8_t)byte;
		at += used;
	}
	for (size_t e = 0; e < sizeof(engines) / sizeof(engines[0]); e++) {
		if (strcmp(name, engines[e].name) != 0)
			continue;
		*ret_engine = engines[e].engine;
		*ret_offset = offset;
		return true;
	}
	return false;
}

/* Streams as the page prints them; lines found. */
static int load(struct trn_test_core *tc)
{
	FILE *page = fopen(TRN_SOURCE_ROOT "/docs/isa.md", "r");
	char line[512];
	int found = 0;

	ck_assert_ptr_nonnull(page);
	while (fgets(line, sizeof(line), page)) {
		enum trn_engine engine;
		uint32_t offset;
		uint8_t bytes[16];

		if (!parse(line, &engine, &offset, bytes))
			continue;
		ck_assert_uint_lt(offset, 0x1000);
		memcpy(tc->stream[engine] + offset, bytes, sizeof(bytes));
		found++;
	}
	(void)fclose(page);
	return found;
}

START_TEST(example_gives_what_the_page_says)
{
	static const uint32_t want[] = { 10, 15, 20, 25, 110, 115, 120, 125 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), sizeof(want));
	ck_assert_int_eq(load(&tc), 11);
	tc.desc->stream[TRN_ENGINE_GPSIMD].words = 3;
	tc.desc->stream[TRN_ENGINE_SYNC].words = 4;
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, 10000);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_OK);
	ck_assert_uint_eq(tc.status->head, 1);
	ck_assert_mem_eq(tc.data, want, sizeof(want));
	ck_assert_uint_eq(tc.status->time_ps, 2795333);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *isa_example_suite(void)
{
	Suite *suite = suite_create("isa_example");
	TCase *tcase = tcase_create("page");

	tcase_add_test(tcase, example_gives_what_the_page_says);
	suite_add_tcase(suite, tcase);
	return suite;
}
TRN_TEST_MAIN(isa_example_suite)
