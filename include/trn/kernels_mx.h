/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with MX weights, for trn3 and later: blocks of 32 numbers of 8 or 4 bits with one scale
 * each. Activations are quantised on the chip, to F8E4M3FN in blocks of 32. */
#ifndef TRN_KERNELS_MX_H
#define TRN_KERNELS_MX_H

#include <trn/builder.h>
#include <trn/kernels_decoder.h>
#include <trn/kernels_moe.h>

TRN_BEGIN_DECLS

/*
 * A weight matrix [in][out] in memory, in a multiple of 32:
 *
 * numbers: [rows / 4][out] elements of four numbers (TRN_DTYPE_F8E4M3FN_X4 or F8E5M2_X4: 4
 * bytes, F4E2M1_X4: 2 bytes), rows = in rounded up to a multiple of 128. Number j (in the low
 * bits first) of element (r, n) is row 4 * r + j, column n.
 * scales: [rows / 32][out] bytes; byte (s, n) scales rows 32 * s to 32 * s + 31 of column n by
 * 2^(byte - 127).
 *
 * Rows past in are 0, with scales of 127. Matrices of several experts follow each other.
 */

#define TRN_MX_BLOCK 32    /* numbers of one scale: a multiple of it is @in */
#define TRN_MX_K_GRAIN 128 /* rows are stored in multiples of it */

/**
 * trn_mx_number_bytes() - room that the numbers of a weight matrix take
 * @format: TRN_DTYPE_F8E4M3FN_X4, TRN_DTYPE_F8E5M2_X4 or TRN_DTYPE_F4E2M1_X4
 * @in: rows
 * @out: columns
 *
 * Context: any thread.
 * Return:  bytes; 0 for another format.
 * Since:   0.1
 */
TRN_API uint64_t trn_mx_number_bytes(enum trn_dtype format, uint32_t in, uint32_t out);

/**
 * trn_mx_scale_bytes() - room that the scales of a weight matrix take
 * @in: rows
 * @out: columns
 *
 * Context: any thread.
 * Return:  bytes.
 * Since:   0.1
 */
TRN_API uint64_t trn_mx_scale_bytes(uint32_t in, uint32_t out);

/**
 * trn_mx_weight_pack() - make MX weights of a matrix
 * @format: as above
 * @in: rows, a multiple of 32
 * @out: columns, >= 1
 * @type: TRN_DTYPE_F32 or TRN_DTYPE_BF16, of @weight
 * @weight: [in][out], finite
 * @ret_numbers: set on success: trn_mx_number_bytes() bytes
 * @ret_scales: set on success: trn_mx_scale_bytes() bytes
 *
 * Scale of a block: 8-bit formats as QUANTIZE_MX makes it (the largest number uses all but the
 * top exponent), 4-bit as the OCP format has it (the top exponent; beyond 6 it stops at 6).
 *
 * Context: any thread.
 * Return:  0, -EINVAL (a size, a format, a value that is not finite).
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_mx_weight_pack(enum trn_dtype format, uint32_t in, uint32_t out,
					      enum trn_dtype type, const void *weight,
					      void *ret_numbers, uint8_t *ret_scales);

/**
 * struct trn_linear_mx_args - linear layer: y = q(x) . W (+ bias) (+ y)
 * @tokens: rows, 1 to 64
 * @in: elements of a row of @x, a multiple of 32, at most 16384
 * @out: elements of a row of @y, 1 to 16777216
 * @flags: TRN_LINEAR_BIAS and TRN_LINEAR_ADD of enum trn_linear_flags
 * @format: of the weights, TRN_DTYPE_F8E4M3FN_X4, F8E5M2_X4 or F4E2M1_X4
 * @x: argument number: [tokens][in] FP32; rounded to BF16, then quantised
 * @weight: argument number: numbers of a matrix [in][out]
 * @scale: argument number: its scales
 * @bias: argument number: [out] FP32; ignored without TRN_LINEAR_BIAS
 * @y: argument number: [tokens][out] FP32, out; also in with TRN_LINEAR_ADD
 */
struct trn_linear_mx_args {
	uint32_t tokens, in, out, flags;
	enum trn_dtype format;
	uint32_t x, weight, scale, bias, y;
};

/**
 * trn_linear_mx_emit() - append a linear layer with MX weights to a program
 * @builder: a builder for arch 3 or later
 * @args: sizes and argument numbers; borrowed for the call
 *
 * The weights stream through the tensor engine once, four numbers an element.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_linear_mx_emit(struct trn_builder *builder, const struct trn_linear_mx_args *args);

/**
 * struct trn_experts_mx_args - argument numbers of experts with MX weights
 * @format: of the weights, TRN_DTYPE_F4E2M1_X4, F8E4M3FN_X4 or F8E5M2_X4
 * @x: [tokens][hidden] FP32; rounded to BF16, then quantised
 * @indices: [tokens][top_k] U32, as the router writes them
 * @shares: [tokens][top_k] FP32
 * @gate_up: [experts] numbers of a matrix [hidden][2 * intermediate], gate and up interleaved
 * @gate_up_scale: [experts] its scales
 * @gate_up_bias: [experts][2 * intermediate] FP32, interleaved
 * @down: [experts] numbers of a matrix [intermediate][hidden]
 * @down_scale: [experts] its scales
 * @down_bias: [experts][hidden] FP32
 * @y: in and out, [tokens][hidden] FP32: the weighted sum of the experts is added
 */
struct trn_experts_mx_args {
	enum trn_dtype format;
	uint32_t x, indices, shares, gate_up, gate_up_scale, gate_up_bias;
	uint32_t down, down_scale, down_bias, y;
};

/**
 * trn_experts_mx_emit() - append the experts' feed-forward with MX weights to a program
 * @builder: a builder for arch 3 or later
 * @shape: sizes; hidden and intermediate are multiples of 32, flags 0; borrowed for the call
 * @args: format and argument numbers; borrowed for the call
 *
 * As trn_experts_emit(): the experts are chosen when the program runs. Between the two
 * products the intermediate values are rounded to BF16 and quantised.
 *
 * With few tokens (one, or 4 * tokens * top_k below the number of experts) each choice of each
 * token loads its expert, and a number past the last one stops the core with an address error.
 * With more, the program goes through the experts, leaves out those that nobody chose, and computes
 * each of the others once for all tokens; numbers past the last expert are then left out.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_experts_mx_emit(struct trn_builder *builder, const struct trn_moe_shape *shape,
				 const struct trn_experts_mx_args *args);

/**
 * struct trn_gemm_mx_shape - C[m][n] = q(A)[m][k] B[k][n]
 * @m: rows of A and C, >= 1
 * @n: columns of B and C, 1 to 2097151
 * @k: columns of A, rows of B, a multiple of 32, at most 2097120
 * @input: BF16 or F16: of A, [m][k] row-major
 * @weight: TRN_DTYPE_F8E4M3FN_X4, F8E5M2_X4 or F4E2M1_X4: of B
 * @output: BF16, F16 or F32: of C, [m][n] row-major; sums are FP32 in any case
 */
struct trn_gemm_mx_shape {
	uint32_t m, n, k;
	enum trn_dtype input, weight, output;
};

/**
 * struct trn_gemm_mx_args - argument numbers of a matrix product with MX weights
 * @a: [m][k] of the input format; quantised on the chip
 * @b: numbers of a matrix [k][n]
 * @b_scale: its scales
 * @c: out, [m][n] of the output format
 */
struct trn_gemm_mx_args {
	uint32_t a, b, b_scale, c;
};

/**
 * trn_gemm_mx_emit() - append a matrix product with MX weights to a program
 * @builder: a builder for arch 3 or later
 * @shape: sizes and formats; borrowed for the call
 * @args: argument numbers; borrowed for the call
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_gemm_mx_emit(struct trn_builder *builder, const struct trn_gemm_mx_shape *shape,
			      const struct trn_gemm_mx_args *args);

/**
 * trn_kernel_gemm_mx() - a program that is one matrix product with MX weights
 * @opts: of the builder, arch 3 or later; NULL is arch 3
 * @shape: sizes and formats; borrowed for the call
 * @ret_image: set on success; given back with trn_image_free()
 * @ret_bytes: set on success: its length
 *
 * Arguments in the order of struct trn_gemm_mx_args.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (a size or format), -ENOSPC (n times k too large for one program),
 *          -ENOTSUP (arch), -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_kernel_gemm_mx(const struct trn_builder_opts *opts,
					      const struct trn_gemm_mx_shape *shape,
					      void **ret_image, size_t *ret_bytes);

TRN_END_DECLS

#endif /* TRN_KERNELS_MX_H */
