// SPDX-License-Identifier: Apache-2.0
/* What decode found out: error and agreement, the device's time and this host's, never
 * mixed. */
#include <inttypes.h>
#include <math.h>
#include <time.h>
#include <json-c/json.h>
#include "decode.h"

#define FOLLOW_BOUNDS 10 /* gap of two router logits, in bounds of the error */

uint64_t decode_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Bits the logits ask for the byte that really follows. */
static double loss_bits(const float *logits, uint32_t count, int next)
{
	double most = -INFINITY, sum = 0;

	for (uint32_t i = 0; i < count; i++)
		most = fmax(most, (double)logits[i]);
	for (uint32_t i = 0; i < count; i++)
		sum += exp((double)logits[i] - most);
	return (log(sum) - ((double)logits[next] - most)) / log(2);
}

void decode_report_token(struct decode_report *report, uint32_t token, int next,
			 const float *logits, const double *reference, uint64_t device_ns)
{
	uint32_t count = report->config.vocab, best = 0, best_reference = 0;
	double largest = 0, difference = 0, error;

	for (uint32_t i = 0; i < count; i++) {
		double apart = fabs((double)logits[i] - reference[i]);

		largest = fmax(largest, fabs(reference[i]));
		/* Not fmax(): a NaN must not disappear. */
		if (!(apart <= difference))
			difference = apart;
		if (logits[i] > logits[best])
			best = i;
		if (reference[i] > reference[best_reference])
			best_reference = i;
	}
	error = isnan(difference) ? INFINITY : largest > 0 ? difference / largest : difference;
	if (report->tokens == 0 || error > report->worst) {
		report->worst = error;
		report->worst_at = report->tokens;
	}
	report->agree += best == best_reference;
	if (next >= 0)
		report->loss_bits += loss_bits(logits, count, next);
	if (report->tokens == 0 || device_ns < report->device_least_ns)
		report->device_least_ns = device_ns;
	if (device_ns > report->device_most_ns)
		report->device_most_ns = device_ns;
	report->device_ns += device_ns;
	if (report->options->verbose)
		fprintf(stderr,
			"token %4" PRIu32 "  byte %3" PRIu32 "  error %.2e  best %3" PRIu32
			" %3" PRIu32 "  %8.3f us of device time\n",
			report->tokens, token, error, best, best_reference,
			(double)device_ns / 1e3);
	report->tokens++;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void print_text(const struct decode_report *report, bool good)
{
	const struct decode_config *c = &report->config;
	const struct decode_options *o = report->options;
	double tokens = report->tokens;

	printf("text      %s, %" PRIu32 " bytes, one token each\n", o->text, report->tokens);
	printf("device    %s, %s%s\n", report->device, report->product,
	       report->simulated ? ", simulated" : "");
	printf("model     %" PRIu32 " layers, hidden %" PRIu32 ", %" PRIu32 " heads on %" PRIu32
	       " of %" PRIu32 ", %" PRIu32 " of %" PRIu32
	       " experts, %.1f M weights in BF16, activations %s\n",
	       c->layers, c->hidden, c->heads, c->kv_heads, c->head_dim, c->active, c->experts,
	       (double)decode_weights_count(c) / 1e6, c->bf16 ? "BF16" : "FP32");
	if (o->weights)
		printf("weights   %s\n", o->weights);
	else
		printf("weights   from seed %" PRIu64 ", through a safetensors file\n", o->seed);
	printf("error     %.3g at worst (token %" PRIu32
	       "), of the largest logit; bound %.3g: %s\n",
	       report->worst, report->worst_at, o->bound, good ? "good" : "TOO LARGE");
	printf("top-1     %" PRIu32 " of %" PRIu32 " tokens agree with the reference\n",
	       report->agree, report->tokens);
	printf("router    %" PRIu32 " choices, the closest %.3g apart; reference followed %" PRIu32
	       " (%.3g)\n",
	       report->routing.choices, report->routing.margin, report->routing.followed,
	       report->routing.worst);
	printf("loss      %.3f bits a byte\n", tokens > 1 ? report->loss_bits / (tokens - 1) : 0.0);
	printf("device    %.3f us of device%s time a token (%.3f to %.3f)\n",
	       (double)report->device_ns / 1e3 / tokens, report->simulated ? " (virtual)" : "",
	       (double)report->device_least_ns / 1e3, (double)report->device_most_ns / 1e3);
	printf("wall      %.2f s on this host: weights %.2f, set-up %.2f, device %.2f, "
	       "reference %.2f\n",
	       seconds(report->total_ns), seconds(report->weights_ns), seconds(report->setup_ns),
	       seconds(report->steps_ns), seconds(report->reference_ns));
}

/* JSON has no infinity. */
static struct json_object *real(double value)
{
	return isfinite(value) ? json_object_new_double(value) : NULL;
}

static struct json_object *wall_json(const struct decode_report *report)
{
	struct json_object *wall = json_object_new_object();

	json_object_object_add(wall, "total", json_object_new_uint64(report->total_ns));
	json_object_object_add(wall, "weights", json_object_new_uint64(report->weights_ns));
	json_object_object_add(wall, "setup", json_object_new_uint64(report->setup_ns));
	json_object_object_add(wall, "device", json_object_new_uint64(report->steps_ns));
	json_object_object_add(wall, "reference", json_object_new_uint64(report->reference_ns));
	return wall;
}

static struct json_object *routing_json(const struct decode_routing *routing)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "choices", json_object_new_int64(routing->choices));
	json_object_object_add(json, "margin", real(routing->margin));
	json_object_object_add(json, "followed", json_object_new_int64(routing->followed));
	json_object_object_add(json, "worst_followed", real(routing->worst));
	return json;
}

static void print_json(const struct decode_report *report, bool good)
{
	struct json_object *json = json_object_new_object();
	struct json_object *device = json_object_new_object();
	double tokens = report->tokens;

	json_object_object_add(json, "schema", json_object_new_string("trn.decode/1"));
	json_object_object_add(json, "text", json_object_new_string(report->options->text));
	json_object_object_add(json, "device", json_object_new_string(report->device));
	json_object_object_add(json, "simulated", json_object_new_boolean(report->simulated));
	json_object_object_add(
		json, "weights",
		report->options->weights ? json_object_new_string(report->options->weights) : NULL);
	json_object_object_add(
		json, "seed",
		report->options->weights ? NULL : json_object_new_uint64(report->options->seed));
	json_object_object_add(json, "parameters",
			       json_object_new_uint64(decode_weights_count(&report->config)));
	json_object_object_add(json, "precision",
			       json_object_new_string(report->config.bf16 ? "bf16" : "fp32"));
	json_object_object_add(json, "tokens", json_object_new_int64(report->tokens));
	json_object_object_add(json, "worst_relative_error", real(report->worst));
	json_object_object_add(json, "worst_at", json_object_new_int64(report->worst_at));
	json_object_object_add(json, "bound", real(report->options->bound));
	json_object_object_add(json, "ok", json_object_new_boolean(good));
	json_object_object_add(json, "top1_agree", json_object_new_int64(report->agree));
	json_object_object_add(json, "router", routing_json(&report->routing));
	json_object_object_add(json, "loss_bits_per_byte",
			       tokens > 1 ? real(report->loss_bits / (tokens - 1)) : NULL);
	json_object_object_add(device, "mean", real((double)report->device_ns / tokens));
	json_object_object_add(device, "least", json_object_new_uint64(report->device_least_ns));
	json_object_object_add(device, "most", json_object_new_uint64(report->device_most_ns));
	json_object_object_add(device, "total", json_object_new_uint64(report->device_ns));
	json_object_object_add(json, "device_ns_per_token", device);
	json_object_object_add(json, "wall_ns", wall_json(report));
	printf("%s\n", json_object_to_json_string_ext(
			       json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}

bool decode_report_print(const struct decode_report *report)
{
	double bound = report->options->bound;
	/* Experts may only change places where the error of the logits explains it. */
	bool good = report->tokens > 0 && report->worst <= bound &&
		    report->routing.worst <= FOLLOW_BOUNDS * bound;

	if (report->options->json)
		print_json(report, good);
	else
		print_text(report, good);
	return good && fflush(stdout) == 0;
}
