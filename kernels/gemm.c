/* SPDX-License-Identifier: Apache-2.0 */
/* C = A B by tiles. A block of C stays in PSUM while the blocks of A and B along K stream
 * through SBUF; A is put on the partitions by K, by transposing DMA (16-bit formats) or by
 * the tensor engine (FP32). Two blocks of everything let loading, multiplying and storing
 * overlap. */
#include <errno.h>
#include <trn/kernels_gemm.h>
#include "kernels/kit.h"

#define K_ROWS 128u              /* rows of K in a chunk: the partitions */
#define TILE_M 128u              /* rows of C in a matmul */
#define BLOCK_BYTES (44u * 1024) /* of a partition, for one block of A or of B */
#define UNROLL_MAX 16u           /* blocks of rows before a loop takes over */
#define MATMULS_MAX (1u << 20)
#define BANK 512u /* FP32 elements of a PSUM bank */
/* The rows of a block, in bytes, are the scale of a register: 32 bits. */
#define SIZE_MOST (UINT32_MAX / (2 * TILE_M * 4) / 2)

struct gemm {
	struct trn_builder *builder;
	struct trn_gemm_shape shape;
	uint32_t esize;
	uint32_t block_m, block_n; /* of C */
	uint32_t block_k;          /* chunks of K that are loaded together */
	uint32_t chunks;           /* of K, the last one may be short */
	const struct trn_gemm_args *args;
	struct trn_tile a[2], b[2], out[2], rows, acc[2], flipped;
	uint32_t turn_a, turn_b, turn_out, turn_acc;
	bool keep_b; /* all of B lies in b[0] */
	bool looped;
	uint8_t reg; /* block of rows, when looped */
};

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t div_up(uint32_t a, uint32_t b)
{
	return a / b + (a % b != 0);
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
	trn_tile_transfer(gemm->builder, &(struct trn_tile_dma){ .op = TRN_OP_DMA_TRANSPOSE,
								 .engine = TRN_ENGINE_SYNC,
								 .dst = dst,
								 .src = src });
}

static void transpose(struct gemm *gemm, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_tile_compute(gemm->builder, &(struct trn_tile_op){ .op = TRN_OP_TRANSPOSE,
							       .engine = TRN_ENGINE_TENSOR,
							       .dst = dst,
							       .src0 = src });
}

static void copy(struct gemm *gemm, enum trn_engine engine, struct trn_isa_ap dst,
		 struct trn_isa_ap src)
{
	trn_tile_compute(gemm->builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
							       .engine = engine,
							       .dst = dst,
							       .src0 = src });
}

/* One block of C: first row and column, and how many. */
struct block {
	uint32_t m, n, rows, columns;
};

static struct trn_isa_mem rows_mem(const struct gemm *gemm, uint32_t arg, enum trn_dtype dtype,
				   uint32_t m, uint32_t width, uint64_t offset, uint32_t num)
{
	struct trn_isa_mem mem;
	uint64_t size = dtype_size(dtype);
	uint64_t row = gemm->looped ? 0 : m;

	mem = trn_dram(arg, dtype, (row * width + offset) * size, num);
	if (gemm->looped)
		mem = trn_dram_reg(mem, gemm->reg, (uint32_t)(gemm->block_m * width * size));
	return mem;
}

/* Rows of a chunk: 128, or what is left of K. */
static uint32_t chunk_rows(const struct gemm *gemm, uint32_t chunk)
{
	return least(K_ROWS, gemm->shape.k - chunk * K_ROWS);
}

/* Chunks [first, first + count) that are full; a short one can only be the last. */
static uint32_t full_chunks(const struct gemm *gemm, uint32_t first, uint32_t count)
{
	return count && chunk_rows(gemm, first + count - 1) < K_ROWS ? count - 1 : count;
}

/* A's block with K on the partitions, [128, count, block_m]. */
static void load_a_flipped(struct gemm *gemm, const struct trn_tile *tile,
			   const struct block *block, uint32_t first, uint32_t count)
{
	const struct trn_gemm_shape *shape = &gemm->shape;
	uint32_t full = full_chunks(gemm, first, count);
	struct trn_isa_mem src;
	struct trn_isa_ap dst;

	if (full) {
		src = rows_mem(gemm, gemm->args->a, shape->input, block->m, shape->k,
			       first * K_ROWS, K_ROWS);
		src = trn_dram_outer(src, K_ROWS, full);
		src = trn_dram_outer(src, (int32_t)shape->k, block->rows);
		dst = trn_view_outer(trn_view(tile, 0, block->rows), (int32_t)gemm->block_m, full);
		flip(gemm, trn_chip(dst), src);
	}
	if (full < count) {
		uint32_t rows = chunk_rows(gemm, first + full);

		src = rows_mem(gemm, gemm->args->a, shape->input, block->m, shape->k,
			       (first + full) * K_ROWS, rows);
		src = trn_dram_outer(src, (int32_t)shape->k, block->rows);
		dst = trn_view_rows(trn_view(tile, full * gemm->block_m, block->rows), 0, rows);
		flip(gemm, trn_chip(dst), src);
	}
}

/* The same for FP32: rows of A as they are, turned 128 by 128 on the tensor engine. */
static void load_a_turned(struct gemm *gemm, const struct trn_tile *tile, const struct block *block,
			  uint32_t first, uint32_t count)
{
	const struct trn_gemm_shape *shape = &gemm->shape;

	for (uint32_t m = 0; m < block->rows; m += TILE_M) {
		uint32_t rows = least(TILE_M, block->rows - m);
		uint32_t width = least(count * K_ROWS, shape->k - first * K_ROWS);
		struct trn_isa_mem src = rows_mem(
			gemm, gemm->args->a, shape->input, block->m + m, shape->k,
			(gemm->looped ? (uint64_t)m * shape->k : 0) + first * K_ROWS, width);

		src = trn_dram_outer(src, (int32_t)shape->k, rows);
		trn_kit_copy(gemm->builder,
			     trn_chip(trn_view_rows(trn_view(&gemm->rows, 0, width), 0, rows)), src,
			     TRN_ENGINE_SYNC);
		for (uint32_t c = 0; c < count; c++) {
			uint32_t high = chunk_rows(gemm, first + c);
			struct trn_isa_ap turned = trn_view_rows(
				trn_view(&gemm->flipped, c % 2 * TILE_M, rows), 0, high);

			transpose(gemm, turned,
				  trn_view_rows(trn_view(&gemm->rows, c * K_ROWS, high), 0, rows));
			copy(gemm, TRN_ENGINE_VECTOR,
			     trn_view_rows(trn_view(tile, c * gemm->block_m + m, rows), 0, high),
			     turned);
		}
	}
}

/* B's block, [128, count, width], each row of B contiguous. */
static void load_b(struct gemm *gemm, const struct trn_tile *tile, uint32_t n, uint32_t width,
		   uint32_t first, uint32_t count)
{
	const struct trn_gemm_shape *shape = &gemm->shape;
	uint32_t full = full_chunks(gemm, first, count);
	struct trn_isa_mem src;
	struct trn_isa_ap dst;

	if (full) {
		src = trn_dram(gemm->args->b, shape->input,
			       ((uint64_t)first * K_ROWS * shape->n + n) * gemm->esize, width);
		src = trn_dram_outer(src, (int32_t)(K_ROWS * shape->n), full);
		src = trn_dram_outer(src, (int32_t)shape->n, K_ROWS);
		dst = trn_view_outer(trn_view(tile, 0, width), (int32_t)width, full);
		trn_kit_copy(gemm->builder, trn_chip(dst), src, TRN_ENGINE_SYNC);
	}
	if (full < count) {
		uint32_t rows = chunk_rows(gemm, first + full);

		src = trn_dram(gemm->args->b, shape->input,
			       ((uint64_t)(first + full) * K_ROWS * shape->n + n) * gemm->esize,
			       width);
		src = trn_dram_outer(src, (int32_t)shape->n, rows);
		dst = trn_view_rows(trn_view(tile, full * width, width), 0, rows);
		trn_kit_copy(gemm->builder, trn_chip(dst), src, TRN_ENGINE_SYNC);
	}
}

/* PSUM of one block: banks by row tile, then by column. */
static struct trn_isa_ap acc_view(const struct gemm *gemm, const struct trn_tile *acc, uint32_t m,
				  uint32_t n, uint32_t rows, uint32_t columns)
{
	uint32_t banks = div_up(gemm->block_n, BANK);

	return trn_view_rows(trn_view(acc, (m / TILE_M * banks + n / BANK) * BANK, columns), 0,
			     rows);
}

/* Adds chunks [first, first + count) of K to the block in acc. */
static void multiply(struct gemm *gemm, const struct trn_tile *acc, const struct trn_tile *a,
		     const struct trn_tile *b, const struct block *block, uint32_t first,
		     uint32_t count)
{
	uint32_t width = gemm->keep_b ? gemm->shape.n : block->columns;
	uint32_t from = gemm->keep_b ? first * width + block->n : 0;

	for (uint32_t m = 0; m < block->rows; m += TILE_M) {
		uint32_t rows = least(TILE_M, block->rows - m);

		for (uint32_t n = 0; n < block->columns; n += BANK) {
			uint32_t columns = least(BANK, block->columns - n);
			struct trn_isa_ap dst = acc_view(gemm, acc, m, n, rows, columns);

			for (uint32_t c = 0; c < count; c++) {
				uint32_t high = chunk_rows(gemm, first + c);

				trn_kit_matmul(
					gemm->builder, dst,
					trn_view_rows(trn_view(a, c * gemm->block_m + m, rows), 0,
						      high),
					trn_view_rows(trn_view(b, from + c * width + n, columns), 0,
						      high),
					first + c > 0);
			}
		}
	}
}

/* PSUM to SBUF in C's format, and out; copies alternate between two engines. */
static void store(struct gemm *gemm, const struct trn_tile *acc, const struct block *block)
{
	const struct trn_gemm_shape *shape = &gemm->shape;

	for (uint32_t m = 0; m < block->rows; m += TILE_M) {
		uint32_t rows = least(TILE_M, block->rows - m);
		const struct trn_tile *out = &gemm->out[gemm->turn_out++ % 2];
		struct trn_isa_mem dst;

		for (uint32_t n = 0; n < block->columns; n += BANK) {
			uint32_t columns = least(BANK, block->columns - n);

			copy(gemm, n / BANK % 2 ? TRN_ENGINE_SCALAR : TRN_ENGINE_VECTOR,
			     trn_view_rows(trn_view(out, n, columns), 0, rows),
			     acc_view(gemm, acc, m, n, rows, columns));
		}
		dst = rows_mem(gemm, gemm->args->c, shape->output, block->m + m, shape->n,
			       (gemm->looped ? (uint64_t)m * shape->n : 0) + block->n,
			       block->columns);
		dst = trn_dram_outer(dst, (int32_t)shape->n, rows);
		trn_kit_copy(gemm->builder, dst,
			     trn_chip(trn_view_rows(trn_view(out, 0, block->columns), 0, rows)),
			     TRN_ENGINE_GPSIMD);
	}
}

/* All of C in rows [m, m + rows). */
static void block_rows(struct gemm *gemm, uint32_t m, uint32_t rows)
{
	const struct trn_tile *a = NULL;
	uint32_t steps = div_up(gemm->chunks, gemm->block_k);

	for (uint32_t n = 0; n < gemm->shape.n; n += gemm->block_n) {
		struct block block = { m, n, rows, least(gemm->block_n, gemm->shape.n - n) };
		const struct trn_tile *acc = &gemm->acc[gemm->turn_acc++ % 2];

		for (uint32_t step = 0; step < steps; step++) {
			uint32_t first = step * gemm->block_k;
			uint32_t count = least(gemm->block_k, gemm->chunks - first);
			const struct trn_tile *b = &gemm->b[0];

			/* With all of K in one step A's block serves every block of columns. */
			if (!a || steps > 1) {
				a = &gemm->a[gemm->turn_a++ % 2];
				if (gemm->esize == 2)
					load_a_flipped(gemm, a, &block, first, count);
				else
					load_a_turned(gemm, a, &block, first, count);
			}
			if (!gemm->keep_b) {
				b = &gemm->b[gemm->turn_b++ % 2];
				load_b(gemm, b, block.n, block.columns, first, count);
			}
			multiply(gemm, acc, a, b, &block, first, count);
		}
		store(gemm, acc, &block);
	}
}

/* Sizes of blocks: C's block is PSUM's half, K's is what SBUF holds twice. */
static void plan(struct gemm *gemm)
{
	const struct trn_gemm_shape *shape = &gemm->shape;
	bool turn = gemm->esize == 4; /* needs PSUM for turning A */
	uint32_t widest;

	gemm->chunks = div_up(shape->k, K_ROWS);
	gemm->block_m = least(shape->m, turn ? TILE_M : 2 * TILE_M);
	gemm->block_n = least(shape->n, 2 * BANK);
	widest = gemm->block_m > gemm->block_n ? gemm->block_m : gemm->block_n;
	gemm->block_k = least(gemm->chunks, BLOCK_BYTES / (widest * gemm->esize));
	gemm->keep_b = gemm->block_k == gemm->chunks && gemm->shape.n <= INT16_MAX &&
		       (uint64_t)gemm->chunks * shape->n * gemm->esize <= BLOCK_BYTES;
}

static void allocate(struct gemm *gemm)
{
	const struct trn_gemm_shape *shape = &gemm->shape;
	uint32_t banks = div_up(gemm->block_m, TILE_M) * div_up(gemm->block_n, BANK);

	for (uint32_t i = 0; i < 2; i++) {
		gemm->a[i] = trn_tile_alloc(gemm->builder, TRN_SPACE_SBUF, shape->input, K_ROWS,
					    gemm->block_k * gemm->block_m);
		gemm->out[i] = trn_tile_alloc(gemm->builder, TRN_SPACE_SBUF, shape->output, TILE_M,
					      gemm->block_n);
		gemm->acc[i] = trn_tile_alloc(gemm->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, TILE_M,
					      banks * BANK);
		if (!gemm->keep_b)
			gemm->b[i] = trn_tile_alloc(gemm->builder, TRN_SPACE_SBUF, shape->input,
						    K_ROWS, gemm->block_k * gemm->block_n);
	}
	if (gemm->keep_b)
		gemm->b[0] = trn_tile_alloc(gemm->builder, TRN_SPACE_SBUF, shape->input, K_ROWS,
					    gemm->chunks * shape->n);
	if (gemm->esize == 4) {
		gemm->rows = trn_tile_alloc(gemm->builder, TRN_SPACE_SBUF, shape->input, TILE_M,
					    gemm->block_k * K_ROWS);
		gemm->flipped = trn_tile_alloc(gemm->builder, TRN_SPACE_PSUM, shape->input, K_ROWS,
					       2 * TILE_M);
	}
}

/* Many blocks of rows become a loop: the program's length does not grow with M. */
static void emit(struct gemm *gemm)
{
	const struct trn_gemm_shape *shape = &gemm->shape;
	uint32_t whole = shape->m / gemm->block_m;
	uint32_t done = 0;

	if (gemm->keep_b)
		load_b(gemm, &gemm->b[0], 0, shape->n, 0, gemm->chunks);
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
	while (done < shape->m) {
		uint32_t rows = least(gemm->block_m, shape->m - done);

		block_rows(gemm, done, rows);
		done += rows;
	}
}

static bool shape_ok(struct trn_builder *builder, const struct trn_gemm_shape *shape)
{
	uint64_t matmuls =
		(uint64_t)div_up(shape->k, K_ROWS) * div_up(shape->n, BANK) * (UNROLL_MAX + 1) * 2;

	if (!trn_kit_in(builder, "m", shape->m, UINT32_MAX) ||
	    !trn_kit_in(builder, "n", shape->n, SIZE_MOST) ||
	    !trn_kit_in(builder, "k", shape->k, SIZE_MOST))
		return false;
	if (!is_float(shape->input) || !is_float(shape->output)) {
		trn_builder_fail(builder, -EINVAL, "gemm: formats are BF16, F16 and F32");
		return false;
	}
	if (matmuls > MATMULS_MAX) {
		trn_builder_fail(builder, -ENOSPC,
				 "gemm: k %u by n %u is too large for one program", shape->k,
				 shape->n);
		return false;
	}
	return true;
}

static void release(struct gemm *gemm)
{
	for (uint32_t i = 0; i < 2; i++) {
		trn_tile_free(gemm->builder, &gemm->a[i]);
		trn_tile_free(gemm->builder, &gemm->out[i]);
		trn_tile_free(gemm->builder, &gemm->acc[i]);
		if (i == 0 || !gemm->keep_b)
			trn_tile_free(gemm->builder, &gemm->b[i]);
	}
	if (gemm->esize == 4) {
		trn_tile_free(gemm->builder, &gemm->rows);
		trn_tile_free(gemm->builder, &gemm->flipped);
	}
}

void trn_gemm_emit(struct trn_builder *builder, const struct trn_gemm_shape *shape,
		   const struct trn_gemm_args *args)
{
	struct gemm gemm = { .builder = builder, .shape = *shape, .args = args };

	if (!shape_ok(builder, shape))
		return;
	gemm.esize = dtype_size(shape->input);
	plan(&gemm);
	allocate(&gemm);
	emit(&gemm);
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
