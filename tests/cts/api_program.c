/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: loading and launching programs. */
#include "api.h"

#include <errno.h>
#include <string.h>

/* Bytes that are no program are refused with the byte and the reason. */
static void program_garbage(struct api *a)
{
	struct trn_program *program = NULL;
	uint8_t bytes[512];

	for (int i = 0; i < 20; i++) {
		api_random(a, bytes, sizeof(bytes));
		API_CODE(a, -TRN_EPROGRAM,
			 trn_program_load(a->device, bytes, sizeof(bytes), 0, api_soon(),
					  &program));
	}
	API_CODE(a, -TRN_EPROGRAM, trn_program_load(a->device, bytes, 0, 0, api_soon(), &program));
	API_CODE(a, -EINVAL, trn_program_load(a->device, NULL, 10, 0, api_soon(), &program));
	API_CODE(a, -EINVAL, trn_program_load(a->device, bytes, 10, 8, api_soon(), &program));
	API_CHECK(a, !program);
}

const struct api_test api_program_tests[] = {
	{ "program.garbage", program_garbage },
	{ NULL, NULL },
};
