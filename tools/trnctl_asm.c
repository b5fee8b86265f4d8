// SPDX-License-Identifier: Apache-2.0
/* trnctl asm, disasm, check: programs as text, and what is in one. No device. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/trnctl_run.h"

#define IMAGE_FIRST 0x89 /* byte of a trnx image; no text begins with it */

struct work {
	struct trnctl *ctl;
	const char *path, *output;
};

static const char *const engine_names[TRN_ENGINE_COUNT] = { "tensor", "vector", "scalar", "gpsimd",
							    "sync" };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct work *work = state->input;

	switch (key) {
	case 'o':
		work->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (work->path)
			return trnctl_usage(work->ctl, state, "more than one file");
		work->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		return trnctl_usage(work->ctl, state, "no file");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What assembler or loader found, as a record: FILE:LINE:COLUMN, or FILE and the byte. */
static int fail_at(struct trnctl *ctl, const char *path, const struct trn_asm_error *error)
{
	struct trn_error record = { .size = sizeof(record),
				    .code = error->code,
				    .core = -1,
				    .queue = -1,
				    .command = -1,
				    .engine = error->engine,
				    .opcode = error->opcode,
				    .operand = -1,
				    .rule = error->rule,
				    .pc = error->pc };
	char what[500];

	if (error->line)
		snprintf(what, sizeof(what), "%.200s:%" PRIu32 ":%" PRIu32 ": %s", path,
			 error->line, error->column, error->message);
	else
		snprintf(what, sizeof(what), "%.200s: byte %" PRIu64 ": %s", path, error->offset,
			 error->message);
	snprintf(record.cause, sizeof(record.cause), "%s", error->message);
	return trnctl_fail_record(ctl, &record, what);
}

int trnctl_image_read(struct trnctl *ctl, const char *path, void **ret_image, size_t *ret_bytes,
		      bool *ret_text)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	uint8_t *bytes;
	size_t size;
	int r = trnctl_file_read(path, TRNCTL_PROGRAM_MAX, &bytes, &size);

	if (r < 0)
		return trnctl_fail(ctl, r, "program %.200s", path);
	*ret_text = size == 0 || bytes[0] != IMAGE_FIRST;
	if (!*ret_text) {
		*ret_image = bytes;
		*ret_bytes = size;
		return TRNCTL_OK;
	}
	r = trn_asm_assemble(NULL, (const char *)bytes, size, ret_image, ret_bytes, &error);
	free(bytes);
	return r < 0 ? fail_at(ctl, path, &error) : TRNCTL_OK;
}

static int write_file(struct trnctl *ctl, const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");
	bool ok = file && fwrite(bytes, 1, size, file) == size;
	int r = ok ? 0 : -errno;
	struct stat info;

	if (file && fclose(file) != 0)
		r = r < 0 ? r : -errno;
	/* Half a program is none; what is no file stays. */
	if (r < 0 && file && stat(path, &info) == 0 && S_ISREG(info.st_mode))
		(void)unlink(path);
	return r < 0 ? trnctl_fail(ctl, r, "%.200s", path) : TRNCTL_OK;
}

static int print_text(struct trnctl *ctl, const char *text, size_t size)
{
	struct json_object *document;

	if (!ctl->json) {
		/* main() looks at what became of it. */
		(void)fwrite(text, 1, size, stdout);
		return TRNCTL_OK;
	}
	if (size > INT32_MAX)
		return trnctl_fail(ctl, -EFBIG, "the text is too long for a document");
	document = trnctl_document("trn.disasm/1");
	json_object_object_add(document, "text", json_object_new_string_len(text, (int)size));
	return trnctl_print(ctl, document, TRNCTL_OK);
}

static int report_written(struct work *work, size_t bytes)
{
	struct json_object *document;

	if (!work->ctl->json)
		return TRNCTL_OK;
	document = trnctl_document("trn.asm/1");
	json_object_object_add(document, "output", trnctl_text(work->output));
	json_object_object_add(document, "bytes", json_object_new_uint64(bytes));
	return trnctl_print(work->ctl, document, TRNCTL_OK);
}

int trnctl_asm(struct trnctl *ctl, int argc, char **argv)
{
	static const struct argp_option own[] = {
		{ "output", 'o', "FILE", 0, "Where the program goes", 1 },
		{ 0 },
	};
	struct work work = { .ctl = ctl };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &work,
		.args = "PROGRAM.trnasm -o PROGRAM.trnx",
		.doc = "Assemble a text into a program file.\vThe language: docs/assembly.md.",
	};
	struct trn_asm_error error = { .size = sizeof(error) };
	uint8_t *text;
	void *image;
	size_t size, bytes;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	if (!work.output)
		return trnctl_fail_usage(ctl, "no -o FILE");
	r = trnctl_file_read(work.path, TRNCTL_PROGRAM_MAX, &text, &size);
	if (r < 0)
		return trnctl_fail(ctl, r, "%.200s", work.path);
	r = trn_asm_assemble(NULL, (const char *)text, size, &image, &bytes, &error);
	free(text);
	if (r < 0)
		return fail_at(ctl, work.path, &error);
	r = write_file(ctl, work.output, image, bytes);
	trn_image_free(NULL, image);
	return r == TRNCTL_OK ? report_written(&work, bytes) : r;
}

int trnctl_disasm(struct trnctl *ctl, int argc, char **argv)
{
	struct work work = { .ctl = ctl };
	const struct trnctl_options options = {
		.parser = parse,
		.input = &work,
		.args = "PROGRAM",
		.doc = "Write a program file as text.\vA text is written in the "
		       "disassembler's form.",
	};
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t bytes, size;
	void *image;
	bool is_text;
	char *text;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_image_read(ctl, work.path, &image, &bytes, &is_text);
	if (r != TRNCTL_OK)
		return r;
	r = trn_asm_disassemble(NULL, image, bytes, &text, &size, &error);
	trn_image_free(NULL, image);
	if (r < 0)
		return fail_at(ctl, work.path, &error);
	r = print_text(ctl, text, size);
	trn_image_free(NULL, text);
	return r;
}

/* ---- check ---- */

static const char *kind_name(enum trn_section_kind kind)
{
	return kind == TRN_SECTION_CODE ? "code" : kind == TRN_SECTION_DATA ? "data" : "bss";
}

static void check_print(const struct trn_image_info *info, bool text, size_t bytes)
{
	char human[24];

	printf("%s \"%s\", %s\n", text ? "text of program" : "program", info->name,
	       trnctl_human(bytes, human));
	if (info->arch)
		printf("  needs      trn%" PRIu32 "\n", info->arch);
	for (uint32_t i = 0; i < info->arg_count; i++) {
		const struct trn_program_arg_info *arg = &info->arg[i];

		if (arg->kind == TRN_ARG_SCALAR)
			printf("  argument   %2" PRIu32 " %s: number\n", i, arg->name);
		else
			printf("  argument   %2" PRIu32 " %s: buffer, at least %s\n", i, arg->name,
			       trnctl_human(arg->min_bytes, human));
	}
	for (uint32_t i = 0; i < info->section_count; i++) {
		const struct trn_image_section *section = &info->section[i];

		printf("  section    %2" PRIu32 " %s: %s, %s%s\n", i, section->name,
		       kind_name(section->kind), trnctl_human(section->bytes, human),
		       section->writable ? ", written" : "");
	}
	for (int e = 0; e < TRN_ENGINE_COUNT; e++)
		if (info->words[e])
			printf("  engine     %-6s %" PRIu32 " instructions, %" PRIu32 " words\n",
			       engine_names[e], info->instructions[e], info->words[e]);
	printf("  symbols    %" PRIu32 "\n  relocations %" PRIu32 "\n  memory     %s\n",
	       info->symbol_count, info->reloc_count, trnctl_human(info->memory_bytes, human));
}

static struct json_object *sections_json(const struct trn_image_info *info)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < info->section_count; i++) {
		const struct trn_image_section *section = &info->section[i];
		struct json_object *item = json_object_new_object();
		bool code = section->kind == TRN_SECTION_CODE;

		json_object_object_add(item, "name", trnctl_text(section->name));
		json_object_object_add(item, "kind", trnctl_text(kind_name(section->kind)));
		json_object_object_add(item, "engine",
				       trnctl_text(code ? engine_names[section->engine] : NULL));
		json_object_object_add(item, "bytes", json_object_new_uint64(section->bytes));
		json_object_object_add(item, "align", json_object_new_uint64(section->align));
		json_object_object_add(item, "arg",
				       code ? NULL : json_object_new_uint64(section->arg));
		json_object_object_add(item, "written",
				       json_object_new_boolean(section->writable != 0));
		json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *args_json(const struct trn_image_info *info)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < info->arg_count; i++) {
		struct json_object *item = json_object_new_object();

		json_object_object_add(item, "name", trnctl_text(info->arg[i].name));
		json_object_object_add(item, "kind",
				       trnctl_text(info->arg[i].kind == TRN_ARG_SCALAR ? "number" :
											 "buffer"));
		json_object_object_add(item, "min_bytes",
				       json_object_new_uint64(info->arg[i].min_bytes));
		json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *check_json(const struct trn_image_info *info, bool text, size_t bytes)
{
	struct json_object *document = trnctl_document("trn.check/1");
	struct json_object *engines = json_object_new_object();

	json_object_object_add(document, "name", trnctl_text(info->name));
	json_object_object_add(document, "text", json_object_new_boolean(text));
	json_object_object_add(document, "bytes", json_object_new_uint64(bytes));
	json_object_object_add(document, "arch",
			       info->arch ? json_object_new_uint64(info->arch) : NULL);
	json_object_object_add(document, "args", args_json(info));
	json_object_object_add(document, "sections", sections_json(info));
	for (int e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct json_object *item = json_object_new_object();

		json_object_object_add(item, "instructions",
				       json_object_new_uint64(info->instructions[e]));
		json_object_object_add(item, "words", json_object_new_uint64(info->words[e]));
		json_object_object_add(engines, engine_names[e], item);
	}
	json_object_object_add(document, "engines", engines);
	json_object_object_add(document, "symbols", json_object_new_uint64(info->symbol_count));
	json_object_object_add(document, "relocations", json_object_new_uint64(info->reloc_count));
	json_object_object_add(document, "memory_bytes",
			       json_object_new_uint64(info->memory_bytes));
	return document;
}

int trnctl_check(struct trnctl *ctl, int argc, char **argv)
{
	struct work work = { .ctl = ctl };
	const struct trnctl_options options = {
		.parser = parse,
		.input = &work,
		.args = "PROGRAM",
		.doc = "Check a program, file or text, and say what is in it.\vIt is what every "
		       "device checks before it runs a program; what depends on arguments, "
		       "registers or a generation's sizes only shows when it runs.",
	};
	struct trn_image_info info = { .size = sizeof(info) };
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t bytes;
	void *image;
	bool text;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_image_read(ctl, work.path, &image, &bytes, &text);
	if (r != TRNCTL_OK)
		return r;
	r = trn_image_inspect(NULL, image, bytes, &info, &error);
	trn_image_free(NULL, image);
	if (r < 0)
		return fail_at(ctl, work.path, &error);
	if (ctl->json)
		return trnctl_print(ctl, check_json(&info, text, bytes), TRNCTL_OK);
	check_print(&info, text, bytes);
	return TRNCTL_OK;
}
