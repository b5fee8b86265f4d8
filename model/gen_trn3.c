/* SPDX-License-Identifier: Apache-2.0 */
/* Trainium3. Sources: D = driver facts, H = hardware and ISA facts, by section;
 * "guess" is ours and only moves virtual time, never a result. */
#include "base/bits.h"
#include "base/regs.h"
#include "model/gen.h"

extern const struct trn_gen trn_gen_trn3;

const struct trn_gen trn_gen_trn3 = {
	.name = "trn3",
	.product = "Trainium3",                 /* D 8.1 device_name */
	.number = 3,
	.pci_device = TRN_PCI_DEVICE_TRN3,      /* D 1.1 */
	.arch = 4,                              /* D 7.2 */
	.hbm_bytes = 36 * TRN_GIB,              /* D 2.1, H 1.1 */
	.sbuf_partition_bytes = 256 * 1024,     /* H 1.1 */
	.features = TRN_GEN_EXPONENTIAL |       /* H 4.5 */
		    TRN_GEN_ALU_EXTRA |         /* H 5 */
		    TRN_GEN_E4M3FN |            /* H 8 */
		    TRN_GEN_PSUM_WHOLE |        /* H 4.3 */
		    TRN_GEN_PSUM_BF16 | TRN_GEN_PSUM_PRELOAD,          /* H 4.3 */
	.ostand_wr_2 = true,                    /* D 3.7 step 14 */
	.clock_mhz = {
		[TRN_ENGINE_TENSOR] = 2400,     /* H 1.2 */
		[TRN_ENGINE_VECTOR] = 1200,     /* H 1.2 */
		[TRN_ENGINE_SCALAR] = 1200,     /* H 1.2 */
		[TRN_ENGINE_GPSIMD] = 1200,     /* H 1.2 */
		[TRN_ENGINE_SYNC] = 1200,       /* guess: as its neighbours */
	},
	.min_ii_cycles = 64,                    /* H 8 */
	.dynamic_ii_cycles = 600,               /* H 8 */
	.gpsimd_start_cycles = 150,             /* H 8 */
	.latency_ns = {
		[TRN_ENGINE_TENSOR] = 42,       /* H 4.5: 100 engine cycles of static overhead */
		[TRN_ENGINE_VECTOR] = 120,      /* H 8: 144 cycles */
		[TRN_ENGINE_SCALAR] = 293,      /* H 8 */
		[TRN_ENGINE_GPSIMD] = 83,       /* H 4.5: 100 engine cycles of static overhead */
		[TRN_ENGINE_SYNC] = 53,         /* guess: one initiation interval */
	},
	.act_table_ns = 1280,                   /* H 8 */
	.vector_fast_copy = 4,                  /* H 8 */
	.vector_fast_tt = 2,                    /* H 8 */
	.scalar_fast = 2,                       /* H 4.5, 8 */
	.dma_load_mbps = 33000,                 /* H 8 */
	.dma_store_mbps = 38000,                /* H 8 */
	.dma_trigger_ns = 740,                  /* H 8 */
	.dma_done_ns = 300,                     /* H 8 */
	.dma_issue_ns = 600,                    /* H 4.6: the same fit at this rate */
	.udma_fetch_ns = 500,                   /* guess: one trip to the ring */
	.udma_packet_ns = 10,                   /* H 9 U13: at most 12 ns for a 256-byte row */
	.udma_write_hbm_ns = 600,               /* guess; D 3.10: not ordered with host writes */
	.udma_write_host_ns = 200,              /* guess; the shorter one, so a barrier matters */
	.hbm_bytes_per_s = UINT64_C(4900000000000), /* H 0.2 */
	.matmul_fp32_passes = 4,                /* H 4.4 */
	.matmul_moving_max = 4096,              /* H 4.2 */
	.reset_ns = 100000000,                  /* D 6.2: the driver looks each 100 ms */
	.mailbox_ns = 200000,                   /* guess; D 5.3: the driver looks each 1 ms */
	.power_mw_busy = 692000,                /* H 8 */
};
