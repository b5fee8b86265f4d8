/* SPDX-License-Identifier: Apache-2.0 */
/* Wall time of a token of samples/decode on the mock, beside the same decoder as plain host C
 * over OpenBLAS, token by token in turns. The mock works on this thread. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>
#include "bench/decode_host.h"
#include "bench/blas.h"
#include "bench/measure.h"

#define SECONDS UINT64_C(1000000000)
#define GOAL 0.5 /* of the reference's speed */

struct bench {
	const char *uri, *config_path;
	uint32_t tokens;
	bool json, bf16;
	struct decode_config config;
	struct decode_weights weights;
	struct trn_context *context;
	struct trn_device *device;
	struct decode_device *decoder;
	struct host_decoder *host;
	struct bench_series device_wall, host_wall;
	uint32_t agree;
	double worst; /* difference of a logit over the largest logit */
};

static int set_up(struct bench *b, struct decode_why *why)
{
	int r = decode_config_load(b->config_path, &b->config, why);

	b->config.bf16 = b->bf16;
	if (r == 0 && b->tokens > b->config.positions)
		r = decode_fail(why, -EINVAL, "at most %u tokens", b->config.positions);
	if (r == 0)
		r = decode_weights_seed(&b->config, 1, &b->weights, why);
	if (r < 0)
		return r;
	b->host = host_decoder_create(&b->weights, b->tokens);
	r = b->host ? trn_context_create(NULL, &b->context) : -ENOMEM;
	if (r == 0)
		r = trn_device_open(b->context, b->uri, trn_deadline_in(30 * SECONDS), &b->device);
	if (r < 0)
		return decode_fail(why, r, "%s: %s", b->uri, trn_strerror(r));
	return decode_device_create(b->context, b->device, &b->weights, b->tokens, &b->decoder,
				    why);
}

static uint32_t best_of(const float *logits, uint32_t count)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < count; i++)
		best = logits[i] > logits[best] ? i : best;
	return best;
}

static void compare(struct bench *b, const float *device, const float *host)
{
	double most = 0.0;

	for (uint32_t i = 0; i < b->config.vocab; i++)
		most = fmax(most, fabs((double)host[i]));
	for (uint32_t i = 0; i < b->config.vocab; i++) {
		const double off = fabs((double)device[i] - (double)host[i]) / most;

		if (!(off <= b->worst))
			b->worst = off;
	}
	b->agree += best_of(device, b->config.vocab) == best_of(host, b->config.vocab);
}

static int measure(struct bench *b, struct decode_why *why)
{
	const size_t vocab = b->config.vocab;
	float *device = malloc(vocab * sizeof(*device)), *host = malloc(vocab * sizeof(*host));
	uint32_t *experts = calloc((size_t)b->config.layers * b->config.active, sizeof(*experts));
	int r = device && host && experts ? 0 : decode_fail(why, -ENOMEM, "no memory");

	for (uint32_t i = 0; r == 0 && i < b->tokens; i++) {
		const uint32_t token = (i * 2654435761u >> 16) % b->config.vocab;
		const double start = bench_now_ns();
		uint64_t device_ns = 0;
		double middle;

		r = decode_device_step(b->decoder, token, device, experts, &device_ns, why);
		middle = bench_now_ns();
		host_decoder_step(b->host, token, host);
		b->host_wall.value[b->host_wall.count++] = bench_now_ns() - middle;
		b->device_wall.value[b->device_wall.count++] = middle - start;
		if (r == 0)
			compare(b, device, host);
	}
	free(device);
	free(host);
	free(experts);
	return r;
}

static void print_series(const struct bench *b, const char *name, struct bench_series *series)
{
	const double mid = bench_median(series);
	const double low = series->value[0], high = series->value[series->count - 1];

	if (b->json)
		printf("\"%s\":{\"wall_ms\":%.4f,\"min_ms\":%.4f,\"max_ms\":%.4f},", name,
		       mid / 1e6, low / 1e6, high / 1e6);
	else
		printf("%-8s wall %7.3f ms a token, median (%.3f to %.3f), %7.1f tokens/s\n", name,
		       mid / 1e6, low / 1e6, high / 1e6, 1e9 / mid);
}

static void report(struct bench *b)
{
	const char *precision = b->bf16 ? "bf16" : "fp32";
	double ratio;

	if (b->json)
		printf("{\"schema\":\"trn.bench.decode/1\",\"device\":\"%s\",\"tokens\":%u,"
		       "\"precision\":\"%s\",",
		       b->uri, b->tokens, precision);
	else
		printf("decode of %u tokens on %s, %s activations, weights from seed 1\n",
		       b->tokens, b->uri, precision);
	print_series(b, "device", &b->device_wall);
	print_series(b, "host", &b->host_wall);
	ratio = bench_median(&b->host_wall) / bench_median(&b->device_wall);
	if (b->json)
		printf("\"openblas_core\":\"%s\",\"ratio\":%.4f,\"goal\":%.2f,"
		       "\"worst_difference\":%.3g,\"same_best\":%u}\n",
		       bench_blas_name(), ratio, GOAL, b->worst, b->agree);
	else
		printf("ratio %.3f of host C over one-thread OpenBLAS (%s), goal %.2f\n"
		       "worst difference of a logit %.3g of the largest; best token the same "
		       "in %u\n",
		       ratio, bench_blas_name(), GOAL, b->worst, b->agree);
}

static int parse(int argc, char **argv, struct bench *b)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end = NULL;

		if (strcmp(argv[i], "--json") == 0) {
			b->json = true;
			continue;
		}
		if (strcmp(argv[i], "--device") == 0)
			b->uri = value;
		else if (strcmp(argv[i], "--precision") == 0 && strcmp(value, "bf16") == 0)
			b->bf16 = true;
		else if (strcmp(argv[i], "--precision") == 0 && strcmp(value, "fp32") == 0)
			b->bf16 = false;
		else if (strcmp(argv[i], "--config") == 0)
			b->config_path = value;
		else if (strcmp(argv[i], "--tokens") == 0)
			b->tokens = (uint32_t)strtoul(value, &end, 10);
		else
			return -EINVAL;
		if (!*value || (end && *end))
			return -EINVAL;
		i++;
	}
	return b->tokens && b->tokens <= BENCH_RUNS_MAX ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct bench b = { .uri = "mock:trn3", .config_path = TRN_CONFIG, .tokens = 64 };
	struct decode_why why = { "" };
	int r;

	if (parse(argc, argv, &b) < 0) {
		fprintf(stderr, "usage: decode [--tokens N] [--precision fp32|bf16] "
				"[--config FILE] [--device URI] [--json]\n");
		return 2;
	}
	bench_blas_choose(argv);
	r = set_up(&b, &why);
	if (r == 0)
		r = measure(&b, &why);
	if (r == 0)
		report(&b);
	else
		fprintf(stderr, "decode: %s\n", why.text);
	decode_device_destroy(b.decoder);
	host_decoder_destroy(b.host);
	decode_weights_free(&b.weights);
	trn_device_unref(b.device);
	trn_context_unref(b.context);
	return r == 0 ? 0 : 1;
}
