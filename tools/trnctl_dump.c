// SPDX-License-Identifier: Apache-2.0
/* trnctl dump: show FILE, list FILE: what is in a dump, without a device. take FILE: make one. */
#include "tools/trnctl_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dump {
	struct trnctl *ctl;
	const char *action, *path, *section;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dump *dump = state->input;

	switch (key) {
	case 's':
		dump->section = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			dump->action = arg;
		else if (state->arg_num == 1)
			dump->path = arg;
		else
			return trnctl_usage(dump->ctl, state, "more than one file");
		return 0;
	case ARGP_KEY_END:
		if (dump->action && strcmp(dump->action, "show") != 0 &&
		    strcmp(dump->action, "list") != 0 && strcmp(dump->action, "take") != 0)
			return trnctl_usage(dump->ctl, state, "\"%.40s\" is not show, list or take",
					    dump->action);
		if (!dump->path)
			return trnctl_usage(dump->ctl, state, "no file");
		if (dump->section && strcmp(dump->action, "show") != 0)
			return trnctl_usage(dump->ctl, state, "--section is for show");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- show, list ---- */

static struct json_object *lines_json(const char *text)
{
	struct json_object *lines = json_object_new_array();

	while (*text) {
		const size_t length = strcspn(text, "\n");

		json_object_array_add(lines, json_object_new_string_len(text, (int)length));
		text += length + (text[length] == '\n');
	}
	return lines;
}

static void section_show(const struct dump *dump, const struct trn_dump_section *section,
			 struct json_object *sections)
{
	const bool list = strcmp(dump->action, "list") == 0;
	struct json_object *item;

	if (!sections) {
		if (list)
			printf("%-14s %zu bytes\n", section->name, section->bytes);
		else
			printf("== %s\n%s", section->name, section->text);
		return;
	}
	item = json_object_new_object();
	json_object_object_add(item, "name", trnctl_text(section->name));
	json_object_object_add(item, "bytes", json_object_new_uint64(section->bytes));
	if (!list)
		json_object_object_add(item, "lines", lines_json(section->text));
	json_object_array_add(sections, item);
}

static int sections_show(const struct dump *dump, const struct trn_dump *read)
{
	struct json_object *sections = dump->ctl->json ? json_object_new_array() : NULL;
	struct trn_dump_section section = { .size = sizeof(section) };
	struct json_object *document;
	uint32_t shown = 0;

	for (uint32_t i = 0; trn_dump_section(read, i, &section) == 0; i++) {
		if (dump->section && strcmp(section.name, dump->section) != 0)
			continue;
		section_show(dump, &section, sections);
		shown++;
	}
	if (dump->section && shown == 0) {
		json_object_put(sections);
		return trnctl_fail(dump->ctl, -ENOENT, "no section \"%.40s\" in %.200s",
				   dump->section, dump->path);
	}
	if (!sections)
		return TRNCTL_OK;
	document = trnctl_document("trn.dump/1");
	json_object_object_add(document, "file", trnctl_text(dump->path));
	json_object_object_add(document, "sections", sections);
	return trnctl_print(dump->ctl, document, TRNCTL_OK);
}

static int dump_read(const struct dump *dump)
{
	struct trn_dump *read;
	uint8_t *bytes;
	size_t count;
	int r = trnctl_file_read(dump->path, TRN_DUMP_BYTES_MAX, &bytes, &count);

	if (r < 0)
		return trnctl_fail(dump->ctl, r, "dump %.200s", dump->path);
	r = trn_dump_open(NULL, bytes, count, &read);
	free(bytes);
	if (r < 0)
		return trnctl_fail(dump->ctl, r, "%.200s is no dump that can be read", dump->path);
	r = sections_show(dump, read);
	trn_dump_close(read);
	return r;
}

/* ---- take ---- */

static int dump_take(const struct dump *dump)
{
	struct trnctl *ctl = dump->ctl;
	struct json_object *document;
	int r = trnctl_open(ctl);

	if (r != TRNCTL_OK)
		return r;
	r = trn_device_dump_file(ctl->device, dump->path);
	if (r < 0)
		return trnctl_fail(ctl, r, "dump %.200s", dump->path);
	if (!ctl->json) {
		printf("%s: dump in %s\n", ctl->info.uri, dump->path);
		return TRNCTL_OK;
	}
	document = trnctl_document("trn.dump.take/1");
	json_object_object_add(document, "device", trnctl_text(ctl->info.uri));
	json_object_object_add(document, "file", trnctl_text(dump->path));
	return trnctl_print(ctl, document, TRNCTL_OK);
}

int trnctl_dump(struct trnctl *ctl, int argc, char **argv)
{
	static const struct argp_option own[] = {
		{ "section", 's', "NAME", 0, "Only this section", 1 },
		{ 0 },
	};
	struct dump dump = { .ctl = ctl };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &dump,
		.args = "show|list|take FILE",
		.doc = "Read the dump of a device that failed, or make one.\vshow prints the "
		       "sections, list their names, take writes a dump of the device as it is. "
		       "Programs make dumps by themselves where TRN_DUMP_DIR names a folder.",
	};
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	return strcmp(dump.action, "take") == 0 ? dump_take(&dump) : dump_read(&dump);
}
