/* SPDX-License-Identifier: Apache-2.0 */
/* UDMA data path: the golden vector of driver facts 13.1, packets, rings, order of
 * writes. Items 9 to 13 and 16 of the facts' table. */
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

START_TEST(golden_vector)
{
	/* Driver facts 13.1: 100,000 bytes from host memory to HBM0, by the letter. */
	static const uint32_t rings_iova = 0x3000000, words_iova = 0x4000000;
	const uint64_t source = (UINT64_C(1) << 46) | TRN_TEST_DATA, target = UINT64_C(0x12340000);
	const struct {
		uint32_t tx0, tx1, rx0;
		uint64_t src, dst;
	} table[] = {
		{ 0x0d000000, 0x01080003, 0x01000000, source, target },
		{ 0x0d0086a0, 0x05080003, 0x010086a0, source + 0x10000, target + 0x10000 },
		{ 0x0d000004, 0x01080003, 0x01000004, (UINT64_C(1) << 46) | words_iova,
		  (UINT64_C(1) << 46) | (words_iova + 4) },
	};
	uint8_t *rings = trn_test_host_map(&dma.host, rings_iova, 2 * 8192 * 16);
	uint32_t *words = trn_test_host_map(&dma.host, words_iova, 8);

	trn_test_dma_fill(&dma, 0, 100000, 7);
	words[0] = 0xabcdef01;
	for (uint32_t i = 0; i < 3; i++) {
		trn_store32(rings + i * 16, table[i].tx0);
		trn_store32(rings + i * 16 + 4, table[i].tx1);
		trn_store64(rings + i * 16 + 8, table[i].src);
		trn_store32(rings + 0x20000 + i * 16, table[i].rx0);
		trn_store32(rings + 0x20000 + i * 16 + 4, 0);
		trn_store64(rings + 0x20000 + i * 16 + 8, table[i].dst);
	}
	trn_test_queue_init(&dma.host, 0x06801000, true, TRN_AXI_HOST | rings_iova, 8192);
	trn_test_queue_init(&dma.host, 0x06821000, false, TRN_AXI_HOST | (rings_iova + 0x20000),
			    8192);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x06801034), 0x40000000);
	trn_test_wr(&dma.host, 0x06821038, 3);
	trn_test_wr(&dma.host, 0x06801038, 3);
	ck_assert_uint_eq(words[1], 0);
	while (words[1] != 0xabcdef01)
		ck_assert(trn_model_step(dma.host.model));
	/* The marker is the last thing seen. */
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, target), dma.data, 100000);
	ck_assert_uint_eq(trn_test_dma_hbm(&dma, 0, target + 100000)[0], 0);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x06801034), 0x40000003);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x06821034), 0x40000003);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x0680103c), 0x40000003);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x0682103c), 0x40000003);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x06801030), 8192);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x06800200), 0x1111);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x06820200), 0x1111);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x0683a000), 0);
	ck_assert_uint_eq(trn_test_rd(&dma.host, 0x0683a040), 0);
	ck_assert_uint_eq(trn_model_next(dma.host.model), TRN_MODEL_NEVER);
}
END_TEST

START_TEST(every_engine_and_queue_copies)
{
	/* The ring is engine 128's; others follow at their own places. */
	for (uint32_t engine = 0; engine < TRN_DMA_ENGINES; engine += engine % 5 + 1) {
		uint32_t queue = engine % TRN_DMA_QUEUES;
		struct trn_test_ring r;

		trn_test_engine_init(&dma.host, engine);
		trn_test_ring_init(&r, &dma.host, engine, queue,
				   UINT64_C(0x8000000) + engine * 0x1000, 32);
		trn_test_dma_fill(&dma, 0, 4096, engine);
		trn_test_ring_copy(&r, trn_regs_hbm_axi(engine % 4) + engine * 0x10000, HOST(0),
				   4096, true);
		trn_test_ring_start(&r);
		trn_test_host_settle(&dma.host, 10);
		ck_assert_mem_eq(trn_test_dma_hbm(&dma, engine % 4, engine * 0x10000), dma.data,
				 4096);
		trn_test_host_unmap(&dma.host, UINT64_C(0x8000000) + engine * 0x1000);
	}
}
END_TEST

START_TEST(device_to_host_needs_no_barrier)
{
	uint32_t *marker = (uint32_t *)(void *)(dma.data + 0x200000);

	memset(trn_chip_memory(dma.host.chip, TRN_AXI_HBM1, 0x30000, true), 0x6b, 0x30000);
	marker[0] = TRN_H2T_MARKER;
	for (uint32_t i = 0; i < 3; i++)
		trn_test_ring_copy(&dma.ring, HOST(i * 0x10000), TRN_AXI_HBM1 + i * 0x10000,
				   0x10000, false);
	trn_test_ring_copy(&dma.ring, HOST(0x200004), HOST(0x200000), 4, false);
	trn_test_ring_start(&dma.ring);
	while (marker[1] != TRN_H2T_MARKER)
		ck_assert(trn_model_step(dma.host.model));
	ck_assert_mem_eq(dma.data, trn_test_dma_hbm(&dma, 1, 0), 0x30000);
}
END_TEST

/* The marker of a host-to-device copy: how many data bytes are there when it is seen? */
static bool marker_is_last(uint32_t tx_bits, uint32_t meta, uint32_t marker_rx_bits,
			   uint32_t marker_tx_bits)
{
	volatile uint32_t *marker = (volatile uint32_t *)(void *)(dma.data + 0x200000);

	trn_test_dma_fill(&dma, 0, 4096, 99);
	marker[0] = TRN_H2T_MARKER;
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0, HOST(0), 4096,
			   TRN_DESC_FIRST | TRN_DESC_LAST | tx_bits, meta, 0);
	trn_test_ring_pair(&dma.ring, HOST(0x200004), HOST(0x200000), 4,
			   TRN_DESC_FIRST | TRN_DESC_LAST | marker_tx_bits, TRN_DESC_META_COPY,
			   marker_rx_bits);
	trn_test_ring_start(&dma.ring);
	while (marker[1] != TRN_H2T_MARKER)
		ck_assert(trn_model_step(dma.host.model));
	return memcmp(trn_test_dma_hbm(&dma, 0, 0), dma.data, 4096) == 0;
}

START_TEST(a_missing_barrier_shows)
{
	ck_assert(!marker_is_last(0, TRN_DESC_META_COPY, 0, 0));
	trn_test_host_settle(&dma.host, 10);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 4096);
}
END_TEST

START_TEST(a_write_barrier_orders_the_marker)
{
	ck_assert(marker_is_last(0, TRN_DESC_META_COPY | TRN_DESC_META_WRITE_BARRIER, 0, 0));
}
END_TEST

START_TEST(strong_order_on_the_marker_orders_it)
{
	ck_assert(marker_is_last(0, TRN_DESC_META_COPY, TRN_DESC_STRONG_ORDER, 0));
}
END_TEST

START_TEST(host_writes_stay_in_order_behind_a_strong_one)
{
	volatile uint32_t *words = (volatile uint32_t *)(void *)dma.data;

	words[0] = 1;
	trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, HOST(0x10000), 4096, false);
	trn_test_ring_pair(&dma.ring, HOST(4), HOST(0), 4, TRN_DESC_FIRST | TRN_DESC_LAST,
			   TRN_DESC_META_COPY, TRN_DESC_STRONG_ORDER);
	trn_test_ring_copy(&dma.ring, HOST(8), HOST(0), 4, false);
	trn_test_ring_start(&dma.ring);
	while (words[2] != 1) {
		ck_assert(trn_model_step(dma.host.model));
		ck_assert(words[2] == 0 || words[1] == 1);
	}
}
END_TEST

START_TEST(a_dmb_orders_on_both_sides)
{
	ck_assert(marker_is_last(TRN_DESC_DMB, TRN_DESC_META_COPY, 0, 0));
	memset(trn_chip_memory(dma.host.chip, TRN_AXI_HBM0, 4096, true), 0, 4096);
	memset(dma.data + 0x200004, 0, 4);
	ck_assert(marker_is_last(0, TRN_DESC_META_COPY, 0, TRN_DESC_DMB));
}
END_TEST

START_TEST(a_dmb_does_not_pause_when_the_rate_limit_mask_forbids)
{
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_M2S_RLIMIT_MASK, 7);
	ck_assert(!marker_is_last(TRN_DESC_DMB, TRN_DESC_META_COPY, 0, 0));
	trn_test_host_settle(&dma.host, 10);
}
END_TEST

START_TEST(a_chain_reads_what_the_packet_before_wrote)
{
	/* HBM scrub: each copy reads what the one before wrote, ordered by DMB. */
	trn_test_dma_fill(&dma, 0, 0x10000, 3);
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM2, HOST(0), 0x10000,
			   TRN_DESC_FIRST | TRN_DESC_LAST | TRN_DESC_DMB, TRN_DESC_META_COPY, 0);
	for (uint32_t i = 0; i < 8; i++)
		trn_test_ring_pair(&dma.ring, TRN_AXI_HBM2 + (i + 1) * 0x100000,
				   TRN_AXI_HBM2 + i * 0x100000, 0x10000,
				   TRN_DESC_FIRST | TRN_DESC_LAST | TRN_DESC_DMB,
				   TRN_DESC_META_COPY, 0);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 60);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 2, 8 * 0x100000), dma.data, 0x10000);
}
END_TEST

START_TEST(ring_wraps_and_ids_follow)
{
	/* Five laps of 64 descriptors, in doorbells that do not divide the ring. */
	uint32_t *words = (uint32_t *)(void *)dma.data;
	uint32_t done = 0;

	while (done < 5 * 64) {
		uint32_t n = done % 23 + 1;

		for (uint32_t i = 0; i < n; i++) {
			words[(done + i) & 0xff] = 0x1000 + done + i;
			trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + (done + i) * 4,
					   HOST(((done + i) & 0xff) * 4), 4, false);
		}
		trn_test_ring_start(&dma.ring);
		trn_test_host_settle(&dma.host, 200);
		done += n;
		ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_HEAD),
				  done % 64 | (1 + done / 64) % 4 << 30);
		ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL),
				  done % 64 | (1 + done / 64) % 4 << 30);
		ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.s2m + TRN_UDMAQ_COMP_HEAD),
				  done % 64 | (1 + done / 64) % 4 << 30);
	}
	for (uint32_t i = 0; i < done; i++)
		ck_assert_uint_eq(trn_load32(trn_test_dma_hbm(&dma, 0, i * 4)), 0x1000 + i);
}
END_TEST

START_TEST(packets_of_many_descriptors)
{
	/* 65 read descriptors of odd sizes into 3 write descriptors of the same total. */
	uint32_t total = 0;

	teardown();
	trn_test_dma_open(&dma, "trn2", 128, 128);
	trn_test_dma_fill(&dma, 0, 65 * 1000, 1);
	for (uint32_t i = 0; i < 65; i++) {
		uint32_t size = 100 + i;

		trn_test_ring_pair(&dma.ring, 0, HOST(i * 1000), size,
				   (i == 0 ? TRN_DESC_FIRST : 0) | (i == 64 ? TRN_DESC_LAST : 0),
				   TRN_DESC_META_COPY, 0);
		total += size;
	}
	dma.ring.rx[0] = (struct trn_udma_desc){ 0x01000000 | 5, 0, TRN_AXI_HBM0 };
	dma.ring.rx[1] = (struct trn_udma_desc){ 0x01000000 | 1000, 0, TRN_AXI_HBM0 + 5 };
	dma.ring.rx[2] =
		(struct trn_udma_desc){ 0x01000000 | (total - 1005), 0, TRN_AXI_HBM0 + 1005 };
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 3);
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 65);
	trn_test_host_settle(&dma.host, 10);
	for (uint32_t i = 0, at = 0; i < 65; at += 100 + i, i++)
		ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, at), dma.data + i * 1000, 100 + i);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_HEAD), 0x40000041);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.s2m + TRN_UDMAQ_HEAD), 0x40000003);
}
END_TEST

START_TEST(a_packet_waits_for_its_last_descriptor)
{
	trn_test_dma_fill(&dma, 0, 200, 1);
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0, HOST(0), 100, TRN_DESC_FIRST,
			   TRN_DESC_META_COPY, 0);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_HEAD), 0x40000000);
	ck_assert_uint_eq(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_STATUS), 1);
	trn_test_ring_pair(&dma.ring, TRN_AXI_HBM0 + 100, HOST(100), 100, TRN_DESC_LAST,
			   TRN_DESC_META_COPY, 0);
	/* Tx alone is not enough: the bytes need a place. */
	trn_test_wr(&dma.host, dma.ring.m2s + TRN_UDMAQ_TAIL_INC, 1);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_uint_eq(trn_test_dma_hbm(&dma, 0, 0)[0], 0);
	trn_test_wr(&dma.host, dma.ring.s2m + TRN_UDMAQ_TAIL_INC, 1);
	trn_test_host_settle(&dma.host, 10);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 0, 0), dma.data, 200);
}
END_TEST

START_TEST(queues_of_an_engine_take_turns)
{
	struct trn_test_ring other;
	volatile uint32_t *words = (volatile uint32_t *)(void *)dma.data;

	trn_test_ring_init(&other, &dma.host, 128, 5, 0x5000000, 64);
	for (uint32_t i = 0; i < 20; i++)
		trn_test_ring_copy(&dma.ring, HOST(0x100000), HOST(0x10000), 0x10000, false);
	words[0] = 1;
	trn_test_ring_copy(&other, HOST(4), HOST(0), 4, false);
	trn_test_ring_start(&dma.ring);
	trn_test_ring_start(&other);
	while (words[1] != 1)
		ck_assert(trn_model_step(dma.host.model));
	/* Not behind the 20 big ones of queue 0. */
	ck_assert_uint_lt(trn_test_rd(&dma.host, dma.ring.m2s + TRN_UDMAQ_HEAD), 0x40000004);
	trn_test_host_settle(&dma.host, 100);
}
END_TEST

START_TEST(a_doorbell_by_device_address_starts_a_queue)
{
	struct trn_test_ring other;
	uint64_t block = trn_regs_udma_axi(77) + TRN_UDMA_QUEUE(3);
	uint32_t one = 1;

	/* As the sync engines do: one queue rings another's doorbells through its own packets. */
	trn_test_engine_init(&dma.host, 77);
	trn_test_ring_init(&other, &dma.host, 77, 3, 0x5000000, 64);
	trn_test_dma_fill(&dma, 0, 256, 5);
	trn_test_ring_copy(&other, TRN_AXI_HBM3 + 8, HOST(0), 256, true);
	memcpy(dma.data + 0x1000, &one, 4);
	trn_test_ring_copy(&dma.ring, block + TRN_UDMA_S2M + TRN_UDMAQ_TAIL_INC, HOST(0x1000), 4,
			   false);
	trn_test_ring_copy(&dma.ring, block + TRN_UDMAQ_TAIL_INC, HOST(0x1000), 4, false);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 20);
	ck_assert_mem_eq(trn_test_dma_hbm(&dma, 3, 8), dma.data, 256);
}
END_TEST

START_TEST(a_full_batch_is_fast_in_virtual_time)
{
	/* 2032 pairs must end well inside 2 us each (item 13). */
	uint64_t start;

	teardown();
	trn_test_dma_open(&dma, "trn2", 128, 4096);
	for (uint32_t i = 0; i < 2032; i++)
		trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0 + i * 4096, HOST(i % 64 * 0x10000), 4096,
				   false);
	start = trn_model_now(dma.host.model);
	trn_test_ring_start(&dma.ring);
	trn_test_host_settle(&dma.host, 5000);
	ck_assert_uint_lt(trn_model_now(dma.host.model) - start,
			  2032 * UINT64_C(2000) * TRN_PS_PER_NS);
}
END_TEST

static Suite *udma_suite(void)
{
	Suite *suite = suite_create("udma");
	TCase *tc = tcase_create("udma");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, golden_vector);
	tcase_add_test(tc, every_engine_and_queue_copies);
	tcase_add_test(tc, device_to_host_needs_no_barrier);
	tcase_add_test(tc, a_missing_barrier_shows);
	tcase_add_test(tc, a_write_barrier_orders_the_marker);
	tcase_add_test(tc, strong_order_on_the_marker_orders_it);
	tcase_add_test(tc, host_writes_stay_in_order_behind_a_strong_one);
	tcase_add_test(tc, a_dmb_orders_on_both_sides);
	tcase_add_test(tc, a_dmb_does_not_pause_when_the_rate_limit_mask_forbids);
	tcase_add_test(tc, a_chain_reads_what_the_packet_before_wrote);
	tcase_add_test(tc, ring_wraps_and_ids_follow);
	tcase_add_test(tc, packets_of_many_descriptors);
	tcase_add_test(tc, a_packet_waits_for_its_last_descriptor);
	tcase_add_test(tc, queues_of_an_engine_take_turns);
	tcase_add_test(tc, a_doorbell_by_device_address_starts_a_queue);
	tcase_add_test(tc, a_full_batch_is_fast_in_virtual_time);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(udma_suite)
