/* SPDX-License-Identifier: Apache-2.0 */
/* The user-space driver as a backend: its table, opening and closing, and the
 * operations that only pass through. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "hal/direct/direct.h"

/* What enumeration knows of the place, and what the registers say of the election. */
static void info_place(const struct trn_direct *d, struct trn_hal_info *info)
{
	const struct trn_bus_info *bus = &d->bus->info;
	struct trn_pod_place place;

	trn_pod_place(bus->pod, bus->pod_index, &place);
	info->pod_id = bus->pod_id;
	info->pod_index = bus->pod_index;
	info->pod_chips = trn_pod_chips(bus->pod);
	info->rack = place.rack;
	info->server = place.server;
	info->position = place.position;
	memcpy(info->link_mbps, bus->link_mbps, sizeof(info->link_mbps));
	info->link_hop_ns = bus->link_hop_ns;
	snprintf(info->pod, sizeof(info->pod), "%s", bus->pod->name);
	snprintf(info->fabric, sizeof(info->fabric), "%s", bus->fabric->name);
}

static int direct_info(struct trn_hal_dev *dev, struct trn_hal_info *ret_info)
{
	const struct trn_direct *d = trn_direct_of(dev);
	const struct trn_bus_info *bus = &d->bus->info;
	struct trn_hal_info info = {
		.backend = "direct",
		.pci_vendor = bus->vendor,
		.pci_device = bus->device,
		.pci_revision = bus->revision,
		.cores = d->cores,
		.hbm_stacks = TRN_HBMS,
		.hbm_bytes = d->hbm_bytes,
		.hbm_reserved = DIRECT_HBM_RESERVED,
		.sbuf_partition_bytes = d->sbuf_partition_bytes,
		.routing_id = d->routing_id,
		.serial = d->serial,
		.firmware_api = d->firmware_api,
		.numa_node = bus->numa_node,
		.pod_chips = 1,
		.node_id = d->node_id,
		.nodes = d->nodes,
		.pod_serial = d->pod_serial,
		.ext_base = (uint32_t)d->ext,
	};
	/* Rings take the addresses as they are; the block says whether its commands do. */
	const bool peers = bus->pod_id != 0 &&
			   (d->ext_caps & (TRN_EXT_CAP_LAUNCH | TRN_EXT_CAP_COLLECT)) !=
				   TRN_EXT_CAP_LAUNCH;
	const struct {
		bool has;
		uint32_t cap;
	} caps[] = {
		{ d->ext_caps & TRN_EXT_CAP_LAUNCH, TRN_HAL_CAP_COMPUTE },
		{ d->map_hbm, TRN_HAL_CAP_MAP_HBM },
		{ (d->ext_caps & TRN_EXT_CAP_LAUNCH) && (d->ext_caps & TRN_EXT_CAP_TIMESTAMP),
		  TRN_HAL_CAP_TIMESTAMP },
		{ bus->flags & TRN_BUS_INLINE, TRN_HAL_CAP_INLINE },
		{ bus->flags & TRN_BUS_FAULTS, TRN_HAL_CAP_FAULTS },
		{ bus->flags & TRN_BUS_SIMULATED, TRN_HAL_CAP_SIMULATED },
		{ peers, TRN_HAL_CAP_PEER },
		{ d->ext_caps & TRN_EXT_CAP_COLLECT, TRN_HAL_CAP_COLLECT },
		{ (d->ext_caps & TRN_EXT_CAP_LAUNCH) && (d->ext_caps & TRN_EXT_CAP_LISTS),
		  TRN_HAL_CAP_LISTS },
		/* A copy queue moves the rows by itself. */
		{ !(d->ext_caps & TRN_EXT_CAP_LAUNCH) || (d->ext_caps & TRN_EXT_CAP_STRIDED),
		  TRN_HAL_CAP_STRIDED },
	};

	if (bus->pod)
		info_place(d, &info);
	for (size_t i = 0; i < TRN_ARRAY_LEN(caps); i++)
		info.caps |= caps[i].has ? caps[i].cap : 0;
	info.queues = info.caps & TRN_HAL_CAP_COMPUTE ? d->ext_queues : DIRECT_COPY_QUEUES;
	snprintf(info.uri, sizeof(info.uri), "%s", bus->name);
	snprintf(info.product, sizeof(info.product), "%s", d->chip->product);
	snprintf(info.arch, sizeof(info.arch), "%s", d->chip->arch);
	*ret_info = info;
	return 0;
}

static int direct_progress(struct trn_hal_dev *dev, unsigned int *round, uint64_t deadline_ns)
{
	struct trn_direct *d = trn_direct_of(dev);
	bool block = d->ext_caps & TRN_EXT_CAP_LAUNCH;
	uint32_t moves = atomic_load(&d->copyq_moves);
	int r;

	if (!block && trn_direct_copyq_pump(d, TRN_DIRECT_PUMP_TRY))
		return 0;
	r = d->bus->ops->progress(d->bus, round, deadline_ns);
	/* The event may have ended a batch that a copy queue waits for. */
	if (!block &&
	    trn_direct_copyq_pump(d, r == -EAGAIN ? TRN_DIRECT_PUMP_IDLE : TRN_DIRECT_PUMP_TRY))
		r = 0;
	/* Idle while another thread was between an event and what follows from it: it was not. */
	if (r == -EAGAIN && !block && atomic_load(&d->copyq_moves) != moves)
		r = 0;
	return r;
}

static int direct_reg_read32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			     uint32_t *ret_value)
{
	struct trn_direct *d = trn_direct_of(dev);
	uint32_t value = 0;
	int r;

	if (bar >= 6 || offset % 4 != 0 || !trn_range_ok(offset, 4, d->bus->info.bar_size[bar]))
		return trn_hal_fail(dev, -EINVAL, "BAR%u has no register at 0x%llx", bar,
				    (unsigned long long)offset);
	r = d->bus->ops->read32(d->bus, bar, offset, &value);
	if (r == 0 && bar == TRN_BAR_REGS && trn_hal_value_dead(value))
		r = trn_hal_read32_live(d->bus, offset, &value);
	if (r < 0)
		return trn_hal_fail(dev, r, "BAR%u offset 0x%llx cannot be read", bar,
				    (unsigned long long)offset);
	*ret_value = value;
	return 0;
}

static int direct_reg_write32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			      uint32_t value)
{
	struct trn_direct *d = trn_direct_of(dev);
	int r;

	if (bar >= 6 || offset % 4 != 0 || !trn_range_ok(offset, 4, d->bus->info.bar_size[bar]))
		return trn_hal_fail(dev, -EINVAL, "BAR%u has no register at 0x%llx", bar,
				    (unsigned long long)offset);
	r = d->bus->ops->write32(d->bus, bar, offset, value);
	return r < 0 ? trn_hal_fail(dev, r, "BAR%u offset 0x%llx cannot be written", bar,
				    (unsigned long long)offset) :
		       0;
}

static int direct_control(struct trn_hal_dev *dev, const char *verb, const char *arg,
			  char *ret_text, size_t text_size)
{
	struct trn_direct *d = trn_direct_of(dev);
	int r;

	/* The driver's own verbs; all others are the bus's. */
	if (strcmp(verb, "probe") == 0)
		return trn_direct_probe(d, arg, ret_text, text_size);
	if (strcmp(verb, "memory") == 0)
		return trn_direct_memory_numbers(d, arg, ret_text, text_size);
	r = d->bus->ops->control(d->bus, verb, arg, ret_text, text_size);
	if (r < 0)
		return trn_hal_fail(dev, r, "%.32s(%.64s): refused by %s", verb, arg ? arg : "",
				    d->bus->info.name);
	return 0;
}

static int direct_trace(struct trn_hal_dev *dev, trn_trace_fn *fn, void *user)
{
	struct trn_direct *d = trn_direct_of(dev);

	if (!d->bus->ops->trace)
		return trn_hal_fail(dev, -ENOTSUP, "%s has no device time to trace",
				    d->bus->info.name);
	return d->bus->ops->trace(d->bus, fn, user);
}

static int direct_watch(struct trn_hal_dev *dev, void (*fn)(void *user), void *user)
{
	struct trn_direct *d = trn_direct_of(dev);

	if (!d->bus->watch)
		return trn_hal_fail(dev, -ENOTSUP, "nobody notices what %s writes to the host",
				    d->bus->info.name);
	trn_bus_watch_set(d->bus->watch, fn, user);
	return 0;
}

static void direct_close(struct trn_hal_dev *dev)
{
	struct trn_direct *d = trn_direct_of(dev);

	trn_direct_queues_close(d);
	for (uint32_t e = 0; e < DIRECT_H2T_ENGINES; e++) {
		for (uint32_t q = 0; q < DIRECT_H2T_QUEUES; q++)
			trn_direct_ring_close(&d->h2t[e][q]);
	}
	trn_direct_inner_free(d, &d->mailbox_request);
	trn_direct_inner_free(d, &d->mailbox_response);
	trn_direct_memory_fini(d);
	trn_free(dev->alloc, d->cfg_shadow);
	d->bus->ops->close(d->bus);
	pthread_mutex_destroy(&d->ring_lock);
	pthread_mutex_destroy(&d->copyq_lock);
	trn_free(dev->alloc, d);
}

static const struct trn_hal_ops direct_ops = {
	.name = "direct",
	.close = direct_close,
	.bring_up = trn_direct_bring_up,
	.info = direct_info,
	.mem_alloc = trn_direct_mem_alloc,
	.mem_free = trn_direct_mem_free,
	.mem_map = trn_direct_mem_map,
	.copy = trn_direct_copy,
	.queue_open = trn_direct_queue_open,
	.queue_close = trn_direct_queue_close,
	.queue_kick = trn_direct_queue_kick,
	.queue_reset = trn_direct_queue_reset,
	.signal = trn_direct_signal,
	.progress = direct_progress,
	.sem_read = trn_direct_sem_read,
	.sem_write = trn_direct_sem_write,
	.core_error = trn_direct_core_error,
	.core_claim = trn_direct_core_claim,
	.reset = trn_direct_reset,
	.telemetry = trn_direct_telemetry,
	.mailbox = trn_direct_mailbox,
	.reg_read32 = direct_reg_read32,
	.reg_write32 = direct_reg_write32,
	.control = direct_control,
	.trace = direct_trace,
	.watch = direct_watch,
};

int trn_direct_open(const struct trn_hal_open *open, struct trn_bus *bus,
		    struct trn_hal_dev **ret_dev)
{
	struct trn_direct *d = trn_alloc_zero(open->alloc, sizeof(*d));
	int r = -ENOMEM;

	if (!d) {
		bus->ops->close(bus);
		return trn_hal_fail(NULL, r, "no memory for the driver");
	}
	trn_hal_dev_init(&d->hal, &direct_ops, open->alloc, open->log);
	d->bus = bus;
	/* Default mutexes cannot fail to be made. */
	pthread_mutex_init(&d->copyq_lock, NULL);
	pthread_mutex_init(&d->ring_lock, NULL);
	trn_direct_memory_init(d);
	d->cfg_shadow = trn_alloc_array(open->alloc, (size_t)TRN_DMA_ENGINES * 2 * TRN_DMA_QUEUES,
					sizeof(*d->cfg_shadow));
	if (d->cfg_shadow)
		r = trn_direct_bring_up(&d->hal, open->deadline_ns);
	else
		trn_hal_fail(&d->hal, r, "no memory for the driver");
	if (r < 0) {
		direct_close(&d->hal);
		return r;
	}
	*ret_dev = &d->hal;
	return 0;
}
