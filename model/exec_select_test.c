/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions about positions: iota, affine and range select, the eight largest. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

static uint32_t bits_of(float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

/* A random pattern of up to rank loops, steps of either sign. */
static struct trn_isa_ap pattern(struct trn_test_core *tc, enum trn_dtype dtype, uint32_t rank,
				 uint32_t offset)
{
	struct trn_isa_ap ap =
		trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 1 + trn_test_below(tc, 128), offset, 1);

	ap.ndims = (uint8_t)rank;
	ap.dims[rank - 1] = (struct trn_isa_dim){ 1, (uint16_t)(1 + trn_test_below(tc, 7)) };
	for (uint32_t d = rank - 1; d-- > 0;) {
		ap.dims[d].num = (uint16_t)(1 + trn_test_below(tc, 4));
		ap.dims[d].step = (int16_t)(ap.dims[d + 1].step * ap.dims[d + 1].num);
	}
	return ap;
}

static int32_t affine(const struct trn_isa_ap *ap, int32_t start, int32_t per_partition,
		      const int32_t *step, uint32_t p, uint32_t n)
{
	uint32_t value = (uint32_t)start + p * (uint32_t)per_partition;

	for (uint32_t d = ap->ndims; d-- > 0;) {
		value += n % ap->dims[d].num * (uint32_t)step[d];
		n /= ap->dims[d].num;
	}
	return (int32_t)value;
}

START_TEST(iota_in_every_dtype)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 40; round++) {
		const enum trn_dtype dtype = 1 + round % (TRN_DTYPE_F8E3M4);
		const uint32_t rank = 1 + round % 4;
		const struct trn_isa_ap dst = pattern(&tc, dtype, rank, TRN_TEST_DST);
		const int32_t start = (int32_t)trn_test_below(&tc, 60) - 20;
		const int32_t per = (int32_t)trn_test_below(&tc, 5) - 2;
		int32_t step[4] = { 0 };
		struct trn_isa_compute *inst;

		for (uint32_t d = 0; d < rank; d++)
			step[d] = (int32_t)trn_test_below(&tc, 7) - 3;
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_IOTA, 2);
		inst->dst = dst;
		inst->imm[0] = (uint32_t)start;
		inst->imm[1] = (uint32_t)per;
		inst->imm[2] = (uint32_t)step[0];
		inst->imm[3] = (uint32_t)step[1];
		inst->imm4 = (uint32_t)step[2];
		inst->imm5 = (uint32_t)step[3];
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < trn_test_view_count(&dst); n++) {
			const uint32_t p = trn_test_below(&tc, dst.partitions);
			const int32_t want = affine(&dst, start, per, step, p, n);
			uint32_t have = 0;

			if (dtype != TRN_DTYPE_S32 && dtype != TRN_DTYPE_U32) {
				trn_test_expect(&tc, &dst, p, n, (float)want);
				continue;
			}
			trn_test_raw_get(&tc, &dst, p, n, &have);
			ck_assert_uint_eq(have, (uint32_t)want);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(iota_wraps_in_32_bits)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	uint32_t have[3];

	trn_test_core_open(&tc, "trn2");
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_IOTA, 2);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, 1, TRN_TEST_DST, 3);
	inst->imm[0] = 0x7fffffffu;
	inst->imm[2] = 0x40000000u;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, have, sizeof(have));
	ck_assert_uint_eq(have[1], 0xbfffffffu);
	ck_assert_uint_eq(have[2], 0xffffffffu);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(affine_select_makes_masks)
{
	static const uint8_t ops[] = { TRN_ALU_EQ, TRN_ALU_NE, TRN_ALU_GE,
				       TRN_ALU_GT, TRN_ALU_LE, TRN_ALU_LT };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 36; round++) {
		const uint32_t rank = 1 + round % 3;
		const uint8_t op = ops[round % 6];
		const struct trn_isa_ap dst =
			pattern(&tc, trn_test_any_float(&tc), rank, TRN_TEST_DST);
		struct trn_isa_ap src = dst;
		const int32_t start = (int32_t)trn_test_below(&tc, 9) - 4;
		int32_t step[4] = { 0 };
		struct trn_isa_compute *inst;

		src.offset = TRN_TEST_SRC0;
		for (uint32_t d = 0; d < rank; d++)
			step[d] = (int32_t)trn_test_below(&tc, 5) - 2;
		trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_AFFINE_SELECT, 2);
		inst->dst = dst;
		inst->src0 = src;
		inst->op0 = op;
		inst->imm[0] = (uint32_t)start;
		inst->imm[1] = (uint32_t)-1;
		inst->imm[2] = bits_of(-7.0f);
		inst->imm[3] = (uint32_t)step[0];
		inst->imm4 = (uint32_t)step[1];
		inst->imm5 = (uint32_t)step[2];
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < trn_test_view_count(&dst); n++) {
			const uint32_t p = trn_test_below(&tc, dst.partitions);
			const int32_t at = affine(&dst, start, -1, step, p, n);
			const bool keep = op == TRN_ALU_EQ ? at == 0 :
					  op == TRN_ALU_NE ? at != 0 :
					  op == TRN_ALU_GE ? at >= 0 :
					  op == TRN_ALU_GT ? at > 0 :
					  op == TRN_ALU_LE ? at <= 0 :
							     at < 0;

			trn_test_expect(&tc, &dst, p, n,
					keep ? trn_test_get(&tc, &src, p, n) : -7.0f);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A causal window with the row maximum: what attention does. */
START_TEST(range_select_masks_and_reduces)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	const struct trn_isa_ap src = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 64, 0, 80);
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 64, TRN_TEST_DST, 80);
	const struct trn_isa_ap last =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 64, TRN_TEST_SRC1, 1);
	const struct trn_isa_ap top =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 64, TRN_TEST_SRC1 + 8, 1);

	trn_test_core_open(&tc, "trn2");
	trn_test_fill_view(&tc, &src);
	for (uint32_t p = 0; p < 64; p++)
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC1,
			      &(float){ p == 63 ? -1.0f : (float)(p + 110) }, 4);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_RANGE_SELECT, 3);
	inst->src0 = src;
	inst->src2 = last;
	inst->dst = dst;
	inst->dst2 = top;
	inst->op0 = TRN_ALU_GE;
	inst->op1 = TRN_ALU_LE;
	inst->imm[0] = bits_of(105.0f);
	inst->imm[2] = 100; /* the first position */
	inst->mode = TRN_REDUCE_RESET_REDUCE;
	inst->head.flags = TRN_SCALAR_COLUMN1;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 64; p++) {
		float most = -FLT_MAX;

		for (uint32_t n = 0; n < 80; n++) {
			const uint32_t at = 100 + n;
			const bool keep = at >= 105 && p != 63 && at <= p + 110;
			const float x = keep ? trn_test_get(&tc, &src, p, n) : -FLT_MAX;

			most = x > most ? x : most;
			trn_test_expect(&tc, &dst, p, n, x);
		}
		/* A row that is masked out whole: the lowest FP32, so that exp gives no NaN. */
		trn_test_expect(&tc, &top, p, 0, most);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(eight_largest_and_their_places)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 20; round++) {
		const uint32_t count = 8 + trn_test_below(&tc, 80);
		const enum trn_dtype out = round & 1 ? TRN_DTYPE_U16 : TRN_DTYPE_U32;
		const struct trn_isa_ap src =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 5, 0, count);
		const struct trn_isa_ap val =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 5, TRN_TEST_DST, 8);
		const struct trn_isa_ap place =
			trn_test_ap(TRN_SPACE_SBUF, out, 0, 5, TRN_TEST_DST + 64, 8);
		struct trn_isa_compute *inst;

		/* Few different values, so that there are ties. */
		for (uint32_t p = 0; p < 5; p++) {
			for (uint32_t n = 0; n < count; n++)
				trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 4 * n,
					      &(float){ (float)trn_test_below(&tc, 12) - 6 }, 4);
		}
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MAX8, 2);
		inst->src0 = src;
		inst->dst = val;
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_FIND_INDEX8, 2);
		inst->src0 = src;
		inst->src1 = val;
		inst->dst = place;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < 5; p++) {
			bool used[128] = { false };

			for (uint32_t k = 0; k < 8; k++) {
				uint32_t best = UINT32_MAX, have = 0;

				for (uint32_t n = 0; n < count; n++) {
					if (!used[n] && (best == UINT32_MAX ||
							 trn_test_get(&tc, &src, p, n) >
								 trn_test_get(&tc, &src, p, best)))
						best = n;
				}
				used[best] = true;
				trn_test_expect(&tc, &val, p, k, trn_test_get(&tc, &src, p, best));
				trn_test_raw_get(&tc, &place, p, k, &have);
				ck_assert_uint_eq(have, best);
			}
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(value_that_is_not_there)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	const float row[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const float ask[8] = { 3, 9, 3, 1, 1, 8, 9, 2 };
	const uint16_t want[8] = { 2, 0xffff, 0xffff, 0, 0xffff, 7, 0xffff, 1 };
	uint16_t have[8];

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, row, sizeof(row));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC1, ask, sizeof(ask));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_FIND_INDEX8, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, 0, 8);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC1, 8);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 1, TRN_TEST_DST, 8);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, have, sizeof(have));
	ck_assert_mem_eq(have, want, sizeof(want));
	trn_test_core_close(&tc);
}
END_TEST

/* Places of eight values in a row, taken from the last value to the first. */
static void match8(const float *x, uint32_t count, const float *value, uint32_t *ret_at)
{
	bool used[TRN_TEST_COUNT_MAX] = { false };

	for (uint32_t v = 8; v-- > 0;) {
		ret_at[v] = UINT32_MAX;
		for (uint32_t i = 0; i < count && ret_at[v] == UINT32_MAX; i++) {
			if (x[i] == value[v] && !used[i])
				ret_at[v] = i;
		}
		if (ret_at[v] != UINT32_MAX)
			used[ret_at[v]] = true;
	}
}

START_TEST(match_replace_takes_each_value_once)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 60; round++) {
		struct trn_test_place place = trn_test_any_place(&tc), eight;
		const bool where = round % 3 != 0;
		const float other = round % 4 ? -8.0f : 1.0f; /* 1 may be looked for, too */
		struct trn_isa_ap src, value, dst, found;
		struct trn_isa_compute *inst;

		if (place.count < 8)
			place.count = 8;
		eight = place;
		eight.count = 8;
		src = trn_test_operand(&tc, &place, TRN_SPACE_SBUF, trn_test_any_float(&tc),
				       TRN_TEST_SRC0);
		value = trn_test_edges(&tc, &eight, TRN_DTYPE_F32, TRN_TEST_SRC1);
		dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF, trn_test_any_float(&tc),
				       TRN_TEST_DST);
		found = trn_test_operand(&tc, &eight, TRN_SPACE_SBUF,
					 round & 1 ? TRN_DTYPE_U16 : TRN_DTYPE_U32,
					 TRN_TEST_SRC1 + 8192);
		/* Few values, so that many are equal; zeros of both signs are. */
		for (uint32_t p = 0; p < place.partitions; p++) {
			for (uint32_t n = 0; n < place.count; n++)
				trn_test_set(&tc, &src, p, n,
					     trn_test_below(&tc, 9) ?
						     (float)trn_test_below(&tc, 12) - 2.0f :
						     -0.0f);
			for (uint32_t n = 0; n < 6; n++)
				trn_test_set(&tc, &value, p, n, (float)trn_test_below(&tc, 6));
		}
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MATCH_REPLACE8, 3);
		inst->src0 = src;
		inst->src1 = value;
		inst->dst = dst;
		if (where)
			inst->dst2 = found;
		inst->imm[0] = bits_of(other);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 5) {
			float x[TRN_TEST_COUNT_MAX], v[8];
			uint32_t at[8];

			for (uint32_t n = 0; n < place.count; n++)
				x[n] = trn_test_get(&tc, &src, p, n);
			for (uint32_t n = 0; n < 8; n++)
				v[n] = trn_test_get(&tc, &value, p, n);
			match8(x, place.count, v, at);
			for (uint32_t n = 0; n < 8; n++) {
				const uint32_t none = found.dtype == TRN_DTYPE_U16 ? UINT16_MAX :
										     UINT32_MAX;
				uint32_t have = 0;

				if (at[n] != UINT32_MAX)
					x[at[n]] = other;
				trn_test_raw_get(&tc, &found, p, n, &have);
				if (where)
					ck_assert_uint_eq(have, at[n] == UINT32_MAX ? none : at[n]);
			}
			for (uint32_t n = 0; n < place.count; n++)
				trn_test_expect(&tc, &dst, p, n, x[n]);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Top sixteen as kernels make it: the eight largest, then again without them. */
START_TEST(sixteen_largest_by_replacement)
{
	const struct trn_isa_ap src = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 4, 0, 16384);
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	static float row[16384];
	float have[8];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 16384; i++)
		row[i] = (float)((i * 7919u) % 16384u / 2); /* every value twice */
	for (uint32_t p = 0; p < 4; p++)
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 0, row, sizeof(row));
	for (uint32_t k = 0; k < 2; k++) {
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MAX8, 2);
		inst->src0 = src;
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 4, 131072 + 32 * k, 8);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MATCH_REPLACE8, 2);
		inst->src0 = inst->dst = src;
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 4, 131072 + 32 * k, 8);
		inst->imm[0] = bits_of(-FLT_MAX);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 3, 1, 131072 + 32, have, sizeof(have));
	for (uint32_t i = 0; i < 8; i++)
		ck_assert_float_eq(have[i], (float)(8191 - 4 - i / 2));
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_select_suite(void)
{
	Suite *suite = suite_create("exec-select");
	TCase *tcase = tcase_create("positions");

	tcase_add_test(tcase, iota_in_every_dtype);
	tcase_add_test(tcase, iota_wraps_in_32_bits);
	tcase_add_test(tcase, affine_select_makes_masks);
	tcase_add_test(tcase, range_select_masks_and_reduces);
	tcase_add_test(tcase, eight_largest_and_their_places);
	tcase_add_test(tcase, value_that_is_not_there);
	tcase_add_test(tcase, match_replace_takes_each_value_once);
	tcase_add_test(tcase, sixteen_largest_by_replacement);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_select_suite)
