/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix product of any size, as a part of a program and as a whole program. */
#ifndef TRN_KERNELS_GEMM_H
#define TRN_KERNELS_GEMM_H

#include <trn/builder.h>

TRN_BEGIN_DECLS

/**
 * struct trn_gemm_shape - C[m][n] = A[m][k] B[k][n], all row-major
 * @m: rows of A and C, >= 1
 * @n: columns of B and C, 1 to 2097151
 * @k: columns of A, rows of B, 1 to 2097151
 * @input: BF16, F16 or F32: of A and B
 * @output: BF16, F16 or F32: of C; sums are FP32 in any case
 */
struct trn_gemm_shape {
	uint32_t m, n, k;
	enum trn_dtype input, output;
};

/**
 * struct trn_gemm_args - argument numbers of a matrix product
 * @a: [m][k] of the input format
 * @b: [k][n] of the input format
 * @c: out, [m][n] of the output format
 */
struct trn_gemm_args {
	uint32_t a, b, c;
};

/**
 * trn_gemm_emit() - append a matrix product to a program
 * @builder: a builder
 * @shape: sizes and formats; borrowed for the call
 * @args: argument numbers; borrowed for the call
 *
 * Takes all eight banks of PSUM and up to 200 KiB of every SBUF partition while it is emitted.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_gemm_emit(struct trn_builder *builder, const struct trn_gemm_shape *shape,
			   const struct trn_gemm_args *args);

/**
 * trn_kernel_gemm() - a program that is one matrix product
 * @opts: of the builder, or NULL
 * @shape: sizes and formats; borrowed for the call
 * @ret_image: set on success; given back with trn_image_free()
 * @ret_bytes: set on success: its length
 *
 * Arguments in the order of struct trn_gemm_args. The program's length does not grow with m,
 * but with n and k.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (a size or format), -ENOSPC (n times k too large for one program),
 *          -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_kernel_gemm(const struct trn_builder_opts *opts,
					   const struct trn_gemm_shape *shape, void **ret_image,
					   size_t *ret_bytes);

TRN_END_DECLS

#endif /* TRN_KERNELS_GEMM_H */
