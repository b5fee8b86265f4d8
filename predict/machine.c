/* SPDX-License-Identifier: Apache-2.0 */
#include "predict/machine.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>
#include <trn/diag.h>
#include "base/alloc.h"

#define LIMIT_NS (UINT64_C(600) * 1000000000)
#define ARGS_MAX 32u
#define STAMP_BYTES 4096u

struct lane { /* one core and what it runs */
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_buffer *stamps; /* host memory: before, after */
	struct trn_buffer *buffer[ARGS_MAX];
	struct trn_program *program;
	struct trn_arg arg[ARGS_MAX];
};

struct trn_machine {
	struct trn_context *context;
	struct trn_device *device;
	struct lane lane[TRN_MACHINE_CORES];
	double overhead_s; /* of a launch that does nothing */
};

struct counters {
	double busy[5], dma_bytes, macs, instructions;
	double joules, idle_joules, seconds;
};

static int device_fail(struct trn_machine *machine, int code, const char *what,
		       struct trn_predict_why *why)
{
	struct trn_error error = { .size = sizeof(error) };

	if (!machine->context || trn_error_get(machine->context, &error) < 0)
		error.cause[0] = '\0';
	return trn_predict_fail(why, code, "%s: %s: %.250s", what, trn_strerror(code), error.cause);
}

static double number(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_double(value) : NAN;
}

static int energy_read(struct trn_machine *machine, struct counters *ret_counters,
		       struct trn_predict_why *why)
{
	struct json_object *object, *parts;
	char text[4096];
	int r = trn_diag_control(machine->device, "energy", NULL, text, sizeof(text));

	if (r < 0)
		return device_fail(machine, r, "energy", why);
	object = json_tokener_parse(text);
	if (!object || !json_object_object_get_ex(object, "parts", &parts)) {
		json_object_put(object);
		return trn_predict_fail(why, -EINVAL, "the mock's energy is no JSON");
	}
	ret_counters->seconds = number(object, "time_ps") * 1e-12;
	ret_counters->joules = ret_counters->idle_joules = 0.0;
	for (size_t i = 0; i < json_object_array_length(parts); i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);

		ret_counters->joules += number(part, "busy_nj") * 1e-9;
		ret_counters->idle_joules += number(part, "idle_nj") * 1e-9;
	}
	json_object_put(object);
	return 0;
}

static int counters_read(struct trn_machine *machine, struct counters *ret_counters,
			 struct trn_predict_why *why)
{
	struct json_object *object, *busy;
	char text[4096];
	int r = trn_diag_control(machine->device, "counters", NULL, text, sizeof(text));

	if (r < 0)
		return device_fail(machine, r, "counters", why);
	object = json_tokener_parse(text);
	if (!object || !json_object_object_get_ex(object, "busy_ps", &busy)) {
		json_object_put(object);
		return trn_predict_fail(why, -EINVAL, "the mock's counters are no JSON");
	}
	for (size_t e = 0; e < 5; e++)
		ret_counters->busy[e] =
			json_object_get_double(json_object_array_get_idx(busy, e)) * 1e-12;
	ret_counters->dma_bytes = number(object, "dma_bytes");
	ret_counters->macs = number(object, "matmul_macs");
	ret_counters->instructions = number(object, "instructions");
	json_object_put(object);
	return energy_read(machine, ret_counters, why);
}

/* ---- one run ---- */

static void lane_clear(struct lane *lane)
{
	for (uint32_t i = 0; i < ARGS_MAX; i++)
		lane->buffer[i] = trn_buffer_unref(lane->buffer[i]);
	lane->program = trn_program_unref(lane->program);
	memset(lane->arg, 0, sizeof(lane->arg));
}

static int lane_args(struct trn_machine *machine, struct lane *lane, uint32_t core,
		     const struct trn_machine_arg *args, uint32_t count,
		     struct trn_predict_why *why)
{
	for (uint32_t i = 0; i < count; i++) {
		struct trn_buffer_opts opts = { .size = sizeof(opts),
						.bytes = args[i].bytes,
						.core = core };
		int r;

		lane->arg[i].scalar = args[i].value;
		if (args[i].bytes == 0)
			continue;
		r = trn_buffer_create(machine->device, &opts, &lane->buffer[i]);
		if (r == 0 && args[i].content)
			r = trn_buffer_write(lane->buffer[i], 0, args[i].content,
					     args[i].content_bytes, trn_deadline_in(LIMIT_NS));
		if (r < 0)
			return device_fail(machine, r, "memory of an argument", why);
		lane->arg[i] = (struct trn_arg){ .buffer = lane->buffer[i] };
	}
	return 0;
}

static int lane_submit(struct lane *lane, uint32_t core, uint32_t count)
{
	int r;

	trn_batch_clear(lane->batch);
	r = trn_batch_timestamp(lane->batch, lane->stamps, 0);
	if (r == 0)
		r = trn_batch_launch(lane->batch, lane->program, core, lane->arg, count);
	if (r == 0)
		r = trn_batch_timestamp(lane->batch, lane->stamps, 8);
	return r < 0 ? r :
		       trn_queue_submit(lane->queue, lane->batch, trn_deadline_in(LIMIT_NS), NULL);
}

static int lanes_run(struct trn_machine *machine, const void *image, size_t bytes,
		     const struct trn_machine_arg *args, uint32_t count,
		     struct trn_predict_why *why)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < TRN_MACHINE_CORES; i++) {
		struct lane *lane = &machine->lane[i];

		r = lane_args(machine, lane, i, args, count, why);
		if (r < 0)
			return r;
		r = trn_program_load(machine->device, image, bytes, i, trn_deadline_in(LIMIT_NS),
				     &lane->program);
	}
	for (uint32_t i = 0; r == 0 && i < TRN_MACHINE_CORES; i++)
		r = lane_submit(&machine->lane[i], i, count);
	for (uint32_t i = 0; r == 0 && i < TRN_MACHINE_CORES; i++)
		r = trn_queue_drain(machine->lane[i].queue, trn_deadline_in(LIMIT_NS));
	return r < 0 ? device_fail(machine, r, "a program on the model", why) : 0;
}

/* The slower one counts: the cores of a layer meet at its end. */
static int lanes_time(struct trn_machine *machine, double *ret_s, struct trn_predict_why *why)
{
	double longest = 0.0;

	for (uint32_t i = 0; i < TRN_MACHINE_CORES; i++) {
		uint64_t stamp[2];
		int r = trn_buffer_read(machine->lane[i].stamps, 0, stamp, sizeof(stamp),
					trn_deadline_in(LIMIT_NS));

		if (r < 0)
			return device_fail(machine, r, "timestamps", why);
		longest = fmax(longest, (double)(stamp[1] - stamp[0]) * 1e-9);
	}
	*ret_s = longest;
	return 0;
}

static void cost_of(const struct counters *before, const struct counters *after,
		    struct trn_machine_cost *cost)
{
	for (size_t e = 0; e < 5; e++)
		cost->busy[e] = (after->busy[e] - before->busy[e]) / TRN_MACHINE_CORES;
	cost->dma_bytes = (after->dma_bytes - before->dma_bytes) / TRN_MACHINE_CORES;
	cost->macs = (after->macs - before->macs) / TRN_MACHINE_CORES;
	cost->instructions = (after->instructions - before->instructions) / TRN_MACHINE_CORES;
	cost->joules = (after->joules - before->joules) / TRN_MACHINE_CORES;
	cost->idle_watts =
		(after->idle_joules - before->idle_joules) / (after->seconds - before->seconds);
}

int trn_machine_run(struct trn_machine *machine, void *image, size_t bytes,
		    const struct trn_machine_arg *args, uint32_t arg_count,
		    struct trn_machine_cost *ret_cost, struct trn_predict_why *why)
{
	struct trn_machine_cost cost = { 0 };
	struct counters before, after;
	int r = arg_count > ARGS_MAX ? trn_predict_fail(why, -EINVAL, "too many arguments") :
				       counters_read(machine, &before, why);

	if (r == 0)
		r = lanes_run(machine, image, bytes, args, arg_count, why);
	trn_image_free(NULL, image);
	if (r == 0)
		r = lanes_time(machine, &cost.seconds, why);
	if (r == 0)
		r = counters_read(machine, &after, why);
	for (uint32_t i = 0; i < TRN_MACHINE_CORES; i++)
		lane_clear(&machine->lane[i]);
	if (r < 0)
		return r;
	cost_of(&before, &after, &cost);
	cost.seconds = fmax(cost.seconds - machine->overhead_s, 0.0);
	*ret_cost = cost;
	return 0;
}

void trn_machine_cost_add(struct trn_machine_cost *a, const struct trn_machine_cost *b,
			  double factor)
{
	a->seconds += factor * b->seconds;
	for (size_t e = 0; e < 5; e++)
		a->busy[e] += factor * b->busy[e];
	a->dma_bytes += factor * b->dma_bytes;
	a->macs += factor * b->macs;
	a->instructions += factor * b->instructions;
	a->joules += factor * b->joules;
	a->idle_watts = b->idle_watts;
}

/* ---- open, close ---- */

/* A launch of nothing costs something: it is taken off every run. */
static int overhead_measure(struct trn_machine *machine, struct trn_predict_why *why)
{
	struct trn_isa_compute nop = { .head = { .op = TRN_OP_NOP } };
	struct trn_machine_cost cost;
	struct trn_builder *builder;
	size_t bytes = 0;
	void *image = NULL;
	int r = trn_builder_create(NULL, &builder);

	if (r < 0)
		return trn_predict_fail(why, r, "no memory for a program");
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		(void)trn_builder_emit(builder, (enum trn_engine)e, &nop, 1);
	r = trn_builder_finish(builder, &image, &bytes);
	trn_builder_destroy(builder);
	if (r < 0)
		return trn_predict_fail(why, r, "the empty program");
	r = trn_machine_run(machine, image, bytes, NULL, 0, &cost, why);
	if (r == 0)
		machine->overhead_s = cost.seconds;
	return r;
}

static int lane_open(struct trn_machine *machine, struct lane *lane)
{
	struct trn_queue_opts queue = { .size = sizeof(queue), .depth = 16 };
	struct trn_buffer_opts stamps = { .size = sizeof(stamps),
					  .bytes = STAMP_BYTES,
					  .kind = TRN_BUFFER_HOST };
	int r = trn_queue_create(machine->device, &queue, &lane->queue);

	if (r == 0)
		r = trn_batch_create(lane->queue, 4, &lane->batch);
	return r < 0 ? r : trn_buffer_create(machine->device, &stamps, &lane->stamps);
}

int trn_machine_open(const char *gen, uint64_t seed, const char *options,
		     struct trn_machine **ret_machine, struct trn_predict_why *why)
{
	struct trn_machine *machine = trn_alloc_zero(&trn_alloc_libc, sizeof(*machine));
	char uri[512];
	int r;

	if (!machine)
		return trn_predict_fail(why, -ENOMEM, "no memory");
	snprintf(uri, sizeof(uri), "mock:%s?timing-only=1&seed=%llu%s", gen,
		 (unsigned long long)seed, options ? options : "");
	r = trn_context_create(NULL, &machine->context);
	if (r == 0)
		r = trn_device_open(machine->context, uri, trn_deadline_in(LIMIT_NS),
				    &machine->device);
	for (uint32_t i = 0; r == 0 && i < TRN_MACHINE_CORES; i++)
		r = lane_open(machine, &machine->lane[i]);
	if (r < 0)
		device_fail(machine, r, uri, why);
	else
		r = overhead_measure(machine, why);
	if (r < 0) {
		trn_machine_close(machine);
		return r;
	}
	*ret_machine = machine;
	return 0;
}

struct trn_machine *trn_machine_close(struct trn_machine *machine)
{
	if (!machine)
		return NULL;
	for (uint32_t i = 0; i < TRN_MACHINE_CORES; i++) {
		struct lane *lane = &machine->lane[i];

		lane_clear(lane);
		trn_buffer_unref(lane->stamps);
		trn_batch_destroy(lane->batch);
		trn_queue_unref(lane->queue);
	}
	trn_device_unref(machine->device);
	trn_context_unref(machine->context);
	trn_free(&trn_alloc_libc, machine);
	return NULL;
}
