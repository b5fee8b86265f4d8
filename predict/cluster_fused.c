/* SPDX-License-Identifier: Apache-2.0 */
/* All-reduce in few steps (base/coll_fused.c) as flows: the plan's own variant and shares, each
 * processor's messages one after the other. docs/scale.md 3. */
#include "base/bits.h"
#include "predict/cluster_pod.h"

/* A part of the vector: its shares are what is built. */
struct fused {
	struct trn_pod_site *p;
	struct trn_pod_stream lane; /* of the share at hand, and of who sends */
	uint32_t crew, issuers, shares;
	uint32_t first;             /* channel of the part */
	uint32_t scatters;          /* dimensions */
	double left[TRN_COLL_DIMS]; /* bytes of a message */
};

static uint32_t carrier(const struct fused *f, uint32_t share)
{
	return f->first + share * f->crew;
}

/* To the members of a dimension that stand step apart, by one processor. */
static void message(struct fused *f, uint32_t processor, uint32_t dim, uint32_t step, uint32_t task,
		    const struct trn_pod_message *m)
{
	f->lane.dma = f->p->engines[processor / 2];
	trn_pod_neighbours(f->p, &f->lane, dim, step, task, m);
}

/* The vector itself: messages of all shares go round the processors. The share's own one can wait
 * for what comes when it has sent all of its own. */
static uint32_t first_step(struct fused *f, uint32_t share, uint32_t begin)
{
	struct trn_pod_site *p = f->p;
	const uint32_t n = f->lane.way.dim[0].size, own = f->issuers > 1 ? share * f->crew : 0;
	const uint32_t entries = n * f->shares;
	struct trn_pod_message m = { f->left[0], 1.0, TRN_POD_HOME, TRN_POD_SCRATCH, 0, n };
	uint32_t task = trn_pod_after(p, begin, p->op_s + p->trigger_s), ready;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t entry = f->issuers > 1 ? share * n + i : i;
		const uint32_t by = f->issuers > 1 ? f->first + entry % f->issuers :
						     carrier(f, share);

		m.number = entry / f->issuers;
		message(f, by, 0, 1 + i, task, &m);
	}
	ready = trn_pod_after(p, begin,
			      ((entries - own + f->issuers - 1) / f->issuers + 1) * p->op_s);
	task = trn_pod_after(p, task, 0);
	trn_flows_after(p->flows, task, ready);
	return task;
}

/* What is sent when a share's messages are there, to so many members behind each one, itself the
 * last. Others of the crew wait until the share's own processor tells them. */
static uint32_t step(struct fused *f, uint32_t share, uint32_t dim, uint32_t messages,
		     uint32_t before, struct trn_pod_message m)
{
	struct trn_pod_site *p = f->p;
	const bool shared = f->crew > 1 && f->lane.way.dim[dim].size > TRN_COLL_CREW_LEAST;
	uint32_t task = trn_pod_after(p, before, p->op_s + p->trigger_s);

	m.messages = messages;
	for (uint32_t i = 1; i <= messages; i++) {
		const uint32_t hand = shared ? i % f->crew : 0;

		m.number = i - 1;
		if (shared)
			m.number = i / f->crew + (hand > 0 ? hand : f->crew - 2);
		f->lane.start_s = hand > 0 ? p->semaphore_s : 0.0;
		message(f, carrier(f, share) + hand, dim, i, task, &m);
	}
	f->lane.start_s = 0.0;
	return task;
}

static uint32_t share_build(struct fused *f, uint32_t share, uint32_t begin)
{
	struct trn_pod_site *p = f->p;
	const struct trn_coll_dim *dim = f->lane.way.dim;
	const uint32_t dims = f->lane.way.dims;
	struct trn_pod_message m = { .src = TRN_POD_SCRATCH, .dst = TRN_POD_SCRATCH };
	uint32_t task;

	f->lane.scratch = p->stack[1 + carrier(f, share) % (f->p->stacks - 1)];
	task = first_step(f, share, begin);
	for (uint32_t d = 1; d < dims; d++) {
		m.bytes = f->left[d];
		m.sources = dim[d - 1].size;
		task = step(f, share, d, dim[d].size, task, m);
	}
	m.dst = TRN_POD_HOME;
	m.sources = dim[dims - 1].size;
	for (uint32_t d = f->scatters; d-- > 0;) {
		m.bytes = f->left[d];
		task = step(f, share, d, dim[d].size - (m.sources > 1.0 ? 0u : 1u), task, m);
		m.src = TRN_POD_HOME;
		m.sources = 1.0;
	}
	if (f->scatters == 0) {
		m.bytes = f->left[0];
		task = trn_pod_after(p, task, p->op_s + p->trigger_s);
		message(f, carrier(f, share), 0, dim[0].size, task, &m);
	}
	return trn_pod_after(p, task, p->op_s);
}

static void lane_begin(struct trn_pod_site *p, struct trn_pod_lane *lane, uint32_t chunks)
{
	struct trn_pod_chunk *chunk = &lane->chunk[0][0];

	lane->chunks = chunks;
	lane->strands = 1;
	chunk->gates = 0;
	chunk->first = trn_flows_tasks(p->flows);
	chunk->in.begin = trn_flows_task(p->flows, 0, 1);
	chunk->in.end = trn_flows_task(p->flows, 0, 1);
	chunk->out = (struct trn_phase){ TRN_CLUSTER_NONE, TRN_CLUSTER_NONE };
}

static void lane_end(struct trn_pod_site *p, struct trn_pod_lane *lane)
{
	struct trn_pod_chunk *chunk = lane->chunk[0];

	chunk->count = trn_flows_tasks(p->flows) - chunk->first;
	chunk[1] = chunk[2] = chunk[0];
}

/* One chunk: shares share the processors. More: a processor for each, chunk after chunk. */
static void part_build(struct fused *f, uint32_t chunks, struct trn_pod_phases *ret)
{
	for (uint32_t i = 0; i < f->shares; i++) {
		struct trn_pod_lane *lane;

		if (i == 0 || chunks > 1)
			lane_begin(f->p, &ret->lane[ret->lanes++], chunks);
		lane = &ret->lane[ret->lanes - 1];
		trn_flows_after(f->p->flows, lane->chunk[0][0].in.end,
				share_build(f, i, lane->chunk[0][0].in.begin));
		if (i + 1 == f->shares || chunks > 1)
			lane_end(f->p, lane);
	}
}

static void fused_init(struct fused *f, const struct trn_coll_way *way, double bytes,
		       uint32_t chunks)
{
	const double all = (double)TRN_COLL_SHARES * TRN_COLL_CHANNELS;
	double left = bytes * (double)(way->part_to - way->part_from) / all / way->shares / chunks;

	f->lane = (struct trn_pod_stream){ .channels = 1.0, .way = *way };
	while (f->p->plan->part[f->lane.part].rank_at != way->rank_at)
		f->lane.part++;
	f->first = way->channel;
	f->shares = way->shares;
	f->crew = way->channels / way->shares;
	f->issuers = chunks == 1 ? way->channels : 1;
	f->scatters = 0;
	for (uint32_t d = 0; d < way->dims; d++) {
		if (!way->dim[d].whole) {
			left /= way->dim[d].size;
			f->scatters++;
		}
		f->left[d] = left;
	}
}

/* The first channel of each part speaks for it. */
void trn_pod_fused(struct trn_pod_site *p, double bytes, struct trn_pod_phases *ret)
{
	struct trn_coll_way way[TRN_COLL_PARTS];
	uint32_t ways = 0, ch = 0;
	uint64_t chunks = 1;

	while (ways < TRN_COLL_PARTS &&
	       trn_coll_fused_way(p->plan, &p->coll, ch, (uint64_t)bytes, &way[ways])) {
		const struct trn_coll c = { .element = 1,
					    .direct = true,
					    .ranks = p->members,
					    .count = (uint64_t)bytes,
					    .parts = TRN_COLL_SHARES * TRN_COLL_CHANNELS,
					    .way = &way[ways],
					    .room = (uint64_t)TRN_POD_ROOM };

		chunks = trn_max_u64(chunks, trn_coll_fused_chunks(&c));
		ch += way[ways++].channels;
	}
	ret->lanes = 0;
	for (uint32_t i = 0; i < ways; i++) {
		struct fused f = { .p = p };

		fused_init(&f, &way[i], bytes, (uint32_t)chunks);
		part_build(&f, (uint32_t)chunks, ret);
	}
}
