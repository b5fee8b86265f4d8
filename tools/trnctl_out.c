// SPDX-License-Identifier: Apache-2.0
/* Output: JSON that any parser takes, text for people, and errors as either. */
#include "tools/trnctl.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at @text, or 0 when it is none. */
static size_t sequence(const unsigned char *text)
{
	static const struct {
		unsigned char mask, lead;
		size_t bytes;
		uint32_t least;
	} rows[] = { { 0x80, 0x00, 1, 0 },
		     { 0xe0, 0xc0, 2, 0x80 },
		     { 0xf0, 0xe0, 3, 0x800 },
		     { 0xf8, 0xf0, 4, 0x10000 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t value = text[0] & (unsigned char)~rows[i].mask;

		if ((text[0] & rows[i].mask) != rows[i].lead)
			continue;
		for (size_t k = 1; k < rows[i].bytes; k++) {
			if ((text[k] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (text[k] & 0x3fu);
		}
		if (value < rows[i].least || value > 0x10ffff ||
		    (value >= 0xd800 && value <= 0xdfff))
			return 0;
		return rows[i].bytes;
	}
	return 0;
}

struct json_object *trnctl_text(const char *text)
{
	char buf[2048];
	size_t used = 0;

	if (!text)
		return NULL;
	while (*text != '\0' && used + 4 < sizeof(buf)) {
		size_t bytes = sequence((const unsigned char *)text);

		if (bytes == 0) {
			memcpy(buf + used, "\xef\xbf\xbd", 3);
			used += 3;
			text++;
			continue;
		}
		memcpy(buf + used, text, bytes);
		used += bytes;
		text += bytes;
	}
	return json_object_new_string_len(buf, (int)used);
}

struct json_object *trnctl_real(double value)
{
	return isfinite(value) ? json_object_new_double(value) : NULL;
}

struct json_object *trnctl_document(const char *schema)
{
	struct json_object *document = json_object_new_object();

	json_object_object_add(document, "schema", json_object_new_string(schema));
	return document;
}

int trnctl_print(struct trnctl *ctl, struct json_object *document, enum trnctl_exit status)
{
	const char *text = json_object_to_json_string_ext(
		document, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	/* One run, one document. */
	if (!ctl->printed)
		printf("%s\n", text);
	ctl->printed = true;
	json_object_put(document);
	return (int)status;
}

const char *trnctl_human(uint64_t bytes, char buf[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, 24, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return buf;
}

const char *trnctl_duration(uint64_t ns, char buf[24])
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double value = (double)ns;
	unsigned int unit = 0;

	while (value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		unit++;
	}
	snprintf(buf, 24, unit == 0 ? "%.0f %s" : "%.3f %s", value, units[unit]);
	return buf;
}

/* ---- errors ---- */

static const struct code_row {
	int code;
	const char *name;
} code_rows[] = {
	{ EINVAL, "EINVAL" },
	{ ENODEV, "ENODEV" },
	{ ENOENT, "ENOENT" },
	{ ENOMEM, "ENOMEM" },
	{ ENOSPC, "ENOSPC" },
	{ ENOTSUP, "ENOTSUP" },
	{ ETIMEDOUT, "ETIMEDOUT" },
	{ EAGAIN, "EAGAIN" },
	{ EBUSY, "EBUSY" },
	{ EPERM, "EPERM" },
	{ EACCES, "EACCES" },
	{ EIO, "EIO" },
	{ EFBIG, "EFBIG" },
	{ EISDIR, "EISDIR" },
	{ ERANGE, "ERANGE" },
	{ E2BIG, "E2BIG" },
	{ ECANCELED, "ECANCELED" },
	{ ECONNREFUSED, "ECONNREFUSED" },
	{ TRN_EDEVLOST, "TRN_EDEVLOST" },
	{ TRN_ERESET, "TRN_ERESET" },
	{ TRN_EPROGRAM, "TRN_EPROGRAM" },
	{ TRN_EFAULT_DEV, "TRN_EFAULT_DEV" },
	{ TRN_EINSN, "TRN_EINSN" },
	{ TRN_EFIRMWARE, "TRN_EFIRMWARE" },
	{ TRN_EQUEUE, "TRN_EQUEUE" },
	{ TRN_EIDLE, "TRN_EIDLE" },
	{ TRN_ERANK, "TRN_ERANK" },
};

const char *trnctl_code_name(int code)
{
	for (size_t i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++) {
		if (code_rows[i].code == -code)
			return code_rows[i].name;
	}
	return "E?";
}

static int exit_of(int code)
{
	return code == -ENODEV ? TRNCTL_NO_DEVICE : TRNCTL_FAILURE;
}

/* -1 in the record is "not known": null. */
static struct json_object *known(int64_t value)
{
	return value < 0 ? NULL : json_object_new_int64(value);
}

struct json_object *trnctl_error_json(const struct trn_error *error)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "code", json_object_new_int(error->code));
	json_object_object_add(json, "name", trnctl_text(trnctl_code_name(error->code)));
	json_object_object_add(json, "meaning", trnctl_text(trn_strerror(error->code)));
	json_object_object_add(json, "operation", trnctl_text(error->operation));
	json_object_object_add(json, "device", trnctl_text(error->device));
	json_object_object_add(json, "core", known(error->core));
	json_object_object_add(json, "queue", known(error->queue));
	json_object_object_add(json, "command", known(error->command));
	json_object_object_add(json, "engine", known(error->engine));
	json_object_object_add(json, "pc", known(error->pc));
	json_object_object_add(json, "opcode", known(error->opcode));
	json_object_object_add(json, "operand", known(error->operand));
	json_object_object_add(json, "rule",
			       error->rule != 0 ? json_object_new_int(error->rule) : NULL);
	json_object_object_add(json, "address",
			       error->address != 0 ? json_object_new_uint64(error->address) : NULL);
	json_object_object_add(json, "cause", trnctl_text(error->cause));
	json_object_object_add(json, "hint", trnctl_text(error->hint));
	return json;
}

static void error_document(struct trnctl *ctl, int status, const char *what,
			   const struct trn_error *error)
{
	struct json_object *document = trnctl_document("trn.error/1");

	json_object_object_add(document, "verb", trnctl_text(ctl->verb ? ctl->verb->name : NULL));
	json_object_object_add(document, "exit", json_object_new_int(status));
	json_object_object_add(document, "what", trnctl_text(what));
	json_object_object_add(document, "error", error ? trnctl_error_json(error) : NULL);
	(void)trnctl_print(ctl, document, TRNCTL_FAILURE);
}

static void text_number(const char *name, int64_t value)
{
	if (value >= 0)
		fprintf(stderr, "  %-10s %" PRId64 "\n", name, value);
}

static void error_text(struct trnctl *ctl, const char *what, const struct trn_error *error)
{
	fprintf(stderr, "trnctl%s%s: %s\n", ctl->verb ? " " : "", ctl->verb ? ctl->verb->name : "",
		what);
	fprintf(stderr, "  %-10s %d %s\n", "error", error->code, trn_strerror(error->code));
	if (error->operation[0] != '\0')
		fprintf(stderr, "  %-10s %s\n", "operation", error->operation);
	if (error->device[0] != '\0')
		fprintf(stderr, "  %-10s %s\n", "device", error->device);
	text_number("core", error->core);
	text_number("queue", error->queue);
	text_number("command", error->command);
	text_number("engine", error->engine);
	text_number("pc", error->pc);
	text_number("opcode", error->opcode);
	text_number("operand", error->operand);
	text_number("rule", error->rule != 0 ? error->rule : -1);
	if (error->address != 0)
		fprintf(stderr, "  %-10s 0x%" PRIx64 "\n", "address", error->address);
	if (error->cause[0] != '\0')
		fprintf(stderr, "  %-10s %s\n", "cause", error->cause);
	if (error->hint[0] != '\0')
		fprintf(stderr, "  %-10s %s\n", "hint", error->hint);
}

int trnctl_fail_record(struct trnctl *ctl, const struct trn_error *error, const char *what)
{
	int status = exit_of(error->code);

	/* What was printed before stays in front of the error. */
	fflush(stdout);
	if (ctl->json)
		error_document(ctl, status, what, error);
	else
		error_text(ctl, what, error);
	return status;
}

int trnctl_fail(struct trnctl *ctl, int code, const char *format, ...)
{
	struct trn_error error = { .size = sizeof(error) };
	char what[400];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* The context's record belongs to this failure only when it has its code. */
	if (!ctl->context || trn_error_get(ctl->context, &error) < 0 || error.code != code)
		error = (struct trn_error){ .code = code,
					    .core = -1,
					    .queue = -1,
					    .command = -1,
					    .engine = -1,
					    .opcode = -1,
					    .operand = -1,
					    .pc = -1 };
	return trnctl_fail_record(ctl, &error, what);
}

int trnctl_fail_usage(struct trnctl *ctl, const char *format, ...)
{
	char what[400];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (ctl->json)
		error_document(ctl, TRNCTL_USAGE, what, NULL);
	else
		fprintf(stderr, "trnctl%s%s: %s\n", ctl->verb ? " " : "",
			ctl->verb ? ctl->verb->name : "", what);
	return TRNCTL_USAGE;
}
