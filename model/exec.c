/* SPDX-License-Identifier: Apache-2.0 */
/* The effect of one instruction as a whole: what must hold of PSUM before, what is
 * marked after; and the effects of sequencer instructions that touch memory. */
#include "model/core.h"

int trn_inst_effect(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const bool tensor = inst->engine == TRN_ENGINE_TENSOR;
	const bool matmul = inst->head.op == TRN_OP_MATMUL || inst->head.op == TRN_OP_MATMUL_MX;
	struct trn_core_engine *engine = &core->engine[inst->engine];
	int r;

	if (inst->head.indirect && trn_shadow_real(core, inst))
		return trn_indirect_effect(core, inst, error);
	if (tensor)
		trn_tensor_count(core, inst);
	if (core->chip->model->config.timing_only)
		return trn_shadow_effect(core, inst, error);
	for (uint32_t s = TRN_AP_SRC0; s <= TRN_AP_SRC2; s++) {
		if ((inst->live >> s & 1) && inst->view[s].space == TRN_SPACE_PSUM &&
		    !trn_psum_readable(core, &inst->view[s], false))
			return trn_inst_refuse(error, s, TRN_RULE_PSUM_UNINIT);
	}
	if (inst->keeps && inst->view[TRN_AP_DST].space == TRN_SPACE_PSUM &&
	    !trn_psum_readable(core, &inst->view[TRN_AP_DST], false))
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_PSUM_UNINIT);
	if (matmul && (inst->head.flags & TRN_MATMUL_ACCUMULATE) &&
	    !trn_psum_readable(core, &inst->view[TRN_AP_DST], true))
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_PSUM_UNINIT);
	if (engine->rounding == TRN_ROUND_STOCHASTIC)
		inst->view[TRN_AP_DST].rounding = &engine->rounding_state;
	r = inst->info->exec(core, inst, error);
	if (r < 0)
		return r;
	for (uint32_t s = TRN_AP_DST; s < TRN_AP_COUNT; s += TRN_AP_DST2) {
		if (inst->live >> s & 1)
			trn_core_wrote(core, &inst->view[s], tensor);
	}
	return 0;
}

/* An address that nothing answers, or that the launch's window does not hold. */
int trn_dma_refuse(struct trn_core_error *error, uint32_t operand, uint64_t address)
{
	error->code = TRN_EXT_ERR_DMA;
	error->operand = operand;
	error->rule = TRN_RULE_NONE;
	error->address = address;
	return -1;
}

/* Reads or writes the one element of a side. */
static int side_access(struct trn_core *core, const struct trn_side *side, uint32_t operand,
		       void *data, bool write, struct trn_core_error *error)
{
	const uint64_t address = side->arg + side->offset;
	uint64_t bad = address;
	int r;

	if (side->space == TRN_SPACE_SBUF) {
		if (write) {
			trn_row_scatter(&side->view, 0, 0, 1, data);
			trn_core_wrote(core, &side->view, false);
		} else {
			trn_row_gather(&side->view, 0, 0, 1, data);
		}
		return 0;
	}
	if (!trn_launch_window_ok(core->chip->launch, core->window, address, side->esize, write))
		return trn_dma_refuse(error, operand, address);
	r = write ? trn_chip_dma_write(core->chip, address, data, side->esize, &bad) :
		    trn_chip_dma_read(core->chip, address, data, side->esize, &bad);
	return r < 0 ? trn_dma_refuse(error, operand, bad) : 0;
}

int trn_exec_reg_load(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	uint32_t value = 0;

	if (side_access(core, &inst->src, TRN_AP_SRC0, &value, false, error) < 0)
		return -1;
	if (inst->src.dtype == TRN_DTYPE_S8)
		value = (uint32_t)(int8_t)value;
	else if (inst->src.dtype == TRN_DTYPE_S16)
		value = (uint32_t)(int16_t)value;
	core->engine[inst->engine].reg[inst->op0] = value;
	return 0;
}

int trn_exec_reg_store(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	uint32_t value = core->engine[inst->engine].reg[inst->op0];

	return side_access(core, &inst->dst, TRN_AP_DST, &value, true, error);
}

int trn_exec_notify(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_core_engine *engine = &core->engine[inst->engine];
	const struct trn_nq_entry entry = {
		.phase_type = TRN_NQ_NOTIFY | (uint32_t)inst->engine << 8,
		.code = inst->imm[0],
		.time_ps = core->chip->model->now_ps,
		.pc = inst->pc,
		.aux = inst->head.flags & TRN_REG_IMM ? inst->imm[1] : engine->reg[inst->func],
	};

	(void)error;
	trn_chip_notify(core->chip, core->index, &entry);
	return 0;
}

int trn_exec_set_rounding(struct trn_core *core, struct trn_inst *inst,
			  struct trn_core_error *error)
{
	struct trn_core_engine *engine = &core->engine[inst->engine];

	(void)error;
	engine->rounding = inst->mode;
	engine->rounding_state = inst->imm[0] ? inst->imm[0] : 1;
	return 0;
}
