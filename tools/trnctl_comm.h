/* SPDX-License-Identifier: Apache-2.0 */
/* trnctl comm: one collective, over sizes and iterations: what was asked for, the data, the rows
 * that come out. */
#ifndef TOOLS_TRNCTL_COMM_H
#define TOOLS_TRNCTL_COMM_H

#include "tools/trnctl.h"
#include <trn/comm.h>
#include <trn/topology.h>

#define COMM_SIZES_MAX 256u
#define COMM_STATS_MAX 16u

enum comm_number {
	COMM_UNSIGNED,
	COMM_SIGNED,
	COMM_FLOAT,
};

/* A datatype. Sums of the check stay exact in it: at most so many ranks add something, each an
 * integer of at most that magnitude. */
struct comm_type {
	const char *name, *alias;
	enum trn_dtype dtype;
	uint32_t bytes;
	enum comm_number number;
	uint32_t exponent, mantissa; /* bits of a float */
	bool finite; /* no infinity: all but one code of the top exponent are numbers */
	uint32_t addends, magnitude;
};

/* How the data of the ranks lies. */
enum comm_layout {
	COMM_VECTOR,  /* everybody has a vector of the size */
	COMM_GATHER,  /* parts of everybody in the result */
	COMM_SCATTER, /* parts for everybody in the source */
	COMM_EXCHANGE,
	COMM_NONE,
};

struct comm_operation {
	const char *name;     /* as printed */
	const char *names[4]; /* as given */
	enum trn_comm_kind kind;
	enum comm_layout layout;
	bool v, in_place, reduces;
};

enum comm_check {
	COMM_CHECK_NONE,
	COMM_CHECK_RANDOM,
	COMM_CHECK_ONES,
};

struct comm_stat {
	const char *text; /* "avg", "p99": column */
	double percent;   /* of pNN; -1 avg, -2 min, -3 max */
};

/* What was measured at one size. */
struct comm_row {
	uint64_t bytes, count; /* as the library has count */
	struct trn_comm_cost cost;
	bool have_cost, have_device;
	uint64_t *device_ns, *wall_ns; /* of each iteration, sorted */
	uint64_t checked, errors;
	char first_error[160];
};

/* A buffer of a device, or host memory. */
struct comm_side {
	struct trn_buffer *buffer;
	uint8_t *host;
};

struct comm_memory {
	struct comm_side src, dst; /* the same when in place */
};

enum comm_where {
	COMM_DEVICES,
	COMM_HOST,   /* memory of this process */
	COMM_SHARED, /* that the processes of a machine share */
};

struct comm {
	struct trnctl *ctl;
	const struct comm_operation *operation;
	const struct comm_type *type;
	enum trn_comm_op op;
	enum trn_comm_algorithm algorithm;
	enum comm_check check;
	enum comm_where where;
	bool in_place, csv;
	uint32_t ranks, cores; /* asked for; 0: all of the pod; cores: ranks of a chip */
	uint32_t root, priority, iterations, warmup;
	uint64_t seed, sizes[COMM_SIZES_MAX];
	uint32_t size_count, stat_count;
	struct comm_stat stats[COMM_STATS_MAX];

	struct trn_pod_info pod;
	struct trn_comm_info info;
	struct trn_comm *comm;
	struct trn_device **device; /* opened, of the pod */
	uint32_t devices;
	struct trn_device **rank_device; /* of each local rank */
	uint32_t *rank_core;
	struct comm_memory *memory;
	struct trn_comm_call *calls;
	uint64_t count;                   /* of the row under way */
	uint64_t *counts[3], *offsets[3]; /* of the v forms: of a rank r, number r % 3 */
	uint32_t *permutation;
	uint64_t *samples; /* of device time, then of wall time */
	double busbw_sum;
	uint64_t errors;
	struct json_object *rows;
};

/* ---- the command line (trnctl_comm_args.c) ---- */

/* True to go on; else *ret_exit. */
bool comm_parse_args(struct comm *comm, int argc, char **argv, int *ret_exit);

/* ---- data (trnctl_comm_data.c) ---- */

const struct comm_type *comm_type_find(const char *name);
/* Elements of part @index of what rank @rank has, and of those before it. */
uint64_t comm_part(const struct comm *comm, uint32_t rank, uint32_t index);
uint64_t comm_offset(const struct comm *comm, uint32_t rank, uint32_t index);
/* Elements of the source and of the result of a rank. */
uint64_t comm_src_elements(const struct comm *comm, uint32_t rank);
uint64_t comm_dst_elements(const struct comm *comm, uint32_t rank);
/* Fills the sources of the local ranks, and what they get with something else. */
int comm_fill(struct comm *comm);
/* Compares what they got. */
int comm_compare(struct comm *comm, struct comm_row *row);

/* ---- output (trnctl_comm_out.c) ---- */

void comm_out_begin(struct comm *comm);
void comm_out_row(struct comm *comm, const struct comm_row *row);
/* An exit code: errors that the check found are a failure. */
int comm_out_end(struct comm *comm);

#endif /* TOOLS_TRNCTL_COMM_H */
