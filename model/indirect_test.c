/* SPDX-License-Identifier: Apache-2.0 */
/* Operands by index: each instruction that may have one does the same as with the elements
 * put in their places by hand. */
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_rules.h"

#define REGION_AT 98304u
#define INDEX_AT 49152u
#define SCALES_AT 57344u
#define REGION 60u /* elements of the region */

/* One instruction and the operand that is placed. */
struct placed {
	const char *what;
	enum trn_engine engine;
	enum trn_op op;
	enum trn_isa_slot slot;
	enum trn_dtype src, dst;
	/* Parameters; operands are DST, SRC0 and, for some, SRC1 of one shape. */
	void (*make)(struct trn_isa_compute *c);
};

#define MAKE(name, ...)                             \
	static void name(struct trn_isa_compute *c) \
	{                                           \
		__VA_ARGS__;                        \
	}

MAKE(plain, (void)c)
MAKE(times_two, (c->op0 = TRN_ALU_MUL, c->imm[0] = 0x40000000))
MAKE(sum, c->op0 = TRN_ALU_SUB)
MAKE(reduce, (c->func = TRN_ALU_ADD, c->imm[0] = 1))
MAKE(tanh_of, (c->func = TRN_ACT_TANH, c->imm[0] = 0x3f800000))
MAKE(exp_of, (c->imm[0] = 0x3f000000))

MAKE(running_sum, (c->op0 = TRN_ALU_MUL, c->imm[0] = 0x40000000, c->op1 = TRN_ALU_ADD,
		   c->mode = TRN_REDUCE_RESET_REDUCE))
MAKE(scaled_max, (c->op0 = TRN_ALU_MUL, c->imm[0] = 0x40000000, c->func = TRN_ALU_MAX,
		  c->mode = TRN_REDUCE_RESET_REDUCE))
MAKE(square_of, (c->op0 = TRN_ALU_MUL, c->op1 = TRN_ALU_ADD, c->imm[0] = c->imm[1] = 0x3f800000,
		 c->func = TRN_ACT_SQUARE))

static const struct placed cases[] = {
	{ "copy", TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, TRN_AP_SRC0, TRN_DTYPE_U16, TRN_DTYPE_U16,
	  plain },
	{ "cast", TRN_ENGINE_SCALAR, TRN_OP_TENSOR_COPY, TRN_AP_SRC0, TRN_DTYPE_F8E5M2,
	  TRN_DTYPE_F32, plain },
	{ "copy to places", TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, TRN_AP_DST, TRN_DTYPE_U8,
	  TRN_DTYPE_U8, plain },
	{ "cast to places", TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_COPY, TRN_AP_DST, TRN_DTYPE_F32,
	  TRN_DTYPE_BF16, plain },
	{ "first source", TRN_ENGINE_VECTOR, TRN_OP_TENSOR_TENSOR, TRN_AP_SRC0, TRN_DTYPE_BF16,
	  TRN_DTYPE_F32, sum },
	{ "second source", TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_TENSOR, TRN_AP_SRC1, TRN_DTYPE_F32,
	  TRN_DTYPE_F16, sum },
	{ "scalar", TRN_ENGINE_VECTOR, TRN_OP_TENSOR_SCALAR, TRN_AP_SRC0, TRN_DTYPE_BF16,
	  TRN_DTYPE_BF16, times_two },
	{ "scalar to places", TRN_ENGINE_SCALAR, TRN_OP_TENSOR_SCALAR, TRN_AP_DST, TRN_DTYPE_F32,
	  TRN_DTYPE_F8E4M3, times_two },
	{ "reduce", TRN_ENGINE_VECTOR, TRN_OP_TENSOR_REDUCE, TRN_AP_SRC0, TRN_DTYPE_F32,
	  TRN_DTYPE_F32, reduce },
	{ "activation", TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, TRN_AP_SRC0, TRN_DTYPE_BF16,
	  TRN_DTYPE_F32, tanh_of },
	{ "activation to places", TRN_ENGINE_SCALAR, TRN_OP_ACTIVATION, TRN_AP_DST, TRN_DTYPE_F32,
	  TRN_DTYPE_BF16, tanh_of },
	{ "exponential", TRN_ENGINE_VECTOR, TRN_OP_EXPONENTIAL, TRN_AP_SRC0, TRN_DTYPE_F16,
	  TRN_DTYPE_F32, exp_of },
	{ "exponential to places", TRN_ENGINE_VECTOR, TRN_OP_EXPONENTIAL, TRN_AP_DST, TRN_DTYPE_F32,
	  TRN_DTYPE_F32, exp_of },
	{ "cumulative", TRN_ENGINE_VECTOR, TRN_OP_SCALAR_CUMULATIVE, TRN_AP_SRC0, TRN_DTYPE_BF16,
	  TRN_DTYPE_F32, running_sum },
	{ "cumulative to places", TRN_ENGINE_VECTOR, TRN_OP_SCALAR_CUMULATIVE, TRN_AP_DST,
	  TRN_DTYPE_F32, TRN_DTYPE_BF16, running_sum },
	{ "scalar reduce", TRN_ENGINE_VECTOR, TRN_OP_SCALAR_REDUCE, TRN_AP_SRC0, TRN_DTYPE_F16,
	  TRN_DTYPE_F32, scaled_max },
	{ "scalar reduce to places", TRN_ENGINE_VECTOR, TRN_OP_SCALAR_REDUCE, TRN_AP_DST,
	  TRN_DTYPE_F32, TRN_DTYPE_F32, scaled_max },
	{ "activate2", TRN_ENGINE_SCALAR, TRN_OP_ACTIVATE2, TRN_AP_SRC0, TRN_DTYPE_BF16,
	  TRN_DTYPE_F32, square_of },
	{ "activate2 to places", TRN_ENGINE_SCALAR, TRN_OP_ACTIVATE2, TRN_AP_DST, TRN_DTYPE_F32,
	  TRN_DTYPE_BF16, square_of },
	{ "predicated", TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, TRN_AP_SRC0, TRN_DTYPE_U16,
	  TRN_DTYPE_U16, plain },
	{ "mx stationary", TRN_ENGINE_TENSOR, TRN_OP_MATMUL_MX, TRN_AP_SRC0, TRN_DTYPE_F8E5M2_X4,
	  TRN_DTYPE_F32, plain },
	{ "mx moving", TRN_ENGINE_TENSOR, TRN_OP_MATMUL_MX, TRN_AP_SRC1, TRN_DTYPE_F4E2M1_X4,
	  TRN_DTYPE_F32, plain },
	{ "stationary", TRN_ENGINE_TENSOR, TRN_OP_MATMUL, TRN_AP_SRC0, TRN_DTYPE_BF16,
	  TRN_DTYPE_F32, plain },
	{ "moving", TRN_ENGINE_TENSOR, TRN_OP_MATMUL, TRN_AP_SRC1, TRN_DTYPE_BF16, TRN_DTYPE_F32,
	  plain },
};

/* One run of a case. */
struct trial {
	const struct placed *placed;
	uint32_t parts, start, count; /* of the placed operand */
	uint32_t group;
	int16_t step;                                    /* of the region */
	uint32_t place[TRN_ISA_PARTITIONS / 16][REGION]; /* by group */
	uint8_t region[TRN_ISA_PARTITIONS][REGION * 2 * 4];
};

static bool is_matmul(const struct trial *t)
{
	return t->placed->op == TRN_OP_MATMUL || t->placed->op == TRN_OP_MATMUL_MX;
}

static bool is_mx(const struct trial *t)
{
	return t->placed->op == TRN_OP_MATMUL_MX;
}

/* The instruction without an index. */
static struct trn_isa_compute *emit(struct trn_test_core *tc, const struct trial *t)
{
	const struct placed *placed = t->placed;
	struct trn_isa_compute *c = trn_test_emit(tc, placed->engine, placed->op, 4);
	uint32_t count = t->count;

	placed->make(c);
	c->src0 = trn_test_ap(TRN_SPACE_SBUF, placed->src, t->start, t->parts, TRN_TEST_SRC0,
			      t->count);
	if (placed->op == TRN_OP_TENSOR_TENSOR || is_matmul(t))
		c->src1 = trn_test_ap(TRN_SPACE_SBUF, placed->src, t->start, t->parts,
				      TRN_TEST_SRC1, t->count);
	if (placed->op == TRN_OP_COPY_PREDICATED)
		c->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, t->start, t->parts,
				      TRN_TEST_SRC1, t->count);
	if (is_mx(t)) {
		c->src2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, t->start, t->parts - 28,
				      SCALES_AT, t->count);
		c->src3 = c->src2;
	}
	if (placed->op == TRN_OP_TENSOR_REDUCE)
		count = 1;
	c->dst = trn_test_ap(TRN_SPACE_SBUF, placed->dst, t->start, t->parts, TRN_TEST_DST, count);
	if (is_matmul(t))
		c->dst = trn_test_ap(TRN_SPACE_PSUM, placed->dst, 0, t->count, 0, t->count);
	return c;
}

static uint32_t slot_size(const struct trial *t)
{
	return (uint32_t)trn_dtype_size(t->placed->slot == TRN_AP_DST ? t->placed->dst :
									t->placed->src);
}

/* Element of the region in its partition's bytes. */
static uint32_t region_at(const struct trial *t, uint32_t place)
{
	const uint32_t step = (uint32_t)(t->step < 0 ? -t->step : t->step);

	return (t->step < 0 ? (REGION - 1 - place) * step : place * step) * slot_size(t);
}

static struct trn_isa_ap region_ap(const struct trial *t)
{
	const enum trn_dtype dtype = t->placed->slot == TRN_AP_DST ? t->placed->dst :
								     t->placed->src;
	struct trn_isa_ap ap =
		trn_test_ap(TRN_SPACE_SBUF, dtype, t->start, t->parts, REGION_AT, REGION);

	ap.offset += region_at(t, 0);
	ap.dims[0].step = t->step;
	return ap;
}

static void random_bytes(struct trn_test_core *tc, void *dst, size_t size)
{
	uint8_t *p = dst;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)trn_prng_next(&tc->prng);
}

/* Bytes for formats that nobody converts, and bits for predicates. */
static void fill_operands(struct trn_test_core *tc, const struct trial *t,
			  const struct trn_isa_compute *c)
{
	uint8_t row[64 * 4];

	if (!is_mx(t))
		trn_test_fill_view(tc, &c->src0);
	if (!is_mx(t) && c->src1.space && t->placed->op != TRN_OP_COPY_PREDICATED)
		trn_test_fill_view(tc, &c->src1);
	for (uint32_t p = 0; p < t->parts && (is_mx(t) || c->src1.dtype == TRN_DTYPE_U8); p++) {
		random_bytes(tc, row, sizeof(row));
		for (uint32_t i = 0; i < sizeof(row) && !is_mx(t); i++)
			row[i] &= 1;
		trn_test_poke(tc, TRN_SPACE_SBUF, t->start + p, 1, TRN_TEST_SRC1, row, sizeof(row));
		if (!is_mx(t))
			continue;
		random_bytes(tc, row, sizeof(row));
		trn_test_poke(tc, TRN_SPACE_SBUF, t->start + p, 1, TRN_TEST_SRC0, row, sizeof(row));
		memset(row, 127 + (int)(p % 3), sizeof(row));
		trn_test_poke(tc, TRN_SPACE_SBUF, t->start + p, 1, SCALES_AT, row, sizeof(row));
	}
}

static void trial_make(struct trn_test_core *tc, struct trial *t, const struct placed *placed)
{
	const bool tensor = placed->engine == TRN_ENGINE_TENSOR;
	const uint32_t size = 16 * (1 + trn_test_below(tc, 8));
	static const int16_t steps[] = { 1, 2, -1, -2 };

	t->placed = placed;
	t->group = tensor ? 32 : 16;
	t->parts = (size + t->group - 1) / t->group * t->group;
	t->start = t->parts <= 32 ? 32 * trn_test_below(tc, 4) : 0;
	t->count = 1 + trn_test_below(tc, 50);
	if (placed->op == TRN_OP_TENSOR_REDUCE)
		t->count = 16 * (1 + trn_test_below(tc, 3));
	if (is_mx(t))
		t->count += t->count & 1;
	t->step = steps[trn_test_below(tc, 4)];
	for (uint32_t g = 0; g < TRN_ARRAY_LEN(t->place); g++) {
		for (uint32_t j = 0; j < REGION; j++)
			t->place[g][j] = trn_test_below(tc, REGION);
	}
	if (is_mx(t))
		random_bytes(tc, t->region, sizeof(t->region));
	else
		trn_test_fill(tc, placed->slot == TRN_AP_DST ? placed->dst : placed->src, t->region,
			      (uint32_t)sizeof(t->region) / slot_size(t));
}

/* Places of all groups, partition first, as U16 or U32. */
static struct trn_isa_ap poke_index(struct trn_test_core *tc, const struct trial *t, bool wide)
{
	const uint32_t count = (t->count + t->group - 1) / t->group;

	for (uint32_t p = 0; p < t->parts; p++) {
		for (uint32_t i = 0; i < count; i++) {
			const uint32_t j = i * t->group + p % t->group;
			/* What is behind the last place is anything. */
			const uint32_t place = j < t->count ? t->place[p / t->group][j] : 0xffff;

			trn_test_poke(tc, TRN_SPACE_SBUF, t->start + p, 1,
				      INDEX_AT + i * (wide ? 4 : 2), &place, wide ? 4 : 2);
		}
	}
	return trn_test_ap(TRN_SPACE_SBUF, wide ? TRN_DTYPE_U32 : TRN_DTYPE_U16, t->start, t->parts,
			   INDEX_AT, count);
}

static void poke_region(struct trn_test_core *tc, const struct trial *t)
{
	for (uint32_t p = 0; p < t->parts; p++)
		trn_test_poke(tc, TRN_SPACE_SBUF, t->start + p, 1, REGION_AT, t->region[p],
			      sizeof(t->region[p]));
}

/* The placed source, put together by hand. */
static void poke_gathered(struct trn_test_core *tc, const struct trial *t)
{
	const uint32_t size = slot_size(t);
	const uint32_t at = t->placed->slot == TRN_AP_SRC0 ? TRN_TEST_SRC0 : TRN_TEST_SRC1;

	for (uint32_t p = 0; p < t->parts; p++) {
		for (uint32_t j = 0; j < t->count; j++)
			trn_test_poke(tc, TRN_SPACE_SBUF, t->start + p, 1, at + j * size,
				      &t->region[p][region_at(t, t->place[p / t->group][j])], size);
	}
}

static void peek_dst(struct trn_test_core *tc, const struct trn_isa_ap *dst, uint8_t *rows)
{
	trn_test_peek(tc, dst->space, dst->start, dst->partitions, dst->offset, rows,
		      dst->dims[0].num * (uint32_t)trn_dtype_size(dst->dtype));
}

static void source_trial(struct trn_test_core *tc, struct trial *t, bool wide)
{
	static uint8_t want[128 * 64 * 4], have[128 * 64 * 4];
	struct trn_isa_compute *c;

	poke_gathered(tc, t);
	c = emit(tc, t);
	ck_assert_uint_eq(trn_test_launch(tc), 0);
	peek_dst(tc, &c->dst, want);
	trn_test_clear(tc);
	poke_region(tc, t);
	c = emit(tc, t);
	c->index = poke_index(tc, t, wide);
	c->head.indirect = (uint8_t)(t->placed->slot + 1);
	*(t->placed->slot == TRN_AP_SRC0 ? &c->src0 : &c->src1) = region_ap(t);
	ck_assert_msg(trn_test_launch(tc) == 0, "%s: rule %u operand %u", t->placed->what,
		      tc->status->rule, tc->status->operand);
	peek_dst(tc, &c->dst, have);
	ck_assert_msg(
		memcmp(want, have,
		       c->dst.partitions * c->dst.dims[0].num * trn_dtype_size(c->dst.dtype)) == 0,
		"%s: %u partitions, %u elements", t->placed->what, t->parts, t->count);
}

static void destination_trial(struct trn_test_core *tc, struct trial *t, bool wide)
{
	static uint8_t plain_rows[128 * 64 * 4];
	const uint32_t size = slot_size(t);
	struct trn_isa_compute *c = emit(tc, t);

	ck_assert_uint_eq(trn_test_launch(tc), 0);
	peek_dst(tc, &c->dst, plain_rows);
	trn_test_clear(tc);
	poke_region(tc, t);
	c = emit(tc, t);
	c->index = poke_index(tc, t, wide);
	c->head.indirect = TRN_AP_DST + 1;
	c->dst = region_ap(t);
	ck_assert_msg(trn_test_launch(tc) == 0, "%s: rule %u operand %u", t->placed->what,
		      tc->status->rule, tc->status->operand);
	for (uint32_t p = 0; p < t->parts; p++) {
		uint8_t have[REGION * 2 * 4];

		for (uint32_t j = 0; j < t->count; j++)
			memcpy(&t->region[p][region_at(t, t->place[p / t->group][j])],
			       plain_rows + (p * t->count + j) * size, size);
		trn_test_peek(tc, TRN_SPACE_SBUF, t->start + p, 1, REGION_AT, have, sizeof(have));
		ck_assert_mem_eq(have, t->region[p], sizeof(have));
	}
}

START_TEST(as_if_put_there_by_hand)
{
	const struct placed *placed = &cases[_i];
	static struct trial t;
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 12; round++) {
		const bool wide = round & 1;
		struct trn_isa_compute *c;

		trn_test_clear(&tc);
		trial_make(&tc, &t, placed);
		c = emit(&tc, &t);
		fill_operands(&tc, &t, c);
		trn_test_clear(&tc);
		if (placed->slot == TRN_AP_DST)
			destination_trial(&tc, &t, wide);
		else
			source_trial(&tc, &t, wide);
	}
	trn_test_core_close(&tc);
}
END_TEST

static struct trn_isa_compute *emit_placed(struct trn_test_core *tc, const struct trial *t)
{
	struct trn_isa_compute *c = emit(tc, t);

	c->index = poke_index(tc, t, true);
	c->head.indirect = (uint8_t)(t->placed->slot + 1);
	c->src1 = region_ap(t);
	return c;
}

/* Products of one shape, one after the other, with an index of their own each: the last is that
 * of a core that has seen no other. */
START_TEST(products_with_other_places)
{
	static uint8_t have[2][128 * 64 * 4], bytes[128 * 4096];
	const struct placed *placed = cases;
	static struct trial t;
	struct trn_test_core tc;

	while (strcmp(placed->what, "mx moving") != 0)
		placed++;
	trn_test_core_open(&tc, "trn3");
	trial_make(&tc, &t, placed);
	fill_operands(&tc, &t, emit(&tc, &t));
	poke_region(&tc, &t);
	for (uint32_t round = 0; round < 3; round++) {
		struct trn_isa_compute *c;

		for (uint32_t j = 0; j < t.count * TRN_ARRAY_LEN(t.place) && round < 2; j++)
			t.place[j / t.count][j % t.count] = trn_test_below(&tc, REGION);
		trn_test_clear(&tc);
		c = emit_placed(&tc, &t);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		peek_dst(&tc, &c->dst, have[round / 2]);
		/* Written with what they hold: nothing that was kept of before is valid. */
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 128, 0, bytes, 4096);
		if (round == 1)
			trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 128, 0, bytes, 4096);
	}
	ck_assert_mem_eq(have[0], have[1], sizeof(have[0]));
	trn_test_core_close(&tc);
}
END_TEST

/* Where the predicate is false nothing is written: not what stood at a place before, over what
 * an earlier element put there. */
START_TEST(predicated_to_places)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 20; round++) {
		const bool reverse = round & 1, constant = round & 2;
		uint8_t predicate[16], region[16][24], src[16];
		struct trn_isa_compute *c;
		uint16_t place[16];

		for (uint32_t j = 0; j < 16; j++) {
			place[j] = (uint16_t)trn_test_below(&tc, 6);
			predicate[j] = (uint8_t)trn_test_below(&tc, 2);
		}
		random_bytes(&tc, region, sizeof(region));
		random_bytes(&tc, src, sizeof(src));
		for (uint32_t p = 0; p < 16; p++) {
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, INDEX_AT, &place[p], 2);
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC0, src, 16);
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC1, predicate, 16);
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, REGION_AT, region[p], 24);
		}
		trn_test_clear(&tc);
		c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_COPY_PREDICATED, 4);
		c->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 16, REGION_AT, 24);
		if (!constant)
			c->src0 =
				trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 16, TRN_TEST_SRC0, 16);
		c->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 16, TRN_TEST_SRC1, 16);
		c->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 16, INDEX_AT, 1);
		c->imm[0] = constant ? 0x5a : 0;
		c->head.flags = reverse ? TRN_SELECT_REVERSE : 0;
		c->head.indirect = TRN_AP_DST + 1;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < 16; p++) {
			uint8_t have[24];

			for (uint32_t j = 0; j < 16; j++) {
				if ((predicate[j] != 0) != reverse)
					region[p][place[j]] = constant ? 0x5a : src[j];
			}
			trn_test_peek(&tc, TRN_SPACE_SBUF, p, 1, REGION_AT, have, 24);
			ck_assert_mem_eq(have, region[p], 24);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- PSUM ---- */

/* A copy of 16 places between SBUF and a region of 32 in PSUM, 16 partitions. */
static struct trn_isa_compute *psum_copy(struct trn_test_core *tc, bool to_psum)
{
	struct trn_isa_compute *c = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 4);
	const struct trn_isa_ap row = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, 0, 16);
	const struct trn_isa_ap region = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 256, 32);

	c->dst = to_psum ? region : row;
	c->src0 = to_psum ? row : region;
	c->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 16, INDEX_AT, 1);
	c->head.indirect = to_psum ? TRN_AP_DST + 1 : TRN_AP_SRC0 + 1;
	return c;
}

static struct trn_isa_compute *psum_read(struct trn_test_core *tc, uint32_t element)
{
	struct trn_isa_compute *c = trn_test_emit(tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);

	c->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, 4096, 1);
	c->src0 = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 16, 256 + 4 * element, 1);
	return c;
}

/* Only what was named is written, and only that has to be. */
START_TEST(psum_by_element)
{
	struct trn_test_core tc;
	float value = 0;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t p = 0; p < 16; p++) {
		const uint16_t place = (uint16_t)(2 * p);
		const float row[16] = { [5] = (float)(p + 1) };

		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, INDEX_AT, &place, 2);
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 0, row, sizeof(row));
	}
	for (uint32_t k = 0; k < 4; k++) {
		(void)psum_copy(&tc, true);
		if (k == 0)
			(void)psum_copy(&tc, false);
		else
			(void)psum_read(&tc, k == 1 ? 10 : k == 2 ? 11 : 31);
		ck_assert_uint_eq(trn_test_launch(&tc), k < 2 ? 0 : TRN_EXT_ERR_INSTRUCTION);
		if (k >= 2) {
			ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
			trn_test_recover(&tc);
		}
		trn_test_clear(&tc);
	}
	trn_test_peek(&tc, TRN_SPACE_SBUF, 7, 1, 4096, &value, 4);
	ck_assert_float_eq(value, 8.0f);
	/* A read of a place that nobody has written. */
	(void)psum_copy(&tc, false);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
	ck_assert_uint_eq(tc.status->rule, TRN_RULE_PSUM_UNINIT);
	ck_assert_uint_eq(tc.status->operand, TRN_AP_SRC0);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- rules ---- */

static void index_for(union trn_test_inst *i, enum trn_isa_slot slot)
{
	i->c.head.words = 4;
	i->c.head.indirect = (uint8_t)(slot + 1);
	i->c.index = trn_test_sbuf(TRN_DTYPE_U16, 64, INDEX_AT, 1);
}

CHANGE(no_index, (index_for(i, TRN_AP_SRC0), memset(&i->c.index, 0, sizeof(i->c.index))))
CHANGE(index_alone, (index_for(i, TRN_AP_SRC0), i->c.head.indirect = 0))
CHANGE(other_slot, (index_for(i, TRN_AP_SRC1)))
CHANGE(no_slot, (index_for(i, TRN_AP_SRC0), i->c.head.indirect = 8))
CHANGE(scale_slot, (index_for(i, TRN_AP_SRC2)))
CHANGE(two_dims, (index_for(i, TRN_AP_SRC0), i->c.src0.ndims = 2,
		  i->c.src0.dims[1] = (struct trn_isa_dim){ 1, 1 }))
CHANGE(index_psum,
       (index_for(i, TRN_AP_SRC0), i->c.index.space = TRN_SPACE_PSUM, i->c.index.offset = 0))
CHANGE(index_s32, (index_for(i, TRN_AP_SRC0), i->c.index.dtype = TRN_DTYPE_S32))
CHANGE(index_u8, (index_for(i, TRN_AP_SRC0), i->c.index.dtype = TRN_DTYPE_U8))
CHANGE(index_half, (index_for(i, TRN_AP_SRC0), i->c.index.partitions = 32))
CHANGE(index_start, (index_for(i, TRN_AP_SRC0), i->c.index.start = 64))
CHANGE(index_long, (index_for(i, TRN_AP_SRC0), i->c.index.dims[0].num = 2))
CHANGE(parts_40, (index_for(i, TRN_AP_SRC0),
		  i->c.index.partitions = i->c.src0.partitions = i->c.dst.partitions = 40))
CHANGE(mm_48, (index_for(i, TRN_AP_SRC0),
	       i->c.index.partitions = i->c.src0.partitions = i->c.src1.partitions = 48))
CHANGE(dst_psum_s, (index_for(i, TRN_AP_DST), i->c.dst.space = TRN_SPACE_PSUM, i->c.dst.offset = 0))
CHANGE(index_tiled,
       (index_for(i, TRN_AP_SRC0), i->c.head.flags = TRN_MATMUL_TILED, i->c.op0 = 2, i->c.op1 = 4))
CHANGE(reduce_huge, (index_for(i, TRN_AP_SRC0), i->c.index.dims[0].num = 4097))

static const struct trn_test_broken broken[] = {
	BREAK3(TRN_SHAPE_COPY, no_index, TRN_RULE_SPACE, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, index_alone, TRN_RULE_RESERVED, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, other_slot, TRN_RULE_RESERVED, TRN_AP_SRC1),
	BREAK3(TRN_SHAPE_COPY, no_slot, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_COPY, two_dims, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_COPY, index_psum, TRN_RULE_SPACE, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, index_s32, TRN_RULE_DTYPE, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, index_u8, TRN_RULE_DTYPE, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, index_half, TRN_RULE_PARTITION, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, index_start, TRN_RULE_PARTITION, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, index_long, TRN_RULE_SHAPE, TRN_AP_INDEX),
	BREAK3(TRN_SHAPE_COPY, parts_40, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_SCALE_S, dst_psum_s, TRN_RULE_SPACE, TRN_AP_DST),
	BREAK3(TRN_SHAPE_MATMUL, mm_48, TRN_RULE_PARTITION, TRN_AP_SRC0),
	BREAK3(TRN_SHAPE_MATMUL, index_tiled, TRN_RULE_RESERVED, NONE),
	BREAK3(TRN_SHAPE_MATMUL, scale_slot, TRN_RULE_RESERVED, TRN_AP_SRC2),
	BREAK3(TRN_SHAPE_REDUCE, reduce_huge, TRN_RULE_SHAPE, TRN_AP_SRC0),
	BREAK(TRN_SHAPE_MATMUL, index_half, TRN_RULE_RESERVED, TRN_AP_SRC0), /* not on trn2 */
};

START_TEST(each_rule_traps_with_its_record)
{
	trn_test_broken_run(&broken[_i]);
}
END_TEST

/* A place behind the region, the last of all: a record, and nothing has been written. */
START_TEST(place_out_of_range)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t dst = 0; dst < 2; dst++) {
		const enum trn_isa_slot slot = dst ? TRN_AP_DST : TRN_AP_SRC0;
		uint8_t before[64], after[64];
		union trn_test_inst i;
		uint16_t place = 15;

		for (uint32_t p = 0; p < 64; p++)
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, INDEX_AT, &place, 2);
		place = 16;
		trn_test_poke(&tc, TRN_SPACE_SBUF, 63, 1, INDEX_AT, &place, 2);
		trn_test_fill(&tc, TRN_DTYPE_F32, before, 16);
		trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 16384, before, sizeof(before));
		trn_test_shape_make(&i, TRN_SHAPE_COPY);
		index_for(&i, slot);
		trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 4);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_INSTRUCTION);
		ck_assert_uint_eq(tc.status->rule, TRN_RULE_RANGE);
		ck_assert_uint_eq(tc.status->operand, slot);
		trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 16384, after, sizeof(after));
		ck_assert_mem_eq(before, after, sizeof(before));
		trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* An instruction of the same engine that reads the index, or the region, waits for who wrote
 * it: an index made by iota, then used, then the region copied on. */
START_TEST(hazards_of_index_and_region)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	float have[16], want[16];

	trn_test_core_open(&tc, "trn3");
	trn_test_fill(&tc, TRN_DTYPE_F32, want, 16);
	for (uint32_t p = 0; p < 16; p++)
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 0, want, sizeof(want));
	c = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_IOTA, 2);
	c->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 16, INDEX_AT, 1);
	c->imm[0] = 15;
	c->imm[1] = (uint32_t)-1;
	c = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_COPY, 4);
	c->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, REGION_AT, 16);
	c->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, 0, 16);
	c->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U16, 0, 16, INDEX_AT, 1);
	c->head.indirect = TRN_AP_DST + 1;
	c = trn_test_emit(&tc, TRN_ENGINE_GPSIMD, TRN_OP_TENSOR_COPY, 2);
	c->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, TRN_TEST_DST, 16);
	c->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 16, REGION_AT, 16);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 9, 1, TRN_TEST_DST, have, sizeof(have));
	for (uint32_t i = 0; i < 16; i++)
		ck_assert_float_eq(have[15 - i], want[i]);
	trn_test_core_close(&tc);
}
END_TEST

/* The accumulators are shown where the index lies: places are those of before. */
START_TEST(index_written_over)
{
	struct trn_test_core tc;
	struct trn_isa_compute *c;
	float src[16], have[16];

	trn_test_core_open(&tc, "trn3");
	for (uint32_t i = 0; i < 16; i++)
		src[i] = (float)(i + 1);
	for (uint32_t p = 0; p < 32; p++) {
		const uint32_t place = 15 - p % 16;

		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, INDEX_AT, &place, 4);
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC0, src, sizeof(src));
	}
	c = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_SCALAR_REDUCE, 4);
	scaled_max(c);
	c->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, REGION_AT, 16);
	c->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, TRN_TEST_SRC0, 16);
	c->dst2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 32, INDEX_AT, 1);
	c->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 32, INDEX_AT, 1);
	c->head.indirect = TRN_AP_DST + 1;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 32; p++) {
		trn_test_peek(&tc, TRN_SPACE_SBUF, p, 1, REGION_AT, have, sizeof(have));
		for (uint32_t i = 0; i < 16; i++)
			ck_assert_float_eq(have[15 - i], 2.0f * src[i]);
		trn_test_peek(&tc, TRN_SPACE_SBUF, p, 1, INDEX_AT, have, 4);
		ck_assert_float_eq(have[0], 32.0f);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* No address space for the elements: the launch ends, and the next one may have it. */
START_TEST(no_room)
{
	struct trn_test_core tc;
	union trn_test_inst i;

	trn_test_core_open(&tc, "trn3");
	trn_test_shape_make(&i, TRN_SHAPE_COPY);
	trn_test_shape_emit(&tc, TRN_SHAPE_COPY, &i, 3);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_shape_make(&i, TRN_SHAPE_INDEXED);
	for (uint32_t k = 0; k < 2; k++) {
		tc.host.full = k == 0;
		trn_test_clear(&tc);
		trn_test_shape_emit(&tc, TRN_SHAPE_INDEXED, &i, 4);
		ck_assert_uint_eq(trn_test_launch(&tc), k == 0 ? TRN_EXT_ERR_RESET : 0);
		if (k == 0)
			trn_test_recover(&tc);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *indirect_suite(void)
{
	Suite *suite = suite_create("indirect");
	TCase *tcase = tcase_create("indirect");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, as_if_put_there_by_hand, 0, (int)TRN_ARRAY_LEN(cases));
	tcase_add_test(tcase, products_with_other_places);
	tcase_add_test(tcase, predicated_to_places);
	tcase_add_test(tcase, psum_by_element);
	tcase_add_loop_test(tcase, each_rule_traps_with_its_record, 0, (int)TRN_ARRAY_LEN(broken));
	tcase_add_test(tcase, place_out_of_range);
	tcase_add_test(tcase, index_written_over);
	tcase_add_test(tcase, no_room);
	tcase_add_test(tcase, hazards_of_index_and_region);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(indirect_suite)
