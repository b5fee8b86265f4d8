/* SPDX-License-Identifier: Apache-2.0 */
/* Ways of few steps (coll_fused.c): which dimensions of the box go together, which of them scatter
 * and which exchange, for a very short, a short and a longer vector. */
#include <string.h>
#include "base/bits.h"
#include "base/coll_box.h"

#define DIMS_MAX 4u
#define MASKS (1u << DIMS_MAX)
#define VARIANTS TRN_COLL_VARIANTS

/* What a step takes (docs/comm.md): a DMA's fixed cost, an operation; and of the time that links
 * and memory are busy what is seen, as measured on the model: shares follow each other, so that
 * the bytes of one hide behind the fixed costs of another. */
#define DMA_FIXED_NS UINT64_C(1040)
#define OP_NS UINT64_C(50)
#define CREW_NS UINT64_C(70)
#define BUSY_PERCENT 77u
#define HIDDEN_NS UINT64_C(1000) /* at most, with many shares */

/* Dimensions of a box that go together, by mask. */
struct joint {
	uint32_t size, hops;
	uint64_t mbps;
};

/* Dimensions in the order of their steps, as masks. */
struct list {
	uint32_t dims, scatters;
	bool twin; /* half of the vector takes the first two dimensions the other way round */
	uint8_t mask[DIMS_MAX];
};

struct search {
	const struct trn_coll_site *site;
	const struct trn_coll_box *box;
	struct joint joint[MASKS];
	struct trn_coll_part part[2]; /* of the list at hand */
	struct list list, best[VARIANTS];
	uint64_t least[VARIANTS];
	bool again, found[VARIANTS];
};

static const uint64_t anchors[VARIANTS] = { 8, TRN_KIB * 64, TRN_MIB };

/* ---- cost ---- */

static uint32_t scatters_of(const struct trn_coll_part *part)
{
	uint32_t n = 0;

	for (uint32_t d = 0; d < part->dims; d++)
		n += !part->dim[d].whole;
	return n;
}

static uint64_t span_ns(uint64_t bytes, uint64_t mbps)
{
	return mbps > 0 ? bytes / mbps * 1000 + bytes % mbps * 1000 / mbps : 0;
}

struct cost {
	uint64_t ns, wire;
	uint32_t steps;
};

/* Issuing a step's messages: by a share's own processor, or by its crew. */
static uint64_t issue_ns(uint32_t messages, uint32_t crew)
{
	if (crew <= 1 || messages <= TRN_COLL_CREW_LEAST)
		return (messages + 1) * OP_NS;
	return CREW_NS + (crew + (messages + crew - 1) / crew) * OP_NS;
}

static void add_busy(uint64_t link_ns, uint64_t read_ns, uint32_t shares, struct cost *cost)
{
	const uint64_t hidden = HIDDEN_NS * shares / (shares + 3);
	const uint64_t most = trn_max_u64(link_ns, read_ns), least = trn_min_u64(link_ns, read_ns);
	const uint64_t busy = (most + least / 2) * BUSY_PERCENT / 100;

	cost->ns += busy - trn_min_u64(busy, hidden);
	cost->steps++;
}

/* The stacks that have the scratch of the shares: all but one in turn, as the channels go. */
static uint64_t stacks_mbps(const struct trn_coll_site *site, uint32_t shares, uint32_t crew)
{
	uint64_t mbps;
	const uint32_t stacks = trn_coll_stacks(site, &mbps) - 1;
	uint32_t most = 1;

	for (uint32_t i = 0; i < stacks && site->channels > 2; i++) {
		uint32_t n = 0;

		for (uint32_t k = 0; k < shares; k++)
			n += k * crew % stacks == i;
		most = trn_max_u32(most, n);
	}
	return mbps * shares / most;
}

/* Reading so many bytes, by some processors of a part. */
static uint64_t read_ns(const struct trn_coll_part *part, const struct trn_coll_site *site,
			uint64_t bytes, uint32_t processors, uint32_t shares, bool adding)
{
	const uint64_t engines = trn_coll_engine_mbps(site, adding) *
				 trn_max_u32(trn_min_u32(processors, part->channels / 2), 1);
	const uint64_t stacks = stacks_mbps(site, shares, part->channels / shares) *
				part->channels / site->channels;

	return span_ns(bytes, trn_min_u64(engines, stacks));
}

/* A step in which every member of dim d is sent so many bytes, joined from sources. */
static void add_step(const struct trn_coll_part *part, const struct trn_coll_site *site, uint32_t d,
		     uint64_t bytes, uint32_t sources, uint32_t shares, struct cost *cost)
{
	const uint32_t n = part->dim[d].size, crew = part->channels / shares;
	const bool first = cost->steps == 0;
	const bool all = first || crew == 1 || n > TRN_COLL_CREW_LEAST;

	cost->ns += DMA_FIXED_NS + (uint64_t)part->hops[d] * site->graph->hop_ns;
	cost->ns += first ? (n * shares + part->channels - 1) / part->channels * OP_NS :
			    issue_ns(n, crew);
	cost->wire += part->mbps[d] > 0 ? bytes * (n - 1) : 0;
	add_busy(span_ns(bytes * (n - 1), part->mbps[d]),
		 read_ns(part, site, bytes * n * sources, all ? part->channels : shares, shares,
			 sources > 1),
		 shares * site->channels / part->channels, cost);
}

static void part_cost(const struct trn_coll_part *part, const struct trn_coll_site *site,
		      uint64_t bytes, uint32_t shares, struct cost *cost)
{
	const uint32_t scatters = scatters_of(part);
	uint64_t left = bytes;
	uint32_t sources = 1;

	*cost = (struct cost){ 0 };
	for (uint32_t d = 0; d < part->dims; d++) {
		if (!part->dim[d].whole)
			left = (left + part->dim[d].size - 1) / part->dim[d].size;
		add_step(part, site, d, left, sources, shares, cost);
		sources = part->dim[d].size;
	}
	for (uint32_t d = scatters; d-- > 0;) {
		add_step(part, site, d, left, sources, shares, cost);
		left *= part->dim[d].size;
		sources = 1;
	}
	if (scatters > 0)
		return;
	/* Added here, by a processor for each share. */
	cost->ns += DMA_FIXED_NS + 3 * OP_NS;
	add_busy(0, read_ns(part, site, bytes * sources, shares, shares, true), shares, cost);
}

/* Of the parts of a variant; shares: of each. */
static uint64_t parts_cost(const struct trn_coll_part *part, uint32_t parts,
			   const struct trn_coll_site *site, uint64_t bytes, uint32_t shares,
			   struct trn_coll_cost *ret)
{
	*ret = (struct trn_coll_cost){ 0 };
	for (uint32_t p = 0; p < parts; p++) {
		struct cost one;

		part_cost(&part[p], site,
			  bytes / TRN_COLL_SHARES * (part[p].share_to - part[p].share_from) +
				  bytes % TRN_COLL_SHARES,
			  shares, &one);
		ret->ns = trn_max_u64(ret->ns, one.ns);
		ret->steps = trn_max_u32(ret->steps, one.steps);
		ret->wire_bytes += one.wire;
	}
	return ret->ns;
}

static uint64_t shares_cost(const struct trn_coll_part *part, uint32_t parts,
			    const struct trn_coll_site *site, uint64_t bytes, uint32_t *ret_shares,
			    struct trn_coll_cost *ret)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t shares = 1; shares <= part->channels; shares *= 2) {
		struct trn_coll_cost one;

		if (parts_cost(part, parts, site, bytes, shares, &one) >= least)
			continue;
		least = one.ns;
		*ret = one;
		*ret_shares = shares;
	}
	return least;
}

/* The variant for so many bytes. */
static const struct trn_coll_variant *variant_of(const struct trn_coll_plan *plan,
						 const struct trn_coll_site *site, uint64_t bytes,
						 uint32_t *ret_shares, struct trn_coll_cost *ret)
{
	const struct trn_coll_variant *best = plan->variant;
	uint64_t least = UINT64_MAX;

	for (uint32_t v = 0; v < plan->variants; v++) {
		const struct trn_coll_variant *variant = &plan->variant[v];
		struct trn_coll_cost one;
		uint32_t shares = 1;

		if (shares_cost(&plan->part[variant->first], variant->parts, site, bytes, &shares,
				&one) >= least)
			continue;
		least = one.ns;
		best = variant;
		*ret = one;
		*ret_shares = shares;
	}
	return best;
}

void trn_coll_fused_cost(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			 uint64_t bytes, struct trn_coll_cost *ret_cost)
{
	uint32_t shares;

	(void)variant_of(plan, site, bytes, &shares, ret_cost);
}

/* ---- ways ---- */

bool trn_coll_fused_way(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			uint32_t channel, uint64_t bytes, struct trn_coll_way *ret_way)
{
	struct trn_coll_cost cost;
	uint32_t shares = 1;
	const struct trn_coll_variant *variant = variant_of(plan, site, bytes, &shares, &cost);
	const struct trn_coll_part *part = &plan->part[variant->first],
				   *end = part + variant->parts;

	while (part < end && channel >= part->channel + part->channels)
		part++;
	if (part == end)
		return false;
	*ret_way = (struct trn_coll_way){
		.dims = part->dims,
		.rank_at = part->rank_at,
		.position = part->position,
		.fused = true,
		.set_semaphores = plan->set_semaphores,
		.channel = part->channel,
		.channels = part->channels,
		.shares = shares,
		.part_from = (uint64_t)part->share_from * TRN_COLL_CHANNELS,
		.part_to = (uint64_t)part->share_to * TRN_COLL_CHANNELS,
	};
	memcpy(ret_way->dim, part->dim, sizeof(part->dim));
	return true;
}

/* ---- the search ---- */

/* Dimensions of one mask behind each other, and what it takes to go through them at once. */
static void joint_init(struct search *s, uint32_t mask)
{
	struct trn_coll_part *part = s->part;
	struct joint *joint = &s->joint[mask];
	uint8_t order[TRN_COLL_DIMS] = { 0 };
	uint32_t n = 0;

	*joint = (struct joint){ .size = 1 };
	for (uint32_t in = 0; in < 2; in++)
		for (uint32_t d = 0; d < s->box->dims; d++) {
			if ((mask >> d & 1) != in)
				continue;
			order[n++] = (uint8_t)d;
			joint->size *= in ? s->box->dim[d].size : 1;
		}
	trn_coll_part_init(part, s->box, order);
	part->dims = 1;
	part->dim[0] = (struct trn_coll_dim){ .size = (uint16_t)joint->size };
	trn_coll_dim_rate(part, s->site, 0, 1);
	joint->mbps = part->mbps[0];
	for (uint32_t p = 0; p < s->site->ranks; p++)
		for (uint32_t i = p - p % joint->size; i < p; i++)
			joint->hops = trn_max_u32(joint->hops,
						  trn_pod_hops(s->site->graph,
							       s->site->chip[part->rank_at[p]],
							       s->site->chip[part->rank_at[i]]));
}

/* The part of a list; turned: the first two dimensions the other way round. */
static void part_of(const struct search *s, const struct list *list, bool turned,
		    struct trn_coll_part *part, bool places)
{
	uint8_t order[TRN_COLL_DIMS] = { 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->dims; i++) {
		const uint32_t from = turned && i < 2 ? 1 - i : i;

		for (uint32_t d = 0; d < s->box->dims; d++)
			if (list->mask[from] >> d & 1)
				order[n++] = (uint8_t)d;
	}
	if (places)
		trn_coll_part_init(part, s->box, order);
	memset(part->dim, 0, sizeof(part->dim));
	part->dims = list->dims;
	for (uint32_t i = 0; i < list->dims; i++) {
		const struct joint *joint = &s->joint[list->mask[turned && i < 2 ? 1 - i : i]];

		part->dim[i].size = (uint16_t)joint->size;
		part->dim[i].whole = i >= list->scatters;
		/* Of both ways at once where they do not take turns. */
		part->mbps[i] = list->twin && i >= 2 ? joint->mbps / 2 : joint->mbps;
		part->hops[i] = joint->hops;
	}
	part->share_from = turned ? TRN_COLL_SHARES / 2 : 0;
	part->share_to = list->twin && !turned ? TRN_COLL_SHARES / 2 : TRN_COLL_SHARES;
	part->channels = list->twin ? s->site->channels / 2 : s->site->channels;
	part->channel = turned ? part->channels : 0;
}

static void try_list(struct search *s)
{
	const uint32_t parts = s->list.twin ? 2 : 1;

	for (uint32_t i = 0; i < parts; i++)
		part_of(s, &s->list, i > 0, &s->part[i], false);
	for (uint32_t v = 0; v < VARIANTS; v++) {
		struct trn_coll_cost cost;
		uint32_t shares;
		uint64_t ns = shares_cost(s->part, parts, s->site, anchors[v], &shares, &cost);

		s->least[v] = trn_min_u64(s->least[v], ns);
		if (!s->again || s->found[v] || ns > s->least[v] + s->least[v] / 50)
			continue;
		s->best[v] = s->list;
		s->found[v] = true;
	}
}

/* All orders of the dimensions that are left, in all groups. */
static void try_all(struct search *s, uint32_t left)
{
	if (left == 0) {
		for (uint32_t k = 0; k <= s->list.dims; k++)
			for (uint32_t twin = 0; twin < (k >= 2 && s->site->channels > 2 ? 2u : 1u);
			     twin++) {
				s->list.scatters = k;
				s->list.twin = twin != 0;
				try_list(s);
			}
		return;
	}
	for (uint32_t mask = 1; mask <= left; mask++) {
		if ((mask & left) != mask)
			continue;
		s->list.mask[s->list.dims++] = (uint8_t)mask;
		try_all(s, left & ~mask);
		s->list.dims--;
	}
}

static bool same(const struct list *a, const struct list *b)
{
	return a->dims == b->dims && a->scatters == b->scatters && a->twin == b->twin &&
	       memcmp(a->mask, b->mask, a->dims) == 0;
}

static void variant_add(struct trn_coll_plan *plan, const struct search *s, uint32_t v)
{
	struct trn_coll_variant *variant = &plan->variant[plan->variants];

	for (uint32_t i = 0; i < v; i++)
		if (same(&s->best[i], &s->best[v]))
			return;
	*variant =
		(struct trn_coll_variant){ .first = plan->parts, .parts = s->best[v].twin ? 2 : 1 };
	for (uint32_t i = 0; i < variant->parts; i++)
		part_of(s, &s->best[v], i > 0, &plan->part[plan->parts++], true);
	plan->set_semaphores =
		trn_max_u32(plan->set_semaphores, s->best[v].dims + s->best[v].scatters);
	plan->variants++;
}

bool trn_coll_plan_fused(struct trn_coll_plan *plan, const struct trn_coll_box *box,
			 const struct trn_coll_site *site)
{
	struct search s = { .site = site, .box = box };

	plan->parts = plan->variants = plan->set_semaphores = 0;
	if (box->dims == 0 || box->dims > DIMS_MAX)
		return false;
	memset(s.least, 0xff, sizeof(s.least));
	for (uint32_t mask = 1; mask < 1u << box->dims; mask++)
		joint_init(&s, mask);
	try_all(&s, (1u << box->dims) - 1);
	/* Of all that are about the same the first: near dimensions come before far ones. */
	s.again = true;
	try_all(&s, (1u << box->dims) - 1);
	for (uint32_t v = 0; v < VARIANTS; v++)
		variant_add(plan, &s, v);
	plan->semaphores = trn_coll_fused_semaphores(plan->set_semaphores, box->dims);
	return true;
}
