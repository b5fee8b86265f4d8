/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT between chips: a ring all-reduce written by hand, order of payload and count, links that
 * break, chips that go, copies of queues, the same time with and without data. */
#include <string.h>
#include "base/bits.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_collect.h"

#define D(at) (TRN_AXI_HBM0 + TRN_TEST_COLLECT_DATA + (at))
#define INBOX TRN_AXI_HBM1
#define NS TRN_PS_PER_NS
#define US (1000 * NS)

static struct trn_test_collect tc;

static void fault(const char *spec)
{
	const char *why = "";

	ck_assert_msg(trn_model_fault(tc.host.model, spec, &why) == 0, "%s: %s", spec, why);
}

static uint64_t far_inc(uint32_t chip, uint32_t processor, uint32_t semaphore)
{
	return trn_test_far(&tc, chip, trn_test_inc(processor, semaphore));
}

/* ---- ring ---- */

#define RANKS 4u
static const uint32_t ring[RANKS] = { 0, 1, 5, 4 }; /* neighbours on a 4 x 4 torus */

/* Step s of rank r on its processor 0: the sum of what came and its own goes on, then what is
 * final goes round. Semaphore s counts what came in step s. */
static void ring_schedule(uint32_t r, uint64_t part)
{
	const uint32_t chip = ring[r], next = ring[(r + 1) % RANKS];
	const uint32_t steps = 2 * (RANKS - 1);
	struct trn_ext_sync_op *op;

	for (uint32_t s = 0; s < steps; s++) {
		const uint32_t chunk = (r + 2 * RANKS - s) % RANKS;
		const bool reducing = s < RANKS - 1;
		const uint64_t to = (reducing ? INBOX + s * part : D(chunk * part));

		if (s > 0)
			trn_test_wait(&tc, chip, 0, s - 1, 1, ring[(r + RANKS - 1) % RANKS]);
		if (s > 0 && s < RANKS) {
			op = trn_test_reduce(&tc, chip, 0, TRN_DTYPE_F32, D(chunk * part),
					     INBOX + (s - 1) * part, part);
			op->flags = TRN_SYNC_ADD_DST;
			(void)trn_test_op(&tc, chip, 0, TRN_SYNC_FENCE);
		}
		op = trn_test_copy(&tc, chip, 0, trn_test_far(&tc, next, to), D(chunk * part),
				   part);
		op->signal = far_inc(next, 0, s);
		op->value = 1;
		op->peer = next;
	}
	trn_test_wait(&tc, chip, 0, steps - 1, 1, ring[(r + RANKS - 1) % RANKS]);
	trn_test_submit(&tc, chip);
}

static void ring_data(uint64_t bytes)
{
	for (uint32_t r = 0; r < RANKS; r++) {
		float *p = (float *)(void *)trn_test_hbm(&tc, ring[r], D(0));

		for (uint64_t i = 0; i < bytes / 4; i++)
			p[i] = (float)((i + r * 77) % 1000);
	}
}

static void ring_expect(uint64_t bytes)
{
	for (uint32_t r = 0; r < RANKS; r++) {
		const float *p = (const float *)(void *)trn_test_hbm(&tc, ring[r], D(0));

		trn_test_expect_done(&tc, ring[r]);
		for (uint64_t i = 0; i < bytes / 4; i++) {
			float want = 0;

			for (uint32_t k = 0; k < RANKS; k++)
				want += (float)((i + k * 77) % 1000);
			if (p[i] != want)
				ck_abort_msg("rank %u element %llu", r, (unsigned long long)i);
		}
	}
}

static uint64_t ring_run(uint64_t bytes)
{
	const uint64_t start = trn_model_now(tc.host.model);

	for (uint32_t r = 0; r < RANKS; r++)
		ring_schedule((r + 2) % RANKS, bytes / RANKS);
	trn_test_collect_run(&tc);
	return trn_model_now(tc.host.model) - start;
}

/* Twice with the same semaphores; at the bandwidth of a link. */
START_TEST(a_ring)
{
	const uint64_t bytes = 16 * TRN_MIB, wire = bytes / RANKS * 2 * (RANKS - 1);
	uint64_t ps, least;

	trn_test_collect_pod(&tc, "trn2-48xl");
	least = wire * 1000000 / (tc.host.config.gen->link_server_mbps / 4);
	for (uint32_t round = 0; round < 2; round++) {
		ring_data(bytes);
		ps = ring_run(bytes);
		ring_expect(bytes);
		ck_assert_uint_ge(ps, least);
		ck_assert_msg(ps < least * 5 / 4 + 60 * US, "%llu ps, least %llu",
			      (unsigned long long)ps, (unsigned long long)least);
	}
	for (uint32_t s = 0; s < 16; s++)
		ck_assert_uint_eq(trn_test_semaphore(&tc, 0, 0, s), 0);
	trn_test_collect_close(&tc);
}
END_TEST

/* Bits and times are the same each time; times without data, too. */
START_TEST(the_same_again)
{
	uint64_t hash[2], ps[3];

	for (uint32_t round = 0; round < 3; round++) {
		trn_test_collect_init(&tc, "trn2-48xl");
		tc.host.config.timing_only = round == 2;
		trn_test_collect_open(&tc);
		ring_data(TRN_MIB);
		ps[round] = ring_run(TRN_MIB);
		if (round < 2) {
			ring_expect(TRN_MIB);
			hash[round] = trn_model_hash(tc.host.model);
		} else {
			trn_test_expect_done(&tc, 0);
		}
		trn_test_collect_close(&tc);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
	ck_assert_uint_eq(ps[0], ps[1]);
	ck_assert_uint_eq(ps[0], ps[2]);
}
END_TEST

/* The example of docs/collectives-device.md, and its time. */
START_TEST(two_chips_one_sum)
{
	const float *sum;

	trn_test_collect_pod(&tc, "trn3-ultraserver");
	for (uint32_t c = 0; c < 2; c++) {
		float *own = (float *)(void *)trn_test_hbm(&tc, c, D(0));
		struct trn_ext_sync_op *op;

		for (uint32_t i = 0; i < 16384; i++)
			own[i] = (float)(i + c);
		op = trn_test_copy(&tc, c, 0, trn_test_far(&tc, 1 - c, INBOX), D(0), 65536);
		op->signal = far_inc(1 - c, 0, 0);
		op->value = 1;
		trn_test_wait(&tc, c, 0, 0, 1, 1 - c);
		op = trn_test_reduce(&tc, c, 0, TRN_DTYPE_F32, D(0), INBOX, 65536);
		op->flags = TRN_SYNC_ADD_DST;
		(void)trn_test_op(&tc, c, 0, TRN_SYNC_FENCE);
		trn_test_submit(&tc, c);
	}
	trn_test_collect_run(&tc);
	ck_assert_uint_ge(trn_model_now(tc.host.model), 3550 * NS);
	ck_assert_uint_le(trn_model_now(tc.host.model), 3650 * NS);
	for (uint32_t c = 0; c < 2; c++) {
		trn_test_expect_done(&tc, c);
		sum = (const float *)(const void *)trn_test_hbm(&tc, c, D(0));
		for (uint32_t i = 0; i < 16384; i++)
			if (sum[i] != (float)(2 * i + 1))
				ck_abort_msg("element %u", i);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- transfers ---- */

/* Both ways, to SBUF, a sum where it lies, and what comes back. */
START_TEST(near_and_far)
{
	const uint64_t sbuf = trn_regs_tpb_axi(3), bytes = 3 * TRN_MIB + 100;
	struct trn_ext_sync_op *op;
	float *sum;

	trn_test_collect_pod(&tc, "trn3-ultraserver");
	trn_test_collect_fill(&tc, 0, D(0), bytes);
	trn_test_collect_fill(&tc, 77, D(16 * TRN_MIB), bytes);
	trn_test_copy(&tc, 0, 0, trn_test_far(&tc, 77, D(1)), D(0), bytes);
	trn_test_copy(&tc, 0, 0, D(8 * TRN_MIB), trn_test_far(&tc, 77, D(16 * TRN_MIB)), bytes);
	trn_test_copy(&tc, 0, 0, trn_test_far(&tc, 5, sbuf), D(0), 4096);
	/* The count here says that it is there. */
	op = trn_test_copy(&tc, 0, 1, trn_test_far(&tc, 9, D(0)), D(0), 64);
	op->signal = trn_test_inc(1, 4);
	op->value = 1;
	trn_test_wait(&tc, 0, 1, 4, 1, 9);
	trn_test_copy(&tc, 0, 1, D(24 * TRN_MIB), trn_test_far(&tc, 9, D(0)), 64);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_test_expect_same(&tc, 0, D(0), 77, D(1), bytes);
	trn_test_expect_same(&tc, 0, D(8 * TRN_MIB), 77, D(16 * TRN_MIB), bytes);
	trn_test_expect_same(&tc, 0, D(0), 0, D(24 * TRN_MIB), 64);
	trn_test_copy(&tc, 5, 0, D(0), sbuf, 4096);
	trn_test_submit(&tc, 5);
	trn_test_collect_run(&tc);
	trn_test_expect_same(&tc, 0, D(0), 5, D(0), 4096);
	/* dst far: read, joined and written there. */
	sum = (float *)(void *)trn_test_hbm(&tc, 11, D(0));
	for (uint32_t i = 0; i < 1024; i++) {
		((float *)(void *)trn_test_hbm(&tc, 0, D(0)))[i] = (float)i;
		sum[i] = 0.5f;
	}
	op = trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F32, trn_test_far(&tc, 11, D(0)), D(0), 4096);
	op->flags = TRN_SYNC_ADD_DST;
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	for (uint32_t i = 0; i < 1024; i++)
		ck_assert_float_eq(sum[i], (float)i + 0.5f);
	trn_test_collect_close(&tc);
}
END_TEST

/* Sources here, the result there: the most there may be, upwards and downwards, an average. */
START_TEST(a_sum_goes_far)
{
	const uint64_t pitch = 8192, top = D((TRN_SYNC_SOURCES_MAX - 1) * pitch);
	const float *sum;

	trn_test_collect_pod(&tc, "trn3-ultraserver");
	for (uint32_t s = 0; s < TRN_SYNC_SOURCES_MAX; s++) {
		float *p = (float *)(void *)trn_test_hbm(&tc, 0, D(s * pitch));

		for (uint32_t i = 0; i < 1024; i++)
			p[i] = (float)(i + s);
	}
	for (uint32_t down = 0; down < 2; down++) {
		struct trn_ext_sync_op *op = trn_test_reduce(&tc, 0, 7, TRN_DTYPE_F32,
							     trn_test_far(&tc, 100, INBOX),
							     down ? top : D(0), 4096);

		op->sources = TRN_SYNC_SOURCES_MAX;
		op->stride = down ? -pitch : pitch;
		op->scale = 1.0f / TRN_SYNC_SOURCES_MAX;
		op->signal = far_inc(100, 3, 3);
		op->value = 1;
		trn_test_wait(&tc, 100, 3, 3, 1, 0);
		trn_test_submit(&tc, 100);
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_done(&tc, 100);
		trn_test_expect_done(&tc, 0);
		sum = (const float *)(const void *)trn_test_hbm(&tc, 100, INBOX);
		for (uint32_t i = 0; i < 1024; i++) {
			/* Whole numbers below 2^24: exact. */
			if (sum[i] != (float)i + 511.5f)
				ck_abort_msg("element %u is %f", i, (double)sum[i]);
		}
		memset(trn_test_hbm(&tc, 100, INBOX), 0, 4096);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* A link's rate and latency; a pull asks first. */
START_TEST(what_far_transfers_take)
{
	const struct trn_gen *gen;
	uint64_t start, base, bytes = 32 * TRN_MIB;

	trn_test_collect_pod(&tc, "trn3-ultraserver");
	gen = tc.host.config.gen;
	base = gen->udma_fetch_ns + gen->dma_trigger_hardware_ns + gen->dma_done_ns;
	for (uint32_t round = 0; round < 4; round++) {
		const bool pull = round & 1;
		const uint64_t size = round < 2 ? 64 : bytes;
		const uint64_t far = trn_test_far(&tc, 5, INBOX); /* 3 hops */
		const uint64_t want = base * NS + size * 1000000 / gen->link_server_mbps +
				      (pull ? 6 : 3) * gen->link_hop_ns * NS;

		start = trn_model_now(tc.host.model);
		trn_test_copy(&tc, 0, 0, pull ? INBOX : far, pull ? far : INBOX, size);
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_done(&tc, 0);
		start = trn_model_now(tc.host.model) - start;
		ck_assert_msg(start * 100 > want * 97 && start * 100 < want * 103,
			      "round %u: %llu ps, expected %llu", round, (unsigned long long)start,
			      (unsigned long long)want);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* Payload and count take the same way: whatever else is late, who has the count has the bytes.
 * With a signal of the transfer, with a SIGNAL behind it, and pieces of many sizes. */
START_TEST(payload_before_its_count)
{
	trn_test_collect_pod(&tc, "trn3-ultraserver");
	fault("link.jitter,count=100000,value=20000");
	for (uint32_t round = 0; round < 40; round++) {
		const uint32_t to = 1 + (uint32_t)trn_prng_below(&tc.prng, 143);
		const uint64_t bytes = 1 + trn_prng_below(&tc.prng, 5 * TRN_MIB);
		const uint64_t far = trn_test_far(&tc, to, D(0));
		struct trn_ext_sync_op *op;

		trn_test_collect_fill(&tc, 0, D(0), bytes);
		op = trn_test_copy(&tc, 0, 0, far, D(0), bytes);
		if (round & 1) {
			op->signal = far_inc(to, 2, 8);
			op->value = 1;
		} else {
			trn_test_signal(&tc, 0, 0, far_inc(to, 2, 8), 1);
		}
		trn_test_wait(&tc, to, 2, 8, 1, 0);
		trn_test_copy(&tc, to, 2, D(16 * TRN_MIB), D(0), bytes);
		trn_test_submit(&tc, to);
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_done(&tc, to);
		trn_test_expect_same(&tc, 0, D(0), to, D(16 * TRN_MIB), bytes);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- what breaks ---- */

START_TEST(a_link_that_is_down)
{
	uint64_t address;

	trn_test_collect_pod(&tc, "trn2-48xl");
	fault("link.down,count=1,after=2");
	tc.limit_ns = 1000000;
	trn_test_copy(&tc, 0, 3, trn_test_far(&tc, 1, D(0)), D(0), 8 * TRN_MIB)->peer = 1;
	trn_test_wait(&tc, 1, 0, 0, 1, 0);
	trn_test_submit(&tc, 0);
	trn_test_submit(&tc, 1);
	trn_test_collect_run(&tc);
	address = trn_test_expect_error(&tc, 0, TRN_EXT_ERR_LINK, 3, 0, 1)->address;
	ck_assert_uint_ge(address, trn_test_far(&tc, 1, D(TRN_MIB)));
	ck_assert_uint_lt(address, trn_test_far(&tc, 1, D(8 * TRN_MIB)));
	/* Who waits hears of it by its limit. */
	trn_test_expect_error(&tc, 1, TRN_EXT_ERR_TIMEOUT, 0, 0, 0);
	/* SIGNALs are lost as well. */
	trn_test_collect_queue(&tc, 0, 0, 0);
	trn_test_signal(&tc, 0, 0, far_inc(1, 0, 0), 1);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_LINK, 0, 0, 0);
	trn_test_collect_close(&tc);
}
END_TEST

START_TEST(a_chip_that_is_lost)
{
	trn_test_collect_pod(&tc, "trn2-48xl");
	trn_test_copy(&tc, 0, 3, trn_test_far(&tc, 1, D(0)), D(0), 8 * TRN_MIB)->peer = 1;
	trn_test_submit(&tc, 0);
	trn_model_run(tc.host.model, 10 * US);
	trn_model_chip(tc.host.model, 1)->dead = true;
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_LINK, 3, 0, 1);
	for (uint32_t i = 0; i < 2; i++) {
		trn_test_collect_queue(&tc, 0, 0, 0);
		if (i == 0)
			trn_test_copy(&tc, 0, 3, trn_test_far(&tc, 1, D(0)), D(0), 64);
		else
			trn_test_signal(&tc, 0, 3, far_inc(1, 0, 0), 1);
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_error(&tc, 0, TRN_EXT_ERR_LINK, 3, 0, 0);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* What another chip sends to one in reset is lost; the chip itself starts anew. */
START_TEST(a_chip_in_reset)
{
	trn_test_collect_pod(&tc, "trn2-48xl");
	trn_test_copy(&tc, 0, 3, trn_test_far(&tc, 1, D(0)), D(0), 8 * TRN_MIB);
	trn_test_wait(&tc, 1, 0, 0, 1, 0);
	trn_test_submit(&tc, 0);
	trn_test_submit(&tc, 1);
	trn_model_run(tc.host.model, 10 * US);
	trn_test_host_select(&tc.host, 1);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_RESET_TYPE, TRN_MR_RESET_TYPE_DEVICE);
	trn_test_wr(&tc.host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, 3, 0, 0);
	ck_assert_uint_eq(trn_test_collect_status(&tc, 1, 0)->error, TRN_EXT_ERR_RESET);
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- COPY of queues ---- */

static const struct trn_ext_status *queue_copy(uint64_t dst, uint64_t src, uint64_t bytes)
{
	trn_test_ring(
		&tc, 0,
		&(struct trn_ext_cmd){ .op = TRN_CMD_COPY, .tag = 5, .a = { dst, src, bytes } });
	trn_test_collect_run(&tc);
	return trn_test_collect_status(&tc, 0, 0);
}

START_TEST(queue_copies)
{
	const uint64_t bytes = 5 * TRN_MIB + 3;
	const struct trn_ext_status *status;
	uint64_t start, want;

	trn_test_collect_pod(&tc, "trn3-ultraserver");
	trn_test_collect_fill(&tc, 0, D(0), bytes);
	start = trn_model_now(tc.host.model);
	status = queue_copy(trn_test_far(&tc, 143, D(0)), D(0), bytes);
	ck_assert_uint_eq(status->head, 1);
	trn_test_expect_same(&tc, 0, D(0), 143, D(0), bytes);
	/* At the rate of the queue's engine, the way counted once. */
	want = bytes * 1000000 / tc.host.config.gen->dma_load_mbps + 4 * 700 * NS;
	start = trn_model_now(tc.host.model) - start;
	ck_assert_uint_gt(start, want);
	ck_assert_uint_lt(start, want + 2 * US);
	status = queue_copy(D(8 * TRN_MIB), trn_test_far(&tc, 143, D(0)), bytes);
	ck_assert_uint_eq(status->head, 2);
	trn_test_expect_same(&tc, 0, D(0), 0, D(8 * TRN_MIB), bytes);
	/* From one other chip to another; to itself by its far name; nothing. */
	status = queue_copy(trn_test_far(&tc, 50, D(0)), trn_test_far(&tc, 143, D(0)), bytes);
	trn_test_expect_same(&tc, 0, D(0), 50, D(0), bytes);
	status = queue_copy(trn_test_far(&tc, 0, D(16 * TRN_MIB)), D(0), bytes);
	trn_test_expect_same(&tc, 0, D(0), 0, D(16 * TRN_MIB), bytes);
	status = queue_copy(trn_test_far(&tc, 3, D(0)), D(0), 0);
	ck_assert_uint_eq(status->head, 5);
	status = queue_copy(trn_test_far(&tc, 3, TRN_TEST_COLLECT_HBM - 4), D(0), 8);
	ck_assert_uint_eq(status->error, TRN_EXT_ERR_ADDRESS);
	ck_assert_uint_eq(status->address, trn_test_far(&tc, 3, TRN_TEST_COLLECT_HBM));
	/* Reset while it flies. */
	trn_test_collect_queue(&tc, 0, 0, 0);
	trn_test_ring(&tc, 0,
		      &(struct trn_ext_cmd){ .op = TRN_CMD_COPY,
					     .a = { trn_test_far(&tc, 9, D(0)), D(0), bytes } });
	trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 60 * US);
	trn_test_collect_queue(&tc, 0, 0, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_same(&tc, 0, D(0), 9, D(0), TRN_MIB);
	ck_assert_int_ne(memcmp(trn_test_hbm(&tc, 0, D(4 * TRN_MIB)),
				trn_test_hbm(&tc, 9, D(4 * TRN_MIB)), TRN_MIB),
			 0);
	trn_test_collect_close(&tc);
}
END_TEST

static Suite *collect_suite(void)
{
	Suite *suite = suite_create("collect_pod");
	TCase *t = tcase_create("collect_pod");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_ring);
	tcase_add_test(t, the_same_again);
	tcase_add_test(t, two_chips_one_sum);
	tcase_add_test(t, near_and_far);
	tcase_add_test(t, a_sum_goes_far);
	tcase_add_test(t, what_far_transfers_take);
	tcase_add_test(t, payload_before_its_count);
	tcase_add_test(t, a_link_that_is_down);
	tcase_add_test(t, a_chip_that_is_lost);
	tcase_add_test(t, a_chip_in_reset);
	tcase_add_test(t, queue_copies);
	suite_add_tcase(suite, t);
	return suite;
}

TRN_TEST_MAIN(collect_suite)
