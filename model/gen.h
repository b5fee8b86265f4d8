/* SPDX-License-Identifier: Apache-2.0 */
/* A chip generation as one table of constants. Nothing outside the tables asks
 * which generation it is. Figures: hardware-and-isa facts, by section. */
#ifndef MODEL_GEN_H
#define MODEL_GEN_H

#include <stdbool.h>
#include <stdint.h>
#include <trn/isa.h>

/* Which of the optional instructions and formats a generation has. */
#define TRN_GEN_EXPONENTIAL 0x01u /* vector engine exp */
#define TRN_GEN_ALU_EXTRA 0x02u   /* abs_max, abs_min, square, relu as ALU operators */
#define TRN_GEN_E4M3FN 0x04u
#define TRN_GEN_PSUM_WHOLE 0x08u   /* one matmul may span PSUM banks */
#define TRN_GEN_PSUM_BF16 0x10u    /* BF16 destination of a matmul */
#define TRN_GEN_PSUM_PRELOAD 0x20u /* a matmul may accumulate onto what a copy or memset wrote */

struct trn_gen {
	const char *name;    /* "trn2" */
	const char *product; /* "Trainium2" */
	uint32_t number;     /* 2, 3 */
	uint16_t pci_device;
	uint32_t arch;      /* of the vendor's ioctl ABI: 3, 4 */
	uint64_t hbm_bytes; /* of each of the four stacks */
	uint32_t sbuf_partition_bytes;
	uint32_t features;
	bool ostand_wr_2; /* engine init writes 0x2012C (V4) */
	/* clocks, MHz: tensor, vector, scalar, gpsimd, sync */
	uint32_t clock_mhz[TRN_ENGINE_COUNT];
	/* costs */
	uint32_t min_ii_cycles;                /* 64 */
	uint32_t dynamic_ii_cycles;            /* 600 */
	uint32_t gpsimd_start_cycles;          /* 150 */
	uint32_t latency_ns[TRN_ENGINE_COUNT]; /* issue to result, isolated instruction */
	uint32_t act_table_ns;                 /* another function set */
	uint32_t vector_fast_copy, vector_fast_tt, scalar_fast; /* elements per cycle */
	uint32_t dma_load_mbps, dma_store_mbps;                 /* per engine, 10^6 bytes/s */
	uint32_t dma_trigger_ns, dma_done_ns, dma_issue_ns;
	uint32_t udma_fetch_ns;        /* doorbell to first descriptor */
	uint32_t udma_packet_ns;       /* least time from one packet of an engine to the next */
	uint32_t udma_write_hbm_ns;    /* packet end to bytes visible in HBM */
	uint32_t udma_write_host_ns;   /* the same for host memory: shorter, so a barrier matters */
	uint64_t hbm_bytes_per_s;      /* whole chip */
	uint32_t matmul_fp32_passes;   /* 4 */
	uint32_t matmul_moving_max;    /* free size of one matmul */
	uint32_t reset_ns, mailbox_ns; /* of the modelled firmware */
	uint32_t power_mw_busy;        /* chip at full load */
};

/* NULL when there is none of that name. */
const struct trn_gen *trn_gen_find(const char *name);
/* Index from 0; NULL past the end. */
const struct trn_gen *trn_gen_at(unsigned int index);

#endif /* MODEL_GEN_H */
