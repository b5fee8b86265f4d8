// SPDX-License-Identifier: Apache-2.0
/* trnctl predict: workloads on the model, and the launch claims. */
#include "tools/trnctl_predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "predict/headlines.h"
#include "predict/predict.h"

struct predict {
	struct trnctl *ctl;
	const char *what; /* a model, or "headlines" */
	const char *on, *batch;
	struct trn_predict_request request;
	struct trn_predict_config config;
	struct trnctl_scale scale;
	const char *phase;
	bool no_measure;
	struct json_object *rows; /* of the document */
};

enum {
	KEY_ON = 0x200,
	KEY_BATCH,
	KEY_CONTEXT,
	KEY_PHASE,
	KEY_CHIPS,
	KEY_EQUIVALENT,
	KEY_SEED,
	KEY_ARITHMETIC,
	KEY_POD,
	KEY_FABRIC,
	KEY_NETWORK,
	KEY_BYTES,
	KEY_INNER,
	KEY_OUTER,
	KEY_CHUNKS,
	KEY_BLOCK,
	KEY_MODEL,
	KEY_TP,
	KEY_EP,
	KEY_PP,
	KEY_SPARES,
	KEY_INTERVAL,
	KEY_SLOW,
};

static const struct argp_option options_list[] = {
	{ "on", KEY_ON, "GEN[,GEN...]", 0, "Generations (trn2,trn3)", 0 },
	{ "batch", KEY_BATCH, "N[,N...]", 0, "Sequences of a step (1)", 0 },
	{ "context", KEY_CONTEXT, "N", 0, "Positions of a sequence (4096)", 0 },
	{ "phase", KEY_PHASE, "decode|prefill|train", 0,
	  "What a step is (decode; of a cluster's step train or decode, train)", 0 },
	{ "chips", KEY_CHIPS, "N", 0,
	  "Chips of a copy (the smallest number that fits), or of the cluster", 0 },
	{ "per-chip-equivalent", KEY_EQUIVALENT, NULL, 0,
	  "One chip's bandwidth and compute, whatever its capacity", 0 },
	{ "seed", KEY_SEED, "N", 0, "Of the choices of experts (1)", 0 },
	{ "arithmetic-only", KEY_ARITHMETIC, NULL, 0, "headlines: do not run the model", 0 },
	{ NULL, 0, NULL, 0, "Of allreduce, alltoall and step:", 1 },
	{ "pod", KEY_POD, "NAME[,NAME...]", 0, "What the cluster is made of (trn3-ultraserver)",
	  1 },
	{ "fabric", KEY_FABRIC, "NAME", 0, "Which published figures of the pod's links", 1 },
	{ "network", KEY_NETWORK, "FILE", 0,
	  "Parameters that differ: name = value ; A|B|C ; source", 1 },
	{ "bytes", KEY_BYTES, "SIZE[,SIZE...]", 0, "That every chip has (1G)", 1 },
	{ "inner", KEY_INNER, "NAME", 0, "Algorithm inside pods: auto, mesh, grid, fused", 1 },
	{ "outer", KEY_OUTER, "NAME", 0, "Between pods: auto, ring, mesh, rdh", 1 },
	{ "chunks", KEY_CHUNKS, "N", 0, "That follow each other through the phases", 1 },
	{ "block", KEY_BLOCK, "N", 0, "Groups of so many neighbours inside pods, side by side", 1 },
	{ "model", KEY_MODEL, "NAME|FILE", 0, "Decoder of a step (gpt-oss-120b)", 1 },
	{ "tp", KEY_TP, "N", 0, "Chips that share every layer (8)", 1 },
	{ "ep", KEY_EP, "N", 0, "Chips that share the experts (1)", 1 },
	{ "pp", KEY_PP, "N", 0, "Stages of layers (1)", 1 },
	{ "spares", KEY_SPARES, "N", 0, "Spare pods (what is seldom short)", 1 },
	{ "interval", KEY_INTERVAL, "SECONDS", 0, "Between two checkpoints (the best)", 1 },
	{ "slow", KEY_SLOW, "LINK:TIMES", 0, "A link of the first pod is so many times slower", 1 },
	{ 0 },
};

static error_t number_arg(struct trnctl *ctl, struct argp_state *state, const char *name,
			  const char *arg, uint32_t *ret_value)
{
	uint64_t value;

	if (trnctl_number(arg, &value) < 0 || value < 1 || value > UINT32_MAX)
		return trnctl_usage(ctl, state, "--%s \"%.40s\" is no number above 0", name, arg);
	*ret_value = (uint32_t)value;
	return 0;
}

/* "17:4" */
static error_t slow_arg(struct predict *p, struct argp_state *state, const char *arg)
{
	char *colon = strchr(arg, ':'), *end = NULL, number[24];
	uint64_t link;

	snprintf(number, sizeof(number), "%.*s", (int)strcspn(arg, ":"), arg);
	p->scale.slow = colon ? strtod(colon + 1, &end) : 0.0;
	if (!colon || *end != '\0' || end == colon + 1 || !(p->scale.slow > 0.0) ||
	    trnctl_number(number, &link) < 0 || link > UINT32_MAX)
		return trnctl_usage(p->ctl, state, "--slow \"%.40s\" is not LINK:TIMES", arg);
	p->scale.slow_link = (uint32_t)link;
	return 0;
}

static error_t interval_arg(struct predict *p, struct argp_state *state, const char *arg)
{
	char *end = NULL;

	p->scale.interval_s = strtod(arg, &end);
	if (end == arg || *end != '\0' ||
	    !(p->scale.interval_s >= 1e-3 && p->scale.interval_s <= 1e9))
		return trnctl_usage(p->ctl, state, "--interval \"%.40s\" is not 0.001 to 1e9", arg);
	return 0;
}

static error_t spares_arg(struct predict *p, struct argp_state *state, const char *arg)
{
	uint64_t value;

	if (trnctl_number(arg, &value) < 0 || value > 1000000)
		return trnctl_usage(p->ctl, state, "--spares \"%.40s\" is not 0 to 1000000", arg);
	p->scale.spares = (uint32_t)value;
	p->scale.spares_given = true;
	return 0;
}

/* Options that only clusters have. */
static error_t scale_parse(int key, char *arg, struct argp_state *state)
{
	struct predict *p = state->input;
	const struct {
		int key;
		const char *name;
		const char **text;
		uint32_t *number;
	} rows[] = {
		{ KEY_POD, "pod", &p->scale.pod, NULL },
		{ KEY_FABRIC, "fabric", &p->scale.fabric, NULL },
		{ KEY_NETWORK, "network", &p->scale.network, NULL },
		{ KEY_BYTES, "bytes", &p->scale.bytes, NULL },
		{ KEY_INNER, "inner", &p->scale.inner, NULL },
		{ KEY_OUTER, "outer", &p->scale.outer, NULL },
		{ KEY_MODEL, "model", &p->scale.model, NULL },
		{ KEY_CHUNKS, "chunks", NULL, &p->scale.chunks },
		{ KEY_BLOCK, "block", NULL, &p->scale.block },
		{ KEY_TP, "tp", NULL, &p->scale.tp },
		{ KEY_EP, "ep", NULL, &p->scale.ep },
		{ KEY_PP, "pp", NULL, &p->scale.pp },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].key != key)
			continue;
		if (rows[i].number)
			return number_arg(p->ctl, state, rows[i].name, arg, rows[i].number);
		*rows[i].text = arg;
		return 0;
	}
	if (key == KEY_SLOW)
		return slow_arg(p, state, arg);
	if (key == KEY_INTERVAL)
		return interval_arg(p, state, arg);
	return key == KEY_SPARES ? spares_arg(p, state, arg) : ARGP_ERR_UNKNOWN;
}

static error_t predict_parse(int key, char *arg, struct argp_state *state)
{
	struct predict *p = state->input;

	switch (key) {
	case KEY_ON:
		p->on = arg;
		return 0;
	case KEY_BATCH:
		p->batch = arg;
		return 0;
	case KEY_CONTEXT:
		return number_arg(p->ctl, state, "context", arg, &p->request.context);
	case KEY_CHIPS:
		return number_arg(p->ctl, state, "chips", arg, &p->request.chips);
	case KEY_PHASE:
		if (strcmp(arg, "decode") != 0 && strcmp(arg, "prefill") != 0 &&
		    strcmp(arg, "train") != 0)
			return trnctl_usage(p->ctl, state,
					    "--phase \"%.40s\" is not decode, prefill or train",
					    arg);
		p->request.phase = arg[0] == 'd' ? TRN_PREDICT_DECODE : TRN_PREDICT_PREFILL;
		p->phase = arg;
		return 0;
	case KEY_EQUIVALENT:
		p->request.chip_equivalent = true;
		return 0;
	case KEY_SEED:
		if (trnctl_number(arg, &p->request.seed) < 0)
			return trnctl_usage(p->ctl, state, "--seed \"%.40s\" is no number", arg);
		return 0;
	case KEY_ARITHMETIC:
		p->no_measure = true;
		return 0;
	case ARGP_KEY_ARG:
		if (p->what)
			return trnctl_usage(p->ctl, state, "more than one model: \"%.40s\"", arg);
		p->what = arg;
		return 0;
	default:
		return scale_parse(key, arg, state);
	}
}

/* ---- clusters ---- */

static int scale_run(struct predict *p)
{
	uint64_t batch;

	if (trnctl_number(p->batch, &batch) < 0 || batch < 1 || batch > UINT32_MAX)
		return trnctl_fail_usage(p->ctl, "--batch \"%.40s\" is no number above 0",
					 p->batch);
	p->scale.what = p->what;
	p->scale.phase = p->phase ? p->phase : "train";
	p->scale.batch = (uint32_t)batch;
	p->scale.context = p->request.context;
	p->scale.chips = p->request.chips;
	p->scale.seed = p->request.seed;
	return trnctl_scale(p->ctl, &p->scale);
}

/* ---- headlines ---- */

static struct json_object *claim_json(const struct trn_predict_claim *claim)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "id", trnctl_text(claim->id));
	json_object_object_add(json, "claim", trnctl_text(claim->claim));
	json_object_object_add(json, "claimed", trnctl_real(claim->claimed));
	json_object_object_add(json, "value", trnctl_real(claim->value));
	json_object_object_add(json, "arithmetic", trnctl_text(claim->arithmetic));
	json_object_object_add(json, "measured", trnctl_real(claim->measured));
	json_object_object_add(json, "measurement", trnctl_text(claim->measure));
	json_object_object_add(json, "verdict",
			       trnctl_text(trn_predict_verdict_name(claim->verdict)));
	json_object_object_add(json, "remark", trnctl_text(claim->words));
	return json;
}

static void claim_text(const struct trn_predict_claim *claim)
{
	printf("%-4s %s\n", claim->id, claim->claim);
	printf("     published  %s\n", claim->arithmetic);
	if (isfinite(claim->measured))
		printf("     measured   %.3f: %s\n", claim->measured, claim->measure);
	printf("     verdict    %s%s%s\n", trn_predict_verdict_name(claim->verdict),
	       claim->words[0] != '\0' ? ": " : "", claim->words);
}

static int headlines(struct predict *p)
{
	struct trn_predict_claim claims[TRN_PREDICT_CLAIMS_MAX];
	struct json_object *document, *list;
	struct trn_predict_why why;
	uint32_t count = 0;
	int r = trn_predict_headlines(!p->no_measure, p->request.seed, claims, &count, &why);

	if (r < 0)
		return trnctl_fail(p->ctl, r, "%s", why.text);
	if (!p->ctl->json) {
		for (uint32_t i = 0; i < count; i++)
			claim_text(&claims[i]);
		return TRNCTL_OK;
	}
	document = trnctl_document("trn.headlines/1");
	list = json_object_new_array();
	for (uint32_t i = 0; i < count; i++)
		json_object_array_add(list, claim_json(&claims[i]));
	json_object_object_add(document, "claims", list);
	return trnctl_print(p->ctl, document, TRNCTL_OK);
}

/* ---- predictions ---- */

static struct json_object *roofline_json(const struct trn_predict_roofline *roofline, double tokens)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "experts_touched", trnctl_real(roofline->experts));
	json_object_object_add(json, "weight_bytes", trnctl_real(roofline->weight_bytes));
	json_object_object_add(json, "kv_bytes", trnctl_real(roofline->kv_bytes));
	json_object_object_add(json, "memory_ms", trnctl_real(roofline->memory_s * 1e3));
	json_object_object_add(json, "compute_ms", trnctl_real(roofline->compute_s * 1e3));
	json_object_object_add(json, "step_ms", trnctl_real(roofline->step_s * 1e3));
	json_object_object_add(json, "tokens_per_s", trnctl_real(tokens / roofline->step_s));
	return json;
}

static struct json_object *busy_json(const struct trn_predict_result *result)
{
	static const char *const names[] = { "tensor", "vector", "scalar", "gpsimd", "sync" };
	struct json_object *json = json_object_new_object();

	for (size_t e = 0; e < 5; e++)
		json_object_object_add(json, names[e], trnctl_real(result->busy[e]));
	json_object_object_add(json, "dma", trnctl_real(result->dma));
	json_object_object_add(json, "hbm", trnctl_real(result->hbm));
	return json;
}

static struct json_object *pieces_json(const struct trn_predict_result *result)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < result->piece_count; i++) {
		struct json_object *json = json_object_new_object();

		json_object_object_add(json, "what", trnctl_text(result->piece[i].name));
		json_object_object_add(json, "ms", trnctl_real(result->piece[i].seconds * 1e3));
		json_object_object_add(json, "composed",
				       json_object_new_boolean(result->piece[i].composed));
		json_object_array_add(list, json);
	}
	return list;
}

/* The numbers that were asked for, and how the model was cut. */
static struct json_object *request_json(const struct trn_predict_request *request,
					const struct trn_predict_result *result)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "gen", trnctl_text(request->gen));
	json_object_object_add(json, "phase",
			       trnctl_text(request->phase == TRN_PREDICT_DECODE ? "decode" :
										  "prefill"));
	json_object_object_add(json, "batch", json_object_new_int64(request->batch));
	json_object_object_add(json, "context", json_object_new_int64(request->context));
	json_object_object_add(json, "chips", json_object_new_int64(result->chips));
	json_object_object_add(json, "chip_equivalent",
			       json_object_new_boolean(request->chip_equivalent));
	json_object_object_add(json, "cores_of_a_layer", json_object_new_int64(result->width));
	json_object_object_add(json, "copies", json_object_new_int64(result->copies));
	json_object_object_add(json, "experts_format",
			       trnctl_text(trn_predict_format_name(result->format)));
	return json;
}

static void row_json(struct predict *p, const struct trn_predict_request *request,
		     const struct trn_predict_result *result,
		     const struct trn_predict_roofline *asked)
{
	struct json_object *json = request_json(request, result);

	json_object_object_add(json, "tokens_per_s", trnctl_real(result->tokens_per_s));
	json_object_object_add(json, "step_ms", trnctl_real(result->step_s * 1e3));
	json_object_object_add(json, "token_ms", trnctl_real(result->token_s * 1e3));
	json_object_object_add(json, "joules_per_token",
			       trnctl_real(result->joules / result->tokens));
	json_object_object_add(json, "joules_idle_per_token",
			       trnctl_real(result->idle_watts * result->step_s / result->tokens));
	json_object_object_add(json, "bound", trnctl_text(trn_predict_bound_name(result->bound)));
	json_object_object_add(json, "utilisation", busy_json(result));
	json_object_object_add(json, "experts_touched", trnctl_real(result->experts));
	json_object_object_add(json, "instructions_of_a_core", trnctl_real(result->instructions));
	json_object_object_add(json, "pieces", pieces_json(result));
	json_object_object_add(json, "roofline", roofline_json(&result->roofline, result->tokens));
	json_object_object_add(json, "share_of_roofline",
			       trnctl_real(result->roofline.step_s / result->step_s));
	json_object_object_add(json, "roofline_configured", roofline_json(asked, result->tokens));
	json_object_array_add(p->rows, json);
}

static void row_text(const struct trn_predict_request *request,
		     const struct trn_predict_result *result)
{
	printf("%s, %s of %u x %u, %u chip%s%s, experts in %s\n", request->gen,
	       request->phase == TRN_PREDICT_DECODE ? "decode" : "prefill", request->batch,
	       request->context, result->chips, result->chips == 1 ? "" : "s",
	       request->chip_equivalent ? " equivalent" : "",
	       trn_predict_format_name(result->format));
	printf("  %.1f tokens/s, %.3f ms a token of a sequence, %.3f J a token, %.3f of it idle\n",
	       result->tokens_per_s, result->token_s * 1e3, result->joules / result->tokens,
	       result->idle_watts * result->step_s / result->tokens);
	printf("  step %.3f ms, roofline %.3f ms (%.0f %%), bound by %s\n", result->step_s * 1e3,
	       result->roofline.step_s * 1e3, 100 * result->roofline.step_s / result->step_s,
	       trn_predict_bound_name(result->bound));
	printf("  busy: tensor %.0f %%, vector %.0f %%, scalar %.0f %%, gpsimd %.0f %%, sync %.0f "
	       "%%, DMA %.0f %%, HBM %.0f %%\n",
	       100 * result->busy[0], 100 * result->busy[1], 100 * result->busy[2],
	       100 * result->busy[3], 100 * result->busy[4], 100 * result->dma, 100 * result->hbm);
	for (uint32_t i = 0; i < result->piece_count; i++)
		printf("  %10.3f ms  %s%s\n", result->piece[i].seconds * 1e3, result->piece[i].name,
		       result->piece[i].composed ? " (composed)" : "");
}

static int predict_row(struct predict *p, const char *gen, uint32_t batch)
{
	struct trn_predict_request request = p->request;
	struct trn_predict_roofline asked;
	struct trn_predict_result result;
	struct trn_predict_why why;
	int r;

	request.gen = gen;
	request.batch = batch;
	r = trn_predict_request_check(&request, &why);
	if (r == 0)
		r = trn_predict_roofline(&request, &asked, &why);
	if (r == 0)
		r = trn_predict_run(&request, &result, &why);
	if (r < 0)
		return trnctl_fail(p->ctl, r, "%s", why.text);
	if (p->ctl->json)
		row_json(p, &request, &result, &asked);
	else
		row_text(&request, &result);
	return TRNCTL_OK;
}

/* Every batch of the list on one generation. */
static int predict_gen(struct predict *p, const char *gen)
{
	char list[256], *save = NULL;
	int status = TRNCTL_OK;

	if (snprintf(list, sizeof(list), "%s", p->batch) >= (int)sizeof(list))
		return trnctl_fail_usage(p->ctl, "--batch is too long");
	if (list[strspn(list, ",")] == '\0')
		return trnctl_fail_usage(p->ctl, "--batch names no number");
	for (char *word = strtok_r(list, ",", &save); word && status == TRNCTL_OK;
	     word = strtok_r(NULL, ",", &save)) {
		uint64_t batch;

		if (trnctl_number(word, &batch) < 0 || batch < 1 || batch > UINT32_MAX)
			return trnctl_fail_usage(p->ctl, "--batch \"%.40s\" is no number above 0",
						 word);
		status = predict_row(p, gen, (uint32_t)batch);
	}
	return status;
}

static int predict_model(struct predict *p)
{
	char list[256], *save = NULL;
	struct trn_predict_why why;
	int status = TRNCTL_OK;
	int r = trn_predict_config_load(p->what, &p->config, &why);

	if (r < 0)
		return trnctl_fail(p->ctl, r, "%s", why.text);
	p->request.config = &p->config;
	if (snprintf(list, sizeof(list), "%s", p->on) >= (int)sizeof(list))
		return trnctl_fail_usage(p->ctl, "--on is too long");
	if (list[strspn(list, ",")] == '\0')
		return trnctl_fail_usage(p->ctl, "--on names no generation");
	for (char *gen = strtok_r(list, ",", &save); gen && status == TRNCTL_OK;
	     gen = strtok_r(NULL, ",", &save))
		status = predict_gen(p, gen);
	return status;
}

int trnctl_predict(struct trnctl *ctl, int argc, char **argv)
{
	struct predict p = { .ctl = ctl,
			     .on = "trn2,trn3",
			     .batch = "1",
			     .request = { .context = 4096, .seed = 1 },
			     .scale = { .pod = "trn3-ultraserver",
					.model = "gpt-oss-120b",
					.inner = "auto",
					.outer = "auto",
					.tp = 8 } };
	struct trnctl_options options = {
		.options = options_list,
		.parser = predict_parse,
		.input = &p,
		.args = "headlines|MODEL|CONFIG.json|allreduce|alltoall|step",
		.doc = "Predict a decoder's speed from its kernels' instruction streams, hold the "
		       "launch claims against the figures behind them, or run collectives and "
		       "steps of clusters as flows. All times are predicted device times.",
	};
	struct json_object *document;
	int status;

	if (!trnctl_parse(ctl, &options, argc, argv, &status))
		return status;
	if (!p.what)
		return trnctl_fail_usage(ctl, "what to predict: headlines, a model or a file");
	if (strcmp(p.what, "headlines") == 0)
		return headlines(&p);
	if (trnctl_scale_has(p.what))
		return scale_run(&p);
	if (p.phase && strcmp(p.phase, "train") == 0)
		return trnctl_fail_usage(ctl, "--phase train is of step");
	p.rows = json_object_new_array();
	status = predict_model(&p);
	if (!ctl->json || status != TRNCTL_OK) {
		json_object_put(p.rows);
		return status;
	}
	document = trnctl_document("trn.predict/1");
	json_object_object_add(document, "model", trnctl_text(p.config.name));
	json_object_object_add(document, "predictions", p.rows);
	return trnctl_print(ctl, document, TRNCTL_OK);
}
