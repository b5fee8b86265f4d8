/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's URI: which pods exist, which parameters, what each may be. Hostile
 * text; every refusal names what it refused. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/text.h"
#include "hal/bus_mock.h"
#include "model/gen.h"

struct param {
	const char *key;
	size_t at; /* of the value in struct mock_params */
	uint64_t min, max;
	const char *limits; /* for the message */
	bool size;          /* may have K M G T */
};

#define AT(member) offsetof(struct mock_params, member)

static const struct param params_known[] = {
	{ "seed", AT(seed), 0, UINT64_MAX, "a number", false },
	{ "threads", AT(threads), 0, 1, "0 or 1", false },
	/* 16 MiB of each stack belong to the firmware; a slot of the address map is 64 GiB. */
	{ "hbm", AT(hbm), 32 * TRN_MIB, 64 * TRN_GIB, "32M to 64G, whole MiB", true },
	{ "api", AT(api), 1, 255, "1 to 255", false },
	{ "extension", AT(extension), 0, 1, "0 or 1", false },
	{ "bar4", AT(bar4), 0, 1, "0 or 1", false },
	{ "revision", AT(revision), 0, 255, "0 to 255", false },
	{ "routing", AT(routing), 0, 63, "0 to 63", false },
	{ "serial", AT(serial), 0, UINT64_MAX, "a number", false },
	{ "timing-only", AT(timing_only), 0, 1, "0 or 1", false },
};

/* "trn2 trn3 ...": what there is, for messages. */
static const char *pods_text(char *buf, size_t size)
{
	const struct trn_pod *pod;
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; (pod = trn_pod_at(i)); i++)
		used = trn_text_add(buf, size, used, "%s%s", i ? " " : "", pod->name);
	return buf;
}

/* text is what follows the slash. */
static int take_index(const char *text, struct mock_params *params, char *why, size_t why_size)
{
	const uint32_t chips = trn_pod_chips(params->pod);
	const size_t digits = strspn(text, "0123456789");
	const bool number = digits > 0 && text[digits] == '\0';
	/* Nine digits hold any index there is, and fit. */
	const unsigned long index = number && digits < 10 ? strtoul(text, NULL, 10) : ULONG_MAX;

	if (index < chips) {
		params->index = (uint32_t)index;
		return 0;
	}
	if (chips == 1)
		snprintf(why, why_size, "mock:%s has one device, /0: '%.32s' is no index of it",
			 params->pod->name, text);
	else
		snprintf(why, why_size,
			 "mock:%s has devices /0 to /%" PRIu32 ": '%.32s' is no index of it",
			 params->pod->name, chips - 1, text);
	return number ? -ENODEV : -EINVAL;
}

static int take_pod(const char *path, struct mock_params *params, char *why, size_t why_size)
{
	char name[32];
	char pods[128];
	const char *slash = strchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : strlen(path);

	if (length == 0 || length >= sizeof(name)) {
		snprintf(why, why_size, "mock: needs a pod: %s", pods_text(pods, sizeof(pods)));
		return -EINVAL;
	}
	memcpy(name, path, length);
	name[length] = '\0';
	params->pod = trn_pod_find(name);
	params->gen = trn_gen_find(params->pod ? params->pod->gen : name);
	if (!params->gen) {
		snprintf(why, why_size, "no pod '%s'; there are %s", name,
			 pods_text(pods, sizeof(pods)));
		return -ENODEV;
	}
	if (!params->pod) {
		/* A generation that no table of pods knows: one chip of it. */
		params->alone = *trn_pod_find("trn3");
		params->alone.name = params->alone.gen = params->gen->name;
		params->alone.product = params->gen->product;
		params->pod = &params->alone;
		params->fabric = trn_pod_fabric_find(trn_pod_find("trn3"), NULL);
	} else {
		params->fabric = trn_pod_fabric_find(params->pod, NULL);
	}
	params->index = trn_pod_chips(params->pod) == 1 ? 0 : UINT32_MAX;
	return slash ? take_index(slash + 1, params, why, why_size) : 0;
}

static int take_fabric(const char *value, struct mock_params *params, char *why, size_t why_size)
{
	const struct trn_pod_fabric *fabric;
	char names[96] = "";
	size_t used = 0;

	params->fabric = trn_pod_fabric_find(params->pod, value);
	if (params->fabric)
		return 0;
	for (unsigned int i = 0; (fabric = trn_pod_fabric_at(params->pod, i)); i++)
		used = trn_text_add(names, sizeof(names), used, " %s", fabric->name);
	snprintf(why, why_size, "fabric=%.16s: mock:%s has%s", value, params->pod->name, names);
	return -EINVAL;
}

static int take_number(const struct trn_uri_param *from, const struct param *param,
		       struct mock_params *params, char *why, size_t why_size)
{
	uint64_t value = 0;
	int r = trn_parse_size(from->value, &value);
	size_t length = strlen(from->value);

	if (r == 0 && !param->size && length > 0 &&
	    !strchr("0123456789abcdefABCDEF", from->value[length - 1]))
		r = -EINVAL; /* a unit where none belongs */
	if (r == 0 && (value < param->min || value > param->max))
		r = -EINVAL;
	if (r == 0 && param->size && value % TRN_MIB != 0)
		r = -EINVAL;
	if (r < 0) {
		snprintf(why, why_size, "%s=%.32s: %s is wanted", param->key, from->value,
			 param->limits);
		return -EINVAL;
	}
	memcpy((char *)params + param->at, &value, sizeof(value));
	return 0;
}

/* Keys are unique in a URI, so several faults share one value, with ';' between. */
static int take_faults(const char *value, struct mock_params *params, char *why, size_t why_size)
{
	char *text = params->fault_text;

	if (snprintf(text, sizeof(params->fault_text), "%s", value) >=
	    (int)sizeof(params->fault_text)) {
		snprintf(why, why_size, "fault=: too long");
		return -EINVAL;
	}
	for (char *next; text; text = next) {
		next = strchr(text, ';');
		if (next)
			*next++ = '\0';
		if (*text == '\0' || params->fault_count == MOCK_FAULTS) {
			snprintf(why, why_size, "fault=: %s",
				 *text ? "more than 16" : "an empty one");
			return -EINVAL;
		}
		params->faults[params->fault_count++] = text;
	}
	return 0;
}

static int take_param(const struct trn_uri_param *from, struct mock_params *params, char *why,
		      size_t why_size)
{
	if (strcmp(from->key, "fault") == 0)
		return take_faults(from->value, params, why, why_size);
	if (strcmp(from->key, "profile") == 0) {
		params->profile = from->value;
		return 0;
	}
	if (strcmp(from->key, "fabric") == 0)
		return take_fabric(from->value, params, why, why_size);
	for (size_t i = 0; i < TRN_ARRAY_LEN(params_known); i++) {
		if (strcmp(params_known[i].key, from->key) == 0)
			return take_number(from, &params_known[i], params, why, why_size);
	}
	snprintf(why, why_size,
		 "unknown parameter '%.32s'; seed threads hbm profile fault fabric api "
		 "extension bar4 revision routing serial timing-only exist",
		 from->key);
	return -EINVAL;
}

int trn_mock_params(const struct trn_uri *uri, struct mock_params *ret_params, char *why,
		    size_t why_size)
{
	int r;

	*ret_params = (struct mock_params){ .seed = 1, .extension = 1, .bar4 = 1 };
	r = take_pod(uri->path, ret_params, why, why_size);
	for (size_t i = 0; r == 0 && i < uri->param_count; i++)
		r = take_param(&uri->params[i], ret_params, why, why_size);
	return r;
}
