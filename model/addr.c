/* SPDX-License-Identifier: Apache-2.0 */
/* Device-side (AXI) addresses: who answers where, and moving bytes between
 * any two places. Everything is cut into spans: stretches with one owner. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "model/parts.h"

enum span_kind {
	SPAN_MEMORY, /* ptr */
	SPAN_CORE,   /* SBUF or PSUM: core and window offset */
	SPAN_REGS,   /* BAR0 offset, 4-byte words */
};

struct span {
	enum span_kind kind;
	struct trn_chip *chip; /* that answers */
	uint8_t *ptr;
	uint64_t size;
	uint32_t core, offset;
	struct trn_store *store; /* NULL for host memory */
	uint64_t store_offset;
};

/* ---- stores ---- */

uint8_t *trn_store_base(struct trn_model *model, struct trn_store *store)
{
	size_t words = (size_t)((store->size / TRN_STORE_PAGE + 64) / 64);

	if (store->base)
		return store->base;
	store->touched = trn_alloc_array(model->alloc, words, sizeof(*store->touched));
	if (store->touched)
		store->base = model->host.reserve(model->host.user, store->size);
	if (!store->base) {
		trn_free(model->alloc, store->touched);
		store->touched = NULL;
		model->lost++;
	}
	return store->base;
}

void trn_store_touch(struct trn_model *model, struct trn_store *store, uint64_t offset,
		     uint64_t size)
{
	uint64_t last = (offset + size - 1) / TRN_STORE_PAGE;

	(void)model;
	for (uint64_t page = offset / TRN_STORE_PAGE; page <= last; page++)
		store->touched[page / 64] |= UINT64_C(1) << page % 64;
}

void trn_store_fini(struct trn_model *model, struct trn_store *store)
{
	if (store->base)
		model->host.unreserve(model->host.user, store->base, store->size);
	trn_free(model->alloc, store->touched);
	store->base = NULL;
	store->touched = NULL;
}

static bool all_zero(const uint8_t *p, size_t size)
{
	/* A buffer is all zero when it equals itself moved by one word. */
	return trn_load64(p) == 0 && memcmp(p, p + 8, size - 8) == 0;
}

uint64_t trn_store_hash(const struct trn_store *store, uint64_t hash)
{
	uint64_t pages = store->base ? (store->size + TRN_STORE_PAGE - 1) / TRN_STORE_PAGE : 0;

	for (uint64_t page = 0; page < pages; page++) {
		const uint8_t *p = store->base + page * TRN_STORE_PAGE;
		size_t size =
			(size_t)trn_min_u64(TRN_STORE_PAGE, store->size - page * TRN_STORE_PAGE);

		if (store->touched[page / 64] == 0) {
			page |= 63;
			continue;
		}
		if ((store->touched[page / 64] >> page % 64 & 1) == 0 || all_zero(p, size))
			continue;
		hash = trn_hash_u64(hash, page);
		hash = trn_hash_bytes(hash, p, size);
	}
	return hash;
}

/* ---- the map (driver facts 2.2) ---- */

enum region_kind {
	REGION_REGS, /* an APB space with its image in BAR0 */
	REGION_TPB,
	REGION_TOPSP,
	REGION_PREPROC,
};

struct region {
	uint64_t base, size;
	enum region_kind kind;
	uint32_t index;
	uint32_t bar0;
};

#define APB(base, size, bar0)                              \
	{                                                  \
		UINT64_C(base), size, REGION_REGS, 0, bar0 \
	}
#define SE_APB(i, base) APB(base, 0x10000000, TRN_BAR0_SE_APB0 + (i)*TRN_BAR0_SE_APB_STRIDE)
#define PREPROC(i, base)                                                   \
	{                                                                  \
		UINT64_C(base), TRN_AXI_PREPROC_SIZE, REGION_PREPROC, i, 0 \
	}
#define TPB(i, base)                                                \
	{                                                           \
		UINT64_C(base), TRN_BAR0_TPB_STRIDE, REGION_TPB, i, \
			TRN_BAR0_TPB + (i)*TRN_BAR0_TPB_STRIDE      \
	}
/* Ten sync processors a die; blocks 8, 9, 18 and 19 have no registers that anybody knows. */
#define TOPSP(die, base, id)                                                \
	{                                                                   \
		base, 10 * TRN_AXI_TOPSP_STRIDE, REGION_TOPSP, (die)*10, id \
	}

/* Most used first. */
static const struct region regions[] = {
	TPB(0, 0x002000000000),
	TPB(1, 0x003000000000),
	TPB(2, 0x006000000000),
	TPB(3, 0x007000000000),
	TPB(4, 0x802000000000),
	TPB(5, 0x803000000000),
	TPB(6, 0x806000000000),
	TPB(7, 0x807000000000),
	SE_APB(0, 0x001000000000),
	SE_APB(1, 0x005000000000),
	SE_APB(2, 0x801000000000),
	SE_APB(3, 0x805000000000),
	{ TRN_AXI_IO_APB0, TRN_AXI_IO_APB_SIZE, REGION_REGS, 0, TRN_BAR0_IO_APB0 },
	{ TRN_AXI_IO_APB1, TRN_AXI_IO_APB_SIZE, REGION_REGS, 0, TRN_BAR0_IO_APB1 },
	TOPSP(0, TRN_AXI_TOPSP0, TRN_BAR0_TOPSP0),
	TOPSP(1, TRN_AXI_TOPSP10, TRN_BAR0_TOPSP8),
	PREPROC(0, 0x001200000000),
	PREPROC(1, 0x005200000000),
	PREPROC(2, 0x801200000000),
	PREPROC(3, 0x805200000000),
};

static int span_store(struct trn_chip *chip, struct trn_store *store, uint64_t offset,
		      struct span *span)
{
	uint8_t *base = trn_store_base(chip->model, store);

	if (offset >= store->size)
		return -EFAULT;
	if (!base)
		return -ENOMEM;
	span->kind = SPAN_MEMORY;
	span->ptr = base + offset;
	span->size = store->size - offset;
	span->store = store;
	span->store_offset = offset;
	return 0;
}

static void span_regs(uint32_t bar0, uint64_t size, struct span *span)
{
	span->kind = SPAN_REGS;
	span->offset = bar0;
	span->size = size;
}

static int span_tpb(struct trn_chip *chip, uint32_t core, uint32_t offset, struct span *span)
{
	if ((chip->in_reset >> core & 1) != 0) {
		trn_model_event(chip, TRN_EV_VIOLATION, "in-reset", trn_regs_tpb_axi(core) + offset,
				0, core, 0);
		return -EFAULT;
	}
	span->kind = SPAN_CORE;
	span->core = core;
	span->offset = offset;
	if (offset < TRN_TPB_SBUF_SIZE) {
		uint32_t in = offset % TRN_SBUF_PARTITION_STRIDE;

		if (in >= chip->gen->sbuf_partition_bytes)
			return -EFAULT;
		span->size = chip->gen->sbuf_partition_bytes - in;
		return 0;
	}
	if (offset >= TRN_TPB_PSUM && offset - TRN_TPB_PSUM < TRN_TPB_PSUM_SIZE) {
		span->size = TRN_TPB_PSUM_SIZE - (offset - TRN_TPB_PSUM);
		return 0;
	}
	if (offset >= TRN_TPB_EVENTS && offset - TRN_TPB_EVENTS < TRN_TPB_SYNC_SIZE) {
		span_regs(TRN_BAR0_TPB + core * TRN_BAR0_TPB_STRIDE + offset,
			  TRN_TPB_SYNC_SIZE - (offset - TRN_TPB_EVENTS), span);
		return 0;
	}
	return -EFAULT;
}

static int span_topsp(struct trn_chip *chip, const struct region *region, uint64_t offset,
		      struct span *span)
{
	uint32_t block = (uint32_t)(offset / TRN_AXI_TOPSP_STRIDE);
	uint64_t in = offset % TRN_AXI_TOPSP_STRIDE;

	if (in >= TRN_BAR0_TOPSP_STRIDE)
		return -EFAULT;
	if (block < TRN_TOPSPS / 2 && in < TRN_TPB_SYNC_SIZE) {
		span_regs(region->bar0 + block * TRN_BAR0_TOPSP_STRIDE + (uint32_t)in,
			  TRN_TPB_SYNC_SIZE - in, span);
		return 0;
	}
	return span_store(chip, &chip->topsp_ram[region->index + block], in, span);
}

static int span_host(struct trn_chip *chip, uint64_t address, uint64_t want, bool write,
		     struct span *span)
{
	const struct trn_model_host *host = &chip->model->host;
	uint64_t iova = address & ~TRN_AXI_HOST;

	if (!chip->bus_master) {
		trn_model_event(chip, TRN_EV_VIOLATION, "bus-master-off", address, want, 0, 0);
		return -EFAULT;
	}
	want = trn_min_u64(want, TRN_AXI_HOST - iova);
	span->ptr = host->resolve(host->user, chip->server, iova, want, write);
	if (!span->ptr) {
		/* Two mappings may meet inside the range: go on a page at a time. */
		want = trn_min_u64(want, 4096 - iova % 4096);
		span->ptr = host->resolve(host->user, chip->server, iova, want, write);
	}
	if (!span->ptr)
		return -EFAULT;
	span->kind = SPAN_MEMORY;
	span->size = want;
	return 0;
}

/* The span at an address of the chip's own, want bytes at most. */
static int span_own(struct trn_chip *chip, uint64_t address, uint64_t want, bool write,
		    struct span *span)
{
	int r = -EFAULT;

	*span = (struct span){ .kind = SPAN_MEMORY, .chip = chip };
	if (address >> 46 == 1)
		return span_host(chip, address, want, write, span);
	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		uint64_t offset = address - trn_regs_hbm_axi(i);

		if (address >= trn_regs_hbm_axi(i) && offset < chip->hbm_bytes) {
			r = span_store(chip, &chip->hbm[i], offset, span);
			span->size = trn_min_u64(span->size, want);
			return r;
		}
	}
	for (size_t i = 0; i < TRN_ARRAY_LEN(regions); i++) {
		const struct region *region = &regions[i];
		uint64_t offset = address - region->base;

		if (address < region->base || offset >= region->size)
			continue;
		switch (region->kind) {
		case REGION_REGS:
			span_regs(region->bar0 + (uint32_t)offset, region->size - offset, span);
			r = 0;
			break;
		case REGION_TPB:
			r = span_tpb(chip, region->index, (uint32_t)offset, span);
			break;
		case REGION_TOPSP:
			r = span_topsp(chip, region, offset, span);
			break;
		case REGION_PREPROC:
			r = span_store(chip, &chip->preproc[region->index], offset, span);
			break;
		}
		break;
	}
	span->size = trn_min_u64(span->size, want);
	/* Registers are words: part of one answers nothing. */
	if (r == 0 && span->kind == SPAN_REGS && (span->offset % 4 != 0 || span->size < 4))
		return -EFAULT;
	if (span->kind == SPAN_REGS)
		span->size &= ~UINT64_C(3);
	return r;
}

/* ---- peers ---- */

/* The device of the same coordinate in the UltraServer node that a window looks into: 1 and 2 are
 * the pair of links to the node before, 0 and 3 to the one behind (driver facts 8.4). */
static uint32_t window_chip(const struct trn_chip *chip, uint32_t window)
{
	const struct trn_pod *pod = chip->model->pod;
	const uint32_t plane = pod->dims[0] * pod->dims[1], chips = chip->model->chip_count;
	const bool before = window == 1 || window == 2;

	if (pod->shape != TRN_POD_TORUS || pod->dims[2] < 2)
		return UINT32_MAX;
	return (chip->index + (before ? chips - plane : plane)) % chips;
}

struct trn_chip *trn_chip_at(struct trn_chip *chip, uint64_t *address)
{
	const struct trn_model *model = chip->model;
	struct trn_pod_place place;
	uint32_t index = UINT32_MAX;
	uint64_t axi = *address;

	if (!trn_address_far(*address))
		return chip;
	if (trn_peer_split(*address, &place, &axi)) {
		index = trn_pod_chip(model->pod, &place);
	} else if (*address >> 50 >= TRN_AXI_PEER0 >> 50 && *address >> 50 < 8) {
		index = window_chip(chip, (uint32_t)(*address >> 50) & 3);
		axi = *address % TRN_AXI_PEER_STRIDE;
	}
	if (index >= model->chip_count)
		return NULL;
	*address = axi;
	return model->chips[index];
}

/* What another chip reaches here: memory and semaphores, nothing that configures; MISC RAM
 * through a window, which only reads. No chip reaches the memory of another one's host. */
static bool reachable(const struct trn_chip *chip, uint64_t address, bool window, bool write)
{
	const uint64_t topsp =
		address - (address >= TRN_AXI_TOPSP10 ? TRN_AXI_TOPSP10 : TRN_AXI_TOPSP0);

	if (chip->dead || chip->in_reset >> TRN_RESET_TOP & 1 || (window && write))
		return false;
	switch (trn_chip_place(chip, address)) {
	case TRN_PLACE_HBM:
	case TRN_PLACE_CORE:
		return true;
	case TRN_PLACE_OTHER:
		if (window && address - TRN_AXI_MISC_RAM < TRN_MISC_RAM_SIZE)
			return true;
		return address >= TRN_AXI_TOPSP0 && topsp / TRN_AXI_TOPSP_STRIDE < TRN_TOPSPS / 2 &&
		       topsp % TRN_AXI_TOPSP_STRIDE < TRN_TPB_SYNC_SIZE;
	default:
		return false;
	}
}

/* The span at any address, want bytes at most. */
static int span_at(struct trn_chip *chip, uint64_t address, uint64_t want, bool write,
		   struct span *span)
{
	const bool window = !(address & TRN_PEER_MARK);
	struct trn_chip *at;

	if (chip->dead)
		return -EFAULT;
	if (!trn_address_far(address))
		return span_own(chip, address, want, write, span);
	at = trn_chip_at(chip, &address);
	if (!at || !reachable(at, address, window, write))
		return -EFAULT;
	if (address - TRN_AXI_MISC_RAM < TRN_MISC_RAM_SIZE)
		want = trn_min_u64(want, TRN_MISC_RAM_SIZE - (address - TRN_AXI_MISC_RAM));
	return span_own(at, address, want, write, span);
}

/* Somebody over there may wait for what was written. */
static void wrote(struct trn_chip *chip, uint64_t address)
{
	if (!trn_address_far(address))
		return;
	chip = trn_chip_at(chip, &address);
	if (chip && chip->launch)
		trn_launch_kick(chip->launch);
}

enum trn_place trn_chip_place(const struct trn_chip *chip, uint64_t address)
{
	if (address >> 46 == 1)
		return TRN_PLACE_HOST;
	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		if (address >= trn_regs_hbm_axi(i) &&
		    address - trn_regs_hbm_axi(i) < chip->hbm_bytes)
			return TRN_PLACE_HBM;
	}
	for (size_t i = 0; i < TRN_ARRAY_LEN(regions); i++) {
		if (address >= regions[i].base && address - regions[i].base < regions[i].size)
			return regions[i].kind == REGION_TPB ? TRN_PLACE_CORE : TRN_PLACE_OTHER;
	}
	return TRN_PLACE_NONE;
}

int trn_chip_far_check(struct trn_chip *chip, uint64_t address, uint64_t size, bool write,
		       uint64_t *ret_bad)
{
	for (uint64_t done = 0; done < size;) {
		struct span span;
		int r = address + done < address ?
				-EFAULT :
				span_at(chip, address + done, size - done, write, &span);

		if (r < 0) {
			*ret_bad = address + done;
			return r;
		}
		done += span.size;
	}
	return 0;
}

/* 0, or the first byte is bad: who asks takes no address of another chip. */
static int own_only(uint64_t address, uint64_t *ret_bad)
{
	if (!trn_address_far(address))
		return 0;
	*ret_bad = address;
	return -EFAULT;
}

int trn_chip_dma_check(struct trn_chip *chip, uint64_t address, uint64_t size, bool write,
		       uint64_t *ret_bad)
{
	const int r = own_only(address, ret_bad);

	return r < 0 ? r : trn_chip_far_check(chip, address, size, write, ret_bad);
}

/* ---- moving ---- */

/* Words that somebody else may poll appear whole, after everything written before. */
static void copy_memory(uint8_t *dst, const uint8_t *src, uint64_t size)
{
	if (size == 4 && (uintptr_t)dst % 4 == 0) {
		__atomic_store_n((uint32_t *)(void *)dst, trn_load32(src), __ATOMIC_RELEASE);
	} else if (size == 8 && (uintptr_t)dst % 8 == 0) {
		__atomic_store_n((uint64_t *)(void *)dst, trn_load64(src), __ATOMIC_RELEASE);
	} else {
		memmove(dst, src, (size_t)size);
	}
}

static int span_read(const struct span *span, uint8_t *dst, uint64_t size)
{
	struct trn_chip *chip = span->chip;
	struct trn_core *core;

	if (span->kind == SPAN_MEMORY) {
		copy_memory(dst, span->ptr, size);
		return 0;
	}
	if (span->kind == SPAN_CORE) {
		core = trn_chip_core(chip, span->core);
		return core ? trn_core_window_read(core, span->offset, dst, size) : -ENOMEM;
	}
	for (uint64_t i = 0; i < size; i += 4)
		trn_store32(dst + i, trn_chip_reg_read(chip, span->offset + (uint32_t)i));
	return 0;
}

static int span_write(const struct span *span, const uint8_t *src, uint64_t size)
{
	struct trn_chip *chip = span->chip;
	struct trn_core *core;

	if (span->kind == SPAN_MEMORY) {
		if (span->store)
			trn_store_touch(chip->model, span->store, span->store_offset, size);
		copy_memory(span->ptr, src, size);
		return 0;
	}
	if (span->kind == SPAN_CORE) {
		core = trn_chip_core(chip, span->core);
		return core ? trn_core_window_write(core, span->offset, src, size) : -ENOMEM;
	}
	for (uint64_t i = 0; i < size; i += 4)
		trn_chip_reg_write(chip, span->offset + (uint32_t)i, trn_load32(src + i));
	return 0;
}

/* Moves up to size bytes and says how many. */
static int span_move(const struct span *dst, const struct span *src, uint64_t size,
		     uint64_t *ret_moved)
{
	uint8_t buffer[4096];
	int r;

	*ret_moved = size;
	if (src->kind == SPAN_MEMORY)
		return span_write(dst, src->ptr, size);
	if (dst->kind == SPAN_MEMORY) {
		if (dst->store)
			trn_store_touch(dst->chip->model, dst->store, dst->store_offset, size);
		return span_read(src, dst->ptr, size);
	}
	*ret_moved = size = trn_min_u64(size, sizeof(buffer));
	r = span_read(src, buffer, size);
	return r < 0 ? r : span_write(dst, buffer, size);
}

/* Piece by piece, after a check of both sides. fixed replaces one side when not NULL. */
static int copy_spans(struct trn_chip *chip, uint64_t dst, uint64_t src,
		      const struct span *fixed_dst, const struct span *fixed_src, uint64_t size,
		      uint64_t *ret_bad)
{
	for (uint64_t done = 0; done < size;) {
		struct span to, from;
		uint64_t moved = 0;
		int r = 0;

		if (fixed_src) {
			from = *fixed_src;
			from.ptr += done;
			from.size -= done;
		} else {
			r = span_at(chip, src + done, size - done, false, &from);
			*ret_bad = src + done;
		}
		if (r == 0 && fixed_dst) {
			to = *fixed_dst;
			to.ptr += done;
			to.size -= done;
		} else if (r == 0) {
			r = span_at(chip, dst + done, size - done, true, &to);
			*ret_bad = dst + done;
		}
		if (r == 0)
			r = span_move(&to, &from, trn_min_u64(to.size, from.size), &moved);
		if (r < 0)
			return r;
		done += moved;
	}
	return 0;
}

int trn_chip_dma_copy(struct trn_chip *chip, uint64_t dst, uint64_t src, uint64_t size,
		      uint64_t *ret_bad)
{
	uint64_t bad = 0;
	struct span to, from;
	int r;

	if (size == 0)
		return 0;
	/* The usual case: one stretch of memory on both sides. */
	if (span_at(chip, src, size, false, &from) == 0 && from.kind == SPAN_MEMORY &&
	    from.size == size && span_at(chip, dst, size, true, &to) == 0 &&
	    to.kind == SPAN_MEMORY && to.size == size) {
		(void)span_write(&to, from.ptr, size); /* memory takes it */
		wrote(chip, dst);
		return 0;
	}
	r = trn_chip_far_check(chip, src, size, false, &bad);
	if (r == 0)
		r = trn_chip_far_check(chip, dst, size, true, &bad);
	if (r == 0)
		r = copy_spans(chip, dst, src, NULL, NULL, size, &bad);
	if (r < 0)
		*ret_bad = bad;
	else
		wrote(chip, dst);
	return r;
}

/* The usual case of what queues and rings look at: host memory, one stretch. NULL: look at it the
 * long way, which finds out why. */
static uint8_t *host_stretch(struct trn_chip *chip, uint64_t address, uint64_t size, bool write)
{
	const struct trn_model_host *host = &chip->model->host;

	if (address >> 46 != 1 || size == 0 || size > TRN_AXI_HOST - (address & ~TRN_AXI_HOST) ||
	    !chip->bus_master || chip->dead)
		return NULL;
	return host->resolve(host->user, chip->server, address & ~TRN_AXI_HOST, size, write);
}

int trn_chip_far_read(struct trn_chip *chip, uint64_t src, void *dst, uint64_t size,
		      uint64_t *ret_bad)
{
	struct span to = { .kind = SPAN_MEMORY, .chip = chip, .ptr = dst, .size = size };
	const uint8_t *host = host_stretch(chip, src, size, false);
	uint64_t bad = 0;
	int r;

	if (host) {
		copy_memory(dst, host, size);
		return 0;
	}
	r = trn_chip_far_check(chip, src, size, false, &bad);
	if (r == 0)
		r = copy_spans(chip, 0, src, &to, NULL, size, &bad);
	if (r < 0)
		*ret_bad = bad;
	return r;
}

int trn_chip_far_write(struct trn_chip *chip, uint64_t dst, const void *src, uint64_t size,
		       uint64_t *ret_bad)
{
	/* The span is only read from; its pointer serves both directions. */
	struct span from = { .kind = SPAN_MEMORY, .ptr = (uint8_t *)(uintptr_t)src, .size = size };
	uint8_t *host = host_stretch(chip, dst, size, true);
	uint64_t bad = 0;
	int r;

	if (host) {
		copy_memory(host, src, size);
		return 0;
	}
	r = trn_chip_far_check(chip, dst, size, true, &bad);
	if (r == 0)
		r = copy_spans(chip, dst, 0, NULL, &from, size, &bad);
	if (r < 0)
		*ret_bad = bad;
	else
		wrote(chip, dst);
	return r;
}

int trn_chip_dma_read(struct trn_chip *chip, uint64_t src, void *dst, uint64_t size,
		      uint64_t *ret_bad)
{
	const int r = own_only(src, ret_bad);

	return r < 0 ? r : trn_chip_far_read(chip, src, dst, size, ret_bad);
}

int trn_chip_dma_write(struct trn_chip *chip, uint64_t dst, const void *src, uint64_t size,
		       uint64_t *ret_bad)
{
	const int r = own_only(dst, ret_bad);

	return r < 0 ? r : trn_chip_far_write(chip, dst, src, size, ret_bad);
}

void *trn_chip_far_memory(struct trn_chip *chip, uint64_t address, uint64_t size, bool write)
{
	struct span span;

	if (size == 0 || span_at(chip, address, size, write, &span) < 0 || span.size < size ||
	    span.kind != SPAN_MEMORY)
		return NULL;
	if (write && span.store)
		trn_store_touch(chip->model, span.store, span.store_offset, size);
	return span.ptr;
}

void *trn_chip_memory(struct trn_chip *chip, uint64_t address, uint64_t size, bool write)
{
	void *host = host_stretch(chip, address, size, write);

	if (host)
		return host;
	return trn_address_far(address) ? NULL : trn_chip_far_memory(chip, address, size, write);
}
