/* SPDX-License-Identifier: Apache-2.0 */
/* Feed-forward of the chosen experts with MX weights. Gate and up come out of the tensor engine
 * where quantisation wants them: four columns of weights, one for each number of an element,
 * each with step 4 among the others, put intermediate value 512 t + 4 p + j at partition p,
 * place (t, j). */
#include "kernels/mx.h"

#include <errno.h>

#define STAGES 2u          /* blocks in turn: one loads while the other is used */
#define GATE_UP_COLS 1024u /* one tile of intermediate values, gate and up */
#define DOWN_COLS 1024u    /* of one load */
#define BANK 512u          /* FP32 elements of a PSUM bank */
#define SUM_ELEMENTS 1536u /* of gate, and of up, in PSUM: three banks each */
#define SCALE_ROOM 32768u  /* bytes of a lane: larger scales are not loaded ahead */
#define GROUP_FROM 4u      /* experts a choice from which on they are grouped */

/* One of an expert's two matrices, and blocks of it. */
struct matrix {
	struct trn_kit_mx_matrix m;
	uint32_t block;  /* columns of a load */
	uint32_t stages; /* of scales */
	uint32_t turn, scale_turn;
	struct trn_tile numbers[STAGES], scales[STAGES];
};

struct experts {
	struct trn_builder *builder;
	const struct trn_moe_shape *shape;
	const struct trn_experts_mx_args *args;
	uint32_t in_tiles, mid_tiles;
	uint32_t batch, width; /* tokens computed at once; even */
	uint32_t x_width;      /* tokens in x, even */
	uint8_t expert;        /* register: number of the expert */
	struct matrix gate_up, down;
	struct trn_tile x, gate_sum, up_sum, gate, up, sigmoid, gate_bias, up_bias, middle;
	struct trn_kit_mx_tile x_mx, middle_mx;
	struct trn_tile sum[STAGES], row, bias, y, share;
};

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- memory ---- */

static void matrix_alloc(struct trn_builder *b, struct matrix *x)
{
	const uint32_t tiles = trn_kit_mx_tiles(x->m.rows);
	const uint32_t scales = (tiles + KIT_MX_SHARE - 1) / KIT_MX_SHARE * x->m.cols;

	x->block = least(x->block, x->m.cols);
	x->stages = scales <= SCALE_ROOM ? STAGES : 1;
	for (uint32_t i = 0; i < STAGES; i++)
		x->numbers[i] =
			trn_tile_alloc(b, TRN_SPACE_SBUF, x->m.format, KIT_LANES, tiles * x->block);
	for (uint32_t i = 0; i < x->stages; i++)
		x->scales[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U8, KIT_LANES, scales);
}

static void matrix_free(struct trn_builder *b, const struct matrix *x)
{
	for (uint32_t i = 0; i < STAGES; i++)
		trn_tile_free(b, &x->numbers[i]);
	for (uint32_t i = 0; i < x->stages; i++)
		trn_tile_free(b, &x->scales[i]);
}

static void experts_alloc(struct experts *e)
{
	struct trn_builder *b = e->builder;
	const uint32_t hidden = e->shape->hidden, places = e->mid_tiles * KIT_MX_NUMBERS;
	const enum trn_space sbuf = TRN_SPACE_SBUF;
	struct trn_tile *wide[] = { &e->gate, &e->up, &e->sigmoid };

	e->x = trn_tile_alloc(b, sbuf, TRN_DTYPE_BF16, KIT_LANES,
			      e->in_tiles * e->x_width * KIT_MX_NUMBERS);
	trn_kit_mx_alloc(b, &e->x_mx, hidden, e->x_width);
	matrix_alloc(b, &e->gate_up);
	matrix_alloc(b, &e->down);
	e->gate_sum =
		trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES, places * e->batch);
	e->up_sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES, places * e->batch);
	for (uint32_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		*wide[i] = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, places * e->batch);
	e->gate_bias = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, places);
	e->up_bias = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, KIT_LANES, places);
	e->middle = trn_tile_alloc(b, sbuf, TRN_DTYPE_BF16, KIT_LANES, places * e->width);
	trn_kit_mx_alloc(b, &e->middle_mx, e->shape->intermediate, e->width);
	for (uint32_t i = 0; i < STAGES; i++)
		e->sum[i] = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, e->width,
					   least(BANK, hidden));
	e->row = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, e->batch, least(BANK, hidden));
	e->bias = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, e->batch, hidden);
	e->y = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, e->batch, hidden);
	e->share = trn_tile_alloc(b, sbuf, TRN_DTYPE_F32, e->batch, e->shape->top_k);
	e->expert = trn_tile_reg(b);
	/* Lanes past the last value, and the token that makes the number even, stay 0. */
	trn_kit_fill(b, trn_view(&e->middle, 0, places * e->width), 0.0f);
}

static void experts_free(struct experts *e)
{
	const struct trn_tile *tiles[] = {
		&e->x,         &e->gate_sum, &e->up_sum, &e->gate,   &e->up,
		&e->sigmoid,   &e->middle,   &e->row,    &e->bias,   &e->y,
		&e->gate_bias, &e->up_bias,  &e->share,  &e->sum[0], &e->sum[1],
	};

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(e->builder, tiles[i]);
	trn_kit_mx_free(e->builder, &e->x_mx);
	trn_kit_mx_free(e->builder, &e->middle_mx);
	matrix_free(e->builder, &e->gate_up);
	matrix_free(e->builder, &e->down);
	trn_tile_reg_free(e->builder, e->expert);
}

/* ---- one expert ---- */

/* Columns [first, first + cols) of a matrix, and where they are. */
static const struct trn_tile *matrix_load(struct trn_builder *b, struct matrix *x, uint32_t first,
					  uint32_t cols)
{
	const struct trn_tile *numbers = &x->numbers[x->turn++ % STAGES];

	trn_kit_mx_load(b, numbers, &x->m, first, cols, TRN_ENGINE_SYNC);
	return numbers;
}

static const struct trn_tile *matrix_scales(struct trn_builder *b, struct matrix *x)
{
	const struct trn_tile *scales = &x->scales[x->scale_turn++ % x->stages];

	trn_kit_mx_load_scales(b, scales, &x->m, 0, x->m.cols, TRN_ENGINE_GPSIMD);
	return scales;
}

/* Columns from first on, step apart, of tile k of a block that begins with column block. */
static struct trn_kit_mx_operand matrix_operand(const struct matrix *x,
						const struct trn_tile *numbers,
						const struct trn_tile *scales, uint32_t k,
						uint32_t block, uint32_t block_cols, uint32_t first,
						uint32_t count, int32_t step)
{
	const uint32_t lanes = trn_kit_mx_lanes(x->m.rows, k);
	const uint32_t at = k * block_cols + first - block;
	const uint32_t scale_at = k / KIT_MX_SHARE * x->m.cols + first;

	return (struct trn_kit_mx_operand){
		trn_view_rows(trn_view_step(trn_view(numbers, at, count), step), 0, lanes),
		trn_kit_mx_scale(trn_view_step(trn_view(scales, scale_at, count), step), lanes,
				 k % KIT_MX_SHARE),
	};
}

/* Activations of one tile, for count rows from first on. */
static struct trn_kit_mx_operand activations(const struct trn_kit_mx_tile *tile, uint32_t rows,
					     uint32_t k, uint32_t first, uint32_t count)
{
	const uint32_t lanes = trn_kit_mx_lanes(rows, k), at = k * tile->width + first;

	return (struct trn_kit_mx_operand){
		trn_view_rows(trn_view(&tile->numbers, at, count), 0, lanes),
		trn_kit_mx_scale(trn_view(&tile->scales, at, count), lanes, 0),
	};
}

/* Gate and up of intermediate values 512 t + 4 p + j, for tokens from first on. */
static void gate_up_tile(struct experts *e, const struct trn_tile *scales, uint32_t t,
			 uint32_t first)
{
	const uint32_t left = e->shape->intermediate - t * KIT_MX_ROWS;
	const uint32_t lanes = least(left, KIT_MX_ROWS) / KIT_MX_NUMBERS;
	const uint32_t block = t * GATE_UP_COLS, cols = least(GATE_UP_COLS, 2 * left);
	const struct trn_tile *numbers = matrix_load(e->builder, &e->gate_up, block, cols);

	for (uint32_t c = 0; c < 2 * KIT_MX_NUMBERS; c++) { /* column 2 j + (0 gate, 1 up) */
		const struct trn_tile *sum = c % 2 ? &e->up_sum : &e->gate_sum;
		const uint32_t at = (t * KIT_MX_NUMBERS + c / 2) * e->batch;
		const struct trn_isa_ap dst = trn_view_rows(trn_view(sum, at, e->batch), 0, lanes);

		for (uint32_t k = 0; k < e->in_tiles; k++) {
			const struct trn_kit_mx_operand w =
				matrix_operand(&e->gate_up, numbers, scales, k, block, cols,
					       block + c, lanes, 2 * KIT_MX_NUMBERS);
			const struct trn_kit_mx_operand x =
				activations(&e->x_mx, e->shape->hidden, k, first, e->batch);

			trn_kit_matmul_mx(e->builder, dst, &w, &x, k > 0);
		}
	}
}

/* Biases of gate and up, where the sums are. */
static void gate_up_bias(struct experts *e, const struct trn_kit_part *part)
{
	const uint32_t stride = 2 * e->shape->intermediate * 4;

	for (uint32_t odd = 0; odd < 2; odd++) {
		const struct trn_tile *tile = odd ? &e->up_bias : &e->gate_bias;
		struct trn_isa_mem src = trn_dram(e->args->gate_up_bias, TRN_DTYPE_F32,
						  ((uint64_t)part->first * GATE_UP_COLS + odd) * 4,
						  KIT_MX_NUMBERS);

		src = trn_dram_step(src, 2);
		src = trn_dram_outer(src, GATE_UP_COLS, part->tiles);
		src = trn_dram_outer(src, 2 * KIT_MX_NUMBERS, part->lanes);
		trn_kit_copy(e->builder,
			     trn_chip(trn_view_rows(trn_view(tile, part->first * KIT_MX_NUMBERS,
							     part->tiles * KIT_MX_NUMBERS),
						    0, part->lanes)),
			     trn_dram_reg(src, e->expert, stride), TRN_ENGINE_GPSIMD);
	}
}

static struct trn_isa_ap part_view(const struct experts *e, const struct trn_tile *tile,
				   const struct trn_kit_part *part)
{
	const uint32_t lane = KIT_MX_NUMBERS * e->batch;

	return trn_view_rows(trn_view(tile, part->first * lane, part->tiles * lane), 0,
			     part->lanes);
}

/* One number for all tokens. */
static struct trn_isa_ap bias_view(const struct experts *e, const struct trn_tile *tile,
				   const struct trn_kit_part *part)
{
	const struct trn_isa_ap one =
		trn_view_step(trn_view(tile, part->first * KIT_MX_NUMBERS, e->batch), 0);

	return trn_view_rows(trn_view_outer(one, 1, part->tiles * KIT_MX_NUMBERS), 0, part->lanes);
}

/* The same order of values in the order that quantisation takes: token, then number. */
static struct trn_isa_ap middle_view(const struct experts *e, const struct trn_kit_part *part)
{
	const uint32_t lane = KIT_MX_NUMBERS * e->width;
	struct trn_isa_ap ap =
		trn_view_step(trn_view(&e->middle, part->first * lane, e->batch), KIT_MX_NUMBERS);

	ap = trn_view_outer(ap, 1, KIT_MX_NUMBERS);
	return trn_view_rows(trn_view_outer(ap, (int32_t)lane, part->tiles), 0, part->lanes);
}

/* (clamp(up) + 1) * g * sigmoid(alpha * g), g = min(gate, limit) */
static void swiglu(struct experts *e, const struct trn_kit_part *part)
{
	const struct trn_isa_ap gate = part_view(e, &e->gate, part);
	const struct trn_isa_ap up = part_view(e, &e->up, part);

	trn_kit_tensor(e->builder, gate, part_view(e, &e->gate_sum, part), TRN_ALU_ADD,
		       bias_view(e, &e->gate_bias, part));
	trn_kit_tensor(e->builder, up, part_view(e, &e->up_sum, part), TRN_ALU_ADD,
		       bias_view(e, &e->up_bias, part));
	trn_kit_swiglu(e->builder, e->shape, middle_view(e, part), gate, up,
		       part_view(e, &e->sigmoid, part));
}

/* y[first..] += share * (middle * down + bias) */
static void down_block(struct experts *e, const struct trn_tile *scales, uint32_t block,
		       struct trn_isa_ap share)
{
	const uint32_t hidden = e->shape->hidden, cols = least(e->down.block, hidden - block);
	const struct trn_tile *numbers = matrix_load(e->builder, &e->down, block, cols);

	for (uint32_t n = 0; n < cols; n += BANK) {
		const uint32_t count = least(BANK, cols - n), first = block + n;
		const struct trn_isa_ap sum = trn_view(&e->sum[first / BANK % STAGES], 0, count);
		const struct trn_isa_ap row = trn_view(&e->row, 0, count);
		const struct trn_isa_ap y = trn_view(&e->y, first, count);

		for (uint32_t k = 0; k < e->mid_tiles; k++) {
			const struct trn_kit_mx_operand w = matrix_operand(
				&e->down, numbers, scales, k, block, cols, first, count, 1);
			const struct trn_kit_mx_operand x =
				activations(&e->middle_mx, e->shape->intermediate, k, 0, e->width);

			trn_kit_matmul_mx(e->builder, sum, &x, &w, k > 0);
		}
		trn_kit_tensor(e->builder, row, trn_view_rows(sum, 0, e->batch), TRN_ALU_ADD,
			       trn_view(&e->bias, first, count));
		trn_kit_column(e->builder, row, row, TRN_ALU_MUL, share);
		trn_kit_tensor(e->builder, y, y, TRN_ALU_ADD, row);
	}
}

/* The expert in the register, for the tokens from first on. */
static void one_expert(struct experts *e, uint32_t first, struct trn_isa_ap share)
{
	const struct trn_moe_shape *s = e->shape;
	const uint32_t full = s->intermediate / KIT_MX_ROWS;
	struct trn_isa_mem bias = trn_dram(e->args->down_bias, TRN_DTYPE_F32, 0, s->hidden);
	const struct trn_tile *scales = matrix_scales(e->builder, &e->gate_up);
	struct trn_kit_part parts[2];
	uint32_t n = 0;

	if (full)
		parts[n++] = (struct trn_kit_part){ 0, full, KIT_LANES };
	if (s->intermediate % KIT_MX_ROWS)
		parts[n++] =
			(struct trn_kit_part){ full, 1,
					       s->intermediate % KIT_MX_ROWS / KIT_MX_NUMBERS };
	bias = trn_dram_outer(bias, 0, e->batch);
	trn_kit_copy(e->builder, trn_chip(trn_view(&e->bias, 0, s->hidden)),
		     trn_dram_reg(bias, e->expert, s->hidden * 4), TRN_ENGINE_GPSIMD);
	for (uint32_t i = 0; i < n; i++)
		gate_up_bias(e, &parts[i]);
	for (uint32_t t = 0; t < e->mid_tiles; t++)
		gate_up_tile(e, scales, t, first);
	scales = matrix_scales(e->builder, &e->down);
	for (uint32_t i = 0; i < n; i++)
		swiglu(e, &parts[i]);
	trn_kit_quantize(e->builder, &e->middle_mx, &e->middle, s->intermediate);
	for (uint32_t block = 0; block < s->hidden; block += e->down.block)
		down_block(e, scales, block, share);
}

/* ---- all of them ---- */

/* Rows of tokens from first on. */
static struct trn_isa_mem token_rows(const struct experts *e, uint32_t arg, enum trn_dtype dtype,
				     uint32_t first, uint32_t width)
{
	return trn_dram_outer(trn_dram(arg, dtype, (uint64_t)first * width * 4, width),
			      (int32_t)width, e->batch);
}

/* Token after token, choice after choice. */
static void by_choice(struct experts *e)
{
	const struct trn_moe_shape *s = e->shape;
	const struct trn_isa_mem y_tile = trn_chip(trn_view(&e->y, 0, s->hidden));

	for (uint32_t token = 0; token < s->tokens; token++) {
		const struct trn_isa_mem y =
			token_rows(e, e->args->y, TRN_DTYPE_F32, token, s->hidden);

		trn_kit_copy(e->builder, trn_chip(trn_view(&e->share, 0, s->top_k)),
			     token_rows(e, e->args->shares, TRN_DTYPE_F32, token, s->top_k),
			     TRN_ENGINE_GPSIMD);
		trn_kit_copy(e->builder, y_tile, y, TRN_ENGINE_GPSIMD);
		for (uint32_t choice = 0; choice < s->top_k; choice++) {
			const uint64_t at = ((uint64_t)token * s->top_k + choice) * 4;
			const struct trn_isa_mem index =
				trn_dram(e->args->indices, TRN_DTYPE_U32, at, 1);

			trn_tile_reg_load(e->builder,
					  TRN_TILE_ENGINE(TRN_ENGINE_SYNC) |
						  TRN_TILE_ENGINE(TRN_ENGINE_GPSIMD),
					  e->expert, &index);
			one_expert(e, token, trn_view(&e->share, choice, 1));
		}
		trn_kit_copy(e->builder, y, y_tile, TRN_ENGINE_GPSIMD);
	}
}

/* What a group of tokens chose: shares [token][expert], and for each expert if anybody did. */
struct choices {
	struct trn_tile index, ramp, same, hit, number, ramp_number, part, shares, used, column;
};

static void choices_alloc(struct experts *e, struct choices *c)
{
	struct trn_builder *b = e->builder;
	const uint32_t experts = e->shape->experts;
	struct trn_tile *words[] = { &c->ramp, &c->same, &c->hit };
	struct trn_tile *numbers[] = { &c->ramp_number, &c->part, &c->shares };

	for (uint32_t i = 0; i < 3; i++) {
		*words[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U32, e->batch, experts);
		*numbers[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, e->batch, experts);
	}
	c->index = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U32, e->batch, e->shape->top_k);
	c->number = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, e->batch, e->shape->top_k);
	c->used = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U32, 1, experts);
	c->column = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, e->batch, 1);
}

static void choices_free(struct experts *e, const struct choices *c)
{
	const struct trn_tile *tiles[] = { &c->index,  &c->ramp,        &c->same, &c->hit,
					   &c->number, &c->ramp_number, &c->part, &c->shares,
					   &c->used,   &c->column };

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(e->builder, tiles[i]);
}

static void gpsimd(struct experts *e, enum trn_op op, uint8_t alu, struct trn_isa_ap dst,
		   struct trn_isa_ap a, struct trn_isa_ap b)
{
	trn_tile_compute(e->builder,
			 &(struct trn_tile_op){ .op = op,
						.engine = TRN_ENGINE_GPSIMD,
						.op0 = op == TRN_OP_TENSOR_TENSOR ? alu : 0,
						.func = op == TRN_OP_PARTITION_REDUCE ? alu : 0,
						.dst = dst,
						.src0 = a,
						.src1 = b });
}

/* Integers say who chose what, so that the choice is there without floats too. */
static void choices_make(struct experts *e, const struct choices *c, uint32_t first)
{
	const struct trn_moe_shape *s = e->shape;
	const struct trn_isa_ap none = { 0 }, hit = trn_view(&c->hit, 0, s->experts);
	const struct trn_isa_ap ramp = trn_view(&c->ramp, 0, s->experts);
	const struct trn_isa_ap shares = trn_view(&c->shares, 0, s->experts);
	const struct trn_isa_ap part = trn_view(&c->part, 0, s->experts);

	trn_kit_copy(e->builder, trn_chip(trn_view(&c->index, 0, s->top_k)),
		     token_rows(e, e->args->indices, TRN_DTYPE_U32, first, s->top_k),
		     TRN_ENGINE_GPSIMD);
	trn_kit_copy(e->builder, trn_chip(trn_view(&e->share, 0, s->top_k)),
		     token_rows(e, e->args->shares, TRN_DTYPE_F32, first, s->top_k),
		     TRN_ENGINE_GPSIMD);
	trn_tile_compute(e->builder, &(struct trn_tile_op){ .op = TRN_OP_IOTA,
							    .engine = TRN_ENGINE_GPSIMD,
							    .imm = { 0, 0, 1 },
							    .dst = ramp });
	trn_kit_cast(e->builder, trn_view(&c->ramp_number, 0, s->experts), ramp);
	trn_kit_cast(e->builder, trn_view(&c->number, 0, s->top_k),
		     trn_view(&c->index, 0, s->top_k));
	for (uint32_t k = 0; k < s->top_k; k++) {
		const struct trn_isa_ap same = k ? trn_view(&c->same, 0, s->experts) : hit;
		const struct trn_isa_ap share = k ? part : shares;

		gpsimd(e, TRN_OP_TENSOR_TENSOR, TRN_ALU_EQ, same, ramp,
		       trn_view_outer(trn_view(&c->index, k, 1), 0, s->experts));
		trn_tile_compute(
			e->builder,
			&(struct trn_tile_op){ .op = TRN_OP_TENSOR_SCALAR,
					       .engine = TRN_ENGINE_VECTOR,
					       .flags = TRN_SCALAR_COLUMN0 | TRN_SCALAR_COLUMN1,
					       .op0 = TRN_ALU_EQ,
					       .op1 = TRN_ALU_MUL,
					       .dst = share,
					       .src0 = trn_view(&c->ramp_number, 0, s->experts),
					       .src1 = trn_view(&c->number, k, 1),
					       .src2 = trn_view(&e->share, k, 1) });
		if (k == 0)
			continue;
		gpsimd(e, TRN_OP_TENSOR_TENSOR, TRN_ALU_MAX, hit, hit, same);
		trn_kit_tensor(e->builder, shares, shares, TRN_ALU_ADD, part);
	}
	gpsimd(e, TRN_OP_PARTITION_REDUCE, TRN_ALU_OR, trn_view(&c->used, 0, s->experts), hit,
	       none);
}

/* Expert after expert, those that somebody of the group chose. */
static void experts_loop(struct experts *e, const struct choices *c, uint32_t first)
{
	struct trn_builder *b = e->builder;
	const uint8_t count = trn_tile_reg(b), flag = trn_tile_reg(b), at = trn_tile_reg(b);
	const struct trn_isa_mem used = trn_chip(trn_view_reg(trn_view(&c->used, 0, 1), at));

	trn_tile_reg_set(b, TRN_TILE_ALL, count, e->shape->experts);
	trn_tile_reg_set(b, TRN_TILE_ALL, e->expert, 0);
	trn_tile_reg_set(b, TRN_TILE_ALL, at, 0);
	trn_tile_loop_begin(b, count);
	trn_tile_reg_load(b, TRN_TILE_ALL, flag, &used);
	trn_tile_loop_begin(b, flag);
	trn_kit_cast(b, trn_view(&c->column, 0, 1), trn_view_reg(trn_view(&c->shares, 0, 1), at));
	one_expert(e, first, trn_view(&c->column, 0, 1));
	trn_tile_loop_end(b);
	trn_tile_reg_alu(b, TRN_TILE_ALL, e->expert, e->expert, TRN_ALU_ADD, 1);
	trn_tile_reg_alu(b, TRN_TILE_ALL, at, at, TRN_ALU_ADD, 4);
	trn_tile_loop_end(b);
	trn_tile_reg_free(b, count);
	trn_tile_reg_free(b, flag);
	trn_tile_reg_free(b, at);
}

static void by_expert(struct experts *e)
{
	const struct trn_moe_shape *s = e->shape;
	const struct trn_isa_mem y_tile = trn_chip(trn_view(&e->y, 0, s->hidden));
	struct choices c;

	choices_alloc(e, &c);
	for (uint32_t first = 0; first < s->tokens; first += e->batch) {
		const struct trn_isa_mem y =
			token_rows(e, e->args->y, TRN_DTYPE_F32, first, s->hidden);

		trn_kit_copy(e->builder, y_tile, y, TRN_ENGINE_GPSIMD);
		choices_make(e, &c, first);
		experts_loop(e, &c, first);
		trn_kit_copy(e->builder, y, y_tile, TRN_ENGINE_GPSIMD);
	}
	choices_free(e, &c);
}

/* Tokens computed at once: all of them, or groups of one size whose sums fit PSUM. 1: each
 * choice by itself. */
static uint32_t batch_of(const struct trn_moe_shape *shape)
{
	const uint32_t most =
		SUM_ELEMENTS / (trn_kit_mx_tiles(shape->intermediate) * KIT_MX_NUMBERS);
	uint32_t groups = (shape->tokens + most - 1) / most;

	if (GROUP_FROM * shape->tokens * shape->top_k < shape->experts)
		return 1;
	while (shape->tokens % groups != 0)
		groups++;
	return shape->tokens / groups;
}

static bool shape_ok(struct trn_builder *builder, const struct trn_moe_shape *shape,
		     enum trn_dtype format)
{
	if (!trn_moe_shape_ok(builder, shape) || !trn_kit_mx_format(builder, format) ||
	    !trn_kit_mx_rows(builder, "hidden", shape->hidden) ||
	    !trn_kit_mx_rows(builder, "intermediate", shape->intermediate))
		return false;
	if (shape->flags == 0)
		return true;
	trn_builder_fail(builder, -EINVAL, "flags of experts with MX weights must be 0");
	return false;
}

void trn_experts_mx_emit(struct trn_builder *builder, const struct trn_moe_shape *shape,
			 const struct trn_experts_mx_args *args)
{
	struct experts e = { .builder = builder, .shape = shape, .args = args };

	if (!shape_ok(builder, shape, args->format))
		return;
	e.in_tiles = trn_kit_mx_tiles(shape->hidden);
	e.mid_tiles = trn_kit_mx_tiles(shape->intermediate);
	e.batch = batch_of(shape);
	e.width = e.batch + e.batch % 2;
	e.x_width = shape->tokens + shape->tokens % 2;
	e.gate_up = (struct matrix){ .m = { args->gate_up, args->gate_up_scale, args->format,
					    shape->hidden, 2 * shape->intermediate, 0 },
				     .block = GATE_UP_COLS };
	e.down = (struct matrix){ .m = { args->down, args->down_scale, args->format,
					 shape->intermediate, shape->hidden, 0 },
				  .block = DOWN_COLS };
	experts_alloc(&e);
	e.gate_up.m.reg = e.down.m.reg = e.expert;
	trn_kit_mx_load_rows(builder, &e.x, e.x_width,
			     &(struct trn_kit_mx_rows){ args->x, shape->hidden, shape->tokens });
	trn_kit_quantize(builder, &e.x_mx, &e.x, shape->hidden);
	if (e.batch > 1)
		by_expert(&e);
	else
		by_choice(&e);
	experts_free(&e);
}
