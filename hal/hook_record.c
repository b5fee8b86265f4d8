/* SPDX-License-Identifier: Apache-2.0 */
/* record(file=F) over a backend that has no bus: every HAL operation, one line each.
 * Backends with a bus are recorded below the driver instead (bus_record.c). */
#include <errno.h>
#include <inttypes.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "hal/record.h"

struct record_dev {
	struct trn_hal_dev hal; /* first */
	struct trn_hal_dev *inner;
	struct trn_record *record;
};

static struct record_dev *record_of(struct trn_hal_dev *dev)
{
	return TRN_CONTAINER_OF(dev, struct record_dev, hal);
}

/* The inner device's words become this one's. */
static int passed(struct record_dev *rec, int r)
{
	struct trn_hal_fault fault;
	struct trn_hal_where where;

	if (r >= 0 || r == -EAGAIN)
		return r;
	trn_hal_last_fault(rec->inner, &fault);
	where = (struct trn_hal_where){ fault.address, fault.engine, fault.queue };
	return trn_hal_fail_at(&rec->hal, r, &where, "%s", fault.why);
}

/* One finished operation; the lock is held for the line only, as operations may block. */
#define NOTE(rec, ...)                                       \
	do {                                                 \
		trn_record_begin((rec)->record);             \
		trn_record_line((rec)->record, __VA_ARGS__); \
		trn_record_end((rec)->record);               \
	} while (0)

static int record_bring_up(struct trn_hal_dev *dev, uint64_t deadline_ns)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.bring_up(rec->inner, deadline_ns);

	NOTE(rec, "bring-up = %d", r);
	return passed(rec, r);
}

static int record_info(struct trn_hal_dev *dev, struct trn_hal_info *ret_info)
{
	struct record_dev *rec = record_of(dev);

	return passed(rec, rec->inner->ops.info(rec->inner, ret_info));
}

static int record_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			    struct trn_hal_mem *ret_mem)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.mem_alloc(rec->inner, desc, ret_mem);

	NOTE(rec, "mem-alloc kind %d size 0x%" PRIx64 " address 0x%" PRIx64 " = %d",
	     (int)desc->kind, desc->size, r == 0 ? ret_mem->address : 0, r);
	return passed(rec, r);
}

static int record_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct record_dev *rec = record_of(dev);
	uint64_t address = mem->address;
	int r = rec->inner->ops.mem_free(rec->inner, mem);

	NOTE(rec, "mem-free address 0x%" PRIx64 " = %d", address, r);
	return passed(rec, r);
}

static int record_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.mem_map(rec->inner, mem);

	NOTE(rec, "mem-map address 0x%" PRIx64 " = %d", mem->address, r);
	return passed(rec, r);
}

static int record_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		       uint64_t deadline_ns)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.copy(rec->inner, dst, src, size, deadline_ns);

	NOTE(rec, "copy 0x%" PRIx64 " from 0x%" PRIx64 " size 0x%" PRIx64 " = %d", dst, src, size,
	     r);
	return passed(rec, r);
}

static int record_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			     struct trn_hal_queue **ret_queue)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.queue_open(rec->inner, desc, ret_queue);

	NOTE(rec, "queue-open depth %" PRIu32 " core %" PRIu32 " index %" PRIu32 " = %d",
	     desc->depth, desc->core, r == 0 ? (*ret_queue)->index : 0, r);
	return passed(rec, r);
}

static int record_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *queue)
{
	struct record_dev *rec = record_of(dev);
	uint32_t index = queue->index;
	int r = rec->inner->ops.queue_close(rec->inner, queue);

	NOTE(rec, "queue-close %" PRIu32 " = %d", index, r);
	return passed(rec, r);
}

static int record_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail)
{
	struct record_dev *rec = record_of(dev);
	int r;

	for (uint32_t i = queue->tail; i != tail && i - queue->tail < queue->depth; i++) {
		const struct trn_ext_cmd *cmd = &queue->ring[i & (queue->depth - 1)];

		NOTE(rec,
		     "command %" PRIu32 ".%" PRIu32 " op %u tag 0x%" PRIx32 " 0x%" PRIx64
		     " 0x%" PRIx64 " 0x%" PRIx64,
		     queue->index, i, cmd->op, cmd->tag, cmd->a[0], cmd->a[1], cmd->a[2]);
	}
	r = rec->inner->ops.queue_kick(rec->inner, queue, tail);
	NOTE(rec, "queue-kick %" PRIu32 " tail %" PRIu32 " = %d", queue->index, tail, r);
	return passed(rec, r);
}

static int record_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			      uint64_t deadline_ns)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.queue_reset(rec->inner, queue, deadline_ns);

	NOTE(rec, "queue-reset %" PRIu32 " = %d", queue->index, r);
	return passed(rec, r);
}

static int record_signal(struct trn_hal_dev *dev)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.signal(rec->inner);

	NOTE(rec, "signal = %d", r);
	return passed(rec, r);
}

/* Waiting is not written down: how often a caller looks is not what it does. */
static int record_progress(struct trn_hal_dev *dev, unsigned int *round, uint64_t deadline_ns)
{
	struct record_dev *rec = record_of(dev);

	return passed(rec, rec->inner->ops.progress(rec->inner, round, deadline_ns));
}

static int record_sem_read(struct trn_hal_dev *dev, uint32_t owner, uint32_t index,
			   uint32_t *ret_value)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.sem_read(rec->inner, owner, index, ret_value);

	NOTE(rec, "sem-read %" PRIu32 ".%" PRIu32 " = %d", owner, index, r);
	return passed(rec, r);
}

static int record_sem_write(struct trn_hal_dev *dev, uint32_t owner, uint32_t index, uint32_t value)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.sem_write(rec->inner, owner, index, value);

	NOTE(rec, "sem-write %" PRIu32 ".%" PRIu32 " 0x%" PRIx32 " = %d", owner, index, value, r);
	return passed(rec, r);
}

static int record_core_error(struct trn_hal_dev *dev, uint32_t core,
			     struct trn_hal_core_error *ret_error)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.core_error(rec->inner, core, ret_error);

	NOTE(rec, "core-error %" PRIu32 " = %d", core, r);
	return passed(rec, r);
}

static int record_core_claim(struct trn_hal_dev *dev, uint32_t core,
			     const struct trn_hal_claim *who, bool take,
			     struct trn_hal_claim *ret_claim)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.core_claim(rec->inner, core, who, take, ret_claim);

	NOTE(rec, "core-claim %" PRIu32 " token 0x%" PRIx32 " %s = %d", core, who ? who->owner : 0,
	     take ? "take" : "release", r);
	return passed(rec, r);
}

static int record_reset(struct trn_hal_dev *dev, enum trn_hal_reset kind, uint32_t core_map,
			uint64_t deadline_ns)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.reset(rec->inner, kind, core_map, deadline_ns);

	NOTE(rec, "reset kind %d cores 0x%" PRIx32 " = %d", (int)kind, core_map, r);
	return passed(rec, r);
}

static int record_telemetry(struct trn_hal_dev *dev, struct trn_hal_telemetry *ret)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.telemetry(rec->inner, ret);

	NOTE(rec, "telemetry = %d", r);
	return passed(rec, r);
}

static int record_mailbox(struct trn_hal_dev *dev, uint32_t command, const void *request,
			  size_t size, void *response, size_t room, size_t *ret_size,
			  uint64_t deadline_ns)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.mailbox(rec->inner, command, request, size, response, room,
					ret_size, deadline_ns);

	NOTE(rec, "mailbox command %" PRIu32 " size %zu = %d", command, size, r);
	return passed(rec, r);
}

static int record_reg_read32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			     uint32_t *ret_value)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.reg_read32(rec->inner, bar, offset, ret_value);

	NOTE(rec, "read %u 0x%08" PRIx64 " = %d", bar, offset, r);
	return passed(rec, r);
}

static int record_reg_write32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			      uint32_t value)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.reg_write32(rec->inner, bar, offset, value);

	NOTE(rec, "write %u 0x%08" PRIx64 " 0x%08" PRIx32 " = %d", bar, offset, value, r);
	return passed(rec, r);
}

static int record_control(struct trn_hal_dev *dev, const char *verb, const char *arg,
			  char *ret_text, size_t text_size)
{
	struct record_dev *rec = record_of(dev);
	int r = rec->inner->ops.control(rec->inner, verb, arg, ret_text, text_size);

	NOTE(rec, "control %.32s %.96s = %d", verb, arg ? arg : "", r);
	return passed(rec, r);
}

static int record_trace(struct trn_hal_dev *dev, trn_trace_fn *fn, void *user)
{
	struct record_dev *rec = record_of(dev);

	return passed(rec, rec->inner->ops.trace(rec->inner, fn, user));
}

static int record_watch(struct trn_hal_dev *dev, void (*fn)(void *user), void *user)
{
	struct record_dev *rec = record_of(dev);

	return passed(rec, rec->inner->ops.watch(rec->inner, fn, user));
}

static void record_close(struct trn_hal_dev *dev)
{
	struct record_dev *rec = record_of(dev);

	trn_hal_close(rec->inner);
	trn_record_close(rec->record, dev->log);
	trn_free(dev->alloc, rec);
}

static const struct trn_hal_ops record_ops = {
	.name = "record",
	.close = record_close,
	.bring_up = record_bring_up,
	.info = record_info,
	.mem_alloc = record_mem_alloc,
	.mem_free = record_mem_free,
	.mem_map = record_mem_map,
	.copy = record_copy,
	.queue_open = record_queue_open,
	.queue_close = record_queue_close,
	.queue_kick = record_queue_kick,
	.queue_reset = record_queue_reset,
	.signal = record_signal,
	.progress = record_progress,
	.sem_read = record_sem_read,
	.sem_write = record_sem_write,
	.core_error = record_core_error,
	.core_claim = record_core_claim,
	.reset = record_reset,
	.telemetry = record_telemetry,
	.mailbox = record_mailbox,
	.reg_read32 = record_reg_read32,
	.reg_write32 = record_reg_write32,
	.control = record_control,
	.trace = record_trace,
	.watch = record_watch,
};

int trn_record_wrap_dev(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
			struct trn_hal_dev **ret_dev)
{
	struct record_dev *rec = trn_alloc_zero(inner->alloc, sizeof(*rec));
	int r;

	if (!rec)
		return trn_hal_fail(NULL, -ENOMEM, "no memory for a record");
	r = trn_record_open(hook, UINT32_MAX, inner->alloc, &rec->record);
	if (r < 0) {
		trn_free(inner->alloc, rec);
		return r;
	}
	trn_hal_dev_init(&rec->hal, &record_ops, inner->alloc, inner->log);
	rec->inner = inner;
	trn_record_comment(rec->record, "trn-record/1 hal %s", inner->ops.name);
	*ret_dev = &rec->hal;
	return 0;
}
