/* SPDX-License-Identifier: Apache-2.0 */
/* The fault catalogue: the language of specs, triggers, faults of the whole
 * device, and that docs/faults.md has a line for each. */
#include "base/test_main.h"
#include "base/bits.h"
#include "model/parts.h"
#include "model/test_host.h"

#include <stdio.h>
#include <string.h>

#define MS (UINT64_C(1000000) * TRN_PS_PER_NS)

static struct trn_test_host host;

static void setup(void)
{
	trn_test_host_init(&host, "trn3");
	trn_test_host_open(&host);
}

static void teardown(void)
{
	trn_test_host_close(&host);
}

static void arm(const char *spec)
{
	const char *why = "";

	ck_assert_msg(trn_model_fault(host.model, spec, &why) == 0, "%s: %s", spec, why);
}

/* Which of the first 64 opportunities strike, as bits. */
static uint64_t strikes(const char *name, uint32_t target)
{
	uint64_t bits = 0, value = 0;

	for (unsigned int i = 0; i < 64; i++)
		bits |= (uint64_t)trn_fault_fires(host.chip, name, target, &value) << i;
	return bits;
}

START_TEST(triggers)
{
	const struct {
		const char *spec, *name;
		uint64_t bits;
	} cases[] = {
		{ "dma.hang@3", "dma.hang", 1 },
		{ "dma.hang@3,after=5", "dma.hang", 1 << 5 },
		{ "dma.hang@3,after=2,count=3", "dma.hang", 7 << 2 },
		{ "dma.hang,count=2", "dma.hang", 3 },
		{ "dma.slow@3", "dma.slow", UINT64_MAX },
		{ "dma.hang@3,count=0", "dma.hang", UINT64_MAX },
		{ "dma.hang@4", "dma.hang", 0 },
		{ "dma.abort@3", "dma.hang", 0 },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		teardown();
		setup();
		arm(cases[i].spec);
		ck_assert_msg(strikes(cases[i].name, 3) == cases[i].bits, "%s", cases[i].spec);
	}
}
END_TEST

START_TEST(a_seed_picks_the_same_place_each_time)
{
	uint64_t first, seen = 0;

	arm("dma.hang,after=40,seed=7");
	first = strikes("dma.hang", 0);
	ck_assert(trn_is_pow2(first));
	ck_assert_uint_lt(first, UINT64_C(1) << 41);
	teardown();
	setup();
	arm("dma.hang,after=40,seed=7");
	ck_assert_uint_eq(strikes("dma.hang", 0), first);
	for (unsigned int seed = 1; seed < 20; seed++) {
		char spec[64];

		teardown();
		setup();
		ck_assert_int_lt(snprintf(spec, sizeof(spec), "dma.hang,after=40,seed=%u", seed),
				 64);
		arm(spec);
		seen |= strikes("dma.hang", 0);
	}
	ck_assert(!trn_is_pow2(seen));
}
END_TEST

START_TEST(values_and_events)
{
	uint64_t value = 0;

	arm("mailbox.error,value=0x2");
	arm("mailbox.error");
	ck_assert(trn_fault_fires(host.chip, "mailbox.error", 0, &value));
	ck_assert_uint_eq(value, 2);
	/* One that is used up makes way for the next. */
	ck_assert(trn_fault_fires(host.chip, "mailbox.error", 0, &value));
	ck_assert_uint_eq(value, TRN_MBOX_FAIL);
	value = 55;
	ck_assert(!trn_fault_fires(host.chip, "mailbox.error", 0, &value));
	ck_assert_uint_eq(value, 55);
	ck_assert_uint_eq(trn_test_host_count(&host, "mailbox.error"), 2);
	ck_assert_int_eq(host.events[0].kind, TRN_EV_FAULT);
}
END_TEST

START_TEST(bad_specs_are_refused)
{
	static const char *const bad[] = {
		"",
		"@",
		",",
		"dma",
		"dma.hang@",
		"dma.hang@132",
		"dma.hang@-1",
		"dma.hang@x",
		"core.hang@8",
		"hbm.ecc@4",
		"reset.lost@0",
		"dma.hang,",
		"dma.hang,after",
		"dma.hang,after=",
		"dma.hang,after=x",
		"dma.hang,afterwards=1",
		"dma.hang,=1",
		"dma.hang,after=1,",
		"dma.hang,after=99999999999999999999",
		"dma.hang,after=111111111111111111111111111111",
		"a.name.that.is.much.longer.than.any.name.of.the.catalogue",
	};
	const char *why;

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++) {
		why = NULL;
		ck_assert_msg(trn_model_fault(host.model, bad[i], &why) == -EINVAL, "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
	}
	trn_test_alloc_arm(&host.mem, 0);
	ck_assert_int_eq(trn_model_fault(host.model, "dma.hang", &why), -ENOMEM);
	trn_test_alloc_arm(&host.mem, -1);
}
END_TEST

START_TEST(a_lost_device_reads_all_ones_for_good)
{
	uint64_t bad = 0, value = 0;

	arm("device.lost,after=2");
	ck_assert_uint_ne(trn_test_rd(&host, TRN_MISC_RAM), TRN_READ_DEAD);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_ACK, 4);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM), TRN_READ_DEAD);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_ACK, 5);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_ACK), TRN_READ_DEAD);
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, 0), TRN_READ_DEAD);
	ck_assert_uint_eq(trn_chip_cfg_read32(host.chip, 0), TRN_READ_DEAD);
	trn_chip_cfg_write32(host.chip, 4, 0);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM0, &value, 8, &bad), -EFAULT);
	ck_assert_uint_eq(trn_test_host_count(&host, "device.lost"), 1);
}
END_TEST

START_TEST(not_ready_ends_by_itself)
{
	arm("notready,value=250");
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_API_VERSION),
			  TRN_READ_NOT_READY);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_ACK, 9);
	/* A host that waits sees that something is coming. */
	ck_assert_uint_eq(trn_model_next(host.model), 250 * MS);
	trn_model_run(host.model, 249 * MS);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_API_VERSION),
			  TRN_READ_NOT_READY);
	trn_test_host_settle(&host, 1);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_API_VERSION), 7);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_ACK), 0);
}
END_TEST

START_TEST(not_ready_holds_at_the_end_of_time)
{
	arm("notready,value=250,count=0");
	trn_model_run(host.model, TRN_MODEL_NEVER - 10);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_API_VERSION),
			  TRN_READ_NOT_READY);
}
END_TEST

START_TEST(the_page_has_a_line_for_each_fault)
{
	char *page = NULL;
	const char *help = NULL;
	size_t size = 0;
	FILE *file = fopen(TRN_SOURCE_ROOT "/docs/faults.md", "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(getdelim(&page, &size, 0, file), 0);
	for (unsigned int i = 0; trn_fault_name(i, &help); i++) {
		char row[64];

		ck_assert_int_lt(snprintf(row, sizeof(row), "\n| `%s", trn_fault_name(i, &help)),
				 64);
		ck_assert_msg(strstr(page, row) != NULL, "%s", row);
		ck_assert_ptr_nonnull(help);
	}
	free(page);
	(void)fclose(file); /* only read */
}
END_TEST

static Suite *fault_suite(void)
{
	Suite *suite = suite_create("fault");
	TCase *tc = tcase_create("fault");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, triggers);
	tcase_add_test(tc, a_seed_picks_the_same_place_each_time);
	tcase_add_test(tc, values_and_events);
	tcase_add_test(tc, bad_specs_are_refused);
	tcase_add_test(tc, a_lost_device_reads_all_ones_for_good);
	tcase_add_test(tc, not_ready_ends_by_itself);
	tcase_add_test(tc, not_ready_holds_at_the_end_of_time);
	tcase_add_test(tc, the_page_has_a_line_for_each_fault);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(fault_suite)
