/* SPDX-License-Identifier: Apache-2.0 */
/* Validation from outside, as an application has it: the wrong thread, what refuses a call, and
 * what is said of objects that are left when a process ends. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <trn/diag.h>
#include <trn/trn.h>
#include "base/test_main.h"

#define SOON trn_deadline_in(UINT64_C(10000000000))

static struct trn_context *context;
static struct trn_device *device;
static struct trn_queue *queue;
static struct trn_batch *batch;
static int pipe_end = -1;

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	(void)level;
	if (pipe_end >= 0)
		(void)!write(pipe_end, text, strlen(text));
}

static void up(const char *uri)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .log = log_line };

	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
	ck_assert_int_eq(trn_device_open(context, uri, SOON, &device), 0);
	ck_assert_int_eq(trn_queue_create(device, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
}

static void down(void)
{
	(void)trn_batch_destroy(batch);
	(void)trn_queue_unref(queue);
	(void)trn_device_unref(device);
	(void)trn_context_unref(context);
}

static void counts(const char *wanted)
{
	char text[1024];

	ck_assert_int_eq(trn_diag_control(device, "validate", NULL, text, sizeof(text)), 0);
	if (!strstr(text, wanted))
		ck_abort_msg("%s: %s", wanted, text);
}

static void *drain(void *code)
{
	*(int *)code = trn_queue_drain(queue, SOON);
	return NULL;
}

/* What a queue's second thread is answered; in fatal mode validation refuses it in every build. */
static int second_thread(void)
{
	pthread_t thread;
	int code = 1;

	ck_assert_int_eq(pthread_create(&thread, NULL, drain, &code), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	return code;
}

START_TEST(wrong_thread)
{
	int code;

	up(_i ? "validate(fatal)+null:" : "validate+null:");
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_drain(queue, SOON), 0);
	counts("{\"reports\":0,");
	code = second_thread();
	if (_i)
		ck_assert_int_eq(code, -TRN_EVALIDATE);
	else
		ck_assert(code == 0 || code == -EPERM);
	counts("\"wrong-thread\":1,");
	down();
}
END_TEST

START_TEST(without_the_hook)
{
	char text[1024];

	up("null:");
	ck_assert_int_lt(trn_diag_control(device, "validate", NULL, text, sizeof(text)), 0);
	down();
}
END_TEST

/* A child that gives everything back but the batch, or everything; ends as a program does. */
static void child(int end, bool leak)
{
	pipe_end = end;
	(void)setenv("TRN_VALIDATE", "1", 1);
	up("null:");
	if (leak)
		(void)trn_queue_unref(queue);
	else
		down();
	exit(0);
}

START_TEST(left_at_the_end)
{
	char text[4096] = "";
	size_t used = 0;
	ssize_t n;
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child(ends[1], _i == 0);
	(void)close(ends[1]);
	while (used < sizeof(text) - 1 &&
	       (n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	(void)close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (_i) {
		ck_assert_str_eq(text, "");
		return;
	}
	ck_assert_ptr_nonnull(strstr(text, "validate: leaked-object: a batch made by "));
	ck_assert_ptr_nonnull(strstr(text, "validate: leaked-object: a context made by "));
	ck_assert_ptr_nonnull(strstr(text, "+0x"));
	ck_assert_ptr_null(strstr(text, "a buffer"));
}
END_TEST

static Suite *validate_suite(void)
{
	Suite *suite = suite_create("validate");
	TCase *tc = tcase_create("validate");

	tcase_add_loop_test(tc, wrong_thread, 0, 2);
	tcase_add_test(tc, without_the_hook);
	tcase_add_loop_test(tc, left_at_the_end, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(validate_suite)
