/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of DMA_ADD and of transposes of gathered rows. */
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_rules.h"

CHANGE(sources_0, i->d.imm[0] = 0)
CHANGE(sources_17, i->d.imm[0] = 17)
CHANGE(sources_3, i->d.imm[0] = 3)
CHANGE(sources_1, i->d.imm[0] = 1)
CHANGE(imm_1, i->d.imm[1] = 1)
CHANGE(no_row,
       (i->d.src.u.dram.dims[0] = (struct trn_isa_dram_dim){ 1, 2 },
	i->d.src.u.dram.dims[1] = i->d.src.u.dram.dims[2] = (struct trn_isa_dram_dim){ 0, 0 }))
CHANGE(dst_more, i->d.dst.u.chip.ap.partitions = 9)
CHANGE(src_far, i->d.src.u.dram.offset = 65536 - 2)
CHANGE(both, i->d.head.flags |= TRN_DMA_SCATTER)
CHANGE(no_accumulate, i->d.head.flags = TRN_DMA_GATHER)
CHANGE(two_gathered, (i->d.imm[0] = 2))
CHANGE(flag_gpsimd, i->d.head.flags = TRN_DMA_GPSIMD)
CHANGE(static_index, i->d.op0 = TRN_DGE_STATIC)
CHANGE(dge_4, i->d.op0 = 4)
CHANGE(index_u16, i->d.index.dtype = TRN_DTYPE_U16)
CHANGE(index_wide, i->d.index.dims[0].num = 2)
CHANGE(index_short, i->d.index.partitions = 7)
CHANGE(packed, (i->d.src.dtype = i->d.dst.dtype = i->d.dst.u.chip.ap.dtype = TRN_DTYPE_F8E5M2_X4))
CHANGE(rows_24, (i->d.src.u.dram.dims[0].num = 24, i->d.index.partitions = 24,
		 i->d.dst.u.chip.ap.dims[0].num = 24))
CHANGE(rows_144, (i->d.src.u.dram.dims[0].num = 144, i->d.dst.u.chip.ap.dims[0].num = 144))
CHANGE(three_dims,
       (i->d.src.u.dram.dims[1] = (struct trn_isa_dram_dim){ 8, 1 },
	i->d.src.u.dram.dims[2] = (struct trn_isa_dram_dim){ 1, 8 }, i->d.dst.u.chip.ap.ndims = 2,
	i->d.dst.u.chip.ap.dims[1] = i->d.dst.u.chip.ap.dims[0],
	i->d.dst.u.chip.ap.dims[0] = (struct trn_isa_dim){ 16, 1 }))
CHANGE(scatter, i->d.head.flags = TRN_DMA_SCATTER)

/* No memory is too small for steps of 0. */
CHANGE(too_many, (i->d.dst = trn_test_dram(0, TRN_DTYPE_U8, 0, 1, 1),
		  i->d.dst.u.dram.dims[0] = (struct trn_isa_dram_dim){ 0, 1u << 16 },
		  i->d.dst.u.dram.dims[1] = (struct trn_isa_dram_dim){ 0, (1u << 14) + 1 },
		  i->d.src = i->d.dst))

static const struct trn_test_broken cases[] = {
	BREAK(TRN_SHAPE_SUM, sources_0, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_SUM, sources_17, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_LOAD, too_many, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SUM, sources_3, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SUM, sources_1, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SUM, imm_1, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SUM, no_row, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SUM, dst_more, TRN_RULE_SHAPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_SUM, src_far, TRN_RULE_RANGE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_SUM, flag_gpsimd, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_SUM, dge_4, TRN_RULE_OPERATOR, NONE),
	BREAK3(TRN_SHAPE_SUM, packed, TRN_RULE_DTYPE, TRN_AP_DST),
	BREAK(TRN_SHAPE_GATHER_ADD, both, TRN_RULE_RESERVED, NONE),
	BREAK(TRN_SHAPE_GATHER_ADD, no_accumulate, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_GATHER_ADD, two_gathered, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_GATHER_ADD, static_index, TRN_RULE_OPERATOR, NONE),
	BREAK(TRN_SHAPE_GATHER_ADD, index_u16, TRN_RULE_DTYPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER_ADD, index_wide, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER_ADD, index_short, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER_FLIP, rows_24, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_GATHER_FLIP, rows_144, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_GATHER_FLIP, three_dims, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_GATHER_FLIP, index_short, TRN_RULE_SHAPE, TRN_AP_SRC1),
	BREAK(TRN_SHAPE_GATHER_FLIP, scatter, TRN_RULE_RESERVED, NONE),
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&cases[_i]);
}
END_TEST

static Suite *dma_suite(void)
{
	Suite *suite = suite_create("dma_rules");
	TCase *tcase = tcase_create("dma");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(dma_suite)
