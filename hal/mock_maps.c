/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory as the chips of one server reach it: ranges of DMA addresses, with holes
 * between them. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/regs.h"
#include "hal/bus_mock.h"

#define IOVA_FIRST UINT64_C(0x100000000) /* low addresses stay unmapped: they are mistakes */
#define IOVA_LIMIT TRN_AXI_HOST          /* bit 46 is the device's mark for host memory */
#define IOVA_HOLE UINT64_C(0x10000)      /* unmapped after each range: overruns are seen */

void trn_mock_maps_init(struct mock_maps *maps)
{
	*maps = (struct mock_maps){ .iova_next = IOVA_FIRST };
}

void *trn_mock_maps_find(struct mock_maps *maps, uint64_t address, uint64_t size)
{
	size_t *hit = &maps->hit[address / IOVA_HOLE % MOCK_HITS];
	const struct mock_map *map;
	size_t low = 0;
	size_t high = maps->count;

	if (*hit < maps->count) {
		map = &maps->map[*hit];
		if (address >= map->iova && trn_range_ok(address - map->iova, size, map->size))
			return map->base + (address - map->iova);
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		map = &maps->map[mid];
		if (address < map->iova) {
			high = mid;
		} else if (address - map->iova >= map->size) {
			low = mid + 1;
		} else {
			*hit = mid;
			return trn_range_ok(address - map->iova, size, map->size) ?
				       map->base + (address - map->iova) :
				       NULL;
		}
	}
	return NULL;
}

/* Room for one more mapping; the allocator is the user's and never called under the lock. */
static int make_room(struct mock_pod *pod, struct mock_maps *maps)
{
	for (;;) {
		struct mock_map *grown;
		struct mock_map *old = NULL;
		size_t room;

		trn_mock_lock(pod);
		room = maps->count < maps->room ? 0 : maps->room * 2 + 32;
		trn_mock_unlock(pod);
		if (room == 0)
			return 0;
		grown = trn_alloc_array(pod->alloc, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		trn_mock_lock(pod);
		if (room > maps->room) {
			if (maps->count > 0)
				memcpy(grown, maps->map, maps->count * sizeof(*grown));
			old = maps->map;
			maps->map = grown;
			maps->room = room;
			grown = NULL;
		}
		trn_mock_unlock(pod);
		trn_free(pod->alloc, old);
		trn_free(pod->alloc, grown);
	}
}

/* First free place at or after from, and where it goes in the table; 0 when there is none. */
static uint64_t iova_find(const struct mock_maps *maps, uint64_t from, uint64_t size,
			  size_t *ret_at)
{
	uint64_t iova = from;
	size_t at = 0;

	for (; at < maps->count; at++) {
		const struct mock_map *map = &maps->map[at];

		if (map->iova + map->size + IOVA_HOLE <= iova)
			continue;
		if (map->iova >= iova && map->iova - iova >= size + IOVA_HOLE)
			break;
		iova = trn_align_up(map->iova + map->size + IOVA_HOLE, IOVA_HOLE);
	}
	if (!trn_range_ok(iova, size, IOVA_LIMIT))
		return 0;
	*ret_at = at;
	return iova;
}

/* Addresses are not reused until all have been: a late DMA meets a hole, not a new buffer. */
static uint64_t iova_take(struct mock_maps *maps, uint64_t size, size_t *ret_at)
{
	uint64_t iova;

	if (!maps->iova_wrapped && trn_range_ok(maps->iova_next, size, IOVA_LIMIT)) {
		iova = maps->iova_next;
		*ret_at = maps->count;
	} else {
		maps->iova_wrapped = true;
		iova = iova_find(maps, maps->iova_next, size, ret_at);
		if (iova == 0)
			iova = iova_find(maps, IOVA_FIRST, size, ret_at);
	}
	if (iova != 0)
		maps->iova_next = trn_align_up(iova + size + IOVA_HOLE, IOVA_HOLE);
	return iova;
}

int trn_mock_maps_add(struct mock_pod *pod, uint32_t server, void *base, uint64_t size,
		      uint64_t *ret_iova)
{
	struct mock_maps *maps = &pod->maps[server];
	uint64_t iova = 0;
	size_t at = 0;
	int r;

	if (!base || size == 0 || ((uintptr_t)base | size) % MOCK_PAGE != 0 || size >= IOVA_LIMIT)
		return -EINVAL;
	do {
		r = make_room(pod, maps);
		if (r < 0)
			return r;
		trn_mock_lock(pod);
		r = -EAGAIN; /* another thread took the room */
		if (maps->count < maps->room) {
			iova = iova_take(maps, size, &at);
			r = iova == 0 ? -ENOSPC : 0;
		}
		if (r == 0) {
			memmove(&maps->map[at + 1], &maps->map[at],
				(maps->count - at) * sizeof(maps->map[0]));
			maps->map[at] = (struct mock_map){ iova, size, base };
			maps->count++;
		}
		trn_mock_unlock(pod);
	} while (r == -EAGAIN);
	if (r == 0)
		*ret_iova = iova;
	return r;
}

int trn_mock_maps_remove(struct mock_pod *pod, uint32_t server, uint64_t iova, uint64_t size)
{
	struct mock_maps *maps = &pod->maps[server];
	int r = -EINVAL;

	trn_mock_lock(pod);
	for (size_t i = 0; i < maps->count; i++) {
		if (maps->map[i].iova != iova || maps->map[i].size != size)
			continue;
		maps->count--;
		memmove(&maps->map[i], &maps->map[i + 1], (maps->count - i) * sizeof(maps->map[0]));
		r = 0;
		break;
	}
	trn_mock_unlock(pod);
	return r;
}
