/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's part of validation: docs/validation.md. */
#ifndef RUNTIME_VALIDATE_H
#define RUNTIME_VALIDATE_H

#include "runtime/private.h"

/* What TRN_VALIDATE makes of a URI, in buf where it changes. -EINVAL: it is none of
 * 0, 1, fatal. */
int trn_validate_uri(const char *uri, char *buf, size_t size, const char **ret_uri);
/* Counts and logs a mistake that only the runtime sees. 0, or -TRN_EVALIDATE: refuse the call. */
int trn_validate_note(struct trn_device *device, const char *rule, const char *what);
/* Objects that are there, kept while TRN_VALIDATE is set; report logs each to its context. */
void trn_live_add(struct trn_object *object);
void trn_live_remove(struct trn_object *object);
void trn_live_report(void);

#endif /* RUNTIME_VALIDATE_H */
