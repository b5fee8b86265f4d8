// SPDX-License-Identifier: Apache-2.0
/* trnctl metrics: the numbers of a device for a monitoring system, and its events. */
#include "tools/trnctl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define WATCH_MAX 86400u

struct metrics {
	struct trnctl *ctl;
	bool list, events;
	uint64_t watch_s;
	uint64_t cursor; /* of the events that were shown */
};

enum {
	KEY_LIST = 0x200,
	KEY_EVENTS,
	KEY_OPENMETRICS,
	KEY_WATCH
};

/* ---- the table of what there is ---- */

static int list_print(struct trnctl *ctl)
{
	static const char *const types[] = { "counter", "gauge", "info", "histogram" };
	struct trn_metric m = { .size = sizeof(m) };
	struct json_object *families = json_object_new_array();

	for (uint32_t i = 0; trn_telemetry_metric(i, &m) == 0; i++) {
		struct json_object *family = json_object_new_object();

		if (!ctl->json)
			printf("| `%s` | %s | %s | %s | %s |\n", m.name, types[m.type], m.unit,
			       m.labels, m.help);
		json_object_object_add(family, "name", trnctl_text(m.name));
		json_object_object_add(family, "type", trnctl_text(types[m.type]));
		json_object_object_add(family, "unit", trnctl_text(m.unit));
		json_object_object_add(family, "labels", trnctl_text(m.labels));
		json_object_object_add(family, "help", trnctl_text(m.help));
		json_object_array_add(families, family);
	}
	if (ctl->json) {
		struct json_object *document = trnctl_document("trn.metric-list/1");

		json_object_object_add(document, "families", families);
		return trnctl_print(ctl, document, TRNCTL_OK);
	}
	json_object_put(families);
	return TRNCTL_OK;
}

/* ---- events ---- */

static int event_text(void *user, const struct trn_event *e)
{
	char when[24];

	(void)user;
	printf("%6" PRIu64 "  %14s  %-13s", e->number, trnctl_duration(e->time_ns, when),
	       trn_event_kind_name(e->kind));
	if (e->core >= 0)
		printf("  core %" PRId32, e->core);
	if (e->queue >= 0)
		printf("  queue %" PRId32, e->queue);
	if (e->command >= 0)
		printf("  command %" PRId64, e->command);
	if (e->code != 0)
		printf("  %s", trnctl_code_name(e->code));
	if (e->address != 0)
		printf("  at 0x%" PRIx64, e->address);
	if (e->value != 0)
		printf("  value %" PRIu64, e->value);
	printf("%s%s\n", e->text[0] ? "  " : "", e->text);
	return 0;
}

static int event_json(void *user, const struct trn_event *e)
{
	struct json_object *event = json_object_new_object();

	json_object_object_add(event, "number", json_object_new_uint64(e->number));
	json_object_object_add(event, "time_ns", json_object_new_uint64(e->time_ns));
	json_object_object_add(event, "kind", trnctl_text(trn_event_kind_name(e->kind)));
	json_object_object_add(event, "code",
			       e->code ? trnctl_text(trnctl_code_name(e->code)) : NULL);
	json_object_object_add(event, "core", e->core >= 0 ? json_object_new_int(e->core) : NULL);
	json_object_object_add(event, "queue",
			       e->queue >= 0 ? json_object_new_int(e->queue) : NULL);
	json_object_object_add(event, "command",
			       e->command >= 0 ? json_object_new_int64(e->command) : NULL);
	json_object_object_add(event, "address", json_object_new_uint64(e->address));
	json_object_object_add(event, "value", json_object_new_uint64(e->value));
	json_object_object_add(event, "text", trnctl_text(e->text));
	json_object_array_add(user, event);
	return 0;
}

/* ---- one look ---- */

typedef int (*text_fn)(struct trn_context *context, char *buf, size_t size, size_t *ret_needed);

/* The whole text, the caller's to free; NULL with *ret_exit set. */
static char *text_take(struct trnctl *ctl, text_fn fn, int *ret_exit)
{
	size_t needed = 4096, size = 0;
	char *buf = NULL;

	while (needed > size) {
		int r;

		free(buf);
		size = needed + needed / 8;
		buf = malloc(size);
		r = buf ? fn(ctl->context, buf, size, &needed) : -ENOMEM;
		if (r < 0) {
			*ret_exit = trnctl_fail(ctl, r, "the numbers cannot be read");
			free(buf);
			return NULL;
		}
	}
	return buf;
}

static int show_json(struct metrics *metrics)
{
	struct trnctl *ctl = metrics->ctl;
	struct json_object *document, *numbers, *list = NULL;
	struct json_object *events = json_object_new_array();
	uint64_t missed = 0;
	int status = TRNCTL_OK;
	char *text = text_take(ctl, trn_telemetry_json, &status);

	numbers = text ? json_tokener_parse(text) : NULL;
	free(text);
	if (!numbers || !json_object_object_get_ex(numbers, "metrics", &list)) {
		json_object_put(numbers);
		json_object_put(events);
		return status != TRNCTL_OK ? status : trnctl_fail(ctl, -EIO, "no JSON came");
	}
	document = trnctl_document("trn.metrics/1");
	json_object_object_add(document, "metrics", json_object_get(list));
	json_object_put(numbers);
	(void)trn_telemetry_events(ctl->device, &metrics->cursor, event_json, events, &missed);
	json_object_object_add(document, "events", events);
	json_object_object_add(document, "events_missed", json_object_new_uint64(missed));
	return trnctl_print(ctl, document, TRNCTL_OK);
}

static int show(struct metrics *metrics)
{
	int status = TRNCTL_OK;
	char *text;

	if (metrics->ctl->json)
		return show_json(metrics);
	if (metrics->events) {
		(void)trn_telemetry_events(metrics->ctl->device, &metrics->cursor, event_text, NULL,
					   NULL);
		return TRNCTL_OK;
	}
	text = text_take(metrics->ctl, trn_telemetry_openmetrics, &status);
	if (text)
		fputs(text, stdout);
	free(text);
	return status;
}

/* Again and again; with --timeout until that has passed. */
static int watch(struct metrics *metrics)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };
	uint64_t rounds = UINT64_MAX;
	int r = show(metrics);

	if (metrics->ctl->timeout_ns > 0)
		rounds = metrics->ctl->timeout_ns / (metrics->watch_s * SECOND_NS);
	for (uint64_t i = 0; r == TRNCTL_OK && i < rounds; i++) {
		/* Nothing is waited for but the end of who reads; a failed write is said when the
		 * tool ends. */
		if (fflush(stdout) != 0 || poll(&reader, 1, (int)metrics->watch_s * 1000) != 0)
			break;
		r = show(metrics);
	}
	return r;
}

/* ---- command line ---- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct metrics *metrics = state->input;

	switch (key) {
	case KEY_LIST:
		metrics->list = true;
		return 0;
	case KEY_EVENTS:
		metrics->events = true;
		return 0;
	case KEY_OPENMETRICS:
		return 0;
	case KEY_WATCH:
		if (trnctl_number(arg, &metrics->watch_s) < 0 || metrics->watch_s < 1 ||
		    metrics->watch_s > WATCH_MAX)
			return trnctl_usage(metrics->ctl, state,
					    "--watch: \"%.40s\" is not 1 to %u seconds", arg,
					    WATCH_MAX);
		return 0;
	case ARGP_KEY_ARG:
		return trnctl_usage(metrics->ctl, state, "\"%.40s\" is not wanted", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option own[] = {
	{ "openmetrics", KEY_OPENMETRICS, NULL, 0, "OpenMetrics text, as without any option", 1 },
	{ "events", KEY_EVENTS, NULL, 0, "Events instead of numbers (JSON has both)", 1 },
	{ "list", KEY_LIST, NULL, 0, "What numbers there are; opens no device", 1 },
	{ "watch", KEY_WATCH, "SECONDS", 0, "Again every so many seconds, until --timeout", 1 },
	{ 0 },
};

int trnctl_metrics(struct trnctl *ctl, int argc, char **argv)
{
	struct metrics metrics = { .ctl = ctl };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &metrics,
		.doc = "Numbers of a device for a monitoring system, and its events.\vRegisters of "
		       "the device count for everybody; queues, memory and events are those of "
		       "this process.",
	};
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	if (metrics.list)
		return list_print(ctl);
	if (metrics.watch_s > 0 && ctl->json)
		return trnctl_fail_usage(ctl, "--json is one document, --watch many texts");
	r = trnctl_open(ctl);
	if (r != TRNCTL_OK)
		return r;
	return metrics.watch_s > 0 ? watch(&metrics) : show(&metrics);
}
