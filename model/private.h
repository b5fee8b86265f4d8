/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of model/ share: the model, its calendar, one chip, and the
 * calls between its parts. Nobody outside model/ includes this. */
#ifndef MODEL_PRIVATE_H
#define MODEL_PRIVATE_H

#include "base/ext.h"
#include "base/heap.h"
#include "base/pod.h"
#include "base/prng.h"
#include "base/regs.h"
#include "model/gen.h"
#include "model/model.h"
#include "model/trace.h"

struct trn_udma;    /* udma.c: one engine, made when first touched */
struct trn_core;    /* core.c: one NeuronCore */
struct trn_launch;  /* ext.c: launch block, queues, windows, claims */
struct trn_fabric;  /* fabric.c: links between the chips */
struct trn_fault;   /* fault.c: armed faults */
struct trn_misc;    /* misc.c: MISC RAM, mailbox, reset */
struct trn_notific; /* notific.c: notification queues */
struct trn_slots;   /* slots.c: a calendar of bandwidth */
struct trn_plain;   /* regs.c: plain read/write registers kept as a sparse table */

/* Memory of the device that costs nothing until it is touched. */
#define TRN_STORE_PAGE UINT64_C(0x10000)
struct trn_store {
	uint8_t *base; /* reserved address space; NULL before the first use */
	uint64_t size;
	uint64_t *touched; /* bitmap of pages that may hold something, for the hash */
};

/* sync.c: one set of semaphores and events (a core's or a TOP_SP's). */
struct trn_sync {
	uint32_t semaphore[TRN_SEMAPHORES];
	uint32_t event[TRN_SEMAPHORES];
	uint64_t clipped; /* counts that stopped at a limit */
};

/* pair.c: how often each core of a pair has come to each barrier and pipe since both stood
 * still. */
#define TRN_PAIR_PLACES 16u
struct trn_pair {
	uint32_t barrier[2][TRN_PAIR_PLACES];
	uint32_t pipe[2][TRN_PAIR_PLACES];
};

/* trace.c: begin of the trace, and what the last sample of each stack said. */
struct trn_trace_chip {
	uint64_t from_ps;
	uint64_t bytes[TRN_HBMS];
};

#define TRN_RESET_TOPSP 16
#define TRN_RESET_TOP 31

struct trn_chip {
	struct trn_model *model;
	uint32_t index;
	uint32_t server; /* of the pod: whose host memory it reaches */
	const struct trn_gen *gen;
	uint64_t hbm_bytes; /* of each stack */
	struct trn_store hbm[TRN_HBMS];
	struct trn_slots *hbm_time[TRN_HBMS];         /* timing_hbm.c: from the first byte on */
	struct trn_store preproc[TRN_SENGS];          /* program memory the host may load by DMA */
	struct trn_store topsp_ram[TRN_TOPSP_BLOCKS]; /* the same of the sync processors */
	struct trn_udma *udma[TRN_DMA_ENGINES];
	struct trn_core *core[TRN_CORES];
	struct trn_pair pair[TRN_CORES / 2];
	struct trn_sync topsp[TRN_TOPSPS];
	struct trn_launch *launch;
	struct trn_misc *misc;
	struct trn_notific *notific;
	struct trn_plain *plain;
	/* What the firmware holds in reset, as a reset core map: 7:0 cores, 15:8 their DMA
	 * engines, 23:16 their TOP_SPs (from TRN_RESET_TOPSP), TRN_RESET_TOP the top-level
	 * engines: the device. */
	uint32_t in_reset;
	uint64_t not_ready_ps; /* registers read TRN_READ_NOT_READY before: fault "notready" */
	bool dead;             /* reads all ones: fault "device.lost" */
	bool bus_master;
	uint32_t cfg_command, cfg_bar[6]; /* pci.c */
	struct trn_chip_counters counters;
	uint32_t energy_rest[TRN_ENERGY_PARTS]; /* femtojoules below a nanojoule */
	uint64_t power_ps, power_nj; /* when a trace last got a sample, and what it was */
	struct trn_trace_chip trace;
	trn_trace_fn *listener; /* NULL: nobody */
};

/* time.c: a time by which something else should have happened. It is no event: trn_model_next()
 * does not tell of it, and it passes when time comes to it, or when nothing else is left. */
struct trn_limit {
	struct trn_limit *next;
	uint64_t when;
	bool set;
	void (*fn)(void *arg);
	void *arg;
};

struct trn_model {
	const struct trn_alloc *alloc;
	struct trn_model_host host;
	struct trn_model_config config;
	struct trn_heap calendar;
	struct trn_limit *limits; /* the next one first */
	uint64_t now_ps;
	uint64_t lost;
	struct trn_prng prng;
	struct trn_fault *faults;
	const struct trn_pod *pod; /* never NULL */
	struct trn_fabric *fabric; /* fabric.c: NULL when the pod is one chip */
	uint32_t chip_count;
	struct trn_chip **chips;
};

/* time.c: run fn(arg, a, b) at now + delay. Out of memory counts as a lost event
 * and answers -ENOMEM: the caller fails its object. */
int trn_model_after(struct trn_model *model, uint64_t delay_ps,
		    void (*fn)(void *arg, uint64_t a, uint64_t b), void *arg, uint64_t a,
		    uint64_t b);
/* Sets a limit, or sets it anew; takes it back. fn and arg are the owner's to fill. */
void trn_model_limit(struct trn_model *model, struct trn_limit *limit, uint64_t when);
void trn_model_limit_drop(struct trn_model *model, struct trn_limit *limit);
void trn_model_event(struct trn_chip *chip, enum trn_model_event_kind kind, const char *rule,
		     uint64_t address, uint64_t value, uint32_t engine, uint32_t queue);

/* model.c: parts that are made when first used; NULL when there is no memory (counted as
 * lost), or no extension. */
struct trn_core *trn_chip_core(struct trn_chip *chip, uint32_t index);
struct trn_launch *trn_chip_launch(struct trn_chip *chip);
struct trn_udma *trn_chip_udma(struct trn_chip *chip, uint32_t index);

/* addr.c: device-side (AXI) addresses. What carries bytes takes those of other chips, too:
 * peer addresses (base/pod.h), and the windows to a neighbour node. They are far, and there memory
 * and semaphores answer; dma_read() and the like refuse them.
 * copy() moves size bytes between two device addresses with memmove semantics
 * per contiguous piece, across HBM, host, SBUF, PSUM windows; registers (UDMA
 * doorbells, semaphores, launch doorbells) take naturally aligned 4-byte pieces.
 * -EFAULT with *ret_bad the first address that nothing answers; nothing moved then. */
static inline bool trn_address_far(uint64_t address)
{
	return address >> 48 != 0;
}
/* Who answers at an address that chip sees: itself, or another one, and then the address becomes
 * that one's own. NULL: nobody. Says nothing of what may be touched. */
struct trn_chip *trn_chip_at(struct trn_chip *chip, uint64_t *address);
int trn_chip_dma_copy(struct trn_chip *chip, uint64_t dst, uint64_t src, uint64_t size,
		      uint64_t *ret_bad);
/* The same between a device address and bytes of the model. */
int trn_chip_dma_read(struct trn_chip *chip, uint64_t src, void *dst, uint64_t size,
		      uint64_t *ret_bad);
int trn_chip_dma_write(struct trn_chip *chip, uint64_t dst, const void *src, uint64_t size,
		       uint64_t *ret_bad);
/* Plain memory (HBM, host) at an address as one host pointer, or NULL. */
void *trn_chip_memory(struct trn_chip *chip, uint64_t address, uint64_t size, bool write);
/* The same three, far addresses as well. Who writes through the pointer kicks the launch block
 * of the chip. */
int trn_chip_far_read(struct trn_chip *chip, uint64_t src, void *dst, uint64_t size,
		      uint64_t *ret_bad);
int trn_chip_far_write(struct trn_chip *chip, uint64_t dst, const void *src, uint64_t size,
		       uint64_t *ret_bad);
void *trn_chip_far_memory(struct trn_chip *chip, uint64_t address, uint64_t size, bool write);

/* timing_hbm.c: takes bytes of the stack behind an address, HBM or not, for somebody who begins
 * at start_ps and would be done after span_ps; when they are through. */
uint64_t trn_hbm_take_ps(struct trn_chip *chip, uint64_t address, uint64_t bytes, uint64_t start_ps,
			 uint64_t span_ps);
/* Tells a trace what is not told yet. */
void trn_hbm_flush(struct trn_chip *chip);

/* core.c, called by addr.c and regs.c: SBUF and PSUM in the TPB window of a core. Offsets are
 * window offsets; addr.c calls for one SBUF partition at a time. -EFAULT past the usable bytes.
 * Semaphores and events of the window do not come here: addr.c and regs.c reach them through
 * trn_core_sync() and tell trn_core_sync_changed(). */
int trn_core_create(struct trn_chip *chip, uint32_t index, struct trn_core **ret_core);
void trn_core_destroy(struct trn_core *core);
int trn_core_window_read(struct trn_core *core, uint32_t offset, void *dst, uint64_t size);
int trn_core_window_write(struct trn_core *core, uint32_t offset, const void *src, uint64_t size);
struct trn_sync *trn_core_sync(struct trn_core *core);
/* A semaphore changed: wake engines that wait for it. */
void trn_core_sync_changed(struct trn_core *core, uint32_t semaphore);
void trn_core_reset(struct trn_core *core);
/* A reset that also zeroes what a program could have left behind. */
void trn_core_wipe(struct trn_core *core);
uint64_t trn_core_hash(struct trn_core *core, uint64_t hash);
/* PE counters of the register block: low or high word at an offset in the block. */
uint32_t trn_core_pe_read(struct trn_core *core, uint32_t offset);

/* sync.c: register view of a set; offset inside the 0x2000 block in TOP_SP layout. Returns
 * the semaphore that a write changed, or -1. */
uint32_t trn_sync_read(const struct trn_sync *sync, uint32_t offset);
int trn_sync_write(struct trn_sync *sync, uint32_t offset, uint32_t value);

/* ext.c: the extension block, offsets relative to it. */
int trn_launch_create(struct trn_chip *chip, struct trn_launch **ret_launch);
void trn_launch_destroy(struct trn_launch *launch);
uint32_t trn_launch_read32(struct trn_launch *launch, uint32_t offset);
void trn_launch_write32(struct trn_launch *launch, uint32_t offset, uint32_t value);
void trn_launch_kick(struct trn_launch *launch);
void trn_launch_reset(struct trn_launch *launch, uint32_t core_map, uint32_t topsp_map,
		      bool device);
/* A semaphore of a sync processor changed: it may wait for it. */
void trn_launch_counted(struct trn_launch *launch, uint32_t topsp, uint32_t semaphore);
uint64_t trn_launch_hash(struct trn_launch *launch, uint64_t hash);

/* notific.c: write one notification if the queue is armed. */
void trn_chip_notify(struct trn_chip *chip, uint32_t core, const struct trn_nq_entry *entry);
/* A count of a core's or TOP_SP's (TRN_NQ_OWNER_) semaphore stopped at its limit. */
void trn_chip_sync_clipped(struct trn_chip *chip, uint32_t owner, uint32_t semaphore,
			   uint32_t value);

/* energy.c: what moving bytes between two device addresses takes, near or far; TRN_ENERGY_NOWHERE:
 * no such side. */
#define TRN_ENERGY_NOWHERE UINT64_MAX
void trn_energy_move(struct trn_chip *chip, uint64_t dst, uint64_t src, uint64_t bytes);
/* Everything since creation, idle and busy. */
uint64_t trn_energy_total_nj(const struct trn_chip *chip);
void trn_energy_idle(const struct trn_chip *chip, uint64_t ret_nj[TRN_ENERGY_PARTS]);

/* fault.c: true when an armed fault of this name and target fires now; *ret_value is
 * its value. Cheap when nothing is armed. */
bool trn_fault_fires(struct trn_chip *chip, const char *name, uint32_t target, uint64_t *ret_value);

#endif /* MODEL_PRIVATE_H */
