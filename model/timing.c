/* SPDX-License-Identifier: Apache-2.0 */
/* What instructions cost in virtual time, from the generation's table
 * (hardware-and-isa facts 4.4 to 4.6 and 8). No effect, no order: seq.c asks. */
#include "model/core.h"

uint64_t trn_cycles_ps(const struct trn_gen *gen, uint32_t engine, uint64_t cycles)
{
	return cycles * 1000000u / trn_gen_clock_mhz(gen, engine);
}

static bool half_type(const struct trn_view *view)
{
	return view->dtype == TRN_DTYPE_BF16 || view->dtype == TRN_DTYPE_F16;
}

/* Formats that the fast modes take. */
static bool fast_type(const struct trn_gen *gen, const struct trn_view *view)
{
	return half_type(view) || (gen->fast_8bit && view->dtype >= TRN_DTYPE_F8E4M3 &&
				   view->dtype <= TRN_DTYPE_F8E3M4);
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

static bool in_sbuf(const struct trn_view *view)
{
	return view->space == TRN_SPACE_SBUF;
}

static bool wide_stride(const struct trn_gen *gen, const struct trn_view *view)
{
	const int32_t step = view->step[view->ndims - 1];

	return (uint64_t)(step < 0 ? -step : step) * view->esize > gen->wide_stride_bytes;
}

static bool inner_dense(const struct trn_view *view)
{
	return view->step[view->ndims - 1] == 1;
}

uint64_t trn_cost_transpose(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	if (inst->engine != TRN_ENGINE_TENSOR)
		return src->count;
	return trn_max_u64(src->partitions, trn_min_u64(src->count, gen->tensor_floor_cycles));
}

static uint64_t mx_rate(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool f4 = inst->view[TRN_AP_SRC0].dtype == TRN_DTYPE_F4E2M1_X4 &&
			inst->view[TRN_AP_SRC1].dtype == TRN_DTYPE_F4E2M1_X4;

	/* A file may change the rates, but not take the instruction away. */
	return trn_max_u64(f4 ? gen->matmul_rate_mxf4 : gen->matmul_rate_mxf8, 1);
}

uint64_t trn_cost_tensor(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const uint64_t m = inst->view[TRN_AP_DST].partitions;
	const uint64_t cycles =
		trn_max_u64(trn_min_u64(m, gen->tensor_floor_cycles), inst->view[TRN_AP_DST].count);

	/* Two and four rows in a partition take as long as one at these rates, H 4.4. */
	if (inst->head.op == TRN_OP_MATMUL_MX)
		return ceil_div(cycles * 400, mx_rate(gen, inst));
	if (inst->head.flags & TRN_MATMUL_DOUBLE_ROW)
		return ceil_div(cycles * 200, gen->matmul_rate_f8);
	if (src->dtype != TRN_DTYPE_F32)
		return cycles;
	/* FP32 goes through the array in several passes. */
	if (inst->head.flags & TRN_MATMUL_TRANSPOSE)
		return cycles * gen->matmul_through_passes;
	if (inst->head.flags & (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1))
		return cycles * gen->matmul_onezero_passes;
	return cycles * gen->matmul_fp32_passes;
}

uint64_t trn_cost_quantize_mx(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return ceil_div(inst->view[TRN_AP_SRC0].count, gen->vector_quantize);
}

uint64_t trn_cost_rand2(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return ceil_div(inst->view[TRN_AP_DST].count, gen->vector_rand2);
}

uint64_t trn_cost_rand_state(const struct trn_gen *gen, const struct trn_inst *inst)
{
	(void)inst;
	return gen->rand_state_cycles;
}

/* Copies and tensor_scalar on the vector engine run in a fast mode on 16-bit floats. */
uint64_t trn_cost_copy(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	uint64_t rate = 1;

	if (fast_type(gen, dst) && fast_type(gen, src)) {
		if (inst->engine == TRN_ENGINE_VECTOR) {
			rate = gen->vector_fast_copy;
			if (!in_sbuf(dst) || !in_sbuf(src) || !inner_dense(dst) ||
			    !inner_dense(src))
				rate = ceil_div(rate, 2);
		} else if (inst->engine == TRN_ENGINE_SCALAR) {
			rate = gen->scalar_fast;
		}
	}
	return ceil_div(dst->count, rate);
}

/* Two streams of elements take turns at SBUF; with one of them in PSUM they do not. The fast
 * mode doubles that: for 16-bit floats both published figures mean N cycles. */
uint64_t trn_cost_tensor_tensor(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *a = &inst->view[TRN_AP_SRC0];
	const struct trn_view *b = &inst->view[TRN_AP_SRC1];
	const uint64_t both = 2u * (uint64_t)dst->count;

	if (inst->engine != TRN_ENGINE_VECTOR)
		return both;
	if (in_sbuf(a) != in_sbuf(b))
		return dst->count;
	if (fast_type(gen, a) && fast_type(gen, b) && fast_type(gen, dst))
		return ceil_div(both, gen->vector_fast_tt);
	return both;
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

static uint64_t readout(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return inst->live & TRN_SLOT(DST2) ? gen->accumulator_cycles : 0;
}

uint64_t trn_cost_exponential(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return ceil_div(inst->view[TRN_AP_SRC0].count, gen->vector_exp) + readout(gen, inst);
}

uint64_t trn_cost_reciprocal(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return inst->view[TRN_AP_SRC0].count * gen->reciprocal_cycles;
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

uint64_t trn_cost_two(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return 2 * trn_cost_dst(gen, inst);
}

uint64_t trn_cost_scalar_tensor_tensor(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const uint64_t count = trn_cost_dst(gen, inst);
	const bool fast = inst->view[TRN_AP_SRC0].dtype == TRN_DTYPE_BF16 &&
			  inst->view[TRN_AP_SRC2].dtype == TRN_DTYPE_BF16 &&
			  (inst->op1 == TRN_ALU_SUB || inst->op1 == TRN_ALU_MUL) && count % 2 == 0;

	return fast ? count : 2 * count;
}

/* Thirteen cycles for each part: 5.2 row 37. */
uint64_t trn_cost_bn_aggr(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return 13 * trn_cost_src(gen, inst) / 3;
}

/* Two inputs at a time are read at full rate only from two memories. */
uint64_t trn_cost_predicate(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const uint64_t count = inst->view[TRN_AP_DST].count;
	uint64_t cycles = 2 * count;

	for (uint32_t s = TRN_AP_SRC0; s <= TRN_AP_SRC2; s++) {
		if ((inst->live >> s & 1) && !in_sbuf(&inst->view[s]))
			cycles = count;
	}
	return cycles + readout(gen, inst);
}

uint64_t trn_cost_src_readout(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return trn_cost_src(gen, inst) + readout(gen, inst);
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

	return count + (count - 1) / gen->gather_piece * gen->gpsimd_start_cycles;
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

/* What an instruction touches, in one look at its operands. */
struct touched {
	bool wide, sbuf, psum;
	uint8_t banks;        /* of PSUM */
	uint32_t first, last; /* partitions of PSUM */
};

static struct touched touched_by(const struct trn_gen *gen, const struct trn_inst *inst)
{
	struct touched t = { .first = TRN_ISA_PARTITIONS };

	for (uint32_t live = inst->live, s = 0; live; live >>= 1, s++) {
		const struct trn_view *view = &inst->view[s];

		if (!(live & 1))
			continue;
		t.wide |= wide_stride(gen, view);
		if (view->space != TRN_SPACE_PSUM) {
			t.sbuf = true;
			continue;
		}
		t.psum = true;
		t.banks |= (uint8_t)((2u << (view->hi - 1) / TRN_PSUM_BANK) -
				     (1u << view->lo / TRN_PSUM_BANK));
		t.first = (uint32_t)trn_min_u64(t.first, view->start);
		t.last = (uint32_t)trn_max_u64(t.last, view->start + view->partitions);
	}
	return t;
}

/* How long somebody else still has what this engine wants now, and that this one has it next. */
static uint64_t overlap_ps(struct trn_hold *hold, uint32_t engine, uint64_t now_ps,
			   uint64_t busy_ps)
{
	uint64_t overlap = 0;

	if (hold->engine != engine && hold->until_ps > now_ps)
		overlap = trn_min_u64(hold->until_ps - now_ps, busy_ps);
	hold->engine = (uint8_t)engine;
	hold->until_ps = trn_max_u64(hold->until_ps, now_ps + busy_ps);
	return overlap;
}

/* Time lost to engines that use the same bank of the same partitions, or the same port. */
static uint64_t conflict_ps(struct trn_core *core, uint32_t engine, const struct touched *t,
			    uint64_t busy_ps)
{
	const struct trn_gen *gen = core->chip->gen;
	const uint64_t now = core->chip->model->now_ps;
	const bool vector = engine == TRN_ENGINE_VECTOR;
	uint64_t lost = 0;

	for (uint32_t banks = gen->psum_bank_percent ? t->banks : 0, b = 0; banks;
	     banks >>= 1, b++) {
		struct trn_hold *hold = &core->psum_bank[b];
		const bool meet = t->first < hold->last && hold->first < t->last;

		if (!(banks & 1))
			continue;
		if (meet || hold->until_ps <= now) {
			lost = trn_max_u64(lost, overlap_ps(hold, engine, now, busy_ps));
			hold->first = (uint8_t)t->first;
			hold->last = (uint8_t)t->last;
		}
	}
	lost = lost * gen->psum_bank_percent / 100u;
	if (gen->sbuf_port_shared && t->sbuf && (vector || engine == TRN_ENGINE_GPSIMD))
		lost += overlap_ps(&core->sbuf_port, engine, now, busy_ps);
	if (gen->psum_port_shared && t->psum && (vector || engine == TRN_ENGINE_SCALAR))
		lost += overlap_ps(&core->psum_port, engine, now, busy_ps);
	return lost;
}

static struct trn_cost sequencer_cost(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool memory = inst->head.op == TRN_OP_REG_LOAD || inst->head.op == TRN_OP_REG_STORE;
	const uint64_t cycles = memory ? gen->dynamic_ii_cycles : gen->sequencer_cycles;
	const uint64_t ps = trn_cycles_ps(gen, inst->engine, cycles);

	return (struct trn_cost){
		.cycles = cycles,
		.busy_ps = ps,
		.result_ps = inst->head.op == TRN_OP_CORE_BARRIER ?
				     gen->core_barrier_ns * TRN_PS_PER_NS :
				     ps,
	};
}

struct trn_cost trn_inst_cost(struct trn_core_engine *engine, const struct trn_inst *inst)
{
	const struct trn_gen *gen = engine->core->chip->gen;
	const uint64_t latency_ps = trn_gen_latency_ns(gen, engine->index) * TRN_PS_PER_NS;
	struct touched touched;
	struct trn_cost cost;
	uint64_t cycles, extra = 0;

	if (inst->form->kind != TRN_KIND_COMPUTE)
		return sequencer_cost(gen, inst);
	touched = touched_by(gen, inst);
	cycles = inst->info->cycles(gen, inst) * (touched.wide ? gen->wide_stride_factor : 1);
	if (engine->index == TRN_ENGINE_GPSIMD)
		cycles += gen->gpsimd_start_cycles;
	cost.result_ps = latency_ps + trn_cycles_ps(gen, engine->index, cycles);
	cycles = trn_max_u64(cycles, inst->dynamic ? gen->dynamic_ii_cycles : gen->min_ii_cycles);
	cost.cycles = cycles;
	cost.busy_ps = trn_cycles_ps(gen, engine->index, cycles);
	if (engine->index == TRN_ENGINE_TENSOR)
		trn_tensor_cost(engine, inst, &cost);
	if (is_activation(inst->head.op) && act_needs_table(inst->func) &&
	    engine->act_table != inst->func + 1u) {
		engine->act_table = (uint8_t)(inst->func + 1u);
		extra = gen->act_table_ns * TRN_PS_PER_NS;
	}
	if (touched.psum || gen->sbuf_port_shared)
		extra += conflict_ps(engine->core, engine->index, &touched, cost.busy_ps);
	cost.busy_ps += extra;
	cost.result_ps += extra;
	return cost;
}
