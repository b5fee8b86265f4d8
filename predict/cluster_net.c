/* SPDX-License-Identifier: Apache-2.0 */
/* Between pods every chip deals with the chips of its own number: rails. A pod that is not full
 * has fewer chips, so some of them serve more rails. Rails that are alike in every pod are one
 * flow with a count; trn_flows_fold() then finds the pods that are alike in a round: rounds
 * follow each other, so each is folded alone. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "predict/cluster_parts.h"

#define RAILS_MAX TRN_POD_CHIPS_MAX
#define FOLDED_LINKS_MAX 256u /* of a round, without asking for memory */

/* Rails that are alike: in a full pod each has a chip; in the other one they share. */
struct rail {
	double rails, part_chips;
	uint32_t full_slot, part_slot;
};

struct rails {
	struct rail rail[RAILS_MAX];
	uint32_t count;
};

static uint32_t rail_count(const struct trn_cluster *c)
{
	return c->full > 0 ? c->pod_chips : c->part;
}

static void rails_make(const struct trn_cluster *c, struct rails *rails)
{
	uint32_t all = rail_count(c), part = c->part > 0 ? c->part : all;
	uint32_t each = all / part, more = all % part;

	rails->count = 0;
	if (c->apart) {
		for (uint32_t r = 0; r < all; r++)
			rails->rail[rails->count++] = (struct rail){ 1, 1, r, r % part };
		return;
	}
	if (more > 0) {
		rails->rail[rails->count] = (struct rail){ (double)more * (each + 1), more,
							   rails->count, rails->count };
		rails->count++;
	}
	rails->rail[rails->count] = (struct rail){ (double)(part - more) * each, part - more,
						   rails->count, rails->count };
	rails->count++;
}

static bool is_part(const struct trn_cluster *c, uint32_t pod)
{
	return c->part > 0 && pod == c->full;
}

static uint32_t chips_of(const struct trn_cluster *c, uint32_t pod)
{
	return is_part(c, pod) ? c->part : c->pod_chips;
}

/* ---- links ---- */

static double nic_rate(const struct trn_cluster *c)
{
	return (double)c->params.nic_mbps * 1e6;
}

static void links_of_pod(struct trn_net *net, const struct rails *rails, uint32_t pod)
{
	const struct trn_cluster *c = net->cluster;
	bool part = is_part(c, pod);

	for (uint32_t way = 0; way < 2; way++) {
		for (uint32_t s = 0; s < net->slots; s++) {
			const struct rail *rail = &rails->rail[s];
			double chips = c->apart ? 1.0 : part ? rail->part_chips : rail->rails;

			if (c->apart && s >= chips_of(c, pod))
				chips = 0.0;
			(void)trn_flows_link(net->all, nic_rate(c), chips, TRN_CLUSTER_NIC);
		}
	}
}

static void links_make(struct trn_net *net, const struct rails *rails)
{
	const struct trn_cluster *c = net->cluster;
	uint32_t pods = trn_cluster_pods(c);
	double up = nic_rate(c) * (double)c->params.uplink_percent / 100.0;

	net->slots = rails->count;
	net->tx = trn_flows_links(net->all);
	for (uint32_t p = 0; p < pods; p++)
		links_of_pod(net, rails, p);
	net->up = trn_flows_links(net->all);
	for (uint32_t p = 0; p < pods; p += c->leaf_pods) {
		double chips = 0.0;

		for (uint32_t q = p; q < pods && q < p + c->leaf_pods; q++)
			chips += chips_of(c, q);
		for (uint32_t way = 0; way < 2; way++)
			(void)trn_flows_link(net->all, up * chips, 1.0, TRN_CLUSTER_UPLINK);
	}
}

static uint32_t nic_link(const struct trn_net *net, uint32_t pod, uint32_t way, uint32_t slot)
{
	return net->tx + (pod * 2 + way) * net->slots + slot;
}

static uint32_t leaf_link(const struct trn_net *net, uint32_t pod, uint32_t way)
{
	return net->up + pod / net->cluster->leaf_pods * 2 + way;
}

/* ---- flows ---- */

static uint32_t switches(const struct trn_cluster *c, uint32_t a, uint32_t b)
{
	if (a / c->leaf_pods == b / c->leaf_pods && c->leaf_pods > 1)
		return 1;
	return a / c->group_pods == b / c->group_pods ? 3 : 5;
}

static double latency(const struct trn_cluster *c, uint32_t passed)
{
	return ((double)c->params.message_ns + (passed - 1.0) * (double)c->params.switch_ns) * 1e-9;
}

static double chips_on(const struct trn_net *net, const struct rail *rail, uint32_t pod)
{
	if (net->cluster->apart)
		return 1.0;
	return is_part(net->cluster, pod) ? rail->part_chips : rail->rails;
}

static void flow_add(struct trn_net *net, const struct trn_flow *flow,
		     const struct trn_flow_hop *hop, uint32_t hops, uint32_t passed, double times)
{
	trn_flows_add(net->into, flow, hop, hops);
	net->switched += flow->bytes * flow->count * passed * times;
	for (uint32_t i = 0; i < hops; i++)
		net->carried[hop[i].link] += flow->bytes * hop[i].weight * times;
}

/* @bytes over each rail of this kind, from pod to pod. */
static void send(struct trn_net *net, const struct rail *rail, uint32_t task, uint32_t from,
		 uint32_t to, double bytes, double limit, double times)
{
	const struct trn_cluster *c = net->cluster;
	uint32_t passed = switches(c, from, to), hops = 2;
	uint32_t out = is_part(c, from) ? rail->part_slot : rail->full_slot;
	uint32_t in = is_part(c, to) ? rail->part_slot : rail->full_slot;
	struct trn_flow flow = { .task = task,
				 .bytes = bytes,
				 .latency_s = latency(c, passed),
				 .limit = limit,
				 .count = rail->rails };
	struct trn_flow_hop hop[4] = {
		{ nic_link(net, from, 0, out), rail->rails / chips_on(net, rail, from) },
		{ nic_link(net, to, 1, in), rail->rails / chips_on(net, rail, to) },
		{ leaf_link(net, from, 0), rail->rails },
		{ leaf_link(net, to, 1), rail->rails },
	};

	if (passed > 1)
		hops = 4;
	flow_add(net, &flow, hop, hops, passed, times);
}

/* Each pod sends @bytes of every rail to the one that @to() names. */
typedef uint32_t peer_fn(uint32_t pod, uint32_t pods, uint32_t step);

/* A round of its own, with all links. */
static int round_open(struct trn_net *net)
{
	uint32_t count = trn_flows_links(net->all);
	uint32_t *links = trn_alloc_array(&trn_alloc_libc, count + 1, sizeof(*links));
	int r = links ? trn_flows_create(&net->into) : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < count; i++)
		links[i] = TRN_CLUSTER_NONE;
	if (r == 0)
		(void)trn_flows_append(net->into, net->all, 0, 0, 1.0, links);
	trn_free(&trn_alloc_libc, links);
	return r;
}

/* The round with its alike flows in one joins the others. */
static int round_close(struct trn_net *net, struct trn_predict_why *why)
{
	uint32_t links[FOLDED_LINKS_MAX], *list = links, task;
	struct trn_flows *folded = NULL;
	int r = trn_flows_fold(net->into, &folded, NULL, why);

	trn_flows_destroy(net->into);
	net->into = net->flows;
	if (r < 0)
		return r;
	if (trn_flows_links(folded) > FOLDED_LINKS_MAX)
		list = trn_alloc_array(&trn_alloc_libc, trn_flows_links(folded), sizeof(*list));
	for (uint32_t i = 0; list && i < trn_flows_links(folded); i++)
		list[i] = TRN_CLUSTER_NONE;
	if (list) {
		task = trn_flows_append(net->flows, folded, 0, trn_flows_tasks(folded), 1.0, list);
		trn_flows_after(net->flows, task, net->phase.end);
		net->phase.end = task;
	}
	if (list != links)
		trn_free(&trn_alloc_libc, list);
	trn_flows_destroy(folded);
	return list ? 0 : -ENOMEM;
}

static int round_add(struct trn_net *net, const struct rails *rails, peer_fn *peer, uint32_t step,
		     double bytes, uint32_t repeat, struct trn_predict_why *why)
{
	const struct trn_cluster *c = net->cluster;
	uint32_t pods = trn_cluster_pods(c), task;
	int r = c->apart ? 0 : round_open(net);

	if (r < 0)
		return r;
	task = trn_flows_task(net->into, (double)c->params.issue_ns * 1e-9, repeat);
	for (uint32_t p = 0; p < pods; p++) {
		uint32_t q = peer(p, pods, step);

		if (q == TRN_CLUSTER_NONE)
			continue;
		for (uint32_t i = 0; i < rails->count; i++)
			send(net, &rails->rail[i], task, p, q, bytes, 0.0, repeat);
	}
	if (!c->apart)
		return round_close(net, why);
	trn_flows_after(net->flows, task, net->phase.end);
	net->phase.end = task;
	return 0;
}

static uint32_t next_pod(uint32_t pod, uint32_t pods, uint32_t step)
{
	return (pod + step) % pods;
}

static uint32_t power_below(uint32_t pods)
{
	uint32_t power = 1;

	while (power <= pods / 2)
		power *= 2;
	return power;
}

static uint32_t across(uint32_t pod, uint32_t pods, uint32_t step)
{
	return pod < power_below(pods) ? pod ^ step : TRN_CLUSTER_NONE;
}

static uint32_t fold_in(uint32_t pod, uint32_t pods, uint32_t step)
{
	(void)pods;
	return pod >= step ? pod - step : TRN_CLUSTER_NONE;
}

static uint32_t fold_out(uint32_t pod, uint32_t pods, uint32_t step)
{
	return pod + step < pods ? pod + step : TRN_CLUSTER_NONE;
}

/* Halving there, doubling back; pods beyond a power of two hand theirs to one that is not. */
static int halving(struct trn_net *net, const struct rails *rails, double bytes,
		   struct trn_predict_why *why)
{
	uint32_t pods = trn_cluster_pods(net->cluster), power = power_below(pods);
	double part = bytes;
	int r = 0;

	if (power < pods)
		r = round_add(net, rails, fold_in, power, bytes, 1, why);
	for (uint32_t d = power / 2; r == 0 && d > 0; d /= 2) {
		part /= 2;
		r = round_add(net, rails, across, d, part, 1, why);
	}
	for (uint32_t d = 1; r == 0 && d < power; d *= 2) {
		r = round_add(net, rails, across, d, part, 1, why);
		part *= 2;
	}
	if (r == 0 && power < pods)
		r = round_add(net, rails, fold_out, power, bytes, 1, why);
	return r;
}

/* ---- everybody to everybody ---- */

/* Pods whose leaf has the same pods: those of whole leaves, those of the last, the part. */
#define SORTS 3

struct sort {
	double pods, in_leaf; /* how many; of them in a leaf that has any */
	uint32_t one;         /* a pod of it */
	uint32_t leaf;        /* sorts of one leaf have one number */
	bool part;
};

static uint32_t sorts_make(const struct trn_cluster *c, struct sort *sort)
{
	uint32_t whole = c->full / c->leaf_pods * c->leaf_pods, count = 0;

	if (whole > 0)
		sort[count++] = (struct sort){ whole, c->leaf_pods, 0, 0, false };
	if (c->full > whole)
		sort[count++] = (struct sort){ c->full - whole, c->full - whole, whole, 1, false };
	if (c->part > 0)
		sort[count++] = (struct sort){ 1, 1, c->full, 1, true };
	return count;
}

/* What a rail brings from one pod to another: of an all-to-all as many bytes as the chips that
 * it stands for have for each other. */
static double exchange_bytes(const struct trn_cluster *c, const struct rail *rail, bool from,
			     bool to, enum trn_cluster_kind kind, double bytes)
{
	double all = rail_count(c), rails = rail->rails;

	if (kind == TRN_CLUSTER_ALL_REDUCE)
		return bytes / trn_cluster_pods(c);
	bytes /= c->chips;
	if (c->apart)
		rails = c->part > 0 ? ceil((all - rail->part_slot) / c->part) : 1.0;
	else
		rails /= rail->part_chips;
	/* Rails of one chip of the part. */
	if (from)
		return bytes * c->part;
	return to ? bytes * all / rails : bytes * all;
}

/* Links of a sort: chips' networks both ways by slot, then leaves; made when first met. */
struct exchange {
	struct trn_net *net;
	const struct rails *rails;
	struct sort sort[SORTS];
	uint32_t sorts, nic[SORTS][2], leaf[SORTS][2]; /* first link each way */
	uint32_t task;
	double bytes, issue_s; /* of all messages of a chip */
	enum trn_cluster_kind kind;
};

/* Numbers of the links, in the order in which exchange_links() makes them. */
static void exchange_numbers(struct exchange *x)
{
	uint32_t next = 0, kinds = x->rails->count;

	for (uint32_t i = 0; i < x->sorts; i++) {
		for (uint32_t way = 0; way < 2; way++, next += kinds)
			x->nic[i][way] = next;
		if (i > 0 && x->sort[i - 1].leaf == x->sort[i].leaf) {
			memcpy(x->leaf[i], x->leaf[i - 1], sizeof(x->leaf[i]));
			continue;
		}
		for (uint32_t way = 0; way < 2; way++)
			x->leaf[i][way] = next++;
	}
}

static void exchange_links(struct trn_net *net, const struct rails *rails)
{
	const struct trn_cluster *c = net->cluster;
	double up = nic_rate(c) * (double)c->params.uplink_percent / 100.0;
	struct sort sort[SORTS];
	uint32_t sorts = sorts_make(c, sort);

	for (uint32_t i = 0; i < sorts; i++) {
		const struct sort *s = &sort[i];
		double chips = 0.0;

		for (uint32_t k = 0; k < 2 * rails->count; k++) {
			const struct rail *rail = &rails->rail[k % rails->count];
			double alike = s->part ? rail->part_chips : rail->rails;

			(void)trn_flows_link(net->all, nic_rate(c), s->pods * alike,
					     TRN_CLUSTER_NIC);
		}
		if (i > 0 && sort[i - 1].leaf == s->leaf)
			continue;
		for (uint32_t k = 0; k < sorts; k++)
			if (sort[k].leaf == s->leaf)
				chips += sort[k].in_leaf * chips_of(c, sort[k].one);
		for (uint32_t way = 0; way < 2; way++)
			(void)trn_flows_link(net->all, up * chips, s->pods / s->in_leaf,
					     TRN_CLUSTER_UPLINK);
	}
}

/* All flows of one rail kind from pods of sort a to @peers pods each of sort b. */
static void exchange_add(struct exchange *x, const struct rail *rail, uint32_t a, uint32_t b,
			 double peers, bool far)
{
	const struct trn_cluster *c = x->net->cluster;
	const struct sort *from = &x->sort[a], *to = &x->sort[b];
	uint32_t k = rail->full_slot, passed = !far ? 1 : c->tiers < 3 ? 3 : 5;
	double back = from->pods * peers / to->pods; /* pods of a that send to one of b */
	double bytes = exchange_bytes(c, rail, from->part, to->part, x->kind, x->bytes);
	double out = rail->rails / (from->part ? rail->part_chips : rail->rails);
	double in = rail->rails / (to->part ? rail->part_chips : rail->rails);
	struct trn_flow flow = { .task = x->task,
				 .bytes = bytes,
				 .latency_s = latency(c, passed),
				 .limit = bytes / x->issue_s,
				 .count = from->pods * peers * rail->rails };
	struct trn_flow_hop hop[4] = {
		{ x->nic[a][0] + k, out * peers },
		{ x->nic[b][1] + k, in * back },
		{ x->leaf[a][0], from->in_leaf * peers * rail->rails },
		{ x->leaf[b][1], to->in_leaf * back * rail->rails },
	};

	if (peers <= 0.0)
		return;
	flow_add(x->net, &flow, hop, far ? 4 : 2, passed, 1.0);
}

static void exchange_folded(struct exchange *x)
{
	for (uint32_t a = 0; a < x->sorts; a++) {
		for (uint32_t b = 0; b < x->sorts; b++) {
			double near = x->sort[a].leaf == x->sort[b].leaf ?
					      x->sort[b].in_leaf - (a == b) :
					      0.0;
			double far = x->sort[b].pods - (a == b) - near;

			for (uint32_t k = 0; k < x->rails->count; k++) {
				exchange_add(x, &x->rails->rail[k], a, b, near, false);
				exchange_add(x, &x->rails->rail[k], a, b, far, true);
			}
		}
	}
}

static void exchange_apart(struct exchange *x)
{
	const struct trn_cluster *c = x->net->cluster;
	uint32_t pods = trn_cluster_pods(c);

	for (uint32_t p = 0; p < pods; p++) {
		for (uint32_t q = 0; q < pods; q++) {
			for (uint32_t k = 0; p != q && k < x->rails->count; k++) {
				const struct rail *rail = &x->rails->rail[k];
				double bytes = exchange_bytes(c, rail, is_part(c, p), is_part(c, q),
							      x->kind, x->bytes);

				send(x->net, rail, x->task, p, q, bytes, bytes / x->issue_s, 1.0);
			}
		}
	}
}

/* @bytes for each of the others at once, @rounds times one after the other; a chip's network takes
 * a message after the other. */
static void exchange(struct trn_net *net, const struct rails *rails, enum trn_cluster_kind kind,
		     double bytes, uint32_t rounds)
{
	const struct trn_cluster *c = net->cluster;
	uint32_t each = c->part > 0 ? (rail_count(c) + c->part - 1) / c->part : 1;
	uint32_t messages = (trn_cluster_pods(c) - 1) * each;
	struct exchange x = { .net = net, .rails = rails, .bytes = bytes, .kind = kind };

	/* Behind the last one bytes go on; without a cost there is no limit. */
	x.issue_s = messages * (double)c->params.issue_ns * 1e-9;
	x.issue_s = x.issue_s > 0.0 ? x.issue_s : DBL_MIN;
	x.sorts = sorts_make(c, x.sort);
	if (!c->apart)
		exchange_numbers(&x);
	for (uint32_t i = 0; i < rounds; i++) {
		x.task = trn_flows_task(net->flows, 0, 1);
		trn_flows_after(net->flows, x.task, net->phase.end);
		net->phase.end = x.task;
		if (c->apart)
			exchange_apart(&x);
		else
			exchange_folded(&x);
	}
}

/* ---- phases ---- */

static bool is_exchange(enum trn_cluster_kind kind, enum trn_cluster_outer outer)
{
	return kind == TRN_CLUSTER_ALL_TO_ALL || outer == TRN_CLUSTER_OUTER_MESH;
}

static int net_open(struct trn_net *net, const struct rails *rails, bool by_kind)
{
	uint32_t count;
	int r = trn_flows_create(&net->all);

	if (r == 0)
		r = trn_flows_create(&net->flows);
	if (r < 0)
		return r;
	if (by_kind && !net->cluster->apart)
		exchange_links(net, rails);
	else
		links_make(net, rails);
	count = trn_flows_links(net->all);
	net->carried = trn_alloc_array(&trn_alloc_libc, count + 1, sizeof(*net->carried));
	if (!net->carried)
		return -ENOMEM;
	if (by_kind || net->cluster->apart) {
		struct trn_flows *rounds = net->flows;

		r = round_open(net);
		trn_flows_destroy(rounds);
		net->flows = net->into;
	}
	net->phase.begin = net->phase.end = trn_flows_task(net->flows, 0, 1);
	return r;
}

static int phase_make(struct trn_net *net, const struct rails *rails, enum trn_cluster_kind kind,
		      enum trn_cluster_outer outer, double bytes, struct trn_predict_why *why)
{
	uint32_t pods = trn_cluster_pods(net->cluster);

	if (is_exchange(kind, outer))
		exchange(net, rails, kind, bytes, kind == TRN_CLUSTER_ALL_TO_ALL ? 1 : 2);
	else if (outer == TRN_CLUSTER_OUTER_RDH)
		return halving(net, rails, bytes, why);
	else
		return round_add(net, rails, next_pod, 1, bytes / pods, 2 * (pods - 1), why);
	return 0;
}

void trn_cluster_net_close(struct trn_net *net)
{
	trn_flows_destroy(net->flows);
	trn_flows_destroy(net->all);
	trn_free(&trn_alloc_libc, net->carried);
}

int trn_cluster_net_phase(const struct trn_cluster *cluster, enum trn_cluster_kind kind,
			  enum trn_cluster_outer outer, uint32_t stride, double bytes,
			  struct trn_net *ret_net, struct trn_predict_why *why)
{
	struct trn_net net = { .cluster = cluster };
	struct rails rails;
	int r;

	rails_make(cluster, &rails);
	/* Of an all-reduce a chip has what is left to it of its group in the pod. */
	if (kind == TRN_CLUSTER_ALL_REDUCE)
		bytes = bytes * stride / rail_count(cluster);
	r = net_open(&net, &rails, is_exchange(kind, outer));
	if (r == 0)
		r = phase_make(&net, &rails, kind, outer, bytes, why);
	if (r < 0) {
		trn_cluster_net_close(&net);
		return trn_predict_fail(why, r, "no memory for the network");
	}
	*ret_net = net;
	return 0;
}
