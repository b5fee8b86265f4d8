/* SPDX-License-Identifier: Apache-2.0 */
/* Serving: router and experts of a batch. An expert works on all tokens of the batch, those
 * that have not chosen it with share 0: up to 64 tokens the tensor engine takes no longer for
 * that, and nothing has to be gathered. The sum over experts stays in PSUM. */
#include <float.h>
#include "kernels/serve.h"

#define CHOICES 8u /* what MAX8 gives */
#define LOADS 6u   /* experts whose biases, shares and scales there is room for, at most */
#define AHEAD 3u   /* of them loaded ahead: the others are free for long when their turn comes */

struct load {           /* what is loaded for one expert beside its weights */
	uint8_t expert; /* register */
	struct trn_tile bias, share, down_bias;
	struct trn_tile scales; /* MXFP4: of the weights */
};

struct group { /* what one expert is worked off in; two of them overlap when there is room */
	struct trn_tile sum, gate, up, sigmoid, act;
	struct trn_serve_mx act_mx;
};

struct experts {
	struct trn_serve *serve;
	struct trn_builder *builder;
	const struct trn_serve_experts_args *args;
	uint32_t middle, lanes; /* tiles of the width inside an expert, and their lanes */
	uint32_t width;         /* of a row of logits */
	uint32_t stages, loads, ahead;
	struct trn_tile normed, high, low, logits, list, sum;
	struct trn_serve_mx mx; /* of high */
	struct load load[LOADS];
	struct group group[2];
};

static bool is_mx(const struct experts *e)
{
	return e->serve->shape.format != TRN_DTYPE_NONE;
}

static struct trn_tile sbuf(struct experts *e, enum trn_dtype dtype, uint32_t lanes,
			    uint32_t elements)
{
	return trn_tile_alloc(e->builder, TRN_SPACE_SBUF, dtype, lanes, elements);
}

/* ---- router ---- */

/* Logits in FP32: what BF16 cuts off x is multiplied as well. */
static void logits_make(struct experts *e)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	struct trn_builder *b = e->builder;
	uint32_t tokens = s->tokens, tiles = trn_kit_tiles(s->experts);
	struct trn_tile sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
					     tiles * e->serve->spaced);
	struct trn_tile turned =
		trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, tokens, s->experts);
	struct trn_tile part = sbuf(e, TRN_DTYPE_F32, KIT_LANES, tiles * tokens);
	struct trn_tile bias = sbuf(e, TRN_DTYPE_F32, tokens, s->experts);
	struct trn_serve_stream stream = { .matrix = trn_serve_hidden(s->hidden, s->experts),
					   .arg = e->args->router,
					   .reg = -1,
					   .moving = { &e->high, &e->low },
					   .sum = &sum };

	trn_kit_copy(b, trn_chip(trn_view(&bias, 0, s->experts)),
		     trn_kit_rows(e->args->router_bias, TRN_DTYPE_F32, 0, s->experts, 0, tokens),
		     TRN_ENGINE_GPSIMD);
	trn_serve_stream_emit(e->serve, &stream);
	for (uint32_t t = 0; t < tiles; t++) {
		uint32_t rows = s->experts - t * 128 < 128 ? s->experts - t * 128 : 128;
		struct trn_isa_ap at = trn_view_rows(trn_view(&part, t * tokens, tokens), 0, rows);

		trn_kit_cast(b, at,
			     trn_view_rows(trn_view(&sum, t * e->serve->spaced, tokens), 0, rows));
		trn_serve_turn(b, trn_view(&turned, t * 128, rows), at);
	}
	if (e->width > s->experts)
		trn_kit_fill(b, trn_view(&e->logits, s->experts, e->width - s->experts), -FLT_MAX);
	trn_kit_tensor(b, trn_view(&e->logits, 0, s->experts), trn_view(&turned, 0, s->experts),
		       TRN_ALU_ADD, trn_view(&bias, 0, s->experts));
	trn_tile_free(b, &sum);
	trn_tile_free(b, &turned);
	trn_tile_free(b, &part);
	trn_tile_free(b, &bias);
}

/* dst = src op column */
static void column_op(struct experts *e, struct trn_isa_ap dst, struct trn_isa_ap src,
		      enum trn_alu op0, struct trn_isa_ap column, enum trn_alu op1,
		      struct trn_isa_ap other)
{
	trn_tile_compute(e->builder, &(struct trn_tile_op){ .op = TRN_OP_SCALAR_TENSOR_TENSOR,
							    .engine = TRN_ENGINE_VECTOR,
							    .flags = TRN_SCALAR_COLUMN0,
							    .op0 = (uint8_t)op0,
							    .op1 = (uint8_t)op1,
							    .dst = dst,
							    .src0 = src,
							    .src1 = column,
							    .src2 = other });
}

/* Softmax over what is not below the last one chosen, and out with it, experts by rows. */
static void shares_make(struct experts *e, const struct trn_tile *best)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	struct trn_builder *b = e->builder;
	uint32_t tokens = s->tokens, tiles = trn_kit_tiles(s->experts);
	struct trn_tile weights = sbuf(e, TRN_DTYPE_F32, tokens, s->experts);
	struct trn_tile scale = sbuf(e, TRN_DTYPE_F32, tokens, 2);
	struct trn_tile rows = sbuf(e, TRN_DTYPE_F32, KIT_LANES, tokens);
	struct trn_tile turned =
		trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES, tokens);
	struct trn_isa_ap all = trn_view(&weights, 0, s->experts);
	struct trn_isa_ap logits = trn_view(&e->logits, 0, s->experts);
	struct trn_isa_ap negative = trn_view(&scale, 0, 1), sum = trn_view(&scale, 1, 1);

	trn_kit_scalar(b, negative, trn_view(best, 0, 1), TRN_ALU_MUL, -1.0f, TRN_ALU_BYPASS, 0.0f);
	trn_serve_exp(b, all, logits, 1.0f, &negative, NULL);
	column_op(e, all, logits, TRN_ALU_GE, trn_view(best, s->top_k - 1, 1), TRN_ALU_MUL, all);
	trn_tile_compute(b, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_REDUCE,
						   .engine = TRN_ENGINE_VECTOR,
						   .func = TRN_ALU_ADD,
						   .imm = { 1 },
						   .dst = sum,
						   .src0 = all });
	trn_serve_reciprocal(b, sum, sum);
	trn_kit_column(b, all, all, TRN_ALU_MUL, sum);
	for (uint32_t t = 0; t < tiles; t++) {
		uint32_t count = s->experts - t * 128 < 128 ? s->experts - t * 128 : 128;
		struct trn_isa_ap at = trn_view_rows(trn_view(&rows, 0, tokens), 0, count);

		trn_serve_turn(b, trn_view_rows(trn_view(&turned, 0, tokens), 0, count),
			       trn_view(&weights, t * 128, count));
		trn_kit_cast(b, at, trn_view_rows(trn_view(&turned, 0, tokens), 0, count));
		trn_kit_copy(b,
			     trn_dram_outer(trn_dram(e->args->shares, TRN_DTYPE_F32,
						     (uint64_t)t * 128 * tokens * 4, tokens),
					    (int32_t)tokens, count),
			     trn_chip(at), TRN_ENGINE_GPSIMD);
	}
	trn_tile_free(b, &weights);
	trn_tile_free(b, &scale);
	trn_tile_free(b, &rows);
	trn_tile_free(b, &turned);
}

/* Which experts, and how much of each. */
static void route(struct experts *e)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	struct trn_builder *b = e->builder;
	struct trn_tile best = sbuf(e, TRN_DTYPE_F32, s->tokens, CHOICES);
	struct trn_tile index = sbuf(e, TRN_DTYPE_U32, s->tokens, CHOICES);
	struct trn_isa_ap high = trn_view(&e->high, 0, e->normed.elements);
	struct trn_isa_ap normed = trn_view(&e->normed, 0, e->normed.elements);

	trn_kit_tensor(b, trn_view(&e->low, 0, e->normed.elements), normed, TRN_ALU_SUB, high);
	logits_make(e);
	trn_kit_top8(b, &e->logits, e->width, &best, &index);
	if (s->tokens == 1)
		trn_kit_cast(b, trn_view(&e->list, 0, s->groups), trn_view(&index, 0, s->groups));
	else
		trn_kit_copy(b, trn_chip(trn_view(&e->list, 0, s->groups)),
			     trn_dram(e->args->list, TRN_DTYPE_U32, 0, s->groups),
			     TRN_ENGINE_GPSIMD);
	shares_make(e, &best);
	trn_tile_free(b, &best);
	trn_tile_free(b, &index);
}

/* ---- experts ---- */

static bool routed(const struct experts *e)
{
	return e->serve->shape.experts > 1;
}

/* Four quadrants of eight lanes each have scales. */
static void scales_load(struct experts *e, const struct load *g)
{
	uint32_t cols = g->scales.elements;

	for (uint32_t i = 0; i < 4; i++) {
		struct trn_isa_mem mem =
			trn_dram(e->args->scales, TRN_DTYPE_U8, (uint64_t)i * 8 * cols, cols);

		mem = trn_dram_reg(trn_dram_outer(mem, (int32_t)cols, 8), g->expert, 32 * cols);
		trn_kit_copy(e->builder,
			     trn_chip(trn_view_rows(trn_view(&g->scales, 0, cols), i * 32, 8)), mem,
			     i ? TRN_ENGINE_SCALAR : TRN_ENGINE_SYNC);
	}
}

static void group_load(struct experts *e, uint32_t number)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	const struct load *g = &e->load[number % e->loads];
	uint8_t reg = g->expert;
	uint32_t columns = 2 * e->middle;
	struct trn_isa_mem bias =
		trn_kit_rows(e->args->gate_up_bias, TRN_DTYPE_F32, 0, columns, columns, e->lanes);
	struct trn_isa_mem down = trn_dram(e->args->down_bias, TRN_DTYPE_BF16, 0, s->hidden);
	struct trn_isa_mem share =
		trn_kit_rows(e->args->shares, TRN_DTYPE_F32, 0, s->tokens, 0, KIT_LANES);

	if (routed(e)) {
		struct trn_isa_mem at = trn_chip(trn_view(&e->list, number, 1));

		trn_tile_reg_load(e->builder,
				  TRN_TILE_ENGINE(TRN_ENGINE_SYNC) |
					  TRN_TILE_ENGINE(TRN_ENGINE_GPSIMD) |
					  (is_mx(e) ? TRN_TILE_ENGINE(TRN_ENGINE_SCALAR) : 0),
				  reg, &at);
		share = trn_dram_reg(share, reg, s->tokens * 4);
		trn_kit_copy(e->builder, trn_chip(trn_view(&g->share, 0, s->tokens)), share,
			     TRN_ENGINE_GPSIMD);
	} else {
		trn_tile_reg_set(e->builder, TRN_TILE_ALL, reg, 0);
		trn_kit_fill(e->builder, trn_view(&g->share, 0, s->tokens), 1.0f);
	}
	trn_kit_copy(e->builder,
		     trn_chip(trn_view_rows(trn_view(&g->bias, 0, columns), 0, e->lanes)),
		     trn_dram_reg(bias, reg, 128 * columns * 4), TRN_ENGINE_GPSIMD);
	trn_kit_copy(e->builder, trn_chip(trn_view(&g->down_bias, 0, s->hidden)),
		     trn_dram_reg(down, reg, s->hidden * 2), TRN_ENGINE_GPSIMD);
	if (is_mx(e))
		scales_load(e, g);
}

static uint32_t matrix_bytes(const struct trn_serve_matrix *m)
{
	return m->lanes * m->tiles * m->out * 2;
}

static void group_up(struct experts *e, uint32_t number)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	const struct group *g = &e->group[number % e->stages];
	const struct load *load = &e->load[number % e->loads];
	struct trn_serve_stream stream = {
		.matrix = trn_serve_gate_up(s->hidden, s->intermediate),
		.arg = e->args->gate_up,
		.reg = load->expert,
		.moving = { &e->high },
		.sum = &g->sum,
	};

	if (is_mx(e)) {
		stream.matrix = trn_serve_gate_up_mx(s->hidden, s->intermediate);
		stream.reg_scale = matrix_bytes(&stream.matrix);
		trn_serve_stream_mx_emit(e->serve, &stream, &e->mx, &load->scales, 0);
		return;
	}
	stream.reg_scale = matrix_bytes(&stream.matrix);
	trn_serve_stream_emit(e->serve, &stream);
}

/* share * (clamp(up) + 1) * g * sigmoid(alpha * g), g = min(gate, limit) */
static void group_act(struct experts *e, uint32_t number)
{
	const struct group *g = &e->group[number % e->stages];
	const struct load *load = &e->load[number % e->loads];
	const struct trn_serve_shape *s = &e->serve->shape;
	struct trn_builder *b = e->builder;
	uint32_t n = e->middle * s->tokens, lanes = e->lanes;
	struct trn_isa_ap gate = trn_view_rows(trn_view(&g->gate, 0, n), 0, lanes);
	struct trn_isa_ap up = trn_view_rows(trn_view(&g->up, 0, n), 0, lanes);
	struct trn_isa_ap sigmoid = trn_view_rows(trn_view(&g->sigmoid, 0, n), 0, lanes);
	struct trn_isa_ap share = trn_view_rows(
		trn_view_outer(trn_view(&load->share, 0, s->tokens), 0, e->middle), 0, lanes);

	for (uint32_t odd = 0; odd < 2; odd++)
		trn_kit_tensor(
			b, odd ? up : gate,
			trn_view_rows(trn_serve_spaced(e->serve, &g->sum, odd, 2, e->middle), 0,
				      lanes),
			TRN_ALU_ADD,
			trn_view_rows(trn_serve_repeated(e->serve, &load->bias, odd, 2, e->middle),
				      0, lanes));
	trn_kit_scalar(b, gate, gate, TRN_ALU_MIN, s->limit, TRN_ALU_BYPASS, 0.0f);
	trn_serve_exp(b, sigmoid, gate, -s->alpha, NULL, NULL);
	trn_kit_scalar(b, up, up, TRN_ALU_MIN, s->limit, TRN_ALU_MAX, -s->limit);
	trn_serve_scalar_tensor(b, up, up, TRN_ALU_ADD, 1.0f, TRN_ALU_MUL, gate);
	trn_kit_tensor(b, up, up, TRN_ALU_MUL, share);
	trn_kit_scalar(b, sigmoid, sigmoid, TRN_ALU_ADD, 1.0f, TRN_ALU_BYPASS, 0.0f);
	trn_serve_reciprocal(b, sigmoid, sigmoid);
	trn_kit_tensor(b, trn_view_rows(trn_view(&g->act, 0, n), 0, lanes), up, TRN_ALU_MUL,
		       sigmoid);
}

/* The bias is one more row of the matrix: a product with the shares. */
static void group_bias(struct experts *e, const struct load *g, bool add)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	struct trn_tile share = sbuf(e, TRN_DTYPE_BF16, 1, s->tokens);

	trn_kit_cast(e->builder, trn_view(&share, 0, s->tokens),
		     trn_view_rows(trn_view(&g->share, 0, s->tokens), 0, 1));
	for (uint32_t t = 0; t < e->serve->tiles; t++) {
		uint32_t width = s->hidden - t * 128 < 128 ? s->hidden - t * 128 : 128;

		trn_kit_matmul(e->builder,
			       trn_view_rows(trn_view(&e->sum, t * e->serve->spaced, s->tokens), 0,
					     width),
			       trn_view(&g->down_bias, t * 128, width),
			       trn_view(&share, 0, s->tokens), add);
	}
	trn_tile_free(e->builder, &share);
}

static void group_down(struct experts *e, uint32_t number)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	const struct group *g = &e->group[number % e->stages];
	const struct load *load = &e->load[number % e->loads];
	struct trn_serve_stream stream = {
		.matrix = trn_serve_down(s->hidden, s->intermediate),
		.arg = e->args->down,
		.reg = load->expert,
		.moving = { &g->act },
		.sum = &e->sum,
		.add = true,
	};

	group_bias(e, load, number > 0);
	if (is_mx(e)) {
		stream.matrix = trn_serve_down_mx(s->hidden, s->intermediate);
		stream.reg_scale = matrix_bytes(&stream.matrix);
		trn_serve_quantize_emit(e->serve, &g->act, stream.matrix.lanes, e->middle / 4,
					&g->act_mx);
		trn_serve_stream_mx_emit(e->serve, &stream, &g->act_mx, &load->scales, 4);
		return;
	}
	stream.reg_scale = matrix_bytes(&stream.matrix);
	trn_serve_stream_emit(e->serve, &stream);
}

static void mx_make(struct experts *e, struct trn_serve_mx *mx, uint32_t tiles)
{
	uint32_t n = tiles * e->serve->shape.tokens;

	mx->numbers = sbuf(e, TRN_DTYPE_F8E4M3FN_X4, KIT_LANES, n);
	mx->scales = sbuf(e, TRN_DTYPE_U8, KIT_LANES, n);
}

static void mx_free(struct experts *e, const struct trn_serve_mx *mx)
{
	trn_tile_free(e->builder, &mx->numbers);
	trn_tile_free(e->builder, &mx->scales);
}

static void group_make(struct experts *e, struct group *g)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	uint32_t n = e->middle * s->tokens;

	g->gate = sbuf(e, TRN_DTYPE_F32, KIT_LANES, n);
	g->up = sbuf(e, TRN_DTYPE_F32, KIT_LANES, n);
	g->sigmoid = sbuf(e, TRN_DTYPE_F32, KIT_LANES, n);
	g->act = sbuf(e, TRN_DTYPE_BF16, KIT_LANES, n);
	g->sum = trn_tile_alloc(e->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
				2 * e->middle * e->serve->spaced);
	if (!is_mx(e))
		return;
	mx_make(e, &g->act_mx, e->middle / 4);
	/* Lanes past the tiles' own are multiplied with zeros and must be numbers. */
	trn_kit_fill(e->builder, trn_view(&g->act, 0, n), 0.0f);
}

static void group_free(struct experts *e, const struct group *g)
{
	const struct trn_tile *tiles[] = { &g->gate, &g->up, &g->act, &g->sigmoid, &g->sum };

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(e->builder, tiles[i]);
	if (is_mx(e))
		mx_free(e, &g->act_mx);
}

static void load_make(struct experts *e, struct load *load)
{
	const struct trn_serve_shape *s = &e->serve->shape;

	load->expert = trn_tile_reg(e->builder);
	load->bias = sbuf(e, TRN_DTYPE_F32, KIT_LANES, 2 * e->middle);
	load->share = sbuf(e, TRN_DTYPE_F32, KIT_LANES, s->tokens);
	load->down_bias = sbuf(e, TRN_DTYPE_BF16, 1, s->hidden);
	if (is_mx(e))
		load->scales = sbuf(e, TRN_DTYPE_U8, KIT_LANES,
				    trn_serve_scale_columns(s->hidden, s->intermediate));
}

static void load_free(struct experts *e, const struct load *load)
{
	trn_tile_reg_free(e->builder, load->expert);
	trn_tile_free(e->builder, &load->bias);
	trn_tile_free(e->builder, &load->share);
	trn_tile_free(e->builder, &load->down_bias);
	if (is_mx(e))
		trn_tile_free(e->builder, &load->scales);
}

static void loads_make(struct experts *e)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	uint32_t room = trn_tile_room(e->builder, TRN_SPACE_SBUF);
	uint32_t bytes = 2 * e->middle * 4 + s->tokens * 4 + s->hidden * 2 + 256;

	if (is_mx(e))
		bytes += trn_serve_scale_columns(s->hidden, s->intermediate);
	e->loads = room / bytes < 2 ? 2 : room / bytes > LOADS ? LOADS : room / bytes;
	e->ahead = e->loads > AHEAD ? AHEAD : e->loads - 1;
	for (uint32_t i = 0; i < e->loads; i++)
		load_make(e, &e->load[i]);
}

/* The next expert's first half comes before this one's second: the tensor engine has work
 * while the others are at the activation. */
static void groups_all(struct experts *e)
{
	uint32_t groups = e->serve->shape.groups, bytes = 2 * e->middle * e->serve->spaced * 4;

	e->stages = trn_tile_room(e->builder, TRN_SPACE_PSUM) >= 2 * ((bytes + 2047) / 2048 * 2048);
	e->stages = e->stages ? 2 : 1;
	for (uint32_t i = 0; i < e->stages; i++)
		group_make(e, &e->group[i]);
	loads_make(e);
	for (uint32_t n = 0; n < e->ahead && n < groups; n++)
		group_load(e, n);
	group_up(e, 0);
	for (uint32_t n = 0; n < groups; n++) {
		group_act(e, n);
		/* Behind the activation: its engine triggers loads as well. */
		if (n + e->ahead < groups)
			group_load(e, n + e->ahead);
		if (e->stages > 1 && n + 1 < groups)
			group_up(e, n + 1);
		group_down(e, n);
		if (e->stages == 1 && n + 1 < groups)
			group_up(e, n + 1);
		if (trn_builder_status(e->builder, NULL) < 0)
			return;
	}
	for (uint32_t i = 0; i < e->stages; i++)
		group_free(e, &e->group[i]);
	for (uint32_t i = 0; i < e->loads; i++)
		load_free(e, &e->load[i]);
}

static void result_out(struct experts *e, const struct trn_tile *y)
{
	const struct trn_serve_shape *s = &e->serve->shape;
	uint32_t tokens = s->tokens;
	struct trn_kit_part parts[2];
	uint32_t n = trn_kit_parts(s->hidden, parts);

	if (s->hidden % 128 != 0)
		trn_kit_fill(e->builder, trn_view(y, (e->serve->tiles - 1) * tokens, tokens), 0.0f);
	for (uint32_t i = 0; i < n; i++) {
		struct trn_isa_ap to = trn_view_outer(trn_view(y, parts[i].first * tokens, tokens),
						      (int32_t)tokens, parts[i].tiles);

		trn_kit_cast(e->builder, trn_view_rows(to, 0, parts[i].lanes),
			     trn_view_rows(trn_serve_spaced(e->serve, &e->sum, parts[i].first, 1,
							    parts[i].tiles),
					   0, parts[i].lanes));
	}
}

void trn_serve_experts_emit(struct trn_serve *serve, const struct trn_serve_experts_args *args,
			    const struct trn_tile *x, const struct trn_tile *y)
{
	struct experts e = { .serve = serve, .builder = serve->builder, .args = args };
	const struct trn_serve_shape *s = &serve->shape;
	struct trn_builder *b = serve->builder;
	uint32_t n = serve->tiles * s->tokens, fours = (serve->tiles + 3) / 4;
	const struct trn_tile *tiles[] = { &e.normed, &e.high, &e.low, &e.logits, &e.list, &e.sum };

	if (trn_builder_status(b, NULL) < 0)
		return;
	e.middle = is_mx(&e) ? trn_serve_middle_mx(s->intermediate, &e.lanes) :
			       trn_serve_middle(s->intermediate, &e.lanes);
	e.width = s->experts < CHOICES ? CHOICES : s->experts;
	e.normed = sbuf(&e, TRN_DTYPE_F32, KIT_LANES, n);
	e.high = sbuf(&e, TRN_DTYPE_BF16, KIT_LANES, fours * 4 * s->tokens);
	e.low = sbuf(&e, TRN_DTYPE_BF16, KIT_LANES, n);
	e.logits = sbuf(&e, TRN_DTYPE_F32, s->tokens, e.width);
	e.list = sbuf(&e, TRN_DTYPE_U32, 1, s->groups);
	trn_serve_norm_emit(serve, x, &e.normed);
	trn_kit_cast(b, trn_view(&e.high, 0, n), trn_view(&e.normed, 0, n));
	if (is_mx(&e)) {
		mx_make(&e, &e.mx, fours);
		if (e.high.elements > n)
			trn_kit_fill(b, trn_view(&e.high, n, e.high.elements - n), 0.0f);
		trn_serve_quantize_emit(serve, &e.high, KIT_LANES, fours, &e.mx);
	}
	if (routed(&e))
		route(&e);
	e.sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
			       serve->tiles * serve->spaced);
	groups_all(&e);
	result_out(&e, y);
	if (is_mx(&e))
		mx_free(&e, &e.mx);
	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(b, tiles[i]);
}
