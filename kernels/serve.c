/* SPDX-License-Identifier: Apache-2.0 */
/* Serving: what the parts share. Weights are the stationary side of the tensor engine, tokens
 * move: outputs come out in lanes, as the next part wants its inputs. */
#include "kernels/serve.h"

#include <errno.h>

#define BANK 512u /* FP32 elements of a PSUM bank */
#define STAGES 6u

static bool shape_ok(struct trn_builder *b, const struct trn_serve_shape *s)
{
	const char *why = NULL;

	if (!trn_kit_in(b, "tokens", s->tokens, TRN_SERVE_TOKENS_MAX) ||
	    !trn_kit_in(b, "hidden", s->hidden, 8192) || !trn_kit_in(b, "heads", s->heads, 64) ||
	    !trn_kit_in(b, "positions", s->positions, 16384) ||
	    !trn_kit_in(b, "experts", s->experts, TRN_MOE_EXPERTS_MAX) ||
	    !trn_kit_in(b, "top_k", s->top_k, TRN_MOE_TOP_K_MAX) ||
	    !trn_kit_in(b, "groups", s->groups, s->experts) ||
	    !trn_kit_in(b, "intermediate", s->intermediate, 8192))
		return false;
	if (s->hidden < 128)
		why = "hidden is below 128";
	else if (s->head_dim != 64 && s->head_dim != 128)
		why = "head_dim must be 64 or 128";
	else if (s->heads * s->head_dim % 128 != 0)
		why = "heads * head_dim must be a multiple of 128";
	else if (s->positions % TRN_SERVE_BLOCK != 0)
		why = "positions must be a multiple of 128";
	else if (s->top_k > s->experts || (s->tokens == 1 && s->groups != s->top_k))
		why = "top_k is above experts, or one token has other groups than its top_k";
	else if (!(s->limit > 0.0f) || !(s->eps >= 0.0f) || s->alpha != s->alpha)
		why = "limit is not above 0, eps is below 0, or alpha is no number";
	else if (s->format != TRN_DTYPE_NONE && s->format != TRN_DTYPE_F4E2M1_X4)
		why = "format must be NONE (BF16) or F4E2M1_X4";
	if (why)
		trn_builder_fail(b, -EINVAL, "serve: %s", why);
	return why == NULL;
}

/* Row i of the product takes element i + half of its head times -1, row i + half takes i: as
 * a stationary operand, [from][to]. */
static void turn_make(struct trn_serve *serve)
{
	uint32_t d = serve->shape.head_dim, half = d / 2;
	uint16_t bits[128 * 128] = { 0 };
	struct trn_isa_mem mem;
	uint32_t arg;

	for (uint32_t to = 0; to < 128; to++) {
		uint32_t from = to % d < half ? to + half : to - half;

		bits[from * 128 + to] = to % d < half ? 0xbf80 : 0x3f80;
	}
	arg = trn_builder_data(serve->builder, "serve_turn", bits, sizeof(bits));
	mem = trn_dram_outer(trn_dram(arg, TRN_DTYPE_BF16, 0, 128), 128, 128);
	trn_kit_copy(serve->builder, trn_chip(trn_view(&serve->turn, 0, 128)), mem,
		     TRN_ENGINE_GPSIMD);
}

void trn_serve_begin(struct trn_builder *builder, const struct trn_serve_shape *shape,
		     struct trn_serve *ret_serve)
{
	struct trn_serve serve = { .builder = builder, .shape = *shape };
	uint32_t room;

	*ret_serve = serve;
	if (!shape_ok(builder, shape))
		return;
	serve.tiles = trn_kit_tiles(shape->hidden);
	serve.spaced = 1;
	while (serve.spaced < shape->tokens)
		serve.spaced *= 2;
	room = trn_kit_tiles(shape->heads * shape->head_dim);
	room = room > serve.tiles ? room : serve.tiles;
	if (room < trn_kit_tiles(shape->intermediate))
		room = trn_kit_tiles(shape->intermediate);
	if (shape->format != TRN_DTYPE_NONE && room < (shape->intermediate + 511) / 512 * 4)
		room = (shape->intermediate + 511) / 512 * 4;
	serve.stages = STAGES;
	for (uint32_t i = 0; i < serve.stages; i++)
		serve.stage[i] = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_BF16, KIT_LANES,
						2 * room * 128);
	serve.ones = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES, 128);
	serve.turn = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_BF16, KIT_LANES, 128);
	serve.eye = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES, 128);
	trn_kit_fill(builder, trn_view(&serve.ones, 0, 128), 1.0f);
	/* 1 where lane - element is 0. */
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_AFFINE_SELECT,
							 .engine = TRN_ENGINE_GPSIMD,
							 .op0 = TRN_ALU_EQ,
							 .imm = { 0, 1, 0, UINT32_MAX },
							 .dst = trn_view(&serve.eye, 0, 128),
							 .src0 = trn_view(&serve.ones, 0, 128) });
	turn_make(&serve);
	*ret_serve = serve;
}

void trn_serve_end(struct trn_serve *serve)
{
	for (uint32_t i = 0; i < serve->stages; i++)
		trn_tile_free(serve->builder, &serve->stage[i]);
	trn_tile_free(serve->builder, &serve->ones);
	trn_tile_free(serve->builder, &serve->turn);
	trn_tile_free(serve->builder, &serve->eye);
}

struct trn_tile trn_serve_columns(struct trn_serve *serve)
{
	return trn_tile_alloc(serve->builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES,
			      serve->tiles * serve->shape.tokens);
}

struct trn_isa_ap trn_serve_spaced(const struct trn_serve *serve, const struct trn_tile *tile,
				   uint32_t first, uint32_t step, uint32_t tiles)
{
	return trn_view_outer(trn_view(tile, first * serve->spaced, serve->shape.tokens),
			      (int32_t)(step * serve->spaced), tiles);
}

struct trn_isa_ap trn_serve_repeated(const struct trn_serve *serve, const struct trn_tile *tile,
				     uint32_t first, uint32_t step, uint32_t tiles)
{
	return trn_view_outer(trn_view_step(trn_view(tile, first, serve->shape.tokens), 0),
			      (int32_t)step, tiles);
}

void trn_serve_exp(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		   float scale, const struct trn_isa_ap *bias, const struct trn_isa_ap *sum)
{
	struct trn_tile_op op = { .op = TRN_OP_ACTIVATION,
				  .engine = TRN_ENGINE_SCALAR,
				  .func = TRN_ACT_EXP,
				  .imm = { trn_kit_bits(scale) },
				  .dst = dst,
				  .src0 = src };

	if (bias) {
		op.flags = TRN_SCALAR_COLUMN1;
		op.src2 = *bias;
	}
	if (sum) {
		op.mode = TRN_REDUCE_RESET_REDUCE;
		op.dst2 = *sum;
	}
	trn_tile_compute(builder, &op);
}

void trn_serve_scalar_tensor(struct trn_builder *builder, struct trn_isa_ap dst,
			     struct trn_isa_ap src, enum trn_alu op0, float a, enum trn_alu op1,
			     struct trn_isa_ap other)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_SCALAR_TENSOR_TENSOR,
							 .engine = TRN_ENGINE_VECTOR,
							 .op0 = (uint8_t)op0,
							 .op1 = (uint8_t)op1,
							 .imm = { trn_kit_bits(a) },
							 .dst = dst,
							 .src0 = src,
							 .src2 = other });
}

void trn_serve_reciprocal(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_RECIPROCAL,
							 .engine = TRN_ENGINE_VECTOR,
							 .dst = dst,
							 .src0 = src });
}

void trn_serve_turn(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TRANSPOSE,
							 .engine = TRN_ENGINE_TENSOR,
							 .dst = dst,
							 .src0 = src });
}

/* ---- weights ---- */

void trn_serve_block_emit(struct trn_serve *serve, const struct trn_serve_stream *stream,
			  uint32_t first, uint32_t to)
{
	const struct trn_serve_matrix *m = &stream->matrix;
	const struct trn_tile *stage = &serve->stage[serve->next++ % serve->stages];
	uint32_t tokens = serve->shape.tokens;
	uint32_t cols = m->out - first < m->block ? m->out - first : m->block;
	struct trn_isa_mem mem = trn_dram(stream->arg, TRN_DTYPE_BF16,
					  (uint64_t)first * m->lanes * m->tiles * 2,
					  m->tiles * cols);
	struct trn_isa_ap place = trn_view_rows(trn_view(stage, 0, m->tiles * cols), 0, m->lanes);

	mem = trn_dram_outer(mem, (int32_t)(m->tiles * cols), m->lanes);
	if (stream->reg >= 0)
		mem = trn_dram_reg(mem, (uint8_t)stream->reg, stream->reg_scale);
	trn_kit_copy(serve->builder, trn_chip(place), mem, TRN_ENGINE_SYNC);
	for (uint32_t col = 0; col < cols; col += m->width, to++) {
		uint32_t width = cols - col < m->width ? cols - col : m->width;
		struct trn_isa_ap sum =
			trn_view_rows(trn_view(stream->sum, to * serve->spaced, tokens), 0, width);
		bool add = stream->add;

		for (uint32_t i = 0; i < 2 && stream->moving[i]; i++) {
			for (uint32_t t = 0; t < m->tiles; t++, add = true)
				trn_kit_matmul(serve->builder, sum,
					       trn_view_rows(trn_view(stage, t * cols + col, width),
							     0, m->lanes),
					       trn_view_rows(trn_view(stream->moving[i], t * tokens,
								      tokens),
							     0, m->lanes),
					       add);
		}
	}
}

void trn_serve_stream_emit(struct trn_serve *serve, const struct trn_serve_stream *stream)
{
	const struct trn_serve_matrix *m = &stream->matrix;

	for (uint32_t first = 0; first < m->out; first += m->block)
		trn_serve_block_emit(serve, stream, first, first / m->width);
}

/* ---- norm ---- */

/* The sum of squares goes over lanes by a product with ones, which leaves it in every lane. */
void trn_serve_norm_emit(struct trn_serve *serve, const struct trn_tile *x,
			 const struct trn_tile *dst)
{
	struct trn_builder *b = serve->builder;
	uint32_t tokens = serve->shape.tokens, tiles = serve->tiles;
	struct trn_tile squares = trn_serve_columns(serve);
	struct trn_tile scale = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES, tokens);
	struct trn_tile sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES, tokens);
	struct trn_isa_ap all = trn_view(x, 0, tiles * tokens);
	struct trn_isa_ap root = trn_view(&scale, 0, tokens);

	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_ACTIVATION,
						   .engine = TRN_ENGINE_SCALAR,
						   .func = TRN_ACT_SQUARE,
						   .imm = { trn_kit_bits(1.0f) },
						   .dst = trn_view(&squares, 0, tiles * tokens),
						   .src0 = all });
	trn_tile_compute(b,
			 &(struct trn_tile_op){
				 .op = TRN_OP_TENSOR_REDUCE,
				 .engine = TRN_ENGINE_VECTOR,
				 .func = TRN_ALU_ADD,
				 .imm = { 1 },
				 .dst = root,
				 .src0 = trn_view_outer(trn_view_step(trn_view(&squares, 0, tiles),
								      (int32_t)tokens),
							1, tokens) });
	trn_kit_matmul(b, trn_view(&sum, 0, tokens), trn_view(&serve->ones, 0, 128), root, false);
	trn_kit_scalar(b, root, trn_view(&sum, 0, tokens), TRN_ALU_MUL,
		       1.0f / (float)serve->shape.hidden, TRN_ALU_ADD, serve->shape.eps);
	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_SCALAR,
						   .engine = TRN_ENGINE_GPSIMD,
						   .op0 = TRN_ALU_RSQRT,
						   .op1 = TRN_ALU_BYPASS,
						   .dst = root,
						   .src0 = root });
	trn_kit_tensor(b, trn_view_outer(trn_view(dst, 0, tokens), (int32_t)tokens, tiles),
		       trn_view_outer(trn_view(x, 0, tokens), (int32_t)tokens, tiles), TRN_ALU_MUL,
		       trn_view_outer(root, 0, tiles));
	trn_tile_free(b, &squares);
	trn_tile_free(b, &scale);
	trn_tile_free(b, &sum);
}

/* ---- logits ---- */

void trn_serve_head_emit(struct trn_serve *serve, uint32_t weight, uint32_t vocab, uint32_t logits,
			 const struct trn_tile *x)
{
	struct trn_builder *b = serve->builder;
	struct trn_serve_matrix m = trn_serve_hidden(serve->shape.hidden, vocab);
	uint32_t tokens = serve->shape.tokens, tiles = trn_kit_tiles(vocab);
	uint32_t per_block = trn_kit_tiles(m.block);
	struct trn_tile normed =
		trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_BF16, KIT_LANES, serve->tiles * tokens);
	struct trn_tile sum[2], out[2];

	if (trn_builder_status(b, NULL) < 0 || !trn_kit_in(b, "vocab", vocab, 1u << 24))
		return;
	for (uint32_t i = 0; i < 2; i++) {
		sum[i] = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
					per_block * serve->spaced);
		out[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES,
					per_block * tokens);
	}
	trn_serve_norm_emit(serve, x, &normed);
	for (uint32_t first = 0, i = 0; first < vocab; first += m.block, i++) {
		struct trn_serve_stream stream = { .matrix = m,
						   .arg = weight,
						   .reg = -1,
						   .moving = { &normed },
						   .sum = &sum[i % 2] };
		uint32_t cols = vocab - first < m.block ? vocab - first : m.block;
		struct trn_isa_mem mem;

		trn_serve_block_emit(serve, &stream, first, 0);
		for (uint32_t t = 0; t < trn_kit_tiles(cols); t++) {
			uint32_t lanes = cols - t * 128 < 128 ? cols - t * 128 : 128;

			trn_kit_cast(b,
				     trn_view_rows(trn_view(&out[i % 2], t * tokens, tokens), 0,
						   lanes),
				     trn_view_rows(trn_view(&sum[i % 2], t * serve->spaced, tokens),
						   0, lanes));
		}
		/* Lanes past the last column go out as they are. */
		mem = trn_dram(logits, TRN_DTYPE_F32, (uint64_t)first / 128 * tokens * 4,
			       trn_kit_tiles(cols) * tokens);
		trn_kit_copy(b, trn_dram_outer(mem, (int32_t)(tiles * tokens), KIT_LANES),
			     trn_chip(trn_view(&out[i % 2], 0, trn_kit_tiles(cols) * tokens)),
			     TRN_ENGINE_GPSIMD);
	}
	trn_tile_free(b, &normed);
	for (uint32_t i = 0; i < 2; i++) {
		trn_tile_free(b, &sum[i]);
		trn_tile_free(b, &out[i]);
	}
}
