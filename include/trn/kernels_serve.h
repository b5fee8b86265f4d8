/* SPDX-License-Identifier: Apache-2.0 */
/* One core's share of a decoder layer for a batch of sequences, one token each, as parts of a
 * program. Weights stream through SBUF once and stay ahead of what uses them; activations lie in
 * columns: hidden in lanes, tokens beside each other, so no part turns them over. */
#ifndef TRN_KERNELS_SERVE_H
#define TRN_KERNELS_SERVE_H

#include <trn/tile.h>

TRN_BEGIN_DECLS

#define TRN_SERVE_TOKENS_MAX 128
#define TRN_SERVE_STAGES_MAX 8
#define TRN_SERVE_BLOCK 128 /* positions of a cache come in blocks of so many */

/**
 * struct trn_serve_shape - sizes of one core's share
 * @tokens: sequences of a step, 1 to 128
 * @hidden: width of a row, 128 to 8192
 * @heads: query heads on this core, all of one key head; @heads times @head_dim is a multiple
 *         of 128, at most 64 of them
 * @head_dim: 64 or 128
 * @positions: room of each cache, a multiple of 128, at most 16384; all of it is read
 * @window: positions that a token sees, its own included; only its blocks are read; 0: all
 * @experts: experts the router knows, 1 to 512; 1 is no router at all
 * @top_k: experts of a token, 1 to 8
 * @groups: experts that are worked off; @top_k when there is one token
 * @intermediate: width of every expert on this core, 1 to 8192
 * @eps: of the norms
 * @limit: clamp of gate (above) and up (both sides), > 0
 * @alpha: factor inside the sigmoid
 * @format: of the experts' weights: TRN_DTYPE_NONE is BF16, TRN_DTYPE_F4E2M1_X4 is MXFP4, whose
 *          products take activations in MXFP8; trn3 and later
 */
struct trn_serve_shape {
	uint32_t tokens, hidden, heads, head_dim, positions, window;
	uint32_t experts, top_k, groups, intermediate;
	float eps, limit, alpha;
	enum trn_dtype format;
};

/**
 * struct trn_serve_attention_args - argument numbers of the attention
 * @qkv: streamed matrix [hidden][(heads + 2) * head_dim], BF16: queries, key, value; the gamma of
 *       the norm in its rows, 1 / sqrt(head_dim) in the columns of the queries
 * @qkv_bias: [128][tiles of 128 outputs] FP32, output o at lane o % 128; queries scaled as well
 * @rope: [128][2][tokens] FP32: cosines, then sines, of angle (lane % head_dim) % (head_dim / 2)
 * @sinks: [lanes][1] FP32, for heads * (128 / head_dim) lanes: the sinks of the heads, repeated,
 *         times -1
 * @k_cache: [units][128][positions] BF16, in and out: a unit is 128 / head_dim sequences, their
 *           head_dims in lanes one behind the other; rotated keys
 * @v_cache: [units][128][positions / 128][128 / head_dim][head_dim] BF16, in and out: position p
 *           in lane p % 128, block p / 128
 * @position: number: where the token of every sequence is
 * @out: streamed matrix [heads * head_dim][hidden], BF16
 * @out_bias: [128][tiles of hidden] FP32
 *
 * Caches are finite behind @position: zero them once.
 */
struct trn_serve_attention_args {
	uint32_t qkv, qkv_bias, rope, sinks, k_cache, v_cache, position, out, out_bias;
};

/**
 * struct trn_serve_experts_args - argument numbers of router and experts
 * @router: streamed matrix [hidden][experts], BF16, the norm's gamma in its rows
 * @router_bias: [experts] FP32
 * @shares: out, [experts][tokens] FP32: softmax over the chosen logits, 0 elsewhere
 * @list: [groups] U32: the experts that any token has chosen, in any order, none twice; not
 *        read with one token: it goes to those it has just chosen
 * @gate_up: [experts] streamed matrices [hidden][2 * padded], BF16: a tile of gate, a tile of
 *           up, and so on; the norm's gamma in the rows
 * @gate_up_bias: [experts][128][2 * tiles] FP32: columns as those tiles
 * @down: [experts] streamed matrices [padded][hidden], BF16
 * @down_bias: [experts][hidden] BF16
 * @scales: MXFP4 only: [experts][4][8][trn_serve_scale_columns()] U8
 *
 * trn_serve_middle() gives tiles and padded. With MXFP4 the matrices are those of
 * trn_serve_gate_up_mx() and trn_serve_down_mx(): an element is four rows of one column, number j
 * of lane l in tile m is row (4m + j) * rows of a tile + l of the BF16 layout. The scale of lane l
 * in tile m for column c is in part l / 32, row l % 32 / 8 of it, or that plus 4 for down, at
 * m * columns + c. Equal logits at the edge of the chosen are all
 * taken.
 */
struct trn_serve_experts_args {
	uint32_t router, router_bias, shares, list, gate_up, gate_up_bias, down, down_bias;
	uint32_t scales;
};

/** struct trn_serve_matrix - layout of a streamed matrix */
struct trn_serve_matrix {
	uint32_t lanes, tiles; /* rows: row r at lane r % lanes, tile r / lanes */
	uint32_t width, out;   /* columns come in tiles of width; out of them */
	uint32_t block;        /* columns of a block; the last one may have fewer */
};

/** struct trn_serve - what the parts of a program share; made by trn_serve_begin() */
struct trn_serve {
	struct trn_builder *builder;
	struct trn_serve_shape shape;
	uint32_t tiles;  /* of hidden */
	uint32_t spaced; /* elements from tile to tile in PSUM: tokens, to a power of two */
	uint32_t stages, next;
	struct trn_tile stage[TRN_SERVE_STAGES_MAX]; /* blocks of weights, in turn */
	struct trn_tile ones, turn, eye;             /* constants: norm, rotation, identity */
};

/** trn_serve_matrix() - how a matrix of that many rows and columns is streamed */
static inline struct trn_serve_matrix trn_serve_matrix(uint32_t hidden, uint32_t lanes,
						       uint32_t tiles, uint32_t width, uint32_t out)
{
	uint32_t room = 2 * ((hidden + 127) / 128) * 128, unit = width;
	struct trn_serve_matrix m;

	m.lanes = lanes;
	m.tiles = tiles;
	m.width = width;
	m.out = out;
	room = room > 2 * 128 * tiles ? room : 2 * 128 * tiles;
	m.block = room / tiles / unit * unit;
	m.block = m.block < out ? m.block : out;
	return m;
}

/** trn_serve_at() - which element of a streamed matrix row and column are */
static inline uint64_t trn_serve_at(const struct trn_serve_matrix *m, uint32_t row, uint32_t col)
{
	uint32_t first = col / m->block * m->block;
	uint32_t cols = m->out - first < m->block ? m->out - first : m->block;

	return (uint64_t)first * m->lanes * m->tiles +
	       (uint64_t)(row % m->lanes) * m->tiles * cols + (uint64_t)(row / m->lanes) * cols +
	       (col - first);
}

/** trn_serve_hidden() - streamed matrix [hidden][out] */
static inline struct trn_serve_matrix trn_serve_hidden(uint32_t hidden, uint32_t out)
{
	return trn_serve_matrix(hidden, 128, (hidden + 127) / 128, 128, out);
}

/** trn_serve_middle() - tiles of the width inside an expert, and lanes of a tile */
static inline uint32_t trn_serve_middle(uint32_t intermediate, uint32_t *ret_lanes)
{
	uint32_t tiles = (intermediate + 127) / 128;

	*ret_lanes = (intermediate + tiles - 1) / tiles;
	return tiles;
}

/** trn_serve_gate_up() - streamed matrix of an expert's gate and up */
static inline struct trn_serve_matrix trn_serve_gate_up(uint32_t hidden, uint32_t intermediate)
{
	uint32_t lanes, tiles = trn_serve_middle(intermediate, &lanes);

	return trn_serve_matrix(hidden, 128, (hidden + 127) / 128, lanes, 2 * tiles * lanes);
}

/** trn_serve_down() - streamed matrix of an expert's way down */
static inline struct trn_serve_matrix trn_serve_down(uint32_t hidden, uint32_t intermediate)
{
	uint32_t lanes, tiles = trn_serve_middle(intermediate, &lanes);

	return trn_serve_matrix(hidden, lanes, tiles, 128, hidden);
}

/** trn_serve_middle_mx() - tiles and lanes as trn_serve_middle(), in fours */
static inline uint32_t trn_serve_middle_mx(uint32_t intermediate, uint32_t *ret_lanes)
{
	uint32_t tiles = 4 * ((intermediate + 511) / 512);

	*ret_lanes = ((intermediate + tiles - 1) / tiles + 1) / 2 * 2;
	return tiles;
}

/** trn_serve_gate_up_mx() - streamed matrix of an expert's gate and up in MXFP4 */
static inline struct trn_serve_matrix trn_serve_gate_up_mx(uint32_t hidden, uint32_t intermediate)
{
	uint32_t lanes, tiles = trn_serve_middle_mx(intermediate, &lanes);

	return trn_serve_matrix(hidden, 128, (hidden + 511) / 512, lanes, 2 * tiles * lanes);
}

/** trn_serve_down_mx() - streamed matrix of an expert's way down in MXFP4 */
static inline struct trn_serve_matrix trn_serve_down_mx(uint32_t hidden, uint32_t intermediate)
{
	uint32_t lanes, tiles = trn_serve_middle_mx(intermediate, &lanes);

	return trn_serve_matrix(hidden, (lanes + 31) / 32 * 32, tiles / 4, 128,
				(hidden + 1) / 2 * 2);
}

/** trn_serve_scale_columns() - scales of a lane of an expert's matrices */
static inline uint32_t trn_serve_scale_columns(uint32_t hidden, uint32_t intermediate)
{
	struct trn_serve_matrix up = trn_serve_gate_up_mx(hidden, intermediate);
	struct trn_serve_matrix down = trn_serve_down_mx(hidden, intermediate);
	uint32_t a = up.tiles * up.out, b = down.tiles * down.out;

	return a > b ? a : b;
}

/**
 * trn_serve_begin() - take what the parts share
 * @builder: a builder
 * @shape: sizes; copied
 * @ret_serve: filled
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_serve_begin(struct trn_builder *builder, const struct trn_serve_shape *shape,
			     struct trn_serve *ret_serve);

/**
 * trn_serve_end() - give it back
 * @serve: what trn_serve_begin() filled
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_serve_end(struct trn_serve *serve);

/**
 * trn_serve_columns() - a tile of activations: FP32 [128][tiles of hidden][tokens]
 * @serve: what trn_serve_begin() filled
 *
 * Element (row, token) of a batch is at lane row % 128, tile row / 128. Rows past hidden are 0.
 *
 * Context: one thread at a time per object.
 * Return:  the tile; freed with trn_tile_free().
 * Since:   0.1
 */
TRN_API struct trn_tile trn_serve_columns(struct trn_serve *serve);

/**
 * trn_serve_attention_emit() - y = this core's part of attention(norm(x))
 * @serve: what trn_serve_begin() filled
 * @args: argument numbers; borrowed for the call
 * @x: columns; unchanged
 * @y: columns; overwritten. The sum over the cores of a layer is what x grows by
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_serve_attention_emit(struct trn_serve *serve,
				      const struct trn_serve_attention_args *args,
				      const struct trn_tile *x, const struct trn_tile *y);

/**
 * trn_serve_experts_emit() - y = this core's part of experts(norm(x)), router included
 * @serve: what trn_serve_begin() filled
 * @args: argument numbers; borrowed for the call
 * @x: columns; unchanged
 * @y: columns; overwritten
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_serve_experts_emit(struct trn_serve *serve,
				    const struct trn_serve_experts_args *args,
				    const struct trn_tile *x, const struct trn_tile *y);

/**
 * trn_serve_head_emit() - logits of this core's part of the vocabulary, of norm(x)
 * @serve: what trn_serve_begin() filled
 * @weight: argument number: streamed matrix [hidden][vocab], BF16, the norm's gamma in its rows
 * @vocab: columns of it
 * @logits: argument number: out, [128][tiles of vocab][tokens] FP32, column c at lane c % 128
 * @x: columns; unchanged
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_serve_head_emit(struct trn_serve *serve, uint32_t weight, uint32_t vocab,
				 uint32_t logits, const struct trn_tile *x);

TRN_END_DECLS

#endif /* TRN_KERNELS_SERVE_H */
