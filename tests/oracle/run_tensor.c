/* SPDX-License-Identifier: Apache-2.0 */
/* Sections 8.1 to 8.2.1 of docs/isa.md: the tensor engine. */
#include "oracle.h"

#include <math.h>

#define DST (&i->v[TRN_AP_DST])
#define SRC0 (&i->v[TRN_AP_SRC0])
#define SRC1 (&i->v[TRN_AP_SRC1])

/* On trn2 only what T wrote last can be added to. */
static bool can_add(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			const uint32_t at = (DST->start + p) * ORC_PSUM_BYTES + DST->at[n];

			if (i->m->grain[at / 4] < (i->m->number >= 3 ? 1 : 2))
				return false;
		}
	}
	return true;
}

static void written_by_tensor(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++)
			i->m->grain[((DST->start + p) * ORC_PSUM_BYTES + DST->at[n]) / 4] = 2;
	}
}

/* Row k of an operand of `wide` elements a row; with DOUBLE_ROW two rows lie in a partition. */
static float input(const struct orc_view *v, uint32_t k, uint32_t n, uint32_t wide, bool two)
{
	return two ? orc_get(v, k / 2, k % 2 * wide + n) : orc_get(v, k, n);
}

void orc_run_matmul(struct orc_inst *i)
{
	const uint32_t flags = i->c.head.flags;
	const bool two = flags & TRN_MATMUL_DOUBLE_ROW;
	const uint32_t rows = SRC0->rows * (two ? 2 : 1);

	if ((flags & TRN_MATMUL_ACCUMULATE) && !can_add(i)) {
		i->rule = TRN_RULE_PSUM_UNINIT;
		return;
	}
	for (uint32_t m = 0; m < DST->rows; m++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			float acc = flags & TRN_MATMUL_ACCUMULATE ? orc_get(DST, m, n) : 0;
			uint32_t raw = 0;

			for (uint32_t k = 0; k < rows; k++) {
				const float a = input(SRC0, k, m, DST->rows, two);

				if (flags & TRN_MATMUL_TRANSPOSE)
					raw = a == 0 ? raw : orc_raw(SRC1, k, n);
				else
					acc = fmaf(a, input(SRC1, k, n, DST->count, two), acc);
			}
			if (flags & TRN_MATMUL_TRANSPOSE)
				orc_put_raw(DST, m, n, raw);
			else
				orc_put(DST, m, n, acc);
		}
	}
	written_by_tensor(i);
}

void orc_run_transpose(struct orc_inst *i)
{
	for (uint32_t f = 0; f < DST->rows; f++) {
		for (uint32_t p = 0; p < DST->count; p++)
			orc_put_raw(DST, f, p, orc_raw(SRC0, p, f));
	}
	if (i->engine == TRN_ENGINE_TENSOR)
		written_by_tensor(i);
}

/* Section 8.2.1: the scale of partition p's element f. */
static uint32_t scale_row(uint32_t p)
{
	return 32 * (p / 32) + p % 32 / 8;
}

static float mx_input(const struct orc_view *v, const struct orc_view *scale, uint32_t k,
		      uint32_t n)
{
	const float number = orc_decode_x4(v->dtype, orc_raw(v, k / 4, n), k % 4);

	return number * orc_decode_scale(orc_raw(scale, scale_row(k / 4), n));
}

void orc_run_matmul_mx(struct orc_inst *i)
{
	const bool add = i->c.head.flags & TRN_MATMUL_ACCUMULATE;

	if (add && !can_add(i)) {
		i->rule = TRN_RULE_PSUM_UNINIT;
		return;
	}
	for (uint32_t m = 0; m < DST->rows; m++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			float acc = add ? orc_get(DST, m, n) : 0;

			for (uint32_t k = 0; k < 4 * SRC0->rows; k++)
				acc = fmaf(mx_input(SRC0, &i->v[TRN_AP_SRC2], k, m),
					   mx_input(SRC1, &i->v[TRN_AP_SRC3], k, n), acc);
			orc_put(DST, m, n, acc);
		}
	}
	written_by_tensor(i);
}

/* One group: 8 partitions from `first`, numbers 4f to 4f + 3. */
static void quantize(struct orc_inst *i, uint32_t first, uint32_t f)
{
	const uint32_t part = orc_x4_part(DST->dtype);
	const int top = part == TRN_DTYPE_F8E4M3FN ? 8 : 15;
	bool finite = true;
	float amax = 0;
	int e = -127, power;

	for (uint32_t k = 0; k < 32; k++) {
		const float x = fabsf(orc_get(SRC0, first + k / 4, 4 * f + k % 4));

		finite = finite && isfinite(x);
		amax = x > amax ? x : amax;
	}
	if (finite && amax > 0) {
		(void)frexp((double)amax, &power);
		e = power - 1 - (top - 1);
		e = e < -127 ? -127 : e;
	}
	for (uint32_t p = 0; p < 8; p++) {
		uint32_t raw = 0;

		for (uint32_t j = 0; j < 4 && finite; j++) {
			const double x = (double)orc_get(SRC0, first + p, 4 * f + j);

			raw |= orc_encode(part, (float)ldexp(x, -e)) << 8 * j;
		}
		orc_put_raw(DST, first + p, f, raw);
	}
	orc_put_raw(&i->v[TRN_AP_DST2], scale_row(first), f, finite ? (uint32_t)(e + 127) : 0xff);
}

void orc_run_quantize_mx(struct orc_inst *i)
{
	for (uint32_t first = 0; first < DST->rows; first += 8) {
		for (uint32_t f = 0; f < DST->count; f++)
			quantize(i, first, f);
	}
}
