/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of memory that the validate hook has seen made and given back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/regs.h"
#include "hal/validate.h"

/* How many blocks begin at or below the address. */
static size_t blocks_below(const struct trn_validate *v, uint64_t address)
{
	size_t low = 0, high = v->block_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (v->blocks[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int trn_validate_block_add(struct trn_validate *v, const struct trn_hal_mem *mem, const char *label,
			   const void *made)
{
	const size_t at = blocks_below(v, mem->address);
	struct trn_validate_block *block;

	if (v->block_count == v->block_room) {
		const size_t room = v->block_room ? 2 * v->block_room : 64;
		struct trn_validate_block *blocks = trn_alloc_grow(
			v->dev->alloc, v->blocks, v->block_room, room, sizeof(*blocks));

		if (!blocks)
			return -ENOMEM;
		v->blocks = blocks;
		v->block_room = room;
	}
	block = &v->blocks[at];
	memmove(block + 1, block, (v->block_count - at) * sizeof(*block));
	v->block_count++;
	*block = (struct trn_validate_block){
		.address = mem->address, .size = mem->size, .host = mem->host, .made = made
	};
	(void)snprintf(block->label, sizeof(block->label), "%s", label ? label : "no label");
	return 0;
}

bool trn_validate_block_remove(struct trn_validate *v, uint64_t address,
			       struct trn_validate_block *ret_block)
{
	const size_t at = blocks_below(v, address);

	if (at == 0 || v->blocks[at - 1].address != address)
		return false;
	*ret_block = v->blocks[at - 1];
	memmove(&v->blocks[at - 1], &v->blocks[at], (v->block_count - at) * sizeof(*v->blocks));
	v->block_count--;
	v->freed[v->freed_count++ % VALIDATE_FREED] = *ret_block;
	return true;
}

static const struct trn_validate_block *own_block(const struct trn_validate *v, uint64_t address)
{
	const size_t at = blocks_below(v, address);

	if (at == 0 || address - v->blocks[at - 1].address >= v->blocks[at - 1].size)
		return NULL;
	return &v->blocks[at - 1];
}

const struct trn_validate_block *trn_validate_block_at(const struct trn_validate *v,
						       uint64_t address)
{
	const struct trn_validate_block *block = own_block(v, address);

	if (block || !(address & TRN_AXI_HOST))
		return block;
	for (const struct trn_validate *other = trn_validate_all(); other && !block;
	     other = other->next)
		block = own_block(other, address);
	return block;
}

const void *trn_validate_host(const struct trn_validate *v, uint64_t address, uint64_t bytes)
{
	const struct trn_validate_block *block = trn_validate_block_at(v, address);

	if (!block || !block->host || bytes > block->size - (address - block->address))
		return NULL;
	return block->host + (address - block->address);
}

/* The newest block that was there and is not any more. */
static const struct trn_validate_block *freed_at(const struct trn_validate *v, uint64_t address)
{
	for (uint64_t i = 0; i < trn_min_u64(v->freed_count, VALIDATE_FREED); i++) {
		const struct trn_validate_block *block =
			&v->freed[(v->freed_count - 1 - i) % VALIDATE_FREED];

		if (address - block->address < block->size)
			return block;
	}
	return NULL;
}

void trn_validate_check(struct trn_validate_found *found, const struct trn_validate_range *range,
			const char *where)
{
	const struct trn_validate *v = found->v;
	const struct trn_validate_block *block;

	if (range->align && range->address % range->align)
		trn_validate_report(found, TRN_VALIDATE_MISALIGNED,
				    "%s: %s 0x%" PRIx64 " is not a multiple of %" PRIu64, where,
				    range->what, range->address, range->align);
	/* Memory of another chip is in that chip's books. */
	if (range->bytes == 0 || range->address >= TRN_AXI_PEER0)
		return;
	block = trn_validate_block_at(v, range->address);
	if (block) {
		if (range->bytes > block->size - (range->address - block->address))
			trn_validate_report(found, TRN_VALIDATE_OUT_OF_BOUNDS,
					    "%s: %s 0x%" PRIx64 " + 0x%" PRIx64
					    " passes the end of 0x%" PRIx64 " + 0x%" PRIx64 " (%s)",
					    where, range->what, range->address, range->bytes,
					    block->address, block->size, block->label);
		return;
	}
	block = freed_at(v, range->address);
	if (block)
		trn_validate_report(found, TRN_VALIDATE_USE_AFTER_FREE,
				    "%s: %s 0x%" PRIx64 " is in 0x%" PRIx64 " + 0x%" PRIx64
				    " (%s), which was freed",
				    where, range->what, range->address, block->address, block->size,
				    block->label);
	else
		trn_validate_report(found, TRN_VALIDATE_OUT_OF_BOUNDS,
				    "%s: %s 0x%" PRIx64 " is in no memory that was allocated",
				    where, range->what, range->address);
}
