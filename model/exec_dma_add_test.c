/* SPDX-License-Identifier: Apache-2.0 */
/* DMA_ADD in all its forms, and transposes of gathered rows, against the plainest loops. */
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define OUT_AT 0x100000u
#define ROWS 50u    /* of the table that is indexed */
#define COLUMNS 24u /* of a row of it */

static float host_get(const struct trn_test_core *tc, uint32_t at, enum trn_dtype dtype, uint32_t n)
{
	return trn_load_f32(tc->data + at + n * trn_dtype_size(dtype), dtype);
}

/* Element n of the destination, wherever it is. */
static void expect(struct trn_test_core *tc, const struct trn_isa_mem *dst, uint32_t n, float want)
{
	const uint32_t size = (uint32_t)trn_dtype_size(dst->dtype);
	uint8_t raw[4] = { 0 };

	if (dst->space == TRN_SPACE_SBUF) {
		const struct trn_isa_ap *ap = &dst->u.chip.ap;
		const uint32_t count = trn_test_view_count(ap);

		trn_test_expect(tc, ap, n / count, n % count, want);
		return;
	}
	trn_store_f32(raw, dst->dtype, want);
	ck_assert_mem_eq(raw, tc->data + OUT_AT + n * size, size);
}

/* Several sources in memory or in SBUF, into either, with or without the old value. */
START_TEST(sums_of_sources)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 60; round++) {
		const enum trn_dtype from = trn_test_any_dtype(&tc), to = trn_test_any_dtype(&tc);
		const uint32_t sources = 1 + trn_test_below(&tc, 16), count = 17;
		const uint32_t parts = 1 + trn_test_below(&tc, 20), total = parts * count;
		const uint32_t start = trn_test_below(&tc, 100);
		const bool accumulate = round & 1, from_sbuf = round & 2, to_sbuf = round & 4;
		struct trn_isa_ap in = trn_test_ap(TRN_SPACE_SBUF, from, start, parts,
						   TRN_TEST_SRC0, sources * count);
		const struct trn_isa_ap out =
			trn_test_ap(TRN_SPACE_SBUF, to, start, parts, TRN_TEST_DST, count);
		float old[20 * 17], want[20 * 17];
		struct trn_isa_dma *dma;

		in.ndims = 2;
		in.dims[0] = (struct trn_isa_dim){ (int16_t)count, (uint16_t)sources };
		in.dims[1] = (struct trn_isa_dim){ 1, (uint16_t)count };
		trn_test_fill(&tc, from, tc.data, sources * total);
		trn_test_fill(&tc, to, tc.data + OUT_AT, total);
		trn_test_poke(&tc, TRN_SPACE_SBUF, start, parts, TRN_TEST_SRC0, tc.data,
			      sources * count * (uint32_t)trn_dtype_size(from));
		trn_test_poke(&tc, TRN_SPACE_SBUF, start, parts, TRN_TEST_DST, tc.data + OUT_AT,
			      count * (uint32_t)trn_dtype_size(to));
		for (uint32_t n = 0; n < total; n++)
			old[n] = host_get(&tc, OUT_AT, to, n);
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, OUT_AT);
		trn_test_arg(&tc, DATA + OUT_AT, total * trn_dtype_size(to));
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_ADD);
		dma->src = from_sbuf ? trn_test_mem(&in) :
				       trn_test_dram(0, from, 0, sources, total);
		dma->dst = to_sbuf ? trn_test_mem(&out) : trn_test_dram(1, to, 0, parts, count);
		dma->imm[0] = sources;
		dma->head.flags = accumulate ? TRN_DMA_ACCUMULATE : 0;
		if (sources == 1 && from_sbuf)
			dma->src.u.chip.ap.dims[0].step = 0;
		for (uint32_t n = 0; n < total; n++) {
			want[n] = old[n];
			for (uint32_t s = 0; s < sources; s++) {
				const uint32_t at =
					from_sbuf ? (n / count * sources + s) * count + n % count :
						    s * total + n;
				const float x = host_get(&tc, 0, from, at);

				want[n] = s > 0 || accumulate ? want[n] + x : x;
			}
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < total; n++) {
			/* One source alone keeps its bits. */
			if (sources > 1 || accumulate || from != to || trn_dtype_size(to) < 4)
				expect(&tc, &dma->dst, n, want[n]);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* 32-bit integers that FP32 cannot hold: a copy keeps them, a sum goes through FP32. */
START_TEST(one_source_is_a_copy)
{
	struct trn_test_core tc;
	const uint32_t odd = 0x01000001u;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t accumulate = 0; accumulate < 2; accumulate++) {
		struct trn_isa_dma *dma;
		uint32_t have = 0;

		memcpy(tc.data, &odd, 4);
		memset(tc.data + OUT_AT, 0, 4);
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, OUT_AT + 4);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_ADD);
		dma->src = trn_test_dram(0, TRN_DTYPE_U32, 0, 1, 1);
		dma->dst = trn_test_dram(0, TRN_DTYPE_U32, OUT_AT, 1, 1);
		dma->imm[0] = 1;
		dma->head.flags = accumulate ? TRN_DMA_ACCUMULATE : 0;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		memcpy(&have, tc.data + OUT_AT, 4);
		ck_assert_uint_eq(have, accumulate ? 0x01000000u : odd);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- rows by index ---- */

static void poke_index(struct trn_test_core *tc, const int32_t *index, uint32_t count)
{
	trn_test_poke(tc, TRN_SPACE_SBUF, 0, count, TRN_TEST_SRC1, index, 4);
}

/* Rows of the BF16 table in argument 0 to or from FP32 in partitions 0 and on. */
static struct trn_isa_dma *rows_add(struct trn_test_core *tc, uint32_t count, bool scatter)
{
	const struct trn_isa_ap tile =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, count, TRN_TEST_DST, COLUMNS);
	struct trn_isa_dma *dma = trn_test_emit_dma(tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_ADD);

	dma->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, count, TRN_TEST_SRC1, 1);
	*(scatter ? &dma->src : &dma->dst) = trn_test_mem(&tile);
	*(scatter ? &dma->dst : &dma->src) = trn_test_dram(0, TRN_DTYPE_BF16, 0, count, COLUMNS);
	dma->head.flags = (scatter ? TRN_DMA_SCATTER : TRN_DMA_GATHER) | TRN_DMA_ACCUMULATE;
	dma->imm[0] = 1;
	return dma;
}

START_TEST(gather_adds_rows)
{
	struct trn_test_core tc;
	const struct trn_isa_ap tile =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 40, TRN_TEST_DST, COLUMNS);
	float old[40 * COLUMNS];
	int32_t index[40];

	trn_test_core_open(&tc, "trn2");
	trn_test_fill(&tc, TRN_DTYPE_BF16, tc.data, ROWS * COLUMNS);
	trn_test_fill(&tc, TRN_DTYPE_F32, old, 40 * COLUMNS);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 40, TRN_TEST_DST, old, COLUMNS * 4);
	for (uint32_t i = 0; i < 40; i++)
		index[i] = (int32_t)trn_test_below(&tc, ROWS);
	index[7] = (int32_t)ROWS; /* skipped */
	poke_index(&tc, index, 40);
	trn_test_arg(&tc, DATA, ROWS * COLUMNS * 2);
	rows_add(&tc, 40, false)->head.flags |= TRN_DMA_OOB_SKIP;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < 40 * COLUMNS; n++) {
		const uint32_t at = (uint32_t)index[n / COLUMNS] * COLUMNS + n % COLUMNS;
		const float x = n / COLUMNS == 7 ? 0.0f : host_get(&tc, 0, TRN_DTYPE_BF16, at);

		trn_test_expect(&tc, &tile, n / COLUMNS, n % COLUMNS, old[n] + x);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Each row that is named twice takes both, in the order of the index. */
START_TEST(scatter_adds_twice)
{
	struct trn_test_core tc;
	float sum[ROWS * COLUMNS], part[40 * COLUMNS];
	int32_t index[40];

	trn_test_core_open(&tc, "trn3");
	trn_test_fill(&tc, TRN_DTYPE_BF16, tc.data, ROWS * COLUMNS);
	trn_test_fill(&tc, TRN_DTYPE_F32, part, 40 * COLUMNS);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 40, TRN_TEST_DST, part, COLUMNS * 4);
	for (uint32_t i = 0; i < 40; i++)
		index[i] = (int32_t)(i % 9 == 0 ? 3 : trn_test_below(&tc, ROWS));
	poke_index(&tc, index, 40);
	for (uint32_t n = 0; n < ROWS * COLUMNS; n++)
		sum[n] = host_get(&tc, 0, TRN_DTYPE_BF16, n);
	for (uint32_t n = 0; n < 40 * COLUMNS; n++) {
		float *at = &sum[(uint32_t)index[n / COLUMNS] * COLUMNS + n % COLUMNS];
		uint16_t rounded = trn_f32_to_bf16(*at + part[n]);

		*at = trn_bf16_to_f32(rounded);
	}
	trn_test_arg(&tc, DATA, ROWS * COLUMNS * 2);
	(void)rows_add(&tc, 40, true);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < ROWS * COLUMNS; n++)
		ck_assert_float_eq(host_get(&tc, 0, TRN_DTYPE_BF16, n), sum[n]);
	trn_test_core_close(&tc);
}
END_TEST

/* A row outside: a record and no byte moved, with or without anything before it. */
START_TEST(index_out_of_range)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t scatter = 0; scatter < 2; scatter++) {
		const int32_t index[4] = { 1, 2, (int32_t)ROWS, 4 };
		uint8_t table[ROWS * COLUMNS * 2], row[COLUMNS * 4], mark[COLUMNS * 4];

		trn_test_fill(&tc, TRN_DTYPE_BF16, tc.data, ROWS * COLUMNS);
		memcpy(table, tc.data, sizeof(table));
		memset(mark, 0x3e, sizeof(mark));
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, mark, sizeof(mark));
		poke_index(&tc, index, 4);
		trn_test_arg(&tc, DATA, sizeof(table));
		(void)rows_add(&tc, 4, scatter);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC1);
		ck_assert_uint_eq(tc.status->opcode, TRN_OP_DMA_ADD);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, row, sizeof(row));
		ck_assert_mem_eq(row, mark, sizeof(row));
		ck_assert_mem_eq(table, tc.data, sizeof(table));
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A side without an index that leaves its argument: a trap, or nothing moves but the
 * semaphore does. */
START_TEST(side_out_of_range)
{
	struct trn_test_core tc;
	const struct trn_isa_ap tile =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 2, TRN_TEST_DST, 8);
	uint8_t row[32], mark[32];

	trn_test_core_open(&tc, "trn3");
	memset(mark, 0x3e, sizeof(mark));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, mark, sizeof(mark));
	for (uint32_t skip = 0; skip < 2; skip++) {
		struct trn_isa_dma *dma;

		trn_test_arg(&tc, DATA, 3 * 64 - 1);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_ADD);
		dma->dst = trn_test_mem(&tile);
		dma->src = trn_test_dram(0, TRN_DTYPE_F32, 0, 3, 16);
		dma->imm[0] = 3;
		dma->head.flags = skip ? TRN_DMA_OOB_SKIP : 0;
		dma->head.inc_mode = TRN_INC_ADD;
		dma->head.inc_sem = 9;
		dma->head.inc_value = 1;
		ck_assert_uint_eq(trn_test_launch(&tc), skip ? 0 : TRN_EXT_ERR_INSTRUCTION);
		if (skip)
			continue;
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC0);
		trn_test_recover(&tc);
	}
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, row, sizeof(row));
	ck_assert_mem_eq(row, mark, sizeof(row));
	ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[0])->semaphore[9], 16);
	trn_test_core_close(&tc);
}
END_TEST

/* What is added to has to be readable through the window, not only writable. */
START_TEST(window_without_the_right_to_read)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_window(&tc, 3, 0, TRN_TEST_HOST(0), TRN_TEST_IOVA_DATA, 3);
	trn_test_window(&tc, 3, 1, DATA, OUT_AT, 1);
	trn_test_window(&tc, 3, 2, DATA + OUT_AT, 4096, 2);
	trn_test_ext_wr(&tc, TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL, 0);
	trn_test_queue_open(&tc, 0, 3);
	for (uint32_t accumulate = 0; accumulate < 2; accumulate++) {
		struct trn_isa_dma *dma;

		trn_test_arg(&tc, DATA, 64);
		trn_test_arg(&tc, DATA + OUT_AT, 64);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_ADD);
		dma->src = trn_test_dram(0, TRN_DTYPE_F32, 0, 1, 16);
		dma->dst = trn_test_dram(1, TRN_DTYPE_F32, 0, 1, 16);
		dma->imm[0] = 1;
		dma->head.flags = accumulate ? TRN_DMA_ACCUMULATE : 0;
		ck_assert_uint_eq(trn_test_launch(&tc), accumulate ? TRN_EXT_ERR_DMA : 0);
		trn_test_clear(&tc);
	}
	ck_assert_uint_eq(tc.status->operand, TRN_AP_DST);
	ck_assert_uint_eq(tc.status->address, DATA + OUT_AT);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- transposes ---- */

START_TEST(gathered_rows_are_transposed)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 16; round++) {
		const uint32_t rows = 16 * (1 + trn_test_below(&tc, 8));
		const bool to_sbuf = round & 1, skip = round & 2;
		const struct trn_isa_ap tile =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 3, COLUMNS, TRN_TEST_DST, rows);
		const uint32_t bytes = COLUMNS * rows * 2;
		uint16_t old[COLUMNS * 128];
		int32_t index[128];
		struct trn_isa_dma *dma;

		trn_test_fill(&tc, TRN_DTYPE_U16, tc.data, ROWS * COLUMNS);
		trn_test_fill(&tc, TRN_DTYPE_U16, old, COLUMNS * rows);
		memcpy(tc.data + OUT_AT, old, bytes);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 3, COLUMNS, TRN_TEST_DST, old, rows * 2);
		for (uint32_t i = 0; i < rows; i++)
			index[i] = (int32_t)trn_test_below(&tc, ROWS);
		index[5] = skip ? -1 : 0;
		poke_index(&tc, index, rows);
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, ROWS * COLUMNS * 2);
		trn_test_arg(&tc, DATA + OUT_AT, bytes);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_TRANSPOSE);
		dma->head.flags = TRN_DMA_GATHER | (skip ? TRN_DMA_OOB_SKIP : 0);
		dma->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, rows, TRN_TEST_SRC1, 1);
		dma->src = trn_test_dram(0, TRN_DTYPE_BF16, 0, rows, COLUMNS);
		dma->dst = to_sbuf ? trn_test_mem(&tile) :
				     trn_test_dram(1, TRN_DTYPE_BF16, 0, COLUMNS, rows);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < COLUMNS * rows; n++) {
			const uint32_t c = n / rows, r = n % rows;
			uint16_t want = old[n], have;

			if (index[r] >= 0)
				memcpy(&want, tc.data + 2 * ((uint32_t)index[r] * COLUMNS + c), 2);
			memcpy(&have, tc.data + OUT_AT + 2 * n, 2);
			if (to_sbuf)
				trn_test_raw_get(&tc, &tile, c, r, &have);
			ck_assert_uint_eq(have, want);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- time ---- */

/* Picoseconds of 8 KiB for each of 8 partitions, without trigger, queue and so on. */
static uint64_t payload_ps(struct trn_test_core *tc, enum trn_op op, enum trn_dtype from,
			   enum trn_dtype to)
{
	const struct trn_isa_ap tile =
		trn_test_ap(TRN_SPACE_SBUF, to, 0, 8, 0, 8192 / (uint32_t)trn_dtype_size(to));
	uint64_t start, end;
	struct trn_isa_dma *dma;

	trn_test_clear(tc);
	trn_test_arg(tc, DATA, 65536);
	dma = trn_test_emit_dma(tc, TRN_ENGINE_SYNC, op);
	dma->dst = trn_test_mem(&tile);
	dma->src = trn_test_dram(0, from, 0, 8, 8192 / (uint32_t)trn_dtype_size(to));
	dma->imm[0] = op == TRN_OP_DMA_ADD;
	dma->head.flags = op == TRN_OP_DMA_ADD ? TRN_DMA_ACCUMULATE : 0;
	start = trn_model_now(tc->host.model);
	ck_assert_uint_eq(trn_test_launch(tc), 0);
	end = trn_model_now(tc->host.model);
	return end - start;
}

START_TEST(half_rate_before_full)
{
	for (uint32_t gen = 0; gen < 2; gen++) {
		struct trn_test_core tc;
		uint64_t copy, add, cast;

		trn_test_core_open(&tc, gen ? "trn3" : "trn2");
		copy = payload_ps(&tc, TRN_OP_DMA_COPY, TRN_DTYPE_F32, TRN_DTYPE_F32);
		add = payload_ps(&tc, TRN_OP_DMA_ADD, TRN_DTYPE_F32, TRN_DTYPE_F32);
		cast = payload_ps(&tc, TRN_OP_DMA_ADD, TRN_DTYPE_BF16, TRN_DTYPE_F32);
		if (gen)
			ck_assert_uint_eq(add, copy);
		else
			ck_assert_uint_gt(add, copy + 65536 * 1000 / 24);
		/* Not the same type on both sides: half the rate on either. */
		ck_assert_uint_gt(cast, copy + 65536 * 1000 / 34);
		trn_test_core_close(&tc);
	}
}
END_TEST

static Suite *dma_add_suite(void)
{
	Suite *suite = suite_create("exec_dma_add");
	TCase *tcase = tcase_create("dma");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, sums_of_sources);
	tcase_add_test(tcase, one_source_is_a_copy);
	tcase_add_test(tcase, gather_adds_rows);
	tcase_add_test(tcase, scatter_adds_twice);
	tcase_add_test(tcase, index_out_of_range);
	tcase_add_test(tcase, side_out_of_range);
	tcase_add_test(tcase, window_without_the_right_to_read);
	tcase_add_test(tcase, gathered_rows_are_transposed);
	tcase_add_test(tcase, half_rate_before_full);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(dma_add_suite)
