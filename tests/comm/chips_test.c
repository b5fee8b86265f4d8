/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks that are chips of several processes, not as many in each: every kind, with and without
 * counts, odd sizes, vectors of several chunks, and messages in any order within a group. */
#include "hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/prng.h"

#define ELEMENTS (BUFFER_BYTES / 4)
#define RANKS_MAX 16u
#define POISON INT32_C(0x5a5a5a5a)
#define SOON trn_deadline_in(LIMIT_NS)

/* ---- one collective, and what it gives ---- */

struct what {
	enum trn_comm_kind kind;
	uint64_t count;
	uint32_t root;
	bool v, in_place, average;
};

/* What a call of rank says: arrays of its own. */
struct arrays {
	uint64_t counts[2][RANKS_MAX], offsets[2][RANKS_MAX]; /* given, gotten */
};

static int32_t given(uint32_t rank, uint64_t i)
{
	return (int32_t)((rank + 3) * 1000003u + (uint32_t)i * 7919u) >> 8;
}

/* Elements of the piece that goes from one rank to another, or is a rank's. */
static uint64_t piece(const struct what *w, uint32_t from, uint32_t to)
{
	return w->v ? w->count * ((from * 5 + to * 3) % 4) / 2 + (from + to) % 3 : w->count;
}

static uint64_t part(const struct what *w, uint32_t rank)
{
	return piece(w, rank, 1);
}

static void arrays_fill(const struct what *w, uint32_t me, uint32_t ranks, struct arrays *a)
{
	uint64_t at[2] = { 0, 0 };

	for (uint32_t r = 0; r < ranks; r++) {
		const bool pairs = w->kind == TRN_COMM_ALL_TO_ALL;

		a->counts[0][r] = pairs ? piece(w, me, r) : part(w, r);
		a->counts[1][r] = pairs ? piece(w, r, me) : part(w, r);
		for (uint32_t side = 0; side < 2; side++) {
			a->offsets[side][r] = at[side];
			at[side] += a->counts[side][r] + (w->v ? r % 2 : 0);
		}
	}
}

static void call_fill(struct self *self, const struct what *w, uint32_t local, struct arrays *a,
		      struct trn_comm_call *call)
{
	const uint32_t rank = self->first + local;
	const bool scatter = w->kind == TRN_COMM_REDUCE_SCATTER;

	arrays_fill(w, rank, self->ranks, a);
	*call = (struct trn_comm_call){ .size = sizeof(*call),
					.kind = w->kind,
					.op = w->average ? TRN_COMM_AVG : TRN_COMM_SUM,
					.dtype = TRN_DTYPE_S32,
					.rank = rank,
					.root = w->root,
					.count = w->count,
					.src.buffer = self->src[local],
					.dst.buffer = self->dst[local] };
	if (w->v && w->kind == TRN_COMM_ALL_TO_ALL)
		call->src_counts = a->counts[0];
	if (w->v && (w->kind == TRN_COMM_ALL_TO_ALL || scatter))
		call->src_offsets = a->offsets[0];
	if (w->v)
		call->dst_counts = a->counts[1];
	if (w->v && !scatter)
		call->dst_offsets = a->offsets[1];
	if (!w->in_place)
		return;
	call->dst.buffer = call->src.buffer;
	if (scatter)
		call->dst.offset = 4 * a->offsets[0][rank];
	if (w->kind == TRN_COMM_ALL_GATHER)
		call->src.offset = 4 * a->offsets[1][rank];
}

static int32_t sum_at(const struct what *w, uint32_t ranks, uint64_t i)
{
	int64_t sum = 0;

	for (uint32_t r = 0; r < ranks; r++)
		sum += given(r, i);
	return (int32_t)(w->average ? sum / (int32_t)ranks : sum);
}

/* What rank must have, element by element of its destination; POISON where nothing comes. */
static void expected(const struct what *w, uint32_t rank, uint32_t ranks, const struct arrays *a,
		     int32_t *want, uint64_t *ret_count)
{
	uint64_t end = 0;

	for (uint32_t r = 0;
	     r < ranks && (w->kind == TRN_COMM_ALL_GATHER || w->kind == TRN_COMM_ALL_TO_ALL); r++) {
		struct arrays theirs;
		uint64_t from = 0;

		if (w->kind == TRN_COMM_ALL_TO_ALL) {
			arrays_fill(w, r, ranks, &theirs);
			from = theirs.offsets[0][rank];
		}
		for (uint64_t i = 0; i < a->counts[1][r]; i++)
			want[a->offsets[1][r] + i] = given(r, from + i);
		end = trn_max_u64(end, a->offsets[1][r] + a->counts[1][r]);
	}
	if (w->kind == TRN_COMM_REDUCE_SCATTER)
		end = part(w, rank);
	else if (end == 0 && w->kind != TRN_COMM_ALL_GATHER && w->kind != TRN_COMM_ALL_TO_ALL)
		end = w->kind == TRN_COMM_REDUCE && w->root != rank ? 0 : w->count;
	for (uint64_t i = 0;
	     i < end && w->kind != TRN_COMM_ALL_GATHER && w->kind != TRN_COMM_ALL_TO_ALL; i++)
		want[i] = w->kind == TRN_COMM_BROADCAST ?
				  given(w->root, i) :
			  w->kind == TRN_COMM_REDUCE_SCATTER ?
				  sum_at(w, ranks, a->offsets[0][rank] + i) :
				  sum_at(w, ranks, i);
	*ret_count = end;
}

static int32_t numbers[ELEMENTS], want[ELEMENTS];

static int put(struct self *self, const struct what *w, const struct trn_comm_call *call,
	       uint32_t local)
{
	uint64_t used = w->count * self->ranks * 2 + 4096;
	int r;

	used = trn_min_u64(used, ELEMENTS);
	for (uint64_t i = 0; i < used; i++)
		numbers[i] = POISON;
	r = trn_buffer_write(self->dst[local], 0, numbers, used * 4, SOON);
	if (r == 0 && w->in_place)
		r = trn_buffer_write(self->src[local], 0, numbers, used * 4, SOON);
	used -= trn_min_u64(used, call->src.offset / 4);
	if (w->in_place && w->kind == TRN_COMM_ALL_GATHER)
		used = part(w, call->rank);
	for (uint64_t i = 0; i < used; i++)
		numbers[i] = given(call->rank, i);
	return r < 0 ? r :
		       trn_buffer_write(self->src[local], call->src.offset, numbers, used * 4,
					SOON);
}

static int check(struct self *self, const struct what *w, const struct trn_comm_call *call,
		 const struct arrays *a)
{
	uint64_t count;
	int r;

	if (w->kind == TRN_COMM_BARRIER)
		return 0;
	for (uint64_t i = 0; i < trn_min_u64(w->count * self->ranks * 2 + 4096, ELEMENTS); i++)
		want[i] = POISON;
	expected(w, call->rank, self->ranks, a, want, &count);
	/* One more, which nobody may have touched. */
	count += !w->in_place;
	r = trn_buffer_read(call->dst.buffer, call->dst.offset, numbers, count * 4, SOON);
	for (uint64_t i = 0; r == 0 && i < count; i++)
		if (numbers[i] != want[i]) {
			fprintf(stderr,
				"# process %u rank %u %s count %llu v %d in place %d: element "
				"%llu is %d, not %d\n",
				self->process, call->rank, trn_comm_kind_name(w->kind),
				(unsigned long long)w->count, w->v, w->in_place,
				(unsigned long long)i, numbers[i], want[i]);
			r = -EPROTO;
		}
	return r;
}

static int one(struct self *self, const struct what *w)
{
	struct trn_comm_call calls[LOCALS_MAX];
	struct arrays a[LOCALS_MAX];
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		/* In any order. */
		struct trn_comm_call *call = &calls[self->locals - 1 - l];

		call_fill(self, w, l, &a[l], call);
		r = put(self, w, call, l);
	}
	if (r == 0)
		r = trn_comm_run(self->comm, calls, self->locals, SOON);
	if (r < 0)
		return wrong(self, r, trn_comm_kind_name(w->kind));
	for (uint32_t l = 0; r == 0 && l < self->locals; l++)
		r = check(self, w, &calls[self->locals - 1 - l], &a[l]);
	return r;
}

static const enum trn_comm_kind kinds[] = {
	TRN_COMM_ALL_REDUCE, TRN_COMM_REDUCE_SCATTER, TRN_COMM_ALL_GATHER, TRN_COMM_ALL_TO_ALL,
	TRN_COMM_BROADCAST,  TRN_COMM_REDUCE,         TRN_COMM_BARRIER,
};

/* Elements of the longer side of a rank; the last are some chunks of TRN_STAGE_BYTES, and odd. */
static const uint64_t lengths[] = { 0, 1, 7, 1000, 9001, 800009 };

static int every_kind(struct self *self)
{
	int r = open_all(self);

	for (size_t k = 0; r == 0 && k < TRN_ARRAY_LEN(kinds); k++)
		for (size_t c = 0; r == 0 && c < TRN_ARRAY_LEN(lengths); c++) {
			const bool parts = k >= 1 && k <= 3;
			struct what w = { .kind = kinds[k],
					  .root = (uint32_t)(k + c) % self->ranks,
					  .count = lengths[c] };

			if (parts && c > 3)
				w.count /= self->ranks;
			w.average = c % 3 == 2;
			r = one(self, &w);
			w.in_place = kinds[k] != TRN_COMM_ALL_TO_ALL;
			if (r == 0)
				r = one(self, &w);
			w.v = true;
			if (r == 0 && parts)
				r = one(self, &w);
			w.in_place = false;
			if (r == 0 && parts)
				r = one(self, &w);
		}
	close_all(self);
	return r;
}

static const struct job jobs[] = {
	{ .processes = 2, .locals = { 1, 1 } },
	{ .processes = 3, .locals = { 3, 1, 2 } },
	{ .processes = 2, .locals = { 4, 4 } },
};

/* Each over the mapping, and over libfabric. */
static void both_ways(const struct job *given_job, process_fn *fn)
{
	struct job job = *given_job;

	ck_assert_uint_eq(run_job(&job, fn), 0);
#ifdef TRN_HAVE_FABRIC
	job.provider = "tcp;ofi_rxm";
	ck_assert_uint_eq(run_job(&job, fn), 0);
#endif
}

START_TEST(all_kinds)
{
	both_ways(&jobs[_i], every_kind);
}
END_TEST

/* ---- messages ---- */

#define MESSAGES 24u

struct message {
	uint32_t from, to;
	uint64_t bytes, src, dst; /* where, in the rank's buffers */
};

struct group {
	struct message m[MESSAGES];
	uint64_t sent[RANKS_MAX], got[RANKS_MAX];
	struct trn_comm_call calls[2 * MESSAGES + 2 * LOCALS_MAX];
	uint32_t count;
	uint32_t turn[RANKS_MAX];
};

static uint8_t letter(const struct message *m, uint64_t i)
{
	return (uint8_t)(m->from * 61 + m->to * 17 + i * 7 + (i >> 8) + m->src);
}

/* The same in every process. */
static void messages_make(struct trn_prng *prng, uint32_t ranks, struct group *g)
{
	static const uint64_t sizes[] = { 0, 1, 63, 4097, 70001, 600001 };

	memset(g, 0, sizeof(*g));
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct message *m = &g->m[i];

		m->from = (uint32_t)trn_prng_below(prng, ranks);
		m->to = (uint32_t)trn_prng_below(prng, ranks);
		m->bytes = sizes[trn_prng_below(prng, TRN_ARRAY_LEN(sizes))];
		m->src = g->sent[m->from];
		m->dst = g->got[m->to];
		g->sent[m->from] += m->bytes;
		g->got[m->to] += m->bytes;
	}
}

static bool is_local(const struct self *self, uint32_t rank)
{
	return rank >= self->first && rank - self->first < self->locals;
}

static void side_add(struct self *self, struct group *g, const struct message *m, bool send)
{
	const uint32_t rank = send ? m->from : m->to, l = rank - self->first;
	struct trn_comm_call *call = &g->calls[g->count++];

	*call = (struct trn_comm_call){ .size = sizeof(*call),
					.kind = send ? TRN_COMM_SEND : TRN_COMM_RECV,
					.dtype = TRN_DTYPE_U8,
					.rank = rank,
					.root = send ? m->to : m->from,
					.count = m->bytes };
	if (send)
		call->src = (struct trn_comm_span){ self->src[l], m->src, NULL };
	else
		call->dst = (struct trn_comm_span){ self->dst[l], m->dst, NULL };
}

/* The local sides in an order of this process's own: of a pair of ranks in that of the list. */
static void sides_add(struct self *self, struct trn_prng *own, struct group *g)
{
	uint32_t order[2 * MESSAGES];

	for (uint32_t i = 0; i < 2 * MESSAGES; i++)
		order[i] = i;
	for (uint32_t i = 2 * MESSAGES; i-- > 1;) {
		const uint32_t j = (uint32_t)trn_prng_below(own, i + 1), other = order[i];

		order[i] = order[j];
		order[j] = other;
	}
	for (uint32_t i = 0; i < 2 * MESSAGES; i++)
		for (uint32_t j = i + 1; j < 2 * MESSAGES; j++) {
			const struct message *a = &g->m[order[i] / 2], *b = &g->m[order[j] / 2];
			const uint32_t first = order[i];

			if (a->from != b->from || a->to != b->to || order[i] % 2 != order[j] % 2 ||
			    order[i] < order[j])
				continue;
			order[i] = order[j];
			order[j] = first;
		}
	for (uint32_t i = 0; i < 2 * MESSAGES; i++) {
		const struct message *m = &g->m[order[i] / 2];
		const bool send = order[i] % 2;

		if (is_local(self, send ? m->from : m->to))
			side_add(self, g, m, send);
	}
}

/* Everybody's part of a turn of the ranks, some of which are left out; and a sum. */
static void others_add(struct self *self, struct trn_prng *prng, struct group *g)
{
	const uint32_t by = (uint32_t)trn_prng_below(prng, self->ranks);

	for (uint32_t r = 0; r < self->ranks; r++)
		g->turn[r] = r == by ? UINT32_MAX : (r + by) % self->ranks;
	for (uint32_t l = 0; l < self->locals; l++) {
		const struct trn_comm_call permute = {
			.size = sizeof(permute),
			.kind = TRN_COMM_PERMUTE,
			.dtype = TRN_DTYPE_S32,
			.rank = self->first + l,
			.count = 1001,
			.src = { self->src[l], BUFFER_BYTES - 65536, NULL },
			.dst = { self->dst[l], BUFFER_BYTES - 65536, NULL },
			.permutation = g->turn,
		};
		struct trn_comm_call sum = permute;

		sum.kind = TRN_COMM_ALL_REDUCE;
		sum.permutation = NULL;
		sum.dst.offset += 32768;
		g->calls[g->count++] = permute;
		g->calls[g->count++] = sum;
	}
}

static int mail_put(struct self *self, const struct group *g)
{
	int32_t tail[1001];
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		memset(numbers, 0x5a, BUFFER_BYTES);
		r = trn_buffer_write(self->dst[l], 0, numbers, BUFFER_BYTES, SOON);
		for (uint32_t i = 0; i < 1001; i++)
			tail[i] = given(self->first + l, i);
		if (r == 0)
			r = trn_buffer_write(self->src[l], BUFFER_BYTES - 65536, tail, sizeof(tail),
					     SOON);
	}
	for (uint32_t i = 0; r == 0 && i < MESSAGES; i++) {
		const struct message *m = &g->m[i];
		uint8_t *bytes = (uint8_t *)numbers;

		for (uint64_t k = 0; k < m->bytes; k++)
			bytes[k] = letter(m, k);
		if (is_local(self, m->from))
			r = trn_buffer_write(self->src[m->from - self->first], m->src, bytes,
					     m->bytes, SOON);
	}
	return r;
}

static int tail_check(struct self *self, const struct group *g, uint32_t l)
{
	const struct what sum = { .kind = TRN_COMM_ALL_REDUCE };
	int32_t tail[1001];
	uint32_t from = UINT32_MAX;
	int r = trn_buffer_read(self->dst[l], BUFFER_BYTES - 65536, tail, sizeof(tail), SOON);

	for (uint32_t k = 0; k < self->ranks; k++)
		if (g->turn[k] == self->first + l)
			from = k;
	for (uint32_t i = 0; r == 0 && i < 1001; i++)
		if (tail[i] != (from == UINT32_MAX ? POISON : given(from, i)))
			r = wrong(self, 0, "the turn of ranks");
	if (r == 0)
		r = trn_buffer_read(self->dst[l], BUFFER_BYTES - 32768, tail, sizeof(tail), SOON);
	for (uint32_t i = 0; r == 0 && i < 1001; i++)
		if (tail[i] != sum_at(&sum, self->ranks, i))
			r = wrong(self, 0, "the sum beside the messages");
	return r;
}

static int mail_check(struct self *self, const struct group *g)
{
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		uint8_t *bytes = (uint8_t *)numbers;

		r = trn_buffer_read(self->dst[l], 0, bytes, BUFFER_BYTES - 65536, SOON);
		for (uint32_t i = 0; r == 0 && i < MESSAGES; i++) {
			const struct message *m = &g->m[i];

			for (uint64_t k = 0; r == 0 && m->to == self->first + l && k < m->bytes;
			     k++)
				if (bytes[m->dst + k] != letter(m, k))
					r = wrong(self, 0, "a message");
		}
		if (r == 0 && bytes[g->got[self->first + l]] != 0x5a)
			r = wrong(self, 0, "behind the messages");
		if (r == 0)
			r = tail_check(self, g, l);
	}
	return r;
}

static int letters(struct self *self)
{
	static struct group g;
	struct trn_prng prng, own;
	int r = open_all(self);

	trn_prng_seed(&prng, trn_test_seed());
	trn_prng_seed(&own, trn_test_seed() + self->process);
	for (uint32_t round = 0; r == 0 && round < 6; round++) {
		messages_make(&prng, self->ranks, &g);
		sides_add(self, &own, &g);
		others_add(self, &prng, &g);
		r = mail_put(self, &g);
		if (r == 0)
			r = trn_comm_run(self->comm, g.calls, g.count, SOON);
		r = r < 0 ? wrong(self, r, "letters") : mail_check(self, &g);
	}
	close_all(self);
	return r;
}

START_TEST(messages_in_any_order)
{
	both_ways(&jobs[_i], letters);
}
END_TEST

/* ---- several groups at once ---- */

#define GROUPS 5u
#define EACH 70001u

static int groups_fill(struct self *self, struct trn_comm_call *calls)
{
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		for (uint32_t i = 0; i < GROUPS * EACH; i++)
			numbers[i] = given(self->first + l, i);
		r = trn_buffer_write(self->src[l], 0, numbers, GROUPS * EACH * 4, SOON);
		for (uint32_t g = 0; g < GROUPS; g++)
			calls[g * LOCALS_MAX + l] = (struct trn_comm_call){
				.size = sizeof(*calls),
				.dtype = TRN_DTYPE_S32,
				.rank = self->first + l,
				.count = EACH,
				.src = { self->src[l], g * EACH * 4, NULL },
				.dst = { self->dst[l], g * EACH * 4, NULL },
			};
	}
	return r;
}

/* Started at once, waited for in an order of each process's own, two of them by progress alone. */
static int at_once(struct self *self)
{
	struct trn_comm_call calls[GROUPS * LOCALS_MAX];
	const struct what sum = { .kind = TRN_COMM_ALL_REDUCE };
	struct trn_comm_times times = { .size = sizeof(times) };
	uint64_t ticket[GROUPS];
	int r = open_all(self);

	if (r == 0)
		r = groups_fill(self, calls);
	for (uint32_t g = 0; r == 0 && g < GROUPS; g++)
		r = trn_comm_start(self->comm, calls + g * LOCALS_MAX, self->locals, &ticket[g]);
	/* What was given is copied. */
	memset(calls, 0xff, sizeof(calls));
	while (r == 0 && trn_comm_wait(self->comm, ticket[1], TRN_DEADLINE_NOW) == -ETIMEDOUT)
		r = trn_comm_progress(self->comm);
	for (uint32_t g = 0; r == 0 && g < GROUPS; g++) {
		const uint32_t which = (g * 2 + self->process) % GROUPS;

		if (which != 1)
			r = trn_comm_wait(self->comm, ticket[which], SOON);
	}
	if (r == 0 && trn_comm_wait(self->comm, ticket[0], SOON) != -EINVAL)
		r = wrong(self, 0, "a ticket twice");
	if (r == 0)
		r = trn_comm_times(self->comm, &times);
	if (r == 0 && times.device_ns == 0)
		r = wrong(self, 0, "no time");
	if (r < 0)
		(void)wrong(self, r, "groups at once");
	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		r = trn_buffer_read(self->dst[l], 0, numbers, GROUPS * EACH * 4, SOON);
		for (uint32_t i = 0; r == 0 && i < GROUPS * EACH; i++)
			if (numbers[i] != sum_at(&sum, self->ranks, i))
				r = wrong(self, 0, "a sum of groups at once");
	}
	close_all(self);
	return r;
}

START_TEST(groups_at_once)
{
	both_ways(&jobs[_i], at_once);
}
END_TEST

/* ---- recorded by the user ---- */

#define SUBMISSIONS 3u
#define VECTOR 70001u

struct queues {
	struct trn_queue *queue[LOCALS_MAX];
	struct trn_batch *batch[LOCALS_MAX];
	uint64_t sequence[LOCALS_MAX];
};

/* Between two copies of the same queue: src becomes the sum of all ranks'. */
static int recorded(struct self *self, struct queues *q, uint32_t l)
{
	const struct trn_comm_call call = { .size = sizeof(call),
					    .dtype = TRN_DTYPE_S32,
					    .rank = self->first + l,
					    .count = VECTOR,
					    .src.buffer = self->dst[l],
					    .dst.buffer = self->dst[l] };
	int r = trn_queue_create(self->devices[l], NULL, &q->queue[l]);

	if (r == 0)
		r = trn_batch_create(q->queue[l], 16, &q->batch[l]);
	if (r == 0)
		r = trn_batch_copy(q->batch[l], self->dst[l], 0, self->src[l], 0, VECTOR * 4);
	if (r == 0)
		r = trn_batch_comm(q->batch[l], self->comm, &call);
	if (r == 0)
		r = trn_batch_copy(q->batch[l], self->src[l], 0, self->dst[l], 0, VECTOR * 4);
	for (uint64_t i = 0; i < VECTOR; i++)
		numbers[i] = given(self->first + l, i);
	return r < 0 ? r : trn_buffer_write(self->src[l], 0, numbers, VECTOR * 4, SOON);
}

/* With a thread of its own the queues' owner needs not care. */
static int queues_wait(struct self *self, struct queues *q)
{
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		if (self->job->flags & TRN_COMM_PROGRESS_THREAD) {
			r = trn_queue_wait(q->queue[l], q->sequence[l], SOON);
			continue;
		}
		while (r == 0 && trn_queue_wait(q->queue[l], q->sequence[l], TRN_DEADLINE_NOW) ==
					 -ETIMEDOUT) {
			r = trn_comm_progress(self->comm);
			r = r == -EAGAIN ? 0 : r;
		}
	}
	return r;
}

static int sums_check(struct self *self, uint32_t l)
{
	int r = trn_buffer_read(self->src[l], 0, numbers, VECTOR * 4, SOON);

	for (uint64_t i = 0; r == 0 && i < VECTOR; i++) {
		uint32_t sum = 0;

		for (uint32_t k = 0; k < self->ranks; k++)
			sum += (uint32_t)given(k, i);
		for (uint32_t k = 1; k < SUBMISSIONS; k++)
			sum *= self->ranks;
		if ((uint32_t)numbers[i] != sum)
			r = wrong(self, 0, "a recorded sum");
	}
	return r;
}

static int in_batches(struct self *self)
{
	struct queues q = { .queue = { NULL } };
	int r = open_all(self);

	for (uint32_t l = 0; r == 0 && l < self->locals; l++)
		r = recorded(self, &q, l);
	for (uint32_t i = 0; r == 0 && i < SUBMISSIONS; i++)
		for (uint32_t l = 0; r == 0 && l < self->locals; l++)
			r = trn_queue_submit(q.queue[l], q.batch[l], SOON, &q.sequence[l]);
	if (r == 0)
		r = queues_wait(self, &q);
	if (r < 0)
		(void)wrong(self, r, "in batches");
	for (uint32_t l = 0; r == 0 && l < self->locals; l++)
		r = sums_check(self, l);
	for (uint32_t l = 0; l < self->locals; l++) {
		(void)trn_batch_destroy(q.batch[l]);
		(void)trn_queue_unref(q.queue[l]);
	}
	/* Who is through first must not leave: others' hosts may still wait for it. */
	if (r == 0)
		r = one(self, &(struct what){ .kind = TRN_COMM_BARRIER });
	close_all(self);
	return r;
}

START_TEST(recorded_in_batches)
{
	struct job job = jobs[_i];

	both_ways(&job, in_batches);
	job.flags = TRN_COMM_PROGRESS_THREAD;
	job.pod = "mock:trn2-48xl?threads=1";
	both_ways(&job, in_batches);
}
END_TEST

START_TEST(with_a_thread)
{
	struct job job = jobs[_i];

	job.flags = TRN_COMM_PROGRESS_THREAD;
	both_ways(&job, letters);
	both_ways(&job, at_once);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("chips");
	TCase *t = tcase_create("chips");

	tcase_set_timeout(t, 150);
	tcase_add_loop_test(t, all_kinds, 0, (int)TRN_ARRAY_LEN(jobs));
	tcase_add_loop_test(t, messages_in_any_order, 0, (int)TRN_ARRAY_LEN(jobs));
	tcase_add_loop_test(t, groups_at_once, 0, (int)TRN_ARRAY_LEN(jobs));
	tcase_add_loop_test(t, recorded_in_batches, 0, (int)TRN_ARRAY_LEN(jobs));
	tcase_add_loop_test(t, with_a_thread, 0, (int)TRN_ARRAY_LEN(jobs));
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
