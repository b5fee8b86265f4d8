/* SPDX-License-Identifier: Apache-2.0 */
/* Generations from text: what is taken, and every refusal with its place. */
#include <stdio.h>
#include <string.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "model/gen.h"

static char text[TRN_GEN_PROFILE_MAX + 1];

static int parse(const char *source, size_t size, struct trn_gen *gen,
		 struct trn_gen_problem *problem)
{
	memcpy(text, source, size);
	return trn_gen_profile(text, size, trn_gen_find("trn3"), gen, problem);
}

static const char good[] = "# a variant\n"
			   "\n"
			   "base = trn3\r\n"
			   "name=fast-hbm.2\n"
			   "  preview = yes   # not yet built\n"
			   "features = +qos -mx\t-rand2\n"
			   "hbm_bytes_per_s = 9800000000000 ; C ; twice as fast: a wish\n"
			   "hbm_bytes = 32G;B;fewer layers\n"
			   "matmul_rate_mxf4 = 0x0 ; C ; no MX";

START_TEST(a_variant)
{
	const struct trn_gen *base = trn_gen_find("trn3");
	struct trn_gen_problem problem = { 0 };
	struct trn_gen gen;

	ck_assert_msg(parse(good, sizeof(good) - 1, &gen, &problem) == 0, "%u:%u: %s", problem.line,
		      problem.column, problem.what);
	ck_assert_str_eq(gen.name, "fast-hbm.2");
	ck_assert_str_eq(gen.product, base->product);
	ck_assert(gen.preview);
	ck_assert_uint_eq(gen.features, base->features & ~(TRN_FEATURE_MX | TRN_FEATURE_RAND2));
	ck_assert_uint_eq(gen.hbm_bytes_per_s, UINT64_C(9800000000000));
	ck_assert_int_eq(gen.origin[TRN_GEN_hbm_bytes_per_s].confidence, 'C');
	ck_assert_str_eq(gen.origin[TRN_GEN_hbm_bytes_per_s].source, "twice as fast: a wish");
	ck_assert_uint_eq(gen.hbm_bytes, 32 * TRN_GIB);
	ck_assert_str_eq(gen.origin[TRN_GEN_hbm_bytes].source, "fewer layers");
	/* The rest is the base's. */
	ck_assert_uint_eq(gen.clock_vector_mhz, base->clock_vector_mhz);
	ck_assert_ptr_eq(gen.origin[TRN_GEN_clock_vector_mhz].source,
			 base->origin[TRN_GEN_clock_vector_mhz].source);
}
END_TEST

START_TEST(nothing_is_the_base)
{
	struct trn_gen_problem problem;
	struct trn_gen gen;

	ck_assert_int_eq(parse("", 0, &gen, &problem), 0);
	ck_assert_mem_eq(&gen, trn_gen_find("trn3"), sizeof(gen));
}
END_TEST

START_TEST(a_feature_needs_its_rate)
{
	static const char source[] = "# MX on trn2\nfeatures = +mx";
	struct trn_gen_problem problem;
	struct trn_gen gen;

	memcpy(text, source, sizeof(source));
	ck_assert_int_eq(trn_gen_profile(text, sizeof(source) - 1, trn_gen_find("trn2"), &gen,
					 &problem),
			 -EINVAL);
	ck_assert_uint_eq(problem.line, 2);
	ck_assert_ptr_nonnull(strstr(problem.what, "matmul_rate_mxf8"));
}
END_TEST

#define V " ; A ; test\n"
#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t size;
	uint32_t line, column;
	const char *what;
} wrong[] = {
	{ TEXT("min_ii_cycles"), 1, 1, "'key = value' is wanted" },
	{ TEXT("\n\n  = 5" V), 3, 3, "no constant is called ''" },
	{ TEXT("minimum = 5" V), 1, 1, "no constant is called 'minimum'; trnctl info lists them" },
	{ TEXT("base = trn9"), 1, 8, "base: no generation 'trn9'" },
	{ TEXT("base = trn2"), 1, 8, "base: the file is for trn2, it was opened as trn3" },
	{ TEXT("base = trn3\nbase = trn3"), 2, 1, "base: it was on line 1 already" },
	{ TEXT("name ="), 1, 7, "name: 1 to 31 of a-z 0-9 . - are wanted" },
	{ TEXT("name = Big"), 1, 8, "name: 1 to 31 of" },
	{ TEXT("name = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 1, 8, "name: 1 to 31 of" },
	{ TEXT("preview = maybe"), 1, 11, "preview: yes or no is wanted" },
	{ TEXT("features ="), 1, 11, "features: +NAME or -NAME is wanted" },
	{ TEXT("features = mx"), 1, 12, "features: + or - is wanted in front of 'mx'" },
	{ TEXT("features = +mx  -warp"), 1, 18, "features: none is called 'warp'" },
	{ TEXT("min_ii_cycles = 5"), 1, 18, "min_ii_cycles: 'value ; confidence ; source'" },
	{ TEXT("min_ii_cycles = 5 ; A"), 1, 22, "min_ii_cycles: 'value ; confidence ; source'" },
	{ TEXT("min_ii_cycles = 5 ; D ; test"), 1, 21,
	  "min_ii_cycles: confidence A, B or C is wanted, not 'D'" },
	{ TEXT("min_ii_cycles = 5 ; ; test"), 1, 21, "confidence A, B or C" },
	{ TEXT("min_ii_cycles = 5 ; AB ; test"), 1, 21, "confidence A, B or C" },
	{ TEXT("min_ii_cycles = 5 ; A ;"), 1, 24, "min_ii_cycles: one source is wanted" },
	{ TEXT("min_ii_cycles = 5 ; A ; # none"), 1, 24, "one source is wanted" },
	{ TEXT("min_ii_cycles = 5 ; A ; a ; b"), 1, 25, "one source is wanted" },
	{ TEXT("min_ii_cycles = 0" V), 1, 17,
	  "min_ii_cycles: 1 to 100000 cycles is wanted, not '0'" },
	{ TEXT("min_ii_cycles = 100001" V), 1, 17, "1 to 100000 cycles is wanted" },
	{ TEXT("min_ii_cycles = -5" V), 1, 17, "is wanted, not '-5'" },
	{ TEXT("min_ii_cycles = " V), 1, 18, "is wanted, not ''" },
	{ TEXT("min_ii_cycles = 1K" V), 1, 17, "is wanted, not '1K'" },
	{ TEXT("min_ii_cycles = 99999999999999999999" V), 1, 17, "1 to 100000 cycles" },
	{ TEXT("sbuf_partition_bytes = 1T" V), 1, 24, "4096 to 262144 B is wanted, not '1T'" },
	{ TEXT("cores = 4" V), 1, 9, "cores: 8 to 8 is wanted, not '4'" },
	{ TEXT("min_ii_cycles = 5" V "min_ii_cycles = 6" V), 2, 1,
	  "min_ii_cycles: it was on line 1 already" },
	{ TEXT("pci_device = 0x1234" V), 1, 1, "the driver knows the chip by it" },
	{ TEXT("arch = 9" V), 1, 1, "docs/adding-a-chip.md" },
	{ TEXT("ostand_wr_2 = 0" V), 1, 1, "the driver knows the chip by it" },
	{ TEXT("name = a\1b"), 1, 9, "byte 0x01: printable ASCII" },
	{ TEXT("name = a\0b"), 1, 9, "byte 0x00: text is wanted" },
	{ TEXT("# caf\xc3\xa9"), 1, 6, "byte 0xc3: printable ASCII" },
	{ TEXT("min_ii_cycles = 5 ; A ; a \"quote\""), 1, 27, "byte 0x22" },
	{ TEXT("min_ii_cycles = 5 ; A ; a\\b"), 1, 26, "byte 0x5c" },
	{ TEXT("\nmac_mxf8_fj = 0" V), 2, 1, "matmul_rate_mxf8, _mxf4, mac_mxf8_fj" },
	/* between numbers: the line of the last of the two */
	{ TEXT("hbm_bytes = 33554433" V), 1, 1, "hbm_bytes: whole MiB are wanted" },
	{ TEXT("\nhbm_bytes = 64G" V), 2, 1, "hbm_capacity_bytes: at least four times" },
	{ TEXT("hbm_bytes = 1G" V "hbm_capacity_bytes = 2G" V), 2, 1, "hbm_capacity_bytes" },
	{ TEXT("sbuf_partition_bytes = 5000" V), 1, 1, "whole 4096 are wanted" },
	{ TEXT("udma_write_hbm_ns = 100" V), 1, 1, "udma_write_hbm_ns: more than" },
	{ TEXT("link_server_mbps = 2000000" V), 1, 1, "link_total_mbps: at least twice" },
	{ TEXT("link_rack_mbps = 2000000" V), 1, 1, "link_total_mbps: at least twice" },
	{ TEXT("link_cross_mbps = 2000000" V), 1, 1, "link_total_mbps: at least twice" },
	{ TEXT("udma_packet_ns = 1000" V), 1, 1, "udma_write_hbm_ns: more than" },
	{ TEXT("chips_server = 5" V), 1, 1, "chips_ultraserver: a multiple" },
	{ TEXT("matmul_rate_mxf4 = 0" V), 1, 1,
	  "matmul_rate_mxf8, _mxf4, mac_mxf8_fj, mac_mxf4_fj: above 0" },
};

START_TEST(refusals)
{
	struct trn_gen_problem problem = { 0 };
	struct trn_gen gen;

	ck_assert_int_eq(parse(wrong[_i].text, wrong[_i].size, &gen, &problem), -EINVAL);
	ck_assert_msg(strstr(problem.what, wrong[_i].what) != NULL, "%u:%u: %s", problem.line,
		      problem.column, problem.what);
	ck_assert_msg(problem.line == wrong[_i].line && problem.column == wrong[_i].column,
		      "%u:%u, not %u:%u: %s", problem.line, problem.column, wrong[_i].line,
		      wrong[_i].column, problem.what);
}
END_TEST

START_TEST(long_lines)
{
	char line[512];
	struct trn_gen_problem problem;
	struct trn_gen gen;

	for (size_t length = 199; length <= 202; length++) {
		memset(line, 'x', sizeof(line));
		line[0] = '#';
		ck_assert_int_eq(parse(line, length, &gen, &problem), length > 200 ? -EINVAL : 0);
	}
	ck_assert_str_eq(problem.what, "the line has more than 200 characters");
	ck_assert_uint_eq(problem.column, 201);
}
END_TEST

/* Both ends of every number are either taken as they are or break a named rule. */
START_TEST(limits)
{
	char line[160];

	for (unsigned int f = 0; f < TRN_GEN_FIELD_COUNT; f++) {
		const struct trn_gen_field_info *info = &trn_gen_fields[f];
		const uint64_t ends[] = { info->least, info->most };

		for (size_t e = 0; e < TRN_ARRAY_LEN(ends); e++) {
			const int length = snprintf(line, sizeof(line), "%s = %llu ; C ; test",
						    info->name, (unsigned long long)ends[e]);
			struct trn_gen_problem problem = { 0 };
			struct trn_gen gen;

			if (parse(line, (size_t)length, &gen, &problem) == 0)
				ck_assert_uint_eq(gen.value[f], ends[e]);
			else
				ck_assert_msg(strstr(problem.what, "not '") == NULL, "%s: %s",
					      info->name, problem.what);
		}
	}
}
END_TEST

static Suite *gen_profile_suite(void)
{
	Suite *suite = suite_create("gen-profile");
	TCase *tcase = tcase_create("text");

	tcase_add_test(tcase, a_variant);
	tcase_add_test(tcase, nothing_is_the_base);
	tcase_add_test(tcase, a_feature_needs_its_rate);
	tcase_add_loop_test(tcase, refusals, 0, (int)TRN_ARRAY_LEN(wrong));
	tcase_add_test(tcase, long_lines);
	tcase_add_test(tcase, limits);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(gen_profile_suite)
