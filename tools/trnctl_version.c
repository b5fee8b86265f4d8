// SPDX-License-Identifier: Apache-2.0
/* trnctl version: of the library that runs and of the headers this tool was built with. */
#include "tools/trnctl.h"

int trnctl_version(struct trnctl *ctl, int argc, char **argv)
{
	static const struct trnctl_options options = {
		.doc = "Show the version of the library and of this tool.",
	};
	struct json_object *document;
	char built[32];
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	snprintf(built, sizeof(built), "%d.%d.%d", TRN_VERSION_MAJOR, TRN_VERSION_MINOR,
		 TRN_VERSION_PATCH);
	if (!ctl->json) {
		printf("trnctl %s, libtrn %s, instruction set %d\n", built, trn_version(),
		       TRN_ISA_VERSION);
		return TRNCTL_OK;
	}
	document = trnctl_document("trn.version/1");
	json_object_object_add(document, "tool", json_object_new_string(built));
	json_object_object_add(document, "library", trnctl_text(trn_version()));
	json_object_object_add(document, "isa", json_object_new_int(TRN_ISA_VERSION));
	return trnctl_print(ctl, document, TRNCTL_OK);
}
