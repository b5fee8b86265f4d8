/* SPDX-License-Identifier: Apache-2.0 */
/* main() of a Check program, and the run's seed: TRN_SEED (default 1), printed
 * first as a TAP comment so that a failing run can be repeated. */
#ifndef BASE_TEST_MAIN_H
#define BASE_TEST_MAIN_H

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TRN_TEST_SEED_DEFAULT 1

/* -EINVAL when TRN_SEED is no number. */
static inline int trn_test_seed_get(uint64_t *ret_seed)
{
	const char *text = getenv("TRN_SEED");
	char *end;
	unsigned long long seed;

	if (!text) {
		*ret_seed = TRN_TEST_SEED_DEFAULT;
		return 0;
	}
	errno = 0;
	seed = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0')
		return -EINVAL;
	*ret_seed = seed;
	return 0;
}

static inline uint64_t trn_test_seed(void)
{
	uint64_t seed = TRN_TEST_SEED_DEFAULT;

	(void)trn_test_seed_get(&seed); /* main() has refused a bad one */
	return seed;
}

static inline int trn_test_run(Suite *suite)
{
	SRunner *runner;
	uint64_t seed;
	int failed;

	if (trn_test_seed_get(&seed) < 0) {
		puts("Bail out! TRN_SEED is not a number");
		return EXIT_FAILURE;
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	/* Each test forks: what is still buffered would be printed again. */
	if (fflush(stdout) != 0)
		return EXIT_FAILURE;
	runner = srunner_create(suite);
	/* CK_ENV is CK_NORMAL unless CK_VERBOSITY says otherwise; TAP readers want it silent. */
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	/* In TAP mode the lines tell; an exit code besides would count a failure twice. */
	if (getenv("CK_TAP_LOG_FILE_NAME"))
		return EXIT_SUCCESS;
	return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* suite_fn: Suite *suite_fn(void) */
#define TRN_TEST_MAIN(suite_fn)                  \
	int main(void)                           \
	{                                        \
		return trn_test_run(suite_fn()); \
	}

#endif /* BASE_TEST_MAIN_H */
