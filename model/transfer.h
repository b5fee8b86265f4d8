/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way by themselves: of any size, between two addresses of which either may be
 * far, copied or reduced; in pieces, each with the engine's, the stacks' and the links' time. The
 * bytes move as each piece arrives. */
#ifndef MODEL_TRANSFER_H
#define MODEL_TRANSFER_H

#include "base/reduce.h"
#include "model/private.h"

#define TRN_TRANSFER_AHEAD 4u /* pieces that have been sent and have not arrived */

struct trn_transfer {
	/* What, filled in by who begins it. */
	struct trn_chip *chip; /* whose engines move it */
	uint64_t dst, src;     /* as chip sees them */
	uint64_t bytes;        /* of dst */
	uint32_t priority;     /* class on the links */
	/* 0: a copy, from anywhere. Else dst = the sources joined, stride bytes apart and near;
	 * what dst holds is the first one with add_dst. */
	uint32_t sources;
	bool add_dst;
	uint64_t stride;
	struct trn_reduce how;
	/* How fast: 10^6 B/s of the engines, which others may share; part of it that this kind of
	 * work gets; before the first and after the last byte. */
	uint64_t mbps, percent;
	struct trn_slots *shared; /* NULL: not shared */
	uint64_t trigger_ps, done_ps;
	/* Once, when all bytes are there, or at the first that cannot be. Not after a cancel. */
	void (*done)(struct trn_transfer *transfer, enum trn_ext_error error, uint64_t bad);
	/* Last of all, cancelled or not: nothing points to it any more. May be NULL. */
	void (*gone)(struct trn_transfer *transfer);
	/* Own. */
	uint64_t begun, arrived;
	uint64_t latency_ps;
	uint64_t sent_ps;                     /* the engine is through with the last piece */
	uint64_t when_ps[TRN_TRANSFER_AHEAD]; /* the last pieces arrive */
	uint32_t pieces;
	uint32_t events; /* that will come */
	bool over;       /* done, or cancelled */
};

/* Whether it may be begun, through a window: what it reads and writes is there and allowed,
 * and no source overlaps dst but in place. Else *ret_bad. */
enum trn_ext_error trn_transfer_check(const struct trn_transfer *transfer, uint32_t window,
				      uint64_t *ret_bad);
/* Of a checked one. Calls nothing before it returns. -ENOMEM: it has not begun, and neither
 * done() nor gone() will be called. */
int trn_transfer_begin(struct trn_transfer *transfer);
/* Between begin and done: no further byte moves. */
void trn_transfer_cancel(struct trn_transfer *transfer);

#endif /* MODEL_TRANSFER_H */
