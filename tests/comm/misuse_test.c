/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that do not fit together, memory that is not a rank's, things given back in odd orders:
 * a negative error that says why, nothing written elsewhere, and the communicator goes on. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "comm.h"

#define RANKS 4u
#define ROOM 4096u

static struct rig rig;

static void up(void)
{
	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, ROOM);
}

static void down(void)
{
	rig_down(&rig);
}

static struct trn_comm_call call_of(enum trn_comm_kind kind, uint32_t rank, uint64_t count)
{
	return (struct trn_comm_call){
		.size = sizeof(struct trn_comm_call),
		.kind = kind,
		.dtype = TRN_DTYPE_U32,
		.rank = rank,
		.count = count,
		.src = { .buffer = rig.src[rank] },
		.dst = { .buffer = rig.dst[rank] },
	};
}

static void says(const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_msg(strstr(error.cause, what), "\"%s\" does not say \"%s\"", error.cause, what);
}

static void fill_all(struct trn_comm_call *calls, enum trn_comm_kind kind, uint64_t count)
{
	for (uint32_t r = 0; r < RANKS; r++)
		calls[r] = call_of(kind, r, count);
}

static void still_works(void)
{
	struct trn_comm_call calls[RANKS];

	fill_all(calls, TRN_COMM_ALL_REDUCE, 16);
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), 0);
}

START_TEST(counts_of_all_to_all_that_differ)
{
	static const uint64_t few[RANKS] = { 1, 1, 1, 1 }, many[RANKS] = { 1, 200, 1, 1 };
	struct trn_comm_call calls[RANKS];

	up();
	fill_all(calls, TRN_COMM_ALL_TO_ALL, 1);
	for (uint32_t r = 0; r < RANKS; r++) {
		calls[r].src_counts = r == 0 ? many : few;
		calls[r].dst_counts = few;
	}
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), -TRN_ERANK);
	says("rank 1");
	fill_all(calls, TRN_COMM_ALL_TO_ALL, 1);
	calls[2].src_counts = many; /* the others have none */
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), -TRN_ERANK);
	still_works();
	down();
}
END_TEST

START_TEST(permutations_that_differ)
{
	static const uint32_t a[RANKS] = { 1, 0, 3, 2 }, b[RANKS] = { 2, 3, 0, 1 };
	struct trn_comm_call calls[RANKS];

	up();
	fill_all(calls, TRN_COMM_PERMUTE, 4);
	for (uint32_t r = 0; r < RANKS; r++)
		calls[r].permutation = r == 3 ? b : a;
	ck_assert_int_lt(trn_comm_run(rig.comm, calls, RANKS, SOON), 0);
	still_works();
	down();
}
END_TEST

START_TEST(a_receiver_without_a_sender)
{
	struct trn_comm_call call;
	int r;

	up();
	call = call_of(TRN_COMM_RECV, 1, 4);
	call.root = 0;
	r = trn_comm_run(rig.comm, &call, 1, SOON);
	ck_assert_msg(r == -EINVAL, "%d", r);
	says("rank 0");
	still_works();
	down();
}
END_TEST

START_TEST(messages_to_oneself)
{
	struct trn_comm_call calls[2];
	int r;

	up();
	calls[0] = call_of(TRN_COMM_SEND, 1, 4);
	calls[0].root = 1;
	calls[1] = call_of(TRN_COMM_RECV, 1, 4);
	calls[1].root = 1;
	r = trn_comm_run(rig.comm, calls, 2, SOON);
	ck_assert_msg(r == 0 || r == -EINVAL, "%d", r);
	still_works();
	down();
}
END_TEST

START_TEST(memory_that_is_not_the_ranks)
{
	const struct trn_buffer_opts host = { .size = sizeof(host),
					      .kind = TRN_BUFFER_HOST,
					      .bytes = ROOM };
	struct trn_comm_call calls[RANKS];
	struct trn_buffer *peer, *mine;

	up();
	ck_assert_int_eq(trn_buffer_peer(rig.dst[2], rig.device[1], &peer), 0);
	ck_assert_int_eq(trn_buffer_create(rig.device[1], &host, &mine), 0);
	for (uint32_t i = 0; i < 4; i++) {
		struct trn_buffer *bad = i % 2 ? mine : peer;
		int r;

		fill_all(calls, TRN_COMM_ALL_REDUCE, 4);
		if (i < 2)
			calls[1].dst.buffer = bad;
		else
			calls[1].src.buffer = bad;
		r = trn_comm_run(rig.comm, calls, RANKS, SOON);
		/* Only the rank itself reads what it gives: that may be in its host's memory. */
		ck_assert_msg(r == (i == 3 ? 0 : -EINVAL), "%u: %d", i, r);
		if (r < 0)
			says("rank 1");
	}
	trn_buffer_unref(peer);
	trn_buffer_unref(mine);
	still_works();
	down();
}
END_TEST

START_TEST(landing_places_that_did_not_fit)
{
	struct trn_queue *queue = NULL;
	struct trn_batch *batch = NULL;
	struct trn_comm_call call;
	const struct trn_queue_opts opts = { .size = sizeof(opts) };

	rig_up(&rig, "mock:trn2-48xl?hbm=32M");
	rig_comm(&rig, RANKS * 2, 1, ROOM);
	ck_assert_int_eq(trn_queue_create(rig.device[0], &opts, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	call = call_of(TRN_COMM_SEND, 0, 4);
	call.root = 1;
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(trn_batch_comm(batch, rig.comm, &call), -ENOMEM);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	down();
}
END_TEST

START_TEST(given_back_while_under_way)
{
	struct trn_comm_call calls[RANKS];
	struct trn_queue *queue[RANKS];
	struct trn_batch *batch[RANKS];
	const struct trn_queue_opts opts = { .size = sizeof(opts) };
	uint64_t ticket, sequence[RANKS];

	up();
	fill_all(calls, TRN_COMM_ALL_REDUCE, 1000);
	for (uint32_t r = 0; r < RANKS; r++) {
		ck_assert_int_eq(trn_queue_create(rig.device[r], &opts, &queue[r]), 0);
		ck_assert_int_eq(trn_batch_create(queue[r], 4, &batch[r]), 0);
		ck_assert_int_eq(trn_batch_comm(batch[r], rig.comm, &calls[r]), 0);
		ck_assert_int_eq(trn_queue_submit(queue[r], batch[r], SOON, &sequence[r]), 0);
	}
	ck_assert_int_eq(trn_comm_start(rig.comm, calls, RANKS, &ticket), 0);
	trn_comm_unref(rig.comm);
	rig.comm = NULL;
	for (uint32_t r = 0; r < RANKS; r++)
		trn_batch_destroy(batch[r]);
	for (uint32_t r = 0; r < RANKS; r++) {
		if (_i == 0)
			ck_assert_int_eq(trn_queue_wait(queue[r], sequence[r], SOON), 0);
		trn_queue_unref(queue[r]);
	}
	down();
}
END_TEST

START_TEST(one_rank_goes_others_wait)
{
	struct trn_comm_call calls[RANKS];
	uint64_t ticket;

	up();
	fill_all(calls, TRN_COMM_ALL_REDUCE, 1000);
	ck_assert_int_eq(trn_comm_start(rig.comm, calls, RANKS, &ticket), 0);
	for (uint32_t i = 0; i < rig.chips; i++)
		trn_device_unref(rig.pod[i]);
	rig.chips = 0;
	for (uint32_t r = 0; r < RANKS; r++) {
		trn_buffer_unref(rig.src[r]);
		trn_buffer_unref(rig.dst[r]);
		rig.src[r] = rig.dst[r] = NULL;
	}
	if (_i == 0)
		ck_assert_int_eq(trn_comm_wait(rig.comm, ticket, SOON), 0);
	down();
}
END_TEST

START_TEST(many_messages_hold_their_memory)
{
	enum {
		MANY = 16 /* each names its buffer twice: as much as a command holds */
	};
	struct trn_comm_call calls[2 * MANY], big[RANKS];
	struct trn_buffer *buffer[2 * MANY], *later[2 * MANY];
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = ROOM };
	uint8_t bytes[ROOM], back[ROOM];
	uint64_t first, ticket;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 8u << 20);
	memset(bytes, 0x5a, sizeof(bytes));
	for (uint32_t i = 0; i < 2 * MANY; i++) {
		ck_assert_int_eq(trn_buffer_create(rig.device[i % 2], &opts, &buffer[i]), 0);
		calls[i] = call_of(i % 2 ? TRN_COMM_RECV : TRN_COMM_SEND, i % 2, ROOM / 4);
		calls[i].root = 1 - i % 2;
		calls[i].src.buffer = calls[i].dst.buffer = buffer[i];
	}
	fill_all(big, TRN_COMM_ALL_REDUCE, 2u << 20);
	ck_assert_int_eq(trn_comm_start(rig.comm, big, RANKS, &first), 0);
	ck_assert_int_eq(trn_comm_start(rig.comm, calls, 2 * MANY, &ticket), 0);
	for (uint32_t i = 0; i < 2 * MANY; i++)
		trn_buffer_unref(buffer[i]);
	for (uint32_t i = 0; i < 2 * MANY; i++) {
		ck_assert_int_eq(trn_buffer_create(rig.device[i % 2], &opts, &later[i]), 0);
		ck_assert_int_eq(trn_buffer_write(later[i], 0, bytes, ROOM, SOON), 0);
	}
	ck_assert_int_eq(trn_comm_wait(rig.comm, first, SOON), 0);
	ck_assert_int_eq(trn_comm_wait(rig.comm, ticket, SOON), 0);
	for (uint32_t i = 0; i < 2 * MANY; i++) {
		ck_assert_int_eq(trn_buffer_read(later[i], 0, back, ROOM, SOON), 0);
		ck_assert_msg(memcmp(back, bytes, ROOM) == 0, "buffer %u", i);
		trn_buffer_unref(later[i]);
	}
	down();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("comm");
	TCase *t = tcase_create("misuse");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, counts_of_all_to_all_that_differ);
	tcase_add_test(t, permutations_that_differ);
	tcase_add_test(t, a_receiver_without_a_sender);
	tcase_add_test(t, messages_to_oneself);
	tcase_add_test(t, memory_that_is_not_the_ranks);
	tcase_add_test(t, landing_places_that_did_not_fit);
	tcase_add_loop_test(t, given_back_while_under_way, 0, 2);
	tcase_add_loop_test(t, one_rank_goes_others_wait, 0, 2);
	tcase_add_test(t, many_messages_hold_their_memory);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
