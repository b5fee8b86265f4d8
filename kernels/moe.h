/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the mixture of experts share. */
#ifndef KERNELS_MOE_H
#define KERNELS_MOE_H

#include <stdbool.h>
#include <trn/kernels_moe.h>
#include <trn/tile.h>

#define MOE_LANES 128u /* partitions */

/* Fails the builder when a size is out of its range. */
bool trn_moe_shape_ok(struct trn_builder *builder, const struct trn_moe_shape *shape);
uint32_t trn_moe_tiles(uint32_t rows);

/* A matrix [rows][cols] of DRAM, row r at lane r % 128, tile r / 128: elements
 * (tile * cols + col) of the lane. */
struct trn_moe_matrix {
	uint32_t arg;
	enum trn_dtype dtype; /* in DRAM */
	uint64_t offset;      /* bytes */
	uint32_t rows, cols;
	int32_t row_step, col_step; /* elements */
	int reg;                    /* -1, or a register that moves it */
	uint32_t reg_scale;         /* by so many bytes */
};
void trn_moe_load(struct trn_builder *builder, const struct trn_tile *tile,
		  const struct trn_moe_matrix *matrix, enum trn_engine engine);

uint32_t trn_moe_bits(float value);
void trn_moe_matmul(struct trn_builder *builder, struct trn_isa_ap dst,
		    struct trn_isa_ap stationary, struct trn_isa_ap moving, bool accumulate);
/* dst = (src op0 a) op1 b, numbers. */
void trn_moe_scalar(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op0, float a, enum trn_alu op1, float b);
/* dst = src op column, a number per lane. */
void trn_moe_column(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op, struct trn_isa_ap column);
void trn_moe_tensor(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap a,
		    enum trn_alu op, struct trn_isa_ap b);
void trn_moe_copy(struct trn_builder *builder, struct trn_isa_mem dst, struct trn_isa_mem src,
		  enum trn_engine engine);

#endif /* KERNELS_MOE_H */
