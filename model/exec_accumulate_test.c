/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that join rows to accumulators: scalar_reduce, activate2, select_reduce, and
 * what every accumulator command leaves behind. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

#define ROUNDS 64
#define SRC2 (TRN_TEST_SRC1 + 8192)
#define LANES (TRN_TEST_SRC1 + 16384)

static struct trn_isa_ap lanes_at(const struct trn_test_place *place)
{
	return trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, place->start, place->partitions, LANES,
			   1);
}

/* Operand a: a column in every second round, else an immediate; its value in a row. */
struct operand {
	bool column;
	struct trn_isa_ap ap;
	float value;
};

static struct operand operand_make(struct trn_test_core *tc, const struct trn_test_place *place,
				   bool column, uint32_t offset)
{
	struct operand o = { .column = column };

	o.ap = trn_test_column(tc, place, offset);
	o.value = trn_test_get(tc, &o.ap, 0, 0);
	return o;
}

static void operand_emit(struct trn_isa_compute *inst, uint32_t which, const struct operand *o)
{
	if (o->column) {
		*(which ? &inst->src2 : &inst->src1) = o->ap;
		inst->head.flags |= (uint8_t)(TRN_SCALAR_COLUMN0 << which);
	} else {
		inst->imm[which] = trn_test_bits(o->value);
	}
}

static float operand_in(struct trn_test_core *tc, const struct operand *o, uint32_t p)
{
	return o->column ? trn_test_get(tc, &o->ap, p, 0) : o->value;
}

static float scalar_alu(uint32_t op, float x, float a, bool reverse)
{
	return reverse ? trn_test_alu(op, a, x) : trn_test_alu(op, x, a);
}

START_TEST(scalar_reduce_operators)
{
	static const uint8_t joins[] = { TRN_ALU_ADD, TRN_ALU_MUL, TRN_ALU_MAX, TRN_ALU_MIN };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const uint8_t op = trn_test_operators[round % TRN_TEST_OPERATORS];
		const uint8_t join = joins[trn_test_below(&tc, 4)];
		const bool negate = round & 2;
		const struct operand a = operand_make(&tc, &place, round & 1, TRN_TEST_SRC1);
		struct trn_isa_ap src =
			trn_test_edges(&tc, &place, trn_test_any_float(&tc), TRN_TEST_SRC0);
		struct trn_isa_ap dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 trn_test_any_float(&tc), TRN_TEST_DST);
		const struct trn_isa_ap out = lanes_at(&place);
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_SCALAR_REDUCE, 3);
		inst->src0 = src;
		inst->dst = dst;
		inst->dst2 = out;
		inst->op0 = op;
		inst->func = join;
		inst->mode = TRN_REDUCE_RESET_REDUCE;
		inst->head.flags = negate ? TRN_REDUCE_NEGATE : 0;
		operand_emit(inst, 0, &a);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 7) {
			float row[TRN_TEST_COUNT_MAX], sum;

			for (uint32_t n = 0; n < place.count; n++) {
				row[n] = trn_test_alu(op, trn_test_get(&tc, &src, p, n),
						      operand_in(&tc, &a, p));
				trn_test_expect(&tc, &dst, p, n, row[n]);
			}
			sum = trn_test_join(join, row, place.count);
			trn_test_expect(&tc, &out, p, 0, negate ? -1.0f * sum : sum);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* What is plain enough to be right to the bit. */
static float plain_function(uint32_t func, float slope, float x)
{
	switch (func) {
	case TRN_ACT_SQUARE:
		return x * x;
	case TRN_ACT_RELU:
		return x < 0.0f ? 0.0f : x;
	case TRN_ACT_ABS:
		return fabsf(x);
	case TRN_ACT_PRELU:
		return x < 0.0f ? slope * x : x;
	default: /* COPY */
		return x;
	}
}

START_TEST(activate2_pairs)
{
	static const uint8_t pairs[6][2] = {
		{ TRN_ALU_BYPASS, TRN_ALU_BYPASS }, { TRN_ALU_MUL, TRN_ALU_BYPASS },
		{ TRN_ALU_ADD, TRN_ALU_BYPASS },    { TRN_ALU_SUB, TRN_ALU_BYPASS },
		{ TRN_ALU_MUL, TRN_ALU_ADD },       { TRN_ALU_MUL, TRN_ALU_SUB },
	};
	static const uint8_t joins[] = { TRN_ALU_ADD, TRN_ALU_MAX, TRN_ALU_MIN, TRN_ALU_ABS_MAX,
					 TRN_ALU_ABS_MIN };
	static const uint8_t functions[] = { TRN_ACT_COPY, TRN_ACT_SQUARE, TRN_ACT_RELU,
					     TRN_ACT_ABS, TRN_ACT_PRELU };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t round = 0; round < 2 * ROUNDS; round++) {
		struct trn_test_place place = trn_test_any_place(&tc);
		const uint8_t *pair = pairs[round % 6];
		const uint32_t reverse = trn_test_below(&tc, 4);
		const uint8_t join = joins[round % 5];
		const uint8_t func = functions[trn_test_below(&tc, 5)];
		const float slope = func == TRN_ACT_PRELU ? -0.75f : 0.0f;
		struct operand o[2];
		struct trn_isa_ap src, dst, out;
		struct trn_isa_compute *inst;

		if (round % 8 == 0)
			place.count = 1; /* ABS_MAX of one element is its magnitude */
		src = trn_test_edges(&tc, &place, trn_test_any_float(&tc), TRN_TEST_SRC0);
		dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF, trn_test_any_float(&tc),
				       TRN_TEST_DST);
		out = lanes_at(&place);
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_SCALAR, TRN_OP_ACTIVATE2, 3);
		for (uint32_t k = 0; k < 2; k++) {
			o[k] = operand_make(&tc, &place, trn_test_below(&tc, 2),
					    k ? SRC2 : TRN_TEST_SRC1);
			if (pair[k] == TRN_ALU_BYPASS && !(reverse >> k & 1))
				o[k].value = 0.0f;
			operand_emit(inst, k, &o[k]);
		}
		inst->src0 = src;
		inst->dst = dst;
		inst->dst2 = out;
		inst->op0 = pair[0];
		inst->op1 = pair[1];
		inst->func = func;
		inst->mode = TRN_REDUCE_RESET_REDUCE;
		inst->imm[2] = join;
		inst->imm[3] = trn_test_bits(slope);
		inst->head.flags |= (uint8_t)(reverse * TRN_SCALAR_REVERSE0);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 7) {
			float row[TRN_TEST_COUNT_MAX];

			for (uint32_t n = 0; n < place.count; n++) {
				float x = trn_test_get(&tc, &src, p, n);

				for (uint32_t k = 0; k < 2; k++)
					x = scalar_alu(pair[k], x, operand_in(&tc, &o[k], p),
						       reverse >> k & 1);
				row[n] = plain_function(func, slope, x);
				trn_test_expect(&tc, &dst, p, n, row[n]);
			}
			trn_test_expect(&tc, &out, p, 0, trn_test_join(join, row, place.count));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

enum other_kind {
	OTHER_IMMEDIATE,
	OTHER_COLUMN,
	OTHER_TENSOR
};

START_TEST(select_reduce_of_three_kinds)
{
	static const enum trn_dtype predicates[] = { TRN_DTYPE_U8, TRN_DTYPE_S8, TRN_DTYPE_U16,
						     TRN_DTYPE_S16 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct trn_test_place place = trn_test_any_place(&tc);
		const struct trn_test_place one = { place.start, place.partitions, 1 };
		const enum other_kind kind = round % 3;
		const bool reverse = round / 3 & 1, psum = round / 6 & 1;
		const enum trn_dtype type = trn_test_any_float(&tc);
		struct trn_isa_ap src = trn_test_edges(&tc, &place, type, TRN_TEST_SRC0);
		struct trn_isa_ap pred = trn_test_edges(
			&tc, &place, predicates[trn_test_below(&tc, 4)], TRN_TEST_SRC1);
		struct trn_isa_ap other =
			trn_test_edges(&tc, kind == OTHER_TENSOR ? &place : &one, type, SRC2);
		struct trn_isa_ap dst = trn_test_operand(&tc, &place, TRN_SPACE_SBUF,
							 trn_test_any_float(&tc), TRN_TEST_DST);
		const struct trn_isa_ap out = lanes_at(&place), from = src;
		struct trn_isa_compute *inst;

		trn_test_clear(&tc);
		if (psum)
			src = trn_test_psum(&tc, &from, 4096);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_SELECT_REDUCE, 3);
		inst->src0 = src;
		inst->src1 = pred;
		inst->dst = dst;
		inst->dst2 = out;
		if (kind == OTHER_IMMEDIATE)
			inst->imm[0] = trn_test_bits(trn_test_get(&tc, &other, 0, 0));
		else
			inst->src2 = other;
		inst->mode = TRN_REDUCE_RESET_REDUCE;
		inst->head.flags = reverse ? TRN_SELECT_REVERSE : 0;
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < place.partitions; p += 5) {
			float row[TRN_TEST_COUNT_MAX];

			for (uint32_t n = 0; n < place.count; n++) {
				const bool chosen = trn_test_get(&tc, &pred, p, n) != 0.0f;
				const float y = trn_test_get(&tc, &other,
							     kind == OTHER_IMMEDIATE ? 0 : p,
							     kind == OTHER_TENSOR ? n : 0);

				row[n] = chosen != reverse ? trn_test_get(&tc, &from, p, n) : y;
				trn_test_expect(&tc, &dst, p, n, row[n]);
			}
			trn_test_expect(&tc, &out, p, 0,
					trn_test_join(TRN_ALU_MAX, row, place.count));
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The lane after a command, and after a second instruction that accumulates. */
struct command {
	enum trn_op op;
	enum trn_engine engine;
	uint8_t mode, join;
	float load, lane, later;
	bool nan; /* the vector engine's lane is clobbered */
};

#define V TRN_ENGINE_VECTOR
#define S TRN_ENGINE_SCALAR
/* The row is 1, 2, -4; exponential sees zeros and sums three ones. */
static const struct command commands[] = {
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_IDLE, TRN_ALU_ADD, 0, 0, 0, true },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_RESET, TRN_ALU_ADD, 0, 0, -1, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_RESET, TRN_ALU_MUL, 0, 1, -8, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_RESET, TRN_ALU_MAX, 0, -FLT_MAX, 2, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_RESET, TRN_ALU_MIN, 0, FLT_MAX, -4, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_RESET_REDUCE, TRN_ALU_MUL, 0, -8, 64, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_ADD, 10, 9, 8, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_MUL, 0.5f, -4, 32, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_MAX, 7, 7, 7, false },
	{ TRN_OP_SCALAR_REDUCE, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_MIN, -9, -9, -9, false },
	/* Clobbered too, but the larger of NaN and b is b. */
	{ TRN_OP_SELECT_REDUCE, V, TRN_REDUCE_IDLE, TRN_ALU_MAX, 0, 0, 2, false },
	{ TRN_OP_SELECT_REDUCE, V, TRN_REDUCE_RESET, TRN_ALU_MAX, 0, -FLT_MAX, 2, false },
	{ TRN_OP_SELECT_REDUCE, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_MAX, 3, 3, 3, false },
	{ TRN_OP_SELECT_REDUCE, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_MAX, 1, 2, 2, false },
	{ TRN_OP_EXPONENTIAL, V, TRN_REDUCE_LOAD_REDUCE, TRN_ALU_ADD, 0.5f, 3.5f, 6.5f, false },
	{ TRN_OP_EXPONENTIAL, V, TRN_REDUCE_RESET, TRN_ALU_ADD, 0, 0, 3, false },
	{ TRN_OP_ACTIVATE2, S, TRN_REDUCE_IDLE, TRN_ALU_ADD, 0, 100, 99, false },
	{ TRN_OP_ACTIVATE2, S, TRN_REDUCE_RESET, TRN_ALU_ABS_MAX, 0, 0, 4, false },
	{ TRN_OP_ACTIVATE2, S, TRN_REDUCE_RESET, TRN_ALU_ABS_MIN, 0, FLT_MAX, 1, false },
	{ TRN_OP_ACTIVATE2, S, TRN_REDUCE_ACCUMULATE, TRN_ALU_ABS_MAX, 0, 100, 100, false },
	{ TRN_OP_ACTIVATE2, S, TRN_REDUCE_RESET_REDUCE, TRN_ALU_ABS_MIN, 0, 1, 1, false },
};

static struct trn_isa_compute *command_emit(struct trn_test_core *tc, const struct command *c,
					    uint8_t mode)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, c->engine, c->op, 3);

	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 1, TRN_TEST_SRC0, 3);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 1, TRN_TEST_DST, 3);
	inst->mode = mode;
	switch (c->op) {
	case TRN_OP_SCALAR_REDUCE:
		inst->op0 = TRN_ALU_ADD;
		inst->func = c->join;
		break;
	case TRN_OP_ACTIVATE2:
		inst->func = TRN_ACT_COPY;
		inst->imm[2] = mode == TRN_REDUCE_IDLE ? 0 : c->join;
		break;
	case TRN_OP_SELECT_REDUCE:
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 64, 1, TRN_TEST_SRC1, 3);
		break;
	default:
		inst->src0.offset = SRC2; /* zeros */
		break;
	}
	if (mode == TRN_REDUCE_LOAD_REDUCE)
		inst->imm[1] = trn_test_bits(c->load);
	return inst;
}

START_TEST(accumulator_commands)
{
	static const float row[3] = { 1, 2, -4 }, zeros[3] = { 0 };
	static const uint8_t ones[3] = { 1, 255, 1 };
	const struct command *c = &commands[_i];
	const struct trn_isa_ap out = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 1, LANES, 1);
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	float have;

	trn_test_core_open(&tc, "trn3");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 64, 1, TRN_TEST_SRC0, row, sizeof(row));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 64, 1, SRC2, zeros, sizeof(zeros));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 64, 1, TRN_TEST_SRC1, ones, sizeof(ones));
	if (c->engine == S) { /* 100 in the lane before */
		const float hundred = 100.0f;

		trn_test_poke(&tc, TRN_SPACE_SBUF, 64, 1, SRC2, &hundred, sizeof(hundred));
		inst = command_emit(&tc, c, TRN_REDUCE_RESET_REDUCE);
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 1, SRC2, 1);
		inst->dst.dims[0].num = 1;
	}
	inst = command_emit(&tc, c, c->mode);
	if (c->mode >= TRN_REDUCE_ACCUMULATE)
		inst->dst2 = out;
	inst = command_emit(&tc, c, TRN_REDUCE_ACCUMULATE);
	inst->dst2 = out;
	inst->dst2.offset += 4;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	if (c->mode >= TRN_REDUCE_ACCUMULATE) {
		have = trn_test_get(&tc, &out, 0, 0);
		ck_assert_msg(have == c->lane, "lane %g, not %g", (double)have, (double)c->lane);
	}
	trn_test_peek(&tc, TRN_SPACE_SBUF, 64, 1, LANES + 4, &have, sizeof(have));
	ck_assert_msg(c->nan ? have != have : have == c->later, "then %g, not %g", (double)have,
		      (double)c->later);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_accumulate_suite(void)
{
	Suite *suite = suite_create("exec-accumulate");
	TCase *tcase = tcase_create("rows");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, scalar_reduce_operators);
	tcase_add_test(tcase, activate2_pairs);
	tcase_add_test(tcase, select_reduce_of_three_kinds);
	tcase_add_loop_test(tcase, accumulator_commands, 0, (int)TRN_ARRAY_LEN(commands));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_accumulate_suite)
