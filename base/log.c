/* SPDX-License-Identifier: Apache-2.0 */
/* Level filter and rate limit in front of the user's sink. Any thread may log;
 * no lock is taken, so the sink may log too. */
#include "base/log.h"
#include "base/bits.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LOG_TEXT_MAX 512
#define LOG_BURST_DEFAULT 200u
#define LOG_WINDOW_NS_DEFAULT UINT64_C(1000000000)

void trn_log_init(struct trn_log *log, trn_log_fn fn, void *user, enum trn_log_level level)
{
	*log = (struct trn_log){
		.fn = fn,
		.user = user,
		.burst = LOG_BURST_DEFAULT,
		.window_ns = LOG_WINDOW_NS_DEFAULT,
	};
	atomic_init(&log->level, (int)level);
	atomic_init(&log->window_start, trn_clock_ns());
}

static void send_dropped(struct trn_log *log)
{
	char text[64];
	uint64_t dropped = atomic_exchange(&log->dropped, 0);

	if (dropped == 0)
		return;
	(void)snprintf(text, sizeof(text), "%" PRIu64 " log messages dropped", dropped);
	log->fn(log->user, TRN_LOG_WARNING, text);
}

/* Takes one place in the current window. A message is either given to the sink
 * or counted as dropped; at the turn of a window threads may disagree on which
 * one they are in, which moves a message, never loses one. */
static bool window_take(struct trn_log *log)
{
	uint64_t now, start;

	if (log->burst == 0)
		return true;
	now = trn_clock_ns();
	start = atomic_load(&log->window_start);
	/* Another thread may have stored a later start than our now. */
	if (now >= start && now - start >= log->window_ns &&
	    atomic_compare_exchange_strong(&log->window_start, &start, now)) {
		atomic_store(&log->used, 0);
		send_dropped(log);
	}
	/* The look before the add keeps a flood from wrapping the counter. */
	if (atomic_load(&log->used) < log->burst && atomic_fetch_add(&log->used, 1) < log->burst)
		return true;
	atomic_fetch_add(&log->dropped, 1);
	return false;
}

/* One line: what a file name or a device put into the text must not forge another. */
static void clean(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			text[i] = ' ';
	}
}

void trn_logf(struct trn_log *log, enum trn_log_level level, const char *fmt, ...)
{
	static const char cut[] = "...";
	char text[LOG_TEXT_MAX];
	va_list args;
	int n;

	if (!log->fn || (int)level > atomic_load_explicit(&log->level, memory_order_relaxed) ||
	    !window_take(log))
		return;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0) /* an argument that cannot be encoded: the format still says where */
		(void)snprintf(text, sizeof(text), "unprintable message: %s", fmt);
	else if ((size_t)n >= sizeof(text))
		memcpy(text + sizeof(text) - sizeof(cut), cut, sizeof(cut));
	clean(text);
	log->fn(log->user, level, text);
}
