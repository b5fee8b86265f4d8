/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a device: HBM by stack, pinned host pages, the caller's own pages.
 * Any thread. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/text.h"
#include "hal/direct/direct.h"

#define HBM_ALIGN UINT64_C(4096)
#define SIZE_LIMIT (UINT64_C(1) << 45) /* half of what bit 46 leaves for host addresses */

void trn_direct_memory_init(struct trn_direct *d)
{
	pthread_mutex_init(&d->memory_lock, NULL);
	d->numa = trn_direct_numa_open();
}

/* ---- host memory ---- */

/* Index of the first mapping that ends behind iova. Lock held. */
static size_t map_lower(const struct trn_direct *d, uint64_t iova)
{
	size_t low = 0;
	size_t high = d->map_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (d->maps[mid].iova + d->maps[mid].size <= iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void *trn_direct_resolve(struct trn_direct *d, uint64_t address, uint64_t size)
{
	uint64_t iova = address & ~TRN_AXI_HOST;
	void *host = NULL;
	size_t at;

	if (!(address & TRN_AXI_HOST))
		return NULL;
	pthread_mutex_lock(&d->memory_lock);
	at = map_lower(d, iova);
	if (at < d->map_count && iova >= d->maps[at].iova &&
	    trn_range_ok(iova - d->maps[at].iova, size, d->maps[at].size))
		host = d->maps[at].base + (iova - d->maps[at].iova);
	pthread_mutex_unlock(&d->memory_lock);
	return host;
}

static int maps_make_room(struct trn_direct *d)
{
	for (;;) {
		struct trn_direct_map *grown;
		struct trn_direct_map *old = NULL;
		size_t room;

		pthread_mutex_lock(&d->memory_lock);
		room = d->map_count < d->map_room ? 0 : d->map_room * 2 + 32;
		pthread_mutex_unlock(&d->memory_lock);
		if (room == 0)
			return 0;
		grown = trn_alloc_array(d->hal.alloc, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		pthread_mutex_lock(&d->memory_lock);
		if (room > d->map_room) {
			if (d->map_count > 0)
				memcpy(grown, d->maps, d->map_count * sizeof(*grown));
			old = d->maps;
			d->maps = grown;
			d->map_room = room;
			grown = NULL;
		}
		pthread_mutex_unlock(&d->memory_lock);
		trn_free(d->hal.alloc, old);
		trn_free(d->hal.alloc, grown);
	}
}

/* Lock held. */
static void inner_count(struct trn_direct *d, const struct trn_direct_map *map, bool more)
{
	struct trn_memory_count *count;

	if (!map->inner)
		return;
	count = &d->inner[map->category];
	if (more) {
		count->live_bytes += map->asked;
		count->blocks++;
	} else {
		count->live_bytes -= map->asked;
		count->blocks--;
	}
	count->peak_bytes = trn_max_u64(count->peak_bytes, count->live_bytes);
}

static int map_add(struct trn_direct *d, const struct trn_direct_map *map)
{
	int r;

	do {
		r = maps_make_room(d);
		if (r < 0)
			return r;
		pthread_mutex_lock(&d->memory_lock);
		r = -EAGAIN; /* another thread took the room */
		if (d->map_count < d->map_room) {
			size_t at = map_lower(d, map->iova);

			memmove(&d->maps[at + 1], &d->maps[at],
				(d->map_count - at) * sizeof(d->maps[0]));
			d->maps[at] = *map;
			d->map_count++;
			inner_count(d, map, true);
			r = 0;
		}
		pthread_mutex_unlock(&d->memory_lock);
	} while (r == -EAGAIN);
	return r;
}

/* The pages of a mapping: new ones, those of a file, or the caller's around what he names. */
static int map_pages(struct trn_direct *d, const struct trn_hal_mem_desc *desc,
		     struct trn_direct_map *map)
{
	const int node = desc->numa_node < 0 ? d->bus->info.numa_node : desc->numa_node;
	const char *why = "";
	int r;

	if (desc->kind == TRN_HAL_MEM_USER) {
		map->head = (uintptr_t)desc->user % DIRECT_PAGE;
		map->base = (uint8_t *)desc->user - map->head;
		map->size = trn_align_up(map->head + desc->size, DIRECT_PAGE);
		map->pages.page = DIRECT_PAGE;
		return 0;
	}
	if (desc->flags & TRN_HAL_MEM_IMPORT) {
		r = trn_pages_import(desc->fd, desc->size, &map->pages, &why);
		if (r < 0)
			return trn_hal_fail(&d->hal, r, "file descriptor %d, %" PRIu64 " bytes: %s",
					    desc->fd, desc->size, why);
	} else {
		r = trn_pages_alloc(desc->size, desc->flags, &map->pages);
		if (r < 0)
			return trn_hal_fail(
				&d->hal, r, "no %" PRIu64 " bytes of host memory%s", desc->size,
				desc->flags & TRN_HAL_MEM_HUGE_ONLY ? " in large pages" : "");
		trn_direct_pages_place(d->numa, node, map->pages.base, map->pages.size);
	}
	map->base = map->pages.base;
	map->size = map->pages.size;
	return 0;
}

static int map_bus(struct trn_direct *d, struct trn_direct_map *map)
{
	int r = d->bus->ops->dma_map(d->bus, map->base, map->size, &map->iova);

	if (r < 0)
		return trn_hal_fail(&d->hal, r, "the bus cannot map %" PRIu64 " bytes for DMA",
				    map->size);
	if (map->iova < TRN_AXI_HOST && map->size <= TRN_AXI_HOST - map->iova)
		return 0;
	(void)d->bus->ops->dma_unmap(d->bus, map->iova, map->size); /* of a mapping just made */
	return trn_hal_fail(&d->hal, -EFAULT, "the bus gave DMA address 0x%" PRIx64 ", past bit 46",
			    map->iova);
}

static int host_alloc(struct trn_direct *d, const struct trn_hal_mem_desc *desc, bool inner,
		      struct trn_hal_mem *ret_mem)
{
	struct trn_direct_map map = { .asked = desc->size,
				      .pages = { .fd = -1 },
				      .inner = inner,
				      .category = desc->category };
	int r = map_pages(d, desc, &map);

	if (r < 0)
		return r;
	r = map_bus(d, &map);
	if (r == 0) {
		r = map_add(d, &map);
		if (r < 0) {
			trn_hal_fail(&d->hal, r, "no memory to note a mapping");
			(void)d->bus->ops->dma_unmap(d->bus, map.iova, map.size);
		}
	}
	if (r < 0) {
		trn_pages_free(&map.pages);
		return r;
	}
	*ret_mem = (struct trn_hal_mem){ .kind = desc->kind,
					 .address = (map.iova + map.head) | TRN_AXI_HOST,
					 .size = desc->size,
					 .host = map.base + map.head,
					 .page = map.pages.page,
					 .exported = map.pages.fd >= 0,
					 .fd = map.pages.fd };
	return 0;
}

static void map_release(struct trn_direct *d, struct trn_direct_map *map)
{
	if (d->bus->ops->dma_unmap(d->bus, map->iova, map->size) < 0)
		trn_logf(d->hal.log, TRN_LOG_WARNING, "%s: unmapping 0x%llx failed",
			 d->bus->info.name, (unsigned long long)map->iova);
	trn_pages_free(&map->pages);
}

static int host_free(struct trn_direct *d, const struct trn_hal_mem *mem, bool inner)
{
	uint64_t iova = mem->address & ~TRN_AXI_HOST;
	struct trn_direct_map gone = { 0 };
	size_t at;

	pthread_mutex_lock(&d->memory_lock);
	at = map_lower(d, iova);
	if (at < d->map_count && d->maps[at].iova + d->maps[at].head == iova &&
	    d->maps[at].asked == mem->size && d->maps[at].inner == inner) {
		gone = d->maps[at];
		d->map_count--;
		inner_count(d, &gone, false);
		memmove(&d->maps[at], &d->maps[at + 1], (d->map_count - at) * sizeof(d->maps[0]));
	}
	pthread_mutex_unlock(&d->memory_lock);
	if (gone.size == 0)
		return trn_hal_fail(&d->hal, -EINVAL,
				    "0x%llx is no host memory of this device, or freed already",
				    (unsigned long long)mem->address);
	map_release(d, &gone);
	return 0;
}

int trn_direct_inner_alloc(struct trn_direct *d, uint64_t size, enum trn_memory_category category,
			   struct trn_hal_mem *ret_mem)
{
	const struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST, .size = size, .numa_node = -1, .category = category
	};

	return host_alloc(d, &desc, true, ret_mem);
}

void trn_direct_inner_free(struct trn_direct *d, struct trn_hal_mem *mem)
{
	if (mem->size > 0)
		(void)host_free(d, mem, true); /* ours, so it is there */
	*mem = (struct trn_hal_mem){ 0 };
}

/* ---- HBM ---- */

static int heap_make_room(struct trn_direct *d, struct trn_fit *heap)
{
	struct trn_fit_extent *extents;
	uint32_t need;

	pthread_mutex_lock(&d->memory_lock);
	need = trn_fit_need(heap);
	pthread_mutex_unlock(&d->memory_lock);
	if (need == 0)
		return 0;
	extents = trn_alloc_array(d->hal.alloc, need, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	pthread_mutex_lock(&d->memory_lock);
	extents = trn_fit_give(heap, extents, need);
	pthread_mutex_unlock(&d->memory_lock);
	trn_free(d->hal.alloc, extents);
	return 0;
}

static int hbm_alloc(struct trn_direct *d, const struct trn_hal_mem_desc *desc,
		     struct trn_hal_mem *ret_mem)
{
	struct trn_fit *heap = &d->heap[desc->hbm];
	uint64_t align = desc->align ? desc->align : HBM_ALIGN;
	uint64_t free_bytes = 0, largest = 0, room = 0;
	uint64_t offset = 0;
	int r;

	do {
		r = heap_make_room(d, heap);
		if (r < 0)
			return trn_hal_fail(&d->hal, r, "no memory to note an allocation");
		pthread_mutex_lock(&d->memory_lock);
		r = trn_fit_alloc(heap, desc->size, align, &offset, &room);
		free_bytes = heap->size - heap->used;
		largest = trn_fit_largest(heap);
		pthread_mutex_unlock(&d->memory_lock);
	} while (r == -EAGAIN);
	if (r < 0)
		return trn_hal_fail(&d->hal, r,
				    "HBM stack %u has no %llu bytes in one piece (%llu free, the "
				    "largest piece %llu)",
				    desc->hbm, (unsigned long long)desc->size,
				    (unsigned long long)free_bytes, (unsigned long long)largest);
	*ret_mem = (struct trn_hal_mem){ .kind = TRN_HAL_MEM_HBM,
					 .size = desc->size,
					 .room = room,
					 .address = trn_regs_hbm_axi(desc->hbm) + offset,
					 .hbm = desc->hbm };
	return 0;
}

/* The stack and the offset in it of an HBM address; false for any other address. */
static bool hbm_offset(const struct trn_direct *d, const struct trn_hal_mem *mem,
		       uint64_t *ret_offset)
{
	uint64_t base = trn_regs_hbm_axi(mem->hbm);

	if (mem->kind != TRN_HAL_MEM_HBM || mem->hbm >= TRN_HBMS || mem->address < base ||
	    mem->address - base >= d->hbm_bytes)
		return false;
	*ret_offset = mem->address - base;
	return true;
}

static int hbm_free(struct trn_direct *d, const struct trn_hal_mem *mem)
{
	uint64_t offset = 0;
	int r = -EINVAL;

	if (hbm_offset(d, mem, &offset)) {
		pthread_mutex_lock(&d->memory_lock);
		r = trn_fit_free(&d->heap[mem->hbm], offset, mem->size);
		pthread_mutex_unlock(&d->memory_lock);
	}
	if (r < 0)
		return trn_hal_fail(&d->hal, r,
				    "0x%llx is no HBM memory of this device, or freed already",
				    (unsigned long long)mem->address);
	return 0;
}

/* ---- the operations ---- */

static int check_desc(struct trn_direct *d, const struct trn_hal_mem_desc *desc)
{
	uint64_t page = DIRECT_PAGE;

	if (desc->size == 0 || desc->size > SIZE_LIMIT)
		return trn_hal_fail(&d->hal, -EINVAL, "size %llu is not 1 byte to 32 TiB",
				    (unsigned long long)desc->size);
	if (desc->align != 0 && !trn_is_pow2(desc->align))
		return trn_hal_fail(&d->hal, -EINVAL, "alignment %llu is no power of two",
				    (unsigned long long)desc->align);
	if (desc->kind == TRN_HAL_MEM_HBM) {
		if (desc->hbm >= TRN_HBMS)
			return trn_hal_fail(&d->hal, -EINVAL, "no HBM stack %u", desc->hbm);
		if (desc->flags & (TRN_HAL_MEM_EXPORT | TRN_HAL_MEM_IMPORT))
			return trn_hal_fail(&d->hal, -ENOTSUP,
					    "HBM has no file descriptor on this door; one with a "
					    "kernel driver has (dma-buf)");
		return 0;
	}
	if (desc->kind != TRN_HAL_MEM_HOST && desc->kind != TRN_HAL_MEM_USER)
		return trn_hal_fail(&d->hal, -EINVAL, "unknown kind of memory %d", (int)desc->kind);
	if (desc->align > page)
		return trn_hal_fail(&d->hal, -EINVAL,
				    "host memory is aligned to its page, not %llu",
				    (unsigned long long)desc->align);
	if (desc->kind == TRN_HAL_MEM_USER &&
	    (!desc->user || (uintptr_t)desc->user > UINTPTR_MAX - page ||
	     desc->size > UINTPTR_MAX - page - (uintptr_t)desc->user))
		return trn_hal_fail(&d->hal, -EINVAL, "user memory is NULL or ends nowhere");
	return 0;
}

int trn_direct_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			 struct trn_hal_mem *ret_mem)
{
	struct trn_direct *d = trn_direct_of(dev);
	int r = check_desc(d, desc);

	if (r < 0)
		return r;
	if (desc->kind == TRN_HAL_MEM_HBM)
		return hbm_alloc(d, desc, ret_mem);
	return host_alloc(d, desc, false, ret_mem);
}

int trn_direct_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct trn_direct *d = trn_direct_of(dev);
	int r = mem->kind == TRN_HAL_MEM_HBM ? hbm_free(d, mem) : host_free(d, mem, false);

	if (r == 0)
		*mem = (struct trn_hal_mem){ 0 };
	return r;
}

int trn_direct_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct trn_direct *d = trn_direct_of(dev);
	uint64_t offset = 0;
	bool holds = false;
	void *host = NULL;
	int r;

	if (mem->kind != TRN_HAL_MEM_HBM && mem->host)
		return 0;
	if (hbm_offset(d, mem, &offset)) {
		pthread_mutex_lock(&d->memory_lock);
		holds = trn_fit_holds(&d->heap[mem->hbm], offset, mem->size);
		pthread_mutex_unlock(&d->memory_lock);
	}
	if (!holds)
		return trn_hal_fail(dev, -EINVAL, "0x%llx is no HBM memory of this device",
				    (unsigned long long)mem->address);
	if (!d->map_hbm)
		return trn_hal_fail(dev, -ENOTSUP, "the device has no HBM window");
	r = d->bus->ops->map(d->bus, TRN_BAR_HBM, mem->hbm * d->window_slot + offset, mem->size,
			     &host);
	if (r < 0)
		return trn_hal_fail(dev, r, "the bus does not map that part of the HBM window");
	mem->host = host;
	return 0;
}

int trn_direct_memory_numbers(struct trn_direct *d, const char *what, char *ret_text,
			      size_t text_size)
{
	char text[640] = "";
	uint64_t stack = TRN_HBMS;
	size_t n = 0;

	pthread_mutex_lock(&d->memory_lock);
	if (what && strcmp(what, "host") == 0) {
		for (int i = 0; i < TRN_MEMORY_CATEGORIES; i++)
			n = trn_text_add(text, sizeof(text), n,
					 "%" PRIu64 " %" PRIu64 " %" PRIu32 "\n",
					 d->inner[i].live_bytes, d->inner[i].peak_bytes,
					 d->inner[i].blocks);
	} else if (what && trn_parse_size(what, &stack) == 0 && stack < TRN_HBMS) {
		const struct trn_fit *heap = &d->heap[stack];

		n = trn_text_add(text, sizeof(text), n, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				 heap->size - heap->used, trn_fit_largest(heap), heap->peak);
	}
	pthread_mutex_unlock(&d->memory_lock);
	if (n == 0)
		return trn_hal_fail(&d->hal, -EINVAL, "memory: a stack's number, or host");
	if (ret_text && n >= text_size)
		return trn_hal_fail(&d->hal, -ENOSPC, "memory: no room for the answer");
	if (ret_text)
		memcpy(ret_text, text, n + 1);
	return 0;
}

void trn_direct_memory_fini(struct trn_direct *d)
{
	for (size_t i = 0; i < d->map_count; i++)
		map_release(d, &d->maps[i]);
	trn_free(d->hal.alloc, d->maps);
	for (unsigned int i = 0; i < TRN_HBMS; i++)
		trn_free(d->hal.alloc, d->heap[i].extents);
	pthread_mutex_destroy(&d->memory_lock);
}
