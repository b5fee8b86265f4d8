// SPDX-License-Identifier: Apache-2.0
/* trnctl comm: data of the check, and what must come out of it. A value is a hash of seed, rank
 * and place, so any process can tell what any rank gave. Sums are exact in every datatype, and so
 * are the same in any order: at each place only some ranks give anything but zero. */
#include "tools/trnctl_comm.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 16384u /* elements */
#define IO_SECONDS 60u
#define POISON 0x5a

static const struct comm_type types[] = {
	{ "u8", "uint8", TRN_DTYPE_U8, 1, COMM_UNSIGNED, 0, 0, false, 0, 0 },
	{ "s8", "int8", TRN_DTYPE_S8, 1, COMM_SIGNED, 0, 0, false, 0, 0 },
	{ "u16", "uint16", TRN_DTYPE_U16, 2, COMM_UNSIGNED, 0, 0, false, 0, 0 },
	{ "s16", "int16", TRN_DTYPE_S16, 2, COMM_SIGNED, 0, 0, false, 0, 0 },
	{ "u32", "uint32", TRN_DTYPE_U32, 4, COMM_UNSIGNED, 0, 0, false, 0, 0 },
	{ "s32", "int32", TRN_DTYPE_S32, 4, COMM_SIGNED, 0, 0, false, 0, 0 },
	{ "f32", "fp32", TRN_DTYPE_F32, 4, COMM_FLOAT, 8, 23, false, 256, 32768 },
	{ "bf16", "bfloat16", TRN_DTYPE_BF16, 2, COMM_FLOAT, 8, 7, false, 16, 16 },
	{ "f16", "fp16", TRN_DTYPE_F16, 2, COMM_FLOAT, 5, 10, false, 64, 32 },
	{ "f8e4m3", "fp8_e4m3", TRN_DTYPE_F8E4M3, 1, COMM_FLOAT, 4, 3, false, 8, 2 },
	{ "f8e4m3fn", "fp8_e4m3fn", TRN_DTYPE_F8E4M3FN, 1, COMM_FLOAT, 4, 3, true, 8, 2 },
	{ "f8e5m2", "fp8_e5m2", TRN_DTYPE_F8E5M2, 1, COMM_FLOAT, 5, 2, false, 4, 2 },
	{ "f8e3m4", "fp8_e3m4", TRN_DTYPE_F8E3M4, 1, COMM_FLOAT, 3, 4, false, 7, 2 },
};

const struct comm_type *comm_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].name, name) == 0 || strcmp(types[i].alias, name) == 0)
			return &types[i];
	}
	return NULL;
}

/* ---- numbers ---- */

/* An integer that the type has. */
static uint32_t encode(const struct comm_type *type, int64_t value)
{
	uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
	uint32_t sign = value < 0 ? 1u << (type->exponent + type->mantissa) : 0;
	uint32_t top = 0, bias = (1u << (type->exponent - 1)) - 1;

	if (magnitude == 0)
		return 0;
	while (magnitude >> (top + 1) != 0)
		top++;
	magnitude -= UINT64_C(1) << top;
	magnitude = top > type->mantissa ? magnitude >> (top - type->mantissa) :
					   magnitude << (type->mantissa - top);
	return sign | (top + bias) << type->mantissa | (uint32_t)magnitude;
}

/* What is no number becomes NAN, and equals nothing. */
static double decode(const struct comm_type *type, uint32_t bits)
{
	uint32_t fraction = bits & ((1u << type->mantissa) - 1);
	uint32_t exponent = bits >> type->mantissa & ((1u << type->exponent) - 1);
	int bias = (1 << (type->exponent - 1)) - 1;
	double value;

	if (exponent == (1u << type->exponent) - 1 &&
	    (!type->finite || fraction == (1u << type->mantissa) - 1))
		return NAN;
	if (exponent == 0)
		value = ldexp(fraction, 1 - bias - (int)type->mantissa);
	else
		value = ldexp(fraction + (1u << type->mantissa),
			      (int)exponent - bias - (int)type->mantissa);
	return bits >> (type->exponent + type->mantissa) & 1 ? -value : value;
}

static double number_of(const struct comm_type *type, uint32_t bits)
{
	if (type->number == COMM_FLOAT)
		return decode(type, bits);
	if (type->number == COMM_SIGNED) {
		uint32_t shift = 32 - 8 * type->bytes;

		return (double)((int32_t)(bits << shift) >> shift);
	}
	return (double)bits;
}

static uint32_t load(const struct comm_type *type, const uint8_t *bytes)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < type->bytes; i++)
		bits |= (uint32_t)bytes[i] << (8 * i);
	return bits;
}

static void store(const struct comm_type *type, uint8_t *bytes, uint32_t bits)
{
	for (uint32_t i = 0; i < type->bytes; i++)
		bytes[i] = (uint8_t)(bits >> (8 * i));
}

/* ---- values ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 29) * UINT64_C(0xd1b54a32d192ed03);
	return x ^ x >> 32;
}

/* Of a float that is added up: an integer, or zero where others give theirs. */
static int64_t addend(const struct comm *comm, uint32_t rank, uint64_t at, uint64_t random)
{
	const struct comm_type *type = comm->type;
	uint32_t every = (comm->info.ranks + type->addends - 1) / type->addends;

	if ((rank + mix(comm->seed ^ at) % every) % every != 0)
		return 0;
	if (comm->check == COMM_CHECK_ONES)
		return 1;
	return (int64_t)(random % (2 * type->magnitude + 1)) - type->magnitude;
}

/* Of a float that is multiplied: one rank gives 2, the others 1 or -1. */
static int64_t factor(const struct comm *comm, uint32_t rank, uint64_t at, uint64_t random)
{
	if (comm->check == COMM_CHECK_ONES)
		return 1;
	if (mix(comm->seed ^ at) % comm->info.ranks == rank)
		return 2;
	return random & 1 ? 1 : -1;
}

static uint32_t value_of(const struct comm *comm, uint32_t rank, uint64_t at)
{
	const struct comm_type *type = comm->type;
	uint64_t random = mix(comm->seed + mix(at + ((uint64_t)rank << 40)));
	uint32_t mask = type->bytes == 4 ? UINT32_MAX : (1u << 8 * type->bytes) - 1;

	if (type->number != COMM_FLOAT || !comm->operation->reduces) {
		if (comm->check == COMM_CHECK_ONES)
			return type->number == COMM_FLOAT ? encode(type, 1) : 1;
		return (uint32_t)random & mask;
	}
	switch (comm->op) {
	case TRN_COMM_PROD:
		return encode(type, factor(comm, rank, at, random));
	case TRN_COMM_MIN:
	case TRN_COMM_MAX:
		if (comm->check == COMM_CHECK_ONES)
			return encode(type, 1);
		return encode(type,
			      (int64_t)(random % (2 * type->magnitude + 1)) - type->magnitude);
	default:
		return encode(type, addend(comm, rank, at, random));
	}
}

static double joined(const struct comm *comm, double a, double b)
{
	switch (comm->op) {
	case TRN_COMM_MIN:
		return a < b ? a : b;
	case TRN_COMM_MAX:
		return a > b ? a : b;
	case TRN_COMM_PROD:
		return a * b;
	default:
		return a + b;
	}
}

/* What the ranks' values at one place come to. Integers wrap. */
static double reduced(const struct comm *comm, uint64_t at)
{
	const struct comm_type *type = comm->type;
	uint32_t bits = value_of(comm, 0, at);
	double value = number_of(type, bits);
	bool wraps = type->number != COMM_FLOAT && comm->op != TRN_COMM_MIN &&
		     comm->op != TRN_COMM_MAX;

	for (uint32_t rank = 1; rank < comm->info.ranks; rank++) {
		uint32_t next = value_of(comm, rank, at);

		if (!wraps)
			value = joined(comm, value, number_of(type, next));
		else
			bits = comm->op == TRN_COMM_PROD ? bits * next : bits + next;
	}
	if (wraps)
		value = number_of(type,
				  type->bytes == 4 ? bits : bits & ((1u << 8 * type->bytes) - 1));
	return comm->op == TRN_COMM_AVG ? value / comm->info.ranks : value;
}

/* ---- layout ---- */

uint64_t comm_part(const struct comm *comm, uint32_t rank, uint32_t index)
{
	uint32_t third = comm->operation->layout == COMM_EXCHANGE ? rank + index : index;

	if (!comm->operation->v)
		return comm->count;
	/* Half as much, as much, half as much again. */
	return comm->count - comm->count / 2 + third % 3 * (comm->count / 2);
}

uint64_t comm_offset(const struct comm *comm, uint32_t rank, uint32_t index)
{
	uint64_t sum = 0;

	if (!comm->operation->v)
		return index * comm->count;
	for (uint32_t i = 0; i < index; i++)
		sum += comm_part(comm, rank, i);
	return sum;
}

/* own: the layout in which this side is only the rank's own part; else it is everybody's. */
static uint64_t elements_of(const struct comm *comm, uint32_t rank, enum comm_layout own)
{
	const enum comm_layout layout = comm->operation->layout;

	if (layout == COMM_NONE)
		return 0;
	if (layout == COMM_VECTOR)
		return comm->count;
	return layout == own ? comm_part(comm, rank, rank) :
			       comm_offset(comm, rank, comm->info.ranks);
}

uint64_t comm_src_elements(const struct comm *comm, uint32_t rank)
{
	return elements_of(comm, rank, COMM_GATHER);
}

uint64_t comm_dst_elements(const struct comm *comm, uint32_t rank)
{
	return elements_of(comm, rank, COMM_SCATTER);
}

/* Where the source and the result of a local rank begin in their buffers, in elements. */
static uint64_t src_at(const struct comm *comm, uint32_t rank)
{
	bool inside = comm->in_place && comm->operation->layout == COMM_GATHER;

	return inside ? comm_offset(comm, rank, rank) : 0;
}

static uint64_t dst_at(const struct comm *comm, uint32_t rank)
{
	bool inside = comm->in_place && comm->operation->layout == COMM_SCATTER;

	return inside ? comm_offset(comm, rank, rank) : 0;
}

/* Of a result that is a copy: who gave element @at, where it was there, and how many more follow
 * in the same place. */
static void source_of(const struct comm *comm, uint32_t rank, uint64_t at, uint32_t *ret_rank,
		      uint64_t *ret_at, uint64_t *ret_run)
{
	uint32_t ranks = comm->info.ranks, from = 0;
	uint64_t begin = 0;

	*ret_at = at;
	*ret_run = comm->count - at;
	*ret_rank = (rank + ranks - 1) % ranks;
	if (comm->operation->kind == TRN_COMM_BROADCAST)
		*ret_rank = comm->root;
	if (comm->operation->layout == COMM_VECTOR)
		return;
	while (at >= begin + comm_part(comm, rank, from))
		begin += comm_part(comm, rank, from++);
	*ret_rank = from;
	*ret_run = begin + comm_part(comm, rank, from) - at;
	*ret_at = at - begin;
	if (comm->operation->layout == COMM_EXCHANGE)
		*ret_at += comm_offset(comm, from, rank);
}

/* ---- filling and comparing ---- */

static int side_write(struct comm *comm, const struct comm_side *side, uint64_t at,
		      const uint8_t *bytes, uint64_t count)
{
	if (side->buffer)
		return trn_buffer_write(side->buffer, at, bytes, count,
					trnctl_deadline(comm->ctl, IO_SECONDS));
	memcpy(side->host + at, bytes, count);
	return 0;
}

static int side_read(struct comm *comm, const struct comm_side *side, uint64_t at, uint8_t *bytes,
		     uint64_t count)
{
	if (side->buffer)
		return trn_buffer_read(side->buffer, at, bytes, count,
				       trnctl_deadline(comm->ctl, IO_SECONDS));
	memcpy(bytes, side->host + at, count);
	return 0;
}

static int write_poison(struct comm *comm, const struct comm_side *side, uint64_t bytes)
{
	uint8_t chunk[CHUNK];
	int r = 0;

	memset(chunk, POISON, sizeof(chunk));
	for (uint64_t at = 0; r == 0 && at < bytes; at += sizeof(chunk)) {
		uint64_t part = bytes - at < sizeof(chunk) ? bytes - at : sizeof(chunk);

		r = side_write(comm, side, at, chunk, part);
	}
	return r;
}

int comm_fill(struct comm *comm)
{
	uint32_t size = comm->type->bytes;
	uint8_t *chunk = malloc((size_t)CHUNK * size);
	int r = chunk ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < comm->info.count && r == 0; i++) {
		uint32_t rank = comm->info.first + i;
		uint64_t elements = comm_src_elements(comm, rank), base = src_at(comm, rank);

		r = write_poison(comm, &comm->memory[i].dst,
				 (dst_at(comm, rank) + comm_dst_elements(comm, rank)) * size);
		for (uint64_t at = 0; at < elements && r == 0; at += CHUNK) {
			uint64_t part = elements - at < CHUNK ? elements - at : CHUNK;

			for (uint32_t k = 0; k < part; k++)
				store(comm->type, chunk + (size_t)k * size,
				      value_of(comm, rank, at + k));
			r = side_write(comm, &comm->memory[i].src, (base + at) * size, chunk,
				       part * size);
		}
	}
	free(chunk);
	return r;
}

/* One element against what it must be. want: of a reduction, else the bits count. */
static void look(struct comm *comm, struct comm_row *row, uint32_t rank, uint64_t at,
		 const uint8_t *bytes, uint32_t want_bits, double want)
{
	const struct comm_type *type = comm->type;
	uint32_t bits = load(type, bytes);
	double got = number_of(type, bits), slack = 0;
	bool good = bits == want_bits;

	if (comm->operation->reduces) {
		/* A quotient is rounded: on the way by the scale, at the end by the type. */
		if (comm->op == TRN_COMM_AVG && type->number == COMM_FLOAT)
			slack = ldexp(fabs(want), 1 - (int)type->mantissa) +
				decode(type, 1); /* the least there is */
		good = fabs(got - want) <= slack;
	}
	row->checked++;
	if (good)
		return;
	if (row->errors++ > 0)
		return;
	if (comm->operation->reduces)
		snprintf(row->first_error, sizeof(row->first_error),
			 "rank %" PRIu32 " element %" PRIu64 ": %g (0x%" PRIx32 "), not %g", rank,
			 at, got, bits, want);
	else
		snprintf(row->first_error, sizeof(row->first_error),
			 "rank %" PRIu32 " element %" PRIu64 ": 0x%" PRIx32 ", not 0x%" PRIx32,
			 rank, at, bits, want_bits);
}

/* Sums of a chunk, kept for the ranks that have the same. */
struct sums {
	double value[CHUNK];
	uint64_t first, count;
};

static const double *sums_of(const struct comm *comm, struct sums *sums, uint64_t first,
			     uint64_t count)
{
	if (sums->first != first || sums->count < count) {
		for (uint64_t i = 0; i < count; i++)
			sums->value[i] = reduced(comm, first + i);
		sums->first = first;
		sums->count = count;
	}
	return sums->value;
}

static void look_at_chunk(struct comm *comm, struct comm_row *row, struct sums *sums, uint32_t rank,
			  uint64_t first, uint64_t count, const uint8_t *bytes)
{
	uint64_t at = 0, place, run;
	uint32_t from;

	if (comm->operation->reduces) {
		uint64_t base =
			comm->operation->layout == COMM_SCATTER ? comm_offset(comm, rank, rank) : 0;
		const double *want = sums_of(comm, sums, base + first, count);

		for (; at < count; at++)
			look(comm, row, rank, first + at, bytes + at * comm->type->bytes, 0,
			     want[at]);
		return;
	}
	while (at < count) {
		source_of(comm, rank, first + at, &from, &place, &run);
		for (; run > 0 && at < count; run--, at++, place++)
			look(comm, row, rank, first + at, bytes + at * comm->type->bytes,
			     value_of(comm, from, place), 0);
	}
}

int comm_compare(struct comm *comm, struct comm_row *row)
{
	uint32_t size = comm->type->bytes;
	uint8_t *chunk = malloc((size_t)CHUNK * size);
	struct sums *sums = calloc(1, sizeof(*sums));
	int r = chunk && sums ? 0 : -ENOMEM;
	bool more = r == 0;

	/* Chunk by chunk, all ranks of each: they share the sums. */
	for (uint64_t first = 0; more && r == 0; first += CHUNK) {
		more = false;
		for (uint32_t i = 0; i < comm->info.count && r == 0; i++) {
			uint32_t rank = comm->info.first + i;
			uint64_t elements = comm_dst_elements(comm, rank), part;

			if (first >= elements ||
			    (comm->operation->kind == TRN_COMM_REDUCE && rank != comm->root))
				continue;
			part = elements - first < CHUNK ? elements - first : CHUNK;
			more |= first + part < elements;
			r = side_read(comm, &comm->memory[i].dst,
				      (dst_at(comm, rank) + first) * size, chunk, part * size);
			if (r == 0)
				look_at_chunk(comm, row, sums, rank, first, part, chunk);
		}
	}
	free(sums);
	free(chunk);
	return r;
}
