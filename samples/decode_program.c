// SPDX-License-Identifier: Apache-2.0
/* The decoder as programs: the kernels of the library put together, one program for the
 * embedding, one for a layer, one for the logits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_attention.h>
#include <trn/kernels_decoder.h>
#include <trn/kernels_moe.h>
#include <trn/trn.h>
#include "decode.h"

#define ALPHA 1.702f /* inside the experts' sigmoid */

/* How a tensor of the checkpoint comes to the device. */
enum form {
	AS_FLOATS, /* vectors: FP32 */
	AS_IS,     /* BF16 [in][out], or the rows of a table */
	TURNED,    /* BF16 [out][in] in the file, [in][out] on the device */
};

static const struct form_row {
	const char *name;
	enum form form;
} form_rows[DECODE_WEIGHT_COUNT] = {
	[DECODE_EMBED] = { "embed", AS_IS },
	[DECODE_FINAL_NORM] = { "final_norm", AS_FLOATS },
	[DECODE_HEAD] = { "head", TURNED },
	[DECODE_ATTN_NORM] = { "attn_norm", AS_FLOATS },
	[DECODE_Q] = { "q", TURNED },
	[DECODE_Q_BIAS] = { "q_bias", AS_FLOATS },
	[DECODE_K] = { "k", TURNED },
	[DECODE_K_BIAS] = { "k_bias", AS_FLOATS },
	[DECODE_V] = { "v", TURNED },
	[DECODE_V_BIAS] = { "v_bias", AS_FLOATS },
	[DECODE_O] = { "o", TURNED },
	[DECODE_O_BIAS] = { "o_bias", AS_FLOATS },
	[DECODE_SINKS] = { "sinks", AS_FLOATS },
	[DECODE_MLP_NORM] = { "mlp_norm", AS_FLOATS },
	[DECODE_ROUTER] = { "router", TURNED },
	[DECODE_ROUTER_BIAS] = { "router_bias", AS_FLOATS },
	[DECODE_GATE_UP] = { "gate_up", AS_IS },
	[DECODE_GATE_UP_BIAS] = { "gate_up_bias", AS_FLOATS },
	[DECODE_DOWN] = { "down", AS_IS },
	[DECODE_DOWN_BIAS] = { "down_bias", AS_FLOATS },
};

static uint64_t outs_of(const struct decode_config *c, enum decode_weight which)
{
	switch (which) {
	case DECODE_HEAD:
		return c->vocab;
	case DECODE_Q:
		return (uint64_t)c->heads * c->head_dim;
	case DECODE_K:
	case DECODE_V:
		return (uint64_t)c->kv_heads * c->head_dim;
	case DECODE_O:
		return c->hidden;
	default:
		return c->experts; /* the router */
	}
}

uint64_t decode_program_bytes(const struct decode_config *config, enum decode_weight which)
{
	uint64_t size = decode_weights_size(config, which);

	return form_rows[which].form == AS_FLOATS ? 4 * size : 2 * size;
}

void decode_program_convert(const struct decode_weights *weights, uint32_t layer,
			    enum decode_weight which, void *dst)
{
	const uint16_t *src = decode_weights_get(weights, layer, which);
	uint64_t size = decode_weights_size(&weights->config, which);
	uint64_t outs = outs_of(&weights->config, which);
	uint16_t *halves = dst;
	float *floats = dst;

	switch (form_rows[which].form) {
	case AS_FLOATS:
		for (uint64_t i = 0; i < size; i++)
			floats[i] = decode_bf16_to_float(src[i]);
		break;
	case AS_IS:
		memcpy(halves, src, 2 * size);
		break;
	case TURNED:
		for (uint64_t i = 0; i < size; i++)
			halves[i % (size / outs) * outs + i / (size / outs)] = src[i];
		break;
	}
}

static uint32_t linear_flags(const struct decode_config *config)
{
	return config->bf16 ? 0 : TRN_LINEAR_FP32;
}

/* The cache has whole blocks. */
static uint32_t cache_positions(uint32_t positions)
{
	return (positions + TRN_ATTENTION_BLOCK - 1) / TRN_ATTENTION_BLOCK * TRN_ATTENTION_BLOCK;
}

uint64_t decode_program_cache_bytes(const struct decode_config *config, uint32_t positions)
{
	return (uint64_t)config->kv_heads * config->head_dim * cache_positions(positions) *
	       (config->bf16 ? 2 : 4);
}

static int finish(struct trn_builder *builder, const char *name, void **ret_image,
		  size_t *ret_bytes, struct decode_why *why)
{
	const char *message = "";
	int r = trn_builder_finish(builder, ret_image, ret_bytes);

	if (r < 0) {
		(void)trn_builder_status(builder, &message);
		decode_fail(why, r, "program %s: %s: %s", name, trn_strerror(r), message);
	}
	trn_builder_destroy(builder);
	return r;
}

static int begin(const char *name, struct trn_builder **ret_builder, struct decode_why *why)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = name };
	int r = trn_builder_create(&opts, ret_builder);

	return r < 0 ? decode_fail(why, r, "program %s: %s", name, trn_strerror(r)) : 0;
}

static uint32_t buffer(struct trn_builder *builder, const char *name, uint64_t bytes)
{
	return trn_builder_arg(builder, name, TRN_ARG_BUFFER, bytes);
}

static uint32_t weight(struct trn_builder *builder, const struct decode_config *config,
		       enum decode_weight which)
{
	return buffer(builder, form_rows[which].name, decode_program_bytes(config, which));
}

int decode_program_embed(const struct decode_config *config, void **ret_image, size_t *ret_bytes,
			 struct decode_why *why)
{
	struct trn_embed_args args = { .tokens = 1,
				       .width = config->hidden,
				       .vocab = config->vocab };
	struct trn_builder *builder;
	int r = begin("embed", &builder, why);

	if (r < 0)
		return r;
	args.token = buffer(builder, "token", 4);
	args.table = weight(builder, config, DECODE_EMBED);
	args.y = buffer(builder, "x", config->hidden * (uint64_t)4);
	trn_embed_emit(builder, &args);
	return finish(builder, "embed", ret_image, ret_bytes, why);
}

int decode_program_head(const struct decode_config *config, void **ret_image, size_t *ret_bytes,
			struct decode_why *why)
{
	struct trn_norm_args norm = { .tokens = 1,
				      .width = config->hidden,
				      .eps = (float)config->rms_eps };
	struct trn_linear_args head = { .tokens = 1,
					.in = config->hidden,
					.out = config->vocab,
					.flags = linear_flags(config) };
	struct trn_builder *builder;
	int r = begin("head", &builder, why);

	if (r < 0)
		return r;
	norm.x = buffer(builder, "x", config->hidden * (uint64_t)4);
	norm.gamma = weight(builder, config, DECODE_FINAL_NORM);
	head.weight = weight(builder, config, DECODE_HEAD);
	head.y = buffer(builder, "logits", config->vocab * (uint64_t)4);
	head.x = norm.y = trn_builder_bss(builder, "normed", config->hidden * (uint64_t)4);
	trn_norm_emit(builder, &norm);
	trn_linear_emit(builder, &head);
	return finish(builder, "head", ret_image, ret_bytes, why);
}

/* A layer under construction: its arguments, and memory between its parts. */
struct layer {
	struct trn_builder *builder;
	const struct decode_config *config;
	uint32_t arg[DECODE_LAYER_ARGS];
	uint32_t normed, q, k, v, attended, shares;
};

static uint32_t weight_arg(const struct layer *l, enum decode_weight which)
{
	return l->arg[DECODE_ARG_WEIGHTS + which - DECODE_ATTN_NORM];
}

static void layer_args(struct layer *l, uint32_t positions)
{
	const struct decode_config *c = l->config;
	uint64_t cache = decode_program_cache_bytes(c, positions);
	uint64_t hidden = c->hidden * (uint64_t)4;
	uint64_t wide = (uint64_t)c->heads * c->head_dim * 4;
	uint64_t narrow = (uint64_t)c->kv_heads * c->head_dim * 4;

	l->arg[DECODE_ARG_X] = buffer(l->builder, "x", hidden);
	l->arg[DECODE_ARG_ROPE] =
		buffer(l->builder, "rope", (uint64_t)cache_positions(positions) * c->head_dim * 4);
	l->arg[DECODE_ARG_K_CACHE] = buffer(l->builder, "k_cache", cache);
	l->arg[DECODE_ARG_V_CACHE] = buffer(l->builder, "v_cache", cache);
	l->arg[DECODE_ARG_POSITION] = trn_builder_arg(l->builder, "position", TRN_ARG_SCALAR, 0);
	l->arg[DECODE_ARG_EXPERTS] = buffer(l->builder, "experts", c->active * (uint64_t)4);
	for (unsigned int which = DECODE_ATTN_NORM; which < DECODE_WEIGHT_COUNT; which++)
		l->arg[DECODE_ARG_WEIGHTS + which - DECODE_ATTN_NORM] =
			weight(l->builder, c, which);
	l->normed = trn_builder_bss(l->builder, "normed", hidden);
	l->q = trn_builder_bss(l->builder, "q_row", wide);
	l->k = trn_builder_bss(l->builder, "k_row", narrow);
	l->v = trn_builder_bss(l->builder, "v_row", narrow);
	l->attended = trn_builder_bss(l->builder, "attended", wide);
	l->shares = trn_builder_bss(l->builder, "shares", c->active * (uint64_t)4);
}

static void norm(struct layer *l, enum decode_weight gamma)
{
	struct trn_norm_args args = { .tokens = 1,
				      .width = l->config->hidden,
				      .eps = (float)l->config->rms_eps,
				      .x = l->arg[DECODE_ARG_X],
				      .gamma = weight_arg(l, gamma),
				      .y = l->normed };

	trn_norm_emit(l->builder, &args);
}

/* The bias stands behind its matrix in the enum. */
static void linear(struct layer *l, enum decode_weight matrix, uint32_t x, uint32_t y,
		   uint32_t flags)
{
	uint64_t outs = outs_of(l->config, matrix);
	struct trn_linear_args args = {
		.tokens = 1,
		.in = (uint32_t)(decode_weights_size(l->config, matrix) / outs),
		.out = (uint32_t)outs,
		.flags = TRN_LINEAR_BIAS | linear_flags(l->config) | flags,
		.x = x,
		.weight = weight_arg(l, matrix),
		.bias = weight_arg(l, matrix + 1),
		.y = y,
	};

	trn_linear_emit(l->builder, &args);
}

static void attention(struct layer *l, uint32_t positions, uint32_t window)
{
	struct trn_attention_shape shape = { .heads = l->config->heads,
					     .kv_heads = l->config->kv_heads,
					     .head_dim = l->config->head_dim,
					     .positions = cache_positions(positions),
					     .window = window,
					     .cache = l->config->bf16 ? TRN_DTYPE_BF16 :
									TRN_DTYPE_F32 };
	struct trn_attention_args args = { .q = l->q,
					   .k = l->k,
					   .v = l->v,
					   .rope = l->arg[DECODE_ARG_ROPE],
					   .sinks = weight_arg(l, DECODE_SINKS),
					   .k_cache = l->arg[DECODE_ARG_K_CACHE],
					   .v_cache = l->arg[DECODE_ARG_V_CACHE],
					   .position = l->arg[DECODE_ARG_POSITION],
					   .y = l->attended };

	norm(l, DECODE_ATTN_NORM);
	linear(l, DECODE_Q, l->normed, l->q, 0);
	linear(l, DECODE_K, l->normed, l->k, 0);
	linear(l, DECODE_V, l->normed, l->v, 0);
	trn_attention_emit(l->builder, &shape, &args);
	linear(l, DECODE_O, l->attended, l->arg[DECODE_ARG_X], TRN_LINEAR_ADD);
}

static void mixture(struct layer *l)
{
	const struct decode_config *c = l->config;
	struct trn_moe_shape shape = { .tokens = 1,
				       .hidden = c->hidden,
				       .experts = c->experts,
				       .top_k = c->active,
				       .intermediate = c->intermediate,
				       .limit = (float)c->swiglu_limit,
				       .alpha = ALPHA,
				       .flags = c->bf16 ? 0 : TRN_MOE_FP32 };
	struct trn_router_args router = { .x = l->normed,
					  .weight = weight_arg(l, DECODE_ROUTER),
					  .bias = weight_arg(l, DECODE_ROUTER_BIAS),
					  .indices = l->arg[DECODE_ARG_EXPERTS],
					  .shares = l->shares };
	struct trn_experts_args experts = { .x = l->normed,
					    .indices = l->arg[DECODE_ARG_EXPERTS],
					    .shares = l->shares,
					    .gate_up = weight_arg(l, DECODE_GATE_UP),
					    .gate_up_bias = weight_arg(l, DECODE_GATE_UP_BIAS),
					    .down = weight_arg(l, DECODE_DOWN),
					    .down_bias = weight_arg(l, DECODE_DOWN_BIAS),
					    .y = l->arg[DECODE_ARG_X] };

	norm(l, DECODE_MLP_NORM);
	trn_router_emit(l->builder, &shape, &router);
	trn_experts_emit(l->builder, &shape, &experts);
}

int decode_program_layer(const struct decode_config *config, uint32_t positions, uint32_t window,
			 void **ret_image, size_t *ret_bytes, struct decode_why *why)
{
	const char *name = window != 0 ? "layer-sliding" : "layer-full";
	struct layer l = { .config = config };
	int r = begin(name, &l.builder, why);

	if (r < 0)
		return r;
	layer_args(&l, positions);
	attention(&l, positions, window);
	mixture(&l);
	return finish(l.builder, name, ret_image, ret_bytes, why);
}
