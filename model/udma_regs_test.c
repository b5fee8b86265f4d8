/* SPDX-License-Identifier: Apache-2.0 */
/* UDMA registers and the rules that the checker watches. Items 7, 8, 10 and 18 of
 * the facts' table. */
#include "base/test_main.h"
#include "base/bits.h"
#include "model/parts.h"
#include "model/test_ring.h"

#include <string.h>

#define HOST(o) TRN_TEST_DATA_AT(o)
#define SEC_A(e) (trn_regs_udma_bar0(e) + TRN_UDMA_INT_SECONDARY(0))
#define SEC_B(e) (trn_regs_udma_bar0(e) + TRN_UDMA_INT_SECONDARY(1))

static struct trn_test_dma dma;

static void setup(void)
{
	trn_test_dma_open(&dma, "trn2", 128, 64);
}

static void teardown(void)
{
	trn_test_host_close(&dma.host);
}

/* ---- registers and the checker ---- */

START_TEST(queue_registers_reset_and_read_back)
{
	uint32_t m2s = trn_regs_udma_bar0(9) + TRN_UDMA_QUEUE(4);
	const struct {
		uint32_t reg, reset, write, read;
	} regs[] = {
		{ TRN_UDMAQ_CFG, 0x03000000, 0x03000001, 0x03000001 },
		{ TRN_UDMAQ_BASE_LO, 0, 0xffffffff, 0xffffffc0 },
		{ TRN_UDMAQ_BASE_HI, 0, 0x12345678, 0x12345678 },
		{ TRN_UDMAQ_LENGTH, 0, 0xff000040, 0x40 },
		{ TRN_UDMAQ_HEAD, 0x40000000, 5, 0x40000000 },
		{ TRN_UDMAQ_TAIL, 0x40000000, 5, 0x40000000 },
		{ TRN_UDMAQ_CURRENT, 0x40000000, 5, 0x40000000 },
		{ TRN_UDMAQ_COMP_HEAD, 0x40000000, 5, 0x40000000 },
		{ TRN_UDMAQ_STATUS, 0, 5, 0 },
		{ TRN_UDMAQ_COMP_BASE_LO, 0, 0x40, 0x40 },
		{ TRN_UDMAQ_COMP_BASE_HI, 0, 1, 1 },
		{ TRN_UDMAQ_M2S_RLIMIT_MASK, 7, 3, 3 },
		{ TRN_UDMAQ_M2S_COMP_CFG, 0, 3, 3 },
		{ TRN_UDMAQ_M2S_SW_CTRL, 0, 1, 0 },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(regs); i++) {
		ck_assert_uint_eq(trn_test_rd(&dma.host, m2s + regs[i].reg), regs[i].reset);
		trn_test_wr(&dma.host, m2s + regs[i].reg, regs[i].write);
		ck_assert_uint_eq(trn_test_rd(&dma.host, m2s + regs[i].reg), regs[i].read);
	}
	ck_assert_uint_eq(trn_test_rd(&dma.host, m2s + TRN_UDMAQ_TAIL_INC), 0);
	ck_assert_uint_eq(dma.host.kind_count[TRN_EV_UNKNOWN_REG], 0);
	/* The software reset clears the indices and keeps the ring. */
	trn_test_wr(&dma.host, m2s + TRN_UDMAQ_M2S_SW_CTRL, 0x100);
	ck_assert_uint_eq(trn_test_rd(&dma.host, m2s + TRN_UDMAQ_LENGTH), 0x40);
}
END_TEST

START_TEST(init_registers_read_back)
{
	/* Driver facts 13, item 7. */
	static const uint32_t offsets[] = { 0x2012c, 0x3b460, 0x3a010, 0x3a050, 0x2020c, 0x20c };
	uint32_t base = trn_regs_udma_bar0(50);

	for (size_t i = 0; i < TRN_ARRAY_LEN(offsets); i++) {
		trn_test_wr(&dma.host, base + offsets[i], 0xa5a50000 + offsets[i]);
		ck_assert_uint_eq(trn_test_rd(&dma.host, base + offsets[i]),
				  0xa5a50000 + offsets[i]);
	}
	trn_test_wr(&dma.host, trn_regs_fis_bar0(50) + 0x90, 0x804);
	ck_assert_uint_eq(trn_test_rd(&dma.host, trn_regs_fis_bar0(50) + 0x90), 0x804);
	trn_test_wr(&dma.host, trn_regs_fis_bar0(50) + 0xd0, 0x804);
	ck_assert_uint_eq(trn_test_rd(&dma.host, trn_regs_fis_bar0(50) + 0xd0), 0x804);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + 0x3b468), UINT32_MAX);
	ck_assert_uint_eq(dma.host.kind_count[TRN_EV_UNKNOWN_REG], 0);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + 0x50000), 0);
	trn_test_wr(&dma.host, trn_regs_fis_bar0(50) + 0x1000, 1);
	ck_assert_uint_eq(trn_test_rd(&dma.host, trn_regs_fis_bar0(50) + 0x1000), 0);
	ck_assert_uint_eq(dma.host.kind_count[TRN_EV_UNKNOWN_REG], 3);
}
END_TEST

START_TEST(a_doorbell_past_the_ring_is_refused)
{
	trn_test_host_expect(&dma.host, "doorbell-past-ring");
	for (uint32_t i = 0; i < 49; i++)
		trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 4, false);
	/* 16 of 64 slots stay unused. */
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 49);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL), 0x40000000);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 40);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 9);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 0xffffff);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "doorbell-past-ring"), 3);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 8);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL), 0x40000030);
	/* A queue that never got a ring. */
	trn_test_wr(&dma.host, trn_regs_udma_bar0(128) + TRN_UDMA_QUEUE(7) + TRN_UDMAQ_TAIL_INC, 1);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "doorbell-past-ring"), 4);
}
END_TEST

START_TEST(ring_rules_are_checked_when_a_queue_is_enabled)
{
	const struct {
		uint64_t base;
		uint32_t size;
		const char *rule;
	} cases[] = {
		{ TRN_AXI_HBM0 + 0x40, 64, "ring-base" },
		{ TRN_AXI_HBM0, 16, "ring-length" },
		{ TRN_AXI_HBM0, 40, "ring-length" },
		{ TRN_AXI_HBM0, 0xfffff8, "ring-length" },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		unsigned int before = trn_test_host_count(&dma.host, cases[i].rule);

		trn_test_host_expect(&dma.host, cases[i].rule);
		trn_test_queue_init(&dma.host, dma.ring.m2s, true, cases[i].base, cases[i].size);
		ck_assert_uint_eq(trn_test_host_count(&dma.host, cases[i].rule), before + 1);
	}
}
END_TEST

START_TEST(a_disabled_queue_keeps_its_work)
{
	trn_test_dma_fill(&dma, 0, 64, 6);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_CFG, 0x03000000);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_STATUS), 1);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_CFG, 0x03030000);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 64);
}
END_TEST

START_TEST(trn3_needs_its_extra_init_write)
{
	teardown();
	trn_test_dma_open(&dma, "trn3", 129, 64);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	trn_test_host_expect(&dma.host, "engine-init");
	trn_test_wr(&dma.host, trn_regs_udma_bar0(129) + TRN_UDMA_S2M_OSTAND_WR_2, 0);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "engine-init"), 1);
	trn_test_host_settle(&dma.host, 10);
}
END_TEST

START_TEST(traces_go_to_the_engines_own_queue)
{
	uint32_t nq = trn_regs_udma_bar0(128) + TRN_UDMA_NOTIFIC;
	struct trn_nq_entry *entries = trn_test_host_map(&dma.host, 0x6000000, 4096);

	trn_test_wr(&dma.host, nq + TRN_NQ_BASE_HI(0), trn_hi32(TRN_AXI_HOST | 0x6000000));
	trn_test_wr(&dma.host, nq + TRN_NQ_BASE_LO(0), 0x6000000);
	trn_test_wr(&dma.host, nq + TRN_NQ_SIZE(0), 4096);
	ck_assert_uint_eq(trn_test_rd(&dma.host, nq + TRN_NQ_SIZE(0)), 4096);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + 0x40, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_eq(entries[0].phase_type, 0x80000000 | TRN_NQ_TRACE_DMA);
	ck_assert_uint_eq(entries[0].code, 128 << 8);
	ck_assert_uint_eq(entries[0].address, TRN_AXI_HBM0 + 0x40);
	ck_assert_uint_eq(entries[0].aux, 64);
	ck_assert_uint_eq(entries[0].time_ps, trn_model_now(dma.host.model));
	/* Offsets of the block that are no register. */
	trn_test_wr(&dma.host, nq + 0x20, 1);
	ck_assert_uint_eq(trn_test_rd(&dma.host, nq + 0x20), 0);
	ck_assert_uint_eq(dma.host.kind_count[TRN_EV_UNKNOWN_REG], 2);
}
END_TEST

static Suite *udma_regs_suite(void)
{
	Suite *suite = suite_create("udma_regs");
	TCase *tc = tcase_create("udma_regs");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, queue_registers_reset_and_read_back);
	tcase_add_test(tc, init_registers_read_back);
	tcase_add_test(tc, a_doorbell_past_the_ring_is_refused);
	tcase_add_test(tc, ring_rules_are_checked_when_a_queue_is_enabled);
	tcase_add_test(tc, a_disabled_queue_keeps_its_work);
	tcase_add_test(tc, trn3_needs_its_extra_init_write);
	tcase_add_test(tc, traces_go_to_the_engines_own_queue);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(udma_regs_suite)
