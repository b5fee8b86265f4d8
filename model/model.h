/* SPDX-License-Identifier: Apache-2.0 */
/* The silicon in software: what a host of the model may do. One model holds one
 * virtual time and its chips. Pure: no thread, clock, syscall or global state;
 * everything from outside comes through struct trn_model_host. One thread at a
 * time per model. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/types.h>
#include "base/trace.h"

struct trn_model;
struct trn_chip;
struct trn_gen;
struct trn_pod;
struct trn_pod_fabric;
struct trn_pod_graph;

#define TRN_PS_PER_NS UINT64_C(1000)
#define TRN_MODEL_NEVER UINT64_MAX

/* FP32 tile: for m, n: c[m*ldc+n] = fma chain over ascending k of a[k*lda+m] * b[k*ldb+n],
 * starting from c when accumulate, else from 0. */
struct trn_gemm {
	uint32_t m, n, k;
	const float *a, *b;
	float *c;
	size_t lda, ldb, ldc; /* in elements */
	bool accumulate;
	bool pairs; /* a has every second element only: a[k*lda + 2*m] */
};

/* The model's own loop for it: the definition that a faster one is measured by. */
void trn_gemm_run(const struct trn_gemm *gemm);

/* What happened, for the checker, the record and people. */
enum trn_model_event_kind {
	TRN_EV_VIOLATION = 0,   /* the checker: somebody broke a rule of the device */
	TRN_EV_UNKNOWN_REG = 1, /* access to a register the map does not have */
	TRN_EV_FAULT = 2,       /* an injected fault fired */
	TRN_EV_DMA_ERROR = 3,
	TRN_EV_CORE_ERROR = 4,
	TRN_EV_RESET = 5,
};
struct trn_model_event {
	enum trn_model_event_kind kind;
	const char *rule; /* static, for example "dma-unmapped", "doorbell-past-ring" */
	uint64_t time_ps;
	uint64_t address;
	uint64_t value;
	uint32_t engine, queue; /* UDMA engine and queue, or core and engine */
	uint32_t chip;
};

/* The model's way out. What is not marked optional is required. */
struct trn_model_host {
	void *user;
	/* Host bytes behind a host (bit 46 removed) address of a server of the pod: its chips share
	 * that memory. NULL: not mapped, or not all of it. */
	void *(*resolve)(void *user, uint32_t server, uint64_t address, uint64_t size, bool write);
	/* Zeroed address space, committed on first touch: HBM, SBUF. NULL: none. */
	void *(*reserve)(void *user, uint64_t size);
	void (*unreserve)(void *user, void *base, uint64_t size);
	/* Optional fast tile with exactly the result of struct trn_gemm; NULL: the own loop. */
	void (*gemm)(void *user, const struct trn_gemm *gemm);
	/* Optional. */
	void (*event)(void *user, const struct trn_model_event *event);
	/* Optional: what happened when, in device time, for a time trace. Order of calls is the
	 * order in which things ended. */
	trn_trace_fn *trace;
};

struct trn_model_config {
	const struct trn_alloc *alloc;
	struct trn_model_host host;
	const struct trn_gen *gen; /* trn_gen_find() */
	/* base/pod.h: the chips there are, all of gen; NULL: one. fabric NULL: the pod's first. */
	const struct trn_pod *pod;
	const struct trn_pod_fabric *fabric;
	uint64_t seed;
	uint64_t hbm_bytes;    /* of each stack; 0: the generation's */
	uint32_t api_version;  /* of the firmware mailbox; 0: 7 */
	bool no_extension;     /* as silicon: no launch block, no capability */
	bool no_bar4;          /* the HBM window is optional: a driver must work without */
	uint32_t pci_revision; /* 0: silicon */
	uint32_t routing_id;   /* of a chip alone; in a pod they follow from the place */
	uint64_t serial;       /* of chip 0; the others count on */
	/* Instruction streams without data: see docs/timing-only.md. */
	bool timing_only;
};

/* -EINVAL names the field in *ret_why; -ENOMEM. */
int trn_model_create(const struct trn_model_config *config, struct trn_model **ret_model,
		     const char **ret_why);
void trn_model_destroy(struct trn_model *model);
/* NULL past the end. */
struct trn_chip *trn_model_chip(struct trn_model *model, uint32_t index);
uint32_t trn_model_chips(const struct trn_model *model);
/* The pod, and the links between its chips; the graph is NULL for a chip alone. */
const struct trn_pod *trn_model_pod(const struct trn_model *model);
const struct trn_pod_graph *trn_model_graph(const struct trn_model *model);

/* A link as it is now, and what it has done since the model was created. */
enum trn_link_state {
	TRN_LINK_UP = 0,
	TRN_LINK_DEGRADED = 1,
	TRN_LINK_DOWN = 2,
};
struct trn_model_link {
	enum trn_link_state state;
	uint64_t mbps; /* 10^6 B/s, as it is now */
	uint64_t bytes;
	uint64_t busy_ps;   /* what its bytes take at that rate */
	uint64_t queued_ps; /* summed over pieces: what others before them cost */
};
/* Number as in trn_model_graph(); false past the end. */
bool trn_model_link(const struct trn_model *model, uint32_t link, struct trn_model_link *ret);

/* Virtual time. run() handles every event up to and including until_ps and
 * leaves now = until_ps; step() jumps to the next event. next() is
 * TRN_MODEL_NEVER when nothing is pending that could change anything: firmware
 * timers do not count, and no limits of schedules that wait, which pass in run()
 * when their time comes, and in step() as soon as they are next. A host that has
 * something to do outside looks at next() before it steps. */
uint64_t trn_model_now(const struct trn_model *model);
uint64_t trn_model_next(const struct trn_model *model);
void trn_model_run(struct trn_model *model, uint64_t until_ps);
bool trn_model_step(struct trn_model *model);
/* Out of memory inside an event: the model goes on, the object concerned fails, this counts. */
uint64_t trn_model_lost_events(const struct trn_model *model);

/* Gives the items of base/trace.h to struct trn_model_host.user from now on; NULL ends it, after
 * the last samples. */
void trn_model_trace(struct trn_model *model, trn_trace_fn *trace);
/* The same of one chip. */
void trn_chip_trace(struct trn_chip *chip, trn_trace_fn *trace);

/* PCI configuration space, 256 bytes; registers outside read 0. */
uint32_t trn_chip_cfg_read32(struct trn_chip *chip, uint32_t offset);
void trn_chip_cfg_write32(struct trn_chip *chip, uint32_t offset, uint32_t value);
/* Size of a BAR in bytes, 0 when absent. */
uint64_t trn_chip_bar_size(struct trn_chip *chip, unsigned int bar);
/* Any offset, any value: unknown registers read 0 and are an event. */
uint32_t trn_chip_read32(struct trn_chip *chip, unsigned int bar, uint64_t offset);
void trn_chip_write32(struct trn_chip *chip, unsigned int bar, uint64_t offset, uint32_t value);
/* Host pointer to a plain-memory range of a BAR (HBM in BAR4): -EINVAL, -ENOTSUP where
 * registers live. Valid until the model is destroyed. */
int trn_chip_map(struct trn_chip *chip, unsigned int bar, uint64_t offset, uint64_t size,
		 void **ret_ptr);
/* Host wrote memory that a WAIT command of any queue may look at. Same as a KICK. */
void trn_model_kick(struct trn_model *model);

/* Faults: one line of docs/faults.md, "NAME[@TARGET][,after=N][,count=N][,value=V][,seed=N]". */
int trn_model_fault(struct trn_model *model, const char *spec, const char **ret_why);
/* The catalogue: names from index 0, NULL past the end. *ret_help is one line. */
const char *trn_fault_name(unsigned int index, const char **ret_help);

/* State for comparison: registers, rings, semaphores, touched memory, time. */
uint64_t trn_model_hash(struct trn_model *model);

/* Where energy goes. The first five are enum trn_engine. */
enum trn_energy_part {
	TRN_ENERGY_TENSOR = 0,
	TRN_ENERGY_VECTOR = 1,
	TRN_ENERGY_SCALAR = 2,
	TRN_ENERGY_GPSIMD = 3,
	TRN_ENERGY_SYNC = 4,
	TRN_ENERGY_SRAM = 5, /* SBUF and PSUM */
	TRN_ENERGY_HBM = 6,
	TRN_ENERGY_DMA = 7,
	TRN_ENERGY_LINK = 8, /* to the host, and what is nobody else's */
	TRN_ENERGY_PARTS = 9,
};

/* Energy and activity of a chip since its creation. */
struct trn_chip_counters {
	uint64_t dma_bytes, dma_packets, dma_errors;
	uint64_t instructions, launches, matmul_macs;
	uint64_t doorbells, resets, mailbox_requests;
	uint64_t violations;
	uint64_t busy_ps[5]; /* summed over cores, by enum trn_engine */
	/* Nanojoules by enum trn_energy_part: what flows whether there is work or not, and what
	 * work took on top of it. */
	uint64_t idle_nj[TRN_ENERGY_PARTS], busy_nj[TRN_ENERGY_PARTS];
};
void trn_chip_counters(const struct trn_chip *chip, struct trn_chip_counters *ret);

/* "tensor", "hbm", ...; NULL past the end. */
const char *trn_energy_part_name(uint32_t part);

/* How the power of a chip at full load comes together: every engine busy, the tensor engine in
 * its fastest 8-bit format, HBM at its rate. */
struct trn_energy_term {
	const char *what;
	enum trn_energy_part part;
	uint64_t events_per_us; /* 0: flows without events */
	uint32_t field;         /* enum trn_gen_field: its energy of an event, or its power */
	uint64_t mw;
};
/* Terms from index 0; false past the end. */
bool trn_energy_term(const struct trn_gen *gen, uint32_t index, struct trn_energy_term *ret);
/* Their sum. The published power_mw_busy is what it was made from. */
uint64_t trn_energy_full_load_mw(const struct trn_gen *gen);
/* Of full load, by the published 8-bit peak: femtojoules, H 1.4. */
double trn_energy_fj_per_flop(const struct trn_gen *gen);

#endif /* MODEL_MODEL_H */
