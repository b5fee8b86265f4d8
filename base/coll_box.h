/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes of ranks before their dimensions are put in an order: what the plans share. */
#ifndef BASE_COLL_BOX_H
#define BASE_COLL_BOX_H

#include "base/coll_plan.h"

/* Dimensions slowest first. */
struct trn_coll_box {
	uint32_t dims;
	struct {
		uint32_t size;
		bool ring;
		uint8_t load;
		uint64_t mbps;
		uint32_t hops;
		bool relay;
	} dim[TRN_COLL_DIMS];
	uint16_t rank_at[TRN_COLL_RANKS];
};

/* Cores of a chip, then the dimensions of the pod. relays: in rings of four; there must be one.
 * False: the ranks do not fill a box. */
bool trn_coll_box_grid(struct trn_coll_box *box, const struct trn_coll_site *site, bool relays);
/* A part whose dimensions are those of the box in this order. */
void trn_coll_part_init(struct trn_coll_part *part, const struct trn_coll_box *box,
			const uint8_t *order);
/* The rate of dimension d, below being the positions behind each other there. */
void trn_coll_dim_rate(struct trn_coll_part *part, const struct trn_coll_site *site, uint32_t d,
		       uint32_t below);
/* A core's DMA engines, in 10^6 B/s; adding: of what they read. */
uint64_t trn_coll_engine_mbps(const struct trn_coll_site *site, bool adding);
/* HBM stacks of a chip, and what each moves. */
uint32_t trn_coll_stacks(const struct trn_coll_site *site, uint64_t *ret_mbps);

/* coll_plan_fused.c: parts and variants. */
bool trn_coll_plan_fused(struct trn_coll_plan *plan, const struct trn_coll_box *box,
			 const struct trn_coll_site *site);
void trn_coll_fused_cost(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			 uint64_t bytes, struct trn_coll_cost *ret_cost);

#endif /* BASE_COLL_BOX_H */
