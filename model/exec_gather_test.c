/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers, counts and sorts of the gpsimd engine against the plainest loops. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

static uint32_t groups_of_16(struct trn_test_core *tc, struct trn_test_place *place)
{
	static const uint32_t sizes[] = { 16, 32, 48, 64, 112, 128 };

	*place = trn_test_any_place(tc);
	place->partitions = sizes[trn_test_below(tc, TRN_ARRAY_LEN(sizes))];
	place->start = place->partitions <= 32 ? 32 * trn_test_below(tc, 4) :
		       place->partitions <= 64 ? 64 * trn_test_below(tc, 2) :
						 0;
	return place->partitions / 16;
}

START_TEST(partitions_are_reduced_in_order)
{
	static const uint8_t ops[] = { TRN_ALU_ADD, TRN_ALU_MAX };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 40; round++) {
		struct trn_test_place place = trn_test_any_place(&tc), one = place;
		const bool average = round % 4 == 0;
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_PARTITION_REDUCE, 2);
		one.partitions = 1;
		one.start = 32 * trn_test_below(&tc, 4);
		inst->src0 = trn_test_operand(&tc, &place, TRN_SPACE_SBUF, trn_test_any_dtype(&tc),
					      TRN_TEST_SRC0);
		inst->dst = trn_test_operand(&tc, &one, TRN_SPACE_SBUF, trn_test_any_dtype(&tc),
					     TRN_TEST_DST);
		inst->func = average ? TRN_ALU_ADD : ops[round & 1];
		inst->head.flags = average ? TRN_PARTITION_AVERAGE : 0;
		trn_test_fill_view(&tc, &inst->src0);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n++) {
			float want = trn_test_get(&tc, &inst->src0, 0, n);

			for (uint32_t p = 1; p < place.partitions; p++) {
				const float x = trn_test_get(&tc, &inst->src0, p, n);

				want = inst->func == TRN_ALU_ADD ? want + x : fmaxf(want, x);
			}
			if (average)
				want /= (float)place.partitions;
			trn_test_expect(&tc, &inst->dst, 0, n, want);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(partitions_of_bits)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 20; round++) {
		struct trn_test_place place = trn_test_any_place(&tc), one = place;
		const bool any = round & 1;
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_PARTITION_REDUCE, 2);
		one.partitions = 1;
		one.start = 0;
		inst->src0 =
			trn_test_operand(&tc, &place, TRN_SPACE_SBUF, 1 + round % 6, TRN_TEST_SRC0);
		inst->dst = trn_test_operand(&tc, &one, TRN_SPACE_SBUF, 1 + trn_test_below(&tc, 6),
					     TRN_TEST_DST);
		inst->func = any ? TRN_ALU_OR : TRN_ALU_AND;
		trn_test_fill_view(&tc, &inst->src0);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n++) {
			uint32_t want = 0, have = 0;

			trn_test_raw_get(&tc, &inst->src0, 0, n, &want);
			for (uint32_t p = 1; p < place.partitions; p++) {
				uint32_t x = 0;

				trn_test_raw_get(&tc, &inst->src0, p, n, &x);
				want = any ? want | x : want & x;
			}
			trn_test_raw_get(&tc, &inst->dst, 0, n, &have);
			ck_assert_mem_eq(&want, &have, trn_dtype_size(inst->dst.dtype));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- topk ---- */

struct candidate {
	float value;
	uint32_t place;
};

/* The rule of docs/isa.md, told once more. */
static bool smaller(const struct candidate *a, const struct candidate *b)
{
	if (isnan(a->value) != isnan(b->value))
		return isnan(a->value);
	if (!isnan(a->value) && a->value != b->value)
		return a->value < b->value;
	return a->place > b->place;
}

static void check_group(struct trn_test_core *tc, const struct trn_isa_compute *inst, uint32_t g)
{
	static struct candidate all[2048];
	const uint32_t n = inst->imm[0], k = inst->imm[1];

	for (uint32_t j = 0; j < n; j++) {
		struct candidate next = { trn_test_get(tc, &inst->src0, 16 * g + j % 16, j / 16),
					  j };
		uint32_t at = j;

		for (; at > 0 && smaller(&next, &all[at - 1]); at--)
			all[at] = all[at - 1];
		all[at] = next;
	}
	for (uint32_t j = 0; j < k; j++) {
		const struct candidate *want = &all[n - k + j];
		uint32_t place = 0;

		trn_test_raw_get(tc, &inst->dst2, 16 * g + j % 16, j / 16, &place);
		ck_assert_uint_eq(place, want->place);
		trn_test_expect(tc, &inst->dst, 16 * g + j % 16, j / 16, want->value);
	}
}

/* Values of which many are equal, and some are special. */
static void fill_ties(struct trn_test_core *tc, const struct trn_isa_ap *ap)
{
	static const uint16_t odd[] = { 0x0000, 0x8000, 0x7f80, 0xff80, 0x7fc1,
					0xffc0, 0x0001, 0x8001, 0x3f80, 0xbf80 };
	uint16_t row[512];

	for (uint32_t p = 0; p < ap->partitions; p++) {
		for (uint32_t i = 0; i < TRN_ARRAY_LEN(row); i++)
			row[i] = trn_test_below(tc, 4) == 0 ?
					 odd[trn_test_below(tc, TRN_ARRAY_LEN(odd))] :
					 (uint16_t)(0x3f80 + trn_test_below(tc, 40));
		trn_test_poke(tc, TRN_SPACE_SBUF, ap->start + p, 1, ap->offset, row, sizeof(row));
	}
}

START_TEST(topk_sorts_groups)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 30; round++) {
		const uint32_t n = 8 + trn_test_below(&tc, 1200), k = 1 + trn_test_below(&tc, n);
		const uint32_t deep = (n + 15) / 16, out = (k + 15) / 16;
		struct trn_test_place place;
		const uint32_t groups = groups_of_16(&tc, &place);
		uint8_t marks[2 * 4 * 128];
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TOPK, 3);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, place.start,
					 place.partitions, TRN_TEST_SRC0, deep);
		inst->src0.dims[0].step = (int16_t)(1 + (round & 1));
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, round & 2 ? TRN_DTYPE_F32 : TRN_DTYPE_BF16,
					place.start, place.partitions, TRN_TEST_DST, out);
		inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, place.start,
					 place.partitions, TRN_TEST_SRC1, out);
		inst->imm[0] = n;
		inst->imm[1] = k;
		fill_ties(&tc, &inst->src0);
		memset(marks, 0xa5, sizeof(marks));
		for (uint32_t p = 0; p < place.partitions; p++) {
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_SRC1, marks,
				      out * 4);
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_DST, marks,
				      out * 4);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t g = 0; g < groups; g++)
			check_group(&tc, inst, g);
		/* What k does not fill stays. */
		if (k % 16 != 0) {
			uint32_t have = 0;

			trn_test_raw_get(&tc, &inst->dst2, k % 16, out - 1, &have);
			ck_assert_uint_eq(have, 0xa5a5a5a5u);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The most that fits: the last place is the largest. */
START_TEST(topk_of_65535)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	uint16_t one = 0x3f80;
	uint32_t place = 0;

	trn_test_core_open(&tc, "trn3");
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TOPK, 3);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, 0, 4096);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, 16384, 1);
	inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 16, 16388, 1);
	inst->imm[0] = 65535;
	inst->imm[1] = 2;
	trn_test_poke(&tc, TRN_SPACE_SBUF, 14, 1, 2 * 4095, &one, 2);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 1, 1, 16388, &place, 4);
	ck_assert_uint_eq(place, 65534);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 16388, &place, 4);
	ck_assert_uint_eq(place, 0); /* of zeros the first */
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(nonzero_places_and_count)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 30; round++) {
		const bool floats = round & 1;
		struct trn_test_place place = trn_test_any_place(&tc), longer = place;
		struct trn_isa_compute *inst;
		int32_t have = 0;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_NONZERO_COUNT, 2);
		longer.count++;
		inst->src0 = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
					      floats ? TRN_DTYPE_F32 : TRN_DTYPE_S32,
					      TRN_TEST_SRC0);
		inst->dst =
			trn_test_operand(&tc, &longer, TRN_SPACE_SBUF, TRN_DTYPE_S32, TRN_TEST_DST);
		inst->imm[0] = trn_test_below(&tc, 100);
		inst->imm[1] = (uint32_t)-1;
		for (uint32_t p = 0; p < place.partitions; p++) {
			static const uint32_t odd[] = { 0, 0x80000000u, 1, 0x7fc00000u, 5 };
			uint32_t row[TRN_TEST_COUNT_MAX * 4];

			for (uint32_t i = 0; i < TRN_ARRAY_LEN(row); i++)
				row[i] = odd[trn_test_below(&tc, TRN_ARRAY_LEN(odd))];
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_SRC0, row,
				      sizeof(row));
			memset(row, 0x77, sizeof(row));
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_DST, row,
				      sizeof(row));
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p++) {
			uint32_t found = 0;

			trn_test_raw_get(&tc, &inst->dst, p, 0, &have);
			if ((place.start + p) % 16 != 0) {
				ck_assert_int_eq(have, 0x77777777);
				continue;
			}
			for (uint32_t i = 0; i < place.count; i++) {
				uint32_t x = 0;

				trn_test_raw_get(&tc, &inst->src0, p, i, &x);
				if (x == 0 || (floats && x == 0x80000000u))
					continue;
				trn_test_raw_get(&tc, &inst->dst, p, found++, &have);
				ck_assert_uint_eq((uint32_t)have, i + inst->imm[0]);
			}
			for (uint32_t i = found; i < place.count; i++) {
				trn_test_raw_get(&tc, &inst->dst, p, i, &have);
				ck_assert_int_eq(have, -1);
			}
			trn_test_raw_get(&tc, &inst->dst, p, place.count, &have);
			ck_assert_uint_eq((uint32_t)have, found);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(local_gather_moves_runs)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 30; round++) {
		const uint32_t e = 1u << trn_test_below(&tc, 6);
		const uint32_t v = 1 + trn_test_below(&tc, 256 / e);
		const enum trn_dtype dtype = trn_test_any_dtype(&tc);
		const uint32_t size = (uint32_t)trn_dtype_size(dtype), runs = 300 / e;
		struct trn_test_place place;
		struct trn_isa_compute *inst;

		(void)groups_of_16(&tc, &place);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_LOCAL_GATHER, 2);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, dtype, place.start, place.partitions,
					 TRN_TEST_SRC0, 300);
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, place.start,
					 place.partitions, TRN_TEST_SRC1, (v + 15) / 16);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, dtype, place.start, place.partitions,
					TRN_TEST_DST, v * e);
		inst->dst.dims[0].step = (int16_t)(1 + (round & 1));
		inst->imm[0] = e;
		inst->imm[1] = v;
		trn_test_fill_view(&tc, &inst->src0);
		for (uint32_t p = 0; p < place.partitions; p++) {
			uint16_t row[16];

			for (uint32_t i = 0; i < 16; i++)
				row[i] = (uint16_t)trn_test_below(&tc, runs);
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_SRC1, row,
				      sizeof(row));
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < v * e * 2; n++) {
			const uint32_t p = trn_test_below(&tc, place.partitions);
			const uint32_t at = n % (v * e), j = at / e;
			uint8_t want[4], have[4];
			uint16_t index = 0;

			trn_test_raw_get(&tc, &inst->src1, p / 16 * 16 + j % 16, j / 16, &index);
			trn_test_raw_get(&tc, &inst->src0, p, index * e + at % e, want);
			trn_test_raw_get(&tc, &inst->dst, p, at, have);
			ck_assert_mem_eq(want, have, size);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(n_gather_by_element)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 30; round++) {
		const enum trn_dtype dtype = trn_test_any_dtype(&tc);
		struct trn_test_place place = trn_test_any_place(&tc), from = place;
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		from.count = 1 + trn_test_below(&tc, TRN_TEST_COUNT_MAX);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_N_GATHER, 2);
		inst->src0 = trn_test_operand(&tc, &from, TRN_SPACE_SBUF, dtype, TRN_TEST_SRC0);
		inst->dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF, dtype, TRN_TEST_DST);
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, place.start,
					 place.partitions, TRN_TEST_SRC1, place.count);
		trn_test_fill_view(&tc, &inst->src0);
		for (uint32_t p = 0; p < place.partitions; p++) {
			uint32_t row[TRN_TEST_COUNT_MAX];

			for (uint32_t i = 0; i < TRN_TEST_COUNT_MAX; i++)
				row[i] = trn_test_below(&tc, from.count);
			trn_test_poke(&tc, TRN_SPACE_SBUF, place.start + p, 1, TRN_TEST_SRC1, row,
				      sizeof(row));
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n++) {
			const uint32_t p = trn_test_below(&tc, place.partitions);
			uint8_t want[4], have[4];
			uint32_t index = 0;

			trn_test_raw_get(&tc, &inst->src1, p, n, &index);
			trn_test_raw_get(&tc, &inst->src0, p, index, want);
			trn_test_raw_get(&tc, &inst->dst, p, n, have);
			ck_assert_mem_eq(want, have, trn_dtype_size(dtype));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(bounds_of_sequences)
{
	static const float ids[] = { 0, 0, 3, 3, 3, 1, 0, 2, 2, NAN, NAN, 3 };
	static const float begin[] = { 12, 12, 2, 2, 2, 5, 12, 7, 7, 9, 10, 11 };
	static const float end[] = { -1, -1, 5, 5, 5, 6, -1, 9, 9, 10, 11, 12 };
	const uint32_t n = TRN_ARRAY_LEN(ids);
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < 2; k++) {
		const enum trn_dtype dtype = k == 0 ? TRN_DTYPE_F32 : TRN_DTYPE_S32;
		/* No NaN among integers: two ids instead. */
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_SEQUENCE_BOUNDS, 2);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, dtype, 32, 1, TRN_TEST_SRC0, n);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, dtype, 64, 1, TRN_TEST_DST, 2 * n);
		inst->dst.ndims = 2;
		inst->dst.dims[0] = (struct trn_isa_dim){ 40, 2 };
		inst->dst.dims[1] = (struct trn_isa_dim){ 1, (uint16_t)n };
		for (uint32_t i = 0; i < n; i++) {
			const int32_t whole = i == 9 ? 8 : i == 10 ? -7 : (int32_t)ids[i];

			trn_test_poke(&tc, TRN_SPACE_SBUF, 32, 1, TRN_TEST_SRC0 + 4 * i,
				      k == 0 ? (const void *)&ids[i] : (const void *)&whole, 4);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t i = 0; i < n; i++) {
			trn_test_expect(&tc, &inst->dst, 0, i, begin[i]);
			trn_test_expect(&tc, &inst->dst, 0, n + i, end[i]);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Time of an isolated instruction in cycles of the gpsimd engine, start and floor included. */
static uint64_t cycles_of(struct trn_test_core *tc)
{
	uint64_t busy = tc->host.chip->counters.busy_ps[TRN_ENGINE_GPSIMD];

	ck_assert_uint_eq(trn_test_launch(tc), 0);
	busy = tc->host.chip->counters.busy_ps[TRN_ENGINE_GPSIMD] - busy;
	/* Picoseconds were rounded down. */
	return (busy * trn_gen_clock_mhz(tc->host.chip->gen, TRN_ENGINE_GPSIMD) + 999999) / 1000000;
}

START_TEST(costs)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	uint64_t start;

	trn_test_core_open(&tc, "trn3");
	start = tc.host.chip->gen->gpsimd_start_cycles;
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_PARTITION_REDUCE, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 100, 0, 96);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, TRN_TEST_DST, 96);
	inst->func = TRN_ALU_ADD;
	ck_assert_uint_eq(cycles_of(&tc), start + 96 * 100 / 16);
	trn_test_clear(&tc);
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TOPK, 3);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, 0, 10);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, TRN_TEST_DST, 1);
	inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 16, TRN_TEST_SRC1, 1);
	inst->imm[0] = 160;
	inst->imm[1] = 8;
	ck_assert_uint_eq(cycles_of(&tc), start + 4 * 160 + 8);
	trn_test_clear(&tc);
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_LOCAL_GATHER, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, 0, 8);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 16, 32768, 8);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 16, TRN_TEST_DST, 1024);
	inst->imm[0] = 8;
	inst->imm[1] = 128;
	/* C = (60 / 32) / 2: 1024 / 0.9375. */
	ck_assert_uint_eq(cycles_of(&tc), start + 1093);
	trn_test_clear(&tc);
	inst = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_N_GATHER, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, 0, 8);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 16, 32768, 1025);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, TRN_TEST_DST, 1025);
	ck_assert_uint_eq(cycles_of(&tc), start + 1025 + 2 * 150);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *gather_suite(void)
{
	Suite *suite = suite_create("exec_gather");
	TCase *tcase = tcase_create("gather");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, partitions_are_reduced_in_order);
	tcase_add_test(tcase, partitions_of_bits);
	tcase_add_test(tcase, topk_sorts_groups);
	tcase_add_test(tcase, topk_of_65535);
	tcase_add_test(tcase, nonzero_places_and_count);
	tcase_add_test(tcase, local_gather_moves_runs);
	tcase_add_test(tcase, n_gather_by_element);
	tcase_add_test(tcase, bounds_of_sequences);
	tcase_add_test(tcase, costs);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(gather_suite)
