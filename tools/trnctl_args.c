// SPDX-License-Identifier: Apache-2.0
/* The command line: options every verb has, and numbers. argp does not end the process
 * here: a document may have to leave first. */
#include "tools/trnctl.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PARSE_FLAGS (ARGP_NO_EXIT | ARGP_NO_HELP)
#define SECOND_NS UINT64_C(1000000000)
#define TIMEOUT_MAX_NS (86400 * SECOND_NS)

enum {
	KEY_JSON = 0x100,
	KEY_TIMEOUT,
	KEY_USAGE
};

static const struct argp_option common_options[] = {
	{ "device", 'd', "URI", 0, "Device, for example mock:trn3 (default: TRN_DEVICE)", 90 },
	{ "json", KEY_JSON, NULL, 0, "One JSON document on standard output", 90 },
	{ "timeout", KEY_TIMEOUT, "TIME", 0, "Give up after TIME: 5, 500ms, 2m", 90 },
	{ "verbose", 'v', NULL, 0, "The library's log on standard error; twice: all of it", 90 },
	{ "help", '?', NULL, 0, "Show this text", 91 },
	{ NULL, 'h', NULL, OPTION_HIDDEN, NULL, 91 },
	{ "usage", KEY_USAGE, NULL, 0, "Show a short usage line", 91 },
	{ 0 },
};

/* What the root parser hands down. */
struct parse {
	struct trnctl *ctl;
	void *input;
	int verb;
};

error_t trnctl_usage(struct trnctl *ctl, struct argp_state *state, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ctl->usage, sizeof(ctl->usage), format, args);
	va_end(args);
	argp_error(state, "%s", ctl->usage);
	return EINVAL;
}

static int digits(const char *text, const char **ret_end, uint64_t *ret_value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	/* strtoull takes blanks and signs. */
	if (!isdigit((unsigned char)text[0]) || (hex && !isxdigit((unsigned char)text[2])))
		return -EINVAL;
	errno = 0;
	*ret_value = strtoull(text, &end, hex ? 16 : 10);
	*ret_end = end;
	return errno == ERANGE ? -ERANGE : 0;
}

int trnctl_number(const char *text, uint64_t *ret_value)
{
	const char *end;
	uint64_t value;
	int r = digits(text, &end, &value);

	if (r < 0)
		return r;
	if (*end != '\0')
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int trnctl_size(const char *text, uint64_t *ret_value)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	uint64_t value;
	int r = digits(text, &end, &value);

	if (r < 0)
		return r;
	unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		unsigned int shift = 10 * (unsigned int)(unit - units + 1);

		if (value > UINT64_MAX >> shift)
			return -ERANGE;
		value <<= shift;
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
	}
	if (*end != '\0')
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static int parse_time(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{ "", SECOND_NS }, { "s", SECOND_NS }, { "ms", 1000000 }, { "m", 60 * SECOND_NS }
	};
	const char *end;
	uint64_t value;

	if (digits(text, &end, &value) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (value == 0 || value > TIMEOUT_MAX_NS / units[i].ns)
			return -ERANGE;
		*ret_ns = value * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

static error_t common_parse(int key, char *arg, struct argp_state *state)
{
	struct trnctl *ctl = state->input;

	switch (key) {
	case 'd':
		ctl->uri = arg;
		return 0;
	case KEY_JSON:
		ctl->json = true;
		return 0;
	case KEY_TIMEOUT:
		if (parse_time(arg, &ctl->timeout_ns) < 0)
			return trnctl_usage(ctl, state,
					    "--timeout \"%.40s\" is no time of up to a day", arg);
		return 0;
	case 'v':
		ctl->verbose++;
		return 0;
	case '?':
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return ECANCELED;
	case KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
		return ECANCELED;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp common_argp = { .options = common_options, .parser = common_parse };

static error_t root_parse(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;

	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = parse->ctl;
	if (state->root_argp->children[1].argp)
		state->child_inputs[1] = parse->input;
	return 0;
}

/* What argp answered as an exit code, with the document --json asks for. */
static bool parse_end(struct trnctl *ctl, error_t answer, int *ret_exit)
{
	if (answer == 0)
		return true;
	if (answer == ECANCELED) { /* help was given */
		*ret_exit = TRNCTL_OK;
		return false;
	}
	*ret_exit = TRNCTL_USAGE;
	if (ctl->json)
		*ret_exit = trnctl_fail_usage(
			ctl, "%s",
			ctl->usage[0] != '\0' ? ctl->usage : "unknown or incomplete option");
	return false;
}

bool trnctl_parse(struct trnctl *ctl, const struct trnctl_options *options, int argc, char **argv,
		  int *ret_exit)
{
	struct argp verb = { .options = options->options, .parser = options->parser };
	struct argp_child children[] = {
		{ &common_argp, 0, NULL, 0 },
		{ options->parser ? &verb : NULL, 0, NULL, 0 },
		{ 0 },
	};
	struct argp root = { .parser = root_parse,
			     .args_doc = options->args,
			     .doc = options->doc,
			     .children = children };
	struct parse parse = { .ctl = ctl, .input = options->input };

	return parse_end(ctl, argp_parse(&root, argc, argv, PARSE_FLAGS, NULL, &parse), ret_exit);
}

static error_t front_parse(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;

	(void)arg;
	if (key == ARGP_KEY_INIT)
		return root_parse(key, arg, state);
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	parse->verb = state->next - 1;
	state->next = state->argc; /* the verb parses the rest */
	return 0;
}

bool trnctl_parse_front(struct trnctl *ctl, const char *doc, int argc, char **argv, int *ret_verb,
			int *ret_exit)
{
	struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	struct argp root = { .parser = front_parse,
			     .args_doc = "VERB [ARGUMENTS]",
			     .doc = doc,
			     .children = children };
	struct parse parse = { .ctl = ctl, .verb = argc };
	error_t answer;

	answer = argp_parse(&root, argc, argv, PARSE_FLAGS | ARGP_IN_ORDER, NULL, &parse);
	*ret_verb = parse.verb;
	return parse_end(ctl, answer, ret_exit);
}
