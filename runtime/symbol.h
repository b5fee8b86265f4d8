/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of libraries that are loaded when they are wanted. */
#ifndef RUNTIME_SYMBOL_H
#define RUNTIME_SYMBOL_H

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* POSIX lets a symbol be a function; ISO C has no cast for it. */
static inline bool trn_symbol(void *handle, const char *name, void *ret_function)
{
	void *found = dlsym(handle, name);

	memcpy(ret_function, &found, sizeof(found));
	return found != NULL;
}

/* Drivers in them catch signals, when they are loaded or later: the process's own handlers stay. */
#define TRN_HANDLERS 6
struct trn_handlers {
	struct sigaction before[TRN_HANDLERS];
};
static const int trn_handlers_caught[TRN_HANDLERS] = { SIGSEGV, SIGBUS, SIGILL,
						       SIGABRT, SIGINT, SIGTERM };

static inline void trn_handlers_save(struct trn_handlers *handlers)
{
	for (size_t i = 0; i < TRN_HANDLERS; i++)
		(void)sigaction(trn_handlers_caught[i], NULL, &handlers->before[i]);
}

static inline void trn_handlers_restore(const struct trn_handlers *handlers)
{
	for (size_t i = 0; i < TRN_HANDLERS; i++)
		(void)sigaction(trn_handlers_caught[i], &handlers->before[i], NULL);
}

#endif /* RUNTIME_SYMBOL_H */
