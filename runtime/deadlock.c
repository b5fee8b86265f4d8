/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of waits, of contexts that check them: a queue stands at a WAIT for a value that a
 * later command of another queue promises, which stands at a WAIT ... A host may raise any timeline
 * at any time, so a ring is a verdict only where nothing else has happened for long. */
#include "runtime/private.h"

#include <stdio.h>

#define DEPTH_MAX 24u /* queues of one chain */
#define SEEN_MAX 512u /* queues of one search */

enum verdict {
	UNPROMISED = 0, /* nobody is to raise it */
	RING = 1,
	LIVE = 2, /* somebody can */
};

struct place {
	struct trn_device *device;
	const struct trn_queue *queue;
	uint32_t index;
	uint64_t promise, wait;   /* sequences: SIGNAL, and the WAIT before it that holds it */
	uint64_t timeline, value; /* what that waits for */
};

struct search {
	struct trn_sync *sync;
	struct place place[DEPTH_MAX];
	uint32_t depth;
	/* Where the search has been: a queue stands at one WAIT, and what that needs is looked at
	 * once, or a net of queues would take a time for each way through it. */
	const struct trn_queue *seen[SEEN_MAX];
	uint32_t seen_count;
	/* The best that was found, RING before UNPROMISED. */
	enum verdict verdict;
	struct place ring[DEPTH_MAX];
	uint32_t ring_depth;
};

void trn_deadlock_note(struct trn_queue *queue, const struct trn_batch *batch, uint64_t sequence)
{
	trn_lock_take(&queue->device->list_lock);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct trn_ext_cmd *cmd = &batch->cmds[i];
		struct trn_queue_sync *sync = &queue->syncs[(sequence + i) & queue->mask];

		*sync = (struct trn_queue_sync){ .sequence = sequence + i + 1 };
		if (cmd->op != TRN_CMD_WAIT && cmd->op != TRN_CMD_SIGNAL)
			continue;
		sync->timeline = ((struct trn_timeline *)batch->entries[i].refs[0])->id;
		sync->value = cmd->a[1];
		sync->signal = cmd->op == TRN_CMD_SIGNAL;
	}
	trn_lock_give(&queue->device->list_lock);
}

/* sync.lock held. A timeline that is gone holds nobody up. */
static bool reached(struct trn_sync *sync, uint64_t id, uint64_t value)
{
	const struct trn_timeline *timeline;

	for (timeline = sync->timelines; timeline; timeline = timeline->next)
		if (timeline->id == id)
			return trn_timeline_value(timeline) >= value;
	return true;
}

static const struct trn_queue_sync *sync_at(const struct trn_queue *queue, uint64_t sequence)
{
	const struct trn_queue_sync *sync = &queue->syncs[(sequence - 1) & queue->mask];

	return sync->sequence == sequence && sync->timeline != 0 ? sync : NULL;
}

/* Does the queue promise it? Then also the first WAIT before the promise that is not satisfied,
 * whose sequence is 0 when there is none. Both locks held. */
static bool promises(struct trn_sync *sync, const struct trn_queue *queue, uint64_t timeline,
		     uint64_t value, struct place *ret_place)
{
	uint64_t top = atomic_load_explicit(&queue->submitted, memory_order_acquire);
	struct place place = { .device = queue->device,
			       .queue = queue,
			       .index = queue->hal->index };

	for (uint64_t at = trn_queue_at(queue); at <= top; at++) {
		const struct trn_queue_sync *s = sync_at(queue, at);

		if (!s)
			continue;
		if (s->signal && s->timeline == timeline && s->value >= value) {
			place.promise = at;
			*ret_place = place;
			return true;
		}
		if (!s->signal && place.wait == 0 && !reached(sync, s->timeline, s->value)) {
			place.wait = at;
			place.timeline = s->timeline;
			place.value = s->value;
		}
	}
	return false;
}

/* The next queue after one (NULL: the first) that promises it. sync.lock held. */
static bool promiser_after(struct trn_sync *sync, const struct trn_queue *after, uint64_t timeline,
			   uint64_t value, struct place *ret_place)
{
	bool found = false, past = !after;

	for (struct trn_device *device = sync->devices; device && !found;
	     device = device->sync_next) {
		trn_lock_take(&device->list_lock);
		for (struct trn_queue *queue = device->queues; queue && !found;
		     queue = queue->next) {
			if (past && queue->syncs && !queue->quiet)
				found = promises(sync, queue, timeline, value, ret_place);
			past = past || queue == after;
		}
		trn_lock_give(&device->list_lock);
	}
	return found;
}

static void keep_ring(struct search *search, uint32_t from, const struct place *last)
{
	if (search->verdict == RING)
		return;
	search->verdict = RING;
	search->ring_depth = 0;
	for (uint32_t i = from; i < search->depth; i++)
		search->ring[search->ring_depth++] = search->place[i];
	if (search->ring_depth < DEPTH_MAX)
		search->ring[search->ring_depth++] = *last;
}

static bool was_seen(const struct search *search, const struct trn_queue *queue)
{
	for (uint32_t i = 0; i < search->seen_count; i++)
		if (search->seen[i] == queue)
			return true;
	return false;
}

/* True: somebody can raise it. sync.lock held. */
static bool can_come(struct search *search, uint64_t timeline, uint64_t value)
{
	const struct trn_queue *after = NULL;
	struct place place;

	while (promiser_after(search->sync, after, timeline, value, &place)) {
		uint32_t i = 0;

		after = place.queue;
		if (place.wait == 0 || search->depth == DEPTH_MAX || search->seen_count == SEEN_MAX)
			return true;
		while (i < search->depth && (search->place[i].queue != place.queue ||
					     search->place[i].wait != place.wait))
			i++;
		if (i < search->depth) {
			keep_ring(search, i, &place);
			continue;
		}
		if (was_seen(search, place.queue))
			continue;
		search->seen[search->seen_count++] = place.queue;
		search->place[search->depth++] = place;
		if (can_come(search, place.timeline, place.value))
			return true;
		search->depth--;
	}
	return false;
}

/* "queue 3 command 17 waits for timeline 2 >= 5, promised by queue 4 command 9, stuck at 8 for
 * timeline ...": the ring's last place is its first again. */
static void ring_text(const struct search *search, char *text, size_t size)
{
	size_t used = 0;

	for (uint32_t i = 0; i + 1 < search->ring_depth && used < size; i++) {
		const struct place *p = &search->ring[i], *next = &search->ring[i + 1];
		int n;

		if (i == 0)
			n = snprintf(text, size, "queue %u command %llu", p->index,
				     (unsigned long long)(p->wait - 1));
		else
			n = snprintf(text + used, size - used, ", stuck at %llu",
				     (unsigned long long)(p->wait - 1));
		used += n > 0 ? (size_t)n : 0;
		if (used >= size)
			return;
		n = snprintf(text + used, size - used,
			     "%s timeline %llu >= %llu, promised by queue %u%s%s command %llu",
			     i == 0 ? " waits for" : " for", (unsigned long long)p->timeline,
			     (unsigned long long)p->value, next->index,
			     next->device == p->device ? "" : " of ",
			     next->device == p->device ? "" : next->device->info.uri,
			     (unsigned long long)(next->promise - 1));
		used += n > 0 ? (size_t)n : 0;
	}
}

bool trn_deadlock_find(struct trn_context *context, uint64_t timeline, uint64_t value, char *text,
		       size_t size)
{
	struct search search = { .sync = &context->sync };
	struct place place;
	bool live;

	text[0] = '\0';
	trn_lock_take(&context->sync.lock);
	live = can_come(&search, timeline, value);
	if (!live && search.verdict == RING)
		ring_text(&search, text, size);
	else if (!live && promiser_after(&context->sync, NULL, timeline, value, &place))
		(void)snprintf(text, size,
			       "queue %u command %llu promised it, but waits for timeline %llu >= "
			       "%llu",
			       place.index, (unsigned long long)(place.promise - 1),
			       (unsigned long long)place.timeline, (unsigned long long)place.value);
	trn_lock_give(&context->sync.lock);
	return !live && search.verdict == RING;
}

bool trn_deadlock_find_queue(struct trn_queue *queue, char *text, size_t size)
{
	uint64_t timeline = 0, value = 0, top;

	text[0] = '\0';
	trn_lock_take(&queue->device->list_lock);
	top = atomic_load(&queue->submitted);
	for (uint64_t at = trn_queue_at(queue); queue->syncs && at <= top && timeline == 0; at++) {
		const struct trn_queue_sync *s = sync_at(queue, at);

		if (s && !s->signal) {
			timeline = s->timeline;
			value = s->value;
		}
	}
	trn_lock_give(&queue->device->list_lock);
	return timeline != 0 &&
	       trn_deadlock_find(queue->object.context, timeline, value, text, size);
}
