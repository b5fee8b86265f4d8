/* SPDX-License-Identifier: Apache-2.0 */
/* Timing-only mode: instructions without their data. Integers are real, for control flow
 * and addresses are made of them; floats are not. What integers a program would find in
 * floats (which experts a router chooses) is drawn. docs/timing-only.md. */
#include "model/core.h"

#define TRIES 64u /* draws of one place before the next free one is taken */

static bool is_integer(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32;
}

bool trn_shadow_moves(const struct trn_core *core, const struct trn_inst *inst)
{
	/* Bytes are weights, scales and the like: numbers that a program steers by are wider. */
	return !core->chip->model->config.timing_only ||
	       (is_integer(inst->dst.dtype) && is_integer(inst->src.dtype) && inst->dst.esize > 1 &&
		inst->src.esize > 1);
}

bool trn_shadow_real(const struct trn_core *core, const struct trn_inst *inst)
{
	if (!core->chip->model->config.timing_only)
		return true;
	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		if ((inst->live >> s & 1) && !is_integer(inst->view[s].dtype))
			return false;
	}
	return true;
}

static bool taken(const uint32_t *list, uint32_t count, uint32_t value)
{
	for (uint32_t i = 0; i < count; i++) {
		if (list[i] == value)
			return true;
	}
	return false;
}

/* Count different numbers below bound, each choice as likely as any other; when there are
 * not so many, they start over. */
static void draw_row(struct trn_prng *prng, uint32_t *list, uint32_t count, uint32_t bound)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t first = i - i % bound;
		uint32_t value = (uint32_t)trn_prng_below(prng, bound);

		for (uint32_t n = 0; n < TRIES && taken(list + first, i - first, value); n++)
			value = (uint32_t)trn_prng_below(prng, bound);
		while (taken(list + first, i - first, value))
			value = (value + 1) % bound;
		list[i] = value;
	}
}

/* Places of eight values among those that were searched. */
static void draw_places(struct trn_core *core, const struct trn_view *dst, uint32_t bound)
{
	uint32_t list[8];
	uint8_t row[sizeof(list)];

	for (uint32_t p = 0; p < dst->partitions; p++) {
		draw_row(&core->chip->model->prng, list, dst->count, bound);
		for (uint32_t i = 0; i < dst->count; i++)
			memcpy(row + i * dst->esize, &list[i], dst->esize);
		trn_row_scatter(dst, p, 0, dst->count, row);
	}
	trn_core_wrote(core, dst, false);
}

int trn_shadow_effect(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const uint32_t bound = inst->live & TRN_SLOT(SRC0) ? inst->view[TRN_AP_SRC0].count : 1;
	int r;

	switch (inst->head.op) {
	case TRN_OP_FIND_INDEX8:
		draw_places(core, &inst->view[TRN_AP_DST], bound);
		return 0;
	case TRN_OP_MATCH_REPLACE8:
		if (inst->live & TRN_SLOT(DST2))
			draw_places(core, &inst->view[TRN_AP_DST2], bound);
		return 0;
	default:
		break;
	}
	if (!trn_shadow_real(core, inst))
		return 0;
	r = inst->info->exec(core, inst, error);
	for (uint32_t s = TRN_AP_DST; r == 0 && s <= TRN_AP_DST2; s += TRN_AP_DST2) {
		if (inst->live >> s & 1)
			trn_core_wrote(core, &inst->view[s], false);
	}
	return r;
}
