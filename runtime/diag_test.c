/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics reach the HAL, refuse bad arguments and record failures. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>
#include <trn/diag.h>

START_TEST(registers)
{
	struct trn_rig rig;
	uint32_t value = 0;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_diag_reg_read(rig.device, 2, 0x100, &value), 0);
	ck_assert_uint_eq(value, 0x102);
	ck_assert_int_eq(trn_diag_reg_write(rig.device, 0, 0x100, 1), 0);
	ck_assert_int_eq(trn_diag_reg_read(rig.device, 0, 2, &value), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "multiple of 4");
	ck_assert_int_eq(trn_diag_reg_read(rig.device, 0, 4, NULL), -EINVAL);
	ck_assert_int_eq(trn_diag_reg_write(rig.device, 0, 3, 1), -EINVAL);
	ck_assert_int_eq(trn_diag_reg_read(NULL, 0, 4, &value), -EINVAL);
	ck_assert_int_eq(trn_diag_reg_write(NULL, 0, 4, 1), -EINVAL);
	trn_test_hal.fail[TRN_TEST_REG] = -TRN_EDEVLOST;
	ck_assert_int_eq(trn_diag_reg_read(rig.device, 0, 0x20, &value), -TRN_EDEVLOST);
	trn_rig_expect(&rig, -TRN_EDEVLOST, "BAR0 offset 0x20: scripted");
	ck_assert_int_eq(trn_diag_reg_write(rig.device, 0, 0x20, 1), -TRN_EDEVLOST);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(names_there_and_back)
{
	uint32_t offset = 0;
	char name[64];

	ck_assert_int_eq(trn_diag_reg_find("misc.routing_id", &offset), 0);
	ck_assert_int_gt(trn_diag_reg_name(offset, name, sizeof(name)), 0);
	ck_assert_str_eq(name, "misc.routing_id");
	ck_assert_int_eq(trn_diag_reg_name(offset, NULL, 0), (int)strlen(name));
	ck_assert_int_eq(trn_diag_reg_name(offset, NULL, 8), -EINVAL);
	ck_assert_int_eq(trn_diag_reg_find("no.such.register", &offset), -ENOENT);
	ck_assert_int_eq(trn_diag_reg_find(NULL, &offset), -EINVAL);
	ck_assert_int_eq(trn_diag_reg_find("misc.routing_id", NULL), -EINVAL);
}
END_TEST

static int third(void *user, const char *name, uint32_t offset)
{
	(void)offset;
	ck_assert_uint_gt(strlen(name), 0);
	return ++*(int *)user == 3 ? 77 : 0;
}

START_TEST(lists)
{
	const char *help = NULL;
	int seen = 0;

	ck_assert_int_eq(trn_diag_reg_each(third, &seen), 77);
	ck_assert_int_eq(seen, 3);
	ck_assert_int_eq(trn_diag_reg_each(NULL, NULL), -EINVAL);
	ck_assert_str_eq(trn_diag_scheme(0, &help), "test");
	ck_assert_str_eq(help, "the device of the unit tests");
	ck_assert_str_eq(trn_diag_scheme(0, NULL), "test");
	help = NULL;
	ck_assert_ptr_null(trn_diag_scheme(1, &help));
	ck_assert_ptr_null(help);
}
END_TEST

START_TEST(control_and_semaphores)
{
	struct trn_rig rig;
	char text[32];
	uint32_t value;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_diag_control(rig.device, "time", "now", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "time now");
	ck_assert_int_eq(trn_diag_control(rig.device, "time", NULL, NULL, 0), 0);
	ck_assert_int_eq(trn_diag_control(rig.device, NULL, NULL, NULL, 0), -EINVAL);
	ck_assert_int_eq(trn_diag_control(rig.device, "time", NULL, NULL, 5), -EINVAL);
	ck_assert_int_eq(trn_diag_control(NULL, "time", NULL, NULL, 0), -EINVAL);
	trn_test_hal.fail[TRN_TEST_CONTROL] = -ENOTSUP;
	ck_assert_int_eq(trn_diag_control(rig.device, "dance", NULL, NULL, 0), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "dance");
	ck_assert_int_eq(trn_diag_sem_read(rig.device, 3, 255, &value), 0);
	ck_assert_uint_eq(value, 3255);
	ck_assert_int_eq(trn_diag_sem_read(rig.device, 3, 256, &value), -EINVAL);
	ck_assert_int_eq(trn_diag_sem_read(rig.device, 3, 1, NULL), -EINVAL);
	ck_assert_int_eq(trn_diag_sem_read(NULL, 3, 1, &value), -EINVAL);
	trn_test_hal.fail[TRN_TEST_SEM_READ] = -EINVAL;
	ck_assert_int_eq(trn_diag_sem_read(rig.device, 99, 1, &value), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "owner 99");
	trn_rig_down(&rig);
}
END_TEST

static Suite *diag_suite(void)
{
	Suite *suite = suite_create("runtime-diag");
	TCase *tc = tcase_create("diag");

	tcase_add_test(tc, registers);
	tcase_add_test(tc, names_there_and_back);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, control_and_semaphores);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(diag_suite)
