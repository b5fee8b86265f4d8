/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of a boot: a job of forked processes, and what each of them saw. */
#ifndef RUNTIME_TEST_JOB_H
#define RUNTIME_TEST_JOB_H

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/test_main.h"
#include "runtime/boot_private.h"

#define JOB_MAX 16u

struct report {
	int r;
	uint32_t late_ms; /* past its deadline */
	uint32_t process, processes;
	uint32_t lost; /* bit per process that trn_boot_lost_at() knows */
	char cause[192];
};

struct job {
	uint32_t count, victim;
	uint32_t absent;       /* bit: never started */
	uint32_t late;         /* bit: comes a while later */
	uint32_t patience_ms;  /* of open; 0: 10 s */
	uint32_t number, pass; /* free for the test */
	char root[128], path[128], folder[64];
	uint16_t port;
	/* Changes what a process says of itself. */
	void (*opts)(struct job *job, uint32_t me, struct trn_boot_opts *opts);
	/* What a process does with its boot; the boot is closed behind it. */
	void (*with)(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report);

	bool started[JOB_MAX];
	pid_t pids[JOB_MAX];
	int pipes[JOB_MAX];
	struct report reports[JOB_MAX]; /* r 1: ended without a word */
};

uint64_t job_deadline(uint32_t ms);
void job_clean_env(void);
void job_root_tcp(struct job *job, const char *host);
void job_root_file(struct job *job);
void job_file_put(const struct job *job, const char *text);
void job_file_clean(const struct job *job);
/* Starts all; collects their reports, none of which may take more than 60 s. */
void job_start(struct job *job);
void job_end(struct job *job);
void job_run(struct job *job);
/* A stranger's connection to the hub; bytes and then its end. */
int job_dial(const struct job *job);
void job_say(const struct job *job, const void *bytes, size_t size);
/* Descriptors that are open in this process. */
int job_fds(void);
/* Fills the cause of the context's record, and whether the deadline has passed. */
void job_report(struct trn_context *context, int r, uint64_t deadline_ns, struct report *report);
struct trn_context *job_context(const struct trn_boot *boot);

#endif /* RUNTIME_TEST_JOB_H */
