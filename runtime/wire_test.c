/* SPDX-License-Identifier: Apache-2.0 */
/* Wires: which transport, what of libfabric's habits does not reach the process, memory. */
#include "runtime/test_hostcoll.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

static int expect_transport(struct test_process *self, const char *name)
{
	return strcmp(trn_wire_transport(self->wire), name) == 0 ?
		       0 :
		       test_wrong(self, "the transport is %s", trn_wire_transport(self->wire));
}

/* ---- choosing ---- */

static int is_mapping(struct test_process *self)
{
	return expect_transport(self, "shared mapping");
}

static int is_alone(struct test_process *self)
{
	return expect_transport(self, "alone");
}

START_TEST(one_host_shares_a_mapping)
{
	struct test_job job = { .processes = 3 };

	ck_assert_uint_eq(test_job_run(&job, is_mapping), 0);
	job.provider = TRN_WIRE_MAPPING;
	ck_assert_uint_eq(test_job_run(&job, is_mapping), 0);
	job.processes = 1;
	job.provider = NULL;
	ck_assert_uint_eq(test_job_run(&job, is_alone), 0);
}
END_TEST

/* Opens by hand: the answer is an error. */
static int open_wire(struct test_process *self, const char *provider)
{
	const uint64_t deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	const struct trn_boot_opts opts = { .root = self->job->root,
					    .process = self->process,
					    .processes = self->job->processes,
					    .ranks = 1 };
	int r = trn_context_create(NULL, &self->context);

	if (r == 0)
		r = trn_boot_open(self->context, &opts, deadline_ns, &self->boot);
	return r < 0 ? r :
		       trn_wire_open(self->context, self->boot, provider, deadline_ns, &self->wire);
}

static void close_wire(struct test_process *self)
{
	uint32_t all[TEST_PROCESSES_MAX];

	(void)trn_boot_exchange(self->boot, 78, &self->process, 4, all,
				trn_clock_deadline(TEST_LIMIT_NS));
	trn_wire_close(self->wire);
	trn_boot_close(self->boot);
	(void)trn_context_unref(self->context);
}

static int no_such(struct test_process *self)
{
	int r = open_wire(self, "carrier-pigeon");

	if (r != -ENOTSUP)
		return test_wrong(self, "it answers %d", r);
	close_wire(self);
	return 0;
}

START_TEST(a_provider_that_is_not_there_is_refused)
{
	struct test_job job = { .processes = 2 };

	ck_assert_uint_eq(test_job_fork(&job, no_such), 0);
}
END_TEST

static int others_provider(struct test_process *self)
{
	uint32_t all[TEST_PROCESSES_MAX];
	int r = open_wire(self, self->process == 1 ? "tcp;ofi_rxm" : "shm");

	if (r != -TRN_ERANK || !strstr(test_cause(self), "another provider"))
		return test_wrong(self, "it answers %d", r);
	trn_wire_close(self->wire);
	/* Until the other has seen it, too. */
	(void)trn_boot_exchange(self->boot, 78, &self->process, 4, all,
				trn_clock_deadline(UINT64_C(200000000)));
	trn_boot_close(self->boot);
	(void)trn_context_unref(self->context);
	return 0;
}

START_TEST(processes_must_want_the_same_provider)
{
	struct test_job job = { .processes = 2 };

	ck_assert_uint_eq(test_job_fork(&job, others_provider), 0);
}
END_TEST

#ifdef TRN_HAVE_FABRIC

static int from_environment(struct test_process *self)
{
	int r = setenv("TRN_COMM_PROVIDER", "tcp;ofi_rxm", 1) < 0 ? -errno : open_wire(self, NULL);

	if (r == 0)
		r = expect_transport(self, "tcp;ofi_rxm");
	close_wire(self);
	return r;
}

START_TEST(the_environment_names_a_provider)
{
	struct test_job job = { .processes = 2 };

	ck_assert_uint_eq(test_job_fork(&job, from_environment), 0);
}
END_TEST

/* ---- what libfabric does, and must not do here ---- */

static bool is_loaded(const char *library)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	while (maps && !found && fgets(line, sizeof(line), maps))
		found = strstr(line, library) != NULL;
	if (maps)
		(void)fclose(maps);
	return found;
}

static void own_handler(int number)
{
	(void)number;
}

static const int watched[] = { SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGINT, SIGTERM };

static int handlers_stay(struct test_process *self)
{
	struct sigaction action;
	int r = 0;

	if (is_loaded("libfabric"))
		return test_wrong(self, "libfabric is loaded before anybody wants it");
	for (size_t i = 0; i < TRN_ARRAY_LEN(watched); i++)
		(void)signal(watched[i], own_handler);
	r = open_wire(self, self->job->provider);
	if (r < 0 || !is_loaded("libfabric"))
		return test_wrong(self, "no wire");
	for (size_t i = 0; i < TRN_ARRAY_LEN(watched); i++)
		if (sigaction(watched[i], NULL, &action) < 0 || action.sa_handler != own_handler)
			return test_wrong(self, "signal %d was taken", watched[i]);
	close_wire(self);
	return 0;
}

START_TEST(libfabric_takes_no_signals)
{
	static const char *const providers[] = { "shm", "tcp;ofi_rxm" };
	struct test_job job = { .processes = 2, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_fork(&job, handlers_stay), 0);
}
END_TEST

static int says_staging(struct test_process *self)
{
	return strstr(trn_wire_memory(self->wire), "staging") &&
			       strstr(trn_wire_memory(self->wire), "device memory: ") ?
		       0 :
		       test_wrong(self, "memory: %s", trn_wire_memory(self->wire));
}

START_TEST(device_memory_is_staged_and_it_says_so)
{
	struct test_job job = { .processes = 2, .provider = "shm" };

	ck_assert_uint_eq(test_job_run(&job, says_staging), 0);
}
END_TEST

/* Names come from the process that opens: children of one parent, each by itself, and a read of
 * memory lands where it belongs. */
static int reads_land(struct test_process *self)
{
	struct trn_wire_window window = { 0 };
	struct trn_wire_remote all[4];
	struct trn_wire_remote mine;
	struct trn_wire_get get;
	struct trn_wire_request *request;
	uint64_t memory[1024];
	const uint32_t n = self->job->processes, next = (self->process + 1) % n;
	const uint64_t deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	int r;

	for (uint32_t i = 0; i < 1024; i++)
		memory[i] = self->process * 10000 + i;
	r = trn_wire_expose(self->wire, memory, sizeof(memory), &window);
	if (r < 0)
		return test_wrong(self, "expose %d", r);
	mine = trn_wire_remote(self->wire, &window);
	r = trn_boot_exchange(self->boot, 5, &mine, sizeof(mine), all, deadline_ns);
	get = (struct trn_wire_get){ next, all[next], 256 * 8, &window, 512 * 8, 256 * 8 };
	if (r == 0)
		r = trn_wire_get(self->wire, &get, &request);
	while (r == 0 && (r = trn_wire_test(self->wire, request, NULL)) == -EAGAIN &&
	       !trn_clock_passed(deadline_ns))
		r = trn_wire_progress(self->wire);
	for (uint32_t i = 0; r == 0 && i < 1024; i++) {
		const uint64_t expected = i >= 512 && i < 768 ? next * 10000 + i - 256 :
								self->process * 10000 + i;

		if (memory[i] != expected)
			r = test_wrong(self, "word %u is %llu", i, (unsigned long long)memory[i]);
	}
	/* Out of its own window: refused before libfabric sees it. */
	get.offset = sizeof(memory) - 8;
	if (r == 0 && trn_wire_get(self->wire, &get, &request) != -EINVAL)
		r = test_wrong(self, "a read may go past the window");
	/* Others may still read. */
	if (r == 0)
		for (r = 1; r > 0 && !trn_clock_passed(deadline_ns);) {
			_Atomic uint32_t *done = self->job->shared;

			if (request) {
				(void)atomic_fetch_add(done, 1);
				request = NULL;
			}
			r = trn_wire_progress(self->wire);
			if (r == 0)
				r = atomic_load(done) < n;
		}
	trn_wire_conceal(self->wire, &window);
	return r;
}

START_TEST(reads_land_where_they_belong)
{
	static const char *const providers[] = { "shm", "tcp;ofi_rxm" };
	struct test_job job = { .processes = 3, .provider = providers[_i] };

	ck_assert_uint_eq(test_job_run(&job, reads_land), 0);
}
END_TEST

/* No operation of the wire waits inside of libfabric: a provider that hangs is found late by the
 * deadline, not never. sockets serves who names it. */
static int by_sockets(struct test_process *self)
{
	static float memory[100];
	struct trn_hostcoll_call call = { .kind = TRN_COMM_ALL_REDUCE,
					  .dtype = TRN_DTYPE_F32,
					  .count = 100,
					  .src = memory,
					  .dst = memory,
					  .deadline_ns = trn_clock_deadline(UINT64_C(3000000000)) };
	const uint64_t start_ns = trn_clock_ns();
	int r = trn_hostcoll_run(self->wire, &call);

	if (r != 0 && r != -TRN_ERANK)
		return test_wrong(self, "it answers %d", r);
	return trn_clock_ns() - start_ns < UINT64_C(15000000000) ?
		       0 :
		       test_wrong(self, "the deadline was not kept");
}

START_TEST(a_named_provider_is_taken_and_bounded)
{
	struct test_job job = { .processes = 2, .provider = "sockets" };

	ck_assert_uint_eq(test_job_run(&job, by_sockets), 0);
}
END_TEST

#endif

/* ---- memory ---- */

static uint32_t shm_files(void)
{
	DIR *folder = opendir("/dev/shm");
	const struct dirent *entry;
	uint32_t count = 0;

	while (folder && (entry = readdir(folder)))
		count += strncmp(entry->d_name, "trn", 3) == 0;
	if (folder)
		(void)closedir(folder);
	return count;
}

/* A process is killed in the middle: nothing of the mapping has a name. */
static int killed(struct test_process *self)
{
	void *memory = NULL;

	if (trn_wire_host_alloc(self->wire, 1 << 20, &memory) < 0)
		return test_wrong(self, "no memory");
	memset(memory, 1, 1 << 20);
	(void)kill(getpid(), SIGKILL);
	return 0;
}

START_TEST(nothing_stays_behind)
{
	struct test_job job = { .processes = 2 };
	const uint32_t before = shm_files();

	ck_assert_uint_eq(test_job_run(&job, killed), 3);
	ck_assert_uint_eq(shm_files(), before);
}
END_TEST

/* Blocks do not overlap, are zero, and come back whole. */
static int heap(struct test_process *self)
{
	static const uint64_t sizes[] = { 1, 64, 100, 4096, 3 << 20, 2 << 20, 5000 };
	unsigned char *blocks[TRN_ARRAY_LEN(sizes)];
	void *again = NULL;

	for (uint32_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < TRN_ARRAY_LEN(sizes); i++) {
			void *memory = NULL;

			if (trn_wire_host_alloc(self->wire, sizes[i], &memory) < 0)
				return test_wrong(self, "no memory");
			blocks[i] = memory;
			if ((uintptr_t)memory % 64 != 0 || blocks[i][0] || blocks[i][sizes[i] - 1])
				return test_wrong(self, "not aligned, or not zero");
			memset(blocks[i], (int)i + 1, sizes[i]);
		}
		for (size_t i = 0; i < TRN_ARRAY_LEN(sizes); i++)
			for (uint64_t b = 0; b < sizes[i]; b++)
				if (blocks[i][b] != i + 1)
					return test_wrong(self, "blocks overlap");
		for (size_t i = 0; i < TRN_ARRAY_LEN(sizes); i++)
			if (trn_wire_host_free(self->wire, blocks[(i * 3 + round) % 7]) < 0)
				return test_wrong(self, "a block does not come back");
	}
	if (trn_wire_host_free(self->wire, blocks[0]) != -EINVAL ||
	    trn_wire_host_free(self->wire, &again) != -EINVAL ||
	    trn_wire_host_free(self->wire, NULL) != 0)
		return test_wrong(self, "memory from elsewhere is taken");
	if (trn_wire_host_alloc(self->wire, 0, &again) != -EINVAL ||
	    trn_wire_host_alloc(self->wire, UINT64_C(1) << 40, &again) != -ENOMEM)
		return test_wrong(self, "sizes that are none");
	/* Whole again: nearly all of the heap in one block. */
	if (self->wire->map && self->process == 0 &&
	    (!self->wire->map->blocks || self->wire->map->blocks->next ||
	     self->wire->map->blocks->used))
		return test_wrong(self, "the heap stays in pieces");
	return 0;
}

START_TEST(host_memory)
{
	struct test_job job = { .processes = 2 };

	ck_assert_uint_eq(test_job_run(&job, heap), 0);
	job.processes = 1;
	ck_assert_uint_eq(test_job_run(&job, heap), 0);
}
END_TEST

/* Each allocation of opening refused once, alone and with another process. */
static int no_memory(struct test_process *self)
{
	const uint64_t deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	const struct trn_boot_opts boot_opts = { .root = self->job->root,
						 .process = self->process,
						 .processes = self->job->processes,
						 .ranks = 1 };
	int r = 0;

	for (long n = 0; r == 0; n++) {
		struct trn_test_alloc mem;
		struct trn_context_opts opts = { .size = sizeof(opts), .alloc = &mem.alloc };

		trn_test_alloc_init(&mem, -1);
		r = trn_context_create(&opts, &self->context);
		if (r == 0)
			r = trn_boot_open(self->context, &boot_opts, deadline_ns, &self->boot);
		if (r < 0)
			return test_wrong(self, "no boot");
		trn_test_alloc_arm(&mem, n);
		self->wire = NULL;
		r = trn_wire_open(self->context, self->boot, self->job->provider, deadline_ns,
				  &self->wire);
		if (mem.failed && (r != -ENOMEM || !test_cause(self)[0]))
			return test_wrong(self, "allocation %ld refused: %d", n, r);
		trn_test_alloc_arm(&mem, -1);
		trn_wire_close(self->wire);
		trn_boot_close(self->boot);
		(void)trn_context_unref(self->context);
		self->context = NULL;
		if (mem.live != 0)
			return test_wrong(self, "%ld blocks stay", mem.live);
		if (r == 0)
			break;
		r = 0;
	}
	return r;
}

START_TEST(allocations_fail_one_by_one)
{
	struct test_job job = { .processes = 1 };

	ck_assert_uint_eq(test_job_fork(&job, no_memory), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("wire");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, one_host_shares_a_mapping);
	tcase_add_test(t, a_provider_that_is_not_there_is_refused);
	tcase_add_test(t, processes_must_want_the_same_provider);
	tcase_add_test(t, nothing_stays_behind);
	tcase_add_test(t, host_memory);
	tcase_add_test(t, allocations_fail_one_by_one);
#ifdef TRN_HAVE_FABRIC
	tcase_add_test(t, the_environment_names_a_provider);
	tcase_add_loop_test(t, libfabric_takes_no_signals, 0, 2);
	tcase_add_test(t, device_memory_is_staged_and_it_says_so);
	tcase_add_loop_test(t, reads_land_where_they_belong, 0, 2);
	tcase_add_test(t, a_named_provider_is_taken_and_bounded);
#endif
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
