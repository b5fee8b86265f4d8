/* SPDX-License-Identifier: Apache-2.0 */
/* Promises of docs/device-spec.md and docs/isa.md that are about two parts at once. */
#include <string.h>
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define STEPS 10000
#define SEM_READ(core, n) (TRN_BAR0_TPB + (core)*TRN_BAR0_TPB_STRIDE + TRN_TPB_SEM_READ + 4u * (n))
#define SECOND_STATUS (TRN_TEST_IOVA_STATUS + (UINT64_C(1) << 24))
#define SECOND_RING (TRN_TEST_IOVA_RING + (UINT64_C(1) << 24))

static void increment(struct trn_isa_head *head, uint8_t semaphore)
{
	head->inc_sem = semaphore;
	head->inc_mode = TRN_INC_ADD;
	head->inc_value = 1;
}

/* A load of some words into one partition. */
static void load(struct trn_test_core *tc, uint32_t partition, uint32_t count, uint8_t semaphore)
{
	const struct trn_isa_ap ap =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, partition, 1, 0, count);
	struct trn_isa_dma *dma = trn_test_emit_dma(tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);

	dma->src = trn_test_dram(0, TRN_DTYPE_S32, 0, 1, count);
	dma->dst = trn_test_mem(&ap);
	increment(&dma->head, semaphore);
}

START_TEST(transfers_of_one_engine_end_in_order)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), 1 << 20);
	/* The second one is short and uses a DMA engine that has nothing to do. */
	load(&tc, 64, 60000, 1);
	load(&tc, 0, 4, 2);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_HALT, 1);
	trn_test_start(&tc);
	while (trn_test_rd(&tc.host, SEM_READ(0, 2)) == 0)
		ck_assert(trn_model_step(tc.host.model));
	ck_assert_uint_eq(trn_test_rd(&tc.host, SEM_READ(0, 1)), 16);
	trn_test_host_settle(&tc.host, STEPS);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_OK);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(error_without_instruction_names_none)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	(void)trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_NOP, 1);
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, STEPS);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_PC);
	ck_assert_uint_eq(tc.status->engine, TRN_ENGINE_SCALAR);
	ck_assert_uint_eq(tc.status->pc, 1);
	ck_assert_uint_eq(tc.status->opcode, 0);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(error_of_a_command_names_the_command)
{
	const struct trn_ext_cmd launch = { .op = TRN_CMD_LAUNCH, .tag = 7, .a = { 0, TRN_CORES } };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_command(&tc, &launch);
	trn_test_host_settle(&tc.host, STEPS);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_LAUNCH);
	ck_assert_uint_eq(tc.status->engine, 0xff);
	ck_assert_uint_eq(tc.status->opcode, TRN_CMD_LAUNCH);
	ck_assert_uint_eq(tc.status->tag, 7);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(notifications_carry_virtual_time)
{
	const uint32_t nq = trn_regs_nq_core_bar0(0);
	const uint32_t notify = TRN_NQ_INDEX(TRN_NQ_NOTIFY, TRN_ENGINE_SYNC);
	const uint32_t error = TRN_NQ_INDEX(TRN_NQ_ERROR, TRN_ENGINE_SYNC);
	const uint64_t ring = TRN_TEST_HOST(TRN_TEST_IOVA_DATA);
	const uint32_t queues[] = { notify, error };
	const struct trn_nq_entry *entry;
	struct trn_isa_compute *inst;
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t i = 0; i < 2; i++) {
		trn_test_wr(&tc.host, nq + TRN_NQ_BASE_HI(queues[i]), (uint32_t)(ring >> 32));
		trn_test_wr(&tc.host, nq + TRN_NQ_BASE_LO(queues[i]), (uint32_t)ring + 4096 * i);
		trn_test_wr(&tc.host, nq + TRN_NQ_SIZE(queues[i]), 4096);
	}
	inst = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOTIFY, 1);
	inst->head.flags = TRN_REG_IMM;
	inst->imm[0] = 0xc0de;
	inst->imm[1] = 0xa0;
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, STEPS);
	entry = (const struct trn_nq_entry *)(const void *)tc.data;
	ck_assert_uint_eq(entry->phase_type, 0x80000000u | TRN_ENGINE_SYNC << 8 | TRN_NQ_NOTIFY);
	ck_assert_uint_eq(entry->code, 0xc0de);
	ck_assert_uint_eq(entry->aux, 0xa0);
	ck_assert_uint_gt(entry->time_ps, 0);
	entry = (const struct trn_nq_entry *)(const void *)(tc.data + 4096);
	ck_assert_uint_eq(entry->code, TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(entry->aux, TRN_RULE_PC);
	ck_assert_uint_eq(entry->time_ps, tc.status->time_ps);
	trn_test_core_close(&tc);
}
END_TEST

/* One launch that waits for ever and one behind it in the line for the core. */
START_TEST(reset_is_told_to_all_in_line)
{
	const struct trn_ext_cmd launch = { .op = TRN_CMD_LAUNCH,
					    .a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 0 } };
	struct trn_ext_status second;
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	uint64_t bad;

	trn_test_core_open(&tc, "trn3");
	trn_test_queue_open(&tc, 1, 0);
	inst = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	inst->head.wait_mode = TRN_WAIT_GE;
	inst->head.wait_value = 1;
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, STEPS);
	ck_assert_int_eq(trn_chip_dma_write(tc.host.chip, TRN_TEST_HOST(SECOND_RING), &launch,
					    sizeof(launch), &bad),
			 0);
	trn_test_ext_wr(&tc, TRN_EXT_DOORBELL(1) + TRN_EXT_DB_TAIL, 1);
	trn_test_host_settle(&tc.host, STEPS);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_MAP, 0x010101);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_TYPE, TRN_MR_RESET_TYPE_TPB);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
	trn_test_host_settle(&tc.host, STEPS);
	ck_assert_int_eq(trn_chip_dma_read(tc.host.chip, TRN_TEST_HOST(SECOND_STATUS), &second,
					   sizeof(second), &bad),
			 0);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_RESET);
	ck_assert_uint_eq(second.error, TRN_EXT_ERR_RESET);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(registers_have_no_magnitude_operators)
{
	static const uint8_t modes[] = { TRN_ALU_POW, TRN_ALU_ABS_MAX, TRN_ALU_ABS_MIN,
					 TRN_ALU_SQUARE };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (size_t i = 0; i < sizeof(modes); i++) {
		struct trn_isa_compute *inst =
			trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_REG_ALU, 1);

		inst->head.flags = TRN_REG_IMM;
		inst->mode = modes[i];
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_OPERATOR);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Row sums of two places of four partitions, each in two instructions that take turns. */
START_TEST(accumulators_belong_to_partitions)
{
	static const uint8_t start[] = { 0, 32 };
	float rows[4][8], sums[4];
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t place = 0; place < 2; place++) {
		for (uint32_t i = 0; i < 32; i++)
			rows[i / 8][i % 8] = place == 0 ? 1.0f : 10.0f;
		trn_test_poke(&tc, TRN_SPACE_SBUF, start[place], 4, 0, rows, sizeof(rows[0]));
	}
	for (uint32_t n = 0; n < 4; n++) {
		struct trn_isa_compute *inst =
			trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 3);

		inst->func = TRN_ACT_COPY;
		inst->imm[0] = 0x3f800000;
		inst->mode = n < 2 ? TRN_REDUCE_RESET_REDUCE : TRN_REDUCE_ACCUMULATE;
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, start[n % 2], 4, 0, 8);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, start[n % 2], 4, 64, 8);
		inst->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, start[n % 2], 4, 128, 1);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	for (uint32_t place = 0; place < 2; place++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, start[place], 4, 128, sums, sizeof(sums[0]));
		for (uint32_t p = 0; p < 4; p++)
			ck_assert_float_eq(sums[p], place == 0 ? 16.0f : 160.0f);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(arguments_out_of_range_are_told_once)
{
	const float rows[2][4] = { { 1.0f, 0.0f, -1.0f, 2.0f }, { -1.0f, -2.0f, -3.0f, -4.0f } };
	const uint8_t func[] = { TRN_ACT_SQRT, TRN_ACT_EXP };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_host_expect(&tc.host, "act-range");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 2, 0, rows, sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(func); i++) {
		struct trn_isa_compute *inst =
			trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, 2);

		inst->func = func[i];
		inst->imm[0] = 0x3f800000;
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 2, 0, 4);
		inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 2, 64, 4);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	ck_assert_uint_eq(trn_test_host_count(&tc.host, "act-range"), 1);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *spec_suite(void)
{
	Suite *suite = suite_create("spec");
	TCase *tcase = tcase_create("promises");

	tcase_add_test(tcase, transfers_of_one_engine_end_in_order);
	tcase_add_test(tcase, error_without_instruction_names_none);
	tcase_add_test(tcase, error_of_a_command_names_the_command);
	tcase_add_test(tcase, notifications_carry_virtual_time);
	tcase_add_test(tcase, reset_is_told_to_all_in_line);
	tcase_add_test(tcase, registers_have_no_magnitude_operators);
	tcase_add_test(tcase, accumulators_belong_to_partitions);
	tcase_add_test(tcase, arguments_out_of_range_are_told_once);
	suite_add_tcase(suite, tcase);
	return suite;
}
TRN_TEST_MAIN(spec_suite)
