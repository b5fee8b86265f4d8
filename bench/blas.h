/* SPDX-License-Identifier: Apache-2.0 */
/* The BLAS that is the reference of products. */
#ifndef BENCH_BLAS_H
#define BENCH_BLAS_H

#ifdef TRN_HAVE_OPENBLAS
#include <cblas.h>
void openblas_set_num_threads(int threads);
char *openblas_get_corename(void);
#endif

/* One thread, and the kernels of this CPU: may run the program again with OPENBLAS_CORETYPE
 * set. Does nothing without OpenBLAS. */
void bench_blas_choose(char **argv);
/* Name of the kernels in use, "none" without OpenBLAS. */
const char *bench_blas_name(void);

#endif /* BENCH_BLAS_H */
