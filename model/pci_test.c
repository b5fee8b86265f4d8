/* SPDX-License-Identifier: Apache-2.0 */
/* What a host finds behind the PCI function: configuration space, BARs, and the
 * registers of BAR0 that belong to no bigger part. Items 1 to 3, 15 and 22 of
 * the facts' table. */
#include "base/test_main.h"
#include "base/bits.h"
#include "model/parts.h"
#include "model/test_host.h"

#include <string.h>

static struct trn_test_host host;

static void setup(void)
{
	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
}

static void teardown(void)
{
	trn_test_host_close(&host);
}

static uint32_t cfg(uint32_t offset)
{
	return trn_chip_cfg_read32(host.chip, offset);
}

/* As a host sizes a BAR. */
static uint64_t sized(uint32_t bar)
{
	uint64_t mask;

	trn_chip_cfg_write32(host.chip, 0x10 + bar * 4, UINT32_MAX);
	trn_chip_cfg_write32(host.chip, 0x14 + bar * 4, UINT32_MAX);
	mask = trn_u64(cfg(0x10 + bar * 4) & ~UINT32_C(0xf), cfg(0x14 + bar * 4));
	return ~mask + 1;
}

START_TEST(ids_and_class)
{
	ck_assert_uint_eq(cfg(0x00), 0x73641d0f);
	ck_assert_uint_eq(cfg(0x08) & 0xff, 0);
	ck_assert_uint_eq(cfg(0x2c), 0x73641d0f);
	ck_assert_uint_eq(cfg(0x3c), 0); /* no interrupt pin */
	ck_assert_uint_eq(cfg(0x02), 0);
	ck_assert_uint_eq(cfg(0x100), 0);
	teardown();
	trn_test_host_init(&host, "trn3");
	host.config.pci_revision = TRN_PCI_REVISION_QEMU;
	trn_test_host_open(&host);
	ck_assert_uint_eq(cfg(0x00), 0x75641d0f);
	ck_assert_uint_eq(cfg(0x08) & 0xff, TRN_PCI_REVISION_QEMU);
}
END_TEST

START_TEST(bars_have_their_sizes)
{
	ck_assert_uint_eq(sized(0), TRN_BAR0_SIZE);
	ck_assert_uint_eq(sized(4), 4 * TRN_BAR4_SLOT);
	ck_assert_uint_eq(cfg(0x10) & 0xf, 0x4);
	ck_assert_uint_eq(cfg(0x20) & 0xf, 0xc);
	ck_assert_uint_eq(cfg(0x18), 0);
	ck_assert_uint_eq(cfg(0x1c), 0);
	trn_chip_cfg_write32(host.chip, 0x24, 0x1234);
	ck_assert_uint_eq(cfg(0x24), 0x1200); /* below the size bits are 0 */
	ck_assert_uint_eq(trn_chip_bar_size(host.chip, 2), 0);
}
END_TEST

START_TEST(command_register)
{
	ck_assert_uint_eq(cfg(0x04) & 0xffff, 0x6); /* as the test host left it */
	trn_chip_cfg_write32(host.chip, 0x04, UINT32_MAX);
	ck_assert_uint_eq(cfg(0x04) & 0xffff, 0x6);
	trn_chip_cfg_write32(host.chip, 0x04, 0);
	ck_assert(!host.chip->bus_master);
	trn_chip_cfg_write32(host.chip, 0x06, 0x6);
	trn_chip_cfg_write32(host.chip, 0x08, 0x6);
	ck_assert(!host.chip->bus_master);
}
END_TEST

START_TEST(the_capability_leads_to_the_extension)
{
	uint32_t at = cfg(0x34) & 0xff, block;

	ck_assert_uint_eq(cfg(0x04) >> 20 & 1, 1);
	ck_assert_uint_eq(at, TRN_EXT_CAP_OFFSET);
	ck_assert_uint_eq(cfg(at), 0x54100009);
	ck_assert_uint_eq(cfg(at + 4), TRN_EXT_MAGIC);
	ck_assert_uint_eq(cfg(at + 8), TRN_EXT_VERSION);
	block = cfg(at + 12);
	ck_assert_uint_eq(trn_test_rd(&host, block + TRN_EXT_ID_MAGIC), TRN_EXT_MAGIC);
}
END_TEST

START_TEST(without_the_extension_there_is_no_trace_of_it)
{
	teardown();
	trn_test_host_init(&host, "trn2");
	host.config.no_extension = true;
	trn_test_host_open(&host);
	ck_assert_uint_eq(cfg(0x04) >> 20 & 1, 0);
	ck_assert_uint_eq(cfg(0x34), 0);
	for (uint32_t o = TRN_EXT_CAP_OFFSET; o < TRN_EXT_CAP_OFFSET + 16; o += 4)
		ck_assert_uint_eq(cfg(o), 0);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_EXT_BAR0), 0);
	trn_test_wr(&host, TRN_EXT_BAR0 + TRN_EXT_DOORBELL(0), 1);
	ck_assert_uint_eq(host.kind_count[TRN_EV_UNKNOWN_REG], 2);
	trn_model_kick(host.model);
}
END_TEST

START_TEST(bar4_is_hbm)
{
	void *ptr = NULL;
	uint64_t bad = 0;
	uint32_t value = 0;

	trn_chip_write32(host.chip, TRN_BAR_HBM, 3 * TRN_BAR4_SLOT + 0x100, 0xfeedface);
	ck_assert_int_eq(trn_chip_dma_read(host.chip, TRN_AXI_HBM3 + 0x100, &value, 4, &bad), 0);
	ck_assert_uint_eq(value, 0xfeedface);
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_HBM, 3 * TRN_BAR4_SLOT, 0x1000, &ptr), 0);
	ck_assert_uint_eq(trn_load32((uint8_t *)ptr + 0x100), 0xfeedface);
	/* Only the active part of a slot, and only one. */
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_HBM, 24 * TRN_GIB - 4, 8, &ptr), -EINVAL);
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_HBM, 4 * TRN_BAR4_SLOT, 8, &ptr), -EINVAL);
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_HBM, 0, 0, &ptr), -EINVAL);
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_HBM, 0, UINT64_MAX, &ptr), -EINVAL);
	ck_assert_int_eq(trn_chip_map(host.chip, 2, 0, 8, &ptr), -EINVAL);
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_REGS, 0, 8, &ptr), -ENOTSUP);
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, 24 * TRN_GIB), 0);
	trn_chip_write32(host.chip, TRN_BAR_HBM, 24 * TRN_GIB, 1);
	(void)trn_chip_read32(host.chip, TRN_BAR_HBM, 2);
	(void)trn_chip_read32(host.chip, TRN_BAR_HBM, UINT64_MAX - 3);
	(void)trn_chip_read32(host.chip, 1, 0);
	(void)trn_chip_read32(host.chip, TRN_BAR_REGS, TRN_BAR0_SIZE);
	trn_chip_write32(host.chip, TRN_BAR_REGS, 1, 1);
	ck_assert_uint_eq(host.kind_count[TRN_EV_UNKNOWN_REG], 7);
}
END_TEST

START_TEST(a_chip_without_bar4_works)
{
	void *ptr = NULL;
	uint64_t bad = 0, value = 5;

	teardown();
	trn_test_host_init(&host, "trn2");
	host.config.no_bar4 = true;
	trn_test_host_open(&host);
	ck_assert_uint_eq(trn_chip_bar_size(host.chip, TRN_BAR_HBM), 0);
	trn_chip_cfg_write32(host.chip, 0x20, UINT32_MAX);
	ck_assert_uint_eq(cfg(0x20), 0);
	ck_assert_int_eq(trn_chip_map(host.chip, TRN_BAR_HBM, 0, 8, &ptr), -EINVAL);
	trn_chip_write32(host.chip, TRN_BAR_HBM, 0, 1);
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, 0), 0);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM0, &value, 8, &bad), 0);
}
END_TEST

START_TEST(simulator_slots_have_no_gaps)
{
	uint64_t bad = 0;
	uint32_t value = 77;

	teardown();
	trn_test_host_init(&host, "trn3");
	host.config.pci_revision = TRN_PCI_REVISION_QEMU;
	host.config.hbm_bytes = TRN_GIB;
	trn_test_host_open(&host);
	ck_assert_uint_eq(trn_chip_bar_size(host.chip, TRN_BAR_HBM), 4 * TRN_GIB);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM2, &value, 4, &bad), 0);
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, 2 * TRN_GIB), 77);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM0 + TRN_GIB, &value, 4, &bad),
			 -EFAULT);
}
END_TEST

/* Semaphores and events of one set: by BAR0, then by device address. */
static void check_sync(uint32_t bar0, uint64_t axi)
{
	uint32_t value = 3;
	uint64_t bad = 0;

	trn_test_wr(&host, bar0 + TRN_TOPSP_SEM_SET + 4 * 200, 10);
	trn_test_wr(&host, bar0 + TRN_TOPSP_SEM_INC + 4 * 200, 5);
	trn_test_wr(&host, bar0 + TRN_TOPSP_SEM_DEC + 4 * 200, 1);
	ck_assert_uint_eq(trn_test_rd(&host, bar0 + TRN_TOPSP_SEM_READ + 4 * 200), 14);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, axi + TRN_TOPSP_SEM_INC + 4 * 200, &value, 4,
					    &bad),
			 0);
	ck_assert_uint_eq(trn_test_rd(&host, bar0 + TRN_TOPSP_SEM_READ + 4 * 200), 17);
	ck_assert_int_eq(trn_chip_dma_read(host.chip, axi + TRN_TOPSP_SEM_READ + 4 * 200, &value, 4,
					   &bad),
			 0);
	ck_assert_uint_eq(value, 17);
	trn_test_wr(&host, bar0 + TRN_TOPSP_EVENTS + 4 * 255, 1);
	ck_assert_uint_eq(trn_test_rd(&host, bar0 + TRN_TOPSP_EVENTS + 4 * 255), 1);
	ck_assert_uint_eq(trn_test_rd(&host, bar0 + TRN_TOPSP_SEM_READ + 4 * 201), 0);
}

START_TEST(semaphores_of_cores_and_sync_processors)
{
	for (uint32_t c = 0; c < TRN_CORES; c++)
		check_sync(TRN_BAR0_TPB + c * TRN_BAR0_TPB_STRIDE + TRN_TPB_EVENTS,
			   trn_regs_tpb_axi(c) + TRN_TPB_EVENTS);
	for (uint32_t t = 0; t < TRN_TOPSPS; t++)
		check_sync(trn_regs_topsp_bar0(t), trn_regs_topsp_axi(t < 8 ? t : t + 2));
	/* Each set is its own. */
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_topsp_bar0(3) + TRN_TOPSP_SEM_READ + 4 * 200),
			  17);
}
END_TEST

START_TEST(sbuf_and_psum_through_the_window)
{
	uint8_t block[512], back[512] = { 0 };
	uint64_t bad = 0, psum = trn_regs_tpb_axi(6) + TRN_TPB_PSUM + 0x4000 * 5;
	uint64_t sbuf = trn_regs_tpb_axi(6) + 5 * TRN_SBUF_PARTITION_STRIDE;

	for (unsigned int i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 3 + 1);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, sbuf, block, 512, &bad), 0);
	ck_assert_uint_eq(trn_test_rd(&host, 0xd0000000 + 6 * 0x4000000 + 5 * 0x40000 + 8),
			  trn_load32(block + 8));
	/* From one core's memory to another's, and on to PSUM. */
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, trn_regs_tpb_axi(1), sbuf, 512, &bad), 0);
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, psum, trn_regs_tpb_axi(1), 512, &bad), 0);
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, TRN_AXI_HBM0, psum, 512, &bad), 0);
	ck_assert_int_eq(trn_chip_dma_read(host.chip, TRN_AXI_HBM0, back, 512, &bad), 0);
	ck_assert_mem_eq(back, block, 512);
	trn_test_wr(&host, 0xd0000000 + TRN_TPB_PSUM, 0x3f800000);
	ck_assert_uint_eq(trn_test_rd(&host, 0xd0000000 + TRN_TPB_PSUM), 0x3f800000);
	/* Holes of the window: past 224 KiB of a partition, and behind PSUM. */
	trn_test_wr(&host, 0xd0000000 + 0x38000, 1);
	(void)trn_test_rd(&host, 0xd0000000 + 0x38000);
	(void)trn_test_rd(&host, 0xd0000000 + 0x2200000);
	ck_assert_uint_eq(host.kind_count[TRN_EV_UNKNOWN_REG], 3);
}
END_TEST

START_TEST(linear_copies_cross_partitions_where_there_is_no_gap)
{
	uint64_t bad = 0, at;
	uint32_t zero[16] = { 0 };

	/* 256 KiB partitions touch each other on trn3; on trn2 there is a hole between. */
	at = trn_regs_tpb_axi(0) + 0x38000 - 32;
	ck_assert_int_eq(trn_chip_dma_write(host.chip, at, zero, 64, &bad), -EFAULT);
	ck_assert_uint_eq(bad, at + 32);
	teardown();
	trn_test_host_init(&host, "trn3");
	trn_test_host_open(&host);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, trn_regs_tpb_axi(0) + 0x40000 - 32, zero, 64,
					    &bad),
			 0);
}
END_TEST

START_TEST(activity_counters_read)
{
	uint32_t pe = trn_regs_pe_bar0(4);

	/* Of a core that was never used: nothing, and nothing is made for it. */
	ck_assert_uint_eq(trn_test_rd(&host, pe + TRN_PE_IDLE_LSB(2)), 0);
	ck_assert_ptr_null(host.chip->core[4]);
	(void)trn_chip_core(host.chip, 4);
	trn_model_run(host.model, 1000000 * TRN_PS_PER_NS);
	ck_assert_uint_eq(trn_test_rd(&host, pe + TRN_PE_IDLE_LSB(2) + 4), 0);
	ck_assert_uint_gt(trn_test_rd(&host, pe + TRN_PE_IDLE_LSB(2)), 0);
	ck_assert_uint_eq(trn_test_rd(&host, pe + TRN_PE_MATMUL_LSB(2)), 0);
	trn_test_wr(&host, pe, 1);
	ck_assert_uint_eq(host.kind_count[TRN_EV_UNKNOWN_REG], 1);
}
END_TEST

START_TEST(neighbour_windows_do_not_answer)
{
	uint64_t bad = 0;
	uint32_t value = 0;

	for (uint64_t i = 0; i < 4; i++) {
		uint64_t at = TRN_AXI_PEER0 + i * TRN_AXI_PEER_STRIDE + TRN_AXI_MISC_RAM +
			      TRN_MR_SERIAL_LO;

		ck_assert_int_eq(trn_chip_dma_read(host.chip, at, &value, 4, &bad), -EFAULT);
		ck_assert_uint_eq(bad, at);
	}
}
END_TEST

START_TEST(no_memory_for_a_part_is_counted)
{
	const uint32_t places[] = {
		TRN_BAR0_TPB + TRN_TPB_EVENTS,
		trn_regs_udma_bar0(7) + TRN_UDMA_STATE,
		TRN_EXT_BAR0 + TRN_EXT_CORE(0),
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(places); i++) {
		trn_test_alloc_arm(&host.mem, 0);
		ck_assert_uint_eq(trn_test_rd(&host, places[i]), 0);
		ck_assert(host.mem.failed);
		trn_test_alloc_arm(&host.mem, 0);
		trn_test_wr(&host, places[i], 1);
		trn_test_alloc_arm(&host.mem, -1);
		ck_assert_uint_eq(trn_model_lost_events(host.model), 2 * (i + 1));
	}
}
END_TEST

static Suite *pci_suite(void)
{
	Suite *suite = suite_create("pci");
	TCase *tc = tcase_create("pci");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ids_and_class);
	tcase_add_test(tc, bars_have_their_sizes);
	tcase_add_test(tc, command_register);
	tcase_add_test(tc, the_capability_leads_to_the_extension);
	tcase_add_test(tc, without_the_extension_there_is_no_trace_of_it);
	tcase_add_test(tc, bar4_is_hbm);
	tcase_add_test(tc, a_chip_without_bar4_works);
	tcase_add_test(tc, simulator_slots_have_no_gaps);
	tcase_add_test(tc, semaphores_of_cores_and_sync_processors);
	tcase_add_test(tc, sbuf_and_psum_through_the_window);
	tcase_add_test(tc, linear_copies_cross_partitions_where_there_is_no_gap);
	tcase_add_test(tc, activity_counters_read);
	tcase_add_test(tc, neighbour_windows_do_not_answer);
	tcase_add_test(tc, no_memory_for_a_part_is_counted);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(pci_suite)
