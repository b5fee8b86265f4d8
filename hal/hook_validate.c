/* SPDX-License-Identifier: Apache-2.0 */
/* validate+URI: looks at what is asked of a device before the device does. Takes the place of
 * some entries in the device's own table; the others stay as they are. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/ext.h"
#include "hal/mmio.h"
#include "hal/validate.h"

const char *const trn_validate_names[TRN_VALIDATE_RULES] = {
	[TRN_VALIDATE_USE_AFTER_FREE] = "use-after-free",
	[TRN_VALIDATE_OUT_OF_BOUNDS] = "out-of-bounds",
	[TRN_VALIDATE_MISALIGNED] = "misaligned",
	[TRN_VALIDATE_FREE_IN_FLIGHT] = "free-in-flight",
	[TRN_VALIDATE_OVERLAPPING_WRITES] = "overlapping-writes",
	[TRN_VALIDATE_MISSING_WAIT] = "missing-wait",
	[TRN_VALIDATE_WRONG_THREAD] = "wrong-thread",
	[TRN_VALIDATE_LEAKED_MEMORY] = "leaked-memory",
};

/* Leaf but for the user's allocator. Nothing of a device is called under it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trn_validate *all;

struct trn_validate *trn_validate_all(void)
{
	return all;
}

/* ---- reports ---- */

void trn_validate_report(struct trn_validate_found *found, enum trn_validate_rule rule,
			 const char *fmt, ...)
{
	struct trn_validate *v = found->v;
	va_list args;
	int used = snprintf(v->last, sizeof(v->last), "%s: ", trn_validate_names[rule]);

	va_start(args, fmt);
	(void)vsnprintf(v->last + used, sizeof(v->last) - (size_t)used, fmt, args);
	va_end(args);
	v->counts[rule]++;
	if (found->count < VALIDATE_FOUND)
		memcpy(found->text[found->count], v->last, sizeof(v->last));
	found->count++;
}

/* The device of a call, which is open, with the lock taken. */
static struct trn_validate *enter(struct trn_hal_dev *dev)
{
	struct trn_validate *v;

	(void)pthread_mutex_lock(&lock);
	for (v = all; v && v->dev != dev; v = v->next)
		;
	return v;
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&lock);
}

/* Says what was found. 0 when the call may go on. */
static int tell(const struct trn_validate_found *found)
{
	struct trn_hal_dev *dev = found->v->dev;

	for (uint32_t i = 0; i < found->count && i < VALIDATE_FOUND; i++)
		trn_logf(dev->log, TRN_LOG_ERROR, "validate: %s", found->text[i]);
	if (found->count > VALIDATE_FOUND)
		trn_logf(dev->log, TRN_LOG_ERROR, "validate: and %" PRIu32 " more of this call",
			 found->count - VALIDATE_FOUND);
	if (found->count == 0 || !found->v->fatal)
		return 0;
	return trn_hal_fail(dev, -TRN_EVALIDATE, "%.150s", found->text[0]);
}

/* ---- memory ---- */

static int validate_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			      struct trn_hal_mem *ret_mem)
{
	struct trn_validate *v = enter(dev);
	struct trn_hal_mem mem = *ret_mem;
	int r;

	leave();
	r = v->inner.mem_alloc(dev, desc, &mem);
	if (r < 0)
		return r;
	(void)enter(dev);
	r = trn_validate_block_add(v, &mem, desc->label, __builtin_return_address(0));
	leave();
	if (r < 0) {
		(void)v->inner.mem_free(dev, &mem);
		return trn_hal_fail(dev, r, "no memory for the books of validate+");
	}
	*ret_mem = mem;
	return 0;
}

struct overlap {
	const struct trn_validate_block *block;
	bool found;
};

static void find_overlap(void *user, const struct trn_validate_range *range)
{
	struct overlap *o = user;

	if (range->bytes > 0 && (range->address - o->block->address < o->block->size ||
				 o->block->address - range->address < range->bytes))
		o->found = true;
}

uint32_t trn_validate_first_in_flight(const struct trn_validate_queue *queue)
{
	const struct trn_ext_status *status = queue->hal->status;

	if (trn_hal_dma_load32(&status->state) == TRN_QUEUE_ERROR)
		return queue->kicked;
	return trn_hal_dma_load32(&status->head);
}

static void check_free(struct trn_validate_found *found, const struct trn_validate_block *block)
{
	struct trn_validate *v = found->v;

	for (struct trn_validate_queue *q = v->queues; q; q = q->next) {
		for (uint32_t i = trn_validate_first_in_flight(q);
		     i != q->kicked && q->kicked - i <= q->hal->depth; i++) {
			const struct trn_ext_cmd *cmd = &q->cmds[i & (q->hal->depth - 1)];
			struct overlap o = { .block = block };

			trn_validate_ranges(v, cmd, find_overlap, &o);
			if (!o.found)
				continue;
			trn_validate_report(found, TRN_VALIDATE_FREE_IN_FLIGHT,
					    "0x%" PRIx64 " + 0x%" PRIx64
					    " (%s) is freed under command %" PRIu32
					    " (op %u) of queue %" PRIu32,
					    block->address, block->size, block->label, i, cmd->op,
					    q->hal->index);
			return;
		}
	}
}

static int validate_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct trn_validate_found found = { .v = enter(dev) };
	struct trn_validate_block block = { 0 };
	struct trn_validate *v = found.v;
	const struct trn_hal_mem was = *mem;
	const struct trn_validate_block *freed;
	bool known;
	int r;

	/* Out of the books first: the address may be another's as soon as it is free. */
	freed = trn_validate_block_at(v, mem->address);
	if (freed)
		check_free(&found, freed);
	known = (found.count == 0 || !v->fatal) &&
		trn_validate_block_remove(v, mem->address, &block);
	leave();
	r = tell(&found);
	if (r < 0)
		return r;
	r = v->inner.mem_free(dev, mem);
	if (r < 0 && known) {
		(void)enter(dev);
		v->freed_count--;
		(void)trn_validate_block_add(v, &was, block.label, block.made);
		leave();
	}
	return r;
}

static int validate_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	struct trn_validate *v = enter(dev);
	struct trn_validate_block block;
	int r;

	leave();
	r = v->inner.mem_map(dev, mem);
	(void)enter(dev);
	/* The place it leaves is the one that it takes again: no memory is wanted. */
	if (r == 0 && trn_validate_block_remove(v, mem->address, &block)) {
		v->freed_count--;
		(void)trn_validate_block_add(v, mem, block.label, block.made);
	}
	leave();
	return r;
}

static int validate_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
			 uint64_t deadline_ns)
{
	struct trn_validate_found found = { .v = enter(dev) };
	const struct trn_validate_range to = { dst, size, 0, "destination" };
	const struct trn_validate_range from = { src, size, 0, "source" };
	int r;

	trn_validate_check(&found, &to, "copy");
	trn_validate_check(&found, &from, "copy");
	trn_validate_host_order(&found, dst, src, size);
	leave();
	r = tell(&found);
	return r < 0 ? r : found.v->inner.copy(dev, dst, src, size, deadline_ns);
}

/* ---- queues ---- */

static int validate_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			       struct trn_hal_queue **ret_queue)
{
	struct trn_validate *v = enter(dev);
	struct trn_validate_queue *queue;
	struct trn_hal_queue *hal = NULL;
	int r;

	leave();
	r = v->inner.queue_open(dev, desc, &hal);
	if (r < 0)
		return r;
	queue = trn_alloc_zero(dev->alloc,
			       sizeof(*queue) + hal->depth * sizeof(struct trn_ext_cmd));
	if (!queue) {
		(void)v->inner.queue_close(dev, hal);
		return trn_hal_fail(dev, -ENOMEM, "no memory for the books of validate+");
	}
	*ret_queue = hal;
	(void)enter(dev);
	queue->hal = hal;
	queue->next = v->queues;
	v->queues = queue;
	leave();
	return 0;
}

static struct trn_validate_queue **queue_at(struct trn_validate *v, const struct trn_hal_queue *hal)
{
	struct trn_validate_queue **at = &v->queues;

	while (*at && (*at)->hal != hal)
		at = &(*at)->next;
	return at;
}

static int validate_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *hal)
{
	struct trn_validate *v = enter(dev);
	struct trn_validate_queue **at = queue_at(v, hal);
	struct trn_validate_queue *queue = *at;
	int r;

	if (queue)
		*at = queue->next;
	leave();
	r = v->inner.queue_close(dev, hal);
	if (r == 0 || !queue) {
		trn_free(dev->alloc, queue);
		return r;
	}
	(void)enter(dev);
	queue->next = v->queues;
	v->queues = queue;
	leave();
	return r;
}

struct command {
	struct trn_validate_found *found;
	char where[48];
};

static void check_range(void *user, const struct trn_validate_range *range)
{
	struct command *command = user;

	trn_validate_check(command->found, range, command->where);
}

/* New commands: what they touch, kept, and beside what else is in flight. */
static void check_new(struct trn_validate_found *found, struct trn_validate_queue *queue,
		      uint32_t tail)
{
	const struct trn_hal_queue *hal = queue->hal;
	const uint32_t from = queue->kicked;

	for (uint32_t i = from; i != tail && i - from < hal->depth; i++) {
		const struct trn_ext_cmd *cmd = &hal->ring[i & (hal->depth - 1)];
		struct command command = { .found = found };

		(void)snprintf(command.where, sizeof(command.where),
			       "command %" PRIu32 " (op %u) of queue %" PRIu32, i, cmd->op,
			       hal->index);
		trn_validate_ranges(found->v, cmd, check_range, &command);
		queue->cmds[i & (hal->depth - 1)] = *cmd;
	}
	/* A tail past the ring is refused by who runs it. */
	if (tail - from > hal->depth)
		return;
	queue->kicked = tail;
	trn_validate_order(found, queue, from);
}

static int validate_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *hal, uint32_t tail)
{
	struct trn_validate_found found = { .v = enter(dev) };
	struct trn_validate_queue *queue = *queue_at(found.v, hal);
	const uint32_t was = queue->kicked;
	int r;

	check_new(&found, queue, tail);
	leave();
	r = tell(&found);
	if (r == 0)
		r = found.v->inner.queue_kick(dev, hal, tail);
	if (r < 0) {
		(void)enter(dev);
		queue->kicked = was;
		leave();
	}
	return r;
}

static int validate_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *hal,
				uint64_t deadline_ns)
{
	struct trn_validate *v = enter(dev);
	struct trn_validate_queue *queue = *queue_at(v, hal);
	int r;

	leave();
	r = v->inner.queue_reset(dev, hal, deadline_ns);
	(void)enter(dev);
	if (queue)
		queue->kicked = hal->tail;
	leave();
	return r;
}

/* ---- the verb ---- */

static size_t put(char *text, size_t size, size_t used, const char *fmt, ...) TRN_PRINTF(4, 5);
static size_t put(char *text, size_t size, size_t used, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(used < size ? text + used : NULL, used < size ? size - used : 0, fmt, args);
	va_end(args);
	return used + (size_t)(n > 0 ? n : 0);
}

/* {"reports":N,"RULE":N,...,"last":"TEXT"}; the lock is held. */
static int write_counts(const struct trn_validate *v, char *ret_text, size_t size)
{
	char text[768], last[VALIDATE_TEXT];
	uint64_t sum = 0;
	size_t used;

	for (unsigned int i = 0; i < TRN_VALIDATE_RULES; i++)
		sum += v->counts[i];
	used = put(text, sizeof(text), 0, "{\"reports\":%" PRIu64, sum);
	for (unsigned int i = 0; i < TRN_VALIDATE_RULES; i++)
		used = put(text, sizeof(text), used, ",\"%s\":%" PRIu64, trn_validate_names[i],
			   v->counts[i]);
	/* Labels are the user's: whatever JSON would want to escape becomes '?'. */
	for (size_t i = 0; i < sizeof(last); i++) {
		const unsigned char byte = (unsigned char)v->last[i];

		last[i] = v->last[i];
		if (byte != 0 && (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\'))
			last[i] = '?';
	}
	used = put(text, sizeof(text), used, ",\"last\":\"%s\"}", last);
	if (size == 0)
		return 0;
	if (used >= size)
		return -ENOSPC;
	memcpy(ret_text, text, used + 1);
	return 0;
}

/* The runtime has found one that only it can see. */
static int note(struct trn_validate_found *found, const char *rule)
{
	for (unsigned int i = 0; i < TRN_VALIDATE_RULES; i++) {
		const size_t length = strlen(trn_validate_names[i]);

		if (strncmp(rule, trn_validate_names[i], length) == 0 && rule[length] == ' ') {
			trn_validate_report(found, (enum trn_validate_rule)i, "%s",
					    rule + length + 1);
			return 0;
		}
	}
	return -EINVAL;
}

static int validate_control(struct trn_hal_dev *dev, const char *verb, const char *arg,
			    char *ret_text, size_t text_size)
{
	struct trn_validate_found found = { .v = enter(dev) };
	struct trn_validate *v = found.v;
	int r;

	if (strcmp(verb, "validate") != 0) {
		leave();
		return v->inner.control(dev, verb, arg, ret_text, text_size);
	}
	if (!arg || !arg[0])
		r = write_counts(v, ret_text, text_size);
	else if (strncmp(arg, "note ", 5) == 0)
		r = note(&found, arg + 5);
	else
		r = -EINVAL;
	leave();
	if (r < 0)
		return trn_hal_fail(dev, r,
				    "validate: no such argument, or no room for the answer");
	return tell(&found);
}

/* ---- on and off ---- */

static void unlink_device(struct trn_validate *v)
{
	struct trn_validate **at = &all;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
}

static void validate_close(struct trn_hal_dev *dev)
{
	struct trn_validate_found found = { .v = enter(dev) };
	struct trn_validate *v = found.v;
	const struct trn_alloc *alloc = dev->alloc;

	for (size_t i = 0; i < v->block_count; i++)
		trn_validate_report(&found, TRN_VALIDATE_LEAKED_MEMORY,
				    "0x%" PRIx64 " + 0x%" PRIx64 " (%s), asked for at %p, is "
				    "still there when the device is closed",
				    v->blocks[i].address, v->blocks[i].size, v->blocks[i].label,
				    v->blocks[i].made);
	unlink_device(v);
	leave();
	(void)tell(&found);
	v->inner.close(dev);
	while (v->queues) {
		struct trn_validate_queue *next = v->queues->next;

		trn_free(alloc, v->queues);
		v->queues = next;
	}
	trn_free(alloc, v->blocks);
	trn_free(alloc, v);
}

int trn_validate_wrap_dev(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
			  struct trn_hal_dev **ret_dev)
{
	const bool fatal = hook->count == 1 && strcmp(hook->params[0].key, "") == 0 &&
			   strcmp(hook->params[0].value, "fatal") == 0;
	struct trn_validate *v;

	if (hook->count > 0 && !fatal)
		return trn_hal_fail(NULL, -EINVAL, "validate+ or validate(fatal)+ is wanted");
	if (inner->ops.mem_alloc == validate_mem_alloc)
		return trn_hal_fail(NULL, -EINVAL, "validate+ is there twice");
	v = trn_alloc_zero(inner->alloc, sizeof(*v));
	if (!v)
		return trn_hal_fail(NULL, -ENOMEM, "no memory for validate+");
	v->dev = inner;
	v->inner = inner->ops;
	v->fatal = fatal;
	inner->ops.mem_alloc = validate_mem_alloc;
	inner->ops.mem_free = validate_mem_free;
	inner->ops.mem_map = validate_mem_map;
	inner->ops.copy = validate_copy;
	inner->ops.queue_open = validate_queue_open;
	inner->ops.queue_close = validate_queue_close;
	inner->ops.queue_kick = validate_queue_kick;
	inner->ops.queue_reset = validate_queue_reset;
	inner->ops.control = validate_control;
	inner->ops.close = validate_close;
	(void)pthread_mutex_lock(&lock);
	v->next = all;
	all = v;
	leave();
	*ret_dev = inner;
	return 0;
}
