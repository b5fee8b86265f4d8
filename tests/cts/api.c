/* SPDX-License-Identifier: Apache-2.0 */
/* Runs each test of the public API on each door in a process of its own. */
#include "api.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/builder.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "cts.h"

#define TESTS_MAX 128
#define URIS_MAX 24

static const struct api_test *const groups[] = {
	api_device_tests, api_memory_tests,   api_books_tests,  api_share_tests,   api_shape_tests,
	api_queue_tests,  api_timeline_tests, api_thread_tests, api_program_tests, api_pair_tests,
	api_pod_tests,    api_graph_tests,    api_sync_tests,
};

static struct {
	const struct api_test *test;
	TTest ttest;
} all[TESTS_MAX];
static size_t all_count;

/* ---- ending a test ---- */

void api_check(struct api *a, bool condition, const char *file, int line, const char *what)
{
	if (condition)
		return;
	(void)snprintf(a->text, sizeof(a->text), "%s:%d: %s", file, line, what);
	longjmp(a->out, 1);
}

void api_code(struct api *a, int r, int wanted, const char *file, int line, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };
	bool recorded = trn_error_get(a->context, &error) == 0 && error.code == r &&
			error.cause[0] != '\0' && error.operation[0] != '\0';

	if (r == wanted && (r >= 0 || recorded))
		return;
	a->code = r;
	(void)snprintf(a->text, sizeof(a->text), "%s:%d: %s = %d, not %d (%s%s)", file, line, what,
		       r, wanted, r < 0 && !recorded ? "without a record: " : "",
		       r < 0 ? error.cause : "");
	longjmp(a->out, 1);
}

/* ---- what a test made ---- */

static void kept_end(struct api *a, const struct api_kept *kept)
{
	switch (kept->kind) {
	case API_BUFFER:
		trn_buffer_unref(kept->object);
		break;
	case API_QUEUE:
		trn_queue_unref(kept->object);
		break;
	case API_BATCH:
		trn_batch_destroy(kept->object);
		break;
	case API_TIMELINE:
		trn_timeline_unref(kept->object);
		break;
	case API_PROGRAM:
		trn_program_unref(kept->object);
		break;
	case API_IMAGE:
		trn_image_free(&a->mem.alloc, kept->object);
		break;
	case API_BYTES:
		free(kept->object);
		break;
	case API_DEVICE:
		trn_device_unref(kept->object);
		break;
	case API_GRAPH:
		trn_graph_destroy(kept->object);
		break;
	case API_EXEC:
		trn_graph_exec_destroy(kept->object);
		break;
	}
}

void *api_keep(struct api *a, enum api_kind kind, void *object)
{
	API_CHECK(a, object && a->kept_count < API_KEPT_MAX);
	a->kept[a->kept_count++] = (struct api_kept){ kind, object };
	return object;
}

void api_release(struct api *a, void *object)
{
	size_t at = a->kept_count;
	struct api_kept kept;

	while (at > 0 && a->kept[at - 1].object != object)
		at--;
	API_CHECK(a, at > 0);
	kept = a->kept[at - 1];
	a->kept_count--;
	memmove(&a->kept[at - 1], &a->kept[at], (a->kept_count - at + 1) * sizeof(a->kept[0]));
	kept_end(a, &kept);
}

/* ---- common steps ---- */

uint64_t api_soon(void)
{
	return trn_deadline_in(60 * API_SECOND);
}

struct trn_buffer *api_buffer_on(struct api *a, struct trn_device *device,
				 enum trn_buffer_kind kind, uint64_t bytes)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .kind = kind, .bytes = bytes };
	struct trn_buffer *buffer = NULL;

	API_OK(a, trn_buffer_create(device, &opts, &buffer));
	return api_keep(a, API_BUFFER, buffer);
}

struct trn_buffer *api_buffer(struct api *a, enum trn_buffer_kind kind, uint64_t bytes)
{
	return api_buffer_on(a, a->device, kind, bytes);
}

struct trn_buffer *api_peer(struct api *a, struct trn_buffer *buffer, struct trn_device *device)
{
	struct trn_buffer *peer = NULL;

	API_OK(a, trn_buffer_peer(buffer, device, &peer));
	return api_keep(a, API_BUFFER, peer);
}

struct trn_queue *api_queue_on(struct api *a, struct trn_device *device, uint32_t depth)
{
	const struct trn_queue_opts opts = { .size = sizeof(opts), .depth = depth };
	struct trn_queue *queue = NULL;

	API_OK(a, trn_queue_create(device, &opts, &queue));
	return api_keep(a, API_QUEUE, queue);
}

struct trn_queue *api_queue(struct api *a, uint32_t depth)
{
	return api_queue_on(a, a->device, depth);
}

void api_uri(struct api *a, uint32_t index, char *buf, size_t size)
{
	const size_t path = strcspn(a->opened, "/"); /* the only one, before INDEX */
	const char *rest = a->opened + path + strcspn(a->opened + path, "?");

	if (index == UINT32_MAX)
		(void)snprintf(buf, size, "%.*s%s", (int)path, a->opened, rest);
	else
		(void)snprintf(buf, size, "%.*s/%u%s", (int)path, a->opened, index, rest);
}

struct trn_device *api_chip(struct api *a, uint32_t distance)
{
	struct trn_device_place place = { .size = sizeof(place) };
	struct trn_pod_info pod = { .size = sizeof(pod) };
	struct trn_device *device = NULL;
	char uri[256];

	if (!api_has(a, TRN_CAP_PEER))
		a->code = -ENOTSUP;
	API_CHECK(a, api_has(a, TRN_CAP_PEER));
	API_OK(a, trn_device_pod(a->device, &pod));
	API_OK(a, trn_device_place(a->device, &place));
	api_uri(a, (place.index + distance) % pod.chips, uri, sizeof(uri));
	API_OK(a, trn_device_open(a->context, uri, api_soon(), &device));
	return api_keep(a, API_DEVICE, device);
}

struct trn_batch *api_batch(struct api *a, struct trn_queue *queue, uint32_t max)
{
	struct trn_batch *batch = NULL;

	API_OK(a, trn_batch_create(queue, max, &batch));
	return api_keep(a, API_BATCH, batch);
}

struct trn_timeline *api_timeline_on(struct api *a, struct trn_device *device, uint64_t value)
{
	struct trn_timeline *timeline = NULL;

	API_OK(a, trn_timeline_create(device, value, &timeline));
	return api_keep(a, API_TIMELINE, timeline);
}

struct trn_timeline *api_timeline(struct api *a, uint64_t value)
{
	return api_timeline_on(a, a->device, value);
}

void api_submit(struct api *a, struct trn_queue *queue, struct trn_batch *batch,
		uint64_t *ret_sequence)
{
	API_OK(a, trn_queue_submit(queue, batch, api_soon(), ret_sequence));
}

void *api_bytes(struct api *a, size_t size)
{
	return api_keep(a, API_BYTES, calloc(1, size));
}

void api_random(struct api *a, void *bytes, size_t size)
{
	uint8_t *to = bytes;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t value = trn_prng_next(&a->prng);

		memcpy(to + i, &value, trn_min_u64(8, size - i));
	}
}

uint64_t api_below(struct api *a, uint64_t limit)
{
	return trn_prng_next(&a->prng) % limit;
}

uint64_t api_counter(struct api *a, const char *verb, const char *key)
{
	char text[1024] = "", quoted[64];
	const char *at;

	if (trn_diag_control(a->device, verb, NULL, text, sizeof(text)) < 0)
		return UINT64_MAX;
	(void)snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(text, quoted);
	return at ? strtoull(at + strlen(quoted), NULL, 10) : UINT64_MAX;
}

bool api_has(const struct api *a, uint64_t cap)
{
	return (a->info.caps & cap) != 0;
}

bool api_cause_has(struct api *a, const char *text)
{
	struct trn_error error = { .size = sizeof(error) };

	return trn_error_get(a->context, &error) == 0 && strstr(error.cause, text) != NULL;
}

/* ---- running ---- */

/* What the validate hook says of this test, if the URI has it. */
static struct {
	_Atomic uint32_t count;
	char first[256];
} reports;

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	if (strncmp(text, "validate:", 9) == 0 && atomic_fetch_add(&reports.count, 1) == 0)
		(void)snprintf(reports.first, sizeof(reports.first), "%s", text);
	if (getenv("TRN_TEST_LOG"))
		(void)fprintf(stderr, "# %d %s\n", (int)level, text);
}

static void open_uri(struct api *a)
{
	const char *hbm = strstr(a->uri, "mock:") ? getenv("TRN_TEST_HBM") : NULL;

	(void)snprintf(a->opened, sizeof(a->opened), "%s%s%s", a->uri,
		       !hbm                ? "" :
		       strchr(a->uri, '?') ? "&hbm=" :
					     "?hbm=",
		       hbm ? hbm : "");
}

/* True when the test body came to its end and the checker has nothing to say. */
static bool body(struct api *a, const struct api_test *test)
{
	const struct trn_context_opts opts = {
		.size = sizeof(opts),
		.alloc = &a->mem.alloc,
		.log = log_line,
		.log_level = TRN_LOG_DEBUG,
	};
	uint64_t violations;

	if (trn_context_create(&opts, &a->context) < 0)
		return false;
	if (setjmp(a->out) != 0)
		return false;
	open_uri(a);
	API_OK(a, trn_device_open(a->context, a->opened, api_soon(), &a->device));
	a->info.size = sizeof(a->info);
	API_OK(a, trn_device_info(a->device, &a->info));
	test->run(a);
	violations = api_counter(a, "violations", "violations");
	API_CHECK(a, a->violations_allowed || violations == 0 || violations == UINT64_MAX);
	return true;
}

static void judge(const struct api *a, const struct api_test *test, bool passed)
{
	const char *never = api_never(a->uri, test->name);

	if (!never && !passed)
		ck_abort_msg("%s on %s: %s", test->name, a->uri, a->text);
	if (never && passed)
		ck_abort_msg("%s on %s passes: take it off the never list (%s)", test->name, a->uri,
			     never);
	if (never && a->code != -ENOTSUP)
		ck_abort_msg("%s on %s is on the never list (%s) and must answer -ENOTSUP: %s",
			     test->name, a->uri, never, a->text);
}

static void run_one(int index)
{
	const struct api_test *test = all[index % TESTS_MAX].test;
	static struct api a;
	bool passed;

	a.uri = cts_uri((size_t)index / TESTS_MAX);
	trn_test_alloc_init(&a.mem, -1);
	trn_prng_seed(&a.prng, trn_test_seed() + (uint64_t)index);
	passed = body(&a, test);
	while (a.kept_count > 0)
		kept_end(&a, &a.kept[--a.kept_count]);
	trn_device_unref(a.device);
	trn_context_unref(a.context);
	if (passed && a.mem.live != 0) {
		(void)snprintf(a.text, sizeof(a.text), "%ld blocks leaked", a.mem.live);
		passed = false;
	}
	if (passed && !a.violations_allowed && atomic_load(&reports.count) > 0) {
		(void)snprintf(a.text, sizeof(a.text), "%s", reports.first);
		passed = false;
	}
	judge(&a, test, passed);
}

static void collect(void)
{
	for (size_t g = 0; g < TRN_ARRAY_LEN(groups); g++)
		for (const struct api_test *test = groups[g]; test->name; test++) {
			if (all_count == TESTS_MAX)
				return;
			all[all_count].test = test;
			all[all_count].ttest = (TTest){
				.name = test->name,
				.fn = run_one,
				.file = __FILE__,
				.line = __LINE__,
			};
			all_count++;
		}
}

static Suite *api_suite(void)
{
	Suite *suite = suite_create("cts-api");

	collect();
	for (size_t u = 0; cts_uri(u) && u < URIS_MAX; u++) {
		TCase *tc = tcase_create(cts_uri(u));

		tcase_set_timeout(tc, 120);
		for (size_t i = 0; i < all_count; i++) {
			int index = (int)(u * TESTS_MAX + i);

			tcase_add_loop_test(tc, &all[i].ttest, index, index + 1);
		}
		suite_add_tcase(suite, tc);
	}
	return suite;
}

TRN_TEST_MAIN(api_suite)
