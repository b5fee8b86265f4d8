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
#include "base/regs.h"

#define LINE_MAX_BYTES 256
#define NUMBER_BYTES 24 /* of a 64-bit number in text, and a space */
#define NAME_MAX_BYTES 64
#define ACCESSES 64u      /* lines of registers that are remembered */
#define FILE_BYTES 65536u /* buffered */

/* The line of a register, all but the value. */
struct access {
	uint64_t key; /* 0: none */
	size_t bytes, value_at;
	char text[LINE_MAX_BYTES];
};

struct trn_record {
	const struct trn_alloc *alloc;
	pthread_mutex_t lock; /* everything below; taken by begin, given by end */
	FILE *file;
	uint64_t number;
	char held[LINE_MAX_BYTES]; /* a line that may repeat, not printed yet */
	uint64_t repeats;          /* of it; 0: none held */
	/* Held instead of a text: a read of a register, and what it gave. */
	struct access *held_read;
	uint32_t held_value;
	struct access access[ACCESSES]; /* by key */
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
	(void)setvbuf(file, NULL, _IOFBF, FILE_BYTES); /* else it has the buffer it comes with */
	pthread_mutex_init(&record->lock, NULL);       /* cannot fail with default attributes */
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

/* The number of a line, from its end backwards. */
static char *number_text(uint64_t number, char *end)
{
	*--end = ' ';
	do {
		*--end = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return end;
}

static void value_text(struct access *access, uint32_t value)
{
	static const char digits[] = "0123456789abcdef";
	char *at = &access->text[access->value_at];

	for (int shift = 28; shift >= 0; shift -= 4)
		*at++ = digits[value >> shift & 15];
}

/* One line of a register. */
static void put_access(struct trn_record *record, struct access *access, uint32_t value)
{
	char line[NUMBER_BYTES + LINE_MAX_BYTES];
	char *const text = line + NUMBER_BYTES, *begin = number_text(record->number++, text);
	const size_t bytes = (size_t)(text - begin) + access->bytes + 1;

	value_text(access, value);
	memcpy(text, access->text, access->bytes);
	text[access->bytes] = '\n';
	/* The record's lock is held: nobody else writes to the file. */
	if (fwrite_unlocked(begin, 1, bytes, record->file) != bytes)
		record->failed = true;
}

static void flush_held(struct trn_record *record)
{
	struct access *access = record->held_read;

	if (record->repeats > 0 && access && record->repeats == 1) {
		put_access(record, access, record->held_value);
	} else if (record->repeats > 0 && access) {
		value_text(access, record->held_value);
		put(record, access->text, record->repeats);
	} else if (record->repeats > 0) {
		put(record, record->held, record->repeats);
	}
	record->held_read = NULL;
	record->repeats = 0;
}

/* The line of a register, made when it is not the one that was made last in its place. */
static struct access *access_of(struct trn_record *record, bool write, unsigned int bar,
				uint64_t offset)
{
	const uint64_t key = offset << 4 | bar << 1 | (write ? 1 : 0) | UINT64_C(1) << 63;
	struct access *access = &record->access[(offset / 4 ^ offset >> 12 ^ write) % ACCESSES];
	int at;

	if (access->key == key)
		return access;
	if (access == record->held_read)
		flush_held(record);
	at = snprintf(access->text, sizeof(access->text), "%s %u 0x%08" PRIx64 " 0x",
		      write ? "write" : "read", bar, offset);
	access->value_at = (size_t)at; /* a line is longer than this by far */
	memcpy(access->text + at, "00000000 ", sizeof("00000000 "));
	if (bar == TRN_BAR_REGS && offset <= UINT32_MAX)
		(void)trn_regs_name((uint32_t)offset, access->text + at + 9, NAME_MAX_BYTES);
	access->key = key;
	access->bytes = strlen(access->text); /* a long name is cut */
	return access;
}

void trn_record_read(struct trn_record *record, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct access *access = access_of(record, false, bar, offset);

	if (record->held_read != access || record->held_value != value)
		flush_held(record);
	record->held_read = access;
	record->held_value = value;
	record->repeats++;
}

void trn_record_write(struct trn_record *record, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct access *access = access_of(record, true, bar, offset);

	flush_held(record);
	put_access(record, access, value);
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
	if (record->held_read || strcmp(record->held, text) != 0)
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
