/* SPDX-License-Identifier: Apache-2.0 */
/* Timing-only mode: integers and control flow are real, floats are left out, choices are
 * drawn, and virtual time is that of the whole run. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define CHOICES (UINT64_C(64) << 10) /* bytes into the data */
#define EXPERTS 128u
#define TOKENS 128u

static void open_mode(struct trn_test_core *tc, const char *gen, bool timing_only, uint64_t seed)
{
	trn_test_core_init(tc, gen);
	tc->host.config.timing_only = timing_only;
	tc->host.config.seed = seed;
	trn_test_core_start(tc);
}

static void wait_for(struct trn_isa_head *head, uint8_t sem, uint32_t value)
{
	head->wait_sem = sem;
	head->wait_mode = TRN_WAIT_GE;
	head->wait_value = value;
}

static void count_in(struct trn_isa_head *head, uint8_t sem)
{
	head->inc_sem = sem;
	head->inc_mode = TRN_INC_ADD;
	head->inc_value = 1;
}

/* A float tile comes in, is multiplied and goes out; its best eight are looked for; a number
 * made by iota goes to memory, into a register, and decides how often a loop runs. */
static void emit_work(struct trn_test_core *tc)
{
	const struct trn_isa_ap x =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, TOKENS, 0, EXPERTS);
	const struct trn_isa_ap best =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, TOKENS, 4096, 8);
	const struct trn_isa_ap place =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, TOKENS, 8192, 8);
	const struct trn_isa_ap number = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, 12288, 1);
	struct trn_isa_compute *c;
	struct trn_isa_dma *d;

	trn_test_arg(tc, DATA, TRN_TEST_DATA_BYTES);
	d = trn_test_emit_dma(tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	d->src = trn_test_dram(0, TRN_DTYPE_F32, 0, TOKENS, EXPERTS);
	d->dst = trn_test_mem(&x);
	count_in(&d->head, 1);
	c = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_MAX8, 2);
	wait_for(&c->head, 1, 16);
	c->dst = best;
	c->src0 = x;
	c = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_FIND_INDEX8, 2);
	c->dst = place;
	c->src0 = x;
	c->src1 = best;
	count_in(&c->head, 2);
	d = trn_test_emit_dma(tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	wait_for(&d->head, 2, 1);
	d->src = trn_test_mem(&place);
	d->dst = trn_test_dram(0, TRN_DTYPE_U32, CHOICES, TOKENS, 8);
	c = trn_test_emit(tc, TRN_ENGINE_GPSIMD, TRN_OP_IOTA, 2);
	c->imm[0] = 5;
	c->dst = number;
	count_in(&c->head, 3);
	d = trn_test_emit_dma(tc, TRN_ENGINE_SCALAR, TRN_OP_REG_LOAD);
	wait_for(&d->head, 3, 1);
	d->op0 = 7;
	d->src = trn_test_mem(&number);
	/* do { copy } while (--r7 > 0) */
	c = trn_test_emit(tc, TRN_ENGINE_SCALAR, TRN_OP_TENSOR_COPY, 2);
	wait_for(&c->head, 1, 16);
	c->dst = x;
	c->dst.offset = 20480;
	c->src0 = x;
	c = trn_test_emit(tc, TRN_ENGINE_SCALAR, TRN_OP_REG_ALU, 1);
	c->head.flags = TRN_REG_IMM;
	c->op0 = c->op1 = 7;
	c->mode = TRN_ALU_SUB;
	c->imm[0] = 1;
	c = trn_test_emit(tc, TRN_ENGINE_SCALAR, TRN_OP_BRANCH, 1);
	c->head.flags = TRN_REG_IMM;
	c->op1 = 7;
	c->mode = TRN_ALU_GT;
	c->imm[1] = 3;
}

struct outcome {
	uint64_t time_ps, instructions;
	uint32_t choice[TOKENS][8];
	float copied;
};

static void run(const char *gen, bool timing_only, uint64_t seed, struct outcome *ret)
{
	struct trn_test_core tc;
	struct trn_chip_counters counters;
	float *x;

	open_mode(&tc, gen, timing_only, seed);
	x = (float *)(void *)tc.data;
	for (uint32_t i = 0; i < TOKENS * EXPERTS; i++)
		x[i] = (float)(1u + i % EXPERTS);
	emit_work(&tc);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	trn_chip_counters(tc.host.chip, &counters);
	ret->time_ps = tc.status->time_ps;
	ret->instructions = counters.instructions;
	memcpy(ret->choice, tc.data + CHOICES, sizeof(ret->choice));
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 20480, &ret->copied, sizeof(ret->copied));
	trn_test_core_close(&tc);
}

static const char *const gens[] = { "trn2", "trn3", "trn4" };

START_TEST(time_and_control_flow_are_those_of_the_whole_run)
{
	static struct outcome whole, timing;

	run(gens[_i], false, 1, &whole);
	run(gens[_i], true, 1, &timing);
	ck_assert_uint_eq(timing.time_ps, whole.time_ps);
	/* One DMA each way, two of V, one of G, the load, five rounds of three, four HALTs. */
	ck_assert_uint_eq(whole.instructions, 2 + 2 + 1 + 1 + 5 * 3 + 4);
	ck_assert_uint_eq(timing.instructions, whole.instructions);
	ck_assert(whole.copied == 1.0f);
	ck_assert_msg(timing.copied == 0.0f, "float data moved");
	ck_assert_uint_eq(whole.choice[3][0], EXPERTS - 1);
}
END_TEST

START_TEST(choices_are_drawn_without_repeats_and_from_the_seed)
{
	static struct outcome one, again, other;
	uint32_t seen[EXPERTS] = { 0 };
	uint32_t most = 0, least = UINT32_MAX;

	run("trn3", true, 1, &one);
	run("trn3", true, 1, &again);
	run("trn3", true, 2, &other);
	ck_assert_mem_eq(one.choice, again.choice, sizeof(one.choice));
	ck_assert(memcmp(one.choice, other.choice, sizeof(one.choice)) != 0);
	for (uint32_t t = 0; t < TOKENS; t++) {
		for (uint32_t i = 0; i < 8; i++) {
			ck_assert_uint_lt(one.choice[t][i], EXPERTS);
			seen[one.choice[t][i]]++;
			for (uint32_t k = 0; k < i; k++)
				ck_assert_uint_ne(one.choice[t][i], one.choice[t][k]);
		}
	}
	/* 1024 draws over 128 places: 8 each, give or take. */
	for (uint32_t e = 0; e < EXPERTS; e++) {
		most = seen[e] > most ? seen[e] : most;
		least = seen[e] < least ? seen[e] : least;
	}
	ck_assert_uint_le(most, 24);
	ck_assert_uint_ge(least, 1);
}
END_TEST

/* Addresses are still looked at: a transfer out of its argument ends the launch. */
START_TEST(rules_of_addresses_hold)
{
	const struct trn_isa_ap x = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, 0, 128);
	struct trn_test_core tc;
	struct trn_isa_dma *d;

	open_mode(&tc, gens[_i], true, 1);
	trn_test_arg(&tc, DATA, 65535);
	d = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	d->src = trn_test_dram(0, TRN_DTYPE_F32, 0, 128, 128);
	d->dst = trn_test_mem(&x);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
	trn_test_core_close(&tc);
}
END_TEST

/* PSUM is not followed, so what was never written may be read; the multiplications count. */
START_TEST(matmuls_count_and_take_their_time)
{
	struct trn_test_core tc;
	struct trn_chip_counters counters;
	struct trn_isa_compute *c;

	open_mode(&tc, gens[_i], true, 1);
	c = trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);
	c->head.flags = TRN_MATMUL_ACCUMULATE;
	c->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 128, 0, 512);
	c->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 128, 0, 128);
	c->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 128, 4096, 512);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	trn_chip_counters(tc.host.chip, &counters);
	ck_assert_uint_eq(counters.matmul_macs, 128u * 128 * 512);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("shadow");
	TCase *tc = tcase_create("timing-only");

	tcase_add_loop_test(tc, time_and_control_flow_are_those_of_the_whole_run, 0,
			    TRN_ARRAY_LEN(gens));
	tcase_add_test(tc, choices_are_drawn_without_repeats_and_from_the_seed);
	tcase_add_loop_test(tc, rules_of_addresses_hold, 0, TRN_ARRAY_LEN(gens));
	tcase_add_loop_test(tc, matmuls_count_and_take_their_time, 0, TRN_ARRAY_LEN(gens));
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
