/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of calls between processes whose ranks are devices. Groups run one after the other. Of a
 * group the sends and receives move beside its collectives, which run one after the other. */
#include "runtime/comm_stage.h"

#include <errno.h>
#include "base/clock.h"
#include "runtime/wire_private.h"

/* ---- checks ---- */

static int call_check(struct trn_comm *comm, const struct trn_comm_call *call)
{
	struct trn_comm_extent extent;
	int r = trn_comm_call_check(comm, call, "trn_comm_start", &extent);

	return r < 0 ? r :
		       trn_comm_call_spans(comm, call,
					   comm->team->member[call->rank - comm->first].device,
					   &extent, "trn_comm_start");
}

int trn_comm_host_team_check(struct trn_comm *comm, const struct trn_comm_call *calls,
			     uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = call_check(comm, &calls[i]);
	return r;
}

/* Every rank's nth collective. found: how many have one. */
static uint32_t nth_find(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
			 uint32_t nth, const struct trn_comm_call **ret_call)
{
	uint32_t found = 0;

	for (uint32_t l = 0; l < comm->count; l++) {
		uint32_t seen = 0;

		ret_call[l] = NULL;
		for (uint32_t i = 0; i < count && !ret_call[l]; i++)
			if (calls[i].rank == comm->first + l && !trn_comm_kind_p2p(calls[i].kind) &&
			    seen++ == nth)
				ret_call[l] = &calls[i];
		found += ret_call[l] != NULL;
	}
	return found;
}

static int nth_check(struct trn_comm *comm, const struct trn_comm_call *const *call, uint32_t nth,
		     uint32_t found)
{
	const struct trn_comm_call *first = NULL;
	const char *why;

	for (uint32_t l = 0; l < comm->count && !first; l++)
		first = call[l];
	for (uint32_t l = 0; l < comm->count; l++) {
		if (!call[l])
			return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
					"%s, collective %u of the group: the call of rank %u is "
					"missing, %u of %u local ranks have one",
					trn_comm_kind_name(first->kind), nth, comm->first + l,
					found, comm->count);
		if (trn_comm_call_match(first, call[l], comm->ranks, &why) < 0)
			return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
					"%s, collective %u of the group: rank %u differs in %s",
					trn_comm_kind_name(first->kind), nth, comm->first + l, why);
	}
	return 0;
}

/* ---- starting ---- */

static int collectives_find(struct trn_comm *comm, struct trn_comm_host_group *group,
			    const struct trn_comm_call *calls, uint32_t count)
{
	const struct trn_comm_call **call = group->refs;
	uint32_t found;
	int r = 0;

	for (; r == 0 && (found = nth_find(comm, calls, count, group->count, call)) > 0;
	     call += comm->count) {
		r = nth_check(comm, call, group->count, found);
		group->flows[group->count++].call = call;
	}
	return r;
}

static bool is_first(const struct trn_comm *comm, const struct trn_comm_host_group *group)
{
	for (uint32_t g = 0; g < TRN_COMM_GROUPS; g++) {
		const struct trn_comm_host_group *other = &comm->host->groups[g];

		if (other->used && other->result == -EAGAIN && other->order < group->order)
			return false;
	}
	return true;
}

static int group_begin(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	int r;

	comm->host->stage->deadline_ns = group->deadline_ns;
	r = trn_comm_stage_begin(comm);
	if (r == 0 && group->mail)
		r = trn_comm_mail_begin(comm, group->mail);
	group->begun = true;
	return r;
}

int trn_comm_host_team_start(struct trn_comm *comm, struct trn_comm_host_group *group,
			     const struct trn_comm_call *calls, uint32_t count)
{
	const struct trn_alloc *alloc = &comm->context->alloc;
	int r = 0;

	if (comm->team->failed)
		return trn_fail(comm->context, NULL, -TRN_ERANK, "trn_comm_start",
				"the communicator has failed: trn_comm_shrink()");
	if (comm->host->wire->failed)
		return trn_wire_failed(comm->host->wire);
	group->result = -EAGAIN;
	group->order = ++comm->host->orders;
	/* A collective has at least a call of one rank, and takes a place for each; the look that
	 * finds no more wants places, too. */
	group->flows = trn_alloc_array(alloc, count, sizeof(*group->flows));
	group->refs = trn_alloc_array(alloc, ((size_t)count + 1) * comm->count,
				      sizeof(const struct trn_comm_call *));
	if (!group->flows || !group->refs)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_start", "no memory");
	r = collectives_find(comm, group, calls, count);
	if (r == 0)
		r = trn_comm_mail_new(comm, calls, count, &group->mail);
	/* What is wrong among the own devices is said at once. */
	if (r == 0 && is_first(comm, group))
		r = group_begin(comm, group);
	return r;
}

/* ---- running ---- */

static bool on_devices(const struct trn_comm_host_group *group)
{
	return (group->at < group->count && trn_comm_flow_on_devices(&group->flows[group->at])) ||
	       (group->mail && !group->mail_done && trn_comm_mail_on_devices(group->mail));
}

static int ops_step(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	int r = 0;

	while (r == 0 && group->at < group->count) {
		r = trn_comm_flow_step(comm, &group->flows[group->at]);
		group->at += r == 0;
	}
	return r;
}

static int mail_step(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	int r = 0;

	if (group->mail && !group->mail_done) {
		r = trn_comm_mail_step(comm, group->mail);
		group->mail_done = r == 0;
	}
	return r;
}

static int late(struct trn_comm *comm)
{
	return trn_fail(comm->context, comm->team->member[0].device, -ETIMEDOUT, "trn_comm_wait",
			"process %u: its devices have not come to the end", comm->process);
}

/* The one group that runs. */
static int group_run(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	int ops, r = group->begun ? 0 : group_begin(comm, group);

	comm->host->stage->deadline_ns = group->deadline_ns;
	if (r == 0 && on_devices(group))
		r = trn_comm_stage_pump(comm);
	if (r < 0)
		return r;
	r = mail_step(comm, group);
	if (r < 0 && r != -EAGAIN)
		return r;
	ops = ops_step(comm, group);
	if (ops < 0 && ops != -EAGAIN)
		return ops;
	if (r == 0 && ops == 0)
		return 0;
	return on_devices(group) && trn_clock_passed(group->deadline_ns) ? late(comm) : -EAGAIN;
}

/* What the caller of the group hears, now or later. */
static void group_finish(struct trn_comm *comm, struct trn_comm_host_group *group, int r)
{
	group->result = r;
	if (r == 0) {
		trn_comm_team_times(comm->team, TRN_COMM_GROUPS);
		return;
	}
	/* Not the context's record: another thread may have failed meanwhile. */
	(void)trn_comm_stage_broken(comm, r);
	group->error = comm->host->wire->failure;
	group->error.code = r;
}

static struct trn_comm_host_group *oldest(struct trn_comm *comm)
{
	struct trn_comm_host_group *found = NULL;

	for (uint32_t g = 0; g < TRN_COMM_GROUPS; g++) {
		struct trn_comm_host_group *group = &comm->host->groups[g];

		if (group->used && group->result == -EAGAIN &&
		    (!found || group->order < found->order))
			found = group;
	}
	return found;
}

int trn_comm_host_team_step(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	struct trn_comm_host_group *first;

	while (group->result == -EAGAIN && (first = oldest(comm))) {
		int r = group_run(comm, first);

		if (r == -EAGAIN)
			return r;
		group_finish(comm, first, r);
	}
	return group->result < 0 ? trn_error_post(comm->context, &group->error) : 0;
}

void trn_comm_host_team_end(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	const struct trn_alloc *alloc = &comm->context->alloc;

	for (uint32_t i = 0; group->flows && i < group->count; i++)
		trn_comm_flow_end(&group->flows[i]);
	trn_comm_mail_end(comm, group->mail);
	trn_free(alloc, group->flows);
	trn_free(alloc, group->refs);
	group->mail = NULL;
	group->flows = NULL;
	group->refs = NULL;
}
