/* SPDX-License-Identifier: Apache-2.0 */
/* What a whole UltraServer costs a process: 144 devices are open, brought up and idle. Resident
 * memory has a limit; time is told, and judged by people. */
#include <check.h>
#include <stdio.h>
#include <trn/trn.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/test_main.h"

/* Sanitizers keep a shadow of what is touched, and what was freed. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#if defined(SANITIZED)
#define LIMIT_MIB 4096.0
#else
#define LIMIT_MIB 256.0
#endif
#define CHIPS 144

static double resident_mib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total = 0, resident = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu %lu", &total, &resident), 2);
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static const char *const uris[] = { "mock:trn3-ultraserver", "mock:trn3-ultraserver?threads=1",
				    "mock:trn4-ultraserver" };

START_TEST(all_chips_are_open)
{
	struct trn_device *devices[CHIPS];
	struct trn_context *context = NULL;
	uint32_t count = 0;
	uint64_t start;
	double seconds, mib;

	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	start = trn_clock_ns();
	ck_assert_int_eq(trn_pod_open(context, uris[_i], trn_deadline_in(UINT64_C(120000000000)),
				      devices, CHIPS, &count),
			 0);
	seconds = (double)(trn_clock_ns() - start) / 1e9;
	mib = resident_mib();
	printf("# %s: %u devices open in %.2f s, %.0f MiB resident\n", uris[_i], count, seconds,
	       mib);
	ck_assert_uint_eq(count, CHIPS);
	ck_assert_msg(mib < LIMIT_MIB, "%.0f MiB resident, at most %.0f are allowed", mib,
		      LIMIT_MIB);
	for (uint32_t i = 0; i < count; i++)
		trn_device_unref(devices[i]);
	trn_context_unref(context);
}
END_TEST

static Suite *size_suite(void)
{
	Suite *suite = suite_create("pod-size");
	TCase *tc = tcase_create("pod-size");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, all_chips_are_open, 0, (int)(sizeof(uris) / sizeof(uris[0])));
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(size_suite)
