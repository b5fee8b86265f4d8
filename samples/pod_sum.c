// SPDX-License-Identifier: Apache-2.0
/* The chips of a pod add a vector: each gives its own numbers and gets the sum of all.
 * usage: pod_sum [POD] */
#include <stdio.h>
#include <trn/comm.h>
#include <trn/trn.h>

#define CHIPS 256
#define COUNT 1024
#define SOON trn_deadline_in(UINT64_C(60000000000))

struct pod {
	struct trn_context *context;
	struct trn_device *device[CHIPS];
	struct trn_buffer *vector[CHIPS];
	uint32_t chips;
	struct trn_comm *comm;
};

static int fill(struct pod *pod, uint32_t rank)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts),
					      .bytes = COUNT * sizeof(float) };
	float numbers[COUNT];
	int r;

	for (uint32_t i = 0; i < COUNT; i++)
		numbers[i] = (float)(rank + i);
	r = trn_buffer_create(pod->device[rank], &opts, &pod->vector[rank]);
	return r < 0 ? r : trn_buffer_write(pod->vector[rank], 0, numbers, sizeof(numbers), SOON);
}

/* One rank on every chip. */
static int join(struct pod *pod)
{
	const struct trn_comm_opts opts = { .size = sizeof(opts),
					    .devices = pod->device,
					    .count = pod->chips };

	return trn_comm_create(pod->context, &opts, SOON, &pod->comm);
}

/* In place: a rank's vector becomes the sum of all. */
static int add(struct pod *pod)
{
	struct trn_comm_call calls[CHIPS];

	for (uint32_t rank = 0; rank < pod->chips; rank++)
		calls[rank] = (struct trn_comm_call){ .size = sizeof(calls[rank]),
						      .kind = TRN_COMM_ALL_REDUCE,
						      .op = TRN_COMM_SUM,
						      .dtype = TRN_DTYPE_F32,
						      .rank = rank,
						      .count = COUNT,
						      .src.buffer = pod->vector[rank],
						      .dst.buffer = pod->vector[rank] };
	return trn_comm_run(pod->comm, calls, pod->chips, SOON);
}

/* How many numbers of all chips are wrong, or an error. */
static int check(struct pod *pod)
{
	const float n = (float)pod->chips;
	float numbers[COUNT];
	int wrong = 0;

	for (uint32_t rank = 0; rank < pod->chips; rank++) {
		int r = trn_buffer_read(pod->vector[rank], 0, numbers, sizeof(numbers), SOON);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < COUNT; i++)
			wrong += numbers[i] != n * (n - 1) / 2 + n * (float)i;
	}
	return wrong;
}

static int run(struct pod *pod, const char *uri)
{
	struct trn_comm_times times = { .size = sizeof(times) };
	int r = trn_pod_open(pod->context, uri, SOON, pod->device, CHIPS, &pod->chips);

	for (uint32_t rank = 0; r == 0 && rank < pod->chips; rank++)
		r = fill(pod, rank);
	if (r == 0)
		r = join(pod);
	if (r == 0)
		r = add(pod);
	if (r == 0)
		r = check(pod);
	if (r < 0)
		return r;
	printf("%u chips, %d numbers each: %d wrong\n", pod->chips, COUNT, r);
	if (trn_comm_times(pod->comm, &times) == 0)
		printf("device time: %.1f us\n", (double)times.device_ns / 1000);
	return r;
}

int main(int argc, char **argv)
{
	struct trn_error error = { .size = sizeof(error) };
	static struct pod pod;
	int r = trn_context_create(NULL, &pod.context);

	if (r == 0)
		r = run(&pod, argc > 1 ? argv[1] : "mock:trn2-48xl");
	if (r < 0) {
		(void)trn_error_get(pod.context, &error);
		fprintf(stderr, "pod_sum: %s: %s: %s\n", trn_strerror(r), error.operation,
			error.cause);
	}
	trn_comm_unref(pod.comm);
	for (uint32_t rank = 0; rank < pod.chips; rank++) {
		trn_buffer_unref(pod.vector[rank]);
		trn_device_unref(pod.device[rank]);
	}
	trn_context_unref(pod.context);
	return r != 0;
}
