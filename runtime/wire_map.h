/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mapping that the processes of one host share.
 *
 * A memfd that process 0 makes and the others take over through /proc: it has no name, so nothing
 * is left behind whoever dies, and it is sealed, so nobody can take pages away under another.
 * One after the other: a page that says what it is; a struct trn_map_rank of each process; its
 * slot (two halves that it fills, and a third for results); a ring of each ordered pair; and a
 * heap of each process, for buffers that the others may reach. Pages are there when touched.
 */
#ifndef RUNTIME_WIRE_MAP_H
#define RUNTIME_WIRE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/types.h>
#include "runtime/boot.h"

#define TRN_MAP_PROCESSES_MAX 64u
#define TRN_MAP_SLOT_BYTES (UINT32_C(1) << 18) /* a half of a slot */
#define TRN_MAP_RING_BYTES (UINT32_C(1) << 16)
#define TRN_MAP_HEAP_BYTES (UINT64_C(1) << 32)
#define TRN_MAP_NOWHERE UINT64_MAX /* an offset: not in the mapping */

/* What a process says of a collective before it arrives at its first barrier; two, because it
 * may say the next while a slow one still reads this one. */
struct trn_map_call {
	uint64_t signature;
	uint64_t count;
};

/* Written by one process, read by all. */
struct trn_map_rank {
	_Alignas(64) _Atomic uint64_t arrived; /* barriers it came to */
	_Atomic uint32_t closed;               /* went in order, all it did is done */
	struct trn_map_call call[2];
	_Alignas(64) uint64_t src[2], dst[2]; /* of the call: offsets in the mapping */
	/* Bytes that lie in a half of the slot for each process. */
	_Alignas(64) uint32_t bytes[2][TRN_MAP_PROCESSES_MAX];
};

/* Bytes from one process to one other; head and tail count from the beginning. */
struct trn_map_ring {
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t tail;
	_Alignas(64) unsigned char data[TRN_MAP_RING_BYTES];
};

struct trn_map_block { /* of the own heap; ascending, without gaps */
	struct trn_map_block *next;
	uint64_t offset, bytes;
	bool used;
};

struct trn_map {
	const struct trn_alloc *alloc;
	unsigned char *base;
	uint64_t bytes;
	uint32_t process, processes;
	uint32_t at;    /* first process that the barrier at hand still waits for */
	uint64_t epoch; /* barriers this process came to */
	uint64_t slots, rings, heaps;
	struct trn_map_block *blocks;
	int pidfd[TRN_MAP_PROCESSES_MAX]; /* -1: own, or unknown */
};

/* All processes of the boot call it. -ENOTSUP: it cannot be here, nothing is left. */
int trn_map_open(const struct trn_alloc *alloc, struct trn_boot *boot, uint64_t deadline_ns,
		 struct trn_map **ret_map);
void trn_map_close(struct trn_map *map);

int trn_map_alloc(struct trn_map *map, uint64_t bytes, void **ret_memory);
int trn_map_free(struct trn_map *map, void *memory);

/* Says to the others that this process goes, and need not be missed. */
void trn_map_leave(struct trn_map *map);
/* Asks the kernel who died; UINT32_MAX: nobody. Who closed before is not dead. */
uint32_t trn_map_dead(const struct trn_map *map);

static inline struct trn_map_rank *trn_map_rank(const struct trn_map *map, uint32_t process)
{
	return (struct trn_map_rank *)(map->base + 4096) + process;
}

static inline bool trn_map_closed(const struct trn_map *map, uint32_t process)
{
	return atomic_load_explicit(&trn_map_rank(map, process)->closed, memory_order_acquire);
}

/* Part 0 and 1: the halves; 2: results. */
static inline unsigned char *trn_map_slot(const struct trn_map *map, uint32_t process,
					  uint32_t part)
{
	return map->base + map->slots +
	       ((uint64_t)process * 3 + part) * (uint64_t)TRN_MAP_SLOT_BYTES;
}

static inline struct trn_map_ring *trn_map_ring(const struct trn_map *map, uint32_t from,
						uint32_t to)
{
	return (struct trn_map_ring *)(map->base + map->rings) + (from * map->processes + to);
}

/* Where memory of this process lies in the mapping. */
static inline uint64_t trn_map_offset(const struct trn_map *map, const void *memory, uint64_t bytes)
{
	const uint64_t at = (uint64_t)((uintptr_t)memory - (uintptr_t)map->base);

	return at >= map->heaps && at < map->bytes && bytes <= map->bytes - at ? at :
										 TRN_MAP_NOWHERE;
}

/* What another process says lies at offset: NULL unless it is inside of the heaps, and at a
 * multiple of the element. */
static inline void *trn_map_at(const struct trn_map *map, uint64_t offset, uint64_t bytes,
			       uint32_t element)
{
	return offset >= map->heaps && offset < map->bytes && bytes <= map->bytes - offset &&
			       offset % element == 0 ?
		       map->base + offset :
		       NULL;
}

/* Comes to the next barrier. Everything written before is seen by who waits for it. */
static inline void trn_map_arrive(struct trn_map *map)
{
	map->at = 0;
	atomic_store_explicit(&trn_map_rank(map, map->process)->arrived, ++map->epoch,
			      memory_order_release);
}

/* Has everybody come to the barrier this process came to last? */
static inline bool trn_map_all_here(struct trn_map *map)
{
	for (; map->at < map->processes; map->at++)
		if (atomic_load_explicit(&trn_map_rank(map, map->at)->arrived,
					 memory_order_acquire) < map->epoch)
			return false;
	return true;
}

#endif /* RUNTIME_WIRE_MAP_H */
