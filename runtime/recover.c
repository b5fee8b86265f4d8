/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest reset that works: queue, cores, device, each tried out before the next. */
#include <errno.h>
#include <string.h>
#include <trn/asm.h>
#include <trn/builder.h>
#include <trn/recover.h>
#include "base/clock.h"
#include "runtime/private.h"

/* A step may take this much, or half of what is left: the next one needs time, too. */
#define COPY_BYTES 64u
#define PROBE_NS UINT64_C(5000000000)

struct recover {
	struct trn_device *device;
	struct trn_queue *queue; /* NULL: only the device */
	uint32_t cores;          /* that the queue's command was on */
	uint64_t deadline_ns;
	const char *operation;
	bool lost; /* when it began */
	struct trn_recover_report report;
};

static uint64_t step_deadline(const struct recover *rec)
{
	const uint64_t now = trn_clock_ns();
	const uint64_t left = rec->deadline_ns > now ? rec->deadline_ns - now : 0;

	return now + left / 2;
}

static uint64_t probe_deadline(const struct recover *rec)
{
	return trn_min_u64(trn_clock_deadline(PROBE_NS), step_deadline(rec));
}

/* ---- is it well? ---- */

static uint32_t core_state(struct recover *rec, uint32_t core)
{
	struct trn_hal_core_error state = { 0 };
	int r;

	trn_device_enter(rec->device);
	r = rec->device->hal->ops.core_error(rec->device->hal, core, &state);
	trn_device_leave(rec->device);
	/* Doors without cores have none that are ill. */
	return r == 0 ? state.state : TRN_CORE_IDLE;
}

/* Cores of the mask that a new launch would find busy or faulted. */
static uint32_t sick_cores(struct recover *rec, uint32_t mask, bool busy)
{
	uint32_t sick = 0;

	for (uint32_t core = 0; core < rec->device->info.cores && core < 32; core++) {
		uint32_t state;

		if (!(mask >> core & 1))
			continue;
		state = core_state(rec, core);
		if (state != TRN_CORE_IDLE && (busy || state != TRN_CORE_RUNNING))
			sick |= 1u << core;
	}
	return sick;
}

/* A copy from one half to the other, and the program on each core. */
static int record_probe(struct recover *rec, struct trn_batch *batch, struct trn_buffer *buffer,
			struct trn_program *program)
{
	int r = trn_batch_copy(batch, buffer, 0, buffer, COPY_BYTES, COPY_BYTES);

	for (uint32_t core = 0; r == 0 && program && core < TRN_CORES; core++)
		if (rec->cores >> core & 1)
			r = trn_batch_launch(batch, program, core, NULL, 0);
	return r;
}

static int run_probe(struct recover *rec, struct trn_program *program)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts),
					      .kind = TRN_BUFFER_HOST,
					      .bytes = 2 * COPY_BYTES };
	const uint64_t deadline_ns = probe_deadline(rec);
	struct trn_buffer *buffer = NULL;
	struct trn_batch *batch = NULL;
	int r = trn_buffer_create(rec->device, &opts, &buffer);

	if (r == 0)
		r = trn_batch_create(rec->queue, 1 + TRN_CORES, &batch);
	if (r == 0)
		r = record_probe(rec, batch, buffer, program);
	if (r == 0)
		r = trn_queue_submit(rec->queue, batch, deadline_ns, NULL);
	if (r == 0)
		r = trn_queue_drain(rec->queue, deadline_ns);
	trn_batch_destroy(batch);
	trn_buffer_unref(buffer);
	return r;
}

/* A small copy, and on the cores that were hit a program that only ends. */
static int probe_queue(struct recover *rec)
{
	static const char text[] = ".program \"probe\"\n.code sync\n\thalt\n";
	const struct trn_alloc *alloc = &rec->device->object.context->alloc;
	struct trn_program *program = NULL;
	size_t bytes = 0;
	void *image = NULL;
	int r = 0;

	if (rec->cores != 0) {
		r = trn_asm_assemble(alloc, text, sizeof(text) - 1, &image, &bytes, NULL);
		if (r == 0)
			r = trn_program_load(rec->device, image, bytes, 0, probe_deadline(rec),
					     &program);
		trn_image_free(alloc, image);
	}
	if (r == 0)
		r = run_probe(rec, program);
	trn_program_unref(program);
	return r;
}

static int probe_device(struct recover *rec)
{
	int r = trn_device_verdict(rec->device, 0);

	if (r == 0 && sick_cores(rec, UINT32_MAX, false) != 0)
		r = -EIO;
	return r;
}

/* ---- steps ---- */

static int queue_again(struct recover *rec)
{
	return rec->queue ? trn_queue_reset(rec->queue, step_deadline(rec)) : 0;
}

static int probe(struct recover *rec)
{
	if (!rec->queue)
		return probe_device(rec);
	if (sick_cores(rec, rec->cores, true) != 0)
		return -EBUSY;
	return probe_queue(rec);
}

static int step_nothing(struct recover *rec)
{
	return rec->queue ? -EAGAIN : 0;
}

static int step_queue(struct recover *rec)
{
	return rec->queue ? queue_again(rec) : -EAGAIN;
}

static int step_cores(struct recover *rec)
{
	const uint32_t mask =
		sick_cores(rec, rec->queue ? rec->cores : UINT32_MAX, rec->queue != NULL);
	int r;

	if (mask == 0)
		return -EAGAIN; /* it is none of them */
	rec->report.core_mask = mask;
	r = trn_device_reset(rec->device, mask, step_deadline(rec));
	return r < 0 ? r : queue_again(rec);
}

static int step_device(struct recover *rec)
{
	int r = trn_device_reset(rec->device, 0, rec->deadline_ns);

	return r < 0 ? r : queue_again(rec);
}

static int (*const steps[TRN_RECOVER_STEPS])(struct recover *rec) = {
	[TRN_RECOVER_NOTHING] = step_nothing,
	[TRN_RECOVER_QUEUE] = step_queue,
	[TRN_RECOVER_CORES] = step_cores,
	[TRN_RECOVER_DEVICE] = step_device,
};

static int last_failed(struct recover *rec, enum trn_recover_step most)
{
	static const char *const names[] = { "nothing", "the queue's reset", "the cores' reset",
					     "the device's reset" };
	int code = rec->report.code[rec->report.step];

	for (int s = TRN_RECOVER_DEVICE; s > TRN_RECOVER_NOTHING && code == 0; s--)
		code = rec->report.code[s];
	if (code == 0)
		code = rec->lost ? -TRN_EDEVLOST : -EAGAIN;
	return trn_fail(rec->device->object.context, rec->device, code, rec->operation,
			"%s did not help, and more was not %s", names[rec->report.step],
			most < TRN_RECOVER_DEVICE ? "allowed" : "to be had");
}

static int recover(struct recover *rec, enum trn_recover_step most,
		   struct trn_recover_report *ret_report)
{
	bool done = false;

	rec->lost = trn_device_verdict(rec->device, 0) == -TRN_EDEVLOST;
	rec->report.size = sizeof(rec->report);
	for (int s = 0; s <= (int)most && !done; s++) {
		int r;

		if (rec->lost && s != TRN_RECOVER_DEVICE)
			continue; /* nobody would listen */
		r = steps[s](rec);
		if (r == -EAGAIN)
			continue; /* nothing to do on this level */
		rec->report.step = (enum trn_recover_step)s;
		rec->report.tried |= 1u << s;
		if (r == 0)
			r = probe(rec);
		rec->report.code[s] = r;
		done = r == 0;
	}
	if (ret_report)
		*ret_report = rec->report;
	return done ? 0 : last_failed(rec, most);
}

/* ---- public ---- */

static int args_check(struct trn_device *device, enum trn_recover_step most,
		      const struct trn_recover_report *report, const char *operation)
{
	if ((unsigned int)most > (unsigned int)TRN_RECOVER_DEVICE)
		return trn_fail(device->object.context, device, -EINVAL, operation,
				"there is no step %d", (int)most);
	if (report && report->size != sizeof(*report))
		return trn_fail(device->object.context, device, -EINVAL, operation,
				"size member is not sizeof(struct trn_recover_report)");
	return 0;
}

/* Of the command that the queue stands at, or that stopped it. */
static uint32_t cores_of(const struct trn_queue *queue)
{
	const uint64_t at = trn_queue_at(queue);
	const struct trn_ext_cmd *cmd = &queue->hal->ring[(at - 1 - queue->base) & queue->mask];
	uint32_t mask = 0;

	if (at <= atomic_load(&queue->submitted) && cmd->op == TRN_CMD_LAUNCH &&
	    cmd->a[1] < queue->device->info.cores)
		mask = 1u << cmd->a[1];
	if (queue->failed && queue->error.core >= 0 &&
	    (uint32_t)queue->error.core < queue->device->info.cores)
		mask |= 1u << queue->error.core;
	return mask;
}

TRN_API int trn_queue_recover(struct trn_queue *queue, enum trn_recover_step most,
			      uint64_t deadline_ns, struct trn_recover_report *ret_report)
{
	struct recover rec = { .queue = queue, .deadline_ns = deadline_ns, .operation = __func__ };
	struct trn_error stopped = { .size = sizeof(stopped) };
	int r;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	rec.device = queue->device;
	r = args_check(rec.device, most, ret_report, __func__);
	if (r == 0)
		r = trn_queue_error(queue, &stopped); /* owner, and up to date */
	if (r < 0 && r != -ENOENT)
		return r;
	rec.cores = cores_of(queue);
	/* One that runs belongs to us only while our command does. */
	if (r == 0)
		rec.cores = sick_cores(&rec, rec.cores, false);
	return recover(&rec, most, ret_report);
}

TRN_API int trn_device_recover(struct trn_device *device, enum trn_recover_step most,
			       uint64_t deadline_ns, struct trn_recover_report *ret_report)
{
	struct recover rec = { .deadline_ns = deadline_ns, .operation = __func__ };
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	rec.device = device;
	r = args_check(device, most, ret_report, __func__);
	return r < 0 ? r : recover(&rec, most, ret_report);
}
