/* SPDX-License-Identifier: Apache-2.0 */
/* Section 8.3 of docs/isa.md: two operators, scans, selects, statistics, shuffles. */
#include "oracle.h"

#include <math.h>

#define DST (&i->v[TRN_AP_DST])
#define SRC0 (&i->v[TRN_AP_SRC0])
#define SRC1 (&i->v[TRN_AP_SRC1])
#define SRC2 (&i->v[TRN_AP_SRC2])
#define MOST 3.4028235e38f

static bool flag(const struct orc_inst *i, uint32_t bit)
{
	return i->c.head.flags & bit;
}

static float apply(uint32_t op, float x, float a, bool reverse)
{
	return reverse ? orc_alu(op, a, x) : orc_alu(op, x, a);
}

void orc_run_stt(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			float y = apply(i->c.op0, orc_get(SRC0, p, n), orc_scalar(i, 0, p),
					flag(i, TRN_SCALAR_REVERSE0));

			y = apply(i->c.op1, y, orc_get(SRC2, p, n), flag(i, TRN_SCALAR_REVERSE1));
			orc_put(DST, p, n, y);
		}
	}
}

void orc_run_scan(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		float r = orc_scalar(i, 1, p);

		for (uint32_t n = 0; n < DST->count; n++) {
			r = apply(i->c.op0, orc_get(SRC0, p, n), r, flag(i, TRN_SCALAR_REVERSE0));
			r = apply(i->c.op1, r, orc_get(SRC1, p, n), flag(i, TRN_SCALAR_REVERSE1));
			orc_put(DST, p, n, r);
		}
	}
}

static float empty_of(uint32_t op)
{
	if (op == TRN_ALU_MUL)
		return 1;
	if (op == TRN_ALU_MAX)
		return -MOST;
	return op == TRN_ALU_MIN ? MOST : 0;
}

void orc_run_cumulative(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		float *lane = &i->m->acc[i->engine][SRC0->start + p];

		if (i->c.mode == TRN_REDUCE_RESET_REDUCE)
			*lane = empty_of(i->c.op1);
		else if (i->c.mode == TRN_REDUCE_LOAD_REDUCE)
			*lane = orc_float_of(i->c.imm[1]);
		i->m->acc_slack[i->engine][SRC0->start + p] = 0;
		for (uint32_t n = 0; n < DST->count; n++) {
			const float y = apply(i->c.op0, orc_get(SRC0, p, n), orc_scalar(i, 0, p),
					      flag(i, TRN_SCALAR_REVERSE0));

			*lane = apply(i->c.op1, y, *lane, flag(i, TRN_SCALAR_REVERSE1));
			orc_put(DST, p, n, *lane);
		}
	}
}

void orc_run_scalar_reduce(struct orc_inst *i)
{
	float *row = i->m->row[0];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			row[n] = orc_alu(i->c.op0, orc_get(SRC0, p, n), orc_scalar(i, 0, p));
			orc_put(DST, p, n, row[n]);
		}
		orc_join(i, p, i->c.func, row, DST->count, orc_float_of(i->c.imm[1]), 0);
	}
	orc_show(i, flag(i, TRN_REDUCE_NEGATE));
}

static bool chosen(const struct orc_inst *i, uint32_t p, uint32_t n)
{
	return (orc_raw(SRC1, p, n) != 0) != flag(i, TRN_SELECT_REVERSE);
}

void orc_run_select(struct orc_inst *i)
{
	float *row = i->m->row[0];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			float other = orc_float_of(i->c.imm[0]);

			if (SRC2->space)
				other = orc_get(SRC2, p, SRC2->count == 1 ? 0 : n);
			row[n] = chosen(i, p, n) ? orc_get(SRC0, p, n) : other;
			orc_put(DST, p, n, row[n]);
		}
		orc_join(i, p, TRN_ALU_MAX, row, DST->count, orc_float_of(i->c.imm[1]), 0);
	}
	orc_show(i, false);
}

void orc_run_predicated(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			if (!chosen(i, p, n))
				continue;
			if (SRC0->space)
				orc_put_raw(DST, p, n, orc_raw(SRC0, p, n));
			else if (orc_is_float(DST->dtype) && DST->dtype != TRN_DTYPE_F32)
				orc_put_raw(DST, p, n,
					    orc_encode(DST->dtype, orc_float_of(i->c.imm[0])));
			else
				orc_put_raw(DST, p, n, i->c.imm[0]);
		}
	}
}

void orc_run_bn_stats(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t half = 0; half < 2; half++) {
			double count = 0, sum = 0, m2 = 0;

			for (uint32_t n = half; n < SRC0->count; n += 2) {
				sum += (double)orc_get(SRC0, p, n);
				count++;
			}
			for (uint32_t n = half; n < SRC0->count; n += 2) {
				const double off = (double)orc_get(SRC0, p, n) - sum / count;

				m2 += off * off;
			}
			orc_put(DST, p, 3 * half, (float)count);
			orc_put(DST, p, 3 * half + 1, count > 0 ? (float)(sum / count) : 0);
			orc_put(DST, p, 3 * half + 2, (float)m2);
		}
	}
}

void orc_run_bn_aggr(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		double count = 0, sum = 0, m2 = 0, between = 0, mean;

		for (uint32_t k = 0; k < SRC0->count; k += 3) {
			const double n = (double)orc_get(SRC0, p, k);

			count += n;
			sum += n * (double)orc_get(SRC0, p, k + 1);
			m2 += (double)orc_get(SRC0, p, k + 2);
		}
		mean = sum / count;
		for (uint32_t k = 0; k < SRC0->count; k += 3) {
			const double off = (double)orc_get(SRC0, p, k + 1) - mean;

			between += (double)orc_get(SRC0, p, k) * (off * off);
		}
		orc_put(DST, p, 0, count == 0 ? 0 : (float)mean);
		orc_put(DST, p, 1, count == 0 ? 0 : (float)((m2 + between) / count));
	}
}

/* Field k of the 192-bit number. */
static uint32_t shuffle_field(const struct orc_inst *i, uint32_t k)
{
	const uint32_t word[7] = {
		i->c.imm[0], i->c.imm[1], i->c.imm[2], i->c.imm[3], i->c.imm4, i->c.imm5, 0
	};
	const uint32_t bit = 6 * k;
	const uint64_t two = (uint64_t)word[bit / 32 + 1] << 32 | word[bit / 32];

	return (uint32_t)(two >> bit % 32 & 0x3f);
}

void orc_run_shuffle(struct orc_inst *i)
{
	static uint32_t old[32][ORC_ELEMENTS];

	for (uint32_t quadrant = 0; quadrant < DST->rows; quadrant += 32) {
		for (uint32_t k = 0; k < 32; k++) {
			for (uint32_t n = 0; n < SRC0->count; n++)
				old[k][n] = orc_raw(SRC0, quadrant + k, n);
		}
		for (uint32_t k = 0; k < 32; k++) {
			const uint32_t from = shuffle_field(i, k);

			for (uint32_t n = 0; n < DST->count && from < 32; n++)
				orc_put_raw(DST, quadrant + k, n, old[from][n]);
		}
	}
}

void orc_run_replace8(struct orc_inst *i)
{
	const struct orc_view *out = &i->v[TRN_AP_DST2];
	float *row = i->m->row[0], *old = i->m->row[1];
	uint32_t found[8];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < SRC0->count; n++)
			row[n] = old[n] = orc_get(SRC0, p, n);
		for (uint32_t v = 8; v-- > 0;) {
			const float want = orc_get(SRC1, p, v);
			uint32_t from = 0;

			/* behind the one found for the same value in the nearest later place */
			for (uint32_t u = 8; u-- > v + 1;) {
				if (orc_get(SRC1, p, u) == want)
					from = found[u] == UINT32_MAX ? UINT32_MAX : found[u] + 1;
			}
			found[v] = UINT32_MAX;
			for (uint32_t n = from; n < SRC0->count; n++) {
				if (old[n] == want) {
					found[v] = n;
					row[n] = orc_float_of(i->c.imm[0]);
					break;
				}
			}
			if (out->space)
				orc_put_raw(out, p, v, found[v]);
		}
		for (uint32_t n = 0; n < DST->count; n++)
			orc_put(DST, p, n, row[n]);
	}
}
