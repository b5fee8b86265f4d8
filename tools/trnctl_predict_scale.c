// SPDX-License-Identifier: Apache-2.0
/* trnctl predict allreduce, alltoall, step: clusters up to a million chips. */
#include "tools/trnctl_predict.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include "predict/cluster.h"
#include "predict/goodput.h"
#include "predict/step.h"

struct scale {
	struct trnctl *ctl;
	const struct trnctl_scale *o;
	struct trn_cluster_params params;
	struct trn_predict_config config;
	enum trn_cluster_kind kind;
	enum trn_cluster_inner inner;
	enum trn_cluster_outer outer;
	bool step;
	struct json_object *rows;
};

bool trnctl_scale_has(const char *what)
{
	return strcmp(what, "allreduce") == 0 || strcmp(what, "alltoall") == 0 ||
	       strcmp(what, "step") == 0;
}

static void put(struct json_object *json, const char *key, double value)
{
	json_object_object_add(json, key, trnctl_real(value));
}

static void put_whole(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static void put_text(struct json_object *json, const char *key, const char *value)
{
	json_object_object_add(json, key, trnctl_text(value));
}

/* ---- a cluster ---- */

static struct json_object *cluster_json(const struct trn_cluster *cluster)
{
	static const char *const classes[] = { "server", "rack", "cross" };
	struct json_object *json = json_object_new_object();
	struct json_object *links = json_object_new_object();
	struct trn_cluster_info info;

	trn_cluster_info(cluster, &info);
	put_text(json, "pod", info.pod);
	put_text(json, "product", info.product);
	put_text(json, "fabric", info.fabric);
	put_text(json, "gen", info.gen);
	json_object_object_add(json, "preview", json_object_new_boolean(info.preview));
	put_whole(json, "chips", info.chips);
	put_whole(json, "pod_chips", info.pod_chips);
	put_whole(json, "full_pods", info.full);
	put_whole(json, "part_chips", info.part);
	put_whole(json, "network_tiers", info.tiers);
	for (size_t i = 0; i < 3; i++)
		put(links, classes[i], info.link_bytes_per_s[i]);
	put(links, "network", info.nic_bytes_per_s);
	json_object_object_add(json, "bytes_per_s", links);
	put(json, "peak_f8_flops", info.peak_f8_flops * info.chips);
	return json;
}

static void cluster_text(const struct trn_cluster *cluster)
{
	struct trn_cluster_info info;

	trn_cluster_info(cluster, &info);
	printf("%u chips: %u x %s of %u", info.chips, info.full, info.pod, info.pod_chips);
	if (info.part > 0)
		printf("%s%u of %u", info.full > 0 ? " and one of " : " part, ", info.part,
		       info.pod_chips);
	printf(", fabric %s%s\n", info.fabric, info.preview ? " (PREVIEW)" : "");
}

static struct json_object *params_json(const struct trn_cluster *cluster)
{
	const struct trn_cluster_params *p = trn_cluster_params_of(cluster);
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < TRN_CLUSTER_FIELD_COUNT; i++) {
		struct json_object *json = json_object_new_object();
		char confidence[2] = { p->origin[i].confidence, '\0' };

		put_text(json, "name", trn_cluster_fields[i].name);
		put_whole(json, "value", p->value[i]);
		put_text(json, "unit", trn_cluster_fields[i].unit);
		put_text(json, "confidence", confidence);
		put_text(json, "source", p->origin[i].source);
		json_object_array_add(list, json);
	}
	return list;
}

/* ---- a collective ---- */

static struct json_object *classes_json(const struct trn_cluster_result *result)
{
	struct json_object *json = json_object_new_object();

	for (int i = 0; i < TRN_CLUSTER_CLASSES; i++) {
		struct json_object *cls = json_object_new_object();

		put(cls, "links", result->cls[i].links);
		put(cls, "bytes", result->cls[i].bytes);
		put(cls, "used", result->cls[i].mean);
		put(cls, "used_most", result->cls[i].most);
		json_object_object_add(json, trn_cluster_class_name((enum trn_cluster_class)i),
				       cls);
	}
	return json;
}

static void classes_text(const struct trn_cluster_result *result)
{
	const char *between = "  links used:";

	for (int i = 0; i < TRN_CLUSTER_CLASSES; i++) {
		if (result->cls[i].links == 0 || result->cls[i].bytes == 0)
			continue;
		printf("%s %s %.1f %% (most %.1f %%)", between,
		       trn_cluster_class_name((enum trn_cluster_class)i), 100 * result->cls[i].mean,
		       100 * result->cls[i].most);
		between = ",";
	}
	printf("\n");
}

static struct json_object *energy_json(const struct trn_cluster_result *result)
{
	struct json_object *json = json_object_new_object();

	put(json, "idle", result->joules_idle);
	put(json, "memory", result->joules_memory);
	put(json, "links", result->joules_links);
	put(json, "network", result->joules_network);
	put(json, "site", result->joules_site);
	return json;
}

static void call_json(struct scale *s, const struct trn_cluster *cluster, uint64_t bytes,
		      const struct trn_cluster_result *result)
{
	struct json_object *json = json_object_new_object();
	const double mtbf_s = trn_goodput_mtbf(cluster);
	bool crosses = result->cls[TRN_CLUSTER_NIC].bytes > 0;

	json_object_object_add(json, "cluster", cluster_json(cluster));
	put_whole(json, "bytes", bytes);
	put_whole(json, "device_ns", (uint64_t)(result->seconds * 1e9 + 0.5));
	put_text(json, "inside_pods", trn_cluster_inner_name(result->inner));
	put_text(json, "between_pods", crosses ? trn_cluster_outer_name(result->outer) : NULL);
	put_whole(json, "chunks", result->chunks);
	put(json, "algbw", result->algbw);
	put(json, "busbw", result->busbw);
	put_whole(json, "bound_ns", (uint64_t)(result->bound_s * 1e9 + 0.5));
	json_object_object_add(json, "links", classes_json(result));
	json_object_object_add(json, "joules", energy_json(result));
	put(json, "mtbf_s", mtbf_s);
	put(json, "failure_hits", result->seconds / mtbf_s);
	put_whole(json, "flows", result->flows);
	json_object_array_add(s->rows, json);
}

static void call_text(const struct scale *s, const struct trn_cluster *cluster, uint64_t bytes,
		      const struct trn_cluster_result *result)
{
	const double mtbf_s = trn_goodput_mtbf(cluster);
	bool crosses = result->cls[TRN_CLUSTER_NIC].bytes > 0;
	char size[24], took[24], bound[24];

	printf("  %s of %s a chip: predicted device time %s, algbw %.2f GB/s, busbw %.2f GB/s\n",
	       s->o->what, trnctl_human(bytes, size),
	       trnctl_duration((uint64_t)(result->seconds * 1e9 + 0.5), took), result->algbw * 1e-9,
	       result->busbw * 1e-9);
	printf("  inside pods %s%s%s, %u chunk%s; the busiest link needs %s\n",
	       trn_cluster_inner_name(result->inner), crosses ? ", between them " : "",
	       crosses ? trn_cluster_outer_name(result->outer) : "", result->chunks,
	       result->chunks == 1 ? "" : "s",
	       trnctl_duration((uint64_t)(result->bound_s * 1e9 + 0.5), bound));
	classes_text(result);
	printf("  energy: idle %.3g J, memory %.3g J, links %.3g J, network %.3g J; site %.3g J "
	       "more\n",
	       result->joules_idle, result->joules_memory, result->joules_links,
	       result->joules_network, result->joules_site);
	printf("  a failure every %.3g s, strikes one such call in %.3g\n", mtbf_s,
	       mtbf_s / result->seconds);
}

static int call_one(struct scale *s, struct trn_cluster *cluster, uint64_t bytes)
{
	struct trn_cluster_call call = { .kind = s->kind,
					 .bytes = bytes,
					 .block = s->o->block,
					 .inner = s->inner,
					 .outer = s->outer,
					 .chunks = s->o->chunks };
	struct trn_cluster_result result;
	struct trn_predict_why why;
	int r = trn_cluster_run(cluster, &call, &result, &why);

	if (r < 0)
		return trnctl_fail(s->ctl, r, "%s", why.text);
	if (s->ctl->json)
		call_json(s, cluster, bytes, &result);
	else
		call_text(s, cluster, bytes, &result);
	return TRNCTL_OK;
}

/* Every size of the list. */
static int call_all(struct scale *s, struct trn_cluster *cluster)
{
	char list[256], *save = NULL;
	int status = TRNCTL_OK;

	if (snprintf(list, sizeof(list), "%s", s->o->bytes ? s->o->bytes : "1G") >=
	    (int)sizeof(list))
		return trnctl_fail_usage(s->ctl, "--bytes is too long");
	if (list[strspn(list, ",")] == '\0')
		return trnctl_fail_usage(s->ctl, "--bytes names no size");
	for (char *word = strtok_r(list, ",", &save); word && status == TRNCTL_OK;
	     word = strtok_r(NULL, ",", &save)) {
		uint64_t bytes;

		if (trnctl_size(word, &bytes) < 0)
			return trnctl_fail_usage(s->ctl, "--bytes \"%.40s\" is no size", word);
		status = call_one(s, cluster, bytes);
	}
	return status;
}

/* ---- a step ---- */

static struct json_object *goodput_json(const struct trn_goodput *g)
{
	struct json_object *json = json_object_new_object();

	put(json, "mtbf_s", g->mtbf_s);
	put(json, "checkpoint_s", g->checkpoint_s);
	put(json, "young_s", g->young_s);
	put(json, "daly_s", g->daly_s);
	put(json, "interval_s", g->interval_s);
	put(json, "restart_s", g->restart_s);
	put_whole(json, "spare_pods", g->spares);
	put(json, "pods_in_repair", g->repairing);
	put(json, "goodput_expected", g->expected);
	put(json, "goodput_simulated", g->simulated);
	put(json, "checkpointing", g->checkpointing);
	put(json, "lost", g->lost);
	put(json, "restarting", g->restarting);
	put(json, "waiting", g->waiting);
	put_whole(json, "failures", g->failures);
	return json;
}

static void goodput_text(const struct trn_goodput *g)
{
	printf("  a failure every %.3g s; checkpoints take %.3g s, best every %.3g s (Young %.3g "
	       "s), now every %.3g s\n",
	       g->mtbf_s, g->checkpoint_s, g->daly_s, g->young_s, g->interval_s);
	printf("  goodput %.1f %% simulated with %u spare pods, %.1f %% by Daly's model; %.1f "
	       "pods are in repair\n",
	       100 * g->simulated, g->spares, 100 * g->expected, g->repairing);
	printf("  the rest: checkpoints %.1f %%, work lost %.1f %%, restarts %.1f %%, waiting "
	       "for a pod %.1f %%\n",
	       100 * g->checkpointing, 100 * g->lost, 100 * g->restarting, 100 * g->waiting);
}

static struct json_object *pieces_json(const struct trn_step_result *result)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < result->piece_count; i++) {
		const struct trn_step_piece *piece = &result->piece[i];
		struct json_object *json = json_object_new_object();

		put_text(json, "what", piece->name);
		put(json, "ms", piece->seconds * 1e3);
		put(json, "collectives", piece->times);
		put(json, "bytes", piece->bytes);
		json_object_array_add(list, json);
	}
	return list;
}

static void step_json(struct scale *s, const struct trn_cluster *cluster,
		      const struct trn_step_result *result, const struct trn_goodput *g)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "cluster", cluster_json(cluster));
	put_text(json, "model", s->config.name);
	put_text(json, "phase", s->o->phase);
	put_whole(json, "tp", result->tp);
	put_whole(json, "ep", result->ep);
	put_whole(json, "pp", result->pp);
	put_whole(json, "dp", result->dp);
	put_whole(json, "batch", s->o->batch);
	put_whole(json, "context", s->o->context);
	put_whole(json, "device_ns", (uint64_t)(result->step_s * 1e9 + 0.5));
	put(json, "tokens", result->tokens);
	put(json, "tokens_per_s", result->tokens_per_s);
	put(json, "flops", result->flops);
	put(json, "mfu", result->mfu);
	put(json, "hbm_bytes_of_a_chip", result->chip_bytes);
	put(json, "joules", result->joules);
	put(json, "joules_per_token", result->joules / result->tokens);
	put(json, "joules_site", result->joules_site);
	json_object_object_add(json, "pieces", pieces_json(result));
	json_object_object_add(json, "gradients",
			       result->summed ? classes_json(&result->gradients) : NULL);
	json_object_object_add(json, "failures", g ? goodput_json(g) : NULL);
	put(json, "tokens_per_s_with_failures", result->tokens_per_s * (g ? g->simulated : 1.0));
	json_object_array_add(s->rows, json);
}

static void step_text(const struct scale *s, const struct trn_step_result *result,
		      const struct trn_goodput *g)
{
	char took[24];

	printf("  %s step of %s: tp %u, ep %u, pp %u, dp %u, %u x %u tokens a replica\n",
	       s->o->phase, s->config.name, result->tp, result->ep, result->pp, result->dp,
	       s->o->batch, strcmp(s->o->phase, "train") == 0 ? s->o->context : 1);
	printf("  predicted device time %s, %.4g tokens/s, %.1f %% of the BF16 peak, %.3g J a "
	       "token (%.3g more for the site)\n",
	       trnctl_duration((uint64_t)(result->step_s * 1e9 + 0.5), took), result->tokens_per_s,
	       100 * result->mfu, result->joules / result->tokens,
	       result->joules_site / result->tokens);
	for (uint32_t i = 0; i < result->piece_count; i++) {
		const struct trn_step_piece *piece = &result->piece[i];

		printf("  %12.3f ms  %s", piece->seconds * 1e3, piece->name);
		if (piece->times > 0)
			printf(" (%.4g of %.4g MB)", piece->times, piece->bytes * 1e-6);
		printf("\n");
	}
	if (result->summed)
		classes_text(&result->gradients);
	if (g)
		goodput_text(g);
}

static int step_one(struct scale *s, struct trn_cluster *cluster)
{
	bool train = strcmp(s->o->phase, "train") == 0;
	struct trn_step_request request = {
		.cluster = cluster,
		.config = &s->config,
		.phase = train ? TRN_STEP_TRAIN : TRN_STEP_DECODE,
		.tp = s->o->tp,
		.ep = s->o->ep,
		.pp = s->o->pp,
		.batch = s->o->batch,
		.context = s->o->context,
		.seed = s->o->seed,
	};
	struct trn_step_result result;
	struct trn_goodput goodput;
	struct trn_predict_why why;
	int r = trn_step(&request, &result, &why);

	if (r == 0 && train) {
		struct trn_goodput_request failures = {
			.cluster = cluster,
			.state_bytes = result.state_bytes,
			.interval_s = s->o->interval_s,
			.spares = s->o->spares_given ? s->o->spares : TRN_GOODPUT_AUTO,
			.seed = s->o->seed,
		};

		r = trn_goodput(&failures, &goodput, &why);
	}
	if (r < 0)
		return trnctl_fail(s->ctl, r, "%s", why.text);
	if (s->ctl->json)
		step_json(s, cluster, &result, train ? &goodput : NULL);
	else
		step_text(s, &result, train ? &goodput : NULL);
	return TRNCTL_OK;
}

/* ---- pods ---- */

static int pod_one(struct scale *s, const char *pod)
{
	struct trn_cluster *cluster = NULL;
	struct trn_predict_why why;
	int status,
		r = trn_cluster_create(pod, s->o->fabric, s->o->chips, &s->params, &cluster, &why);

	if (r == 0 && s->o->slow > 0)
		r = trn_cluster_slow(cluster, s->o->slow_link, s->o->slow, &why);
	if (r < 0) {
		trn_cluster_destroy(cluster);
		return trnctl_fail(s->ctl, r, "%s", why.text);
	}
	if (!s->ctl->json)
		cluster_text(cluster);
	status = s->step ? step_one(s, cluster) : call_all(s, cluster);
	if (status == TRNCTL_OK && !s->ctl->json)
		printf("\n");
	trn_cluster_destroy(cluster);
	return status;
}

static int document(struct scale *s)
{
	struct json_object *json = trnctl_document("trn.scale/1");
	struct trn_cluster *any = NULL;
	struct trn_predict_why why;
	struct rusage usage;

	put_text(json, "what", s->o->what);
	put_text(json, "time", "device, predicted");
	json_object_object_add(json, "predictions", s->rows);
	if (trn_cluster_create("trn3-ultraserver", NULL, 1, &s->params, &any, &why) == 0)
		json_object_object_add(json, "parameters", params_json(any));
	trn_cluster_destroy(any);
	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		put(json, "cpu_s",
		    (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 +
			    (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6);
		put_whole(json, "resident_kib", (uint64_t)usage.ru_maxrss);
	}
	return trnctl_print(s->ctl, json, TRNCTL_OK);
}

/* Index of @text in the names, or -1. */
static int choice(const char *text, int count, const char *(*name)(int))
{
	for (int i = 0; i < count; i++)
		if (strcmp(name(i), text) == 0)
			return i;
	return -1;
}

static const char *inner_name(int i)
{
	return trn_cluster_inner_name((enum trn_cluster_inner)i);
}

static const char *outer_name(int i)
{
	return trn_cluster_outer_name((enum trn_cluster_outer)i);
}

static int options_take(struct scale *s)
{
	const struct trnctl_scale *o = s->o;
	struct trn_predict_why why;
	int inner = choice(o->inner, TRN_CLUSTER_INNERS, inner_name);
	int outer = choice(o->outer, TRN_CLUSTER_OUTERS, outer_name), r = 0;

	if (inner < 0 || outer < 0)
		return trnctl_fail_usage(s->ctl, "no algorithm is called \"%.40s\"",
					 inner < 0 ? o->inner : o->outer);
	s->inner = (enum trn_cluster_inner)inner;
	s->outer = (enum trn_cluster_outer)outer;
	s->step = strcmp(o->what, "step") == 0;
	s->kind = strcmp(o->what, "alltoall") == 0 ? TRN_CLUSTER_ALL_TO_ALL :
						     TRN_CLUSTER_ALL_REDUCE;
	if (o->chips == 0)
		return trnctl_fail_usage(s->ctl, "--chips is missing");
	if (s->step && o->bytes)
		return trnctl_fail_usage(s->ctl, "--bytes is of allreduce and alltoall");
	if (s->step && strcmp(o->phase, "train") != 0 && strcmp(o->phase, "decode") != 0)
		return trnctl_fail_usage(s->ctl, "--phase of a step is train or decode");
	trn_cluster_params_default(&s->params);
	if (o->network)
		r = trn_cluster_params_load(o->network, &s->params, &why);
	if (r == 0 && s->step)
		r = trn_predict_config_load(o->model, &s->config, &why);
	return r < 0 ? trnctl_fail(s->ctl, r, "%s", why.text) : TRNCTL_OK;
}

int trnctl_scale(struct trnctl *ctl, const struct trnctl_scale *options)
{
	struct scale s = { .ctl = ctl, .o = options };
	char list[256], *save = NULL;
	int status = options_take(&s);

	if (status != TRNCTL_OK)
		return status;
	if (snprintf(list, sizeof(list), "%s", options->pod) >= (int)sizeof(list))
		return trnctl_fail_usage(ctl, "--pod is too long");
	if (list[strspn(list, ",")] == '\0')
		return trnctl_fail_usage(ctl, "--pod names none");
	s.rows = json_object_new_array();
	for (char *pod = strtok_r(list, ",", &save); pod && status == TRNCTL_OK;
	     pod = strtok_r(NULL, ",", &save))
		status = pod_one(&s, pod);
	if (ctl->json && status == TRNCTL_OK)
		return document(&s);
	json_object_put(s.rows);
	return status;
}
