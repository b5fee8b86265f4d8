/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a record: plain stdio, one lock, no time stamps, so that two runs of one
 * driver compare line by line. */
#include "hal/record.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"

#define LINE_MAX_BYTES 256

struct trn_record {
	const struct trn_alloc *alloc;
	pthread_mutex_t lock; /* everything below; taken by begin, given by end */
	FILE *file;
	uint64_t number;
	char held[LINE_MAX_BYTES]; /* a line that may repeat, not printed yet */
	uint64_t repeats;          /* of it; 0: none held */
	bool failed;
};

int trn_record_open(const struct trn_uri_hook *hook, uint32_t index, const struct trn_alloc *alloc,
		    struct trn_record **ret_record)
{
	struct trn_record *record;
	char path[TRN_URI_TEXT_MAX + 16];
	FILE *file;

	if (hook->count != 1 || strcmp(hook->params[0].key, "file") != 0 ||
	    hook->params[0].value[0] == '\0')
		return trn_hal_fail(NULL, -EINVAL, "record needs one parameter: record(file=F)");
	record = trn_alloc_zero(alloc, sizeof(*record));
	if (!record)
		return trn_hal_fail(NULL, -ENOMEM, "no memory for a record");
	/* A value of a URI is shorter than the URI. */
	if (index == UINT32_MAX)
		(void)snprintf(path, sizeof(path), "%s", hook->params[0].value);
	else
		(void)snprintf(path, sizeof(path), "%s.%" PRIu32, hook->params[0].value, index);
	file = fopen(path, "we"); /* e: closed in children */
	if (!file) {
		int r = -errno;

		trn_free(alloc, record);
		return trn_hal_fail(NULL, r, "record: '%.96s' cannot be written", path);
	}
	record->alloc = alloc;
	record->file = file;
	pthread_mutex_init(&record->lock, NULL); /* cannot fail with default attributes */
	*ret_record = record;
	return 0;
}

static void put(struct trn_record *record, const char *text, uint64_t times)
{
	int n;

	if (times > 1)
		n = fprintf(record->file, "%" PRIu64 " %s x%" PRIu64 "\n", record->number, text,
			    times);
	else
		n = fprintf(record->file, "%" PRIu64 " %s\n", record->number, text);
	record->number += times;
	if (n < 0)
		record->failed = true;
}

static void flush_held(struct trn_record *record)
{
	if (record->repeats > 0)
		put(record, record->held, record->repeats);
	record->repeats = 0;
}

void trn_record_begin(struct trn_record *record)
{
	pthread_mutex_lock(&record->lock);
}

void trn_record_end(struct trn_record *record)
{
	pthread_mutex_unlock(&record->lock);
}

void trn_record_line(struct trn_record *record, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	flush_held(record);
	put(record, text, 1);
}

void trn_record_repeat(struct trn_record *record, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (record->repeats > 0 && strcmp(record->held, text) != 0)
		flush_held(record);
	memcpy(record->held, text, sizeof(text));
	record->repeats++;
}

void trn_record_comment(struct trn_record *record, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	flush_held(record);
	if (fprintf(record->file, "# %s\n", text) < 0)
		record->failed = true;
}

void trn_record_close(struct trn_record *record, struct trn_log *log)
{
	flush_held(record);
	if (fclose(record->file) != 0)
		record->failed = true;
	if (record->failed)
		trn_logf(log, TRN_LOG_WARNING, "record: the file is not complete");
	pthread_mutex_destroy(&record->lock);
	trn_free(record->alloc, record);
}
