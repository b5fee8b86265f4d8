/* SPDX-License-Identifier: Apache-2.0 */
/* The file behind record(file=F): numbered lines of text, in the order in which
 * the operations happened. docs/record-format.md is its description. */
#ifndef HAL_RECORD_H
#define HAL_RECORD_H

#include <stdint.h>
#include "hal/backend.h"

struct trn_record;

/* Opens the file that the hook names; of one device of several, with its INDEX behind the name, so
 * that a pod may be recorded. index: UINT32_MAX: alone. -EINVAL for other parameters, -errno of the
 * file. */
int trn_record_open(const struct trn_uri_hook *hook, uint32_t index, const struct trn_alloc *alloc,
		    struct trn_record **ret_record);
/* One line: lock, number, text. Any thread; between begin and end no other thread's line. */
void trn_record_begin(struct trn_record *record);
void trn_record_line(struct trn_record *record, const char *fmt, ...) TRN_PRINTF(2, 3);
/* A line that is likely to come again: printed once, with a count when another one follows. */
void trn_record_repeat(struct trn_record *record, const char *fmt, ...) TRN_PRINTF(2, 3);
/* A register of a BAR: the same lines, made faster. A read is likely to come again. */
void trn_record_read(struct trn_record *record, unsigned int bar, uint64_t offset, uint32_t value);
void trn_record_write(struct trn_record *record, unsigned int bar, uint64_t offset, uint32_t value);
void trn_record_end(struct trn_record *record);
/* A line that is no operation; starts with '#', has no number. */
void trn_record_comment(struct trn_record *record, const char *fmt, ...) TRN_PRINTF(2, 3);
/* What went wrong with the file is a warning: the device matters more. */
void trn_record_close(struct trn_record *record, struct trn_log *log);

#endif /* HAL_RECORD_H */
