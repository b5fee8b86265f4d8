/* SPDX-License-Identifier: Apache-2.0 */
/* What instructions cost in the steady state, in cycles of their engine, against the
 * published formulas (hardware-and-isa facts 4.4, 4.5, 5.2). */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"
#include "model/test_shapes.h"

/* An instruction of one row of elements: source and destination as given, and how long
 * each takes when many follow each other. */
struct timed {
	const char *name;
	const char *gen;
	enum trn_engine engine;
	enum trn_op op;
	enum trn_dtype dtype;
	enum trn_space src, dst;
	int16_t step;
	uint16_t count;
	uint8_t code; /* op0 or func */
	uint8_t mode;
	uint32_t cycles;
};

#define SB TRN_SPACE_SBUF
#define PS TRN_SPACE_PSUM
#define V TRN_ENGINE_VECTOR
#define S TRN_ENGINE_SCALAR
#define G TRN_ENGINE_GPSIMD
#define BF TRN_DTYPE_BF16
#define F32 TRN_DTYPE_F32
#define F8 TRN_DTYPE_F8E4M3

static const struct timed rows[] = {
	{ "copy fp32", "trn2", V, TRN_OP_TENSOR_COPY, F32, SB, SB, 1, 512, 0, 0, 512 },
	{ "copy bf16", "trn2", V, TRN_OP_TENSOR_COPY, BF, SB, SB, 1, 512, 0, 0, 128 },
	{ "copy bf16 strided", "trn2", V, TRN_OP_TENSOR_COPY, BF, SB, SB, 2, 512, 0, 0, 256 },
	{ "copy bf16 to psum", "trn2", V, TRN_OP_TENSOR_COPY, BF, SB, PS, 1, 512, 0, 0, 256 },
	{ "copy bf16 scalar", "trn2", S, TRN_OP_TENSOR_COPY, BF, SB, SB, 1, 512, 0, 0, 512 },
	{ "copy bf16 scalar trn3", "trn3", S, TRN_OP_TENSOR_COPY, BF, SB, SB, 1, 512, 0, 0, 256 },
	{ "copy bf16 gpsimd", "trn2", G, TRN_OP_TENSOR_COPY, BF, SB, SB, 1, 512, 0, 0, 662 },
	{ "copy fp32 16 byte steps", "trn2", V, TRN_OP_TENSOR_COPY, F32, SB, SB, 4, 512, 0, 0,
	  512 },
	{ "copy fp32 wide", "trn2", V, TRN_OP_TENSOR_COPY, F32, SB, SB, 5, 512, 0, 0, 1024 },
	{ "small", "trn2", V, TRN_OP_TENSOR_COPY, F32, SB, SB, 1, 3, 0, 0, 64 },
	{ "scale bf16", "trn2", V, TRN_OP_TENSOR_SCALAR, BF, SB, SB, 1, 512, TRN_ALU_MUL, 0, 128 },
	{ "add fp32", "trn2", V, TRN_OP_TENSOR_TENSOR, F32, SB, SB, 1, 512, TRN_ALU_ADD, 0, 1024 },
	{ "copy fp8", "trn2", V, TRN_OP_TENSOR_COPY, F8, SB, SB, 1, 512, 0, 0, 512 },
	{ "copy fp8 trn3", "trn3", V, TRN_OP_TENSOR_COPY, F8, SB, SB, 1, 512, 0, 0, 128 },
	{ "add bf16", "trn2", V, TRN_OP_TENSOR_TENSOR, BF, SB, SB, 1, 512, TRN_ALU_ADD, 0, 512 },
	{ "add one in psum", "trn2", V, TRN_OP_TENSOR_TENSOR, F32, PS, SB, 1, 512, TRN_ALU_ADD, 0,
	  512 },
	{ "add gpsimd", "trn2", G, TRN_OP_TENSOR_TENSOR, BF, SB, SB, 1, 512, TRN_ALU_ADD, 0, 1174 },
	{ "zero bf16", "trn2", V, TRN_OP_MEMSET, BF, SB, SB, 1, 512, 0, 0, 256 },
	{ "zero fp32", "trn2", V, TRN_OP_MEMSET, F32, SB, SB, 1, 512, 0, 0, 512 },
	{ "sum bf16", "trn2", V, TRN_OP_TENSOR_REDUCE, BF, SB, SB, 1, 512, TRN_ALU_ADD, 0, 256 },
	{ "product bf16", "trn2", V, TRN_OP_TENSOR_REDUCE, BF, SB, SB, 1, 512, TRN_ALU_MUL, 0,
	  512 },
	{ "sum fp32", "trn2", V, TRN_OP_TENSOR_REDUCE, F32, SB, SB, 1, 512, TRN_ALU_ADD, 0, 512 },
	{ "activation", "trn2", S, TRN_OP_ACTIVATION, BF, SB, SB, 1, 512, TRN_ACT_EXP, 0, 512 },
	{ "activation sum", "trn2", S, TRN_OP_ACTIVATION, BF, SB, SB, 1, 512, TRN_ACT_EXP, 3, 576 },
	{ "exponential", "trn3", V, TRN_OP_EXPONENTIAL, F32, SB, SB, 1, 512, 0, 0, 128 },
	{ "reciprocal", "trn2", V, TRN_OP_RECIPROCAL, F32, SB, SB, 1, 512, 0, 0, 4096 },
	{ "iota", "trn2", G, TRN_OP_IOTA, F32, SB, SB, 1, 512, 0, 0, 662 },
	{ "affine", "trn2", G, TRN_OP_AFFINE_SELECT, F32, SB, SB, 1, 512, TRN_ALU_GE, 0, 662 },
	{ "range", "trn2", V, TRN_OP_RANGE_SELECT, F32, SB, SB, 1, 512, TRN_ALU_GE, 3, 576 },
	{ "max8", "trn2", V, TRN_OP_MAX8, F32, SB, SB, 1, 512, 0, 0, 512 },
	{ "transpose", "trn2", V, TRN_OP_TRANSPOSE, F32, SB, SB, 1, 32, 0, 0, 64 },
};

static void emit(struct trn_test_core *tc, const struct timed *t)
{
	struct trn_isa_compute *c = trn_test_emit(tc, t->engine, t->op, 3);
	const bool has_src = t->op != TRN_OP_MEMSET && t->op != TRN_OP_IOTA;
	const bool has_func = t->op == TRN_OP_TENSOR_REDUCE || t->op == TRN_OP_ACTIVATION;

	c->dst = trn_test_ap(t->dst, t->dtype, 0, 32, t->dst == PS ? 8192 : 65536, t->count);
	c->dst.dims[0].step = t->step;
	if (has_src)
		c->src0 = trn_test_ap(t->src, t->dtype, 0, 32, 0, t->count);
	if (has_src)
		c->src0.dims[0].step = t->step;
	if (t->op == TRN_OP_TENSOR_TENSOR)
		c->src1 = trn_test_ap(SB, t->dtype, 0, 32, 16384, t->count);
	*(has_func ? &c->func : &c->op0) = t->code;
	c->mode = t->mode;
	if (t->op == TRN_OP_RANGE_SELECT)
		c->op1 = TRN_ALU_LT;
	if (t->op == TRN_OP_TENSOR_REDUCE) {
		c->imm[0] = 1;
		c->dst.dims[0].num = 1;
	}
	if (t->op == TRN_OP_MAX8)
		c->dst.dims[0].num = 8;
	if (t->mode != 0)
		c->dst2 = trn_test_ap(SB, F32, 0, 32, 131072, 1);
}

/* Time of a launch of count instructions, after one that makes PSUM readable. */
static uint64_t launch_ps(struct trn_test_core *tc, const struct timed *t, uint32_t count)
{
	const uint64_t from = trn_model_now(tc->host.model);

	trn_test_clear(tc);
	if (t->src == PS) {
		struct trn_isa_compute *c = trn_test_emit(tc, V, TRN_OP_MEMSET, 1);

		c->dst = trn_test_ap(PS, F32, 0, 32, 0, 512);
	}
	for (uint32_t i = 0; i < count; i++)
		emit(tc, t);
	ck_assert_msg(trn_test_launch(tc) == 0, "%s: rule %u operand %u", t->name, tc->status->rule,
		      tc->status->operand);
	return trn_model_now(tc->host.model) - from;
}

static void expect_cycles(uint64_t ps, uint32_t count, uint32_t mhz, uint32_t cycles,
			  const char *name)
{
	const double have = (double)ps * mhz * 1e-6 / count;

	ck_assert_msg(have > cycles - 0.5 && have < cycles + 0.5, "%s: %.2f cycles, not %u", name,
		      have, cycles);
}

START_TEST(steady_state_cycles)
{
	const struct timed *t = &rows[_i];
	struct trn_test_core tc;
	uint64_t one;

	trn_test_core_open(&tc, t->gen);
	(void)launch_ps(&tc, t, 1); /* loads a function set */
	one = launch_ps(&tc, t, 1);
	expect_cycles(launch_ps(&tc, t, 21) - one, 20,
		      (uint32_t)trn_gen_clock_mhz(tc.host.chip->gen, t->engine), t->cycles,
		      t->name);
	trn_test_core_close(&tc);
}
END_TEST

/* An address from a register costs 600 cycles; another activation function 1280 ns. */
START_TEST(dynamic_addresses_and_function_sets)
{
	struct trn_test_core tc;
	uint64_t ps[3];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < 3; k++) {
		const uint64_t from = trn_model_now(tc.host.model);

		trn_test_clear(&tc);
		for (uint32_t i = 0; i < (k == 0 ? 1 : 21); i++) {
			struct trn_isa_compute *c = trn_test_emit(&tc, S, TRN_OP_ACTIVATION, 2);

			c->src0 = trn_test_sbuf(F32, 1, 0, 1);
			c->dst = trn_test_sbuf(F32, 1, 4096, 1);
			if (k == 1)
				c->src0.reg = 1;
			c->func = k == 2 && i > 0 ? i & 1 ? TRN_ACT_EXP : TRN_ACT_TANH :
						    TRN_ACT_COPY;
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		ps[k] = trn_model_now(tc.host.model) - from;
	}
	/* The end of the launch comes with the last result: 20 intervals but the last. */
	ck_assert_uint_eq((ps[1] - ps[0]) / TRN_PS_PER_NS, 20 * 500);
	ck_assert_double_eq_tol((double)(ps[2] - ps[0]) * 1e-3, 20 * (1280 + 53.3), 1400);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *timing_suite(void)
{
	Suite *suite = suite_create("timing");
	TCase *tcase = tcase_create("cycles");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, steady_state_cycles, 0, (int)TRN_ARRAY_LEN(rows));
	tcase_add_test(tcase, dynamic_addresses_and_function_sets);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(timing_suite)
