/* SPDX-License-Identifier: Apache-2.0 */
/* One scenario through the whole library, with each of its allocations refused
 * once in turn: the call concerned says so, nothing crashes, nothing leaks. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <trn/trn.h>
#include <unistd.h>
#include "api_images.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define BYTES API_COPY_BYTES
#define OWN_MIN 12 /* objects of the library itself in the scenario */

struct scene {
	struct trn_context *context;
	struct trn_device *device, *other;
	int calls; /* of a timeline's callback */
	struct trn_buffer *in, *out, *slice, *user;
	struct trn_pool *pool;
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_program *program, *second;
	struct trn_graph *graph;
	struct trn_graph_exec *exec;
	void *image;
	size_t image_bytes;
	bool record_missing;
};

static uint64_t soon(void)
{
	return trn_deadline_in(UINT64_C(2000000000));
}

/* Every refusal is in the context's record. */
static int checked(struct scene *s, int r)
{
	struct trn_error error = { .size = sizeof(error) };

	if (r < 0 && (trn_error_get(s->context, &error) < 0 || error.code != r || !error.cause[0]))
		s->record_missing = true;
	return r;
}

static int no_more(void *user, const struct trn_memory_holder *holder)
{
	(void)user;
	(void)holder;
	return 1;
}

static int make_buffers(struct scene *s)
{
	static _Alignas(65536) char pages[65536];
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };
	int r = checked(s, trn_buffer_create(s->device, &opts, &s->in));

	opts.kind = TRN_BUFFER_HOST;
	opts.bytes = 2 * BYTES;
	opts.flags = TRN_BUFFER_EXPORT;
	if (r == 0)
		r = checked(s, trn_buffer_create(s->device, &opts, &s->out));
	if (r == 0)
		r = checked(s, trn_buffer_slice(s->out, BYTES, BYTES, &s->slice));
	opts.kind = TRN_BUFFER_USER;
	opts.flags = 0;
	opts.bytes = sizeof(pages);
	opts.user = pages;
	if (r == 0)
		r = checked(s, trn_buffer_create(s->device, &opts, &s->user));
	if (r == 0)
		r = checked(s, trn_device_memory_each(s->device, no_more, NULL));
	if (r >= 0)
		r = checked(s, trn_pool_create(s->in, NULL, &s->pool));
	return r;
}

static int make_program(struct scene *s, const struct trn_alloc *alloc)
{
	int r = api_image_copy(alloc, &s->image, &s->image_bytes);

	if (r == 0)
		r = checked(s, trn_program_load(s->device, s->image, s->image_bytes, 0, soon(),
						&s->program));
	return r;
}

static int make_queue(struct scene *s)
{
	const struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 16 };
	int r = checked(s, trn_timeline_create(s->device, 0, &s->timeline));

	if (r == 0)
		r = checked(s, trn_queue_create(s->device, &opts, &s->queue));
	if (r == 0)
		r = checked(s, trn_batch_create(s->queue, 8, &s->batch));
	return r;
}

static void heard(void *user, int code)
{
	(void)code;
	++*(int *)user;
}

/* Everything that a timeline takes memory for besides itself. */
static int listen_to(struct scene *s, const char *uri)
{
	int fd = -1;
	int r = checked(s, trn_device_open(s->context, "null:", soon(), &s->other));

	if (r == 0)
		r = checked(s, trn_timeline_share(s->timeline, s->other));
	if (r == 0)
		r = checked(s, trn_timeline_notify(s->timeline, 1, heard, &s->calls, NULL));
	if (r == 0 && strstr(uri, "threads=1"))
		r = checked(s, trn_timeline_fd(s->timeline, 1, &fd));
	if (fd >= 0)
		(void)close(fd);
	return r;
}

static int work(struct scene *s)
{
	const struct trn_arg args[2] = { { .buffer = s->in }, { .buffer = s->slice } };
	static char bytes[BYTES];
	int r = checked(s, trn_buffer_write(s->in, 0, bytes, BYTES, soon()));

	if (r == 0)
		r = checked(s, trn_batch_copy(s->batch, s->out, 0, s->user, 0, BYTES));
	if (r == 0 && s->program)
		r = checked(s, trn_batch_launch(s->batch, s->program, 1, args, 2));
	if (r == 0)
		r = checked(s, trn_batch_signal(s->batch, s->timeline, 1));
	if (r == 0)
		r = checked(s, trn_queue_submit(s->queue, s->batch, soon(), NULL));
	if (r == 0)
		r = checked(s, trn_timeline_wait(s->timeline, 1, soon()));
	if (r == 0)
		r = checked(s, trn_queue_drain(s->queue, soon()));
	if (r == 0)
		r = checked(s, trn_buffer_read(s->slice, 0, bytes, BYTES, soon()));
	return r;
}

/* The batch again as a graph, with a loop, and a second placement of the program. */
static int replay(struct scene *s)
{
	const struct trn_program_share share = { .section = "count", .program = s->program };
	const struct trn_program_load_opts opts = { .size = sizeof(opts),
						    .shared = &share,
						    .shared_count = 1 };
	struct trn_graph_cond cond = { s->out, 0, TRN_GRAPH_EQ, 1 };
	int r = checked(s, trn_graph_create(s->device, &s->graph));

	if (r == 0)
		r = checked(s, trn_graph_loop(s->graph, s->queue, &cond, 2, NULL));
	if (r == 0)
		r = checked(s, trn_graph_add_batch(s->graph, s->batch, NULL));
	if (r == 0)
		r = checked(s, trn_graph_end(s->graph, s->queue));
	if (r == 0)
		r = checked(s, trn_graph_instantiate(s->graph, &s->exec));
	if (r == 0)
		r = checked(s, trn_graph_launch(s->exec, soon(), NULL));
	if (r == 0)
		r = checked(s, trn_graph_wait(s->exec, soon()));
	if (r == 0)
		r = checked(s, trn_program_load_opts(s->device, s->image, s->image_bytes, &opts,
						     soon(), &s->second));
	return r;
}

static int scenario(struct scene *s, const struct trn_alloc *alloc, const char *uri)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .alloc = alloc };
	struct trn_device_info info = { .size = sizeof(info) };
	int r = trn_context_create(&opts, &s->context);

	if (r < 0)
		return r; /* no context, no record */
	r = checked(s, trn_device_open(s->context, uri, soon(), &s->device));
	if (r == 0)
		r = checked(s, trn_device_info(s->device, &info));
	if (r == 0)
		r = make_buffers(s);
	if (r == 0 && (info.caps & TRN_CAP_COMPUTE))
		r = make_program(s, alloc);
	if (r == 0)
		r = make_queue(s);
	if (r == 0)
		r = listen_to(s, uri);
	if (r == 0)
		r = work(s);
	ck_assert(r == 0 ? s->calls == 1 : s->calls <= 1);
	if (r == 0 && (info.caps & TRN_CAP_LISTS))
		r = replay(s);
	if (r == 0 && !strstr(uri, "null:"))
		r = checked(s, trn_device_reset(s->device, 1, soon()));
	return r;
}

static void finish(struct scene *s, const struct trn_alloc *alloc)
{
	trn_image_free(alloc, s->image);
	trn_graph_exec_destroy(s->exec);
	trn_graph_destroy(s->graph);
	trn_program_unref(s->second);
	trn_batch_destroy(s->batch);
	trn_queue_unref(s->queue);
	trn_program_unref(s->program);
	trn_timeline_unref(s->timeline);
	trn_pool_destroy(s->pool);
	trn_buffer_unref(s->slice);
	trn_buffer_unref(s->in);
	trn_buffer_unref(s->out);
	trn_buffer_unref(s->user);
	trn_device_unref(s->other);
	trn_device_unref(s->device);
	trn_context_unref(s->context);
}

static const char *const uris[] = {
	"mock:trn3", "mock:trn2", "mock:trn3?extension=0", "null:", "mock:trn3?threads=1",
};

START_TEST(each_allocation_fails_once)
{
	struct trn_test_alloc mem;
	bool failed = true;
	bool simulated = strstr(uris[_i], "mock:") != NULL;
	int own = 0;

	for (long n = 0; failed; n++) {
		struct scene s = { 0 };
		int r;

		trn_test_alloc_init(&mem, n);
		r = scenario(&s, &mem.alloc, uris[_i]);
		failed = mem.failed;
		ck_assert_msg(!s.record_missing, "%s, allocation %ld: %d without a record",
			      uris[_i], n, r);
		/* A simulated device takes memory too. Refused there it is a device with a broken
		 * part, which is in the way (any error) or is not (none). */
		ck_assert_msg(r == (failed ? -ENOMEM : 0) || (failed && simulated),
			      "%s, allocation %ld: %d", uris[_i], n, r);
		own += failed && r == -ENOMEM;
		finish(&s, &mem.alloc);
		ck_assert_msg(mem.live == 0, "%s, allocation %ld: %ld blocks left", uris[_i], n,
			      mem.live);
		ck_assert_int_lt(n, 100000);
	}
	ck_assert_int_ge(own, OWN_MIN);
}
END_TEST

/* ---- a pod ---- */

#define POD_CHIPS 16
#define POD_DENSE 400 /* allocations up to here one by one: model, context, the first chip */

/* Opens a pod and lets two of its chips exchange a page. */
static int pod_scenario(struct trn_context *context, struct scene *s,
			struct trn_device *devices[POD_CHIPS])
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };
	struct trn_buffer *peer = NULL;
	uint32_t count = 0;
	int r;

	s->context = context;
	r = checked(s, trn_pod_open(context, "mock:trn2-48xl", soon(), devices, POD_CHIPS, &count));
	if (r < 0) {
		for (int i = 0; i < POD_CHIPS; i++)
			ck_assert_ptr_null(devices[i]);
		return r;
	}
	ck_assert_uint_eq(count, POD_CHIPS);
	s->device = trn_device_ref(devices[0]);
	r = checked(s, trn_buffer_create(devices[15], &opts, &s->in));
	if (r == 0)
		r = checked(s, trn_buffer_create(devices[0], &opts, &s->out));
	if (r == 0)
		r = checked(s, trn_buffer_peer(s->in, devices[0], &peer));
	if (r == 0)
		r = make_queue(s);
	if (r == 0)
		r = checked(s, trn_batch_copy(s->batch, peer, 0, s->out, 0, BYTES));
	if (r == 0)
		r = checked(s, trn_queue_submit(s->queue, s->batch, soon(), NULL));
	if (r == 0)
		r = checked(s, trn_queue_drain(s->queue, soon()));
	trn_buffer_unref(peer);
	return r;
}

/* One by one at first; then chips are alike, and some of each are enough. */
START_TEST(each_allocation_of_a_pod_fails)
{
	struct trn_prng prng;
	struct trn_test_alloc mem;
	bool failed = true;
	int own = 0;

	trn_prng_seed(&prng, trn_test_seed());
	for (long n = 0; failed; n += n < POD_DENSE ? 1 : 1 + (long)trn_prng_below(&prng, 20)) {
		struct trn_device *devices[POD_CHIPS] = { NULL };
		struct trn_context_opts opts = { .size = sizeof(opts) };
		struct trn_context *context = NULL;
		struct scene s = { 0 };
		int r;

		trn_test_alloc_init(&mem, n);
		opts.alloc = &mem.alloc;
		r = trn_context_create(&opts, &context);
		if (r == 0)
			r = pod_scenario(context, &s, devices);
		failed = mem.failed;
		ck_assert_msg(!s.record_missing, "allocation %ld: %d without a record", n, r);
		ck_assert_msg(failed || r == 0, "allocation %ld: %d", n, r);
		own += failed && r == -ENOMEM;
		for (int i = 0; i < POD_CHIPS; i++)
			trn_device_unref(devices[i]);
		s.context = context;
		finish(&s, &mem.alloc);
		ck_assert_msg(mem.live == 0, "allocation %ld: %ld blocks left", n, mem.live);
		ck_assert_int_lt(n, 100000);
	}
	ck_assert_int_ge(own, OWN_MIN);
}
END_TEST

static Suite *oom_suite(void)
{
	Suite *suite = suite_create("oom");
	TCase *tc = tcase_create("oom");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, each_allocation_fails_once, 0,
			    (int)(sizeof(uris) / sizeof(uris[0])));
	tcase_add_test(tc, each_allocation_of_a_pod_fails);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(oom_suite)
