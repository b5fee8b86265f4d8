// SPDX-License-Identifier: Apache-2.0
/* The command line of decode. */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "decode.h"

#define TOKENS_DEFAULT 256u
/* FP32 sums in another order; BF16 keeps 8 bits, over a few dozen roundings. */
#define BOUND_FP32 1e-4
#define BOUND_BF16 0.1

enum {
	KEY_CONFIG = 0x100,
	KEY_WEIGHTS,
	KEY_SAVE,
	KEY_SEED,
	KEY_BOUND,
	KEY_PRECISION,
	KEY_TRACE,
	KEY_JSON
};

static const struct argp_option rows[] = {
	{ "device", 'd', "URI", 0, "Device (TRN_DEVICE, else the simulated mock:trn3)", 0 },
	{ "tokens", 'n', "N", 0, "Bytes of the text to decode (256)", 0 },
	{ "weights", KEY_WEIGHTS, "FILE", 0, "Safetensors file (else made from a seed)", 0 },
	{ "seed", KEY_SEED, "N", 0, "Seed of the weights when there is no file (1)", 0 },
	{ "save", KEY_SAVE, "FILE", 0, "Keep the seeded weights in FILE", 0 },
	{ "config", KEY_CONFIG, "FILE", 0, "Sizes of the decoder (decoder.json)", 0 },
	{ "precision", KEY_PRECISION, "TYPE", 0,
	  "Activations that are multiplied, and the cache: fp32 (default) or bf16", 0 },
	{ "bound", KEY_BOUND, "X", 0, "Worst relative error that is taken (1e-4, bf16: 0.1)", 0 },
	{ "trace", KEY_TRACE, "FILE", 0, "Time trace of the tokens, for Perfetto (docs/traces.md)",
	  0 },
	{ "json", KEY_JSON, NULL, 0, "One JSON document instead of text", 0 },
	{ "verbose", 'v', NULL, 0, "A line for every token on standard error", 0 },
	{ 0 },
};

static uint64_t number(struct argp_state *state, const char *what, const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || strchr(text, '-'))
		argp_error(state, "%s \"%.40s\" is no number", what, text);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct decode_options *options = state->input;
	char *end;

	switch (key) {
	case 'd':
		options->uri = arg;
		return 0;
	case 'n':
		options->tokens = number(state, "--tokens", arg);
		if (options->tokens == 0)
			argp_error(state, "--tokens 0 leaves nothing to do");
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case KEY_WEIGHTS:
		options->weights = arg;
		return 0;
	case KEY_SAVE:
		options->save = arg;
		return 0;
	case KEY_TRACE:
		options->trace = arg;
		return 0;
	case KEY_SEED:
		options->seed = number(state, "--seed", arg);
		return 0;
	case KEY_CONFIG:
		options->config = arg;
		return 0;
	case KEY_PRECISION:
		options->bf16 = strcmp(arg, "bf16") == 0;
		if (!options->bf16 && strcmp(arg, "fp32") != 0)
			argp_error(state, "--precision \"%.40s\" is not fp32 or bf16", arg);
		return 0;
	case KEY_BOUND:
		options->bound = strtod(arg, &end);
		if (end == arg || *end != '\0' || !(options->bound > 0) || isinf(options->bound))
			argp_error(state, "--bound \"%.40s\" is no number above 0", arg);
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->text)
			argp_error(state, "more than one text");
		options->text = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A licence that ships with the system: text of a known length, the same everywhere. */
static const char *text_default(void)
{
	static const char *const paths[] = {
		"/usr/share/common-licenses/Apache-2.0",
		"/usr/share/common-licenses/GPL-3",
		"/usr/share/common-licenses/GPL-2",
		"/usr/share/common-licenses/LGPL-2.1",
		"LICENSE",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	}
	return NULL;
}

int decode_options_parse(int argc, char **argv, struct decode_options *ret_options)
{
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "[TEXT]",
		.doc = "Run a small GPT-OSS-shaped decoder over a text file, byte by byte, on a "
		       "NeuronCore, and hold every step's logits against a double-precision "
		       "reference on the host.\vWithout TEXT a licence text of the system is read. "
		       "Exit status: 0 all is well, 1 a failure or an error above the bound, 2 "
		       "usage. Device time is the device's own (virtual on a mock), wall time is "
		       "this host's.",
	};
	struct decode_options options = { .tokens = TOKENS_DEFAULT, .seed = 1 };

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!(options.bound > 0))
		options.bound = options.bf16 ? BOUND_BF16 : BOUND_FP32;
	if (!options.uri)
		options.uri = getenv("TRN_DEVICE");
	if (!options.text)
		options.text = text_default();
	if (!options.text) {
		fprintf(stderr, "decode: no text was named, and no licence text is here\n");
		return 2;
	}
	*ret_options = options;
	return 0;
}
