/* SPDX-License-Identifier: Apache-2.0 */
/* What a collective takes by arithmetic, and the least it could (docs/comm.md). Rates in 10^6 B/s,
 * so that bytes * 1000 / rate is ns. */
#include "base/coll_plan.h"

#include <string.h>
#include "base/bits.h"
#include "base/coll_box.h"

/* hardware-and-isa facts 4.6 and 8: trigger and done of a DMA, an operation of a sync processor
 * (device-spec.md 12.5, guess). */
#define DMA_FIXED_NS UINT64_C(1040)
#define OP_NS UINT64_C(50)
#define ENGINE_GROUPS 8u /* of 16 DMA engines: one for each core */

static const struct {
	const char *gen;
	uint64_t engine_mbps; /* of a core's DMA engines */
	uint64_t hbm_mbps;    /* of the chip */
	uint32_t stacks;      /* of it */
	uint32_t add_percent; /* of engine_mbps */
} gens[] = {
	{ "trn2", 16 * 23000, 2900000, 4, 50 },
	{ "trn3", 16 * 33000, 4900000, 4, 100 },
	{ "trn4", 16 * 132000, 19600000, 8, 100 },
};

static uint32_t gen_of(const struct trn_coll_site *site)
{
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(gens); i++)
		if (strcmp(site->graph->pod->gen, gens[i].gen) == 0)
			return i;
	return 1;
}

uint64_t trn_coll_engine_mbps(const struct trn_coll_site *site, bool adding)
{
	const uint32_t gen = gen_of(site);

	return gens[gen].engine_mbps * (adding ? gens[gen].add_percent : 100) / 100;
}

uint32_t trn_coll_stacks(const struct trn_coll_site *site, uint64_t *ret_mbps)
{
	const uint32_t gen = gen_of(site);

	*ret_mbps = gens[gen].hbm_mbps / gens[gen].stacks;
	return gens[gen].stacks;
}

static uint64_t span_ns(uint64_t bytes, uint64_t mbps)
{
	if (mbps == 0)
		return 0;
	return bytes / mbps * 1000 + bytes % mbps * 1000 / mbps;
}

static uint32_t ranks_of_chip(const struct trn_coll_site *site)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < site->ranks; r++)
		n += site->chip[r] == site->chip[0];
	return n > 0 ? n : 1;
}

/* ---- the least ---- */

/* Ranks in the pod's rack, server or chip number group; level 0 chip, 1 server, 2 rack. */
static uint32_t group_of(const struct trn_pod *pod, uint32_t chip, uint32_t level)
{
	struct trn_pod_place place;

	trn_pod_place(pod, chip, &place);
	if (level == 0)
		return chip;
	return level == 1 ? place.rack * (pod->servers / pod->racks) + place.server : place.rack;
}

/* What the links out of a group carry, one way: chips in it times the classes that leave it. */
static uint64_t group_mbps(const struct trn_coll_site *site, uint32_t level)
{
	const struct trn_pod *pod = site->graph->pod;
	uint32_t chips = level == 0 ? 1 : pod->server_chips;
	uint64_t mbps = 0;

	if (level == 2)
		chips *= pod->servers / pod->racks;
	for (uint32_t c = level; c < TRN_LINK_CLASSES; c++)
		mbps += site->graph->mbps[c];
	/* The third axis of a torus joins the servers, and racks are not a level of it. */
	if (pod->shape == TRN_POD_TORUS && level == 2)
		return 0;
	return mbps * chips;
}

/* Groups of a level and the ranks of the largest. */
static uint32_t groups(const struct trn_coll_site *site, uint32_t level, uint32_t *ret_most)
{
	uint16_t ranks[TRN_POD_CHIPS_MAX] = { 0 };
	uint32_t count = 0;

	*ret_most = 0;
	for (uint32_t r = 0; r < site->ranks; r++) {
		uint32_t g = group_of(site->graph->pod, site->chip[r], level);

		count += ranks[g]++ == 0;
		*ret_most = ranks[g] > *ret_most ? ranks[g] : *ret_most;
	}
	return count;
}

/* Bytes that leave the busiest group at least. */
static uint64_t cut_bytes(const struct trn_coll_site *site, enum trn_comm_kind kind, uint64_t bytes,
			  uint32_t count, uint32_t ranks)
{
	switch (kind) {
	case TRN_COMM_ALL_REDUCE:
		return 2 * bytes / count * (count - 1);
	case TRN_COMM_REDUCE_SCATTER:
	case TRN_COMM_ALL_GATHER:
		return bytes / count * (count - 1);
	case TRN_COMM_ALL_TO_ALL:
		return bytes / site->ranks * ranks * (site->ranks - ranks);
	case TRN_COMM_BARRIER:
		return 0;
	default:
		return bytes;
	}
}

/* Hops of the shortest way, also with stops at other chips: one dimension after the other. */
static uint32_t hops_least(const struct trn_pod_graph *graph, uint32_t a, uint32_t b)
{
	struct trn_pod_dim dim[TRN_POD_DIMS];
	const uint32_t dims = trn_pod_grid(graph, dim);
	uint32_t from[TRN_POD_DIMS], to[TRN_POD_DIMS], hops = 0;

	trn_pod_coord(graph, a, from);
	trn_pod_coord(graph, b, to);
	for (uint32_t d = 0; d < dims; d++) {
		const uint32_t up = (to[d] + dim[d].size - from[d]) % dim[d].size;

		if (dim[d].ring)
			hops += up < dim[d].size - up ? up : dim[d].size - up;
		else
			hops += up != 0;
	}
	return hops;
}

static uint32_t hops_most(const struct trn_coll_site *site)
{
	uint32_t most = 0;

	for (uint32_t a = 0; a < site->ranks; a++)
		for (uint32_t b = 0; b < a; b++) {
			uint32_t hops = hops_least(site->graph, site->chip[a], site->chip[b]);

			most = hops > most ? hops : most;
		}
	return most;
}

/* The dimensions of the pod that the ranks fill, chips only; false: they do not. */
static bool filled(const struct trn_coll_site *site, uint32_t chips,
		   struct trn_pod_dim dim[TRN_POD_DIMS], uint32_t *ret_dims)
{
	uint32_t product = 1;

	*ret_dims = trn_pod_grid(site->graph, dim);
	for (uint32_t d = 0; d < *ret_dims; d++)
		product *= dim[d].size;
	return product == chips;
}

/* An all-reduce that scatters the vector in some dimensions, exchanges whole parts in the others
 * and gathers in the first ones (docs/comm.md): the least of all choices, none and all included.
 * least: what any of them moves. */
static void bound_forms(const struct trn_coll_site *site, uint64_t bytes, uint64_t least,
			struct trn_coll_bound *bound)
{
	struct trn_pod_dim dim[TRN_POD_DIMS];
	uint32_t most, chips = groups(site, 0, &most), dims = 0;
	const uint64_t mbps = group_mbps(site, 0), hop_ns = site->graph->hop_ns;
	const uint64_t all = hops_most(site);
	const bool full = filled(site, chips, dim, &dims);

	for (uint32_t mask = 0; chips > 1 && mask < (full ? (1u << dims) - 1 : 1); mask++) {
		uint64_t scattered = 1, hops = 0, sent, latency, span;

		for (uint32_t d = 0; d < dims; d++) {
			if (!(mask >> d & 1))
				continue;
			scattered *= dim[d].size;
			hops += dim[d].ring ? dim[d].size / 2 : 1;
		}
		/* Who adds at the end needs a DMA for it; else the gathering does. */
		latency = (mask ? 3 : 2) * DMA_FIXED_NS + (all + hops) * hop_ns;
		sent = bytes / scattered * (2 * (scattered - 1) + chips / scattered - 1);
		span = trn_max_u64(least, span_ns(sent, mbps));
		if (latency + span < bound->latency_ns + bound->bandwidth_ns)
			*bound = (struct trn_coll_bound){ latency, span };
	}
}

void trn_coll_bound(const struct trn_coll_site *site, enum trn_comm_kind kind, uint64_t bytes,
		    struct trn_coll_bound *ret_bound)
{
	const uint32_t gen = gen_of(site), local = ranks_of_chip(site);
	const uint64_t there = DMA_FIXED_NS + (uint64_t)hops_most(site) * site->graph->hop_ns;
	const uint64_t ways = kind == TRN_COMM_ALL_REDUCE ? 2 : 1;
	uint64_t least = 0;

	*ret_bound = (struct trn_coll_bound){ 0 };
	if (site->ranks < 2)
		return;
	ret_bound->latency_ns = ways * there;
	if (kind == TRN_COMM_BARRIER) {
		ret_bound->latency_ns = (uint64_t)hops_most(site) * site->graph->hop_ns;
		return;
	}
	for (uint32_t level = 0; level < 3; level++) {
		uint32_t ranks, count = groups(site, level, &ranks);
		uint64_t mbps = group_mbps(site, level);

		if (count > 1 && mbps > 0)
			least = trn_max_u64(
				least, span_ns(cut_bytes(site, kind, bytes, count, ranks), mbps));
	}
	/* Every rank's vector is read once, every result written once. */
	least = trn_max_u64(least, span_ns(2 * bytes * local, gens[gen].hbm_mbps));
	least = trn_max_u64(least,
			    span_ns(ways * bytes * local, ENGINE_GROUPS * gens[gen].engine_mbps));
	ret_bound->bandwidth_ns = least;
	if (kind == TRN_COMM_ALL_REDUCE)
		bound_forms(site, bytes, least, ret_bound);
}

/* ---- what a plan takes ---- */

uint64_t trn_coll_dim_bytes(const struct trn_coll_part *part, uint32_t d, uint64_t bytes)
{
	const uint32_t n = part->dim[d].size;

	if (part->detour[d])
		return bytes / n * (n / 2) * ((n + 1) / 2);
	return bytes / n * (n - 1);
}

struct part_cost {
	uint64_t latency_ns, wire;
	uint64_t busy_ns[TRN_COLL_LOADS + 1];
	uint32_t steps;
};

static uint32_t dim_steps(const struct trn_coll_dim *dim)
{
	if (dim->ring)
		return dim->size - 1u;
	return dim->relay ? 2 : 1;
}

/* One way: RS or AG. */
static void part_cost(const struct trn_coll_part *part, const struct trn_coll_site *site,
		      uint64_t bytes, struct part_cost *ret)
{
	uint64_t left = bytes;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t d = 0; d < part->dims; d++) {
		const uint32_t n = part->dim[d].size;
		const uint64_t go = DMA_FIXED_NS + (uint64_t)part->hops[d] * site->graph->hop_ns;

		ret->latency_ns +=
			dim_steps(&part->dim[d]) * (go + (part->dim[d].ring ? 3 : n + 1) * OP_NS);
		ret->steps += dim_steps(&part->dim[d]);
		if (part->mbps[d] > 0)
			ret->wire += left / n * (n - 1);
		ret->busy_ns[part->load[d]] +=
			span_ns(trn_coll_dim_bytes(part, d, left), part->mbps[d]);
		left /= n;
	}
}

uint32_t trn_coll_plan_channels(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
				uint64_t bytes)
{
	/* A processor's messages should be worth their fixed costs. */
	uint64_t want = bytes / (TRN_KIB * 32) + plan->parts;

	return (uint32_t)trn_min_u64(want, site->channels);
}

void trn_coll_plan_cost(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			enum trn_comm_kind kind, uint64_t bytes, struct trn_coll_cost *ret_cost)
{
	const uint32_t gen = gen_of(site), local = ranks_of_chip(site);
	const uint64_t ways = kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_REDUCE ||
					      kind == TRN_COMM_BROADCAST ?
				      2 :
				      1;
	uint64_t busy[TRN_COLL_LOADS + 1] = { 0 }, latency = 0, most = 0;
	const uint32_t used = trn_coll_plan_channels(plan, site, bytes);

	*ret_cost = (struct trn_coll_cost){ 0 };
	if (plan->shape == TRN_COLL_FUSED) {
		trn_coll_fused_cost(plan, site, bytes, ret_cost);
		return;
	}
	for (uint32_t p = 0; p < plan->parts; p++) {
		const struct trn_coll_part *part = &plan->part[p];
		struct part_cost one;

		part_cost(part, site,
			  bytes / TRN_COLL_SHARES * (part->share_to - part->share_from) +
				  bytes % TRN_COLL_SHARES / plan->parts,
			  &one);
		latency = trn_max_u64(latency, one.latency_ns);
		ret_cost->steps = one.steps > ret_cost->steps ? one.steps : ret_cost->steps;
		ret_cost->wire_bytes += ways * one.wire;
		for (uint32_t k = 0; k <= TRN_COLL_LOADS; k++)
			busy[k] += one.busy_ns[k];
	}
	for (uint32_t k = 0; k <= TRN_COLL_LOADS; k++)
		most = trn_max_u64(most, busy[k]);
	most = trn_max_u64(ways * most,
			   span_ns((2 * ways + 1) * bytes * local, gens[gen].hbm_mbps));
	most = trn_max_u64(most, span_ns((ways + 1) * bytes, used * (gens[gen].engine_mbps / 2)));
	ret_cost->steps *= (uint32_t)ways;
	ret_cost->ns = ways * latency + DMA_FIXED_NS + most;
}
