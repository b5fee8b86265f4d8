/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of collectives' schedules: ranks with memory of sets instead of numbers, and a machine
 * that runs their streams in an order that an adversary picks. Who reads what changes, writes
 * where nobody has begun, or waits for ever fails the test. */
#ifndef BASE_TEST_COLL_H
#define BASE_TEST_COLL_H

#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/coll.h"
#include "base/prng.h"
#include "base/test_main.h"

/* Check writes a line for every assertion: these are many. */
#define NEED(x)                                                            \
	do {                                                               \
		if (!(x))                                                  \
			ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x); \
	} while (0)
#define NEED_MSG(x, ...)                           \
	do {                                       \
		if (!(x))                          \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

#define RANKS 144u
#define CHANNELS 3u
#define SEMAPHORES 128u
#define STRAND_SEMAPHORES 40u /* of a strand: more than any way has */
#define AREA UINT64_C(0x1000000)
#define ROOM 512u
#define SEM_BASE UINT64_C(0x8000000000) /* every INC register of a chip is above */
#define OPS_MAX 12u

/* A value: a leaf (rank, element), or joined from some in order. */
struct node {
	uint32_t first, count; /* into list; count 0: a leaf */
	uint32_t rank;
	uint64_t element;
};
struct memory { /* of a rank: numbers of nodes, 0 nothing */
	uint32_t *src, *dst, *scratch[CHANNELS];
	uint64_t src_count, dst_count;
};
struct transfer {
	struct trn_ext_sync_op op;
	uint32_t stream;
	uint32_t *seen; /* sources as they were when it started */
	uint64_t serial;
};
struct stream {
	struct trn_ext_sync_op *ops;
	uint32_t count, at;
	uint64_t under_way;
	bool ended;
};
struct step { /* one collective of the sequence */
	struct trn_coll coll;
	struct trn_coll_way way[CHANNELS];
	bool stranded;
	uint32_t ahead;
	uint64_t chunks; /* fused */
	uint32_t set;
	struct memory *memory; /* by rank */
	struct stream (*streams)[CHANNELS];
};

struct world {
	struct trn_prng prng;
	uint32_t ranks, steps;
	uint32_t order[RANKS], place[RANKS];
	uint16_t rank_at[RANKS], position[RANKS];
	struct trn_coll_rank rank[RANKS];
	uint64_t scratch[RANKS * CHANNELS];
	uint64_t work[4 * RANKS + 1];
	uint64_t counts[RANKS], offsets[RANKS];
	uint64_t a2a[RANKS][RANKS], a2a_src[RANKS][RANKS], a2a_dst[RANKS][RANKS];
	uint64_t from[RANKS][RANKS], there[RANKS][RANKS];
	struct trn_coll_way way[CHANNELS];
	struct step step[OPS_MAX];
	uint32_t set;        /* fused: of the next operation */
	uint32_t now[RANKS]; /* step of each rank */
	uint32_t semaphore[RANKS][CHANNELS][SEMAPHORES];
	uint32_t *scratch_nodes[RANKS][CHANNELS];
	struct node *nodes;
	uint32_t node_count, node_max;
	uint32_t *list;
	uint32_t list_count, list_max;
	struct transfer *pending;
	uint32_t pending_count, pending_max;
	uint64_t serial;
	uint32_t slow; /* a rank that the adversary holds back, or RANKS */
};

/* A value's number. */
uint32_t trn_test_node(struct world *w, const uint32_t *parts, uint32_t count, uint32_t rank,
		       uint64_t element);
/* Addresses: bit 63 the mark, bits 53..62 chip; below: step (bits 40..47) + 1 of a user's buffer,
 * or scratch of a channel; kind in bits 32..35. */
#define ADDRESS(kind, step, at) (((uint64_t)(kind) << 32) | ((uint64_t)(step) << 24) | (at))
/* kind 1 src, 2 dst. */
uint64_t trn_test_address(uint32_t rank, uint32_t kind, uint32_t step);
/* To the end of all steps; semaphores are 0 then. */
void trn_test_world_run(struct world *w);

#endif /* BASE_TEST_COLL_H */
