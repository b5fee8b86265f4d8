/* SPDX-License-Identifier: Apache-2.0 */
/* Sends and receives of their own on a pod, alone and beside collectives of the same group. */
#include "comm.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

#define RANKS 4u
#define MESSAGES 40u
#define MIB (UINT64_C(1) << 20)
#define ROOM (6 * MIB)

struct message {
	uint32_t from, to;
	uint64_t bytes;
};

struct group {
	struct rig *rig;
	struct trn_comm_call calls[2 * MESSAGES + 2 * RANKS];
	uint32_t count;
	uint64_t sent[RANKS], received[RANKS]; /* bytes, so far */
};

static void cause_has(const struct rig *rig, const char *text)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(rig->context, &error), 0);
	ck_assert_msg(strstr(error.cause, text) != NULL, "\"%s\" has no \"%s\"", error.cause, text);
}

static struct trn_comm_call *call_add(struct group *group, enum trn_comm_kind kind, uint32_t rank,
				      uint64_t count)
{
	struct trn_comm_call *call = &group->calls[group->count++];

	*call = (struct trn_comm_call){
		.size = sizeof(*call),
		.kind = kind,
		.dtype = TRN_DTYPE_U8,
		.rank = rank,
		.count = count,
		.src = { .buffer = group->rig->src[rank], .offset = group->sent[rank] },
		.dst = { .buffer = group->rig->dst[rank], .offset = group->received[rank] },
	};
	return call;
}

static void send_add(struct group *group, const struct message *m)
{
	call_add(group, TRN_COMM_SEND, m->from, m->bytes)->root = m->to;
	group->sent[m->from] += m->bytes;
}

static void recv_add(struct group *group, const struct message *m)
{
	call_add(group, TRN_COMM_RECV, m->to, m->bytes)->root = m->from;
	group->received[m->to] += m->bytes;
}

/* Every rank's sends in the order of the list, and its receives; what stands between is chance. */
static void messages_add(struct group *group, const struct message *m, uint32_t count)
{
	uint32_t sent = 0, received = 0;

	while (sent < count || received < count) {
		const bool send = trn_prng_below(&group->rig->prng, 2) != 0;

		if (received == count || (send && sent < count))
			send_add(group, &m[sent++]);
		else
			recv_add(group, &m[received++]);
	}
}

static void begin(struct rig *rig, struct group *group)
{
	memset(group, 0, sizeof(*group));
	group->rig = rig;
	for (uint32_t r = 0; r < RANKS; r++) {
		for (uint64_t i = 0; i < rig->room; i += 8) {
			const uint64_t any = trn_prng_next(&rig->prng);

			memcpy(rig->given[r] + i, &any, 8);
		}
		memset(rig->got[r], 0xa5, rig->room);
		ck_assert_int_eq(trn_buffer_write(rig->src[r], 0, rig->given[r], rig->room, SOON),
				 0);
		ck_assert_int_eq(trn_buffer_write(rig->dst[r], 0, rig->got[r], rig->room, SOON), 0);
	}
}

/* What came is what was sent, and nothing behind it was touched. */
static void compare(struct rig *rig, const struct message *m, uint32_t count)
{
	uint64_t sent[RANKS] = { 0 }, received[RANKS] = { 0 };

	for (uint32_t r = 0; r < RANKS; r++)
		ck_assert_int_eq(trn_buffer_read(rig->dst[r], 0, rig->got[r], rig->room, SOON), 0);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_msg(memcmp(rig->got[m[i].to] + received[m[i].to],
				     rig->given[m[i].from] + sent[m[i].from], m[i].bytes) == 0,
			      "message %u, from %u to %u, %llu bytes", i, m[i].from, m[i].to,
			      (unsigned long long)m[i].bytes);
		sent[m[i].from] += m[i].bytes;
		received[m[i].to] += m[i].bytes;
	}
	for (uint32_t r = 0; r < RANKS; r++)
		ck_assert_uint_eq(rig->got[r][received[r]], 0xa5);
}

static void deliver(struct rig *rig, const struct message *m, uint32_t count)
{
	struct group group;

	begin(rig, &group);
	messages_add(&group, m, count);
	ck_assert_int_eq(trn_comm_run(rig->comm, group.calls, group.count, SOON), 0);
	compare(rig, m, count);
}

static const struct {
	uint32_t count;
	struct message m[5];
} some[] = {
	{ 2, { { 0, 1, 100 }, { 2, 3, 77 } } },                        /* pairs */
	{ 3, { { 0, 1, 4096 }, { 1, 2, 4096 }, { 2, 3, 4096 } } },     /* a chain */
	{ 2, { { 0, 1, 1000 }, { 1, 0, 333 } } },                      /* both directions */
	{ 4, { { 0, 1, 0 }, { 0, 1, 1 }, { 0, 1, 3 }, { 0, 1, 0 } } }, /* nothing, and odd */
	{ 3, { { 2, 2, 12345 }, { 2, 2, 0 }, { 2, 2, 1 } } },          /* to itself */
	{ 2, { { 0, 3, MIB }, { 3, 0, MIB + 1 } } },                   /* long */
	{ 2, { { 1, 2, 5 * MIB + 3 }, { 2, 1, 7 } } },                 /* beyond a chunk */
	{ 5, { { 0, 1, 9 }, { 0, 2, 9 }, { 0, 3, 9 }, { 3, 0, 9 }, { 1, 0, 9 } } }, /* a star */
};

START_TEST(messages)
{
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, ROOM);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(some); i++)
		deliver(&rig, some[i].m, some[i].count);
	rig_down(&rig);
}
END_TEST

START_TEST(many_in_one_group)
{
	static const uint64_t sizes[] = { 0, 1, 2, 3, 64, 511, 4096, 4097, 65537 };
	struct message m[MESSAGES];
	struct rig rig;

	/* Two ranks on a chip, too: they share its sync processors. */
	rig_up(&rig, "mock:trn2-48xl");
	for (uint32_t cores = 1; cores <= 2; cores++) {
		rig_comm(&rig, RANKS, cores, 4 * MIB);
		for (uint32_t round = 0; round < 5; round++) {
			for (uint32_t i = 0; i < MESSAGES; i++)
				m[i] = (struct message){
					(uint32_t)trn_prng_below(&rig.prng, RANKS),
					(uint32_t)trn_prng_below(&rig.prng, RANKS),
					sizes[trn_prng_below(&rig.prng, TRN_ARRAY_LEN(sizes))],
				};
			deliver(&rig, m, MESSAGES);
		}
	}
	rig_down(&rig);
}
END_TEST

/* A sum and a broadcast of bytes that lie behind those of the messages. */
START_TEST(beside_collectives)
{
	static const struct message m[] = {
		{ 0, 1, 1000 }, { 1, 0, 77 }, { 2, 3, 4001 }, { 3, 3, 5 }
	};
	const uint64_t at = MIB, n = 5000;
	struct group group;
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 2 * MIB);
	begin(&rig, &group);
	messages_add(&group, m, 2);
	for (uint32_t kind = 0; kind < 2; kind++)
		for (uint32_t r = 0; r < RANKS; r++) {
			struct trn_comm_call *call = call_add(
				&group, kind ? TRN_COMM_BROADCAST : TRN_COMM_ALL_REDUCE, r, n);

			call->root = kind ? 2 : 0;
			call->src.offset = call->dst.offset = at + kind * n;
		}
	messages_add(&group, m + 2, 2);
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, group.count, SOON), 0);
	compare(&rig, m, 4);
	for (uint32_t r = 0; r < RANKS; r++) {
		for (uint64_t i = at; i < at + n; i++) {
			uint32_t sum = 0;

			for (uint32_t k = 0; k < RANKS; k++)
				sum += rig.given[k][i];
			if (rig.got[r][i] != (uint8_t)sum)
				ck_abort_msg("rank %u: the sum is wrong", r);
		}
		ck_assert_int_eq(memcmp(rig.got[r] + at + n, rig.given[2] + at + n, n), 0);
	}
	rig_down(&rig);
}
END_TEST

/* Recorded by the user, in one batch of each rank. */
START_TEST(in_batches)
{
	const struct message m = { 1, 2, 5 * MIB + 1 };
	struct trn_queue *queue[2];
	struct trn_batch *batch[2];
	uint64_t sequence[2];
	struct group group;
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, ROOM);
	begin(&rig, &group);
	messages_add(&group, &m, 1);
	for (uint32_t i = 0; i < 2; i++) {
		struct trn_device *device = rig.device[group.calls[i].rank];

		ck_assert_int_eq(trn_queue_create(device, NULL, &queue[i]), 0);
		ck_assert_int_eq(trn_batch_create(queue[i], 4, &batch[i]), 0);
		ck_assert_int_eq(trn_batch_comm(batch[i], rig.comm, &group.calls[i]), 0);
	}
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(trn_queue_submit(queue[i], batch[i], SOON, &sequence[i]), 0);
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert_int_eq(trn_queue_wait(queue[i], sequence[i], SOON), 0);
		(void)trn_batch_destroy(batch[i]);
		(void)trn_queue_unref(queue[i]);
	}
	compare(&rig, &m, 1);
	rig_down(&rig);
}
END_TEST

/* More buffers than a command can hold are refused: an unref would free them under the device. */
START_TEST(many_buffers)
{
	static const struct message m = { 1, 2, 100 };
	struct trn_buffer *buffer[MESSAGES];
	struct group group;
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 4096);
	begin(&rig, &group);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 100 };

		ck_assert_int_eq(trn_buffer_create(rig.device[2], &opts, &buffer[i]), 0);
		send_add(&group, &m);
		recv_add(&group, &m);
		group.calls[2 * i + 1].src = (struct trn_comm_span){ 0 };
		group.calls[2 * i + 1].dst = (struct trn_comm_span){ .buffer = buffer[i] };
	}
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, 2 * 32, SOON), 0);
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, 2 * 33, SOON), -ENOSPC);
	cause_has(&rig, "rank 2 has more than 32 buffers");
	for (uint32_t i = 0; i < MESSAGES; i++)
		ck_assert_ptr_null(trn_buffer_unref(buffer[i]));
	deliver(&rig, &m, 1);
	rig_down(&rig);
}
END_TEST

/* What a rank names often is one buffer: ten messages into one, then thirty into others. */
START_TEST(a_buffer_often)
{
	static const struct message m = { 1, 2, 100 };
	struct trn_buffer *buffer[30];
	struct group group;
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 4096);
	begin(&rig, &group);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 100 };

		send_add(&group, &m);
		recv_add(&group, &m);
		group.calls[2 * i + 1].priority = i % 4;
		if (i < 10)
			continue;
		ck_assert_int_eq(trn_buffer_create(rig.device[2], &opts, &buffer[i - 10]), 0);
		group.calls[2 * i + 1].dst = (struct trn_comm_span){ .buffer = buffer[i - 10] };
	}
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, group.count, SOON), 0);
	for (uint32_t i = 0; i < 30; i++)
		ck_assert_ptr_null(trn_buffer_unref(buffer[i]));
	rig_down(&rig);
}
END_TEST

/* At once, by name, and the communicator is as good as before. */
START_TEST(what_does_not_fit)
{
	static const struct message m = { 1, 2, 100 };
	struct group group;
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, RANKS, 1, 4096);
	begin(&rig, &group);
	send_add(&group, &m);
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, 1, SOON), -EINVAL);
	cause_has(&rig, "rank 2 does not receive what rank 1 sends");
	recv_add(&group, &m);
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls + 1, 1, SOON), -EINVAL);
	cause_has(&rig, "rank 1 does not send what rank 2 receives");
	recv_add(&group, &m);
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, 3, SOON), -EINVAL);
	cause_has(&rig, "rank 1 does not send what rank 2 receives");
	group.calls[1].count--;
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, 2, SOON), -TRN_ERANK);
	cause_has(&rig, "rank 2 receives another count or dtype than rank 1 sends");
	group.calls[1].count++;
	group.calls[1].dtype = TRN_DTYPE_S8;
	ck_assert_int_eq(trn_comm_run(rig.comm, group.calls, 2, SOON), -TRN_ERANK);
	cause_has(&rig, "rank 2 receives another count or dtype than rank 1 sends");
	deliver(&rig, &m, 1);
	rig_down(&rig);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("comm-p2p");
	TCase *t = tcase_create("p2p");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, messages);
	tcase_add_test(t, many_in_one_group);
	tcase_add_test(t, beside_collectives);
	tcase_add_test(t, in_batches);
	tcase_add_test(t, many_buffers);
	tcase_add_test(t, a_buffer_often);
	tcase_add_test(t, what_does_not_fit);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
