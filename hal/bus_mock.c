/* SPDX-License-Identifier: Apache-2.0 */
/* The mock bus: one chip of a pod in this process behind the bus contract. Inline, progress()
 * steps the pod; with threads=1 a thread of its own runs it freely. */
#include "hal/bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/regs.h"
#include "hal/bus_mock.h"
#include "model/gen.h"

static struct mock *mock_of(struct trn_bus *bus)
{
	return TRN_CONTAINER_OF(bus, struct mock, bus);
}

/* ---- what the model reported ---- */

/* What the model reported. A log sink is the user's function: never under a lock. */
static void log_events(struct mock *mock, const struct trn_model_event *events, size_t count)
{
	static const struct {
		const char *name;
		enum trn_log_level level;
	} kinds[] = {
		[TRN_EV_VIOLATION] = { "violation", TRN_LOG_WARNING },
		[TRN_EV_UNKNOWN_REG] = { "unknown register", TRN_LOG_DEBUG },
		[TRN_EV_FAULT] = { "fault fired", TRN_LOG_INFO },
		[TRN_EV_DMA_ERROR] = { "DMA error", TRN_LOG_INFO },
		[TRN_EV_CORE_ERROR] = { "core error", TRN_LOG_INFO },
		[TRN_EV_RESET] = { "reset", TRN_LOG_DEBUG },
	};

	for (size_t i = 0; i < count; i++) {
		const struct trn_model_event *event = &events[i];

		trn_logf(
			mock->bus.log, kinds[event->kind].level,
			"%s: %s: %s, address 0x%llx, value 0x%llx, engine %u, queue %u, at %llu ps",
			mock->bus.info.name, kinds[event->kind].name, event->rule,
			(unsigned long long)event->address, (unsigned long long)event->value,
			event->engine, event->queue, (unsigned long long)event->time_ps);
	}
}

void trn_mock_unlock_log(struct mock *mock)
{
	struct trn_model_event events[MOCK_EVENTS];
	size_t count = atomic_load_explicit(&mock->event_count, memory_order_relaxed);

	if (count > 0)
		memcpy(events, mock->events, count * sizeof(events[0]));
	atomic_store_explicit(&mock->event_count, 0, memory_order_relaxed);
	trn_mock_unlock(mock->pod);
	if (count > 0)
		log_events(mock, events, count);
}

void trn_mock_log(struct mock *mock)
{
	if (atomic_load_explicit(&mock->event_count, memory_order_relaxed) == 0)
		return;
	trn_mock_lock(mock->pod);
	trn_mock_unlock_log(mock);
}

/* ---- registers ---- */

static int mock_cfg_read32(struct trn_bus *bus, uint32_t offset, uint32_t *ret_value)
{
	struct mock *mock = mock_of(bus);

	if (offset % 4 != 0)
		return -EINVAL;
	trn_mock_lock(mock->pod);
	*ret_value = trn_chip_cfg_read32(mock->chip, offset);
	trn_mock_unlock(mock->pod);
	return 0;
}

static int mock_cfg_write32(struct trn_bus *bus, uint32_t offset, uint32_t value)
{
	struct mock *mock = mock_of(bus);

	if (offset % 4 != 0)
		return -EINVAL;
	trn_mock_lock(mock->pod);
	trn_chip_cfg_write32(mock->chip, offset, value);
	trn_mock_unlock(mock->pod);
	trn_mock_wake(mock->pod);
	return 0;
}

static bool access_ok(const struct mock *mock, unsigned int bar, uint64_t offset)
{
	return bar < 6 && offset % 4 == 0 && trn_range_ok(offset, 4, mock->bus.info.bar_size[bar]);
}

static int mock_read32(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint32_t *ret_value)
{
	struct mock *mock = mock_of(bus);

	if (!access_ok(mock, bar, offset))
		return -EINVAL;
	trn_mock_lock(mock->pod);
	*ret_value = trn_chip_read32(mock->chip, bar, offset);
	trn_mock_unlock(mock->pod);
	return 0;
}

static int mock_write32(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct mock *mock = mock_of(bus);

	if (!access_ok(mock, bar, offset))
		return -EINVAL;
	if (!mock->pod->posts || !trn_mock_post(mock, bar, offset, value)) {
		trn_mock_lock(mock->pod);
		trn_chip_write32(mock->chip, bar, offset, value);
		trn_mock_unlock(mock->pod);
	}
	trn_mock_wake(mock->pod);
	return 0;
}

static int mock_map(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint64_t size,
		    void **ret_ptr)
{
	struct mock *mock = mock_of(bus);
	int r;

	if (bar >= 6 || !trn_range_ok(offset, size, mock->bus.info.bar_size[bar]))
		return mock->bus.info.bar_size[bar < 6 ? bar : 0] == 0 ? -ENOTSUP : -EINVAL;
	trn_mock_lock(mock->pod);
	r = trn_chip_map(mock->chip, bar, offset, size, ret_ptr);
	trn_mock_unlock(mock->pod);
	return r;
}

/* ---- DMA memory ---- */

static int mock_dma_map(struct trn_bus *bus, void *base, uint64_t size, uint64_t *ret_iova)
{
	struct mock *mock = mock_of(bus);

	return trn_mock_maps_add(mock->pod, mock->server, base, size, ret_iova);
}

static int mock_dma_unmap(struct trn_bus *bus, uint64_t iova, uint64_t size)
{
	struct mock *mock = mock_of(bus);

	return trn_mock_maps_remove(mock->pod, mock->server, iova, size);
}

/* ---- time ---- */

/* One event; a round is far shorter than any deadline that matters. When only limits are left,
 * they pass for a caller who has time to wait: another one may still bring what they wait for. */
static bool step(struct mock_pod *pod, uint64_t deadline_ns)
{
	if (trn_model_next(pod->model) == TRN_MODEL_NEVER && deadline_ns <= trn_clock_ns())
		return false;
	return trn_model_step(pod->model);
}

/* Steps the whole pod: what a chip waits for may be another one's doing. */
static int mock_progress(struct trn_bus *bus, unsigned int *round, uint64_t deadline_ns)
{
	struct mock *mock = mock_of(bus);
	struct mock_pod *pod = mock->pod;
	bool wrote;
	int r = 0;

	if (pod->threaded) {
		trn_mock_log(mock);
		trn_clock_backoff(round);
		return 0;
	}
	(*round)++;
	trn_mock_lock(pod);
	pod->wrote_host = false;
	/* Nobody can see what happens between two writes to host memory, but for registers. */
	for (int i = 0; r == 0 && i < MOCK_STEPS && !pod->wrote_host; i++) {
		if (!step(pod, deadline_ns))
			r = i == 0 ? -EAGAIN : 1;
	}
	r = r < 0 ? r : 0;
	wrote = pod->wrote_host;
	trn_mock_unlock_log(mock); /* a caller that waits holds no lock of the driver's */
	if (wrote)
		trn_bus_watch_tell(&pod->watch);
	return r;
}

static int mock_control(struct trn_bus *bus, const char *verb, const char *arg, char *ret_text,
			size_t text_size)
{
	return trn_mock_control(mock_of(bus), verb, arg, ret_text, text_size);
}

static int mock_trace(struct trn_bus *bus, trn_trace_fn *fn, void *user)
{
	struct mock *mock = mock_of(bus);

	trn_mock_lock(mock->pod);
	/* The last samples go to the one who listened. */
	trn_chip_trace(mock->chip, NULL);
	mock->trace = fn;
	mock->trace_user = user;
	if (fn)
		trn_chip_trace(mock->chip, trn_mock_trace_item);
	trn_mock_unlock_log(mock);
	return 0;
}

static void mock_close(struct trn_bus *bus)
{
	struct mock *mock = mock_of(bus);
	struct mock_pod *pod = mock->pod;

	trn_mock_lock(pod);
	if (mock->trace)
		trn_chip_trace(mock->chip, NULL);
	if (pod->chips[mock->index].device == mock)
		pod->chips[mock->index].device = NULL;
	trn_mock_unlock_log(mock);
	trn_mock_pod_put(pod);
	trn_free(bus->alloc, mock);
}

static const struct trn_bus_ops mock_ops = {
	.close = mock_close,
	.cfg_read32 = mock_cfg_read32,
	.cfg_write32 = mock_cfg_write32,
	.read32 = mock_read32,
	.write32 = mock_write32,
	.map = mock_map,
	.dma_map = mock_dma_map,
	.dma_unmap = mock_dma_unmap,
	.progress = mock_progress,
	.control = mock_control,
	.trace = mock_trace,
};

/* ---- opening ---- */

/* What an enumeration of the bus would know: ids, revision, BAR sizes; and where it stands. */
static void fill_info(struct mock *mock)
{
	const struct mock_pod *pod = mock->pod;
	struct trn_bus_info *info = &mock->bus.info;
	uint32_t id = trn_chip_cfg_read32(mock->chip, 0);
	uint32_t class_rev = trn_chip_cfg_read32(mock->chip, 8);

	snprintf(info->name, sizeof(info->name), "mock:%s/%u", pod->shape->name, mock->index);
	info->vendor = (uint16_t)(id & 0xffff);
	info->device = (uint16_t)(id >> 16);
	info->revision = (uint8_t)(class_rev & 0xff);
	info->numa_node = -1;
	for (unsigned int bar = 0; bar < 6; bar++)
		info->bar_size[bar] = trn_chip_bar_size(mock->chip, bar);
	info->flags = TRN_BUS_SIMULATED | TRN_BUS_FAULTS | (pod->threaded ? 0 : TRN_BUS_INLINE);
	info->hbm_bytes = pod->hbm_bytes;
	info->pod = pod->shape;
	info->fabric = pod->fabric;
	info->pod_index = mock->index;
	info->pod_id = pod->chip_count > 1 ? pod->id : 0;
	info->link_mbps[TRN_LINK_SERVER] = pod->gen->link_server_mbps;
	info->link_mbps[TRN_LINK_RACK] = pod->gen->link_rack_mbps;
	info->link_mbps[TRN_LINK_CROSS] = pod->gen->link_cross_mbps;
	info->link_hop_ns = (uint32_t)pod->gen->link_hop_ns;
}

/* Takes the chip; it may be open by another text of its URI. */
static int attach(struct mock *mock, const struct mock_params *params, char *why, size_t why_size)
{
	struct mock_pod *pod = mock->pod;
	struct mock_chip *chip = &pod->chips[params->index];
	int r = 0;

	mock->index = params->index;
	mock->server = params->index / pod->shape->server_chips;
	mock->chip = trn_model_chip(pod->model, params->index);
	trn_mock_lock(pod);
	if (chip->device) {
		snprintf(why, why_size, "mock:%s/%u is open already, by another URI",
			 pod->shape->name, params->index);
		r = -EBUSY;
	} else {
		chip->device = mock;
		fill_info(mock);
	}
	trn_mock_unlock(pod);
	return r;
}

/* Before the device is brought up. */
static int arm_faults(struct mock *mock, const struct mock_params *params, char *why,
		      size_t why_size)
{
	int r = 0;

	trn_mock_lock(mock->pod);
	for (size_t i = 0; r == 0 && i < params->fault_count; i++) {
		const char *text = NULL;

		r = trn_mock_fault(mock, params->faults[i], &text);
		if (r < 0)
			snprintf(why, why_size, "fault '%.48s': %s", params->faults[i],
				 text ? text : "refused");
	}
	trn_mock_unlock(mock->pod);
	return r;
}

static int need_index(const struct mock_params *params, char *why, size_t why_size)
{
	const char *name = params->pod->name;

	if (params->index != UINT32_MAX)
		return 0;
	snprintf(why, why_size,
		 "mock:%s has %u devices: open one, mock:%s/0 to /%u, or all with trn_pod_open()",
		 name, trn_pod_chips(params->pod), name, trn_pod_chips(params->pod) - 1);
	return -EINVAL;
}

int trn_bus_mock_count(const struct trn_bus_open *open, uint32_t *ret_count)
{
	struct mock_params params;
	int r = trn_mock_params(open->uri, &params, open->ret_why, open->why_size);

	if (r == 0)
		*ret_count = params.index == UINT32_MAX ? trn_pod_chips(params.pod) : 1;
	return r;
}

int trn_bus_mock_open(const struct trn_bus_open *open, struct trn_bus **ret_bus)
{
	struct mock_params params;
	struct mock *mock;
	int r = trn_mock_params(open->uri, &params, open->ret_why, open->why_size);

	if (r == 0)
		r = need_index(&params, open->ret_why, open->why_size);
	if (r < 0)
		return r;
	mock = trn_alloc_zero(open->alloc, sizeof(*mock));
	if (!mock) {
		snprintf(open->ret_why, open->why_size, "no memory for the mock");
		return -ENOMEM;
	}
	mock->bus.ops = &mock_ops;
	mock->bus.alloc = open->alloc;
	mock->bus.log = open->log;
	r = trn_mock_pod_get(open, &params, &mock->pod);
	if (r < 0) {
		trn_free(open->alloc, mock);
		return r;
	}
	mock->bus.watch = &mock->pod->watch;
	r = attach(mock, &params, open->ret_why, open->why_size);
	if (r == 0)
		r = arm_faults(mock, &params, open->ret_why, open->why_size);
	if (r < 0) {
		mock_close(&mock->bus);
		return r;
	}
	*ret_bus = &mock->bus;
	return 0;
}
