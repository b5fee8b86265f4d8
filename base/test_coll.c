/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test_coll.h"

uint32_t trn_test_node(struct world *w, const uint32_t *parts, uint32_t count, uint32_t rank,
		       uint64_t element)
{
	if (w->node_count == w->node_max) {
		w->node_max = w->node_max ? 2 * w->node_max : 1024;
		w->nodes = realloc(w->nodes, w->node_max * sizeof(*w->nodes));
	}
	if (w->list_count + count > w->list_max) {
		w->list_max = 2 * (w->list_max + count);
		w->list = realloc(w->list, w->list_max * sizeof(*w->list));
	}
	w->nodes[w->node_count] = (struct node){ w->list_count, count, rank, element };
	for (uint32_t i = 0; i < count; i++)
		w->list[w->list_count++] = parts[i];
	return w->node_count++;
}

static uint32_t chip_of(const struct world *w, uint64_t address, uint32_t self)
{
	return address >> 63 ? (uint32_t)(address >> 53 & 0x3ff) : w->rank[self].chip;
}

/* Which rank's memory: two ranks may share a chip. */
static uint32_t *at(struct world *w, uint64_t address, uint32_t self, uint64_t bytes)
{
	const uint32_t chip = chip_of(w, address, self);
	const uint64_t low = address & ((UINT64_C(1) << 53) - 1);
	const uint32_t kind = (uint32_t)(low >> 32) & 0xf, step = (uint32_t)(low >> 24) & 0xff;
	const uint32_t rank = (uint32_t)(low >> 36) & 0xfff;
	const uint64_t offset = low & 0xffffff;
	struct memory *m;
	uint64_t room = 0;
	uint32_t *base = NULL;

	NEED(rank < w->ranks);
	NEED(w->rank[rank].chip == chip);
	m = &w->step[step].memory[rank];
	if (kind == 1 || kind == 2) {
		NEED(step < w->steps);
		/* Nobody touches a buffer before its owner has begun, or when it is done. */
		NEED(w->now[rank] == step);
		base = kind == 1 ? m->src : m->dst;
		room = kind == 1 ? m->src_count : m->dst_count;
	} else {
		NEED(kind >= 3);
		NEED(kind < 3 + CHANNELS);
		base = w->scratch_nodes[rank][kind - 3];
		room = TRN_COLL_SCRATCH(ROOM, w->ranks);
	}
	NEED_MSG(offset + bytes <= room, "kind %u step %u: %llu + %llu > %llu", kind, step,
		 (unsigned long long)offset, (unsigned long long)bytes, (unsigned long long)room);
	return base + offset;
}

uint64_t trn_test_address(uint32_t rank, uint32_t kind, uint32_t step)
{
	return (uint64_t)rank << 36 | ADDRESS(kind, step, 0);
}

static void signal_add(struct world *w, uint64_t signal, uint32_t self, uint32_t value)
{
	const uint32_t chip = chip_of(w, signal, self);
	const uint64_t low = signal & ((UINT64_C(1) << 53) - 1);

	for (uint32_t r = 0; r < w->ranks; r++)
		for (uint32_t c = 0; c < CHANNELS; c++) {
			uint64_t first = trn_coll_semaphore(w->rank[r].processor + c, 0);

			if (w->rank[r].chip != chip || low < first || low >= first + 1024)
				continue;
			NEED((low - first) / 4 < SEMAPHORES);
			w->semaphore[r][c][(low - first) / 4] += value;
			return;
		}
	ck_abort_msg("no such semaphore 0x%llx", (unsigned long long)signal);
}

/* ---- the machine ---- */

static void transfer_start(struct world *w, uint32_t stream, const struct trn_ext_sync_op *op)
{
	const uint32_t self = stream / CHANNELS;
	const uint32_t sources = op->op == TRN_SYNC_REDUCE ? op->sources : 1;
	struct transfer *t;

	if (w->pending_count == w->pending_max) {
		w->pending_max = w->pending_max ? 2 * w->pending_max : 256;
		w->pending = realloc(w->pending, w->pending_max * sizeof(*w->pending));
	}
	t = &w->pending[w->pending_count++];
	*t = (struct transfer){ .op = *op, .stream = stream, .serial = w->serial++ };
	if (op->op == TRN_SYNC_SIGNAL)
		return;
	NEED(op->bytes > 0);
	t->seen = malloc(sources * op->bytes * sizeof(*t->seen));
	for (uint32_t s = 0; s < sources; s++)
		memcpy(t->seen + s * op->bytes, at(w, op->src + s * op->stride, self, op->bytes),
		       op->bytes * sizeof(*t->seen));
}

static void transfer_end(struct world *w, struct transfer *t, uint32_t self)
{
	const struct trn_ext_sync_op *op = &t->op;
	const uint32_t sources = op->op == TRN_SYNC_REDUCE ? op->sources : 1;
	uint32_t *parts = malloc(sources * sizeof(*parts));
	uint32_t *dst = at(w, op->dst, self, op->bytes);

	for (uint64_t i = 0; i < op->bytes; i++) {
		for (uint32_t s = 0; s < sources; s++) {
			parts[s] = at(w, op->src + s * op->stride, self, op->bytes)[i];
			NEED_MSG(parts[s] == t->seen[s * op->bytes + i],
				 "rank %u: a source changed under a transfer", self);
			NEED_MSG(parts[s] != 0, "rank %u: nothing was there yet", self);
		}
		dst[i] = op->op == TRN_SYNC_REDUCE ? trn_test_node(w, parts, sources, 0, 0) :
						     parts[0];
	}
	free(parts);
	free(t->seen);
}

/* A signal of its own comes after all that went to that chip before. */
static bool may_end(const struct world *w, const struct transfer *t)
{
	uint32_t chip;

	if (t->op.op != TRN_SYNC_SIGNAL)
		return true;
	chip = chip_of(w, t->op.signal, t->stream / CHANNELS);
	for (uint32_t i = 0; i < w->pending_count; i++) {
		const struct transfer *o = &w->pending[i];
		uint64_t to = o->op.op == TRN_SYNC_SIGNAL ? o->op.signal : o->op.dst;

		if (o->stream == t->stream && o->serial < t->serial &&
		    chip_of(w, to, o->stream / CHANNELS) == chip)
			return false;
	}
	return true;
}

static struct stream *stream_at(struct world *w, uint32_t stream)
{
	const uint32_t rank = stream / CHANNELS;

	if (w->now[rank] >= w->steps)
		return NULL;
	return &w->step[w->now[rank]].streams[rank][stream % CHANNELS];
}

static bool pending_step(struct world *w)
{
	uint32_t i = (uint32_t)trn_prng_below(&w->prng, w->pending_count);
	struct transfer t;
	uint32_t self;

	if (w->pending_count == 0 || !may_end(w, &w->pending[i]))
		return false;
	t = w->pending[i];
	self = t.stream / CHANNELS;
	if (t.op.op != TRN_SYNC_SIGNAL)
		transfer_end(w, &t, self);
	w->pending[i] = w->pending[--w->pending_count];
	if (t.op.signal)
		signal_add(w, t.op.signal, self, t.op.value);
	stream_at(w, t.stream)->under_way--;
	return true;
}

static void rank_next(struct world *w, uint32_t rank)
{
	for (uint32_t c = 0; c < CHANNELS; c++) {
		struct stream *s = stream_at(w, rank * CHANNELS + c);

		if (!s->ended || s->under_way > 0)
			return;
	}
	w->now[rank]++;
}

static bool stream_step(struct world *w, uint32_t stream)
{
	const uint32_t rank = stream / CHANNELS;
	struct stream *s = stream_at(w, stream);
	const struct trn_ext_sync_op *op;
	uint32_t *sem;

	if (!s)
		return false;
	if (s->ended) {
		uint32_t before = w->now[rank];

		rank_next(w, rank);
		return w->now[rank] != before;
	}
	NEED(s->at < s->count);
	op = &s->ops[s->at];
	switch (op->op) {
	case TRN_SYNC_WAIT:
		sem = &w->semaphore[rank][stream % CHANNELS][op->semaphore];
		if (*sem < op->value)
			return false;
		*sem -= op->value;
		break;
	case TRN_SYNC_FENCE:
		if (s->under_way > 0)
			return false;
		break;
	case TRN_SYNC_END:
		s->ended = true;
		break;
	default:
		s->under_way++;
		transfer_start(w, stream, op);
		break;
	}
	s->at++;
	return true;
}

/* Something that can go on does; at random, then everything in turn. */
static bool world_step(struct world *w)
{
	for (uint32_t tries = 0; tries < 8; tries++) {
		uint32_t stream = (uint32_t)trn_prng_below(&w->prng, w->ranks * CHANNELS);

		if (stream / CHANNELS == w->slow && trn_prng_below(&w->prng, 64) != 0)
			continue;
		if (trn_prng_below(&w->prng, 3) == 0 ? pending_step(w) : stream_step(w, stream))
			return true;
	}
	for (uint32_t stream = 0; stream < w->ranks * CHANNELS; stream++)
		if (stream_step(w, stream))
			return true;
	for (uint32_t i = 0; i < w->pending_count + 64; i++)
		if (pending_step(w))
			return true;
	return w->pending_count > 0;
}

void trn_test_world_run(struct world *w)
{
	while (world_step(w))
		;
	for (uint32_t r = 0; r < w->ranks; r++) {
		NEED_MSG(w->now[r] == w->steps, "rank %u stands in step %u of %u", r, w->now[r],
			 w->steps);
		for (uint32_t c = 0; c < CHANNELS; c++)
			for (uint32_t s = 0; s < SEMAPHORES; s++)
				NEED(w->semaphore[r][c][s] == 0);
	}
}
