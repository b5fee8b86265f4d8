/* SPDX-License-Identifier: Apache-2.0 */
/* Pinned host memory between devices and wire, copies by queues, and a collective's chunks on
 * their way: fetched by the devices, reduced or moved by the hosts, stored by the devices. */
#include "runtime/comm_stage.h"

#include <errno.h>
#include "base/clock.h"
#include "runtime/wire_private.h"

#define STEPS 32u /* of a device, between two looks */
#define PAGE UINT64_C(4096)
#define AREA_MIN (UINT64_C(64) << 10)

/* ---- memory ---- */

static void area_end(struct trn_comm *comm, struct trn_comm_area *area)
{
	for (uint32_t l = 0; area->user && l < comm->count; l++)
		area->user[l] = trn_buffer_unref(area->user[l]);
	/* In a forked child it is not ours to give back. */
	(void)trn_comm_host_memory_free(comm, area->memory);
	area->memory = NULL;
	area->bytes = 0;
}

/* Ranks on one chip reach it by the same buffer. */
static int area_reach(struct trn_comm *comm, struct trn_comm_area *area, uint32_t local,
		      uint64_t bytes)
{
	const struct trn_buffer_opts opts = {
		.size = sizeof(opts),
		.kind = TRN_BUFFER_USER,
		.user = area->host,
		.bytes = bytes,
		.category = TRN_MEMORY_COLLECTIVES,
		.label = "comm staging",
	};
	struct trn_device *device = comm->team->member[local].device;

	for (uint32_t l = 0; l < local; l++)
		if (comm->team->member[l].device == device) {
			area->user[local] = trn_buffer_ref(area->user[l]);
			return 0;
		}
	return trn_buffer_create(device, &opts, &area->user[local]);
}

int trn_comm_area_need(struct trn_comm *comm, struct trn_comm_area *area, uint64_t bytes)
{
	uint64_t room = AREA_MIN;
	int r;

	if (bytes <= area->bytes)
		return 0;
	area_end(comm, area);
	while (room < bytes)
		room *= 2;
	r = trn_comm_host_memory(comm, room + PAGE, &area->memory);
	if (r < 0)
		return r;
	area->host = (unsigned char *)area->memory + (-(uintptr_t)area->memory & (PAGE - 1));
	for (uint32_t l = 0; r == 0 && l < comm->count; l++)
		r = area_reach(comm, area, l, room);
	if (r < 0)
		area_end(comm, area);
	else
		area->bytes = room;
	return r;
}

static void scratch_end(struct trn_comm *comm)
{
	struct trn_comm_stage *stage = comm->host->stage;

	for (uint32_t l = 0; stage->scratch && l < comm->count; l++)
		stage->scratch[l] = trn_buffer_unref(stage->scratch[l]);
	stage->scratch_bytes = 0;
}

static int scratch_need(struct trn_comm *comm, uint64_t bytes)
{
	struct trn_comm_stage *stage = comm->host->stage;
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.bytes = AREA_MIN,
					.category = TRN_MEMORY_COLLECTIVES,
					.label = "comm shares" };
	int r = 0;

	if (bytes <= stage->scratch_bytes)
		return 0;
	scratch_end(comm);
	while (opts.bytes < bytes)
		opts.bytes *= 2;
	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		opts.core = comm->team->member[l].core;
		r = trn_buffer_create(comm->team->member[l].device, &opts, &stage->scratch[l]);
	}
	if (r < 0)
		scratch_end(comm);
	else
		stage->scratch_bytes = opts.bytes;
	return r;
}

static bool stage_arrays(struct trn_comm *comm, struct trn_comm_stage *s)
{
	const struct trn_alloc *alloc = &comm->context->alloc;
	const size_t n = comm->count, slots = TRN_STAGE_SLOTS;

	s->area.user = trn_alloc_array(alloc, n, sizeof(struct trn_buffer *));
	s->mail.user = trn_alloc_array(alloc, n, sizeof(struct trn_buffer *));
	s->scratch = trn_alloc_array(alloc, n, sizeof(struct trn_buffer *));
	s->copy = trn_alloc_array(alloc, n, sizeof(*s->copy));
	s->calls = trn_alloc_array(alloc, n * TRN_STAGE_PIECES, sizeof(*s->calls));
	s->shares = trn_alloc_array(alloc, n * TRN_STAGE_PIECES, sizeof(*s->shares));
	s->counts = trn_alloc_array(alloc, slots * 2 * comm->processes, sizeof(*s->counts));
	s->sequence = trn_alloc_array(alloc, slots * n, sizeof(*s->sequence));
	return s->area.user && s->mail.user && s->scratch && s->copy && s->calls && s->shares &&
	       s->counts && s->sequence;
}

int trn_comm_stage_open(struct trn_comm *comm)
{
	struct trn_comm_stage *stage = trn_alloc_zero(&comm->context->alloc, sizeof(*stage));

	comm->host->stage = stage;
	if (!stage || !stage_arrays(comm, stage))
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	return 0;
}

void trn_comm_stage_close(struct trn_comm *comm)
{
	const struct trn_alloc *alloc = &comm->context->alloc;
	struct trn_comm_stage *s = comm->host->stage;

	if (!s)
		return;
	area_end(comm, &s->area);
	area_end(comm, &s->mail);
	scratch_end(comm);
	trn_free(alloc, s->area.user);
	trn_free(alloc, s->mail.user);
	trn_free(alloc, s->scratch);
	trn_free(alloc, s->copy);
	trn_free(alloc, s->calls);
	trn_free(alloc, s->shares);
	trn_free(alloc, s->counts);
	trn_free(alloc, s->sequence);
	trn_free(alloc, s);
	comm->host->stage = NULL;
}

/* ---- copies ---- */

static int batch_submit(struct trn_comm *comm, uint32_t local)
{
	struct trn_comm_member *m = &comm->team->member[local];
	int r = 0;

	if (m->batch->count > 0)
		r = trn_queue_submit(m->queue, m->batch, comm->host->stage->deadline_ns, NULL);
	trn_batch_clear(m->batch);
	return r;
}

static int copy_record(struct trn_comm *comm, uint32_t local)
{
	struct trn_comm_copy *c = &comm->host->stage->copy[local];
	struct trn_batch *batch = comm->team->member[local].batch;
	int r = 0;

	if (c->bytes == 0)
		return 0;
	if (batch->count == TRN_COMM_COMMANDS)
		r = batch_submit(comm, local);
	if (r == 0)
		r = c->in ? trn_batch_copy(batch, c->host, c->at, c->buffer, c->offset, c->bytes) :
			    trn_batch_copy(batch, c->buffer, c->offset, c->host, c->at, c->bytes);
	c->bytes = 0;
	return r;
}

int trn_comm_stage_copy(struct trn_comm *comm, const struct trn_comm_area *area, uint32_t local,
			const struct trn_comm_copy *copy)
{
	struct trn_comm_copy *c = &comm->host->stage->copy[local];
	int r;

	if (copy->bytes == 0)
		return 0;
	if (c->bytes > 0 && c->in == copy->in && c->buffer == copy->buffer &&
	    c->host == area->user[local] && c->offset + c->bytes == copy->offset &&
	    c->at + c->bytes == copy->at) {
		c->bytes += copy->bytes;
		return 0;
	}
	r = copy_record(comm, local);
	*c = *copy;
	c->host = area->user[local];
	return r;
}

/* The last of these that comes is when the group's devices were done. */
static void stamp(struct trn_comm_member *m)
{
	if (m->stamps)
		(void)!trn_batch_timestamp(m->batch, m->stamps, TRN_COMM_STAMP_END);
}

int trn_comm_stage_submit(struct trn_comm *comm, uint64_t *ret_sequence)
{
	int r = 0;

	for (uint32_t l = 0; l < comm->count && r == 0; l++) {
		struct trn_comm_member *m = &comm->team->member[l];

		r = copy_record(comm, l);
		if (r == 0 && m->batch->count > 0)
			stamp(m);
		if (r == 0)
			r = batch_submit(comm, l);
		ret_sequence[l] = atomic_load_explicit(&m->queue->submitted, memory_order_relaxed);
	}
	return r;
}

int trn_comm_stage_begin(struct trn_comm *comm)
{
	int r = 0;

	for (uint32_t l = 0; l < comm->count && r == 0; l++) {
		struct trn_comm_member *m = &comm->team->member[l];

		comm->host->stage->copy[l].bytes = 0;
		trn_batch_clear(m->batch);
		if (m->stamps)
			r = trn_batch_timestamp(m->batch, m->stamps, TRN_COMM_STAMP_BEGIN);
		stamp(m);
		if (r == 0)
			r = batch_submit(comm, l);
	}
	return r;
}

int trn_comm_stage_test(struct trn_comm *comm, const uint64_t *sequence)
{
	int r = 0;

	for (uint32_t l = 0; r == 0 && l < comm->count; l++) {
		r = trn_queue_test(comm->team->member[l].queue, sequence[l]);
		if (r < 0 && r != -EAGAIN)
			r = trn_comm_team_failed(comm->team, sequence, l, r,
						 trn_clock_deadline(comm->limit_ns));
	}
	return r;
}

int trn_comm_stage_pump(struct trn_comm *comm)
{
	const uint32_t local = comm->host->stage->pump++ % comm->count;
	struct trn_device *device = comm->team->member[local].device;
	unsigned int round = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < STEPS; i++)
		r = trn_device_step(device, &round, TRN_DEADLINE_NEVER);
	trn_device_flush_log(device);
	if (r < 0 && r != -EAGAIN)
		return trn_fail(comm->context, device, r, "trn_comm_wait",
				"rank %u: its device is lost", comm->first + local);
	return 0;
}

int trn_comm_stage_team(struct trn_comm *comm, uint32_t count)
{
	uint64_t ticket;
	int r;

	if (count == 0)
		return 0;
	r = trn_comm_team_start(comm->team, comm->host->stage->calls, count, TRN_COMM_AUTO,
				&ticket);
	/* Its end is a place in the queues, like that of the copies. */
	if (r == 0)
		trn_comm_team_forget(comm->team, ticket);
	return r;
}

int trn_comm_stage_broken(struct trn_comm *comm, int code)
{
	struct trn_error error = { .size = sizeof(error) };

	if (comm->host->wire->failed)
		return code;
	if (trn_error_get(comm->context, &error) < 0 || error.code != code)
		trn_text_copy(error.cause, sizeof(error.cause), "its devices failed");
	return trn_wire_broken(comm->host->wire, code, "%.150s", error.cause);
}

/* ---- a collective ---- */

static uint64_t *sequence_of(struct trn_comm *comm, uint64_t chunk)
{
	return comm->host->stage->sequence + chunk % TRN_STAGE_SLOTS * comm->count;
}

static int flow_issue(struct trn_comm *comm, struct trn_comm_flow *flow)
{
	int r = 0;

	while (r == 0 && flow->issued < flow->chunks &&
	       flow->issued - flow->done < TRN_STAGE_SLOTS) {
		r = trn_comm_flow_fetch(comm, flow, flow->issued);
		if (r == 0)
			r = trn_comm_stage_submit(comm, sequence_of(comm, flow->issued));
		flow->issued++;
	}
	return r;
}

static int flow_wire(struct trn_comm *comm, struct trn_comm_flow *flow)
{
	int r = 0;

	while (r == 0 && flow->wired < flow->issued) {
		const uint64_t slot = flow->wired % TRN_STAGE_SLOTS;
		struct trn_hostcoll_call call;

		r = trn_comm_stage_test(comm, sequence_of(comm, flow->wired));
		if (r < 0)
			break;
		trn_comm_flow_wire(comm, flow, flow->wired,
				   comm->host->stage->counts + slot * 2 * comm->processes, &call);
		call.deadline_ns = comm->host->stage->deadline_ns;
		r = trn_hostcoll_start(comm->host->wire, &call, &flow->coll[slot]);
		flow->wired++;
	}
	return r;
}

static int flow_store(struct trn_comm *comm, struct trn_comm_flow *flow)
{
	int r = 0;

	while (r == 0 && flow->met < flow->wired) {
		const uint64_t slot = flow->met % TRN_STAGE_SLOTS;
		uint64_t *sequence = sequence_of(comm, flow->met);

		r = trn_hostcoll_step(flow->coll[slot]);
		if (r < 0)
			break;
		trn_hostcoll_end(flow->coll[slot]);
		flow->coll[slot] = NULL;
		r = trn_comm_flow_store(comm, flow, flow->met);
		if (r == 0)
			r = trn_comm_stage_submit(comm, sequence);
		if (r == 0)
			r = trn_comm_flow_spread(comm, flow, flow->met);
		if (r == 0)
			r = trn_comm_stage_submit(comm, sequence);
		flow->met++;
	}
	return r;
}

static int flow_finish(struct trn_comm *comm, struct trn_comm_flow *flow)
{
	int r = 0;

	while (r == 0 && flow->done < flow->met) {
		r = trn_comm_stage_test(comm, sequence_of(comm, flow->done));
		flow->done += r == 0;
	}
	return r;
}

/* How many chunks there are: of counts that only pairs know the most that anybody says. */
static int flow_begin(struct trn_comm *comm, struct trn_comm_flow *flow)
{
	struct trn_comm_stage *stage = comm->host->stage;
	const struct trn_hostcoll_call call = { .kind = TRN_COMM_ALL_REDUCE,
						.op = TRN_COMM_MAX,
						.dtype = TRN_DTYPE_U32,
						.count = 1,
						.src = &flow->mine,
						.dst = &flow->most,
						.deadline_ns = stage->deadline_ns };
	bool agree = false;
	int r;

	trn_comm_flow_plan(comm, flow, &agree);
	r = trn_comm_area_need(comm, &stage->area, 2 * TRN_STAGE_SLOTS * flow->stride);
	if (r == 0 && trn_comm_flow_scratch(comm, flow))
		r = scratch_need(comm, TRN_STAGE_SLOTS * flow->stride);
	flow->begun = true;
	flow->mine = (uint32_t)flow->chunks;
	if (r == 0 && agree)
		r = trn_hostcoll_start(comm->host->wire, &call, &flow->agree);
	return r;
}

static int flow_agree(struct trn_comm_flow *flow)
{
	int r = flow->agree ? trn_hostcoll_step(flow->agree) : 0;

	if (r < 0 || !flow->agree)
		return r;
	flow->chunks = flow->most;
	trn_hostcoll_end(flow->agree);
	flow->agree = NULL;
	return 0;
}

/* The first failure, else the later of two that wait. */
static int or_wait(int a, int b)
{
	return a < 0 && a != -EAGAIN ? a : b;
}

static bool flow_moved(struct trn_comm *comm, const struct trn_comm_flow *flow, uint64_t before)
{
	const uint64_t now = flow->issued + flow->wired + flow->met + flow->done;

	comm->host->stage->moves += now - before;
	return now != before;
}

int trn_comm_flow_step(struct trn_comm *comm, struct trn_comm_flow *flow)
{
	uint64_t before;
	int r = flow->begun ? 0 : flow_begin(comm, flow);

	if (r == 0)
		r = flow_agree(flow);
	if (r < 0)
		return r;
	do {
		before = flow->issued + flow->wired + flow->met + flow->done;
		r = flow_issue(comm, flow);
		r = r < 0 ? r : flow_wire(comm, flow);
		r = r < 0 && r != -EAGAIN ? r : or_wait(r, flow_store(comm, flow));
		r = r < 0 && r != -EAGAIN ? r : or_wait(r, flow_finish(comm, flow));
	} while ((r == 0 || r == -EAGAIN) && flow_moved(comm, flow, before));
	if (r < 0 && r != -EAGAIN)
		return r;
	return flow->done == flow->chunks ? 0 : -EAGAIN;
}

bool trn_comm_flow_on_devices(const struct trn_comm_flow *flow)
{
	return flow->issued > flow->wired || flow->met > flow->done;
}

void trn_comm_flow_end(struct trn_comm_flow *flow)
{
	trn_hostcoll_end(flow->agree);
	flow->agree = NULL;
	for (uint32_t i = 0; i < TRN_STAGE_SLOTS; i++) {
		trn_hostcoll_end(flow->coll[i]);
		flow->coll[i] = NULL;
	}
}
