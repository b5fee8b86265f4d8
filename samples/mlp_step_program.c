// SPDX-License-Identifier: Apache-2.0
/* The programs of mlp_step with the tile builder. A matrix product wants the summed index on the
 * partitions of both operands: out[m][n] = sum over p of stationary[p][m] * moving[p][n]. Where
 * a matrix lies the other way round in memory, it is loaded column by column. */
#include "mlp_step.h"

#include <string.h>
#include <trn/tile.h>

uint32_t mlp_elements(const struct mlp_shape *s, enum mlp_arg arg)
{
	const uint32_t elements[MLP_ARGS] = {
		[MLP_X] = s->batch * s->in,     [MLP_T] = s->batch * s->out,
		[MLP_W1] = s->in * s->hidden,   [MLP_W2] = s->hidden * s->out,
		[MLP_H] = s->batch * s->hidden, [MLP_Y] = s->batch * s->out,
		[MLP_G1] = s->in * s->hidden,   [MLP_G2] = s->hidden * s->out,
	};

	return elements[arg];
}

static struct trn_isa_ap all(const struct trn_tile *tile)
{
	return trn_view(tile, 0, tile->elements);
}

static struct trn_tile sbuf(struct trn_builder *b, uint32_t rows, uint32_t cols)
{
	return trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, rows, cols);
}

/* An argument [rows][cols], or [cols][rows] turned, as a tile of rows partitions. */
static struct trn_tile load(struct trn_builder *b, enum mlp_arg arg, uint32_t rows, uint32_t cols,
			    bool turned)
{
	struct trn_tile tile = sbuf(b, rows, cols);
	struct trn_isa_mem src = trn_dram(arg, TRN_DTYPE_F32, 0, cols);

	src = trn_dram_step(src, turned ? (int32_t)rows : 1);
	src = trn_dram_outer(src, turned ? 1 : (int32_t)cols, rows);
	trn_tile_transfer(b, &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
						     .engine = TRN_ENGINE_SYNC,
						     .dst = trn_chip(all(&tile)),
						     .src = src });
	return tile;
}

static void store(struct trn_builder *b, enum mlp_arg arg, const struct trn_tile *tile)
{
	trn_tile_transfer(
		b, &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
					   .engine = TRN_ENGINE_SYNC,
					   .dst = trn_dram(arg, TRN_DTYPE_F32, 0,
							   tile->partitions * tile->elements),
					   .src = trn_chip(all(tile)) });
}

/* dst = (src op0 x) op1 y on the vector engine. */
static void scalar(struct trn_builder *b, const struct trn_tile *dst, const struct trn_tile *src,
		   enum trn_alu op0, float x, enum trn_alu op1, float y)
{
	struct trn_tile_op op = { .op = TRN_OP_TENSOR_SCALAR,
				  .engine = TRN_ENGINE_VECTOR,
				  .op0 = (uint8_t)op0,
				  .op1 = (uint8_t)op1,
				  .dst = all(dst),
				  .src0 = all(src) };

	memcpy(&op.imm[0], &x, sizeof(x));
	if (op1 != TRN_ALU_BYPASS)
		memcpy(&op.imm[1], &y, sizeof(y));
	trn_tile_compute(b, &op);
}

static void tensor(struct trn_builder *b, const struct trn_tile *dst, const struct trn_tile *x,
		   enum trn_alu op, const struct trn_tile *y)
{
	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_TENSOR,
						   .engine = TRN_ENGINE_VECTOR,
						   .op0 = (uint8_t)op,
						   .dst = all(dst),
						   .src0 = all(x),
						   .src1 = all(y) });
}

/* The product, at least as large as floor, in SBUF. */
static struct trn_tile product(struct trn_builder *b, const struct trn_tile *stationary,
			       const struct trn_tile *moving, float floor)
{
	struct trn_tile sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, stationary->elements,
					     moving->elements);
	struct trn_tile tile = sbuf(b, stationary->elements, moving->elements);

	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_MATMUL,
						   .engine = TRN_ENGINE_TENSOR,
						   .dst = all(&sum),
						   .src0 = all(stationary),
						   .src1 = all(moving) });
	scalar(b, &tile, &sum, TRN_ALU_MAX, floor, TRN_ALU_BYPASS, 0);
	trn_tile_free(b, &sum);
	return tile;
}

#define ANY (-3.0e38f) /* no floor */

/* The hidden layer both ways round: one is stored, the other is what the second product wants. */
static void forward(struct trn_builder *b, const struct mlp_shape *s)
{
	struct trn_tile x = load(b, MLP_X, s->in, s->batch, true);
	struct trn_tile w1 = load(b, MLP_W1, s->in, s->hidden, false);
	struct trn_tile w2 = load(b, MLP_W2, s->hidden, s->out, false);
	struct trn_tile h = product(b, &x, &w1, 0), turned = product(b, &w1, &x, 0);
	struct trn_tile y = product(b, &turned, &w2, ANY);

	store(b, MLP_H, &h);
	store(b, MLP_Y, &y);
}

/* (y - t) * scale, [batch][out] or turned. */
static struct trn_tile error(struct trn_builder *b, const struct mlp_shape *s, bool turned)
{
	uint32_t rows = turned ? s->out : s->batch, cols = turned ? s->batch : s->out;
	struct trn_tile y = load(b, MLP_Y, rows, cols, turned);
	struct trn_tile t = load(b, MLP_T, rows, cols, turned);

	tensor(b, &y, &y, TRN_ALU_SUB, &t);
	scalar(b, &y, &y, TRN_ALU_MUL, s->scale, TRN_ALU_BYPASS, 0);
	return y;
}

static void backward(struct trn_builder *b, const struct mlp_shape *s)
{
	struct trn_tile x = load(b, MLP_X, s->batch, s->in, false);
	struct trn_tile h = load(b, MLP_H, s->batch, s->hidden, false);
	struct trn_tile w2 = load(b, MLP_W2, s->out, s->hidden, true);
	struct trn_tile d = error(b, s, false), turned = error(b, s, true);
	struct trn_tile g2 = product(b, &h, &d, ANY), dh = product(b, &turned, &w2, ANY);
	struct trn_tile g1;

	/* The slope of relu: 1 where h is above 0. */
	scalar(b, &h, &h, TRN_ALU_GT, 0, TRN_ALU_BYPASS, 0);
	tensor(b, &dh, &dh, TRN_ALU_MUL, &h);
	g1 = product(b, &x, &dh, ANY);
	store(b, MLP_G1, &g1);
	store(b, MLP_G2, &g2);
}

static void update_one(struct trn_builder *b, enum mlp_arg weight, enum mlp_arg gradient,
		       uint32_t rows, uint32_t cols, float rate)
{
	struct trn_tile w = load(b, weight, rows, cols, false);
	struct trn_tile g = load(b, gradient, rows, cols, false);

	scalar(b, &g, &g, TRN_ALU_MUL, rate, TRN_ALU_BYPASS, 0);
	tensor(b, &w, &w, TRN_ALU_SUB, &g);
	store(b, weight, &w);
}

static void update(struct trn_builder *b, const struct mlp_shape *s)
{
	update_one(b, MLP_W1, MLP_G1, s->in, s->hidden, s->rate);
	update_one(b, MLP_W2, MLP_G2, s->hidden, s->out, s->rate);
}

int mlp_program(const struct mlp_shape *shape, enum mlp_part part, void **ret_image,
		size_t *ret_bytes)
{
	static void (*const emit[])(struct trn_builder *, const struct mlp_shape *) = {
		[MLP_FORWARD] = forward,
		[MLP_BACKWARD] = backward,
		[MLP_UPDATE] = update,
	};
	static const char *const names[MLP_ARGS] = { "x", "t", "w1", "w2", "h", "y", "g1", "g2" };
	struct trn_builder *b;
	int r = trn_builder_create(NULL, &b);

	if (r < 0)
		return r;
	for (enum mlp_arg arg = 0; arg < MLP_ARGS; arg++)
		trn_builder_arg(b, names[arg], TRN_ARG_BUFFER,
				mlp_elements(shape, arg) * sizeof(float));
	emit[part](b, shape);
	r = trn_builder_finish(b, ret_image, ret_bytes);
	trn_builder_destroy(b);
	return r;
}
