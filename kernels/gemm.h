/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by tiles: the walk over blocks of C that all formats have in common, and what
 * the formats differ in. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include <trn/kernels_gemm.h>
#include "kernels/kit.h"

#define KIT_GEMM_M 128u    /* rows of C in a matmul */
#define KIT_GEMM_BANK 512u /* FP32 elements of a PSUM bank */
/* The rows of a block, in bytes, are the scale of a register: 32 bits. */
#define KIT_GEMM_SIZE_MOST (UINT32_MAX / (2 * KIT_GEMM_M * 4) / 2)

/* One block of C: first row and column, and how many. */
struct trn_kit_gemm_block {
	uint32_t m, n, rows, columns;
};

struct trn_kit_gemm;

/* What a format does; chunks are pieces of K, count of them from first on. Two blocks of each
 * operand are in turn. */
struct trn_kit_gemm_ops {
	void (*load_a)(struct trn_kit_gemm *gemm, uint32_t turn,
		       const struct trn_kit_gemm_block *block, uint32_t first, uint32_t count);
	void (*load_b)(struct trn_kit_gemm *gemm, uint32_t turn, uint32_t n, uint32_t width,
		       uint32_t first, uint32_t count);
	void (*multiply)(struct trn_kit_gemm *gemm, const struct trn_tile *acc, uint32_t turn_a,
			 uint32_t turn_b, const struct trn_kit_gemm_block *block, uint32_t first,
			 uint32_t count);
};

struct trn_kit_gemm {
	struct trn_builder *builder;
	const struct trn_kit_gemm_ops *ops;
	uint32_t m, n, k;
	enum trn_dtype input, output;
	struct trn_gemm_args args;
	uint32_t block_m, block_n; /* of C */
	uint32_t block_k;          /* chunks of K that are loaded together */
	uint32_t chunks;           /* of K, the last one may be short */
	uint32_t turn_a, turn_b, turn_out, turn_acc;
	struct trn_tile out[2], acc[2];
	bool keep_b; /* all of B lies in its first block */
	bool looped;
	uint8_t reg; /* block of rows, when looped */
};

/* All of it: tiles of operands are there, those of C are taken for the call. */
void trn_kit_gemm_run(struct trn_kit_gemm *gemm);
/* num elements of a row, rows from m on. */
struct trn_isa_mem trn_kit_gemm_rows(const struct trn_kit_gemm *gemm, uint32_t arg,
				     enum trn_dtype dtype, uint32_t m, uint32_t width,
				     uint64_t offset, uint32_t num);
/* PSUM of one block: banks by row tile, then by column. */
struct trn_isa_ap trn_kit_gemm_acc(const struct trn_kit_gemm *gemm, const struct trn_tile *acc,
				   uint32_t m, uint32_t n, uint32_t rows, uint32_t columns);
/* Fails the builder unless the sizes can be done, k rows in chunks of so many. */
bool trn_kit_gemm_sizes(struct trn_builder *builder, uint32_t m, uint32_t n, uint32_t k,
			uint32_t chunk);

static inline uint32_t trn_kit_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t trn_kit_div_up(uint32_t a, uint32_t b)
{
	return a / b + (a % b != 0);
}

#endif /* KERNELS_GEMM_H */
