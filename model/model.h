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
};

/* The model's way out. What is not marked optional is required. */
struct trn_model_host {
	void *user;
	/* Host bytes behind a host (bit 46 removed) address. NULL: not mapped, or not all of it. */
	void *(*resolve)(void *user, uint64_t address, uint64_t size, bool write);
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
	uint32_t chips;            /* 1 in this version */
	uint64_t seed;
	uint64_t hbm_bytes;    /* of each stack; 0: the generation's */
	uint32_t api_version;  /* of the firmware mailbox; 0: 7 */
	bool no_extension;     /* as silicon: no launch block, no capability */
	bool no_bar4;          /* the HBM window is optional: a driver must work without */
	uint32_t pci_revision; /* 0: silicon */
	uint32_t routing_id;
	uint64_t serial;
	/* Instruction streams without data: see docs/timing-only.md. */
	bool timing_only;
};

/* -EINVAL names the field in *ret_why; -ENOMEM. */
int trn_model_create(const struct trn_model_config *config, struct trn_model **ret_model,
		     const char **ret_why);
void trn_model_destroy(struct trn_model *model);
struct trn_chip *trn_model_chip(struct trn_model *model, uint32_t index);

/* Virtual time. run() handles every event up to and including until_ps and
 * leaves now = until_ps; step() jumps to the next event. next() is
 * TRN_MODEL_NEVER when nothing is pending that could change anything (firmware
 * timers do not count). */
uint64_t trn_model_now(const struct trn_model *model);
uint64_t trn_model_next(const struct trn_model *model);
void trn_model_run(struct trn_model *model, uint64_t until_ps);
bool trn_model_step(struct trn_model *model);
/* Out of memory inside an event: the model goes on, the object concerned fails, this counts. */
uint64_t trn_model_lost_events(const struct trn_model *model);

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

/* Energy and activity of a chip since its creation. */
struct trn_chip_counters {
	uint64_t dma_bytes, dma_packets, dma_errors;
	uint64_t instructions, launches, matmul_macs;
	uint64_t doorbells, resets, mailbox_requests;
	uint64_t violations;
	uint64_t busy_ps[5]; /* summed over cores, by enum trn_engine */
};
void trn_chip_counters(const struct trn_chip *chip, struct trn_chip_counters *ret);

#endif /* MODEL_MODEL_H */
