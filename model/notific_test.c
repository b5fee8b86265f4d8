/* SPDX-License-Identifier: Apache-2.0 */
/* Notification queues: items 17 and 18 of the facts' table. */
#include "base/test_main.h"
#include "base/bits.h"
#include "model/parts.h"
#include "model/test_host.h"

#include <string.h>

#define RING UINT64_C(0x100000)

static struct trn_test_host host;
static struct trn_nq_entry *ring;

static void setup(void)
{
	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
	ring = trn_test_host_map(&host, RING, 4096);
}

static void teardown(void)
{
	trn_test_host_close(&host);
}

/* As the driver does: base high, base low, size. */
static void arm(uint32_t block, uint32_t index, uint64_t base, uint32_t size)
{
	trn_test_wr(&host, block + TRN_NQ_BASE_HI(index), trn_hi32(base));
	trn_test_wr(&host, block + TRN_NQ_BASE_LO(index), trn_lo32(base));
	trn_test_wr(&host, block + TRN_NQ_SIZE(index), size);
}

static void post(uint32_t core, enum trn_nq_type type, uint32_t engine, uint32_t code)
{
	struct trn_nq_entry entry = {
		.phase_type = (uint32_t)type | engine << 8,
		.code = code,
		.time_ps = 123,
		.address = 456,
		.pc = 7,
		.aux = 8,
	};

	trn_chip_notify(host.chip, core, &entry);
}

START_TEST(every_block_has_96_groups_that_read_back)
{
	const uint32_t blocks[] = {
		trn_regs_nq_core_bar0(0),
		trn_regs_nq_core_bar0(7),
		trn_regs_nq_topsp_bar0(0),
		trn_regs_nq_topsp_bar0(15),
		trn_regs_udma_bar0(0) + TRN_UDMA_NOTIFIC,
		trn_regs_udma_bar0(131) + TRN_UDMA_NOTIFIC,
	};

	for (size_t b = 0; b < TRN_ARRAY_LEN(blocks); b++) {
		for (uint32_t i = 0; i < TRN_NQ_GROUPS; i++) {
			ck_assert_uint_eq(trn_test_rd(&host, blocks[b] + TRN_NQ_HEAD(i)), 0);
			arm(blocks[b], i, 0x1000000 * (b + 1) + i * 0x1000, 4096);
		}
		for (uint32_t i = 0; i < TRN_NQ_GROUPS; i++) {
			ck_assert_uint_eq(trn_test_rd(&host, blocks[b] + TRN_NQ_BASE_LO(i)),
					  0x1000000 * (b + 1) + i * 0x1000);
			ck_assert_uint_eq(trn_test_rd(&host, blocks[b] + TRN_NQ_SIZE(i)), 4096);
		}
	}
	ck_assert_uint_eq(host.event_count, 0);
	/* Between and behind the groups there is nothing. */
	(void)trn_test_rd(&host, blocks[0]);
	(void)trn_test_rd(&host, blocks[0] + TRN_NQ_HEAD(0) + 4);
	trn_test_wr(&host, blocks[2], 1);
	ck_assert_uint_eq(host.kind_count[TRN_EV_UNKNOWN_REG], 3);
}
END_TEST

START_TEST(entries_carry_a_phase_that_turns_each_lap)
{
	uint32_t block = trn_regs_nq_core_bar0(2), index = TRN_NQ_INDEX(TRN_NQ_ERROR, 4);

	post(2, TRN_NQ_ERROR, 4, 1); /* not armed: nothing */
	arm(block, index, TRN_AXI_HOST | RING, 128);
	for (uint32_t i = 0; i < 10; i++) {
		post(2, TRN_NQ_ERROR, 4, 100 + i);
		ck_assert_uint_eq(ring[i % 4].phase_type,
				  (i / 4 % 2 == 0 ? 0x80000000 : 0) | 4u << 8 | TRN_NQ_ERROR);
		ck_assert_uint_eq(ring[i % 4].code, 100 + i);
		ck_assert_uint_eq(ring[i % 4].time_ps, 123);
		ck_assert_uint_eq(ring[i % 4].address, 456);
		ck_assert_uint_eq(ring[i % 4].pc, 7);
		ck_assert_uint_eq(ring[i % 4].aux, 8);
		trn_test_wr(&host, block + TRN_NQ_HEAD(index), (i + 1) % 4 * 32);
	}
	/* Another type, engine or core is another queue. */
	memset(ring, 0, 4096);
	post(2, TRN_NQ_NOTIFY, 4, 1);
	post(2, TRN_NQ_ERROR, 3, 1);
	post(3, TRN_NQ_ERROR, 4, 1);
	ck_assert_uint_eq(ring[2].code, 0);
	/* Disarmed by zeroes; armed again it starts over. */
	arm(block, index, 0, 0);
	post(2, TRN_NQ_ERROR, 4, 1);
	ck_assert_uint_eq(ring[2].code, 0);
	arm(block, index, TRN_AXI_HOST | RING, 128);
	post(2, TRN_NQ_ERROR, 4, 1);
	ck_assert_uint_eq(ring[0].phase_type >> 31, 1);
}
END_TEST

START_TEST(queues_in_hbm)
{
	uint32_t block = trn_regs_nq_core_bar0(0);

	arm(block, 16, TRN_AXI_HBM1 + 0x2000, 4096);
	post(0, TRN_NQ_NOTIFY, 0, 77);
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, TRN_BAR4_SLOT + 0x2004), 77);
}
END_TEST

START_TEST(dma_traces_go_to_the_dma_engine)
{
	uint32_t block = trn_regs_udma_bar0(37) + TRN_UDMA_NOTIFIC;

	arm(block, 0, TRN_AXI_HOST | RING, 4096);
	post(2, TRN_NQ_TRACE_DMA, 0, 37u << 8 | 5);
	ck_assert_uint_eq(ring[0].code, 37u << 8 | 5);
	post(2, TRN_NQ_TRACE_DMA, 0, 132u << 8); /* no such engine */
	post(2, (enum trn_nq_type)5, 0, 0);      /* no such type */
	ck_assert_uint_eq(ring[1].code, 0);
}
END_TEST

START_TEST(a_full_queue_is_told_once_and_loses_the_rest)
{
	uint32_t block = trn_regs_nq_core_bar0(0);

	trn_test_host_expect(&host, "nq-overflow");
	arm(block, 0, TRN_AXI_HOST | RING, 128);
	for (uint32_t i = 0; i < 6; i++)
		post(0, TRN_NQ_TRACE, 0, 1 + i);
	ck_assert_uint_eq(trn_test_host_count(&host, "nq-overflow"), 1);
	ck_assert_uint_eq(ring[2].code, 3);
	ck_assert_uint_eq(ring[3].code, 0);
	/* Room again. */
	trn_test_wr(&host, block + TRN_NQ_HEAD(0), 64);
	post(0, TRN_NQ_TRACE, 0, 50);
	post(0, TRN_NQ_TRACE, 0, 51);
	ck_assert_uint_eq(ring[3].code, 50);
	ck_assert_uint_eq(ring[0].code, 51);
	post(0, TRN_NQ_TRACE, 0, 52);
	ck_assert_uint_eq(trn_test_host_count(&host, "nq-overflow"), 2);
}
END_TEST

START_TEST(bad_sizes_heads_and_places_are_violations)
{
	uint32_t block = trn_regs_nq_core_bar0(0);

	trn_test_host_expect(&host, "nq-size");
	trn_test_host_expect(&host, "nq-head");
	trn_test_host_expect(&host, "nq-unmapped");
	arm(block, 0, TRN_AXI_HOST | RING, 32);
	arm(block, 0, TRN_AXI_HOST | RING, 96);
	ck_assert_uint_eq(trn_test_host_count(&host, "nq-size"), 2);
	post(0, TRN_NQ_TRACE, 0, 1);
	ck_assert_uint_eq(ring[0].code, 0);
	arm(block, 0, TRN_AXI_HOST | RING, 128);
	trn_test_wr(&host, block + TRN_NQ_HEAD(0), 128);
	trn_test_wr(&host, block + TRN_NQ_HEAD(0), 33);
	ck_assert_uint_eq(trn_test_host_count(&host, "nq-head"), 2);
	arm(block, 0, TRN_AXI_HOST | (RING + 4096), 128);
	post(0, TRN_NQ_TRACE, 0, 1);
	post(0, TRN_NQ_TRACE, 0, 1);
	ck_assert_uint_eq(trn_test_host_count(&host, "nq-unmapped"), 1);
}
END_TEST

START_TEST(no_memory_for_a_block_is_counted)
{
	trn_test_alloc_arm(&host.mem, 0);
	trn_test_wr(&host, trn_regs_nq_core_bar0(0) + TRN_NQ_BASE_LO(0), 1);
	ck_assert(host.mem.failed);
	trn_test_alloc_arm(&host.mem, -1);
	ck_assert_uint_eq(trn_model_lost_events(host.model), 1);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_nq_core_bar0(0) + TRN_NQ_BASE_LO(0)), 0);
}
END_TEST

static Suite *notific_suite(void)
{
	Suite *suite = suite_create("notific");
	TCase *tc = tcase_create("notific");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_block_has_96_groups_that_read_back);
	tcase_add_test(tc, entries_carry_a_phase_that_turns_each_lap);
	tcase_add_test(tc, queues_in_hbm);
	tcase_add_test(tc, dma_traces_go_to_the_dma_engine);
	tcase_add_test(tc, a_full_queue_is_told_once_and_loses_the_rest);
	tcase_add_test(tc, bad_sizes_heads_and_places_are_violations);
	tcase_add_test(tc, no_memory_for_a_block_is_counted);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(notific_suite)
