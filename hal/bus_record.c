/* SPDX-License-Identifier: Apache-2.0 */
/* A bus that writes down what passes through it: registers by name, DMA mappings,
 * and the descriptors behind each UDMA doorbell. Changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/regs.h"
#include "hal/record.h"

#define DIRECTIONS 2 /* M2S, S2M */

/* One direction of a UDMA queue, as its registers were written. */
struct ring {
	uint64_t base;
	uint32_t length, next;
};

struct mapping {
	uint64_t iova, size;
	const uint8_t *base;
};

struct record_bus {
	struct trn_bus bus; /* first */
	struct trn_bus *inner;
	struct trn_record *record; /* its lock protects everything below */
	struct ring *rings;        /* [engine][direction][queue] */
	struct mapping *maps;
	size_t map_count, map_room;
};

static struct record_bus *record_of(struct trn_bus *bus)
{
	return TRN_CONTAINER_OF(bus, struct record_bus, bus);
}

/* ---- descriptors ---- */

/* Host bytes behind a device address that has the host bit, or NULL. */
static const void *host_bytes(const struct record_bus *rec, uint64_t address, uint64_t size)
{
	uint64_t iova = address & ~TRN_AXI_HOST;

	for (size_t i = 0; (address & TRN_AXI_HOST) && i < rec->map_count; i++) {
		const struct mapping *map = &rec->maps[i];

		if (iova >= map->iova && trn_range_ok(iova - map->iova, size, map->size))
			return map->base + (iova - map->iova);
	}
	return NULL;
}

/* A doorbell of count descriptors: they are complete now, so they are written down first. */
static void note_descriptors(struct record_bus *rec, struct ring *ring, uint32_t engine,
			     uint32_t direction, uint32_t queue, uint32_t count)
{
	for (uint32_t n = 0; n < count && n < ring->length; n++) {
		struct trn_udma_desc desc;
		const void *host =
			host_bytes(rec, ring->base + (uint64_t)ring->next * TRN_UDMA_DESC_SIZE,
				   TRN_UDMA_DESC_SIZE);

		if (host) {
			memcpy(&desc, host, sizeof(desc));
			trn_record_line(rec->record,
					"%s %" PRIu32 ".%" PRIu32 " %" PRIu32 " 0x%08" PRIx32
					" 0x%08" PRIx32 " 0x%" PRIx64,
					direction ? "rx" : "tx", engine, queue, ring->next,
					desc.len_ctrl, desc.meta, desc.address);
		}
		ring->next = ring->next + 1 == ring->length ? 0 : ring->next + 1;
	}
}

/* The engine whose block holds a BAR0 offset, or TRN_DMA_ENGINES. */
static uint32_t engine_of(uint64_t offset)
{
	uint64_t block = offset & ~(uint64_t)(TRN_UDMA_BLOCK - 1);
	uint32_t engine = 0;

	while (engine < TRN_DMA_ENGINES && trn_regs_udma_bar0(engine) != block)
		engine++;
	return engine;
}

/* Follows what a register write does to a ring. */
static void note_ring(struct record_bus *rec, uint64_t offset, uint32_t value)
{
	uint32_t in_block = (uint32_t)offset & (TRN_UDMA_BLOCK - 1);
	uint32_t direction = in_block >= TRN_UDMA_S2M ? 1 : 0;
	uint32_t in_unit = in_block - (direction ? TRN_UDMA_S2M : TRN_UDMA_M2S);
	uint32_t reset = direction ? TRN_UDMAQ_S2M_SW_CTRL : TRN_UDMAQ_M2S_SW_CTRL;
	uint32_t engine, queue, reg;
	struct ring *ring;

	if (in_unit < TRN_UDMA_QUEUE(0) || in_unit >= TRN_UDMA_QUEUE(TRN_DMA_QUEUES))
		return;
	engine = engine_of(offset);
	if (engine == TRN_DMA_ENGINES)
		return;
	queue = (in_unit - TRN_UDMA_QUEUE(0)) / 0x1000;
	reg = in_unit & 0xfff;
	ring = &rec->rings[(engine * DIRECTIONS + direction) * TRN_DMA_QUEUES + queue];
	if (reg == TRN_UDMAQ_BASE_LO)
		ring->base = trn_u64(value, trn_hi32(ring->base));
	else if (reg == TRN_UDMAQ_BASE_HI)
		ring->base = trn_u64(trn_lo32(ring->base), value);
	else if (reg == TRN_UDMAQ_LENGTH)
		ring->length = value;
	else if (reg == reset && (value & TRN_UDMAQ_SW_CTRL_RESET))
		ring->next = 0;
	else if (reg == TRN_UDMAQ_TAIL_INC)
		note_descriptors(rec, ring, engine, direction, queue, value);
}

/* ---- the bus ---- */

/* The lock is held over the access: the order of lines is the order of accesses. */
static int record_cfg_read32(struct trn_bus *bus, uint32_t offset, uint32_t *ret_value)
{
	struct record_bus *rec = record_of(bus);
	int r;

	trn_record_begin(rec->record);
	r = rec->inner->ops->cfg_read32(rec->inner, offset, ret_value);
	if (r == 0)
		trn_record_repeat(rec->record, "cfg-read 0x%03" PRIx32 " 0x%08" PRIx32, offset,
				  *ret_value);
	trn_record_end(rec->record);
	return r;
}

static int record_cfg_write32(struct trn_bus *bus, uint32_t offset, uint32_t value)
{
	struct record_bus *rec = record_of(bus);
	int r;

	trn_record_begin(rec->record);
	trn_record_line(rec->record, "cfg-write 0x%03" PRIx32 " 0x%08" PRIx32, offset, value);
	r = rec->inner->ops->cfg_write32(rec->inner, offset, value);
	trn_record_end(rec->record);
	return r;
}

static int record_read32(struct trn_bus *bus, unsigned int bar, uint64_t offset,
			 uint32_t *ret_value)
{
	struct record_bus *rec = record_of(bus);
	int r;

	trn_record_begin(rec->record);
	r = rec->inner->ops->read32(rec->inner, bar, offset, ret_value);
	if (r == 0)
		trn_record_read(rec->record, bar, offset, *ret_value);
	trn_record_end(rec->record);
	return r;
}

static int record_write32(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct record_bus *rec = record_of(bus);
	int r;

	trn_record_begin(rec->record);
	if (bar == TRN_BAR_REGS)
		note_ring(rec, offset, value);
	trn_record_write(rec->record, bar, offset, value);
	r = rec->inner->ops->write32(rec->inner, bar, offset, value);
	trn_record_end(rec->record);
	return r;
}

static int record_map(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint64_t size,
		      void **ret_ptr)
{
	struct record_bus *rec = record_of(bus);
	int r;

	trn_record_begin(rec->record);
	r = rec->inner->ops->map(rec->inner, bar, offset, size, ret_ptr);
	trn_record_line(rec->record, "map %u 0x%" PRIx64 " 0x%" PRIx64 "%s", bar, offset, size,
			r < 0 ? " refused" : "");
	trn_record_end(rec->record);
	return r;
}

/* Lock not held: the allocator is the user's. Room for one more, or -ENOMEM. */
static int maps_make_room(struct record_bus *rec)
{
	for (;;) {
		struct mapping *grown;
		struct mapping *old = NULL;
		size_t room;

		trn_record_begin(rec->record);
		room = rec->map_count < rec->map_room ? 0 : rec->map_room * 2 + 32;
		trn_record_end(rec->record);
		if (room == 0)
			return 0;
		grown = trn_alloc_array(rec->bus.alloc, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		trn_record_begin(rec->record);
		if (room > rec->map_room) {
			if (rec->map_count > 0)
				memcpy(grown, rec->maps, rec->map_count * sizeof(*grown));
			old = rec->maps;
			rec->maps = grown;
			rec->map_room = room;
			grown = NULL;
		}
		trn_record_end(rec->record);
		trn_free(rec->bus.alloc, old);
		trn_free(rec->bus.alloc, grown);
	}
}

static int record_dma_map(struct trn_bus *bus, void *base, uint64_t size, uint64_t *ret_iova)
{
	struct record_bus *rec = record_of(bus);
	int r;

	do {
		r = maps_make_room(rec);
		if (r < 0)
			return r;
		trn_record_begin(rec->record);
		r = -EAGAIN; /* another thread took the room */
		if (rec->map_count < rec->map_room) {
			r = rec->inner->ops->dma_map(rec->inner, base, size, ret_iova);
			if (r == 0) {
				rec->maps[rec->map_count++] =
					(struct mapping){ *ret_iova, size, base };
				trn_record_line(rec->record, "dma-map 0x%" PRIx64 " 0x%" PRIx64,
						*ret_iova, size);
			}
		}
		trn_record_end(rec->record);
	} while (r == -EAGAIN);
	return r;
}

static int record_dma_unmap(struct trn_bus *bus, uint64_t iova, uint64_t size)
{
	struct record_bus *rec = record_of(bus);
	int r;

	trn_record_begin(rec->record);
	for (size_t i = 0; i < rec->map_count; i++) {
		if (rec->maps[i].iova != iova)
			continue;
		rec->maps[i] = rec->maps[--rec->map_count];
		break;
	}
	trn_record_line(rec->record, "dma-unmap 0x%" PRIx64 " 0x%" PRIx64, iova, size);
	r = rec->inner->ops->dma_unmap(rec->inner, iova, size);
	trn_record_end(rec->record);
	return r;
}

/* Waiting is no operation of the driver: nothing to write down, and no lock to hold. */
static int record_progress(struct trn_bus *bus, unsigned int *round, uint64_t deadline_ns)
{
	struct record_bus *rec = record_of(bus);

	return rec->inner->ops->progress(rec->inner, round, deadline_ns);
}

/* The lock is not held: what a control verb prints may be the user's function. */
static int record_control(struct trn_bus *bus, const char *verb, const char *arg, char *ret_text,
			  size_t text_size)
{
	struct record_bus *rec = record_of(bus);

	trn_record_begin(rec->record);
	trn_record_comment(rec->record, "control %.32s %.96s", verb, arg ? arg : "");
	trn_record_end(rec->record);
	return rec->inner->ops->control(rec->inner, verb, arg, ret_text, text_size);
}

static int record_trace(struct trn_bus *bus, trn_trace_fn *fn, void *user)
{
	struct record_bus *rec = record_of(bus);

	return rec->inner->ops->trace ? rec->inner->ops->trace(rec->inner, fn, user) : -ENOTSUP;
}

static void record_close(struct trn_bus *bus)
{
	struct record_bus *rec = record_of(bus);

	rec->inner->ops->close(rec->inner);
	trn_record_close(rec->record, bus->log);
	trn_free(bus->alloc, rec->maps);
	trn_free(bus->alloc, rec->rings);
	trn_free(bus->alloc, rec);
}

static const struct trn_bus_ops record_ops = {
	.close = record_close,
	.cfg_read32 = record_cfg_read32,
	.cfg_write32 = record_cfg_write32,
	.read32 = record_read32,
	.write32 = record_write32,
	.map = record_map,
	.dma_map = record_dma_map,
	.dma_unmap = record_dma_unmap,
	.progress = record_progress,
	.control = record_control,
	.trace = record_trace,
};

int trn_record_wrap_bus(const struct trn_uri_hook *hook, struct trn_bus *inner,
			struct trn_bus **ret_bus)
{
	struct record_bus *rec;
	int r;

	rec = trn_alloc_zero(inner->alloc, sizeof(*rec));
	if (!rec)
		return trn_hal_fail(NULL, -ENOMEM, "no memory for a record");
	rec->rings = trn_alloc_array(inner->alloc,
				     (size_t)TRN_DMA_ENGINES * DIRECTIONS * TRN_DMA_QUEUES,
				     sizeof(*rec->rings));
	r = rec->rings ?
		    trn_record_open(hook, inner->info.pod_id ? inner->info.pod_index : UINT32_MAX,
				    inner->alloc, &rec->record) :
		    trn_hal_fail(NULL, -ENOMEM, "no memory for a record");
	if (r < 0) {
		trn_free(inner->alloc, rec->rings);
		trn_free(inner->alloc, rec);
		return r;
	}
	rec->bus = *inner; /* allocator, log, what the bus says of itself */
	rec->bus.ops = &record_ops;
	rec->inner = inner;
	trn_record_comment(rec->record, "trn-record/1 bus %s %04x:%04x revision %u",
			   inner->info.name, inner->info.vendor, inner->info.device,
			   inner->info.revision);
	*ret_bus = &rec->bus;
	return 0;
}
