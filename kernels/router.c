/* SPDX-License-Identifier: Apache-2.0 */
/* Router of a mixture of experts: logits in FP32, the best k, softmax over them. Tokens lie
 * in lanes. */
#include "kernels/kit.h"

#include <errno.h>
#include <float.h>

#define CHOICES 8u /* what MAX8 gives */

struct router {
	struct trn_builder *builder;
	const struct trn_moe_shape *shape;
	const struct trn_router_args *args;
	struct trn_tile x, weight, bias, sum, logits, best, index, scale, shares;
	uint32_t width; /* of a row of logits: MAX8 wants 8 at least */
};

bool trn_moe_shape_ok(struct trn_builder *builder, const struct trn_moe_shape *shape)
{
	const struct {
		const char *name;
		uint32_t value, most;
	} sizes[] = {
		{ "tokens", shape->tokens, TRN_MOE_TOKENS_MAX },
		{ "hidden", shape->hidden, 8192 },
		{ "experts", shape->experts, TRN_MOE_EXPERTS_MAX },
		{ "top_k", shape->top_k, TRN_MOE_TOP_K_MAX },
		{ "intermediate", shape->intermediate, 8192 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i].value == 0 || sizes[i].value > sizes[i].most) {
			trn_builder_fail(builder, -EINVAL, "%s is %u, must be 1 to %u",
					 sizes[i].name, sizes[i].value, sizes[i].most);
			return false;
		}
	if (shape->top_k > shape->experts || (shape->flags & ~(uint32_t)TRN_MOE_FP32) != 0 ||
	    !(shape->limit > 0.0f) || shape->alpha != shape->alpha) {
		trn_builder_fail(
			builder, -EINVAL,
			"top_k is above experts, limit is not above 0, or a flag is unknown");
		return false;
	}
	return true;
}

static void router_tiles(struct router *r)
{
	struct trn_builder *b = r->builder;
	uint32_t tokens = r->shape->tokens, experts = r->shape->experts;
	uint32_t tiles = trn_kit_tiles(r->shape->hidden);

	r->width = experts < CHOICES ? CHOICES : experts;
	r->x = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES, tiles * tokens);
	r->weight = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, KIT_LANES, tiles * experts);
	r->bias = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, experts);
	r->sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, tokens, experts);
	r->logits = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, r->width);
	r->best = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, CHOICES);
	r->index = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U32, tokens, CHOICES);
	r->scale = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, 2);
	r->shares = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, tokens, CHOICES);
}

static void router_free(struct router *r)
{
	const struct trn_tile *tiles[] = { &r->x,    &r->weight, &r->bias,  &r->sum,   &r->logits,
					   &r->best, &r->index,  &r->scale, &r->shares };

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(r->builder, tiles[i]);
}

static void router_logits(struct router *r)
{
	const struct trn_moe_shape *s = r->shape;
	/* x is loaded with hidden in lanes, tokens beside each other. */
	struct trn_kit_matrix x = { r->args->x, TRN_DTYPE_F32,      0,  s->hidden, s->tokens,
				    1,          (int32_t)s->hidden, -1, 0 };
	struct trn_kit_matrix w = { r->args->weight,
				    TRN_DTYPE_BF16,
				    0,
				    s->hidden,
				    s->experts,
				    (int32_t)s->experts,
				    1,
				    -1,
				    0 };
	struct trn_isa_ap sum = trn_view(&r->sum, 0, s->experts);

	trn_kit_load(r->builder, &r->x, &x, TRN_ENGINE_SYNC);
	trn_kit_load(r->builder, &r->weight, &w, TRN_ENGINE_GPSIMD);
	/* Every lane gets the whole bias. */
	trn_kit_copy(r->builder, trn_chip(trn_view(&r->bias, 0, s->experts)),
		     trn_dram_outer(trn_dram(r->args->bias, TRN_DTYPE_F32, 0, s->experts), 0,
				    s->tokens),
		     TRN_ENGINE_SYNC);
	for (uint32_t done = 0, t = 0; done < s->hidden; done += KIT_LANES, t++) {
		uint32_t lanes = s->hidden - done < KIT_LANES ? s->hidden - done : KIT_LANES;

		trn_kit_matmul(r->builder, sum,
			       trn_view_rows(trn_view(&r->x, t * s->tokens, s->tokens), 0, lanes),
			       trn_view_rows(trn_view(&r->weight, t * s->experts, s->experts), 0,
					     lanes),
			       t > 0);
	}
	if (r->width > s->experts)
		trn_kit_fill(r->builder, trn_view(&r->logits, s->experts, r->width - s->experts),
			     -FLT_MAX);
	trn_kit_tensor(r->builder, trn_view(&r->logits, 0, s->experts), sum, TRN_ALU_ADD,
		       trn_view(&r->bias, 0, s->experts));
}

/* exp(best - best[0]) and its sum, then the quotient. */
static void router_shares(struct router *r)
{
	uint32_t k = r->shape->top_k;
	struct trn_isa_ap negative = trn_view(&r->scale, 0, 1), sum = trn_view(&r->scale, 1, 1);
	struct trn_isa_ap shares = trn_view(&r->shares, 0, k);

	trn_kit_scalar(r->builder, negative, trn_view(&r->best, 0, 1), TRN_ALU_MUL, -1.0f,
		       TRN_ALU_BYPASS, 0.0f);
	trn_tile_compute(r->builder, &(struct trn_tile_op){ .op = TRN_OP_ACTIVATION,
							    .engine = TRN_ENGINE_SCALAR,
							    .flags = TRN_SCALAR_COLUMN1,
							    .func = TRN_ACT_EXP,
							    .mode = TRN_REDUCE_RESET_REDUCE,
							    .imm = { trn_kit_bits(1.0f) },
							    .dst = shares,
							    .src0 = trn_view(&r->best, 0, k),
							    .src2 = negative,
							    .dst2 = sum });
	trn_tile_compute(r->builder, &(struct trn_tile_op){ .op = TRN_OP_RECIPROCAL,
							    .engine = TRN_ENGINE_VECTOR,
							    .dst = sum,
							    .src0 = sum });
	trn_kit_column(r->builder, shares, shares, TRN_ALU_MUL, sum);
}

void trn_router_emit(struct trn_builder *builder, const struct trn_moe_shape *shape,
		     const struct trn_router_args *args)
{
	struct router r = { .builder = builder, .shape = shape, .args = args };
	uint32_t k = shape->top_k, tokens = shape->tokens;

	if (!trn_moe_shape_ok(builder, shape))
		return;
	router_tiles(&r);
	router_logits(&r);
	trn_kit_top8(builder, &r.logits, r.width, &r.best, &r.index);
	router_shares(&r);
	trn_kit_copy(builder,
		     trn_dram_outer(trn_dram(args->indices, TRN_DTYPE_U32, 0, k), (int32_t)k,
				    tokens),
		     trn_chip(trn_view(&r.index, 0, k)), TRN_ENGINE_SYNC);
	trn_kit_copy(builder,
		     trn_dram_outer(trn_dram(args->shares, TRN_DTYPE_F32, 0, k), (int32_t)k,
				    tokens),
		     trn_chip(trn_view(&r.shares, 0, k)), TRN_ENGINE_SYNC);
	router_free(&r);
}

int trn_kernel_router(const struct trn_builder_opts *opts, const struct trn_moe_shape *shape,
		      void **ret_image, size_t *ret_bytes)
{
	uint64_t tokens, k, experts;
	struct trn_router_args args;
	struct trn_builder *b;
	int r;

	if (!shape || !ret_image || !ret_bytes)
		return -EINVAL;
	r = trn_builder_create(opts, &b);
	if (r < 0)
		return r;
	tokens = shape->tokens;
	k = shape->top_k;
	experts = shape->experts;
	args.x = trn_builder_arg(b, "x", TRN_ARG_BUFFER, tokens * shape->hidden * 4);
	args.weight = trn_builder_arg(b, "weight", TRN_ARG_BUFFER, shape->hidden * experts * 2);
	args.bias = trn_builder_arg(b, "bias", TRN_ARG_BUFFER, experts * 4);
	args.indices = trn_builder_arg(b, "indices", TRN_ARG_BUFFER, tokens * k * 4);
	args.shares = trn_builder_arg(b, "shares", TRN_ARG_BUFFER, tokens * k * 4);
	trn_router_emit(b, shape, &args);
	r = trn_builder_finish(b, ret_image, ret_bytes);
	trn_builder_destroy(b);
	return r;
}
