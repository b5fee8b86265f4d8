/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of one token against a cache of keys and values, as part of a program and as a
 * whole program: rotation of query and key, append to the cache, softmax with sinks over a
 * window, groups of query heads on one key head. */
#ifndef TRN_KERNELS_ATTENTION_H
#define TRN_KERNELS_ATTENTION_H

#include <trn/builder.h>

TRN_BEGIN_DECLS

#define TRN_ATTENTION_HEADS_MAX 128
#define TRN_ATTENTION_HEAD_DIM_MAX 128
/* Positions are worked off in blocks of so many; a cache has a multiple of them. */
#define TRN_ATTENTION_BLOCK 128

/**
 * struct trn_attention_shape - sizes of an attention
 * @heads: query heads, 1 to 128, a multiple of @kv_heads
 * @kv_heads: key and value heads; @heads / @kv_heads query heads share one
 * @head_dim: width of a head, even, 2 to 128
 * @positions: room in the cache, a multiple of 128, at most 131072
 * @window: positions that a token sees, its own included; 0: all
 * @cache: TRN_DTYPE_BF16 or TRN_DTYPE_F32: the cache, and what is multiplied
 */
struct trn_attention_shape {
	uint32_t heads, kv_heads, head_dim, positions, window;
	enum trn_dtype cache;
};

/**
 * struct trn_attention_args - argument numbers of an attention
 * @q: [heads][head_dim] FP32, before rotation
 * @k: [kv_heads][head_dim] FP32, before rotation
 * @v: [kv_heads][head_dim] FP32
 * @rope: [positions][head_dim] FP32: of each position the cosines of the head_dim / 2 angles,
 *        then the sines; element i turns with element i + head_dim / 2
 * @sinks: [heads] FP32: a score of each head that takes part in the sum and gives nothing
 * @k_cache: [kv_heads][head_dim][positions], rotated keys; in and out
 * @v_cache: [kv_heads][positions][head_dim]; in and out
 * @position: number: the token's position
 * @y: out, [heads][head_dim] FP32
 *
 * What the caches hold behind @position must be finite: zero them once.
 */
struct trn_attention_args {
	uint32_t q, k, v, rope, sinks, k_cache, v_cache, position, y;
};

/**
 * trn_attention_emit() - append the attention of one token to a program
 * @builder: a builder
 * @shape: sizes; borrowed for the call
 * @args: argument numbers; borrowed for the call
 *
 * Scores are multiplied by 1 / sqrt(head_dim). Work and traffic follow the positions that are
 * seen, in blocks of 128, not the size of the cache. A position outside the cache stops the
 * core with an address error before anything is written.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_attention_emit(struct trn_builder *builder,
				const struct trn_attention_shape *shape,
				const struct trn_attention_args *args);

/**
 * trn_kernel_attention() - a program that is the attention of one token
 * @opts: of the builder, or NULL
 * @shape: sizes; borrowed for the call
 * @ret_image: set on success; given back with trn_image_free()
 * @ret_bytes: set on success: its length
 *
 * Arguments in the order of struct trn_attention_args.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (a size), -ENOSPC (does not fit SBUF or PSUM), -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_kernel_attention(const struct trn_builder_opts *opts,
						const struct trn_attention_shape *shape,
						void **ret_image, size_t *ret_bytes);

TRN_END_DECLS

#endif /* TRN_KERNELS_ATTENTION_H */
