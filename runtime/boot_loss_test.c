/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of processes that are gone, and how the others go on. */
#include "runtime/test_job.h"

#include "base/clock.h"
#include "base/prng.h"
#include "base/test_alloc.h"

#define PATIENCE_MS 4000u

static void remember(const struct trn_boot *boot, struct report *report)
{
	char why[TRN_BOOT_WHY_MAX];
	uint32_t lost;

	for (uint32_t i = 0; trn_boot_lost_at(boot, i, &lost, why, sizeof(why)); i++) {
		report->lost |= 1u << (lost < JOB_MAX ? lost : JOB_MAX);
		if (i == 0)
			trn_text_copy(report->cause, sizeof(report->cause), why);
	}
}

/* Looks until somebody is lost. */
static void watch(struct trn_boot *boot, struct report *report)
{
	uint64_t until = job_deadline(PATIENCE_MS);
	char why[TRN_BOOT_WHY_MAX];
	unsigned int round = 0;
	uint32_t lost;

	while (!trn_clock_passed(until)) {
		if (trn_boot_lost(boot, &lost, why, sizeof(why)))
			break;
		trn_clock_backoff(&round);
	}
	remember(boot, report);
}

/* Bits of job->number die without a word. */
static void die_or_watch(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report)
{
	if (job->number & (1u << me))
		_exit(1);
	watch(boot, report);
}

START_TEST(a_death_is_heard_by_all)
{
	for (uint32_t victim = 0; victim < 4; victim++) {
		struct job job = { .count = 4, .number = 1u << victim, .with = die_or_watch };
		char words[64];

		job_root_tcp(&job, "127.0.0.1");
		job_run(&job);
		(void)snprintf(words, sizeof(words), "process %u (rank %u, host ", victim, victim);
		for (uint32_t p = 0; p < job.count; p++) {
			if (p == victim)
				continue;
			ck_assert_uint_eq(job.reports[p].lost, 1u << victim);
			ck_assert_msg(strstr(job.reports[p].cause, words) &&
					      strstr(job.reports[p].cause, "ended"),
				      "%s", job.reports[p].cause);
		}
	}
}
END_TEST

static void give_up(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report)
{
	if (me == job->victim)
		trn_boot_tell(boot, job->number, "had enough");
	watch(boot, report);
	report->r = trn_boot_exchange(boot, 0, NULL, 0, NULL, job_deadline(PATIENCE_MS));
}

START_TEST(what_one_tells_all_hear)
{
	/* Who tells, of whom: itself, another one, the hub, as the hub. */
	static const uint32_t rows[][2] = { { 2, 2 }, { 1, 3 }, { 3, 0 }, { 0, 1 }, { 0, 0 } };

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct job job = {
			.count = 4, .victim = rows[i][0], .number = rows[i][1], .with = give_up
		};

		job_root_tcp(&job, "127.0.0.1");
		job_run(&job);
		for (uint32_t p = 0; p < job.count; p++) {
			ck_assert_int_eq(job.reports[p].r, -TRN_ERANK);
			ck_assert_msg(job.reports[p].lost & (1u << rows[i][1]),
				      "row %zu: process %u", i, p);
			ck_assert_msg(strstr(job.reports[p].cause, "had enough") != NULL, "%s",
				      job.reports[p].cause);
		}
	}
}
END_TEST

static void tell_of_nobody(struct job *job, uint32_t me, struct trn_boot *boot,
			   struct report *report)
{
	uint32_t lost = UINT32_MAX;
	char why[TRN_BOOT_WHY_MAX];

	if (me == job->victim)
		(void)trn_boot_loss(boot, job->number, 0, NULL, "nobody is lost");
	watch(boot, report);
	(void)trn_boot_lost_at(boot, 0, &lost, why, sizeof(why));
	report->r = lost < boot->processes ? 0 : 1;
}

START_TEST(a_process_that_there_is_not_is_no_loss)
{
	static const uint32_t rows[][2] = { { 2, 3 }, { 1, 1000000 }, { 0, UINT32_MAX } };

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct job job = { .count = 3,
				   .victim = rows[i][0],
				   .number = rows[i][1],
				   .with = tell_of_nobody };

		job_root_tcp(&job, "127.0.0.1");
		job_run(&job);
		for (uint32_t p = 0; p < job.count; p++) {
			if (p == job.victim)
				continue;
			ck_assert_msg(job.reports[p].r == 0, "row %zu: process %u: %s", i, p,
				      job.reports[p].cause);
			ck_assert_uint_eq(job.reports[p].lost & ~((1u << job.count) - 1), 0);
		}
	}
}
END_TEST

static void disagree(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report)
{
	uint8_t mine[16] = { 0 }, all[16 * JOB_MAX];
	uint64_t deadline = job_deadline(PATIENCE_MS);
	bool odd = me == job->victim;

	job_report(job_context(boot),
		   trn_boot_exchange(boot, odd && job->number ? 8 : 7, mine,
				     odd && !job->number ? 8 : 16, all, deadline),
		   deadline, report);
}

START_TEST(a_blob_that_differs_is_named)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct job job = {
			.count = 3, .victim = i / 2 + 1, .number = i % 2, .with = disagree
		};
		char words[64];

		job_root_tcp(&job, "127.0.0.1");
		job_run(&job);
		(void)snprintf(words, sizeof(words), "process %u (rank %u, host ", job.victim,
			       job.victim);
		for (uint32_t p = 0; p < job.count; p++) {
			ck_assert_int_eq(job.reports[p].r, -TRN_ERANK);
			ck_assert_msg(strstr(job.reports[p].cause, words) != NULL, "%s",
				      job.reports[p].cause);
		}
	}
}
END_TEST

static void leave_or_wait(struct job *job, uint32_t me, struct trn_boot *boot,
			  struct report *report)
{
	uint64_t deadline = job_deadline(PATIENCE_MS);
	unsigned int round = 0;
	char why[TRN_BOOT_WHY_MAX];
	uint32_t lost;

	if (me == job->victim)
		return; /* closes its boot in order */
	while (!trn_boot_left(boot, job->victim) && !trn_clock_passed(deadline) && me == 0) {
		ck_assert(!trn_boot_lost(boot, &lost, why, sizeof(why)));
		trn_clock_backoff(&round);
	}
	job_report(job_context(boot), trn_boot_exchange(boot, 0, NULL, 0, NULL, deadline), deadline,
		   report);
}

START_TEST(who_left_is_no_loss_until_it_is_needed)
{
	for (uint32_t victim = 0; victim < 3; victim += 2) {
		struct job job = { .count = 3, .victim = victim, .with = leave_or_wait };

		job_root_tcp(&job, "127.0.0.1");
		job_run(&job);
		for (uint32_t p = 0; p < job.count; p++) {
			if (p == victim)
				continue;
			ck_assert_int_eq(job.reports[p].r, -TRN_ERANK);
			ck_assert_msg(strstr(job.reports[p].cause, "has closed its communicator"),
				      "%s", job.reports[p].cause);
		}
	}
}
END_TEST

/* ---- shrinking ---- */

static void shrink(struct job *job, uint32_t me, struct trn_boot *boot, struct report *report)
{
	struct trn_boot *rest = NULL;
	uint64_t deadline = job_deadline(2 * PATIENCE_MS);
	uint32_t mine = me, all[JOB_MAX], rank = 0;

	die_or_watch(job, me, boot, report);
	job_report(job_context(boot), trn_boot_shrink(boot, deadline, &rest), deadline, report);
	if (report->r < 0)
		return;
	report->process = trn_boot_process(rest);
	report->processes = trn_boot_processes(rest);
	report->r = trn_boot_exchange(rest, 1, &mine, sizeof(mine), all, job_deadline(PATIENCE_MS));
	for (uint32_t p = 0; report->r == 0 && p < report->processes; p++) {
		const struct trn_boot_peer *peer = trn_boot_peer(rest, p);

		if (all[p] != trn_boot_old_process(rest, p) || peer->first != rank ||
		    peer->process != p)
			report->r = -EBADMSG;
		rank += peer->ranks;
	}
	trn_boot_close(rest);
}

static void shrink_without(uint32_t count, uint32_t dead)
{
	struct job job = { .count = count, .number = dead, .with = shrink };
	uint32_t next = 0;

	job_root_tcp(&job, "127.0.0.1");
	job_run(&job);
	for (uint32_t p = 0; p < count; p++) {
		if (dead & (1u << p))
			continue;
		ck_assert_msg(job.reports[p].r == 0, "%u of %u without %#x: %d %s", p, count, dead,
			      job.reports[p].r, job.reports[p].cause);
		ck_assert_uint_eq(job.reports[p].process, next);
		ck_assert_uint_eq(job.reports[p].processes,
				  count - (uint32_t)__builtin_popcount(dead));
		next++;
	}
}

START_TEST(survivors_go_on)
{
	shrink_without(2, 1);
	shrink_without(2, 2);
	shrink_without(4, 1);
	shrink_without(4, 4);
	shrink_without(5, 3);
	shrink_without(4, 7);
}
END_TEST

START_TEST(survivors_go_on_whoever_dies)
{
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t count = 3 + (uint32_t)trn_prng_below(&prng, 6);
		uint32_t dead = 1 + (uint32_t)trn_prng_below(&prng, (1u << count) - 2);

		printf("# %u processes, %#x die\n", count, dead);
		fflush(stdout);
		shrink_without(count, dead);
	}
}
END_TEST

/* Process 0 is dead, process 1 silent. Process 3 knows that, and comes to process 2 while that one
 * still waits for process 1. */
static void silent_or_shrink(struct job *job, uint32_t me, struct trn_boot *boot,
			     struct report *report)
{
	uint64_t deadline = job_deadline(me == 2 ? 2000 : 5000), pause = job_deadline(300);
	struct trn_boot *rest = NULL;
	unsigned int round = 0;

	die_or_watch(job, me, boot, report);
	if (me == 3)
		(void)trn_boot_loss(boot, 1, 0, NULL, "process 1 is silent");
	while (!trn_clock_passed(me == 1 ? deadline : pause) && me != 2)
		trn_clock_backoff(&round);
	if (me == 1)
		return;
	job_report(job_context(boot), trn_boot_shrink(boot, deadline, &rest), deadline, report);
	report->processes = rest ? trn_boot_processes(rest) : 0;
	report->process = rest ? trn_boot_process(rest) : 0;
	trn_boot_close(rest);
}

START_TEST(a_survivor_may_come_before_the_hub_knows_that_it_is_one)
{
	struct job job = { .count = 4, .number = 1, .with = silent_or_shrink };

	job_root_tcp(&job, "127.0.0.1");
	job_run(&job);
	for (uint32_t p = 2; p < job.count; p++) {
		ck_assert_msg(job.reports[p].r == 0, "process %u: %d %s", p, job.reports[p].r,
			      job.reports[p].cause);
		ck_assert_uint_eq(job.reports[p].processes, 2);
		ck_assert_uint_eq(job.reports[p].process, p - 2);
	}
}
END_TEST

static void out_of_memory(struct job *job, uint32_t me, struct trn_boot *boot,
			  struct report *report)
{
	struct trn_test_alloc mem;
	struct trn_boot *rest = NULL;

	die_or_watch(job, me, boot, report);
	trn_test_alloc_init(&mem, me == job->victim ? (long)job->pass : -1);
	boot->context->alloc = mem.alloc;
	report->r = trn_boot_shrink(boot, job_deadline(1000), &rest);
	report->processes = mem.failed;
	trn_boot_close(rest);
	report->lost = mem.live != 0;
	boot->context->alloc = trn_alloc_libc;
}

START_TEST(a_shrink_without_memory_says_so)
{
	/* The new hub is process 1, process 2 comes to it; process 0 dies. */
	for (uint32_t victim = 1; victim < 3; victim++) {
		for (uint32_t pass = 0, refused = 1; refused; pass++) {
			struct job job = { .count = 3,
					   .number = 1,
					   .victim = victim,
					   .pass = pass,
					   .with = out_of_memory };

			job_root_tcp(&job, "127.0.0.1");
			job_run(&job);
			refused = job.reports[victim].processes;
			ck_assert_int_eq(job.reports[victim].r, refused ? -ENOMEM : 0);
			ck_assert_uint_eq(job.reports[victim].lost, 0);
		}
	}
}
END_TEST

static Suite *loss_suite(void)
{
	Suite *suite = suite_create("runtime-boot-loss");
	TCase *tc = tcase_create("loss");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_death_is_heard_by_all);
	tcase_add_test(tc, what_one_tells_all_hear);
	tcase_add_test(tc, a_process_that_there_is_not_is_no_loss);
	tcase_add_test(tc, a_blob_that_differs_is_named);
	tcase_add_test(tc, who_left_is_no_loss_until_it_is_needed);
	tcase_add_test(tc, survivors_go_on);
	tcase_add_test(tc, survivors_go_on_whoever_dies);
	tcase_add_test(tc, a_survivor_may_come_before_the_hub_knows_that_it_is_one);
	tcase_add_test(tc, a_shrink_without_memory_says_so);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(loss_suite)
