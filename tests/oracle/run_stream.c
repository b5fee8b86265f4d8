/* SPDX-License-Identifier: Apache-2.0 */
/* Sections 4 and 5 of docs/isa.md: a stream from its first word to HALT, one instruction after
 * the other. Semaphores are not looked at: what runs beside each other here is independent. */
#include "oracle.h"

#include <math.h>
#include <string.h>

static orc_run_fn *const effects[TRN_OP_LIMIT] = {
	[TRN_OP_TENSOR_COPY] = orc_run_copy,
	[TRN_OP_MEMSET] = orc_run_memset,
	[TRN_OP_TENSOR_TENSOR] = orc_run_tensor_tensor,
	[TRN_OP_TENSOR_SCALAR] = orc_run_tensor_scalar,
	[TRN_OP_TENSOR_REDUCE] = orc_run_reduce,
	[TRN_OP_ACTIVATION] = orc_run_activation,
	[TRN_OP_EXPONENTIAL] = orc_run_exponential,
	[TRN_OP_RECIPROCAL] = orc_run_reciprocal,
	[TRN_OP_IOTA] = orc_run_iota,
	[TRN_OP_AFFINE_SELECT] = orc_run_affine,
	[TRN_OP_RANGE_SELECT] = orc_run_range_select,
	[TRN_OP_MAX8] = orc_run_max8,
	[TRN_OP_FIND_INDEX8] = orc_run_find8,
	[TRN_OP_MATMUL] = orc_run_matmul,
	[TRN_OP_TRANSPOSE] = orc_run_transpose,
	[TRN_OP_MATMUL_MX] = orc_run_matmul_mx,
	[TRN_OP_QUANTIZE_MX] = orc_run_quantize_mx,
	[TRN_OP_MATCH_REPLACE8] = orc_run_replace8,
	[TRN_OP_SCALAR_TENSOR_TENSOR] = orc_run_stt,
	[TRN_OP_TENSOR_SCAN] = orc_run_scan,
	[TRN_OP_SCALAR_CUMULATIVE] = orc_run_cumulative,
	[TRN_OP_SCALAR_REDUCE] = orc_run_scalar_reduce,
	[TRN_OP_ACTIVATE2] = orc_run_activate2,
	[TRN_OP_SELECT_REDUCE] = orc_run_select,
	[TRN_OP_COPY_PREDICATED] = orc_run_predicated,
	[TRN_OP_BN_STATS] = orc_run_bn_stats,
	[TRN_OP_BN_AGGR] = orc_run_bn_aggr,
	[TRN_OP_STREAM_SHUFFLE] = orc_run_shuffle,
	[TRN_OP_DROPOUT] = orc_run_dropout,
	[TRN_OP_RNG] = orc_run_rng,
	[TRN_OP_RAND2] = orc_run_rand2,
	[TRN_OP_SET_RNG_SEED] = orc_run_seed,
	[TRN_OP_RAND_SET_STATE] = orc_run_set_state,
	[TRN_OP_RAND_GET_STATE] = orc_run_get_state,
	[TRN_OP_PARTITION_REDUCE] = orc_run_partition_reduce,
	[TRN_OP_TOPK] = orc_run_topk,
	[TRN_OP_NONZERO_COUNT] = orc_run_nonzero,
	[TRN_OP_LOCAL_GATHER] = orc_run_local_gather,
	[TRN_OP_N_GATHER] = orc_run_n_gather,
	[TRN_OP_SEQUENCE_BOUNDS] = orc_run_bounds,
	[TRN_OP_DMA_COPY] = orc_run_dma_copy,
	[TRN_OP_DMA_TRANSPOSE] = orc_run_dma_transpose,
	[TRN_OP_DMA_ADD] = orc_run_dma_add,
	[TRN_OP_REG_LOAD] = orc_run_reg_load,
	[TRN_OP_REG_STORE] = orc_run_reg_store,
};

/* The spaces of operands in the layout of DMAs are sides; their views are made there. */
static bool is_dma_layout(uint32_t op)
{
	return op == TRN_OP_REG_LOAD || op == TRN_OP_REG_STORE ||
	       (op >= TRN_OP_DMA_COPY && op <= TRN_OP_SENDRECV);
}

static const struct trn_isa_ap *slot_ap(const struct trn_isa_compute *c, uint32_t slot)
{
	const struct trn_isa_ap *aps[TRN_AP_COUNT] = {
		[TRN_AP_DST] = &c->dst,     [TRN_AP_SRC0] = &c->src0, [TRN_AP_SRC1] = &c->src1,
		[TRN_AP_SRC2] = &c->src2,   [TRN_AP_DST2] = &c->dst2, [TRN_AP_SRC3] = &c->src3,
		[TRN_AP_INDEX] = &c->index,
	};

	return aps[slot];
}

/* Section 1.6: place j of a group is in its partition j mod G, element j / G. */
static void set_indirect(struct orc_inst *i)
{
	const uint32_t op = i->c.head.op, slot = i->c.head.indirect - 1u;
	const struct orc_view *dst = &i->v[TRN_AP_DST];
	struct orc_view *v = &i->v[slot];
	const struct orc_view *index = &i->v[TRN_AP_INDEX];
	const uint32_t g = i->engine == TRN_ENGINE_TENSOR ? 32 : 16;
	uint32_t count;

	if (op == TRN_OP_MATMUL || op == TRN_OP_MATMUL_MX)
		count = (slot == TRN_AP_SRC0 ? dst->rows : dst->count) *
			(i->c.head.flags & TRN_MATMUL_DOUBLE_ROW ? 2 : 1);
	else if (op == TRN_OP_TENSOR_REDUCE)
		count = g * index->count;
	else if (op == TRN_OP_COPY_PREDICATED)
		count = i->v[TRN_AP_SRC1].count;
	else
		count = i->v[slot == TRN_AP_DST ? TRN_AP_SRC0 : TRN_AP_DST].count;
	v->group = g;
	v->region = v->count;
	v->count = count;
	for (uint32_t k = 0; k < v->rows / g; k++) {
		for (uint32_t j = 0; j < count; j++) {
			const uint32_t place = orc_raw(index, k * g + j % g, j / g);

			i->m->place[k * count + j] = place;
			if (place >= v->region)
				i->rule = TRN_RULE_RANGE;
		}
	}
}

/* Section 2: reading what was never written. */
static void check_grains(struct orc_inst *i)
{
	for (uint32_t slot = 0; slot < TRN_AP_COUNT; slot++) {
		const struct orc_view *v = &i->v[slot];
		const bool reads = slot != TRN_AP_DST && slot != TRN_AP_DST2;

		if (v->space != TRN_SPACE_PSUM ||
		    (!reads && i->c.head.op != TRN_OP_COPY_PREDICATED))
			continue;
		for (uint32_t p = 0; p < v->rows; p++) {
			for (uint32_t n = 0; n < (v->group ? v->region : v->count); n++) {
				const uint32_t at = (v->start + p) * ORC_PSUM_BYTES + v->at[n];

				if (i->m->grain[at / 4] == 0)
					i->rule = TRN_RULE_PSUM_UNINIT;
			}
		}
	}
}

static void compute(struct orc_inst *i)
{
	for (uint32_t slot = 0; slot < TRN_AP_COUNT; slot++) {
		const struct trn_isa_ap *ap = slot_ap(&i->c, slot);

		if (ap->space != TRN_SPACE_NONE)
			orc_view_set(i->m, &i->v[slot], i->engine, slot, ap);
	}
	i->v[TRN_AP_DST].rounds = i->m->stochastic[i->engine];
	if (i->c.head.indirect)
		set_indirect(i);
	check_grains(i);
	if (i->rule == 0)
		effects[i->c.head.op](i);
}

static uint32_t register_alu(struct orc_machine *m, uint32_t engine,
			     const struct trn_isa_compute *c)
{
	const uint32_t *reg = m->reg[engine];
	const uint32_t b = c->head.flags & TRN_REG_IMM ? c->imm[0] : reg[c->func];

	return orc_alu_int(c->mode, reg[c->op1], b, true);
}

static uint32_t argument_part(const struct orc_machine *m, const struct trn_isa_compute *c)
{
	const struct orc_arg *arg = &m->arg[c->imm[0]];
	const uint64_t part = c->imm[1] < TRN_REG_PART_SIZE_LO ? arg->value : arg->size;

	return (uint32_t)(c->imm[1] & 1 ? part >> 32 : part);
}

/* Register instructions; the next pc of a branch. */
static uint32_t sequencer(struct orc_inst *i, uint32_t next)
{
	struct orc_machine *m = i->m;
	const struct trn_isa_compute *c = &i->c;
	uint32_t *reg = m->reg[i->engine];

	switch (c->head.op) {
	case TRN_OP_BRANCH:
		if (c->mode == TRN_ALU_BYPASS || register_alu(m, i->engine, c))
			return c->imm[1];
		break;
	case TRN_OP_REG_MOVE:
		reg[c->op0] = c->head.flags & TRN_REG_IMM ? c->imm[0] : reg[c->op1];
		break;
	case TRN_OP_REG_ALU:
		reg[c->op0] = register_alu(m, i->engine, c);
		break;
	case TRN_OP_REG_ARG:
		reg[c->op0] = argument_part(m, c);
		break;
	case TRN_OP_SET_ROUNDING:
		m->stochastic[i->engine] = c->mode == TRN_ROUND_STOCHASTIC;
		m->round_state[i->engine] = c->imm[0] ? c->imm[0] : 1;
		break;
	default: /* NOP, NOTIFY: nothing that is looked at here */
		break;
	}
	return next;
}

uint32_t orc_stream(struct orc_machine *m, uint32_t engine, const uint8_t *words, uint32_t count)
{
	uint32_t pc = 0;

	while (pc < count) {
		static struct orc_inst i;
		const uint8_t *at = words + (size_t)pc * TRN_ISA_WORD_SIZE;
		const uint32_t size = at[1] * (uint32_t)TRN_ISA_WORD_SIZE;

		memset(&i, 0, sizeof(i));
		i.m = m;
		i.engine = engine;
		memcpy(&i.c, at, size);
		memcpy(&i.d, at, size < sizeof(i.d) ? size : sizeof(i.d));
		if (i.c.head.op == TRN_OP_HALT)
			return 0;
		if (effects[i.c.head.op] && is_dma_layout(i.c.head.op))
			effects[i.c.head.op](&i);
		else if (effects[i.c.head.op])
			compute(&i);
		if (i.rule)
			return i.rule;
		pc = sequencer(&i, pc + i.c.head.words);
	}
	return TRN_RULE_PC;
}

void orc_launch(struct orc_machine *m)
{
	memset(m->reg, 0, sizeof(m->reg));
	memset(m->stochastic, 0, sizeof(m->stochastic));
	memset(m->grain, 0, ORC_PARTITIONS * ORC_PSUM_BYTES / 4);
	m->slack_count = 0;
}

/* Section 6. */
void orc_join(struct orc_inst *i, uint32_t p, uint32_t op, const float *row, uint32_t count,
	      float imm, double slack)
{
	static const float most = 3.4028235e38f;
	const uint32_t lane = i->v[TRN_AP_SRC0].start + p;
	float *acc = &i->m->acc[i->engine][lane];
	double *loose = &i->m->acc_slack[i->engine][lane];
	float empty = 0;

	if (op == TRN_ALU_MUL)
		empty = 1;
	else if (op == TRN_ALU_MAX)
		empty = -most;
	else if (op == TRN_ALU_MIN || op == TRN_ALU_ABS_MIN)
		empty = most;
	switch (i->c.mode) {
	case TRN_REDUCE_IDLE:
		if (i->engine == TRN_ENGINE_VECTOR)
			*acc = NAN;
		return;
	case TRN_REDUCE_RESET:
		*acc = empty;
		*loose = 0;
		return;
	case TRN_REDUCE_ACCUMULATE:
		*acc = orc_alu(op, *acc, orc_reduce(op, row, count));
		*loose += slack + fabs((double)*acc) * (slack > 0 ? 1e-6 : 0);
		return;
	case TRN_REDUCE_RESET_REDUCE:
		*acc = orc_reduce(op, row, count);
		*loose = slack;
		return;
	default:
		*acc = orc_alu(op, imm, orc_reduce(op, row, count));
		*loose = slack;
	}
}

void orc_show(struct orc_inst *i, bool negate)
{
	const struct orc_view *out = &i->v[TRN_AP_DST2];

	if (out->space == TRN_SPACE_NONE)
		return;
	for (uint32_t p = 0; p < out->rows; p++) {
		const uint32_t lane = i->v[TRN_AP_SRC0].start + p;
		const double loose = i->m->acc_slack[i->engine][lane];
		float value = i->m->acc[i->engine][lane];

		if (negate)
			value = value * -1;
		if (isinf(loose))
			orc_put_about(out, p, 0, value, -INFINITY, INFINITY);
		else
			orc_put_about(out, p, 0, value, (float)((double)value - loose),
				      (float)((double)value + loose));
	}
}

float orc_scalar(const struct orc_inst *i, uint32_t which, uint32_t p)
{
	const uint32_t flag = which == 0 ? TRN_SCALAR_COLUMN0 : TRN_SCALAR_COLUMN1;
	const struct orc_view *column = &i->v[which == 0 ? TRN_AP_SRC1 : TRN_AP_SRC2];

	return i->c.head.flags & flag ? orc_get(column, p, 0) : orc_float_of(i->c.imm[which]);
}
