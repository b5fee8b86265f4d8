/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/blas.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TRN_HAVE_OPENBLAS
/* OpenBLAS takes some processors for one of 2004, and a variable left in the environment may
 * name another one: the best kernels are asked for. They are chosen when the library is
 * loaded, so the program starts itself again. */
void bench_blas_choose(char **argv)
{
#if defined(__x86_64__)
	const char *core = __builtin_cpu_supports("avx512f") ? "SkylakeX" :
			   __builtin_cpu_supports("avx2")    ? "Haswell" :
							       NULL;
	const char *now = getenv("OPENBLAS_CORETYPE");

	if (core && (!now || strcmp(now, core) != 0) && setenv("OPENBLAS_CORETYPE", core, 1) == 0)
		(void)execv("/proc/self/exe", argv); /* goes on with what the library chose */
#else
	(void)argv;
#endif
	openblas_set_num_threads(1);
}

const char *bench_blas_name(void)
{
	return openblas_get_corename();
}
#else
void bench_blas_choose(char **argv)
{
	(void)argv;
}

const char *bench_blas_name(void)
{
	return "none";
}
#endif
