/* SPDX-License-Identifier: Apache-2.0 */
/* Time traces of a context: which devices take part, what is written, what goes wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <trn/trn.h>
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "runtime/test_hal.h"

static char path[] = "/tmp/trn-trace-XXXXXX";
static struct trn_context *context;

static struct trn_device *open_device(const char *uri)
{
	struct trn_device *device = NULL;

	ck_assert_int_eq(trn_device_open(context, uri, TRN_DEADLINE_NOW, &device), 0);
	return device;
}

static void setup(void)
{
	int fd;

	trn_test_hal_init();
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
}

static void teardown(void)
{
	trn_context_unref(context);
	ck_assert_int_eq(unlink(path), 0);
}

static char *content(void)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	ck_assert(file && text);
	(void)fread(text, 1, (1 << 16) - 1, file);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

static void item(enum trn_trace_kind kind, const char *name, uint32_t track, uint64_t value)
{
	const struct trn_trace_item one = { .kind = kind,
					    .name = name,
					    .begin_ps = 1234567,
					    .end_ps = 2000001,
					    .core = 3,
					    .track = track,
					    .pc = 9,
					    .value = value };

	ck_assert(trn_test_hal.trace != NULL);
	trn_test_hal.trace(trn_test_hal.trace_user, &one);
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part), "not there: %s", part);
}

START_TEST(every_kind)
{
	struct trn_device *device = open_device("test:a\"b\\c\xff");
	char *text;

	ck_assert_int_eq(trn_context_trace_start(context, path), 0);
	item(TRN_TRACE_INSTRUCTION, "matmul", TRN_ENGINE_TENSOR, 64);
	item(TRN_TRACE_WAIT, "nop", TRN_ENGINE_SYNC, 12);
	item(TRN_TRACE_LAUNCH, "launch", 0, 0);
	item(TRN_TRACE_COPY, "fill", 5, 77);
	item(TRN_TRACE_DMA, "dma_add", TRN_ENGINE_SCALAR, 4096);
	item(TRN_TRACE_SEMAPHORE, "semaphore", 200, 8);
	item(TRN_TRACE_HBM, "HBM", 2, 5000000000);
	item(TRN_TRACE_POWER, "power", 0, 123456);
	item(TRN_TRACE_TRANSFER, "reduce", 5, 65536);
	item(TRN_TRACE_SYNC_WAIT, "fence", 5, 0);
	item((enum trn_trace_kind)99, "later", 0, 0);
	ck_assert_int_eq(trn_context_trace_stop(context), 0);
	ck_assert(!trn_test_hal.trace);
	text = content();
	has(text, "\"name\":\"test:a\\u0022b\\u005cc\\u00ff core 3\"");
	has(text, "\"cat\":\"instruction\",\"name\":\"matmul\",\"ts\":1.234567,\"dur\":0.765434,"
		  "\"args\":{\"pc\":9,\"cycles\":64}}");
	has(text, "\"name\":\"sync waits\"");
	has(text, "\"args\":{\"pc\":9,\"semaphore\":12}}");
	has(text, "\"name\":\"queue 5\"");
	has(text, "\"name\":\"fill\"");
	has(text, "\"args\":{\"tag\":77}}");
	has(text, "{\"ph\":\"b\"");
	has(text,
	    "\"name\":\"dma_add by scalar\",\"ts\":1.234567,\"args\":{\"pc\":9,\"bytes\":4096}}");
	has(text, "\"name\":\"dma_add by scalar\",\"ts\":2.000001}");
	has(text, "\"name\":\"processor 7\"");
	has(text, "\"cat\":\"transfer\",\"id\":\"2\",\"name\":\"reduce\",\"ts\":1.234567,\"args\":"
		  "{\"pc\":9,\"bytes\":65536}}");
	has(text, "\"name\":\"processor 7 waits\"");
	has(text, "\"name\":\"fence\"");
	has(text, "\"name\":\"semaphore 200\",\"ts\":1.234567,\"args\":{\"value\":8}}");
	has(text, "\"name\":\"HBM 2\",\"ts\":1.234567,\"args\":{\"bytes/s\":5000000000}}");
	has(text, "\"name\":\"power\",\"ts\":1.234567,\"args\":{\"W\":123.456}}");
	ck_assert_ptr_null(strstr(text, "later"));
	ck_assert_str_eq(text + strlen(text) - 4, "\n]}\n");
	free(text);
	trn_device_unref(device);
}
END_TEST

START_TEST(devices_come_and_go)
{
	struct trn_device *device;

	char *text;

	ck_assert_int_eq(trn_context_trace_start(context, path), 0);
	device = open_device("test:0");
	item(TRN_TRACE_LAUNCH, "launch", 0, 0);
	trn_device_unref(device);
	ck_assert(!trn_test_hal.trace);
	device = open_device("test:1");
	item(TRN_TRACE_LAUNCH, "launch", 0, 0);

	ck_assert(trn_test_hal.trace != NULL);
	ck_assert_int_eq(trn_context_trace_stop(context), 0);
	text = content();
	has(text, "test:0 core 3");
	has(text, "test:1 core 3");
	free(text);
	/* A second one begins anew. */
	ck_assert_int_eq(trn_context_trace_start(context, path), 0);
	ck_assert(trn_test_hal.trace != NULL);
	trn_device_unref(device);
	ck_assert_int_eq(trn_context_trace_stop(context), 0);
	text = content();
	ck_assert_ptr_null(strstr(text, "launch"));
	free(text);
}
END_TEST

START_TEST(ends_with_the_context)
{
	struct trn_device *device = open_device("test:0");
	char *text;

	ck_assert_int_eq(trn_context_trace_start(context, path), 0);
	item(TRN_TRACE_LAUNCH, "launch", 0, 0);
	trn_device_unref(device);
	trn_context_unref(context);
	text = content();
	ck_assert_str_eq(text + strlen(text) - 4, "\n]}\n");
	free(text);
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
}
END_TEST

START_TEST(refusals)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_device *device = open_device("test:0"), *late;

	ck_assert_int_eq(trn_context_trace_start(NULL, path), -EINVAL);
	ck_assert_int_eq(trn_context_trace_start(context, NULL), -EINVAL);
	ck_assert_int_eq(trn_context_trace_start(context, "/nonexistent/trace"), -ENOENT);
	ck_assert_int_eq(trn_context_trace_stop(context), -ENOENT);
	ck_assert_int_eq(trn_context_trace_stop(NULL), -EINVAL);
	trn_test_hal.fail[TRN_TEST_TRACE] = -ENOTSUP;
	ck_assert_int_eq(trn_context_trace_start(context, path), -ENOTSUP);
	ck_assert_int_eq(trn_error_get(context, &error), 0);
	ck_assert_str_eq(error.operation, "trn_context_trace_start");
	ck_assert_str_eq(error.device, "test:0");
	ck_assert_int_eq(trn_context_trace_stop(context), -ENOENT);
	trn_test_hal.fail[TRN_TEST_TRACE] = 0;
	ck_assert_int_eq(trn_context_trace_start(context, path), 0);
	ck_assert_int_eq(trn_context_trace_start(context, path), -EBUSY);
	/* A later device without device time is no obstacle. */
	trn_test_hal.fail[TRN_TEST_TRACE] = -ENOTSUP;
	late = open_device("test:1");
	trn_device_unref(late);
	trn_test_hal.fail[TRN_TEST_TRACE] = 0;
	ck_assert_int_eq(trn_context_trace_stop(context), 0);
	trn_device_unref(device);
}
END_TEST

START_TEST(a_full_disk)
{
	struct trn_device *device = open_device("test:0");
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_context_trace_start(context, "/dev/full"), 0);
	for (int i = 0; i < 1000; i++)
		item(TRN_TRACE_LAUNCH, "launch", 0, 0);
	ck_assert_int_eq(trn_context_trace_stop(context), -ENOSPC);
	ck_assert_int_eq(trn_error_get(context, &error), 0);
	ck_assert_str_eq(error.operation, "trn_context_trace_stop");
	trn_device_unref(device);
}
END_TEST

START_TEST(out_of_memory)
{
	for (long n = 0;; n++) {
		struct trn_test_alloc mem;
		struct trn_context_opts opts = { .size = sizeof(opts), .alloc = &mem.alloc };
		struct trn_context *own;
		int r;

		trn_test_alloc_init(&mem, -1);
		ck_assert_int_eq(trn_context_create(&opts, &own), 0);
		trn_test_alloc_arm(&mem, n);
		r = trn_context_trace_start(own, path);
		ck_assert_int_eq(r, mem.failed ? -ENOMEM : 0);
		ck_assert_int_eq(trn_context_trace_stop(own), mem.failed ? -ENOENT : 0);
		trn_context_unref(own);
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

static Suite *trace_suite(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("context");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, every_kind);
	tcase_add_test(tcase, devices_come_and_go);
	tcase_add_test(tcase, ends_with_the_context);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, a_full_disk);
	tcase_add_test(tcase, out_of_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(trace_suite)
