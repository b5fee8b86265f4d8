/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for mock_gemm.c where libxsmm is absent: the model uses its own loop. */
#include "hal/bus_mock.h"

void trn_mock_gemm_open(const struct trn_alloc *alloc, struct trn_mock_gemm **ret_gemm)
{
	(void)alloc;
	*ret_gemm = NULL;
}

void trn_mock_gemm_close(struct trn_mock_gemm *gemm)
{
	(void)gemm;
}

void trn_mock_gemm_run(void *user, const struct trn_gemm *tile)
{
	(void)user;
	(void)tile;
}

size_t trn_mock_gemm_kernels(const struct trn_mock_gemm *gemm)
{
	(void)gemm;
	return 0;
}
