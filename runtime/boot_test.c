/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of a job find each other, or name who does not fit. Each test forks its processes;
 * what they saw comes back through a pipe. */
#include "runtime/test_job.h"

#include <sys/stat.h>
#include "base/clock.h"
#include "base/test_alloc.h"

/* ---- coming together ---- */

static void blob_check(struct trn_boot *boot, uint32_t tag, size_t size, struct report *report)
{
	static uint8_t mine[8192], all[16 * 8192];
	uint32_t n = trn_boot_processes(boot), me = trn_boot_process(boot);
	uint64_t deadline;

	for (size_t i = 0; i < size; i++)
		mine[i] = (uint8_t)(me * 31 + i + tag);
	deadline = job_deadline(5000);
	job_report(job_context(boot), trn_boot_exchange(boot, tag, mine, size, all, deadline),
		   deadline, report);
	for (uint32_t p = 0; report->r == 0 && p < n; p++)
		for (size_t i = 0; i < size; i++)
			if (all[p * size + i] != (uint8_t)(p * 31 + i + tag))
				report->r = -EBADMSG;
}

static void meet(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report)
{
	uint32_t first = 0;

	(void)job;
	for (uint32_t p = 0; p < trn_boot_processes(boot); p++) {
		const struct trn_boot_peer *peer = trn_boot_peer(boot, p);

		if (peer->process != p || peer->first != first || !peer->host[0] || !peer->pid)
			report->r = -EBADMSG;
		first += peer->ranks;
	}
	if (trn_boot_process(boot) != me || trn_boot_peer(boot, me)->pid != (uint32_t)getpid() ||
	    trn_boot_peer(boot, trn_boot_processes(boot)))
		report->r = -EBADMSG;
	for (uint32_t round = 0; report->r == 0 && round < 20; round++)
		blob_check(boot, round, round * 400, report);
}

START_TEST(processes_meet_and_swap)
{
	static const uint32_t counts[] = { 1, 2, 3, 5, 16 };
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < TRN_ARRAY_LEN(counts); i++) {
		struct job job = { .count = counts[i], .with = meet };

		job_root_tcp(&job, hosts[i % TRN_ARRAY_LEN(hosts)]);
		job_run(&job);
		for (uint32_t p = 0; p < job.count; p++)
			ck_assert_msg(job.reports[p].r == 0, "%u of %u: %d %s", p, job.count,
				      job.reports[p].r, job.reports[p].cause);
	}
}
END_TEST

/* The others' blobs are there before the hub comes, and wait. */
static void early(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report)
{
	static const size_t sizes[] = { 0, 8, 8000 };
	char why[TRN_BOOT_WHY_MAX];
	uint32_t lost;

	(void)job;
	for (uint32_t i = 0; report->r == 0 && i < TRN_ARRAY_LEN(sizes); i++) {
		uint64_t until = job_deadline(me == 0 ? 100 : 0);
		unsigned int round = 0;

		while (!trn_clock_passed(until) && !trn_boot_lost(boot, &lost, why, sizeof(why)))
			trn_clock_backoff(&round);
		blob_check(boot, i, sizes[i], report);
	}
}

START_TEST(blobs_may_come_before_the_hub)
{
	struct job job = { .count = 4, .with = early };

	job_root_tcp(&job, "127.0.0.1");
	job_run(&job);
	for (uint32_t p = 0; p < job.count; p++)
		ck_assert_msg(job.reports[p].r == 0, "%u: %s", p, job.reports[p].cause);
}
END_TEST

static void uneven(struct job *job, uint32_t me, struct trn_boot_opts *opts)
{
	(void)job;
	opts->ranks = 1 + me * 2;
}

START_TEST(ranks_follow_each_other)
{
	struct job job = { .count = 4, .with = meet, .opts = uneven };

	job_root_tcp(&job, "127.0.0.1");
	job_run(&job);
	for (uint32_t p = 0; p < job.count; p++)
		ck_assert_int_eq(job.reports[p].r, 0);
}
END_TEST

START_TEST(file_brings_them_together)
{
	struct job job = { .count = 4, .with = meet };
	struct stat st;

	/* What an earlier run left: a card whose hub is gone. */
	job_root_file(&job);
	job_file_put(&job, "libtrn-boot 1\nname \nhost old\npid 999999\nport 9\nrun 77\n"
			   "address 127.0.0.1\nend\n");
	job_run(&job);
	for (uint32_t p = 0; p < job.count; p++)
		ck_assert_msg(job.reports[p].r == 0, "%u: %s", p, job.reports[p].cause);
	ck_assert_int_lt(stat(job.path, &st), 0); /* removed in the end */
	/* Somebody's own file is not touched. */
	job_file_put(&job, "dear diary\n");
	job.patience_ms = 500;
	job_run(&job);
	ck_assert_int_eq(job.reports[0].r, -EEXIST);
	for (uint32_t p = 1; p < job.count; p++)
		ck_assert_int_eq(job.reports[p].r, -EINVAL);
	ck_assert_int_eq(stat(job.path, &st), 0);
	ck_assert_int_eq(unlink(job.path), 0);
	job_file_clean(&job);
}
END_TEST

/* ---- those that do not fit ---- */

static void wrong_name(struct job *job, uint32_t me, struct trn_boot_opts *opts)
{
	opts->name = me == job->victim ? "other" : "ours";
}

static void wrong_count(struct job *job, uint32_t me, struct trn_boot_opts *opts)
{
	opts->processes += me == job->victim;
}

static void twice(struct job *job, uint32_t me, struct trn_boot_opts *opts)
{
	if (me == job->victim)
		opts->process = 1;
}

static void all_name(struct job *job, int code, const char *words)
{
	for (uint32_t p = 0; p < job->count; p++) {
		if (!job->started[p])
			continue;
		ck_assert_msg(job->reports[p].r == code && strstr(job->reports[p].cause, words),
			      "process %u: %d \"%s\", not %s", p, job->reports[p].r,
			      job->reports[p].cause, words);
		/* A busy machine may hold a process back that long. */
		ck_assert_msg(job->reports[p].late_ms < 1000, "process %u is %u ms late", p,
			      job->reports[p].late_ms);
	}
}

START_TEST(everybody_names_who_does_not_fit)
{
	struct job job = { .count = 4, .victim = 3, .opts = wrong_name };

	job_root_tcp(&job, "127.0.0.1");
	job_run(&job);
	all_name(&job, -TRN_ERANK, "process 3 (rank 3, host ");
	all_name(&job, -TRN_ERANK, "is of job \"other\"");
	job.opts = wrong_count;
	job_run(&job);
	all_name(&job, -TRN_ERANK, "counts 5 processes");
	job.opts = twice;
	job_run(&job);
	all_name(&job, -TRN_ERANK, "process 1 (rank 1, host ");
	all_name(&job, -TRN_ERANK, "is there twice");
}
END_TEST

START_TEST(everybody_names_who_is_missing)
{
	struct job job = { .count = 4, .victim = 2, .patience_ms = 600 };

	job_root_tcp(&job, "127.0.0.1");
	job.absent = 1u << 2;
	job_run(&job);
	all_name(&job, -TRN_ERANK, "process 2 (rank 2) did not come in time; the other 3 did");
	job.absent = 6;
	job_run(&job);
	all_name(&job, -TRN_ERANK, "processes 1, 2 did not come in time; 2 of 4 did");
	job.absent = 1;
	job_run(&job);
	all_name(&job, -TRN_ERANK, "process 0 (rank 0) did not come in time");
	job_root_file(&job);
	job_run(&job);
	all_name(&job, -TRN_ERANK, "process 0 (rank 0) did not come in time");
	job_file_clean(&job);
}
END_TEST

START_TEST(other_version_and_byte_order_are_named)
{
	static const struct {
		size_t at;
		uint8_t bytes[4];
		const char *words;
	} rows[] = {
		{ 8, { 9, 0 }, "speaks version 9" },
		{ 4, { 1, 2, 3, 4 }, "other byte order" },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct job job = { .count = 3, .absent = 4, .patience_ms = 3000 };
		struct trn_boot_head head = { .version = 1,
					      .kind = TRN_BOOT_HELLO,
					      .process = 2,
					      .length = TRN_BOOT_HELLO_BYTES };
		struct trn_boot_hello hello = { .processes = 3, .ranks = 1, .host = "alien" };
		uint8_t bytes[TRN_BOOT_HEAD_BYTES + TRN_BOOT_HELLO_BYTES];

		job_root_tcp(&job, "127.0.0.1");
		if (rows[i].at == 4) { /* as the other kind of processor stores it */
			head.version = 0x100;
			head.kind = TRN_BOOT_HELLO << 8;
			head.process = __builtin_bswap32(2);
			head.length = __builtin_bswap32(TRN_BOOT_HELLO_BYTES);
			hello.ranks = __builtin_bswap32(1);
		}
		trn_boot_head_put(bytes, &head);
		trn_boot_hello_put(bytes + TRN_BOOT_HEAD_BYTES, &hello);
		memcpy(bytes + rows[i].at, rows[i].bytes, rows[i].at == 4 ? 4 : 2);
		job_start(&job);
		job_say(&job, bytes, sizeof(bytes));
		job_end(&job);
		all_name(&job, -TRN_ERANK, rows[i].words);
		all_name(&job, -TRN_ERANK, "process 2 (rank 2, host alien");
	}
}
END_TEST

START_TEST(noise_does_not_disturb)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
	struct job job = { .count = 3, .late = 4, .with = meet };
	int slow[200];

	job_root_tcp(&job, "127.0.0.1");
	job_start(&job);
	job_say(&job, http, sizeof(http) - 1);
	job_say(&job, "", 0);
	/* More silent ones than there are places. */
	for (size_t i = 0; i < TRN_ARRAY_LEN(slow); i++)
		slow[i] = job_dial(&job);
	job_say(&job, "TRNB", 4);
	job_end(&job);
	for (size_t i = 0; i < TRN_ARRAY_LEN(slow); i++)
		(void)close(slow[i]);
	for (uint32_t p = 0; p < job.count; p++)
		ck_assert_msg(job.reports[p].r == 0, "%u: %s", p, job.reports[p].cause);
}
END_TEST

START_TEST(options_are_checked)
{
	static const struct {
		struct trn_boot_opts opts;
		const char *words;
	} rows[] = {
		{ { .root = "nonsense", .processes = 1, .ranks = 1 }, "HOST:PORT" },
		{ { .root = "host:0", .processes = 1, .ranks = 1 }, "HOST:PORT" },
		{ { .root = "host:65536", .processes = 1, .ranks = 1 }, "HOST:PORT" },
		{ { .root = "::1:80", .processes = 1, .ranks = 1 }, "HOST:PORT" },
		{ { .root = "[::1]", .processes = 1, .ranks = 1 }, "HOST:PORT" },
		{ { .root = "file:", .processes = 1, .ranks = 1 }, "wants a path" },
		{ { .root = "env", .processes = 1, .ranks = 1 }, "TRN_COMM_ROOT" },
		{ { .root = "127.0.0.1:1", .ranks = 1 }, "TRN_COMM_RANK" },
		{ { .processes = 2, .ranks = 1 }, "no root" },
		{ { .root = "127.0.0.1:1", .process = 2, .processes = 2, .ranks = 1 },
		  "process 2" },
		{ { .processes = 1 }, "0 ranks" },
		{ { .processes = 1, .ranks = 5000 }, "5000 ranks" },
		{ { .processes = 5000, .ranks = 1 }, "of 5000" },
		{ { .processes = 1, .ranks = 1, .silence_ms = 10 }, "silence" },
		{ { .processes = 1, .ranks = 1, .name = "tab\there" }, "plain text" },
	};
	struct trn_context *context;

	job_clean_env();
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct trn_error error = { .size = sizeof(error) };
		struct trn_boot *boot = NULL;

		ck_assert_int_eq(trn_boot_open(context, &rows[i].opts, job_deadline(200), &boot),
				 -EINVAL);
		ck_assert_ptr_null(boot);
		ck_assert_int_eq(trn_error_get(context, &error), 0);
		ck_assert_msg(strstr(error.cause, rows[i].words) != NULL, "%s: not %s", error.cause,
			      rows[i].words);
	}
	(void)trn_context_unref(context);
}
END_TEST

START_TEST(the_environment_says_who)
{
	static const struct {
		const char *process, *processes, *p, *n;
		int r;
		const char *words;
	} rows[] = {
		{ "TRN_COMM_RANK", "TRN_COMM_SIZE", "0", "1", 0, "" },
		{ "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "0", "1", 0, "" },
		{ "PMI_RANK", "PMI_SIZE", "0", "1", 0, "" },
		{ "SLURM_PROCID", "SLURM_NTASKS", "0", "1", 0, "" },
		{ "TRN_COMM_RANK", "TRN_COMM_SIZE", "1", "1", -EINVAL, "only 1" },
		{ "TRN_COMM_RANK", "TRN_COMM_SIZE", "-1", "1", -EINVAL, "TRN_COMM_RANK is \"-1\"" },
		{ "TRN_COMM_RANK", "TRN_COMM_SIZE", "0", "9999", -EINVAL, "TRN_COMM_SIZE is" },
		{ "TRN_COMM_RANK", "TRN_COMM_SIZE", "0", NULL, -EINVAL,
		  "TRN_COMM_SIZE is not set" },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct trn_error error = { .size = sizeof(error) };
		struct trn_boot_opts opts = { .ranks = 1 };
		struct trn_context *context;
		struct trn_boot *boot = NULL;
		struct job job = { .count = 1 };

		job_clean_env();
		job_root_tcp(&job, "127.0.0.1");
		ck_assert_int_eq(setenv("TRN_COMM_ROOT", job.root, 1), 0);
		ck_assert_int_eq(setenv(rows[i].process, rows[i].p, 1), 0);
		if (rows[i].n)
			ck_assert_int_eq(setenv(rows[i].processes, rows[i].n, 1), 0);
		ck_assert_int_eq(trn_context_create(NULL, &context), 0);
		ck_assert_int_eq(trn_boot_open(context, &opts, job_deadline(2000), &boot),
				 rows[i].r);
		if (rows[i].r < 0) {
			ck_assert_int_eq(trn_error_get(context, &error), 0);
			ck_assert_msg(strstr(error.cause, rows[i].words) != NULL, "%s",
				      error.cause);
		}
		trn_boot_close(boot);
		(void)trn_context_unref(context);
	}
	job_clean_env();
}
END_TEST

/* Each allocation of both sides of an open refused once; nothing stays. */
START_TEST(no_memory_is_said_and_nothing_leaks)
{
	bool refused = true;

	for (long pass = 0; refused; pass++) {
		struct trn_test_alloc mem;
		struct trn_context_opts context_opts = { .size = sizeof(context_opts),
							 .alloc = &mem.alloc };
		struct trn_context *context = NULL;
		struct trn_boot *boot = NULL;
		struct job job = { .count = 2, .absent = 1, .patience_ms = 400 };
		struct trn_boot_opts opts = {
			.processes = 2, .ranks = 1, .name = "ours", .root = job.root
		};
		int fds = job_fds(), r;

		job_clean_env();
		if (pass % 2)
			job_root_file(&job);
		else
			job_root_tcp(&job, "127.0.0.1");
		job_start(&job);
		trn_test_alloc_init(&mem, -1);
		ck_assert_int_eq(trn_context_create(&context_opts, &context), 0);
		trn_test_alloc_arm(&mem, pass / 2);
		r = trn_boot_open(context, &opts, job_deadline(3000), &boot);
		refused = mem.failed;
		ck_assert_int_eq(r, refused ? -ENOMEM : 0);
		trn_boot_close(boot);
		(void)trn_context_unref(context);
		ck_assert_int_eq(mem.live, 0);
		job_end(&job);
		ck_assert_int_eq(job_fds(), fds);
		job_file_clean(&job);
	}
}
END_TEST

static Suite *boot_suite(void)
{
	Suite *suite = suite_create("runtime-boot");
	TCase *tc = tcase_create("boot");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, processes_meet_and_swap);
	tcase_add_test(tc, blobs_may_come_before_the_hub);
	tcase_add_test(tc, ranks_follow_each_other);
	tcase_add_test(tc, file_brings_them_together);
	tcase_add_test(tc, everybody_names_who_does_not_fit);
	tcase_add_test(tc, everybody_names_who_is_missing);
	tcase_add_test(tc, other_version_and_byte_order_are_named);
	tcase_add_test(tc, noise_does_not_disturb);
	tcase_add_test(tc, options_are_checked);
	tcase_add_test(tc, the_environment_says_who);
	tcase_add_test(tc, no_memory_is_said_and_nothing_leaks);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(boot_suite)
