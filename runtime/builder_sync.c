/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for whom. Work forms queues that are in order in themselves: what an engine
 * computes, and the DMAs it triggers. Each queue counts what it has finished in a semaphore;
 * an instruction waits for the queues whose last touch of its memory it may not overtake.
 * A barrier sets all counts back to 0, so that a loop's body means the same in each round. */
#include "runtime/builder.h"

#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"

/* A DMA's 16 engines each add 1. */
static uint32_t steps_of(uint32_t queue)
{
	return queue < TRN_ENGINE_COUNT ? 1 : TRN_ISA_DMA_ENGINES;
}

static bool overlap(const struct trn_build_area *a, const struct trn_build_area *b)
{
	return a->space == b->space && a->first < b->last && b->first < a->last && a->lo < b->hi &&
	       b->lo < a->hi;
}

static bool covers(const struct trn_build_area *a, const struct trn_build_area *b)
{
	return a->space == b->space && a->first <= b->first && b->last <= a->last &&
	       a->lo <= b->lo && b->hi <= a->hi;
}

static void merge(struct trn_build_clock *into, const struct trn_build_clock *from)
{
	for (uint32_t q = 0; q < TRN_BUILD_QUEUES; q++)
		if (into->done[q] < from->done[q])
			into->done[q] = from->done[q];
}

/* Entries of other queues that must be done first. An engine's own computing is in order;
 * DMAs only finish in order, so even one queue's DMAs wait for each other. */
static void find_needs(const struct trn_builder *builder, uint32_t queue,
		       const struct trn_build_use *use, uint32_t count, uint32_t *need)
{
	for (uint32_t i = 0; i < builder->access_count; i++) {
		const struct trn_build_access *old = &builder->access[i];

		if (old->queue == queue && queue < TRN_ENGINE_COUNT)
			continue;
		if (old->entry <= need[old->queue])
			continue;
		for (uint32_t u = 0; u < count; u++)
			if ((old->write || use[u].write) && overlap(&old->area, &use[u].area))
				need[old->queue] = old->entry;
	}
}

/* Drops what the engine knows, and what another wait brings along. */
static void drop_known(const struct trn_builder *builder, enum trn_engine engine, uint32_t *need)
{
	for (uint32_t q = 0; q < TRN_BUILD_QUEUES; q++)
		if (need[q] <= builder->known[engine].done[q])
			need[q] = 0;
	for (uint32_t q = 0; q < TRN_BUILD_QUEUES; q++) {
		for (uint32_t other = 0; other < TRN_BUILD_QUEUES && need[q]; other++) {
			if (other != q && need[other] &&
			    builder->queue[other].history[need[other] - 1].done[q] >= need[q])
				need[q] = 0;
		}
	}
}

static void emit_nop(struct trn_builder *builder, enum trn_engine engine,
		     const struct trn_isa_head *head)
{
	struct trn_isa_compute nop = { .head = *head };

	nop.head.op = TRN_OP_NOP;
	(void)trn_builder_emit(builder, engine, &nop, 1); /* a failure is kept */
}

/* The last wait goes into the instruction itself, the others before it. */
static void write_waits(struct trn_builder *builder, enum trn_engine engine, const uint32_t *need,
			struct trn_isa_head *head)
{
	bool used = false;

	for (uint32_t q = 0; q < TRN_BUILD_QUEUES; q++) {
		if (!need[q])
			continue;
		if (used) {
			struct trn_isa_head nop = { 0 };

			trn_head_wait(&nop, head->wait_sem, head->wait_value);
			emit_nop(builder, engine, &nop);
		}
		trn_head_wait(head, (uint8_t)q, need[q] * steps_of(q));
		merge(&builder->known[engine], &builder->queue[q].history[need[q] - 1]);
		used = true;
	}
}

/* A new entry of a queue; what is done when it is. 0 after keeping an error. */
static uint32_t add_entry(struct trn_builder *builder, enum trn_engine engine, uint32_t queue)
{
	struct trn_build_queue *to = &builder->queue[queue];
	struct trn_build_clock *history =
		trn_build_room(builder, to->history, to->count, &to->room, sizeof(*to->history));

	if (!history)
		return 0;
	to->history = history;
	history[to->count] = builder->known[engine];
	history[to->count].done[queue] = to->count + 1;
	return ++to->count;
}

/* Remembers an access. Whoever waits for a write has by then waited for all it covers, and
 * a queue's last read of an area comes after its earlier ones. */
static void remember(struct trn_builder *builder, uint32_t queue, uint32_t entry,
		     const struct trn_build_use *use)
{
	struct trn_build_access *list;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < builder->access_count; i++) {
		const struct trn_build_access *old = &builder->access[i];

		if (!covers(&use->area, &old->area) ||
		    (!use->write && (old->write || old->queue != queue)))
			builder->access[kept++] = *old;
	}
	builder->access_count = kept;
	list = trn_build_room(builder, builder->access, kept, &builder->access_room, sizeof(*list));
	if (!list)
		return;
	builder->access = list;
	list[builder->access_count++] = (struct trn_build_access){
		.area = use->area, .write = use->write, .queue = queue, .entry = entry
	};
}

void trn_build_order(struct trn_builder *builder, enum trn_engine engine, bool dma,
		     const struct trn_build_use *use, uint32_t count, struct trn_isa_head *head)
{
	uint32_t queue = dma ? TRN_BUILD_DMA(engine) : (uint32_t)engine;
	uint32_t need[TRN_BUILD_QUEUES] = { 0 };
	uint32_t entry;

	if (builder->error)
		return;
	builder->tiled = true;
	find_needs(builder, queue, use, count, need);
	drop_known(builder, engine, need);
	write_waits(builder, engine, need, head);
	entry = add_entry(builder, engine, queue);
	if (!entry)
		return;
	trn_head_add(head, (uint8_t)queue, 1);
	/* Reads first: what an instruction writes stands for what it read of the same area. */
	for (uint32_t i = 0; i < count; i++)
		if (!use[i].write)
			remember(builder, queue, entry, &use[i]);
	for (uint32_t i = 0; i < count; i++)
		if (use[i].write)
			remember(builder, queue, entry, &use[i]);
}

/* An engine waits until all it has issued is done, then says so. */
static void arrive(struct trn_builder *builder, enum trn_engine engine)
{
	const uint32_t own[2] = { (uint32_t)engine, TRN_BUILD_DMA(engine) };
	struct trn_isa_head head = { 0 };
	bool used = false;

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t count = builder->queue[own[i]].count;

		if (count <= builder->known[engine].done[own[i]])
			continue;
		if (used)
			emit_nop(builder, engine, &head);
		trn_head_wait(&head, (uint8_t)own[i], count * steps_of(own[i]));
		used = true;
	}
	if (engine != TRN_ENGINE_SYNC)
		trn_head_add(&head, TRN_BUILD_ARRIVE, 1);
	if (used || engine != TRN_ENGINE_SYNC)
		emit_nop(builder, engine, &head);
}

/* What the sync engine does while the door is shut. */
static void meet_partner(struct trn_builder *builder, uint32_t place)
{
	const struct trn_isa_compute insn = { .head = { .op = TRN_OP_CORE_BARRIER },
					      .imm = { place } };

	(void)trn_builder_emit(builder, TRN_ENGINE_SYNC, &insn, 1); /* a failure is kept */
}

/* The sync engine keeps the door: when all have arrived nobody waits for a count any more,
 * so it takes the counts back and lets the others go. */
static void keep_door(struct trn_builder *builder, uint32_t place)
{
	struct trn_isa_head head = { 0 };

	trn_head_consume(&head, TRN_BUILD_ARRIVE, TRN_ENGINE_COUNT - 1);
	for (uint32_t q = 0; q < TRN_BUILD_QUEUES; q++) {
		if (!builder->queue[q].count)
			continue;
		trn_head_sub(&head, (uint8_t)q, builder->queue[q].count * steps_of(q));
		emit_nop(builder, TRN_ENGINE_SYNC, &head);
		head = (struct trn_isa_head){ 0 };
	}
	if (place != TRN_BUILD_ALONE) {
		if (head.wait_mode != TRN_WAIT_NONE)
			emit_nop(builder, TRN_ENGINE_SYNC, &head);
		head = (struct trn_isa_head){ 0 };
		meet_partner(builder, place);
	}
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		if (e == TRN_ENGINE_SYNC)
			continue;
		trn_head_add(&head, (uint8_t)TRN_BUILD_RELEASE(e), 1);
		emit_nop(builder, TRN_ENGINE_SYNC, &head);
		head = (struct trn_isa_head){ 0 };
	}
}

void trn_build_barrier(struct trn_builder *builder, uint32_t place)
{
	if (builder->error)
		return;
	builder->tiled = true;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		arrive(builder, (enum trn_engine)e);
	keep_door(builder, place);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_isa_head head = { 0 };

		if (e == TRN_ENGINE_SYNC)
			continue;
		trn_head_consume(&head, (uint8_t)TRN_BUILD_RELEASE(e), 1);
		emit_nop(builder, (enum trn_engine)e, &head);
	}
	memset(builder->known, 0, sizeof(builder->known));
	for (uint32_t q = 0; q < TRN_BUILD_QUEUES; q++)
		builder->queue[q].count = 0;
	builder->access_count = 0;
}
