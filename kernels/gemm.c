/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of BF16, F16 and F32. A is put on the partitions by K, by transposing DMA
 * (16-bit formats) or by the tensor engine (FP32). */
#include <errno.h>
#include <trn/kernels_gemm.h>
#include "kernels/gemm.h"

#define K_ROWS 128u              /* rows of K in a chunk: the partitions */
#define BLOCK_BYTES (44u * 1024) /* of a partition, for one block of A or of B */

struct gemm {
	struct trn_kit_gemm walk;
	uint32_t esize;
	struct trn_tile a[2], b[2], rows, flipped;
};

/* The walk is the first member. */
static struct gemm *plain(struct trn_kit_gemm *walk)
{
	return (struct gemm *)(void *)walk;
}

static uint32_t dtype_size(enum trn_dtype dtype)
{
	return dtype == TRN_DTYPE_F32 ? 4 : 2; /* of those is_float() takes */
}

static bool is_float(enum trn_dtype dtype)
{
	return dtype == TRN_DTYPE_F32 || dtype == TRN_DTYPE_BF16 || dtype == TRN_DTYPE_F16;
}

static void flip(struct gemm *gemm, struct trn_isa_mem dst, struct trn_isa_mem src)
{
	trn_tile_transfer(gemm->walk.builder, &(struct trn_tile_dma){ .op = TRN_OP_DMA_TRANSPOSE,
								      .engine = TRN_ENGINE_SYNC,
								      .dst = dst,
								      .src = src });
}

static void transpose(struct gemm *gemm, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_tile_compute(gemm->walk.builder, &(struct trn_tile_op){ .op = TRN_OP_TRANSPOSE,
								    .engine = TRN_ENGINE_TENSOR,
								    .dst = dst,
								    .src0 = src });
}

static void copy(struct gemm *gemm, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_kit_cast(gemm->walk.builder, dst, src);
}

/* Rows of a chunk: 128, or what is left of K. */
static uint32_t chunk_rows(const struct gemm *gemm, uint32_t chunk)
{
	return trn_kit_least(K_ROWS, gemm->walk.k - chunk * K_ROWS);
}

/* Chunks [first, first + count) that are full; a short one can only be the last. */
static uint32_t full_chunks(const struct gemm *gemm, uint32_t first, uint32_t count)
{
	return count && chunk_rows(gemm, first + count - 1) < K_ROWS ? count - 1 : count;
}

/* A's block with K on the partitions, [128, count, block_m]. */
static void load_a_flipped(struct gemm *gemm, const struct trn_tile *tile,
			   const struct trn_kit_gemm_block *block, uint32_t first, uint32_t count)
{
	const struct trn_kit_gemm *walk = &gemm->walk;
	uint32_t full = full_chunks(gemm, first, count);
	struct trn_isa_mem src;
	struct trn_isa_ap dst;

	if (full) {
		src = trn_kit_gemm_rows(walk, walk->args.a, walk->input, block->m, walk->k,
					first * K_ROWS, K_ROWS);
		src = trn_dram_outer(src, K_ROWS, full);
		src = trn_dram_outer(src, (int32_t)walk->k, block->rows);
		dst = trn_view_outer(trn_view(tile, 0, block->rows), (int32_t)walk->block_m, full);
		flip(gemm, trn_chip(dst), src);
	}
	if (full < count) {
		uint32_t rows = chunk_rows(gemm, first + full);

		src = trn_kit_gemm_rows(walk, walk->args.a, walk->input, block->m, walk->k,
					(first + full) * K_ROWS, rows);
		src = trn_dram_outer(src, (int32_t)walk->k, block->rows);
		dst = trn_view_rows(trn_view(tile, full * walk->block_m, block->rows), 0, rows);
		flip(gemm, trn_chip(dst), src);
	}
}

/* The same for FP32: rows of A as they are, turned 128 by 128 on the tensor engine. */
static void load_a_turned(struct gemm *gemm, const struct trn_tile *tile,
			  const struct trn_kit_gemm_block *block, uint32_t first, uint32_t count)
{
	const struct trn_kit_gemm *walk = &gemm->walk;

	for (uint32_t m = 0; m < block->rows; m += KIT_GEMM_M) {
		uint32_t rows = trn_kit_least(KIT_GEMM_M, block->rows - m);
		uint32_t width = trn_kit_least(count * K_ROWS, walk->k - first * K_ROWS);
		struct trn_isa_mem src = trn_kit_gemm_rows(
			walk, walk->args.a, walk->input, block->m + m, walk->k,
			(walk->looped ? (uint64_t)m * walk->k : 0) + first * K_ROWS, width);

		src = trn_dram_outer(src, (int32_t)walk->k, rows);
		trn_kit_copy(gemm->walk.builder,
			     trn_chip(trn_view_rows(trn_view(&gemm->rows, 0, width), 0, rows)), src,
			     TRN_ENGINE_SYNC);
		for (uint32_t c = 0; c < count; c++) {
			uint32_t high = chunk_rows(gemm, first + c);
			struct trn_isa_ap turned = trn_view_rows(
				trn_view(&gemm->flipped, c % 2 * KIT_GEMM_M, rows), 0, high);

			transpose(gemm, turned,
				  trn_view_rows(trn_view(&gemm->rows, c * K_ROWS, high), 0, rows));
			copy(gemm,
			     trn_view_rows(trn_view(tile, c * walk->block_m + m, rows), 0, high),
			     turned);
		}
	}
}

static void load_a(struct trn_kit_gemm *walk, uint32_t turn, const struct trn_kit_gemm_block *block,
		   uint32_t first, uint32_t count)
{
	struct gemm *gemm = plain(walk);

	if (gemm->esize == 2)
		load_a_flipped(gemm, &gemm->a[turn], block, first, count);
	else
		load_a_turned(gemm, &gemm->a[turn], block, first, count);
}

/* B's block, [128, count, width], each row of B contiguous. */
static void load_b(struct trn_kit_gemm *walk, uint32_t turn, uint32_t n, uint32_t width,
		   uint32_t first, uint32_t count)
{
	struct gemm *gemm = plain(walk);
	const struct trn_tile *tile = &gemm->b[turn];
	uint32_t full = full_chunks(gemm, first, count);
	struct trn_isa_mem src;
	struct trn_isa_ap dst;

	if (full) {
		src = trn_dram(walk->args.b, walk->input,
			       ((uint64_t)first * K_ROWS * walk->n + n) * gemm->esize, width);
		src = trn_dram_outer(src, (int32_t)(K_ROWS * walk->n), full);
		src = trn_dram_outer(src, (int32_t)walk->n, K_ROWS);
		dst = trn_view_outer(trn_view(tile, 0, width), (int32_t)width, full);
		trn_kit_copy(gemm->walk.builder, trn_chip(dst), src, TRN_ENGINE_SYNC);
	}
	if (full < count) {
		uint32_t rows = chunk_rows(gemm, first + full);

		src = trn_dram(walk->args.b, walk->input,
			       ((uint64_t)(first + full) * K_ROWS * walk->n + n) * gemm->esize,
			       width);
		src = trn_dram_outer(src, (int32_t)walk->n, rows);
		dst = trn_view_rows(trn_view(tile, full * width, width), 0, rows);
		trn_kit_copy(gemm->walk.builder, trn_chip(dst), src, TRN_ENGINE_SYNC);
	}
}

/* Adds chunks [first, first + count) of K to the block in acc. */
static void multiply(struct trn_kit_gemm *walk, const struct trn_tile *acc, uint32_t turn_a,
		     uint32_t turn_b, const struct trn_kit_gemm_block *block, uint32_t first,
		     uint32_t count)
{
	struct gemm *gemm = plain(walk);
	const struct trn_tile *a = &gemm->a[turn_a], *b = &gemm->b[turn_b];
	uint32_t width = walk->keep_b ? walk->n : block->columns;
	uint32_t from = walk->keep_b ? first * width + block->n : 0;

	for (uint32_t m = 0; m < block->rows; m += KIT_GEMM_M) {
		uint32_t rows = trn_kit_least(KIT_GEMM_M, block->rows - m);

		for (uint32_t n = 0; n < block->columns; n += KIT_GEMM_BANK) {
			uint32_t columns = trn_kit_least(KIT_GEMM_BANK, block->columns - n);
			struct trn_isa_ap dst = trn_kit_gemm_acc(walk, acc, m, n, rows, columns);

			for (uint32_t c = 0; c < count; c++) {
				uint32_t high = chunk_rows(gemm, first + c);

				trn_kit_matmul(
					gemm->walk.builder, dst,
					trn_view_rows(trn_view(a, c * walk->block_m + m, rows), 0,
						      high),
					trn_view_rows(trn_view(b, from + c * width + n, columns), 0,
						      high),
					first + c > 0);
			}
		}
	}
}

static const struct trn_kit_gemm_ops ops = { load_a, load_b, multiply };

/* Sizes of blocks: C's block is PSUM's half, K's is what SBUF holds twice. */
static void plan(struct gemm *gemm)
{
	struct trn_kit_gemm *walk = &gemm->walk;
	bool turn = gemm->esize == 4; /* needs PSUM for turning A */
	uint32_t widest;

	walk->chunks = trn_kit_div_up(walk->k, K_ROWS);
	walk->block_m = trn_kit_least(walk->m, turn ? KIT_GEMM_M : 2 * KIT_GEMM_M);
	walk->block_n = trn_kit_least(walk->n, 2 * KIT_GEMM_BANK);
	widest = walk->block_m > walk->block_n ? walk->block_m : walk->block_n;
	walk->block_k = trn_kit_least(walk->chunks, BLOCK_BYTES / (widest * gemm->esize));
	walk->keep_b = walk->block_k == walk->chunks && walk->n <= INT16_MAX &&
		       (uint64_t)walk->chunks * walk->n * gemm->esize <= BLOCK_BYTES;
}

static void allocate(struct gemm *gemm)
{
	const struct trn_kit_gemm *walk = &gemm->walk;
	uint32_t b = walk->keep_b ? walk->chunks * walk->n : walk->block_k * walk->block_n;

	for (uint32_t i = 0; i < 2; i++) {
		gemm->a[i] = trn_tile_alloc(walk->builder, TRN_SPACE_SBUF, walk->input, K_ROWS,
					    walk->block_k * walk->block_m);
		if (i == 0 || !walk->keep_b)
			gemm->b[i] = trn_tile_alloc(walk->builder, TRN_SPACE_SBUF, walk->input,
						    K_ROWS, b);
	}
	if (gemm->esize == 4) {
		gemm->rows = trn_tile_alloc(walk->builder, TRN_SPACE_SBUF, walk->input, KIT_GEMM_M,
					    walk->block_k * K_ROWS);
		gemm->flipped = trn_tile_alloc(walk->builder, TRN_SPACE_PSUM, walk->input, K_ROWS,
					       2 * KIT_GEMM_M);
	}
}

static void release(struct gemm *gemm)
{
	struct trn_builder *b = gemm->walk.builder;

	for (uint32_t i = 0; i < 2; i++) {
		trn_tile_free(b, &gemm->a[i]);
		if (i == 0 || !gemm->walk.keep_b)
			trn_tile_free(b, &gemm->b[i]);
	}
	if (gemm->esize == 4) {
		trn_tile_free(b, &gemm->rows);
		trn_tile_free(b, &gemm->flipped);
	}
}

static bool shape_ok(struct trn_builder *builder, const struct trn_gemm_shape *shape)
{
	if (!is_float(shape->input) || !is_float(shape->output)) {
		trn_builder_fail(builder, -EINVAL, "gemm: formats are BF16, F16 and F32");
		return false;
	}
	return trn_kit_gemm_sizes(builder, shape->m, shape->n, shape->k, K_ROWS);
}

void trn_gemm_emit(struct trn_builder *builder, const struct trn_gemm_shape *shape,
		   const struct trn_gemm_args *args)
{
	struct gemm gemm = { .walk = { .builder = builder,
				       .ops = &ops,
				       .m = shape->m,
				       .n = shape->n,
				       .k = shape->k,
				       .input = shape->input,
				       .output = shape->output,
				       .args = *args } };

	if (!shape_ok(builder, shape))
		return;
	gemm.esize = dtype_size(shape->input);
	plan(&gemm);
	allocate(&gemm);
	trn_kit_gemm_run(&gemm.walk);
	release(&gemm);
}

int trn_kernel_gemm(const struct trn_builder_opts *opts, const struct trn_gemm_shape *shape,
		    void **ret_image, size_t *ret_bytes)
{
	struct trn_gemm_args args;
	struct trn_builder *b;
	uint64_t in, out;
	int r;

	if (!shape || !ret_image || !ret_bytes)
		return -EINVAL;
	r = trn_builder_create(opts, &b);
	if (r < 0)
		return r;
	in = dtype_size(shape->input);
	out = dtype_size(shape->output);
	args.a = trn_builder_arg(b, "a", TRN_ARG_BUFFER, (uint64_t)shape->m * shape->k * in);
	args.b = trn_builder_arg(b, "b", TRN_ARG_BUFFER, (uint64_t)shape->k * shape->n * in);
	args.c = trn_builder_arg(b, "c", TRN_ARG_BUFFER, (uint64_t)shape->m * shape->n * out);
	trn_gemm_emit(b, shape, &args);
	r = trn_builder_finish(b, ret_image, ret_bytes);
	trn_builder_destroy(b);
	return r;
}
