/* SPDX-License-Identifier: Apache-2.0 */
/* What instructions cost in virtual time, from the generation's table
 * (hardware-and-isa facts 4.4 to 4.6 and 8). No effect, no order: seq.c asks. */
#include "model/core.h"

#define WEIGHT_COLUMNS_PER_CYCLE 4u /* stationary load, 4.4 */
#define TENSOR_FLOOR 64u            /* multiply initiation, 4.4 */
#define READOUT_CYCLES 64u          /* accumulator read-out, 4.5 */
#define RECIPROCAL_CYCLES 8u        /* per element, 5.2 row 21 */
#define EXPONENTIAL_PER_CYCLE 4u    /* 4.5 */
#define N_GATHER_PIECE 512u         /* elements of one piece, 5.2 row 34 */
#define WIDE_STRIDE_BYTES 16        /* beyond it half rate, 4.2 */
#define DMA_STAGGER_NS 25u          /* one engine's start to the next: 4.6, 468 ns over 16 */
#define SEQUENCER_CYCLES 4u         /* "few cycles", 5.2 row 48 */
#define TRANSPOSE_LOAD_PERCENT 90u  /* of the copy rate, 4.6 */
#define TRANSPOSE_SBUF_PERCENT 50u

uint64_t trn_cycles_ps(const struct trn_gen *gen, uint32_t engine, uint64_t cycles)
{
	return cycles * 1000000u / trn_gen_clock_mhz(gen, engine);
}

static bool half_type(const struct trn_view *view)
{
	return view->dtype == TRN_DTYPE_BF16 || view->dtype == TRN_DTYPE_F16;
}

static bool in_sbuf(const struct trn_view *view)
{
	return view->space == TRN_SPACE_SBUF;
}

static bool wide_stride(const struct trn_view *view)
{
	const int32_t step = view->step[view->ndims - 1];

	return (step < 0 ? -step : step) * view->esize > WIDE_STRIDE_BYTES;
}

static bool inner_dense(const struct trn_view *view)
{
	return view->step[view->ndims - 1] == 1;
}

uint64_t trn_cost_transpose(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)gen;
	if (inst->engine != TRN_ENGINE_TENSOR)
		return src->count;
	return trn_max_u64(src->partitions, trn_min_u64(src->count, TENSOR_FLOOR));
}

uint64_t trn_cost_tensor(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	uint64_t m, n;

	m = inst->view[TRN_AP_DST].partitions;
	n = inst->view[TRN_AP_DST].count;
	m = trn_max_u64(trn_min_u64(m, TENSOR_FLOOR), n);
	/* FP32 goes through the array in several passes; transpose mode halves that. */
	if (src->dtype == TRN_DTYPE_F32)
		m *= inst->head.flags & TRN_MATMUL_TRANSPOSE ? gen->matmul_fp32_passes / 2 :
							       gen->matmul_fp32_passes;
	return m;
}

/* Copies and tensor_scalar on the vector engine run in a fast mode on 16-bit floats. */
uint64_t trn_cost_copy(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	uint64_t rate = 1;

	if (half_type(dst) && half_type(src)) {
		if (inst->engine == TRN_ENGINE_VECTOR) {
			rate = gen->vector_fast_copy;
			if (!in_sbuf(dst) || !in_sbuf(src) || !inner_dense(dst) ||
			    !inner_dense(src))
				rate /= 2;
		} else if (inst->engine == TRN_ENGINE_SCALAR) {
			rate = gen->scalar_fast;
		}
	}
	return (dst->count + rate - 1) / rate;
}

uint64_t trn_cost_tensor_tensor(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *a = &inst->view[TRN_AP_SRC0];
	const struct trn_view *b = &inst->view[TRN_AP_SRC1];

	if (inst->engine == TRN_ENGINE_VECTOR) {
		if (in_sbuf(a) && in_sbuf(b) && half_type(a) && half_type(b) && half_type(dst))
			return (dst->count + gen->vector_fast_tt - 1) / gen->vector_fast_tt;
		if (in_sbuf(a) != in_sbuf(b))
			return dst->count;
	}
	return 2u * (uint64_t)dst->count;
}

uint64_t trn_cost_memset(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];

	(void)gen;
	return half_type(dst) && inst->imm[0] == 0 ? (dst->count + 1u) / 2 : dst->count;
}

uint64_t trn_cost_reduce(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const bool fast = half_type(&inst->view[TRN_AP_DST]) && half_type(src) &&
			  (inst->func == TRN_ALU_ADD || inst->func == TRN_ALU_MAX);

	(void)gen;
	return fast ? (src->count + 1u) / 2 : src->count;
}

static uint64_t readout(const struct trn_inst *inst)
{
	return inst->live & TRN_SLOT(DST2) ? READOUT_CYCLES : 0;
}

uint64_t trn_cost_exponential(const struct trn_gen *gen, const struct trn_inst *inst)
{
	(void)gen;
	return (inst->view[TRN_AP_SRC0].count + EXPONENTIAL_PER_CYCLE - 1) / EXPONENTIAL_PER_CYCLE +
	       readout(inst);
}

uint64_t trn_cost_reciprocal(const struct trn_gen *gen, const struct trn_inst *inst)
{
	(void)gen;
	return (uint64_t)inst->view[TRN_AP_SRC0].count * RECIPROCAL_CYCLES;
}

uint64_t trn_cost_dst(const struct trn_gen *gen, const struct trn_inst *inst)
{
	(void)gen;
	return inst->view[TRN_AP_DST].count;
}

uint64_t trn_cost_src(const struct trn_gen *gen, const struct trn_inst *inst)
{
	(void)gen;
	return inst->view[TRN_AP_SRC0].count;
}

uint64_t trn_cost_src_readout(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return trn_cost_src(gen, inst) + readout(inst);
}

uint64_t trn_cost_partition_reduce(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)gen;
	return ((uint64_t)src->count * src->partitions + TRN_GPSIMD_GROUP - 1) / TRN_GPSIMD_GROUP;
}

uint64_t trn_cost_topk(const struct trn_gen *gen, const struct trn_inst *inst)
{
	(void)gen;
	return 4u * (uint64_t)inst->imm[0] + inst->imm[1];
}

/* v x e / C with C = ((28 + 4e) / 4e) / min(4 / size, e): 5.2 row 33. */
uint64_t trn_cost_local_gather(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const uint64_t e = inst->imm[0];
	const uint64_t wide = trn_min_u64(4u / inst->view[TRN_AP_SRC0].esize, e);

	(void)gen;
	return (inst->imm[1] * e * e * wide + 6 + e) / (7 + e);
}

uint64_t trn_cost_n_gather(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const uint64_t count = inst->view[TRN_AP_DST].count;

	return count + (count - 1) / N_GATHER_PIECE * gen->gpsimd_start_cycles;
}

/* Square, copy and the like are in every function set. */
static bool act_needs_table(uint32_t func)
{
	return func != TRN_ACT_COPY && func != TRN_ACT_SQUARE && func != TRN_ACT_RELU &&
	       func != TRN_ACT_SIGN && func != TRN_ACT_ABS;
}

static bool is_activation(uint32_t op)
{
	return op == TRN_OP_ACTIVATION || op == TRN_OP_ACTIVATE2;
}

static uint64_t compute_stride_factor(const struct trn_inst *inst)
{
	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		if ((inst->live >> s & 1) && wide_stride(&inst->view[s]))
			return 2;
	}
	return 1;
}

struct trn_cost trn_inst_cost(struct trn_core_engine *engine, const struct trn_inst *inst)
{
	const struct trn_gen *gen = engine->core->chip->gen;
	const uint64_t latency_ps = trn_gen_latency_ns(gen, engine->index) * TRN_PS_PER_NS;
	struct trn_cost cost;
	uint64_t cycles;

	if (inst->form->kind != TRN_KIND_COMPUTE) {
		const bool memory = inst->head.op == TRN_OP_REG_LOAD ||
				    inst->head.op == TRN_OP_REG_STORE;

		cycles = memory ? gen->dynamic_ii_cycles : SEQUENCER_CYCLES;
		cost.cycles = cycles;
		cost.busy_ps = cost.result_ps = trn_cycles_ps(gen, engine->index, cycles);
		return cost;
	}
	cycles = inst->info->cycles(gen, inst) * compute_stride_factor(inst);
	if (engine->index == TRN_ENGINE_GPSIMD)
		cycles += gen->gpsimd_start_cycles;
	cost.result_ps = latency_ps + trn_cycles_ps(gen, engine->index, cycles);
	cycles = trn_max_u64(cycles, inst->dynamic ? gen->dynamic_ii_cycles : gen->min_ii_cycles);
	cost.cycles = cycles;
	cost.busy_ps = trn_cycles_ps(gen, engine->index, cycles);
	if (inst->head.op == TRN_OP_MATMUL)
		cost.result_ps +=
			trn_cycles_ps(gen, engine->index,
				      inst->view[TRN_AP_DST].partitions / WEIGHT_COLUMNS_PER_CYCLE);
	if (is_activation(inst->head.op) && act_needs_table(inst->func) &&
	    engine->act_table != inst->func + 1u) {
		engine->act_table = (uint8_t)(inst->func + 1u);
		cost.busy_ps += gen->act_table_ns * TRN_PS_PER_NS;
		cost.result_ps += gen->act_table_ns * TRN_PS_PER_NS;
	}
	return cost;
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

/* Bytes per millisecond and engine: 10^6 bytes/s times a thousandth. */
static uint64_t dma_rate(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool store = inst->dst.space == TRN_SPACE_DRAM && inst->src.space == TRN_SPACE_SBUF;
	uint64_t mbps = store ? gen->dma_store_mbps : gen->dma_load_mbps;

	if (inst->head.op == TRN_OP_DMA_TRANSPOSE)
		mbps = mbps *
		       (inst->src.space == TRN_SPACE_SBUF && inst->dst.space == TRN_SPACE_SBUF ?
				TRANSPOSE_SBUF_PERCENT :
				TRANSPOSE_LOAD_PERCENT) /
		       100u;
	return mbps;
}

uint64_t trn_dma_finish_ps(struct trn_core *core, const struct trn_inst *inst, uint64_t now_ps)
{
	const struct trn_gen *gen = core->chip->gen;
	const uint64_t bytes =
		inst->dst.count *
		(inst->dst.esize > inst->src.esize ? inst->dst.esize : inst->src.esize);
	const uint64_t start = now_ps + gen->dma_trigger_ns * TRN_PS_PER_NS;
	const uint64_t rate = dma_rate(gen, inst);
	uint64_t share[TRN_ISA_DMA_ENGINES];
	uint64_t begin = start, end = start;

	dma_shares(inst, bytes, share);
	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++) {
		uint64_t *ready = &core->dma_engine_ready_ps[e];

		if (share[e] == 0)
			continue;
		/* share / (rate 10^6 B/s) in ps is share * 10^6 / rate. */
		*ready = trn_max_u64(*ready, begin) + share[e] * 1000000u / rate;
		end = trn_max_u64(end, *ready);
		begin += DMA_STAGGER_NS * TRN_PS_PER_NS;
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
