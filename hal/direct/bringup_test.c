/* SPDX-License-Identifier: Apache-2.0 */
/* Bring-up against a device that answers anything: the right writes in the right
 * order, and a clear refusal of every wrong answer. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/test_main.h"
#include "hal/direct/test_bus.h"

#define SECOND UINT64_C(1000000000)

static struct test_bus bus;
static struct trn_test_alloc mem;
static struct trn_log log_sink;
static struct trn_hal_dev *dev;

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&log_sink, NULL, NULL, TRN_LOG_DEBUG);
	test_bus_init(&bus, &mem.alloc, &log_sink);
	dev = NULL;
}

static void teardown(void)
{
	trn_hal_close(dev);
	ck_assert_int_eq(bus.closed, 1);
	ck_assert_uint_eq(bus.map_count, 0);
	ck_assert_int_eq(mem.live, 0);
}

static int open_now(void)
{
	return test_bus_open(&bus, trn_clock_deadline(10 * SECOND), &dev);
}

/* Fails with code, and the record says so in these words. */
static void refused(int code, const char *words)
{
	struct trn_hal_fault fault;
	struct trn_hal_dev *none = NULL;

	ck_assert_int_eq(test_bus_open(&bus, trn_clock_deadline(10 * SECOND), &none), code);
	ck_assert_ptr_null(none);
	trn_hal_fault_last(&fault);
	if (!strstr(fault.why, words))
		ck_abort_msg("'%s' does not say '%s'", fault.why, words);
}

START_TEST(comes_up_without_extension)
{
	struct trn_hal_info info;

	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_str_eq(info.product, "Trainium3");
	ck_assert_str_eq(info.arch, "trn3");
	ck_assert_uint_eq(info.routing_id, 3);
	ck_assert_uint_eq(info.serial, UINT64_C(0x1122334455667788));
	ck_assert_uint_eq(info.hbm_bytes, 36 * TRN_GIB);
	ck_assert_uint_eq(info.caps,
			  TRN_HAL_CAP_INLINE | TRN_HAL_CAP_SIMULATED | TRN_HAL_CAP_STRIDED);
	ck_assert_uint_eq(info.queues, DIRECT_COPY_QUEUES);
	ck_assert_uint_eq(bus.cfg[1] & 6, 6); /* memory space and bus master */
}
END_TEST

START_TEST(finds_the_extension)
{
	struct trn_hal_info info;

	test_bus_extension(&bus);
	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert(info.caps & TRN_HAL_CAP_COMPUTE);
	ck_assert(info.caps & TRN_HAL_CAP_TIMESTAMP);
	ck_assert_uint_eq(info.hbm_bytes, 64 * TRN_MIB);
	ck_assert_uint_eq(info.queues, 64);
}
END_TEST

/* ---- wrong answers ---- */

START_TEST(nobody_answers)
{
	bus.dead = true;
	refused(-TRN_EDEVLOST, "all-ones");
}
END_TEST

START_TEST(another_vendor)
{
	bus.cfg[0] = 0x12348086;
	refused(-ENODEV, "8086:1234");
}
END_TEST

START_TEST(bar0_too_small)
{
	bus.bus.info.bar_size[0] = 0x10000000;
	refused(-ENODEV, "BAR0");
}
END_TEST

START_TEST(never_ready)
{
	test_bus_set(&bus, TRN_MISC_RAM + TRN_MR_ROUTING_ID, TRN_READ_NOT_READY);
	refused(-ETIMEDOUT, "routing id");
}
END_TEST

START_TEST(routing_id_is_nonsense)
{
	test_bus_set(&bus, TRN_MISC_RAM + TRN_MR_ROUTING_ID, 128);
	refused(-TRN_EFIRMWARE, "0x80");
}
END_TEST

/* All-ones in one register of a device that lives is a value, and here a bad one. */
START_TEST(api_version_is_nonsense)
{
	test_bus_set(&bus, TRN_MISC_RAM + TRN_MR_API_VERSION, UINT32_MAX);
	refused(-TRN_EFIRMWARE, "API version");
}
END_TEST

START_TEST(reset_is_never_taken)
{
	bus.no_reset = true;
	refused(-ETIMEDOUT, "bring-up: reset");
}
END_TEST

START_TEST(reset_request_is_asked_again)
{
	bus.resets_to_lose = 3;
	ck_assert_int_eq(open_now(), 0);
}
END_TEST

START_TEST(firmware_stays_in_reset)
{
	test_bus_set(&bus, TRN_MISC_RAM + TRN_MR_STATUS, TRN_MR_STATUS_RESETTING);
	refused(-ETIMEDOUT, "stays in reset");
}
END_TEST

static const struct {
	uint32_t reg, value;
	const char *words;
} bad_ids[] = {
	{ TRN_EXT_ID_MAGIC, 0, "magic" },
	{ TRN_EXT_ID_MAGIC, UINT32_MAX, "magic" },
	{ TRN_EXT_ID_VERSION, 2, "version" },
	{ TRN_EXT_ID_CORES, 0, "cores" },
	{ TRN_EXT_ID_CORES, 9, "cores" },
	{ TRN_EXT_ID_QUEUES, 65, "queues" },
	{ TRN_EXT_ID_QUEUES, UINT32_MAX, "queues" },
	{ TRN_EXT_ID_WINDOWS, 17, "windows" },
	{ TRN_EXT_ID_SBUF_PARTITION, 0x40001, "SBUF" },
	{ TRN_EXT_ID_HBM_MIB, 16, "HBM" },
	{ TRN_EXT_ID_HBM_MIB, 65537, "HBM" },
};

START_TEST(id_page_is_checked)
{
	test_bus_extension(&bus);
	test_bus_set(&bus, 0xc0000000u + bad_ids[_i].reg, bad_ids[_i].value);
	refused(-TRN_EFIRMWARE, bad_ids[_i].words);
}
END_TEST

START_TEST(block_must_lie_in_bar0)
{
	static const uint32_t offsets[] = { 0, 0xc0000004, 0xffff0000 };

	test_bus_extension(&bus);
	bus.cfg[0x4c / 4] = offsets[_i];
	refused(-TRN_EFIRMWARE, "outside BAR0");
}
END_TEST

/* A list that never ends, leaves the space, or holds somebody else's capability. */
START_TEST(capability_lists_of_others)
{
	static const struct {
		uint32_t first, at, word;
	} lists[] = {
		{ 0x40, 0x40, 0x00104009 }, /* points to itself, another type */
		{ 0x40, 0x40, 0x54080009 }, /* ours, but too short */
		{ 0x10, 0x40, 0x54100009 }, /* pointer into the header */
		{ 0xfc, 0xfc, 0x54100009 }, /* does not fit behind its offset */
		{ 0x40, 0x40, 0x00000005 }, /* MSI only */
	};
	struct trn_hal_info info;

	test_bus_extension(&bus);
	bus.cfg[0x34 / 4] = lists[_i].first;
	bus.cfg[lists[_i].at / 4] = lists[_i].word;
	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert(!(info.caps & TRN_HAL_CAP_COMPUTE));
}
END_TEST

START_TEST(extension_of_another_version_is_left_alone)
{
	struct trn_hal_info info;

	test_bus_extension(&bus);
	bus.cfg[0x48 / 4] = 2;
	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert(!(info.caps & TRN_HAL_CAP_COMPUTE));
}
END_TEST

START_TEST(deadline_has_passed)
{
	struct trn_hal_dev *none = NULL;

	test_bus_set(&bus, TRN_MISC_RAM + TRN_MR_ROUTING_ID, TRN_READ_NOT_READY);
	ck_assert_int_eq(test_bus_open(&bus, TRN_DEADLINE_NOW, &none), -ETIMEDOUT);
}
END_TEST

/* Whatever access fails, open fails with the bus's own error and leaves nothing. */
START_TEST(bus_fails_anywhere)
{
	static const int after[] = { 0, 1, 2, 3, 5, 8, 10, 12, 20, 40, 80, 100, 200, 5000, 15000 };

	test_bus_extension(&bus);
	bus.fail_after = after[_i];
	ck_assert_int_eq(open_now(), -EIO);
	ck_assert_ptr_null(dev);
}
END_TEST

START_TEST(every_allocation_failed_once)
{
	for (long n = 0;; n++) {
		int r;

		trn_test_alloc_init(&mem, n);
		test_bus_init(&bus, &mem.alloc, &log_sink);
		test_bus_extension(&bus);
		r = open_now();
		if (!mem.failed) {
			ck_assert_int_eq(r, 0);
			ck_assert_int_ge(n, 3);
			return;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_ptr_null(dev);
		ck_assert_int_eq(mem.live, 0);
		ck_assert_int_eq(bus.closed, 1);
	}
}
END_TEST

/* ---- the write sequence of 3.7 ---- */

/* The last value written to a register before index end, and how often it was. */
static int written(uint64_t offset, uint32_t *ret_value)
{
	int times = 0;

	for (size_t i = 0; i < bus.write_count; i++) {
		if (bus.writes[i].offset == (uint32_t)offset) {
			*ret_value = bus.writes[i].value;
			times++;
		}
	}
	return times;
}

static const struct {
	uint32_t offset, value;
} sequence[] = {
	{ 0x1020, 0x00030000 },  { 0x10020, 0x00030000 },
	{ 0x21020, 0x00030000 }, { 0x30020, 0x00030000 },
	{ 0x310, 0x010008f8 },   { 0x124, 0x20808080 },
	{ 0x3a300, 100000000 },  { 0x408, 0 },
	{ 0x254, 0x010fffff },   { 0x258, 0x102 },
	{ 0x3c400, UINT32_MAX }, { 0x3c7c0, UINT32_MAX },
	{ 0x118, 0x00010008 },   { 0x2038c, 0 },
	{ 0x3c404, UINT32_MAX }, { 0x3c40c, UINT32_MAX },
	{ 0x20124, 0x00400080 }, { 0x20128, 0x40804080 },
	{ 0x2012c, 256 },        { 0x3b460, 0 },
	{ 0x3a028, 0x28 },       { 0x3a068, 0x28 },
	{ 0x380e8, 0x28 },       { 0x20380, 0x1004 },
	{ 0x304, 0x00010041 },   { 0x308, 0x4181 },
	{ 0x20308, 0x4181 },     { 0x11c, 0x00010008 },
	{ 0x2011c, 0x00010008 }, { 0x4001c, 1 },
	{ 0x40020, 1 },          { 0x40000, 1 },
	{ 0x40800, 0x26 },
};

START_TEST(engine_sequence_is_complete)
{
	static const uint32_t engines[] = { 0, 31, 32, 95, 127 };
	uint64_t block = trn_regs_udma_bar0(engines[_i]);
	uint32_t value = 0;

	ck_assert_int_eq(open_now(), 0);
	for (size_t i = 0; i < TRN_ARRAY_LEN(sequence); i++) {
		ck_assert_int_eq(written(block + sequence[i].offset, &value), 1);
		ck_assert_uint_eq(value, sequence[i].value);
	}
	/* Ring ids are not checked on the cores' engines. */
	ck_assert_int_ge(written(block + 0x3a010, &value), 1);
	ck_assert_uint_eq(value & 1u << 17, 1u << 17);
	ck_assert_int_ge(written(block + 0x2020c, &value), 1);
	ck_assert_uint_eq(value, 1u << 11);
	ck_assert_int_eq(written(trn_regs_fis_bar0(engines[_i]) + 0x90, &value), 1);
	ck_assert_uint_eq(value, 1u << 11);
	ck_assert_int_eq(written(trn_regs_fis_bar0(engines[_i]) + 0xd0, &value), 1);
	ck_assert_uint_eq(value, 1u << 2);
}
END_TEST

START_TEST(host_engines_check_ring_ids)
{
	uint32_t value = 0;

	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(written(trn_regs_udma_bar0(130) + 0x3a010, &value), 0);
	ck_assert_int_eq(written(trn_regs_udma_bar0(130) + 0x20c, &value), 0);
}
END_TEST

START_TEST(older_generation_skips_the_extra_write)
{
	uint32_t value = 0;

	bus.cfg[0] = (uint32_t)TRN_PCI_DEVICE_TRN2 << 16 | TRN_PCI_VENDOR;
	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(written(trn_regs_udma_bar0(5) + 0x2012c, &value), 0);
}
END_TEST

/* 3.9 for queue 1 of engine 129, in this order. */
START_TEST(ring_sequence_is_in_order)
{
	const uint32_t tx = 0x06902000;
	const uint32_t order[] = { 0x74, 0x20, 0xb0, 0x28, 0x2c, 0x30, 0xa0, 0x20 };
	const uint32_t values[] = { 3, 0x03000000, 0x100, 0, 0, 8192, 0, 0x03030000 };
	size_t at = 0;

	ck_assert_int_eq(open_now(), 0);
	for (size_t i = 0; i < bus.write_count && at < TRN_ARRAY_LEN(order); i++) {
		if ((bus.writes[i].offset & ~0xfffu) != tx)
			continue;
		if (at == 0 && bus.writes[i].offset != tx + 0x74)
			continue; /* the engine's own initialisation */
		ck_assert_uint_eq(bus.writes[i].offset, tx + order[at]);
		if (order[at] == 0x28)
			ck_assert_uint_eq(bus.writes[i].value % 256, 0);
		else if (order[at] == 0x2c)
			ck_assert_uint_eq(bus.writes[i].value, 0x4000);
		else
			ck_assert_uint_eq(bus.writes[i].value, values[at]);
		at++;
	}
	ck_assert_uint_eq(at, TRN_ARRAY_LEN(order));
}
END_TEST

START_TEST(coming_up_again_keeps_memory)
{
	const struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HBM, .size = 4096 };
	struct trn_hal_mem a;
	struct trn_hal_mem b;
	uint32_t value = 0;

	ck_assert_int_eq(open_now(), 0);
	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &a), 0);
	bus.write_count = 0;
	ck_assert_int_eq(dev->ops.bring_up(dev, trn_clock_deadline(SECOND)), 0);
	/* The queue that was used keeps its configuration bits. */
	ck_assert_int_ge(written(trn_regs_udma_bar0(128) + 0x1020, &value), 1);
	ck_assert_uint_eq(value, 0x03030000);
	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &b), 0);
	ck_assert_uint_ne(a.address, b.address);
}
END_TEST

static Suite *bringup_suite(void)
{
	Suite *suite = suite_create("hal-bringup");
	TCase *tc = tcase_create("bringup");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, comes_up_without_extension);
	tcase_add_test(tc, finds_the_extension);
	tcase_add_test(tc, nobody_answers);
	tcase_add_test(tc, another_vendor);
	tcase_add_test(tc, bar0_too_small);
	tcase_add_test(tc, never_ready);
	tcase_add_test(tc, routing_id_is_nonsense);
	tcase_add_test(tc, api_version_is_nonsense);
	tcase_add_test(tc, reset_is_never_taken);
	tcase_add_test(tc, reset_request_is_asked_again);
	tcase_add_test(tc, firmware_stays_in_reset);
	tcase_add_loop_test(tc, id_page_is_checked, 0, (int)TRN_ARRAY_LEN(bad_ids));
	tcase_add_loop_test(tc, block_must_lie_in_bar0, 0, 3);
	tcase_add_loop_test(tc, capability_lists_of_others, 0, 5);
	tcase_add_test(tc, extension_of_another_version_is_left_alone);
	tcase_add_test(tc, deadline_has_passed);
	tcase_add_loop_test(tc, bus_fails_anywhere, 0, 15);
	tcase_add_test(tc, every_allocation_failed_once);
	tcase_add_loop_test(tc, engine_sequence_is_complete, 0, 5);
	tcase_add_test(tc, host_engines_check_ring_ids);
	tcase_add_test(tc, older_generation_skips_the_extra_write);
	tcase_add_test(tc, ring_sequence_is_in_order);
	tcase_add_test(tc, coming_up_again_keeps_memory);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(bringup_suite)
