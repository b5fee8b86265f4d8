/* SPDX-License-Identifier: Apache-2.0 */
/* Links between chips: bandwidth by calendar, latency by hops, order by pair and class, faults
 * (hardware-and-isa facts 2.2, 2.3, 2.5). */
#include "model/fabric.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "model/slots.h"

struct link {
	struct trn_slots *slots;            /* from the first byte on */
	uint64_t bytes, busy_ps, queued_ps; /* as struct trn_model_link */
	uint64_t factor;                    /* slower than its rate, as the last piece found it */
	uint64_t down_ps;                   /* nothing passes before */
	uint64_t told;                      /* by the last sample of a trace */
};

/* When the last piece to each chip came, by class. */
struct order {
	uint64_t last[TRN_POD_CHIPS_MAX][TRN_SLOT_CLASSES];
};

struct trn_fabric {
	struct trn_model *model;
	uint32_t classes;
	struct trn_pod_graph graph;
	struct order *order[TRN_POD_CHIPS_MAX]; /* by source, from its first piece on */
	struct link link[];
};

/* A link that a profile leaves without a rate would never end anything. */
static const char *rate_missing(const struct trn_pod_graph *graph)
{
	static const char *const names[TRN_LINK_CLASSES] = {
		[TRN_LINK_SERVER] = "link_server_mbps: 0 for a link that the pod has",
		[TRN_LINK_RACK] = "link_rack_mbps: 0 for a link that the pod has",
		[TRN_LINK_CROSS] = "link_cross_mbps: 0 for a link that the pod has",
	};

	for (uint32_t l = 0; l < graph->links; l++) {
		if (trn_pod_link_mbps(graph, l) == 0)
			return names[graph->link[l].cls];
	}
	return NULL;
}

int trn_fabric_create(struct trn_model *model, struct trn_fabric **ret_fabric, const char **ret_why)
{
	const struct trn_model_config *config = &model->config;
	const struct trn_gen *gen = config->gen;
	const uint64_t mbps[TRN_LINK_CLASSES] = { gen->link_server_mbps, gen->link_rack_mbps,
						  gen->link_cross_mbps };
	struct trn_fabric *fabric = trn_alloc_zero(
		model->alloc, sizeof(*fabric) + TRN_POD_LINKS_MAX * sizeof(fabric->link[0]));
	const char *why;

	if (!fabric)
		return -ENOMEM;
	fabric->model = model;
	fabric->classes = gen->features & TRN_FEATURE_QOS ? TRN_SLOT_CLASSES : 1;
	trn_pod_graph_init(&fabric->graph, model->pod, config->fabric, mbps,
			   (uint32_t)gen->link_hop_ns);
	why = rate_missing(&fabric->graph);
	if (why) {
		*ret_why = why;
		trn_free(model->alloc, fabric);
		return -EINVAL;
	}
	for (uint32_t l = 0; l < fabric->graph.links; l++)
		fabric->link[l].factor = 1;
	*ret_fabric = fabric;
	return 0;
}

void trn_fabric_destroy(struct trn_fabric *fabric)
{
	if (!fabric)
		return;
	for (uint32_t l = 0; l < fabric->graph.links; l++)
		trn_slots_destroy(fabric->model, fabric->link[l].slots);
	for (uint32_t i = 0; i < TRN_POD_CHIPS_MAX; i++)
		trn_free(fabric->model->alloc, fabric->order[i]);
	trn_free(fabric->model->alloc, fabric);
}

const struct trn_pod_graph *trn_fabric_graph(const struct trn_fabric *fabric)
{
	return &fabric->graph;
}

/* ---- links ---- */

/* The chip that counts a link as its own: where it begins, or, behind a switch, where it ends. */
static struct trn_chip *owner(const struct trn_fabric *fabric, uint32_t number)
{
	const struct trn_pod_link *link = &fabric->graph.link[number];

	return fabric->model->chips[link->from < fabric->graph.chips ? link->from : link->to];
}

struct teller {
	struct trn_fabric *fabric;
	uint32_t number;
};

static void tell(void *arg, uint64_t slot, uint64_t bytes)
{
	const struct teller *teller = arg;

	trn_trace_link(owner(teller->fabric, teller->number), teller->number, TRN_SLOT_PS, slot,
		       bytes, &teller->fabric->link[teller->number].told);
}

static void roll(struct trn_fabric *fabric, uint32_t number)
{
	const struct trn_chip *chip = owner(fabric, number);

	trn_slots_roll(fabric->link[number].slots, fabric->model->now_ps,
		       chip->listener ? tell : NULL, &(struct teller){ fabric, number });
}

void trn_fabric_trace(struct trn_fabric *fabric, uint32_t chip, bool ends)
{
	for (uint32_t l = 0; l < fabric->graph.links; l++) {
		const struct trn_slots *slots = fabric->link[l].slots;

		if (owner(fabric, l)->index != chip)
			continue;
		if (slots)
			roll(fabric, l);
		/* What is promised further on belongs to what began before. */
		for (uint64_t s = 0; ends && slots && s < TRN_SLOTS; s++)
			tell(&(struct teller){ fabric, l }, slots->first + s,
			     trn_slots_used(slots, slots->first + s));
		fabric->link[l].told = 0;
	}
}

uint64_t trn_fabric_hash(struct trn_fabric *fabric, uint64_t hash)
{
	for (uint32_t l = 0; l < fabric->graph.links; l++) {
		const struct link *link = &fabric->link[l];

		if (link->bytes == 0 && link->down_ps == 0)
			continue;
		hash = trn_hash_u64(hash, trn_hash_u64(link->bytes, l));
		hash = trn_hash_u64(hash, link->busy_ps);
		hash = trn_hash_u64(hash, link->queued_ps);
		hash = trn_hash_u64(hash, link->down_ps);
		if (!link->slots)
			continue;
		roll(fabric, l);
		hash = trn_slots_hash(link->slots, hash);
	}
	for (uint32_t i = 0; i < fabric->graph.chips; i++) {
		if (fabric->order[i])
			hash = trn_hash_bytes(hash, fabric->order[i], sizeof(*fabric->order[i]));
	}
	return hash;
}

static bool node_lost(const struct trn_fabric *fabric, uint32_t node)
{
	return node < fabric->graph.chips && fabric->model->chips[node]->dead;
}

static bool link_lost(const struct trn_fabric *fabric, uint32_t number)
{
	const struct trn_pod_link *ends = &fabric->graph.link[number];

	return fabric->link[number].down_ps == TRN_MODEL_NEVER || node_lost(fabric, ends->from) ||
	       node_lost(fabric, ends->to);
}

/* What strikes when a piece comes to a link; *jitter_ps is how much later it arrives. */
static void strike(struct trn_fabric *fabric, uint32_t src, uint32_t number, uint64_t start_ps,
		   uint64_t *jitter_ps)
{
	struct trn_chip *chip = fabric->model->chips[src];
	struct link *link = &fabric->link[number];
	uint64_t value = 0;

	link->factor = 1;
	if (trn_fault_fires(chip, "link.slow", number, &value))
		link->factor = trn_max_u64(value, 1);
	if (trn_fault_fires(chip, "link.flap", number, &value))
		link->down_ps = trn_max_u64(link->down_ps, start_ps + trn_min_u64(value, 1000000) *
									      1000 * TRN_PS_PER_NS);
	if (trn_fault_fires(chip, "link.down", number, &value))
		link->down_ps = TRN_MODEL_NEVER;
	if (trn_fault_fires(chip, "link.jitter", number, &value))
		*jitter_ps += trn_min_u64(value, 1000000000) * TRN_PS_PER_NS;
}

/* Bytes on their way: they come in span_ps from start_ps on. */
struct flow {
	uint64_t bytes, start_ps, span_ps;
	uint64_t way_ps; /* and so much later where they go */
};

static uint64_t flow_end(const struct flow *flow)
{
	return flow->start_ps + flow->span_ps + flow->way_ps;
}

/* One link of the way: how they leave it. False: they do not. */
static bool pass(struct trn_fabric *fabric, uint32_t number, uint32_t class, struct flow *flow)
{
	const uint64_t rate = trn_max_u64(trn_pod_link_mbps(&fabric->graph, number), 1);
	struct link *link = &fabric->link[number];
	uint64_t least_ps, end;

	if (link_lost(fabric, number))
		return false;
	flow->start_ps = trn_max_u64(flow->start_ps, link->down_ps);
	if (!link->slots)
		link->slots = trn_slots_create(fabric->model, fabric->classes, true);
	if (!link->slots)
		return true;
	roll(fabric, number);
	/* 10^6 B/s are bytes of a slot. */
	trn_slots_capacity(link->slots, rate / link->factor);
	least_ps = flow->bytes * TRN_SLOT_PS / link->slots->capacity;
	flow->span_ps = trn_max_u64(flow->span_ps, least_ps);
	end = trn_slots_take(link->slots, class, flow->bytes, flow->start_ps, flow->span_ps);
	link->bytes += flow->bytes;
	link->busy_ps += least_ps;
	if (end > flow->start_ps + flow->span_ps) {
		link->queued_ps += end - flow->start_ps - flow->span_ps;
		flow->start_ps = end - flow->span_ps;
	}
	return true;
}

/* ---- transfers ---- */

static uint32_t class_of(const struct trn_fabric *fabric, uint32_t priority)
{
	return priority < fabric->classes ? priority : fabric->classes - 1;
}

uint64_t trn_fabric_latency_ps(const struct trn_fabric *fabric, uint32_t src, uint32_t dst)
{
	return trn_pod_hops(&fabric->graph, src, dst) * (uint64_t)fabric->graph.hop_ns *
	       TRN_PS_PER_NS;
}

uint64_t trn_fabric_order_ps(struct trn_fabric *fabric, uint32_t src, uint32_t dst,
			     uint32_t priority, uint64_t at_ps)
{
	uint64_t *last;

	if (!fabric->order[src])
		fabric->order[src] = trn_alloc_zero(fabric->model->alloc, sizeof(struct order));
	if (!fabric->order[src]) {
		fabric->model->lost++;
		return at_ps;
	}
	last = &fabric->order[src]->last[dst][class_of(fabric, priority)];
	/* Never at the same time: what happens at one time has no order that one may rely on. */
	if (at_ps <= *last)
		at_ps = *last + 1;
	*last = at_ps;
	return at_ps;
}

/* The way from chip to chip, without order. False: it is broken. */
static bool travel(struct trn_fabric *fabric, uint32_t src, uint32_t dst, uint32_t priority,
		   struct flow *flow)
{
	uint16_t way[TRN_POD_PATH_MAX];
	const uint32_t count = trn_pod_route(&fabric->graph, src, dst, way);
	uint64_t jitter_ps = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (fabric->model->faults)
			strike(fabric, src, way[i], flow->start_ps, &jitter_ps);
		if (!pass(fabric, way[i], class_of(fabric, priority), flow))
			return false;
	}
	flow->way_ps += trn_fabric_latency_ps(fabric, src, dst) + jitter_ps;
	return true;
}

uint64_t trn_fabric_take_ps(struct trn_fabric *fabric, uint32_t src, uint32_t dst, uint64_t bytes,
			    uint32_t priority, uint64_t start_ps, uint64_t span_ps)
{
	struct flow flow = { bytes, start_ps, span_ps, 0 };

	return travel(fabric, src, dst, priority, &flow) ?
		       trn_fabric_order_ps(fabric, src, dst, priority, flow_end(&flow)) :
		       TRN_MODEL_NEVER;
}

/* For a request, which takes no bandwidth. */
static bool way_open(const struct trn_fabric *fabric, uint32_t src, uint32_t dst)
{
	uint16_t way[TRN_POD_PATH_MAX];
	const uint32_t count = trn_pod_route(&fabric->graph, src, dst, way);

	for (uint32_t i = 0; i < count; i++) {
		if (link_lost(fabric, way[i]))
			return false;
	}
	return true;
}

/* The stack at one end, if it is one: who waits for it, comes later. */
static void stack(struct trn_chip *chip, uint64_t address, struct flow *flow)
{
	const uint64_t start = flow->start_ps + flow->way_ps;
	const uint64_t end = trn_hbm_take_ps(chip, address, flow->bytes, start, flow->span_ps);

	flow->start_ps += end - start - flow->span_ps;
}

uint64_t trn_piece_go(struct trn_chip *chip, const struct trn_piece *piece, uint64_t *ret_free_ps)
{
	struct trn_fabric *fabric = chip->model->fabric;
	uint64_t dst = piece->dst, src = piece->src;
	struct trn_chip *from = trn_chip_at(chip, &src), *to = trn_chip_at(chip, &dst);
	struct flow flow = { piece->bytes, piece->start_ps, piece->span_ps, 0 };

	*ret_free_ps = flow_end(&flow);
	if (!from || !to)
		return flow_end(&flow); /* who moves the bytes says what is wrong */
	if (from == chip && to == chip) {
		*ret_free_ps = trn_max_u64(
			trn_hbm_take_ps(chip, dst, flow.bytes, flow.start_ps, flow.span_ps),
			trn_hbm_take_ps(chip, src, flow.bytes, flow.start_ps, flow.span_ps));
		return *ret_free_ps;
	}
	if (from != chip) {
		if (!way_open(fabric, chip->index, from->index))
			return TRN_MODEL_NEVER;
		flow.way_ps = trn_fabric_latency_ps(fabric, chip->index, from->index);
	}
	stack(from, src, &flow);
	if (from != to && !travel(fabric, from->index, to->index, piece->priority, &flow))
		return TRN_MODEL_NEVER;
	stack(to, dst, &flow);
	*ret_free_ps = flow.start_ps + flow.span_ps;
	if (from == to)
		return flow_end(&flow);
	return trn_fabric_order_ps(fabric, from->index, to->index, piece->priority,
				   flow_end(&flow));
}

uint64_t trn_piece_ps(struct trn_chip *chip, const struct trn_piece *piece)
{
	uint64_t free_ps;

	return trn_piece_go(chip, piece, &free_ps);
}

bool trn_model_link(const struct trn_model *model, uint32_t link, struct trn_model_link *ret)
{
	const struct trn_fabric *fabric = model->fabric;
	const struct link *at = fabric ? &fabric->link[link < TRN_POD_LINKS_MAX ? link : 0] : NULL;

	if (!fabric || link >= fabric->graph.links)
		return false;
	*ret = (struct trn_model_link){
		.state = link_lost(fabric, link) || model->now_ps < at->down_ps ? TRN_LINK_DOWN :
			 at->factor > 1 ? TRN_LINK_DEGRADED :
					  TRN_LINK_UP,
		.mbps = trn_pod_link_mbps(&fabric->graph, link) / at->factor,
		.bytes = at->bytes,
		.busy_ps = at->busy_ps,
		.queued_ps = at->queued_ps,
	};
	return true;
}

const struct trn_pod_graph *trn_model_graph(const struct trn_model *model)
{
	return model->fabric ? &model->fabric->graph : NULL;
}
