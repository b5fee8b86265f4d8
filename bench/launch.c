/* SPDX-License-Identifier: Apache-2.0 */
/* Launches, submits and edges: null commands through queue, launch block, register model and
 * checker, beside runtimes whose device is this CPU too, and floors. Nothing is computed on
 * either side. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <trn/trn.h>
#include "bench/measure.h"
#include "bench/peers.h"
#include "bench/rig.h"

#define WARM 500
#define PARKED 300u    /* signals to a waiter that sleeps */
#define PARK_NS 300000 /* until then it does */
#define BATCH 32u
#define NODES 100u
#define DEPTH 4096u
#define DEPTH_MAX 65536u

/* Where the device is. */
enum {
	INLINE,
	THREADED,
};
static const char *const uris[] = { [INLINE] = BENCH_INLINE, [THREADED] = BENCH_THREADED };

/* ---- one ---- */

/* Record, submit, wait. */
static int null_once(struct bench_rig *rig)
{
	int r = bench_rig_record(rig, 1);

	if (r == 0)
		r = bench_rig_submit(rig);
	return r == 0 ? bench_rig_wait(rig) : r;
}

static int launch_null(int how, struct bench_series *series)
{
	struct bench_rig rig = { 0 };
	int r = bench_rig_open(&rig, uris[how], 256, 2);

	for (uint32_t i = 0; r == 0 && i < WARM + BENCH_RUNS_MAX; i++) {
		const double start = bench_now_ns();

		r = null_once(&rig);
		if (i >= WARM)
			bench_add(series, bench_now_ns() - start);
	}
	bench_rig_close(&rig);
	return r;
}

/* The host signals a thread that has given up spinning and sleeps: how long until it goes on. */
struct parked {
	struct bench_rig rig;
	_Atomic uint64_t round;
	double signalled;
};

static void *signal_late(void *arg)
{
	struct parked *parked = arg;
	uint64_t seen = 0;

	bench_pin(1);
	while (seen < PARKED) {
		double end;

		if (atomic_load(&parked->round) == seen)
			continue;
		seen++;
		for (end = bench_now_ns() + PARK_NS; bench_now_ns() < end;)
			;
		parked->signalled = bench_now_ns();
		(void)trn_timeline_signal(parked->rig.timeline, seen);
	}
	return NULL;
}

static int launch_parked(int how, struct bench_series *series)
{
	struct parked parked = { 0 };
	pthread_t thread;
	int r = bench_rig_open(&parked.rig, uris[how], 256, 1);

	if (r == 0 && pthread_create(&thread, NULL, signal_late, &parked) != 0)
		r = -EAGAIN;
	for (uint64_t i = 1; r == 0 && i <= PARKED; i++) {
		atomic_store(&parked.round, i);
		r = trn_timeline_wait(parked.rig.timeline, i, parked.rig.deadline_ns);
		bench_add(series, bench_now_ns() - parked.signalled);
	}
	if (r == 0)
		(void)pthread_join(thread, NULL);
	bench_rig_close(&parked.rig);
	return r;
}

/* ---- many ---- */

/* Record and submit count batches. */
static int submit_batches(struct bench_rig *rig, uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++) {
		r = bench_rig_record(rig, BATCH - 1);
		if (r == 0)
			r = bench_rig_submit(rig);
	}
	return r;
}

static int submit_rate(int how, struct bench_series *series)
{
	struct bench_rig rig = { 0 };
	const uint32_t batches = 512;
	int r = bench_rig_open(&rig, uris[how], 1024, BATCH);

	for (uint32_t i = 0; r == 0 && i < 100; i++) {
		const double start = bench_now_ns();

		r = submit_batches(&rig, batches);
		if (r == 0)
			r = bench_rig_wait(&rig);
		if (i >= 10)
			bench_add(series, (bench_now_ns() - start) / (batches * BATCH));
	}
	bench_rig_close(&rig);
	return r;
}

/* There is room for all, so nothing waits. */
static int submit_only(int how, struct bench_series *series)
{
	struct bench_rig rig = { 0 };
	const uint32_t batches = 512 / BATCH;
	int r = bench_rig_open(&rig, uris[how], 512, BATCH);

	for (uint32_t i = 0; r == 0 && i < WARM + 2000; i++) {
		const double start = bench_now_ns();

		r = submit_batches(&rig, batches);
		if (i >= WARM)
			bench_add(series, (bench_now_ns() - start) / (batches * BATCH));
		if (r == 0)
			r = bench_rig_wait(&rig);
		if (r == 0)
			r = trn_queue_drain(rig.queue, rig.deadline_ns);
	}
	bench_rig_close(&rig);
	return r;
}

/* A graph of NODES batches, each of one command, that was recorded once. */
static int replay_make(struct bench_rig *rig, struct trn_graph_exec **ret_exec)
{
	struct trn_graph *graph = NULL;
	int r = trn_batch_nop(rig->batch);

	if (r == 0)
		r = trn_graph_create(rig->device, &graph);
	for (uint32_t i = 0; r == 0 && i < NODES; i++)
		r = trn_graph_add_batch(graph, rig->batch, NULL);
	if (r == 0)
		r = trn_graph_instantiate(graph, ret_exec);
	(void)trn_graph_destroy(graph);
	return r;
}

static int replay(int how, struct bench_series *series)
{
	struct bench_rig rig = { 0 };
	struct trn_graph_exec *exec = NULL;
	int r = bench_rig_open(&rig, uris[how], DEPTH, 1);

	if (r == 0)
		r = replay_make(&rig, &exec);
	for (uint32_t i = 0; r == 0 && i < WARM + 2000; i++) {
		const double start = bench_now_ns();

		r = trn_graph_launch(exec, rig.deadline_ns, NULL);
		if (r == 0)
			r = trn_graph_wait(exec, rig.deadline_ns);
		if (i >= WARM)
			bench_add(series, bench_now_ns() - start);
	}
	(void)trn_graph_exec_destroy(exec);
	bench_rig_close(&rig);
	return r;
}

/* ---- a chain ---- */

/* A wait for the host, then count submits, each behind the one before; then the host lets go. */
static int chain_once(struct bench_rig *rig, struct trn_timeline *gate, uint32_t count)
{
	int r;

	trn_batch_clear(rig->batch);
	r = trn_batch_wait(rig->batch, gate, rig->value + 1);
	if (r == 0)
		r = bench_rig_submit(rig);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		r = bench_rig_record(rig, 0);
		if (r == 0)
			r = bench_rig_submit(rig);
	}
	if (r == 0)
		r = trn_timeline_signal(gate, rig->value);
	if (r == 0)
		r = bench_rig_wait(rig);
	return r == 0 ? trn_queue_drain(rig->queue, rig->deadline_ns) : r;
}

static int chain_open(struct bench_rig *rig, struct trn_timeline **ret_gate)
{
	int r = bench_rig_open(rig, uris[INLINE], DEPTH_MAX, 1);

	return r == 0 ? trn_timeline_create(rig->device, 0, ret_gate) : r;
}

static int chain_depth(int how, struct bench_series *series)
{
	const uint32_t count = (uint32_t)how, blocks = 50000 / count;
	struct trn_timeline *gate = NULL;
	struct bench_rig rig = { 0 };
	int r = chain_open(&rig, &gate);

	for (uint32_t i = 0; r == 0 && i < 10; i++) {
		const double start = bench_now_ns();

		for (uint32_t b = 0; r == 0 && b < blocks; b++)
			r = chain_once(&rig, gate, count);
		if (i > 1)
			bench_add(series, (bench_now_ns() - start) / (blocks * count));
	}
	(void)trn_timeline_unref(gate);
	bench_rig_close(&rig);
	return r;
}

/* What the process has more of after the third chain than after the second, in KiB. */
static int chain_memory(int how, struct bench_series *series)
{
	struct trn_timeline *gate = NULL;
	struct bench_rig rig = { 0 };
	double before = 0.0;
	int r = chain_open(&rig, &gate);

	for (uint32_t i = 0; r == 0 && i < 3; i++) {
		before = bench_resident_kib();
		r = chain_once(&rig, gate, (uint32_t)how);
	}
	bench_add(series, bench_resident_kib() - before);
	(void)trn_timeline_unref(gate);
	bench_rig_close(&rig);
	return r;
}

/* ---- edges ---- */

/* The device comes to what it waits for; one on another core has time enough to. */
static void settle(struct bench_rig *rig, int how)
{
	const double end = bench_now_ns() + 3000;

	/* Inline the device comes there by this call, which finds that nothing more can happen. */
	if (how == INLINE && bench_rig_wait(rig) == 0)
		return;
	while (how == THREADED && bench_now_ns() < end)
		;
}

/* Waits for the host's signal, signals. */
static int event_submit(struct bench_rig *rig, struct trn_timeline *host)
{
	int r;

	rig->value++;
	trn_batch_clear(rig->batch);
	r = trn_batch_wait(rig->batch, host, rig->value);
	if (r == 0)
		r = trn_batch_signal(rig->batch, rig->timeline, rig->value);
	return r == 0 ? bench_rig_submit(rig) : r;
}

static int event_wait(int how, struct bench_series *series)
{
	struct trn_timeline *host = NULL;
	struct bench_rig rig = { 0 };
	int r = bench_rig_open(&rig, uris[how], 256, 2);

	if (r == 0)
		r = trn_timeline_create(rig.device, 0, &host);
	for (uint32_t i = 0; r == 0 && i < WARM + 2000; i++) {
		double start;

		r = event_submit(&rig, host);
		settle(&rig, how);
		start = bench_now_ns();
		if (r == 0)
			r = trn_timeline_signal(host, rig.value);
		if (r == 0)
			r = bench_rig_wait(&rig);
		if (i >= WARM)
			bench_add(series, bench_now_ns() - start);
	}
	(void)trn_timeline_unref(host);
	bench_rig_close(&rig);
	return r;
}

/* A second queue of the rig's device. */
struct edge {
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_timeline *between;
};

static int edge_open(struct bench_rig *rig, struct edge *edge)
{
	int r = trn_queue_create(rig->device, NULL, &edge->queue);

	if (r == 0)
		r = trn_batch_create(edge->queue, 2, &edge->batch);
	return r == 0 ? trn_timeline_create(rig->device, 0, &edge->between) : r;
}

static int edge_once(struct bench_rig *rig, struct edge *edge)
{
	int r;

	rig->value++;
	trn_batch_clear(edge->batch);
	trn_batch_clear(rig->batch);
	r = trn_batch_nop(edge->batch);
	if (r == 0)
		r = trn_batch_signal(edge->batch, edge->between, rig->value);
	if (r == 0)
		r = trn_queue_submit(edge->queue, edge->batch, rig->deadline_ns, NULL);
	if (r == 0)
		r = trn_batch_wait(rig->batch, edge->between, rig->value);
	if (r == 0)
		r = trn_batch_nop(rig->batch);
	if (r == 0)
		r = trn_batch_signal(rig->batch, rig->timeline, rig->value);
	if (r == 0)
		r = bench_rig_submit(rig);
	return r == 0 ? bench_rig_wait(rig) : r;
}

static int xqueue_edge(int how, struct bench_series *series)
{
	struct bench_rig rig = { 0 };
	struct edge edge = { 0 };
	int r = bench_rig_open(&rig, uris[how], 256, 3);

	if (r == 0)
		r = edge_open(&rig, &edge);
	for (uint32_t i = 0; r == 0 && i < WARM + 2000; i++) {
		const double start = bench_now_ns();

		r = edge_once(&rig, &edge);
		if (i >= WARM)
			bench_add(series, bench_now_ns() - start);
	}
	(void)trn_timeline_unref(edge.between);
	(void)trn_batch_destroy(edge.batch);
	(void)trn_queue_unref(edge.queue);
	bench_rig_close(&rig);
	return r;
}

/* ---- the table ---- */

#define EIGHTH (1.0 / 8)

static const struct bench_row rows[] = {
	{ "launch_null inline",
	  launch_null,
	  INLINE,
	  BENCH_US,
	  0,
	  { { "PoCL basic", bench_pocl_basic, BENCH_NULL, 0.5 } } },
	{ "launch_null threaded",
	  launch_null,
	  THREADED,
	  BENCH_US,
	  0,
	  { { "PoCL pthread", bench_pocl_pthread, BENCH_NULL, EIGHTH },
	    { "lavapipe", bench_lavapipe, BENCH_NULL, EIGHTH },
	    { "floor: ping-pong", bench_floor_pingpong, 0, 4 } } },
	{ "wake of a blocked waiter",
	  launch_parked,
	  THREADED,
	  BENCH_US,
	  0,
	  { { "floor: futex, both ways", bench_floor_wake, 0, 0 } } },
	{ "submit_rate inline",
	  submit_rate,
	  INLINE,
	  BENCH_MOPS,
	  0,
	  { { "PoCL basic", bench_pocl_basic, BENCH_RATE, 0 },
	    { "PoCL pthread", bench_pocl_pthread, BENCH_RATE, 8 },
	    { "floor: ring", bench_floor_ring, 0, 0.25 } } },
	{ "submit_rate threaded",
	  submit_rate,
	  THREADED,
	  BENCH_MOPS,
	  0,
	  { { "PoCL pthread", bench_pocl_pthread, BENCH_RATE, 8 },
	    { "lavapipe", bench_lavapipe, BENCH_RATE, 8 },
	    { "floor: ring", bench_floor_ring, 0, 0.25 } } },
	{ "submit_only",
	  submit_only,
	  INLINE,
	  BENCH_MOPS,
	  0,
	  { { "io_uring NOP, batch 32", bench_uring, BATCH, 1 } } },
	{ "chain_depth 50000",
	  chain_depth,
	  50000,
	  BENCH_MOPS,
	  0,
	  { { "chain_depth 500", chain_depth, 500, 0.8 } } },
	{ "chain_depth memory", chain_memory, 50000, BENCH_KIB, 0, { { "limit", NULL, 0, 64 } } },
	{ "event_wait inline",
	  event_wait,
	  INLINE,
	  BENCH_US,
	  0,
	  { { "PoCL pthread", bench_pocl_pthread, BENCH_EVENT, EIGHTH },
	    { "lavapipe", bench_lavapipe, BENCH_EVENT, EIGHTH } } },
	{ "event_wait threaded",
	  event_wait,
	  THREADED,
	  BENCH_US,
	  0,
	  { { "PoCL pthread", bench_pocl_pthread, BENCH_EVENT, EIGHTH },
	    { "lavapipe", bench_lavapipe, BENCH_EVENT, EIGHTH } } },
	{ "xqueue_edge inline",
	  xqueue_edge,
	  INLINE,
	  BENCH_US,
	  0,
	  { { "PoCL pthread", bench_pocl_pthread, BENCH_EDGE, EIGHTH },
	    { "lavapipe", bench_lavapipe, BENCH_EDGE, EIGHTH } } },
	{ "xqueue_edge threaded",
	  xqueue_edge,
	  THREADED,
	  BENCH_US,
	  0,
	  { { "PoCL pthread", bench_pocl_pthread, BENCH_EDGE, EIGHTH },
	    { "lavapipe", bench_lavapipe, BENCH_EDGE, EIGHTH } } },
	{ "graph_replay inline",
	  replay,
	  INLINE,
	  BENCH_US,
	  0,
	  { { "lavapipe, 100 dispatches", bench_lavapipe, BENCH_GRAPH, 1.0 / 50 } } },
	{ "graph_replay threaded",
	  replay,
	  THREADED,
	  BENCH_US,
	  0,
	  { { "lavapipe, 100 dispatches", bench_lavapipe, BENCH_GRAPH, 1.0 / 50 } } },
};

int main(int argc, char **argv)
{
	return bench_main(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
}
