/* SPDX-License-Identifier: Apache-2.0 */
/* Sequencers: registers, branches and loops, semaphores between engines, order, time,
 * programs that never end, faults of the catalogue, and the same run twice. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"
#include "model/test_shapes.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)

static struct trn_isa_compute *reg_imm(struct trn_test_core *tc, enum trn_engine engine,
				       enum trn_op op, uint32_t rd, uint32_t ra, uint32_t alu,
				       uint32_t imm)
{
	struct trn_isa_compute *c = trn_test_emit(tc, engine, op, 1);

	c->head.flags = TRN_REG_IMM;
	c->op0 = (uint8_t)rd;
	c->op1 = (uint8_t)ra;
	c->mode = (uint8_t)alu;
	c->imm[0] = imm;
	return c;
}

static void branch(struct trn_test_core *tc, enum trn_engine engine, uint32_t ra, uint32_t alu,
		   uint32_t imm, uint32_t target)
{
	reg_imm(tc, engine, TRN_OP_BRANCH, 0, ra, alu, imm)->imm[1] = target;
}

/* Stores a register to word index of the data. */
static void store(struct trn_test_core *tc, enum trn_engine engine, uint32_t reg, uint32_t index)
{
	struct trn_isa_dma *dma = trn_test_emit_dma(tc, engine, TRN_OP_REG_STORE);

	dma->op0 = (uint8_t)reg;
	dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 4 * index, 1, 1);
}

static uint32_t word(const struct trn_test_core *tc, uint32_t index)
{
	return trn_load32(tc->data + 4 * index);
}

static void wait_for(struct trn_isa_head *head, uint8_t sem, uint8_t mode, uint32_t value)
{
	head->wait_sem = sem;
	head->wait_mode = mode;
	head->wait_value = value;
}

static void signal_to(struct trn_isa_head *head, uint8_t sem, uint8_t mode, uint32_t value)
{
	head->inc_sem = sem;
	head->inc_mode = mode;
	head->inc_value = value;
}

static uint32_t expected(uint32_t op, uint32_t a, uint32_t b)
{
	const int32_t x = (int32_t)a, y = (int32_t)b;

	switch (op) {
	case TRN_ALU_ADD:
		return a + b;
	case TRN_ALU_SUB:
		return a - b;
	case TRN_ALU_MUL:
		return a * b;
	case TRN_ALU_MAX:
		return x > y ? a : b;
	case TRN_ALU_MIN:
		return x < y ? a : b;
	case TRN_ALU_EQ:
		return a == b;
	case TRN_ALU_NE:
		return a != b;
	case TRN_ALU_GE:
		return x >= y;
	case TRN_ALU_GT:
		return x > y;
	case TRN_ALU_LE:
		return x <= y;
	case TRN_ALU_LT:
		return x < y;
	case TRN_ALU_LAND:
		return a && b;
	case TRN_ALU_LOR:
		return a || b;
	case TRN_ALU_LXOR:
		return !a != !b;
	case TRN_ALU_NOT:
		return ~a;
	case TRN_ALU_AND:
		return a & b;
	case TRN_ALU_OR:
		return a | b;
	case TRN_ALU_XOR:
		return a ^ b;
	case TRN_ALU_SHL:
		return b > 31 ? 0 : a << b;
	case TRN_ALU_SHR:
		return b > 31 ? 0 : a >> b;
	case TRN_ALU_ABS:
		return x < 0 ? 0u - a : a;
	default:
		return a;
	}
}

START_TEST(register_arithmetic)
{
	static const uint8_t ops[] = {
		TRN_ALU_BYPASS, TRN_ALU_ADD, TRN_ALU_SUB,  TRN_ALU_MUL, TRN_ALU_MAX, TRN_ALU_MIN,
		TRN_ALU_EQ,     TRN_ALU_NE,  TRN_ALU_GE,   TRN_ALU_GT,  TRN_ALU_LE,  TRN_ALU_LT,
		TRN_ALU_LAND,   TRN_ALU_LOR, TRN_ALU_LXOR, TRN_ALU_NOT, TRN_ALU_AND, TRN_ALU_OR,
		TRN_ALU_XOR,    TRN_ALU_SHL, TRN_ALU_SHR,  TRN_ALU_ABS,
	};
	static const uint32_t pairs[][2] = { { 7, 3 }, { 3, 7 },           { 0x80000000u, 1 },
					     { 5, 5 }, { 0, 0xfffffff0u }, { 0xffffffffu, 33 } };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t p = 0; p < TRN_ARRAY_LEN(pairs); p++) {
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, 4096);
		reg_imm(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_MOVE, 10, 0, 0, pairs[p][0]);
		reg_imm(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_MOVE, 63, 0, 0, pairs[p][1]);
		for (uint32_t i = 0; i < TRN_ARRAY_LEN(ops); i++) {
			struct trn_isa_compute *c =
				trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_ALU, 1);

			c->op0 = 20;
			c->op1 = 10;
			c->func = 63;
			c->mode = ops[i];
			store(&tc, TRN_ENGINE_SYNC, 20, i);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t i = 0; i < TRN_ARRAY_LEN(ops); i++)
			ck_assert_msg(word(&tc, i) == expected(ops[i], pairs[p][0], pairs[p][1]),
				      "op %u of %x and %x: %x", ops[i], pairs[p][0], pairs[p][1],
				      word(&tc, i));
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Move from a register, all parts of an argument, the data-dependent loop. */
START_TEST(loop_over_an_argument)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;

	trn_test_core_open(&tc, "trn2");
	trn_test_arg(&tc, DATA, 4096);
	trn_test_arg(&tc, UINT64_C(0x1122334400000005), 0);
	trn_test_arg(&tc, 1, UINT64_C(0x5566778899aabbcc));
	for (uint32_t i = 0; i < 4; i++) {
		c = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_REG_ARG, 1);
		c->op0 = (uint8_t)(1 + i);
		c->imm[0] = i < 2 ? 1 : 2;
		c->imm[1] = i;
	}
	/* r5 = sum of r1 down to 1; target of the loop is the word of the add. */
	c = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_REG_MOVE, 1);
	c->op0 = 6;
	c->op1 = 1;
	c = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_REG_ALU, 1);
	c->op0 = c->op1 = 5;
	c->func = 6;
	c->mode = TRN_ALU_ADD;
	reg_imm(&tc, TRN_ENGINE_SCALAR, TRN_OP_REG_ALU, 6, 6, TRN_ALU_SUB, 1);
	branch(&tc, TRN_ENGINE_SCALAR, 6, TRN_ALU_GT, 0, 5);
	/* Always, over an instruction that would spoil it. */
	branch(&tc, TRN_ENGINE_SCALAR, 0, TRN_ALU_BYPASS, 0, 10);
	reg_imm(&tc, TRN_ENGINE_SCALAR, TRN_OP_REG_MOVE, 5, 0, 0, 99);
	for (uint32_t i = 1; i <= 6; i++)
		store(&tc, TRN_ENGINE_SCALAR, i, i);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(word(&tc, 1), 5);
	ck_assert_uint_eq(word(&tc, 2), 0x11223344u);
	ck_assert_uint_eq(word(&tc, 3), 0x99aabbccu);
	ck_assert_uint_eq(word(&tc, 4), 0x55667788u);
	ck_assert_uint_eq(word(&tc, 5), 15);
	ck_assert_uint_eq(word(&tc, 6), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* Two engines take turns through two semaphores; each stores what it saw. */
START_TEST(ping_pong)
{
	enum {
		ROUNDS = 20
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_arg(&tc, DATA, 4096);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct trn_isa_dma *dma;
		struct trn_isa_compute *c;

		reg_imm(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_MOVE, 1, 0, 0, 2 * i);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_STORE);
		dma->op0 = 1;
		dma->dst = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 1);
		signal_to(&dma->head, 7, TRN_INC_ADD, 1);
		c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOP, 1);
		wait_for(&c->head, 8, TRN_WAIT_CONSUME, 1);

		dma = trn_test_emit_dma(&tc, TRN_ENGINE_GPSIMD, TRN_OP_REG_LOAD);
		dma->op0 = 2;
		dma->src = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 1);
		wait_for(&dma->head, 7, TRN_WAIT_CONSUME, 1);
		store(&tc, TRN_ENGINE_GPSIMD, 2, 1 + i);
		c = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_NOP, 1);
		signal_to(&c->head, 8, TRN_INC_ADD, 1);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t i = 0; i < ROUNDS; i++)
		ck_assert_uint_eq(word(&tc, 1 + i), 2 * i);
	ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[0])->semaphore[7], 0);
	trn_test_core_close(&tc);
}
END_TEST

/* Waits at a register's level, decrements, and a semaphore that the host raises. */
START_TEST(waits_of_all_kinds)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	const uint32_t sem = TRN_BAR0_TPB + TRN_TPB_SEM_INC + 4 * 30;

	trn_test_core_open(&tc, "trn2");
	trn_test_arg(&tc, DATA, 4096);
	reg_imm(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_MOVE, 9, 0, 0, 3);
	c = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	wait_for(&c->head, 30, TRN_WAIT_GE_REG, 9);
	signal_to(&c->head, 30, TRN_INC_SUB, 5); /* stops at 0 */
	store(&tc, TRN_ENGINE_SYNC, 9, 0);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);
	trn_test_start(&tc);
	for (uint32_t i = 0; i < 3; i++) {
		trn_test_host_settle(&tc.host, 1000);
		/* Nothing pending: it waits without an event. */
		ck_assert_uint_eq(trn_model_next(tc.host.model), TRN_MODEL_NEVER);
		ck_assert_uint_eq(word(&tc, 0), 0);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATUS(4)),
				  TRN_ENGINE_WAITING);
		ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_PC(4)), 1);
		trn_test_wr(&tc.host, sem, 1);
	}
	trn_test_host_settle(&tc.host, 1000);
	ck_assert_uint_eq(word(&tc, 0), 3);
	ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[0])->semaphore[30], 0);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATUS(4)),
			  TRN_ENGINE_HALTED);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_RETIRED(4)), 4);
	trn_test_core_close(&tc);
}
END_TEST

/* Two consumers, one token: exactly one goes on. */
START_TEST(one_token_for_two)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	uint32_t halted = 0;

	trn_test_core_open(&tc, "trn2");
	for (enum trn_engine e = TRN_ENGINE_VECTOR; e <= TRN_ENGINE_SCALAR; e++) {
		c = trn_test_emit(&tc, e, TRN_OP_HALT, 1);
		wait_for(&c->head, 3, TRN_WAIT_CONSUME, 2);
	}
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, 1000);
	trn_test_wr(&tc.host, TRN_BAR0_TPB + TRN_TPB_SEM_SET + 4 * 3, 3);
	trn_test_host_settle(&tc.host, 1000);
	for (enum trn_engine e = TRN_ENGINE_VECTOR; e <= TRN_ENGINE_SCALAR; e++)
		halted += trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATUS(e)) ==
			  TRN_ENGINE_HALTED;
	ck_assert_uint_eq(halted, 1);
	ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[0])->semaphore[3], 1);
	trn_test_wr(&tc.host, TRN_BAR0_TPB + TRN_TPB_SEM_SET + 4 * 3, 2);
	trn_test_host_settle(&tc.host, 1000);
	ck_assert_uint_eq(tc.status->head, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* An instruction sees what the one before it on its engine wrote, and waits for it. */
START_TEST(dependent_instructions)
{
	struct trn_test_core tc;
	uint64_t time[2];
	uint32_t have;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t apart = 0; apart < 2; apart++) {
		const uint64_t from = trn_model_now(tc.host.model);

		trn_test_clear(&tc);
		for (uint32_t i = 0; i < 40; i++) {
			struct trn_isa_compute *c =
				trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_TENSOR_COPY, 2);

			c->src0 = trn_test_sbuf(TRN_DTYPE_U32, 1, 4 * i, 1);
			c->dst = trn_test_sbuf(TRN_DTYPE_U32, 1, apart ? 8192 + 4 * i : 4 * i + 4,
					       1);
		}
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, &(uint32_t){ 0xfeedu }, 4);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		time[apart] = trn_model_now(tc.host.model) - from;
	}
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 4 * 40, &have, 4);
	ck_assert_uint_eq(have, 0xfeedu);
	/* 293 ns each against one in 64 cycles. */
	ck_assert_uint_gt(time[0], 40 * 293 * TRN_PS_PER_NS);
	ck_assert_uint_lt(time[1], 5000 * TRN_PS_PER_NS);
	trn_test_core_close(&tc);
}
END_TEST

/* An increment behind a long instruction comes after it, however short its carrier. */
START_TEST(increments_stay_in_order)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	struct trn_core *core;
	uint64_t from;

	trn_test_core_open(&tc, "trn2");
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);
	c->dst = trn_test_sbuf(TRN_DTYPE_F32, 1, 0, 512);
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOP, 1);
	signal_to(&c->head, 1, TRN_INC_ADD, 1);
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_HALT, 1);
	trn_test_start(&tc);
	core = trn_chip_core(tc.host.chip, 0);
	while (core->state != TRN_CORE_RUNNING)
		ck_assert(trn_model_step(tc.host.model));
	from = trn_model_now(tc.host.model);
	while (core->sync.semaphore[1] == 0)
		ck_assert(trn_model_step(tc.host.model));
	/* 512 cycles of 0.96 GHz and 150 ns. */
	ck_assert_uint_ge(trn_model_now(tc.host.model) - from, 683 * TRN_PS_PER_NS);
	trn_test_host_settle(&tc.host, 1000);
	trn_test_core_close(&tc);
}
END_TEST

/* ACTIVATION on trn2 as measured: 400 ns for 128 elements, 3707 ns for 4096. */
START_TEST(activation_times)
{
	static const uint32_t sizes[2][2] = { { 128, 400 }, { 4096, 3707 } };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < 2; k++) {
		uint64_t stamp[2];

		/* The second one: the function set is loaded by the first. */
		for (uint32_t n = 1; n <= 2; n++) {
			const uint64_t from = trn_model_now(tc.host.model);

			trn_test_clear(&tc);
			for (uint32_t i = 0; i < n; i++) {
				struct trn_isa_compute *c =
					trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 2);

				/* In place: the next waits for the one before. */
				c->src0 = c->dst =
					trn_test_sbuf(TRN_DTYPE_F32, 128, 0, sizes[k][0]);
				c->func = TRN_ACT_EXP;
			}
			ck_assert_uint_eq(trn_test_launch(&tc), 0);
			stamp[n - 1] = trn_model_now(tc.host.model) - from;
		}
		/* The first launch of all also loads the function set. */
		if (k == 0)
			stamp[0] -= 1280 * TRN_PS_PER_NS;
		ck_assert_double_eq_tol((double)(stamp[1] - stamp[0]) * 1e-3, sizes[k][1], 1.0);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A program that never ends moves time on in every step and never does more than a bit. */
START_TEST(endless_loops_do_not_stop_the_host)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	uint64_t before;

	trn_test_core_open(&tc, "trn2");
	branch(&tc, TRN_ENGINE_SYNC, 0, TRN_ALU_BYPASS, 0, 0);
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);
	c->dst = trn_test_sbuf(TRN_DTYPE_F32, 1, 0, 1);
	branch(&tc, TRN_ENGINE_VECTOR, 0, TRN_ALU_EQ, 0, 0);
	trn_test_start(&tc);
	for (int i = 0; i < 2000; i++)
		ck_assert(trn_model_step(tc.host.model));
	before = trn_model_now(tc.host.model);
	for (int i = 0; i < 2000; i++)
		ck_assert(trn_model_step(tc.host.model));
	ck_assert_uint_gt(trn_model_now(tc.host.model), before + 10000 * TRN_PS_PER_NS);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATE),
			  TRN_CORE_RUNNING);
	/* A reset ends it: the queue learns, and the core takes the next launch. */
	trn_core_reset(tc.host.chip->core[0]);
	trn_launch_reset(tc.host.chip->launch, 1, 0, false);
	trn_test_host_settle(&tc.host, 1000);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_RESET);
	trn_test_recover(&tc);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* More transfers than the core keeps under way: the trigger engine waits, none is lost. */
START_TEST(many_transfers_at_once)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	uint8_t have[32];

	trn_test_core_open(&tc, "trn2");
	trn_test_arg(&tc, DATA, 4096 * 100);
	for (uint32_t i = 0; i < 100; i++)
		memset(tc.data + 4096 * i, (int)i, 4096);
	for (uint32_t i = 0; i < 100; i++) {
		const enum trn_engine e = i % 5;
		struct trn_isa_dma *dma = trn_test_emit_dma(&tc, e, TRN_OP_DMA_COPY);
		const struct trn_isa_ap ap = trn_test_sbuf(TRN_DTYPE_U8, 128, 32 * i, 32);

		dma->src = trn_test_dram(0, TRN_DTYPE_U8, 4096 * i, 128, 32);
		dma->dst = trn_test_mem(&ap);
		signal_to(&dma->head, 1, TRN_INC_ADD, 1);
	}
	c = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	wait_for(&c->head, 1, TRN_WAIT_GE, 1600);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t i = 0; i < 100; i++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, 127, 1, 32 * i, have, 32);
		ck_assert_uint_eq(have[0], i);
		ck_assert_uint_eq(have[31], i);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A short transfer does not overtake a long one of the same trigger engine: a count of 16
 * on their common semaphore is the first one. Another engine's may pass. */
START_TEST(transfers_of_one_engine_stay_in_order)
{
	for (uint32_t apart = 0; apart < 2; apart++) {
		struct trn_test_core tc;
		uint8_t have = 0;

		trn_test_core_open(&tc, "trn2");
		trn_test_arg(&tc, DATA, 1 << 20);
		memset(tc.data, 0x77, 1 << 20);
		for (uint32_t i = 0; i < 2; i++) {
			const struct trn_isa_ap ap =
				trn_test_sbuf(TRN_DTYPE_U8, i ? 1 : 8, 0, i ? 4 : 65500);
			struct trn_isa_dma *dma = trn_test_emit_dma(
				&tc, i && apart ? TRN_ENGINE_GPSIMD : TRN_ENGINE_SYNC,
				TRN_OP_DMA_COPY);

			dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, i ? 1 : 8, i ? 4 : 65500);
			dma->dst = trn_test_mem(&ap);
			dma->dst.u.chip.ap.start = i ? 100 : 0;
			signal_to(&dma->head, 1, TRN_INC_ADD, 1);
		}
		while (trn_core_sync(trn_chip_core(tc.host.chip, 0))->semaphore[1] < 16) {
			if (trn_model_next(tc.host.model) == TRN_MODEL_NEVER) {
				for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
					if (tc.desc->stream[e].words > 0)
						(void)trn_test_emit(&tc, e, TRN_OP_HALT, 1);
				}
				trn_test_start(&tc);
			}
			ck_assert(trn_model_step(tc.host.model));
		}
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, &have, 1);
		ck_assert_uint_eq(have, apart ? 0 : 0x77);
		trn_test_host_settle(&tc.host, 1000);
		trn_test_core_close(&tc);
	}
}
END_TEST

/* A stream that leaves mapped memory: an address error, not a rule. */
START_TEST(stream_that_is_unmapped_under_the_core)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	branch(&tc, TRN_ENGINE_SYNC, 0, TRN_ALU_BYPASS, 0, 0);
	trn_test_start(&tc);
	for (int i = 0; i < 100; i++)
		ck_assert(trn_model_step(tc.host.model));
	trn_test_host_unmap(&tc.host, TRN_TEST_IOVA_STREAM + 4 * TRN_TEST_STREAM_WORDS * 64);
	trn_test_host_settle(&tc.host, 1000);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_ADDRESS);
	ck_assert_uint_eq(tc.status->address, tc.desc->stream[TRN_ENGINE_SYNC].address);
	ck_assert_uint_eq(tc.status->engine, TRN_ENGINE_SYNC);
	trn_test_core_close(&tc);
}
END_TEST

/* What was issued before a bad instruction still happens. */
START_TEST(errors_come_in_order)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	uint32_t have;

	trn_test_core_open(&tc, "trn2");
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);
	c->dst = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 1);
	c->imm[0] = 77;
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, 0x7e, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->pc, 1);
	ck_assert_uint_eq(tc.status->opcode, 0x7e);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, &have, 4);
	ck_assert_uint_eq(have, 77);
	trn_test_core_close(&tc);
}
END_TEST

/* An error stops its core only. */
START_TEST(another_core_goes_on)
{
	struct trn_test_core tc;
	uint32_t have;

	trn_test_core_open(&tc, "trn2");
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, 0x7e, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
	trn_test_ext_wr(&tc, TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL,
			TRN_EXT_Q_RESET | TRN_EXT_Q_ENABLE);
	tc.tail = 0;
	tc.core = 1;
	trn_test_clear(&tc);
	{
		struct trn_isa_compute *c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);

		c->dst = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 1);
		c->imm[0] = 78;
	}
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, &have, 4);
	ck_assert_uint_eq(have, 78);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATE),
			  TRN_CORE_FAULTED);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(faults_of_the_catalogue)
{
	struct trn_test_core tc;
	const char *why = "";

	trn_test_core_open(&tc, "trn2");
	ck_assert_int_eq(trn_model_fault(tc.host.model, "core.error@0,after=1", &why), 0);
	for (uint32_t i = 0; i < 2; i++) {
		trn_test_clear(&tc);
		(void)trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_NOP, 1);
		ck_assert_uint_eq(trn_test_launch(&tc), i ? TRN_EXT_ERR_INJECTED : 0);
	}
	ck_assert_uint_eq(tc.status->engine, TRN_ENGINE_GPSIMD);
	trn_test_recover(&tc);
	ck_assert_int_eq(trn_model_fault(tc.host.model, "core.hang@0", &why), 0);
	(void)trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_NOP, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(tc.status->head, 0);
	ck_assert_uint_eq(trn_model_next(tc.host.model), TRN_MODEL_NEVER);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATE),
			  TRN_CORE_RUNNING);
	trn_test_recover(&tc);
	(void)trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_NOP, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(tc.status->head, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* Semaphores and registers of one launch are not seen by the next; SBUF is. */
START_TEST(what_a_launch_starts_with)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	uint32_t have;

	trn_test_core_open(&tc, "trn2");
	c = reg_imm(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_MOVE, 4, 0, 0, 55);
	signal_to(&c->head, 12, TRN_INC_ADD, 9);
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);
	c->dst = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 1);
	c->imm[0] = 66;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_clear(&tc);
	trn_test_arg(&tc, DATA, 64);
	memset(tc.data, 0xff, 8);
	store(&tc, TRN_ENGINE_SYNC, 4, 0);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(word(&tc, 0), 0);
	ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[0])->semaphore[12], 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, &have, 4);
	ck_assert_uint_eq(have, 66);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_RUNS), 2);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(notifications)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	const uint32_t base = trn_regs_nq_core_bar0(0);
	const uint32_t nq = TRN_NQ_INDEX(TRN_NQ_NOTIFY, TRN_ENGINE_VECTOR);
	struct trn_nq_entry entry[2];

	trn_test_core_open(&tc, "trn2");
	trn_test_wr(&tc.host, base + TRN_NQ_BASE_LO(nq), trn_lo32(DATA));
	trn_test_wr(&tc.host, base + TRN_NQ_BASE_HI(nq), trn_hi32(DATA));
	trn_test_wr(&tc.host, base + TRN_NQ_SIZE(nq), 4096);
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOTIFY, 1);
	c->head.flags = TRN_REG_IMM;
	c->imm[0] = 0xabc;
	c->imm[1] = 0xdef;
	reg_imm(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_MOVE, 8, 0, 0, 31);
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOTIFY, 1);
	c->imm[0] = 1;
	c->func = 8;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	memcpy(entry, tc.data, sizeof(entry));
	ck_assert_uint_eq(entry[0].phase_type & 0xff, TRN_NQ_NOTIFY);
	ck_assert_uint_eq(entry[0].phase_type >> 8 & 0xff, TRN_ENGINE_VECTOR);
	ck_assert_uint_eq(entry[0].code, 0xabc);
	ck_assert_uint_eq(entry[0].aux, 0xdef);
	ck_assert_uint_eq(entry[1].code, 1);
	ck_assert_uint_eq(entry[1].aux, 31);
	ck_assert_uint_eq(entry[1].pc, 2);
	trn_test_core_close(&tc);
}
END_TEST

/* Every shape in random order with random semaphores between engines: same seed, same
 * bits, same time; and the number of steps between looks changes nothing. */
static void random_program(struct trn_test_core *tc)
{
	trn_test_clear(tc);
	trn_test_arg(tc, DATA, 65536);
	trn_test_arg(tc, 7, 0);
	for (uint32_t i = 0; i < 150; i++) {
		union trn_test_inst inst;
		enum trn_test_shape shape = trn_test_below(tc, TRN_SHAPE_BRANCH);

		trn_test_shape_make(&inst, shape);
		if (inst.c.head.op != TRN_OP_DMA_COPY && inst.c.head.op != TRN_OP_DMA_TRANSPOSE &&
		    trn_test_below(tc, 2) == 0)
			signal_to(&inst.c.head, (uint8_t)trn_test_below(tc, 4), TRN_INC_ADD,
				  1 + trn_test_below(tc, 3));
		trn_test_shape_emit(tc, shape, &inst, trn_test_shapes[shape].words);
	}
}

START_TEST(same_run_twice)
{
	uint64_t hash[2], time[2];

	for (uint32_t k = 0; k < 2; k++) {
		struct trn_test_core tc;

		trn_test_core_open(&tc, "trn3");
		for (uint32_t round = 0; round < 5; round++) {
			random_program(&tc);
			for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
				(void)trn_test_emit(&tc, e, TRN_OP_HALT, 1);
			trn_test_start(&tc);
			while (trn_model_next(tc.host.model) != TRN_MODEL_NEVER) {
				if (k == 0)
					ck_assert(trn_model_step(tc.host.model));
				else
					trn_model_run(tc.host.model, trn_model_next(tc.host.model));
			}
			ck_assert_uint_eq(tc.status->error, 0);
		}
		hash[k] = trn_model_hash(tc.host.model);
		time[k] = trn_model_now(tc.host.model);
		trn_test_core_close(&tc);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
	ck_assert_uint_eq(time[0], time[1]);
}
END_TEST

/* Each allocation of a run refused once: an error or a good end, never a crash or a leak. */
START_TEST(every_allocation_refused_once)
{
	for (long n = 0; n < 40; n++) {
		struct trn_test_core tc;

		trn_test_core_open(&tc, "trn3");
		random_program(&tc);
		trn_test_alloc_arm(&tc.host.mem, n);
		(void)trn_test_launch(&tc);
		if (!tc.host.mem.failed)
			n = 40;
		else if (tc.status->state == TRN_QUEUE_READY)
			ck_assert_uint_eq(tc.status->error, 0);
		trn_test_alloc_arm(&tc.host.mem, -1);
		trn_test_core_close(&tc);
	}
}
END_TEST

static Suite *seq_suite(void)
{
	Suite *suite = suite_create("seq");
	TCase *tcase = tcase_create("sequencer");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, register_arithmetic);
	tcase_add_test(tcase, loop_over_an_argument);
	tcase_add_test(tcase, ping_pong);
	tcase_add_test(tcase, waits_of_all_kinds);
	tcase_add_test(tcase, one_token_for_two);
	tcase_add_test(tcase, dependent_instructions);
	tcase_add_test(tcase, increments_stay_in_order);
	tcase_add_test(tcase, activation_times);
	tcase_add_test(tcase, endless_loops_do_not_stop_the_host);
	tcase_add_test(tcase, many_transfers_at_once);
	tcase_add_test(tcase, transfers_of_one_engine_stay_in_order);
	tcase_add_test(tcase, stream_that_is_unmapped_under_the_core);
	tcase_add_test(tcase, errors_come_in_order);
	tcase_add_test(tcase, another_core_goes_on);
	tcase_add_test(tcase, faults_of_the_catalogue);
	tcase_add_test(tcase, what_a_launch_starts_with);
	tcase_add_test(tcase, notifications);
	tcase_add_test(tcase, same_run_twice);
	tcase_add_test(tcase, every_allocation_refused_once);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(seq_suite)
