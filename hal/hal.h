/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime may ask of a device: one table, filled with "not supported"
 * where a backend has nothing, so that callers never test for NULL. */
#ifndef HAL_HAL_H
#define HAL_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/isa.h>
#include <trn/memory.h>
#include <trn/types.h>
#include "base/ext.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/trace.h"
#include "base/uri.h"

struct trn_hal_dev;

/* Capability bits: what open() found, never what the generation might have. */
#define TRN_HAL_CAP_COMPUTE 0x01u /* launch block present: command queues, programs */
#define TRN_HAL_CAP_MAP_HBM 0x02u /* HBM can be mapped into the host's address space */
#define TRN_HAL_CAP_TIMESTAMP 0x04u
#define TRN_HAL_CAP_INLINE 0x08u    /* waiting steps the device on this thread */
#define TRN_HAL_CAP_FAULTS 0x10u    /* control("fault") works */
#define TRN_HAL_CAP_SIMULATED 0x20u /* the device is the model */
#define TRN_HAL_CAP_PEER 0x40u    /* copies and programs take addresses of other chips of the pod */
#define TRN_HAL_CAP_COLLECT 0x80u /* TRN_CMD_COLLECT */
#define TRN_HAL_CAP_LISTS 0x100u  /* TRN_CMD_CALL, BRANCH, ADD */
#define TRN_HAL_CAP_STRIDED 0x200u /* TRN_CMD_COPY_ND */

struct trn_hal_info {
	char uri[128];    /* the device's own URI */
	char backend[16]; /* "direct" */
	char product[32]; /* "Trainium3" */
	char arch[16];    /* "trn3" */
	uint16_t pci_vendor, pci_device;
	uint8_t pci_revision;
	uint32_t caps;
	uint32_t cores, hbm_stacks, queues;
	uint64_t hbm_bytes;    /* of each stack */
	uint64_t hbm_reserved; /* at the start of each stack, used by firmware */
	uint32_t sbuf_partition_bytes;
	uint32_t routing_id;
	uint64_t serial;
	uint32_t firmware_api;
	int numa_node;
	/* Where it stands: rows of base/pod.h, "" where the door does not know. */
	char pod[32], fabric[16];
	uint64_t pod_id; /* same number: same pod, peer addresses work between them; 0: alone */
	uint32_t pod_index, pod_chips;
	uint32_t rack, server, position; /* server: in its rack; same rack and server: one host */
	uint64_t link_mbps[3];           /* the generation's: server, rack, cross */
	uint32_t link_hop_ns;
	uint32_t node_id, nodes; /* of the UltraServer's election; UINT32_MAX: none was held */
	uint64_t pod_serial;
	uint32_t ext_base; /* BAR0 offset of the extension's registers, 0: none */
};

/* Device or pinned host memory as the device reaches it. */
enum trn_hal_mem_kind {
	TRN_HAL_MEM_HBM = 0,
	TRN_HAL_MEM_HOST = 1, /* pinned, allocated by the backend through libnuma */
	TRN_HAL_MEM_USER = 2, /* the caller's bytes, and with them the pages they are in */
};
#define TRN_HAL_MEM_HUGE TRN_PAGES_HUGE           /* HOST: large pages where there are some */
#define TRN_HAL_MEM_HUGE_ONLY TRN_PAGES_HUGE_ONLY /* HOST: large pages or -ENOMEM */
#define TRN_HAL_MEM_EXPORT \
	TRN_PAGES_SHARED          /* behind a file descriptor; HBM: where the door has it */
#define TRN_HAL_MEM_IMPORT 0x100u /* HOST: the memory behind fd */
struct trn_hal_mem {
	enum trn_hal_mem_kind kind;
	uint64_t address; /* device address; host memory with bit 46 */
	uint64_t size;
	void *host;    /* host pointer: HOST and USER always, HBM after map */
	uint32_t hbm;  /* stack, for HBM */
	uint64_t priv; /* backend's own */
	uint64_t room; /* what it takes of its stack, rounded; 0: size */
	uint64_t page; /* bytes of a host page */
	bool exported; /* fd is there; the backend closes it with the memory */
	int fd;
	void *holder; /* the runtime's own; no backend touches it but to clear all */
};
struct trn_hal_mem_desc {
	enum trn_hal_mem_kind kind;
	uint64_t size;  /* bytes, > 0 */
	uint64_t align; /* power of two; 0: 4096 for HBM, page for host */
	uint32_t hbm;   /* stack */
	int numa_node;  /* -1: the device's */
	void *user;     /* USER: first byte */
	uint32_t flags; /* TRN_HAL_MEM_HUGE ... */
	int fd;         /* IMPORT: the caller's; not needed any more after the call */
	/* Whose it is: for the tables of whoever keeps them. */
	enum trn_memory_category category;
	const char *label; /* or NULL */
};

/* One in-order command queue. Without TRN_HAL_CAP_COMPUTE it is a copy queue on a UDMA pair:
 * COPY, COPY_ND, FILL and NOP, with SIGNAL and WAIT done by the host inside post and reap. */
struct trn_hal_queue {
	uint32_t index;
	uint32_t depth;           /* commands, power of two */
	struct trn_ext_cmd *ring; /* depth entries in pinned memory; the runtime writes them */
	const struct trn_ext_status *status; /* written by the device */
	uint32_t tail;                       /* absolute, as last kicked */
};
struct trn_hal_queue_desc {
	uint32_t depth; /* power of two, 16..65536 */
	uint32_t core;  /* nearest core: choice of engine on copy queues */
};

enum trn_hal_reset {
	TRN_HAL_RESET_DEVICE = 0,
	TRN_HAL_RESET_CORES = 1,
};

struct trn_hal_core_error { /* as the core page and status record say */
	uint32_t state;     /* enum trn_ext_core_state */
	uint32_t code, engine, pc, opcode, operand, rule;
	uint64_t address;
};

struct trn_hal_telemetry {
	uint32_t ecc_sram_corrected, ecc_sram_uncorrected;
	uint32_t ecc_hbm_corrected[4], ecc_hbm_uncorrected[4];
	uint32_t hbm_repair;           /* 0 none, 1 pending, 2 failed */
	uint32_t power_utilization[2]; /* 1/100 %, per die */
	uint32_t power_samples[2];
	uint64_t pe_matmul[8], pe_idle[8]; /* tensor-engine activity counters, per core */
	bool counted; /* there is a page of counters: of the whole chip since it was powered */
	uint64_t launches, instructions, dma_bytes, dma_errors, doorbells, resets, energy_uj;
	uint64_t busy_ns[TRN_ENGINE_COUNT]; /* of all cores */
};

struct trn_hal_claim {
	uint32_t owner;    /* token, 0 free */
	uint64_t since_ns; /* device time */
	/* What the holder says of itself; 0 and "" where it says nothing. Printable. */
	uint32_t pid;
	uint64_t wall_ns; /* since 1970 */
	char command[16];
};

/*
 * Every entry returns 0 or a negative error (errno or -TRN_E*), writes ret_ outputs
 * on success only, and takes no lock that a callback could need. One thread at a
 * time per device unless it says "any thread" or "owner": the queue's own thread.
 */
struct trn_hal_ops {
	const char *name;
	/* Ends everything: queues, memory, bus. Called once, nothing in flight. */
	void (*close)(struct trn_hal_dev *dev);
	/* Brings the device to READY before the deadline; open() has already done it once. */
	int (*bring_up)(struct trn_hal_dev *dev, uint64_t deadline_ns);
	int (*info)(struct trn_hal_dev *dev, struct trn_hal_info *ret_info);

	/* Memory. Any thread. */
	int (*mem_alloc)(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			 struct trn_hal_mem *ret_mem);
	int (*mem_free)(struct trn_hal_dev *dev, struct trn_hal_mem *mem);
	/* Sets mem->host for HBM. -ENOTSUP without a window. */
	int (*mem_map)(struct trn_hal_dev *dev, struct trn_hal_mem *mem);

	/* Blocking copy between any two device addresses; any size and alignment. The path for
	 * loading programs and for doors without command queues. */
	int (*copy)(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		    uint64_t deadline_ns);

	/* Command queues. */
	int (*queue_open)(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			  struct trn_hal_queue **ret_queue);
	int (*queue_close)(struct trn_hal_dev *dev, struct trn_hal_queue *queue);
	/* Owner. Everything up to absolute tail is written: one doorbell. */
	int (*queue_kick)(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail);
	/* Owner, and one thread at a time per device. Empties the queue, head = tail = 0. */
	int (*queue_reset)(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			   uint64_t deadline_ns);
	/* Any thread. Host memory that a WAIT looks at has changed. */
	int (*signal)(struct trn_hal_dev *dev);

	/* Any thread. Lets the device progress once (see struct trn_bus_ops.progress). */
	int (*progress)(struct trn_hal_dev *dev, unsigned int *round, uint64_t deadline_ns);

	/* Cores and sync objects. owner 0 of sem ops is a core, TOP_SPs follow at 8. */
	int (*sem_read)(struct trn_hal_dev *dev, uint32_t owner, uint32_t index,
			uint32_t *ret_value);
	int (*sem_write)(struct trn_hal_dev *dev, uint32_t owner, uint32_t index, uint32_t value);
	int (*core_error)(struct trn_hal_dev *dev, uint32_t core,
			  struct trn_hal_core_error *ret_error);
	/* who: token and words of the caller, NULL only looks. A core that is given back is zeroed
	 * and reset by the device, where it has TRN_EXT_CAP_HOLDERS; -EBUSY while it works. */
	int (*core_claim)(struct trn_hal_dev *dev, uint32_t core, const struct trn_hal_claim *who,
			  bool take, struct trn_hal_claim *ret_claim);
	/* core_map is ignored for a device reset. Ends with the device READY again. */
	int (*reset)(struct trn_hal_dev *dev, enum trn_hal_reset kind, uint32_t core_map,
		     uint64_t deadline_ns);

	int (*telemetry)(struct trn_hal_dev *dev, struct trn_hal_telemetry *ret);
	/* Firmware mailbox: READ of registers by AXI address; POST of a metrics blob. */
	int (*mailbox)(struct trn_hal_dev *dev, uint32_t command, const void *request, size_t size,
		       void *response, size_t room, size_t *ret_size, uint64_t deadline_ns);
	/* Diagnostics: BAR registers (any thread), and the bus's control verbs. "memory" says in
	 * numbers what the backend knows: of a stack (its number) free, largest piece, peak; of
	 * "host" the live bytes, peak and blocks of its own, for each category. */
	int (*reg_read32)(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			  uint32_t *ret_value);
	int (*reg_write32)(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			   uint32_t value);
	int (*control)(struct trn_hal_dev *dev, const char *verb, const char *arg, char *ret_text,
		       size_t text_size);
	/* Items of a time trace to fn from now on, on any thread that lets the device progress
	 * and under locks of the backend: fn calls nothing of the device. NULL ends it; when that
	 * has returned none comes any more. -ENOTSUP where the device has no time of its own. */
	int (*trace)(struct trn_hal_dev *dev, trn_trace_fn *fn, void *user);
	/* Any thread. fn(user) soon after the device has written host memory, on the thread that
	 * lets it progress or on the device's own, by one thread at a time and with no lock
	 * that another call of the device wants: fn may call it, but no progress, watch or close.
	 * Devices of one pod are told the same fn and user, and one call is for all. NULL ends it
	 * for this device; when that has returned for the last of them fn does not run any
	 * more. -ENOTSUP where nobody notices such writes. */
	int (*watch)(struct trn_hal_dev *dev, void (*fn)(void *user), void *user);
};

struct trn_hal_dev {            /* first member of every backend's own struct */
	struct trn_hal_ops ops; /* complete: no NULL after trn_hal_dev_init() */
	const struct trn_alloc *alloc;
	struct trn_log *log;
};

/* Why the last failing call failed, in the backend's words; the runtime puts it into the
 * error record. Never NULL. Kept per device; the calling thread's own. */
#define TRN_HAL_WHY_MAX 160
struct trn_hal_fault {
	char why[TRN_HAL_WHY_MAX];
	uint64_t address;
	uint32_t engine, queue; /* UDMA, or UINT32_MAX */
};

/* Pods that are open: devices opened with the same registry from URIs that differ in hooks and
 * INDEX only are chips of one pod. Outlives its devices. Any thread. */
struct trn_hal_pods;
int trn_hal_pods_create(const struct trn_alloc *alloc, struct trn_hal_pods **ret_pods);
void trn_hal_pods_destroy(struct trn_hal_pods *pods); /* may be NULL */

struct trn_hal_open {
	const struct trn_alloc *alloc; /* kept */
	struct trn_log *log;           /* kept */
	const char *uri;
	uint64_t deadline_ns;
	struct trn_hal_pods *pods;       /* NULL: a pod of its own */
	struct trn_hal_fault *ret_fault; /* filled when open fails; may be NULL */
};

/* Copies src's entries over a full set of -ENOTSUP answers. */
void trn_hal_dev_init(struct trn_hal_dev *dev, const struct trn_hal_ops *src,
		      const struct trn_alloc *alloc, struct trn_log *log);
/* Last failure of this device (any operation). */
void trn_hal_last_fault(struct trn_hal_dev *dev, struct trn_hal_fault *ret_fault);

/* -EINVAL bad URI, -ENODEV no such device, -ENOTSUP a scheme that later versions have,
 * -ETIMEDOUT it never became ready. One list of backends and hooks, read top to bottom. */
int trn_hal_open(const struct trn_hal_open *open, struct trn_hal_dev **ret_dev);
void trn_hal_close(struct trn_hal_dev *dev);
/* How many devices the URI names, without opening any: of a pod without INDEX all of them. */
int trn_hal_count(const struct trn_hal_open *open, uint32_t *ret_count);

/* Devices that are there without being asked for (hardware); mocks are never listed.
 * Calls fn once each; returns the count or a negative error. */
int trn_hal_discover(const struct trn_alloc *alloc,
		     void (*fn)(void *user, const char *uri, const char *product), void *user);
/* Schemes for messages: index from 0, NULL past the end. *ret_help is one line. */
const char *trn_hal_scheme(unsigned int index, const char **ret_help);

#endif /* HAL_HAL_H */
