/* SPDX-License-Identifier: Apache-2.0 */
/* The table of metrics, and the walk that writes it as OpenMetrics or JSON. docs/telemetry.md
 * has the same table: tests/docs/metrics.py. */
#include "runtime/private.h"

#include <errno.h>
#include <stdio.h>
#include "base/isa_text.h"

/* ---- the table ---- */

enum dim {
	DIM_NONE,
	DIM_STACK,
	DIM_DIE,
	DIM_CORE,
	DIM_PLACE,
	DIM_CATEGORY,
	DIM_ENGINE,
	DIMS
};
static const char *const dim_names[DIMS] = { "",      "stack",    "die",   "core",
					     "place", "category", "engine" };

enum scope {
	SCOPE_ERRORS, /* of the context, by code */
	SCOPE_DEVICE,
	SCOPE_STACK,
	SCOPE_DIE,
	SCOPE_CORE,
	SCOPE_MEMORY,
	SCOPE_ENGINE,
	SCOPE_QUEUE,
};
static const struct {
	const char *labels;
	enum dim dim[2]; /* of a device */
} scopes[] = {
	[SCOPE_ERRORS] = { "code", { DIM_NONE, DIM_NONE } },
	[SCOPE_DEVICE] = { "device", { DIM_NONE, DIM_NONE } },
	[SCOPE_STACK] = { "device,stack", { DIM_STACK, DIM_NONE } },
	[SCOPE_DIE] = { "device,die", { DIM_DIE, DIM_NONE } },
	[SCOPE_CORE] = { "device,core", { DIM_CORE, DIM_NONE } },
	[SCOPE_MEMORY] = { "device,place,category", { DIM_PLACE, DIM_CATEGORY } },
	[SCOPE_ENGINE] = { "device,engine", { DIM_ENGINE, DIM_NONE } },
	[SCOPE_QUEUE] = { "device,queue", { DIM_NONE, DIM_NONE } },
};

/* Registers that a door, or a device, may not have. */
enum source {
	ALWAYS,
	HEALTH_REGISTERS,
	COUNTER_PAGE,
};

/* Where a number is: in struct trn_device_snap, or of queues in struct trn_queue_snap. */
struct metric {
	const char *name, *unit;
	enum trn_metric_type type;
	enum scope scope;
	enum source source;
	uint16_t width;     /* bytes of the number; of a histogram: all */
	uint16_t offset;    /* of the first */
	uint16_t stride[2]; /* to the next of each dimension */
	uint32_t divide;    /* the number is in this part of the unit; 0: 1 */
	const char *help;
};

#define COUNTER TRN_METRIC_COUNTER
#define GAUGE TRN_METRIC_GAUGE
#define AT(type, member) sizeof(((type *)0)->member), offsetof(type, member)
#define DEVICE(type, name, member, help)                                      \
	{                                                                     \
		"trn_device_" name, "", type, SCOPE_DEVICE, ALWAYS,           \
			AT(struct trn_device_snap, member), { 0, 0 }, 0, help \
	}
#define QUEUE(type, name, member, help)                                      \
	{                                                                    \
		"trn_queue_" name, "", type, SCOPE_QUEUE, ALWAYS,            \
			AT(struct trn_queue_snap, member), { 0, 0 }, 0, help \
	}
#define HEALTH(type, name, scope, member, stride, divide, help)                                  \
	{                                                                                        \
		name, "", type, scope, HEALTH_REGISTERS, AT(struct trn_device_snap, hal.member), \
			{ stride, 0 }, divide, help                                              \
	}
#define CHIP(name, unit, member, divide, help)                                         \
	{                                                                              \
		"trn_chip_" name, unit, COUNTER, SCOPE_DEVICE, COUNTER_PAGE,           \
			AT(struct trn_device_snap, hal.member), { 0, 0 }, divide, help \
	}
#define PLACE (uint16_t)sizeof(struct trn_memory_usage)
#define STACK(name, member, help)                                                           \
	{                                                                                   \
		"trn_hbm_" name "_bytes", "bytes", GAUGE, SCOPE_STACK, ALWAYS,              \
			AT(struct trn_device_snap, places[0].member), { PLACE, 0 }, 0, help \
	}
#define MEMORY(name, unit, member, help)                                              \
	{                                                                             \
		"trn_memory_" name, unit, GAUGE, SCOPE_MEMORY, ALWAYS,                \
			AT(struct trn_device_snap, places[0].by[0].member),           \
			{ PLACE, (uint16_t)sizeof(struct trn_memory_count) }, 0, help \
	}

static const struct metric metrics[] = {
	{ "trn_errors",
	  "",
	  COUNTER,
	  SCOPE_ERRORS,
	  ALWAYS,
	  8,
	  0,
	  { 8, 0 },
	  0,
	  "Calls that failed, by code." },
	{ "trn_device",
	  "",
	  TRN_METRIC_INFO,
	  SCOPE_DEVICE,
	  ALWAYS,
	  AT(struct trn_device_snap, one),
	  { 0, 0 },
	  0,
	  "What the device is: labels product, arch, backend, serial." },
	DEVICE(GAUGE, "up", up, "1, or 0 when the device is lost."),
	DEVICE(GAUGE, "cores", cores, "NeuronCores."),
	DEVICE(GAUGE, "queues", queues, "Queues that are open."),
	DEVICE(COUNTER, "queues_opened", opened, "Queues that were opened."),
	DEVICE(COUNTER, "resets", resets, "Resets of the device or of cores."),
	DEVICE(COUNTER, "losses", losses, "Times the device was lost."),
	DEVICE(COUNTER, "memory_refused", refused,
	       "Requests for memory that did not fit, or broke a quota."),
	DEVICE(COUNTER, "events", events, "Events written to the ring."),
	DEVICE(COUNTER, "events_dropped", dropped,
	       "Events that found their slot of the ring taken."),
	HEALTH(COUNTER, "trn_ecc_sram_corrected", SCOPE_DEVICE, ecc_sram_corrected, 0, 0,
	       "Errors of SRAM that ECC corrected."),
	HEALTH(COUNTER, "trn_ecc_sram_uncorrected", SCOPE_DEVICE, ecc_sram_uncorrected, 0, 0,
	       "Errors of SRAM that ECC could not correct."),
	HEALTH(COUNTER, "trn_ecc_hbm_corrected", SCOPE_STACK, ecc_hbm_corrected[0], 4, 0,
	       "Errors of HBM that ECC corrected."),
	HEALTH(COUNTER, "trn_ecc_hbm_uncorrected", SCOPE_STACK, ecc_hbm_uncorrected[0], 4, 0,
	       "Errors of HBM that ECC could not correct."),
	HEALTH(GAUGE, "trn_hbm_repair_state", SCOPE_DEVICE, hbm_repair, 0, 0,
	       "Repair of HBM: 0 none, 1 pending, 2 failed."),
	HEALTH(GAUGE, "trn_power_utilization", SCOPE_DIE, power_utilization[0], 4, 10000,
	       "Power of a die as a part of its maximum, 0 to 1."),
	HEALTH(COUNTER, "trn_power_samples", SCOPE_DIE, power_samples[0], 4, 0,
	       "Samples of power that firmware took, modulo 65536."),
	HEALTH(COUNTER, "trn_tensor_busy_cycles", SCOPE_CORE, pe_matmul[0], 8, 0,
	       "Cycles in which rows of the tensor engine multiplied."),
	HEALTH(COUNTER, "trn_tensor_idle_cycles", SCOPE_CORE, pe_idle[0], 8, 0,
	       "Cycles in which rows of the tensor engine did not."),
	CHIP("launches", "", launches, 0, "Launches of programs that began."),
	CHIP("instructions", "", instructions, 0, "Instructions that retired."),
	CHIP("dma_bytes", "bytes", dma_bytes, 0, "Bytes that DMA moved."),
	CHIP("dma_errors", "", dma_errors, 0, "Errors of DMA."),
	CHIP("dma_doorbells", "", doorbells, 0, "Doorbells of DMA rings."),
	CHIP("resets", "", resets, 0, "Resets of the device or of cores, by anybody."),
	CHIP("energy_joules", "joules", energy_uj, 1000000, "Energy that the chip took."),
	{ "trn_engine_busy_seconds",
	  "seconds",
	  COUNTER,
	  SCOPE_ENGINE,
	  COUNTER_PAGE,
	  AT(struct trn_device_snap, hal.busy_ns[0]),
	  { 8, 0 },
	  1000000000,
	  "Device time in which an engine worked, summed over the cores." },
	STACK("size", total_bytes, "What buffers can have of a stack at all."),
	STACK("free", free_bytes, "What nobody has."),
	STACK("largest", largest_bytes, "The largest piece that is free."),
	MEMORY("live_bytes", "bytes", live_bytes, "Held now, as asked for."),
	MEMORY("peak_bytes", "bytes", peak_bytes, "Most that was held at a time."),
	MEMORY("blocks", "", blocks, "Blocks that are held."),
	QUEUE(GAUGE, "depth", depth, "Commands that can be in flight."),
	QUEUE(COUNTER, "commands_submitted", submitted, "Commands that were submitted."),
	QUEUE(COUNTER, "commands_completed", completed,
	      "Commands that have finished, as far as the owner has looked."),
	QUEUE(COUNTER, "submits", submits, "Batches that were taken, one doorbell each."),
	QUEUE(COUNTER, "full", full, "Submits that found no room and did not wait."),
	QUEUE(COUNTER, "stalls", stalls, "Submits that waited for room."),
	QUEUE(COUNTER, "waits", waits, "Waits of the queue's owner."),
	QUEUE(COUNTER, "sleeps", sleeps, "Waits that slept: longer than the spinning."),
	QUEUE(COUNTER, "faults", faults, "Times the queue stopped at a command."),
	QUEUE(COUNTER, "resets", resets, "Resets and cancellations of the queue."),
	{ "trn_queue_latency_seconds",
	  "seconds",
	  TRN_METRIC_HISTOGRAM,
	  SCOPE_QUEUE,
	  ALWAYS,
	  AT(struct trn_queue_snap, latency),
	  { 0, 0 },
	  0,
	  "From a batch's doorbell until its owner saw it finished; only where it was measured." },
};

TRN_API int trn_telemetry_metric(uint32_t index, struct trn_metric *ret_metric)
{
	const struct metric *m;

	if (!ret_metric || ret_metric->size != sizeof(*ret_metric))
		return -EINVAL;
	if (index >= TRN_ARRAY_LEN(metrics))
		return -ENOENT;
	m = &metrics[index];
	*ret_metric = (struct trn_metric){
		.size = sizeof(*ret_metric),
		.name = m->name,
		.unit = m->unit,
		.help = m->help,
		.labels = scopes[m->scope].labels,
		.type = m->type,
	};
	return 0;
}

/* ---- writing ---- */

#define LABELS_MAX 5u
#define NS_PER_S UINT64_C(1000000000)

struct label {
	const char *name, *value;
};

struct out {
	char *buf;
	size_t size, used; /* used counts what did not fit, too */
	bool json;
	bool more; /* not the first of its list */
};

static void put(struct out *out, const char *format, ...) TRN_PRINTF(2, 3);

static void put(struct out *out, const char *format, ...)
{
	const bool room = out->used < out->size;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? out->buf + out->used : NULL, room ? out->size - out->used : 0, format,
		      args);
	va_end(args);
	out->used += n > 0 ? (size_t)n : 0;
}

/* Quoted, as both formats have it. A device's words are ASCII; what is not shows as a mark. */
static void put_quoted(struct out *out, const char *text)
{
	put(out, "\"");
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			put(out, "\\%c", c);
		else
			put(out, "%c", c >= 0x20 && c < 0x7f ? c : '?');
	}
	put(out, "\"");
}

static const char *type_name(enum trn_metric_type type)
{
	static const char *const names[] = { "counter", "gauge", "info", "histogram" };

	return names[type];
}

static void family_begin(struct out *out, const struct metric *m)
{
	if (out->json) {
		put(out, "%s{\"name\":\"%s\",\"type\":\"%s\",\"unit\":\"%s\",\"samples\":[",
		    m == metrics ? "" : ",", m->name, type_name(m->type), m->unit);
		out->more = false;
		return;
	}
	put(out, "# TYPE %s %s\n", m->name, type_name(m->type));
	if (m->unit[0])
		put(out, "# UNIT %s %s\n", m->name, m->unit);
	put(out, "# HELP %s %s\n", m->name, m->help);
}

static void family_end(struct out *out)
{
	if (out->json)
		put(out, "]}");
}

static void put_labels(struct out *out, const struct label *labels, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		put(out, out->json ? "%s\"%s\":" : "%s%s=", i > 0 ? "," : "", labels[i].name);
		put_quoted(out, labels[i].value);
	}
}

/* Zeros of a power of ten. */
static int digits(uint32_t divide)
{
	int count = 0;

	for (; divide > 1; divide /= 10)
		count++;
	return count;
}

static void sample(struct out *out, const struct metric *m, const struct label *labels,
		   uint32_t count, uint64_t value)
{
	static const char *const suffix[] = { "_total", "", "_info" };

	if (out->json)
		put(out, "%s{\"labels\":{", out->more ? "," : "");
	else
		put(out, "%s%s{", m->name, suffix[m->type]);
	out->more = true;
	put_labels(out, labels, count);
	put(out, out->json ? "},\"value\":" : "} ");
	if (m->divide)
		put(out, "%" PRIu64 ".%0*" PRIu64, value / m->divide, digits(m->divide),
		    value % m->divide);
	else
		put(out, "%" PRIu64, value);
	put(out, out->json ? "}" : "\n");
}

/* Buckets of the text: one to a doubling, from 1 us to 17 s, and all. */
#define BUCKET_FIRST 15u
#define BUCKET_LAST 111u
#define BUCKET_STEP 4u

static void put_bucket(struct out *out, const struct metric *m, const struct label *labels,
		       const char *bound, uint64_t count)
{
	if (out->json) {
		put(out, "%s[%s,%" PRIu64 "]", out->more ? "," : "", bound, count);
		out->more = true;
		return;
	}
	put(out, "%s_bucket{", m->name);
	put_labels(out, labels, 2);
	put(out, ",le=\"%s\"} %" PRIu64 "\n", bound, count);
}

static void put_buckets(struct out *out, const struct metric *m, const struct label *labels,
			const struct trn_histogram_sums *sums)
{
	uint64_t seen = 0;
	char bound[24];

	for (uint32_t i = 0; i <= BUCKET_LAST; i++) {
		const uint64_t ns = trn_histogram_bound(i);

		seen += sums->count[i];
		if (i < BUCKET_FIRST || i % BUCKET_STEP != BUCKET_STEP - 1)
			continue;
		(void)snprintf(bound, sizeof(bound), "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S,
			       ns % NS_PER_S);
		put_bucket(out, m, labels, bound, seen);
	}
}

static void histogram(struct out *out, const struct metric *m, const struct label *labels,
		      const struct trn_histogram_sums *sums)
{
	const bool first = !out->more;

	if (out->json) {
		put(out, "%s{\"labels\":{", first ? "" : ",");
		put_labels(out, labels, 2);
		put(out, "},\"value\":{\"buckets\":[");
		out->more = false;
		put_buckets(out, m, labels, sums);
		put(out, "],\"count\":%" PRIu64 ",\"sum\":%" PRIu64 ".%09" PRIu64 "}}", sums->total,
		    sums->sum_ns / NS_PER_S, sums->sum_ns % NS_PER_S);
		out->more = true;
		return;
	}
	put_buckets(out, m, labels, sums);
	put_bucket(out, m, labels, "+Inf", sums->total);
	put(out, "%s_count{", m->name);
	put_labels(out, labels, 2);
	put(out, "} %" PRIu64 "\n%s_sum{", sums->total, m->name);
	put_labels(out, labels, 2);
	put(out, "} %" PRIu64 ".%09" PRIu64 "\n", sums->sum_ns / NS_PER_S, sums->sum_ns % NS_PER_S);
}

/* ---- walking ---- */

static uint32_t dim_count(const struct trn_device *device, enum dim dim)
{
	switch (dim) {
	case DIM_STACK:
		return device->info.hbm_stacks;
	case DIM_DIE:
		return 2;
	case DIM_CORE:
		return device->info.cores;
	case DIM_PLACE:
		return device->info.hbm_stacks + 1;
	case DIM_CATEGORY:
		return TRN_MEMORY_CATEGORIES;
	case DIM_ENGINE:
		return TRN_ENGINE_COUNT;
	default:
		return 1;
	}
}

static const char *dim_value(const struct trn_device *device, enum dim dim, uint32_t index,
			     char buf[12])
{
	if (dim == DIM_CATEGORY)
		return trn_memory_category_name((enum trn_memory_category)index);
	if (dim == DIM_ENGINE)
		return trn_text_name(TRN_TEXT_ENGINE, index);
	if (dim == DIM_PLACE && index == device->info.hbm_stacks)
		return "host";
	(void)snprintf(buf, 12, "%" PRIu32, index);
	return buf;
}

static uint64_t number_at(const void *base, const struct metric *m, uint32_t i, uint32_t j)
{
	const char *at = (const char *)base + m->offset + (size_t)i * m->stride[0] +
			 (size_t)j * m->stride[1];
	uint64_t wide = 0;
	uint32_t half;

	if (m->width == sizeof(wide)) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&half, at, sizeof(half));
	return half;
}

static void device_info(struct out *out, const struct metric *m, const struct trn_device *device)
{
	char serial[20];
	const struct label labels[LABELS_MAX] = {
		{ "device", device->info.uri }, { "product", device->info.product },
		{ "arch", device->info.arch },  { "backend", device->info.backend },
		{ "serial", serial },
	};

	(void)snprintf(serial, sizeof(serial), "0x%" PRIx64, device->info.serial);
	sample(out, m, labels, LABELS_MAX, device->snap.one);
}

static void device_numbers(struct out *out, const struct metric *m, const struct trn_device *device)
{
	const enum dim *dim = scopes[m->scope].dim;
	const uint32_t rows = dim_count(device, dim[0]), columns = dim_count(device, dim[1]);
	struct label labels[3] = { { "device", device->info.uri },
				   { dim_names[dim[0]], NULL },
				   { dim_names[dim[1]], NULL } };
	const uint32_t count = dim[0] == DIM_NONE ? 1 : dim[1] == DIM_NONE ? 2 : 3;
	char first[12], second[12];

	for (uint32_t i = 0; i < rows; i++)
		for (uint32_t j = 0; j < columns; j++) {
			labels[1].value = dim_value(device, dim[0], i, first);
			labels[2].value = dim_value(device, dim[1], j, second);
			sample(out, m, labels, count, number_at(&device->snap, m, i, j));
		}
}

static void device_queues(struct out *out, const struct metric *m, const struct trn_device *device)
{
	struct label labels[2] = { { "device", device->info.uri }, { "queue", NULL } };
	char number[12];

	for (const struct trn_queue *queue = device->queues; queue; queue = queue->next) {
		(void)snprintf(number, sizeof(number), "%" PRIu32, queue->hal->index);
		labels[1].value = number;
		if (m->type != TRN_METRIC_HISTOGRAM)
			sample(out, m, labels, 2, number_at(&queue->snap, m, 0, 0));
		else if (queue->snap.latency.total > 0)
			histogram(out, m, labels, &queue->snap.latency);
	}
}

static void errors(struct out *out, const struct metric *m, const struct trn_context *context)
{
	const char *text = "";
	char name[24];
	struct label label = { "code", name };

	for (uint32_t i = 0; trn_error_code_at(i, &text) != 0; i++) {
		/* The text is "NAME: meaning". */
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ":"), text);
		sample(out, m, &label, 1, context->errors[i]);
	}
	(void)snprintf(name, sizeof(name), "other");
	sample(out, m, &label, 1, context->errors[TRN_ERROR_CODES_MAX - 1]);
}

static bool has_source(const struct trn_device *device, enum source source)
{
	return device->snap.fresh && (source != HEALTH_REGISTERS || device->snap.health) &&
	       (source != COUNTER_PAGE || device->snap.counted);
}

/* context.lock held. */
static void family(struct out *out, const struct metric *m, const struct trn_context *context)
{
	family_begin(out, m);
	if (m->scope == SCOPE_ERRORS)
		errors(out, m, context);
	for (const struct trn_device *d = context->devices; d; d = d->next) {
		if (m->scope == SCOPE_ERRORS || !has_source(d, m->source))
			continue;
		if (m->type == TRN_METRIC_INFO)
			device_info(out, m, d);
		else if (m->scope == SCOPE_QUEUE)
			device_queues(out, m, d);
		else
			device_numbers(out, m, d);
	}
	family_end(out);
}

static int text_write(struct trn_context *context, struct out *out, const char *operation,
		      size_t *ret_needed)
{
	if ((!out->buf && out->size > 0) || !ret_needed)
		return trn_fail(context, NULL, -EINVAL, operation, "buf or ret_needed is NULL");
	trn_telemetry_take(context);
	if (out->json)
		put(out, "{\"metrics\":[");
	for (size_t i = 0; i < TRN_ARRAY_LEN(metrics); i++) {
		trn_lock_take(&context->lock);
		family(out, &metrics[i], context);
		trn_lock_give(&context->lock);
	}
	put(out, out->json ? "]}\n" : "# EOF\n");
	if (out->used >= out->size && out->size > 0)
		out->buf[0] = '\0';
	*ret_needed = out->used + 1;
	return 0;
}

TRN_API int trn_telemetry_openmetrics(struct trn_context *context, char *buf, size_t size,
				      size_t *ret_needed)
{
	struct out out = { .buf = buf, .size = size };

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	return text_write(context, &out, __func__, ret_needed);
}

TRN_API int trn_telemetry_json(struct trn_context *context, char *buf, size_t size,
			       size_t *ret_needed)
{
	struct out out = { .buf = buf, .size = size, .json = true };

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	return text_write(context, &out, __func__, ret_needed);
}
