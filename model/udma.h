/* SPDX-License-Identifier: Apache-2.0 */
/* One UDMA engine, shared by its register file (udma.c) and its data path
 * (udma_copy.c). M2S reads the source, S2M writes the destination; queue q of
 * one direction works with queue q of the other. */
#ifndef MODEL_UDMA_H
#define MODEL_UDMA_H

#include "model/parts.h"

enum udma_dir {
	UDMA_M2S = 0,
	UDMA_S2M = 1,
};

struct udma_queue { /* of one direction */
	uint32_t cfg, base_lo, base_hi, length;
	uint32_t head, head_id; /* next descriptor to fetch, and its ring id */
	uint32_t tail, tail_id;
	uint32_t done, done_id; /* descriptors before it are complete */
	uint32_t waiting;       /* rung and not fetched */
};

struct udma_pair {
	bool ready;        /* ready_ps is set: both directions have work */
	bool stalled;      /* the packet at the head is not complete: wait for a doorbell */
	uint64_t ready_ps; /* no packet starts before */
	/* Order of writes: when all so far are visible, before when no later one may be, and when
	 * the last one on the path to HBM and on the other path is. */
	uint64_t visible_ps, floor_ps, path_ps[2];
	uint64_t epoch; /* packets of an older one are dropped */
	uint32_t in_flight;
};

struct udma_interrupt {
	uint32_t cause, mask, control, abort_mask;
};
#define UDMA_GROUPS 7      /* primary A..D, then secondary A..C */
#define UDMA_PRIMARY_D 3   /* bits 8..10 summarise the secondary groups */
#define UDMA_SECONDARY_A 4 /* errors of M2S; B follows with those of S2M */

struct udma_piece {
	uint64_t dst, src;
	uint32_t size;
};

/* A packet whose bytes are on the way. */
struct udma_packet {
	struct udma_packet *next, *prev;
	uint64_t bytes;
	uint32_t queue, tx_count, rx_count;
	bool lost; /* on a link: never arrives */
	uint32_t room, count;
	struct udma_piece pieces[];
};

struct trn_udma {
	struct trn_chip *chip;
	uint32_t index, base; /* BAR0 */
	uint32_t state[2];    /* TRN_UDMA_STATE_* */
	struct udma_queue queue[2][TRN_DMA_QUEUES];
	struct udma_pair pair[TRN_DMA_QUEUES];
	struct udma_interrupt group[UDMA_GROUPS];
	uint32_t next_queue; /* round robin */
	uint64_t step_ps;    /* of the pending step; TRN_MODEL_NEVER: none */
	uint64_t step_token;
	uint64_t busy_ps;            /* the data path is taken until then */
	bool hung;                   /* fault */
	bool init_told;              /* the checker said that engine init is incomplete */
	struct udma_packet *packets; /* in flight */
	struct udma_packet *spare;   /* single-piece ones for the next time */
};

/* udma.c */
uint32_t trn_udma_plain(const struct trn_udma *udma, uint32_t offset);
/* An error of one direction: cause bit, record, and abort. */
void trn_udma_abort(struct trn_udma *udma, enum udma_dir dir, uint32_t cause, uint32_t queue,
		    const char *rule, uint64_t address);
/* The same unless the abort mask has the bit. True when aborted. */
bool trn_udma_error(struct trn_udma *udma, enum udma_dir dir, uint32_t cause, uint32_t queue,
		    const char *rule, uint64_t address);

/* udma_copy.c */
/* Something changed for a queue: start it when it has work. */
void trn_udma_poke(struct trn_udma *udma, uint32_t queue);
/* Packets under way never arrive. */
void trn_udma_drop(struct trn_udma *udma, uint32_t queue);
void trn_udma_packets_free(struct trn_udma *udma);

static inline uint32_t udma_index_reg(uint32_t index, uint32_t id)
{
	return index | id << 30;
}

static inline bool udma_queue_enabled(const struct udma_queue *queue)
{
	return (queue->cfg & TRN_UDMAQ_CFG_ENABLE) == TRN_UDMAQ_CFG_ENABLE;
}

#endif /* MODEL_UDMA_H */
