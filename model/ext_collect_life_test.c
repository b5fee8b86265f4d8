/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT: processors in line, limits, windows, resets, memory that goes, time. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_collect.h"

#define D(at) (TRN_AXI_HBM0 + TRN_TEST_COLLECT_DATA + (at))
#define NS TRN_PS_PER_NS

static struct trn_test_collect tc;

/* ---- processors ---- */

/* Commands in line: nobody overtakes one in front that waits for the same processor, others go. */
START_TEST(processors_in_order_of_arrival)
{
	static const uint32_t uses[4][2] = { { 0, 1 }, { 1, 2 }, { 2, 3 }, { 4, 5 } };
	uint64_t order[4];

	trn_test_collect_pod(&tc, "trn3");
	trn_test_wait(&tc, 0, 0, 9, 1, 0);
	for (uint32_t q = 0; q < 4; q++) {
		tc.queue = q;
		for (uint32_t i = 0; i < 2; i++)
			(void)trn_test_copy(&tc, 0, uses[q][i], D(0), D(TRN_MIB), 64);
		trn_test_submit(&tc, 0);
	}
	trn_test_collect_run(&tc);
	for (uint32_t q = 0; q < 4; q++)
		ck_assert_uint_eq(trn_test_collect_status(&tc, 0, q)->head, q == 3);
	trn_test_wr(&tc.host, trn_regs_topsp_bar0(0) + TRN_TOPSP_SEM_INC + 9 * 4, 1);
	trn_test_collect_run(&tc);
	for (uint32_t q = 0; q < 4; q++) {
		tc.queue = q;
		trn_test_expect_done(&tc, 0);
		order[q] = trn_test_collect_status(&tc, 0, q)->time_ps;
	}
	ck_assert_uint_lt(order[0], order[1]);
	ck_assert_uint_lt(order[1], order[2]);
	ck_assert_uint_lt(order[3], order[0]);
	trn_test_collect_close(&tc);
}
END_TEST

/* The queue in front is reset while others stand in line. */
START_TEST(a_reset_queue_lets_go)
{
	trn_test_collect_pod(&tc, "trn3");
	for (uint32_t q = 0; q < 3; q++) {
		tc.queue = q;
		if (q < 2)
			trn_test_wait(&tc, 0, 0, 1, 1, 0);
		trn_test_copy(&tc, 0, 0, D(8 * TRN_MIB), D(0), 8 * TRN_MIB)->signal =
			trn_test_inc(5, 5);
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
	}
	trn_test_collect_queue(&tc, 0, 1, 0); /* in line */
	trn_test_collect_queue(&tc, 0, 0, 0); /* runs */
	trn_test_collect_run(&tc);
	tc.queue = 2;
	trn_test_expect_done(&tc, 0);
	/* And in the middle of a transfer: nothing of it comes any more. */
	trn_test_collect_fill(&tc, 0, D(0), 8 * TRN_MIB);
	trn_test_copy(&tc, 0, 0, D(8 * TRN_MIB), D(0), 8 * TRN_MIB)->signal = trn_test_inc(5, 5);
	trn_test_signal(&tc, 0, 0, trn_test_inc(5, 6), 1);
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 10000 * NS);
	trn_test_collect_queue(&tc, 0, 2, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_same(&tc, 0, D(0), 0, D(8 * TRN_MIB), TRN_MIB);
	ck_assert_int_ne(memcmp(trn_test_hbm(&tc, 0, D(7 * TRN_MIB)),
				trn_test_hbm(&tc, 0, D(15 * TRN_MIB)), TRN_MIB),
			 0);
	ck_assert_uint_eq(trn_test_semaphore(&tc, 0, 5, 6), 0);
	trn_test_collect_close(&tc);
}
END_TEST

/* The model goes while much is under way: nothing is left behind. */
START_TEST(closed_in_the_middle)
{
	for (uint32_t us = 0; us < 40; us += 3) {
		trn_test_collect_pod(&tc, "trn3");
		tc.limit_ns = 1000000;
		for (uint32_t p = 0; p < 16; p++) {
			for (uint32_t i = 0; i < 70; i++)
				trn_test_copy(&tc, 0, p, D(8 * TRN_MIB), D(0), 100000 + i)->signal =
					trn_test_inc(p, i);
			trn_test_signal(&tc, 0, p, trn_test_inc(p, 100), 1);
			trn_test_wait(&tc, 0, p, 101, 1, 0);
		}
		trn_test_submit(&tc, 0);
		trn_model_run(tc.host.model, us * 1000 * NS);
		trn_test_collect_close(&tc);
	}
}
END_TEST

/* ---- limits ---- */

START_TEST(a_wait_has_a_limit)
{
	uint64_t start;

	trn_test_collect_pod(&tc, "trn3");
	tc.limit_ns = 5000;
	trn_test_copy(&tc, 0, 0, D(0), D(4096), 64)->peer = 1;
	trn_test_wait(&tc, 0, 0, 3, 1, 41);
	trn_test_op(&tc, 0, 1, TRN_SYNC_FENCE);
	trn_test_submit(&tc, 0);
	/* Not an event: who asks what is pending hears of nothing once all else is done. */
	trn_test_host_settle(&tc.host, 1000);
	start = trn_model_now(tc.host.model);
	ck_assert_uint_lt(start, 5000 * NS);
	ck_assert_uint_eq(trn_test_collect_status(&tc, 0, 0)->state, TRN_QUEUE_READY);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_TIMEOUT, 0, 1, 41);
	/* Fetch, command, one operation, then the wait. */
	ck_assert_uint_eq(
		trn_model_now(tc.host.model),
		(tc.host.config.gen->udma_fetch_ns + tc.host.config.gen->sync_op_ns + 5000) * NS);
	/* Nothing is left of it: the next one takes its own time. */
	trn_test_collect_queue(&tc, 0, 0, 0);
	trn_test_wait(&tc, 0, 0, 3, 1, 42);
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 5000 * NS);
	ck_assert_uint_eq(trn_test_collect_status(&tc, 0, 0)->state, TRN_QUEUE_READY);
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 1000 * NS);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_TIMEOUT, 0, 0, 42);
	trn_test_collect_close(&tc);
}
END_TEST

/* A wait that is met in time leaves no limit; one limit serves waits one after the other. */
START_TEST(a_limit_is_of_each_wait)
{
	trn_test_collect_pod(&tc, "trn3");
	tc.limit_ns = 5000;
	for (uint32_t i = 0; i < 10; i++) {
		/* Each takes 4 us. */
		struct trn_ext_sync_op *op =
			trn_test_copy(&tc, 0, 1, D(16 * TRN_MIB), D(0), 1500000);
		op->signal = trn_test_inc(0, i);
		op->value = 1;
		trn_test_op(&tc, 0, 1, TRN_SYNC_FENCE);
		trn_test_wait(&tc, 0, 0, i, 1, i);
	}
	trn_test_submit(&tc, 0);
	trn_test_host_settle(&tc.host, 10000);
	trn_test_expect_done(&tc, 0);
	ck_assert_uint_gt(trn_model_now(tc.host.model), 20000 * NS);
	ck_assert(!trn_model_step(tc.host.model));
	/* A fence that takes too long is for whom the oldest transfer is. */
	trn_test_copy(&tc, 0, 1, D(0), D(4096), 64)->peer = 11;
	trn_test_copy(&tc, 0, 1, D(16 * TRN_MIB), D(0), 8 * TRN_MIB)->peer = 12;
	trn_test_op(&tc, 0, 1, TRN_SYNC_FENCE);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_TIMEOUT, 1, 2, 12);
	trn_test_collect_close(&tc);
}
END_TEST

/* Of two that wait, the first is served in time; the other has its own limit. */
START_TEST(a_limit_is_of_each_processor)
{
	uint64_t start;

	trn_test_collect_pod(&tc, "trn3");
	tc.limit_ns = 10000;
	trn_test_wait(&tc, 0, 0, 0, 1, 1);
	/* 8 us, and then the fence of the other processor begins to wait. */
	trn_test_copy(&tc, 0, 2, D(16 * TRN_MIB), D(0), 7 * 528000)->signal = trn_test_inc(4, 0);
	trn_test_wait(&tc, 0, 4, 0, 0, 2);
	trn_test_signal(&tc, 0, 2, trn_test_inc(0, 0), 1);
	trn_test_op(&tc, 0, 2, TRN_SYNC_FENCE);
	trn_test_wait(&tc, 0, 2, 7, 1, 3);
	trn_test_submit(&tc, 0);
	start = trn_model_now(tc.host.model);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_TIMEOUT, 2, 3, 3);
	ck_assert_uint_gt(trn_model_now(tc.host.model), start + 17000 * NS);
	ck_assert_uint_lt(trn_model_now(tc.host.model), start + 20000 * NS);
	trn_test_collect_close(&tc);
}
END_TEST

/* Numbers that are beyond all time. */
START_TEST(the_longest_limit)
{
	trn_test_collect_pod(&tc, "trn3");
	tc.limit_ns = UINT64_MAX;
	trn_test_wait(&tc, 0, 0, 3, 1, 1);
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, 1000000 * NS);
	trn_test_wr(&tc.host, trn_regs_topsp_bar0(0) + TRN_TOPSP_SEM_INC + 3 * 4, 1);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- windows ---- */

static void window(uint32_t r, uint64_t base, uint64_t size, uint32_t rights)
{
	const uint32_t page = TRN_EXT_WINDOW(2);

	trn_test_ext_write(&tc, 0, page + TRN_EXT_WIN_BASE_LO(r), trn_lo32(base));
	trn_test_ext_write(&tc, 0, page + TRN_EXT_WIN_BASE_HI(r), trn_hi32(base));
	trn_test_ext_write(&tc, 0, page + TRN_EXT_WIN_SIZE_LO(r), trn_lo32(size));
	trn_test_ext_write(&tc, 0, page + TRN_EXT_WIN_SIZE_HI(r), trn_hi32(size));
	trn_test_ext_write(&tc, 0, page + TRN_EXT_WIN_RIGHTS(r), rights);
}

struct windowed {
	uint64_t dst, src, bytes;
	uint32_t sources, flags;
	uint64_t signal, bad; /* 0: goes */
};

START_TEST(windows_hold)
{
	const uint64_t inc = trn_test_inc(3, 0);
	const struct windowed cases[] = {
		{ D(0), D(4096), 4096, 0, 0, 0, 0 },
		{ D(0), D(4096), 4097, 0, 0, 0, D(4096) },
		{ D(1), D(4096), 4096, 0, 0, 0, D(1) },
		{ D(0), D(4096), 4096, 0, 0, inc, 0 },
		{ D(0), D(4096), 4096, 0, 0, inc + 4, inc + 4 },
		{ D(4096), D(4096), 64, 0, 0, 0, D(4096) }, /* read only */
		/* Sources 8 KiB apart, with what is not allowed in between. */
		{ D(0), D(4096), 4096, 2, 0, 0, 0 },
		{ D(0), D(4096), 4096, 3, 0, 0, D(4096 + 16384) },
		/* dst may be written, not read */
		{ D(0), D(4096), 64, 1, TRN_SYNC_ADD_DST, 0, D(0) },
	};

	trn_test_collect_pod(&tc, "trn3");
	window(0, TRN_AXI_HBM0 + 16 * TRN_MIB, 16 * TRN_MIB, 1); /* descriptor, streams */
	window(1, D(0), 4096, 2);
	window(2, D(4096), 4096, 1);
	window(3, D(4096 + 8192), 4096, 1);
	window(4, inc, 4, 2);
	trn_test_collect_queue(&tc, 0, 0, 2);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		const struct windowed *w = &cases[i];
		struct trn_ext_sync_op *op =
			w->sources == 0 ?
				trn_test_copy(&tc, 0, 0, w->dst, w->src, w->bytes) :
				trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F32, w->dst, w->src, w->bytes);

		op->sources = (uint16_t)w->sources;
		op->stride = w->sources > 0 ? 8192 : 0;
		op->flags = (uint8_t)w->flags;
		op->signal = w->signal;
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		if (w->bad == 0) {
			trn_test_expect_done(&tc, 0);
			continue;
		}
		ck_assert_msg(
			trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, 0, 0, 0)->address ==
				w->bad,
			"case %u", i);
		trn_test_collect_queue(&tc, 0, 0, 2);
	}
	/* The descriptor, then the stream, are not in it. */
	window(0, TRN_AXI_HBM0 + 18 * TRN_MIB, 8 * TRN_MIB, 1);
	(void)trn_test_op(&tc, 0, 0, TRN_SYNC_FENCE);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, UINT32_MAX, 0, 0xff);
	trn_test_collect_queue(&tc, 0, 0, 2);
	window(0, TRN_AXI_HBM0 + 16 * TRN_MIB, TRN_MIB, 1);
	(void)trn_test_op(&tc, 0, 0, TRN_SYNC_FENCE);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, UINT32_MAX, 0, 0xff);
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- resets, memory that goes ---- */

static void reset(uint32_t map, bool device)
{
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_MAP, map);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_TYPE,
		    device ? TRN_MR_RESET_TYPE_DEVICE : TRN_MR_RESET_TYPE_TPB);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
}

/* Core 2 and what belongs to it: processors 4 and 5. */
START_TEST(resets_of_cores)
{
	trn_test_collect_pod(&tc, "trn3");
	for (uint32_t q = 0; q < 4; q++) {
		static const uint32_t processor[] = { 4, 5, 0, 5 };

		tc.queue = q;
		trn_test_wait(&tc, 0, processor[q], 3, 1, 0);
		trn_test_submit(&tc, 0);
	}
	trn_test_wr(&tc.host, trn_regs_topsp_bar0(5) + TRN_TOPSP_SEM_INC + 9 * 4, 5);
	trn_test_host_settle(&tc.host, 1000);
	reset(1u << 2 | 1u << 10 | 1u << 18, false);
	for (uint32_t q = 0; q < 4; q++) {
		const struct trn_ext_status *status = trn_test_collect_status(&tc, 0, q);

		ck_assert_uint_eq(status->error, q == 2 ? 0 : TRN_EXT_ERR_RESET);
	}
	/* While it lasts: nobody gets them, nothing arrives there. */
	tc.queue = 0;
	trn_test_collect_queue(&tc, 0, 0, 0);
	(void)trn_test_op(&tc, 0, 5, TRN_SYNC_FENCE);
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 5000 * NS);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_CORE_STATE, UINT32_MAX, 0, 0xff);
	trn_test_collect_queue(&tc, 0, 0, 0);
	trn_test_signal(&tc, 0, 1, trn_test_inc(5, 9), 1);
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 5000 * NS);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, 1, 0, 0);
	trn_test_collect_run(&tc);
	/* Afterwards. */
	ck_assert_uint_eq(trn_test_semaphore(&tc, 0, 5, 9), 0);
	trn_test_collect_queue(&tc, 0, 0, 0);
	(void)trn_test_op(&tc, 0, 5, TRN_SYNC_FENCE);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_test_collect_close(&tc);
}
END_TEST

START_TEST(a_reset_of_the_device)
{
	trn_test_collect_pod(&tc, "trn3");
	tc.limit_ns = 100000;
	for (uint32_t q = 0; q < 3; q++) {
		tc.queue = q;
		trn_test_copy(&tc, 0, 0, D(8 * TRN_MIB), D(0), 8 * TRN_MIB)->signal =
			trn_test_inc(1, 1);
		trn_test_wait(&tc, 0, 0, 3, 1, 0);
		trn_test_submit(&tc, 0);
	}
	trn_model_run(tc.host.model, 5000 * NS);
	reset(0, true);
	for (uint32_t q = 0; q < 3; q++)
		ck_assert_uint_eq(trn_test_collect_status(&tc, 0, q)->error, TRN_EXT_ERR_RESET);
	trn_test_collect_run(&tc);
	trn_test_collect_close(&tc);
}
END_TEST

/* Host memory is unmapped under a transfer, a stream. */
START_TEST(memory_that_goes)
{
	const uint64_t host = TRN_AXI_HOST | 0x10000000;
	uint64_t address;

	trn_test_collect_pod(&tc, "trn3");
	(void)trn_test_host_map(&tc.host, 0x10000000, 8 * TRN_MIB);
	trn_test_copy(&tc, 0, 2, D(0), host, 8 * TRN_MIB)->peer = 6;
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, 9000 * NS);
	trn_test_host_unmap(&tc.host, 0x10000000);
	trn_test_collect_run(&tc);
	address = trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, 2, 0, 6)->address;
	ck_assert_uint_gt(address, host);
	ck_assert_uint_lt(address, host + 8 * TRN_MIB);
	trn_test_collect_queue(&tc, 0, 0, 0);
	{
		struct trn_ext_collect *head;
		struct trn_ext_sync_stream *stream;
		struct trn_ext_sync_op *op = trn_test_host_map(&tc.host, 0x10000000, 4096);

		for (uint32_t i = 0; i < 64; i++)
			op[i].op = TRN_SYNC_FENCE;
		(void)trn_test_op(&tc, 0, 2, TRN_SYNC_FENCE);
		head = trn_test_describe(&tc, 0);
		stream = (struct trn_ext_sync_stream *)(void *)(head + 1);
		*stream = (struct trn_ext_sync_stream){ host, 64, 2 };
		trn_test_command_collect(&tc, 0);
		trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 1000 * NS);
		trn_test_host_unmap(&tc.host, 0x10000000);
		trn_test_collect_run(&tc);
		trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, 2, TRN_SYNC_AHEAD, 0xff);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- time ---- */

static uint64_t run_ps(void)
{
	uint64_t start;

	trn_test_host_settle(&tc.host, 1000);
	start = trn_model_now(tc.host.model);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	return trn_model_now(tc.host.model) - start - tc.host.config.gen->udma_fetch_ns * NS;
}

static void expect_near(uint64_t is, uint64_t should)
{
	ck_assert_msg(is * 100 >= should * 98 && is * 100 <= should * 102, "%llu ps, expected %llu",
		      (unsigned long long)is, (unsigned long long)should);
}

START_TEST(what_transfers_take)
{
	const struct trn_gen *gen;
	uint64_t fixed, rate, hbm;
	struct trn_ext_sync_op *op;

	trn_test_collect_pod(&tc, "trn3");
	gen = tc.host.config.gen;
	fixed = (gen->dma_trigger_hardware_ns + gen->dma_done_ns) * NS;
	rate = 16 * gen->dma_load_mbps;
	hbm = gen->hbm_bytes_per_s / 4 / 1000000;
	trn_test_copy(&tc, 0, 0, D(0), TRN_AXI_HBM1, 64);
	expect_near(run_ps(), fixed + 64 * 1000000 / rate);
	trn_test_copy(&tc, 0, 0, D(0), TRN_AXI_HBM1, 16 * TRN_MIB);
	expect_near(run_ps(), fixed + 16 * TRN_MIB * 1000000 / rate);
	/* Two processors of a core share its engines, two of different cores do not. */
	trn_test_copy(&tc, 0, 0, D(0), TRN_AXI_HBM1, 8 * TRN_MIB);
	trn_test_copy(&tc, 0, 1, D(8 * TRN_MIB), TRN_AXI_HBM1 + 8 * TRN_MIB, 8 * TRN_MIB);
	expect_near(run_ps(), fixed + 16 * TRN_MIB * 1000000 / rate);
	trn_test_copy(&tc, 0, 1, D(0), TRN_AXI_HBM1, 8 * TRN_MIB);
	trn_test_copy(&tc, 0, 2, D(8 * TRN_MIB), TRN_AXI_HBM1 + 8 * TRN_MIB, 8 * TRN_MIB);
	expect_near(run_ps(), fixed + 8 * TRN_MIB * 1000000 / rate);
	/* Eight of them are bound by the stacks. */
	for (uint32_t p = 0; p < 16; p += 2)
		trn_test_copy(&tc, 0, p, D(p * 2 * TRN_MIB), TRN_AXI_HBM1 + p * 2 * TRN_MIB,
			      4 * TRN_MIB);
	expect_near(run_ps(), fixed + 32 * TRN_MIB * 1000000 / hbm);
	/* A reduction reads each source; the engines take them at their rate. */
	op = trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F32, D(0), TRN_AXI_HBM1, 4 * TRN_MIB);
	op->sources = 8;
	op->stride = 4 * TRN_MIB;
	expect_near(run_ps(), fixed + 32 * TRN_MIB * 1000000 / rate);
	op = trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F16, D(0), TRN_AXI_HBM1, 4 * TRN_MIB);
	op->sources = 8;
	op->stride = 4 * TRN_MIB;
	expect_near(run_ps(), fixed + 32 * TRN_MIB * 1000000 * 100 / gen->dma_add_percent / rate);
	trn_test_collect_close(&tc);
}
END_TEST

/* Small ones overlap: one after the other at the cost of an operation each. */
START_TEST(small_transfers_overlap)
{
	const struct trn_gen *gen;

	trn_test_collect_pod(&tc, "trn3");
	gen = tc.host.config.gen;
	for (uint32_t i = 0; i < 60; i++)
		trn_test_copy(&tc, 0, 0, D(i * 64), TRN_AXI_HBM1, 64);
	expect_near(run_ps(),
		    (gen->dma_trigger_hardware_ns + gen->dma_done_ns + 59 * gen->sync_op_ns) * NS);
	trn_test_collect_close(&tc);
}
END_TEST

struct heard {
	uint32_t transfers, waits, commands;
	uint64_t bytes;
};

static struct heard heard;

static void hear(void *user, const struct trn_trace_item *item)
{
	(void)user;
	ck_assert_uint_ge(item->end_ps, item->begin_ps);
	if (item->kind == TRN_TRACE_TRANSFER) {
		ck_assert_uint_eq(item->core, item->track / 2);
		heard.transfers++;
		heard.bytes += item->value;
	}
	heard.waits += item->kind == TRN_TRACE_SYNC_WAIT;
	heard.commands += item->kind == TRN_TRACE_COPY && strcmp(item->name, "collect") == 0;
}

/* Spans of transfers and waits; energy of the bytes. */
START_TEST(traced_and_paid)
{
	static struct trn_chip_counters before, after;

	trn_test_collect_pod(&tc, "trn3");
	trn_model_trace(tc.host.model, hear);
	trn_chip_counters(tc.host.chip, &before);
	trn_test_copy(&tc, 0, 6, D(0), TRN_AXI_HBM1, 3 * TRN_MIB)->signal = trn_test_inc(7, 7);
	trn_test_op(&tc, 0, 6, TRN_SYNC_FENCE);
	trn_test_signal(&tc, 0, 6, trn_test_inc(7, 8), 1);
	trn_test_wait(&tc, 0, 7, 8, 1, 0);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_chip_counters(tc.host.chip, &after);
	ck_assert_uint_eq(heard.transfers, 1);
	ck_assert_uint_eq(heard.bytes, 3 * TRN_MIB);
	ck_assert_uint_eq(heard.waits, 2);
	ck_assert_uint_eq(heard.commands, 1);
	ck_assert_uint_eq(after.dma_bytes - before.dma_bytes, 3 * TRN_MIB);
	ck_assert_uint_eq(after.busy_nj[TRN_ENERGY_HBM] - before.busy_nj[TRN_ENERGY_HBM],
			  2 * 3 * TRN_MIB * tc.host.config.gen->hbm_fj / 1000000);
	ck_assert_uint_eq(after.busy_nj[TRN_ENERGY_LINK], before.busy_nj[TRN_ENERGY_LINK]);
	trn_test_collect_close(&tc);
}
END_TEST

static Suite *collect_suite(void)
{
	Suite *suite = suite_create("collect_life");
	TCase *t = tcase_create("collect_life");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, processors_in_order_of_arrival);
	tcase_add_test(t, a_reset_queue_lets_go);
	tcase_add_test(t, closed_in_the_middle);
	tcase_add_test(t, a_wait_has_a_limit);
	tcase_add_test(t, a_limit_is_of_each_wait);
	tcase_add_test(t, a_limit_is_of_each_processor);
	tcase_add_test(t, the_longest_limit);
	tcase_add_test(t, windows_hold);
	tcase_add_test(t, resets_of_cores);
	tcase_add_test(t, a_reset_of_the_device);
	tcase_add_test(t, memory_that_goes);
	tcase_add_test(t, what_transfers_take);
	tcase_add_test(t, small_transfers_overlap);
	tcase_add_test(t, traced_and_paid);
	suite_add_tcase(suite, t);
	return suite;
}

TRN_TEST_MAIN(collect_suite)
