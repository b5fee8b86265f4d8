/* SPDX-License-Identifier: Apache-2.0 */
/* A device that breaks on purpose, seen through the public API: every call ends
 * before its deadline in a negative error with a record, and nothing leaks. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>
#include <trn/trn.h>
#include "api_images.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define SECOND UINT64_C(1000000000)
#define LONG (30 * SECOND)
#define SHORT (SECOND / 20)

static struct trn_test_alloc mem;
static struct trn_context *context;
static struct trn_device *device;
static struct trn_queue *queue;
static struct trn_batch *batch;
static struct trn_timeline *timeline;
static struct trn_buffer *host, *hbm;

/* ---- steps ---- */

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	if (getenv("TRN_TEST_LOG"))
		(void)fprintf(stderr, "# %d %s\n", (int)level, text);
}

static void setup(void)
{
	const struct trn_context_opts opts = {
		.size = sizeof(opts),
		.alloc = &mem.alloc,
		.log = log_line,
		.log_level = TRN_LOG_DEBUG,
	};

	trn_test_alloc_init(&mem, -1);
	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
}

static void teardown(void)
{
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(timeline);
	trn_buffer_unref(host);
	trn_buffer_unref(hbm);
	trn_device_unref(device);
	trn_context_unref(context);
	ck_assert_int_eq(mem.live, 0);
}

static struct trn_error last(void)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(context, &error), 0);
	return error;
}

/* The call's answer, and that a failure left a record with a cause. */
static int recorded(int r)
{
	if (r < 0) {
		struct trn_error error = last();

		ck_assert_int_eq(error.code, r);
		ck_assert_uint_gt(strlen(error.cause), 0);
		ck_assert_uint_gt(strlen(error.hint), 0);
	}
	return r;
}

static int open_uri(const char *uri, uint64_t budget_ns)
{
	return recorded(trn_device_open(context, uri, trn_deadline_in(budget_ns), &device));
}

static void arm(const char *spec)
{
	ck_assert_int_eq(trn_diag_control(device, "fault", spec, NULL, 0), 0);
}

static void make_objects(void)
{
	const struct trn_buffer_opts hbm_opts = { .size = sizeof(hbm_opts), .bytes = 65536 };
	const struct trn_buffer_opts host_opts = { .size = sizeof(host_opts),
						   .kind = TRN_BUFFER_HOST,
						   .bytes = 65536 };
	const struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 16 };

	ck_assert_int_eq(trn_buffer_create(device, &hbm_opts, &hbm), 0);
	ck_assert_int_eq(trn_buffer_create(device, &host_opts, &host), 0);
	ck_assert_int_eq(trn_timeline_create(device, 0, &timeline), 0);
	ck_assert_int_eq(trn_queue_create(device, &opts, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 8, &batch), 0);
}

/* Submits a copy and a signal; what the wait for the signal answers. */
static int copy_and_wait(uint64_t value, uint64_t budget_ns)
{
	uint64_t sequence = 0;
	int r;

	trn_batch_clear(batch);
	ck_assert_int_eq(trn_batch_copy(batch, hbm, 0, host, 0, 65536), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, value), 0);
	r = recorded(trn_queue_submit(queue, batch, trn_deadline_in(budget_ns), &sequence));
	if (r < 0)
		return r;
	return recorded(trn_timeline_wait(timeline, value, trn_deadline_in(budget_ns)));
}

/* ---- opening ---- */

static const struct {
	const char *uri;
	int code;
	uint64_t budget_ns;
} opens[] = {
	{ "mock:trn3?fault=device.lost", -TRN_EDEVLOST, LONG },
	{ "mock:trn3?threads=1&fault=device.lost", -TRN_EDEVLOST, LONG },
	{ "mock:trn3?fault=device.lost,after=40", -TRN_EDEVLOST, LONG },
	{ "mock:trn3?fault=reset.never", -ETIMEDOUT, SHORT },
	{ "mock:trn3?threads=1&fault=reset.never", -ETIMEDOUT, SHORT },
	/* Survived: */
	{ "mock:trn3?fault=notready,value=5", 0, LONG },
	{ "mock:trn2?threads=1&fault=notready,value=3000", 0, LONG },
	{ "mock:trn3?fault=reset.lost", 0, LONG },
	{ "mock:trn3?threads=1&fault=reset.lost", 0, LONG },
	{ "mock:trn2?extension=0&fault=reset.lost", 0, LONG },
};

START_TEST(open_a_broken_device)
{
	int r = open_uri(opens[_i].uri, opens[_i].budget_ns);

	if (r != opens[_i].code)
		ck_abort_msg("%s: %d, not %d (%s)", opens[_i].uri, r, opens[_i].code,
			     r < 0 ? last().cause : "");
	ck_assert_int_eq(device != NULL, r == 0);
}
END_TEST

/* ---- a device that falls off the bus ---- */

static const char *const doors[] = {
	"mock:trn3",
	"mock:trn3?threads=1",
	"mock:trn3?extension=0",
	"mock:trn2?threads=1&extension=0",
};

START_TEST(lost_device_ends_everything)
{
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	char bytes[16] = "";
	uint32_t value;
	int r;

	ck_assert_int_eq(open_uri(doors[_i], LONG), 0);
	make_objects();
	ck_assert_int_eq(copy_and_wait(1, LONG), 0);
	arm("device.lost");
	/* The first one to notice may be any of these; each says so or gives up in time. */
	r = copy_and_wait(2, SHORT);
	ck_assert_msg(r == -TRN_EDEVLOST || r == -ETIMEDOUT, "%d", r);
	r = recorded(trn_device_telemetry(device, &telemetry));
	ck_assert_int_eq(r, -TRN_EDEVLOST);
	/* From here on nothing is tried any more. */
	ck_assert_int_eq(copy_and_wait(3, LONG), -TRN_EDEVLOST);
	ck_assert_int_eq(recorded(trn_timeline_wait(timeline, 9, trn_deadline_in(LONG))),
			 -TRN_EDEVLOST);
	ck_assert_int_eq(recorded(trn_timeline_signal(timeline, 9)), -TRN_EDEVLOST);
	r = recorded(trn_queue_drain(queue, trn_deadline_in(LONG)));
	ck_assert_msg(r == -TRN_EDEVLOST || r == -TRN_EFAULT_DEV || r == -TRN_ERESET, "%d", r);
	ck_assert_int_eq(recorded(trn_buffer_write(hbm, 0, bytes, 16, trn_deadline_in(LONG))),
			 -TRN_EDEVLOST);
	ck_assert_int_eq(recorded(trn_diag_reg_read(device, 0, 0x06c84024, &value)), -TRN_EDEVLOST);
	r = recorded(trn_device_reset(device, 0, trn_deadline_in(SHORT)));
	ck_assert_msg(r == -TRN_EDEVLOST || r == -ETIMEDOUT, "%d", r);
	/* What is in host memory stays readable. */
	ck_assert_int_eq(trn_buffer_read(host, 0, bytes, 16, trn_deadline_in(LONG)), 0);
}
END_TEST

/* ---- resets ---- */

START_TEST(reset_that_never_ends)
{
	int r;

	ck_assert_int_eq(open_uri(doors[_i], LONG), 0);
	make_objects();
	arm("reset.never");
	r = recorded(trn_device_reset(device, 0, trn_deadline_in(SHORT)));
	ck_assert_int_eq(r, -ETIMEDOUT);
	r = copy_and_wait(1, SHORT);
	ck_assert_int_eq(r, -TRN_EQUEUE); /* its queue was reset under it */
	r = recorded(trn_queue_reset(queue, trn_deadline_in(SHORT)));
	ck_assert_int_le(r, 0);
}
END_TEST

START_TEST(reset_that_is_lost_once)
{
	ck_assert_int_eq(open_uri(doors[_i], LONG), 0);
	make_objects();
	arm("reset.lost");
	ck_assert_int_eq(recorded(trn_device_reset(device, 0, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(recorded(trn_queue_reset(queue, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(copy_and_wait(1, LONG), 0);
}
END_TEST

/* ---- copies that hang or break ---- */

/* On a queue of its own DMA pair. */
START_TEST(copy_that_hangs)
{
	ck_assert_int_eq(open_uri(_i ? "mock:trn3?extension=0&threads=1" : "mock:trn3?extension=0",
				  LONG),
			 0);
	make_objects();
	arm("dma.hang");
	ck_assert_int_eq(copy_and_wait(1, SHORT), -ETIMEDOUT);
	ck_assert_int_eq(recorded(trn_queue_drain(queue, trn_deadline_in(SHORT))),
			 _i ? -ETIMEDOUT : -TRN_EHANG);
	ck_assert_int_eq(recorded(trn_device_reset(device, 0, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(recorded(trn_queue_drain(queue, trn_deadline_in(LONG))), -TRN_ERESET);
	ck_assert_int_eq(recorded(trn_queue_reset(queue, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(copy_and_wait(2, LONG), 0);
}
END_TEST

START_TEST(copy_that_aborts)
{
	struct trn_error error = { .size = sizeof(error) };
	int r;

	ck_assert_int_eq(open_uri(_i ? "mock:trn3?extension=0&threads=1" : "mock:trn3?extension=0",
				  LONG),
			 0);
	make_objects();
	arm("dma.abort");
	r = copy_and_wait(1, LONG);
	ck_assert_int_lt(r, 0);
	ck_assert_int_ne(r, -ETIMEDOUT);
	ck_assert_int_eq(trn_queue_error(queue, &error), 0);
	ck_assert_int_eq(error.code, r);
	ck_assert_str_eq(error.operation, "copy");
	ck_assert_int_eq(error.command, 0);
	ck_assert_int_eq(recorded(trn_queue_reset(queue, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(copy_and_wait(2, LONG), 0);
}
END_TEST

/* ---- programs ---- */

static struct trn_program *load_copy(void)
{
	struct trn_program *program = NULL;
	void *image = NULL;
	size_t bytes = 0;

	ck_assert_int_eq(api_image_copy(&mem.alloc, &image, &bytes), 0);
	ck_assert_int_eq(recorded(trn_program_load(device, image, bytes, 0, trn_deadline_in(LONG),
						   &program)),
			 0);
	trn_image_free(&mem.alloc, image);
	return program;
}

static int launch_and_wait(struct trn_program *program, uint32_t core, uint64_t budget_ns)
{
	const struct trn_arg args[2] = { { .buffer = hbm }, { .buffer = host } };
	uint64_t sequence = 0;
	int r;

	trn_batch_clear(batch);
	ck_assert_int_eq(trn_batch_launch(batch, program, core, args, 2), 0);
	r = recorded(trn_queue_submit(queue, batch, trn_deadline_in(budget_ns), &sequence));
	if (r < 0)
		return r;
	return recorded(trn_queue_wait(queue, sequence, trn_deadline_in(budget_ns)));
}

START_TEST(core_that_hangs)
{
	struct trn_program *program;

	ck_assert_int_eq(open_uri(doors[_i], LONG), 0);
	make_objects();
	program = load_copy();
	arm("core.hang@4");
	ck_assert_int_eq(launch_and_wait(program, 4, SHORT), _i ? -ETIMEDOUT : -TRN_EHANG);
	ck_assert_int_eq(recorded(trn_device_reset(device, 1u << 4, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(recorded(trn_queue_drain(queue, trn_deadline_in(LONG))), -TRN_ERESET);
	ck_assert_int_eq(last().core, 4);
	ck_assert_int_eq(recorded(trn_queue_reset(queue, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(launch_and_wait(program, 4, LONG), 0);
	trn_program_unref(program);
}
END_TEST

START_TEST(core_that_fails)
{
	struct trn_program *program;
	struct trn_error error;

	ck_assert_int_eq(open_uri(doors[_i], LONG), 0);
	make_objects();
	program = load_copy();
	arm("core.error@6");
	ck_assert_int_eq(launch_and_wait(program, 6, LONG), -EIO);
	error = last();
	ck_assert_ptr_nonnull(strstr(error.cause, "injected"));
	ck_assert_int_eq(recorded(trn_queue_reset(queue, trn_deadline_in(LONG))), 0);
	/* The core stays faulted until it is reset; others work. */
	ck_assert_int_eq(launch_and_wait(program, 6, LONG), -EBUSY);
	ck_assert_int_eq(last().core, 6);
	ck_assert_int_eq(recorded(trn_queue_reset(queue, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(launch_and_wait(program, 5, LONG), 0);
	ck_assert_int_eq(recorded(trn_device_reset(device, 1u << 6, trn_deadline_in(LONG))), 0);
	ck_assert_int_eq(launch_and_wait(program, 6, LONG), 0);
	trn_program_unref(program);
}
END_TEST

/* ---- telemetry ---- */

START_TEST(ecc_errors_show)
{
	struct trn_device_telemetry t = { .size = sizeof(t) };

	ck_assert_int_eq(open_uri(doors[_i], LONG), 0);
	arm("hbm.ecc@2,count=0,value=65537");
	ck_assert_int_eq(recorded(trn_device_telemetry(device, &t)), 0);
	ck_assert_uint_gt(t.ecc_hbm_corrected[2], 0);
	ck_assert_uint_gt(t.ecc_hbm_uncorrected[2], 0);
	ck_assert_uint_eq(t.ecc_hbm_corrected[1], 0);
}
END_TEST

static Suite *faults_suite(void)
{
	const int all = (int)(sizeof(doors) / sizeof(doors[0]));
	Suite *suite = suite_create("api-faults");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, open_a_broken_device, 0, (int)(sizeof(opens) / sizeof(opens[0])));
	tcase_add_loop_test(tc, lost_device_ends_everything, 0, all);
	tcase_add_loop_test(tc, reset_that_never_ends, 0, all);
	tcase_add_loop_test(tc, reset_that_is_lost_once, 0, all);
	tcase_add_loop_test(tc, copy_that_hangs, 0, 2);
	tcase_add_loop_test(tc, copy_that_aborts, 0, 2);
	tcase_add_loop_test(tc, core_that_hangs, 0, 2);
	tcase_add_loop_test(tc, core_that_fails, 0, 2);
	tcase_add_loop_test(tc, ecc_errors_show, 0, all);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(faults_suite)
