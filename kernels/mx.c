/* SPDX-License-Identifier: Apache-2.0 */
/* How blocks of MX weights and of activations get into the core. Number j of partition p of
 * tile t is row 512 t + 4 p + j. */
#include "kernels/mx.h"

#include <errno.h>

#define GROUP_LANES 4u /* scale rows of a quadrant */
#define QUADRANT 32u

/* 0: none of MX. */
static uint32_t format_size(enum trn_dtype format)
{
	return (uint32_t)(trn_mx_number_bytes(format, TRN_MX_K_GRAIN, 1) * KIT_MX_NUMBERS /
			  TRN_MX_K_GRAIN);
}

static uint32_t quadrants(uint32_t rows)
{
	return (rows + TRN_MX_K_GRAIN - 1) / TRN_MX_K_GRAIN;
}

bool trn_kit_mx_format(struct trn_builder *builder, enum trn_dtype format)
{
	if (format_size(format) > 0)
		return true;
	trn_builder_fail(builder, -EINVAL, "format %d is none of MX", (int)format);
	return false;
}

bool trn_kit_mx_rows(struct trn_builder *builder, const char *name, uint32_t rows)
{
	if (rows % TRN_MX_BLOCK == 0)
		return true;
	trn_builder_fail(builder, -EINVAL, "%s is %u, must be a multiple of %u", name, rows,
			 TRN_MX_BLOCK);
	return false;
}

uint32_t trn_kit_mx_tiles(uint32_t rows)
{
	return (rows + KIT_MX_ROWS - 1) / KIT_MX_ROWS;
}

uint32_t trn_kit_mx_lanes(uint32_t rows, uint32_t tile)
{
	const uint32_t left = rows - tile * KIT_MX_ROWS;

	return left >= KIT_MX_ROWS ? KIT_LANES : quadrants(left) * QUADRANT;
}

struct trn_isa_ap trn_kit_mx_scale(struct trn_isa_ap ap, uint32_t lanes, uint32_t place)
{
	return trn_view_rows(ap, GROUP_LANES * place, lanes - QUADRANT + GROUP_LANES);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* One past the last tile that is loaded. */
static uint32_t last_tile(const struct trn_kit_mx_matrix *m)
{
	return m->tiles ? m->tile + m->tiles : trn_kit_mx_tiles(m->rows);
}

static struct trn_isa_mem moved(struct trn_isa_mem mem, const struct trn_kit_mx_matrix *m,
				uint32_t scale)
{
	return m->reg < 0 ? mem : trn_dram_reg(mem, (uint8_t)m->reg, scale);
}

void trn_kit_mx_load(struct trn_builder *builder, const struct trn_tile *tile,
		     const struct trn_kit_mx_matrix *m, uint32_t first, uint32_t cols,
		     enum trn_engine engine)
{
	const uint32_t end = last_tile(m);
	const uint32_t full = least(m->rows / KIT_MX_ROWS, end);
	const uint64_t esize = format_size(m->format);
	const uint32_t stride = (uint32_t)trn_mx_number_bytes(m->format, m->rows, m->cols);

	for (uint32_t t = m->tile, count; t < end; t += count) {
		const uint32_t lanes = trn_kit_mx_lanes(m->rows, t);
		struct trn_isa_mem src =
			trn_dram(m->arg, m->format,
				 ((uint64_t)t * KIT_LANES * m->cols + first) * esize, cols);

		count = t < full ? full - t : 1;
		src = trn_dram_outer(src, (int32_t)(KIT_LANES * m->cols), count);
		src = trn_dram_outer(src, (int32_t)m->cols, lanes);
		trn_kit_copy(builder,
			     trn_chip(trn_view_rows(
				     trn_view_outer(trn_view(tile, (t - m->tile) * cols, cols),
						    (int32_t)cols, count),
				     0, lanes)),
			     moved(src, m, stride), engine);
	}
}

/* Scale rows of tiles [t, t + count) for one quadrant: four tiles share its partitions. */
static void load_quadrant(struct trn_builder *builder, const struct trn_tile *tile,
			  const struct trn_kit_mx_matrix *m, uint32_t first, uint32_t cols,
			  uint32_t quadrant, uint32_t t, uint32_t count, enum trn_engine engine)
{
	const uint32_t per_tile = KIT_MX_ROWS / TRN_MX_BLOCK;
	const uint32_t groups = count / KIT_MX_SHARE > 0 ? count / KIT_MX_SHARE : 1;
	const uint32_t places = count < KIT_MX_SHARE ? count : KIT_MX_SHARE;
	const uint32_t stride = (uint32_t)trn_mx_scale_bytes(m->rows, m->cols);
	struct trn_isa_mem src =
		trn_dram(m->scale_arg, TRN_DTYPE_U8,
			 (uint64_t)(t * per_tile + quadrant * GROUP_LANES) * m->cols + first, cols);

	/* From outside: tile of the group, row (together the partitions), group, column. */
	src = trn_dram_outer(src, (int32_t)(KIT_MX_SHARE * per_tile * m->cols), groups);
	src = trn_dram_outer(src, (int32_t)m->cols, GROUP_LANES);
	src = trn_dram_outer(src, (int32_t)(per_tile * m->cols), places);
	trn_kit_copy(
		builder,
		trn_chip(trn_view_rows(
			trn_view_outer(trn_view(tile, (t - m->tile) / KIT_MX_SHARE * cols, cols),
				       (int32_t)cols, groups),
			quadrant * QUADRANT, GROUP_LANES * places)),
		moved(src, m, stride), engine);
}

void trn_kit_mx_load_scales(struct trn_builder *builder, const struct trn_tile *tile,
			    const struct trn_kit_mx_matrix *m, uint32_t first, uint32_t cols,
			    enum trn_engine engine)
{
	const uint32_t all = quadrants(m->rows);

	for (uint32_t q = 0; q < KIT_LANES / QUADRANT; q++) {
		/* Tiles that have this quadrant. */
		const uint32_t has = all > q ? (all - q - 1) / 4 + 1 : 0;
		const uint32_t end = least(has, last_tile(m));
		const uint32_t tiles = end > m->tile ? end - m->tile : 0;
		const uint32_t whole = tiles / KIT_MX_SHARE * KIT_MX_SHARE;

		if (whole)
			load_quadrant(builder, tile, m, first, cols, q, m->tile, whole, engine);
		if (tiles > whole)
			load_quadrant(builder, tile, m, first, cols, q, m->tile + whole,
				      tiles - whole, engine);
	}
}

void trn_kit_mx_load_rows(struct trn_builder *builder, const struct trn_tile *tile, uint32_t width,
			  const struct trn_kit_mx_rows *rows)
{
	const uint32_t full = rows->cols / KIT_MX_ROWS, tiles = trn_kit_mx_tiles(rows->cols);
	const uint32_t lane = width * KIT_MX_NUMBERS;

	/* Lanes past the last element, and the row that makes the number even. */
	trn_kit_fill(builder, trn_view(tile, 0, tiles * lane), 0.0f);
	for (uint32_t t = 0; t < tiles; t += t < full ? full : 1) {
		const uint32_t count = t < full ? full : 1;
		const uint32_t left = rows->cols - t * KIT_MX_ROWS;
		const uint32_t lanes = left < KIT_MX_ROWS ? left / KIT_MX_NUMBERS : KIT_LANES;
		struct trn_isa_mem src = trn_dram(rows->arg, TRN_DTYPE_F32,
						  (uint64_t)t * KIT_MX_ROWS * 4, KIT_MX_NUMBERS);
		struct trn_isa_ap dst = trn_view(tile, t * lane, KIT_MX_NUMBERS);

		src = trn_dram_outer(src, (int32_t)rows->cols, rows->rows);
		src = trn_dram_outer(src, KIT_MX_ROWS, count);
		src = trn_dram_outer(src, KIT_MX_NUMBERS, lanes);
		dst = trn_view_outer(dst, KIT_MX_NUMBERS, rows->rows);
		dst = trn_view_outer(dst, (int32_t)lane, count);
		trn_kit_copy(builder, trn_chip(trn_view_rows(dst, 0, lanes)), src, TRN_ENGINE_SYNC);
	}
}

void trn_kit_quantize(struct trn_builder *builder, const struct trn_kit_mx_tile *dst,
		      const struct trn_tile *src, uint32_t rows)
{
	const uint32_t full = rows / KIT_MX_ROWS, tiles = trn_kit_mx_tiles(rows);

	for (uint32_t t = 0; t < tiles; t += t < full ? full : 1) {
		const uint32_t count = (t < full ? full : 1) * dst->width;
		const uint32_t at = t * dst->width, lanes = trn_kit_mx_lanes(rows, t);

		trn_tile_compute(
			builder,
			&(struct trn_tile_op){
				.op = TRN_OP_QUANTIZE_MX,
				.engine = TRN_ENGINE_VECTOR,
				.dst = trn_view_rows(trn_view(&dst->numbers, at, count), 0, lanes),
				.src0 = trn_view_rows(trn_view(src, at * KIT_MX_NUMBERS,
							       count * KIT_MX_NUMBERS),
						      0, lanes),
				.dst2 = trn_kit_mx_scale(trn_view(&dst->scales, at, count), lanes,
							 0),
			});
	}
}

void trn_kit_mx_alloc(struct trn_builder *builder, struct trn_kit_mx_tile *tile, uint32_t rows,
		      uint32_t width)
{
	const uint32_t elements = trn_kit_mx_tiles(rows) * width;

	tile->width = width;
	tile->numbers =
		trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3FN_X4, KIT_LANES, elements);
	tile->scales = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, KIT_LANES, elements);
}

void trn_kit_mx_free(struct trn_builder *builder, const struct trn_kit_mx_tile *tile)
{
	trn_tile_free(builder, &tile->numbers);
	trn_tile_free(builder, &tile->scales);
}

void trn_kit_matmul_mx(struct trn_builder *builder, struct trn_isa_ap dst,
		       const struct trn_kit_mx_operand *stationary,
		       const struct trn_kit_mx_operand *moving, bool accumulate)
{
	trn_tile_compute(builder, &(struct trn_tile_op){
					  .op = TRN_OP_MATMUL_MX,
					  .engine = TRN_ENGINE_TENSOR,
					  .flags = accumulate ? TRN_MATMUL_ACCUMULATE : 0,
					  .dst = dst,
					  .src0 = stationary->numbers,
					  .src1 = moving->numbers,
					  .src2 = stationary->scales,
					  .src3 = moving->scales,
				  });
}
