/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured beside ours: other runtimes on this CPU, and floors by hand. Each answers
 * -ENOTSUP where its library was not there at build time, or no device of it at run time. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "bench/measure.h"

/* What a peer is asked to do; nothing but what it calls a null kernel is ever computed. */
enum bench_task {
	BENCH_NULL,  /* one null launch, until the host sees it done */
	BENCH_RATE,  /* many, the time of each until the last is done */
	BENCH_EVENT, /* host signals, the device waits for it and signals, the host waits */
	BENCH_EDGE,  /* a launch on one queue waits for one on another */
	BENCH_GRAPH, /* 100 null launches recorded before, until all are done */
};

/* OpenCL on PoCL: its device with threads, and the one that works on the caller's. */
bench_fn bench_pocl_pthread, bench_pocl_basic; /* how: enum bench_task */
/* Vulkan on lavapipe. */
bench_fn bench_lavapipe; /* the same */
/* io_uring; how: operations of a batch, time of each. */
bench_fn bench_uring;

/* Floors: what this machine needs for it at least. */
bench_fn bench_floor_pingpong; /* a word to the other core and back, both spin */
bench_fn bench_floor_ring;     /* a 64-byte entry through a ring between two cores */
bench_fn bench_floor_call;     /* a function through a pointer */
bench_fn bench_floor_wake;     /* there and back, both sleep (futex) */
/* memcpy; how: log2 of the bytes. */
bench_fn bench_floor_memcpy;

#endif /* BENCH_PEERS_H */
