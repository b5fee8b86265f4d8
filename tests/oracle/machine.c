/* SPDX-License-Identifier: Apache-2.0 */
/* Memories of the oracle's core as plain arrays, and operands over them. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t space_bytes(const struct orc_machine *m, uint32_t space)
{
	return space == TRN_SPACE_DRAM ? m->pitch[space] :
					 (uint64_t)m->pitch[space] * ORC_PARTITIONS;
}

int orc_machine_open(struct orc_machine **ret, uint32_t number, uint32_t sbuf_bytes)
{
	struct orc_machine *m = calloc(1, sizeof(*m));
	bool ok = m != NULL;

	if (!ok)
		return -1;
	m->number = number;
	m->pitch[TRN_SPACE_SBUF] = sbuf_bytes;
	m->pitch[TRN_SPACE_PSUM] = ORC_PSUM_BYTES;
	m->pitch[TRN_SPACE_DRAM] = ORC_DRAM_BYTES;
	for (uint32_t space = TRN_SPACE_SBUF; space < ORC_SPACES; space++) {
		m->mem[space] = calloc(space_bytes(m, space), 1);
		m->loose[space] = calloc(space_bytes(m, space), 1);
		ok = ok && m->mem[space] && m->loose[space];
	}
	m->grain = calloc(ORC_PARTITIONS * ORC_PSUM_BYTES / 4, 1);
	m->slack_room = 1u << 16;
	m->slack = calloc(m->slack_room, sizeof(*m->slack));
	ok = ok && m->grain && m->slack;
	if (!ok) {
		orc_machine_close(m);
		return -1;
	}
	orc_seed_lanes(m, TRN_ENGINE_VECTOR, 1);
	orc_seed_lanes(m, TRN_ENGINE_GPSIMD, 1);
	*ret = m;
	return 0;
}

void orc_machine_close(struct orc_machine *m)
{
	if (!m)
		return;
	for (uint32_t space = 0; space < ORC_SPACES; space++) {
		free(m->mem[space]);
		free(m->loose[space]);
	}
	free(m->grain);
	free(m->slack);
	free(m);
}

uint8_t *orc_at(struct orc_machine *m, uint32_t space, uint32_t partition, uint32_t offset)
{
	return m->mem[space] + (size_t)partition * m->pitch[space] + offset;
}

uint32_t orc_read(struct orc_machine *m, uint32_t space, uint32_t partition, uint32_t offset,
		  uint32_t size)
{
	const uint8_t *at = orc_at(m, space, partition, offset);
	uint32_t raw = 0;

	for (uint32_t i = 0; i < size; i++)
		raw |= (uint32_t)at[i] << 8 * i;
	return raw;
}

void orc_write(struct orc_machine *m, uint32_t space, uint32_t partition, uint32_t offset,
	       uint32_t size, uint32_t raw)
{
	uint8_t *at = orc_at(m, space, partition, offset);

	for (uint32_t i = 0; i < size; i++) {
		at[i] = (uint8_t)(raw >> 8 * i);
		m->loose[space][(size_t)(at - m->mem[space]) + i] = 0;
	}
	if (space == TRN_SPACE_PSUM)
		m->grain[(partition * ORC_PSUM_BYTES + offset) / 4] = 1;
}

/* What was just written there may also be another value. */
static void add_slack(struct orc_machine *m, const struct orc_slack *slack)
{
	if (m->slack_count == m->slack_room) {
		struct orc_slack *more = realloc(m->slack, 2 * m->slack_room * sizeof(*more));

		if (!more) {
			fputs("oracle: out of memory\n", stderr);
			abort();
		}
		m->slack = more;
		m->slack_room *= 2;
	}
	m->slack[m->slack_count++] = *slack;
	m->loose[slack->space][(size_t)slack->partition * m->pitch[slack->space] + slack->offset] =
		1;
}

/* Where element n of row p is, with its partition. */
static uint32_t offset_of(const struct orc_view *v, uint32_t p, uint32_t n)
{
	if (v->group == 0)
		return v->at[n];
	/* A place outside the region was reported before; the bytes do not matter. */
	n = v->m->place[p / v->group * v->count + n];
	return v->at[n < v->region ? n : 0];
}

uint32_t orc_raw(const struct orc_view *v, uint32_t p, uint32_t n)
{
	return orc_read(v->m, v->space, v->start + p, offset_of(v, p, n), v->size);
}

float orc_get(const struct orc_view *v, uint32_t p, uint32_t n)
{
	return orc_decode(v->dtype, orc_raw(v, p, n));
}

void orc_put_raw(const struct orc_view *v, uint32_t p, uint32_t n, uint32_t raw)
{
	orc_write(v->m, v->space, v->start + p, offset_of(v, p, n), v->size, raw);
}

uint32_t orc_xorshift(uint32_t x)
{
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

void orc_put(const struct orc_view *v, uint32_t p, uint32_t n, float value)
{
	const bool narrow = orc_is_float(v->dtype) && v->dtype != TRN_DTYPE_F32;
	uint32_t raw;

	if (v->rounds && narrow) {
		uint32_t *state = &v->m->round_state[v->engine];

		*state = orc_xorshift(*state);
		raw = orc_encode_random(v->dtype, value, *state);
	} else {
		raw = orc_encode(v->dtype, value);
	}
	orc_put_raw(v, p, n, raw);
	if (value != value && orc_is_float(v->dtype))
		add_slack(v->m, &(struct orc_slack){ .space = v->space,
						     .dtype = v->dtype,
						     .any_nan = true,
						     .partition = v->start + p,
						     .offset = offset_of(v, p, n) });
}

void orc_put_about(const struct orc_view *v, uint32_t p, uint32_t n, float value, float lo,
		   float hi)
{
	orc_put(v, p, n, value);
	if (lo < hi)
		add_slack(v->m, &(struct orc_slack){ .space = v->space,
						     .dtype = v->dtype,
						     .anything = isinf(lo) && isinf(hi),
						     .any_nan = value != value,
						     .lo = lo,
						     .hi = hi,
						     .partition = v->start + p,
						     .offset = offset_of(v, p, n) });
}

void orc_view_set(struct orc_machine *m, struct orc_view *v, uint32_t engine, uint32_t slot,
		  const struct trn_isa_ap *ap)
{
	uint32_t index[4] = { 0 };
	uint32_t count = 1;

	*v = (struct orc_view){ .m = m,
				.slot = (uint8_t)slot,
				.space = ap->space,
				.dtype = ap->dtype,
				.size = (uint8_t)orc_size(ap->dtype),
				.start = ap->start,
				.rows = ap->partitions,
				.engine = (uint8_t)engine,
				.at = m->at[slot] };
	for (uint32_t d = 0; d < ap->ndims; d++)
		count *= ap->dims[d].num;
	v->count = count;
	for (uint32_t n = 0; n < count; n++) {
		int64_t at = (int64_t)ap->offset +
			     (ap->reg > 0 ? (int32_t)m->reg[engine][ap->reg - 1] : 0);

		for (uint32_t d = 0; d < ap->ndims; d++)
			at += (int64_t)index[d] * ap->dims[d].step * v->size;
		m->at[slot][n] = (uint32_t)at;
		for (uint32_t d = ap->ndims; d-- > 0;) {
			if (++index[d] < ap->dims[d].num)
				break;
			index[d] = 0;
		}
	}
}
