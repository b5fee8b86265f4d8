/* SPDX-License-Identifier: Apache-2.0 */
/* CALL, BRANCH and ADD: what a list does, loops, relative values, every way a list can be wrong,
 * loops without end, resets, and lists of random words. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/ext.h"
#include "model/test_core.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define NOWHERE TRN_TEST_HOST(UINT64_C(0x7000000000))
#define LIST 0x1000u /* where lists lie in the data */
#define AT(o) (DATA + (o))
#define Q(q, reg) (TRN_EXT_QUEUE(q) + TRN_EXT_Q_##reg)

static void list_put(struct trn_test_core *tc, const struct trn_ext_cmd *cmds, uint32_t count)
{
	memcpy(tc->data + LIST, cmds, count * sizeof(*cmds));
}

static void call(struct trn_test_core *tc, uint64_t address, uint64_t count, uint64_t add)
{
	const struct trn_ext_cmd cmd = { .op = TRN_CMD_CALL,
					 .tag = 77,
					 .a = { address, count, add } };

	trn_test_command(tc, &cmd);
}

static uint64_t word(const struct trn_test_core *tc, uint32_t at)
{
	return trn_load64(tc->data + at);
}

START_TEST(list_runs_as_in_the_ring)
{
	const struct trn_ext_cmd cmds[] = {
		{ .op = TRN_CMD_FILL, .a = { AT(0), 8, 0x01020304 } },
		{ .op = TRN_CMD_COPY, .a = { AT(16), AT(0), 8 } },
		{ .op = TRN_CMD_NOP },
		{ .op = TRN_CMD_SIGNAL, .a = { AT(64), 5 } },
		{ .op = TRN_CMD_WAIT, .a = { AT(64), 5 } },
		{ .op = TRN_CMD_ADD, .a = { AT(64), (uint64_t)-2 } },
		{ .op = TRN_CMD_TIMESTAMP, .a = { AT(72) } },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	list_put(&tc, cmds, TRN_ARRAY_LEN(cmds));
	for (uint32_t i = 1; i <= 3; i++) {
		memset(tc.data, 0, 256);
		call(&tc, AT(LIST), TRN_ARRAY_LEN(cmds), 0);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->head, i); /* one command, whatever it ran */
		ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
		ck_assert_uint_eq(word(&tc, 16), UINT64_C(0x0102030401020304));
		ck_assert_uint_eq(word(&tc, 64), 3);
		ck_assert_uint_gt(word(&tc, 72), 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Time of a list: what CALL costs, and each entry as in the ring. */
START_TEST(list_takes_time)
{
	const struct trn_ext_cmd nops[4] = { { .op = TRN_CMD_NOP },
					     { .op = TRN_CMD_NOP },
					     { .op = TRN_CMD_NOP },
					     { .op = TRN_CMD_NOP } };
	struct trn_test_core tc;
	uint64_t command, fetch, begin;

	trn_test_core_open(&tc, "trn2");
	command = tc.host.chip->gen->queue_command_ns * TRN_PS_PER_NS;
	fetch = tc.host.chip->gen->udma_fetch_ns * TRN_PS_PER_NS;
	list_put(&tc, nops, 4);
	begin = tc.host.model->now_ps;
	call(&tc, AT(LIST), 4, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.host.model->now_ps - begin, 2 * fetch + 5 * command);
	trn_test_core_close(&tc);
}
END_TEST

/* A count in memory: the body runs five times, and twice in each an inner one. */
START_TEST(loops)
{
	const struct trn_ext_cmd cmds[] = {
		/* 0 */ { .op = TRN_CMD_FILL, .a = { AT(0), 8, 0 } },
		/* 1 */ { .op = TRN_CMD_FILL, .a = { AT(8), 8, 0 } },
		/* 2 */ { .op = TRN_CMD_ADD, .a = { AT(16), 1 } },
		/* 3 */ { .op = TRN_CMD_ADD, .a = { AT(8), 1 } },
		/* 4 */ { .op = TRN_CMD_BRANCH, .a = { AT(8), 2, TRN_COMPARE_LT, 2 } },
		/* 5 */ { .op = TRN_CMD_ADD, .a = { AT(24), 3 } },
		/* 6 */ { .op = TRN_CMD_ADD, .a = { AT(0), 1 } },
		/* 7 */ { .op = TRN_CMD_BRANCH, .a = { AT(0), 5, TRN_COMPARE_LT, 1 } },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	list_put(&tc, cmds, TRN_ARRAY_LEN(cmds));
	call(&tc, AT(LIST), TRN_ARRAY_LEN(cmds), 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, 0);
	ck_assert_uint_eq(word(&tc, 16), 10);
	ck_assert_uint_eq(word(&tc, 24), 15);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(comparisons)
{
	/* Bits: holds for a word below, at and above the value. */
	static const uint8_t holds[TRN_COMPARES] = { 7, 2, 5, 1, 6, 4, 3 };
	static const uint64_t values[] = { 4, 9, UINT64_MAX };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t c = 0; c < TRN_COMPARES; c++)
		for (uint32_t v = 0; v < 3; v++) {
			/* The branch jumps over the ADD, to the end. */
			const struct trn_ext_cmd cmds[] = {
				{ .op = TRN_CMD_BRANCH, .a = { AT(0), 9, c, 2 } },
				{ .op = TRN_CMD_ADD, .a = { AT(8), 1 } },
			};

			trn_store64(tc.data, values[v]);
			trn_store64(tc.data + 8, 0);
			list_put(&tc, cmds, 2);
			call(&tc, AT(LIST), 2, 0);
			trn_test_settle(&tc);
			ck_assert_uint_eq(tc.status->error, 0);
			ck_assert_msg(word(&tc, 8) == !(holds[c] >> v & 1), "compare %u, value %u",
				      c, v);
		}
	trn_test_core_close(&tc);
}
END_TEST

/* Values that count from the CALL's: a list that nobody writes again works each time. */
START_TEST(relative_values)
{
	const struct trn_ext_cmd cmds[] = {
		{ .op = TRN_CMD_WAIT, .flags = TRN_CMD_RELATIVE, .a = { AT(0), 0 } },
		{ .op = TRN_CMD_SIGNAL, .flags = TRN_CMD_RELATIVE, .a = { AT(8), 7 } },
		{ .op = TRN_CMD_SIGNAL, .flags = TRN_CMD_RELATIVE, .a = { AT(0), 10 } },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	list_put(&tc, cmds, 3);
	for (uint64_t i = 0; i < 20; i++) {
		call(&tc, AT(LIST), 3, i * 10);
		trn_test_settle(&tc);
		ck_assert_uint_eq(word(&tc, 0), i * 10 + 10);
		ck_assert_uint_eq(word(&tc, 8), i * 10 + 7);
	}
	/* One more than is there: waits, and a host's write with a kick lets it go on. */
	call(&tc, AT(LIST), 3, 201);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_WAITING);
	ck_assert_uint_eq(tc.status->head, 20);
	trn_store64(tc.data, 201);
	trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(0) + TRN_EXT_DB_KICK, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
	ck_assert_uint_eq(tc.status->head, 21);
	ck_assert_uint_eq(word(&tc, 8), 208);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(launches_in_a_list)
{
	struct trn_test_core tc;
	struct trn_ext_cmd cmds[2];

	trn_test_core_open(&tc, "trn2");
	trn_test_clear(&tc);
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_HALT, 1);
	for (int i = 0; i < 2; i++)
		cmds[i] = (struct trn_ext_cmd){ .op = TRN_CMD_LAUNCH,
						.a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 3 } };
	trn_test_start(&tc); /* fills the descriptor */
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, 0);
	list_put(&tc, cmds, 2);
	call(&tc, AT(LIST), 2, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(3) + TRN_EXT_CORE_RUNS), 2);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- hostile ---- */

struct refusal {
	struct trn_ext_cmd cmd; /* second entry of a list of three */
	uint32_t error;
	uint64_t address;
};

START_TEST(bad_entries)
{
	const struct refusal cases[] = {
		{ { .op = 0 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = 200 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_NOP, .flags = 1 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_WAIT, .flags = 2, .a = { AT(0) } }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_ADD, .flags = 1, .a = { AT(0) } }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_NOP, .reserved = 1 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_CALL, .a = { AT(LIST), 1 } }, TRN_EXT_ERR_LIST, AT(LIST) },
		{ { .op = TRN_CMD_BRANCH, .a = { AT(0), 0, TRN_COMPARES, 0 } },
		  TRN_EXT_ERR_LIST,
		  AT(LIST + 64) },
		{ { .op = TRN_CMD_BRANCH, .a = { 0, 0, TRN_COMPARE_ALWAYS, 4 } },
		  TRN_EXT_ERR_LIST,
		  AT(LIST + 64) },
		{ { .op = TRN_CMD_BRANCH, .a = { 0, 0, TRN_COMPARE_ALWAYS, UINT64_MAX } },
		  TRN_EXT_ERR_LIST,
		  AT(LIST + 64) },
		{ { .op = TRN_CMD_BRANCH, .a = { AT(4), 0, TRN_COMPARE_EQ, 0 } },
		  TRN_EXT_ERR_ADDRESS,
		  AT(4) },
		{ { .op = TRN_CMD_BRANCH, .a = { NOWHERE, 0, TRN_COMPARE_EQ, 0 } },
		  TRN_EXT_ERR_ADDRESS,
		  NOWHERE },
		{ { .op = TRN_CMD_ADD, .a = { AT(1), 1 } }, TRN_EXT_ERR_ADDRESS, AT(1) },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		const struct trn_ext_cmd cmds[3] = { { .op = TRN_CMD_NOP, .tag = 1 },
						     cases[i].cmd,
						     { .op = TRN_CMD_NOP } };

		list_put(&tc, cmds, 3);
		call(&tc, AT(LIST), 3, 0);
		trn_test_settle(&tc);
		ck_assert_msg(tc.status->error == cases[i].error, "case %u: error %u", i,
			      tc.status->error);
		ck_assert_msg(tc.status->address == cases[i].address, "case %u", i);
		ck_assert_uint_eq(tc.status->tag, 77); /* of the CALL */
		ck_assert_uint_eq(tc.status->entry, 2);
		ck_assert_uint_eq(tc.status->opcode, cases[i].cmd.op);
		ck_assert_uint_eq(tc.status->head, 0);
		trn_test_restart(&tc);
		ck_assert_uint_eq(tc.status->entry, 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(bad_lists)
{
	const struct refusal cases[] = {
		{ { .op = TRN_CMD_CALL, .a = { AT(LIST), 0 } }, TRN_EXT_ERR_LIST, AT(LIST) },
		{ { .op = TRN_CMD_CALL, .a = { AT(LIST), TRN_EXT_LIST_MAX + 1 } },
		  TRN_EXT_ERR_LIST,
		  AT(LIST) },
		{ { .op = TRN_CMD_CALL, .a = { AT(LIST), UINT64_MAX } },
		  TRN_EXT_ERR_LIST,
		  AT(LIST) },
		{ { .op = TRN_CMD_CALL, .a = { AT(LIST + 32), 1 } },
		  TRN_EXT_ERR_ADDRESS,
		  AT(LIST + 32) },
		{ { .op = TRN_CMD_CALL, .a = { NOWHERE, 1 } }, TRN_EXT_ERR_ADDRESS, NOWHERE },
		{ { .op = TRN_CMD_CALL, .flags = 1, .a = { LIST, 1 } }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_BRANCH, .a = { 0, 0, TRN_COMPARE_ALWAYS, 0 } },
		  TRN_EXT_ERR_LIST,
		  0 },
		{ { .op = TRN_CMD_WAIT, .flags = TRN_CMD_RELATIVE, .a = { AT(0), 0 } },
		  TRN_EXT_ERR_COMMAND,
		  0 },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		trn_test_command(&tc, &cases[i].cmd);
		trn_test_settle(&tc);
		ck_assert_msg(tc.status->error == cases[i].error, "case %u: error %u", i,
			      tc.status->error);
		ck_assert_msg(tc.status->address == cases[i].address, "case %u", i);
		ck_assert_uint_eq(tc.status->entry, 0);
		trn_test_restart(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The list, and what its entries name, lie in the queue's window at the time they are read. */
START_TEST(windows_hold_for_lists)
{
	const struct trn_ext_cmd cmds[] = {
		{ .op = TRN_CMD_BRANCH, .a = { AT(0), 1, TRN_COMPARE_EQ, 1 } },
		{ .op = TRN_CMD_WAIT, .a = { AT(0), 0 } },
		{ .op = TRN_CMD_ADD, .a = { AT(8), 1 } },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_window(&tc, 3, 0, AT(LIST), 3 * 64, 1);
	trn_test_window(&tc, 3, 1, AT(0), 8, 1);
	trn_test_ext_wr(&tc, Q(0, CONTROL), 0);
	trn_test_ext_wr(&tc, Q(0, WINDOW), 3);
	trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
	tc.tail = 0;
	list_put(&tc, cmds, 3);
	call(&tc, AT(LIST), 3, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_ADDRESS); /* the ADD writes outside */
	ck_assert_uint_eq(tc.status->address, AT(8));
	ck_assert_uint_eq(tc.status->entry, 3);
	trn_test_restart(&tc);
	call(&tc, AT(LIST), 4, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_ADDRESS); /* one entry too many */
	ck_assert_uint_eq(tc.status->entry, 0);
	trn_test_restart(&tc);
	/* The right goes while the list runs. */
	call(&tc, AT(LIST), 2, 0);
	for (int i = 0; i < 2; i++)
		ck_assert(trn_model_step(tc.host.model));
	trn_test_window(&tc, 3, 0, AT(LIST), 64, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_ADDRESS);
	ck_assert_uint_eq(tc.status->address, AT(LIST + 64));
	trn_test_core_close(&tc);
}
END_TEST

/* It shows as a head that stands still, and a reset of the queue ends it. */
START_TEST(loop_without_end)
{
	const struct trn_ext_cmd forever = { .op = TRN_CMD_BRANCH,
					     .a = { 0, 0, TRN_COMPARE_ALWAYS, 0 } };
	const struct trn_ext_cmd nop = { .op = TRN_CMD_NOP };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	list_put(&tc, &forever, 1);
	call(&tc, AT(LIST), 1, 0);
	for (int i = 0; i < 1000; i++)
		ck_assert(trn_model_step(tc.host.model));
	ck_assert_uint_eq(tc.status->head, 0);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
	trn_test_restart(&tc);
	trn_test_settle(&tc);
	trn_test_command(&tc, &nop);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* Lists of words that are mostly plausible: whatever they do, the queue ends READY, WAITING or
 * in ERROR after a bounded number of steps or is reset, and works afterwards. */
START_TEST(random_lists)
{
	const struct trn_ext_cmd nop = { .op = TRN_CMD_NOP };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	tc.host.any_violation = true;
	for (int round = 0; round < 400; round++) {
		const uint32_t count = 1 + trn_test_below(&tc, 24);
		struct trn_ext_cmd cmds[24];

		for (uint32_t i = 0; i < count; i++) {
			cmds[i] = (struct trn_ext_cmd){
				.op = (uint8_t)trn_test_below(&tc, 13),
				.flags = trn_test_below(&tc, 12) == 0,
				.a = { AT(8 * trn_test_below(&tc, 2048)), trn_test_below(&tc, 40),
				       trn_test_below(&tc, 9), trn_test_below(&tc, count + 2) },
			};
			if (cmds[i].op == TRN_CMD_COPY)
				cmds[i].a[1] = AT(8 * trn_test_below(&tc, 2048));
			if (trn_test_below(&tc, 40) == 0)
				cmds[i].a[trn_test_below(&tc, 7)] = trn_prng_next(&tc.prng);
		}
		list_put(&tc, cmds, count);
		call(&tc, AT(LIST), count + (trn_test_below(&tc, 20) == 0),
		     trn_prng_next(&tc.prng) >> trn_test_below(&tc, 64));
		for (int i = 0; i < 300 && trn_model_step(tc.host.model); i++)
			;
		trn_test_restart(&tc);
		trn_test_command(&tc, &nop);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
		ck_assert_uint_eq(tc.status->head, 1);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(reset_of_the_device)
{
	const struct trn_ext_cmd waits = { .op = TRN_CMD_WAIT, .a = { AT(0), 1 } };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	list_put(&tc, &waits, 1);
	call(&tc, AT(LIST), 1, 0);
	trn_test_settle(&tc);
	trn_launch_reset(tc.host.chip->launch, 0, 0, true);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_RESET);
	ck_assert_uint_eq(tc.status->tag, 77);
	ck_assert_uint_eq(tc.status->entry, 1);
	trn_test_settle(&tc);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *ext_list_suite(void)
{
	Suite *suite = suite_create("ext-list");
	TCase *tcase = tcase_create("list");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, list_runs_as_in_the_ring);
	tcase_add_test(tcase, list_takes_time);
	tcase_add_test(tcase, loops);
	tcase_add_test(tcase, comparisons);
	tcase_add_test(tcase, relative_values);
	tcase_add_test(tcase, launches_in_a_list);
	tcase_add_test(tcase, bad_entries);
	tcase_add_test(tcase, bad_lists);
	tcase_add_test(tcase, windows_hold_for_lists);
	tcase_add_test(tcase, loop_without_end);
	tcase_add_test(tcase, random_lists);
	tcase_add_test(tcase, reset_of_the_device);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(ext_list_suite)
