/* SPDX-License-Identifier: Apache-2.0 */
/* The table of codes is total: it knows every code that a public header names. */
#include "runtime/test_rig.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64

static char names[NAMES_MAX][24];
static unsigned int name_count;

static void name_add(const char *name, size_t len)
{
	for (unsigned int i = 0; i < name_count; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return;
	ck_assert_uint_lt(name_count, NAMES_MAX);
	ck_assert_uint_lt(len, sizeof(names[0]));
	memcpy(names[name_count], name, len);
	names[name_count++][len] = '\0';
}

/* Finds -EXXX and -TRN_EXXX: capitals after "-E" or "-TRN_E". */
static void names_of_line(const char *line)
{
	for (const char *p = strchr(line, '-'); p; p = strchr(p + 1, '-')) {
		const char *name = p + 1, *end;
		size_t prefix = strncmp(name, "TRN_E", 5) == 0 ? 5 : name[0] == 'E' ? 1 : 0;

		if (prefix == 0 || !isupper((unsigned char)name[prefix]))
			continue;
		for (end = name + prefix; isupper((unsigned char)*end) || *end == '_';)
			end++;
		name_add(name, (size_t)(end - name));
	}
}

static void names_of_headers(void)
{
	DIR *dir = opendir(TRN_HEADERS);
	struct dirent *entry;
	char path[1024], line[512];

	ck_assert_msg(dir != NULL, "%s cannot be read", TRN_HEADERS);
	while ((entry = readdir(dir))) {
		FILE *file;

		if (!strstr(entry->d_name, ".h"))
			continue;
		ck_assert_int_lt(snprintf(path, sizeof(path), "%s/%s", TRN_HEADERS, entry->d_name),
				 (int)sizeof(path));
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		while (fgets(line, sizeof(line), file))
			names_of_line(line);
		(void)fclose(file);
	}
	(void)closedir(dir);
}

static bool table_has(const char *name)
{
	for (int code = 1; code < 2048; code++) {
		const char *text = trn_strerror(-code);

		if (strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == ':')
			return true;
	}
	return false;
}

START_TEST(every_documented_code_has_a_text)
{
	names_of_headers();
	ck_assert_uint_ge(name_count, 15);
	for (unsigned int i = 0; i < name_count; i++)
		ck_assert_msg(table_has(names[i]), "%s has no text", names[i]);
}
END_TEST

START_TEST(every_own_code_has_a_text_and_a_hint)
{
	for (int code = TRN_EDEVLOST; code <= TRN_ERANK; code++) {
		struct trn_error error;

		ck_assert_int_eq(strncmp(trn_strerror(-code), "TRN_E", 5), 0);
		trn_error_init(&error, -code, "op");
		ck_assert_uint_ne(strlen(error.hint), 0);
	}
}
END_TEST

START_TEST(any_number_has_a_text)
{
	static const int codes[] = { INT_MIN, INT_MAX, -4095, 4095, -1023, TRN_EHANG + 1 };

	ck_assert_str_eq(trn_strerror(0), "success");
	ck_assert_str_eq(trn_strerror(EINVAL), trn_strerror(-EINVAL));
	for (size_t i = 0; i < TRN_ARRAY_LEN(codes); i++)
		ck_assert_str_eq(trn_strerror(codes[i]), "unknown error code");
	/* One that only the host's calls answer keeps the host's words. */
	ck_assert_str_eq(trn_strerror(-EISDIR), "Is a directory");
}
END_TEST

START_TEST(record_is_kept_and_replaced)
{
	struct trn_error error = { .size = sizeof(error), .code = 99 };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_error_get(rig.context, &error), -ENOENT);
	ck_assert_int_eq(error.code, 99);
	ck_assert_int_eq(trn_error_get(rig.context, NULL), -EINVAL);
	ck_assert_int_eq(trn_error_get(NULL, &error), -EINVAL);
	error.size = 8;
	ck_assert_int_eq(trn_error_get(rig.context, &error), -EINVAL);
	ck_assert_int_eq(trn_fail(rig.context, rig.device, -EBUSY, "trn_first", "number %d", 1),
			 -EBUSY);
	trn_rig_expect(&rig, -EBUSY, "number 1");
	ck_assert_int_eq(trn_fail(rig.context, NULL, -ERANGE, "trn_second", "%0300d", 2), -ERANGE);
	trn_rig_expect(&rig, -ERANGE, "000");
	error.size = sizeof(error);
	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_uint_eq(strlen(error.cause), sizeof(error.cause) - 1);
	ck_assert_int_eq(error.core, -1);
	ck_assert_int_eq(error.queue, -1);
	ck_assert_int_eq(error.engine, -1);
	ck_assert_int_eq(error.pc, -1);
	ck_assert_str_eq(error.device, "");
	trn_rig_down(&rig);
}
END_TEST

START_TEST(backend_words_are_in_the_record)
{
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	struct trn_error error = { .size = sizeof(error) };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	trn_test_hal.fail[TRN_TEST_TELEMETRY] = -TRN_EFIRMWARE;
	ck_assert_int_eq(trn_device_telemetry(rig.device, &telemetry), -TRN_EFIRMWARE);
	trn_rig_expect(&rig, -TRN_EFIRMWARE, "scripted failure");
	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_str_eq(error.operation, "trn_device_telemetry");
	ck_assert_str_eq(error.device, "test:0");
	trn_rig_down(&rig);
}
END_TEST

START_TEST(lost_device_is_remembered)
{
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	struct trn_timeline *timeline;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), 0);
	trn_test_hal.fail[TRN_TEST_TELEMETRY] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_device_telemetry(rig.device, &telemetry), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, SOON), -TRN_EDEVLOST);
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), -TRN_EDEVLOST);
	trn_rig_expect(&rig, -TRN_EDEVLOST, "lost earlier");
	trn_timeline_unref(timeline);
	trn_rig_down(&rig);
}
END_TEST

static Suite *error_suite(void)
{
	Suite *suite = suite_create("runtime-error");
	TCase *tc = tcase_create("error");

	tcase_add_test(tc, every_documented_code_has_a_text);
	tcase_add_test(tc, every_own_code_has_a_text_and_a_hint);
	tcase_add_test(tc, any_number_has_a_text);
	tcase_add_test(tc, record_is_kept_and_replaced);
	tcase_add_test(tc, backend_words_are_in_the_record);
	tcase_add_test(tc, lost_device_is_remembered);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(error_suite)
