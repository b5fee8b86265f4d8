/* SPDX-License-Identifier: Apache-2.0 */
/* Time of the tensor engine, and of engines that get into each other's way. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/test_core.h"
#include "model/test_shapes.h"

#define BF TRN_DTYPE_BF16
#define F32 TRN_DTYPE_F32
#define F8 TRN_DTYPE_F8E4M3
#define X4 TRN_DTYPE_F8E4M3FN_X4
#define BANK 2048u

struct shape {
	enum trn_dtype dtype;
	uint8_t flags;
	uint16_t m, n;
	uint8_t rows, columns;        /* squares of a tile */
	uint8_t at_row, at_partition; /* its place */
};

static void matmul(struct trn_test_core *tc, const struct shape *s)
{
	const uint16_t two = s->flags & TRN_MATMUL_DOUBLE_ROW ? 2 : 1;
	const uint32_t k = s->rows ? 32u * s->rows : 128u;
	const bool mx = s->dtype == X4;
	struct trn_isa_compute *c = trn_test_emit(
		tc, TRN_ENGINE_TENSOR, mx ? TRN_OP_MATMUL_MX : TRN_OP_MATMUL, mx ? 4 : 2);

	c->head.flags = s->flags;
	c->op0 = s->rows;
	c->op1 = s->columns;
	c->src0 = trn_test_ap(TRN_SPACE_SBUF, s->dtype, s->at_row, k, 0, (uint16_t)(s->m * two));
	c->src1 = trn_test_ap(TRN_SPACE_SBUF, s->dtype, s->at_row, k, 8192, (uint16_t)(s->n * two));
	c->dst = trn_test_ap(TRN_SPACE_PSUM, F32, s->at_partition, s->m, 0, s->n);
	if (!mx)
		return;
	c->src2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, 0, k - 28, 32768, s->m);
	c->src3 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, 0, k - 28, 40960, s->n);
}

static void idle(struct trn_test_core *tc, uint64_t ns)
{
	trn_model_run(tc->host.model, trn_model_now(tc->host.model) + ns * TRN_PS_PER_NS);
}

static uint64_t launch(struct trn_test_core *tc)
{
	const uint64_t from = trn_model_now(tc->host.model);

	ck_assert_msg(trn_test_launch(tc) == 0, "rule %u operand %u", tc->status->rule,
		      tc->status->operand);
	trn_test_clear(tc);
	return trn_model_now(tc->host.model) - from;
}

/* The same with a tensor engine that has cooled down. */
static uint64_t cold_launch(struct trn_test_core *tc)
{
	idle(tc, 4000);
	return launch(tc);
}

static const struct shape plain = { BF, 0, 128, 512, 0, 0, 0, 0 };

/* Device time of count matmuls from cold, behind so many that warm the engine up. */
static uint64_t matmuls_ps(struct trn_test_core *tc, uint32_t warm, const struct shape *s,
			   uint32_t count)
{
	for (uint32_t i = 0; i < warm; i++)
		matmul(tc, &plain);
	for (uint32_t i = 0; i < count; i++)
		matmul(tc, s);
	return cold_launch(tc);
}

static void expect_cycles(uint64_t ps, uint32_t count, double cycles, const char *name)
{
	const double have = (double)ps * 2400e-6 / count;

	ck_assert_msg(have > cycles - 0.5 && have < cycles + 0.5, "%s: %.2f cycles, not %.2f", name,
		      have, cycles);
}

static const struct {
	const char *name, *gen;
	struct shape shape;
	uint32_t cycles;
} cases[] = {
	{ "bf16", "trn2", { BF, 0, 128, 512, 0, 0, 0, 0 }, 512 },
	{ "narrow", "trn2", { BF, 0, 128, 16, 0, 0, 0, 0 }, 64 },
	{ "small", "trn2", { BF, 0, 8, 16, 0, 0, 0, 0 }, 64 },
	{ "fp32", "trn2", { F32, 0, 128, 256, 0, 0, 0, 0 }, 1024 },
	{ "fp32 through", "trn2", { F32, TRN_MATMUL_TRANSPOSE, 128, 256, 0, 0, 0, 0 }, 512 },
	{ "onezero", "trn2", { F32, TRN_MATMUL_ONEZERO1, 128, 256, 0, 0, 0, 0 }, 512 },
	{ "tf32", "trn2", { TRN_DTYPE_TF32, 0, 128, 256, 0, 0, 0, 0 }, 256 },
	{ "fp8", "trn2", { F8, 0, 128, 256, 0, 0, 0, 0 }, 256 },
	{ "double row", "trn2", { F8, TRN_MATMUL_DOUBLE_ROW, 128, 256, 0, 0, 0, 0 }, 256 },
	{ "mx", "trn3", { X4, 0, 128, 512, 0, 0, 0, 0 }, 512 },
	{ "mx, a preview", "trn4", { X4, 0, 128, 512, 0, 0, 0, 0 }, 171 },
};

START_TEST(steady_cycles)
{
	struct trn_test_core tc;
	uint64_t few, many;

	trn_test_core_init(&tc, cases[_i].gen);
	tc.host.any_violation = true; /* operands are not zeros and ones */
	trn_test_core_start(&tc);
	few = matmuls_ps(&tc, 30, &cases[_i].shape, 1);
	many = matmuls_ps(&tc, 30, &cases[_i].shape, 21);
	expect_cycles(many - few, 20, cases[_i].cycles, cases[_i].name);
	trn_test_core_close(&tc);
}
END_TEST

/* Half speed at first, and 3 us of work until full speed: 0.75 us are lost. */
START_TEST(cold_then_faster)
{
	struct trn_test_core tc;
	uint64_t one, many;
	double lost;

	trn_test_core_open(&tc, "trn2");
	one = matmuls_ps(&tc, 0, &plain, 1);
	many = matmuls_ps(&tc, 0, &plain, 101);
	lost = (double)(many - one) * 1e-3 - 100 * 213.333;
	ck_assert_double_gt(lost, 300); /* the first one, at half speed, is in both */
	ck_assert_double_lt(lost, 800);
	/* Straight behind it is still warm; 3 us of idling later it is not. */
	matmul(&tc, &plain);
	ck_assert_uint_lt(launch(&tc), one);
	ck_assert_uint_eq(matmuls_ps(&tc, 0, &plain, 1), one);
	trn_test_core_close(&tc);
}
END_TEST

/* Busy for less than half of the time: it never gets warm. */
START_TEST(hardly_used_stays_cold)
{
	struct trn_test_core tc;
	uint64_t dense, sparse;

	trn_test_core_open(&tc, "trn2");
	dense = matmuls_ps(&tc, 30, &plain, 1);
	/* Each waits for a copy of 2048 elements, 2133 ns. */
	for (uint32_t i = 0; i < 30; i++) {
		struct trn_isa_compute *c =
			trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);

		c->src0 = trn_test_sbuf(F32, 128, 65536, 2048);
		c->dst = trn_test_sbuf(F32, 128, 131072, 2048);
		c->head.inc_mode = TRN_INC_ADD;
		c->head.inc_sem = 1;
		c->head.inc_value = 1;
		matmul(&tc, &plain);
		c = (void *)(tc.stream[TRN_ENGINE_TENSOR] +
			     (tc.desc->stream[TRN_ENGINE_TENSOR].words - 2) * TRN_ISA_WORD_SIZE);
		c->head.wait_mode = TRN_WAIT_GE;
		c->head.wait_sem = 1;
		c->head.wait_value = i + 1;
	}
	sparse = cold_launch(&tc);
	/* The last matmul decides: half speed, 213 ns more than at full speed. */
	ck_assert_uint_gt(sparse, 30 * 2133333 + 2 * 213333);
	ck_assert_uint_gt(sparse, dense);
	trn_test_core_close(&tc);
}
END_TEST

/* The load of the stationary operand shows where nothing hides it: 16 cycles more of it, at
 * half speed. */
START_TEST(first_load_shows)
{
	static const struct shape narrow = { BF, 0, 64, 512, 0, 0, 0, 0 };
	struct trn_test_core tc;
	uint64_t wide;

	trn_test_core_open(&tc, "trn2");
	wide = matmuls_ps(&tc, 0, &plain, 1);
	expect_cycles(wide - matmuls_ps(&tc, 0, &narrow, 1), 1, 32, "load");
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(tiles_side_by_side)
{
	struct shape tile = { BF, TRN_MATMUL_TILED, 64, 512, 2, 2, 0, 0 };
	struct trn_test_core tc;
	uint64_t same, apart;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 70; i++)
		matmul(&tc, &tile);
	same = cold_launch(&tc);
	for (uint32_t i = 0; i < 70; i++) {
		tile.at_row = i & 1 ? 64 : 0;
		tile.at_partition = i & 2 ? 64 : 0;
		/* The first 30 warm the engine up in both. */
		matmul(&tc, i < 30 ? &(struct shape){ BF, TRN_MATMUL_TILED, 64, 512, 2, 2, 0, 0 } :
				     &tile);
	}
	apart = cold_launch(&tc);
	/* 40 on one square of 64, or 10 on each of four. */
	ck_assert_double_eq_tol((double)(same - apart) * 2400e-6, 30 * 512, 32); /* issue */
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(transposes_in_the_background)
{
	static const struct {
		const char *gen;
		uint32_t cycles;
	} gens[] = { { "trn2", 128 }, { "trn3", 64 } };

	for (uint32_t g = 0; g < 2; g++) {
		struct trn_test_core tc;
		uint64_t ps[2];

		trn_test_core_open(&tc, gens[g].gen);
		for (uint32_t k = 0; k < 2; k++) {
			for (uint32_t i = 0; i < 30; i++)
				matmul(&tc, &plain);
			for (uint32_t i = 0; i < 1 + 20 * k; i++) {
				struct trn_isa_compute *c =
					trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_TRANSPOSE, 2);

				c->src0 = trn_test_sbuf(BF, 128, 0, 128);
				c->dst = trn_test_ap(TRN_SPACE_PSUM, BF, 0, 128, 0, 128);
			}
			ps[k] = cold_launch(&tc);
		}
		expect_cycles(ps[1] - ps[0], 20, gens[g].cycles, gens[g].gen);
		trn_test_core_close(&tc);
	}
}
END_TEST

/* Vector and another engine beside each other; device time. */
static uint64_t beside_ps(struct trn_test_core *tc, enum trn_engine other, enum trn_space space,
			  uint32_t other_offset)
{
	for (uint32_t i = 0; i < 20; i++) {
		struct trn_isa_compute *c = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);

		c->dst = trn_test_ap(space, F32, 0, 128, 0, 512);
		c = trn_test_emit(tc, other,
				  other == TRN_ENGINE_SCALAR ? TRN_OP_TENSOR_COPY : TRN_OP_MEMSET,
				  2);
		c->dst = trn_test_ap(space, F32, 0, 128, other_offset, 512);
		if (other == TRN_ENGINE_SCALAR)
			c->src0 = trn_test_sbuf(F32, 128, 65536, 512);
	}
	return launch(tc);
}

/* Two engines at one bank lose time, at two banks they do not. */
START_TEST(psum_banks)
{
	struct trn_test_core tc;
	uint64_t apart;

	trn_test_core_open(&tc, "trn2");
	(void)beside_ps(&tc, TRN_ENGINE_SCALAR, TRN_SPACE_PSUM, BANK);
	apart = beside_ps(&tc, TRN_ENGINE_SCALAR, TRN_SPACE_PSUM, BANK);
	ck_assert_uint_gt(beside_ps(&tc, TRN_ENGINE_SCALAR, TRN_SPACE_PSUM, 0), apart + 1000000);
	trn_test_core_close(&tc);
}
END_TEST

/* Before Trainium2 vector and gpsimd took turns at SBUF, vector and scalar at PSUM. */
START_TEST(shared_ports)
{
	static const struct {
		enum trn_engine other;
		enum trn_space space;
	} pairs[] = { { TRN_ENGINE_GPSIMD, TRN_SPACE_SBUF },
		      { TRN_ENGINE_SCALAR, TRN_SPACE_PSUM } };

	for (uint32_t i = 0; i < 2; i++) {
		uint64_t ps[2];

		for (uint32_t shared = 0; shared < 2; shared++) {
			struct trn_test_core tc;
			struct trn_gen gen = *trn_gen_find("trn2");

			gen.sbuf_port_shared = gen.psum_port_shared = shared;
			trn_test_core_init(&tc, "trn2");
			tc.host.config.gen = &gen;
			trn_test_core_start(&tc);
			ps[shared] = beside_ps(&tc, pairs[i].other, pairs[i].space, 8192);
			trn_test_core_close(&tc);
		}
		ck_assert_uint_gt(ps[1], ps[0] + 1000000);
	}
}
END_TEST

static Suite *timing_tensor_suite(void)
{
	Suite *suite = suite_create("timing_tensor");
	TCase *tcase = tcase_create("time");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, steady_cycles, 0, (int)TRN_ARRAY_LEN(cases));
	tcase_add_test(tcase, cold_then_faster);
	tcase_add_test(tcase, hardly_used_stays_cold);
	tcase_add_test(tcase, first_load_shows);
	tcase_add_test(tcase, tiles_side_by_side);
	tcase_add_test(tcase, transposes_in_the_background);
	tcase_add_test(tcase, psum_banks);
	tcase_add_test(tcase, shared_ports);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(timing_tensor_suite)
