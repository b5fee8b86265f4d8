/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of decoders from JSON. The names are those of a published config.json where that has
 * one, so that a model's own file needs few lines more. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>
#include "base/alloc.h"
#include "model/gen.h"
#include "predict/predict.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define CONFIG_DEPTH_MAX 16

int trn_predict_fail(struct trn_predict_why *why, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return code;
}

/* ---- formats ---- */

static const struct {
	const char *name;
	double bytes;
} formats[] = {
	[TRN_PREDICT_BF16] = { "bf16", 2.0 },
	[TRN_PREDICT_MXFP8] = { "mxfp8", 1.0 + 1.0 / 32 },
	[TRN_PREDICT_MXFP4] = { "mxfp4", 0.5 + 1.0 / 32 },
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const char *trn_predict_format_name(enum trn_predict_format format)
{
	return formats[format].name;
}

double trn_predict_format_bytes(enum trn_predict_format format)
{
	return formats[format].bytes;
}

enum trn_predict_format trn_predict_config_format(const struct trn_predict_config *config,
						  const char *gen)
{
	for (uint32_t i = 0; i < config->gen_count; i++)
		if (strcmp(config->gen[i].gen, gen) == 0)
			return config->gen[i].format;
	return TRN_PREDICT_BF16;
}

uint32_t trn_predict_config_sliding(const struct trn_predict_config *config)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < config->layers; i++)
		count += config->sliding[i % config->pattern_count];
	return count;
}

/* ---- fields ---- */

struct row {
	const char *key;
	size_t member;
	double least, most;
	enum {
		WHOLE,
		REAL,
		FLAG
	} type;
	double otherwise; /* when the file has no such line; below least: it must have one */
};

#define ROW(key, member, least, most, type, otherwise)                                         \
	{                                                                                      \
		key, offsetof(struct trn_predict_config, member), least, most, type, otherwise \
	}
static const struct row rows[] = {
	ROW("vocab_size", vocab, 1, 1 << 24, WHOLE, -1),
	ROW("hidden_size", hidden, 64, 16384, WHOLE, -1),
	ROW("num_hidden_layers", layers, 1, 1024, WHOLE, -1),
	ROW("num_attention_heads", heads, 1, 1024, WHOLE, -1),
	ROW("num_key_value_heads", kv_heads, 1, 1024, WHOLE, -1),
	ROW("head_dim", head_dim, 32, 128, WHOLE, -1),
	ROW("num_local_experts", experts, 1, 4096, WHOLE, 1),
	ROW("num_experts_per_tok", active, 1, 8, WHOLE, 1),
	ROW("intermediate_size", intermediate, 8, 131072, WHOLE, -1),
	ROW("sliding_window", window, 1, 1 << 24, WHOLE, 128),
	ROW("max_position_embeddings", positions, 1, 1 << 24, WHOLE, -1),
	ROW("rms_norm_eps", rms_eps, 1e-12, 1, REAL, 1e-5),
	ROW("swiglu_limit", swiglu_limit, 1e-3, 1e4, REAL, 7),
	ROW("swiglu_alpha", swiglu_alpha, 1e-3, 100, REAL, 1.702),
	ROW("attention_bias", attention_bias, 0, 1, FLAG, 0),
	ROW("expert_bias", expert_bias, 0, 1, FLAG, 0),
	ROW("attention_sinks", sinks, 0, 1, FLAG, 0),
	ROW("tie_word_embeddings", tied, 0, 1, FLAG, 0),
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void field_set(struct trn_predict_config *config, const struct row *row, double value)
{
	void *at = (char *)config + row->member;

	if (row->type == WHOLE)
		*(uint32_t *)at = (uint32_t)value;
	else if (row->type == REAL)
		*(double *)at = value;
	else
		*(bool *)at = value != 0;
}

static bool field_type_ok(struct json_object *value, const struct row *row)
{
	if (row->type == FLAG)
		return json_object_is_type(value, json_type_boolean);
	return json_object_is_type(value, json_type_int) ||
	       (row->type == REAL && json_object_is_type(value, json_type_double));
}

static int field_read(struct json_object *object, const struct row *row,
		      struct trn_predict_config *config, struct trn_predict_why *why)
{
	struct json_object *value;
	double number;

	if (!json_object_object_get_ex(object, row->key, &value)) {
		if (row->otherwise < row->least)
			return trn_predict_fail(why, -EINVAL, "\"%s\" is missing", row->key);
		field_set(config, row, row->otherwise);
		return 0;
	}
	if (row->type == FLAG && !field_type_ok(value, row))
		return trn_predict_fail(why, -EINVAL, "\"%s\" must be true or false", row->key);
	number = row->type == FLAG ? json_object_get_boolean(value) : json_object_get_double(value);
	if (!field_type_ok(value, row) || !(number >= row->least && number <= row->most))
		return trn_predict_fail(why, -EINVAL, "\"%s\" must be a%s number from %g to %g",
					row->key, row->type == WHOLE ? " whole" : "", row->least,
					row->most);
	field_set(config, row, number);
	return 0;
}

/* "layer_types": the kinds of layers in order; fewer than layers repeat. */
static int pattern_read(struct json_object *object, struct trn_predict_config *config,
			struct trn_predict_why *why)
{
	struct json_object *list;
	size_t count;

	config->pattern_count = 1;
	config->sliding[0] = false;
	if (!json_object_object_get_ex(object, "layer_types", &list))
		return 0;
	count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	if (count == 0 || count > 1024)
		return trn_predict_fail(why, -EINVAL,
					"\"layer_types\" must be a list of 1 to 1024 kinds");
	for (size_t i = 0; i < count; i++) {
		const char *kind = json_object_get_string(json_object_array_get_idx(list, i));
		bool sliding = kind && strcmp(kind, "sliding_attention") == 0;

		if (!kind || (!sliding && strcmp(kind, "full_attention") != 0))
			return trn_predict_fail(why, -EINVAL,
						"\"layer_types\"[%zu] is neither sliding_attention "
						"nor full_attention",
						i);
		if (i < TRN_PREDICT_PATTERN)
			config->sliding[i] = sliding;
		else if (sliding != config->sliding[i % TRN_PREDICT_PATTERN])
			return trn_predict_fail(why, -EINVAL,
						"\"layer_types\"[%zu] does not repeat the first %d",
						i, TRN_PREDICT_PATTERN);
	}
	config->pattern_count = count < TRN_PREDICT_PATTERN ? (uint32_t)count : TRN_PREDICT_PATTERN;
	/* What is behind the last layer is no part of a round. */
	if (config->pattern_count > config->layers)
		config->pattern_count = config->layers;
	return 0;
}

static int format_read(const char *gen, struct json_object *value,
		       struct trn_predict_config *config, struct trn_predict_why *why)
{
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	const struct trn_gen *found = trn_gen_find(gen);
	size_t format = 0;

	while (format < FORMATS && strcmp(formats[format].name, text) != 0)
		format++;
	if (format == FORMATS)
		return trn_predict_fail(why, -EINVAL,
					"\"experts\".\"%.20s\" must be bf16, mxfp8 or mxfp4", gen);
	if (!found)
		return trn_predict_fail(why, -EINVAL, "\"experts\": no generation \"%.20s\"", gen);
	if (format != TRN_PREDICT_BF16 && !(found->features & TRN_FEATURE_MX))
		return trn_predict_fail(why, -EINVAL, "\"experts\".\"%s\": %s has no %s", gen, gen,
					text);
	if (config->gen_count == TRN_PREDICT_GENS)
		return trn_predict_fail(why, -EINVAL, "\"experts\" names more than %d generations",
					TRN_PREDICT_GENS);
	snprintf(config->gen[config->gen_count].gen, sizeof(config->gen[0].gen), "%s", gen);
	config->gen[config->gen_count++].format = (enum trn_predict_format)format;
	return 0;
}

static int formats_read(struct json_object *object, struct trn_predict_config *config,
			struct trn_predict_why *why)
{
	struct json_object *experts;

	if (!json_object_object_get_ex(object, "experts", &experts))
		return 0;
	if (!json_object_is_type(experts, json_type_object))
		return trn_predict_fail(why, -EINVAL,
					"\"experts\" must be an object: a format for a generation");
	json_object_object_foreach(experts, gen, value)
	{
		int r = format_read(gen, value, config, why);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_together(const struct trn_predict_config *config, struct trn_predict_why *why)
{
	if (config->heads % config->kv_heads != 0)
		return trn_predict_fail(
			why, -EINVAL,
			"\"num_attention_heads\" is no multiple of \"num_key_value_heads\"");
	if (config->head_dim % 32 != 0)
		return trn_predict_fail(why, -EINVAL, "\"head_dim\" must be a multiple of 32");
	if (config->active > config->experts)
		return trn_predict_fail(
			why, -EINVAL, "\"num_experts_per_tok\" is more than \"num_local_experts\"");
	return 0;
}

static int name_read(struct json_object *object, struct trn_predict_config *config,
		     struct trn_predict_why *why)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(object, "name", &value))
		return trn_predict_fail(why, -EINVAL, "\"name\" is missing");
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	if (text[0] == '\0' || strlen(text) >= sizeof(config->name))
		return trn_predict_fail(why, -EINVAL, "\"name\" must be a text of 1 to %zu bytes",
					sizeof(config->name) - 1);
	snprintf(config->name, sizeof(config->name), "%s", text);
	return 0;
}

static int config_read(struct json_object *object, struct trn_predict_config *config,
		       struct trn_predict_why *why)
{
	int r;

	if (!json_object_is_type(object, json_type_object))
		return trn_predict_fail(why, -EINVAL, "not a JSON object");
	r = name_read(object, config, why);
	for (size_t i = 0; r == 0 && i < ROWS; i++)
		r = field_read(object, &rows[i], config, why);
	if (r == 0)
		r = pattern_read(object, config, why);
	if (r == 0)
		r = formats_read(object, config, why);
	return r < 0 ? r : check_together(config, why);
}

int trn_predict_config_parse(const char *text, size_t size, struct trn_predict_config *ret_config,
			     struct trn_predict_why *why)
{
	struct trn_predict_config config = { 0 };
	struct json_tokener *tokener;
	struct json_object *object;
	int r;

	if (size > CONFIG_BYTES_MAX)
		return trn_predict_fail(why, -EFBIG, "larger than 1 MiB");
	tokener = json_tokener_new_ex(CONFIG_DEPTH_MAX);
	if (!tokener)
		return trn_predict_fail(why, -ENOMEM, "no memory");
	object = json_tokener_parse_ex(tokener, text, (int)size);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		r = trn_predict_fail(why, -EINVAL, "not JSON: %s at byte %zu",
				     json_tokener_error_desc(json_tokener_get_error(tokener)),
				     json_tokener_get_parse_end(tokener));
	else
		r = config_read(object, &config, why);
	json_object_put(object);
	json_tokener_free(tokener);
	if (r == 0)
		*ret_config = config;
	return r;
}

/* ---- files ---- */

static int read_all(int fd, char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, bytes + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (size_t)got;
	}
	return 0;
}

static int file_parse(int fd, struct trn_predict_config *ret_config, struct trn_predict_why *why)
{
	struct stat info;
	char *text;
	int r;

	if (fstat(fd, &info) < 0)
		return trn_predict_fail(why, -errno, "%s", strerror(errno));
	if (!S_ISREG(info.st_mode))
		return trn_predict_fail(why, -EINVAL, "not a regular file");
	if (info.st_size > (off_t)CONFIG_BYTES_MAX)
		return trn_predict_fail(why, -EFBIG, "larger than 1 MiB");
	text = trn_alloc_array(&trn_alloc_libc, 1, (size_t)info.st_size + 1);
	if (!text)
		return trn_predict_fail(why, -ENOMEM, "no memory");
	r = read_all(fd, text, (size_t)info.st_size);
	if (r < 0)
		trn_predict_fail(why, r, "%s", strerror(-r));
	else
		r = trn_predict_config_parse(text, (size_t)info.st_size, ret_config, why);
	trn_free(&trn_alloc_libc, text);
	return r;
}

static int file_load(const char *path, struct trn_predict_config *ret_config,
		     struct trn_predict_why *why)
{
	/* Not blocking: a named pipe is refused instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct trn_predict_why inner;

	if (fd < 0)
		return trn_predict_fail(why, -errno, "%.200s: %s", path, strerror(errno));
	r = file_parse(fd, ret_config, &inner);
	close(fd);
	return r < 0 ? trn_predict_fail(why, r, "%.150s: %.200s", path, inner.text) : 0;
}

static bool is_path(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

int trn_predict_config_load(const char *name, struct trn_predict_config *ret_config,
			    struct trn_predict_why *why)
{
	const char *own = getenv("TRN_PREDICT_MODELS");
	const char *folders[] = { own && own[0] != '\0' ? own : TRN_PREDICT_INSTALLED,
				  own && own[0] != '\0' ? NULL : TRN_PREDICT_BUILT };
	char path[1024];

	if (is_path(name))
		return file_load(name, ret_config, why);
	for (size_t i = 0; i < 2 && folders[i]; i++) {
		int length = snprintf(path, sizeof(path), "%s/%s.json", folders[i], name);

		if (length > 0 && (size_t)length < sizeof(path) && access(path, R_OK) == 0)
			return file_load(path, ret_config, why);
	}
	return trn_predict_fail(why, -ENOENT,
				"no model \"%.60s\" in %.200s; a file is given with a slash or "
				".json",
				name, folders[0]);
}
