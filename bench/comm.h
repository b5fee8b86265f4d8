/* SPDX-License-Identifier: Apache-2.0 */
/* What the measurements of collectives between processes share: sizes, repeats, one result per
 * size. No library of ours: comm_mpi.c and comm_floor.c use it too. */
#ifndef BENCH_COMM_H
#define BENCH_COMM_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define COMM_SIZES 8
#define COMM_SAMPLES 5

struct comm_results {
	double ns[COMM_SIZES]; /* of one all-reduce; median of COMM_SAMPLES. 0: none */
};

static const size_t comm_bytes[COMM_SIZES] = { 4096,    16384,   65536,    262144,
					       1048576, 4194304, 16777216, 67108864 };

/* All-reduces of one sample. */
static inline uint32_t comm_repeats(size_t bytes, uint32_t processes)
{
	const uint32_t base = bytes <= 4096     ? 1000 :
			      bytes <= 65536    ? 200 :
			      bytes <= 1048576  ? 40 :
			      bytes <= 16777216 ? 5 :
						  2;

	return processes > 2 ? base / 3 + 1 : base;
}

static inline double comm_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Processes stay where they begin, spread over the cores. */
static inline void comm_pin(uint32_t rank)
{
	cpu_set_t cpus;
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	CPU_ZERO(&cpus);
	CPU_SET(rank % (uint32_t)(count > 0 ? count : 1), &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus); /* else it runs where it may */
}

static inline double comm_median(double *values)
{
	for (int i = 1; i < COMM_SAMPLES; i++)
		for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
			const double v = values[j];

			values[j] = values[j - 1];
			values[j - 1] = v;
		}
	return values[COMM_SAMPLES / 2];
}

#endif /* BENCH_COMM_H */
