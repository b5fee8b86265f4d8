/* SPDX-License-Identifier: Apache-2.0 */
/* Opening by URI: what is refused, in which words; and a backend with nothing in it. */
#include "hal/hal.h"

#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "hal/backend.h"

static struct trn_test_alloc mem;
static struct trn_log sink;

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, NULL, NULL, TRN_LOG_DEBUG);
}

static void teardown(void)
{
	ck_assert_int_eq(mem.live, 0);
}

static int open_uri(const char *uri, struct trn_hal_fault *ret_fault, struct trn_hal_dev **ret_dev)
{
	const struct trn_hal_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = uri,
					   .deadline_ns = trn_clock_deadline(10000000000ull),
					   .ret_fault = ret_fault };

	return trn_hal_open(&open, ret_dev);
}

static const struct {
	const char *uri;
	int code;
	const char *words;
} refused[] = {
	{ "", -EINVAL, "bad URI" },
	{ "mock", -EINVAL, "bad URI" },
	{ "Mock:trn3", -EINVAL, "bad URI" },
	{ "cuda:0", -EINVAL, "unknown scheme 'cuda'" },
	{ "mock:", -EINVAL, "needs a pod" },
	{ "mock:/0", -EINVAL, "needs a pod" },
	{ "mock:trn9", -ENODEV, "no pod 'trn9'" },
	{ "mock:a-name-that-is-longer-than-any-pod-could-ever-be", -EINVAL, "needs a pod" },
	{ "mock:trn3/1", -ENODEV, "one device" },
	{ "mock:trn3/x", -EINVAL, "no index" },
	{ "mock:trn3/", -EINVAL, "no index" },
	{ "mock:trn9", -ENODEV, "there are trn2 trn3 trn4 trn2-48xl trn2-ultraserver trn3-gen1" },
	{ "mock:trn3-ultraserver", -EINVAL,
	  "has 144 devices: open one, mock:trn3-ultraserver/0 to /143, or all with trn_pod_open" },
	{ "mock:trn2-48xl", -EINVAL, "/0 to /15" },
	{ "mock:trn2-48xl/16", -ENODEV, "devices /0 to /15: '16' is no index" },
	{ "mock:trn2-48xl/4294967296", -ENODEV, "/0 to /15" },
	{ "mock:trn2-48xl/99999999999999999999999", -ENODEV, "/0 to /15" },
	{ "mock:trn2-48xl/-1", -EINVAL, "/0 to /15" },
	{ "mock:trn2-48xl/1/2", -EINVAL, "/0 to /15" },
	{ "mock:trn2-48xl/", -EINVAL, "/0 to /15" },
	{ "mock:trn3-ultraserver/0?fabric=copper", -EINVAL, "has lanes documented table" },
	{ "mock:trn3?fabric=lanes", -EINVAL, "mock:trn3 has alone" },
	{ "mock:trn2-48xl/3?fault=no.such", -EINVAL, "fault 'no.such'" },
	{ "mock:trn3?colour=blue", -EINVAL, "unknown parameter 'colour'" },
	{ "mock:trn3?timing-only=2", -EINVAL, "0 or 1" },
	{ "mock:trn3?threads=2", -EINVAL, "threads=2" },
	{ "mock:trn3?threads=", -EINVAL, "0 or 1 is wanted" },
	{ "mock:trn3?threads=yes", -EINVAL, "threads=yes" },
	{ "mock:trn3?seed=12K", -EINVAL, "seed=12K" },
	{ "mock:trn3?hbm=1M", -EINVAL, "hbm=1M" },
	{ "mock:trn3?hbm=65G", -EINVAL, "hbm=65G" },
	{ "mock:trn3?hbm=33554433", -EINVAL, "whole MiB" },
	{ "mock:trn3?api=0", -EINVAL, "api=0" },
	{ "mock:trn3?api=256", -EINVAL, "api=256" },
	{ "mock:trn3?extension=-1", -EINVAL, "extension" },
	{ "mock:trn3?revision=256", -EINVAL, "revision" },
	{ "mock:trn3?routing=64", -EINVAL, "routing" },
	{ "mock:trn3?fault=", -EINVAL, "empty" },
	{ "mock:trn3?fault=reset.lost;", -EINVAL, "empty" },
	{ "mock:trn3?fault=no.such", -EINVAL, "fault 'no.such'" },
	{ "mock:trn3?fault=a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a", -EINVAL, "more than 16" },
	{ "null:x", -ENODEV, "null: has no device 'x'" },
	{ "null:?seed=1", -EINVAL, "no parameter 'seed'" },
	{ "vfio-user:/tmp/trn0.sock", -ENOTSUP, "trnmockd" },
	{ "vfio:0000:00:1e.0", -ENOTSUP, "later version" },
	{ "drm:/dev/accel/accel0", -ENOTSUP, "kernel module" },
	{ "neuron:0", -ENOTSUP, "later version" },
	{ "validate(no)+mock:trn3", -EINVAL, "validate(fatal)+" },
	{ "validate+validate+null:", -EINVAL, "twice" },
	{ "dance+mock:trn3", -EINVAL, "unknown hook 'dance'" },
	{ "dance+null:", -EINVAL, "unknown hook 'dance'" },
	{ "record+mock:trn3", -EINVAL, "record(file=F)" },
	{ "record(file=)+mock:trn3", -EINVAL, "record(file=F)" },
	{ "record(path=x)+null:", -EINVAL, "record(file=F)" },
	{ "record(file=/no/such/folder/x)+mock:trn3", -ENOENT, "cannot be written" },
	{ "record(file=/no/such/folder/x)+null:", -ENOENT, "cannot be written" },
	{ "fault+mock:trn3", -EINVAL, "needs a fault" },
	{ "fault(no.such)+mock:trn3", -EINVAL, "no fault of that name" },
	{ "fault(reset.lost,count=x)+mock:trn3", -EINVAL, "fault(reset.lost,count=x)" },
	{ "fault(reset.lost)+null:", -ENOTSUP, "no faults" },
};

START_TEST(refusals)
{
	struct trn_hal_fault fault = { .engine = 5 };
	struct trn_hal_dev *dev = NULL;

	ck_assert_int_eq(open_uri(refused[_i].uri, &fault, &dev), refused[_i].code);
	ck_assert_ptr_null(dev);
	if (!strstr(fault.why, refused[_i].words))
		ck_abort_msg("'%s' does not say '%s'", fault.why, refused[_i].words);
	ck_assert_uint_eq(fault.engine, UINT32_MAX);
}
END_TEST

START_TEST(a_uri_that_is_too_long)
{
	static char uri[5000];
	struct trn_hal_fault fault = { 0 };
	struct trn_hal_dev *dev = NULL;

	memset(uri, 'a', sizeof(uri) - 1);
	memcpy(uri, "mock:", 5);
	ck_assert_int_eq(open_uri(uri, &fault, &dev), -EINVAL);
	ck_assert_ptr_nonnull(strstr(fault.why, "too long"));
}
END_TEST

static const struct {
	const char *uri, *name;
	uint8_t revision;
	uint64_t hbm;
	uint32_t api, routing;
	uint64_t serial;
} accepted[] = {
	{ "mock:trn2", "mock:trn2/0", 0, 24 * TRN_GIB, 7, 0, 0 },
	{ "mock:trn3/0", "mock:trn3/0", 0, 36 * TRN_GIB, 7, 0, 0 },
	{ "mock:trn3?hbm=64M&seed=0x10&api=6&routing=12&serial=77", "mock:trn3/0", 0, 64 * TRN_MIB,
	  6, 12, 77 },
	{ "mock:trn3?hbm=1G&extension=0", "mock:trn3/0", 0, TRN_GIB, 7, 0, 0 },
	{ "mock:trn3?revision=255&hbm=128M", "mock:trn3/0", 255, 128 * TRN_MIB, 7, 0, 0 },
	{ "mock:trn3?revision=255&hbm=128M&extension=0", "mock:trn3/0", 255, 128 * TRN_MIB, 7, 0,
	  0 },
	{ "mock:trn2?revision=240", "mock:trn2/0", 240, 24 * TRN_GIB, 7, 0, 0 },
};

START_TEST(parameters_reach_the_device)
{
	struct trn_hal_fault fault = { 0 };
	struct trn_hal_dev *dev = NULL;
	struct trn_hal_info info;

	ck_assert_msg(open_uri(accepted[_i].uri, &fault, &dev) == 0, "%s", fault.why);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_str_eq(info.uri, accepted[_i].name);
	ck_assert_uint_eq(info.pci_revision, accepted[_i].revision);
	ck_assert_uint_eq(info.hbm_bytes, accepted[_i].hbm);
	ck_assert_uint_eq(info.firmware_api, accepted[_i].api);
	ck_assert_uint_eq(info.routing_id, accepted[_i].routing);
	if (accepted[_i].serial)
		ck_assert_uint_eq(info.serial, accepted[_i].serial);
	trn_hal_close(dev);
}
END_TEST

/* The simulator revision packs its stacks: the window's slots are their size. */
START_TEST(simulator_window_is_packed)
{
	const struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HBM, .size = 4096, .hbm = 3 };
	const struct trn_hal_mem_desc host_desc = { .kind = TRN_HAL_MEM_HOST, .size = 4096 };
	struct trn_hal_dev *dev = NULL;
	struct trn_hal_mem hbm;
	struct trn_hal_mem host;
	char text[1024];

	ck_assert_int_eq(open_uri("mock:trn3?revision=255&hbm=128M", NULL, &dev), 0);
	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &hbm), 0);
	ck_assert_int_eq(dev->ops.mem_alloc(dev, &host_desc, &host), 0);
	ck_assert_int_eq(dev->ops.mem_map(dev, &hbm), 0);
	memset(host.host, 0x42, 4096);
	ck_assert_int_eq(dev->ops.copy(dev, hbm.address, host.address, 4096,
				       trn_clock_deadline(10000000000ull)),
			 0);
	ck_assert_int_eq(memcmp(hbm.host, host.host, 4096), 0);
	/* Its reset register, for the device and for a core. */
	ck_assert_int_eq(dev->ops.reset(dev, TRN_HAL_RESET_DEVICE, 0,
					trn_clock_deadline(10000000000ull)),
			 0);
	ck_assert_int_eq(
		dev->ops.reset(dev, TRN_HAL_RESET_CORES, 2, trn_clock_deadline(10000000000ull)), 0);
	ck_assert_int_eq(dev->ops.control(dev, "counters", NULL, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"resets\":3"));
	trn_hal_close(dev);
}
END_TEST

START_TEST(no_window_is_no_map)
{
	const struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HBM, .size = 4096 };
	struct trn_hal_dev *dev = NULL;
	struct trn_hal_info info;
	struct trn_hal_mem hbm;

	ck_assert_int_eq(open_uri("mock:trn3?bar4=0", NULL, &dev), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert(!(info.caps & TRN_HAL_CAP_MAP_HBM));
	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &hbm), 0);
	ck_assert_int_eq(dev->ops.mem_map(dev, &hbm), -ENOTSUP);
	ck_assert_int_eq(dev->ops.mem_free(dev, &hbm), 0);
	trn_hal_close(dev);
}
END_TEST

START_TEST(schemes_can_be_listed)
{
	const char *help = NULL;
	const char *name;
	unsigned int count = 0;

	ck_assert_str_eq(trn_hal_scheme(0, NULL), "mock");
	while ((name = trn_hal_scheme(count, &help)) != NULL) {
		ck_assert(strncmp(help, name, strlen(name)) == 0);
		count++;
	}
	ck_assert_uint_eq(count, 6);
	ck_assert_int_eq(trn_hal_discover(&mem.alloc, NULL, NULL), 0);
	trn_hal_close(NULL);
}
END_TEST

/* ---- defaults ---- */

static int closed;

static void empty_close(struct trn_hal_dev *dev)
{
	(void)dev;
	closed++;
}

/* Every entry of a backend that has nothing answers -ENOTSUP and says which it was. */
START_TEST(empty_backend)
{
	static const struct trn_hal_ops ops = { .name = "empty", .close = empty_close };
	struct trn_hal_dev dev;
	struct trn_hal_fault fault;

	trn_hal_dev_init(&dev, &ops, &mem.alloc, &sink);
	const struct {
		const char *name;
		int answer;
	} answers[] = {
		{ "bring_up", dev.ops.bring_up(&dev, 0) },
		{ "info", dev.ops.info(&dev, NULL) },
		{ "mem_alloc", dev.ops.mem_alloc(&dev, NULL, NULL) },
		{ "mem_free", dev.ops.mem_free(&dev, NULL) },
		{ "mem_map", dev.ops.mem_map(&dev, NULL) },
		{ "copy", dev.ops.copy(&dev, 0, 0, 0, 0) },
		{ "queue_open", dev.ops.queue_open(&dev, NULL, NULL) },
		{ "queue_close", dev.ops.queue_close(&dev, NULL) },
		{ "queue_kick", dev.ops.queue_kick(&dev, NULL, 0) },
		{ "queue_reset", dev.ops.queue_reset(&dev, NULL, 0) },
		{ "signal", dev.ops.signal(&dev) },
		{ "progress", dev.ops.progress(&dev, NULL, 0) },
		{ "sem_read", dev.ops.sem_read(&dev, 0, 0, NULL) },
		{ "sem_write", dev.ops.sem_write(&dev, 0, 0, 0) },
		{ "core_error", dev.ops.core_error(&dev, 0, NULL) },
		{ "core_claim", dev.ops.core_claim(&dev, 0, NULL, false, NULL) },
		{ "reset", dev.ops.reset(&dev, TRN_HAL_RESET_DEVICE, 0, 0) },
		{ "telemetry", dev.ops.telemetry(&dev, NULL) },
		{ "mailbox", dev.ops.mailbox(&dev, 0, NULL, 0, NULL, 0, NULL, 0) },
		{ "reg_read32", dev.ops.reg_read32(&dev, 0, 0, NULL) },
		{ "reg_write32", dev.ops.reg_write32(&dev, 0, 0, 0) },
		{ "control", dev.ops.control(&dev, NULL, NULL, NULL, 0) },
		{ "trace", dev.ops.trace(&dev, NULL, NULL) },
		{ "watch", dev.ops.watch(&dev, NULL, NULL) },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(answers); i++)
		ck_assert_int_eq(answers[i].answer, -ENOTSUP);
	trn_hal_last_fault(&dev, &fault);
	ck_assert_str_eq(fault.why, "watch: the empty backend does not have it");
	trn_hal_close(&dev);
	ck_assert_int_eq(closed, 1);
}
END_TEST

START_TEST(records_belong_to_their_device)
{
	static const struct trn_hal_ops ops = { .name = "empty", .close = empty_close };
	const struct trn_hal_where where = { 7, 8, 9 };
	struct trn_hal_dev a;
	struct trn_hal_dev b;
	struct trn_hal_fault fault;

	trn_hal_dev_init(&a, &ops, &mem.alloc, &sink);
	trn_hal_dev_init(&b, &ops, &mem.alloc, &sink);
	ck_assert_int_eq(trn_hal_fail_at(&a, -EIO, &where, "engine %d", 8), -EIO);
	trn_hal_last_fault(&b, &fault);
	ck_assert_str_eq(fault.why, "");
	trn_hal_last_fault(&a, &fault);
	ck_assert_str_eq(fault.why, "engine 8");
	ck_assert_uint_eq(fault.address, 7);
	ck_assert_uint_eq(fault.queue, 9);
	trn_hal_fault_prefix(&a, "copy");
	trn_hal_last_fault(&a, &fault);
	ck_assert_str_eq(fault.why, "copy: engine 8");
	trn_hal_fault_prefix(&b, "other"); /* nothing of b's to put it in front of */
	trn_hal_last_fault(&b, &fault);
	ck_assert_str_eq(fault.why, "other: ");
	/* A new device at an old address starts clean. */
	trn_hal_fail(&a, -EIO, "old");
	trn_hal_dev_init(&a, &ops, &mem.alloc, &sink);
	trn_hal_last_fault(&a, &fault);
	ck_assert_str_eq(fault.why, "");
}
END_TEST

static Suite *hal_suite(void)
{
	Suite *suite = suite_create("hal-uri");
	TCase *tc = tcase_create("hal");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, refusals, 0, (int)TRN_ARRAY_LEN(refused));
	tcase_add_test(tc, a_uri_that_is_too_long);
	tcase_add_loop_test(tc, parameters_reach_the_device, 0, (int)TRN_ARRAY_LEN(accepted));
	tcase_add_test(tc, simulator_window_is_packed);
	tcase_add_test(tc, no_window_is_no_map);
	tcase_add_test(tc, schemes_can_be_listed);
	tcase_add_test(tc, empty_backend);
	tcase_add_test(tc, records_belong_to_their_device);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(hal_suite)
