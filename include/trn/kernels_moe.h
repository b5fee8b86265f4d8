/* SPDX-License-Identifier: Apache-2.0 */
/* Mixture of experts: router and expert feed-forward, as parts of a program and as whole
 * programs. Activations are FP32, one row a token; weights are BF16, [in][out]. */
#ifndef TRN_KERNELS_MOE_H
#define TRN_KERNELS_MOE_H

#include <trn/builder.h>

TRN_BEGIN_DECLS

#define TRN_MOE_TOKENS_MAX 64
#define TRN_MOE_EXPERTS_MAX 512
#define TRN_MOE_TOP_K_MAX 8

/** enum trn_moe_flags - how a mixture of experts is computed */
enum trn_moe_flags {
	TRN_MOE_FP32 = 1, /* experts keep activations in FP32 (four passes); else BF16 */
};

/**
 * struct trn_moe_shape - sizes of a mixture of experts
 * @tokens: rows of a launch, 1 to 64
 * @hidden: width of a row, 1 to 8192
 * @experts: number of experts, 1 to 512
 * @top_k: experts of a token, 1 to 8 and no more than @experts
 * @intermediate: width inside an expert, 1 to 8192
 * @limit: clamp of gate (above) and up (both sides), > 0
 * @alpha: factor inside the sigmoid, 1.702 in GPT-OSS
 * @flags: enum trn_moe_flags
 */
struct trn_moe_shape {
	uint32_t tokens, hidden, experts, top_k, intermediate;
	float limit, alpha;
	uint32_t flags;
};

/**
 * struct trn_router_args - argument numbers of a router
 * @x: [tokens][hidden] FP32
 * @weight: [hidden][experts] BF16
 * @bias: [experts] FP32
 * @indices: out, [tokens][top_k] U32, best first; equal logits: lower index first
 * @shares: out, [tokens][top_k] FP32, softmax over the chosen logits
 */
struct trn_router_args {
	uint32_t x, weight, bias, indices, shares;
};

/**
 * struct trn_experts_args - argument numbers of the experts
 * @x: [tokens][hidden] FP32, rounded to BF16 inside without TRN_MOE_FP32
 * @indices: [tokens][top_k] U32, as the router writes them
 * @shares: [tokens][top_k] FP32
 * @gate_up: [experts][hidden][2 * intermediate] BF16, gate and up interleaved
 * @gate_up_bias: [experts][2 * intermediate] FP32, interleaved
 * @down: [experts][intermediate][hidden] BF16
 * @down_bias: [experts][hidden] FP32
 * @y: in and out, [tokens][hidden] FP32: the weighted sum of the experts is added
 */
struct trn_experts_args {
	uint32_t x, indices, shares, gate_up, gate_up_bias, down, down_bias, y;
};

/**
 * trn_router_emit() - append a router to a program
 * @builder: a builder
 * @shape: sizes; borrowed for the call
 * @args: argument numbers; borrowed for the call
 *
 * Logits are computed in FP32, so that close experts do not change places.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_router_emit(struct trn_builder *builder, const struct trn_moe_shape *shape,
			     const struct trn_router_args *args);

/**
 * trn_experts_emit() - append the experts' feed-forward to a program
 * @builder: a builder
 * @shape: sizes; borrowed for the call
 * @args: argument numbers; borrowed for the call
 *
 * The experts are chosen when the program runs: their numbers are loaded into a register and
 * move the addresses of the weights. A number past the last expert stops the core with an
 * address error.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_experts_emit(struct trn_builder *builder, const struct trn_moe_shape *shape,
			      const struct trn_experts_args *args);

/**
 * trn_kernel_router() - a program that is one router
 * @opts: of the builder, or NULL
 * @shape: sizes; borrowed for the call
 * @ret_image: set on success; given back with trn_image_free()
 * @ret_bytes: set on success: its length
 *
 * Arguments in the order of struct trn_router_args.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (a size), -ENOSPC (does not fit SBUF), -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_kernel_router(const struct trn_builder_opts *opts,
					     const struct trn_moe_shape *shape, void **ret_image,
					     size_t *ret_bytes);

/**
 * trn_kernel_experts() - a program that is the experts of one layer
 * @opts: of the builder, or NULL
 * @shape: sizes; borrowed for the call
 * @ret_image: set on success; given back with trn_image_free()
 * @ret_bytes: set on success: its length
 *
 * Arguments in the order of struct trn_experts_args.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (a size), -ENOSPC (does not fit SBUF), -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_kernel_experts(const struct trn_builder_opts *opts,
					      const struct trn_moe_shape *shape, void **ret_image,
					      size_t *ret_bytes);

TRN_END_DECLS

#endif /* TRN_KERNELS_MOE_H */
