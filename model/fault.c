/* SPDX-License-Identifier: Apache-2.0 */
/* Injected faults. The catalogue is the table below; docs/faults.md promises an
 * outcome for each line. Parts of the model ask trn_fault_fires() where a
 * fault can strike: one question is one opportunity. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/uri.h"
#include "model/parts.h"

enum target_kind {
	TARGET_NONE,
	TARGET_ENGINE, /* UDMA engine */
	TARGET_CORE,
	TARGET_STACK,
	TARGET_LINK, /* between chips: number in the pod's graph */
};
static const uint32_t target_limit[] = {
	[TARGET_NONE] = 0,         [TARGET_ENGINE] = TRN_DMA_ENGINES, [TARGET_CORE] = TRN_CORES,
	[TARGET_STACK] = TRN_HBMS, [TARGET_LINK] = TRN_POD_LINKS_MAX,
};

struct kind {
	const char *name;
	enum target_kind target;
	uint64_t count; /* how often it strikes unless told otherwise; 0: always */
	uint64_t value;
	const char *help;
	bool random; /* each time it is a random number up to the value */
};

static const struct kind catalogue[] = {
	{ "reset.never", TARGET_NONE, 0, 0, "a reset request is accepted and never ends" },
	{ "reset.lost", TARGET_NONE, 1, 0, "a reset request is forgotten; asking again works" },
	{ "reset.slow", TARGET_NONE, 1, 5000, "a reset takes VALUE milliseconds longer" },
	{ "notready", TARGET_NONE, 1, 1000, "registers read 0xdeadbeef for VALUE milliseconds" },
	{ "device.lost", TARGET_NONE, 1, 0, "the device falls off the bus: all ones, for good" },
	{ "dma.hang", TARGET_ENGINE, 1, 0, "an engine stops at a packet until it is reset" },
	{ "dma.abort", TARGET_ENGINE, 1, 0,
	  "a packet ends in a data read error and aborts the engine" },
	{ "dma.slow", TARGET_ENGINE, 0, 100, "packets take VALUE times as long" },
	{ "dma.ringid", TARGET_ENGINE, 1, 0,
	  "a descriptor is fetched with the ring id of another lap" },
	{ "hbm.ecc", TARGET_STACK, 1, 1,
	  "a stack's ECC counters grow: VALUE is uncorrected | corrected << 16" },
	{ "hbm.repair", TARGET_NONE, 1, 1, "the repair state becomes VALUE: 1 pending, 2 failed" },
	{ "sram.ecc", TARGET_NONE, 1, 1, "the SRAM's ECC counters grow, VALUE as for hbm.ecc" },
	{ "mailbox.silent", TARGET_NONE, 1, 0, "the firmware does not answer a request" },
	{ "mailbox.error", TARGET_NONE, 1, TRN_MBOX_FAIL, "the firmware answers with error VALUE" },
	{ "mailbox.badseq", TARGET_NONE, 1, 0,
	  "the answer carries the sequence of another request" },
	{ "core.hang", TARGET_CORE, 1, 0, "a core's engines stop inside a launch until reset" },
	{ "core.error", TARGET_CORE, 1, 0, "a launch ends in an error and the core is faulted" },
	{ "link.slow", TARGET_LINK, 0, 4, "a link carries 1/VALUE of its rate" },
	{ "link.flap", TARGET_LINK, 1, 100, "a link is down for VALUE microseconds" },
	{ "link.down", TARGET_LINK, 1, 0, "a link is lost: what needs it ends in an error" },
	{ "link.jitter", TARGET_LINK, 0, 10000,
	  "what passes a link comes up to VALUE nanoseconds later, in order", true },
};

/* One armed fault. */
struct trn_fault {
	struct trn_fault *next;
	const struct kind *kind;
	uint32_t target; /* UINT32_MAX: any */
	uint64_t chip;   /* UINT64_MAX: any */
	uint64_t after, count, value, seen, fired;
	struct trn_prng prng;
};

const char *trn_fault_name(unsigned int index, const char **ret_help)
{
	if (index >= TRN_ARRAY_LEN(catalogue))
		return NULL;
	*ret_help = catalogue[index].help;
	return catalogue[index].name;
}

bool trn_fault_fires(struct trn_chip *chip, const char *name, uint32_t target, uint64_t *ret_value)
{
	for (struct trn_fault *fault = chip->model->faults; fault; fault = fault->next) {
		if ((fault->target != UINT32_MAX && fault->target != target) ||
		    (fault->chip != UINT64_MAX && fault->chip != chip->index) ||
		    strcmp(fault->kind->name, name) != 0)
			continue;
		if (fault->seen++ < fault->after ||
		    (fault->count != 0 && fault->fired >= fault->count))
			continue;
		fault->fired++;
		*ret_value = fault->kind->random && fault->value < UINT64_MAX ?
				     trn_prng_below(&fault->prng, fault->value + 1) :
				     fault->value;
		trn_model_event(chip, TRN_EV_FAULT, fault->kind->name, 0, *ret_value, target, 0);
		return true;
	}
	return false;
}

/* Copies text up to one of the stop characters; moves *text to it. */
static int take(const char **text, const char *stop, char *buf, size_t size)
{
	size_t length = strcspn(*text, stop);

	if (length == 0 || length >= size)
		return -EINVAL;
	memcpy(buf, *text, length);
	buf[length] = 0;
	*text += length;
	return 0;
}

static const char *parse_option(const char **text, struct trn_fault *fault, uint64_t *ret_seed)
{
	const struct {
		const char *name;
		uint64_t *value;
	} options[] = {
		{ "after", &fault->after }, { "count", &fault->count }, { "value", &fault->value },
		{ "seed", ret_seed },       { "chip", &fault->chip },
	};
	char word[24];
	size_t i = 0;

	if (take(text, "=,", word, sizeof(word)) < 0 || **text != '=')
		return "an option is NAME=NUMBER";
	(*text)++;
	while (i < TRN_ARRAY_LEN(options) && strcmp(options[i].name, word) != 0)
		i++;
	if (i == TRN_ARRAY_LEN(options))
		return "options are after, count, value, seed and chip";
	if (take(text, ",", word, sizeof(word)) < 0 || trn_parse_size(word, options[i].value) < 0)
		return "an option is NAME=NUMBER";
	return NULL;
}

/* NULL, or what is wrong. */
static const char *parse(const char *text, struct trn_fault *fault)
{
	char word[24];
	uint64_t target = 0, seed = 0;
	size_t i = 0;

	if (take(&text, "@,", word, sizeof(word)) < 0)
		return "no fault of that name";
	while (i < TRN_ARRAY_LEN(catalogue) && strcmp(catalogue[i].name, word) != 0)
		i++;
	if (i == TRN_ARRAY_LEN(catalogue))
		return "no fault of that name";
	*fault = (struct trn_fault){ .kind = &catalogue[i],
				     .target = UINT32_MAX,
				     .chip = UINT64_MAX,
				     .count = catalogue[i].count,
				     .value = catalogue[i].value };
	if (*text == '@') {
		text++;
		if (take(&text, ",", word, sizeof(word)) < 0 || trn_parse_size(word, &target) < 0 ||
		    target >= target_limit[catalogue[i].target])
			return "no such target";
		fault->target = (uint32_t)target;
	}
	while (*text == ',') {
		const char *why;

		text++;
		why = parse_option(&text, fault, &seed);
		if (why)
			return why;
	}
	trn_prng_seed(&fault->prng, seed);
	/* Somewhere in the first opportunities, the same place each time. */
	if (seed != 0)
		fault->after = trn_prng_below(&fault->prng, fault->after + 1);
	return NULL;
}

int trn_model_fault(struct trn_model *model, const char *spec, const char **ret_why)
{
	struct trn_fault parsed, *fault, **last = &model->faults;
	const struct trn_pod_graph *graph = trn_model_graph(model);
	const char *why = parse(spec, &parsed);

	if (!why && parsed.chip != UINT64_MAX && parsed.chip >= model->chip_count)
		why = "no such chip";
	if (!why && parsed.kind->target == TARGET_LINK && parsed.target != UINT32_MAX &&
	    (!graph || parsed.target >= graph->links))
		why = "no such target";
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	fault = trn_alloc_zero(model->alloc, sizeof(*fault));
	if (!fault) {
		*ret_why = "out of memory";
		return -ENOMEM;
	}
	*fault = parsed;
	while (*last)
		last = &(*last)->next;
	*last = fault;
	return 0;
}

void trn_fault_destroy(struct trn_model *model)
{
	while (model->faults) {
		struct trn_fault *fault = model->faults;

		model->faults = fault->next;
		trn_free(model->alloc, fault);
	}
}
