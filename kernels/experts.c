/* SPDX-License-Identifier: Apache-2.0 */
/* Feed-forward of the chosen experts. Inside an expert the intermediate values lie in lanes:
 * gate and up come out of the tensor engine that way, and the down projection wants them so. */
#include "kernels/kit.h"

#include <errno.h>

#define BLOCK 512u         /* output columns of a down projection at once: one PSUM bank */
#define WEIGHT_BYTES 8192u /* of a lane, for one block of gate and up */
#define STAGES 2u          /* weight blocks in turn: one is loaded while the other is used */

struct experts {
	struct trn_builder *builder;
	const struct trn_moe_shape *shape;
	const struct trn_experts_args *args;
	uint32_t in_tiles, mid_tiles;
	uint32_t wide;  /* tiles of gate and up that one block of weights holds */
	uint8_t expert; /* register: number of the expert, on the engines that load weights */
	uint32_t next;  /* stage */
	struct trn_tile x, x_cast, weight[STAGES], down[STAGES];
	struct trn_tile gate_sum, up_sum, gate, up, gate_bias, up_bias, middle;
	struct trn_tile sum, row, bias, y, shares;
};

static void experts_tiles(struct experts *e)
{
	struct trn_builder *b = e->builder;
	uint32_t hidden = e->shape->hidden, block = hidden < BLOCK ? hidden : BLOCK;
	enum trn_space sbuf = TRN_SPACE_SBUF, psum = TRN_SPACE_PSUM;
	bool fp32 = (e->shape->flags & TRN_MOE_FP32) != 0;
	enum trn_dtype factor = fp32 ? TRN_DTYPE_F32 : TRN_DTYPE_BF16;

	e->wide = WEIGHT_BYTES / (2 * KIT_LANES * (fp32 ? 4 : 2));
	e->wide = e->wide < e->mid_tiles ? e->wide : e->mid_tiles;
	e->x = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, e->in_tiles);
	e->x_cast = trn_tile_alloc(b, sbuf, factor, KIT_LANES, e->in_tiles);
	for (uint32_t i = 0; i < STAGES; i++) {
		e->weight[i] = trn_tile_alloc(b, sbuf, factor, KIT_LANES, e->wide * 2 * KIT_LANES);
		e->down[i] = trn_tile_alloc(b, sbuf, factor, KIT_LANES, e->mid_tiles * block);
	}
	e->gate_sum = trn_tile_alloc(b, psum, TRN_DTYPE_F32, KIT_LANES, e->mid_tiles);
	e->up_sum = trn_tile_alloc(b, psum, TRN_DTYPE_F32, KIT_LANES, e->mid_tiles);
	e->gate = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, e->mid_tiles);
	e->up = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, e->mid_tiles);
	e->gate_bias = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, e->mid_tiles);
	e->up_bias = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, e->mid_tiles);
	e->middle = trn_tile_alloc(b, sbuf, factor, KIT_LANES, e->mid_tiles);
	e->sum = trn_tile_alloc(b, psum, TRN_DTYPE_F32, 1, block);
	e->row = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, 1, block);
	e->bias = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, 1, hidden);
	e->y = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, 1, hidden);
	e->shares = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, 1, e->shape->top_k);
	e->expert = trn_tile_reg(b);
}

static void experts_free(struct experts *e)
{
	const struct trn_tile *tiles[] = { &e->x,       &e->x_cast, &e->gate_sum, &e->up_sum,
					   &e->gate,    &e->up,     &e->sum,      &e->gate_bias,
					   &e->up_bias, &e->middle, &e->row,      &e->bias,
					   &e->y,       &e->shares };

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(e->builder, tiles[i]);
	for (uint32_t i = 0; i < STAGES; i++) {
		trn_tile_free(e->builder, &e->weight[i]);
		trn_tile_free(e->builder, &e->down[i]);
	}
	trn_tile_reg_free(e->builder, e->expert);
}

static struct trn_isa_ap part_view(const struct trn_tile *tile, const struct trn_kit_part *part)
{
	return trn_view_rows(trn_view(tile, part->first, part->tiles), 0, part->lanes);
}

/* What 128 rows of weights, gate and up interleaved, add to the sums of tiles [first, first +
 * wide) of the intermediate values. */
static void gate_up_rows(struct experts *e, uint32_t first, uint32_t k)
{
	const struct trn_moe_shape *s = e->shape;
	const struct trn_tile *weight = &e->weight[e->next++ % STAGES];
	uint32_t left = s->intermediate - first * KIT_LANES, most = e->wide * KIT_LANES;
	uint32_t rows = s->hidden - k * KIT_LANES, wide = left < most ? left : most;
	struct trn_kit_matrix m = { .arg = e->args->gate_up,
				    .dtype = TRN_DTYPE_BF16,
				    .offset =
					    ((uint64_t)k * s->intermediate + first) * 4 * KIT_LANES,
				    .cols = 2 * wide,
				    .row_step = (int32_t)(2 * s->intermediate),
				    .col_step = 1,
				    .reg = e->expert,
				    .reg_scale = s->hidden * 2 * s->intermediate * 2 };

	m.rows = rows = rows < KIT_LANES ? rows : KIT_LANES;
	trn_kit_load(e->builder, weight, &m, TRN_ENGINE_SYNC);
	for (uint32_t at = 0; at < wide; at += KIT_LANES) {
		uint32_t lanes = wide - at < KIT_LANES ? wide - at : KIT_LANES;

		for (uint32_t odd = 0; odd < 2; odd++) {
			const struct trn_tile *sum = odd ? &e->up_sum : &e->gate_sum;
			struct trn_isa_ap w = trn_view(weight, 2 * at + odd, lanes);

			trn_kit_matmul(e->builder,
				       trn_view_rows(trn_view(sum, first + at / KIT_LANES, 1), 0,
						     lanes),
				       trn_view_rows(trn_view_step(w, 2), 0, rows),
				       trn_view_rows(trn_view(&e->x_cast, k, 1), 0, rows), k > 0);
		}
	}
}

static void gate_up_bias(struct experts *e)
{
	struct trn_kit_matrix m = { .arg = e->args->gate_up_bias,
				    .dtype = TRN_DTYPE_F32,
				    .rows = e->shape->intermediate,
				    .cols = 1,
				    .row_step = 2,
				    .col_step = 1,
				    .reg = e->expert,
				    .reg_scale = 2 * e->shape->intermediate * 4 };

	trn_kit_load(e->builder, &e->gate_bias, &m, TRN_ENGINE_SYNC);
	m.offset = 4;
	trn_kit_load(e->builder, &e->up_bias, &m, TRN_ENGINE_SYNC);
}

/* (clamp(up) + 1) * g * sigmoid(alpha * g), g = min(gate, limit) */
static void swiglu(struct experts *e, const struct trn_kit_part *part)
{
	struct trn_isa_ap gate = part_view(&e->gate, part), up = part_view(&e->up, part);
	/* The bias has been added: its memory takes the sigmoid. */
	struct trn_isa_ap sigmoid = part_view(&e->gate_bias, part);

	trn_kit_tensor(e->builder, gate, part_view(&e->gate_sum, part), TRN_ALU_ADD, sigmoid);
	trn_kit_tensor(e->builder, up, part_view(&e->up_sum, part), TRN_ALU_ADD,
		       part_view(&e->up_bias, part));
	trn_kit_swiglu(e->builder, e->shape, part_view(&e->middle, part), gate, up, sigmoid);
}

/* y[first..] += share * (middle * down + bias) */
static void down_block(struct experts *e, uint32_t first, uint32_t share)
{
	const struct trn_moe_shape *s = e->shape;
	uint32_t cols = s->hidden - first < BLOCK ? s->hidden - first : BLOCK;
	const struct trn_tile *down = &e->down[e->next++ % STAGES];
	struct trn_kit_matrix m = { .arg = e->args->down,
				    .dtype = TRN_DTYPE_BF16,
				    .offset = first * (uint64_t)2,
				    .rows = s->intermediate,
				    .cols = cols,
				    .row_step = (int32_t)s->hidden,
				    .col_step = 1,
				    .reg = e->expert,
				    .reg_scale = s->intermediate * s->hidden * 2 };
	struct trn_isa_ap sum = trn_view(&e->sum, 0, cols), row = trn_view(&e->row, 0, cols);
	struct trn_isa_ap y = trn_view(&e->y, first, cols);

	trn_kit_load(e->builder, down, &m, TRN_ENGINE_SYNC);
	for (uint32_t k = 0; k < e->mid_tiles; k++) {
		uint32_t rows = s->intermediate - k * KIT_LANES;

		rows = rows < KIT_LANES ? rows : KIT_LANES;
		trn_kit_matmul(e->builder, sum, trn_view_rows(trn_view(&e->middle, k, 1), 0, rows),
			       trn_view_rows(trn_view(down, k * cols, cols), 0, rows), k > 0);
	}
	trn_kit_tensor(e->builder, row, sum, TRN_ALU_ADD, trn_view(&e->bias, first, cols));
	trn_kit_column(e->builder, row, row, TRN_ALU_MUL, trn_view(&e->shares, share, 1));
	trn_kit_tensor(e->builder, y, y, TRN_ALU_ADD, row);
}

static void one_expert(struct experts *e, uint32_t token, uint32_t choice)
{
	const struct trn_moe_shape *s = e->shape;
	uint64_t at = (token * s->top_k + choice) * (uint64_t)4;
	struct trn_isa_mem index = trn_dram(e->args->indices, TRN_DTYPE_U32, at, 1);
	struct trn_isa_mem bias = trn_dram(e->args->down_bias, TRN_DTYPE_F32, 0, s->hidden);
	struct trn_kit_part parts[2];
	uint32_t n = trn_kit_parts(s->intermediate, parts);

	trn_tile_reg_load(e->builder, TRN_TILE_ENGINE(TRN_ENGINE_SYNC), e->expert, &index);
	trn_kit_copy(e->builder, trn_chip(trn_view(&e->bias, 0, s->hidden)),
		     trn_dram_reg(bias, e->expert, s->hidden * 4), TRN_ENGINE_SYNC);
	gate_up_bias(e);
	for (uint32_t tile = 0; tile < e->mid_tiles; tile += e->wide) {
		for (uint32_t k = 0; k < e->in_tiles; k++)
			gate_up_rows(e, tile, k);
	}
	for (uint32_t i = 0; i < n; i++)
		swiglu(e, &parts[i]);
	for (uint32_t first = 0; first < s->hidden; first += BLOCK)
		down_block(e, first, choice);
}

static void one_token(struct experts *e, uint32_t token)
{
	const struct trn_moe_shape *s = e->shape;
	uint64_t row = (uint64_t)token * s->hidden * 4;
	struct trn_kit_matrix x = { .arg = e->args->x,
				    .dtype = TRN_DTYPE_F32,
				    .offset = row,
				    .rows = s->hidden,
				    .cols = 1,
				    .row_step = 1,
				    .col_step = 1,
				    .reg = -1 };
	struct trn_kit_part parts[2];
	uint32_t n = trn_kit_parts(s->hidden, parts);
	struct trn_isa_mem y = trn_dram(e->args->y, TRN_DTYPE_F32, row, s->hidden);
	struct trn_isa_mem y_tile = trn_chip(trn_view(&e->y, 0, s->hidden));

	trn_kit_load(e->builder, &e->x, &x, TRN_ENGINE_SYNC);
	for (uint32_t i = 0; i < n; i++)
		trn_kit_cast(e->builder, part_view(&e->x_cast, &parts[i]),
			     part_view(&e->x, &parts[i]));
	trn_kit_copy(e->builder, trn_chip(trn_view(&e->shares, 0, s->top_k)),
		     trn_dram(e->args->shares, TRN_DTYPE_F32, (uint64_t)token * s->top_k * 4,
			      s->top_k),
		     TRN_ENGINE_SYNC);
	trn_kit_copy(e->builder, y_tile, y, TRN_ENGINE_SYNC);
	for (uint32_t choice = 0; choice < s->top_k; choice++)
		one_expert(e, token, choice);
	trn_kit_copy(e->builder, y, y_tile, TRN_ENGINE_SYNC);
}

void trn_experts_emit(struct trn_builder *builder, const struct trn_moe_shape *shape,
		      const struct trn_experts_args *args)
{
	struct experts e = { .builder = builder, .shape = shape, .args = args };

	if (!trn_moe_shape_ok(builder, shape))
		return;
	e.in_tiles = trn_kit_tiles(shape->hidden);
	e.mid_tiles = trn_kit_tiles(shape->intermediate);
	experts_tiles(&e);
	for (uint32_t token = 0; token < shape->tokens; token++)
		one_token(&e, token);
	experts_free(&e);
}

int trn_kernel_experts(const struct trn_builder_opts *opts, const struct trn_moe_shape *shape,
		       void **ret_image, size_t *ret_bytes)
{
	uint64_t rows, hidden, mid, experts;
	struct trn_experts_args args;
	struct trn_builder *b;
	int r;

	if (!shape || !ret_image || !ret_bytes)
		return -EINVAL;
	r = trn_builder_create(opts, &b);
	if (r < 0)
		return r;
	rows = (uint64_t)shape->tokens * 4;
	hidden = shape->hidden;
	mid = shape->intermediate;
	experts = shape->experts;
	args.x = trn_builder_arg(b, "x", TRN_ARG_BUFFER, rows * hidden);
	args.indices = trn_builder_arg(b, "indices", TRN_ARG_BUFFER, rows * shape->top_k);
	args.shares = trn_builder_arg(b, "shares", TRN_ARG_BUFFER, rows * shape->top_k);
	args.gate_up = trn_builder_arg(b, "gate_up", TRN_ARG_BUFFER, experts * hidden * mid * 4);
	args.gate_up_bias = trn_builder_arg(b, "gate_up_bias", TRN_ARG_BUFFER, experts * mid * 8);
	args.down = trn_builder_arg(b, "down", TRN_ARG_BUFFER, experts * mid * hidden * 2);
	args.down_bias = trn_builder_arg(b, "down_bias", TRN_ARG_BUFFER, experts * hidden * 4);
	args.y = trn_builder_arg(b, "y", TRN_ARG_BUFFER, rows * hidden);
	trn_experts_emit(b, shape, &args);
	r = trn_builder_finish(b, ret_image, ret_bytes);
	trn_builder_destroy(b);
	return r;
}
