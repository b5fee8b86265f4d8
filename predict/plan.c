/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a decoder over cores, and the programs of one of them, from the public kernel parts.
 * All layers of a program use the same memory: it is never looked at, and no time hangs on
 * where weights lie inside a stack. */
#include "predict/plan.h"

#include <errno.h>
#include <string.h>
#include <trn/tile.h>
#include "base/bits.h"
#include "model/gen.h"
#include "predict/cluster_parts.h"

#define CHIP_CORES 8u /* that share a chip's HBM: sums over them go through it */
#define KV_BLOCK 128u
#define EXCHANGE_WHOLE 256u /* columns up to which every core adds up all */

static uint32_t div_up(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

int trn_plan_make(const struct trn_predict_request *request, struct trn_plan *ret_plan,
		  struct trn_predict_why *why)
{
	const struct trn_predict_config *c = request->config;
	struct trn_plan plan = { .config = c,
				 .gen = trn_gen_find(request->gen),
				 .format = trn_predict_config_format(c, request->gen),
				 .context = request->context };
	uint32_t width;

	plan.cores = request->chips * CHIP_CORES;
	/* As many cores as leave each a tile of 128 lanes of query heads. */
	width = plan.cores;
	while (width > 1 && (c->heads % width != 0 || c->heads / width * c->head_dim % 128 != 0))
		width /= 2;
	plan.width = width;
	plan.copies = plan.cores / width;
	plan.sequences = div_up(request->batch, plan.copies);
	plan.key_heads = c->kv_heads > width ? c->kv_heads / width : 1;
	plan.heads = c->heads / width / plan.key_heads;
	plan.middle = div_up(c->intermediate, width);
	plan.vocab = div_up(c->vocab, width);
	plan.positions = div_up(request->context, KV_BLOCK) * KV_BLOCK;
	if (plan.heads == 0 || plan.heads * plan.key_heads * width != c->heads ||
	    plan.heads * c->head_dim % 128 != 0 || (c->head_dim != 64 && c->head_dim != 128))
		return trn_predict_fail(why, -ENOTSUP,
					"%s: %u heads of %u with %u key heads cannot be cut into "
					"tiles of 128 lanes on %u cores",
					c->name, c->heads, c->head_dim, c->kv_heads, plan.cores);
	if (plan.format == TRN_PREDICT_MXFP8)
		return trn_predict_fail(why, -ENOTSUP, "%s: there is no kernel for experts in %s",
					c->name, trn_predict_format_name(plan.format));
	*ret_plan = plan;
	return 0;
}

/* Two sums of activations a layer, over neighbours in the smallest pod that has so many chips. */
double trn_plan_links(const struct trn_plan *plan, double tokens)
{
	uint32_t chips = plan->width / CHIP_CORES;
	struct trn_cluster_call call = { .bytes = (uint64_t)(tokens * plan->config->hidden * 2.0) };
	struct trn_cluster_result result;
	struct trn_predict_why why;
	struct trn_cluster cluster;
	const struct trn_pod *pod;

	if (chips < 2)
		return 0.0;
	for (unsigned int i = 0; (pod = trn_pod_at(i)); i++)
		if (strcmp(pod->gen, plan->gen->name) == 0 && trn_pod_chips(pod) >= chips)
			break;
	if (!pod || trn_cluster_init(&cluster, pod->name, NULL, chips, NULL, &why) < 0 ||
	    trn_cluster_run(&cluster, &call, &result, &why) < 0)
		return 0.0;
	return 2.0 * plan->config->layers * result.seconds;
}

/* ---- arguments ---- */

enum arg {
	ARG_X,
	ARG_QKV,
	ARG_QKV_BIAS,
	ARG_ROPE,
	ARG_SINKS,
	ARG_K,
	ARG_V,
	ARG_POSITION,
	ARG_OUT,
	ARG_OUT_BIAS,
	ARG_ROUTER,
	ARG_ROUTER_BIAS,
	ARG_SHARES,
	ARG_LIST,
	ARG_GATE_UP,
	ARG_GATE_UP_BIAS,
	ARG_DOWN,
	ARG_DOWN_BIAS,
	ARG_SCALES,
	ARG_PART,  /* this core's part of a sum */
	ARG_PARTS, /* everybody's */
	ARG_HEAD,
	ARG_LOGITS,
	ARG_COUNT,
};

static uint64_t matrix_bytes(struct trn_serve_matrix m)
{
	return (uint64_t)m.lanes * m.tiles * m.out * 2;
}

static uint64_t columns_bytes(uint32_t rows, uint32_t tokens, uint32_t element)
{
	return (uint64_t)128 * div_up(rows, 128) * tokens * element;
}

static void args_fill(const struct trn_plan_program *p, struct trn_machine_arg *args)
{
	const struct trn_plan *plan = p->plan;
	const struct trn_predict_config *c = plan->config;
	uint32_t h = c->hidden, d = c->head_dim, t = p->tokens, e = c->experts;
	uint32_t outs = (plan->heads + 2) * d, lanes;
	bool mx = plan->format != TRN_PREDICT_BF16;
	uint64_t tiles = mx ? trn_serve_middle_mx(plan->middle, &lanes) :
			      trn_serve_middle(plan->middle, &lanes);
	uint64_t cache = (uint64_t)div_up(t, 128 / d) * 128 * plan->positions * 2;
	const uint64_t bytes[ARG_COUNT] = {
		[ARG_X] = columns_bytes(h, t, 4),
		[ARG_QKV] = matrix_bytes(trn_serve_hidden(h, outs)),
		[ARG_QKV_BIAS] = columns_bytes(outs, 1, 4),
		[ARG_ROPE] = (uint64_t)128 * 2 * t * 4,
		[ARG_SINKS] = 128 * 4,
		[ARG_K] = cache,
		[ARG_V] = cache,
		[ARG_OUT] = matrix_bytes(trn_serve_matrix(h, 128, plan->heads * d / 128, 128, h)),
		[ARG_OUT_BIAS] = columns_bytes(h, 1, 4),
		[ARG_ROUTER] = matrix_bytes(trn_serve_hidden(h, e)),
		[ARG_ROUTER_BIAS] = (uint64_t)e * 4,
		[ARG_SHARES] = (uint64_t)e * t * 4,
		[ARG_LIST] = (uint64_t)p->groups * 4,
		[ARG_GATE_UP] = e * matrix_bytes(mx ? trn_serve_gate_up_mx(h, plan->middle) :
						      trn_serve_gate_up(h, plan->middle)),
		[ARG_GATE_UP_BIAS] = e * 128 * 2 * tiles * 4,
		[ARG_DOWN] = e * matrix_bytes(mx ? trn_serve_down_mx(h, plan->middle) :
						   trn_serve_down(h, plan->middle)),
		[ARG_DOWN_BIAS] = (uint64_t)e * h * 2,
		[ARG_SCALES] = mx ? (uint64_t)e * 32 * trn_serve_scale_columns(h, plan->middle) : 1,
		[ARG_PART] = columns_bytes(h, t, 2),
		[ARG_PARTS] = CHIP_CORES * columns_bytes(h, t, 2),
		[ARG_HEAD] = matrix_bytes(trn_serve_hidden(h, plan->vocab)),
		[ARG_LOGITS] = columns_bytes(plan->vocab, t, 4),
	};

	for (size_t i = 0; i < ARG_COUNT; i++)
		args[i] = (struct trn_machine_arg){ .bytes = bytes[i] };
	args[ARG_POSITION].value = plan->context - 1;
	args[ARG_LIST].content = p->list;
	args[ARG_LIST].content_bytes = p->list ? (uint64_t)p->groups * 4 : 0;
}

static void args_declare(struct trn_builder *b, const struct trn_machine_arg *args)
{
	static const char *const names[ARG_COUNT] = {
		"x",       "qkv",      "qkv_bias", "rope",         "sinks",  "k_cache",
		"v_cache", "position", "out",      "out_bias",     "router", "router_bias",
		"shares",  "list",     "gate_up",  "gate_up_bias", "down",   "down_bias",
		"scales",  "part",     "parts",    "head",         "logits",
	};

	for (size_t i = 0; i < ARG_COUNT; i++)
		(void)trn_builder_arg(b, names[i], args[i].bytes ? TRN_ARG_BUFFER : TRN_ARG_SCALAR,
				      args[i].bytes);
}

/* ---- what is no kernel part ---- */

static void copy(struct trn_builder *b, struct trn_isa_mem dst, struct trn_isa_mem src)
{
	struct trn_tile_dma dma = {
		.op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_GPSIMD, .dst = dst, .src = src
	};

	trn_tile_transfer(b, &dma);
}

static void add(struct trn_builder *b, struct trn_isa_ap dst, struct trn_isa_ap other)
{
	struct trn_tile_op op = { .op = TRN_OP_TENSOR_TENSOR,
				  .engine = TRN_ENGINE_VECTOR,
				  .op0 = TRN_ALU_ADD,
				  .dst = dst,
				  .src0 = dst,
				  .src1 = other };

	trn_tile_compute(b, &op);
}

/* Columns [first, first + cols) of every lane of a [lanes][n] array, of so many arrays. */
static struct trn_isa_mem parts_of(uint32_t first, uint32_t cols, uint32_t n, uint32_t cores)
{
	struct trn_isa_mem mem = trn_dram(ARG_PARTS, TRN_DTYPE_BF16, (uint64_t)first * 2, cols);

	if (cores > 1)
		mem = trn_dram_outer(mem, (int32_t)(128 * n), cores);
	return trn_dram_outer(mem, (int32_t)n, 128);
}

/* y = the sum of cols columns of all cores' parts, by halves: the second half of what is left
 * is added to the first. */
static void parts_add(struct trn_builder *b, const struct trn_tile *parts, uint32_t cols,
		      uint32_t cores)
{
	for (; cores > 1; cores /= 2)
		add(b, trn_view(parts, 0, cores / 2 * cols),
		    trn_view(parts, cores / 2 * cols, cores / 2 * cols));
}

/* x grows by the sum over the cores of a chip, through HBM in BF16: every core writes its part.
 * Few columns: each reads all parts and adds them up. Many: each reads its share of the columns,
 * writes their sum, and reads everybody's. */
static void exchange(struct trn_builder *b, const struct trn_plan *plan, const struct trn_tile *x,
		     const struct trn_tile *y)
{
	uint32_t n = x->elements, cores = plan->width < CHIP_CORES ? plan->width : CHIP_CORES;
	uint32_t cols = n > EXCHANGE_WHOLE ? div_up(n, cores) : n;
	struct trn_tile part =
		trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_BF16, TRN_ISA_PARTITIONS, n);
	struct trn_tile parts =
		trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_BF16, TRN_ISA_PARTITIONS, cores * cols);
	struct trn_tile_op cast = { .op = TRN_OP_TENSOR_COPY,
				    .engine = TRN_ENGINE_VECTOR,
				    .dst = trn_view(&part, 0, n),
				    .src0 = trn_view(y, 0, n) };

	trn_tile_compute(b, &cast);
	copy(b, parts_of(0, n, n, 1), trn_chip(trn_view(&part, 0, n)));
	copy(b, trn_chip(trn_view(&parts, 0, cores * cols)), parts_of(0, cols, n, cores));
	parts_add(b, &parts, cols, cores);
	if (cols < n) {
		copy(b, parts_of(0, cols, n, 1), trn_chip(trn_view(&parts, 0, cols)));
		copy(b, trn_chip(trn_view(&part, 0, n)), parts_of(0, n, n, 1));
	}
	add(b, trn_view(x, 0, n), cols < n ? trn_view(&part, 0, n) : trn_view(&parts, 0, n));
	trn_tile_free(b, &part);
	trn_tile_free(b, &parts);
}

/* ---- programs ---- */

static struct trn_serve_shape shape_of(const struct trn_plan_program *p)
{
	const struct trn_plan *plan = p->plan;
	const struct trn_predict_config *c = plan->config;

	return (struct trn_serve_shape){ .tokens = p->tokens,
					 .hidden = c->hidden,
					 .heads = plan->heads,
					 .head_dim = c->head_dim,
					 .positions = plan->positions,
					 .experts = c->experts,
					 .top_k = c->active,
					 .groups = p->groups,
					 .intermediate = plan->middle,
					 .eps = (float)c->rms_eps,
					 .limit = (float)c->swiglu_limit,
					 .alpha = (float)c->swiglu_alpha,
					 .format = plan->format == TRN_PREDICT_BF16 ?
							   TRN_DTYPE_NONE :
							   TRN_DTYPE_F4E2M1_X4 };
}

static void layer(const struct trn_plan_program *p, struct trn_serve *serve, uint32_t number,
		  const struct trn_tile *x, const struct trn_tile *y)
{
	const struct trn_serve_attention_args attention = {
		ARG_QKV, ARG_QKV_BIAS, ARG_ROPE, ARG_SINKS,   ARG_K,
		ARG_V,   ARG_POSITION, ARG_OUT,  ARG_OUT_BIAS
	};
	const struct trn_serve_experts_args experts = {
		ARG_ROUTER,       ARG_ROUTER_BIAS, ARG_SHARES,    ARG_LIST,  ARG_GATE_UP,
		ARG_GATE_UP_BIAS, ARG_DOWN,        ARG_DOWN_BIAS, ARG_SCALES
	};
	const struct trn_predict_config *c = p->plan->config;
	bool sliding = c->sliding[number % c->pattern_count];

	serve->shape.window = sliding ? c->window : 0;
	/* Key heads one after the other; the residual takes the last one's sum for all. */
	for (uint32_t i = 0; p->parts & TRN_PLAN_ATTENTION && i < p->plan->key_heads; i++)
		trn_serve_attention_emit(serve, &attention, x, y);
	if (p->parts & TRN_PLAN_ATTENTION)
		exchange(serve->builder, p->plan, x, y);
	if (p->parts & TRN_PLAN_EXPERTS) {
		trn_serve_experts_emit(serve, &experts, x, y);
		exchange(serve->builder, p->plan, x, y);
	}
}

/* Sums of chunks of a prompt do not hang on each other: two of them overlap. */
static void sums_emit(struct trn_builder *b, const struct trn_plan_program *p,
		      struct trn_serve *serve, const struct trn_tile *x, const struct trn_tile *y)
{
	struct trn_tile x2 = trn_serve_columns(serve), y2 = trn_serve_columns(serve);

	for (uint32_t i = 0; i < p->layers; i++)
		exchange(b, p->plan, i % 2 ? &x2 : x, i % 2 ? &y2 : y);
	trn_tile_free(b, &x2);
	trn_tile_free(b, &y2);
}

static void program_emit(struct trn_builder *b, const struct trn_plan_program *p)
{
	struct trn_serve_shape shape = shape_of(p);
	struct trn_serve serve;
	struct trn_tile x, y;
	struct trn_isa_mem mem;

	trn_serve_begin(b, &shape, &serve);
	x = trn_serve_columns(&serve);
	y = trn_serve_columns(&serve);
	mem = trn_dram_outer(trn_dram(ARG_X, TRN_DTYPE_F32, 0, x.elements), (int32_t)x.elements,
			     128);
	copy(b, trn_chip(trn_view(&x, 0, x.elements)), mem);
	if (p->parts & TRN_PLAN_SUM)
		sums_emit(b, p, &serve, &x, &y);
	for (uint32_t i = 0; !(p->parts & TRN_PLAN_SUM) && i < p->layers; i++)
		if (trn_builder_status(b, NULL) == 0)
			layer(p, &serve, p->first + i, &x, &y);
	if (p->parts & TRN_PLAN_HEAD)
		trn_serve_head_emit(&serve, ARG_HEAD, p->plan->vocab, ARG_LOGITS, &x);
	trn_tile_free(b, &y);
	trn_tile_free(b, &x);
	trn_serve_end(&serve);
}

int trn_plan_finish(struct trn_builder *b, void **ret_image, size_t *ret_bytes,
		    struct trn_predict_why *why)
{
	const char *text = "";
	int r = trn_builder_finish(b, ret_image, ret_bytes);

	if (r < 0) {
		(void)trn_builder_status(b, &text);
		trn_predict_fail(why, r, "a program of the decoder: %.300s", text);
	}
	trn_builder_destroy(b);
	return r;
}

int trn_plan_builder(const struct trn_plan *plan, struct trn_builder **ret_builder,
		     struct trn_predict_why *why)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = plan->gen->number };
	int r = trn_builder_create(&opts, ret_builder);

	return r < 0 ? trn_predict_fail(why, r, "no memory for a program") : 0;
}

int trn_plan_run(struct trn_machine *machine, const struct trn_plan_program *program,
		 struct trn_machine_cost *ret_cost, struct trn_predict_why *why)
{
	struct trn_machine_arg args[ARG_COUNT];
	struct trn_builder *b;
	size_t bytes = 0;
	void *image = NULL;
	int r;

	args_fill(program, args);
	r = trn_plan_builder(program->plan, &b, why);
	if (r < 0)
		return r;
	args_declare(b, args);
	program_emit(b, program);
	r = trn_plan_finish(b, &image, &bytes, why);
	return r < 0 ? r : trn_machine_run(machine, image, bytes, args, ARG_COUNT, ret_cost, why);
}

/* ---- tokens of experts ---- */

struct dispatch {
	uint32_t rows, sums, list;                                  /* arguments */
	struct trn_tile list_tile, gathered[2], columns[2], sum[2]; /* two groups overlap */
	struct trn_tile turned, back;
};

static void turn(struct trn_builder *b, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	struct trn_tile_op op = {
		.op = TRN_OP_TRANSPOSE, .engine = TRN_ENGINE_TENSOR, .dst = dst, .src0 = src
	};

	trn_tile_compute(b, &op);
}

static void move(struct trn_builder *b, enum trn_engine engine, struct trn_isa_ap dst,
		 struct trn_isa_ap src)
{
	struct trn_tile_op op = {
		.op = TRN_OP_TENSOR_COPY, .engine = engine, .dst = dst, .src0 = src
	};

	trn_tile_compute(b, &op);
}

/* Rows of the chosen tokens become columns; the expert's columns become rows that are added. */
static void dispatch_group(struct trn_builder *b, struct dispatch *d, uint32_t hidden,
			   uint32_t tokens, uint32_t group)
{
	uint32_t tiles = hidden / 128;
	struct trn_tile_dma gather = {
		.op = TRN_OP_DMA_COPY,
		.engine = TRN_ENGINE_GPSIMD,
		.flags = TRN_DMA_GATHER,
		.index = trn_view(&d->list_tile, group, 1),
		.dst = trn_chip(trn_view(&d->gathered[group % 2], 0, hidden)),
		.src = trn_dram_outer(trn_dram(d->rows, TRN_DTYPE_BF16, 0, hidden), (int32_t)hidden,
				      tokens),
	};
	struct trn_tile_dma scatter = {
		.op = TRN_OP_DMA_ADD,
		.engine = TRN_ENGINE_GPSIMD,
		.flags = TRN_DMA_SCATTER | TRN_DMA_ACCUMULATE,
		.imm = 1,
		.index = trn_view(&d->list_tile, group, 1),
		.dst = trn_dram_outer(trn_dram(d->sums, TRN_DTYPE_BF16, 0, hidden), (int32_t)hidden,
				      tokens),
		.src = trn_chip(trn_view(&d->sum[group % 2], 0, hidden)),
	};

	trn_tile_transfer(b, &gather);
	for (uint32_t t = 0; t < tiles; t += 4) {
		uint32_t some = tiles - t < 4 ? tiles - t : 4;
		const struct trn_tile *columns = &d->columns[group % 2];

		for (uint32_t i = 0; i < some; i++)
			turn(b, trn_view(&d->turned, (t % 8 + i) * tokens, tokens),
			     trn_view(&d->gathered[group % 2], (t + i) * 128, 128));
		move(b, TRN_ENGINE_VECTOR, trn_view(columns, t * tokens, some * tokens),
		     trn_view(&d->turned, t % 8 * tokens, some * tokens));
		for (uint32_t i = 0; i < some; i++)
			turn(b, trn_view(&d->back, (t % 8 + i) * 128, 128),
			     trn_view(columns, (t + i) * tokens, tokens));
		move(b, TRN_ENGINE_SCALAR, trn_view(&d->sum[group % 2], t * 128, some * 128),
		     trn_view(&d->back, t % 8 * 128, some * 128));
	}
	trn_tile_transfer(b, &scatter);
}

static void dispatch_emit(struct trn_builder *b, struct dispatch *d, uint32_t hidden,
			  uint32_t tokens, uint32_t groups)
{
	enum trn_dtype bf16 = TRN_DTYPE_BF16;
	uint32_t tiles = hidden / 128;

	d->list_tile = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U32, tokens, groups);
	for (uint32_t i = 0; i < 2; i++) {
		d->gathered[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, bf16, tokens, hidden);
		d->columns[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, bf16, 128, tiles * tokens);
		d->sum[i] = trn_tile_alloc(b, TRN_SPACE_SBUF, bf16, tokens, hidden);
	}
	/* Rows past the last whole tile are few: they are left out. */
	d->turned = trn_tile_alloc(b, TRN_SPACE_PSUM, bf16, 128, 8 * tokens);
	d->back = trn_tile_alloc(b, TRN_SPACE_PSUM, bf16, tokens, 1024);
	copy(b, trn_chip(trn_view(&d->list_tile, 0, groups)),
	     trn_dram_outer(trn_dram(d->list, TRN_DTYPE_U32, 0, groups), (int32_t)groups, tokens));
	for (uint32_t g = 0; g < groups && trn_builder_status(b, NULL) == 0; g++)
		dispatch_group(b, d, hidden, tokens, g);
}

int trn_plan_dispatch_run(struct trn_machine *machine, const struct trn_plan *plan, uint32_t tokens,
			  uint32_t groups, struct trn_machine_cost *ret_cost,
			  struct trn_predict_why *why)
{
	uint32_t hidden = plan->config->hidden;
	uint64_t rows = (uint64_t)plan->sequences * hidden * 2;
	struct trn_machine_arg args[] = { { .bytes = rows },
					  { .bytes = rows },
					  { .bytes = (uint64_t)tokens * groups * 4 } };
	struct dispatch d = { 0 };
	struct trn_builder *b;
	size_t bytes = 0;
	void *image = NULL;
	int r = trn_plan_builder(plan, &b, why);

	if (r < 0)
		return r;
	d.rows = trn_builder_arg(b, "rows", TRN_ARG_BUFFER, args[0].bytes);
	d.sums = trn_builder_arg(b, "sums", TRN_ARG_BUFFER, args[1].bytes);
	d.list = trn_builder_arg(b, "list", TRN_ARG_BUFFER, args[2].bytes);
	dispatch_emit(b, &d, hidden, tokens, groups);
	r = trn_plan_finish(b, &image, &bytes, why);
	return r < 0 ? r :
		       trn_machine_run(machine, image, bytes, args, TRN_ARRAY_LEN(args), ret_cost,
				       why);
}
