/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: the calendar, and what the model tells its host about. */
#include "base/bits.h"
#include "model/private.h"

uint64_t trn_model_now(const struct trn_model *model)
{
	return model->now_ps;
}

uint64_t trn_model_next(const struct trn_model *model)
{
	/* Firmware timers are never in the calendar: the registers that tick compute
	 * themselves from the time, so whatever is here can change something. */
	const struct trn_heap_item *item = trn_heap_peek(&model->calendar);

	return item ? item->when : TRN_MODEL_NEVER;
}

/* Whether a limit passes before the next event. */
static bool limit_first(const struct trn_model *model)
{
	const struct trn_heap_item *item = trn_heap_peek(&model->calendar);

	return model->limits && (!item || model->limits->when <= item->when);
}

static void limit_pass(struct trn_model *model)
{
	struct trn_limit *limit = model->limits;

	model->now_ps = trn_max_u64(model->now_ps, limit->when);
	trn_model_limit_drop(model, limit);
	limit->fn(limit->arg);
}

bool trn_model_step(struct trn_model *model)
{
	struct trn_heap_item item;

	if (limit_first(model)) {
		limit_pass(model);
		return true;
	}
	if (!trn_heap_pop(&model->calendar, &item))
		return false;
	model->now_ps = item.when;
	item.fn(item.arg, item.a, item.b);
	return true;
}

void trn_model_run(struct trn_model *model, uint64_t until_ps)
{
	for (;;) {
		const struct trn_heap_item *item = trn_heap_peek(&model->calendar);
		const uint64_t when = limit_first(model) ? model->limits->when :
				      item               ? item->when :
							   TRN_MODEL_NEVER;

		if (when > until_ps || when == TRN_MODEL_NEVER)
			break;
		(void)trn_model_step(model); /* there is one: it was looked at */
	}
	if (until_ps > model->now_ps)
		model->now_ps = until_ps;
}

void trn_model_limit(struct trn_model *model, struct trn_limit *limit, uint64_t when)
{
	struct trn_limit **at = &model->limits;

	trn_model_limit_drop(model, limit);
	/* Few, and as a rule the last one. */
	while (*at && (*at)->when <= when)
		at = &(*at)->next;
	limit->when = when;
	limit->set = true;
	limit->next = *at;
	*at = limit;
}

void trn_model_limit_drop(struct trn_model *model, struct trn_limit *limit)
{
	struct trn_limit **at = &model->limits;

	if (!limit->set)
		return;
	while (*at != limit)
		at = &(*at)->next;
	*at = limit->next;
	limit->set = false;
}

int trn_model_after(struct trn_model *model, uint64_t delay_ps,
		    void (*fn)(void *arg, uint64_t a, uint64_t b), void *arg, uint64_t a,
		    uint64_t b)
{
	const uint64_t now = model->now_ps;
	/* Past the end of time is the last moment, not the first. */
	const uint64_t when = delay_ps < TRN_MODEL_NEVER - 1 - now ? now + delay_ps :
								     TRN_MODEL_NEVER - 1;
	const int r = trn_heap_push(&model->calendar, when, fn, arg, a, b);

	if (r < 0)
		model->lost++;
	return r;
}

void trn_model_event(struct trn_chip *chip, enum trn_model_event_kind kind, const char *rule,
		     uint64_t address, uint64_t value, uint32_t engine, uint32_t queue)
{
	struct trn_model *model = chip->model;
	struct trn_model_event event = {
		.kind = kind,
		.rule = rule,
		.time_ps = model->now_ps,
		.address = address,
		.value = value,
		.engine = engine,
		.queue = queue,
		.chip = chip->index,
	};

	if (kind == TRN_EV_VIOLATION)
		chip->counters.violations++;
	if (kind == TRN_EV_DMA_ERROR)
		chip->counters.dma_errors++;
	if (model->host.event)
		model->host.event(model->host.user, &event);
}

uint64_t trn_model_lost_events(const struct trn_model *model)
{
	return model->lost;
}
