/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of the runtime's unit tests. */
#include "runtime/test_rig.h"

#include <stdio.h>
#include <string.h>

static void keep_line(void *user, enum trn_log_level level, const char *text)
{
	struct trn_rig *rig = user;

	(void)level;
	rig->log_lines++;
	(void)snprintf(rig->log_last, sizeof(rig->log_last), "%s", text);
}

void trn_rig_up(struct trn_rig *rig, uint32_t caps)
{
	struct trn_context_opts opts = {
		.size = sizeof(opts),
		.log = keep_line,
		.log_user = rig,
		.log_level = TRN_LOG_INFO,
	};

	*rig = (struct trn_rig){ 0 };
	trn_test_alloc_init(&rig->mem, -1);
	opts.alloc = &rig->mem.alloc;
	trn_test_hal_init();
	if (caps)
		trn_test_hal.info.caps = caps;
	ck_assert_int_eq(trn_context_create(&opts, &rig->context), 0);
	ck_assert_int_eq(trn_device_open(rig->context, "test:0", SOON, &rig->device), 0);
}

void trn_rig_down(struct trn_rig *rig)
{
	ck_assert_ptr_null(trn_device_unref(rig->device));
	ck_assert_ptr_null(trn_context_unref(rig->context));
	ck_assert_uint_eq(trn_test_hal.live_queues, 0);
	ck_assert_uint_eq(trn_test_hal.live_mem, 0);
	ck_assert_uint_eq(trn_test_hal.live_devices, 0);
	ck_assert_int_eq(rig->mem.live, 0);
}

void trn_rig_expect(struct trn_rig *rig, int code, const char *cause)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(rig->context, &error), 0);
	ck_assert_int_eq(error.code, code);
	ck_assert_msg(strstr(error.cause, cause) != NULL, "cause \"%s\" has no \"%s\"", error.cause,
		      cause);
	ck_assert_msg(strncmp(error.operation, "trn_", 4) == 0, "operation %s", error.operation);
	ck_assert_uint_ne(strlen(error.hint), 0);
}

struct trn_buffer *trn_rig_buffer(struct trn_rig *rig, enum trn_buffer_kind kind, uint64_t bytes)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .kind = kind, .bytes = bytes };
	struct trn_buffer *buffer = NULL;

	ck_assert_int_eq(trn_buffer_create(rig->device, &opts, &buffer), 0);
	return buffer;
}

struct trn_queue *trn_rig_queue(struct trn_rig *rig, uint32_t depth)
{
	struct trn_queue_opts opts = { .size = sizeof(opts), .depth = depth };
	struct trn_queue *queue = NULL;

	ck_assert_int_eq(trn_queue_create(rig->device, &opts, &queue), 0);
	return queue;
}
