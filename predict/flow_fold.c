/* SPDX-License-Identifier: Apache-2.0 */
/* Alike links and flows in one. Colours are refined until flows of one colour cross links of the
 * same colours, and links of one colour carry flows of the same colours, equally weighted: an
 * equitable partition. What is max-min fair is unique, so it is the same within a colour. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "predict/flow_parts.h"

struct key {
	uint64_t hash;
	uint32_t item;
};

struct fold {
	const struct trn_flows *from;
	uint32_t *flow, *link; /* colours */
	uint32_t flow_colours, link_colours;
	struct key *key;
	uint64_t *sum; /* of a link: what crosses it */
	uint32_t *one; /* of a link colour: a link of it, or NONE */
};

#define NONE UINT32_MAX

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + UINT64_C(0x2545f4914f6cdd1d));

	x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ (x >> 32);
}

static uint64_t bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static int by_hash(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Numbers for @count keys, equal ones for equal hashes. */
static uint32_t number(struct key *key, uint32_t count, uint32_t *ret_colour)
{
	uint32_t colours = 0;

	qsort(key, count, sizeof(*key), by_hash);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0 && key[i].hash != key[i - 1].hash)
			colours++;
		ret_colour[key[i].item] = colours;
	}
	return count > 0 ? colours + 1 : 0;
}

static void first_colours(struct fold *c)
{
	const struct trn_flows *f = c->from;

	for (uint32_t i = 0; i < f->flows; i++) {
		const struct trn_flow *is = &f->flow[i].is;
		uint64_t hash = mix(is->task, bits(is->bytes));

		hash = mix(mix(hash, bits(is->latency_s)), bits(is->start_s));
		c->key[i] = (struct key){ mix(hash, bits(is->limit)), i };
	}
	c->flow_colours = number(c->key, f->flows, c->flow);
	for (uint32_t i = 0; i < f->links; i++)
		c->key[i] = (struct key){ mix(f->link[i].tag, bits(f->link[i].capacity)), i };
	c->link_colours = number(c->key, f->links, c->link);
}

static void refine_flows(struct fold *c)
{
	const struct trn_flows *f = c->from;

	for (uint32_t i = 0; i < f->flows; i++) {
		uint64_t hash = 0;

		for (uint32_t h = f->flow[i].hop; h < f->flow[i].hop + f->flow[i].hops; h++)
			hash += mix(c->link[f->hop[h].link], bits(f->hop[h].weight));
		c->key[i] = (struct key){ mix(hash, c->flow[i]), i };
	}
	c->flow_colours = number(c->key, f->flows, c->flow);
}

static void refine_links(struct fold *c)
{
	const struct trn_flows *f = c->from;

	memset(c->sum, 0, f->links * sizeof(*c->sum));
	for (uint32_t i = 0; i < f->flows; i++)
		for (uint32_t h = f->flow[i].hop; h < f->flow[i].hop + f->flow[i].hops; h++)
			c->sum[f->hop[h].link] += mix(c->flow[i], bits(f->hop[h].weight));
	for (uint32_t i = 0; i < f->links; i++)
		c->key[i] = (struct key){ mix(c->sum[i], c->link[i]), i };
	c->link_colours = number(c->key, f->links, c->link);
}

static void refine(struct fold *c)
{
	uint32_t before;

	first_colours(c);
	do {
		before = c->flow_colours + c->link_colours;
		refine_flows(c);
		refine_links(c);
	} while (c->flow_colours + c->link_colours > before);
}

/* ---- the folded one ---- */

static void fold_links(struct fold *c, struct trn_flows *to)
{
	const struct trn_flows *f = c->from;

	for (uint32_t i = 0; i < c->link_colours; i++)
		c->one[i] = NONE;
	for (uint32_t i = 0; i < f->links; i++)
		if (c->one[c->link[i]] == NONE)
			c->one[c->link[i]] = i;
	for (uint32_t i = 0; i < c->link_colours; i++)
		(void)trn_flows_link(to, f->link[c->one[i]].capacity, 0.0, f->link[c->one[i]].tag);
	for (uint32_t i = 0; i < f->links && to->error == 0; i++)
		to->link[c->link[i]].count += f->link[i].count;
}

static void fold_tasks(const struct trn_flows *f, struct trn_flows *to)
{
	for (uint32_t i = 0; i < f->tasks; i++)
		(void)trn_flows_task(to, f->task[i].delay, f->task[i].repeat);
	for (uint32_t i = 0; i < f->tasks; i++)
		for (uint32_t e = f->task[i].edge; e != NONE; e = f->edge[e].next)
			trn_flows_after(to, f->edge[e].task, i);
}

/* What one link of every colour carries of the flows of every colour: sorted by flow colour,
 * then by link, the hops of all flows that touch such a link. */
struct crossing {
	uint32_t flow, link;
	double weight;
};

static int by_flow(const void *a, const void *b)
{
	const struct crossing *x = a, *y = b;

	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	return x->link < y->link ? -1 : x->link > y->link;
}

static uint32_t crossings_list(const struct fold *c, struct crossing *list)
{
	const struct trn_flows *f = c->from;
	uint32_t count = 0, kept = 0;

	for (uint32_t i = 0; i < f->flows; i++)
		for (uint32_t h = f->flow[i].hop; h < f->flow[i].hop + f->flow[i].hops; h++)
			if (c->one[c->link[f->hop[h].link]] == f->hop[h].link)
				list[count++] = (struct crossing){ c->flow[i],
								   c->link[f->hop[h].link],
								   f->hop[h].weight };
	qsort(list, count, sizeof(*list), by_flow);
	for (uint32_t i = 0; i < count; i++) {
		if (kept > 0 && by_flow(&list[kept - 1], &list[i]) == 0)
			list[kept - 1].weight += list[i].weight;
		else
			list[kept++] = list[i];
	}
	return kept;
}

/* A flow of every colour, with the counts of all. */
static int fold_flows(const struct fold *c, struct trn_flows *to)
{
	const struct trn_flows *f = c->from;
	struct crossing *list = trn_alloc_array(&trn_alloc_libc, f->hops + 1, sizeof(*list));
	struct trn_flow *flow =
		trn_alloc_array(&trn_alloc_libc, c->flow_colours + 1, sizeof(*flow));
	struct trn_flow_hop *hops = trn_alloc_array(&trn_alloc_libc, f->hops + 1, sizeof(*hops));
	uint32_t count, at = 0;
	int r = list && flow && hops ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < f->flows; i++) {
		struct trn_flow *sum = &flow[c->flow[i]];
		double before = sum->count;

		*sum = f->flow[i].is;
		sum->count += before;
	}
	count = r == 0 ? crossings_list(c, list) : 0;
	for (uint32_t i = 0; r == 0 && i < c->flow_colours; i++) {
		uint32_t n = 0;

		for (; at < count && list[at].flow == i; at++)
			hops[n++] = (struct trn_flow_hop){ list[at].link, list[at].weight };
		trn_flows_add(to, &flow[i], hops, n);
	}
	trn_free(&trn_alloc_libc, list);
	trn_free(&trn_alloc_libc, flow);
	trn_free(&trn_alloc_libc, hops);
	return r;
}

static int fold(struct fold *c, struct trn_flows *to, uint32_t *ret_links)
{
	const struct trn_flows *f = c->from;
	uint32_t most = f->flows > f->links ? f->flows : f->links;

	c->flow = trn_alloc_array(&trn_alloc_libc, f->flows + 1, sizeof(*c->flow));
	c->link = trn_alloc_array(&trn_alloc_libc, f->links + 1, sizeof(*c->link));
	c->key = trn_alloc_array(&trn_alloc_libc, most + 1, sizeof(*c->key));
	c->sum = trn_alloc_array(&trn_alloc_libc, f->links + 1, sizeof(*c->sum));
	c->one = trn_alloc_array(&trn_alloc_libc, f->links + 1, sizeof(*c->one));
	if (!c->flow || !c->link || !c->key || !c->sum || !c->one)
		return -ENOMEM;
	refine(c);
	to->in_order = f->in_order;
	fold_links(c, to);
	fold_tasks(f, to);
	if (ret_links)
		memcpy(ret_links, c->link, f->links * sizeof(*ret_links));
	return to->error < 0 ? to->error : fold_flows(c, to);
}

int trn_flows_fold(const struct trn_flows *flows, struct trn_flows **ret_folded,
		   uint32_t *ret_links, struct trn_predict_why *why)
{
	struct fold c = { .from = flows };
	struct trn_flows *to = NULL;
	int r = flows->error < 0 ? flows->error : trn_flows_create(&to);

	if (r == 0)
		r = fold(&c, to, ret_links);
	if (r == 0)
		r = to->error;
	trn_free(&trn_alloc_libc, c.flow);
	trn_free(&trn_alloc_libc, c.link);
	trn_free(&trn_alloc_libc, c.key);
	trn_free(&trn_alloc_libc, c.sum);
	trn_free(&trn_alloc_libc, c.one);
	if (r < 0) {
		trn_flows_destroy(to);
		return trn_predict_fail(why, r, "flows: %s",
					r == -ENOMEM ? "no memory" : "a number that is none");
	}
	*ret_folded = to;
	return 0;
}
