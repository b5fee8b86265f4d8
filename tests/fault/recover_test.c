/* SPDX-License-Identifier: Apache-2.0 */
/* Work that does not move is found by its counters, and the smallest reset that works brings the
 * queue back, while other queues and cores go on. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>
#include <trn/recover.h>
#include <trn/trn.h>
#include "api_images.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define SECOND UINT64_C(1000000000)
#define LONG (60 * SECOND)
#define HANG_NS (SECOND / 20)
#define CORE 4u  /* that is hit */
#define OTHER 1u /* that works meanwhile */
#define LAUNCHES 40u

static struct trn_test_alloc mem;
static struct trn_context *context;
static struct trn_device *device;
static struct trn_queue *queue, *other;
static struct trn_batch *batch, *work;
static struct trn_buffer *in, *out, *mine;
static struct trn_program *copy;

static void setup(void)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .alloc = &mem.alloc };

	trn_test_alloc_init(&mem, -1);
	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
}

static void objects_end(void)
{
	batch = trn_batch_destroy(batch);
	work = trn_batch_destroy(work);
	queue = trn_queue_unref(queue);
	other = trn_queue_unref(other);
	in = trn_buffer_unref(in);
	out = trn_buffer_unref(out);
	mine = trn_buffer_unref(mine);
	copy = trn_program_unref(copy);
	device = trn_device_unref(device);
}

static void teardown(void)
{
	objects_end();
	trn_context_unref(context);
	ck_assert_int_eq(mem.live, 0);
}

static uint64_t in_time(void)
{
	return trn_deadline_in(LONG);
}

static struct trn_error last(void)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(context, &error), 0);
	return error;
}

static struct trn_program *load(int (*make)(const struct trn_alloc *, void **, size_t *))
{
	struct trn_program *program;
	void *image;
	size_t bytes;

	ck_assert_int_eq(make(&mem.alloc, &image, &bytes), 0);
	ck_assert_int_eq(trn_program_load(device, image, bytes, 0, in_time(), &program), 0);
	trn_image_free(&mem.alloc, image);
	return program;
}

static void buffer(struct trn_buffer **ret)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = API_COPY_BYTES };

	ck_assert_int_eq(trn_buffer_create(device, &opts, ret), 0);
}

static void open_all(const char *uri)
{
	struct trn_queue_opts opts = { .size = sizeof(opts), .hang_ns = HANG_NS };
	unsigned char bytes[API_COPY_BYTES];

	ck_assert_int_eq(trn_device_open(context, uri, in_time(), &device), 0);
	ck_assert_int_eq(trn_queue_create(device, &opts, &queue), 0);
	ck_assert_int_eq(trn_queue_create(device, &opts, &other), 0);
	ck_assert_int_eq(trn_batch_create(queue, 8, &batch), 0);
	ck_assert_int_eq(trn_batch_create(other, LAUNCHES, &work), 0);
	buffer(&in);
	buffer(&out);
	buffer(&mine);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	ck_assert_int_eq(trn_buffer_write(in, 0, bytes, sizeof(bytes), in_time()), 0);
}

static void record_launch(struct trn_batch *to, struct trn_buffer *dst, uint32_t core)
{
	const struct trn_arg args[] = { { .buffer = in, .bytes = API_COPY_BYTES },
					{ .buffer = dst, .bytes = API_COPY_BYTES } };

	ck_assert_int_eq(trn_batch_launch(to, copy, core, args, 2), 0);
}

/* A launch on the core that is hit; what the wait for it answers. */
static int launch(uint64_t deadline_ns)
{
	trn_batch_clear(batch);
	record_launch(batch, mine, CORE);
	ck_assert_int_eq(trn_queue_submit(queue, batch, in_time(), NULL), 0);
	return trn_queue_drain(queue, deadline_ns);
}

/* Keeps another core at work. */
static void other_begin(void)
{
	for (uint32_t i = 0; i < LAUNCHES; i++)
		record_launch(work, out, OTHER);
	ck_assert_int_eq(trn_queue_submit(other, work, in_time(), NULL), 0);
}

static void other_end(void)
{
	unsigned char want[API_COPY_BYTES], got[API_COPY_BYTES];

	ck_assert_int_eq(trn_queue_drain(other, in_time()), 0);
	ck_assert_int_eq(trn_buffer_read(in, 0, want, sizeof(want), in_time()), 0);
	ck_assert_int_eq(trn_buffer_read(out, 0, got, sizeof(got), in_time()), 0);
	ck_assert_mem_eq(got + API_TABLE_BYTES, want + API_TABLE_BYTES,
			 API_COPY_BYTES - API_TABLE_BYTES - 4);
	for (size_t i = 0; i < API_TABLE_BYTES; i++)
		ck_assert_uint_eq(got[i], api_table_byte(i));
}

static void arm(const char *spec)
{
	ck_assert_int_eq(trn_diag_control(device, "fault", spec, NULL, 0), 0);
}

static const char *const doors[] = { "mock:trn3", "mock:trn3?threads=1" };

/* ---- hangs ---- */

START_TEST(a_core_that_does_not_begin)
{
	open_all(doors[_i]);
	copy = load(api_image_copy);
	arm("core.hang@4");
	ck_assert_int_eq(launch(in_time()), -TRN_EHANG);
	ck_assert_int_eq(last().core, (int)CORE);
	ck_assert_int_eq(last().command, 0);
	ck_assert_ptr_nonnull(strstr(last().cause, "core 4"));
	/* A verdict only: asked again it says so again. */
	ck_assert_int_eq(trn_queue_drain(queue, in_time()), -TRN_EHANG);
	ck_assert_int_eq(trn_device_reset(device, 1u << CORE, in_time()), 0);
	ck_assert_int_eq(trn_queue_drain(queue, in_time()), -TRN_ERESET);
}
END_TEST

START_TEST(engines_that_wait_for_each_other)
{
	open_all(doors[_i]);
	copy = load(api_image_deadlock);
	ck_assert_int_eq(trn_batch_launch(batch, copy, CORE, NULL, 0), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, in_time(), NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, in_time()), -TRN_EHANG);
	ck_assert_int_ge(last().engine, 0);
	ck_assert_int_ge(last().pc, 0);
	ck_assert_ptr_nonnull(strstr(last().cause, "for semaphore"));
}
END_TEST

/* Never ends, but moves: no hang however small the limit. */
START_TEST(a_loop_is_no_hang)
{
	static const char text[] = ".program \"loop\"\n.code gpsimd\nagain:\n\tnop\n"
				   "\tbranch to=again\n";
	struct trn_asm_error error = { .size = sizeof(error) };
	void *image;
	size_t bytes;
	int r;

	open_all("mock:trn3?threads=1");
	r = trn_asm_assemble(NULL, text, sizeof(text) - 1, &image, &bytes, &error);
	if (r < 0)
		ck_abort_msg("%s", error.message);
	ck_assert_int_eq(trn_program_load(device, image, bytes, 0, in_time(), &copy), 0);
	trn_image_free(NULL, image);
	ck_assert_int_eq(trn_batch_launch(batch, copy, CORE, NULL, 0), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, in_time(), NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, trn_deadline_in(10 * HANG_NS)), -ETIMEDOUT);
	ck_assert_int_eq(trn_queue_hang_check(queue), 0);
}
END_TEST

/* Somebody may yet signal. */
START_TEST(a_wait_is_no_hang)
{
	struct trn_timeline *timeline;

	open_all(doors[_i]);
	ck_assert_int_eq(trn_timeline_create(device, 0, &timeline), 0);
	ck_assert_int_eq(trn_batch_wait(batch, timeline, 1), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, in_time(), NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, trn_deadline_in(4 * HANG_NS)), -ETIMEDOUT);
	ck_assert_int_eq(trn_queue_hang_check(queue), 0);
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), 0);
	ck_assert_int_eq(trn_queue_drain(queue, in_time()), 0);
	ck_assert_int_eq(trn_queue_hang_check(queue), 0);
	trn_timeline_unref(timeline);
}
END_TEST

/* ---- recovery ---- */

/* What is broken, and how far it has to go. */
static const struct {
	const char *fault;
	enum trn_recover_step step;
	uint32_t core_mask;
} faults[] = {
	{ NULL, TRN_RECOVER_QUEUE, 0 },
	{ "core.hang@4", TRN_RECOVER_CORES, 1u << CORE },
	{ "core.error@4", TRN_RECOVER_CORES, 1u << CORE },
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

START_TEST(smallest_step_and_others_go_on)
{
	const size_t row = (size_t)_i % FAULTS;
	struct trn_recover_report report = { .size = sizeof(report) };

	open_all(doors[(size_t)_i / FAULTS]);
	copy = load(api_image_copy);
	other_begin();
	if (faults[row].fault) {
		arm(faults[row].fault);
		ck_assert_int_lt(launch(in_time()), 0);
	}
	ck_assert_int_eq(trn_queue_recover(queue, TRN_RECOVER_DEVICE, in_time(), &report), 0);
	ck_assert_int_eq((int)report.step, (int)faults[row].step);
	ck_assert_uint_eq(report.core_mask, faults[row].core_mask);
	ck_assert_int_eq(report.code[report.step], 0);
	ck_assert_int_eq(launch(in_time()), 0);
	other_end();
}
END_TEST

START_TEST(no_further_than_allowed)
{
	struct trn_recover_report report = { .size = sizeof(report) };

	open_all(doors[_i]);
	copy = load(api_image_copy);
	arm("core.hang@4");
	ck_assert_int_eq(launch(in_time()), -TRN_EHANG);
	ck_assert_int_eq(trn_queue_recover(queue, TRN_RECOVER_QUEUE, in_time(), &report), -EBUSY);
	ck_assert_uint_eq(report.tried, 1u << TRN_RECOVER_QUEUE);
	ck_assert_int_eq(report.code[TRN_RECOVER_QUEUE], -EBUSY);
	ck_assert_ptr_nonnull(strstr(last().cause, "not allowed"));
	ck_assert_int_eq(trn_queue_recover(queue, (enum trn_recover_step)4, in_time(), NULL),
			 -EINVAL);
	report.size--;
	ck_assert_int_eq(trn_queue_recover(queue, TRN_RECOVER_QUEUE, in_time(), &report), -EINVAL);
}
END_TEST

START_TEST(a_reset_that_never_ends)
{
	struct trn_recover_report report = { .size = sizeof(report) };
	int r;

	open_all(doors[_i]);
	copy = load(api_image_copy);
	arm("core.hang@4");
	ck_assert_int_eq(launch(in_time()), -TRN_EHANG);
	arm("reset.never");
	r = trn_queue_recover(queue, TRN_RECOVER_DEVICE, trn_deadline_in(SECOND / 2), &report);
	ck_assert_int_lt(r, 0);
	ck_assert_uint_eq(report.tried, 0xe);
	ck_assert_int_lt(report.code[TRN_RECOVER_DEVICE], 0);
}
END_TEST

START_TEST(a_copy_engine_that_stands)
{
	struct trn_recover_report report = { .size = sizeof(report) };

	open_all("mock:trn3?extension=0");
	ck_assert_int_eq(trn_batch_copy(batch, mine, 0, in, 0, API_COPY_BYTES), 0);
	arm("dma.hang");
	ck_assert_int_eq(trn_queue_submit(queue, batch, in_time(), NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, in_time()), -TRN_EHANG);
	ck_assert_int_eq(trn_queue_recover(queue, TRN_RECOVER_DEVICE, in_time(), &report), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, in_time(), NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, in_time()), 0);
}
END_TEST

/* ---- the device ---- */

START_TEST(devices_too)
{
	struct trn_recover_report report = { .size = sizeof(report) };

	open_all(doors[_i]);
	copy = load(api_image_copy);
	ck_assert_int_eq(trn_device_recover(device, TRN_RECOVER_DEVICE, in_time(), &report), 0);
	ck_assert_int_eq((int)report.step, TRN_RECOVER_NOTHING);
	other_begin();
	arm("core.error@4");
	ck_assert_int_eq(launch(in_time()), -EIO);
	ck_assert_int_eq(trn_device_recover(device, TRN_RECOVER_NOTHING, in_time(), &report), -EIO);
	ck_assert_int_eq(trn_device_recover(device, TRN_RECOVER_DEVICE, in_time(), &report), 0);
	ck_assert_int_eq((int)report.step, TRN_RECOVER_CORES);
	ck_assert_uint_eq(report.core_mask, 1u << CORE);
	ck_assert_int_eq(trn_queue_reset(queue, in_time()), 0);
	ck_assert_int_eq(launch(in_time()), 0);
	other_end();
}
END_TEST

/* Every call says so at once, whatever its deadline; then the same URI is opened anew. */
START_TEST(lost_and_built_again)
{
	struct trn_recover_report report = { .size = sizeof(report) };
	char byte = 0;
	int r;

	open_all(doors[_i]);
	copy = load(api_image_copy);
	arm("device.lost");
	trn_batch_clear(batch);
	record_launch(batch, mine, CORE);
	r = trn_queue_submit(queue, batch, TRN_DEADLINE_NEVER, NULL);
	ck_assert(r == 0 || r == -TRN_EDEVLOST);
	ck_assert_int_eq(trn_queue_drain(queue, TRN_DEADLINE_NEVER), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_queue_submit(other, work, TRN_DEADLINE_NEVER, NULL), -TRN_EDEVLOST);
	r = trn_buffer_read(mine, 0, &byte, 1, TRN_DEADLINE_NEVER);
	ck_assert(r == 0 || r == -TRN_EDEVLOST); /* mapped memory may still be there */
	ck_assert_int_eq(trn_queue_recover(queue, TRN_RECOVER_DEVICE, in_time(), &report),
			 -TRN_EDEVLOST);
	ck_assert_uint_eq(report.tried, 1u << TRN_RECOVER_DEVICE);
	ck_assert_int_eq(trn_device_recover(device, TRN_RECOVER_CORES, in_time(), &report),
			 -TRN_EDEVLOST);
	objects_end();
	open_all(doors[_i]);
	copy = load(api_image_copy);
	other_begin();
	ck_assert_int_eq(launch(in_time()), 0);
	other_end();
}
END_TEST

START_TEST(refused_memory)
{
	open_all("mock:trn3");
	copy = load(api_image_copy);
	for (long pass = 0;; pass++) {
		int r;

		arm("core.hang@4");
		trn_test_alloc_arm(&mem, -1);
		ck_assert_int_eq(launch(in_time()), -TRN_EHANG);
		trn_test_alloc_arm(&mem, pass);
		r = trn_queue_recover(queue, TRN_RECOVER_CORES, in_time(), NULL);
		ck_assert(r == 0 || (mem.failed && r < 0));
		if (!mem.failed)
			break;
		trn_test_alloc_arm(&mem, -1);
		ck_assert_int_eq(trn_queue_recover(queue, TRN_RECOVER_DEVICE, in_time(), NULL), 0);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("recover");
	TCase *tc = tcase_create("recover");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_core_that_does_not_begin, 0, 2);
	tcase_add_loop_test(tc, engines_that_wait_for_each_other, 0, 2);
	tcase_add_test(tc, a_loop_is_no_hang);
	tcase_add_loop_test(tc, a_wait_is_no_hang, 0, 2);
	tcase_add_loop_test(tc, smallest_step_and_others_go_on, 0, 2 * (int)FAULTS);
	tcase_add_loop_test(tc, no_further_than_allowed, 0, 2);
	tcase_add_loop_test(tc, a_reset_that_never_ends, 0, 2);
	tcase_add_test(tc, a_copy_engine_that_stands);
	tcase_add_loop_test(tc, devices_too, 0, 2);
	tcase_add_loop_test(tc, lost_and_built_again, 0, 2);
	tcase_add_test(tc, refused_memory);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
