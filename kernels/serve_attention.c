/* SPDX-License-Identifier: Apache-2.0 */
/* Serving: attention of a batch. The key cache of 128 / head_dim sequences fills the lanes; the
 * queries of each of them are a block on the diagonal of the stationary side, so that one product
 * gives the scores of all. Scores lie with a head of a sequence in each lane; their softmax is
 * turned over block by block and is the moving side of the product with the values. */
#include "kernels/serve.h"

#define BLOCK ((uint32_t)TRN_SERVE_BLOCK)
#define BLOCK_SHIFT 7u
#define CHUNK 1024u /* positions whose scores lie in PSUM at once */
#define BANK 512u   /* FP32 elements of a PSUM bank */
#define NO_WINDOW (1u << 23)
#define STAGES_MAX 4u

struct unit { /* tiles of one unit of sequences on its way; some of them overlap */
	struct trn_tile keys, values, masked, probs, turned;
	struct trn_tile top;
};

struct attention {
	struct trn_serve *serve;
	struct trn_builder *builder;
	const struct trn_serve_attention_args *args;
	uint32_t slots;  /* sequences of a unit */
	uint32_t units;  /* of the batch */
	uint32_t rows;   /* heads of a unit */
	uint32_t spaced; /* rows, to a power of two */
	uint32_t outs;   /* tiles of queries, key and value */
	uint32_t blocks; /* of a cache that are read */
	uint32_t stages;
	uint8_t position, block, spare, row;
	struct trn_tile heads;   /* [lanes][outs][tokens]: queries, key, value; turned */
	struct trn_tile queries; /* [lanes][units][rows]: blocks on the diagonal */
	struct trn_tile edge, number, sinks, result;
	struct trn_tile sums, sink_sums; /* [rows][units]: of the weights, and of the sinks */
	struct trn_tile scores[2], pt[2], out;
	struct unit unit[STAGES_MAX];
	uint32_t next;
};

static struct trn_tile sbuf(struct attention *a, enum trn_dtype dtype, uint32_t lanes,
			    uint32_t elements)
{
	return trn_tile_alloc(a->builder, TRN_SPACE_SBUF, dtype, lanes, elements);
}

static uint32_t unit_bytes(const struct attention *a)
{
	uint32_t read = a->blocks * BLOCK;

	/* keys, values, probabilities; scores; turned ones; three columns */
	return read * 2 * 3 + read * 4 + a->blocks * a->rows * 2 + 3 * 64;
}

static void unit_make(struct attention *a, struct unit *unit)
{
	uint32_t read = a->blocks * BLOCK;

	unit->keys = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, read);
	unit->values = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, read);
	unit->masked = sbuf(a, TRN_DTYPE_F32, a->rows, read);
	unit->probs = sbuf(a, TRN_DTYPE_BF16, a->rows, read);
	unit->turned = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, a->blocks * a->rows);
	unit->top = sbuf(a, TRN_DTYPE_F32, a->rows, 1);
}

static void unit_free(struct attention *a, const struct unit *unit)
{
	const struct trn_tile *tiles[] = { &unit->keys,  &unit->values, &unit->masked,
					   &unit->probs, &unit->turned, &unit->top };

	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(a->builder, tiles[i]);
}

static void plan(struct attention *a)
{
	const struct trn_serve_shape *s = &a->serve->shape;

	a->slots = 128 / s->head_dim;
	a->units = (s->tokens + a->slots - 1) / a->slots;
	a->rows = a->slots * s->heads;
	a->spaced = 1;
	while (a->spaced < a->rows)
		a->spaced *= 2;
	a->outs = trn_kit_tiles((s->heads + 2) * s->head_dim);
	a->blocks = s->positions / BLOCK;
	/* The window may begin and end inside a block. */
	if (s->window != 0 && (s->window + BLOCK - 2) / BLOCK + 1 < a->blocks)
		a->blocks = (s->window + BLOCK - 2) / BLOCK + 1;
}

/* ---- where the token is ---- */

static void reg_reg(struct attention *a, uint8_t dst, uint8_t left, enum trn_alu op, uint8_t right)
{
	struct trn_isa_compute insn = { .head = { .op = TRN_OP_REG_ALU },
					.op0 = dst,
					.op1 = left,
					.func = right,
					.mode = (uint8_t)op };

	for (unsigned int e = 0; e < TRN_ENGINE_COUNT; e++)
		(void)trn_builder_emit(a->builder, (enum trn_engine)e, &insn, 1);
}

/* The first block that is read; column j of what is read is seen when edge[0] < j <= edge[1]. */
static void edges_make(struct attention *a)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	uint32_t window = s->window != 0 ? s->window : NO_WINDOW;
	struct trn_isa_mem number = trn_chip(trn_view(&a->number, 0, 1));
	struct trn_isa_ap high = trn_view(&a->edge, 1, 1);
	struct trn_builder *b = a->builder;

	trn_tile_reg_arg(b, TRN_TILE_ALL, a->position, a->args->position);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->position, TRN_ALU_SUB, window - 1);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->block, TRN_ALU_MAX, 0);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->block, TRN_ALU_SHR, BLOCK_SHIFT);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->block, a->block, TRN_ALU_MIN,
			 s->positions / BLOCK - a->blocks);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->spare, a->block, TRN_ALU_SHL, BLOCK_SHIFT);
	reg_reg(a, a->spare, a->position, TRN_ALU_SUB, a->spare);
	trn_tile_reg_store(b, TRN_ENGINE_GPSIMD, a->spare, &number);
	trn_kit_copy(b, trn_chip(high),
		     trn_chip(trn_view_step(trn_view(&a->number, 0, a->rows), 0)),
		     TRN_ENGINE_GPSIMD);
	trn_kit_scalar(b, trn_view(&a->edge, 0, 1), high, TRN_ALU_SUB, (float)window,
		       TRN_ALU_BYPASS, 0.0f);
	/* From here on: where the token's value lies in its cache, in steps of 128. */
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->spare, a->position, TRN_ALU_AND, BLOCK - 1);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->spare, a->spare, TRN_ALU_MUL, s->positions / BLOCK);
	trn_tile_reg_alu(b, TRN_TILE_ALL, a->row, a->position, TRN_ALU_SHR, BLOCK_SHIFT);
	reg_reg(a, a->row, a->row, TRN_ALU_ADD, a->spare);
}

/* ---- queries, keys, values ---- */

/* Projections with their bias, and the rotation of queries and keys: x cos + turn(x) sin. */
static void project(struct attention *a, const struct trn_tile *x)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	struct trn_builder *b = a->builder;
	uint32_t tokens = s->tokens, outs = (s->heads + 2) * s->head_dim;
	/* Key and value share a tile when two heads fill one. */
	uint32_t turned = s->heads * s->head_dim / 128 + 1;
	uint32_t last = a->slots == 1 ? 128 : s->head_dim;
	struct trn_tile normed = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, a->serve->tiles * tokens);
	struct trn_tile bias = sbuf(a, TRN_DTYPE_F32, KIT_LANES, a->outs);
	struct trn_tile rope = sbuf(a, TRN_DTYPE_F32, KIT_LANES, 2 * tokens);
	struct trn_tile part = sbuf(a, TRN_DTYPE_F32, KIT_LANES, turned * tokens);
	struct trn_tile straight = sbuf(a, TRN_DTYPE_F32, KIT_LANES, turned * tokens);
	struct trn_tile sum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
					     a->outs * a->serve->spaced);
	struct trn_serve_stream stream = { .matrix = trn_serve_hidden(s->hidden, outs),
					   .arg = a->args->qkv,
					   .reg = -1,
					   .moving = { &normed },
					   .sum = &sum };

	trn_kit_copy(b, trn_chip(trn_view(&bias, 0, a->outs)),
		     trn_kit_rows(a->args->qkv_bias, TRN_DTYPE_F32, 0, a->outs, a->outs, 128),
		     TRN_ENGINE_GPSIMD);
	trn_kit_copy(b, trn_chip(trn_view(&rope, 0, 2 * tokens)),
		     trn_kit_rows(a->args->rope, TRN_DTYPE_F32, 0, 2 * tokens, 2 * tokens, 128),
		     TRN_ENGINE_GPSIMD);
	trn_serve_norm_emit(a->serve, x, &normed);
	trn_serve_stream_emit(a->serve, &stream);
	trn_kit_tensor(b, trn_view_outer(trn_view(&a->heads, 0, tokens), (int32_t)tokens, a->outs),
		       trn_serve_spaced(a->serve, &sum, 0, 1, a->outs), TRN_ALU_ADD,
		       trn_serve_repeated(a->serve, &bias, 0, 1, a->outs));
	for (uint32_t t = 0; t < turned; t++)
		trn_kit_matmul(b, trn_view(&sum, t * a->serve->spaced, tokens),
			       trn_view(&a->serve->turn, 0, 128),
			       trn_view(&a->heads, t * tokens, tokens), false);
	trn_kit_tensor(b, trn_view_outer(trn_view(&part, 0, tokens), (int32_t)tokens, turned),
		       trn_serve_spaced(a->serve, &sum, 0, 1, turned), TRN_ALU_MUL,
		       trn_view_outer(trn_view(&rope, tokens, tokens), 0, turned));
	trn_kit_tensor(b, trn_view_outer(trn_view(&straight, 0, tokens), (int32_t)tokens, turned),
		       trn_view_outer(trn_view(&a->heads, 0, tokens), (int32_t)tokens, turned),
		       TRN_ALU_MUL, trn_view_outer(trn_view(&rope, 0, tokens), 0, turned));
	/* The value's lanes of the last tile stay as they are. */
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t first = i ? turned - 1 : 0, count = i ? 1 : turned - 1;
		uint32_t lanes = i ? last : 128, at = first * tokens;

		trn_kit_tensor(b, trn_view_rows(trn_view(&a->heads, at, count * tokens), 0, lanes),
			       trn_view_rows(trn_view(&straight, at, count * tokens), 0, lanes),
			       TRN_ALU_ADD,
			       trn_view_rows(trn_view(&part, at, count * tokens), 0, lanes));
	}
	trn_tile_free(b, &normed);
	trn_tile_free(b, &bias);
	trn_tile_free(b, &rope);
	trn_tile_free(b, &part);
	trn_tile_free(b, &straight);
	trn_tile_free(b, &sum);
}

/* Key and value of every sequence into its cache. */
static void append(struct attention *a)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	uint32_t d = s->head_dim, tokens = s->tokens, key = s->heads * d / 128;
	uint32_t value = key + (a->slots == 1);
	uint32_t unit = 128 * s->positions;
	struct trn_isa_mem mem = trn_dram(a->args->k_cache, TRN_DTYPE_BF16, 0, tokens);

	mem = trn_dram_step(mem, (int32_t)(d * s->positions));
	mem = trn_dram_outer(mem, (int32_t)s->positions, d);
	trn_kit_copy(a->builder, trn_dram_reg(mem, a->position, 2),
		     trn_chip(trn_view_rows(trn_view(&a->heads, key * tokens, tokens), 0, d)),
		     TRN_ENGINE_GPSIMD);
	for (uint32_t slot = 0; slot < a->slots && slot < tokens; slot++) {
		uint32_t count = (tokens - slot + a->slots - 1) / a->slots;
		struct trn_isa_ap from = trn_view_step(
			trn_view(&a->heads, value * tokens + slot, count), (int32_t)a->slots);

		mem = trn_dram(a->args->v_cache, TRN_DTYPE_BF16, (uint64_t)slot * d * 2, count);
		mem = trn_dram_outer(trn_dram_step(mem, (int32_t)unit), 1, d);
		trn_kit_copy(a->builder, trn_dram_reg(mem, a->row, 256),
			     trn_chip(trn_view_rows(from, a->slots == 1 ? 0 : 64, d)),
			     TRN_ENGINE_GPSIMD);
	}
}

/* Between tiles of heads, [tile][token] of lanes of one head in each, and tiles of units,
 * [unit][slot][head]: what belongs to one slot and to one place of heads in a tile. */
struct place {
	struct trn_isa_ap heads, units;
};

static struct place place_of(const struct attention *a, const struct trn_tile *heads,
			     const struct trn_tile *units, uint32_t slot, uint32_t part)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	uint32_t d = s->head_dim, slots = a->slots, tokens = s->tokens;
	uint32_t count = (tokens - slot + slots - 1) / slots, tiles = s->heads / slots;
	struct place place;

	place.heads = trn_view_step(trn_view(heads, slot, tiles), (int32_t)tokens);
	place.heads = trn_view_outer(place.heads, (int32_t)slots, count);
	place.heads = trn_view_rows(place.heads, part * d, d);
	place.units = trn_view_step(trn_view(units, slot * s->heads + part, tiles), (int32_t)slots);
	place.units = trn_view_outer(place.units, (int32_t)a->spaced, count);
	place.units = trn_view_rows(place.units, slot * d, d);
	return place;
}

static void queries_make(struct attention *a)
{
	trn_kit_fill(a->builder, trn_view(&a->queries, 0, a->queries.elements), 0.0f);
	for (uint32_t slot = 0; slot < a->slots && slot < a->serve->shape.tokens; slot++)
		for (uint32_t part = 0; part < a->slots; part++) {
			struct place p = place_of(a, &a->heads, &a->queries, slot, part);

			trn_kit_cast(a->builder, p.units, p.heads);
		}
}

/* ---- a unit ---- */

static void unit_load(struct attention *a, const struct unit *u, uint32_t unit)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	uint32_t read = a->blocks * BLOCK;
	uint64_t at = (uint64_t)unit * 128 * s->positions * 2;
	struct trn_isa_mem keys = trn_dram(a->args->k_cache, TRN_DTYPE_BF16, at, read);
	struct trn_isa_mem values = trn_dram(a->args->v_cache, TRN_DTYPE_BF16, at, read);

	keys = trn_dram_outer(keys, (int32_t)s->positions, 128);
	values = trn_dram_outer(values, (int32_t)s->positions, 128);
	trn_kit_copy(a->builder, trn_chip(trn_view(&u->keys, 0, read)),
		     trn_dram_reg(keys, a->block, BLOCK * 2), TRN_ENGINE_GPSIMD);
	trn_kit_copy(a->builder, trn_chip(trn_view(&u->values, 0, read)),
		     trn_dram_reg(values, a->block, BLOCK * 2), TRN_ENGINE_GPSIMD);
}

/* Scores of a chunk, masked; the largest of each row so far. */
static void chunk_scores(struct attention *a, const struct unit *u, uint32_t unit, uint32_t first)
{
	uint32_t read = a->blocks * BLOCK;
	uint32_t count = read - first < CHUNK ? read - first : CHUNK;
	const struct trn_tile *scores = &a->scores[a->next++ % 2];

	for (uint32_t n = 0; n < count; n += BANK) {
		uint32_t cols = count - n < BANK ? count - n : BANK;

		trn_kit_matmul(a->builder, trn_view_rows(trn_view(scores, n, cols), 0, a->rows),
			       trn_view(&a->queries, unit * a->spaced, a->rows),
			       trn_view(&u->keys, first + n, cols), false);
	}
	trn_tile_compute(a->builder,
			 &(struct trn_tile_op){
				 .op = TRN_OP_RANGE_SELECT,
				 .engine = TRN_ENGINE_VECTOR,
				 .flags = TRN_SCALAR_COLUMN0 | TRN_SCALAR_COLUMN1,
				 .op0 = TRN_ALU_GT,
				 .op1 = TRN_ALU_LE,
				 .mode = first ? TRN_REDUCE_ACCUMULATE : TRN_REDUCE_RESET_REDUCE,
				 .imm = { 0, 0, first },
				 .dst = trn_view(&u->masked, first, count),
				 .src0 = trn_view_rows(trn_view(scores, 0, count), 0, a->rows),
				 .src1 = trn_view(&a->edge, 0, 1),
				 .src2 = trn_view(&a->edge, 1, 1),
				 .dst2 = trn_view(&u->top, 0, 1) });
}

/* Weights of a row, not yet divided by their sum. The sinks come with their sign turned:
 * -max(top, sink) = min(-top, -sink). */
static void unit_weights(struct attention *a, const struct unit *u, uint32_t unit)
{
	struct trn_isa_ap negative = trn_view(&u->top, 0, 1), sum = trn_view(&a->sums, unit, 1);

	trn_serve_scalar_tensor(a->builder, negative, negative, TRN_ALU_MUL, -1.0f, TRN_ALU_MIN,
				trn_view(&a->sinks, 0, 1));
	trn_serve_exp(a->builder, trn_view(&u->probs, 0, a->blocks * BLOCK),
		      trn_view(&u->masked, 0, a->blocks * BLOCK), 1.0f, &negative, &sum);
	trn_serve_exp(a->builder, trn_view(&a->sink_sums, unit, 1), trn_view(&a->sinks, 0, 1),
		      -1.0f, &negative, NULL);
}

static void unit_values(struct attention *a, const struct unit *u, uint32_t unit)
{
	/* As many blocks as fill a bank of 16-bit elements. */
	uint32_t most = 1024 / a->rows;

	for (uint32_t first = 0; first < a->blocks; first += most) {
		uint32_t count = a->blocks - first < most ? a->blocks - first : most;
		const struct trn_tile *pt = &a->pt[a->next++ % 2];

		for (uint32_t i = 0; i < count; i++)
			trn_serve_turn(a->builder, trn_view(pt, i * a->rows, a->rows),
				       trn_view(&u->probs, (first + i) * BLOCK, BLOCK));
		trn_kit_cast(a->builder, trn_view(&u->turned, first * a->rows, count * a->rows),
			     trn_view(pt, 0, count * a->rows));
	}
	for (uint32_t i = 0; i < a->blocks; i++)
		trn_kit_matmul(a->builder, trn_view(&a->out, unit * a->spaced, a->rows),
			       trn_view(&u->values, i * BLOCK, BLOCK),
			       trn_view(&u->turned, i * a->rows, a->rows), i > 0);
}

/* Sums lie in lanes, results beside each other: sums on a diagonal, added up over lanes by a
 * product with ones, are in every lane at the place of their results. */
static void divide(struct attention *a)
{
	struct trn_builder *b = a->builder;
	uint32_t cols = a->units * a->spaced;
	struct trn_tile wide = sbuf(a, TRN_DTYPE_F32, KIT_LANES, cols);
	struct trn_isa_ap sums = trn_view(&a->sums, 0, a->units);
	struct trn_isa_ap eye = trn_view_rows(trn_view(&a->serve->eye, 0, a->rows), 0, a->rows);
	struct trn_isa_ap diagonal =
		trn_view_outer(trn_view(&wide, 0, a->rows), (int32_t)a->spaced, a->units);

	trn_kit_tensor(b, sums, sums, TRN_ALU_ADD, trn_view(&a->sink_sums, 0, a->units));
	trn_serve_reciprocal(b, sums, sums);
	trn_kit_fill(b, trn_view(&wide, 0, cols), 0.0f);
	trn_kit_tensor(b, trn_view_rows(diagonal, 0, a->rows), trn_view_outer(eye, 0, a->units),
		       TRN_ALU_MUL,
		       trn_view_outer(trn_view_step(trn_view(&a->sums, 0, a->rows), 0), 1,
				      a->units));
	for (uint32_t n = 0; n < cols; n += BANK) {
		uint32_t some = cols - n < BANK ? cols - n : BANK;

		trn_kit_matmul(b, trn_view(&a->scores[0], n, some),
			       trn_view_rows(trn_view(&a->serve->ones, 0, 128), 0, a->rows),
			       trn_view_rows(trn_view(&wide, n, some), 0, a->rows), false);
	}
	trn_kit_cast(b, trn_view(&wide, 0, cols), trn_view(&a->scores[0], 0, cols));
	for (uint32_t slot = 0; slot < a->slots && slot < a->serve->shape.tokens; slot++)
		for (uint32_t part = 0; part < a->slots; part++) {
			struct place p = place_of(a, &a->result, &a->out, slot, part);
			struct place scale = place_of(a, &a->result, &wide, slot, part);

			trn_kit_tensor(b, p.heads, p.units, TRN_ALU_MUL, scale.units);
		}
	trn_tile_free(b, &wide);
}

static void unit_scores(struct attention *a, uint32_t unit)
{
	for (uint32_t first = 0; first < a->blocks * BLOCK; first += CHUNK)
		chunk_scores(a, &a->unit[unit % a->stages], unit, first);
}

/* The scores of the next unit are made while this one's softmax is at the scalar engine. */
static void units_all(struct attention *a)
{
	uint32_t ahead = a->stages - 1;

	for (uint32_t unit = 0; unit < a->stages && unit < a->units; unit++)
		unit_load(a, &a->unit[unit], unit);
	unit_scores(a, 0);
	for (uint32_t unit = 0; unit < a->units; unit++) {
		const struct unit *u = &a->unit[unit % a->stages];

		unit_weights(a, u, unit);
		if (ahead > 0 && unit + 1 < a->units)
			unit_scores(a, unit + 1);
		unit_values(a, u, unit);
		if (unit + a->stages < a->units)
			unit_load(a, u, unit + a->stages);
		if (ahead == 0 && unit + 1 < a->units)
			unit_scores(a, unit + 1);
		if (trn_builder_status(a->builder, NULL) < 0)
			return;
	}
	divide(a);
}

/* ---- the whole ---- */

static void project_out(struct attention *a, const struct trn_tile *y)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	uint32_t tiles = a->serve->tiles, tokens = s->tokens;
	struct trn_tile bias = sbuf(a, TRN_DTYPE_F32, KIT_LANES, tiles);
	struct trn_tile sum = trn_tile_alloc(a->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
					     tiles * a->serve->spaced);
	struct trn_serve_stream stream = {
		.matrix = trn_serve_matrix(s->hidden, 128, s->heads * s->head_dim / 128, 128,
					   s->hidden),
		.arg = a->args->out,
		.reg = -1,
		.moving = { &a->result },
		.sum = &sum,
	};
	struct trn_kit_part parts[2];
	uint32_t n = trn_kit_parts(s->hidden, parts);

	trn_kit_copy(a->builder, trn_chip(trn_view(&bias, 0, tiles)),
		     trn_kit_rows(a->args->out_bias, TRN_DTYPE_F32, 0, tiles, tiles, 128),
		     TRN_ENGINE_GPSIMD);
	if (s->hidden % 128 != 0)
		trn_kit_fill(a->builder, trn_view(y, (tiles - 1) * tokens, tokens), 0.0f);
	trn_serve_stream_emit(a->serve, &stream);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t first = parts[i].first, count = parts[i].tiles;
		struct trn_isa_ap to =
			trn_view_outer(trn_view(y, first * tokens, tokens), (int32_t)tokens, count);

		trn_kit_tensor(a->builder, trn_view_rows(to, 0, parts[i].lanes),
			       trn_view_rows(trn_serve_spaced(a->serve, &sum, first, 1, count), 0,
					     parts[i].lanes),
			       TRN_ALU_ADD,
			       trn_view_rows(trn_serve_repeated(a->serve, &bias, first, 1, count),
					     0, parts[i].lanes));
	}
	trn_tile_free(a->builder, &bias);
	trn_tile_free(a->builder, &sum);
}

static void tiles_make(struct attention *a)
{
	const struct trn_serve_shape *s = &a->serve->shape;
	struct trn_builder *b = a->builder;

	a->heads = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, a->outs * s->tokens);
	a->queries = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, a->units * a->spaced);
	a->result = sbuf(a, TRN_DTYPE_BF16, KIT_LANES, s->heads / a->slots * s->tokens);
	a->edge = sbuf(a, TRN_DTYPE_F32, a->rows, 2);
	a->sums = sbuf(a, TRN_DTYPE_F32, a->rows, a->units);
	a->sink_sums = sbuf(a, TRN_DTYPE_F32, a->rows, a->units);
	a->sinks = sbuf(a, TRN_DTYPE_F32, a->rows, 1);
	a->number = sbuf(a, TRN_DTYPE_S32, 1, 1);
	a->position = trn_tile_reg(b);
	a->block = trn_tile_reg(b);
	a->spare = trn_tile_reg(b);
	a->row = trn_tile_reg(b);
	trn_kit_copy(b, trn_chip(trn_view(&a->sinks, 0, 1)),
		     trn_kit_rows(a->args->sinks, TRN_DTYPE_F32, 0, 1, 1, a->rows),
		     TRN_ENGINE_GPSIMD);
}

static void units_make(struct attention *a)
{
	uint32_t score = a->blocks * BLOCK < CHUNK ? a->blocks * BLOCK : CHUNK, room;

	/* The sums take its place in the end. */
	score = score < a->units * a->spaced ? a->units * a->spaced : score;
	room = trn_tile_room(a->builder, TRN_SPACE_SBUF) - a->units * a->spaced * 4;
	a->stages = room / (unit_bytes(a) + 1024);
	a->stages = a->stages < 1 ? 1 : a->stages > STAGES_MAX ? STAGES_MAX : a->stages;
	for (uint32_t i = 0; i < a->stages; i++)
		unit_make(a, &a->unit[i]);
	for (uint32_t i = 0; i < 2; i++) {
		a->scores[i] =
			trn_tile_alloc(a->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES, score);
		a->pt[i] =
			trn_tile_alloc(a->builder, TRN_SPACE_PSUM, TRN_DTYPE_BF16, KIT_LANES, 1024);
	}
	a->out = trn_tile_alloc(a->builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, KIT_LANES,
				a->units * a->spaced);
}

static void units_free(struct attention *a)
{
	for (uint32_t i = 0; i < a->stages; i++)
		unit_free(a, &a->unit[i]);
	for (uint32_t i = 0; i < 2; i++) {
		trn_tile_free(a->builder, &a->scores[i]);
		trn_tile_free(a->builder, &a->pt[i]);
	}
	trn_tile_free(a->builder, &a->out);
}

void trn_serve_attention_emit(struct trn_serve *serve, const struct trn_serve_attention_args *args,
			      const struct trn_tile *x, const struct trn_tile *y)
{
	struct attention a = { .serve = serve, .builder = serve->builder, .args = args };
	const struct trn_tile *tiles[] = { &a.heads, &a.queries, &a.result, &a.edge,
					   &a.sinks, &a.number,  &a.sums,   &a.sink_sums };

	if (trn_builder_status(a.builder, NULL) < 0)
		return;
	plan(&a);
	tiles_make(&a);
	edges_make(&a);
	project(&a, x);
	append(&a);
	queries_make(&a);
	units_make(&a);
	units_all(&a);
	units_free(&a);
	project_out(&a, y);
	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		trn_tile_free(a.builder, tiles[i]);
	trn_tile_reg_free(a.builder, a.position);
	trn_tile_reg_free(a.builder, a.block);
	trn_tile_reg_free(a.builder, a.spare);
	trn_tile_reg_free(a.builder, a.row);
}
