/* SPDX-License-Identifier: Apache-2.0 */
/* Peers whose library was not there when this was built. */
#include "bench/peers.h"

#include <errno.h>

#if !defined(TRN_HAVE_OPENCL) || !defined(TRN_HAVE_VULKAN) || !defined(TRN_HAVE_URING)
static int absent(int how, struct bench_series *series)
{
	(void)how;
	(void)series;
	return -ENOTSUP;
}
#endif

#ifndef TRN_HAVE_OPENCL
int bench_pocl_pthread(int how, struct bench_series *series)
{
	return absent(how, series);
}

int bench_pocl_basic(int how, struct bench_series *series)
{
	return absent(how, series);
}
#endif

#ifndef TRN_HAVE_VULKAN
int bench_lavapipe(int how, struct bench_series *series)
{
	return absent(how, series);
}
#endif

#ifndef TRN_HAVE_URING
int bench_uring(int how, struct bench_series *series)
{
	return absent(how, series);
}
#endif
