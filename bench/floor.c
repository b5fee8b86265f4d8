/* SPDX-License-Identifier: Apache-2.0 */
/* Floors by hand: what two cores, a call and memory take when nothing is in between. */
#include "bench/peers.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE 128 /* two cache lines: they are fetched in pairs */

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* ---- there and back ---- */

struct pair {
	_Alignas(LINE) _Atomic uint32_t there;
	_Alignas(LINE) _Atomic uint32_t back;
	bool sleeps;
	uint32_t count;
};

static void pass(struct pair *pair, _Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
	if (pair->sleeps)
		(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void await(struct pair *pair, _Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load_explicit(word, memory_order_acquire) != value) {
		if (pair->sleeps)
			(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value - 1, NULL, NULL,
				      0);
		else
			relax();
	}
}

static void *echo(void *arg)
{
	struct pair *pair = arg;

	bench_pin(1);
	for (uint32_t i = 1; i <= pair->count; i++) {
		await(pair, &pair->there, i);
		pass(pair, &pair->back, i);
	}
	return NULL;
}

static int there_and_back(bool sleeps, struct bench_series *series)
{
	static struct pair pair;
	pthread_t thread;

	pair.sleeps = sleeps;
	pair.count = sleeps ? BENCH_RUNS_MAX / 2 : BENCH_RUNS_MAX * 4;
	bench_pin(0);
	if (pthread_create(&thread, NULL, echo, &pair) != 0)
		return -EAGAIN;
	for (uint32_t i = 1; i <= pair.count; i++) {
		const double start = bench_now_ns();

		pass(&pair, &pair.there, i);
		await(&pair, &pair.back, i);
		/* The first ones find the other thread still on its way. */
		if (i > pair.count / 4)
			bench_add(series, bench_now_ns() - start);
	}
	(void)pthread_join(thread, NULL);
	return 0;
}

int bench_floor_pingpong(int how, struct bench_series *series)
{
	(void)how;
	return there_and_back(false, series);
}

int bench_floor_wake(int how, struct bench_series *series)
{
	(void)how;
	return there_and_back(true, series);
}

/* ---- a ring of 64-byte entries ---- */

#define ENTRIES 1024u
#define BLOCK 65536u
#define BLOCKS 64u
#define TOTAL ((uint64_t)BLOCK * BLOCKS)

struct ring {
	_Alignas(LINE) _Atomic uint64_t head;
	_Alignas(LINE) _Atomic uint64_t tail;
	_Alignas(LINE) uint64_t entry[ENTRIES][8];
	uint64_t sum;
};

static void *consume(void *arg)
{
	struct ring *ring = arg;
	uint64_t head = 0;

	bench_pin(1);
	for (uint64_t tail = 0; tail < TOTAL;) {
		if (tail == head) {
			/* What was taken becomes room before this side waits. */
			atomic_store_explicit(&ring->tail, tail, memory_order_release);
			relax();
			head = atomic_load_explicit(&ring->head, memory_order_acquire);
			continue;
		}
		ring->sum += ring->entry[tail++ % ENTRIES][0];
		if (tail % 32 == 0)
			atomic_store_explicit(&ring->tail, tail, memory_order_release);
	}
	return NULL;
}

int bench_floor_ring(int how, struct bench_series *series)
{
	static struct ring ring;
	double start;
	uint64_t tail = 0;
	pthread_t thread;

	(void)how;
	bench_pin(0);
	if (pthread_create(&thread, NULL, consume, &ring) != 0)
		return -EAGAIN;
	start = bench_now_ns();
	for (uint64_t head = 0; head < TOTAL;) {
		if (head - tail == ENTRIES) {
			relax();
			tail = atomic_load_explicit(&ring.tail, memory_order_acquire);
			continue;
		}
		for (int w = 0; w < 8; w++)
			ring.entry[head % ENTRIES][w] = head;
		atomic_store_explicit(&ring.head, ++head, memory_order_release);
		if (head % BLOCK == 0) {
			const double now = bench_now_ns();

			bench_add(series, (now - start) / BLOCK);
			start = now;
		}
	}
	(void)pthread_join(thread, NULL);
	return 0;
}

/* ---- a call ---- */

static uint32_t answer(void *arg, uint32_t offset)
{
	return *(const uint32_t *)arg + offset;
}

int bench_floor_call(int how, struct bench_series *series)
{
	static uint32_t (*volatile call)(void *arg, uint32_t offset) = answer;
	uint32_t word = 1, sum = 0;

	(void)how;
	bench_pin(0);
	for (int block = 0; block < 256; block++) {
		const double start = bench_now_ns();

		for (uint32_t i = 0; i < 10000; i++)
			sum += call(&word, sum);
		bench_add(series, (bench_now_ns() - start) / 10000);
	}
	return sum == 1 ? -EIO : 0; /* uses the sum */
}

/* ---- memory ---- */

int bench_floor_memcpy(int how, struct bench_series *series)
{
	const size_t bytes = (size_t)1 << how;
	char *from = malloc(bytes), *to = malloc(bytes);
	const uint32_t times = bytes >= 1u << 20 ? 1 : (1u << 20) / (uint32_t)bytes;
	const uint32_t blocks = bytes > 1u << 24 ? 6 : bytes > 1u << 20 ? 40 : 200;

	if (!from || !to)
		return -ENOMEM;
	bench_pin(0);
	memset(from, 1, bytes);
	memset(to, 2, bytes);
	for (uint32_t block = 0; block < blocks + 2; block++) {
		const double start = bench_now_ns();

		for (uint32_t i = 0; i < times; i++) {
			memcpy(to, from, bytes);
			__asm__ volatile("" : : "r"(to) : "memory");
		}
		if (block >= 2)
			bench_add(series, (bench_now_ns() - start) / times);
	}
	free(from);
	free(to);
	return 0;
}
