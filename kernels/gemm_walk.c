/* SPDX-License-Identifier: Apache-2.0 */
/* C = A B by tiles. A block of C stays in PSUM while the blocks of A and B along K stream
 * through SBUF. Two blocks of everything let loading, multiplying and storing overlap. */
#include "kernels/gemm.h"

#include <errno.h>

#define UNROLL_MAX 16u /* blocks of rows before a loop takes over */
#define MATMULS_MAX (1u << 20)

static uint32_t dtype_size(enum trn_dtype dtype)
{
	return dtype == TRN_DTYPE_F32 ? 4 : 2;
}

struct trn_isa_mem trn_kit_gemm_rows(const struct trn_kit_gemm *gemm, uint32_t arg,
				     enum trn_dtype dtype, uint32_t m, uint32_t width,
				     uint64_t offset, uint32_t num)
{
	struct trn_isa_mem mem;
	uint64_t size = dtype_size(dtype);
	uint64_t row = gemm->looped ? 0 : m;

	mem = trn_dram(arg, dtype, (row * width + offset) * size, num);
	if (gemm->looped)
		mem = trn_dram_reg(mem, gemm->reg, (uint32_t)(gemm->block_m * width * size));
	return mem;
}

struct trn_isa_ap trn_kit_gemm_acc(const struct trn_kit_gemm *gemm, const struct trn_tile *acc,
				   uint32_t m, uint32_t n, uint32_t rows, uint32_t columns)
{
	uint32_t banks = trn_kit_div_up(gemm->block_n, KIT_GEMM_BANK);

	return trn_view_rows(trn_view(acc,
				      (m / KIT_GEMM_M * banks + n / KIT_GEMM_BANK) * KIT_GEMM_BANK,
				      columns),
			     0, rows);
}

static void copy(struct trn_kit_gemm *gemm, enum trn_engine engine, struct trn_isa_ap dst,
		 struct trn_isa_ap src)
{
	trn_tile_compute(gemm->builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
							       .engine = engine,
							       .dst = dst,
							       .src0 = src });
}

/* PSUM to SBUF in C's format, and out; copies alternate between two engines. */
static void store(struct trn_kit_gemm *gemm, const struct trn_tile *acc,
		  const struct trn_kit_gemm_block *block)
{
	for (uint32_t m = 0; m < block->rows; m += KIT_GEMM_M) {
		uint32_t rows = trn_kit_least(KIT_GEMM_M, block->rows - m);
		const struct trn_tile *out = &gemm->out[gemm->turn_out++ % 2];
		struct trn_isa_mem dst;

		for (uint32_t n = 0; n < block->columns; n += KIT_GEMM_BANK) {
			uint32_t columns = trn_kit_least(KIT_GEMM_BANK, block->columns - n);

			copy(gemm, n / KIT_GEMM_BANK % 2 ? TRN_ENGINE_SCALAR : TRN_ENGINE_VECTOR,
			     trn_view_rows(trn_view(out, n, columns), 0, rows),
			     trn_kit_gemm_acc(gemm, acc, m, n, rows, columns));
		}
		dst = trn_kit_gemm_rows(gemm, gemm->args.c, gemm->output, block->m + m, gemm->n,
					(gemm->looped ? (uint64_t)m * gemm->n : 0) + block->n,
					block->columns);
		dst = trn_dram_outer(dst, (int32_t)gemm->n, rows);
		trn_kit_copy(gemm->builder, dst,
			     trn_chip(trn_view_rows(trn_view(out, 0, block->columns), 0, rows)),
			     TRN_ENGINE_GPSIMD);
	}
}

/* All of C in rows [m, m + rows). */
static void block_rows(struct trn_kit_gemm *gemm, uint32_t m, uint32_t rows)
{
	uint32_t steps = trn_kit_div_up(gemm->chunks, gemm->block_k), a = 0, b = 0;

	for (uint32_t n = 0; n < gemm->n; n += gemm->block_n) {
		struct trn_kit_gemm_block block = { m, n, rows,
						    trn_kit_least(gemm->block_n, gemm->n - n) };
		const struct trn_tile *acc = &gemm->acc[gemm->turn_acc++ % 2];

		for (uint32_t step = 0; step < steps; step++) {
			uint32_t first = step * gemm->block_k;
			uint32_t count = trn_kit_least(gemm->block_k, gemm->chunks - first);

			/* With all of K in one step A's block serves every block of columns. */
			if (n == 0 || steps > 1) {
				a = gemm->turn_a++ % 2;
				gemm->ops->load_a(gemm, a, &block, first, count);
			}
			if (!gemm->keep_b) {
				b = gemm->turn_b++ % 2;
				gemm->ops->load_b(gemm, b, block.n, block.columns, first, count);
			}
			gemm->ops->multiply(gemm, acc, a, b, &block, first, count);
		}
		store(gemm, acc, &block);
	}
}

static void allocate(struct trn_kit_gemm *gemm)
{
	uint32_t banks = trn_kit_div_up(gemm->block_m, KIT_GEMM_M) *
			 trn_kit_div_up(gemm->block_n, KIT_GEMM_BANK);

	for (uint32_t i = 0; i < 2; i++) {
		gemm->out[i] = trn_tile_alloc(gemm->builder, TRN_SPACE_SBUF, gemm->output,
					      KIT_GEMM_M, gemm->block_n);
		gemm->acc[i] = trn_tile_alloc(gemm->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32,
					      KIT_GEMM_M, banks * KIT_GEMM_BANK);
	}
}

/* Many blocks of rows become a loop: the program's length does not grow with M. */
void trn_kit_gemm_run(struct trn_kit_gemm *gemm)
{
	uint32_t whole = gemm->m / gemm->block_m;
	uint32_t done = 0;

	allocate(gemm);
	if (gemm->keep_b)
		gemm->ops->load_b(gemm, 0, 0, gemm->n, 0, gemm->chunks);
	if (whole > UNROLL_MAX) {
		uint8_t count = trn_tile_reg(gemm->builder);

		gemm->reg = trn_tile_reg(gemm->builder);
		gemm->looped = true;
		trn_tile_reg_set(gemm->builder, TRN_TILE_ALL, count, whole);
		trn_tile_reg_set(gemm->builder, TRN_TILE_ALL, gemm->reg, 0);
		trn_tile_loop_begin(gemm->builder, count);
		block_rows(gemm, 0, gemm->block_m);
		trn_tile_reg_alu(gemm->builder, TRN_TILE_ALL, gemm->reg, gemm->reg, TRN_ALU_ADD, 1);
		trn_tile_loop_end(gemm->builder);
		gemm->looped = false;
		done = whole * gemm->block_m;
	}
	while (done < gemm->m) {
		uint32_t rows = trn_kit_least(gemm->block_m, gemm->m - done);

		block_rows(gemm, done, rows);
		done += rows;
	}
	for (uint32_t i = 0; i < 2; i++) {
		trn_tile_free(gemm->builder, &gemm->out[i]);
		trn_tile_free(gemm->builder, &gemm->acc[i]);
	}
}

bool trn_kit_gemm_sizes(struct trn_builder *builder, uint32_t m, uint32_t n, uint32_t k,
			uint32_t chunk)
{
	uint64_t matmuls = (uint64_t)trn_kit_div_up(k, chunk) * trn_kit_div_up(n, KIT_GEMM_BANK) *
			   (UNROLL_MAX + 1) * 2;

	if (!trn_kit_in(builder, "m", m, UINT32_MAX) ||
	    !trn_kit_in(builder, "n", n, KIT_GEMM_SIZE_MOST) ||
	    !trn_kit_in(builder, "k", k, KIT_GEMM_SIZE_MOST))
		return false;
	if (matmuls <= MATMULS_MAX)
		return true;
	trn_builder_fail(builder, -ENOSPC, "gemm: k %u by n %u is too large for one program", k, n);
	return false;
}
