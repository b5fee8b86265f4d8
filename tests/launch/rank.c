/* SPDX-License-Identifier: Apache-2.0 */
/* One process of a job, for the launch tests: comes together with the others, swaps blobs for a
 * while, and prints one line on how that ended. What happens to it meanwhile is the test's.
 *
 *	rank [--rounds N] [--ms N] [--shrink] [--name JOB] [--patience MS]
 *
 * prints "ready PROCESS PROCESSES WAY", then "ok ...", or "failed CODE: CAUSE"; with --shrink after
 * a failure "survivors N" and how the swaps among those ended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "runtime/boot_private.h"

#define BLOB 512

struct args {
	uint64_t rounds, ms, patience;
	bool shrink;
	const char *name;
};

static int parse(int argc, char **argv, struct args *args)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		bool ok = true;

		if (strcmp(argv[i], "--shrink") == 0) {
			args->shrink = true;
			continue;
		}
		if (strcmp(argv[i], "--rounds") == 0)
			ok = trn_boot_number(value, UINT32_MAX, &args->rounds);
		else if (strcmp(argv[i], "--ms") == 0)
			ok = trn_boot_number(value, UINT32_MAX, &args->ms);
		else if (strcmp(argv[i], "--patience") == 0)
			ok = trn_boot_number(value, UINT32_MAX, &args->patience);
		else if (strcmp(argv[i], "--name") == 0)
			args->name = value;
		else
			ok = false;
		if (!ok)
			return -EINVAL;
		i++;
	}
	return 0;
}

static int failed(struct trn_context *context, int r)
{
	struct trn_error error = { .size = sizeof(error) };

	if (trn_error_get(context, &error) < 0)
		error.cause[0] = '\0';
	printf("failed %d: %s\n", r, error.cause);
	fflush(stdout);
	return r;
}

/* Swaps, a pause, looking for losses, again. */
static int swap(struct trn_context *context, struct trn_boot *boot, const struct args *args)
{
	static uint8_t mine[BLOB], all[BLOB * TRN_BOOT_PROCESSES_MAX];
	uint32_t lost;
	char why[TRN_BOOT_WHY_MAX];

	for (uint64_t i = 0; i < args->rounds; i++) {
		uint64_t pause = trn_clock_deadline(args->ms * 1000000);
		unsigned int round = 0;
		int r;

		memset(mine, (int)(trn_boot_process(boot) + i) & 255, sizeof(mine));
		r = trn_boot_exchange(boot, (uint32_t)i, mine, sizeof(mine), all,
				      trn_clock_deadline(args->patience * 1000000));
		if (r < 0)
			return failed(context, r);
		for (uint32_t p = 0; p < trn_boot_processes(boot); p++)
			if (all[(size_t)p * BLOB + i % BLOB] != ((p + i) & 255))
				return failed(context, -EBADMSG);
		while (!trn_clock_passed(pause) && !trn_boot_lost(boot, &lost, why, sizeof(why)))
			trn_clock_backoff(&round);
	}
	printf("ok %u rounds\n", (unsigned int)args->rounds);
	fflush(stdout);
	return 0;
}

static int rebuild(struct trn_context *context, struct trn_boot *boot, struct args *args)
{
	struct trn_boot *rest = NULL;
	int r = trn_boot_shrink(boot, trn_clock_deadline(2 * args->patience * 1000000), &rest);

	if (r < 0)
		return failed(context, r);
	printf("survivors %u, now process %u\n", trn_boot_processes(rest), trn_boot_process(rest));
	args->rounds = 5;
	args->ms = 1;
	r = swap(context, rest, args);
	trn_boot_close(rest);
	return r;
}

int main(int argc, char **argv)
{
	struct args args = { .rounds = 10, .ms = 1, .patience = 10000 };
	struct trn_boot_opts opts = { .root = getenv("TRN_COMM_ROOT") ? NULL : "env", .ranks = 1 };
	struct trn_context *context;
	struct trn_boot *boot = NULL;
	int r;

	if (parse(argc, argv, &args) < 0)
		return 2;
	opts.name = args.name;
	if (trn_context_create(NULL, &context) < 0)
		return 3;
	r = trn_boot_open(context, &opts, trn_clock_deadline(args.patience * 1000000), &boot);
	if (r < 0) {
		(void)failed(context, r);
	} else {
		printf("ready %u %u %s\n", trn_boot_process(boot), trn_boot_processes(boot),
		       trn_boot_way(boot));
		fflush(stdout);
		r = swap(context, boot, &args);
		if (r < 0 && args.shrink)
			r = rebuild(context, boot, &args);
	}
	trn_boot_close(boot);
	(void)trn_context_unref(context);
	return r < 0;
}
