/* SPDX-License-Identifier: Apache-2.0 */
/* Time traces: what is told agrees with what happened, and telling changes nothing. */
#include <check.h>
#include <string.h>
#include "base/test_main.h"
#include "model/test_shapes.h"
#include "model/private.h"

#define ITEMS_MAX 4096
#define SAMPLE_PS UINT64_C(1000000) /* of bandwidth */

static struct trn_trace_item items[ITEMS_MAX];
static uint32_t item_count;

static void keep(void *user, const struct trn_trace_item *item)
{
	(void)user;
	ck_assert_uint_lt(item_count, ITEMS_MAX);
	ck_assert_ptr_nonnull(item->name);
	ck_assert_uint_le(item->begin_ps, item->end_ps);
	items[item_count++] = *item;
}

/* gpsimd and vector work on something, sync moves memory and waits for both. */
static void program(struct trn_test_core *tc)
{
	union trn_test_inst inst;

	trn_test_clear(tc);
	tc->desc->arg_count = 0;
	trn_test_arg(tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), TRN_TEST_DATA_BYTES);
	for (int i = 0; i < 20; i++) {
		trn_test_shape_make(&inst, TRN_SHAPE_COPY_G);
		trn_test_shape_emit(tc, TRN_SHAPE_COPY_G, &inst, 3);
		trn_test_shape_make(&inst, TRN_SHAPE_SCALE);
		trn_test_shape_emit(tc, TRN_SHAPE_SCALE, &inst, 3);
		trn_test_shape_make(&inst, TRN_SHAPE_ALU);
		trn_test_shape_emit(tc, TRN_SHAPE_ALU, &inst, 1);
	}
	trn_test_shape_make(&inst, TRN_SHAPE_MAX8);
	inst.c.head.inc_mode = TRN_INC_ADD;
	inst.c.head.inc_sem = 7;
	inst.c.head.inc_value = 3;
	trn_test_shape_emit(tc, TRN_SHAPE_MAX8, &inst, 3);
	trn_test_shape_make(&inst, TRN_SHAPE_LOAD);
	inst.d.head.wait_mode = TRN_WAIT_CONSUME;
	inst.d.head.wait_sem = 7;
	inst.d.head.wait_value = 2;
	trn_test_shape_emit(tc, TRN_SHAPE_LOAD, &inst, 3);
	trn_test_shape_make(&inst, TRN_SHAPE_REG_LOAD);
	trn_test_shape_emit(tc, TRN_SHAPE_REG_LOAD, &inst, 3);
}

static uint32_t run(struct trn_test_core *tc, trn_trace_fn *trace)
{
	uint32_t error;

	program(tc);
	item_count = 0;
	trn_model_trace(tc->host.model, trace);
	error = trn_test_launch(tc);
	trn_model_trace(tc->host.model, NULL);
	return error;
}

static const struct trn_trace_item *find(enum trn_trace_kind kind, uint32_t track, uint32_t skip)
{
	for (uint32_t i = 0; i < item_count; i++)
		if (items[i].kind == kind && items[i].track == track && skip-- == 0)
			return &items[i];
	return NULL;
}

START_TEST(spans)
{
	uint64_t last[TRN_ENGINE_COUNT] = { 0 };
	const struct trn_trace_item *launch, *wait, *dma;
	uint32_t instructions[TRN_ENGINE_COUNT] = { 0 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	ck_assert_uint_eq(run(&tc, keep), TRN_EXT_OK);
	launch = find(TRN_TRACE_LAUNCH, 0, 0);
	ck_assert_ptr_nonnull(launch);
	for (uint32_t i = 0; i < item_count; i++) {
		const struct trn_trace_item *item = &items[i];

		if (item->kind != TRN_TRACE_INSTRUCTION && item->kind != TRN_TRACE_DMA &&
		    item->kind != TRN_TRACE_WAIT)
			continue;
		ck_assert_uint_ge(item->begin_ps, launch->begin_ps);
		ck_assert_uint_le(item->end_ps, launch->end_ps);
		if (item->kind != TRN_TRACE_INSTRUCTION)
			continue;
		ck_assert_uint_ge(item->begin_ps, last[item->track]);
		last[item->track] = item->end_ps;
		instructions[item->track]++;
	}
	/* All but HALT. */
	ck_assert_uint_eq(instructions[TRN_ENGINE_GPSIMD], 20);
	ck_assert_uint_eq(instructions[TRN_ENGINE_VECTOR], 21);
	ck_assert_uint_eq(instructions[TRN_ENGINE_SYNC], 22);
	wait = find(TRN_TRACE_WAIT, TRN_ENGINE_SYNC, 0);
	dma = find(TRN_TRACE_DMA, TRN_ENGINE_SYNC, 0);
	ck_assert(wait && dma);
	ck_assert_uint_eq(wait->value, 7);
	ck_assert_uint_eq(dma->begin_ps, wait->end_ps);
	ck_assert_str_eq(dma->name, "dma_copy");
	ck_assert_uint_eq(dma->value, 8 * 16 * 2);
	ck_assert_uint_eq(launch->value, TRN_EXT_OK);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(counters)
{
	static const uint64_t values[] = { 3, 1, 0 };
	const struct trn_trace_item *item;
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	ck_assert_uint_eq(run(&tc, keep), TRN_EXT_OK);
	for (uint32_t i = 0; i < 2; i++) {
		item = find(TRN_TRACE_SEMAPHORE, 7, i);
		ck_assert_ptr_nonnull(item);
		ck_assert_uint_eq(item->value, values[i]);
	}
	/* What the last launch left becomes 0 at the next. */
	ck_assert_uint_eq(run(&tc, keep), TRN_EXT_OK);
	item = find(TRN_TRACE_SEMAPHORE, 7, 0);
	ck_assert_uint_eq(item->value, 0);
	ck_assert_ptr_null(find(TRN_TRACE_HBM, 0, 0)); /* all of it was host memory */
	trn_test_core_close(&tc);
}
END_TEST

/* Bytes that the samples of a stack say: a sample holds until the next. */
static uint64_t sampled(uint32_t stack)
{
	uint64_t bytes = 0, last = 0, now = 0;

	for (uint32_t i = 0; i < item_count; i++) {
		if (items[i].kind != TRN_TRACE_HBM || items[i].track != stack)
			continue;
		ck_assert_uint_eq(items[i].begin_ps % SAMPLE_PS, 0);
		ck_assert(!last || items[i].begin_ps > last);
		bytes += now * ((items[i].begin_ps - last) / SAMPLE_PS);
		last = items[i].begin_ps;
		now = items[i].value / (UINT64_C(1000000000000) / SAMPLE_PS);
	}
	ck_assert_uint_eq(now, 0);
	return bytes;
}

START_TEST(bandwidth)
{
	const uint64_t stack = trn_regs_hbm_axi(2);
	struct trn_test_core tc;
	struct trn_prng prng;
	uint64_t sum = 0;

	trn_test_core_open(&tc, "trn3");
	trn_prng_seed(&prng, trn_test_seed());
	item_count = 0;
	trn_model_trace(tc.host.model, keep);
	for (int i = 0; i < 200; i++) {
		uint64_t now = trn_model_now(tc.host.model);
		uint64_t bytes = trn_prng_below(&prng, 1 << 20);

		(void)trn_hbm_take_ps(tc.host.chip, stack + 64, bytes,
				      now + trn_prng_below(&prng, 5 * SAMPLE_PS),
				      trn_prng_below(&prng, 5 * SAMPLE_PS));
		sum += bytes;
		if (i % 8 == 0)
			trn_model_run(tc.host.model, now + trn_prng_below(&prng, 9 * SAMPLE_PS));
	}
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 5000 * SAMPLE_PS);
	(void)trn_hbm_take_ps(tc.host.chip, stack, 1000, trn_model_now(tc.host.model), 0);
	trn_model_trace(tc.host.model, NULL);
	ck_assert_uint_eq(sampled(2), sum + 1000);
	ck_assert_uint_eq(sampled(1), 0);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(a_launch_that_fails)
{
	const struct trn_trace_item *launch;
	union trn_test_inst inst;
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	trn_test_clear(&tc);
	for (int i = 0; i < 3; i++) {
		trn_test_shape_make(&inst, TRN_SHAPE_SCALE);
		trn_test_shape_emit(&tc, TRN_SHAPE_SCALE, &inst, 3);
	}
	trn_test_shape_make(&inst, TRN_SHAPE_SCALE);
	inst.c.op0 = 200;
	trn_test_shape_emit(&tc, TRN_SHAPE_SCALE, &inst, 3);
	item_count = 0;
	trn_model_trace(tc.host.model, keep);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
	launch = find(TRN_TRACE_LAUNCH, 0, 0);
	ck_assert_uint_eq(launch->value, TRN_EXT_ERR_INSTRUCTION);
	ck_assert_ptr_nonnull(find(TRN_TRACE_INSTRUCTION, TRN_ENGINE_VECTOR, 2));
	ck_assert_ptr_null(find(TRN_TRACE_INSTRUCTION, TRN_ENGINE_VECTOR, 3));
	ck_assert_uint_le(find(TRN_TRACE_INSTRUCTION, TRN_ENGINE_VECTOR, 2)->end_ps,
			  launch->end_ps);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(nothing_changes)
{
	uint64_t hash[2], now[2];

	for (int i = 0; i < 2; i++) {
		struct trn_test_core tc;

		trn_test_core_open(&tc, "trn3");
		ck_assert_uint_eq(run(&tc, i ? keep : NULL), TRN_EXT_OK);
		hash[i] = trn_model_hash(tc.host.model);
		now[i] = trn_model_now(tc.host.model);
		ck_assert_int_eq(item_count > 0, i);
		trn_test_core_close(&tc);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
	ck_assert_uint_eq(now[0], now[1]);
}
END_TEST

static Suite *trace_suite(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("items");

	tcase_add_test(tcase, spans);
	tcase_add_test(tcase, counters);
	tcase_add_test(tcase, bandwidth);
	tcase_add_test(tcase, a_launch_that_fails);
	tcase_add_test(tcase, nothing_changes);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(trace_suite)
