/* SPDX-License-Identifier: Apache-2.0 */
/* What a context keeps for those who look later: the last events, and where dumps go. */
#ifndef RUNTIME_EVENT_H
#define RUNTIME_EVENT_H

#include <stdint.h>
#include <trn/dump.h>

/* What happened lately: failures, resets. The same again only counts. */
#define TRN_EVENTS 32u
struct trn_event {
	uint64_t time_ns; /* of the last time */
	uint32_t times;   /* 0: none */
	int code;
	int64_t queue, command;
	char operation[48], device[48], text[128];
};

/* dump.c: what is done when a queue stops. */
#define TRN_DUMP_DIR_MAX 200u
struct trn_dump_policy {
	char dir[TRN_DUMP_DIR_MAX]; /* "": no files */
	trn_dump_fn fn;
	void *user;
	uint32_t made; /* by themselves */
};

/* Only for dumps: something happened; no record, no log. No lock held. */
void trn_event_keep(struct trn_context *context, const struct trn_error *error);
/* A queue has stopped: makes the dump that the context asks for. No lock held. */
void trn_dump_failure(struct trn_device *device, const struct trn_error *error);
/* Of the environment. */
void trn_dump_policy_init(struct trn_dump_policy *policy);

#endif /* RUNTIME_EVENT_H */
