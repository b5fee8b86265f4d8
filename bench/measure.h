/* SPDX-License-Identifier: Apache-2.0 */
/* What the measurements share: a clock, medians, sides that are measured in turns, each in a
 * process of its own, and the table of goals. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_RUNS_MAX 4096
#define BENCH_BESIDE_MAX 4

struct bench_series { /* nanoseconds, or what the row says */
	double value[BENCH_RUNS_MAX];
	uint32_t count;
};

double bench_now_ns(void);
/* Sorts: value[0] is the least afterwards, value[count - 1] the most. */
double bench_median(struct bench_series *series);
/* Past BENCH_RUNS_MAX: nothing. */
void bench_add(struct bench_series *series, double value);

/* Binds the calling thread, and those it makes afterwards, to a CPU (0 or 1); BENCH_ANY: to none.
 * Where there is no second one, nothing happens. */
#define BENCH_ANY (-1)
void bench_pin(int cpu);

/* Memory of this process that is there, in KiB. */
double bench_resident_kib(void);

/* One side of a comparison: fills the series. Runs in a process of its own. 0 or negative errno;
 * -ENOTSUP: it is not here. */
typedef int bench_fn(int how, struct bench_series *series);

/* Ours against something; the first without name ends the list. */
struct bench_beside {
	const char *name;
	bench_fn *run; /* NULL: the goal is a number, in the unit of the row */
	int how;
	double goal; /* most of its time, or least of its rate; 0: only shown */
};

enum bench_unit {
	BENCH_US,   /* a latency: ours / theirs is at most the goal */
	BENCH_MOPS, /* ns of an operation, shown as 10^6/s: ours / theirs is at least it */
	BENCH_GBPS, /* nanoseconds of .bytes bytes, shown as 10^9 B/s: the same */
	BENCH_KIB,  /* memory, not time: as BENCH_US */
};

struct bench_row {
	const char *name;
	bench_fn *run;
	int how;
	enum bench_unit unit;
	double bytes;
	struct bench_beside beside[BENCH_BESIDE_MAX];
};

/* Measures and prints rows: main() of a table. Names in argv choose rows by their beginning.
 * 0, or 1 when a side of ours failed, 2 for bad arguments. Goals that are missed are no error. */
int bench_main(const struct bench_row *rows, size_t count, int argc, char **argv);

#endif /* BENCH_MEASURE_H */
