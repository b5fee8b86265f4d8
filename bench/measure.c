/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/measure.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 3             /* of each side, in turns */
#define LIMIT_MS (60 * 1000) /* a side that takes longer is ended */

double bench_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(struct bench_series *series)
{
	qsort(series->value, series->count, sizeof(series->value[0]), by_value);
	return series->value[series->count / 2];
}

void bench_add(struct bench_series *series, double value)
{
	if (series->count < BENCH_RUNS_MAX)
		series->value[series->count++] = value;
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < 2; i++)
		if (cpu == BENCH_ANY || cpu == i)
			CPU_SET((size_t)i, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* measured anyhow */
}

double bench_resident_kib(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		(void)fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- one side in a process of its own ---- */

struct answer {
	int code;
	struct bench_series series;
};

static void child(bench_fn *run, int how, int fd)
{
	static struct answer answer;
	const char *at = (const char *)&answer;
	size_t left = sizeof(answer);

	bench_pin(BENCH_ANY);
	answer.code = run(how, &answer.series);
	while (left > 0) {
		ssize_t n = write(fd, at, left);

		if (n <= 0)
			_exit(1);
		at += n;
		left -= (size_t)n;
	}
	_exit(0); /* what a peer's library would do at exit is not ours to wait for */
}

/* Until all has come, the other end is closed, or the time is over. */
static bool receive(int fd, struct answer *answer)
{
	const double end = bench_now_ns() + LIMIT_MS * 1e6;
	char *at = (char *)answer;
	size_t left = sizeof(*answer);

	while (left > 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		const double ms = (end - bench_now_ns()) / 1e6;
		ssize_t n;

		if (ms <= 0 || poll(&wait, 1, (int)ms + 1) <= 0)
			return false;
		n = read(fd, at, left);
		if (n <= 0)
			return false;
		at += n;
		left -= (size_t)n;
	}
	return true;
}

static int run_apart(bench_fn *run, int how, struct answer *answer)
{
	int fds[2], status;
	bool done;
	pid_t pid;

	if (pipe(fds) < 0)
		return -errno;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		child(run, how, fds[1]);
	}
	(void)close(fds[1]);
	done = pid > 0 && receive(fds[0], answer);
	(void)close(fds[0]);
	if (pid > 0 && !done)
		(void)kill(pid, SIGKILL);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	return done ? answer->code : -ECHILD;
}

/* ---- sides ---- */

struct side {
	int code; /* of the last round */
	uint32_t rounds;
	double median[ROUNDS], p99[ROUNDS];
};

static void side_round(struct side *side, bench_fn *run, int how)
{
	static struct answer answer;
	struct bench_series *series = &answer.series;

	side->code = run_apart(run, how, &answer);
	if (side->code == 0 && series->count == 0)
		side->code = -ENODATA;
	if (side->code < 0)
		return;
	side->median[side->rounds] = bench_median(series);
	side->p99[side->rounds++] = series->value[(series->count - 1) * 99 / 100];
}

/* The middle round. */
static double middle(const double *value, uint32_t count)
{
	double sorted[ROUNDS];

	memcpy(sorted, value, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), by_value);
	return sorted[count / 2];
}

/* Of the medians of the rounds, in percent of the middle one. */
static double spread(const struct side *side)
{
	double least = side->median[0], most = side->median[0];

	for (uint32_t i = 1; i < side->rounds; i++) {
		least = fmin(least, side->median[i]);
		most = fmax(most, side->median[i]);
	}
	return most > least ? (most - least) * 100.0 / middle(side->median, side->rounds) : 0.0;
}

/* ---- the table ---- */

static const struct {
	const char *name;
	bool more_is_better;
} units[] = {
	[BENCH_US] = { "us", false },
	[BENCH_MOPS] = { "M/s", true },
	[BENCH_GBPS] = { "GB/s", true },
	[BENCH_KIB] = { "KiB", false },
};

/* A value of a series as it is shown. */
static double shown(const struct bench_row *row, double value)
{
	switch (row->unit) {
	case BENCH_US:
		return value / 1e3;
	case BENCH_MOPS:
		return 1e3 / value;
	case BENCH_GBPS:
		return row->bytes / value;
	default:
		return value;
	}
}

struct verdict {
	double theirs, ratio;
	const char *met; /* "met", "short", "-" when there is no goal */
};

static struct verdict judge(const struct bench_row *row, const struct bench_beside *beside,
			    const struct side *ours, const struct side *side)
{
	const double mine = shown(row, middle(ours->median, ours->rounds));
	struct verdict v = { .theirs = beside->run ?
					       shown(row, middle(side->median, side->rounds)) :
					       beside->goal };
	const double goal = beside->run ? beside->goal : 1.0;

	v.ratio = mine / v.theirs;
	if (goal == 0.0)
		v.met = "-";
	else if (units[row->unit].more_is_better ? v.ratio >= goal : v.ratio <= goal)
		v.met = "met";
	else
		v.met = "short";
	return v;
}

static void print_head(bool json)
{
	double load[1] = { 0.0 };

	if (getloadavg(load, 1) < 1 || json)
		return;
	printf("load %.2f; medians of the middle of %d rounds, sides in turns; threads pinned to "
	       "CPU 0 and 1\n",
	       load[0], ROUNDS);
	printf("%-26s %10s %10s %7s  %-24s %10s %8s  %-9s\n", "what", "median", "p99", "spread",
	       "beside", "median", "ratio", "goal");
}

static void print_ours(const struct bench_row *row, const struct side *ours)
{
	printf("%-26s %10.3f %10.3f %6.1f%%", row->name,
	       shown(row, middle(ours->median, ours->rounds)),
	       shown(row, middle(ours->p99, ours->rounds)), spread(ours));
}

static void print_text(const struct bench_row *row, const struct bench_beside *beside,
		       const struct side *ours, const struct side *side)
{
	const char *sign = units[row->unit].more_is_better ? ">=" : "<=";
	struct verdict v;

	if (!beside->name) {
		printf("  %s\n", units[row->unit].name);
		return;
	}
	if (beside->run && side->rounds == 0) {
		printf("  %-24s %s\n", beside->name,
		       side->code == -ENOTSUP ? "no reference" : "did not run");
		return;
	}
	v = judge(row, beside, ours, side);
	printf("  %-24s %10.3f %7.3fx  ", beside->name, v.theirs, v.ratio);
	if (!beside->run || beside->goal == 0.0)
		printf("%s %s\n", units[row->unit].name, v.met);
	else
		printf("%s %s %.3gx %s\n", units[row->unit].name, sign, beside->goal, v.met);
}

static void print_json(const struct bench_row *row, const struct bench_beside *beside,
		       const struct side *ours, const struct side *side)
{
	double load[1] = { 0.0 };
	struct verdict v;

	(void)getloadavg(load, 1);
	printf("{\"schema\":\"trn.bench.row/1\",\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,"
	       "\"p99\":%.6g,\"spread_percent\":%.2f,\"load\":%.2f",
	       row->name, units[row->unit].name, shown(row, middle(ours->median, ours->rounds)),
	       shown(row, middle(ours->p99, ours->rounds)), spread(ours), load[0]);
	if (beside->name && (!beside->run || side->rounds > 0)) {
		v = judge(row, beside, ours, side);
		printf(",\"beside\":\"%s\",\"reference\":%.6g,\"ratio\":%.4f,\"goal\":%.4g,"
		       "\"met\":%s",
		       beside->name, v.theirs, v.ratio, beside->goal,
		       strcmp(v.met, "-") == 0 ? "null" :
		       v.met[0] == 'm'         ? "true" :
						 "false");
	} else if (beside->name) {
		printf(",\"beside\":\"%s\",\"reference\":null,\"goal\":%.4g,\"met\":null",
		       beside->name, beside->goal);
	}
	printf("}\n");
}

static void print_row(const struct bench_row *row, const struct side *ours,
		      const struct side *sides, bool json)
{
	for (size_t i = 0; i == 0 || (i < BENCH_BESIDE_MAX && row->beside[i].name); i++) {
		if (json) {
			print_json(row, &row->beside[i], ours, &sides[i]);
			continue;
		}
		if (i == 0)
			print_ours(row, ours);
		else
			printf("%-26s %30s", "", "");
		print_text(row, &row->beside[i], ours, &sides[i]);
	}
}

static int measure_row(const struct bench_row *row, bool json)
{
	struct side ours = { 0 }, sides[BENCH_BESIDE_MAX] = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		side_round(&ours, row->run, row->how);
		for (size_t i = 0; i < BENCH_BESIDE_MAX && row->beside[i].name; i++)
			if (row->beside[i].run && (round == 0 || sides[i].rounds > 0))
				side_round(&sides[i], row->beside[i].run, row->beside[i].how);
	}
	if (ours.rounds == 0) {
		fprintf(stderr, "%s: not measured, error %d\n", row->name, ours.code);
		return ours.code;
	}
	print_row(row, &ours, sides, json);
	(void)fflush(stdout);
	return 0;
}

static bool chosen(const struct bench_row *row, int argc, char **argv)
{
	bool named = false;

	for (int i = 1; i < argc; i++) {
		if (strncmp(row->name, argv[i], strlen(argv[i])) == 0)
			return true;
		named = named || argv[i][0] != '-';
	}
	return !named;
}

int bench_main(const struct bench_row *rows, size_t count, int argc, char **argv)
{
	bool json = false;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		json = json || strcmp(argv[i], "--json") == 0;
		if (argv[i][0] == '-' && strcmp(argv[i], "--json") != 0) {
			fprintf(stderr, "usage: %s [--json] [NAME...]\n", argv[0]);
			return 2;
		}
	}
	print_head(json);
	for (size_t i = 0; i < count; i++)
		if (chosen(&rows[i], argc, argv) && measure_row(&rows[i], json) < 0)
			failed = 1;
	return failed;
}
