// SPDX-License-Identifier: Apache-2.0
/* Selftest: queues, timelines, device time. */
#include "tools/trnctl_selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define DEPTH 64u
#define ROUNDS 40u /* batches of a quarter ring: the ring wraps ten times */

/* Everything these checks use; what was not made is NULL. */
struct setup {
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_timeline *timeline;
	struct trn_buffer *buffer; /* one page of pinned host memory */
};

static int setup_make(struct trnctl_check *check, struct setup *setup)
{
	struct trn_queue_opts queue = { .size = sizeof(queue), .depth = DEPTH };
	struct trn_buffer_opts buffer = { .size = sizeof(buffer),
					  .kind = TRN_BUFFER_HOST,
					  .bytes = 4096 };
	int r = trn_queue_create(check->device, &queue, &setup->queue);

	if (r == 0)
		r = trn_batch_create(setup->queue, DEPTH / 4, &setup->batch);
	if (r == 0)
		r = trn_timeline_create(check->device, 0, &setup->timeline);
	if (r == 0)
		r = trn_buffer_create(check->device, &buffer, &setup->buffer);
	return r;
}

static void setup_end(struct setup *setup)
{
	trn_batch_destroy(setup->batch);
	trn_queue_unref(setup->queue);
	trn_timeline_unref(setup->timeline);
	trn_buffer_unref(setup->buffer);
}

static int queue_rounds(struct trnctl_check *check, struct setup *setup)
{
	uint64_t start = trn_deadline_in(0), sequence = 0;
	char time[24];
	int r = 0;

	for (unsigned int round = 0; r == 0 && round < ROUNDS; round++) {
		trn_batch_clear(setup->batch);
		for (unsigned int i = 0; r == 0 && i < DEPTH / 4; i++)
			r = trn_batch_nop(setup->batch);
		if (r == 0)
			r = trn_queue_submit(setup->queue, setup->batch, check->deadline_ns,
					     &sequence);
	}
	if (r == 0)
		r = trn_queue_wait(setup->queue, sequence, check->deadline_ns);
	if (r < 0)
		return r;
	return trnctl_note(check, 0, "%u commands, %s of wall time each", ROUNDS * DEPTH / 4,
			   trnctl_duration((trn_deadline_in(0) - start) / (ROUNDS * DEPTH / 4),
					   time));
}

int trnctl_check_queue(struct trnctl_check *check)
{
	struct setup setup = { 0 };
	int r = setup_make(check, &setup);

	if (r == 0)
		r = queue_rounds(check, &setup);
	setup_end(&setup);
	return r;
}

static int timeline_steps(struct trnctl_check *check, struct setup *setup)
{
	struct trn_timeline *timeline = setup->timeline;
	uint64_t sequence;
	int r;

	/* The device waits for the host, then tells it. */
	trn_batch_clear(setup->batch);
	r = trn_batch_wait(setup->batch, timeline, 1);
	if (r == 0)
		r = trn_batch_signal(setup->batch, timeline, UINT64_C(0x100000002));
	if (r == 0)
		r = trn_queue_submit(setup->queue, setup->batch, check->deadline_ns, &sequence);
	if (r == -ENOTSUP)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "queues cannot wait behind this door");
	if (r < 0)
		return r;
	if (trn_timeline_wait(timeline, 1, TRN_DEADLINE_NOW) != -ETIMEDOUT)
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "the timeline moved by itself");
	r = trn_timeline_signal(timeline, 1);
	if (r == 0)
		r = trn_timeline_wait(timeline, UINT64_C(0x100000002), check->deadline_ns);
	if (r == 0)
		r = trn_queue_wait(setup->queue, sequence, check->deadline_ns);
	if (r < 0)
		return r;
	if (trn_timeline_value(timeline) != UINT64_C(0x100000002))
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "the timeline is at %" PRIu64,
				   trn_timeline_value(timeline));
	return 0;
}

int trnctl_check_timeline(struct trnctl_check *check)
{
	struct setup setup = { 0 };
	int r = setup_make(check, &setup);

	if (r == 0)
		r = timeline_steps(check, &setup);
	setup_end(&setup);
	return r;
}

static int timestamp_steps(struct trnctl_check *check, struct setup *setup)
{
	uint64_t stamps[3] = { 0 };
	char time[24];
	int r = 0;

	trn_batch_clear(setup->batch);
	for (unsigned int i = 0; r == 0 && i < 3; i++) {
		r = trn_batch_timestamp(setup->batch, setup->buffer, 8 * i);
		if (r == 0)
			r = trn_batch_nop(setup->batch);
	}
	if (r == 0)
		r = trnctl_check_play(check, setup->queue, setup->batch);
	if (r == 0)
		r = trn_buffer_read(setup->buffer, 0, stamps, sizeof(stamps), check->deadline_ns);
	if (r < 0)
		return r;
	if (stamps[0] == 0 || stamps[1] < stamps[0] || stamps[2] < stamps[1])
		return trnctl_note(check, TRNCTL_CHECK_WRONG,
				   "stamps %" PRIu64 ", %" PRIu64 ", %" PRIu64, stamps[0],
				   stamps[1], stamps[2]);
	return trnctl_note(check, 0, "%s of device time for two commands",
			   trnctl_duration(stamps[1] - stamps[0], time));
}

int trnctl_check_timestamp(struct trnctl_check *check)
{
	struct setup setup = { 0 };
	int r;

	if ((check->info->caps & TRN_CAP_TIMESTAMP) == 0)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "no device time behind this door");
	r = setup_make(check, &setup);
	if (r == 0)
		r = timestamp_steps(check, &setup);
	setup_end(&setup);
	return r;
}
