/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the tensor engine, of MX and of rounding, broken on purpose; where the packed
 * formats may not be. */
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/test_rules.h"

CHANGE(as_it_is, (void)i)
CHANGE(mode_2, i->c.mode = 2)
CHANGE(imm1_set, i->c.imm[1] = 1)

/* ---- MATMUL: tiles, operands of 0 and 1 ---- */

#define F32_PAIR i->c.src0.dtype = i->c.src1.dtype = TRN_DTYPE_F32
#define TILED(rows, columns) \
	i->c.head.flags |= TRN_MATMUL_TILED, i->c.op0 = (rows), i->c.op1 = (columns)

CHANGE(op0_untiled, i->c.op0 = 4)
CHANGE(op1_untiled, i->c.op1 = 4)
CHANGE(tile_0, (TILED(0, 4)))
CHANGE(tile_3, (TILED(4, 3)))
CHANGE(tile_8, (TILED(8, 4)))
CHANGE(tile_k, (TILED(1, 4)))
CHANGE(tile_m, (TILED(2, 1), i->c.src0.dims[0].num = i->c.dst.partitions = 33))
CHANGE(tile_start, (TILED(4, 4), i->c.src0.start = i->c.src1.start = 64))
CHANGE(tile_apart, (TILED(2, 4), i->c.src1.start = 64))
CHANGE(tile_dst, (TILED(2, 2), i->c.dst.start = 32))
CHANGE(tile_double, (TILED(2, 2), i->c.head.flags |= TRN_MATMUL_DOUBLE_ROW,
		     i->c.src0.dtype = i->c.src1.dtype = TRN_DTYPE_F8E4M3, i->c.dst.partitions = 8,
		     i->c.dst.dims[0].num = 8))
CHANGE(tile_pass, (TILED(2, 4), i->c.head.flags |= TRN_MATMUL_TRANSPOSE))
CHANGE(onezero_both, (F32_PAIR, i->c.head.flags = TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1))
CHANGE(onezero_bf16, i->c.head.flags = TRN_MATMUL_ONEZERO0)
CHANGE(onezero_tf32,
       (i->c.src0.dtype = i->c.src1.dtype = TRN_DTYPE_TF32, i->c.head.flags = TRN_MATMUL_ONEZERO1))
CHANGE(onezero_pass, (F32_PAIR, i->c.head.flags = TRN_MATMUL_ONEZERO0 | TRN_MATMUL_TRANSPOSE))

/* ---- MATMUL_MX ---- */

CHANGE(mx_words, i->c.head.words = 3)
CHANGE(mx_transpose, i->c.head.flags = TRN_MATMUL_TRANSPOSE)
CHANGE(mx_double, i->c.head.flags = TRN_MATMUL_DOUBLE_ROW)
CHANGE(mx_onezero, i->c.head.flags = TRN_MATMUL_ONEZERO0)
CHANGE(mx_src0_fp8, i->c.src0.dtype = TRN_DTYPE_F8E4M3FN)
CHANGE(mx_src1_bf16, i->c.src1.dtype = TRN_DTYPE_BF16)
CHANGE(mx_src1_e8m0, i->c.src1.dtype = TRN_DTYPE_F8E8M0)
CHANGE(mx_dst_x4, i->c.dst.dtype = TRN_DTYPE_F8E5M2_X4)
CHANGE(mx_dst_f16, i->c.dst.dtype = TRN_DTYPE_F16)
CHANGE(mx_dst_sbuf, i->c.dst.space = TRN_SPACE_SBUF)
CHANGE(mx_k, i->c.src0.partitions = i->c.src1.partitions = 48)
CHANGE(mx_k_apart, i->c.src1.partitions = 32)
CHANGE(mx_m_odd, i->c.src0.dims[0].num = 15)
CHANGE(mx_m, i->c.src0.dims[0].num = 130)
CHANGE(mx_n, i->c.src1.dims[0].num = 4097)
CHANGE(mx_dst_m, i->c.dst.partitions = 15)
CHANGE(mx_dst_step, i->c.dst.dims[0].step = 0)
CHANGE(mx_scale_gone, memset(&i->c.src3, 0, sizeof(i->c.src3)))
CHANGE(mx_scale_psum, i->c.src2.space = TRN_SPACE_PSUM)
CHANGE(mx_scale_dtype, i->c.src2.dtype = TRN_DTYPE_S8)
CHANGE(mx_scale_x4, i->c.src3.dtype = TRN_DTYPE_F4E2M1_X4)
CHANGE(mx_scale_count, i->c.src2.dims[0].num = 15)
CHANGE(mx_scale_rows, i->c.src3.partitions = 8)
CHANGE(mx_scale_start, i->c.src2.start = 2)
CHANGE(mx_scale_far, i->c.src3.start = 16)
CHANGE(mx_scale_before, (i->c.src0.start = i->c.src1.start = 64, i->c.src2.start = 60))
CHANGE(mx_scale_end, i->c.src3.start = 96)
CHANGE(mx_tile, (TILED(2, 2)))
CHANGE(mx_tile_k, (TILED(1, 4)))
CHANGE(mx_accumulate, i->c.head.flags = TRN_MATMUL_ACCUMULATE)

/* ---- QUANTIZE_MX ---- */

CHANGE(q_src_f32, i->c.src0.dtype = TRN_DTYPE_F32)
CHANGE(q_dst_f4, i->c.dst.dtype = TRN_DTYPE_F4E2M1_X4)
CHANGE(q_dst_u32, i->c.dst.dtype = TRN_DTYPE_U32)
CHANGE(q_src_psum, i->c.src0.space = TRN_SPACE_PSUM)
CHANGE(q_dst_psum, i->c.dst.space = TRN_SPACE_PSUM)
CHANGE(q_scale_psum, (i->c.dst2.space = TRN_SPACE_PSUM))
CHANGE(q_rows, i->c.dst.partitions = i->c.src0.partitions = 40)
CHANGE(q_rows_apart, i->c.src0.partitions = 32)
CHANGE(q_count, i->c.src0.dims[0].num = 63)
CHANGE(q_scale_dtype, i->c.dst2.dtype = TRN_DTYPE_F8E4M3)
CHANGE(q_scale_count, i->c.dst2.dims[0].num = 64)
CHANGE(q_scale_start, i->c.dst2.start = 3)
CHANGE(q_flag, i->c.head.flags = 1)

/* ---- packed formats elsewhere ---- */

CHANGE(x4_src, i->c.src0.dtype = TRN_DTYPE_F8E5M2_X4)
CHANGE(x4_dst, i->c.dst.dtype = TRN_DTYPE_F8E4M3FN_X4)
CHANGE(e8m0_dst, i->c.dst.dtype = TRN_DTYPE_F8E8M0)
CHANGE(e8m0_src, i->c.src0.dtype = TRN_DTYPE_F8E8M0)
CHANGE(x4_both, i->c.src0.dtype = i->c.dst.dtype = TRN_DTYPE_F8E5M2_X4)
CHANGE(x4_differ, (i->c.src0.dtype = TRN_DTYPE_F8E5M2_X4, i->c.dst.dtype = TRN_DTYPE_F8E4M3FN_X4))
CHANGE(x4_one, (i->c.dst.dtype = TRN_DTYPE_F4E2M1_X4, i->c.imm[0] = 1))
CHANGE(e8m0_flip, (i->c.src0.dtype = TRN_DTYPE_F8E8M0, i->c.dst.dtype = TRN_DTYPE_U16))
CHANGE(dma_x4_dst, (i->d.dst.dtype = i->d.dst.u.chip.ap.dtype = TRN_DTYPE_F4E2M1_X4))
CHANGE(dma_x4_src, i->d.src.dtype = TRN_DTYPE_F4E2M1_X4)
CHANGE(dma_x4_flip,
       (i->d.src.dtype = i->d.dst.dtype = i->d.dst.u.chip.ap.dtype = TRN_DTYPE_F4E2M1_X4))
CHANGE(reg_x4, i->d.src.dtype = TRN_DTYPE_F8E5M2_X4)

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_MATMUL, op0_untiled, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_MATMUL, op1_untiled, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_MATMUL, tile_0, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_MATMUL, tile_3, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_MATMUL, tile_8, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_MATMUL, tile_k, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, tile_m, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, tile_start, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, tile_apart, TRN_RULE_PARTITION, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATMUL, tile_dst, TRN_RULE_PARTITION, TRN_AP_DST),
	BREAK(TRN_SHAPE_MATMUL, tile_double, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_MATMUL, tile_pass, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_MATMUL, onezero_both, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_MATMUL, onezero_bf16, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, onezero_tf32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, onezero_pass, TRN_RULE_RESERVED, NONE),

	BREAK(TRN_SHAPE_MATMUL_MX, as_it_is, TRN_RULE_OPCODE, NONE), /* not on trn2 */
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_words, TRN_RULE_LENGTH, NONE),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_transpose, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_double, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_onezero, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_src0_fp8, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_src1_bf16, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_src1_e8m0, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_dst_x4, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_dst_f16, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_dst_sbuf, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_k, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_k_apart, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_m_odd, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_m, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_n, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_dst_m, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_dst_step, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_gone, TRN_RULE_SPACE, TRN_AP_SRC3),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_psum, TRN_RULE_SPACE, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_dtype, TRN_RULE_DTYPE, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_x4, TRN_RULE_DTYPE, TRN_AP_SRC3),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_count, TRN_RULE_SHAPE, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_rows, TRN_RULE_SHAPE, TRN_AP_SRC3),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_start, TRN_RULE_PARTITION, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_far, TRN_RULE_PARTITION, TRN_AP_SRC3),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_before, TRN_RULE_PARTITION, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_scale_end, TRN_RULE_PARTITION, TRN_AP_SRC3),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_tile, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_tile_k, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_MATMUL_MX, op1_untiled, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_MATMUL_MX, mx_accumulate, TRN_RULE_PSUM_UNINIT, TRN_AP_DST),

	BREAK(TRN_SHAPE_QUANTIZE_MX, as_it_is, TRN_RULE_OPCODE, NONE), /* not on trn2 */
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_src_f32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_dst_f4, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_dst_u32, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_src_psum, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_dst_psum, TRN_RULE_RANGE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_scale_psum, TRN_RULE_SPACE, TRN_AP_DST2),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_rows, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_rows_apart, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_count, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_scale_dtype, TRN_RULE_DTYPE, TRN_AP_DST2),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_scale_count, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_scale_start, TRN_RULE_PARTITION, TRN_AP_DST2),
	BREAK3(TRN_SHAPE_QUANTIZE_MX, q_flag, TRN_RULE_RESERVED, NONE),

	BREAK(TRN_SHAPE_COPY, x4_both, TRN_RULE_DTYPE, TRN_AP_DST), /* not on trn2 */
	BREAK(TRN_SHAPE_COPY, e8m0_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_COPY, x4_src, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_COPY, x4_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_COPY, x4_differ, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_SET, x4_one, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_ADD, x4_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_ADD, x4_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_SCALE, e8m0_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_REDUCE, x4_both, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_ACT, e8m0_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_IOTA, x4_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL, x4_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_FLIP_T, e8m0_flip, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_LOAD, dma_x4_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_LOAD, dma_x4_src, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOAD, dma_x4_flip, TRN_RULE_DTYPE, TRN_AP_DST), /* not on trn2 */
	BREAK3(TRN_SHAPE_DFLIP, dma_x4_flip, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_REG_LOAD, reg_x4, TRN_RULE_DTYPE, TRN_AP_SRC0),

	BREAK(TRN_SHAPE_ROUNDING, mode_2, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_ROUNDING, imm1_set, TRN_RULE_RESERVED, NONE),
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

static Suite *tensor_rules_suite(void)
{
	Suite *suite = suite_create("tensor-rules");
	TCase *tcase = tcase_create("rules");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(tensor_rules_suite)
