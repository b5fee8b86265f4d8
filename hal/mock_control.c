/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's control verbs: faults in, state and counters out as JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/text.h"
#include "base/uri.h"
#include "hal/bus_mock.h"
#include "model/gen.h"

#define MOCK_SPEC 256 /* of a fault, with what is added */

struct verb {
	const char *name;
	/* Lock held. Text into buf, which holds any answer. */
	int (*run)(struct mock *mock, const char *arg, char *buf, size_t size);
};

int trn_mock_fault(struct mock *mock, const char *spec, const char **ret_why)
{
	char own[MOCK_SPEC];

	/* Links have numbers of the pod; a spec that names a chip means it. */
	if (mock->pod->chip_count == 1 || strncmp(spec, "link.", 5) == 0 || strstr(spec, ",chip="))
		return trn_model_fault(mock->pod->model, spec, ret_why);
	if (snprintf(own, sizeof(own), "%s,chip=%" PRIu32, spec, mock->index) >= (int)sizeof(own)) {
		*ret_why = "too long";
		return -EINVAL;
	}
	return trn_model_fault(mock->pod->model, own, ret_why);
}

static int verb_fault(struct mock *mock, const char *arg, char *buf, size_t size)
{
	const char *why = NULL;
	int r = trn_mock_fault(mock, arg ? arg : "", &why);

	if (r < 0)
		snprintf(buf, size, "{\"error\":\"%s\"}", why ? why : "refused");
	else
		snprintf(buf, size, "{}");
	return r;
}

static int verb_violations(struct mock *mock, const char *arg, char *buf, size_t size)
{
	const struct mock_chip *chip = &mock->pod->chips[mock->index];
	const uint64_t count = chip->totals[TRN_EV_VIOLATION];

	(void)arg;
	snprintf(buf, size,
		 "{\"violations\":%" PRIu64 ",\"last\":\"%s\",\"address\":\"0x%" PRIx64
		 "\",\"time_ps\":%" PRIu64 "}",
		 count, count ? chip->last_violation.rule : "", chip->last_violation.address,
		 chip->last_violation.time_ps);
	return 0;
}

static int verb_counters(struct mock *mock, const char *arg, char *buf, size_t size)
{
	struct trn_chip_counters c;

	(void)arg;
	trn_chip_counters(mock->chip, &c);
	snprintf(buf, size,
		 "{\"dma_bytes\":%" PRIu64 ",\"dma_packets\":%" PRIu64 ",\"dma_errors\":%" PRIu64
		 ",\"instructions\":%" PRIu64 ",\"launches\":%" PRIu64 ",\"matmul_macs\":%" PRIu64
		 ",\"doorbells\":%" PRIu64 ",\"resets\":%" PRIu64 ",\"mailbox_requests\":%" PRIu64
		 ",\"violations\":%" PRIu64 ",\"busy_ps\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64
		 ",%" PRIu64 ",%" PRIu64 "],\"unknown_registers\":%" PRIu64
		 ",\"lost_events\":%" PRIu64 ",\"gemm_kernels\":%zu}",
		 c.dma_bytes, c.dma_packets, c.dma_errors, c.instructions, c.launches,
		 c.matmul_macs, c.doorbells, c.resets, c.mailbox_requests, c.violations,
		 c.busy_ps[0], c.busy_ps[1], c.busy_ps[2], c.busy_ps[3], c.busy_ps[4],
		 mock->pod->chips[mock->index].totals[TRN_EV_UNKNOWN_REG],
		 trn_model_lost_events(mock->pod->model), trn_mock_gemm_kernels(mock->pod->gemm));
	return 0;
}

static int verb_hash(struct mock *mock, const char *arg, char *buf, size_t size)
{
	(void)arg;
	snprintf(buf, size, "{\"hash\":\"0x%016" PRIx64 "\"}", trn_model_hash(mock->pod->model));
	return 0;
}

static int verb_time(struct mock *mock, const char *arg, char *buf, size_t size)
{
	(void)arg;
	snprintf(buf, size, "{\"time_ps\":%" PRIu64 "}", trn_model_now(mock->pod->model));
	return 0;
}

/* Steps an inline model by up to arg events (default 1). */
static int verb_step(struct mock *mock, const char *arg, char *buf, size_t size)
{
	uint64_t limit = 1;
	uint64_t done = 0;

	if (mock->pod->threaded)
		return -ENOTSUP;
	if (arg && trn_parse_size(arg, &limit) < 0)
		return -EINVAL;
	while (done < limit && trn_model_next(mock->pod->model) != TRN_MODEL_NEVER &&
	       trn_model_step(mock->pod->model))
		done++;
	snprintf(buf, size, "{\"steps\":%" PRIu64 ",\"time_ps\":%" PRIu64 "}", done,
		 trn_model_now(mock->pod->model));
	return 0;
}

/* Text of tables and of profiles, which refuse what JSON would escape. */
static int constant_json(const struct trn_gen *gen, uint64_t index, char *buf, size_t size)
{
	const struct trn_gen_field_info *info;

	if (index >= TRN_GEN_FIELD_COUNT)
		return -EINVAL;
	info = &trn_gen_fields[index];
	snprintf(buf, size,
		 "{\"name\":\"%s\",\"value\":%" PRIu64 ",\"unit\":\"%s\",\"confidence\":\"%c\","
		 "\"source\":\"%s\",\"least\":%" PRIu64 ",\"most\":%" PRIu64 ",\"help\":\"%s\"}",
		 info->name, gen->value[index], info->unit, gen->origin[index].confidence,
		 gen->origin[index].source, info->least, info->most, info->help);
	return 0;
}

/* What the device is made of; with a number, the constant of that index. */
static int verb_generation(struct mock *mock, const char *arg, char *buf, size_t size)
{
	const struct trn_gen *gen = mock->pod->gen;
	const char *name, *comma = "";
	uint64_t index = 0;
	uint32_t bit;
	size_t used;

	if (arg)
		return trn_parse_size(arg, &index) < 0 ? -EINVAL :
							 constant_json(gen, index, buf, size);
	used = trn_text_add(buf, size, 0,
			    "{\"name\":\"%s\",\"product\":\"%s\",\"base\":\"trn%u\","
			    "\"preview\":%s,\"constants\":%d,\"features\":[",
			    gen->name, gen->product, gen->number, gen->preview ? "true" : "false",
			    TRN_GEN_FIELD_COUNT);
	for (unsigned int i = 0; (name = trn_gen_feature(i, &bit, NULL)); i++) {
		if (!(gen->features & bit))
			continue;
		used = trn_text_add(buf, size, used, "%s\"%s\"", comma, name);
		comma = ",";
	}
	(void)trn_text_add(buf, size, used, "]}");
	return 0;
}

/* A term of the derivation of full load. */
static int energy_term_json(const struct trn_gen *gen, uint64_t index, char *buf, size_t size)
{
	struct trn_energy_term term;

	if (index > UINT32_MAX || !trn_energy_term(gen, (uint32_t)index, &term))
		return -EINVAL;
	snprintf(buf, size,
		 "{\"part\":\"%s\",\"what\":\"%s\",\"events_per_us\":%" PRIu64
		 ",\"constant\":\"%s\",\"value\":%" PRIu64 ",\"unit\":\"%s\",\"confidence\":\"%c\","
		 "\"source\":\"%s\",\"mw\":%" PRIu64 "}",
		 trn_energy_part_name(term.part), term.what, term.events_per_us,
		 trn_gen_fields[term.field].name, gen->value[term.field],
		 trn_gen_fields[term.field].unit, gen->origin[term.field].confidence,
		 gen->origin[term.field].source, term.mw);
	return 0;
}

/* What the chip took since it was opened, by part; with a number, that term of full load. */
static int verb_energy(struct mock *mock, const char *arg, char *buf, size_t size)
{
	struct trn_chip_counters c;
	uint64_t index = 0;
	size_t used;

	if (arg)
		return trn_parse_size(arg, &index) < 0 ?
			       -EINVAL :
			       energy_term_json(mock->pod->gen, index, buf, size);
	trn_chip_counters(mock->chip, &c);
	used = trn_text_add(buf, size, 0,
			    "{\"time_ps\":%" PRIu64 ",\"full_load_mw\":%" PRIu64
			    ",\"power_mw_busy\":%" PRIu64 ",\"peak_f8_tflops\":%" PRIu64
			    ",\"parts\":[",
			    trn_model_now(mock->pod->model),
			    trn_energy_full_load_mw(mock->pod->gen), mock->pod->gen->power_mw_busy,
			    mock->pod->gen->peak_f8_tflops);
	for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++)
		used = trn_text_add(buf, size, used,
				    "%s{\"part\":\"%s\",\"idle_nj\":%" PRIu64
				    ",\"busy_nj\":%" PRIu64 "}",
				    p ? "," : "", trn_energy_part_name(p), c.idle_nj[p],
				    c.busy_nj[p]);
	(void)trn_text_add(buf, size, used, "]}");
	return 0;
}

/* A directed link of the pod, as it is now. */
static int verb_link(struct mock *mock, const char *arg, char *buf, size_t size)
{
	static const char *const states[] = {
		[TRN_LINK_UP] = "up", [TRN_LINK_DEGRADED] = "degraded", [TRN_LINK_DOWN] = "down"
	};
	struct trn_model_link link;
	uint64_t index = 0;

	if (!arg || trn_parse_size(arg, &index) < 0 || index > UINT32_MAX ||
	    !trn_model_link(mock->pod->model, (uint32_t)index, &link))
		return -EINVAL;
	snprintf(buf, size,
		 "{\"link\":%" PRIu64 ",\"state\":\"%s\",\"level\":%d,\"mbps\":%" PRIu64
		 ",\"bytes\":%" PRIu64 ",\"busy_ps\":%" PRIu64 ",\"queued_ps\":%" PRIu64 "}",
		 index, states[link.state], (int)link.state, link.mbps, link.bytes, link.busy_ps,
		 link.queued_ps);
	return 0;
}

static const struct verb verbs[] = {
	{ "fault", verb_fault },       { "violations", verb_violations },
	{ "counters", verb_counters }, { "stats", verb_counters },
	{ "hash", verb_hash },         { "time", verb_time },
	{ "step", verb_step },         { "generation", verb_generation },
	{ "energy", verb_energy },     { "link", verb_link },
};

int trn_mock_control(struct mock *mock, const char *verb, const char *arg, char *ret_text,
		     size_t text_size)
{
	char buf[1536] = ""; /* nine parts of energy, each number of 20 digits */
	int r = -ENOTSUP;

	for (size_t i = 0; i < TRN_ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, verb) != 0)
			continue;
		trn_mock_lock(mock->pod);
		r = verbs[i].run(mock, arg, buf, sizeof(buf));
		trn_mock_unlock_log(mock);
		break;
	}
	if (!ret_text || buf[0] == '\0')
		return r;
	if (strlen(buf) >= text_size)
		return r < 0 ? r : -ENOSPC;
	memcpy(ret_text, buf, strlen(buf) + 1);
	return r;
}
