/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives as schedules of the sync processors (docs/comm.md; device-spec.md 12.5). Arithmetic
 * only: runtime/ fills in addresses and runs them, predictions and the checker read the same.
 *
 * The ranks stand in a box of some dimensions. Every operation goes through the dimensions and in
 * each lets the members of a group give each other parts (RS), then back through them and lets
 * them give each other results (AG). What has no data in a direction sends bare signals there:
 * who has heard all RS of a group knows that its members have begun, who has heard all AG knows
 * that they have read what they got. So no slot is overwritten before it is read, semaphores are
 * 0 before and after, and two of them a dimension are enough. */
#ifndef BASE_COLL_H
#define BASE_COLL_H

#include <stdbool.h>
#include <stdint.h>
#include <trn/comm.h>
#include "base/ext.h"

#define TRN_COLL_DIMS 10u
#define TRN_COLL_CHANNELS 16u
#define TRN_COLL_RANKS 1024u

/* Ranks as a box. A position is the rank's coordinates as one number, dim[0] counts slowest. */
struct trn_coll_dim {
	uint16_t size;     /* >= 2 */
	bool ring;         /* messages only to the next; else everybody to everybody */
	bool back;         /* ring: to the one before */
	bool whole;        /* fused: everybody gets everything; else a part each */
	bool relay;        /* four in a ring of links: no message goes farther than the next */
	uint8_t semaphore; /* RS, AG is the next one; relative to the way's first; relay: 4 */
};
struct trn_coll_way {
	uint32_t dims;
	struct trn_coll_dim dim[TRN_COLL_DIMS];
	uint32_t turn, turns;     /* of the channel among those that go this way, from 1 on */
	const uint16_t *rank_at;  /* of a position */
	const uint16_t *position; /* of a rank */
	/* All-reduce in few steps (coll_fused.c), dimensions that are not whole first: the part of
	 * the vector, in shares for the first of its channels; all of them send. */
	bool fused;
	uint32_t channel, channels, shares;
	uint32_t set_semaphores; /* of each of four sets */
	uint64_t part_from, part_to;
};

struct trn_coll_rank {
	uint64_t mark;      /* what makes an address of its chip a peer's */
	uint32_t chip;      /* same number: same chip */
	uint32_t processor; /* its first sync processor; channel c is the c-th from there */
	uint64_t src, dst;  /* dst of others: only when direct */
};

/* One collective, as one rank sees it. */
struct trn_coll {
	enum trn_comm_kind kind;
	enum trn_dtype dtype;
	uint32_t element; /* bytes */
	enum trn_ext_reduce reduce;
	bool average;
	bool direct; /* every rank's dst is known */
	uint32_t me, root;
	uint32_t ranks;
	const struct trn_coll_rank *rank;
	uint64_t count;
	/* By rank, elements; NULL: count, one behind the other. ALL_GATHER, REDUCE_SCATTER: the
	 * pieces of dst, of src. ALL_TO_ALL: what goes to, and comes from, each. */
	const uint64_t *counts, *offsets;
	const uint64_t *from_counts, *from_offsets; /* ALL_TO_ALL: of dst */
	const uint64_t *there; /* ALL_TO_ALL, direct: where in each rank's dst mine begins */

	/* The channel: [part_from, part_to) of parts of every vector. */
	uint32_t channel, channels;
	uint64_t part_from, part_to, parts;
	/* Its first chunk is turn / turns of one: channels whose steps differ in what they need
	 * then need it at different times. turns 0: whole. */
	uint32_t turn, turns;
	const struct trn_coll_way *way;
	uint32_t semaphore;      /* first of the way */
	uint32_t root_semaphore; /* ready, then data */
	const uint64_t *scratch; /* of the way: [rank * channels + channel] */
	uint64_t room;           /* bytes of a chunk; scratch has TRN_COLL_SCRATCH() */
	/* A channel may go in two strands, each with a part of its own, half of the scratch,
	 * semaphores of the way and one more: to wait for what it moved here, as a FENCE would
	 * wait for the other's transfers. strands 0: one. */
	uint32_t strand, strands;
	uint32_t own_semaphore;
	uint64_t *work; /* 4 * ranks + 1 numbers */
	/* Fused: the same on all channels and ranks, from trn_coll_fused_chunks(); and, direct, not
	 * the set that the last chunk of the one before had: 0 or 1, of chunks in turn. */
	uint64_t chunks;
	uint32_t set;
};
#define TRN_COLL_STRANDS 2u
/* Results, then slots of all dimensions and places for what rings add; roundings. Halves of both
 * are a strand's, so that results stay while slots of the next operation fill, stranded or not. */
#define TRN_COLL_RESULTS(room, ranks) ((room) + 256 * (uint64_t)(ranks))
#define TRN_COLL_SCRATCH(room, ranks) (4 * (room) + 1024 * (uint64_t)(ranks))

/* Operations come out here; ops NULL only counts. */
struct trn_coll_ops {
	struct trn_ext_sync_op *ops;
	uint32_t count, max; /* count goes on when there is no room */
};

/* A channel's whole stream, END included. */
void trn_coll_build(const struct trn_coll *coll, struct trn_coll_ops *out);
/* The same where the way is fused. */
void trn_coll_build_fused(const struct trn_coll *coll, struct trn_coll_ops *out);
/* Chunks that its way wants at least. */
uint64_t trn_coll_fused_chunks(const struct trn_coll *coll);
/* All that ways of so many dimensions take. */
uint32_t trn_coll_fused_semaphores(uint32_t set_semaphores, uint32_t dims);
/* A step with more messages than these is shared by a crew (coll_fused.c). */
#define TRN_COLL_CREW_LEAST 6u
/* Can the kind go in strands? Every rank must have the same waits in the same order. */
bool trn_coll_stranded(enum trn_comm_kind kind);
/* Two strands as one stream of a processor, END included, and its length: what begins with a wait
 * for others in turn, the first's by ahead of them sooner. The same ahead on all ranks: then
 * whatever a wait is for comes earlier in the same order there, and nobody waits for ever.
 * trn_coll_ahead(): what is best for a way. */
uint32_t trn_coll_ahead(const struct trn_coll_way *way);
uint32_t trn_coll_merge(const struct trn_ext_sync_op *first, const struct trn_ext_sync_op *second,
			uint32_t ahead, struct trn_ext_sync_op *ret);
/* part / parts of count, rounded down: shares that follow each other fit together. */
uint64_t trn_coll_share(uint64_t count, uint64_t part, uint64_t parts);
/* Cut in chunks as a whole, not by pieces of ranks. */
bool trn_coll_one_vector(enum trn_comm_kind kind);
/* Its chunks: the same on all ranks. */
uint64_t trn_coll_chunks(const struct trn_coll *coll);
/* Elements of a chunk in a vector of count that are the channel's. */
void trn_coll_chunk(const struct trn_coll *coll, uint64_t count, uint64_t chunk, uint64_t chunks,
		    uint64_t *ret_from, uint64_t *ret_to);

/* Point to point: parts of one fused command. A step of each: first all that are ready to receive
 * say so, then what is to be sent is sent, then what was received is copied out. */
struct trn_coll_p2p {
	uint32_t peer;
	bool send;
	uint64_t local;   /* address of the data, or where they go */
	uint64_t remote;  /* sending, direct: the peer's dst, as its own chip sees it */
	uint64_t landing; /* else: scratch of the receiver, as its own chip sees it */
	uint64_t bytes;
	uint32_t semaphore; /* here: ready, then data */
	uint32_t there;     /* channel of the peer that hears of this rank */
	uint32_t there_semaphore;
	bool direct;
};
void trn_coll_build_p2p(const struct trn_coll *coll, const struct trn_coll_p2p *parts,
			uint32_t count, struct trn_coll_ops *out);

/* The increment register of a semaphore of a sync processor. */
uint64_t trn_coll_semaphore(uint32_t processor, uint32_t semaphore);

#endif /* BASE_COLL_H */
