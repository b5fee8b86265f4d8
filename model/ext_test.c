/* SPDX-License-Identifier: Apache-2.0 */
/* The extension block: id and core pages, queues and their commands, every way a
 * command can be refused, windows, claims, cores shared by queues, resets. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"
#include "model/test_shapes.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define NOWHERE TRN_TEST_HOST(UINT64_C(0x7000000000))
#define Q(q, reg) (TRN_EXT_QUEUE(q) + TRN_EXT_Q_##reg)

static uint64_t data_load(struct trn_test_core *tc, uint32_t at)
{
	return trn_load64(tc->data + at);
}

START_TEST(id_page)
{
	struct trn_test_core tc;
	uint64_t ns;

	trn_test_core_open(&tc, "trn3");
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_MAGIC), TRN_EXT_MAGIC);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_VERSION), TRN_EXT_VERSION);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_CAPS), 0x1ff);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_CORES), 8);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_QUEUES), 64);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_WINDOWS), 16);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_GENERATION), 3);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_ISA), TRN_ISA_VERSION);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_SBUF_PARTITION), 256 * 1024);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_HBM_MIB), 36 * 1024);
	/* Past 2^32 ns the high half is the one latched with the low. */
	trn_model_run(tc.host.model, UINT64_C(5000000000123) * TRN_PS_PER_NS);
	ns = trn_test_ext_rd(&tc, TRN_EXT_ID_TIME_LO);
	trn_model_run(tc.host.model, UINT64_C(9000000000123) * TRN_PS_PER_NS);
	ns |= (uint64_t)trn_test_ext_rd(&tc, TRN_EXT_ID_TIME_HI) << 32;
	ck_assert_uint_eq(ns, UINT64_C(5000000000123));
	/* Read only. */
	trn_test_ext_wr(&tc, TRN_EXT_ID_MAGIC, 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_ID_MAGIC), TRN_EXT_MAGIC);
	ck_assert_uint_ge(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 1);
	trn_test_core_close(&tc);
}
END_TEST

/* Every word of the block may be read and written: nothing breaks, unknown ones are told. */
START_TEST(any_register_any_value)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_expect(&tc.host, "queue-live-config");
	trn_test_host_expect(&tc.host, "doorbell-past-ring");
	/* A queue may come to life with any status address. */
	trn_test_host_expect(&tc.host, "status-unmapped");
	for (uint32_t i = 0; i < 20000; i++) {
		static const uint32_t bases[] = { 0,
						  TRN_EXT_CORE(0),
						  TRN_EXT_CORE(7),
						  TRN_EXT_COUNTERS,
						  TRN_EXT_QUEUE(0),
						  TRN_EXT_QUEUE(63),
						  TRN_EXT_DOORBELL(1),
						  TRN_EXT_WINDOW(15),
						  TRN_EXT_WINDOW(16),
						  TRN_EXT_SIZE - 0x1000 };
		const uint32_t at = bases[trn_test_below(&tc, TRN_ARRAY_LEN(bases))] +
				    4 * trn_test_below(&tc, 1024);

		if (trn_test_below(&tc, 2))
			(void)trn_test_ext_rd(&tc, at);
		else
			trn_test_ext_wr(&tc, at,
					(uint32_t)trn_prng_next(&tc.prng) >>
						trn_test_below(&tc, 33) % 32);
	}
	trn_test_settle(&tc);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(core_page_of_an_idle_core)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t reg = 0; reg < 0x40; reg += 4)
		if (reg < TRN_EXT_CORE_ERR_CODE ? reg <= TRN_EXT_CORE_RUNS :
						  reg <= TRN_EXT_CORE_ERR_ADDR_HI)
			ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(7) + reg), 0);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(7) + TRN_EXT_CORE_PC(e)), 0);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(7) + TRN_EXT_CORE_STATUS(e)),
				  TRN_ENGINE_IDLE);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(7) + TRN_EXT_CORE_RETIRED(e)),
				  0);
	}
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 0);
	(void)trn_test_ext_rd(&tc, TRN_EXT_CORE(7) + TRN_EXT_CORE_PC(0) + 12);
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 1);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(claims)
{
	struct trn_test_core tc;
	const uint32_t core = TRN_EXT_CORE(2);

	trn_test_core_open(&tc, "trn2");
	trn_model_run(tc.host.model, 7000 * TRN_PS_PER_NS);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM, 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 0);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM, 11);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM, 12); /* taken already */
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 11);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM_SINCE_LO), 7000);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM_SINCE_HI), 0);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM_RELEASE, 12); /* not the holder */
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 11);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM_RELEASE, 11);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 0);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM, 12);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 12);
	trn_test_core_close(&tc);
}
END_TEST

static uint64_t counter(struct trn_test_core *tc, uint32_t reg)
{
	return trn_u64(trn_test_ext_rd(tc, TRN_EXT_COUNTERS + reg),
		       trn_test_ext_rd(tc, TRN_EXT_COUNTERS + reg + 4));
}

START_TEST(page_of_counters)
{
	struct trn_chip_counters c;
	struct trn_test_core tc;
	uint64_t before;

	trn_test_core_open(&tc, "trn3");
	before = counter(&tc, TRN_EXT_CNT_DMA_BYTES);
	trn_test_cmd(&tc, TRN_CMD_COPY, TRN_AXI_HBM1 + 3, DATA + 5, 777);
	trn_test_cmd(&tc, TRN_CMD_COPY, DATA + 0x10001, TRN_AXI_HBM1 + 3, 777);
	trn_test_settle(&tc);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_DMA_BYTES) - before, 2 * 777);
	/* High words, and each register its own number. */
	tc.host.chip->counters.launches = (UINT64_C(5) << 32) + 6;
	tc.host.chip->counters.instructions = UINT64_C(7) << 40;
	tc.host.chip->counters.dma_errors = 8;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		tc.host.chip->counters.busy_ps[e] = (UINT64_C(9) << 50) + e * TRN_PS_PER_NS;
	trn_chip_counters(tc.host.chip, &c);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_LAUNCHES), c.launches);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_INSTRUCTIONS), c.instructions);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_DMA_ERRORS), c.dma_errors);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_DOORBELLS), c.doorbells);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_RESETS), c.resets);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_BUSY_NS(e)),
				  c.busy_ps[e] / TRN_PS_PER_NS);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_ENERGY_UJ),
			  trn_energy_total_nj(tc.host.chip) / 1000);
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 0);
	trn_test_ext_wr(&tc, TRN_EXT_COUNTERS, 1);
	(void)trn_test_ext_rd(&tc, TRN_EXT_COUNTERS + 0x38);
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 2);
	ck_assert_uint_eq(counter(&tc, TRN_EXT_CNT_LAUNCHES), c.launches);
	trn_test_core_close(&tc);
}
END_TEST

/* The holder's words live as long as its claim; nobody writes them on a free core. */
START_TEST(holders)
{
	static const uint32_t regs[] = {
		TRN_EXT_CORE_HOLDER_PID,     TRN_EXT_CORE_HOLDER_WALL_LO,
		TRN_EXT_CORE_HOLDER_WALL_HI, TRN_EXT_CORE_HOLDER_NAME(0),
		TRN_EXT_CORE_HOLDER_NAME(1), TRN_EXT_CORE_HOLDER_NAME(2),
		TRN_EXT_CORE_HOLDER_NAME(3),
	};
	struct trn_test_core tc;
	const uint32_t core = TRN_EXT_CORE(1);

	trn_test_core_open(&tc, "trn3");
	ck_assert(trn_test_ext_rd(&tc, TRN_EXT_ID_CAPS) & TRN_EXT_CAP_HOLDERS);
	for (uint32_t round = 0; round < 3; round++) {
		if (round == 1)
			trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM, 11);
		if (round == 2)
			trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM_RELEASE, 11);
		for (uint32_t i = 0; i < 7; i++) {
			if (round < 2)
				trn_test_ext_wr(&tc, core + regs[i], 0xffffff00 + i);
			ck_assert_uint_eq(trn_test_ext_rd(&tc, core + regs[i]),
					  round == 1 ? 0xffffff00 + i : 0);
		}
	}
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 0);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_HOLDER_NAME(4), 1); /* no fifth word */
	(void)trn_test_ext_rd(&tc, core + TRN_EXT_CORE_HOLDER_NAME(0) + 2);
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_UNKNOWN_REG], 2);
	trn_test_core_close(&tc);
}
END_TEST

/* What a core held is gone when it is free; one that works is not given back. */
START_TEST(handed_over_clean)
{
	const uint32_t core = TRN_EXT_CORE(0);
	struct trn_test_core tc;
	uint8_t have[300];

	trn_test_core_open(&tc, "trn3");
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM, 11);
	memset(have, 0xa5, sizeof(have));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 5, 1, 8000, have, sizeof(have));
	tc.host.chip->core[0]->sync.semaphore[3] = 9;
	tc.host.chip->core[0]->state = TRN_CORE_RUNNING;
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM_RELEASE, 11);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 11);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 5, 1, 8000, have, sizeof(have));
	ck_assert_uint_eq(have[299], 0xa5);
	tc.host.chip->core[0]->state = TRN_CORE_FAULTED;
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM_RELEASE, 12); /* not the holder */
	ck_assert_uint_eq(tc.host.chip->core[0]->sync.semaphore[3], 9);
	trn_test_ext_wr(&tc, core + TRN_EXT_CORE_CLAIM_RELEASE, 11);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_CLAIM), 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, core + TRN_EXT_CORE_STATE), TRN_CORE_IDLE);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 5, 1, 8000, have, sizeof(have));
	for (size_t i = 0; i < sizeof(have); i++)
		ck_assert_uint_eq(have[i], 0);
	ck_assert_uint_eq(tc.host.chip->core[0]->sync.semaphore[3], 0);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- commands ---- */

START_TEST(commands_in_order)
{
	struct trn_test_core tc;
	uint64_t stamp;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 1000; i++)
		tc.data[i] = (uint8_t)(i * 7);
	trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
	trn_test_cmd(&tc, TRN_CMD_COPY, TRN_AXI_HBM1 + 3, DATA + 5, 777);
	trn_test_cmd(&tc, TRN_CMD_COPY, DATA + 0x10001, TRN_AXI_HBM1 + 3, 777);
	trn_test_cmd(&tc, TRN_CMD_FILL, DATA + 0x20001, 11, 0x44332211);
	trn_test_cmd(&tc, TRN_CMD_FILL, DATA + 0x21000, 5000, 0x5a5a5a5a);
	trn_test_cmd(&tc, TRN_CMD_FILL, DATA + 0x23000, 9001, 0x44332211);
	trn_test_cmd(&tc, TRN_CMD_SIGNAL, DATA + 0x30000, 9, 0);
	trn_test_cmd(&tc, TRN_CMD_SIGNAL, DATA + 0x30000, 4, 0); /* never lowers */
	trn_test_cmd(&tc, TRN_CMD_WAIT, DATA + 0x30000, 9, 0);
	trn_test_cmd(&tc, TRN_CMD_TIMESTAMP, DATA + 0x30008, 0, 0);
	trn_test_cmd(&tc, TRN_CMD_COPY, DATA, DATA, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 11);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
	ck_assert_uint_eq(tc.status->error, 0);
	ck_assert_mem_eq(tc.data + 0x10001, tc.data + 5, 777);
	ck_assert_mem_eq(tc.data + 0x20000, "\0\x11\x22\x33\x44\x11\x22\x33\x44\x11\x22\x33\0", 13);
	ck_assert_uint_eq(tc.data[0x21000 + 4999], 0x5a);
	ck_assert_uint_eq(tc.data[0x21000 + 5000], 0);
	for (uint32_t i = 0; i < 9001; i++)
		ck_assert_uint_eq(tc.data[0x23000 + i], 0x11 * (1 + i % 4));
	ck_assert_uint_eq(tc.data[0x23000 + 9001], 0);
	ck_assert_uint_eq(data_load(&tc, 0x30000), 9);
	stamp = data_load(&tc, 0x30008);
	ck_assert_uint_gt(stamp, 0);
	ck_assert_uint_le(stamp, trn_model_now(tc.host.model) / TRN_PS_PER_NS);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, HEAD)), 11);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, TAIL)), 11);
	ck_assert_uint_eq(tc.status->time_ps, trn_model_now(tc.host.model));
	trn_test_core_close(&tc);
}
END_TEST

/* Source and destination overlap; memory behind registers; SBUF as a destination. */
START_TEST(copies_of_all_kinds_of_memory)
{
	struct trn_test_core tc;
	uint8_t want[300], have[300];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 300; i++)
		want[i] = tc.data[i] = (uint8_t)(i * 11 + 1);
	trn_test_cmd(&tc, TRN_CMD_COPY, DATA + 100, DATA, 200);
	trn_test_settle(&tc);
	ck_assert_mem_eq(tc.data + 100, want, 200);
	trn_test_cmd(&tc, TRN_CMD_COPY, trn_regs_tpb_axi(2) + 0x40000 * 5, DATA + 100, 200);
	trn_test_cmd(&tc, TRN_CMD_FILL, trn_regs_tpb_axi(2) + 0x40000 * 5 + 200, 100, 0x01020304);
	trn_test_settle(&tc);
	tc.core = 2;
	trn_test_peek(&tc, TRN_SPACE_SBUF, 5, 1, 0, have, 300);
	ck_assert_mem_eq(have, want, 200);
	ck_assert_mem_eq(have + 200, "\4\3\2\1\4\3\2\1", 8);
	ck_assert_uint_eq(tc.status->error, 0);
	trn_test_core_close(&tc);
}
END_TEST

/* Larger than one piece: all of it, and time for all of it. */
START_TEST(copy_in_pieces)
{
	struct trn_test_core tc;
	const uint64_t size = UINT64_C(600) * TRN_MIB;
	uint64_t from, bad, value = 0x1122334455667788, have = 0;

	trn_test_core_open(&tc, "trn2");
	ck_assert_int_eq(trn_chip_dma_write(tc.host.chip, TRN_AXI_HBM0 + size - 8, &value, 8, &bad),
			 0);
	from = trn_model_now(tc.host.model);
	trn_test_cmd(&tc, TRN_CMD_COPY, TRN_AXI_HBM1, TRN_AXI_HBM0, size);
	trn_test_cmd(&tc, TRN_CMD_FILL, TRN_AXI_HBM2, size, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 2);
	ck_assert_int_eq(trn_chip_dma_read(tc.host.chip, TRN_AXI_HBM1 + size - 8, &have, 8, &bad),
			 0);
	ck_assert_uint_eq(have, value);
	ck_assert_uint_ge(trn_model_now(tc.host.model) - from, 2 * size * 1000 / 23);
	trn_test_core_close(&tc);
}
END_TEST

/* What will not come stops the queue, and only from that value on. */
START_TEST(wait_for_what_is_broken)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_cmd(&tc, TRN_CMD_WAIT, DATA + 16, 4, DATA + 24);
	trn_store64(tc.data + 24, 3);
	trn_model_kick(tc.host.model);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_WAITING);
	trn_store64(tc.data + 24, 4);
	trn_model_kick(tc.host.model);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_ERROR);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_DEPENDENCY);
	ck_assert_uint_eq(tc.status->address, DATA + 16);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(wait_for_host_and_for_another_queue)
{
	struct trn_test_core tc;
	const struct trn_ext_cmd cmds[] = {
		{ .op = TRN_CMD_SIGNAL, .a = { DATA + 64, 5 } },
		{ .op = TRN_CMD_COPY, .a = { DATA + 128, DATA + 136, 8 } },
		{ .op = TRN_CMD_FILL, .a = { DATA + 192, 8, 1 } },
	};
	const uint32_t places[] = { 64, 128, 192 };

	trn_test_core_open(&tc, "trn2");
	trn_test_queue_open(&tc, 5, 0);
	/* The host writes, then kicks. */
	trn_test_cmd(&tc, TRN_CMD_WAIT, DATA, 3, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_WAITING);
	ck_assert_uint_eq(tc.status->head, 0);
	ck_assert_uint_eq(trn_model_next(tc.host.model), TRN_MODEL_NEVER);
	trn_store64(tc.data, 2);
	trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(0) + TRN_EXT_DB_KICK, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 0);
	trn_store64(tc.data, 3);
	trn_model_kick(tc.host.model);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 1);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
	/* Device-side writes of every kind wake it by themselves. */
	trn_store64(tc.data + 136, 8);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cmds); i++) {
		trn_test_cmd(&tc, TRN_CMD_WAIT, DATA + places[i], 1, 0);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->state, TRN_QUEUE_WAITING);
		trn_test_command_on(&tc, 5, &cmds[i]);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->head, 2 + i);
	}
	/* A program's transfer too. */
	trn_test_cmd(&tc, TRN_CMD_WAIT, DATA + 256, 1, 0);
	trn_test_settle(&tc);
	{
		struct trn_isa_dma *dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		const struct trn_isa_ap ap = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 2);
		const struct trn_ext_cmd launch = {
			.op = TRN_CMD_LAUNCH,
			.a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 0 },
		};

		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, &(uint64_t){ 1 }, 8);
		trn_test_arg(&tc, DATA + 256, 8);
		dma->src = trn_test_mem(&ap);
		dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 2);
		(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);
		trn_test_command_on(&tc, 5, &launch);
	}
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 5);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- refusals ---- */

struct refusal {
	struct trn_ext_cmd cmd;
	uint32_t error;
	uint64_t address;
};

START_TEST(refused_commands)
{
	const uint64_t end = TRN_TEST_HOST(TRN_TEST_IOVA_DATA + TRN_TEST_DATA_BYTES);
	const struct refusal cases[] = {
		{ { .op = 0 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = 8 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = 255 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_NOP, .flags = 1 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_NOP, .reserved = 1 }, TRN_EXT_ERR_COMMAND, 0 },
		{ { .op = TRN_CMD_COPY, .a = { DATA, NOWHERE, 4 } }, TRN_EXT_ERR_ADDRESS, NOWHERE },
		{ { .op = TRN_CMD_COPY, .a = { NOWHERE, DATA, 4 } }, TRN_EXT_ERR_ADDRESS, NOWHERE },
		{ { .op = TRN_CMD_COPY, .a = { DATA, DATA, UINT64_MAX } },
		  TRN_EXT_ERR_ADDRESS,
		  end },
		{ { .op = TRN_CMD_FILL, .a = { NOWHERE, 4, 0 } }, TRN_EXT_ERR_ADDRESS, NOWHERE },
		{ { .op = TRN_CMD_FILL, .a = { DATA, 4, UINT64_C(1) << 32 } },
		  TRN_EXT_ERR_COMMAND,
		  0 },
		{ { .op = TRN_CMD_WAIT, .a = { DATA + 4, 0 } }, TRN_EXT_ERR_ADDRESS, DATA + 4 },
		{ { .op = TRN_CMD_WAIT, .a = { NOWHERE, 0 } }, TRN_EXT_ERR_ADDRESS, NOWHERE },
		{ { .op = TRN_CMD_SIGNAL, .a = { DATA + 1, 0 } }, TRN_EXT_ERR_ADDRESS, DATA + 1 },
		{ { .op = TRN_CMD_TIMESTAMP, .a = { end, 0 } }, TRN_EXT_ERR_ADDRESS, end },
		{ { .op = TRN_CMD_LAUNCH, .a = { DATA, 8 } }, TRN_EXT_ERR_LAUNCH, 0 },
		{ { .op = TRN_CMD_LAUNCH, .a = { DATA, UINT64_MAX } }, TRN_EXT_ERR_LAUNCH, 0 },
		{ { .op = TRN_CMD_LAUNCH, .a = { DATA, 0 } }, TRN_EXT_ERR_LAUNCH, DATA },
		{ { .op = TRN_CMD_LAUNCH, .a = { DATA + 8, 0 } }, TRN_EXT_ERR_ADDRESS, DATA + 8 },
		{ { .op = TRN_CMD_LAUNCH, .a = { end - 64, 0 } }, TRN_EXT_ERR_ADDRESS, 0 },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		struct trn_ext_cmd cmd = cases[i].cmd;

		cmd.tag = 100 + i;
		trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
		trn_test_command(&tc, &cmd);
		trn_test_cmd(&tc, TRN_CMD_FILL, DATA, 8, 0xeeeeeeee); /* is not reached */
		trn_test_settle(&tc);
		ck_assert_msg(tc.status->error == cases[i].error, "case %u: error %u", i,
			      tc.status->error);
		ck_assert_uint_eq(tc.status->state, TRN_QUEUE_ERROR);
		ck_assert_uint_eq(tc.status->head, 1);
		ck_assert_uint_eq(tc.status->tag, 100 + i);
		ck_assert_uint_eq(tc.status->opcode, cmd.op);
		ck_assert_uint_eq(tc.status->engine, 0xff);
		ck_assert_uint_eq(tc.status->operand, 0xff);
		if (cases[i].address != 0)
			ck_assert_uint_eq(tc.status->address, cases[i].address);
		ck_assert_uint_eq(data_load(&tc, 0), 0);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, STATE)), TRN_QUEUE_ERROR);
		/* A doorbell does not start it again; a reset does. */
		trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->head, 1);
		trn_test_restart(&tc);
		ck_assert_uint_eq(tc.status->head, 0);
		ck_assert_uint_eq(tc.status->state, TRN_QUEUE_READY);
		ck_assert_uint_eq(tc.status->error, 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Spoils a right descriptor in one of 15 ways; what the refusal says, where it is known. */
static void spoil(struct trn_test_core *tc, uint32_t i, uint32_t *want, uint64_t *address)
{
	*want = TRN_EXT_ERR_LAUNCH;
	*address = TRN_TEST_HOST(TRN_TEST_IOVA_DESC);
	switch (i) {
	case 0:
		tc->desc->magic++;
		break;
	case 1:
		tc->desc->version = 2;
		break;
	case 2:
		tc->desc->arg_count = 65;
		break;
	case 3:
		tc->desc->flags = 1;
		break;
	case 4:
		tc->desc->reserved0 = 1;
		break;
	case 5:
		tc->desc->reserved1[3] = 1;
		break;
	case 6:
		tc->desc->stream[2].reserved = 1;
		break;
	case 7:
		tc->desc->stream[TRN_ENGINE_SYNC].words = 0; /* nothing runs */
		break;
	case 8:
		tc->desc->stream[0] = (struct trn_ext_stream){ DATA + 32, 1, 0 };
		*want = TRN_EXT_ERR_ADDRESS;
		*address = DATA + 32;
		break;
	case 9:
		tc->desc->stream[0] = (struct trn_ext_stream){ NOWHERE, 1, 0 };
		*want = TRN_EXT_ERR_ADDRESS;
		*address = NOWHERE;
		break;
	case 10:
		tc->desc->stream[0] = (struct trn_ext_stream){ DATA, 0xffffffff, 0 };
		*want = TRN_EXT_ERR_ADDRESS;
		*address = 0;
		break;
	case 11:
		tc->args[0].size = UINT64_MAX;
		*address = DATA;
		break;
	case 12:
		tc->args[0] = (struct trn_ext_arg){ UINT64_MAX - 4, 64 };
		*address = UINT64_MAX - 4;
		break;
	case 13:
		/* Numbers of any value, and an argument nobody touches: fine. */
		trn_test_arg(tc, UINT64_MAX, 0);
		trn_test_arg(tc, NOWHERE, 64);
		*want = 0;
		break;
	default:
		tc->desc->stream[0] = (struct trn_ext_stream){ 0xffffffffffffffc0, 4, 0 };
		*want = TRN_EXT_ERR_ADDRESS;
		*address = 0;
		break;
	}
}

START_TEST(refused_descriptors)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 15; i++) {
		uint32_t want;
		uint64_t address;

		trn_test_clear(&tc);
		(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);
		trn_test_arg(&tc, DATA, 64);
		spoil(&tc, i, &want, &address);
		trn_test_start(&tc);
		trn_test_settle(&tc);
		ck_assert_msg(tc.status->error == want, "case %u: error %u", i, tc.status->error);
		if (want && address)
			ck_assert_msg(tc.status->address == address, "case %u: %llx", i,
				      (unsigned long long)tc.status->address);
		if (want) {
			ck_assert_uint_eq(tc.status->core, 0);
			ck_assert_uint_eq(tc.status->opcode, TRN_CMD_LAUNCH);
			ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0)), TRN_CORE_IDLE);
			trn_test_restart(&tc);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(doorbells_and_configuration)
{
	static const struct {
		uint32_t reg, value, error;
	} wrong[] = {
		{ TRN_EXT_Q_ENTRIES, 8, TRN_EXT_ERR_COMMAND },
		{ TRN_EXT_Q_ENTRIES, 48, TRN_EXT_ERR_COMMAND },
		{ TRN_EXT_Q_ENTRIES, 131072, TRN_EXT_ERR_COMMAND },
		{ TRN_EXT_Q_WINDOW, 16, TRN_EXT_ERR_COMMAND },
		{ TRN_EXT_Q_BASE_LO, 0x100020, TRN_EXT_ERR_ADDRESS },
		{ TRN_EXT_Q_BASE_HI, 0x4f00, TRN_EXT_ERR_ADDRESS },
		{ TRN_EXT_Q_STATUS_LO, 0x110020, TRN_EXT_ERR_COMMAND },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_expect(&tc.host, "queue-live-config");
	trn_test_host_expect(&tc.host, "doorbell-past-ring");
	/* A queue may come to life with any status address. */
	trn_test_host_expect(&tc.host, "status-unmapped");
	/* Past the ring; back. */
	trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(0), TRN_TEST_RING + 1);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_DOORBELL);
	trn_test_restart(&tc);
	trn_test_cmd(&tc, TRN_CMD_WAIT, DATA, 1, 0);
	trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
	trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(0), 1);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_DOORBELL);
	ck_assert_uint_eq(trn_test_host_count(&tc.host, "doorbell-past-ring"), 2);
	trn_test_restart(&tc);
	/* A full ring is allowed, and goes round. */
	for (uint32_t lap = 0; lap < 3; lap++) {
		for (uint32_t i = 0; i < TRN_TEST_RING; i++)
			tc.ring[tc.tail++ % TRN_TEST_RING] =
				(struct trn_ext_cmd){ .op = TRN_CMD_NOP };
		trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(0), tc.tail);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->head, TRN_TEST_RING * (lap + 1));
	}
	/* A live ring does not move. */
	trn_test_ext_wr(&tc, Q(0, ENTRIES), 128);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, ENTRIES)), TRN_TEST_RING);
	ck_assert_uint_eq(trn_test_host_count(&tc.host, "queue-live-config"), 1);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(wrong); i++) {
		uint32_t old;

		trn_test_ext_wr(&tc, Q(0, CONTROL), 0);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, STATE)), TRN_QUEUE_DISABLED);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, CONTROL)), 0);
		old = trn_test_ext_rd(&tc, TRN_EXT_QUEUE(0) + wrong[i].reg);
		trn_test_ext_wr(&tc, TRN_EXT_QUEUE(0) + wrong[i].reg, wrong[i].value);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_QUEUE(0) + wrong[i].reg),
				  wrong[i].value);
		tc.status->error = 0;
		trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, STATE)), TRN_QUEUE_ERROR);
		if (wrong[i].reg != TRN_EXT_Q_STATUS_LO)
			ck_assert_uint_eq(tc.status->error, wrong[i].error);
		trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_RESET);
		trn_test_ext_wr(&tc, TRN_EXT_QUEUE(0) + wrong[i].reg, old);
	}
	trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
	tc.tail = 0;
	ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, STATUS_HI)), trn_hi32(DATA));
	trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->head, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* A queue without a status address works; one whose status was unmapped is told of. */
START_TEST(status_is_optional)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_expect(&tc.host, "status-unmapped");
	trn_test_ext_wr(&tc, Q(0, CONTROL), 0);
	trn_test_ext_wr(&tc, Q(0, STATUS_LO), 0);
	trn_test_ext_wr(&tc, Q(0, STATUS_HI), 0);
	trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
	trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
	trn_test_settle(&tc);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, Q(0, HEAD)), 1);
	/* Status in another core's SBUF: not one piece of host memory. */
	trn_test_ext_wr(&tc, Q(0, CONTROL), 0);
	trn_test_ext_wr(&tc, Q(0, STATUS_LO), trn_lo32(trn_regs_tpb_axi(3)));
	trn_test_ext_wr(&tc, Q(0, STATUS_HI), trn_hi32(trn_regs_tpb_axi(3)));
	trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
	tc.tail = 0;
	trn_test_cmd(&tc, TRN_CMD_NOP, 0, 0, 0);
	trn_test_settle(&tc);
	{
		struct trn_ext_status have;

		tc.core = 3;
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, &have, sizeof(have));
		ck_assert_uint_eq(have.head, 1);
		ck_assert_uint_eq(have.state, TRN_QUEUE_READY);
	}
	trn_test_ext_wr(&tc, Q(0, CONTROL), 0);
	trn_test_ext_wr(&tc, Q(0, STATUS_LO), trn_lo32(NOWHERE));
	trn_test_ext_wr(&tc, Q(0, STATUS_HI), trn_hi32(NOWHERE));
	trn_test_ext_wr(&tc, Q(0, CONTROL), TRN_EXT_Q_ENABLE);
	ck_assert_uint_ge(trn_test_host_count(&tc.host, "status-unmapped"), 1);
	trn_test_core_close(&tc);
}
END_TEST

/* The ring goes away under the queue. */
START_TEST(ring_that_is_unmapped)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_unmap(&tc.host, TRN_TEST_IOVA_RING);
	trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(0), 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_ADDRESS);
	ck_assert_uint_eq(tc.status->address, TRN_TEST_HOST(TRN_TEST_IOVA_RING));
	trn_test_core_close(&tc);
}
END_TEST

/* Memory of a copy goes away between command and effect. */
START_TEST(memory_that_is_unmapped_during_a_copy)
{
	static const enum trn_ext_op ops[] = { TRN_CMD_COPY, TRN_CMD_FILL, TRN_CMD_SIGNAL,
					       TRN_CMD_WAIT };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(ops); i++) {
		const uint64_t iova = UINT64_C(0x50000000) + (i << 16);

		(void)trn_test_host_map(&tc.host, iova, 4096);
		trn_test_cmd(&tc, ops[i], TRN_TEST_HOST(iova), ops[i] == TRN_CMD_COPY ? DATA : 8,
			     8);
		ck_assert(trn_model_step(tc.host.model)); /* fetch: the command has begun */
		trn_test_host_unmap(&tc.host, iova);
		trn_model_kick(tc.host.model);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_ADDRESS);
		ck_assert_uint_eq(tc.status->address, TRN_TEST_HOST(iova));
		trn_test_restart(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *ext_suite(void)
{
	Suite *suite = suite_create("ext");
	TCase *tcase = tcase_create("extension");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, id_page);
	tcase_add_test(tcase, page_of_counters);
	tcase_add_test(tcase, any_register_any_value);
	tcase_add_test(tcase, core_page_of_an_idle_core);
	tcase_add_test(tcase, claims);
	tcase_add_test(tcase, holders);
	tcase_add_test(tcase, handed_over_clean);
	tcase_add_test(tcase, commands_in_order);
	tcase_add_test(tcase, copies_of_all_kinds_of_memory);
	tcase_add_test(tcase, copy_in_pieces);
	tcase_add_test(tcase, wait_for_host_and_for_another_queue);
	tcase_add_test(tcase, wait_for_what_is_broken);
	tcase_add_test(tcase, refused_commands);
	tcase_add_test(tcase, refused_descriptors);
	tcase_add_test(tcase, doorbells_and_configuration);
	tcase_add_test(tcase, status_is_optional);
	tcase_add_test(tcase, ring_that_is_unmapped);
	tcase_add_test(tcase, memory_that_is_unmapped_during_a_copy);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(ext_suite)
