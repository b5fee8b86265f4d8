/* SPDX-License-Identifier: Apache-2.0 */
/* What DMAs and memory traffic cost in virtual time (hardware-and-isa facts 4.6 and 8): the 16
 * DMA engines of a core, and the bandwidth of the HBM stacks. */
#include "model/core.h"

/* Who makes the descriptors: enum trn_dge without AUTO. */
static uint32_t dma_mode(const struct trn_inst *inst)
{
	const bool indexed = inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);

	if (inst->op0 != TRN_DGE_AUTO)
		return inst->op0;
	return indexed || inst->engine == TRN_ENGINE_GPSIMD ? TRN_DGE_SOFTWARE : TRN_DGE_HARDWARE;
}

/* A number that there is three times, for SOFTWARE, HARDWARE and STATIC in this order. */
static uint64_t by_mode_ps(const struct trn_gen *gen, enum trn_gen_field software,
			   const struct trn_inst *inst)
{
	return gen->value[software + dma_mode(inst) - TRN_DGE_SOFTWARE] * TRN_PS_PER_NS;
}

uint64_t trn_dma_issue_ps(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return by_mode_ps(gen, TRN_GEN_dma_issue_software_ns, inst);
}

/* Bytes that lie together on this side. */
static uint64_t side_run(const struct trn_side *side)
{
	const bool chip = side->space == TRN_SPACE_SBUF;
	uint64_t run = side->esize;

	if (chip)
		return side->view.step[side->view.ndims - 1] == 1 ?
			       (uint64_t)side->view.num[side->view.ndims - 1] * side->esize :
			       side->esize;
	for (uint32_t d = side->ndims; d-- > 0;) {
		if (side->num[d] == 1)
			continue;
		if (side->step[d] != (int64_t)run)
			break;
		run *= side->num[d];
	}
	return run;
}

/* Elements of one descriptor: what lies together on both sides. A transpose moves its source
 * in whole rows. */
static uint64_t run_elements(const struct trn_inst *inst)
{
	const uint64_t src = side_run(&inst->src) / inst->src.esize;
	const uint64_t dst = side_run(&inst->dst) / inst->dst.esize;

	return inst->head.op == TRN_OP_DMA_TRANSPOSE ? src : trn_min_u64(src, dst);
}

static uint64_t dma_percent(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool within = inst->src.space == TRN_SPACE_SBUF && inst->dst.space == TRN_SPACE_SBUF;
	const bool same = inst->src.dtype == inst->dst.dtype &&
			  (inst->src.dtype == TRN_DTYPE_BF16 || inst->src.dtype == TRN_DTYPE_F32);

	switch (inst->head.op) {
	case TRN_OP_DMA_TRANSPOSE:
		return within ? gen->dma_transpose_sbuf_percent : gen->dma_transpose_percent;
	case TRN_OP_DMA_ADD:
		return same ? gen->dma_add_same_percent : gen->dma_add_percent;
	default:
		return 100;
	}
}

/* An exchange through the DMA of the gpsimd engine: one engine, one rate. */
static uint64_t gpsimd_ps(const struct trn_gen *gen, uint64_t bytes)
{
	return bytes * 1000000u / gen->gpsimd_dma_mbps;
}

/* 10^6 bytes/s of one engine. */
static uint64_t dma_mbps(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool store = inst->dst.space == TRN_SPACE_DRAM && inst->src.space == TRN_SPACE_SBUF;

	return trn_max_u64((store ? gen->dma_store_mbps : gen->dma_load_mbps) *
				   dma_percent(gen, inst) / 100u,
			   1);
}

static uint64_t dma_bytes(const struct trn_inst *inst)
{
	return trn_max_u64(inst->dst.count * inst->dst.esize, inst->src.count * inst->src.esize);
}

/* Time of one engine for so many bytes: at its rate, and no run in less than dma_row_ns. */
static uint64_t share_ps(const struct trn_gen *gen, const struct trn_inst *inst, uint64_t bytes)
{
	const uint64_t esize = trn_max_u64(inst->dst.esize, inst->src.esize);
	const uint64_t run = run_elements(inst) * esize;
	const uint64_t floor = bytes / run * gen->dma_row_ns * TRN_PS_PER_NS;

	/* bytes / (rate 10^6 B/s) in ps is bytes * 10^6 / rate. */
	return trn_max_u64(bytes * 1000000u / dma_mbps(gen, inst), floor);
}

/* Bytes that each of the 16 engines moves: an SBUF side gives eight partitions to each,
 * memory to memory is cut evenly. */
static void dma_shares(const struct trn_inst *inst, uint64_t bytes, uint64_t *share)
{
	const struct trn_side *chip = inst->dst.space == TRN_SPACE_SBUF ? &inst->dst : &inst->src;
	const uint32_t per_engine = TRN_ISA_PARTITIONS / TRN_ISA_DMA_ENGINES;

	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++)
		share[e] = chip->space == TRN_SPACE_SBUF ?
				   0 :
				   (bytes + TRN_ISA_DMA_ENGINES - 1) / TRN_ISA_DMA_ENGINES;
	if (chip->space != TRN_SPACE_SBUF)
		return;
	for (uint32_t p = 0; p < chip->view.partitions; p++)
		share[(chip->view.start + p) / per_engine] += bytes / chip->view.partitions;
}

uint64_t trn_dma_finish_ps(struct trn_core *core, const struct trn_inst *inst, uint64_t now_ps)
{
	const struct trn_gen *gen = core->chip->gen;
	const uint64_t stagger = by_mode_ps(gen, TRN_GEN_dma_stagger_software_ns, inst);
	const uint64_t start = now_ps + by_mode_ps(gen, TRN_GEN_dma_trigger_software_ns, inst);
	uint64_t share[TRN_ISA_DMA_ENGINES];
	uint64_t begin = start, end = start;

	if (inst->head.flags & TRN_DMA_GPSIMD)
		return start + gpsimd_ps(gen, dma_bytes(inst)) + gen->dma_done_ns * TRN_PS_PER_NS;
	dma_shares(inst, dma_bytes(inst), share);
	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++) {
		uint64_t *ready = &core->dma_engine_ready_ps[e];

		if (share[e] == 0)
			continue;
		*ready = trn_max_u64(*ready, begin) + share_ps(gen, inst, share[e]);
		end = trn_max_u64(end, *ready);
		begin += stagger;
	}
	for (uint32_t s = 0; s < 2; s++) {
		const struct trn_side *side = s == 0 ? &inst->dst : &inst->src;

		if (side->space == TRN_SPACE_DRAM)
			end = trn_max_u64(end, trn_launch_hbm_ps(core->chip->launch,
								 side->arg + side->offset,
								 side->count * side->esize, start));
	}
	return end + gen->dma_done_ns * TRN_PS_PER_NS;
}
