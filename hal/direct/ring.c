/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of UDMA queues as a copy machine (neuron-driver facts 3.1-3.5, 3.9, 3.10):
 * data pairs of up to 64 KiB, a barrier on the last, a marker pair behind it. */
#include <errno.h>
#include <string.h>
#include "base/bits.h"
#include "hal/direct/direct.h"

#define WORDS_BYTES 64u /* the two completion words have a line of their own */

static uint64_t queue_reg(const struct trn_direct_ring *ring, uint32_t direction, uint32_t reg)
{
	return (uint64_t)trn_regs_udma_bar0(ring->engine) + direction +
	       TRN_UDMA_QUEUE(ring->queue) + reg;
}

/* ring is where it stays until it is closed: others find it there. */
int trn_direct_ring_open(struct trn_direct *d, uint32_t engine, uint32_t queue, uint32_t depth,
			 struct trn_direct_ring *ring)
{
	uint64_t bytes = (uint64_t)depth * TRN_UDMA_DESC_SIZE;
	uint8_t *host;
	int r = trn_direct_inner_alloc(d, 2 * bytes + WORDS_BYTES, TRN_MEMORY_RINGS, &ring->mem);

	if (r < 0)
		return r;
	ring->d = d;
	ring->engine = engine;
	ring->queue = queue;
	ring->depth = depth;
	host = ring->mem.host;
	ring->tx = (struct trn_udma_desc *)(void *)host;
	ring->rx = (struct trn_udma_desc *)(void *)(host + bytes);
	ring->words = (uint32_t *)(void *)(host + 2 * bytes);
	ring->tx_address = ring->mem.address;
	ring->rx_address = ring->mem.address + bytes;
	ring->words_address = ring->mem.address + 2 * bytes;
	ring->broken = true; /* until it is programmed */
	atomic_store(&ring->flight, 0);
	atomic_store(&ring->lost, false);
	pthread_mutex_lock(&d->ring_lock);
	d->rings[engine - TRN_DMA_H2T_FIRST][queue] = ring;
	pthread_mutex_unlock(&d->ring_lock);
	return 0;
}

void trn_direct_ring_close(struct trn_direct_ring *ring)
{
	struct trn_direct *d = ring->d;

	if (!d)
		return;
	pthread_mutex_lock(&d->ring_lock);
	d->rings[ring->engine - TRN_DMA_H2T_FIRST][ring->queue] = NULL;
	pthread_mutex_unlock(&d->ring_lock);
	trn_direct_inner_free(d, &ring->mem);
	ring->d = NULL;
}

/* One direction, from disabled over reset to enabled. */
static int direction_init(struct trn_direct_ring *ring, uint32_t direction, uint64_t base)
{
	const bool tx = direction == TRN_UDMA_M2S;
	const struct {
		uint32_t reg, value;
	} writes[] = {
		{ TRN_UDMAQ_CFG, TRN_UDMAQ_CFG_RESET },
		{ tx ? TRN_UDMAQ_M2S_SW_CTRL : TRN_UDMAQ_S2M_SW_CTRL, TRN_UDMAQ_SW_CTRL_RESET },
		{ TRN_UDMAQ_BASE_LO, trn_lo32(base) & TRN_UDMAQ_BASE_LO_MASK },
		{ TRN_UDMAQ_BASE_HI, trn_hi32(base) },
		{ TRN_UDMAQ_LENGTH, ring->depth },
		{ tx ? TRN_UDMAQ_M2S_COMP_CFG : TRN_UDMAQ_S2M_COMP_CFG, 0 },
		{ TRN_UDMAQ_CFG, TRN_UDMAQ_CFG_RESET | TRN_UDMAQ_CFG_ENABLE },
	};
	struct trn_direct *d = ring->d;
	int r = 0;

	if (tx) /* bit 2 cleared: a descriptor's barrier may pause the queue */
		r = trn_hal_write32(d->bus, queue_reg(ring, direction, TRN_UDMAQ_M2S_RLIMIT_MASK),
				    3);
	for (size_t i = 0; r == 0 && i < TRN_ARRAY_LEN(writes); i++)
		r = trn_hal_write32(d->bus, queue_reg(ring, direction, writes[i].reg),
				    writes[i].value);
	d->cfg_shadow[(ring->engine * 2 + (tx ? 0 : 1)) * TRN_DMA_QUEUES + ring->queue] =
		TRN_UDMAQ_CFG_RESET | TRN_UDMAQ_CFG_ENABLE;
	return r;
}

static bool state_aborted(uint32_t state)
{
	for (unsigned int shift = 0; shift < 16; shift += 4) {
		if ((state >> shift & 3) == TRN_UDMA_STATE_ABORT)
			return true;
	}
	return false;
}

/* Reads both states; *ret_aborted when one of them has stopped. */
static int engine_state(struct trn_direct_ring *ring, bool *ret_aborted)
{
	uint64_t block = trn_regs_udma_bar0(ring->engine);
	uint32_t tx = 0;
	uint32_t rx = 0;
	int r = trn_hal_read32_live(ring->d->bus, block + TRN_UDMA_M2S + TRN_UDMA_STATE, &tx);

	if (r == 0)
		r = trn_hal_read32_live(ring->d->bus, block + TRN_UDMA_S2M + TRN_UDMA_STATE, &rx);
	if (r == 0)
		*ret_aborted = state_aborted(tx) || state_aborted(rx);
	return r;
}

/* Both directions of the engine into a state. */
static int engine_change(struct trn_direct_ring *ring, uint32_t change)
{
	uint64_t block = trn_regs_udma_bar0(ring->engine);
	struct trn_bus *bus = ring->d->bus;
	int r = trn_hal_write32(bus, block + TRN_UDMA_M2S + TRN_UDMA_CHANGE_STATE, change);

	if (r == 0)
		r = trn_hal_write32(bus, block + TRN_UDMA_S2M + TRN_UDMA_CHANGE_STATE, change);
	return r;
}

/* The engine dropped what it had in flight, of every queue. The other rings must not take a
 * later marker for success: they are told, and their queues are off before it starts again. */
static int others_lost(struct trn_direct_ring *ring)
{
	struct trn_direct *d = ring->d;
	int r = 0;

	for (uint32_t q = 0; r == 0 && q < TRN_DMA_QUEUES; q++) {
		struct trn_direct_ring *other = d->rings[ring->engine - TRN_DMA_H2T_FIRST][q];

		if (!other || other == ring || atomic_load(&other->flight) == 0 ||
		    trn_hal_dma_load32(&other->words[1]) == TRN_H2T_MARKER)
			continue;
		atomic_store(&other->lost, true);
		r = trn_hal_write32(d->bus, queue_reg(other, TRN_UDMA_M2S, TRN_UDMAQ_CFG),
				    TRN_UDMAQ_CFG_RESET);
		if (r == 0)
			r = trn_hal_write32(d->bus, queue_reg(other, TRN_UDMA_S2M, TRN_UDMAQ_CFG),
					    TRN_UDMAQ_CFG_RESET);
	}
	return r;
}

static int causes_clear(struct trn_direct_ring *ring)
{
	uint64_t block = trn_regs_udma_bar0(ring->engine);
	struct trn_bus *bus = ring->d->bus;
	int r = trn_hal_write32(bus, block + TRN_UDMA_INT_SECONDARY(0) + TRN_UDMA_INT_CAUSE, 0);

	if (r == 0)
		r = trn_hal_write32(bus, block + TRN_UDMA_INT_SECONDARY(1) + TRN_UDMA_INT_CAUSE, 0);
	return r;
}

/* Lock held. A ring with work in flight is only touched while its engine stands still. */
static int ring_restart(struct trn_direct_ring *ring)
{
	bool busy = atomic_load(&ring->flight) > 0;
	bool aborted = false;
	int r = 0;

	if (busy)
		r = engine_state(ring, &aborted);
	if (r == 0 && busy && !aborted)
		r = engine_change(ring, TRN_UDMA_CHANGE_DISABLE);
	if (r == 0)
		r = direction_init(ring, TRN_UDMA_M2S, ring->tx_address);
	if (r == 0)
		r = direction_init(ring, TRN_UDMA_S2M, ring->rx_address);
	if (r == 0 && aborted)
		r = others_lost(ring);
	if (r == 0 && aborted)
		r = causes_clear(ring);
	if (r == 0 && busy)
		r = engine_change(ring, TRN_UDMA_CHANGE_NORMAL);
	return r;
}

int trn_direct_ring_init(struct trn_direct_ring *ring)
{
	int r;

	pthread_mutex_lock(&ring->d->ring_lock);
	r = ring_restart(ring);
	atomic_store(&ring->flight, 0);
	atomic_store(&ring->lost, false);
	pthread_mutex_unlock(&ring->d->ring_lock);
	ring->broken = r < 0;
	ring->next = 0;
	ring->ring_id = 1;
	ring->words[0] = TRN_H2T_MARKER;
	trn_hal_dma_store32(&ring->words[1], 0);
	return r;
}

static void put_pair(struct trn_direct_ring *ring, uint64_t dst, uint64_t src, uint32_t bytes,
		     bool barrier)
{
	/* 64 KiB is written as 0, which the mask does by itself. */
	uint32_t common = ring->ring_id << TRN_DESC_RING_ID_SHIFT |
			  (bytes & (TRN_UDMA_DESC_LEN_MAX - 1));

	ring->tx[ring->next] = (struct trn_udma_desc){
		.len_ctrl = common | TRN_DESC_FIRST | TRN_DESC_LAST,
		.meta = TRN_DESC_META_COPY | (barrier ? TRN_DESC_META_WRITE_BARRIER : 0),
		.address = src,
	};
	ring->rx[ring->next] = (struct trn_udma_desc){ .len_ctrl = common, .address = dst };
	if (++ring->next == ring->depth) {
		ring->next = 0;
		ring->ring_id = (ring->ring_id + 1) & TRN_UDMA_RING_ID_MASK;
	}
}

int trn_direct_ring_post(struct trn_direct_ring *ring, struct trn_direct_xfer *xfer)
{
	struct trn_direct *d = ring->d;
	uint64_t piece_max = TRN_UDMA_DESC_LEN_MAX;
	uint32_t n = 0;
	int r;

	if (xfer->window > 0)
		piece_max = trn_min_u64(piece_max, xfer->window);
	trn_hal_dma_store32(&ring->words[1], 0);
	for (; n < TRN_H2T_BATCH_MAX && xfer->left > 0; n++) {
		uint64_t bytes = trn_min_u64(xfer->left, piece_max);

		xfer->left -= bytes;
		/* Only the last data pair waits for the writes before it: the marker behind it
		 * goes to host memory by another path and must not overtake them. */
		put_pair(ring, xfer->dst, xfer->src, (uint32_t)bytes,
			 n + 1 == TRN_H2T_BATCH_MAX || xfer->left == 0);
		xfer->dst += bytes;
		if (xfer->window == 0)
			xfer->src += bytes;
	}
	put_pair(ring, ring->words_address + 4, ring->words_address, 4, false);
	atomic_store(&ring->flight, n + 1);
	/* Descriptors before the first doorbell; the destination side first, as the facts say. */
	trn_hal_dma_publish();
	r = trn_hal_write32(d->bus, queue_reg(ring, TRN_UDMA_S2M, TRN_UDMAQ_TAIL_INC),
			    ring->flight);
	if (r < 0)
		return r;
	trn_hal_dma_publish();
	return trn_hal_write32(d->bus, queue_reg(ring, TRN_UDMA_M2S, TRN_UDMAQ_TAIL_INC), n + 1);
}

/* ---- what went wrong ---- */

static const struct cause {
	bool tx;
	uint32_t bit;
	const char *text;
	bool address; /* somebody's address, not the engine's health */
} causes[] = {
	{ true, TRN_M2S_ERR_DATA_RD_RESP, "reading the source got an error response", true },
	{ true, TRN_M2S_ERR_PREF_RESP, "fetching source descriptors got an error response", true },
	{ true, TRN_M2S_ERR_PKT_TOO_LONG, "packet too long", false },
	{ true, TRN_M2S_ERR_PKT_DESCS, "too many descriptors in a packet", false },
	{ true, TRN_M2S_ERR_FIRST, "FIRST flag error", false },
	{ true, TRN_M2S_ERR_LAST, "LAST flag error", false },
	{ true, TRN_M2S_ERR_RING_ID, "source ring id mismatch", false },
	{ false, TRN_S2M_ERR_DATA_WR_RESP, "writing the destination got an error response", true },
	{ false, TRN_S2M_ERR_PREF_RESP, "fetching destination descriptors got an error response",
	  true },
	{ false, TRN_S2M_ERR_RING_ID, "destination ring id mismatch", false },
	{ false, TRN_S2M_ERR_LEN_MISMATCH, "source and destination lengths differ", false },
};

/* The engine has stopped: says why, in the record. */
static int explain_abort(struct trn_direct_ring *ring)
{
	struct trn_direct *d = ring->d;
	uint64_t block = trn_regs_udma_bar0(ring->engine);
	const struct trn_hal_where where = { 0, ring->engine, ring->queue };
	const char *text = "no known cause";
	bool address = false;
	uint32_t tx = 0;
	uint32_t rx = 0;
	int r;

	r = trn_hal_read32_live(d->bus, block + TRN_UDMA_INT_SECONDARY(0), &tx);
	if (r == 0)
		r = trn_hal_read32_live(d->bus, block + TRN_UDMA_INT_SECONDARY(1), &rx);
	if (r < 0)
		return trn_hal_fail_at(&d->hal, r, &where, "the device is gone");
	for (size_t i = 0; i < TRN_ARRAY_LEN(causes); i++) {
		if ((causes[i].tx ? tx : rx) & causes[i].bit) {
			text = causes[i].text;
			address = causes[i].address;
			break;
		}
	}
	return trn_hal_fail_at(&d->hal, address ? -TRN_EFAULT_DEV : -EIO, &where,
			       "UDMA engine %u queue %u aborted: %s (causes 0x%x, 0x%x)",
			       ring->engine, ring->queue, text, tx, rx);
}

int trn_direct_ring_poll(struct trn_direct_ring *ring, bool thorough)
{
	struct trn_direct *d = ring->d;
	const struct trn_hal_where where = { ring->words_address + 4, ring->engine, ring->queue };
	uint32_t word = trn_hal_dma_load32(&ring->words[1]);
	bool aborted = false;
	int r;

	/* Before the marker: one that comes after the engine started again proves nothing. */
	if (atomic_load(&ring->lost)) {
		ring->broken = true;
		return trn_hal_fail_at(&d->hal, -EIO, &where,
				       "UDMA engine %u was stopped by an error of another queue",
				       ring->engine);
	}
	if (word == TRN_H2T_MARKER) {
		/* The marker before whatever the data pairs wrote to host memory. */
		trn_hal_dma_observe();
		atomic_store(&ring->flight, 0);
		return 0;
	}
	if (word != 0) {
		ring->broken = true;
		return trn_hal_fail_at(&d->hal, -EIO, &where,
				       "UDMA engine %u queue %u wrote completion 0x%x",
				       ring->engine, ring->queue, word);
	}
	if (!thorough)
		return -EAGAIN;
	r = engine_state(ring, &aborted);
	if (r < 0)
		r = trn_hal_fail_at(&d->hal, r, &where, "the device is gone");
	else if (aborted)
		r = explain_abort(ring);
	else
		r = -EAGAIN;
	if (r != -EAGAIN)
		ring->broken = true;
	return r;
}
