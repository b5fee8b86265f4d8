// SPDX-License-Identifier: Apache-2.0
/* Register names: every name leads to its offset and back. */
#include "base/regs.h"

#include <errno.h>
#include <string.h>
#include "base/test_main.h"

struct walk {
	unsigned int count, longest;
	uint32_t misc_routing_id;
};

static int check_one(void *user, const char *name, uint32_t offset)
{
	struct walk *walk = user;
	uint32_t found = 0, again = 0;
	char buf[TRN_REGS_NAME_MAX];
	int length;

	ck_assert_msg(trn_regs_find(name, &found) == 0, "%s is not found", name);
	ck_assert_msg(found == offset, "%s: %#x is not %#x", name, found, offset);
	length = trn_regs_name(offset, buf, sizeof(buf));
	ck_assert_int_lt(length, (int)sizeof(buf));
	ck_assert_msg(strncmp(buf, "0x", 2) != 0, "%s at %#x has no name", name, offset);
	/* Some words have two names: the one given must lead to the same place. */
	ck_assert_int_eq(trn_regs_find(buf, &again), 0);
	ck_assert_uint_eq(again, offset);
	ck_assert_uint_eq(offset % 4, 0);
	if (strlen(name) > walk->longest)
		walk->longest = (unsigned int)strlen(name);
	if (strcmp(name, "misc.routing_id") == 0)
		walk->misc_routing_id = offset;
	walk->count++;
	return 0;
}

START_TEST(every_name_leads_there_and_back)
{
	struct walk walk = { 0 };

	ck_assert_int_eq(trn_regs_each(check_one, &walk), 0);
	ck_assert_uint_gt(walk.count, 100000); /* 132 engines, 24 sets of semaphores, … */
	ck_assert_uint_lt(walk.longest, TRN_REGS_NAME_MAX - 1);
	ck_assert_uint_eq(walk.misc_routing_id, TRN_MISC_RAM + TRN_MR_ROUTING_ID);
}
END_TEST

static int stop_at_third(void *user, const char *name, uint32_t offset)
{
	unsigned int *count = user;

	(void)name;
	(void)offset;
	return ++*count == 3 ? 7 : 0;
}

START_TEST(a_walk_can_be_stopped)
{
	unsigned int count = 0;

	ck_assert_int_eq(trn_regs_each(stop_at_third, &count), 7);
	ck_assert_uint_eq(count, 3);
}
END_TEST

START_TEST(known_names)
{
	static const struct {
		const char *name;
		uint32_t offset;
	} rows[] = {
		{ "udma0.m2s.q0.tail_inc", 0x82001038 },
		{ "udma128.s2m.q15.base_lo", 0x06800000 + 0x20000 + 0x10000 + 0x28 },
		{ "misc.api_version", 0x06c84000 },
		{ "core7.sem255.read", 0xd0000000u + 7 * 0x04000000u + 0x2701000u + 255 * 4 },
		{ "topsp15.event0", 0xf2800000u + 7 * 0x00400000u },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[TRN_REGS_NAME_MAX];
		uint32_t offset;

		ck_assert_int_eq(trn_regs_find(rows[i].name, &offset), 0);
		ck_assert_uint_eq(offset, rows[i].offset);
		trn_regs_name(offset, buf, sizeof(buf));
		ck_assert_str_eq(buf, rows[i].name);
	}
}
END_TEST

START_TEST(unknown_names)
{
	static const char *const names[] = {
		"",
		"udma",
		"udma132.version",
		"udma0",
		"udma0.",
		"udma00.version",
		"udma0.m2s.q16.tail",
		"misc.routing_id ",
		"misc.nothing",
		"core8.sem0.read",
		"core0.sem256.read",
		"udma0.version.x",
		"udma-1.version",
		"udma4294967296.version",
		"ext.core8.state",
		"topsp16.event0",
	};
	char buf[4] = "zzz";
	uint32_t offset = 77;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(trn_regs_find(names[i], &offset) == -ENOENT, "%s", names[i]);
	ck_assert_uint_eq(offset, 77);
	/* An offset without a name is a number; the room is respected. */
	ck_assert_int_eq(trn_regs_name(0x12345678, NULL, 0), 10);
	ck_assert_int_eq(trn_regs_name(0x12345678, buf, sizeof(buf)), 10);
	ck_assert_str_eq(buf, "0x1");
}
END_TEST

static Suite *regs_suite(void)
{
	Suite *suite = suite_create("regs");
	TCase *tcase = tcase_create("names");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_name_leads_there_and_back);
	tcase_add_test(tcase, a_walk_can_be_stopped);
	tcase_add_test(tcase, known_names);
	tcase_add_test(tcase, unknown_names);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(regs_suite)
