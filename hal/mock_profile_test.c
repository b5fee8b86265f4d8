/* SPDX-License-Identifier: Apache-2.0 */
/* mock:...?profile=FILE: a file becomes a device, and a file that is none says why. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "hal/bus_mock.h"
#include "hal/hal.h"
#include "model/gen.h"

#define FILE_NAME "mock-profile.txt"
#define FILE_URI(pod) "mock:" pod "?hbm=64M&profile=" FILE_NAME
#define SECOND UINT64_C(1000000000)

static struct trn_test_alloc mem;
static struct trn_log sink;
static struct trn_hal_fault fault;
static struct trn_hal_dev *dev;

static void quiet(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	(void)level;
	(void)text;
}

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, quiet, NULL, TRN_LOG_ERROR);
	dev = NULL;
}

static void teardown(void)
{
	if (dev)
		trn_hal_close(dev);
	ck_assert_int_eq(mem.live, 0);
	(void)unlink(FILE_NAME);
}

static void put(const char *text, size_t size)
{
	FILE *file = fopen(FILE_NAME, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static int open_uri(const char *uri)
{
	const struct trn_hal_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = uri,
					   .deadline_ns = trn_clock_ns() + 30 * SECOND,
					   .ret_fault = &fault };

	return trn_hal_open(&open, &dev);
}

START_TEST(a_device_of_it)
{
	static const char text[] = "name = big\nhbm_bytes = 20G ; C ; test\n"
				   "hbm_capacity_bytes = 80G ; C ; test\n"
				   "sbuf_partition_bytes = 128K ; B ; test\n";
	struct trn_hal_info info;
	char answer[768];

	put(text, sizeof(text) - 1);
	ck_assert_int_eq(open_uri("mock:trn2?profile=" FILE_NAME), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_uint_eq(info.hbm_bytes, 20 * TRN_GIB);
	ck_assert_uint_eq(info.sbuf_partition_bytes, 128 * TRN_KIB);
	ck_assert_str_eq(info.arch, "trn2");
	ck_assert_int_eq(dev->ops.control(dev, "generation", NULL, answer, sizeof(answer)), 0);
	ck_assert_ptr_nonnull(strstr(answer, "{\"name\":\"big\",\"product\":\"Trainium2\","
					     "\"base\":\"trn2\",\"preview\":false"));
}
END_TEST

/* Without the launch block the driver goes by its table, and by what the bus knows better. */
START_TEST(without_the_extension)
{
	static const char text[] = "hbm_bytes = 20G ; C ; test\n";
	struct trn_hal_info info;

	put(text, sizeof(text) - 1);
	ck_assert_int_eq(open_uri("mock:trn3?extension=0&profile=" FILE_NAME), 0);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_uint_eq(info.hbm_bytes, 20 * TRN_GIB);
}
END_TEST

START_TEST(constants_by_index)
{
	char index[32], answer[768], want[64];

	put("", 0);
	ck_assert_int_eq(open_uri(FILE_URI("trn4")), 0);
	for (int i = 0; i < TRN_GEN_FIELD_COUNT; i++) {
		snprintf(index, sizeof(index), "%d", i);
		ck_assert_int_eq(dev->ops.control(dev, "generation", index, answer, sizeof(answer)),
				 0);
		snprintf(want, sizeof(want), "{\"name\":\"%s\",\"value\":%" PRIu64 ",",
			 trn_gen_fields[i].name, trn_gen_find("trn4")->value[i]);
		ck_assert_ptr_eq(strstr(answer, want), answer);
	}
	snprintf(index, sizeof(index), "%d", TRN_GEN_FIELD_COUNT);
	ck_assert_int_eq(dev->ops.control(dev, "generation", index, answer, sizeof(answer)),
			 -EINVAL);
	ck_assert_int_eq(dev->ops.control(dev, "generation", "x", answer, sizeof(answer)), -EINVAL);
}
END_TEST

static const struct {
	const char *uri, *text;
	int code;
	const char *words;
} refused[] = {
	{ FILE_URI("trn3"), "min_ii_cycles = 5", -EINVAL, FILE_NAME ":1:18: min_ii_cycles:" },
	{ FILE_URI("trn3"), "\nbase = trn2", -EINVAL, ":2:8: base: the file is for trn2" },
	{ "mock:trn3?profile=", "", -ENODEV, "profile : no such file" },
	{ "mock:trn3?profile=no-such-file", "", -ENODEV, "no-such-file: no such file" },
	{ "mock:trn3?profile=.", "", -EINVAL, "profile .: it is no regular file" },
	{ "mock:trn3?profile=/dev/zero", "", -EINVAL, "it is no regular file" },
	{ "mock:trn3?profile=mock-profile.fifo", "", -EINVAL, "it is no regular file" },
	{ "mock:trn3?profile=" FILE_NAME "%2fx", "", -EINVAL, "it cannot be read" },
	{ "mock:trn3?profile=/a/very/long/path/of/which/only/the/last/part/is/shown/in/a/message",
	  "", -ENODEV, "profile f/which/only/the/last/part/is/shown/in/a/message: no such file" },
};

START_TEST(refusals)
{
	(void)unlink("mock-profile.fifo");
	ck_assert_int_eq(mkfifo("mock-profile.fifo", 0600), 0);
	put(refused[_i].text, strlen(refused[_i].text));
	ck_assert_int_eq(open_uri(refused[_i].uri), refused[_i].code);
	ck_assert_msg(strstr(fault.why, refused[_i].words) != NULL, "%s", fault.why);
	ck_assert_int_eq(unlink("mock-profile.fifo"), 0);
}
END_TEST

START_TEST(sizes)
{
	char *text = malloc(TRN_GEN_PROFILE_MAX + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', TRN_GEN_PROFILE_MAX + 1);
	put(text, TRN_GEN_PROFILE_MAX + 1);
	ck_assert_int_eq(open_uri(FILE_URI("trn3")), -EINVAL);
	ck_assert_ptr_nonnull(strstr(fault.why, "more than 65536 bytes"));
	put(text, TRN_GEN_PROFILE_MAX);
	ck_assert_int_eq(open_uri(FILE_URI("trn3")), 0);
	free(text);
}
END_TEST

/* The first requests: the mock, the profile, the model. */
START_TEST(no_memory)
{
	int refusals_seen = 0;

	put("", 0);
	for (long n = 0; n < 6; n++) {
		int r;

		trn_test_alloc_init(&mem, n);
		r = open_uri(FILE_URI("trn3"));
		ck_assert(r == 0 || (r == -ENOMEM && mem.live == 0));
		refusals_seen += r == -ENOMEM;
		if (r == 0)
			trn_hal_close(dev); /* tiles by a library are only faster */
		dev = NULL;
	}
	ck_assert_int_ge(refusals_seen, 4);
}
END_TEST

static Suite *profile_suite(void)
{
	Suite *suite = suite_create("mock-profile");
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_device_of_it);
	tcase_add_test(tcase, without_the_extension);
	tcase_add_test(tcase, constants_by_index);
	tcase_add_loop_test(tcase, refusals, 0, (int)TRN_ARRAY_LEN(refused));
	tcase_add_test(tcase, sizes);
	tcase_add_test(tcase, no_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(profile_suite)
