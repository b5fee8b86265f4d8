/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives that cannot end: a rank that never comes, a link that is lost, a chip that is gone,
 * memory that is not there. A named error before the deadline, nothing leaks, and the survivors
 * go on. */
#include "comm.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

#define RANKS 4u
#define COUNT 1000u

static void calls_fill(const struct rig *rig, struct trn_comm_call *calls)
{
	for (uint32_t r = 0; r < rig->ranks; r++)
		calls[r] = (struct trn_comm_call){
			.size = sizeof(calls[r]),
			.dtype = TRN_DTYPE_F32,
			.rank = r,
			.count = COUNT,
			.src.buffer = rig->src[r],
			.dst.buffer = rig->dst[r],
		};
}

static void cause_has(const struct rig *rig, const char *text)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(rig->context, &error), 0);
	ck_assert_msg(strstr(error.cause, text) != NULL, "\"%s\" has no \"%s\"", error.cause, text);
}

START_TEST(a_group_without_one_rank)
{
	struct trn_comm_call calls[RANKS_MAX];
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 8192);
	calls_fill(&rig, calls);
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS - 1, SOON), -EINVAL);
	cause_has(&rig, "rank 3 has no call");
	calls[2].count--;
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), -TRN_ERANK);
	cause_has(&rig, "rank 2 has another count");
	calls[2].count++;
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), 0);
	rig_down(&rig);
}
END_TEST

/* Recorded, and one does not submit: the others hear of it. */
START_TEST(a_rank_that_never_comes)
{
	struct trn_queue *queue[RANKS];
	struct trn_batch *batch[RANKS];
	struct trn_comm_call calls[RANKS_MAX];
	uint64_t sequence[RANKS];
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 8192);
	calls_fill(&rig, calls);
	for (uint32_t r = 0; r < RANKS; r++) {
		ck_assert_int_eq(trn_queue_create(rig.device[r], NULL, &queue[r]), 0);
		ck_assert_int_eq(trn_batch_create(queue[r], 4, &batch[r]), 0);
		ck_assert_int_eq(trn_batch_comm(batch[r], rig.comm, &calls[r]), 0);
	}
	for (uint32_t r = 0; r + 1 < RANKS; r++)
		ck_assert_int_eq(trn_queue_submit(queue[r], batch[r], SOON, &sequence[r]), 0);
	ck_assert_int_lt(trn_queue_wait(queue[0], sequence[0], SOON), 0);
	cause_has(&rig, "waited past its limit: rank");
	for (uint32_t r = 0; r < RANKS; r++) {
		(void)trn_batch_destroy(batch[r]);
		(void)trn_queue_unref(queue[r]);
	}
	rig_down(&rig);
}
END_TEST

/* Every fault ends in an error that names a rank; the rest makes a new communicator. */
static void fails_and_shrinks(const char *fault, int code)
{
	struct trn_comm_call calls[RANKS_MAX];
	struct trn_comm *old, *fresh = NULL;
	struct trn_comm_info info = { .size = sizeof(info) };
	char text[64], why[128];
	struct rig rig;
	uint32_t rank = 99;
	int r;

	/* On a torus a lost chip would be in the way of others. */
	rig_up(&rig, "mock:trn3-ultraserver");
	rig_comm(&rig, RANKS, 1, 8192);
	calls_fill(&rig, calls);
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), 0);
	ck_assert_int_eq(trn_diag_control(rig.device[1], "fault", fault, text, sizeof(text)), 0);
	r = trn_comm_run(rig.comm, calls, RANKS, SOON);
	ck_assert_msg(r == code || r == -TRN_ERANK, "%d: %s", r, trn_strerror(r));
	cause_has(&rig, "rank");
	ck_assert_int_eq(trn_comm_lost(rig.comm, 0, &rank, why, sizeof(why)), 0);
	ck_assert_uint_lt(rank, RANKS);
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, RANKS, SOON), -TRN_ERANK);
	cause_has(&rig, "has failed");
	ck_assert_int_eq(trn_comm_shrink(rig.comm, SOON, &fresh), 0);
	ck_assert_int_eq(trn_comm_info(fresh, &info), 0);
	ck_assert_uint_eq(info.ranks, RANKS - 1);
	old = rig.comm;
	for (uint32_t i = 0, to = 0; i < RANKS; i++) {
		if (i == rank)
			continue;
		calls[to] = calls[i];
		calls[to].rank = to;
		to++;
	}
	ck_assert_int_eq(trn_comm_run(fresh, calls, RANKS - 1, SOON), 0);
	ck_assert_ptr_null(trn_comm_unref(fresh));
	rig.comm = old;
	rig_down(&rig);
}

START_TEST(a_chip_that_is_gone)
{
	fails_and_shrinks("device.lost", -TRN_EDEVLOST);
}
END_TEST

START_TEST(a_link_that_is_lost)
{
	fails_and_shrinks("link.down", -EIO);
}
END_TEST

/* Each allocation of a communicator and its first call, refused once. */
START_TEST(no_memory)
{
	struct trn_comm_call calls[RANKS_MAX];
	struct trn_comm_opts opts = { .size = sizeof(opts), .count = RANKS };
	bool done = false;
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 8192);
	calls_fill(&rig, calls);
	opts.devices = rig.device;
	for (int n = 0; !done; n++) {
		struct trn_comm *comm = NULL;
		int r;

		trn_test_alloc_arm(&rig.mem, n);
		r = trn_comm_create(rig.context, &opts, SOON, &comm);
		if (r == 0)
			r = trn_comm_run(comm, calls, RANKS, SOON);
		done = !rig.mem.failed;
		trn_test_alloc_arm(&rig.mem, -1);
		ck_assert_msg(r == 0 || r == -ENOMEM || r == -ENOTSUP, "allocation %d: %s", n,
			      trn_strerror(r));
		ck_assert(!done || r == 0);
		ck_assert_ptr_null(trn_comm_unref(comm));
	}
	rig_down(&rig);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("comm-fault");
	TCase *t = tcase_create("fault");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_group_without_one_rank);
	tcase_add_test(t, a_rank_that_never_comes);
	tcase_add_test(t, a_chip_that_is_gone);
	tcase_add_test(t, a_link_that_is_lost);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
