/* SPDX-License-Identifier: Apache-2.0 */
/* COPY_ND: what it moves, what it takes, and every way it can be refused. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define NOWHERE TRN_TEST_HOST(UINT64_C(0x7000000000))
#define SRC 0u
#define DST 16384u

static struct trn_test_core tc;

static void up(void)
{
	trn_test_core_open(&tc, "trn3");
	for (uint32_t i = 0; i < 2 * DST; i++)
		tc.data[i] = i < DST ? (uint8_t)(i * 7 + i / 256) : 0xee;
}

static void down(void)
{
	trn_test_core_close(&tc);
}

/* Rows of bytes, pitches: destination, source. */
static struct trn_ext_cmd rows(uint32_t bytes, uint32_t count, uint32_t dst, uint32_t src)
{
	return (struct trn_ext_cmd){ .op = TRN_CMD_COPY_ND,
				     .tag = 5,
				     .a = { DATA + DST, DATA + SRC, trn_u64(bytes, count), 1,
					    trn_u64(dst, src) } };
}

/* Nanoseconds that it took. */
static uint64_t run(const struct trn_ext_cmd *cmd)
{
	const uint64_t before = tc.host.model->now_ps;

	trn_test_command(&tc, cmd);
	trn_test_settle(&tc);
	return (tc.host.model->now_ps - before) / TRN_PS_PER_NS;
}

START_TEST(rows_and_planes_move)
{
	struct trn_ext_cmd cmd = rows(10, 3, 16, 100);

	cmd.a[3] = 2;
	cmd.a[5] = 64;
	cmd.a[6] = 1000;
	(void)run(&cmd);
	ck_assert_uint_eq(tc.status->head, 1);
	for (uint32_t at = 0; at < 128; at++) {
		const uint32_t plane = at / 64, row = at % 64 / 16, byte = at % 16;
		const bool moved = row < 3 && byte < 10;

		ck_assert_uint_eq(tc.data[DST + at],
				  moved ? tc.data[plane * 1000 + row * 100 + byte] : 0xee);
	}
}
END_TEST

START_TEST(nothing_is_something)
{
	struct trn_ext_cmd cmd[3] = { rows(0, 5, 16, 16), rows(5, 0, 16, 16), rows(5, 5, 16, 16) };

	cmd[2].a[3] = 0;
	for (uint32_t i = 0; i < 3; i++) {
		(void)run(&cmd[i]);
		ck_assert_uint_eq(tc.status->head, i + 1);
	}
	ck_assert_uint_eq(tc.data[DST], 0xee);
}
END_TEST

/* Thin rows cost what a run on a DMA engine costs at least, thick ones their bytes. */
START_TEST(rows_take_their_time)
{
	const struct trn_gen *gen = tc.host.chip->gen;
	const struct trn_ext_cmd none = rows(0, 0, 0, 0), thin = rows(1, 1000, 1, 16),
				 thick = rows(8192, 1, 8192, 8192);
	const uint64_t least = run(&none), slow = run(&thin), fast = run(&thick);

	ck_assert_uint_ge(slow, least + 1000 * gen->dma_row_ns);
	ck_assert_uint_le(slow, least + 1000 * gen->dma_row_ns + 1000);
	ck_assert_uint_lt(fast, least + 1000 * gen->dma_row_ns);
	ck_assert_uint_ge(fast, least + gen->dma_row_ns);
}
END_TEST

/* Many more rows than move at a time. */
START_TEST(many_rows)
{
	struct trn_ext_cmd cmd = rows(1, 12000, 1, 1);

	(void)run(&cmd);
	ck_assert_uint_eq(tc.status->head, 1);
	ck_assert(memcmp(tc.data + DST, tc.data + SRC, 12000) == 0);
	ck_assert_uint_eq(tc.data[DST + 12000], 0xee);
}
END_TEST

static void refused(struct trn_ext_cmd cmd, uint32_t error, uint64_t address)
{
	(void)run(&cmd);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_ERROR);
	ck_assert_uint_eq(tc.status->error, error);
	ck_assert_uint_eq(tc.status->opcode, TRN_CMD_COPY_ND);
	ck_assert_uint_eq(tc.status->tag, 5);
	if (address)
		ck_assert_uint_eq(tc.status->address, address);
	trn_test_restart(&tc);
}

START_TEST(every_refusal)
{
	struct trn_ext_cmd cmd = rows(16, 4, 16, 16);

	trn_test_host_expect(&tc.host, "dma-unmapped");
	cmd.a[3] = UINT64_C(1) << 32;
	refused(cmd, TRN_EXT_ERR_COMMAND, 0);
	cmd = rows(16, 4, 16, 16);
	cmd.a[0] = NOWHERE;
	refused(cmd, TRN_EXT_ERR_ADDRESS, NOWHERE);
	cmd = rows(16, 4, 16, 16);
	cmd.a[1] = NOWHERE;
	refused(cmd, TRN_EXT_ERR_ADDRESS, NOWHERE);
	cmd = rows(16, 4, 16, 16);
	cmd.a[1] |= UINT64_C(1) << 63; /* another chip's: COPY only */
	refused(cmd, TRN_EXT_ERR_ADDRESS, cmd.a[1]);
	/* A plane that is nowhere: what is in front of it has moved. */
	cmd = rows(16, 2, 16, 16);
	cmd.a[3] = 2;
	cmd.a[6] = NOWHERE - DATA;
	cmd.a[5] = 64;
	ck_assert_uint_eq(tc.data[DST], 0xee);
	refused(cmd, TRN_EXT_ERR_ADDRESS, NOWHERE);
	ck_assert(memcmp(tc.data + DST, tc.data + SRC, 32) == 0);
	ck_assert_uint_eq(tc.data[DST + 64], 0xee);
	cmd.a[6] = UINT64_MAX; /* wraps */
	cmd.a[1] = 0;
	refused(cmd, TRN_EXT_ERR_ADDRESS, 0);
}
END_TEST

/* Rows are checked by the queue's window, each by itself: gaps may be others'. */
START_TEST(windows_hold_for_rows)
{
	struct trn_ext_cmd cmd = rows(16, 2, 64, 16);

	trn_test_window(&tc, 1, 0, DATA + SRC, 4096, 1);
	trn_test_window(&tc, 1, 1, DATA + DST, 16, 3);
	trn_test_window(&tc, 1, 2, DATA + DST + 64, 16, 3);
	trn_test_queue_open(&tc, 3, 1);
	trn_test_command_on(&tc, 3, &cmd);
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_status_of(&tc, 3)->head, 1);
	cmd.a[2] = trn_u64(16, 3);
	trn_test_command_on(&tc, 3, &cmd);
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_status_of(&tc, 3)->error, TRN_EXT_ERR_ADDRESS);
	ck_assert_uint_eq(trn_test_status_of(&tc, 3)->address, DATA + DST + 128);
}
END_TEST

static Suite *strided_suite(void)
{
	Suite *suite = suite_create("model-ext-strided");
	TCase *tcase = tcase_create("copy-nd");

	tcase_add_checked_fixture(tcase, up, down);
	tcase_add_test(tcase, rows_and_planes_move);
	tcase_add_test(tcase, nothing_is_something);
	tcase_add_test(tcase, rows_take_their_time);
	tcase_add_test(tcase, many_rows);
	tcase_add_test(tcase, every_refusal);
	tcase_add_test(tcase, windows_hold_for_rows);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(strided_suite)
