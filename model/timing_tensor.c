/* SPDX-License-Identifier: Apache-2.0 */
/* Time of the tensor engine beyond cycles of an instruction (hardware-and-isa facts 1.4 and
 * 4.4): tiles side by side, the load of the stationary operand, transposes in the background,
 * half speed after idling. */
#include "model/core.h"

#define SIDE 4u        /* squares of 32 of the array, each way */
#define SQUARE_ROWS 32 /* partitions of one */

static bool is_tiled(const struct trn_inst *inst)
{
	return inst->head.op != TRN_OP_TRANSPOSE && (inst->head.flags & TRN_MATMUL_TILED);
}

/* The squares that a tile takes, bit SIDE * row + column. */
static uint32_t tile_squares(const struct trn_inst *inst)
{
	const uint32_t row = inst->view[TRN_AP_SRC0].start / SQUARE_ROWS;
	const uint32_t column = inst->view[TRN_AP_DST].start / SQUARE_ROWS;
	const uint32_t columns = ((1u << inst->op1) - 1) << column & ((1u << SIDE) - 1);
	uint32_t squares = 0;

	for (uint32_t r = row; r < row + inst->op0 && r < SIDE; r++)
		squares |= columns << SIDE * r;
	return squares;
}

uint64_t trn_tensor_ready_ps(const struct trn_core_engine *engine, const struct trn_inst *inst)
{
	const struct trn_pe_time *pe = &engine->core->pe_time;
	uint64_t when = pe->whole_ready_ps;

	if (!is_tiled(inst))
		return pe->all_ready_ps;
	for (uint32_t squares = tile_squares(inst), s = 0; squares; squares >>= 1, s++) {
		if (squares & 1)
			when = trn_max_u64(when, pe->square_ready_ps[s]);
	}
	return when;
}

void trn_tensor_take(struct trn_core_engine *engine, const struct trn_inst *inst, uint64_t until_ps)
{
	struct trn_pe_time *pe = &engine->core->pe_time;

	if (until_ps > pe->all_ready_ps) {
		const uint64_t now = engine->core->chip->model->now_ps;
		const uint64_t full = engine->core->chip->gen->tensor_ramp_ns * TRN_PS_PER_NS;

		pe->charge_ps += until_ps - trn_max_u64(pe->all_ready_ps, now);
		pe->all_ready_ps = until_ps;
		if (pe->charge_ps >= full) {
			pe->charge_ps = full;
			pe->warm = true;
		}
	}
	if (!is_tiled(inst)) {
		pe->whole_ready_ps = until_ps;
		return;
	}
	for (uint32_t squares = tile_squares(inst), s = 0; squares; squares >>= 1, s++) {
		if (squares & 1)
			pe->square_ready_ps[s] = until_ps;
	}
}

/* Speed at now_ps, percent. Work fills the charge and idling empties it, so that it comes to 0
 * when less than tensor_warm_percent of the time is work; full speed stays until then. */
static uint64_t speed_percent(struct trn_pe_time *pe, const struct trn_gen *gen, uint64_t now_ps)
{
	const uint64_t full = gen->tensor_ramp_ns * TRN_PS_PER_NS;
	const uint64_t idle = now_ps > pe->all_ready_ps ? now_ps - pe->all_ready_ps : 0;
	const uint64_t cold = gen->tensor_cold_percent, warm = gen->tensor_warm_percent;

	/* In pieces: hours of idling times a percentage still fit. */
	pe->charge_ps -= trn_min_u64(pe->charge_ps, idle / (100u - warm) * warm);
	if (pe->charge_ps == 0)
		pe->warm = false;
	return pe->warm ? 100 : cold + (100 - cold) * pe->charge_ps / full;
}

static bool is_transpose(const struct trn_inst *inst)
{
	return inst->head.op == TRN_OP_TRANSPOSE ||
	       (inst->head.op == TRN_OP_MATMUL && (inst->head.flags & TRN_MATMUL_TRANSPOSE));
}

void trn_tensor_cost(struct trn_core_engine *engine, const struct trn_inst *inst,
		     struct trn_cost *cost)
{
	const struct trn_gen *gen = engine->core->chip->gen;
	const uint64_t now = engine->core->chip->model->now_ps;
	struct trn_pe_time *pe = &engine->core->pe_time;
	/* Nothing but the one before it held it up: its stationary operand was loaded meanwhile. */
	const bool behind = now == trn_tensor_ready_ps(engine, inst);
	const uint64_t speed = speed_percent(pe, gen, now);
	uint64_t extra;

	if (is_transpose(inst)) {
		if (behind)
			cost->busy_ps = cost->busy_ps * gen->transpose_percent / 100u;
	} else if (!behind) {
		extra = trn_cycles_ps(gen, engine->index,
				      inst->view[TRN_AP_DST].partitions / gen->stationary_columns);
		cost->busy_ps += extra;
		cost->result_ps += extra;
	}
	extra = cost->busy_ps * 100u / speed - cost->busy_ps;
	cost->busy_ps += extra;
	cost->result_ps += extra;
}
