/* SPDX-License-Identifier: Apache-2.0 */
/* Device URIs and sizes from anywhere: whatever the text, parsing ends with a URI whose
 * parts lie inside its own storage, or with a reason and an offset inside the text. */
#include <stdlib.h>
#include <string.h>
#include "base/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void inside(const struct trn_uri *uri, const char *text)
{
	require(text && text >= uri->text && text < uri->text + sizeof(uri->text));
	require(memchr(text, 0, (size_t)(uri->text + sizeof(uri->text) - text)));
}

static void check_params(const struct trn_uri *uri, const struct trn_uri_param *params,
			 size_t count)
{
	require(count <= TRN_URI_PARAMS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (params[i].key[0])
			inside(uri, params[i].key);
		inside(uri, params[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trn_uri uri;
	char *text = malloc(size + 1);
	const char *why = NULL;
	size_t at = 0;
	uint64_t value;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (trn_uri_parse(text, &uri, &why, &at) == 0) {
		inside(&uri, uri.scheme);
		inside(&uri, uri.path);
		check_params(&uri, uri.params, uri.param_count);
		require(uri.hook_count <= TRN_URI_HOOKS_MAX);
		for (size_t i = 0; i < uri.hook_count; i++) {
			inside(&uri, uri.hooks[i].name);
			check_params(&uri, uri.hooks[i].params, uri.hooks[i].count);
		}
		require(trn_uri_param(&uri, "seed") == NULL || uri.param_count > 0);
	} else {
		require(why && at <= strlen(text));
	}
	if (trn_parse_size(text, &value) == 0)
		require(strlen(text) > 0);
	free(text);
	return 0;
}
