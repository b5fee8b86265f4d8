/* SPDX-License-Identifier: Apache-2.0 */
/* A process that forks while its device works: the child is refused, softly, by every call; what
 * it may do is make a context of its own. The parent never notices. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <trn/trn.h>
#include <unistd.h>
#include "api_images.h"
#include "base/clock.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define BYTES API_COPY_BYTES
#define FORKS 8

static struct trn_test_alloc mem;
static struct trn_context *context;
static struct trn_device *device;
static struct trn_queue *queue;
static struct trn_batch *batch;
static struct trn_timeline *timeline;
static struct trn_buffer *in, *out, *hbm;
static struct trn_program *program;
static struct trn_graph *graph;
static struct trn_graph_exec *exec;
static struct trn_pool *pool;
static void *image;
static size_t image_bytes;

static uint64_t soon(void)
{
	return trn_deadline_in(UINT64_C(30000000000));
}

static void open_all(const char *uri)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .alloc = &mem.alloc };
	struct trn_buffer_opts buffer = { .size = sizeof(buffer), .bytes = BYTES };

	trn_test_alloc_init(&mem, -1);
	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
	ck_assert_int_eq(trn_device_open(context, uri, soon(), &device), 0);
	ck_assert_int_eq(trn_buffer_create(device, &buffer, &hbm), 0);
	buffer.kind = TRN_BUFFER_HOST;
	buffer.flags = TRN_BUFFER_EXPORT;
	ck_assert_int_eq(trn_buffer_create(device, &buffer, &in), 0);
	ck_assert_int_eq(trn_buffer_create(device, &buffer, &out), 0);
	ck_assert_int_eq(trn_queue_create(device, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 8, &batch), 0);
	ck_assert_int_eq(trn_timeline_create(device, 0, &timeline), 0);
	ck_assert_int_eq(api_image_move(&mem.alloc, &image, &image_bytes), 0);
	ck_assert_int_eq(trn_program_load(device, image, image_bytes, 0, soon(), &program), 0);
	ck_assert_int_eq(trn_pool_create(hbm, NULL, &pool), 0);
	ck_assert_int_eq(trn_batch_copy(batch, hbm, 0, in, 0, BYTES), 0);
	ck_assert_int_eq(trn_batch_copy(batch, out, 0, hbm, 0, BYTES), 0);
	ck_assert_int_eq(trn_graph_create(device, &graph), 0);
	ck_assert_int_eq(trn_graph_add_batch(graph, batch, NULL), 0);
	ck_assert_int_eq(trn_graph_instantiate(graph, &exec), 0);
}

/* Also what a child does with what it has inherited: nothing comes of it. */
static void close_all(void)
{
	exec = trn_graph_exec_destroy(exec);
	graph = trn_graph_destroy(graph);
	pool = trn_pool_destroy(pool);
	batch = trn_batch_destroy(batch);
	queue = trn_queue_unref(queue);
	program = trn_program_unref(program);
	timeline = trn_timeline_unref(timeline);
	in = trn_buffer_unref(in);
	out = trn_buffer_unref(out);
	hbm = trn_buffer_unref(hbm);
	device = trn_device_unref(device);
	context = trn_context_unref(context);
}

/* ---- the parent's work ---- */

struct work {
	_Atomic bool stop;
	_Atomic uint64_t rounds;
	int code;
};

/* Copies, waited for, on the thread that owns the queue. */
static void *copy_loop(void *arg)
{
	struct work *work = arg;
	void *from, *to;
	uint64_t sequence = 0;

	work->code = trn_buffer_map(in, &from);
	if (work->code == 0)
		work->code = trn_buffer_map(out, &to);
	for (uint64_t i = 1; work->code == 0 && !atomic_load(&work->stop); i++) {
		memset(from, (int)(i & 0xff), BYTES);
		work->code = trn_queue_submit(queue, batch, soon(), &sequence);
		if (work->code == 0)
			work->code = trn_queue_wait(queue, sequence, soon());
		if (work->code == 0 && memcmp(from, to, BYTES) != 0)
			work->code = -EIO;
		atomic_store(&work->rounds, i);
	}
	return NULL;
}

/* ---- the child ---- */

/* What no call gets as far as to fill in. */
union none {
	struct trn_program *program;
	struct trn_timeline *timeline;
	struct trn_buffer *buffer;
	struct trn_device *device;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_graph *graph;
};

static int never_told(void *user, const struct trn_event *event)
{
	(void)user;
	return event != NULL;
}

static void no_dump(void *user, const struct trn_error *why, const void *bytes, size_t count)
{
	(void)user;
	(void)why;
	(void)bytes;
	(void)count;
}

/* -EPERM when all of them are. */
static int reports_refused(void)
{
	struct trn_latency latency = { .size = sizeof(latency) };
	uint64_t cursor = 0;
	size_t needed;
	const int answers[] = {
		trn_telemetry_events(device, &cursor, never_told, NULL, NULL),
		trn_telemetry_openmetrics(context, NULL, 0, &needed),
		trn_telemetry_json(context, NULL, 0, &needed),
		trn_telemetry_latency(device, 1),
		trn_queue_latency(queue, &latency),
		trn_device_dump(device, no_dump, NULL),
		trn_device_dump_file(device, "fork.dump"),
		trn_context_dump_dir(context, NULL),
		trn_context_dump_hook(context, NULL, NULL),
		trn_queue_hang_check(queue),
		trn_queue_recover(queue, TRN_RECOVER_QUEUE, soon(), NULL),
		trn_device_recover(device, TRN_RECOVER_QUEUE, soon(), NULL),
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i] != -EPERM)
			return (int)i;
	return -EPERM;
}

/* 0, or the number of the first call in the list that did not answer -EPERM. */
static int refused(void)
{
	static char bytes[BYTES];
	const struct trn_arg args[2] = { { .buffer = in }, { .buffer = out } };
	const struct trn_timeline_point point = { timeline, 1 };
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };
	struct trn_device_info info = { .size = sizeof(info) };
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	struct trn_memory_usage usage = { .size = sizeof(usage) };
	struct trn_error error = { .size = sizeof(error) };
	union none none;
	uint64_t offset;
	void *ptr;
	int fd;
	const int answers[] = {
		trn_context_progress(context),
		trn_context_log_level(context, TRN_LOG_ERROR),
		trn_context_trace_start(context, "/dev/null"),
		trn_context_trace_stop(context),
		trn_device_open(context, "null:", soon(), &none.device),
		trn_device_info(device, &info),
		trn_device_telemetry(device, &telemetry),
		trn_device_reset(device, 0, soon()),
		trn_device_core_claim(device, 0, 1, NULL),
		trn_device_memory_usage(device, 0, &usage),
		trn_memory_quota_set(context, NULL, TRN_MEMORY_ALL, 1),
		reports_refused(),
		trn_buffer_create(device, &opts, &none.buffer),
		trn_buffer_slice(in, 0, 1, &none.buffer),
		trn_buffer_map(in, &ptr),
		trn_buffer_read(hbm, 0, bytes, BYTES, soon()),
		trn_buffer_write(hbm, 0, bytes, BYTES, soon()),
		trn_buffer_export(in, &fd),
		trn_pool_take(pool, 64, 0, &offset),
		trn_pool_give(pool, 0),
		trn_timeline_create(device, 0, &none.timeline),
		trn_timeline_signal(timeline, 99),
		trn_timeline_wait(timeline, 99, soon()),
		trn_timeline_wait_many(&point, 1, TRN_WAIT_ALL, soon(), NULL),
		trn_timeline_fail(timeline, -EIO),
		trn_timeline_fd(timeline, 1, &fd),
		trn_program_load(device, image, image_bytes, 0, soon(), &none.program),
		trn_queue_create(device, NULL, &none.queue),
		trn_batch_create(queue, 1, &none.batch),
		trn_batch_nop(batch),
		trn_batch_copy(batch, out, 0, in, 0, 1),
		trn_batch_launch(batch, program, 0, args, 2),
		trn_queue_submit(queue, batch, soon(), NULL),
		trn_queue_wait(queue, 1, soon()),
		trn_queue_drain(queue, soon()),
		trn_queue_error(queue, &error),
		trn_queue_reset(queue, soon()),
		trn_queue_cancel(queue, soon()),
		trn_graph_create(device, &none.graph),
		trn_graph_launch(exec, soon(), NULL),
		trn_graph_wait(exec, soon()),
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i] != -EPERM)
			return (int)i + 1;
	if (trn_error_get(context, &error) != 0 || error.code != -EPERM ||
	    !strstr(error.cause, "forked") || !error.hint[0])
		return 101;
	return 0;
}

/* A context of its own, from its own memory. */
static int own_device(void)
{
	struct trn_context *mine = NULL;
	struct trn_device *null = NULL;
	struct trn_timeline *tick = NULL;
	int r = trn_context_create(NULL, &mine);

	if (r == 0)
		r = trn_device_open(mine, "mock:trn3", soon(), &null);
	if (r == 0)
		r = trn_timeline_create(null, 0, &tick);
	if (r == 0)
		r = trn_timeline_signal(tick, 3);
	if (r == 0)
		r = trn_timeline_wait(tick, 3, soon());
	trn_timeline_unref(tick);
	trn_device_unref(null);
	trn_context_unref(mine);
	return r == 0 ? 0 : 102;
}

static int child(void)
{
	struct trn_context *old = context;
	struct trn_error error = { .size = sizeof(error) };
	long live = mem.live;
	int r = refused();

	close_all();
	if (r == 0 && mem.live != live)
		r = 103;
	if (r == 0)
		r = own_device();
	/* With a context of its own the old one is as far away as before. */
	if (r == 0 && (trn_context_progress(old) != -EPERM || trn_error_get(old, &error) != 0))
		r = 104;
	return r;
}

static const char *const uris[] = { "mock:trn3?threads=1", "mock:trn3" };

START_TEST(a_child_is_refused_and_the_parent_goes_on)
{
	struct work work = { .stop = false };
	pthread_t thread;

	open_all(uris[_i]);
	ck_assert_int_eq(pthread_create(&thread, NULL, copy_loop, &work), 0);
	for (int i = 0; i < FORKS; i++) {
		uint64_t before = atomic_load(&work.rounds);
		unsigned int round = 0;
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			(void)alarm(60); /* a child that hangs is a failure, not a test run's end */
			_exit(child());
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			      "%s: child %d: status 0x%x, call %d", uris[_i], i,
			      (unsigned int)status, WEXITSTATUS(status));
		while (work.code == 0 && atomic_load(&work.rounds) < before + 2)
			trn_clock_backoff(&round);
	}
	atomic_store(&work.stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(work.code, 0);
	ck_assert_uint_lt(trn_timeline_value(timeline), 99);
	trn_image_free(&mem.alloc, image);
	close_all();
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

/* ---- exec ---- */

static bool was_open[1024];

/* Descriptors that a program started with exec() would have, and that were not there before. */
static int inherited(bool remember)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] == '.' || fd < 0 || fd >= 1024)
			continue;
		if (remember)
			was_open[fd] = true;
		else if (!was_open[fd] && !(fcntl((int)fd, F_GETFD) & FD_CLOEXEC))
			count++;
	}
	(void)closedir(dir);
	return count;
}

START_TEST(descriptors_end_with_exec)
{
	int memory = -1, ready = -1;

	(void)inherited(true);
	open_all("record(file=fork.record)+mock:trn3?threads=1");
	ck_assert_int_eq(trn_buffer_export(in, &memory), 0);
	ck_assert_int_eq(trn_timeline_fd(timeline, 1, &ready), 0);
	ck_assert_int_eq(trn_context_trace_start(context, "fork.trace"), 0);
	ck_assert_int_eq(inherited(false), 0);
	/* The test would see one. */
	ck_assert_int_eq(fcntl(ready, F_SETFD, 0), 0);
	ck_assert_int_eq(inherited(false), 1);
	ck_assert_int_eq(trn_context_trace_stop(context), 0);
	(void)close(memory);
	(void)close(ready);
	trn_image_free(&mem.alloc, image);
	close_all();
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

static Suite *fork_suite(void)
{
	Suite *suite = suite_create("fork");
	TCase *tc = tcase_create("fork");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_child_is_refused_and_the_parent_goes_on, 0,
			    (int)(sizeof(uris) / sizeof(uris[0])));
	tcase_add_test(tc, descriptors_end_with_exec);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(fork_suite)
