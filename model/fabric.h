/* SPDX-License-Identifier: Apache-2.0 */
/* The links between the chips of one model (base/pod.h), and transfers of bytes in time: links on
 * the way and HBM stacks at both ends are calendars of slots. Larger transfers go in pieces, so
 * that they share. */
#ifndef MODEL_FABRIC_H
#define MODEL_FABRIC_H

#include "model/private.h"

#define TRN_FABRIC_PIECE (UINT64_C(1) << 20)
/* Who waits for a transfer that was lost on the way hears of it then. */
#define TRN_FABRIC_LOST_PS (10000 * TRN_PS_PER_NS)

/* For a pod of several chips. -ENOMEM. */
/* -EINVAL: ret_why says which rate is wrong. */
int trn_fabric_create(struct trn_model *model, struct trn_fabric **ret_fabric,
		      const char **ret_why);
void trn_fabric_destroy(struct trn_fabric *fabric);
const struct trn_pod_graph *trn_fabric_graph(const struct trn_fabric *fabric);
uint64_t trn_fabric_hash(struct trn_fabric *fabric, uint64_t hash);
/* A trace of a chip begins, or ends: it hears of what is not told yet. */
void trn_fabric_trace(struct trn_fabric *fabric, uint32_t chip, bool ends);

/* Bytes (a piece at most) that begin to leave chip src at start_ps and would take span_ps without
 * links: when the last of them is at chip dst, latency included; behind everything that went from
 * src to dst in the same class (priority 0..3) before. TRN_MODEL_NEVER: the way is broken. */
uint64_t trn_fabric_take_ps(struct trn_fabric *fabric, uint32_t src, uint32_t dst, uint64_t bytes,
			    uint32_t priority, uint64_t start_ps, uint64_t span_ps);
/* The first time at or after at_ps that comes after everything from src to dst in this class:
 * for who has its bytes later than take_ps() said. */
uint64_t trn_fabric_order_ps(struct trn_fabric *fabric, uint32_t src, uint32_t dst,
			     uint32_t priority, uint64_t at_ps);
/* From one chip to another and nothing else under way. */
uint64_t trn_fabric_latency_ps(const struct trn_fabric *fabric, uint32_t src, uint32_t dst);

/* Bytes between two addresses as a chip sees them; either may be far. */
struct trn_piece {
	uint64_t dst, src;
	uint64_t bytes;    /* TRN_FABRIC_PIECE at most, if one side is far */
	uint32_t priority; /* class on the links: 0..3, 0 is served first */
	uint64_t start_ps;
	uint64_t span_ps; /* what the engine takes for it */
};
/* When all of them are there: engine, HBM at both ends, links; a far source is asked first, which
 * takes the way there. TRN_MODEL_NEVER: the way is broken. */
uint64_t trn_piece_ps(struct trn_chip *chip, const struct trn_piece *piece);
/* The same; and when the engine that sent it may go on: the way takes longer than that. */
uint64_t trn_piece_go(struct trn_chip *chip, const struct trn_piece *piece, uint64_t *ret_free_ps);

#endif /* MODEL_FABRIC_H */
