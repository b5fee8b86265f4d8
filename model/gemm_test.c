/* SPDX-License-Identifier: Apache-2.0 */
/* The model's own tile against the definition, every edge of its blocking. */
#include <math.h>
#include <stdlib.h>
#include "base/prng.h"
#include "base/test_main.h"
#include "model/core.h"

#define LD 150u

START_TEST(tile_is_a_chain_of_fma)
{
	static float a[64 * LD], b[64 * LD], c[64 * LD], want[64 * LD];
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (int round = 0; round < 60; round++) {
		const struct trn_gemm gemm = {
			.m = 1 + (uint32_t)trn_prng_below(&prng, 40),
			.n = 1 + (uint32_t)trn_prng_below(&prng, LD),
			.k = 1 + (uint32_t)trn_prng_below(&prng, 60),
			.a = a,
			.b = b,
			.c = c,
			.lda = LD,
			.ldb = LD,
			.ldc = LD,
			.accumulate = round & 1,
			.pairs = round % 3 == 0,
		};
		const uint32_t step = gemm.pairs ? 2 : 1;

		for (uint32_t i = 0; i < 64 * LD; i++) {
			a[i] = (float)(trn_prng_unit(&prng) - 0.5);
			b[i] = (float)(trn_prng_unit(&prng) - 0.5);
			c[i] = want[i] = (float)trn_prng_unit(&prng);
		}
		for (uint32_t m = 0; m < gemm.m; m++) {
			for (uint32_t n = 0; n < gemm.n; n++) {
				float sum = gemm.accumulate ? want[m * LD + n] : 0.0f;

				for (uint32_t k = 0; k < gemm.k; k++)
					sum = fmaf(a[k * LD + m * step], b[k * LD + n], sum);
				want[m * LD + n] = sum;
			}
		}
		trn_gemm_run(&gemm);
		/* What is outside the tile stays as it was. */
		ck_assert_mem_eq(c, want, sizeof(c));
	}
}
END_TEST

/* Two ways to the same bits: with the host's unit and without. */
START_TEST(both_ways_agree)
{
	static float a[32 * LD], b[32 * LD], fast[32 * LD], plain[32 * LD];
	struct trn_gemm gemm = {
		.m = 29, .n = 131, .k = 31, .a = a, .b = b, .lda = LD, .ldb = LD, .ldc = LD
	};
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (uint32_t i = 0; i < 32 * LD; i++) {
		a[i] = (float)(trn_prng_unit(&prng) - 0.5);
		b[i] = (float)(trn_prng_unit(&prng) - 0.5);
	}
	gemm.c = fast;
	trn_gemm_run(&gemm);
	gemm.c = plain;
	trn_gemm_plain(&gemm);
	ck_assert_mem_eq(fast, plain, sizeof(fast));
}
END_TEST

static Suite *gemm_suite(void)
{
	Suite *suite = suite_create("gemm");
	TCase *tcase = tcase_create("tile");

	tcase_add_test(tcase, tile_is_a_chain_of_fma);
	tcase_add_test(tcase, both_ways_agree);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(gemm_suite)
