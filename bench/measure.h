/* SPDX-License-Identifier: Apache-2.0 */
/* What the measurements share: a clock, medians, and the reference's BLAS. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#ifdef TRN_HAVE_OPENBLAS
#include <cblas.h>
void openblas_set_num_threads(int threads);
char *openblas_get_corename(void);
#endif

#define BENCH_RUNS_MAX 1024

struct bench_series { /* nanoseconds */
	double value[BENCH_RUNS_MAX];
	uint32_t count;
};

double bench_now_ns(void);
/* Sorts: value[0] is the least afterwards, value[count - 1] the most. */
double bench_median(struct bench_series *series);
/* One thread, and the kernels of this CPU: may run the program again with OPENBLAS_CORETYPE
 * set. Does nothing without OpenBLAS. */
void bench_blas_choose(char **argv);
/* Name of the kernels in use, "none" without OpenBLAS. */
const char *bench_blas_name(void);

#endif /* BENCH_MEASURE_H */
