// SPDX-License-Identifier: Apache-2.0
/* trnctl run: device time, buffers as numbers, buffers into files. */
#include "tools/trnctl_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_SECONDS 60u
#define SHOW_DEFAULT 16u
#define SHOW_MAX 65536u

enum show_kind {
	SHOW_F32,
	SHOW_BF16,
	SHOW_F16,
	SHOW_U32,
	SHOW_S32,
	SHOW_U8
};
static const struct show_row {
	const char *name;
	uint32_t bytes;
	enum show_kind kind;
} show_rows[] = {
	{ "f32", 4, SHOW_F32 }, { "bf16", 2, SHOW_BF16 }, { "f16", 2, SHOW_F16 },
	{ "u32", 4, SHOW_U32 }, { "s32", 4, SHOW_S32 },   { "u8", 1, SHOW_U8 },
};

struct show {
	uint32_t arg;
	const struct show_row *row;
	uint64_t count;
	uint8_t *bytes;
};

static double real_of(enum show_kind kind, uint32_t bits)
{
	uint32_t wide = kind == SHOW_BF16 ? bits << 16 : bits;
	float value;

	if (kind != SHOW_F16) {
		memcpy(&value, &wide, sizeof(value));
		return (double)value;
	}
	/* 1, 5 and 10 bits */
	if ((bits & 0x7c00) == 0x7c00)
		return (bits & 0x3ff) != 0 ? NAN : (bits & 0x8000) != 0 ? -INFINITY : INFINITY;
	value = (bits & 0x7c00) == 0 ?
			(float)(bits & 0x3ff) * 0x1p-24f :
			ldexpf((float)(0x400 | (bits & 0x3ff)), (int)(bits >> 10 & 0x1f) - 25);
	return (bits & 0x8000) != 0 ? -(double)value : (double)value;
}

static uint32_t bits_at(const struct show *show, uint64_t index)
{
	const uint8_t *at = show->bytes + index * show->row->bytes;
	uint32_t bits = 0;

	for (uint32_t i = 0; i < show->row->bytes; i++)
		bits |= (uint32_t)at[i] << (8 * i);
	return bits;
}

static struct json_object *element_json(const struct show *show, uint64_t index)
{
	uint32_t bits = bits_at(show, index);

	switch (show->row->kind) {
	case SHOW_U32:
	case SHOW_U8:
		return json_object_new_int64(bits);
	case SHOW_S32:
		return json_object_new_int64((int32_t)bits);
	default:
		return trnctl_real(real_of(show->row->kind, bits));
	}
}

static void element_text(const struct show *show, uint64_t index)
{
	uint32_t bits = bits_at(show, index);

	switch (show->row->kind) {
	case SHOW_U32:
	case SHOW_U8:
		printf(" %13" PRIu32, bits);
		break;
	case SHOW_S32:
		printf(" %13" PRId32, (int32_t)bits);
		break;
	default:
		printf(" %13.6g", real_of(show->row->kind, bits));
		break;
	}
}

static int arg_named(const struct trnctl_run *run, const char *name, size_t length,
		     uint32_t *ret_arg)
{
	for (uint32_t i = 0; i < run->info.arg_count; i++) {
		if (strlen(run->args[i].name) == length &&
		    strncmp(run->args[i].name, name, length) == 0 && run->values[i].buffer) {
			*ret_arg = i;
			return 0;
		}
	}
	return -ENOENT;
}

/* NAME[:TYPE[:COUNT]] */
static int show_parse(const struct trnctl_run *run, const char *text, struct show *ret_show)
{
	size_t length = strcspn(text, ":");
	struct show show = { .row = &show_rows[0], .count = SHOW_DEFAULT };
	const char *rest = text + length;

	if (arg_named(run, text, length, &show.arg) < 0)
		return -ENOENT;
	if (*rest == ':') {
		size_t type = strcspn(++rest, ":");

		show.row = NULL;
		for (size_t i = 0; i < sizeof(show_rows) / sizeof(show_rows[0]); i++) {
			if (strlen(show_rows[i].name) == type &&
			    strncmp(show_rows[i].name, rest, type) == 0)
				show.row = &show_rows[i];
		}
		rest += type;
		if (!show.row || (*rest == ':' && trnctl_number(rest + 1, &show.count) < 0))
			return -EINVAL;
	}
	if (show.count > SHOW_MAX)
		return -ERANGE;
	*ret_show = show;
	return 0;
}

static int show_read(struct trnctl_run *run, struct show *show)
{
	struct trn_buffer *buffer = run->values[show->arg].buffer;
	uint64_t most = trn_buffer_size(buffer) / show->row->bytes;
	int r;

	if (show->count > most)
		show->count = most;
	show->bytes = malloc(show->count * show->row->bytes + 1);
	if (!show->bytes)
		return trnctl_fail(run->ctl, -ENOMEM, "no memory");
	r = trn_buffer_read(buffer, 0, show->bytes, show->count * show->row->bytes,
			    trnctl_deadline(run->ctl, RUN_SECONDS));
	return r < 0 ? trnctl_fail(run->ctl, r, "reading %s", run->args[show->arg].name) :
		       TRNCTL_OK;
}

static void show_print(struct trnctl_run *run, const struct show *show, struct json_object *shown)
{
	const char *name = run->args[show->arg].name;
	struct json_object *json, *values;

	if (!run->ctl->json) {
		printf("%s, %s:\n", name, show->row->name);
		for (uint64_t i = 0; i < show->count; i++) {
			if (i % 8 == 0)
				printf("%s%8" PRIu64 ":", i == 0 ? "" : "\n", i);
			element_text(show, i);
		}
		printf("\n");
		return;
	}
	json = json_object_new_object();
	values = json_object_new_array();
	for (uint64_t i = 0; i < show->count; i++)
		json_object_array_add(values, element_json(show, i));
	json_object_object_add(json, "name", trnctl_text(name));
	json_object_object_add(json, "type", json_object_new_string(show->row->name));
	json_object_object_add(json, "values", values);
	json_object_array_add(shown, json);
}

static int show_all(struct trnctl_run *run, struct json_object *shown)
{
	int r = TRNCTL_OK;

	for (unsigned int i = 0; r == TRNCTL_OK && i < run->show_texts; i++) {
		struct show show;

		if (show_parse(run, run->show_text[i], &show) < 0)
			return trnctl_fail_usage(
				run->ctl,
				"--show %.60s: no NAME[:TYPE[:COUNT]] of a buffer, "
				"COUNT up to %u",
				run->show_text[i], SHOW_MAX);
		r = show_read(run, &show);
		if (r == TRNCTL_OK)
			show_print(run, &show, shown);
		free(show.bytes);
	}
	return r;
}

static int save_one(struct trnctl_run *run, uint32_t arg, const char *path)
{
	uint64_t size = trn_buffer_size(run->values[arg].buffer);
	uint8_t *bytes = malloc(size + 1);
	FILE *file = NULL;
	int r = bytes ? 0 : -ENOMEM;

	if (r == 0)
		r = trn_buffer_read(run->values[arg].buffer, 0, bytes, size,
				    trnctl_deadline(run->ctl, RUN_SECONDS));
	if (r == 0) {
		file = fopen(path, "we");
		r = file ? 0 : -errno;
	}
	if (r == 0 && fwrite(bytes, 1, size, file) != size)
		r = -errno;
	if (file && fclose(file) != 0 && r == 0)
		r = -errno;
	free(bytes);
	return r < 0 ? trnctl_fail(run->ctl, r, "saving %s to %.200s", run->args[arg].name, path) :
		       TRNCTL_OK;
}

static int save_all(struct trnctl_run *run)
{
	int r = TRNCTL_OK;

	for (unsigned int i = 0; r == TRNCTL_OK && i < run->save_texts; i++) {
		const char *text = run->save_text[i], *equals = strchr(text, '=');
		uint32_t arg;

		if (arg_named(run, text, (size_t)(equals - text), &arg) < 0)
			return trnctl_fail_usage(run->ctl, "--save %.60s: no buffer of that name",
						 text);
		r = save_one(run, arg, equals + 1);
	}
	return r;
}

static struct json_object *args_json(const struct trnctl_run *run)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < run->info.arg_count; i++) {
		struct json_object *arg = json_object_new_object();
		struct trn_buffer *buffer = run->values[i].buffer;

		json_object_object_add(arg, "name", trnctl_text(run->args[i].name));
		json_object_object_add(arg, "kind",
				       json_object_new_string(buffer ? "buffer" : "number"));
		if (buffer)
			json_object_object_add(arg, "bytes",
					       json_object_new_uint64(trn_buffer_size(buffer)));
		else
			json_object_object_add(arg, "value",
					       json_object_new_uint64(run->values[i].scalar));
		json_object_array_add(list, arg);
	}
	return list;
}

static struct json_object *words_json(const struct trnctl_run *run)
{
	static const char *const names[TRN_ENGINE_COUNT] = { "tensor", "vector", "scalar", "gpsimd",
							     "sync" };
	struct json_object *words = json_object_new_object();

	for (unsigned int i = 0; i < TRN_ENGINE_COUNT; i++)
		json_object_object_add(words, names[i], json_object_new_int64(run->info.words[i]));
	return words;
}

static int results_json(struct trnctl_run *run, bool timed)
{
	struct json_object *document = trnctl_document("trn.run/1");
	struct json_object *shown = json_object_new_array();
	int r;

	json_object_object_add(document, "device", trnctl_text(run->ctl->info.uri));
	json_object_object_add(document, "program", trnctl_text(run->info.name));
	json_object_object_add(document, "words", words_json(run));
	json_object_object_add(document, "core", json_object_new_uint64(run->core));
	json_object_object_add(document, "launches", json_object_new_uint64(run->repeat));
	json_object_object_add(document, "device_ns",
			       timed ? json_object_new_uint64(run->device_ns) : NULL);
	json_object_object_add(document, "wall_ns", json_object_new_uint64(run->wall_ns));
	if (run->want_energy)
		json_object_object_add(document, "energy", json_object_get(run->energy));
	json_object_object_add(document, "arguments", args_json(run));
	json_object_object_add(document, "shown", shown);
	r = show_all(run, shown);
	if (r == TRNCTL_OK)
		return trnctl_print(run->ctl, document, TRNCTL_OK);
	json_object_put(document);
	return r;
}

int trnctl_run_results(struct trnctl_run *run)
{
	bool timed = (run->ctl->info.caps & TRN_CAP_TIMESTAMP) != 0;
	char time[24];
	int r = save_all(run);

	if (r != TRNCTL_OK)
		return r;
	if (run->ctl->json)
		return results_json(run, timed);
	printf("%-12s %s on core %" PRIu64 " of %s, %" PRIu64 " %s\n", "program", run->info.name,
	       run->core, run->ctl->info.uri, run->repeat,
	       run->repeat == 1 ? "launch" : "launches");
	if (timed)
		printf("%-12s %s each, of device time\n", "device time",
		       trnctl_duration(run->device_ns / run->repeat, time));
	printf("%-12s %s each, of this host's time\n", "wall time",
	       trnctl_duration(run->wall_ns / run->repeat, time));
	if (run->energy)
		trnctl_energy_print(run->energy);
	else if (run->want_energy)
		printf("%-12s this door does not tell\n", "energy");
	return show_all(run, NULL);
}
