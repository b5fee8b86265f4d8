/* SPDX-License-Identifier: Apache-2.0 */
/* All-reduces of floats between processes of this host: ours in memory that they share, ours
 * from private memory, ours over libfabric's shm, Open MPI, and a floor written by hand. All in
 * one run, in turns, so that whatever else this machine does meets all of them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <trn/comm.h>
#include <trn/trn.h>
#include "bench/comm.h"
#include "bench/comm_floor.h"

#define LIMIT_NS UINT64_C(120000000000)
#define ROUNDS_MAX 15
#define COUNTS_MAX 8

enum way {
	SHARED,
	PRIVATE,
	FABRIC,
	MPI,
	FLOOR,
	WAYS
};
static const char *const names[WAYS] = { "shared", "private", "fabric_shm", "open_mpi", "floor" };

struct args {
	uint32_t rounds, counts, processes[COUNTS_MAX];
	bool json;
};

struct table {
	double ns[WAYS][COMM_SIZES][ROUNDS_MAX];
	uint32_t rounds[WAYS]; /* that gave results */
};

/* ---- ours ---- */

static int fail(struct trn_context *context, int r, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	if (context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "comm: %s: %s: %s\n", what, trn_strerror(r), error.cause);
	else
		fprintf(stderr, "comm: %s: %s\n", what, trn_strerror(r));
	return r;
}

struct ours {
	struct trn_comm *comm;
	bool shared;
	uint32_t rank, processes;
	float *in, *out;
};

static int all_reduce(const struct ours *ours, enum trn_comm_kind kind, size_t bytes)
{
	const struct trn_comm_call call = { .size = sizeof(call),
					    .kind = kind,
					    .dtype = TRN_DTYPE_F32,
					    .rank = ours->rank,
					    .count = bytes / sizeof(float),
					    .src = { .host = ours->in },
					    .dst = { .host = ours->out } };

	return trn_comm_run(ours->comm, &call, 1, trn_deadline_in(LIMIT_NS));
}

static int ours_memory(struct ours *ours, size_t bytes, float **ret_memory)
{
	void *memory = NULL;
	int r = 0;

	if (ours->shared)
		r = trn_comm_host_alloc(ours->comm, bytes, &memory);
	else
		memory = aligned_alloc(4096, bytes);
	if (!memory)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < bytes / sizeof(float); i++)
		((float *)memory)[i] = (float)(ours->rank + 1);
	*ret_memory = memory;
	return 0;
}

static int ours_measure(struct ours *ours, struct comm_results *results)
{
	const uint32_t n = ours->processes;
	int r = 0;

	for (int s = 0; r == 0 && s < COMM_SIZES; s++) {
		const uint32_t repeats = comm_repeats(comm_bytes[s], n);
		double samples[COMM_SAMPLES];

		r = all_reduce(ours, TRN_COMM_ALL_REDUCE, comm_bytes[s]);
		for (int k = 0; r == 0 && k < COMM_SAMPLES; k++) {
			double start;

			r = all_reduce(ours, TRN_COMM_BARRIER, 0);
			start = comm_now_ns();
			for (uint32_t i = 0; r == 0 && i < repeats; i++)
				r = all_reduce(ours, TRN_COMM_ALL_REDUCE, comm_bytes[s]);
			samples[k] = (comm_now_ns() - start) / repeats;
		}
		if (r == 0 &&
		    ours->out[comm_bytes[s] / sizeof(float) - 1] != (float)(n * (n + 1) / 2))
			r = -ERANGE;
		if (r == 0)
			results->ns[s] = comm_median(samples);
	}
	return r == 0 ? all_reduce(ours, TRN_COMM_BARRIER, 0) : r;
}

static int ours_run(enum way way, uint32_t rank, uint32_t processes, const char *root,
		    struct comm_results *results)
{
	struct ours ours = { .shared = way == SHARED, .rank = rank, .processes = processes };
	struct trn_comm_opts opts = { .size = sizeof(opts),
				      .count = 1,
				      .process = rank,
				      .processes = processes,
				      .root = root,
				      .provider = way == FABRIC ? "shm" : "mapping" };
	struct trn_context *context = NULL;
	int r = trn_context_create(NULL, &context);

	if (r == 0)
		r = trn_comm_create(context, &opts, trn_deadline_in(LIMIT_NS), &ours.comm);
	if (r == 0)
		r = ours_memory(&ours, comm_bytes[COMM_SIZES - 1], &ours.in);
	if (r == 0)
		r = ours_memory(&ours, comm_bytes[COMM_SIZES - 1], &ours.out);
	if (r == 0)
		r = ours_measure(&ours, results);
	if (r < 0)
		(void)fail(context, r, names[way]);
	if (!ours.shared) {
		free(ours.in);
		free(ours.out);
	}
	trn_comm_unref(ours.comm);
	trn_context_unref(context);
	return r;
}

/* ---- jobs ---- */

/* Rank 0's results stand in shared memory. */
static int forked(enum way way, uint32_t processes, struct comm_results *results)
{
	char folder[] = "/tmp/trn-bench-XXXXXX", root[64];
	struct comm_floor *floor = way == FLOOR ? comm_floor_make(processes) : NULL;
	int r = 0, status;

	if (!mkdtemp(folder) || (way == FLOOR && !floor))
		return -ENOMEM;
	snprintf(root, sizeof(root), "file:%s/root", folder);
	fflush(NULL);
	for (uint32_t rank = 0; rank < processes; rank++) {
		struct comm_results mine = { { 0 } };

		if (fork() != 0)
			continue;
		comm_pin(rank);
		r = way == FLOOR ? comm_floor_run(floor, rank, &mine) :
				   ours_run(way, rank, processes, root, &mine);
		if (r == 0 && rank == 0)
			*results = mine;
		_exit(r == 0 ? 0 : 1);
	}
	while (wait(&status) > 0)
		if (status != 0)
			r = -EIO;
	comm_floor_free(floor);
	unlink(root + 5);
	rmdir(folder);
	return r;
}

static int mpi(uint32_t processes, struct comm_results *results)
{
	char self[512], line[128];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char command[700];
	FILE *out;
	int s = 0;

	if (n <= 0)
		return -ENOENT;
	self[n] = '\0';
	*(strrchr(self, '/') + 1) = '\0';
	snprintf(command, sizeof(command),
		 "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
		 "mpirun --oversubscribe --bind-to none -n %u %scomm_mpi 2>/dev/null",
		 processes, self);
	out = popen(command, "r");
	while (out && s < COMM_SIZES && fgets(line, sizeof(line), out)) {
		char *end = NULL;

		if (strtoull(line, &end, 10) == comm_bytes[s])
			results->ns[s++] = strtod(end, NULL);
	}
	if (out && pclose(out) != 0)
		s = 0;
	return s == COMM_SIZES ? 0 : -ENOENT;
}

static void round_run(struct table *table, uint32_t processes, struct comm_results *shared)
{
	for (enum way way = SHARED; way < WAYS; way++) {
		uint32_t *rounds = &table->rounds[way];

		memset(shared, 0, sizeof(*shared));
		if ((way == MPI ? mpi(processes, shared) : forked(way, processes, shared)) < 0)
			continue;
		for (int s = 0; s < COMM_SIZES; s++)
			table->ns[way][s][*rounds] = shared->ns[s];
		++*rounds;
	}
}

/* ---- printing ---- */

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts. 0: nothing was measured. */
static double middle(struct table *table, int way, int s)
{
	qsort(table->ns[way][s], table->rounds[way], sizeof(double), by_value);
	return table->rounds[way] ? table->ns[way][s][table->rounds[way] / 2] : 0.0;
}

static double ratio(double reference, double ours)
{
	return ours > 0.0 ? reference / ours : 0.0;
}

static void print_text(struct table *table, uint32_t processes)
{
	printf("%u processes, all-reduce of floats, microseconds: median (least to most) of %u "
	       "rounds\n%9s",
	       processes, table->rounds[SHARED], "bytes");
	for (int way = 0; way < WAYS; way++)
		printf(" %26s", names[way]);
	printf("  floor/shared mpi/shared mpi/private mpi/fabric\n");
	for (int s = 0; s < COMM_SIZES; s++) {
		double mid[WAYS];

		printf("%9zu", comm_bytes[s]);
		for (int way = 0; way < WAYS; way++) {
			const double *ns = table->ns[way][s];
			const uint32_t last = table->rounds[way] ? table->rounds[way] - 1 : 0;

			mid[way] = middle(table, way, s);
			printf(" %9.1f (%6.1f to %6.1f)", mid[way] / 1e3, ns[0] / 1e3,
			       ns[last] / 1e3);
		}
		printf(" %12.2f %10.2f %11.2f %10.2f\n", ratio(mid[FLOOR], mid[SHARED]),
		       ratio(mid[MPI], mid[SHARED]), ratio(mid[MPI], mid[PRIVATE]),
		       ratio(mid[MPI], mid[FABRIC]));
	}
	for (int way = 0; way < WAYS; way++)
		if (table->rounds[way] == 0)
			printf("%s: nothing was measured%s\n", names[way],
			       way == MPI ? " (no mpirun, or built without MPI)" : "");
}

static void print_json(struct table *table, uint32_t processes, bool first)
{
	printf("%s{\"processes\":%u,\"sizes\":[", first ? "" : ",", processes);
	for (int s = 0; s < COMM_SIZES; s++) {
		printf("%s{\"bytes\":%zu", s ? "," : "", comm_bytes[s]);
		for (int way = 0; way < WAYS; way++) {
			const double mid = middle(table, way, s);
			const uint32_t last = table->rounds[way] ? table->rounds[way] - 1 : 0;

			printf(",\"%s\":", names[way]);
			if (mid > 0.0)
				printf("{\"us\":%.2f,\"min_us\":%.2f,\"max_us\":%.2f}", mid / 1e3,
				       table->ns[way][s][0] / 1e3, table->ns[way][s][last] / 1e3);
			else
				printf("null");
		}
		printf("}");
	}
	printf("]}");
}

/* ---- main ---- */

static int parse_list(const char *text, struct args *args)
{
	char *end = NULL;

	for (args->counts = 0; args->counts < COUNTS_MAX; text = end + 1) {
		const unsigned long n = strtoul(text, &end, 10);

		if (n < 2 || n > 16 || (*end && *end != ','))
			return -EINVAL;
		args->processes[args->counts++] = (uint32_t)n;
		if (!*end)
			return 0;
	}
	return -EINVAL;
}

static int parse(int argc, char **argv, struct args *args)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end = NULL;

		if (strcmp(argv[i], "--json") == 0) {
			args->json = true;
			continue;
		}
		if (strcmp(argv[i], "--rounds") == 0)
			args->rounds = (uint32_t)strtoul(value, &end, 10);
		else if (strcmp(argv[i], "--processes") != 0 || parse_list(value, args) < 0)
			return -EINVAL;
		if (!*value || (end && *end))
			return -EINVAL;
		i++;
	}
	return args->rounds > 0 && args->rounds <= ROUNDS_MAX ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct args args = { 5, 3, { 2, 4, 8 }, false };
	struct comm_results *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct table *table = malloc(sizeof(*table));

	if (parse(argc, argv, &args) < 0) {
		fprintf(stderr, "usage: comm [--processes N,N...] [--rounds N] [--json]\n");
		return 2;
	}
	if (shared == MAP_FAILED || !table) {
		fprintf(stderr, "comm: out of memory\n");
		return 1;
	}
	if (args.json)
		printf("{\"schema\":\"trn.bench.comm/1\",\"rounds\":%u,\"processes\":[",
		       args.rounds);
	for (uint32_t c = 0; c < args.counts; c++) {
		memset(table, 0, sizeof(*table));
		for (uint32_t round = 0; round < args.rounds; round++)
			round_run(table, args.processes[c], shared);
		if (args.json)
			print_json(table, args.processes[c], c == 0);
		else
			print_text(table, args.processes[c]);
		fflush(stdout);
	}
	if (args.json)
		printf("]}\n");
	free(table);
	return 0;
}
