/* SPDX-License-Identifier: Apache-2.0 */
/* Section 7 of docs/isa.md: DMA; and the memory instructions of section 5. */
#include "oracle.h"

#include <string.h>

/* One side: its elements in order, each at an address. */
struct side {
	struct orc_machine *m;
	uint8_t space, dtype, size;
	uint64_t count;
	struct orc_view v; /* SBUF */
	/* DRAM */
	struct orc_arg arg;
	int64_t first; /* byte of the argument */
	uint32_t rank;
	int64_t step[4]; /* bytes */
	uint64_t num[4];
	bool inside; /* every byte of it, without an index */
	bool indexed;
	int64_t row[ORC_PARTITIONS];
	bool row_inside[ORC_PARTITIONS];
};

static bool loops_inside(const struct side *s, int64_t first, uint32_t from)
{
	int64_t lo = first, hi = first + s->size;

	for (uint32_t d = from; d < s->rank; d++) {
		const int64_t reach = s->step[d] * (int64_t)(s->num[d] - 1);

		lo += reach < 0 ? reach : 0;
		hi += reach > 0 ? reach : 0;
	}
	return lo >= 0 && hi <= (int64_t)s->arg.size;
}

static void side_set(struct orc_inst *i, struct side *s, const struct trn_isa_mem *mem,
		     uint32_t slot)
{
	*s = (struct side){ .m = i->m, .space = mem->space, .dtype = mem->dtype, .inside = true };
	s->size = (uint8_t)orc_size(mem->dtype);
	if (mem->space == TRN_SPACE_SBUF) {
		orc_view_set(i->m, &s->v, i->engine, slot, &mem->u.chip.ap);
		s->count = (uint64_t)s->v.rows * s->v.count;
		return;
	}
	s->arg = i->m->arg[mem->arg];
	s->first = (int64_t)mem->u.dram.offset;
	if (mem->reg)
		s->first += (int64_t)i->m->reg[i->engine][mem->reg - 1] * mem->reg_scale;
	s->count = 1;
	for (uint32_t d = 0; d < 4 && mem->u.dram.dims[d].num; d++) {
		s->step[d] = (int64_t)mem->u.dram.dims[d].step * s->size;
		s->num[d] = mem->u.dram.dims[d].num;
		s->count *= s->num[d];
		s->rank = d + 1;
	}
	s->inside = loops_inside(s, s->first, 0);
}

/* The rows of this side are the ones that the index names. */
static void side_index(struct orc_inst *i, struct side *s)
{
	struct orc_view index;

	orc_view_set(i->m, &index, i->engine, TRN_AP_INDEX, &i->d.index);
	s->indexed = true;
	s->inside = true;
	for (uint32_t r = 0; r < index.rows; r++) {
		const uint32_t raw = orc_raw(&index, r, 0);
		const int64_t at = index.dtype == TRN_DTYPE_S32 ? (int32_t)raw : (int64_t)raw;

		s->row[r] = s->first + at * s->step[0];
		s->row_inside[r] = at >= 0 && loops_inside(s, s->row[r], 1);
	}
}

/* The byte of the argument, or -1 where the element is to be skipped. */
static int64_t dram_at(const struct side *s, uint64_t e)
{
	int64_t at = s->indexed ? 0 : s->first;

	for (uint32_t d = s->rank; d-- > 0;) {
		const uint64_t k = e % s->num[d];

		e /= s->num[d];
		if (d > 0 || !s->indexed)
			at += (int64_t)k * s->step[d];
		else if (!s->row_inside[k])
			return -1;
		else
			at += s->row[k];
	}
	return at;
}

static bool side_skips(const struct side *s, uint64_t e)
{
	return s->space == TRN_SPACE_DRAM && dram_at(s, e) < 0;
}

static uint32_t side_raw(const struct side *s, uint64_t e)
{
	if (s->space == TRN_SPACE_SBUF)
		return orc_raw(&s->v, (uint32_t)(e / s->v.count), (uint32_t)(e % s->v.count));
	return orc_read(s->m, TRN_SPACE_DRAM, 0,
			(uint32_t)(s->arg.offset + (uint64_t)dram_at(s, e)), s->size);
}

static void side_put_raw(const struct side *s, uint64_t e, uint32_t raw)
{
	if (s->space == TRN_SPACE_SBUF)
		orc_put_raw(&s->v, (uint32_t)(e / s->v.count), (uint32_t)(e % s->v.count), raw);
	else
		orc_write(s->m, TRN_SPACE_DRAM, 0,
			  (uint32_t)(s->arg.offset + (uint64_t)dram_at(s, e)), s->size, raw);
}

/* A value, with its NaN kept loose. */
static void side_put(const struct side *s, uint64_t e, float value)
{
	struct orc_view one = s->v;

	if (s->space == TRN_SPACE_SBUF) {
		orc_put(&s->v, (uint32_t)(e / s->v.count), (uint32_t)(e % s->v.count), value);
		return;
	}
	one.m = s->m;
	one.space = TRN_SPACE_DRAM;
	one.dtype = s->dtype;
	one.size = s->size;
	one.start = 0;
	one.rounds = false;
	one.group = 0;
	s->m->at[TRN_AP_SRC3][0] = (uint32_t)(s->arg.offset + (uint64_t)dram_at(s, e));
	one.at = s->m->at[TRN_AP_SRC3];
	orc_put(&one, 0, 0, value);
}

static bool flag(const struct orc_inst *i, uint32_t bit)
{
	return i->c.head.flags & bit;
}

/* Both sides, with their indices. False when nothing moves. */
static bool sides(struct orc_inst *i, struct side *dst, struct side *src)
{
	side_set(i, dst, &i->d.dst, TRN_AP_DST);
	side_set(i, src, &i->d.src, TRN_AP_SRC0);
	if (flag(i, TRN_DMA_GATHER))
		side_index(i, src);
	if (flag(i, TRN_DMA_SCATTER))
		side_index(i, dst);
	for (uint32_t r = 0; r < ORC_PARTITIONS && !flag(i, TRN_DMA_OOB_SKIP); r++) {
		if ((src->indexed && r < src->num[0] && !src->row_inside[r]) ||
		    (dst->indexed && r < dst->num[0] && !dst->row_inside[r]))
			i->rule = TRN_RULE_RANGE;
	}
	return i->rule == 0 && dst->inside && src->inside;
}

void orc_run_dma_copy(struct orc_inst *i)
{
	struct side dst, src;

	if (!sides(i, &dst, &src))
		return;
	for (uint64_t e = 0; e < dst.count; e++) {
		if (side_skips(&src, e) || side_skips(&dst, e))
			continue;
		if (dst.dtype == src.dtype)
			side_put_raw(&dst, e, side_raw(&src, e));
		else
			side_put(&dst, e, orc_decode(src.dtype, side_raw(&src, e)));
	}
}

/* Dimensions of a side, partitions first. */
static uint32_t shape_of(const struct orc_inst *i, const struct side *s, bool is_dst,
			 uint64_t shape[5])
{
	const struct trn_isa_ap *ap = is_dst ? &i->d.dst.u.chip.ap : &i->d.src.u.chip.ap;
	uint32_t rank = 0;

	if (s->space == TRN_SPACE_DRAM) {
		memcpy(shape, s->num, sizeof(s->num));
		return s->rank;
	}
	shape[rank++] = ap->partitions;
	for (uint32_t d = 0; d < ap->ndims; d++)
		shape[rank++] = ap->dims[d].num;
	return rank;
}

void orc_run_dma_transpose(struct orc_inst *i)
{
	struct side dst, src;
	uint64_t shape[5] = { 0 };
	uint32_t rank;

	if (!sides(i, &dst, &src))
		return;
	rank = shape_of(i, &src, false, shape);
	for (uint64_t e = 0; e < src.count; e++) {
		uint64_t index[5], rest = e, to = 0;

		for (uint32_t d = rank; d-- > 0; rest /= shape[d])
			index[d] = rest % shape[d];
		/* dst's shape is src's with the first and the last swapped */
		for (uint32_t d = 0; d < rank; d++) {
			const uint32_t from = d == 0 ? rank - 1 : (d == rank - 1 ? 0 : d);

			to = to * shape[from] + index[from];
		}
		if (!side_skips(&src, e))
			side_put_raw(&dst, to, side_raw(&src, e));
	}
}

/* Element e of source k of several: they are the first loop inside a row. */
static uint64_t source_at(const struct side *src, uint64_t e, uint32_t k, uint32_t sources)
{
	uint64_t each;

	if (src->space == TRN_SPACE_DRAM)
		return k * (src->count / sources) + e;
	each = src->v.count / sources;
	return e / each * src->v.count + k * each + e % each;
}

void orc_run_dma_add(struct orc_inst *i)
{
	const uint32_t sources = i->d.imm[0];
	const bool old = flag(i, TRN_DMA_ACCUMULATE);
	struct side dst, src;

	if (sources == 1 && !old) {
		orc_run_dma_copy(i);
		return;
	}
	if (!sides(i, &dst, &src))
		return;
	for (uint64_t e = 0; e < dst.count; e++) {
		float sum;

		if (side_skips(&dst, e) || side_skips(&src, e))
			continue;
		sum = old ? orc_decode(dst.dtype, side_raw(&dst, e)) : 0;
		for (uint32_t k = 0; k < sources; k++) {
			const uint64_t at = source_at(&src, e, k, sources);
			const float x = orc_decode(src.dtype, side_raw(&src, at));

			sum = k == 0 && !old ? x : sum + x;
		}
		side_put(&dst, e, sum);
	}
}

void orc_run_reg_load(struct orc_inst *i)
{
	struct side src;
	uint32_t raw;

	side_set(i, &src, &i->d.src, TRN_AP_SRC0);
	raw = side_raw(&src, 0);
	if (src.dtype == TRN_DTYPE_S8)
		raw = (uint32_t)(int8_t)raw;
	else if (src.dtype == TRN_DTYPE_S16)
		raw = (uint32_t)(int16_t)raw;
	i->m->reg[i->engine][i->d.op0] = raw;
}

void orc_run_reg_store(struct orc_inst *i)
{
	struct side dst;

	side_set(i, &dst, &i->d.dst, TRN_AP_DST);
	side_put_raw(&dst, 0, i->m->reg[i->engine][i->d.op0]);
}
