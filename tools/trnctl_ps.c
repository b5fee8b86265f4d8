// SPDX-License-Identifier: Apache-2.0
/* trnctl ps: who holds which core, since when, and what the core does. */
#include "tools/trnctl.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Name of the process behind a claim, for doors whose tokens are process ids. */
static const char *holder_name(uint32_t owner, char *buf, size_t size)
{
	char path[32];
	FILE *file;

	if (owner == 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", owner);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	if (!fgets(buf, (int)size, file))
		buf[0] = '\0';
	fclose(file);
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0] != '\0' ? buf : NULL;
}

static struct json_object *claim_json(const struct trn_core_claim *claim, const char *name)
{
	struct json_object *core = json_object_new_object();
	bool held = claim->owner != 0;

	json_object_object_add(core, "core", json_object_new_int64(claim->core));
	json_object_object_add(core, "state",
			       json_object_new_string(trnctl_core_state(claim->state)));
	json_object_object_add(core, "owner", held ? json_object_new_int64(claim->owner) : NULL);
	json_object_object_add(core, "name", trnctl_text(name));
	json_object_object_add(core, "since_ns",
			       held ? json_object_new_uint64(claim->since_ns) : NULL);
	return core;
}

static void claim_text(const struct trn_core_claim *claim, const char *name)
{
	char since[24];

	printf("%4" PRIu32 "  %-9s", claim->core, trnctl_core_state(claim->state));
	if (claim->owner == 0)
		printf("  %10s\n", "free");
	else
		printf("  %10" PRIu32 "  %-16s  %s\n", claim->owner, name ? name : "?",
		       trnctl_duration(claim->since_ns, since));
}

int trnctl_ps(struct trnctl *ctl, int argc, char **argv)
{
	static const struct trnctl_options options = {
		.doc = "Show who holds which core.\vSINCE is device time. The owner is a process "
		       "id on the doors that live in a process or a daemon.",
	};
	struct json_object *cores = json_object_new_array(), *document;
	char name[64];
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r)) {
		json_object_put(cores);
		return r;
	}
	r = trnctl_open(ctl);
	for (uint32_t core = 0; r == TRNCTL_OK && core < ctl->info.cores; core++) {
		struct trn_core_claim claim = { .size = sizeof(claim) };
		int answer = trn_device_core_claim(ctl->device, core, 0, &claim);

		if (answer < 0) {
			r = trnctl_fail(ctl, answer, "core %" PRIu32 " does not say who holds it",
					core);
			break;
		}
		if (!ctl->json && core == 0)
			printf("%4s  %-9s  %10s  %-16s  %s\n", "CORE", "STATE", "OWNER", "NAME",
			       "SINCE");
		claim.core = core;
		if (ctl->json)
			json_object_array_add(
				cores,
				claim_json(&claim, holder_name(claim.owner, name, sizeof(name))));
		else
			claim_text(&claim, holder_name(claim.owner, name, sizeof(name)));
	}
	if (r != TRNCTL_OK || !ctl->json) {
		json_object_put(cores);
		return r;
	}
	document = trnctl_document("trn.ps/1");
	json_object_object_add(document, "device", trnctl_text(ctl->info.uri));
	json_object_object_add(document, "cores", cores);
	return trnctl_print(ctl, document, TRNCTL_OK);
}
