/* SPDX-License-Identifier: Apache-2.0 */
/* One pod, every chip and every link of its graph: what the sync processors of its chips do in a
 * collective (docs/device-spec.md 12.5), as flows. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "model/gen.h"
#include "predict/cluster_parts.h"

#define CHIPS TRN_POD_CHIPS_MAX

/* Where a phase is built: chips in groups, every stride-th one, or side by side. */
struct pod {
	const struct trn_cluster *c;
	struct trn_flows *flows;
	uint32_t chips, groups, members; /* of a group */
	bool blocks;
	uint32_t memory, dma;                /* first links of the chips */
	double op_s, trigger_s, done_s, add; /* add: times the DMA time of a copied byte */
	uint32_t dims, size[TRN_POD_DIMS];   /* of a group, as a grid */
	uint32_t coord[CHIPS][TRN_POD_DIMS];
};

static void pod_links(struct pod *p, uint32_t number)
{
	const struct trn_gen *gen = p->c->gen;
	double dma = (double)gen->dma_engines * (double)gen->dma_load_mbps * 1e6;

	for (uint32_t i = 0; i < p->c->graph.links; i++) {
		const struct trn_pod_link *link = &p->c->graph.link[i];
		double rate = (double)trn_pod_link_mbps(&p->c->graph, i) * 1e6;
		bool absent = (link->from < p->c->pod_chips && link->from >= p->chips) ||
			      (link->to < p->c->pod_chips && link->to >= p->chips);

		if (p->c->slow > 0.0 && number == 0 && i == p->c->slow_link)
			rate /= p->c->slow;
		(void)trn_flows_link(p->flows, rate, absent ? 0.0 : 1.0, link->cls);
	}
	p->memory = trn_flows_links(p->flows);
	for (uint32_t i = 0; i < p->chips; i++)
		(void)trn_flows_link(p->flows, (double)gen->hbm_bytes_per_s, 1.0,
				     TRN_CLUSTER_MEMORY);
	p->dma = trn_flows_links(p->flows);
	for (uint32_t i = 0; i < p->chips; i++)
		(void)trn_flows_link(p->flows, dma, 1.0, TRN_CLUSTER_DMA);
}

static uint32_t member(const struct pod *p, uint32_t group, uint32_t index)
{
	return p->blocks ? group * p->members + index : group + p->groups * index;
}

static uint32_t group_of(const struct pod *p, uint32_t chip)
{
	return p->blocks ? chip / p->members : chip % p->groups;
}

/* ---- tasks ---- */

static uint32_t task_after(struct pod *p, uint32_t before, double delay, uint32_t repeat)
{
	uint32_t task = trn_flows_task(p->flows, delay, repeat);

	if (before != TRN_CLUSTER_NONE)
		trn_flows_after(p->flows, task, before);
	return task;
}

/* One of @messages that a chip sends at once. */
static void send(struct pod *p, uint32_t task, uint32_t from, uint32_t to, double bytes,
		 uint32_t messages)
{
	struct trn_flow_hop hop[TRN_POD_PATH_MAX + 3];
	uint16_t links[TRN_POD_PATH_MAX];
	uint32_t count = trn_pod_route(&p->c->graph, from, to, links), hops = 0;
	uint32_t passed = trn_pod_hops(&p->c->graph, from, to);
	struct trn_flow flow = { .task = task,
				 .bytes = bytes,
				 .latency_s =
					 p->done_s + passed * (double)p->c->graph.hop_ns * 1e-9,
				 .limit = messages > 1 ? bytes / (messages * p->op_s) : 0.0 };

	for (uint32_t i = 0; i < count; i++)
		hop[hops++] = (struct trn_flow_hop){ links[i], 1.0 };
	hop[hops++] = (struct trn_flow_hop){ p->memory + from, 1.0 };
	hop[hops++] = (struct trn_flow_hop){ p->memory + to, 1.0 };
	hop[hops++] = (struct trn_flow_hop){ p->dma + from, 1.0 };
	trn_flows_add(p->flows, &flow, hop, hops);
}

/* Every chip adds up @sources parts of @bytes in its memory. */
static uint32_t reduce(struct pod *p, uint32_t before, uint32_t sources, double bytes)
{
	uint32_t task = task_after(p, before, p->op_s + p->trigger_s, 1);

	for (uint32_t i = 0; i < p->chips; i++) {
		struct trn_flow flow = { .task = task, .bytes = bytes, .latency_s = p->done_s };
		struct trn_flow_hop hop[] = { { p->memory + i, sources + 1.0 },
					      { p->dma + i, sources * p->add } };

		trn_flows_add(p->flows, &flow, hop, 2);
	}
	return task;
}

/* ---- grid and mesh: everybody in a dimension to everybody ---- */

/* How many different coordinates of a dimension a group has. */
static uint32_t extent(const struct pod *p, uint32_t group, uint32_t dim,
		       uint32_t coord[][TRN_POD_DIMS])
{
	bool seen[CHIPS] = { false };
	uint32_t size = 0;

	for (uint32_t i = 0; i < p->members; i++) {
		uint32_t at = coord[member(p, group, i)][dim];

		size += !seen[at];
		seen[at] = true;
	}
	return size;
}

/* Coordinates within a group: by the pod's dimensions, or one for all. -ENOTSUP when the groups
 * are no boxes of one shape. */
static int grid_make(struct pod *p, bool mesh)
{
	struct trn_pod_dim dim[TRN_POD_DIMS];
	uint32_t dims = trn_pod_grid(&p->c->graph, dim), cells = 1;
	uint32_t all[CHIPS][TRN_POD_DIMS];

	p->dims = 0;
	if (mesh) {
		p->size[p->dims++] = p->members;
		for (uint32_t g = 0; g < p->groups; g++)
			for (uint32_t i = 0; i < p->members; i++)
				p->coord[member(p, g, i)][0] = i;
		return 0;
	}
	for (uint32_t i = 0; i < p->chips; i++)
		trn_pod_coord(&p->c->graph, i, all[i]);
	for (uint32_t d = 0; d < dims; d++) {
		uint32_t size = extent(p, 0, d, all);

		for (uint32_t g = 1; g < p->groups; g++)
			if (extent(p, g, d, all) != size)
				return -ENOTSUP;
		cells *= size;
		if (size == 1)
			continue;
		for (uint32_t i = 0; i < p->chips; i++)
			p->coord[i][p->dims] = all[i][d];
		p->size[p->dims++] = size;
	}
	return cells == p->members && p->dims > 0 ? 0 : -ENOTSUP;
}

static bool share_line(const struct pod *p, uint32_t a, uint32_t b, uint32_t dim)
{
	if (a == b || group_of(p, a) != group_of(p, b))
		return false;
	for (uint32_t d = 0; d < p->dims; d++)
		if (d != dim && p->coord[a][d] != p->coord[b][d])
			return false;
	return true;
}

/* Every chip sends @bytes to every other one on its line. */
static uint32_t line(struct pod *p, uint32_t before, uint32_t dim, double bytes)
{
	uint32_t task = task_after(p, before, p->op_s + p->trigger_s, 1);

	for (uint32_t a = 0; a < p->chips; a++)
		for (uint32_t b = 0; b < p->chips; b++)
			if (share_line(p, a, b, dim))
				send(p, task, a, b, bytes, p->size[dim] - 1);
	return task;
}

/* Parts of the bytes take the dimensions in rotated order, all at once. */
static void grid(struct pod *p, double bytes, struct trn_pod_phases *ret)
{
	for (uint32_t part = 0; part < p->dims; part++) {
		uint32_t in = ret->in.begin, out = ret->out.begin;
		double left = bytes / p->dims;

		for (uint32_t k = 0; k < p->dims; k++) {
			uint32_t dim = (part + k) % p->dims;

			left /= p->size[dim];
			in = reduce(p, line(p, in, dim, left), p->size[dim], left);
		}
		for (uint32_t k = p->dims; k-- > 0;) {
			uint32_t dim = (part + k) % p->dims;

			out = line(p, out, dim, left);
			left *= p->size[dim];
		}
		trn_flows_after(p->flows, ret->in.end, in);
		trn_flows_after(p->flows, ret->out.end, out);
	}
}

/* ---- ring, halving and doubling ---- */

static uint32_t round_of(struct pod *p, uint32_t before, uint32_t step, bool ring, double bytes,
			 uint32_t repeat, bool add)
{
	uint32_t task = task_after(p, before, p->op_s + p->trigger_s, repeat);

	for (uint32_t g = 0; g < p->groups; g++)
		for (uint32_t i = 0; i < p->members; i++) {
			uint32_t to = ring ? (i + step) % p->members : i ^ step;

			send(p, task, member(p, g, i), member(p, g, to), bytes, 1);
		}
	return add ? reduce(p, task, 2, bytes) : task;
}

static void ring(struct pod *p, double bytes, struct trn_pod_phases *ret)
{
	uint32_t steps = p->members - 1, in = ret->in.begin, out = ret->out.begin;

	for (uint32_t i = 0; i < steps; i++)
		in = round_of(p, in, 1, true, bytes / p->members, 1, true);
	if (steps > 0)
		out = round_of(p, out, 1, true, bytes / p->members, steps, false);
	trn_flows_after(p->flows, ret->in.end, in);
	trn_flows_after(p->flows, ret->out.end, out);
}

static void halving(struct pod *p, double bytes, struct trn_pod_phases *ret)
{
	uint32_t in = ret->in.begin, out = ret->out.begin;
	double left = bytes;

	for (uint32_t d = p->members / 2; d > 0; d /= 2) {
		left /= 2;
		in = round_of(p, in, d, false, left, 1, true);
	}
	for (uint32_t d = 1; d < p->members; d *= 2) {
		out = round_of(p, out, d, false, left, 1, false);
		left *= 2;
	}
	trn_flows_after(p->flows, ret->in.end, in);
	trn_flows_after(p->flows, ret->out.end, out);
}

/* ---- phases ---- */

static int phases_build(struct pod *p, enum trn_cluster_kind kind, enum trn_cluster_inner inner,
			double bytes, struct trn_pod_phases *ret)
{
	bool mesh = inner == TRN_CLUSTER_INNER_MESH;

	ret->in.begin = task_after(p, TRN_CLUSTER_NONE, 0, 1);
	ret->in.end = task_after(p, ret->in.begin, 0, 1);
	ret->out = (struct trn_phase){ TRN_CLUSTER_NONE, TRN_CLUSTER_NONE };
	if (kind == TRN_CLUSTER_ALL_TO_ALL) {
		if (!mesh || grid_make(p, true) < 0)
			return -ENOTSUP;
		if (p->members > 1)
			trn_flows_after(p->flows, ret->in.end,
					line(p, ret->in.begin, 0, bytes / p->members));
		return 0;
	}
	ret->out.begin = task_after(p, TRN_CLUSTER_NONE, 0, 1);
	ret->out.end = task_after(p, ret->out.begin, 0, 1);
	if (p->members == 1)
		return 0;
	if (inner == TRN_CLUSTER_INNER_RING)
		ring(p, bytes, ret);
	else if (inner == TRN_CLUSTER_INNER_RDH && (p->members & (p->members - 1)) == 0)
		halving(p, bytes, ret);
	else if (inner != TRN_CLUSTER_INNER_RDH && grid_make(p, mesh) == 0)
		grid(p, bytes, ret);
	else
		return -ENOTSUP;
	return 0;
}

int trn_cluster_pod_phases(const struct trn_cluster *cluster, uint32_t chips, uint32_t pod,
			   const struct trn_cluster_call *call, double bytes,
			   struct trn_pod_phases *ret_phases, struct trn_predict_why *why)
{
	uint32_t members = call->block ? call->block : chips / call->stride;
	const struct trn_gen *gen = cluster->gen;
	struct pod p = { .c = cluster,
			 .chips = chips,
			 .groups = chips / members,
			 .members = members,
			 .blocks = call->block > 0,
			 .op_s = (double)gen->sync_op_ns * 1e-9,
			 .trigger_s = (double)gen->dma_trigger_hardware_ns * 1e-9,
			 .done_s = (double)gen->dma_done_ns * 1e-9,
			 .add = 100.0 / (double)gen->dma_add_same_percent };
	struct trn_pod_phases phases = { NULL };
	int r;

	r = trn_flows_create(&phases.flows);
	p.flows = phases.flows;
	if (r == 0) {
		pod_links(&p, pod);
		r = phases_build(&p, call->kind, call->inner, bytes, &phases);
	}
	if (r == 0 && !cluster->apart) {
		struct trn_flows *folded = NULL;

		r = trn_flows_fold(phases.flows, &folded, NULL, why);
		if (r == 0) {
			trn_flows_destroy(phases.flows);
			phases.flows = folded;
		}
	}
	if (r < 0) {
		trn_flows_destroy(phases.flows);
		return r == -ENOTSUP ? trn_predict_fail(why, r, "%u chips of %s have no %s", chips,
							cluster->pod->name,
							trn_cluster_inner_name(call->inner)) :
				       trn_predict_fail(why, r, "flows in a pod");
	}
	*ret_phases = phases;
	return 0;
}
