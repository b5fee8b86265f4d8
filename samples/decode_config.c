// SPDX-License-Identifier: Apache-2.0
/* Reads the decoder's sizes from JSON, and files in general. The names are those of a
 * GPT-OSS config.json, so that one can be cut down to size by hand. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>
#include "decode.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define CONFIG_DEPTH_MAX 16

int decode_fail(struct decode_why *why, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return code;
}

static int file_fill(int fd, uint8_t *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, bytes + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO; /* shorter than stat said */
		done += (size_t)got;
	}
	return 0;
}

int decode_file_read(const char *path, uint64_t most, uint8_t **ret_bytes, size_t *ret_size,
		     struct decode_why *why)
{
	/* Not blocking: a named pipe is refused below instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t *bytes = NULL;
	struct stat info;
	int r;

	if (fd < 0)
		return decode_fail(why, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &info) < 0) {
		r = decode_fail(why, -errno, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(info.st_mode)) {
		r = decode_fail(why, -EINVAL, "%s: not a regular file", path);
	} else if ((uint64_t)info.st_size > most) {
		r = decode_fail(why, -EFBIG, "%s: %lld bytes, at most %llu are taken", path,
				(long long)info.st_size, (unsigned long long)most);
	} else if (!(bytes = malloc((size_t)info.st_size + 1))) {
		r = decode_fail(why, -ENOMEM, "%s: no memory for it", path);
	} else {
		r = file_fill(fd, bytes, (size_t)info.st_size);
		if (r < 0)
			decode_fail(why, r, "%s: %s", path, strerror(-r));
	}
	close(fd);
	if (r < 0) {
		free(bytes);
		return r;
	}
	bytes[info.st_size] = '\0';
	*ret_bytes = bytes;
	*ret_size = (size_t)info.st_size;
	return 0;
}

static const struct size_row {
	const char *key;
	size_t member;
	uint32_t least, most;
} size_rows[] = {
	{ "vocab_size", offsetof(struct decode_config, vocab), 256, 256 }, /* a token is a byte */
	{ "hidden_size", offsetof(struct decode_config, hidden), 1, 8192 },
	{ "num_hidden_layers", offsetof(struct decode_config, layers), 1, 256 },
	{ "num_attention_heads", offsetof(struct decode_config, heads), 1, 128 },
	{ "num_key_value_heads", offsetof(struct decode_config, kv_heads), 1, 128 },
	{ "head_dim", offsetof(struct decode_config, head_dim), 2, 128 },
	{ "num_local_experts", offsetof(struct decode_config, experts), 1, 512 },
	{ "num_experts_per_tok", offsetof(struct decode_config, active), 1, 8 },
	{ "intermediate_size", offsetof(struct decode_config, intermediate), 1, 8192 },
	{ "sliding_window", offsetof(struct decode_config, window), 1, 131072 },
	{ "max_position_embeddings", offsetof(struct decode_config, positions), 1, 131072 },
};

static const struct real_row {
	const char *key;
	size_t member;
	double above, most;
} real_rows[] = {
	{ "rope_theta", offsetof(struct decode_config, rope_theta), 1, 1e9 },
	{ "rms_norm_eps", offsetof(struct decode_config, rms_eps), 0, 1 },
	{ "swiglu_limit", offsetof(struct decode_config, swiglu_limit), 0, 1e4 },
};

static int read_size(struct json_object *object, const struct size_row *row,
		     struct decode_config *config, struct decode_why *why)
{
	struct json_object *value;
	int64_t number;

	if (!json_object_object_get_ex(object, row->key, &value))
		return decode_fail(why, -EINVAL, "configuration has no \"%s\"", row->key);
	number = json_object_get_int64(value);
	if (!json_object_is_type(value, json_type_int) || number < row->least || number > row->most)
		return decode_fail(why, -EINVAL, "\"%s\" must be a whole number from %u to %u",
				   row->key, row->least, row->most);
	*(uint32_t *)(void *)((char *)config + row->member) = (uint32_t)number;
	return 0;
}

static int read_real(struct json_object *object, const struct real_row *row,
		     struct decode_config *config, struct decode_why *why)
{
	struct json_object *value;
	double number;

	if (!json_object_object_get_ex(object, row->key, &value))
		return decode_fail(why, -EINVAL, "configuration has no \"%s\"", row->key);
	number = json_object_get_double(value);
	if ((!json_object_is_type(value, json_type_double) &&
	     !json_object_is_type(value, json_type_int)) ||
	    !(number > row->above && number <= row->most))
		return decode_fail(why, -EINVAL, "\"%s\" must be a number above %g and up to %g",
				   row->key, row->above, row->most);
	*(double *)(void *)((char *)config + row->member) = number;
	return 0;
}

static int check_together(const struct decode_config *config, struct decode_why *why)
{
	if (config->heads % config->kv_heads != 0)
		return decode_fail(why, -EINVAL,
				   "num_attention_heads is no multiple of num_key_value_heads");
	if (config->head_dim % 2 != 0)
		return decode_fail(why, -EINVAL, "head_dim must be even");
	if (config->active > config->experts)
		return decode_fail(why, -EINVAL,
				   "num_experts_per_tok is more than num_local_experts");
	return 0;
}

static int read_all(struct json_object *object, struct decode_config *config,
		    struct decode_why *why)
{
	int r = 0;

	if (!json_object_is_type(object, json_type_object))
		return decode_fail(why, -EINVAL, "configuration is not a JSON object");
	for (size_t i = 0; r == 0 && i < sizeof(size_rows) / sizeof(size_rows[0]); i++)
		r = read_size(object, &size_rows[i], config, why);
	for (size_t i = 0; r == 0 && i < sizeof(real_rows) / sizeof(real_rows[0]); i++)
		r = read_real(object, &real_rows[i], config, why);
	return r < 0 ? r : check_together(config, why);
}

int decode_config_parse(const char *text, size_t size, struct decode_config *ret_config,
			struct decode_why *why)
{
	struct decode_config config = { 0 };
	struct json_tokener *tokener;
	struct json_object *object;
	int r;

	if (size > CONFIG_BYTES_MAX)
		return decode_fail(why, -EFBIG, "configuration is larger than 1 MiB");
	tokener = json_tokener_new_ex(CONFIG_DEPTH_MAX);
	if (!tokener)
		return decode_fail(why, -ENOMEM, "no memory");
	object = json_tokener_parse_ex(tokener, text, (int)size);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		r = decode_fail(why, -EINVAL, "configuration is not JSON: %s at byte %zu",
				json_tokener_error_desc(json_tokener_get_error(tokener)),
				json_tokener_get_parse_end(tokener));
	else
		r = read_all(object, &config, why);
	json_object_put(object);
	json_tokener_free(tokener);
	if (r == 0)
		*ret_config = config;
	return r;
}

int decode_config_load(const char *path, struct decode_config *ret_config, struct decode_why *why)
{
	struct decode_why inner;
	uint8_t *text;
	size_t size;
	int r;

	r = decode_file_read(path, CONFIG_BYTES_MAX, &text, &size, why);
	if (r < 0)
		return r;
	r = decode_config_parse((const char *)text, size, ret_config, &inner);
	free(text);
	return r < 0 ? decode_fail(why, r, "%s: %s", path, inner.text) : 0;
}
