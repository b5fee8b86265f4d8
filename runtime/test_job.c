/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/test_job.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/wait.h>
#include "base/clock.h"

#define PATIENCE_MS 10000u
#define LATE_MS 400u
#define END_MS 60000

uint64_t job_deadline(uint32_t ms)
{
	return trn_clock_deadline(ms * UINT64_C(1000000));
}

void job_clean_env(void)
{
	static const char *const names[] = {
		"TRN_COMM_ROOT",
		"TRN_COMM_RANK",
		"TRN_COMM_SIZE",
		"TRN_COMM_SILENCE_MS",
		"OMPI_COMM_WORLD_RANK",
		"OMPI_COMM_WORLD_SIZE",
		"PMI_RANK",
		"PMI_SIZE",
		"SLURM_PROCID",
		"SLURM_NTASKS",
		"PMIX_NAMESPACE",
		"PMIX_RANK",
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(names); i++)
		ck_assert_int_eq(unsetenv(names[i]), 0);
}

void job_root_tcp(struct job *job, const char *host)
{
	struct trn_boot_addr any = { .len = sizeof(any.u.v4) };
	struct trn_boot_addr bound;
	int fd;

	any.u.v4.sin_family = AF_INET;
	fd = trn_boot_listen(&any, &bound);
	ck_assert_int_ge(fd, 0);
	job->port = trn_boot_addr_port(&bound);
	(void)close(fd);
	(void)snprintf(job->root, sizeof(job->root), "%s:%u", host, job->port);
}

void job_root_file(struct job *job)
{
	(void)snprintf(job->folder, sizeof(job->folder), "/tmp/trn-boot-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(job->folder));
	(void)snprintf(job->path, sizeof(job->path), "%s/root", job->folder);
	(void)snprintf(job->root, sizeof(job->root), "file:%.100s", job->path);
}

void job_file_put(const struct job *job, const char *text)
{
	FILE *file = fopen(job->path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* The folder is empty again: nothing was left in it. */
void job_file_clean(const struct job *job)
{
	if (job->folder[0])
		ck_assert_int_eq(rmdir(job->folder), 0);
}

void job_report(struct trn_context *context, int r, uint64_t deadline_ns, struct report *report)
{
	struct trn_error error = { .size = sizeof(error) };
	uint64_t now = trn_clock_ns();

	report->r = r;
	report->late_ms = now > deadline_ns ? (uint32_t)((now - deadline_ns) / 1000000) : 0;
	if (r < 0 && trn_error_get(context, &error) == 0 && error.code == r)
		memcpy(report->cause, error.cause, sizeof(report->cause));
}

struct trn_context *job_context(const struct trn_boot *boot)
{
	return boot->context;
}

static void child(struct job *job, uint32_t me, struct report *report)
{
	struct trn_boot_opts opts = { .root = job->root,
				      .name = "ours",
				      .process = me,
				      .processes = job->count,
				      .ranks = 1 };
	uint64_t deadline = job_deadline(job->patience_ms ? job->patience_ms : PATIENCE_MS);
	uint64_t late = job_deadline(LATE_MS);
	struct trn_context *context;
	struct trn_boot *boot = NULL;
	unsigned int round = 0;

	report->r = trn_context_create(NULL, &context);
	if (report->r < 0)
		return;
	if (job->opts)
		job->opts(job, me, &opts);
	while ((job->late & (1u << me)) && !trn_clock_passed(late))
		trn_clock_backoff(&round);
	report->r = trn_boot_open(context, &opts, deadline, &boot);
	job_report(context, report->r, deadline, report);
	if (report->r == 0 && job->with)
		job->with(job, me, boot, report);
	trn_boot_close(boot);
	(void)trn_context_unref(context);
}

void job_start(struct job *job)
{
	job_clean_env();
	for (uint32_t p = 0; p < job->count; p++) {
		struct report report = { .r = 1 };
		int ends[2];

		memset(&job->reports[p], 0, sizeof(job->reports[p]));
		job->reports[p].r = 1;
		job->pipes[p] = -1;
		job->started[p] = !(job->absent & (1u << p));
		if (!job->started[p])
			continue;
		ck_assert_int_eq(pipe(ends), 0);
		job->pids[p] = fork();
		ck_assert_int_ge(job->pids[p], 0);
		if (job->pids[p] == 0) {
			int fds;

			for (uint32_t q = 0; q < p; q++)
				if (job->pipes[q] >= 0)
					(void)close(job->pipes[q]);
			fds = job_fds();
			child(job, p, &report);
			if (job_fds() != fds)
				report.r = -EMFILE; /* something was left open */
			_exit(write(ends[1], &report, sizeof(report)) != sizeof(report));
		}
		(void)close(ends[1]);
		job->pipes[p] = ends[0];
	}
}

void job_end(struct job *job)
{
	for (uint32_t p = 0; p < job->count; p++) {
		struct pollfd fd = { .fd = job->pipes[p], .events = POLLIN };
		struct report report;

		if (!job->started[p])
			continue;
		if (poll(&fd, 1, END_MS) != 1)
			(void)kill(job->pids[p], SIGKILL);
		else if (read(job->pipes[p], &report, sizeof(report)) == sizeof(report))
			job->reports[p] = report;
		if (getenv("TRN_TEST_TALK"))
			fprintf(stderr, "# process %u: %d %s\n", p, job->reports[p].r,
				job->reports[p].cause);
		(void)close(job->pipes[p]);
		ck_assert_int_eq(waitpid(job->pids[p], NULL, 0), job->pids[p]);
	}
}

void job_run(struct job *job)
{
	job_start(job);
	job_end(job);
}

int job_dial(const struct job *job)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(job->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint64_t deadline = job_deadline(5000);
	unsigned int round = 0;

	/* The hub may still be on its way. */
	while (!trn_clock_passed(deadline)) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		ck_assert_int_ge(fd, 0);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		(void)close(fd);
		trn_clock_backoff(&round);
	}
	ck_abort_msg("nobody listens");
	return -1;
}

void job_say(const struct job *job, const void *bytes, size_t size)
{
	int fd = job_dial(job);

	if (size)
		ck_assert_int_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
	(void)shutdown(fd, SHUT_WR);
	/* Until the hub has seen the end: it closes its side. */
	for (char byte; recv(fd, &byte, 1, 0) > 0;)
		;
	(void)close(fd);
}

int job_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}
