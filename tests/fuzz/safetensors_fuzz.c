/* SPDX-License-Identifier: Apache-2.0 */
/* Weight files from anywhere: a safetensors image ends in tensors that cover its data
 * without overlap, or in a reason. */
#include <stdlib.h>
#include <string.h>
#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decode_tensors tensors;
	struct decode_why why = { "" };
	uint64_t end = 0;

	if (decode_tensors_parse(data, size, &tensors, &why) < 0) {
		require(why.text[0] != '\0' && strlen(why.text) < sizeof(why.text));
		return 0;
	}
	for (size_t i = 0; i < tensors.count; i++) {
		const struct decode_tensor *tensor = &tensors.list[i];

		require(tensor->begin == end && tensor->end >= tensor->begin);
		require(tensor->rank <= DECODE_RANK_MAX);
		require(tensor->data >= data && tensor->data + (tensor->end - end) <= data + size);
		require(decode_tensors_find(&tensors, tensor->name) != NULL);
		end = tensor->end;
	}
	decode_tensors_free(&tensors);
	return 0;
}
