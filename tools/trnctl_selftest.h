/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of trnctl selftest: each a function and a row. */
#ifndef TOOLS_TRNCTL_SELFTEST_H
#define TOOLS_TRNCTL_SELFTEST_H

#include "tools/trnctl.h"

/* What a check answers besides 0 and a negative error of a call. */
#define TRNCTL_CHECK_WRONG 1 /* the calls worked, the result is wrong */
#define TRNCTL_CHECK_SKIP 2  /* this door or device does not have it */

struct trnctl_check {
	struct trnctl *ctl;
	struct trn_device *device;
	const struct trn_device_info *info;
	bool may_reset;
	uint64_t deadline_ns;
	char note[160]; /* for the report, also when all is well */
};

/* Writes the note and hands @answer back. */
int trnctl_note(struct trnctl_check *check, int answer, const char *format, ...) TRN_PRINTF(3, 4);
/* Submits and waits. */
int trnctl_check_play(struct trnctl_check *check, struct trn_queue *queue, struct trn_batch *batch);

int trnctl_check_registers(struct trnctl_check *check);
int trnctl_check_identity(struct trnctl_check *check);
int trnctl_check_telemetry(struct trnctl_check *check);
int trnctl_check_mailbox(struct trnctl_check *check);
int trnctl_check_engines(struct trnctl_check *check);
int trnctl_check_semaphores(struct trnctl_check *check);
int trnctl_check_claims(struct trnctl_check *check);
int trnctl_check_memory(struct trnctl_check *check);
int trnctl_check_copy_h2d(struct trnctl_check *check);
int trnctl_check_copy_d2h(struct trnctl_check *check);
int trnctl_check_copy_d2d(struct trnctl_check *check);
int trnctl_check_peer(struct trnctl_check *check);
int trnctl_check_fill(struct trnctl_check *check);
int trnctl_check_queue(struct trnctl_check *check);
int trnctl_check_timeline(struct trnctl_check *check);
int trnctl_check_timestamp(struct trnctl_check *check);
int trnctl_check_program(struct trnctl_check *check);
int trnctl_check_matmul(struct trnctl_check *check);
int trnctl_check_core_reset(struct trnctl_check *check);
int trnctl_check_reset(struct trnctl_check *check);

#endif /* TOOLS_TRNCTL_SELFTEST_H */
