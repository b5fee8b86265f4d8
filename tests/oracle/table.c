/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the coverage: every opcode of docs/isa.md, sections 5, 7 and 8, on its engines. */
#include "oracle.h"

#define T (1u << TRN_ENGINE_TENSOR)
#define V (1u << TRN_ENGINE_VECTOR)
#define S (1u << TRN_ENGINE_SCALAR)
#define G (1u << TRN_ENGINE_GPSIMD)
#define ALL 0x1fu

const struct orc_row orc_rows[] = {
	/* group, name, op, engines, first generation, generator */
	{ "move", "tensor_copy", TRN_OP_TENSOR_COPY, V | S | G, 2, orc_make_copy },
	{ "move", "memset", TRN_OP_MEMSET, V | G, 2, orc_make_memset },
	{ "move", "transpose", TRN_OP_TRANSPOSE, T | V, 2, orc_make_transpose },
	{ "elementwise", "tensor_tensor", TRN_OP_TENSOR_TENSOR, V | G, 2, orc_make_tensor_tensor },
	{ "elementwise", "tensor_scalar", TRN_OP_TENSOR_SCALAR, V | S | G, 2,
	  orc_make_tensor_scalar },
	{ "elementwise", "reciprocal", TRN_OP_RECIPROCAL, V, 2, orc_make_reciprocal },
	{ "reduce", "tensor_reduce", TRN_OP_TENSOR_REDUCE, V, 2, orc_make_reduce },
	{ "activation", "activation", TRN_OP_ACTIVATION, S, 2, orc_make_activation },
	{ "activation", "exponential", TRN_OP_EXPONENTIAL, V, 3, orc_make_exponential },
	{ "select", "iota", TRN_OP_IOTA, G, 2, orc_make_iota },
	{ "select", "affine_select", TRN_OP_AFFINE_SELECT, G, 2, orc_make_affine },
	{ "select", "range_select", TRN_OP_RANGE_SELECT, V, 2, orc_make_range_select },
	{ "select", "max8", TRN_OP_MAX8, V, 2, orc_make_max8 },
	{ "select", "find_index8", TRN_OP_FIND_INDEX8, V, 2, orc_make_find8 },
	{ "select", "match_replace8", TRN_OP_MATCH_REPLACE8, V, 2, orc_make_replace8 },
	{ "matmul", "matmul", TRN_OP_MATMUL, T, 2, orc_make_matmul },
	{ "matmul", "matmul_mx", TRN_OP_MATMUL_MX, T, 3, orc_make_matmul_mx },
	{ "matmul", "quantize_mx", TRN_OP_QUANTIZE_MX, V, 3, orc_make_quantize_mx },
	{ "vector", "scalar_tensor_tensor", TRN_OP_SCALAR_TENSOR_TENSOR, V, 2, orc_make_stt },
	{ "vector", "tensor_scan", TRN_OP_TENSOR_SCAN, V, 2, orc_make_scan },
	{ "vector", "bn_stats", TRN_OP_BN_STATS, V, 2, orc_make_bn_stats },
	{ "vector", "bn_aggr", TRN_OP_BN_AGGR, V, 2, orc_make_bn_aggr },
	{ "vector", "stream_shuffle", TRN_OP_STREAM_SHUFFLE, V, 2, orc_make_shuffle },
	{ "vector", "copy_predicated", TRN_OP_COPY_PREDICATED, V, 2, orc_make_predicated },
	{ "accumulate", "scalar_cumulative", TRN_OP_SCALAR_CUMULATIVE, V, 2, orc_make_cumulative },
	{ "accumulate", "scalar_reduce", TRN_OP_SCALAR_REDUCE, V, 2, orc_make_scalar_reduce },
	{ "accumulate", "select_reduce", TRN_OP_SELECT_REDUCE, V, 2, orc_make_select },
	{ "activation", "activate2", TRN_OP_ACTIVATE2, S, 3, orc_make_activate2 },
	{ "random", "set_rounding", TRN_OP_SET_ROUNDING, T | V | S | G, 2, orc_make_rounding },
	{ "random", "dropout", TRN_OP_DROPOUT, V, 2, orc_make_dropout },
	{ "random", "rng", TRN_OP_RNG, V | G, 2, orc_make_rng },
	{ "random", "rand2", TRN_OP_RAND2, V, 3, orc_make_rand2 },
	{ "random", "set_rng_seed", TRN_OP_SET_RNG_SEED, V, 2, orc_make_seed },
	{ "random", "rand_set_state", TRN_OP_RAND_SET_STATE, G, 2, orc_make_set_state },
	{ "random", "rand_get_state", TRN_OP_RAND_GET_STATE, G, 2, orc_make_get_state },
	{ "random", "rand_set_state", TRN_OP_RAND_SET_STATE, V, 3, orc_make_set_state },
	{ "random", "rand_get_state", TRN_OP_RAND_GET_STATE, V, 3, orc_make_get_state },
	{ "gpsimd", "partition_reduce", TRN_OP_PARTITION_REDUCE, G, 2, orc_make_partition_reduce },
	{ "gpsimd", "topk", TRN_OP_TOPK, G, 2, orc_make_topk },
	{ "gpsimd", "nonzero_count", TRN_OP_NONZERO_COUNT, G, 2, orc_make_nonzero },
	{ "gpsimd", "local_gather", TRN_OP_LOCAL_GATHER, G, 2, orc_make_local_gather },
	{ "gpsimd", "n_gather", TRN_OP_N_GATHER, G, 2, orc_make_n_gather },
	{ "gpsimd", "sequence_bounds", TRN_OP_SEQUENCE_BOUNDS, G, 2, orc_make_bounds },
	{ "dma", "dma_copy", TRN_OP_DMA_COPY, ALL, 2, orc_make_dma_copy },
	{ "dma", "dma_transpose", TRN_OP_DMA_TRANSPOSE, ALL, 2, orc_make_dma_transpose },
	{ "dma", "dma_add", TRN_OP_DMA_ADD, ALL, 2, orc_make_dma_add },
	{ "sequencer", "reg_alu", TRN_OP_REG_ALU, ALL, 2, orc_make_reg_alu },
	{ "sequencer", "reg_move", TRN_OP_REG_MOVE, ALL, 2, orc_make_reg_move },
	{ "sequencer", "branch", TRN_OP_BRANCH, ALL, 2, orc_make_branch },
	{ "sequencer", "reg_load", TRN_OP_REG_LOAD, ALL, 2, orc_make_reg_load },
	{ "sequencer", "reg_store", TRN_OP_REG_STORE, ALL, 2, orc_make_reg_store },
	{ "sequencer", "nop", TRN_OP_NOP, ALL, 2, orc_make_nop },
	{ "sequencer", "notify", TRN_OP_NOTIFY, ALL, 2, orc_make_notify },
	{ "pair", "sendrecv", TRN_OP_SENDRECV, ALL, 2, NULL },
	{ "pair", "core_barrier", TRN_OP_CORE_BARRIER, ALL, 2, NULL },
	{ "sequencer", "reg_arg", TRN_OP_REG_ARG, ALL, 2, orc_make_reg_arg },
};
const unsigned int orc_row_count = ORC_LEN(orc_rows);
