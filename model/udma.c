/* SPDX-License-Identifier: Apache-2.0 */
/* The register file of one UDMA engine (driver facts 3.6 to 3.9): queues,
 * doorbells, state, error causes. Registers that only read back are a table. */
#include "model/udma.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"

#define QUEUES_OFFSET 0x1000u
#define QUEUE_STRIDE 0x1000u
#define SW_CTRL_RESET 0x100u
#define INDEX_MASK 0xffffffu
#define RING_ALIGN 256u
#define VERSION 4u /* driver facts 7.5: what the engine-state ioctl reports */
#define OSTAND_WR_2_MASK 0x3ffu
#define OSTAND_WR_2_VALUE 256u

/* Registers that hold what was written. Reset values that are not 0 are inferred, except
 * the rate limit mask's. */
struct plain {
	uint32_t first, words, stride, count, reset;
};
static const struct plain plains[] = {
	{ 0x00100, 10, 0, 1, 0 },         /* M2S AXI */
	{ 0x0020c, 1, 0, 1, 0 },          /* M2S error log mask */
	{ 0x00254, 1, 0, 1, 0x010fffff }, /* packet length */
	{ 0x00258, 1, 0, 1, 0 },          /* stream */
	{ 0x00300, 1, 0, 1, 0 },          /* prefetch 1 */
	{ 0x00304, 1, 0, 1, 0x00010041 }, /* prefetch 2: descriptors per packet */
	{ 0x00308, 2, 0, 1, 0 },          /* prefetch 3, 4 */
	{ 0x00310, 1, 0, 1, 0 },          /* data */
	{ 0x003c0, 16, 0, 1, 0 },         /* stream rate limiter */
	{ 0x00408, 1, 0, 1, 0 },          /* acknowledge timeout */
	{ 0x20100, 12, 0, 1, 0 },         /* S2M AXI */
	{ 0x2020c, 1, 0, 1, 0 },          /* S2M error log mask */
	{ 0x20250, 1, 0, 1, 0 },          /* stream */
	{ 0x20300, 4, 0, 1, 0 },          /* prefetch 1 to 4 */
	{ 0x20380, 1, 0, 1, 0 },          /* completion */
	{ 0x2038c, 1, 0, 1, 0 },          /* acknowledge timeout */
	{ 0x3a300, 1, 0, 1, 0 },          /* AXI timeout */
	{ 0x3a900, 16, 0x40, 7, 0 },      /* AXI error detection */
	{ 0x3ab00, 7, 0, 1, 0 },          /* AXI error control */
	{ 0x3ac00, 48, 0, 1, 0 },         /* AXI queue table */
	{ 0x3b460, 2, 0, 1, 0 },          /* spare, zeroes */
	{ 0x3b468, 2, 0, 1, 0xffffffff }, /* spare, ones */
	{ 0x3c400, 4, 0x40, 16, 0 },      /* address-high selectors */
	{ 0x40000, 1, 0, 1, 0 },          /* app: event accelerator */
	{ 0x4001c, 2, 0, 1, 0 },          /* app: read and write re-order buffers */
	{ 0x40800, 1, 0, 1, 0 },          /* app: back-pressure */
	/* In every queue; completion rings are not modelled, as the driver does not use them. */
	{ 0x01044, 2, 0x1000, 16, 0 }, /* completion ring base */
	{ 0x01074, 1, 0x1000, 16, 7 }, /* rate limit mask */
	{ 0x010a0, 1, 0x1000, 16, 0 }, /* completion */
	{ 0x21044, 2, 0x1000, 16, 0 },
	{ 0x21054, 1, 0x1000, 16, 0 },
};

static const struct plain *plain_find(uint32_t offset)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(plains); i++) {
		const struct plain *plain = &plains[i];
		uint32_t from = offset - plain->first;
		uint32_t element = plain->stride != 0 ? from / plain->stride : 0;

		if (offset >= plain->first && element < plain->count &&
		    from - element * plain->stride < plain->words * 4)
			return plain;
	}
	return NULL;
}

uint32_t trn_udma_plain(const struct trn_udma *udma, uint32_t offset)
{
	const struct plain *plain = plain_find(offset);

	return plain ? trn_plain_get(udma->chip->plain, udma->base + offset, plain->reset) : 0;
}

static void violation(struct trn_udma *udma, const char *rule, uint64_t address, uint64_t value,
		      uint32_t queue)
{
	trn_model_event(udma->chip, TRN_EV_VIOLATION, rule, address, value, udma->index, queue);
}

/* ---- state and errors ---- */

static void abort_direction(struct trn_udma *udma, enum udma_dir dir)
{
	udma->state[dir] = TRN_UDMA_STATE_ABORT;
	for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++)
		trn_udma_drop(udma, q);
}

void trn_udma_abort(struct trn_udma *udma, enum udma_dir dir, uint32_t cause, uint32_t queue,
		    const char *rule, uint64_t address)
{
	udma->group[UDMA_SECONDARY_A + (uint32_t)dir].cause |= cause;
	trn_model_event(udma->chip, TRN_EV_DMA_ERROR, rule, address, cause, udma->index, queue);
	abort_direction(udma, dir);
}

bool trn_udma_error(struct trn_udma *udma, enum udma_dir dir, uint32_t cause, uint32_t queue,
		    const char *rule, uint64_t address)
{
	struct udma_interrupt *group = &udma->group[UDMA_SECONDARY_A + (uint32_t)dir];

	group->cause |= cause;
	if ((cause & ~group->abort_mask) == 0)
		return false;
	trn_udma_abort(udma, dir, cause, queue, rule, address);
	return true;
}

static void change_state(struct trn_udma *udma, enum udma_dir dir, uint32_t value)
{
	if ((value & TRN_UDMA_CHANGE_ABORT) != 0) {
		abort_direction(udma, dir);
	} else if ((value & TRN_UDMA_CHANGE_DISABLE) != 0) {
		udma->state[dir] = TRN_UDMA_STATE_IDLE;
	} else if ((value & TRN_UDMA_CHANGE_NORMAL) != 0) {
		udma->state[dir] = TRN_UDMA_STATE_NORMAL;
		for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++)
			trn_udma_poke(udma, q);
	}
}

static uint32_t group_cause(const struct trn_udma *udma, uint32_t group)
{
	uint32_t cause = udma->group[group].cause;

	for (uint32_t i = 0; group == UDMA_PRIMARY_D && i < 3; i++) {
		const struct udma_interrupt *secondary = &udma->group[UDMA_SECONDARY_A + i];

		if ((secondary->cause & ~secondary->mask) != 0)
			cause |= UINT32_C(0x100) << i;
	}
	return cause;
}

/* Group of an offset in one of the two interrupt areas, or -1. */
static int group_of(uint32_t offset)
{
	if (offset >= TRN_UDMA_INT_PRIMARY(0) && offset < TRN_UDMA_INT_PRIMARY(4))
		return (int)((offset - TRN_UDMA_INT_PRIMARY(0)) / 0x40);
	if (offset >= TRN_UDMA_INT_SECONDARY(0) && offset < TRN_UDMA_INT_SECONDARY(3))
		return (int)(UDMA_SECONDARY_A + (offset - TRN_UDMA_INT_SECONDARY(0)) / 0x40);
	return -1;
}

static bool group_read(const struct trn_udma *udma, uint32_t group, uint32_t reg,
		       uint32_t *ret_value)
{
	const struct udma_interrupt *g = &udma->group[group];
	uint32_t cause = group_cause(udma, group);

	switch (reg) {
	case TRN_UDMA_INT_CAUSE:
	case TRN_UDMA_INT_CAUSE_SET:
		*ret_value = cause;
		return true;
	case TRN_UDMA_INT_MASK:
	case TRN_UDMA_INT_MASK_CLEAR:
		*ret_value = g->mask;
		return true;
	case TRN_UDMA_INT_STATUS:
		*ret_value = cause & ~g->mask;
		return true;
	case TRN_UDMA_INT_CONTROL:
		*ret_value = g->control;
		return true;
	case TRN_UDMA_INT_ABORT_MASK:
		*ret_value = g->abort_mask;
		return true;
	default:
		return false;
	}
}

static bool group_write(struct trn_udma *udma, uint32_t group, uint32_t reg, uint32_t value)
{
	struct udma_interrupt *g = &udma->group[group];

	switch (reg) {
	case TRN_UDMA_INT_CAUSE:
		g->cause &= value; /* zeroes clear; inferred from mask_clear */
		return true;
	case TRN_UDMA_INT_CAUSE_SET:
		if (value != 0 && (group == UDMA_SECONDARY_A || group == UDMA_SECONDARY_A + 1))
			(void)trn_udma_error(udma, (enum udma_dir)(group - UDMA_SECONDARY_A), value,
					     0, "cause-set", 0);
		else
			g->cause |= value;
		return true;
	case TRN_UDMA_INT_MASK:
		g->mask = value;
		return true;
	case TRN_UDMA_INT_MASK_CLEAR:
		g->mask &= value;
		return true;
	case TRN_UDMA_INT_STATUS:
		return true; /* read only */
	case TRN_UDMA_INT_CONTROL:
		g->control = value;
		return true;
	case TRN_UDMA_INT_ABORT_MASK:
		g->abort_mask = value;
		return true;
	default:
		return false;
	}
}

/* ---- queues ---- */

static uint64_t queue_base(const struct udma_queue *queue)
{
	return trn_u64(queue->base_lo, queue->base_hi);
}

static bool pair_busy(const struct trn_udma *udma, uint32_t q)
{
	return udma->state[UDMA_M2S] == TRN_UDMA_STATE_NORMAL &&
	       udma->state[UDMA_S2M] == TRN_UDMA_STATE_NORMAL && !udma->hung &&
	       (udma->pair[q].in_flight != 0 ||
		(udma->queue[UDMA_M2S][q].waiting != 0 && udma->queue[UDMA_S2M][q].waiting != 0));
}

static void queue_clear(struct udma_queue *queue)
{
	queue->head = queue->tail = queue->done = 0;
	queue->head_id = queue->tail_id = queue->done_id = 1;
	queue->waiting = 0;
}

static void queue_sw_ctrl(struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t value)
{
	struct udma_queue *queue = &udma->queue[dir][q];

	if ((value & SW_CTRL_RESET) == 0)
		return;
	if ((queue->cfg & TRN_UDMAQ_CFG_ENABLE) != 0)
		violation(udma, "queue-reset-enabled", queue_base(queue), queue->cfg, q);
	if (pair_busy(udma, q))
		violation(udma, "queue-reset-busy", queue_base(queue), queue->waiting, q);
	queue_clear(queue);
	trn_udma_drop(udma, q);
}

static void queue_cfg(struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t value)
{
	struct udma_queue *queue = &udma->queue[dir][q];
	bool was = udma_queue_enabled(queue);

	queue->cfg = value;
	if (was || !udma_queue_enabled(queue))
		return;
	/* Engine init enables queues before they have a ring. */
	if (queue->length != 0 || queue_base(queue) != 0) {
		if (queue_base(queue) % RING_ALIGN != 0)
			violation(udma, "ring-base", queue_base(queue), queue->length, q);
		if (queue->length < TRN_UDMA_RING_MIN || queue->length > TRN_UDMA_RING_MAX ||
		    queue->length % 16 != 0)
			violation(udma, "ring-length", queue_base(queue), queue->length, q);
	}
	trn_udma_poke(udma, q);
}

/* What of engine init changes behaviour on this generation must have happened. */
static void check_init(struct trn_udma *udma, uint32_t q)
{
	uint32_t value = trn_udma_plain(udma, TRN_UDMA_S2M_OSTAND_WR_2) & OSTAND_WR_2_MASK;

	if (!udma->chip->gen->ostand_wr_2 || udma->init_told || value == OSTAND_WR_2_VALUE)
		return;
	udma->init_told = true;
	violation(udma, "engine-init", udma->base + TRN_UDMA_S2M_OSTAND_WR_2, value, q);
}

static void doorbell(struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t value)
{
	struct udma_queue *queue = &udma->queue[dir][q];
	uint32_t count = value & INDEX_MASK;

	udma->chip->counters.doorbells++;
	check_init(udma, q);
	/* 16 slots stay unused (driver facts 3.5). */
	if ((uint64_t)queue->waiting + count + TRN_UDMA_RING_GAP > queue->length) {
		violation(udma, "doorbell-past-ring", queue_base(queue), count, q);
		return;
	}
	queue->waiting += count;
	queue->tail += count;
	if (queue->tail >= queue->length) {
		queue->tail -= queue->length;
		queue->tail_id = (queue->tail_id + 1) & TRN_UDMA_RING_ID_MASK;
	}
	udma->pair[q].stalled = false;
	trn_udma_poke(udma, q);
}

static void queue_ring(struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t *field,
		       uint32_t value)
{
	if (*field != value && pair_busy(udma, q))
		violation(udma, "rebase-busy", queue_base(&udma->queue[dir][q]), value, q);
	*field = value;
}

/* Register of a queue; false when it is another kind. */
static bool queue_read(const struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t reg,
		       uint32_t *ret_value)
{
	const struct udma_queue *queue = &udma->queue[dir][q];

	switch (reg) {
	case TRN_UDMAQ_CFG:
		*ret_value = queue->cfg;
		return true;
	case TRN_UDMAQ_STATUS: /* inferred: descriptors not fetched yet */
		*ret_value = queue->waiting;
		return true;
	case TRN_UDMAQ_BASE_LO:
		*ret_value = queue->base_lo;
		return true;
	case TRN_UDMAQ_BASE_HI:
		*ret_value = queue->base_hi;
		return true;
	case TRN_UDMAQ_LENGTH:
		*ret_value = queue->length;
		return true;
	case TRN_UDMAQ_HEAD:
	case TRN_UDMAQ_CURRENT:
		*ret_value = udma_index_reg(queue->head, queue->head_id);
		return true;
	case TRN_UDMAQ_TAIL:
		*ret_value = udma_index_reg(queue->tail, queue->tail_id);
		return true;
	case TRN_UDMAQ_COMP_HEAD:
		*ret_value = udma_index_reg(queue->done, queue->done_id);
		return true;
	default:
		*ret_value = 0;
		return reg == TRN_UDMAQ_TAIL_INC ||
		       reg == (dir == UDMA_M2S ? TRN_UDMAQ_M2S_SW_CTRL : TRN_UDMAQ_S2M_SW_CTRL);
	}
}

static bool queue_write(struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t reg,
			uint32_t value)
{
	struct udma_queue *queue = &udma->queue[dir][q];

	switch (reg) {
	case TRN_UDMAQ_TAIL_INC:
		doorbell(udma, dir, q, value);
		return true;
	case TRN_UDMAQ_CFG:
		queue_cfg(udma, dir, q, value);
		return true;
	case TRN_UDMAQ_BASE_LO:
		queue_ring(udma, dir, q, &queue->base_lo, value & TRN_UDMAQ_BASE_LO_MASK);
		return true;
	case TRN_UDMAQ_BASE_HI:
		queue_ring(udma, dir, q, &queue->base_hi, value);
		return true;
	case TRN_UDMAQ_LENGTH:
		queue_ring(udma, dir, q, &queue->length, value & INDEX_MASK);
		return true;
	case TRN_UDMAQ_STATUS:
	case TRN_UDMAQ_HEAD:
	case TRN_UDMAQ_TAIL:
	case TRN_UDMAQ_CURRENT:
	case TRN_UDMAQ_COMP_HEAD:
		return true; /* read only */
	default:
		if (reg != (dir == UDMA_M2S ? TRN_UDMAQ_M2S_SW_CTRL : TRN_UDMAQ_S2M_SW_CTRL))
			return false;
		queue_sw_ctrl(udma, dir, q, value);
		return true;
	}
}

/* ---- decode ---- */

/* Where an offset of the block lies: queue areas of both directions. */
static bool queue_of(uint32_t offset, enum udma_dir *ret_dir, uint32_t *ret_queue,
		     uint32_t *ret_reg)
{
	uint32_t from = offset & (TRN_UDMA_S2M - 1);

	if (offset >= 2 * TRN_UDMA_S2M || from < QUEUES_OFFSET ||
	    from >= QUEUES_OFFSET + TRN_DMA_QUEUES * QUEUE_STRIDE)
		return false;
	*ret_dir = offset < TRN_UDMA_S2M ? UDMA_M2S : UDMA_S2M;
	*ret_queue = (from - QUEUES_OFFSET) / QUEUE_STRIDE;
	*ret_reg = from % QUEUE_STRIDE;
	return true;
}

static bool state_read(const struct trn_udma *udma, uint32_t offset, uint32_t *ret_value)
{
	enum udma_dir dir = offset < TRN_UDMA_S2M ? UDMA_M2S : UDMA_S2M;

	switch (offset & ~TRN_UDMA_S2M) {
	case TRN_UDMA_STATE:
		*ret_value = TRN_UDMA_STATE_ALL(udma->state[dir]);
		return true;
	case TRN_UDMA_CHANGE_STATE:
		*ret_value = 0;
		return true;
	case TRN_UDMA_VERSION:
		*ret_value = VERSION;
		return offset == TRN_UDMA_VERSION;
	default:
		return false;
	}
}

static bool state_write(struct trn_udma *udma, uint32_t offset, uint32_t value)
{
	enum udma_dir dir = offset < TRN_UDMA_S2M ? UDMA_M2S : UDMA_S2M;

	switch (offset & ~TRN_UDMA_S2M) {
	case TRN_UDMA_STATE:
		return true; /* read only */
	case TRN_UDMA_CHANGE_STATE:
		change_state(udma, dir, value);
		return true;
	case TRN_UDMA_VERSION:
		return offset == TRN_UDMA_VERSION;
	default:
		return false;
	}
}

uint32_t trn_udma_read(struct trn_udma *udma, uint32_t offset)
{
	const struct plain *plain;
	enum udma_dir dir;
	uint32_t value = 0, q, reg;
	int group;

	if (queue_of(offset, &dir, &q, &reg) && queue_read(udma, dir, q, reg, &value))
		return value;
	group = group_of(offset);
	if (group >= 0 && group_read(udma, (uint32_t)group, offset % 0x40, &value))
		return value;
	if (offset < 2 * TRN_UDMA_S2M && state_read(udma, offset, &value))
		return value;
	plain = plain_find(offset);
	if (plain)
		return trn_plain_get(udma->chip->plain, udma->base + offset, plain->reset);
	if (offset >= TRN_UDMA_NOTIFIC && offset - TRN_UDMA_NOTIFIC < 0x1000 &&
	    trn_notific_read(udma->chip->notific, TRN_NQ_OWNER_UDMA + udma->index,
			     offset - TRN_UDMA_NOTIFIC, &value))
		return value;
	trn_chip_unknown(udma->chip, udma->base + offset, false, 0);
	return 0;
}

void trn_udma_write(struct trn_udma *udma, uint32_t offset, uint32_t value)
{
	const struct plain *plain;
	enum udma_dir dir;
	uint32_t q, reg;
	int group = group_of(offset);

	if (queue_of(offset, &dir, &q, &reg) && queue_write(udma, dir, q, reg, value))
		return;
	if (group >= 0 && group_write(udma, (uint32_t)group, offset % 0x40, value))
		return;
	if (offset < 2 * TRN_UDMA_S2M && state_write(udma, offset, value))
		return;
	plain = plain_find(offset);
	if (plain)
		trn_plain_set(udma->chip->plain, udma->base + offset, value, plain->reset);
	else if (offset < TRN_UDMA_NOTIFIC || offset - TRN_UDMA_NOTIFIC >= 0x1000 ||
		 !trn_notific_write(udma->chip->notific, TRN_NQ_OWNER_UDMA + udma->index,
				    offset - TRN_UDMA_NOTIFIC, value))
		trn_chip_unknown(udma->chip, udma->base + offset, true, value);
}

/* ---- life ---- */

static void reset_values(struct trn_udma *udma)
{
	for (uint32_t dir = 0; dir < 2; dir++) {
		udma->state[dir] = TRN_UDMA_STATE_NORMAL; /* driver facts 13.2: assumed */
		for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
			udma->queue[dir][q] = (struct udma_queue){ .cfg = TRN_UDMAQ_CFG_RESET };
			queue_clear(&udma->queue[dir][q]);
		}
	}
	for (uint32_t i = 0; i < UDMA_GROUPS; i++)
		udma->group[i] = (struct udma_interrupt){ .mask = UINT32_MAX };
	udma->hung = false;
	udma->init_told = false;
}

int trn_udma_create(struct trn_chip *chip, uint32_t index, struct trn_udma **ret_udma)
{
	struct trn_udma *udma = trn_alloc_zero(chip->model->alloc, sizeof(*udma));

	if (!udma)
		return -ENOMEM;
	udma->chip = chip;
	udma->index = index;
	udma->base = trn_regs_udma_bar0(index);
	udma->step_ps = TRN_MODEL_NEVER;
	reset_values(udma);
	*ret_udma = udma;
	return 0;
}

void trn_udma_destroy(struct trn_udma *udma)
{
	if (!udma)
		return;
	trn_udma_packets_free(udma);
	trn_free(udma->chip->model->alloc, udma);
}

void trn_udma_reset(struct trn_udma *udma)
{
	for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
		trn_udma_drop(udma, q);
		udma->pair[q] = (struct udma_pair){ .epoch = udma->pair[q].epoch };
	}
	udma->next_queue = 0;
	udma->busy_ps = 0;
	udma->step_ps = TRN_MODEL_NEVER;
	reset_values(udma);
}

uint64_t trn_udma_hash(const struct trn_udma *udma, uint64_t hash)
{
	hash = trn_hash_u64(hash, trn_u64(udma->state[0], udma->state[1]));
	hash = trn_hash_bytes(hash, udma->queue, sizeof(udma->queue));
	hash = trn_hash_bytes(hash, udma->group, sizeof(udma->group));
	for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
		const struct udma_pair *pair = &udma->pair[q];

		hash = trn_hash_u64(hash, trn_u64(pair->in_flight, (uint32_t)pair->stalled));
		hash = trn_hash_u64(hash, pair->visible_ps);
		hash = trn_hash_u64(hash, pair->floor_ps);
	}
	hash = trn_hash_u64(hash, udma->step_ps);
	return trn_hash_u64(hash, udma->hung);
}
