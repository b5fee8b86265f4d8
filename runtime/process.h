/* SPDX-License-Identifier: Apache-2.0 */
/* Whose process this is: process.c. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct trn_context;

/* A word that is 0 in every process but this one; it lives as long as the process. -ENOMEM, or
 * -ENOTSUP where the kernel has no such memory (before Linux 4.14). */
int trn_process_word(const uint32_t **ret_word);
/* Is the context another process's, which this one was forked from? */
bool trn_context_inherited(const struct trn_context *context);

#endif /* RUNTIME_PROCESS_H */
