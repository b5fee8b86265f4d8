/* SPDX-License-Identifier: Apache-2.0 */
/* Trainium2. Sources and confidence as model/gen.h says; a guess only moves virtual time,
 * never a result. */
#include "base/bits.h"
#include "base/regs.h"
#include "model/gen.h"

extern const struct trn_gen trn_gen_trn2;

/* clang-format off */
const struct trn_gen trn_gen_trn2 = {
	.name = "trn2",
	.product = "Trainium2", /* D 8.1 device_name */
	.number = 2,
	.features = 0, /* H 4.3, 4.5, 8: all of them came with Trainium3 */
	TRN_GEN_SET(pci_device, TRN_PCI_DEVICE_TRN2, 'A', "D 1.1"),
	TRN_GEN_SET(arch, 3, 'A', "D 7.2"),
	TRN_GEN_SET(ostand_wr_2, 0, 'A', "D 3.7 step 14"),
	TRN_GEN_SET(hbm_bytes, 24 * TRN_GIB, 'A', "D 2.1, H 1.1"),
	TRN_GEN_SET(hbm_bytes_per_s, UINT64_C(2900000000000), 'A', "H 0.2"),
	TRN_GEN_SET(sbuf_partition_bytes, 224 * 1024, 'A', "H 1.1"),
	TRN_GEN_SET(clock_tensor_mhz, 2400, 'A', "H 1.2"),
	TRN_GEN_SET(clock_vector_mhz, 960, 'A', "H 1.2"),
	TRN_GEN_SET(clock_scalar_mhz, 1200, 'A', "H 1.2"),
	TRN_GEN_SET(clock_gpsimd_mhz, 1200, 'A', "H 1.2"),
	TRN_GEN_SET(clock_sync_mhz, 1200, 'C', "guess: as its neighbours"),
	TRN_GEN_SET(min_ii_cycles, 64, 'A', "H 4.5, 8"),
	TRN_GEN_SET(dynamic_ii_cycles, 600, 'A', "H 4.5, 8"),
	TRN_GEN_SET(gpsimd_start_cycles, 150, 'A', "H 4.5, 8"),
	TRN_GEN_SET(latency_tensor_ns, 42, 'B', "H 4.5: 100 engine cycles of static overhead"),
	TRN_GEN_SET(latency_vector_ns, 150, 'B', "H 8: 144 cycles"),
	TRN_GEN_SET(latency_scalar_ns, 293, 'B', "H 4.5: fit of two points"),
	TRN_GEN_SET(latency_gpsimd_ns, 83, 'B', "H 4.5: 100 engine cycles of static overhead"),
	TRN_GEN_SET(latency_sync_ns, 53, 'C', "guess: one initiation interval"),
	TRN_GEN_SET(act_table_ns, 1280, 'B', "H 4.5"),
	TRN_GEN_SET(vector_fast_copy, 4, 'A', "H 4.5"),
	TRN_GEN_SET(vector_fast_tt, 2, 'A', "H 4.5"),
	TRN_GEN_SET(scalar_fast, 1, 'A', "H 4.5"),
	TRN_GEN_SET(dma_load_mbps, 23000, 'B', "H 4.6, 8"),
	TRN_GEN_SET(dma_store_mbps, 27000, 'B', "H 4.6, 8"),
	TRN_GEN_SET(dma_trigger_ns, 740, 'B', "H 4.6, 8"),
	TRN_GEN_SET(dma_done_ns, 300, 'B', "H 4.6, 8"),
	TRN_GEN_SET(dma_issue_ns, 860, 'B', "H 4.6: fit of the throughput curve"),
	TRN_GEN_SET(udma_fetch_ns, 500, 'C', "guess: one trip to the ring"),
	TRN_GEN_SET(udma_packet_ns, 10, 'B', "H 9 U13: at most 12 ns for a 256-byte row"),
	TRN_GEN_SET(udma_write_hbm_ns, 600, 'C', "guess; D 3.10: not ordered with host writes"),
	TRN_GEN_SET(udma_write_host_ns, 200, 'C', "guess; the shorter one, so a barrier matters"),
	TRN_GEN_SET(matmul_fp32_passes, 4, 'A', "H 4.4"),
	TRN_GEN_SET(matmul_moving_max, 512, 'A', "H 4.2"),
	TRN_GEN_SET(reset_ns, 100000000, 'A', "D 6.2: the driver looks each 100 ms"),
	TRN_GEN_SET(mailbox_ns, 200000, 'C', "guess; D 5.3: the driver looks each 1 ms"),
	TRN_GEN_SET(power_mw_busy, 500000, 'B', "H 8"),
};
/* clang-format on */
