/* SPDX-License-Identifier: Apache-2.0 */
/* Communicators of several processes: ranks of host memory, and ranks that are chips of a pod in
 * each process. Every result is compared with what one process computes. */
#include "hosts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what a collective gives ---- */

static int32_t given(uint32_t rank, uint64_t i)
{
	return (int32_t)((rank + 3) * 1000003u + (uint32_t)i * 7919u) >> 8;
}

static int32_t total(uint32_t ranks, uint64_t i)
{
	int32_t sum = 0;

	for (uint32_t rank = 0; rank < ranks; rank++)
		sum += given(rank, i);
	return sum;
}

/* Element i of what rank gets. */
static int32_t expected(const struct trn_comm_call *call, uint32_t ranks, uint64_t i)
{
	switch (call->kind) {
	case TRN_COMM_BROADCAST:
		return given(call->root, i);
	case TRN_COMM_ALL_GATHER:
		return given((uint32_t)(i / call->count), i % call->count);
	case TRN_COMM_REDUCE_SCATTER:
		return total(ranks, call->rank * call->count + i);
	default:
		return total(ranks, i);
	}
}

static uint64_t got(const struct trn_comm_call *call, uint32_t ranks)
{
	if (call->kind == TRN_COMM_REDUCE && call->root != call->rank)
		return 0;
	return call->kind == TRN_COMM_ALL_GATHER ? call->count * ranks : call->count;
}

static int put(struct self *self, struct trn_comm_call *call, uint32_t local, uint32_t ranks,
	       bool in_place)
{
	static int32_t host_src[1 << 18], host_dst[1 << 18];
	const uint64_t count = call->kind == TRN_COMM_REDUCE_SCATTER ? call->count * ranks :
								       call->count;

	for (uint64_t i = 0; i < count; i++)
		host_src[i] = given(call->rank, i);
	if (!self->locals) {
		call->src.host = host_src;
		call->dst.host = in_place ? host_src : host_dst;
		return 0;
	}
	call->src.buffer = self->src[local];
	call->dst.buffer = in_place ? self->src[local] : self->dst[local];
	return trn_buffer_write(self->src[local], 0, host_src, count * 4,
				trn_deadline_in(LIMIT_NS));
}

static int check(struct self *self, const struct trn_comm_call *call, uint32_t ranks)
{
	static int32_t back[1 << 18];
	const int32_t *result = call->dst.host;
	const uint64_t count = got(call, ranks);
	int r = 0;

	if (count == 0)
		return 0;
	if (self->locals) {
		r = trn_buffer_read(call->dst.buffer, 0, back, count * 4,
				    trn_deadline_in(LIMIT_NS));
		result = back;
	}
	for (uint64_t i = 0; r == 0 && i < count; i++)
		if (result[i] != expected(call, ranks, i)) {
			fprintf(stderr, "# process %u rank %u %s count %llu: element %llu\n",
				self->process, call->rank, trn_comm_kind_name(call->kind),
				(unsigned long long)call->count, (unsigned long long)i);
			r = -EPROTO;
		}
	return r;
}

static int one(struct self *self, enum trn_comm_kind kind, uint64_t count, uint32_t root,
	       bool in_place)
{
	struct trn_comm_info info = { .size = sizeof(info) };
	struct trn_comm_call calls[LOCALS_MAX];
	int r = trn_comm_info(self->comm, &info);

	memset(calls, 0, sizeof(calls));
	for (uint32_t l = 0; r == 0 && l < info.count; l++) {
		/* In any order. */
		struct trn_comm_call *call = &calls[info.count - 1 - l];

		call->size = sizeof(*call);
		call->kind = kind;
		call->dtype = TRN_DTYPE_S32;
		call->rank = info.first + l;
		call->root = root;
		call->count = count;
		r = put(self, call, l, info.ranks, in_place);
	}
	if (r == 0)
		r = trn_comm_run(self->comm, calls, info.count, trn_deadline_in(LIMIT_NS));
	if (r < 0)
		return wrong(self, r, trn_comm_kind_name(kind));
	for (uint32_t l = 0; r == 0 && kind != TRN_COMM_BARRIER && l < info.count; l++)
		r = check(self, &calls[l], info.ranks);
	return r;
}

static int all_kinds(struct self *self)
{
	static const uint64_t counts[] = { 1, 7, 1000, 9001 };
	static const enum trn_comm_kind kinds[] = { TRN_COMM_ALL_REDUCE, TRN_COMM_BROADCAST,
						    TRN_COMM_REDUCE,     TRN_COMM_ALL_GATHER,
						    TRN_COMM_BARRIER,    TRN_COMM_REDUCE_SCATTER };
	struct trn_comm_info info = { .size = sizeof(info) };
	int r = open_all(self);

	if (r == 0)
		r = trn_comm_info(self->comm, &info);
	for (size_t c = 0; r == 0 && c < sizeof(counts) / sizeof(counts[0]); c++)
		for (size_t k = 0; r == 0 && k < sizeof(kinds) / sizeof(kinds[0]); k++)
			r = one(self, kinds[k], counts[c], (uint32_t)(c * 3 + k) % info.ranks,
				kinds[k] == TRN_COMM_ALL_REDUCE && c % 2 == 1);
	if (r == 0 && info.processes > 1 && strcmp(info.transport, "device") == 0)
		r = wrong(self, 0, "the transport is the device's");
	close_all(self);
	return r;
}

START_TEST(ranks_of_host_memory)
{
	struct job job = { .processes = 3 };

	ck_assert_uint_eq(run_job(&job, all_kinds), 0);
#ifdef TRN_HAVE_FABRIC
	job.provider = "tcp;ofi_rxm";
	ck_assert_uint_eq(run_job(&job, all_kinds), 0);
#endif
}
END_TEST

START_TEST(ranks_of_pods)
{
	static const uint32_t processes[] = { 2, 4 };

	for (size_t i = 0; i < 2; i++) {
		struct job job = { .processes = processes[i], .locals = { 4, 4, 4, 4 } };

		ck_assert_uint_eq(run_job(&job, all_kinds), 0);
	}
}
END_TEST

/* ---- sends and receives of their own ---- */

#define LENGTHS 4u
#define LONGEST (UINT64_C(1) << 20)
static const uint64_t lengths[LENGTHS] = { 0, 1, 4097, LONGEST };

/* Bytes that tell who sent them to whom, and which message it was. */
static uint8_t letter(uint32_t from, uint32_t to, uint32_t which, uint64_t i)
{
	return (uint8_t)(from * 61 + to * 17 + which * 5 + i * 7 + (i >> 8));
}

struct mail {
	struct trn_comm_call calls[6 * LENGTHS + 1];
	uint32_t count;
};

/* Both sides of what this process and another one tell each other. */
static void mail_add(struct mail *mail, uint32_t me, uint32_t to, uint32_t from, uint32_t which)
{
	const uint64_t n = lengths[which];
	uint8_t *src = malloc(n + 1), *dst = calloc(1, n + 1);

	for (uint64_t i = 0; i < n; i++)
		src[i] = letter(me, to, which, i);
	dst[n] = 0xa5;
	for (uint32_t k = 0; k < 2; k++)
		mail->calls[mail->count++] = (struct trn_comm_call){
			.size = sizeof(struct trn_comm_call),
			.kind = k ? TRN_COMM_RECV : TRN_COMM_SEND,
			.dtype = TRN_DTYPE_U8,
			.rank = me,
			.root = k ? from : to,
			.count = n,
			.src.host = k ? NULL : src,
			.dst.host = k ? dst : NULL,
		};
}

static int mail_read(struct self *self, const struct mail *mail)
{
	for (uint32_t c = 0; c < mail->count; c++) {
		const struct trn_comm_call *call = &mail->calls[c];
		const uint8_t *got = call->dst.host;
		uint32_t which = 0;

		while (which < LENGTHS - 1 && lengths[which] != call->count)
			which++;
		for (uint64_t i = 0; call->kind == TRN_COMM_RECV && i < call->count; i++)
			if (got[i] != letter(call->root, self->process, which, i))
				return wrong(self, 0, "another letter came");
		if (call->kind == TRN_COMM_RECV && got[call->count] != 0xa5)
			return wrong(self, 0, "a letter is too long");
	}
	return 0;
}

static void mail_free(struct mail *mail)
{
	for (uint32_t c = 0; c < mail->count; c++)
		if (mail->calls[c].kind != TRN_COMM_ALL_REDUCE) {
			free(mail->calls[c].src.host);
			free(mail->calls[c].dst.host);
		}
}

/* To the right, to the left, to itself, and a sum in between, in one group. */
static int letters(struct self *self)
{
	const uint32_t n = self->job->processes, me = self->process;
	int32_t number = (int32_t)me + 1, sum = 0;
	struct mail mail = { .count = 0 };
	int r = open_all(self);

	for (uint32_t which = 0; r == 0 && which < LENGTHS; which++) {
		mail_add(&mail, me, (me + 1) % n, (me + n - 1) % n, which);
		if (which == 1)
			mail.calls[mail.count++] = (struct trn_comm_call){
				.size = sizeof(struct trn_comm_call),
				.dtype = TRN_DTYPE_S32,
				.rank = me,
				.count = 1,
				.src.host = &number,
				.dst.host = &sum,
			};
		mail_add(&mail, me, me, me, which);
		if (n > 2)
			mail_add(&mail, me, (me + n - 1) % n, (me + 1) % n, which);
	}
	for (uint32_t round = 0; r == 0 && round < 3; round++) {
		sum = 0;
		r = trn_comm_run(self->comm, mail.calls, mail.count, trn_deadline_in(LIMIT_NS));
		r = r < 0 ? wrong(self, r, "letters") : mail_read(self, &mail);
		if (r == 0 && sum != (int32_t)(n * (n + 1) / 2))
			r = wrong(self, 0, "the sum beside them");
	}
	mail_free(&mail);
	close_all(self);
	return r;
}

START_TEST(sends_and_receives)
{
	for (uint32_t processes = 1; processes <= 3; processes++) {
		struct job job = { .processes = processes };

		ck_assert_uint_eq(run_job(&job, letters), 0);
#ifdef TRN_HAVE_FABRIC
		job.provider = "tcp;ofi_rxm";
		ck_assert_uint_eq(run_job(&job, letters), 0);
#endif
	}
}
END_TEST

/* Process 0 sends what process 1 does not expect: more than it receives, or at all. Who waits says
 * for whom. */
static int misfit(struct self *self, bool missing)
{
	struct trn_error error = { .size = sizeof(error) };
	static uint8_t bytes[100];
	struct trn_comm_call call = {
		.size = sizeof(call),
		.kind = self->process ? TRN_COMM_RECV : TRN_COMM_SEND,
		.dtype = TRN_DTYPE_U8,
		.rank = self->process,
		.root = !self->process,
		.count = self->process ? 100 : 99,
		.src.host = bytes,
		.dst.host = bytes,
	};
	int r = open_all(self);

	if (r == 0 && !(missing && self->process == 0))
		r = trn_comm_run(self->comm, &call, 1,
				 trn_deadline_in(missing ? 300000000 : LIMIT_NS));
	if (self->process == 1 &&
	    (r != -TRN_ERANK || trn_error_get(self->context, &error) < 0 ||
	     !strstr(error.cause, "process 0") ||
	     !strstr(error.cause, missing ? "no progress before the deadline" :
					    "sends 99 bytes where this process receives 100")))
		r = wrong(self, r, "process 0 is not blamed");
	else if (self->process == 1 || r == -TRN_ERANK)
		r = 0;
	/* Who does not send is there until the other one gave up. */
	if (r == 0 && missing && self->process == 0) {
		r = trn_comm_run(self->comm,
				 &(struct trn_comm_call){ .size = sizeof(call),
							  .kind = TRN_COMM_BARRIER },
				 1, trn_deadline_in(LIMIT_NS));
		r = r == -TRN_ERANK ? 0 : wrong(self, r, "the other one did not give up");
	}
	close_all(self);
	return r;
}

static int too_long(struct self *self)
{
	return misfit(self, false);
}

static int not_sent(struct self *self)
{
	return misfit(self, true);
}

START_TEST(letters_that_do_not_fit)
{
	struct job job = { .processes = 2 };

	ck_assert_uint_eq(run_job(&job, too_long), 0);
	ck_assert_uint_eq(run_job(&job, not_sent), 0);
#ifdef TRN_HAVE_FABRIC
	job.provider = "tcp;ofi_rxm";
	ck_assert_uint_eq(run_job(&job, too_long), 0);
	ck_assert_uint_eq(run_job(&job, not_sent), 0);
#endif
}
END_TEST

/* ---- a process dies: the others hear who, and go on without it ---- */

static int survive(struct self *self)
{
	struct trn_comm_info info = { .size = sizeof(info) };
	struct trn_comm *fresh = NULL;
	uint32_t rank = 0;
	char why[192];
	int r = open_all(self);

	for (uint32_t i = 0; r == 0 && i < 50; i++) {
		if (self->process == 1 && i == 10)
			(void)kill(getpid(), SIGKILL);
		r = one(self, TRN_COMM_ALL_REDUCE, 9001, 0, false);
	}
	if (r != -TRN_ERANK)
		return wrong(self, r, "nobody is missed");
	r = trn_comm_lost(self->comm, 0, &rank, why, sizeof(why));
	if (r < 0 || rank / (self->locals ? self->locals : 1) != 1 || !strstr(why, "process 1"))
		return wrong(self, r, "another one is blamed");
	r = trn_comm_shrink(self->comm, trn_deadline_in(LIMIT_NS), &fresh);
	if (r < 0)
		return wrong(self, r, "shrink");
	(void)trn_comm_unref(self->comm);
	self->comm = fresh;
	r = trn_comm_info(self->comm, &info);
	if (r == 0 && info.processes != 2)
		r = wrong(self, r, "not two processes");
	if (r == 0)
		r = one(self, TRN_COMM_ALL_REDUCE, 9001, 0, false);
	close_all(self);
	return r;
}

START_TEST(survivors_go_on)
{
	struct job job = { .processes = 3 };

	for (uint32_t p = 0; _i && p < 3; p++)
		job.locals[p] = 4;

	ck_assert_uint_eq(run_job(&job, survive), 1u << 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("hosts");
	TCase *t = tcase_create("hosts");

	tcase_set_timeout(t, 150);
	tcase_add_test(t, ranks_of_host_memory);
	tcase_add_test(t, ranks_of_pods);
	tcase_add_test(t, sends_and_receives);
	tcase_add_test(t, letters_that_do_not_fit);
	tcase_add_loop_test(t, survivors_go_on, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
