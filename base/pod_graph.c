/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a pod, the way between two chips, and the pod as a grid.
 *
 * Nodes: chips; switches of the servers (two-level); switches of the racks, rack by rack: planes
 * (two-level), columns (pairs); the one switch (one-level). */
#include "base/bits.h"
#include "base/pod.h"
#include "base/text.h"

static uint32_t rack_chips(const struct trn_pod *pod)
{
	return trn_pod_chips(pod) / pod->racks;
}

/* Switches below those of the racks. */
static uint32_t server_switches(const struct trn_pod *pod)
{
	return pod->shape == TRN_POD_TWO_LEVEL ? pod->servers : 0;
}

static uint32_t rack_switches(const struct trn_pod_graph *graph)
{
	switch (graph->pod->shape) {
	case TRN_POD_PAIRS:
	case TRN_POD_TWO_LEVEL:
		return graph->pod->racks * graph->fabric->planes;
	case TRN_POD_ONE_LEVEL:
		return 1;
	case TRN_POD_CHIP:
	case TRN_POD_TORUS:
		break;
	}
	return 0;
}

static uint32_t server_switch(const struct trn_pod_graph *graph, uint32_t chip)
{
	return graph->chips + chip / graph->pod->server_chips;
}

/* Of the plane (column) that a chip is on: its position, where there are several. */
static uint32_t rack_switch(const struct trn_pod_graph *graph, uint32_t chip)
{
	const struct trn_pod *pod = graph->pod;
	uint32_t planes = graph->fabric->planes;
	uint32_t first = graph->chips + server_switches(pod);

	if (pod->shape == TRN_POD_ONE_LEVEL)
		return first;
	return first + chip / rack_chips(pod) * planes + chip % pod->server_chips % planes;
}

/* The chip in the same place of the other rack. */
static uint32_t across(const struct trn_pod *pod, uint32_t chip)
{
	return (chip + rack_chips(pod)) % trn_pod_chips(pod);
}

/* One step up or down a dimension of the torus. */
static uint32_t torus_step(const struct trn_pod *pod, uint32_t chip, uint32_t dim, bool up)
{
	uint32_t stride = 1, size = pod->dims[dim], at;

	for (uint32_t i = 0; i < dim; i++)
		stride *= pod->dims[i];
	at = chip / stride % size;
	return chip - at * stride + (at + (up ? 1 : size - 1)) % size * stride;
}

/* ------------------------------------------------------------------------- */
/* Links */
/* ------------------------------------------------------------------------- */

static void add(struct trn_pod_graph *graph, uint32_t from, uint32_t to, enum trn_link_class cls,
		uint32_t share)
{
	graph->link[graph->links++] = (struct trn_pod_link){
		.from = (uint16_t)from,
		.to = (uint16_t)to,
		.cls = (uint8_t)cls,
		.share = (uint8_t)share,
	};
}

/* The third axis goes between servers; the others share what a board has. */
static void add_torus(struct trn_pod_graph *graph, uint32_t chip)
{
	for (uint32_t dim = 0; dim < TRN_POD_DIMS; dim++) {
		enum trn_link_class cls = dim < 2 ? TRN_LINK_SERVER : TRN_LINK_CROSS;

		if (graph->pod->dims[dim] == 1)
			continue;
		add(graph, chip, torus_step(graph->pod, chip, dim, true), cls, dim < 2 ? 4 : 2);
		add(graph, chip, torus_step(graph->pod, chip, dim, false), cls, dim < 2 ? 4 : 2);
	}
}

static void add_chip(struct trn_pod_graph *graph, uint32_t chip)
{
	switch (graph->pod->shape) {
	case TRN_POD_CHIP:
		break;
	case TRN_POD_TORUS:
		add_torus(graph, chip);
		break;
	case TRN_POD_PAIRS:
		add(graph, chip, chip ^ 1, TRN_LINK_SERVER, 1);
		add(graph, chip, rack_switch(graph, chip), TRN_LINK_RACK, 1);
		add(graph, chip, across(graph->pod, chip), TRN_LINK_CROSS, 1);
		break;
	case TRN_POD_TWO_LEVEL:
		add(graph, chip, server_switch(graph, chip), TRN_LINK_SERVER, 1);
		add(graph, chip, rack_switch(graph, chip), TRN_LINK_RACK, 1);
		add(graph, chip, across(graph->pod, chip), TRN_LINK_CROSS, 1);
		break;
	case TRN_POD_ONE_LEVEL:
		add(graph, chip, rack_switch(graph, chip), TRN_LINK_SERVER, 1);
		break;
	}
}

/* Back to every chip that has a link to this switch. */
static void add_switch(struct trn_pod_graph *graph, uint32_t node)
{
	for (uint32_t chip = 0; chip < graph->chips; chip++) {
		for (uint32_t l = graph->first[chip]; l < graph->first[chip + 1]; l++) {
			if (graph->link[l].to == node)
				add(graph, node, chip, (enum trn_link_class)graph->link[l].cls, 1);
		}
	}
}

void trn_pod_graph_init(struct trn_pod_graph *graph, const struct trn_pod *pod,
			const struct trn_pod_fabric *fabric,
			const uint64_t gen_mbps[TRN_LINK_CLASSES], uint32_t hop_ns)
{
	*graph = (struct trn_pod_graph){
		.pod = pod,
		.fabric = fabric,
		.chips = trn_pod_chips(pod),
		.hop_ns = hop_ns,
	};
	graph->nodes = graph->chips + server_switches(pod) + rack_switches(graph);
	for (uint32_t i = 0; i < TRN_LINK_CLASSES; i++)
		graph->mbps[i] = fabric->mbps[i] ? fabric->mbps[i] : gen_mbps[i];
	for (uint32_t node = 0; node < graph->nodes; node++) {
		graph->first[node] = graph->links;
		if (node < graph->chips)
			add_chip(graph, node);
		else
			add_switch(graph, node);
		graph->first[node + 1] = graph->links;
	}
}

void trn_pod_node_name(const struct trn_pod_graph *graph, uint32_t node, char *buf, uint32_t size)
{
	const struct trn_pod *pod = graph->pod;
	uint32_t planes = graph->fabric->planes;
	uint32_t at = node - graph->chips, rack_at = at - server_switches(pod);

	if (node < graph->chips)
		(void)trn_text_add(buf, size, 0, "chip %u", node);
	else if (at < server_switches(pod))
		(void)trn_text_add(buf, size, 0, "server switch %u", at);
	else if (pod->shape == TRN_POD_ONE_LEVEL)
		(void)trn_text_add(buf, size, 0, "switch");
	else if (pod->shape == TRN_POD_PAIRS)
		(void)trn_text_add(buf, size, 0, "rack %u column %c switch", rack_at / planes,
				   rack_at % planes ? 'B' : 'A');
	else if (planes == 1)
		(void)trn_text_add(buf, size, 0, "rack %u switch", rack_at);
	else
		(void)trn_text_add(buf, size, 0, "rack %u plane %u switch", rack_at / planes,
				   rack_at % planes);
}

/* ------------------------------------------------------------------------- */
/* Ways */
/* ------------------------------------------------------------------------- */

struct way {
	const struct trn_pod_graph *graph;
	uint32_t at, count;
	uint16_t *links;
};

/* To a node that has a link from here. */
static void go(struct way *way, uint32_t to)
{
	const struct trn_pod_graph *graph = way->graph;
	uint32_t l = graph->first[way->at];

	while (graph->link[l].to != to)
		l++;
	way->links[way->count++] = (uint16_t)l;
	way->at = to;
}

static void go_torus(struct way *way, uint32_t dst)
{
	const struct trn_pod *pod = way->graph->pod;
	uint32_t stride = 1;

	for (uint32_t dim = 0; dim < TRN_POD_DIMS; dim++) {
		uint32_t size = pod->dims[dim], from = way->at / stride % size;
		uint32_t up = (dst / stride % size + size - from) % size;
		bool go_up = 2 * up < size || (2 * up == size && from % 2 == 0);

		for (uint32_t i = go_up ? up : size - up; up > 0 && i > 0; i--)
			go(way, torus_step(pod, way->at, dim, go_up));
		stride *= size;
	}
}

/* Same rack. Other column: the pair's link comes first, or last. */
static void go_pairs(struct way *way, uint32_t dst)
{
	bool other = (way->at ^ dst) & 1;
	bool last = other && way->at / 2 != dst / 2 && (way->at / 2 + dst / 2) % 2 != 0;

	if (other && !last)
		go(way, way->at ^ 1);
	if (way->at == dst)
		return;
	go(way, rack_switch(way->graph, way->at));
	if (last)
		go(way, dst ^ 1);
	go(way, dst);
}

/* Same rack. Only chips join the two levels: one of the source's server, in the plane of the
 * destination. */
static void go_two_level(struct way *way, uint32_t dst)
{
	const struct trn_pod_graph *graph = way->graph;
	uint32_t at_server = server_switch(graph, way->at);

	if (at_server == server_switch(graph, dst)) {
		go(way, at_server);
		go(way, dst);
		return;
	}
	if (rack_switch(graph, way->at) != rack_switch(graph, dst)) {
		uint32_t chips = graph->pod->server_chips, corner = way->at - way->at % chips;

		go(way, at_server);
		go(way, corner + dst % chips);
	}
	go(way, rack_switch(graph, dst));
	go(way, dst);
}

uint32_t trn_pod_route(const struct trn_pod_graph *graph, uint32_t src, uint32_t dst,
		       uint16_t ret_links[TRN_POD_PATH_MAX])
{
	const struct trn_pod *pod = graph->pod;
	struct way way = { .graph = graph, .at = src, .links = ret_links };

	if (src == dst || src >= graph->chips || dst >= graph->chips)
		return 0;
	if (pod->shape == TRN_POD_TORUS) {
		go_torus(&way, dst);
		return way.count;
	}
	if (pod->shape == TRN_POD_ONE_LEVEL) {
		go(&way, rack_switch(graph, src));
		go(&way, dst);
		return way.count;
	}
	if (src / rack_chips(pod) != dst / rack_chips(pod))
		go(&way, across(pod, src));
	if (way.at == dst)
		return way.count;
	if (pod->shape == TRN_POD_PAIRS)
		go_pairs(&way, dst);
	else
		go_two_level(&way, dst);
	return way.count;
}

uint32_t trn_pod_hops(const struct trn_pod_graph *graph, uint32_t src, uint32_t dst)
{
	uint16_t links[TRN_POD_PATH_MAX];
	uint32_t count = trn_pod_route(graph, src, dst, links);

	return graph->pod->shape == TRN_POD_TORUS || count <= 1 ? count : count - 1;
}

/* ------------------------------------------------------------------------- */
/* Grid */
/* ------------------------------------------------------------------------- */

/* A dimension and how far apart in index its neighbours are. */
struct axis {
	uint32_t size, stride;
	enum trn_link_class cls;
};

static uint32_t axes(const struct trn_pod *pod, struct axis ret_axes[TRN_POD_DIMS])
{
	uint32_t rack = rack_chips(pod), first = pod->server_chips, count = 0;
	struct axis all[TRN_POD_DIMS] = { { .size = 1 }, { .size = 1 }, { .size = 1 } };

	switch (pod->shape) {
	case TRN_POD_CHIP:
		break;
	case TRN_POD_TORUS:
		all[0] = (struct axis){ pod->dims[0], 1, TRN_LINK_SERVER };
		all[1] = (struct axis){ pod->dims[1], pod->dims[0], TRN_LINK_SERVER };
		all[2] = (struct axis){ pod->dims[2], pod->dims[0] * pod->dims[1], TRN_LINK_CROSS };
		break;
	case TRN_POD_PAIRS:
	case TRN_POD_TWO_LEVEL:
		if (pod->shape == TRN_POD_PAIRS)
			first = 2;
		all[0] = (struct axis){ first, 1, TRN_LINK_SERVER };
		all[1] = (struct axis){ rack / first, first, TRN_LINK_RACK };
		all[2] = (struct axis){ pod->racks, rack, TRN_LINK_CROSS };
		break;
	case TRN_POD_ONE_LEVEL:
		all[0] = (struct axis){ trn_pod_chips(pod), 1, TRN_LINK_SERVER };
		break;
	}
	for (uint32_t i = 0; i < TRN_POD_DIMS; i++) {
		if (all[i].size > 1)
			ret_axes[count++] = all[i];
	}
	return count;
}

uint32_t trn_pod_grid(const struct trn_pod_graph *graph, struct trn_pod_dim ret_dims[TRN_POD_DIMS])
{
	bool ring = graph->pod->shape == TRN_POD_TORUS;
	struct axis axis[TRN_POD_DIMS];
	uint32_t count = axes(graph->pod, axis);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t mbps = graph->mbps[axis[i].cls];

		/* x and y share the links of the board. */
		if (ring && axis[i].cls == TRN_LINK_SERVER)
			mbps /= 2;
		ret_dims[i] = (struct trn_pod_dim){
			.size = axis[i].size,
			.ring = ring,
			.cls = (uint8_t)axis[i].cls,
			.mbps = mbps,
		};
	}
	return count;
}

void trn_pod_coord(const struct trn_pod_graph *graph, uint32_t chip,
		   uint32_t ret_coord[TRN_POD_DIMS])
{
	struct axis axis[TRN_POD_DIMS];
	uint32_t count = axes(graph->pod, axis);

	for (uint32_t i = 0; i < TRN_POD_DIMS; i++)
		ret_coord[i] = i < count ? chip / axis[i].stride % axis[i].size : 0;
}

uint32_t trn_pod_at_coord(const struct trn_pod_graph *graph, const uint32_t coord[TRN_POD_DIMS])
{
	struct axis axis[TRN_POD_DIMS];
	uint32_t count = axes(graph->pod, axis), chip = 0;

	for (uint32_t i = 0; i < TRN_POD_DIMS; i++) {
		if (coord[i] >= (i < count ? axis[i].size : 1))
			return UINT32_MAX;
		chip += coord[i] * (i < count ? axis[i].stride : 0);
	}
	return chip;
}
