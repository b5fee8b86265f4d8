/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time of instructions: what they cost, and what engines remember for that. Part of
 * core.h. */
#ifndef MODEL_TIMING_H
#define MODEL_TIMING_H

#include <stdbool.h>
#include <stdint.h>

struct trn_core;
struct trn_core_engine;
struct trn_gen;
struct trn_inst;

/* Time of the tensor engine: timing_tensor.c. */
struct trn_pe_time {
	uint64_t all_ready_ps;        /* nothing is under way in the array */
	uint64_t whole_ready_ps;      /* after the last instruction on all of the array */
	uint64_t square_ready_ps[16]; /* after the last tile on it */
	uint64_t charge_ps; /* of work lately: full speed at tensor_ramp_ns, until it is used up */
	bool warm;
};

/* A DMA among others: timing_dma.c. */
struct trn_dma_flow {
	uint64_t start_ps;
	uint64_t begin_ps[16]; /* of each engine */
	uint64_t least_ps;     /* memory does not let it end before */
	uint64_t end_ps;       /* as things stand */
	uint64_t left_ps[16];  /* of each engine's work, if it were alone */
	uint8_t queue, priority;
	bool far;  /* to or from another chip */
	bool lost; /* on the way there */
};
struct trn_dma_time {
	uint64_t now_ps;         /* left_ps are of this time */
	uint64_t drained_ps[16]; /* nothing left for the engine, as things stand */
	uint32_t count;
	uint8_t order[32]; /* slots, in the order of their triggers */
	struct trn_dma_flow flow[32];
};

/* Something that one engine at a time uses at full speed: timing.c. */
struct trn_hold {
	uint8_t engine;
	uint8_t first, last; /* partitions [first, last) */
	uint64_t until_ps;
};

/* timing.c */
struct trn_cost {
	uint64_t busy_ps;   /* until the next instruction of this engine may issue */
	uint64_t result_ps; /* until its effect is there */
	uint64_t cycles;
};
typedef uint64_t trn_cycles_fn(const struct trn_gen *gen, const struct trn_inst *inst);
trn_cycles_fn trn_cost_quantize_mx, trn_cost_rand2, trn_cost_rand_state;
trn_cycles_fn trn_cost_src, trn_cost_dst, trn_cost_src_readout, trn_cost_tensor, trn_cost_transpose,
	trn_cost_copy, trn_cost_memset, trn_cost_tensor_tensor, trn_cost_reduce,
	trn_cost_exponential, trn_cost_reciprocal, trn_cost_predicate, trn_cost_two,
	trn_cost_bn_aggr, trn_cost_scalar_tensor_tensor, trn_cost_partition_reduce, trn_cost_topk,
	trn_cost_local_gather, trn_cost_n_gather;
uint64_t trn_cycles_ps(const struct trn_gen *gen, uint32_t engine, uint64_t cycles);
struct trn_cost trn_inst_cost(struct trn_core_engine *engine, const struct trn_inst *inst);

/* timing_tensor.c */
/* When the part of the array that an instruction uses is free. */
uint64_t trn_tensor_ready_ps(const struct trn_core_engine *engine, const struct trn_inst *inst);
/* It is taken until then. */
void trn_tensor_take(struct trn_core_engine *engine, const struct trn_inst *inst,
		     uint64_t until_ps);
/* What makes an instruction slower or faster than its cycles when it issues now. */
void trn_tensor_cost(struct trn_core_engine *engine, const struct trn_inst *inst,
		     struct trn_cost *cost);

/* timing_dma.c */
/* Time until the same engine may trigger its next DMA. */
uint64_t trn_dma_issue_ps(const struct trn_gen *gen, const struct trn_inst *inst);
/* Elements times the wider element. */
uint64_t trn_dma_bytes(const struct trn_inst *inst);
/* Begins the transfer in a slot of core->dma, which makes others later; virtual time of its end,
 * that is, if nobody comes. */
uint64_t trn_dma_begin_ps(struct trn_core *core, uint32_t slot);
/* Its end as things stand now. */
uint64_t trn_dma_end_ps(const struct trn_core *core, uint32_t slot);
/* It was lost on a link. */
bool trn_dma_lost(const struct trn_core *core, uint32_t slot);
/* It does not end before that, nor does what comes behind it in its queue. */
void trn_dma_hold(struct trn_core *core, uint32_t slot, uint64_t end_ps);
/* The slot has ended, and what it had left is dropped. */
void trn_dma_forget(struct trn_core *core, uint32_t slot);

#endif /* MODEL_TIMING_H */
