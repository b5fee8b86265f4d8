/* SPDX-License-Identifier: Apache-2.0 */
/* Communicators: the handle, and who does what of a call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "runtime/comm.h"

/* ---- making and ending ---- */

static void comm_destroy(struct trn_comm *comm)
{
	struct trn_context *context = comm->context;

	trn_comm_thread_end(comm);
	for (uint32_t i = 0; i < TRN_COMM_GROUPS; i++)
		if (comm->pending[i].host)
			trn_comm_host_end(comm, comm->pending[i].host);
	if (comm->entry_group)
		trn_comm_host_end(comm, comm->entry_group);
	trn_comm_batch_close(comm);
	/* The devices may write where the wire's memory is, until their queues are closed. */
	if (comm->host)
		trn_comm_stage_close(comm);
	trn_comm_team_destroy(comm->team);
	if (comm->host)
		trn_comm_host_close(comm);
	trn_object_bury(&comm->object);
	(void)trn_context_unref(context);
}

static int opts_check(struct trn_context *context, const struct trn_comm_opts *opts)
{
	const char *what = NULL;

	if (!opts || opts->size != sizeof(*opts))
		what = "opts is NULL or its size member is wrong";
	else if (opts->count == 0 || opts->count > TRN_COLL_RANKS)
		what = "count is not 1 to 1024";
	else if (!opts->devices && opts->count != 1)
		what = "without devices there is one rank of host memory";
	else if (opts->flags & ~TRN_COMM_PROGRESS_THREAD)
		what = "an unknown flag is set";
	else if (opts->reserved != 0)
		what = "reserved is not 0";
	else if (opts->cores && !opts->devices)
		what = "cores without devices";
	else if (opts->processes == 0 && opts->process != 0)
		what = "process without processes";
	else if (opts->timeout_ns > TRN_COMM_LONGEST_NS)
		what = "timeout_ns is beyond a day";
	else if (opts->limit_ns > TRN_COMM_LONGEST_NS)
		what = "limit_ns is beyond a day";
	else if (opts->processes > 0 && opts->process >= opts->processes)
		what = "process is not below processes";
	if (what)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create", "%s", what);
	return 0;
}

static int forced_algorithm(struct trn_context *context, enum trn_comm_algorithm *ret_algorithm)
{
	const char *name = getenv("TRN_COMM_ALGORITHM");

	*ret_algorithm = TRN_COMM_AUTO;
	if (!name || !name[0])
		return 0;
	*ret_algorithm = trn_comm_algorithm_find(name);
	if (*ret_algorithm < TRN_COMM_ALGORITHMS)
		return 0;
	return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
			"TRN_COMM_ALGORITHM is \"%.32s\": no such algorithm", name);
}

static struct trn_comm *comm_new(struct trn_context *context)
{
	struct trn_comm *comm = trn_alloc_zero(&context->alloc, sizeof(*comm));

	if (!comm)
		return NULL;
	trn_object_init(&comm->object, TRN_OBJECT_COMM, context);
	comm->context = trn_context_ref(context);
	comm->processes = 1;
	trn_text_copy(comm->transport, sizeof(comm->transport), "device");
	trn_text_copy(comm->launcher, sizeof(comm->launcher), "alone");
	return comm;
}

static int comm_open(struct trn_comm *comm, const struct trn_comm_opts *opts, uint64_t deadline_ns)
{
	int r = 0;

	comm->count = comm->ranks = opts->count;
	comm->timeout_ns = opts->timeout_ns ? opts->timeout_ns : TRN_COMM_TIMEOUT_NS;
	comm->limit_ns = opts->limit_ns ? opts->limit_ns : TRN_COMM_LIMIT_NS;
	comm->flags = opts->flags;
	if (opts->devices)
		r = trn_comm_team_create(comm->context, opts->devices, opts->cores, opts->count,
					 comm->limit_ns, &comm->team);
	if (r == 0 && trn_comm_host_wanted(opts))
		r = trn_comm_host_open(comm, opts, deadline_ns);
	if (r == 0 && (comm->flags & TRN_COMM_PROGRESS_THREAD))
		r = trn_comm_thread_begin(comm);
	return r;
}

TRN_API int trn_comm_create(struct trn_context *context, const struct trn_comm_opts *opts,
			    uint64_t deadline_ns, struct trn_comm **ret_comm)
{
	enum trn_comm_algorithm forced;
	struct trn_comm *comm;
	int r;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	r = opts_check(context, opts);
	if (r < 0)
		return r;
	if (!ret_comm)
		return trn_fail(context, NULL, -EINVAL, __func__, "ret_comm is NULL");
	r = forced_algorithm(context, &forced);
	if (r < 0)
		return r;
	comm = comm_new(context);
	if (!comm)
		return trn_fail(context, NULL, -ENOMEM, __func__, "no memory for the object");
	comm->forced = forced;
	r = comm_open(comm, opts, deadline_ns);
	if (r < 0) {
		comm_destroy(comm);
		return r;
	}
	*ret_comm = comm;
	return 0;
}

TRN_API struct trn_comm *trn_comm_ref(struct trn_comm *comm)
{
	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return NULL;
	trn_object_ref(&comm->object);
	return comm;
}

TRN_API struct trn_comm *trn_comm_unref(struct trn_comm *comm)
{
	if (comm && TRN_HANDLE_OK(comm, TRN_OBJECT_COMM) && trn_object_unref(&comm->object))
		comm_destroy(comm);
	return NULL;
}

TRN_API int trn_comm_info(struct trn_comm *comm, struct trn_comm_info *ret_info)
{
	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return trn_fail(comm->context, NULL, -EINVAL, __func__,
				"size member is not sizeof(struct trn_comm_info)");
	*ret_info = (struct trn_comm_info){
		.size = sizeof(*ret_info),
		.ranks = comm->ranks,
		.first = comm->first,
		.count = comm->count,
		.processes = comm->processes,
		.process = comm->process,
		.channels = comm->team ? comm->team->channels : 0,
	};
	trn_text_copy(ret_info->transport, sizeof(ret_info->transport), comm->transport);
	trn_text_copy(ret_info->launcher, sizeof(ret_info->launcher), comm->launcher);
	return 0;
}

/* ---- groups ---- */

/* All calls of a group; *ret_host: they need the host. */
static int calls_check(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
		       bool *ret_host)
{
	struct trn_comm_extent extent;
	bool host = comm->host || !comm->team;
	int r = 0;

	if (!calls || count == 0)
		return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start", "no calls");
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		r = trn_comm_call_check(comm, &calls[i], "trn_comm_start", &extent);
		host = host || calls[i].algorithm == TRN_COMM_HOST ||
		       (r == 0 && trn_comm_call_host(&calls[i], &extent));
	}
	for (uint32_t i = 0; r == 0 && !host && i < count; i++) {
		r = trn_comm_call_check(comm, &calls[i], "trn_comm_start", &extent);
		if (r == 0)
			r = trn_comm_call_spans(comm, &calls[i],
						comm->team->member[calls[i].rank].device, &extent,
						"trn_comm_start");
	}
	*ret_host = host;
	return r;
}

static int group_start(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
		       uint64_t deadline_ns, uint64_t *ret_ticket)
{
	struct trn_comm_pending *p;
	bool host = false;
	int r = calls_check(comm, calls, count, &host);

	if (r < 0)
		return r;
	p = &comm->pending[(comm->tickets + 1) % TRN_COMM_GROUPS];
	if (p->ticket != 0)
		return trn_fail(comm->context, NULL, -EAGAIN, "trn_comm_start",
				"%u groups are under way: wait for one", TRN_COMM_GROUPS);
	if (host)
		r = trn_comm_host_start(comm, calls, count, deadline_ns, &p->host);
	else
		r = trn_comm_team_start(comm->team, calls, count, comm->forced, &p->team_ticket);
	if (r < 0)
		return r;
	p->ticket = ++comm->tickets;
	*ret_ticket = p->ticket;
	return 0;
}

TRN_API int trn_comm_start(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
			   uint64_t *ret_ticket)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (!ret_ticket)
		return trn_fail(comm->context, NULL, -EINVAL, __func__, "ret_ticket is NULL");
	r = trn_comm_enter(comm, __func__);
	if (r < 0)
		return r;
	r = group_start(comm, calls, count, trn_clock_deadline(comm->timeout_ns), ret_ticket);
	return trn_comm_leave(comm, r);
}

/* limit_ns: when to stop waiting, before the group's own deadline, at which whoever is late is
 * named. */
static int host_wait(struct trn_comm *comm, struct trn_comm_pending *p, uint64_t limit_ns)
{
	unsigned int round = 0;
	int r;

	for (;;) {
		r = trn_comm_host_step(comm, p->host);
		if (r != -EAGAIN)
			break;
		if (trn_clock_passed(limit_ns))
			return trn_fail(comm->context, NULL, -ETIMEDOUT, "trn_comm_wait",
					"the group has not come to the end");
		if (comm->entries)
			(void)trn_comm_batch_step(comm);
		(void)trn_comm_leave(comm, 0);
		trn_comm_host_relax(comm, &round);
		r = trn_comm_enter(comm, "trn_comm_wait");
		if (r < 0)
			return r;
	}
	trn_comm_host_end(comm, p->host);
	p->host = NULL;
	p->ticket = 0;
	return r;
}

static int group_wait(struct trn_comm *comm, uint64_t ticket, uint64_t deadline_ns)
{
	struct trn_comm_pending *p = &comm->pending[ticket % TRN_COMM_GROUPS];
	int r;

	if (ticket == 0 || p->ticket != ticket)
		return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_wait",
				"no group under way has ticket %llu", (unsigned long long)ticket);
	if (p->host)
		return host_wait(comm, p, deadline_ns);
	r = trn_comm_team_wait(comm->team, p->team_ticket, deadline_ns);
	/* What failed is over, too. */
	if (r == 0 || comm->team->failed)
		p->ticket = 0;
	return r;
}

TRN_API int trn_comm_wait(struct trn_comm *comm, uint64_t ticket, uint64_t deadline_ns)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, group_wait(comm, ticket, deadline_ns));
}

static int group_run(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
		     uint64_t deadline_ns)
{
	uint64_t ticket = 0;
	int r = group_start(comm, calls, count, deadline_ns, &ticket);

	if (r < 0)
		return r;
	/* The group of a host has the deadline itself. */
	if (comm->pending[ticket % TRN_COMM_GROUPS].host)
		deadline_ns = TRN_DEADLINE_NEVER;
	return group_wait(comm, ticket, deadline_ns);
}

TRN_API int trn_comm_run(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
			 uint64_t deadline_ns)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (deadline_ns == 0)
		deadline_ns = trn_clock_deadline(comm->timeout_ns);
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, group_run(comm, calls, count, deadline_ns));
}

/* One step of the pod that the devices share. */
static int team_progress(struct trn_comm *comm)
{
	const struct trn_comm_team *team = comm->team;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < team->ranks; i++)
		if (atomic_load(&team->member[i].device->lost))
			r = -TRN_EDEVLOST;
	if (r == 0) {
		struct trn_device *device = team->member[0].device;
		unsigned int round = 0;

		/* With a deadline that has passed there would be no step. */
		r = trn_device_step(device, &round, TRN_DEADLINE_NEVER);
		trn_device_flush_log(device);
	}
	if (r == -TRN_EDEVLOST)
		return trn_fail(comm->context, NULL, -TRN_ERANK, "trn_comm_progress",
				"a rank's device is gone");
	return r;
}

static int progress(struct trn_comm *comm)
{
	int devices, r = -EAGAIN;

	if (comm->host)
		r = trn_comm_host_progress(comm);
	if (!comm->team || (r != -EAGAIN && !comm->entries))
		return r;
	/* The queues of who recorded something, too: also after a failure, which stops them. */
	devices = team_progress(comm);
	return r == -EAGAIN ? devices : r;
}

TRN_API int trn_comm_progress(struct trn_comm *comm)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, progress(comm));
}

bool trn_comm_under_way(const struct trn_comm *comm)
{
	bool any = trn_comm_batch_waits(comm);

	for (uint32_t i = 0; !any && i < TRN_COMM_GROUPS; i++)
		any = comm->pending[i].ticket != 0 &&
		      !(comm->pending[i].host && trn_comm_host_done(comm, comm->pending[i].host));
	return any;
}

bool trn_comm_advance(struct trn_comm *comm)
{
	const uint64_t before = comm->host ? trn_comm_host_moves(comm) : 0;

	(void)!progress(comm);
	return comm->host && trn_comm_host_moves(comm) != before;
}

int trn_comm_look(struct trn_comm *comm)
{
	return comm->host ? trn_comm_host_look(comm) : 0;
}

TRN_API int trn_comm_times(struct trn_comm *comm, struct trn_comm_times *ret_times)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (!ret_times || ret_times->size != sizeof(*ret_times))
		return trn_fail(comm->context, NULL, -EINVAL, __func__,
				"size member is not sizeof(struct trn_comm_times)");
	r = trn_comm_enter(comm, __func__);
	if (r < 0)
		return r;
	if (comm->team && comm->team->device_ns != UINT64_MAX)
		ret_times->device_ns = comm->team->device_ns;
	else
		r = trn_fail(comm->context, NULL, -ENOENT, __func__,
			     "no group of the devices was waited for");
	return trn_comm_leave(comm, r);
}

/* ---- recorded by the user ---- */

static int batch_record(struct trn_batch *batch, struct trn_comm *comm,
			const struct trn_comm_call *call)
{
	struct trn_comm_extent extent;
	enum trn_coll_shape shape;
	static const char operation[] = "trn_batch_comm";
	struct trn_device *device;
	int r;

	if (!comm->team)
		return trn_fail(comm->context, NULL, -ENOTSUP, operation,
				"a rank of host memory has no queue: trn_comm_start()");
	r = trn_comm_call_check(comm, call, operation, &extent);
	if (r < 0)
		return r;
	device = comm->team->member[call->rank - comm->first].device;
	if (batch->queue->device != device)
		return trn_fail(comm->context, device, -EINVAL, operation,
				"the batch is of another device than rank %u", call->rank);
	r = trn_comm_call_spans(comm, call, device, &extent, operation);
	if (r < 0)
		return r;
	if (comm->host)
		return trn_comm_batch_record(comm, batch, call);
	if (trn_comm_kind_p2p(call->kind)) {
		r = trn_comm_team_p2p_ready(comm->team, true);
		return r < 0 ? r :
			       trn_comm_record_p2p(comm->team, batch, call, 1, call->rank, false,
						   &comm->object);
	}
	r = trn_comm_team_choose(comm->team, call, comm->forced, &shape);
	if (r < 0)
		return trn_comm_team_refuse(comm->team, call, comm->forced, r, operation);
	r = trn_comm_team_ready(comm->team, shape);
	if (r < 0)
		return r;
	return trn_comm_record(comm->team, batch, call, NULL, shape, &comm->object);
}

TRN_API int trn_batch_comm(struct trn_batch *batch, struct trn_comm *comm,
			   const struct trn_comm_call *call)
{
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH) || !TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (!call)
		return trn_fail(comm->context, NULL, -EINVAL, __func__, "call is NULL");
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, batch_record(batch, comm, call));
}

/* ---- costs ---- */

static enum trn_comm_algorithm algorithm_of(enum trn_coll_shape shape)
{
	static const uint8_t algorithms[TRN_COLL_SHAPES] = {
		[TRN_COLL_MESH] = TRN_COMM_MESH,   [TRN_COLL_RING] = TRN_COMM_RING,
		[TRN_COLL_RDH] = TRN_COMM_RDH,     [TRN_COLL_PAIRED] = TRN_COMM_PAIRED,
		[TRN_COLL_GRID] = TRN_COMM_GRID,   [TRN_COLL_TORUS] = TRN_COMM_TORUS,
		[TRN_COLL_FUSED] = TRN_COMM_FUSED,
	};

	return (enum trn_comm_algorithm)algorithms[shape];
}

static int cost_of(struct trn_comm *comm, const struct trn_comm_call *call,
		   struct trn_comm_cost *ret_cost)
{
	static const char operation[] = "trn_comm_cost";
	struct trn_comm_extent extent;
	struct trn_coll_bound bound;
	struct trn_coll_cost cost = { 0 };
	enum trn_coll_shape shape = TRN_COLL_MESH;
	uint64_t bytes;
	int r;

	if (!call || !ret_cost || ret_cost->size != sizeof(*ret_cost))
		return trn_fail(comm->context, NULL, -EINVAL, operation,
				"call is NULL, or the size member is not "
				"sizeof(struct trn_comm_cost)");
	if (comm->host || !comm->team)
		return trn_fail(comm->context, NULL, -ENOTSUP, operation,
				"other processes, or host memory");
	r = trn_comm_call_check(comm, call, operation, &extent);
	if (r < 0)
		return r;
	if (!trn_comm_kind_p2p(call->kind))
		r = trn_comm_team_choose(comm->team, call, comm->forced, &shape);
	else if (!trn_comm_team_plan(comm->team, shape))
		r = -ENOMEM;
	if (r < 0)
		return trn_comm_team_refuse(comm->team, call, comm->forced, r, operation);
	bytes = trn_comm_team_bytes(comm->team, call);
	trn_coll_plan_cost(comm->team->shape[shape].plan, &comm->team->site, call->kind, bytes,
			   &cost);
	trn_coll_bound(&comm->team->site, call->kind, bytes, &bound);
	*ret_cost = (struct trn_comm_cost){
		.size = sizeof(*ret_cost),
		.algorithm = algorithm_of(shape),
		.predicted_ns = cost.ns,
		.bound_ns = bound.latency_ns + bound.bandwidth_ns,
		.bound_latency_ns = bound.latency_ns,
		.bound_bandwidth_ns = bound.bandwidth_ns,
		.wire_bytes = cost.wire_bytes,
		.steps = cost.steps,
	};
	return 0;
}

TRN_API int trn_comm_cost(struct trn_comm *comm, const struct trn_comm_call *call,
			  struct trn_comm_cost *ret_cost)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, cost_of(comm, call, ret_cost));
}

/* ---- after a failure ---- */

static int lost_at(struct trn_comm *comm, uint32_t index, uint32_t *ret_rank, char *why,
		   size_t size)
{
	for (uint32_t rank = 0; comm->team && rank < comm->team->ranks; rank++) {
		const struct trn_comm_member *m = &comm->team->member[rank];

		if (!m->lost || index-- > 0)
			continue;
		*ret_rank = comm->first + rank;
		if (why && size > 0)
			trn_text_copy(why, size, m->why);
		return 0;
	}
	return comm->host && trn_comm_host_lost(comm, index, ret_rank, why, size) ? 0 : -ENOENT;
}

TRN_API int trn_comm_lost(struct trn_comm *comm, uint32_t index, uint32_t *ret_rank, char *why,
			  size_t size)
{
	uint32_t rank = 0;
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	r = trn_comm_enter(comm, __func__);
	if (r < 0)
		return r;
	r = lost_at(comm, index, &rank, why, size);
	if (r == 0 && ret_rank)
		*ret_rank = rank;
	return trn_comm_leave(comm, r);
}

static int shrink_into(struct trn_comm *comm, uint64_t deadline_ns, struct trn_comm *fresh)
{
	int r = 0;

	if (comm->team)
		r = trn_comm_team_shrink(comm->team, deadline_ns, &fresh->team);
	if (r == 0 && fresh->team)
		fresh->count = fresh->ranks = fresh->team->ranks;
	if (r == 0 && comm->host)
		r = trn_comm_host_shrink(comm, deadline_ns, fresh);
	if (r == 0 && (fresh->flags & TRN_COMM_PROGRESS_THREAD))
		r = trn_comm_thread_begin(fresh);
	return r;
}

TRN_API int trn_comm_shrink(struct trn_comm *comm, uint64_t deadline_ns, struct trn_comm **ret_comm)
{
	struct trn_comm *fresh;
	int r = 0;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (!ret_comm)
		return trn_fail(comm->context, NULL, -EINVAL, __func__, "ret_comm is NULL");
	fresh = comm_new(comm->context);
	if (!fresh)
		return trn_fail(comm->context, NULL, -ENOMEM, __func__, "no memory for the object");
	fresh->forced = comm->forced;
	fresh->timeout_ns = comm->timeout_ns;
	fresh->limit_ns = comm->limit_ns;
	fresh->flags = comm->flags;
	fresh->count = fresh->ranks = 1;
	r = trn_comm_enter(comm, __func__);
	if (r == 0)
		r = trn_comm_leave(comm, shrink_into(comm, deadline_ns, fresh));
	if (r < 0) {
		comm_destroy(fresh);
		return r;
	}
	*ret_comm = fresh;
	return 0;
}

TRN_API int trn_comm_host_alloc(struct trn_comm *comm, uint64_t bytes, void **ret_host)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	if (!ret_host || bytes == 0)
		return trn_fail(comm->context, NULL, -EINVAL, __func__,
				"ret_host is NULL, or bytes is 0");
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, trn_comm_host_memory(comm, bytes, ret_host));
}

TRN_API int trn_comm_host_free(struct trn_comm *comm, void *host)
{
	int r;

	if (!TRN_HANDLE_OK(comm, TRN_OBJECT_COMM))
		return trn_handle_refused();
	r = trn_comm_enter(comm, __func__);
	return r < 0 ? r : trn_comm_leave(comm, trn_comm_host_memory_free(comm, host));
}
