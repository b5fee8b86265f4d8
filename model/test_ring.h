/* SPDX-License-Identifier: Apache-2.0 */
/* UDMA rings for tests of the model, filled by hand as driver facts 3.2 to 3.9
 * say. Deliberately not the driver of hal/: it checks the model on its own. */
#ifndef MODEL_TEST_RING_H
#define MODEL_TEST_RING_H

#include "model/test_host.h"

struct trn_test_ring {
	struct trn_test_host *host;
	uint32_t engine, queue, size; /* descriptors of each direction */
	uint32_t m2s, s2m;            /* BAR0 offsets of the two queues */
	struct trn_udma_desc *tx, *rx;
	uint32_t next, id; /* index and ring id of the next pair */
	uint32_t added;    /* pairs that no doorbell has announced */
};

/* Every write of driver facts 3.7. */
void trn_test_engine_init(struct trn_test_host *host, uint32_t engine);
/* Driver facts 3.9, with rings in host memory at iova (size * 16 bytes each, Rx behind Tx). */
void trn_test_ring_init(struct trn_test_ring *ring, struct trn_test_host *host, uint32_t engine,
			uint32_t queue, uint64_t iova, uint32_t size);
/* The register writes of ring_init for one direction; base is a device address. */
void trn_test_queue_init(struct trn_test_host *host, uint32_t block, bool m2s, uint64_t base,
			 uint32_t size);
/* One pair of descriptors; ring ids are filled in. bits: added to the length words. */
void trn_test_ring_pair(struct trn_test_ring *ring, uint64_t dst, uint64_t src, uint32_t size,
			uint32_t tx_bits, uint32_t meta, uint32_t rx_bits);
/* A one-descriptor packet as the driver sends it. */
void trn_test_ring_copy(struct trn_test_ring *ring, uint64_t dst, uint64_t src, uint32_t size,
			bool barrier);
/* Doorbells for what was added, Rx first. */
void trn_test_ring_start(struct trn_test_ring *ring);

/* One chip with one ring, and memory to copy from: what most UDMA tests need. */
#define TRN_TEST_DATA UINT64_C(0x20000000)
#define TRN_TEST_DATA_SIZE 0x400000u
#define TRN_TEST_RINGS UINT64_C(0x1000000)
#define TRN_TEST_DATA_AT(o) (TRN_AXI_HOST | (TRN_TEST_DATA + (o)))

struct trn_test_dma {
	struct trn_test_host host;
	struct trn_test_ring ring;
	uint8_t *data; /* host memory at TRN_TEST_DATA */
};

/* Queue 0 of an engine, initialised. */
void trn_test_dma_open(struct trn_test_dma *dma, const char *gen, uint32_t engine, uint32_t size);
/* Bytes that differ from their neighbours and by seed. */
void trn_test_dma_fill(struct trn_test_dma *dma, uint32_t at, uint32_t size, uint32_t seed);
/* The model's own bytes of a stack. */
const uint8_t *trn_test_dma_hbm(struct trn_test_dma *dma, uint32_t stack, uint64_t offset);
void trn_test_dma_fault(struct trn_test_dma *dma, const char *spec);

#endif /* MODEL_TEST_RING_H */
