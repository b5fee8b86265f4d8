// SPDX-License-Identifier: Apache-2.0
/* trnctl regs: registers by name, pattern or offset. Writing takes two options, because it
 * can break everything. */
#include "tools/trnctl.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>

#define NAME_BYTES 64
#define LIMIT_DEFAULT 4096u
#define WRITES_MAX 64u

struct reg {
	char name[NAME_BYTES];
	uint32_t offset, value;
	int error; /* of reading it */
	bool write;
};

struct regs {
	struct trnctl *ctl;
	struct reg *list;
	size_t count, room, limit, more;
	const char *pattern; /* of the walk that is under way */
	const char *writes[WRITES_MAX];
	uint32_t write_count;
	bool names_only, meant, any;
	int failed; /* -ENOMEM inside a callback */
};

enum {
	KEY_WRITE = 0x200,
	KEY_MEANT,
	KEY_LIMIT
};

static const struct argp_option own[] = {
	{ "names", 'n', NULL, 0, "Only list names and offsets; needs no device", 1 },
	{ "limit", KEY_LIMIT, "N", 0, "Show at most N registers (4096)", 1 },
	{ "write", KEY_WRITE, "NAME=VALUE", 0, "Write a register, then read it", 2 },
	{ "yes-i-mean-it", KEY_MEANT, NULL, 0, "Without this nothing is written", 2 },
	{ 0 },
};

static int add(struct regs *regs, const char *name, uint32_t offset, bool write, uint32_t value)
{
	struct reg *reg;

	if (regs->count >= regs->limit && !write) {
		regs->more++;
		return 0;
	}
	if (regs->count == regs->room) {
		size_t room = regs->room != 0 ? 2 * regs->room : 64;
		struct reg *list = realloc(regs->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		regs->list = list;
		regs->room = room;
	}
	reg = &regs->list[regs->count++];
	*reg = (struct reg){ .offset = offset, .write = write, .value = value };
	snprintf(reg->name, sizeof(reg->name), "%s", name);
	return 0;
}

static int add_matching(void *user, const char *name, uint32_t offset)
{
	struct regs *regs = user;

	if (fnmatch(regs->pattern, name, 0) != 0)
		return 0;
	regs->any = true;
	regs->failed = add(regs, name, offset, false, 0);
	return regs->failed;
}

/* A name or 0x-offset to an offset and the name people know it by. */
static int resolve(const char *text, char name[NAME_BYTES], uint32_t *ret_offset)
{
	uint64_t number;

	if (trnctl_number(text, &number) < 0) {
		snprintf(name, NAME_BYTES, "%s", text);
		return trn_diag_reg_find(text, ret_offset);
	}
	if (number > UINT32_MAX || number % 4 != 0)
		return -EINVAL;
	*ret_offset = (uint32_t)number;
	(void)trn_diag_reg_name(*ret_offset, name, NAME_BYTES);
	return 0;
}

static int add_pattern(struct regs *regs, const char *text)
{
	char name[NAME_BYTES];
	uint32_t offset;
	int r;

	if (strpbrk(text, "*?[")) {
		regs->pattern = text;
		regs->any = false;
		(void)trn_diag_reg_each(add_matching, regs);
		if (regs->failed < 0)
			return regs->failed;
		return regs->any ? 0 : -ENOENT;
	}
	r = resolve(text, name, &offset);
	return r < 0 ? r : add(regs, name, offset, false, 0);
}

static int add_write(struct regs *regs, const char *text)
{
	char left[NAME_BYTES], name[NAME_BYTES];
	const char *equals = strchr(text, '=');
	uint64_t value;
	uint32_t offset;
	int r;

	if (!equals || (size_t)(equals - text) >= sizeof(left) ||
	    trnctl_number(equals + 1, &value) < 0 || value > UINT32_MAX)
		return -EINVAL;
	memcpy(left, text, (size_t)(equals - text));
	left[equals - text] = '\0';
	r = resolve(left, name, &offset);
	return r < 0 ? r : add(regs, name, offset, true, (uint32_t)value);
}

static error_t parse_pattern(struct regs *regs, const char *arg, struct argp_state *state)
{
	int r = add_pattern(regs, arg);

	if (r == -ENOENT)
		return trnctl_usage(
			regs->ctl, state,
			"no register \"%.60s\" (trnctl regs --names '*udma0*' lists names)", arg);
	if (r == -EINVAL)
		return trnctl_usage(regs->ctl, state,
				    "\"%.40s\" is no offset: 32 bits, multiple of 4", arg);
	return -r;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct regs *regs = state->input;
	uint64_t limit;

	switch (key) {
	case 'n':
		regs->names_only = true;
		return 0;
	case KEY_MEANT:
		regs->meant = true;
		return 0;
	case KEY_LIMIT:
		if (trnctl_number(arg, &limit) < 0 || limit == 0)
			return trnctl_usage(regs->ctl, state, "--limit \"%.40s\" is no count", arg);
		regs->limit = limit;
		return 0;
	case KEY_WRITE:
		if (regs->write_count == WRITES_MAX)
			return trnctl_usage(regs->ctl, state, "more than %u writes", WRITES_MAX);
		regs->writes[regs->write_count++] = arg;
		return 0;
	case ARGP_KEY_ARGS: /* after all options: --limit counts wherever it stands */
		for (int i = state->next; i < state->argc; i++) {
			error_t answer = parse_pattern(regs, state->argv[i], state);

			if (answer != 0)
				return answer;
		}
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int writes_parse(struct regs *regs)
{
	if (regs->write_count > 0 && !regs->meant)
		return trnctl_fail_usage(
			regs->ctl, "writing registers can break the device and whatever runs on "
				   "it: add --yes-i-mean-it");
	for (uint32_t i = 0; i < regs->write_count; i++) {
		if (add_write(regs, regs->writes[i]) < 0)
			return trnctl_fail_usage(
				regs->ctl,
				"--write \"%.60s\" is no NAME=VALUE of a register and "
				"32 bits",
				regs->writes[i]);
	}
	return TRNCTL_OK;
}

/* Writes and reads what was collected. A read that fails is a row's own error. */
static int access_all(struct regs *regs)
{
	struct trn_device *device = regs->ctl->device;
	size_t failed = 0;

	for (size_t i = 0; i < regs->count; i++) {
		struct reg *reg = &regs->list[i];

		if (reg->write) {
			int r = trn_diag_reg_write(device, 0, reg->offset, reg->value);

			if (r < 0)
				return trnctl_fail(regs->ctl, r, "%s was not written", reg->name);
		}
		reg->error = trn_diag_reg_read(device, 0, reg->offset, &reg->value);
		failed += reg->error < 0;
	}
	/* One that cannot be read is a row's own matter; none at all is a failure. */
	if (failed == regs->count)
		return trnctl_fail(regs->ctl, regs->list[0].error, "%s cannot be read",
				   regs->list[0].name);
	return TRNCTL_OK;
}

static struct json_object *reg_json(const struct regs *regs, const struct reg *reg)
{
	struct json_object *json = json_object_new_object();
	bool value = !regs->names_only && reg->error == 0;

	json_object_object_add(json, "name", trnctl_text(reg->name));
	json_object_object_add(json, "bar", json_object_new_int(0));
	json_object_object_add(json, "offset", json_object_new_int64(reg->offset));
	if (!regs->names_only)
		json_object_object_add(json, "value",
				       value ? json_object_new_int64(reg->value) : NULL);
	if (reg->error < 0)
		json_object_object_add(json, "error", trnctl_text(trnctl_code_name(reg->error)));
	if (reg->write)
		json_object_object_add(json, "written", json_object_new_boolean(true));
	return json;
}

static int show_json(struct regs *regs)
{
	struct json_object *document = trnctl_document("trn.regs/1");
	struct json_object *list = json_object_new_array();

	json_object_object_add(document, "device",
			       regs->names_only ? NULL : trnctl_text(regs->ctl->info.uri));
	for (size_t i = 0; i < regs->count; i++)
		json_object_array_add(list, reg_json(regs, &regs->list[i]));
	json_object_object_add(document, "registers", list);
	json_object_object_add(document, "not_shown", json_object_new_uint64(regs->more));
	return trnctl_print(regs->ctl, document, TRNCTL_OK);
}

static int show_text(const struct regs *regs)
{
	for (size_t i = 0; i < regs->count; i++) {
		const struct reg *reg = &regs->list[i];

		printf("0x%08" PRIx32 "  %-32s", reg->offset, reg->name);
		if (regs->names_only)
			printf("\n");
		else if (reg->error < 0)
			printf("  %s\n", trnctl_code_name(reg->error));
		else
			printf("  0x%08" PRIx32 "  %10" PRIu32 "%s\n", reg->value, reg->value,
			       reg->write ? "  (written)" : "");
	}
	if (regs->more > 0)
		printf("... and %zu more; a narrower pattern or --limit shows them\n", regs->more);
	return TRNCTL_OK;
}

static int work(struct regs *regs)
{
	int r = writes_parse(regs);

	if (r != TRNCTL_OK)
		return r;
	if (regs->count == 0 && add_pattern(regs, "misc.*") < 0)
		return trnctl_fail(regs->ctl, -ENOMEM, "no memory");
	if (!regs->names_only) {
		r = trnctl_open(regs->ctl);
		if (r == TRNCTL_OK)
			r = access_all(regs);
		if (r != TRNCTL_OK)
			return r;
	}
	return regs->ctl->json ? show_json(regs) : show_text(regs);
}

int trnctl_regs(struct trnctl *ctl, int argc, char **argv)
{
	struct regs regs = { .ctl = ctl, .limit = LIMIT_DEFAULT };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &regs,
		.args = "[NAME|PATTERN|0xOFFSET...]",
		.doc = "Read BAR0 registers by name, shell pattern or offset.\vWithout a name: "
		       "misc.*. Examples: regs misc.routing_id 'udma128.m2s.q0.*'; "
		       "regs --write misc.ack=0 --yes-i-mean-it.",
	};
	int r;

	if (trnctl_parse(ctl, &options, argc, argv, &r))
		r = work(&regs);
	free(regs.list);
	return r;
}
