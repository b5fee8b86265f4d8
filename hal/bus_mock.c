/* SPDX-License-Identifier: Apache-2.0 */
/* The mock bus: a model in this process behind the bus contract. Inline, progress()
 * steps it; with threads=1 a thread of its own runs it freely. */
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

#define IOVA_FIRST UINT64_C(0x100000000) /* low addresses stay unmapped: they are mistakes */
#define IOVA_LIMIT TRN_AXI_HOST          /* bit 46 is the device's mark for host memory */
#define IOVA_HOLE UINT64_C(0x10000)      /* unmapped after each range: overruns are seen */

static struct mock *mock_of(struct trn_bus *bus)
{
	return TRN_CONTAINER_OF(bus, struct mock, bus);
}

/* ---- the lock around the model ---- */

/* waiting tells the model's thread to step aside: a mutex alone is not fair. */
void trn_mock_lock(struct mock *mock)
{
	atomic_fetch_add_explicit(&mock->waiting, 1, memory_order_relaxed);
	pthread_mutex_lock(&mock->lock);
	atomic_fetch_sub_explicit(&mock->waiting, 1, memory_order_relaxed);
}

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

void trn_mock_unlock(struct mock *mock)
{
	pthread_mutex_unlock(&mock->lock);
}

void trn_mock_unlock_log(struct mock *mock)
{
	struct trn_model_event events[MOCK_EVENTS];
	size_t count = mock->event_count;

	if (count > 0)
		memcpy(events, mock->events, count * sizeof(events[0]));
	mock->event_count = 0;
	pthread_mutex_unlock(&mock->lock);
	if (count > 0)
		log_events(mock, events, count);
}

/* A register write or a kick may have made work for the model's thread. Lock held. */
static void mock_wake(struct mock *mock)
{
	if (mock->threaded)
		pthread_cond_signal(&mock->work);
}

/* ---- what the model asks of its host; lock held ---- */

static void *host_resolve(void *user, uint32_t server, uint64_t address, uint64_t size, bool write)
{
	struct mock *mock = user;
	size_t low = 0;
	size_t high = mock->map_count;
	const struct mock_map *map = mock->map_count > mock->map_hit ? &mock->maps[mock->map_hit] :
								       NULL;

	(void)server;
	mock->wrote_host |= write; /* every mapping is for both directions */
	if (map && address >= map->iova && trn_range_ok(address - map->iova, size, map->size))
		return map->base + (address - map->iova);
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		map = &mock->maps[mid];
		if (address < map->iova) {
			high = mid;
		} else if (address - map->iova >= map->size) {
			low = mid + 1;
		} else {
			mock->map_hit = mid;
			return trn_range_ok(address - map->iova, size, map->size) ?
				       map->base + (address - map->iova) :
				       NULL;
		}
	}
	return NULL;
}

static void *host_reserve(void *user, uint64_t size)
{
	void *base = NULL;

	(void)user;
	if (size > SIZE_MAX || trn_reserve((size_t)size, &base) < 0)
		return NULL;
	return base;
}

static void host_unreserve(void *user, void *base, uint64_t size)
{
	(void)user;
	trn_unreserve(base, (size_t)size);
}

static void host_event(void *user, const struct trn_model_event *event)
{
	struct mock *mock = user;

	if (event->kind == TRN_EV_VIOLATION) {
		mock->violations++;
		mock->last_violation = *event;
	}
	if ((size_t)event->kind < TRN_ARRAY_LEN(mock->event_totals))
		mock->event_totals[event->kind]++;
	/* A burst inside one call keeps its first ones; the totals count them all. */
	if (mock->event_count < MOCK_EVENTS && event->kind <= TRN_EV_RESET)
		mock->events[mock->event_count++] = *event;
}

/* ---- registers ---- */

static int mock_cfg_read32(struct trn_bus *bus, uint32_t offset, uint32_t *ret_value)
{
	struct mock *mock = mock_of(bus);

	if (offset % 4 != 0)
		return -EINVAL;
	trn_mock_lock(mock);
	*ret_value = trn_chip_cfg_read32(mock->chip, offset);
	trn_mock_unlock(mock);
	return 0;
}

static int mock_cfg_write32(struct trn_bus *bus, uint32_t offset, uint32_t value)
{
	struct mock *mock = mock_of(bus);

	if (offset % 4 != 0)
		return -EINVAL;
	trn_mock_lock(mock);
	trn_chip_cfg_write32(mock->chip, offset, value);
	mock_wake(mock);
	trn_mock_unlock(mock);
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
	trn_mock_lock(mock);
	*ret_value = trn_chip_read32(mock->chip, bar, offset);
	trn_mock_unlock(mock);
	return 0;
}

static int mock_write32(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct mock *mock = mock_of(bus);

	if (!access_ok(mock, bar, offset))
		return -EINVAL;
	trn_mock_lock(mock);
	trn_chip_write32(mock->chip, bar, offset, value);
	mock_wake(mock);
	trn_mock_unlock(mock);
	return 0;
}

static int mock_map(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint64_t size,
		    void **ret_ptr)
{
	struct mock *mock = mock_of(bus);
	int r;

	if (bar >= 6 || !trn_range_ok(offset, size, mock->bus.info.bar_size[bar]))
		return mock->bus.info.bar_size[bar < 6 ? bar : 0] == 0 ? -ENOTSUP : -EINVAL;
	trn_mock_lock(mock);
	r = trn_chip_map(mock->chip, bar, offset, size, ret_ptr);
	trn_mock_unlock(mock);
	return r;
}

/* ---- DMA memory ---- */

/* Room for one more mapping; the allocator is the user's and never called under the lock. */
static int maps_make_room(struct mock *mock)
{
	for (;;) {
		struct mock_map *grown;
		struct mock_map *old = NULL;
		size_t room;

		trn_mock_lock(mock);
		room = mock->map_count < mock->map_room ? 0 : mock->map_room * 2 + 32;
		trn_mock_unlock(mock);
		if (room == 0)
			return 0;
		grown = trn_alloc_array(mock->bus.alloc, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		trn_mock_lock(mock);
		if (room > mock->map_room) {
			if (mock->map_count > 0)
				memcpy(grown, mock->maps, mock->map_count * sizeof(*grown));
			old = mock->maps;
			mock->maps = grown;
			mock->map_room = room;
			grown = NULL;
		}
		trn_mock_unlock(mock);
		trn_free(mock->bus.alloc, old);
		trn_free(mock->bus.alloc, grown);
	}
}

/* First free place at or after from, and where it goes in the table; 0 when there is none. */
static uint64_t iova_find(const struct mock *mock, uint64_t from, uint64_t size, size_t *ret_at)
{
	uint64_t iova = from;
	size_t at = 0;

	for (; at < mock->map_count; at++) {
		const struct mock_map *map = &mock->maps[at];

		if (map->iova + map->size + IOVA_HOLE <= iova)
			continue;
		if (map->iova >= iova && map->iova - iova >= size + IOVA_HOLE)
			break;
		iova = trn_align_up(map->iova + map->size + IOVA_HOLE, IOVA_HOLE);
	}
	if (!trn_range_ok(iova, size, IOVA_LIMIT))
		return 0;
	*ret_at = at;
	return iova;
}

/* Addresses are not reused until all have been: a late DMA meets a hole, not a new buffer. */
static uint64_t iova_take(struct mock *mock, uint64_t size, size_t *ret_at)
{
	uint64_t iova;

	if (!mock->iova_wrapped && trn_range_ok(mock->iova_next, size, IOVA_LIMIT)) {
		iova = mock->iova_next;
		*ret_at = mock->map_count;
	} else {
		mock->iova_wrapped = true;
		iova = iova_find(mock, mock->iova_next, size, ret_at);
		if (iova == 0)
			iova = iova_find(mock, IOVA_FIRST, size, ret_at);
	}
	if (iova != 0)
		mock->iova_next = trn_align_up(iova + size + IOVA_HOLE, IOVA_HOLE);
	return iova;
}

static int mock_dma_map(struct trn_bus *bus, void *base, uint64_t size, uint64_t *ret_iova)
{
	struct mock *mock = mock_of(bus);
	uint64_t iova = 0;
	size_t at = 0;
	int r;

	if (!base || size == 0 || ((uintptr_t)base | size) % MOCK_PAGE != 0 || size >= IOVA_LIMIT)
		return -EINVAL;
	do {
		r = maps_make_room(mock);
		if (r < 0)
			return r;
		trn_mock_lock(mock);
		r = -EAGAIN; /* another thread took the room */
		if (mock->map_count < mock->map_room) {
			iova = iova_take(mock, size, &at);
			r = iova == 0 ? -ENOSPC : 0;
		}
		if (r == 0) {
			memmove(&mock->maps[at + 1], &mock->maps[at],
				(mock->map_count - at) * sizeof(mock->maps[0]));
			mock->maps[at] = (struct mock_map){ iova, size, base };
			mock->map_count++;
		}
		trn_mock_unlock(mock);
	} while (r == -EAGAIN);
	if (r == 0)
		*ret_iova = iova;
	return r;
}

static int mock_dma_unmap(struct trn_bus *bus, uint64_t iova, uint64_t size)
{
	struct mock *mock = mock_of(bus);
	int r = -EINVAL;

	trn_mock_lock(mock);
	for (size_t i = 0; i < mock->map_count; i++) {
		if (mock->maps[i].iova != iova || mock->maps[i].size != size)
			continue;
		mock->map_count--;
		memmove(&mock->maps[i], &mock->maps[i + 1],
			(mock->map_count - i) * sizeof(mock->maps[0]));
		r = 0;
		break;
	}
	trn_mock_unlock(mock);
	return r;
}

/* ---- time ---- */

static int mock_progress(struct trn_bus *bus, unsigned int *round, uint64_t deadline_ns)
{
	struct mock *mock = mock_of(bus);
	int r = 0;

	(void)deadline_ns; /* a round is far shorter than any deadline that matters */
	if (mock->threaded) {
		trn_clock_backoff(round);
		return 0;
	}
	(*round)++;
	trn_mock_lock(mock);
	mock->wrote_host = false;
	/* Nobody can see what happens between two writes to host memory, but for registers. */
	for (int i = 0; r == 0 && i < MOCK_STEPS && !mock->wrote_host; i++) {
		if (trn_model_next(mock->model) == TRN_MODEL_NEVER || !trn_model_step(mock->model))
			r = i == 0 ? -EAGAIN : 1;
	}
	r = r < 0 ? r : 0;
	trn_mock_unlock_log(mock); /* a caller that waits holds no lock of the driver's */
	return r;
}

static int mock_control(struct trn_bus *bus, const char *verb, const char *arg, char *ret_text,
			size_t text_size)
{
	return trn_mock_control(mock_of(bus), verb, arg, ret_text, text_size);
}

static void host_trace(void *user, const struct trn_trace_item *item)
{
	struct mock *mock = user;

	mock->trace(mock->trace_user, item);
}

static int mock_trace(struct trn_bus *bus, trn_trace_fn *fn, void *user)
{
	struct mock *mock = mock_of(bus);

	trn_mock_lock(mock);
	/* The last samples go to the one who listened. */
	trn_model_trace(mock->model, NULL);
	mock->trace = fn;
	mock->trace_user = user;
	if (fn)
		trn_model_trace(mock->model, host_trace);
	trn_mock_unlock_log(mock);
	return 0;
}

static void mock_close(struct trn_bus *bus)
{
	struct mock *mock = mock_of(bus);

	trn_mock_stop(mock);
	trn_mock_lock(mock);
	trn_mock_unlock_log(mock);
	if (mock->model)
		trn_model_destroy(mock->model);
	trn_mock_gemm_close(mock->gemm);
	trn_mock_profile_close(bus->alloc, mock->profile);
	trn_free(bus->alloc, mock->maps);
	pthread_cond_destroy(&mock->work);
	pthread_mutex_destroy(&mock->lock);
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

static int mock_make_model(struct mock *mock, const struct mock_params *params, char *why,
			   size_t why_size)
{
	struct trn_model_config config = {
		.alloc = mock->bus.alloc,
		.host = { .user = mock,
			  .resolve = host_resolve,
			  .reserve = host_reserve,
			  .unreserve = host_unreserve,
			  .event = host_event },
		.gen = mock->gen,
		.seed = params->seed,
		.hbm_bytes = params->hbm,
		.api_version = (uint32_t)params->api,
		.no_extension = params->extension == 0,
		.no_bar4 = params->bar4 == 0,
		.pci_revision = (uint32_t)params->revision,
		.routing_id = (uint32_t)params->routing,
		.serial = params->serial,
		.timing_only = params->timing_only != 0,
	};
	const char *field = NULL;
	int r;

	trn_mock_gemm_open(mock->bus.alloc, &mock->gemm);
	if (mock->gemm)
		config.host.gemm = trn_mock_gemm_run;
	r = trn_model_create(&config, &mock->model, &field);
	if (r < 0) {
		snprintf(why, why_size, "the model refused it: %s",
			 r == -ENOMEM ? "out of memory" :
			 field        ? field :
					"?");
		return r;
	}
	mock->chip = trn_model_chip(mock->model, 0);
	return 0;
}

static int mock_arm_faults(struct mock *mock, const struct mock_params *params, char *why,
			   size_t why_size)
{
	for (size_t i = 0; i < params->fault_count; i++) {
		const char *text = NULL;
		int r = trn_model_fault(mock->model, params->faults[i], &text);

		if (r < 0) {
			snprintf(why, why_size, "fault '%.48s': %s", params->faults[i],
				 text ? text : "refused");
			return r;
		}
	}
	return 0;
}

/* What an enumeration of the bus would know: ids, revision, BAR sizes. */
static void mock_fill_info(struct mock *mock, const struct mock_params *params)
{
	struct trn_bus_info *info = &mock->bus.info;
	uint32_t id = trn_chip_cfg_read32(mock->chip, 0);
	uint32_t class_rev = trn_chip_cfg_read32(mock->chip, 8);

	snprintf(info->name, sizeof(info->name), "mock:%s/0", params->gen->name);
	info->vendor = (uint16_t)(id & 0xffff);
	info->device = (uint16_t)(id >> 16);
	info->revision = (uint8_t)(class_rev & 0xff);
	info->numa_node = -1;
	for (unsigned int bar = 0; bar < 6; bar++)
		info->bar_size[bar] = trn_chip_bar_size(mock->chip, bar);
	info->flags = TRN_BUS_SIMULATED | TRN_BUS_FAULTS | (mock->threaded ? 0 : TRN_BUS_INLINE);
	/* 0: as its generation. The driver's table knows no profile. */
	info->hbm_bytes = params->hbm == 0 && mock->profile ? mock->gen->hbm_bytes : params->hbm;
}

int trn_bus_mock_open(const struct trn_bus_open *open, struct trn_bus **ret_bus)
{
	struct mock_params params;
	struct mock *mock;
	int r = trn_mock_params(open->uri, &params, open->ret_why, open->why_size);

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
	mock->iova_next = IOVA_FIRST;
	trn_mock_locks_init(mock);
	mock->gen = params.gen;
	if (params.profile)
		r = trn_mock_profile_open(open->alloc, params.profile, params.gen, &mock->profile,
					  &mock->gen, open->ret_why, open->why_size);
	if (r == 0)
		r = mock_make_model(mock, &params, open->ret_why, open->why_size);
	if (r == 0)
		r = mock_arm_faults(mock, &params, open->ret_why, open->why_size);
	if (r == 0) {
		mock->threaded = params.threads != 0;
		mock_fill_info(mock, &params);
		r = trn_mock_start(mock, open->ret_why, open->why_size);
	}
	if (r < 0) {
		mock_close(&mock->bus);
		return r;
	}
	*ret_bus = &mock->bus;
	return 0;
}
