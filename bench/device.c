/* SPDX-License-Identifier: Apache-2.0 */
/* The device itself: what a register access, an open, an idle chip and more queues cost. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <trn/diag.h>
#include <trn/topology.h>
#include <trn/trn.h>
#include "bench/measure.h"
#include "bench/peers.h"
#include "bench/rig.h"

#define BATCH 32u
#define ROUNDS 64u /* of all queues, in a block */
#define BLOCKS 100u
#define QUEUES_MAX 8u
#define CHIPS_MAX 144u
#define POD "mock:trn3-ultraserver" /* of that many */

/* ---- registers ---- */

/* Two registers in turns: nothing is the same as the access before. */
static int mmio(const char *uri, struct bench_series *series)
{
	static const char *const names[2] = { "udma128.m2s.q0.tail", "udma128.m2s.q1.tail" };
	struct bench_rig rig = { 0 };
	uint32_t offset[2] = { 0 }, value = 0;
	int r = bench_rig_open(&rig, uri, 16, 1);

	for (int i = 0; r == 0 && i < 2; i++)
		r = trn_diag_reg_find(names[i], &offset[i]);
	for (int block = 0; r == 0 && block < 256; block++) {
		const double start = bench_now_ns();

		for (uint32_t i = 0; r == 0 && i < 2000; i++)
			r = trn_diag_reg_read(rig.device, 0, offset[i % 2], &value);
		bench_add(series, (bench_now_ns() - start) / 2000);
	}
	bench_rig_close(&rig);
	return r;
}

static int mmio_plain(int how, struct bench_series *series)
{
	(void)how;
	return mmio(BENCH_INLINE, series);
}

static int mmio_traced(int how, struct bench_series *series)
{
	(void)how;
	return mmio("record(file=/dev/null)+" BENCH_INLINE, series);
}

/* ---- more queues, more devices ---- */

struct queues {
	struct bench_rig rig;
	uint32_t count;
	struct trn_queue *queue[QUEUES_MAX];
	struct trn_batch *batch[QUEUES_MAX];
};

static int queues_open(struct queues *q, const char *uri, uint32_t count)
{
	int r = bench_rig_open(&q->rig, uri, 16, 1);

	q->count = count;
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		r = trn_queue_create(q->rig.device, NULL, &q->queue[i]);
		if (r == 0)
			r = trn_batch_create(q->queue[i], BATCH, &q->batch[i]);
		for (uint32_t n = 0; r == 0 && n < BATCH; n++)
			r = trn_batch_nop(q->batch[i]);
	}
	return r;
}

static void queues_close(struct queues *q)
{
	for (uint32_t i = 0; i < q->count; i++) {
		(void)trn_batch_destroy(q->batch[i]);
		(void)trn_queue_unref(q->queue[i]);
	}
	bench_rig_close(&q->rig);
}

/* The same number of commands whatever the number of queues; all done at the end. */
static int block(struct queues *q)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < ROUNDS; i++)
		r = trn_queue_submit(q->queue[i % q->count], q->batch[i % q->count],
				     q->rig.deadline_ns, NULL);
	for (uint32_t i = 0; r == 0 && i < q->count; i++)
		r = trn_queue_drain(q->queue[i], q->rig.deadline_ns);
	return r;
}

static int mq_scale(int how, struct bench_series *series)
{
	struct queues q = { 0 };
	int r = queues_open(&q, BENCH_INLINE, (uint32_t)how);

	for (uint32_t i = 0; r == 0 && i < BLOCKS + 10; i++) {
		const double start = bench_now_ns();

		r = block(&q);
		if (i >= 10)
			bench_add(series, (bench_now_ns() - start) / (ROUNDS * BATCH));
	}
	queues_close(&q);
	return r;
}

/* A device with its thread. */
struct worker {
	pthread_t thread;
	const char *uri;
	int cpu, result;
	_Atomic int *ready;
	int wanted;
	double start, end;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct queues q = { 0 };
	int r = queues_open(&q, worker->uri, 1);

	bench_pin(worker->cpu);
	for (uint32_t i = 0; r == 0 && i < 10; i++)
		r = block(&q);
	atomic_fetch_add(worker->ready, 1);
	while (atomic_load(worker->ready) < worker->wanted)
		;
	worker->start = bench_now_ns();
	for (uint32_t i = 0; r == 0 && i < BLOCKS * 4; i++)
		r = block(&q);
	worker->end = bench_now_ns();
	queues_close(&q);
	worker->result = r;
	return NULL;
}

/* how devices, each on a CPU of its own: time of a command of either. */
static int devices(int how, struct bench_series *series)
{
	static const char *const uris[2] = { "mock:trn3?seed=1", "mock:trn3?seed=2" };
	struct worker worker[2] = { 0 };
	int r = 0;

	for (int round = 0; r == 0 && round < 5; round++) {
		_Atomic int ready = 0;
		double took = 0;

		for (int i = 0; i < how; i++) {
			worker[i] = (struct worker){
				.uri = uris[i], .cpu = i, .ready = &ready, .wanted = how
			};
			if (pthread_create(&worker[i].thread, NULL, work, &worker[i]) != 0)
				return -EAGAIN;
		}
		for (int i = 0; i < how; i++) {
			(void)pthread_join(worker[i].thread, NULL);
			r = r == 0 ? worker[i].result : r;
			if (took < worker[i].end - worker[i].start)
				took = worker[i].end - worker[i].start;
		}
		bench_add(series, took / (BLOCKS * 4.0 * ROUNDS * BATCH * how));
	}
	return r;
}

/* ---- open, idle ---- */

static int open_device(int how, struct bench_series *series)
{
	struct trn_context *context = NULL;
	int r = trn_context_create(NULL, &context);

	(void)how;
	bench_pin(0);
	for (int i = 0; r == 0 && i < 105; i++) {
		struct trn_device *device = NULL;
		const double start = bench_now_ns();

		r = trn_device_open(context, BENCH_INLINE, trn_deadline_in(UINT64_C(10000000000)),
				    &device);
		if (i >= 5)
			bench_add(series, bench_now_ns() - start);
		(void)trn_device_unref(device);
	}
	(void)trn_context_unref(context);
	return r;
}

/* Of a pod, one chip is opened and the others are only there, or all are brought up: what each
 * of them takes. */
static int idle_chip(int how, struct bench_series *series)
{
	const uint64_t deadline = trn_deadline_in(UINT64_C(60000000000));
	struct trn_device *device[CHIPS_MAX] = { 0 }, *first = NULL;
	struct trn_context *context = NULL;
	uint32_t count = 0;
	double before;
	int r = trn_context_create(NULL, &context);

	/* What the first device of a process needs is not the chip's. */
	if (r == 0)
		r = trn_device_open(context, BENCH_INLINE, deadline, &first);
	before = bench_resident_kib();
	if (r == 0 && how == 0) {
		r = trn_device_open(context, POD "/0", deadline, &device[0]);
		count = CHIPS_MAX;
	} else if (r == 0) {
		r = trn_pod_open(context, POD, deadline, device, CHIPS_MAX, &count);
	}
	if (r == 0)
		bench_add(series, (bench_resident_kib() - before) / count);
	for (uint32_t i = 0; i < CHIPS_MAX; i++)
		(void)trn_device_unref(device[i]);
	(void)trn_device_unref(first);
	(void)trn_context_unref(context);
	return r;
}

static const struct bench_row rows[] = {
	{ "mmio read",
	  mmio_plain,
	  0,
	  BENCH_US,
	  0,
	  { { "function by pointer", bench_floor_call, 0, 10 } } },
	{ "mmio read, recorded",
	  mmio_traced,
	  0,
	  BENCH_US,
	  0,
	  { { "function by pointer", bench_floor_call, 0, 30 } } },
	{ "mq_scale 2 queues", mq_scale, 2, BENCH_MOPS, 0, { { "1 queue", mq_scale, 1, 0.95 } } },
	{ "mq_scale 4 queues", mq_scale, 4, BENCH_MOPS, 0, { { "1 queue", mq_scale, 1, 0.95 } } },
	{ "mq_scale 8 queues", mq_scale, 8, BENCH_MOPS, 0, { { "1 queue", mq_scale, 1, 0.95 } } },
	{ "mq_scale 2 devices", devices, 2, BENCH_MOPS, 0, { { "1 device", devices, 1, 1.7 } } },
	{ "open_device", open_device, 0, BENCH_US, 0, { { "limit", NULL, 0, 1000 } } },
	{ "memory of an idle chip", idle_chip, 0, BENCH_KIB, 0, { { "limit", NULL, 0, 64 } } },
	{ "memory, brought up", idle_chip, 1, BENCH_KIB, 0, { { "limit", NULL, 0, 1024 } } },
};

int main(int argc, char **argv)
{
	return bench_main(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
}
