// SPDX-License-Identifier: Apache-2.0
/*
 * decode: a GPT-OSS-shaped decoder over a real text, one token after the other with a KV
 * cache, on a NeuronCore; every step's logits are held against a reference on the host.
 * usage: decode [OPTIONS] [TEXT]; --help lists them
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>
#include "decode.h"

#define SECONDS UINT64_C(1000000000)
#define TEXT_MAX (UINT64_C(1) << 30)

static int device_open(struct trn_context *context, const char *uri, struct trn_device **ret_device,
		       struct decode_report *report, struct decode_why *why)
{
	struct trn_device_info info = { .size = sizeof(info) };
	struct trn_error error = { .size = sizeof(error) };
	int r;

	if (!uri) {
		uri = "mock:trn3";
		fprintf(stderr, "decode: no device was named: using the simulated %s\n", uri);
	}
	r = trn_device_open(context, uri, trn_deadline_in(30 * SECONDS), ret_device);
	if (r < 0)
		return decode_fail(why, r, "%s: %s: %s", uri, trn_strerror(r),
				   trn_error_get(context, &error) == 0 ? error.cause : "");
	r = trn_device_info(*ret_device, &info);
	if (r < 0)
		return decode_fail(why, r, "%s: %s", uri, trn_strerror(r));
	snprintf(report->device, sizeof(report->device), "%s", info.uri);
	snprintf(report->product, sizeof(report->product), "%s", info.product);
	report->simulated = (info.caps & TRN_CAP_SIMULATED) != 0;
	return 0;
}

static int tokens_run(struct decode_device *decoder, struct decode_ref *ref, const uint8_t *text,
		      size_t size, struct decode_report *report, struct decode_why *why)
{
	const struct decode_config *c = &report->config;
	uint32_t count = decode_source_count(report->options, c, size);
	uint32_t *experts = calloc((size_t)c->layers * c->active, sizeof(*experts));
	double reference[256];
	float logits[256];
	int r = experts ? 0 : decode_fail(why, -ENOMEM, "no memory");

	for (uint32_t i = 0; r == 0 && i < count; i++) {
		uint64_t device_ns = 0, start = decode_clock_ns(), middle;

		r = decode_device_step(decoder, text[i], logits, experts, &device_ns, why);
		middle = decode_clock_ns();
		if (r == 0 && decode_ref_step(ref, text[i], experts, reference) < 0)
			r = decode_fail(why, -EIO, "token %u: the device chose no experts", i);
		if (r < 0)
			break;
		report->steps_ns += middle - start;
		report->reference_ns += decode_clock_ns() - middle;
		decode_report_token(report, text[i], i + 1 < size ? text[i + 1] : -1, logits,
				    reference, device_ns);
	}
	decode_ref_routing(ref, &report->routing);
	free(experts);
	return r;
}

/* Everything that is made on the way, so that one place ends it. */
struct run {
	struct decode_report report;
	struct decode_weights weights;
	struct decode_ref *ref;
	struct decode_device *decoder;
	struct trn_context *context;
	struct trn_device *device;
	uint8_t *text;
	size_t size;
};

static int run_all(const struct decode_options *options, struct run *run, struct decode_why *why)
{
	struct decode_report *report = &run->report;
	uint64_t start = decode_clock_ns(), mark;
	uint32_t count;
	int r = decode_source_config(options, &report->config, why);

	report->config.bf16 = options->bf16;
	if (r == 0)
		r = decode_file_read(options->text, TEXT_MAX, &run->text, &run->size, why);
	if (r == 0 && run->size == 0)
		r = decode_fail(why, -EINVAL, "%s is empty", options->text);
	if (r == 0)
		r = decode_source_weights(options, &report->config, &run->weights, why);
	if (r < 0)
		return r;
	mark = decode_clock_ns();
	report->weights_ns = mark - start;
	count = decode_source_count(options, &report->config, run->size);
	r = decode_ref_create(&run->weights, count, &run->ref);
	if (r == 0)
		r = trn_context_create(NULL, &run->context);
	if (r < 0)
		return decode_fail(why, r, "%s", trn_strerror(r));
	r = device_open(run->context, options->uri, &run->device, report, why);
	if (r == 0)
		r = decode_device_create(run->context, run->device, &run->weights, count,
					 &run->decoder, why);
	report->setup_ns = decode_clock_ns() - mark;
	if (r == 0)
		r = decode_trace_start(run->context, options, why);
	if (r == 0) {
		r = tokens_run(run->decoder, run->ref, run->text, run->size, report, why);
		r = decode_trace_stop(run->context, options, r, why);
	}
	report->total_ns = decode_clock_ns() - start;
	return r;
}

int main(int argc, char **argv)
{
	struct decode_options options;
	struct decode_why why = { "" };
	struct run run = { .report = { .options = &options } };
	int status = EXIT_FAILURE, r = decode_options_parse(argc, argv, &options);

	if (r != 0)
		return r;
	r = run_all(&options, &run, &why);
	if (r < 0)
		fprintf(stderr, "decode: %s\n", why.text);
	else if (decode_report_print(&run.report))
		status = EXIT_SUCCESS;
	decode_device_destroy(run.decoder);
	decode_ref_destroy(run.ref);
	decode_weights_free(&run.weights);
	trn_device_unref(run.device);
	trn_context_unref(run.context);
	free(run.text);
	return status;
}
