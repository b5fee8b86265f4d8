/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers, counts and sorts of the gpsimd engine, named by the table of ops.c. */
#ifndef MODEL_GPSIMD_H
#define MODEL_GPSIMD_H

#include "model/core.h"

#define TRN_TOPK_MIN 8u        /* elements */
#define TRN_GATHER_RUN_MAX 32u /* elements of one index of LOCAL_GATHER */
#define TRN_GATHER_MAX 4096u   /* elements that it gathers */

/* check_gpsimd.c */
trn_check_fn trn_check_partition_reduce, trn_check_topk, trn_check_nonzero, trn_check_local_gather,
	trn_check_n_gather, trn_check_bounds;

/* exec_gather.c */
trn_check_fn trn_exec_partition_reduce, trn_exec_topk, trn_exec_nonzero, trn_exec_local_gather,
	trn_exec_n_gather, trn_exec_bounds;

#endif /* MODEL_GPSIMD_H */
