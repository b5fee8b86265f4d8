/* SPDX-License-Identifier: Apache-2.0 */
/* Trainium4, a preview: announced, not documented. Only the multipliers of H 1.5 are public;
 * every other number is assumed as Trainium3, confidence C. */
#include "base/bits.h"
#include "base/regs.h"
#include "model/gen.h"

extern const struct trn_gen trn_gen_trn4;

/* clang-format off */
const struct trn_gen trn_gen_trn4 = {
	.name = "trn4",
	.product = "Trainium4",
	.number = 4,
	.preview = true,
	/* Assumed: what Trainium3 has. */
	.features = TRN_FEATURE_EXPONENTIAL | TRN_FEATURE_ALU_EXTRA | TRN_FEATURE_E4M3FN |
		    TRN_FEATURE_PSUM_WHOLE | TRN_FEATURE_PSUM_BF16 | TRN_FEATURE_PSUM_PRELOAD |
		    TRN_FEATURE_MX | TRN_FEATURE_ACTIVATE2 | TRN_FEATURE_RAND2 |
		    TRN_FEATURE_INDIRECT | TRN_FEATURE_QOS | TRN_FEATURE_DMA_ADD_FULL |
		    TRN_FEATURE_XORWOW,
	TRN_GEN_SET(pci_device, TRN_PCI_DEVICE_TRN4, 'C', "ours: the id is not public"),
	TRN_GEN_SET(arch, 5, 'C', "guess: one more than Trainium3"),
	TRN_GEN_SET(ostand_wr_2, 1, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(hbm_bytes, 64 * TRN_GIB, 'C', "ours: what a slot of the address map holds"),
	TRN_GEN_SET(hbm_capacity_bytes, 288 * TRN_GIB, 'B', "H 1.1, 1.5: 2 x Trainium3"),
	TRN_GEN_SET(hbm_stacks, 8, 'B', "H 1.1, 1.5: an analyst's figure"),
	TRN_GEN_SET(cores, 8, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(dma_engines, 128, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(hbm_bytes_per_s, UINT64_C(19600000000000), 'B', "H 1.5: 4 x Trainium3"),
	TRN_GEN_SET(sbuf_partition_bytes, 256 * 1024, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(psum_partition_bytes, 16 * 1024, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(clock_tensor_mhz, 2400, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(clock_vector_mhz, 1200, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(clock_scalar_mhz, 1200, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(clock_gpsimd_mhz, 1200, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(clock_sync_mhz, 1200, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(min_ii_cycles, 64, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(dynamic_ii_cycles, 600, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(gpsimd_start_cycles, 150, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(latency_tensor_ns, 42, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(latency_vector_ns, 120, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(latency_scalar_ns, 293, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(latency_gpsimd_ns, 83, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(latency_sync_ns, 53, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(act_table_ns, 1280, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(vector_fast_copy, 4, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(vector_fast_tt, 2, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(scalar_fast, 2, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(dma_load_mbps, 132000, 'C', "guess of H 8: 4 x Trainium3"),
	TRN_GEN_SET(dma_store_mbps, 152000, 'C', "guess of H 8: 4 x Trainium3"),
	TRN_GEN_SET(dma_trigger_ns, 740, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(dma_done_ns, 300, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(dma_issue_ns, 600, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(udma_fetch_ns, 500, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(udma_packet_ns, 10, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(udma_write_hbm_ns, 600, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(udma_write_host_ns, 200, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(matmul_fp32_passes, 4, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(matmul_rate_f32, 25, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(matmul_rate_f8, 200, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(matmul_rate_mxf8, 1200, 'B', "H 1.5: 3 x Trainium3 in FP8"),
	TRN_GEN_SET(matmul_rate_mxf4, 2400, 'B', "H 1.5: 6 x Trainium3 in FP4"),
	TRN_GEN_SET(matmul_moving_max, 4096, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(reset_ns, 100000000, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(mailbox_ns, 200000, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(peak_f32_tflops, 183, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(peak_bf16_tflops, 671, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(peak_f8_tflops, 7551, 'B', "H 1.5: 3 x Trainium3"),
	TRN_GEN_SET(peak_f4_tflops, 15102, 'B', "H 1.5: 6 x Trainium3"),
	TRN_GEN_SET(peak_sparse_tflops, 2517, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(link_total_mbps, 3600000, 'C', "H 1.5: press, NVLink 6 class"),
	TRN_GEN_SET(link_server_mbps, 1800000, 'C', "H 8: half of both ways"),
	TRN_GEN_SET(link_rack_mbps, 0, 'C', "guess: one domain"),
	TRN_GEN_SET(link_cross_mbps, 0, 'C', "guess: one domain"),
	TRN_GEN_SET(link_hop_ns, 700, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(efa_mbps, 25000, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(efa_ns, 15000, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(chips_server, 4, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(chips_ultraserver, 144, 'C', "assumed as Trainium3"),
	TRN_GEN_SET(power_mw_busy, 692000, 'C', "assumed as Trainium3"),
};
/* clang-format on */
