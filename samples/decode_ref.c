// SPDX-License-Identifier: Apache-2.0
/* The decoder in double precision on the host, one plain loop after the other. It is what
 * the device's logits are held against, so it shares no code with any kernel. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "decode.h"

#define EXPERTS_MAX 512 /* as decode_config.c allows */
#define ACTIVE_MAX 8

struct decode_ref {
	const struct decode_weights *weights;
	uint32_t positions, position;
	struct decode_routing routing;
	double *memory;             /* one block behind all pointers below */
	double *keys, *values;      /* [layers][positions][kv_heads * head_dim] */
	double *x, *normed, *delta; /* [hidden] */
	double *q, *attended;       /* [heads * head_dim] */
	double *scores;             /* [positions] */
	double *router;             /* [experts] */
	double *gate_up;            /* [2 * intermediate] */
};

static double weight_at(const uint16_t *weights, size_t index)
{
	return (double)decode_bf16_to_float(weights[index]);
}

static const uint16_t *tensor_of(const struct decode_ref *ref, uint32_t layer,
				 enum decode_weight which)
{
	return decode_weights_get(ref->weights, layer, which);
}

int decode_ref_create(const struct decode_weights *weights, uint32_t positions,
		      struct decode_ref **ret_ref)
{
	const struct decode_config *c = &weights->config;
	size_t cache = (size_t)c->layers * positions * c->kv_heads * c->head_dim;
	size_t wide = (size_t)c->heads * c->head_dim, two_i = 2 * (size_t)c->intermediate;
	struct decode_ref *ref = calloc(1, sizeof(*ref));
	double *next;

	if (!ref)
		return -ENOMEM;
	next = ref->memory = calloc(2 * cache + 3 * (size_t)c->hidden + 2 * wide + positions +
					    c->experts + two_i,
				    sizeof(double));
	if (!next) {
		free(ref);
		return -ENOMEM;
	}
	ref->weights = weights;
	ref->positions = positions;
	ref->routing.margin = INFINITY;
	ref->keys = next;
	ref->values = ref->keys + cache;
	ref->x = ref->values + cache;
	ref->normed = ref->x + c->hidden;
	ref->delta = ref->normed + c->hidden;
	ref->q = ref->delta + c->hidden;
	ref->attended = ref->q + wide;
	ref->scores = ref->attended + wide;
	ref->router = ref->scores + positions;
	ref->gate_up = ref->router + c->experts;
	*ret_ref = ref;
	return 0;
}

struct decode_ref *decode_ref_destroy(struct decode_ref *ref)
{
	if (ref)
		free(ref->memory);
	free(ref);
	return NULL;
}

void decode_ref_routing(const struct decode_ref *ref, struct decode_routing *ret_routing)
{
	*ret_routing = ref->routing;
}

static void rms_norm(const double *x, const uint16_t *gain, uint32_t size, double eps, double *y)
{
	double sum = 0;

	for (uint32_t i = 0; i < size; i++)
		sum += x[i] * x[i];
	for (uint32_t i = 0; i < size; i++)
		y[i] = x[i] / sqrt(sum / size + eps) * weight_at(gain, i);
}

/* y = W x + b with W stored [outs][ins]; no bias where b is NULL. */
static void linear(const uint16_t *w, const uint16_t *b, const double *x, uint32_t outs,
		   uint32_t ins, double *y)
{
	for (uint32_t o = 0; o < outs; o++) {
		double sum = b ? weight_at(b, o) : 0;

		for (uint32_t i = 0; i < ins; i++)
			sum += weight_at(w, (size_t)o * ins + i) * x[i];
		y[o] = sum;
	}
}

/* The same with W stored [ins][outs], as experts have it. */
static void linear_in_out(const uint16_t *w, const uint16_t *b, const double *x, uint32_t outs,
			  uint32_t ins, double *y)
{
	for (uint32_t o = 0; o < outs; o++)
		y[o] = weight_at(b, o);
	for (uint32_t i = 0; i < ins; i++) {
		for (uint32_t o = 0; o < outs; o++)
			y[o] += weight_at(w, (size_t)i * outs + o) * x[i];
	}
}

/* Turns each head by the position's angles; element i goes with element i + half. */
static void rotate(double *heads, uint32_t count, uint32_t head_dim, uint32_t position,
		   double theta)
{
	uint32_t half = head_dim / 2;

	for (uint32_t i = 0; i < half; i++) {
		double angle = position * pow(theta, -2.0 * i / head_dim);

		for (uint32_t h = 0; h < count; h++) {
			double *a = heads + (size_t)h * head_dim + i, *b = a + half;
			double first = *a, second = *b;

			*a = first * cos(angle) - second * sin(angle);
			*b = second * cos(angle) + first * sin(angle);
		}
	}
}

static void attend_head(struct decode_ref *ref, uint32_t layer, uint32_t head, uint32_t first)
{
	const struct decode_config *c = &ref->weights->config;
	uint32_t kv = head / (c->heads / c->kv_heads), d = c->head_dim;
	size_t row = (size_t)c->kv_heads * d;
	const double *keys = ref->keys + (size_t)layer * ref->positions * row + (size_t)kv * d;
	const double *values = ref->values + (size_t)layer * ref->positions * row + (size_t)kv * d;
	const double *q = ref->q + (size_t)head * d;
	double *out = ref->attended + (size_t)head * d;
	double sink = weight_at(tensor_of(ref, layer, DECODE_SINKS), head), most = sink, sum;

	for (uint32_t p = first; p <= ref->position; p++) {
		double dot = 0;

		for (uint32_t i = 0; i < d; i++)
			dot += q[i] * keys[p * row + i];
		ref->scores[p] = dot / sqrt(d);
		most = fmax(most, ref->scores[p]);
	}
	sum = exp(sink - most); /* the sink takes its share and gives nothing */
	for (uint32_t p = first; p <= ref->position; p++) {
		ref->scores[p] = exp(ref->scores[p] - most);
		sum += ref->scores[p];
	}
	memset(out, 0, d * sizeof(*out));
	for (uint32_t p = first; p <= ref->position; p++) {
		for (uint32_t i = 0; i < d; i++)
			out[i] += ref->scores[p] / sum * values[p * row + i];
	}
}

static void attention(struct decode_ref *ref, uint32_t layer)
{
	const struct decode_config *c = &ref->weights->config;
	uint32_t wide = c->heads * c->head_dim, narrow = c->kv_heads * c->head_dim;
	size_t place = ((size_t)layer * ref->positions + ref->position) * narrow;
	bool sliding = layer % 2 == 0;
	uint32_t first = 0;

	rms_norm(ref->x, tensor_of(ref, layer, DECODE_ATTN_NORM), c->hidden, c->rms_eps,
		 ref->normed);
	linear(tensor_of(ref, layer, DECODE_Q), tensor_of(ref, layer, DECODE_Q_BIAS), ref->normed,
	       wide, c->hidden, ref->q);
	linear(tensor_of(ref, layer, DECODE_K), tensor_of(ref, layer, DECODE_K_BIAS), ref->normed,
	       narrow, c->hidden, ref->keys + place);
	linear(tensor_of(ref, layer, DECODE_V), tensor_of(ref, layer, DECODE_V_BIAS), ref->normed,
	       narrow, c->hidden, ref->values + place);
	rotate(ref->q, c->heads, c->head_dim, ref->position, c->rope_theta);
	rotate(ref->keys + place, c->kv_heads, c->head_dim, ref->position, c->rope_theta);
	if (sliding && ref->position + 1 > c->window)
		first = ref->position + 1 - c->window;
	for (uint32_t head = 0; head < c->heads; head++)
		attend_head(ref, layer, head, first);
	linear(tensor_of(ref, layer, DECODE_O), tensor_of(ref, layer, DECODE_O_BIAS), ref->attended,
	       c->hidden, wide, ref->delta);
	for (uint32_t i = 0; i < c->hidden; i++)
		ref->x[i] += ref->delta[i];
}

/* Adds one expert's share of the token to x. */
static void expert(struct decode_ref *ref, uint32_t layer, uint32_t number, double share)
{
	const struct decode_config *c = &ref->weights->config;
	size_t in = c->hidden, inner = c->intermediate, pair_row = 2 * inner;
	double limit = c->swiglu_limit, *act = ref->gate_up;

	linear_in_out(tensor_of(ref, layer, DECODE_GATE_UP) + number * in * pair_row,
		      tensor_of(ref, layer, DECODE_GATE_UP_BIAS) + number * pair_row, ref->normed,
		      (uint32_t)pair_row, c->hidden, ref->gate_up);
	for (size_t i = 0; i < inner; i++) {
		double gate = fmin(ref->gate_up[2 * i], limit);
		double up = fmax(fmin(ref->gate_up[2 * i + 1], limit), -limit);

		act[i] = (up + 1) * gate / (1 + exp(-1.702 * gate)); /* pair 2i is read, i <= 2i */
	}
	linear_in_out(tensor_of(ref, layer, DECODE_DOWN) + number * inner * in,
		      tensor_of(ref, layer, DECODE_DOWN_BIAS) + number * in, act, c->hidden,
		      c->intermediate, ref->delta);
	for (uint32_t i = 0; i < c->hidden; i++)
		ref->x[i] += share * ref->delta[i];
}

/* The reference's own choice, best first; the least logit taken and the largest one left. */
static void choose(const struct decode_ref *ref, uint32_t *chosen, double *ret_last,
		   double *ret_next)
{
	const struct decode_config *c = &ref->weights->config;
	bool taken[EXPERTS_MAX] = { false };

	for (uint32_t k = 0; k <= c->active; k++) {
		uint32_t best = c->experts;

		for (uint32_t e = 0; e < c->experts; e++) {
			if (!taken[e] && (best == c->experts || ref->router[e] > ref->router[best]))
				best = e;
		}
		*ret_next = best < c->experts ? ref->router[best] : -INFINITY;
		if (k == c->active || best == c->experts)
			return;
		*ret_last = *ret_next;
		chosen[k] = best;
		taken[best] = true;
	}
}

/* Takes the device's experts. Each must be there, and none twice. */
static int follow(struct decode_ref *ref, const uint32_t *experts, double last, uint32_t *chosen)
{
	const struct decode_config *c = &ref->weights->config;
	bool taken[EXPERTS_MAX] = { false };
	double gap = 0;

	for (uint32_t k = 0; k < c->active; k++) {
		if (experts[k] >= c->experts || taken[experts[k]])
			return -EINVAL;
		taken[experts[k]] = true;
		chosen[k] = experts[k];
		gap = fmax(gap, last - ref->router[experts[k]]);
	}
	ref->routing.followed += gap > 0;
	ref->routing.worst = fmax(ref->routing.worst, gap);
	return 0;
}

static int mixture(struct decode_ref *ref, uint32_t layer, const uint32_t *experts)
{
	const struct decode_config *c = &ref->weights->config;
	uint32_t chosen[ACTIVE_MAX];
	double last = 0, next = 0, most = -INFINITY, sum = 0;
	int r = 0;

	rms_norm(ref->x, tensor_of(ref, layer, DECODE_MLP_NORM), c->hidden, c->rms_eps,
		 ref->normed);
	linear(tensor_of(ref, layer, DECODE_ROUTER), tensor_of(ref, layer, DECODE_ROUTER_BIAS),
	       ref->normed, c->experts, c->hidden, ref->router);
	choose(ref, chosen, &last, &next);
	ref->routing.choices++;
	ref->routing.margin = fmin(ref->routing.margin, last - next);
	if (experts)
		r = follow(ref, experts, last, chosen);
	if (r < 0)
		return r;
	for (uint32_t k = 0; k < c->active; k++)
		most = fmax(most, ref->router[chosen[k]]);
	for (uint32_t k = 0; k < c->active; k++)
		sum += exp(ref->router[chosen[k]] - most);
	for (uint32_t k = 0; k < c->active; k++)
		expert(ref, layer, chosen[k], exp(ref->router[chosen[k]] - most) / sum);
	return 0;
}

int decode_ref_step(struct decode_ref *ref, uint32_t token, const uint32_t *experts,
		    double *ret_logits)
{
	const struct decode_config *c = &ref->weights->config;
	int r = 0;

	if (ref->position == ref->positions)
		return -ENOSPC;
	if (token >= c->vocab || c->experts > EXPERTS_MAX || c->active > ACTIVE_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < c->hidden; i++)
		ref->x[i] =
			weight_at(tensor_of(ref, 0, DECODE_EMBED), (size_t)token * c->hidden + i);
	for (uint32_t layer = 0; r == 0 && layer < c->layers; layer++) {
		attention(ref, layer);
		r = mixture(ref, layer, experts ? experts + (size_t)layer * c->active : NULL);
	}
	if (r < 0)
		return r;
	rms_norm(ref->x, tensor_of(ref, 0, DECODE_FINAL_NORM), c->hidden, c->rms_eps, ref->normed);
	linear(tensor_of(ref, 0, DECODE_HEAD), NULL, ref->normed, c->vocab, c->hidden, ret_logits);
	ref->position++;
	return 0;
}
