/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the user-space driver share. One device over one bus; every
 * number that comes from the device is checked here before anything uses it. */
#ifndef HAL_DIRECT_DIRECT_H
#define HAL_DIRECT_DIRECT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "base/ext.h"
#include "base/fit.h"
#include "base/pages.h"
#include "base/regs.h"
#include "hal/backend.h"
#include "hal/hal.h"
#include "hal/mmio.h"

#define DIRECT_PAGE UINT64_C(4096)
#define DIRECT_H2T_ENGINES 4
#define DIRECT_H2T_QUEUES 2 /* of each: the driver's own; the others may be copy queues */
#define DIRECT_COPY_QUEUES (DIRECT_H2T_ENGINES * (TRN_DMA_QUEUES - DIRECT_H2T_QUEUES))
#define DIRECT_HBM_RESERVED (UINT64_C(16) << 20) /* of each stack: the firmware's */

/* A chip that the driver knows, by PCI device id. */
struct trn_direct_chip {
	uint16_t pci_device;
	const char *product, *arch;
	uint64_t hbm_bytes; /* of each stack */
	uint32_t sbuf_partition_bytes;
	bool ostand_wr_2; /* engine init writes 0x2012c */
};
const struct trn_direct_chip *trn_direct_chip_find(uint16_t pci_device);

/* Host memory the device can reach. */
struct trn_direct_map {
	uint64_t iova, size; /* size: of the mapping, whole pages */
	uint64_t asked;      /* size as mem_alloc was asked */
	uint64_t head;       /* bytes of the first page in front of what was asked */
	uint8_t *base;
	struct trn_pages pages;            /* ours to give back; none: the caller's */
	bool inner;                        /* the driver's own: mem_free refuses it */
	enum trn_memory_category category; /* of an inner one */
};

struct trn_direct;

/* One UDMA queue pair as the driver uses it: batches of data pairs, a marker pair behind
 * each batch; one batch in flight. One thread at a time. */
struct trn_direct_ring {
	struct trn_direct *d;
	uint32_t engine, queue;
	uint32_t depth; /* descriptors of each direction, power of two */
	struct trn_hal_mem mem;
	struct trn_udma_desc *tx, *rx;
	uint64_t tx_address, rx_address;
	uint32_t *words; /* completion words: 0 the marker, 1 where it lands */
	uint64_t words_address;
	uint32_t next;           /* index of the next descriptor */
	uint32_t ring_id;        /* of both directions: they move together */
	bool broken;             /* hung or aborted: reset before the next batch */
	_Atomic uint32_t flight; /* descriptors in flight, 0: idle */
	_Atomic bool lost;       /* another queue's error stopped the engine under this batch */
};

/* What is left to move. */
struct trn_direct_xfer {
	uint64_t dst, src, left;
	uint64_t window; /* > 0: the source repeats, this many bytes of it (fill) */
};

struct trn_direct_copyq;

struct trn_direct_queue {
	struct trn_hal_queue queue; /* first */
	struct trn_direct *d;
	struct trn_hal_mem ring_mem, status_mem;
	struct trn_direct_copyq *copyq; /* copyq.c: no launch block */
};

struct trn_direct {
	struct trn_hal_dev hal; /* first */
	struct trn_bus *bus;
	const struct trn_direct_chip *chip;
	bool numa; /* libnuma answers on this machine */

	/* As bring-up found it. */
	uint32_t routing_id, firmware_api;
	uint64_t serial;
	uint32_t node_id, nodes; /* election; UINT32_MAX: none */
	uint64_t pod_serial;
	uint64_t hbm_bytes; /* of each stack */
	uint32_t sbuf_partition_bytes;
	uint32_t cores;
	bool map_hbm;
	uint64_t window_slot; /* bytes between the stacks in the HBM window */
	uint64_t ext;         /* BAR0 offset of the extension block; 0: none */
	uint32_t ext_caps, ext_queues;

	/* Memory. The lock protects maps, their count and room, and the heaps. No user function
	 * (allocator, log) is called under it. */
	pthread_mutex_t memory_lock;
	struct trn_direct_map *maps; /* by iova */
	size_t map_count, map_room;
	struct trn_fit heap[TRN_HBMS];
	struct trn_memory_count inner[TRN_MEMORY_CATEGORIES]; /* the driver's own */

	uint32_t *cfg_shadow; /* [engine][M2S queues, S2M queues]: as last written */
	struct trn_direct_ring h2t[DIRECT_H2T_ENGINES][DIRECT_H2T_QUEUES];
	/* Every open ring. An error stops a whole engine: whoever starts it again tells the other
	 * rings. The lock is also held while an engine's state is changed. */
	pthread_mutex_t ring_lock;
	struct trn_direct_ring *rings[DIRECT_H2T_ENGINES][TRN_DMA_QUEUES];
	_Atomic uint32_t suspects; /* bit by h2t engine: a copy hung there; avoided until a reset */

	/* Command queues of the launch block. */
	struct trn_direct_queue *queues[TRN_EXT_QUEUES];
	_Atomic uint64_t queues_open; /* bit by index: signal() reads it from any thread */

	/* Copy queues. The lock protects the table and everything behind it. */
	pthread_mutex_t copyq_lock;
	struct trn_direct_queue *copyqs[DIRECT_COPY_QUEUES];
	_Atomic uint32_t copyq_moves; /* pumps that moved something; read without the lock */

	uint8_t mailbox_sequence;
	struct trn_hal_mem mailbox_request, mailbox_response;
};

static inline struct trn_direct *trn_direct_of(struct trn_hal_dev *dev)
{
	return (struct trn_direct *)(void *)dev; /* hal is the first member */
}

/* wait.c. Calls check until it answers something else than -EAGAIN, letting the device
 * progress in between. -ETIMEDOUT past the deadline, or at once when the device is an idle
 * inline model: then *ret_idle (may be NULL) is true. */
int trn_direct_wait(struct trn_direct *d, int (*check)(void *arg), void *arg, uint64_t deadline_ns,
		    bool *ret_idle);
/* The earlier of deadline_ns and budget from now. */
uint64_t trn_direct_budget(uint64_t deadline_ns, uint64_t budget_ns);

/* bringup.c */
int trn_direct_bring_up(struct trn_hal_dev *dev, uint64_t deadline_ns);
/* ext.c: looks for the extension's capability and checks its id page. */
int trn_direct_ext_find(struct trn_direct *d);

/* engine.c: sequence 3.7 of the facts for one engine; writes in its order. */
int trn_direct_engine_init(struct trn_direct *d, uint32_t engine);

/* ring.c */
int trn_direct_ring_open(struct trn_direct *d, uint32_t engine, uint32_t queue, uint32_t depth,
			 struct trn_direct_ring *ring);
void trn_direct_ring_close(struct trn_direct_ring *ring);
/* Programs both directions from the start (sequence 3.9); also after a hang or a reset. */
int trn_direct_ring_init(struct trn_direct_ring *ring);
/* Writes the next batch of xfer and rings both doorbells; xfer moves on. */
int trn_direct_ring_post(struct trn_direct_ring *ring, struct trn_direct_xfer *xfer);
/* copy.c: all of xfer by one ring, started if need be. */
int trn_direct_ring_copy(struct trn_direct_ring *ring, struct trn_direct_xfer *xfer,
			 uint64_t deadline_ns);
/* probe.c: the control verb of that name; what is "dma" or "mailbox". */
int trn_direct_probe(struct trn_direct *d, const char *what, char *ret_text, size_t text_size);
/* 0: the batch in flight is done; -EAGAIN: not yet; else what is wrong with it. Looks at host
 * memory only; thorough also reads the engine's state. */
int trn_direct_ring_poll(struct trn_direct_ring *ring, bool thorough);

/* copy.c */
int trn_direct_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		    uint64_t deadline_ns);

/* memory.c */
void trn_direct_memory_init(struct trn_direct *d);
void trn_direct_memory_fini(struct trn_direct *d);
int trn_direct_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			 struct trn_hal_mem *ret_mem);
int trn_direct_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem);
int trn_direct_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem);
/* The driver's own host memory: refused by mem_free. */
int trn_direct_inner_alloc(struct trn_direct *d, uint64_t size, enum trn_memory_category category,
			   struct trn_hal_mem *ret_mem);
void trn_direct_inner_free(struct trn_direct *d, struct trn_hal_mem *mem);
/* The control verb of that name. Any thread. */
int trn_direct_memory_numbers(struct trn_direct *d, const char *what, char *ret_text,
			      size_t text_size);
/* Host bytes behind a device address with the host bit, or NULL. */
void *trn_direct_resolve(struct trn_direct *d, uint64_t address, uint64_t size);

/* host_memory.c: where pages that nobody has touched yet shall come from. */
bool trn_direct_numa_open(void);
void trn_direct_pages_place(bool numa, int node, void *base, uint64_t size);

/* queue.c, copyq.c */
int trn_direct_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			  struct trn_hal_queue **ret_queue);
int trn_direct_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *queue);
int trn_direct_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail);
int trn_direct_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			   uint64_t deadline_ns);
int trn_direct_signal(struct trn_hal_dev *dev);
void trn_direct_queues_close(struct trn_direct *d);
int trn_direct_copyq_open(struct trn_direct *d, const struct trn_hal_queue_desc *desc,
			  struct trn_hal_queue **ret_queue);
void trn_direct_copyq_close(struct trn_direct_queue *queue);
int trn_direct_copyq_kick(struct trn_direct_queue *queue, uint32_t tail);
int trn_direct_copyq_reset(struct trn_direct_queue *queue);
/* Lets every copy queue go on; true when one of them did. */
enum trn_direct_pump {
	TRN_DIRECT_PUMP_TRY, /* nothing when another thread is at it */
	/* The device has nothing pending: a silent engine may have stopped, and what another thread
	 * is doing decides whether there is more to come. */
	TRN_DIRECT_PUMP_IDLE,
	TRN_DIRECT_PUMP_NOW,
};
bool trn_direct_copyq_pump(struct trn_direct *d, enum trn_direct_pump how);
/* After a device or core reset: the engines of the copy queues start over, what was in
 * flight ends in TRN_EXT_ERR_RESET. */
int trn_direct_copyq_after_reset(struct trn_direct *d, uint32_t engine_map);

/* reset.c */
int trn_direct_reset(struct trn_hal_dev *dev, enum trn_hal_reset kind, uint32_t core_map,
		     uint64_t deadline_ns);
/* The firmware's part of it alone. */
int trn_direct_reset_firmware(struct trn_direct *d, enum trn_hal_reset kind, uint32_t core_map,
			      uint64_t deadline_ns);

/* mailbox.c, telemetry.c, sync.c */
int trn_direct_mailbox(struct trn_hal_dev *dev, uint32_t command, const void *request, size_t size,
		       void *response, size_t room, size_t *ret_size, uint64_t deadline_ns);
int trn_direct_telemetry(struct trn_hal_dev *dev, struct trn_hal_telemetry *ret);
int trn_direct_sem_read(struct trn_hal_dev *dev, uint32_t owner, uint32_t index,
			uint32_t *ret_value);
int trn_direct_sem_write(struct trn_hal_dev *dev, uint32_t owner, uint32_t index, uint32_t value);
int trn_direct_core_error(struct trn_hal_dev *dev, uint32_t core,
			  struct trn_hal_core_error *ret_error);
int trn_direct_core_claim(struct trn_hal_dev *dev, uint32_t core, const struct trn_hal_claim *who,
			  bool take, struct trn_hal_claim *ret_claim);

#endif /* HAL_DIRECT_DIRECT_H */
