/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers at a device address, and moving bytes between any two. */
#include "base/test_main.h"
#include "base/bits.h"
#include "base/pod.h"
#include "model/parts.h"
#include "model/test_host.h"

#include <errno.h>
#include <string.h>

#define HOST_IOVA UINT64_C(0x10000000)
#define HOST(o) (TRN_AXI_HOST + HOST_IOVA + (o))

static struct trn_test_host host;
static uint8_t *memory;

static void setup(void)
{
	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
	memory = trn_test_host_map(&host, HOST_IOVA, 0x100000);
}

static void teardown(void)
{
	trn_test_host_close(&host);
}

START_TEST(hbm_of_every_stack_reads_back_and_stacks_are_apart)
{
	uint64_t bad = 0, value;

	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		value = 0x1111111111111111 * (i + 1);
		ck_assert_int_eq(trn_chip_dma_write(host.chip, trn_regs_hbm_axi(i) + 0x5000, &value,
						    8, &bad),
				 0);
	}
	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		ck_assert_int_eq(trn_chip_dma_read(host.chip, trn_regs_hbm_axi(i) + 0x5000, &value,
						   8, &bad),
				 0);
		ck_assert_uint_eq(value, 0x1111111111111111 * (i + 1));
		/* The same bytes through BAR4. */
		ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM,
						  i * TRN_BAR4_SLOT + 0x5004),
				  0x11111111 * (i + 1));
	}
}
END_TEST

START_TEST(copy_host_to_hbm_and_back_across_mappings)
{
	uint8_t *next = trn_test_host_map(&host, HOST_IOVA + 0x100000, 0x10000);
	uint64_t bad = 0;

	for (unsigned int i = 0; i < 0x2000; i++)
		memory[0xff000 + (i & 0xfff)] = (uint8_t)(i * 7);
	memset(next, 0x5a, 0x1000);
	ck_assert_int_eq(
		trn_chip_dma_copy(host.chip, TRN_AXI_HBM3 + 3, HOST(0xff000), 0x2000, &bad), 0);
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, HOST(0x11), TRN_AXI_HBM3 + 3, 0x2000, &bad),
			 0);
	ck_assert_mem_eq(memory + 0x11, memory + 0xff000, 0x1000);
	ck_assert_mem_eq(memory + 0x1011, next, 0x1000);
}
END_TEST

START_TEST(unmapped_address_faults_where_it_begins_and_moves_nothing)
{
	static const uint64_t holes[] = {
		UINT64_C(0x000600000000),            /* past the 24 GiB of stack 0 */
		UINT64_C(0x009000000000),            /* between the I/O and sync spaces */
		UINT64_C(0x002004000000),            /* past the image of a core's window */
		UINT64_C(0x002000038000),            /* past 224 KiB of an SBUF partition */
		UINT64_C(0x002002600000),            /* between PSUM and the semaphores */
		UINT64_C(0x008280400000),            /* past a TOP_SP block */
		TRN_AXI_PEER0,                       /* no neighbour on a single chip */
		UINT64_C(0xc00000000000),            /* host bit and another */
		TRN_AXI_HOST + HOST_IOVA + 0x100000, /* host memory that is not mapped */
		UINT64_C(0x7fffffffffff),            /* last host address */
		UINT64_MAX - 3,
	};
	uint64_t bad;
	uint32_t value = 0x12345678;

	for (size_t i = 0; i < TRN_ARRAY_LEN(holes); i++) {
		bad = 1;
		ck_assert_int_eq(trn_chip_dma_write(host.chip, holes[i], &value, 4, &bad), -EFAULT);
		ck_assert_uint_eq(bad, holes[i]);
	}
	memset(memory + 0xffff0, 0x77, 16);
	bad = 0;
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, HOST(0xffff0), TRN_AXI_HBM0, 32, &bad),
			 -EFAULT);
	ck_assert_uint_eq(bad, HOST(0x100000));
	ck_assert_uint_eq(memory[0xffff0], 0x77);
}
END_TEST

START_TEST(read_only_host_memory_refuses_writes)
{
	uint64_t bad = 0;

	host.regions[0].read_only = true;
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, TRN_AXI_HBM0, HOST(0), 64, &bad), 0);
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, HOST(0), TRN_AXI_HBM0, 64, &bad), -EFAULT);
	ck_assert_uint_eq(bad, HOST(0));
}
END_TEST

START_TEST(host_memory_needs_bus_master)
{
	uint64_t bad = 0;

	trn_chip_cfg_write32(host.chip, 0x04, 0x2);
	trn_test_host_expect(&host, "bus-master-off");
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, TRN_AXI_HBM0, HOST(0), 64, &bad), -EFAULT);
	ck_assert_uint_eq(bad, HOST(0));
	trn_chip_cfg_write32(host.chip, 0x04, 0x6);
	ck_assert_int_eq(trn_chip_dma_copy(host.chip, TRN_AXI_HBM0, HOST(0), 64, &bad), 0);
}
END_TEST

START_TEST(preproc_and_topsp_memory_take_programs)
{
	uint64_t bad = 0, value = 0x0102030405060708;
	const uint64_t places[] = {
		trn_regs_preproc_axi(0),
		trn_regs_preproc_axi(3) + TRN_AXI_PREPROC_SIZE - 8,
		trn_regs_topsp_axi(0) + 0x2000,
		trn_regs_topsp_axi(8),
		trn_regs_topsp_axi(19) + 0x3ffff8,
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(places); i++) {
		uint64_t back = 0;

		ck_assert_int_eq(trn_chip_dma_write(host.chip, places[i], &value, 8, &bad), 0);
		ck_assert_int_eq(trn_chip_dma_read(host.chip, places[i], &back, 8, &bad), 0);
		ck_assert_uint_eq(back, value);
	}
	/* Block 10 of the map is id 8 in BAR0. */
	ck_assert_int_eq(
		trn_chip_dma_write(host.chip, trn_regs_topsp_axi(10) + 0x4000, &value, 8, &bad), 0);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_topsp_bar0(8) + 0x4004), 0x01020304);
	trn_test_wr(&host, trn_regs_topsp_bar0(8) + 0x4004, 7);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_topsp_bar0(8) + 0x4004), 7);
}
END_TEST

START_TEST(registers_answer_at_their_device_address)
{
	uint32_t nq = trn_regs_nq_core_bar0(5), value = 0x1000, back = 0;
	uint64_t axi = TRN_AXI_IO_APB1 + (nq - TRN_BAR0_IO_APB1) + 0x104, bad = 0;

	ck_assert_int_eq(trn_chip_dma_write(host.chip, axi, &value, 4, &bad), 0);
	ck_assert_uint_eq(trn_test_rd(&host, nq + 0x104), value);
	ck_assert_int_eq(trn_chip_dma_read(host.chip, axi, &back, 4, &bad), 0);
	ck_assert_uint_eq(back, value);
	/* Parts of words answer nothing. */
	ck_assert_int_eq(trn_chip_dma_read(host.chip, axi, &back, 2, &bad), -EFAULT);
	ck_assert_int_eq(trn_chip_dma_read(host.chip, axi + 2, &back, 4, &bad), -EFAULT);
}
END_TEST

START_TEST(memory_gives_a_pointer_to_plain_memory_only)
{
	uint8_t *p = trn_chip_memory(host.chip, TRN_AXI_HBM1 + 100, 8, true);

	ck_assert_ptr_nonnull(p);
	p[0] = 9;
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, TRN_BAR4_SLOT + 100), 9);
	ck_assert_ptr_eq(trn_chip_memory(host.chip, HOST(5), 3, false), memory + 5);
	ck_assert_ptr_null(trn_chip_memory(host.chip, trn_regs_tpb_axi(0), 4, false));
	ck_assert_ptr_null(trn_chip_memory(host.chip, TRN_AXI_MISC_RAM, 4, false));
	ck_assert_ptr_null(trn_chip_memory(host.chip, TRN_AXI_HBM0, 0, false));
	ck_assert_ptr_null(trn_chip_memory(host.chip, TRN_AXI_HBM0 + host.config.gen->hbm_bytes - 4,
					   8, false));
}
END_TEST

START_TEST(hash_follows_contents_not_history)
{
	uint64_t empty = trn_model_hash(host.model), one, bad = 0, value = 1, zero = 0;

	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM2 + 0x40000, &value, 8, &bad), 0);
	one = trn_model_hash(host.model);
	ck_assert_uint_ne(one, empty);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM2 + 0x40000, &zero, 8, &bad), 0);
	ck_assert_uint_eq(trn_model_hash(host.model), empty);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM2 + 0x40008, &value, 8, &bad), 0);
	ck_assert_uint_ne(trn_model_hash(host.model), one);
}
END_TEST

/* ---- other chips ---- */

static struct trn_test_host pod;

static uint64_t peer(uint32_t chip, uint64_t axi)
{
	struct trn_pod_place place;

	trn_pod_place(pod.config.pod, chip, &place);
	return trn_peer_address(&place, axi);
}

START_TEST(peers_reach_memory_and_semaphores_only)
{
	const struct {
		uint64_t axi;
		bool ok;
	} places[] = {
		{ TRN_AXI_HBM0, true },
		{ TRN_AXI_HBM3 + 64 * TRN_MIB - 4, true },
		{ TRN_AXI_HBM3 + 64 * TRN_MIB, false },
		{ trn_regs_tpb_axi(0), true },
		{ trn_regs_tpb_axi(7) + TRN_TPB_PSUM, true },
		{ trn_regs_tpb_axi(4) + TRN_TPB_EVENTS, true },
		{ trn_regs_tpb_axi(4) + TRN_TPB_SEM_INC, true },
		{ trn_regs_tpb_axi(4) + TRN_TPB_SEM_INC + 2, false },
		{ TRN_AXI_TOPSP0 + TRN_TOPSP_SEM_INC, true },
		{ TRN_AXI_TOPSP10 + 7 * TRN_AXI_TOPSP_STRIDE + TRN_TOPSP_SEM_SET, true },
		{ TRN_AXI_TOPSP0 + 8 * TRN_AXI_TOPSP_STRIDE, false }, /* has no semaphores */
		{ TRN_AXI_TOPSP0 + TRN_TPB_SYNC_SIZE, false },        /* program memory */
		{ TRN_AXI_MISC_RAM + TRN_MR_SERIAL_LO, false },
		{ TRN_AXI_IO_APB0, false },
		{ trn_regs_udma_axi(3), false },
		{ trn_regs_udma_axi(128), false },
		{ 0x001200000000, false }, /* PREPROC */
		{ TRN_AXI_HOST | HOST_IOVA, false },
		{ TRN_AXI_PEER0, false },
		{ 0x001000000000 + 0x0c000000, false },
	};
	uint64_t bad = 0;
	uint32_t word = 0;

	trn_test_host_init_pod(&pod, "trn3-ultraserver");
	trn_test_host_open(&pod);
	(void)trn_test_host_map(&pod, HOST_IOVA, 4096);
	for (size_t i = 0; i < TRN_ARRAY_LEN(places); i++) {
		static const uint32_t chips[] = { 0, 3, 143 };

		for (size_t c = 0; c < TRN_ARRAY_LEN(chips); c++) {
			const uint64_t at = peer(chips[c], places[i].axi);
			const int should = places[i].ok ? 0 : -EFAULT;

			ck_assert_msg(trn_chip_far_read(pod.chip, at, &word, 4, &bad) == should,
				      "read of 0x%llx", (unsigned long long)at);
			ck_assert_msg(trn_chip_far_write(pod.chip, at, &word, 4, &bad) == should,
				      "write of 0x%llx", (unsigned long long)at);
			ck_assert_uint_eq(should == 0 ? at : bad, at);
			/* Who is not made for peers refuses them all. */
			ck_assert_int_eq(trn_chip_dma_read(pod.chip, at, &word, 4, &bad), -EFAULT);
			ck_assert_int_eq(trn_chip_dma_write(pod.chip, at, &word, 4, &bad), -EFAULT);
			ck_assert_int_eq(trn_chip_dma_check(pod.chip, at, 4, false, &bad), -EFAULT);
			ck_assert_ptr_null(trn_chip_memory(pod.chip, at, 4, false));
		}
	}
	trn_test_host_close(&pod);
}
END_TEST

START_TEST(peers_that_are_not_there_answer_nothing)
{
	struct trn_pod_place place = { .rack = 1, .server = 17, .position = 4 };
	uint64_t bad = 0;
	uint32_t word = 0;

	trn_test_host_init_pod(&pod, "trn3-ultraserver");
	trn_test_host_open(&pod);
	ck_assert_int_eq(trn_chip_far_read(pod.chip, trn_peer_address(&place, 0), &word, 4, &bad),
			 -EFAULT);
	place.position = 3;
	ck_assert_int_eq(trn_chip_far_read(pod.chip, trn_peer_address(&place, 0), &word, 4, &bad),
			 0);
	place.server = 18;
	ck_assert_int_eq(trn_chip_far_read(pod.chip, trn_peer_address(&place, 0), &word, 4, &bad),
			 -EFAULT);
	/* A range does not run on into the next chip, nor past the last address. */
	ck_assert_int_eq(trn_chip_far_check(pod.chip, peer(0, TRN_PEER_AXI_MASK - 3), 8, false,
					    &bad),
			 -EFAULT);
	ck_assert_int_eq(trn_chip_far_check(pod.chip, UINT64_MAX - 3, 8, false, &bad), -EFAULT);
	/* Bits between the map and the place. */
	for (unsigned int bit = 48; bit < 53; bit++)
		ck_assert_int_eq(trn_chip_far_read(pod.chip, peer(1, UINT64_C(1) << bit), &word, 4,
						   &bad),
				 -EFAULT);
	for (unsigned int bit = 48; bit < 63; bit++)
		ck_assert_int_eq(trn_chip_far_read(pod.chip, UINT64_C(1) << bit, &word, 4, &bad),
				 -EFAULT);
	trn_test_host_close(&pod);
	/* A chip alone is its only peer. */
	place = (struct trn_pod_place){ 0 };
	ck_assert_int_eq(trn_chip_far_read(host.chip, trn_peer_address(&place, 64), &word, 4, &bad),
			 0);
	place.position = 1;
	ck_assert_int_eq(trn_chip_far_read(host.chip, trn_peer_address(&place, 64), &word, 4, &bad),
			 -EFAULT);
}
END_TEST

static Suite *addr_suite(void)
{
	Suite *suite = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, hbm_of_every_stack_reads_back_and_stacks_are_apart);
	tcase_add_test(tc, copy_host_to_hbm_and_back_across_mappings);
	tcase_add_test(tc, unmapped_address_faults_where_it_begins_and_moves_nothing);
	tcase_add_test(tc, read_only_host_memory_refuses_writes);
	tcase_add_test(tc, host_memory_needs_bus_master);
	tcase_add_test(tc, preproc_and_topsp_memory_take_programs);
	tcase_add_test(tc, registers_answer_at_their_device_address);
	tcase_add_test(tc, memory_gives_a_pointer_to_plain_memory_only);
	tcase_add_test(tc, hash_follows_contents_not_history);
	tcase_add_test(tc, peers_reach_memory_and_semaphores_only);
	tcase_add_test(tc, peers_that_are_not_there_answer_nothing);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(addr_suite)
