/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of the gpsimd instructions that gather, count and sort. */
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_rules.h"

CHANGE(parts_op, i->c.func = TRN_ALU_MUL)
CHANGE(parts_op_min, i->c.func = TRN_ALU_MIN)
CHANGE(parts_average_max, (i->c.func = TRN_ALU_MAX, i->c.head.flags = TRN_PARTITION_AVERAGE))
CHANGE(parts_bits_src, i->c.func = TRN_ALU_OR)
CHANGE(parts_bits_dst, (i->c.func = TRN_ALU_AND, i->c.src0.dtype = TRN_DTYPE_S32))
CHANGE(parts_two, i->c.dst.partitions = 2)
CHANGE(parts_count, i->c.dst.dims[0].num = 15)
CHANGE(parts_flag, i->c.head.flags = 2)
CHANGE(parts_imm, i->c.imm[0] = 1)
CHANGE(src_f16, i->c.src0.dtype = TRN_DTYPE_F16)
CHANGE(dst_f16, i->c.dst.dtype = TRN_DTYPE_F16)
CHANGE(dst2_s32, i->c.dst2.dtype = TRN_DTYPE_S32)
CHANGE(src_parts_24, i->c.src0.partitions = 24)
CHANGE(top_n_7, (i->c.imm[0] = 7, i->c.imm[1] = 1, i->c.src0.dims[0].num = 1))
CHANGE(top_n_huge, (i->c.imm[0] = 65536, i->c.src0.dims[0].num = 4096))
CHANGE(top_n_wrong, i->c.imm[0] = 97)
CHANGE(top_k_0, i->c.imm[1] = 0)
CHANGE(top_k_n, i->c.imm[1] = 91)
CHANGE(top_k_wrong, i->c.imm[1] = 33)
CHANGE(top_dst_parts, i->c.dst.partitions = 48)
CHANGE(top_dst2_parts, i->c.dst2.partitions = 48)
CHANGE(top_dst2_count, i->c.dst2.dims[0].num = 1)
CHANGE(top_no_dst2, memset(&i->c.dst2, 0, sizeof(i->c.dst2)))
CHANGE(src_u32, i->c.src0.dtype = TRN_DTYPE_U32)
CHANGE(dst_u32, i->c.dst.dtype = TRN_DTYPE_U32)
CHANGE(dst_short, i->c.dst.dims[0].num = 16)
CHANGE(dst_parts, i->c.dst.partitions = 48)
CHANGE(index_u32, i->c.src1.dtype = TRN_DTYPE_U32)
CHANGE(index_s32, i->c.src1.dtype = TRN_DTYPE_S32)
CHANGE(index_two, i->c.src1.dims[0].num = 2)
CHANGE(index_parts, i->c.src1.partitions = 48)
CHANGE(src_parts, i->c.src0.partitions = 48)
CHANGE(src_bf16, i->c.src0.dtype = TRN_DTYPE_BF16)
CHANGE(dst_parts_40, i->c.dst.partitions = 40)
CHANGE(run_0, i->c.imm[0] = 0)
CHANGE(run_3, i->c.imm[0] = 3)
CHANGE(run_64, i->c.imm[0] = 64)
CHANGE(valid_0, i->c.imm[1] = 0)
CHANGE(valid_many, (i->c.imm[0] = 32, i->c.imm[1] = 129, i->c.dst.dims[0].num = 4128))
CHANGE(valid_wraps, (i->c.imm[0] = 2, i->c.imm[1] = 0x80000008u))
CHANGE(valid_wrong, i->c.imm[1] = 7)
CHANGE(no_index, memset(&i->c.src1, 0, sizeof(i->c.src1)))
CHANGE(src_short, i->c.src0.dims[0].num = 1)
CHANGE(src_psum, i->c.src0.space = TRN_SPACE_PSUM)
CHANGE(bounds_src_two, i->c.src0.partitions = 2)
CHANGE(bounds_dst_two, i->c.dst.partitions = 2)
CHANGE(bounds_short, i->c.dst.dims[0].num = 16)
CHANGE(bounds_dst_s32, i->c.dst.dtype = TRN_DTYPE_S32)

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_PARTITIONS, parts_op, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_PARTITIONS, parts_op_min, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_PARTITIONS, parts_average_max, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_PARTITIONS, parts_flag, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_PARTITIONS, parts_imm, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_PARTITIONS, parts_bits_src, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_PARTITIONS, parts_bits_dst, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_PARTITIONS, parts_two, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_PARTITIONS, parts_count, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_TOPK, src_f16, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, dst_f16, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_TOPK, dst2_s32, TRN_RULE_DTYPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_TOPK, src_parts_24, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, top_n_7, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, top_n_huge, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, top_n_wrong, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, top_k_0, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, top_k_n, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_TOPK, top_k_wrong, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_TOPK, top_dst_parts, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_TOPK, top_dst2_parts, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_TOPK, top_dst2_count, TRN_RULE_SHAPE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_TOPK, top_no_dst2, TRN_RULE_SPACE, TRN_AP_DST2),
	BREAK(TRN_SHAPE_NONZERO, src_u32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_NONZERO, dst_u32, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_NONZERO, dst_short, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_NONZERO, dst_parts, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, index_u32, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_LOCAL_GATHER, src_bf16, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOCAL_GATHER, dst_parts_40, TRN_RULE_PARTITION, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, src_parts, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_LOCAL_GATHER, index_parts, TRN_RULE_PARTITION, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_LOCAL_GATHER, run_0, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, run_3, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, run_64, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, valid_0, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, valid_many, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, valid_wraps, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, valid_wrong, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_LOCAL_GATHER, index_two, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_LOCAL_GATHER, no_index, TRN_RULE_SPACE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_LOCAL_GATHER, src_short, TRN_RULE_RANGE, TRN_AP_SRC1), /* retire */
	BREAK(TRN_SHAPE_LOCAL_GATHER, src_psum, TRN_RULE_SPACE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_N_GATHER, index_s32, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_N_GATHER, src_bf16, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_N_GATHER, src_parts, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_N_GATHER, index_parts, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_N_GATHER, index_two, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_BOUNDS, src_u32, TRN_RULE_DTYPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_BOUNDS, bounds_dst_s32, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BOUNDS, bounds_src_two, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_BOUNDS, bounds_dst_two, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_BOUNDS, bounds_short, TRN_RULE_SHAPE, TRN_AP_DST),
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

/* One place outside: nothing of the destination is touched. */
START_TEST(no_gather_in_part)
{
	static const enum trn_test_shape shapes[] = { TRN_SHAPE_LOCAL_GATHER, TRN_SHAPE_N_GATHER };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < TRN_ARRAY_LEN(shapes); k++) {
		const uint32_t bad = shapes[k] == TRN_SHAPE_N_GATHER ? 16 : 8;
		uint8_t before[64], after[64];
		union trn_test_inst i;

		trn_test_fill(&tc, TRN_DTYPE_U8, before, sizeof(before));
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 16384, before, sizeof(before));
		/* The last one of all, in partition 55 of the last group and in 63. */
		trn_test_poke(&tc, TRN_SPACE_SBUF, k == 0 ? 55 : 63, 1, k == 0 ? 4096 : 4096 + 60,
			      &bad, k == 0 ? 2 : 4);
		trn_test_shape_make(&i, shapes[k]);
		trn_test_shape_emit(&tc, shapes[k], &i, 3);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
		ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC1);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 16384, after, sizeof(after));
		ck_assert_mem_eq(before, after, sizeof(before));
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *gpsimd_suite(void)
{
	Suite *suite = suite_create("gpsimd_rules");
	TCase *tcase = tcase_create("gpsimd");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	tcase_add_test(tcase, no_gather_in_part);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(gpsimd_suite)
