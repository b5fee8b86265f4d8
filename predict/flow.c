/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of flows in time: whenever one begins or ends, bandwidth is divided anew. */
#include "predict/flow.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "predict/flow_parts.h"

#define NONE UINT32_MAX
/* What is left of a flow when rounding is all that is left. */
#define REST 1e-12

int trn_flows_create(struct trn_flows **ret_flows)
{
	struct trn_flows *flows = trn_alloc_zero(&trn_alloc_libc, sizeof(*flows));

	if (!flows)
		return -ENOMEM;
	*ret_flows = flows;
	return 0;
}

struct trn_flows *trn_flows_destroy(struct trn_flows *flows)
{
	if (!flows)
		return NULL;
	trn_free(&trn_alloc_libc, flows->link);
	trn_free(&trn_alloc_libc, flows->flow);
	trn_free(&trn_alloc_libc, flows->task);
	trn_free(&trn_alloc_libc, flows->hop);
	trn_free(&trn_alloc_libc, flows->edge);
	trn_free(&trn_alloc_libc, flows);
	return NULL;
}

/* Room for @more behind *list's @count; doubles. False: no memory, or too many for a number. */
static bool room_for(struct trn_flows *flows, void **list, uint32_t *room, uint32_t count,
		     uint32_t more, size_t size)
{
	uint64_t want = *room ? *room : 64;
	void *grown;

	while (want < (uint64_t)count + more)
		want *= 2;
	if (want == *room)
		return true;
	grown = want < NONE / 2 ? trn_alloc_grow(&trn_alloc_libc, *list, count, want, size) : NULL;
	if (!grown) {
		flows->error = -ENOMEM;
		return false;
	}
	*list = grown;
	*room = (uint32_t)want;
	return true;
}

#define ROOM(flows, what, more)                                                                 \
	room_for(flows, (void **)&(flows)->what, &(flows)->what##_room, (flows)->what##s, more, \
		 sizeof(*(flows)->what))

uint32_t trn_flows_link(struct trn_flows *flows, double bytes_per_s, double count, uint32_t tag)
{
	if (!ROOM(flows, link, 1))
		return 0;
	flows->link[flows->links] =
		(struct trn_flows_link){ .capacity = bytes_per_s, .count = count, .tag = tag };
	return flows->links++;
}

uint32_t trn_flows_task(struct trn_flows *flows, double delay_s, uint32_t repeat)
{
	if (!ROOM(flows, task, 1))
		return 0;
	flows->task[flows->tasks] = (struct trn_flows_task){
		.delay = delay_s, .repeat = repeat, .edge = NONE, .flow = NONE, .done = NAN
	};
	return flows->tasks++;
}

void trn_flows_after(struct trn_flows *flows, uint32_t task, uint32_t before)
{
	if (!ROOM(flows, edge, 1))
		return;
	if (task >= flows->tasks || before >= flows->tasks) {
		flows->error = -EINVAL;
		return;
	}
	flows->edge[flows->edges] = (struct trn_flows_edge){ task, flows->task[before].edge };
	flows->task[before].edge = flows->edges++;
	flows->task[task].waits++;
}

void trn_flows_add(struct trn_flows *flows, const struct trn_flow *flow,
		   const struct trn_flow_hop *hops, uint32_t hop_count)
{
	struct trn_flows_flow *f;

	if (!ROOM(flows, flow, 1) || !ROOM(flows, hop, hop_count))
		return;
	if (flow->task >= flows->tasks || !(flow->bytes >= 0.0) || !(flow->latency_s >= 0.0) ||
	    !(flow->start_s >= 0.0))
		flows->error = -EINVAL;
	for (uint32_t i = 0; i < hop_count; i++)
		if (hops[i].link >= flows->links || !(hops[i].weight > 0.0))
			flows->error = -EINVAL;
	if (flows->error < 0)
		return;
	f = &flows->flow[flows->flows];
	*f = (struct trn_flows_flow){ .is = *flow,
				      .hop = flows->hops,
				      .hops = hop_count,
				      .next = flows->task[flow->task].flow };
	if (f->is.count <= 0.0)
		f->is.count = 1.0;
	if (hop_count > 0)
		memcpy(&flows->hop[flows->hops], hops, hop_count * sizeof(*hops));
	flows->hops += hop_count;
	flows->task[flow->task].flow = flows->flows++;
}

void trn_flows_in_order(struct trn_flows *flows)
{
	flows->in_order = true;
}

void trn_flows_burst(struct trn_flows *flows, double seconds)
{
	flows->burst_s = seconds;
}

static void append_flow(struct trn_flows *flows, const struct trn_flows *part,
			const struct trn_flows_flow *from, uint32_t task, double times,
			const uint32_t *links)
{
	struct trn_flow flow = from->is;

	flow.task = task;
	flow.count *= times;
	trn_flows_add(flows, &flow, &part->hop[from->hop], from->hops);
	for (uint32_t h = flows->hops - from->hops; flows->error == 0 && h < flows->hops; h++)
		flows->hop[h].link = links[flows->hop[h].link];
}

uint32_t trn_flows_append(struct trn_flows *flows, const struct trn_flows *part, uint32_t first,
			  uint32_t count, double times, uint32_t *links)
{
	uint32_t here = flows->tasks;

	if (part->error < 0)
		flows->error = part->error;
	for (uint32_t i = 0; i < part->links; i++) {
		const struct trn_flows_link *l = &part->link[i];

		if (links[i] == NONE)
			links[i] = trn_flows_link(flows, l->capacity, l->count * times, l->tag);
	}
	for (uint32_t i = first; i < first + count; i++)
		(void)trn_flows_task(flows, part->task[i].delay, part->task[i].repeat);
	for (uint32_t i = first; i < first + count && flows->error == 0; i++) {
		const struct trn_flows_task *task = &part->task[i];

		for (uint32_t e = task->edge; e != NONE; e = part->edge[e].next)
			if (part->edge[e].task - first < count)
				trn_flows_after(flows, here + part->edge[e].task - first,
						here + i - first);
		for (uint32_t f = task->flow; f != NONE; f = part->flow[f].next)
			append_flow(flows, part, &part->flow[f], here + i - first, times, links);
	}
	return here;
}

/* ---- the run ---- */

/* What is under way. */
struct run {
	struct trn_flows *f;
	struct trn_predict_why *why;
	double now;
	uint32_t *active, actives;   /* flows that bring bytes */
	uint32_t *pending, pendings; /* a heap of things to come, by time: tasks, arrivals */
	double *when;                /* of those: tasks first, then flows */
	uint32_t begun, done;        /* tasks, repetitions of one counted once */
	bool changed;
	/* for the division */
	struct trn_share share;
	uint32_t *first, *of_link, *link_of;
	struct trn_flow_hop *hops;
	double *limit, *capacity, *rate, *left; /* left: of a link, for those that are next */
	double *ahead, *load; /* of a link: bytes it may be ahead of itself by, 0: spent; bytes/s */
	void *room;
	uint64_t rooms;
};

static bool earlier(const struct run *run, uint32_t a, uint32_t b)
{
	double at = run->when[a], bt = run->when[b];

	return at < bt || (at == bt && a < b);
}

static void pending_push(struct run *run, uint32_t item, double when)
{
	uint32_t i = run->pendings++;

	run->when[item] = when;
	for (; i > 0 && earlier(run, item, run->pending[(i - 1) / 2]); i = (i - 1) / 2)
		run->pending[i] = run->pending[(i - 1) / 2];
	run->pending[i] = item;
}

static uint32_t pending_pop(struct run *run)
{
	uint32_t top = run->pending[0], last = run->pending[--run->pendings], i = 0;

	for (uint32_t k = 1; k < run->pendings; k = 2 * i + 1) {
		if (k + 1 < run->pendings && earlier(run, run->pending[k + 1], run->pending[k]))
			k++;
		if (!earlier(run, run->pending[k], last))
			break;
		run->pending[i] = run->pending[k];
		i = k;
	}
	run->pending[i] = last;
	return top;
}

static void task_wait(struct run *run, uint32_t task)
{
	pending_push(run, task, run->now + run->f->task[task].delay);
}

static void task_done(struct run *run, uint32_t task)
{
	struct trn_flows_task *t = &run->f->task[task];

	t->done = run->now;
	run->done++;
	for (uint32_t e = t->edge; e != NONE; e = run->f->edge[e].next)
		if (--run->f->task[run->f->edge[e].task].waits == 0)
			task_wait(run, run->f->edge[e].task);
}

/* Bytes of a flow have been brought, @times over. */
static void account(struct run *run, const struct trn_flows_flow *flow, double times)
{
	double bytes = flow->is.bytes * times;

	run->f->bytes += bytes * flow->is.count;
	for (uint32_t h = flow->hop; h < flow->hop + flow->hops; h++)
		run->f->link[run->f->hop[h].link].bytes += bytes * run->f->hop[h].weight;
}

/* Nothing but this task was there while it ran, and nothing comes: the next time is like this. */
static void task_skip(struct run *run, struct trn_flows_task *t)
{
	if (run->actives > 0 || run->pendings > 0 || run->begun != t->mark || t->repeat < 2)
		return;
	for (uint32_t i = t->flow; i != NONE; i = run->f->flow[i].next)
		account(run, &run->f->flow[i], t->repeat - 1.0);
	run->now += (t->repeat - 1.0) * (run->now - t->ready);
	t->repeat = 1;
}

static void task_round_done(struct run *run, uint32_t task)
{
	struct trn_flows_task *t = &run->f->task[task];

	task_skip(run, t);
	if (t->repeat > 1) {
		t->repeat--;
		task_wait(run, task);
	} else {
		task_done(run, task);
	}
}

static void flow_begin(struct run *run, uint32_t flow)
{
	run->f->flow[flow].since = run->now;
	run->active[run->actives++] = flow;
	run->changed = true;
}

static void task_begin(struct run *run, uint32_t task)
{
	struct trn_flows_task *t = &run->f->task[task];
	bool alone = run->actives == 0 && run->pendings == 0;

	/* A mark that never fits: others were there. */
	t->mark = alone ? ++run->begun : (run->begun++, NONE);
	t->ready = run->now - t->delay;
	t->open = 0;
	for (uint32_t i = t->flow; i != NONE; i = run->f->flow[i].next) {
		struct trn_flows_flow *flow = &run->f->flow[i];

		flow->left = flow->is.bytes;
		flow->waits = flow->is.start_s > 0.0;
		t->open++;
		if (flow->waits)
			pending_push(run, run->f->tasks + i, run->now + flow->is.start_s);
		else
			flow_begin(run, i);
	}
	if (t->open == 0)
		task_round_done(run, task);
}

/* Its start, or its end. */
static void flow_event(struct run *run, uint32_t flow)
{
	uint32_t task = run->f->flow[flow].is.task;

	if (run->f->flow[flow].waits) {
		run->f->flow[flow].waits = false;
		flow_begin(run, flow);
		return;
	}
	if (--run->f->task[task].open == 0)
		task_round_done(run, task);
}

/* ---- dividing ---- */

/* Active flows [from, to) get what is left of the links; only links that they cross take part,
 * numbered as they are met. */
static int divide(struct run *run, uint32_t from, uint32_t to)
{
	struct trn_flows *f = run->f;
	uint32_t links = 0, hops = 0;

	for (uint32_t i = from; i < to; i++) {
		const struct trn_flows_flow *flow = &f->flow[run->active[i]];

		run->first[i - from] = hops;
		run->limit[i - from] = flow->is.limit;
		for (uint32_t h = flow->hop; h < flow->hop + flow->hops; h++) {
			uint32_t link = f->hop[h].link;

			if (run->of_link[link] == NONE) {
				if (!(f->link[link].capacity > 0.0))
					return trn_predict_fail(run->why, -EHOSTUNREACH,
								"a flow crosses a link that has no "
								"bandwidth");
				run->link_of[links] = link;
				run->capacity[links] = run->left[link];
				run->of_link[link] = links++;
			}
			run->hops[hops++] =
				(struct trn_flow_hop){ run->of_link[link], f->hop[h].weight };
		}
	}
	run->first[to - from] = hops;
	for (uint32_t l = 0; l < links; l++)
		run->of_link[run->link_of[l]] = NONE;
	run->share.flows = to - from;
	run->share.links = links;
	run->share.rate = run->rate + from;
	trn_share_divide(&run->share, run->room);
	return 0;
}

static bool one_group(const struct run *run, uint32_t a, uint32_t b)
{
	const struct trn_flows_flow *x = &run->f->flow[run->active[a]];
	const struct trn_flows_flow *y = &run->f->flow[run->active[b]];

	return x->since == y->since && x->is.task == y->is.task;
}

static bool came_before(const struct run *run, uint32_t a, uint32_t b)
{
	const struct trn_flows_flow *x = &run->f->flow[a], *y = &run->f->flow[b];

	return x->since != y->since ? x->since < y->since : x->is.task < y->is.task;
}

/* New ones are at the end, so this is short. */
static void sort_active(struct run *run)
{
	for (uint32_t i = 1; i < run->actives; i++) {
		uint32_t flow = run->active[i], k = i;

		for (; k > 0 && came_before(run, flow, run->active[k - 1]); k--)
			run->active[k] = run->active[k - 1];
		run->active[k] = flow;
	}
}

/* What a group takes is gone for those behind it; what rounding leaves is nothing. */
static void take(struct run *run, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const struct trn_flows_flow *flow = &run->f->flow[run->active[i]];

		for (uint32_t h = flow->hop; h < flow->hop + flow->hops; h++) {
			const struct trn_flow_hop *hop = &run->f->hop[h];
			double *left = &run->left[hop->link];

			*left -= run->rate[i] * hop->weight;
			if (*left < REST * run->f->link[hop->link].capacity)
				*left = 0.0;
		}
	}
}

static int divide_all(struct run *run)
{
	int r = 0;

	for (uint32_t l = 0; l < run->f->links; l++)
		run->left[l] = run->ahead[l] > 0.0 ? HUGE_VAL : run->f->link[l].capacity;
	if (!run->f->in_order)
		return divide(run, 0, run->actives);
	sort_active(run);
	for (uint32_t from = 0, to; r == 0 && from < run->actives; from = to) {
		for (to = from + 1; to < run->actives && one_group(run, from, to);)
			to++;
		r = divide(run, from, to);
		if (r == 0)
			take(run, from, to);
	}
	return r;
}

/* ---- bursts ---- */

static void loads(struct run *run)
{
	for (uint32_t l = 0; l < run->f->links; l++)
		run->load[l] = 0.0;
	for (uint32_t i = 0; i < run->actives; i++) {
		const struct trn_flows_flow *flow = &run->f->flow[run->active[i]];

		for (uint32_t h = flow->hop; h < flow->hop + flow->hops; h++)
			run->load[run->f->hop[h].link] += run->rate[i] * run->f->hop[h].weight;
	}
}

static double next_spent(const struct run *run)
{
	double least = HUGE_VAL;

	for (uint32_t l = 0; run->f->burst_s > 0.0 && l < run->f->links; l++) {
		const double over = run->load[l] - run->f->link[l].capacity;

		if (run->ahead[l] > 0.0 && over > 0.0)
			least = fmin(least, run->ahead[l] / over);
	}
	return least;
}

/* What is spent counts from below: a link bursts again when it has all of it. */
static void catch_up(struct run *run, double seconds)
{
	for (uint32_t l = 0; run->f->burst_s > 0.0 && l < run->f->links; l++) {
		const double all = run->f->link[l].capacity * run->f->burst_s;
		const double more = (run->f->link[l].capacity - run->load[l]) * seconds;

		if (run->ahead[l] > 0.0) {
			run->ahead[l] = fmin(run->ahead[l] + more, all);
			if (run->ahead[l] > all * 1e-9)
				continue;
			run->ahead[l] = -all;
			run->changed = true;
		} else if (run->ahead[l] < 0.0) {
			run->ahead[l] = fmin(run->ahead[l] + fmax(more, 0.0), 0.0);
			if (run->ahead[l] > -all * 1e-9)
				run->ahead[l] = all;
		}
	}
}

/* ---- steps in time ---- */

static double next_drain(const struct run *run)
{
	double least = HUGE_VAL;

	for (uint32_t i = 0; i < run->actives; i++) {
		double left = run->f->flow[run->active[i]].left;
		double after = left > 0.0 ? left / run->rate[i] : 0.0;

		least = after < least ? after : least;
	}
	return least;
}

/* Brings bytes for so long; what is empty then arrives a latency later. */
static void drain(struct run *run, double seconds)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < run->actives; i++) {
		uint32_t flow = run->active[i];
		struct trn_flows_flow *f = &run->f->flow[flow];
		double gone = run->rate[i] * seconds;

		f->left -= gone < f->left ? gone : f->left;
		if (f->left > f->is.bytes * REST && run->rate[i] < HUGE_VAL) {
			run->rate[kept] = run->rate[i];
			run->active[kept++] = flow;
			continue;
		}
		account(run, f, 1.0);
		pending_push(run, run->f->tasks + flow, run->now + f->is.latency_s);
		run->changed = true;
	}
	run->actives = kept;
}

/* All that happens at one moment; times that differ by rounding are one. */
static void happen(struct run *run)
{
	double until = run->when[run->pending[0]];

	run->now = until > run->now ? until : run->now;
	until += run->now * REST;
	while (run->pendings > 0 && run->when[run->pending[0]] <= until) {
		uint32_t item = pending_pop(run);

		if (item < run->f->tasks)
			task_begin(run, item);
		else
			flow_event(run, item - run->f->tasks);
	}
}

static int loop(struct run *run)
{
	while (run->actives > 0 || run->pendings > 0) {
		double after, event;
		int r = run->changed ? divide_all(run) : 0;

		if (r < 0)
			return r;
		if (run->changed && run->f->burst_s > 0.0)
			loads(run);
		run->changed = false;
		after = fmin(next_drain(run), next_spent(run));
		event = run->pendings > 0 ? run->when[run->pending[0]] - run->now : HUGE_VAL;
		event = event > 0.0 ? event : 0.0;
		run->now += fmin(after, event);
		drain(run, fmin(after, event));
		catch_up(run, fmin(after, event));
		if (event <= after)
			happen(run);
	}
	return 0;
}

static void *array(struct run *run, uint64_t count, size_t size)
{
	void *p = trn_alloc_array(&trn_alloc_libc, count + 1, size);

	if (!p)
		run->f->error = -ENOMEM;
	return p;
}

static void run_open(struct run *run)
{
	struct trn_flows *f = run->f;

	run->active = array(run, f->flows, sizeof(*run->active));
	run->pending = array(run, (uint64_t)f->tasks + f->flows, sizeof(*run->pending));
	run->when = array(run, (uint64_t)f->tasks + f->flows, sizeof(*run->when));
	run->first = array(run, f->flows, sizeof(*run->first));
	run->limit = array(run, f->flows, sizeof(*run->limit));
	run->rate = array(run, f->flows, sizeof(*run->rate));
	run->of_link = array(run, f->links, sizeof(*run->of_link));
	run->link_of = array(run, f->links, sizeof(*run->link_of));
	run->left = array(run, f->links, sizeof(*run->left));
	run->capacity = array(run, f->links, sizeof(*run->capacity));
	run->ahead = array(run, f->links, sizeof(*run->ahead));
	run->load = array(run, f->links, sizeof(*run->load));
	run->hops = array(run, f->hops, sizeof(*run->hops));
	run->room = array(run, trn_share_room(f->flows, f->links, f->hops), 1);
	for (uint32_t l = 0; run->ahead && l < f->links; l++)
		run->ahead[l] = f->link[l].capacity * f->burst_s;
	for (uint32_t l = 0; run->of_link && l < f->links; l++)
		run->of_link[l] = NONE;
	run->share = (struct trn_share){ .first = run->first,
					 .hops = run->hops,
					 .limit = run->limit,
					 .capacity = run->capacity,
					 .rate = run->rate };
}

static void run_close(struct run *run)
{
	void *all[] = { run->active, run->pending, run->when,    run->first,    run->limit,
			run->rate,   run->of_link, run->link_of, run->capacity, run->hops,
			run->left,   run->room,    run->ahead,   run->load };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		trn_free(&trn_alloc_libc, all[i]);
}

int trn_flows_run(struct trn_flows *flows, double *ret_seconds, struct trn_predict_why *why)
{
	struct run run = { .f = flows, .why = why };
	int r = flows->error;

	if (r == 0) {
		run_open(&run);
		r = flows->error;
	}
	if (r < 0)
		trn_predict_fail(why, r, "flows: %s",
				 r == -ENOMEM ? "no memory" : "a number that is none");
	for (uint32_t i = 0; r == 0 && i < flows->tasks; i++)
		if (flows->task[i].waits == 0)
			task_wait(&run, i);
	if (r == 0)
		r = loop(&run);
	if (r == 0 && run.done != flows->tasks)
		r = trn_predict_fail(why, -EDEADLK, "%u of %u tasks wait for each other",
				     flows->tasks - run.done, flows->tasks);
	run_close(&run);
	if (r < 0)
		return r;
	flows->seconds = run.now;
	*ret_seconds = run.now;
	return 0;
}

/* ---- what came of it ---- */

uint32_t trn_flows_links(const struct trn_flows *flows)
{
	return flows->links;
}

uint32_t trn_flows_flows(const struct trn_flows *flows)
{
	return flows->flows;
}

uint32_t trn_flows_tasks(const struct trn_flows *flows)
{
	return flows->tasks;
}

uint32_t trn_flows_link_tag(const struct trn_flows *flows, uint32_t link)
{
	return flows->link[link].tag;
}

double trn_flows_link_capacity(const struct trn_flows *flows, uint32_t link)
{
	return flows->link[link].capacity;
}

double trn_flows_link_bytes(const struct trn_flows *flows, uint32_t link)
{
	return flows->link[link].bytes;
}

double trn_flows_link_count(const struct trn_flows *flows, uint32_t link)
{
	return flows->link[link].count;
}

double trn_flows_link_used(const struct trn_flows *flows, uint32_t link)
{
	const struct trn_flows_link *l = &flows->link[link];

	return flows->seconds > 0.0 ? l->bytes / (l->capacity * flows->seconds) : 0.0;
}

double trn_flows_done_s(const struct trn_flows *flows, uint32_t task)
{
	return flows->task[task].done;
}

double trn_flows_bytes(const struct trn_flows *flows)
{
	return flows->bytes;
}
