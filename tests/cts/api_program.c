/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: loading and launching programs, and what a broken one leaves behind. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "api_images.h"

typedef int image_fn(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes);

static struct trn_program *load(struct api *a, image_fn *make, uint32_t core)
{
	struct trn_program *program = NULL;
	void *image = NULL;
	size_t bytes = 0;

	API_CHECK(a, make(&a->mem.alloc, &image, &bytes) == 0);
	(void)api_keep(a, API_IMAGE, image);
	API_OK(a, trn_program_load(a->device, image, bytes, core, api_soon(), &program));
	api_release(a, image); /* loaded: not needed any more */
	return api_keep(a, API_PROGRAM, program);
}

/* Bytes that are no program are refused with the byte and the reason. */
static void program_garbage(struct api *a)
{
	struct trn_program *program = NULL;
	uint8_t bytes[512];
	size_t size = 0;
	void *image;

	for (int i = 0; i < 20; i++) {
		api_random(a, bytes, sizeof(bytes));
		API_CODE(a, -TRN_EPROGRAM,
			 trn_program_load(a->device, bytes, sizeof(bytes), 0, api_soon(),
					  &program));
	}
	API_CODE(a, -TRN_EPROGRAM, trn_program_load(a->device, bytes, 0, 0, api_soon(), &program));
	API_CODE(a, -EINVAL, trn_program_load(a->device, NULL, 10, 0, api_soon(), &program));
	API_CODE(a, -EINVAL, trn_program_load(a->device, bytes, 10, 8, api_soon(), &program));
	API_CHECK(a, api_image_copy(&a->mem.alloc, &image, &size) == 0);
	(void)api_keep(a, API_IMAGE, image);
	for (size_t cut = 1; cut < size; cut += 97)
		API_CODE(a, -TRN_EPROGRAM,
			 trn_program_load(a->device, image, size - cut, 0, api_soon(), &program));
	for (int i = 0; i < 50; i++) {
		size_t at = api_below(a, size);
		uint8_t *byte = (uint8_t *)image + at;

		*byte ^= 0x10;
		API_CODE(a, -TRN_EPROGRAM,
			 trn_program_load(a->device, image, size, 0, api_soon(), &program));
		*byte ^= 0x10;
	}
	API_CHECK(a, !program);
}

static void program_info(struct api *a)
{
	struct trn_program *program = load(a, api_image_copy, 3);
	struct trn_program_info info = { .size = sizeof(info) };
	struct trn_program_arg_info arg = { .size = sizeof(arg) };

	API_OK(a, trn_program_info(program, &info));
	API_CHECK(a, strcmp(info.name, "copy") == 0 && info.arg_count == 2);
	API_CHECK(a, info.words[TRN_ENGINE_SYNC] > 0);
	API_CHECK(a, info.data_bytes == API_TABLE_BYTES + 64);
	API_OK(a, trn_program_arg(program, 1, &arg));
	API_CHECK(a, strcmp(arg.name, "out") == 0 && arg.kind == TRN_ARG_BUFFER);
	API_CHECK(a, arg.min_bytes == API_COPY_BYTES);
	API_CODE(a, -ENOENT, trn_program_arg(program, 2, &arg));
	API_CODE(a, -EINVAL,
		 trn_program_arg(program, 0, &(struct trn_program_arg_info){ .size = 1 }));
	API_CODE(a, -EINVAL, trn_program_info(program, &(struct trn_program_info){ .size = 1 }));
	API_CHECK(a, trn_program_ref(program) == program);
	trn_program_unref(program);
}

/* in to out by the copy program on a core; checks every byte. */
static void run_copy(struct api *a, struct trn_queue *queue, struct trn_program *program,
		     uint32_t core, uint32_t run)
{
	struct trn_buffer *in = api_buffer(a, TRN_BUFFER_HBM, 2 * API_COPY_BYTES);
	struct trn_buffer *out = api_buffer(a, TRN_BUFFER_HOST, API_COPY_BYTES);
	const struct trn_arg args[2] = { { .buffer = in, .offset = 512, .bytes = API_COPY_BYTES },
					 { .buffer = out } };
	struct trn_batch *batch = api_batch(a, queue, 2);
	uint8_t want[API_COPY_BYTES], got[API_COPY_BYTES];
	uint32_t count = 0;

	api_random(a, want, sizeof(want));
	API_OK(a, trn_buffer_write(in, 512, want, sizeof(want), api_soon()));
	for (size_t i = 0; i < API_TABLE_BYTES; i++)
		want[i] = api_table_byte(i);
	API_OK(a, trn_batch_launch(batch, program, core, args, 2));
	api_submit(a, queue, batch, NULL);
	api_release(a, in); /* the commands hold it */
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_OK(a, trn_buffer_read(out, 0, got, sizeof(got), api_soon()));
	API_CHECK(a, memcmp(got, want, API_COPY_BYTES - 4) == 0);
	memcpy(&count, got + API_COPY_BYTES - 4, 4);
	API_CHECK(a, count == run);
}

static void program_run(struct api *a)
{
	struct trn_program *program = load(a, api_image_copy, 0), *second;
	struct trn_queue *queue = api_queue(a, 16);

	for (uint32_t i = 1; i <= 24; i++)
		run_copy(a, queue, program, (i * 3) % 8, i);
	second = load(a, api_image_copy, 7); /* has a counter of its own */
	run_copy(a, queue, second, 7, 1);
	run_copy(a, queue, program, 7, 25);
}

/* The same image: a program that writes nothing of its own is there once, one that counts has its
 * own counter each time. */
static void program_cache(struct api *a)
{
	struct trn_program_stats before = { .size = sizeof(before) }, after = before;
	struct trn_program *moves[2], *counts[2];

	API_OK(a, trn_program_stats(a->device, &before));
	for (int i = 0; i < 2; i++) {
		moves[i] = load(a, api_image_move, 0);
		counts[i] = load(a, api_image_copy, 0);
	}
	API_OK(a, trn_program_stats(a->device, &after));
	API_CHECK(a, moves[0] == moves[1] && counts[0] != counts[1]);
	API_CHECK(a, after.loads - before.loads == 4 && after.hits - before.hits == 1);
	API_CHECK(a, after.placed - before.placed == 3);
}

/* Two programs with one table and one counter between them: the table in a buffer, the
 * counter in the first. */
static void program_shared(struct api *a)
{
	struct trn_buffer *table = api_buffer(a, TRN_BUFFER_HBM, 4096);
	struct trn_buffer *in = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_buffer *out = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	const struct trn_arg args[2] = { { .buffer = in }, { .buffer = out } };
	struct trn_program_share shares[2] = { { .section = "table", .buffer = table },
					       { .section = "count" } };
	struct trn_program_load_opts opts = { .size = sizeof(opts),
					      .shared = shares,
					      .shared_count = 1 };
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 1);
	uint8_t want[API_TABLE_BYTES], got[API_COPY_BYTES];
	struct trn_program *programs[2] = { NULL, NULL };
	void *image = NULL;
	size_t bytes = 0;
	uint32_t count;

	API_CHECK(a, api_image_copy(&a->mem.alloc, &image, &bytes) == 0);
	(void)api_keep(a, API_IMAGE, image);
	api_random(a, want, sizeof(want));
	API_OK(a, trn_buffer_write(table, 0, want, sizeof(want), api_soon()));
	for (int i = 0; i < 2; i++) {
		API_OK(a, trn_program_load_opts(a->device, image, bytes, &opts, api_soon(),
						&programs[i]));
		(void)api_keep(a, API_PROGRAM, programs[i]);
		shares[1].program = programs[0];
		opts.shared_count = 2;
	}
	for (uint32_t i = 1; i <= 6; i++) {
		trn_batch_clear(batch);
		API_OK(a, trn_batch_launch(batch, programs[i % 2], i % 8, args, 2));
		api_submit(a, queue, batch, NULL);
		API_OK(a, trn_queue_drain(queue, api_soon()));
		API_OK(a, trn_buffer_read(out, 0, got, sizeof(got), api_soon()));
		memcpy(&count, got + API_COPY_BYTES - 4, 4);
		API_CHECK(a, memcmp(got, want, sizeof(want)) == 0 && count == i);
	}
	API_CODE(a, -EBUSY, trn_program_unload(programs[0]));
	API_CHECK(a, api_cause_has(a, "1 programs that have its sections"));
}

static void program_bad_launch(struct api *a)
{
	struct trn_program *program = load(a, api_image_copy, 0);
	struct trn_buffer *small = api_buffer(a, TRN_BUFFER_HBM, 100);
	struct trn_buffer *good = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_arg args[2] = { { .buffer = good }, { .buffer = good } };
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 2);

	API_CODE(a, -EINVAL, trn_batch_launch(batch, program, 8, args, 2));
	API_CODE(a, -EINVAL, trn_batch_launch(batch, program, 0, args, 1));
	args[1].buffer = small;
	API_CODE(a, -EINVAL, trn_batch_launch(batch, program, 0, args, 2));
	API_CHECK(a, api_cause_has(a, "out"));
	args[1].buffer = NULL;
	API_CODE(a, -EINVAL, trn_batch_launch(batch, program, 0, args, 2));
	args[1].buffer = good;
	args[1].offset = 1;
	API_CODE(a, -EINVAL, trn_batch_launch(batch, program, 0, args, 2));
}

/* A program that breaks a rule: record, queue stops, core faulted, the others go on, a reset
 * of the core and the queue brings both back. */
static void breaks(struct api *a, image_fn *make, uint32_t arg_count, struct trn_error *ret_error)
{
	struct trn_program *bad = load(a, make, 0), *good = load(a, api_image_copy, 0);
	struct trn_queue *queue = api_queue(a, 16), *other = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 64);
	struct trn_timeline *timeline = api_timeline(a, 0);
	const struct trn_arg arg = { .buffer = buffer };
	uint64_t sequence = 0;
	int code;

	API_OK(a, trn_batch_nop(batch));
	API_OK(a, trn_batch_launch(batch, bad, 2, arg_count ? &arg : NULL, arg_count));
	API_OK(a, trn_batch_signal(batch, timeline, 1));
	api_submit(a, queue, batch, &sequence);
	code = trn_timeline_wait(timeline, 1, api_soon());
	API_CHECK(a, code < 0);
	API_CODE(a, code, trn_queue_wait(queue, sequence, api_soon()));
	API_OK(a, trn_queue_wait(queue, 1, api_soon()));
	ret_error->size = sizeof(*ret_error);
	API_OK(a, trn_queue_error(queue, ret_error));
	API_CHECK(a, ret_error->code == code && ret_error->core == 2 && ret_error->command == 1);
	API_CHECK(a, strcmp(ret_error->operation, "launch") == 0);
	API_CODE(a, -TRN_EQUEUE, trn_queue_submit(queue, batch, api_soon(), NULL));
	run_copy(a, other, good, 3, 1); /* another core, another queue */
	API_OK(a, trn_queue_reset(queue, api_soon()));
	API_OK(a, trn_device_reset(a->device, 1u << 2, api_soon()));
	run_copy(a, queue, good, 2, 2);
}

static void program_uninit(struct api *a)
{
	struct trn_error error;

	breaks(a, api_image_uninit, 0, &error);
	API_CHECK(a, error.code == -TRN_EINSN && error.engine == TRN_ENGINE_VECTOR);
	API_CHECK(a, error.opcode == TRN_OP_TENSOR_COPY && error.operand == TRN_AP_SRC0);
	API_CHECK(a, error.rule > 0 && error.pc >= 0);
	API_CHECK(a, strstr(error.cause, "PSUM is read before") != NULL);
}

static void program_overrun(struct api *a)
{
	struct trn_error error;

	breaks(a, api_image_overrun, 1, &error);
	API_CHECK(a, error.code == -TRN_EINSN || error.code == -TRN_EFAULT_DEV);
	API_CHECK(a, error.engine == TRN_ENGINE_SYNC && error.opcode == TRN_OP_DMA_COPY);
}

/* A program that waits for itself: the wait ends in time, and a core reset ends the launch. */
static void program_deadlock(struct api *a)
{
	struct trn_program *program = load(a, api_image_deadlock, 0), *good;
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);

	API_OK(a, trn_batch_launch(batch, program, 5, NULL, 0));
	api_submit(a, queue, batch, NULL);
	API_CODE(a, api_has(a, TRN_CAP_INLINE) ? -TRN_EHANG : -ETIMEDOUT,
		 trn_queue_drain(queue, trn_deadline_in(20000000)));
	API_OK(a, trn_device_reset(a->device, 1u << 5, api_soon()));
	API_CODE(a, -TRN_ERESET, trn_queue_drain(queue, api_soon()));
	API_OK(a, trn_queue_reset(queue, api_soon()));
	good = load(a, api_image_copy, 0);
	run_copy(a, queue, good, 5, 1);
}

static uint32_t register_of(struct api *a, const char *name)
{
	uint32_t offset = 0;

	API_OK(a, trn_diag_reg_find(name, &offset));
	return offset;
}

/* As another process would do it that shares the device. */
static void stranger_takes(struct api *a, bool take)
{
	if (!take) {
		API_OK(a, trn_diag_reg_write(a->device, 0,
					     register_of(a, "ext.core3.claim_release"), 99));
		return;
	}
	API_OK(a, trn_diag_reg_write(a->device, 0, register_of(a, "ext.core3.claim"), 99));
	API_OK(a, trn_diag_reg_write(a->device, 0, register_of(a, "ext.core3.holder_pid"), 4711));
	/* "py", then bytes that no name has */
	API_OK(a, trn_diag_reg_write(a->device, 0, register_of(a, "ext.core3.holder_name_0"),
				     0x0a077970));
}

/* Work on a core that another holds is refused whole, by the holder's name. */
static void program_held_core(struct api *a)
{
	struct trn_core_claim claim = { .size = sizeof(claim) };
	struct trn_error error = { .size = sizeof(error) };
	struct trn_program *program = load(a, api_image_copy, 0);
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_buffer *in = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	const struct trn_arg args[2] = { { .buffer = in }, { .buffer = in } };

	API_OK(a, trn_batch_launch(batch, program, 3, args, 2));
	stranger_takes(a, true);
	API_CODE(a, -EBUSY, trn_queue_submit(queue, batch, api_soon(), NULL));
	API_OK(a, trn_error_get(a->context, &error));
	API_CHECK(a, strstr(error.cause, "core 3 is held by pid 4711 (py) since "));
	API_OK(a, trn_queue_drain(queue, api_soon())); /* nothing was taken */
	stranger_takes(a, false);
	run_copy(a, queue, program, 3, 1);
	API_OK(a, trn_device_core_claim(a->device, 3, 0, &claim));
	API_CHECK(a, claim.owner != 0 && claim.pid == (uint32_t)getpid());
}

/* A queue that goes takes its running program along: the core is free and idle. */
static void program_stopped_with_queue(struct api *a)
{
	struct trn_core_claim claim = { .size = sizeof(claim) };
	struct trn_program *program = load(a, api_image_deadlock, 0), *good;
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);

	API_OK(a, trn_batch_launch(batch, program, 5, NULL, 0));
	api_submit(a, queue, batch, NULL);
	API_CODE(a, api_has(a, TRN_CAP_INLINE) ? -TRN_EHANG : -ETIMEDOUT,
		 trn_queue_drain(queue, trn_deadline_in(20000000)));
	API_OK(a, trn_device_core_claim(a->device, 5, 0, &claim));
	API_CHECK(a, claim.owner != 0 && claim.state == 1);
	api_release(a, batch);
	api_release(a, queue);
	API_OK(a, trn_device_core_claim(a->device, 5, 0, &claim));
	API_CHECK(a, claim.owner == 0 && claim.state == 0);
	good = load(a, api_image_copy, 0);
	run_copy(a, api_queue(a, 16), good, 5, 1);
}

/* No allocation and one doorbell with launches, too. */
static void program_no_allocation(struct api *a)
{
	struct trn_program *program = load(a, api_image_copy, 0);
	struct trn_buffer *in = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	struct trn_buffer *out = api_buffer(a, TRN_BUFFER_HBM, API_COPY_BYTES);
	const struct trn_arg args[2] = { { .buffer = in }, { .buffer = out } };
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	uint64_t doorbells = 0;
	long before = 0;

	API_OK(a, trn_batch_launch(batch, program, 0, args, 2));
	API_OK(a, trn_batch_launch(batch, program, 0, args, 2));
	for (int i = 0; i < 100; i++) {
		if (i == 50) {
			before = a->mem.requests;
			doorbells = api_counter(a, "counters", "doorbells");
		}
		api_submit(a, queue, batch, NULL);
		API_OK(a, trn_queue_drain(queue, api_soon()));
	}
	API_CHECK(a, a->mem.requests == before);
	API_CHECK(a, api_counter(a, "counters", "doorbells") == doorbells + 50);
}

const struct api_test api_program_tests[] = {
	{ "program.garbage", program_garbage },
	{ "program.info", program_info },
	{ "program.cache", program_cache },
	{ "program.shared", program_shared },
	{ "program.run", program_run },
	{ "program.bad-launch", program_bad_launch },
	{ "program.held-core", program_held_core },
	{ "program.stopped-with-queue", program_stopped_with_queue },
	{ "program.uninit", program_uninit },
	{ "program.overrun", program_overrun },
	{ "program.deadlock", program_deadlock },
	{ "program.no-allocation", program_no_allocation },
	{ NULL, NULL },
};
