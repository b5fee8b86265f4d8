/* SPDX-License-Identifier: Apache-2.0 */
/* DMA of a core: both directions and every pair of memories, casts, loops, gather and
 * scatter, transposes, bounds that trap or skip, windows, registers in memory. */
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)
#define OUT_AT 0x100000u

static void random_bytes(struct trn_test_core *tc, void *dst, size_t size)
{
	uint8_t *p = dst;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)trn_prng_next(&tc->prng);
}

START_TEST(there_and_back_keeps_bits)
{
	static const uint64_t places[] = { DATA, TRN_AXI_HBM0 + 0x1000, TRN_AXI_HBM3 + 0x2000 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 30; round++) {
		const enum trn_dtype dtype = 1 + round % 11;
		const uint32_t size = (uint32_t)trn_dtype_size(dtype);
		const uint32_t start = trn_test_below(&tc, 100);
		const uint32_t parts = 1 + trn_test_below(&tc, 128 - start);
		const uint32_t count = 1 + trn_test_below(&tc, 300),
			       offset = trn_test_below(&tc, 9);
		const uint32_t bytes = parts * count * size;
		const uint64_t place = places[round % 3];
		const struct trn_isa_ap ap =
			trn_test_ap(TRN_SPACE_SBUF, dtype, start, parts, 64 * size, count);
		struct trn_isa_dma *dma;
		uint64_t bad;

		random_bytes(&tc, tc.data + OUT_AT, bytes);
		ck_assert_int_eq(trn_chip_dma_write(tc.host.chip, place + offset, tc.data + OUT_AT,
						    bytes, &bad),
				 0);
		trn_test_clear(&tc);
		trn_test_arg(&tc, place, bytes + offset);
		trn_test_arg(&tc, DATA + OUT_AT + bytes, bytes);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->dst = trn_test_mem(&ap);
		dma->src = trn_test_dram(0, dtype, offset, parts, count);
		dma->head.inc_mode = TRN_INC_ADD;
		dma->head.inc_value = 1;
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_COPY);
		dma->src = trn_test_mem(&ap);
		dma->dst = trn_test_dram(1, dtype, 0, parts, count);
		dma->head.wait_mode = TRN_WAIT_GE;
		dma->head.wait_value = 16;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		ck_assert_mem_eq(tc.data + OUT_AT, tc.data + OUT_AT + bytes, bytes);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Counts agree, shapes need not: the SBUF side walks its partitions first. */
START_TEST(shapes_may_differ)
{
	struct trn_test_core tc;
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 3, 6, 0, 20);
	struct trn_isa_dma *dma;
	uint16_t have[20];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 1000; i++)
		memcpy(tc.data + 2 * i, &(uint16_t){ (uint16_t)i }, 2);
	trn_test_arg(&tc, DATA, 2000);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_mem(&ap);
	dma->src = trn_test_dram(0, TRN_DTYPE_U16, 20, 1, 1);
	/* 4 blocks backwards, 5 rows apart by 30, 6 elements. */
	dma->src.u.dram.dims[0] = (struct trn_isa_dram_dim){ -200, 4 };
	dma->src.u.dram.dims[1] = (struct trn_isa_dram_dim){ 30, 5 };
	dma->src.u.dram.dims[2] = (struct trn_isa_dram_dim){ 2, 6 };
	dma->src.u.dram.offset = 2 * 700;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 6; p++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, 3 + p, 1, 0, have, sizeof(have));
		for (uint32_t i = 0; i < 20; i++) {
			const uint32_t n = p * 20 + i;
			const uint32_t at = 700 - 200 * (n / 30) + 30 * (n / 6 % 5) + 2 * (n % 6);

			ck_assert_uint_eq(have[i], at);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(casts_go_through_fp32)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 40; round++) {
		const enum trn_dtype from = trn_test_any_dtype(&tc), to = trn_test_any_dtype(&tc);
		const struct trn_isa_ap ap =
			trn_test_ap(TRN_SPACE_SBUF, to, 0, 9, TRN_TEST_DST, 31);
		struct trn_isa_dma *dma;

		trn_test_fill(&tc, from, tc.data, 9 * 31);
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, 9 * 31 * trn_dtype_size(from));
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SCALAR, TRN_OP_DMA_COPY);
		dma->dst = trn_test_mem(&ap);
		dma->src = trn_test_dram(0, from, 0, 9, 31);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < 9 * 31; n += 4)
			trn_test_expect(&tc, &ap, n / 31, n % 31,
					trn_load_f32(tc.data + n * trn_dtype_size(from), from));
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(address_from_a_register)
{
	struct trn_test_core tc;
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, 0, 4);
	struct trn_isa_compute *inst;
	struct trn_isa_dma *dma;
	uint32_t have[4];

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 256; i++)
		memcpy(tc.data + 4 * i, &i, 4);
	trn_test_arg(&tc, DATA, 1024);
	trn_test_arg(&tc, 0x1122334455667788u, 0);
	inst = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_MOVE, 1);
	inst->head.flags = TRN_REG_IMM;
	inst->op0 = 5;
	inst->imm[0] = 7;
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_mem(&ap);
	dma->src = trn_test_dram(0, TRN_DTYPE_U32, 8, 1, 4);
	dma->src.reg = 6;
	dma->src.reg_scale = 100;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, have, sizeof(have));
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(have[i], (8 + 7 * 100) / 4 + i);
	/* A sum of 2^64 is not 0. */
	inst->imm[0] = UINT32_MAX;
	dma->src.reg_scale = UINT32_MAX;
	dma->src.u.dram.offset = (UINT64_C(1) << 33) - 1;
	trn_test_restart(&tc);
	trn_test_start(&tc);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
	trn_test_core_close(&tc);
}
END_TEST

/* Emits a gather of rows of 24 BF16 from a table of 50 into partitions 0.., or back. */
static struct trn_isa_dma *rows_dma(struct trn_test_core *tc, uint32_t count, bool scatter)
{
	const struct trn_isa_ap tile =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, count, TRN_TEST_DST, 24);
	struct trn_isa_dma *dma = trn_test_emit_dma(tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_COPY);
	struct trn_isa_mem *table = scatter ? &dma->dst : &dma->src;

	dma->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, count, TRN_TEST_SRC1, 1);
	*(scatter ? &dma->src : &dma->dst) = trn_test_mem(&tile);
	*table = trn_test_dram(0, TRN_DTYPE_BF16, 0, count, 24);
	dma->head.flags = scatter ? TRN_DMA_SCATTER : TRN_DMA_GATHER;
	return dma;
}

static void poke_index(struct trn_test_core *tc, const int32_t *index, uint32_t count)
{
	trn_test_poke(tc, TRN_SPACE_SBUF, 0, count, TRN_TEST_SRC1, index, 4);
}

START_TEST(gather_and_scatter_rows)
{
	struct trn_test_core tc;
	int32_t index[40];
	uint8_t row[48], table[50 * 48];

	trn_test_core_open(&tc, "trn2");
	random_bytes(&tc, tc.data, sizeof(table));
	for (uint32_t i = 0; i < 40; i++)
		index[i] = (int32_t)((i * 7 + 3) % 50);
	poke_index(&tc, index, 40);
	trn_test_arg(&tc, DATA, sizeof(table));
	(void)rows_dma(&tc, 40, false);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t i = 0; i < 40; i++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, i, 1, TRN_TEST_DST, row, sizeof(row));
		ck_assert_mem_eq(row, tc.data + 48 * index[i], sizeof(row));
	}
	/* Back, to other rows. */
	memcpy(table, tc.data, sizeof(table));
	for (uint32_t i = 0; i < 40; i++) {
		memcpy(table + 48 * ((i * 3 + 1) % 50), tc.data + 48 * index[i], 48);
		index[i] = (int32_t)((i * 3 + 1) % 50);
	}
	poke_index(&tc, index, 40);
	trn_test_clear(&tc);
	trn_test_arg(&tc, DATA, sizeof(table));
	(void)rows_dma(&tc, 40, true);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_mem_eq(tc.data, table, sizeof(table));
	trn_test_core_close(&tc);
}
END_TEST

/* Rows that land on what is left of the index: it has been read before. */
START_TEST(rows_over_the_index)
{
	const int32_t index[5] = { 3, 1, 4, 0, 2 };
	struct trn_test_core tc;
	struct trn_isa_dma *dma;
	struct trn_isa_ap tile;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 5; i++)
		memcpy(tc.data + 4 * i, &(uint32_t){ 2000000000u + i }, 4);
	poke_index(&tc, index, 5);
	trn_test_arg(&tc, DATA, 20);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_COPY);
	/* Row p goes to partition p + 1. */
	tile = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 1, 5, TRN_TEST_SRC1, 1);
	dma->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 5, TRN_TEST_SRC1, 1);
	dma->dst = trn_test_mem(&tile);
	dma->src = trn_test_dram(0, TRN_DTYPE_U32, 0, 5, 1);
	dma->head.flags = TRN_DMA_GATHER;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t have = 0;

		trn_test_peek(&tc, TRN_SPACE_SBUF, i + 1, 1, TRN_TEST_SRC1, &have, 4);
		ck_assert_uint_eq(have, 2000000000u + (uint32_t)index[i]);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(index_out_of_range_traps_or_skips)
{
	static const int32_t bad[] = { -1, 50, INT32_MAX, INT32_MIN };
	struct trn_test_core tc;
	uint8_t row[48], mark[48];

	trn_test_core_open(&tc, "trn2");
	memset(mark, 0x5a, sizeof(mark));
	for (uint32_t k = 0; k < TRN_ARRAY_LEN(bad); k++) {
		int32_t index[4] = { 1, 2, bad[k], 4 };

		random_bytes(&tc, tc.data, 50 * 48);
		for (uint32_t i = 0; i < 4; i++)
			trn_test_poke(&tc, TRN_SPACE_SBUF, i, 1, TRN_TEST_DST, mark, sizeof(mark));
		poke_index(&tc, index, 4);
		trn_test_arg(&tc, DATA, 50 * 48);
		rows_dma(&tc, 4, false)->head.inc_mode = TRN_INC_ADD;
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC1);
		ck_assert_uint_eq(tc.status->engine, TRN_ENGINE_GPSIMD);
		ck_assert_uint_eq(tc.status->opcode, TRN_OP_DMA_COPY);
		/* Nothing has moved. */
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, TRN_TEST_DST, row, sizeof(row));
		ck_assert_mem_eq(row, mark, sizeof(row));
		trn_test_recover(&tc);
		trn_test_arg(&tc, DATA, 50 * 48);
		rows_dma(&tc, 4, false)->head.flags |= TRN_DMA_OOB_SKIP;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t i = 0; i < 4; i++) {
			trn_test_peek(&tc, TRN_SPACE_SBUF, i, 1, TRN_TEST_DST, row, sizeof(row));
			ck_assert_mem_eq(row, i == 2 ? mark : tc.data + 48 * index[i], sizeof(row));
		}
		trn_test_clear(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(static_range_traps_or_skips)
{
	struct trn_test_core tc;
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 4, 0, 16);
	uint8_t before[16], after[16];

	trn_test_core_open(&tc, "trn2");
	random_bytes(&tc, before, sizeof(before));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, before, sizeof(before));
	for (uint32_t skip = 0; skip < 2; skip++) {
		struct trn_isa_dma *dma;

		trn_test_arg(&tc, DATA, 63); /* one byte short */
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->dst = trn_test_mem(&ap);
		dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, 4, 16);
		dma->head.flags = skip ? TRN_DMA_OOB_SKIP : 0;
		dma->head.inc_mode = TRN_INC_ADD;
		dma->head.inc_sem = 9;
		dma->head.inc_value = 2;
		ck_assert_uint_eq(trn_test_launch(&tc), skip ? 0 : TRN_EXT_ERR_INSTRUCTION);
		if (!skip) {
			ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
			ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC0);
			trn_test_recover(&tc);
		}
	}
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, after, sizeof(after));
	ck_assert_mem_eq(after, before, sizeof(before));
	/* A skipped transfer still counts: sixteen engines, two each. */
	ck_assert_uint_eq(trn_core_sync(tc.host.chip->core[0])->semaphore[9], 32);
	trn_test_core_close(&tc);
}
END_TEST

/* Dimension of the source that dimension d of the result is. */
static uint32_t swapped(uint32_t d, uint32_t rank)
{
	return d == 0 ? rank - 1 : d == rank - 1 ? 0 : d;
}

/* A dense tensor of some shape in memory, and one in SBUF, its first dimension on partitions. */
static struct trn_isa_mem dense_dram(uint32_t arg, const uint32_t *shape, uint32_t rank)
{
	struct trn_isa_mem mem = trn_test_dram(arg, TRN_DTYPE_BF16, 0, 1, 1);
	uint32_t stride = 1;

	for (uint32_t d = rank; d-- > 0; stride *= shape[d])
		mem.u.dram.dims[d] = (struct trn_isa_dram_dim){ (int32_t)stride, shape[d] };
	return mem;
}

static struct trn_isa_mem dense_sbuf(const uint32_t *shape, uint32_t rank)
{
	struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, shape[0], 0, 1);
	uint32_t stride = 1;

	ap.ndims = (uint8_t)(rank - 1);
	for (uint32_t d = rank; d-- > 1; stride *= shape[d])
		ap.dims[d - 1] = (struct trn_isa_dim){ (int16_t)stride, (uint16_t)shape[d] };
	return trn_test_mem(&ap);
}

/* Element n of the source has to be at its place of the result. */
static void expect_flipped(struct trn_test_core *tc, const uint32_t *shape, uint32_t rank,
			   uint32_t n, uint32_t row, bool in_sbuf)
{
	uint32_t i[4] = { 0 }, left = n, at = 0;
	uint16_t have, want;

	for (uint32_t d = rank; d-- > 0; left /= shape[d])
		i[d] = left % shape[d];
	for (uint32_t d = 0; d < rank; d++)
		at = at * shape[swapped(d, rank)] + i[swapped(d, rank)];
	memcpy(&want, tc->data + 2 * n, 2);
	if (in_sbuf)
		trn_test_peek(tc, TRN_SPACE_SBUF, at / row, 1, at % row * 2, &have, 2);
	else
		memcpy(&have, tc->data + OUT_AT + 2 * at, 2);
	ck_assert_uint_eq(have, want);
}

START_TEST(transposes_of_two_three_and_four_dims)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < 24; round++) {
		const uint32_t rank = 2 + round % 3;
		const bool to_sbuf = round & 1;
		uint32_t shape[4] = { 1, 1, 1, 1 }, flipped[4] = { 1, 1, 1, 1 }, total = 1;
		struct trn_isa_dma *dma;

		for (uint32_t d = 0; d < rank; d++)
			total *= shape[d] = 1 + trn_test_below(&tc, 9);
		for (uint32_t d = 0; d < rank; d++)
			flipped[d] = shape[swapped(d, rank)];
		random_bytes(&tc, tc.data, total * 2);
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, total * 2);
		trn_test_arg(&tc, DATA + OUT_AT, total * 2);
		if (!to_sbuf)
			trn_test_poke(&tc, TRN_SPACE_SBUF, 0, shape[0], 0, tc.data,
				      total / shape[0] * 2);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_TRANSPOSE);
		dma->dst = to_sbuf ? dense_sbuf(flipped, rank) : dense_dram(1, flipped, rank);
		dma->src = to_sbuf ? dense_dram(0, shape, rank) : dense_sbuf(shape, rank);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t n = 0; n < total; n++)
			expect_flipped(&tc, shape, rank, n, total / flipped[0], to_sbuf);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(registers_in_memory_and_sbuf)
{
	struct trn_test_core tc;
	const struct trn_isa_ap cell = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S8, 40, 1, 100, 1);
	struct trn_isa_dma *dma;
	uint32_t have;

	trn_test_core_open(&tc, "trn2");
	memcpy(tc.data, &(uint32_t){ 0x8001u }, 4);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 40, 1, 100, &(int8_t){ -3 }, 1);
	trn_test_arg(&tc, DATA, 64);
	/* r1 = S16 from memory, r2 = S8 from SBUF; both stored as 32 bits. */
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_LOAD);
	dma->op0 = 1;
	dma->src = trn_test_dram(0, TRN_DTYPE_S16, 0, 1, 1);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_LOAD);
	dma->op0 = 2;
	dma->src = trn_test_mem(&cell);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_STORE);
	dma->op0 = 1;
	dma->dst = trn_test_dram(0, TRN_DTYPE_S32, 8, 1, 1);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_STORE);
	dma->op0 = 2;
	dma->dst = trn_test_dram(0, TRN_DTYPE_S32, 12, 1, 1);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_STORE);
	dma->op0 = 1;
	dma->dst = trn_test_mem(&cell);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	memcpy(&have, tc.data + 8, 4);
	ck_assert_uint_eq(have, 0xffff8001u);
	memcpy(&have, tc.data + 12, 4);
	ck_assert_uint_eq(have, 0xfffffffdu);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 40, 1, 100, &have, 1);
	ck_assert_uint_eq(have & 0xff, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* An argument that lies in no mapped memory is an error of the transfer, with its address. */
START_TEST(argument_that_is_not_mapped)
{
	struct trn_test_core tc;
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 1, 0, 64);
	const uint64_t nowhere = TRN_TEST_HOST(UINT64_C(0x7000000000));

	trn_test_core_open(&tc, "trn2");
	for (uint32_t store = 0; store < 2; store++) {
		struct trn_isa_dma *dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);

		trn_test_arg(&tc, nowhere, 4096);
		*(store ? &dma->src : &dma->dst) = trn_test_mem(&ap);
		*(store ? &dma->dst : &dma->src) = trn_test_dram(0, TRN_DTYPE_U8, 128, 1, 64);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_DMA);
		ck_assert_uint_eq(tc.status->address, nowhere + 128);
		ck_assert_uint_eq(tc.status->operand, store ? TRN_AP_DST : TRN_AP_SRC0);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Memory that is not one piece of the host: another core's SBUF as an argument. */
START_TEST(argument_in_another_cores_sbuf)
{
	struct trn_test_core tc;
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 2, 0, 40);
	const struct trn_isa_ap wide = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 2, 512, 40);
	const uint64_t other = trn_regs_tpb_axi(5) + 7 * (uint64_t)TRN_SBUF_PARTITION_STRIDE;
	struct trn_isa_dma *dma;
	uint16_t row[80];

	trn_test_core_open(&tc, "trn2");
	trn_test_fill(&tc, TRN_DTYPE_BF16, row, 80);
	tc.core = 5;
	trn_test_poke(&tc, TRN_SPACE_SBUF, 7, 1, 0, row, sizeof(row));
	tc.core = 0;
	trn_test_arg(&tc, other, 4096);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_mem(&ap);
	dma->src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 2, 40);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_mem(&wide);
	dma->src = trn_test_dram(0, TRN_DTYPE_BF16, 0, 2, 40);
	/* One element in three: no runs at all on that side. */
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->src = trn_test_mem(&ap);
	dma->dst = trn_test_dram(0, TRN_DTYPE_BF16, 1024, 2, 40);
	dma->dst.u.dram.dims[1].step = 3;
	dma->dst.u.dram.dims[0].step = 120;
	dma->head.wait_mode = TRN_WAIT_GE;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t n = 0; n < 80; n++) {
		uint16_t have;

		trn_test_expect(&tc, &wide, n / 40, n % 40, trn_bf16_to_f32(row[n]));
		tc.core = 5;
		trn_test_peek(&tc, TRN_SPACE_SBUF, 7, 1, 1024 + 6 * n, &have, 2);
		tc.core = 0;
		ck_assert_uint_eq(have, row[n]);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* 32 KiB over one engine: 1.42 us of payload between trigger and done; a row of 256 bytes
 * on all sixteen: what the published traces show. */
START_TEST(published_transfer_times)
{
	struct trn_test_core tc;
	struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 8, 0, 4096);

	trn_test_core_open(&tc, "trn2");
	for (uint32_t wide = 0; wide < 2; wide++) {
		struct trn_isa_dma *dma;
		uint64_t from = trn_model_now(tc.host.model), ns;
		const uint64_t least = wide ? 1300 : 2400, most = wide ? 1700 : 2740;

		if (wide)
			ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 128, 0, 256);
		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, 32768);
		dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
		dma->dst = trn_test_mem(&ap);
		dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, ap.partitions, ap.dims[0].num);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		/* Without the queue's own time: doorbell, launch. */
		ns = (trn_model_now(tc.host.model) - from) / TRN_PS_PER_NS - 500 - 1000;
		ck_assert_uint_ge(ns, least);
		ck_assert_uint_le(ns, most);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Share of the full rate against bytes per partition, as digitised from the published chart. */
START_TEST(published_throughput_curve)
{
	static const struct {
		uint32_t bytes;
		double percent;
	} chart[] = {
		{ 64, 2.6 },    { 256, 10.3 },  { 512, 20.6 },   { 1024, 42.4 },
		{ 2048, 81.4 }, { 4096, 96.8 }, { 16384, 99.2 },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(chart); i++) {
		const struct trn_isa_ap ap =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 128, 0, chart[i].bytes);
		const uint64_t from = trn_model_now(tc.host.model);
		double ns, share;

		trn_test_clear(&tc);
		trn_test_arg(&tc, DATA, TRN_TEST_DATA_BYTES);
		for (uint32_t n = 0; n < 100; n++) {
			struct trn_isa_dma *dma =
				trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);

			dma->dst = trn_test_mem(&ap);
			dma->src = trn_test_dram(0, TRN_DTYPE_U8, 0, 128, chart[i].bytes);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		ns = (double)(trn_model_now(tc.host.model) - from) * 1e-3 - 500 - 1000 - 1040;
		share = 100.0 * (128.0 * 100 * chart[i].bytes / ns) / (16 * 23.0);
		ck_assert_double_eq_tol(share, chart[i].percent, 5.0);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_dma_suite(void)
{
	Suite *suite = suite_create("exec-dma");
	TCase *tcase = tcase_create("dma");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, there_and_back_keeps_bits);
	tcase_add_test(tcase, shapes_may_differ);
	tcase_add_test(tcase, casts_go_through_fp32);
	tcase_add_test(tcase, address_from_a_register);
	tcase_add_test(tcase, gather_and_scatter_rows);
	tcase_add_test(tcase, rows_over_the_index);
	tcase_add_test(tcase, index_out_of_range_traps_or_skips);
	tcase_add_test(tcase, static_range_traps_or_skips);
	tcase_add_test(tcase, transposes_of_two_three_and_four_dims);
	tcase_add_test(tcase, registers_in_memory_and_sbuf);
	tcase_add_test(tcase, argument_that_is_not_mapped);
	tcase_add_test(tcase, argument_in_another_cores_sbuf);
	tcase_add_test(tcase, published_transfer_times);
	tcase_add_test(tcase, published_throughput_curve);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_dma_suite)
