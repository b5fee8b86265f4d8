/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks that are chips of several processes, and one that dies, does not come, calls something
 * else, or loses a chip: everybody else hears who before the deadline, and goes on without it. */
#include "hosts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <trn/diag.h>
#include <unistd.h>
#include "base/bits.h"

#define COUNT 9001u
#define SOON trn_deadline_in(LIMIT_NS)
#define VICTIM 1u

static int32_t numbers[COUNT * 16];

/* A call of each local rank. */
static void calls_fill(struct self *self, enum trn_comm_kind kind, struct trn_comm_call *calls)
{
	for (uint32_t l = 0; l < self->locals; l++)
		calls[l] = (struct trn_comm_call){ .size = sizeof(*calls),
						   .kind = kind,
						   .dtype = TRN_DTYPE_S32,
						   .rank = self->first + l,
						   .count = COUNT,
						   .src.buffer = self->src[l],
						   .dst.buffer = self->dst[l] };
}

static int blamed(struct self *self, int r, const char *text)
{
	struct trn_error error = { .size = sizeof(error) };

	if (r != -TRN_ERANK)
		return wrong(self, r, "nobody is missed");
	if (trn_error_get(self->context, &error) < 0 || !strstr(error.cause, text))
		return wrong(self, r, "another one is blamed");
	return 0;
}

/* All-reduces until one fails; then among the rest, whose first results are compared. */
static int go_on(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	struct trn_comm_info info = { .size = sizeof(info) };
	struct trn_comm *fresh = NULL;
	int r = trn_comm_shrink(self->comm, SOON, &fresh);

	if (r < 0)
		return wrong(self, r, "shrink");
	(void)trn_comm_unref(self->comm);
	self->comm = fresh;
	r = trn_comm_info(fresh, &info);
	if (r == 0 && info.processes != self->job->processes - 1)
		return wrong(self, 0, "not all others are left");
	self->first = info.first;
	calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		for (uint32_t i = 0; i < COUNT; i++)
			numbers[i] = (int32_t)(self->first + l + i);
		r = trn_buffer_write(self->src[l], 0, numbers, COUNT * 4, SOON);
	}
	if (r == 0)
		r = trn_comm_run(fresh, calls, self->locals, SOON);
	if (r < 0)
		return wrong(self, r, "after the shrink");
	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		r = trn_buffer_read(self->dst[l], 0, numbers, COUNT * 4, SOON);
		for (uint32_t i = 0; r == 0 && i < COUNT; i++)
			if (numbers[i] !=
			    (int32_t)(info.ranks * (info.ranks - 1) / 2 + info.ranks * i))
				r = wrong(self, 0, "a sum after the shrink");
	}
	return r;
}

/* ---- a process that is killed ---- */

static const enum trn_comm_kind kinds[] = {
	TRN_COMM_ALL_REDUCE,     TRN_COMM_ALL_TO_ALL, TRN_COMM_ALL_GATHER,
	TRN_COMM_REDUCE_SCATTER, TRN_COMM_BROADCAST,
};

static int killed(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	char name[32];
	int r = open_all(self);

	for (uint32_t i = 0; r == 0 && i < 60; i++) {
		uint64_t ticket = 0;

		calls_fill(self, kinds[i % TRN_ARRAY_LEN(kinds)], calls);
		r = trn_comm_start(self->comm, calls, self->locals, &ticket);
		if (self->process == VICTIM && i == 7 + self->job->variant)
			(void)kill(getpid(), SIGKILL);
		if (r == 0)
			r = trn_comm_wait(self->comm, ticket, SOON);
	}
	(void)snprintf(name, sizeof(name), "process %u", VICTIM);
	r = blamed(self, r, name);
	if (r == 0)
		r = go_on(self);
	close_all(self);
	return r;
}

START_TEST(a_process_that_is_killed)
{
	struct job job = { .processes = 3, .locals = { 2, 3, 1 }, .variant = (uint32_t)_i };

	job.flags = _i % 2 ? TRN_COMM_PROGRESS_THREAD : 0;
	ck_assert_uint_eq(run_job(&job, killed), 1u << VICTIM);
#ifdef TRN_HAVE_FABRIC
	job.provider = "tcp;ofi_rxm";
	ck_assert_uint_eq(run_job(&job, killed), 1u << VICTIM);
#endif
}
END_TEST

/* Recorded: the queues of the others stop, and their records say why. */
static int killed_in_batch(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	struct trn_batch *batch = NULL;
	struct trn_queue *queue = NULL;
	uint64_t sequence = 0;
	int r = open_all(self);

	calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
	if (r == 0)
		r = trn_queue_create(self->devices[0], NULL, &queue);
	if (r == 0)
		r = trn_batch_create(queue, 4, &batch);
	if (r == 0)
		r = trn_batch_comm(batch, self->comm, &calls[0]);
	for (uint32_t i = 0; r == 0 && i < 20; i++) {
		r = trn_queue_submit(queue, batch, SOON, &sequence);
		if (self->process == VICTIM && i == 5)
			(void)kill(getpid(), SIGKILL);
		while (r == 0 &&
		       (r = trn_queue_wait(queue, sequence, TRN_DEADLINE_NOW)) == -ETIMEDOUT) {
			if (!self->job->flags)
				(void)trn_comm_progress(self->comm);
			r = 0;
		}
	}
	if (r != -TRN_ERANK)
		r = wrong(self, r, "the queue does not stop");
	else
		r = trn_comm_run(self->comm, calls, 1, SOON) == -TRN_ERANK ? 0 : -EPROTO;
	(void)trn_batch_destroy(batch);
	(void)trn_queue_unref(queue);
	if (r == 0)
		r = go_on(self);
	close_all(self);
	return r;
}

START_TEST(a_process_that_is_killed_while_queues_wait)
{
	struct job job = { .processes = 3, .locals = { 1, 1, 1 } };

	ck_assert_uint_eq(run_job(&job, killed_in_batch), 1u << VICTIM);
	job.flags = TRN_COMM_PROGRESS_THREAD;
	job.pod = "mock:trn2-48xl?threads=1";
	ck_assert_uint_eq(run_job(&job, killed_in_batch), 1u << VICTIM);
}
END_TEST

/* ---- one that does not come ---- */

static int late(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	const uint64_t patience = UINT64_C(400000000);
	int r = open_all(self);

	calls_fill(self, kinds[self->job->variant], calls);
	if (r == 0 && self->process == VICTIM) {
		/* Here, and alive, until the others gave up. */
		calls[0].kind = TRN_COMM_RECV;
		calls[0].root = 0;
		r = trn_comm_run(self->comm, calls, 1, SOON);
		r = r == -TRN_ERANK ? 0 : wrong(self, r, "the others did not give up");
	} else if (r == 0) {
		r = blamed(self,
			   trn_comm_run(self->comm, calls, self->locals, trn_deadline_in(patience)),
			   "process 1");
	}
	close_all(self);
	return r;
}

START_TEST(a_process_that_does_not_come)
{
	struct job job = { .processes = 3, .locals = { 2, 1, 2 }, .variant = (uint32_t)_i };

	ck_assert_uint_eq(run_job(&job, late), 0);
#ifdef TRN_HAVE_FABRIC
	job.provider = "tcp;ofi_rxm";
	ck_assert_uint_eq(run_job(&job, late), 0);
#endif
}
END_TEST

/* ---- one that calls something else ---- */

enum misfit {
	MISFIT_KIND,
	MISFIT_COUNT,
	MISFIT_ROOT,
	MISFIT_DTYPE,
	MISFIT_PAIR,
	MISFIT_LENGTH,
	MISFIT_RANK,
	MISFIT_NUMBERS,
	MISFITS,
};

static const char *const misfit_words[MISFITS] = {
	[MISFIT_KIND] = "process",   [MISFIT_COUNT] = "process", [MISFIT_ROOT] = "root",
	[MISFIT_DTYPE] = "dtype",    [MISFIT_PAIR] = "process",  [MISFIT_LENGTH] = "sends",
	[MISFIT_RANK] = "from rank", [MISFIT_NUMBERS] = "dtype",
};

/* Two processes of two ranks. process 1 does it differently. */
static uint32_t misfit_fill(struct self *self, struct trn_comm_call *calls, uint64_t *counts)
{
	const enum misfit misfit = (enum misfit)self->job->variant;
	const bool other = self->process == VICTIM;

	calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
	for (uint32_t l = 0; l < 2; l++) {
		if (misfit == MISFIT_KIND && other)
			calls[l].kind = TRN_COMM_REDUCE;
		if (misfit == MISFIT_COUNT)
			calls[l].count += other;
		if (misfit == MISFIT_DTYPE && other)
			calls[l].dtype = TRN_DTYPE_F32;
		if (misfit == MISFIT_ROOT) {
			calls[l].kind = TRN_COMM_BROADCAST;
			calls[l].root = other ? 3 : 0;
		}
		if (misfit == MISFIT_PAIR) {
			calls[l].kind = TRN_COMM_ALL_TO_ALL;
			calls[l].src_counts = counts;
			calls[l].dst_counts = counts;
			for (uint32_t r = 0; r < 4; r++)
				counts[r] = 100 + other;
		}
	}
	if (misfit < MISFIT_LENGTH)
		return 2;
	/* Rank 0 to rank 2, but process 1 receives with rank 3, or other lengths or types. */
	calls[0].kind = other ? TRN_COMM_RECV : TRN_COMM_SEND;
	calls[0].root = other ? 0 : 2;
	if (other && misfit == MISFIT_LENGTH)
		calls[0].count++;
	if (other && misfit == MISFIT_RANK)
		calls[0].rank++;
	if (other && misfit == MISFIT_RANK)
		calls[0].dst.buffer = self->dst[1];
	if (other && misfit == MISFIT_NUMBERS)
		calls[0].dtype = TRN_DTYPE_F32;
	return 1;
}

static int misfits(struct self *self)
{
	const enum misfit misfit = (enum misfit)self->job->variant;
	struct trn_error error = { .size = sizeof(error) };
	struct trn_comm_call calls[LOCALS_MAX];
	uint64_t counts[16];
	int r = open_all(self);

	if (r == 0) {
		uint32_t count = misfit_fill(self, calls, counts);

		r = trn_comm_run(self->comm, calls, count, SOON);
		/* A send is away when it is away: its process hears of it in the next group. */
		calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
		if (r == 0 && misfit >= MISFIT_LENGTH)
			r = trn_comm_run(self->comm, calls, self->locals, SOON);
	}
	(void)trn_error_get(self->context, &error);
	if (r != -TRN_ERANK || !strstr(error.cause, "process "))
		r = wrong(self, r, "nobody is named");
	else if ((misfit < MISFIT_LENGTH || self->process == VICTIM) &&
		 !strstr(error.cause, misfit_words[misfit]))
		r = wrong(self, r, "other words");
	else
		r = 0;
	close_all(self);
	return r;
}

START_TEST(a_process_that_calls_something_else)
{
	struct job job = { .processes = 2, .locals = { 2, 2 }, .variant = (uint32_t)_i };

	ck_assert_uint_eq(run_job(&job, misfits), 0);
#ifdef TRN_HAVE_FABRIC
	job.provider = "tcp;ofi_rxm";
	ck_assert_uint_eq(run_job(&job, misfits), 0);
#endif
}
END_TEST

/* ---- mistakes of one's own: said at once, and nothing is broken ---- */

static int refused(struct self *self, struct trn_comm_call *calls, uint32_t count, int code,
		   const char *words)
{
	struct trn_error error = { .size = sizeof(error) };
	uint64_t ticket = 77;
	int r = trn_comm_start(self->comm, calls, count, &ticket);

	(void)trn_error_get(self->context, &error);
	if (r != code || ticket != 77 || !strstr(error.cause, words))
		return wrong(self, r, words);
	return 0;
}

static int mistakes(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	struct trn_batch *batch = NULL;
	struct trn_queue *queue = NULL;
	int r = open_all(self);

	calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
	if (r == 0)
		r = refused(self, calls, 1, -EINVAL, "is missing, 1 of 2 local ranks have one");
	calls[1].count--;
	if (r == 0)
		r = refused(self, calls, 2, -EINVAL, "differs in count");
	calls[1].count++;
	calls[1].dst.host = numbers;
	if (r == 0)
		r = refused(self, calls, 2, -EINVAL, "a buffer and host memory");
	calls[1].dst.host = NULL;
	calls[0].kind = TRN_COMM_SEND;
	calls[0].root = self->first + 1;
	if (r == 0)
		r = refused(self, calls, 1, -EINVAL, "does not receive what rank");
	/* Recorded, a message does not know when the other side comes. */
	if (r == 0)
		r = trn_queue_create(self->devices[0], NULL, &queue);
	if (r == 0)
		r = trn_batch_create(queue, 2, &batch);
	if (r == 0 && trn_batch_comm(batch, self->comm, &calls[0]) != -ENOTSUP)
		r = wrong(self, 0, "a recorded send");
	calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
	if (r == 0 && trn_batch_comm(batch, self->comm, &calls[0]) != -ENOSPC)
		r = wrong(self, 0, "a full batch");
	(void)trn_batch_destroy(batch);
	(void)trn_queue_unref(queue);
	if (r == 0)
		r = trn_comm_run(self->comm, calls, 2, SOON);
	if (r < 0)
		(void)wrong(self, r, "after mistakes");
	close_all(self);
	return r;
}

START_TEST(mistakes_of_ones_own)
{
	struct job job = { .processes = 2, .locals = { 2, 2 } };

	ck_assert_uint_eq(run_job(&job, mistakes), 0);
}
END_TEST

/* ---- a chip that is gone: its process says so, and the others name the process ---- */

static int chip_gone(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	char text[64];
	uint32_t rank = UINT32_MAX;
	int r = open_all(self);

	for (uint32_t i = 0; r == 0 && i < 20; i++) {
		if (self->process == VICTIM && i == 5)
			(void)!trn_diag_control(self->devices[1], "fault", "device.lost", text,
						sizeof(text));
		calls_fill(self, kinds[i % TRN_ARRAY_LEN(kinds)], calls);
		r = trn_comm_run(self->comm, calls, self->locals, SOON);
	}
	if (self->process != VICTIM)
		r = blamed(self, r, "process 1");
	else if (r == -TRN_EDEVLOST || r == -TRN_ERANK)
		r = trn_comm_lost(self->comm, 0, &rank, text, sizeof(text)) == 0 && rank == 3 ?
			    0 :
			    wrong(self, r, "the chip is not named");
	else
		r = wrong(self, r, "the chip is not missed");
	close_all(self);
	return r;
}

START_TEST(a_chip_that_is_gone)
{
	struct job job = { .processes = 3, .locals = { 2, 2, 2 }, .pod = "mock:trn3-gen1" };

	ck_assert_uint_eq(run_job(&job, chip_gone), 0);
}
END_TEST

/* ---- a forked child has no thread ---- */

static int in_child(struct self *self)
{
	struct trn_comm_call calls[LOCALS_MAX];
	int status = 1, r = open_all(self);
	pid_t pid;

	calls_fill(self, TRN_COMM_ALL_REDUCE, calls);
	if (r == 0)
		r = trn_comm_run(self->comm, calls, self->locals, SOON);
	pid = fork();
	if (pid == 0)
		_exit(trn_comm_run(self->comm, calls, self->locals, SOON) == -EPERM &&
				      trn_comm_progress(self->comm) == -EPERM ?
			      0 :
			      1);
	if (r == 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		r = wrong(self, 0, "in a child");
	if (r == 0)
		r = trn_comm_run(self->comm, calls, self->locals, SOON);
	close_all(self);
	return r;
}

START_TEST(a_forked_child)
{
	struct job job = { .processes = 2, .locals = { 1, 1 }, .flags = TRN_COMM_PROGRESS_THREAD };

	ck_assert_uint_eq(run_job(&job, in_child), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("chips-fault");
	TCase *t = tcase_create("chips-fault");

	tcase_set_timeout(t, 150);
	tcase_add_loop_test(t, a_process_that_is_killed, 0, 5);
	tcase_add_test(t, a_process_that_is_killed_while_queues_wait);
	tcase_add_loop_test(t, a_process_that_does_not_come, 0, (int)TRN_ARRAY_LEN(kinds));
	tcase_add_loop_test(t, a_process_that_calls_something_else, 0, (int)MISFITS);
	tcase_add_test(t, mistakes_of_ones_own);
	tcase_add_test(t, a_chip_that_is_gone);
	tcase_add_test(t, a_forked_child);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
