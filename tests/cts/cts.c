/* SPDX-License-Identifier: Apache-2.0 */
/* Runs each test on each backend in a process of its own, and compares the
 * outcome with what expect.c promises. */
#include "cts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/clock.h"
#include "base/test_main.h"

#define DEADLINE_NS (60 * CTS_SECOND)
#define TESTS_MAX 128
#define URIS_MAX 24

static const struct cts_test *const groups[] = {
	cts_memory_tests, cts_copy_tests, cts_queue_tests, cts_device_tests, cts_pod_tests,
};

/* All groups in one row, with what Check wants to know of each. */
static struct {
	const struct cts_test *test;
	TTest ttest;
} all[TESTS_MAX];
static size_t all_count;

/* ---- ending a test ---- */

void cts_check(struct cts *c, bool condition, int code, const char *file, int line, const char *fmt,
	       ...)
{
	va_list args;
	int n;

	if (condition)
		return;
	c->code = code;
	n = snprintf(c->text, sizeof(c->text), "%s:%d: ", file, line);
	if (n > 0 && (size_t)n < sizeof(c->text)) {
		va_start(args, fmt);
		vsnprintf(c->text + n, sizeof(c->text) - (size_t)n, fmt, args);
		va_end(args);
	}
	longjmp(c->out, 1);
}

void cts_check_code(struct cts *c, int r, int wanted, const char *file, int line, const char *what)
{
	struct trn_hal_fault fault;

	trn_hal_last_fault(c->dev, &fault);
	cts_check(c, r == wanted, r, file, line, "%s = %d, not %d (%s)", what, r, wanted,
		  r < 0 ? fault.why : "");
	/* A failure without a word is one nobody can act on. */
	cts_check(c, r >= 0 || r == -EAGAIN || fault.why[0] != '\0', r, file, line,
		  "%s = %d and the record is empty", what, r);
}

/* ---- common steps ---- */

uint64_t cts_deadline(void)
{
	return trn_clock_deadline(DEADLINE_NS);
}

struct trn_hal_mem cts_alloc_on(struct cts *c, struct trn_hal_dev *dev, enum trn_hal_mem_kind kind,
				uint64_t size)
{
	const struct trn_hal_mem_desc desc = { .kind = kind, .size = size, .numa_node = -1 };
	struct trn_hal_mem mem = { 0 };

	CTS_OK(c, dev->ops.mem_alloc(dev, &desc, &mem));
	return mem;
}

struct trn_hal_mem cts_alloc(struct cts *c, enum trn_hal_mem_kind kind, uint64_t size)
{
	return cts_alloc_on(c, c->dev, kind, size);
}

void cts_free(struct cts *c, struct trn_hal_mem *mem)
{
	CTS_OK(c, c->dev->ops.mem_free(c->dev, mem));
}

struct trn_hal_queue *cts_queue(struct cts *c, uint32_t depth)
{
	const struct trn_hal_queue_desc desc = { .depth = depth };
	struct trn_hal_queue *queue = NULL;

	CTS_OK(c, c->dev->ops.queue_open(c->dev, &desc, &queue));
	return queue;
}

uint32_t cts_put(struct trn_hal_queue *queue, uint32_t tail, const struct trn_ext_cmd *cmd)
{
	queue->ring[tail & (queue->depth - 1)] = *cmd;
	return tail + 1;
}

uint32_t cts_head(const struct trn_hal_queue *queue)
{
	return __atomic_load_n(&queue->status->head, __ATOMIC_ACQUIRE);
}

uint32_t cts_state(const struct trn_hal_queue *queue)
{
	return __atomic_load_n(&queue->status->state, __ATOMIC_ACQUIRE);
}

int cts_drain(struct cts *c, struct trn_hal_queue *queue, uint32_t head)
{
	uint64_t deadline_ns = cts_deadline();
	unsigned int round = 0;

	while (cts_head(queue) != head) {
		int r;

		if (cts_state(queue) == TRN_QUEUE_ERROR)
			return -EIO;
		if (trn_clock_passed(deadline_ns))
			return -ETIMEDOUT;
		r = c->dev->ops.progress(c->dev, &round, deadline_ns);
		if (r == -EAGAIN && cts_head(queue) != head)
			return cts_state(queue) == TRN_QUEUE_ERROR ? -EIO : -ETIMEDOUT;
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return 0;
}

void cts_random(struct cts *c, void *bytes, size_t size)
{
	uint8_t *to = bytes;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t value = trn_prng_next(&c->prng);

		memcpy(to + i, &value, trn_min_u64(8, size - i));
	}
}

uint64_t cts_violations(struct cts *c)
{
	char text[256] = "";
	const char *number;

	if (c->dev->ops.control(c->dev, "violations", NULL, text, sizeof(text)) < 0)
		return 0; /* no checker behind this backend */
	number = strstr(text, "\"violations\":");
	return number ? strtoull(number + strlen("\"violations\":"), NULL, 10) : 1;
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
	/* Closing ends everything: tests may leave memory behind. */
	if (strncmp(text, "validate:", 9) == 0 && !strstr(text, "leaked-memory") &&
	    atomic_fetch_add(&reports.count, 1) == 0)
		(void)snprintf(reports.first, sizeof(reports.first), "%s", text);
	if (getenv("TRN_TEST_LOG"))
		fprintf(stderr, "# %d %s\n", (int)level, text);
}

/* TRN_TEST_HBM makes the stacks of mocks smaller, for machines that limit address space. */
static const char *uri_with_hbm(const char *uri, char *buf, size_t size)
{
	const char *hbm = getenv("TRN_TEST_HBM");

	if (!hbm || !strstr(uri, "mock:"))
		return uri;
	snprintf(buf, size, "%s%chbm=%s", uri, strchr(uri, '?') ? '&' : '?', hbm);
	return buf;
}

/* The device's URI with another INDEX: it comes behind the only slash there is. */
static void uri_of_chip(const struct cts *c, uint32_t index, char *buf, size_t size)
{
	char opened[256];
	const char *from = uri_with_hbm(c->uri, opened, sizeof(opened));
	const size_t path = strcspn(from, "/");

	snprintf(buf, size, "%.*s/%u%s", (int)path, from, index,
		 from + path + strcspn(from + path, "?"));
}

struct trn_hal_dev *cts_chip(struct cts *c, uint32_t index)
{
	struct trn_hal_fault fault = { 0 };
	char uri[256];
	const struct trn_hal_open open = { .alloc = &c->mem.alloc,
					   .log = &c->log,
					   .uri = uri,
					   .deadline_ns = cts_deadline(),
					   .pods = c->pods,
					   .ret_fault = &fault };
	int r;

	cts_check(c, c->info.caps & TRN_HAL_CAP_PEER, -ENOTSUP, __FILE__, __LINE__,
		  "no other chips");
	cts_check(c, c->chip_count < CTS_CHIPS, 0, __FILE__, __LINE__, "too many chips");
	uri_of_chip(c, index, uri, sizeof(uri));
	r = trn_hal_open(&open, &c->chips[c->chip_count]);
	cts_check(c, r == 0, r, __FILE__, __LINE__, "%s: %s", uri, fault.why);
	return c->chips[c->chip_count++];
}

/* True when the test body came to its end. */
static bool body(struct cts *c, const struct cts_test *test)
{
	struct trn_hal_fault fault = { 0 };
	char buf[256];
	const struct trn_hal_open open = { .alloc = &c->mem.alloc,
					   .log = &c->log,
					   .uri = uri_with_hbm(c->uri, buf, sizeof(buf)),
					   .deadline_ns = cts_deadline(),
					   .pods = c->pods,
					   .ret_fault = &fault };
	int r = trn_hal_open(&open, &c->dev);

	if (r < 0) {
		snprintf(c->text, sizeof(c->text), "open %s = %d (%s)", c->uri, r, fault.why);
		return false;
	}
	if (setjmp(c->out) != 0)
		return false;
	CTS_OK(c, c->dev->ops.info(c->dev, &c->info));
	test->run(c);
	cts_check(c, c->violations_allowed || cts_violations(c) == 0, 0, __FILE__, __LINE__,
		  "the checker saw a violation");
	return true;
}

static void judge(const struct cts *c, const struct cts_test *test, bool passed)
{
	const char *reason = "";

	switch (cts_expected(c->uri, test->name, &reason)) {
	case CTS_MUST_PASS:
		if (!passed)
			ck_abort_msg("%s on %s: %s", test->name, c->uri, c->text);
		break;
	case CTS_NEVER:
		if (passed || c->code != -ENOTSUP)
			ck_abort_msg("%s on %s is on the never list (%s), but %s", test->name,
				     c->uri, reason, passed ? "passes" : c->text);
		break;
	case CTS_NOT_YET:
		if (passed)
			ck_abort_msg("%s on %s passes: take it off the not-yet list (%s)",
				     test->name, c->uri, reason);
		break;
	}
}

static void run_one(int index)
{
	static struct cts c;
	const struct cts_test *test = all[index % TESTS_MAX].test;
	bool passed;

	c.uri = cts_uri((size_t)index / TESTS_MAX);
	trn_test_alloc_init(&c.mem, -1);
	trn_log_init(&c.log, log_line, NULL, TRN_LOG_DEBUG);
	trn_prng_seed(&c.prng, trn_test_seed() + (uint64_t)index);
	ck_assert_int_eq(trn_hal_pods_create(&c.mem.alloc, &c.pods), 0);
	passed = body(&c, test);
	while (c.chip_count > 0)
		trn_hal_close(c.chips[--c.chip_count]);
	trn_hal_close(c.dev);
	trn_hal_pods_destroy(c.pods);
	if (passed && c.mem.live != 0) {
		snprintf(c.text, sizeof(c.text), "%ld blocks leaked", c.mem.live);
		passed = false;
	}
	if (passed && !c.violations_allowed && atomic_load(&reports.count) > 0) {
		(void)snprintf(c.text, sizeof(c.text), "%s", reports.first);
		passed = false;
	}
	judge(&c, test, passed);
}

static void collect(void)
{
	for (size_t g = 0; g < TRN_ARRAY_LEN(groups); g++) {
		for (const struct cts_test *test = groups[g]; test->name; test++) {
			if (all_count == TESTS_MAX)
				return; /* found by the test that is missing at the end */
			all[all_count].test = test;
			all[all_count].ttest = (TTest){ .name = test->name,
							.fn = run_one,
							.file = __FILE__,
							.line = __LINE__ };
			all_count++;
		}
	}
}

/* One case a backend; a case's loop index says which backend and which test. */
static Suite *cts_suite(void)
{
	Suite *suite = suite_create("cts");

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

TRN_TEST_MAIN(cts_suite)
