/* SPDX-License-Identifier: Apache-2.0 */
/* The device URI parser: one pass over hostile text, every byte either has a
 * place in the grammar of base/uri.h or is refused with its offset. */
#include "base/uri.h"

#include <errno.h>
#include <string.h>

struct parser {
	const char *text; /* input */
	size_t at;
	struct trn_uri *uri;
	size_t used; /* of uri->text */
	const char *why;
};

static int refuse(struct parser *p, const char *why)
{
	p->why = why;
	return -EINVAL;
}

static char peek(const struct parser *p)
{
	return p->text[p->at];
}

static bool is_name_char(char c, bool first)
{
	if (c >= 'a' && c <= 'z')
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.');
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Storage never runs out: a part is not longer decoded than written, and its
 * NUL takes the place of the delimiter that ended it. */
static void put(struct parser *p, char c)
{
	p->uri->text[p->used++] = c;
}

/* A name, a scheme or a key: small letters, digits, "-_.". */
static int take_name(struct parser *p, const char *why_empty, const char **ret_name)
{
	const char *name = p->uri->text + p->used;

	if (!is_name_char(peek(p), true))
		return refuse(p, why_empty);
	while (is_name_char(peek(p), false)) {
		put(p, peek(p));
		p->at++;
	}
	put(p, '\0');
	*ret_name = name;
	return 0;
}

static int take_percent(struct parser *p)
{
	int high = hex_digit(p->text[p->at + 1]);
	int low = high < 0 ? -1 : hex_digit(p->text[p->at + 2]); /* not past the NUL */

	if (low < 0)
		return refuse(p, "'%' needs two hex digits");
	if (high == 0 && low == 0)
		return refuse(p, "%00 is not allowed");
	put(p, (char)(high * 16 + low));
	p->at += 3;
	return 0;
}

/* Everything up to a byte of stop or the end, decoded. */
static int take_value(struct parser *p, const char *stop, const char **ret_value)
{
	const char *value = p->uri->text + p->used;

	while (peek(p) != '\0' && !strchr(stop, peek(p))) {
		unsigned char c = (unsigned char)peek(p);

		if (c < 0x20 || c == 0x7f)
			return refuse(p, "control characters must be percent-encoded");
		if (c == '(' || c == ')')
			return refuse(p,
				      "unbalanced parenthesis (percent-encode one that is meant)");
		if (c == '%') {
			int r = take_percent(p);

			if (r < 0)
				return r;
			continue;
		}
		put(p, (char)c);
		p->at++;
	}
	put(p, '\0');
	*ret_value = value;
	return 0;
}

static const char *find(const struct trn_uri_param *params, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(params[i].key, key) == 0)
			return params[i].value;
	}
	return NULL;
}

/* One KEY=VALUE, or with bare_ok a VALUE alone, whose key is "". */
static int take_param(struct parser *p, const char *stop, bool bare_ok, size_t *count,
		      struct trn_uri_param *params)
{
	struct trn_uri_param param = { .key = "" };
	size_t start = p->at;
	size_t end = start;
	int r;

	if (*count == TRN_URI_PARAMS_MAX)
		return refuse(p, "too many parameters");
	while (is_name_char(p->text[end], end == start))
		end++;
	if (p->text[end] == '=' || !bare_ok) {
		r = take_name(p, "parameter without a name", &param.key);
		if (r < 0)
			return r;
		if (peek(p) != '=')
			return refuse(p, "'=' expected");
		p->at++;
	} else if (end == start && (p->text[end] == '\0' || strchr(stop, p->text[end]))) {
		return refuse(p, "empty parameter");
	}
	r = take_value(p, stop, &param.value);
	if (r < 0)
		return r;
	if (find(params, *count, param.key)) {
		p->at = start;
		return refuse(p, "parameter given twice");
	}
	params[(*count)++] = param;
	return 0;
}

/* After a hook's name: "(" arguments ")", either may be empty. */
static int take_hook_args(struct parser *p, struct trn_uri_hook *hook)
{
	size_t open = p->at;

	if (peek(p) != '(')
		return 0;
	do {
		int r;

		p->at++; /* '(' or ',' */
		if (hook->count == 0 && peek(p) == ')')
			break;
		r = take_param(p, ",)", true, &hook->count, hook->params);
		if (r < 0)
			return r;
	} while (peek(p) == ',');
	if (peek(p) != ')') {
		p->at = open;
		return refuse(p, "'(' without ')'");
	}
	p->at++;
	return 0;
}

static int take_query(struct parser *p)
{
	while (peek(p) != '\0') {
		int r;

		p->at++; /* '?' or '&' */
		r = take_param(p, "&", false, &p->uri->param_count, p->uri->params);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_uri(struct parser *p)
{
	struct trn_uri *uri = p->uri;
	const char *name;
	int r;

	for (;;) {
		struct trn_uri_hook *hook;

		r = take_name(p, "scheme or hook name expected", &name);
		if (r < 0)
			return r;
		if (peek(p) == ':')
			break;
		if (peek(p) != '(' && peek(p) != '+')
			return refuse(p, "':' expected after the scheme");
		if (uri->hook_count == TRN_URI_HOOKS_MAX)
			return refuse(p, "too many hooks");
		hook = &uri->hooks[uri->hook_count++];
		hook->name = name;
		r = take_hook_args(p, hook);
		if (r < 0)
			return r;
		if (peek(p) != '+')
			return refuse(p, "'+' expected after a hook");
		p->at++;
	}
	uri->scheme = name;
	p->at++; /* ':' */
	r = take_value(p, "?", &uri->path);
	if (r < 0)
		return r;
	return take_query(p);
}

static int parse_into(struct parser *p, const char *text, struct trn_uri *uri)
{
	*uri = (struct trn_uri){ 0 };
	*p = (struct parser){ .text = text, .uri = uri };
	if (!text)
		return refuse(p, "no URI");
	if (strnlen(text, TRN_URI_TEXT_MAX) == TRN_URI_TEXT_MAX) {
		p->at = TRN_URI_TEXT_MAX - 1;
		return refuse(p, "URI too long");
	}
	return take_uri(p);
}

int trn_uri_parse(const char *text, struct trn_uri *ret_uri, const char **ret_why, size_t *ret_at)
{
	struct trn_uri scratch;
	struct parser p;
	int r = parse_into(&p, text, &scratch);

	if (r < 0) {
		if (ret_why)
			*ret_why = p.why;
		if (ret_at)
			*ret_at = p.at;
		return r;
	}
	/* Pointers point into the object itself, so the result is made in place:
	 * the same text cannot fail the second time. */
	return parse_into(&p, text, ret_uri);
}

const char *trn_uri_param(const struct trn_uri *uri, const char *key)
{
	return find(uri->params, uri->param_count, key);
}

const char *trn_uri_hook_param(const struct trn_uri_hook *hook, const char *key)
{
	return find(hook->params, hook->count, key);
}

static unsigned int suffix_shift(char c)
{
	static const char suffixes[] = "KMGT";
	const char *s = c != '\0' ? strchr(suffixes, c) : NULL;

	return s ? (unsigned int)(s - suffixes + 1) * 10 : 0;
}

int trn_parse_size(const char *text, uint64_t *ret_value)
{
	uint64_t base = 10, value = 0;
	const char *s = text;
	unsigned int shift;
	size_t digits = 0;
	bool overflow = false;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	for (; hex_digit(*s) >= 0 && (uint64_t)hex_digit(*s) < base; s++, digits++) {
		overflow |= __builtin_mul_overflow(value, base, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)hex_digit(*s), &value);
	}
	shift = suffix_shift(*s);
	if (digits == 0 || s[shift > 0 ? 1 : 0] != '\0')
		return -EINVAL;
	if (overflow || value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_value = value << shift;
	return 0;
}
