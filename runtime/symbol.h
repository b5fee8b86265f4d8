/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of libraries that are loaded when they are wanted. */
#ifndef RUNTIME_SYMBOL_H
#define RUNTIME_SYMBOL_H

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

/* POSIX lets a symbol be a function; ISO C has no cast for it. */
static inline bool trn_symbol(void *handle, const char *name, void *ret_function)
{
	void *found = dlsym(handle, name);

	memcpy(ret_function, &found, sizeof(found));
	return found != NULL;
}

#endif /* RUNTIME_SYMBOL_H */
