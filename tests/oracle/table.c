/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the coverage: every opcode of docs/isa.md, sections 5, 7 and 8, on its engines. */
#include "oracle.h"

#define T (1u << TRN_ENGINE_TENSOR)
#define V (1u << TRN_ENGINE_VECTOR)
#define S (1u << TRN_ENGINE_SCALAR)
#define G (1u << TRN_ENGINE_GPSIMD)

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
	{ "matmul", "matmul", TRN_OP_MATMUL, T, 2, orc_make_matmul },
};
const unsigned int orc_row_count = ORC_LEN(orc_rows);
