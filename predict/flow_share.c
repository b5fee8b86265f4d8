/* SPDX-License-Identifier: Apache-2.0 */
/* Max-min fair division by filling: all flows grow alike until a link is full or a flow has what
 * its source can do; those stop, the others go on. */
#include <math.h>
#include <string.h>
#include "predict/flow.h"

#define SAME 1e-12 /* levels closer than this, relatively, are one */

struct room {
	double *left, *weight;  /* of a link: bandwidth, and weight of the flows that still grow */
	uint32_t *by_link, *at; /* flows of link l: by_link[at[l]] to at[l + 1] */
	uint32_t *growing;      /* of them, those that are not fixed */
	uint8_t *fixed;         /* of a flow */
};

uint64_t trn_share_room(uint32_t flows, uint32_t links, uint32_t hops)
{
	return (uint64_t)links * 2 * sizeof(double) +
	       (2 * (uint64_t)links + 2 + hops) * sizeof(uint32_t) + flows;
}

static struct room room_cut(const struct trn_share *s, void *room)
{
	struct room r;

	r.left = room;
	r.weight = r.left + s->links;
	r.at = (uint32_t *)(r.weight + s->links);
	r.growing = r.at + s->links + 2;
	r.by_link = r.growing + s->links;
	r.fixed = (uint8_t *)(r.by_link + s->first[s->flows]);
	return r;
}

/* Flows by link, as a table of starts and one of numbers. */
static void index_links(const struct trn_share *s, struct room *r)
{
	memset(r->at, 0, ((size_t)s->links + 2) * sizeof(*r->at));
	memset(r->weight, 0, s->links * sizeof(*r->weight));
	memset(r->fixed, 0, s->flows);
	memcpy(r->left, s->capacity, s->links * sizeof(*r->left));
	for (uint32_t h = 0; h < s->first[s->flows]; h++) {
		r->at[s->hops[h].link + 2]++;
		r->weight[s->hops[h].link] += s->hops[h].weight;
	}
	for (uint32_t l = 0; l < s->links; l++) {
		r->growing[l] = r->at[l + 2];
		r->at[l + 2] += r->at[l + 1];
	}
	for (uint32_t f = 0; f < s->flows; f++)
		for (uint32_t h = s->first[f]; h < s->first[f + 1]; h++)
			r->by_link[r->at[s->hops[h].link + 1]++] = f;
}

static double level(const struct trn_share *s, const struct room *r)
{
	double least = HUGE_VAL;

	for (uint32_t l = 0; l < s->links; l++)
		if (r->weight[l] > 0.0 && r->left[l] < least * r->weight[l])
			least = r->left[l] / r->weight[l];
	for (uint32_t f = 0; f < s->flows; f++)
		if (!r->fixed[f] && s->limit[f] > 0.0 && s->limit[f] < least)
			least = s->limit[f];
	return least;
}

/* Takes its share off its links. */
static void fix(const struct trn_share *s, struct room *r, uint32_t flow, double rate)
{
	r->fixed[flow] = 1;
	s->rate[flow] = rate;
	for (uint32_t h = s->first[flow]; h < s->first[flow + 1]; h++) {
		const struct trn_flow_hop *hop = &s->hops[h];

		r->left[hop->link] = fmax(0.0, r->left[hop->link] - rate * hop->weight);
		r->weight[hop->link] -= hop->weight;
		/* What rounding leaves is nobody's. */
		if (--r->growing[hop->link] == 0)
			r->weight[hop->link] = 0.0;
	}
}

static uint32_t fix_link(const struct trn_share *s, struct room *r, uint32_t link, double rate)
{
	uint32_t count = 0;

	for (uint32_t i = r->at[link]; i < r->at[link + 1]; i++) {
		if (r->fixed[r->by_link[i]])
			continue;
		fix(s, r, r->by_link[i], rate);
		count++;
	}
	return count;
}

void trn_share_divide(const struct trn_share *s, void *room)
{
	struct room r = room_cut(s, room);
	uint32_t growing = s->flows;

	index_links(s, &r);
	while (growing > 0) {
		double rate = level(s, &r), up_to = rate * (1.0 + SAME);

		for (uint32_t f = 0; f < s->flows; f++) {
			/* A flow that crosses nothing and has no limit takes no time. */
			if (r.fixed[f] ||
			    (rate < HUGE_VAL && !(s->limit[f] > 0.0 && s->limit[f] <= up_to)))
				continue;
			fix(s, &r, f, s->limit[f] > 0.0 ? s->limit[f] : HUGE_VAL);
			growing--;
		}
		for (uint32_t l = 0; l < s->links && growing > 0 && rate < HUGE_VAL; l++)
			if (r.weight[l] > 0.0 && r.left[l] <= up_to * r.weight[l])
				growing -= fix_link(s, &r, l, rate);
	}
}
