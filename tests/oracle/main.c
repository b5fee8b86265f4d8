/* SPDX-License-Identifier: Apache-2.0 */
/* oracle GROUP|NAME|all [--replay GEN:BATCH[:CASE]|GEN:rNUMBER] [--coverage FILE]: TAP, two
 * lines for each instruction and generation: how it went, what was covered. */
#include <stdlib.h>
#include <string.h>
#include "base/test_main.h"
#include "model/gen.h"
#include "oracle.h"

#define CASES_DEFAULT 704u
#define FAILURES_SHOWN 4u

/* What the model does not run yet. May only shrink: an entry that passes fails the suite. */
static const char *const expected_missing[] = {
	NULL,
};

struct options {
	const char *what, *replay, *coverage;
	uint32_t cases;
	uint64_t seed;
};

struct totals {
	unsigned int tests, failed;
	FILE *coverage;
};

static bool is_expected_missing(const char *name)
{
	for (unsigned int k = 0; k < ORC_LEN(expected_missing); k++) {
		if (expected_missing[k] && strcmp(expected_missing[k], name) == 0)
			return true;
	}
	return false;
}

static bool is_wanted(const struct options *o, const struct orc_row *row, const struct trn_gen *gen)
{
	return gen->number >= row->since &&
	       (strcmp(o->what, "all") == 0 || strcmp(o->what, row->group) == 0 ||
		strcmp(o->what, row->name) == 0);
}

static void cover_line(FILE *out, const struct orc_row *row, const struct trn_gen *gen,
		       const struct orc_tally *tally)
{
	const uint32_t *const counts[] = { tally->src, tally->dst };

	fprintf(out, "# %-20s %s %5u%s", row->name, gen->name, tally->cases,
		tally->missing ? " missing" : "");
	for (unsigned int side = 0; side < 2; side++) {
		fputs(side == 0 ? " | from" : " | to", out);
		for (uint32_t d = 1; d < TRN_DTYPE_COUNT; d++) {
			if (counts[side][d])
				fprintf(out, " %s %u", orc_dtype_name(d), counts[side][d]);
		}
	}
	if (tally->indexed)
		fprintf(out, " | index %u", tally->indexed);
	fputc('\n', out);
}

/* All cases of one instruction on one generation. */
static void row_test(const struct options *o, struct orc_bench *bench, const struct orc_row *row,
		     const struct trn_gen *gen, struct totals *totals)
{
	struct orc_tally tally = { 0 };
	const bool expected = is_expected_missing(row->name);
	bool ok;

	if (!row->make)
		orc_pairs(bench, row, 0, o->cases / 4, &tally);
	for (uint32_t batch = 0; row->make && tally.cases < o->cases; batch++) {
		orc_batch(bench, row, batch, -1, &tally);
		if (tally.failed >= FAILURES_SHOWN || tally.missing || batch > 8 * o->cases)
			break;
		if (batch % 64 == 63)
			orc_whole(bench, row, &tally);
	}
	orc_whole(bench, row, &tally);
	if (!tally.missing && row->make)
		orc_refusals(bench, row, 0, o->cases / 4, &tally);
	ok = tally.failed == 0 && (tally.missing > 0) == expected;
	totals->tests++;
	totals->failed += !ok;
	printf("%sok %u - %s %s %s: %u cases, %u refusals%s%s\n", ok ? "" : "not ", totals->tests,
	       gen->name, row->group, row->name, tally.cases, tally.refused,
	       tally.missing ? ", missing" : "",
	       expected && !tally.missing ? ", take it off the list of what is missing" : "");
	cover_line(stdout, row, gen, &tally);
	if (totals->coverage)
		cover_line(totals->coverage, row, gen, &tally);
	fflush(stdout);
}

static struct orc_bench *bench_for(const struct options *o, const struct trn_gen *gen)
{
	struct orc_bench *bench = NULL;

	if (orc_bench_open(&bench, gen->name, gen->number, (uint32_t)gen->sbuf_partition_bytes,
			   o->seed) < 0) {
		puts("Bail out! no memory");
		exit(EXIT_FAILURE);
	}
	return bench;
}

static void generation(const struct options *o, const struct trn_gen *gen, struct totals *totals)
{
	struct orc_bench *bench = bench_for(o, gen);

	for (unsigned int k = 0; k < orc_row_count; k++) {
		if (is_wanted(o, &orc_rows[k], gen))
			row_test(o, bench, &orc_rows[k], gen, totals);
	}
	orc_bench_close(bench);
}

/* GEN:BATCH[:CASE] of the row that is named. */
static int replay(const struct options *o)
{
	char name[16];
	unsigned int batch;
	int slot = -1;
	bool refusal = false;
	struct orc_tally tally = { 0 };

	if (sscanf(o->replay, "%15[^:]:r%u", name, &batch) == 2)
		refusal = true;
	else if (sscanf(o->replay, "%15[^:]:%u:%d", name, &batch, &slot) < 2)
		name[0] = '\0';
	if (!trn_gen_find(name)) {
		fprintf(stderr, "oracle: --replay wants GEN:BATCH[:CASE], not '%s'\n", o->replay);
		return EXIT_FAILURE;
	}
	for (unsigned int k = 0; k < orc_row_count; k++) {
		const struct trn_gen *gen = trn_gen_find(name);
		struct orc_bench *bench;

		if (strcmp(orc_rows[k].name, o->what) != 0 || !is_wanted(o, &orc_rows[k], gen))
			continue;
		bench = bench_for(o, gen);
		if (!orc_rows[k].make)
			orc_pairs(bench, &orc_rows[k], batch, 1, &tally);
		else if (refusal)
			orc_refusals(bench, &orc_rows[k], batch, 1, &tally);
		else
			orc_batch(bench, &orc_rows[k], batch, slot, &tally);
		orc_whole(bench, &orc_rows[k], &tally);
		orc_bench_close(bench);
	}
	printf("%u cases, %u refusals, %u failed%s\n", tally.cases, tally.refused, tally.failed,
	       tally.missing ? ", missing" : "");
	return tally.cases + tally.refused > 0 && tally.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int options_read(int argc, char **argv, struct options *o)
{
	const char *cases = getenv("TRN_ORACLE_CASES");
	char *end = NULL;

	*o = (struct options){ .what = "all", .cases = CASES_DEFAULT };
	for (int k = 1; k < argc; k++) {
		if (strcmp(argv[k], "--replay") == 0 && k + 1 < argc)
			o->replay = argv[++k];
		else if (strcmp(argv[k], "--coverage") == 0 && k + 1 < argc)
			o->coverage = argv[++k];
		else if (argv[k][0] != '-')
			o->what = argv[k];
		else
			return -1;
	}
	if (cases) {
		o->cases = (uint32_t)strtoul(cases, &end, 0);
		if (end == cases || *end != '\0' || o->cases == 0)
			return -1;
	}
	return trn_test_seed_get(&o->seed);
}

static struct options options;
static struct totals totals;
static int result;

static int run_all(void)
{
	unsigned int planned = 0;

	if (options.coverage)
		totals.coverage = fopen(options.coverage, "w");
	for (unsigned int g = 0; trn_gen_at(g); g++) {
		for (unsigned int k = 0; k < orc_row_count; k++)
			planned += is_wanted(&options, &orc_rows[k], trn_gen_at(g));
	}
	printf("1..%u\n", planned);
	for (unsigned int g = 0; trn_gen_at(g); g++)
		generation(&options, trn_gen_at(g), &totals);
	if (options.coverage && (!totals.coverage || fclose(totals.coverage) != 0))
		return EXIT_FAILURE;
	return planned > 0 && totals.tests == planned ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The bench of the model asserts by Check, so all runs inside one test of it, in this process. */
START_TEST(oracle)
{
	result = options.replay ? replay(&options) : run_all();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("oracle");
	TCase *tcase = tcase_create("oracle");
	SRunner *runner;
	int broken;

	if (options_read(argc, argv, &options) < 0) {
		fputs("oracle [GROUP|NAME|all] [--replay GEN:BATCH[:CASE]|GEN:rNUMBER] "
		      "[--coverage FILE]; "
		      "TRN_SEED, TRN_ORACLE_CASES are numbers\n",
		      stderr);
		return EXIT_FAILURE;
	}
	printf("# seed %llu\n", (unsigned long long)options.seed);
	/* The lines of TAP are ours: an instruction each, not one for the whole. */
	unsetenv("CK_TAP_LOG_FILE_NAME");
	tcase_add_test(tcase, oracle);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	broken = srunner_ntests_failed(runner);
	if (broken > 0) {
		srunner_print(runner, CK_NORMAL);
		puts("Bail out! the bench itself failed");
	}
	srunner_free(runner);
	return broken > 0 ? EXIT_FAILURE : result;
}
