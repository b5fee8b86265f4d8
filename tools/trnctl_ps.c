// SPDX-License-Identifier: Apache-2.0
/* trnctl ps: who holds which core, since when, and what the core does. */
#include "tools/trnctl.h"

#include <inttypes.h>
#include <string.h>

static struct json_object *claim_json(const struct trn_core_claim *claim)
{
	struct json_object *core = json_object_new_object();
	bool held = claim->owner != 0;

	json_object_object_add(core, "core", json_object_new_int64(claim->core));
	json_object_object_add(core, "state",
			       json_object_new_string(trnctl_core_state(claim->state)));
	json_object_object_add(core, "owner", held ? json_object_new_int64(claim->owner) : NULL);
	json_object_object_add(core, "pid", claim->pid ? json_object_new_int64(claim->pid) : NULL);
	json_object_object_add(core, "name",
			       claim->command[0] ? trnctl_text(claim->command) : NULL);
	json_object_object_add(core, "since_ns",
			       held ? json_object_new_uint64(claim->since_ns) : NULL);
	json_object_object_add(core, "since_wall_ns",
			       claim->since_wall_ns ? json_object_new_uint64(claim->since_wall_ns) :
						      NULL);
	return core;
}

static void claim_text(const struct trn_core_claim *claim)
{
	char since[24];

	printf("%4" PRIu32 "  %-9s", claim->core, trnctl_core_state(claim->state));
	if (claim->owner == 0)
		printf("  %10s\n", "free");
	else
		printf("  %10" PRIu32 "  %-16s  %s\n", claim->pid,
		       claim->command[0] ? claim->command : "?",
		       trnctl_duration(claim->since_ns, since));
}

int trnctl_ps(struct trnctl *ctl, int argc, char **argv)
{
	static const struct trnctl_options options = {
		.doc = "Show who holds which core.\vPID and NAME are what the holder said of "
		       "itself when it claimed the core; SINCE is device time.",
	};
	struct json_object *cores = json_object_new_array(), *document;
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
			printf("%4s  %-9s  %10s  %-16s  %s\n", "CORE", "STATE", "PID", "NAME",
			       "SINCE");
		claim.core = core;
		if (ctl->json)
			json_object_array_add(cores, claim_json(&claim));
		else
			claim_text(&claim);
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
