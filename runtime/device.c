/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: finding and opening them, their facts, counters and reset. */
#include "runtime/private.h"
#include "runtime/validate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/regs.h"

#define STEPS_PER_CLOCK 16u /* of an inline device */

/* ---- what the HAL logs ---- */

/* Called inside HAL calls, under locks and on a device's own thread: only keeps the line. */
static void pending_log_add(void *user, enum trn_log_level level, const char *text)
{
	struct trn_pending_log *pending = user;
	uint32_t count;

	trn_lock_take(&pending->lock);
	count = atomic_load_explicit(&pending->count, memory_order_relaxed);
	if (count < TRN_PENDING_LOG_LINES) {
		pending->lines[count].level = level;
		(void)snprintf(pending->lines[count].text, TRN_PENDING_LOG_TEXT, "%s", text);
		atomic_store_explicit(&pending->count, count + 1, memory_order_relaxed);
	} else {
		pending->dropped++;
	}
	trn_lock_give(&pending->lock);
}

void trn_device_flush_log(struct trn_device *device)
{
	struct trn_pending_log *pending = &device->pending;
	struct trn_log *log = &device->object.context->log;
	char text[TRN_PENDING_LOG_TEXT];
	enum trn_log_level level;
	uint32_t at = 0, dropped = 0;

	while (atomic_load_explicit(&pending->count, memory_order_relaxed) > 0) {
		bool more;

		/* One line at a time: the sink runs without the lock and may log itself. */
		trn_lock_take(&pending->lock);
		more = at < atomic_load_explicit(&pending->count, memory_order_relaxed);
		if (more) {
			level = pending->lines[at].level;
			memcpy(text, pending->lines[at].text, sizeof(text));
			at++;
		} else {
			dropped = pending->dropped;
			pending->dropped = 0;
			atomic_store_explicit(&pending->count, 0, memory_order_relaxed);
		}
		trn_lock_give(&pending->lock);
		if (!more)
			break;
		trn_logf(log, level, "%s", text);
	}
	if (dropped > 0)
		trn_logf(log, TRN_LOG_WARNING, "%u lines of the device's log dropped", dropped);
}

void trn_device_set_log_level(struct trn_device *device, enum trn_log_level level)
{
	atomic_store(&device->hal_log.level, (int)level);
}

/* ---- helpers of the other files ---- */

void trn_device_enter(struct trn_device *device)
{
	trn_lock_take(&device->lock);
}

void trn_device_leave(struct trn_device *device)
{
	trn_lock_give(&device->lock);
	trn_device_flush_log(device);
}

uint32_t trn_device_stack(const struct trn_device *device, uint32_t core)
{
	if (device->info.cores == 0)
		return 0;
	return (uint32_t)((uint64_t)core * device->info.hbm_stacks / device->info.cores);
}

int trn_device_step(struct trn_device *device, unsigned int *round, uint64_t deadline_ns)
{
	int r;

	if (atomic_load_explicit(&device->lost, memory_order_relaxed))
		return -TRN_EDEVLOST;
	/* An inline device makes some steps in the time that a look at the clock takes. */
	if ((deadline_ns == TRN_DEADLINE_NOW || !trn_device_has(device, TRN_HAL_CAP_INLINE) ||
	     *round % STEPS_PER_CLOCK == STEPS_PER_CLOCK - 1) &&
	    trn_clock_passed(deadline_ns))
		return -ETIMEDOUT;
	r = device->hal->ops.progress(device->hal, round, deadline_ns);
	if (r == -TRN_EDEVLOST)
		trn_device_lose(device);
	return r;
}

int trn_device_verdict(struct trn_device *device, int code)
{
	uint32_t ignored;
	int r;

	if (!atomic_load(&device->lost) && trn_lock_try(&device->lock)) {
		/* A register that every vendor device has and that is never held in reset. */
		r = device->hal->ops.reg_read32(device->hal, TRN_BAR_REGS,
						TRN_MISC_RAM + TRN_MR_ROUTING_ID, &ignored);
		trn_lock_give(&device->lock);
		if (r == -TRN_EDEVLOST)
			trn_device_lose(device);
	}
	return atomic_load(&device->lost) ? -TRN_EDEVLOST : code;
}

void trn_device_blame(struct trn_device *device, struct trn_error *error)
{
	struct trn_error lost;

	if (trn_device_verdict(device, error->code) != -TRN_EDEVLOST)
		return;
	trn_error_init(&lost, -TRN_EDEVLOST, error->operation);
	trn_text_copy(error->cause, sizeof(error->cause), "the device is lost");
	trn_text_copy(error->hint, sizeof(error->hint), lost.hint);
	error->code = lost.code;
}

/* ---- list ---- */

struct list {
	trn_device_fn fn;
	void *user;
	bool stopped;
};

static void list_one(void *user, const char *uri, const char *product)
{
	struct list *list = user;

	if (!list->stopped && list->fn(list->user, uri, product) != 0)
		list->stopped = true;
}

TRN_API int trn_device_list(struct trn_context *context, trn_device_fn fn, void *user)
{
	struct list list = { .fn = fn, .user = user };
	int r;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	if (!fn)
		return trn_fail(context, NULL, -EINVAL, __func__, "fn is NULL");
	r = trn_hal_discover(&context->alloc, list_one, &list);
	if (r < 0)
		return trn_fail(context, NULL, r, __func__, "looking for hardware failed");
	return r;
}

/* ---- open ---- */

struct first {
	char *uri;
	size_t size;
};

static int first_one(void *user, const char *uri, const char *product)
{
	struct first *first = user;

	(void)product;
	trn_text_copy(first->uri, first->size, uri);
	return 1;
}

int trn_device_default_uri(struct trn_context *context, char *buf, size_t size,
			   const char **ret_uri)
{
	struct first first = { .uri = buf, .size = size };
	const char *env = getenv("TRN_DEVICE");
	int r;

	if (env && env[0]) {
		*ret_uri = env;
		return 0;
	}
	r = trn_device_list(context, first_one, &first);
	if (r < 0)
		return r;
	if (r == 0)
		return trn_fail(context, NULL, -ENODEV, "trn_device_open",
				"no URI given, TRN_DEVICE not set and no hardware found; without "
				"hardware open a mock: \"mock:trn2\" or \"mock:trn3\"");
	*ret_uri = buf;
	return 0;
}

static struct trn_device *device_by_uri(struct trn_context *context, const char *uri)
{
	struct trn_device *device;

	trn_lock_take(&context->lock);
	for (device = context->devices; device; device = device->next)
		if (strcmp(device->uri, uri) == 0 && trn_object_ref_live(&device->object))
			break;
	trn_lock_give(&context->lock);
	return device;
}

/* The last reference went, but what is behind it is open yet. */
static bool is_closing(struct trn_context *context, const char *uri)
{
	struct trn_device *device;

	trn_lock_take(&context->lock);
	for (device = context->devices; device; device = device->next)
		if (strcmp(device->uri, uri) == 0)
			break;
	trn_lock_give(&context->lock);
	return device != NULL;
}

static void device_insert(struct trn_context *context, struct trn_device *device)
{
	trn_lock_take(&context->lock);
	device->id = ++context->device_ids;
	device->next = context->devices;
	context->devices = device;
	trn_lock_give(&context->lock);
}

static void device_remove(struct trn_context *context, struct trn_device *device)
{
	struct trn_device **at;

	trn_lock_take(&context->lock);
	for (at = &context->devices; *at; at = &(*at)->next)
		if (*at == device) {
			*at = device->next;
			break;
		}
	trn_lock_give(&context->lock);
}

/* Also for one that never became ready. Until it is closed it stays in the list, where nobody can
 * take it any more: who opens it again waits. */
static void device_destroy(struct trn_device *device)
{
	struct trn_context *context = device->object.context;

	if (device->hal) {
		trn_sync_remove(device);
		trn_device_trace_end(device);
		trn_timeline_pages_free(device);
		trn_claim_end(device);
		trn_device_mem_free(device, &device->staging);
		trn_hal_close(device->hal);
	}
	device_remove(context, device);
	trn_device_flush_log(device);
	trn_lock_fini(&device->list_lock);
	trn_lock_fini(&device->lock);
	trn_lock_fini(&device->pending.lock);
	trn_free(&context->alloc, device->uri);
	trn_object_bury(&device->object);
	(void)trn_context_unref(context);
}

static struct trn_device *device_alloc(struct trn_context *context, const char *uri)
{
	struct trn_device *device = trn_alloc_zero(&context->alloc, sizeof(*device));

	if (!device)
		return NULL;
	trn_object_init(&device->object, TRN_OBJECT_DEVICE, trn_context_ref(context));
	trn_lock_init(&device->pending.lock);
	trn_lock_init(&device->lock);
	trn_lock_init(&device->list_lock);
	/* No sink, no work: the level of the device's own log follows the context's. */
	trn_log_init(&device->hal_log, context->log.fn ? pending_log_add : NULL, &device->pending,
		     (enum trn_log_level)atomic_load(&context->log.level));
	device->uri = trn_alloc_strdup(&context->alloc, uri);
	if (!device->uri) {
		device_destroy(device);
		return NULL;
	}
	return device;
}

static void event_plain(struct trn_device *device, enum trn_event_kind kind, int32_t core, int code,
			uint64_t value)
{
	struct trn_event event = trn_event_of(kind);

	event.core = core;
	event.code = code;
	event.value = value;
	trn_device_event(device, &event);
}

static int open_fail(struct trn_context *context, const char *uri, int code, const char *why)
{
	struct trn_error error;

	trn_error_init(&error, code, "trn_device_open");
	trn_text_copy(error.device, sizeof(error.device), uri);
	trn_text_copy(error.cause, sizeof(error.cause), why);
	return trn_error_post(context, &error);
}

/* context.open_lock held, so nothing here logs or records: on failure *ret_device is what the
 * caller has to destroy, or NULL, and fault has the words. */
static int device_open(struct trn_context *context, const char *uri, uint64_t deadline_ns,
		       struct trn_hal_fault *fault, struct trn_device **ret_device)
{
	struct trn_device *device = device_alloc(context, uri);
	char hooked[TRN_URI_TEXT_MAX];
	struct trn_hal_open open = {
		.alloc = &context->alloc,
		.deadline_ns = deadline_ns,
		.pods = context->pods,
		.ret_fault = fault,
	};
	int r;

	*ret_device = device;
	if (!device)
		return -ENOMEM;
	open.log = &device->hal_log;
	r = trn_validate_uri(uri, hooked, sizeof(hooked), &open.uri);
	if (r < 0) {
		(void)snprintf(fault->why, sizeof(fault->why),
			       "TRN_VALIDATE is neither 0 nor 1 nor fatal");
		return r;
	}
	r = trn_hal_open(&open, &device->hal);
	if (r < 0)
		return r;
	device->validate = strstr(open.uri, "validate") != NULL;
	r = device->hal->ops.info(device->hal, &device->info);
	if (r < 0)
		trn_hal_last_fault(device->hal, fault);
	if (r == 0 && device->info.hbm_stacks > TRN_HBM_STACKS_MAX) {
		(void)snprintf(fault->why, sizeof(fault->why), "device claims %u HBM stacks",
			       device->info.hbm_stacks);
		r = -TRN_EFIRMWARE;
	}
	if (r == 0) {
		/* Before anybody can find it; without device time it goes untraced. */
		(void)trn_device_trace_begin(device);
		event_plain(device, TRN_EVENT_OPEN, -1, 0, 0);
		device_insert(context, device);
		trn_sync_add(device);
	}
	return r;
}

/* Takes context.open_lock when it answers 0, which clang does not follow; *ret_device is the device
 * when it is open already, or NULL. */
static int open_turn(struct trn_context *context, const char *uri, uint64_t deadline_ns,
		     struct trn_device **ret_device) TRN_LOCKS_UNCHECKED
{
	unsigned int round = 0;

	for (;;) {
		bool closing = false;

		if (trn_lock_try(&context->open_lock)) {
			*ret_device = device_by_uri(context, uri);
			closing = !*ret_device && is_closing(context, uri);
			if (!closing)
				return 0;
			trn_lock_give(&context->open_lock);
		}
		if (trn_clock_passed(deadline_ns))
			return open_fail(context, uri, -ETIMEDOUT,
					 closing ? "it was being closed until the deadline" :
						   "another open took until the deadline");
		trn_clock_backoff(&round);
	}
}

TRN_API int trn_device_open(struct trn_context *context, const char *uri, uint64_t deadline_ns,
			    struct trn_device **ret_device) TRN_LOCKS_UNCHECKED
{
	struct trn_hal_fault fault = { 0 };
	struct trn_device *device;
	char found[TRN_URI_TEXT_MAX];
	int r = 0;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	if (!ret_device)
		return trn_fail(context, NULL, -EINVAL, __func__, "ret_device is NULL");
	if (!uri)
		r = trn_device_default_uri(context, found, sizeof(found), &uri);
	if (r < 0)
		return r;
	r = open_turn(context, uri, deadline_ns, &device);
	if (r < 0)
		return r;
	if (!device)
		r = device_open(context, uri, deadline_ns, &fault, &device);
	trn_lock_give(&context->open_lock);
	if (r < 0) {
		if (device)
			device_destroy(device);
		return open_fail(context, uri, r,
				 fault.why[0] ? fault.why : "no memory for the device");
	}
	trn_device_flush_log(device);
	*ret_device = device;
	return 0;
}

TRN_API struct trn_device *trn_device_ref(struct trn_device *device)
{
	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return NULL;
	trn_object_ref(&device->object);
	return device;
}

TRN_API struct trn_device *trn_device_unref(struct trn_device *device)
{
	if (!device || !TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE) ||
	    !trn_object_unref(&device->object))
		return NULL;
	device_destroy(device);
	return NULL;
}

/* ---- facts and counters ---- */

static const struct {
	uint32_t hal;
	uint64_t api;
} caps_map[] = {
	{ TRN_HAL_CAP_COMPUTE, TRN_CAP_COMPUTE },     { TRN_HAL_CAP_MAP_HBM, TRN_CAP_MAP_HBM },
	{ TRN_HAL_CAP_TIMESTAMP, TRN_CAP_TIMESTAMP }, { TRN_HAL_CAP_INLINE, TRN_CAP_INLINE },
	{ TRN_HAL_CAP_SIMULATED, TRN_CAP_SIMULATED }, { TRN_HAL_CAP_PEER, TRN_CAP_PEER },
	{ TRN_HAL_CAP_COLLECT, TRN_CAP_COLLECT },     { TRN_HAL_CAP_LISTS, TRN_CAP_LISTS },
	{ TRN_HAL_CAP_STRIDED, TRN_CAP_STRIDED },
};

TRN_API int trn_device_info(struct trn_device *device, struct trn_device_info *ret_info)
{
	struct trn_device_info info;
	const struct trn_hal_info *hal;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_device_info)");
	hal = &device->info;
	info = (struct trn_device_info){
		.size = sizeof(info),
		.pci_vendor = hal->pci_vendor,
		.pci_device = hal->pci_device,
		.pci_revision = hal->pci_revision,
		.cores = hal->cores,
		.hbm_stacks = hal->hbm_stacks,
		.queues_max = hal->queues,
		.hbm_bytes = hal->hbm_bytes * hal->hbm_stacks,
		.sbuf_partition_bytes = hal->sbuf_partition_bytes,
		.routing_id = hal->routing_id,
		.serial = hal->serial,
		.firmware_api = hal->firmware_api,
		.numa_node = hal->numa_node,
	};
	trn_text_copy(info.uri, sizeof(info.uri), hal->uri);
	trn_text_copy(info.product, sizeof(info.product), hal->product);
	trn_text_copy(info.arch, sizeof(info.arch), hal->arch);
	trn_text_copy(info.backend, sizeof(info.backend), hal->backend);
	for (uint32_t i = 0; i < hal->hbm_stacks; i++)
		info.hbm_free_bytes += trn_device_stack_free(device, i);
	for (size_t i = 0; i < TRN_ARRAY_LEN(caps_map); i++)
		if (trn_device_has(device, caps_map[i].hal))
			info.caps |= caps_map[i].api;
	*ret_info = info;
	return 0;
}

TRN_API int trn_device_telemetry(struct trn_device *device,
				 struct trn_device_telemetry *ret_telemetry)
{
	struct trn_hal_telemetry hal;
	struct trn_device_telemetry out = { .size = sizeof(out) };
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_telemetry || ret_telemetry->size != sizeof(*ret_telemetry))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_device_telemetry)");
	trn_device_enter(device);
	r = device->hal->ops.telemetry(device->hal, &hal);
	trn_device_leave(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "reading the counters failed");
	out.ecc_sram_corrected = hal.ecc_sram_corrected;
	out.ecc_sram_uncorrected = hal.ecc_sram_uncorrected;
	memcpy(out.ecc_hbm_corrected, hal.ecc_hbm_corrected, sizeof(out.ecc_hbm_corrected));
	memcpy(out.ecc_hbm_uncorrected, hal.ecc_hbm_uncorrected, sizeof(out.ecc_hbm_uncorrected));
	out.hbm_repair_state = hal.hbm_repair;
	memcpy(out.power_utilization, hal.power_utilization, sizeof(out.power_utilization));
	memcpy(out.power_samples, hal.power_samples, sizeof(out.power_samples));
	memcpy(out.tensor_busy_cycles, hal.pe_matmul, sizeof(out.tensor_busy_cycles));
	memcpy(out.tensor_idle_cycles, hal.pe_idle, sizeof(out.tensor_idle_cycles));
	*ret_telemetry = out;
	return 0;
}

/* ---- reset ---- */

TRN_API int trn_device_reset(struct trn_device *device, uint32_t core_mask, uint64_t deadline_ns)
{
	enum trn_hal_reset kind = core_mask ? TRN_HAL_RESET_CORES : TRN_HAL_RESET_DEVICE;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (core_mask && device->info.cores < 32 && core_mask >> device->info.cores != 0)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"core mask 0x%x names a core that is not there (%u cores)",
				core_mask, device->info.cores);
	trn_device_enter(device);
	/* Before anything happens: whoever looks at a queue from here on must not trust its
	 * status block. */
	if (kind == TRN_HAL_RESET_DEVICE)
		(void)atomic_fetch_add(&device->epoch, 1);
	r = device->hal->ops.reset(device->hal, kind, core_mask, deadline_ns);
	trn_device_leave(device);
	trn_count_shared(&device->count.resets);
	event_plain(device, TRN_EVENT_RESET, -1, r, core_mask);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "reset did not end well");
	if (kind == TRN_HAL_RESET_DEVICE)
		atomic_store(&device->lost, false);
	return 0;
}
