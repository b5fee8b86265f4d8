// SPDX-License-Identifier: Apache-2.0
/* Selftest: programs. Each is built here, loaded, run and checked against the host. */
#include "tools/trnctl_selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <trn/tile.h>

#define COLUMNS 64u
#define ELEMENTS (TRN_ISA_PARTITIONS * COLUMNS)
#define BYTES ((uint64_t)ELEMENTS * sizeof(float))

/* out = in + 1, by the vector engine, through SBUF. */
static void build_add(struct trn_builder *builder)
{
	uint32_t in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, BYTES);
	uint32_t out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, BYTES);
	struct trn_tile tile =
		trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, TRN_ISA_PARTITIONS, COLUMNS);
	struct trn_isa_ap view = trn_view(&tile, 0, COLUMNS);
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };
	struct trn_tile_op add = { .op = TRN_OP_TENSOR_SCALAR,
				   .engine = TRN_ENGINE_VECTOR,
				   .op0 = TRN_ALU_ADD,
				   .op1 = TRN_ALU_BYPASS,
				   .dst = view,
				   .src0 = view };
	const float one = 1.0f;

	memcpy(&add.imm[0], &one, sizeof(one));
	dma.dst = trn_chip(view);
	dma.src = trn_dram(in, TRN_DTYPE_F32, 0, ELEMENTS);
	trn_tile_transfer(builder, &dma);
	trn_tile_compute(builder, &add);
	dma.dst = trn_dram(out, TRN_DTYPE_F32, 0, ELEMENTS);
	dma.src = trn_chip(view);
	trn_tile_transfer(builder, &dma);
}

/* out[m][n] = sum over k of in[k][m] * in[k][n], by the tensor engine, through PSUM. */
static void build_matmul(struct trn_builder *builder)
{
	uint32_t in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, BYTES);
	uint32_t out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, BYTES);
	struct trn_tile tile =
		trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, TRN_ISA_PARTITIONS, COLUMNS);
	struct trn_tile sum =
		trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, COLUMNS, COLUMNS);
	struct trn_tile copy =
		trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, COLUMNS, COLUMNS);
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };
	struct trn_tile_op op = { .op = TRN_OP_MATMUL, .engine = TRN_ENGINE_TENSOR };

	dma.dst = trn_chip(trn_view(&tile, 0, COLUMNS));
	dma.src = trn_dram(in, TRN_DTYPE_F32, 0, ELEMENTS);
	trn_tile_transfer(builder, &dma);
	op.dst = trn_view(&sum, 0, COLUMNS);
	op.src0 = trn_view(&tile, 0, COLUMNS);
	op.src1 = trn_view(&tile, 0, COLUMNS);
	trn_tile_compute(builder, &op);
	op = (struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
				   .engine = TRN_ENGINE_VECTOR,
				   .dst = trn_view(&copy, 0, COLUMNS),
				   .src0 = trn_view(&sum, 0, COLUMNS) };
	trn_tile_compute(builder, &op);
	dma.dst = trn_dram(out, TRN_DTYPE_F32, 0, COLUMNS * COLUMNS);
	dma.src = trn_chip(trn_view(&copy, 0, COLUMNS));
	trn_tile_transfer(builder, &dma);
}

struct launch {
	struct trn_program *program;
	struct trn_buffer *in, *out;
	struct trn_queue *queue;
	struct trn_batch *batch;
	float host[ELEMENTS];
};

static int launch_load(struct trnctl_check *check, void (*build)(struct trn_builder *builder),
		       struct launch *launch)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = "selftest" };
	struct trn_builder *builder;
	void *image = NULL;
	size_t bytes;
	const char *message;
	int r = trn_builder_create(&opts, &builder);

	if (r < 0)
		return r;
	build(builder);
	r = trn_builder_finish(builder, &image, &bytes);
	if (r < 0 && trn_builder_status(builder, &message) < 0)
		(void)trnctl_note(check, r, "the program was not built: %.100s", message);
	if (r == 0)
		r = trn_program_load(check->device, image, bytes, 0, check->deadline_ns,
				     &launch->program);
	trn_image_free(NULL, image);
	trn_builder_destroy(builder);
	return r;
}

static int launch_setup(struct trnctl_check *check, void (*build)(struct trn_builder *builder),
			struct launch *launch)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };
	int r = launch_load(check, build, launch);

	if (r == 0)
		r = trn_buffer_create(check->device, &opts, &launch->in);
	if (r == 0)
		r = trn_buffer_create(check->device, &opts, &launch->out);
	if (r == 0)
		r = trn_queue_create(check->device, NULL, &launch->queue);
	if (r == 0)
		r = trn_batch_create(launch->queue, 2, &launch->batch);
	for (uint32_t i = 0; i < ELEMENTS; i++)
		launch->host[i] = (float)(i * 7 % 61) - 30.0f;
	if (r == 0)
		r = trn_buffer_write(launch->in, 0, launch->host, BYTES, check->deadline_ns);
	return r;
}

static void launch_end(struct launch *launch)
{
	trn_batch_destroy(launch->batch);
	trn_queue_unref(launch->queue);
	trn_buffer_unref(launch->out);
	trn_buffer_unref(launch->in);
	trn_program_unref(launch->program);
}

/* Runs on one core and leaves the result in launch->host. */
static int launch_play(struct trnctl_check *check, struct launch *launch, uint32_t core)
{
	struct trn_arg args[2] = { { .buffer = launch->in }, { .buffer = launch->out } };
	int r;

	trn_batch_clear(launch->batch);
	r = trn_batch_fill(launch->batch, launch->out, 0, BYTES, 0xffffffffu);
	if (r == 0)
		r = trn_batch_launch(launch->batch, launch->program, core, args, 2);
	if (r == 0)
		r = trnctl_check_play(check, launch->queue, launch->batch);
	if (r == 0)
		r = trn_buffer_read(launch->out, 0, launch->host, BYTES, check->deadline_ns);
	return r;
}

int trnctl_check_program(struct trnctl_check *check)
{
	struct launch launch = { 0 };
	int r;

	if ((check->info->caps & TRN_CAP_COMPUTE) == 0)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "no programs behind this door");
	r = launch_setup(check, build_add, &launch);
	for (uint32_t core = 0; r == 0 && core < check->info->cores; core++) {
		r = launch_play(check, &launch, core);
		for (uint32_t i = 0; r == 0 && i < ELEMENTS; i++) {
			float want = (float)(i * 7 % 61) - 29.0f;

			if (launch.host[i] < want || launch.host[i] > want)
				r = trnctl_note(check, TRNCTL_CHECK_WRONG,
						"core %" PRIu32 ", element %" PRIu32 ": %g, not %g",
						core, i, (double)launch.host[i], (double)want);
		}
	}
	launch_end(&launch);
	if (r == 0)
		(void)trnctl_note(check, 0, "%" PRIu32 " cores", check->info->cores);
	return r;
}

int trnctl_check_matmul(struct trnctl_check *check)
{
	struct launch launch = { 0 };
	int r;

	if ((check->info->caps & TRN_CAP_COMPUTE) == 0)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "no programs behind this door");
	r = launch_setup(check, build_matmul, &launch);
	if (r == 0)
		r = launch_play(check, &launch, 0);
	for (uint32_t i = 0; r == 0 && i < COLUMNS * COLUMNS; i++) {
		int32_t want = 0; /* small whole numbers: FP32 is exact */

		for (uint32_t k = 0; k < TRN_ISA_PARTITIONS; k++)
			want += ((int32_t)((k * COLUMNS + i / COLUMNS) * 7 % 61) - 30) *
				((int32_t)((k * COLUMNS + i % COLUMNS) * 7 % 61) - 30);
		if (launch.host[i] < (float)want || launch.host[i] > (float)want)
			r = trnctl_note(check, TRNCTL_CHECK_WRONG,
					"row %" PRIu32 ", column %" PRIu32 ": %g, not %" PRId32,
					i / COLUMNS, i % COLUMNS, (double)launch.host[i], want);
	}
	launch_end(&launch);
	if (r == 0)
		(void)trnctl_note(check, 0, "128 x 64 x 64 in FP32");
	return r;
}
