/* SPDX-License-Identifier: Apache-2.0 */
/* One right instruction of each opcode and engine, for tests that break it or time it. */
#ifndef MODEL_TEST_SHAPES_H
#define MODEL_TEST_SHAPES_H

#include "model/test_core.h"

/* A right instruction of each shape, to be broken by one change. */
enum trn_test_shape {
	TRN_SHAPE_COPY, /* tensor_copy, vector */
	TRN_SHAPE_COPY_G,
	TRN_SHAPE_ADD, /* tensor_tensor, vector */
	TRN_SHAPE_ADD_G,
	TRN_SHAPE_SCALE, /* tensor_scalar, vector */
	TRN_SHAPE_SCALE_S,
	TRN_SHAPE_REDUCE,
	TRN_SHAPE_ACT,
	TRN_SHAPE_EXP,
	TRN_SHAPE_SET,
	TRN_SHAPE_IOTA,
	TRN_SHAPE_AFFINE,
	TRN_SHAPE_RANGE,
	TRN_SHAPE_MAX8,
	TRN_SHAPE_FIND8,
	TRN_SHAPE_SCALAR_REDUCE,
	TRN_SHAPE_ACTIVATE2,
	TRN_SHAPE_SELECT_REDUCE,
	TRN_SHAPE_STT, /* scalar_tensor_tensor */
	TRN_SHAPE_SCAN,
	TRN_SHAPE_CUMULATIVE,
	TRN_SHAPE_INDEXED, /* tensor_copy with an index, trn3 */
	TRN_SHAPE_MATCH8,  /* match_replace8 */
	TRN_SHAPE_COPY_PREDICATED,
	TRN_SHAPE_SHUFFLE,
	TRN_SHAPE_BN_STATS,
	TRN_SHAPE_BN_AGGR,
	TRN_SHAPE_PARTITIONS, /* partition_reduce */
	TRN_SHAPE_TOPK,
	TRN_SHAPE_NONZERO,
	TRN_SHAPE_LOCAL_GATHER,
	TRN_SHAPE_N_GATHER,
	TRN_SHAPE_BOUNDS, /* sequence_bounds */
	TRN_SHAPE_MATMUL,
	TRN_SHAPE_FLIP_T,
	TRN_SHAPE_FLIP_V,
	TRN_SHAPE_LOAD, /* dma_copy */
	TRN_SHAPE_GATHER,
	TRN_SHAPE_DFLIP, /* dma_transpose */
	TRN_SHAPE_GATHER_FLIP,
	TRN_SHAPE_SUM, /* dma_add */
	TRN_SHAPE_GATHER_ADD,
	TRN_SHAPE_SENDRECV, /* does not end without the other core, nor does BARRIER */
	TRN_SHAPE_REG_LOAD,
	TRN_SHAPE_REG_STORE,
	TRN_SHAPE_MOVE,
	TRN_SHAPE_ALU,
	TRN_SHAPE_BRANCH,
	TRN_SHAPE_ARG,
	TRN_SHAPE_NOTIFY,
	TRN_SHAPE_NOP,
	TRN_SHAPE_ROUNDING,
	TRN_SHAPE_MATMUL_MX,
	TRN_SHAPE_QUANTIZE_MX,
	TRN_SHAPE_RNG,
	TRN_SHAPE_RAND2,
	TRN_SHAPE_DROPOUT,
	TRN_SHAPE_SEED,
	TRN_SHAPE_RAND_SET,
	TRN_SHAPE_RAND_SET_V,
	TRN_SHAPE_RAND_GET_V,
	TRN_SHAPE_BARRIER,
	TRN_SHAPE_COUNT,
};

union trn_test_inst {
	struct trn_isa_compute c;
	struct trn_isa_dma d;
};

struct trn_test_shape_info {
	enum trn_engine engine;
	enum trn_op op;
	uint8_t words;
};
extern const struct trn_test_shape_info trn_test_shapes[TRN_SHAPE_COUNT];

/* count dense elements of so many partitions from 0, at a byte of the partition. */
struct trn_isa_ap trn_test_sbuf(enum trn_dtype dtype, uint32_t partitions, uint32_t at,
				uint32_t count);
void trn_test_shape_make(union trn_test_inst *i, enum trn_test_shape shape);
/* Appends it to the stream of its engine. */
void trn_test_shape_emit(struct trn_test_core *tc, enum trn_test_shape shape,
			 const union trn_test_inst *i, uint8_t words);

#endif /* MODEL_TEST_SHAPES_H */
