/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of decoders, and the roofline of H 3.1: what a step must read over the bandwidth, what
 * it must multiply over the tensor engines, the larger one counts. */
#include <errno.h>
#include <math.h>
#include "model/gen.h"
#include "predict/predict.h"

#define KV_BYTES 2.0       /* BF16 */
#define WEIGHT_BYTES 2.0   /* of what is no expert: BF16 */
#define HBM_SHARE 0.95     /* the rest is for programs and buffers */
#define ARRAY_MACS 16384.0 /* of a tensor engine and cycle, BF16: H 1.3 */

double trn_predict_peak(const struct trn_gen *gen, enum trn_predict_format format)
{
	double rate = format == TRN_PREDICT_BF16 ? 100.0 : (double)gen->matmul_rate_mxf8;

	return 2.0 * ARRAY_MACS * (double)gen->clock_tensor_mhz * 1e6 * (double)gen->cores * rate /
	       100.0;
}

void trn_predict_size(const struct trn_predict_config *c, struct trn_predict_size *ret_size)
{
	double hidden = c->hidden, mid = c->intermediate, d = c->head_dim;
	double qkv = (c->heads + 2.0 * c->kv_heads) * d, wide = c->heads * d;
	struct trn_predict_size s;
	double layer;

	s.attention = hidden * qkv + wide * hidden + (c->attention_bias ? qkv + hidden : 0.0) +
		      (c->sinks ? c->heads : 0.0);
	s.norms = 2.0 * hidden;
	s.router = c->experts > 1 ? (hidden + 1.0) * c->experts : 0.0;
	s.expert = 3.0 * hidden * mid + (c->expert_bias ? 2.0 * mid + hidden : 0.0);
	s.embedding = (double)c->vocab * hidden;
	layer = s.attention + s.norms + s.router;
	s.active = c->layers * (layer + c->active * s.expert) + s.embedding;
	s.total = c->layers * (layer + c->experts * s.expert) + s.embedding * (c->tied ? 1 : 2) +
		  hidden;
	*ret_size = s;
}

double trn_predict_weight_bytes(const struct trn_predict_config *config,
				enum trn_predict_format format)
{
	struct trn_predict_size size;
	double experts;

	trn_predict_size(config, &size);
	experts = (double)config->layers * config->experts * size.expert;
	return (size.total - experts) * WEIGHT_BYTES + experts * trn_predict_format_bytes(format);
}

double trn_predict_kv_bytes(const struct trn_predict_config *config, uint32_t batch,
			    uint32_t context)
{
	uint32_t sliding = trn_predict_config_sliding(config);
	double seen = config->window < context ? config->window : context;
	double position = 2.0 * config->kv_heads * config->head_dim * KV_BYTES;

	return batch * position * (sliding * seen + (config->layers - sliding) * (double)context);
}

double trn_predict_distinct(const struct trn_predict_config *config, double tokens)
{
	double miss = 1.0 - (double)config->active / config->experts;

	return config->experts * (1.0 - pow(miss, tokens));
}

/* ---- requests ---- */

/* Smallest power of two that holds weights and caches: sharding halves things. */
static uint32_t chips_that_fit(const struct trn_predict_request *request, const struct trn_gen *gen)
{
	enum trn_predict_format format = trn_predict_config_format(request->config, request->gen);
	double bytes = trn_predict_weight_bytes(request->config, format) +
		       trn_predict_kv_bytes(request->config, request->batch, request->context);
	uint32_t chips = 1;

	while (chips < TRN_PREDICT_CHIPS &&
	       bytes > HBM_SHARE * (double)gen->hbm_capacity_bytes * chips)
		chips *= 2;
	return chips;
}

int trn_predict_request_check(struct trn_predict_request *request, struct trn_predict_why *why)
{
	const struct trn_predict_config *config = request->config;
	const struct trn_gen *gen = trn_gen_find(request->gen);
	uint32_t fit;

	if (!gen)
		return trn_predict_fail(why, -EINVAL, "no generation \"%.40s\"", request->gen);
	if (request->batch < 1 || request->batch > TRN_PREDICT_BATCH)
		return trn_predict_fail(why, -EINVAL, "batch must be 1 to %u", TRN_PREDICT_BATCH);
	if (request->context < 1 || request->context > config->positions)
		return trn_predict_fail(why, -EINVAL,
					"context must be 1 to %u, what %s was made for",
					config->positions, config->name);
	if (request->chip_equivalent) {
		if (request->chips > 1)
			return trn_predict_fail(why, -EINVAL,
						"a chip equivalent has one chip, not %u",
						request->chips);
		request->chips = 1;
		return 0;
	}
	fit = chips_that_fit(request, gen);
	if (request->chips == 0)
		request->chips = fit;
	if (request->chips > TRN_PREDICT_CHIPS || (request->chips & (request->chips - 1)) != 0)
		return trn_predict_fail(why, -EINVAL, "chips must be a power of two up to %u",
					TRN_PREDICT_CHIPS);
	if (request->chips < fit)
		return trn_predict_fail(
			why, -ENOSPC,
			"%s with batch %u and context %u does not fit %u %s, it needs "
			"%u",
			config->name, request->batch, request->context, request->chips,
			gen->product, fit);
	return 0;
}

/* ---- roofline ---- */

int trn_predict_roofline(const struct trn_predict_request *request,
			 struct trn_predict_roofline *ret_roofline, struct trn_predict_why *why)
{
	return trn_predict_roofline_as(request,
				       trn_predict_config_format(request->config, request->gen),
				       ret_roofline, why);
}

int trn_predict_roofline_as(const struct trn_predict_request *request,
			    enum trn_predict_format format,
			    struct trn_predict_roofline *ret_roofline, struct trn_predict_why *why)
{
	const struct trn_predict_config *c = request->config;
	const struct trn_gen *gen = trn_gen_find(request->gen);
	bool prefill = request->phase == TRN_PREDICT_PREFILL;
	double tokens = (double)request->batch * (prefill ? request->context : 1);
	/* A token of a prompt sees half of it in the mean. */
	double seen = prefill ? (request->context + 1) / 2.0 : request->context;
	double near = c->window < seen ? c->window : seen;
	uint32_t sliding = trn_predict_config_sliding(c);
	struct trn_predict_roofline r = { 0 };
	struct trn_predict_size size;

	if (!gen)
		return trn_predict_fail(why, -EINVAL, "no generation \"%.40s\"", request->gen);
	trn_predict_size(c, &size);
	r.format = format;
	r.experts = trn_predict_distinct(c, tokens);
	r.weight_bytes = (size.active - c->layers * (c->active * size.expert)) * WEIGHT_BYTES +
			 c->layers * r.experts * size.expert * trn_predict_format_bytes(r.format);
	r.kv_bytes = trn_predict_kv_bytes(c, request->batch, request->context);
	/* A prompt needs the logits of its last token only. */
	r.flops_dense = 2.0 * tokens * c->layers * (size.attention + size.router) +
			2.0 * request->batch * size.embedding +
			4.0 * tokens * c->heads * c->head_dim *
				(sliding * near + (c->layers - sliding) * seen);
	r.flops_experts = 2.0 * tokens * c->layers * c->active * size.expert;
	r.memory_s =
		(r.weight_bytes + r.kv_bytes) / ((double)gen->hbm_bytes_per_s * request->chips);
	r.compute_s = (r.flops_dense / trn_predict_peak(gen, TRN_PREDICT_BF16) +
		       r.flops_experts / trn_predict_peak(gen, r.format)) /
		      request->chips;
	r.step_s = r.memory_s > r.compute_s ? r.memory_s : r.compute_s;
	*ret_roofline = r;
	return 0;
}
