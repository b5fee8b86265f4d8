/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that carry a value along a row, and the operator of three operands, against
 * their definitions, to the bit. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_vector.h"

#define ROUNDS 96
#define SRC2 (TRN_TEST_SRC1 + 8192)

/* x op a, or a op x. */
static float apply(uint32_t op, float x, float a, bool reverse)
{
	return reverse ? trn_test_alu(op, a, x) : trn_test_alu(op, x, a);
}

/* Operands of one round: patterns, flags and what an operand is in a row. */
struct round {
	struct trn_test_place place;
	struct trn_isa_ap x, y, column, dst;
	uint8_t op[2];
	uint32_t reverse;
	bool has_column;
	float imm;
};

static struct round round_make(struct trn_test_core *tc, uint32_t n)
{
	struct round r = {
		.place = trn_test_any_place(tc),
		.op = { trn_test_operators[n % TRN_TEST_OPERATORS],
			trn_test_operators[trn_test_below(tc, TRN_TEST_OPERATORS)] },
		.reverse = trn_test_below(tc, 4),
		.has_column = n & 1,
	};

	if (n % 16 == 5)
		r.place.count = 1;
	r.x = trn_test_edges(tc, &r.place, trn_test_any_float(tc), TRN_TEST_SRC0);
	r.y = trn_test_edges(tc, &r.place, trn_test_any_float(tc), TRN_TEST_SRC1);
	r.column = trn_test_column(tc, &r.place, SRC2);
	r.dst = trn_test_operand(tc, &r.place, TRN_SPACE_SBUF, trn_test_any_float(tc),
				 TRN_TEST_DST);
	r.imm = trn_test_get(tc, &r.column, 0, 0);
	trn_test_clear(tc);
	return r;
}

static struct trn_isa_compute *round_emit(struct trn_test_core *tc, const struct round *r,
					  enum trn_op op)
{
	struct trn_isa_compute *inst = trn_test_emit(tc, TRN_ENGINE_VECTOR, op, 3);

	inst->src0 = r->x;
	inst->dst = r->dst;
	inst->op0 = r->op[0];
	inst->op1 = r->op[1];
	inst->head.flags = (uint8_t)(r->reverse * TRN_SCALAR_REVERSE0);
	return inst;
}

static float operand_in(struct trn_test_core *tc, const struct round *r, uint32_t p)
{
	return r->has_column ? trn_test_get(tc, &r->column, p, 0) : r->imm;
}

START_TEST(scalar_tensor_tensor_operators)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t n = 0; n < ROUNDS; n++) {
		struct round r = round_make(&tc, n);
		struct trn_isa_compute *inst;

		if (n % 7 == 0)
			r.op[n & 1] = TRN_ALU_BYPASS;
		if (r.op[0] == TRN_ALU_BYPASS && !(r.reverse & 1))
			r.imm = 0.0f;
		inst = round_emit(&tc, &r, TRN_OP_SCALAR_TENSOR_TENSOR);
		inst->src2 = r.y;
		if (r.has_column) {
			inst->src1 = r.column;
			inst->head.flags |= TRN_SCALAR_COLUMN0;
		} else {
			inst->imm[0] = trn_test_bits(r.imm);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < r.place.partitions; p += 9) {
			for (uint32_t i = 0; i < r.place.count; i++) {
				const float x = apply(r.op[0], trn_test_get(&tc, &r.x, p, i),
						      operand_in(&tc, &r, p), r.reverse & 1);

				trn_test_expect(&tc, &r.dst, p, i,
						apply(r.op[1], x, trn_test_get(&tc, &r.y, p, i),
						      r.reverse & 2));
			}
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

static void check_scan(struct trn_test_core *tc, const struct round *r, const struct trn_isa_ap *x,
		       const struct trn_isa_ap *y)
{
	for (uint32_t p = 0; p < r->place.partitions; p += 9) {
		float carried = operand_in(tc, r, p);

		for (uint32_t i = 0; i < r->place.count; i++) {
			carried =
				apply(r->op[0], trn_test_get(tc, x, p, i), carried, r->reverse & 1);
			carried =
				apply(r->op[1], carried, trn_test_get(tc, y, p, i), r->reverse & 2);
			trn_test_expect(tc, &r->dst, p, i, carried);
		}
	}
}

START_TEST(tensor_scan_operators)
{
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t n = 0; n < ROUNDS; n++) {
		struct round r = round_make(&tc, n);
		const struct trn_isa_ap x = r.x, y = r.y;
		struct trn_isa_compute *inst;

		/* One of the two in PSUM, or both in SBUF. */
		if (n % 3 == 0)
			r.x = trn_test_psum(&tc, &x, 4096);
		if (n % 3 == 1)
			r.y = trn_test_psum(&tc, &y, 8192);
		inst = round_emit(&tc, &r, TRN_OP_TENSOR_SCAN);
		inst->src1 = r.y;
		if (r.has_column) {
			inst->src2 = r.column;
			inst->head.flags |= TRN_SCALAR_COLUMN1;
		} else {
			inst->imm[1] = trn_test_bits(r.imm);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		check_scan(&tc, &r, &x, &y);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* More elements than one tile holds, result over a source. */
START_TEST(scan_of_long_rows_in_place)
{
	static const uint32_t partitions[] = { 128, 1, 33 };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t k = 0; k < TRN_ARRAY_LEN(partitions); k++) {
		const struct trn_isa_ap x =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, partitions[k], 0, 9000);
		const struct trn_isa_ap y =
			trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, partitions[k], 65536, 9000);
		static float row[9000], have[9000];
		static uint16_t other[9000];
		struct trn_isa_compute *inst;
		float carried = 2.0f;

		trn_test_fill(&tc, TRN_DTYPE_F32, row, 9000);
		trn_test_fill(&tc, TRN_DTYPE_BF16, other, 9000);
		for (uint32_t p = 0; p < partitions[k]; p++) {
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 0, row, sizeof(row));
			trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, 65536, other, sizeof(other));
		}
		trn_test_clear(&tc);
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_SCAN, 2);
		inst->src0 = inst->dst = x;
		inst->src1 = y;
		inst->op0 = TRN_ALU_MAX;
		inst->op1 = TRN_ALU_SUB;
		inst->imm[1] = trn_test_bits(carried);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		trn_test_peek(&tc, TRN_SPACE_SBUF, partitions[k] - 1, 1, 0, have, sizeof(have));
		for (uint32_t i = 0; i < 9000; i++) {
			carried = row[i] > carried ? row[i] : carried;
			carried -= trn_test_get(&tc, &y, 0, i);
			ck_assert_msg(have[i] == carried, "element %u: %g, not %g", i,
				      (double)have[i], (double)carried);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(cumulative_operators)
{
	static const uint8_t ops[] = { TRN_ALU_ADD, TRN_ALU_SUB, TRN_ALU_MUL, TRN_ALU_MAX,
				       TRN_ALU_MIN };
	static const float empty[] = { 0.0f, 0.0f, 1.0f, -3.4028235e38f, 3.4028235e38f };
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn3");
	for (uint32_t n = 0; n < ROUNDS; n++) {
		struct round r = round_make(&tc, n);
		const uint32_t op = n % 5, mode = TRN_REDUCE_ACCUMULATE + n / 5 % 3;
		const float load = 1.75f;
		float start = empty[op];
		struct trn_isa_compute *inst;

		if (n % 4 == 0)
			r.op[0] = TRN_ALU_BYPASS;
		r.op[1] = ops[op];
		if (r.op[0] == TRN_ALU_BYPASS && !(r.reverse & 1))
			r.imm = 0.0f;
		if (mode == TRN_REDUCE_ACCUMULATE) {
			/* The lanes come from an instruction before. */
			inst = round_emit(&tc, &r, TRN_OP_SCALAR_CUMULATIVE);
			inst->mode = TRN_REDUCE_LOAD_REDUCE;
			inst->imm[1] = trn_test_bits(load);
			inst->op0 = TRN_ALU_BYPASS;
			inst->op1 = TRN_ALU_MUL;
			inst->head.flags = 0;
			inst->src0 = inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32,
							     r.place.start, r.place.partitions,
							     TRN_TEST_DST + 16384, 1);
			for (uint32_t p = 0; p < r.place.partitions; p++)
				trn_test_set(&tc, &inst->src0, p, 0, 2.0f);
			start = 2.0f * load;
		}
		inst = round_emit(&tc, &r, TRN_OP_SCALAR_CUMULATIVE);
		inst->mode = (uint8_t)mode;
		if (mode == TRN_REDUCE_LOAD_REDUCE) {
			inst->imm[1] = trn_test_bits(load);
			start = load;
		}
		if (r.has_column) {
			inst->src1 = r.column;
			inst->head.flags |= TRN_SCALAR_COLUMN0;
		} else {
			inst->imm[0] = trn_test_bits(r.imm);
		}
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		for (uint32_t p = 0; p < r.place.partitions; p += 9) {
			float lane = start;

			for (uint32_t i = 0; i < r.place.count; i++) {
				const float y = apply(r.op[0], trn_test_get(&tc, &r.x, p, i),
						      operand_in(&tc, &r, p), r.reverse & 1);

				lane = apply(r.op[1], y, lane, r.reverse & 2);
				trn_test_expect(&tc, &r.dst, p, i, lane);
			}
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* The lane that a cumulative leaves is the one that others find. */
START_TEST(cumulative_leaves_its_lane)
{
	const struct trn_isa_ap x =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 32, 1, TRN_TEST_SRC0, 3);
	const struct trn_isa_ap out =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 32, 1, TRN_TEST_SRC1, 1);
	static const float row[3] = { 1, 2, 4 };
	struct trn_isa_compute *inst;
	struct trn_test_core tc;

	trn_test_core_open(&tc, "trn2");
	trn_test_poke(&tc, TRN_SPACE_SBUF, 32, 1, TRN_TEST_SRC0, row, sizeof(row));
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_SCALAR_CUMULATIVE, 2);
	inst->src0 = x;
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 1, TRN_TEST_DST, 3);
	inst->op1 = TRN_ALU_ADD;
	inst->mode = TRN_REDUCE_RESET_REDUCE;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_SCALAR_REDUCE, 3);
	inst->src0 = x;
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 1, TRN_TEST_DST, 3);
	inst->dst2 = out;
	inst->op0 = TRN_ALU_MUL;
	inst->func = TRN_ALU_ADD;
	inst->mode = TRN_REDUCE_ACCUMULATE;
	inst->imm[0] = trn_test_bits(10.0f);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_expect(&tc, &out, 0, 0, 77.0f);
	trn_test_core_close(&tc);
}
END_TEST

/* With random rounding the numbers are drawn row by row, as a copy of the same values does. */
START_TEST(random_rounding_goes_by_rows)
{
	const struct trn_isa_ap x =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 40, TRN_TEST_SRC0, 200);
	struct trn_isa_ap dst =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 40, TRN_TEST_DST, 200);
	struct trn_isa_ap copied = dst;
	struct trn_isa_compute *inst;
	struct trn_test_core tc;
	float row[200];

	trn_test_core_open(&tc, "trn2");
	copied.offset += 8192;
	for (uint32_t k = 0; k < 2; k++) {
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_SET_ROUNDING, 1);
		inst->mode = TRN_ROUND_STOCHASTIC;
		inst->imm[0] = 1234;
		inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR,
				     k ? TRN_OP_TENSOR_COPY : TRN_OP_SCALAR_CUMULATIVE, 2);
		inst->src0 = x;
		inst->dst = k ? copied : dst;
		if (k == 0) { /* (x + 0) max lowest, from the lowest: x where it rises */
			inst->op0 = TRN_ALU_BYPASS;
			inst->op1 = TRN_ALU_MAX;
			inst->mode = TRN_REDUCE_RESET_REDUCE;
		}
	}
	/* Rows that rise: the largest so far is the element itself. */
	for (uint32_t p = 0; p < 40; p++) {
		for (uint32_t i = 0; i < 200; i++)
			row[i] = (float)(p + 1) * 0.37f + (float)i * 1.0013f;
		trn_test_poke(&tc, TRN_SPACE_SBUF, p, 1, TRN_TEST_SRC0, row, sizeof(row));
	}
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t p = 0; p < 40; p++) {
		for (uint32_t i = 0; i < 200; i++)
			trn_test_same_bits(&tc, &dst, &copied, p, i);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *exec_scan_suite(void)
{
	Suite *suite = suite_create("exec-scan");
	TCase *tcase = tcase_create("rows");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, scalar_tensor_tensor_operators);
	tcase_add_test(tcase, tensor_scan_operators);
	tcase_add_test(tcase, scan_of_long_rows_in_place);
	tcase_add_test(tcase, cumulative_operators);
	tcase_add_test(tcase, cumulative_leaves_its_lane);
	tcase_add_test(tcase, random_rounding_goes_by_rows);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(exec_scan_suite)
