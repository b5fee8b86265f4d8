/* SPDX-License-Identifier: Apache-2.0 */
/* The model's own matrix tile: c[m][n] is one chain of fused multiply-adds over
 * ascending k, the definition that every faster library is measured by. The chain of
 * one element is sequential; elements are independent, so vectors run across n. */
#include "model/core.h"

#define TILE_M 4u
#define TILE_N 32u
#define ROW_N 64u
#define COLUMNS 16u /* fewer left over go column by column */

#define BODY static inline __attribute__((always_inline))

BODY void tile_full(const struct trn_gemm *g, uint32_t step, uint32_t m0, uint32_t n0)
{
	float acc[TILE_M][TILE_N];

	for (uint32_t m = 0; m < TILE_M; m++) {
		for (uint32_t n = 0; n < TILE_N; n++)
			acc[m][n] = g->accumulate ? g->c[(m0 + m) * g->ldc + n0 + n] : 0.0f;
	}
	for (uint32_t k = 0; k < g->k; k++) {
		const float *a = g->a + k * g->lda + m0 * step;
		const float *b = g->b + k * g->ldb + n0;

		for (uint32_t m = 0; m < TILE_M; m++) {
			for (uint32_t n = 0; n < TILE_N; n++)
				acc[m][n] = __builtin_fmaf(a[m * step], b[n], acc[m][n]);
		}
	}
	for (uint32_t m = 0; m < TILE_M; m++) {
		for (uint32_t n = 0; n < TILE_N; n++)
			g->c[(m0 + m) * g->ldc + n0 + n] = acc[m][n];
	}
}

/* One column of c, several rows of it side by side. */
BODY void tile_column(const struct trn_gemm *g, uint32_t step, uint32_t m0, uint32_t n)
{
	float acc[TILE_N];

	for (uint32_t m = 0; m < TILE_N; m++)
		acc[m] = g->accumulate ? g->c[(m0 + m) * g->ldc + n] : 0.0f;
	for (uint32_t k = 0; k < g->k; k++) {
		const float *a = g->a + k * g->lda + m0 * step;
		const float b = g->b[k * g->ldb + n];

		for (uint32_t m = 0; m < TILE_N; m++)
			acc[m] = __builtin_fmaf(a[m * step], b, acc[m]);
	}
	for (uint32_t m = 0; m < TILE_N; m++)
		g->c[(m0 + m) * g->ldc + n] = acc[m];
}

/* One row of c, many columns of it side by side. */
BODY void tile_row(const struct trn_gemm *g, uint32_t step, uint32_t m, uint32_t n0)
{
	float acc[ROW_N];
	float *c = g->c + m * g->ldc + n0;

	for (uint32_t n = 0; n < ROW_N; n++)
		acc[n] = g->accumulate ? c[n] : 0.0f;
	for (uint32_t k = 0; k < g->k; k++) {
		const float a = g->a[k * g->lda + m * step];
		const float *b = g->b + k * g->ldb + n0;

		for (uint32_t n = 0; n < ROW_N; n++)
			acc[n] = __builtin_fmaf(a, b[n], acc[n]);
	}
	for (uint32_t n = 0; n < ROW_N; n++)
		c[n] = acc[n];
}

/* What does not fill a tile: one row of c at a time. */
BODY void row_part(const struct trn_gemm *g, uint32_t step, uint32_t m, uint32_t n0, uint32_t n1)
{
	float *c = g->c + m * g->ldc;

	for (uint32_t n = n0; n < n1 && !g->accumulate; n++)
		c[n] = 0.0f;
	for (uint32_t k = 0; k < g->k; k++) {
		const float a = g->a[k * g->lda + m * step];
		const float *b = g->b + k * g->ldb;

		for (uint32_t n = n0; n < n1; n++)
			c[n] = __builtin_fmaf(a, b[n], c[n]);
	}
}

BODY void gemm_any(const struct trn_gemm *g, uint32_t step)
{
	const uint32_t m_full = g->m - g->m % TILE_M;
	const uint32_t n_full = g->n - g->n % TILE_N;

	for (uint32_t m = 0; m < m_full; m += TILE_M) {
		for (uint32_t n = 0; n < n_full; n += TILE_N)
			tile_full(g, step, m, n);
	}
	for (uint32_t n = n_full; n < g->n && g->n - n_full < COLUMNS; n++) {
		for (uint32_t m = 0; m + TILE_N <= g->m; m += TILE_N)
			tile_column(g, step, m, n);
	}
	for (uint32_t m = 0; m < g->m; m++) {
		const bool column = g->n - n_full < COLUMNS && m < g->m - g->m % TILE_N;

		uint32_t n = m < m_full ? n_full : 0;

		for (; n + ROW_N <= n_full; n += ROW_N)
			tile_row(g, step, m, n);
		row_part(g, step, m, n, column ? n_full : g->n);
	}
}

/* The step is a constant in each: plain loads, or shuffles. */
BODY void gemm_body(const struct trn_gemm *g)
{
	if (g->pairs)
		gemm_any(g, 2);
	else
		gemm_any(g, 1);
}

void trn_gemm_plain(const struct trn_gemm *g)
{
	gemm_body(g);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void gemm_fma(const struct trn_gemm *g)
{
	gemm_body(g);
}

/* The unit gives the bits that fmaf() defines, so which one runs cannot be seen. */
void trn_gemm_run(const struct trn_gemm *gemm)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		gemm_fma(gemm);
	else
		trn_gemm_plain(gemm);
}
#else
void trn_gemm_run(const struct trn_gemm *gemm)
{
	trn_gemm_plain(gemm);
}
#endif
