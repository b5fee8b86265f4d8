/* SPDX-License-Identifier: Apache-2.0 */
/* Copies that leave a part of their destination: by a predicate, by a mask of partitions. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

#define ROUNDS 72
#define SRC2 (TRN_TEST_SRC1 + 8192)

static enum trn_dtype any_predicate(struct trn_test_core *tc)
{
	return (enum trn_dtype)(TRN_DTYPE_U8 + trn_test_below(tc, 6));
}

/* A pattern whose places are those of another one. */
static struct trn_isa_ap moved(struct trn_isa_ap ap, uint32_t offset)
{
	ap.offset = offset;
	return ap;
}

/* The old destination is kept beside it, to compare with. */
static struct trn_isa_ap twin(struct trn_test_core *tc, const struct trn_isa_ap *ap)
{
	const struct trn_isa_ap old = moved(*ap, ap->offset + 16384);

	for (uint32_t p = 0; p < ap->partitions; p++) {
		for (uint32_t n = 0; n < trn_test_view_count(ap); n++) {
			uint8_t raw[4];

			trn_test_raw_get(tc, ap, p, n, raw);
			trn_test_raw_set(tc, &old, p, n, raw);
		}
	}
	return old;
}

START_TEST(copy_predicated_of_every_dtype)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const enum trn_dtype dtype = (enum trn_dtype)(1 + round % TRN_DTYPE_F8E3M4);
		const bool reverse = round & 1, psum = round & 2;
		const struct trn_isa_ap x = trn_test_edges(&tc, &place, dtype, TRN_TEST_SRC0);
		const struct trn_isa_ap pred =
			trn_test_edges(&tc, &place, any_predicate(&tc), TRN_TEST_SRC1);
		const struct trn_isa_ap dst = trn_test_edges(&tc, &place, dtype, TRN_TEST_DST);
		const struct trn_isa_ap old = twin(&tc, &dst);
		struct trn_isa_ap from = x;
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		if (psum)
			from = trn_test_psum(&tc, &x, 8192);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 2);
		inst->src0 = from;
		inst->dst = dst;
		inst->src1 = pred;
		inst->head.flags = reverse ? TRN_SELECT_REVERSE : 0;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 6) {
			for (uint32_t n = 0; n < place.count; n++) {
				const bool is = trn_test_get(&tc, &pred, p, n) != 0.0f;

				trn_test_same_bits(&tc, &dst, is != reverse ? &x : &old, p, n);
			}
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The constant as MEMSET writes it: by value into floats, low bytes into integers. */
START_TEST(copy_predicated_of_a_constant)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (enum trn_dtype dtype = 1; dtype <= TRN_DTYPE_F8E3M4; dtype++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const bool is_float = dtype >= TRN_DTYPE_F32;
		const uint32_t imm = is_float ? trn_test_bits(2.75f) : 0x87654321u;
		struct trn_isa_ap pred, dst, old;
		struct trn_isa_compute *inst;
		uint32_t want = imm, have;

		if (dtype == TRN_DTYPE_F8E4M3FN)
			continue; /* trn3 */
		pred = trn_test_edges(&tc, &place, any_predicate(&tc), TRN_TEST_SRC1);
		dst = trn_test_edges(&tc, &place, dtype, TRN_TEST_DST);
		old = twin(&tc, &dst);
		if (is_float)
			trn_store_f32(&want, dtype, 2.75f);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 2);
		inst->dst = dst;
		inst->src1 = pred;
		inst->imm[0] = imm;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < place.count; n++) {
			const uint32_t p = trn_test_below(&tc, place.partitions);

			if (trn_test_get(&tc, &pred, p, n) == 0.0f) {
				trn_test_same_bits(&tc, &dst, &old, p, n);
				continue;
			}
			have = 0;
			trn_test_raw_get(&tc, &dst, p, n, &have);
			ck_assert(memcmp(&have, &want, trn_dtype_size(dtype)) == 0);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* More than one block of rows, every bit pattern of a predicate that could be lost. */
START_TEST(predicates_by_their_bits)
{
	const struct trn_isa_ap pred =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 128, TRN_TEST_SRC1, 300);
	const struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 128, TRN_TEST_DST, 300);
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	uint32_t row[300];
	uint16_t have[300];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 300; i++)
		row[i] = i % 3 == 0 ? 0 : 1u << i % 32;
	for (uint32_t p = 0; p < 128; p++)
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC1, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 2);
	inst->dst = dst;
	inst->src1 = pred;
	inst->imm[0] = 7;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 128; p += 127) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_DST, have, sizeof(have));
		for (uint32_t i = 0; i < 300; i++)
			ck_assert_uint_eq(have[i], i % 3 == 0 ? 0 : 7);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* PSUM that nobody has written cannot be kept; written, it can. */
START_TEST(kept_psum_must_be_written)
{
	const struct trn_isa_ap pred =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 32, TRN_TEST_SRC1, 16);
	const struct trn_isa_ap x =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, TRN_TEST_SRC0, 16);
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < 6; k++) {
		const bool written = k & 1, shuffle = k >= 2, keep = k >= 4;
		struct trn_isa_compute *inst;
		struct trn_isa_ap dst = x;

		trn_test_clear(&tc);
		if (written)
			(void)trn_test_psum(&tc, &x, 4096);
		dst.space = TRN_SPACE_PSUM;
		dst.offset = 4096;
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR,
				     shuffle ? TRN_OP_STREAM_SHUFFLE : TRN_OP_COPY_PREDICATED, 2);
		inst->dst = dst;
		inst->src0 = x;
		if (!shuffle)
			inst->src1 = pred;
		if (keep)
			inst->imm[0] = 63;
		if (written || (shuffle && !keep)) {
			ck_assert_uint_eq(trn_test_launch(&tc), 0);
			continue;
		}
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_DST);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* What an instruction keeps it reads: it waits for the one that wrote it. */
START_TEST(kept_destination_is_waited_for)
{
	struct trn_test_core tc;
	uint64_t time_ps[2];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < 2; k++) {
		const uint64_t from = trn_model_now(tc.host.model);
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 1);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32,
					k ? TRN_TEST_DST : TRN_TEST_DST + 8192, 16);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 2);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, TRN_TEST_DST, 16);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, TRN_TEST_SRC0, 16);
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 32, TRN_TEST_SRC1, 16);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		time_ps[k] = trn_model_now(tc.host.model) - from;
	}
	ck_assert_uint_gt(time_ps[1], time_ps[0]);
	trn_test_core_close(&tc);
}
END_TEST

static void put_mask(struct trn_isa_compute *inst, const uint8_t mask[32])
{
	uint32_t words[6] = { 0 };

	for (uint32_t i = 0; i < 32; i++) {
		for (uint32_t b = 0; b < 6; b++)
			words[(6 * i + b) / 32] |= (uint32_t)(mask[i] >> b & 1) << (6 * i + b) % 32;
	}
	memcpy(inst->imm, words, sizeof(inst->imm));
	inst->imm4 = words[4];
	inst->imm5 = words[5];
}

START_TEST(stream_shuffle_in_quadrants)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = { 0, 32 * (1 + round % 4),
						      1 + trn_test_below(&tc, TRN_TEST_COUNT_MAX) };
		const enum trn_dtype dtype = (enum trn_dtype)(1 + round % TRN_DTYPE_F8E3M4);
		const bool in_place = round % 3 == 0;
		const struct trn_isa_ap x = trn_test_edges(&tc, &place, dtype, TRN_TEST_SRC0);
		struct trn_isa_ap dst = x, old, source;
		struct trn_isa_compute *inst;
		uint8_t mask[32];

		if (!in_place)
			dst = trn_test_edges(&tc, &place, dtype, TRN_TEST_DST);
		old = twin(&tc, &dst);
		source = in_place ? old : x;
		for (uint32_t i = 0; i < 32; i++)
			mask[i] = (uint8_t)(trn_test_below(&tc, 5) ? trn_test_below(&tc, 32) : 63);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_STREAM_SHUFFLE, 2);
		inst->src0 = x;
		inst->dst = dst;
		put_mask(inst, mask);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p++) {
			const uint32_t n = trn_test_below(&tc, place.count);
			const uint32_t from = p / 32 * 32 + mask[p % 32];
			uint32_t have = 0, want = 0;

			trn_test_raw_get(&tc, &dst, p, n, &have);
			if (mask[p % 32] == 63)
				trn_test_raw_get(&tc, &old, p, n, &want);
			else
				trn_test_raw_get(&tc, &source, from, n, &want);
			ck_assert_uint_eq(have, want);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Rows of more elements than are moved at once. */
START_TEST(stream_shuffle_of_long_rows)
{
	const struct trn_isa_ap x =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 32, 32, TRN_TEST_SRC0, 5000);
	struct trn_isa_ap dst = x;
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	static uint32_t row[5000];
	uint8_t mask[32];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t p = 0; p < 32; p++) {
		mask[p] = (uint8_t)(31 - p);
		for (uint32_t i = 0; i < 5000; i++)
			row[i] = p * 10000 + i;
		trn_test_poke(&tc, TRN_SPACE_SBUF, 32 + p, 1, TRN_TEST_SRC0, row, sizeof(row));
	}
	dst.start = 96; /* to another quadrant */
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_STREAM_SHUFFLE, 2);
	inst->src0 = x;
	inst->dst = dst;
	put_mask(inst, mask);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 32; p++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, 96 + p, 1, TRN_TEST_SRC0, row, sizeof(row));
		for (uint32_t i = 0; i < 5000; i++)
			ck_assert_uint_eq(row[i], (31 - p) * 10000 + i);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The packed formats of trn3 are moved, too. */
START_TEST(mx_formats_move)
{
	const uint32_t words[4] = { 0x7fc12345u, 0, 0xffffffffu, 0x80000001u };
	const uint8_t ones[4] = { 1, 0, 1, 1 };
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	uint32_t have[4];

	trn_test_core_open(&tc, "trn3");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC0, words, sizeof(words));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_SRC1, ones, sizeof(ones));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3FN_X4, 0, 1, TRN_TEST_SRC0, 4);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 1, TRN_TEST_SRC1, 4);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3FN_X4, 0, 1, TRN_TEST_DST, 4);
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_STREAM_SHUFFLE, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2_X4, 0, 32, TRN_TEST_SRC0, 4);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E5M2_X4, 32, 32, TRN_TEST_DST, 4);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, have, sizeof(have));
	ck_assert_uint_eq(have[0], words[0]);
	ck_assert_uint_eq(have[1], 0);
	ck_assert_uint_eq(have[3], words[3]);
	/* All zeros as a mask: partition 0 everywhere. */
	trn_test_peek(&tc, TRN_SPACE_SBUF, 63, 1, TRN_TEST_DST, have, sizeof(have));
	ck_assert_mem_eq(have, words, sizeof(have));
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_predicate_suite(void)
{
	Suite *suite = suite_create("exec-predicate");
	TCase *tcase = tcase_create("copies");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, copy_predicated_of_every_dtype);
	tcase_add_test(tcase, copy_predicated_of_a_constant);
	tcase_add_test(tcase, predicates_by_their_bits);
	tcase_add_test(tcase, kept_psum_must_be_written);
	tcase_add_test(tcase, kept_destination_is_waited_for);
	tcase_add_test(tcase, stream_shuffle_in_quadrants);
	tcase_add_test(tcase, stream_shuffle_of_long_rows);
	tcase_add_test(tcase, mx_formats_move);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_predicate_suite)
