/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/log.c. A window that never ends or always has ended takes the
 * clock out of the rate limit. */
#include "base/bits.h"
#include "base/log.h"
#include "base/test_main.h"

#include <pthread.h>
#include <stdarg.h>
#include <wchar.h>

struct sink {
	_Atomic unsigned int calls;
	_Atomic uint64_t dropped; /* sum of what "dropped" lines say */
	enum trn_log_level level; /* of the last line */
	char text[1024];          /* the last line */
	char before[1024];        /* the one before */
};

static void keep(void *user, enum trn_log_level level, const char *text)
{
	struct sink *sink = user;

	sink->calls++;
	sink->level = level;
	(void)snprintf(sink->before, sizeof(sink->before), "%s", sink->text);
	(void)snprintf(sink->text, sizeof(sink->text), "%s", text);
}

START_TEST(levels_filter)
{
	struct sink sink = { 0 };
	struct trn_log log;

	trn_log_init(&log, keep, &sink, TRN_LOG_WARNING);
	trn_logf(&log, TRN_LOG_INFO, "too quiet");
	trn_logf(&log, TRN_LOG_DEBUG, "too quiet");
	ck_assert_uint_eq(sink.calls, 0);
	trn_logf(&log, TRN_LOG_WARNING, "engine %d at %#x", 3, 0x40);
	ck_assert_uint_eq(sink.calls, 1);
	ck_assert_int_eq(sink.level, TRN_LOG_WARNING);
	ck_assert_str_eq(sink.text, "engine 3 at 0x40");
	trn_logf(&log, TRN_LOG_ERROR, "louder");
	ck_assert_uint_eq(sink.calls, 2);
	log.level = TRN_LOG_DEBUG;
	trn_logf(&log, TRN_LOG_DEBUG, "now heard");
	ck_assert_str_eq(sink.text, "now heard");
}
END_TEST

START_TEST(no_sink_drops_all)
{
	struct trn_log log;

	trn_log_init(&log, NULL, NULL, TRN_LOG_DEBUG);
	trn_logf(&log, TRN_LOG_ERROR, "nobody");
	ck_assert_uint_eq(log.dropped, 0);
}
END_TEST

START_TEST(rate_limit_counts_what_it_drops)
{
	struct sink sink = { 0 };
	struct trn_log log;

	trn_log_init(&log, keep, &sink, TRN_LOG_INFO);
	log.burst = 3;
	log.window_ns = UINT64_MAX;
	for (int i = 0; i < 10; i++)
		trn_logf(&log, TRN_LOG_INFO, "line %d", i);
	trn_logf(&log, TRN_LOG_DEBUG, "filtered, so not dropped");
	ck_assert_uint_eq(sink.calls, 3);
	ck_assert_str_eq(sink.text, "line 2");
	log.window_ns = 0; /* the window is over */
	trn_logf(&log, TRN_LOG_INFO, "after");
	ck_assert_uint_eq(sink.calls, 5);
	ck_assert_str_eq(sink.before, "7 log messages dropped");
	ck_assert_str_eq(sink.text, "after");
	trn_logf(&log, TRN_LOG_INFO, "again");
	ck_assert_uint_eq(sink.calls, 6); /* nothing dropped: no such line */
}
END_TEST

START_TEST(burst_zero_is_no_limit)
{
	struct sink sink = { 0 };
	struct trn_log log;

	trn_log_init(&log, keep, &sink, TRN_LOG_INFO);
	log.burst = 0;
	log.window_ns = UINT64_MAX;
	for (int i = 0; i < 1000; i++)
		trn_logf(&log, TRN_LOG_INFO, "line %d", i);
	ck_assert_uint_eq(sink.calls, 1000);
}
END_TEST

START_TEST(one_clean_line)
{
	struct sink sink = { 0 };
	struct trn_log log;
	char long_text[2000];

	trn_log_init(&log, keep, &sink, TRN_LOG_INFO);
	trn_logf(&log, TRN_LOG_INFO, "file %s\n\n", "a\nerror: forged\x1b[31m\x7f \xc3\xa9");
	ck_assert_str_eq(sink.text, "file a error: forged [31m  \xc3\xa9");
	trn_logf(&log, TRN_LOG_INFO, "%s", "");
	ck_assert_str_eq(sink.text, "");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	trn_logf(&log, TRN_LOG_INFO, "%s", long_text);
	ck_assert_uint_eq(strlen(sink.text), 511);
	ck_assert_str_eq(sink.text + 507, "x...");
	trn_logf(&log, TRN_LOG_INFO, "%s", long_text + sizeof(long_text) - 512);
	ck_assert_str_eq(sink.text + 507, "xxxx"); /* just fits */
}
END_TEST

START_TEST(unprintable_arguments)
{
	static const wchar_t bad[] = { 0x7ffffff0, 0 };
	struct sink sink = { 0 };
	struct trn_log log;

	trn_log_init(&log, keep, &sink, TRN_LOG_INFO);
	trn_logf(&log, TRN_LOG_INFO, "name %ls", bad);
	ck_assert_str_eq(sink.text, "unprintable message: name %ls");
}
END_TEST

#define THREADS 4
#define LINES 2000

static void tally(void *user, enum trn_log_level level, const char *text)
{
	struct sink *sink = user;
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	(void)level;
	if (strcmp(end, " log messages dropped") == 0)
		sink->dropped += n;
	else
		sink->calls++;
}

static void *shout(void *arg)
{
	for (int i = 0; i < LINES; i++)
		trn_logf(arg, TRN_LOG_INFO, "one of many");
	return NULL;
}

/* With windows turning as fast as the clock ticks, each line is still either
 * given or counted. */
START_TEST(threads_lose_nothing)
{
	static const uint64_t windows[] = { 0, 20000, UINT64_MAX };
	struct sink sink = { 0 };
	struct trn_log log;
	pthread_t threads[THREADS];

	trn_log_init(&log, tally, &sink, TRN_LOG_INFO);
	log.burst = 2;
	log.window_ns = windows[_i];
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, shout, &log), 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(sink.calls + sink.dropped + log.dropped, THREADS * LINES);
	if (log.window_ns == UINT64_MAX)
		ck_assert_uint_eq(sink.calls, 2);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/log");
	TCase *tc = tcase_create("log");

	tcase_add_test(tc, levels_filter);
	tcase_add_test(tc, no_sink_drops_all);
	tcase_add_test(tc, rate_limit_counts_what_it_drops);
	tcase_add_test(tc, burst_zero_is_no_limit);
	tcase_add_test(tc, one_clean_line);
	tcase_add_test(tc, unprintable_arguments);
	tcase_add_loop_test(tc, threads_lose_nothing, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
