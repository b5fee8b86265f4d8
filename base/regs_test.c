// SPDX-License-Identifier: Apache-2.0
/* Register names: every name leads to its offset and back. */
#include "base/regs.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"
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
		{ "udma128.m2s.q0.tail_inc", 0x06801038 },
		{ "udma128.s2m.q0.tail_inc", 0x06821038 },
		{ "udma0.m2s.q15.cfg", 0x82010020 },
		{ "udma31.s2m.q15.sw_ctrl", 0x83f30064 },
		{ "udma32.m2s.q1.sw_ctrl", 0x940020b0 },
		{ "udma127.m2s.state", 0xb5f00200 },
		{ "udma131.s2m.change_state", 0x46920204 },
		{ "udma5.sec_a.cause", 0x8253a000 },
		{ "udma5.sec_b.abort_mask", 0x8253a070 },
		{ "udma5.prim_d.control", 0x825380e8 },
		{ "udma5.axi_timeout", 0x8253a300 },
		{ "udma5.addr_hi3.rx2", 0x8253c4cc },
		{ "udma5.app.backpressure", 0x82540800 },
		{ "udma5.nq0.head", 0x8254110c },
		{ "udma5.m2s.ostand_cfg", 0x82500124 },
		{ "udma5.m2s.axi0", 0x82500100 },
		{ "fis33.group2.mask", 0x9c420090 },
		{ "misc.api_version", 0x06c84000 },
		{ "misc.reset_type", 0x06c841ec },
		{ "misc.data31", 0x06c8417c },
		{ "misc.ecc_hbm3", 0x06c84050 },
		{ "misc.trigger", 0x06c84800 },
		{ "core0.event255", 0xd27003fc },
		{ "core7.sem9.inc", 0xee701824 },
		{ "topsp7.sem0.read", 0xf1c01000 },
		{ "topsp8.sem1.dec", 0xf2801c04 },
		{ "core6.nq95.size", 0x46401000 + 0x108 + 95 * 0x28 },
		{ "topsp15.nq2.base_hi", 0x46a00000 + 7 * 0x40000 + 0x104 + 2 * 0x28 },
		{ "core1.pe.row0.matmul_lo", 0x062c1100 + 4 * 0x30 },
		{ "core5.pe.row3.idle_hi", 0x462c1100 + 31 * 0x30 + 0x14 },
		{ "core0.pe.row1.fast2_lo", 0x06141100 + 11 * 0x30 + 8 },
		{ "qemu.reset", 0x06300010 },
		{ "ext.id.magic", 0xc0000000 },
		{ "ext.core7.status4", 0xc0000000 + 0x107000 + 0x84 + 0x40 },
		{ "ext.q63.control", 0xc0000000 + 0x103f000 },
		{ "ext.db1.kick", 0xc0000000 + 0x2001008 },
		{ "ext.win15.r63.rights", 0xc0000000 + 0x300f000 + 63 * 0x20 + 0x10 },
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

START_TEST(bases_are_the_facts)
{
	/* Driver facts 2.2 to 2.8, the first and last of each table. */
	const struct {
		uint64_t got, want;
	} cases[] = {
		{ trn_regs_hbm_axi(1), 0x4000000000 },
		{ trn_regs_hbm_axi(3), 0x804000000000 },
		{ trn_regs_hbm_axi(4), 0 },
		{ trn_regs_tpb_axi(0), 0x2000000000 },
		{ trn_regs_tpb_axi(3), 0x7000000000 },
		{ trn_regs_tpb_axi(7), 0x807000000000 },
		{ trn_regs_tpb_axi(8), 0 },
		{ trn_regs_preproc_axi(0), 0x1200000000 },
		{ trn_regs_preproc_axi(3), 0x805200000000 },
		{ trn_regs_preproc_axi(4), 0 },
		{ trn_regs_se_apb_axi(1), 0x5000000000 },
		{ trn_regs_se_apb_axi(2), 0x801000000000 },
		{ trn_regs_se_apb_axi(4), 0 },
		{ trn_regs_topsp_axi(0), 0x8280000000 },
		{ trn_regs_topsp_axi(9), 0x84c0000000 },
		{ trn_regs_topsp_axi(10), 0x808280000000 },
		{ trn_regs_topsp_axi(19), 0x8084c0000000 },
		{ trn_regs_topsp_axi(20), 0 },
		{ trn_regs_topsp_bar0(0), 0xf0000000 },
		{ trn_regs_topsp_bar0(7), 0xf1c00000 },
		{ trn_regs_topsp_bar0(8), 0xf2800000 },
		{ trn_regs_topsp_bar0(15), 0xf4400000 },
		{ trn_regs_topsp_bar0(16), 0 },
		{ trn_regs_udma_bar0(0), 0x82000000 },
		{ trn_regs_udma_bar0(32), 0x94000000 },
		{ trn_regs_udma_bar0(64), 0xa2000000 },
		{ trn_regs_udma_bar0(127), 0xb5f00000 },
		{ trn_regs_udma_bar0(128), 0x06800000 },
		{ trn_regs_udma_bar0(129), 0x06900000 },
		{ trn_regs_udma_bar0(131), 0x46900000 },
		{ trn_regs_udma_bar0(132), 0 },
		{ trn_regs_udma_axi(0), 0x001002000000 },
		{ trn_regs_udma_axi(33), 0x005004100000 },
		{ trn_regs_udma_axi(64), 0x801002000000 },
		{ trn_regs_udma_axi(96), 0x805004000000 },
		{ trn_regs_udma_axi(128), 0x008006800000 },
		{ trn_regs_udma_axi(131), 0x808006900000 },
		{ trn_regs_udma_axi(132), 0 },
		{ trn_regs_fis_bar0(0), 0x8c000000 },
		{ trn_regs_fis_bar0(33), 0x9c420000 },
		{ trn_regs_fis_bar0(64), 0xac000000 },
		{ trn_regs_fis_bar0(96), 0xbc400000 },
		{ trn_regs_fis_bar0(128), 0 },
		{ trn_regs_nq_core_bar0(3), 0x06581000 },
		{ trn_regs_nq_core_bar0(4), 0x46001000 },
		{ trn_regs_nq_core_bar0(8), 0 },
		{ trn_regs_nq_topsp_bar0(7), 0x06bc0000 },
		{ trn_regs_nq_topsp_bar0(8), 0x46a00000 },
		{ trn_regs_nq_topsp_bar0(16), 0 },
		{ trn_regs_pe_bar0(1), 0x062c1100 },
		{ trn_regs_pe_bar0(7), 0x466c1100 },
		{ trn_regs_pe_bar0(8), 0 },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(cases); i++)
		ck_assert_msg(cases[i].got == cases[i].want, "line %zu: 0x%llx, not 0x%llx", i,
			      (unsigned long long)cases[i].got, (unsigned long long)cases[i].want);
}
END_TEST

START_TEST(a_small_buffer_is_cut_like_snprintf)
{
	char buf[8];

	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(trn_regs_name(0x06801038, buf, 5), 23);
	ck_assert_str_eq(buf, "udma");
	ck_assert_int_eq(buf[5], 'x');
	ck_assert_int_eq(trn_regs_name(0x06801038, buf, 1), 23);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(trn_regs_name(0x06801038, NULL, 0), 23);
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
	tcase_add_test(tcase, bases_are_the_facts);
	tcase_add_test(tcase, a_small_buffer_is_cut_like_snprintf);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(regs_suite)
