/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the generators of the lanes of vector engine and gpsimd, their states, and
 * what is made of their numbers. docs/isa.md, sections 3 and 8.3.1. */
#include "model/core.h"

#define LANE_STEP 0x9e3779b9u
#define WORD_STEP 0x85ebca6bu
#define WEYL_STEP 362437u
#define RESET_SEED 1u

static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	x *= 0xc2b2ae35u;
	return x ^ x >> 16;
}

/* A state of zeros would stay one. */
static void state_fix(uint32_t *state)
{
	uint32_t any = 0;

	for (uint32_t j = 0; j < TRN_XORWOW_WORDS; j++)
		any |= state[j];
	if (any == 0)
		state[0] = 1;
}

static void state_seed(uint32_t *state, uint32_t seed, uint32_t lane, uint32_t generator)
{
	for (uint32_t j = 0; j < TRN_XORWOW_WORDS; j++)
		state[j] = mix(seed + LANE_STEP * lane +
			       WORD_STEP * (TRN_XORWOW_WORDS * generator + j));
	state_fix(state);
}

static void seed_vector(struct trn_random *random, uint32_t seed)
{
	for (uint32_t lane = 0; lane < TRN_ISA_PARTITIONS; lane++) {
		const uint32_t word = mix(seed + LANE_STEP * lane);

		random->shift[lane] = word ? word : 1;
		for (uint32_t g = 0; g < TRN_VECTOR_GENERATORS; g++)
			state_seed(random->vector[lane][g], seed, lane, g);
	}
}

void trn_random_reset(struct trn_random *random)
{
	seed_vector(random, RESET_SEED);
	for (uint32_t lane = 0; lane < TRN_ISA_PARTITIONS; lane++)
		state_seed(random->gpsimd[lane], RESET_SEED, lane, 0);
}

static uint32_t xorwow(uint32_t *s)
{
	const uint32_t t = s[0] ^ s[0] >> 2;

	s[0] = s[1];
	s[1] = s[2];
	s[2] = s[3];
	s[3] = s[4];
	s[4] = s[4] ^ s[4] << 4 ^ t ^ t << 1;
	s[5] += WEYL_STEP;
	return s[5] + s[4];
}

static bool has_xorwow(const struct trn_core *core, uint32_t engine)
{
	return engine == TRN_ENGINE_GPSIMD || (core->chip->gen->features & TRN_FEATURE_XORWOW);
}

/* The next number of a lane, for element i of its row. */
static uint32_t draw(struct trn_core *core, uint32_t engine, uint32_t lane, uint32_t i)
{
	struct trn_random *random = &core->random;

	if (engine == TRN_ENGINE_GPSIMD)
		return xorwow(random->gpsimd[lane]);
	if (!has_xorwow(core, engine))
		return trn_rounding_next(&random->shift[lane]);
	return xorwow(random->vector[lane][i % TRN_VECTOR_GENERATORS]);
}

static float uniform(uint32_t number)
{
	return (float)(number >> 8) * 0x1p-24f;
}

int trn_exec_rng(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	uint8_t *raw = core->scratch->raw;

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p++) {
		for (uint32_t i = 0; i < dst->count; i++) {
			const uint32_t number = draw(core, inst->engine, dst->start + p, i);

			memcpy(raw + (size_t)i * dst->esize, &number, dst->esize);
		}
		trn_row_scatter(dst, p, 0, dst->count, raw);
	}
	return 0;
}

int trn_exec_rand2(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *x = core->scratch->a;

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p++) {
		const float a = trn_operand_row(inst, 0, p),
			    width = trn_operand_row(inst, 1, p) - a;

		for (uint32_t i = 0; i < dst->count; i++) {
			const float part =
				uniform(draw(core, inst->engine, dst->start + p, i)) * width;

			x[i] = a + part;
		}
		trn_rows_store(core, dst, p, 1, x);
	}
	return 0;
}

int trn_exec_dropout(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	float *x = core->scratch->a;

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p++) {
		const float limit = trn_operand_row(inst, 0, p);

		trn_rows_load(core, &inst->view[TRN_AP_SRC0], p, 1, x);
		for (uint32_t i = 0; i < dst->count; i++) {
			const float u = uniform(draw(core, inst->engine, dst->start + p, i));

			x[i] = u < limit ? 0.0f : x[i];
		}
		trn_rows_store(core, dst, p, 1, x);
	}
	return 0;
}

int trn_exec_seed(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	uint32_t seed;

	(void)error;
	trn_row_gather(&inst->view[TRN_AP_SRC0], 0, 0, 1, &seed);
	seed_vector(&core->random, seed);
	return 0;
}

/* The words of a lane: one generator of gpsimd, four of the vector engine. */
static uint32_t *lane_state(struct trn_core *core, uint32_t engine, uint32_t lane)
{
	return engine == TRN_ENGINE_GPSIMD ? core->random.gpsimd[lane] :
					     core->random.vector[lane][0];
}

int trn_exec_rand_set(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)error;
	for (uint32_t p = 0; p < src->partitions; p++) {
		uint32_t *state = lane_state(core, inst->engine, src->start + p);

		trn_row_gather(src, p, 0, src->count, state);
		for (uint32_t j = 0; j < src->count; j += TRN_XORWOW_WORDS)
			state_fix(state + j);
	}
	return 0;
}

int trn_exec_rand_get(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p++)
		trn_row_scatter(dst, p, 0, dst->count,
				lane_state(core, inst->engine, dst->start + p));
	return 0;
}

/* ---- rules ---- */

static bool is_int(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32;
}

/* An operand of a row: a column of DST's partitions, or an immediate. */
static int operand_ok(const struct trn_inst *inst, uint32_t which, struct trn_core_error *error)
{
	const uint32_t slot = which == 0 ? TRN_AP_SRC1 : TRN_AP_SRC2;
	const struct trn_view *view = &inst->view[slot];
	const bool column = inst->head.flags & (TRN_SCALAR_COLUMN0 << which);
	const bool there = inst->live >> slot & 1;

	if (column && inst->imm[which] != 0)
		return trn_inst_refuse(error, slot, TRN_RULE_RESERVED);
	if (column != there)
		return trn_inst_refuse(error, slot, column ? TRN_RULE_SPACE : TRN_RULE_RESERVED);
	if (column && view->dtype != TRN_DTYPE_F32)
		return trn_inst_refuse(error, slot, TRN_RULE_DTYPE);
	if (column && (view->count != 1 || view->partitions != inst->view[TRN_AP_DST].partitions))
		return trn_inst_refuse(error, slot, TRN_RULE_SHAPE);
	return 0;
}

int trn_check_rng(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	return is_int(inst->view[TRN_AP_DST].dtype) ?
		       0 :
		       trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
}

int trn_check_rand2(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	if (is_int(inst->view[TRN_AP_DST].dtype))
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (operand_ok(inst, 0, error) < 0)
		return -1;
	return operand_ok(inst, 1, error);
}

int trn_check_dropout(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	if (trn_check_same_shape(core, inst, error) < 0)
		return -1;
	return operand_ok(inst, 0, error);
}

int trn_check_seed(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];

	(void)core;
	if (src->dtype != TRN_DTYPE_U32 && src->dtype != TRN_DTYPE_S32)
		return trn_inst_refuse(error, TRN_AP_SRC0, TRN_RULE_DTYPE);
	return src->count == 1 && src->partitions == 1 ?
		       0 :
		       trn_inst_refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
}

static int state_ok(const struct trn_core *core, const struct trn_inst *inst, uint32_t slot,
		    struct trn_core_error *error)
{
	const struct trn_view *view = &inst->view[slot];
	const uint32_t generators = inst->engine == TRN_ENGINE_GPSIMD ? 1 : TRN_VECTOR_GENERATORS;

	if (!has_xorwow(core, inst->engine))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (view->dtype != TRN_DTYPE_U32)
		return trn_inst_refuse(error, slot, TRN_RULE_DTYPE);
	return view->count == generators * TRN_XORWOW_WORDS ?
		       0 :
		       trn_inst_refuse(error, slot, TRN_RULE_SHAPE);
}

int trn_check_rand_set(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	if (inst->view[TRN_AP_SRC0].space != TRN_SPACE_SBUF)
		return trn_inst_refuse(error, TRN_AP_SRC0, TRN_RULE_SPACE);
	return state_ok(core, inst, TRN_AP_SRC0, error);
}

int trn_check_rand_get(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	return state_ok(core, inst, TRN_AP_DST, error);
}
