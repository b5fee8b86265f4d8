/* SPDX-License-Identifier: Apache-2.0 */
/* Random operands: places, shapes, values. */
#include "gen.h"

#include <math.h>
#include <string.h>

#define E4M3FN_FIRST 3u /* generation that has F8E4M3FN and the packed formats */

uint32_t orc_dtypes(const struct orc_case *g, uint32_t set)
{
	return g->number >= E4M3FN_FIRST ? set : set & ~(1u << TRN_DTYPE_F8E4M3FN | 0x78000u);
}

uint32_t orc_pick_dtype(struct orc_case *g, uint32_t set)
{
	uint32_t dtype;

	set = orc_dtypes(g, set);
	do {
		dtype = orc_below(&g->rng, TRN_DTYPE_COUNT);
	} while (!(set >> dtype & 1));
	return dtype;
}

uint32_t orc_partitions(struct orc_case *g)
{
	static const uint8_t usual[] = { 1, 2, 16, 31, 32, 33, 64, 65, 127, 128 };

	if (g->small > 2)
		return 1 + orc_below(&g->rng, 4);
	/* Mostly few: the oracle is slow, and a row is like the next. */
	/* what an index goes with */
	if (g->number >= 3 && orc_chance(&g->rng, 12))
		return 16 * (1 + orc_below(&g->rng, 4));
	if (orc_chance(&g->rng, 60))
		return 1 + orc_below(&g->rng, 12);
	return orc_chance(&g->rng, 50) ? usual[orc_below(&g->rng, ORC_LEN(usual))] :
					 1 + orc_below(&g->rng, 128);
}

uint32_t orc_count(struct orc_case *g, uint32_t most)
{
	uint32_t count = orc_chance(&g->rng, 30) ? 1 + orc_below(&g->rng, 12) :
						   1 + orc_below(&g->rng, 100);

	if (orc_chance(&g->rng, 4))
		count = 1 + orc_below(&g->rng, 2000);
	count = g->small > 1 ? 1 + count / (4 * g->small) : count;
	return count > most ? most : count;
}

uint32_t orc_space(struct orc_case *g, bool reads)
{
	if (g->engine == TRN_ENGINE_TENSOR)
		return reads ? TRN_SPACE_SBUF : TRN_SPACE_PSUM;
	if (g->engine == TRN_ENGINE_GPSIMD || (reads && !g->psum_ready))
		return TRN_SPACE_SBUF;
	return orc_chance(&g->rng, 35) ? TRN_SPACE_PSUM : TRN_SPACE_SBUF;
}

static uint32_t start_of(struct orc_case *g, uint32_t partitions)
{
	if (partitions > 64)
		return 0;
	return partitions > 32 ? 64 * orc_below(&g->rng, 2) : 32 * orc_below(&g->rng, 4);
}

/* Up to four nums whose product is count. */
static void split(struct orc_case *g, struct trn_isa_ap *ap, uint32_t count)
{
	const uint32_t ndims = orc_chance(&g->rng, 40) ? 1 : 1 + orc_below(&g->rng, 4);

	ap->ndims = (uint8_t)ndims;
	for (uint32_t d = 0; d < ndims; d++) {
		uint32_t num = 1 + orc_below(&g->rng, 8);

		while (count % num != 0)
			num--;
		if (d == ndims - 1)
			num = count;
		ap->dims[d].num = (uint16_t)num;
		count /= num;
	}
}

/* Steps: order of the loops in memory, gaps, signs, repeats. False when one does not fit. */
static bool stride(struct orc_case *g, struct trn_isa_ap *ap, bool plain, bool repeat)
{
	uint32_t order[4] = { 0, 1, 2, 3 };
	int64_t unit = 1;

	if (!plain && orc_chance(&g->rng, 20))
		unit += orc_below(&g->rng, 5);
	for (uint32_t k = ap->ndims; !plain && k > 1 && orc_chance(&g->rng, 60); k--) {
		const uint32_t other = orc_below(&g->rng, k), last = order[k - 1];

		order[k - 1] = order[other];
		order[other] = last;
	}
	for (uint32_t k = ap->ndims; k-- > 0;) {
		struct trn_isa_dim *dim = &ap->dims[order[k]];

		if (unit > INT16_MAX)
			return false;
		dim->step = (int16_t)unit;
		if (!plain && repeat && orc_chance(&g->rng, 10)) {
			dim->step = 0;
			continue;
		}
		if (!plain && orc_chance(&g->rng, 15))
			dim->step = (int16_t)-unit;
		unit *= dim->num;
		if (!plain && orc_chance(&g->rng, 20))
			unit += orc_below(&g->rng, 6);
	}
	return true;
}

static struct trn_isa_ap place(struct orc_case *g, uint32_t space, uint32_t dtype,
			       uint32_t partitions, uint32_t count, bool repeat)
{
	const uint32_t size = orc_size(dtype);
	struct trn_isa_ap ap = { .space = (uint8_t)space, .dtype = (uint8_t)dtype };
	int64_t least = 0, most = 0, bytes = 0;
	bool fits = false;

	ap.start = (uint8_t)start_of(g, partitions);
	ap.partitions = (uint8_t)partitions;
	split(g, &ap, count);
	g->lo[space] = (g->lo[space] + size - 1) / size * size;
	for (uint32_t tries = 0; tries < 2 && !fits; tries++) {
		fits = stride(g, &ap, tries == 1, repeat);
		least = most = 0;
		for (uint32_t d = 0; d < ap.ndims; d++) {
			const int64_t reach = (int64_t)ap.dims[d].step * (ap.dims[d].num - 1);

			least += reach < 0 ? reach : 0;
			most += reach > 0 ? reach : 0;
		}
		bytes = (most - least + 1) * size;
		fits = fits && (int64_t)g->lo[space] + bytes <= (int64_t)g->hi[space];
	}
	if (!fits) {
		g->full = true;
		ap.ndims = 1;
		ap.dims[0] = (struct trn_isa_dim){ 0, 1 };
		return ap;
	}
	ap.offset = (uint32_t)((int64_t)g->lo[space] - least * size);
	g->lo[space] += (uint32_t)bytes;
	return ap;
}

struct trn_isa_ap orc_operand(struct orc_case *g, uint32_t space, uint32_t dtype,
			      uint32_t partitions, uint32_t count)
{
	return place(g, space, dtype, partitions, count, false);
}

struct trn_isa_ap orc_source(struct orc_case *g, uint32_t dtype, uint32_t partitions,
			     uint32_t count, enum orc_values values)
{
	struct trn_isa_ap ap = place(g, orc_space(g, true), dtype, partitions, count, true);

	orc_fill(g, &ap, values);
	return ap;
}

struct trn_isa_ap orc_target(struct orc_case *g, uint32_t dtype, uint32_t partitions,
			     uint32_t count)
{
	return place(g, orc_space(g, false), dtype, partitions, count, false);
}

struct trn_isa_ap orc_column(struct orc_case *g, uint32_t dtype, uint32_t partitions)
{
	return orc_source(g, dtype, partitions, 1, ORC_ANY);
}

void orc_in_place(struct orc_case *g, struct trn_isa_ap *dst, const struct trn_isa_ap *src)
{
	const bool same = orc_size(dst->dtype) == orc_size(src->dtype) &&
			  orc_ap_count(dst) == orc_ap_count(src) &&
			  dst->partitions == src->partitions;
	const uint8_t dtype = dst->dtype;

	for (uint32_t d = 0; d < src->ndims; d++) {
		if (src->dims[d].step == 0)
			return;
	}
	if (!same || !orc_chance(&g->rng, 10))
		return;
	*dst = *src;
	dst->dtype = dtype;
}

uint32_t orc_ap_count(const struct trn_isa_ap *ap)
{
	uint32_t count = 1;

	for (uint32_t d = 0; d < ap->ndims; d++)
		count *= ap->dims[d].num;
	return count;
}

int64_t orc_ap_at(const struct trn_isa_ap *ap, uint32_t n)
{
	int64_t at = 0;

	for (uint32_t d = ap->ndims; d-- > 0;) {
		at += (int64_t)(n % ap->dims[d].num) * ap->dims[d].step;
		n /= ap->dims[d].num;
	}
	return ap->offset + at * orc_size(ap->dtype);
}

/* --- values --- */

static float edge(struct orc_case *g)
{
	static const uint32_t edges[] = {
		0x00000000, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f7fffff,
		0xff7fffff, 0x00800000, 0x80800000, 0x007fffff, 0x00000001, 0x80000001, 0x3f800000,
		0xbf800000, 0x7f7f8000, 0x7f7f7fff, 0x33800000, 0x3f808000, 0x3f818000, 0x3f801000,
		0x3f803000, 0x7f801000, 0x477fe000, 0x477fefff, 0x477ff000, 0x387fe000, 0x33000000,
		0x33000001, 0x43700000, 0x43780000, 0x43e00000, 0x43e80000, 0x43e80001, 0x47600000,
		0x47700000, 0x41780000, 0x417c0000, 0x3b000000, 0x3a800000, 0x37000000, 0x36800000,
		0x4f000000, 0xcf000000, 0x4f800000, 0x4effffff, 0x4f7fffff, 0x4b800001, 0x437f8000,
	};
	const uint32_t pick = orc_below(&g->rng, ORC_LEN(edges) + 12);

	if (pick < ORC_LEN(edges))
		return orc_float_of(edges[pick]);
	/* halves: ties of conversions to integers */
	return (float)((int32_t)orc_below(&g->rng, 600) - 300) * 0.5f;
}

static uint32_t bits_without_nan(struct orc_case *g, uint32_t dtype)
{
	const uint32_t raw = (uint32_t)orc_next(&g->rng);
	const float value = orc_is_packed(dtype) ? 0 : orc_decode(dtype, raw);

	return isfinite(value) ? raw : orc_encode(dtype, 1);
}

uint32_t orc_value(struct orc_case *g, uint32_t dtype, enum orc_values values)
{
	const float unit = (float)orc_below(&g->rng, 1u << 24) * 0x1p-24f;

	if (orc_is_packed(dtype))
		return (uint32_t)orc_next(&g->rng);
	switch (values) {
	case ORC_EDGES:
		if (orc_chance(&g->rng, 80))
			return orc_encode(dtype, edge(g));
		return (uint32_t)orc_next(&g->rng);
	case ORC_PLAIN:
		return orc_encode(dtype, orc_is_int(dtype) ? 200 * unit - 50 : 8 * unit - 4);
	case ORC_WHOLE:
		return orc_encode(dtype, (float)((int32_t)orc_below(&g->rng, 17) - 8));
	case ORC_FINITE:
		return bits_without_nan(g, dtype);
	default:
		return (uint32_t)orc_next(&g->rng);
	}
}

static enum orc_values any_values(struct orc_case *g)
{
	static const uint8_t often[] = { ORC_BITS,  ORC_EDGES, ORC_EDGES, ORC_PLAIN,
					 ORC_PLAIN, ORC_PLAIN, ORC_WHOLE, ORC_FINITE };

	return often[orc_below(&g->rng, ORC_LEN(often))];
}

/* PSUM is filled through its image in SBUF: the launch copies that first. */
void orc_fill_raw(struct orc_case *g, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		  uint32_t raw)
{
	uint32_t at = (uint32_t)orc_ap_at(ap, n);

	if (g->full)
		return;
	if (ap->space == TRN_SPACE_PSUM)
		at += g->image;
	orc_write(g->m, TRN_SPACE_SBUF, ap->start + p, at, orc_size(ap->dtype), raw);
}

void orc_fill(struct orc_case *g, const struct trn_isa_ap *ap, enum orc_values values)
{
	const uint32_t count = orc_ap_count(ap);
	const enum orc_values style = values == ORC_ANY ? any_values(g) : values;

	for (uint32_t p = 0; p < ap->partitions; p++) {
		for (uint32_t n = 0; n < count; n++)
			orc_fill_raw(g, ap, p, n, orc_value(g, ap->dtype, style));
	}
}

uint32_t orc_imm(struct orc_case *g)
{
	return orc_value(g, TRN_DTYPE_F32, orc_chance(&g->rng, 30) ? ORC_EDGES : ORC_PLAIN);
}

struct trn_isa_compute *orc_emit(struct orc_case *g, uint32_t op, uint32_t words)
{
	struct trn_isa_compute *c = &g->inst[g->count++];

	memset(c, 0, sizeof(*c));
	c->head.op = (uint8_t)op;
	c->head.words = (uint8_t)words;
	return c;
}

void orc_words(struct trn_isa_compute *c)
{
	const bool w1 = c->src0.space || c->src1.space || c->imm4 || c->imm5;

	if (c->head.words < 2 && w1)
		c->head.words = 2;
	if (c->head.words < 3 && (c->src2.space || c->dst2.space))
		c->head.words = 3;
	if (c->src3.space || c->index.space)
		c->head.words = 4;
}

/* Sometimes a part of the offset comes from a register. */
static void through_register(struct orc_case *g, struct trn_isa_ap *ap)
{
	/* another one for each operand of the case */
	const uint32_t reg = 7 * g->count % TRN_ISA_REGISTERS;
	const uint32_t part = orc_below(&g->rng, ap->offset + 1);
	struct trn_isa_compute *c;

	if (g->full || g->count + 2 >= ORC_SEQUENCE || !orc_chance(&g->rng, 4))
		return;
	c = orc_emit(g, TRN_OP_REG_MOVE, 1);
	c->head.flags = TRN_REG_IMM;
	c->op0 = (uint8_t)reg;
	if (orc_chance(&g->rng, 50)) {
		c->imm[0] = part;
		ap->offset -= part;
	} else {
		c->imm[0] = 0u - part;
		ap->offset += part;
	}
	ap->reg = (uint8_t)(reg + 1);
}

/* Section 1.6: slots of an opcode that an index is for, a bit each. */
static uint32_t indexable(uint32_t op)
{
	static const uint8_t both[] = { TRN_OP_TENSOR_COPY,   TRN_OP_TENSOR_SCALAR,
					TRN_OP_ACTIVATION,    TRN_OP_ACTIVATE2,
					TRN_OP_EXPONENTIAL,   TRN_OP_SCALAR_CUMULATIVE,
					TRN_OP_SCALAR_REDUCE, TRN_OP_COPY_PREDICATED };

	if (op == TRN_OP_MATMUL || op == TRN_OP_MATMUL_MX || op == TRN_OP_TENSOR_TENSOR)
		return 1u << TRN_AP_SRC0 | 1u << TRN_AP_SRC1;
	for (uint32_t k = 0; k < ORC_LEN(both); k++) {
		if (op == both[k])
			return 1u << TRN_AP_SRC0 | 1u << TRN_AP_DST;
	}
	return op == TRN_OP_TENSOR_REDUCE ? 1u << TRN_AP_SRC0 : 0;
}

void orc_index(struct orc_case *g, struct trn_isa_compute *c)
{
	struct trn_isa_ap *const aps[] = { &c->dst, &c->src0, &c->src1 };
	const uint32_t group = g->engine == TRN_ENGINE_TENSOR ? 32 : 16;
	const uint32_t slot = orc_below(&g->rng, 3), region = 1 + orc_below(&g->rng, 60);
	struct trn_isa_ap *ap = aps[slot], old = *ap;
	uint32_t n = orc_ap_count(ap), space = ap->space;

	if (g->number < 3 || g->full || !(indexable(c->head.op) >> slot & 1) || !ap->space ||
	    ap->partitions % group != 0 || (c->head.flags & TRN_MATMUL_TILED) != 0 ||
	    orc_is_packed(ap->dtype) != (c->head.op == TRN_OP_MATMUL_MX) ||
	    !orc_chance(&g->rng, 60))
		return;
	/* SCALAR_REVERSE1 is the bit of TILED elsewhere: those stay plain, too. */
	if (c->head.op == TRN_OP_TENSOR_REDUCE && c->imm[0] != c->src0.ndims)
		return;
	if (c->head.op == TRN_OP_TENSOR_REDUCE) {
		c->imm[0] = 1;
		n = (n + group - 1) / group * group;
	}
	if (slot == TRN_AP_DST && g->engine == TRN_ENGINE_SCALAR)
		space = TRN_SPACE_SBUF;
	*ap = place(g, space, old.dtype, old.partitions, region, false);
	ap->start = old.start;
	ap->ndims = 1;
	ap->dims[0] = (struct trn_isa_dim){ 1, (uint16_t)region };
	memset(&ap->dims[1], 0, sizeof(ap->dims) - sizeof(ap->dims[0]));
	ap->offset = g->lo[space] - region * orc_size(old.dtype);
	if (g->full)
		return;
	if (slot != TRN_AP_DST || c->head.op == TRN_OP_COPY_PREDICATED)
		orc_fill(g, ap, orc_chance(&g->rng, 60) ? ORC_PLAIN : ORC_ANY);
	c->head.indirect = (uint8_t)(slot + 1);
	c->index = place(g, TRN_SPACE_SBUF, orc_chance(&g->rng, 50) ? TRN_DTYPE_U16 : TRN_DTYPE_U32,
			 old.partitions, (n + group - 1) / group, false);
	c->index.start = old.start;
	for (uint32_t p = 0; p < old.partitions; p++) {
		for (uint32_t k = 0; k < (n + group - 1) / group; k++)
			orc_fill_raw(g, &c->index, p, k, orc_below(&g->rng, region));
	}
	c->head.words = 4;
}

void orc_put_last(struct orc_case *g, const struct trn_isa_compute *c)
{
	struct trn_isa_compute one = *c, *last;
	struct trn_isa_ap *const aps[] = { &one.dst, &one.src0, &one.src1, &one.src2, &one.dst2 };

	orc_index(g, &one);
	for (uint32_t k = 0; k < ORC_LEN(aps); k++) {
		if (aps[k]->space)
			through_register(g, aps[k]);
	}
	last = orc_emit(g, c->head.op, 1);
	*last = one;
	if (last->head.words == 0)
		last->head.words = 2;
	orc_words(last);
}
