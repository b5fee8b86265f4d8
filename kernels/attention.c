/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of one token. The query heads of a group lie in lanes; keys are cached with a
 * position a column, so that a block of them multiplies as it lies. The softmax runs over the
 * blocks with a running maximum and sum, which the sink begins. */
#include <trn/kernels_attention.h>

#include <errno.h>
#include <string.h>

#include "kernels/kit.h"

#define BLOCK ((uint32_t)TRN_ATTENTION_BLOCK)
#define BLOCK_SHIFT 7u
#define POSITIONS_MAX 131072u
#define NO_WINDOW (1u << 23) /* wider than any cache, and exact in FP32 */

struct attention {
	struct trn_builder *builder;
	const struct trn_attention_shape *shape;
	const struct trn_attention_args *args;
	uint32_t group;  /* query heads of a key head */
	uint32_t esize;  /* bytes of an element of the cache */
	uint32_t o_step; /* elements from head to head in @o: none may span PSUM banks */
	uint8_t position, block, rounds, spare; /* registers */
	struct trn_tile q, k, rope, turn;       /* one head a lane */
	struct trn_tile q_cast, qt_sum, qt;     /* [head_dim][heads]: the stationary side */
	struct trn_tile keys, values;           /* one block of each cache */
	struct trn_tile scores, masked, probs, pt_sum, pt, o;
	struct trn_tile edge; /* what this block's columns are compared with */
	struct trn_tile top, top_new, sum, fade, negative; /* of each head of each group */
	struct trn_tile acc, number;
};

static bool shape_ok(struct trn_builder *builder, const struct trn_attention_shape *s)
{
	const char *why = NULL;

	if (s->heads == 0 || s->heads > TRN_ATTENTION_HEADS_MAX || s->kv_heads == 0 ||
	    s->heads % s->kv_heads != 0)
		why = "heads must be 1 to 128 and a multiple of kv_heads";
	else if (s->head_dim == 0 || s->head_dim > TRN_ATTENTION_HEAD_DIM_MAX ||
		 s->head_dim % 2 != 0)
		why = "head_dim must be even, 2 to 128";
	else if (s->positions == 0 || s->positions > POSITIONS_MAX || s->positions % BLOCK != 0)
		why = "positions must be a multiple of 128 up to 131072";
	else if (s->window > POSITIONS_MAX)
		why = "window must be 0 to 131072";
	else if (s->cache != TRN_DTYPE_BF16 && s->cache != TRN_DTYPE_F32)
		why = "the cache must be BF16 or F32";
	if (why)
		trn_builder_fail(builder, -EINVAL, "attention: %s", why);
	return why == NULL;
}

static void tiles_make(struct attention *a)
{
	const struct trn_attention_shape *s = a->shape;
	enum trn_space sbuf = TRN_SPACE_SBUF, psum = TRN_SPACE_PSUM;
	uint32_t d = s->head_dim, kv = s->kv_heads, g = a->group;
	const struct {
		struct trn_tile *tile;
		enum trn_space space;
		enum trn_dtype dtype;
		uint32_t partitions, elements;
	} rows[] = {
		{ &a->q, sbuf, TRN_DTYPE_F32, s->heads, d },
		{ &a->k, sbuf, TRN_DTYPE_F32, kv, d },
		{ &a->rope, sbuf, TRN_DTYPE_F32, s->heads, d },
		{ &a->turn, sbuf, TRN_DTYPE_F32, s->heads, 2 * d },
		{ &a->q_cast, sbuf, s->cache, s->heads, d },
		{ &a->qt_sum, psum, s->cache, d, s->heads },
		{ &a->qt, sbuf, s->cache, d, s->heads },
		{ &a->keys, sbuf, s->cache, d, kv * BLOCK },
		{ &a->values, sbuf, s->cache, BLOCK, kv * d },
		{ &a->scores, psum, TRN_DTYPE_F32, g, kv * BLOCK },
		{ &a->masked, sbuf, TRN_DTYPE_F32, g, kv * BLOCK },
		{ &a->probs, sbuf, s->cache, g, kv * BLOCK },
		{ &a->pt_sum, psum, s->cache, BLOCK, s->heads },
		{ &a->pt, sbuf, s->cache, BLOCK, s->heads },
		{ &a->o, psum, TRN_DTYPE_F32, g, kv * a->o_step },
		{ &a->edge, sbuf, TRN_DTYPE_F32, g, 2 },
		{ &a->top, sbuf, TRN_DTYPE_F32, g, kv },
		{ &a->top_new, sbuf, TRN_DTYPE_F32, g, kv },
		{ &a->sum, sbuf, TRN_DTYPE_F32, g, kv },
		{ &a->fade, sbuf, TRN_DTYPE_F32, g, 2 * kv },
		{ &a->negative, sbuf, TRN_DTYPE_F32, g, kv },
		{ &a->acc, sbuf, TRN_DTYPE_F32, g, kv * d },
		{ &a->number, sbuf, TRN_DTYPE_S32, 1, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		*rows[i].tile = trn_tile_alloc(a->builder, rows[i].space, rows[i].dtype,
					       rows[i].partitions, rows[i].elements);
	a->position = trn_tile_reg(a->builder);
	a->block = trn_tile_reg(a->builder);
	a->rounds = trn_tile_reg(a->builder);
	a->spare = trn_tile_reg(a->builder);
}

static void tiles_free(struct attention *a)
{
	const struct trn_tile *tiles[] = { &a->q,        &a->k,       &a->rope,   &a->turn,
					   &a->q_cast,   &a->qt_sum,  &a->qt,     &a->keys,
					   &a->values,   &a->scores,  &a->masked, &a->probs,
					   &a->pt_sum,   &a->pt,      &a->o,      &a->edge,
					   &a->top,      &a->top_new, &a->sum,    &a->fade,
					   &a->negative, &a->acc,     &a->number };
	const uint8_t regs[] = { a->position, a->block, a->rounds, a->spare };

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(a->builder, tiles[i]);
	for (size_t i = 0; i < sizeof(regs); i++)
		trn_tile_reg_free(a->builder, regs[i]);
}

/* Lanes become columns; dst in PSUM. */
static void turn_over(struct attention *a, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_tile_compute(a->builder, &(struct trn_tile_op){ .op = TRN_OP_TRANSPOSE,
							    .engine = TRN_ENGINE_TENSOR,
							    .dst = dst,
							    .src0 = src });
}

/* dst = left - right, on every engine. */
static void reg_sub(struct attention *a, uint8_t dst, uint8_t left, uint8_t right)
{
	struct trn_isa_compute op = {
		.head = { .op = TRN_OP_REG_ALU },
		.op0 = dst,
		.op1 = left,
		.func = right,
		.mode = TRN_ALU_SUB,
	};

	for (unsigned int e = 0; e < TRN_ENGINE_COUNT; e++)
		(void)trn_builder_emit(a->builder, (enum trn_engine)e, &op, 1);
}

/* The blocks that hold positions this token sees: the first, and how many. */
static void blocks_find(struct attention *a)
{
	const struct trn_attention_shape *s = a->shape;
	struct trn_builder *b = a->builder;

	trn_tile_reg_arg(b, TRN_TILE_ALL, a->position, a->args->position);
	if (s->window == 0) {
		trn_tile_reg_set(b, TRN_TILE_ALL, a->block, 0);
	} else {
		trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->position, TRN_ALU_SUB,
				 s->window - 1);
		trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->block, TRN_ALU_MAX, 0);
		trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->block, TRN_ALU_SHR, BLOCK_SHIFT);
	}
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->rounds, a->position, TRN_ALU_SHR, BLOCK_SHIFT);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->rounds, a->rounds, TRN_ALU_ADD, 1);
	reg_sub(a, a->rounds, a->rounds, a->block);
}

/* Column j of a block is seen when edge[0] < j <= edge[1]. */
static void edges_make(struct attention *a)
{
	uint32_t window = a->shape->window != 0 ? a->shape->window : NO_WINDOW;
	struct trn_isa_ap number = trn_view(&a->number, 0, 1);
	struct trn_isa_mem number_mem = trn_chip(number);
	struct trn_isa_ap high = trn_view(&a->edge, 1, 1);

	trn_tile_reg_alu(a->builder, TRN_TILE_ALL, a->spare, a->block, TRN_ALU_SHL, BLOCK_SHIFT);
	reg_sub(a, a->spare, a->position, a->spare);
	trn_tile_reg_store(a->builder, TRN_ENGINE_SYNC, a->spare, &number_mem);
	/* One number to every lane, and to FP32. */
	trn_kit_copy(a->builder, trn_chip(high),
		     trn_chip(trn_view_step(trn_view(&a->number, 0, a->group), 0)),
		     TRN_ENGINE_SYNC);
	trn_kit_scalar(a->builder, trn_view(&a->edge, 0, 1), high, TRN_ALU_SUB, (float)window,
		       TRN_ALU_BYPASS, 0.0f);
}

/* Turns one head a lane: (x1 cos - x2 sin, x2 cos + x1 sin). */
static void rotate(struct attention *a, const struct trn_tile *x, uint32_t lanes)
{
	uint32_t half = a->shape->head_dim / 2;
	struct trn_builder *b = a->builder;
	struct trn_isa_ap part[2], turn[4], cosine, sine;

	for (uint32_t i = 0; i < 2; i++)
		part[i] = trn_view_rows(trn_view(x, i * half, half), 0, lanes);
	for (uint32_t i = 0; i < 4; i++)
		turn[i] = trn_view_rows(trn_view(&a->turn, i * half, half), 0, lanes);
	cosine = trn_view_rows(trn_view(&a->rope, 0, half), 0, lanes);
	sine = trn_view_rows(trn_view(&a->rope, half, half), 0, lanes);
	trn_kit_tensor(b, turn[0], part[0], TRN_ALU_MUL, cosine);
	trn_kit_tensor(b, turn[1], part[1], TRN_ALU_MUL, sine);
	trn_kit_tensor(b, turn[2], part[1], TRN_ALU_MUL, cosine);
	trn_kit_tensor(b, turn[3], part[0], TRN_ALU_MUL, sine);
	trn_kit_tensor(b, part[0], turn[0], TRN_ALU_SUB, turn[1]);
	trn_kit_tensor(b, part[1], turn[2], TRN_ALU_ADD, turn[3]);
}

static struct trn_isa_mem heads_of(uint32_t arg, uint32_t heads, uint32_t head_dim)
{
	return trn_dram_outer(trn_dram(arg, TRN_DTYPE_F32, 0, head_dim), (int32_t)head_dim, heads);
}

/* Rotated key and value into their caches. */
static void append(struct attention *a)
{
	const struct trn_attention_shape *s = a->shape;
	uint32_t d = s->head_dim, kv = s->kv_heads;
	struct trn_isa_mem key = trn_dram(a->args->k_cache, s->cache, 0, d);
	struct trn_isa_mem value = trn_dram(a->args->v_cache, s->cache, 0, d);

	key = trn_dram_outer(trn_dram_step(key, (int32_t)s->positions), (int32_t)(d * s->positions),
			     kv);
	value = trn_dram_outer(value, (int32_t)(s->positions * d), kv);
	trn_kit_copy(a->builder, trn_dram_reg(key, a->position, a->esize),
		     trn_chip(trn_view(&a->k, 0, d)), TRN_ENGINE_SYNC);
	trn_kit_copy(a->builder, trn_dram_reg(value, a->position, d * a->esize),
		     heads_of(a->args->v, kv, d), TRN_ENGINE_SYNC);
}

/* Loads, turns and scales; the query ends with head_dim in lanes. */
static void query_key(struct attention *a)
{
	const struct trn_attention_shape *s = a->shape;
	uint32_t d = s->head_dim;
	struct trn_isa_mem angles = trn_dram(a->args->rope, TRN_DTYPE_F32, 0, d);
	float scale = 1.0f;

	/* Newton: the square root of head_dim. */
	for (uint32_t i = 0; i < 32; i++)
		scale = 0.5f * (scale + (float)d / scale);
	angles = trn_dram_reg(trn_dram_outer(angles, 0, s->heads), a->position, d * 4);
	trn_kit_copy(a->builder, trn_chip(trn_view(&a->rope, 0, d)), angles, TRN_ENGINE_SYNC);
	trn_kit_copy(a->builder, trn_chip(trn_view(&a->k, 0, d)),
		     heads_of(a->args->k, s->kv_heads, d), TRN_ENGINE_SYNC);
	trn_kit_copy(a->builder, trn_chip(trn_view(&a->q, 0, d)), heads_of(a->args->q, s->heads, d),
		     TRN_ENGINE_SYNC);
	rotate(a, &a->k, s->kv_heads);
	append(a);
	rotate(a, &a->q, s->heads);
	trn_kit_scalar(a->builder, trn_view(&a->q_cast, 0, d), trn_view(&a->q, 0, d), TRN_ALU_MUL,
		       1.0f / scale, TRN_ALU_BYPASS, 0.0f);
	turn_over(a, trn_view(&a->qt_sum, 0, s->heads), trn_view(&a->q_cast, 0, d));
	trn_kit_cast(a->builder, trn_view(&a->qt, 0, s->heads), trn_view(&a->qt_sum, 0, s->heads));
}

/* The sink is the first score: maximum itself, sum 1, and no value. */
static void state_begin(struct attention *a)
{
	struct trn_isa_mem sinks = trn_dram(a->args->sinks, TRN_DTYPE_F32, 0, a->shape->kv_heads);

	sinks = trn_dram_outer(trn_dram_step(sinks, (int32_t)a->group), 1, a->group);
	trn_kit_copy(a->builder, trn_chip(trn_view(&a->top, 0, a->shape->kv_heads)), sinks,
		     TRN_ENGINE_SYNC);
	trn_kit_fill(a->builder, trn_view(&a->sum, 0, a->shape->kv_heads), 1.0f);
	trn_kit_fill(a->builder, trn_view(&a->acc, 0, a->acc.elements), 0.0f);
}

static void block_load(struct attention *a)
{
	const struct trn_attention_shape *s = a->shape;
	uint32_t d = s->head_dim, kv = s->kv_heads;
	struct trn_isa_mem keys = trn_dram(a->args->k_cache, s->cache, 0, BLOCK);
	struct trn_isa_mem values = trn_dram(a->args->v_cache, s->cache, 0, d);

	keys = trn_dram_outer(keys, (int32_t)(d * s->positions), kv);
	keys = trn_dram_outer(keys, (int32_t)s->positions, d);
	values = trn_dram_outer(values, (int32_t)(s->positions * d), kv);
	values = trn_dram_outer(values, (int32_t)d, BLOCK);
	trn_kit_copy(a->builder, trn_chip(trn_view(&a->keys, 0, kv * BLOCK)),
		     trn_dram_reg(keys, a->block, BLOCK * a->esize), TRN_ENGINE_SYNC);
	trn_kit_copy(a->builder, trn_chip(trn_view(&a->values, 0, kv * d)),
		     trn_dram_reg(values, a->block, BLOCK * d * a->esize), TRN_ENGINE_GPSIMD);
}

/* Scores of one group, masked; the largest of each head into top_new. */
static void block_scores(struct attention *a, uint32_t kv)
{
	struct trn_isa_ap scores = trn_view(&a->scores, kv * BLOCK, BLOCK);

	trn_kit_matmul(a->builder, scores, trn_view(&a->qt, kv * a->group, a->group),
		       trn_view(&a->keys, kv * BLOCK, BLOCK), false);
	trn_tile_compute(a->builder,
			 &(struct trn_tile_op){ .op = TRN_OP_RANGE_SELECT,
						.engine = TRN_ENGINE_VECTOR,
						.flags = TRN_SCALAR_COLUMN0 | TRN_SCALAR_COLUMN1,
						.op0 = TRN_ALU_GT,
						.op1 = TRN_ALU_LE,
						.mode = TRN_REDUCE_RESET_REDUCE,
						.dst = trn_view(&a->masked, kv * BLOCK, BLOCK),
						.src0 = scores,
						.src1 = trn_view(&a->edge, 0, 1),
						.src2 = trn_view(&a->edge, 1, 1),
						.dst2 = trn_view(&a->top_new, kv, 1) });
}

static void exponential(struct attention *a, struct trn_isa_ap dst, struct trn_isa_ap src,
			const struct trn_isa_ap *bias, const struct trn_isa_ap *sum)
{
	struct trn_tile_op op = { .op = TRN_OP_ACTIVATION,
				  .engine = TRN_ENGINE_SCALAR,
				  .func = TRN_ACT_EXP,
				  .imm = { trn_kit_bits(1.0f) },
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
	trn_tile_compute(a->builder, &op);
}

/* The running maximum moves up; what was summed before fades by the difference. */
static void block_fade(struct attention *a)
{
	uint32_t kv = a->shape->kv_heads;
	struct trn_isa_ap top = trn_view(&a->top, 0, kv), next = trn_view(&a->top_new, 0, kv);
	struct trn_isa_ap fade = trn_view(&a->fade, 0, kv), sum = trn_view(&a->sum, 0, kv);

	trn_kit_tensor(a->builder, next, next, TRN_ALU_MAX, top);
	trn_kit_tensor(a->builder, fade, top, TRN_ALU_SUB, next);
	exponential(a, fade, fade, NULL, NULL);
	trn_kit_scalar(a->builder, trn_view(&a->negative, 0, kv), next, TRN_ALU_MUL, -1.0f,
		       TRN_ALU_BYPASS, 0.0f);
	trn_kit_cast(a->builder, top, next);
	trn_kit_tensor(a->builder, sum, sum, TRN_ALU_MUL, fade);
}

/* Weights of one group from its scores, turned over, times the values. */
static void block_values(struct attention *a, uint32_t kv)
{
	uint32_t d = a->shape->head_dim, g = a->group;
	struct trn_isa_ap probs = trn_view(&a->probs, kv * BLOCK, BLOCK);
	struct trn_isa_ap pt_sum = trn_view(&a->pt_sum, kv * g, g);
	struct trn_isa_ap pt = trn_view(&a->pt, kv * g, g);
	struct trn_isa_ap negative = trn_view(&a->negative, kv, 1);
	struct trn_isa_ap share = trn_view(&a->fade, a->shape->kv_heads + kv, 1);
	struct trn_isa_ap acc = trn_view(&a->acc, kv * d, d);
	struct trn_isa_ap o = trn_view(&a->o, kv * a->o_step, d);

	exponential(a, probs, trn_view(&a->masked, kv * BLOCK, BLOCK), &negative, &share);
	turn_over(a, pt_sum, probs);
	trn_kit_cast(a->builder, pt, pt_sum);
	trn_kit_matmul(a->builder, o, pt, trn_view(&a->values, kv * d, d), false);
	trn_kit_column(a->builder, acc, acc, TRN_ALU_MUL, trn_view(&a->fade, kv, 1));
	trn_kit_tensor(a->builder, acc, acc, TRN_ALU_ADD, o);
}

static void block_all(struct attention *a)
{
	uint32_t kv = a->shape->kv_heads;
	struct trn_isa_ap sum = trn_view(&a->sum, 0, kv), edge = trn_view(&a->edge, 0, 2);

	block_load(a);
	for (uint32_t i = 0; i < kv; i++)
		block_scores(a, i);
	block_fade(a);
	for (uint32_t i = 0; i < kv; i++)
		block_values(a, i);
	trn_kit_tensor(a->builder, sum, sum, TRN_ALU_ADD, trn_view(&a->fade, kv, kv));
	trn_kit_scalar(a->builder, edge, edge, TRN_ALU_SUB, (float)BLOCK, TRN_ALU_BYPASS, 0.0f);
	trn_tile_reg_alu(a->builder, TRN_TILE_ALL, a->block, a->block, TRN_ALU_ADD, 1);
}

static void finish(struct attention *a)
{
	const struct trn_attention_shape *s = a->shape;
	uint32_t d = s->head_dim, kv = s->kv_heads;
	struct trn_isa_ap sum = trn_view(&a->sum, 0, kv);
	struct trn_isa_mem y = trn_dram(a->args->y, TRN_DTYPE_F32, 0, d);

	trn_tile_compute(a->builder, &(struct trn_tile_op){ .op = TRN_OP_RECIPROCAL,
							    .engine = TRN_ENGINE_VECTOR,
							    .dst = sum,
							    .src0 = sum });
	for (uint32_t i = 0; i < kv; i++) {
		struct trn_isa_ap acc = trn_view(&a->acc, i * d, d);

		trn_kit_column(a->builder, acc, acc, TRN_ALU_MUL, trn_view(&a->sum, i, 1));
	}
	y = trn_dram_outer(trn_dram_outer(y, (int32_t)(a->group * d), kv), (int32_t)d, a->group);
	trn_kit_copy(a->builder, y, trn_chip(trn_view(&a->acc, 0, kv * d)), TRN_ENGINE_SYNC);
}

void trn_attention_emit(struct trn_builder *builder, const struct trn_attention_shape *shape,
			const struct trn_attention_args *args)
{
	struct attention a = { .builder = builder, .shape = shape, .args = args, .o_step = 1 };

	if (!shape_ok(builder, shape))
		return;
	a.group = shape->heads / shape->kv_heads;
	a.esize = shape->cache == TRN_DTYPE_BF16 ? 2 : 4;
	while (a.o_step < shape->head_dim)
		a.o_step *= 2;
	tiles_make(&a);
	blocks_find(&a);
	query_key(&a);
	edges_make(&a);
	state_begin(&a);
	trn_tile_loop_begin(builder, a.rounds);
	block_all(&a);
	trn_tile_loop_end(builder);
	finish(&a);
	tiles_free(&a);
}

int trn_kernel_attention(const struct trn_builder_opts *opts,
			 const struct trn_attention_shape *shape, void **ret_image,
			 size_t *ret_bytes)
{
	uint64_t row = (uint64_t)shape->head_dim * 4, d = shape->head_dim;
	uint64_t cache =
		shape->kv_heads * d * shape->positions * (shape->cache == TRN_DTYPE_BF16 ? 2u : 4u);
	struct trn_attention_args args;
	struct trn_builder *b;
	int r = trn_builder_create(opts, &b);

	if (r < 0)
		return r;
	args.q = trn_builder_arg(b, "q", TRN_ARG_BUFFER, shape->heads * row);
	args.k = trn_builder_arg(b, "k", TRN_ARG_BUFFER, shape->kv_heads * row);
	args.v = trn_builder_arg(b, "v", TRN_ARG_BUFFER, shape->kv_heads * row);
	args.rope = trn_builder_arg(b, "rope", TRN_ARG_BUFFER, shape->positions * row);
	args.sinks = trn_builder_arg(b, "sinks", TRN_ARG_BUFFER, (uint64_t)shape->heads * 4);
	args.k_cache = trn_builder_arg(b, "k_cache", TRN_ARG_BUFFER, cache);
	args.v_cache = trn_builder_arg(b, "v_cache", TRN_ARG_BUFFER, cache);
	args.position = trn_builder_arg(b, "position", TRN_ARG_SCALAR, 0);
	args.y = trn_builder_arg(b, "y", TRN_ARG_BUFFER, shape->heads * row);
	trn_attention_emit(b, shape, &args);
	r = trn_builder_finish(b, ret_image, ret_bytes);
	trn_builder_destroy(b);
	return r;
}
