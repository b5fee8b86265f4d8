/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of the vector and scalar engine's larger instructions, as docs/isa.md, section 12,
 * has them: what the table of opcodes answers for an instruction of so many elements. */
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/core.h"

struct costed {
	const char *name;
	enum trn_op op;
	enum trn_dtype dtype;
	uint32_t slots;    /* present, beside DST */
	uint32_t psum;     /* of them in PSUM */
	uint32_t src, dst; /* elements per partition */
	uint8_t op1;
	uint32_t cycles;
};

#define S0 TRN_SLOT(SRC0)
#define S1 TRN_SLOT(SRC1)
#define S2 TRN_SLOT(SRC2)
#define D2 TRN_SLOT(DST2)
#define BF TRN_DTYPE_BF16
#define F32 TRN_DTYPE_F32

static const struct costed rows[] = {
	{ "stt", TRN_OP_SCALAR_TENSOR_TENSOR, F32, S0 | S2, 0, 512, 512, TRN_ALU_SUB, 1024 },
	{ "stt bf16 add", TRN_OP_SCALAR_TENSOR_TENSOR, BF, S0 | S2, 0, 512, 512, TRN_ALU_ADD,
	  1024 },
	{ "stt bf16 sub", TRN_OP_SCALAR_TENSOR_TENSOR, BF, S0 | S2, 0, 512, 512, TRN_ALU_SUB, 512 },
	{ "stt bf16 mul", TRN_OP_SCALAR_TENSOR_TENSOR, BF, S0 | S2, 0, 512, 512, TRN_ALU_MUL, 512 },
	{ "stt bf16 odd", TRN_OP_SCALAR_TENSOR_TENSOR, BF, S0 | S2, 0, 511, 511, TRN_ALU_MUL,
	  1022 },
	{ "scan", TRN_OP_TENSOR_SCAN, BF, S0 | S1, 0, 512, 512, 0, 1024 },
	{ "cumulative", TRN_OP_SCALAR_CUMULATIVE, BF, S0, 0, 512, 512, 0, 512 },
	{ "scalar_reduce", TRN_OP_SCALAR_REDUCE, F32, S0, 0, 512, 512, 0, 512 },
	{ "scalar_reduce shown", TRN_OP_SCALAR_REDUCE, F32, S0 | D2, 0, 512, 512, 0, 576 },
	{ "activate2", TRN_OP_ACTIVATE2, F32, S0, 0, 512, 512, 0, 512 },
	{ "activate2 shown", TRN_OP_ACTIVATE2, F32, S0 | D2, 0, 512, 512, 0, 576 },
	{ "select", TRN_OP_SELECT_REDUCE, F32, S0 | S1, 0, 512, 512, 0, 1024 },
	{ "select, data in psum", TRN_OP_SELECT_REDUCE, F32, S0 | S1, S0, 512, 512, 0, 512 },
	{ "select, predicate in psum", TRN_OP_SELECT_REDUCE, F32, S0 | S1, S1, 512, 512, 0, 512 },
	{ "select, other in psum", TRN_OP_SELECT_REDUCE, F32, S0 | S1 | S2, S2, 512, 512, 0, 512 },
	{ "select shown", TRN_OP_SELECT_REDUCE, F32, S0 | S1 | D2, 0, 512, 512, 0, 1088 },
	{ "copy_predicated", TRN_OP_COPY_PREDICATED, F32, S0 | S1, 0, 512, 512, 0, 1024 },
	{ "copy_predicated psum", TRN_OP_COPY_PREDICATED, F32, S0 | S1, S1, 512, 512, 0, 512 },
	{ "copy_predicated constant", TRN_OP_COPY_PREDICATED, F32, S1, 0, 512, 512, 0, 1024 },
	{ "match_replace8", TRN_OP_MATCH_REPLACE8, F32, S0 | S1 | D2, 0, 512, 512, 0, 512 },
	{ "shuffle", TRN_OP_STREAM_SHUFFLE, BF, S0, 0, 512, 512, 0, 512 },
	{ "bn_stats", TRN_OP_BN_STATS, F32, S0, 0, 512, 6, 0, 512 },
	{ "bn_aggr", TRN_OP_BN_AGGR, F32, S0, 0, 12, 2, 0, 52 },
};

START_TEST(cycles_of_an_instruction)
{
	const struct costed *row = &rows[_i];
	struct trn_inst inst;

	memset(&inst, 0, sizeof(inst));
	inst.form = trn_isa_op(row->op);
	inst.info = trn_op_info(row->op);
	inst.head.op = (uint8_t)row->op;
	inst.engine = inst.form->engines == 1u << TRN_ENGINE_SCALAR ? TRN_ENGINE_SCALAR :
								      TRN_ENGINE_VECTOR;
	inst.op1 = row->op1;
	inst.live = (uint8_t)(row->slots | TRN_SLOT(DST));
	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		inst.view[s] = (struct trn_view){
			.space = row->psum >> s & 1 ? TRN_SPACE_PSUM : TRN_SPACE_SBUF,
			.dtype = (uint8_t)row->dtype,
			.esize = (uint8_t)trn_dtype_size(row->dtype),
			.partitions = 128,
			.count = s == TRN_AP_DST ? row->dst : row->src,
			.ndims = 1,
			.step = { 1 },
		};
	}
	for (uint32_t g = 0; trn_gen_at(g); g++) {
		const uint64_t have = inst.info->cycles(trn_gen_at(g), &inst);

		ck_assert_msg(have == row->cycles, "%s on %s: %u cycles, not %u", row->name,
			      trn_gen_at(g)->name, (unsigned int)have, row->cycles);
	}
}
END_TEST

static Suite *vector_cost_suite(void)
{
	Suite *suite = suite_create("vector-cost");
	TCase *tcase = tcase_create("cycles");

	tcase_add_loop_test(tcase, cycles_of_an_instruction, 0, (int)TRN_ARRAY_LEN(rows));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(vector_cost_suite)
