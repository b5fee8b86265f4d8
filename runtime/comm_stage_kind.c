/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a chunk of a collective is, of ranks that are devices of several processes.
 *
 * Reductions and broadcasts go by ranges of the vector (a reduce-scatter by ranges of all parts,
 * one behind the other). The devices of a process reduce a range first, each of them its share,
 * the shares go to the host, and the processes reduce them. What all want the devices gather, or
 * pass on, after a part of it came to each of them.
 *
 * All-gather and all-to-all go by columns: so many elements of every rank's piece.
 */
#include "runtime/comm_stage.h"

#include "base/bits.h"

#define SHORT 1024u /* elements of a share: below it one device has all */

struct range {
	uint64_t at, count;
};

/* ---- numbers ---- */

uint32_t trn_comm_process_of(const struct trn_comm *comm, uint32_t rank)
{
	uint32_t p = 0;

	while (comm->host->first[p + 1] <= rank)
		p++;
	return p;
}

static uint32_t element_of(const struct trn_comm_flow *flow)
{
	return flow->call[0]->kind == TRN_COMM_BARRIER ? 1 : trn_comm_element(flow->call[0]->dtype);
}

static bool is_reduced(const struct trn_comm_flow *flow)
{
	const enum trn_comm_kind kind = flow->call[0]->kind;

	return kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_REDUCE ||
	       kind == TRN_COMM_REDUCE_SCATTER;
}

bool trn_comm_flow_scratch(const struct trn_comm *comm, const struct trn_comm_flow *flow)
{
	return is_reduced(flow) && comm->count > 1;
}

/* Of a rank's result or gift: all ranks say the same. */
static uint64_t piece_count(const struct trn_comm_flow *flow, uint32_t rank)
{
	return flow->call[0]->dst_counts ? flow->call[0]->dst_counts[rank] : flow->call[0]->count;
}

static uint64_t total(const struct trn_comm *comm, const struct trn_comm_flow *flow)
{
	uint64_t sum = 0;

	if (flow->call[0]->kind == TRN_COMM_BARRIER)
		return 0;
	if (flow->call[0]->kind != TRN_COMM_REDUCE_SCATTER)
		return flow->call[0]->count;
	for (uint32_t r = 0; r < comm->ranks; r++)
		sum += piece_count(flow, r);
	return sum;
}

static uint64_t chunks_of(uint64_t count, uint64_t width)
{
	return count / width + (count % width ? 1 : 0);
}

static struct range range_of(const struct trn_comm *comm, const struct trn_comm_flow *flow,
			     uint64_t chunk)
{
	const uint64_t all = total(comm, flow), at = trn_min_u64(chunk * flow->width, all);

	return (struct range){ at, trn_min_u64(flow->width, all - at) };
}

static struct range meet(struct range a, struct range b)
{
	const uint64_t at = trn_max_u64(a.at, b.at);
	const uint64_t end = trn_min_u64(a.at + a.count, b.at + b.count);

	return (struct range){ at, end > at ? end - at : 0 };
}

/* What of a piece is in a column. */
static uint64_t column(const struct trn_comm_flow *flow, uint64_t chunk, uint64_t count)
{
	const uint64_t at = chunk * flow->width;

	return count > at ? trn_min_u64(flow->width, count - at) : 0;
}

/* A device's share of a range. */
static struct range share_of(const struct trn_comm *comm, uint64_t count, uint32_t local)
{
	const uint64_t n = comm->count, each = count / n, more = count % n;

	if (each < SHORT)
		return (struct range){ local ? count : 0, local ? 0 : count };
	return (struct range){ each * local + trn_min_u64(more, local), each + (local < more) };
}

static uint64_t pair_sent(const struct trn_comm_call *call, uint32_t rank)
{
	return call->src_counts ? call->src_counts[rank] : call->count;
}

static uint64_t pair_got(const struct trn_comm_call *call, uint32_t rank)
{
	return call->dst_counts ? call->dst_counts[rank] : call->count;
}

/* ---- the plan ---- */

static void plan_gather(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t room)
{
	uint64_t most = 0, some = 0, sum = 0;

	for (uint32_t r = 0; r < comm->ranks; r++) {
		most = trn_max_u64(most, piece_count(flow, r));
		some += piece_count(flow, r) > 0;
	}
	flow->width = trn_max_u64(room / trn_max_u64(some, 1), 1);
	flow->chunks = chunks_of(most, flow->width);
	for (uint32_t r = 0; r < comm->ranks; r++)
		sum += column(flow, 0, piece_count(flow, r));
	flow->stride = sum * element_of(flow);
}

static void plan_exchange(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t room,
			  bool *ret_agree)
{
	uint64_t chips = 1, most = 0, sent = 0, got = 0;

	/* The same width everywhere, so the most chips that a process has count. */
	for (uint32_t p = 0; p < comm->processes; p++)
		chips = trn_max_u64(chips, trn_comm_host_ranks(comm->host, p));
	flow->width = trn_max_u64(room / (chips * comm->ranks), 1);
	for (uint32_t l = 0; l < comm->count; l++)
		for (uint32_t r = 0; r < comm->ranks; r++) {
			const struct trn_comm_call *call = flow->call[l];

			most = trn_max_u64(most,
					   trn_max_u64(pair_sent(call, r), pair_got(call, r)));
			sent += column(flow, 0, pair_sent(call, r));
			got += column(flow, 0, pair_got(call, r));
			*ret_agree = *ret_agree || call->src_counts || call->dst_counts;
		}
	flow->chunks = chunks_of(most, flow->width);
	flow->stride = trn_max_u64(sent, got) * element_of(flow);
}

void trn_comm_flow_plan(struct trn_comm *comm, struct trn_comm_flow *flow, bool *ret_agree)
{
	const uint64_t room = TRN_STAGE_BYTES / element_of(flow);

	if (flow->call[0]->kind == TRN_COMM_ALL_GATHER) {
		plan_gather(comm, flow, room);
	} else if (flow->call[0]->kind == TRN_COMM_ALL_TO_ALL) {
		plan_exchange(comm, flow, room, ret_agree);
	} else {
		flow->width = room;
		flow->chunks = chunks_of(total(comm, flow), room);
		flow->stride = range_of(comm, flow, 0).count * element_of(flow);
	}
	/* Nothing to move is said to the others as well. */
	flow->chunks = trn_max_u64(flow->chunks, 1);
	flow->stride = trn_align_up(flow->stride, 64);
}

/* ---- copies ---- */

/* Elements of a span, and of the area from a place in bytes. */
static int copy(struct trn_comm *comm, const struct trn_comm_flow *flow, uint32_t local,
		const struct trn_comm_span *span, uint64_t offset, uint64_t area, uint64_t at,
		uint64_t count, bool in)
{
	const uint32_t element = element_of(flow);
	const struct trn_comm_copy c = {
		.buffer = span->buffer,
		.offset = span->offset + offset * element,
		.at = area + at * element,
		.bytes = count * element,
		.in = in,
	};

	return trn_comm_stage_copy(comm, &comm->host->stage->area, local, &c);
}

/* ---- ranges ---- */

/* What of a chunk lies in one piece of every local source. */
struct segment {
	uint64_t at, count; /* in the chunk */
	uint64_t within;    /* of the piece, or of the whole source */
	uint64_t packed;    /* where the piece begins when they stand one behind the other */
	uint32_t rank;      /* whose piece */
};
typedef int segment_fn(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
		       const struct segment *segment);

static bool has_offsets(const struct trn_comm *comm, const struct trn_comm_flow *flow)
{
	bool any = false;

	for (uint32_t l = 0; l < comm->count; l++)
		any = any || flow->call[l]->src_offsets;
	return any;
}

static int for_segments(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			segment_fn *fn)
{
	const struct range range = range_of(comm, flow, chunk);
	struct segment s = { .count = range.count, .within = range.at };
	uint64_t packed = 0;
	int r = 0;

	if (flow->call[0]->kind != TRN_COMM_REDUCE_SCATTER || !has_offsets(comm, flow))
		return range.count ? fn(comm, flow, chunk, &s) : 0;
	for (uint32_t rank = 0; r == 0 && rank < comm->ranks; rank++) {
		const uint64_t count = piece_count(flow, rank);
		const struct range part = meet(range, (struct range){ packed, count });

		s = (struct segment){ part.at - range.at, part.count, part.at - packed, packed,
				      rank };
		packed += count;
		if (part.count > 0)
			r = fn(comm, flow, chunk, &s);
	}
	return r;
}

/* Where it begins in a local rank's source, in elements. */
static uint64_t segment_src(const struct trn_comm_call *call, const struct segment *segment)
{
	return (call->src_offsets ? call->src_offsets[segment->rank] : segment->packed) +
	       segment->within;
}

static struct trn_comm_span scratch_of(struct trn_comm *comm, const struct trn_comm_flow *flow,
				       uint64_t chunk, uint32_t local)
{
	return (struct trn_comm_span){ .buffer = comm->host->stage->scratch[local],
				       .offset = chunk % TRN_STAGE_SLOTS * flow->stride };
}

/* A call of the team, without arrays and with its own numbers. */
static struct trn_comm_call team_call(const struct trn_comm_flow *flow, uint32_t local,
				      enum trn_comm_kind kind)
{
	struct trn_comm_call call = *flow->call[local];

	call.kind = kind;
	call.algorithm = TRN_COMM_AUTO;
	call.rank = local;
	call.root = 0;
	/* The hosts divide. */
	call.op = call.op == TRN_COMM_AVG ? TRN_COMM_SUM : call.op;
	call.src_counts = call.src_offsets = call.dst_counts = call.dst_offsets = NULL;
	return call;
}

static uint64_t *shares_fill(struct trn_comm *comm, uint32_t piece, uint64_t count)
{
	uint64_t *shares = comm->host->stage->shares + (size_t)piece * comm->count;

	for (uint32_t l = 0; l < comm->count; l++)
		shares[l] = share_of(comm, count, l).count;
	return shares;
}

/* The devices reduce a segment into their scratch: each its share. */
static int segment_reduce(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			  const struct segment *segment)
{
	struct trn_comm_stage *stage = comm->host->stage;
	struct trn_comm_call *calls = stage->calls + (size_t)stage->pieces * comm->count;
	const uint64_t *shares = shares_fill(comm, stage->pieces, segment->count);
	const uint32_t element = element_of(flow);
	int r = 0;

	for (uint32_t l = 0; l < comm->count; l++) {
		const uint64_t share = share_of(comm, segment->count, l).at;

		calls[l] = team_call(flow, l, TRN_COMM_REDUCE_SCATTER);
		calls[l].src.offset += segment_src(flow->call[l], segment) * element;
		calls[l].dst = scratch_of(comm, flow, chunk, l);
		calls[l].dst.offset += (segment->at + share) * element;
		calls[l].dst_counts = shares;
	}
	if (++stage->pieces == TRN_STAGE_PIECES) {
		r = trn_comm_stage_team(comm, stage->pieces * comm->count);
		stage->pieces = 0;
	}
	return r;
}

static int segment_fetch(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			 const struct segment *segment)
{
	const uint64_t area = trn_comm_flow_at(flow, chunk, false);
	int r = 0;

	if (comm->count == 1)
		return copy(comm, flow, 0, &flow->call[0]->src, segment_src(flow->call[0], segment),
			    area, segment->at, segment->count, true);
	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		const struct range share = share_of(comm, segment->count, l);
		const struct trn_comm_span scratch = scratch_of(comm, flow, chunk, l);

		r = copy(comm, flow, l, &scratch, segment->at + share.at, area,
			 segment->at + share.at, share.count, true);
	}
	return r;
}

static int fetch_reduced(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	struct trn_comm_stage *stage = comm->host->stage;
	int r = 0;

	stage->pieces = 0;
	if (comm->count > 1)
		r = for_segments(comm, flow, chunk, segment_reduce);
	if (r == 0)
		r = trn_comm_stage_team(comm, stage->pieces * comm->count);
	return r < 0 ? r : for_segments(comm, flow, chunk, segment_fetch);
}

/* The local rank that a broadcast of the devices begins with. */
static uint32_t first_local(const struct trn_comm *comm, const struct trn_comm_flow *flow)
{
	const uint32_t root = flow->call[0]->root;

	return root >= comm->first && root - comm->first < comm->count ? root - comm->first : 0;
}

static bool is_root_here(const struct trn_comm *comm, const struct trn_comm_flow *flow)
{
	return trn_comm_process_of(comm, flow->call[0]->root) == comm->process;
}

/* ---- columns ---- */

static int fetch_gather(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	uint64_t at = 0;
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		const uint64_t count = column(flow, chunk, piece_count(flow, comm->first + l));

		r = copy(comm, flow, l, &flow->call[l]->src, chunk * flow->width,
			 trn_comm_flow_at(flow, chunk, false), at, count, true);
		at += count;
	}
	return r;
}

static int store_gather(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			uint32_t local)
{
	const struct trn_comm_call *call = flow->call[local];
	uint64_t at = 0, packed = 0;
	int r = 0;

	for (uint32_t rank = 0; r == 0 && rank < comm->ranks; rank++) {
		const uint64_t count = column(flow, chunk, piece_count(flow, rank));
		const uint64_t place = call->dst_offsets ? call->dst_offsets[rank] : packed;

		r = copy(comm, flow, local, &call->dst, place + chunk * flow->width,
			 trn_comm_flow_at(flow, chunk, true), at, count, false);
		at += count;
		packed += piece_count(flow, rank);
	}
	return r;
}

/* What goes to, or comes from, a process lies there by sending rank, then by receiving rank.
 * stage.shares: where the local ranks' next pieces are, when they stand one behind the other. */
static int pair_copy(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
		     uint32_t local, uint32_t rank, bool back, uint64_t *at)
{
	const struct trn_comm_call *call = flow->call[local];
	const uint64_t *offsets = back ? call->dst_offsets : call->src_offsets;
	const uint64_t all = back ? pair_got(call, rank) : pair_sent(call, rank);
	const uint64_t count = column(flow, chunk, all);
	uint64_t *packed = &comm->host->stage->shares[local];
	const uint64_t place = offsets ? offsets[rank] : *packed;
	int r = copy(comm, flow, local, back ? &call->dst : &call->src, place + chunk * flow->width,
		     trn_comm_flow_at(flow, chunk, back), *at, count, !back);

	*at += count;
	*packed += all;
	return r;
}

static int exchange(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk, bool back)
{
	const uint32_t *first = comm->host->first;
	uint64_t at = 0;
	int r = 0;

	memset(comm->host->stage->shares, 0, comm->count * sizeof(uint64_t));
	for (uint32_t p = 0; p < comm->processes; p++) {
		for (uint32_t l = 0; !back && l < comm->count; l++)
			for (uint32_t rank = first[p]; r == 0 && rank < first[p + 1]; rank++)
				r = pair_copy(comm, flow, chunk, l, rank, back, &at);
		for (uint32_t rank = first[p]; back && rank < first[p + 1]; rank++)
			for (uint32_t l = 0; r == 0 && l < comm->count; l++)
				r = pair_copy(comm, flow, chunk, l, rank, back, &at);
	}
	return r;
}

static void exchange_counts(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			    uint64_t *sent, uint64_t *got)
{
	for (uint32_t p = 0; p < comm->processes; p++) {
		sent[p] = got[p] = 0;
		for (uint32_t l = 0; l < comm->count; l++)
			for (uint32_t rank = comm->host->first[p]; rank < comm->host->first[p + 1];
			     rank++) {
				sent[p] += column(flow, chunk, pair_sent(flow->call[l], rank));
				got[p] += column(flow, chunk, pair_got(flow->call[l], rank));
			}
	}
}

/* ---- the wire ---- */

static void gather_counts(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			  uint64_t *counts)
{
	for (uint32_t p = 0; p < comm->processes; p++) {
		counts[p] = 0;
		for (uint32_t r = comm->host->first[p]; r < comm->host->first[p + 1]; r++)
			counts[p] += column(flow, chunk, piece_count(flow, r));
	}
}

/* What of all parts, one behind the other, is a process's. */
static struct range process_range(const struct trn_comm *comm, const struct trn_comm_flow *flow,
				  uint32_t process)
{
	struct range range = { 0, 0 };

	for (uint32_t r = 0; r < comm->host->first[process]; r++)
		range.at += piece_count(flow, r);
	for (uint32_t r = comm->host->first[process]; r < comm->host->first[process + 1]; r++)
		range.count += piece_count(flow, r);
	return range;
}

/* A range of one process's parts is a reduction that it is the root of. */
static void wire_scatter(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			 uint64_t *counts, struct trn_hostcoll_call *call)
{
	const struct range range = range_of(comm, flow, chunk);
	uint32_t some = 0;

	for (uint32_t p = 0; p < comm->processes; p++) {
		counts[p] = meet(range, process_range(comm, flow, p)).count;
		if (counts[p] == 0)
			continue;
		some++;
		call->root = p;
	}
	if (some == 1) {
		call->kind = TRN_COMM_REDUCE;
		call->count = range.count;
		return;
	}
	call->root = 0;
	call->dst_counts = counts;
}

void trn_comm_flow_wire(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk,
			uint64_t *counts, struct trn_hostcoll_call *ret_call)
{
	const struct trn_comm_call *call = flow->call[0];
	unsigned char *host = comm->host->stage->area.host;

	*ret_call = (struct trn_hostcoll_call){
		.kind = call->kind,
		.op = call->op,
		.dtype = call->dtype,
		.divide = comm->ranks,
		.src = host + trn_comm_flow_at(flow, chunk, false),
		.dst = host + trn_comm_flow_at(flow, chunk, true),
	};
	switch (call->kind) {
	case TRN_COMM_ALL_GATHER:
		gather_counts(comm, flow, chunk, counts);
		ret_call->count = counts[0];
		for (uint32_t p = 1; p < comm->processes; p++)
			if (counts[p] != counts[0])
				ret_call->dst_counts = counts;
		break;
	case TRN_COMM_ALL_TO_ALL:
		exchange_counts(comm, flow, chunk, counts, counts + comm->processes);
		ret_call->src_counts = counts;
		ret_call->dst_counts = counts + comm->processes;
		break;
	case TRN_COMM_REDUCE_SCATTER:
		wire_scatter(comm, flow, chunk, counts, ret_call);
		break;
	case TRN_COMM_BROADCAST:
	case TRN_COMM_REDUCE:
		ret_call->root = trn_comm_process_of(comm, call->root);
		ret_call->count = range_of(comm, flow, chunk).count;
		/* The root of a broadcast keeps what it has. */
		if (call->kind == TRN_COMM_BROADCAST && is_root_here(comm, flow))
			ret_call->dst = host + trn_comm_flow_at(flow, chunk, false);
		break;
	default:
		ret_call->count = range_of(comm, flow, chunk).count;
		break;
	}
}

/* ---- both ways of the devices ---- */

int trn_comm_flow_fetch(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	const struct range range = range_of(comm, flow, chunk);
	const uint32_t first = first_local(comm, flow);

	if (is_reduced(flow))
		return fetch_reduced(comm, flow, chunk);
	switch (flow->call[0]->kind) {
	case TRN_COMM_ALL_GATHER:
		return fetch_gather(comm, flow, chunk);
	case TRN_COMM_ALL_TO_ALL:
		return exchange(comm, flow, chunk, false);
	case TRN_COMM_BROADCAST:
		return is_root_here(comm, flow) ?
			       copy(comm, flow, first, &flow->call[first]->src, range.at,
				    trn_comm_flow_at(flow, chunk, false), 0, range.count, true) :
			       0;
	default:
		return 0;
	}
}

static int store_scatter(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	const struct range mine = process_range(comm, flow, comm->process);
	const struct range here = meet(range_of(comm, flow, chunk), mine);
	struct range piece = { mine.at, 0 };
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		struct range part;

		piece.at += piece.count;
		piece.count = piece_count(flow, comm->first + l);
		part = meet(here, piece);
		r = copy(comm, flow, l, &flow->call[l]->dst, part.at - piece.at,
			 trn_comm_flow_at(flow, chunk, true), part.at - here.at, part.count, false);
	}
	return r;
}

static int store_shares(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	const struct range range = range_of(comm, flow, chunk);
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		const struct range share = share_of(comm, range.count, l);

		r = copy(comm, flow, l, &flow->call[l]->dst, range.at + share.at,
			 trn_comm_flow_at(flow, chunk, true), share.at, share.count, false);
	}
	return r;
}

static bool is_in_place(const struct trn_comm_call *call)
{
	return call->src.buffer && call->dst.buffer &&
	       call->src.buffer->address + call->src.offset ==
		       call->dst.buffer->address + call->dst.offset;
}

/* The root alone copies; with others beside it the devices do, also for the root. */
static int store_broadcast(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	const struct range range = range_of(comm, flow, chunk);
	const bool root = is_root_here(comm, flow);

	if (root && (comm->count > 1 || is_in_place(flow->call[0])))
		return 0;
	return copy(comm, flow, 0, &flow->call[0]->dst, range.at,
		    trn_comm_flow_at(flow, chunk, !root), 0, range.count, false);
}

int trn_comm_flow_store(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	const uint32_t root = first_local(comm, flow);
	int r = 0;

	switch (flow->call[0]->kind) {
	case TRN_COMM_ALL_REDUCE:
		return store_shares(comm, flow, chunk);
	case TRN_COMM_REDUCE_SCATTER:
		return store_scatter(comm, flow, chunk);
	case TRN_COMM_BROADCAST:
		return store_broadcast(comm, flow, chunk);
	case TRN_COMM_ALL_TO_ALL:
		return exchange(comm, flow, chunk, true);
	case TRN_COMM_REDUCE:
		return is_root_here(comm, flow) ? copy(comm, flow, root, &flow->call[root]->dst,
						       range_of(comm, flow, chunk).at,
						       trn_comm_flow_at(flow, chunk, true), 0,
						       range_of(comm, flow, chunk).count, false) :
						  0;
	case TRN_COMM_ALL_GATHER:
		for (uint32_t l = 0; r == 0 && l < comm->count; l++)
			r = store_gather(comm, flow, chunk, l);
		return r;
	default:
		return 0;
	}
}

int trn_comm_flow_spread(struct trn_comm *comm, struct trn_comm_flow *flow, uint64_t chunk)
{
	const enum trn_comm_kind kind = flow->call[0]->kind;
	const struct range range = range_of(comm, flow, chunk);
	const uint64_t offset = range.at * element_of(flow);
	struct trn_comm_call *calls = comm->host->stage->calls;

	if (comm->count == 1 || range.count == 0 ||
	    (kind != TRN_COMM_ALL_REDUCE && kind != TRN_COMM_BROADCAST))
		return 0;
	for (uint32_t l = 0; l < comm->count; l++) {
		if (kind == TRN_COMM_ALL_REDUCE) {
			calls[l] = team_call(flow, l, TRN_COMM_ALL_GATHER);
			calls[l].dst.offset += offset;
			calls[l].src = calls[l].dst;
			calls[l].src.offset += share_of(comm, range.count, l).at * element_of(flow);
			calls[l].dst_counts = shares_fill(comm, 0, range.count);
			continue;
		}
		calls[l] = team_call(flow, l, TRN_COMM_BROADCAST);
		calls[l].root = first_local(comm, flow);
		calls[l].count = range.count;
		calls[l].dst.offset += offset;
		calls[l].src.offset += offset;
		if (!is_root_here(comm, flow))
			calls[l].src = calls[l].dst;
	}
	return trn_comm_stage_team(comm, comm->count);
}
