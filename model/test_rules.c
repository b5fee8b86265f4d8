/* SPDX-License-Identifier: Apache-2.0 */
/* The runner of test_rules.h. */
#include "model/test_rules.h"

#include <check.h>
#include "base/bits.h"
#include "model/private.h"

void trn_test_rule_args(struct trn_test_core *tc)
{
	trn_test_arg(tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), 65536);
	trn_test_arg(tc, 7, 0); /* a number */
}

void trn_test_broken_run(const struct trn_test_broken *broken)
{
	struct trn_test_core tc;
	struct trn_core *core;
	uint64_t before;
	uint8_t words = trn_test_shapes[broken->shape].words;
	union trn_test_inst i;

	trn_test_core_open(&tc, broken->trn3 ? "trn3" : "trn2");
	trn_test_shape_make(&i, broken->shape);
	broken->change(&i);
	trn_test_rule_args(&tc);
	/* Two instructions before it, so that the place is not 0. */
	(void)trn_test_emit(&tc, trn_test_shapes[broken->shape].engine, TRN_OP_NOP, 1);
	(void)trn_test_emit(&tc, trn_test_shapes[broken->shape].engine, TRN_OP_NOP, 1);
	/* A change may make it longer. */
	if (i.c.head.words > words && i.c.head.words <= TRN_ISA_WORDS_MAX)
		words = i.c.head.words;
	trn_test_shape_emit(&tc, broken->shape, &i, words);
	(void)trn_chip_core(tc.host.chip, 0);
	core = tc.host.chip->core[0];
	before = trn_core_hash(core, 0);
	ck_assert_msg(trn_test_launch(&tc) == TRN_EXT_ERR_INSTRUCTION, "%s: error %u", broken->what,
		      tc.status->error);
	ck_assert_msg(tc.status->rule == broken->rule, "%s: rule %u", broken->what,
		      tc.status->rule);
	ck_assert_msg(tc.status->operand == broken->operand, "%s: operand %u", broken->what,
		      tc.status->operand);
	ck_assert_uint_eq(tc.status->engine, trn_test_shapes[broken->shape].engine);
	ck_assert_uint_eq(tc.status->pc, 2);
	ck_assert_uint_eq(tc.status->opcode, i.c.head.op);
	ck_assert_uint_eq(tc.status->state, TRN_QUEUE_ERROR);
	ck_assert_uint_eq(tc.status->tag, 0x1234);
	ck_assert_uint_eq(tc.status->core, 0);
	ck_assert_uint_eq(tc.status->head, 0);
	/* The core page says the same. */
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_STATE),
			  TRN_CORE_FAULTED);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_ERR_RULE),
			  broken->rule);
	ck_assert_uint_eq(trn_test_ext_rd(&tc, TRN_EXT_CORE(0) + TRN_EXT_CORE_ERR_PC), 2);
	ck_assert_uint_eq(
		trn_test_ext_rd(&tc,
				TRN_EXT_CORE(0) +
					TRN_EXT_CORE_STATUS(trn_test_shapes[broken->shape].engine)),
		TRN_ENGINE_FAULTED);
	ck_assert_uint_eq(tc.host.kind_count[TRN_EV_CORE_ERROR], 1);
	/* No effect: memories and semaphores are as before, and a reset brings it back. */
	trn_core_reset(core);
	ck_assert_uint_eq(trn_core_hash(core, 0), before);
	trn_test_recover(&tc);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_core_close(&tc);
}
