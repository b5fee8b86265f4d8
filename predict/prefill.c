/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt is matrix products of many rows, which have a kernel, and attention of many queries,
 * whose program is here: the keys and values of a head go by in steps of 512 while 128 queries
 * of each head that shares them stay, with a running maximum and sum. */
#include <errno.h>
#include <trn/kernels_gemm.h>
#include <trn/tile.h>
#include "base/bits.h"
#include "model/gen.h"
#include "predict/plan.h"

#define STEP 512u
#define QUERIES 128u
#define HEADS_MAX 8u

/* Products one after the other; two results in turn, so that no store waits for another. */
static int gemms_run(struct trn_machine *machine, const struct trn_plan *plan,
		     const struct trn_gemm_shape *shape, uint32_t times,
		     struct trn_machine_cost *ret_cost, struct trn_predict_why *why)
{
	struct trn_machine_arg args[] = { { .bytes = (uint64_t)shape->m * shape->k * 2 },
					  { .bytes = (uint64_t)shape->k * shape->n * 2 },
					  { .bytes = (uint64_t)shape->m * shape->n * 2 },
					  { .bytes = (uint64_t)shape->m * shape->n * 2 } };
	static const char *const names[] = { "a", "b", "c0", "c1" };
	struct trn_builder *b;
	size_t bytes = 0;
	void *image = NULL;
	int r = trn_plan_builder(plan, &b, why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < TRN_ARRAY_LEN(args); i++)
		(void)trn_builder_arg(b, names[i], TRN_ARG_BUFFER, args[i].bytes);
	for (uint32_t i = 0; i < times; i++)
		trn_gemm_emit(b, shape, &(struct trn_gemm_args){ 0, 1, 2 + i % 2 });
	r = trn_plan_finish(b, &image, &bytes, why);
	return r < 0 ? r :
		       trn_machine_run(machine, image, bytes, args, TRN_ARRAY_LEN(args), ret_cost,
				       why);
}

int trn_plan_gemm_run(struct trn_machine *machine, const struct trn_plan *plan, uint32_t rows,
		      uint32_t in, uint32_t out, struct trn_machine_cost *ret_cost,
		      struct trn_predict_why *why)
{
	struct trn_gemm_shape shape = { rows, out, in, TRN_DTYPE_BF16, TRN_DTYPE_BF16 };
	struct trn_machine_cost one;
	int r = gemms_run(machine, plan, &shape, 1, &one, why);

	if (r == 0)
		r = gemms_run(machine, plan, &shape, 2, ret_cost, why);
	if (r == 0)
		trn_machine_cost_add(ret_cost, &one, -1.0);
	return r;
}

struct head {                              /* what stays of 128 queries */
	struct trn_tile query, acc, state; /* state: maximum, its new value times -1, sum, fade */
	struct trn_tile masked, probs, turned;
};

struct flash {
	struct trn_builder *b;
	uint32_t heads, d;
	struct trn_tile keys[2], values[2], scores[2], pt[2], out[2], edge;
	struct head head[HEADS_MAX];
	uint32_t next;
};

static void op(struct flash *f, const struct trn_tile_op *tile_op)
{
	trn_tile_compute(f->b, tile_op);
}

static void load(struct flash *f, struct trn_isa_ap dst, uint32_t arg, uint32_t cols, uint32_t rows,
		 enum trn_engine engine)
{
	struct trn_tile_dma dma = {
		.op = TRN_OP_DMA_COPY,
		.engine = engine,
		.dst = trn_chip(dst),
		.src = trn_dram_outer(trn_dram(arg, TRN_DTYPE_BF16, 0, cols), (int32_t)cols, rows),
	};

	trn_tile_transfer(f->b, &dma);
}

/* Scores of one step, masked, and the maximum that they lead to. */
static void step_scores(struct flash *f, struct head *h, const struct trn_tile *keys)
{
	const struct trn_tile *scores = &f->scores[f->next % 2];
	struct trn_isa_ap top = trn_view(&h->state, 0, 1), negative = trn_view(&h->state, 1, 1);

	op(f, &(struct trn_tile_op){ .op = TRN_OP_MATMUL,
				     .engine = TRN_ENGINE_TENSOR,
				     .dst = trn_view(scores, 0, STEP),
				     .src0 = trn_view(&h->query, 0, QUERIES),
				     .src1 = trn_view(keys, 0, STEP) });
	op(f, &(struct trn_tile_op){ .op = TRN_OP_RANGE_SELECT,
				     .engine = TRN_ENGINE_VECTOR,
				     .flags = TRN_SCALAR_COLUMN0 | TRN_SCALAR_COLUMN1,
				     .op0 = TRN_ALU_GT,
				     .op1 = TRN_ALU_LE,
				     .mode = TRN_REDUCE_RESET_REDUCE,
				     .dst = trn_view(&h->masked, 0, STEP),
				     .src0 = trn_view(scores, 0, STEP),
				     .src1 = trn_view(&f->edge, 0, 1),
				     .src2 = trn_view(&f->edge, 1, 1),
				     .dst2 = negative });
	op(f, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_TENSOR,
				     .engine = TRN_ENGINE_VECTOR,
				     .op0 = TRN_ALU_MAX,
				     .dst = top,
				     .src0 = negative,
				     .src1 = top });
	op(f, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_SCALAR,
				     .engine = TRN_ENGINE_VECTOR,
				     .op0 = TRN_ALU_MUL,
				     .op1 = TRN_ALU_BYPASS,
				     .imm = { 0xbf800000 },
				     .dst = negative,
				     .src0 = top });
}

static void exponential(struct flash *f, struct trn_isa_ap dst, struct trn_isa_ap src,
			struct trn_isa_ap bias, const struct trn_isa_ap *sum)
{
	struct trn_tile_op tile_op = { .op = TRN_OP_ACTIVATION,
				       .engine = TRN_ENGINE_SCALAR,
				       .flags = TRN_SCALAR_COLUMN1,
				       .func = TRN_ACT_EXP,
				       .imm = { 0x3f800000 },
				       .dst = dst,
				       .src0 = src,
				       .src2 = bias };

	if (sum) {
		tile_op.mode = TRN_REDUCE_RESET_REDUCE;
		tile_op.dst2 = *sum;
	}
	op(f, &tile_op);
}

/* The step's weights times its values, on top of what fades. */
static void step_values(struct flash *f, struct head *h, const struct trn_tile *values)
{
	const struct trn_tile *pt = &f->pt[f->next % 2], *out = &f->out[f->next % 2];
	struct trn_isa_ap negative = trn_view(&h->state, 1, 1), sum = trn_view(&h->state, 2, 1);
	struct trn_isa_ap fade = trn_view(&h->state, 3, 1), acc = trn_view(&h->acc, 0, f->d);

	exponential(f, fade, trn_view(&h->state, 0, 1), negative, NULL);
	exponential(f, trn_view(&h->probs, 0, STEP), trn_view(&h->masked, 0, STEP), negative, &sum);
	for (uint32_t i = 0; i < STEP / 128; i++)
		op(f, &(struct trn_tile_op){ .op = TRN_OP_TRANSPOSE,
					     .engine = TRN_ENGINE_TENSOR,
					     .dst = trn_view(pt, i * 128, 128),
					     .src0 = trn_view(&h->probs, i * 128, 128) });
	op(f, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
				     .engine = TRN_ENGINE_VECTOR,
				     .dst = trn_view(&h->turned, 0, STEP),
				     .src0 = trn_view(pt, 0, STEP) });
	for (uint32_t i = 0; i < STEP / 128; i++)
		op(f, &(struct trn_tile_op){ .op = TRN_OP_MATMUL,
					     .engine = TRN_ENGINE_TENSOR,
					     .flags = i ? TRN_MATMUL_ACCUMULATE : 0,
					     .dst = trn_view(out, 0, f->d),
					     .src0 = trn_view(&h->turned, i * 128, 128),
					     .src1 = trn_view(values, i * f->d, f->d) });
	op(f, &(struct trn_tile_op){ .op = TRN_OP_SCALAR_TENSOR_TENSOR,
				     .engine = TRN_ENGINE_VECTOR,
				     .flags = TRN_SCALAR_COLUMN0,
				     .op0 = TRN_ALU_MUL,
				     .op1 = TRN_ALU_ADD,
				     .dst = acc,
				     .src0 = acc,
				     .src1 = fade,
				     .src2 = trn_view(out, 0, f->d) });
	f->next++;
}

static struct trn_tile tile(struct flash *f, enum trn_space space, enum trn_dtype dtype,
			    uint32_t lanes, uint32_t elements)
{
	return trn_tile_alloc(f->b, space, dtype, lanes, elements);
}

static void flash_make(struct flash *f)
{
	enum trn_space sbuf = TRN_SPACE_SBUF, psum = TRN_SPACE_PSUM;
	enum trn_dtype bf16 = TRN_DTYPE_BF16, f32 = TRN_DTYPE_F32;

	for (uint32_t i = 0; i < 2; i++) {
		f->keys[i] = tile(f, sbuf, bf16, f->d, STEP);
		f->values[i] = tile(f, sbuf, bf16, 128, STEP / 128 * f->d);
		f->scores[i] = tile(f, psum, f32, QUERIES, STEP);
		f->pt[i] = tile(f, psum, bf16, 128, STEP);
		f->out[i] = tile(f, psum, f32, QUERIES, f->d);
	}
	f->edge = tile(f, sbuf, f32, QUERIES, 2);
	for (uint32_t i = 0; i < f->heads; i++) {
		struct head *h = &f->head[i];

		h->query = tile(f, sbuf, bf16, f->d, QUERIES);
		h->acc = tile(f, sbuf, f32, QUERIES, f->d);
		h->state = tile(f, sbuf, f32, QUERIES, 4);
		h->masked = tile(f, sbuf, f32, QUERIES, STEP);
		h->probs = tile(f, sbuf, bf16, QUERIES, STEP);
		h->turned = tile(f, sbuf, bf16, 128, STEP);
		load(f, trn_view(&h->query, 0, QUERIES), 0, QUERIES, f->d, TRN_ENGINE_GPSIMD);
	}
}

static void flash_emit(struct flash *f, uint32_t keys)
{
	flash_make(f);
	for (uint32_t done = 0, i = 0; done < keys; done += STEP, i++) {
		const struct trn_tile *k = &f->keys[i % 2], *v = &f->values[i % 2];

		load(f, trn_view(k, 0, STEP), 1, STEP, f->d, TRN_ENGINE_SYNC);
		load(f, trn_view(v, 0, v->elements), 2, v->elements, 128, TRN_ENGINE_SYNC);
		/* The next head's scores stand before this one's values on the tensor engine. */
		step_scores(f, &f->head[0], k);
		for (uint32_t h = 0; h < f->heads; h++) {
			uint32_t at = f->next;

			f->next = at + 1;
			if (h + 1 < f->heads)
				step_scores(f, &f->head[h + 1], k);
			f->next = at;
			step_values(f, &f->head[h], v);
		}
	}
}

int trn_plan_flash_run(struct trn_machine *machine, const struct trn_plan *plan, uint32_t heads,
		       uint32_t keys, struct trn_machine_cost *ret_cost,
		       struct trn_predict_why *why)
{
	struct flash f = { .heads = heads < HEADS_MAX ? heads : HEADS_MAX,
			   .d = plan->config->head_dim };
	struct trn_machine_arg args[] = { { .bytes = (uint64_t)f.d * QUERIES * 2 },
					  { .bytes = (uint64_t)f.d * STEP * 2 },
					  { .bytes = (uint64_t)f.d * STEP * 2 } };
	static const char *const names[] = { "queries", "keys", "values" };
	size_t bytes = 0;
	void *image = NULL;
	int r = trn_plan_builder(plan, &f.b, why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < TRN_ARRAY_LEN(args); i++)
		(void)trn_builder_arg(f.b, names[i], TRN_ARG_BUFFER, args[i].bytes);
	flash_emit(&f, keys);
	r = trn_plan_finish(f.b, &image, &bytes, why);
	return r < 0 ? r :
		       trn_machine_run(machine, image, bytes, args, TRN_ARRAY_LEN(args), ret_cost,
				       why);
}
