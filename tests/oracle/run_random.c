/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: section 3 and 8.3.1 of docs/isa.md. */
#include "oracle.h"

#define DST (&i->v[TRN_AP_DST])
#define SRC0 (&i->v[TRN_AP_SRC0])

static uint32_t hash(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	x *= 0xc2b2ae35u;
	x ^= x >> 16;
	return x;
}

/* A state that is all 0 becomes 1 in its first word. */
static void never_zero(uint32_t *state)
{
	uint32_t any = 0;

	for (uint32_t j = 0; j < 6; j++)
		any |= state[j];
	if (any == 0)
		state[0] = 1;
}

void orc_seed_lanes(struct orc_machine *m, uint32_t engine, uint32_t seed)
{
	for (uint32_t p = 0; p < ORC_PARTITIONS; p++) {
		for (uint32_t g = 0; g < 4; g++) {
			for (uint32_t j = 0; j < 6; j++)
				m->xorwow[engine][p][g][j] =
					hash(seed + 0x9e3779b9u * p + 0x85ebca6bu * (6 * g + j));
			never_zero(m->xorwow[engine][p][g]);
		}
		if (engine == TRN_ENGINE_VECTOR) {
			m->shift[p] = hash(seed + 0x9e3779b9u * p);
			if (m->shift[p] == 0)
				m->shift[p] = 1;
		}
	}
}

static uint32_t xorwow(uint32_t *s)
{
	const uint32_t t = s[0] ^ s[0] >> 2;

	s[0] = s[1];
	s[1] = s[2];
	s[2] = s[3];
	s[3] = s[4];
	s[4] = s[4] ^ s[4] << 4 ^ t ^ t << 1;
	s[5] += 362437;
	return s[5] + s[4];
}

/* The number for element n of a row of DST. */
static uint32_t draw(struct orc_inst *i, uint32_t p, uint32_t n)
{
	const uint32_t lane = DST->start + p;

	if (i->engine == TRN_ENGINE_GPSIMD)
		return xorwow(i->m->xorwow[i->engine][lane][0]);
	if (i->m->number >= 3)
		return xorwow(i->m->xorwow[i->engine][lane][n % 4]);
	i->m->shift[lane] = orc_xorshift(i->m->shift[lane]);
	return i->m->shift[lane];
}

static float uniform(uint32_t number)
{
	return (float)(number >> 8) * 0x1p-24f;
}

void orc_run_rng(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++)
			orc_put_raw(DST, p, n, draw(i, p, n));
	}
}

void orc_run_rand2(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		const float a = orc_scalar(i, 0, p), wide = orc_scalar(i, 1, p) - a;

		for (uint32_t n = 0; n < DST->count; n++) {
			const float part = uniform(draw(i, p, n)) * wide;

			orc_put(DST, p, n, a + part);
		}
	}
}

void orc_run_dropout(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++) {
			const bool drop = uniform(draw(i, p, n)) < orc_scalar(i, 0, p);

			orc_put(DST, p, n, drop ? 0 : orc_get(SRC0, p, n));
		}
	}
}

void orc_run_seed(struct orc_inst *i)
{
	orc_seed_lanes(i->m, i->engine, orc_raw(SRC0, 0, 0));
}

void orc_run_set_state(struct orc_inst *i)
{
	for (uint32_t p = 0; p < SRC0->rows; p++) {
		for (uint32_t n = 0; n < SRC0->count; n++)
			i->m->xorwow[i->engine][SRC0->start + p][n / 6][n % 6] =
				orc_raw(SRC0, p, n);
		for (uint32_t g = 0; g < SRC0->count / 6; g++)
			never_zero(i->m->xorwow[i->engine][SRC0->start + p][g]);
	}
}

void orc_run_get_state(struct orc_inst *i)
{
	for (uint32_t p = 0; p < DST->rows; p++) {
		for (uint32_t n = 0; n < DST->count; n++)
			orc_put_raw(DST, p, n,
				    i->m->xorwow[i->engine][DST->start + p][n / 6][n % 6]);
	}
}
