/* SPDX-License-Identifier: Apache-2.0 */
/* The seam under the runtime: the "not supported" answers, the one list of
 * backends and hooks, opening by URI, and the record of the last failure. */
#include "hal/hal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "hal/backend.h"

/*
 * The last failure of the calling thread, and of which device. Thread local so that two
 * threads on one device never mix their texts and no call needs a lock to explain itself.
 */
static _Thread_local struct {
	const struct trn_hal_dev *dev;
	struct trn_hal_fault fault;
} last;

static TRN_PRINTF(3, 0) void fault_set(const struct trn_hal_dev *dev,
				       const struct trn_hal_where *where, const char *fmt,
				       va_list args)
{
	last.dev = dev;
	last.fault = (struct trn_hal_fault){ .engine = UINT32_MAX, .queue = UINT32_MAX };
	if (where) {
		last.fault.address = where->address;
		last.fault.engine = where->engine;
		last.fault.queue = where->queue;
	}
	vsnprintf(last.fault.why, sizeof(last.fault.why), fmt, args);
}

int trn_hal_fail(const struct trn_hal_dev *dev, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fault_set(dev, NULL, fmt, args);
	va_end(args);
	return code;
}

int trn_hal_fail_at(const struct trn_hal_dev *dev, int code, const struct trn_hal_where *where,
		    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fault_set(dev, where, fmt, args);
	va_end(args);
	return code;
}

void trn_hal_fault_prefix(const struct trn_hal_dev *dev, const char *prefix)
{
	char why[TRN_HAL_WHY_MAX];

	if (last.dev != dev)
		last.fault = (struct trn_hal_fault){ .engine = UINT32_MAX, .queue = UINT32_MAX };
	last.dev = dev;
	memcpy(why, last.fault.why, sizeof(why));
	/* A text that does not fit loses its end, not its beginning. */
	if (snprintf(last.fault.why, sizeof(last.fault.why), "%s: %s", prefix, why) < 0)
		last.fault.why[0] = '\0';
}

void trn_hal_fault_last(struct trn_hal_fault *ret_fault)
{
	*ret_fault = last.fault;
}

void trn_hal_last_fault(struct trn_hal_dev *dev, struct trn_hal_fault *ret_fault)
{
	if (last.dev == dev)
		*ret_fault = last.fault;
	else
		*ret_fault = (struct trn_hal_fault){ .engine = UINT32_MAX, .queue = UINT32_MAX };
}

/* ---- answers of a backend that has nothing to say ---- */

static int not_supported(struct trn_hal_dev *dev, const char *operation)
{
	return trn_hal_fail(dev, -ENOTSUP, "%s: the %s backend does not have it", operation,
			    dev->ops.name);
}

static int no_bring_up(struct trn_hal_dev *dev, uint64_t deadline_ns)
{
	(void)deadline_ns;
	return not_supported(dev, "bring_up");
}

static int no_info(struct trn_hal_dev *dev, struct trn_hal_info *ret_info)
{
	(void)ret_info;
	return not_supported(dev, "info");
}

static int no_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			struct trn_hal_mem *ret_mem)
{
	(void)desc;
	(void)ret_mem;
	return not_supported(dev, "mem_alloc");
}

static int no_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	(void)mem;
	return not_supported(dev, "mem_free");
}

static int no_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	(void)mem;
	return not_supported(dev, "mem_map");
}

static int no_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		   uint64_t deadline_ns)
{
	(void)dst;
	(void)src;
	(void)size;
	(void)deadline_ns;
	return not_supported(dev, "copy");
}

static int no_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			 struct trn_hal_queue **ret_queue)
{
	(void)desc;
	(void)ret_queue;
	return not_supported(dev, "queue_open");
}

static int no_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *queue)
{
	(void)queue;
	return not_supported(dev, "queue_close");
}

static int no_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail)
{
	(void)queue;
	(void)tail;
	return not_supported(dev, "queue_kick");
}

static int no_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			  uint64_t deadline_ns)
{
	(void)deadline_ns;
	(void)queue;
	return not_supported(dev, "queue_reset");
}

static int no_signal(struct trn_hal_dev *dev)
{
	return not_supported(dev, "signal");
}

static int no_progress(struct trn_hal_dev *dev, unsigned int *round, uint64_t deadline_ns)
{
	(void)round;
	(void)deadline_ns;
	return not_supported(dev, "progress");
}

static int no_sem_read(struct trn_hal_dev *dev, uint32_t owner, uint32_t index, uint32_t *ret_value)
{
	(void)owner;
	(void)index;
	(void)ret_value;
	return not_supported(dev, "sem_read");
}

static int no_sem_write(struct trn_hal_dev *dev, uint32_t owner, uint32_t index, uint32_t value)
{
	(void)owner;
	(void)index;
	(void)value;
	return not_supported(dev, "sem_write");
}

static int no_core_error(struct trn_hal_dev *dev, uint32_t core,
			 struct trn_hal_core_error *ret_error)
{
	(void)core;
	(void)ret_error;
	return not_supported(dev, "core_error");
}

static int no_core_claim(struct trn_hal_dev *dev, uint32_t core, const struct trn_hal_claim *who,
			 bool take, struct trn_hal_claim *ret_claim)
{
	(void)core;
	(void)who;
	(void)take;
	(void)ret_claim;
	return not_supported(dev, "core_claim");
}

static int no_reset(struct trn_hal_dev *dev, enum trn_hal_reset kind, uint32_t core_map,
		    uint64_t deadline_ns)
{
	(void)kind;
	(void)core_map;
	(void)deadline_ns;
	return not_supported(dev, "reset");
}

static int no_telemetry(struct trn_hal_dev *dev, struct trn_hal_telemetry *ret)
{
	(void)ret;
	return not_supported(dev, "telemetry");
}

static int no_mailbox(struct trn_hal_dev *dev, uint32_t command, const void *request, size_t size,
		      void *response, size_t room, size_t *ret_size, uint64_t deadline_ns)
{
	(void)command;
	(void)request;
	(void)size;
	(void)response;
	(void)room;
	(void)ret_size;
	(void)deadline_ns;
	return not_supported(dev, "mailbox");
}

static int no_reg_read32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			 uint32_t *ret_value)
{
	(void)bar;
	(void)offset;
	(void)ret_value;
	return not_supported(dev, "reg_read32");
}

static int no_reg_write32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			  uint32_t value)
{
	(void)bar;
	(void)offset;
	(void)value;
	return not_supported(dev, "reg_write32");
}

static int no_control(struct trn_hal_dev *dev, const char *verb, const char *arg, char *ret_text,
		      size_t text_size)
{
	(void)verb;
	(void)arg;
	(void)ret_text;
	(void)text_size;
	return not_supported(dev, "control");
}

static int no_trace(struct trn_hal_dev *dev, trn_trace_fn *fn, void *user)
{
	(void)fn;
	(void)user;
	return not_supported(dev, "trace");
}

static int no_watch(struct trn_hal_dev *dev, void (*fn)(void *user), void *user)
{
	(void)fn;
	(void)user;
	return not_supported(dev, "watch");
}

static const struct trn_hal_ops defaults = {
	.name = "none",
	.close = NULL, /* required */
	.bring_up = no_bring_up,
	.info = no_info,
	.mem_alloc = no_mem_alloc,
	.mem_free = no_mem_free,
	.mem_map = no_mem_map,
	.copy = no_copy,
	.queue_open = no_queue_open,
	.queue_close = no_queue_close,
	.queue_kick = no_queue_kick,
	.queue_reset = no_queue_reset,
	.signal = no_signal,
	.progress = no_progress,
	.sem_read = no_sem_read,
	.sem_write = no_sem_write,
	.core_error = no_core_error,
	.core_claim = no_core_claim,
	.reset = no_reset,
	.telemetry = no_telemetry,
	.mailbox = no_mailbox,
	.reg_read32 = no_reg_read32,
	.reg_write32 = no_reg_write32,
	.control = no_control,
	.trace = no_trace,
	.watch = no_watch,
};

#define TAKE(dst, src, op)                     \
	do {                                   \
		if ((src)->op)                 \
			(dst)->op = (src)->op; \
	} while (0)

/* An entry added to the table without a default above and a line below fails here. */
_Static_assert(sizeof(struct trn_hal_ops) == 26 * sizeof(void (*)(void)),
	       "a new HAL entry needs a default and a TAKE line");

void trn_hal_dev_init(struct trn_hal_dev *dev, const struct trn_hal_ops *src,
		      const struct trn_alloc *alloc, struct trn_log *log)
{
	dev->ops = defaults;
	dev->alloc = alloc;
	dev->log = log;
	TAKE(&dev->ops, src, name);
	TAKE(&dev->ops, src, close);
	TAKE(&dev->ops, src, bring_up);
	TAKE(&dev->ops, src, info);
	TAKE(&dev->ops, src, mem_alloc);
	TAKE(&dev->ops, src, mem_free);
	TAKE(&dev->ops, src, mem_map);
	TAKE(&dev->ops, src, copy);
	TAKE(&dev->ops, src, queue_open);
	TAKE(&dev->ops, src, queue_close);
	TAKE(&dev->ops, src, queue_kick);
	TAKE(&dev->ops, src, queue_reset);
	TAKE(&dev->ops, src, signal);
	TAKE(&dev->ops, src, progress);
	TAKE(&dev->ops, src, sem_read);
	TAKE(&dev->ops, src, sem_write);
	TAKE(&dev->ops, src, core_error);
	TAKE(&dev->ops, src, core_claim);
	TAKE(&dev->ops, src, reset);
	TAKE(&dev->ops, src, telemetry);
	TAKE(&dev->ops, src, mailbox);
	TAKE(&dev->ops, src, reg_read32);
	TAKE(&dev->ops, src, reg_write32);
	TAKE(&dev->ops, src, control);
	TAKE(&dev->ops, src, trace);
	TAKE(&dev->ops, src, watch);
	/* A record left by a device that lived at the same address is not this one's. */
	if (last.dev == dev)
		last.fault = (struct trn_hal_fault){ .engine = UINT32_MAX, .queue = UINT32_MAX };
}

/* ---- the lists ---- */

struct backend {
	const char *scheme;
	const char *help;
	/* One of three: a bus under the user-space driver, a device of its own, why not yet. */
	int (*open_bus)(const struct trn_bus_open *open, struct trn_bus **ret_bus);
	/* Of a bus with several devices behind a URI; NULL: one. */
	int (*count_bus)(const struct trn_bus_open *open, uint32_t *ret_count);
	int (*open_dev)(const struct trn_hal_open *open, const struct trn_uri *uri,
			struct trn_hal_dev **ret_dev);
	const char *later;
};

static const struct backend backends[] = {
	{ .scheme = "mock",
	  .help = "mock:POD[/INDEX] - the device model in this process, mock:trn3 for example",
	  .open_bus = trn_bus_mock_open,
	  .count_bus = trn_bus_mock_count },
	{ .scheme = "null",
	  .help = "null: - memory and copies in host memory, no device: the backend to copy",
	  .open_dev = trn_null_open },
	{ .scheme = "vfio-user",
	  .help = "vfio-user:SOCKET - a simulated machine shared by processes (later version)",
	  .later = "needs trnmockd, which this version does not have" },
	{ .scheme = "vfio",
	  .help = "vfio:BDF - a PCI function through Linux VFIO (later version)",
	  .later = "the VFIO bus comes in a later version" },
	{ .scheme = "drm",
	  .help = "drm:NODE - the trn kernel module through libdrm (later version)",
	  .later = "needs the trn kernel module, which this version does not have" },
	{ .scheme = "neuron",
	  .help = "neuron:N - the vendor's kernel driver (later version)",
	  .later = "the backend for the vendor's kernel driver comes in a later version" },
};

struct hook {
	const char *name;
	/* Over a bus wrap_bus where there is one, else wrap_dev over the driver on top of it. */
	int (*wrap_bus)(const struct trn_uri_hook *hook, struct trn_bus *inner,
			struct trn_bus **ret_bus);
	int (*wrap_dev)(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
			struct trn_hal_dev **ret_dev);
};

static const struct hook hooks[] = {
	{ .name = "record", .wrap_bus = trn_record_wrap_bus, .wrap_dev = trn_record_wrap_dev },
	{ .name = "fault", .wrap_bus = trn_fault_wrap_bus, .wrap_dev = trn_fault_wrap_dev },
	{ .name = "validate", .wrap_dev = trn_validate_wrap_dev },
};

const char *trn_hal_scheme(unsigned int index, const char **ret_help)
{
	if (index >= TRN_ARRAY_LEN(backends))
		return NULL;
	if (ret_help)
		*ret_help = backends[index].help;
	return backends[index].scheme;
}

static int find_backend(const struct trn_uri *uri, const struct backend **ret_backend)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(backends); i++) {
		if (strcmp(backends[i].scheme, uri->scheme) != 0)
			continue;
		if (backends[i].later)
			return trn_hal_fail(NULL, -ENOTSUP,
					    "%s: %s; mock:POD (mock:trn3) and null: "
					    "exist",
					    uri->scheme, backends[i].later);
		*ret_backend = &backends[i];
		return 0;
	}
	return trn_hal_fail(NULL, -EINVAL,
			    "unknown scheme '%.32s'; mock:POD (mock:trn3) and null: "
			    "exist",
			    uri->scheme);
}

static int find_hook(const char *name, const struct hook **ret_hook)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(hooks); i++) {
		if (strcmp(hooks[i].name, name) != 0)
			continue;
		*ret_hook = &hooks[i];
		return 0;
	}
	return trn_hal_fail(NULL, -EINVAL,
			    "unknown hook '%.32s'; record(file=F), fault(SPEC) and validate "
			    "exist",
			    name);
}

/* Hooks are named outermost first, so they are put on from the last to the first. over_bus: those
 * that have no place on a bus; the others are on it already. Closes the device on failure. */
static int wrap_device(const struct trn_uri *uri, bool over_bus, struct trn_hal_dev *dev,
		       struct trn_hal_dev **ret_dev)
{
	for (size_t i = uri->hook_count; i-- > 0;) {
		const struct hook *hook = NULL;
		int r = find_hook(uri->hooks[i].name, &hook);

		if (r == 0 && over_bus && hook->wrap_bus)
			continue;
		if (r == 0)
			r = hook->wrap_dev(&uri->hooks[i], dev, &dev);
		if (r < 0) {
			trn_hal_close(dev);
			return r;
		}
	}
	*ret_dev = dev;
	return 0;
}

static int wrap_bus(const struct trn_uri *uri, struct trn_bus **bus)
{
	for (size_t i = uri->hook_count; i-- > 0;) {
		const struct hook *hook = NULL;
		int r = find_hook(uri->hooks[i].name, &hook);

		if (r == 0 && hook->wrap_bus)
			r = hook->wrap_bus(&uri->hooks[i], *bus, bus);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_over_bus(const struct trn_hal_open *open, const struct trn_uri *uri,
			 const struct backend *backend, struct trn_hal_dev **ret_dev)
{
	char why[TRN_HAL_WHY_MAX] = "";
	const struct trn_bus_open bus_open = { .alloc = open->alloc,
					       .log = open->log,
					       .uri = uri,
					       .pods = open->pods,
					       .ret_why = why,
					       .why_size = sizeof(why) };
	struct trn_hal_dev *dev = NULL;
	struct trn_bus *bus = NULL;
	int r = backend->open_bus(&bus_open, &bus);

	if (r < 0)
		return trn_hal_fail(NULL, r, "%s", why);
	r = wrap_bus(uri, &bus);
	if (r < 0) {
		bus->ops->close(bus);
		return r;
	}
	r = trn_direct_open(open, bus, &dev);
	return r < 0 ? r : wrap_device(uri, true, dev, ret_dev);
}

static int open_device(const struct trn_hal_open *open, const struct trn_uri *uri,
		       const struct backend *backend, struct trn_hal_dev **ret_dev)
{
	struct trn_hal_dev *dev = NULL;
	int r = backend->open_dev(open, uri, &dev);

	return r < 0 ? r : wrap_device(uri, false, dev, ret_dev);
}

static int count_devices(const struct trn_hal_open *open, const struct trn_uri *uri,
			 const struct backend *backend, uint32_t *ret_count)
{
	char why[TRN_HAL_WHY_MAX] = "";
	const struct trn_bus_open bus_open = { .alloc = open->alloc,
					       .log = open->log,
					       .uri = uri,
					       .pods = open->pods,
					       .ret_why = why,
					       .why_size = sizeof(why) };
	int r = 0;

	if (backend->count_bus)
		r = backend->count_bus(&bus_open, ret_count);
	else
		*ret_count = 1;
	return r < 0 ? trn_hal_fail(NULL, r, "%s", why) : 0;
}

/* What of a URI is wanted: a device, or with ret_dev NULL how many there are. */
static int use_parsed(const struct trn_hal_open *open, const struct trn_uri *uri,
		      struct trn_hal_dev **ret_dev, uint32_t *ret_count)
{
	const struct backend *backend = NULL;
	const struct hook *hook = NULL;
	int r;

	/* All names before anything is opened: a later hook's typo costs no bring-up. */
	r = find_backend(uri, &backend);
	for (size_t i = 0; r == 0 && i < uri->hook_count; i++)
		r = find_hook(uri->hooks[i].name, &hook);
	if (r < 0)
		return r;
	if (!ret_dev)
		return count_devices(open, uri, backend, ret_count);
	if (backend->open_bus)
		return open_over_bus(open, uri, backend, ret_dev);
	return open_device(open, uri, backend, ret_dev);
}

static int use(const struct trn_hal_open *open, struct trn_hal_dev **ret_dev, uint32_t *ret_count)
{
	struct trn_uri *uri;
	const char *why = "";
	size_t at = 0;
	int r;

	last.dev = NULL;
	last.fault = (struct trn_hal_fault){ .engine = UINT32_MAX, .queue = UINT32_MAX };
	uri = trn_alloc_zero(open->alloc, sizeof(*uri)); /* too large for a small thread's stack */
	if (!uri) {
		r = trn_hal_fail(NULL, -ENOMEM, "no memory for the URI");
	} else {
		r = trn_uri_parse(open->uri, uri, &why, &at);
		if (r < 0)
			r = trn_hal_fail(NULL, r, "bad URI, at byte %zu: %s", at, why);
		else
			r = use_parsed(open, uri, ret_dev, ret_count);
		trn_free(open->alloc, uri);
	}
	if (r < 0 && open->ret_fault)
		trn_hal_fault_last(open->ret_fault);
	return r;
}

int trn_hal_open(const struct trn_hal_open *open, struct trn_hal_dev **ret_dev)
{
	return use(open, ret_dev, NULL);
}

int trn_hal_count(const struct trn_hal_open *open, uint32_t *ret_count)
{
	return use(open, NULL, ret_count);
}

void trn_hal_close(struct trn_hal_dev *dev)
{
	if (dev)
		dev->ops.close(dev);
}

int trn_hal_discover(const struct trn_alloc *alloc,
		     void (*fn)(void *user, const char *uri, const char *product), void *user)
{
	/* The doors that lead to hardware come in later versions: there is nothing to find yet. */
	(void)alloc;
	(void)fn;
	(void)user;
	return 0;
}
