/* SPDX-License-Identifier: Apache-2.0 */
/* Bases that are tables, and the names of BAR0 registers. A name is a block
 * ("udma128"), a dot and a register rule of that block ("m2s.q0.tail_inc"). */
#include "base/regs.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bits.h"
#include "base/ext.h"

/* ---- bases (driver facts 2.2, 2.3, 2.6, 2.7, 2.8) ---- */

static const uint64_t hbm_axi[TRN_HBMS] = {
	TRN_AXI_HBM0,
	TRN_AXI_HBM1,
	TRN_AXI_HBM2,
	TRN_AXI_HBM3,
};
static const uint64_t tpb_axi[TRN_CORES] = {
	UINT64_C(0x002000000000), UINT64_C(0x003000000000), UINT64_C(0x006000000000),
	UINT64_C(0x007000000000), UINT64_C(0x802000000000), UINT64_C(0x803000000000),
	UINT64_C(0x806000000000), UINT64_C(0x807000000000),
};
static const uint64_t preproc_axi[TRN_SENGS] = {
	UINT64_C(0x001200000000),
	UINT64_C(0x005200000000),
	UINT64_C(0x801200000000),
	UINT64_C(0x805200000000),
};
static const uint64_t se_apb_axi[TRN_SENGS] = {
	UINT64_C(0x001000000000),
	UINT64_C(0x005000000000),
	UINT64_C(0x801000000000),
	UINT64_C(0x805000000000),
};
/* First engine block and first error trigger block of a group, inside its SE APB. */
static const uint32_t seng_udma[TRN_SENGS] = { 0x02000000, 0x04000000, 0x02000000, 0x04000000 };
static const uint32_t seng_fis[TRN_SENGS] = { 0x0c000000, 0x0c400000, 0x0c000000, 0x0c400000 };
#define SENG_ENGINES 32u
#define FIS_STRIDE 0x20000u
static const uint32_t h2t_bar0[] = { 0x06800000, 0x06900000, 0x46800000, 0x46900000 };
static const uint32_t nq_core[TRN_CORES] = {
	0x06001000, 0x06181000, 0x06401000, 0x06581000,
	0x46001000, 0x46181000, 0x46401000, 0x46581000,
};
static const uint32_t pe_core[TRN_CORES] = {
	0x06141100, 0x062c1100, 0x06541100, 0x066c1100,
	0x46141100, 0x462c1100, 0x46541100, 0x466c1100,
};
#define NQ_TOPSP0 0x06a00000u
#define NQ_TOPSP8 0x46a00000u
#define NQ_TOPSP_STRIDE 0x40000u
#define PE_ROWS 4
#define PE_ROW (TRN_PE_XBUS_PER_ROW * TRN_PE_GROUP)

uint64_t trn_regs_hbm_axi(unsigned int hbm)
{
	return hbm < TRN_HBMS ? hbm_axi[hbm] : 0;
}

uint64_t trn_regs_tpb_axi(unsigned int core)
{
	return core < TRN_CORES ? tpb_axi[core] : 0;
}

uint64_t trn_regs_preproc_axi(unsigned int seng)
{
	return seng < TRN_SENGS ? preproc_axi[seng] : 0;
}

uint64_t trn_regs_se_apb_axi(unsigned int seng)
{
	return seng < TRN_SENGS ? se_apb_axi[seng] : 0;
}

uint64_t trn_regs_topsp_axi(unsigned int block)
{
	if (block >= TRN_TOPSP_BLOCKS)
		return 0;
	if (block < TRN_TOPSP_BLOCKS / 2)
		return TRN_AXI_TOPSP0 + block * TRN_AXI_TOPSP_STRIDE;
	return TRN_AXI_TOPSP10 + (block - TRN_TOPSP_BLOCKS / 2) * TRN_AXI_TOPSP_STRIDE;
}

uint32_t trn_regs_topsp_bar0(unsigned int id)
{
	if (id >= TRN_TOPSPS)
		return 0;
	if (id < TRN_TOPSPS / 2)
		return TRN_BAR0_TOPSP0 + id * TRN_BAR0_TOPSP_STRIDE;
	return TRN_BAR0_TOPSP8 + (id - TRN_TOPSPS / 2) * TRN_BAR0_TOPSP_STRIDE;
}

uint32_t trn_regs_udma_bar0(unsigned int engine)
{
	unsigned int seng = engine / SENG_ENGINES;

	if (engine >= TRN_DMA_ENGINES)
		return 0;
	if (engine >= TRN_DMA_ENGINES_CORE)
		return h2t_bar0[engine - TRN_DMA_ENGINES_CORE];
	return TRN_BAR0_SE_APB0 + seng * TRN_BAR0_SE_APB_STRIDE + seng_udma[seng] +
	       engine % SENG_ENGINES * TRN_UDMA_BLOCK;
}

uint64_t trn_regs_udma_axi(unsigned int engine)
{
	unsigned int seng = engine / SENG_ENGINES;
	uint32_t bar0;

	if (engine >= TRN_DMA_ENGINES)
		return 0;
	if (engine < TRN_DMA_ENGINES_CORE)
		return se_apb_axi[seng] + seng_udma[seng] +
		       (uint64_t)(engine % SENG_ENGINES) * TRN_UDMA_BLOCK;
	bar0 = h2t_bar0[engine - TRN_DMA_ENGINES_CORE];
	return bar0 < TRN_BAR0_IO_APB1 ? TRN_AXI_IO_APB0 + bar0 :
					 TRN_AXI_IO_APB1 + (bar0 - TRN_BAR0_IO_APB1);
}

uint32_t trn_regs_fis_bar0(unsigned int engine)
{
	unsigned int seng = engine / SENG_ENGINES;

	if (engine >= TRN_DMA_ENGINES_CORE)
		return 0;
	return TRN_BAR0_SE_APB0 + seng * TRN_BAR0_SE_APB_STRIDE + seng_fis[seng] +
	       engine % SENG_ENGINES * FIS_STRIDE;
}

uint32_t trn_regs_nq_core_bar0(unsigned int core)
{
	return core < TRN_CORES ? nq_core[core] : 0;
}

uint32_t trn_regs_nq_topsp_bar0(unsigned int id)
{
	if (id >= TRN_TOPSPS)
		return 0;
	if (id < TRN_TOPSPS / 2)
		return NQ_TOPSP0 + id * NQ_TOPSP_STRIDE;
	return NQ_TOPSP8 + (id - TRN_TOPSPS / 2) * NQ_TOPSP_STRIDE;
}

uint32_t trn_regs_pe_bar0(unsigned int core)
{
	return core < TRN_CORES ? pe_core[core] : 0;
}

/* ---- names ---- */

/* A register or an array of up to two dimensions; each % of the name takes one index.
 * The stride of the first index is the larger one. */
struct rule {
	const char *name;
	uint32_t offset;
	uint32_t count[2], stride[2]; /* count 0: no index */
};

/* A block, or blocks at one stride: number first + i * step stands at base + i * stride. */
struct block {
	const char *name;
	uint32_t first, step, base, stride, count, size;
	const struct rule *rules;
	size_t rule_count;
};

/* Rows of tables, not blocks. */
/* clang-format off */
#define REG(n, o) { n, o, { 0, 0 }, { 0, 0 } }
#define ARRAY(n, o, c, s) { n, o, { c, 0 }, { s, 0 } }
#define ARRAY2(n, o, c0, s0, c1, s1) { n, o, { c0, c1 }, { s0, s1 } }
#define QUEUE(n, o) \
	ARRAY("m2s.q%." n, TRN_UDMA_M2S + 0x1000 + (o), TRN_DMA_QUEUES, 0x1000), \
	ARRAY("s2m.q%." n, TRN_UDMA_S2M + 0x1000 + (o), TRN_DMA_QUEUES, 0x1000)
#define INTERRUPT(n, o) \
	REG(n ".cause", (o) + TRN_UDMA_INT_CAUSE), \
	REG(n ".cause_set", (o) + TRN_UDMA_INT_CAUSE_SET), \
	REG(n ".mask", (o) + TRN_UDMA_INT_MASK), \
	REG(n ".mask_clear", (o) + TRN_UDMA_INT_MASK_CLEAR), \
	REG(n ".status", (o) + TRN_UDMA_INT_STATUS), \
	REG(n ".control", (o) + TRN_UDMA_INT_CONTROL), \
	REG(n ".abort_mask", (o) + TRN_UDMA_INT_ABORT_MASK)
#define NQ(n, o) \
	ARRAY(n ".base_lo", (o) + 0x100, TRN_NQ_GROUPS, 0x28), \
	ARRAY(n ".base_hi", (o) + 0x104, TRN_NQ_GROUPS, 0x28), \
	ARRAY(n ".size", (o) + 0x108, TRN_NQ_GROUPS, 0x28), \
	ARRAY(n ".head", (o) + 0x10c, TRN_NQ_GROUPS, 0x28)
#define SYNC(o) \
	ARRAY("event%", (o) + TRN_TOPSP_EVENTS, TRN_SEMAPHORES, 4), \
	ARRAY("sem%.read", (o) + TRN_TOPSP_SEM_READ, TRN_SEMAPHORES, 4), \
	ARRAY("sem%.set", (o) + TRN_TOPSP_SEM_SET, TRN_SEMAPHORES, 4), \
	ARRAY("sem%.inc", (o) + TRN_TOPSP_SEM_INC, TRN_SEMAPHORES, 4), \
	ARRAY("sem%.dec", (o) + TRN_TOPSP_SEM_DEC, TRN_SEMAPHORES, 4)
/* clang-format on */

/* Driver facts 3.6 and 3.7. */
static const struct rule udma_rules[] = {
	QUEUE("cfg", TRN_UDMAQ_CFG),
	QUEUE("status", TRN_UDMAQ_STATUS),
	QUEUE("base_lo", TRN_UDMAQ_BASE_LO),
	QUEUE("base_hi", TRN_UDMAQ_BASE_HI),
	QUEUE("length", TRN_UDMAQ_LENGTH),
	QUEUE("head", TRN_UDMAQ_HEAD),
	QUEUE("tail_inc", TRN_UDMAQ_TAIL_INC),
	QUEUE("tail", TRN_UDMAQ_TAIL),
	QUEUE("current", TRN_UDMAQ_CURRENT),
	QUEUE("comp_base_lo", TRN_UDMAQ_COMP_BASE_LO),
	QUEUE("comp_base_hi", TRN_UDMAQ_COMP_BASE_HI),
	QUEUE("comp_head", TRN_UDMAQ_COMP_HEAD),
	ARRAY("s2m.q%.comp_cfg", 0x21000 + TRN_UDMAQ_S2M_COMP_CFG, TRN_DMA_QUEUES, 0x1000),
	ARRAY("s2m.q%.sw_ctrl", 0x21000 + TRN_UDMAQ_S2M_SW_CTRL, TRN_DMA_QUEUES, 0x1000),
	ARRAY("m2s.q%.rlimit_mask", 0x1000 + TRN_UDMAQ_M2S_RLIMIT_MASK, TRN_DMA_QUEUES, 0x1000),
	ARRAY("m2s.q%.comp_cfg", 0x1000 + TRN_UDMAQ_M2S_COMP_CFG, TRN_DMA_QUEUES, 0x1000),
	ARRAY("m2s.q%.sw_ctrl", 0x1000 + TRN_UDMAQ_M2S_SW_CTRL, TRN_DMA_QUEUES, 0x1000),
	REG("m2s.data_rd_cfg", TRN_UDMA_M2S_DATA_RD_CFG),
	REG("m2s.desc_rd_cfg", TRN_UDMA_M2S_DESC_RD_CFG),
	REG("m2s.ostand_cfg", TRN_UDMA_M2S_OSTAND_CFG),
	ARRAY("m2s.axi%", 0x00100, 10, 4),
	REG("m2s.state", TRN_UDMA_STATE),
	REG("m2s.change_state", TRN_UDMA_CHANGE_STATE),
	REG("m2s.err_log_mask", TRN_UDMA_ERR_LOG_MASK),
	REG("m2s.pkt_len_cfg", TRN_UDMA_M2S_PKT_LEN_CFG),
	REG("m2s.stream_cfg", TRN_UDMA_M2S_STREAM_CFG),
	ARRAY("m2s.pref_cfg%", 0x00300, 4, 4),
	REG("m2s.data_cfg", TRN_UDMA_M2S_DATA_CFG),
	ARRAY("m2s.rlimit%", 0x003c0, 16, 4),
	REG("m2s.ack_timeout", TRN_UDMA_M2S_ACK_TIMEOUT),
	REG("version", TRN_UDMA_VERSION),
	REG("s2m.desc_rd_cfg", TRN_UDMA_S2M_DESC_RD_CFG),
	REG("s2m.ostand_rd", TRN_UDMA_S2M_OSTAND_RD),
	REG("s2m.ostand_wr", TRN_UDMA_S2M_OSTAND_WR),
	REG("s2m.ostand_wr_2", TRN_UDMA_S2M_OSTAND_WR_2),
	ARRAY("s2m.axi%", 0x20100, 12, 4),
	REG("s2m.state", TRN_UDMA_S2M + TRN_UDMA_STATE),
	REG("s2m.change_state", TRN_UDMA_S2M + TRN_UDMA_CHANGE_STATE),
	REG("s2m.err_log_mask", TRN_UDMA_S2M + TRN_UDMA_ERR_LOG_MASK),
	REG("s2m.stream_cfg", 0x20250),
	ARRAY("s2m.pref_cfg%", 0x20300, 4, 4),
	REG("s2m.comp_cfg_1c", TRN_UDMA_S2M_COMP_CFG_1C),
	REG("s2m.ack_timeout", TRN_UDMA_S2M_ACK_TIMEOUT),
	INTERRUPT("prim_a", TRN_UDMA_INT_PRIMARY(0)),
	INTERRUPT("prim_b", TRN_UDMA_INT_PRIMARY(1)),
	INTERRUPT("prim_c", TRN_UDMA_INT_PRIMARY(2)),
	INTERRUPT("prim_d", TRN_UDMA_INT_PRIMARY(3)),
	INTERRUPT("sec_a", TRN_UDMA_INT_SECONDARY(0)),
	INTERRUPT("sec_b", TRN_UDMA_INT_SECONDARY(1)),
	INTERRUPT("sec_c", TRN_UDMA_INT_SECONDARY(2)),
	REG("axi_timeout", TRN_UDMA_AXI_TIMEOUT),
	ARRAY2("axi_error%.w%", 0x3a900, 7, 0x40, 16, 4),
	ARRAY("axi_error_ctrl%", 0x3ab00, 7, 4),
	ARRAY2("axi_queue%.w%", 0x3ac00, 16, 12, 3, 4),
	REG("zeroes0", TRN_UDMA_SPARE_ZEROES0),
	REG("zeroes1", TRN_UDMA_SPARE_ZEROES0 + 4),
	REG("ones0", TRN_UDMA_SPARE_ZEROES0 + 8),
	REG("ones1", TRN_UDMA_SPARE_ZEROES0 + 12),
	ARRAY("addr_hi%.tx", TRN_UDMA_ADDR_HI(0), TRN_DMA_QUEUES, 0x40),
	ARRAY2("addr_hi%.rx%", TRN_UDMA_ADDR_HI(0) + 4, TRN_DMA_QUEUES, 0x40, 3, 4),
	REG("app.event_accel", TRN_UDMA_APP + 0x000),
	REG("app.rob", TRN_UDMA_APP + 0x01c),
	REG("app.wob", TRN_UDMA_APP + 0x020),
	REG("app.backpressure", TRN_UDMA_APP + 0x800),
	NQ("nq%", TRN_UDMA_NOTIFIC),
};

/* Driver facts 5.1. */
static const struct rule misc_rules[] = {
	REG("api_version", TRN_MR_API_VERSION),
	REG("routing_id", TRN_MR_ROUTING_ID),
	REG("serial_lo", TRN_MR_SERIAL_LO),
	REG("serial_hi", TRN_MR_SERIAL_HI),
	REG("ecc_sram", TRN_MR_ECC_SRAM),
	ARRAY("ecc_hbm%", TRN_MR_ECC_HBM0, TRN_HBMS, 4),
	ARRAY("power%", TRN_MR_POWER_DIE0, 2, 4),
	REG("hbm_repair", TRN_MR_HBM_REPAIR),
	REG("server_info", TRN_MR_SERVER_INFO),
	ARRAY("runtime%", 0x0c0, 12, 4),
	REG("ack", TRN_MR_ACK),
	ARRAY("data%", TRN_MR_DATA, TRN_MR_DATA_SIZE / 4, 4),
	REG("left_serial_hi", TRN_MR_LEFT_SERIAL_HI),
	REG("left_serial_lo", TRN_MR_LEFT_SERIAL_HI + 0x4),
	REG("right_serial_hi", TRN_MR_LEFT_SERIAL_HI + 0x8),
	REG("right_serial_lo", TRN_MR_LEFT_SERIAL_HI + 0xc),
	REG("election_status", TRN_MR_ELECTION_STATUS),
	REG("pod_serial_hi", TRN_MR_ELECTION_STATUS + 0x4),
	REG("pod_serial_lo", TRN_MR_ELECTION_STATUS + 0x8),
	ARRAY("runtime_b%", 0x1a0, 12, 4),
	REG("reset_map2", 0x1d4),
	REG("reset_map", TRN_MR_RESET_MAP),
	REG("reset_type", TRN_MR_RESET_TYPE),
	REG("req_hi", TRN_MR_REQ_HI),
	REG("req_lo", TRN_MR_REQ_LO),
	REG("resp_hi", TRN_MR_RESP_HI),
	REG("resp_lo", TRN_MR_RESP_LO),
	REG("trigger", TRN_MR_TRIGGER),
	REG("status", TRN_MR_STATUS),
};

static const struct rule sync_rules[] = { SYNC(0) };
static const struct rule nq_rules[] = { NQ("nq%", 0) };
static const struct rule fis_rules[] = {
	ARRAY("group%.cause", 0x00, 4, 0x40),
	ARRAY("group%.mask", 0x10, 4, 0x40),
};
static const struct rule pe_rules[] = {
	ARRAY("pe.row%.matmul_lo", TRN_PE_MATMUL_LSB(0), PE_ROWS, PE_ROW),
	ARRAY("pe.row%.matmul_hi", TRN_PE_MATMUL_LSB(0) + 4, PE_ROWS, PE_ROW),
	ARRAY("pe.row%.weight_lo", TRN_PE_WEIGHT_LSB(0), PE_ROWS, PE_ROW),
	ARRAY("pe.row%.weight_hi", TRN_PE_WEIGHT_LSB(0) + 4, PE_ROWS, PE_ROW),
	ARRAY2("pe.row%.fast%_lo", TRN_PE_FAST_LSB(0), PE_ROWS, PE_ROW, 4, TRN_PE_GROUP),
	ARRAY2("pe.row%.fast%_hi", TRN_PE_FAST_LSB(0) + 4, PE_ROWS, PE_ROW, 4, TRN_PE_GROUP),
	ARRAY("pe.row%.idle_lo", TRN_PE_IDLE_LSB(0), PE_ROWS, PE_ROW),
	ARRAY("pe.row%.idle_hi", TRN_PE_IDLE_LSB(0) + 4, PE_ROWS, PE_ROW),
};
static const struct rule qemu_rules[] = { REG("reset", 0) };

/* The libtrn extension block (base/ext.h). */
#define EXT_CORE(n, o) ARRAY("core%." n, TRN_EXT_CORE(0) + (o), TRN_CORES, 0x1000)
#define EXT_ENGINE(n, o) \
	ARRAY2("core%." n "%", TRN_EXT_CORE(0) + (o), TRN_CORES, 0x1000, TRN_ENGINE_COUNT, 0x10)
#define EXT_QUEUE(n, o) ARRAY("q%." n, TRN_EXT_QUEUE(0) + (o), TRN_EXT_QUEUES, 0x1000)
#define EXT_WIN(n, o)                                                          \
	ARRAY2("win%.r%." n, TRN_EXT_WINDOW(0) + (o), TRN_EXT_WINDOWS, 0x1000, \
	       TRN_EXT_WINDOW_RANGES, 0x20)
static const struct rule ext_rules[] = {
	REG("id.magic", TRN_EXT_ID_MAGIC),
	REG("id.version", TRN_EXT_ID_VERSION),
	REG("id.caps", TRN_EXT_ID_CAPS),
	REG("id.cores", TRN_EXT_ID_CORES),
	REG("id.queues", TRN_EXT_ID_QUEUES),
	REG("id.windows", TRN_EXT_ID_WINDOWS),
	REG("id.generation", TRN_EXT_ID_GENERATION),
	REG("id.isa", TRN_EXT_ID_ISA),
	REG("id.time_lo", TRN_EXT_ID_TIME_LO),
	REG("id.time_hi", TRN_EXT_ID_TIME_HI),
	REG("id.sbuf_partition", TRN_EXT_ID_SBUF_PARTITION),
	REG("id.hbm_mib", TRN_EXT_ID_HBM_MIB),
	EXT_CORE("state", TRN_EXT_CORE_STATE),
	EXT_CORE("runs", TRN_EXT_CORE_RUNS),
	EXT_CORE("err_code", TRN_EXT_CORE_ERR_CODE),
	EXT_CORE("err_engine", TRN_EXT_CORE_ERR_ENGINE),
	EXT_CORE("err_pc", TRN_EXT_CORE_ERR_PC),
	EXT_CORE("err_opcode", TRN_EXT_CORE_ERR_OPCODE),
	EXT_CORE("err_operand", TRN_EXT_CORE_ERR_OPERAND),
	EXT_CORE("err_rule", TRN_EXT_CORE_ERR_RULE),
	EXT_CORE("err_addr_lo", TRN_EXT_CORE_ERR_ADDR_LO),
	EXT_CORE("err_addr_hi", TRN_EXT_CORE_ERR_ADDR_HI),
	EXT_CORE("claim", TRN_EXT_CORE_CLAIM),
	EXT_CORE("claim_release", TRN_EXT_CORE_CLAIM_RELEASE),
	EXT_CORE("claim_since_lo", TRN_EXT_CORE_CLAIM_SINCE_LO),
	EXT_CORE("claim_since_hi", TRN_EXT_CORE_CLAIM_SINCE_HI),
	EXT_CORE("holder_pid", TRN_EXT_CORE_HOLDER_PID),
	EXT_CORE("holder_wall_lo", TRN_EXT_CORE_HOLDER_WALL_LO),
	EXT_CORE("holder_wall_hi", TRN_EXT_CORE_HOLDER_WALL_HI),
	EXT_CORE("holder_name_0", TRN_EXT_CORE_HOLDER_NAME(0)),
	EXT_CORE("holder_name_1", TRN_EXT_CORE_HOLDER_NAME(1)),
	EXT_CORE("holder_name_2", TRN_EXT_CORE_HOLDER_NAME(2)),
	EXT_CORE("holder_name_3", TRN_EXT_CORE_HOLDER_NAME(3)),
	EXT_ENGINE("pc", TRN_EXT_CORE_PC(0)),
	EXT_ENGINE("status", TRN_EXT_CORE_STATUS(0)),
	EXT_ENGINE("retired", TRN_EXT_CORE_RETIRED(0)),
	EXT_QUEUE("control", TRN_EXT_Q_CONTROL),
	EXT_QUEUE("state", TRN_EXT_Q_STATE),
	EXT_QUEUE("base_lo", TRN_EXT_Q_BASE_LO),
	EXT_QUEUE("base_hi", TRN_EXT_Q_BASE_HI),
	EXT_QUEUE("entries", TRN_EXT_Q_ENTRIES),
	EXT_QUEUE("window", TRN_EXT_Q_WINDOW),
	EXT_QUEUE("status_lo", TRN_EXT_Q_STATUS_LO),
	EXT_QUEUE("status_hi", TRN_EXT_Q_STATUS_HI),
	EXT_QUEUE("head", TRN_EXT_Q_HEAD),
	EXT_QUEUE("tail", TRN_EXT_Q_TAIL),
	ARRAY("db%.tail", TRN_EXT_DOORBELL(0) + TRN_EXT_DB_TAIL, TRN_EXT_QUEUES, 0x1000),
	ARRAY("db%.kick", TRN_EXT_DOORBELL(0) + TRN_EXT_DB_KICK, TRN_EXT_QUEUES, 0x1000),
	EXT_WIN("base_lo", TRN_EXT_WIN_BASE_LO(0)),
	EXT_WIN("base_hi", TRN_EXT_WIN_BASE_HI(0)),
	EXT_WIN("size_lo", TRN_EXT_WIN_SIZE_LO(0)),
	EXT_WIN("size_hi", TRN_EXT_WIN_SIZE_HI(0)),
	EXT_WIN("rights", TRN_EXT_WIN_RIGHTS(0)),
};

#define RULES(r) r, TRN_ARRAY_LEN(r)
static const struct block blocks[] = {
	{ "udma%", 0, 1, 0x82000000, TRN_UDMA_BLOCK, 32, TRN_UDMA_BLOCK, RULES(udma_rules) },
	{ "udma%", 32, 1, 0x94000000, TRN_UDMA_BLOCK, 32, TRN_UDMA_BLOCK, RULES(udma_rules) },
	{ "udma%", 64, 1, 0xa2000000, TRN_UDMA_BLOCK, 32, TRN_UDMA_BLOCK, RULES(udma_rules) },
	{ "udma%", 96, 1, 0xb4000000, TRN_UDMA_BLOCK, 32, TRN_UDMA_BLOCK, RULES(udma_rules) },
	{ "udma%", 128, 1, 0x06800000, TRN_UDMA_BLOCK, 2, TRN_UDMA_BLOCK, RULES(udma_rules) },
	{ "udma%", 130, 1, 0x46800000, TRN_UDMA_BLOCK, 2, TRN_UDMA_BLOCK, RULES(udma_rules) },
	{ "fis%", 0, 1, 0x8c000000, FIS_STRIDE, 32, FIS_STRIDE, RULES(fis_rules) },
	{ "fis%", 32, 1, 0x9c400000, FIS_STRIDE, 32, FIS_STRIDE, RULES(fis_rules) },
	{ "fis%", 64, 1, 0xac000000, FIS_STRIDE, 32, FIS_STRIDE, RULES(fis_rules) },
	{ "fis%", 96, 1, 0xbc400000, FIS_STRIDE, 32, FIS_STRIDE, RULES(fis_rules) },
	{ "misc", 0, 0, TRN_MISC_RAM, 0, 1, TRN_MISC_RAM_SIZE, RULES(misc_rules) },
	{ "core%", 0, 1, TRN_BAR0_TPB + TRN_TPB_EVENTS, TRN_BAR0_TPB_STRIDE, TRN_CORES,
	  TRN_TPB_SYNC_SIZE, RULES(sync_rules) },
	{ "topsp%", 0, 1, TRN_BAR0_TOPSP0, TRN_BAR0_TOPSP_STRIDE, 8, TRN_TPB_SYNC_SIZE,
	  RULES(sync_rules) },
	{ "topsp%", 8, 1, TRN_BAR0_TOPSP8, TRN_BAR0_TOPSP_STRIDE, 8, TRN_TPB_SYNC_SIZE,
	  RULES(sync_rules) },
	{ "core%", 0, 4, 0x06001000, TRN_BAR0_IO_APB1, 2, 0x1000, RULES(nq_rules) },
	{ "core%", 1, 4, 0x06181000, TRN_BAR0_IO_APB1, 2, 0x1000, RULES(nq_rules) },
	{ "core%", 2, 4, 0x06401000, TRN_BAR0_IO_APB1, 2, 0x1000, RULES(nq_rules) },
	{ "core%", 3, 4, 0x06581000, TRN_BAR0_IO_APB1, 2, 0x1000, RULES(nq_rules) },
	{ "topsp%", 0, 1, NQ_TOPSP0, NQ_TOPSP_STRIDE, 8, 0x1000, RULES(nq_rules) },
	{ "topsp%", 8, 1, NQ_TOPSP8, NQ_TOPSP_STRIDE, 8, 0x1000, RULES(nq_rules) },
	{ "core%", 0, 4, 0x06141100, TRN_BAR0_IO_APB1, 2, PE_ROWS *PE_ROW, RULES(pe_rules) },
	{ "core%", 1, 4, 0x062c1100, TRN_BAR0_IO_APB1, 2, PE_ROWS *PE_ROW, RULES(pe_rules) },
	{ "core%", 2, 4, 0x06541100, TRN_BAR0_IO_APB1, 2, PE_ROWS *PE_ROW, RULES(pe_rules) },
	{ "core%", 3, 4, 0x066c1100, TRN_BAR0_IO_APB1, 2, PE_ROWS *PE_ROW, RULES(pe_rules) },
	{ "qemu", 0, 0, TRN_BAR0_QEMU_RESET, 0, 1, 4, RULES(qemu_rules) },
	{ "ext", 0, 0, TRN_EXT_BAR0, 0, 1, TRN_EXT_SIZE, RULES(ext_rules) },
};

/* Text that is counted to the end and kept as far as there is room. */
struct out {
	char *buf;
	unsigned long size, length;
};

static void put(struct out *out, char c)
{
	if (out->length + 1 < out->size)
		out->buf[out->length] = c;
	out->length++;
}

static void put_number(struct out *out, uint32_t value, uint32_t base, unsigned int digits_min)
{
	char digits[10];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0 || n < digits_min);
	while (n > 0)
		put(out, digits[--n]);
}

static void put_pattern(struct out *out, const char *pattern, const uint32_t *index)
{
	for (; *pattern != 0; pattern++) {
		if (*pattern == '%')
			put_number(out, *index++, 10, 1);
		else
			put(out, *pattern);
	}
}

/* Which element of the rule lies at the offset of its block. */
static bool rule_index(const struct rule *rule, uint32_t offset, uint32_t ret_index[2])
{
	uint32_t rest = offset - rule->offset;

	if (offset < rule->offset)
		return false;
	for (unsigned int d = 0; d < 2 && rule->count[d] != 0; d++) {
		ret_index[d] = (uint32_t)trn_min_u64(rest / rule->stride[d], rule->count[d] - 1);
		rest -= ret_index[d] * rule->stride[d];
	}
	return rest == 0;
}

static bool put_register(struct out *out, const struct block *block, uint32_t offset)
{
	uint32_t which = block->stride != 0 ? (offset - block->base) / block->stride : 0;
	uint32_t inner = offset - block->base - which * block->stride;
	uint32_t number = block->first + which * block->step;
	uint32_t index[2] = { 0, 0 };

	if (offset < block->base || which >= block->count || inner >= block->size)
		return false;
	for (size_t i = 0; i < block->rule_count; i++) {
		if (!rule_index(&block->rules[i], inner, index))
			continue;
		put_pattern(out, block->name, &number);
		put(out, '.');
		put_pattern(out, block->rules[i].name, index);
		return true;
	}
	return false;
}

int trn_regs_name(uint32_t offset, char *buf, unsigned long size)
{
	struct out out = { buf, size, 0 };
	bool found = false;

	for (size_t i = 0; i < TRN_ARRAY_LEN(blocks) && !found; i++)
		found = put_register(&out, &blocks[i], offset);
	if (!found) {
		put(&out, '0');
		put(&out, 'x');
		put_number(&out, offset, 16, 8);
	}
	if (size > 0)
		buf[trn_min_u64(out.length, size - 1)] = 0;
	return (int)out.length;
}

/* Moves *text past what the pattern matches; indices without leading zeros. */
static bool match(const char **text, const char *pattern, uint32_t *ret_index)
{
	const char *t = *text;

	for (; *pattern != 0; pattern++) {
		uint32_t value = 0;

		if (*pattern != '%') {
			if (*t++ != *pattern)
				return false;
			continue;
		}
		if (*t < '0' || *t > '9' || (*t == '0' && t[1] >= '0' && t[1] <= '9'))
			return false;
		for (; *t >= '0' && *t <= '9'; t++) {
			value = value * 10 + (uint32_t)(*t - '0');
			if (value > 0xffff)
				return false;
		}
		*ret_index++ = value;
	}
	*text = t;
	return true;
}

static bool find_in(const struct block *block, const char *name, uint32_t *ret_offset)
{
	const char *rest = name;
	uint32_t number = block->first, which;

	if (!match(&rest, block->name, &number) || *rest++ != '.' || number < block->first)
		return false;
	which = block->step != 0 ? (number - block->first) / block->step : 0;
	if (which >= block->count || block->first + which * block->step != number)
		return false;
	for (size_t i = 0; i < block->rule_count; i++) {
		const struct rule *rule = &block->rules[i];
		const char *end = rest;
		uint32_t index[2] = { 0, 0 };

		if (!match(&end, rule->name, index) || *end != 0)
			continue;
		if ((index[0] != 0 && index[0] >= rule->count[0]) ||
		    (index[1] != 0 && index[1] >= rule->count[1]))
			return false;
		*ret_offset = block->base + which * block->stride + rule->offset +
			      index[0] * rule->stride[0] + index[1] * rule->stride[1];
		return true;
	}
	return false;
}

int trn_regs_find(const char *name, uint32_t *ret_offset)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(blocks); i++) {
		if (find_in(&blocks[i], name, ret_offset))
			return 0;
	}
	return -ENOENT;
}

static int each_in(const struct block *block, uint32_t which, trn_regs_fn fn, void *user)
{
	uint32_t number = block->first + which * block->step;
	uint32_t base = block->base + which * block->stride;

	for (size_t i = 0; i < block->rule_count; i++) {
		const struct rule *rule = &block->rules[i];
		uint32_t outer = rule->count[0] != 0 ? rule->count[0] : 1;
		uint32_t inner = rule->count[1] != 0 ? rule->count[1] : 1;

		for (uint32_t n = 0; n < outer * inner; n++) {
			uint32_t index[2] = { n / inner, n % inner };
			char name[TRN_REGS_NAME_MAX];
			struct out out = { name, sizeof(name), 0 };
			int r;

			put_pattern(&out, block->name, &number);
			put(&out, '.');
			put_pattern(&out, rule->name, index);
			name[trn_min_u64(out.length, sizeof(name) - 1)] = 0;
			r = fn(user, name,
			       base + rule->offset + index[0] * rule->stride[0] +
				       index[1] * rule->stride[1]);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

int trn_regs_each(trn_regs_fn fn, void *user)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(blocks); i++) {
		for (uint32_t which = 0; which < blocks[i].count; which++) {
			int r = each_in(&blocks[i], which, fn, user);

			if (r != 0)
				return r;
		}
	}
	return 0;
}
