// SPDX-License-Identifier: Apache-2.0
/* trnctl run: a program file on the device, with buffers from sizes or files, and what came
 * out. */
#include "tools/trnctl_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RUN_SECONDS 60u
#define REPEAT_MAX 1000000u

enum {
	KEY_ARG = 0x200,
	KEY_SHOW,
	KEY_SAVE,
	KEY_CORE,
	KEY_REPEAT,
	KEY_ENERGY,
	KEY_TRACE
};

static const struct argp_option own[] = {
	{ "arg", KEY_ARG, "NAME=VALUE", 0,
	  "Argument: a number, a buffer's SIZE (zeroes) or @FILE (its content), or SIZE@FILE", 1 },
	{ "show", KEY_SHOW, "NAME[:TYPE[:COUNT]]", 0,
	  "Print a buffer afterwards; TYPE f32 (default), bf16, f16, u32, s32, u8", 1 },
	{ "save", KEY_SAVE, "NAME=FILE", 0, "Write a buffer to a file afterwards", 1 },
	{ "core", KEY_CORE, "N", 0, "Core to run on (0)", 1 },
	{ "repeat", KEY_REPEAT, "N", 0, "Launch N times, each after the one before (1)", 1 },
	{ "energy", KEY_ENERGY, NULL, 0, "Energy of the launches by part (on a mock)", 1 },
	{ "trace", KEY_TRACE, "FILE", 0, "Write a time trace, for Perfetto", 1 },
	{ 0 },
};

static error_t push(struct trnctl_run *run, struct argp_state *state, const char **list,
		    unsigned int *count, const char *text)
{
	if (*count == TRNCTL_RUN_ARGS_MAX)
		return trnctl_usage(run->ctl, state, "more than %u of one option",
				    TRNCTL_RUN_ARGS_MAX);
	list[(*count)++] = text;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct trnctl_run *run = state->input;

	switch (key) {
	case KEY_ARG:
		if (!strchr(arg, '='))
			return trnctl_usage(run->ctl, state, "--arg \"%.60s\" is no NAME=VALUE",
					    arg);
		return push(run, state, run->arg_text, &run->arg_texts, arg);
	case KEY_SHOW:
		return push(run, state, run->show_text, &run->show_texts, arg);
	case KEY_SAVE:
		if (!strchr(arg, '='))
			return trnctl_usage(run->ctl, state, "--save \"%.60s\" is no NAME=FILE",
					    arg);
		return push(run, state, run->save_text, &run->save_texts, arg);
	case KEY_CORE:
		if (trnctl_number(arg, &run->core) < 0 || run->core > 31)
			return trnctl_usage(run->ctl, state, "--core \"%.40s\" is no core", arg);
		return 0;
	case KEY_REPEAT:
		if (trnctl_number(arg, &run->repeat) < 0 || run->repeat == 0 ||
		    run->repeat > REPEAT_MAX)
			return trnctl_usage(run->ctl, state, "--repeat \"%.40s\" is not 1 to %u",
					    arg, REPEAT_MAX);
		return 0;
	case KEY_ENERGY:
		run->want_energy = true;
		return 0;
	case KEY_TRACE:
		run->trace = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (run->path)
			return trnctl_usage(run->ctl, state, "more than one program");
		run->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		return trnctl_usage(run->ctl, state, "no program file");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Stamps around the launch, where the device has time; waits for the end of it. */
static int launch_once(struct trnctl_run *run, struct trn_queue *queue, struct trn_batch *batch,
		       uint64_t deadline_ns)
{
	bool stamps = (run->ctl->info.caps & TRN_CAP_TIMESTAMP) != 0;
	uint64_t sequence, stamp[2] = { 0 };
	uint64_t start;
	int r;

	start = trn_deadline_in(0);
	r = trn_queue_submit(queue, batch, deadline_ns, &sequence);
	if (r == 0)
		r = trn_queue_wait(queue, sequence, deadline_ns);
	run->wall_ns += trn_deadline_in(0) - start;
	if (r == 0 && stamps) {
		r = trn_buffer_read(run->stamps, 0, stamp, sizeof(stamp), deadline_ns);
		run->device_ns += stamp[1] - stamp[0];
	}
	return r;
}

static int batch_record(struct trnctl_run *run, struct trn_batch *batch)
{
	bool stamps = (run->ctl->info.caps & TRN_CAP_TIMESTAMP) != 0;
	int r = 0;

	if (stamps)
		r = trn_batch_timestamp(batch, run->stamps, 0);
	if (r == 0)
		r = trn_batch_launch(batch, run->program, (uint32_t)run->core, run->values,
				     run->info.arg_count);
	if (r == 0 && stamps)
		r = trn_batch_timestamp(batch, run->stamps, 8);
	return r;
}

/* A queue that stopped knows more about the failing command than the call that found out. */
static int launch_fail(struct trnctl_run *run, struct trn_queue *queue, int code)
{
	struct trn_error error = { .size = sizeof(error) };

	if (queue && trn_queue_error(queue, &error) == 0)
		return trnctl_fail_record(run->ctl, &error, "the program stopped");
	return trnctl_fail(run->ctl, code, "the program did not run");
}

static int launch(struct trnctl_run *run)
{
	uint64_t deadline_ns = trnctl_deadline(run->ctl, RUN_SECONDS);
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.kind = TRN_BUFFER_HOST,
					.bytes = 4096 };
	struct json_object *before = NULL;
	struct trn_queue *queue = NULL;
	struct trn_batch *batch = NULL;
	int r;

	r = trn_buffer_create(run->ctl->device, &opts, &run->stamps);
	if (r == 0)
		r = trn_queue_create(run->ctl->device, NULL, &queue);
	if (r == 0)
		r = trn_batch_create(queue, 3, &batch);
	if (r == 0)
		r = batch_record(run, batch);
	if (run->want_energy)
		before = trnctl_energy_now(run->ctl);
	for (uint64_t i = 0; r == 0 && i < run->repeat; i++)
		r = launch_once(run, queue, batch, deadline_ns);
	if (before) {
		struct json_object *after = trnctl_energy_now(run->ctl);

		run->energy = trnctl_energy_between(before, after);
		json_object_put(after);
		json_object_put(before);
	}
	r = r < 0 ? launch_fail(run, queue, r) : TRNCTL_OK;
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	return r;
}

static int program_load(struct trnctl_run *run)
{
	void *image;
	size_t bytes;
	bool text;
	int r = trnctl_image_read(run->ctl, run->path, &image, &bytes, &text);

	if (r != TRNCTL_OK)
		return r;
	r = trn_program_load(run->ctl->device, image, bytes, (uint32_t)run->core,
			     trnctl_deadline(run->ctl, RUN_SECONDS), &run->program);
	trn_image_free(NULL, image);
	if (r < 0)
		return trnctl_fail(run->ctl, r, "program %.200s", run->path);
	run->info.size = sizeof(run->info);
	r = trn_program_info(run->program, &run->info);
	return r < 0 ? trnctl_fail(run->ctl, r, "program %.200s", run->path) : TRNCTL_OK;
}

static int launch_traced(struct trnctl_run *run)
{
	int r, end;

	if (!run->trace)
		return launch(run);
	r = trn_context_trace_start(run->ctl->context, run->trace);
	if (r < 0)
		return trnctl_fail(run->ctl, r, "trace %.200s", run->trace);
	r = launch(run);
	end = trn_context_trace_stop(run->ctl->context);
	/* One document: what the program did comes first. */
	if (r == TRNCTL_OK && end < 0)
		r = trnctl_fail(run->ctl, end, "trace %.200s", run->trace);
	return r;
}

static int work(struct trnctl_run *run)
{
	int r = trnctl_open(run->ctl);

	if (r == TRNCTL_OK && run->core >= run->ctl->info.cores)
		r = trnctl_fail_usage(run->ctl, "core %" PRIu64 ": there are %" PRIu32, run->core,
				      run->ctl->info.cores);
	if (r == TRNCTL_OK)
		r = program_load(run);
	if (r == TRNCTL_OK)
		r = trnctl_run_args(run);
	if (r == TRNCTL_OK)
		r = launch_traced(run);
	return r == TRNCTL_OK ? trnctl_run_results(run) : r;
}

int trnctl_run(struct trnctl *ctl, int argc, char **argv)
{
	struct trnctl_run run = { .ctl = ctl, .repeat = 1 };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &run,
		.args = "PROGRAM",
		.doc = "Load a program, file or text, and run it.\vBuffers that no --arg names "
		       "are made as small as the program allows and are zero. Example: run "
		       "add.trnx --arg in=@data.bin --arg out=4K --show out:f32:8",
	};
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = work(&run);
	for (unsigned int i = 0; i < TRNCTL_RUN_ARGS_MAX; i++)
		trn_buffer_unref(run.values[i].buffer);
	trn_buffer_unref(run.stamps);
	trn_program_unref(run.program);
	json_object_put(run.energy);
	return r;
}
