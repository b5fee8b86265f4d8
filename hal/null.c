/* SPDX-License-Identifier: Apache-2.0 */
/* null: - the backend to copy. Memory is host memory, a copy is memcpy, queues run
 * COPY, FILL, SIGNAL and NOP inside the kick; the rest answers -ENOTSUP by itself.
 * docs/adding-a-backend.md walks through this file. */
#include "hal/hal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/regs.h"
#include "base/strided.h"
#include "hal/backend.h"
#include "hal/mmio.h"

#define NULL_HBM_BYTES TRN_GIB /* limit of all memory of kind HBM: running out is testable */
#define NULL_HBM_RESERVED (16 * TRN_MIB)
#define NULL_PAGE UINT64_C(4096)
#define NULL_DEPTH_MIN 16u
#define NULL_DEPTH_MAX 65536u

/* A range of device addresses and the host bytes behind it. */
struct null_range {
	uint64_t address, size;
	uint8_t *base;
	struct trn_pages pages; /* none: the caller's */
	enum trn_hal_mem_kind kind;
};

struct null_queue {
	struct trn_hal_queue queue; /* first */
	struct trn_ext_status *status;
	struct null_queue *next;
};

struct null_dev {
	struct trn_hal_dev hal;    /* first */
	pthread_mutex_t lock;      /* ranges, count, room, next_address, hbm_used */
	struct null_range *ranges; /* by address: addresses only grow, so appending keeps order */
	size_t count, room;
	uint64_t next_address;
	uint64_t hbm_used;
	struct null_queue *queues;
	uint32_t next_index;
};

static struct null_dev *null_of(struct trn_hal_dev *dev)
{
	return TRN_CONTAINER_OF(dev, struct null_dev, hal);
}

/* ---- memory ---- */

/* The range that holds all of [address, address + size), or NULL. Lock held. */
static struct null_range *range_find(struct null_dev *null, uint64_t address, uint64_t size)
{
	size_t low = 0;
	size_t high = null->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct null_range *range = &null->ranges[mid];

		if (address < range->address)
			high = mid;
		else if (address - range->address >= range->size)
			low = mid + 1;
		else
			return trn_range_ok(address - range->address, size, range->size) ? range :
											   NULL;
	}
	return NULL;
}

static void *null_resolve(struct null_dev *null, uint64_t address, uint64_t size)
{
	struct null_range *range;
	void *host = NULL;

	pthread_mutex_lock(&null->lock);
	range = range_find(null, address, size);
	if (range)
		host = range->base + (address - range->address);
	pthread_mutex_unlock(&null->lock);
	return host;
}

/* Makes room for one more range. The allocator is the user's: never called under the lock. */
static int null_make_room(struct null_dev *null)
{
	for (;;) {
		struct null_range *grown;
		struct null_range *old = NULL;
		size_t room;

		pthread_mutex_lock(&null->lock);
		room = null->count < null->room ? 0 : null->room * 2 + 16;
		pthread_mutex_unlock(&null->lock);
		if (room == 0)
			return 0;
		grown = trn_alloc_array(null->hal.alloc, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		pthread_mutex_lock(&null->lock);
		if (room > null->room) {
			if (null->count > 0)
				memcpy(grown, null->ranges, null->count * sizeof(*grown));
			old = null->ranges;
			null->ranges = grown;
			null->room = room;
			grown = NULL;
		}
		pthread_mutex_unlock(&null->lock);
		trn_free(null->hal.alloc, old);
		trn_free(null->hal.alloc, grown);
	}
}

static int null_check_desc(struct null_dev *null, const struct trn_hal_mem_desc *desc)
{
	if (desc->size == 0 || desc->size > (UINT64_C(1) << 40))
		return trn_hal_fail(&null->hal, -EINVAL, "size %llu is not 1 byte to 1 TiB",
				    (unsigned long long)desc->size);
	if (desc->align != 0 && !trn_is_pow2(desc->align))
		return trn_hal_fail(&null->hal, -EINVAL, "alignment is no power of two");
	if (desc->kind == TRN_HAL_MEM_HBM && desc->hbm != 0)
		return trn_hal_fail(&null->hal, -EINVAL, "no HBM stack %u", desc->hbm);
	if (desc->kind == TRN_HAL_MEM_USER &&
	    (!desc->user || desc->size > UINTPTR_MAX - (uintptr_t)desc->user))
		return trn_hal_fail(&null->hal, -EINVAL, "user memory is NULL or ends nowhere");
	if (desc->kind == TRN_HAL_MEM_HBM &&
	    (desc->flags & (TRN_HAL_MEM_EXPORT | TRN_HAL_MEM_IMPORT)))
		return trn_hal_fail(&null->hal, -ENOTSUP, "HBM has no file descriptor here");
	if (desc->kind > TRN_HAL_MEM_USER)
		return trn_hal_fail(&null->hal, -EINVAL, "unknown kind of memory");
	return 0;
}

/* Gives the range its place; -EAGAIN when another thread took the room. */
static int null_place(struct null_dev *null, const struct trn_hal_mem_desc *desc, uint64_t align,
		      void *base, const struct trn_pages *pages, struct trn_hal_mem *ret_mem)
{
	uint64_t address;
	int r = -EAGAIN;

	pthread_mutex_lock(&null->lock);
	if (null->count < null->room) {
		uint64_t limit = NULL_HBM_BYTES - NULL_HBM_RESERVED;

		if (desc->kind == TRN_HAL_MEM_HBM && desc->size > limit - null->hbm_used) {
			r = -ENOMEM;
			goto unlock;
		}
		/* Bytes of the caller's keep their place in a page. */
		address = trn_align_up(null->next_address, align) + (uintptr_t)base % NULL_PAGE;
		if (address + desc->size >= TRN_AXI_HOST) { /* addresses are not used twice */
			r = -ENOMEM;
			goto unlock;
		}
		null->next_address = address + desc->size + NULL_PAGE; /* a hole after each */
		if (desc->kind == TRN_HAL_MEM_HBM)
			null->hbm_used += desc->size;
		else
			address |= TRN_AXI_HOST;
		/* Host addresses sort behind HBM: find the place from the end. */
		size_t at = null->count++;

		for (; at > 0 && null->ranges[at - 1].address > address; at--)
			null->ranges[at] = null->ranges[at - 1];
		null->ranges[at] = (struct null_range){ .address = address,
							.size = desc->size,
							.base = base,
							.pages = *pages,
							.kind = desc->kind };
		*ret_mem = (struct trn_hal_mem){
			.kind = desc->kind, .address = address, .size = desc->size, .hbm = desc->hbm
		};
		if (desc->kind != TRN_HAL_MEM_HBM) {
			ret_mem->host = base;
			ret_mem->page = pages->page;
			ret_mem->exported = pages->fd >= 0;
			ret_mem->fd = pages->fd;
		}
		r = 0;
	}
unlock:
	pthread_mutex_unlock(&null->lock);
	return r;
}

static int null_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			  struct trn_hal_mem *ret_mem)
{
	struct null_dev *null = null_of(dev);
	uint64_t align = trn_max_u64(desc->align, NULL_PAGE);
	struct trn_pages pages = { .page = NULL_PAGE, .fd = -1 };
	const char *why = "no address space for the memory";
	int r = null_check_desc(null, desc);

	if (r < 0)
		return r;
	if (desc->kind == TRN_HAL_MEM_HOST && (desc->flags & TRN_HAL_MEM_IMPORT))
		r = trn_pages_import(desc->fd, desc->size, &pages, &why);
	else if (desc->kind != TRN_HAL_MEM_USER)
		r = trn_pages_alloc(desc->size, desc->flags, &pages);
	if (r < 0)
		return trn_hal_fail(dev, r, "%s", why);
	do {
		r = null_make_room(null);
		if (r == 0)
			r = null_place(null, desc, align, pages.base ? pages.base : desc->user,
				       &pages, ret_mem);
	} while (r == -EAGAIN);
	if (r < 0) {
		trn_pages_free(&pages);
		return trn_hal_fail(dev, r, "no memory left");
	}
	return 0;
}

static int null_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct null_dev *null = null_of(dev);
	struct null_range gone = { 0 };
	struct null_range *range;

	pthread_mutex_lock(&null->lock);
	range = range_find(null, mem->address, mem->size);
	if (range && range->address == mem->address && range->size == mem->size) {
		size_t at = (size_t)(range - null->ranges);

		gone = *range;
		null->count--;
		memmove(range, range + 1, (null->count - at) * sizeof(*range));
		if (gone.kind == TRN_HAL_MEM_HBM)
			null->hbm_used -= gone.size;
	}
	pthread_mutex_unlock(&null->lock);
	if (gone.size == 0)
		return trn_hal_fail(dev, -EINVAL, "not memory of this device, or freed already");
	trn_pages_free(&gone.pages);
	*mem = (struct trn_hal_mem){ 0 };
	return 0;
}

static int null_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	void *host = null_resolve(null_of(dev), mem->address, mem->size);

	if (!host)
		return trn_hal_fail(dev, -EINVAL, "not memory of this device");
	mem->host = host;
	return 0;
}

static int null_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		     uint64_t deadline_ns)
{
	struct null_dev *null = null_of(dev);
	void *to = null_resolve(null, dst, size);
	void *from = null_resolve(null, src, size);
	const struct trn_hal_where where = { to ? src : dst, UINT32_MAX, UINT32_MAX };

	(void)deadline_ns; /* it never waits */
	if (size == 0)
		return trn_hal_fail(dev, -EINVAL, "copy of 0 bytes");
	if (!to || !from)
		return trn_hal_fail_at(dev, -TRN_EFAULT_DEV, &where, "address 0x%llx is not mapped",
				       (unsigned long long)where.address);
	memmove(to, from, size);
	return 0;
}

/* ---- queues ---- */

static int null_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			   struct trn_hal_queue **ret_queue)
{
	struct null_dev *null = null_of(dev);
	struct null_queue *q;

	if (!trn_is_pow2(desc->depth) || desc->depth < NULL_DEPTH_MIN ||
	    desc->depth > NULL_DEPTH_MAX)
		return trn_hal_fail(dev, -EINVAL, "depth %u is no power of two in 16..65536",
				    desc->depth);
	q = trn_alloc_zero(dev->alloc, sizeof(*q));
	if (!q)
		return trn_hal_fail(dev, -ENOMEM, "no memory for a queue");
	q->queue.ring = trn_alloc_array(dev->alloc, desc->depth, sizeof(*q->queue.ring));
	q->status = trn_alloc_zero(dev->alloc, sizeof(*q->status));
	if (!q->queue.ring || !q->status) {
		trn_free(dev->alloc, q->status);
		trn_free(dev->alloc, q->queue.ring);
		trn_free(dev->alloc, q);
		return trn_hal_fail(dev, -ENOMEM, "no memory for a queue");
	}
	q->status->state = TRN_QUEUE_READY;
	q->queue.status = q->status;
	q->queue.depth = desc->depth;
	q->queue.index = null->next_index++;
	q->next = null->queues;
	null->queues = q;
	*ret_queue = &q->queue;
	return 0;
}

static void queue_release(struct null_dev *null, struct null_queue *q)
{
	trn_free(null->hal.alloc, q->status);
	trn_free(null->hal.alloc, q->queue.ring);
	trn_free(null->hal.alloc, q);
}

static int null_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *queue)
{
	struct null_dev *null = null_of(dev);
	struct null_queue *q = TRN_CONTAINER_OF(queue, struct null_queue, queue);

	for (struct null_queue **link = &null->queues; *link; link = &(*link)->next) {
		if (*link != q)
			continue;
		*link = q->next;
		queue_release(null, q);
		return 0;
	}
	return trn_hal_fail(dev, -EINVAL, "not a queue of this device");
}

/* Each returns 0 or enum trn_ext_error. */
static uint32_t run_nop(struct null_dev *null, const struct trn_ext_cmd *cmd)
{
	(void)null;
	(void)cmd;
	return TRN_EXT_OK;
}

static uint32_t run_copy(struct null_dev *null, const struct trn_ext_cmd *cmd)
{
	void *to = null_resolve(null, cmd->a[0], cmd->a[2]);
	void *from = null_resolve(null, cmd->a[1], cmd->a[2]);

	if (!to || !from)
		return TRN_EXT_ERR_ADDRESS;
	memmove(to, from, cmd->a[2]);
	return TRN_EXT_OK;
}

static uint32_t run_copy_nd(struct null_dev *null, const struct trn_ext_cmd *cmd)
{
	const uint64_t bytes = trn_strided_bytes(cmd);
	uint32_t error = cmd->a[3] > UINT32_MAX ? TRN_EXT_ERR_COMMAND : TRN_EXT_OK;

	for (uint64_t i = 0; error == TRN_EXT_OK && i < trn_strided_rows(cmd); i++) {
		const struct trn_strided_row row = trn_strided_row(cmd, i);
		const struct trn_ext_cmd copy = { .a = { row.dst, row.src, bytes } };

		error = run_copy(null, &copy);
	}
	return error;
}

static uint32_t run_fill(struct null_dev *null, const struct trn_ext_cmd *cmd)
{
	uint8_t *to = null_resolve(null, cmd->a[0], cmd->a[1]);

	if (!to)
		return TRN_EXT_ERR_ADDRESS;
	for (uint64_t i = 0; i < cmd->a[1]; i++)
		to[i] = (uint8_t)(cmd->a[2] >> 8 * (i % 4));
	return TRN_EXT_OK;
}

static uint32_t run_signal(struct null_dev *null, const struct trn_ext_cmd *cmd)
{
	uint64_t *value = cmd->a[0] % 8 == 0 ? null_resolve(null, cmd->a[0], 8) : NULL;

	if (!value)
		return TRN_EXT_ERR_ADDRESS;
	trn_hal_dma_raise64(value, cmd->a[1]);
	return TRN_EXT_OK;
}

static uint32_t (*const run[])(struct null_dev *null, const struct trn_ext_cmd *cmd) = {
	[TRN_CMD_NOP] = run_nop,       [TRN_CMD_COPY] = run_copy,       [TRN_CMD_FILL] = run_fill,
	[TRN_CMD_SIGNAL] = run_signal, [TRN_CMD_COPY_ND] = run_copy_nd,
};

static bool runs_here(const struct trn_ext_cmd *cmd)
{
	return cmd->op < TRN_ARRAY_LEN(run) && run[cmd->op];
}

static int null_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail)
{
	struct null_queue *q = TRN_CONTAINER_OF(queue, struct null_queue, queue);
	struct trn_ext_status *status = q->status;

	if (tail - status->head > queue->depth)
		return trn_hal_fail(dev, -EINVAL, "tail %u is past the ring", tail);
	/* All or nothing: a command that this backend never runs refuses the kick. */
	for (uint32_t i = queue->tail; i != tail; i++) {
		if (!runs_here(&queue->ring[i & (queue->depth - 1)]))
			return trn_hal_fail(dev, -ENOTSUP,
					    "command %u: operation %u is not for null:", i,
					    queue->ring[i & (queue->depth - 1)].op);
	}
	queue->tail = tail;
	while (status->state == TRN_QUEUE_READY && status->head != tail) {
		const struct trn_ext_cmd *cmd = &queue->ring[status->head & (queue->depth - 1)];
		uint32_t error = run[cmd->op](null_of(dev), cmd);

		if (error != TRN_EXT_OK) {
			status->error = error;
			status->tag = cmd->tag;
			status->address = cmd->a[0];
			status->opcode = cmd->op;
			trn_hal_dma_store32(&status->state, TRN_QUEUE_ERROR);
			break;
		}
		trn_hal_dma_store32(&status->head, status->head + 1);
	}
	return 0;
}

static int null_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			    uint64_t deadline_ns)
{
	struct null_queue *q = TRN_CONTAINER_OF(queue, struct null_queue, queue);

	(void)dev;
	(void)deadline_ns;
	*q->status = (struct trn_ext_status){ .state = TRN_QUEUE_READY };
	queue->tail = 0;
	return 0;
}

static int null_signal(struct trn_hal_dev *dev)
{
	(void)dev;
	return 0; /* nothing here ever waits */
}

static int null_progress(struct trn_hal_dev *dev, unsigned int *round, uint64_t deadline_ns)
{
	(void)dev;
	(void)deadline_ns;
	(*round)++;
	return -EAGAIN; /* everything has happened inside the kick */
}

/* ---- the device ---- */

static int null_bring_up(struct trn_hal_dev *dev, uint64_t deadline_ns)
{
	(void)dev;
	(void)deadline_ns;
	return 0;
}

static int null_info(struct trn_hal_dev *dev, struct trn_hal_info *ret_info)
{
	(void)dev;
	*ret_info = (struct trn_hal_info){
		.uri = "null:",
		.backend = "null",
		.product = "no device",
		.arch = "null",
		.caps = TRN_HAL_CAP_MAP_HBM | TRN_HAL_CAP_INLINE | TRN_HAL_CAP_SIMULATED |
			TRN_HAL_CAP_STRIDED,
		.cores = TRN_CORES,
		.hbm_stacks = 1,
		.queues = UINT32_MAX,
		.hbm_bytes = NULL_HBM_BYTES,
		.hbm_reserved = NULL_HBM_RESERVED,
		.numa_node = -1,
		.pod_chips = 1,
	};
	return 0;
}

static void null_close(struct trn_hal_dev *dev)
{
	struct null_dev *null = null_of(dev);

	while (null->queues) {
		struct null_queue *q = null->queues;

		null->queues = q->next;
		queue_release(null, q);
	}
	for (size_t i = 0; i < null->count; i++)
		trn_pages_free(&null->ranges[i].pages);
	trn_free(dev->alloc, null->ranges);
	pthread_mutex_destroy(&null->lock);
	trn_free(dev->alloc, null);
}

static const struct trn_hal_ops null_ops = {
	.name = "null",
	.close = null_close,
	.bring_up = null_bring_up,
	.info = null_info,
	.mem_alloc = null_mem_alloc,
	.mem_free = null_mem_free,
	.mem_map = null_mem_map,
	.copy = null_copy,
	.queue_open = null_queue_open,
	.queue_close = null_queue_close,
	.queue_kick = null_queue_kick,
	.queue_reset = null_queue_reset,
	.signal = null_signal,
	.progress = null_progress,
};

int trn_null_open(const struct trn_hal_open *open, const struct trn_uri *uri,
		  struct trn_hal_dev **ret_dev)
{
	struct null_dev *null;

	if (uri->path[0] != '\0')
		return trn_hal_fail(NULL, -ENODEV, "null: has no device '%.32s'", uri->path);
	if (uri->param_count > 0)
		return trn_hal_fail(NULL, -EINVAL, "null: has no parameter '%.32s'",
				    uri->params[0].key);
	null = trn_alloc_zero(open->alloc, sizeof(*null));
	if (!null)
		return trn_hal_fail(NULL, -ENOMEM, "no memory for the device");
	pthread_mutex_init(&null->lock, NULL); /* a default one cannot fail */
	trn_hal_dev_init(&null->hal, &null_ops, open->alloc, open->log);
	null->next_address = NULL_HBM_RESERVED;
	*ret_dev = &null->hal;
	return 0;
}
