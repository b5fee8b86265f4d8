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

struct trn_program *trn_rig_program(struct trn_rig *rig, uint32_t hidden)
{
	struct trn_program *program = trn_alloc_zero(&rig->context->alloc, sizeof(*program));

	ck_assert_ptr_nonnull(program);
	trn_object_init(&program->object, TRN_OBJECT_PROGRAM, rig->context);
	program->device = trn_device_ref(rig->device);
	atomic_init(&program->users, 1);
	program->info.size = sizeof(program->info);
	trn_text_copy(program->info.name, sizeof(program->info.name), "prog");
	program->info.arg_count = 2;
	program->args = trn_alloc_array(&rig->context->alloc, 2, sizeof(*program->args));
	ck_assert_ptr_nonnull(program->args);
	program->args[0].kind = TRN_ARG_BUFFER;
	program->args[0].min_bytes = 100;
	trn_text_copy(program->args[0].name, sizeof(program->args[0].name), "input");
	program->args[1].kind = TRN_ARG_SCALAR;
	trn_text_copy(program->args[1].name, sizeof(program->args[1].name), "count");
	program->launch.magic = TRN_EXT_MAGIC;
	program->launch.arg_count = (uint16_t)(hidden ? TRN_ARGS_USER_MAX + hidden : 2);
	program->hidden = trn_alloc_array(&rig->context->alloc, hidden, sizeof(*program->hidden));
	ck_assert_ptr_nonnull(program->hidden);
	program->hidden_count = hidden;
	for (uint32_t i = 0; i < hidden; i++)
		program->hidden[i] = (struct trn_ext_arg){ 1000 + i, 64 };
	return program;
}
