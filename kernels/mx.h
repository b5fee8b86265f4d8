/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels with MX weights are written in. A tile of K is 512 rows: number j of partition p
 * of tile t is row 512 t + 4 p + j. The layout in memory is in trn/kernels_mx.h. */
#ifndef KERNELS_MX_H
#define KERNELS_MX_H

#include <trn/kernels_mx.h>
#include "kernels/kit.h"

#define KIT_MX_NUMBERS 4u
#define KIT_MX_ROWS (KIT_MX_NUMBERS * KIT_LANES) /* of a tile */
#define KIT_MX_SHARE 4u /* tiles whose scales lie in the same elements, in other partitions */

bool trn_kit_mx_format(struct trn_builder *builder, enum trn_dtype format);
/* Fails the builder unless rows is a multiple of a block. */
bool trn_kit_mx_rows(struct trn_builder *builder, const char *name, uint32_t rows);
uint32_t trn_kit_mx_tiles(uint32_t rows);
/* Partitions that a tile uses: a multiple of 32, zero rows included. */
uint32_t trn_kit_mx_lanes(uint32_t rows, uint32_t tile);

/* A weight matrix of memory. */
struct trn_kit_mx_matrix {
	uint32_t arg, scale_arg;
	enum trn_dtype format;
	uint32_t rows, cols;
	int reg;              /* -1, or a register: which of several matrices */
	uint32_t tile, tiles; /* first tile that is loaded, a multiple of 4, and how many; 0: all */
};
/* Columns [first, first + cols): element t * cols + n of a partition is column first + n of
 * tile t, counted from the first that is loaded. */
void trn_kit_mx_load(struct trn_builder *builder, const struct trn_tile *tile,
		     const struct trn_kit_mx_matrix *m, uint32_t first, uint32_t cols,
		     enum trn_engine engine);
/* Their scales: tile t at place t % 4, element t / 4 * cols + n. */
void trn_kit_mx_load_scales(struct trn_builder *builder, const struct trn_tile *tile,
			    const struct trn_kit_mx_matrix *m, uint32_t first, uint32_t cols,
			    enum trn_engine engine);
/* The partitions of a scale operand for an operand of so many lanes; place 0 to 3. */
struct trn_isa_ap trn_kit_mx_scale(struct trn_isa_ap ap, uint32_t lanes, uint32_t place);

/* Activations [rows][cols] of FP32 in memory, turned on their way in: element (t * width + m) * 4
 * + j of a partition of a BF16 tile, m the row. Everything else of the tile becomes 0. */
struct trn_kit_mx_rows {
	uint32_t arg, cols, rows;
};
void trn_kit_mx_load_rows(struct trn_builder *builder, const struct trn_tile *tile, uint32_t width,
			  const struct trn_kit_mx_rows *rows);
/* Quantised activations: element t * width + m of a partition, scales beside them at place 0. */
struct trn_kit_mx_tile {
	uint32_t width;
	struct trn_tile numbers, scales;
};
void trn_kit_mx_alloc(struct trn_builder *builder, struct trn_kit_mx_tile *tile, uint32_t rows,
		      uint32_t width);
void trn_kit_mx_free(struct trn_builder *builder, const struct trn_kit_mx_tile *tile);
/* From BF16 or F16: number j of element t * width + m is src's element 4 (t * width + m) + j. */
void trn_kit_quantize(struct trn_builder *builder, const struct trn_kit_mx_tile *dst,
		      const struct trn_tile *src, uint32_t rows);

struct trn_kit_mx_operand {
	struct trn_isa_ap numbers, scales;
};
void trn_kit_matmul_mx(struct trn_builder *builder, struct trn_isa_ap dst,
		       const struct trn_kit_mx_operand *stationary,
		       const struct trn_kit_mx_operand *moving, bool accumulate);

#endif /* KERNELS_MX_H */
