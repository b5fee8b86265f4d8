/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody would write who has no accelerator: FP32, one BLAS call for each matrix,
 * loops for the rest. */
#include "bench/decode_host.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench/blas.h"
#include "bench/measure.h"

struct host_decoder {
	struct decode_config config;
	uint32_t positions, position;
	float **tensor;            /* [layers * DECODE_WEIGHT_COUNT] */
	float *memory;             /* behind all pointers below */
	float *keys, *values;      /* [layers][positions][kv_heads * head_dim] */
	float *x, *normed, *delta; /* [hidden] */
	float *q, *attended;       /* [heads * head_dim] */
	float *scores;             /* [positions] */
	float *router;             /* [experts] */
	float *gate_up;            /* [2 * intermediate] */
	float *turn;               /* [head_dim / 2] */
};

static float *tensor_of(const struct host_decoder *host, uint32_t layer, enum decode_weight which)
{
	const uint32_t owner = which < DECODE_ATTN_NORM ? 0 : layer;

	return host->tensor[(size_t)owner * DECODE_WEIGHT_COUNT + which];
}

static bool tensors_widen(struct host_decoder *host, const struct decode_weights *weights)
{
	const struct decode_config *c = &host->config;

	for (uint32_t layer = 0; layer < c->layers; layer++) {
		for (uint32_t w = layer ? DECODE_ATTN_NORM : 0; w < DECODE_WEIGHT_COUNT; w++) {
			const uint64_t size = decode_weights_size(c, (enum decode_weight)w);
			const uint16_t *from =
				decode_weights_get(weights, layer, (enum decode_weight)w);
			float *to = malloc(size * sizeof(*to));

			if (!to)
				return false;
			for (uint64_t i = 0; i < size; i++)
				to[i] = decode_bf16_to_float(from[i]);
			host->tensor[(size_t)layer * DECODE_WEIGHT_COUNT + w] = to;
		}
	}
	return true;
}

static bool memory_make(struct host_decoder *host)
{
	const struct decode_config *c = &host->config;
	const size_t cache = (size_t)c->layers * host->positions * c->kv_heads * c->head_dim;
	const size_t wide = (size_t)c->heads * c->head_dim;
	const struct {
		float **at;
		size_t count;
	} parts[] = {
		{ &host->keys, cache },           { &host->values, cache },
		{ &host->x, c->hidden },          { &host->normed, c->hidden },
		{ &host->delta, c->hidden },      { &host->q, wide },
		{ &host->attended, wide },        { &host->scores, host->positions },
		{ &host->router, c->experts },    { &host->gate_up, 2 * (size_t)c->intermediate },
		{ &host->turn, c->head_dim / 2 },
	};
	const size_t count = sizeof(parts) / sizeof(parts[0]);
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += parts[i].count;
	host->memory = calloc(total, sizeof(float));
	total = 0;
	for (size_t i = 0; host->memory && i < count; i++) {
		*parts[i].at = host->memory + total;
		total += parts[i].count;
	}
	return host->memory != NULL;
}

struct host_decoder *host_decoder_create(const struct decode_weights *weights, uint32_t positions)
{
	struct host_decoder *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->config = weights->config;
	host->positions = positions;
	host->tensor =
		calloc((size_t)host->config.layers * DECODE_WEIGHT_COUNT, sizeof(*host->tensor));
	if (!host->tensor || !tensors_widen(host, weights) || !memory_make(host))
		return host_decoder_destroy(host);
	return host;
}

struct host_decoder *host_decoder_destroy(struct host_decoder *host)
{
	const size_t count =
		host && host->tensor ? (size_t)host->config.layers * DECODE_WEIGHT_COUNT : 0;

	for (size_t i = 0; i < count; i++)
		free(host->tensor[i]);
	if (host) {
		free(host->tensor);
		free(host->memory);
	}
	free(host);
	return NULL;
}

void host_decoder_rewind(struct host_decoder *host)
{
	host->position = 0;
}

static void rms_norm(const float *x, const float *gain, uint32_t size, double eps, float *y)
{
	float sum = 0.0f, scale;

	for (uint32_t i = 0; i < size; i++)
		sum += x[i] * x[i];
	scale = 1.0f / sqrtf(sum / (float)size + (float)eps);
	for (uint32_t i = 0; i < size; i++)
		y[i] = x[i] * scale * gain[i];
}

/* y = W x + b, W [outs][ins], or [ins][outs] when turned. */
static void linear(const float *w, const float *b, const float *x, uint32_t outs, uint32_t ins,
		   bool turned, float *y)
{
	const int rows = (int)(turned ? ins : outs), columns = (int)(turned ? outs : ins);

	if (b)
		memcpy(y, b, outs * sizeof(*y));
	cblas_sgemv(CblasRowMajor, turned ? CblasTrans : CblasNoTrans, rows, columns, 1.0f, w,
		    columns, x, 1, b ? 1.0f : 0.0f, y, 1);
}

static void rotate(const struct host_decoder *host, float *heads, uint32_t count)
{
	const uint32_t dim = host->config.head_dim, half = dim / 2;

	for (uint32_t i = 0; i < half; i++) {
		const float angle = (float)host->position * host->turn[i];
		const float c = cosf(angle), s = sinf(angle);

		for (uint32_t h = 0; h < count; h++) {
			float *a = heads + (size_t)h * dim + i, *b = a + half;
			const float first = *a, second = *b;

			*a = first * c - second * s;
			*b = second * c + first * s;
		}
	}
}

static void attend_head(struct host_decoder *host, uint32_t layer, uint32_t head, uint32_t first)
{
	const struct decode_config *c = &host->config;
	const uint32_t kv = head / (c->heads / c->kv_heads), d = c->head_dim;
	const uint32_t row = c->kv_heads * d, count = host->position + 1 - first;
	const size_t start = ((size_t)layer * host->positions + first) * row + (size_t)kv * d;
	float *scores = host->scores, sink = tensor_of(host, layer, DECODE_SINKS)[head];
	float most = sink, sum;

	cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)count, (int)d, 1.0f / sqrtf((float)d),
		    host->keys + start, (int)row, host->q + (size_t)head * d, 1, 0.0f, scores, 1);
	for (uint32_t p = 0; p < count; p++)
		most = scores[p] > most ? scores[p] : most;
	sum = expf(sink - most);
	for (uint32_t p = 0; p < count; p++) {
		scores[p] = expf(scores[p] - most);
		sum += scores[p];
	}
	cblas_sgemv(CblasRowMajor, CblasTrans, (int)count, (int)d, 1.0f / sum, host->values + start,
		    (int)row, scores, 1, 0.0f, host->attended + (size_t)head * d, 1);
}

static void attention(struct host_decoder *host, uint32_t layer)
{
	const struct decode_config *c = &host->config;
	const uint32_t wide = c->heads * c->head_dim, narrow = c->kv_heads * c->head_dim;
	const size_t place = ((size_t)layer * host->positions + host->position) * narrow;
	uint32_t first = 0;

	rms_norm(host->x, tensor_of(host, layer, DECODE_ATTN_NORM), c->hidden, c->rms_eps,
		 host->normed);
	linear(tensor_of(host, layer, DECODE_Q), tensor_of(host, layer, DECODE_Q_BIAS),
	       host->normed, wide, c->hidden, false, host->q);
	linear(tensor_of(host, layer, DECODE_K), tensor_of(host, layer, DECODE_K_BIAS),
	       host->normed, narrow, c->hidden, false, host->keys + place);
	linear(tensor_of(host, layer, DECODE_V), tensor_of(host, layer, DECODE_V_BIAS),
	       host->normed, narrow, c->hidden, false, host->values + place);
	rotate(host, host->q, c->heads);
	rotate(host, host->keys + place, c->kv_heads);
	if (layer % 2 == 0 && host->position + 1 > c->window)
		first = host->position + 1 - c->window;
	for (uint32_t head = 0; head < c->heads; head++)
		attend_head(host, layer, head, first);
	linear(tensor_of(host, layer, DECODE_O), tensor_of(host, layer, DECODE_O_BIAS),
	       host->attended, c->hidden, wide, false, host->delta);
	cblas_saxpy((int)c->hidden, 1.0f, host->delta, 1, host->x, 1);
}

static void expert(struct host_decoder *host, uint32_t layer, uint32_t number, float share)
{
	const struct decode_config *c = &host->config;
	const size_t in = c->hidden, inner = c->intermediate, pair = 2 * inner;
	const float limit = (float)c->swiglu_limit;
	float *act = host->gate_up;

	linear(tensor_of(host, layer, DECODE_GATE_UP) + number * in * pair,
	       tensor_of(host, layer, DECODE_GATE_UP_BIAS) + number * pair, host->normed,
	       (uint32_t)pair, c->hidden, true, host->gate_up);
	for (size_t i = 0; i < inner; i++) {
		const float gate = fminf(host->gate_up[2 * i], limit);
		const float up = fmaxf(fminf(host->gate_up[2 * i + 1], limit), -limit);

		act[i] = (up + 1.0f) * gate / (1.0f + expf(-1.702f * gate));
	}
	linear(tensor_of(host, layer, DECODE_DOWN) + number * inner * in,
	       tensor_of(host, layer, DECODE_DOWN_BIAS) + number * in, act, c->hidden,
	       c->intermediate, true, host->delta);
	cblas_saxpy((int)c->hidden, share, host->delta, 1, host->x, 1);
}

static void mixture(struct host_decoder *host, uint32_t layer)
{
	const struct decode_config *c = &host->config;
	uint32_t chosen[8];
	float share[8], sum = 0.0f;

	rms_norm(host->x, tensor_of(host, layer, DECODE_MLP_NORM), c->hidden, c->rms_eps,
		 host->normed);
	linear(tensor_of(host, layer, DECODE_ROUTER), tensor_of(host, layer, DECODE_ROUTER_BIAS),
	       host->normed, c->experts, c->hidden, false, host->router);
	for (uint32_t k = 0; k < c->active; k++) {
		chosen[k] = 0;
		for (uint32_t e = 1; e < c->experts; e++) {
			if (host->router[e] > host->router[chosen[k]])
				chosen[k] = e;
		}
		share[k] = k == 0 ? host->router[chosen[0]] :
				    expf(host->router[chosen[k]] - share[0]);
		host->router[chosen[k]] = -INFINITY;
		sum += k == 0 ? 1.0f : share[k];
	}
	share[0] = 1.0f;
	for (uint32_t k = 0; k < c->active; k++)
		expert(host, layer, chosen[k], share[k] / sum);
}

void host_decoder_step(struct host_decoder *host, uint32_t token, float *ret_logits)
{
	const struct decode_config *c = &host->config;

	for (uint32_t i = 0; i < c->head_dim / 2 && host->position == 0; i++)
		host->turn[i] = (float)pow(c->rope_theta, -2.0 * i / c->head_dim);
	memcpy(host->x, tensor_of(host, 0, DECODE_EMBED) + (size_t)token * c->hidden,
	       c->hidden * sizeof(float));
	for (uint32_t layer = 0; layer < c->layers; layer++) {
		attention(host, layer);
		mixture(host, layer);
	}
	rms_norm(host->x, tensor_of(host, 0, DECODE_FINAL_NORM), c->hidden, c->rms_eps,
		 host->normed);
	linear(tensor_of(host, 0, DECODE_HEAD), NULL, host->normed, c->vocab, c->hidden, false,
	       ret_logits);
	host->position++;
}
