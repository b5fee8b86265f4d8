/* SPDX-License-Identifier: Apache-2.0 */
/* Zeroes HBM before it goes back, for contexts that ask for it. */
#include "runtime/private.h"

#include "base/clock.h"

#define PIECE 4096u
#define SCRUB_NS UINT64_C(60000000000) /* of one block, where the device has to copy */

/* Pages that are zero already are not written: memory of a simulated device that nobody touched
 * stays without pages of the host. */
static void zero(uint8_t *bytes, uint64_t count)
{
	for (uint64_t at = 0; at < count; at += PIECE) {
		const size_t n = (size_t)trn_min_u64(PIECE, count - at);
		uint8_t *piece = bytes + at;

		if (piece[0] != 0 || memcmp(piece, piece + 1, n - 1) != 0)
			memset(piece, 0, n);
	}
}

int trn_device_scrub(struct trn_device *device, struct trn_hal_mem *mem)
{
	static const uint8_t zeros[PIECE * 16];
	struct trn_transfer t = {
		.mem = mem,
		.src = zeros,
		.deadline_ns = trn_clock_deadline(SCRUB_NS),
	};
	int r = 0;

	/* The first transfer maps it where the door has a window. */
	for (; r == 0 && t.offset < mem->size && !mem->host; t.offset += t.bytes) {
		t.bytes = trn_min_u64(sizeof(zeros), mem->size - t.offset);
		r = trn_device_transfer(device, &t, "trn_buffer_unref");
	}
	if (r == 0 && mem->host)
		zero(mem->host, mem->size);
	return r;
}
