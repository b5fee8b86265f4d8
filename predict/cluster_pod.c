/* SPDX-License-Identifier: Apache-2.0 */
/* One pod, every chip and every link of its graph: the schedules that the runtime gives to the sync
 * processors (base/coll.c on the boxes of base/coll_plan.c), as flows. Channels of a box that do
 * the same are one lane. All chips of a lane go on together. docs/scale.md 3. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "model/gen.h"
#include "predict/cluster_pod.h"

#define CHIPS TRN_POD_CHIPS_MAX
#define UNDER_WAY 64.0 /* transfers of a processor at the same time: device-spec.md 12.5 */
#define ENGINES 16.0   /* of a core; its two processors share them */

static uint32_t member(const struct trn_pod_site *p, uint32_t group, uint32_t index)
{
	return p->blocks ? group * p->members + index : group + p->groups * index;
}

/* ---- links ---- */

static void links_of_chips(struct trn_pod_site *p, double rate, uint32_t tag, uint32_t *ret_first)
{
	*ret_first = trn_flows_links(p->flows);
	for (uint32_t i = 0; i < p->chips; i++)
		(void)trn_flows_link(p->flows, rate, 1.0, tag);
}

static void pod_links(struct trn_pod_site *p, uint32_t number)
{
	double memory = (double)p->c->gen->hbm_bytes_per_s;

	for (uint32_t i = 0; i < p->c->graph.links; i++) {
		const struct trn_pod_link *link = &p->c->graph.link[i];
		double rate = (double)trn_pod_link_mbps(&p->c->graph, i) * 1e6;
		bool absent = (link->from < p->c->pod_chips && link->from >= p->chips) ||
			      (link->to < p->c->pod_chips && link->to >= p->chips);

		if (p->c->slow > 0.0 && number == 0 && i == p->c->slow_link)
			rate /= p->c->slow;
		(void)trn_flows_link(p->flows, rate, absent ? 0.0 : 1.0, link->cls);
	}
	links_of_chips(p, memory / p->stacks, TRN_CLUSTER_MEMORY, &p->stack[0]);
	if (!p->alone) {
		links_of_chips(p, memory * (p->stacks - 1) / p->stacks, TRN_CLUSTER_MEMORY,
			       &p->scratch);
		return;
	}
	for (uint32_t i = 1; i < p->stacks; i++)
		links_of_chips(p, memory / p->stacks, TRN_CLUSTER_MEMORY, &p->stack[i]);
	for (uint32_t i = 0; i < TRN_POD_CORES; i++)
		links_of_chips(p, p->core_rate, TRN_CLUSTER_DMA, &p->engines[i]);
}

/* ---- messages ---- */

static uint32_t memory_link(const struct trn_pod_site *p, const struct trn_pod_stream *lane,
			    enum trn_pod_where where, uint32_t chip)
{
	return (where == TRN_POD_HOME ? p->stack[0] : lane->scratch) + chip;
}

uint32_t trn_pod_after(struct trn_pod_site *p, uint32_t before, double delay)
{
	uint32_t task = trn_flows_task(p->flows, delay, 1);

	trn_flows_after(p->flows, task, before);
	return task;
}

/* What a processor does when it has waited: it comes to that in the order of its stream. */
static uint32_t segment_after(struct trn_pod_site *p, uint32_t before, double delay)
{
	struct trn_pod_chunk *chunk = p->chunk;

	if (!p->stranded || chunk->gates == TRN_CLUSTER_GATES)
		return trn_pod_after(p, before, delay);
	chunk->gate[chunk->gates++] = before = trn_pod_after(p, before, 0);
	return trn_pod_after(p, before, delay);
}

/* A transfer's time from its operation to its arrival, without its bytes. */
static double life(const struct trn_pod_site *p, uint32_t hops)
{
	return p->trigger_s + p->done_s + hops * p->hop_s;
}

static void send(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t task,
		 uint32_t from, uint32_t to, const struct trn_pod_message *m)
{
	double n = lane->channels, reads = m->sources > 1.0 ? m->sources : 1.0;
	double work = m->sources > 1.0 ? m->sources * p->add : 1.0, apart;
	struct trn_flow_hop hop[TRN_POD_PATH_MAX + 3];
	uint16_t links[TRN_POD_PATH_MAX];
	uint32_t count = 0, hops = 0, passed = 0;
	struct trn_flow flow = { .task = task, .bytes = m->bytes, .count = n };

	if (from != to) {
		count = trn_pod_route(&p->c->graph, from, to, links);
		passed = trn_pod_hops(&p->c->graph, from, to);
	}
	flow.latency_s = p->done_s + passed * p->hop_s;
	apart = fmax(p->op_s, life(p, passed) / UNDER_WAY);
	if (p->alone)
		flow.start_s = lane->start_s +
			       m->number * (m->number < (uint32_t)UNDER_WAY ? p->op_s : apart);
	else if (m->messages > 1 && m->bytes > 0.0)
		flow.limit = m->bytes / (m->messages * apart);
	for (uint32_t i = 0; i < count; i++)
		hop[hops++] = (struct trn_flow_hop){ links[i], n };
	hop[hops++] = (struct trn_flow_hop){ memory_link(p, lane, m->src, from), n * reads };
	hop[hops++] = (struct trn_flow_hop){ memory_link(p, lane, m->dst, to), n };
	hop[hops++] = (struct trn_flow_hop){ lane->dma + from, n * work };
	/* What a transfer takes when there is nobody else. */
	for (uint32_t i = 0; p->bursts && i < hops; i++) {
		const double rate = trn_flows_link_capacity(p->flows, hop[i].link) / hop[i].weight;

		flow.limit = flow.limit > 0.0 ? fmin(flow.limit, rate) : rate;
	}
	trn_flows_add(p->flows, &flow, hop, hops);
}

/* Every chip for itself, in its own memory. */
static void local(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t task,
		  const struct trn_pod_message *m)
{
	for (uint32_t i = 0; i < p->chips; i++)
		send(p, lane, task, i, i, m);
}

/* ---- dimensions ---- */

static uint32_t below(const struct trn_pod_stream *lane, uint32_t dim)
{
	uint32_t size = 1;

	for (uint32_t d = dim + 1; d < lane->way.dims; d++)
		size *= lane->way.dim[d].size;
	return size;
}

/* Calls back for every pair that stands @step apart in a dimension, in all groups. */
void trn_pod_neighbours(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			uint32_t step, uint32_t task, const struct trn_pod_message *m)
{
	uint32_t stride = below(lane, dim), n = lane->way.dim[dim].size;

	for (uint32_t g = 0; g < p->groups; g++) {
		const struct trn_coll_part *part = &p->plan[g].part[lane->part];

		for (uint32_t at = 0; at < p->members; at++) {
			uint32_t mine = at / stride % n, other = (mine + step) % n;
			uint32_t to = at - mine * stride + other * stride;

			send(p, lane, task, member(p, g, part->rank_at[at]),
			     member(p, g, part->rank_at[to]), m);
		}
	}
}

/* Everybody on a line to everybody. */
static void line(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
		 uint32_t task, const struct trn_pod_message *m)
{
	struct trn_pod_message one = *m;

	one.messages = lane->way.dim[dim].size;
	for (uint32_t step = 1; step < lane->way.dim[dim].size; step++) {
		one.number = m->number + step - 1;
		trn_pod_neighbours(p, lane, dim, step, task, &one);
	}
}

/* What a reduce-scatter holds: so many parts of each block, in a memory. */
struct held {
	double bytes, sources;
	enum trn_pod_where where;
};

static uint32_t rs_mesh(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			uint32_t before, struct held *held)
{
	uint32_t n = lane->way.dim[dim].size;
	struct trn_pod_message m = {
		held->bytes / n, held->sources, held->where, TRN_POD_SCRATCH, 0, 1
	};
	/* Waiting costs nothing that is not over when the others are heard. */
	uint32_t task = segment_after(p, before, p->op_s + p->trigger_s);

	line(p, lane, dim, task, &m);
	m.number = n - 1;
	local(p, lane, task, &m);
	*held = (struct held){ m.bytes, n, TRN_POD_SCRATCH };
	return trn_pod_after(p, task, p->op_s);
}

static uint32_t ring_step(const struct trn_pod_stream *lane, uint32_t dim)
{
	return lane->way.dim[dim].back ? lane->way.dim[dim].size - 1u : 1u;
}

static uint32_t rs_ring(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			uint32_t before, struct held *held)
{
	uint32_t n = lane->way.dim[dim].size, task = before;
	struct trn_pod_message m = {
		held->bytes, held->sources, held->where, TRN_POD_SCRATCH, 0, 1
	};

	if (held->sources > 1.0) {
		task = segment_after(p, task, 2.0 * p->op_s + p->trigger_s);
		local(p, lane, task, &m);
		held->where = TRN_POD_SCRATCH;
	}
	m = (struct trn_pod_message){ held->bytes / n, 1.0, held->where, TRN_POD_SCRATCH, 0, 1 };
	for (uint32_t s = 0; s + 1 < n; s++) {
		task = segment_after(p, task, 3.0 * p->op_s + p->trigger_s);
		trn_pod_neighbours(p, lane, dim, ring_step(lane, dim), task, &m);
		m.sources = 2.0;
	}
	*held = (struct held){ m.bytes, 2.0, TRN_POD_SCRATCH };
	return task;
}

/* Steps to the one that passes on what goes to the opposite one, and to the other neighbour. */
static uint32_t relay_next(const struct trn_pod_stream *lane, uint32_t dim)
{
	return lane->way.dim[dim].back ? 3 : 1;
}

static uint32_t rs_relay(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			 uint32_t before, struct held *held)
{
	const uint32_t next = relay_next(lane, dim);
	struct trn_pod_message m = {
		held->bytes / 4, held->sources, held->where, TRN_POD_SCRATCH, 0, 1
	};
	uint32_t task = segment_after(p, before, p->op_s + p->trigger_s);

	trn_pod_neighbours(p, lane, dim, next, task, &m);
	m.number = 1;
	trn_pod_neighbours(p, lane, dim, 4 - next, task, &m);
	for (m.number = 2; m.number < (held->sources > 1.0 ? 4 : 3); m.number++)
		local(p, lane, task, &m);
	task = segment_after(p, task, 2.0 * p->op_s + p->trigger_s);
	m = (struct trn_pod_message){ m.bytes, 2.0, TRN_POD_SCRATCH, TRN_POD_SCRATCH, 0, 1 };
	trn_pod_neighbours(p, lane, dim, next, task, &m);
	*held = (struct held){ m.bytes, 3.0, TRN_POD_SCRATCH };
	return trn_pod_after(p, task, p->op_s);
}

static uint32_t rs_dim(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
		       uint32_t before, struct held *held)
{
	if (lane->way.dim[dim].relay)
		return rs_relay(p, lane, dim, before, held);
	return lane->way.dim[dim].ring ? rs_ring(p, lane, dim, before, held) :
					 rs_mesh(p, lane, dim, before, held);
}

static void rs_all(struct trn_pod_site *p, const struct trn_pod_stream *lane,
		   struct trn_pod_chunk *ret, struct held *held)
{
	uint32_t task = ret->in.begin;

	*held = (struct held){ lane->bytes, 1.0, TRN_POD_HOME };
	for (uint32_t d = 0; d < lane->way.dims; d++)
		task = rs_dim(p, lane, d, task, held);
	trn_flows_after(p->flows, ret->in.end, task);
}

/* What the one before has sent to be passed on goes where it is wanted when it is passed on. */
static uint32_t ag_relay(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			 uint32_t before, const struct held *held)
{
	const enum trn_pod_where to = dim == 0 ? TRN_POD_HOME : TRN_POD_SCRATCH;
	const uint32_t next = relay_next(lane, dim);
	uint32_t task = segment_after(p, before, p->op_s + p->trigger_s);
	struct trn_pod_message m = {
		held->bytes, held->sources, TRN_POD_SCRATCH, TRN_POD_SCRATCH, 0, 1
	};
	struct trn_pod_message out = { held->bytes, 1.0, TRN_POD_SCRATCH, TRN_POD_HOME, 2, 1 };

	trn_pod_neighbours(p, lane, dim, next, task, &m);
	m.number = 1;
	m.dst = to;
	trn_pod_neighbours(p, lane, dim, 4 - next, task, &m);
	if (dim == 0)
		local(p, lane, task, &out);
	task = segment_after(p, task, 2.0 * p->op_s + p->trigger_s);
	m.number = 0;
	trn_pod_neighbours(p, lane, dim, next, task, &m);
	out.number = 1;
	if (dim == 0)
		local(p, lane, task, &out);
	return task;
}

/* What a dimension on the way back sends; into the results, or straight to where they go. */
static uint32_t ag_plain(struct trn_pod_site *p, const struct trn_pod_stream *lane, uint32_t dim,
			 uint32_t before, const struct held *held)
{
	uint32_t n = lane->way.dim[dim].size, task = before;
	bool ring = lane->way.dim[dim].ring, direct = dim == 0 && !ring;
	struct trn_pod_message m = { held->bytes,     held->sources,
				     TRN_POD_SCRATCH, direct ? TRN_POD_HOME : TRN_POD_SCRATCH,
				     direct ? 1 : 0,  1 };
	struct trn_pod_message out = { held->bytes, 1.0, TRN_POD_SCRATCH, TRN_POD_HOME, 0, 1 };

	for (uint32_t s = 0; ring && s + 1 < n; s++) {
		task = segment_after(p, task, 3.0 * p->op_s + p->trigger_s);
		trn_pod_neighbours(p, lane, dim, ring_step(lane, dim), task, &m);
	}
	if (!ring) {
		task = segment_after(p, task, p->op_s + p->trigger_s);
		line(p, lane, dim, task, &m);
		if (direct)
			local(p, lane, task, &out);
	}
	return task;
}

static void ag_all(struct trn_pod_site *p, const struct trn_pod_stream *lane,
		   struct trn_pod_chunk *ret, struct held held)
{
	uint32_t dims = lane->way.dims, task = ret->out.begin;
	const struct trn_coll_dim *last = &lane->way.dim[dims - 1];
	bool fuse = dims >= 2 && last->size == 2 && !last->ring;
	struct trn_pod_message join = {
		held.bytes, held.sources, TRN_POD_SCRATCH, TRN_POD_SCRATCH, 0, 1
	};

	if (!fuse) {
		task = segment_after(p, task, 2.0 * p->op_s + p->trigger_s);
		local(p, lane, task, &join);
		held.sources = 1.0;
	}
	for (uint32_t d = dims; d-- > 0;) {
		task = lane->way.dim[d].relay ? ag_relay(p, lane, d, task, &held) :
						ag_plain(p, lane, d, task, &held);
		held.bytes *= lane->way.dim[d].size;
		held.sources = 1.0;
		if (fuse && d == dims - 1)
			local(p, lane, task, &join);
	}
	if (lane->way.dim[0].ring) {
		struct trn_pod_message out = {
			held.bytes, 1.0, TRN_POD_SCRATCH, TRN_POD_HOME, 0, 1
		};

		task = segment_after(p, task, 3.0 * p->op_s + p->trigger_s);
		local(p, lane, task, &out);
	}
	trn_flows_after(p->flows, ret->out.end, task);
}

/* Signals to everybody that this one is there, then to each what is theirs. */
static void exchange(struct trn_pod_site *p, const struct trn_pod_stream *lane,
		     struct trn_pod_chunk *ret)
{
	uint32_t n = p->members, task;
	struct trn_pod_message m = { lane->bytes / n, 1.0, TRN_POD_HOME, TRN_POD_HOME, 0, 1 };
	double heard = 0.0;

	/* Signals: each is on its way when it has been said. */
	for (uint32_t i = 1; i < n; i++)
		heard = fmax(heard,
			     i * p->op_s + p->hop_s * trn_pod_hops(&p->c->graph, member(p, 0, 0),
								   member(p, 0, i)));
	task = trn_pod_after(p, ret->in.begin, fmax(heard, (n - 1) * p->op_s) + p->op_s);
	task = segment_after(p, task, p->op_s + p->trigger_s);
	line(p, lane, 0, task, &m);
	m.number = n - 1;
	local(p, lane, task, &m);
	trn_flows_after(p->flows, ret->in.end, trn_pod_after(p, task, p->op_s));
}

/* ---- lanes ---- */

static void chunk_build(struct trn_pod_site *p, const struct trn_pod_stream *lane,
			struct trn_pod_chunk *ret)
{
	struct held held;

	p->chunk = ret;
	ret->gates = 0;
	ret->first = trn_flows_tasks(p->flows);
	ret->in.begin = trn_flows_task(p->flows, 0, 1);
	ret->in.end = trn_flows_task(p->flows, 0, 1);
	ret->out = (struct trn_phase){ TRN_CLUSTER_NONE, TRN_CLUSTER_NONE };
	if (p->kind == TRN_CLUSTER_ALL_TO_ALL) {
		exchange(p, lane, ret);
	} else {
		ret->out.begin = trn_flows_task(p->flows, 0, 1);
		ret->out.end = trn_flows_task(p->flows, 0, 1);
		rs_all(p, lane, ret, &held);
		ag_all(p, lane, ret, held);
	}
	ret->count = trn_flows_tasks(p->flows) - ret->first;
}

/* Chunks as base/coll_share.c cuts them: the first and the last are one when there are more. */
static void lane_build(struct trn_pod_site *p, struct trn_pod_stream *lane,
		       struct trn_pod_lane *ret)
{
	const double room = p->stranded ? TRN_POD_ROOM / TRN_COLL_STRANDS / 8.0 * 7.0 :
					  TRN_POD_ROOM;
	const double turn = (double)lane->way.turn / lane->way.turns;
	double all, part[3];

	ret->strands = p->stranded ? TRN_COLL_STRANDS : 1;
	ret->ahead = trn_coll_ahead(&lane->way);
	all = lane->bytes / ret->strands;
	ret->chunks = p->alone ? (uint32_t)fmax(ceil(all / room), 1.0) : 1;
	part[0] = part[1] = part[2] = all / ret->chunks;
	if (ret->chunks > 1) {
		part[0] *= turn;
		part[2] *= 1.0 - turn;
		ret->chunks++;
	}
	for (uint32_t s = 0; s < ret->strands; s++) {
		for (uint32_t i = 0; i < 3; i++) {
			lane->bytes = part[i];
			if (i == 0 || ret->chunks > 1)
				chunk_build(p, lane, &ret->chunk[s][i]);
		}
		for (uint32_t d = 0; d < lane->way.dims; d++)
			lane->way.dim[d].back ^= lane->way.dim[d].relay;
	}
}

/* Channels that are like the one before join its lane. Processors 2c and 2c + 1 share a core's
 * engines when both are used. */
static void lanes_make(struct trn_pod_site *p, double bytes, struct trn_pod_phases *ret)
{
	struct trn_pod_stream lane[TRN_CLUSTER_LANES];
	double rate[TRN_CLUSTER_LANES] = { 0.0 };
	uint32_t on_core[TRN_POD_CORES] = { 0 }, lane_of[TRN_COLL_CHANNELS];
	const double all = (double)TRN_COLL_SHARES * TRN_COLL_CHANNELS;

	ret->lanes = 0;
	for (uint32_t ch = 0; ch < TRN_COLL_CHANNELS; ch++) {
		struct trn_coll_way way;
		uint64_t from, to;
		uint32_t part = 0, i = 0;

		lane_of[ch] = TRN_CLUSTER_NONE;
		if (!trn_coll_plan_way(p->plan, ch, p->used, &way, &from, &to) || to == from)
			continue;
		while (part + 1 < p->plan->parts && ch >= p->plan->part[part + 1].channel)
			part++;
		while (i < ret->lanes && (p->alone || lane[i].part != part ||
					  memcmp(lane[i].way.dim, way.dim, sizeof(way.dim)) != 0))
			i++;
		if (i == ret->lanes)
			lane[ret->lanes++] = (struct trn_pod_stream){ .part = part, .way = way };
		if (p->alone) {
			lane[i].scratch = p->stack[1 + ch % (p->stacks - 1)];
			lane[i].dma = p->engines[ch / 2];
		}
		lane[i].channels += 1.0;
		lane[i].bytes += bytes * (double)(to - from) / all;
		lane_of[ch] = i;
		on_core[ch / 2]++;
	}
	for (uint32_t ch = 0; ch < TRN_COLL_CHANNELS; ch++)
		if (lane_of[ch] != TRN_CLUSTER_NONE)
			rate[lane_of[ch]] += p->core_rate / on_core[ch / 2];
	for (uint32_t i = 0; i < ret->lanes; i++) {
		lane[i].bytes /= lane[i].channels;
		if (p->alone)
			continue;
		lane[i].scratch = p->scratch;
		links_of_chips(p, rate[i], TRN_CLUSTER_DMA, &lane[i].dma);
	}
	for (uint32_t i = 0; i < ret->lanes; i++)
		lane_build(p, &lane[i], &ret->lane[i]);
}

/* A chip alone has nothing to do. */
static void lane_empty(struct trn_pod_site *p, struct trn_pod_phases *ret)
{
	struct trn_pod_chunk *lane = &ret->lane[0].chunk[0][0];

	lane->in.begin = trn_flows_task(p->flows, 0, 1);
	lane->in.end = trn_pod_after(p, lane->in.begin, 0);
	lane->out = (struct trn_phase){ TRN_CLUSTER_NONE, TRN_CLUSTER_NONE };
	if (p->kind == TRN_CLUSTER_ALL_REDUCE) {
		lane->out.begin = trn_flows_task(p->flows, 0, 1);
		lane->out.end = trn_pod_after(p, lane->out.begin, 0);
	}
	lane->count = trn_flows_tasks(p->flows);
	ret->lane[0].chunks = ret->lane[0].strands = 1;
	ret->lanes = 1;
}

/* ---- plans ---- */

static bool group_plan(struct trn_pod_site *p, uint32_t group, enum trn_coll_shape shape,
		       struct trn_coll_plan *plan)
{
	uint16_t chip[CHIPS], core[CHIPS] = { 0 };

	for (uint32_t i = 0; i < p->members; i++)
		chip[i] = (uint16_t)member(p, group, i);
	p->coll = (struct trn_coll_site){ .graph = &p->c->graph,
					  .ranks = p->members,
					  .chip = chip,
					  .core = core,
					  .channels = TRN_COLL_CHANNELS };
	if (!trn_coll_plan_init(plan, shape, &p->coll))
		return false;
	/* The site's lists end here. */
	p->coll.chip = p->coll.core = NULL;
	return true;
}

static bool alike(const struct trn_coll_plan *a, const struct trn_coll_plan *b)
{
	if (a->parts != b->parts)
		return false;
	for (uint32_t i = 0; i < a->parts; i++)
		if (a->part[i].dims != b->part[i].dims ||
		    memcmp(a->part[i].dim, b->part[i].dim, sizeof(a->part[i].dim)) != 0)
			return false;
	return true;
}

static int plans_make(struct trn_pod_site *p, enum trn_cluster_inner inner, double bytes)
{
	enum trn_coll_shape shape = (enum trn_coll_shape)((int)inner - TRN_CLUSTER_INNER_MESH);

	if (p->kind == TRN_CLUSTER_ALL_TO_ALL && shape != TRN_COLL_MESH)
		return -ENOTSUP;
	/* It has no half that others could be asked after. */
	if (shape == TRN_COLL_FUSED && !p->alone)
		return -ENOTSUP;
	p->plan = trn_alloc_array(&trn_alloc_libc, p->groups, sizeof(*p->plan));
	if (!p->plan)
		return -ENOMEM;
	for (uint32_t g = 0; g < p->groups; g++)
		if (!group_plan(p, g, shape, &p->plan[g]) || !alike(p->plan, &p->plan[g]))
			return -ENOTSUP;
	p->used = trn_coll_plan_channels(p->plan, &p->coll, (uint64_t)bytes);
	p->stranded =
		p->alone && p->kind == TRN_CLUSTER_ALL_REDUCE &&
		trn_coll_plan_stranded(p->plan, &p->coll, TRN_COMM_ALL_REDUCE, (uint64_t)bytes);
	return 0;
}

static struct trn_pod_site pod_of(const struct trn_cluster *c, uint32_t chips,
				  const struct trn_cluster_call *call)
{
	uint32_t members = call->block ? call->block : chips / call->stride;
	const struct trn_gen *gen = c->gen;

	return (struct trn_pod_site){ .c = c,
				      .chips = chips,
				      .groups = chips / members,
				      .members = members,
				      .blocks = call->block > 0,
				      .kind = call->kind,
				      .op_s = (double)gen->sync_op_ns * 1e-9,
				      .trigger_s = (double)gen->dma_trigger_hardware_ns * 1e-9,
				      .done_s = (double)gen->dma_done_ns * 1e-9,
				      .hop_s = (double)c->graph.hop_ns * 1e-9,

				      .stacks = (uint32_t)trn_min_u64(gen->hbm_stacks,
								      TRN_POD_STACKS),
				      .semaphore_s = (double)gen->semaphore_ns * 1e-9,
				      .add = 100.0 / (double)gen->dma_add_same_percent,
				      .core_rate = ENGINES * (double)gen->dma_load_mbps * 1e6 };
}

enum trn_cluster_inner trn_cluster_pod_choose(const struct trn_cluster *cluster, uint32_t chips,
					      const struct trn_cluster_call *call)
{
	const enum trn_comm_kind kind = call->kind == TRN_CLUSTER_ALL_REDUCE ? TRN_COMM_ALL_REDUCE :
									       TRN_COMM_ALL_TO_ALL;
	struct trn_pod_site p = pod_of(cluster, chips, call);
	uint32_t last = TRN_COLL_SHAPES;
	enum trn_cluster_inner best = TRN_CLUSTER_INNER_MESH;
	uint64_t least = UINT64_MAX;

	if (call->kind == TRN_CLUSTER_ALL_TO_ALL)
		last = TRN_COLL_MESH + 1;
	else if (trn_cluster_crosses(cluster, call))
		last = TRN_COLL_FUSED;
	for (uint32_t i = 0; i < last && p.members > 1; i++) {
		uint16_t chip[CHIPS], core[CHIPS] = { 0 };
		struct trn_coll_site site = { .graph = &cluster->graph,
					      .ranks = p.members,
					      .chip = chip,
					      .core = core,
					      .channels = TRN_COLL_CHANNELS };
		struct trn_coll_plan plan;
		struct trn_coll_cost cost;

		for (uint32_t k = 0; k < p.members; k++)
			chip[k] = (uint16_t)member(&p, 0, k);
		if (!trn_coll_plan_init(&plan, (enum trn_coll_shape)i, &site))
			continue;
		trn_coll_plan_cost(&plan, &site, kind, call->bytes, &cost);
		if (cost.ns >= least)
			continue;
		least = cost.ns;
		best = (enum trn_cluster_inner)((int)i + TRN_CLUSTER_INNER_MESH);
	}
	return best;
}

static int fold(struct trn_pod_phases *phases, struct trn_predict_why *why)
{
	struct trn_flows *folded = NULL;
	int r = trn_flows_fold(phases->flows, &folded, NULL, why);

	if (r < 0)
		return r;
	trn_flows_destroy(phases->flows);
	phases->flows = folded;
	return 0;
}

int trn_cluster_pod_phases(const struct trn_cluster *cluster, uint32_t chips, uint32_t pod,
			   const struct trn_cluster_call *call, double bytes, bool alone,
			   struct trn_pod_phases *ret_phases, struct trn_predict_why *why)
{
	struct trn_pod_site p = pod_of(cluster, chips, call);
	struct trn_pod_phases phases = { NULL };
	int r = trn_flows_create(&phases.flows);

	p.flows = phases.flows;
	/* Its steps are each processor's own, however links serve them. */
	p.alone = alone ||
		  (call->inner == TRN_CLUSTER_INNER_FUSED && !trn_cluster_crosses(cluster, call));
	if (r == 0 && alone)
		trn_flows_in_order(p.flows);
	if (r == 0)
		pod_links(&p, pod);
	if (r == 0 && p.members == 1)
		lane_empty(&p, &phases);
	else if (r == 0)
		r = plans_make(&p, call->inner, bytes);
	p.bursts = call->inner == TRN_CLUSTER_INNER_FUSED;
	if (r == 0 && p.members > 1 && call->inner == TRN_CLUSTER_INNER_FUSED)
		trn_pod_fused(&p, bytes, &phases);
	else if (r == 0 && p.members > 1)
		lanes_make(&p, bytes, &phases);
	if (r == 0 && !cluster->apart)
		r = fold(&phases, why);
	trn_free(&trn_alloc_libc, p.plan);
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
