/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of batch normalisation, against sums in the order that the page gives. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

#define ROUNDS 48

/* n, mean and M2 of every second of count elements, rounded at the end. */
static void stats(const float *x, uint32_t count, uint32_t parity, float *ret)
{
	const uint32_t n = (count + 1 - parity) / 2;
	double sum = 0, m2 = 0, mean;

	ret[0] = (float)n;
	ret[1] = ret[2] = 0.0f;
	if (n == 0)
		return;
	for (uint32_t i = parity; i < count; i += 2)
		sum += (double)x[i];
	mean = sum / n;
	for (uint32_t i = parity; i < count; i += 2)
		m2 += ((double)x[i] - mean) * ((double)x[i] - mean);
	ret[1] = (float)mean;
	ret[2] = (float)m2;
}

START_TEST(bn_stats_of_rows)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct trn_test_place place = trn_test_any_place(&tc), six;
		struct trn_isa_ap src, dst;
		struct trn_isa_compute *inst;
		float row[TRN_TEST_COUNT_MAX], want[6];

		if (round < 3)
			place.count = 1 + round;
		six = place;
		six.count = 6;
		src = round & 1 ? trn_test_edges(&tc, &place,
						 trn_test_any_dtype(&tc) % TRN_DTYPE_F8E4M3 + 1,
						 TRN_TEST_SRC0) :
				  trn_test_operand(&tc, &place, TRN_SPACE_SBUF, TRN_DTYPE_F32,
						   TRN_TEST_SRC0);
		dst = trn_test_operand(&tc, &six, TRN_SPACE_SBUF, trn_test_any_float(&tc),
				       TRN_TEST_DST);
		if (!(round & 1))
			trn_test_fill_view(&tc, &src);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_BN_STATS, 2);
		inst->src0 = src;
		inst->dst = dst;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p++) {
			for (uint32_t i = 0; i < place.count; i++)
				row[i] = trn_test_get(&tc, &src, p, i);
			stats(row, place.count, 0, want);
			stats(row, place.count, 1, want + 3);
			for (uint32_t k = 0; k < 6; k++)
				trn_test_expect(&tc, &dst, p, k, want[k]);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A mean that is rounded before it is used would show: large numbers close to each other. */
START_TEST(mean_is_not_rounded_between)
{
	const float row[6] = { 16777215.0f, 0, 16777214.0f, 0, 16777214.0f, 0 };
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_DST, 6);
	struct trn_isa_compute *inst;
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_BN_STATS, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_SRC0, 6);
	inst->dst = dst;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_expect(&tc, &dst, 0, 0, 3.0f);
	ck_assert_float_eq_tol(trn_test_get(&tc, &dst, 0, 2), 2.0f / 3.0f, 1e-6f);
	trn_test_expect(&tc, &dst, 0, 5, 0.0f);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(bn_aggr_of_parts)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct trn_test_place place = trn_test_any_place(&tc), two;
		struct trn_isa_ap src, dst;
		struct trn_isa_compute *inst;

		place.count = 3 * (1 + round % 20);
		two = place;
		two.count = 2;
		src = trn_test_edges(&tc, &place, TRN_DTYPE_F32, TRN_TEST_SRC0);
		dst = trn_test_operand(&tc, &two, TRN_SPACE_SBUF, trn_test_any_float(&tc),
				       TRN_TEST_DST);
		/* Counts are counts in most rounds, and 0 altogether in some. */
		for (uint32_t p = 0; p < place.partitions && round % 4; p++) {
			for (uint32_t i = 0; i < place.count; i += 3)
				trn_test_set(&tc, &src, p, i, (float)((round % 4 - 1) * (p + i)));
		}
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_BN_AGGR, 2);
		inst->src0 = src;
		inst->dst = dst;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 3) {
			double n = 0, sum = 0, m2 = 0, between = 0;

			for (uint32_t i = 0; i < place.count; i += 3) {
				const double k = (double)trn_test_get(&tc, &src, p, i);

				n += k;
				sum += k * (double)trn_test_get(&tc, &src, p, i + 1);
				m2 += (double)trn_test_get(&tc, &src, p, i + 2);
			}
			for (uint32_t i = 0; i < place.count && n != 0; i += 3) {
				const double d =
					(double)trn_test_get(&tc, &src, p, i + 1) - sum / n;

				between += (double)trn_test_get(&tc, &src, p, i) * (d * d);
			}
			trn_test_expect(&tc, &dst, p, 0, n == 0 ? 0.0f : (float)(sum / n));
			trn_test_expect(&tc, &dst, p, 1,
					n == 0 ? 0.0f : (float)((m2 + between) / n));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The statistics of two halves, joined, are those of the whole row. */
START_TEST(stats_then_aggr)
{
	const struct trn_isa_ap parts = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 128, 0, 12);
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, TRN_TEST_DST, 2);
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	float row[900];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t p = 0; p < 128; p++) {
		trn_test_fill(&tc, TRN_DTYPE_F32, row, 900);
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC0, row, sizeof(row));
	}
	for (uint32_t k = 0; k < 2; k++) {
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_BN_STATS, 2);
		inst->src0 =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, 2048 * k, k ? 388 : 512);
		inst->dst = parts;
		inst->dst.dims[0].num = 6;
		inst->dst.offset += 24 * k;
	}
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_BN_AGGR, 2);
	inst->src0 = parts;
	inst->dst = dst;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 128; p += 127) {
		double sum = 0, m2 = 0;

		trn_test_peek(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC0, row, sizeof(row));
		for (uint32_t i = 0; i < 900; i++)
			sum += (double)row[i] / 900;
		for (uint32_t i = 0; i < 900; i++)
			m2 += ((double)row[i] - sum) * ((double)row[i] - sum) / 900;
		ck_assert_double_eq_tol((double)trn_test_get(&tc, &dst, p, 0), sum, 1e-6);
		ck_assert_double_eq_tol((double)trn_test_get(&tc, &dst, p, 1), m2, 1e-5);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_stats_suite(void)
{
	Suite *suite = suite_create("exec-stats");
	TCase *tcase = tcase_create("rows");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, bn_stats_of_rows);
	tcase_add_test(tcase, mean_is_not_rounded_between);
	tcase_add_test(tcase, bn_aggr_of_parts);
	tcase_add_test(tcase, stats_then_aggr);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_stats_suite)
