/* SPDX-License-Identifier: Apache-2.0 */
/* Which ways a collective may go: boxes that the ranks of a pod make, what they cost, and the least
 * that any could (docs/comm.md derives it). Arithmetic only. */
#ifndef BASE_COLL_PLAN_H
#define BASE_COLL_PLAN_H

#include "base/coll.h"
#include "base/pod.h"

#define TRN_COLL_PARTS 6u
#define TRN_COLL_LOADS TRN_POD_DIMS /* kinds of links that parts share */

/* What is known of the places of the ranks. */
struct trn_coll_site {
	const struct trn_pod_graph *graph;
	uint32_t ranks;
	const uint16_t *chip; /* of each rank, in the pod */
	const uint16_t *core;
	uint32_t channels; /* of each rank */
};

/* Boxes of its own semaphores and scratch: operations of one shape never meet another's. */
enum trn_coll_shape {
	TRN_COLL_MESH = 0, /* all to all of the ranks; SWITCH too */
	TRN_COLL_RING = 1,
	TRN_COLL_RDH = 2,
	TRN_COLL_PAIRED = 3,
	TRN_COLL_GRID = 4,  /* dimensions of the pod, a mesh in each */
	TRN_COLL_TORUS = 5, /* the same with relays in rings of four */
	TRN_COLL_FUSED = 6, /* all-reduce in few steps (coll_fused.c) */
	TRN_COLL_SHAPES = 7,
};

struct trn_coll_part {
	struct trn_coll_dim dim[TRN_COLL_DIMS];
	uint64_t mbps[TRN_COLL_DIMS]; /* of a rank in that dimension, one way; 0: inside the chip */
	uint32_t hops[TRN_COLL_DIMS];
	bool detour[TRN_COLL_DIMS];  /* a mesh on a ring of links: some go more than one */
	uint8_t load[TRN_COLL_DIMS]; /* which links; TRN_COLL_LOADS: none that are shared */
	uint32_t dims;
	uint32_t share_from, share_to; /* of TRN_COLL_SHARES: which part of a vector */
	uint32_t channel, channels;    /* those that carry it */
	uint16_t rank_at[TRN_COLL_RANKS], position[TRN_COLL_RANKS];
};
#define TRN_COLL_SHARES 4096u

/* Fused: which way a vector of some length goes, as parts of the plan. */
#define TRN_COLL_VARIANTS 3u
struct trn_coll_variant {
	uint32_t first, parts;
};

struct trn_coll_plan {
	enum trn_coll_shape shape;
	uint32_t parts;
	uint32_t semaphores; /* of each processor */
	uint32_t set_semaphores, variants;
	struct trn_coll_variant variant[TRN_COLL_VARIANTS];
	struct trn_coll_part part[TRN_COLL_PARTS];
};

/* False: the ranks do not stand in such a box. */
bool trn_coll_plan_init(struct trn_coll_plan *plan, enum trn_coll_shape shape,
			const struct trn_coll_site *site);
/* The way of a channel; used: channels that take part, from 0 on. False: this one does not. */
bool trn_coll_plan_way(const struct trn_coll_plan *plan, uint32_t channel, uint32_t used,
		       struct trn_coll_way *ret_way, uint64_t *ret_from, uint64_t *ret_to);
/* The same where the shape is fused, which has other ways for other lengths. */
bool trn_coll_fused_way(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			uint32_t channel, uint64_t bytes, struct trn_coll_way *ret_way);
/* Channels that a vector of so many bytes is worth. */
uint32_t trn_coll_plan_channels(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
				uint64_t bytes);

/* Does a vector of so many bytes go in strands? Shorter ones lose more by a strand's fixed costs
 * than they gain: measured. */
bool trn_coll_plan_stranded(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			    enum trn_comm_kind kind, uint64_t bytes);
/* Of a shape for ranks of so many channels: strands that it may have. */
uint32_t trn_coll_shape_strands(enum trn_coll_shape shape, uint32_t channels);

/* Of a vector of bytes: what the links of a rank in dimension d carry. */
uint64_t trn_coll_dim_bytes(const struct trn_coll_part *part, uint32_t d, uint64_t bytes);

struct trn_coll_cost {
	uint64_t ns, wire_bytes;
	uint32_t steps;
};
/* bytes: of the vector of a rank (ALL_GATHER, REDUCE_SCATTER, ALL_TO_ALL: of all pieces). */
void trn_coll_plan_cost(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			enum trn_comm_kind kind, uint64_t bytes, struct trn_coll_cost *ret_cost);
struct trn_coll_bound {
	uint64_t latency_ns, bandwidth_ns;
};
void trn_coll_bound(const struct trn_coll_site *site, enum trn_comm_kind kind, uint64_t bytes,
		    struct trn_coll_bound *ret_bound);

#endif /* BASE_COLL_PLAN_H */
