/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the vector and scalar engine's larger instructions, broken one by one. */
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/test_rules.h"

#define COLUMN(slot, dtype, parts, count) \
	(i->c.slot = trn_test_sbuf(TRN_DTYPE_##dtype, parts, 8192, count))

CHANGE(as_it_is, (void)i)
CHANGE(count_differs, i->c.src0.dims[0].num = 15)
CHANGE(src1_differs, i->c.src1.dims[0].num = 15)
CHANGE(src0_s32, i->c.src0.dtype = TRN_DTYPE_S32)
CHANGE(op0_bypass, i->c.op0 = TRN_ALU_BYPASS)
CHANGE(op0_bits, i->c.op0 = TRN_ALU_AND)
CHANGE(op0_unary, i->c.op0 = TRN_ALU_ABS)
CHANGE(op0_pow, i->c.op0 = TRN_ALU_POW)
CHANGE(op0_abs_max, i->c.op0 = TRN_ALU_ABS_MAX)
CHANGE(func_sub, i->c.func = TRN_ALU_SUB)
CHANGE(func_bypass, i->c.func = TRN_ALU_BYPASS)
CHANGE(func_eq, i->c.func = TRN_ALU_EQ)
CHANGE(mode_5, i->c.mode = 5)
CHANGE(mode_load, i->c.mode = TRN_REDUCE_LOAD_REDUCE)
CHANGE(load_unasked, i->c.imm[1] = 1)
CHANGE(load_unasked_2, (i->c.imm[1] = 1, i->c.mode = TRN_REDUCE_RESET_REDUCE))
CHANGE(lanes_idle, COLUMN(dst2, F32, 64, 1))
CHANGE(lanes_reset, (COLUMN(dst2, F32, 64, 1), i->c.mode = TRN_REDUCE_RESET))
CHANGE(lanes_wide, (COLUMN(dst2, F32, 64, 2), i->c.mode = TRN_REDUCE_LOAD_REDUCE))
CHANGE(lanes_parts, (COLUMN(dst2, F32, 32, 1), i->c.mode = TRN_REDUCE_LOAD_REDUCE))
CHANGE(column_missing, i->c.head.flags |= TRN_SCALAR_COLUMN0)
CHANGE(column_unasked, COLUMN(src1, F32, 64, 1))
CHANGE(column_bf16, (COLUMN(src1, BF16, 64, 1), i->c.head.flags |= TRN_SCALAR_COLUMN0))
CHANGE(column_wide, (COLUMN(src1, F32, 64, 2), i->c.head.flags |= TRN_SCALAR_COLUMN0))
CHANGE(column_and_imm,
       (COLUMN(src1, F32, 64, 1), i->c.head.flags |= TRN_SCALAR_COLUMN0, i->c.imm[0] = 1))

CHANGE(act2_pair, (i->c.op0 = TRN_ALU_ADD, i->c.op1 = TRN_ALU_ADD))
CHANGE(act2_pair_max, i->c.op0 = TRN_ALU_MAX)
CHANGE(act2_second, (i->c.op0 = TRN_ALU_BYPASS, i->c.op1 = TRN_ALU_ADD))
CHANGE(act2_func, i->c.func = TRN_ACT_COUNT)
CHANGE(act2_slope, i->c.imm[3] = 1)
CHANGE(act2_join_idle, i->c.imm[2] = TRN_ALU_ADD)
CHANGE(act2_join_mul, (i->c.imm[2] = TRN_ALU_MUL, i->c.mode = TRN_REDUCE_RESET_REDUCE))
CHANGE(act2_join_none, i->c.mode = TRN_REDUCE_RESET_REDUCE)
CHANGE(act2_join_far, (i->c.imm[2] = 0x10001, i->c.mode = TRN_REDUCE_RESET_REDUCE))
CHANGE(act2_load, (i->c.imm[2] = TRN_ALU_ADD, i->c.mode = TRN_REDUCE_LOAD_REDUCE))
CHANGE(act2_unused, i->c.imm[1] = 1)
CHANGE(act2_unused_0, (i->c.op0 = TRN_ALU_BYPASS, i->c.imm[0] = 1))
CHANGE(act2_column_1, i->c.head.flags |= TRN_SCALAR_COLUMN1)
CHANGE(scale_unused, i->c.imm[1] = 1)
CHANGE(stt_bits, i->c.op1 = TRN_ALU_OR)
CHANGE(stt_unary, i->c.op1 = TRN_ALU_RECIPROCAL)
CHANGE(stt_unused, (i->c.op0 = TRN_ALU_BYPASS, i->c.imm[0] = 1))
CHANGE(stt_other, i->c.src2.dims[0].num = 15)
CHANGE(stt_psum, i->c.src0.space = i->c.src2.space = TRN_SPACE_PSUM)
CHANGE(both_psum, i->c.src0.space = i->c.src1.space = TRN_SPACE_PSUM)
CHANGE(scan_bypass, i->c.op1 = TRN_ALU_BYPASS)
CHANGE(scan_start_imm,
       (COLUMN(src2, F32, 64, 1), i->c.head.flags |= TRN_SCALAR_COLUMN1, i->c.imm[1] = 1))
CHANGE(scan_start_missing, i->c.head.flags |= TRN_SCALAR_COLUMN1)
CHANGE(scan_start_wide, (COLUMN(src2, F32, 64, 2), i->c.head.flags |= TRN_SCALAR_COLUMN1))
CHANGE(scan_start_unasked, COLUMN(src2, F32, 64, 1))
CHANGE(cumulative_max8, i->c.op1 = TRN_ALU_EQ)
CHANGE(cumulative_bypass, i->c.op1 = TRN_ALU_BYPASS)
CHANGE(cumulative_idle, i->c.mode = TRN_REDUCE_IDLE)
CHANGE(cumulative_reset, i->c.mode = TRN_REDUCE_RESET)
CHANGE(dst_u32, i->c.dst.dtype = TRN_DTYPE_U32)

CHANGE(pred_f32, i->c.src1.dtype = TRN_DTYPE_F32)
CHANGE(pred_u32, i->c.src1.dtype = TRN_DTYPE_U32)
CHANGE(other_imm, (COLUMN(src2, F32, 64, 16), i->c.imm[0] = 1))
CHANGE(other_two, COLUMN(src2, F32, 64, 2))
CHANGE(other_parts, COLUMN(src2, F32, 32, 1))
CHANGE(other_tensor_parts, COLUMN(src2, F32, 32, 16))
CHANGE(other_int_column, COLUMN(src2, S16, 64, 1))
CHANGE(other_s32, COLUMN(src2, S32, 64, 16))

CHANGE(match_short, i->c.src0.dims[0].num = i->c.dst.dims[0].num = 7)
CHANGE(match_long, i->c.src0.dims[0] = (struct trn_isa_dim){ 0, 16385 })
CHANGE(match_values, i->c.src1.dims[0].num = 7)
CHANGE(match_value_parts, i->c.src1.partitions = 32)
CHANGE(match_where_dtype, COLUMN(dst2, S32, 64, 8))
CHANGE(match_where_count, COLUMN(dst2, U16, 64, 9))
CHANGE(match_where_parts, COLUMN(dst2, U32, 32, 8))
CHANGE(copy_imm, i->c.imm[0] = 1)
CHANGE(copy_dtype, i->c.src0.dtype = TRN_DTYPE_S32)
CHANGE(copy_psum, (i->c.dst.space = TRN_SPACE_PSUM, i->c.dst.offset = 0))
CHANGE(shuffle_parts, i->c.dst.partitions = i->c.src0.partitions = 33)
CHANGE(shuffle_src_parts, i->c.src0.partitions = 32)
CHANGE(shuffle_32, i->c.imm[0] = 32)
CHANGE(shuffle_62, i->c.imm[0] = 62)
CHANGE(shuffle_last, i->c.imm5 = 32u << 26)
CHANGE(shuffle_across, (i->c.imm[0] = 0, i->c.imm[1] = 8)) /* bits 30..35: 32 */
CHANGE(shuffle_psum, (i->c.dst.space = TRN_SPACE_PSUM, i->c.dst.offset = 0, i->c.imm[0] = 63))
CHANGE(shuffle_mx, i->c.src0.dtype = TRN_DTYPE_F8E5M2_X4)
CHANGE(stats_long, i->c.src0.dims[0].num = 513)
CHANGE(stats_five, i->c.dst.dims[0].num = 5)
CHANGE(dst_parts, i->c.dst.partitions = 32)
CHANGE(dst_s16, i->c.dst.dtype = TRN_DTYPE_S16)
CHANGE(aggr_four, i->c.src0.dims[0].num = 4)
CHANGE(aggr_three, i->c.dst.dims[0].num = 3)

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_MATCH8, match_short, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATCH8, match_long, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATCH8, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATCH8, match_values, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATCH8, match_value_parts, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_MATCH8, match_where_dtype, TRN_RULE_DTYPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_MATCH8, match_where_count, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_MATCH8, match_where_parts, TRN_RULE_SHAPE, TRN_AP_DST2),

	BREAK(TRN_SHAPE_COPY_PREDICATED, pred_f32, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_COPY_PREDICATED, src1_differs, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_COPY_PREDICATED, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY_PREDICATED, copy_imm, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_COPY_PREDICATED, copy_dtype, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_COPY_PREDICATED, both_psum, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_COPY_PREDICATED, copy_psum, TRN_RULE_PSUM_UNINIT, TRN_AP_DST),

	BREAK(TRN_SHAPE_SHUFFLE, shuffle_parts, TRN_RULE_PARTITION, TRN_AP_DST),
	BREAK(TRN_SHAPE_SHUFFLE, shuffle_src_parts, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SHUFFLE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SHUFFLE, src0_s32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_SHUFFLE, shuffle_mx, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SHUFFLE, shuffle_32, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SHUFFLE, shuffle_62, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SHUFFLE, shuffle_last, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SHUFFLE, shuffle_across, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SHUFFLE, shuffle_psum, TRN_RULE_PSUM_UNINIT, TRN_AP_DST),

	BREAK(TRN_SHAPE_BN_STATS, stats_long, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_BN_STATS, stats_five, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BN_STATS, dst_parts, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BN_STATS, dst_s16, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BN_AGGR, aggr_four, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_BN_AGGR, aggr_three, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BN_AGGR, dst_parts, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BN_AGGR, dst_u32, TRN_RULE_DTYPE, TRN_AP_DST),

	BREAK3(TRN_SHAPE_EXP, load_unasked, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_EXP, load_unasked_2, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_EXP, mode_5, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_EXP, lanes_reset, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_ACT, mode_load, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_RANGE, mode_load, TRN_RULE_OPERATOR, NONE),

	BREAK(TRN_SHAPE_SCALAR_REDUCE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, op0_bypass, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, op0_bits, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, op0_unary, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, op0_pow, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, op0_abs_max, TRN_RULE_OPERATOR, NONE), /* trn3 */
	BREAK(TRN_SHAPE_SCALAR_REDUCE, func_sub, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, func_bypass, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, func_eq, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, mode_5, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, load_unasked, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, lanes_idle, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, lanes_reset, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, lanes_wide, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, lanes_parts, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, column_missing, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, column_unasked, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, column_bf16, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, column_wide, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCALAR_REDUCE, column_and_imm, TRN_RULE_RESERVED, TRN_AP_SRC1),

	BREAK(TRN_SHAPE_ACTIVATE2, as_it_is, TRN_RULE_OPCODE, NONE), /* not on trn2 */
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_pair, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_pair_max, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_second, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_func, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_slope, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_join_idle, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_join_mul, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_join_none, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_join_far, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_load, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_unused, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_unused_0, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_ACTIVATE2, act2_column_1, TRN_RULE_SPACE, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_ACTIVATE2, column_missing, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_ACTIVATE2, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_ACTIVATE2, lanes_idle, TRN_RULE_RESERVED, TRN_AP_DST2),

	BREAK(TRN_SHAPE_SCALE, scale_unused, TRN_RULE_RESERVED, NONE),

	BREAK(TRN_SHAPE_STT, op0_bits, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_STT, op0_unary, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_STT, op0_pow, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_STT, op0_abs_max, TRN_RULE_OPERATOR, NONE), /* trn3 */
	BREAK(TRN_SHAPE_STT, stt_bits, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_STT, stt_unary, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_STT, stt_unused, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_STT, stt_other, TRN_RULE_SHAPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_STT, stt_psum, TRN_RULE_SPACE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_STT, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_STT, column_missing, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_STT, column_unasked, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_STT, column_bf16, TRN_RULE_DTYPE, TRN_AP_SRC1),

	BREAK(TRN_SHAPE_SCAN, op0_bypass, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCAN, scan_bypass, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCAN, op0_bits, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SCAN, op0_abs_max, TRN_RULE_OPERATOR, NONE), /* trn3 */
	BREAK(TRN_SHAPE_SCAN, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SCAN, src1_differs, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCAN, both_psum, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SCAN, scan_start_imm, TRN_RULE_RESERVED, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SCAN, scan_start_missing, TRN_RULE_SPACE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SCAN, scan_start_wide, TRN_RULE_SHAPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SCAN, scan_start_unasked, TRN_RULE_RESERVED, TRN_AP_SRC2),

	BREAK(TRN_SHAPE_CUMULATIVE, op0_bits, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, op0_unary, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, cumulative_max8, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, cumulative_bypass, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, cumulative_idle, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, cumulative_reset, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, mode_5, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, load_unasked, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_CUMULATIVE, lanes_idle, TRN_RULE_RESERVED, TRN_AP_DST2),
	BREAK(TRN_SHAPE_CUMULATIVE, src0_s32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_CUMULATIVE, dst_u32, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_CUMULATIVE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_CUMULATIVE, column_missing, TRN_RULE_SPACE, TRN_AP_SRC1),

	BREAK(TRN_SHAPE_SELECT_REDUCE, pred_f32, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SELECT_REDUCE, pred_u32, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SELECT_REDUCE, dst_u32, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SELECT_REDUCE, src0_s32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SELECT_REDUCE, count_differs, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SELECT_REDUCE, src1_differs, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_SELECT_REDUCE, other_imm, TRN_RULE_RESERVED, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SELECT_REDUCE, other_two, TRN_RULE_SHAPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SELECT_REDUCE, other_parts, TRN_RULE_SHAPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SELECT_REDUCE, other_tensor_parts, TRN_RULE_SHAPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SELECT_REDUCE, other_int_column, TRN_RULE_DTYPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SELECT_REDUCE, other_s32, TRN_RULE_DTYPE, TRN_AP_SRC2),
	BREAK(TRN_SHAPE_SELECT_REDUCE, mode_5, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SELECT_REDUCE, load_unasked, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SELECT_REDUCE, lanes_idle, TRN_RULE_RESERVED, TRN_AP_DST2),
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

static Suite *vector_rules_suite(void)
{
	Suite *suite = suite_create("vector-rules");
	TCase *tcase = tcase_create("rules");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(vector_rules_suite)
