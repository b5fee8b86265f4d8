/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: which one opens, what it says about itself, claims, reset, its log. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct trn_context *bare_context(void)
{
	struct trn_context *context = NULL;

	trn_test_hal_init();
	ck_assert_int_eq(unsetenv("TRN_DEVICE"), 0);
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	return context;
}

START_TEST(nothing_to_open_names_the_mocks)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_context *context = bare_context();
	struct trn_device *device = NULL;

	ck_assert_int_eq(trn_device_open(context, NULL, SOON, &device), -ENODEV);
	ck_assert_ptr_null(device);
	ck_assert_int_eq(trn_error_get(context, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.cause, "mock:trn2"));
	ck_assert_ptr_nonnull(strstr(error.cause, "mock:trn3"));
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_OPEN], 0);
	trn_context_unref(context);
}
END_TEST

START_TEST(environment_then_hardware)
{
	struct trn_context *context = bare_context();
	struct trn_device *device = NULL;

	trn_test_hal.discover[0] = "test:first";
	trn_test_hal.discover[1] = "test:second";
	ck_assert_int_eq(trn_device_open(context, NULL, SOON, &device), 0);
	ck_assert_str_eq(device->uri, "test:first");
	trn_device_unref(device);
	ck_assert_int_eq(setenv("TRN_DEVICE", "test:environment", 1), 0);
	ck_assert_int_eq(trn_device_open(context, NULL, SOON, &device), 0);
	ck_assert_str_eq(device->uri, "test:environment");
	trn_device_unref(device);
	ck_assert_int_eq(setenv("TRN_DEVICE", "", 1), 0);
	ck_assert_int_eq(trn_device_open(context, NULL, SOON, &device), 0);
	ck_assert_str_eq(device->uri, "test:first");
	trn_device_unref(device);
	ck_assert_int_eq(unsetenv("TRN_DEVICE"), 0);
	trn_test_hal.fail[TRN_TEST_DISCOVER] = -EIO;
	ck_assert_int_eq(trn_device_open(context, NULL, SOON, &device), -EIO);
	trn_context_unref(context);
}
END_TEST

static int count_to_two(void *user, const char *uri, const char *product)
{
	ck_assert_str_eq(product, "Test");
	ck_assert_int_eq(strncmp(uri, "test:", 5), 0);
	return ++*(int *)user == 2;
}

START_TEST(list_stops_when_told)
{
	struct trn_context *context = bare_context();
	int seen = 0;

	ck_assert_int_eq(trn_device_list(context, count_to_two, &seen), 0);
	for (int i = 0; i < 4; i++)
		trn_test_hal.discover[i] = "test:x";
	ck_assert_int_eq(trn_device_list(context, count_to_two, &seen), 4);
	ck_assert_int_eq(seen, 2);
	ck_assert_int_eq(trn_device_list(context, NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_list(NULL, count_to_two, &seen), -EINVAL);
	trn_context_unref(context);
}
END_TEST

START_TEST(open_failures_leave_nothing)
{
	struct trn_device *device = NULL;
	struct trn_rig rig;
	char uri[2048];

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_open(NULL, "test:1", SOON, &device), -EINVAL);
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_open(rig.context, "bogus:1", SOON, &device), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "scripted open failure");
	ck_assert_str_eq(rig.log_last, "open failed"); /* what the HAL logged came out */
	memset(uri, 'x', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	ck_assert_int_eq(trn_device_open(rig.context, uri, SOON, &device), -EINVAL);
	trn_test_hal.fail[TRN_TEST_OPEN] = -ETIMEDOUT;
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &device), -ETIMEDOUT);
	trn_test_hal.fail[TRN_TEST_OPEN] = 0;
	trn_test_hal.fail[TRN_TEST_INFO] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &device), -TRN_EDEVLOST);
	trn_rig_expect(&rig, -TRN_EDEVLOST, "scripted failure");
	trn_test_hal.fail[TRN_TEST_INFO] = 0;
	trn_test_hal.info.hbm_stacks = 99;
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &device), -TRN_EFIRMWARE);
	trn_rig_expect(&rig, -TRN_EFIRMWARE, "99 HBM stacks");
	ck_assert_ptr_null(device);
	ck_assert_uint_eq(trn_test_hal.live_devices, 1);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(one_uri_is_one_device)
{
	struct trn_device *again, *other;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_open(rig.context, "test:0", SOON, &again), 0);
	ck_assert_ptr_eq(again, rig.device);
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", SOON, &other), 0);
	ck_assert_ptr_ne(other, rig.device);
	ck_assert_uint_eq(trn_test_hal.live_devices, 2);
	/* The older one first: it sits behind the other in the context's list. */
	trn_device_unref(again);
	trn_device_unref(rig.device);
	ck_assert_uint_eq(trn_test_hal.live_devices, 1);
	ck_assert_int_eq(trn_device_open(rig.context, "test:0", SOON, &rig.device), 0);
	trn_device_unref(other);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(second_opener_keeps_its_deadline)
{
	struct trn_device *device = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	trn_lock_take(&rig.context->open_lock); /* another thread opens */
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", TRN_DEADLINE_NOW, &device),
			 -ETIMEDOUT);
	ck_assert_int_eq(trn_device_open(rig.context, "test:1", trn_deadline_in(100000), &device),
			 -ETIMEDOUT);
	trn_lock_give(&rig.context->open_lock);
	trn_rig_expect(&rig, -ETIMEDOUT, "another open");
	trn_rig_down(&rig);
}
END_TEST

START_TEST(info_is_the_devices)
{
	struct trn_device_info info = { .size = sizeof(info) };
	struct trn_buffer *buffer;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_info(rig.device, &info), 0);
	ck_assert_str_eq(info.uri, "test:0");
	ck_assert_str_eq(info.product, "Test");
	ck_assert_str_eq(info.arch, "trn3");
	ck_assert_str_eq(info.backend, "test");
	ck_assert_uint_eq(info.pci_vendor, 0x1d0f);
	ck_assert_uint_eq(info.pci_device, 0x7564);
	ck_assert_uint_eq(info.cores, 8);
	ck_assert_uint_eq(info.queues_max, TRN_TEST_QUEUES);
	ck_assert_uint_eq(info.hbm_bytes, 64 << 20);
	ck_assert_uint_eq(info.hbm_free_bytes, 60 << 20);
	ck_assert_uint_eq(info.serial, 77);
	ck_assert_uint_eq(info.caps, TRN_CAP_COMPUTE | TRN_CAP_MAP_HBM | TRN_CAP_TIMESTAMP |
					     TRN_CAP_SIMULATED | TRN_CAP_INLINE | TRN_CAP_LISTS |
					     TRN_CAP_STRIDED);
	buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 1 << 20);
	ck_assert_int_eq(trn_device_info(rig.device, &info), 0);
	ck_assert_uint_eq(info.hbm_free_bytes, 59 << 20);
	trn_buffer_unref(buffer);
	ck_assert_int_eq(trn_device_info(rig.device, &info), 0);
	ck_assert_uint_eq(info.hbm_free_bytes, 60 << 20);
	info.size = 3;
	ck_assert_int_eq(trn_device_info(rig.device, &info), -EINVAL);
	ck_assert_int_eq(trn_device_info(rig.device, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_info(NULL, &info), -EINVAL);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(telemetry_is_copied)
{
	struct trn_device_telemetry t = { .size = sizeof(t) };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_telemetry(rig.device, &t), 0);
	ck_assert_uint_eq(t.ecc_sram_corrected, 1);
	ck_assert_uint_eq(t.ecc_sram_uncorrected, 2);
	ck_assert_uint_eq(t.ecc_hbm_corrected[3], 6);
	ck_assert_uint_eq(t.ecc_hbm_uncorrected[3], 10);
	ck_assert_uint_eq(t.hbm_repair_state, 1);
	ck_assert_uint_eq(t.power_utilization[1], 12);
	ck_assert_uint_eq(t.power_samples[1], 14);
	ck_assert_uint_eq(t.tensor_busy_cycles[0], 15);
	ck_assert_uint_eq(t.tensor_idle_cycles[0], 16);
	t.size = 0;
	ck_assert_int_eq(trn_device_telemetry(rig.device, &t), -EINVAL);
	ck_assert_int_eq(trn_device_telemetry(rig.device, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_telemetry(NULL, &t), -EINVAL);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(reset_checks_its_mask)
{
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_device_reset(NULL, 0, SOON), -EINVAL);
	ck_assert_int_eq(trn_device_reset(rig.device, 0x100, SOON), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "0x100");
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_RESET], 0);
	ck_assert_int_eq(trn_device_reset(rig.device, 0x81, SOON), 0);
	ck_assert_uint_eq(atomic_load(&rig.device->epoch), 0);
	ck_assert_int_eq(trn_device_reset(rig.device, 0, SOON), 0);
	ck_assert_uint_eq(atomic_load(&rig.device->epoch), 1);
	trn_test_hal.fail[TRN_TEST_RESET] = -ETIMEDOUT;
	ck_assert_int_eq(trn_device_reset(rig.device, 0, SOON), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "reset did not end well");
	trn_rig_down(&rig);
}
END_TEST

START_TEST(reset_brings_a_lost_device_back)
{
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), 0);
	trn_test_hal.fail[TRN_TEST_RESET] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_device_reset(rig.device, 1, SOON), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), -TRN_EDEVLOST);
	trn_test_hal.fail[TRN_TEST_RESET] = 0;
	ck_assert_int_eq(trn_device_reset(rig.device, 1, SOON), 0); /* cores only: still lost */
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_device_reset(rig.device, 0, SOON), 0);
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), 0);
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

static void reenter(void *user, enum trn_log_level level, const char *text)
{
	struct trn_device_telemetry t = { .size = sizeof(t) };
	struct trn_device **device = user;

	(void)level;
	(void)text;
	/* Would hang if the sink ran under the device's lock. */
	if (*device)
		ck_assert_int_eq(trn_device_telemetry(*device, &t), 0);
}

START_TEST(sink_may_call_the_library)
{
	struct trn_device *device = NULL, *opened;
	struct trn_context_opts opts = {
		.size = sizeof(opts),
		.log = reenter,
		.log_user = &device,
		.log_level = TRN_LOG_DEBUG,
	};
	struct trn_buffer_opts buffer_opts = { .size = sizeof(buffer_opts), .bytes = 64 };
	struct trn_context *context;
	struct trn_buffer *buffer;
	uint64_t word = 5;

	trn_test_hal_init();
	trn_test_hal.info.caps &= ~TRN_HAL_CAP_MAP_HBM;
	trn_test_hal.log_each_copy = true;
	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
	ck_assert_int_eq(trn_device_open(context, "test:0", SOON, &opened), 0);
	device = opened;
	ck_assert_int_eq(trn_buffer_create(opened, &buffer_opts, &buffer), 0);
	ck_assert_int_eq(trn_buffer_write(buffer, 0, &word, sizeof(word), SOON), 0);
	trn_buffer_unref(buffer);
	device = NULL;
	trn_device_unref(opened);
	trn_context_unref(context);
}
END_TEST

struct opener {
	struct trn_context *context;
	int answer;
};

static void open_other(void *user, enum trn_log_level level, const char *text)
{
	struct opener *opener = user;
	struct trn_device *device = NULL;

	(void)level;
	if (strcmp(text, "open failed") != 0)
		return;
	opener->answer = trn_device_open(opener->context, "test:1", TRN_DEADLINE_NOW, &device);
	trn_device_unref(device);
}

/* A failing open talks only after it has let go of its lock. */
START_TEST(sink_may_open_devices)
{
	struct opener opener = { .answer = -1 };
	const struct trn_context_opts opts = {
		.size = sizeof(opts),
		.log = open_other,
		.log_user = &opener,
		.log_level = TRN_LOG_DEBUG,
	};
	struct trn_device *device = NULL;

	trn_test_hal_init();
	ck_assert_int_eq(trn_context_create(&opts, &opener.context), 0);
	ck_assert_int_eq(trn_device_open(opener.context, "bogus:", SOON, &device), -EINVAL);
	ck_assert_int_eq(opener.answer, 0);
	trn_context_unref(opener.context);
}
END_TEST

START_TEST(pending_log_is_bounded_and_counts)
{
	struct trn_buffer *buffer;
	struct trn_rig rig;
	char *bytes;

	trn_rig_up(&rig, TRN_HAL_CAP_INLINE); /* no mapping: one copy for each MiB */
	trn_test_hal.log_each_copy = true;
	buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 14 << 20);
	bytes = calloc(1, 14 << 20);
	ck_assert_ptr_nonnull(bytes);
	rig.log_lines = 0;
	ck_assert_int_eq(trn_buffer_write(buffer, 0, bytes, 14 << 20, SOON), 0);
	ck_assert_uint_eq(rig.log_lines, 14);
	rig.log_lines = 0;
	for (int i = 0; i < 2; i++) /* as a device's own thread would */
		for (int j = 0; j < 10; j++)
			trn_logf(&rig.device->hal_log, TRN_LOG_WARNING, "line %d", j);
	ck_assert_uint_eq(rig.log_lines, 0);
	(void)trn_context_progress(rig.context);
	ck_assert_uint_eq(rig.log_lines, TRN_PENDING_LOG_LINES + 1);
	ck_assert_str_eq(rig.log_last, "4 lines of the device's log dropped");
	free(bytes);
	trn_buffer_unref(buffer);
	trn_rig_down(&rig);
}
END_TEST

static Suite *device_suite(void)
{
	Suite *suite = suite_create("runtime-device");
	TCase *tc = tcase_create("device");

	tcase_add_test(tc, nothing_to_open_names_the_mocks);
	tcase_add_test(tc, environment_then_hardware);
	tcase_add_test(tc, list_stops_when_told);
	tcase_add_test(tc, open_failures_leave_nothing);
	tcase_add_test(tc, one_uri_is_one_device);
	tcase_add_test(tc, second_opener_keeps_its_deadline);
	tcase_add_test(tc, info_is_the_devices);
	tcase_add_test(tc, telemetry_is_copied);
	tcase_add_test(tc, reset_checks_its_mask);
	tcase_add_test(tc, reset_brings_a_lost_device_back);
	tcase_add_test(tc, sink_may_call_the_library);
	tcase_add_test(tc, sink_may_open_devices);
	tcase_add_test(tc, pending_log_is_bounded_and_counts);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(device_suite)
