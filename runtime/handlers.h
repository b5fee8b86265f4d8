/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers inside of a library that was loaded catch signals, then or later: the process's own
 * handlers stay. */
#ifndef RUNTIME_HANDLERS_H
#define RUNTIME_HANDLERS_H

#include <signal.h>
#include <stddef.h>

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

#endif /* RUNTIME_HANDLERS_H */
