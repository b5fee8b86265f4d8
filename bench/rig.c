/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rig.h"

#include "bench/measure.h"

#define LIMIT_NS UINT64_C(120000000000)

int bench_rig_open(struct bench_rig *rig, const char *uri, uint32_t depth, uint32_t commands_max)
{
	const struct trn_queue_opts opts = { .size = sizeof(opts), .depth = depth };
	int r;

	rig->deadline_ns = trn_deadline_in(LIMIT_NS);
	bench_pin(1); /* the model's thread stays there */
	r = trn_context_create(NULL, &rig->context);
	if (r == 0)
		r = trn_device_open(rig->context, uri, rig->deadline_ns, &rig->device);
	bench_pin(0);
	if (r == 0)
		r = trn_queue_create(rig->device, &opts, &rig->queue);
	if (r == 0)
		r = trn_batch_create(rig->queue, commands_max, &rig->batch);
	if (r == 0)
		r = trn_timeline_create(rig->device, 0, &rig->timeline);
	return r;
}

void bench_rig_close(struct bench_rig *rig)
{
	(void)trn_batch_destroy(rig->batch);
	(void)trn_timeline_unref(rig->timeline);
	(void)trn_queue_unref(rig->queue);
	(void)trn_device_unref(rig->device);
	(void)trn_context_unref(rig->context);
	*rig = (struct bench_rig){ 0 };
}

int bench_rig_record(struct bench_rig *rig, uint32_t count)
{
	int r = 0;

	trn_batch_clear(rig->batch);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = trn_batch_nop(rig->batch);
	return r == 0 ? trn_batch_signal(rig->batch, rig->timeline, ++rig->value) : r;
}

int bench_rig_submit(struct bench_rig *rig)
{
	return trn_queue_submit(rig->queue, rig->batch, rig->deadline_ns, NULL);
}

int bench_rig_wait(struct bench_rig *rig)
{
	return trn_timeline_wait(rig->timeline, rig->value, rig->deadline_ns);
}
