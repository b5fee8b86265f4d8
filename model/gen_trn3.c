/* SPDX-License-Identifier: Apache-2.0 */
/* Trainium3. Sources and confidence as model/gen.h says; a guess only moves virtual time,
 * never a result. */
#include "base/bits.h"
#include "base/regs.h"
#include "model/gen.h"

extern const struct trn_gen trn_gen_trn3;

/* clang-format off */
const struct trn_gen trn_gen_trn3 = {
	.name = "trn3",
	.product = "Trainium3", /* D 8.1 device_name */
	.number = 3,
	/* H 4.2, 4.3, 4.5, 4.6, 4.8, 5.1, 5.2, 8 */
	.features = TRN_FEATURE_EXPONENTIAL | TRN_FEATURE_ALU_EXTRA | TRN_FEATURE_E4M3FN |
		    TRN_FEATURE_PSUM_WHOLE | TRN_FEATURE_PSUM_BF16 | TRN_FEATURE_PSUM_PRELOAD |
		    TRN_FEATURE_MX | TRN_FEATURE_ACTIVATE2 | TRN_FEATURE_RAND2 |
		    TRN_FEATURE_INDIRECT | TRN_FEATURE_QOS | TRN_FEATURE_DMA_ADD_FULL |
		    TRN_FEATURE_XORWOW,
	TRN_GEN_SET(pci_device, TRN_PCI_DEVICE_TRN3, 'A', "D 1.1"),
	TRN_GEN_SET(arch, 4, 'A', "D 7.2"),
	TRN_GEN_SET(ostand_wr_2, 1, 'A', "D 3.7 step 14"),
	TRN_GEN_SET(hbm_bytes, 36 * TRN_GIB, 'A', "D 2.1, H 1.1"),
	TRN_GEN_SET(hbm_capacity_bytes, 144 * TRN_GIB, 'A', "H 1.1"),
	TRN_GEN_SET(hbm_stacks, 4, 'A', "H 1.1"),
	TRN_GEN_SET(cores, 8, 'A', "H 1.1"),
	TRN_GEN_SET(dma_engines, 128, 'A', "H 1.1"),
	TRN_GEN_SET(hbm_bytes_per_s, UINT64_C(4900000000000), 'A', "H 0.2"),
	TRN_GEN_SET(sbuf_partition_bytes, 256 * 1024, 'A', "H 1.1"),
	TRN_GEN_SET(psum_partition_bytes, 16 * 1024, 'A', "H 1.1"),
	TRN_GEN_SET(clock_tensor_mhz, 2400, 'A', "H 1.2"),
	TRN_GEN_SET(clock_vector_mhz, 1200, 'A', "H 1.2"),
	TRN_GEN_SET(clock_scalar_mhz, 1200, 'A', "H 1.2"),
	TRN_GEN_SET(clock_gpsimd_mhz, 1200, 'A', "H 1.2"),
	TRN_GEN_SET(clock_sync_mhz, 1200, 'C', "guess: as its neighbours"),
	TRN_GEN_SET(min_ii_cycles, 64, 'A', "H 8"),
	TRN_GEN_SET(dynamic_ii_cycles, 600, 'A', "H 8"),
	TRN_GEN_SET(gpsimd_start_cycles, 150, 'A', "H 8"),
	TRN_GEN_SET(latency_tensor_ns, 42, 'B', "H 4.5: 100 engine cycles of static overhead"),
	TRN_GEN_SET(latency_vector_ns, 120, 'B', "H 8: 144 cycles"),
	TRN_GEN_SET(latency_scalar_ns, 293, 'B', "H 8"),
	TRN_GEN_SET(latency_gpsimd_ns, 83, 'B', "H 4.5: 100 engine cycles of static overhead"),
	TRN_GEN_SET(latency_sync_ns, 53, 'C', "guess: one initiation interval"),
	TRN_GEN_SET(act_table_ns, 1280, 'C', "H 8: as Trainium2"),
	TRN_GEN_SET(vector_fast_copy, 4, 'A', "H 8"),
	TRN_GEN_SET(vector_fast_tt, 2, 'A', "H 8"),
	TRN_GEN_SET(scalar_fast, 2, 'A', "H 4.5, 8"),
	TRN_GEN_SET(dma_load_mbps, 33000, 'B', "H 8"),
	TRN_GEN_SET(dma_store_mbps, 38000, 'C', "H 8: by analogy"),
	TRN_GEN_SET(dma_trigger_ns, 740, 'C', "H 8: as Trainium2"),
	TRN_GEN_SET(dma_done_ns, 300, 'C', "H 8: as Trainium2"),
	TRN_GEN_SET(dma_issue_ns, 600, 'C', "H 4.6: the same fit at this rate"),
	TRN_GEN_SET(udma_fetch_ns, 500, 'C', "guess: one trip to the ring"),
	TRN_GEN_SET(udma_packet_ns, 10, 'B', "H 9 U13: at most 12 ns for a 256-byte row"),
	TRN_GEN_SET(udma_write_hbm_ns, 600, 'C', "guess; D 3.10: not ordered with host writes"),
	TRN_GEN_SET(udma_write_host_ns, 200, 'C', "guess; the shorter one, so a barrier matters"),
	TRN_GEN_SET(matmul_fp32_passes, 4, 'A', "H 4.4"),
	TRN_GEN_SET(matmul_rate_f32, 25, 'A', "H 8"),
	TRN_GEN_SET(matmul_rate_f8, 200, 'A', "H 1.2, 8"),
	TRN_GEN_SET(matmul_rate_mxf8, 400, 'A', "H 8"),
	TRN_GEN_SET(matmul_rate_mxf4, 400, 'A', "H 1.1: same rate as MXFP8"),
	TRN_GEN_SET(matmul_moving_max, 4096, 'A', "H 4.2"),
	TRN_GEN_SET(reset_ns, 100000000, 'B', "D 6.2: the driver looks each 100 ms"),
	TRN_GEN_SET(mailbox_ns, 200000, 'C', "guess; D 5.3: the driver looks each 1 ms"),
	TRN_GEN_SET(peak_f32_tflops, 183, 'A', "H 1.1"),
	TRN_GEN_SET(peak_bf16_tflops, 671, 'A', "H 1.1"),
	TRN_GEN_SET(peak_f8_tflops, 2517, 'A', "H 1.1: MXFP8"),
	TRN_GEN_SET(peak_f4_tflops, 2517, 'A', "H 1.1: as MXFP8"),
	TRN_GEN_SET(peak_sparse_tflops, 2517, 'A', "H 1.1"),
	TRN_GEN_SET(link_total_mbps, 2560000, 'A', "H 0.2, 1.1"),
	TRN_GEN_SET(link_server_mbps, 512000, 'B', "H 2.3: 64 lanes of 8 GB/s"),
	TRN_GEN_SET(link_rack_mbps, 512000, 'B', "H 2.3: 64 lanes of 8 GB/s"),
	TRN_GEN_SET(link_cross_mbps, 128000, 'B', "H 2.3: 16 lanes of 8 GB/s"),
	TRN_GEN_SET(link_hop_ns, 700, 'C', "guess of H 8, 9 U5"),
	TRN_GEN_SET(efa_mbps, 25000, 'A', "H 2.1: 200 Gbit/s"),
	TRN_GEN_SET(efa_ns, 15000, 'C', "H 8: as Trainium2"),
	TRN_GEN_SET(chips_server, 4, 'A', "H 2.1: Gen2"),
	TRN_GEN_SET(chips_ultraserver, 144, 'A', "H 2.1: Gen2"),
	TRN_GEN_SET(power_mw_busy, 692000, 'B', "H 1.4: derived; not the vendor's"),
};
/* clang-format on */
