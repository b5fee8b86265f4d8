// SPDX-License-Identifier: Apache-2.0
/*
 * gemm: C = A B on a NeuronCore with a program of the library's kernels, in FP32, held
 * against a loop on the host.
 * usage: gemm [URI]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <trn/kernels_gemm.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)
#define M 200u
#define N 300u
#define K 150u
#define BUFFERS 4 /* A, B, C, time stamps */

struct work {
	struct trn_device *device;
	struct trn_program *program;
	struct trn_buffer *buffer[BUFFERS];
	struct trn_queue *queue;
	struct trn_batch *batch;
};

/* Sixteenths up to 1: no sum of their products is rounded, whatever its order. */
static void fill(float *values, size_t count, uint32_t seed)
{
	for (size_t i = 0; i < count; i++) {
		seed = seed * 1664525u + 1013904223u;
		values[i] = ((float)(seed >> 27) - 16.0f) / 16.0f;
	}
}

static int upload(struct work *w, const void *bytes, uint64_t size, struct trn_buffer **ret_buffer)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = size };
	int r = trn_buffer_create(w->device, &opts, ret_buffer);

	return r < 0 || !bytes ?
		       r :
		       trn_buffer_write(*ret_buffer, 0, bytes, size, trn_deadline_in(30 * SECONDS));
}

static int setup(struct work *w)
{
	struct trn_gemm_shape shape = {
		.m = M, .n = N, .k = K, .input = TRN_DTYPE_F32, .output = TRN_DTYPE_F32
	};
	void *image;
	size_t bytes;
	int r = trn_kernel_gemm(NULL, &shape, &image, &bytes);

	if (r < 0)
		return r;
	r = trn_program_load(w->device, image, bytes, 0, trn_deadline_in(30 * SECONDS),
			     &w->program);
	trn_image_free(NULL, image);
	if (r == 0)
		r = trn_queue_create(w->device, NULL, &w->queue);
	return r < 0 ? r : trn_batch_create(w->queue, 3, &w->batch);
}

/* Device time is read on the device, in front of the launch and behind it. */
static int launch(struct work *w)
{
	struct trn_buffer **b = w->buffer;
	struct trn_arg args[] = { { .buffer = b[0] }, { .buffer = b[1] }, { .buffer = b[2] } };
	uint64_t deadline = trn_deadline_in(60 * SECONDS), last;
	int r = trn_batch_timestamp(w->batch, b[3], 0);

	if (r == 0)
		r = trn_batch_launch(w->batch, w->program, 0, args, 3);
	if (r == 0)
		r = trn_batch_timestamp(w->batch, b[3], 8);
	if (r == 0)
		r = trn_queue_submit(w->queue, w->batch, deadline, &last);
	return r < 0 ? r : trn_queue_wait(w->queue, last, deadline);
}

static int check(struct work *w, const float *a, const float *b)
{
	uint64_t deadline = trn_deadline_in(30 * SECONDS), stamps[2];
	static float c[M * N];
	double worst = 0;
	int r = trn_buffer_read(w->buffer[2], 0, c, sizeof(c), deadline);

	if (r == 0)
		r = trn_buffer_read(w->buffer[3], 0, stamps, sizeof(stamps), deadline);
	if (r < 0)
		return r;
	for (size_t i = 0; i < M * N; i++) {
		double sum = 0;

		for (size_t k = 0; k < K; k++)
			sum += (double)a[i / N * K + k] * (double)b[k * N + i % N];
		/* Not fmax(): a NaN must not disappear. */
		if (!(fabs(sum - (double)c[i]) <= worst))
			worst = fabs(sum - (double)c[i]);
	}
	printf("%u x %u x %u: %.3f us of device time, worst error %g\n", M, N, K,
	       (double)(stamps[1] - stamps[0]) / 1e3, worst);
	return worst > 0 || isnan(worst) ? 1 : 0;
}

static int run(struct work *w)
{
	static float a[M * K], b[K * N];
	const void *bytes[BUFFERS] = { a, b };
	const uint64_t sizes[BUFFERS] = { sizeof(a), sizeof(b), M * N * sizeof(float), 16 };
	int r = setup(w);

	fill(a, M * K, 1);
	fill(b, K * N, 2);
	for (unsigned int i = 0; r == 0 && i < BUFFERS; i++)
		r = upload(w, bytes[i], sizes[i], &w->buffer[i]);
	if (r == 0)
		r = launch(w);
	return r < 0 ? r : check(w, a, b);
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : getenv("TRN_DEVICE");
	struct trn_error error = { .size = sizeof(error) };
	struct trn_context *context = NULL;
	struct work w = { 0 };
	int r = trn_context_create(NULL, &context);

	if (!uri) {
		uri = "mock:trn3";
		printf("No device was named: using the simulated %s.\n", uri);
	}
	if (r == 0)
		r = trn_device_open(context, uri, trn_deadline_in(30 * SECONDS), &w.device);
	if (r == 0)
		r = run(&w);
	if (r < 0 && context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "%s: %s\n  cause: %s\n", uri, trn_strerror(r), error.cause);
	trn_batch_destroy(w.batch);
	trn_queue_unref(w.queue);
	for (unsigned int i = 0; i < BUFFERS; i++)
		trn_buffer_unref(w.buffer[i]);
	trn_program_unref(w.program);
	trn_device_unref(w.device);
	trn_context_unref(context);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
