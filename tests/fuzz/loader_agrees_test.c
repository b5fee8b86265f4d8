/* SPDX-License-Identifier: Apache-2.0 */
/* The loader judges instructions before they run, the device when they do: what the device
 * takes, the loader must not refuse. Right instructions, a few bytes of them changed, run on
 * a chip of the model and are shown to the loader. */
#include <check.h>
#include <string.h>
#include <trn/error.h>
#include "base/test_main.h"
#include "model/test_shapes.h"
#include "runtime/trnx.h"

#define TRIES 400 /* of each shape */

/* Fields that differ by little: a byte becomes a neighbour, a small number or anything. */
static void change(struct trn_prng *prng, uint8_t *bytes, size_t size)
{
	uint64_t times = trn_prng_below(prng, 3);

	for (uint64_t i = 0; i < times; i++) {
		uint8_t *byte = bytes + trn_prng_below(prng, size);

		switch (trn_prng_below(prng, 4)) {
		case 0:
			*byte = (uint8_t)(*byte + 1);
			break;
		case 1:
			*byte = (uint8_t)(*byte - 1);
			break;
		case 2:
			*byte = (uint8_t)trn_prng_below(prng, 8);
			break;
		default:
			*byte = (uint8_t)trn_prng_next(prng);
			break;
		}
	}
}

static int judge(enum trn_engine engine, const uint8_t *words, uint32_t count,
		 struct trn_trnx_fault *fault)
{
	uint8_t starts[2] = { 0 };
	struct trn_trnx_code code = {
		.words = words, .count = count, .starts = starts, .engine = engine, .arg_count = 2
	};
	int r = trn_trnx_code_scan(&code, fault);

	return r < 0 ? r : trn_trnx_code_check(&code, fault);
}

/* True when every rule of decoding was kept: it ran, waits, or failed while running. */
static bool device_takes(struct trn_test_core *tc)
{
	uint32_t error = trn_test_launch(tc);
	uint32_t rule = tc->status->rule;

	trn_test_recover(tc);
	return error == TRN_EXT_OK || error == TRN_EXT_ERR_DMA || rule == TRN_RULE_PSUM_UNINIT;
}

static void try_shape(struct trn_test_core *tc, enum trn_test_shape shape, uint32_t *taken)
{
	const struct trn_test_shape_info *info = &trn_test_shapes[shape];
	uint8_t stream[(TRN_ISA_WORDS_MAX + 1) * TRN_ISA_WORD_SIZE] = { 0 };
	struct trn_trnx_fault fault = { 0 };
	union trn_test_inst inst;
	uint32_t words = info->words;

	trn_test_clear(tc);
	tc->desc->arg_count = 0;
	trn_test_arg(tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), TRN_TEST_DATA_BYTES);
	trn_test_arg(tc, 7, 0);
	memset(&inst, 0, sizeof(inst));
	trn_test_shape_make(&inst, shape);
	inst.c.head.op = (uint8_t)info->op;
	inst.c.head.words = (uint8_t)words;
	change(&tc->prng, (uint8_t *)&inst, words * TRN_ISA_WORD_SIZE);
	/* Back to itself for ever is right, and too long for a test: on to HALT. */
	if (inst.c.head.op == TRN_OP_BRANCH && inst.c.imm[1] == 0)
		inst.c.imm[1] = 1;
	memcpy(stream, &inst, words * TRN_ISA_WORD_SIZE);
	memcpy(trn_test_emit(tc, info->engine, info->op, (uint8_t)words), &inst,
	       words * TRN_ISA_WORD_SIZE);
	stream[words * TRN_ISA_WORD_SIZE] = TRN_OP_HALT;
	stream[words * TRN_ISA_WORD_SIZE + 1] = 1;
	if (!device_takes(tc))
		return;
	++*taken;
	if (judge(info->engine, stream, words + 1, &fault) < 0)
		ck_abort_msg("shape %d: the device takes what the loader refuses: %s, rule %d",
			     shape, fault.why, fault.rule);
}

START_TEST(what_the_device_takes)
{
	struct trn_test_core tc;
	uint32_t taken = 0;

	trn_test_core_open(&tc, "trn3");
	trn_prng_seed(&tc.prng, trn_test_seed() * 64 + (uint64_t)_i);
	for (int i = 0; i < TRIES; i++)
		try_shape(&tc, (enum trn_test_shape)_i, &taken);
	ck_assert_uint_gt(taken, TRIES / 10);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *agree_suite(void)
{
	Suite *suite = suite_create("loader_agrees");
	TCase *tcase = tcase_create("loader");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, what_the_device_takes, 0, TRN_SHAPE_COUNT);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(agree_suite)
