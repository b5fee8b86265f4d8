/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of the instruction set, broken on purpose: the core stops before any
 * effect, and the record names rule, operand, engine, opcode and place. */
#include <string.h>
#include "base/bits.h"
#include "base/isa_ops.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_rules.h"

CHANGE(as_it_is, (void)i)
CHANGE(op_gap, i->c.head.op = 0x7f)
CHANGE(op_zero, i->c.head.op = 0)
CHANGE(op_max, i->c.head.op = 0xff)
CHANGE(words_0, i->c.head.words = 0)
CHANGE(words_5, i->c.head.words = 5)
CHANGE(words_1, i->c.head.words = 1)
CHANGE(words_2, i->c.head.words = 2)
CHANGE(head_indirect, i->c.head.indirect = 1)
CHANGE(flag_unknown, i->c.head.flags = 0x80)
CHANGE(flag_1, i->c.head.flags = 1)
CHANGE(wait_mode_4, i->c.head.wait_mode = 4)
CHANGE(inc_mode_3, i->c.head.inc_mode = 3)
CHANGE(wait_value_none, i->c.head.wait_value = 1)
CHANGE(wait_sem_none, i->c.head.wait_sem = 1)
CHANGE(inc_value_none, i->c.head.inc_value = 1)
CHANGE(inc_sem_none, i->c.head.inc_sem = 1)
CHANGE(wait_reg_64, (i->c.head.wait_mode = TRN_WAIT_GE_REG, i->c.head.wait_value = 64))
CHANGE(inc_sub, i->c.head.inc_mode = TRN_INC_SUB)
CHANGE(op0_set, i->c.op0 = 1)
CHANGE(op1_set, i->c.op1 = 1)
CHANGE(func_set, i->c.func = 1)
CHANGE(mode_set, i->c.mode = 1)
CHANGE(imm3_set, i->c.imm[3] = 1)
CHANGE(imm5_set, i->c.imm5 = 1)
CHANGE(tail_set, i->c.reserved[1] = 1)
CHANGE(absent_not_zero, i->c.src1.offset = 4)
CHANGE(extra_operand, i->c.dst2 = i->c.dst)
CHANGE(no_dst, memset(&i->c.dst, 0, sizeof(i->c.dst)))
CHANGE(no_src0, memset(&i->c.src0, 0, sizeof(i->c.src0)))
CHANGE(dst_dram, i->c.dst.space = TRN_SPACE_DRAM)
CHANGE(src_space_9, i->c.src0.space = 9)
CHANGE(dst_psum, i->c.dst.space = TRN_SPACE_PSUM)
CHANGE(src_psum, i->c.src0.space = TRN_SPACE_PSUM)
CHANGE(both_psum, i->c.src0.space = i->c.src1.space = TRN_SPACE_PSUM)
CHANGE(dst_sbuf, i->c.dst.space = TRN_SPACE_SBUF)
CHANGE(dtype_0, i->c.src0.dtype = 0)
CHANGE(dtype_15, i->c.dst.dtype = TRN_DTYPE_COUNT)
CHANGE(dtype_fn, i->c.src0.dtype = TRN_DTYPE_F8E4M3FN)
CHANGE(parts_0, i->c.dst.partitions = 0)
CHANGE(parts_129, i->c.dst.partitions = 129)
CHANGE(start_1, i->c.src0.start = 1)
CHANGE(start_32_of_64, i->c.src0.start = 32)
CHANGE(parts_past, (i->c.src0.start = 96, i->c.src0.partitions = 33))
CHANGE(ap_reserved, i->c.dst.reserved = 1)
CHANGE(ndims_0, i->c.dst.ndims = 0)
CHANGE(ndims_5, i->c.dst.ndims = 5)
CHANGE(dim_0, i->c.src0.dims[0].num = 0)
CHANGE(dim_unused, i->c.src0.dims[2].num = 1)
CHANGE(dim_unused_step, i->c.src0.dims[1].step = 1)
CHANGE(dims_too_many,
       (i->c.src0.ndims = 3,
	i->c.src0.dims[0] = i->c.src0.dims[1] = i->c.src0.dims[2] = (struct trn_isa_dim){ 0, 256 }))
CHANGE(reg_65, i->c.src0.reg = 65)
CHANGE(offset_odd, i->c.src0.offset = 2)
CHANGE(offset_far, i->c.dst.offset = 0x40000 - 32)
CHANGE(one_byte_far, (i->c.dst.dtype = TRN_DTYPE_U8, i->c.dst.offset = 224 * 1024 - 15))
CHANGE(offset_wild, i->c.dst.offset = 0xfffffffc)
CHANGE(step_back, i->c.src0.dims[0].step = -1)
CHANGE(psum_far, (i->c.dst.space = TRN_SPACE_PSUM, i->c.dst.offset = 16384 - 60))
CHANGE(count_differs, i->c.src0.dims[0].num = 15)
CHANGE(parts_differ, i->c.src0.partitions = 63)
CHANGE(src1_differs, i->c.src1.dims[0].num = 15)
CHANGE(alu_gap, i->c.op0 = 20)
CHANGE(alu_pow, i->c.op0 = TRN_ALU_POW)
CHANGE(alu_rsqrt, i->c.op0 = TRN_ALU_RSQRT)
CHANGE(alu_absmax, i->c.op0 = TRN_ALU_ABS_MAX)
CHANGE(alu_square, i->c.op0 = TRN_ALU_SQUARE)
CHANGE(alu_relu, i->c.op0 = TRN_ALU_RELU)
CHANGE(alu_unary, i->c.op0 = TRN_ALU_ABS)
CHANGE(alu_and, i->c.op0 = TRN_ALU_AND)
CHANGE(alu_max, i->c.op0 = TRN_ALU_MAX)
CHANGE(alu1_gap, i->c.op1 = 60)
CHANGE(alu_mixed, (i->c.op1 = TRN_ALU_AND))
CHANGE(bits_dst, (i->c.op0 = TRN_ALU_OR, i->c.src0.dtype = i->c.src1.dtype = TRN_DTYPE_U32))
CHANGE(bits_src1, (i->c.op0 = TRN_ALU_OR, i->c.src0.dtype = i->c.dst.dtype = TRN_DTYPE_U32))
CHANGE(bits_scalar_src, (i->c.op0 = TRN_ALU_OR, i->c.dst.dtype = TRN_DTYPE_U32))
CHANGE(bits_scalar_dst, (i->c.op0 = TRN_ALU_OR, i->c.src0.dtype = TRN_DTYPE_U32))
CHANGE(bits_column,
       (i->c.op0 = TRN_ALU_OR, i->c.src0.dtype = i->c.dst.dtype = TRN_DTYPE_U32,
	i->c.head.flags = TRN_SCALAR_COLUMN0, i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 1)))
CHANGE(column_missing, i->c.head.flags = TRN_SCALAR_COLUMN0)
CHANGE(column_unasked, i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 1))
CHANGE(column_and_imm, (i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 1), i->c.imm[0] = 5,
			i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(column_bf16,
       (i->c.src1 = trn_test_sbuf(TRN_DTYPE_BF16, 64, 64, 1), i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(column_tf32,
       (i->c.src2 = trn_test_sbuf(TRN_DTYPE_TF32, 64, 64, 1), i->c.head.flags = TRN_SCALAR_COLUMN1))
CHANGE(column_two,
       (i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 2), i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(column_parts,
       (i->c.src1 = trn_test_sbuf(TRN_DTYPE_F32, 32, 64, 1), i->c.head.flags = TRN_SCALAR_COLUMN0))
CHANGE(reduce_op, i->c.func = TRN_ALU_GT)
CHANGE(reduce_shl, i->c.func = TRN_ALU_SHL)
CHANGE(reduce_bits_negate, (i->c.func = TRN_ALU_AND, i->c.head.flags = TRN_REDUCE_NEGATE))
CHANGE(reduce_bits_src, i->c.func = TRN_ALU_AND)
CHANGE(reduce_bits_dst, (i->c.func = TRN_ALU_AND, i->c.src0.dtype = TRN_DTYPE_S32))
CHANGE(reduce_axes_0, i->c.imm[0] = 0)
CHANGE(reduce_axes_2, i->c.imm[0] = 2)
CHANGE(reduce_dst, i->c.dst.dims[0].num = 2)
CHANGE(act_func, i->c.func = TRN_ACT_COUNT)
CHANGE(act_slope, (i->c.func = TRN_ACT_SILU_DX, i->c.imm[2] = 1))
CHANGE(act_mode, i->c.mode = 4)
CHANGE(dst2_idle, i->c.dst2 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 1))
CHANGE(dst2_reset,
       (i->c.dst2 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 1), i->c.mode = TRN_REDUCE_RESET))
CHANGE(dst2_wide,
       (i->c.dst2 = trn_test_sbuf(TRN_DTYPE_F32, 64, 64, 2), i->c.mode = TRN_REDUCE_RESET_REDUCE))
CHANGE(iota_step, i->c.imm[3] = 1)
CHANGE(affine_op, i->c.op0 = TRN_ALU_ADD)
CHANGE(affine_step, i->c.imm4 = 1)
CHANGE(affine_rank,
       (i->c.dst.ndims = 4,
	i->c.dst.dims[0] = i->c.dst.dims[1] = i->c.dst.dims[2] = (struct trn_isa_dim){ 1, 1 },
	i->c.dst.dims[3] = (struct trn_isa_dim){ 1, 16 }))
CHANGE(range_ne, i->c.op1 = TRN_ALU_NE)
CHANGE(range_add, i->c.op0 = TRN_ALU_ADD)
CHANGE(max_short, i->c.src0.dims[0].num = 7)
CHANGE(max_long, i->c.src0.dims[0] = (struct trn_isa_dim){ 0, 16385 })
CHANGE(max_dst, i->c.dst.dims[0].num = 7)
CHANGE(max_rank,
       (i->c.src0.ndims = 4,
	i->c.src0.dims[0] = i->c.src0.dims[1] = i->c.src0.dims[2] = (struct trn_isa_dim){ 1, 1 },
	i->c.src0.dims[3] = (struct trn_isa_dim){ 1, 16 }))
CHANGE(find_dtype, i->c.dst.dtype = TRN_DTYPE_S32)
CHANGE(find_vals, i->c.src1.dims[0].num = 7)
CHANGE(mm_int, i->c.src0.dtype = i->c.src1.dtype = TRN_DTYPE_S16)
CHANGE(mm_mix, i->c.src0.dtype = TRN_DTYPE_F32)
CHANGE(mm_e4m3, (i->c.src0.dtype = TRN_DTYPE_F8E4M3, i->c.src1.dtype = TRN_DTYPE_F8E4M3FN))
CHANGE(mm_k, i->c.src1.partitions = 32)
CHANGE(mm_m, i->c.src0.dims[0].num = 129)
CHANGE(mm_n, i->c.src1.dims[0].num = 513)
CHANGE(mm_dst_m, i->c.dst.partitions = 15)
CHANGE(mm_dst_n, i->c.dst.dims[0].num = 15)
CHANGE(mm_dst_dtype, i->c.dst.dtype = TRN_DTYPE_F16)
CHANGE(mm_dst_bf16, i->c.dst.dtype = TRN_DTYPE_BF16)
CHANGE(mm_dst_same, i->c.dst.dims[0].step = 0)
CHANGE(mm_bank, i->c.dst.offset = 2048 - 32)
CHANGE(mm_pass_flags, i->c.head.flags = TRN_MATMUL_TRANSPOSE | TRN_MATMUL_ACCUMULATE)
CHANGE(mm_pass_dtype, i->c.head.flags = TRN_MATMUL_TRANSPOSE)
CHANGE(mm_double, i->c.head.flags = TRN_MATMUL_DOUBLE_ROW)
CHANGE(mm_double_odd,
       (i->c.head.flags = TRN_MATMUL_DOUBLE_ROW,
	i->c.src0.dtype = i->c.src1.dtype = TRN_DTYPE_F8E4M3, i->c.src0.dims[0].num = 15))
CHANGE(mm_accumulate, i->c.head.flags = TRN_MATMUL_ACCUMULATE)
CHANGE(mm_src_psum, i->c.src1.space = TRN_SPACE_PSUM)
CHANGE(flip_dtype, i->c.dst.dtype = TRN_DTYPE_U32)
CHANGE(flip_byte, i->c.src0.dtype = i->c.dst.dtype = TRN_DTYPE_U8)
CHANGE(flip_shape, i->c.dst.partitions = 17)
CHANGE(flip_v_large, (i->c.src0.dims[0].num = 33, i->c.dst.partitions = 33))
CHANGE(flip_t_large, (i->c.src0.dims[0].num = 129))
CHANGE(dma_psum, i->d.dst.space = i->d.dst.u.chip.ap.space = TRN_SPACE_PSUM)
CHANGE(dma_ap_space, i->d.dst.u.chip.ap.space = 0)
CHANGE(dma_ap_dtype, i->d.dst.u.chip.ap.dtype = TRN_DTYPE_F16)
CHANGE(dma_ap_tail, i->d.dst.u.chip.reserved[3] = 1)
CHANGE(dma_ap_reg, i->d.dst.reg = 1)
CHANGE(dma_words_reserved, i->d.reserved1[0] = 1)
CHANGE(dma_words_reserved2, i->d.reserved2[3] = 1)
CHANGE(dma_arg, i->d.src.arg = 2)
CHANGE(dma_arg_number, i->d.src.arg = 1)
CHANGE(dma_reg, i->d.src.reg = 65)
CHANGE(dma_scale, i->d.src.reg_scale = 4)
CHANGE(dma_no_dims, memset(i->d.src.u.dram.dims, 0, sizeof(i->d.src.u.dram.dims)))
CHANGE(dma_gap_dims, i->d.src.u.dram.dims[3].num = 1)
CHANGE(dma_huge, i->d.src.u.dram.dims[0].num = i->d.src.u.dram.dims[1].num = 0xffffffffu)
CHANGE(dma_far, i->d.src.u.dram.offset = UINT64_C(1) << 61)
CHANGE(dma_wrap,
       (i->d.src.u.dram.offset = UINT64_C(1) << 60, i->d.src.u.dram.dims[0].step = 0x7fffffff))
CHANGE(dma_range, i->d.src.u.dram.offset = 65536 - 128)
CHANGE(dma_below, i->d.src.u.dram.dims[0].step = -16)
CHANGE(dma_count, i->d.src.u.dram.dims[1].num = 15)
CHANGE(dma_dtype, i->d.src.dtype = 0)
CHANGE(dma_index_unasked, i->d.index = trn_test_sbuf(TRN_DTYPE_U32, 8, 0, 1))
CHANGE(gather_both, i->d.head.flags |= TRN_DMA_SCATTER)
CHANGE(gather_none, memset(&i->d.index, 0, sizeof(i->d.index)))
CHANGE(gather_dtype, i->d.index.dtype = TRN_DTYPE_F32)
CHANGE(gather_parts, i->d.index.partitions = 7)
CHANGE(gather_wide, i->d.index.dims[0].num = 2)
CHANGE(gather_sbuf, i->d.head.flags = TRN_DMA_SCATTER)
CHANGE(dflip_dtype, i->d.src.dtype = TRN_DTYPE_F16)
CHANGE(dflip_size, (i->d.src.dtype = TRN_DTYPE_F32, i->d.dst.dtype = TRN_DTYPE_F32,
		    i->d.dst.u.chip.ap.dtype = TRN_DTYPE_F32))
CHANGE(dflip_rank,
       (i->d.dst.u.chip.ap.ndims = 2, i->d.dst.u.chip.ap.dims[1] = (struct trn_isa_dim){ 1, 1 }))
CHANGE(dflip_shape, i->d.src.u.dram.dims[0].num = 8)
CHANGE(reg_d_64, i->c.op0 = 64)
CHANGE(reg_a_64, i->c.op1 = 64)
CHANGE(reg_b_64, i->c.func = 64)
CHANGE(reg_two, i->d.src.u.dram.dims[1].num = 2)
CHANGE(reg_store_two, i->d.dst.u.chip.ap.dims[0].num = 2)
CHANGE(reg_load_dst, i->d.dst.space = TRN_SPACE_SBUF)
CHANGE(reg_store_src, i->d.src.space = TRN_SPACE_SBUF)
CHANGE(reg_load_range, i->d.src.u.dram.offset = 65533)
CHANGE(move_imm_unasked, i->c.imm[0] = 1)
CHANGE(move_reg_unasked, (i->c.head.flags = TRN_REG_IMM, i->c.op1 = 1))
CHANGE(alu_reg_gap, i->c.mode = 21)
CHANGE(alu_reg_pow, i->c.mode = TRN_ALU_POW)
CHANGE(alu_reg_rsqrt, i->c.mode = TRN_ALU_RSQRT)
CHANGE(branch_far, i->c.imm[1] = 1000)
CHANGE(branch_mode, i->c.mode = TRN_ALU_ADD)
CHANGE(arg_index, i->c.imm[0] = 2)
CHANGE(arg_part, i->c.imm[1] = 4)

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_NOP, op_gap, TRN_RULE_OPCODE, NONE),
	BREAK(TRN_SHAPE_NOP, op_zero, TRN_RULE_OPCODE, NONE),
	BREAK(TRN_SHAPE_NOP, op_max, TRN_RULE_OPCODE, NONE),
	BREAK(TRN_SHAPE_EXP, as_it_is, TRN_RULE_OPCODE, NONE), /* not on trn2 */
	BREAK(TRN_SHAPE_NOP, words_0, TRN_RULE_LENGTH, NONE),
	BREAK(TRN_SHAPE_NOP, words_2, TRN_RULE_LENGTH, NONE),
	BREAK(TRN_SHAPE_COPY, words_1, TRN_RULE_LENGTH, NONE),
	BREAK(TRN_SHAPE_COPY, words_5, TRN_RULE_LENGTH, NONE),
	BREAK(TRN_SHAPE_LOAD, words_2, TRN_RULE_LENGTH, NONE),
	BREAK(TRN_SHAPE_NOP, head_indirect, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, flag_1, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_MATMUL, flag_unknown, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, wait_mode_4, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, inc_mode_3, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, wait_value_none, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, wait_sem_none, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, inc_value_none, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, inc_sem_none, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_NOP, wait_reg_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_LOAD, inc_sub, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_COPY, op0_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, op1_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, func_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, mode_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, imm3_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, imm5_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, tail_set, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY, absent_not_zero, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_COPY, extra_operand, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_COPY, no_dst, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, no_src0, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, dst_dram, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, src_space_9, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY_G, dst_psum, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY_G, src_psum, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_ADD, both_psum, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATMUL, dst_sbuf, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_src_psum, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_COPY, dtype_0, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, dtype_15, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, dtype_fn, TRN_RULE_DTYPE, TRN_AP_SRC0), /* not on trn2 */
	BREAK(TRN_SHAPE_COPY, parts_0, TRN_RULE_PARTITION, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, parts_129, TRN_RULE_PARTITION, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, start_1, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, start_32_of_64, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, parts_past, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, ap_reserved, TRN_RULE_RESERVED, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, ndims_0, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, ndims_5, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, dim_0, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, dim_unused, TRN_RULE_RESERVED, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, dim_unused_step, TRN_RULE_RESERVED, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, dims_too_many, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, reg_65, TRN_RULE_REGISTER, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, offset_odd, TRN_RULE_ALIGN, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_COPY, offset_far, TRN_RULE_RANGE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, offset_far, TRN_RULE_RANGE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, one_byte_far, TRN_RULE_RANGE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, offset_wild, TRN_RULE_RANGE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, step_back, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, psum_far, TRN_RULE_RANGE, TRN_AP_DST),
	BREAK(TRN_SHAPE_COPY, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, parts_differ, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY, src_psum, TRN_RULE_PSUM_UNINIT, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_ADD, src1_differs, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_ADD, alu_gap, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ADD, alu_pow, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ADD, alu_absmax, TRN_RULE_OPERATOR, NONE), /* not on trn2 */
	BREAK(TRN_SHAPE_ADD, alu_unary, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ADD, alu_and, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_ADD, bits_src1, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_ADD, bits_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_ADD_G, alu_and, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, alu_gap, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, alu1_gap, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, alu_rsqrt, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, alu_square, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, alu_relu, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, alu_mixed, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALE, bits_scalar_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SCALE, bits_scalar_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SCALE, bits_column, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, column_missing, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, column_unasked, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, column_and_imm, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, column_bf16, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, column_two, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, column_parts, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SCALE_S, alu_max, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_REDUCE, reduce_op, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_REDUCE, reduce_shl, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_REDUCE, reduce_bits_negate, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_REDUCE, reduce_bits_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_REDUCE, reduce_bits_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_REDUCE, reduce_axes_0, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_REDUCE, reduce_axes_2, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_REDUCE, reduce_dst, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_ACT, act_func, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ACT, act_slope, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_ACT, act_mode, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ACT, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_ACT, column_missing, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_ACT, column_tf32, TRN_RULE_DTYPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_ACT, dst2_idle, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_ACT, dst2_reset, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_ACT, dst2_wide, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK3(TRN_SHAPE_EXP, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_IOTA, iota_step, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_IOTA, dst_psum, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_AFFINE, affine_op, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_AFFINE, affine_step, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_AFFINE, affine_rank, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_AFFINE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_RANGE, range_ne, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_RANGE, range_add, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_RANGE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MAX8, max_short, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MAX8, max_long, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MAX8, max_rank, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MAX8, max_dst, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_FIND8, find_dtype, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_FIND8, find_vals, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_FIND8, max_short, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, mm_int, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATMUL, mm_mix, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_MATMUL, mm_e4m3, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATMUL, mm_k, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATMUL, mm_m, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, mm_n, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATMUL, mm_dst_m, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_dst_n, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_dst_dtype, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_dst_bf16, TRN_RULE_DTYPE, TRN_AP_DST), /* trn3 only */
	BREAK(TRN_SHAPE_MATMUL, mm_dst_same, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_bank, TRN_RULE_BANK, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_pass_flags, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_MATMUL, mm_pass_dtype, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, mm_double, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, mm_double_odd, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, mm_accumulate, TRN_RULE_PSUM_UNINIT, TRN_AP_DST),
	BREAK(TRN_SHAPE_FLIP_T, flip_dtype, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_FLIP_T, flip_byte, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_FLIP_T, flip_shape, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_FLIP_T, flip_t_large, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_FLIP_V, flip_dtype, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_FLIP_V, flip_v_large, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_psum, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_ap_space, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_ap_dtype, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_ap_tail, TRN_RULE_RESERVED, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_ap_reg, TRN_RULE_RESERVED, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_words_reserved, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_LOAD, dma_words_reserved2, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_LOAD, dma_arg, TRN_RULE_ARGUMENT, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_arg_number, TRN_RULE_ARGUMENT, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_reg, TRN_RULE_REGISTER, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_scale, TRN_RULE_RESERVED, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_no_dims, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_gap_dims, TRN_RULE_RESERVED, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_huge, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_far, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_wrap, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_range, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_below, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_count, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_dtype, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOAD, dma_index_unasked, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER, gather_both, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_GATHER, gather_none, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER, gather_dtype, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER, gather_parts, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER, gather_wide, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER, gather_sbuf, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK(TRN_SHAPE_DFLIP, dflip_dtype, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_DFLIP, dflip_size, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_DFLIP, dflip_rank, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_DFLIP, dflip_shape, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_DFLIP, dma_range, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_REG_LOAD, reg_d_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_REG_LOAD, reg_two, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_REG_LOAD, reg_load_dst, TRN_RULE_RESERVED, TRN_AP_DST),
	BREAK(TRN_SHAPE_REG_LOAD, reg_load_range, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_REG_STORE, reg_store_two, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_REG_STORE, reg_store_src, TRN_RULE_RESERVED, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MOVE, reg_d_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_MOVE, reg_a_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_MOVE, move_imm_unasked, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_MOVE, move_reg_unasked, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_ALU, reg_d_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_ALU, reg_a_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_ALU, reg_b_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_ALU, alu_reg_gap, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ALU, alu_reg_pow, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ALU, alu_reg_rsqrt, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_BRANCH, reg_a_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_BRANCH, branch_far, TRN_RULE_BRANCH, NONE),
	BREAK(TRN_SHAPE_BRANCH, branch_mode, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ARG, reg_d_64, TRN_RULE_REGISTER, NONE),
	BREAK(TRN_SHAPE_ARG, arg_index, TRN_RULE_ARGUMENT, NONE),
	BREAK(TRN_SHAPE_ARG, arg_part, TRN_RULE_ARGUMENT, NONE),
	BREAK(TRN_SHAPE_NOTIFY, reg_b_64, TRN_RULE_REGISTER, NONE),
};

/* What the cases break is right as it stands. */
START_TEST(shapes_run)
{
	struct trn_test_core tc;
	union trn_test_inst i;

	trn_test_core_open(&tc, "trn3");
	for (enum trn_test_shape shape = 0; shape < TRN_SHAPE_COUNT; shape++) {
		trn_test_shape_make(&i, shape);
		trn_test_clear(&tc);
		trn_test_rule_args(&tc);
		if (shape == TRN_SHAPE_BRANCH)
			i.c.imm[1] = 1; /* on to the HALT */
		trn_test_shape_emit(&tc, shape, &i, trn_test_shapes[shape].words);
		ck_assert_msg(trn_test_launch(&tc) == 0, "shape %d: rule %u operand %u", shape,
			      tc.status->rule, tc.status->operand);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

START_TEST(wrong_engine)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (enum trn_test_shape shape = 0; shape < TRN_SHAPE_COUNT; shape++) {
		const struct trn_test_shape_info *info = &trn_test_shapes[shape];
		union trn_test_inst i;

		if (trn_isa_op(info->op)->layout != TRN_LAYOUT_COMPUTE)
			continue;
		trn_test_shape_make(&i, shape);
		memcpy(trn_test_emit(&tc, TRN_ENGINE_SYNC, info->op, info->words), &i,
		       info->words * TRN_ISA_WORD_SIZE);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_ENGINE);
		ck_assert_uint_eq(tc.status->engine, TRN_ENGINE_SYNC);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The part of a sequencer instruction's word where a destination would be. */
START_TEST(rest_of_word_zero)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;

	trn_test_core_open(&tc, "trn2");
	c = trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	c->dst = trn_test_sbuf(TRN_DTYPE_F32, 1, 0, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_RESERVED);
	ck_assert_uint_eq(tc.status->operand, TRN_AP_DST);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(stream_ends_inside_or_without_halt)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOP, 1);
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	tc.desc->stream[TRN_ENGINE_VECTOR].words--;
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, 1000);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_LENGTH);
	ck_assert_uint_eq(tc.status->pc, 1);
	trn_test_recover(&tc);
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOP, 1);
	trn_test_start(&tc);
	trn_test_host_settle(&tc.host, 1000);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_PC);
	ck_assert_uint_eq(tc.status->pc, 1);
	trn_test_core_close(&tc);
}
END_TEST

/* A register moves an operand out of its partition, or off its alignment. */
START_TEST(register_makes_it_wrong)
{
	static const struct {
		int32_t value;
		enum trn_ext_rule rule;
	} moves[] = {
		{ -4, TRN_RULE_RANGE },
		{ 2, TRN_RULE_ALIGN },
		{ 229376 - 60, TRN_RULE_RANGE },
		{ INT32_MIN, TRN_RULE_RANGE },
		{ INT32_MAX - 3, TRN_RULE_RANGE },
	};
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < TRN_ARRAY_LEN(moves); k++) {
		struct trn_isa_compute *c =
			trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_REG_MOVE, 1);
		union trn_test_inst i;

		c->head.flags = TRN_REG_IMM;
		c->imm[0] = (uint32_t)moves[k].value;
		trn_test_shape_make(&i, TRN_SHAPE_COPY);
		i.c.src0.reg = 1;
		trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 3);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, moves[k].rule);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC0);
		ck_assert_uint_eq(tc.status->pc, 1);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* PSUM: what a copy wrote may be read; accumulating onto it is defined on trn3 only. */
START_TEST(accumulate_onto_a_copy)
{
	for (uint32_t gen = 0; gen < 2; gen++) {
		struct trn_test_core tc;
		union trn_test_inst i;

		trn_test_core_open(&tc, gen ? "trn3" : "trn2");
		trn_test_shape_make(&i, TRN_SHAPE_COPY);
		i.c.dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 64, 0, 16);
		i.c.head.inc_mode = TRN_INC_ADD;
		i.c.head.inc_value = 1;
		trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 3);
		trn_test_shape_make(&i, TRN_SHAPE_COPY);
		i.c.src0 = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 64, 0, 16);
		trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 3);
		trn_test_shape_make(&i, TRN_SHAPE_MATMUL);
		i.c.head.flags = TRN_MATMUL_ACCUMULATE;
		i.c.head.wait_mode = TRN_WAIT_GE;
		i.c.head.wait_value = 1;
		trn_test_shape_emit(&tc, TRN_SHAPE_MATMUL, &i, 3);
		ck_assert_uint_eq(trn_test_launch(&tc), gen ? 0 : TRN_EXT_ERR_INSTRUCTION);
		if (!gen)
			ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
		trn_test_core_close(&tc);
	}
}
END_TEST

/* On trn2 a copy over a product's output takes the right to accumulate away again. */
START_TEST(copy_over_a_product)
{
	for (uint32_t gen = 0; gen < 2; gen++) {
		struct trn_test_core tc;
		union trn_test_inst i;

		trn_test_core_open(&tc, gen ? "trn3" : "trn2");
		trn_test_shape_make(&i, TRN_SHAPE_MATMUL);
		i.c.head.inc_mode = TRN_INC_ADD;
		i.c.head.inc_value = 1;
		trn_test_shape_emit(&tc, TRN_SHAPE_MATMUL, &i, 3);
		trn_test_shape_make(&i, TRN_SHAPE_COPY);
		i.c.src0.partitions = 16;
		i.c.dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 0, 16);
		i.c.head.wait_mode = TRN_WAIT_GE;
		i.c.head.wait_value = 1;
		i.c.head.inc_mode = TRN_INC_ADD;
		i.c.head.inc_value = 1;
		trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 3);
		trn_test_shape_make(&i, TRN_SHAPE_MATMUL);
		i.c.head.flags = TRN_MATMUL_ACCUMULATE;
		i.c.head.wait_mode = TRN_WAIT_GE;
		i.c.head.wait_value = 2;
		trn_test_shape_emit(&tc, TRN_SHAPE_MATMUL, &i, 3);
		ck_assert_uint_eq(trn_test_launch(&tc), gen ? 0 : TRN_EXT_ERR_INSTRUCTION);
		if (!gen)
			ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
		trn_test_core_close(&tc);
	}
}
END_TEST

/* One element short of what was written: not initialised. And a launch starts afresh. */
START_TEST(psum_is_tracked_by_element_and_launch)
{
	struct trn_test_core tc;
	union trn_test_inst i;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < 3; k++) {
		trn_test_shape_make(&i, TRN_SHAPE_SET);
		i.c.dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 64, 128, 16);
		trn_test_clear(&tc);
		if (k < 2) {
			struct trn_isa_compute *c =
				trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_MEMSET, 3);

			memcpy(c, &i, 3 * TRN_ISA_WORD_SIZE);
		}
		trn_test_shape_make(&i, TRN_SHAPE_COPY);
		i.c.src0 = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 64, 128 + 4 * (k & 1), 16);
		trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 3);
		ck_assert_uint_eq(trn_test_launch(&tc), k == 0 ? 0 : TRN_EXT_ERR_INSTRUCTION);
		if (k == 0)
			continue;
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* Right instructions with a few random bytes: an end or a record, never anything else. */
START_TEST(random_damage)
{
	uint32_t ends[2] = { 0, 0 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	trn_test_host_expect(&tc.host, "act-range");
	for (uint32_t round = 0; round < 3000; round++) {
		const enum trn_test_shape shape = trn_test_below(&tc, TRN_SHAPE_COUNT);
		const uint8_t words = trn_test_shapes[shape].words;
		union trn_test_inst i;

		if (shape == TRN_SHAPE_BRANCH || shape == TRN_SHAPE_BARRIER ||
		    shape == TRN_SHAPE_SENDRECV)
			continue; /* may go round, or wait, for ever */
		trn_test_shape_make(&i, shape);
		for (uint32_t k = 0; k < 1 + round % 3; k++) {
			uint8_t *bytes = (uint8_t *)&i;

			/* Not the wait: a program that waits for ever is a right one. */
			bytes[16 + trn_test_below(&tc, words * 64u - 16)] =
				(uint8_t)(1u << trn_test_below(&tc, 8));
		}
		trn_test_rule_args(&tc);
		trn_test_shape_emit(&tc, shape, &i, words);
		ends[trn_test_launch(&tc) != 0]++;
		if (tc.status->error == 0)
			ck_assert_uint_gt(tc.status->head, 0);
		else
			ck_assert_uint_eq(tc.status->state, TRN_QUEUE_ERROR);
		trn_test_recover(&tc);
	}
	/* Both happen, or the damage is of the wrong kind. */
	ck_assert_uint_gt(ends[0], 50);
	ck_assert_uint_gt(ends[1], 500);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *rules_suite(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, shapes_run);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	tcase_add_test(tcase, wrong_engine);
	tcase_add_test(tcase, random_damage);
	tcase_add_test(tcase, rest_of_word_zero);
	tcase_add_test(tcase, stream_ends_inside_or_without_halt);
	tcase_add_test(tcase, register_makes_it_wrong);
	tcase_add_test(tcase, accumulate_onto_a_copy);
	tcase_add_test(tcase, copy_over_a_product);
	tcase_add_test(tcase, psum_is_tracked_by_element_and_launch);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(rules_suite)
