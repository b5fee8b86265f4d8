/* SPDX-License-Identifier: Apache-2.0 */
/* UDMA engine initialisation: the public write sequence, as a table. Values are
 * the facts' (neuron-driver 3.7); offsets are relative to the engine's block. */
#include "base/bits.h"
#include "hal/direct/direct.h"

/* Secondary groups A and B, primary D: every cause of 3.8 that aborts and interrupts. */
#define ERRORS_A 0x0fffffffu
#define ERRORS_B 0xffffef07u
#define ERRORS_D 0x00000700u
#define INT_CONTROL_EDGE_MASK_MSIX 0x28u

#define APP TRN_UDMA_APP
#define INT_A TRN_UDMA_INT_SECONDARY(0)
#define INT_B TRN_UDMA_INT_SECONDARY(1)
#define INT_D TRN_UDMA_INT_PRIMARY(3)

/* value = (old & keep) | set; keep 0 is a plain write without a read. */
struct step {
	uint32_t offset, keep, set;
};

static const struct step before_queues_tx[] = {
	{ TRN_UDMA_M2S_DATA_CFG, 0, 0x010008f8 },    { TRN_UDMA_M2S_OSTAND_CFG, 0, 0x20808080 },
	{ TRN_UDMA_AXI_TIMEOUT, 0, 100000000 },      { TRN_UDMA_M2S_ACK_TIMEOUT, 0, 0 },
	{ TRN_UDMA_M2S_PKT_LEN_CFG, 0, 0x010fffff }, { TRN_UDMA_M2S_STREAM_CFG, 0, 0x00000102 },
};

static const struct step before_queues_rx[] = {
	{ TRN_UDMA_M2S_DATA_RD_CFG, 0, 0x00010008 },
	{ TRN_UDMA_S2M_ACK_TIMEOUT, 0, 0 },
};

static const struct step outstanding[] = {
	{ TRN_UDMA_S2M_OSTAND_RD, 0, 0x00400080 },
	{ TRN_UDMA_S2M_OSTAND_WR, 0, 0x40804080 },
};

/* The generation where the older outstanding-write register has no effect. */
static const struct step outstanding_wr_2[] = {
	{ TRN_UDMA_S2M_OSTAND_WR_2, ~0x3ffu, 256 },
};

static const struct step rest[] = {
	{ TRN_UDMA_SPARE_ZEROES0, ~1u, 0 },
	{ INT_A + TRN_UDMA_INT_CONTROL, 0, INT_CONTROL_EDGE_MASK_MSIX },
	{ INT_B + TRN_UDMA_INT_CONTROL, 0, INT_CONTROL_EDGE_MASK_MSIX },
	{ INT_D + TRN_UDMA_INT_CONTROL, 0, INT_CONTROL_EDGE_MASK_MSIX },
	{ INT_A + TRN_UDMA_INT_ABORT_MASK, 0, ~ERRORS_A },
	{ INT_B + TRN_UDMA_INT_ABORT_MASK, 0, ~ERRORS_B },
	{ INT_D + TRN_UDMA_INT_ABORT_MASK, 0, ~ERRORS_D },
	{ INT_A + TRN_UDMA_INT_MASK_CLEAR, 0, ~ERRORS_A },
	{ INT_B + TRN_UDMA_INT_MASK_CLEAR, 0, ~ERRORS_B },
	{ INT_D + TRN_UDMA_INT_MASK_CLEAR, 0, ~ERRORS_D },
	{ TRN_UDMA_S2M_COMP_CFG_1C, 0, 0x00001004 },
	{ TRN_UDMA_M2S_PREF_CFG_2, 0, 0x00010041 },
	{ TRN_UDMA_M2S + TRN_UDMA_PREF_CFG_3, 0, 0x00004181 },
	{ TRN_UDMA_S2M + TRN_UDMA_PREF_CFG_3, 0, 0x00004181 },
	{ TRN_UDMA_M2S_DESC_RD_CFG, 0, 0x00010008 },
	{ TRN_UDMA_S2M_DESC_RD_CFG, 0, 0x00010008 },
	{ APP + 0x1c, 0, 1 },     /* read re-order buffer */
	{ APP + 0x20, 0, 1 },     /* write re-order buffer */
	{ APP + 0x00, 0, 1 },     /* event accelerator */
	{ APP + 0x800, 0, 0x26 }, /* back-pressure beats */
};

/* Engines of the cores replay prebuilt rings with old ring ids: the mismatch is no error there. */
static const struct step mask_ring_id[] = {
	{ INT_A + TRN_UDMA_INT_MASK, ~0u, TRN_M2S_ERR_RING_ID },
	{ INT_B + TRN_UDMA_INT_MASK, ~0u, TRN_S2M_ERR_RING_ID },
	{ INT_A + TRN_UDMA_INT_ABORT_MASK, ~0u, TRN_M2S_ERR_RING_ID },
	{ INT_B + TRN_UDMA_INT_ABORT_MASK, ~0u, TRN_S2M_ERR_RING_ID },
	{ TRN_UDMA_M2S + TRN_UDMA_ERR_LOG_MASK, ~0u, TRN_M2S_ERR_RING_ID },
	{ TRN_UDMA_S2M + TRN_UDMA_ERR_LOG_MASK, ~0u, TRN_S2M_ERR_RING_ID },
};

/* In the error trigger block of such an engine: groups 2 and 3. */
static const struct step mask_fis[] = {
	{ 2 * 0x40 + TRN_UDMA_INT_MASK, ~0u, 1u << 11 },
	{ 3 * 0x40 + TRN_UDMA_INT_MASK, ~0u, 1u << 2 },
};

static int steps_run(struct trn_direct *d, uint64_t block, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t old = 0;
		int r = 0;

		if (steps[i].keep != 0)
			r = trn_hal_read32_live(d->bus, block + steps[i].offset, &old);
		if (r == 0)
			r = trn_hal_write32(d->bus, block + steps[i].offset,
					    (old & steps[i].keep) | steps[i].set);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Step 1: prefetch and scheduling on, over what the driver wrote last (0 the first time). */
static int queues_enable(struct trn_direct *d, uint32_t engine, uint64_t block)
{
	static const uint32_t direction[] = { TRN_UDMA_M2S, TRN_UDMA_S2M };

	for (uint32_t dir = 0; dir < 2; dir++) {
		for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
			uint32_t *shadow = &d->cfg_shadow[(engine * 2 + dir) * TRN_DMA_QUEUES + q];
			int r;

			*shadow |= TRN_UDMAQ_CFG_ENABLE;
			r = trn_hal_write32(
				d->bus, block + direction[dir] + TRN_UDMA_QUEUE(q) + TRN_UDMAQ_CFG,
				*shadow);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Steps 8 and 11: no address bits are taken from the selectors. */
static int selectors_open(struct trn_direct *d, uint64_t block, uint32_t first, uint32_t count)
{
	for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
		for (uint32_t i = first; i < first + count; i++) {
			int r = trn_hal_write32(d->bus, block + TRN_UDMA_ADDR_HI(q) + 4 * i,
						UINT32_MAX);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int ring_id_masking(struct trn_direct *d, uint32_t engine, uint64_t block)
{
	int r = steps_run(d, block, mask_ring_id, TRN_ARRAY_LEN(mask_ring_id));

	if (r < 0)
		return r;
	return steps_run(d, trn_regs_fis_bar0(engine), mask_fis, TRN_ARRAY_LEN(mask_fis));
}

int trn_direct_engine_init(struct trn_direct *d, uint32_t engine)
{
	uint64_t block = trn_regs_udma_bar0(engine);
	int r = queues_enable(d, engine, block);

	if (r == 0)
		r = steps_run(d, block, before_queues_tx, TRN_ARRAY_LEN(before_queues_tx));
	if (r == 0)
		r = selectors_open(d, block, 0, 1);
	if (r == 0)
		r = steps_run(d, block, before_queues_rx, TRN_ARRAY_LEN(before_queues_rx));
	if (r == 0)
		r = selectors_open(d, block, 1, 3);
	if (r == 0)
		r = steps_run(d, block, outstanding, TRN_ARRAY_LEN(outstanding));
	if (r == 0 && d->chip->ostand_wr_2)
		r = steps_run(d, block, outstanding_wr_2, TRN_ARRAY_LEN(outstanding_wr_2));
	if (r == 0)
		r = steps_run(d, block, rest, TRN_ARRAY_LEN(rest));
	if (r == 0 && engine < TRN_DMA_ENGINES_CORE)
		r = ring_id_masking(d, engine, block);
	return r;
}
