/* SPDX-License-Identifier: Apache-2.0 */
/* fault(SPEC)+URI: arms a fault of docs/faults.md before the device is brought up.
 * Nothing stays in the way: the wrapped object is handed on as it is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "hal/backend.h"

#define SPEC_MAX 192

/* The hook's arguments were split at their commas; a spec has commas of its own. */
static int join_spec(const struct trn_uri_hook *hook, char *spec, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < hook->count; i++) {
		const struct trn_uri_param *param = &hook->params[i];
		int n = snprintf(spec + used, size - used, "%s%s%s%s", i ? "," : "", param->key,
				 param->key[0] ? "=" : "", param->value);

		if (n < 0 || (size_t)n >= size - used)
			return trn_hal_fail(NULL, -EINVAL, "fault(): too long");
		used += (size_t)n;
	}
	if (used == 0)
		return trn_hal_fail(NULL, -EINVAL, "fault() needs a fault: fault(reset.lost)+...");
	return 0;
}

/* The model's own words for what it did not like: {"error":"..."} */
static int refused(int r, const char *spec, const char *text)
{
	const char *why = strstr(text, "\":\"");
	size_t length = 0;

	if (why) {
		why += 3;
		length = strcspn(why, "\"");
	}
	if (length == 0)
		return trn_hal_fail(NULL, r, "fault(%.64s): this backend has no faults", spec);
	return trn_hal_fail(NULL, r, "fault(%.64s): %.*s", spec, (int)length, why);
}

int trn_fault_wrap_bus(const struct trn_uri_hook *hook, struct trn_bus *inner,
		       struct trn_bus **ret_bus)
{
	char spec[SPEC_MAX];
	char text[SPEC_MAX] = "";
	int r = join_spec(hook, spec, sizeof(spec));

	if (r < 0)
		return r;
	r = inner->ops->control(inner, "fault", spec, text, sizeof(text));
	if (r < 0)
		return refused(r, spec, text);
	*ret_bus = inner;
	return 0;
}

int trn_fault_wrap_dev(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
		       struct trn_hal_dev **ret_dev)
{
	char spec[SPEC_MAX];
	char text[SPEC_MAX] = "";
	int r = join_spec(hook, spec, sizeof(spec));

	if (r < 0)
		return r;
	r = inner->ops.control(inner, "fault", spec, text, sizeof(text));
	if (r < 0)
		return refused(r, spec, text);
	*ret_dev = inner;
	return 0;
}
