/* SPDX-License-Identifier: Apache-2.0 */
/* Device URIs: [HOOK[(ARGS)]+]...SCHEME:PATH[?KEY=VALUE&...], ARGS being VALUE or
 * KEY=VALUE with commas between. Values are percent-encoded. Hostile input: every
 * limit is checked, nothing is truncated. */
#ifndef BASE_URI_H
#define BASE_URI_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#define TRN_URI_TEXT_MAX 1024
#define TRN_URI_HOOKS_MAX 4
#define TRN_URI_PARAMS_MAX 16

struct trn_uri_param {
	const char *key, *value;
};

struct trn_uri_hook {
	const char *name;
	size_t count;
	/* A VALUE alone has the key "": fault(dma.abort@1,after=3) has two. Keys are unique. */
	struct trn_uri_param params[TRN_URI_PARAMS_MAX];
};

/* Not to be copied: its pointers point into itself. */
struct trn_uri {
	char text[TRN_URI_TEXT_MAX]; /* decoded storage that the pointers below point into */
	size_t hook_count;
	struct trn_uri_hook hooks[TRN_URI_HOOKS_MAX]; /* outermost first */
	const char *scheme, *path;
	size_t param_count;
	struct trn_uri_param params[TRN_URI_PARAMS_MAX];
};

/* Names, schemes and keys are small letters, digits and "-_.", a letter first.
 * -EINVAL with *ret_why a static text and *ret_at the offset of the fault; each
 * may be NULL. Pure: no memory taken, no state. */
int trn_uri_parse(const char *text, struct trn_uri *ret_uri, const char **ret_why, size_t *ret_at);
/* NULL when there is none. */
const char *trn_uri_param(const struct trn_uri *uri, const char *key);
const char *trn_uri_hook_param(const struct trn_uri_hook *hook, const char *key);
/* Decimal or 0x number, optional K M G T (powers of 1024). -EINVAL, -ERANGE. */
int trn_parse_size(const char *text, uint64_t *ret_value);

#endif /* BASE_URI_H */
