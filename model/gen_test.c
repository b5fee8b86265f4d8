/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of constants: complete, inside their limits, and consistent with each other. */
#include "model/gen.h"

#include <string.h>
#include "base/bits.h"
#include "base/regs.h"
#include "base/test_main.h"

static const struct trn_gen *gen_at(int index)
{
	const struct trn_gen *gen = trn_gen_at((unsigned int)index);

	ck_assert_ptr_nonnull(gen);
	return gen;
}

START_TEST(every_number_has_an_origin)
{
	const struct trn_gen *gen = gen_at(_i);

	for (unsigned int f = 0; f < TRN_GEN_FIELD_COUNT; f++) {
		const struct trn_gen_field_info *info = &trn_gen_fields[f];
		const char *source = gen->origin[f].source;

		ck_assert_msg(source && *source, "%s: %s has no source", gen->name, info->name);
		ck_assert_msg(strchr("ABC", gen->origin[f].confidence) &&
				      gen->origin[f].confidence != '\0',
			      "%s: %s has no confidence", gen->name, info->name);
		ck_assert_msg(gen->value[f] >= info->least && gen->value[f] <= info->most,
			      "%s: %s is %llu", gen->name, info->name,
			      (unsigned long long)gen->value[f]);
		/* What is public of an announced chip is a multiplier at best. */
		ck_assert_msg(!gen->preview || gen->origin[f].confidence != 'A',
			      "%s: %s cannot be documented", gen->name, info->name);
		/* A guess says that it is one; nothing else does. */
		ck_assert_msg(strstr(source, "guess") == NULL || gen->origin[f].confidence == 'C',
			      "%s: %s is a guess of confidence %c", gen->name, info->name,
			      gen->origin[f].confidence);
	}
}
END_TEST

START_TEST(numbers_agree)
{
	const struct trn_gen *gen = gen_at(_i);
	enum trn_gen_field fields[TRN_GEN_CHECK_FIELDS];
	const char *what = trn_gen_check(gen, fields);

	ck_assert_msg(what == NULL, "%s: %s", gen->name, what);
	ck_assert_uint_eq(gen->cores, TRN_CORES);
}
END_TEST

/* H 1.3: the tensor engines' own rates against the published ones. */
START_TEST(published_peaks)
{
	const struct trn_gen *trn2 = trn_gen_find("trn2"), *trn3 = trn_gen_find("trn3");
	const uint64_t macs = UINT64_C(128) * 128 * 2 * 8;             /* FLOP a cycle of a chip */
	const uint64_t bf16 = macs * trn3->clock_tensor_mhz / 1000000; /* TFLOP/s */

	ck_assert_uint_eq(bf16, 629);
	ck_assert_uint_eq(macs * trn3->clock_tensor_mhz * trn3->matmul_rate_mxf8 / 100 / 1000000,
			  trn3->peak_f8_tflops - 1); /* 2516.6 */
	ck_assert_uint_eq(macs * trn2->clock_tensor_mhz * trn2->matmul_rate_f8 / 100 / 1000000,
			  1258);
	ck_assert_uint_lt(1258, trn2->peak_f8_tflops); /* headline: the other engines, too */
}
END_TEST

/* H 1.5: all that is public of Trainium4. */
START_TEST(preview_is_multipliers)
{
	const struct trn_gen *trn3 = trn_gen_find("trn3"), *trn4 = trn_gen_find("trn4");
	unsigned int derived = 0;

	ck_assert(trn4->preview && !trn3->preview);
	ck_assert_uint_eq(trn4->peak_f4_tflops, 6 * trn3->peak_f4_tflops);
	ck_assert_uint_eq(trn4->peak_f8_tflops, 3 * trn3->peak_f8_tflops);
	ck_assert_uint_eq(trn4->matmul_rate_mxf4, 6 * trn3->matmul_rate_mxf4);
	ck_assert_uint_eq(trn4->matmul_rate_mxf8, 3 * trn3->matmul_rate_mxf8);
	ck_assert_uint_eq(trn4->hbm_bytes_per_s, 4 * trn3->hbm_bytes_per_s);
	ck_assert_uint_eq(trn4->hbm_capacity_bytes, 2 * trn3->hbm_capacity_bytes);
	for (unsigned int f = 0; f < TRN_GEN_FIELD_COUNT; f++) {
		derived += trn4->origin[f].confidence == 'B';
		if (strcmp(trn4->origin[f].source, "assumed as Trainium3") == 0)
			ck_assert_uint_eq(trn4->value[f], trn3->value[f]);
	}
	ck_assert_uint_eq(derived, 7); /* these six, and the number of stacks */
}
END_TEST

START_TEST(feature_names)
{
	const char *name, *help = NULL;
	uint32_t bit = 0, all = 0;

	for (unsigned int i = 0; (name = trn_gen_feature(i, &bit, &help)); i++) {
		ck_assert_uint_eq(all & bit, 0);
		ck_assert(strlen(name) > 0 && strlen(help) > 0);
		all |= bit;
	}
	ck_assert_ptr_nonnull(trn_gen_feature(0, NULL, NULL));
	for (unsigned int i = 0; trn_gen_at(i); i++)
		ck_assert_uint_eq(trn_gen_at(i)->features & ~all, 0);
}
END_TEST

static Suite *gen_suite(void)
{
	Suite *suite = suite_create("gen");
	TCase *tcase = tcase_create("tables");
	int count = 0;

	while (trn_gen_at((unsigned int)count))
		count++;
	tcase_add_loop_test(tcase, every_number_has_an_origin, 0, count);
	tcase_add_loop_test(tcase, numbers_agree, 0, count);
	tcase_add_test(tcase, published_peaks);
	tcase_add_test(tcase, preview_is_multipliers);
	tcase_add_test(tcase, feature_names);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(gen_suite)
