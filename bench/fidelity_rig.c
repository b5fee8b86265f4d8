/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated chip through the public API: launches between two timestamps of device time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bench/fidelity.h"

#define LIMIT_NS UINT64_C(120000000000)

static int failed(struct fid_rig *rig, int r, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	if (rig->context && trn_error_get(rig->context, &error) == 0)
		fprintf(stderr, "fidelity: %s: %s: %s: %s\n", rig->uri, what, trn_strerror(r),
			error.cause);
	else
		fprintf(stderr, "fidelity: %s: %s: %s\n", rig->uri, what, trn_strerror(r));
	return r;
}

int fid_open(struct fid_rig *rig, const char *uri)
{
	struct trn_buffer_opts stamps = { .size = sizeof(stamps), .bytes = FID_CORES * 16 };
	int r;

	memset(rig, 0, sizeof(*rig));
	rig->uri = uri;
	r = trn_context_create(NULL, &rig->context);
	if (r == 0)
		r = trn_device_open(rig->context, uri, trn_deadline_in(LIMIT_NS), &rig->device);
	if (r == 0)
		r = trn_buffer_create(rig->device, &stamps, &rig->stamps);
	for (uint32_t c = 0; r == 0 && c < FID_CORES; c++) {
		struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 16, .core = c };

		r = trn_queue_create(rig->device, &opts, &rig->queue[c]);
		if (r == 0)
			r = trn_batch_create(rig->queue[c], 4, &rig->batch[c]);
	}
	return r == 0 ? 0 : failed(rig, r, "open");
}

void fid_close(struct fid_rig *rig)
{
	for (uint32_t c = 0; c < FID_CORES; c++) {
		trn_batch_destroy(rig->batch[c]);
		trn_queue_unref(rig->queue[c]);
	}
	trn_buffer_unref(rig->stamps);
	trn_device_unref(rig->device);
	trn_context_unref(rig->context);
	memset(rig, 0, sizeof(*rig));
}

void fid_release(struct fid_program *program)
{
	trn_image_free(NULL, program->image);
	program->image = NULL;
}

/* What one core runs. */
struct job {
	struct trn_program *program;
	struct trn_buffer *buffer[4];
	uint64_t sequence;
};

static int job_begin(struct fid_rig *rig, const struct fid_program *program, uint32_t core,
		     struct job *job)
{
	struct trn_arg arg[4];
	int r = trn_program_load(rig->device, program->image, program->bytes, core,
				 trn_deadline_in(LIMIT_NS), &job->program);

	memset(arg, 0, sizeof(arg));
	for (uint32_t i = 0; r == 0 && i < program->args; i++) {
		struct trn_buffer_opts opts = { .size = sizeof(opts),
						.bytes = program->arg_bytes[i],
						.core = core };

		r = trn_buffer_create(rig->device, &opts, &job->buffer[i]);
		if (r == 0 && program->input[i])
			r = trn_buffer_write(job->buffer[i], 0, program->input[i],
					     program->arg_bytes[i], trn_deadline_in(LIMIT_NS));
		arg[i].buffer = job->buffer[i];
	}
	trn_batch_clear(rig->batch[core]);
	if (r == 0)
		r = trn_batch_timestamp(rig->batch[core], rig->stamps, core * 16);
	if (r == 0)
		r = trn_batch_launch(rig->batch[core], job->program, core, arg, program->args);
	if (r == 0)
		r = trn_batch_timestamp(rig->batch[core], rig->stamps, core * 16 + 8);
	return r;
}

static int job_end(const struct fid_program *program, struct job *job, bool read)
{
	int r = 0;

	for (uint32_t i = 0; i < program->args; i++) {
		if (read && r == 0 && program->output[i])
			r = trn_buffer_read(job->buffer[i], 0, program->output[i],
					    program->arg_bytes[i], trn_deadline_in(LIMIT_NS));
		trn_buffer_unref(job->buffer[i]);
	}
	trn_program_unref(job->program);
	return r;
}

int fid_run(struct fid_rig *rig, const struct fid_program *program, uint32_t cores, double *ret_ns)
{
	struct job job[FID_CORES];
	uint64_t stamp[FID_CORES][2], first = UINT64_MAX, last = 0;
	int r = 0;

	memset(job, 0, sizeof(job));
	for (uint32_t c = 0; r == 0 && c < cores; c++)
		r = job_begin(rig, program, c, &job[c]);
	/* Submitted at one moment of device time: it only moves while somebody waits. */
	for (uint32_t c = 0; r == 0 && c < cores; c++)
		r = trn_queue_submit(rig->queue[c], rig->batch[c], trn_deadline_in(LIMIT_NS),
				     &job[c].sequence);
	for (uint32_t c = 0; r == 0 && c < cores; c++)
		r = trn_queue_wait(rig->queue[c], job[c].sequence, trn_deadline_in(LIMIT_NS));
	if (r == 0)
		r = trn_buffer_read(rig->stamps, 0, stamp, sizeof(stamp),
				    trn_deadline_in(LIMIT_NS));
	for (uint32_t c = 0; c < cores; c++) {
		int e = job_end(program, &job[c], r == 0);

		r = r == 0 ? e : r;
	}
	for (uint32_t c = 0; r == 0 && c < cores; c++) {
		first = stamp[c][0] < first ? stamp[c][0] : first;
		last = stamp[c][1] > last ? stamp[c][1] : last;
	}
	if (r < 0)
		return failed(rig, r, "run");
	*ret_ns = (double)(last - first);
	return 0;
}
