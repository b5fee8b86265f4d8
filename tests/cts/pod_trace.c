/* SPDX-License-Identifier: Apache-2.0 */
/* A trace of a whole pod: every device has processes of its own, named after it, and what a chip
 * did stands there and nowhere else. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>
#include "base/test_main.h"

#define FILE_NAME "pod-trace.json"
#define BYTES 65536
#define CHIPS_MAX 144

static const struct {
	const char *pod;
	uint32_t chips;
} pods[] = { { "mock:trn2-48xl", 16 }, { "mock:trn3-ultraserver", 144 } };

static struct trn_device *devices[CHIPS_MAX];

static uint64_t soon(void)
{
	return trn_deadline_in(UINT64_C(60000000000));
}

/* count copies on a queue of that chip. */
static void work(uint32_t chip, uint32_t count)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 2 * BYTES };
	struct trn_buffer *buffer;
	struct trn_queue *queue;
	struct trn_batch *batch;

	ck_assert_int_eq(trn_buffer_create(devices[chip], &opts, &buffer), 0);
	ck_assert_int_eq(trn_queue_create(devices[chip], NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, count, &batch), 0);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(trn_batch_copy(batch, buffer, BYTES, buffer, 0, BYTES), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, soon(), NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, soon()), 0);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_buffer_unref(buffer);
}

static char *read_all(void)
{
	FILE *file = fopen(FILE_NAME, "r");
	char *text;
	long size;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	text = calloc(1, (size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(fread(text, 1, (size_t)size, file), (size_t)size);
	fclose(file);
	return text;
}

/* Number of lines that have all three texts. */
static uint32_t lines_with(const char *text, const char *a, const char *b, const char *c)
{
	char line[1024];
	uint32_t count = 0;

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		const size_t length = strcspn(at, "\n");

		if (length >= sizeof(line))
			continue;
		memcpy(line, at, length);
		line[length] = '\0';
		count += strstr(line, a) && strstr(line, b) && strstr(line, c);
	}
	return count;
}

/* The process that has the name: "\"pid\":N," */
static void pid_of(const char *text, const char *name, char *ret_pid, size_t size)
{
	char wanted[96];
	const char *at, *line;

	(void)snprintf(wanted, sizeof(wanted), "{\"name\":\"%s\"}", name);
	at = strstr(text, wanted);
	ck_assert_msg(at != NULL, "no process is called %s", name);
	ck_assert_msg(strstr(at + 1, wanted) == NULL, "two processes are called %s", name);
	for (line = at; line > text && line[-1] != '\n'; line--)
		;
	line = strstr(line, "\"pid\":");
	ck_assert_ptr_nonnull(line);
	(void)snprintf(ret_pid, size, "%.*s,", (int)strcspn(line, ","), line);
}

START_TEST(each_chip_has_its_tracks)
{
	const uint32_t last = pods[_i].chips - 1;
	struct trn_context *context = NULL;
	char name[64], first_pid[32], last_pid[32];
	uint32_t count = 0;
	char *text;

	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	/* Half of the story before the devices are there, as a program would have it. */
	ck_assert_int_eq(trn_context_trace_start(context, FILE_NAME), 0);
	ck_assert_int_eq(trn_pod_open(context, pods[_i].pod, soon(), devices, CHIPS_MAX, &count),
			 0);
	ck_assert_uint_eq(count, pods[_i].chips);
	work(0, 2);
	work(last, 5);
	/* A device that goes takes no other one's trace along. */
	devices[1] = trn_device_unref(devices[1]);
	work(last, 1);
	ck_assert_int_eq(trn_context_trace_stop(context), 0);
	text = read_all();
	(void)snprintf(name, sizeof(name), "%s/0", pods[_i].pod);
	pid_of(text, name, first_pid, sizeof(first_pid));
	(void)snprintf(name, sizeof(name), "%s/%u", pods[_i].pod, last);
	pid_of(text, name, last_pid, sizeof(last_pid));
	ck_assert_str_ne(first_pid, last_pid);
	ck_assert_uint_eq(lines_with(text, first_pid, "\"ph\":\"X\"", "\"name\":\"copy\""), 2);
	ck_assert_uint_eq(lines_with(text, last_pid, "\"ph\":\"X\"", "\"name\":\"copy\""), 6);
	ck_assert_uint_eq(lines_with(text, "\"ph\":\"X\"", "\"name\":\"copy\"", ""), 8);
	ck_assert_uint_ge(lines_with(text, last_pid, "thread_name", "queue 0"), 1);
	free(text);
	for (uint32_t i = 0; i < count; i++)
		trn_device_unref(devices[i]);
	trn_context_unref(context);
}
END_TEST

static Suite *trace_suite(void)
{
	Suite *suite = suite_create("pod-trace");
	TCase *tc = tcase_create("pod-trace");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, each_chip_has_its_tracks, 0, (int)(sizeof(pods) / sizeof(pods[0])));
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(trace_suite)
