/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives between processes whose ranks are devices. The devices of a process reduce among
 * themselves (each ends with one part of the vector, or with all of a short one), the parts go
 * to host memory, the hosts reduce between the processes, and back the same way. Kinds that only
 * move go through the host whole. Collectives of a group run one after the other.
 */
#include "runtime/comm_host.h"

#include <errno.h>
#include "base/clock.h"
#include "base/reduce.h"

#define STEPS 32u   /* of a device, between two looks */
#define SHORT 1024u /* elements of a part: below it the devices do not scatter */

enum stage {
	STAGE_BEGIN,
	STAGE_DEVICES, /* the devices reduce */
	STAGE_HOSTS,   /* the processes */
	STAGE_GATHER,  /* the devices gather what came back */
	STAGE_DONE,
};

static uint64_t bytes_of(const struct trn_comm_call *call, uint64_t elements)
{
	return elements * trn_comm_element(call->dtype);
}

/* ---- checks ---- */

static bool is_here(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_BROADCAST ||
	       kind == TRN_COMM_ALL_GATHER || kind == TRN_COMM_REDUCE_SCATTER ||
	       kind == TRN_COMM_REDUCE || kind == TRN_COMM_BARRIER;
}

static int call_check(struct trn_comm *comm, const struct trn_comm_call *call)
{
	struct trn_comm_extent extent;
	int r = trn_comm_call_check(comm, call, "trn_comm_start", &extent);

	if (r == 0 && !is_here(call->kind))
		return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_start",
				"%s between devices of different processes",
				trn_comm_kind_name(call->kind));
	if (r == 0 &&
	    (call->src_counts || call->src_offsets || call->dst_counts || call->dst_offsets))
		return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_start",
				"%s with counts between devices of different processes",
				trn_comm_kind_name(call->kind));
	return r < 0 ? r :
		       trn_comm_call_spans(comm, call,
					   comm->team->member[call->rank - comm->first].device,
					   &extent, "trn_comm_start");
}

/* The calls of a collective stand together: every local rank has one, in any order. */
static int one_check(struct trn_comm *comm, const struct trn_comm_call *calls)
{
	const char *why;
	int r = 0;

	for (uint32_t rank = 0; r == 0 && rank < comm->count; rank++) {
		uint32_t i = 0;

		while (i < comm->count && calls[i].rank != comm->first + rank)
			i++;
		if (i == comm->count)
			return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
					"%s: the call of rank %u is missing",
					trn_comm_kind_name(calls[0].kind), comm->first + rank);
		r = call_check(comm, &calls[i]);
		if (r == 0 && trn_comm_call_match(&calls[0], &calls[i], comm->ranks, &why) < 0)
			r = trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
				     "%s: rank %u differs in %s", trn_comm_kind_name(calls[0].kind),
				     calls[i].rank, why);
	}
	return r;
}

int trn_comm_host_team_check(struct trn_comm *comm, const struct trn_comm_call *calls,
			     uint32_t count)
{
	int r = 0;

	if (count % comm->count != 0)
		return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
				"%u calls: each of the %u local ranks has one in a collective",
				count, comm->count);
	for (uint32_t i = 0; r == 0 && i < count; i += comm->count)
		r = one_check(comm, &calls[i]);
	return r;
}

int trn_comm_host_team_start(struct trn_comm *comm, struct trn_comm_host_group *group,
			     const struct trn_comm_call *calls, uint32_t count)
{
	group->count = count / comm->count;
	for (uint32_t i = 0; i < group->count; i++)
		group->ops[i].calls = &calls[i * comm->count];
	return 0;
}

/* ---- staging ---- */

/* The call of a local rank. */
static const struct trn_comm_call *call_of(const struct trn_comm *comm,
					   const struct trn_comm_host_op *op, uint32_t local)
{
	uint32_t i = 0;

	while (op->calls[i].rank != comm->first + local)
		i++;
	return &op->calls[i];
}

static int read_span(const struct trn_comm_span *span, uint64_t at, void *host, uint64_t bytes,
		     uint64_t deadline_ns)
{
	return bytes ? trn_buffer_read(span->buffer, span->offset + at, host, bytes, deadline_ns) :
		       0;
}

static int write_span(const struct trn_comm_span *span, uint64_t at, const void *host,
		      uint64_t bytes, uint64_t deadline_ns)
{
	return bytes ? trn_buffer_write(span->buffer, span->offset + at, host, bytes, deadline_ns) :
		       0;
}

/* A local rank's part of a vector that the devices scatter. */
static void part_of(const struct trn_comm *comm, uint64_t count, uint32_t local, uint64_t *ret_at,
		    uint64_t *ret_count)
{
	*ret_at = count / comm->count * local + trn_min_u64(count % comm->count, local);
	*ret_count = count / comm->count + (local < count % comm->count);
}

static bool scatters(const struct trn_comm *comm, const struct trn_comm_call *call)
{
	return comm->count > 1 && call->count / comm->count >= SHORT;
}

/* Elements that a local rank gives and gets. */
static uint64_t given(const struct trn_comm *comm, const struct trn_comm_call *call)
{
	return call->kind == TRN_COMM_REDUCE_SCATTER ? call->count * comm->ranks : call->count;
}

static uint64_t gotten(const struct trn_comm *comm, const struct trn_comm_call *call)
{
	if (call->kind == TRN_COMM_ALL_GATHER)
		return call->count * comm->ranks;
	return call->kind == TRN_COMM_REDUCE_SCATTER ? call->count * comm->count : call->count;
}

static int stage_memory(struct trn_comm *comm, struct trn_comm_host_op *op)
{
	const struct trn_comm_call *call = &op->calls[0];
	const uint64_t rows = bytes_of(call, given(comm, call)) * comm->count;
	const uint64_t result = bytes_of(call, gotten(comm, call));
	void *memory = NULL;
	int r = trn_comm_host_memory(comm, rows + 64, &memory);

	op->rows = memory;
	if (r == 0)
		r = trn_comm_host_memory(comm, result + 64, &memory);
	if (r == 0)
		op->result = memory;
	if (r == 0 && !op->counts)
		op->counts = trn_alloc_array(&comm->context->alloc,
					     (size_t)comm->processes + comm->count,
					     sizeof(*op->counts));
	if (r == 0 && !op->counts)
		r = trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_start", "no memory");
	return r;
}

/* ---- the devices' part of an all-reduce ---- */

/* One call of each device for the team: reduce (scatter, or all of it), or gather. */
static int team_start(struct trn_comm *comm, struct trn_comm_host_op *op, enum trn_comm_kind kind)
{
	const struct trn_alloc *alloc = &comm->context->alloc;
	struct trn_comm_call *calls = trn_alloc_array(alloc, comm->count, sizeof(*calls));
	uint64_t *counts = op->counts + comm->processes;
	uint64_t at;
	int r;

	if (!calls)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_start", "no memory");
	for (uint32_t l = 0; l < comm->count; l++) {
		calls[l] = *call_of(comm, op, l);
		calls[l].kind = kind;
		calls[l].rank = l;
		calls[l].algorithm = TRN_COMM_AUTO;
		if (calls[l].op == TRN_COMM_AVG)
			calls[l].op = TRN_COMM_SUM; /* the hosts divide */
		part_of(comm, op->calls[0].count, l, &at, &counts[l]);
		if (kind == TRN_COMM_ALL_REDUCE)
			continue;
		calls[l].dst_counts = counts;
		if (kind == TRN_COMM_ALL_GATHER) {
			calls[l].src = calls[l].dst;
			calls[l].src.offset += bytes_of(&calls[l], at);
		} else {
			calls[l].dst.offset += bytes_of(&calls[l], at);
		}
	}
	r = trn_comm_team_start(comm->team, calls, comm->count, TRN_COMM_AUTO, &op->team_ticket);
	trn_free(alloc, calls);
	return r;
}

/* 0, -EAGAIN, or what failed. A device that works on this thread gets some steps. */
static int team_step(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	struct trn_device *device = comm->team->member[0].device;
	unsigned int round = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < STEPS; i++)
		r = trn_device_step(device, &round, TRN_DEADLINE_NEVER);
	trn_device_flush_log(device);
	if (r < 0 && r != -EAGAIN)
		return trn_fail(comm->context, device, r, "trn_comm_wait", "the device is gone");
	r = trn_comm_team_wait(comm->team, op->team_ticket, TRN_DEADLINE_NOW);
	if (r != -ETIMEDOUT)
		return r;
	return trn_clock_passed(deadline_ns) ? trn_fail(comm->context, device, r, "trn_comm_wait",
							"the devices have not come to the end") :
					       -EAGAIN;
}

/* ---- the hosts' part ---- */

static void counts_fill(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t count)
{
	for (uint32_t p = 0; p < comm->processes; p++)
		op->counts[p] = count * trn_comm_host_ranks(comm->host, p);
}

static uint32_t process_of(const struct trn_comm *comm, uint32_t rank)
{
	uint32_t p = 0;

	while (comm->host->first[p + 1] <= rank)
		p++;
	return p;
}

static int hosts_start(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	const struct trn_comm_call *call = &op->calls[0];
	struct trn_hostcoll_call host = { .kind = call->kind,
					  .op = call->op,
					  .dtype = call->dtype,
					  .divide = comm->ranks,
					  .count = call->count,
					  .src = op->rows,
					  .dst = op->result,
					  .deadline_ns = deadline_ns };

	if (call->kind == TRN_COMM_BROADCAST || call->kind == TRN_COMM_REDUCE)
		host.root = process_of(comm, call->root);
	if (call->kind == TRN_COMM_ALL_GATHER || call->kind == TRN_COMM_REDUCE_SCATTER) {
		counts_fill(comm, op, call->count);
		host.dst_counts = op->counts;
	}
	return trn_hostcoll_start(comm->host->wire, &host, &op->coll);
}

/* What the local ranks give, into rows; a reduction of it, in rank order, into the first. */
static int fetch(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	const struct trn_comm_call *first = &op->calls[0];
	const uint64_t elements = given(comm, first), bytes = bytes_of(first, elements);
	const bool reduces = first->kind == TRN_COMM_REDUCE ||
			     first->kind == TRN_COMM_REDUCE_SCATTER;
	static const enum trn_ext_reduce ops[TRN_COMM_OPS] = {
		TRN_REDUCE_SUM, TRN_REDUCE_MIN, TRN_REDUCE_MAX, TRN_REDUCE_PROD, TRN_REDUCE_SUM,
	};
	const struct trn_reduce how = { first->dtype, ops[reduces ? first->op : 0], 1.0f, 1 };
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		const struct trn_comm_call *call = call_of(comm, op, l);

		if (call->kind == TRN_COMM_BROADCAST && call->root != call->rank)
			continue;
		r = read_span(&call->src, 0,
			      op->rows + (first->kind == TRN_COMM_BROADCAST ? 0 : l * bytes), bytes,
			      deadline_ns);
		if (r == 0 && reduces && l > 0) {
			const void *rows[2] = { op->rows, op->rows + l * bytes };

			trn_reduce_row(op->rows, rows, 2, &how, elements);
		}
	}
	return r;
}

/* An all-reduce: from where the devices left it, or back there. */
static int move_parts(struct trn_comm *comm, struct trn_comm_host_op *op, bool back,
		      uint64_t deadline_ns)
{
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		const struct trn_comm_call *call = call_of(comm, op, l);
		uint64_t at = 0, count = call->count, offset, bytes;

		if (scatters(comm, call))
			part_of(comm, call->count, l, &at, &count);
		else if (!back && l > 0)
			break; /* all have the same */
		offset = bytes_of(call, at);
		bytes = bytes_of(call, count);
		r = back ? write_span(&call->dst, offset, op->result + offset, bytes, deadline_ns) :
			   read_span(comm->count > 1 ? &call->dst : &call->src, offset,
				     op->rows + offset, bytes, deadline_ns);
	}
	return r;
}

/* What came back, to the local ranks. */
static int deliver(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		const struct trn_comm_call *call = call_of(comm, op, l);
		uint64_t elements = gotten(comm, call), from = 0;

		if (call->kind == TRN_COMM_REDUCE && call->root != call->rank)
			continue;
		if (call->kind == TRN_COMM_REDUCE_SCATTER) {
			elements = call->count;
			from = bytes_of(call, call->count) * l;
		}
		/* The root of a broadcast may have no destination. */
		if (call->kind == TRN_COMM_BROADCAST && call->root == call->rank &&
		    !call->dst.buffer)
			continue;
		r = write_span(&call->dst, 0, op->result + from, bytes_of(call, elements),
			       deadline_ns);
	}
	return r;
}

/* ---- the stages ---- */

static int begin(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	const struct trn_comm_call *call = &op->calls[0];
	int r = stage_memory(comm, op);

	if (r == 0 && call->kind == TRN_COMM_ALL_REDUCE && comm->count > 1 && call->count > 0) {
		r = team_start(comm, op,
			       scatters(comm, call) ? TRN_COMM_REDUCE_SCATTER :
						      TRN_COMM_ALL_REDUCE);
		op->stage = STAGE_DEVICES;
		return r < 0 ? r : -EAGAIN;
	}
	if (r == 0 && call->kind == TRN_COMM_ALL_REDUCE)
		r = move_parts(comm, op, false, deadline_ns);
	else if (r == 0 && call->kind != TRN_COMM_BARRIER)
		r = fetch(comm, op, deadline_ns);
	if (r == 0)
		r = hosts_start(comm, op, deadline_ns);
	op->stage = STAGE_HOSTS;
	return r < 0 ? r : -EAGAIN;
}

static int devices(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	int r = team_step(comm, op, deadline_ns);

	if (r == 0)
		r = move_parts(comm, op, false, deadline_ns);
	if (r == 0)
		r = hosts_start(comm, op, deadline_ns);
	if (r < 0)
		return r;
	op->stage = STAGE_HOSTS;
	return -EAGAIN;
}

static int hosts(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	const struct trn_comm_call *call = &op->calls[0];
	int r = trn_hostcoll_step(op->coll);

	if (r < 0 || call->kind == TRN_COMM_BARRIER)
		return r;
	if (call->kind != TRN_COMM_ALL_REDUCE)
		return deliver(comm, op, deadline_ns);
	r = move_parts(comm, op, true, deadline_ns);
	if (r < 0 || !scatters(comm, call))
		return r;
	op->stage = STAGE_GATHER;
	r = team_start(comm, op, TRN_COMM_ALL_GATHER);
	return r < 0 ? r : -EAGAIN;
}

static void op_end(struct trn_comm *comm, struct trn_comm_host_op *op)
{
	trn_hostcoll_end(op->coll);
	op->coll = NULL;
	(void)trn_comm_host_memory_free(comm, op->rows);
	(void)trn_comm_host_memory_free(comm, op->result);
	op->rows = op->result = NULL;
	trn_free(&comm->context->alloc, op->counts);
	op->counts = NULL;
}

static int op_step(struct trn_comm *comm, struct trn_comm_host_op *op, uint64_t deadline_ns)
{
	switch ((enum stage)op->stage) {
	case STAGE_BEGIN:
		return begin(comm, op, deadline_ns);
	case STAGE_DEVICES:
		return devices(comm, op, deadline_ns);
	case STAGE_HOSTS:
		return hosts(comm, op, deadline_ns);
	case STAGE_GATHER:
		return team_step(comm, op, deadline_ns);
	default:
		return 0;
	}
}

int trn_comm_host_team_step(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	int r = 0;

	while (r == 0 && group->at < group->count) {
		struct trn_comm_host_op *op = &group->ops[group->at];

		r = op_step(comm, op, group->deadline_ns);
		if (r == 0) {
			op->stage = STAGE_DONE;
			op_end(comm, op);
			group->at++;
		}
	}
	return r;
}

void trn_comm_host_team_end(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	for (uint32_t i = 0; i < group->count; i++)
		op_end(comm, &group->ops[i]);
}
