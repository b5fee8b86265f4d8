/* SPDX-License-Identifier: Apache-2.0 */
/* Steps: work by arithmetic (H 6.3, 6.4), kernels' share of the roofline from the model, the
 * collectives from the flows of the cluster. docs/scale.md 5. */
#include "predict/step.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "model/gen.h"
#include "predict/cluster_parts.h"

#define ACTIVATION 2.0 /* bytes: BF16 */
#define WEIGHT 2.0
#define GRADIENT 2.0
#define MASTER 12.0 /* FP32 weight and two moments, divided over the replicas */
#define HBM_SHARE 0.95

struct step {
	const struct trn_step_request *q;
	const struct trn_cluster *c;
	struct trn_step_result *ret;
	struct trn_predict_why *why;
	struct trn_predict_size size;
	uint32_t share;        /* chips over which the experts are spread */
	double dense, experts; /* parameters of a chip */
	double joules;         /* of links, memory and network */
};

static void piece(struct step *s, const char *name, double seconds, double bytes, double times)
{
	if (seconds > 0.0)
		s->ret->piece[s->ret->piece_count++] =
			(struct trn_step_piece){ name, seconds, bytes, times };
}

/* @times collectives of @bytes, one after the other. */
static int collective(struct step *s, const char *name, enum trn_cluster_kind kind, uint32_t block,
		      double bytes, double times, double *ret_seconds)
{
	struct trn_cluster_call call = { .kind = kind,
					 .bytes = (uint64_t)ceil(bytes),
					 .block = block };
	struct trn_cluster_result result;
	int r;

	*ret_seconds = 0.0;
	if (block < 2 || times <= 0.0)
		return 0;
	r = trn_cluster_run(s->c, &call, &result, s->why);
	if (r < 0)
		return r;
	*ret_seconds = result.seconds * times;
	s->joules += (result.joules_memory + result.joules_links) * times;
	piece(s, name, *ret_seconds, bytes, times);
	return 0;
}

/* Positions that a token sees, summed over the layers; of all tokens of a sequence, half. */
static double seen(const struct trn_predict_config *c, double context)
{
	uint32_t sliding = trn_predict_config_sliding(c);
	double near = c->window < context ? c->window : context;

	return sliding * near + (c->layers - sliding) * context;
}

/* Multiplications and additions of a token forward. */
static double token_flops(const struct step *s, double context)
{
	const struct trn_predict_config *c = s->q->config;
	double layer = s->size.attention + s->size.router + c->active * s->size.expert;

	return 2.0 * (c->layers * layer + s->size.embedding) +
	       4.0 * c->heads * c->head_dim * seen(c, context);
}

static int fits(struct step *s, double bytes)
{
	double room = HBM_SHARE * (double)s->c->gen->hbm_capacity_bytes;

	s->ret->chip_bytes = bytes;
	if (bytes <= room)
		return 0;
	return trn_predict_fail(s->why, -ENOSPC,
				"%s takes %.1f GB of a chip that has %.1f: more --tp, --ep or --pp",
				s->q->config->name, bytes * 1e-9, room * 1e-9);
}

/* ---- training ---- */

static int gradients_of(struct step *s, const struct trn_cluster *stage, uint32_t stride,
			double parameters, double *sum)
{
	struct trn_cluster_call call = { .bytes = (uint64_t)ceil(parameters * GRADIENT),
					 .stride = stride };
	struct trn_cluster_result result;
	int r;

	if (stage->chips / stride < 2)
		return 0;
	r = trn_cluster_run(stage, &call, &result, s->why);
	if (r < 0)
		return r;
	*sum += result.seconds;
	s->joules +=
		(result.joules_memory + result.joules_links + result.joules_network) * s->ret->pp;
	if (!s->ret->summed || result.seconds > s->ret->gradients.seconds)
		s->ret->gradients = result;
	s->ret->summed = true;
	return 0;
}

/* All replicas sum what they have; stages do so side by side, each on its part of the pods. */
static int gradients(struct step *s, double compute, double *ret_seconds)
{
	double sum = 0.0, hidden;
	struct trn_cluster stage;
	int r = trn_cluster_init(&stage, s->c->pod->name, s->c->fabric->name,
				 s->c->chips / s->ret->pp, &s->c->params, s->why);

	if (r == 0)
		r = gradients_of(s, &stage, s->ret->tp, s->dense, &sum);
	if (r == 0)
		r = gradients_of(s, &stage, s->share, s->experts, &sum);
	if (r < 0)
		return r;
	/* Behind the backward pass, which is two thirds of the products. */
	hidden = fmin(sum * (double)s->c->params.overlap_percent / 100.0, compute * 2.0 / 3.0);
	*ret_seconds = sum - hidden;
	piece(s, "sum of gradients, what is not hidden", *ret_seconds,
	      (s->dense + s->experts) * GRADIENT, 1.0);
	return 0;
}

static int train(struct step *s)
{
	const struct trn_step_request *q = s->q;
	struct trn_step_result *ret = s->ret;
	const struct trn_predict_config *c = q->config;
	double peak = trn_predict_peak(s->c->gen, TRN_PREDICT_BF16), tokens = q->context;
	double layers = (double)c->layers / ret->pp, activations = tokens * c->hidden * ACTIVATION;
	double replicas_of_expert = (double)s->c->chips / ret->pp / s->share;
	double compute, sums, exchanges, exposed = 0.0, update, bubble;
	bool ep = ret->ep > 1;
	int r = fits(s, (s->dense + s->experts) * (WEIGHT + GRADIENT) +
				MASTER * (s->dense / ret->dp + s->experts / replicas_of_expert));

	if (r < 0)
		return r;
	ret->tokens = tokens * q->batch * ret->dp;
	/* Backward is twice forward. A token of a sequence sees half of it in the mean. */
	ret->flops = 3.0 * token_flops(s, (q->context + 1) / 2.0) * ret->tokens;
	compute = ret->flops / s->c->chips / (peak * (double)s->c->params.mfu_percent / 100.0);
	piece(s, "products, at the stated share of the peak", compute, 0, 0);
	r = collective(s, "sums in layers", TRN_CLUSTER_ALL_REDUCE, ret->tp, activations,
		       (ep ? 2.0 : 4.0) * layers * q->batch, &sums);
	if (r == 0)
		r = collective(s, "tokens to experts and back", TRN_CLUSTER_ALL_TO_ALL,
			       ep ? s->share : 0, activations * c->active / ret->tp,
			       4.0 * layers * q->batch, &exchanges);
	if (r < 0)
		return r;
	bubble = (compute + sums + exchanges) * (ret->pp - 1.0) / q->batch;
	piece(s, "stages that wait", bubble, 0, 0);
	r = gradients(s, compute, &exposed);
	if (r < 0)
		return r;
	update = ((s->dense + s->experts) * (WEIGHT + GRADIENT) +
		  2.0 * MASTER * (s->dense / ret->dp + s->experts / replicas_of_expert)) /
		 (double)s->c->gen->hbm_bytes_per_s;
	piece(s, "new weights", update, 0, 0);
	ret->step_s = compute + sums + exchanges + bubble + exposed + update;
	ret->state_bytes = s->size.total * (WEIGHT + MASTER);
	return 0;
}

/* ---- decoding ---- */

/* Of the roofline, what the kernels reach in the model: one chip's worth, docs/predict.md. */
static int kernels_share(struct step *s, double *ret_share)
{
	struct trn_predict_request request = { .config = s->q->config,
					       .gen = s->c->gen->name,
					       .batch = s->q->batch,
					       .context = s->q->context,
					       .chip_equivalent = true,
					       .seed = s->q->seed };
	struct trn_predict_result result;
	int r = trn_predict_request_check(&request, s->why);

	if (r == 0)
		r = trn_predict_run(&request, &result, s->why);
	if (r == 0)
		*ret_share = result.roofline.step_s / result.step_s;
	return r;
}

static int decode(struct step *s)
{
	const struct trn_step_request *q = s->q;
	struct trn_step_result *ret = s->ret;
	const struct trn_predict_config *c = q->config;
	enum trn_predict_format format = trn_predict_config_format(c, s->c->gen->name);
	double local = (double)q->batch * s->share / ret->tp; /* sequences that share experts */
	double expert = s->size.expert * trn_predict_format_bytes(format);
	double caches = trn_predict_kv_bytes(c, q->batch, q->context) / ret->tp, share = 1.0;
	double touched = c->layers * trn_predict_distinct(c, local) * expert / s->share;
	double activations = (double)q->batch * c->hidden * ACTIVATION;
	double memory, compute, experts_flops, sums, exchanges;
	bool ep = ret->ep > 1;
	int r = fits(s, s->dense * WEIGHT + caches + c->layers * c->experts * expert / s->share);

	if (r == 0)
		r = kernels_share(s, &share);
	if (r < 0)
		return r;
	experts_flops = 2.0 * c->layers * c->active * s->size.expert * q->batch / ret->tp;
	memory = (s->dense * WEIGHT + caches + touched) / (double)s->c->gen->hbm_bytes_per_s;
	compute = (token_flops(s, q->context) * q->batch / ret->tp - experts_flops) /
			  trn_predict_peak(s->c->gen, TRN_PREDICT_BF16) +
		  experts_flops / trn_predict_peak(s->c->gen, format);
	piece(s, "kernels, roofline over the share they reach", fmax(memory, compute) / share, 0,
	      0);
	r = collective(s, "sums in layers", TRN_CLUSTER_ALL_REDUCE, ret->tp, activations,
		       (ep ? 1.0 : 2.0) * c->layers, &sums);
	if (r == 0)
		r = collective(s, "tokens to experts and back", TRN_CLUSTER_ALL_TO_ALL,
			       ep ? s->share : 0, activations * c->active / ret->tp,
			       2.0 * c->layers, &exchanges);
	if (r < 0)
		return r;
	ret->step_s = fmax(memory, compute) / share + sums + exchanges;
	ret->tokens = (double)q->batch * ret->dp;
	ret->flops = token_flops(s, q->context) * ret->tokens;
	return 0;
}

/* ---- both ---- */

static int check(struct step *s)
{
	const struct trn_step_request *q = s->q;
	struct trn_step_result *ret = s->ret;
	uint32_t group;

	ret->tp = q->tp ? q->tp : 1;
	ret->ep = q->ep ? q->ep : 1;
	ret->pp = q->pp ? q->pp : 1;
	s->share = ret->ep > ret->tp ? ret->ep : ret->tp;
	if (q->batch < 1 || q->batch > TRN_PREDICT_BATCH)
		return trn_predict_fail(s->why, -EINVAL, "batch must be 1 to %u",
					TRN_PREDICT_BATCH);
	if (q->context < 1 || q->context > q->config->positions)
		return trn_predict_fail(s->why, -EINVAL, "context must be 1 to %u, what %s has",
					q->config->positions, q->config->name);
	if (ret->ep > q->config->experts || s->share % ret->tp != 0 || s->share % ret->ep != 0)
		return trn_predict_fail(s->why, -EINVAL,
					"ep %u and tp %u: one must be a multiple of the other, and "
					"%s has %u experts",
					ret->ep, ret->tp, q->config->name, q->config->experts);
	if (ret->pp > q->config->layers || (ret->pp > 1 && q->phase == TRN_STEP_DECODE))
		return trn_predict_fail(s->why, -EINVAL,
					"pp %u: 1 to %u stages, and decoding has one", ret->pp,
					q->config->layers);
	if (s->share > s->c->pod_chips || s->share > s->c->chips)
		return trn_predict_fail(s->why, -EINVAL, "groups of %u chips are more than a pod",
					s->share);
	group = s->share * ret->pp;
	if (s->c->chips % group != 0)
		return trn_predict_fail(s->why, -EINVAL,
					"%u chips are no multiple of tp or ep times pp, %u",
					s->c->chips, group);
	ret->dp = s->c->chips / ret->pp / ret->tp;
	return 0;
}

/* Idle power all the time, what work adds while there is any. */
static void energy(struct step *s)
{
	const struct trn_gen *gen = s->c->gen;
	double busy = (double)gen->power_mw_busy * 1e-3, idle = 0.0;
	double peak = trn_predict_peak(gen, TRN_PREDICT_BF16) * s->c->chips;

	for (uint32_t f = TRN_GEN_idle_tensor_mw; f <= TRN_GEN_idle_link_mw; f++)
		idle += (double)gen->value[f] * 1e-3;
	s->ret->mfu = s->ret->flops / (peak * s->ret->step_s);
	s->ret->joules =
		s->c->chips * (idle * s->ret->step_s + (busy - idle) * s->ret->piece[0].seconds) +
		s->joules;
	s->ret->joules_site = s->ret->joules * ((double)s->c->params.site_percent - 100.0) / 100.0;
}

int trn_step(const struct trn_step_request *request, struct trn_step_result *ret_result,
	     struct trn_predict_why *why)
{
	struct trn_step_result result = { 0 };
	struct step s = { .q = request, .c = request->cluster, .ret = &result, .why = why };
	const struct trn_predict_config *c = request->config;
	double all;
	int r = check(&s);

	if (r < 0)
		return r;
	trn_predict_size(c, &s.size);
	all = (double)c->layers * c->experts * s.size.expert;
	s.experts = all / s.share / result.pp;
	s.dense = (s.size.total - all) / result.tp / result.pp;
	r = request->phase == TRN_STEP_TRAIN ? train(&s) : decode(&s);
	if (r < 0)
		return r;
	result.tokens_per_s = result.tokens / result.step_s;
	energy(&s);
	*ret_result = result;
	return 0;
}
