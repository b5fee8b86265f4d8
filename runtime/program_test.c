/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: what lies where in HBM afterwards, what is refused, nothing leaked. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>
#include <trn/builder.h>

#define BSS_BYTES 200000u /* more than one piece of zeros */

static const uint64_t table[4] = { 11, 22, 33, 44 };

/* Two arguments, data that holds the address of the bss, one instruction. */
static void build(uint32_t arch, void **ret_image, size_t *ret_bytes)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = "unit", .arch = arch };
	struct trn_isa_compute nop = { .head = { .op = TRN_OP_NOP } };
	struct trn_builder *builder;
	uint32_t data, bss;

	ck_assert_int_eq(trn_builder_create(&opts, &builder), 0);
	(void)trn_builder_arg(builder, "x", TRN_ARG_BUFFER, 256);
	(void)trn_builder_arg(builder, "n", TRN_ARG_SCALAR, 0);
	data = trn_builder_data(builder, "table", table, sizeof(table));
	bss = trn_builder_bss(builder, "scratch", BSS_BYTES);
	trn_builder_data_address(builder, data, 24, bss, 8);
	(void)trn_builder_emit(builder, TRN_ENGINE_GPSIMD, &nop, 1);
	ck_assert_int_eq(trn_builder_finish(builder, ret_image, ret_bytes), 0);
	trn_builder_destroy(builder);
}

static int load(struct trn_rig *rig, const void *image, size_t bytes, struct trn_program **ret)
{
	return trn_program_load(rig->device, image, bytes, 5, SOON, ret);
}

START_TEST(everything_is_in_its_place)
{
	struct trn_program_info info = { .size = sizeof(info) };
	struct trn_program *program;
	struct trn_rig rig;
	const char *memory;
	size_t bytes, dirty = 0;
	void *image;

	trn_rig_up(&rig, _i == 0 ? 0 : TRN_HAL_CAP_COMPUTE | TRN_HAL_CAP_INLINE);
	build(3, &image, &bytes);
	ck_assert_int_eq(load(&rig, image, bytes, &program), 0);
	ck_assert_uint_eq(program->mem.hbm, 2); /* nearest to core 5 */
	ck_assert_int_eq(trn_program_info(program, &info), 0);
	ck_assert_str_eq(info.name, "unit");
	ck_assert_uint_eq(info.arch, 3);
	ck_assert_uint_eq(info.section_count, 3);
	ck_assert_uint_eq(info.data_bytes, sizeof(table) + BSS_BYTES);
	ck_assert_uint_eq(info.words[TRN_ENGINE_GPSIMD], 2); /* and HALT */
	ck_assert_uint_eq(info.words[TRN_ENGINE_TENSOR], 0);
	ck_assert_uint_eq(program->launch.arg_count, 34);
	ck_assert_uint_eq(program->launch.magic, TRN_EXT_MAGIC);
	ck_assert_uint_eq(program->launch.stream[TRN_ENGINE_GPSIMD].words, 2);
	ck_assert_uint_eq(program->launch.stream[TRN_ENGINE_SYNC].words, 0);
	ck_assert_uint_eq(program->hidden[0].size, sizeof(table));
	ck_assert_uint_eq(program->hidden[1].size, BSS_BYTES);
	/* As the device sees it. */
	ck_assert_int_eq(rig.device->hal->ops.mem_map(rig.device->hal, &program->mem), 0);
	memory = program->mem.host;
	ck_assert_mem_eq(memory + (program->hidden[0].value - program->mem.address), table, 24);
	ck_assert_uint_eq(
		trn_load64(memory + (program->hidden[0].value - program->mem.address) + 24),
		program->hidden[1].value + 8);
	for (uint64_t i = 0; i < BSS_BYTES; i++)
		dirty += memory[program->hidden[1].value - program->mem.address + i] != 0;
	ck_assert_uint_eq(dirty, 0);
	ck_assert_int_eq(
		memory[program->launch.stream[TRN_ENGINE_GPSIMD].address - program->mem.address],
		TRN_OP_NOP);
	ck_assert_ptr_eq(trn_program_ref(program), program);
	trn_program_unref(program);
	trn_program_unref(program);
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(arguments_as_declared)
{
	struct trn_program_arg_info arg = { .size = sizeof(arg) };
	struct trn_program *program;
	struct trn_rig rig;
	size_t bytes;
	void *image;

	trn_rig_up(&rig, 0);
	build(0, &image, &bytes);
	ck_assert_int_eq(load(&rig, image, bytes, &program), 0);
	ck_assert_int_eq(trn_program_arg(program, 0, &arg), 0);
	ck_assert_str_eq(arg.name, "x");
	ck_assert_int_eq(arg.kind, TRN_ARG_BUFFER);
	ck_assert_uint_eq(arg.min_bytes, 256);
	ck_assert_int_eq(trn_program_arg(program, 1, &arg), 0);
	ck_assert_str_eq(arg.name, "n");
	ck_assert_int_eq(arg.kind, TRN_ARG_SCALAR);
	ck_assert_int_eq(trn_program_arg(program, 2, &arg), -ENOENT);
	trn_rig_expect(&rig, -ENOENT, "unit has 2 arguments");
	ck_assert_int_eq(trn_program_arg(program, 0, NULL), -EINVAL);
	ck_assert_int_eq(trn_program_info(program, NULL), -EINVAL);
	ck_assert_int_eq(trn_program_arg(NULL, 0, &arg), -EINVAL);
	ck_assert_int_eq(trn_program_info(NULL, NULL), -EINVAL);
	trn_program_unref(program);
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(bad_images)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_program *program = NULL;
	struct trn_rig rig;
	size_t bytes;
	void *image;

	trn_rig_up(&rig, 0);
	build(2, &image, &bytes);
	ck_assert_int_eq(load(&rig, image, bytes, &program), -TRN_EPROGRAM);
	trn_rig_expect(&rig, -TRN_EPROGRAM, "another generation");
	ck_assert_int_eq(load(&rig, image, bytes - 1, &program), -TRN_EPROGRAM);
	ck_assert_int_eq(load(&rig, "not a program", 13, &program), -TRN_EPROGRAM);
	trn_rig_expect(&rig, -TRN_EPROGRAM, "byte 13: shorter than a header");
	ck_assert_int_eq(load(&rig, NULL, 5, &program), -EINVAL);
	ck_assert_int_eq(load(&rig, image, bytes, NULL), -EINVAL);
	ck_assert_int_eq(trn_program_load(rig.device, image, bytes, 8, SOON, &program), -EINVAL);
	ck_assert_int_eq(trn_program_load(NULL, image, bytes, 0, SOON, &program), -EINVAL);
	trn_image_free(NULL, image);
	/* An unknown opcode: where in the stream, and which. */
	build(3, &image, &bytes);
	for (size_t at = 0; at + 64 <= bytes; at += 64)
		if (((uint8_t *)image)[at] == TRN_OP_NOP && ((uint8_t *)image)[at + 1] == 1)
			((uint8_t *)image)[at] = 0xee;
	ck_assert_int_eq(load(&rig, image, bytes, &program), -TRN_EPROGRAM);
	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.cause, "byte "));
	ck_assert_ptr_null(program);
	ck_assert_uint_eq(trn_test_hal.live_mem, 0);
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(device_without_programs)
{
	struct trn_program *program = NULL;
	struct trn_rig rig;
	size_t bytes;
	void *image;

	trn_rig_up(&rig, TRN_HAL_CAP_INLINE);
	build(3, &image, &bytes);
	ck_assert_int_eq(load(&rig, image, bytes, &program), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "TRN_CAP_COMPUTE");
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(unnamed_generation_takes_any)
{
	struct trn_program *program = NULL;
	struct trn_rig rig;
	size_t bytes;
	void *image;

	trn_rig_up(&rig, 0);
	memcpy(rig.device->info.arch, "other", 6);
	build(2, &image, &bytes);
	ck_assert_int_eq(load(&rig, image, bytes, &program), 0);
	trn_program_unref(program);
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(failures_leave_nothing)
{
	struct trn_program *program = NULL;
	struct trn_rig rig;
	size_t bytes;
	void *image;

	trn_rig_up(&rig, TRN_HAL_CAP_COMPUTE | TRN_HAL_CAP_INLINE);
	build(3, &image, &bytes);
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = -ENOMEM;
	ck_assert_int_eq(load(&rig, image, bytes, &program), -ENOMEM);
	trn_rig_expect(&rig, -ENOMEM, "HBM stack 2");
	trn_test_hal.fail[TRN_TEST_MEM_ALLOC] = 0;
	trn_test_hal.fail[TRN_TEST_COPY] = -ETIMEDOUT;
	for (uint32_t after = 0; after < 3; after++) {
		trn_test_hal.after[TRN_TEST_COPY] = trn_test_hal.calls[TRN_TEST_COPY] + after;
		ck_assert_int_eq(load(&rig, image, bytes, &program), -ETIMEDOUT);
		trn_rig_expect(&rig, -ETIMEDOUT, "scripted");
	}
	ck_assert_ptr_null(program);
	ck_assert_uint_eq(trn_test_hal.live_mem, 1); /* the staging buffer */
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(each_allocation_fails_once)
{
	struct trn_rig rig;
	size_t bytes;
	void *image;

	trn_rig_up(&rig, 0);
	build(3, &image, &bytes);
	for (long n = 0;; n++) {
		struct trn_program *program = NULL;
		int r;

		trn_test_alloc_arm(&rig.mem, n);
		r = load(&rig, image, bytes, &program);
		if (!rig.mem.failed) {
			ck_assert_int_eq(r, 0);
			ck_assert_int_ge(n, 3);
			trn_program_unref(program);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_ptr_null(program);
		ck_assert_uint_eq(trn_test_hal.live_mem, 0);
	}
	trn_test_alloc_arm(&rig.mem, -1);
	trn_image_free(NULL, image);
	trn_rig_down(&rig);
}
END_TEST

static Suite *program_suite(void)
{
	Suite *suite = suite_create("runtime-program");
	TCase *tc = tcase_create("program");

	tcase_add_loop_test(tc, everything_is_in_its_place, 0, 2);
	tcase_add_test(tc, arguments_as_declared);
	tcase_add_test(tc, bad_images);
	tcase_add_test(tc, device_without_programs);
	tcase_add_test(tc, unnamed_generation_takes_any);
	tcase_add_test(tc, failures_leave_nothing);
	tcase_add_test(tc, each_allocation_fails_once);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(program_suite)
