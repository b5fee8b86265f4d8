/* SPDX-License-Identifier: Apache-2.0 */
/* The log of one context: level filter and rate limit in front of the user's
 * sink. Prints nothing by itself. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>
#include <trn/types.h>

/* At most burst messages in each window; the first one of a later window comes
 * behind a line that counts what was dropped. burst and window_ns may be changed
 * between trn_log_init (200 in a second) and the first message, level at any time. */
struct trn_log {
	trn_log_fn fn; /* NULL drops all */
	void *user;
	_Atomic int level;
	uint32_t burst; /* messages per window, 0 is no limit */
	uint64_t window_ns;
	_Atomic uint64_t window_start;
	_Atomic uint32_t used;
	_Atomic uint64_t dropped;
};

void trn_log_init(struct trn_log *log, trn_log_fn fn, void *user, enum trn_log_level level);
/* Any thread. One line of at most 511 bytes; a longer one ends in "...". */
void trn_logf(struct trn_log *log, enum trn_log_level level, const char *fmt, ...) TRN_PRINTF(3, 4);

#endif /* BASE_LOG_H */
