/* SPDX-License-Identifier: Apache-2.0 */
/* Vendor registers and layouts, from public facts only (docs/device-spec.md names
 * each source). Offsets are BAR0 byte offsets unless said; no behaviour here. */
#ifndef BASE_REGS_H
#define BASE_REGS_H

#include <stdint.h>

/* PCI */
#define TRN_PCI_VENDOR 0x1d0fu
#define TRN_PCI_DEVICE_TRN2 0x7364u
#define TRN_PCI_DEVICE_TRN3 0x7564u
#define TRN_PCI_DEVICE_TRN3_ALT 0x7565u
#define TRN_PCI_DEVICE_TRN4 0x7f04u /* ours: the vendor has published none */
#define TRN_PCI_REVISION_EMULATOR 240u
#define TRN_PCI_REVISION_QEMU 255u

#define TRN_BAR_REGS 0 /* 4 GiB sparse register space */
#define TRN_BAR_HBM 4  /* HBM window, four slots of 64 GiB */
#define TRN_BAR0_SIZE UINT64_C(0x100000000)
#define TRN_BAR4_SLOT UINT64_C(0x1000000000)
#define TRN_BAR4_SIZE (4 * TRN_BAR4_SLOT)

#define TRN_READ_NOT_READY 0xdeadbeefu /* read while the device is not ready */
#define TRN_READ_DEAD 0xffffffffu      /* read of a device that fell off the bus */

/* Topology of both generations */
#define TRN_CORES 8
#define TRN_SENGS 4
#define TRN_HBMS 4
#define TRN_DMA_ENGINES 132
#define TRN_DMA_ENGINES_CORE 128 /* 0..127 belong to cores, 16 each */
#define TRN_DMA_H2T_FIRST 128    /* 128..131: host copy engines, one per pair of cores */
#define TRN_DMA_QUEUES 16
#define TRN_TOPSPS 16
#define TRN_TOPSP_BLOCKS 20 /* address map; 8, 9, 18, 19 have no driver id */
#define TRN_SEMAPHORES 256

/* Device-side (AXI) addresses */
#define TRN_AXI_HBM0 UINT64_C(0x000000000000)
#define TRN_AXI_HBM1 UINT64_C(0x004000000000)
#define TRN_AXI_HBM2 UINT64_C(0x800000000000)
#define TRN_AXI_HBM3 UINT64_C(0x804000000000)
#define TRN_AXI_TPB_REGION UINT64_C(0x804000000)
#define TRN_AXI_PREPROC_SIZE UINT64_C(0x34c0000)
#define TRN_AXI_IO_APB0 UINT64_C(0x008000000000)
#define TRN_AXI_IO_APB1 UINT64_C(0x808000000000)
#define TRN_AXI_IO_APB_SIZE UINT64_C(0x20000000)
#define TRN_AXI_TOPSP0 UINT64_C(0x008280000000)  /* blocks 0..9 */
#define TRN_AXI_TOPSP10 UINT64_C(0x808280000000) /* blocks 10..19 */
#define TRN_AXI_TOPSP_STRIDE UINT64_C(0x40000000)
#define TRN_AXI_HOST UINT64_C(0x400000000000) /* bit 46: OR with a host address */
#define TRN_AXI_PEER0 UINT64_C(0x10000000000000)
#define TRN_AXI_PEER_STRIDE UINT64_C(0x04000000000000)

/* BAR0 map */
#define TRN_BAR0_IO_APB0 0x00000000u
#define TRN_BAR0_IO_APB1 0x40000000u
#define TRN_BAR0_IO_APB_SIZE 0x20000000u
#define TRN_BAR0_SE_APB0 0x80000000u
#define TRN_BAR0_SE_APB_STRIDE 0x10000000u
#define TRN_BAR0_TPB 0xd0000000u
#define TRN_BAR0_TPB_STRIDE 0x04000000u
#define TRN_BAR0_TOPSP0 0xf0000000u /* ids 0..7 */
#define TRN_BAR0_TOPSP8 0xf2800000u /* ids 8..15 */
#define TRN_BAR0_TOPSP_STRIDE 0x00400000u
#define TRN_BAR0_QEMU_RESET 0x06300010u

/* TPB window (one NeuronCore), offsets */
#define TRN_TPB_SBUF 0x0000000u
#define TRN_TPB_SBUF_SIZE 0x2000000u
#define TRN_TPB_PSUM 0x2000000u /* libtrn extension: the public map has no PSUM offset */
#define TRN_TPB_PSUM_SIZE 0x0200000u
#define TRN_TPB_EVENTS 0x2700000u
#define TRN_TPB_SEM_READ 0x2701000u
#define TRN_TPB_SEM_SET 0x2701400u
#define TRN_TPB_SEM_INC 0x2701800u
#define TRN_TPB_SEM_DEC 0x2701c00u
#define TRN_TPB_SYNC_SIZE 0x2000u
#define TRN_SBUF_PARTITION_STRIDE 0x40000u /* libtrn extension: window is 128 x 256 KiB */
#define TRN_PSUM_PARTITION_SIZE 0x4000u
/* The same five blocks inside a TOP_SP block, at its base (inner layout inferred). */
#define TRN_TOPSP_EVENTS 0x0000u
#define TRN_TOPSP_SEM_READ 0x1000u
#define TRN_TOPSP_SEM_SET 0x1400u
#define TRN_TOPSP_SEM_INC 0x1800u
#define TRN_TOPSP_SEM_DEC 0x1c00u

/* MISC RAM (firmware mailbox) */
#define TRN_MISC_RAM 0x06c84000u
#define TRN_MISC_RAM_SIZE 0x1000u
#define TRN_AXI_MISC_RAM UINT64_C(0x8006c84000)
#define TRN_MR_API_VERSION 0x000u
#define TRN_MR_ROUTING_ID 0x024u
#define TRN_MR_SERIAL_LO 0x038u
#define TRN_MR_SERIAL_HI 0x03cu
#define TRN_MR_ECC_SRAM 0x040u   /* 31:16 corrected, 15:0 uncorrected */
#define TRN_MR_ECC_HBM0 0x044u   /* four words */
#define TRN_MR_POWER_DIE0 0x054u /* 15:0 utilisation in 1/100 %, 31:16 sample counter */
#define TRN_MR_POWER_DIE1 0x058u
#define TRN_MR_HBM_REPAIR 0x064u
#define TRN_MR_SERVER_INFO 0x070u
#define TRN_MR_ACK 0x0f0u
#define TRN_MR_DATA 0x100u
#define TRN_MR_DATA_SIZE 0x080u
#define TRN_MR_LEFT_SERIAL_HI 0x180u
#define TRN_MR_ELECTION_STATUS 0x190u
#define TRN_MR_POD_SERIAL_HI 0x194u
#define TRN_MR_POD_SERIAL_LO 0x198u
#define TRN_MR_RESET_MAP 0x1d8u
#define TRN_MR_RESET_TYPE 0x1ecu
#define TRN_MR_RESET_TYPE_DEVICE 1u
#define TRN_MR_RESET_TYPE_TPB 2u
#define TRN_MR_REQ_HI 0x1f0u /* or header word 0 of the new protocol */
#define TRN_MR_REQ_LO 0x1f4u /* or header word 1 */
#define TRN_MR_RESP_HI 0x1f8u
#define TRN_MR_RESP_LO 0x1fcu
#define TRN_MR_TRIGGER 0x800u
#define TRN_MR_STATUS 0x808u
#define TRN_MR_STATUS_RESETTING 0x8u

/* Mailbox */
#define TRN_MBOX_READ 1u
#define TRN_MBOX_POST 2u
#define TRN_MBOX_SET_POWER 3u
#define TRN_MBOX_API_NEW 7u /* first API version with the new protocol */
#define TRN_MBOX_OK 0u
#define TRN_MBOX_FAIL 1u
#define TRN_MBOX_UNKNOWN 2u
#define TRN_MBOX_HOST_SIZE 65535u

struct trn_mbox_request {
	uint8_t sequence; /* 1..255 */
	uint8_t command;
	uint16_t size; /* header included */
	uint32_t crc;  /* CRC-32C over header with crc 0, then payload */
};

struct trn_mbox_response {
	uint8_t sequence;
	uint8_t error;
	uint16_t size;
};

/* UDMA engine block */
#define TRN_UDMA_BLOCK 0x100000u
#define TRN_UDMA_M2S 0x00000u
#define TRN_UDMA_S2M 0x20000u
#define TRN_UDMA_M2S_DATA_RD_CFG 0x00118u
#define TRN_UDMA_M2S_DESC_RD_CFG 0x0011cu
#define TRN_UDMA_M2S_OSTAND_CFG 0x00124u
#define TRN_UDMA_STATE 0x200u /* + TRN_UDMA_M2S or TRN_UDMA_S2M; also below */
#define TRN_UDMA_CHANGE_STATE 0x204u
#define TRN_UDMA_ERR_LOG_MASK 0x20cu
#define TRN_UDMA_M2S_PKT_LEN_CFG 0x00254u
#define TRN_UDMA_M2S_STREAM_CFG 0x00258u
#define TRN_UDMA_M2S_PREF_CFG_2 0x00304u
#define TRN_UDMA_PREF_CFG_3 0x308u
#define TRN_UDMA_M2S_DATA_CFG 0x00310u
#define TRN_UDMA_M2S_ACK_TIMEOUT 0x00408u
#define TRN_UDMA_VERSION 0x00604u
#define TRN_UDMA_S2M_DESC_RD_CFG 0x2011cu
#define TRN_UDMA_S2M_OSTAND_RD 0x20124u
#define TRN_UDMA_S2M_OSTAND_WR 0x20128u
#define TRN_UDMA_S2M_OSTAND_WR_2 0x2012cu
#define TRN_UDMA_S2M_COMP_CFG_1C 0x20380u
#define TRN_UDMA_S2M_ACK_TIMEOUT 0x2038cu
#define TRN_UDMA_QUEUE(q) (0x1000u + (uint32_t)(q)*0x1000u)
#define TRN_UDMA_INT_PRIMARY(g) (0x38000u + (uint32_t)(g)*0x40u)   /* groups A..D */
#define TRN_UDMA_INT_SECONDARY(g) (0x3a000u + (uint32_t)(g)*0x40u) /* groups A..C */
#define TRN_UDMA_INT_CAUSE 0x00u
#define TRN_UDMA_INT_CAUSE_SET 0x08u
#define TRN_UDMA_INT_MASK 0x10u
#define TRN_UDMA_INT_MASK_CLEAR 0x18u
#define TRN_UDMA_INT_STATUS 0x20u
#define TRN_UDMA_INT_CONTROL 0x28u
#define TRN_UDMA_INT_ABORT_MASK 0x30u
#define TRN_UDMA_AXI_TIMEOUT 0x3a300u
#define TRN_UDMA_SPARE_ZEROES0 0x3b460u
#define TRN_UDMA_ADDR_HI(q) (0x3c400u + (uint32_t)(q)*0x40u) /* tx_sel +0, rx_sel[3] +4 */
#define TRN_UDMA_APP 0x40000u
#define TRN_UDMA_NOTIFIC 0x41000u

/* UDMA queue registers, offsets in the queue */
#define TRN_UDMAQ_CFG 0x20u
#define TRN_UDMAQ_CFG_RESET 0x03000000u
#define TRN_UDMAQ_CFG_ENABLE 0x00030000u /* bits 16 and 17 */
#define TRN_UDMAQ_STATUS 0x24u
#define TRN_UDMAQ_BASE_LO 0x28u
#define TRN_UDMAQ_BASE_LO_MASK 0xffffffc0u
#define TRN_UDMAQ_BASE_HI 0x2cu
#define TRN_UDMAQ_LENGTH 0x30u
#define TRN_UDMAQ_HEAD 0x34u /* 24-bit index, ring id in 31:30 */
#define TRN_UDMAQ_TAIL_INC 0x38u
#define TRN_UDMAQ_TAIL 0x3cu
#define TRN_UDMAQ_CURRENT 0x40u
#define TRN_UDMAQ_COMP_BASE_LO 0x44u
#define TRN_UDMAQ_COMP_BASE_HI 0x48u
#define TRN_UDMAQ_COMP_HEAD 0x4cu
#define TRN_UDMAQ_S2M_COMP_CFG 0x54u
#define TRN_UDMAQ_S2M_SW_CTRL 0x64u
#define TRN_UDMAQ_M2S_RLIMIT_MASK 0x74u
#define TRN_UDMAQ_M2S_COMP_CFG 0xa0u
#define TRN_UDMAQ_M2S_SW_CTRL 0xb0u
#define TRN_UDMAQ_SW_CTRL_RESET 0x100u

/* Rings and descriptors */
#define TRN_UDMA_DESC_SIZE 16u
#define TRN_UDMA_DESC_LEN_MAX 65536u /* encoded as 0 */
#define TRN_UDMA_RING_MIN 32u
#define TRN_UDMA_RING_MAX 16777200u
#define TRN_UDMA_RING_GAP 16u /* slots that stay unused */
#define TRN_UDMA_PACKET_DESCS_MAX 65u
#define TRN_UDMA_PACKET_BYTES_MAX 0xfffffu
#define TRN_UDMA_RING_ID_MASK 3u

#define TRN_DESC_RING_ID_SHIFT 24
#define TRN_DESC_FIRST (1u << 26)
#define TRN_DESC_LAST (1u << 27)
#define TRN_DESC_INTERRUPT (1u << 28)
#define TRN_DESC_STRONG_ORDER (1u << 29) /* Rx */
#define TRN_DESC_DMB (1u << 30)          /* Tx */
#define TRN_DESC_META_COPY 0x01080003u
#define TRN_DESC_META_WRITE_BARRIER (1u << 26)

struct trn_udma_desc {
	uint32_t len_ctrl;
	uint32_t meta; /* Tx meta control; Rx: 0 */
	uint64_t address;
};

#define TRN_H2T_RING_DESCS 8192u
#define TRN_H2T_BATCH_MAX 2032u /* data pairs in one batch */
#define TRN_H2T_MARKER 0xabcdef01u

/* State register: 2-bit fields at 0, 4, 8, 12 */
#define TRN_UDMA_STATE_IDLE 0u
#define TRN_UDMA_STATE_NORMAL 1u
#define TRN_UDMA_STATE_ABORT 2u
#define TRN_UDMA_STATE_ALL(v) ((v) | (v) << 4 | (v) << 8 | (v) << 12)
#define TRN_UDMA_CHANGE_NORMAL 1u
#define TRN_UDMA_CHANGE_DISABLE 2u
#define TRN_UDMA_CHANGE_ABORT 4u

/* Secondary group A (M2S) causes */
#define TRN_M2S_ERR_DATA_RD_RESP (1u << 8)
#define TRN_M2S_ERR_PREF_RESP (1u << 11)
#define TRN_M2S_ERR_PKT_TOO_LONG (1u << 13)
#define TRN_M2S_ERR_PKT_DESCS (1u << 14)
#define TRN_M2S_ERR_FIRST (1u << 15)
#define TRN_M2S_ERR_LAST (1u << 16)
#define TRN_M2S_ERR_RING_ID (1u << 17)
/* Secondary group B (S2M) causes */
#define TRN_S2M_ERR_DATA_WR_RESP (1u << 1)
#define TRN_S2M_ERR_PREF_RESP (1u << 9)
#define TRN_S2M_ERR_RING_ID (1u << 11)
#define TRN_S2M_ERR_LEN_MISMATCH (1u << 24)

/* Notification queues */
#define TRN_NQ_BASE_LO(i) (0x100u + (uint32_t)(i)*0x28u)
#define TRN_NQ_BASE_HI(i) (0x104u + (uint32_t)(i)*0x28u)
#define TRN_NQ_SIZE(i) (0x108u + (uint32_t)(i)*0x28u)
#define TRN_NQ_HEAD(i) (0x10cu + (uint32_t)(i)*0x28u)
#define TRN_NQ_GROUPS 96
#define TRN_NQ_TYPES 5
enum trn_nq_type {
	TRN_NQ_TRACE = 0,
	TRN_NQ_NOTIFY = 1,
	TRN_NQ_EVENT = 2,
	TRN_NQ_ERROR = 3,
	TRN_NQ_TRACE_DMA = 4,
};
/* A core's queue i: type * 16 + engine index (libtrn's choice of the two readings). */
#define TRN_NQ_INDEX(type, engine) ((type)*16 + (engine))
#define TRN_NQ_NO_ENGINE 15u /* where no engine is to blame (libtrn extension) */

/* One notification, 32 bytes (libtrn extension; entry format is not public). */
struct trn_nq_entry {
	uint32_t phase_type; /* bit 31 phase, 7:0 enum trn_nq_type, 15:8 engine */
	uint32_t code;       /* by type: user code, error code, DMA engine << 8 | queue */
	uint64_t time_ps;    /* virtual time */
	uint64_t address;
	uint32_t pc;
	uint32_t aux;
};

/* Tensor-engine activity counters: per core block, offsets inside */
#define TRN_PE_GROUP 0x30u
#define TRN_PE_XBUS_PER_ROW 9
#define TRN_PE_MATMUL_LSB(row) ((uint32_t)(((row)*9 + 4) * 0x30) + 0x00u)
#define TRN_PE_WEIGHT_LSB(row) ((uint32_t)(((row)*9 + 8) * 0x30) + 0x08u)
#define TRN_PE_FAST_LSB(row) ((uint32_t)(((row)*9) * 0x30) + 0x08u)
#define TRN_PE_IDLE_LSB(row) ((uint32_t)(((row)*9 + 4) * 0x30) + 0x10u)

/* Bases that are tables, not formulas (base/regs.c). Index out of range: 0. */
uint64_t trn_regs_hbm_axi(unsigned int hbm);
uint64_t trn_regs_tpb_axi(unsigned int core);
uint64_t trn_regs_preproc_axi(unsigned int seng);
uint64_t trn_regs_se_apb_axi(unsigned int seng);
uint64_t trn_regs_topsp_axi(unsigned int block);  /* map block 0..19 */
uint32_t trn_regs_topsp_bar0(unsigned int id);    /* driver id 0..15 */
uint32_t trn_regs_udma_bar0(unsigned int engine); /* 0..131 */
uint64_t trn_regs_udma_axi(unsigned int engine);
uint32_t trn_regs_fis_bar0(unsigned int engine); /* error trigger block; 0 for 128..131 */
uint32_t trn_regs_nq_core_bar0(unsigned int core);
uint32_t trn_regs_nq_topsp_bar0(unsigned int id);
uint32_t trn_regs_pe_bar0(unsigned int core);

/* The name of a BAR0 register for people ("udma128.m2s.q0.tail_inc"), or a hex
 * offset; returns the length that was needed, like snprintf. And back: -ENOENT. */
int trn_regs_name(uint32_t offset, char *buf, unsigned long size);
int trn_regs_find(const char *name, uint32_t *ret_offset);

/* Every name there is, block by block; one offset may have two. Stops at the first answer
 * that is not 0 and returns it. */
#define TRN_REGS_NAME_MAX 48
typedef int (*trn_regs_fn)(void *user, const char *name, uint32_t offset);
int trn_regs_each(trn_regs_fn fn, void *user);

#endif /* BASE_REGS_H */
