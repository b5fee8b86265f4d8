/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores and events of a core or a sync processor, as registers see them.
 * Counting saturates: an increment stops at 2^32 - 1, a decrement at 0, so a lost
 * pairing shows as a stuck value and never as a wrap to "satisfied". */
#include "model/core.h"

enum sync_block {
	BLOCK_EVENT,
	BLOCK_READ,
	BLOCK_SET,
	BLOCK_INC,
	BLOCK_DEC,
	BLOCK_NONE,
};

/* Which block and which register an offset names; misaligned and gaps: none. */
static enum sync_block sync_find(uint32_t offset, uint32_t *ret_index)
{
	static const struct {
		uint32_t base;
		enum sync_block block;
	} blocks[] = {
		{ TRN_TOPSP_EVENTS, BLOCK_EVENT }, { TRN_TOPSP_SEM_READ, BLOCK_READ },
		{ TRN_TOPSP_SEM_SET, BLOCK_SET },  { TRN_TOPSP_SEM_INC, BLOCK_INC },
		{ TRN_TOPSP_SEM_DEC, BLOCK_DEC },
	};

	if (offset % 4 != 0)
		return BLOCK_NONE;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (offset < blocks[i].base || (offset - blocks[i].base) / 4 >= TRN_SEMAPHORES)
			continue;
		*ret_index = (offset - blocks[i].base) / 4;
		return blocks[i].block;
	}
	return BLOCK_NONE;
}

uint32_t trn_sync_read(const struct trn_sync *sync, uint32_t offset)
{
	uint32_t index = 0;

	switch (sync_find(offset, &index)) {
	case BLOCK_EVENT:
		return sync->event[index];
	case BLOCK_READ:
	case BLOCK_SET:
	case BLOCK_INC:
	case BLOCK_DEC:
		/* The write aliases read back the value: one register, four doors. */
		return sync->semaphore[index];
	case BLOCK_NONE:
		break;
	}
	return 0;
}

void trn_sync_count(struct trn_sync *sync, uint32_t semaphore, bool down, uint32_t by)
{
	uint32_t value = sync->semaphore[semaphore];
	uint32_t room = down ? value : UINT32_MAX - value;

	if (by > room) {
		sync->clipped++;
		by = room;
	}
	sync->semaphore[semaphore] = down ? value - by : value + by;
}

int trn_sync_write(struct trn_sync *sync, uint32_t offset, uint32_t value)
{
	uint32_t index = 0;

	switch (sync_find(offset, &index)) {
	case BLOCK_EVENT:
		sync->event[index] = value;
		return -1;
	case BLOCK_SET:
		sync->semaphore[index] = value;
		break;
	case BLOCK_INC:
		trn_sync_count(sync, index, false, value);
		break;
	case BLOCK_DEC:
		trn_sync_count(sync, index, true, value);
		break;
	case BLOCK_READ: /* read only */
	case BLOCK_NONE:
	default:
		return -1;
	}
	return (int)index;
}
