/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels are written in. Lanes are partitions; "by lanes" puts element i of a
 * vector at lane i % 128, tile i / 128. */
#ifndef KERNELS_KIT_H
#define KERNELS_KIT_H

#include <stdbool.h>
#include <trn/kernels_moe.h>
#include <trn/tile.h>

#define KIT_LANES 128u /* partitions */

/* Fails the builder when a size is out of its range. */
bool trn_moe_shape_ok(struct trn_builder *builder, const struct trn_moe_shape *shape);
/* Fails the builder unless 1 <= value <= most. */
bool trn_kit_in(struct trn_builder *builder, const char *name, uint64_t value, uint64_t most);
uint32_t trn_kit_tiles(uint32_t rows);

/* Lanes that hold a value of a vector by lanes: all of the whole tiles, then the rest. */
struct trn_kit_part {
	uint32_t first, tiles, lanes;
};
uint32_t trn_kit_parts(uint32_t rows, struct trn_kit_part parts[2]);

/* A matrix [rows][cols] of DRAM, row r at lane r % 128, tile r / 128: elements
 * (tile * cols + col) of the lane. */
struct trn_kit_matrix {
	uint32_t arg;
	enum trn_dtype dtype; /* in DRAM */
	uint64_t offset;      /* bytes */
	uint32_t rows, cols;
	int32_t row_step, col_step; /* elements */
	int reg;                    /* -1, or a register that moves it */
	uint32_t reg_scale;         /* by so many bytes */
};
void trn_kit_load(struct trn_builder *builder, const struct trn_tile *tile,
		  const struct trn_kit_matrix *matrix, enum trn_engine engine);

uint32_t trn_kit_bits(float value);
void trn_kit_matmul(struct trn_builder *builder, struct trn_isa_ap dst,
		    struct trn_isa_ap stationary, struct trn_isa_ap moving, bool accumulate);
/* dst = (src op0 a) op1 b, numbers. */
void trn_kit_scalar(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op0, float a, enum trn_alu op1, float b);
/* dst = src op column, a number per lane. */
void trn_kit_column(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op, struct trn_isa_ap column);
void trn_kit_tensor(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap a,
		    enum trn_alu op, struct trn_isa_ap b);
void trn_kit_copy(struct trn_builder *builder, struct trn_isa_mem dst, struct trn_isa_mem src,
		  enum trn_engine engine);
/* dst = (clamp(up) + 1) * g * sigmoid(alpha * g), g = min(gate, limit); gate, up and sigmoid are
 * worked in. */
void trn_kit_swiglu(struct trn_builder *builder, const struct trn_moe_shape *shape,
		    struct trn_isa_ap dst, struct trn_isa_ap gate, struct trn_isa_ap up,
		    struct trn_isa_ap sigmoid);
void trn_kit_fill(struct trn_builder *builder, struct trn_isa_ap dst, float value);
void trn_kit_cast(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src);
/* Columns [first, first + cols) of rows of an argument, 4-byte elements; width 0 repeats a row. */
struct trn_isa_mem trn_kit_rows(uint32_t arg, enum trn_dtype dtype, uint32_t first, uint32_t cols,
				uint32_t width, uint32_t rows);
/* The eight largest elements of every row and where they are; width is 8 at least. */
void trn_kit_top8(struct trn_builder *builder, const struct trn_tile *values, uint32_t width,
		  const struct trn_tile *best, const struct trn_tile *index);

#endif /* KERNELS_KIT_H */
