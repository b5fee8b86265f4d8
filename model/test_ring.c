/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-made rings for tests. */
#include "model/test_ring.h"

#include <check.h>
#include <string.h>

#include "base/bits.h"

struct init_write {
	uint32_t offset, value;
};

/* Steps 2 to 20 that are one write each. */
static const struct init_write init_writes[] = {
	{ TRN_UDMA_M2S_DATA_CFG, 0x010008f8 },
	{ TRN_UDMA_M2S_OSTAND_CFG, 0x20808080 },
	{ TRN_UDMA_AXI_TIMEOUT, 100000000 },
	{ TRN_UDMA_M2S_ACK_TIMEOUT, 0 },
	{ TRN_UDMA_M2S_PKT_LEN_CFG, 0x010fffff },
	{ TRN_UDMA_M2S_STREAM_CFG, 0x00000102 },
	{ TRN_UDMA_M2S_DATA_RD_CFG, 0x00010008 },
	{ TRN_UDMA_S2M_ACK_TIMEOUT, 0 },
	{ TRN_UDMA_S2M_OSTAND_RD, 0x00400080 },
	{ TRN_UDMA_S2M_OSTAND_WR, 0x40804080 },
	{ TRN_UDMA_S2M_COMP_CFG_1C, 0x00001004 },
	{ TRN_UDMA_M2S_PREF_CFG_2, 0x00010041 },
	{ TRN_UDMA_PREF_CFG_3, 0x00004181 },
	{ TRN_UDMA_S2M + TRN_UDMA_PREF_CFG_3, 0x00004181 },
	{ TRN_UDMA_M2S_DESC_RD_CFG, 0x00010008 },
	{ TRN_UDMA_S2M_DESC_RD_CFG, 0x00010008 },
	{ TRN_UDMA_APP + 0x1c, 1 },
	{ TRN_UDMA_APP + 0x20, 1 },
	{ TRN_UDMA_APP + 0x00, 1 },
	{ TRN_UDMA_APP + 0x800, 0x26 },
};
/* Error sets of driver facts 3.8, groups A and B. */
#define ERRORS_A 0x0fffffffu
#define ERRORS_B 0xffffef07u

static void modify(struct trn_test_host *host, uint32_t offset, uint32_t clear, uint32_t set)
{
	trn_test_wr(host, offset, (trn_test_rd(host, offset) & ~clear) | set);
}

void trn_test_engine_init(struct trn_test_host *host, uint32_t engine)
{
	uint32_t base = trn_regs_udma_bar0(engine), fis = trn_regs_fis_bar0(engine);
	uint32_t a = base + TRN_UDMA_INT_SECONDARY(0), b = base + TRN_UDMA_INT_SECONDARY(1);

	for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
		trn_test_wr(host, base + TRN_UDMA_QUEUE(q) + TRN_UDMAQ_CFG, 0x00030000);
		trn_test_wr(host, base + TRN_UDMA_S2M + TRN_UDMA_QUEUE(q) + TRN_UDMAQ_CFG,
			    0x00030000);
		for (uint32_t i = 0; i < 4; i++)
			trn_test_wr(host, base + TRN_UDMA_ADDR_HI(q) + i * 4, UINT32_MAX);
	}
	for (size_t i = 0; i < TRN_ARRAY_LEN(init_writes); i++)
		trn_test_wr(host, base + init_writes[i].offset, init_writes[i].value);
	if (host->config.gen->ostand_wr_2)
		modify(host, base + TRN_UDMA_S2M_OSTAND_WR_2, 0x3ff, 256);
	modify(host, base + TRN_UDMA_SPARE_ZEROES0, 1, 0);
	trn_test_wr(host, a + TRN_UDMA_INT_ABORT_MASK, ~ERRORS_A);
	trn_test_wr(host, a + TRN_UDMA_INT_MASK_CLEAR, ~ERRORS_A);
	trn_test_wr(host, b + TRN_UDMA_INT_ABORT_MASK, ~ERRORS_B);
	trn_test_wr(host, b + TRN_UDMA_INT_MASK_CLEAR, ~ERRORS_B);
	if (engine >= TRN_DMA_ENGINES_CORE)
		return;
	modify(host, a + TRN_UDMA_INT_MASK, 0, TRN_M2S_ERR_RING_ID);
	modify(host, b + TRN_UDMA_INT_MASK, 0, TRN_S2M_ERR_RING_ID);
	trn_test_wr(host, a + TRN_UDMA_INT_ABORT_MASK, trn_test_rd(host, a + TRN_UDMA_INT_MASK));
	trn_test_wr(host, b + TRN_UDMA_INT_ABORT_MASK, trn_test_rd(host, b + TRN_UDMA_INT_MASK));
	modify(host, fis + 2 * 0x40 + TRN_UDMA_INT_MASK, 0, 1u << 11 | 1u << 2);
	modify(host, fis + 3 * 0x40 + TRN_UDMA_INT_MASK, 0, 1u << 11 | 1u << 2);
	modify(host, base + TRN_UDMA_ERR_LOG_MASK, 0, TRN_M2S_ERR_RING_ID);
	modify(host, base + TRN_UDMA_S2M + TRN_UDMA_ERR_LOG_MASK, 0, TRN_S2M_ERR_RING_ID);
}

void trn_test_queue_init(struct trn_test_host *host, uint32_t block, bool m2s, uint64_t base,
			 uint32_t size)
{
	if (m2s)
		trn_test_wr(host, block + TRN_UDMAQ_M2S_RLIMIT_MASK, 3);
	trn_test_wr(host, block + TRN_UDMAQ_CFG, 0x03000000);
	trn_test_wr(host, block + (m2s ? TRN_UDMAQ_M2S_SW_CTRL : TRN_UDMAQ_S2M_SW_CTRL), 0x100);
	trn_test_wr(host, block + TRN_UDMAQ_BASE_LO, trn_lo32(base));
	trn_test_wr(host, block + TRN_UDMAQ_BASE_HI, trn_hi32(base));
	trn_test_wr(host, block + TRN_UDMAQ_LENGTH, size);
	trn_test_wr(host, block + (m2s ? TRN_UDMAQ_M2S_COMP_CFG : TRN_UDMAQ_S2M_COMP_CFG), 0);
	trn_test_wr(host, block + TRN_UDMAQ_CFG, 0x03030000);
}

void trn_test_ring_init(struct trn_test_ring *ring, struct trn_test_host *host, uint32_t engine,
			uint32_t queue, uint64_t iova, uint32_t size)
{
	uint32_t bytes = size * TRN_UDMA_DESC_SIZE;
	uint8_t *memory = trn_test_host_map(host, iova, 2 * (uint64_t)bytes);

	*ring = (struct trn_test_ring){
		.host = host,
		.engine = engine,
		.queue = queue,
		.size = size,
		.m2s = trn_regs_udma_bar0(engine) + TRN_UDMA_QUEUE(queue),
		.s2m = trn_regs_udma_bar0(engine) + TRN_UDMA_S2M + TRN_UDMA_QUEUE(queue),
		.tx = (struct trn_udma_desc *)(void *)memory,
		.rx = (struct trn_udma_desc *)(void *)(memory + bytes),
		.id = 1,
	};
	trn_test_queue_init(host, ring->m2s, true, TRN_AXI_HOST | iova, size);
	trn_test_queue_init(host, ring->s2m, false, TRN_AXI_HOST | (iova + bytes), size);
}

void trn_test_ring_pair(struct trn_test_ring *ring, uint64_t dst, uint64_t src, uint32_t size,
			uint32_t tx_bits, uint32_t meta, uint32_t rx_bits)
{
	uint32_t word = (size & 0xffff) | ring->id << TRN_DESC_RING_ID_SHIFT;

	ck_assert_uint_ge(size, 1);
	ck_assert_uint_le(size, TRN_UDMA_DESC_LEN_MAX);
	ring->tx[ring->next] = (struct trn_udma_desc){ word | tx_bits, meta, src };
	ring->rx[ring->next] = (struct trn_udma_desc){ word | rx_bits, 0, dst };
	ring->added++;
	ring->next++;
	if (ring->next == ring->size) {
		ring->next = 0;
		ring->id = (ring->id + 1) & TRN_UDMA_RING_ID_MASK;
	}
}

void trn_test_ring_copy(struct trn_test_ring *ring, uint64_t dst, uint64_t src, uint32_t size,
			bool barrier)
{
	trn_test_ring_pair(ring, dst, src, size, TRN_DESC_FIRST | TRN_DESC_LAST,
			   TRN_DESC_META_COPY | (barrier ? TRN_DESC_META_WRITE_BARRIER : 0), 0);
}

void trn_test_ring_start(struct trn_test_ring *ring)
{
	trn_test_wr(ring->host, ring->s2m + TRN_UDMAQ_TAIL_INC, ring->added);
	trn_test_wr(ring->host, ring->m2s + TRN_UDMAQ_TAIL_INC, ring->added);
	ring->added = 0;
}

void trn_test_dma_open(struct trn_test_dma *dma, const char *gen, uint32_t engine, uint32_t size)
{
	trn_test_host_init(&dma->host, gen);
	trn_test_host_open(&dma->host);
	dma->data = trn_test_host_map(&dma->host, TRN_TEST_DATA, TRN_TEST_DATA_SIZE);
	trn_test_engine_init(&dma->host, engine);
	trn_test_ring_init(&dma->ring, &dma->host, engine, 0, TRN_TEST_RINGS, size);
}

void trn_test_dma_fill(struct trn_test_dma *dma, uint32_t at, uint32_t size, uint32_t seed)
{
	for (uint32_t i = 0; i < size; i++)
		dma->data[at + i] = (uint8_t)(i * 31 + i / 251 + seed);
}

const uint8_t *trn_test_dma_hbm(struct trn_test_dma *dma, uint32_t stack, uint64_t offset)
{
	uint64_t bar4 = stack * TRN_BAR4_SLOT + offset;
	void *ptr = NULL;

	ck_assert_int_eq(trn_chip_map(dma->host.chip, TRN_BAR_HBM, bar4, 1, &ptr), 0);
	return ptr;
}

void trn_test_dma_fault(struct trn_test_dma *dma, const char *spec)
{
	const char *why = "";

	ck_assert_msg(trn_model_fault(dma->host.model, spec, &why) == 0, "%s: %s", spec, why);
}
