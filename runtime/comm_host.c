/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives between processes: who they are, and ranks of host memory, one a process. */
#include "runtime/comm_host.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "runtime/comm_stage.h"
#include "runtime/wire_private.h"

#define TAG_RANKS 0x72616e6bu

/* ---- opening ---- */

bool trn_comm_host_wanted(const struct trn_comm_opts *opts)
{
	const char *root = opts->root ? opts->root : getenv("TRN_COMM_ROOT");

	return !opts->devices || opts->processes > 1 || (root && root[0]);
}

/* Numbers all ranks: processes in order, in each its local ranks. */
static int ranks_number(struct trn_comm *comm, uint64_t deadline_ns)
{
	struct trn_comm_host *host = comm->host;
	const struct trn_alloc *alloc = &comm->context->alloc;
	const uint32_t n = trn_boot_processes(host->boot);
	uint32_t *counts = trn_alloc_array(alloc, n, sizeof(*counts));
	int r = -ENOMEM;

	host->first = trn_alloc_array(alloc, (size_t)n + 1, sizeof(*host->first));
	if (!counts || !host->first)
		goto out;
	r = trn_boot_exchange(host->boot, TAG_RANKS, &comm->count, sizeof(comm->count), counts,
			      deadline_ns);
	for (uint32_t p = 0; r == 0 && p < n; p++) {
		if (counts[p] == 0 || counts[p] > TRN_BOOT_RANKS_MAX)
			r = trn_fail(comm->context, NULL, -TRN_ERANK, "trn_comm_create",
				     "process %u says it has %u ranks", p, counts[p]);
		host->first[p + 1] = host->first[p] + counts[p];
	}
out:
	trn_free(alloc, counts);
	if (r == -ENOMEM)
		return trn_fail(comm->context, NULL, r, "trn_comm_create", "no memory");
	if (r < 0)
		return r;
	comm->process = trn_boot_process(host->boot);
	comm->processes = n;
	comm->first = host->first[comm->process];
	comm->ranks = host->first[n];
	return 0;
}

/* The rest, when there is a boot. */
static int host_finish(struct trn_comm *comm, const char *provider, uint64_t deadline_ns)
{
	struct trn_comm_host *host = comm->host;
	int r = ranks_number(comm, deadline_ns);

	if (r == 0)
		r = trn_wire_open(comm->context, host->boot, provider, deadline_ns, &host->wire);
	if (r == 0 && comm->team)
		r = trn_comm_stage_open(comm);
	if (r < 0)
		return r;
	if (comm->team)
		comm->team->first = comm->first;
	trn_text_copy(comm->launcher, sizeof(comm->launcher), trn_boot_way(host->boot));
	if (comm->processes > 1 || !comm->team)
		trn_text_copy(comm->transport, sizeof(comm->transport),
			      trn_wire_transport(host->wire));
	return 0;
}

static int host_new(struct trn_comm *comm)
{
	comm->host = trn_alloc_zero(&comm->context->alloc, sizeof(*comm->host));
	if (!comm->host)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	return 0;
}

int trn_comm_host_open(struct trn_comm *comm, const struct trn_comm_opts *opts,
		       uint64_t deadline_ns)
{
	const struct trn_boot_opts boot = { .root = opts->root,
					    .name = opts->name,
					    .process = opts->process,
					    .processes = opts->processes,
					    .ranks = opts->count };
	int r = host_new(comm);

	if (r == 0)
		r = trn_boot_open(comm->context, &boot, deadline_ns, &comm->host->boot);
	return r < 0 ? r : host_finish(comm, opts->provider, deadline_ns);
}

void trn_comm_host_close(struct trn_comm *comm)
{
	struct trn_comm_host *host = comm->host;

	comm->host = NULL;
	trn_wire_close(host->wire);
	trn_boot_close(host->boot);
	trn_free(&comm->context->alloc, host->first);
	trn_free(&comm->context->alloc, host);
}

/* ---- copies of what a caller gave ---- */

static const uint64_t *copied(const uint64_t *array, uint32_t ranks, uint64_t **at)
{
	uint64_t *copy = *at;

	if (!array)
		return NULL;
	memcpy(copy, array, ranks * sizeof(*copy));
	*at += ranks;
	return copy;
}

size_t trn_comm_arrays_bytes(const struct trn_comm_call *call, uint32_t ranks)
{
	const int arrays = !!call->src_counts + !!call->src_offsets + !!call->dst_counts +
			   !!call->dst_offsets + !!call->permutation;

	return (size_t)arrays * ranks * sizeof(uint64_t);
}

void trn_comm_call_copy(struct trn_comm_call *to, const struct trn_comm_call *from, uint32_t ranks,
			uint64_t **at)
{
	uint32_t *permutation;

	*to = *from;
	to->src_counts = copied(from->src_counts, ranks, at);
	to->src_offsets = copied(from->src_offsets, ranks, at);
	to->dst_counts = copied(from->dst_counts, ranks, at);
	to->dst_offsets = copied(from->dst_offsets, ranks, at);
	if (!from->permutation)
		return;
	permutation = (uint32_t *)*at;
	memcpy(permutation, from->permutation, ranks * sizeof(*permutation));
	to->permutation = permutation;
	*at += ranks;
}

/* Calls that are copied with their arrays; few without arrays stay where they are. */
static int group_copy(struct trn_comm *comm, struct trn_comm_host_group *group,
		      const struct trn_comm_call **calls, uint32_t count)
{
	const size_t ops = count * sizeof(struct trn_hostcoll *);
	size_t bytes = 0;
	struct trn_comm_call *copy;
	uint64_t *at;

	for (uint32_t i = 0; i < count; i++)
		bytes += trn_comm_arrays_bytes(&(*calls)[i], comm->ranks);
	group->colls = group->own;
	if (bytes == 0 && count <= TRN_COMM_HOST_OPS && !comm->team)
		return 0;
	group->memory = trn_alloc_zero(&comm->context->alloc,
				       ops + count * sizeof(struct trn_comm_call) + bytes);
	if (!group->memory)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_start", "no memory");
	group->colls = group->memory;
	copy = (struct trn_comm_call *)((char *)group->memory + ops);
	at = (uint64_t *)(copy + count);
	for (uint32_t i = 0; i < count; i++)
		trn_comm_call_copy(&copy[i], &(*calls)[i], comm->ranks, &at);
	group->calls = *calls = copy;
	group->call_count = comm->team ? count : 0;
	/* The caller may let go of them. */
	for (uint32_t i = 0; i < group->call_count; i++) {
		(void)(copy[i].src.buffer ? trn_buffer_ref(copy[i].src.buffer) : NULL);
		(void)(copy[i].dst.buffer ? trn_buffer_ref(copy[i].dst.buffer) : NULL);
	}
	return 0;
}

/* ---- groups ---- */

static struct trn_hostcoll_call host_call(const struct trn_comm_call *call, uint64_t deadline_ns)
{
	return (struct trn_hostcoll_call){
		.kind = call->kind,
		.op = call->op,
		.dtype = call->dtype,
		.root = call->root,
		.count = call->count,
		.src = call->src.host,
		.dst = call->dst.host,
		.src_counts = call->src_counts,
		.src_offsets = call->src_offsets,
		.dst_counts = call->dst_counts,
		.dst_offsets = call->dst_offsets,
		.permutation = call->permutation,
		.deadline_ns = deadline_ns,
	};
}

static int ranks_check(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count)
{
	int r = 0;

	if (trn_hostcoll_room(comm->host->wire) < count)
		return trn_fail(comm->context, NULL, -EAGAIN, "trn_comm_start",
				"%u calls are too many at once", count);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		const struct trn_hostcoll_call call = host_call(&calls[i], 0);

		if (calls[i].src.buffer || calls[i].dst.buffer)
			r = trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
				     "%s of rank %u: a device buffer, but the rank has no device",
				     trn_comm_kind_name(calls[i].kind), calls[i].rank);
		else if (calls[i].src.offset || calls[i].dst.offset)
			r = trn_fail(comm->context, NULL, -EINVAL, "trn_comm_start",
				     "%s of rank %u: an offset without a buffer",
				     trn_comm_kind_name(calls[i].kind), calls[i].rank);
		else
			r = trn_hostcoll_check(comm->host->wire, &call);
	}
	return r;
}

static int ranks_start(struct trn_comm *comm, struct trn_comm_host_group *group,
		       const struct trn_comm_call *calls, uint32_t count)
{
	int r = 0;

	for (group->count = 0; r == 0 && group->count < count; group->count++) {
		const struct trn_hostcoll_call call =
			host_call(&calls[group->count], group->deadline_ns);

		r = trn_hostcoll_start(comm->host->wire, &call, &group->colls[group->count]);
		if (r < 0)
			break;
	}
	return r;
}

int trn_comm_host_start(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
			uint64_t deadline_ns, struct trn_comm_host_group **ret_group)
{
	struct trn_comm_host_group *group;
	uint32_t g = 0;
	int r;

	if (!comm->host)
		return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_start",
				"host memory in a communicator of devices");
	r = comm->team ? trn_comm_host_team_check(comm, calls, count) :
			 ranks_check(comm, calls, count);
	while (g < TRN_COMM_GROUPS && comm->host->groups[g].used)
		g++;
	if (r == 0 && g == TRN_COMM_GROUPS)
		r = trn_fail(comm->context, NULL, -EAGAIN, "trn_comm_start",
			     "%u groups are under way", TRN_COMM_GROUPS);
	if (r < 0)
		return r;
	group = &comm->host->groups[g];
	*group = (struct trn_comm_host_group){ .used = true, .deadline_ns = deadline_ns };
	r = group_copy(comm, group, &calls, count);
	if (r == 0)
		r = comm->team ? trn_comm_host_team_start(comm, group, calls, count) :
				 ranks_start(comm, group, calls, count);
	if (r < 0) {
		trn_comm_host_end(comm, group);
		return r;
	}
	*ret_group = group;
	return 0;
}

int trn_comm_host_step(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	int r = 0;

	if (comm->team)
		return trn_comm_host_team_step(comm, group);
	for (; r == 0 && group->at < group->count; group->at += r == 0)
		r = trn_hostcoll_step(group->colls[group->at]);
	return r;
}

void trn_comm_host_relax(const struct trn_comm *comm, unsigned int *round)
{
	trn_wire_relax(comm->host->wire, round);
}

void trn_comm_host_end(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	if (comm->team)
		trn_comm_host_team_end(comm, group);
	else
		for (uint32_t i = 0; i < group->count; i++)
			trn_hostcoll_end(group->colls[i]);
	for (uint32_t i = 0; i < group->call_count; i++) {
		(void)trn_buffer_unref(group->calls[i].src.buffer);
		(void)trn_buffer_unref(group->calls[i].dst.buffer);
	}
	group->call_count = 0;
	trn_free(&comm->context->alloc, group->memory);
	group->memory = NULL;
	group->used = false;
}

bool trn_comm_host_done(const struct trn_comm *comm, const struct trn_comm_host_group *group)
{
	return comm->team && group->result != -EAGAIN;
}

uint64_t trn_comm_host_moves(const struct trn_comm *comm)
{
	const struct trn_wire *wire = comm->host->wire;

	return wire->exchanges + (wire->map ? wire->map->epoch : 0) +
	       (comm->host->stage ? comm->host->stage->moves : 0);
}

int trn_comm_host_look(struct trn_comm *comm)
{
	return comm->host->wire->failed ? 0 : trn_wire_look(comm->host->wire);
}

int trn_comm_host_progress(struct trn_comm *comm)
{
	int r = comm->entries ? trn_comm_batch_step(comm) : -EAGAIN;

	if (r < 0 && r != -EAGAIN)
		return r;
	r = comm->entry_group ? 0 : r;

	for (uint32_t g = 0; g < TRN_COMM_GROUPS; g++) {
		int step;

		if (!comm->host->groups[g].used || &comm->host->groups[g] == comm->entry_group)
			continue;
		step = trn_comm_host_step(comm, &comm->host->groups[g]);
		if (step < 0 && step != -EAGAIN)
			return step;
		r = 0;
	}
	return r == 0 ? 0 : trn_wire_look(comm->host->wire) < 0 ? -TRN_ERANK : -EAGAIN;
}

/* ---- after a failure ---- */

bool trn_comm_host_lost(struct trn_comm *comm, uint32_t index, uint32_t *ret_rank, char *why,
			size_t size)
{
	const struct trn_comm_host *host = comm->host;
	char text[TRN_BOOT_WHY_MAX];
	uint32_t process;

	for (uint32_t i = 0; trn_boot_lost_at(host->boot, i, &process, text, sizeof(text)); i++) {
		const uint32_t ranks = trn_comm_host_ranks(host, process);

		if (index >= ranks) {
			index -= ranks;
			continue;
		}
		*ret_rank = host->first[process] + index;
		if (why && size > 0)
			trn_text_copy(why, size, text);
		return true;
	}
	return false;
}

int trn_comm_host_shrink(struct trn_comm *comm, uint64_t deadline_ns, struct trn_comm *fresh)
{
	const char *transport = trn_wire_transport(comm->host->wire);
	int r = host_new(fresh);

	if (r == 0)
		r = trn_boot_shrink(comm->host->boot, deadline_ns, &fresh->host->boot);
	if (r < 0)
		return r;
	if (strcmp(transport, "shared mapping") == 0 || strcmp(transport, "alone") == 0)
		transport = NULL;
	return host_finish(fresh, transport, deadline_ns);
}

int trn_comm_host_memory(struct trn_comm *comm, uint64_t bytes, void **ret_host)
{
	if (!comm->host)
		return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_host_alloc",
				"a communicator of devices, alone");
	return trn_wire_host_alloc(comm->host->wire, bytes, ret_host);
}

int trn_comm_host_memory_free(struct trn_comm *comm, void *host)
{
	if (!host)
		return 0;
	if (!comm->host)
		return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_host_free",
				"not from trn_comm_host_alloc()");
	return trn_wire_host_free(comm->host->wire, host);
}
