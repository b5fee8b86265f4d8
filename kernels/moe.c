/* SPDX-License-Identifier: Apache-2.0 */
/* Small words that router and experts are written in: loads of matrices by lanes, and one
 * call an instruction. */
#include "kernels/moe.h"

#include <errno.h>
#include <string.h>

bool trn_moe_shape_ok(struct trn_builder *builder, const struct trn_moe_shape *shape)
{
	const struct {
		const char *name;
		uint32_t value, most;
	} sizes[] = {
		{ "tokens", shape->tokens, TRN_MOE_TOKENS_MAX },
		{ "hidden", shape->hidden, 8192 },
		{ "experts", shape->experts, TRN_MOE_EXPERTS_MAX },
		{ "top_k", shape->top_k, TRN_MOE_TOP_K_MAX },
		{ "intermediate", shape->intermediate, 8192 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i].value == 0 || sizes[i].value > sizes[i].most) {
			trn_builder_fail(builder, -EINVAL, "%s is %u, must be 1 to %u",
					 sizes[i].name, sizes[i].value, sizes[i].most);
			return false;
		}
	if (shape->top_k > shape->experts || !(shape->limit > 0.0f) ||
	    shape->alpha != shape->alpha) {
		trn_builder_fail(builder, -EINVAL,
				 "top_k is above experts, or limit is not above 0");
		return false;
	}
	return true;
}

uint32_t trn_moe_tiles(uint32_t rows)
{
	return (rows + MOE_LANES - 1) / MOE_LANES;
}

static struct trn_isa_mem matrix_part(const struct trn_moe_matrix *m, uint32_t first,
				      uint32_t lanes, uint32_t tiles)
{
	uint64_t esize = m->dtype == TRN_DTYPE_BF16 ? 2 : 4;
	struct trn_isa_mem mem = trn_dram(
		m->arg, m->dtype, m->offset + first * (uint64_t)m->row_step * esize, m->cols);

	mem = trn_dram_step(mem, m->col_step);
	mem = trn_dram_outer(mem, (int32_t)MOE_LANES * m->row_step, tiles);
	mem = trn_dram_outer(mem, m->row_step, lanes);
	return m->reg < 0 ? mem : trn_dram_reg(mem, (uint8_t)m->reg, m->reg_scale);
}

void trn_moe_load(struct trn_builder *builder, const struct trn_tile *tile,
		  const struct trn_moe_matrix *matrix, enum trn_engine engine)
{
	uint32_t full = matrix->rows / MOE_LANES, rest = matrix->rows % MOE_LANES;

	if (full)
		trn_moe_copy(builder, trn_chip(trn_view(tile, 0, full * matrix->cols)),
			     matrix_part(matrix, 0, MOE_LANES, full), engine);
	if (rest)
		trn_moe_copy(builder,
			     trn_chip(trn_view_rows(
				     trn_view(tile, full * matrix->cols, matrix->cols), 0, rest)),
			     matrix_part(matrix, full * MOE_LANES, rest, 1), engine);
}

uint32_t trn_moe_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

void trn_moe_copy(struct trn_builder *builder, struct trn_isa_mem dst, struct trn_isa_mem src,
		  enum trn_engine engine)
{
	trn_tile_transfer(
		builder, &(struct trn_tile_dma){
				 .op = TRN_OP_DMA_COPY, .engine = engine, .dst = dst, .src = src });
}

void trn_moe_matmul(struct trn_builder *builder, struct trn_isa_ap dst,
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

void trn_moe_scalar(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		    enum trn_alu op0, float a, enum trn_alu op1, float b)
{
	trn_tile_compute(builder, &(struct trn_tile_op){
					  .op = TRN_OP_TENSOR_SCALAR,
					  .engine = TRN_ENGINE_VECTOR,
					  .op0 = (uint8_t)op0,
					  .op1 = (uint8_t)op1,
					  .imm = { trn_moe_bits(a),
						   op1 == TRN_ALU_BYPASS ? 0 : trn_moe_bits(b) },
					  .dst = dst,
					  .src0 = src });
}

void trn_moe_column(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
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

void trn_moe_tensor(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap a,
		    enum trn_alu op, struct trn_isa_ap b)
{
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_TENSOR,
							 .engine = TRN_ENGINE_VECTOR,
							 .op0 = (uint8_t)op,
							 .dst = dst,
							 .src0 = a,
							 .src1 = b });
}
