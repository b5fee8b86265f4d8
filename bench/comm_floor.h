/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: what an all-reduce takes when all of it is written by hand for this one case. */
#ifndef BENCH_COMM_FLOOR_H
#define BENCH_COMM_FLOOR_H

#include "bench/comm.h"

struct comm_floor;

/* Before the processes are forked; NULL: no memory. */
struct comm_floor *comm_floor_make(uint32_t processes);
void comm_floor_free(struct comm_floor *floor);
/* In each process. 0, or -1: a wrong sum. */
int comm_floor_run(struct comm_floor *floor, uint32_t rank, struct comm_results *ret_results);

#endif /* BENCH_COMM_FLOOR_H */
