/* SPDX-License-Identifier: Apache-2.0 */
/* Two cores of a pair: barriers and exchanges that meet, in any order of arrival; sides that
 * never come, break a rule or are reset; the same bits and times every time. */
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_rules.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define STAGE(core) (0x100000u + (core)*0x100000u) /* a launch of its own for each core */
#define ARGS_AT 0x10000u                           /* bytes of data, argument 0 */

static void pair_open(struct trn_test_core *tc, const char *gen)
{
	trn_test_core_open(tc, gen);
	trn_test_queue_open(tc, 1, 0);
	trn_test_arg(tc, DATA, ARGS_AT);
}

/* Puts what has been emitted aside as the launch of a core, with HALTs, and starts afresh. */
static void stage(struct trn_test_core *tc, uint32_t core)
{
	uint8_t *at = tc->data + STAGE(core);
	uint64_t used = 4096;

	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_ext_stream *stream = &tc->desc->stream[e];

		if (stream->words == 0)
			continue;
		(void)trn_test_emit(tc, e, TRN_OP_HALT, 1);
		memcpy(at + used, tc->stream[e], stream->words * TRN_ISA_WORD_SIZE);
		stream->address = DATA + STAGE(core) + used;
		used += stream->words * TRN_ISA_WORD_SIZE;
	}
	ck_assert_uint_le(used, 0x100000u);
	memcpy(at, tc->desc, sizeof(*tc->desc) + tc->desc->arg_count * sizeof(*tc->args));
	trn_test_clear(tc);
	trn_test_arg(tc, DATA, ARGS_AT);
}

/* Launches what is staged for a core, on the queue of the same number. */
static void go(struct trn_test_core *tc, uint32_t core)
{
	const struct trn_ext_cmd cmd = { .op = TRN_CMD_LAUNCH,
					 .tag = (uint16_t)(100 + core),
					 .a = { DATA + STAGE(core), core } };

	trn_test_command_on(tc, core, &cmd);
}

static uint32_t core_state(struct trn_test_core *tc, uint32_t core)
{
	return trn_test_ext_rd(tc, TRN_EXT_CORE(core) + TRN_EXT_CORE_STATE);
}

/* As the host does it: the core, and the queue that was stuck on it. */
static void reset_core(struct trn_test_core *tc, uint32_t core)
{
	trn_core_reset(tc->host.chip->core[core]);
	trn_launch_reset(tc->host.chip->launch, 1u << core, 0, false);
	trn_test_settle(tc);
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(core) + TRN_EXT_Q_CONTROL,
			TRN_EXT_Q_RESET | TRN_EXT_Q_ENABLE);
}

static void expect_done(struct trn_test_core *tc, uint32_t runs)
{
	for (uint32_t core = 0; core < 2; core++) {
		ck_assert_uint_eq(trn_test_status_of(tc, core)->error, 0);
		ck_assert_uint_eq(core_state(tc, core), TRN_CORE_IDLE);
		ck_assert_uint_eq(trn_test_ext_rd(tc, TRN_EXT_CORE(core) + TRN_EXT_CORE_RUNS),
				  runs);
	}
}

static struct trn_isa_compute *barrier(struct trn_test_core *tc, enum trn_engine engine,
				       uint32_t place)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, engine, TRN_OP_CORE_BARRIER, 1);

	inst->imm[0] = place;
	return inst;
}

/* Something that takes a while, on an engine: iotas of so many elements. */
static void dawdle(struct trn_test_core *tc, enum trn_engine engine, uint32_t count)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, engine, TRN_OP_TENSOR_COPY, 2);

	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 1, 0, count);
	inst->src0 = inst->dst;
}

/* ---- barriers ---- */

/* What the first core stored before the barrier, the second one loads behind it. */
START_TEST(barrier_orders_two_cores)
{
	for (uint32_t late = 0; late < 2; late++) {
		const struct trn_isa_ap cell =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, 0, 16);
		struct trn_test_core tc;
		struct trn_isa_dma *dma;
		uint32_t want[16], have[16];

		pair_open(&tc, late ? "trn3" : "trn2");
		trn_test_fill(&tc, TRN_DTYPE_U32, want, 16);
		tc.core = late;
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, want, sizeof(want));
		dawdle(&tc, TRN_ENGINE_VECTOR, 8000);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_DMA_COPY);
		dma->src = trn_test_mem(&cell);
		dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 16);
		dma->head.inc_mode = TRN_INC_ADD;
		dma->head.inc_sem = 4;
		dma->head.inc_value = 1;
		{
			struct trn_isa_compute *inst = barrier(&tc, TRN_ENGINE_VECTOR, 15);

			inst->head.wait_mode = TRN_WAIT_CONSUME;
			inst->head.wait_sem = 4;
			inst->head.wait_value = 16;
		}
		stage(&tc, late);
		(void)barrier(&tc, TRN_ENGINE_SYNC, 15);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->dst = trn_test_mem(&cell);
		dma->src = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 16);
		stage(&tc, late ^ 1);
		go(&tc, 0);
		go(&tc, 1);
		trn_test_settle(&tc);
		expect_done(&tc, 1);
		tc.core = late ^ 1;
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, have, sizeof(have));
		ck_assert_mem_eq(have, want, sizeof(want));
		/* Taken once, though the engine came to its wait and to the barrier. */
		ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[late])->semaphore[4], 0);
		trn_test_core_close(&tc);
	}
}
END_TEST

static uint64_t time_of_two(struct trn_test_core *tc, bool meet)
{
	const uint64_t from = trn_model_now(tc->host.model);

	for (uint32_t core = 0; core < 2; core++) {
		if (core == 1)
			dawdle(tc, TRN_ENGINE_VECTOR, 20000);
		if (meet)
			(void)barrier(tc, TRN_ENGINE_VECTOR, 0);
		else
			trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_NOTIFY, 1)->head.flags =
				TRN_REG_IMM;
		stage(tc, core);
	}
	go(tc, 0);
	go(tc, 1);
	trn_test_settle(tc);
	return trn_model_now(tc->host.model) - from;
}

START_TEST(barrier_time_is_after_the_later)
{
	struct trn_test_core tc;
	const struct trn_gen *gen;
	uint64_t alone, together;

	pair_open(&tc, "trn3");
	gen = tc.host.chip->gen;
	alone = time_of_two(&tc, false);
	together = time_of_two(&tc, true);
	expect_done(&tc, 2);
	ck_assert_uint_eq(together - alone,
			  gen->core_barrier_ns * TRN_PS_PER_NS -
				  trn_cycles_ps(gen, TRN_ENGINE_VECTOR, gen->sequencer_cycles));
	trn_test_core_close(&tc);
}
END_TEST

/* The same barriers on both sides, on several engines, at any pace: nobody stays behind, and
 * nobody gets ahead. */
START_TEST(barriers_at_any_pace)
{
	struct trn_test_core tc;

	pair_open(&tc, "trn2");
	for (uint32_t round = 0; round < 20; round++) {
		static const enum trn_engine engines[] = { TRN_ENGINE_VECTOR, TRN_ENGINE_GPSIMD };
		uint32_t places[2][24];

		for (uint32_t k = 0; k < 24; k++) {
			/* Each engine has places of its own, or counts would mix. */
			places[0][k] = trn_test_below(&tc, 8);
			places[1][k] = 8 + trn_test_below(&tc, 8);
		}
		for (uint32_t core = 0; core < 2; core++) {
			for (uint32_t n = 0; n < 48; n++) {
				const enum trn_engine engine = engines[n & 1];

				if (trn_test_below(&tc, 3) == 0)
					dawdle(&tc, engine, 1 + trn_test_below(&tc, 3000));
				(void)barrier(&tc, engine, places[n & 1][n / 2]);
			}
			stage(&tc, core);
		}
		go(&tc, round & 1);
		if (round & 2)
			trn_test_settle(&tc); /* the other one is not even launched */
		go(&tc, ~round & 1);
		trn_test_settle(&tc);
		expect_done(&tc, round + 1);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Two engines of one core at one place are two arrivals. */
START_TEST(arrivals_are_counted)
{
	struct trn_test_core tc;

	pair_open(&tc, "trn2");
	(void)barrier(&tc, TRN_ENGINE_VECTOR, 3);
	(void)barrier(&tc, TRN_ENGINE_GPSIMD, 3);
	stage(&tc, 0);
	(void)barrier(&tc, TRN_ENGINE_SYNC, 3);
	stage(&tc, 1);
	go(&tc, 0);
	go(&tc, 1);
	trn_test_settle(&tc);
	/* The second one has met nobody. */
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_RUNNING);
	ck_assert_uint_eq(core_state(&tc, 1), TRN_CORE_IDLE);
	/* The other core comes again while this one waits: counts go on. */
	go(&tc, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_IDLE);
	ck_assert_uint_eq(core_state(&tc, 1), TRN_CORE_IDLE);
	trn_test_core_close(&tc);
}
END_TEST

/* Cores of another pair are somebody else. */
START_TEST(pairs_are_apart)
{
	struct trn_test_core tc;

	pair_open(&tc, "trn2");
	trn_test_queue_open(&tc, 2, 0);
	for (uint32_t core = 0; core < 3; core++) {
		(void)barrier(&tc, TRN_ENGINE_SYNC, 1);
		stage(&tc, core);
	}
	go(&tc, 2);
	go(&tc, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 1), TRN_CORE_RUNNING);
	ck_assert_uint_eq(core_state(&tc, 2), TRN_CORE_RUNNING);
	go(&tc, 0);
	trn_test_settle(&tc);
	expect_done(&tc, 1);
	ck_assert_uint_eq(core_state(&tc, 2), TRN_CORE_RUNNING);
	trn_test_core_close(&tc);
}
END_TEST

/* Nothing is pending while a core waits for one that never comes; a reset ends it, and the
 * next two launches start from 0. */
START_TEST(partner_that_never_comes)
{
	struct trn_test_core tc;
	uint64_t idle;

	pair_open(&tc, "trn3");
	for (uint32_t core = 0; core < 2; core++) {
		(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOP, 1);
		(void)barrier(&tc, TRN_ENGINE_VECTOR, 7);
		stage(&tc, core);
	}
	(void)trn_chip_core(tc.host.chip, 0);
	(void)trn_chip_core(tc.host.chip, 1);
	idle = trn_core_hash(tc.host.chip->core[0], 0);
	go(&tc, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_RUNNING);
	ck_assert_uint_eq(trn_test_ext_rd(&tc,
					  TRN_EXT_CORE(0) + TRN_EXT_CORE_STATUS(TRN_ENGINE_VECTOR)),
			  TRN_ENGINE_WAITING);
	ck_assert_uint_eq(
		trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_PC(TRN_ENGINE_VECTOR)), 1);
	ck_assert_uint_eq(tc.status->head, 0);
	/* A semaphore that changes is none of its business. */
	trn_test_wr(&tc.host, TRN_BAR0_TPB + TRN_TPB_SEM_SET, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_RUNNING);
	reset_core(&tc, 0);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_IDLE);
	ck_assert_uint_eq(trn_core_hash(tc.host.chip->core[0], 0), idle);
	go(&tc, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 1), TRN_CORE_RUNNING);
	go(&tc, 0);
	trn_test_settle(&tc);
	expect_done(&tc, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* One side breaks a rule on its way: the other waits until it comes again, after a reset. */
START_TEST(partner_that_fails)
{
	struct trn_test_core tc;

	pair_open(&tc, "trn2");
	(void)barrier(&tc, TRN_ENGINE_VECTOR, 0);
	(void)barrier(&tc, TRN_ENGINE_VECTOR, 1);
	stage(&tc, 0);
	(void)barrier(&tc, TRN_ENGINE_SYNC, 0);
	(void)barrier(&tc, TRN_ENGINE_SYNC, 16);
	stage(&tc, 1);
	go(&tc, 0);
	go(&tc, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 1), TRN_CORE_FAULTED);
	ck_assert_uint_eq(trn_test_status_of(&tc, 1)->error, TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(trn_test_status_of(&tc, 1)->rule, TRN_RULE_OPERATOR);
	ck_assert_uint_eq(trn_test_status_of(&tc, 1)->pc, 1);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_RUNNING);
	reset_core(&tc, 1);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_RUNNING);
	(void)barrier(&tc, TRN_ENGINE_SYNC, 1);
	stage(&tc, 1);
	go(&tc, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_IDLE);
	ck_assert_uint_eq(core_state(&tc, 1), TRN_CORE_IDLE);
	ck_assert_uint_eq(tc.status->error, 0);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- exchanges ---- */

static struct trn_isa_dma *exchange(struct trn_test_core *tc, enum trn_engine engine, uint32_t pipe,
				    const struct trn_isa_ap *dst, const struct trn_isa_ap *src)
{
	struct trn_isa_dma *dma = trn_test_emit_dma(tc, engine, TRN_OP_SENDRECV);

	dma->dst = trn_test_mem(dst);
	dma->src = trn_test_mem(src);
	dma->imm[0] = pipe;
	dma->head.inc_mode = TRN_INC_ADD;
	dma->head.inc_sem = 2;
	dma->head.inc_value = 3;
	return dma;
}

START_TEST(tiles_change_places)
{
	struct trn_test_core tc;

	pair_open(&tc, "trn3");
	for (uint32_t round = 0; round < 30; round++) {
		const enum trn_dtype dtype = trn_test_any_dtype(&tc);
		const uint32_t size = (uint32_t)trn_dtype_size(dtype);
		const uint32_t count = 1 + trn_test_below(&tc, 256);
		const uint32_t parts = 1 + trn_test_below(&tc, 100);
		const uint64_t moved = tc.host.chip->counters.dma_bytes;
		uint8_t sent[2][100 * 256 * 4], got[100 * 256 * 4];
		struct trn_isa_ap from, to[2];

		for (uint32_t core = 0; core < 2; core++) {
			/* Shapes may differ in all but partitions and elements; even in place. */
			from = trn_test_ap(TRN_SPACE_SBUF, dtype, trn_test_below(&tc, 29), parts,
					   TRN_TEST_SRC0, count);
			to[core] = round % 3 == 0 ? from :
						    trn_test_ap(TRN_SPACE_SBUF, dtype,
								trn_test_below(&tc, 29), parts,
								TRN_TEST_DST, count);
			tc.core = core;
			trn_test_fill(&tc, dtype, sent[core], parts * count);
			trn_test_poke(&tc, TRN_SPACE_SBUF, from.start, parts, from.offset,
				      sent[core], count * size);
			if (core == round % 2)
				dawdle(&tc, TRN_ENGINE_SCALAR, 5000);
			exchange(&tc, TRN_ENGINE_SCALAR, round % 16, &to[core], &from)->head.flags =
				round & 4 ? TRN_DMA_GPSIMD : 0;
			stage(&tc, core);
		}
		go(&tc, 0);
		go(&tc, 1);
		trn_test_settle(&tc);
		expect_done(&tc, round + 1);
		for (uint32_t core = 0; core < 2; core++) {
			tc.core = core;
			trn_test_peek(&tc, TRN_SPACE_SBUF, to[core].start, parts, to[core].offset,
				      got, count * size);
			ck_assert_mem_eq(got, sent[core ^ 1], parts * count * size);
			ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[core])->semaphore[2],
					  16 * 3);
		}
		ck_assert_uint_eq(tc.host.chip->counters.dma_bytes - moved,
				  2 * parts * count * size);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Pipes keep apart and in order; a later DMA of the engine waits its turn, others do not. */
START_TEST(pipes_are_in_order)
{
	struct trn_test_core tc;
	struct trn_isa_ap cell[4];
	struct trn_isa_dma *dma;

	pair_open(&tc, "trn2");
	for (uint32_t k = 0; k < 4; k++)
		cell[k] = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, 64 * k, 1);
	for (uint32_t core = 0; core < 2; core++) {
		for (uint32_t k = 0; k < 3; k++) {
			const uint32_t value = 10 * core + k;

			tc.core = core;
			trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 64 * k, &value, 4);
		}
	}
	/* Core 0: pipe 5 twice on one engine, pipe 6 on another; then a store behind the first
	 * two. Core 1: pipe 6 first. */
	(void)exchange(&tc, TRN_ENGINE_SYNC, 5, &cell[0], &cell[0]);
	(void)exchange(&tc, TRN_ENGINE_SYNC, 5, &cell[1], &cell[1]);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->src = trn_test_mem(&cell[1]);
	dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 1);
	(void)exchange(&tc, TRN_ENGINE_GPSIMD, 6, &cell[2], &cell[2]);
	stage(&tc, 0);
	(void)exchange(&tc, TRN_ENGINE_SYNC, 6, &cell[2], &cell[2]);
	dawdle(&tc, TRN_ENGINE_VECTOR, 30000);
	(void)exchange(&tc, TRN_ENGINE_VECTOR, 5, &cell[0], &cell[0]);
	(void)exchange(&tc, TRN_ENGINE_VECTOR, 5, &cell[1], &cell[1]);
	stage(&tc, 1);
	go(&tc, 0);
	go(&tc, 1);
	trn_test_settle(&tc);
	expect_done(&tc, 1);
	for (uint32_t core = 0; core < 2; core++) {
		for (uint32_t k = 0; k < 3; k++) {
			uint32_t have = 0;

			tc.core = core;
			trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 64 * k, &have, 4);
			ck_assert_uint_eq(have, 10 * (core ^ 1) + k);
		}
	}
	ck_assert_uint_eq(*(uint32_t *)(void *)tc.data, 11);
	trn_test_core_close(&tc);
}
END_TEST

/* The other side is slow, for its engines have a lot to do, some of it from later on: who is
 * behind the exchange here still finds it done. */
START_TEST(slow_partner)
{
	const struct trn_isa_ap tile = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, 0, 16);
	const struct trn_isa_ap bulk = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 8, 4096, 8192);

	for (uint32_t slow = 0; slow < 2; slow++) {
		uint32_t sent[16], have[16];
		struct trn_test_core tc;
		struct trn_isa_dma *dma;

		pair_open(&tc, slow ? "trn3" : "trn2");
		trn_test_fill(&tc, TRN_DTYPE_U32, sent, 16);
		tc.core = slow;
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, sent, sizeof(sent));
		(void)exchange(&tc, TRN_ENGINE_SYNC, 0, &tile, &tile);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->src = trn_test_mem(&tile);
		dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 16);
		stage(&tc, slow ^ 1);
		for (uint32_t n = 0; n < 12; n++) {
			dma = trn_test_emit_dma(&tc, n & 1 ? TRN_ENGINE_VECTOR : TRN_ENGINE_SYNC,
						TRN_OP_DMA_COPY);
			dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, 8, 8192);
			dma->dst = trn_test_mem(&bulk);
		}
		/* Behind all others, where there are classes. */
		exchange(&tc, TRN_ENGINE_SYNC, 0, &tile, &tile)->mode = slow ? 3 : 0;
		stage(&tc, slow);
		go(&tc, 0);
		go(&tc, 1);
		trn_test_settle(&tc);
		expect_done(&tc, 1);
		memcpy(have, tc.data, sizeof(have));
		ck_assert_mem_eq(have, sent, sizeof(sent));
		trn_test_core_close(&tc);
	}
}
END_TEST

/* The two sides do not go together: the one that comes later is to blame. */
START_TEST(sides_that_differ)
{
	static const struct {
		enum trn_dtype dtype;
		uint32_t parts, count;
		enum trn_ext_rule rule;
	} others[] = {
		{ TRN_DTYPE_F32, 8, 15, TRN_RULE_SHAPE },
		{ TRN_DTYPE_F32, 7, 16, TRN_RULE_SHAPE },
		{ TRN_DTYPE_S32, 8, 16, TRN_RULE_DTYPE },
		{ TRN_DTYPE_BF16, 8, 32, TRN_RULE_DTYPE },
	};
	const struct trn_isa_ap tile = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 8, 0, 16);
	struct trn_test_core tc;

	pair_open(&tc, "trn2");
	for (uint32_t k = 0; k < TRN_ARRAY_LEN(others); k++) {
		const uint32_t late = k & 1;
		const struct trn_isa_ap other = trn_test_ap(TRN_SPACE_SBUF, others[k].dtype, 0,
							    others[k].parts, 0, others[k].count);

		(void)exchange(&tc, TRN_ENGINE_SYNC, 0, &tile, &tile);
		stage(&tc, late ^ 1);
		dawdle(&tc, TRN_ENGINE_VECTOR, 10000);
		(void)exchange(&tc, TRN_ENGINE_VECTOR, 0, &other, &other);
		stage(&tc, late);
		go(&tc, 0);
		go(&tc, 1);
		trn_test_settle(&tc);
		ck_assert_uint_eq(core_state(&tc, late ^ 1), TRN_CORE_RUNNING);
		ck_assert_uint_eq(core_state(&tc, late), TRN_CORE_FAULTED);
		ck_assert_uint_eq(trn_test_status_of(&tc, late)->rule, others[k].rule);
		ck_assert_uint_eq(trn_test_status_of(&tc, late)->operand, TRN_AP_DST);
		ck_assert_uint_eq(trn_test_status_of(&tc, late)->opcode, TRN_OP_SENDRECV);
		ck_assert_uint_eq(trn_test_status_of(&tc, late)->engine, TRN_ENGINE_VECTOR);
		ck_assert_uint_eq(trn_test_status_of(&tc, late)->pc, 2);
		reset_core(&tc, 0);
		reset_core(&tc, 1);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A side that is reset while the bytes are on their way, or while it waits: nothing of it
 * reaches the other, which can be reset and start anew. */
START_TEST(reset_on_the_way)
{
	const struct trn_isa_ap in = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 1, 0, 64);
	const struct trn_isa_ap out = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 1, 64, 64);
	uint8_t mark[64], have[64], row[64];
	struct trn_test_core tc;

	pair_open(&tc, "trn3");
	memset(mark, 0x11, sizeof(mark));
	memset(row, 0x22, sizeof(row));
	for (uint32_t core = 0; core < 2; core++) {
		tc.core = core;
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, row, sizeof(row));
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 64, mark, sizeof(mark));
		(void)exchange(&tc, TRN_ENGINE_SYNC, 9, &out, &in);
		stage(&tc, core);
	}
	for (uint32_t met = 0; met < 2; met++) {
		go(&tc, 0);
		if (met)
			go(&tc, 1);
		for (uint32_t n = 0; n < 100 && !tc.host.chip->core[met]; n++)
			(void)trn_model_step(tc.host.model);
		while (!tc.host.chip->core[met]->dma[0].used ||
		       tc.host.chip->core[met]->dma[0].alone == met)
			ck_assert(trn_model_step(tc.host.model));
		reset_core(&tc, met);
		trn_test_settle(&tc);
		for (uint32_t core = 0; core < 2; core++) {
			tc.core = core;
			trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 64, have, sizeof(have));
			ck_assert_mem_eq(have, mark, sizeof(have));
		}
		if (met) {
			ck_assert_uint_eq(core_state(&tc, 0), TRN_CORE_RUNNING);
			reset_core(&tc, 0);
		}
	}
	go(&tc, 0);
	go(&tc, 1);
	trn_test_settle(&tc);
	expect_done(&tc, 1);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 64, have, sizeof(have));
	ck_assert_mem_eq(have, row, sizeof(have));
	trn_test_core_close(&tc);
}
END_TEST

/* 128 rows of 1 KiB: the wide way, and the one through the gpsimd engine. */
START_TEST(exchange_times)
{
	const struct trn_isa_ap tile = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, 0, 256);
	struct trn_test_core tc;
	uint64_t took[2];

	pair_open(&tc, "trn2");
	for (uint32_t gpsimd = 0; gpsimd < 2; gpsimd++) {
		const uint64_t from = trn_model_now(tc.host.model);

		for (uint32_t core = 0; core < 2; core++) {
			exchange(&tc, TRN_ENGINE_SYNC, 0, &tile, &tile)->head.flags =
				gpsimd ? TRN_DMA_GPSIMD : 0;
			stage(&tc, core);
		}
		go(&tc, 0);
		go(&tc, 1);
		trn_test_settle(&tc);
		took[gpsimd] = trn_model_now(tc.host.model) - from;
	}
	expect_done(&tc, 2);
	/* 128 KiB at 307 GB/s are 427 ns; 16 engines share them at 16 x 23 GB/s and a stagger. */
	ck_assert_uint_gt(took[0], took[1]);
	ck_assert_uint_ge(took[1], 427 * TRN_PS_PER_NS + 740 * TRN_PS_PER_NS);
	trn_test_core_close(&tc);
}
END_TEST

static uint64_t mixed_run(const char *gen, bool timing_only, uint64_t *ret_events)
{
	struct trn_test_core tc;
	const struct trn_isa_ap in = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 64, 0, 200);
	const struct trn_isa_ap out = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 64, 4096, 200);
	uint64_t hash;

	memset(&tc, 0, sizeof(tc));
	pair_open(&tc, gen);
	tc.host.model->config.timing_only = timing_only;
	for (uint32_t core = 0; core < 2; core++) {
		tc.core = core;
		trn_test_fill_view(&tc, &in);
		for (uint32_t n = 0; n < 10; n++) {
			dawdle(&tc, TRN_ENGINE_VECTOR, 100 + 300 * ((n * 7 + core * 5) % 11));
			(void)exchange(&tc, TRN_ENGINE_VECTOR, n % 3, &out, &in);
			(void)barrier(&tc, TRN_ENGINE_VECTOR, n % 2);
			(void)barrier(&tc, TRN_ENGINE_SCALAR, 2);
		}
		stage(&tc, core);
	}
	go(&tc, 1);
	go(&tc, 0);
	trn_test_settle(&tc);
	expect_done(&tc, 1);
	hash = trn_model_hash(tc.host.model);
	*ret_events = tc.host.event_hash ^ trn_model_now(tc.host.model);
	trn_test_core_close(&tc);
	return hash;
}

START_TEST(same_bits_and_times)
{
	uint64_t events[3], hash[3];

	hash[0] = mixed_run("trn3", false, &events[0]);
	hash[1] = mixed_run("trn3", false, &events[1]);
	hash[2] = mixed_run("trn3", true, &events[2]);
	ck_assert_uint_eq(hash[0], hash[1]);
	ck_assert_uint_eq(events[0], events[1]);
	/* Without data: the same times. */
	ck_assert_uint_eq(events[0], events[2]);
	ck_assert_uint_ne(hash[0], hash[2]);
}
END_TEST

/* Each allocation of two launches that meet is refused once: an error or a good end on either
 * side, and never half an exchange. */
START_TEST(every_allocation_refused_once)
{
	const struct trn_isa_ap tile = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 4, 0, 64);
	uint32_t refused = 0;

	for (long n = 0; n < 60; n++) {
		uint8_t row[64], have[2][64];
		struct trn_test_core tc;

		pair_open(&tc, "trn3");
		for (uint32_t core = 0; core < 2; core++) {
			memset(row, (int)core + 1, sizeof(row));
			tc.core = core;
			trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, row, sizeof(row));
			(void)exchange(&tc, TRN_ENGINE_SYNC, 0, &tile, &tile);
			(void)barrier(&tc, TRN_ENGINE_SYNC, 0);
			stage(&tc, core);
		}
		trn_test_alloc_arm(&tc.host.mem, n);
		go(&tc, 0);
		go(&tc, 1);
		trn_test_settle(&tc);
		for (uint32_t core = 0; core < 2; core++) {
			tc.core = core;
			trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, have[core], 64);
		}
		ck_assert_uint_ne(have[0][0], have[1][0]);
		ck_assert_uint_eq(have[0][0], have[0][63]);
		refused += tc.host.mem.failed;
		if (!tc.host.mem.failed)
			expect_done(&tc, 1);
		trn_test_alloc_arm(&tc.host.mem, -1);
		trn_test_core_close(&tc);
	}
	ck_assert_uint_gt(refused, 0);
}
END_TEST

/* ---- rules ---- */

CHANGE(place_16, i->c.imm[0] = 16)
CHANGE(imm_1, i->c.imm[1] = 1)
CHANGE(flag_1, i->c.head.flags = 1)
CHANGE(pipe_16, i->d.imm[0] = 16)
CHANGE(dst_dram, i->d.dst = trn_test_dram(0, TRN_DTYPE_BF16, 0, 8, 16))
CHANGE(src_dram, i->d.src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 8, 16))
CHANGE(dtypes, i->d.dst.dtype = i->d.dst.u.chip.ap.dtype = TRN_DTYPE_F16)
CHANGE(packed, (i->d.dst.dtype = i->d.dst.u.chip.ap.dtype = i->d.src.dtype =
			i->d.src.u.chip.ap.dtype = TRN_DTYPE_F4E2M1_X4))
CHANGE(partitions, i->d.dst.u.chip.ap.partitions = 7)
CHANGE(elements, i->d.dst.u.chip.ap.dims[0].num = 15)
CHANGE(long_row, (i->d.head.flags = TRN_DMA_GPSIMD,
		  i->d.dst.u.chip.ap.dims[0].num = i->d.src.u.chip.ap.dims[0].num = 257))
CHANGE(gather, i->d.head.flags = TRN_DMA_GATHER)
CHANGE(decrement, i->d.head.inc_mode = TRN_INC_SUB)

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_BARRIER, place_16, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_BARRIER, imm_1, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_BARRIER, flag_1, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SENDRECV, pipe_16, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SENDRECV, imm_1, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SENDRECV, dst_dram, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SENDRECV, src_dram, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SENDRECV, dtypes, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_SENDRECV, packed, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SENDRECV, partitions, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SENDRECV, elements, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SENDRECV, long_row, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SENDRECV, gather, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SENDRECV, decrement, TRN_RULE_OPERATOR, NONE),
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

static Suite *pair_suite(void)
{
	Suite *suite = suite_create("pair");
	TCase *tcase = tcase_create("pair");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, barrier_orders_two_cores);
	tcase_add_test(tcase, barrier_time_is_after_the_later);
	tcase_add_test(tcase, barriers_at_any_pace);
	tcase_add_test(tcase, arrivals_are_counted);
	tcase_add_test(tcase, pairs_are_apart);
	tcase_add_test(tcase, partner_that_never_comes);
	tcase_add_test(tcase, partner_that_fails);
	tcase_add_test(tcase, tiles_change_places);
	tcase_add_test(tcase, pipes_are_in_order);
	tcase_add_test(tcase, slow_partner);
	tcase_add_test(tcase, sides_that_differ);
	tcase_add_test(tcase, reset_on_the_way);
	tcase_add_test(tcase, exchange_times);
	tcase_add_test(tcase, same_bits_and_times);
	tcase_add_test(tcase, every_allocation_refused_once);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(pair_suite)
