/* SPDX-License-Identifier: Apache-2.0 */
/* What the model does for each opcode: rules of its own, effect, cost. The forms are in
 * base/isa_ops.c. */
#include "model/core.h"
#include "model/gpsimd.h"
#include "model/pair.h"

#include <stddef.h>

/* Moves of bits: every format, the packed ones too. */
#define MX_MOVE (TRN_SLOT(DST) | TRN_SLOT(SRC0)), true

#define X4_PAIR TRN_SLOT(SRC0) | TRN_SLOT(SRC1) | TRN_SLOT(SRC2) | TRN_SLOT(SRC3), false
#define X4_RESULT TRN_SLOT(DST) | TRN_SLOT(DST2), false

static const struct trn_op_info ops[TRN_OP_LIMIT] = {
	/* check, exec, cycles, MX formats. Sequencer */
	[TRN_OP_BRANCH] = { trn_check_branch, NULL, NULL },
	[TRN_OP_REG_MOVE] = { trn_check_move, NULL, NULL },
	[TRN_OP_REG_ALU] = { trn_check_reg_alu, NULL, NULL },
	[TRN_OP_REG_LOAD] = { trn_check_reg_load, trn_exec_reg_load, NULL },
	[TRN_OP_REG_STORE] = { trn_check_reg_store, trn_exec_reg_store, NULL },
	[TRN_OP_REG_ARG] = { trn_check_reg_arg, NULL, NULL },
	[TRN_OP_SET_ROUNDING] = { trn_check_set_rounding, trn_exec_set_rounding, NULL },
	[TRN_OP_NOTIFY] = { trn_check_notify, trn_exec_notify, NULL },

	[TRN_OP_CORE_BARRIER] = { trn_check_core_barrier, trn_exec_pair, NULL },

	/* DMA */
	[TRN_OP_DMA_COPY] = { trn_check_dma_copy, trn_exec_dma_copy, NULL, MX_MOVE },
	[TRN_OP_DMA_TRANSPOSE] = { trn_check_dma_transpose, trn_exec_dma_transpose, NULL },
	[TRN_OP_DMA_ADD] = { trn_check_dma_add, trn_exec_dma_add, NULL },
	[TRN_OP_SENDRECV] = { trn_check_sendrecv, trn_exec_pair, NULL },

	/* tensor engine and MX */
	[TRN_OP_MATMUL] = { trn_check_matmul, trn_exec_matmul, trn_cost_tensor },
	[TRN_OP_TRANSPOSE] = { trn_check_transpose, trn_exec_transpose, trn_cost_transpose,
			       MX_MOVE },
	[TRN_OP_MATMUL_MX] = { trn_check_matmul_mx, trn_exec_matmul_mx, trn_cost_tensor, X4_PAIR },
	[TRN_OP_QUANTIZE_MX] = { trn_check_quantize_mx, trn_exec_quantize_mx, trn_cost_quantize_mx,
				 X4_RESULT },

	/* elementwise, reductions, selects */
	[TRN_OP_TENSOR_COPY] = { trn_check_same_shape, trn_exec_copy, trn_cost_copy, MX_MOVE },
	[TRN_OP_MEMSET] = { NULL, trn_exec_memset, trn_cost_memset, MX_MOVE },
	[TRN_OP_TENSOR_TENSOR] = { trn_check_tensor_tensor, trn_exec_tensor_tensor,
				   trn_cost_tensor_tensor },
	[TRN_OP_TENSOR_SCALAR] = { trn_check_tensor_scalar, trn_exec_tensor_scalar, trn_cost_copy },
	[TRN_OP_TENSOR_REDUCE] = { trn_check_reduce, trn_exec_reduce, trn_cost_reduce },
	[TRN_OP_ACTIVATION] = { trn_check_activation, trn_exec_activation, trn_cost_src_readout },
	[TRN_OP_EXPONENTIAL] = { trn_check_exponential, trn_exec_exponential,
				 trn_cost_exponential },
	[TRN_OP_RECIPROCAL] = { trn_check_same_shape, trn_exec_reciprocal, trn_cost_reciprocal },
	[TRN_OP_RANGE_SELECT] = { trn_check_range_select, trn_exec_range_select,
				  trn_cost_src_readout },
	[TRN_OP_MAX8] = { trn_check_max8, trn_exec_max8, trn_cost_src },
	[TRN_OP_FIND_INDEX8] = { trn_check_find8, trn_exec_find8, trn_cost_src },
	[TRN_OP_MATCH_REPLACE8] = { trn_check_match8, trn_exec_match_replace8, trn_cost_src },
	[TRN_OP_COPY_PREDICATED] = { trn_check_copy_predicated, trn_exec_copy_predicated,
				     trn_cost_predicate, MX_MOVE },
	[TRN_OP_STREAM_SHUFFLE] = { trn_check_stream_shuffle, trn_exec_stream_shuffle, trn_cost_src,
				    MX_MOVE },
	[TRN_OP_BN_STATS] = { trn_check_bn_stats, trn_exec_bn_stats, trn_cost_src },
	[TRN_OP_BN_AGGR] = { trn_check_bn_aggr, trn_exec_bn_aggr, trn_cost_bn_aggr },
	[TRN_OP_SCALAR_TENSOR_TENSOR] = { trn_check_scalar_tensor_tensor,
					  trn_exec_scalar_tensor_tensor,
					  trn_cost_scalar_tensor_tensor },
	[TRN_OP_TENSOR_SCAN] = { trn_check_tensor_scan, trn_exec_tensor_scan, trn_cost_two },
	[TRN_OP_SCALAR_CUMULATIVE] = { trn_check_cumulative, trn_exec_cumulative, trn_cost_src },
	[TRN_OP_SCALAR_REDUCE] = { trn_check_scalar_reduce, trn_exec_scalar_reduce,
				   trn_cost_src_readout },
	[TRN_OP_ACTIVATE2] = { trn_check_activate2, trn_exec_activate2, trn_cost_src_readout },
	[TRN_OP_SELECT_REDUCE] = { trn_check_select_reduce, trn_exec_select_reduce,
				   trn_cost_predicate },

	/* random numbers */
	[TRN_OP_DROPOUT] = { trn_check_dropout, trn_exec_dropout, trn_cost_src },
	[TRN_OP_RNG] = { trn_check_rng, trn_exec_rng, trn_cost_dst },
	[TRN_OP_RAND2] = { trn_check_rand2, trn_exec_rand2, trn_cost_rand2 },
	[TRN_OP_SET_RNG_SEED] = { trn_check_seed, trn_exec_seed, trn_cost_rand_state },
	[TRN_OP_RAND_SET_STATE] = { trn_check_rand_set, trn_exec_rand_set, trn_cost_rand_state },
	[TRN_OP_RAND_GET_STATE] = { trn_check_rand_get, trn_exec_rand_get, trn_cost_rand_state },

	/* gpsimd */
	[TRN_OP_IOTA] = { trn_check_iota, trn_exec_iota, trn_cost_dst },
	[TRN_OP_AFFINE_SELECT] = { trn_check_affine, trn_exec_affine, trn_cost_src },
	[TRN_OP_PARTITION_REDUCE] = { trn_check_partition_reduce, trn_exec_partition_reduce,
				      trn_cost_partition_reduce },
	[TRN_OP_TOPK] = { trn_check_topk, trn_exec_topk, trn_cost_topk },
	[TRN_OP_NONZERO_COUNT] = { trn_check_nonzero, trn_exec_nonzero, trn_cost_src },
	[TRN_OP_LOCAL_GATHER] = { trn_check_local_gather, trn_exec_local_gather,
				  trn_cost_local_gather, MX_MOVE },
	[TRN_OP_N_GATHER] = { trn_check_n_gather, trn_exec_n_gather, trn_cost_n_gather, MX_MOVE },
	[TRN_OP_SEQUENCE_BOUNDS] = { trn_check_bounds, trn_exec_bounds, trn_cost_src },
};

const struct trn_op_info *trn_op_info(uint32_t op)
{
	const struct trn_isa_op *form = trn_isa_op(op);

	if (!form || (!ops[op].exec && form->kind != TRN_KIND_SEQ && op != TRN_OP_HALT))
		return NULL;
	return &ops[op];
}
