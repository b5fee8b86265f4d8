/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines: one 64-bit word each in pinned memory, a cache line apart, that
 * queues of the device and the host raise and wait for. */
#include "runtime/private.h"

#include <errno.h>

#define PAGE_BYTES 4096u
#define SLOT_BYTES 64u
#define SLOTS (PAGE_BYTES / SLOT_BYTES)

_Static_assert(SLOTS == 64, "struct trn_timeline_page.used has a bit for each slot");

/* device.list_lock held. */
static struct trn_timeline_page *page_with_room(struct trn_device *device)
	TRN_REQUIRES(device->list_lock)
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

static void registry_add(struct trn_sync *sync, struct trn_timeline *timeline)
{
	trn_lock_take(&sync->lock);
	timeline->id = ++sync->timeline_ids;
	timeline->next = sync->timelines;
	timeline->link = &sync->timelines;
	if (timeline->next)
		timeline->next->link = &timeline->next;
	sync->timelines = timeline;
	trn_lock_give(&sync->lock);
}

static void registry_remove(struct trn_sync *sync, struct trn_timeline *timeline)
{
	trn_lock_take(&sync->lock);
	*timeline->link = timeline->next;
	if (timeline->next)
		timeline->next->link = timeline->link;
	trn_lock_give(&sync->lock);
	if (trn_timeline_broken(timeline) != 0)
		atomic_fetch_sub(&sync->broken, 1);
	if (atomic_load(&timeline->shares))
		atomic_fetch_sub(&sync->foreign, 1);
}

TRN_API int trn_timeline_create(struct trn_device *device, uint64_t value,
				struct trn_timeline **ret_timeline)
{
	struct trn_context *context;
	struct trn_timeline *timeline;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
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
	timeline->told = value;
	atomic_store(&timeline->slot[1], 0);
	atomic_store(timeline->slot, value);
	registry_add(&context->sync, timeline);
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

static void shares_end(struct trn_timeline *timeline)
{
	struct trn_timeline_share *share = atomic_load(&timeline->shares);

	while (share) {
		struct trn_timeline_share *next = share->next;

		trn_device_mem_free(share->device, &share->mem);
		(void)trn_device_unref(share->device);
		trn_free(&timeline->object.context->alloc, share);
		share = next;
	}
}

TRN_API struct trn_timeline *trn_timeline_unref(struct trn_timeline *timeline)
{
	struct trn_device *device;

	if (!timeline || !TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE) ||
	    !trn_object_unref(&timeline->object))
		return NULL;
	device = timeline->device;
	trn_notes_end(timeline);
	registry_remove(&device->object.context->sync, timeline);
	shares_end(timeline);
	slot_give(device, timeline);
	trn_object_bury(&timeline->object);
	(void)trn_device_unref(device);
	return NULL;
}

/* ---- other devices ---- */

int trn_timeline_address(const struct trn_timeline *timeline, const struct trn_device *device,
			 uint64_t *ret_address)
{
	const struct trn_timeline_share *share;

	if (timeline->device == device || (trn_device_same_host(timeline->device, device) &&
					   trn_device_has(device, TRN_HAL_CAP_COMPUTE))) {
		*ret_address = timeline->address;
		return 0;
	}
	share = atomic_load_explicit(&timeline->shares, memory_order_acquire);
	while (share && share->device != device)
		share = share->next;
	if (!share)
		return -ENOTSUP;
	*ret_address = share->mem.address + (uint64_t)timeline->index * SLOT_BYTES;
	return 0;
}

void trn_timeline_use(struct trn_timeline *timeline, const struct trn_device *device)
{
	if (timeline->device != device)
		atomic_store_explicit(&timeline->shared, true, memory_order_release);
}

/* False: another thread was first. */
static bool share_add(struct trn_timeline *timeline, struct trn_timeline_share *share)
{
	struct trn_sync *sync = &timeline->object.context->sync;
	uint64_t ignored;
	bool first;

	trn_lock_take(&sync->lock);
	first = trn_timeline_address(timeline, share->device, &ignored) < 0;
	if (first) {
		share->next = atomic_load(&timeline->shares);
		if (!share->next)
			atomic_fetch_add(&sync->foreign, 1);
		atomic_store(&timeline->shares, share);
	}
	trn_lock_give(&sync->lock);
	return first;
}

/* What any of them writes may be what another one waits for. */
static void watch_all(struct trn_context *context)
{
	struct trn_device *device;
	uint64_t id = UINT64_MAX;

	while ((device = trn_context_device_below(context, id))) {
		trn_sync_watch(device);
		id = device->id;
		(void)trn_device_unref(device);
	}
}

static int share_make(struct trn_timeline *timeline, struct trn_device *device,
		      struct trn_timeline_share **ret_share)
{
	const struct trn_alloc *alloc = &timeline->object.context->alloc;
	const struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_USER,
		.size = PAGE_BYTES,
		.numa_node = -1,
		.user = timeline->page->mem.host,
		.category = TRN_MEMORY_NOTIFICATIONS,
	};
	struct trn_timeline_share *share = trn_alloc_zero(alloc, sizeof(*share));
	int r;

	if (!share)
		return trn_fail(timeline->object.context, device, -ENOMEM, "trn_timeline_share",
				"no memory to note who reaches it");
	r = trn_device_mem_alloc(device, &desc, &share->mem);
	if (r < 0) {
		trn_free(alloc, share);
		return trn_fail_hal(device, r, "trn_timeline_share",
				    "making the timeline's word reachable");
	}
	share->device = trn_device_ref(device);
	*ret_share = share;
	return 0;
}

TRN_API int trn_timeline_share(struct trn_timeline *timeline, struct trn_device *device)
{
	struct trn_timeline_share *share = NULL;
	struct trn_context *context;
	uint64_t ignored;
	int r;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE) ||
	    !TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	context = timeline->object.context;
	if (device->object.context != context)
		return trn_fail(context, device, -EINVAL, __func__, "a device of another context");
	if (trn_timeline_address(timeline, device, &ignored) == 0)
		return 0;
	r = share_make(timeline, device, &share);
	if (r < 0)
		return r;
	if (!share_add(timeline, share)) {
		trn_device_mem_free(device, &share->mem);
		(void)trn_device_unref(device);
		trn_free(&context->alloc, share);
		return 0;
	}
	trn_timeline_use(timeline, device);
	watch_all(context);
	return 0;
}

/* ---- from the host ---- */

TRN_API uint64_t trn_timeline_value(const struct trn_timeline *timeline)
{
	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return 0;
	return atomic_load_explicit(timeline->slot, memory_order_acquire);
}

/* Queues that may wait for the word look again: of its device, or of all that use it. */
static int tell(struct trn_timeline *timeline)
{
	struct trn_device *device = timeline->device;

	if (!atomic_load_explicit(&timeline->shared, memory_order_acquire))
		return device->hal->ops.signal(device->hal);
	(void)trn_sync_run(device->object.context);
	return atomic_load_explicit(&device->lost, memory_order_relaxed) ? -TRN_EDEVLOST : 0;
}

TRN_API int trn_timeline_signal(struct trn_timeline *timeline, uint64_t value)
{
	struct trn_device *device;
	uint64_t now;
	int r;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	device = timeline->device;
	if (atomic_load_explicit(&device->lost, memory_order_relaxed))
		return trn_fail(device->object.context, device, -TRN_EDEVLOST, __func__,
				"the device was lost earlier");
	now = atomic_load_explicit(timeline->slot, memory_order_relaxed);
	while (now < value && !atomic_compare_exchange_weak(timeline->slot, &now, value))
		;
	r = tell(timeline);
	trn_sync_changed(device->object.context);
	trn_device_flush_log(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "telling the device");
	return 0;
}

TRN_API int trn_timeline_fail(struct trn_timeline *timeline, int code)
{
	struct trn_context *context;
	struct trn_error error;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	context = timeline->object.context;
	if (code >= 0)
		return trn_fail(context, timeline->device, -EINVAL, __func__,
				"code %d is no failure", code);
	trn_error_init(&error, code, __func__);
	trn_text_copy(error.device, sizeof(error.device), timeline->device->info.uri);
	trn_text_copy(error.cause, sizeof(error.cause), "the host says that it will not come");
	trn_lock_take(&context->sync.lock);
	(void)trn_timeline_break(timeline, UINT64_MAX, &error);
	timeline->failed = true;
	trn_lock_give(&context->sync.lock);
	(void)trn_sync_run(context);
	trn_sync_changed(context);
	trn_device_flush_log(timeline->device);
	return 0;
}

TRN_API int trn_timeline_error(struct trn_timeline *timeline, struct trn_error *ret_error)
{
	struct trn_context *context;
	bool broken;

	if (!TRN_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return trn_handle_refused();
	context = timeline->object.context;
	if (!ret_error || ret_error->size != sizeof(*ret_error))
		return trn_fail(context, timeline->device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_error)");
	(void)trn_sync_run(context);
	trn_lock_take(&context->sync.lock);
	broken = trn_timeline_broken(timeline) > trn_timeline_value(timeline);
	if (broken)
		*ret_error = timeline->error;
	trn_lock_give(&context->sync.lock);
	return broken ? 0 : -ENOENT;
}
