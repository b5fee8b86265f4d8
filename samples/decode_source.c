// SPDX-License-Identifier: Apache-2.0
/* Where decode's configuration and weights come from, and how much of the text is taken. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <trn/trn.h>
#include "decode.h"

/* decoder.json beside the program, or where an installation or the tree has it. */
int decode_source_config(const struct decode_options *options, struct decode_config *ret_config,
			 struct decode_why *why)
{
	static const char *const places[] = { "decoder.json", "../share/libtrn/decoder.json" };
	char exe[PATH_MAX], path[PATH_MAX + 32];
	ssize_t length;
	char *slash;

	if (options->config)
		return decode_config_load(options->config, ret_config, why);
	length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[length > 0 ? length : 0] = '\0';
	slash = strrchr(exe, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - exe), exe, places[i]);
		if (access(path, R_OK) == 0)
			return decode_config_load(path, ret_config, why);
	}
	return decode_config_load("samples/decoder.json", ret_config, why);
}

/* Without a file: made from the seed, written, and read back like any other. */
int decode_source_weights(const struct decode_options *options, const struct decode_config *config,
			  struct decode_weights *ret_weights, struct decode_why *why)
{
	const char *folder = getenv("TMPDIR");
	struct decode_weights made;
	char path[PATH_MAX];
	FILE *file = NULL;
	int fd, r;

	if (options->weights)
		return decode_weights_load(config, options->weights, ret_weights, why);
	r = decode_weights_seed(config, options->seed, &made, why);
	if (r < 0)
		return r;
	if (options->save) {
		snprintf(path, sizeof(path), "%s", options->save);
		file = fopen(path, "we");
	} else {
		snprintf(path, sizeof(path), "%s/decode-XXXXXX", folder ? folder : "/tmp");
		fd = mkstemp(path);
		file = fd >= 0 ? fdopen(fd, "w") : NULL;
	}
	r = file ? decode_weights_save(&made, file, why) :
		   decode_fail(why, -errno, "%s: %s", path, strerror(errno));
	if (file && fclose(file) != 0 && r == 0)
		r = decode_fail(why, -errno, "%s: %s", path, strerror(errno));
	decode_weights_free(&made);
	if (r == 0)
		r = decode_weights_load(config, path, ret_weights, why);
	if (file && !options->save)
		unlink(path);
	return r;
}

uint32_t decode_source_count(const struct decode_options *options,
			     const struct decode_config *config, size_t text_bytes)
{
	uint64_t count = options->tokens;

	if (count > text_bytes)
		count = text_bytes;
	if (count > config->positions)
		count = config->positions;
	return (uint32_t)count;
}

int decode_trace_start(struct trn_context *context, const struct decode_options *options,
		       struct decode_why *why)
{
	int r = options->trace ? trn_context_trace_start(context, options->trace) : 0;

	return r < 0 ? decode_fail(why, r, "--trace %s: %s", options->trace, trn_strerror(r)) : 0;
}

int decode_trace_stop(struct trn_context *context, const struct decode_options *options, int result,
		      struct decode_why *why)
{
	int r = options->trace ? trn_context_trace_stop(context) : 0;

	/* What went wrong first is what is told. */
	if (result < 0 || r == 0)
		return result;
	return decode_fail(why, r, "--trace %s: %s", options->trace, trn_strerror(r));
}
