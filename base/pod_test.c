/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/pod.c and base/pod_graph.c: the rows against the published figures, every way of
 * every pod, and the numbers of the vendor's driver. */
#include <string.h>
#include "base/bits.h"
#include "base/pod.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "base/text.h"

static struct trn_pod_graph graph;

/* One way, a chip: server, rack, cross; as model/gen_*.c has them. */
static const uint64_t rates[][TRN_LINK_CLASSES] = {
	{ 512000, 0, 128000 },
	{ 512000, 512000, 128000 },
	{ 1800000, 0, 0 },
};

static void init(const struct trn_pod *pod, const struct trn_pod_fabric *fabric)
{
	trn_pod_graph_init(&graph, pod, fabric, rates[pod->gen[3] - '2'], 700);
}

static void init_name(const char *pod, const char *fabric)
{
	const struct trn_pod *row = trn_pod_find(pod);

	ck_assert_ptr_nonnull(row);
	ck_assert_ptr_nonnull(trn_pod_fabric_find(row, fabric));
	init(row, trn_pod_fabric_find(row, fabric));
}

/* Index from 0 over all pods and fabrics; false past the end. */
static bool init_at(unsigned int index)
{
	const struct trn_pod *pod;
	const struct trn_pod_fabric *fabric;

	for (unsigned int p = 0; (pod = trn_pod_at(p)); p++) {
		for (unsigned int f = 0; (fabric = trn_pod_fabric_at(pod, f)); f++) {
			if (index-- == 0) {
				init(pod, fabric);
				return true;
			}
		}
	}
	return false;
}

static const struct {
	const char *pod, *fabric;
	uint32_t chips, nodes, links, hops; /* directed; hops: between the two farthest */
	uint64_t mbps;                      /* out of a chip */
	uint32_t lanes;
} figures[] = {
	{ "trn2", "alone", 1, 1, 0, 0, 0, 0 },
	{ "trn3", "alone", 1, 1, 0, 0, 0, 0 },
	{ "trn4", "alone", 1, 1, 0, 0, 0, 0 },
	{ "trn2-48xl", "torus", 16, 16, 64, 4, 512000, 128 },
	{ "trn2-ultraserver", "torus", 64, 64, 384, 6, 640000, 160 },
	{ "trn3-gen1", "lanes", 64, 68, 256, 3, 1152000, 144 },
	{ "trn3-gen1", "table", 64, 68, 256, 3, 1024000, 128 },
	{ "trn3-ultraserver", "lanes", 144, 188, 720, 4, 1152000, 144 },
	{ "trn3-ultraserver", "documented", 144, 182, 720, 2, 352000, 88 },
	{ "trn3-ultraserver", "table", 144, 188, 720, 4, 1024000, 128 },
	{ "trn4-ultraserver", "press", 144, 145, 288, 1, 1800000, 0 },
};

START_TEST(rows)
{
	unsigned int fabrics = 0;

	while (init_at(fabrics)) {
		ck_assert_str_eq(graph.pod->name, figures[fabrics].pod);
		ck_assert_str_eq(graph.fabric->name, figures[fabrics].fabric);
		ck_assert_str_eq(graph.fabric->pod, graph.pod->name);
		ck_assert_ptr_eq(trn_pod_find(graph.pod->name), graph.pod);
		ck_assert_ptr_eq(trn_pod_fabric_find(graph.pod, graph.fabric->name), graph.fabric);
		ck_assert_uint_gt(strlen(graph.pod->source), 0);
		ck_assert_uint_gt(strlen(graph.fabric->source), 0);
		fabrics++;
	}
	ck_assert_uint_eq(fabrics, TRN_ARRAY_LEN(figures));
	ck_assert_ptr_null(trn_pod_find("trn5"));
	ck_assert_ptr_null(trn_pod_find(""));
	ck_assert_str_eq(trn_pod_fabric_find(trn_pod_find("trn3-ultraserver"), NULL)->name,
			 "lanes");
	ck_assert_ptr_null(trn_pod_fabric_find(trn_pod_find("trn3-gen1"), "documented"));
}
END_TEST

START_TEST(counts_and_rates)
{
	uint32_t far = 0;

	ck_assert(init_at((unsigned int)_i));
	ck_assert_uint_eq(graph.chips, figures[_i].chips);
	ck_assert_uint_eq(graph.nodes, figures[_i].nodes);
	ck_assert_uint_eq(graph.links, figures[_i].links);
	ck_assert_uint_eq(graph.first[graph.nodes], graph.links);
	for (uint32_t chip = 0; chip < graph.chips; chip++) {
		uint64_t mbps = 0;

		for (uint32_t l = graph.first[chip]; l < graph.first[chip + 1]; l++)
			mbps += trn_pod_link_mbps(&graph, l);
		ck_assert_uint_eq(mbps, figures[_i].mbps);
		if (graph.fabric->lane_mbps)
			ck_assert_uint_eq(mbps / graph.fabric->lane_mbps, figures[_i].lanes);
		for (uint32_t dst = 0; dst < graph.chips; dst++) {
			uint32_t hops = trn_pod_hops(&graph, chip, dst);

			ck_assert_uint_eq(hops == 0, chip == dst);
			far = hops > far ? hops : far;
		}
	}
	ck_assert_uint_eq(far, figures[_i].hops);
}
END_TEST

/* Each link leaves its node, goes somewhere else, once, and has one that goes back as fast. */
START_TEST(links_both_ways)
{
	ck_assert(init_at((unsigned int)_i));
	for (uint32_t node = 0; node < graph.nodes; node++) {
		for (uint32_t l = graph.first[node]; l < graph.first[node + 1]; l++) {
			const struct trn_pod_link *link = &graph.link[l];
			uint32_t back = 0;

			ck_assert_uint_eq(link->from, node);
			ck_assert_uint_ne(link->to, node);
			ck_assert_uint_lt(link->to, graph.nodes);
			for (uint32_t b = graph.first[link->to]; b < graph.first[link->to + 1]; b++)
				back += graph.link[b].to == node &&
					graph.link[b].cls == link->cls &&
					graph.link[b].share == link->share;
			ck_assert_uint_eq(back, 1);
		}
	}
}
END_TEST

/* Least number of links between two chips, by looking everywhere. */
static void distances(uint32_t src, uint32_t ret_links[TRN_POD_NODES_MAX])
{
	uint32_t queue[TRN_POD_NODES_MAX], head = 0, tail = 0;

	for (uint32_t i = 0; i < graph.nodes; i++)
		ret_links[i] = UINT32_MAX;
	ret_links[src] = 0;
	queue[tail++] = src;
	while (head < tail) {
		uint32_t node = queue[head++];

		for (uint32_t l = graph.first[node]; l < graph.first[node + 1]; l++) {
			uint32_t to = graph.link[l].to;

			if (ret_links[to] != UINT32_MAX)
				continue;
			ret_links[to] = ret_links[node] + 1;
			queue[tail++] = to;
		}
	}
}

/* From the source to the destination, without a node twice, no longer than hops say. */
static void check_way(uint32_t src, uint32_t dst, uint32_t least)
{
	uint16_t links[TRN_POD_PATH_MAX] = { 0 };
	uint32_t count = trn_pod_route(&graph, src, dst, links), at = src;
	uint32_t hops = trn_pod_hops(&graph, src, dst);
	bool seen[TRN_POD_NODES_MAX] = { false };

	ck_assert_uint_le(count, TRN_POD_PATH_MAX);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_uint_eq(graph.link[links[i]].from, at);
		ck_assert(!seen[at]);
		seen[at] = true;
		at = graph.link[links[i]].to;
	}
	ck_assert_uint_eq(at, dst);
	ck_assert_uint_ge(count, least);
	if (graph.pod->shape == TRN_POD_TORUS) {
		ck_assert_uint_eq(count, least);
		ck_assert_uint_eq(hops, least);
	} else {
		ck_assert_uint_le(count, hops + 1);
	}
}

START_TEST(every_way)
{
	uint32_t least[TRN_POD_NODES_MAX];

	ck_assert(init_at((unsigned int)_i));
	for (uint32_t src = 0; src < graph.chips; src++) {
		distances(src, least);
		for (uint32_t dst = 0; dst < graph.chips; dst++) {
			ck_assert_uint_ne(least[dst], UINT32_MAX);
			check_way(src, dst, least[dst]);
		}
	}
}
END_TEST

START_TEST(no_way)
{
	uint16_t links[TRN_POD_PATH_MAX];

	init_name("trn3-ultraserver", NULL);
	ck_assert_uint_eq(trn_pod_route(&graph, 3, 3, links), 0);
	ck_assert_uint_eq(trn_pod_route(&graph, 144, 3, links), 0);
	ck_assert_uint_eq(trn_pod_route(&graph, 3, 144, links), 0);
	ck_assert_uint_eq(trn_pod_route(&graph, 3, UINT32_MAX, links), 0);
}
END_TEST

static const struct {
	const char *pod, *fabric;
	uint32_t src, dst, hops;
	const char *way; /* nodes between */
} ways[] = {
	/* H 2.3: same plane 1, different plane 3, other rack 4 */
	{ "trn3-ultraserver", NULL, 0, 1, 1, ", server switch 0" },
	{ "trn3-ultraserver", NULL, 0, 4, 1, ", rack 0 plane 0 switch" },
	{ "trn3-ultraserver", NULL, 3, 71, 1, ", rack 0 plane 3 switch" },
	{ "trn3-ultraserver", NULL, 0, 5, 3, ", server switch 0, chip 1, rack 0 plane 1 switch" },
	{ "trn3-ultraserver", NULL, 0, 72, 1, "" },
	{ "trn3-ultraserver", NULL, 73, 1, 1, "" },
	{ "trn3-ultraserver", NULL, 0, 73, 2, ", chip 72, server switch 18" },
	{ "trn3-ultraserver", NULL, 0, 76, 2, ", chip 72, rack 1 plane 0 switch" },
	{ "trn3-ultraserver", NULL, 0, 77, 4,
	  ", chip 72, server switch 18, chip 73, rack 1 plane 1 switch" },
	{ "trn3-ultraserver", "documented", 0, 5, 1, ", rack 0 switch" },
	{ "trn3-ultraserver", "documented", 0, 1, 1, ", server switch 0" },
	{ "trn3-ultraserver", "documented", 0, 77, 2, ", chip 72, rack 1 switch" },
	/* H 2.3: same column 1, other column 2, other rack 3 */
	{ "trn3-gen1", NULL, 0, 1, 1, "" },
	{ "trn3-gen1", NULL, 0, 2, 1, ", rack 0 column A switch" },
	{ "trn3-gen1", NULL, 1, 31, 1, ", rack 0 column B switch" },
	{ "trn3-gen1", NULL, 0, 5, 2, ", chip 1, rack 0 column B switch" },
	{ "trn3-gen1", NULL, 0, 3, 2, ", rack 0 column A switch, chip 2" },
	{ "trn3-gen1", NULL, 0, 32, 1, "" },
	{ "trn3-gen1", NULL, 16, 48, 1, "" },
	{ "trn3-gen1", NULL, 0, 37, 3, ", chip 32, chip 33, rack 1 column B switch" },
	/* even goes up, odd goes down where both are as short */
	{ "trn2-48xl", NULL, 0, 2, 2, ", chip 1" },
	{ "trn2-48xl", NULL, 1, 3, 2, ", chip 0" },
	{ "trn2-48xl", NULL, 0, 15, 2, ", chip 3" },
	{ "trn2-ultraserver", NULL, 0, 42, 6, ", chip 1, chip 2, chip 6, chip 10, chip 26" },
	{ "trn2-ultraserver", NULL, 0, 48, 1, "" },
	{ "trn4-ultraserver", NULL, 0, 143, 1, ", switch" },
};

START_TEST(published_ways)
{
	uint16_t links[TRN_POD_PATH_MAX];
	uint32_t count;
	char text[256] = "", name[32];
	size_t used = 0;

	init_name(ways[_i].pod, ways[_i].fabric);
	count = trn_pod_route(&graph, ways[_i].src, ways[_i].dst, links);
	for (uint32_t i = 0; i + 1 < count; i++) {
		trn_pod_node_name(&graph, graph.link[links[i]].to, name, sizeof(name));
		used = trn_text_add(text, sizeof(text), used, ", %s", name);
	}
	ck_assert_str_eq(text, ways[_i].way);
	ck_assert_uint_eq(trn_pod_hops(&graph, ways[_i].src, ways[_i].dst), ways[_i].hops);
}
END_TEST

/* To the other column about as many ways begin at the partner as end there. */
START_TEST(pairs_spread)
{
	uint32_t first = 0, other = 0;
	uint16_t links[TRN_POD_PATH_MAX];

	init_name("trn3-gen1", NULL);
	for (uint32_t src = 0; src < 32; src++) {
		for (uint32_t dst = 0; dst < 32; dst++) {
			if (trn_pod_hops(&graph, src, dst) != 2)
				continue;
			(void)trn_pod_route(&graph, src, dst, links);
			other++;
			first += graph.link[links[0]].cls == TRN_LINK_SERVER;
		}
	}
	ck_assert_uint_eq(other, 32 * 15);
	ck_assert_uint_ge(first * 5, other * 2);
	ck_assert_uint_le(first * 5, other * 3);
}
END_TEST

START_TEST(places)
{
	const struct trn_pod *pod;

	for (unsigned int p = 0; (pod = trn_pod_at(p)); p++) {
		struct trn_pod_place place;

		for (uint32_t chip = 0; chip < trn_pod_chips(pod); chip++) {
			trn_pod_place(pod, chip, &place);
			ck_assert_uint_eq(trn_pod_chip(pod, &place), chip);
		}
		place = (struct trn_pod_place){ .rack = pod->racks };
		ck_assert_uint_eq(trn_pod_chip(pod, &place), UINT32_MAX);
		place = (struct trn_pod_place){ .server = pod->servers / pod->racks };
		ck_assert_uint_eq(trn_pod_chip(pod, &place), UINT32_MAX);
		place = (struct trn_pod_place){ .position = pod->server_chips };
		ck_assert_uint_eq(trn_pod_chip(pod, &place), UINT32_MAX);
		place = (struct trn_pod_place){ .server = UINT32_MAX, .position = UINT32_MAX };
		ck_assert_uint_eq(trn_pod_chip(pod, &place), UINT32_MAX);
	}
	/* H 2.3: servers 18 to 35 are in the second rack. */
	struct trn_pod_place place;

	trn_pod_place(trn_pod_find("trn3-ultraserver"), 143, &place);
	ck_assert_uint_eq(place.rack, 1);
	ck_assert_uint_eq(place.server, 17);
	ck_assert_uint_eq(place.position, 3);
}
END_TEST

START_TEST(addresses)
{
	struct trn_pod_place place, back = { 7, 7, 7 };
	const struct trn_pod *pod;
	struct trn_prng prng;
	uint64_t axi, left = 42;

	trn_prng_seed(&prng, trn_test_seed());
	for (unsigned int p = 0; (pod = trn_pod_at(p)); p++) {
		for (uint32_t chip = 0; chip < trn_pod_chips(pod); chip++) {
			axi = trn_prng_below(&prng, TRN_PEER_AXI_MASK) + chip % 2;
			trn_pod_place(pod, chip, &place);
			ck_assert(trn_peer_split(trn_peer_address(&place, axi), &back, &left));
			ck_assert_uint_eq(trn_pod_chip(pod, &back), chip);
			ck_assert_uint_eq(left, axi);
		}
	}
	place = (struct trn_pod_place){ 1, 17, 3 };
	ck_assert_uint_eq(trn_peer_address(&place, 0x8006c84000),
			  UINT64_C(0xe260000000000000) | 0x8006c84000);
	left = 42;
	back = place;
	ck_assert(!trn_peer_split(0, &back, &left));
	ck_assert(!trn_peer_split(TRN_PEER_MARK - 1, &back, &left));
	ck_assert(left == 42 && back.server == 17);
	ck_assert_uint_eq(trn_peer_address(&place, TRN_PEER_AXI_MASK + 1), 0);
	ck_assert_uint_eq(trn_peer_address(&place, UINT64_MAX), 0);
	place.rack = 2;
	ck_assert_uint_eq(trn_peer_address(&place, 0), 0);
	place = (struct trn_pod_place){ 1, 32, 3 };
	ck_assert_uint_eq(trn_peer_address(&place, 0), 0);
	place = (struct trn_pod_place){ 1, 17, 16 };
	ck_assert_uint_eq(trn_peer_address(&place, 0), 0);
}
END_TEST

static const struct {
	const char *pod;
	uint32_t count;
	struct trn_pod_dim dims[TRN_POD_DIMS];
} grids[] = {
	{ "trn2", 0, { { 0 } } },
	{ "trn2-48xl", 2, { { 4, true, 0, 256000 }, { 4, true, 0, 256000 } } },
	{ "trn2-ultraserver",
	  3,
	  { { 4, true, 0, 256000 }, { 4, true, 0, 256000 }, { 4, true, 2, 128000 } } },
	{ "trn3-gen1",
	  3,
	  { { 2, false, 0, 512000 }, { 16, false, 1, 512000 }, { 2, false, 2, 128000 } } },
	{ "trn3-ultraserver",
	  3,
	  { { 4, false, 0, 512000 }, { 18, false, 1, 512000 }, { 2, false, 2, 128000 } } },
	{ "trn4-ultraserver", 1, { { 144, false, 0, 1800000 } } },
};

START_TEST(grid_dimensions)
{
	struct trn_pod_dim dims[TRN_POD_DIMS];

	init_name(grids[_i].pod, NULL);
	ck_assert_uint_eq(trn_pod_grid(&graph, dims), grids[_i].count);
	for (uint32_t i = 0; i < grids[_i].count; i++) {
		ck_assert_uint_eq(dims[i].size, grids[_i].dims[i].size);
		ck_assert(dims[i].ring == grids[_i].dims[i].ring);
		ck_assert_uint_eq(dims[i].cls, grids[_i].dims[i].cls);
		ck_assert_uint_eq(dims[i].mbps, grids[_i].dims[i].mbps);
	}
}
END_TEST

/* Coordinates and back; a step along a dimension is one hop over links of its class. */
START_TEST(grid_steps)
{
	struct trn_pod_dim dims[TRN_POD_DIMS];
	uint32_t at[TRN_POD_DIMS], count;
	uint16_t links[TRN_POD_PATH_MAX];

	ck_assert(init_at((unsigned int)_i));
	count = trn_pod_grid(&graph, dims);
	for (uint32_t chip = 0; chip < graph.chips; chip++) {
		trn_pod_coord(&graph, chip, at);
		ck_assert_uint_eq(trn_pod_at_coord(&graph, at), chip);
		for (uint32_t d = 0; d < count; d++) {
			uint32_t to, was = at[d], n;

			at[d] = (was + 1) % dims[d].size;
			to = trn_pod_at_coord(&graph, at);
			ck_assert_uint_eq(trn_pod_hops(&graph, chip, to), 1);
			n = trn_pod_route(&graph, chip, to, links);
			while (n-- > 0)
				ck_assert_uint_eq(graph.link[links[n]].cls, dims[d].cls);
			at[d] = dims[d].size;
			ck_assert_uint_eq(trn_pod_at_coord(&graph, at), UINT32_MAX);
			at[d] = was;
		}
	}
	for (uint32_t d = count; d < TRN_POD_DIMS; d++) {
		at[d] = 1;
		ck_assert_uint_eq(trn_pod_at_coord(&graph, at), UINT32_MAX);
		at[d] = 0;
	}
}
END_TEST

/* D 9.1 */
START_TEST(routing_ids)
{
	static const uint32_t torus[] = { 0, 3, 4, 7, 12, 15, 8, 11, 1, 2, 5, 6, 13, 14, 9, 10 };

	for (uint32_t id = 0; id < 64; id++) {
		ck_assert_uint_eq(trn_pod_index_of_routing(true, id), torus[id % 16]);
		ck_assert_uint_eq(trn_pod_index_of_routing(true,
							   trn_pod_routing_of_index(true, id)),
				  id % 16);
		ck_assert_uint_eq(trn_pod_routing_of_index(true, id) / 16, id / 16);
	}
	for (uint32_t id = 0; id < 128; id++) {
		ck_assert_uint_eq(trn_pod_index_of_routing(false, id), id % 16);
		ck_assert_uint_eq(trn_pod_routing_of_index(false, id), id);
	}
	ck_assert_uint_eq(trn_pod_index_of_routing(true, 64), UINT32_MAX);
	ck_assert_uint_eq(trn_pod_index_of_routing(false, 128), UINT32_MAX);
	ck_assert_uint_eq(trn_pod_routing_of_index(true, 64), UINT32_MAX);
	ck_assert_uint_eq(trn_pod_routing_of_index(false, 128), UINT32_MAX);
	ck_assert_uint_eq(trn_pod_routing_of_index(false, UINT32_MAX), UINT32_MAX);
}
END_TEST

/* D 9.2 */
static const uint32_t neighbours[16][4] = {
	{ 12, 1, 3, 4 },  { 0, 13, 5, 2 },  { 14, 3, 1, 6 },   { 2, 15, 7, 0 },
	{ 8, 5, 7, 0 },   { 4, 9, 1, 6 },   { 10, 7, 5, 2 },   { 6, 11, 3, 4 },
	{ 4, 9, 11, 12 }, { 8, 5, 13, 10 }, { 6, 11, 9, 14 },  { 10, 7, 15, 8 },
	{ 0, 13, 15, 8 }, { 12, 1, 9, 14 }, { 2, 15, 13, 10 }, { 14, 3, 11, 12 },
};

START_TEST(connected_devices)
{
	uint32_t got[4];

	init_name("trn2-48xl", NULL);
	for (uint32_t device = 0; device < 32; device++) {
		ck_assert_uint_eq(trn_pod_connected(device < 16 ? 16 : 32, device, got), 4);
		for (uint32_t i = 0; i < 4; i++) {
			ck_assert_uint_eq(got[i], neighbours[device % 16][i] + (device & 16));
			/* They are the torus: one hop away. */
			if (device < 16)
				ck_assert_uint_eq(trn_pod_hops(&graph, device, got[i]), 1);
		}
	}
	ck_assert_uint_eq(trn_pod_connected(1, 0, got), 0);
	ck_assert_uint_eq(trn_pod_connected(4, 3, got), 0);
	ck_assert_uint_eq(trn_pod_connected(15, 3, got), 0);
	ck_assert_uint_eq(trn_pod_connected(0, 0, got), 0);
	ck_assert_uint_eq(trn_pod_connected(16, 16, got), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/pod");
	TCase *tc = tcase_create("pod");
	int all = (int)TRN_ARRAY_LEN(figures);

	tcase_add_test(tc, rows);
	tcase_add_loop_test(tc, counts_and_rates, 0, all);
	tcase_add_loop_test(tc, links_both_ways, 0, all);
	tcase_add_loop_test(tc, every_way, 0, all);
	tcase_add_test(tc, no_way);
	tcase_add_loop_test(tc, published_ways, 0, (int)TRN_ARRAY_LEN(ways));
	tcase_add_test(tc, pairs_spread);
	tcase_add_test(tc, places);
	tcase_add_test(tc, addresses);
	tcase_add_loop_test(tc, grid_dimensions, 0, (int)TRN_ARRAY_LEN(grids));
	tcase_add_loop_test(tc, grid_steps, 0, all);
	tcase_add_test(tc, routing_ids);
	tcase_add_test(tc, connected_devices);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
