/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps through the public API: what is in one of a failure, where it goes, of devices in any
 * state, without memory, and dumps that lie. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>
#include <trn/trn.h>
#include <unistd.h>
#include "api_images.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define LONG UINT64_C(30000000000)

/* A dump that a callback got. */
struct caught {
	int times, code, inner;
	void *bytes;
	size_t count;
	struct trn_device *device; /* a dump is asked for inside */
};

static struct trn_test_alloc mem;
static struct trn_context *context;
static struct trn_device *device;
static struct trn_queue *queue;
static struct trn_batch *batch;
static struct trn_program *program;
static struct caught caught;
static char logged[512];

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	(void)level;
	if (strncmp(text, "dump: ", 6) == 0)
		(void)snprintf(logged, sizeof(logged), "%s", text + 6);
}

static void setup(void)
{
	const struct trn_context_opts opts = { .size = sizeof(opts),
					       .alloc = &mem.alloc,
					       .log = log_line };

	(void)unsetenv("TRN_DUMP_DIR");
	trn_test_alloc_init(&mem, -1);
	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
}

static void teardown(void)
{
	free(caught.bytes);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_program_unref(program);
	trn_device_unref(device);
	trn_context_unref(context);
	ck_assert_int_eq(mem.live, 0);
}

static void nothing(void *user, const struct trn_error *error, const void *bytes, size_t count)
{
	(void)user, (void)error, (void)bytes, (void)count;
}

static void catch_dump(void *user, const struct trn_error *error, const void *bytes, size_t count)
{
	struct caught *c = user;

	c->times++;
	c->code = error->code;
	free(c->bytes);
	c->bytes = malloc(count);
	ck_assert_ptr_nonnull(c->bytes);
	memcpy(c->bytes, bytes, count);
	c->count = count;
	if (c->device)
		c->inner = trn_device_dump(c->device, nothing, NULL);
}

static void open_device(const char *uri)
{
	ck_assert_int_eq(trn_device_open(context, uri, trn_deadline_in(LONG), &device), 0);
	ck_assert_int_eq(trn_queue_create(device, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 8, &batch), 0);
}

static void load(int (*make)(const struct trn_alloc *, void **, size_t *))
{
	void *image;
	size_t bytes;

	ck_assert_int_eq(make(&mem.alloc, &image, &bytes), 0);
	ck_assert_int_eq(trn_program_load(device, image, bytes, 0, trn_deadline_in(LONG), &program),
			 0);
	trn_image_free(&mem.alloc, image);
}

/* Submits a launch of the program on core 2; what the wait answers. */
static int launch(uint64_t budget_ns)
{
	trn_batch_clear(batch);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	ck_assert_int_eq(trn_batch_launch(batch, program, 2, NULL, 0), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, trn_deadline_in(LONG), NULL), 0);
	return trn_queue_drain(queue, trn_deadline_in(budget_ns));
}

/* A section of the dump that was caught, or NULL. */
static const char *section(struct trn_dump *dump, const char *name)
{
	struct trn_dump_section s = { .size = sizeof(s) };

	for (uint32_t i = 0; trn_dump_section(dump, i, &s) == 0; i++) {
		ck_assert_uint_eq(strlen(s.text), s.bytes);
		if (strcmp(s.name, name) == 0)
			return s.text;
	}
	return NULL;
}

static void has(struct trn_dump *dump, const char *name, const char *text)
{
	const char *s = section(dump, name);

	if (!s || !strstr(s, text))
		ck_abort_msg("section %s has no \"%s\":\n%s", name, text, s ? s : "(none)");
}

static struct trn_dump *read_caught(void)
{
	struct trn_dump *dump;

	ck_assert_int_eq(trn_dump_open(&mem.alloc, caught.bytes, caught.count, &dump), 0);
	return dump;
}

static const char *const doors[] = { "mock:trn3", "mock:trn3?threads=1" };

START_TEST(a_rule_is_broken)
{
	struct trn_dump *dump;

	open_device(doors[_i]);
	load(api_image_uninit);
	ck_assert_int_eq(trn_context_dump_hook(context, catch_dump, &caught), 0);
	caught.device = device;
	ck_assert_int_eq(launch(LONG), -TRN_EINSN);
	ck_assert_int_eq(caught.times, 1);
	ck_assert_int_eq(caught.code, -TRN_EINSN);
	ck_assert_int_eq(caught.inner, 0); /* on demand also in there */
	dump = read_caught();
	has(dump, "about", "Trainium3");
	has(dump, "error", "TRN_EINSN");
	has(dump, "error", "core 2");
	has(dump, "registers", "ext.core2.state 0x00000002");
	has(dump, "registers", "ext.q0.state 0x00000003");
	has(dump, "queues", "> command 1 launch");
	has(dump, "queues", "- command 0 nop");
	has(dump, "instructions", "engine vector faulted pc 0");
	has(dump, "instructions", ">      0  ");
	has(dump, "memory", "code bytes");
	trn_dump_close(dump);
	/* The same failure is told once; a reset is no failure. */
	ck_assert_int_eq(trn_queue_drain(queue, trn_deadline_in(LONG)), -TRN_EINSN);
	ck_assert_int_eq(trn_device_reset(device, 1u << 2, trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(trn_queue_reset(queue, trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(caught.times, 1);
}
END_TEST

START_TEST(engines_that_wait)
{
	struct trn_dump *dump;

	open_device(doors[_i]);
	load(api_image_deadlock);
	ck_assert_int_lt(launch(LONG / 300), 0);
	ck_assert_int_eq(trn_device_dump(device, catch_dump, &caught), 0);
	ck_assert_int_eq(caught.code, 0);
	dump = read_caught();
	has(dump, "error", "none");
	has(dump, "instructions", "waiting pc");
	has(dump, "instructions", "wait=sem");
	trn_dump_close(dump);
}
END_TEST

static const char *const plain[] = { "null:", "mock:trn2?extension=0", "mock:trn4",
				     "mock:trn3-ultraserver/3" };

START_TEST(any_device)
{
	struct trn_dump *dump;

	open_device(plain[_i]);
	ck_assert_int_eq(trn_device_dump(device, catch_dump, &caught), 0);
	dump = read_caught();
	has(dump, "queues", "queue 0 depth 256 submitted 0");
	trn_dump_close(dump);
	ck_assert_int_eq(trn_device_dump(device, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(a_device_that_is_gone)
{
	struct trn_dump *dump;
	int r;

	open_device(doors[_i]);
	load(api_image_uninit);
	ck_assert_int_eq(trn_diag_control(device, "fault", "device.lost", NULL, 0), 0);
	ck_assert_int_eq(trn_context_dump_hook(context, catch_dump, &caught), 0);
	trn_batch_clear(batch);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	r = trn_queue_submit(queue, batch, trn_deadline_in(LONG), NULL);
	ck_assert(r == 0 || r == -TRN_EDEVLOST);
	ck_assert_int_eq(trn_queue_drain(queue, trn_deadline_in(LONG)), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_device_dump(device, catch_dump, &caught), 0);
	dump = read_caught();
	has(dump, "about", "lost 1");
	has(dump, "registers", "unreadable");
	has(dump, "events", "TRN_EDEVLOST");
	trn_dump_close(dump);
}
END_TEST

/* ---- files ---- */

static int files_in(const char *dir, const char *unlink_all)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder))) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		count++;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (unlink_all)
			(void)unlink(path);
	}
	(void)closedir(folder);
	return count;
}

START_TEST(files_by_themselves)
{
	char dir[] = "/tmp/trn-dump-XXXXXX";
	char name[300];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	open_device("mock:trn3");
	load(api_image_uninit);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(trn_context_dump_dir(context, name), -EINVAL);
	ck_assert_int_eq(trn_context_dump_dir(context, dir), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(launch(LONG), -TRN_EINSN);
		ck_assert_int_eq(trn_device_reset(device, 1u << 2, trn_deadline_in(LONG)), 0);
		ck_assert_int_eq(trn_queue_reset(queue, trn_deadline_in(LONG)), 0);
		if (i == 0)
			ck_assert_ptr_nonnull(strstr(logged, dir));
	}
	ck_assert_int_eq(files_in(dir, "all"), 16); /* no more, however often it fails */
	ck_assert_int_eq(trn_device_dump_file(device, dir), -EISDIR);
	(void)snprintf(name, sizeof(name), "%s/none/x.dump", dir);
	ck_assert_int_eq(trn_device_dump_file(device, name), -ENOENT);
	ck_assert_int_eq(trn_device_dump_file(device, NULL), -EINVAL);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(the_environment_names_a_folder)
{
	char dir[] = "/tmp/trn-dump-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	trn_context_unref(context);
	(void)setenv("TRN_DUMP_DIR", dir, 1);
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	open_device("mock:trn3");
	load(api_image_uninit);
	ck_assert_int_eq(launch(LONG), -TRN_EINSN);
	ck_assert_int_eq(files_in(dir, "all"), 1);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* ---- no memory, lies ---- */

START_TEST(refused_memory)
{
	bool ended = false;

	open_device("mock:trn3");
	load(api_image_uninit);
	ck_assert_int_eq(launch(LONG), -TRN_EINSN);
	for (long pass = 0; !ended; pass++) {
		int r;

		trn_test_alloc_arm(&mem, pass);
		r = trn_device_dump(device, catch_dump, &caught);
		/* Without a window for device memory there is a dump all the same. */
		ck_assert(r == 0 || (mem.failed && r == -ENOMEM));
		ended = !mem.failed;
	}
	trn_test_alloc_arm(&mem, -1);
	for (long pass = 0;; pass++) {
		struct trn_test_alloc own;
		struct trn_dump *dump = NULL;
		int r;

		trn_test_alloc_init(&own, pass);
		r = trn_dump_open(&own.alloc, caught.bytes, caught.count, &dump);
		trn_dump_close(dump);
		ck_assert_int_eq(own.live, 0);
		ck_assert_int_eq(r, own.failed ? -ENOMEM : 0);
		if (!own.failed)
			break;
	}
}
END_TEST

START_TEST(dumps_that_lie)
{
	struct trn_dump *dump = NULL;
	struct trn_prng prng;
	unsigned char *bytes;

	open_device("mock:trn3");
	ck_assert_int_eq(trn_device_dump(device, catch_dump, &caught), 0);
	bytes = caught.bytes;
	for (size_t cut = 0; cut < caught.count; cut += cut < 64 ? 1 : 61)
		ck_assert_int_eq(trn_dump_open(NULL, bytes, cut, &dump), -EBADMSG);
	trn_prng_seed(&prng, trn_test_seed());
	for (int i = 0; i < 2000; i++) {
		const size_t at = trn_prng_below(&prng, caught.count);
		const unsigned char was = bytes[at];

		bytes[at] = (unsigned char)(was ^ (1u << trn_prng_below(&prng, 8)));
		ck_assert_int_lt(trn_dump_open(NULL, bytes, caught.count, &dump), 0);
		bytes[at] = was;
	}
	/* It says that it becomes huge. */
	memset(bytes + 16, 0x7f, 8);
	ck_assert_int_eq(trn_dump_open(NULL, bytes, caught.count, &dump), -EFBIG);
	ck_assert_ptr_null(dump);
	ck_assert_int_eq(trn_dump_open(NULL, NULL, 1, &dump), -EINVAL);
	ck_assert_int_eq(trn_dump_section(NULL, 0, NULL), -EINVAL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dump");
	TCase *tc = tcase_create("dump");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_rule_is_broken, 0, 2);
	tcase_add_loop_test(tc, engines_that_wait, 0, 2);
	tcase_add_loop_test(tc, any_device, 0, (int)(sizeof(plain) / sizeof(plain[0])));
	tcase_add_loop_test(tc, a_device_that_is_gone, 0, 2);
	tcase_add_test(tc, files_by_themselves);
	tcase_add_test(tc, the_environment_names_a_folder);
	tcase_add_test(tc, refused_memory);
	tcase_add_test(tc, dumps_that_lie);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
