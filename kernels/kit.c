/* SPDX-License-Identifier: Apache-2.0 */
/* Small words that the kernels are written in: loads of matrices by lanes, and one call an
 * instruction. */
#include "kernels/kit.h"

#include <errno.h>
#include <string.h>

bool trn_kit_in(struct trn_builder *builder, const char *name, uint64_t value, uint64_t most)
{
	if (value > 0 && value <= most)
		return true;
	trn_builder_fail(builder, -EINVAL, "%s is %llu, must be 1 to %llu", name,
			 (unsigned long long)value, (unsigned long long)most);
	return false;
}

uint32_t trn_kit_tiles(uint32_t rows)
{
	return (rows + KIT_LANES - 1) / KIT_LANES;
}

static struct trn_isa_mem matrix_part(const struct trn_kit_matrix *m, uint32_t first,
				      uint32_t lanes, uint32_t tiles)
{
	uint64_t esize = m->dtype == TRN_DTYPE_BF16 ? 2 : 4;
	struct trn_isa_mem mem = trn_dram(
		m->arg, m->dtype, m->offset + first * (uint64_t)m->row_step * esize, m->cols);

	mem = trn_dram_step(mem, m->col_step);
	mem = trn_dram_outer(mem, (int32_t)KIT_LANES * m->row_step, tiles);
	mem = trn_dram_outer(mem, m->row_step, lanes);
	return m->reg < 0 ? mem : trn_dram_reg(mem, (uint8_t)m->reg, m->reg_scale);
}

void trn_kit_load(struct trn_builder *builder, const struct trn_tile *tile,
		  const struct trn_kit_matrix *matrix, enum trn_engine engine)
{
	uint32_t full = matrix->rows / KIT_LANES, rest = matrix->rows % KIT_LANES;

	if (full)
		trn_kit_copy(builder, trn_chip(trn_view(tile, 0, full * matrix->cols)),
			     matrix_part(matrix, 0, KIT_LANES, full), engine);
	if (rest)
		trn_kit_copy(builder,
			     trn_chip(trn_view_rows(
				     trn_view(tile, full * matrix->cols, matrix->cols), 0, rest)),
			     matrix_part(matrix, full * KIT_LANES, rest, 1), engine);
}

uint32_t trn_kit_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

void trn_kit_copy(struct trn_builder *builder, struct trn_isa_mem dst, struct trn_isa_mem src,
		  enum trn_engine engine)
{
	trn_tile_transfer(
		builder, &(struct trn_tile_dma){
				 .op = TRN_OP_DMA_COPY, .engine = engine, .dst = dst, .src = src });
}

void trn_kit_matmul(struct trn_builder *builder, struct trn_isa_ap dst,
		    struct trn_isa_ap stationary, struct trn_isa_ap moving, bool accumulate)
{
	trn_tile_compute(builder, &(struct trn_tile_op){
					  .op = TRN_OP_MATMUL,
					  .engine = TRN_ENGINE_TENSOR,
					  .flags = accumulate ? TRN_MATMUL_ACCUMULATE : 0,
					  .dst = dst,
					  .src0 = stationary,
					  .src1 = moving,
				  });
}

void trn_kit_scalar(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op0, float a, enum trn_alu op1, float b)
{
	trn_tile_compute(builder, &(struct trn_tile_op){
					  .op = TRN_OP_TENSOR_SCALAR,
					  .engine = TRN_ENGINE_VECTOR,
					  .op0 = (uint8_t)op0,
					  .op1 = (uint8_t)op1,
					  .imm = { trn_kit_bits(a),
						   op1 == TRN_ALU_BYPASS ? 0 : trn_kit_bits(b) },
					  .dst = dst,
					  .src0 = src });
}

void trn_kit_column(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op, struct trn_isa_ap column)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_SCALAR,
							 .engine = TRN_ENGINE_VECTOR,
							 .flags = TRN_SCALAR_COLUMN0,
							 .op0 = (uint8_t)op,
							 .dst = dst,
							 .src0 = src,
							 .src1 = column });
}

void trn_kit_tensor(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap a,
		    enum trn_alu op, struct trn_isa_ap b)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_TENSOR,
							 .engine = TRN_ENGINE_VECTOR,
							 .op0 = (uint8_t)op,
							 .dst = dst,
							 .src0 = a,
							 .src1 = b });
}

void trn_kit_swiglu(struct trn_builder *builder, const struct trn_moe_shape *shape,
		    struct trn_isa_ap dst, struct trn_isa_ap gate, struct trn_isa_ap up,
		    struct trn_isa_ap sigmoid)
{
	const float limit = shape->limit;

	trn_kit_scalar(builder, gate, gate, TRN_ALU_MIN, limit, TRN_ALU_BYPASS, 0.0f);
	trn_kit_scalar(builder, up, up, TRN_ALU_MIN, limit, TRN_ALU_MAX, -limit);
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_ACTIVATION,
							 .engine = TRN_ENGINE_SCALAR,
							 .func = TRN_ACT_SIGMOID,
							 .imm = { trn_kit_bits(shape->alpha) },
							 .dst = sigmoid,
							 .src0 = gate });
	trn_kit_tensor(builder, gate, gate, TRN_ALU_MUL, sigmoid);
	trn_kit_scalar(builder, up, up, TRN_ALU_ADD, 1.0f, TRN_ALU_BYPASS, 0.0f);
	trn_kit_tensor(builder, dst, gate, TRN_ALU_MUL, up);
}

void trn_kit_fill(struct trn_builder *builder, struct trn_isa_ap dst, float value)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_MEMSET,
							 .engine = TRN_ENGINE_VECTOR,
							 .imm = { trn_kit_bits(value) },
							 .dst = dst });
}

void trn_kit_cast(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
							 .engine = TRN_ENGINE_VECTOR,
							 .dst = dst,
							 .src0 = src });
}

uint32_t trn_kit_parts(uint32_t rows, struct trn_kit_part parts[2])
{
	uint32_t full = rows / KIT_LANES, rest = rows % KIT_LANES, n = 0;

	if (full)
		parts[n++] = (struct trn_kit_part){ 0, full, KIT_LANES };
	if (rest)
		parts[n++] = (struct trn_kit_part){ full, 1, rest };
	return n;
}

struct trn_isa_mem trn_kit_rows(uint32_t arg, enum trn_dtype dtype, uint32_t first, uint32_t cols,
				uint32_t width, uint32_t rows)
{
	return trn_dram_outer(trn_dram(arg, dtype, (uint64_t)first * 4, cols), (int32_t)width,
			      rows);
}

/* MAX8 and FIND_INDEX8 of rows of width elements, 8 at least. */
void trn_kit_top8(struct trn_builder *builder, const struct trn_tile *values, uint32_t width,
		  const struct trn_tile *best, const struct trn_tile *index)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_MAX8,
							 .engine = TRN_ENGINE_VECTOR,
							 .dst = trn_view(best, 0, 8),
							 .src0 = trn_view(values, 0, width) });
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_FIND_INDEX8,
							 .engine = TRN_ENGINE_VECTOR,
							 .dst = trn_view(index, 0, 8),
							 .src0 = trn_view(values, 0, width),
							 .src1 = trn_view(best, 0, 8) });
}
