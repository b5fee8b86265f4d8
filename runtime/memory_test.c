/* SPDX-License-Identifier: Apache-2.0 */
/* Books, limits and the table, over a device whose answers are chosen. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static struct trn_rig rig;

static void up(void)
{
	trn_rig_up(&rig, 0);
}

static void down(void)
{
	trn_rig_down(&rig);
}

static int make(uint32_t core, enum trn_memory_category category, const char *label, uint64_t bytes,
		struct trn_buffer **ret_buffer)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts),
					      .bytes = bytes,
					      .core = core,
					      .category = category,
					      .label = label };

	return trn_buffer_create(rig.device, &opts, ret_buffer);
}

static struct trn_memory_usage usage(uint32_t place)
{
	struct trn_memory_usage u = { .size = sizeof(u) };

	ck_assert_int_eq(trn_device_memory_usage(rig.device, place, &u), 0);
	return u;
}

START_TEST(counts_by_place_and_category)
{
	struct trn_buffer *a, *b, *c;
	struct trn_memory_usage u;

	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, NULL, 5 * MIB, &a), 0);
	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, NULL, 2 * MIB, &b), 0);
	ck_assert_int_eq(make(2, TRN_MEMORY_CONSTANTS, NULL, MIB, &c), 0);
	u = usage(0);
	ck_assert_uint_eq(u.by[TRN_MEMORY_TENSORS].live_bytes, 7 * MIB);
	ck_assert_uint_eq(u.by[TRN_MEMORY_TENSORS].blocks, 2);
	ck_assert_uint_eq(u.by[TRN_MEMORY_CONSTANTS].live_bytes, 0);
	ck_assert_uint_eq(u.live_bytes, 7 * MIB);
	ck_assert_uint_eq(u.free_bytes + u.live_bytes, u.total_bytes);
	ck_assert_uint_eq(u.largest_bytes, u.free_bytes); /* this device does not say */
	ck_assert_uint_eq(usage(1).by[TRN_MEMORY_CONSTANTS].live_bytes, MIB);
	trn_buffer_unref(a);
	u = usage(0);
	ck_assert_uint_eq(u.by[TRN_MEMORY_TENSORS].live_bytes, 2 * MIB);
	ck_assert_uint_eq(u.by[TRN_MEMORY_TENSORS].peak_bytes, 7 * MIB);
	ck_assert_uint_eq(u.by[TRN_MEMORY_TENSORS].blocks, 1);
	ck_assert_uint_eq(u.peak_bytes, 7 * MIB);
	trn_buffer_unref(b);
	trn_buffer_unref(c);
	ck_assert_uint_eq(usage(0).live_bytes, 0);
	ck_assert_uint_eq(usage(1).peak_bytes, MIB);
}
END_TEST

START_TEST(the_library_tags_its_own)
{
	struct trn_queue *queue = trn_rig_queue(&rig, 16);
	struct trn_timeline *timeline;
	struct trn_memory_usage u;
	char byte = 1;
	struct trn_buffer *buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 4096);

	ck_assert_int_eq(trn_timeline_create(rig.device, 0, &timeline), 0);
	u = usage(TRN_MEMORY_HOST);
	ck_assert_uint_gt(u.by[TRN_MEMORY_RINGS].live_bytes, 0);
	ck_assert_uint_gt(u.by[TRN_MEMORY_NOTIFICATIONS].live_bytes, 0);
	ck_assert_uint_eq(u.by[TRN_MEMORY_TENSORS].live_bytes, 0);
	ck_assert_uint_eq(u.total_bytes, 0);
	rig.device->info.caps &= ~TRN_HAL_CAP_MAP_HBM; /* now a write goes by staging */
	ck_assert_int_eq(trn_buffer_write(buffer, 0, &byte, 1, SOON), 0);
	ck_assert_uint_eq(usage(TRN_MEMORY_HOST).by[TRN_MEMORY_SCRATCH].live_bytes,
			  TRN_STAGING_BYTES);
	trn_buffer_unref(buffer);
	trn_timeline_unref(timeline);
	trn_queue_unref(queue);
	ck_assert_uint_eq(usage(TRN_MEMORY_HOST).by[TRN_MEMORY_RINGS].live_bytes, 0);
}
END_TEST

struct seen {
	struct trn_memory_holder holder[4];
	int count, stop_at;
};

static int look(void *user, const struct trn_memory_holder *holder)
{
	struct seen *seen = user;

	seen->holder[seen->count++] = *holder;
	return seen->count == seen->stop_at;
}

START_TEST(holders_have_names)
{
	const char *longer = "a label that is much longer than there is room for";
	struct seen seen = { .stop_at = 0 };
	struct trn_buffer *a, *b;

	ck_assert_int_eq(trn_device_memory_each(rig.device, look, &seen), 0);
	ck_assert_int_eq(make(6, TRN_MEMORY_CONSTANTS, "embedding", 8192, &a), 0);
	ck_assert_int_eq(make(0, TRN_MEMORY_SCRATCH, longer, 4096, &b), 0);
	ck_assert_int_eq(trn_device_memory_each(rig.device, look, &seen), 2);
	ck_assert_str_eq(seen.holder[1].label, "embedding");
	ck_assert_uint_eq(seen.holder[1].place, 3);
	ck_assert_uint_eq(seen.holder[1].category, TRN_MEMORY_CONSTANTS);
	ck_assert_uint_eq(seen.holder[1].bytes, 8192);
	ck_assert_uint_eq(seen.holder[1].address, trn_buffer_address(a));
	ck_assert_uint_gt(seen.holder[1].process, 0);
	ck_assert_uint_gt(seen.holder[1].context, 0);
	ck_assert_uint_eq(strlen(seen.holder[0].label), TRN_MEMORY_LABEL_MAX - 1);
	ck_assert(strncmp(seen.holder[0].label, longer, TRN_MEMORY_LABEL_MAX - 1) == 0);
	seen = (struct seen){ .stop_at = 1 };
	ck_assert_int_eq(trn_device_memory_each(rig.device, look, &seen), 1);
	ck_assert_int_eq(trn_device_memory_each(rig.device, NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_device_memory_each(NULL, look, &seen), -EINVAL);
	trn_buffer_unref(b);
	trn_buffer_unref(a);
}
END_TEST

START_TEST(quotas_hold)
{
	struct trn_buffer *a, *b = NULL;
	struct trn_context *other;

	ck_assert_int_eq(trn_memory_quota_set(rig.context, rig.device, TRN_MEMORY_TENSORS, 3 * MIB),
			 0);
	ck_assert_int_eq(trn_memory_quota_set(rig.context, NULL, TRN_MEMORY_ALL, 4 * MIB), 0);
	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, NULL, 2 * MIB, &a), 0);
	ck_assert_int_eq(make(4, TRN_MEMORY_TENSORS, NULL, MIB + 1, &b), -EDQUOT);
	trn_rig_expect(&rig, -EDQUOT,
		       "quota of tensors of the device: 1048577 bytes wanted, "
		       "2097152 of 3145728 held");
	ck_assert_int_eq(make(4, TRN_MEMORY_SCRATCH, NULL, 2 * MIB + 1, &b), -EDQUOT);
	trn_rig_expect(&rig, -EDQUOT, "quota of all of the context: 2097153 bytes wanted");
	ck_assert_ptr_null(b);
	ck_assert_int_eq(make(4, TRN_MEMORY_SCRATCH, NULL, 2 * MIB, &b), 0);
	trn_buffer_unref(b);
	/* A limit below what is held takes nothing away, and its end ends it. */
	ck_assert_int_eq(trn_memory_quota_set(rig.context, NULL, TRN_MEMORY_ALL, MIB), 0);
	ck_assert_int_eq(make(0, TRN_MEMORY_CODE, NULL, 1, &b), -EDQUOT);
	ck_assert_uint_eq(usage(0).live_bytes, 2 * MIB);
	ck_assert_int_eq(
		trn_memory_quota_set(rig.context, NULL, TRN_MEMORY_ALL, TRN_MEMORY_NO_QUOTA), 0);
	ck_assert_int_eq(make(0, TRN_MEMORY_CODE, NULL, 1, &b), 0);
	trn_buffer_unref(b);
	/* What the device refuses is not held. */
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -ENOMEM;
	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, NULL, MIB, &b), -ENOMEM);
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = 0;
	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, NULL, MIB, &b), 0);
	trn_buffer_unref(b);
	trn_buffer_unref(a);
	ck_assert_int_eq(trn_memory_quota_set(rig.context, NULL, (enum trn_memory_category)9, 1),
			 -EINVAL);
	ck_assert_int_eq(trn_memory_quota_set(NULL, rig.device, TRN_MEMORY_ALL, 1), -EINVAL);
	ck_assert_int_eq(trn_context_create(NULL, &other), 0);
	ck_assert_int_eq(trn_memory_quota_set(other, rig.device, TRN_MEMORY_ALL, 1), -EINVAL);
	trn_context_unref(other);
}
END_TEST

START_TEST(the_table_says_who_holds_what)
{
	struct trn_buffer *all, *few, *none = NULL;
	struct trn_error error = { .size = sizeof(error) };
	uint32_t lines;
	char text[4096], cut[40];
	int length;

	ck_assert_int_eq(make(0, TRN_MEMORY_CONSTANTS, "weights.7", 15 * MIB, &all), 0);
	ck_assert_int_eq(make(2, TRN_MEMORY_TENSORS, NULL, 14 * MIB, &few), 0);
	lines = rig.log_lines;
	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, "kv", 4 * MIB, &none), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "0 of 16777216 free, the largest piece 0");
	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_msg(strstr(error.hint, "stack 2 would take it"), "%s", error.hint);
	ck_assert_uint_gt(rig.log_lines, lines + 5); /* the table */
	lines = rig.log_lines;
	ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, "kv", 4 * MIB, &none), -ENOMEM);
	ck_assert_uint_eq(rig.log_lines, lines); /* once is enough */
	length = trn_device_memory_report(rig.device, text, sizeof(text));
	ck_assert_int_eq(length, (int)strlen(text));
	ck_assert_msg(strstr(text, "HBM stack 0: 0 B free of 15 MiB"), "%s", text);
	ck_assert_msg(strstr(text, "weights.7"), "%s", text);
	ck_assert_msg(strstr(text, "(no label)"), "%s", text);
	ck_assert_msg(strstr(text, "would fit: up to 15 MiB on stack 2 (core 4)"), "%s", text);
	ck_assert_int_eq(trn_device_memory_report(rig.device, cut, sizeof(cut)), sizeof(cut) - 1);
	ck_assert(strncmp(cut, text, sizeof(cut) - 1) == 0);
	ck_assert_int_eq(trn_device_memory_report(rig.device, NULL, 0), 0);
	ck_assert_int_eq(trn_device_memory_report(rig.device, NULL, 1), -EINVAL);
	trn_buffer_unref(all);
	trn_buffer_unref(few);
}
END_TEST

/* Largest first, and no more of them than there is room for. */
START_TEST(the_table_names_the_largest)
{
	struct trn_buffer *buffers[20];
	char text[4096], *at;

	for (uint64_t i = 0; i < 20; i++)
		ck_assert_int_eq(make(0, TRN_MEMORY_TENSORS, i == 7 ? "largest" : "other",
				      i == 7 ? MIB : 4096 * (i + 1), &buffers[i]),
				 0);
	ck_assert_int_gt(trn_device_memory_report(rig.device, text, sizeof(text)), 0);
	at = strstr(text, "largest blocks");
	ck_assert_ptr_nonnull(at);
	ck_assert(strstr(at, "  largest\n") < strstr(at, "  other\n"));
	ck_assert_ptr_nonnull(strstr(at, "80 KiB"));
	ck_assert_ptr_null(strstr(at, " 4 KiB"));
	ck_assert_ptr_nonnull(strstr(at, "and 8 smaller"));
	for (int i = 0; i < 20; i++)
		trn_buffer_unref(buffers[i]);
}
END_TEST

START_TEST(bad_questions)
{
	struct trn_memory_usage u = { .size = 4 };
	struct trn_buffer *none = NULL;

	ck_assert_int_eq(trn_device_memory_usage(rig.device, 0, &u), -EINVAL);
	u.size = sizeof(u);
	ck_assert_int_eq(trn_device_memory_usage(rig.device, 4, &u), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "no HBM stack 4");
	ck_assert_int_eq(trn_device_memory_usage(NULL, 0, &u), -EINVAL);
	ck_assert_int_eq(make(0, TRN_MEMORY_ALL, NULL, 1, &none), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "category");
	ck_assert_str_eq(trn_memory_category_name(TRN_MEMORY_CODE), "code");
	ck_assert_str_eq(trn_memory_category_name((enum trn_memory_category)77), "unknown");
}
END_TEST

static Suite *memory_suite(void)
{
	Suite *suite = suite_create("runtime-memory");
	TCase *tc = tcase_create("memory");

	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, counts_by_place_and_category);
	tcase_add_test(tc, the_library_tags_its_own);
	tcase_add_test(tc, holders_have_names);
	tcase_add_test(tc, quotas_hold);
	tcase_add_test(tc, the_table_says_who_holds_what);
	tcase_add_test(tc, the_table_names_the_largest);
	tcase_add_test(tc, bad_questions);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(memory_suite)
