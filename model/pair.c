/* SPDX-License-Identifier: Apache-2.0 */
/* Cores 2n and 2n + 1 as a pair: barriers and exchanges (docs/isa.md, 5 and 7). What a core
 * has come to is counted in the chip, so that the order of arrival does not matter; who
 * waits is found in the cores. A side that stops takes its waits with it. */
#include "model/pair.h"

#include "base/hash.h"

#define TRN_GPSIMD_EXCHANGE_MAX 256u /* elements of a row, whatever their size (H 4.6) */

static uint32_t side_of(const struct trn_core *core)
{
	return core->index & 1;
}

static struct trn_pair *pair_of(const struct trn_core *core)
{
	return &core->chip->pair[core->index / 2];
}

/* The other core, when it runs; NULL when it does not. */
static struct trn_core *partner_of(const struct trn_core *core)
{
	struct trn_core *partner = core->chip->core[core->index ^ 1];

	return partner && partner->state == TRN_CORE_RUNNING ? partner : NULL;
}

void trn_pair_stopped(struct trn_core *core)
{
	if (!partner_of(core))
		memset(pair_of(core), 0, sizeof(*pair_of(core)));
}

int trn_check_core_barrier(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	(void)core;
	return inst->imm[0] < TRN_PAIR_PLACES ?
		       0 :
		       trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
}

/* Both ends of an exchange; and the way through the gpsimd engine takes no long rows (H 4.6). */
int trn_check_sendrecv(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->dst.view, *src = &inst->src.view;

	(void)core;
	if (inst->imm[0] >= TRN_PAIR_PLACES)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	if (inst->dst.space != TRN_SPACE_SBUF)
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_SPACE);
	if (inst->src.space != TRN_SPACE_SBUF)
		return trn_inst_refuse(error, TRN_AP_SRC0, TRN_RULE_SPACE);
	if (dst->dtype != src->dtype)
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (dst->partitions != src->partitions || dst->count != src->count)
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	if ((inst->head.flags & TRN_DMA_GPSIMD) && src->count > TRN_GPSIMD_EXCHANGE_MAX)
		return trn_inst_refuse(error, TRN_AP_SRC0, TRN_RULE_SHAPE);
	return 0;
}

/* ---- barriers ---- */

bool trn_pair_barrier(struct trn_core_engine *engine)
{
	struct trn_core *core = engine->core, *partner = partner_of(core);
	const uint32_t place = engine->current->imm[0], side = side_of(core);
	struct trn_pair *pair = pair_of(core);

	if (!engine->arrived) {
		engine->arrived = true;
		engine->arrival = ++pair->barrier[side][place];
		for (uint32_t e = 0; partner && e < TRN_ENGINE_COUNT; e++) {
			struct trn_core_engine *other = &partner->engine[e];

			if (other->arrived && other->current->imm[0] == place &&
			    other->arrival <= engine->arrival)
				trn_seq_wake(other);
		}
	}
	if (pair->barrier[side ^ 1][place] < engine->arrival)
		return false;
	engine->arrived = false;
	return true;
}

/* ---- exchanges ---- */

/* The slot of the other core's exchange that this one meets, or TRN_DMA_LIVE. */
static uint32_t meets(const struct trn_core *partner, const struct trn_core_dma *dma)
{
	uint32_t slot = 0;

	while (slot < TRN_DMA_LIVE && !(partner->dma[slot].used && partner->dma[slot].alone &&
					partner->dma[slot].inst.imm[0] == dma->inst.imm[0] &&
					partner->dma[slot].arrival == dma->arrival))
		slot++;
	return slot;
}

/* Row by row, both sources before either destination. */
static void exchange(struct trn_core *a, const struct trn_inst *x, struct trn_core *b,
		     const struct trn_inst *y)
{
	for (uint32_t p = 0; p < x->src.view.partitions; p++) {
		trn_row_gather(&x->src.view, p, 0, x->src.view.count, a->scratch->raw);
		trn_row_gather(&y->src.view, p, 0, y->src.view.count, b->scratch->raw);
		trn_row_scatter(&x->dst.view, p, 0, x->dst.view.count, b->scratch->raw);
		trn_row_scatter(&y->dst.view, p, 0, y->dst.view.count, a->scratch->raw);
	}
	trn_core_wrote(a, &x->dst.view, false);
	trn_core_wrote(b, &y->dst.view, false);
}

/* When both copies are through, as it looks now; neither ends before. */
static uint64_t exchange_end(struct trn_core *a, uint32_t x, struct trn_core *b, uint32_t y)
{
	const uint64_t end = trn_max_u64(trn_dma_end_ps(a, x), trn_dma_end_ps(b, y));

	trn_dma_hold(a, x, end);
	trn_dma_hold(b, y, end);
	return end;
}

static void exchange_event(void *arg, uint64_t slots, uint64_t epochs);

static void exchange_after(struct trn_core *core, uint32_t mine, struct trn_core *partner,
			   uint32_t theirs)
{
	struct trn_model *model = core->chip->model;
	const uint64_t end = exchange_end(core, mine, partner, theirs);

	if (trn_model_after(model, end - model->now_ps, exchange_event, core,
			    (uint64_t)theirs << 32 | mine,
			    (uint64_t)partner->epoch << 32 | core->epoch) < 0) {
		trn_seq_lost(core, core->dma[mine].inst.engine);
		trn_seq_lost(partner, partner->dma[theirs].inst.engine);
	}
}

/* Ends on both cores; one that has stopped meanwhile leaves the other waiting. */
static void exchange_event(void *arg, uint64_t slots, uint64_t epochs)
{
	struct trn_core *core = arg, *partner = core->chip->core[core->index ^ 1];
	const uint32_t mine = trn_lo32(slots), theirs = trn_hi32(slots);
	const struct trn_inst *x = &core->dma[mine].inst, *y = &partner->dma[theirs].inst;

	if (core->epoch != trn_lo32(epochs) || partner->epoch != trn_hi32(epochs))
		return;
	/* Others that came meanwhile have made it later. */
	if (exchange_end(core, mine, partner, theirs) > core->chip->model->now_ps) {
		exchange_after(core, mine, partner, theirs);
		return;
	}
	if (trn_shadow_moves(core, x))
		exchange(core, x, partner, y);
	core->chip->counters.dma_bytes += 2 * x->dst.count * x->dst.esize;
	trn_seq_dma_done(core, mine);
	trn_seq_dma_done(partner, theirs);
}

static int shapes_agree(const struct trn_inst *x, const struct trn_inst *y,
			struct trn_core_error *error)
{
	if (x->dst.dtype != y->dst.dtype)
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_DTYPE);
	if (x->dst.view.partitions != y->dst.view.partitions ||
	    x->dst.view.count != y->dst.view.count)
		return trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_SHAPE);
	return 0;
}

int trn_pair_exchange(struct trn_core *core, uint32_t slot, struct trn_core_error *error)
{
	struct trn_core *partner = partner_of(core);
	struct trn_core_dma *mine = &core->dma[slot], *theirs;
	struct trn_core_engine *engine = &core->engine[mine->inst.engine], *other;
	uint32_t met = TRN_DMA_LIVE;

	mine->alone = engine->exchanging = true;
	mine->arrival = ++pair_of(core)->pipe[side_of(core)][mine->inst.imm[0]];
	if (partner)
		met = meets(partner, mine);
	if (met == TRN_DMA_LIVE)
		return 0;
	theirs = &partner->dma[met];
	if (shapes_agree(&mine->inst, &theirs->inst, error) < 0)
		return -1;
	other = &partner->engine[theirs->inst.engine];
	(void)trn_dma_begin_ps(core, slot);
	(void)trn_dma_begin_ps(partner, met);
	mine->alone = theirs->alone = engine->exchanging = other->exchanging = false;
	exchange_after(core, slot, partner, met);
	trn_seq_wake(other);
	return 0;
}

uint64_t trn_pair_hash(const struct trn_core *core, uint64_t hash)
{
	const struct trn_pair *pair = pair_of(core);

	hash = trn_hash_bytes(hash, pair->barrier[side_of(core)], sizeof(pair->barrier[0]));
	return trn_hash_bytes(hash, pair->pipe[side_of(core)], sizeof(pair->pipe[0]));
}

int trn_exec_pair(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	(void)core;
	(void)inst;
	(void)error;
	return 0;
}
