/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the serving kernels share. */
#ifndef KERNELS_SERVE_H
#define KERNELS_SERVE_H

#include <trn/kernels_serve.h>
#include "kernels/kit.h"

/* A matrix on its way through the tensor engine. */
struct trn_serve_stream {
	struct trn_serve_matrix matrix;
	uint32_t arg;
	int reg;            /* -1, or a register that moves it */
	uint32_t reg_scale; /* by so many bytes */
	/* [lanes][tiles][tokens] BF16 that it is multiplied with; more than one adds up. */
	const struct trn_tile *moving[2];
	/* Outputs in lanes: tile o at element o * spaced. Adds to what is there. */
	const struct trn_tile *sum;
	bool add;
};
void trn_serve_stream_emit(struct trn_serve *serve, const struct trn_serve_stream *stream);
/* One block only, columns [first, first + cols), to sum's tiles from 0 on. */
void trn_serve_block_emit(struct trn_serve *serve, const struct trn_serve_stream *stream,
			  uint32_t first, uint32_t to);

/* RMSNorm without gamma, of columns: FP32, or BF16 as dst's format is. */
void trn_serve_norm_emit(struct trn_serve *serve, const struct trn_tile *x,
			 const struct trn_tile *dst);

/* [tiles][tokens] of a PSUM tile with spaced tiles, from tile first on, each step-th. */
struct trn_isa_ap trn_serve_spaced(const struct trn_serve *serve, const struct trn_tile *tile,
				   uint32_t first, uint32_t step, uint32_t tiles);
/* [tiles][tokens]: a column for each tile from first on, each step-th, repeated for tokens. */
struct trn_isa_ap trn_serve_repeated(const struct trn_serve *serve, const struct trn_tile *tile,
				     uint32_t first, uint32_t step, uint32_t tiles);
/* e^(src * scale + bias) on the scalar engine: the only function of these kernels, so its
 * table stays loaded. bias and sum may be NULL. */
void trn_serve_exp(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src,
		   float scale, const struct trn_isa_ap *bias, const struct trn_isa_ap *sum);
/* dst = (src op0 a) op1 other */
void trn_serve_scalar_tensor(struct trn_builder *builder, struct trn_isa_ap dst,
			     struct trn_isa_ap src, enum trn_alu op0, float a, enum trn_alu op1,
			     struct trn_isa_ap other);
void trn_serve_reciprocal(struct trn_builder *builder, struct trn_isa_ap dst,
			  struct trn_isa_ap src);
/* Lanes become columns, on the tensor engine; dst in PSUM. */
void trn_serve_turn(struct trn_builder *builder, struct trn_isa_ap dst, struct trn_isa_ap src);

/* Activations in MXFP8, and the scales of an expert's weights beside them. */
struct trn_serve_mx {
	struct trn_tile numbers, scales; /* [lanes][tiles of 512][tokens] */
};
/* [lanes][4 * tiles][tokens] BF16 of that many lanes, a multiple of 32, to MXFP8. */
void trn_serve_quantize_emit(struct trn_serve *serve, const struct trn_tile *src, uint32_t lanes,
			     uint32_t tiles, const struct trn_serve_mx *dst);
/* As trn_serve_stream_emit(), with moving from mx; the scales of the weights begin at lane
 * row of each quadrant. */
void trn_serve_stream_mx_emit(struct trn_serve *serve, const struct trn_serve_stream *stream,
			      const struct trn_serve_mx *mx, const struct trn_tile *scales,
			      uint32_t row);

#endif /* KERNELS_SERVE_H */
