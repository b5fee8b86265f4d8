/* SPDX-License-Identifier: Apache-2.0 */
/* Windows, launches, cores shared by queues, resets. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"
#include "model/test_shapes.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define Q(q, reg) (TRN_EXT_QUEUE(q) + TRN_EXT_Q_##reg)

struct refusal {
	struct trn_ext_cmd cmd;
	uint32_t error;
	uint64_t address;
};

static uint64_t data_load(struct trn_test_core *tc, uint32_t at)
{
	return trn_load64(tc->data + at);
}

/* ---- windows ---- */

static void windowed(struct trn_test_core *tc)
{
	trn_test_core_open(tc, "trn2");
	trn_test_window(tc, 3, 0, TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 4096, 1);
	trn_test_window(tc, 3, 7, TRN_TEST_HOST(TRN_TEST_IOVA_STREAM), 0x800000, 1);
	trn_test_window(tc, 3, 9, DATA, 4096, 1); /* read only */
	trn_test_window(tc, 3, 63, DATA + 8192, 4096, 3);
	trn_test_ext_wr(tc, Q(0, CONTROL), 0);
	trn_test_ext_wr(tc, Q(0, WINDOW), 3);
	trn_test_ext_wr(tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
	tc->tail = 0;
}

START_TEST(windows_hold_for_commands)
{
	const struct refusal cases[] = {
		{ { .op = TRN_CMD_COPY, .a = { DATA + 8192, DATA, 4096 } }, 0, 0 },
		{ { .op = TRN_CMD_COPY, .a = { DATA + 8192, DATA + 1, 4096 } }, 2, DATA + 1 },
		{ { .op = TRN_CMD_COPY, .a = { DATA, DATA + 8192, 8 } }, 2, DATA },
		{ { .op = TRN_CMD_COPY, .a = { TRN_AXI_HBM0, DATA, 8 } }, 2, TRN_AXI_HBM0 },
		{ { .op = TRN_CMD_FILL, .a = { DATA + 8192, 4096, 0 } }, 0, 0 },
		{ { .op = TRN_CMD_FILL, .a = { DATA + 8193, 4096, 0 } }, 2, DATA + 8193 },
		{ { .op = TRN_CMD_WAIT, .a = { DATA, 0 } }, 0, 0 },
		{ { .op = TRN_CMD_WAIT, .a = { DATA + 4096, 0 } }, 2, DATA + 4096 },
		{ { .op = TRN_CMD_SIGNAL, .a = { DATA + 8192, 1 } }, 0, 0 },
		{ { .op = TRN_CMD_SIGNAL, .a = { DATA, 1 } }, 2, DATA },
		{ { .op = TRN_CMD_TIMESTAMP, .a = { DATA, 1 } }, 2, DATA },
		{ { .op = TRN_CMD_LAUNCH, .a = { DATA + 4096, 0 } }, 2, DATA + 4096 },
	};
	struct trn_test_core tc;

	windowed(&tc);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		trn_test_command(&tc, &cases[i].cmd);
		trn_test_settle(&tc);
		ck_assert_msg(tc.status->error == cases[i].error, "case %u: error %u", i,
			      tc.status->error);
		if (cases[i].error) {
			ck_assert_msg(tc.status->address == cases[i].address, "case %u", i);
			trn_test_restart(&tc);
		}
	}
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_WINDOW(3) + TRN_EXT_WIN_BASE_LO(63)),
			  trn_lo32(DATA + 8192));
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_WINDOW(3) + TRN_EXT_WIN_SIZE_LO(63)), 4096);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_WINDOW(3) + TRN_EXT_WIN_RIGHTS(63)), 3);
	trn_test_core_close(&tc);
}
END_TEST

/* A launch from a windowed queue: streams, arguments, transfers and register stores. */
START_TEST(windows_hold_for_programs)
{
	struct trn_test_core tc;
	const struct trn_isa_ap ap = trn_test_sbuf(TRN_DTYPE_U8, 4, 0, 8);

	windowed(&tc);
	for (uint32_t i = 0; i < 7; i++) {
		static const uint32_t want[] = { 0, 2, 2, 6, 6, 6, 6 };
		struct trn_isa_dma *dma;

		trn_test_clear(&tc);
		trn_test_arg(&tc, i == 1 ? DATA + 4096 : DATA, 4096);
		trn_test_arg(&tc, DATA + 8192, 4096);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, 4, 8);
		dma->dst = trn_test_mem(&ap);
		if (i == 2)
			tc.desc->stream[TRN_ENGINE_VECTOR] =
				(struct trn_ext_stream){ DATA + 4096, 1, 0 };
		if (i == 3) { /* the argument may be read, not written */
			dma->dst = dma->src;
			dma->src = trn_test_mem(&ap);
		}
		if (i == 4) {
			dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_STORE);
			dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 1);
		}
		if (i == 5) { /* scatter: each row is looked at */
			dma->dst = trn_test_dram(0, TRN_DTYPE_U8, 0, 4, 8);
			dma->src = trn_test_mem(&ap);
			dma->index = trn_test_sbuf(TRN_DTYPE_U32, 4, 512, 1);
			dma->head.flags = TRN_DMA_SCATTER;
		}
		if (i == 6) { /* the owner takes the right away while it runs */
			(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);
			trn_test_start(&tc);
			for (uint32_t s = 0; s < 3; s++)
				ck_assert(trn_model_step(tc.host.model));
			trn_test_window(&tc, 3, 9, DATA, 4096, 0);
			trn_test_settle(&tc);
		} else {
			(void)trn_test_launch(&tc);
		}
		ck_assert_msg(tc.status->error == want[i], "case %u: error %u", i,
			      tc.status->error);
		if (i >= 3)
			ck_assert_uint_eq(tc.status->address, DATA);
		if (i >= 1)
			trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- cores and queues ---- */

static struct trn_ext_cmd launch_of(uint32_t core)
{
	return (struct trn_ext_cmd){
		.op = TRN_CMD_LAUNCH,
		.tag = 500 + core,
		.a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), core },
	};
}

/* Three queues want one core: served in the order of arrival, one at a time. */
START_TEST(queues_stand_in_line)
{
	struct trn_test_core tc;
	const struct trn_ext_cmd launch = launch_of(4);
	struct trn_ext_cmd stamp = { .op = TRN_CMD_TIMESTAMP };
	static const uint32_t order[] = { 9, 2, 6 };
	uint64_t last = 0;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 3; i++)
		trn_test_queue_open(&tc, order[i], 0);
	for (uint32_t i = 0; i < 50; i++) {
		struct trn_isa_compute *c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);

		c->dst = trn_test_sbuf(TRN_DTYPE_F32, 1, 0, 512);
	}
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_HALT, 1);
	for (uint32_t i = 0; i < 3; i++) {
		trn_test_command_on(&tc, order[i], &launch);
		stamp.a[0] = DATA + 8 * i;
		trn_test_command_on(&tc, order[i], &stamp);
	}
	trn_test_settle(&tc);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(trn_test_status_of(&tc, order[i])->head, 2);
		/* 50 times 533 ns each after the one before. */
		ck_assert_uint_gt(data_load(&tc, 8 * i), last + 50 * 533);
		last = data_load(&tc, 8 * i);
	}
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(4) + TRN_EXT_CORE_RUNS), 3);
	trn_test_core_close(&tc);
}
END_TEST

/* Two queues, two cores: at the same time. */
START_TEST(cores_run_side_by_side)
{
	struct trn_test_core tc;
	uint64_t from, one, two;

	trn_test_core_open(&tc, "trn2");
	trn_test_queue_open(&tc, 1, 0);
	for (uint32_t i = 0; i < 100; i++) {
		struct trn_isa_compute *c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);

		c->dst = trn_test_sbuf(TRN_DTYPE_F32, 1, 0, 512);
	}
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_HALT, 1);
	from = trn_model_now(tc.host.model);
	trn_test_command_on(&tc, 1,
			    &(struct trn_ext_cmd){ .op = TRN_CMD_LAUNCH,
						   .a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 6 } });
	trn_test_settle(&tc);
	one = trn_model_now(tc.host.model) - from;
	from = trn_model_now(tc.host.model);
	trn_test_start(&tc);
	trn_test_command_on(&tc, 1,
			    &(struct trn_ext_cmd){ .op = TRN_CMD_LAUNCH,
						   .a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 6 } });
	trn_test_settle(&tc);
	two = trn_model_now(tc.host.model) - from;
	ck_assert_uint_eq(one, two);
	trn_test_core_close(&tc);
}
END_TEST

/* The core faults: who stood in line learns that it cannot have it. */
START_TEST(line_behind_a_faulted_core)
{
	struct trn_test_core tc;
	const struct trn_ext_cmd launch = launch_of(0);

	trn_test_core_open(&tc, "trn2");
	trn_test_queue_open(&tc, 1, 0);
	trn_test_queue_open(&tc, 2, 0);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, 0x7f, 1);
	trn_test_start(&tc);
	trn_test_command_on(&tc, 1, &launch);
	trn_test_command_on(&tc, 2, &launch);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_INSTRUCTION);
	for (uint32_t q = 1; q <= 2; q++) {
		ck_assert_uint_eq(trn_test_status_of(&tc, q)->error, TRN_EXT_ERR_CORE_STATE);
		ck_assert_uint_eq(trn_test_status_of(&tc, q)->core, 0);
		ck_assert_uint_eq(trn_test_status_of(&tc, q)->tag, 500);
	}
	/* And who comes later. */
	trn_test_restart(&tc);
	trn_test_start(&tc);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_CORE_STATE);
	trn_test_core_close(&tc);
}
END_TEST

/* A queue is reset under its launch: the program goes on, the next in line gets the core. */
START_TEST(queue_reset_under_a_launch)
{
	struct trn_test_core tc;
	const struct trn_ext_cmd launch = launch_of(0);
	uint32_t sem = TRN_BAR0_TPB + TRN_TPB_SEM_SET + 4;

	trn_test_core_open(&tc, "trn2");
	trn_test_queue_open(&tc, 1, 0);
	trn_test_queue_open(&tc, 2, 0);
	{
		struct trn_isa_compute *c = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);

		c->head.wait_mode = TRN_WAIT_GE;
		c->head.wait_sem = 1;
		c->head.wait_value = 1;
	}
	trn_test_start(&tc);
	trn_test_settle(&tc);
	trn_test_command_on(&tc, 1, &launch);
	trn_test_command_on(&tc, 2, &launch);
	trn_test_settle(&tc);
	trn_test_restart(&tc);
	trn_test_ext_wr(&tc, Q(2, CONTROL),
			TRN_EXT_Q_RESET | TRN_EXT_Q_ENABLE); /* leaves the line */
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_status_of(&tc, 1)->head, 0);
	trn_test_wr(&tc.host, sem, 1); /* the first program ends, alone */
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_RUNS), 1);
	trn_test_wr(&tc.host, sem, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_status_of(&tc, 1)->head, 1);
	ck_assert_uint_eq(trn_test_status_of(&tc, 2)->head, 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_RUNS), 2);
	ck_assert_uint_eq(tc.status->head, 0);
	trn_test_core_close(&tc);
}
END_TEST

/* Reset of cores by the firmware's map: who was on them learns, others go on. */
START_TEST(reset_of_cores)
{
	struct trn_test_core tc;
	const struct trn_ext_cmd launch = launch_of(1);

	trn_test_core_open(&tc, "trn2");
	trn_test_queue_open(&tc, 1, 0);
	trn_test_queue_open(&tc, 2, 0);
	trn_test_queue_open(&tc, 3, 0);
	{
		struct trn_isa_compute *c = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);

		c->head.wait_mode = TRN_WAIT_GE;
		c->head.wait_value = 1;
	}
	trn_test_start(&tc);                  /* core 0 */
	trn_test_command_on(&tc, 1, &launch); /* core 1 */
	trn_test_command_on(&tc, 2, &launch); /* in line for it */
	trn_test_command_on(&tc, 3, &(struct trn_ext_cmd){ .op = TRN_CMD_WAIT, .a = { DATA, 1 } });
	trn_test_settle(&tc);
	trn_test_ext_wr(&tc, TRN_EXT_CORE(1) + TRN_EXT_CORE_CLAIM, 42);
	trn_core_reset(tc.host.chip->core[1]);
	trn_launch_reset(tc.host.chip->launch, 2, 0, false);
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_status_of(&tc, 1)->error, TRN_EXT_ERR_RESET);
	ck_assert_uint_eq(trn_test_status_of(&tc, 2)->error, TRN_EXT_ERR_RESET);
	ck_assert_uint_eq(trn_test_status_of(&tc, 3)->error, 0);
	ck_assert_uint_eq(tc.status->error, 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(1) + TRN_EXT_CORE_CLAIM), 42);
	/* The whole device: every queue, windows and claims. */
	trn_test_window(&tc, 4, 1, DATA, 64, 3);
	trn_core_reset(tc.host.chip->core[0]);
	trn_core_reset(tc.host.chip->core[1]);
	trn_launch_reset(tc.host.chip->launch, 0xff, 0xff, true);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_RESET);
	ck_assert_uint_eq(trn_test_status_of(&tc, 3)->error, TRN_EXT_ERR_RESET);
	for (uint32_t q = 0; q < 4; q++) {
		ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(q, STATE)), TRN_QUEUE_DISABLED);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(q, BASE_LO)), 0);
	}
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_WINDOW(4) + TRN_EXT_WIN_RIGHTS(1)), 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(1) + TRN_EXT_CORE_CLAIM), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* A core that the firmware holds in reset takes no launch. */
START_TEST(core_held_in_reset)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	tc.host.chip->in_reset = 1;
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0)), TRN_CORE_IN_RESET);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_CORE_STATE);
	tc.host.chip->in_reset = 0;
	trn_test_restart(&tc);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *ext_launch_suite(void)
{
	Suite *suite = suite_create("ext-launch");
	TCase *tcase = tcase_create("launch");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, windows_hold_for_commands);
	tcase_add_test(tcase, windows_hold_for_programs);
	tcase_add_test(tcase, queues_stand_in_line);
	tcase_add_test(tcase, cores_run_side_by_side);
	tcase_add_test(tcase, line_behind_a_faulted_core);
	tcase_add_test(tcase, queue_reset_under_a_launch);
	tcase_add_test(tcase, reset_of_cores);
	tcase_add_test(tcase, core_held_in_reset);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(ext_launch_suite)
