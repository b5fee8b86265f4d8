/* SPDX-License-Identifier: Apache-2.0 */
/* The plain parts of a decoder: embedding, RMSNorm, linear layers, argmax. Activations are
 * FP32, one row a token; weights are BF16, [in][out]. */
#ifndef TRN_KERNELS_DECODER_H
#define TRN_KERNELS_DECODER_H

#include <trn/builder.h>

TRN_BEGIN_DECLS

#define TRN_ROWS_MAX 64     /* tokens of a launch */
#define TRN_WIDTH_MAX 16384 /* elements of a row */

/**
 * struct trn_norm_args - RMSNorm: y = x / sqrt(mean(x^2) + eps) * gamma
 * @tokens: rows, 1 to 64
 * @width: elements of a row, 1 to 16384
 * @eps: added to the mean of squares, >= 0
 * @x: argument number: [tokens][width] FP32
 * @gamma: argument number: [width] FP32
 * @y: argument number: out, [tokens][width] FP32; may be the same number as @x
 */
struct trn_norm_args {
	uint32_t tokens, width;
	float eps;
	uint32_t x, gamma, y;
};

/** enum trn_linear_flags - what a linear layer does besides x . W */
enum trn_linear_flags {
	TRN_LINEAR_BIAS = 1, /* adds @bias */
	TRN_LINEAR_ADD = 2,  /* adds what @y held before: a residual */
	TRN_LINEAR_FP32 = 4, /* keeps x in FP32 (four passes); else x is rounded to BF16 */
};

/**
 * struct trn_linear_args - linear layer: y = x . W (+ bias) (+ y)
 * @tokens: rows, 1 to 64
 * @in: elements of a row of @x, 1 to 16384
 * @out: elements of a row of @y, 1 to 16777216
 * @flags: enum trn_linear_flags
 * @x: argument number: [tokens][in] FP32
 * @weight: argument number: [in][out] BF16
 * @bias: argument number: [out] FP32; ignored without TRN_LINEAR_BIAS
 * @y: argument number: [tokens][out] FP32, out; also in with TRN_LINEAR_ADD
 */
struct trn_linear_args {
	uint32_t tokens, in, out, flags;
	uint32_t x, weight, bias, y;
};

/**
 * struct trn_embed_args - embedding: y[t] = table[token[t]]
 * @tokens: rows, 1 to 64
 * @width: elements of a row, 1 to 16384
 * @vocab: rows of the table, 1 to 16777216
 * @token: argument number: [tokens] U32; one past what the launch gives
 *         as @table stops the core with an address error
 * @table: argument number: [vocab][width] BF16
 * @y: argument number: out, [tokens][width] FP32
 */
struct trn_embed_args {
	uint32_t tokens, width, vocab;
	uint32_t token, table, y;
};

/**
 * struct trn_argmax_args - index of the largest element of each row
 * @tokens: rows, 1 to 64
 * @width: elements of a row, 1 to 16384
 * @x: argument number: [tokens][width] FP32, no NaN
 * @index: argument number: out, [tokens] U32; equal elements: the lowest index
 */
struct trn_argmax_args {
	uint32_t tokens, width;
	uint32_t x, index;
};

/**
 * trn_norm_emit() - append an RMSNorm to a program
 * @builder: a builder
 * @args: sizes and argument numbers; borrowed for the call
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_norm_emit(struct trn_builder *builder, const struct trn_norm_args *args);

/**
 * trn_linear_emit() - append a linear layer to a program
 * @builder: a builder
 * @args: sizes and argument numbers; borrowed for the call
 *
 * Made for few rows: the weights stream through the tensor engine once. For many rows there
 * is trn/kernels_gemm.h.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_linear_emit(struct trn_builder *builder, const struct trn_linear_args *args);

/**
 * trn_embed_emit() - append an embedding gather to a program
 * @builder: a builder
 * @args: sizes and argument numbers; borrowed for the call
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_embed_emit(struct trn_builder *builder, const struct trn_embed_args *args);

/**
 * trn_argmax_emit() - append an argmax to a program
 * @builder: a builder
 * @args: sizes and argument numbers; borrowed for the call
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_argmax_emit(struct trn_builder *builder, const struct trn_argmax_args *args);

TRN_END_DECLS

#endif /* TRN_KERNELS_DECODER_H */
