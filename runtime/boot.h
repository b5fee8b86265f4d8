/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a job find each other, swap small blobs, and hear at once when one is gone.
 *
 * A star: every process holds one TCP connection to the hub, process 0. What the hub learns (who
 * is missing, late, dead, does not match) it passes on, so every process names the same culprit.
 * The connections stay open for that. The kernel watches them (TCP keepalive, user time-out): a
 * killed process is seen when its connection closes, a silent cut after the silence limit, also
 * while this process computes. There is no thread: what the others said is read inside the calls
 * below, so a process must come by now and then, the hub above all.
 *
 * One thread at a time in a boot. Everything from a socket, a file or the environment is hostile
 * until checked.
 */
#ifndef RUNTIME_BOOT_H
#define RUNTIME_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/context.h>

#define TRN_BOOT_PROCESSES_MAX 4096u
#define TRN_BOOT_RANKS_MAX 4096u /* of one process */
#define TRN_BOOT_BLOB_MAX (UINT32_C(1) << 20)
#define TRN_BOOT_HOST_MAX 72u /* a host's name and its NUL: HOST_NAME_MAX is 64 */
#define TRN_BOOT_NAME_MAX 64u /* of the job, with the NUL */
#define TRN_BOOT_WHY_MAX 184u /* fits a record's cause */

struct trn_boot;

struct trn_boot_opts {
	/* "HOST:PORT", "[V6]:PORT", "file:PATH", "pmix", "env"; NULL: TRN_COMM_ROOT, else alone. */
	const char *root;
	const char *name;            /* of the job; NULL: "" */
	uint32_t process, processes; /* processes 0: from the environment */
	uint32_t ranks;              /* of this process, >= 1 */
	uint32_t silence_ms;         /* 0: TRN_COMM_SILENCE_MS, else 5000 */
};

struct trn_boot_peer {
	uint32_t process;
	uint32_t ranks, first; /* ranks first .. first + ranks - 1 */
	uint32_t pid;
	char host[TRN_BOOT_HOST_MAX];
};

/* -EINVAL: the options, or the environment's; -TRN_ERANK: somebody is missing, late, dead or does
 * not match, the record says who; -ENOMEM, -ENOTSUP (no PMIx in this build, or no server), and
 * what the host answers for sockets and files. */
int trn_boot_open(struct trn_context *context, const struct trn_boot_opts *opts,
		  uint64_t deadline_ns, struct trn_boot **ret_boot);
/* NULL is fine. Says goodbye, does not wait. */
void trn_boot_close(struct trn_boot *boot);

uint32_t trn_boot_process(const struct trn_boot *boot);
uint32_t trn_boot_processes(const struct trn_boot *boot);
/* How they found each other: "alone", "tcp", "file", "pmix". */
const char *trn_boot_way(const struct trn_boot *boot);
/* NULL past the last one. Lives as long as the boot. */
const struct trn_boot_peer *trn_boot_peer(const struct trn_boot *boot, uint32_t process);
/* "process 3 (rank 3, host n3, pid 4711)", cut to size. */
void trn_boot_describe(const struct trn_boot *boot, uint32_t process, char *text, size_t size);

/* One blob of size bytes from everybody to everybody, in process order: ret_all has room for
 * processes x size. A barrier, too; size 0 is only that. Whoever is missing, late or dead, or
 * disagrees in size or tag: -TRN_ERANK on every other process, and the boot takes no further
 * exchange. On failure ret_all may hold anything. */
int trn_boot_exchange(struct trn_boot *boot, uint32_t tag, const void *mine, size_t size,
		      void *ret_all, uint64_t deadline_ns);

/* Never blocks: true when a process is known to be gone, or said that it gives up; why has one
 * line that names it. Cheap: looks at the sockets once in a millisecond. Progress calls this. */
bool trn_boot_lost(struct trn_boot *boot, uint32_t *ret_process, char *why, size_t size);
/* The same for all that are known to be lost, in the order they were found; false past the end. */
bool trn_boot_lost_at(const struct trn_boot *boot, uint32_t index, uint32_t *ret_process, char *why,
		      size_t size);
/* Has the process closed its boot in order? Not a loss, but nothing comes from it any more. */
bool trn_boot_left(struct trn_boot *boot, uint32_t process);
/* Tells all others that this process gives up (process is its own number), or that it saw another
 * one dead or late. They find it by trn_boot_lost(), and so does this one. */
void trn_boot_tell(struct trn_boot *boot, uint32_t process, const char *why);

/* The survivors agree who is left; a new boot among them, numbered in the old order. All of them
 * call it. Whoever has not come at half of the time is left out. A part of the job that may be
 * the smaller side of a cut gets -TRN_ERANK: more than half must come of those that are not known
 * to have ended (exactly half do, with the lowest number among them). Works once for a boot,
 * which then only waits to be closed. */
int trn_boot_shrink(struct trn_boot *boot, uint64_t deadline_ns, struct trn_boot **ret_boot);
/* After a shrink: the number the process had in the boot before. */
uint32_t trn_boot_old_process(const struct trn_boot *boot, uint32_t process);

#endif /* RUNTIME_BOOT_H */
