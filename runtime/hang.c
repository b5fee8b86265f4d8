/* SPDX-License-Identifier: Apache-2.0 */
/* Finds commands that do not move. What counts as progress: commands that finish, and for launches
 * pc, state and retired instructions of the engines. A command that waits for what a
 * host or another queue may yet signal is no hang, however long it takes. */
#include "runtime/hang.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/recover.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/isa_text.h"
#include "runtime/private.h"

#define HANG_NS UINT64_C(10000000000)
#define LOOK_MAX_NS UINT64_C(100000000) /* a device that is gone is noticed here, too */
#define LOOKS 8u                        /* in that time */
#define LOOK_MIN_NS UINT64_C(1000000)   /* registers are not free */
#define BYTE_NS UINT64_C(1)             /* what a copy may take: no counter shows how far it is */
#define READ_NS UINT64_C(100000000)

/* Of the core that a command runs on. */
struct look {
	uint32_t state[TRN_ENGINE_COUNT], pc[TRN_ENGINE_COUNT], retired[TRN_ENGINE_COUNT];
};

uint64_t trn_hang_default(void)
{
	const char *text = getenv("TRN_HANG_NS");
	char *end = NULL;
	unsigned long long ns = text ? strtoull(text, &end, 0) : 0;

	return ns > 0 && end && *end == '\0' ? ns : HANG_NS;
}

static bool reg(struct trn_device *device, uint32_t offset, uint32_t *ret_value)
{
	return device->hal->ops.reg_read32(device->hal, TRN_BAR_REGS,
					   device->info.ext_base + offset, ret_value) == 0;
}

static void core_look(struct trn_device *device, uint32_t core, struct look *ret_look)
{
	memset(ret_look, 0xff, sizeof(*ret_look));
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		(void)reg(device, TRN_EXT_CORE(core) + TRN_EXT_CORE_STATUS(e), &ret_look->state[e]);
		(void)reg(device, TRN_EXT_CORE(core) + TRN_EXT_CORE_PC(e), &ret_look->pc[e]);
		(void)reg(device, TRN_EXT_CORE(core) + TRN_EXT_CORE_RETIRED(e),
			  &ret_look->retired[e]);
	}
}

/* The cores that the command could run on; a list does not say. */
static uint32_t core_mask(const struct trn_device *device, const struct trn_ext_cmd *cmd)
{
	const uint32_t all = (uint32_t)((UINT64_C(1) << device->info.cores) - 1);

	if (cmd->op == TRN_CMD_CALL)
		return all;
	return cmd->op == TRN_CMD_LAUNCH && cmd->a[1] < device->info.cores ? 1u << cmd->a[1] : 0;
}

static uint64_t fingerprint(struct trn_device *device, const struct trn_ext_cmd *cmd,
			    uint64_t sequence)
{
	const uint32_t mask = device->info.ext_base ? core_mask(device, cmd) : 0;
	uint64_t print = trn_hash_u64(TRN_HASH_INIT, sequence);

	for (uint32_t core = 0; core < 32; core++) {
		struct look look;

		if (!(mask >> core & 1))
			continue;
		core_look(device, core, &look);
		print = trn_hash_bytes(print, &look, sizeof(look));
	}
	return print;
}

/* 0 where the device has no clock. */
static uint64_t device_ns(struct trn_device *device)
{
	uint32_t low = 0, high = 0;

	if (device->info.ext_base == 0 || !reg(device, TRN_EXT_ID_TIME_LO, &low) ||
	    !reg(device, TRN_EXT_ID_TIME_HI, &high))
		return 0;
	return trn_u64(low, high);
}

/* A copy is still, and may be long. */
static uint64_t allowed(const struct trn_queue *queue, const struct trn_ext_cmd *cmd)
{
	uint64_t bytes = 0, ns;

	if (cmd->op == TRN_CMD_COPY)
		bytes = cmd->a[2];
	else if (cmd->op == TRN_CMD_FILL)
		bytes = cmd->a[1];
	else if (cmd->op == TRN_CMD_COPY_ND &&
		 __builtin_mul_overflow((uint64_t)trn_lo32(cmd->a[2]) * trn_hi32(cmd->a[2]),
					cmd->a[3], &bytes))
		return UINT64_MAX;
	if (__builtin_mul_overflow(bytes, BYTE_NS, &ns) ||
	    __builtin_add_overflow(ns, queue->hang.ns, &ns))
		return UINT64_MAX;
	return ns;
}

/* ---- in words ---- */

/* What the instruction waits for, read where it lies. */
static void add_semaphore(struct trn_device *device, const struct trn_ext_launch *launch,
			  struct trn_error *error)
{
	const struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HOST,
					       .size = 4096,
					       .category = TRN_MEMORY_SCRATCH,
					       .label = "hang",
					       .numa_node = -1 };
	const struct trn_ext_stream *stream = &launch->stream[error->engine];
	const size_t used = strlen(error->cause);
	struct trn_isa_head head;
	struct trn_hal_mem mem;
	int r;

	if (error->pc < 0 || error->pc >= stream->words ||
	    trn_device_mem_alloc(device, &desc, &mem) < 0)
		return;
	trn_device_enter(device);
	r = device->hal->ops.copy(device->hal, mem.address,
				  stream->address + (uint64_t)error->pc * TRN_ISA_WORD_SIZE,
				  sizeof(head), trn_clock_deadline(READ_NS));
	trn_device_leave(device);
	if (r == 0) {
		memcpy(&head, mem.host, sizeof(head));
		error->opcode = head.op;
		if (head.wait_mode != TRN_WAIT_NONE)
			(void)snprintf(error->cause + used, sizeof(error->cause) - used,
				       ", for semaphore %u", head.wait_sem);
	}
	trn_device_mem_free(device, &mem);
}

static void describe_launch(struct trn_queue *queue, const struct trn_ext_cmd *cmd,
			    uint64_t sequence, struct trn_error *error)
{
	const struct trn_ext_launch *launch =
		&queue->launches[(sequence - 1 - queue->base) & queue->mask].launch;
	static const uint32_t order[] = { TRN_ENGINE_WAITING, TRN_ENGINE_BUSY };
	const uint32_t core = trn_lo32(cmd->a[1]);
	struct look look;

	error->core = (int)core;
	core_look(queue->device, core, &look);
	for (size_t i = 0; i < TRN_ARRAY_LEN(order) && error->engine < 0; i++)
		for (uint32_t e = 0; e < TRN_ENGINE_COUNT && error->engine < 0; e++)
			if (launch->stream[e].words > 0 && look.state[e] == order[i])
				error->engine = (int)e;
	if (error->engine < 0) {
		(void)snprintf(error->cause, sizeof(error->cause),
			       "a launch on core %u does not move, and no engine is at work", core);
		return;
	}
	error->pc = look.pc[error->engine];
	(void)snprintf(error->cause, sizeof(error->cause),
		       "a launch on core %u does not move: the %s engine %s at pc %u", core,
		       trn_text_name(TRN_TEXT_ENGINE, (uint32_t)error->engine),
		       look.state[error->engine] == TRN_ENGINE_WAITING ? "waits" : "stands",
		       look.pc[error->engine]);
	add_semaphore(queue->device, launch, error);
}

static int hung(struct trn_queue *queue, const struct trn_ext_cmd *cmd, uint64_t sequence,
		const char *operation)
{
	const char *name = trn_command_name(cmd->op);
	struct trn_error error;

	trn_error_init(&error, -TRN_EHANG, operation);
	trn_text_copy(error.device, sizeof(error.device), queue->device->info.uri);
	error.queue = queue->hal->index;
	error.command = (int64_t)(sequence - 1);
	if (cmd->op == TRN_CMD_LAUNCH && queue->launches && queue->device->info.ext_base &&
	    cmd->a[1] < queue->device->info.cores)
		describe_launch(queue, cmd, sequence, &error);
	else
		(void)snprintf(error.cause, sizeof(error.cause), "a %s does not move",
			       name ? name : "command");
	if (queue->hang.told != sequence + 1) {
		queue->hang.told = sequence + 1;
		trn_logf(&queue->object.context->log, TRN_LOG_ERROR,
			 "%s: queue %u command %lld: %s", error.device, queue->hal->index,
			 (long long)error.command, error.cause);
		trn_device_event_error(queue->device, TRN_EVENT_TIMEOUT, &error);
		trn_dump_failure(queue->device, &error);
	}
	return trn_error_post(queue->object.context, &error);
}

/* ---- looking ---- */

bool trn_hang_due(struct trn_queue *queue)
{
	struct trn_hang *hang = &queue->hang;
	const uint64_t now = hang->ns == UINT64_MAX ? 0 : trn_clock_ns();

	if (hang->ns == UINT64_MAX || now < hang->next_ns)
		return false;
	hang->next_ns = now + trn_min_u64(trn_max_u64(hang->ns / LOOKS, LOOK_MIN_NS), LOOK_MAX_NS);
	return true;
}

/* What a host, another queue or another chip may yet signal; and what has nothing to do. */
static bool may_wait(const struct trn_queue *queue, const struct trn_ext_cmd *cmd, uint64_t at)
{
	const uint32_t state = trn_load_acquire32(&queue->hal->status->state);

	return at > atomic_load(&queue->submitted) || cmd->op == TRN_CMD_WAIT ||
	       cmd->op == TRN_CMD_COLLECT || state == TRN_QUEUE_WAITING || state == TRN_QUEUE_ERROR;
}

int trn_hang_look(struct trn_queue *queue, bool idle, const char *operation)
{
	const uint64_t at = trn_queue_at(queue);
	const struct trn_ext_cmd *cmd = &queue->hal->ring[(at - 1 - queue->base) & queue->mask];
	struct trn_device *device = queue->device;
	struct trn_hang *hang = &queue->hang;
	uint64_t print, now, device_now, limit;

	if (hang->ns == UINT64_MAX || may_wait(queue, cmd, at)) {
		hang->since_ns = 0;
		return 0;
	}
	if (trn_device_verdict(device, 0) < 0)
		return -TRN_EDEVLOST;
	if (idle)
		return hung(queue, cmd, at, operation);
	print = fingerprint(device, cmd, at);
	now = trn_clock_ns();
	device_now = device_ns(device);
	if (hang->since_ns == 0 || print != hang->print) {
		hang->print = print;
		hang->since_ns = now;
		hang->since_device_ns = device_now;
		return 0;
	}
	limit = allowed(queue, cmd);
	/* A device whose time stands still has nothing pending; a slow simulation of one has. */
	if (now - hang->since_ns < limit ||
	    (device_now != hang->since_device_ns && device_now - hang->since_device_ns < limit))
		return 0;
	return hung(queue, cmd, at, operation);
}

TRN_API int trn_queue_hang_check(struct trn_queue *queue)
{
	int r;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	r = trn_queue_test(queue, atomic_load(&queue->submitted));
	if (r == -TRN_EDEVLOST)
		return r;
	r = r == -EAGAIN ? trn_hang_look(queue, false, __func__) : 0;
	if (r == -TRN_EDEVLOST)
		return trn_fail(queue->object.context, queue->device, r, __func__,
				"the device is lost");
	return r;
}
