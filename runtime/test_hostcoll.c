/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/test_hostcoll.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/number.h"
#include "base/prng.h"

/* ---- processes ---- */

int test_wrong(const struct test_process *self, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "# process %u of %u (%s): %s; %s\n", self->process,
		      self->job->processes, self->job->provider ? self->job->provider : "mapping",
		      text, test_cause(self));
	return -EPROTO;
}

const char *test_cause(const struct test_process *self)
{
	static struct trn_error error;

	error.size = sizeof(error);
	return self->context && trn_error_get(self->context, &error) == 0 ? error.cause : "";
}

static int with_wire(struct test_process *self, test_process_fn *fn)
{
	const uint64_t deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	const struct trn_boot_opts opts = { .root = self->job->root,
					    .process = self->process,
					    .processes = self->job->processes,
					    .ranks = 1 };
	uint32_t all[TEST_PROCESSES_MAX];
	int r = trn_context_create(NULL, &self->context);

	if (r == 0)
		r = trn_boot_open(self->context, &opts, deadline_ns, &self->boot);
	if (r == 0)
		r = trn_wire_open(self->context, self->boot, self->job->provider, deadline_ns,
				  &self->wire);
	if (r < 0)
		return test_wrong(self, "no wire: %s", trn_strerror(r));
	r = fn(self);
	/* Nobody goes while another still works. */
	if (r == 0)
		r = trn_boot_exchange(self->boot, 77, &self->process, 4, all, deadline_ns);
	if (r < 0)
		(void)test_wrong(self, "at the end: %s", trn_strerror(r));
	trn_wire_close(self->wire);
	trn_boot_close(self->boot);
	(void)trn_context_unref(self->context);
	return r;
}

static uint32_t collect(pid_t *pids, uint32_t count)
{
	const uint64_t deadline_ns = trn_clock_deadline(2 * TEST_LIMIT_NS);
	uint32_t bad = 0, left = count;
	unsigned int round = 0;

	while (left > 0) {
		for (uint32_t p = 0; p < count; p++) {
			int status = 0;

			if (pids[p] <= 0 || waitpid(pids[p], &status, WNOHANG) != pids[p])
				continue;
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				bad |= 1u << p;
			pids[p] = 0;
			left--;
		}
		if (trn_clock_passed(deadline_ns))
			for (uint32_t p = 0; p < count; p++)
				if (pids[p] > 0)
					(void)kill(pids[p], SIGKILL);
		trn_clock_backoff(&round);
	}
	return bad;
}

static uint32_t start(struct test_job *job, test_process_fn *fn, bool wire)
{
	pid_t pids[TEST_PROCESSES_MAX];
	char folder[] = "/tmp/trn-job-XXXXXX";
	uint32_t bad;

	if (!mkdtemp(folder))
		return UINT32_MAX;
	(void)snprintf(job->root, sizeof(job->root), "file:%s/root", folder);
	job->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)fflush(NULL);
	for (uint32_t p = 0; p < job->processes; p++) {
		pids[p] = fork();
		if (pids[p] == 0) {
			struct test_process self = { .job = job, .process = p };
			int r = wire ? with_wire(&self, fn) : fn(&self);

			(void)fflush(NULL);
			_exit(r == 0 ? 0 : 1);
		}
	}
	bad = collect(pids, job->processes);
	(void)munmap(job->shared, 4096);
	(void)unlink(job->root + 5);
	(void)rmdir(folder);
	return bad;
}

uint32_t test_job_run(struct test_job *job, test_process_fn *fn)
{
	return start(job, fn, true);
}

uint32_t test_job_fork(struct test_job *job, test_process_fn *fn)
{
	return start(job, fn, false);
}

/* ---- what a call should give ---- */

void test_fill(enum trn_dtype dtype, uint64_t seed, uint32_t process, uint64_t first,
	       uint64_t count, void *ret_row)
{
	const size_t size = trn_dtype_size(dtype);

	for (uint64_t i = 0; i < count; i++) {
		const uint64_t x = (seed * 31 + process * 7 + (first + i) * 13 + (first + i) / 97) &
				   0xffff;
		const float value = (float)((int)(x % 15) - 7) * 0.25f;
		const uint32_t integer = (uint32_t)(x * 2654435761u) >> 8;
		unsigned char *out = (unsigned char *)ret_row + i * size;

		if (dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32)
			memcpy(out, &integer, size);
		else
			trn_row_from_f32(out, &value, dtype, 1);
	}
}

/* A call as a table of pieces: of each pair (from, to) where it begins on both sides. */
struct plan {
	struct trn_hostcoll_call call;
	uint32_t processes, me;
	uint64_t src_elements, dst_elements;                     /* of this process */
	uint64_t counts[TEST_PROCESSES_MAX][TEST_PROCESSES_MAX]; /* [from][to] */
	uint64_t src_counts[TEST_PROCESSES_MAX], dst_counts[TEST_PROCESSES_MAX];
	uint64_t dst_offsets[TEST_PROCESSES_MAX];
	uint32_t permutation[TEST_PROCESSES_MAX];
	uint64_t seed;
};

static void plan_counts(struct plan *plan, bool counts, struct trn_prng *prng)
{
	const uint64_t count = plan->call.count;
	uint64_t at = 0;

	for (uint32_t f = 0; f < plan->processes; f++) {
		const uint64_t row = counts ? trn_prng_below(prng, 2 * count + 1) : count;

		for (uint32_t t = 0; t < plan->processes; t++)
			plan->counts[f][t] = counts && plan->call.kind == TRN_COMM_ALL_TO_ALL ?
						     trn_prng_below(prng, 2 * count + 1) :
						     row;
	}
	for (uint32_t p = 0; p < plan->processes; p++) {
		plan->src_counts[p] = plan->counts[plan->me][p];
		/* Of a scatter row p is what process p gets. */
		plan->dst_counts[p] = plan->counts[p][plan->me];
		plan->dst_offsets[p] = at + p; /* with a gap */
		at += plan->dst_counts[p];
	}
	if (!counts)
		return;
	plan->call.dst_counts = plan->dst_counts;
	if (plan->call.kind == TRN_COMM_ALL_TO_ALL)
		plan->call.src_counts = plan->src_counts;
	if (plan->call.kind != TRN_COMM_REDUCE_SCATTER)
		plan->call.dst_offsets = plan->dst_offsets;
}

static void plan_permutation(struct plan *plan, struct trn_prng *prng)
{
	for (uint32_t p = 0; p < plan->processes; p++)
		plan->permutation[p] = p;
	for (uint32_t p = plan->processes; p > 1; p--) {
		const uint32_t q = (uint32_t)trn_prng_below(prng, p);
		const uint32_t other = plan->permutation[q];

		plan->permutation[q] = plan->permutation[p - 1];
		plan->permutation[p - 1] = other;
	}
	if (plan->processes > 2)
		plan->permutation[trn_prng_below(prng, plan->processes)] = UINT32_MAX;
	plan->call.permutation = plan->permutation;
}

static uint64_t sum(const uint64_t *values, uint32_t count)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < count; i++)
		total += values[i];
	return total;
}

static void plan_sizes(struct plan *plan)
{
	const uint32_t n = plan->processes;

	plan->src_elements = plan->dst_elements = plan->call.count;
	switch (plan->call.kind) {
	case TRN_COMM_REDUCE_SCATTER:
		plan->src_elements = sum(plan->dst_counts, n);
		plan->dst_elements = plan->dst_counts[plan->me];
		break;
	case TRN_COMM_ALL_GATHER:
		plan->src_elements = plan->counts[plan->me][0];
		plan->dst_elements = sum(plan->dst_counts, n) + n;
		break;
	case TRN_COMM_ALL_TO_ALL:
		plan->src_elements = sum(plan->src_counts, n);
		plan->dst_elements = sum(plan->dst_counts, n) + n;
		break;
	default:
		break;
	}
}

/* Element i of dst comes from element *ret_at of process *ret_from; false: untouched. */
static bool comes_from(const struct plan *plan, uint64_t i, uint32_t *ret_from, uint64_t *ret_at)
{
	const struct trn_hostcoll_call *call = &plan->call;

	if (call->kind == TRN_COMM_BROADCAST) {
		*ret_from = call->root;
		*ret_at = i;
		return true;
	}
	for (uint32_t p = 0; p < plan->processes; p++) {
		const uint64_t begin = call->kind == TRN_COMM_PERMUTE ? 0 :
				       call->dst_offsets              ? plan->dst_offsets[p] :
									p * call->count;
		const uint64_t count =
			call->kind == TRN_COMM_PERMUTE ?
				(plan->permutation[p] == plan->me ? call->count : 0) :
				plan->dst_counts[p];

		if (i < begin || i - begin >= count)
			continue;
		*ret_from = p;
		*ret_at = i - begin;
		if (call->kind == TRN_COMM_ALL_TO_ALL)
			*ret_at += sum(plan->counts[p], plan->me);
		return true;
	}
	return false;
}

static bool reduces(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_REDUCE ||
	       kind == TRN_COMM_REDUCE_SCATTER;
}

static void expect_reduced(const struct plan *plan, unsigned char *expected)
{
	static const enum trn_ext_reduce ops[] = { TRN_REDUCE_SUM, TRN_REDUCE_MIN, TRN_REDUCE_MAX,
						   TRN_REDUCE_PROD, TRN_REDUCE_SUM };
	const bool average = plan->call.op == TRN_COMM_AVG;
	const struct trn_reduce how = { plan->call.dtype, ops[plan->call.op],
					average ? 1.0f / (float)plan->processes : 1.0f,
					average ? plan->processes : 1 };
	const uint64_t count = plan->dst_elements;
	const size_t size = trn_dtype_size(plan->call.dtype);
	const uint64_t first =
		plan->call.kind == TRN_COMM_REDUCE_SCATTER ? sum(plan->dst_counts, plan->me) : 0;
	const void *rows[TEST_PROCESSES_MAX];
	unsigned char *all = malloc(count * size * plan->processes + 1);

	if (plan->call.kind == TRN_COMM_REDUCE && plan->call.root != plan->me) {
		free(all);
		return;
	}
	for (uint32_t p = 0; p < plan->processes; p++) {
		rows[p] = all + p * count * size;
		test_fill(plan->call.dtype, plan->seed, p, first, count, all + p * count * size);
	}
	trn_reduce_row(expected, rows, plan->processes, &how, count);
	free(all);
}

static void expect_moved(const struct plan *plan, unsigned char *expected)
{
	const size_t size = trn_dtype_size(plan->call.dtype);

	for (uint64_t i = 0; i < plan->dst_elements; i++) {
		uint32_t from;
		uint64_t at;

		if (comes_from(plan, i, &from, &at))
			test_fill(plan->call.dtype, plan->seed, from, at, 1, expected + i * size);
	}
}

static int memory(struct test_process *self, bool shared, uint64_t bytes, void **ret_memory)
{
	if (shared)
		return trn_wire_host_alloc(self->wire, bytes, ret_memory);
	*ret_memory = malloc(bytes);
	return *ret_memory ? 0 : -ENOMEM;
}

static void give_back(struct test_process *self, bool shared, void *block)
{
	if (shared)
		(void)trn_wire_host_free(self->wire, block);
	else
		free(block);
}

/* In place where the kind has it. */
static void place(struct plan *plan, bool in_place, void *src, void *dst)
{
	const uint64_t size = trn_dtype_size(plan->call.dtype);

	plan->call.src = src;
	plan->call.dst = dst;
	if (!in_place)
		return;
	if (plan->call.kind == TRN_COMM_ALL_REDUCE || plan->call.kind == TRN_COMM_REDUCE ||
	    plan->call.kind == TRN_COMM_BROADCAST)
		plan->call.dst = src;
	if (plan->call.kind == TRN_COMM_REDUCE_SCATTER)
		plan->call.dst = (char *)src + sum(plan->dst_counts, plan->me) * size;
}

static int compare(struct test_process *self, struct plan *plan, bool shared, bool in_place)
{
	const size_t size = trn_dtype_size(plan->call.dtype);
	const uint64_t src_bytes = plan->src_elements * size + 64;
	const uint64_t dst_bytes = plan->dst_elements * size + 64;
	unsigned char *expected = malloc(dst_bytes);
	void *src = NULL, *dst = NULL;
	int r = memory(self, shared, src_bytes, &src);

	if (r == 0)
		r = memory(self, shared, dst_bytes, &dst);
	if (r < 0 || !expected)
		return test_wrong(self, "no memory");
	memset(dst, 0xa5, dst_bytes);
	memset(src, 0xa5, src_bytes);
	test_fill(plan->call.dtype, plan->seed, self->process, 0, plan->src_elements, src);
	place(plan, in_place, src, dst);
	memcpy(expected, plan->call.dst, plan->dst_elements * size);
	if (reduces(plan->call.kind))
		expect_reduced(plan, expected);
	else if (plan->call.kind != TRN_COMM_BARRIER)
		expect_moved(plan, expected);
	plan->call.deadline_ns = trn_clock_deadline(TEST_LIMIT_NS);
	r = trn_hostcoll_run(self->wire, &plan->call);
	if (r < 0)
		r = test_wrong(self, "kind %d: %s", plan->call.kind, trn_strerror(r));
	else if (memcmp(expected, plan->call.dst, plan->dst_elements * size) != 0)
		r = test_wrong(self, "kind %d op %d dtype %d count %llu seed %llu: wrong bytes",
			       plan->call.kind, plan->call.op, plan->call.dtype,
			       (unsigned long long)plan->call.count,
			       (unsigned long long)plan->seed);
	give_back(self, shared, src);
	give_back(self, shared, dst);
	free(expected);
	return r;
}

int test_call(struct test_process *self, enum trn_comm_kind kind, enum trn_dtype dtype,
	      enum trn_comm_op op, uint64_t count, uint64_t seed, bool counts)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct trn_prng prng;
	bool shared, in_place;
	int r;

	if (!plan)
		return -ENOMEM;
	trn_prng_seed(&prng, seed * 16 + (uint64_t)kind);
	plan->call.kind = kind;
	plan->call.dtype = dtype;
	plan->call.op = op;
	plan->call.count = count;
	plan->processes = self->job->processes;
	plan->me = self->process;
	plan->seed = seed;
	plan->call.root = (uint32_t)trn_prng_below(&prng, plan->processes);
	plan_counts(plan,
		    counts && (kind == TRN_COMM_ALL_GATHER || kind == TRN_COMM_ALL_TO_ALL ||
			       kind == TRN_COMM_REDUCE_SCATTER),
		    &prng);
	plan_permutation(plan, &prng);
	plan_sizes(plan);
	shared = trn_prng_below(&prng, 2) == 0;
	/* Sometimes one process's memory is elsewhere. */
	if (trn_prng_below(&prng, 4) == 0 && self->process == 0)
		shared = !shared;
	in_place = trn_prng_below(&prng, 3) == 0;
	r = compare(self, plan, shared, in_place);
	free(plan);
	return r;
}
