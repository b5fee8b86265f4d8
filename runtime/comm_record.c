/* SPDX-License-Identifier: Apache-2.0 */
/* One rank's part of a collective as a command: streams of the sync processors in host memory that
 * the device reads. Built when it is recorded; nothing is allocated once the pool has a place of
 * the size. */
#include <errno.h>
#include "runtime/comm.h"

#define STREAM_ALIGN 64u

/* ---- places for schedules ---- */

/* Nobody but the pool holds it. */
static bool is_free(const struct trn_comm_schedule *s)
{
	return atomic_load_explicit(&s->buffer->object.refs, memory_order_acquire) == 1;
}

static int pool_grow(struct trn_comm_team *team, struct trn_comm_member *m, uint64_t bytes,
		     struct trn_buffer **ret_buffer)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.kind = TRN_BUFFER_HOST,
					.category = TRN_MEMORY_COLLECTIVES,
					.label = "schedules" };
	struct trn_comm_schedule *pool;
	int r;

	for (opts.bytes = 4096; opts.bytes < bytes;)
		opts.bytes *= 2;
	pool = trn_alloc_grow(&team->context->alloc, m->pool, m->pool_count, m->pool_count + 1,
			      sizeof(*pool));
	if (!pool)
		return trn_fail(team->context, m->device, -ENOMEM, "trn_batch_comm",
				"no memory for a schedule");
	m->pool = pool;
	r = trn_buffer_create(m->device, &opts, ret_buffer);
	if (r < 0)
		return r;
	m->pool[m->pool_count++] =
		(struct trn_comm_schedule){ .buffer = *ret_buffer, .bytes = opts.bytes };
	return 0;
}

static int pool_take(struct trn_comm_team *team, struct trn_comm_member *m, uint64_t bytes,
		     struct trn_buffer **ret_buffer)
{
	const struct trn_comm_schedule *best = NULL;

	for (uint32_t i = 0; i < m->pool_count; i++) {
		const struct trn_comm_schedule *s = &m->pool[i];

		if (s->bytes >= bytes && is_free(s) && (!best || s->bytes < best->bytes))
			best = s;
	}
	if (!best)
		return pool_grow(team, m, bytes, ret_buffer);
	*ret_buffer = best->buffer;
	return 0;
}

/* ---- a command ---- */

struct streams {
	struct trn_ext_sync_stream stream[TRN_COLL_CHANNELS];
	uint32_t count;
	uint64_t bytes; /* descriptor and operations */
};

static void streams_add(struct streams *s, uint32_t processor, uint32_t ops)
{
	s->stream[s->count++] = (struct trn_ext_sync_stream){ .ops = ops, .processor = processor };
}

/* Where each stream begins, behind the descriptor. */
static void streams_lay(struct streams *s)
{
	s->bytes = trn_align_up(sizeof(struct trn_ext_collect) +
					s->count * sizeof(struct trn_ext_sync_stream),
				STREAM_ALIGN);
	for (uint32_t i = 0; i < s->count; i++) {
		s->stream[i].address = s->bytes;
		s->bytes += s->stream[i].ops * sizeof(struct trn_ext_sync_op);
	}
}

static struct trn_coll_ops streams_open(struct streams *s, uint32_t i, struct trn_buffer *buffer)
{
	struct trn_coll_ops out = { .max = s->stream[i].ops };

	out.ops =
		(struct trn_ext_sync_op *)(void *)((char *)buffer->mem.host + s->stream[i].address);
	return out;
}

static void streams_close(struct streams *s, struct trn_comm_team *team, uint32_t priority,
			  struct trn_buffer *buffer)
{
	struct trn_ext_collect *head = buffer->mem.host;

	for (uint32_t i = 0; i < s->count; i++)
		s->stream[i].address += buffer->address;
	*head = (struct trn_ext_collect){
		.magic = TRN_EXT_MAGIC,
		.version = TRN_EXT_VERSION,
		.streams = (uint16_t)s->count,
		.priority = priority,
		.limit_ns = team->limit_ns,
	};
	memcpy(head + 1, s->stream, s->count * sizeof(s->stream[0]));
}

static bool is_named(struct trn_object *const *objects, uint32_t count,
		     const struct trn_object *object)
{
	while (count > 0 && objects[count - 1] != object)
		count--;
	return count > 0;
}

static int command(struct trn_batch *batch, struct trn_buffer *schedule,
		   const struct trn_comm_call *calls, uint32_t count, uint32_t rank,
		   struct trn_object *hold)
{
	struct trn_object *objects[TRN_CMD_REFS_MAX];
	uint32_t n = 0;

	objects[n++] = &schedule->object;
	if (hold)
		objects[n++] = hold;
	for (uint32_t i = 0; i < 2 * count; i++) {
		struct trn_buffer *buffer = i % 2 ? calls[i / 2].dst.buffer :
						    calls[i / 2].src.buffer;

		if (calls[i / 2].rank == rank && buffer && n < TRN_CMD_REFS_MAX &&
		    !is_named(objects, n, &buffer->object))
			objects[n++] = &buffer->object;
	}
	return trn_batch_collect(batch, schedule->address, objects, n);
}

/* ---- collectives ---- */

static uint64_t span_address(const struct trn_comm_span *span)
{
	return span->buffer ? span->buffer->address + span->offset : 0;
}

static void pieces(uint64_t *counts, uint64_t *offsets, const uint64_t *given_counts,
		   const uint64_t *given_offsets, uint64_t count, uint32_t ranks)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < ranks; i++) {
		counts[i] = given_counts ? given_counts[i] : count;
		offsets[i] = given_offsets ? given_offsets[i] : at;
		at += counts[i];
	}
}

/* Where in rank's dst what comes from me begins. */
static uint64_t place_there(const struct trn_comm_call *theirs, uint32_t me)
{
	uint64_t at = 0;

	if (theirs->dst_offsets)
		return theirs->dst_offsets[me];
	if (!theirs->dst_counts)
		return me * theirs->count;
	for (uint32_t i = 0; i < me; i++)
		at += theirs->dst_counts[i];
	return at;
}

static void coll_pieces(struct trn_comm_team *team, const struct trn_comm_call *call,
			const struct trn_comm_call *const *all, struct trn_coll *c)
{
	uint64_t *numbers = team->work + 4 * (size_t)team->ranks + 1;
	const uint32_t n = team->ranks;

	if (call->kind == TRN_COMM_ALL_GATHER)
		pieces(numbers, numbers + n, call->dst_counts, call->dst_offsets, call->count, n);
	else if (call->kind == TRN_COMM_REDUCE_SCATTER)
		pieces(numbers, numbers + n, call->dst_counts, call->src_offsets, call->count, n);
	else if (call->kind == TRN_COMM_ALL_TO_ALL)
		pieces(numbers, numbers + n, call->src_counts, call->src_offsets, call->count, n);
	else
		return;
	c->counts = numbers;
	c->offsets = numbers + n;
	if (call->kind != TRN_COMM_ALL_TO_ALL)
		return;
	pieces(numbers + 2 * n, numbers + 3 * n, call->dst_counts, call->dst_offsets, call->count,
	       n);
	c->from_counts = numbers + 2 * n;
	c->from_offsets = numbers + 3 * n;
	c->there = numbers + 4 * n;
	for (uint32_t i = 0; i < n; i++)
		numbers[4 * n + i] = place_there(all ? all[i] : call, call->rank);
}

static void coll_init(struct trn_comm_team *team, const struct trn_comm_call *call,
		      const struct trn_comm_call *const *all, enum trn_coll_shape shape,
		      struct trn_coll *c)
{
	static const uint8_t reduces[TRN_COMM_OPS] = {
		[TRN_COMM_SUM] = TRN_REDUCE_SUM, [TRN_COMM_MIN] = TRN_REDUCE_MIN,
		[TRN_COMM_MAX] = TRN_REDUCE_MAX, [TRN_COMM_PROD] = TRN_REDUCE_PROD,
		[TRN_COMM_AVG] = TRN_REDUCE_SUM,
	};
	const bool barrier = call->kind == TRN_COMM_BARRIER;

	*c = (struct trn_coll){
		.kind = call->kind,
		.dtype = barrier ? TRN_DTYPE_U8 : call->dtype,
		.element = barrier ? 1 : trn_comm_element(call->dtype),
		.reduce = (enum trn_ext_reduce)reduces[call->op],
		.average = call->op == TRN_COMM_AVG,
		.direct = all != NULL,
		.me = call->rank,
		.root = call->root,
		.ranks = team->ranks,
		.rank = team->rank,
		.count = barrier ? 0 : call->count,
		.channels = team->channels,
		.parts = TRN_COLL_SHARES * TRN_COLL_CHANNELS,
		.semaphore = team->shape[shape].semaphore,
		.root_semaphore = team->root_semaphore,
		.scratch = team->shape[shape].scratch,
		.room = TRN_COMM_ROOM,
		.work = team->work,
	};
	coll_pieces(team, call, all, c);
	for (uint32_t i = 0; i < team->ranks; i++)
		team->rank[i].dst = all ? span_address(&all[i]->dst) : 0;
	team->rank[call->rank].src = span_address(&call->src);
	team->rank[call->rank].dst = span_address(&call->dst);
}

/* One of the strands of a channel: its part of the part. */
static struct trn_coll strand_of(const struct trn_coll *c, uint32_t strand, uint32_t semaphores)
{
	const uint64_t part = c->part_to - c->part_from;
	struct trn_coll ret = *c;

	ret.part_from = c->part_from + part * strand / TRN_COLL_STRANDS;
	ret.part_to = c->part_from + part * (strand + 1) / TRN_COLL_STRANDS;
	ret.strand = strand;
	ret.strands = TRN_COLL_STRANDS;
	ret.semaphore = c->semaphore + strand * (semaphores + 1);
	ret.own_semaphore = ret.semaphore + semaphores;
	return ret;
}

/* Operations of a channel: what its strands have on their own counts, too. */
static uint32_t channel_count(const struct trn_coll *c, bool stranded, uint32_t semaphores)
{
	struct trn_coll_ops out = { 0 };

	if (!stranded)
		trn_coll_build(c, &out);
	for (uint32_t i = 0; stranded && i < TRN_COLL_STRANDS; i++) {
		const struct trn_coll strand = strand_of(c, i, semaphores);

		trn_coll_build(&strand, &out);
	}
	return out.count;
}

/* apart: room for the strands before they are one. */
static void channel_build(const struct trn_coll *c, bool stranded, uint32_t semaphores,
			  struct trn_ext_sync_op *apart, struct trn_coll_ops *out)
{
	struct trn_coll_ops both = { .ops = apart, .max = out->max };
	uint32_t second = 0;

	if (!stranded) {
		trn_coll_build(c, out);
		return;
	}
	for (uint32_t i = 0; i < TRN_COLL_STRANDS; i++) {
		const struct trn_coll strand = strand_of(c, i, semaphores);

		second = both.count;
		trn_coll_build(&strand, &both);
	}
	out->count = trn_coll_merge(apart, apart + second, trn_coll_ahead(c->way), out->ops);
}

/* Channels of the plan that take part, and their number. */
static uint32_t channels_init(struct trn_comm_team *team, const struct trn_comm_call *call,
			      const struct trn_comm_call *const *all, enum trn_coll_shape shape,
			      struct trn_coll_way *way, struct trn_coll *c)
{
	const struct trn_coll_plan *plan = team->shape[shape].plan;
	const uint64_t bytes = trn_comm_team_bytes(team, call);
	const uint32_t used = trn_coll_plan_channels(plan, &team->site, bytes);
	uint64_t chunks = 1;
	uint32_t n = 0;

	for (uint32_t ch = 0; ch < team->channels; ch++) {
		coll_init(team, call, all, shape, &c[n]);
		c[n].way = &way[n];
		c[n].channel = ch;
		if (shape == TRN_COLL_FUSED ?
			    !trn_coll_fused_way(plan, &team->site, ch, bytes, &way[n]) :
			    !trn_coll_plan_way(plan, ch, used, &way[n], &c[n].part_from,
					       &c[n].part_to))
			continue;
		c[n].turn = way[n].turn;
		c[n].turns = way[n].turns;
		if (way[n].fused)
			chunks = trn_max_u64(chunks, trn_coll_fused_chunks(&c[n]));
		n++;
	}
	for (uint32_t i = 0; i < n; i++) {
		c[i].chunks = chunks;
		c[i].set = team->set;
	}
	return n;
}

int trn_comm_record(struct trn_comm_team *team, struct trn_batch *batch,
		    const struct trn_comm_call *call, const struct trn_comm_call *const *all,
		    enum trn_coll_shape shape, struct trn_object *hold)
{
	const struct trn_coll_plan *plan = team->shape[shape].plan;
	const bool stranded = trn_coll_plan_stranded(plan, &team->site, call->kind,
						     trn_comm_team_bytes(team, call));
	struct streams streams = { .count = 0 };
	struct trn_coll_way way[TRN_COLL_CHANNELS];
	struct trn_coll c[TRN_COLL_CHANNELS];
	struct trn_ext_sync_op *apart;
	struct trn_buffer *buffer = NULL;
	uint32_t most = 0, n;
	int r;

	n = channels_init(team, call, all, shape, way, c);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t count = channel_count(&c[i], stranded, plan->semaphores);

		most = count > most ? count : most;
		streams_add(&streams, team->rank[call->rank].processor + c[i].channel, count);
	}
	streams_lay(&streams);
	r = pool_take(team, &team->member[call->rank],
		      streams.bytes + (stranded ? most * sizeof(*apart) : 0), &buffer);
	if (r < 0)
		return r;
	apart = (struct trn_ext_sync_op *)(void *)((char *)buffer->mem.host + streams.bytes);
	for (uint32_t i = 0; i < streams.count; i++) {
		struct trn_coll_ops out = streams_open(&streams, i, buffer);

		channel_build(&c[i], stranded, plan->semaphores, apart, &out);
		streams.stream[i].ops = out.count;
	}
	streams_close(&streams, team, call->priority, buffer);
	/* The last rank's: the next one begins with the set that this one did not end with. */
	if (way->fused && all && call->rank == team->ranks - 1)
		team->set = (uint32_t)((c->set + c->chunks) % 2);
	return command(batch, buffer, call, 1, call->rank, hold);
}

/* ---- point to point ---- */

static const struct trn_comm_call *match(const struct trn_comm_call *calls, uint32_t count,
					 uint32_t from, uint32_t to, uint32_t nth)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct trn_comm_call *call = &calls[i];
		bool fits = false;

		if (call->rank != to)
			continue;
		if (call->kind == TRN_COMM_RECV)
			fits = call->root == from;
		else if (call->kind == TRN_COMM_PERMUTE)
			fits = call->permutation[from] == to;
		if (fits && nth-- == 0)
			return call;
	}
	return NULL;
}

static void part_fill(struct trn_comm_team *team, const struct trn_comm_call *call, uint32_t peer,
		      bool send, struct trn_coll_p2p *part)
{
	const uint32_t me = call->rank, channels = team->channels;

	*part = (struct trn_coll_p2p){
		.peer = peer,
		.send = send,
		.local = span_address(send ? &call->src : &call->dst),
		.bytes = call->count * trn_comm_element(call->dtype),
		.semaphore = team->p2p_semaphore + 2 * (peer / channels),
		.there = me % channels,
		.there_semaphore = team->p2p_semaphore + 2 * (me / channels),
	};
	if (team->p2p_landing)
		part->landing =
			team->p2p_landing[send ? peer : me] + (send ? me : peer) * TRN_COMM_ROOM;
}

/* nth: of the messages from this rank to that one, earlier in the group. */
static uint32_t nth_send(const struct trn_comm_call *calls, uint32_t before, uint32_t rank,
			 uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < before; i++)
		n += calls[i].rank == rank &&
		     ((calls[i].kind == TRN_COMM_SEND && calls[i].root == to) ||
		      (calls[i].kind == TRN_COMM_PERMUTE && calls[i].permutation[rank] == to));
	return n;
}

/* Is there a message for the receiving call at index at of a group? */
static int recv_check(struct trn_comm_team *team, const struct trn_comm_call *calls, uint32_t count,
		      uint32_t at, uint32_t from)
{
	const uint32_t rank = calls[at].rank;
	uint32_t nth = 0;

	for (uint32_t i = 0; i < at; i++)
		nth += calls[i].rank == rank &&
		       ((calls[i].kind == TRN_COMM_RECV && calls[i].root == from) ||
			(calls[i].kind == TRN_COMM_PERMUTE && calls[i].permutation[from] == rank));
	if (nth < nth_send(calls, count, from, rank))
		return 0;
	return trn_fail(team->context, NULL, -EINVAL, "trn_comm_start",
			"rank %u does not send what rank %u receives in this group", from, rank);
}

static int part_send(struct trn_comm_team *team, const struct trn_comm_call *calls, uint32_t count,
		     uint32_t at, bool direct, struct trn_coll_p2p *part)
{
	const struct trn_comm_call *call = &calls[at], *theirs;
	const uint32_t to = call->kind == TRN_COMM_SEND ? call->root :
							  call->permutation[call->rank];

	part_fill(team, call, to, true, part);
	part->direct = direct;
	if (!direct)
		return 0;
	theirs = match(calls, count, call->rank, to, nth_send(calls, at, call->rank, to));
	if (!theirs)
		return trn_fail(team->context, NULL, -EINVAL, "trn_comm_start",
				"rank %u does not receive what rank %u sends in this group", to,
				call->rank);
	if (theirs->count != call->count || theirs->dtype != call->dtype)
		return trn_fail(team->context, NULL, -TRN_ERANK, "trn_comm_start",
				"rank %u receives another count or dtype than rank %u sends", to,
				call->rank);
	part->remote = span_address(&theirs->dst);
	return 0;
}

static uint32_t permute_from(const struct trn_comm_team *team, const struct trn_comm_call *call)
{
	for (uint32_t i = 0; i < team->ranks; i++)
		if (call->permutation[i] == call->rank)
			return i;
	return UINT32_MAX;
}

/* The parts of a rank; their number or an error. */
static int rank_parts(struct trn_comm_team *team, const struct trn_comm_call *calls, uint32_t count,
		      uint32_t rank, bool direct)
{
	uint32_t n = 0;
	int r = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct trn_comm_call *call = &calls[i];
		const bool permute = call->kind == TRN_COMM_PERMUTE;
		uint32_t from = call->root;

		if (call->rank != rank || !trn_comm_kind_p2p(call->kind))
			continue;
		if (n + 2 > 2 * TRN_COMM_COMMANDS)
			return trn_fail(team->context, NULL, -ENOSPC, "trn_comm_start",
					"rank %u has more than %u messages in a group", rank,
					TRN_COMM_COMMANDS);
		if (call->kind == TRN_COMM_SEND ||
		    (permute && call->permutation[rank] != UINT32_MAX))
			r = part_send(team, calls, count, i, direct, &team->parts[n++]);
		if (r < 0)
			return r;
		if (permute)
			from = permute_from(team, call);
		if (call->kind == TRN_COMM_SEND || from == UINT32_MAX)
			continue;
		if (direct)
			r = recv_check(team, calls, count, i, from);
		if (r < 0)
			return r;
		part_fill(team, call, from, false, &team->parts[n]);
		team->parts[n++].direct = direct;
	}
	return (int)n;
}

/* Parts of one channel to the front of what is left; their number. */
static uint32_t sort_channel(struct trn_coll_p2p *parts, uint32_t count, uint32_t channel,
			     uint32_t channels)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct trn_coll_p2p t = parts[i];

		if (t.peer % channels != channel)
			continue;
		for (uint32_t k = i; k > n; k--)
			parts[k] = parts[k - 1];
		parts[n++] = t;
	}
	return n;
}

/* Of the messages of a rank, which are one command: the most urgent's. */
static uint32_t first_served(const struct trn_comm_call *calls, uint32_t count, uint32_t rank)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < count; i++)
		if (calls[i].rank == rank && trn_comm_kind_p2p(calls[i].kind) &&
		    calls[i].priority < least)
			least = calls[i].priority;
	return least;
}

int trn_comm_record_p2p(struct trn_comm_team *team, struct trn_batch *batch,
			const struct trn_comm_call *calls, uint32_t count, uint32_t rank,
			bool direct, struct trn_object *hold)
{
	struct trn_coll c = {
		.me = rank,
		.ranks = team->ranks,
		.rank = team->rank,
		.channels = team->channels,
		.room = TRN_COMM_ROOM,
	};
	uint32_t first[TRN_COLL_CHANNELS], many[TRN_COLL_CHANNELS], at = 0;
	struct streams streams = { .count = 0 };
	struct trn_buffer *buffer = NULL;
	int n = rank_parts(team, calls, count, rank, direct), r;

	if (n <= 0)
		return n;
	for (uint32_t ch = 0; ch < team->channels; ch++) {
		struct trn_coll_ops out = { 0 };
		uint32_t here =
			sort_channel(team->parts + at, (uint32_t)n - at, ch, team->channels);

		if (here == 0)
			continue;
		first[streams.count] = at;
		many[streams.count] = here;
		at += here;
		c.channel = ch;
		trn_coll_build_p2p(&c, team->parts + at - here, here, &out);
		streams_add(&streams, team->rank[rank].processor + ch, out.count);
	}
	streams_lay(&streams);
	r = pool_take(team, &team->member[rank], streams.bytes, &buffer);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < streams.count; i++) {
		struct trn_coll_ops out = streams_open(&streams, i, buffer);

		c.channel = streams.stream[i].processor - team->rank[rank].processor;
		trn_coll_build_p2p(&c, team->parts + first[i], many[i], &out);
	}
	streams_close(&streams, team, first_served(calls, count, rank), buffer);
	return command(batch, buffer, calls, count, rank, hold);
}
