// SPDX-License-Identifier: Apache-2.0
/* The decoder's weights: which tensors there are, made from a seed, written to and read from
 * a safetensors file. Names and layouts are those of a GPT-OSS checkpoint. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "decode.h"

#define NAME_BYTES 80

/* A dimension is a member of the configuration, or a product that occurs often. */
enum dim {
	D_NONE = 0,
	D_V,
	D_H,
	D_Q,
	D_KV,
	D_HEADS,
	D_E,
	D_I,
	D_2I
};

#define LAYER "model.layers.%u."
#define EXPERTS LAYER "mlp.experts."
#define ATTENTION LAYER "self_attn."

/*
 * Seeded values have mean @centre and deviation @spread over the root of @inputs:
 * activations then keep their size from layer to layer, scores and router logits are far
 * enough apart to choose, and the clamp of the experts is met now and then.
 */
static const struct weight_row {
	const char *name;
	uint8_t dims[3];
	uint8_t inputs;
	float centre, spread;
} weight_rows[DECODE_WEIGHT_COUNT] = {
	[DECODE_EMBED] = { "model.embed_tokens.weight", { D_V, D_H }, D_NONE, 0, 1.0f },
	[DECODE_FINAL_NORM] = { "model.norm.weight", { D_H }, D_NONE, 1, 0.1f },
	[DECODE_HEAD] = { "lm_head.weight", { D_V, D_H }, D_H, 0, 2.0f },
	[DECODE_ATTN_NORM] = { LAYER "input_layernorm.weight", { D_H }, D_NONE, 1, 0.1f },
	[DECODE_Q] = { ATTENTION "q_proj.weight", { D_Q, D_H }, D_H, 0, 1.5f },
	[DECODE_Q_BIAS] = { ATTENTION "q_proj.bias", { D_Q }, D_NONE, 0, 0.1f },
	[DECODE_K] = { ATTENTION "k_proj.weight", { D_KV, D_H }, D_H, 0, 1.5f },
	[DECODE_K_BIAS] = { ATTENTION "k_proj.bias", { D_KV }, D_NONE, 0, 0.1f },
	[DECODE_V] = { ATTENTION "v_proj.weight", { D_KV, D_H }, D_H, 0, 1.0f },
	[DECODE_V_BIAS] = { ATTENTION "v_proj.bias", { D_KV }, D_NONE, 0, 0.1f },
	[DECODE_O] = { ATTENTION "o_proj.weight", { D_H, D_Q }, D_Q, 0, 1.0f },
	[DECODE_O_BIAS] = { ATTENTION "o_proj.bias", { D_H }, D_NONE, 0, 0.1f },
	[DECODE_SINKS] = { ATTENTION "sinks", { D_HEADS }, D_NONE, 0, 1.0f },
	[DECODE_MLP_NORM] = { LAYER "post_attention_layernorm.weight", { D_H }, D_NONE, 1, 0.1f },
	[DECODE_ROUTER] = { LAYER "mlp.router.weight", { D_E, D_H }, D_H, 0, 3.0f },
	[DECODE_ROUTER_BIAS] = { LAYER "mlp.router.bias", { D_E }, D_NONE, 0, 0.1f },
	[DECODE_GATE_UP] = { EXPERTS "gate_up_proj", { D_E, D_H, D_2I }, D_H, 0, 3.0f },
	[DECODE_GATE_UP_BIAS] = { EXPERTS "gate_up_proj_bias", { D_E, D_2I }, D_NONE, 0, 0.1f },
	[DECODE_DOWN] = { EXPERTS "down_proj", { D_E, D_I, D_H }, D_I, 0, 0.3f },
	[DECODE_DOWN_BIAS] = { EXPERTS "down_proj_bias", { D_E, D_H }, D_NONE, 0, 0.1f },
};

static uint64_t dim_size(const struct decode_config *config, uint8_t dim)
{
	switch ((enum dim)dim) {
	case D_V:
		return config->vocab;
	case D_H:
		return config->hidden;
	case D_Q:
		return (uint64_t)config->heads * config->head_dim;
	case D_KV:
		return (uint64_t)config->kv_heads * config->head_dim;
	case D_HEADS:
		return config->heads;
	case D_E:
		return config->experts;
	case D_I:
		return config->intermediate;
	case D_2I:
		return 2 * (uint64_t)config->intermediate;
	case D_NONE:
		break;
	}
	return 1;
}

uint64_t decode_weights_size(const struct decode_config *config, enum decode_weight which)
{
	const struct weight_row *row = &weight_rows[which];

	return dim_size(config, row->dims[0]) * dim_size(config, row->dims[1]) *
	       dim_size(config, row->dims[2]);
}

static uint32_t copies(const struct decode_config *config, enum decode_weight which)
{
	return which < DECODE_ATTN_NORM ? 1 : config->layers;
}

uint64_t decode_weights_count(const struct decode_config *config)
{
	uint64_t count = 0;

	for (unsigned int which = 0; which < DECODE_WEIGHT_COUNT; which++)
		count += decode_weights_size(config, which) * copies(config, which);
	return count;
}

static size_t slot(const struct decode_config *config, uint32_t layer, enum decode_weight which)
{
	return copies(config, which) == 1 ? which : (size_t)layer * DECODE_WEIGHT_COUNT + which;
}

const uint16_t *decode_weights_get(const struct decode_weights *weights, uint32_t layer,
				   enum decode_weight which)
{
	return weights->tensor[slot(&weights->config, layer, which)];
}

uint16_t decode_bf16_from_float(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	if ((bits & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)(bits >> 16 | 0x40u); /* NaN stays NaN */
	return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

float decode_bf16_to_float(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &wide, sizeof(value));
	return value;
}

static float float_from_f16(uint16_t half)
{
	uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu;
	uint32_t mantissa = half & 0x3ffu, bits;
	float value;

	if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 is exact */
		value = (float)mantissa * 0x1p-24f;
		return sign ? -value : value;
	}
	bits = sign | (exponent == 31 ? 0xffu : exponent + 112) << 23 | mantissa << 13;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int weights_alloc(const struct decode_config *config, struct decode_weights *weights)
{
	weights->config = *config;
	weights->tensor =
		calloc((size_t)config->layers * DECODE_WEIGHT_COUNT, sizeof(weights->tensor[0]));
	if (!weights->tensor)
		return -ENOMEM;
	for (unsigned int which = 0; which < DECODE_WEIGHT_COUNT; which++) {
		for (uint32_t layer = 0; layer < copies(config, which); layer++) {
			uint16_t *tensor = calloc(decode_weights_size(config, which), 2);

			if (!tensor)
				return -ENOMEM;
			weights->tensor[slot(config, layer, which)] = tensor;
		}
	}
	return 0;
}

void decode_weights_free(struct decode_weights *weights)
{
	size_t count = (size_t)weights->config.layers * DECODE_WEIGHT_COUNT;

	for (size_t i = 0; weights->tensor && i < count; i++)
		free(weights->tensor[i]);
	free(weights->tensor);
	*weights = (struct decode_weights){ 0 };
}

/* splitmix64 */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Sum of four uniform numbers: close to normal, deviation 1, the same bits on every host. */
static float random_normal(uint64_t *state)
{
	uint64_t bits = random_next(state);
	int32_t sum = 0;

	for (unsigned int i = 0; i < 4; i++)
		sum += (int32_t)(bits >> (16 * i) & 0xffffu);
	return (float)(sum - 2 * 65535) * (1.0f / 37837.0f); /* sqrt(4 * 65536^2 / 12) */
}

/* Newton from above; exact enough to give every host the same BF16 bits. */
static float root(float value)
{
	float guess = value > 1.0f ? value : 1.0f;

	for (unsigned int i = 0; i < 32; i++)
		guess = 0.5f * (guess + value / guess);
	return guess;
}

static void fill(const struct decode_config *config, enum decode_weight which, uint16_t *tensor,
		 uint64_t *state)
{
	const struct weight_row *row = &weight_rows[which];
	float spread = row->spread / root((float)dim_size(config, row->inputs));
	uint64_t count = decode_weights_size(config, which);

	for (uint64_t i = 0; i < count; i++)
		tensor[i] = decode_bf16_from_float(row->centre + spread * random_normal(state));
}

int decode_weights_seed(const struct decode_config *config, uint64_t seed,
			struct decode_weights *ret_weights, struct decode_why *why)
{
	struct decode_weights weights = { 0 };
	uint64_t state = seed;

	if (weights_alloc(config, &weights) < 0) {
		decode_weights_free(&weights);
		return decode_fail(why, -ENOMEM, "no memory for %llu weights",
				   (unsigned long long)decode_weights_count(config));
	}
	for (uint32_t layer = 0; layer < config->layers; layer++) {
		for (unsigned int which = 0; which < DECODE_WEIGHT_COUNT; which++) {
			if (layer < copies(config, which))
				fill(config, which, weights.tensor[slot(config, layer, which)],
				     &state);
		}
	}
	*ret_weights = weights;
	return 0;
}

static int tensor_name(const char *format, uint32_t layer, char *buf, size_t size)
{
	const char *mark = strstr(format, "%u");

	if (!mark)
		return snprintf(buf, size, "%s", format);
	return snprintf(buf, size, "%.*s%u%s", (int)(mark - format), format, layer, mark + 2);
}

static struct decode_tensor describe(const struct decode_config *config, enum decode_weight which)
{
	struct decode_tensor tensor = { .dtype = DECODE_BF16 };

	while (tensor.rank < 3 && weight_rows[which].dims[tensor.rank] != D_NONE) {
		tensor.shape[tensor.rank] = dim_size(config, weight_rows[which].dims[tensor.rank]);
		tensor.rank++;
	}
	return tensor;
}

int decode_weights_save(const struct decode_weights *weights, FILE *file, struct decode_why *why)
{
	const struct decode_config *config = &weights->config;
	size_t most = (size_t)config->layers * DECODE_WEIGHT_COUNT, count = 0;
	struct decode_tensor *list = calloc(most, sizeof(list[0]));
	char(*names)[NAME_BYTES] = calloc(most, sizeof(names[0]));
	int r = -ENOMEM;

	for (unsigned int which = 0; list && names && which < DECODE_WEIGHT_COUNT; which++) {
		for (uint32_t layer = 0; layer < copies(config, which); layer++, count++) {
			const uint16_t *bits = decode_weights_get(weights, layer, which);

			tensor_name(weight_rows[which].name, layer, names[count], NAME_BYTES);
			list[count] = describe(config, which);
			list[count].name = names[count];
			list[count].data = (const uint8_t *)bits;
		}
	}
	if (list && names)
		r = decode_tensors_write(file, list, count, why);
	else
		decode_fail(why, r, "no memory");
	free(names);
	free(list);
	return r;
}

/* The file's bytes have no alignment. */
static void convert(const struct decode_tensor *tensor, uint16_t *dst, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint16_t half;
		float wide;

		if (tensor->dtype == DECODE_F32) {
			memcpy(&wide, tensor->data + 4 * i, sizeof(wide));
			dst[i] = decode_bf16_from_float(wide);
			continue;
		}
		memcpy(&half, tensor->data + 2 * i, sizeof(half));
		dst[i] = tensor->dtype == DECODE_BF16 ?
				 half :
				 decode_bf16_from_float(float_from_f16(half));
	}
}

static int take(const struct decode_tensors *file, const struct decode_config *config,
		enum decode_weight which, uint32_t layer, uint16_t *dst, struct decode_why *why)
{
	struct decode_tensor want = describe(config, which);
	const struct decode_tensor *have;
	char name[NAME_BYTES];

	tensor_name(weight_rows[which].name, layer, name, sizeof(name));
	have = decode_tensors_find(file, name);
	if (!have)
		return decode_fail(why, -EINVAL, "no tensor \"%s\"", name);
	if (have->dtype == DECODE_OTHER)
		return decode_fail(why, -EINVAL, "\"%s\" is not BF16, F16 or F32", name);
	if (have->rank != want.rank || memcmp(have->shape, want.shape, sizeof(want.shape)) != 0)
		return decode_fail(
			why, -EINVAL,
			"\"%s\" has shape [%llu, %llu, %llu], the configuration asks for "
			"[%llu, %llu, %llu]",
			name, (unsigned long long)have->shape[0],
			(unsigned long long)have->shape[1], (unsigned long long)have->shape[2],
			(unsigned long long)want.shape[0], (unsigned long long)want.shape[1],
			(unsigned long long)want.shape[2]);
	convert(have, dst, decode_weights_size(config, which));
	for (uint64_t i = 0; i < decode_weights_size(config, which); i++) {
		if ((dst[i] & 0x7f80u) == 0x7f80u)
			return decode_fail(why, -EINVAL, "\"%s\" holds a value that is not finite",
					   name);
	}
	return 0;
}

int decode_weights_load(const struct decode_config *config, const char *path,
			struct decode_weights *ret_weights, struct decode_why *why)
{
	struct decode_weights weights = { 0 };
	struct decode_tensors file;
	struct decode_why inner = { "no memory for the weights" };
	int r;

	r = decode_tensors_load(path, &file, why);
	if (r < 0)
		return r;
	r = weights_alloc(config, &weights);
	for (unsigned int which = 0; r == 0 && which < DECODE_WEIGHT_COUNT; which++) {
		for (uint32_t layer = 0; r == 0 && layer < copies(config, which); layer++)
			r = take(&file, config, which, layer,
				 weights.tensor[slot(config, layer, which)], &inner);
	}
	decode_tensors_free(&file);
	if (r < 0) {
		decode_weights_free(&weights);
		return decode_fail(why, r, "%s: %s", path, inner.text);
	}
	*ret_weights = weights;
	return 0;
}
