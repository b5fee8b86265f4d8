/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/test_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>

#define RIG_NS UINT64_C(20000000000)

static void ok(struct trn_rig *rig, int r, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	if (r >= 0)
		return;
	if (!rig->context || trn_error_get(rig->context, &error) < 0)
		error.cause[0] = '\0';
	ck_abort_msg("%s: %s: %s", what, trn_strerror(r), error.cause);
}

void trn_rig_open(struct trn_rig *rig, const char *uri)
{
	struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 16 };

	memset(rig, 0, sizeof(*rig));
	ok(rig, trn_context_create(NULL, &rig->context), "context");
	ok(rig, trn_device_open(rig->context, uri, trn_deadline_in(RIG_NS), &rig->device), uri);
	ok(rig, trn_queue_create(rig->device, &opts, &rig->queue), "queue");
	ok(rig, trn_batch_create(rig->queue, 1, &rig->batch), "batch");
}

void trn_rig_clear(struct trn_rig *rig)
{
	for (uint32_t i = 0; i < rig->args; i++)
		rig->buffer[i] = trn_buffer_unref(rig->buffer[i]);
	rig->args = 0;
}

void trn_rig_close(struct trn_rig *rig)
{
	char text[512];

	ok(rig, trn_diag_control(rig->device, "violations", NULL, text, sizeof(text)),
	   "violations");
	ck_assert_msg(strstr(text, "\"violations\":0") != NULL, "the checker: %s", text);
	trn_rig_clear(rig);
	trn_batch_destroy(rig->batch);
	trn_queue_unref(rig->queue);
	trn_device_unref(rig->device);
	trn_context_unref(rig->context);
}

uint32_t trn_rig_buffer(struct trn_rig *rig, const void *bytes, uint64_t size)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = size };
	uint32_t at = rig->args;
	void *zero = NULL;

	ck_assert_uint_lt(at, RIG_ARGS_MAX);
	ok(rig, trn_buffer_create(rig->device, &opts, &rig->buffer[at]), "buffer");
	if (!bytes) {
		zero = calloc(1, size);
		ck_assert_ptr_nonnull(zero);
	}
	ok(rig,
	   trn_buffer_write(rig->buffer[at], 0, bytes ? bytes : zero, size,
			    trn_deadline_in(RIG_NS)),
	   "write");
	free(zero);
	rig->arg[at] = (struct trn_arg){ .buffer = rig->buffer[at] };
	return rig->args++;
}

uint32_t trn_rig_scalar(struct trn_rig *rig, uint64_t value)
{
	ck_assert_uint_lt(rig->args, RIG_ARGS_MAX);
	rig->buffer[rig->args] = NULL;
	rig->arg[rig->args] = (struct trn_arg){ .scalar = value };
	return rig->args++;
}

void trn_rig_read(struct trn_rig *rig, uint32_t arg, void *ret_bytes, uint64_t size)
{
	ok(rig, trn_buffer_read(rig->buffer[arg], 0, ret_bytes, size, trn_deadline_in(RIG_NS)),
	   "read");
}

int trn_rig_run(struct trn_rig *rig, void *image, size_t bytes)
{
	struct trn_program *program;
	uint64_t sequence;
	int r;

	ok(rig, trn_program_load(rig->device, image, bytes, 0, trn_deadline_in(RIG_NS), &program),
	   "load");
	trn_image_free(NULL, image);
	trn_batch_clear(rig->batch);
	ok(rig, trn_batch_launch(rig->batch, program, 0, rig->arg, rig->args), "launch");
	ok(rig, trn_queue_submit(rig->queue, rig->batch, trn_deadline_in(RIG_NS), &sequence),
	   "submit");
	r = trn_queue_wait(rig->queue, sequence, trn_deadline_in(RIG_NS));
	trn_program_unref(program);
	return r;
}
