// SPDX-License-Identifier: Apache-2.0
/*
 * allreduce: the processes of a job add up a vector, each one a rank; every element is checked.
 * A rank is host memory, or core 0 of a device when a URI is given.
 * usage: allreduce [--shrink] [ELEMENTS [ROUNDS [SECONDS_PER_CALL [URI]]]]
 * Who a process is, and where they meet, says the environment (docs/launch.md). With --shrink those
 * that are left after a failure go on without the lost ones.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/comm.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)

struct job {
	struct trn_context *context;
	struct trn_device *device;
	struct trn_buffer *buffer;
	struct trn_comm *comm;
	const char *uri;
	unsigned long count, rounds, seconds;
	float *values;
};

/* Whole numbers: their sum is exact in any order. */
static float value_of(uint32_t rank, unsigned long i)
{
	return (float)(rank + i % 61);
}

/* The record says who is missing, late, dead or wrong. */
static int fail(struct job *job, int r)
{
	struct trn_error error = { .size = sizeof(error) };

	if (r < 0 && trn_error_get(job->context, &error) == 0)
		printf("failed %d: %s (%s)\n", r, error.cause, error.hint);
	return r;
}

static int one_round(struct job *job, const struct trn_comm_info *info, unsigned long round)
{
	const struct trn_comm_span span = { .buffer = job->buffer,
					    .host = job->buffer ? NULL : job->values };
	const struct trn_comm_call call = { .size = sizeof(call),
					    .kind = TRN_COMM_ALL_REDUCE,
					    .dtype = TRN_DTYPE_F32,
					    .rank = info->first,
					    .count = job->count,
					    .src = span,
					    .dst = span };
	uint64_t deadline = trn_deadline_in(job->seconds * SECONDS);
	uint64_t bytes = job->count * sizeof(float);
	float n = (float)info->ranks;
	int r = 0;

	for (unsigned long i = 0; i < job->count; i++)
		job->values[i] = value_of(info->first, i + round);
	if (job->buffer)
		r = trn_buffer_write(job->buffer, 0, job->values, bytes, deadline);
	if (r == 0)
		r = trn_comm_run(job->comm, &call, 1, deadline);
	if (r == 0 && job->buffer)
		r = trn_buffer_read(job->buffer, 0, job->values, bytes, deadline);
	for (unsigned long i = 0; r == 0 && i < job->count; i++)
		if (job->values[i] != n * (value_of(0, i + round) + (n - 1) / 2))
			r = -EBADMSG;
	return r;
}

static int all_rounds(struct job *job)
{
	struct trn_comm_info info = { .size = sizeof(info) };
	int r = trn_comm_info(job->comm, &info);

	for (unsigned long round = 0; r == 0 && round < job->rounds; round++) {
		r = one_round(job, &info, round);
		if (r == 0 && round == 0)
			printf("ready %u %u %s %s\n", info.first, info.ranks, info.launcher,
			       info.transport);
	}
	if (r == 0 || r == -EBADMSG)
		printf("rank %u of %u: %lu elements, %lu times: %s\n", info.first, info.ranks,
		       job->count, job->rounds, r ? "wrong" : "right");
	return fail(job, r);
}

/* Says who is lost, and goes on without them. */
static int recover(struct job *job)
{
	struct trn_comm *rest = NULL;
	char why[192];
	uint32_t rank;
	int r;

	for (uint32_t i = 0; trn_comm_lost(job->comm, i, &rank, why, sizeof(why)) == 0; i++)
		printf("lost: rank %u: %s\n", rank, why);
	r = trn_comm_shrink(job->comm, trn_deadline_in(2 * job->seconds * SECONDS), &rest);
	if (r < 0)
		return fail(job, r);
	trn_comm_unref(job->comm);
	job->comm = rest;
	job->rounds = 3;
	return all_rounds(job);
}

static int setup(struct job *job)
{
	/* Started by hand, without a launcher or a root, it is a job of one. */
	const char *root = getenv("TRN_COMM_ROOT") || getenv("PMIX_NAMESPACE") ? "env" : NULL;
	struct trn_comm_opts opts = { .size = sizeof(opts), .root = root, .count = 1 };
	struct trn_buffer_opts memory = { .size = sizeof(memory),
					  .bytes = job->count * sizeof(float) };
	uint64_t deadline = trn_deadline_in(job->seconds * SECONDS);
	int r = trn_context_create(NULL, &job->context);

	if (r == 0 && job->uri) {
		r = trn_device_open(job->context, job->uri, deadline, &job->device);
		if (r == 0)
			r = trn_buffer_create(job->device, &memory, &job->buffer);
		opts.devices = &job->device;
	}
	return r < 0 ? r : trn_comm_create(job->context, &opts, deadline, &job->comm);
}

int main(int argc, char **argv)
{
	struct job job = { .count = 10000, .rounds = 10, .seconds = 30 };
	unsigned long *numbers[] = { &job.count, &job.rounds, &job.seconds };
	int shrink = argc > 1 && strcmp(argv[1], "--shrink") == 0, r;

	setvbuf(stdout, NULL, _IOLBF, 0); /* a launcher reads it line by line */
	for (int i = 1 + shrink; i < argc && i < 4 + shrink; i++)
		*numbers[i - 1 - shrink] = strtoul(argv[i], NULL, 0);
	job.uri = argc > 4 + shrink ? argv[4 + shrink] : NULL;
	job.values = calloc(job.count, sizeof(float));
	r = job.values ? fail(&job, setup(&job)) : -ENOMEM;
	r = r < 0 ? r : all_rounds(&job);
	if (r < 0 && job.comm && shrink)
		r = recover(&job);
	trn_comm_unref(job.comm);
	trn_buffer_unref(job.buffer);
	trn_device_unref(job.device);
	trn_context_unref(job.context);
	free(job.values);
	return r < 0;
}
