// SPDX-License-Identifier: Apache-2.0
/* trnctl selftest: runs the checks one after the other and says ok, fail or skip, why, and
 * how long each took. */
#include "tools/trnctl_selftest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_SECONDS 30u

static const struct check_row {
	const char *name, *what;
	int (*run)(struct trnctl_check *check);
} rows[] = {
	{ "registers", "firmware registers can be read and make sense", trnctl_check_registers },
	{ "identity", "the device describes itself consistently", trnctl_check_identity },
	{ "telemetry", "health counters are sane and only grow", trnctl_check_telemetry },
	{ "mailbox", "the firmware answers a request", trnctl_check_mailbox },
	{ "engines", "every copy ring of the driver moves a page", trnctl_check_engines },
	{ "semaphores", "set, increment and decrement on every core", trnctl_check_semaphores },
	{ "claims", "cores can be claimed and released", trnctl_check_claims },
	{ "memory", "patterns in every HBM stack", trnctl_check_memory },
	{ "copy-h2d", "host to device, odd sizes and places", trnctl_check_copy_h2d },
	{ "copy-d2h", "device to host, odd sizes and places", trnctl_check_copy_d2h },
	{ "copy-d2d", "inside and between HBM stacks", trnctl_check_copy_d2d },
	{ "peer", "to another chip of the pod, and back", trnctl_check_peer },
	{ "fill", "fill by the device", trnctl_check_fill },
	{ "queue", "commands go round, more than the ring holds", trnctl_check_queue },
	{ "timeline", "host and device signal each other", trnctl_check_timeline },
	{ "timestamp", "device time goes forward", trnctl_check_timestamp },
	{ "program", "a small program runs on every core", trnctl_check_program },
	{ "matmul", "the tensor engine multiplies", trnctl_check_matmul },
	{ "core-reset", "one core resets and runs again", trnctl_check_core_reset },
	{ "reset", "the device resets and works again", trnctl_check_reset },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct selftest {
	struct trnctl *ctl;
	bool chosen[ROWS], some, list, no_reset;
	unsigned int count[3]; /* ok, failed, skipped */
	struct json_object *checks;
};

enum {
	KEY_LIST = 0x200,
	KEY_NO_RESET
};

static const struct argp_option own[] = {
	{ "list", KEY_LIST, NULL, 0, "Name the checks; needs no device", 1 },
	{ "no-reset", KEY_NO_RESET, NULL, 0, "Leave out the checks that reset", 1 },
	{ 0 },
};

int trnctl_note(struct trnctl_check *check, int answer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(check->note, sizeof(check->note), format, args);
	va_end(args);
	return answer;
}

int trnctl_check_play(struct trnctl_check *check, struct trn_queue *queue, struct trn_batch *batch)
{
	uint64_t sequence;
	int r = trn_queue_submit(queue, batch, check->deadline_ns, &sequence);

	return r < 0 ? r : trn_queue_wait(queue, sequence, check->deadline_ns);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct selftest *test = state->input;

	switch (key) {
	case KEY_LIST:
		test->list = true;
		return 0;
	case KEY_NO_RESET:
		test->no_reset = true;
		return 0;
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < ROWS; i++) {
			if (strcmp(rows[i].name, arg) == 0) {
				test->chosen[i] = true;
				test->some = true;
				return 0;
			}
		}
		return trnctl_usage(test->ctl, state, "no check \"%.40s\"; --list names them", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A failed call: the library's record says more than the code. */
static void note_error(struct trnctl_check *check, int code)
{
	struct trn_error error = { .size = sizeof(error) };

	if (trn_error_get(check->ctl->context, &error) < 0 || error.code != code)
		(void)trnctl_note(check, code, "%s: %s", trnctl_code_name(code),
				  trn_strerror(code));
	else
		(void)trnctl_note(check, code, "%s: %.100s", trnctl_code_name(code), error.cause);
}

static void report(struct selftest *test, const struct check_row *row,
		   const struct trnctl_check *check, unsigned int result, uint64_t wall_ns)
{
	static const char *const names[] = { "ok", "fail", "skip" };
	struct json_object *json;
	char time[24];

	test->count[result]++;
	if (!test->ctl->json) {
		printf("%-4s  %-11s %12s  %s\n", names[result], row->name,
		       trnctl_duration(wall_ns, time), check->note);
		fflush(stdout); /* a check that hangs is known by the line that is missing */
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "name", json_object_new_string(row->name));
	json_object_object_add(json, "what", json_object_new_string(row->what));
	json_object_object_add(json, "result", json_object_new_string(names[result]));
	json_object_object_add(json, "reason",
			       check->note[0] != '\0' ? trnctl_text(check->note) : NULL);
	json_object_object_add(json, "wall_ns", json_object_new_uint64(wall_ns));
	json_object_array_add(test->checks, json);
}

static void run_one(struct selftest *test, const struct check_row *row)
{
	struct trnctl_check check = { .ctl = test->ctl,
				      .device = test->ctl->device,
				      .info = &test->ctl->info,
				      .may_reset = !test->no_reset,
				      .deadline_ns = trnctl_deadline(test->ctl, CHECK_SECONDS) };
	uint64_t start = trn_deadline_in(0);
	int answer = row->run(&check);

	if (answer < 0 && check.note[0] == '\0')
		note_error(&check, answer);
	report(test, row, &check,
	       answer == 0                 ? 0 :
	       answer == TRNCTL_CHECK_SKIP ? 2 :
					     1,
	       trn_deadline_in(0) - start);
}

static int list_checks(struct selftest *test)
{
	struct json_object *document, *list;

	if (!test->ctl->json) {
		for (size_t i = 0; i < ROWS; i++)
			printf("%-12s %s\n", rows[i].name, rows[i].what);
		return TRNCTL_OK;
	}
	document = trnctl_document("trn.selftest-list/1");
	list = json_object_new_array();
	for (size_t i = 0; i < ROWS; i++) {
		struct json_object *check = json_object_new_object();

		json_object_object_add(check, "name", json_object_new_string(rows[i].name));
		json_object_object_add(check, "what", json_object_new_string(rows[i].what));
		json_object_array_add(list, check);
	}
	json_object_object_add(document, "checks", list);
	return trnctl_print(test->ctl, document, TRNCTL_OK);
}

static int finish(struct selftest *test)
{
	enum trnctl_exit status = test->count[1] > 0 ? TRNCTL_FAILURE : TRNCTL_OK;
	struct json_object *document;

	if (!test->ctl->json) {
		printf("\n%u ok, %u failed, %u skipped on %s\n", test->count[0], test->count[1],
		       test->count[2], test->ctl->info.uri);
		return (int)status;
	}
	document = trnctl_document("trn.selftest/1");
	json_object_object_add(document, "device", trnctl_text(test->ctl->info.uri));
	json_object_object_add(document, "result",
			       json_object_new_string(status == TRNCTL_OK ? "ok" : "fail"));
	json_object_object_add(document, "ok", json_object_new_int64(test->count[0]));
	json_object_object_add(document, "failed", json_object_new_int64(test->count[1]));
	json_object_object_add(document, "skipped", json_object_new_int64(test->count[2]));
	json_object_object_add(document, "checks", json_object_get(test->checks));
	return trnctl_print(test->ctl, document, status);
}

int trnctl_selftest(struct trnctl *ctl, int argc, char **argv)
{
	struct selftest test = { .ctl = ctl };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &test,
		.args = "[CHECK...]",
		.doc = "Try everything the device can do.\v--timeout is for each check (30 s). "
		       "Resets are left out while somebody else holds a core. Exit status 1 when "
		       "a check fails.",
	};
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	if (test.list)
		return list_checks(&test);
	r = trnctl_open(ctl);
	if (r != TRNCTL_OK)
		return r;
	test.checks = json_object_new_array();
	for (size_t i = 0; i < ROWS; i++) {
		if (!test.some || test.chosen[i])
			run_one(&test, &rows[i]);
	}
	r = finish(&test);
	json_object_put(test.checks);
	return r;
}
