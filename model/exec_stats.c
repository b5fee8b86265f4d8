/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of the statistics of batch normalisation: of a part of a row, and of parts joined.
 * In double, in ascending order; several rows side by side, since one sum is one chain. */
#include "model/core.h"

#define LANES 8u       /* rows side by side */
#define STATS_COUNT 6u /* results of BN_STATS: twice n, mean, M2 */
#define AGGR_COUNT 2u  /* results of BN_AGGR: mean, variance */

/* n, mean and M2 of the elements parity, parity + 2, ... of each of LANES rows. */
static void row_stats(const float *const row[LANES], uint32_t width, uint32_t parity,
		      double mean[LANES], double m2[LANES])
{
	const double n = (double)((width + 1 - parity) / 2);

	for (uint32_t l = 0; l < LANES; l++)
		mean[l] = m2[l] = 0.0;
	if (n == 0.0)
		return;
	for (uint32_t i = parity; i < width; i += 2) {
		for (uint32_t l = 0; l < LANES; l++)
			mean[l] += (double)row[l][i];
	}
	for (uint32_t l = 0; l < LANES; l++)
		mean[l] /= n;
	for (uint32_t i = parity; i < width; i += 2) {
		for (uint32_t l = 0; l < LANES; l++) {
			const double d = (double)row[l][i] - mean[l];

			m2[l] += d * d;
		}
	}
}

/* Rows [0, rows) of packed FP32, at most LANES; those that are not there repeat the first. */
static void bn_stats(const float *x, uint32_t rows, uint32_t width, float *y)
{
	const float *row[LANES];
	double mean[LANES], m2[LANES];

	for (uint32_t l = 0; l < LANES; l++)
		row[l] = x + (size_t)(l < rows ? l : 0) * width;
	for (uint32_t parity = 0; parity < 2; parity++) {
		row_stats(row, width, parity, mean, m2);
		for (uint32_t l = 0; l < rows; l++) {
			float *out = y + l * STATS_COUNT + 3 * parity;

			out[0] = (float)((width + 1 - parity) / 2);
			out[1] = (float)mean[l];
			out[2] = (float)m2[l];
		}
	}
}

int trn_exec_bn_stats(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	float *x = core->scratch->a, *y = core->scratch->b;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, src)) {
		trn_rows_load(core, src, block.first, block.rows, x);
		for (uint32_t r = 0; r < block.rows; r += LANES)
			bn_stats(x + (size_t)r * src->count,
				 block.rows - r < LANES ? block.rows - r : LANES, src->count,
				 y + (size_t)r * STATS_COUNT);
		trn_rows_store(core, &inst->view[TRN_AP_DST], block.first, block.rows, y);
	}
	return 0;
}

/* Triples n, mean, M2 of one row. */
static void bn_aggr(const float *x, uint32_t width, float *y)
{
	double n = 0.0, sum = 0.0, m2 = 0.0, between = 0.0, mean;

	for (uint32_t i = 0; i < width; i += 3) {
		n += (double)x[i];
		sum += (double)x[i] * (double)x[i + 1];
		m2 += (double)x[i + 2];
	}
	y[0] = y[1] = 0.0f;
	if (n == 0.0)
		return;
	mean = sum / n;
	for (uint32_t i = 0; i < width; i += 3) {
		const double d = (double)x[i + 1] - mean;

		between += (double)x[i] * (d * d);
	}
	y[0] = (float)mean;
	y[1] = (float)((m2 + between) / n);
}

int trn_exec_bn_aggr(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	float *x = core->scratch->a, *y = core->scratch->b;
	struct trn_block block = { 0 };

	(void)error;
	while (trn_block_next(&block, src)) {
		trn_rows_load(core, src, block.first, block.rows, x);
		for (uint32_t r = 0; r < block.rows; r++)
			bn_aggr(x + (size_t)r * src->count, src->count, y + r * AGGR_COUNT);
		trn_rows_store(core, &inst->view[TRN_AP_DST], block.first, block.rows, y);
	}
	return 0;
}
