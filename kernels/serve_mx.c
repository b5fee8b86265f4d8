/* SPDX-License-Identifier: Apache-2.0 */
/* Serving: products with MXFP4 weights. Four tiles of lanes are the four numbers of an element,
 * so activations in columns are quantised as they lie. */
#include "kernels/serve.h"

#define SCALE_GAP 28u /* lanes of a quadrant that have no scale: isa.md 8.2.1 */

static struct trn_isa_ap scale_view(const struct trn_tile *tile, uint32_t row, uint32_t lanes,
				    uint32_t first, uint32_t count)
{
	return trn_view_rows(trn_view(tile, first, count), row, lanes - SCALE_GAP);
}

void trn_serve_quantize_emit(struct trn_serve *serve, const struct trn_tile *src, uint32_t lanes,
			     uint32_t tiles, const struct trn_serve_mx *dst)
{
	uint32_t tokens = serve->shape.tokens;
	/* Tile of 512, token, number. */
	struct trn_isa_ap from = trn_view_step(trn_view(src, 0, 4), (int32_t)tokens);

	from = trn_view_outer(trn_view_outer(from, 1, tokens), (int32_t)(4 * tokens), tiles);
	trn_tile_compute(
		serve->builder,
		&(struct trn_tile_op){
			.op = TRN_OP_QUANTIZE_MX,
			.engine = TRN_ENGINE_VECTOR,
			.dst = trn_view_rows(trn_view(&dst->numbers, 0, tiles * tokens), 0, lanes),
			.src0 = trn_view_rows(from, 0, lanes),
			.dst2 = scale_view(&dst->scales, 0, lanes, 0, tiles * tokens) });
}

static void block_mx(struct trn_serve *serve, const struct trn_serve_stream *stream,
		     const struct trn_serve_mx *mx, const struct trn_tile *scales, uint32_t row,
		     uint32_t first)
{
	const struct trn_serve_matrix *m = &stream->matrix;
	const struct trn_tile *stage = &serve->stage[serve->next++ % serve->stages];
	uint32_t tokens = serve->shape.tokens;
	uint32_t cols = m->out - first < m->block ? m->out - first : m->block;
	struct trn_isa_mem mem = trn_dram(stream->arg, TRN_DTYPE_U16,
					  (uint64_t)first * m->lanes * m->tiles * 2,
					  m->tiles * cols);
	struct trn_isa_ap place = trn_view_rows(
		trn_view_as(trn_view(stage, 0, m->tiles * cols), TRN_DTYPE_U16), 0, m->lanes);

	mem = trn_dram_outer(mem, (int32_t)(m->tiles * cols), m->lanes);
	mem = trn_dram_reg(mem, (uint8_t)stream->reg, stream->reg_scale);
	trn_kit_copy(serve->builder, trn_chip(place), mem, TRN_ENGINE_SYNC);
	for (uint32_t col = 0; col < cols; col += m->width) {
		uint32_t width = cols - col < m->width ? cols - col : m->width;
		uint32_t to = (first + col) / m->width * serve->spaced;

		for (uint32_t t = 0; t < m->tiles; t++) {
			struct trn_isa_ap weights = trn_view_as(
				trn_view(stage, t * cols + col, width), TRN_DTYPE_F4E2M1_X4);

			trn_tile_compute(
				serve->builder,
				&(struct trn_tile_op){
					.op = TRN_OP_MATMUL_MX,
					.engine = TRN_ENGINE_TENSOR,
					.flags = stream->add || t > 0 ? TRN_MATMUL_ACCUMULATE : 0,
					.dst = trn_view_rows(trn_view(stream->sum, to, tokens), 0,
							     width),
					.src0 = trn_view_rows(weights, 0, m->lanes),
					.src1 = trn_view_rows(trn_view(&mx->numbers, t * tokens,
								       tokens),
							      0, m->lanes),
					.src2 = scale_view(scales, row, m->lanes,
							   t * m->out + first + col, width),
					.src3 = scale_view(&mx->scales, 0, m->lanes, t * tokens,
							   tokens) });
		}
	}
}

void trn_serve_stream_mx_emit(struct trn_serve *serve, const struct trn_serve_stream *stream,
			      const struct trn_serve_mx *mx, const struct trn_tile *scales,
			      uint32_t row)
{
	for (uint32_t first = 0; first < stream->matrix.out; first += stream->matrix.block)
		block_mx(serve, stream, mx, scales, row, first);
}
