// SPDX-License-Identifier: Apache-2.0
/* trnctl comm: the command line, in the habits of the vendor's and of NCCL's tests. */
#include "tools/trnctl_comm.h"

#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MAX 100000u
#define MINBYTES (UINT64_C(1) << 20)

struct comm_args {
	struct comm *comm;
	uint64_t min, max, step, factor;
	bool min_given, max_given;
	const char *list, *check, *stats, *host;
};

enum {
	KEY_BYTES = 0x400,
	KEY_CORES,
	KEY_SEED,
	KEY_ALGORITHM,
	KEY_CSV,
	KEY_IN_PLACE,
	KEY_PRIORITY,
	KEY_ROOT,
	KEY_HOST,
};

static const struct argp_option options_list[] = {
	{ "ranks", 'r', "N", 0, "Ranks, in the order of the pod's chips (all)", 0 },
	{ "cores", KEY_CORES, "N", 0, "Ranks on each chip, one a core (1)", 0 },
	{ "bytes", KEY_BYTES, "SIZE[,SIZE...]", 0, "Sizes: 8,1M,1G", 0 },
	{ "minbytes", 'b', "SIZE", 0, "First size of a sweep (1M)", 0 },
	{ "maxbytes", 'e', "SIZE", 0, "Last size of a sweep (that of -b)", 0 },
	{ "stepfactor", 'f', "N", 0, "Each size is N times the one before (2)", 0 },
	{ "stepbytes", 'i', "SIZE", 0, "Each size is SIZE more than the one before", 0 },
	{ "iters", 'n', "N", 0, "Measured iterations of a size (5)", 0 },
	{ "warmup_iters", 'w', "N", 0, "Iterations before them (1)", 0 },
	{ "datatype", 'D', "TYPE", 0,
	  "u8 s8 u16 s16 u32 s32 f32 bf16 f16 f8e4m3 f8e4m3fn f8e5m2 "
	  "f8e3m4 (f32)",
	  0 },
	{ "op", 'o', "OP", 0, "sum, min, max, prod or avg (sum)", 0 },
	{ "check", 'c', "random|ones", OPTION_ARG_OPTIONAL,
	  "Compare the results with a reference computed here", 0 },
	{ "seed", KEY_SEED, "N", 0, "Of the data of the check (1)", 0 },
	{ "algorithm", KEY_ALGORITHM, "NAME", 0,
	  "auto, ring, mesh, rdh, paired, grid, torus, switch, fused or host (auto)", 0 },
	{ "stats", 't', "LIST", 0, "Columns of device time: avg, min, max, pNN (avg)", 0 },
	{ "in-place", KEY_IN_PLACE, NULL, 0, "Results take the place of the sources", 0 },
	{ "root", KEY_ROOT, "RANK", 0, "Of broadcast and reduce (0)", 0 },
	{ "priority", KEY_PRIORITY, "0..3", 0, "Lower is served first (0)", 0 },
	{ "host", KEY_HOST, "private|shared", OPTION_ARG_OPTIONAL,
	  "Host memory instead of devices, one rank of each process", 0 },
	{ "csv", KEY_CSV, NULL, 0, "Comma separated rows", 0 },
	{ 0 },
};

static const struct comm_operation operations[] = {
	{ "all_reduce",
	  { "allr", "allreduce", "all-reduce" },
	  TRN_COMM_ALL_REDUCE,
	  COMM_VECTOR,
	  false,
	  true,
	  true },
	{ "reduce_scatter",
	  { "redsct", "reducescatter", "reduce-scatter" },
	  TRN_COMM_REDUCE_SCATTER,
	  COMM_SCATTER,
	  false,
	  true,
	  true },
	{ "reduce_scatter_v",
	  { "redsctv", "reducescatterv", "reduce-scatter-v" },
	  TRN_COMM_REDUCE_SCATTER,
	  COMM_SCATTER,
	  true,
	  true,
	  true },
	{ "all_gather",
	  { "allg", "allgather", "all-gather" },
	  TRN_COMM_ALL_GATHER,
	  COMM_GATHER,
	  false,
	  true,
	  false },
	{ "all_gather_v",
	  { "allgv", "allgatherv", "all-gather-v" },
	  TRN_COMM_ALL_GATHER,
	  COMM_GATHER,
	  true,
	  true,
	  false },
	{ "all_to_all",
	  { "alltoall", "all-to-all", "a2a" },
	  TRN_COMM_ALL_TO_ALL,
	  COMM_EXCHANGE,
	  false,
	  false,
	  false },
	{ "all_to_all_v",
	  { "alltoallv", "all-to-all-v", "a2av" },
	  TRN_COMM_ALL_TO_ALL,
	  COMM_EXCHANGE,
	  true,
	  false,
	  false },
	{ "broadcast", { "bcast", NULL }, TRN_COMM_BROADCAST, COMM_VECTOR, false, true, false },
	{ "reduce", { NULL }, TRN_COMM_REDUCE, COMM_VECTOR, false, true, true },
	{ "sendrecv",
	  { "send-recv", "send_recv", NULL },
	  TRN_COMM_SEND,
	  COMM_VECTOR,
	  false,
	  false,
	  false },
	{ "permute", { "perm", NULL }, TRN_COMM_PERMUTE, COMM_VECTOR, false, false, false },
	{ "barrier", { NULL }, TRN_COMM_BARRIER, COMM_NONE, false, false, false },
};

static const struct comm_operation *operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
		for (size_t k = 0; k < 4 && operations[i].names[k]; k++) {
			if (strcmp(operations[i].names[k], name) == 0)
				return &operations[i];
		}
	}
	return NULL;
}

static error_t number_arg(struct comm_args *args, struct argp_state *state, const char *name,
			  const char *arg, uint64_t least, uint64_t most, uint32_t *ret_value)
{
	uint64_t value;

	if (trnctl_number(arg, &value) < 0 || value < least || value > most)
		return trnctl_usage(args->comm->ctl, state,
				    "%s \"%.40s\" is no number from %llu to %llu", name, arg,
				    (unsigned long long)least, (unsigned long long)most);
	*ret_value = (uint32_t)value;
	return 0;
}

static error_t size_arg(struct comm_args *args, struct argp_state *state, const char *name,
			const char *arg, uint64_t least, uint64_t *ret_value)
{
	if (trnctl_size(arg, ret_value) < 0 || *ret_value < least)
		return trnctl_usage(args->comm->ctl, state, "%s \"%.40s\" is no size", name, arg);
	return 0;
}

/* Words as the library has them; the number of the one that is meant, or -1. */
static int op_find(const char *name)
{
	for (int i = 0; i < TRN_COMM_OPS; i++) {
		if (strcmp(trn_comm_op_name((enum trn_comm_op)i), name) == 0)
			return i;
	}
	return -1;
}

static int algorithm_find(const char *name)
{
	for (int i = 0; i < TRN_COMM_ALGORITHMS; i++) {
		if (strcmp(trn_comm_algorithm_name((enum trn_comm_algorithm)i), name) == 0)
			return i;
	}
	return -1;
}

static error_t word_arg(struct comm_args *args, struct argp_state *state, int key, const char *arg)
{
	struct comm *comm = args->comm;
	int found;

	switch (key) {
	case 'D':
		comm->type = comm_type_find(arg);
		if (!comm->type)
			return trnctl_usage(comm->ctl, state, "--datatype \"%.40s\" is none", arg);
		return 0;
	case 'o':
		found = op_find(arg);
		if (found < 0)
			return trnctl_usage(comm->ctl, state,
					    "--op \"%.40s\" is not sum, min, max, prod or avg",
					    arg);
		comm->op = (enum trn_comm_op)found;
		return 0;
	case KEY_ALGORITHM:
		found = algorithm_find(arg);
		if (found < 0)
			return trnctl_usage(comm->ctl, state, "--algorithm \"%.40s\" is none", arg);
		comm->algorithm = (enum trn_comm_algorithm)found;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t positional(struct comm_args *args, struct argp_state *state, char *arg)
{
	struct comm *comm = args->comm;

	/* The word behind "--check" as others write it. */
	if (comm->operation && args->check && *args->check == '\0') {
		args->check = arg;
		return 0;
	}
	if (comm->operation)
		return trnctl_usage(comm->ctl, state, "more than one operation: \"%.40s\"", arg);
	comm->operation = operation_find(arg);
	if (!comm->operation)
		return trnctl_usage(comm->ctl, state,
				    "\"%.40s\" is no operation: allr, redsct(v), allg(v), "
				    "alltoall(v), bcast, reduce, sendrecv, permute or barrier",
				    arg);
	return 0;
}

static error_t sweep_arg(struct comm_args *args, struct argp_state *state, int key, char *arg)
{
	switch (key) {
	case 'b':
		args->min_given = true;
		return size_arg(args, state, "--minbytes", arg, 1, &args->min);
	case 'e':
		args->max_given = true;
		return size_arg(args, state, "--maxbytes", arg, 1, &args->max);
	case 'i':
		return size_arg(args, state, "--stepbytes", arg, 1, &args->step);
	case 'f':
		return size_arg(args, state, "--stepfactor", arg, 2, &args->factor);
	default:
		return word_arg(args, state, key, arg);
	}
}

static error_t comm_parse(int key, char *arg, struct argp_state *state)
{
	struct comm_args *args = state->input;
	struct comm *comm = args->comm;

	switch (key) {
	case 'r':
		return number_arg(args, state, "--ranks", arg, 1, 65536, &comm->ranks);
	case KEY_CORES:
		return number_arg(args, state, "--cores", arg, 1, 64, &comm->cores);
	case 'n':
		return number_arg(args, state, "--iters", arg, 1, ITERATIONS_MAX,
				  &comm->iterations);
	case 'w':
		return number_arg(args, state, "--warmup_iters", arg, 0, ITERATIONS_MAX,
				  &comm->warmup);
	case KEY_ROOT:
		return number_arg(args, state, "--root", arg, 0, 65535, &comm->root);
	case KEY_PRIORITY:
		return number_arg(args, state, "--priority", arg, 0, 3, &comm->priority);
	case KEY_SEED:
		if (trnctl_number(arg, &comm->seed) < 0)
			return trnctl_usage(comm->ctl, state, "--seed \"%.40s\" is no number", arg);
		return 0;
	case KEY_BYTES:
		args->list = arg;
		return 0;
	case 'c':
		args->check = arg ? arg : "";
		return 0;
	case 't':
		args->stats = arg;
		return 0;
	case KEY_IN_PLACE:
		comm->in_place = true;
		return 0;
	case KEY_CSV:
		comm->csv = true;
		return 0;
	case KEY_HOST:
		args->host = arg ? arg : "private";
		return 0;
	case ARGP_KEY_ARG:
		return positional(args, state, arg);
	default:
		return sweep_arg(args, state, key, arg);
	}
}

/* ---- what the parts mean together ---- */

static int add_size(struct comm *comm, uint64_t bytes)
{
	if (comm->size_count == COMM_SIZES_MAX)
		return trnctl_fail_usage(comm->ctl, "more than %u sizes", COMM_SIZES_MAX);
	comm->sizes[comm->size_count++] = bytes;
	return TRNCTL_OK;
}

static int list_sizes(struct comm *comm, const char *text)
{
	char list[2048], *save = NULL;
	int r = TRNCTL_OK;

	if (snprintf(list, sizeof(list), "%s", text) >= (int)sizeof(list))
		return trnctl_fail_usage(comm->ctl, "--bytes is too long");
	for (char *word = strtok_r(list, ",", &save); word && r == TRNCTL_OK;
	     word = strtok_r(NULL, ",", &save)) {
		uint64_t bytes;

		if (trnctl_size(word, &bytes) < 0 || bytes == 0)
			return trnctl_fail_usage(comm->ctl, "--bytes \"%.40s\" is no size", word);
		r = add_size(comm, bytes);
	}
	if (r == TRNCTL_OK && comm->size_count == 0)
		return trnctl_fail_usage(comm->ctl, "--bytes names no size");
	return r;
}

static int sweep_sizes(struct comm *comm, const struct comm_args *args)
{
	uint64_t min = args->min_given ? args->min : MINBYTES;
	uint64_t max = args->max_given ? args->max : min;
	int r = TRNCTL_OK;

	if (min > max)
		return trnctl_fail_usage(comm->ctl, "--minbytes is more than --maxbytes");
	for (uint64_t bytes = min; bytes <= max && r == TRNCTL_OK;) {
		uint64_t next;

		r = add_size(comm, bytes);
		if (args->step > 0 ? __builtin_add_overflow(bytes, args->step, &next) :
				     __builtin_mul_overflow(bytes, args->factor, &next))
			break;
		bytes = next;
	}
	return r;
}

static int check_mode(struct comm *comm, const char *text)
{
	if (*text == '\0' || strcmp(text, "random") == 0)
		comm->check = COMM_CHECK_RANDOM;
	else if (strcmp(text, "ones") == 0 || strcmp(text, "all_ones") == 0)
		comm->check = COMM_CHECK_ONES;
	else
		return trnctl_fail_usage(comm->ctl, "--check \"%.40s\" is not random or ones",
					 text);
	return TRNCTL_OK;
}

static int one_stat(struct comm *comm, const char *word, struct comm_stat *stat)
{
	static const struct comm_stat rows[] = { { "avg", -1 }, { "min", -2 }, { "max", -3 } };
	uint64_t percent;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].text, word) == 0) {
			*stat = rows[i];
			return TRNCTL_OK;
		}
	}
	if (word[0] != 'p' || trnctl_number(word + 1, &percent) < 0 || percent > 100)
		return trnctl_fail_usage(comm->ctl, "--stats \"%.40s\" is not avg, min, max or pNN",
					 word);
	stat->text = word;
	stat->percent = (double)percent;
	return TRNCTL_OK;
}

static int stats_of(struct comm *comm, const char *text)
{
	static char list[256]; /* the columns' names stay in it */
	char *save = NULL;
	int r = TRNCTL_OK;

	if (snprintf(list, sizeof(list), "%s", text) >= (int)sizeof(list))
		return trnctl_fail_usage(comm->ctl, "--stats is too long");
	for (char *word = strtok_r(list, ", ", &save); word && r == TRNCTL_OK;
	     word = strtok_r(NULL, ", ", &save)) {
		if (comm->stat_count == COMM_STATS_MAX)
			return trnctl_fail_usage(comm->ctl, "more than %u columns of --stats",
						 COMM_STATS_MAX);
		r = one_stat(comm, word, &comm->stats[comm->stat_count++]);
	}
	if (r == TRNCTL_OK && comm->stat_count == 0)
		return trnctl_fail_usage(comm->ctl, "--stats names no column");
	return r;
}

static int host_mode(struct comm *comm, const char *text)
{
	if (strcmp(text, "private") == 0)
		comm->where = COMM_HOST;
	else if (strcmp(text, "shared") == 0)
		comm->where = COMM_SHARED;
	else
		return trnctl_fail_usage(comm->ctl, "--host \"%.40s\" is not private or shared",
					 text);
	if (comm->ranks > 1 || comm->cores > 1)
		return trnctl_fail_usage(comm->ctl, "--host: a process is one rank");
	return TRNCTL_OK;
}

static int together(struct comm *comm, const struct comm_args *args)
{
	const struct comm_operation *operation = comm->operation;
	int r;

	if (!operation)
		return trnctl_fail_usage(comm->ctl, "which operation? trnctl comm --help");
	if (comm->in_place && !operation->in_place)
		return trnctl_fail_usage(comm->ctl, "%s has no --in-place", operation->name);
	if (comm->op != TRN_COMM_SUM && !operation->reduces)
		return trnctl_fail_usage(comm->ctl, "%s has no --op", operation->name);
	if (comm->op == TRN_COMM_AVG && comm->type->number != COMM_FLOAT)
		return trnctl_fail_usage(comm->ctl, "--op avg is for floats, not %s",
					 comm->type->name);
	if (args->list && (args->min_given || args->max_given))
		return trnctl_fail_usage(comm->ctl, "--bytes or --minbytes and --maxbytes");
	if (comm->csv && comm->ctl->json)
		return trnctl_fail_usage(comm->ctl, "--csv or --json");
	if (operation->layout == COMM_NONE)
		r = add_size(comm, 0);
	else
		r = args->list ? list_sizes(comm, args->list) : sweep_sizes(comm, args);
	if (r == TRNCTL_OK && args->host)
		r = host_mode(comm, args->host);
	if (r == TRNCTL_OK && args->check)
		r = check_mode(comm, args->check);
	if (r == TRNCTL_OK)
		r = stats_of(comm, args->stats);
	return r;
}

bool comm_parse_args(struct comm *comm, int argc, char **argv, int *ret_exit)
{
	struct comm_args args = { .comm = comm, .factor = 2, .stats = "avg" };
	struct trnctl_options options = {
		.options = options_list,
		.parser = comm_parse,
		.input = &args,
		.args = "OPERATION",
		.doc = "Run a collective on the chips of a pod, check it, and measure it.\v"
		       "OPERATION is allr, redsct(v), allg(v), alltoall(v), bcast, reduce, "
		       "sendrecv, permute or barrier; long names work too. Sizes are those of the "
		       "larger side of a rank, GB are 10^9 bytes.",
	};

	comm->type = comm_type_find("f32");
	comm->cores = 1;
	comm->seed = 1;
	comm->iterations = 5;
	comm->warmup = 1;
	if (!trnctl_parse(comm->ctl, &options, argc, argv, ret_exit))
		return false;
	*ret_exit = together(comm, &args);
	return *ret_exit == TRNCTL_OK;
}
