/* SPDX-License-Identifier: Apache-2.0 */
/* UDMA errors, injected faults, and coming back from them. Items 11, 14 and 24 of
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

/* ---- errors (driver facts 3.8) ---- */

/* After a stop: cause, state, and that nothing more happens until reset. */
static void expect_abort(bool m2s, uint32_t cause)
{
	uint32_t base = trn_regs_udma_bar0(dma.ring.engine);

	trn_test_host_settle(&dma.host, 50);
	ck_assert_uint_eq(trn_test_rd(&dma.host,
				      (m2s ? SEC_A(dma.ring.engine) : SEC_B(dma.ring.engine))),
			  cause);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + TRN_UDMA_STATE), m2s ? 0x2222 : 0x1111);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + TRN_UDMA_S2M + TRN_UDMA_STATE),
			  m2s ? 0x1111 : 0x2222);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + TRN_UDMA_INT_PRIMARY(3)),
			  m2s ? 0x100 : 0x200);
	ck_assert_uint_ge(dma.host.kind_count[TRN_EV_DMA_ERROR], 1);
}

/* As a driver brings an engine back: queues again, then the state. */
static void recover(void)
{
	uint32_t base = trn_regs_udma_bar0(dma.ring.engine);

	trn_test_wr(&dma.host, SEC_A(dma.ring.engine), 0);
	trn_test_wr(&dma.host, SEC_B(dma.ring.engine), 0);
	trn_test_host_unmap(&dma.host, TRN_TEST_RINGS);
	trn_test_ring_init(&dma.ring, &dma.host, dma.ring.engine, 0, TRN_TEST_RINGS, dma.ring.size);
	trn_test_wr(&dma.host, base + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_NORMAL);
	trn_test_wr(&dma.host, base + TRN_UDMA_S2M + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_NORMAL);
	trn_test_dma_fill(&dma, 0, 64, 9);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + 0x7000, HOST(0), 64, true);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 20);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0x7000), dma.data, 64);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + TRN_UDMA_STATE), 0x1111);
}

START_TEST(unmapped_source_aborts_the_read_side)
{
	trn_test_host_expect(&dma.host, "dma-unmapped");
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(TRN_TEST_DATA_SIZE), 64, false);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	expect_abort(true, TRN_M2S_ERR_DATA_RD_RESP);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_HEAD), 0x40000000);
	recover();
}
END_TEST

START_TEST(unmapped_destination_aborts_the_write_side)
{
	trn_test_host_expect(&dma.host, "dma-unmapped");
	trn_test_ring_copy(&dma.ring, TRN_AXI_PEER0 + 0x8006c84038, HOST(0), 4, false);
	trn_test_ring_start(&dma.ring);
	expect_abort(false, TRN_S2M_ERR_DATA_WR_RESP);
	recover();
}
END_TEST

START_TEST(memory_that_goes_away_under_a_packet)
{
	trn_test_host_expect(&dma.host, "dma-unmapped");
	(void)trn_test_host_map(&dma.host, 0x7000000, 4096);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HOST | 0x7000000, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	ck_assert(trn_model_step(dma.host.model));
	trn_test_host_unmap(&dma.host, 0x7000000);
	expect_abort(false, TRN_S2M_ERR_DATA_WR_RESP);
}
END_TEST

START_TEST(unmapped_rings_are_prefetch_errors)
{
	trn_test_host_expect(&dma.host, "dma-unmapped");
	trn_test_host_unmap(&dma.host, TRN_TEST_RINGS);
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 1);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 1);
	expect_abort(true, TRN_M2S_ERR_PREF_RESP);
	(void)trn_test_host_map(&dma.host, TRN_TEST_RINGS, 4096);
	recover();
	trn_test_host_unmap(&dma.host, TRN_TEST_RINGS);
	dma.ring.tx = trn_test_host_map(&dma.host, TRN_TEST_RINGS, 1024);
	dma.ring.tx[1] = (struct trn_udma_desc){ 0x0d000040, TRN_DESC_META_COPY, HOST(0) };
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 1);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 1);
	expect_abort(false, TRN_S2M_ERR_PREF_RESP);
}
END_TEST

START_TEST(first_and_last_rules)
{
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, TRN_DESC_LAST, TRN_DESC_META_COPY,
			   0);
	trn_test_ring_start(&dma.ring);
	expect_abort(true, TRN_M2S_ERR_FIRST);
	recover();
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, TRN_DESC_FIRST, TRN_DESC_META_COPY,
			   0);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	expect_abort(true, TRN_M2S_ERR_LAST);
	recover();
}
END_TEST

START_TEST(packet_limits)
{
	/* 66 descriptors; 17 * 64 KiB; the limits are registers. */
	const struct {
		uint32_t count, size, cause, reg, value;
	} cases[] = {
		{ 66, 4, TRN_M2S_ERR_PKT_DESCS, 0, 0 },
		{ 17, 65536, TRN_M2S_ERR_PKT_TOO_LONG, 0, 0 },
		{ 3, 4, TRN_M2S_ERR_PKT_DESCS, TRN_UDMA_M2S_PREF_CFG_2, 0x00010002 },
		{ 2, 40, TRN_M2S_ERR_PKT_TOO_LONG, TRN_UDMA_M2S_PKT_LEN_CFG, 0x01000040 },
	};

	teardown();
	trn_test_dma_open(&dma, "trn2", 128, 128);
	for (size_t c = 0; c < TRN_ARRAY_LEN(cases); c++) {
		if (cases[c].reg != 0)
			trn_test_wr(&dma.host, trn_regs_udma_bar0(128) + cases[c].reg,
				    cases[c].value);
		for (uint32_t i = 0; i < cases[c].count; i++)
			trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0 + i * 65536, HOST(i * 65536),
					   cases[c].size,
					   (i == 0 ? TRN_DESC_FIRST : 0) |
						   (i == cases[c].count - 1 ? TRN_DESC_LAST : 0),
					   TRN_DESC_META_COPY, 0);
		trn_test_ring_start(&dma.ring);
		expect_abort(true, cases[c].cause);
		trn_test_engine_init(&dma.host, 128);
		recover();
	}
}
END_TEST

START_TEST(totals_must_agree)
{
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	dma.ring.rx[0].len_ctrl = 0x01000000 | 65;
	trn_test_ring_start(&dma.ring);
	expect_abort(false, TRN_S2M_ERR_LEN_MISMATCH);
	recover();
}
END_TEST

START_TEST(more_than_65_write_descriptors_do_not_fit)
{
	teardown();
	trn_test_dma_open(&dma, "trn2", 128, 128);
	for (uint32_t i = 0; i < 66; i++)
		trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + i, HOST(0), 1, false);
	dma.ring.tx[0].len_ctrl = 0x0d000000 | 66;
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 66);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 1);
	expect_abort(false, TRN_S2M_ERR_LEN_MISMATCH);
}
END_TEST

START_TEST(ring_id_is_checked_on_host_copy_engines)
{
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	dma.ring.tx[0].len_ctrl ^= 3u << TRN_DESC_RING_ID_SHIFT;
	trn_test_ring_start(&dma.ring);
	expect_abort(true, TRN_M2S_ERR_RING_ID);
	recover();
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	dma.ring.rx[1].len_ctrl ^= 3u << TRN_DESC_RING_ID_SHIFT;
	trn_test_ring_start(&dma.ring);
	expect_abort(false, TRN_S2M_ERR_RING_ID);
}
END_TEST

START_TEST(ring_id_is_masked_on_core_engines)
{
	struct trn_test_ring other;

	trn_test_engine_init(&dma.host, 100);
	trn_test_ring_init(&other, &dma.host, 100, 1, 0x5000000, 64);
	trn_test_dma_fill(&dma, 0, 64, 4);
	trn_test_ring_copy(&other, TRN_AXI_HBM0, HOST(0), 64, false);
	other.tx[0].len_ctrl ^= 3u << TRN_DESC_RING_ID_SHIFT;
	other.rx[0].len_ctrl ^= 3u << TRN_DESC_RING_ID_SHIFT;
	trn_test_ring_start(&other);
	trn_test_host_settle(&dma.host, 20);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 64);
	/* The cause is there for who looks; nothing aborted, nothing was told. */
	ck_assert_uint_eq(trn_test_rd(&dma.host, SEC_A(100)), TRN_M2S_ERR_RING_ID);
	ck_assert_uint_eq(trn_test_rd(&dma.host, SEC_B(100)), TRN_S2M_ERR_RING_ID);
	ck_assert_uint_eq(dma.host.kind_count[TRN_EV_DMA_ERROR], 0);
}
END_TEST

START_TEST(a_masked_error_drops_the_packet_and_goes_on)
{
	trn_test_host_expect(&dma.host, "dma-unmapped");
	trn_test_wr(&dma.host, SEC_A(128) + TRN_UDMA_INT_ABORT_MASK, UINT32_MAX);
	trn_test_wr(&dma.host, SEC_B(128) + TRN_UDMA_INT_ABORT_MASK, UINT32_MAX);
	trn_test_dma_fill(&dma, 0, 64, 8);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(TRN_TEST_DATA_SIZE), 64, false);
	/* The dropped packet never took its write descriptor: the next one does. */
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + 64, HOST(0), 64, false);
	trn_test_ring_copy(&dma.ring, TRN_AXI_PEER0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 50);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 64), dma.data, 64);
	ck_assert_uint_eq(trn_test_rd(&dma.host, trn_regs_udma_bar0(128) + TRN_UDMA_STATE), 0x1111);
	ck_assert_uint_eq(trn_test_rd(&dma.host, SEC_A(128)), TRN_M2S_ERR_DATA_RD_RESP);
	ck_assert_uint_eq(trn_test_rd(&dma.host, SEC_B(128)), TRN_S2M_ERR_DATA_WR_RESP);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_STATUS), 0);
	/* Unreadable descriptors are skipped one by one: the engine does not spin. */
	trn_test_host_unmap(&dma.host, TRN_TEST_RINGS);
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 5);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 5);
	trn_test_host_settle(&dma.host, 50);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_STATUS), 0);
}
END_TEST

START_TEST(a_packet_without_end_costs_only_itself)
{
	/* Masked, the next FIRST begins a packet that is whole. */
	trn_test_wr(&dma.host, SEC_A(128) + TRN_UDMA_INT_ABORT_MASK, UINT32_MAX);
	trn_test_dma_fill(&dma, 0, 64, 8);
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0, HOST(64), 64, TRN_DESC_FIRST,
			   TRN_DESC_META_COPY, 0);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + 64, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 50);
	ck_assert_uint_eq(trn_test_rd(&dma.host, SEC_A(128)), TRN_M2S_ERR_LAST);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 64);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_HEAD), 0x40000002);
}
END_TEST

START_TEST(states_change_by_register)
{
	uint32_t base = trn_regs_udma_bar0(128), s2m = base + TRN_UDMA_S2M;

	trn_test_dma_fill(&dma, 0, 64, 2);
	trn_test_wr(&dma.host, base + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_DISABLE);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + TRN_UDMA_STATE), 0);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_eq(trn_test_dma_hbm(&dma, 0, 0)[1], 0);
	trn_test_wr(&dma.host, base + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_NORMAL);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 64);
	trn_test_wr(&dma.host, s2m + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_ABORT);
	ck_assert_uint_eq(trn_test_rd(&dma.host, s2m + TRN_UDMA_STATE), 0x2222);
	trn_test_wr(&dma.host, s2m + TRN_UDMA_CHANGE_STATE, 0);
	ck_assert_uint_eq(trn_test_rd(&dma.host, s2m + TRN_UDMA_STATE), 0x2222);
	trn_test_wr(&dma.host, s2m + TRN_UDMA_STATE, 0x1111);
	ck_assert_uint_eq(trn_test_rd(&dma.host, s2m + TRN_UDMA_STATE), 0x2222);
	ck_assert_uint_eq(trn_test_rd(&dma.host, s2m + TRN_UDMA_CHANGE_STATE), 0);
	recover();
}
END_TEST

START_TEST(interrupt_groups)
{
	uint32_t base = trn_regs_udma_bar0(3), a = base + TRN_UDMA_INT_SECONDARY(0),
		 c = base + TRN_UDMA_INT_SECONDARY(2), d = base + TRN_UDMA_INT_PRIMARY(3);

	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_MASK), UINT32_MAX);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_CAUSE_SET, 0x15);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_CAUSE), 0x15);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_STATUS), 0);
	ck_assert_uint_eq(trn_test_rd(&dma.host, d + TRN_UDMA_INT_CAUSE), 0);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_MASK_CLEAR, ~2u);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_MASK_CLEAR, ~4u);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_MASK), ~6u);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_STATUS), 4);
	ck_assert_uint_eq(trn_test_rd(&dma.host, d + TRN_UDMA_INT_CAUSE), 0x400);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_STATUS, 0);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_CAUSE, ~4u);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_CAUSE_SET), 0x11);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_CONTROL, 0x21);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_CONTROL), 0x21);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_ABORT_MASK, 0x33);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_ABORT_MASK), 0x33);
	trn_test_wr(&dma.host, c + TRN_UDMA_INT_MASK, 0x44);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + TRN_UDMA_INT_MASK_CLEAR), 0x44);
	/* A cause set by hand acts as one that happened. */
	trn_test_wr(&dma.host, a + TRN_UDMA_INT_CAUSE_SET, 1);
	ck_assert_uint_eq(trn_test_rd(&dma.host, base + TRN_UDMA_STATE), 0x2222);
	/* Words between the registers of a group do not exist. */
	trn_test_wr(&dma.host, c + 4, 1);
	ck_assert_uint_eq(trn_test_rd(&dma.host, c + 4), 0);
	ck_assert_uint_eq(dma.host.kind_count[TRN_EV_UNKNOWN_REG], 2);
}
END_TEST

START_TEST(rebase_while_idle_is_fine_while_busy_is_not)
{
	/* Process exit: to a 64-descriptor ring of zeroes (item 24). */
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	(void)trn_test_host_map(&dma.host, 0x6000000, 4096);
	trn_test_queue_init(&dma.host, dma.ring.m2s, true, TRN_AXI_HOST | 0x6000000, 64);
	trn_test_queue_init(&dma.host, dma.ring.s2m, false, TRN_AXI_HOST | 0x6000000, 64);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_eq(dma.host.event_count, 0);
	/* A doorbell after that finds no packet. */
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 1);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 1);
	expect_abort(true, TRN_M2S_ERR_RING_ID);
	recover();
	trn_test_host_expect(&dma.host, "rebase-busy");
	trn_test_host_expect(&dma.host, "queue-reset-busy");
	trn_test_host_expect(&dma.host, "queue-reset-enabled");
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_BASE_LO, 0x100);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_M2S_SW_CTRL, 0x100);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "rebase-busy"), 1);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "queue-reset-busy"), 1);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "queue-reset-enabled"), 1);
	trn_test_host_settle(&dma.host, 10);
}
END_TEST

/* ---- faults ---- */

START_TEST(a_hung_engine_stops_until_reset)
{
	trn_test_dma_fault(&dma, "dma.hang@128,after=1");
	trn_test_dma_fill(&dma, 0, 64, 1);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + 64, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 20);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 64);
	ck_assert_uint_eq(trn_test_dma_hbm(&dma, 0, 64)[1], 0);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_STATUS), 1);
	ck_assert_uint_eq(trn_test_host_count(&dma.host, "dma.hang"), 1);
	trn_test_wr(&dma.host, TRN_MISC_RAM + TRN_MR_RESET_TYPE, TRN_MR_RESET_TYPE_DEVICE);
	trn_test_wr(&dma.host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
	trn_test_host_settle(&dma.host, 20);
	trn_test_engine_init(&dma.host, 128);
	recover();
}
END_TEST

START_TEST(an_abort_fault_reports_and_the_engine_recovers)
{
	trn_test_dma_fault(&dma, "dma.abort@128");
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	expect_abort(true, TRN_M2S_ERR_DATA_RD_RESP);
	recover();
}
END_TEST

START_TEST(a_ring_id_fault_is_a_ring_id_error)
{
	trn_test_dma_fault(&dma, "dma.ringid");
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 64, false);
	trn_test_ring_start(&dma.ring);
	expect_abort(true, TRN_M2S_ERR_RING_ID);
	recover();
}
END_TEST

START_TEST(slow_packets_are_slower)
{
	uint64_t start = trn_model_now(dma.host.model), normal;

	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 0x10000, true);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	normal = trn_model_now(dma.host.model) - start;
	trn_test_dma_fault(&dma, "dma.slow@128,value=1000");
	start = trn_model_now(dma.host.model);
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0), 0x10000, true);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_gt(trn_model_now(dma.host.model) - start, 100 * normal);
}
END_TEST

static Suite *udma_error_suite(void)
{
	Suite *suite = suite_create("udma_error");
	TCase *tc = tcase_create("udma_error");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, unmapped_source_aborts_the_read_side);
	tcase_add_test(tc, unmapped_destination_aborts_the_write_side);
	tcase_add_test(tc, memory_that_goes_away_under_a_packet);
	tcase_add_test(tc, unmapped_rings_are_prefetch_errors);
	tcase_add_test(tc, first_and_last_rules);
	tcase_add_test(tc, packet_limits);
	tcase_add_test(tc, totals_must_agree);
	tcase_add_test(tc, more_than_65_write_descriptors_do_not_fit);
	tcase_add_test(tc, ring_id_is_checked_on_host_copy_engines);
	tcase_add_test(tc, ring_id_is_masked_on_core_engines);
	tcase_add_test(tc, a_masked_error_drops_the_packet_and_goes_on);
	tcase_add_test(tc, a_packet_without_end_costs_only_itself);
	tcase_add_test(tc, states_change_by_register);
	tcase_add_test(tc, interrupt_groups);
	tcase_add_test(tc, rebase_while_idle_is_fine_while_busy_is_not);
	tcase_add_test(tc, a_hung_engine_stops_until_reset);
	tcase_add_test(tc, an_abort_fault_reports_and_the_engine_recovers);
	tcase_add_test(tc, a_ring_id_fault_is_a_ring_id_error);
	tcase_add_test(tc, slow_packets_are_slower);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(udma_error_suite)
