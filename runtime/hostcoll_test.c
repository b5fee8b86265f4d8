/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives among forked processes, through the mapping and over libfabric. */
#include "runtime/test_hostcoll.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/prng.h"
#include "base/test_main.h"

static const char *const providers[] = {
	NULL,
#ifdef TRN_HAVE_FABRIC
	"shm",
	"tcp;ofi_rxm",
#endif
};

static const enum trn_dtype dtypes[] = { TRN_DTYPE_F32,    TRN_DTYPE_BF16, TRN_DTYPE_F16,
					 TRN_DTYPE_F8E4M3, TRN_DTYPE_S8,   TRN_DTYPE_U16,
					 TRN_DTYPE_S32 };

/* Around the borders of what the ways distinguish. */
static const uint64_t sizes[] = { 0, 1, 3, 63, 1000, 2049, 8191, 65537, 300001 };

static int all_kinds(struct test_process *self)
{
	const uint64_t rounds = self->job->processes > 6 ? 2 : 6;
	struct trn_prng prng;
	int r = 0;

	trn_prng_seed(&prng, trn_test_seed() * 64 + self->job->processes);
	for (uint64_t round = 0; r == 0 && round < rounds; round++)
		for (uint32_t kind = 0; r == 0 && kind < TRN_COMM_KINDS; kind++) {
			const enum trn_dtype dtype =
				dtypes[trn_prng_below(&prng, TRN_ARRAY_LEN(dtypes))];
			const uint64_t count = sizes[trn_prng_below(&prng, TRN_ARRAY_LEN(sizes))];
			const enum trn_comm_op op =
				(enum trn_comm_op)trn_prng_below(&prng, TRN_COMM_OPS);
			const bool counts = trn_prng_below(&prng, 2) == 0;

			if (kind == TRN_COMM_SEND || kind == TRN_COMM_RECV)
				continue;
			r = test_call(self, (enum trn_comm_kind)kind, dtype, op, count,
				      trn_test_seed() + round, counts);
		}
	return r;
}

START_TEST(kinds_give_what_they_should)
{
	static const uint32_t processes[] = { 1, 2, 3, 5, 8, 16 };

	for (size_t i = 0; i < TRN_ARRAY_LEN(processes); i++) {
		struct test_job job = { .processes = processes[i], .provider = providers[_i] };

		/* TCP among many processes on few cores is slow, and shows nothing new. */
		if (_i == 2 && processes[i] > 5)
			break;

		ck_assert_uint_eq(test_job_run(&job, all_kinds), 0);
	}
}
END_TEST

static int every_dtype(struct test_process *self)
{
	int r = 0;

	for (uint32_t dtype = 0; r == 0 && dtype < TRN_DTYPE_COUNT; dtype++)
		for (uint32_t op = 0; r == 0 && op < TRN_COMM_OPS; op++)
			if (trn_reduce_has((enum trn_dtype)dtype))
				r = test_call(self, TRN_COMM_ALL_REDUCE, (enum trn_dtype)dtype,
					      (enum trn_comm_op)op, op == 0 ? 70001 : 129,
					      trn_test_seed(), false);
	return r;
}

START_TEST(dtypes_and_operators)
{
	struct test_job job = { .processes = 3, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, every_dtype), 0);
}
END_TEST

/* Sums on both sides of where another way is taken, with parts of different lengths; the longest
 * in several rounds. */
static int sums(struct test_process *self)
{
	static const uint64_t counts[] = { 1024, 2048, 2049, 4099, 8191, 16000, 1500001 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < TRN_ARRAY_LEN(counts); i++)
		r = test_call(self, TRN_COMM_ALL_REDUCE, TRN_DTYPE_F32, TRN_COMM_SUM, counts[i],
			      trn_test_seed() + i, false);
	return r;
}

START_TEST(sums_of_every_length)
{
	static const uint32_t processes[] = { 2, 3, 5 };

	for (size_t i = 0; i < TRN_ARRAY_LEN(processes); i++) {
		struct test_job job = { .processes = processes[i], .provider = providers[_i] };

		ck_assert_uint_eq(test_job_run(&job, sums), 0);
	}
}
END_TEST

/* ---- messages ---- */

#define MESSAGES 6u

/* Everybody sends to everybody and to itself, several at once, receives first or last. */
static int messages(struct test_process *self)
{
	static const uint64_t bytes[MESSAGES] = { 1, 100, 0, 70000, 8193, 1500000 };
	const uint32_t n = self->job->processes;
	struct trn_hostcoll *colls[2 * MESSAGES];
	struct trn_hostcoll_call call = { .dtype = TRN_DTYPE_U8 };
	unsigned char *memory[2 * MESSAGES], *expected = malloc(1500000);
	uint32_t count = 0;
	int r = 0;

	call.deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	for (uint32_t m = 0; r == 0 && m < MESSAGES; m++) {
		const uint32_t to = (self->process + m) % n, from = (self->process + n - m % n) % n;

		memory[count] = malloc(bytes[m] + 1);
		test_fill(TRN_DTYPE_U8, m, self->process, 0, bytes[m], memory[count]);
		call.kind = TRN_COMM_SEND;
		call.root = to;
		call.count = bytes[m];
		call.src = memory[count];
		call.dst = NULL;
		r = trn_hostcoll_start(self->wire, &call, &colls[count++]);
		memory[count] = calloc(1, bytes[m] + 1);
		call.kind = TRN_COMM_RECV;
		call.root = from;
		call.src = NULL;
		call.dst = memory[count];
		if (r == 0)
			r = trn_hostcoll_start(self->wire, &call, &colls[count++]);
	}
	for (uint32_t c = 0; r == 0 && c < count; c++)
		r = trn_hostcoll_wait(colls[count - 1 - c]);
	if (r < 0)
		r = test_wrong(self, "messages: %s", trn_strerror(r));
	for (uint32_t c = 0; c < count; c++)
		trn_hostcoll_end(colls[c]);
	for (uint32_t m = 0; r == 0 && m < MESSAGES; m++) {
		test_fill(TRN_DTYPE_U8, m, (self->process + n - m % n) % n, 0, bytes[m], expected);
		if (memcmp(expected, memory[2 * m + 1], bytes[m]) != 0)
			r = test_wrong(self, "message %u has wrong bytes", m);
	}
	for (uint32_t c = 0; c < count; c++)
		free(memory[c]);
	free(expected);
	return r;
}

START_TEST(messages_arrive)
{
	for (uint32_t n = 1; n <= 4; n++) {
		struct test_job job = { .processes = n, .provider = providers[_i] };

		ck_assert_uint_eq(test_job_run(&job, messages), 0);
	}
}
END_TEST

/* ---- what goes wrong ---- */

static int expect_rank(struct test_process *self, int r, const char *who, const char *what)
{
	if (r != -TRN_ERANK || !strstr(test_cause(self), who) || !strstr(test_cause(self), what))
		return test_wrong(self, "%s, but '%s' and '%s' were expected", trn_strerror(r), who,
				  what);
	/* And it stays so. */
	r = trn_hostcoll_run(self->wire, &(struct trn_hostcoll_call){ .kind = TRN_COMM_BARRIER });
	return r == -TRN_ERANK ? 0 : test_wrong(self, "the wire goes on after a failure");
}

/* Nobody has gone while others still look. */
static void meet(struct test_process *self, uint32_t count)
{
	_Atomic uint32_t *there = self->job->shared;
	const uint64_t deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	unsigned int round = 0;

	(void)atomic_fetch_add(there, 1);
	while (atomic_load(there) < count && !trn_clock_passed(deadline_ns)) {
		trn_boot_lost(self->boot, &(uint32_t){ 0 }, (char[184]){ 0 }, 184);
		trn_clock_backoff(&round);
	}
}

static int leave(struct test_process *self, int r, uint32_t count)
{
	meet(self, count);
	trn_wire_close(self->wire);
	trn_boot_close(self->boot);
	_exit(r == 0 ? 0 : 1);
}

static struct trn_hostcoll_call reduce_call(void *memory, uint64_t count)
{
	return (struct trn_hostcoll_call){ .kind = TRN_COMM_ALL_REDUCE,
					   .dtype = TRN_DTYPE_F32,
					   .count = count,
					   .src = memory,
					   .dst = memory,
					   .deadline_ns = trn_clock_deadline(TEST_LIMIT_NS) };
}

static int other_kind(struct test_process *self)
{
	static float memory[100];
	struct trn_hostcoll_call call = reduce_call(memory, 100);
	int r;

	if (self->process == 1)
		call.kind = TRN_COMM_BROADCAST;
	r = trn_hostcoll_run(self->wire, &call);
	r = expect_rank(self, r, "process", "calls");
	return leave(self, r, 3);
}

START_TEST(another_call_is_named)
{
	struct test_job job = { .processes = 3, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, other_kind), 0);
}
END_TEST

static int other_length(struct test_process *self)
{
	static unsigned char memory[200];
	struct trn_hostcoll_call call = { .kind = self->process ? TRN_COMM_RECV : TRN_COMM_SEND,
					  .root = !self->process,
					  .dtype = TRN_DTYPE_U8,
					  .count = self->process ? 100 : 200,
					  .src = memory,
					  .dst = memory,
					  .deadline_ns = trn_clock_deadline(TEST_LIMIT_NS) };
	int r = trn_hostcoll_run(self->wire, &call);

	if (self->process == 1)
		r = expect_rank(self, r, "process 0", "200 bytes");
	else
		r = 0; /* it may have been done before anybody looked */
	return leave(self, r, 2);
}

START_TEST(truncation_is_an_error)
{
	struct test_job job = { .processes = 2, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, other_length), 0);
}
END_TEST

static int sleeper(struct test_process *self)
{
	static float memory[100];
	struct trn_hostcoll_call call = reduce_call(memory, 100);
	int r;

	call.deadline_ns = trn_clock_deadline(UINT64_C(300000000));
	if (self->process == 2)
		return leave(self, 0, 4);
	r = trn_hostcoll_run(self->wire, &call);
	r = expect_rank(self, r, "process", "no progress before the deadline");
	return leave(self, r, 4);
}

START_TEST(a_late_process_is_named)
{
	struct test_job job = { .processes = 4, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, sleeper), 0);
}
END_TEST

static int victim(struct test_process *self)
{
	static float memory[1 << 18];
	struct trn_hostcoll_call call = reduce_call(memory, 1 << 18);
	const uint64_t start_ns = trn_clock_ns();
	int r = 0;

	for (uint32_t i = 0; r == 0; i++) {
		if (self->process == 1 && i == 20)
			(void)kill(getpid(), SIGKILL);
		r = trn_hostcoll_run(self->wire, &call);
	}
	if (trn_clock_ns() - start_ns > TEST_LIMIT_NS / 2)
		r = test_wrong(self, "only the deadline found it");
	r = expect_rank(self, r, "process 1", "");
	return leave(self, r, 3);
}

START_TEST(a_killed_process_is_named_before_the_deadline)
{
	struct test_job job = { .processes = 4, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, victim), 1u << 1);
}
END_TEST

static int receive(struct test_process *self, uint32_t from, uint32_t number)
{
	unsigned char memory[100], expected[100];
	struct trn_hostcoll_call call = { .kind = TRN_COMM_RECV,
					  .root = from,
					  .dtype = TRN_DTYPE_U8,
					  .count = sizeof(memory),
					  .dst = memory,
					  .deadline_ns = trn_clock_deadline(TEST_LIMIT_NS) };
	int r = trn_hostcoll_run(self->wire, &call);

	test_fill(TRN_DTYPE_U8, number, from, 0, sizeof(expected), expected);
	if (r == 0 && memcmp(memory, expected, sizeof(expected)) != 0)
		r = test_wrong(self, "message %u of process %u has wrong bytes", number, from);
	return r;
}

static int send(struct test_process *self, uint32_t to, uint32_t number)
{
	unsigned char memory[100];
	struct trn_hostcoll_call call = { .kind = TRN_COMM_SEND,
					  .root = to,
					  .dtype = TRN_DTYPE_U8,
					  .count = sizeof(memory),
					  .src = memory,
					  .deadline_ns = trn_clock_deadline(TEST_LIMIT_NS) };

	test_fill(TRN_DTYPE_U8, number, self->process, 0, sizeof(memory), memory);
	return trn_hostcoll_run(self->wire, &call);
}

/* Process 0 sends and is gone; process 2 sends long after that. Process 1 misses nothing, until it
 * wants more of process 0. */
static int early_leaver(struct test_process *self)
{
	struct trn_hostcoll_call barrier = { .kind = TRN_COMM_BARRIER,
					     .deadline_ns = trn_clock_deadline(TEST_LIMIT_NS) };
	uint64_t later_ns = trn_clock_deadline(UINT64_C(300000000));
	unsigned int round = 0;
	int r = trn_hostcoll_run(self->wire, &barrier);

	if (r == 0 && self->process == 0) {
		r = send(self, 1, 0);
		return leave(self, r, 0);
	}
	while (self->process == 2 && !trn_clock_passed(later_ns))
		trn_clock_backoff(&round);
	if (r == 0 && self->process == 2)
		r = send(self, 1, 1);
	if (self->process == 2)
		return leave(self, r, 2);
	if (r == 0)
		r = receive(self, 2, 1);
	if (r == 0)
		r = receive(self, 0, 0);
	if (r < 0)
		r = test_wrong(self, "a message is lost");
	else if (!self->job->provider)
		r = expect_rank(self, receive(self, 0, 2), "process 0", "has closed");
	return leave(self, r, 2);
}

START_TEST(who_left_in_order_is_not_missed)
{
	struct test_job job = { .processes = 3, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, early_leaver), 0);
}
END_TEST

/* A child of a process has a copy of its wire, which is not its own. */
static int forked(struct test_process *self)
{
	struct trn_hostcoll_call call = { .kind = TRN_COMM_BARRIER,
					  .deadline_ns = trn_clock_deadline(TEST_LIMIT_NS) };
	int r = trn_hostcoll_run(self->wire, &call);
	pid_t pid;
	int status = 1;

	pid = fork();
	if (pid == 0) {
		r = trn_hostcoll_run(self->wire, &call);
		if (r == -EPERM && strstr(test_cause(self), "forked"))
			r = 0;
		trn_wire_close(self->wire);
		_exit(r == 0 ? 0 : 1);
	}
	if (r == 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		r = test_wrong(self, "the child may use the wire");
	/* And the parent's works on. */
	return r == 0 ? trn_hostcoll_run(self->wire, &call) : r;
}

START_TEST(a_forked_child_is_refused)
{
	struct test_job job = { .processes = 2, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, forked), 0);
}
END_TEST

static Suite *suite(void)
{
	const int count = (int)TRN_ARRAY_LEN(providers);
	Suite *s = suite_create("hostcoll");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");

	tcase_set_timeout(good, 240);
	tcase_add_loop_test(good, kinds_give_what_they_should, 0, count);
	tcase_add_loop_test(good, dtypes_and_operators, 0, count);
	tcase_add_loop_test(good, sums_of_every_length, 0, count);
	tcase_add_loop_test(good, messages_arrive, 0, count);
	suite_add_tcase(s, good);
	tcase_set_timeout(bad, 120);
	tcase_add_loop_test(bad, another_call_is_named, 0, count);
	tcase_add_loop_test(bad, truncation_is_an_error, 0, count);
	tcase_add_loop_test(bad, a_late_process_is_named, 0, count);
	tcase_add_loop_test(bad, a_killed_process_is_named_before_the_deadline, 0, count);
	tcase_add_loop_test(bad, who_left_in_order_is_not_missed, 0, count);
	tcase_add_loop_test(bad, a_forked_child_is_refused, 0, count);
	suite_add_tcase(s, bad);
	return s;
}

TRN_TEST_MAIN(suite)
