/* SPDX-License-Identifier: Apache-2.0 */
/* What hal/direct/ may ask of a bus: registers, BAR ranges, DMA memory, waiting.
 * The user-space driver is written once, over this. */
#ifndef HAL_BUS_H
#define HAL_BUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/types.h>
#include "base/log.h"
#include "base/pod.h"
#include "base/trace.h"
#include "base/uri.h"

struct trn_bus;
struct trn_hal_pods;

#define TRN_BUS_SIMULATED 0x1u /* the device is the model: waits are short */
#define TRN_BUS_INLINE 0x2u    /* the device moves only inside progress() */
#define TRN_BUS_FAULTS 0x4u    /* control("fault") works */

/* A device as discovery shows it; every number is as the bus reported it. */
struct trn_bus_info {
	char name[64]; /* "mock:trn3/0" */
	uint16_t vendor, device;
	uint8_t revision;
	int numa_node; /* -1 unknown */
	uint64_t bar_size[6];
	uint32_t flags; /* TRN_BUS_* */
	/* Of each stack, where the bus knows it: a model with less than its generation. 0: ask the
	 * extension, else the driver's table. */
	uint64_t hbm_bytes;
	/* Where it stands, where the bus knows: rows of base/pod.h, else NULL. */
	const struct trn_pod *pod;
	const struct trn_pod_fabric *fabric;
	uint64_t pod_id; /* as struct trn_hal_info */
	uint32_t pod_index;
	uint64_t link_mbps[TRN_LINK_CLASSES]; /* the generation's */
	uint32_t link_hop_ns;
};

/*
 * Every entry returns 0 or a negative errno and is called by one thread at a
 * time unless it says otherwise.
 */
struct trn_bus_ops {
	/* Gives everything back; no other call is in flight. */
	void (*close)(struct trn_bus *bus);
	/* PCI configuration space, 4-byte aligned. */
	int (*cfg_read32)(struct trn_bus *bus, uint32_t offset, uint32_t *ret_value);
	int (*cfg_write32)(struct trn_bus *bus, uint32_t offset, uint32_t value);
	/* BAR registers. Any thread. The access has happened, as the device sees it, when
	 * a later read32 returns; writes stay in order. */
	int (*read32)(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint32_t *ret_value);
	int (*write32)(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint32_t value);
	/* A pointer to a BAR range that is plain memory. -ENOTSUP where there is none: use
	 * DMA. Valid until close. */
	int (*map)(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint64_t size,
		   void **ret_ptr);
	/* Makes host memory reachable; *ret_iova is without the host bit. size and base are
	 * page multiples. Unmap takes exactly what map gave, with no DMA in flight. */
	int (*dma_map)(struct trn_bus *bus, void *base, uint64_t size, uint64_t *ret_iova);
	int (*dma_unmap)(struct trn_bus *bus, uint64_t iova, uint64_t size);
	/* Something may have progressed: steps an inline model by one event, or waits a
	 * little on a real or free-running device. *round counts calls of one wait and
	 * starts at 0. -EAGAIN when nothing is pending that could ever progress (inline only). */
	int (*progress)(struct trn_bus *bus, unsigned int *round, uint64_t deadline_ns);
	/* Optional diagnostics: "fault" arms a fault, "stats" ...; -ENOTSUP where there is none.
	 * Text in, JSON text out (may be NULL). */
	int (*control)(struct trn_bus *bus, const char *verb, const char *arg, char *ret_text,
		       size_t text_size);
	/* Optional, may be NULL: as struct trn_hal_ops.trace. */
	int (*trace)(struct trn_bus *bus, trn_trace_fn *fn, void *user);
};

/* Who wants to know that the device wrote host memory: struct trn_hal_ops.watch. */
struct trn_bus_watch {
	pthread_mutex_t lock;
	_Atomic bool on;
	_Atomic uint32_t pending; /* writes that fn was not called for yet */
	uint32_t devices;         /* of the pod, that were told fn */
	void (*fn)(void *user);
	void *user;
};
void trn_bus_watch_init(struct trn_bus_watch *watch);
void trn_bus_watch_fini(struct trn_bus_watch *watch);
void trn_bus_watch_set(struct trn_bus_watch *watch, void (*fn)(void *user), void *user);
/* The device has written host memory. No lock of the bus is held. */
void trn_bus_watch_tell(struct trn_bus_watch *watch);

struct trn_bus { /* first member of every bus */
	const struct trn_bus_ops *ops;
	const struct trn_alloc *alloc;
	struct trn_log *log;
	struct trn_bus_info info;
	struct trn_bus_watch *watch; /* NULL: it does not notice such writes */
};

/* What opening a bus needs. */
struct trn_bus_open {
	const struct trn_alloc *alloc;
	struct trn_log *log;
	const struct trn_uri *uri;
	struct trn_hal_pods *pods; /* as struct trn_hal_open */
	char *ret_why;             /* why it failed, for the error record */
	size_t why_size;
};

/* Devices that the URI names. */
int trn_bus_mock_count(const struct trn_bus_open *open, uint32_t *ret_count);
int trn_bus_mock_open(const struct trn_bus_open *open, struct trn_bus **ret_bus);

#endif /* HAL_BUS_H */
