/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of all opcodes: one line is one row of docs/isa.md. */
#include "base/isa_ops.h"

#include <stddef.h>
#include "base/bits.h"

#define E_T (1u << TRN_ENGINE_TENSOR)
#define E_V (1u << TRN_ENGINE_VECTOR)
#define E_S (1u << TRN_ENGINE_SCALAR)
#define E_G (1u << TRN_ENGINE_GPSIMD)
#define E_ALL 0x1fu

#define P_D TRN_PARAM_OP0 /* rd */
#define P_A TRN_PARAM_OP1 /* ra */
#define P_B TRN_PARAM_FUNC
#define P_0 TRN_PARAM_OP0
#define P_1 TRN_PARAM_OP1
#define P_F TRN_PARAM_FUNC
#define P_M TRN_PARAM_MODE

#define DST TRN_SLOT(DST)
#define S0 TRN_SLOT(SRC0)
#define S1 TRN_SLOT(SRC1)
#define S2 TRN_SLOT(SRC2)
#define S3 TRN_SLOT(SRC3)
#define D2 TRN_SLOT(DST2)
#define IX TRN_SLOT(INDEX)

#define COLUMN0 TRN_SCALAR_COLUMN0
#define COLUMNS (TRN_SCALAR_COLUMN0 | TRN_SCALAR_COLUMN1)
#define REVERSE (TRN_SCALAR_REVERSE0 | TRN_SCALAR_REVERSE1)
#define ONEZERO (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1)
#define MX_FLAGS (TRN_MATMUL_ACCUMULATE | TRN_MATMUL_TILED)
#define MATMUL_FLAGS (MX_FLAGS | TRN_MATMUL_TRANSPOSE | TRN_MATMUL_DOUBLE_ROW | ONEZERO)
#define INDEXED (TRN_DMA_GATHER | TRN_DMA_SCATTER)
#define DMA_FLAGS (INDEXED | TRN_DMA_OOB_SKIP)

#define SEQ TRN_KIND_SEQ, TRN_LAYOUT_WORD
#define SYNC TRN_KIND_SYNC, TRN_LAYOUT_WORD
#define REGMEM TRN_KIND_SYNC, TRN_LAYOUT_DMA
#define DMA TRN_KIND_DMA, TRN_LAYOUT_DMA
#define COMP TRN_KIND_COMPUTE, TRN_LAYOUT_COMPUTE

#define IMM(n) (1u << (n))
#define IMM01 (IMM(0) | IMM(1))
#define IMM012 (IMM01 | IMM(2))
#define IMM0123 (IMM012 | IMM(3))
#define F(name) TRN_FEATURE_##name

static const struct trn_isa_op ops[TRN_OP_LIMIT] = {
	/* name, kind and layout, engines, words, flags, params, imms, required, optional, indirect,
	 * features, scales */
	[TRN_OP_NOP] = { "nop", SEQ, E_ALL, 1, 1, 0, 0, 0, 0, 0, 0, 0 },
	[TRN_OP_HALT] = { "halt", SYNC, E_ALL, 1, 1, 0, 0, 0, 0, 0, 0, 0 },
	[TRN_OP_BRANCH] = { "branch", SEQ, E_ALL, 1, 1, TRN_REG_IMM, P_A | P_B | P_M, IMM01, 0, 0,
			    0, 0 },
	[TRN_OP_REG_MOVE] = { "reg_move", SEQ, E_ALL, 1, 1, TRN_REG_IMM, P_D | P_A, IMM(0), 0, 0, 0,
			      0 },
	[TRN_OP_REG_ALU] = { "reg_alu", SEQ, E_ALL, 1, 1, TRN_REG_IMM, P_D | P_A | P_B | P_M,
			     IMM(0), 0, 0, 0, 0 },
	[TRN_OP_REG_LOAD] = { "reg_load", REGMEM, E_ALL, 3, 3, 0, P_D, 0, 0, 0, 0, 0 },
	[TRN_OP_REG_STORE] = { "reg_store", REGMEM, E_ALL, 3, 3, 0, P_D, 0, 0, 0, 0, 0 },
	[TRN_OP_REG_ARG] = { "reg_arg", SEQ, E_ALL, 1, 1, 0, P_D, IMM01, 0, 0, 0, 0 },
	[TRN_OP_NOTIFY] = { "notify", SYNC, E_ALL, 1, 1, TRN_REG_IMM, P_B, IMM01, 0, 0, 0, 0 },
	[TRN_OP_SET_ROUNDING] = { "set_rounding", SYNC, E_ALL, 1, 1, 0, P_M, IMM(0), 0, 0, 0, 0 },
	[TRN_OP_CORE_BARRIER] = { "core_barrier", SYNC, E_ALL, 1, 1, 0, 0, IMM(0), 0, 0, 0, 0 },

	[TRN_OP_DMA_COPY] = { "dma_copy", DMA, E_ALL, 3, 3, DMA_FLAGS, P_0 | P_M, 0, 0, 0, 0, 0 },
	[TRN_OP_DMA_TRANSPOSE] = { "dma_transpose", DMA, E_ALL, 3, 3,
				   TRN_DMA_OOB_SKIP | TRN_DMA_GATHER, P_0 | P_M, 0, 0, 0, 0, 0 },
	[TRN_OP_DMA_ADD] = { "dma_add", DMA, E_ALL, 3, 3, DMA_FLAGS | TRN_DMA_ACCUMULATE, P_0 | P_M,
			     IMM(0), 0, 0, 0, 0 },
	[TRN_OP_SENDRECV] = { "sendrecv", DMA, E_ALL, 3, 3, TRN_DMA_GPSIMD, P_0 | P_M, IMM(0), 0, 0,
			      0, 0 },

	[TRN_OP_MATMUL] = { "matmul", COMP, E_T, 2, 4, MATMUL_FLAGS, P_0 | P_1, 0, DST | S0 | S1,
			    IX, S0 | S1, 0 },
	[TRN_OP_TRANSPOSE] = { "transpose", COMP, E_T | E_V, 2, 3, 0, 0, 0, DST | S0, 0, 0, 0 },
	[TRN_OP_MATMUL_MX] = { "matmul_mx", COMP, E_T, 4, 4, MX_FLAGS, P_0 | P_1, 0,
			       DST | S0 | S1 | S2 | S3, IX, S0 | S1, F(MX), S2 | S3 },
	[TRN_OP_QUANTIZE_MX] = { "quantize_mx", COMP, E_V, 3, 3, 0, 0, 0, DST | S0 | D2, 0, 0,
				 F(MX), D2 },

	[TRN_OP_TENSOR_COPY] = { "tensor_copy", COMP, E_V | E_S | E_G, 2, 4, 0, 0, 0, DST | S0, IX,
				 DST | S0, 0 },
	[TRN_OP_MEMSET] = { "memset", COMP, E_V | E_G, 1, 3, 0, 0, IMM(0), DST, 0, 0, 0 },
	[TRN_OP_TENSOR_TENSOR] = { "tensor_tensor", COMP, E_V | E_G, 2, 4, 0, P_0, 0, DST | S0 | S1,
				   IX, S0 | S1, 0 },
	[TRN_OP_TENSOR_SCALAR] = { "tensor_scalar", COMP, E_V | E_S | E_G, 2, 4, COLUMNS | REVERSE,
				   P_0 | P_1, IMM01, DST | S0, S1 | S2 | IX, DST | S0, 0 },
	[TRN_OP_TENSOR_REDUCE] = { "tensor_reduce", COMP, E_V, 2, 4, TRN_REDUCE_NEGATE, P_F, IMM(0),
				   DST | S0, IX, S0, 0 },
	[TRN_OP_ACTIVATION] = { "activation", COMP, E_S, 2, 4, COLUMNS, P_F | P_M, IMM012, DST | S0,
				S1 | S2 | D2 | IX, DST | S0, 0 },
	[TRN_OP_EXPONENTIAL] = { "exponential", COMP, E_V, 2, 4, COLUMN0, P_M, IMM01, DST | S0,
				 S1 | D2 | IX, DST | S0, F(EXPONENTIAL) },
	[TRN_OP_RECIPROCAL] = { "reciprocal", COMP, E_V, 2, 3, 0, 0, 0, DST | S0, 0, 0, 0 },
	[TRN_OP_IOTA] = { "iota", COMP, E_G, 2, 3, 0, 0, 0x3f, DST, 0, 0, 0 },
	[TRN_OP_AFFINE_SELECT] = { "affine_select", COMP, E_G, 2, 3, 0, P_0, 0x3f, DST | S0, 0, 0,
				   0 },
	[TRN_OP_RANGE_SELECT] = { "range_select", COMP, E_V, 2, 3, COLUMNS, P_0 | P_1 | P_M, IMM012,
				  DST | S0, S1 | S2 | D2, 0, 0 },
	[TRN_OP_MAX8] = { "max8", COMP, E_V, 2, 3, 0, 0, 0, DST | S0, 0, 0, 0 },
	[TRN_OP_FIND_INDEX8] = { "find_index8", COMP, E_V, 2, 3, 0, 0, 0, DST | S0 | S1, 0, 0, 0 },
	[TRN_OP_MATCH_REPLACE8] = { "match_replace8", COMP, E_V, 2, 3, 0, 0, IMM(0), DST | S0 | S1,
				    D2, 0, 0 },
	[TRN_OP_SCALAR_TENSOR_TENSOR] = { "scalar_tensor_tensor", COMP, E_V, 3, 3,
					  COLUMN0 | REVERSE, P_0 | P_1, IMM(0), DST | S0 | S2, S1,
					  0, 0 },
	[TRN_OP_TENSOR_SCAN] = { "tensor_scan", COMP, E_V, 2, 3, TRN_SCALAR_COLUMN1 | REVERSE,
				 P_0 | P_1, IMM(1), DST | S0 | S1, S2, 0, 0 },
	[TRN_OP_SCALAR_CUMULATIVE] = { "scalar_cumulative", COMP, E_V, 2, 4, COLUMN0 | REVERSE,
				       P_0 | P_1 | P_M, IMM01, DST | S0, S1 | IX, DST | S0, 0 },
	[TRN_OP_SCALAR_REDUCE] = { "scalar_reduce", COMP, E_V, 2, 4, COLUMN0 | TRN_REDUCE_NEGATE,
				   P_0 | P_F | P_M, IMM01, DST | S0, S1 | D2 | IX, DST | S0, 0 },
	[TRN_OP_ACTIVATE2] = { "activate2", COMP, E_S, 2, 4, COLUMNS | REVERSE,
			       P_0 | P_1 | P_F | P_M, IMM0123, DST | S0, S1 | S2 | D2 | IX,
			       DST | S0, F(ACTIVATE2) },
	[TRN_OP_SELECT_REDUCE] = { "select_reduce", COMP, E_V, 2, 3, TRN_SELECT_REVERSE, P_M, IMM01,
				   DST | S0 | S1, S2 | D2, 0, 0 },
	[TRN_OP_COPY_PREDICATED] = { "copy_predicated", COMP, E_V, 2, 4, TRN_SELECT_REVERSE, 0,
				     IMM(0), DST | S1, S0 | IX, DST | S0, 0 },
	[TRN_OP_BN_STATS] = { "bn_stats", COMP, E_V, 2, 3, 0, 0, 0, DST | S0, 0, 0, 0 },
	[TRN_OP_BN_AGGR] = { "bn_aggr", COMP, E_V, 2, 3, 0, 0, 0, DST | S0, 0, 0, 0 },
	[TRN_OP_STREAM_SHUFFLE] = { "stream_shuffle", COMP, E_V, 2, 3, 0, 0, 0x3f, DST | S0, 0, 0,
				    0 },
	[TRN_OP_DROPOUT] = { "dropout", COMP, E_V, 2, 3, COLUMN0, 0, IMM(0), DST | S0, S1, 0, 0 },
	[TRN_OP_RNG] = { "rng", COMP, E_V | E_G, 1, 3, 0, 0, 0, DST, 0, 0, 0 },
	[TRN_OP_RAND2] = { "rand2", COMP, E_V, 1, 3, COLUMNS, 0, IMM01, DST, S1 | S2, 0, F(RAND2) },
	[TRN_OP_SET_RNG_SEED] = { "set_rng_seed", COMP, E_V, 2, 3, 0, 0, 0, S0, 0, 0, 0 },
	[TRN_OP_RAND_SET_STATE] = { "rand_set_state", COMP, E_V | E_G, 2, 3, 0, 0, 0, S0, 0, 0, 0 },
	[TRN_OP_RAND_GET_STATE] = { "rand_get_state", COMP, E_V | E_G, 1, 3, 0, 0, 0, DST, 0, 0,
				    0 },

	[TRN_OP_PARTITION_REDUCE] = { "partition_reduce", COMP, E_G, 2, 3, TRN_PARTITION_AVERAGE,
				      P_F, 0, DST | S0, 0, 0, 0 },
	[TRN_OP_TOPK] = { "topk", COMP, E_G, 3, 3, 0, 0, IMM01, DST | S0 | D2, 0, 0, 0 },
	[TRN_OP_NONZERO_COUNT] = { "nonzero_count", COMP, E_G, 2, 3, 0, 0, IMM01, DST | S0, 0, 0,
				   0 },
	[TRN_OP_LOCAL_GATHER] = { "local_gather", COMP, E_G, 2, 3, 0, 0, IMM01, DST | S0 | S1, 0, 0,
				  0 },
	[TRN_OP_N_GATHER] = { "n_gather", COMP, E_G, 2, 3, 0, 0, 0, DST | S0 | S1, 0, 0, 0 },
	[TRN_OP_SEQUENCE_BOUNDS] = { "sequence_bounds", COMP, E_G, 2, 3, 0, 0, 0, DST | S0, 0, 0,
				     0 },
};

const uint8_t trn_isa_slot_word[TRN_AP_COUNT] = {
	[TRN_AP_DST] = 1,  [TRN_AP_SRC0] = 2, [TRN_AP_SRC1] = 2,  [TRN_AP_SRC2] = 3,
	[TRN_AP_DST2] = 3, [TRN_AP_SRC3] = 4, [TRN_AP_INDEX] = 4,
};

const uint16_t trn_isa_slot_offset[TRN_AP_COUNT] = {
	[TRN_AP_DST] = offsetof(struct trn_isa_compute, dst),
	[TRN_AP_SRC0] = offsetof(struct trn_isa_compute, src0),
	[TRN_AP_SRC1] = offsetof(struct trn_isa_compute, src1),
	[TRN_AP_SRC2] = offsetof(struct trn_isa_compute, src2),
	[TRN_AP_DST2] = offsetof(struct trn_isa_compute, dst2),
	[TRN_AP_SRC3] = offsetof(struct trn_isa_compute, src3),
	[TRN_AP_INDEX] = offsetof(struct trn_isa_compute, index),
};

const struct trn_isa_op *trn_isa_op(uint32_t op)
{
	return op < TRN_ARRAY_LEN(ops) && ops[op].name ? &ops[op] : NULL;
}
