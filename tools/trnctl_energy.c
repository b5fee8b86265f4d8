// SPDX-License-Identifier: Apache-2.0
/* trnctl energy: what the parts of a simulated device took, idle and busy apart, and how the
 * power of full load comes together. */
#include "tools/trnctl.h"
#include <errno.h>

#include <inttypes.h>
#include <trn/diag.h>

#define TEXT_MAX 2048

struct energy {
	struct trnctl *ctl;
	bool derive;
};

enum {
	KEY_DERIVE = 0x200
};

static uint64_t number(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

static const char *text(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

static struct json_object *ask(struct trnctl *ctl, const char *arg)
{
	char answer[TEXT_MAX];

	if (trn_diag_control(ctl->device, "energy", arg, answer, sizeof(answer)) < 0)
		return NULL;
	return json_tokener_parse(answer);
}

static struct json_object *parts_of(struct json_object *energy)
{
	struct json_object *parts = NULL;

	return json_object_object_get_ex(energy, "parts", &parts) ? parts : NULL;
}

struct json_object *trnctl_energy_now(struct trnctl *ctl)
{
	struct json_object *energy = ask(ctl, NULL);

	if (parts_of(energy))
		return energy;
	json_object_put(energy);
	return NULL;
}

struct json_object *trnctl_energy_between(struct json_object *before, struct json_object *after)
{
	struct json_object *energy = json_object_new_object(), *list = json_object_new_array();
	struct json_object *from = parts_of(before), *to = parts_of(after);
	const size_t count = from && to ? json_object_array_length(from) : 0;

	json_object_object_add(
		energy, "time_ps",
		json_object_new_uint64(number(after, "time_ps") - number(before, "time_ps")));
	for (size_t i = 0; i < count && i < json_object_array_length(to); i++) {
		struct json_object *a = json_object_array_get_idx(from, i);
		struct json_object *b = json_object_array_get_idx(to, i);
		struct json_object *part = json_object_new_object();

		json_object_object_add(part, "part", json_object_new_string(text(b, "part")));
		json_object_object_add(
			part, "idle_nj",
			json_object_new_uint64(number(b, "idle_nj") - number(a, "idle_nj")));
		json_object_object_add(
			part, "busy_nj",
			json_object_new_uint64(number(b, "busy_nj") - number(a, "busy_nj")));
		json_object_array_add(list, part);
	}
	json_object_object_add(energy, "parts", list);
	return energy;
}

void trnctl_energy_print(struct json_object *energy)
{
	struct json_object *parts = parts_of(energy);
	const double us = (double)number(energy, "time_ps") / 1e6;
	uint64_t idle = 0, busy = 0;

	printf("\n%-12s %18s %18s\n", "energy", "idle uJ", "busy uJ");
	for (size_t i = 0; parts && i < json_object_array_length(parts); i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);

		idle += number(part, "idle_nj");
		busy += number(part, "busy_nj");
		printf("  %-10s %18.3f %18.3f\n", text(part, "part"),
		       (double)number(part, "idle_nj") / 1e3,
		       (double)number(part, "busy_nj") / 1e3);
	}
	printf("  %-10s %18.3f %18.3f\n", "chip", (double)idle / 1e3, (double)busy / 1e3);
	if (us > 0)
		printf("%.3f us of device time, %.3f W\n", us, (double)(idle + busy) / 1e3 / us);
}

static struct json_object *terms_json(struct trnctl *ctl)
{
	struct json_object *list = json_object_new_array(), *term;
	char index[24];

	for (unsigned int i = 0;; i++) {
		snprintf(index, sizeof(index), "%u", i);
		term = ask(ctl, index);
		if (!term)
			return list;
		json_object_array_add(list, term);
	}
}

static void terms_print(struct json_object *terms, struct json_object *now)
{
	const double mw = (double)number(now, "full_load_mw");
	const double peak = (double)number(now, "peak_f8_tflops");

	printf("\nFull load: every engine busy, the tensor engine in its fastest 8-bit format, HBM "
	       "at its rate\n%-7s %-44s %14s %9s %2s %9s  %s\n",
	       "part", "what", "a us", "each", "", "W", "source");
	for (size_t i = 0; i < json_object_array_length(terms); i++) {
		struct json_object *term = json_object_array_get_idx(terms, i);
		const bool events = number(term, "events_per_us") > 0;
		char count[24] = "", each[24] = "";

		if (events) {
			snprintf(count, sizeof(count), "%" PRIu64, number(term, "events_per_us"));
			snprintf(each, sizeof(each), "%" PRIu64 " %.4s", number(term, "value"),
				 text(term, "unit"));
		}
		printf("%-7s %-44s %14s %9s %2s %9.3f  %s\n", text(term, "part"),
		       text(term, "what"), count, each, text(term, "confidence"),
		       (double)number(term, "mw") / 1e3, text(term, "source"));
	}
	printf("sum %.3f W; the chip's power is %.3f W\n", mw / 1e3,
	       (double)number(now, "power_mw_busy") / 1e3);
	if (peak > 0)
		printf("by the published 8-bit peak of %g TFLOP/s: %.3f pJ/FLOP\n", peak,
		       mw / peak / 1e3);
	printf("None of the watts and joules is the vendor's own figure. B: derived from estimates "
	       "of the chip's power; C: a guess\n");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct energy *energy = state->input;

	switch (key) {
	case KEY_DERIVE:
		energy->derive = true;
		return 0;
	case ARGP_KEY_ARG:
		return trnctl_usage(energy->ctl, state, "\"%.40s\" is not wanted", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option own[] = {
	{ "derive", KEY_DERIVE, NULL, 0, "How the power of full load comes together", 1 },
	{ 0 },
};

int trnctl_energy(struct trnctl *ctl, int argc, char **argv)
{
	struct energy energy = { .ctl = ctl };
	const struct trnctl_options options = {
		.options = own,
		.parser = parse,
		.input = &energy,
		.doc = "What the parts of a simulated device took since it was opened, idle and "
		       "busy apart.\v\"run --energy\" tells what a program takes.",
	};
	struct json_object *now, *terms = NULL, *document;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_open(ctl);
	if (r != TRNCTL_OK)
		return r;
	now = trnctl_energy_now(ctl);
	if (!now)
		return trnctl_fail(ctl, -ENOTSUP, "this door does not tell its energy");
	if (energy.derive)
		terms = terms_json(ctl);
	if (ctl->json) {
		document = trnctl_document("trn.energy/1");
		json_object_object_add(document, "device", trnctl_text(ctl->info.uri));
		json_object_object_add(document, "energy", now);
		json_object_object_add(document, "derivation", terms);
		return trnctl_print(ctl, document, TRNCTL_OK);
	}
	trnctl_energy_print(now);
	if (terms)
		terms_print(terms, now);
	json_object_put(terms);
	json_object_put(now);
	return TRNCTL_OK;
}
