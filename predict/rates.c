/* SPDX-License-Identifier: Apache-2.0 */
/* What a chip does at best, measured on the model: two programs of the same instructions, one
 * longer than the other; the difference is the steady state. */
#include <errno.h>
#include <math.h>
#include <trn/tile.h>
#include "base/bits.h"
#include "model/gen.h"
#include "predict/headlines.h"
#include "predict/machine.h"

#define ROUNDS 64u /* of the short program; the long one has twice as many */
#define STREAM_LANE_BYTES 16384u
#define MOVING 512u

typedef void program_fn(struct trn_builder *builder, uint32_t rounds);

/* One kind of matrix multiplication. */
struct matmul_kind {
	enum trn_op op;
	enum trn_dtype dtype;
	uint32_t flags, per_lane; /* numbers of K in a partition of a column */
};

static void matmuls(struct trn_builder *b, uint32_t rounds, const struct matmul_kind *kind)
{
	/* Numbers of an element of an x4 format lie in it; others lie beside each other. */
	uint32_t beside = kind->op == TRN_OP_MATMUL ? kind->per_lane : 1;
	struct trn_tile x = trn_tile_alloc(b, TRN_SPACE_SBUF, kind->dtype, 128, beside * 128);
	struct trn_tile w = trn_tile_alloc(b, TRN_SPACE_SBUF, kind->dtype, 128, beside * MOVING);
	struct trn_tile scale =
		trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, 128, 128 + MOVING);
	struct trn_tile sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, 128, MOVING);
	struct trn_tile_op op = { .op = kind->op,
				  .engine = TRN_ENGINE_TENSOR,
				  .flags = (uint8_t)kind->flags,
				  .dst = trn_view(&sum, 0, MOVING),
				  .src0 = trn_view(&x, 0, beside * 128),
				  .src1 = trn_view(&w, 0, beside * MOVING) };

	if (beside == 2) {
		op.src0 = trn_view_outer(trn_view(&x, 0, 128), 128, 2);
		op.src1 = trn_view_outer(trn_view(&w, 0, MOVING), MOVING, 2);
	}
	if (kind->op == TRN_OP_MATMUL_MX) {
		/* Scales of 128 lanes: isa.md 8.2.1. */
		op.src2 = trn_view_rows(trn_view(&scale, 0, 128), 0, 100);
		op.src3 = trn_view_rows(trn_view(&scale, 128, MOVING), 0, 100);
	}
	for (uint32_t i = 0; i < rounds; i++)
		trn_tile_compute(b, &op);
}

static void matmuls_bf16(struct trn_builder *b, uint32_t rounds)
{
	matmuls(b, rounds, &(struct matmul_kind){ TRN_OP_MATMUL, TRN_DTYPE_BF16, 0, 1 });
}

static void matmuls_f8(struct trn_builder *b, uint32_t rounds)
{
	matmuls(b, rounds,
		&(struct matmul_kind){ TRN_OP_MATMUL, TRN_DTYPE_F8E4M3, TRN_MATMUL_DOUBLE_ROW, 2 });
}

static void matmuls_mx(struct trn_builder *b, uint32_t rounds)
{
	matmuls(b, rounds, &(struct matmul_kind){ TRN_OP_MATMUL_MX, TRN_DTYPE_F8E4M3FN_X4, 0, 4 });
}

/* Large loads, triggered by two engines in turn. */
static void stream(struct trn_builder *b, uint32_t rounds)
{
	uint32_t elements = STREAM_LANE_BYTES / 2;
	uint32_t from = trn_builder_arg(b, "from", TRN_ARG_BUFFER, 128 * STREAM_LANE_BYTES);
	struct trn_tile tile[4];

	for (uint32_t i = 0; i < 4; i++)
		tile[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_BF16, 128, elements);
	for (uint32_t i = 0; i < rounds; i++) {
		struct trn_tile_dma dma = {
			.op = TRN_OP_DMA_COPY,
			.engine = i % 2 ? TRN_ENGINE_SCALAR : TRN_ENGINE_SYNC,
			.dst = trn_chip(trn_view(&tile[i % 4], 0, elements)),
			.src = trn_dram_outer(trn_dram(from, TRN_DTYPE_BF16, 0, elements),
					      (int32_t)elements, 128),
		};

		trn_tile_transfer(b, &dma);
	}
}

static int run(struct trn_machine *machine, const struct trn_gen *gen, program_fn *fn,
	       uint32_t rounds, uint64_t arg_bytes, struct trn_machine_cost *ret_cost,
	       struct trn_predict_why *why)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = gen->number };
	struct trn_machine_arg arg = { .bytes = arg_bytes };
	struct trn_builder *builder;
	const char *text = "";
	size_t bytes = 0;
	void *image = NULL;
	int r = trn_builder_create(&opts, &builder);

	if (r < 0)
		return trn_predict_fail(why, r, "no memory for a program");
	fn(builder, rounds);
	r = trn_builder_finish(builder, &image, &bytes);
	if (r < 0)
		(void)trn_builder_status(builder, &text);
	if (r < 0)
		trn_predict_fail(why, r, "a program that measures: %.200s", text);
	trn_builder_destroy(builder);
	return r < 0 ? r :
		       trn_machine_run(machine, image, bytes, &arg, arg_bytes ? 1 : 0, ret_cost,
				       why);
}

/* Seconds of ROUNDS instructions in steady state, of one core. */
static int steady(const struct trn_gen *gen, uint64_t seed, program_fn *fn, uint64_t arg_bytes,
		  double *ret_s, struct trn_predict_why *why)
{
	struct trn_machine_cost less, more;
	struct trn_machine *machine;
	int r = trn_machine_open(gen->name, seed, NULL, &machine, why);

	if (r < 0)
		return r;
	/* The first one warms the tensor engine up: both that count find it alike. */
	r = run(machine, gen, fn, ROUNDS, arg_bytes, &less, why);
	if (r == 0)
		r = run(machine, gen, fn, ROUNDS, arg_bytes, &less, why);
	if (r == 0)
		r = run(machine, gen, fn, 2 * ROUNDS, arg_bytes, &more, why);
	trn_machine_close(machine);
	if (r == 0)
		*ret_s = more.seconds - less.seconds;
	return r;
}

/* FLOP/s of a chip; NaN where the generation has not that. */
static int flops(const struct trn_gen *gen, uint64_t seed, program_fn *fn, double k,
		 double *ret_flops, struct trn_predict_why *why)
{
	double seconds = 0.0;
	int r = steady(gen, seed, fn, 0, &seconds, why);

	*ret_flops = NAN;
	/* The instruction is not in this generation, or not yet in this model. */
	if (r == -ENOTSUP || r == -TRN_EPROGRAM || r == -TRN_EINSN)
		return 0;
	if (r == 0)
		*ret_flops = 2.0 * 128 * MOVING * k * ROUNDS * (double)gen->cores / seconds;
	return r;
}

int trn_predict_rates(const char *name, uint64_t seed, struct trn_predict_rates *ret_rates,
		      struct trn_predict_why *why)
{
	const struct trn_gen *gen = trn_gen_find(name);
	double seconds = 0.0;
	int r;

	if (!gen)
		return trn_predict_fail(why, -EINVAL, "no generation \"%.40s\"", name);
	r = flops(gen, seed, matmuls_bf16, 128, &ret_rates->bf16, why);
	if (r == 0)
		r = flops(gen, seed, matmuls_f8, 256, &ret_rates->f8, why);
	if (r == 0)
		r = flops(gen, seed, matmuls_mx, 512, &ret_rates->mx, why);
	if (r == 0)
		r = steady(gen, seed, stream, 128 * STREAM_LANE_BYTES, &seconds, why);
	if (r == 0)
		ret_rates->hbm = 128.0 * STREAM_LANE_BYTES * ROUNDS * (double)gen->cores / seconds;
	return r;
}
