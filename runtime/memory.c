/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which memory: books of every block of a device, by place and category, and the
 * limits. A block is entered before the HAL is asked, so that two threads cannot pass one limit
 * together, and struck out after it is given back. */
#include "runtime/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TRN_API const char *trn_memory_category_name(enum trn_memory_category category)
{
	static const char *const names[] = { "tensors",     "constants", "code",
					     "scratch",     "rings",     "notifications",
					     "collectives", "profiling", "all" };

	return (unsigned int)category < TRN_ARRAY_LEN(names) ? names[category] : "unknown";
}

static uint32_t place_of(enum trn_hal_mem_kind kind, uint32_t stack)
{
	return kind == TRN_HAL_MEM_HBM ? stack : TRN_HBM_STACKS_MAX;
}

/* ---- limits ---- */

/* What a limit allows; all of it counts as set when nobody has set any. */
static uint64_t limit_of(const struct trn_memory_quota *quota, uint32_t category)
{
	return ~quota->inverted[category];
}

/* HBM that the device holds by category, or of all. context.lock held. */
static uint64_t device_held(const struct trn_device *device, uint32_t category)
{
	uint64_t held = 0;

	for (uint32_t s = 0; s < TRN_HBM_STACKS_MAX; s++)
		for (uint32_t c = 0; c < TRN_MEMORY_CATEGORIES; c++)
			if (c == category || category == TRN_MEMORY_ALL)
				held += device->books.by[s][c].live_bytes;
	return held;
}

static uint64_t context_held(const struct trn_context *context, uint32_t category)
{
	uint64_t held = 0;

	for (uint32_t c = 0; c < TRN_MEMORY_CATEGORIES; c++)
		if (c == category || category == TRN_MEMORY_ALL)
			held += context->hbm_held[c];
	return held;
}

/* A limit that bytes more would break. */
struct breach {
	bool of_device;
	uint32_t category;
	uint64_t limit, held;
};

/* context.lock held. */
static bool find_breach(const struct trn_device *device, enum trn_memory_category category,
			uint64_t bytes, struct breach *ret)
{
	const struct trn_context *context = device->object.context;

	for (int i = 0; i < 4; i++) {
		struct breach b = { .of_device = i % 2, .category = (uint32_t)category };

		if (i >= 2)
			b.category = TRN_MEMORY_ALL;
		b.limit =
			limit_of(b.of_device ? &device->books.quota : &context->quota, b.category);
		if (b.limit == TRN_MEMORY_NO_QUOTA)
			continue;
		b.held = b.of_device ? device_held(device, b.category) :
				       context_held(context, b.category);
		if (b.held >= b.limit || bytes > b.limit - b.held) {
			*ret = b;
			return true;
		}
	}
	return false;
}

TRN_API int trn_memory_quota_set(struct trn_context *context, struct trn_device *device,
				 enum trn_memory_category category, uint64_t bytes)
{
	struct trn_memory_quota *quota;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT) ||
	    (device && !TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE)))
		return trn_handle_refused();
	if (device && device->object.context != context)
		return trn_fail(context, device, -EINVAL, __func__, "a device of another context");
	if ((unsigned int)category > TRN_MEMORY_ALL)
		return trn_fail(context, device, -EINVAL, __func__, "category %u is unknown",
				(unsigned int)category);
	quota = device ? &device->books.quota : &context->quota;
	trn_lock_take(&context->lock);
	quota->inverted[category] = ~bytes;
	trn_lock_give(&context->lock);
	return 0;
}

/* ---- books ---- */

static void enter(struct trn_device *device, struct trn_memory_block *block)
{
	struct trn_memory_books *books = &device->books;
	struct trn_memory_count *count = &books->by[block->place][block->category];

	block->older = books->newest;
	if (block->older)
		block->older->newer = block;
	books->newest = block;
	count->live_bytes += block->bytes;
	count->blocks++;
	if (block->place < TRN_HBM_STACKS_MAX)
		device->object.context->hbm_held[block->category] += block->bytes;
}

static void strike(struct trn_device *device, struct trn_memory_block *block)
{
	struct trn_memory_books *books = &device->books;
	struct trn_memory_count *count = &books->by[block->place][block->category];

	if (block->older)
		block->older->newer = block->newer;
	if (block->newer)
		block->newer->older = block->older;
	else
		books->newest = block->older;
	count->live_bytes -= block->bytes;
	count->blocks--;
	books->live[block->place] -= block->room;
	if (block->place < TRN_HBM_STACKS_MAX)
		device->object.context->hbm_held[block->category] -= block->bytes;
}

/* The HAL gave the memory: now it counts for the peaks, too. */
static void confirm(struct trn_device *device, struct trn_memory_block *block,
		    const struct trn_hal_mem *mem)
{
	struct trn_memory_books *books = &device->books;
	struct trn_memory_count *count = &books->by[block->place][block->category];

	block->address = mem->address;
	block->room = mem->room ? mem->room : mem->size;
	books->live[block->place] += block->room;
	books->peak[block->place] =
		trn_max_u64(books->peak[block->place], books->live[block->place]);
	count->peak_bytes = trn_max_u64(count->peak_bytes, count->live_bytes);
}

int trn_device_mem_alloc(struct trn_device *device, const struct trn_hal_mem_desc *desc,
			 struct trn_hal_mem *ret_mem)
{
	struct trn_context *context = device->object.context;
	struct trn_memory_block *block = trn_alloc_zero(&context->alloc, sizeof(*block));
	struct breach breach;
	int r = 0;

	if (!block)
		return -ENOMEM;
	block->place = place_of(desc->kind, desc->hbm);
	block->category = desc->category;
	block->bytes = desc->size;
	if (desc->label)
		trn_text_copy(block->label, sizeof(block->label), desc->label);
	trn_lock_take(&context->lock);
	if (desc->kind == TRN_HAL_MEM_HBM &&
	    find_breach(device, desc->category, desc->size, &breach))
		r = -EDQUOT;
	else
		enter(device, block);
	trn_lock_give(&context->lock);
	if (r == 0) {
		r = device->hal->ops.mem_alloc(device->hal, desc, ret_mem);
		trn_lock_take(&context->lock);
		if (r == 0)
			confirm(device, block, ret_mem);
		else
			strike(device, block);
		trn_lock_give(&context->lock);
	}
	if (r == 0)
		ret_mem->holder = block;
	else
		trn_free(&context->alloc, block);
	return r;
}

void trn_device_mem_free(struct trn_device *device, struct trn_hal_mem *mem)
{
	struct trn_context *context = device->object.context;
	struct trn_memory_block *block = mem->holder;

	if (mem->size == 0)
		return;
	/* What cannot be zeroed is not handed out again. A device that is gone cannot be told; its
	 * memory is gone with it. */
	if (!context->scrub || mem->kind != TRN_HAL_MEM_HBM || trn_device_scrub(device, mem) == 0 ||
	    atomic_load(&device->lost))
		(void)device->hal->ops.mem_free(device->hal, mem);
	trn_lock_take(&context->lock);
	strike(device, block);
	trn_lock_give(&context->lock);
	trn_free(&context->alloc, block);
	*mem = (struct trn_hal_mem){ 0 };
}

/* ---- why not ---- */

static int quota_fail(struct trn_device *device, const char *operation,
		      const struct trn_hal_mem_desc *desc)
{
	struct trn_context *context = device->object.context;
	struct breach b = { 0 };

	/* Looked at again: somebody may have given something back meanwhile. */
	trn_lock_take(&context->lock);
	(void)find_breach(device, desc->category, desc->size, &b);
	trn_lock_give(&context->lock);
	return trn_fail(context, device, -EDQUOT, operation,
			"quota of %s of the %s: %" PRIu64 " bytes wanted, %" PRIu64 " of %" PRIu64
			" held",
			trn_memory_category_name((enum trn_memory_category)b.category),
			b.of_device ? "device" : "context", desc->size, b.held, b.limit);
}

static int stack_fail(struct trn_device *device, const char *operation,
		      const struct trn_hal_mem_desc *desc)
{
	struct trn_error error;
	uint32_t other = 0;

	trn_device_memory_log(device);
	trn_error_init(&error, -ENOMEM, operation);
	trn_text_copy(error.device, sizeof(error.device), device->info.uri);
	(void)snprintf(error.cause, sizeof(error.cause),
		       "HBM stack %" PRIu32 ": %" PRIu64 " bytes wanted, %" PRIu64 " of %" PRIu64
		       " free, the largest piece %" PRIu64,
		       desc->hbm, desc->size, trn_device_stack_free(device, desc->hbm),
		       device->info.hbm_bytes, trn_device_stack_largest(device, desc->hbm));
	while (other < device->info.hbm_stacks &&
	       (other == desc->hbm || trn_device_stack_largest(device, other) < desc->size))
		other++;
	if (other < device->info.hbm_stacks)
		(void)snprintf(error.hint, sizeof(error.hint),
			       "stack %" PRIu32 " would take it; trn_device_memory_report() says "
			       "who holds what",
			       other);
	else
		(void)snprintf(error.hint, sizeof(error.hint),
			       "trn_device_memory_report() says who holds what");
	return trn_error_post(device->object.context, &error);
}

static void refusal_event(struct trn_device *device, int code, const struct trn_hal_mem_desc *desc)
{
	struct trn_event event =
		trn_event_of(code == -EDQUOT ? TRN_EVENT_QUOTA : TRN_EVENT_OUT_OF_MEMORY);

	event.code = code;
	event.value = desc->size;
	if (desc->label)
		trn_text_copy(event.text, sizeof(event.text), desc->label);
	trn_count_shared(&device->count.refused);
	trn_device_event(device, &event);
}

int trn_device_mem_fail(struct trn_device *device, int code, const char *operation,
			const struct trn_hal_mem_desc *desc)
{
	if (code == -EDQUOT || code == -ENOMEM)
		refusal_event(device, code, desc);
	if (code == -EDQUOT)
		return quota_fail(device, operation, desc);
	if (code != -ENOMEM)
		return trn_fail_hal(device, code, operation, "allocating memory");
	if (desc->kind != TRN_HAL_MEM_HBM)
		return trn_fail(device->object.context, device, code, operation,
				"%" PRIu64 " bytes of host memory are not there to pin%s",
				desc->size,
				desc->flags & TRN_HAL_MEM_HUGE_ONLY ? " in large pages" : "");
	if (trn_device_stack_largest(device, desc->hbm) >= desc->size + desc->align)
		return trn_fail(device->object.context, device, code, operation,
				"HBM stack %" PRIu32
				" has room; no memory of the host to note the block",
				desc->hbm);
	return stack_fail(device, operation, desc);
}

/* ---- asking ---- */

/* Numbers of the backend's "memory" verb; how many there were. */
static int backend_numbers(struct trn_device *device, const char *what, uint64_t *ret, int room)
{
	char text[640], *at = text;
	int count = 0;

	if (device->hal->ops.control(device->hal, "memory", what, text, sizeof(text)) < 0)
		return 0;
	while (count < room && *at) {
		char *end;

		ret[count] = strtoull(at, &end, 10);
		if (end == at)
			break;
		at = end;
		count++;
	}
	return count;
}

uint64_t trn_device_stack_free(struct trn_device *device, uint32_t stack)
{
	struct trn_context *context = device->object.context;
	uint64_t used = device->info.hbm_reserved;

	trn_lock_take(&context->lock);
	used += device->books.live[stack];
	trn_lock_give(&context->lock);
	return used < device->info.hbm_bytes ? device->info.hbm_bytes - used : 0;
}

uint64_t trn_device_stack_largest(struct trn_device *device, uint32_t stack)
{
	uint64_t numbers[2];
	char what[12];

	(void)snprintf(what, sizeof(what), "%" PRIu32, stack);
	if (backend_numbers(device, what, numbers, 2) == 2)
		return numbers[1];
	return trn_device_stack_free(device, stack);
}

/* What the driver keeps for itself; it has no blocks in the books. */
static void add_backend(struct trn_device *device, struct trn_memory_usage *usage)
{
	uint64_t numbers[3 * TRN_MEMORY_CATEGORIES];
	int count = backend_numbers(device, "host", numbers, TRN_ARRAY_LEN(numbers));

	for (int c = 0; c < count / 3; c++) {
		usage->by[c].live_bytes += numbers[3 * c];
		usage->by[c].peak_bytes += numbers[3 * c + 1];
		usage->by[c].blocks += (uint32_t)numbers[3 * c + 2];
		usage->live_bytes += numbers[3 * c];
		usage->peak_bytes += numbers[3 * c + 1];
	}
}

TRN_API int trn_device_memory_usage(struct trn_device *device, uint32_t place,
				    struct trn_memory_usage *ret_usage)
{
	struct trn_memory_usage usage = { .size = sizeof(usage), .place = place };
	struct trn_context *context;
	uint32_t at = place == TRN_MEMORY_HOST ? TRN_HBM_STACKS_MAX : place;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	context = device->object.context;
	if (!ret_usage || ret_usage->size != sizeof(*ret_usage))
		return trn_fail(context, device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_memory_usage)");
	if (place != TRN_MEMORY_HOST && place >= device->info.hbm_stacks)
		return trn_fail(context, device, -EINVAL, __func__, "no HBM stack %" PRIu32, place);
	trn_lock_take(&context->lock);
	memcpy(usage.by, device->books.by[at], sizeof(usage.by));
	usage.live_bytes = device->books.live[at];
	usage.peak_bytes = device->books.peak[at];
	trn_lock_give(&context->lock);
	if (place == TRN_MEMORY_HOST) {
		add_backend(device, &usage);
	} else {
		usage.total_bytes = device->info.hbm_bytes - device->info.hbm_reserved;
		usage.free_bytes = trn_device_stack_free(device, place);
		usage.largest_bytes = trn_device_stack_largest(device, place);
	}
	*ret_usage = usage;
	return 0;
}

static uint32_t context_number(struct trn_context *context)
{
	static _Atomic uint32_t last;
	uint32_t none = 0;

	if (atomic_load(&context->number) == 0)
		(void)atomic_compare_exchange_strong(&context->number, &none,
						     atomic_fetch_add(&last, 1) + 1);
	return atomic_load(&context->number);
}

static void describe(struct trn_device *device, const struct trn_memory_block *block,
		     struct trn_memory_holder *ret)
{
	*ret = (struct trn_memory_holder){
		.place = block->place == TRN_HBM_STACKS_MAX ? TRN_MEMORY_HOST : block->place,
		.category = block->category,
		.bytes = block->bytes,
		.address = block->address,
		.process = (uint32_t)getpid(),
		.context = context_number(device->object.context),
	};
	memcpy(ret->label, block->label, sizeof(ret->label));
}

/* All blocks that the HAL has given, as they are now, at most room; how many there are. */
static size_t snapshot(struct trn_device *device, struct trn_memory_holder *holders, size_t room)
{
	struct trn_context *context = device->object.context;
	const struct trn_memory_block *block;
	size_t count = 0;

	trn_lock_take(&context->lock);
	for (block = device->books.newest; block; block = block->older) {
		if (block->room == 0)
			continue;
		if (count < room)
			describe(device, block, &holders[count]);
		count++;
	}
	trn_lock_give(&context->lock);
	return count;
}

TRN_API int trn_device_memory_each(struct trn_device *device, trn_memory_fn fn, void *user)
{
	struct trn_memory_holder *holders = NULL;
	struct trn_context *context;
	size_t count, room, seen = 0;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	context = device->object.context;
	if (!fn)
		return trn_fail(context, device, -EINVAL, __func__, "fn is NULL");
	room = snapshot(device, NULL, 0);
	for (;;) {
		trn_free(&context->alloc, holders);
		holders = trn_alloc_array(&context->alloc, room, sizeof(*holders));
		if (!holders)
			return trn_fail(context, device, -ENOMEM, __func__,
					"no memory for %zu holders", room);
		count = snapshot(device, holders, room);
		if (count <= room)
			break;
		room = count + count / 8;
	}
	while (seen < count) {
		seen++;
		if (fn(user, &holders[seen - 1]) != 0)
			break;
	}
	trn_free(&context->alloc, holders);
	return (int)seen;
}
