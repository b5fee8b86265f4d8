/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: placement, slices, mapping, the slow way in and out, refusals. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>

START_TEST(bad_options_are_refused)
{
	const struct trn_buffer_opts good = { .size = sizeof(good), .bytes = 4096 };
	struct trn_buffer *buffer = NULL;
	struct trn_buffer_opts o;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
#define REFUSED(text, ...)                                                             \
	do {                                                                           \
		o = good;                                                              \
		__VA_ARGS__;                                                           \
		ck_assert_int_eq(trn_buffer_create(rig.device, &o, &buffer), -EINVAL); \
		trn_rig_expect(&rig, -EINVAL, text);                                   \
	} while (0)
	REFUSED("size member", o.size = 4);
	REFUSED("bytes is 0", o.bytes = 0);
	REFUSED("align", o.align = 3);
	REFUSED("align", o.align = UINT64_C(1) << 63);
	REFUSED("kind", o.kind = (enum trn_buffer_kind)3);
	REFUSED("core", o.core = 8);
	REFUSED("user", o.user = &o);
	REFUSED("user", o.kind = TRN_BUFFER_USER);
	ck_assert_int_eq(trn_buffer_create(rig.device, NULL, &buffer), -EINVAL);
	ck_assert_int_eq(trn_buffer_create(rig.device, &good, NULL), -EINVAL);
	ck_assert_int_eq(trn_buffer_create(NULL, &good, &buffer), -EINVAL);
	ck_assert_ptr_null(buffer);
	ck_assert_uint_eq(trn_test_hal.live_mem, 0);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(core_chooses_the_stack)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 4096, .align = 65536 };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	for (opts.core = 0; opts.core < 8; opts.core++) {
		struct trn_buffer *buffer;

		ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &buffer), 0);
		ck_assert_uint_eq(buffer->mem.hbm, opts.core / 2);
		ck_assert_uint_eq(trn_buffer_address(buffer) % opts.align, 0);
		trn_buffer_unref(buffer);
	}
	trn_rig_down(&rig);
}
END_TEST

START_TEST(running_out_names_the_stack)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 15 << 20, .core = 6 };
	struct trn_buffer *all, *more = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &all), 0);
	opts.bytes = 1;
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &more), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "HBM stack 3: 1 bytes wanted, 0 of 16777216 free");
	opts.core = 0;
	opts.bytes = UINT64_MAX;
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &more), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "15728640 of 16777216 free");
	opts.kind = TRN_BUFFER_HOST;
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &more), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "host memory");
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -ENOTSUP;
	opts.bytes = 4096;
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &more), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "scripted");
	ck_assert_ptr_null(more);
	trn_buffer_unref(all);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(slices)
{
	struct trn_buffer *buffer, *slice, *inner, *none = NULL;
	struct trn_rig rig;
	char *whole;
	void *part;

	trn_rig_up(&rig, 0);
	buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 8192);
	ck_assert_int_eq(trn_buffer_slice(buffer, 100, 1000, &slice), 0);
	ck_assert_int_eq(trn_buffer_slice(slice, 900, 100, &inner), 0);
	ck_assert_uint_eq(trn_buffer_address(inner), trn_buffer_address(buffer) + 1000);
	ck_assert_uint_eq(trn_buffer_size(inner), 100);
	ck_assert_int_eq(trn_buffer_slice(slice, 901, 100, &none), -EINVAL);
	ck_assert_int_eq(trn_buffer_slice(slice, 0, 0, &none), -EINVAL);
	ck_assert_int_eq(trn_buffer_slice(slice, UINT64_MAX, 2, &none), -EINVAL);
	ck_assert_int_eq(trn_buffer_slice(slice, 0, 1, NULL), -EINVAL);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(trn_buffer_map(buffer, (void **)&whole), 0);
	ck_assert_int_eq(trn_buffer_map(inner, &part), 0);
	ck_assert_ptr_eq(part, whole + 1000);
	trn_buffer_unref(buffer); /* lives on in its slices */
	trn_buffer_unref(slice);
	ck_assert_uint_eq(trn_test_hal.live_mem, 1);
	ck_assert_int_eq(trn_buffer_write(inner, 0, "slice", 6, SOON), 0);
	ck_assert_str_eq((char *)part, "slice");
	trn_buffer_unref(inner);
	ck_assert_uint_eq(trn_test_hal.live_mem, 0);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(mapping_needs_a_window)
{
	struct trn_buffer *hbm, *host;
	struct trn_rig rig;
	void *ptr = NULL;

	trn_rig_up(&rig, TRN_HAL_CAP_INLINE);
	hbm = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 4096);
	host = trn_rig_buffer(&rig, TRN_BUFFER_HOST, 4096);
	ck_assert_int_eq(trn_buffer_map(hbm, &ptr), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "no window");
	ck_assert_ptr_null(ptr);
	ck_assert_int_eq(trn_buffer_map(hbm, NULL), -EINVAL);
	ck_assert_int_eq(trn_buffer_map(host, &ptr), 0);
	ck_assert_ptr_nonnull(ptr);
	trn_buffer_unref(hbm);
	trn_buffer_unref(host);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(mapping_may_fail)
{
	struct trn_buffer *hbm;
	struct trn_rig rig;
	char word[8];
	void *ptr = NULL;

	trn_rig_up(&rig, 0);
	hbm = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 4096);
	trn_test_hal.fail[TRN_TEST_MEM_MAP] = -ENOMEM;
	ck_assert_int_eq(trn_buffer_map(hbm, &ptr), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "mapping HBM");
	ck_assert_int_eq(trn_buffer_read(hbm, 0, word, 8, SOON), -ENOMEM);
	/* A door without a window for this memory: through the staging buffer. */
	trn_test_hal.fail[TRN_TEST_MEM_MAP] = -ENOTSUP;
	ck_assert_int_eq(trn_buffer_read(hbm, 0, word, 8, SOON), 0);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_COPY], 1);
	trn_buffer_unref(hbm);
	trn_rig_down(&rig);
}
END_TEST

/* Every kind of memory and both ways in; sizes around the staging buffer's. */
START_TEST(write_then_read)
{
	static const uint64_t sizes[] = {
		1, 7, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3000000
	};
	uint32_t caps = _i == 0 ? TRN_HAL_CAP_INLINE : 0;
	struct trn_buffer *buffer;
	struct trn_rig rig;
	uint8_t *in = malloc(3000000), *out = malloc(3000000);

	trn_rig_up(&rig, caps);
	ck_assert(in && out);
	for (size_t i = 0; i < 3000000; i++)
		in[i] = (uint8_t)(i * 2654435761u >> 13);
	buffer = trn_rig_buffer(&rig, _i == 2 ? TRN_BUFFER_HOST : TRN_BUFFER_HBM, 3000100);
	for (size_t i = 0; i < TRN_ARRAY_LEN(sizes); i++) {
		memset(out, 0, 3000000);
		ck_assert_int_eq(trn_buffer_write(buffer, 13, in, sizes[i], SOON), 0);
		ck_assert_int_eq(trn_buffer_read(buffer, 13, out, sizes[i], SOON), 0);
		ck_assert_int_eq(memcmp(in, out, sizes[i]), 0);
	}
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_COPY] > 0, _i == 0);
	free(in);
	free(out);
	trn_buffer_unref(buffer);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(user_memory)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.kind = TRN_BUFFER_USER,
					.bytes = 8192 };
	struct trn_buffer *buffer;
	struct trn_rig rig;
	void *ptr = NULL;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(posix_memalign(&opts.user, 4096, 8192), 0);
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &buffer), 0);
	ck_assert_uint_ne(trn_buffer_address(buffer) & UINT64_C(1) << 46, 0);
	ck_assert_int_eq(trn_buffer_map(buffer, &ptr), 0);
	ck_assert_ptr_eq(ptr, opts.user);
	ck_assert_int_eq(trn_buffer_write(buffer, 4090, "user", 5, SOON), 0);
	ck_assert_str_eq((char *)opts.user + 4090, "user");
	trn_buffer_unref(buffer);
	free(opts.user);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(bad_transfers)
{
	struct trn_buffer *buffer;
	struct trn_rig rig;
	char word[8] = "";

	trn_rig_up(&rig, TRN_HAL_CAP_INLINE);
	buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 100);
	ck_assert_int_eq(trn_buffer_write(buffer, 0, NULL, 0, 0), 0);
	ck_assert_int_eq(trn_buffer_read(buffer, 100, NULL, 0, 0), 0);
	ck_assert_int_eq(trn_buffer_write(buffer, 0, NULL, 1, 0), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "NULL");
	ck_assert_int_eq(trn_buffer_write(buffer, 93, word, 8, 0), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "offset 93 with 8 bytes");
	ck_assert_int_eq(trn_buffer_read(buffer, UINT64_MAX, word, 8, 0), -EINVAL);
	ck_assert_int_eq(trn_buffer_read(buffer, 0, word, UINT64_MAX, 0), -EINVAL);
	/* The first one fetches the staging buffer. */
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -ENOMEM;
	ck_assert_int_eq(trn_buffer_read(buffer, 0, word, 8, SOON), -ENOMEM);
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = 0;
	trn_test_hal.fail[TRN_TEST_COPY] = -ETIMEDOUT;
	ck_assert_int_eq(trn_buffer_read(buffer, 0, word, 8, SOON), -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "scripted");
	trn_test_hal.fail[TRN_TEST_COPY] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_buffer_write(buffer, 0, word, 8, SOON), -TRN_EDEVLOST);
	trn_test_hal.fail[TRN_TEST_COPY] = 0;
	ck_assert_int_eq(trn_buffer_write(buffer, 0, word, 8, SOON), -TRN_EDEVLOST);
	trn_rig_expect(&rig, -TRN_EDEVLOST, "lost earlier");
	trn_buffer_unref(buffer);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(long_mapped_copy_looks_at_the_clock)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .kind = TRN_BUFFER_HOST };
	struct trn_buffer *buffer;
	struct trn_rig rig;
	void *bytes;

	trn_rig_up(&rig, 0);
	opts.bytes = 40 << 20;
	bytes = calloc(1, opts.bytes);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &buffer), 0);
	ck_assert_int_eq(trn_buffer_write(buffer, 0, bytes, 16 << 20, TRN_DEADLINE_NOW), 0);
	ck_assert_int_eq(trn_buffer_write(buffer, 0, bytes, 17 << 20, TRN_DEADLINE_NOW),
			 -ETIMEDOUT);
	trn_rig_expect(&rig, -ETIMEDOUT, "took longer");
	free(bytes);
	trn_buffer_unref(buffer);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(buffer_outlives_the_callers_device)
{
	struct trn_buffer *buffer;
	struct trn_rig rig;
	char word[8];

	trn_rig_up(&rig, 0);
	buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 100);
	trn_device_unref(rig.device);
	trn_context_unref(rig.context);
	ck_assert_int_eq(trn_buffer_write(buffer, 0, "abcdefg", 8, SOON), 0);
	ck_assert_int_eq(trn_buffer_read(buffer, 0, word, 8, SOON), 0);
	ck_assert_str_eq(word, "abcdefg");
	ck_assert_ptr_eq(trn_buffer_ref(buffer), buffer);
	trn_buffer_unref(buffer);
	trn_buffer_unref(buffer);
	ck_assert_uint_eq(trn_test_hal.live_devices, 0);
	ck_assert_int_eq(rig.mem.live, 0);
}
END_TEST

static Suite *buffer_suite(void)
{
	Suite *suite = suite_create("runtime-buffer");
	TCase *tc = tcase_create("buffer");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, bad_options_are_refused);
	tcase_add_test(tc, core_chooses_the_stack);
	tcase_add_test(tc, running_out_names_the_stack);
	tcase_add_test(tc, slices);
	tcase_add_test(tc, mapping_needs_a_window);
	tcase_add_test(tc, mapping_may_fail);
	tcase_add_loop_test(tc, write_then_read, 0, 3);
	tcase_add_test(tc, user_memory);
	tcase_add_test(tc, bad_transfers);
	tcase_add_test(tc, long_mapped_copy_looks_at_the_clock);
	tcase_add_test(tc, buffer_outlives_the_callers_device);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(buffer_suite)
