/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: what a device says of itself, resets, semaphores, claims, telemetry,
 * mailbox, registers. */
#include <errno.h>
#include <string.h>
#include "base/bits.h"
#include "base/clock.h"
#include "base/regs.h"
#include "cts.h"

static void info_makes_sense(struct cts *c)
{
	CTS_CHECK(c, c->info.uri[0] && c->info.product[0] && c->info.arch[0]);
	CTS_CHECK(c, c->info.backend[0]);
	CTS_CHECK(c, c->info.cores >= 1 && c->info.cores <= TRN_CORES);
	CTS_CHECK(c, c->info.hbm_stacks >= 1 && c->info.hbm_stacks <= TRN_HBMS);
	CTS_CHECK(c, c->info.hbm_bytes > c->info.hbm_reserved);
	CTS_CHECK(c, c->info.queues >= 1);
}

/* A device that is up can be brought up again; what lives in memory stays. */
static void bring_up_again(struct cts *c)
{
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	uint8_t *bytes = host.host;

	CTS_OK(c, c->dev->ops.bring_up(c->dev, cts_deadline()));
	bytes[0] = 42;
	CTS_OK(c, c->dev->ops.copy(c->dev, host.address + 4096, host.address, 64, cts_deadline()));
	CTS_CHECK(c, bytes[4096] == 42);
	cts_free(c, &host);
}

/* Nothing is pending: looking again does not change that, and does not hang. */
static void progress_when_idle(struct cts *c)
{
	unsigned int round = 0;

	for (int i = 0; i < 10; i++) {
		int r = c->dev->ops.progress(c->dev, &round, cts_deadline());

		if (c->info.caps & TRN_HAL_CAP_INLINE)
			CTS_CHECK(c, r == -EAGAIN || r == 0);
		else
			CTS_CHECK(c, r == 0);
	}
	CTS_OK(c, c->dev->ops.signal(c->dev));
}

static void device_reset(struct cts *c)
{
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, 4096);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	uint8_t *bytes = host.host;

	for (int i = 1; i <= 2; i++) {
		CTS_OK(c, c->dev->ops.reset(c->dev, TRN_HAL_RESET_DEVICE, 0, cts_deadline()));
		bytes[0] = (uint8_t)i;
		CTS_OK(c,
		       c->dev->ops.copy(c->dev, hbm.address, host.address, 4096, cts_deadline()));
		CTS_OK(c, c->dev->ops.copy(c->dev, host.address + 4096, hbm.address, 4096,
					   cts_deadline()));
		CTS_CHECK(c, bytes[4096] == (uint8_t)i);
	}
	cts_free(c, &host);
	cts_free(c, &hbm);
}

/* A queue that was open over a device reset works again after its own reset. */
static void queue_after_device_reset(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	const struct trn_ext_cmd cmd = { .op = TRN_CMD_SIGNAL, .a = { host.address, 3 } };
	uint64_t *words = host.host;

	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, cts_put(queue, 0, &cmd)));
	CTS_OK(c, cts_drain(c, queue, 1));
	CTS_OK(c, c->dev->ops.reset(c->dev, TRN_HAL_RESET_DEVICE, 0, cts_deadline()));
	CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	words[0] = 0;
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, cts_put(queue, 0, &cmd)));
	CTS_OK(c, cts_drain(c, queue, 1));
	CTS_CHECK(c, words[0] == 3);
	CTS_OK(c, c->dev->ops.queue_close(c->dev, queue));
	cts_free(c, &host);
}

static void core_resets(struct cts *c)
{
	const uint32_t all = (1u << c->info.cores) - 1;
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	uint8_t *bytes = host.host;
	static const uint32_t maps[] = { 0x01, 0x80, 0x03, 0x55, 0xff };

	CTS_CODE(c, -EINVAL, c->dev->ops.reset(c->dev, TRN_HAL_RESET_CORES, 0, cts_deadline()));
	CTS_CODE(c, -EINVAL,
		 c->dev->ops.reset(c->dev, TRN_HAL_RESET_CORES, all + 1, cts_deadline()));
	CTS_CODE(c, -EINVAL, c->dev->ops.reset(c->dev, (enum trn_hal_reset)9, all, cts_deadline()));
	for (size_t i = 0; i < TRN_ARRAY_LEN(maps); i++) {
		CTS_OK(c, c->dev->ops.reset(c->dev, TRN_HAL_RESET_CORES, maps[i] & all,
					    cts_deadline()));
		bytes[0] = (uint8_t)(i + 1);
		CTS_OK(c, c->dev->ops.copy(c->dev, host.address + 4096, host.address, 64,
					   cts_deadline()));
		CTS_CHECK(c, bytes[4096] == (uint8_t)(i + 1));
	}
	cts_free(c, &host);
}

static void semaphores(struct cts *c)
{
	uint32_t value = 0;

	for (uint32_t owner = 0; owner < 8 + TRN_TOPSPS; owner++) {
		CTS_OK(c, c->dev->ops.sem_write(c->dev, owner, owner, 1000 + owner));
		CTS_OK(c, c->dev->ops.sem_write(c->dev, owner, 255, owner));
	}
	for (uint32_t owner = 0; owner < 8 + TRN_TOPSPS; owner++) {
		CTS_OK(c, c->dev->ops.sem_read(c->dev, owner, owner, &value));
		CTS_CHECK(c, value == 1000 + owner);
		CTS_OK(c, c->dev->ops.sem_read(c->dev, owner, 255, &value));
		CTS_CHECK(c, value == owner);
	}
	CTS_CODE(c, -EINVAL, c->dev->ops.sem_read(c->dev, 8 + TRN_TOPSPS, 0, &value));
	CTS_CODE(c, -EINVAL, c->dev->ops.sem_read(c->dev, 0, 256, &value));
	CTS_CODE(c, -EINVAL, c->dev->ops.sem_write(c->dev, UINT32_MAX, 0, 1));
	/* A core reset clears that core's and no other's. */
	CTS_OK(c, c->dev->ops.reset(c->dev, TRN_HAL_RESET_CORES, 1u << 2, cts_deadline()));
	CTS_OK(c, c->dev->ops.sem_read(c->dev, 2, 2, &value));
	CTS_CHECK(c, value == 0);
	CTS_OK(c, c->dev->ops.sem_read(c->dev, 3, 3, &value));
	CTS_CHECK(c, value == 1003);
}

static void core_states(struct cts *c)
{
	struct trn_hal_core_error error = { .code = 99 };

	for (uint32_t core = 0; core < c->info.cores; core++) {
		CTS_OK(c, c->dev->ops.core_error(c->dev, core, &error));
		CTS_CHECK(c, error.state == TRN_CORE_IDLE && error.code == 0);
	}
	CTS_CODE(c, -EINVAL, c->dev->ops.core_error(c->dev, c->info.cores, &error));
}

static void claims(struct cts *c)
{
	static const struct trn_hal_claim one = {
		.owner = 77, .pid = 4711, .wall_ns = UINT64_C(5) << 32 | 9, .command = "python3"
	};
	static const struct trn_hal_claim two = { .owner = 78 };
	struct trn_hal_claim claim = { 0 };

	CTS_OK(c, c->dev->ops.core_claim(c->dev, 1, NULL, false, &claim));
	CTS_CHECK(c, claim.owner == 0);
	CTS_OK(c, c->dev->ops.core_claim(c->dev, 1, &one, true, &claim));
	CTS_CHECK(c, claim.owner == 77);
	CTS_OK(c, c->dev->ops.core_claim(c->dev, 1, &one, true, NULL)); /* mine already */
	CTS_CODE(c, -EBUSY, c->dev->ops.core_claim(c->dev, 1, &two, true, &claim));
	CTS_CHECK(c, claim.owner == 77);
	CTS_CHECK(c, claim.pid == 4711 && claim.wall_ns == one.wall_ns);
	CTS_CHECK(c, strcmp(claim.command, "python3") == 0);
	CTS_CODE(c, -EPERM, c->dev->ops.core_claim(c->dev, 1, &two, false, &claim));
	CTS_OK(c, c->dev->ops.core_claim(c->dev, 2, &two, true, &claim)); /* another core */
	CTS_OK(c, c->dev->ops.core_claim(c->dev, 1, &one, false, &claim));
	CTS_CHECK(c, claim.owner == 0);
	CTS_OK(c, c->dev->ops.core_claim(c->dev, 1, &two, true, &claim));
	CTS_CODE(c, -EINVAL, c->dev->ops.core_claim(c->dev, c->info.cores, &one, true, &claim));
}

static void telemetry(struct cts *c)
{
	struct trn_hal_telemetry t;

	memset(&t, 0xff, sizeof(t));
	CTS_OK(c, c->dev->ops.telemetry(c->dev, &t));
	CTS_CHECK(c, t.ecc_sram_corrected == 0 && t.ecc_sram_uncorrected == 0);
	CTS_CHECK(c, t.hbm_repair <= 2);
	CTS_CHECK(c, t.power_utilization[0] <= 10000 && t.power_utilization[1] <= 10000);
	for (uint32_t i = 0; i < TRN_CORES; i++)
		CTS_CHECK(c, t.pe_matmul[i] == 0);
}

/* READ: the firmware reads registers by their device address. */
static void mailbox_reads(struct cts *c)
{
	const uint64_t addresses[] = {
		TRN_AXI_MISC_RAM + TRN_MR_API_VERSION,
		TRN_AXI_MISC_RAM + TRN_MR_ROUTING_ID,
		TRN_AXI_MISC_RAM + TRN_MR_SERIAL_LO,
	};
	uint32_t values[4] = { 0 };
	size_t got = 0;

	/* More than once round the sequence numbers, of which 0 is none. */
	for (int i = 0; i < 300; i++) {
		CTS_OK(c, c->dev->ops.mailbox(c->dev, TRN_MBOX_READ, addresses, sizeof(addresses),
					      values, sizeof(values), &got, cts_deadline()));
		CTS_CHECK(c, got == sizeof(values[0]) * TRN_ARRAY_LEN(addresses));
		CTS_CHECK(c, values[0] == c->info.firmware_api);
		CTS_CHECK(c, values[1] == c->info.routing_id);
		CTS_CHECK(c, values[2] == (uint32_t)c->info.serial);
	}
}

static void mailbox_posts(struct cts *c)
{
	uint8_t blob[TRN_MR_DATA_SIZE];
	size_t got = 7;

	cts_random(c, blob, sizeof(blob));
	CTS_OK(c, c->dev->ops.mailbox(c->dev, TRN_MBOX_POST, blob, sizeof(blob), NULL, 0, &got,
				      cts_deadline()));
	CTS_CHECK(c, got == 0);
	CTS_CODE(c, -EINVAL,
		 c->dev->ops.mailbox(c->dev, TRN_MBOX_POST, blob, sizeof(blob) + 1, NULL, 0, &got,
				     cts_deadline()));
}

static void mailbox_refuses(struct cts *c)
{
	static uint8_t big[65536];
	const uint64_t address = TRN_AXI_MISC_RAM;
	uint32_t value = 0;
	size_t got = 0;

	CTS_CODE(c, -EINVAL,
		 c->dev->ops.mailbox(c->dev, 99, &address, 8, &value, 4, &got, cts_deadline()));
	CTS_CODE(c, -EINVAL,
		 c->dev->ops.mailbox(c->dev, TRN_MBOX_READ, big, sizeof(big), &value, 4, &got,
				     cts_deadline()));
	CTS_CODE(c, -ENOSPC,
		 c->dev->ops.mailbox(c->dev, TRN_MBOX_READ, &address, 8, &value, 2, &got,
				     cts_deadline()));
}

static void registers(struct cts *c)
{
	uint32_t value = 0;

	CTS_OK(c, c->dev->ops.reg_read32(c->dev, TRN_BAR_REGS, TRN_MISC_RAM + TRN_MR_ROUTING_ID,
					 &value));
	CTS_CHECK(c, value == c->info.routing_id);
	/* A queue's base register keeps its aligned part. */
	CTS_OK(c, c->dev->ops.reg_write32(c->dev, TRN_BAR_REGS, 0x82001028, 0x12345678));
	CTS_OK(c, c->dev->ops.reg_read32(c->dev, TRN_BAR_REGS, 0x82001028, &value));
	CTS_CHECK(c, value == (0x12345678 & TRN_UDMAQ_BASE_LO_MASK));
	CTS_CODE(c, -EINVAL, c->dev->ops.reg_read32(c->dev, TRN_BAR_REGS, 2, &value));
	CTS_CODE(c, -EINVAL, c->dev->ops.reg_read32(c->dev, 0, TRN_BAR0_SIZE, &value));
	CTS_CODE(c, -EINVAL, c->dev->ops.reg_read32(c->dev, 1, 0, &value));
	CTS_CODE(c, -EINVAL, c->dev->ops.reg_read32(c->dev, 77, 0, &value));
	CTS_CODE(c, -EINVAL, c->dev->ops.reg_write32(c->dev, 0, UINT64_MAX, 0));
}

static void control_verbs(struct cts *c)
{
	char text[64] = "";
	char tiny[4];

	CTS_OK(c, c->dev->ops.control(c->dev, "time", NULL, text, sizeof(text)));
	CTS_CHECK(c, text[0] == '{');
	CTS_OK(c, c->dev->ops.control(c->dev, "time", NULL, NULL, 0));
	CTS_CODE(c, -ENOSPC, c->dev->ops.control(c->dev, "time", NULL, tiny, sizeof(tiny)));
	CTS_CODE(c, -ENOTSUP, c->dev->ops.control(c->dev, "dance", NULL, text, sizeof(text)));
	CTS_CODE(c, -EINVAL, c->dev->ops.control(c->dev, "fault", "no.such", text, sizeof(text)));
}

const struct cts_test cts_device_tests[] = {
	{ "device.info", info_makes_sense },
	{ "device.bring-up", bring_up_again },
	{ "device.progress", progress_when_idle },
	{ "device.reset", device_reset },
	{ "device.queue-after-reset", queue_after_device_reset },
	{ "device.core-reset", core_resets },
	{ "device.semaphores", semaphores },
	{ "device.core-state", core_states },
	{ "device.claims", claims },
	{ "device.telemetry", telemetry },
	{ "device.mailbox-read", mailbox_reads },
	{ "device.mailbox-post", mailbox_posts },
	{ "device.mailbox-bad", mailbox_refuses },
	{ "device.registers", registers },
	{ "device.control", control_verbs },
	{ NULL, NULL },
};
