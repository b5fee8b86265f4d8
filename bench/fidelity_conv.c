/* SPDX-License-Identifier: Apache-2.0 */
/* 3 x 3 convolution of 256 channels as matrix products: each of the nine taps is a product of
 * the tap's weights with the shifted image, and all of them add up in PSUM. Weights stay in
 * SBUF; bands of rows stream through it, three of them, so that loading, multiplying and
 * storing overlap. Two rows of the result fill a bank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench/fidelity.h"

#define LANES 128u
#define PARTS (FID_CONV_CHANNELS / LANES) /* of the channels, in and out */
#define TAPS 9u
#define BAND 8u /* rows of the result in a band */
#define BANDS 3u
#define BANKS 8u

struct conv {
	struct trn_builder *builder;
	enum trn_dtype dtype;
	uint32_t esize, height, width, out_height, out_width;
	struct trn_tile weights, image[BANDS], result[BANDS], acc[BANKS];
	uint32_t turn;
};

static void transfer(struct conv *conv, enum trn_engine engine, struct trn_isa_mem dst,
		     struct trn_isa_mem src)
{
	trn_tile_transfer(conv->builder, &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
								 .engine = engine,
								 .dst = dst,
								 .src = src });
}

/* w [tap][in][out] to [in lane][tap][in part][out]: one DMA a tap, the first is needed first. */
static void load_weights(struct conv *conv)
{
	const uint32_t all = FID_CONV_CHANNELS;

	for (uint32_t tap = 0; tap < TAPS; tap++) {
		struct trn_isa_mem src =
			trn_dram(1, conv->dtype, (uint64_t)tap * all * all * conv->esize, all);

		src = trn_dram_outer(src, (int32_t)(LANES * all), PARTS);
		src = trn_dram_outer(src, (int32_t)all, LANES);
		transfer(conv, TRN_ENGINE_SYNC,
			 trn_chip(trn_view(&conv->weights, tap * PARTS * all, PARTS * all)), src);
	}
}

/* Rows [first, first + rows) of x, all channels: [lane][part][row][column]. */
static void load_band(struct conv *conv, const struct trn_tile *image, uint32_t first,
		      uint32_t rows)
{
	const uint32_t area = conv->height * conv->width;
	const uint32_t count = rows * conv->width;
	struct trn_isa_mem src =
		trn_dram(0, conv->dtype, (uint64_t)first * conv->width * conv->esize, count);

	src = trn_dram_outer(src, (int32_t)(LANES * area), PARTS);
	src = trn_dram_outer(src, (int32_t)area, LANES);
	transfer(conv, TRN_ENGINE_SYNC, trn_chip(trn_view(image, 0, PARTS * count)), src);
}

/* Rows [row, row + count) of the band's result, one part of the output channels. */
static void multiply(struct conv *conv, const struct trn_tile *image, uint32_t band_rows,
		     uint32_t row, uint32_t count, uint32_t out, const struct trn_tile *acc)
{
	const uint32_t all = FID_CONV_CHANNELS;
	struct trn_tile_op op = { .op = TRN_OP_MATMUL, .engine = TRN_ENGINE_TENSOR };

	op.dst = trn_view(acc, 0, count * conv->out_width);
	for (uint32_t i = 0; i < TAPS * PARTS; i++) {
		const uint32_t tap = i / PARTS, part = i % PARTS;
		const uint32_t at =
			(part * (band_rows + 2) + row + tap / 3) * conv->width + tap % 3;

		op.src0 = trn_view(&conv->weights, i * all + out * LANES, LANES);
		op.src1 = trn_view_outer(trn_view(image, at, conv->out_width), (int32_t)conv->width,
					 count);
		op.flags = i > 0 ? TRN_MATMUL_ACCUMULATE : 0;
		trn_tile_compute(conv->builder, &op);
	}
}

static void evict(struct conv *conv, const struct trn_tile *acc, const struct trn_tile *result,
		  uint32_t at, uint32_t count)
{
	struct trn_tile_op op = { .op = TRN_OP_TENSOR_COPY };

	op.engine = conv->turn % 2 ? TRN_ENGINE_SCALAR : TRN_ENGINE_VECTOR;
	op.dst = trn_view(result, at, count);
	op.src0 = trn_view(acc, 0, count);
	trn_tile_compute(conv->builder, &op);
}

static void store_band(struct conv *conv, const struct trn_tile *result, uint32_t first,
		       uint32_t rows, uint32_t out)
{
	const uint32_t area = conv->out_height * conv->out_width;
	const uint32_t count = rows * conv->out_width;
	const uint64_t at = (uint64_t)out * LANES * area + first * conv->out_width;
	struct trn_isa_mem dst = trn_dram(2, conv->dtype, at * conv->esize, count);

	dst = trn_dram_outer(dst, (int32_t)area, LANES);
	transfer(conv, TRN_ENGINE_GPSIMD, dst, trn_chip(trn_view(result, out * count, count)));
}

static void band(struct conv *conv, uint32_t index, uint32_t first, uint32_t rows)
{
	const struct trn_tile *image = &conv->image[index % BANDS];
	const struct trn_tile *result = &conv->result[index % BANDS];

	for (uint32_t out = 0; out < PARTS; out++) {
		for (uint32_t row = 0; row < rows; row += 2) {
			const uint32_t count = rows - row < 2 ? rows - row : 2;
			const struct trn_tile *acc = &conv->acc[conv->turn % BANKS];

			multiply(conv, image, rows, row, count, out, acc);
			evict(conv, acc, result, (out * rows + row) * conv->out_width,
			      count * conv->out_width);
			conv->turn++;
		}
		store_band(conv, result, first, rows, out);
	}
}

static void emit(struct conv *conv)
{
	const uint32_t bands = (conv->out_height + BAND - 1) / BAND;

	conv->weights = trn_tile_alloc(conv->builder, TRN_SPACE_SBUF, conv->dtype, LANES,
				       TAPS * PARTS * FID_CONV_CHANNELS);
	for (uint32_t i = 0; i < BANDS; i++) {
		conv->image[i] = trn_tile_alloc(conv->builder, TRN_SPACE_SBUF, conv->dtype, LANES,
						PARTS * (BAND + 2) * conv->width);
		conv->result[i] = trn_tile_alloc(conv->builder, TRN_SPACE_SBUF, conv->dtype, LANES,
						 PARTS * BAND * conv->out_width);
	}
	for (uint32_t i = 0; i < BANKS; i++)
		conv->acc[i] = trn_tile_alloc(conv->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, LANES,
					      2 * conv->out_width);
	/* A band is loaded as soon as its memory is free: two bands before it is used. */
	for (uint32_t i = 0; i < bands + BANDS - 1; i++) {
		const uint32_t next = i * BAND, used = i - (BANDS - 1);

		if (i < bands)
			load_band(conv, &conv->image[i % BANDS], next,
				  (conv->out_height - next < BAND ? conv->out_height - next :
								    BAND) +
					  2);
		if (i == 0)
			load_weights(conv);
		if (i >= BANDS - 1)
			band(conv, used, used * BAND,
			     conv->out_height - used * BAND < BAND ?
				     conv->out_height - used * BAND :
				     BAND);
	}
}

int fid_conv(uint32_t arch, enum trn_dtype dtype, uint32_t height, uint32_t width,
	     struct fid_program *ret)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = "conv", .arch = arch };
	struct conv conv = {
		.dtype = dtype,
		.esize = dtype == TRN_DTYPE_F32 ? 4 : 2,
		.height = height,
		.width = width,
		.out_height = height - 2,
		.out_width = width - 2,
	};
	const uint64_t all = FID_CONV_CHANNELS;
	int r = trn_builder_create(&opts, &conv.builder);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	ret->args = 3;
	ret->arg_bytes[0] = all * height * width * conv.esize;
	ret->arg_bytes[1] = TAPS * all * all * conv.esize;
	ret->arg_bytes[2] = all * conv.out_height * conv.out_width * conv.esize;
	(void)trn_builder_arg(conv.builder, "x", TRN_ARG_BUFFER, ret->arg_bytes[0]);
	(void)trn_builder_arg(conv.builder, "w", TRN_ARG_BUFFER, ret->arg_bytes[1]);
	(void)trn_builder_arg(conv.builder, "y", TRN_ARG_BUFFER, ret->arg_bytes[2]);
	emit(&conv);
	r = trn_builder_finish(conv.builder, &ret->image, &ret->bytes);
	trn_builder_destroy(conv.builder);
	return r;
}

/* ---- does it compute a convolution? ---- */

#define SMALL_HEIGHT 13u /* one band and a short one, with an odd row */
#define SMALL_WIDTH 9u

/* Small multiples of 1/8. */
static void fill(float *values, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		values[i] = (float)((int)(seed >> 60) - 8) / 8.0f;
	}
}

static double direct(const float *x, const float *w, uint32_t out, uint32_t row, uint32_t column)
{
	const uint32_t all = FID_CONV_CHANNELS;
	double sum = 0;

	for (uint32_t in = 0; in < all; in++) {
		for (uint32_t tap = 0; tap < TAPS; tap++)
			sum += (double)x[(in * SMALL_HEIGHT + row + tap / 3) * SMALL_WIDTH +
					 column + tap % 3] *
			       (double)w[(tap * all + in) * all + out];
	}
	return sum;
}

static double worst_of(const float *x, const float *w, const float *y)
{
	const uint32_t high = SMALL_HEIGHT - 2, wide = SMALL_WIDTH - 2;
	double worst = 0;

	for (uint32_t i = 0; i < FID_CONV_CHANNELS * high * wide; i++) {
		const double want = direct(x, w, i / (high * wide), i / wide % high, i % wide);

		worst = fmax(worst, fabs((double)y[i] - want));
	}
	return worst;
}

int fid_conv_verify(double *ret_worst)
{
	struct fid_program program;
	struct fid_rig rig;
	float *x, *w, *y;
	double ns;
	int r = fid_conv(0, TRN_DTYPE_F32, SMALL_HEIGHT, SMALL_WIDTH, &program);

	if (r < 0)
		return r;
	x = malloc(program.arg_bytes[0]);
	w = malloc(program.arg_bytes[1]);
	y = malloc(program.arg_bytes[2]);
	r = x && w && y ? fid_open(&rig, "mock:trn2") : -1;
	if (r == 0) {
		fill(x, program.arg_bytes[0] / sizeof(*x), 1);
		fill(w, program.arg_bytes[1] / sizeof(*w), 2);
		program.input[0] = x;
		program.input[1] = w;
		program.output[2] = y;
		r = fid_run(&rig, &program, 1, &ns);
		if (r == 0)
			*ret_worst = worst_of(x, w, y);
		fid_close(&rig);
	}
	free(x);
	free(w);
	free(y);
	fid_release(&program);
	return r;
}
