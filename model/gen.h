/* SPDX-License-Identifier: Apache-2.0 */
/* A chip generation as one table of constants. Nothing outside the tables asks
 * which generation it is. */
#ifndef MODEL_GEN_H
#define MODEL_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/isa_ops.h" /* TRN_FEATURE_ */

/* Every number of a generation: name, unit, least, most, what it is. A new one is one line
 * here, one SET() in each gen_*.c and one row in docs/device-spec.md, section 14. */
/* clang-format off */
#define TRN_GEN_FIELDS(X) \
	X(pci_device, "", 1, 0xffff, "PCI device id") \
	X(arch, "", 1, 255, "arch number of the vendor's ioctl ABI") \
	X(ostand_wr_2, "", 0, 1, "engine init step 14") \
	X(hbm_bytes, "B", 0x2000000, 0x1000000000, "bytes of each HBM stack") \
	X(hbm_capacity_bytes, "B", 0x8000000, 0x100000000000, "HBM of the chip, as published") \
	X(hbm_stacks, "", 1, 64, "HBM stacks of the chip, as published") \
	X(cores, "", 8, 8, "NeuronCores; the register map has eight") \
	X(dma_engines, "", 16, 1024, "DMA engines of the chip") \
	X(hbm_bytes_per_s, "B/s", 1000000000, 1000000000000000, "HBM bandwidth of the chip") \
	X(sbuf_partition_bytes, "B", 4096, 0x40000, "usable bytes of an SBUF partition") \
	X(psum_partition_bytes, "B", 16384, 16384, "PSUM of a partition; the ISA has this size") \
	X(clock_tensor_mhz, "MHz", 1, 100000, "clock of the tensor engine") \
	X(clock_vector_mhz, "MHz", 1, 100000, "clock of the vector engine") \
	X(clock_scalar_mhz, "MHz", 1, 100000, "clock of the scalar engine") \
	X(clock_gpsimd_mhz, "MHz", 1, 100000, "clock of the gpsimd engine") \
	X(clock_sync_mhz, "MHz", 1, 100000, "clock of the sync engine") \
	X(min_ii_cycles, "cycles", 1, 100000, "least cycles from one instruction to the next") \
	X(dynamic_ii_cycles, "cycles", 1, 100000, "the same with an address from a register") \
	X(gpsimd_start_cycles, "cycles", 0, 100000, "start of a gpsimd instruction") \
	X(latency_tensor_ns, "ns", 0, 1000000, \
	  "issue to result of an isolated tensor instruction") \
	X(latency_vector_ns, "ns", 0, 1000000, "the same of the vector engine") \
	X(latency_scalar_ns, "ns", 0, 1000000, "the same of the scalar engine") \
	X(latency_gpsimd_ns, "ns", 0, 1000000, "the same of the gpsimd engine") \
	X(latency_sync_ns, "ns", 0, 1000000, "the same of the sync engine") \
	X(act_table_ns, "ns", 0, 1000000, "load of another activation table") \
	X(sequencer_cycles, "cycles", 1, 100000, "a register instruction; the issue of any other") \
	X(semaphore_ns, "ns", 0, 1000000, "a count by one engine to the start of another") \
	X(accumulator_cycles, "cycles", 0, 100000, "read-out of an accumulator") \
	X(vector_fast_copy, "elements", 1, 64, "per cycle in the fast mode of the vector engine") \
	X(vector_fast_tt, "times", 1, 64, "as fast is tensor_tensor in the fast mode") \
	X(scalar_fast, "elements", 1, 64, "per cycle in the fast mode of the scalar engine") \
	X(fast_8bit, "", 0, 1, "8-bit floats have the fast modes too") \
	X(vector_exp, "elements", 1, 64, "per cycle of the vector engine's exponential") \
	X(vector_quantize, "elements", 1, 64, "per cycle of quantize_mx") \
	X(vector_rand2, "elements", 1, 64, "per cycle of rand2") \
	X(reciprocal_cycles, "cycles", 1, 1000, "per element of the vector engine's reciprocal") \
	X(rand_state_cycles, "cycles", 1, 100000, "to set or read a random generator") \
	X(gather_piece, "elements", 1, 65536, "of n_gather behind one start") \
	X(wide_stride_bytes, "B", 1, 65536, "an innermost step beyond it is slower") \
	X(wide_stride_factor, "times", 1, 64, "slower") \
	X(sbuf_port_shared, "", 0, 1, "vector and gpsimd take turns at SBUF") \
	X(psum_port_shared, "", 0, 1, "vector and scalar take turns at PSUM") \
	X(psum_bank_percent, "%", 0, 100, "of the overlap with another engine at a bank is lost") \
	X(tensor_floor_cycles, "cycles", 1, 100000, "least cycles of a multiply") \
	X(stationary_columns, "columns", 1, 128, "of the stationary operand loaded per cycle") \
	X(tensor_cold_percent, "%", 1, 100, "speed of the tensor engine after idling") \
	X(tensor_ramp_ns, "ns", 1, 1000000, "of work to full speed; of idling back") \
	X(tensor_warm_percent, "%", 0, 99, "busy part of the time that keeps it fast") \
	X(transpose_percent, "%", 1, 100, "interval of a transpose behind other work") \
	X(dma_load_mbps, "10^6 B/s", 1, 10000000, "of one DMA engine") \
	X(dma_store_mbps, "10^6 B/s", 1, 10000000, "the same from SBUF") \
	X(dma_trigger_software_ns, "ns", 0, 1000000, "to the first byte, DGE SOFTWARE") \
	X(dma_trigger_hardware_ns, "ns", 0, 1000000, "the same, HARDWARE") \
	X(dma_trigger_static_ns, "ns", 0, 1000000, "the same, STATIC") \
	X(dma_stagger_software_ns, "ns", 0, 100000, "DMA engine to the next, SOFTWARE") \
	X(dma_stagger_hardware_ns, "ns", 0, 100000, "the same, HARDWARE") \
	X(dma_stagger_static_ns, "ns", 0, 100000, "the same, STATIC") \
	X(dma_issue_software_ns, "ns", 0, 1000000, "between two of one engine, SOFTWARE") \
	X(dma_issue_hardware_ns, "ns", 0, 1000000, "the same, HARDWARE") \
	X(dma_issue_static_ns, "ns", 0, 1000000, "the same, STATIC") \
	X(dma_done_ns, "ns", 0, 1000000, "last byte to semaphore") \
	X(dma_row_ns, "ns", 0, 100000, "least time of a run of bytes on a DMA engine") \
	X(dma_transpose_percent, "%", 1, 100, "of the copy rate, DMA_TRANSPOSE") \
	X(dma_transpose_sbuf_percent, "%", 1, 100, "the same from SBUF to SBUF") \
	X(dma_add_percent, "%", 1, 100, "of the copy rate, DMA_ADD") \
	X(dma_add_same_percent, "%", 1, 100, "the same with one dtype, BF16 or FP32") \
	X(gpsimd_dma_mbps, "10^6 B/s", 1, 10000000, "of the DMA inside the gpsimd engine") \
	X(core_barrier_ns, "ns", 0, 1000000, "a barrier of two cores, after the later arrival") \
	X(queue_command_ns, "ns", 0, 1000000, "a command of a queue") \
	X(queue_launch_ns, "ns", 0, 1000000, "a launch, until its engines start") \
	X(sync_op_ns, "ns", 0, 1000000, "an operation of a sync processor") \
	X(udma_fetch_ns, "ns", 0, 1000000, "doorbell to first packet") \
	X(udma_packet_ns, "ns", 0, 1000000, "least time of a packet") \
	X(udma_write_hbm_ns, "ns", 0, 1000000, "packet's end to bytes visible in HBM") \
	X(udma_write_host_ns, "ns", 0, 1000000, "the same elsewhere") \
	X(matmul_fp32_passes, "passes", 1, 64, "FP32 passes through the array") \
	X(matmul_onezero_passes, "passes", 1, 64, "the same with an operand of zeros and ones") \
	X(matmul_through_passes, "passes", 1, 64, "the same of FP32 in transpose mode") \
	X(matmul_rate_f8, "%", 1, 10000, "FP8 double-row matmul rate, of BF16's") \
	X(matmul_rate_mxf8, "%", 0, 10000, "the same of MXFP8; 0: has none") \
	X(matmul_rate_mxf4, "%", 0, 10000, "the same of MXFP4; 0: has none") \
	X(matmul_moving_max, "elements", 512, 65536, "free size of a matmul's moving operand") \
	X(reset_ns, "ns", 1, 4000000000, "a firmware reset") \
	X(mailbox_ns, "ns", 1, 4000000000, "a mailbox request") \
	X(peak_f32_tflops, "TFLOP/s", 0, 10000000, "chip's FP32 peak as published, all engines") \
	X(peak_bf16_tflops, "TFLOP/s", 0, 10000000, "the same in BF16, FP16 and TF32") \
	X(peak_f8_tflops, "TFLOP/s", 0, 10000000, "the same in FP8, MXFP8 where there is one") \
	X(peak_f4_tflops, "TFLOP/s", 0, 10000000, "the same in MXFP4; 0: has none") \
	X(peak_sparse_tflops, "TFLOP/s", 0, 10000000, "the same with structured sparsity") \
	X(link_total_mbps, "10^6 B/s", 0, 100000000, "NeuronLink of the chip, both ways") \
	X(link_server_mbps, "10^6 B/s", 0, 100000000, "one way, to chips of the same server") \
	X(link_rack_mbps, "10^6 B/s", 0, 100000000, "one way, to other servers of the rack") \
	X(link_cross_mbps, "10^6 B/s", 0, 100000000, "one way, third axis or other racks") \
	X(link_hop_ns, "ns", 0, 1000000, "one hop between chips") \
	X(efa_mbps, "10^6 B/s", 0, 10000000, "network of the chip, one way") \
	X(efa_ns, "ns", 0, 100000000, "network, HBM to HBM") \
	X(chips_server, "", 1, 1024, "chips of a server") \
	X(chips_ultraserver, "", 1, 65536, "chips of the largest UltraServer") \
	X(power_mw_busy, "mW", 1, 100000000, "chip at full load") \
	X(idle_tensor_mw, "mW", 0, 10000000, "idle power of the tensor engines of the chip") \
	X(idle_vector_mw, "mW", 0, 10000000, "the same of the vector engines") \
	X(idle_scalar_mw, "mW", 0, 10000000, "the same of the scalar engines") \
	X(idle_gpsimd_mw, "mW", 0, 10000000, "the same of the gpsimd engines") \
	X(idle_sync_mw, "mW", 0, 10000000, "the same of the sync engines and sequencers") \
	X(idle_sram_mw, "mW", 0, 10000000, "the same of SBUF and PSUM") \
	X(idle_hbm_mw, "mW", 0, 10000000, "the same of HBM: refresh and interface") \
	X(idle_dma_mw, "mW", 0, 10000000, "the same of the DMA engines") \
	X(idle_link_mw, "mW", 0, 10000000, "the same of links and the rest of the chip") \
	X(issue_fj, "fJ", 0, 100000000, "an instruction, fetched and issued") \
	X(mac_f32_fj, "fJ", 0, 1000000, "a multiply-accumulate in FP32") \
	X(mac_bf16_fj, "fJ", 0, 1000000, "the same in BF16, FP16, TF32") \
	X(mac_f8_fj, "fJ", 0, 1000000, "the same in FP8") \
	X(mac_mxf8_fj, "fJ", 0, 1000000, "the same in MXFP8") \
	X(mac_mxf4_fj, "fJ", 0, 1000000, "the same in MXFP4") \
	X(vector_fj, "fJ", 0, 1000000, "an element of the vector engine") \
	X(scalar_fj, "fJ", 0, 1000000, "the same of the scalar engine") \
	X(gpsimd_fj, "fJ", 0, 1000000, "the same of the gpsimd engine") \
	X(sbuf_fj, "fJ", 0, 1000000, "a byte read or written in SBUF") \
	X(psum_fj, "fJ", 0, 1000000, "a byte read or written in PSUM") \
	X(hbm_fj, "fJ", 0, 1000000, "a byte read or written in HBM") \
	X(dma_fj, "fJ", 0, 1000000, "a byte through a DMA engine") \
	X(link_fj, "fJ", 0, 1000000, "a byte to or from the host") \
	X(link_hop_fj, "fJ", 0, 1000000, "a byte over one link between chips")
/* clang-format on */

#define TRN_GEN_ENUM(field, unit, least, most, help) TRN_GEN_##field,
enum trn_gen_field {
	TRN_GEN_FIELDS(TRN_GEN_ENUM) TRN_GEN_FIELD_COUNT,
};
#undef TRN_GEN_ENUM

/* Where a number is from. Confidence: A documented by the vendor, B derived from documented or
 * measured points, C a guess of ours. Source: "H 4.6" is section 4.6 of the hardware-and-isa
 * facts, "D" the driver facts, else words. */
struct trn_gen_origin {
	char confidence;
	const char *source;
};

struct trn_gen {
	const char *name;    /* "trn2" */
	const char *product; /* "Trainium2" */
	uint32_t number;     /* 2, 3, ...: arch of programs */
	uint32_t features;   /* TRN_FEATURE_ */
	bool preview;        /* announced, not documented: most numbers are guesses */
	union {
		struct {
#define TRN_GEN_MEMBER(field, unit, least, most, help) uint64_t field;
			TRN_GEN_FIELDS(TRN_GEN_MEMBER)
#undef TRN_GEN_MEMBER
		};
		uint64_t value[TRN_GEN_FIELD_COUNT]; /* by enum trn_gen_field */
	};
	struct trn_gen_origin origin[TRN_GEN_FIELD_COUNT];
};

/* One number in a table. */
#define TRN_GEN_SET(field, number, confidence, source) \
	.value[TRN_GEN_##field] = (number), .origin[TRN_GEN_##field] = { confidence, source }

/* Names of the bits of features, index from 0; NULL past the end. *ret_help is one line. */
const char *trn_gen_feature(unsigned int index, uint32_t *ret_bit, const char **ret_help);

/* NULL when there is none of that name. */
const struct trn_gen *trn_gen_find(const char *name);
/* Index from 0; NULL past the end. */
const struct trn_gen *trn_gen_at(unsigned int index);

/* What a number is. */
struct trn_gen_field_info {
	const char *name, *unit, *help;
	uint64_t least, most;
};
extern const struct trn_gen_field_info trn_gen_fields[TRN_GEN_FIELD_COUNT];

/* What does not hold between the numbers of a generation, and between which; NULL: nothing. */
#define TRN_GEN_CHECK_FIELDS 4
const char *trn_gen_check(const struct trn_gen *gen,
			  enum trn_gen_field ret_fields[TRN_GEN_CHECK_FIELDS]);

/* gen_profile.c: a generation from the text of docs/uris.md, "Profiles". text has size bytes and
 * room for a NUL behind them, is changed, and holds what the strings of *ret_gen point to.
 * -EINVAL with *ret_problem; *ret_gen is then not to be used. */
#define TRN_GEN_PROFILE_MAX 65536
struct trn_gen_problem {
	uint32_t line, column; /* from 1 */
	char what[160];
};
int trn_gen_profile(char *text, size_t size, const struct trn_gen *base, struct trn_gen *ret_gen,
		    struct trn_gen_problem *ret_problem);

static inline uint64_t trn_gen_clock_mhz(const struct trn_gen *gen, uint32_t engine)
{
	return gen->value[TRN_GEN_clock_tensor_mhz + engine];
}

static inline uint64_t trn_gen_latency_ns(const struct trn_gen *gen, uint32_t engine)
{
	return gen->value[TRN_GEN_latency_tensor_ns + engine];
}

#endif /* MODEL_GEN_H */
