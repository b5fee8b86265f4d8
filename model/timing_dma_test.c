/* SPDX-License-Identifier: Apache-2.0 */
/* Time of DMAs: modes, rows, kinds, queues and classes, memory. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"
#include "model/test_ring.h"
#include "model/test_shapes.h"

#define Y TRN_ENGINE_SYNC
#define S TRN_ENGINE_SCALAR
#define G TRN_ENGINE_GPSIMD
#define BF TRN_DTYPE_BF16
#define F32 TRN_DTYPE_F32
#define CHAIN 40u /* copies behind the DMA that is looked at: longer than any other */

static void open_core(struct trn_test_core *tc, const char *gen)
{
	trn_test_core_open(tc, gen);
	trn_test_clear(tc);
}

/* A load of 128 partitions from HBM. */
static struct trn_isa_dma *load(struct trn_test_core *tc, enum trn_engine engine, uint32_t bytes)
{
	struct trn_isa_dma *d = trn_test_emit_dma(tc, engine, TRN_OP_DMA_COPY);
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, BF, 0, 128, 65536, bytes / 2);

	d->dst = trn_test_mem(&ap);
	d->src = trn_test_dram(0, BF, 0, 128, bytes / 2);
	return d;
}

static uint64_t run(struct trn_test_core *tc)
{
	const uint64_t from = trn_model_now(tc->host.model);

	trn_test_arg(tc, TRN_AXI_HBM0, 16 << 20);
	ck_assert_msg(trn_test_launch(tc) == 0, "rule %u operand %u", tc->status->rule,
		      tc->status->operand);
	trn_test_clear(tc);
	return trn_model_now(tc->host.model) - from;
}

static void expect_ns(uint64_t ps, double ns, const char *what)
{
	const double have = (double)ps * 1e-3;

	ck_assert_msg(have > ns - 1.5 && have < ns + 1.5, "%s: %.2f ns, not %.2f", what, have, ns);
}

static const struct {
	const char *name, *gen;
	enum trn_engine engine;
	enum trn_dge dge;
	uint32_t trigger, stagger, issue; /* ns */
} modes[] = {
	{ "hardware", "trn2", Y, TRN_DGE_HARDWARE, 740, 25, 860 },
	{ "hardware trn3", "trn3", Y, TRN_DGE_AUTO, 740, 25, 600 },
	{ "software", "trn2", G, TRN_DGE_AUTO, 740, 25, 860 },
	{ "software trn3", "trn3", G, TRN_DGE_SOFTWARE, 740, 25, 740 },
	{ "static", "trn2", Y, TRN_DGE_STATIC, 770, 15, 860 },
};

/* One DMA takes trigger, 15 staggers, its bytes, and 300 ns; what follows comes later by the
 * issue interval, or by its bytes. */
START_TEST(descriptor_modes)
{
	struct trn_test_core tc;
	uint64_t ps[3], none;

	open_core(&tc, modes[_i].gen);
	(void)trn_test_emit(&tc, modes[_i].engine, TRN_OP_NOP, 1); /* 3.3 ns */
	none = run(&tc);
	for (uint32_t n = 0; n < 3; n++) {
		for (uint32_t i = 0; i < 1 + (n == 1 ? 10 : 0); i++)
			load(&tc, modes[_i].engine, n == 2 ? 256 : 64)->op0 =
				(uint8_t)modes[_i].dge;
		ps[n] = run(&tc);
	}
	expect_ns(ps[1] - ps[0], 10 * modes[_i].issue, modes[_i].name);
	/* Eight rows of 64 bytes as of 256: 12 ns each. */
	expect_ns(ps[2] - ps[0], 0, "short rows");
	expect_ns(ps[0] - none, modes[_i].trigger + 15 * modes[_i].stagger + 8 * 12 + 300 - 3.3,
		  modes[_i].name);
	trn_test_core_close(&tc);
}
END_TEST

/* Time of one DMA of 128 partitions, without what is the same for all. */
static uint64_t kind_ps(struct trn_test_core *tc, enum trn_op op, enum trn_dtype dtype,
			uint32_t bytes)
{
	struct trn_isa_dma *d = trn_test_emit_dma(tc, Y, op);
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 128, 65536,
						 bytes / (uint32_t)trn_dtype_size(dtype));
	uint64_t with;

	d->dst = trn_test_mem(&ap);
	d->src = trn_test_dram(0, dtype, 0, 128, ap.dims[0].num);
	if (op == TRN_OP_DMA_TRANSPOSE)
		d->src = trn_test_dram(0, dtype, 0, ap.dims[0].num, 128);
	if (op == TRN_OP_DMA_ADD)
		d->imm[0] = 1;
	with = run(tc);
	load(tc, Y, 64);
	return with - run(tc) + 96000;
}

START_TEST(kinds)
{
	static const struct {
		const char *gen;
		enum trn_op op;
		enum trn_dtype dtype;
		double ns; /* of 8 x 8192 bytes */
	} rows[] = {
		{ "trn2", TRN_OP_DMA_COPY, F32, 65536 / 23.0 },
		{ "trn2", TRN_OP_DMA_TRANSPOSE, BF, 65536 / 20.7 },
		{ "trn2", TRN_OP_DMA_ADD, F32, 65536 / 11.5 },
		{ "trn3", TRN_OP_DMA_ADD, F32, 65536 / 33.0 },
		{ "trn3", TRN_OP_DMA_ADD, TRN_DTYPE_F16, 65536 / 16.5 },
	};
	struct trn_test_core tc;

	open_core(&tc, rows[_i].gen);
	expect_ns(kind_ps(&tc, rows[_i].op, rows[_i].dtype, 8192), rows[_i].ns, rows[_i].gen);
	trn_test_core_close(&tc);
}
END_TEST

/* When a short load of one engine ends beside a long one of another, from the launch on but for
 * a constant: what waits for it takes longer than the long one. */
static uint64_t short_end_ps(struct trn_test_core *tc, uint8_t long_class, uint8_t short_class,
			     bool beside)
{
	struct trn_isa_dma *d;

	if (beside)
		load(tc, Y, 32768)->mode = long_class;
	d = load(tc, S, 4096);
	d->mode = short_class;
	d->head.inc_mode = TRN_INC_ADD;
	d->head.inc_sem = 3;
	d->head.inc_value = 1;
	for (uint32_t i = 0; i < CHAIN; i++) {
		struct trn_isa_compute *c =
			trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);

		c->src0 = trn_test_sbuf(F32, 128, 0, 512);
		c->dst = trn_test_sbuf(F32, 128, 16384, 512);
		if (i > 0)
			continue;
		c->head.wait_mode = TRN_WAIT_GE;
		c->head.wait_sem = 3;
		c->head.wait_value = 16;
	}
	return run(tc);
}

/* Queues of two engines in turn: the short one takes twice its time, not that of both. */
START_TEST(queues_take_turns)
{
	struct trn_test_core tc;
	uint64_t alone;

	open_core(&tc, "trn2");
	(void)short_end_ps(&tc, 0, 0, false);
	alone = short_end_ps(&tc, 0, 0, false);
	expect_ns(short_end_ps(&tc, 0, 0, true) - alone, 32768 / 23.0, "turns");
	trn_test_core_close(&tc);
}
END_TEST

/* H 4.6: classes go strictly before each other; the same class takes turns. */
START_TEST(classes)
{
	struct trn_test_core tc;
	uint64_t alone;

	open_core(&tc, "trn3");
	(void)short_end_ps(&tc, 0, 0, false);
	alone = short_end_ps(&tc, 0, 0, false);
	expect_ns(short_end_ps(&tc, 1, 1, true) - alone, 32768 / 33.0, "one class");
	expect_ns(short_end_ps(&tc, 3, 2, true) - alone, 0, "before");
	expect_ns(short_end_ps(&tc, 0, 1, true) - alone, 8 * 32768 / 33.0, "behind");
	trn_test_core_close(&tc);
}
END_TEST

/* Two that come at once: who could take all of it has what is left by the first. */
START_TEST(memory_is_shared)
{
	struct trn_test_core tc;
	const uint64_t bytes = 7250000, us = 1000000; /* 10 us of a stack of Trainium2 */
	struct trn_chip *chip;
	uint64_t now;

	open_core(&tc, "trn2");
	chip = tc.host.chip;
	trn_model_run(tc.host.model, (trn_model_now(tc.host.model) / us + 1) * us);
	now = trn_model_now(tc.host.model);
	/* A slow one leaves three quarters of ten slots to the others; what is used of the last
	 * slot counts from its begin, whoever used it. */
	ck_assert_uint_eq(trn_hbm_take_ps(chip, TRN_AXI_HBM0, bytes / 4, now, 10 * us),
			  now + 10 * us);
	expect_ns(trn_hbm_take_ps(chip, TRN_AXI_HBM0, bytes / 4, now, 0) - now, 3500, "beside");
	expect_ns(trn_hbm_take_ps(chip, TRN_AXI_HBM0, bytes / 2, now, 0) - now, 10000, "the rest");
	expect_ns(trn_hbm_take_ps(chip, TRN_AXI_HBM0, bytes, now, us) - now, 20000, "behind");
	/* Another stack, and what is no HBM. */
	expect_ns(trn_hbm_take_ps(chip, trn_regs_hbm_axi(1), bytes, now, us) - now, 10000, "other");
	expect_ns(trn_hbm_take_ps(chip, TRN_AXI_HOST, bytes, now, us) - now, 1000, "host");
	/* Past the slots that are kept: at full rate. */
	expect_ns(trn_hbm_take_ps(chip, trn_regs_hbm_axi(2), 200 * bytes, now, us) - now, 2000000,
		  "far");
	trn_model_run(tc.host.model, now + 5000 * us);
	expect_ns(trn_hbm_take_ps(chip, trn_regs_hbm_axi(2), bytes, now + 5000 * us, 0) - now,
		  5010000, "later");
	trn_test_core_close(&tc);
}
END_TEST

/* A copy of a queue waits for a stack that is promised to others. */
START_TEST(copies_of_queues_share_it)
{
	struct trn_test_core tc;
	uint64_t ps[3];

	open_core(&tc, "trn2");
	for (uint32_t i = 0; i < 3; i++) {
		const uint64_t now = trn_model_now(tc.host.model);

		/* 100 us of the stack that is read, and of one that is not concerned. */
		if (i > 0)
			(void)trn_hbm_take_ps(tc.host.chip, trn_regs_hbm_axi(i), 72500000, now, 0);
		trn_test_cmd(&tc, TRN_CMD_COPY, TRN_AXI_HBM0, trn_regs_hbm_axi(1) + 0x10000, 65536);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->error, 0);
		ps[i] = trn_model_now(tc.host.model) - now;
	}
	ck_assert_uint_gt(ps[1], 90 * UINT64_C(1000000));
	ck_assert_uint_lt(ps[0], 10 * UINT64_C(1000000));
	ck_assert_uint_eq(ps[2], ps[0]);
	trn_test_core_close(&tc);
}
END_TEST

/* So does a UDMA packet. */
START_TEST(udma_shares_it)
{
	struct trn_test_dma dma;
	uint64_t ps[2];

	trn_test_dma_open(&dma, "trn2", 3, 64);
	for (uint32_t i = 0; i < 2; i++) {
		const uint64_t now = trn_model_now(dma.host.model);

		if (i > 0)
			(void)trn_hbm_take_ps(dma.host.chip, TRN_AXI_HBM0, 72500000, now, 0);
		trn_test_ring_copy(&dma.ring, TRN_AXI_HBM0, TRN_TEST_DATA_AT(0), 4096, false);
		trn_test_ring_start(&dma.ring);
		trn_test_host_settle(&dma.host, 1000);
		ps[i] = trn_model_now(dma.host.model) - now;
	}
	ck_assert_uint_gt(ps[1], ps[0] + 90 * UINT64_C(1000000));
	trn_test_host_close(&dma.host);
}
END_TEST

static Suite *timing_dma_suite(void)
{
	Suite *suite = suite_create("timing_dma");
	TCase *tcase = tcase_create("time");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, descriptor_modes, 0, (int)TRN_ARRAY_LEN(modes));
	tcase_add_loop_test(tcase, kinds, 0, 5);
	tcase_add_test(tcase, queues_take_turns);
	tcase_add_test(tcase, classes);
	tcase_add_test(tcase, memory_is_shared);
	tcase_add_test(tcase, copies_of_queues_share_it);
	tcase_add_test(tcase, udma_shares_it);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(timing_dma_suite)
