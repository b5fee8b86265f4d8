/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers of few rows with MX weights. x is turned, rounded to BF16 and quantised once,
 * then it stays in the tensor engine while blocks of weights stream past. */
#include "kernels/mx.h"

#define BLOCK_COLS 1024u          /* of weights in one load: two PSUM banks */
#define BLOCK_BYTES (48u * 1024u) /* of a lane, for one block of weights */
#define SCALE_BYTES (16u * 1024u) /* of a lane, for the scales of several blocks */
#define STAGES 2u                 /* blocks in turn: one loads while the other is used */
#define OUT_MAX (1u << 24)

struct linear_mx {
	struct trn_builder *builder;
	const struct trn_linear_mx_args *args;
	uint32_t tiles, width; /* of K; columns of x, even */
	uint32_t cols;         /* of a block of weights */
	uint32_t scale_cols;   /* of a block of scales, a multiple of cols or all */
	struct trn_kit_mx_matrix weights;
	struct trn_tile x;
	struct trn_kit_mx_tile quantized;
	struct trn_tile weight[STAGES], scale[STAGES], sum[STAGES], y[STAGES], other;
};

static bool linear_ok(struct trn_builder *builder, const struct trn_linear_mx_args *args)
{
	return trn_kit_in(builder, "tokens", args->tokens, TRN_ROWS_MAX) &&
	       trn_kit_in(builder, "in", args->in, TRN_WIDTH_MAX) &&
	       trn_kit_mx_rows(builder, "in", args->in) &&
	       trn_kit_in(builder, "out", args->out, OUT_MAX) &&
	       trn_kit_in(builder, "flags + 1", (uint64_t)args->flags + 1,
			  (TRN_LINEAR_BIAS | TRN_LINEAR_ADD) + 1) &&
	       trn_kit_mx_format(builder, args->format);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void linear_tiles(struct linear_mx *l)
{
	struct trn_builder *b = l->builder;
	const uint32_t esize = l->args->format == TRN_DTYPE_F4E2M1_X4 ? 2 : 4;
	const uint32_t groups = (l->tiles + KIT_MX_SHARE - 1) / KIT_MX_SHARE;
	const enum trn_space sbuf = TRN_SPACE_SBUF;

	l->cols = least(BLOCK_COLS, BLOCK_BYTES / (l->tiles * esize));
	l->scale_cols = least(SCALE_BYTES / groups / l->cols * l->cols, l->args->out);
	l->cols = least(l->cols, l->args->out);
	l->x = trn_tile_alloc(b, sbuf, TRN_DTYPE_BF16, KIT_LANES,
			      l->tiles * l->width * KIT_MX_NUMBERS);
	trn_kit_mx_alloc(b, &l->quantized, l->args->in, l->width);
	for (uint32_t i = 0; i < STAGES; i++) {
		l->weight[i] =
			trn_tile_alloc(b, sbuf, l->args->format, KIT_LANES, l->tiles * l->cols);
		l->scale[i] =
			trn_tile_alloc(b, sbuf, TRN_DTYPE_U8, KIT_LANES, groups * l->scale_cols);
		l->sum[i] = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, l->width, l->cols);
		l->y[i] = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, l->args->tokens, l->cols);
	}
	l->other = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, l->args->tokens, l->cols);
}

static void linear_free(struct linear_mx *l)
{
	trn_tile_free(l->builder, &l->x);
	trn_kit_mx_free(l->builder, &l->quantized);
	for (uint32_t i = 0; i < STAGES; i++) {
		trn_tile_free(l->builder, &l->weight[i]);
		trn_tile_free(l->builder, &l->scale[i]);
		trn_tile_free(l->builder, &l->sum[i]);
		trn_tile_free(l->builder, &l->y[i]);
	}
	trn_tile_free(l->builder, &l->other);
}

/* y += cols columns of an argument; step 0 takes the same row for every token. */
static void linear_add(struct linear_mx *l, const struct trn_tile *tile, uint32_t arg,
		       uint32_t first, uint32_t cols, uint32_t step)
{
	struct trn_isa_ap other = trn_view(&l->other, 0, cols), y = trn_view(tile, 0, cols);

	trn_kit_copy(l->builder, trn_chip(other),
		     trn_kit_rows(arg, TRN_DTYPE_F32, first, cols, step, l->args->tokens),
		     TRN_ENGINE_GPSIMD);
	trn_kit_tensor(l->builder, y, y, TRN_ALU_ADD, other);
}

/* Columns [first, first + cols), whose scales are those from column at of the block on. */
static void linear_block(struct linear_mx *l, uint32_t first, uint32_t cols, uint32_t stage,
			 const struct trn_tile *scale, uint32_t at, uint32_t scale_cols)
{
	const struct trn_linear_mx_args *a = l->args;
	const struct trn_tile *weight = &l->weight[stage];
	struct trn_isa_ap sum = trn_view(&l->sum[stage], 0, cols);
	struct trn_isa_ap y = trn_view(&l->y[stage], 0, cols);

	trn_kit_mx_load(l->builder, weight, &l->weights, first, cols, TRN_ENGINE_SYNC);
	for (uint32_t t = 0; t < l->tiles; t++) {
		const uint32_t lanes = trn_kit_mx_lanes(a->in, t);
		const struct trn_tile *numbers = &l->quantized.numbers;
		const struct trn_kit_mx_operand x = {
			trn_view_rows(trn_view(numbers, t * l->width, l->width), 0, lanes),
			trn_kit_mx_scale(trn_view(&l->quantized.scales, t * l->width, l->width),
					 lanes, 0),
		};
		const struct trn_kit_mx_operand w = {
			trn_view_rows(trn_view(weight, t * cols, cols), 0, lanes),
			trn_kit_mx_scale(trn_view(scale, t / KIT_MX_SHARE * scale_cols + at, cols),
					 lanes, t % KIT_MX_SHARE),
		};

		trn_kit_matmul_mx(l->builder, sum, &x, &w, t > 0);
	}
	trn_kit_cast(l->builder, y, trn_view_rows(sum, 0, a->tokens));
	if (a->flags & TRN_LINEAR_BIAS)
		linear_add(l, &l->y[stage], a->bias, first, cols, 0);
	if (a->flags & TRN_LINEAR_ADD)
		linear_add(l, &l->y[stage], a->y, first, cols, a->out);
	trn_kit_copy(l->builder, trn_kit_rows(a->y, TRN_DTYPE_F32, first, cols, a->out, a->tokens),
		     trn_chip(y), TRN_ENGINE_GPSIMD);
}

void trn_linear_mx_emit(struct trn_builder *builder, const struct trn_linear_mx_args *args)
{
	struct linear_mx l = { .builder = builder, .args = args };
	uint32_t turn = 0;

	if (!linear_ok(builder, args))
		return;
	l.tiles = trn_kit_mx_tiles(args->in);
	l.width = args->tokens + args->tokens % 2;
	l.weights = (struct trn_kit_mx_matrix){ .arg = args->weight,
						.scale_arg = args->scale,
						.format = args->format,
						.rows = args->in,
						.cols = args->out,
						.reg = -1 };
	linear_tiles(&l);
	trn_kit_mx_load_rows(builder, &l.x, l.width,
			     &(struct trn_kit_mx_rows){ args->x, args->in, args->tokens });
	trn_kit_quantize(builder, &l.quantized, &l.x, args->in);
	for (uint32_t from = 0, i = 0; from < args->out; from += l.scale_cols, i++) {
		const uint32_t scale_cols = least(l.scale_cols, args->out - from);
		const struct trn_tile *scale = &l.scale[i % STAGES];

		trn_kit_mx_load_scales(builder, scale, &l.weights, from, scale_cols,
				       TRN_ENGINE_SCALAR);
		for (uint32_t at = 0; at < scale_cols; at += l.cols) {
			linear_block(&l, from + at, least(l.cols, scale_cols - at), turn++ % STAGES,
				     scale, at, scale_cols);
			if (trn_builder_status(builder, NULL) < 0)
				break;
		}
		if (trn_builder_status(builder, NULL) < 0)
			break;
	}
	linear_free(&l);
}
