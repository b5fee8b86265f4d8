/* SPDX-License-Identifier: Apache-2.0 */
/* MISC RAM, reset and mailbox: items 4 to 6 and 19 to 23 of the facts' table. */
#include "base/test_main.h"
#include "base/bits.h"
#include "base/crc32c.h"
#include "model/parts.h"
#include "model/test_ring.h"

#include <string.h>

#define MR(o) (TRN_MISC_RAM + (o))
#define REQUEST UINT64_C(0x100000)
#define RESPONSE UINT64_C(0x200000)
#define MS (UINT64_C(1000000) * TRN_PS_PER_NS)

static struct trn_test_host host;
static uint8_t *request, *response;

static void setup(void)
{
	trn_test_host_init(&host, "trn2");
	host.config.routing_id = 5;
	trn_test_host_open(&host);
	request = trn_test_host_map(&host, REQUEST, 65536);
	response = trn_test_host_map(&host, RESPONSE, 65536);
}

static void teardown(void)
{
	trn_test_host_close(&host);
}

static void reopen(uint32_t revision, uint32_t api)
{
	teardown();
	trn_test_host_init(&host, "trn2");
	host.config.pci_revision = revision;
	host.config.api_version = api;
	trn_test_host_open(&host);
	request = trn_test_host_map(&host, REQUEST, 65536);
	response = trn_test_host_map(&host, RESPONSE, 65536);
}

static void fault(const char *spec)
{
	const char *why = "";

	ck_assert_msg(trn_model_fault(host.model, spec, &why) == 0, "%s: %s", spec, why);
}

/* ---- plain words ---- */

START_TEST(identity_reads_as_configured)
{
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_API_VERSION)), 7);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ROUTING_ID)), 5);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_SERIAL_LO)), 0x89abcdef);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_SERIAL_HI)), 0x01234567);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_SERVER_INFO)) >> 15 & 1, 1);
	/* Read only: the write is an event and changes nothing. */
	trn_test_wr(&host, MR(TRN_MR_ROUTING_ID), 9);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ROUTING_ID)), 5);
	ck_assert_uint_eq(trn_test_host_count(&host, "unknown-write"), 1);
	ck_assert_uint_eq(trn_test_rd(&host, MR(0x020)), 0);
	ck_assert_uint_eq(trn_test_host_count(&host, "unknown-read"), 1);
}
END_TEST

START_TEST(election_words_are_kept_and_read_by_address)
{
	uint32_t value = 0;
	uint64_t bad = 0;

	for (uint32_t o = TRN_MR_LEFT_SERIAL_HI; o <= 0x198; o += 4)
		trn_test_wr(&host, MR(o), 0x5000 + o);
	for (uint32_t o = TRN_MR_LEFT_SERIAL_HI; o <= 0x198; o += 4) {
		ck_assert_int_eq(
			trn_chip_dma_read(host.chip, TRN_AXI_MISC_RAM + o, &value, 4, &bad), 0);
		ck_assert_uint_eq(value, 0x5000 + o);
	}
}
END_TEST

START_TEST(power_counter_steps_each_second_at_least)
{
	uint32_t before = trn_test_rd(&host, MR(TRN_MR_POWER_DIE0)) >> 16, now;

	for (uint32_t second = 1; second <= 60; second++) {
		trn_model_run(host.model, second * 1000 * MS);
		now = trn_test_rd(&host, MR(TRN_MR_POWER_DIE1));
		ck_assert_uint_gt(now >> 16, before);
		ck_assert_uint_le(now & 0xffff, 10000);
		ck_assert_uint_gt(now & 0xffff, 0);
		before = now >> 16;
	}
	/* A timer that only ticks is nothing to wait for. */
	ck_assert_uint_eq(trn_model_next(host.model), TRN_MODEL_NEVER);
}
END_TEST

START_TEST(power_follows_work_once_a_sample)
{
	uint32_t idle, busy;

	trn_model_run(host.model, 1000 * MS);
	idle = trn_test_rd(&host, MR(TRN_MR_POWER_DIE0)) & 0xffff;
	trn_model_run(host.model, 2000 * MS);
	/* Half of what is left to full load, over the last of two seconds. */
	host.chip->counters.busy_nj[TRN_ENERGY_HBM] +=
		UINT64_C(1000000) * (10000 - idle) / 2 * host.chip->gen->power_mw_busy / 10000;
	busy = trn_test_rd(&host, MR(TRN_MR_POWER_DIE0)) & 0xffff;
	ck_assert_uint_eq(idle, 2000);
	ck_assert_uint_eq(busy, idle + (10000 - idle) / 2);
	/* The same sample reads the same, whatever happens meanwhile. */
	host.chip->counters.busy_nj[TRN_ENERGY_DMA] += UINT64_C(1000000000);
	trn_model_run(host.model, 2001 * MS);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_POWER_DIE1)) & 0xffff, busy);
	/* No more than everything. */
	host.chip->counters.busy_nj[TRN_ENERGY_DMA] += UINT64_C(1000000000000);
	trn_model_run(host.model, 3000 * MS);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_POWER_DIE1)) & 0xffff, 10000);
}
END_TEST

START_TEST(heartbeat_ticks)
{
	uint32_t before = trn_test_rd(&host, MR(0x00c));

	trn_model_run(host.model, 1000 * MS);
	ck_assert_uint_ne(trn_test_rd(&host, MR(0x00c)), before);
	ck_assert_uint_eq(trn_test_rd(&host, MR(0x00c)) & ~UINT32_C(0xff000), 0);
}
END_TEST

START_TEST(ecc_faults_show_in_their_stack)
{
	fault("hbm.ecc@2,value=0x30002");
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ECC_HBM0)), 0);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ECC_HBM0 + 8)), 0x00030002);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ECC_HBM0 + 8)), 0x00030002);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ECC_SRAM)), 0);
	fault("hbm.ecc@2,value=0xffff");
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ECC_HBM0 + 8)), 0x0003ffff);
	fault("sram.ecc,value=0x10000");
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ECC_SRAM)), 0x00010000);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_HBM_REPAIR)), 0);
	fault("hbm.repair,value=2");
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_HBM_REPAIR)), 2);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_HBM_REPAIR)), 2);
}
END_TEST

/* ---- reset ---- */

static void ask_reset(uint32_t type, uint32_t map)
{
	trn_test_wr(&host, MR(TRN_MR_RESET_MAP), map);
	trn_test_wr(&host, MR(TRN_MR_RESET_TYPE), type);
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
}

static bool reset_done(void)
{
	return trn_test_rd(&host, MR(TRN_MR_RESET_TYPE)) == 0;
}

/* As the driver waits: looks each 100 ms. */
static bool wait_reset(uint32_t ms)
{
	for (uint32_t i = 0; i < ms && !reset_done(); i += 100)
		trn_model_run(host.model, trn_model_now(host.model) + 100 * MS);
	return reset_done();
}

START_TEST(device_reset_ends_and_clears)
{
	struct trn_test_ring ring;
	uint32_t nq = trn_regs_nq_core_bar0(3);

	trn_test_engine_init(&host, 40);
	trn_test_ring_init(&ring, &host, 40, 2, 0x900000, 64);
	trn_test_wr(&host, trn_regs_fis_bar0(40) + 0x90, 0x800);
	trn_test_wr(&host, nq + TRN_NQ_BASE_LO(1), 0x1000);
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	ck_assert(!reset_done());
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_STATUS)) & TRN_MR_STATUS_RESETTING,
			  TRN_MR_STATUS_RESETTING);
	ck_assert(wait_reset(1000));
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_STATUS)) & TRN_MR_STATUS_RESETTING, 0);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_TRIGGER)), 0);
	ck_assert_uint_eq(trn_test_rd(&host, ring.m2s + TRN_UDMAQ_BASE_LO), 0);
	ck_assert_uint_eq(trn_test_rd(&host, ring.m2s + TRN_UDMAQ_CFG), TRN_UDMAQ_CFG_RESET);
	ck_assert_uint_eq(trn_test_rd(&host, ring.m2s + TRN_UDMAQ_M2S_RLIMIT_MASK), 7);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(40) + TRN_UDMA_AXI_TIMEOUT), 0);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_fis_bar0(40) + 0x90), 0);
	ck_assert_uint_eq(trn_test_rd(&host, nq + TRN_NQ_BASE_LO(1)), 0);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ROUTING_ID)), 5);
	ck_assert_uint_eq(trn_test_host_count(&host, "reset-device"), 1);
}
END_TEST

START_TEST(core_reset_follows_the_map)
{
	/* Core 2 with its engines and sync processors; core 3's and engine 128 stay. */
	const uint32_t map = 1u << 2 | 1u << 10 | 1u << 18;
	const uint32_t engines[] = { 31, 32, 47, 48, 128 };

	for (size_t i = 0; i < TRN_ARRAY_LEN(engines); i++)
		trn_test_wr(&host, trn_regs_udma_bar0(engines[i]) + TRN_UDMA_AXI_TIMEOUT, 77);
	trn_test_wr(&host, trn_regs_nq_topsp_bar0(4) + TRN_NQ_BASE_LO(0), 0x40);
	trn_test_wr(&host, trn_regs_nq_topsp_bar0(6) + TRN_NQ_BASE_LO(0), 0x40);
	ask_reset(TRN_MR_RESET_TYPE_TPB, map);
	ck_assert(wait_reset(1000));
	for (size_t i = 0; i < TRN_ARRAY_LEN(engines); i++)
		ck_assert_uint_eq(
			trn_test_rd(&host, trn_regs_udma_bar0(engines[i]) + TRN_UDMA_AXI_TIMEOUT),
			engines[i] / 16 == 2 ? 0 : 77);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_nq_topsp_bar0(4) + TRN_NQ_BASE_LO(0)), 0);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_nq_topsp_bar0(6) + TRN_NQ_BASE_LO(0)), 0x40);
	ck_assert_uint_eq(trn_test_host_count(&host, "reset-cores"), 1);
}
END_TEST

START_TEST(what_is_in_reset_does_not_answer)
{
	uint64_t bad = 0, value = 0;

	trn_test_host_expect(&host, "in-reset");
	ask_reset(TRN_MR_RESET_TYPE_TPB, 1u << 1 | 1u << 9 | 1u << 17);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(16) + TRN_UDMA_STATE),
			  TRN_READ_NOT_READY);
	trn_test_wr(&host, trn_regs_udma_bar0(31) + TRN_UDMA_AXI_TIMEOUT, 1);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_topsp_bar0(2)), TRN_READ_NOT_READY);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_topsp_bar0(3)), TRN_READ_NOT_READY);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, trn_regs_tpb_axi(1), &value, 8, &bad),
			 -EFAULT);
	ck_assert_uint_eq(trn_test_host_count(&host, "in-reset"), 5);
	/* The neighbours do. */
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(15) + TRN_UDMA_STATE), 0x1111);
	ck_assert(wait_reset(1000));
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(31) + TRN_UDMA_AXI_TIMEOUT), 0);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_topsp_bar0(2)), 0);
}
END_TEST

START_TEST(reset_stops_copies_under_way)
{
	struct trn_test_ring ring;

	trn_test_engine_init(&host, 0);
	trn_test_ring_init(&ring, &host, 0, 0, 0x900000, 64);
	memset(request, 0x33, 4096);
	trn_test_ring_copy(&ring, TRN_AXI_HBM0, TRN_AXI_HOST | REQUEST, 4096, false);
	trn_test_ring_start(&ring);
	ck_assert(trn_model_step(host.model)); /* the packet is on its way */
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	trn_test_host_settle(&host, 20);
	ck_assert_uint_eq(trn_chip_read32(host.chip, TRN_BAR_HBM, 0), 0);
	ck_assert_uint_eq(trn_test_rd(&host, ring.m2s + TRN_UDMAQ_STATUS), 0);
}
END_TEST

START_TEST(a_lost_request_is_asked_again)
{
	fault("reset.lost");
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	ck_assert(!wait_reset(30000));
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	ck_assert(wait_reset(1000));
}
END_TEST

START_TEST(reset_never_and_reset_slow)
{
	/* Ends at 2100 ms; asking again meanwhile neither ends nor prolongs it. */
	fault("reset.slow,value=2000");
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	trn_model_run(host.model, 1950 * MS);
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	trn_model_run(host.model, 2090 * MS);
	ck_assert(!reset_done());
	trn_model_run(host.model, 2100 * MS);
	ck_assert(reset_done());
	trn_test_host_settle(&host, 10);
	fault("reset.never");
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	ck_assert(!wait_reset(480000));
	ck_assert_uint_eq(trn_model_next(host.model), TRN_MODEL_NEVER);
}
END_TEST

START_TEST(a_reset_that_sticks_once_works_when_asked_again)
{
	fault("reset.never,count=1");
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	ck_assert(!wait_reset(30000));
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	ck_assert(wait_reset(1000));
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(0) + TRN_UDMA_STATE), 0x1111);
}
END_TEST

START_TEST(an_unknown_reset_type_is_a_violation)
{
	trn_test_host_expect(&host, "reset-type");
	ask_reset(3, 0xff);
	ck_assert(!wait_reset(1000));
	ck_assert_uint_eq(trn_test_host_count(&host, "reset-type"), 1);
	trn_test_wr(&host, MR(TRN_MR_RESET_TYPE), 0);
}
END_TEST

START_TEST(simulator_revision_resets_by_register)
{
	reopen(TRN_PCI_REVISION_QEMU, 7);
	/* BAR4 is the stacks without gaps: 16 GiB of 24 each. */
	ck_assert_uint_eq(trn_chip_bar_size(host.chip, TRN_BAR_HBM), 64 * TRN_GIB);
	trn_test_wr(&host, trn_regs_udma_bar0(130) + TRN_UDMA_AXI_TIMEOUT, 5);
	trn_test_wr(&host, TRN_BAR0_QEMU_RESET, 0);
	ck_assert_uint_eq(trn_model_next(host.model), TRN_MODEL_NEVER);
	trn_test_wr(&host, TRN_BAR0_QEMU_RESET, 0x010101);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_BAR0_QEMU_RESET), 0x010101);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_BAR0_QEMU_RESET), 0);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(130) + TRN_UDMA_AXI_TIMEOUT), 5);
	trn_test_wr(&host, TRN_BAR0_QEMU_RESET, 0xffffff);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(trn_test_rd(&host, trn_regs_udma_bar0(130) + TRN_UDMA_AXI_TIMEOUT), 0);
	/* On silicon there is no such register. */
	reopen(0, 7);
	trn_test_wr(&host, TRN_BAR0_QEMU_RESET, 0xffffff);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_BAR0_QEMU_RESET), 0);
	ck_assert_uint_eq(host.kind_count[TRN_EV_UNKNOWN_REG], 2);
}
END_TEST

/* ---- mailbox ---- */

static struct trn_mbox_request header(uint8_t sequence, uint8_t command, const void *payload,
				      uint32_t size)
{
	struct trn_mbox_request h = { sequence, command, (uint16_t)(8 + size), 0 };

	h.crc = trn_crc32c(trn_crc32c(0, &h, sizeof(h)), payload, size);
	return h;
}

static void legacy_send(const struct trn_mbox_request *h, const void *payload, uint32_t size)
{
	memset(response, 0, 65536);
	memcpy(request, h, 8);
	if (size != 0)
		memcpy(request + 8, payload, size);
	trn_test_wr(&host, MR(TRN_MR_REQ_LO), trn_lo32(TRN_AXI_HOST | REQUEST));
	trn_test_wr(&host, MR(TRN_MR_REQ_HI), trn_hi32(TRN_AXI_HOST | REQUEST));
	trn_test_wr(&host, MR(TRN_MR_RESP_LO), trn_lo32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_RESP_HI), trn_hi32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	ck_assert_uint_eq(response[0], 0); /* not at once */
	trn_test_host_settle(&host, 10);
}

static struct trn_mbox_response legacy_call(uint8_t sequence, uint8_t command, const void *payload,
					    uint32_t size)
{
	struct trn_mbox_request h = header(sequence, command, payload, size);
	struct trn_mbox_response r;

	legacy_send(&h, payload, size);
	memcpy(&r, response, sizeof(r));
	return r;
}

static struct trn_mbox_response new_call(uint8_t sequence, uint8_t command, const void *payload,
					 uint32_t size)
{
	struct trn_mbox_request h = header(sequence, command, payload, size);
	struct trn_mbox_response r;
	uint32_t words[32] = { 0 }, raw[2];

	memcpy(words, payload, size);
	memcpy(raw, &h, 8);
	for (uint32_t i = 0; i < (size + 3) / 4; i++)
		trn_test_wr(&host, MR(TRN_MR_DATA + i * 4), words[i]);
	trn_test_wr(&host, MR(TRN_MR_REQ_HI), raw[0]);
	trn_test_wr(&host, MR(TRN_MR_REQ_LO), raw[1]);
	trn_test_wr(&host, MR(TRN_MR_RESP_HI), 0);
	trn_test_wr(&host, MR(TRN_MR_RESP_LO), 0);
	trn_test_wr(&host, MR(TRN_MR_ACK), 1);
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_TRIGGER)), 1);
	trn_test_host_settle(&host, 10);
	raw[0] = trn_test_rd(&host, MR(TRN_MR_REQ_HI));
	memcpy(&r, raw, sizeof(r));
	return r;
}

static const uint64_t read_list[] = {
	TRN_AXI_MISC_RAM + TRN_MR_ROUTING_ID, TRN_AXI_MISC_RAM + TRN_MR_SERIAL_HI,
	UINT64_C(0x808006900000) + TRN_UDMA_VERSION, /* engine 131 */
	UINT64_C(0x005004000000) + TRN_UDMA_STATE,   /* engine 32 */
};
static const uint32_t read_values[] = { 5, 0x01234567, 4, 0x1111 };

START_TEST(legacy_read_of_registers)
{
	struct trn_mbox_response r = legacy_call(17, TRN_MBOX_READ, read_list, sizeof(read_list));

	ck_assert_uint_eq(r.sequence, 17);
	ck_assert_uint_eq(r.error, TRN_MBOX_OK);
	ck_assert_uint_eq(r.size, 4 + sizeof(read_values));
	ck_assert_mem_eq(response + 4, read_values, sizeof(read_values));
}
END_TEST

START_TEST(new_read_of_registers)
{
	struct trn_mbox_response r = new_call(255, TRN_MBOX_READ, read_list, sizeof(read_list));

	ck_assert_uint_eq(r.sequence, 255);
	ck_assert_uint_eq(r.error, TRN_MBOX_OK);
	ck_assert_uint_eq(r.size, 4 + sizeof(read_values));
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_DATA + i * 4)), read_values[i]);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_TRIGGER)), 0);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ACK)), 0);
}
END_TEST

START_TEST(commands_and_their_errors)
{
	const uint32_t power[2] = { 0, 0x04030201 };
	const uint32_t bad_power[2] = { 1, 0 };
	const uint64_t odd = TRN_AXI_MISC_RAM + 2, nowhere = TRN_AXI_PEER0;
	const uint64_t of_host = TRN_AXI_HOST | REQUEST;
	uint8_t blob[129] = { 11, 1, '0' };

	ck_assert_uint_eq(legacy_call(1, TRN_MBOX_POST, blob, 128).error, TRN_MBOX_OK);
	ck_assert_uint_eq(legacy_call(2, TRN_MBOX_POST, blob, 129).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(3, 9, blob, 4).error, TRN_MBOX_UNKNOWN);
	/* Power profiles came with the new protocol. */
	ck_assert_uint_eq(legacy_call(4, TRN_MBOX_SET_POWER, power, 8).error, TRN_MBOX_UNKNOWN);
	ck_assert_uint_eq(new_call(5, TRN_MBOX_SET_POWER, power, 8).error, TRN_MBOX_OK);
	ck_assert_uint_eq(new_call(6, TRN_MBOX_SET_POWER, bad_power, 8).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(new_call(6, TRN_MBOX_SET_POWER, power, 4).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(7, TRN_MBOX_READ, &odd, 8).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(8, TRN_MBOX_READ, &nowhere, 8).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(9, TRN_MBOX_READ, &of_host, 8).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(10, TRN_MBOX_READ, &odd, 7).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(11, TRN_MBOX_READ, &odd, 0).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(legacy_call(0, TRN_MBOX_READ, read_list, 8).error, TRN_MBOX_FAIL);
	ck_assert_uint_eq(response[2], 4); /* no data with an error */
}
END_TEST

START_TEST(damaged_requests_fail)
{
	struct trn_mbox_request h = header(3, TRN_MBOX_READ, read_list, 8);

	h.crc ^= 1;
	legacy_send(&h, read_list, 8);
	ck_assert_uint_eq(response[0], 3);
	ck_assert_uint_eq(response[1], TRN_MBOX_FAIL);
	h = header(4, TRN_MBOX_READ, read_list, 8);
	h.size = 3;
	legacy_send(&h, read_list, 8);
	ck_assert_uint_eq(response[1], TRN_MBOX_FAIL);
	/* The largest size that fits the field reads past the host's buffer by one byte. */
	h.size = 65535;
	legacy_send(&h, read_list, 8);
	ck_assert_uint_eq(response[1], TRN_MBOX_FAIL);
}
END_TEST

START_TEST(requests_to_nowhere_are_violations)
{
	struct trn_mbox_request h = header(3, TRN_MBOX_READ, read_list, 8);

	trn_test_host_expect(&host, "mailbox-unmapped");
	trn_test_host_unmap(&host, RESPONSE);
	memcpy(request, &h, 8);
	memcpy(request + 8, read_list, 8);
	trn_test_wr(&host, MR(TRN_MR_REQ_LO), trn_lo32(TRN_AXI_HOST | REQUEST));
	trn_test_wr(&host, MR(TRN_MR_REQ_HI), trn_hi32(TRN_AXI_HOST | REQUEST));
	trn_test_wr(&host, MR(TRN_MR_RESP_LO), trn_lo32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_RESP_HI), trn_hi32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(trn_test_host_count(&host, "mailbox-unmapped"), 1);
	/* A payload that ends outside, then a header that is outside. */
	h.size = 0xffff;
	memcpy(request + 65536 - 8, &h, 8);
	trn_test_wr(&host, MR(TRN_MR_REQ_LO), trn_lo32(TRN_AXI_HOST | (REQUEST + 65536 - 8)));
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(trn_test_host_count(&host, "mailbox-unmapped"), 2);
	trn_test_wr(&host, MR(TRN_MR_REQ_LO), trn_lo32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(trn_test_host_count(&host, "mailbox-unmapped"), 3);
}
END_TEST

START_TEST(mailbox_faults)
{
	fault("mailbox.silent");
	ck_assert_uint_eq(legacy_call(1, TRN_MBOX_READ, read_list, 8).sequence, 0);
	ck_assert_uint_eq(legacy_call(2, TRN_MBOX_READ, read_list, 8).sequence, 2);
	fault("mailbox.error,value=2");
	ck_assert_uint_eq(legacy_call(3, TRN_MBOX_READ, read_list, 8).error, 2);
	ck_assert_uint_eq(legacy_call(4, TRN_MBOX_READ, read_list, 8).error, 0);
	fault("mailbox.error,value=256"); /* no way to say "ok" */
	ck_assert_uint_eq(legacy_call(7, TRN_MBOX_READ, read_list, 8).error, TRN_MBOX_FAIL);
	fault("mailbox.badseq");
	ck_assert_uint_ne(legacy_call(5, TRN_MBOX_READ, read_list, 8).sequence, 5);
	ck_assert_uint_eq(legacy_call(6, TRN_MBOX_READ, read_list, 8).sequence, 6);
}
END_TEST

START_TEST(old_firmware_knows_the_legacy_form_only)
{
	reopen(0, 6);
	trn_test_host_expect(&host, "mailbox-unmapped");
	ck_assert_uint_eq(legacy_call(1, TRN_MBOX_READ, read_list, 8).error, TRN_MBOX_OK);
	/* A request in the new form is taken for a legacy one: words for addresses. */
	(void)new_call(2, TRN_MBOX_READ, read_list, 8);
	ck_assert_uint_eq(trn_test_rd(&host, MR(TRN_MR_ACK)), 1);
}
END_TEST

START_TEST(a_second_request_replaces_the_first)
{
	struct trn_chip_counters counters;

	trn_test_wr(&host, MR(TRN_MR_ACK), 1);
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	ck_assert_uint_eq(legacy_call(9, TRN_MBOX_READ, read_list, 8).sequence, 9);
	trn_chip_counters(host.chip, &counters);
	ck_assert_uint_eq(counters.mailbox_requests, 2);
}
END_TEST

START_TEST(a_device_reset_drops_a_request)
{
	struct trn_mbox_request h = header(3, TRN_MBOX_READ, read_list, 8);

	memcpy(request, &h, 8);
	memcpy(request + 8, read_list, 8);
	trn_test_wr(&host, MR(TRN_MR_REQ_LO), trn_lo32(TRN_AXI_HOST | REQUEST));
	trn_test_wr(&host, MR(TRN_MR_REQ_HI), trn_hi32(TRN_AXI_HOST | REQUEST));
	trn_test_wr(&host, MR(TRN_MR_RESP_LO), trn_lo32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_RESP_HI), trn_hi32(TRN_AXI_HOST | RESPONSE));
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	ask_reset(TRN_MR_RESET_TYPE_DEVICE, 0);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(response[0], 0);
	/* A core reset does not. */
	trn_test_wr(&host, MR(TRN_MR_TRIGGER), 1);
	ask_reset(TRN_MR_RESET_TYPE_TPB, 1);
	trn_test_host_settle(&host, 10);
	ck_assert_uint_eq(response[0], 3);
}
END_TEST

static Suite *misc_suite(void)
{
	Suite *suite = suite_create("misc");
	TCase *tc = tcase_create("misc");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, identity_reads_as_configured);
	tcase_add_test(tc, election_words_are_kept_and_read_by_address);
	tcase_add_test(tc, power_counter_steps_each_second_at_least);
	tcase_add_test(tc, power_follows_work_once_a_sample);
	tcase_add_test(tc, heartbeat_ticks);
	tcase_add_test(tc, ecc_faults_show_in_their_stack);
	tcase_add_test(tc, device_reset_ends_and_clears);
	tcase_add_test(tc, core_reset_follows_the_map);
	tcase_add_test(tc, what_is_in_reset_does_not_answer);
	tcase_add_test(tc, reset_stops_copies_under_way);
	tcase_add_test(tc, a_lost_request_is_asked_again);
	tcase_add_test(tc, reset_never_and_reset_slow);
	tcase_add_test(tc, a_reset_that_sticks_once_works_when_asked_again);
	tcase_add_test(tc, an_unknown_reset_type_is_a_violation);
	tcase_add_test(tc, simulator_revision_resets_by_register);
	tcase_add_test(tc, legacy_read_of_registers);
	tcase_add_test(tc, new_read_of_registers);
	tcase_add_test(tc, commands_and_their_errors);
	tcase_add_test(tc, damaged_requests_fail);
	tcase_add_test(tc, requests_to_nowhere_are_violations);
	tcase_add_test(tc, mailbox_faults);
	tcase_add_test(tc, old_firmware_knows_the_legacy_form_only);
	tcase_add_test(tc, a_second_request_replaces_the_first);
	tcase_add_test(tc, a_device_reset_drops_a_request);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(misc_suite)
