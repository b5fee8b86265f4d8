/* SPDX-License-Identifier: Apache-2.0 */
/* An all-reduce of floats in one mapping, without any library: everybody adds up one slice of all
 * inputs, waits, and copies the whole sum out. Compiled for this very processor. */
#include "bench/comm_floor.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES_MAX comm_bytes[COMM_SIZES - 1]
#define BLOCK 2048u /* floats: stays in the first-level cache */
#define SPINS 20

struct comm_floor {
	uint32_t processes;
	bool crowded;
	size_t bytes; /* of the mapping */
	_Alignas(64) _Atomic uint32_t arrived;
	_Alignas(64) _Atomic uint32_t generation;
};

/* The sum first, then inputs, then outputs. */
static float *vector(struct comm_floor *floor, uint32_t index)
{
	return (float *)((char *)floor + 4096 + (size_t)index * BYTES_MAX);
}

struct comm_floor *comm_floor_make(uint32_t processes)
{
	const size_t bytes = 4096 + (2 * (size_t)processes + 1) * BYTES_MAX;
	struct comm_floor *floor = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (floor == MAP_FAILED)
		return NULL;
	(void)madvise(floor, bytes, MADV_HUGEPAGE); /* a wish */
	floor->processes = processes;
	floor->bytes = bytes;
	floor->crowded = processes > (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	return floor;
}

void comm_floor_free(struct comm_floor *floor)
{
	if (floor)
		(void)munmap(floor, floor->bytes);
}

static void pause_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void barrier(struct comm_floor *floor)
{
	const uint32_t now = atomic_load_explicit(&floor->generation, memory_order_acquire);
	int spins = 0;

	if (atomic_fetch_add_explicit(&floor->arrived, 1, memory_order_acq_rel) ==
	    floor->processes - 1) {
		atomic_store_explicit(&floor->arrived, 0, memory_order_relaxed);
		atomic_store_explicit(&floor->generation, now + 1, memory_order_release);
		return;
	}
	while (atomic_load_explicit(&floor->generation, memory_order_acquire) == now) {
		if (floor->crowded && ++spins > SPINS)
			(void)sched_yield();
		else
			pause_cpu();
	}
}

static void reduce(struct comm_floor *floor, uint32_t rank, size_t count)
{
	const size_t first = count * rank / floor->processes;
	const size_t end = count * (rank + 1) / floor->processes;
	float *sum = vector(floor, 0);

	for (size_t at = first; at < end; at += BLOCK) {
		const size_t stop = at + BLOCK < end ? at + BLOCK : end;
		const float *a = vector(floor, 1), *b = vector(floor, 2);

		for (size_t i = at; i < stop; i++)
			sum[i] = a[i] + b[i];
		for (uint32_t p = 2; p < floor->processes; p++) {
			const float *more = vector(floor, 1 + p);

			for (size_t i = at; i < stop; i++)
				sum[i] += more[i];
		}
	}
}

static void all_reduce(struct comm_floor *floor, uint32_t rank, size_t bytes)
{
	barrier(floor);
	reduce(floor, rank, bytes / sizeof(float));
	barrier(floor);
	memcpy(vector(floor, 1 + floor->processes + rank), vector(floor, 0), bytes);
}

int comm_floor_run(struct comm_floor *floor, uint32_t rank, struct comm_results *ret_results)
{
	float *in = vector(floor, 1 + rank), *out = vector(floor, 1 + floor->processes + rank);
	const uint32_t n = floor->processes;

	for (size_t i = 0; i < BYTES_MAX / sizeof(float); i++)
		in[i] = (float)(rank + 1);
	memset(out, 0, BYTES_MAX);
	if (rank == 0)
		memset(vector(floor, 0), 0, BYTES_MAX);
	for (int s = 0; s < COMM_SIZES; s++) {
		const uint32_t repeats = comm_repeats(comm_bytes[s], n);
		double samples[COMM_SAMPLES];

		all_reduce(floor, rank, comm_bytes[s]);
		for (int k = 0; k < COMM_SAMPLES; k++) {
			double start;

			barrier(floor);
			start = comm_now_ns();
			for (uint32_t i = 0; i < repeats; i++)
				all_reduce(floor, rank, comm_bytes[s]);
			samples[k] = (comm_now_ns() - start) / repeats;
		}
		ret_results->ns[s] = comm_median(samples);
		if (out[comm_bytes[s] / sizeof(float) - 1] != (float)(n * (n + 1) / 2))
			return -1;
	}
	barrier(floor);
	return 0;
}
