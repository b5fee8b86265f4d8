/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores and events through their registers: four doors to one value, saturation. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_host.h"

START_TEST(four_doors_to_one_value)
{
	struct trn_sync sync;
	const uint32_t i = 200;

	memset(&sync, 0, sizeof(sync));
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_SEM_SET + i * 4, 10), (int)i);
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_SEM_INC + i * 4, 5), (int)i);
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_SEM_DEC + i * 4, 2), (int)i);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_SEM_READ + i * 4), 13);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_SEM_SET + i * 4), 13);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_SEM_INC + i * 4), 13);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_SEM_DEC + i * 4), 13);
	/* The read block is read only, and its neighbours are untouched. */
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_SEM_READ + i * 4, 99), -1);
	ck_assert_uint_eq(sync.semaphore[i], 13);
	ck_assert_uint_eq(sync.semaphore[i - 1], 0);
	ck_assert_uint_eq(sync.semaphore[i + 1], 0);
}
END_TEST

START_TEST(counting_saturates)
{
	struct trn_sync sync;

	memset(&sync, 0, sizeof(sync));
	(void)trn_sync_write(&sync, TRN_TOPSP_SEM_SET, UINT32_MAX - 1);
	(void)trn_sync_write(&sync, TRN_TOPSP_SEM_INC, 5);
	ck_assert_uint_eq(sync.semaphore[0], UINT32_MAX);
	(void)trn_sync_write(&sync, TRN_TOPSP_SEM_SET, 3);
	(void)trn_sync_write(&sync, TRN_TOPSP_SEM_DEC, 4);
	ck_assert_uint_eq(sync.semaphore[0], 0);
}
END_TEST

/* A core's and a TOP_SP's: one notification for each count that was cut, none for others. */
START_TEST(a_cut_count_is_notified)
{
	const uint32_t index = TRN_NQ_INDEX(TRN_NQ_ERROR, TRN_NQ_NO_ENGINE);
	const uint32_t blocks[] = { trn_regs_nq_core_bar0(2), trn_regs_nq_topsp_bar0(9) };
	const uint32_t inc[] = { TRN_BAR0_TPB + 2 * TRN_BAR0_TPB_STRIDE + TRN_TPB_SEM_INC,
				 trn_regs_topsp_bar0(9) + TRN_TOPSP_SEM_INC };
	struct trn_test_host host;
	struct trn_nq_entry entry;
	uint64_t bad;

	trn_test_host_init(&host, "trn3");
	trn_test_host_open(&host);
	for (size_t i = 0; i < TRN_ARRAY_LEN(blocks); i++) {
		const uint64_t base = 0x2000000 + i * 0x1000; /* in HBM 0 */

		trn_test_wr(&host, blocks[i] + TRN_NQ_BASE_HI(index), trn_hi32(base));
		trn_test_wr(&host, blocks[i] + TRN_NQ_BASE_LO(index), trn_lo32(base));
		trn_test_wr(&host, blocks[i] + TRN_NQ_SIZE(index), 128);
		trn_test_wr(&host, inc[i] + 5 * 4, UINT32_MAX);
		ck_assert_int_eq(trn_chip_dma_read(host.chip, base, &entry, sizeof(entry), &bad),
				 0);
		ck_assert_uint_eq(entry.phase_type, 0);
		trn_test_wr(&host, inc[i] + 5 * 4, 1);
		ck_assert_int_eq(trn_chip_dma_read(host.chip, base, &entry, sizeof(entry), &bad),
				 0);
		ck_assert_uint_eq(entry.phase_type,
				  1u << 31 | TRN_NQ_NO_ENGINE << 8 | TRN_NQ_ERROR);
		ck_assert_uint_eq(entry.code, TRN_EXT_ERR_SEMAPHORE);
		ck_assert_uint_eq(entry.address, 5);
		ck_assert_uint_eq(entry.aux, UINT32_MAX);
	}
	trn_test_host_close(&host);
}
END_TEST

START_TEST(events_and_gaps)
{
	struct trn_sync sync;

	memset(&sync, 0, sizeof(sync));
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_EVENTS + 7 * 4, 0xabcd), -1);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_EVENTS + 7 * 4), 0xabcd);
	ck_assert_uint_eq(sync.semaphore[7], 0);
	/* Behind the last event, and no register at all. */
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_EVENTS + TRN_SEMAPHORES * 4, 1), -1);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_EVENTS + TRN_SEMAPHORES * 4), 0);
	ck_assert_int_eq(trn_sync_write(&sync, TRN_TOPSP_SEM_SET + 2, 1), -1);
	ck_assert_uint_eq(trn_sync_read(&sync, TRN_TOPSP_SEM_SET + 2), 0);
}
END_TEST

START_TEST(window_of_a_core)
{
	struct trn_test_host host;
	const uint64_t tpb = TRN_BAR0_TPB + 3 * (uint64_t)TRN_BAR0_TPB_STRIDE;

	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
	trn_test_wr(&host, tpb + TRN_TPB_SEM_SET + 4 * 9, 7);
	trn_test_wr(&host, tpb + TRN_TPB_SEM_INC + 4 * 9, 1);
	ck_assert_uint_eq(trn_test_rd(&host, tpb + TRN_TPB_SEM_READ + 4 * 9), 8);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_BAR0_TPB + TRN_TPB_SEM_READ + 4 * 9), 0);
	trn_test_host_close(&host);
}
END_TEST

static Suite *sync_suite(void)
{
	Suite *suite = suite_create("sync");
	TCase *tcase = tcase_create("registers");

	tcase_add_test(tcase, four_doors_to_one_value);
	tcase_add_test(tcase, counting_saturates);
	tcase_add_test(tcase, a_cut_count_is_notified);
	tcase_add_test(tcase, events_and_gaps);
	tcase_add_test(tcase, window_of_a_core);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(sync_suite)
