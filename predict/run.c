/* SPDX-License-Identifier: Apache-2.0 */
/* A step of a decoder from programs that ran on the model: all layers in one launch while that
 * stays short, else a layer of each kind many times. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/prng.h"
#include "model/gen.h"
#include "predict/plan.h"

#define GROUPS_WHOLE 16u  /* experts of a layer up to which all layers are one program */
#define CONTEXT_RUN 8192u /* longest cache that is run; time grows linearly beyond */
#define HALF 0.5
#define GEMM_ROWS 2048u /* rows of a product that are run */
#define FLASH_HEADS 4u
#define FLASH_KEYS 4096u

struct run {
	const struct trn_predict_request *request;
	struct trn_predict_result *result;
	struct trn_predict_why *why;
	struct trn_machine *machine;
	struct trn_plan plan;
	struct trn_machine_cost total;
	/* the draw */
	uint32_t *list;  /* experts that are touched */
	uint32_t *count; /* tokens of each expert */
	uint32_t groups, largest;
};

const char *trn_predict_bound_name(enum trn_predict_bound bound)
{
	static const char *const names[] = { "compute", "HBM", "DMA", "issue" };

	return names[bound];
}

/* ---- choices of experts: every token takes its own at random, all sets alike ---- */

static uint32_t draw_layer(struct run *run, struct trn_prng *prng, uint32_t tokens)
{
	const struct trn_predict_config *c = run->request->config;
	uint32_t touched = 0;

	memset(run->count, 0, c->experts * sizeof(*run->count));
	for (uint32_t t = 0; t < tokens; t++) {
		uint32_t chosen[8] = { 0 };

		for (uint32_t k = 0; k < c->active; k++) {
			bool again = true;

			while (again) {
				again = false;
				chosen[k] = (uint32_t)trn_prng_below(prng, c->experts);
				for (uint32_t i = 0; i < k; i++)
					again = again || chosen[i] == chosen[k];
			}
			touched += run->count[chosen[k]]++ == 0;
		}
	}
	return touched;
}

/* The layer that is run is the one whose draw is nearest to the mean of all layers'. */
static int draw(struct run *run)
{
	const struct trn_predict_config *c = run->request->config;
	uint32_t tokens = run->plan.sequences, best = 0;
	double sum = 0.0, nearest = HUGE_VAL;
	struct trn_prng prng;

	run->list = trn_alloc_array(&trn_alloc_libc, c->experts, sizeof(*run->list));
	run->count = trn_alloc_array(&trn_alloc_libc, c->experts, sizeof(*run->count));
	if (!run->list || !run->count)
		return trn_predict_fail(run->why, -ENOMEM, "no memory for the choice of experts");
	trn_prng_seed(&prng, run->request->seed);
	for (uint32_t i = 0; i < c->layers; i++)
		sum += draw_layer(run, &prng, tokens);
	run->result->experts = sum / c->layers;
	trn_prng_seed(&prng, run->request->seed);
	for (uint32_t i = 0; i < c->layers; i++) {
		double off = fabs(draw_layer(run, &prng, tokens) - run->result->experts);

		if (off < nearest) {
			nearest = off;
			best = i;
		}
	}
	trn_prng_seed(&prng, run->request->seed);
	for (uint32_t i = 0; i <= best; i++)
		draw_layer(run, &prng, tokens);
	for (uint32_t i = 0; i < c->experts; i++) {
		if (run->count[i] == 0)
			continue;
		run->list[run->groups++] = i;
		run->largest = run->largest > run->count[i] ? run->largest : run->count[i];
	}
	return 0;
}

/* ---- pieces ---- */

static void piece(struct run *run, const char *name, const struct trn_machine_cost *cost,
		  double factor, bool composed)
{
	struct trn_predict_result *r = run->result;

	r->piece[r->piece_count++] =
		(struct trn_predict_piece){ name, cost->seconds * factor, composed };
	trn_machine_cost_add(&run->total, cost, factor);
}

static int program(struct run *run, uint32_t parts, uint32_t first, uint32_t layers,
		   uint32_t tokens, uint32_t groups, struct trn_machine_cost *ret_cost)
{
	struct trn_plan_program p = { .plan = &run->plan,
				      .parts = parts,
				      .first = first,
				      .layers = layers,
				      .tokens = tokens,
				      .groups = groups,
				      .list = run->list };

	return trn_plan_run(run->machine, &p, ret_cost, run->why);
}

/* Everything in one launch. */
static int step_whole(struct run *run)
{
	struct trn_machine_cost cost = { 0 };
	int r = program(run, TRN_PLAN_ATTENTION | TRN_PLAN_EXPERTS | TRN_PLAN_HEAD, 0,
			run->request->config->layers, run->plan.sequences, run->groups, &cost);

	if (r == 0)
		piece(run, "all layers and the unembedding, one launch", &cost, 1.0, false);
	return r;
}

/* One round of the pattern, and what a second one adds, times the others. */
static int step_patterns(struct run *run)
{
	const struct trn_predict_config *c = run->request->config;
	uint32_t both = TRN_PLAN_ATTENTION | TRN_PLAN_EXPERTS;
	uint32_t tokens = run->plan.sequences, pattern = c->pattern_count;
	struct trn_machine_cost one, two, head;
	int r = program(run, both, 0, pattern, tokens, run->groups, &one);

	if (r == 0)
		r = program(run, both, 0, 2 * pattern, tokens, run->groups, &two);
	if (r == 0)
		r = program(run, TRN_PLAN_HEAD, 0, 0, tokens, run->groups, &head);
	if (r < 0)
		return r;
	trn_machine_cost_add(&two, &one, -1.0);
	piece(run, "first layers", &one, 1.0, false);
	piece(run, "other layers", &two, (double)c->layers / pattern - 1.0, true);
	piece(run, "unembedding", &head, 1.0, false);
	return 0;
}

/* What each kind of layer takes, in chunks of tokens. */
static int attention_chunks(struct run *run, uint32_t tokens, double chunks)
{
	const struct trn_predict_config *c = run->request->config;
	uint32_t sliding = trn_predict_config_sliding(c);
	bool done[2] = { sliding == c->layers, sliding == 0 }; /* full, sliding */

	for (uint32_t i = 0; i < c->pattern_count; i++) {
		struct trn_machine_cost cost;
		bool kind = c->sliding[i];
		int r;

		if (done[kind])
			continue;
		done[kind] = true;
		r = program(run, TRN_PLAN_ATTENTION, i, 1, tokens, run->groups, &cost);
		if (r < 0)
			return r;
		piece(run, kind ? "attention, sliding layers" : "attention, full layers", &cost,
		      chunks * (kind ? sliding : c->layers - sliding), true);
	}
	return 0;
}

/* Experts with their tokens gathered: as many passes as the largest group needs. */
static int expert_groups(struct run *run, uint32_t most, double chunks)
{
	const struct trn_predict_config *c = run->request->config;
	uint32_t passes = (run->largest + most - 1) / most;
	uint32_t tokens = (run->largest + passes - 1) / passes;
	struct trn_machine_cost cost, one, two;
	int r = program(run, TRN_PLAN_EXPERTS, 0, 1, tokens < 2 ? 2 : tokens, run->groups, &cost);

	if (r == 0)
		piece(run, "experts", &cost, (double)c->layers * passes, true);
	if (r == 0)
		r = trn_plan_dispatch_run(run->machine, &run->plan, tokens, run->groups, &cost,
					  run->why);
	if (r == 0)
		piece(run, "gathering and scattering tokens", &cost, (double)c->layers * passes,
		      true);
	/* The router alone: what is left of one expert when a second one's time is taken off. */
	if (r == 0 && c->experts > 1)
		r = program(run, TRN_PLAN_EXPERTS, 0, 1, most, 1, &one);
	if (r == 0 && c->experts > 1)
		r = program(run, TRN_PLAN_EXPERTS, 0, 1, most, 2, &two);
	if (r < 0 || c->experts == 1)
		return r;
	trn_machine_cost_add(&one, &one, 1.0);
	trn_machine_cost_add(&one, &two, -1.0);
	piece(run, "router and sums over cores", &one, chunks * c->layers, true);
	return 0;
}

static int step_chunks(struct run *run, uint32_t most)
{
	double chunks = (double)run->plan.sequences / most;
	struct trn_machine_cost head;
	int r = attention_chunks(run, most, chunks);

	if (r == 0)
		r = expert_groups(run, most, chunks);
	if (r == 0)
		r = program(run, TRN_PLAN_HEAD, 0, 0, most, run->groups, &head);
	if (r == 0)
		piece(run, "unembedding", &head, chunks, true);
	return r;
}

/* ---- prompts ---- */

/* A product of more rows than are run: what the second half took, again. */
static int product(struct run *run, const char *name, double rows, uint32_t in, uint32_t out,
		   double times)
{
	uint32_t most = rows < GEMM_ROWS ? (uint32_t)ceil(rows) : GEMM_ROWS, half = most / 2;
	struct trn_machine_cost cost, less;
	int r = trn_plan_gemm_run(run->machine, &run->plan, most, in, out, &cost, run->why);

	if (r == 0 && rows > GEMM_ROWS)
		r = trn_plan_gemm_run(run->machine, &run->plan, half, in, out, &less, run->why);
	if (r < 0)
		return r;
	if (rows > GEMM_ROWS) {
		double more = (rows - most) / (most - half);

		trn_machine_cost_add(&less, &cost, -1.0);
		trn_machine_cost_add(&cost, &less, -more);
	}
	piece(run, name, &cost, times, true);
	return 0;
}

/* Keys that all tiles of 128 queries of a sequence see, of one kind of layer. */
static double keys_seen(const struct run *run, bool sliding)
{
	double context = run->request->context, tiles = ceil(context / 128.0), sum = 0.0;

	for (double i = 0; i < tiles; i++) {
		double seen = fmin((i + 1.0) * 128.0, context);

		if (sliding)
			seen = fmin(seen, run->request->config->window + 127.0);
		sum += seen;
	}
	return sum;
}

static int prompt_attention(struct run *run)
{
	const struct trn_predict_config *c = run->request->config;
	uint32_t sliding = trn_predict_config_sliding(c), some = run->plan.heads;
	double heads = (double)run->plan.heads * run->plan.key_heads * run->plan.sequences;
	struct trn_machine_cost one, two;
	int r;

	some = some < FLASH_HEADS ? some : FLASH_HEADS;
	r = trn_plan_flash_run(run->machine, &run->plan, some, FLASH_KEYS, &one, run->why);
	if (r == 0)
		r = trn_plan_flash_run(run->machine, &run->plan, some, 2 * FLASH_KEYS, &two,
				       run->why);
	if (r < 0)
		return r;
	trn_machine_cost_add(&two, &one, -1.0);
	heads /= (double)some * FLASH_KEYS;
	if (sliding > 0)
		piece(run, "attention, sliding layers", &two,
		      heads * sliding * keys_seen(run, true), true);
	if (sliding < c->layers)
		piece(run, "attention, full layers", &two,
		      heads * (c->layers - sliding) * keys_seen(run, false), true);
	return 0;
}

static int prompt(struct run *run)
{
	const struct trn_predict_config *c = run->request->config;
	const struct trn_plan *p = &run->plan;
	double tokens = (double)p->sequences * run->request->context, layers = c->layers;
	double each = tokens * c->active / c->experts;
	uint32_t wide = p->heads * p->key_heads * c->head_dim;
	uint32_t narrow = p->key_heads * c->head_dim, last = p->sequences;
	struct trn_machine_cost cost, less;
	int r = product(run, "queries, keys, values", tokens, c->hidden, wide + 2 * narrow, layers);

	if (r == 0)
		r = prompt_attention(run);
	if (r == 0)
		r = product(run, "output projection", tokens, wide, c->hidden, layers);
	if (r == 0 && c->experts > 1)
		r = product(run, "router", tokens / p->width, c->hidden, c->experts, layers);
	if (r == 0)
		r = product(run, "experts, gate and up", each, c->hidden, 2 * p->middle,
			    layers * c->experts);
	if (r == 0)
		r = product(run, "experts, down", each, p->middle, c->hidden, layers * c->experts);
	if (r == 0)
		r = program(run, TRN_PLAN_SUM, 0, 2, 128, run->groups, &less);
	if (r == 0)
		r = program(run, TRN_PLAN_SUM, 0, 6, 128, run->groups, &cost);
	if (r < 0)
		return r;
	trn_machine_cost_add(&cost, &less, -1.0);
	piece(run, "sums over cores", &cost, 2.0 * layers * tokens / 128.0 / 4.0, true);
	last = last > 128 ? 128 : last;
	r = program(run, TRN_PLAN_HEAD, 0, 0, last, run->groups, &cost);
	if (r == 0)
		piece(run, "unembedding of the last tokens", &cost, (double)p->sequences / last,
		      p->sequences > last);
	return r;
}

static void forget(struct run *run)
{
	run->result->piece_count = 0;
	run->total = (struct trn_machine_cost){ 0 };
}

static int step(struct run *run)
{
	uint32_t most = TRN_SERVE_TOKENS_MAX;
	int r = -ENOSPC;

	if (run->plan.sequences <= most) {
		r = run->groups <= GROUPS_WHOLE ? step_whole(run) : step_patterns(run);
		most = run->plan.sequences / 2;
	}
	/* What does not fit the core's memories is cut into chunks of fewer tokens. */
	for (; r == -ENOSPC && most >= 2; most /= 2) {
		forget(run);
		r = step_chunks(run, most);
	}
	return r;
}

/* ---- results ---- */

static void shares(struct run *run)
{
	struct trn_predict_result *r = run->result;
	const struct trn_gen *gen = run->plan.gen;
	double seconds = run->total.seconds, most = 0.0;
	double engines = 16.0 * (double)gen->dma_load_mbps * 1e6;

	for (size_t e = 0; e < 5; e++) {
		r->busy[e] = run->total.busy[e] / seconds;
		most = fmax(most, r->busy[e]);
	}
	r->dma = run->total.dma_bytes / (engines * seconds);
	r->hbm = run->total.dma_bytes * (double)gen->cores /
		 ((double)gen->hbm_bytes_per_s * seconds);
	r->bound = r->hbm > r->dma ? TRN_PREDICT_BOUND_HBM : TRN_PREDICT_BOUND_DMA;
	if (most > fmax(r->hbm, r->dma))
		r->bound = TRN_PREDICT_BOUND_COMPUTE;
	if (fmax(most, fmax(r->hbm, r->dma)) < HALF)
		r->bound = TRN_PREDICT_BOUND_ISSUE;
}

static void result_fill(struct run *run)
{
	const struct trn_predict_request *q = run->request;
	struct trn_predict_result *r = run->result;
	const struct trn_plan *plan = &run->plan;
	double cores = plan->width * (double)plan->copies;

	shares(run);
	r->step_s = 0.0;
	for (uint32_t i = 0; i < r->piece_count; i++)
		r->step_s += r->piece[i].seconds;
	r->format = plan->format;
	r->chips = q->chips;
	r->cores = plan->cores;
	r->width = plan->width;
	r->copies = plan->copies;
	r->sequences = plan->sequences;
	r->instructions = run->total.instructions;
	r->macs = run->total.macs;
	r->dma_bytes = run->total.dma_bytes;
	r->tokens = (double)q->batch * (q->phase == TRN_PREDICT_PREFILL ? q->context : 1);
	r->tokens_per_s = r->tokens / r->step_s;
	r->token_s = r->step_s / (q->phase == TRN_PREDICT_PREFILL ? q->context : 1);
	r->idle_watts = run->total.idle_watts * q->chips;
	r->joules = run->total.joules * cores + r->idle_watts * r->step_s;
}

static int run_all(struct run *run)
{
	bool prefill = run->request->phase == TRN_PREDICT_PREFILL;
	struct trn_machine_cost links = { 0 };
	int r = draw(run);

	if (r == 0)
		r = trn_machine_open(run->request->gen, run->request->seed, NULL, &run->machine,
				     run->why);
	if (r == 0)
		r = prefill ? prompt(run) : step(run);
	if (r < 0)
		return r;
	links.seconds = trn_plan_links(
		&run->plan, run->plan.sequences * (prefill ? (double)run->request->context : 1.0));
	links.idle_watts = run->total.idle_watts;
	if (links.seconds > 0.0)
		piece(run, "sums over chips, on the links of a pod", &links, 1.0, true);
	result_fill(run);
	return 0;
}

static int run_once(const struct trn_predict_request *request,
		    struct trn_predict_result *ret_result, struct trn_predict_why *why)
{
	struct run run = { .request = request, .result = ret_result, .why = why };
	int r;

	*ret_result = (struct trn_predict_result){ .format = TRN_PREDICT_BF16 };
	r = trn_plan_make(request, &run.plan, why);
	/* Caches are not read: their room does not matter. Experts run in BF16. */
	if (r == 0 && request->phase == TRN_PREDICT_PREFILL) {
		run.plan.positions = 128;
		run.plan.context = 128;
		run.plan.format = TRN_PREDICT_BF16;
	}
	if (r == 0)
		r = run_all(&run);
	trn_machine_close(run.machine);
	trn_free(&trn_alloc_libc, run.list);
	trn_free(&trn_alloc_libc, run.count);
	return r < 0 ? r :
		       trn_predict_roofline_as(request, ret_result->format, &ret_result->roofline,
					       why);
}

/* Beyond what is run, every time and count grows with the context by what the last step of it
 * made it grow. */
static void stretch(struct trn_predict_result *r, const struct trn_predict_result *shorter,
		    double factor)
{
	r->step_s += factor * (r->step_s - shorter->step_s);
	r->joules += factor * (r->joules - shorter->joules);
	r->instructions += factor * (r->instructions - shorter->instructions);
	r->macs += factor * (r->macs - shorter->macs);
	r->dma_bytes += factor * (r->dma_bytes - shorter->dma_bytes);
	for (uint32_t i = 0; i < r->piece_count && i < shorter->piece_count; i++) {
		r->piece[i].seconds += factor * (r->piece[i].seconds - shorter->piece[i].seconds);
		r->piece[i].composed = true;
	}
	r->tokens_per_s = r->tokens / r->step_s;
	r->token_s = r->step_s;
}

int trn_predict_run(const struct trn_predict_request *request,
		    struct trn_predict_result *ret_result, struct trn_predict_why *why)
{
	struct trn_predict_request part = *request;
	struct trn_predict_result shorter;
	int r;

	if (request->context <= CONTEXT_RUN || request->phase == TRN_PREDICT_PREFILL)
		return run_once(request, ret_result, why);
	part.context = CONTEXT_RUN / 2;
	r = run_once(&part, &shorter, why);
	part.context = CONTEXT_RUN;
	if (r == 0)
		r = run_once(&part, ret_result, why);
	if (r < 0)
		return r;
	stretch(ret_result, &shorter,
		((double)request->context - CONTEXT_RUN) / (CONTEXT_RUN - CONTEXT_RUN / 2));
	return trn_predict_roofline_as(request, ret_result->format, &ret_result->roofline, why);
}
