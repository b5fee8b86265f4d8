/* SPDX-License-Identifier: Apache-2.0 */
/* The shared mapping: making and taking it over, its heaps, and who of its processes died. */
#include "runtime/wire_map.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"

#define MAGIC UINT64_C(0x50414d4e52544c01)
#define HUGE (UINT64_C(2) << 20)
#define GRAIN UINT64_C(64)
#define TAG_MAKE 0x6d617001u
#define TAG_TAKEN 0x6d617002u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* First page. */
struct head {
	uint64_t magic, token, bytes;
	uint32_t processes, reserved;
};

/* What process 0 tells the others, and each of them all others. */
struct offer {
	int64_t pid;
	int32_t fd;
	int32_t error; /* errno; 0 */
	uint64_t token;
};

static void lay_out(struct trn_map *map)
{
	const uint64_t n = map->processes;
	uint64_t at = 4096 + n * sizeof(struct trn_map_rank);

	map->slots = trn_align_up(at, 4096);
	at = map->slots + n * 3 * TRN_MAP_SLOT_BYTES;
	map->rings = trn_align_up(at, 4096);
	at = map->rings + n * n * sizeof(struct trn_map_ring);
	map->heaps = trn_align_up(at, HUGE);
	map->bytes = map->heaps + n * TRN_MAP_HEAP_BYTES;
}

/* ---- making and taking ---- */

/* A file that may not be as large would send SIGXFSZ. */
static bool file_may_be(uint64_t bytes)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       (limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur);
}

static int map_in(struct trn_map *map, int fd)
{
	void *base =
		mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	map->base = base;
	/* Fewer page faults where the host allows it; only a wish. */
	(void)madvise(map->base + map->heaps, map->bytes - map->heaps, MADV_HUGEPAGE);
	return 0;
}

static int make(struct trn_map *map, uint64_t token, int *ret_fd)
{
	struct head *head;
	int fd, r;

	if (!file_may_be(map->bytes))
		return -EFBIG;
	fd = memfd_create("trn-comm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	r = ftruncate(fd, (off_t)map->bytes) < 0 ? -errno : 0;
	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	if (r == 0)
		r = map_in(map, fd);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	head = (struct head *)map->base;
	*head = (struct head){ MAGIC, token, map->bytes, map->processes, 0 };
	*ret_fd = fd;
	return 0;
}

/* It is what was offered, and cannot become smaller under this process. */
static int check(const struct trn_map *map, int fd, uint64_t token)
{
	const struct head *head = (const struct head *)map->base;

	if (fcntl(fd, F_GET_SEALS) != SEALS || head->magic != MAGIC || head->token != token ||
	    head->bytes != map->bytes || head->processes != map->processes)
		return -EPROTO;
	return 0;
}

static int take(struct trn_map *map, const struct offer *offer)
{
	char path[64];
	struct stat st;
	int fd, r;

	if (offer->error)
		return -ENOTSUP;
	(void)snprintf(path, sizeof(path), "/proc/%lld/fd/%d", (long long)offer->pid,
		       (int)offer->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != map->bytes))
		r = -EPROTO;
	if (r == 0)
		r = map_in(map, fd);
	if (r == 0)
		r = check(map, fd, offer->token);
	(void)close(fd);
	return r;
}

/* Two exchanges: what process 0 made, then who has it. Each process takes part in both. */
static int swap(struct trn_map *map, struct trn_boot *boot, struct offer *all, uint64_t deadline_ns)
{
	struct offer mine = { .pid = getpid(), .fd = -1 };
	int fd = -1, r;

	mine.token = trn_clock_ns() ^ ((uint64_t)mine.pid << 40);
	if (map->process == 0) {
		mine.error = -make(map, mine.token, &fd);
		mine.fd = fd;
	}
	r = trn_boot_exchange(boot, TAG_MAKE, &mine, sizeof(mine), all, deadline_ns);
	if (r == 0) {
		if (map->process > 0)
			mine.error = -take(map, &all[0]);
		r = trn_boot_exchange(boot, TAG_TAKEN, &mine, sizeof(mine), all, deadline_ns);
	}
	if (fd >= 0)
		(void)close(fd);
	for (uint32_t p = 0; r == 0 && p < map->processes; p++)
		if (all[p].error)
			r = -ENOTSUP;
	return r;
}

static void watch(struct trn_map *map, const struct offer *all)
{
	for (uint32_t p = 0; p < map->processes; p++) {
		map->pidfd[p] = -1;
		/* Old kernels have none: the boot hears of the death then. */
		if (p != map->process)
			map->pidfd[p] = pidfd_open((pid_t)all[p].pid, 0);
	}
}

static int heap_init(struct trn_map *map)
{
	map->blocks = trn_alloc_zero(map->alloc, sizeof(*map->blocks));
	if (!map->blocks)
		return -ENOMEM;
	map->blocks->offset = map->heaps + map->process * TRN_MAP_HEAP_BYTES;
	map->blocks->bytes = TRN_MAP_HEAP_BYTES;
	return 0;
}

int trn_map_open(const struct trn_alloc *alloc, struct trn_boot *boot, uint64_t deadline_ns,
		 struct trn_map **ret_map)
{
	struct trn_map *map = trn_alloc_zero(alloc, sizeof(*map));
	struct offer *all = trn_alloc_array(alloc, trn_boot_processes(boot), sizeof(*all));
	int r = -ENOMEM;

	if (map)
		map->alloc = alloc;
	if (!map || !all)
		goto out;
	map->process = trn_boot_process(boot);
	map->processes = trn_boot_processes(boot);
	for (uint32_t p = 0; p < TRN_MAP_PROCESSES_MAX; p++)
		map->pidfd[p] = -1;
	lay_out(map);
	r = heap_init(map);
	if (r == 0)
		r = swap(map, boot, all, deadline_ns);
	if (r < 0)
		goto out;
	watch(map, all);
	*ret_map = map;
	map = NULL;
out:
	trn_free(alloc, all);
	trn_map_close(map);
	return r;
}

void trn_map_close(struct trn_map *map)
{
	if (!map)
		return;
	for (uint32_t p = 0; p < map->processes; p++)
		if (map->pidfd[p] >= 0)
			(void)close(map->pidfd[p]);
	while (map->blocks) {
		struct trn_map_block *next = map->blocks->next;

		trn_free(map->alloc, map->blocks);
		map->blocks = next;
	}
	if (map->base)
		(void)munmap(map->base, map->bytes);
	trn_free(map->alloc, map);
}

void trn_map_leave(struct trn_map *map)
{
	atomic_store_explicit(&trn_map_rank(map, map->process)->closed, 1, memory_order_release);
}

uint32_t trn_map_dead(const struct trn_map *map)
{
	struct pollfd polls[TRN_MAP_PROCESSES_MAX];

	for (uint32_t p = 0; p < map->processes; p++)
		polls[p] = (struct pollfd){ .fd = map->pidfd[p], .events = POLLIN };
	if (poll(polls, map->processes, 0) <= 0)
		return UINT32_MAX;
	for (uint32_t p = 0; p < map->processes; p++)
		if ((polls[p].revents & POLLIN) && !trn_map_closed(map, p))
			return p;
	return UINT32_MAX;
}

/* ---- the heap ---- */

/* Cuts what is too much off a free block. */
static int cut(struct trn_map *map, struct trn_map_block *block, uint64_t bytes)
{
	struct trn_map_block *rest;

	if (block->bytes == bytes)
		return 0;
	rest = trn_alloc_zero(map->alloc, sizeof(*rest));
	if (!rest)
		return -ENOMEM;
	rest->offset = block->offset + bytes;
	rest->bytes = block->bytes - bytes;
	rest->next = block->next;
	block->next = rest;
	block->bytes = bytes;
	return 0;
}

int trn_map_alloc(struct trn_map *map, uint64_t bytes, void **ret_memory)
{
	/* Large blocks begin and end on a huge page's border. */
	const uint64_t grain = bytes >= HUGE ? HUGE : GRAIN;
	struct trn_map_block *block;
	uint64_t skip = 0;
	int r;

	if (bytes == 0 || bytes > TRN_MAP_HEAP_BYTES)
		return bytes ? -ENOMEM : -EINVAL;
	bytes = trn_align_up(bytes, grain);
	for (block = map->blocks; block; block = block->next) {
		skip = trn_align_up(block->offset, grain) - block->offset;
		if (!block->used && block->bytes >= skip && block->bytes - skip >= bytes)
			break;
	}
	if (!block)
		return -ENOMEM;
	if (skip) {
		r = cut(map, block, skip);
		if (r < 0)
			return r;
		block = block->next;
	}
	r = cut(map, block, bytes);
	if (r < 0)
		return r;
	block->used = true;
	memset(map->base + block->offset, 0, block->bytes);
	*ret_memory = map->base + block->offset;
	return 0;
}

/* A free block takes in the free ones behind it. */
static void join(struct trn_map *map, struct trn_map_block *block)
{
	while (block->next && !block->next->used) {
		struct trn_map_block *next = block->next;

		block->bytes += next->bytes;
		block->next = next->next;
		trn_free(map->alloc, next);
	}
}

int trn_map_free(struct trn_map *map, void *memory)
{
	const uint64_t offset = trn_map_offset(map, memory, 0);
	struct trn_map_block *block = map->blocks, *before = NULL;

	while (block && (block->offset != offset || !block->used)) {
		before = block;
		block = block->next;
	}
	if (!block)
		return -EINVAL;
	block->used = false;
	/* Pages go back to the host; small blocks share theirs. */
	if (block->bytes >= HUGE)
		(void)madvise(memory, block->bytes, MADV_REMOVE);
	if (before && !before->used)
		block = before;
	join(map, block);
	return 0;
}
