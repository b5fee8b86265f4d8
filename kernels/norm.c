/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm and argmax: tokens in lanes, a row beside it. */
#include "kernels/kit.h"

#include <errno.h>
#include <float.h>
#include <trn/kernels_decoder.h>

static uint32_t least(uint32_t width, uint32_t min)
{
	return width < min ? min : width;
}

static bool norm_ok(struct trn_builder *builder, const struct trn_norm_args *args)
{
	if (!trn_kit_in(builder, "tokens", args->tokens, TRN_ROWS_MAX) ||
	    !trn_kit_in(builder, "width", args->width, TRN_WIDTH_MAX))
		return false;
	if (args->eps >= 0.0f && args->eps <= FLT_MAX)
		return true;
	trn_builder_fail(builder, -EINVAL, "eps is negative or no number");
	return false;
}

/* column = 1 / sqrt(column + eps) */
static void inverse_root(struct trn_builder *b, struct trn_isa_ap column, float eps)
{
	trn_kit_scalar(b, column, column, TRN_ALU_ADD, eps, TRN_ALU_BYPASS, 0.0f);
	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_ACTIVATION,
						   .engine = TRN_ENGINE_SCALAR,
						   .func = TRN_ACT_RSQRT,
						   .imm = { trn_kit_bits(1.0f) },
						   .dst = column,
						   .src0 = column });
}

void trn_norm_emit(struct trn_builder *builder, const struct trn_norm_args *args)
{
	uint32_t tokens = args->tokens, width = args->width;
	struct trn_tile x, gamma, y, mean;

	if (!norm_ok(builder, args))
		return;
	x = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, width);
	gamma = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, width);
	y = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, width);
	mean = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, 1);
	trn_kit_copy(builder, trn_chip(trn_view(&x, 0, width)),
		     trn_kit_rows(args->x, TRN_DTYPE_F32, 0, width, width, tokens),
		     TRN_ENGINE_SYNC);
	trn_kit_copy(builder, trn_chip(trn_view(&gamma, 0, width)),
		     trn_kit_rows(args->gamma, TRN_DTYPE_F32, 0, width, 0, tokens),
		     TRN_ENGINE_SYNC);
	/* The squares themselves are not wanted, only their sum: y is overwritten below. */
	trn_tile_compute(builder, &(struct trn_tile_op){
					  .op = TRN_OP_ACTIVATION,
					  .engine = TRN_ENGINE_SCALAR,
					  .func = TRN_ACT_SQUARE,
					  .mode = TRN_REDUCE_RESET_REDUCE,
					  .imm = { trn_kit_bits(
						  (float)(1.0 / __builtin_sqrt((double)width))) },
					  .dst = trn_view(&y, 0, width),
					  .src0 = trn_view(&x, 0, width),
					  .dst2 = trn_view(&mean, 0, 1) });
	inverse_root(builder, trn_view(&mean, 0, 1), args->eps);
	trn_kit_column(builder, trn_view(&y, 0, width), trn_view(&x, 0, width), TRN_ALU_MUL,
		       trn_view(&mean, 0, 1));
	trn_kit_tensor(builder, trn_view(&y, 0, width), trn_view(&y, 0, width), TRN_ALU_MUL,
		       trn_view(&gamma, 0, width));
	trn_kit_copy(builder, trn_kit_rows(args->y, TRN_DTYPE_F32, 0, width, width, tokens),
		     trn_chip(trn_view(&y, 0, width)), TRN_ENGINE_SYNC);
	trn_tile_free(builder, &x);
	trn_tile_free(builder, &gamma);
	trn_tile_free(builder, &y);
	trn_tile_free(builder, &mean);
}

void trn_argmax_emit(struct trn_builder *builder, const struct trn_argmax_args *args)
{
	uint32_t tokens = args->tokens, width = args->width, room = least(width, 8);
	struct trn_tile x, best, index;

	if (!trn_kit_in(builder, "tokens", tokens, TRN_ROWS_MAX) ||
	    !trn_kit_in(builder, "width", width, TRN_WIDTH_MAX))
		return;
	x = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, room);
	best = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, 8);
	index = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U32, tokens, 8);
	/* What stands behind a short row is below any element, or comes after its equals. */
	if (room > width)
		trn_kit_fill(builder, trn_view(&x, width, room - width), -FLT_MAX);
	trn_kit_copy(builder, trn_chip(trn_view(&x, 0, width)),
		     trn_kit_rows(args->x, TRN_DTYPE_F32, 0, width, width, tokens),
		     TRN_ENGINE_SYNC);
	trn_kit_top8(builder, &x, room, &best, &index);
	trn_kit_copy(builder, trn_kit_rows(args->index, TRN_DTYPE_U32, 0, 1, 1, tokens),
		     trn_chip(trn_view(&index, 0, 1)), TRN_ENGINE_SYNC);
	trn_tile_free(builder, &x);
	trn_tile_free(builder, &best);
	trn_tile_free(builder, &index);
}
