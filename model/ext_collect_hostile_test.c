/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT with schedules and descriptors of random bytes, and of operations that are nearly right,
 * on several queues of several chips, while queues, cores and chips are reset, memory goes and
 * links break. Nothing crashes, everything ends, and the chips are as good as new afterwards. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_collect.h"

#define D(at) (TRN_AXI_HBM0 + TRN_TEST_COLLECT_DATA + (at))
#define CHIPS 16u /* of the pod */
#define ROUNDS 150u
#define STEPS_MAX 3000000u
#define HOST_IOVA UINT64_C(0x40000000)
#define HOST_BYTES (UINT64_C(1) << 20)

static struct trn_test_collect tc;

static uint64_t below(uint64_t n)
{
	return trn_prng_below(&tc.prng, n);
}

static uint64_t any_near(void)
{
	switch (below(12)) {
	case 0:
		return trn_prng_next(&tc.prng);
	case 1:
		return TRN_TEST_COLLECT_HBM - below(5000);
	case 2:
		return TRN_AXI_HOST | (HOST_IOVA + below(2 * HOST_BYTES));
	case 3:
		return trn_regs_tpb_axi((uint32_t)below(8)) + below(0x2800000);
	case 4:
		return trn_test_inc((uint32_t)below(16), (uint32_t)below(256));
	case 5:
		return TRN_AXI_IO_APB0 + below(TRN_AXI_IO_APB_SIZE);
	case 6: /* descriptors, rings, streams */
		return TRN_AXI_HBM0 + 0x1000000 + below(0x1000000);
	case 7:
		return TRN_AXI_HBM1 + below(TRN_TEST_COLLECT_HBM);
	default:
		return D(below(16 * TRN_MIB));
	}
}

static uint64_t any_address(void)
{
	switch (below(4)) {
	case 0:
		return trn_test_far(&tc, (uint32_t)below(CHIPS), any_near() & TRN_PEER_AXI_MASK);
	case 1:
		return below(8) == 0 ? any_near() | below(1024) << 50 : any_near();
	default:
		return any_near();
	}
}

/* Of the command that is being made: how many of a thousand things about it are wrong. */
static uint64_t wild;

static bool odd(void)
{
	return below(1000) < wild;
}

/* dst and src are of different halves: no overlap. */
static uint64_t an_address(uint64_t half)
{
	const uint64_t near = D(half * 16 * TRN_MIB + below(8 * TRN_MIB));

	if (odd())
		return any_address();
	return below(3) == 0 ? trn_test_far(&tc, (uint32_t)below(CHIPS), near) : near;
}

static uint64_t a_signal(void)
{
	const uint64_t inc = trn_test_inc((uint32_t)below(16), (uint32_t)below(8));

	if (odd())
		return any_address();
	if (below(8) == 0)
		return trn_regs_tpb_axi((uint32_t)below(8)) + TRN_TPB_SEM_INC + 4 * below(256);
	return below(2) == 0 ? trn_test_far(&tc, (uint32_t)below(CHIPS), inc) : inc;
}

static uint64_t some_bytes(void)
{
	if (odd())
		return trn_prng_next(&tc.prng) >> below(64);
	return below(20) == 0 ? below(4 * TRN_MIB) & ~UINT64_C(3) : below(20000) & ~UINT64_C(3);
}

static void any_reduce(struct trn_ext_sync_op *op)
{
	static const uint8_t dtypes[] = { TRN_DTYPE_F32, TRN_DTYPE_BF16, TRN_DTYPE_F16,
					  TRN_DTYPE_F8E5M2, TRN_DTYPE_S32 };

	op->op = TRN_SYNC_REDUCE;
	op->src = D(below(4 * TRN_MIB));
	op->dtype = odd() ? (uint8_t)below(256) : dtypes[below(TRN_ARRAY_LEN(dtypes))];
	op->reduce = (uint8_t)below(odd() ? 256 : 4);
	op->flags = (uint8_t)below(odd() ? 256 : 2);
	op->sources = (uint16_t)(odd() ? below(65536) : 1 + below(6));
	op->stride = odd() ? trn_prng_next(&tc.prng) >> below(64) : below(65536);
	op->scale = 1.0f;
}

static void any_op(struct trn_ext_sync_op *op)
{
	static const uint8_t codes[] = { TRN_SYNC_COPY,   TRN_SYNC_COPY, TRN_SYNC_COPY,
					 TRN_SYNC_COPY,   TRN_SYNC_WAIT, TRN_SYNC_SIGNAL,
					 TRN_SYNC_SIGNAL, TRN_SYNC_FENCE };

	*op = (struct trn_ext_sync_op){ .op = codes[below(TRN_ARRAY_LEN(codes))],
					.peer = (uint32_t)below(CHIPS) };
	if (op->op == TRN_SYNC_WAIT) {
		op->semaphore = (uint16_t)below(odd() ? 300 : 8);
		op->value = (uint32_t)below(3);
	}
	if (op->op == TRN_SYNC_SIGNAL) {
		op->signal = a_signal();
		op->value = (uint32_t)below(4);
	}
	if (op->op != TRN_SYNC_COPY)
		return;
	op->dst = an_address(1);
	op->src = an_address(0);
	op->bytes = some_bytes();
	if (below(2) == 0) {
		op->signal = trn_address_far(op->dst) ? trn_test_inc(3, 3) : a_signal();
		op->value = (uint32_t)below(3);
	}
	if (!trn_address_far(op->dst) && op->signal != 0 && !odd())
		op->signal &= TRN_PEER_AXI_MASK;
	if (below(3) == 0)
		any_reduce(op);
}

static void any_streams(uint32_t chip)
{
	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		const uint64_t ops = below(4) == 0 ? below(150) : 0;

		for (uint64_t i = 0; i < ops; i++) {
			struct trn_ext_sync_op *op = trn_test_op(&tc, chip, p, TRN_SYNC_FENCE);

			any_op(op);
			for (uint32_t w = 0; w < 8 && odd(); w++)
				trn_store64((uint8_t *)op + 8 * below(8), trn_prng_next(&tc.prng));
		}
		if (ops > 0 && !odd())
			(void)trn_test_op(&tc, chip, p, TRN_SYNC_END);
	}
}

/* So that most waits are met, by what others count or by this. */
static void any_counts(uint32_t chip)
{
	trn_test_host_select(&tc.host, chip);
	for (uint32_t i = 0; i < TRN_TOPSPS * 8; i++)
		trn_test_wr(&tc.host, trn_regs_topsp_bar0(i / 8) + TRN_TOPSP_SEM_SET + i % 8 * 4,
			    60);
}

/* Streams and a descriptor, more or less right. */
static void any_command(uint32_t chip)
{
	static const uint64_t limits[] = { 0, 1, 5000, 100000, 1000000, UINT64_MAX };
	static const uint64_t wilds[] = { 0, 0, 1, 2, 5, 20, 300 };
	struct trn_ext_collect *head;

	wild = wilds[below(TRN_ARRAY_LEN(wilds))];
	tc.queue = (uint32_t)below(TRN_TEST_COLLECT_QUEUES);
	tc.limit_ns = limits[below(TRN_ARRAY_LEN(limits))];
	if (trn_test_ext_read(&tc, chip, TRN_EXT_QUEUE(tc.queue) + TRN_EXT_Q_STATE) ==
	    TRN_QUEUE_ERROR)
		trn_test_collect_queue(&tc, chip, tc.queue, below(10) == 0);
	if (below(4) != 0)
		any_counts(chip);
	any_streams(chip);
	head = trn_test_describe(&tc, chip);
	head->priority = (uint32_t)below(odd() ? 6 : 4);
	for (uint32_t i = 0; i < 10 && odd(); i++)
		((uint8_t *)head)[below(sizeof(*head) + 64)] = (uint8_t)trn_prng_next(&tc.prng);
	if (below(8) == 0)
		trn_test_ring(&tc, chip,
			      &(struct trn_ext_cmd){
				      .op = TRN_CMD_COPY,
				      .a = { an_address(1), an_address(0), some_bytes() } });
	trn_test_command_collect(&tc, chip);
}

static void chip_reset(uint32_t chip, uint32_t map, bool device)
{
	trn_test_host_select(&tc.host, chip);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_MAP, map);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_TYPE,
		    device ? TRN_MR_RESET_TYPE_DEVICE : TRN_MR_RESET_TYPE_TPB);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
}

static void any_mischief(void)
{
	const uint32_t chip = (uint32_t)below(CHIPS), window = TRN_EXT_WINDOW(1);

	trn_test_host_select(&tc.host, chip);
	switch (below(8)) {
	case 0:
		if (below(3) == 0)
			chip_reset(chip, (uint32_t)trn_prng_next(&tc.prng), false);
		break;
	case 1:
		if (below(6) == 0)
			chip_reset(chip, 0, true);
		break;
	case 2:
		trn_test_collect_queue(&tc, chip, (uint32_t)below(TRN_TEST_COLLECT_QUEUES),
				       (uint32_t)below(2));
		break;
	case 3:
		trn_test_wr(&tc.host,
			    trn_regs_topsp_bar0((uint32_t)below(16)) + TRN_TOPSP_SEM_SET +
				    (uint32_t)below(8) * 4,
			    (uint32_t)below(5));
		break;
	case 4: /* all but the first 8 MiB of data */
		trn_test_ext_write(&tc, chip, window + TRN_EXT_WIN_SIZE_LO(0),
				   (uint32_t)(40 * TRN_MIB));
		trn_test_ext_write(&tc, chip, window + TRN_EXT_WIN_RIGHTS(0), (uint32_t)below(4));
		break;
	case 5:
		if (tc.host.region_count > 0)
			trn_test_host_unmap(&tc.host, HOST_IOVA);
		else
			(void)trn_test_host_map(&tc.host, HOST_IOVA, HOST_BYTES);
		break;
	default:
		break;
	}
}

static void run_for(uint64_t ps, uint64_t *steps)
{
	const uint64_t until = trn_model_now(tc.host.model) + ps;

	while (trn_model_now(tc.host.model) < until && trn_model_step(tc.host.model)) {
		if (++*steps > STEPS_MAX)
			ck_abort_msg("no end");
	}
}

/* A schedule that must go, on every chip. */
static void expect_good(void)
{
	tc.queue = 1;
	tc.limit_ns = 1000000;
	for (uint32_t c = 0; c < CHIPS; c++)
		chip_reset(c, 0, true);
	trn_test_collect_run(&tc);
	for (uint32_t c = 0; c < CHIPS; c++) {
		trn_test_collect_queue(&tc, c, 1, 0);
		memset(tc.ops[c], 0, sizeof(tc.ops[c]));
		for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
			struct trn_ext_sync_op *op = trn_test_copy(
				&tc, c, p, trn_test_far(&tc, (c + 1) % CHIPS, D((c * 16 + p) * 64)),
				D((c * 16 + p) * 64), 64);

			op->signal = trn_test_far(&tc, (c + 1) % CHIPS, trn_test_inc(p, 3));
			op->value = 1;
			trn_test_wait(&tc, c, p, 3, 1, (c + CHIPS - 1) % CHIPS);
		}
		trn_test_submit(&tc, c);
	}
	trn_test_collect_run(&tc);
	for (uint32_t c = 0; c < CHIPS; c++)
		trn_test_expect_done(&tc, c);
}

static void hostile(bool timing_only)
{
	static const char *const faults[] = { "link.jitter,count=3,value=3000",
					      "link.slow,count=50,value=100",
					      "link.flap,count=1,value=20" };
	uint64_t steps = 0;

	trn_test_collect_init(&tc, "trn2-48xl");
	tc.host.any_violation = true;
	tc.host.config.timing_only = timing_only;
	trn_test_collect_open(&tc);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const char *why = "";

		for (uint32_t i = 0; i < 4; i++)
			any_command((uint32_t)below(CHIPS));
		if (below(10) == 0)
			ck_assert_int_eq(trn_model_fault(tc.host.model, faults[below(3)], &why), 0);
		for (uint64_t i = below(6); i > 0; i--) {
			run_for(below(4) * 1000 * TRN_PS_PER_NS + 1, &steps);
			any_mischief();
		}
		if (below(8) == 0)
			run_for(UINT64_C(1) << 60, &steps);
	}
	run_for(UINT64_C(1) << 62, &steps);
	expect_good();
	ck_assert_uint_eq(trn_model_lost_events(tc.host.model), 0);
	trn_test_collect_close(&tc);
}

START_TEST(anything)
{
	hostile(false);
}
END_TEST

START_TEST(anything_without_data)
{
	hostile(true);
}
END_TEST

/* No memory at any moment: commands fail, nothing leaks, nothing hangs. */
START_TEST(without_memory)
{
	for (long after = 0; after < 60; after++) {
		trn_test_collect_init(&tc, "trn2-48xl");
		trn_test_collect_open(&tc);
		tc.queue = 0;
		for (uint32_t c = 0; c < 2; c++) {
			for (uint32_t i = 0; i < 40; i++)
				trn_test_copy(&tc, c, i % 4, trn_test_far(&tc, 5, D(i * 8192)),
					      D(0), below(3 * TRN_MIB))
					->signal = trn_test_far(&tc, 5, trn_test_inc(0, 0));
			trn_test_signal(&tc, c, 0, trn_test_inc(1, 1), 1);
			trn_test_submit(&tc, c);
		}
		trn_test_alloc_arm(&tc.host.mem, after);
		trn_test_collect_run(&tc);
		trn_test_alloc_arm(&tc.host.mem, -1);
		trn_test_collect_close(&tc);
	}
}
END_TEST

static Suite *collect_suite(void)
{
	Suite *suite = suite_create("collect_hostile");
	TCase *t = tcase_create("collect_hostile");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, anything);
	tcase_add_test(t, anything_without_data);
	tcase_add_test(t, without_memory);
	suite_add_tcase(suite, t);
	return suite;
}

TRN_TEST_MAIN(collect_suite)
