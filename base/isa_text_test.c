/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of names: complete, unique, and the inverse of each other. */
#include "base/isa_text.h"

#include <string.h>
#include "base/bits.h"
#include "base/isa_ops.h"
#include "base/number.h"
#include "base/test_main.h"

START_TEST(names_and_values)
{
	for (int k = TRN_TEXT_ALU; k < TRN_TEXT_KINDS; k++) {
		enum trn_text_kind kind = (enum trn_text_kind)k;
		int named = 0;

		for (uint32_t value = 0; value < 256; value++) {
			const char *name = trn_text_name(kind, value);

			if (!name)
				continue;
			named++;
			ck_assert_int_eq(trn_text_value(kind, name, strlen(name)), (int)value);
		}
		ck_assert_int_gt(named, 1);
		ck_assert_int_eq(trn_text_value(kind, "nothing", 7), -1);
		ck_assert_uint_gt(strlen(trn_text_expected(kind)), 0);
	}
	for (uint32_t dtype = 1; dtype < TRN_DTYPE_COUNT; dtype++)
		ck_assert_ptr_nonnull(trn_text_name(TRN_TEXT_DTYPE, dtype));
	for (uint32_t dtype = TRN_DTYPE_U8; dtype <= TRN_DTYPE_F8E3M4; dtype++)
		ck_assert_str_eq(trn_text_name(TRN_TEXT_DTYPE, dtype),
				 trn_dtype_name((enum trn_dtype)dtype));
	ck_assert_ptr_null(trn_text_name(TRN_TEXT_ALU, 99));
	ck_assert_ptr_null(trn_text_name(TRN_TEXT_REG, 0));
	ck_assert_int_eq(trn_text_value(TRN_TEXT_ALU, "add", 2), -1);
}
END_TEST

START_TEST(every_opcode_is_described)
{
	for (uint32_t op = 0; op < TRN_OP_LIMIT + 8; op++) {
		const struct trn_isa_op *form = trn_isa_op(op);
		const struct trn_isa_text *text = trn_isa_text(op);

		ck_assert(!form == !text);
		if (!form)
			continue;
		ck_assert_int_eq(trn_isa_text_op(form->name, strlen(form->name)), (int)op);
		for (unsigned int bit = 0; bit < TRN_TEXT_FLAGS; bit++)
			ck_assert_msg(!(form->flags >> bit & 1) ||
					      (text->flags && text->flags[bit]),
				      "%s: flag 0x%x has no name", form->name, 1u << bit);
		for (unsigned int f = 0; f < TRN_FIELD_COUNT; f++) {
			bool used = f < TRN_FIELD_IMM0 ? form->params >> f & 1 :
							 form->imms >> (f - TRN_FIELD_IMM0) & 1;

			ck_assert_msg(used || text->field[f] == TRN_TEXT_NUMBER ||
					      text->field[f] == TRN_TEXT_FLOAT,
				      "%s has no %s", form->name, trn_text_places[f].name);
		}
	}
	ck_assert_int_eq(trn_isa_text_op("nothing", 7), -1);
}
END_TEST

static Suite *text_suite(void)
{
	Suite *suite = suite_create("isa_text");
	TCase *tcase = tcase_create("tables");

	tcase_add_test(tcase, names_and_values);
	tcase_add_test(tcase, every_opcode_is_described);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(text_suite)
