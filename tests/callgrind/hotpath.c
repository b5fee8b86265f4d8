/* SPDX-License-Identifier: Apache-2.0 */
/* The hot path for a counter of instructions: hotpath NAME COUNT does one thing again and again.
 * What is counted is inside of counted(), and nothing else is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>

#define BYTES 256u

struct rig {
	struct trn_context *context;
	struct trn_device *device;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_timeline *timeline, *host;
	struct trn_buffer *to, *from;
	uint64_t value, deadline_ns;
};

static int make_buffer(struct rig *rig, struct trn_buffer **ret_buffer)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };

	return trn_buffer_create(rig->device, &opts, ret_buffer);
}

static int set_up(struct rig *rig)
{
	int r = trn_context_create(NULL, &rig->context);

	/* A clock costs other instructions on other machines: with this nobody reads one. */
	rig->deadline_ns = TRN_DEADLINE_NEVER;
	if (r == 0)
		r = trn_device_open(rig->context, "mock:trn3?hbm=64M", rig->deadline_ns,
				    &rig->device);
	if (r == 0)
		r = trn_queue_create(rig->device, NULL, &rig->queue);
	if (r == 0)
		r = trn_batch_create(rig->queue, 4, &rig->batch);
	if (r == 0)
		r = trn_timeline_create(rig->device, 0, &rig->timeline);
	if (r == 0)
		r = trn_timeline_create(rig->device, 1, &rig->host);
	if (r == 0)
		r = make_buffer(rig, &rig->to);
	return r == 0 ? make_buffer(rig, &rig->from) : r;
}

static void tear_down(struct rig *rig)
{
	(void)trn_batch_destroy(rig->batch);
	(void)trn_buffer_unref(rig->to);
	(void)trn_buffer_unref(rig->from);
	(void)trn_timeline_unref(rig->host);
	(void)trn_timeline_unref(rig->timeline);
	(void)trn_queue_unref(rig->queue);
	(void)trn_device_unref(rig->device);
	(void)trn_context_unref(rig->context);
}

static int record_null(struct rig *rig)
{
	return trn_batch_nop(rig->batch);
}

static int record_copy(struct rig *rig)
{
	return trn_batch_copy(rig->batch, rig->to, 0, rig->from, 0, BYTES);
}

static int record_wait(struct rig *rig)
{
	return trn_batch_wait(rig->batch, rig->host, 1);
}

/* Record, submit, reap: one command and the signal that says that it is done. */
static int once(struct rig *rig, int (*record)(struct rig *rig))
{
	int r;

	trn_batch_clear(rig->batch);
	r = record(rig);
	if (r == 0)
		r = trn_batch_signal(rig->batch, rig->timeline, ++rig->value);
	if (r == 0)
		r = trn_queue_submit(rig->queue, rig->batch, rig->deadline_ns, NULL);
	if (r == 0)
		r = trn_timeline_wait(rig->timeline, rig->value, rig->deadline_ns);
	return r;
}

/* Its name is what the counter is told. */
__attribute__((noinline)) static int counted(struct rig *rig, int (*record)(struct rig *rig),
					     uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = once(rig, record);
	return r;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*record)(struct rig *rig);
	} kinds[] = { { "null", record_null }, { "copy", record_copy }, { "wait", record_wait } };
	const uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	struct rig rig = { 0 };
	int r = set_up(&rig);

	/* What is made when first used is there afterwards. */
	for (size_t k = 0; r == 0 && k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (int i = 0; r == 0 && i < 300; i++)
			r = once(&rig, kinds[k].record);
	}
	for (size_t k = 0; argc > 1 && r == 0 && k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		if (strcmp(kinds[k].name, argv[1]) == 0)
			r = counted(&rig, kinds[k].record, count);
	}
	if (r < 0)
		fprintf(stderr, "hotpath: error %d\n", r);
	tear_down(&rig);
	return r < 0 ? 1 : 0;
}
