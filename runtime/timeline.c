/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines: one 64-bit word each in pinned memory, a cache line apart, that
 * queues of the device and the host raise and wait for. */
#include "runtime/private.h"

#include <errno.h>
#include "base/clock.h"

#define PAGE_BYTES 4096u
#define SLOT_BYTES 64u
#define SLOTS (PAGE_BYTES / SLOT_BYTES)

/* A wait that goes on looks this often at the queues for one that broke its promise. */
#define OWES_ROUNDS 64u

_Static_assert(SLOTS == 64, "struct trn_timeline_page.used has a bit for each slot");

/* device.list_lock held. */
static struct trn_timeline_page *page_with_room(struct trn_device *device)
{
	struct trn_timeline_page *page;

	for (page = device->pages; page; page = page->next)
		if (page->used != UINT64_MAX)
			return page;
	return NULL;
}

/* A page that is in no list yet. The allocator may be the user's: no lock is held. */
static int page_create(struct trn_device *device, struct trn_timeline_page **ret_page)
{
	const struct trn_alloc *alloc = &device->object.context->alloc;
	struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST,
		.size = PAGE_BYTES,
		.category = TRN_MEMORY_NOTIFICATIONS,
		.label = "timelines",
		.numa_node = -1,
	};
	struct trn_timeline_page *page = trn_alloc_zero(alloc, sizeof(*page));
	int r;

	if (!page)
		return -ENOMEM;
	r = trn_device_mem_alloc(device, &desc, &page->mem);
	if (r < 0) {
		trn_free(alloc, page);
		return r;
	}
	*ret_page = page;
	return 0;
}

void trn_timeline_pages_free(struct trn_device *device)
{
	struct trn_timeline_page *page = device->pages;

	while (page) {
		struct trn_timeline_page *next = page->next;

		trn_device_mem_free(device, &page->mem);
		trn_free(&device->object.context->alloc, page);
		page = next;
	}
	device->pages = NULL;
}

/* Takes a free word, after adding a page when there is one to add. */
static bool slot_find(struct trn_device *device, struct trn_timeline_page *added,
		      struct trn_timeline *timeline)
{
	struct trn_timeline_page *page;

	trn_lock_take(&device->list_lock);
	if (added) {
		added->next = device->pages;
		device->pages = added;
	}
	page = page_with_room(device);
	if (page) {
		timeline->page = page;
		timeline->index = (uint32_t)__builtin_ctzll(~page->used);
		page->used |= UINT64_C(1) << timeline->index;
	}
	trn_lock_give(&device->list_lock);
	return page != NULL;
}

static int slot_take(struct trn_device *device, struct trn_timeline *timeline)
{
	struct trn_timeline_page *added = NULL;
	int r = 0;

	/* Others may take all of a new page before us. */
	while (r == 0 && !slot_find(device, added, timeline))
		r = page_create(device, &added);
	trn_device_flush_log(device);
	return r;
}

static void slot_give(struct trn_device *device, struct trn_timeline *timeline)
{
	trn_lock_take(&device->list_lock);
	timeline->page->used &= ~(UINT64_C(1) << timeline->index);
	trn_lock_give(&device->list_lock);
}

TRN_API int trn_timeline_create(struct trn_device *device, uint64_t value,
				struct trn_timeline **ret_timeline)
{
	struct trn_context *context;
	struct trn_timeline *timeline;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return -EINVAL;
	context = device->object.context;
	if (!ret_timeline)
		return trn_fail(context, device, -EINVAL, __func__, "ret_timeline is NULL");
	timeline = trn_alloc_zero(&context->alloc, sizeof(*timeline));
	if (!timeline)
		return trn_fail(context, device, -ENOMEM, __func__, "no memory for the object");
	r = slot_take(device, timeline);
	if (r < 0) {
		trn_free(&context->alloc, timeline);
		return trn_fail(context, device, r, __func__, "no pinned memory for its word");
	}
	trn_object_init(&timeline->object, TRN_OBJECT_TIMELINE, context);
	timeline->device = trn_device_ref(device);
	timeline->slot = (_Atomic uint64_t *)(void *)((char *)timeline->page->mem.host +
						      (size_t)timeline->index * SLOT_BYTES);
	timeline->address = timeline->page->mem.address + (uint64_t)timeline->index * SLOT_BYTES;
	atomic_store(timeline->slot, value);
	*ret_timeline = timeline;
	return 0;
}

TRN_API struct trn_timeline *trn_timeline_ref(struct trn_timeline *timeline)
{
	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return NULL;
	trn_object_ref(&timeline->object);
	return timeline;
}

TRN_API struct trn_timeline *trn_timeline_unref(struct trn_timeline *timeline)
{
	struct trn_device *device;

	if (!timeline || !TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE) ||
	    !trn_object_unref(&timeline->object))
		return NULL;
	device = timeline->device;
	slot_give(device, timeline);
	trn_object_bury(&timeline->object);
	(void)trn_device_unref(device);
	return NULL;
}

TRN_API uint64_t trn_timeline_value(const struct trn_timeline *timeline)
{
	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return 0;
	return atomic_load_explicit(timeline->slot, memory_order_acquire);
}

/* The next device that shares the host's memory with this one, or NULL; holds a reference. */
static struct trn_device *neighbour_below(struct trn_device *device, uint64_t id)
{
	struct trn_device *other;

	while ((other = trn_context_device_below(device->object.context, id))) {
		if (other != device && trn_device_same_host(other, device))
			return other;
		id = other->id;
		(void)trn_device_unref(other);
	}
	return NULL;
}

/* Queues of other devices may wait for the word. One that is gone waits for nothing. */
static void tell_others(struct trn_device *device)
{
	struct trn_device *other;
	uint64_t id = UINT64_MAX;

	while ((other = neighbour_below(device, id))) {
		(void)other->hal->ops.signal(other->hal);
		trn_device_flush_log(other);
		id = other->id;
		(void)trn_device_unref(other);
	}
}

TRN_API int trn_timeline_signal(struct trn_timeline *timeline, uint64_t value)
{
	struct trn_device *device;
	uint64_t now;
	int r;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return -EINVAL;
	device = timeline->device;
	if (atomic_load_explicit(&device->lost, memory_order_relaxed))
		return trn_fail(device->object.context, device, -TRN_EDEVLOST, __func__,
				"the device was lost earlier");
	now = atomic_load_explicit(timeline->slot, memory_order_relaxed);
	while (now < value && !atomic_compare_exchange_weak(timeline->slot, &now, value))
		;
	r = device->hal->ops.signal(device->hal);
	trn_device_flush_log(device);
	if (atomic_load_explicit(&timeline->shared, memory_order_acquire))
		tell_others(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "telling the device");
	return 0;
}

/* A queue of the device that stopped before the signal it promised: its record and code, or 0. */
static int broken_by(struct trn_device *device, const struct trn_timeline *timeline, uint64_t value,
		     struct trn_error *ret_error)
{
	struct trn_queue *queue;

	trn_lock_take(&device->list_lock);
	for (queue = device->queues; queue; queue = queue->next)
		if (trn_queue_owes(queue, timeline, value, ret_error))
			break;
	trn_lock_give(&device->list_lock);
	if (!queue)
		return 0;
	trn_device_blame(device, ret_error);
	return ret_error->code;
}

static int promise_broken(struct trn_timeline *timeline, uint64_t value,
			  struct trn_error *ret_error)
{
	int r = broken_by(timeline->device, timeline, value, ret_error);
	struct trn_device *other;
	uint64_t id = UINT64_MAX;

	if (!atomic_load_explicit(&timeline->shared, memory_order_acquire))
		return r;
	while (r == 0 && (other = neighbour_below(timeline->device, id))) {
		r = broken_by(other, timeline, value, ret_error);
		id = other->id;
		(void)trn_device_unref(other);
	}
	return r;
}

/* The value did not come. A word that was raised at the last moment still counts. */
static int wait_failed(struct trn_timeline *timeline, uint64_t value, int code, bool polling)
{
	struct trn_device *device = timeline->device;
	struct trn_context *context = device->object.context;
	bool idle = code == -EAGAIN;
	uint64_t now;

	if (idle)
		code = -ETIMEDOUT;
	if (code == -ETIMEDOUT && !polling)
		code = trn_device_verdict(device, code);
	now = trn_timeline_value(timeline);
	if (now >= value)
		return 0;
	if (code == -TRN_EDEVLOST)
		return trn_fail(context, device, code, "trn_timeline_wait", "the device is lost");
	if (code != -ETIMEDOUT)
		return trn_fail_hal(device, code, "trn_timeline_wait", "waiting for the device");
	return trn_fail(context, device, code, "trn_timeline_wait",
			idle ? "idle: nothing is pending that could raise %llu to %llu" :
			       "value is %llu, wanted %llu",
			(unsigned long long)now, (unsigned long long)value);
}

TRN_API int trn_timeline_wait(struct trn_timeline *timeline, uint64_t value, uint64_t deadline_ns)
{
	unsigned int round = 0, looks = 0;
	struct trn_device *device;
	struct trn_error error;
	int r = 0;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return -EINVAL;
	device = timeline->device;
	while (r == 0 && trn_timeline_value(timeline) < value) {
		r = trn_device_step(device, &round, deadline_ns);
		/* Queues that stop are rare: looked at now and then, and before giving up. */
		if ((r != 0 || ++looks % OWES_ROUNDS == 0) &&
		    promise_broken(timeline, value, &error) < 0) {
			trn_device_flush_log(device);
			return trn_timeline_value(timeline) >= value ?
				       0 :
				       trn_error_post(device->object.context, &error);
		}
	}
	trn_device_flush_log(device);
	return r == 0 ? 0 : wait_failed(timeline, value, r, deadline_ns == TRN_DEADLINE_NOW);
}
