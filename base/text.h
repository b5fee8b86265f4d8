/* SPDX-License-Identifier: Apache-2.0 */
/* Text into a buffer of fixed size, piece by piece; what does not fit is cut. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <trn/types.h>

/* Writes at buf[used] and answers the new length, at most size - 1; always NUL terminated. A
 * full buffer stays as it is, so pieces are added without looking. size > 0. */
size_t trn_text_add(char *buf, size_t size, size_t used, const char *format, ...) TRN_PRINTF(4, 5);
size_t trn_text_addv(char *buf, size_t size, size_t used, const char *format, va_list args)
	TRN_PRINTF(4, 0);

#endif /* BASE_TEXT_H */
