/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers against generators written down again, and the rules of their opcodes. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_rules.h"

#define DST_AT 4096u
#define SEED_AT 0u
#define STATE_AT 512u

static uint32_t mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x85ebca6bu;
	x = (x ^ x >> 13) * 0xc2b2ae35u;
	return x ^ x >> 16;
}

static uint32_t word(uint32_t seed, uint32_t lane, uint32_t g, uint32_t j)
{
	return mix(seed + 0x9e3779b9u * lane + 0x85ebca6bu * (6 * g + j));
}

struct xorwow {
	uint32_t x, y, z, w, v, d;
};

static struct xorwow seeded(uint32_t seed, uint32_t lane, uint32_t g)
{
	return (struct xorwow){ word(seed, lane, g, 0), word(seed, lane, g, 1),
				word(seed, lane, g, 2), word(seed, lane, g, 3),
				word(seed, lane, g, 4), word(seed, lane, g, 5) };
}

static uint32_t next(struct xorwow *s)
{
	uint32_t t = s->x ^ s->x >> 2;

	s->x = s->y;
	s->y = s->z;
	s->z = s->w;
	s->w = s->v;
	s->v = s->v ^ s->v << 4 ^ t ^ t << 1;
	s->d += 362437;
	return s->d + s->v;
}

static struct trn_isa_compute *emit(struct trn_test_core *tc, enum trn_engine engine,
				    enum trn_op op, const struct trn_isa_ap *dst)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, engine, op, 3);

	if (dst)
		inst->dst = *dst;
	return inst;
}

static void seed(struct trn_test_core *tc, uint32_t value)
{
	struct trn_isa_compute *inst = emit(tc, TRN_ENGINE_VECTOR, TRN_OP_SET_RNG_SEED, NULL);

	trn_test_poke(tc, TRN_SPACE_SBUF, 0, 1, SEED_AT, &value, 4);
	inst->src0 = trn_test_sbuf(TRN_DTYPE_U32, 1, SEED_AT, 1);
}

static uint32_t raw(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n)
{
	uint32_t value = 0;

	trn_test_raw_get(tc, ap, p, n, &value);
	return value;
}

/* The published example of the generator: Marsaglia's start, five numbers. */
START_TEST(xorwow_itself)
{
	const uint32_t start[6] = { 123456789, 362436069, 521288629, 88675123, 5783321, 6615241 };
	const struct trn_isa_ap dst = trn_test_sbuf(TRN_DTYPE_U32, 1, DST_AT, 2);
	struct xorwow same = { 123456789, 362436069, 521288629, 88675123, 5783321, 6615241 };
	struct trn_test_core tc;
	struct trn_isa_compute *inst;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, STATE_AT, start, sizeof(start));
	inst = emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_RAND_SET_STATE, NULL);
	inst->src0 = trn_test_sbuf(TRN_DTYPE_U32, 1, STATE_AT, 6);
	(void)emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_RNG, &dst);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(raw(&tc, &dst, 0, 0), 246875399);
	ck_assert_uint_eq(raw(&tc, &dst, 0, 0), next(&same));
	ck_assert_uint_eq(raw(&tc, &dst, 0, 1), next(&same));
	trn_test_core_close(&tc);
}
END_TEST

/* Every lane has its own numbers, they go on over instructions and launches, narrow types
 * take the low bits, and elements come in the order of the pattern. */
START_TEST(numbers_of_gpsimd)
{
	static const enum trn_dtype dtypes[] = { TRN_DTYPE_U32, TRN_DTYPE_S32, TRN_DTYPE_U16,
						 TRN_DTYPE_S16, TRN_DTYPE_U8,  TRN_DTYPE_S8 };
	struct xorwow state[128];
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t p = 0; p < 128; p++)
		state[p] = seeded(1, p, 0);
	for (uint32_t round = 0; round < 3 * TRN_ARRAY_LEN(dtypes); round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const struct trn_isa_ap dst = trn_test_operand(
			&tc, &place, TRN_SPACE_SBUF, dtypes[round % TRN_ARRAY_LEN(dtypes)], DST_AT);
		const uint32_t mask = UINT32_MAX >> (32 - 8 * trn_dtype_size(dst.dtype));

		trn_test_clear(&tc);
		(void)emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_RNG, &dst);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p++) {
			for (uint32_t n = 0; n < place.count; n++) {
				const uint32_t want = next(&state[place.start + p]) & mask;

				ck_assert_uint_eq(raw(&tc, &dst, p, n), want);
			}
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* trn2: one shift register a lane. trn3: four generators that take turns along a row. */
START_TEST(numbers_of_the_vector_engine)
{
	const struct trn_isa_ap dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_U32, 64, 32, 0, 11);
	struct trn_test_core tc;

	for (uint32_t gen = 2; gen <= 3; gen++) {
		trn_test_core_open(&tc, gen == 2 ? "trn2" : "trn3");
		for (uint32_t round = 0; round < 3; round++) {
			const uint32_t value = round == 0 ? 1 : round == 1 ? 77 : 0xffffffff;

			trn_test_clear(&tc);
			if (round > 0) /* a new core is seeded with 1 */
				seed(&tc, value);
			(void)emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_RNG, &dst);
			ck_assert_uint_eq(trn_test_launch(&tc), 0);
			for (uint32_t p = 0; p < 32; p++) {
				struct xorwow four[4];
				uint32_t shift = word(value, 64 + p, 0, 0);

				for (uint32_t g = 0; g < 4; g++)
					four[g] = seeded(value, 64 + p, g);
				for (uint32_t n = 0; n < 11; n++) {
					shift ^= shift << 13;
					shift ^= shift >> 17;
					shift ^= shift << 5;
					ck_assert_uint_eq(raw(&tc, &dst, p, n),
							  gen == 2 ? shift : next(&four[n % 4]));
				}
			}
		}
		trn_test_core_close(&tc);
	}
}
END_TEST

START_TEST(reset_seeds_anew)
{
	const struct trn_isa_ap dst = trn_test_sbuf(TRN_DTYPE_U32, 32, DST_AT, 3);
	struct xorwow first = seeded(1, 5, 0);
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 2; round++) {
		trn_test_clear(&tc);
		seed(&tc, 99);
		(void)emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_RNG, &dst);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		if (round == 0) /* SET_RNG_SEED is the vector engine's, gpsimd keeps its state */
			ck_assert_uint_eq(raw(&tc, &dst, 5, 0), next(&first));
		trn_core_reset(tc.host.chip->core[0]);
	}
	trn_test_clear(&tc);
	(void)emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_RNG, &dst);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	first = seeded(1, 5, 2);
	ck_assert_uint_eq(raw(&tc, &dst, 5, 2), next(&first));
	trn_test_core_close(&tc);
}
END_TEST

static float uniform(uint32_t number)
{
	return (float)(number >> 8) * 0x1p-24f;
}

START_TEST(uniform_in_a_range)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 12; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const struct trn_isa_ap dst =
			trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
					 round % 2 ? TRN_DTYPE_BF16 : TRN_DTYPE_F32, DST_AT);
		const struct trn_isa_ap b = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, place.start,
							place.partitions, STATE_AT, 1);
		const float a = -1.5f;
		struct trn_isa_compute *inst;

		trn_test_fill_view(&tc, &b);
		trn_test_clear(&tc);
		seed(&tc, round);
		inst = emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_RAND2, &dst);
		memcpy(&inst->imm[0], &a, 4);
		inst->src2 = b;
		inst->head.flags = TRN_SCALAR_COLUMN1;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 5) {
			const float width = trn_test_get(&tc, &b, p, 0) - a;
			struct xorwow four[4];

			for (uint32_t g = 0; g < 4; g++)
				four[g] = seeded(round, place.start + p, g);
			for (uint32_t n = 0; n < place.count; n++) {
				const float part = uniform(next(&four[n % 4])) * width;

				trn_test_expect(&tc, &dst, p, n, a + part);
			}
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* All, none, about a third; a NaN drops nothing; dropped NaNs and infinities are 0. */
START_TEST(drops)
{
	static const float limits[] = { 0.0f, 1.0f, 0.3f, (float)NAN, -1.0f };
	const struct trn_isa_ap src = trn_test_sbuf(TRN_DTYPE_BF16, 64, STATE_AT, 40);
	const struct trn_isa_ap dst = trn_test_sbuf(TRN_DTYPE_F16, 64, DST_AT, 40);
	const struct trn_isa_ap column = trn_test_sbuf(TRN_DTYPE_F32, 64, SEED_AT + 64, 1);
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 2 * TRN_ARRAY_LEN(limits); round++) {
		const float limit = limits[round / 2];
		struct trn_isa_compute *inst;
		uint32_t dropped = 0;

		trn_test_fill_view(&tc, &src);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 7, 1, STATE_AT, "\x80\x7f\xc1\xff", 4);
		for (uint32_t p = 0; p < 64; p++)
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, SEED_AT + 64, &limit, 4);
		trn_test_clear(&tc);
		seed(&tc, round);
		inst = emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_DROPOUT, &dst);
		inst->src0 = src;
		if (round % 2) {
			inst->src1 = column;
			inst->head.flags = TRN_SCALAR_COLUMN0;
		} else {
			memcpy(&inst->imm[0], &limit, 4);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < 64; p++) {
			uint32_t shift = word(round, p, 0, 0);

			for (uint32_t n = 0; n < 40; n++) {
				bool drop;

				shift ^= shift << 13;
				shift ^= shift >> 17;
				shift ^= shift << 5;
				drop = uniform(shift) < limit;
				dropped += drop;
				trn_test_expect(&tc, &dst, p, n,
						drop ? 0.0f : trn_test_get(&tc, &src, p, n));
			}
		}
		ck_assert(limit == 1.0f ? dropped == 64 * 40 :
			  limit == 0.3f ? dropped > 600 && dropped < 940 :
					  dropped == 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* What is got is what was set, but for a state of zeros. */
START_TEST(states)
{
	static const enum trn_engine engines[] = { TRN_ENGINE_GPSIMD, TRN_ENGINE_VECTOR };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t e = 0; e < 2; e++) {
		const uint32_t words = e == 0 ? 6 : 24;
		const struct trn_isa_ap dst = trn_test_ap(e == 0 ? TRN_SPACE_SBUF : TRN_SPACE_PSUM,
							  TRN_DTYPE_U32, 32, 32, DST_AT, words);
		const struct trn_isa_ap some = trn_test_sbuf(TRN_DTYPE_U32, 32, 8192, 5);
		uint32_t in[32][24], out[32][24];
		struct trn_isa_compute *inst;

		for (uint32_t p = 0; p < 32; p++) {
			for (uint32_t j = 0; j < words; j++)
				in[p][j] = trn_lo32(trn_prng_next(&tc.prng));
			trn_test_poke(&tc, TRN_SPACE_SBUF, 32 + p, 1, STATE_AT, in[p], words * 4);
		}
		for (uint32_t j = 0; j < 6; j++)
			in[9][j] = 0; /* the first generator of lane 9 */
		trn_test_poke(&tc, TRN_SPACE_SBUF, 41, 1, STATE_AT, in[9], words * 4);
		in[9][0] = 1;
		trn_test_clear(&tc);
		inst = emit(&tc, engines[e], TRN_OP_RAND_SET_STATE, NULL);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 32, 32, STATE_AT, words);
		(void)emit(&tc, engines[e], TRN_OP_RNG, &some); /* of other lanes */
		(void)emit(&tc, engines[e], TRN_OP_RAND_GET_STATE, &dst);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < 32; p++) {
			trn_test_peek(&tc, dst.space, 32 + p, 1, DST_AT, out[p], words * 4);
			ck_assert_mem_eq(out[p], in[p], words * 4);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- rules ---- */

CHANGE(as_it_is, (void)i)
CHANGE(dst_float, i->c.dst.dtype = TRN_DTYPE_F32)
CHANGE(dst_int, i->c.dst.dtype = TRN_DTYPE_S32)
CHANGE(dst_x4, i->c.dst.dtype = TRN_DTYPE_F8E4M3FN_X4)
CHANGE(source, i->c.src0 = trn_test_sbuf(TRN_DTYPE_U32, 64, 0, 6))
CHANGE(column_gone, i->c.head.flags = TRN_SCALAR_COLUMN1)
CHANGE(column_unasked, i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 0, 1))
CHANGE(column_imm, (i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 0, 1), i->c.imm[0] = 1,
		    i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(column_bf16,
       (i->c.src1 = trn_test_sbuf(TRN_DTYPE_BF16, 64, 0, 1), i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(column_rows,
       (i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 32, 0, 1), i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(src_count, i->c.src0.dims[0].num = 15)
CHANGE(seed_f32, i->c.src0.dtype = TRN_DTYPE_F32)
CHANGE(seed_two, i->c.src0.dims[0].num = 2)
CHANGE(seed_lanes, i->c.src0.partitions = 2)
CHANGE(seed_dst, i->c.dst = trn_test_sbuf(TRN_DTYPE_U32, 1, 0, 1))
CHANGE(state_s32, i->c.src0.dtype = TRN_DTYPE_S32)
CHANGE(state_24, i->c.src0.dims[0].num = 24)
CHANGE(state_6, i->c.src0.dims[0].num = 6)
CHANGE(state_psum, i->c.src0.space = TRN_SPACE_PSUM)
CHANGE(get_s32, i->c.dst.dtype = TRN_DTYPE_S32)
CHANGE(get_6, i->c.dst.dims[0].num = 6)

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_RNG, dst_float, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_RNG, dst_x4, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_RNG, source, TRN_RULE_RESERVED, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_RAND2, as_it_is, TRN_RULE_OPCODE, NONE), /* not on trn2 */
	BREAK3(TRN_SHAPE_RAND2, dst_int, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_RAND2, dst_x4, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_RAND2, column_gone, TRN_RULE_SPACE, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_RAND2, column_unasked, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_RAND2, column_imm, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_RAND2, column_bf16, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_RAND2, column_rows, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_DROPOUT, src_count, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_DROPOUT, column_unasked, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_DROPOUT, column_bf16, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_DROPOUT, dst_x4, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SEED, seed_f32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SEED, seed_two, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SEED, seed_lanes, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SEED, seed_dst, TRN_RULE_RESERVED, TRN_AP_DST),
	BREAK(TRN_SHAPE_RAND_SET, state_s32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_RAND_SET, state_24, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_RAND_SET, state_psum, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_RAND_SET_V, as_it_is, TRN_RULE_OPERATOR, NONE), /* a shift register */
	BREAK3(TRN_SHAPE_RAND_SET_V, state_6, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_RAND_SET_V, state_psum, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_RAND_GET_V, as_it_is, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_RAND_GET_V, get_s32, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_RAND_GET_V, get_6, TRN_RULE_SHAPE, TRN_AP_DST),
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

static Suite *exec_random_suite(void)
{
	Suite *suite = suite_create("exec-random");
	TCase *tcase = tcase_create("random");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, xorwow_itself);
	tcase_add_test(tcase, numbers_of_gpsimd);
	tcase_add_test(tcase, numbers_of_the_vector_engine);
	tcase_add_test(tcase, reset_seeds_anew);
	tcase_add_test(tcase, uniform_in_a_range);
	tcase_add_test(tcase, drops);
	tcase_add_test(tcase, states);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_random_suite)
