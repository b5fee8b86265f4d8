/* SPDX-License-Identifier: Apache-2.0 */
/* Whole operands of compute instructions replaced by others that are at the edge of what is
 * allowed: an end or a record, and nothing outside the core's memories is touched. Longest rows,
 * largest steps, registers of any value, indices that are anything, all words. */
#include <string.h>
#include "base/bits.h"
#include "base/isa_ops.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_rules.h"

#define ROUNDS 6000u

static uint32_t any(struct trn_test_core *tc, const uint32_t *list, uint32_t count)
{
	return list[trn_test_below(tc, count)];
}
#define ANY(tc, ...)                               \
	any(tc, (const uint32_t[]){ __VA_ARGS__ }, \
	    (uint32_t)(sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)))

static void damage_dim(struct trn_test_core *tc, struct trn_isa_ap *ap)
{
	struct trn_isa_dim *dim = &ap->dims[trn_test_below(tc, 4)];

	dim->num = (uint16_t)ANY(tc, 0, 1, 2, 3, 8, 16, 17, 256, 4095, 4096, 32768, 65535);
	dim->step =
		(int16_t)ANY(tc, 0, 1, 2, 4, (uint32_t)-1, (uint32_t)-2, 32767, (uint32_t)-32768);
}

static void damage_ap(struct trn_test_core *tc, struct trn_isa_ap *ap)
{
	switch (trn_test_below(tc, 8)) {
	case 0:
		ap->offset = ANY(tc, 0, 4, 2048, 16383, 16384, 229372, 229376, 262140, 0x7fffffff,
				 0x80000000, 0xfffffffc, 0xffffffff);
		break;
	case 1:
		ap->reg = (uint8_t)ANY(tc, 1, 2, 3, 64, 65, 255);
		break;
	case 2:
		ap->partitions = (uint8_t)ANY(tc, 0, 1, 4, 16, 32, 64, 100, 128, 129, 255);
		break;
	case 3:
		ap->start = (uint8_t)ANY(tc, 0, 1, 32, 64, 96, 124, 127, 255);
		break;
	case 4:
		ap->dtype = (uint8_t)trn_test_below(tc, TRN_DTYPE_COUNT + 1);
		break;
	case 5:
		ap->space = (uint8_t)ANY(tc, TRN_SPACE_SBUF, TRN_SPACE_PSUM);
		break;
	case 6:
		ap->ndims = (uint8_t)(1 + trn_test_below(tc, 4));
		for (uint32_t d = 0; d < 4; d++)
			ap->dims[d] = d < ap->ndims ? (struct trn_isa_dim){ 1, 2 } :
						      (struct trn_isa_dim){ 0, 0 };
		break;
	default:
		damage_dim(tc, ap);
		break;
	}
}

/* The same row length for every operand, so that long ones get past the shape rules. */
static void lengthen(struct trn_test_core *tc, union trn_test_inst *i)
{
	const uint16_t num = (uint16_t)ANY(tc, 1, 7, 24, 512, 4096, 16384, 57344, 65535);

	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		struct trn_isa_ap *ap = (void *)((uint8_t *)i + trn_isa_slot_offset[s]);

		if (ap->space == 0 || s == TRN_AP_INDEX)
			continue;
		ap->dims[0].num = num;
		if (trn_test_below(tc, 2))
			ap->offset = 0;
		ap->dtype = trn_test_below(tc, 4) ? ap->dtype : (uint8_t)TRN_DTYPE_U8;
	}
}

/* An index for one operand, over bytes that are anything. */
static void place_by_index(struct trn_test_core *tc, union trn_test_inst *i)
{
	const uint32_t slot = trn_test_below(tc, 3);
	const struct trn_isa_ap *ap = (void *)((uint8_t *)i + trn_isa_slot_offset[slot]);
	const uint32_t group = trn_test_below(tc, 2) ? 16 : 32;

	i->c.head.words = 4;
	i->c.head.indirect = (uint8_t)(slot + 1);
	i->c.index = trn_test_sbuf(trn_test_below(tc, 2) ? TRN_DTYPE_U16 : TRN_DTYPE_U32,
				   ap->partitions, (uint32_t)ANY(tc, 0, 16384, i->c.dst.offset),
				   (ap->dims[0].num + group - 1) / group);
	i->c.index.start = ap->start;
	if (trn_test_below(tc, 3) == 0)
		i->c.dst2 = trn_test_sbuf(TRN_DTYPE_F32, ap->partitions, i->c.index.offset, 1);
}

static void damage(struct trn_test_core *tc, union trn_test_inst *i)
{
	if (trn_test_below(tc, 2))
		lengthen(tc, i);
	if (trn_test_below(tc, 3) == 0)
		place_by_index(tc, i);
	for (uint32_t k = trn_test_below(tc, 3); k > 0; k--) {
		const uint32_t s = trn_test_below(tc, TRN_AP_COUNT);
		struct trn_isa_ap *ap = (void *)((uint8_t *)i + trn_isa_slot_offset[s]);

		if (ap->space != 0)
			damage_ap(tc, ap);
	}
	if (trn_test_below(tc, 4) == 0)
		i->c.imm[trn_test_below(tc, 4)] =
			ANY(tc, 0, 1, 8, 32, 4096, 65535, 65536, 0x7fffffff, 0xffffffff);
}

static bool is_compute(enum trn_test_shape shape)
{
	return trn_isa_op(trn_test_shapes[shape].op)->layout == TRN_LAYOUT_COMPUTE;
}

/* Registers 0 and 1 near the ends of their range, 2 small. */
static void move_registers(struct trn_test_core *tc, enum trn_engine engine)
{
	for (uint8_t reg = 0; reg < 3; reg++) {
		struct trn_isa_compute *c = trn_test_emit(tc, engine, TRN_OP_REG_MOVE, 1);

		c->head.flags = TRN_REG_IMM;
		c->op0 = reg;
		c->imm[0] = reg == 2 ? trn_test_below(tc, 64) * 4 :
				       ANY(tc, (uint32_t)-4, 229372, 0x7ffffffc, 0x80000000, 16380);
	}
}

/* Small numbers, so that an index points inside now and then. */
static void fill_sbuf(struct trn_test_core *tc)
{
	uint32_t row[512];

	for (uint32_t p = 0; p < TRN_ISA_PARTITIONS; p++) {
		for (uint32_t i = 0; i < TRN_ARRAY_LEN(row); i++)
			row[i] = trn_test_below(tc, 16);
		trn_test_poke(tc, TRN_SPACE_SBUF, p, 1, 0, row, sizeof(row));
		trn_test_poke(tc, TRN_SPACE_SBUF, p, 1, 16384, row, sizeof(row));
	}
}

START_TEST(operands_at_the_edge)
{
	struct trn_test_core tc;
	uint32_t ends[2] = { 0, 0 };

	trn_test_core_init(&tc, _i < 2 ? "trn3" : "trn2");
	tc.host.config.timing_only = _i % 2;
	trn_test_core_start(&tc);
	trn_test_host_expect(&tc.host, "act-range");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const enum trn_test_shape shape = trn_test_below(&tc, TRN_SHAPE_COUNT);
		const enum trn_engine engine = trn_test_shapes[shape].engine;
		union trn_test_inst i;

		if (!is_compute(shape))
			continue;
		if (round % 64 == 0)
			fill_sbuf(&tc);
		memset(&i, 0, sizeof(i));
		trn_test_shape_make(&i, shape);
		damage(&tc, &i);
		move_registers(&tc, engine);
		trn_test_shape_emit(&tc, shape, &i,
				    i.c.head.words > trn_test_shapes[shape].words ?
					    i.c.head.words :
					    trn_test_shapes[shape].words);
		ends[trn_test_launch(&tc) != 0]++;
		ck_assert_uint_eq(tc.status->state == TRN_QUEUE_ERROR, tc.status->error != 0);
		trn_test_recover(&tc);
	}
	/* Both happen, or the damage is of the wrong kind. */
	ck_assert_uint_gt(ends[0], 50);
	ck_assert_uint_gt(ends[1], 50);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *damage_suite(void)
{
	Suite *suite = suite_create("damage");
	TCase *tcase = tcase_create("damage");

	tcase_set_timeout(tcase, 240);
	tcase_add_loop_test(tcase, operands_at_the_edge, 0, 3);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(damage_suite)
