// SPDX-License-Identifier: Apache-2.0
/* trnctl reset: the whole device, or the cores that are named. */
#include "tools/trnctl.h"

#include <string.h>

#define RESET_SECONDS 60u

struct reset {
	struct trnctl *ctl;
	uint32_t core_mask; /* 0: the device */
};

/* "0,2-3" */
static int parse_cores(const char *text, uint32_t *ret_mask)
{
	uint32_t mask = 0;
	char item[16];

	while (true) {
		size_t length = strcspn(text, ",");
		uint64_t first, last;
		char *dash;

		if (length >= sizeof(item))
			return -1;
		memcpy(item, text, length);
		item[length] = '\0';
		dash = strchr(item, '-');
		if (dash)
			*dash = '\0';
		if (trnctl_number(item, &first) < 0 || first > 31)
			return -1;
		last = first;
		if (dash && (trnctl_number(dash + 1, &last) < 0 || last > 31 || last < first))
			return -1;
		for (uint64_t core = first; core <= last; core++)
			mask |= UINT32_C(1) << core;
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	*ret_mask = mask;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct reset *reset = state->input;

	if (key != 'c')
		return ARGP_ERR_UNKNOWN;
	if (parse_cores(arg, &reset->core_mask) < 0)
		return trnctl_usage(reset->ctl, state, "--cores \"%.40s\" is no list such as 0,2-3",
				    arg);
	return 0;
}

static struct json_object *cores_json(uint32_t mask)
{
	struct json_object *list = json_object_new_array();

	for (int core = 0; core < 32; core++) {
		if ((mask >> core & 1) != 0)
			json_object_array_add(list, json_object_new_int(core));
	}
	return list;
}

int trnctl_reset(struct trnctl *ctl, int argc, char **argv)
{
	static const struct argp_option own[] = {
		{ "cores", 'c', "LIST", 0, "Only these cores, for example 0,2-3", 1 },
		{ 0 },
	};
	struct reset reset = { .ctl = ctl };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &reset,
		.doc = "Reset the device, or some of its cores.\vWork on what is reset ends with "
		       "TRN_ERESET for whoever submitted it. HBM keeps its content over a core "
		       "reset, not over a device reset.",
	};
	struct json_object *document;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_open(ctl);
	if (r != TRNCTL_OK)
		return r;
	r = trn_device_reset(ctl->device, reset.core_mask, trnctl_deadline(ctl, RESET_SECONDS));
	if (r < 0)
		return trnctl_fail(ctl, r, "the reset failed");
	if (!ctl->json) {
		printf("%s: %s reset, ready again\n", ctl->info.uri,
		       reset.core_mask != 0 ? "cores" : "device");
		return TRNCTL_OK;
	}
	document = trnctl_document("trn.reset/1");
	json_object_object_add(document, "device", trnctl_text(ctl->info.uri));
	json_object_object_add(document, "scope",
			       json_object_new_string(reset.core_mask != 0 ? "cores" : "device"));
	json_object_object_add(document, "cores", cores_json(reset.core_mask));
	json_object_object_add(document, "ready", json_object_new_boolean(true));
	return trnctl_print(ctl, document, TRNCTL_OK);
}
