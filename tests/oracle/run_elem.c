/* SPDX-License-Identifier: Apache-2.0 */
/* Section 8.3 of docs/isa.md, the elementwise part: one result for each element. */
#include "oracle.h"

#include <math.h>

#define DST (&i->v[TRN_AP_DST])
#define SRC0 (&i->v[TRN_AP_SRC0])
#define SRC1 (&i->v[TRN_AP_SRC1])
#define SRC2 (&i->v[TRN_AP_SRC2])

/* for each element of DST, in order */
#define EACH(p, n)                               \
	for (uint32_t p = 0; p < DST->rows; p++) \
		for (uint32_t n = 0; n < DST->count; n++)

void orc_run_copy(struct orc_inst *i)
{
	EACH(p, n)
	{
		if (DST->dtype == SRC0->dtype)
			orc_put_raw(DST, p, n, orc_raw(SRC0, p, n));
		else
			orc_put(DST, p, n, orc_get(SRC0, p, n));
	}
}

void orc_run_memset(struct orc_inst *i)
{
	uint32_t raw = i->c.imm[0];

	/* A constant is converted once, to nearest; F32 takes its bits. */
	if (orc_is_float(DST->dtype) && DST->dtype != TRN_DTYPE_F32)
		raw = orc_encode(DST->dtype, orc_float_of(raw));
	EACH(p, n)
	orc_put_raw(DST, p, n, raw);
}

static bool is_word(const struct orc_view *v)
{
	return v->dtype == TRN_DTYPE_U32 || v->dtype == TRN_DTYPE_S32;
}

/* POW has no stated rounding: 2 ulp of the exact power. */
static void put_alu(struct orc_inst *i, uint32_t p, uint32_t n, uint32_t op, float value)
{
	if (op == TRN_ALU_POW)
		orc_put_about(DST, p, n, value, nextafterf(nextafterf(value, -INFINITY), -INFINITY),
			      nextafterf(nextafterf(value, INFINITY), INFINITY));
	else
		orc_put(DST, p, n, value);
}

void orc_run_tensor_tensor(struct orc_inst *i)
{
	const uint32_t op = i->c.op0;
	const bool exact = i->engine == TRN_ENGINE_GPSIMD && is_word(DST) && is_word(SRC0) &&
			   is_word(SRC1) && op <= TRN_ALU_LXOR;
	const bool is_signed = SRC0->dtype == TRN_DTYPE_S32 || SRC1->dtype == TRN_DTYPE_S32;

	EACH(p, n)
	{
		const uint32_t a = orc_raw(SRC0, p, n), b = orc_raw(SRC1, p, n);

		if (orc_alu_is_bit(op))
			orc_put_raw(DST, p, n, orc_alu_bits(op, a, b));
		else if (exact)
			orc_put_raw(DST, p, n, orc_alu_int(op, a, b, is_signed));
		else
			put_alu(i, p, n, op, orc_alu(op, orc_get(SRC0, p, n), orc_get(SRC1, p, n)));
	}
}

/* x op a, or a op x; unary operators look at the one that is the data. */
static float apply(uint32_t op, float x, float a, bool reverse)
{
	return reverse ? orc_alu(op, a, x) : orc_alu(op, x, a);
}

static uint32_t bits_operand(struct orc_inst *i, uint32_t which, uint32_t p)
{
	const uint32_t flag = which == 0 ? TRN_SCALAR_COLUMN0 : TRN_SCALAR_COLUMN1;

	if (i->c.head.flags & flag)
		return orc_raw(which == 0 ? SRC1 : SRC2, p, 0);
	return i->c.imm[which];
}

static uint32_t apply_bits(uint32_t op, uint32_t x, uint32_t a, bool reverse)
{
	return reverse ? orc_alu_bits(op, a, x) : orc_alu_bits(op, x, a);
}

void orc_run_tensor_scalar(struct orc_inst *i)
{
	const uint32_t op0 = i->c.op0, op1 = i->c.op1;
	const bool r0 = i->c.head.flags & TRN_SCALAR_REVERSE0;
	const bool r1 = i->c.head.flags & TRN_SCALAR_REVERSE1;

	EACH(p, n)
	{
		if (orc_alu_is_bit(op0) || orc_alu_is_bit(op1)) {
			uint32_t x = orc_raw(SRC0, p, n);

			x = apply_bits(op0, x, bits_operand(i, 0, p), r0);
			orc_put_raw(DST, p, n, apply_bits(op1, x, bits_operand(i, 1, p), r1));
		} else {
			float x = orc_get(SRC0, p, n);

			x = apply(op0, x, orc_scalar(i, 0, p), r0);
			x = apply(op1, x, orc_scalar(i, 1, p), r1);
			put_alu(i, p, n, op0 == TRN_ALU_POW ? op0 : op1, x);
		}
	}
}

void orc_run_reduce(struct orc_inst *i)
{
	const uint32_t op = i->c.func, width = SRC0->count / DST->count;
	static uint32_t bits[ORC_ELEMENTS];
	float *row = i->m->row[0];

	EACH(p, n)
	{
		float value;

		for (uint32_t k = 0; k < width; k++) {
			bits[k] = orc_raw(SRC0, p, n * width + k);
			row[k] = orc_get(SRC0, p, n * width + k);
		}
		if (orc_alu_is_bit(op)) {
			orc_put_raw(DST, p, n, orc_reduce_bits(op, bits, width));
			continue;
		}
		value = orc_reduce(op, row, width);
		if (i->c.head.flags & TRN_REDUCE_NEGATE)
			value = value * -1;
		orc_put(DST, p, n, value);
	}
}

/* y of the function within 2 ulp; *ret_slack: how far off that may be. */
static void put_act(struct orc_inst *i, uint32_t p, uint32_t n, uint32_t func, float y,
		    double *ret_slack)
{
	const float lo = nextafterf(nextafterf(y, -INFINITY), -INFINITY);
	const float hi = nextafterf(nextafterf(y, INFINITY), INFINITY);

	if (orc_act_exact(func)) {
		orc_put(DST, p, n, y);
		return;
	}
	orc_put_about(DST, p, n, y, lo, hi);
	if (y == y && !isinf(y))
		*ret_slack += (double)hi - (double)lo;
}

/* Sums of values that are off by so much, of so many that may round differently. Where a sum
 * leaves the finite numbers, one ulp decides between infinity and NaN: nothing is known. */
static double sum_slack(double slack, const float *row, uint32_t count)
{
	double size = 0;

	for (uint32_t n = 0; n < count; n++)
		size += fabs((double)row[n]);
	if (slack > 0 && !(size < 1e38))
		return INFINITY;
	return slack > 0 ? slack + size * 1e-6 : 0;
}

static void act_rows(struct orc_inst *i, uint32_t func, uint32_t reduce, float imm, float slope,
		     float (*argument)(struct orc_inst *i, uint32_t p, uint32_t n))
{
	float *row = i->m->row[0];

	for (uint32_t p = 0; p < DST->rows; p++) {
		double slack = 0;

		for (uint32_t n = 0; n < DST->count; n++) {
			row[n] = (float)orc_act(func, argument(i, p, n), slope);
			put_act(i, p, n, func, row[n], &slack);
		}
		orc_join(i, p, reduce, row, DST->count, imm, sum_slack(slack, row, DST->count));
	}
	orc_show(i, false);
}

static float scaled(struct orc_inst *i, uint32_t p, uint32_t n)
{
	const float x = orc_get(SRC0, p, n) * orc_scalar(i, 0, p);

	return x + orc_scalar(i, 1, p);
}

void orc_run_activation(struct orc_inst *i)
{
	act_rows(i, i->c.func, TRN_ALU_ADD, 0, orc_float_of(i->c.imm[2]), scaled);
}

static float shifted(struct orc_inst *i, uint32_t p, uint32_t n)
{
	return orc_get(SRC0, p, n) - orc_scalar(i, 0, p);
}

void orc_run_exponential(struct orc_inst *i)
{
	act_rows(i, TRN_ACT_EXP, TRN_ALU_ADD, orc_float_of(i->c.imm[1]), 0, shifted);
}

void orc_run_reciprocal(struct orc_inst *i)
{
	EACH(p, n)
	orc_put(DST, p, n, 1.0f / orc_get(SRC0, p, n));
}

/* --- section 8.4 --- */

static uint32_t affine(const struct orc_inst *i, const struct trn_isa_ap *shape, uint32_t p,
		       uint32_t n, const uint32_t *steps)
{
	uint32_t value = i->c.imm[0] + p * i->c.imm[1];

	for (uint32_t d = shape->ndims; d-- > 0;) {
		value += n % shape->dims[d].num * steps[d];
		n /= shape->dims[d].num;
	}
	return value;
}

void orc_run_iota(struct orc_inst *i)
{
	const uint32_t steps[4] = { i->c.imm[2], i->c.imm[3], i->c.imm4, i->c.imm5 };

	EACH(p, n)
	{
		const uint32_t value = affine(i, &i->c.dst, p, n, steps);

		if (is_word(DST))
			orc_put_raw(DST, p, n, value);
		else
			orc_put(DST, p, n, (float)(int32_t)value);
	}
}

void orc_run_affine(struct orc_inst *i)
{
	const uint32_t steps[4] = { i->c.imm[3], i->c.imm4, i->c.imm5, 0 };

	EACH(p, n)
	{
		const uint32_t value = affine(i, &i->c.dst, p, n, steps);
		const bool keep = orc_alu_int(i->c.op0, value, 0, true);

		orc_put(DST, p, n, keep ? orc_get(SRC0, p, n) : orc_float_of(i->c.imm[2]));
	}
}

void orc_run_range_select(struct orc_inst *i)
{
	float *row = i->m->row[0];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			const float at = (float)(int32_t)(i->c.imm[2] + n);
			const bool in = orc_alu(i->c.op0, at, orc_scalar(i, 0, p)) != 0 &&
					orc_alu(i->c.op1, at, orc_scalar(i, 1, p)) != 0;

			row[n] = in ? orc_get(SRC0, p, n) : -3.4028235e38f;
			orc_put(DST, p, n, row[n]);
		}
		orc_join(i, p, TRN_ALU_MAX, row, DST->count, 0, 0);
	}
	orc_show(i, false);
}

void orc_run_max8(struct orc_inst *i)
{
	float *row = i->m->row[0];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < SRC0->count; n++)
			row[n] = orc_get(SRC0, p, n);
		for (uint32_t k = 0; k < 8; k++) {
			uint32_t best = SRC0->count;

			for (uint32_t n = 0; n < SRC0->count; n++) {
				if (row[n] == row[n] && (best == SRC0->count || row[n] > row[best]))
					best = n;
			}
			orc_put(DST, p, k, best < SRC0->count ? row[best] : -3.4028235e38f);
			if (best < SRC0->count)
				row[best] = NAN;
		}
	}
}

void orc_run_find8(struct orc_inst *i)
{
	uint32_t found[8];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t v = 0; v < 8; v++) {
			const float want = orc_get(SRC1, p, v);
			uint32_t from = 0;

			for (uint32_t u = 0; u < v; u++) {
				if (orc_get(SRC1, p, u) == want)
					from = found[u] == UINT32_MAX ? UINT32_MAX : found[u] + 1;
			}
			found[v] = UINT32_MAX;
			for (uint32_t n = from; n < SRC0->count; n++) {
				if (orc_get(SRC0, p, n) == want) {
					found[v] = n;
					break;
				}
			}
			orc_put_raw(DST, p, v, found[v]);
		}
	}
}

static float two_steps(struct orc_inst *i, uint32_t p, uint32_t n)
{
	const float y = apply(i->c.op0, orc_get(SRC0, p, n), orc_scalar(i, 0, p),
			      i->c.head.flags & TRN_SCALAR_REVERSE0);

	return apply(i->c.op1, y, orc_scalar(i, 1, p), i->c.head.flags & TRN_SCALAR_REVERSE1);
}

void orc_run_activate2(struct orc_inst *i)
{
	act_rows(i, i->c.func, i->c.imm[2], 0, orc_float_of(i->c.imm[3]), two_steps);
}
