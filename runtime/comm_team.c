/* SPDX-License-Identifier: Apache-2.0 */
/* Teams: the ranks of this process' devices, what they hold, and groups of calls under way. */
#include <errno.h>
#include <stdio.h>
#include "base/regs.h"
#include "runtime/comm.h"

#define SCHEDULE_MIN UINT64_C(4096)

/* ---- making and ending ---- */

static void shape_end(struct trn_comm_team *team, struct trn_comm_shape *shape)
{
	const struct trn_alloc *alloc = &team->context->alloc;

	for (uint32_t i = 0; i < shape->buffer_count; i++)
		(void)trn_buffer_unref(shape->buffers[i]);
	trn_free(alloc, shape->buffers);
	trn_free(alloc, shape->scratch);
	trn_free(alloc, shape->plan);
}

static void landing_end(struct trn_comm_team *team)
{
	const struct trn_alloc *alloc = &team->context->alloc;

	for (uint32_t r = 0; team->p2p_buffers && r < team->ranks; r++)
		(void)trn_buffer_unref(team->p2p_buffers[r]);
	trn_free(alloc, team->p2p_buffers);
	trn_free(alloc, team->p2p_landing);
	team->p2p_buffers = NULL;
	team->p2p_landing = NULL;
}

static void member_end(struct trn_comm_team *team, struct trn_comm_member *m)
{
	for (uint32_t i = 0; i < m->pool_count; i++)
		(void)trn_buffer_unref(m->pool[i].buffer);
	trn_free(&team->context->alloc, m->pool);
	(void)trn_batch_destroy(m->batch);
	(void)trn_queue_unref(m->queue);
	(void)trn_buffer_unref(m->stamps);
}

static void semaphores_give(struct trn_comm_team *team)
{
	for (uint32_t r = 0; r < team->ranks; r++) {
		struct trn_device *device = team->member[r].device;

		if (!device)
			continue;
		trn_lock_take(&device->list_lock);
		for (uint32_t c = 0; c < team->channels; c++)
			for (uint32_t i = 0; i < 4; i++)
				device->sync_used[team->rank[r].processor + c][i] &=
					~team->semaphores[i];
		trn_lock_give(&device->list_lock);
	}
}

void trn_comm_team_destroy(struct trn_comm_team *team)
{
	const struct trn_alloc *alloc;

	if (!team)
		return;
	alloc = &team->context->alloc;
	for (uint32_t r = 0; team->member && r < team->ranks; r++)
		member_end(team, &team->member[r]);
	if (team->member && team->rank)
		semaphores_give(team);
	for (uint32_t i = 0; i < TRN_COLL_SHAPES; i++)
		shape_end(team, &team->shape[i]);
	landing_end(team);
	for (uint32_t r = 0; team->member && r < team->ranks; r++)
		(void)trn_device_unref(team->member[r].device);
	for (uint32_t i = 0; i < TRN_COMM_GROUPS; i++)
		trn_free(alloc, team->group[i].sequence);
	trn_free(alloc, team->all);
	trn_free(alloc, team->index);
	trn_free(alloc, team->parts);
	trn_free(alloc, team->work);
	trn_free(alloc, team->graph);
	trn_free(alloc, team->core);
	trn_free(alloc, team->chip);
	trn_free(alloc, team->rank);
	trn_free(alloc, team->member);
	trn_free(alloc, team);
}

static int team_arrays(struct trn_comm_team *team)
{
	const struct trn_alloc *alloc = &team->context->alloc;
	const uint32_t n = team->ranks;

	team->member = trn_alloc_array(alloc, n, sizeof(*team->member));
	team->rank = trn_alloc_array(alloc, n, sizeof(*team->rank));
	team->chip = trn_alloc_array(alloc, n, sizeof(*team->chip));
	team->core = trn_alloc_array(alloc, n, sizeof(*team->core));
	team->graph = trn_alloc_zero(alloc, sizeof(*team->graph));
	/* The builder's, then pieces: counts and offsets of both sides, and places elsewhere. */
	team->work = trn_alloc_array(alloc, 9 * (size_t)n + 1, sizeof(*team->work));
	team->parts = trn_alloc_array(alloc, 2 * (size_t)TRN_COMM_COMMANDS, sizeof(*team->parts));
	team->index = trn_alloc_array(alloc, 2 * (size_t)n, sizeof(*team->index));
	team->all = trn_alloc_array(alloc, n, sizeof(const struct trn_comm_call *));
	for (uint32_t i = 0; i < TRN_COMM_GROUPS; i++) {
		team->group[i].sequence =
			trn_alloc_array(alloc, n, sizeof(*team->group[i].sequence));
		if (!team->group[i].sequence)
			return -ENOMEM;
	}
	if (!team->member || !team->rank || !team->chip || !team->core || !team->graph ||
	    !team->work || !team->parts || !team->index || !team->all)
		return -ENOMEM;
	return 0;
}

static int refuse(struct trn_comm_team *team, struct trn_device *device, int code, const char *why)
{
	return trn_fail(team->context, device, code, "trn_comm_create", "%s", why);
}

static int device_check(struct trn_comm_team *team, struct trn_device *first,
			struct trn_device *device, uint32_t core)
{
	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return refuse(team, NULL, -EINVAL, "a device is NULL or was given back");
	if (device->object.context != team->context)
		return refuse(team, device, -EINVAL, "a device of another context");
	if (core >= device->info.cores)
		return refuse(team, device, -EINVAL, "the core is not there");
	if (!trn_device_has(device, TRN_HAL_CAP_COLLECT))
		return refuse(team, device, -ENOTSUP,
			      "the device runs no collectives (TRN_CAP_COLLECT)");
	if (device != first &&
	    (device->info.pod_id != first->info.pod_id || first->info.pod_id == 0))
		return refuse(team, device, -EXDEV, "a device of another pod");
	return 0;
}

static int graph_init(struct trn_comm_team *team, const struct trn_hal_info *info)
{
	const struct trn_pod *pod = trn_pod_find(info->pod[0] ? info->pod : info->arch);
	const struct trn_pod_fabric *fabric = NULL;

	if (pod)
		fabric = trn_pod_fabric_find(pod, info->fabric[0] ? info->fabric : NULL);
	if (!fabric)
		return refuse(team, team->member[0].device, -ENOTSUP,
			      "the pod of the device is not known");
	trn_pod_graph_init(team->graph, pod, fabric, info->link_mbps, info->link_hop_ns);
	return 0;
}

static void site_init(struct trn_comm_team *team)
{
	bool alone = true;

	for (uint32_t a = 0; a < team->ranks; a++)
		for (uint32_t b = 0; b < a; b++)
			alone = alone && team->chip[a] != team->chip[b];
	team->channels = alone ? TRN_COLL_CHANNELS : 2;
	for (uint32_t r = 0; r < team->ranks; r++)
		team->rank[r].processor = alone ? 0 : 2u * team->core[r];
	team->site = (struct trn_coll_site){
		.graph = team->graph,
		.ranks = team->ranks,
		.chip = team->chip,
		.core = team->core,
		.channels = team->channels,
	};
}

static int members_init(struct trn_comm_team *team, struct trn_device *const *devices,
			const uint32_t *cores)
{
	for (uint32_t r = 0; r < team->ranks; r++) {
		const uint32_t core = cores ? cores[r] : 0;
		struct trn_device *device = devices[r];
		int e = device_check(team, devices[0], device, core);

		if (e < 0)
			return e;
		for (uint32_t i = 0; i < r; i++)
			if (team->member[i].device == device && team->core[i] == core)
				return refuse(team, device, -EINVAL, "a core is two ranks");
		team->member[r].device = trn_device_ref(device);
		team->member[r].core = core;
		team->core[r] = (uint16_t)core;
		team->chip[r] = (uint16_t)device->info.pod_index;
		team->rank[r].chip = device->info.pod_index;
		team->rank[r].mark = trn_peer_address(
			&(struct trn_pod_place){ device->info.rack, device->info.server,
						 device->info.position },
			0);
	}
	return 0;
}

static int member_open(struct trn_comm_team *team, struct trn_comm_member *m)
{
	const struct trn_queue_opts opts = { .size = sizeof(opts), .core = m->core };
	const struct trn_buffer_opts stamps = {
		.size = sizeof(stamps),
		.kind = TRN_BUFFER_HOST,
		.bytes = TRN_COMM_STAMP_END + sizeof(uint64_t),
		.category = TRN_MEMORY_PROFILING,
		.label = "comm stamps",
	};
	int r = trn_queue_create(m->device, &opts, &m->queue);

	if (r == 0)
		r = trn_batch_create(m->queue, TRN_COMM_COMMANDS + 2, &m->batch);
	if (r == 0 && trn_device_has(m->device, TRN_HAL_CAP_TIMESTAMP))
		r = trn_buffer_create(m->device, &stamps, &m->stamps);
	(void)team;
	return r;
}

int trn_comm_team_create(struct trn_context *context, struct trn_device *const *devices,
			 const uint32_t *cores, uint32_t count, uint64_t limit_ns,
			 struct trn_comm_team **ret_team)
{
	struct trn_comm_team *team = trn_alloc_zero(&context->alloc, sizeof(*team));
	int r;

	if (!team)
		return trn_fail(context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	team->context = context;
	team->ranks = count;
	team->limit_ns = limit_ns;
	team->device_ns = UINT64_MAX;
	r = team_arrays(team);
	if (r < 0)
		(void)refuse(team, NULL, r, "no memory");
	if (r == 0)
		r = members_init(team, devices, cores);
	if (r == 0)
		r = graph_init(team, &devices[0]->info);
	if (r == 0)
		site_init(team);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = member_open(team, &team->member[i]);
	if (r == 0)
		r = trn_comm_team_semaphores(team, 2, &team->root_semaphore);
	if (r < 0) {
		trn_comm_team_destroy(team);
		return r;
	}
	*ret_team = team;
	return 0;
}

/* ---- semaphores, scratch ---- */

static bool range_free(const struct trn_comm_team *team, uint32_t first, uint32_t count)
{
	for (uint32_t s = first; s < first + count; s++)
		for (uint32_t r = 0; r < team->ranks; r++)
			for (uint32_t c = 0; c < team->channels; c++)
				if (team->member[r].device->sync_used[team->rank[r].processor + c]
								     [s / 64] >>
					    s % 64 &
				    1)
					return false;
	return true;
}

static void range_take(struct trn_comm_team *team, uint32_t first, uint32_t count)
{
	for (uint32_t s = first; s < first + count; s++) {
		const uint64_t bit = UINT64_C(1) << s % 64;

		team->semaphores[s / 64] |= bit;
		for (uint32_t r = 0; r < team->ranks; r++) {
			struct trn_device *device = team->member[r].device;

			trn_lock_take(&device->list_lock);
			for (uint32_t c = 0; c < team->channels; c++)
				device->sync_used[team->rank[r].processor + c][s / 64] |= bit;
			trn_lock_give(&device->list_lock);
		}
	}
}

/* Whoever had them may have failed. */
static int range_clear(struct trn_comm_team *team, uint32_t first, uint32_t count)
{
	int e = 0;

	for (uint32_t r = 0; e == 0 && r < team->ranks; r++) {
		struct trn_device *device = team->member[r].device;

		trn_device_enter(device);
		for (uint32_t c = 0; c < team->channels; c++)
			for (uint32_t s = first; e == 0 && s < first + count; s++)
				e = device->hal->ops.sem_write(
					device->hal, TRN_CORES + team->rank[r].processor + c, s, 0);
		trn_device_leave(device);
		if (e < 0)
			return trn_fail_hal(device, e, "trn_comm_create", "clearing semaphores");
	}
	return 0;
}

int trn_comm_team_semaphores(struct trn_comm_team *team, uint32_t count, uint32_t *ret_first)
{
	struct trn_context *context = team->context;
	uint32_t first = 0;

	trn_lock_take(&context->open_lock);
	while (first + count <= TRN_SEMAPHORES && !range_free(team, first, count))
		first++;
	if (first + count <= TRN_SEMAPHORES)
		range_take(team, first, count);
	trn_lock_give(&context->open_lock);
	if (first + count > TRN_SEMAPHORES)
		return trn_fail(context, team->member[0].device, -ENOSPC, "trn_comm_create",
				"%u semaphores of the sync processors are wanted, other "
				"communicators have them",
				count);
	*ret_first = first;
	return range_clear(team, first, count);
}

bool trn_comm_team_plan(struct trn_comm_team *team, enum trn_coll_shape shape)
{
	struct trn_comm_shape *s = &team->shape[shape];

	if (s->known)
		return s->fits;
	if (!s->plan)
		s->plan = trn_alloc_zero(&team->context->alloc, sizeof(*s->plan));
	if (!s->plan)
		return false;
	s->fits = trn_coll_plan_init(s->plan, shape, &team->site);
	s->known = true;
	return s->fits;
}

/* Scratch of a rank: the stacks in turn, away from its own first, where user's vectors are. */
static int scratch_rank(struct trn_comm_team *team, struct trn_comm_shape *s, uint32_t rank)
{
	const uint64_t each = trn_align_up(TRN_COLL_SCRATCH(TRN_COMM_ROOM, team->ranks), 4096);
	struct trn_device *device = team->member[rank].device;
	const uint32_t stacks = device->info.hbm_stacks, cores = device->info.cores;
	const uint32_t home = trn_device_stack(device, team->member[rank].core);
	const uint32_t spread = team->channels > 2 && stacks > 1 ? stacks - 1 : 1;

	for (uint32_t i = 0; i < spread; i++) {
		const uint32_t stack = spread > 1 ? (home + 1 + i) % stacks : home;
		uint32_t mine = (team->channels - i + spread - 1) / spread, core = 0;
		struct trn_buffer_opts opts = { .size = sizeof(opts),
						.bytes = each * mine,
						.category = TRN_MEMORY_COLLECTIVES,
						.label = "comm scratch" };
		struct trn_buffer *buffer;
		int r;

		while (core < cores && trn_device_stack(device, core) != stack)
			core++;
		opts.core = core < cores ? core : team->member[rank].core;
		r = trn_buffer_create(device, &opts, &buffer);
		if (r < 0)
			return r;
		s->buffers[s->buffer_count++] = buffer;
		for (uint32_t k = 0; k < mine; k++)
			s->scratch[(size_t)rank * team->channels + i + k * spread] =
				buffer->address + k * each;
	}
	return 0;
}

static uint32_t shape_semaphores(const struct trn_comm_team *team, enum trn_coll_shape shape)
{
	const uint32_t strands = trn_coll_shape_strands(shape, team->channels);
	const uint32_t each = team->shape[shape].plan->semaphores;

	return strands > 1 ? strands * (each + 1) : each;
}

int trn_comm_team_ready(struct trn_comm_team *team, enum trn_coll_shape shape)
{
	const struct trn_alloc *alloc = &team->context->alloc;
	struct trn_comm_shape *s = &team->shape[shape];
	int r = 0;

	if (s->ready)
		return 0;
	if (!s->scratch)
		s->scratch = trn_alloc_array(alloc, (size_t)team->ranks * team->channels,
					     sizeof(*s->scratch));
	if (!s->buffers)
		s->buffers = trn_alloc_array(alloc, (size_t)team->ranks * TRN_HBM_STACKS_MAX,
					     sizeof(struct trn_buffer *));
	if (!s->scratch || !s->buffers)
		return trn_fail(team->context, NULL, -ENOMEM, "trn_comm_start",
				"no memory for tables of %u ranks", team->ranks);
	for (uint32_t i = 0; r == 0 && i < team->ranks; i++)
		r = scratch_rank(team, s, i);
	if (r == 0 && s->plan->semaphores > 0)
		r = trn_comm_team_semaphores(team, shape_semaphores(team, shape), &s->semaphore);
	if (r < 0) { /* the next call tries again */
		while (s->buffer_count > 0)
			(void)trn_buffer_unref(s->buffers[--s->buffer_count]);
		return r;
	}
	s->ready = true;
	return 0;
}

static int landing_make(struct trn_comm_team *team)
{
	const struct trn_alloc *alloc = &team->context->alloc;
	int r = 0;

	team->p2p_buffers = trn_alloc_array(alloc, team->ranks, sizeof(struct trn_buffer *));
	team->p2p_landing = trn_alloc_array(alloc, team->ranks, sizeof(*team->p2p_landing));
	if (!team->p2p_buffers || !team->p2p_landing)
		r = trn_fail(team->context, NULL, -ENOMEM, "trn_batch_comm", "no memory");
	for (uint32_t i = 0; r == 0 && i < team->ranks; i++) {
		const struct trn_buffer_opts opts = {
			.size = sizeof(opts),
			.core = team->member[i].core,
			.bytes = team->ranks * TRN_COMM_ROOM,
			.category = TRN_MEMORY_COLLECTIVES,
			.label = "comm landing",
		};

		r = trn_buffer_create(team->member[i].device, &opts, &team->p2p_buffers[i]);
		if (r == 0)
			team->p2p_landing[i] = team->p2p_buffers[i]->address;
	}
	if (r < 0) /* the next call tries again */
		landing_end(team);
	return r;
}

int trn_comm_team_p2p_ready(struct trn_comm_team *team, bool landing)
{
	const uint32_t each = (team->ranks + team->channels - 1) / team->channels;
	int r = 0;

	if (team->p2p_semaphores == 0) {
		r = trn_comm_team_semaphores(team, 2 * each, &team->p2p_semaphore);
		if (r == 0)
			team->p2p_semaphores = 2 * each;
	}
	if (r < 0 || !landing || team->p2p_landing)
		return r;
	return landing_make(team);
}

/* ---- choosing ---- */

uint64_t trn_comm_team_bytes(const struct trn_comm_team *team, const struct trn_comm_call *call)
{
	const uint32_t element = trn_comm_element(call->dtype);
	uint64_t elements = call->count;

	if (call->kind == TRN_COMM_BARRIER)
		return 0;
	if (call->kind == TRN_COMM_ALL_GATHER || call->kind == TRN_COMM_REDUCE_SCATTER) {
		elements = 0;
		for (uint32_t i = 0; i < team->ranks; i++)
			elements += call->dst_counts ? call->dst_counts[i] : call->count;
	} else if (call->kind == TRN_COMM_ALL_TO_ALL) {
		elements = call->count * team->ranks;
	}
	return elements * element;
}

static enum trn_coll_shape cheapest(struct trn_comm_team *team, const struct trn_comm_call *call,
				    uint32_t shapes)
{
	enum trn_coll_shape best = TRN_COLL_MESH;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < TRN_COLL_SHAPES; i++) {
		struct trn_coll_cost cost;

		if (!(shapes >> i & 1) || !trn_comm_team_plan(team, (enum trn_coll_shape)i))
			continue;
		trn_coll_plan_cost(team->shape[i].plan, &team->site, call->kind,
				   trn_comm_team_bytes(team, call), &cost);
		if (cost.ns < least) {
			least = cost.ns;
			best = (enum trn_coll_shape)i;
		}
	}
	return best;
}

#define SHAPE(s) (1u << (s))

int trn_comm_team_choose(struct trn_comm_team *team, const struct trn_comm_call *call,
			 enum trn_comm_algorithm forced, enum trn_coll_shape *ret_shape)
{
	static const uint32_t shapes[TRN_COMM_ALGORITHMS] = {
		[TRN_COMM_AUTO] = (1u << TRN_COLL_SHAPES) - 1,
		[TRN_COMM_RING] = SHAPE(TRN_COLL_RING),
		[TRN_COMM_MESH] = SHAPE(TRN_COLL_MESH),
		[TRN_COMM_RDH] = SHAPE(TRN_COLL_RDH),
		[TRN_COMM_PAIRED] = SHAPE(TRN_COLL_PAIRED),
		[TRN_COMM_GRID] = SHAPE(TRN_COLL_GRID),
		[TRN_COMM_TORUS] = SHAPE(TRN_COLL_TORUS),
		[TRN_COMM_SWITCH] = SHAPE(TRN_COLL_MESH),
		[TRN_COMM_FUSED] = SHAPE(TRN_COLL_FUSED),
	};
	const bool is_forced = call->algorithm == TRN_COMM_AUTO;
	enum trn_comm_algorithm algorithm = is_forced ? forced : call->algorithm;
	uint32_t wanted = shapes[algorithm];

	if (call->kind == TRN_COMM_ALL_TO_ALL && wanted) {
		if (!is_forced && algorithm != TRN_COMM_AUTO && algorithm != TRN_COMM_MESH &&
		    algorithm != TRN_COMM_SWITCH)
			return -ENOTSUP;
		wanted = SHAPE(TRN_COLL_MESH);
	} else if (algorithm == TRN_COMM_SWITCH && is_forced) {
		wanted = shapes[TRN_COMM_AUTO];
	} else if (algorithm == TRN_COMM_SWITCH) {
		return -ENOTSUP;
	}
	if (call->kind != TRN_COMM_ALL_REDUCE)
		wanted &= ~SHAPE(TRN_COLL_FUSED);
	/* Of the environment: what cannot be done that way goes by itself. */
	if (wanted == 0 && is_forced && algorithm != TRN_COMM_HOST)
		wanted = shapes[TRN_COMM_AUTO] & ~SHAPE(TRN_COLL_FUSED);
	*ret_shape = cheapest(team, call, wanted);
	return (wanted >> *ret_shape & 1) && trn_comm_team_plan(team, *ret_shape) ? 0 : -ENOTSUP;
}

int trn_comm_team_refuse(struct trn_comm_team *team, const struct trn_comm_call *call,
			 enum trn_comm_algorithm forced, int code, const char *operation)
{
	const bool is_forced = call->algorithm == TRN_COMM_AUTO && forced != TRN_COMM_AUTO;

	if (code == -ENOMEM)
		return trn_fail(team->context, NULL, code, operation,
				"no memory for the plan of %u ranks", team->ranks);
	return trn_fail(team->context, NULL, code, operation,
			"%s by %s%s: not for this collective, or the ranks do not stand so",
			trn_comm_kind_name(call->kind),
			trn_comm_algorithm_name(is_forced ? forced : call->algorithm),
			is_forced ? " (TRN_COMM_ALGORITHM)" : "");
}
