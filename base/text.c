/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>

size_t trn_text_addv(char *buf, size_t size, size_t used, const char *format, va_list args)
{
	int n;

	if (used >= size)
		return size - 1;
	n = vsnprintf(buf + used, size - used, format, args);
	if (n < 0) { /* an encoding error: nothing of it */
		buf[used] = '\0';
		return used;
	}
	return (size_t)n < size - used ? used + (size_t)n : size - 1;
}

size_t trn_text_add(char *buf, size_t size, size_t used, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	used = trn_text_addv(buf, size, used, format, args);
	va_end(args);
	return used;
}
