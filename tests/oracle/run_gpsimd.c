/* SPDX-License-Identifier: Apache-2.0 */
/* Section 8.3.2 of docs/isa.md: over partitions, sorts, gathers. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>

#define DST (&i->v[TRN_AP_DST])
#define DST2 (&i->v[TRN_AP_DST2])
#define SRC0 (&i->v[TRN_AP_SRC0])
#define SRC1 (&i->v[TRN_AP_SRC1])
#define GROUP 16u

void orc_run_partition_reduce(struct orc_inst *i)
{
	const uint32_t op = i->c.func;

	for (uint32_t n = 0; n < DST->count; n++) {
		uint32_t bits = orc_raw(SRC0, 0, n);
		float value = orc_get(SRC0, 0, n);

		for (uint32_t p = 1; p < SRC0->rows; p++) {
			bits = orc_alu_bits(op, bits, orc_raw(SRC0, p, n));
			value = orc_alu(op, value, orc_get(SRC0, p, n));
		}
		if (i->c.head.flags & TRN_PARTITION_AVERAGE)
			value = value / (float)SRC0->rows;
		if (orc_alu_is_bit(op))
			orc_put_raw(DST, 0, n, bits);
		else
			orc_put(DST, 0, n, value);
	}
}

struct ranked {
	float value;
	uint32_t j, raw;
};

/* Ascending; of equal values the lower j is the larger one, NaN is the smallest. */
static int rank(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	const bool nan_a = a->value != a->value, nan_b = b->value != b->value;

	if (nan_a != nan_b)
		return nan_a ? -1 : 1;
	if (!nan_a && a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return a->j < b->j ? 1 : -1;
}

void orc_run_topk(struct orc_inst *i)
{
	static struct ranked all[ORC_ELEMENTS];
	const uint32_t n = i->c.imm[0], k = i->c.imm[1];

	for (uint32_t first = 0; first < SRC0->rows; first += GROUP) {
		for (uint32_t j = 0; j < n; j++) {
			const uint32_t p = first + j % GROUP;

			all[j] = (struct ranked){ orc_get(SRC0, p, j / GROUP), j,
						  orc_raw(SRC0, p, j / GROUP) };
		}
		qsort(all, n, sizeof(all[0]), rank);
		for (uint32_t r = 0; r < k; r++) {
			const struct ranked *one = &all[n - k + r];
			const uint32_t p = first + r % GROUP;

			if (DST->dtype == TRN_DTYPE_BF16)
				orc_put_raw(DST, p, r / GROUP, one->raw);
			else
				orc_put(DST, p, r / GROUP, one->value);
			orc_put_raw(DST2, p, r / GROUP, one->j);
		}
	}
}

static bool is_zero(const struct orc_view *v, uint32_t p, uint32_t n)
{
	return v->dtype == TRN_DTYPE_S32 ? orc_raw(v, p, n) == 0 : orc_get(v, p, n) == 0;
}

void orc_run_nonzero(struct orc_inst *i)
{
	const uint32_t t = SRC0->count;

	for (uint32_t p = 0; p < SRC0->rows; p += GROUP) {
		uint32_t count = 0;

		for (uint32_t n = 0; n < t; n++) {
			if (!is_zero(SRC0, p, n))
				orc_put_raw(DST, p, count++, n + i->c.imm[0]);
		}
		for (uint32_t n = count; n < t; n++)
			orc_put_raw(DST, p, n, i->c.imm[1]);
		orc_put_raw(DST, p, t, count);
	}
}

void orc_run_local_gather(struct orc_inst *i)
{
	const uint32_t e = i->c.imm[0], v = i->c.imm[1];

	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t j = 0; j < v; j++) {
			const uint32_t at = orc_raw(SRC1, p / GROUP * GROUP + j % GROUP, j / GROUP);

			if ((at + 1) * e > SRC0->count) {
				i->rule = TRN_RULE_RANGE;
				return;
			}
			for (uint32_t k = 0; k < e; k++)
				orc_put_raw(DST, p, j * e + k, orc_raw(SRC0, p, at * e + k));
		}
	}
}

void orc_run_n_gather(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			const uint32_t at = orc_raw(SRC1, p, n);

			if (at >= SRC0->count) {
				i->rule = TRN_RULE_RANGE;
				return;
			}
			orc_put_raw(DST, p, n, orc_raw(SRC0, p, at));
		}
	}
}

static bool same_id(const struct orc_view *v, uint32_t a, uint32_t b)
{
	if (v->dtype == TRN_DTYPE_S32)
		return orc_raw(v, 0, a) == orc_raw(v, 0, b);
	return orc_get(v, 0, a) == orc_get(v, 0, b);
}

static void put_place(const struct orc_view *v, uint32_t n, int32_t place)
{
	if (v->dtype == TRN_DTYPE_S32)
		orc_put_raw(v, 0, n, (uint32_t)place);
	else
		orc_put(v, 0, n, (float)place);
}

void orc_run_bounds(struct orc_inst *i)
{
	const uint32_t n = SRC0->count;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t first = k, end = k + 1;

		if (is_zero(SRC0, 0, k)) {
			put_place(DST, k, (int32_t)n);
			put_place(DST, n + k, -1);
			continue;
		}
		while (first > 0 && same_id(SRC0, first - 1, k))
			first--;
		while (end < n && same_id(SRC0, end, k))
			end++;
		put_place(DST, k, (int32_t)first);
		put_place(DST, n + k, (int32_t)end);
	}
}
