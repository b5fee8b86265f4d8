/* SPDX-License-Identifier: Apache-2.0 */
/* Notification queues (driver facts 4): 96 register groups in each block, and
 * the producer. Entry format, phase bit and the full rule are libtrn's. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "model/parts.h"

#define GROUP_FIRST 0x100u
#define GROUP_STRIDE 0x28u
#define ENTRY_SIZE ((uint32_t)sizeof(struct trn_nq_entry))

struct queue {
	uint32_t base_lo, base_hi, size, head;
	uint32_t tail; /* producer, in bytes */
	bool armed, phase, full;
};

struct block {
	struct queue queues[TRN_NQ_GROUPS];
};

struct trn_notific {
	struct trn_chip *chip;
	struct block *blocks[TRN_NQ_OWNERS]; /* made when first written */
};

int trn_notific_create(struct trn_chip *chip, struct trn_notific **ret_notific)
{
	struct trn_notific *notific = trn_alloc_zero(chip->model->alloc, sizeof(*notific));

	if (!notific)
		return -ENOMEM;
	notific->chip = chip;
	*ret_notific = notific;
	return 0;
}

void trn_notific_destroy(struct trn_notific *notific)
{
	if (!notific)
		return;
	for (uint32_t i = 0; i < TRN_NQ_OWNERS; i++)
		trn_free(notific->chip->model->alloc, notific->blocks[i]);
	trn_free(notific->chip->model->alloc, notific);
}

/* Queue and register of an offset, or -1. */
static int queue_of(uint32_t offset, uint32_t *ret_reg)
{
	uint32_t from = offset - GROUP_FIRST;

	*ret_reg = from % GROUP_STRIDE;
	if (offset < GROUP_FIRST || from / GROUP_STRIDE >= TRN_NQ_GROUPS || *ret_reg > 0xc)
		return -1;
	return (int)(from / GROUP_STRIDE);
}

static uint32_t *queue_reg(struct queue *queue, uint32_t reg)
{
	uint32_t *const regs[] = { &queue->base_lo, &queue->base_hi, &queue->size, &queue->head };

	return regs[reg / 4];
}

bool trn_notific_read(struct trn_notific *notific, uint32_t owner, uint32_t offset,
		      uint32_t *ret_value)
{
	uint32_t reg;
	int i = queue_of(offset, &reg);

	if (i < 0)
		return false;
	*ret_value = notific->blocks[owner] ? *queue_reg(&notific->blocks[owner]->queues[i], reg) :
					      0;
	return true;
}

static void violation(struct trn_notific *notific, const char *rule, uint64_t address,
		      uint32_t value, uint32_t owner, uint32_t queue)
{
	trn_model_event(notific->chip, TRN_EV_VIOLATION, rule, address, value, owner, queue);
}

static void queue_size(struct trn_notific *notific, struct queue *queue, uint32_t owner,
		       uint32_t index)
{
	/* The write of a size arms the queue, zero disarms it. */
	queue->armed = false;
	queue->head = queue->tail = 0;
	queue->phase = true;
	queue->full = false;
	if (queue->size == 0)
		return;
	if (!trn_is_pow2(queue->size) || queue->size < 2 * ENTRY_SIZE) {
		violation(notific, "nq-size", trn_u64(queue->base_lo, queue->base_hi), queue->size,
			  owner, index);
		return;
	}
	queue->armed = true;
}

bool trn_notific_write(struct trn_notific *notific, uint32_t owner, uint32_t offset, uint32_t value)
{
	struct trn_model *model = notific->chip->model;
	struct queue *queue;
	uint32_t reg;
	int i = queue_of(offset, &reg);

	if (i < 0)
		return false;
	if (!notific->blocks[owner])
		notific->blocks[owner] = trn_alloc_zero(model->alloc, sizeof(struct block));
	if (!notific->blocks[owner]) {
		model->lost++;
		return true;
	}
	queue = &notific->blocks[owner]->queues[i];
	*queue_reg(queue, reg) = value;
	if (reg == 0x8)
		queue_size(notific, queue, owner, (uint32_t)i);
	if (reg == 0xc && queue->armed) {
		if (value >= queue->size || value % ENTRY_SIZE != 0)
			violation(notific, "nq-head", 0, value, owner, (uint32_t)i);
		queue->full = false;
	}
	return true;
}

void trn_notific_reset(struct trn_notific *notific, uint32_t owner)
{
	if (notific->blocks[owner])
		*notific->blocks[owner] = (struct block){ 0 };
}

bool trn_notific_armed(const struct trn_notific *notific, uint32_t owner, uint32_t index)
{
	return notific->blocks[owner] && notific->blocks[owner]->queues[index].armed;
}

void trn_notific_post(struct trn_notific *notific, uint32_t owner, uint32_t index,
		      const struct trn_nq_entry *entry)
{
	struct queue *queue;
	uint64_t address, bad = 0;
	uint32_t word;
	const uint8_t *bytes = (const uint8_t *)entry;
	int r;

	if (!trn_notific_armed(notific, owner, index))
		return;
	queue = &notific->blocks[owner]->queues[index];
	/* One slot stays free, so that full and empty differ. */
	if ((queue->tail + ENTRY_SIZE) % queue->size == queue->head) {
		if (!queue->full)
			violation(notific, "nq-overflow", trn_u64(queue->base_lo, queue->base_hi),
				  queue->tail, owner, index);
		queue->full = true;
		return;
	}
	address = trn_u64(queue->base_lo, queue->base_hi) + queue->tail;
	/* The word with the phase bit goes last: a reader that sees it sees the rest. */
	r = trn_chip_dma_write(notific->chip, address + 4, bytes + 4, ENTRY_SIZE - 4, &bad);
	word = (entry->phase_type & ~TRN_NQ_PHASE) | (queue->phase ? TRN_NQ_PHASE : 0);
	if (r == 0)
		r = trn_chip_dma_write(notific->chip, address, &word, sizeof(word), &bad);
	if (r < 0) {
		violation(notific, "nq-unmapped", bad, queue->size, owner, index);
		queue->armed = false;
		return;
	}
	queue->tail = (queue->tail + ENTRY_SIZE) % queue->size;
	if (queue->tail == 0)
		queue->phase = !queue->phase;
}

void trn_chip_notify(struct trn_chip *chip, uint32_t core, const struct trn_nq_entry *entry)
{
	uint32_t type = entry->phase_type & 0xff, engine = entry->phase_type >> 8 & 0xf;
	uint32_t dma = entry->code >> 8;

	/* DMA traces go to queue 0 of the DMA engine's own block (driver facts 4.1). */
	if (type == TRN_NQ_TRACE_DMA) {
		if (dma < TRN_DMA_ENGINES)
			trn_notific_post(chip->notific, TRN_NQ_OWNER_UDMA + dma, 0, entry);
	} else if (type < TRN_NQ_TRACE_DMA) {
		trn_notific_post(chip->notific, TRN_NQ_OWNER_CORE + core,
				 TRN_NQ_INDEX(type, engine), entry);
	}
}

void trn_chip_sync_clipped(struct trn_chip *chip, uint32_t owner, uint32_t semaphore,
			   uint32_t value)
{
	/* No engine of the core alone is to blame: the sixteenth queue of the type. */
	const struct trn_nq_entry entry = {
		.phase_type = TRN_NQ_ERROR | TRN_NQ_NO_ENGINE << 8,
		.code = TRN_EXT_ERR_SEMAPHORE,
		.time_ps = trn_model_now(chip->model),
		.address = semaphore,
		.aux = value,
	};

	trn_notific_post(chip->notific, owner, TRN_NQ_INDEX(TRN_NQ_ERROR, TRN_NQ_NO_ENGINE),
			 &entry);
}

uint64_t trn_notific_hash(const struct trn_notific *notific, uint64_t hash)
{
	for (uint32_t owner = 0; owner < TRN_NQ_OWNERS; owner++) {
		for (uint32_t i = 0; notific->blocks[owner] && i < TRN_NQ_GROUPS; i++) {
			const struct queue *q = &notific->blocks[owner]->queues[i];

			if (q->size == 0 && q->base_lo == 0 && q->base_hi == 0 && q->head == 0)
				continue;
			hash = trn_hash_u64(hash, trn_u64(owner, i));
			hash = trn_hash_u64(hash, trn_u64(q->base_lo, q->base_hi));
			hash = trn_hash_u64(hash, trn_u64(q->size, q->head));
			hash = trn_hash_u64(hash, trn_u64(q->tail, (uint32_t)q->phase));
		}
	}
	return hash;
}
