/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products with MX weights. Rows of A come as they are; the tensor engine turns every
 * fourth column at a time, so that four neighbours of K come to lie side by side in a partition,
 * and they are quantised. A block of B comes as it lies in memory. Chunks of K are tiles of 512
 * rows. */
#include <errno.h>
#include "kernels/gemm.h"
#include "kernels/mx.h"

#define BLOCK_BYTES (48u * 1024) /* of a partition, for one block of B */
#define BLOCK_N 512u             /* columns of a block of C */
#define ROW_TILES 8u             /* tiles of K of A's rows that are loaded at once */
#define TURN (KIT_GEMM_M * KIT_MX_NUMBERS)

struct gemm_mx {
	struct trn_kit_gemm walk;
	struct trn_kit_mx_matrix weights;
	uint32_t esize, width; /* of B's elements; columns of A's block, even */
	uint32_t turn_rows, turn_flip;
	struct trn_tile rows[2], flipped[2], turned[2], b[2], scale[2];
	struct trn_kit_mx_tile a[2];
};

/* The walk is the first member. */
static struct gemm_mx *mx(struct trn_kit_gemm *walk)
{
	return (struct gemm_mx *)(void *)walk;
}

/* Columns [column, column + 4 * lanes) of some rows of A, turned: element m * 4 + j of partition
 * p is column 4 p + j of row m. */
static const struct trn_tile *turn(struct gemm_mx *gemm, const struct trn_tile *rows,
				   uint32_t column, uint32_t lanes, uint32_t some)
{
	const uint32_t at = gemm->turn_flip++ % 2;
	const struct trn_tile *flipped = &gemm->flipped[at], *turned = &gemm->turned[at];
	struct trn_builder *b = gemm->walk.builder;
	struct trn_isa_ap src =
		trn_view_outer(trn_view(flipped, 0, some), KIT_GEMM_M, KIT_MX_NUMBERS);
	struct trn_isa_ap dst = trn_view_outer(
		trn_view_step(trn_view(turned, 0, some), KIT_MX_NUMBERS), 1, KIT_MX_NUMBERS);

	for (uint32_t j = 0; j < KIT_MX_NUMBERS; j++)
		trn_tile_compute(
			b, &(struct trn_tile_op){
				   .op = TRN_OP_TRANSPOSE,
				   .engine = TRN_ENGINE_TENSOR,
				   .dst = trn_view_rows(trn_view(flipped, j * KIT_GEMM_M, some), 0,
							lanes),
				   .src0 = trn_view_rows(
					   trn_view_step(trn_view(rows, column + j, lanes),
							 KIT_MX_NUMBERS),
					   0, some) });
	if (lanes < KIT_LANES) /* past the last row of K */
		trn_kit_fill(b, trn_view(turned, 0, TURN), 0.0f);
	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
						   .engine = TRN_ENGINE_SCALAR,
						   .dst = trn_view_rows(dst, 0, lanes),
						   .src0 = trn_view_rows(src, 0, lanes) });
	return turned;
}

/* Tiles [first, first + count) of some rows of A, from row m of the block on. */
static void load_rows(struct gemm_mx *gemm, const struct trn_kit_mx_tile *a, uint32_t row,
		      uint32_t m, uint32_t some, uint32_t first, uint32_t count)
{
	const struct trn_kit_gemm *walk = &gemm->walk;
	const struct trn_tile *rows = NULL;

	for (uint32_t t = 0; t < count; t++) {
		const uint32_t from = (first + t) * KIT_MX_ROWS, left = walk->k - from;
		const uint32_t lanes = trn_kit_least(left, KIT_MX_ROWS) / KIT_MX_NUMBERS;
		const uint32_t padded = trn_kit_mx_lanes(walk->k, first + t);
		const uint32_t at = t * a->width + m;
		const struct trn_tile *turned;

		if (t % ROW_TILES == 0) {
			const uint32_t most = trn_kit_least(count - t, ROW_TILES) * KIT_MX_ROWS;
			const uint32_t cols = trn_kit_least(left, most);
			struct trn_isa_mem src = trn_kit_gemm_rows(
				walk, walk->args.a, walk->input, row + m, walk->k,
				(walk->looped ? (uint64_t)m * walk->k : 0) + from, cols);

			rows = &gemm->rows[gemm->turn_rows++ % 2];
			trn_kit_copy(walk->builder,
				     trn_chip(trn_view_rows(trn_view(rows, 0, cols), 0, some)),
				     trn_dram_outer(src, (int32_t)walk->k, some), TRN_ENGINE_SYNC);
		}
		turned = turn(gemm, rows, t % ROW_TILES * KIT_MX_ROWS, lanes, some);
		trn_tile_compute(
			walk->builder,
			&(struct trn_tile_op){
				.op = TRN_OP_QUANTIZE_MX,
				.engine = TRN_ENGINE_VECTOR,
				.dst = trn_view_rows(trn_view(&a->numbers, at, some), 0, padded),
				.src0 = trn_view_rows(trn_view(turned, 0, some * KIT_MX_NUMBERS), 0,
						      padded),
				.dst2 = trn_kit_mx_scale(trn_view(&a->scales, at, some), padded, 0),
			});
	}
}

static void load_a(struct trn_kit_gemm *walk, uint32_t turn_a,
		   const struct trn_kit_gemm_block *block, uint32_t first, uint32_t count)
{
	struct gemm_mx *gemm = mx(walk);

	for (uint32_t m = 0; m < block->rows; m += KIT_GEMM_M)
		load_rows(gemm, &gemm->a[turn_a], block->m, m,
			  trn_kit_least(KIT_GEMM_M, block->rows - m), first, count);
}

/* Four tiles at a time: the tensor engine waits for those that it wants next. */
static void load_b(struct trn_kit_gemm *walk, uint32_t turn_b, uint32_t n, uint32_t width,
		   uint32_t first, uint32_t count)
{
	struct gemm_mx *gemm = mx(walk);

	for (uint32_t t = 0; t < count; t += KIT_MX_SHARE) {
		struct trn_tile numbers = gemm->b[turn_b], scales = gemm->scale[turn_b];

		numbers.offset += t * width * gemm->esize;
		scales.offset += t / KIT_MX_SHARE * width;
		gemm->weights.tile = first + t;
		gemm->weights.tiles = trn_kit_least(count - t, KIT_MX_SHARE);
		trn_kit_mx_load(walk->builder, &numbers, &gemm->weights, n, width, TRN_ENGINE_SYNC);
		trn_kit_mx_load_scales(walk->builder, &scales, &gemm->weights, n, width,
				       TRN_ENGINE_GPSIMD);
	}
}

/* Adds tiles [first, first + count) to the block in acc. */
static void multiply(struct trn_kit_gemm *walk, const struct trn_tile *acc, uint32_t turn_a,
		     uint32_t turn_b, const struct trn_kit_gemm_block *block, uint32_t first,
		     uint32_t count)
{
	const struct gemm_mx *gemm = mx(walk);
	const struct trn_kit_mx_tile *a = &gemm->a[turn_a];
	const uint32_t width = walk->keep_b ? walk->n : block->columns;
	const uint32_t from = walk->keep_b ? block->n : 0;

	for (uint32_t m = 0; m < block->rows; m += KIT_GEMM_M) {
		const uint32_t some = trn_kit_least(KIT_GEMM_M, block->rows - m);
		const uint32_t rows = some + some % 2; /* an odd one takes an idle one along */
		const struct trn_isa_ap dst =
			trn_kit_gemm_acc(walk, acc, m, 0, rows, block->columns);

		for (uint32_t c = 0; c < count; c++) {
			const uint32_t lanes = trn_kit_mx_lanes(walk->k, first + c);
			const struct trn_kit_mx_operand x = {
				trn_view_rows(trn_view(&a->numbers, c * a->width + m, rows), 0,
					      lanes),
				trn_kit_mx_scale(trn_view(&a->scales, c * a->width + m, rows),
						 lanes, 0),
			};
			const struct trn_kit_mx_operand w = {
				trn_view_rows(trn_view(&gemm->b[turn_b], c * width + from,
						       block->columns),
					      0, lanes),
				trn_kit_mx_scale(trn_view(&gemm->scale[turn_b],
							  c / KIT_MX_SHARE * width + from,
							  block->columns),
						 lanes, c % KIT_MX_SHARE),
			};

			trn_kit_matmul_mx(walk->builder, dst, &x, &w, first + c > 0);
		}
	}
}

static const struct trn_kit_gemm_ops ops = { load_a, load_b, multiply };

/* C's block is a quarter of PSUM. Steps of K are all of it, or a multiple of four tiles. */
static void plan(struct gemm_mx *gemm)
{
	struct trn_kit_gemm *walk = &gemm->walk;
	uint32_t most;

	walk->chunks = trn_kit_mx_tiles(walk->k);
	walk->block_m = trn_kit_least(walk->m, 2 * KIT_GEMM_M);
	walk->block_n = trn_kit_least(walk->n, BLOCK_N);
	gemm->width = walk->block_m + walk->block_m % 2;
	most = BLOCK_BYTES / (BLOCK_N * gemm->esize);
	walk->block_k = walk->chunks <= most ? walk->chunks : most / KIT_MX_SHARE * KIT_MX_SHARE;
	walk->keep_b = walk->block_k == walk->chunks && walk->n <= INT16_MAX &&
		       (uint64_t)walk->chunks * walk->n * gemm->esize <= BLOCK_BYTES;
}

static void allocate(struct gemm_mx *gemm)
{
	const struct trn_kit_gemm *walk = &gemm->walk;
	struct trn_builder *b = walk->builder;
	const uint32_t cols = walk->keep_b ? walk->n : walk->block_n;
	const uint32_t groups = trn_kit_div_up(walk->block_k, KIT_MX_SHARE);
	const enum trn_space sbuf = TRN_SPACE_SBUF;

	for (uint32_t i = 0; i < 2; i++) {
		gemm->rows[i] =
			trn_tile_alloc(b, sbuf, walk->input, KIT_GEMM_M,
				       trn_kit_least(walk->block_k, ROW_TILES) * KIT_MX_ROWS);
		gemm->flipped[i] = trn_tile_alloc(b, TRN_SPACE_PSUM, walk->input, KIT_LANES, TURN);
		gemm->turned[i] = trn_tile_alloc(b, sbuf, walk->input, KIT_LANES, TURN);
		trn_kit_mx_alloc(b, &gemm->a[i], walk->block_k * KIT_MX_ROWS, gemm->width);
		if (i > 0 && walk->keep_b)
			continue;
		gemm->b[i] = trn_tile_alloc(b, sbuf, gemm->weights.format, KIT_LANES,
					    walk->block_k * cols);
		gemm->scale[i] = trn_tile_alloc(b, sbuf, TRN_DTYPE_U8, KIT_LANES, groups * cols);
	}
}

static void release(struct gemm_mx *gemm)
{
	struct trn_builder *b = gemm->walk.builder;

	for (uint32_t i = 0; i < 2; i++) {
		trn_tile_free(b, &gemm->rows[i]);
		trn_tile_free(b, &gemm->flipped[i]);
		trn_tile_free(b, &gemm->turned[i]);
		trn_kit_mx_free(b, &gemm->a[i]);
		if (i > 0 && gemm->walk.keep_b)
			continue;
		trn_tile_free(b, &gemm->b[i]);
		trn_tile_free(b, &gemm->scale[i]);
	}
}

static bool half(enum trn_dtype dtype)
{
	return dtype == TRN_DTYPE_BF16 || dtype == TRN_DTYPE_F16;
}

static bool shape_ok(struct trn_builder *builder, const struct trn_gemm_mx_shape *shape)
{
	if (!half(shape->input) || (!half(shape->output) && shape->output != TRN_DTYPE_F32)) {
		trn_builder_fail(builder, -EINVAL, "gemm: A is BF16 or F16, C is BF16, F16 or F32");
		return false;
	}
	return trn_kit_mx_format(builder, shape->weight) &&
	       trn_kit_mx_rows(builder, "k", shape->k) &&
	       trn_kit_gemm_sizes(builder, shape->m, shape->n, shape->k, KIT_MX_ROWS);
}

void trn_gemm_mx_emit(struct trn_builder *builder, const struct trn_gemm_mx_shape *shape,
		      const struct trn_gemm_mx_args *args)
{
	struct gemm_mx gemm = {
		.walk = { .builder = builder,
			  .ops = &ops,
			  .m = shape->m,
			  .n = shape->n,
			  .k = shape->k,
			  .input = shape->input,
			  .output = shape->output,
			  .args = { .a = args->a, .b = args->b, .c = args->c } },
		.weights = { .arg = args->b,
			     .scale_arg = args->b_scale,
			     .format = shape->weight,
			     .rows = shape->k,
			     .cols = shape->n,
			     .reg = -1 },
		.esize = shape->weight == TRN_DTYPE_F4E2M1_X4 ? 2 : 4,
	};

	if (!shape_ok(builder, shape))
		return;
	plan(&gemm);
	allocate(&gemm);
	trn_kit_gemm_run(&gemm.walk);
	release(&gemm);
}

int trn_kernel_gemm_mx(const struct trn_builder_opts *opts, const struct trn_gemm_mx_shape *shape,
		       void **ret_image, size_t *ret_bytes)
{
	const struct trn_builder_opts trn3 = { .size = sizeof(trn3), .arch = 3 };
	struct trn_gemm_mx_args args;
	struct trn_builder *b;
	uint64_t out;
	int r;

	if (!shape || !ret_image || !ret_bytes)
		return -EINVAL;
	r = trn_builder_create(opts ? opts : &trn3, &b);
	if (r < 0)
		return r;
	out = shape->output == TRN_DTYPE_F32 ? 4 : 2;
	args.a = trn_builder_arg(b, "a", TRN_ARG_BUFFER, (uint64_t)shape->m * shape->k * 2);
	args.b = trn_builder_arg(b, "b", TRN_ARG_BUFFER,
				 trn_mx_number_bytes(shape->weight, shape->k, shape->n));
	args.b_scale = trn_builder_arg(b, "b_scale", TRN_ARG_BUFFER,
				       trn_mx_scale_bytes(shape->k, shape->n));
	args.c = trn_builder_arg(b, "c", TRN_ARG_BUFFER, (uint64_t)shape->m * shape->n * out);
	trn_gemm_mx_emit(b, shape, &args);
	r = trn_builder_finish(b, ret_image, ret_bytes);
	trn_builder_destroy(b);
	return r;
}
