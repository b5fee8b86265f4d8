/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers of few rows, and the embedding gather. The rows stay in the tensor engine
 * while blocks of weights stream past. */
#include "kernels/kit.h"

#include <trn/kernels_decoder.h>

#define BLOCK_COLS 512u           /* one PSUM bank of FP32 */
#define BLOCK_BYTES (32u * 1024u) /* of a lane, for one block of weights */
#define STAGES 2u                 /* blocks in turn: one loads while the other is used */
#define OUT_MAX (1u << 24)

struct linear {
	struct trn_builder *builder;
	const struct trn_linear_args *args;
	enum trn_dtype dtype; /* of the operands of the tensor engine */
	uint32_t tiles, cols; /* lanes' tiles of a row of x, columns of a block */
	struct trn_tile x, weight[STAGES], sum, y, other;
};

static bool linear_ok(struct trn_builder *builder, const struct trn_linear_args *args)
{
	return trn_kit_in(builder, "tokens", args->tokens, TRN_ROWS_MAX) &&
	       trn_kit_in(builder, "in", args->in, TRN_WIDTH_MAX) &&
	       trn_kit_in(builder, "out", args->out, OUT_MAX) &&
	       trn_kit_in(builder, "flags + 1", (uint64_t)args->flags + 1, 8);
}

static void linear_tiles(struct linear *l)
{
	struct trn_builder *b = l->builder;
	uint32_t esize = l->args->flags & TRN_LINEAR_FP32 ? 4 : 2;

	l->tiles = trn_kit_tiles(l->args->in);
	l->cols = BLOCK_BYTES / (l->tiles * esize);
	l->cols = l->cols < BLOCK_COLS ? l->cols : BLOCK_COLS;
	l->cols = l->cols < l->args->out ? l->cols : l->args->out;
	l->x = trn_tile_alloc(b, TRN_SPACE_SBUF, l->dtype, KIT_LANES, l->tiles * l->args->tokens);
	for (uint32_t i = 0; i < STAGES; i++)
		l->weight[i] =
			trn_tile_alloc(b, TRN_SPACE_SBUF, l->dtype, KIT_LANES, l->tiles * l->cols);
	l->sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, l->args->tokens, l->cols);
	l->y = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, l->args->tokens, l->cols);
	l->other = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, l->args->tokens, l->cols);
}

static void linear_free(struct linear *l)
{
	trn_tile_free(l->builder, &l->x);
	for (uint32_t i = 0; i < STAGES; i++)
		trn_tile_free(l->builder, &l->weight[i]);
	trn_tile_free(l->builder, &l->sum);
	trn_tile_free(l->builder, &l->y);
	trn_tile_free(l->builder, &l->other);
}

/* y += cols columns of an argument; step 0 takes the same row for every token. */
static void linear_add(struct linear *l, uint32_t arg, uint32_t first, uint32_t cols, uint32_t step)
{
	struct trn_isa_ap other = trn_view(&l->other, 0, cols), y = trn_view(&l->y, 0, cols);

	trn_kit_copy(l->builder, trn_chip(other),
		     trn_kit_rows(arg, TRN_DTYPE_F32, first, cols, step, l->args->tokens),
		     TRN_ENGINE_SYNC);
	trn_kit_tensor(l->builder, y, y, TRN_ALU_ADD, other);
}

static void linear_block(struct linear *l, uint32_t first, uint32_t stage)
{
	const struct trn_linear_args *a = l->args;
	uint32_t cols = a->out - first < l->cols ? a->out - first : l->cols;
	const struct trn_tile *weight = &l->weight[stage];
	struct trn_kit_matrix m = { .arg = a->weight,
				    .dtype = TRN_DTYPE_BF16,
				    .offset = (uint64_t)first * 2,
				    .rows = a->in,
				    .cols = cols,
				    .row_step = (int32_t)a->out,
				    .col_step = 1,
				    .reg = -1 };
	struct trn_isa_ap sum = trn_view(&l->sum, 0, cols), y = trn_view(&l->y, 0, cols);

	trn_kit_load(l->builder, weight, &m, stage ? TRN_ENGINE_GPSIMD : TRN_ENGINE_SYNC);
	for (uint32_t t = 0; t < l->tiles; t++) {
		uint32_t lanes = a->in - t * KIT_LANES;
		struct trn_isa_ap x = trn_view(&l->x, t * a->tokens, a->tokens);

		lanes = lanes < KIT_LANES ? lanes : KIT_LANES;
		trn_kit_matmul(l->builder, sum, trn_view_rows(x, 0, lanes),
			       trn_view_rows(trn_view(weight, t * cols, cols), 0, lanes), t > 0);
	}
	trn_kit_cast(l->builder, y, sum);
	if (a->flags & TRN_LINEAR_BIAS)
		linear_add(l, a->bias, first, cols, 0);
	if (a->flags & TRN_LINEAR_ADD)
		linear_add(l, a->y, first, cols, a->out);
	trn_kit_copy(l->builder, trn_kit_rows(a->y, TRN_DTYPE_F32, first, cols, a->out, a->tokens),
		     trn_chip(y), TRN_ENGINE_SYNC);
}

void trn_linear_emit(struct trn_builder *builder, const struct trn_linear_args *args)
{
	struct linear l = { .builder = builder, .args = args, .dtype = TRN_DTYPE_BF16 };
	struct trn_kit_matrix x;

	if (!linear_ok(builder, args))
		return;
	if (args->flags & TRN_LINEAR_FP32)
		l.dtype = TRN_DTYPE_F32;
	/* x turns on its way in: its elements by lanes, tokens beside each other; the DMA casts. */
	x = (struct trn_kit_matrix){ .arg = args->x,
				     .dtype = TRN_DTYPE_F32,
				     .rows = args->in,
				     .cols = args->tokens,
				     .row_step = 1,
				     .col_step = (int32_t)args->in,
				     .reg = -1 };
	linear_tiles(&l);
	trn_kit_load(builder, &l.x, &x, TRN_ENGINE_SYNC);
	for (uint32_t first = 0, i = 0; first < args->out; first += l.cols, i++) {
		linear_block(&l, first, i % STAGES);
		if (trn_builder_status(builder, NULL) < 0)
			break;
	}
	linear_free(&l);
}

void trn_embed_emit(struct trn_builder *builder, const struct trn_embed_args *args)
{
	uint32_t tokens = args->tokens, width = args->width;
	struct trn_tile token, rows;
	struct trn_isa_mem table;

	if (!trn_kit_in(builder, "tokens", tokens, TRN_ROWS_MAX) ||
	    !trn_kit_in(builder, "width", width, TRN_WIDTH_MAX) ||
	    !trn_kit_in(builder, "vocab", args->vocab, OUT_MAX))
		return;
	token = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U32, tokens, 1);
	rows = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, width);
	/* The index takes the place of the row number; the argument's size bounds it. */
	table = trn_dram_outer(trn_dram(args->table, TRN_DTYPE_BF16, 0, width), (int32_t)width,
			       tokens);
	trn_kit_copy(builder, trn_chip(trn_view(&token, 0, 1)),
		     trn_kit_rows(args->token, TRN_DTYPE_U32, 0, 1, 1, tokens), TRN_ENGINE_SYNC);
	trn_tile_transfer(builder,
			  &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
						  .engine = TRN_ENGINE_GPSIMD,
						  .flags = TRN_DMA_GATHER,
						  .index = trn_view(&token, 0, 1),
						  .dst = trn_chip(trn_view(&rows, 0, width)),
						  .src = table });
	trn_kit_copy(builder, trn_kit_rows(args->y, TRN_DTYPE_F32, 0, width, width, tokens),
		     trn_chip(trn_view(&rows, 0, width)), TRN_ENGINE_SYNC);
	trn_tile_free(builder, &token);
	trn_tile_free(builder, &rows);
}
