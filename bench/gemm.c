/* SPDX-License-Identifier: Apache-2.0 */
/* Wall time of a GEMM through the device path (queue, launch, mock), beside one-thread
 * OpenBLAS of the same shape in the same run. The mock works on this thread. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_gemm.h>
#include <trn/kernels_mx.h>
#include <trn/trn.h>
#include "bench/blas.h"
#include "bench/measure.h"

#define LIMIT_NS UINT64_C(60000000000)
#define GOAL 0.8 /* of the reference's speed */

/* Formats of B; A is BF16, and quantised on the chip when B is in MX. */
static const struct format {
	const char *name;
	enum trn_dtype weight; /* NONE: BF16 */
	uint32_t places;       /* behind the point, so that inputs are exact */
} formats[] = {
	{ "bf16", TRN_DTYPE_NONE, 7 },
	{ "mxfp8", TRN_DTYPE_F8E4M3FN_X4, 3 },
	{ "mxfp4", TRN_DTYPE_F4E2M1_X4, 1 },
};

struct args {
	const char *uri;
	uint32_t size, runs;
	bool json;
	const struct format *format;
};

struct bench {
	struct args args;
	struct trn_context *context;
	struct trn_device *device;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_program *program;
	struct trn_buffer *a, *b, *scale, *c, *times;
	float *x, *y, *z, *got; /* A, B, the reference's C, the device's */
	uint16_t *packed;
	struct bench_series device_wall, reference_wall;
	double virtual_ns, worst;
};

static int fail(struct bench *bench, int r, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	if (bench->context && trn_error_get(bench->context, &error) == 0)
		fprintf(stderr, "gemm: %s: %s: %s\n", what, trn_strerror(r), error.cause);
	else
		fprintf(stderr, "gemm: %s: %s\n", what, trn_strerror(r));
	return r;
}

/* ---- the device's side ---- */

static int make_buffer(struct bench *bench, uint64_t bytes, struct trn_buffer **ret_buffer)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = bytes };

	return trn_buffer_create(bench->device, &opts, ret_buffer);
}

static int load_program(struct bench *bench, uint32_t arch)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = "gemm", .arch = arch };
	struct trn_gemm_shape shape = { bench->args.size, bench->args.size, bench->args.size,
					TRN_DTYPE_BF16, TRN_DTYPE_F32 };
	struct trn_gemm_mx_shape mx = { bench->args.size,           bench->args.size,
					bench->args.size,           TRN_DTYPE_BF16,
					bench->args.format->weight, TRN_DTYPE_F32 };
	size_t bytes = 0;
	void *image = NULL;
	int r = mx.weight ? trn_kernel_gemm_mx(&opts, &mx, &image, &bytes) :
			    trn_kernel_gemm(&opts, &shape, &image, &bytes);

	if (r == 0)
		r = trn_program_load(bench->device, image, bytes, 0, trn_deadline_in(LIMIT_NS),
				     &bench->program);
	trn_image_free(NULL, image);
	return r;
}

/* Timestamp, launch, timestamp: one batch, used again for each run. */
static int record(struct bench *bench)
{
	const bool mx = bench->args.format->weight != TRN_DTYPE_NONE;
	struct trn_arg arg[4] = { { .buffer = bench->a },
				  { .buffer = bench->b },
				  { .buffer = mx ? bench->scale : bench->c },
				  { .buffer = bench->c } };
	int r = trn_batch_create(bench->queue, 4, &bench->batch);

	if (r == 0)
		r = trn_batch_timestamp(bench->batch, bench->times, 0);
	if (r == 0)
		r = trn_batch_launch(bench->batch, bench->program, 0, arg, mx ? 4 : 3);
	if (r == 0)
		r = trn_batch_timestamp(bench->batch, bench->times, 8);
	return r;
}

static int set_up_device(struct bench *bench)
{
	const uint32_t n = bench->args.size;
	const enum trn_dtype weight = bench->args.format->weight;
	uint64_t count = (uint64_t)n * n;
	struct trn_device_info info = { .size = sizeof(info) };
	int r = trn_context_create(NULL, &bench->context);

	if (r == 0)
		r = trn_device_open(bench->context, bench->args.uri, trn_deadline_in(LIMIT_NS),
				    &bench->device);
	if (r == 0)
		r = trn_device_info(bench->device, &info);
	if (r == 0)
		r = load_program(bench, strcmp(info.arch, "trn2") == 0 ? 2 : 3);
	if (r == 0)
		r = trn_queue_create(bench->device, NULL, &bench->queue);
	if (r == 0)
		r = make_buffer(bench, count * 2, &bench->a);
	if (r == 0)
		r = make_buffer(bench, weight ? trn_mx_number_bytes(weight, n, n) : count * 2,
				&bench->b);
	if (r == 0 && weight != TRN_DTYPE_NONE)
		r = make_buffer(bench, trn_mx_scale_bytes(n, n), &bench->scale);
	if (r == 0)
		r = make_buffer(bench, count * 4, &bench->c);
	if (r == 0)
		r = make_buffer(bench, 16, &bench->times);
	return r == 0 ? record(bench) : r;
}

static int upload(struct bench *bench, struct trn_buffer *buffer, const float *values)
{
	uint64_t count = (uint64_t)bench->args.size * bench->args.size;

	for (uint64_t i = 0; i < count; i++) {
		uint32_t bits;

		memcpy(&bits, &values[i], sizeof(bits));
		bench->packed[i] = (uint16_t)(bits >> 16); /* exact: see fill() */
	}
	return trn_buffer_write(buffer, 0, bench->packed, count * 2, trn_deadline_in(LIMIT_NS));
}

static int upload_mx(struct bench *bench)
{
	const uint32_t n = bench->args.size;
	const enum trn_dtype weight = bench->args.format->weight;
	const uint64_t bytes = trn_mx_number_bytes(weight, n, n);
	uint8_t *numbers = malloc(bytes), *scales = malloc(trn_mx_scale_bytes(n, n));
	int r = -ENOMEM;

	if (numbers && scales)
		r = trn_mx_weight_pack(weight, n, n, TRN_DTYPE_F32, bench->y, numbers, scales);
	if (r == 0)
		r = trn_buffer_write(bench->b, 0, numbers, bytes, trn_deadline_in(LIMIT_NS));
	if (r == 0)
		r = trn_buffer_write(bench->scale, 0, scales, trn_mx_scale_bytes(n, n),
				     trn_deadline_in(LIMIT_NS));
	free(numbers);
	free(scales);
	return r;
}

static int run_device(struct bench *bench, double *ret_ns)
{
	double start = bench_now_ns();
	uint64_t sequence = 0;
	int r = trn_queue_submit(bench->queue, bench->batch, trn_deadline_in(LIMIT_NS), &sequence);

	if (r == 0)
		r = trn_queue_wait(bench->queue, sequence, trn_deadline_in(LIMIT_NS));
	*ret_ns = bench_now_ns() - start;
	return r;
}

/* ---- the reference ---- */

#ifdef TRN_HAVE_OPENBLAS
static bool run_reference(struct bench *bench, double *ret_ns)
{
	int n = (int)bench->args.size;
	double start;

	start = bench_now_ns();
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0f, bench->x, n, bench->y,
		    n, 0.0f, bench->z, n);
	*ret_ns = bench_now_ns() - start;
	return true;
}
#else
static bool run_reference(struct bench *bench, double *ret_ns)
{
	(void)bench;
	(void)ret_ns;
	return false;
}
#endif

/* ---- measuring ---- */

/* Multiples of 2^-places in [-1, 1): the format holds them. */
static void fill(float *values, uint64_t count, uint64_t seed, uint32_t places)
{
	const int half = 1 << places;

	for (uint64_t i = 0; i < count; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		values[i] = (float)((int)(seed >> (63 - places)) - half) / (float)half;
	}
}

static int compare(struct bench *bench)
{
	uint64_t count = (uint64_t)bench->args.size * bench->args.size;
	int r = trn_buffer_read(bench->c, 0, bench->got, count * 4, trn_deadline_in(LIMIT_NS));

	for (uint64_t i = 0; r == 0 && i < count; i++) {
		double off = fabs((double)bench->got[i] - (double)bench->z[i]);

		if (!(off <= bench->worst))
			bench->worst = off;
	}
	return r;
}

static int measure(struct bench *bench)
{
	uint64_t stamp[2];
	double ns = 0.0;
	int r = run_device(bench, &ns); /* warms up both sides, and is compared */

	if (r == 0 && run_reference(bench, &ns))
		r = compare(bench);
	for (uint32_t i = 0; r == 0 && i < bench->args.runs; i++) {
		r = run_device(bench, &bench->device_wall.value[i]);
		bench->device_wall.count++;
		if (r == 0 && run_reference(bench, &bench->reference_wall.value[i]))
			bench->reference_wall.count++;
	}
	if (r == 0)
		r = trn_buffer_read(bench->times, 0, stamp, sizeof(stamp),
				    trn_deadline_in(LIMIT_NS));
	if (r == 0)
		bench->virtual_ns = (double)(stamp[1] - stamp[0]);
	return r;
}

static void print_series(const struct bench *bench, const char *name, struct bench_series *series)
{
	double flops = 2.0 * pow(bench->args.size, 3);
	double mid = bench_median(series);
	double low = series->value[0], high = series->value[series->count - 1];

	if (bench->args.json)
		printf("\"%s\":{\"wall_ms\":%.4f,\"min_ms\":%.4f,\"max_ms\":%.4f,\"gflops\":%.2f},",
		       name, mid / 1e6, low / 1e6, high / 1e6, flops / mid);
	else
		printf("%-9s  wall %8.3f ms median (%.3f to %.3f), %7.2f GFLOP/s\n", name,
		       mid / 1e6, low / 1e6, high / 1e6, flops / mid);
}

static void report(struct bench *bench)
{
	bool reference = bench->reference_wall.count > 0;
	const struct args *args = &bench->args;
	double ratio = 0.0;

	if (args->json)
		printf("{\"schema\":\"trn.bench.gemm/1\",\"device\":\"%s\",\"size\":%u,"
		       "\"format\":\"%s\",\"runs\":%u,",
		       args->uri, args->size, args->format->name, args->runs);
	else
		printf("gemm %u^3 %s on %s, %u runs\n", args->size, args->format->name, args->uri,
		       args->runs);
	print_series(bench, "device", &bench->device_wall);
	if (reference) {
		print_series(bench, "openblas", &bench->reference_wall);
		ratio = bench_median(&bench->reference_wall) / bench_median(&bench->device_wall);
	}
	if (args->json) {
		printf("\"device_virtual_us\":%.3f,", bench->virtual_ns / 1e3);
		if (reference)
			printf("\"openblas_core\":\"%s\",\"ratio\":%.4f,\"goal\":%.2f,"
			       "\"worst_difference\":%.3g}\n",
			       bench_blas_name(), ratio, GOAL, bench->worst);
		else
			printf("\"openblas_core\":null,\"ratio\":null,\"goal\":%.2f}\n", GOAL);
		return;
	}
	printf("device     time %8.3f us in virtual time\n", bench->virtual_ns / 1e3);
	if (reference)
		printf("ratio %.3f of one-thread OpenBLAS (%s), goal %.2f; worst difference %.3g\n",
		       ratio, bench_blas_name(), GOAL, bench->worst);
	else
		printf("no reference: built without OpenBLAS\n");
}

static const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	}
	return NULL;
}

static int parse(int argc, char **argv, struct args *args)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end = NULL;

		if (strcmp(argv[i], "--json") == 0) {
			args->json = true;
			continue;
		}
		if (strcmp(argv[i], "--device") == 0)
			args->uri = value;
		else if (strcmp(argv[i], "--format") == 0)
			args->format = format_find(value);
		else if (strcmp(argv[i], "--size") == 0)
			args->size = (uint32_t)strtoul(value, &end, 10);
		else if (strcmp(argv[i], "--runs") == 0)
			args->runs = (uint32_t)strtoul(value, &end, 10);
		else
			return -EINVAL;
		if (!*value || (end && *end) || !args->format)
			return -EINVAL;
		i++;
	}
	return args->size && args->size <= 8192 && args->runs && args->runs <= BENCH_RUNS_MAX ?
		       0 :
		       -EINVAL;
}

static bool allocate(struct bench *bench)
{
	size_t count = (size_t)bench->args.size * bench->args.size;

	bench->x = malloc(count * sizeof(float));
	bench->y = malloc(count * sizeof(float));
	bench->z = calloc(count, sizeof(float));
	bench->got = malloc(count * sizeof(float));
	bench->packed = malloc(count * sizeof(uint16_t));
	if (!bench->x || !bench->y || !bench->z || !bench->got || !bench->packed)
		return false;
	fill(bench->x, count, 1, bench->args.format->places);
	fill(bench->y, count, 2, bench->args.format->places);
	return true;
}

static void release(struct bench *bench)
{
	trn_batch_destroy(bench->batch);
	trn_queue_unref(bench->queue);
	trn_program_unref(bench->program);
	trn_buffer_unref(bench->a);
	trn_buffer_unref(bench->b);
	trn_buffer_unref(bench->scale);
	trn_buffer_unref(bench->c);
	trn_buffer_unref(bench->times);
	trn_device_unref(bench->device);
	trn_context_unref(bench->context);
	free(bench->x);
	free(bench->y);
	free(bench->z);
	free(bench->got);
	free(bench->packed);
}

int main(int argc, char **argv)
{
	struct bench bench = { .args = { "mock:trn3", 1024, 9, false, &formats[0] } };
	int r;

	if (parse(argc, argv, &bench.args) < 0) {
		fprintf(stderr, "usage: gemm [--format bf16|mxfp8|mxfp4] [--size N] [--runs N] "
				"[--device URI] [--json]\n");
		return 2;
	}
	bench_blas_choose(argv);
	if (!allocate(&bench)) {
		release(&bench);
		fprintf(stderr, "gemm: out of memory\n");
		return 1;
	}
	r = set_up_device(&bench);
	if (r == 0)
		r = upload(&bench, bench.a, bench.x);
	if (r == 0)
		r = bench.args.format->weight ? upload_mx(&bench) :
						upload(&bench, bench.b, bench.y);
	if (r == 0)
		r = measure(&bench);
	if (r == 0)
		report(&bench);
	else
		(void)fail(&bench, r, bench.args.uri);
	release(&bench);
	return r == 0 ? 0 : 1;
}
