/* SPDX-License-Identifier: Apache-2.0 */
/* Operands whose elements an index places (docs/isa.md, 1.6). The elements are put side by
 * side before the instruction, which then runs as it always does; a destination is
 * spread out behind it. */
#include "model/core.h"

#include <errno.h>

#define PITCH_PAD 64u
#define ROWS_BYTES ((size_t)TRN_ISA_PARTITIONS * (TRN_FREE_MAX * 4u + PITCH_PAD))

#define GROUPS_MAX (TRN_ISA_PARTITIONS / 16u)

/* Elements side by side, and the places of each group: read once, for the instruction may write
 * where the index lies. */
struct room {
	uint8_t rows[ROWS_BYTES];
	uint32_t place[GROUPS_MAX][TRN_FREE_MAX];
};

static uint32_t slot_of(const struct trn_inst *inst)
{
	return inst->head.indirect - 1u;
}

static uint32_t group_size(const struct trn_inst *inst)
{
	return inst->engine == TRN_ENGINE_TENSOR ? 32u : 16u;
}

/* ---- rules ---- */

/* Elements per partition that the rest of the instruction asks for. */
static uint32_t elements(const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const uint32_t rows = inst->head.flags & TRN_MATMUL_DOUBLE_ROW ? 2 : 1;

	switch (inst->head.op) {
	case TRN_OP_MATMUL:
	case TRN_OP_MATMUL_MX:
		return rows * (slot_of(inst) == TRN_AP_SRC0 ? dst->partitions : dst->count);
	case TRN_OP_TENSOR_REDUCE:
		return inst->view[TRN_AP_INDEX].count * group_size(inst);
	case TRN_OP_COPY_PREDICATED:
		return inst->view[TRN_AP_SRC1].count;
	default:
		return slot_of(inst) == TRN_AP_DST ? inst->view[TRN_AP_SRC0].count : dst->count;
	}
}

static int index_ok(const struct trn_inst *inst, uint32_t count, struct trn_core_error *error)
{
	const struct trn_view *region = &inst->view[slot_of(inst)];
	const struct trn_view *index = &inst->view[TRN_AP_INDEX];
	const uint32_t group = group_size(inst);

	if (index->space != TRN_SPACE_SBUF)
		return trn_inst_refuse(error, TRN_AP_INDEX, TRN_RULE_SPACE);
	if (index->dtype != TRN_DTYPE_U16 && index->dtype != TRN_DTYPE_U32)
		return trn_inst_refuse(error, TRN_AP_INDEX, TRN_RULE_DTYPE);
	if (index->start != region->start || index->partitions != region->partitions)
		return trn_inst_refuse(error, TRN_AP_INDEX, TRN_RULE_PARTITION);
	if (index->count != (count + group - 1) / group)
		return trn_inst_refuse(error, TRN_AP_INDEX, TRN_RULE_SHAPE);
	return 0;
}

int trn_indirect_check(const struct trn_core *core, struct trn_inst *inst,
		       struct trn_core_error *error)
{
	const uint32_t slot = slot_of(inst);
	struct trn_view *view;
	uint32_t count;

	if (slot >= TRN_AP_COUNT || !(inst->form->indirect >> slot & 1) ||
	    !(core->chip->gen->features & TRN_FEATURE_INDIRECT))
		return trn_inst_refuse(error, slot < TRN_AP_COUNT ? slot : TRN_OPERAND_NONE,
				       TRN_RULE_RESERVED);
	if (inst->engine == TRN_ENGINE_TENSOR && (inst->head.flags & TRN_MATMUL_TILED))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (!(inst->live >> slot & 1))
		return trn_inst_refuse(error, slot, TRN_RULE_SPACE);
	if (!(inst->live & TRN_SLOT(INDEX)))
		return trn_inst_refuse(error, TRN_AP_INDEX, TRN_RULE_SPACE);
	view = &inst->view[slot];
	if (view->rank != 1)
		return trn_inst_refuse(error, slot, TRN_RULE_SHAPE);
	if (slot == TRN_AP_DST && inst->engine == TRN_ENGINE_SCALAR &&
	    view->space == TRN_SPACE_PSUM)
		return trn_inst_refuse(error, slot, TRN_RULE_SPACE);
	if (view->partitions % group_size(inst) != 0)
		return trn_inst_refuse(error, slot, TRN_RULE_PARTITION);
	count = elements(inst);
	if (count > TRN_FREE_MAX)
		return trn_inst_refuse(error, slot, TRN_RULE_SHAPE);
	if (index_ok(inst, count, error) < 0)
		return -1;
	/* From here on the operand is what the index makes of it; its bytes are the region's. */
	inst->region = *view;
	view->count = view->num[0] = view->shape[0] = count;
	view->dense = false;
	return 0;
}

/* ---- effect ---- */

static struct room *room_of(struct trn_core *core)
{
	const struct trn_model_host *host = &core->chip->model->host;

	if (!core->indirect)
		core->indirect = host->reserve(host->user, sizeof(struct room));
	return core->indirect;
}

void trn_indirect_free(struct trn_core *core)
{
	const struct trn_model_host *host = &core->chip->model->host;

	if (core->indirect)
		host->unreserve(host->user, core->indirect, sizeof(struct room));
}

/* Places of a group of partitions, in order. */
static void places(struct trn_core *core, const struct trn_inst *inst, uint32_t first,
		   uint32_t *place)
{
	const struct trn_view *index = &inst->view[TRN_AP_INDEX];
	const uint32_t count = inst->view[slot_of(inst)].count, group = group_size(inst);
	uint8_t *row = core->scratch->raw;

	for (uint32_t p = 0; p < group; p++) {
		trn_row_gather(index, first + p, 0, index->count, row);
		for (uint32_t j = p; j < count; j += group) {
			place[j] = 0;
			memcpy(&place[j], row + (size_t)(j / group) * index->esize, index->esize);
		}
	}
}

/* The element of the region at a place, in the partitions of a group. */
static struct trn_view one_element(const struct trn_inst *inst, uint32_t first, uint32_t place)
{
	struct trn_view view = inst->region;

	view.base += first * view.pitch;
	view.start += first;
	view.partitions = group_size(inst);
	view.offset = (uint32_t)((int64_t)view.offset +
				 (int64_t)place * view.step[0] * (int64_t)view.esize);
	view.lo = view.offset;
	view.hi = view.offset + view.esize;
	view.count = view.num[0] = 1;
	view.step[0] = 1;
	view.dense = true;
	return view;
}

static bool in_psum(const struct trn_inst *inst)
{
	return inst->region.space == TRN_SPACE_PSUM;
}

/* Every place is in the region, and holds something where it is going to be read. */
static int places_ok(struct trn_core *core, const struct trn_inst *inst, struct room *room,
		     struct trn_core_error *error)
{
	const uint32_t slot = slot_of(inst), count = inst->view[slot].count;
	const bool read = slot != TRN_AP_DST || inst->head.op == TRN_OP_COPY_PREDICATED;

	for (uint32_t g = 0; g < inst->region.partitions; g += group_size(inst)) {
		uint32_t *place = room->place[g / group_size(inst)];

		places(core, inst, g, place);
		for (uint32_t j = 0; j < count; j++) {
			struct trn_view view;

			if (place[j] >= inst->region.count)
				return trn_inst_refuse(error, slot, TRN_RULE_RANGE);
			if (!read || !in_psum(inst))
				continue;
			view = one_element(inst, g, place[j]);
			if (!trn_psum_readable(core, &view, false))
				return trn_inst_refuse(error, slot, TRN_RULE_PSUM_UNINIT);
		}
	}
	return 0;
}

/* Where the predicate of COPY_PREDICATED is false an element is not written. */
static bool is_written(const struct trn_inst *inst, uint32_t row, uint32_t j)
{
	const bool reverse = inst->head.flags & TRN_SELECT_REVERSE;
	uint32_t predicate = 0;

	if (inst->head.op != TRN_OP_COPY_PREDICATED)
		return true;
	trn_row_gather(&inst->view[TRN_AP_SRC1], row, j, 1, &predicate);
	return (predicate != 0) != reverse;
}

/* Between the region and the rows side by side. */
static void move(const struct trn_inst *inst, const struct room *room, const struct trn_view *rows,
		 bool spread)
{
	const uint32_t group = group_size(inst), esize = rows->esize;
	const int64_t step = (int64_t)inst->region.step[0] * esize;

	for (uint32_t p = 0; p < rows->partitions; p++) {
		uint8_t *row = rows->base + p * rows->pitch;
		uint8_t *region = inst->region.base + p * inst->region.pitch + inst->region.offset;
		const uint32_t *place = room->place[p / group];

		for (uint32_t j = 0; j < rows->count; j++) {
			uint8_t *at = region + (int64_t)place[j] * step;

			if (!spread)
				memcpy(row + (size_t)j * esize, at, esize);
			else if (is_written(inst, p, j))
				memcpy(at, row + (size_t)j * esize, esize);
		}
	}
}

static void mark_written(struct trn_core *core, const struct trn_inst *inst,
			 const struct room *room)
{
	if (!in_psum(inst)) {
		trn_core_wrote(core, &inst->region, false);
		return;
	}
	for (uint32_t g = 0; g < inst->region.partitions; g += group_size(inst)) {
		const uint32_t *place = room->place[g / group_size(inst)];

		for (uint32_t j = 0; j < inst->view[TRN_AP_DST].count; j++) {
			const struct trn_view view = one_element(inst, g, place[j]);

			trn_core_wrote(core, &view, false);
		}
	}
}

int trn_indirect_effect(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const uint32_t slot = slot_of(inst);
	struct room *room = room_of(core);
	struct trn_inst direct = *inst;
	struct trn_view *rows = &direct.view[slot];
	int r;

	if (!room) {
		error->code = TRN_EXT_ERR_RESET;
		return -ENOMEM;
	}
	if (places_ok(core, inst, room, error) < 0)
		return -EINVAL;
	rows->space = TRN_SPACE_SBUF;
	rows->base = room->rows;
	rows->pitch = (size_t)rows->count * rows->esize + PITCH_PAD;
	rows->offset = rows->lo = 0;
	rows->hi = rows->count * rows->esize;
	rows->step[0] = rows->stride[0] = 1;
	rows->dense = true;
	direct.head.indirect = 0;
	direct.live &= (uint8_t) ~(TRN_SLOT(INDEX) | (slot == TRN_AP_DST ? TRN_SLOT(DST) : 0u));
	if (slot != TRN_AP_DST || inst->head.op == TRN_OP_COPY_PREDICATED)
		move(inst, room, rows, false);
	r = trn_inst_effect(core, &direct, error);
	if (r < 0 || slot != TRN_AP_DST)
		return r;
	move(inst, room, rows, true);
	mark_written(core, inst, room);
	return 0;
}
