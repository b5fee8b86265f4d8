/* SPDX-License-Identifier: Apache-2.0 */
/* What a context does when a queue stops: dump.c. */
#ifndef RUNTIME_FAILURE_H
#define RUNTIME_FAILURE_H

#include <stdint.h>
#include <trn/dump.h>
#include "runtime/hang.h"

#define TRN_DUMP_DIR_MAX 200u
struct trn_dump_policy {
	char dir[TRN_DUMP_DIR_MAX]; /* "": no files */
	trn_dump_fn fn;
	void *user;
	uint32_t made; /* by themselves */
};

/* Makes the dump that the context asks for. No lock held. */
void trn_dump_failure(struct trn_device *device, const struct trn_error *error);
/* Of the environment. */
void trn_dump_policy_init(struct trn_dump_policy *policy);

#endif /* RUNTIME_FAILURE_H */
