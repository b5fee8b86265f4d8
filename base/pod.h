/* SPDX-License-Identifier: Apache-2.0 */
/* base/pod.h: systems of several chips as tables: who stands where, which links there are, which
 * way a transfer goes. Constants and arithmetic only; model, runtime, tools and predictions
 * read the same rows (hardware-and-isa facts 2; driver facts 9). */
#ifndef BASE_POD_H
#define BASE_POD_H

#include <stdbool.h>
#include <stdint.h>

#define TRN_POD_CHIPS_MAX 144u
#define TRN_POD_NODES_MAX 256u /* chips, then switches */
#define TRN_POD_LINKS_MAX 1024u
#define TRN_POD_PATH_MAX 8u /* links of the longest way */
#define TRN_POD_DIMS 3u

enum trn_pod_shape {
	TRN_POD_CHIP = 0,  /* one chip */
	TRN_POD_TORUS = 1, /* dims[0] x dims[1] x dims[2], wrapping; index = x + 4y in a server */
	TRN_POD_PAIRS = 2, /* Trn3 Gen1: pairs, two columns of switches a rack, cross links;
				* read off a diagram (facts U6) */
	TRN_POD_TWO_LEVEL =
		3, /* Trn3 Gen2: a switch a server, planes switches a rack, cross links */
	TRN_POD_ONE_LEVEL = 4, /* Trn4 preview: one switch */
};
/* What a link is made of: decides its rate. */
enum trn_link_class {
	TRN_LINK_SERVER = 0, /* inside a server (board) */
	TRN_LINK_RACK = 1,   /* between servers of a rack (backplane) */
	TRN_LINK_CROSS = 2,  /* third axis of a torus, other rack */
	TRN_LINK_CLASSES = 3,
};

struct trn_pod {
	const char *name; /* "trn3-ultraserver" */
	const char *gen;  /* "trn3" */
	enum trn_pod_shape shape;
	uint32_t racks, servers, server_chips; /* servers: of the pod */
	uint32_t dims[TRN_POD_DIMS];           /* torus */
	bool preview;
	const char *product, *source;
};
/* A published set of figures for a pod. Zero: as the generation's table says. */
struct trn_pod_fabric {
	const char *name, *pod;          /* first row of a pod is its default */
	uint32_t planes;                 /* second-level switches of a rack */
	uint64_t mbps[TRN_LINK_CLASSES]; /* of a chip, one way, all its links of that class */
	uint32_t lane_mbps;              /* of one lane, one way; 0: not known */
	const char *source;
};

/* NULL past the end, or when there is none. */
const struct trn_pod *trn_pod_at(unsigned int index);
const struct trn_pod *trn_pod_find(const char *name); /* "trn2", "trn3", "trn4" as well: one chip */
const struct trn_pod_fabric *trn_pod_fabric_at(const struct trn_pod *pod, unsigned int index);
/* NULL name: the default. */
const struct trn_pod_fabric *trn_pod_fabric_find(const struct trn_pod *pod, const char *name);
static inline uint32_t trn_pod_chips(const struct trn_pod *pod)
{
	return pod->servers * pod->server_chips;
}

/* Where a chip stands. server: in its rack; position: in its server. Chips are numbered position
 * first, then server, then rack. */
struct trn_pod_place {
	uint32_t rack, server, position;
};
/* chip: one of the pod's. */
void trn_pod_place(const struct trn_pod *pod, uint32_t chip, struct trn_pod_place *ret_place);
/* UINT32_MAX when the pod has no such chip. */
uint32_t trn_pod_chip(const struct trn_pod *pod, const struct trn_pod_place *place);

/* Peer addresses: bit 63, then rack (62), server in the rack (61:57), chip in the server (56:53),
 * and the chip's own AXI address below. The mark is ours: without it chip 0 could not be named. */
#define TRN_PEER_MARK (UINT64_C(1) << 63)
#define TRN_PEER_RACK_SHIFT 62
#define TRN_PEER_SERVER_SHIFT 57
#define TRN_PEER_CHIP_SHIFT 53
#define TRN_PEER_AXI_MASK ((UINT64_C(1) << 53) - 1)
/* 0, which is no peer address, when a part does not fit. */
uint64_t trn_peer_address(const struct trn_pod_place *place, uint64_t axi);
/* False when it is no peer address; *ret_axi is what is left of it. */
bool trn_peer_split(uint64_t address, struct trn_pod_place *ret_place, uint64_t *ret_axi);

/* Links: directed. Nodes below chips are chips, then switches of servers, then of racks. */
struct trn_pod_link {
	uint16_t from, to;
	uint8_t cls;   /* enum trn_link_class */
	uint8_t share; /* its rate is mbps[cls] / share */
};
struct trn_pod_graph {
	const struct trn_pod *pod;
	const struct trn_pod_fabric *fabric;
	uint32_t chips, nodes, links;
	uint32_t first[TRN_POD_NODES_MAX + 1]; /* links that leave node n: [n], up to [n + 1] */
	uint64_t mbps[TRN_LINK_CLASSES];       /* the generation's, or the fabric's */
	uint32_t hop_ns;
	struct trn_pod_link link[TRN_POD_LINKS_MAX];
};
/* fabric: a row of the pod. gen_mbps and hop_ns: the generation's figures. */
void trn_pod_graph_init(struct trn_pod_graph *graph, const struct trn_pod *pod,
			const struct trn_pod_fabric *fabric,
			const uint64_t gen_mbps[TRN_LINK_CLASSES], uint32_t hop_ns);
static inline uint64_t trn_pod_link_mbps(const struct trn_pod_graph *graph, uint32_t link)
{
	return graph->mbps[graph->link[link].cls] / graph->link[link].share;
}
/* "chip 17", "server switch 3", "rack 1 plane 2 switch". node: one of the graph's. */
void trn_pod_node_name(const struct trn_pod_graph *graph, uint32_t node, char *buf, uint32_t size);
/* Links of the one way that a transfer takes, in order; their number (0: same chip, or none of
 * that number). Always the same way for the same pair: that is what keeps a payload and its
 * semaphore in order. Torus: x, then y, then z, the short way round, at equal distance up from even
 * coordinates and down from odd ones. Two-level: same position: its plane's switch; other position:
 * server switch, then plane; other rack: cross link first. Pairs: same column: its switch; other:
 * partner, then switch (or first the switch, chosen by parity of the two pairs' sum: spread). */
uint32_t trn_pod_route(const struct trn_pod_graph *graph, uint32_t src, uint32_t dst,
		       uint16_t ret_links[TRN_POD_PATH_MAX]);
/* Hops that latency counts: torus: links; switched: nodes in between, at least 1. 1, 3, 4 on the
 * two-level pod (facts 2.3). */
uint32_t trn_pod_hops(const struct trn_pod_graph *graph, uint32_t src, uint32_t dst);

/* The pod as a grid, for algorithms in several dimensions; their number: torus x, y, z; two-level:
 * position in the server, server in the rack, rack; pairs: chip of the pair, pairs of a rack that
 * share a column (both servers), rack; one-level: all. dims of size 1 are left out. */
struct trn_pod_dim {
	uint32_t size;
	bool ring;     /* neighbours only (both ways); else any to any through a switch or direct */
	uint8_t cls;   /* links it uses */
	uint64_t mbps; /* of a chip, one way, in this dimension */
};
uint32_t trn_pod_grid(const struct trn_pod_graph *graph, struct trn_pod_dim ret_dims[TRN_POD_DIMS]);
void trn_pod_coord(const struct trn_pod_graph *graph, uint32_t chip,
		   uint32_t ret_coord[TRN_POD_DIMS]);
uint32_t trn_pod_at_coord(const struct trn_pod_graph *graph, const uint32_t coord[TRN_POD_DIMS]);

/* Driver facts 9, on torus and switched systems: index in its server (0..15) of a routing id;
 * UINT32_MAX: rejected. Back: of an index that may count on through the servers. */
uint32_t trn_pod_index_of_routing(bool torus, uint32_t routing_id);
uint32_t trn_pod_routing_of_index(bool torus, uint32_t index);
/* Neighbours of a device as the vendor's driver lists them, their number: 4 of them, or 0: only
 * systems with a multiple of 16 devices have any. */
uint32_t trn_pod_connected(uint32_t devices, uint32_t device, uint32_t ret_neighbours[4]);

#endif /* BASE_POD_H */
