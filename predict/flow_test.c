/* SPDX-License-Identifier: Apache-2.0 */
/* The flow engine against hand arithmetic, against a division by brute force on random
 * networks, and folded against not folded. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/prng.h"
#include "base/test_main.h"
#include "predict/flow.h"

static double run(struct trn_flows *flows)
{
	struct trn_predict_why why = { "" };
	double seconds = NAN;
	int r = trn_flows_run(flows, &seconds, &why);

	ck_assert_msg(r == 0, "%d %s", r, why.text);
	return seconds;
}

static struct trn_flows *make(void)
{
	struct trn_flows *flows = NULL;

	ck_assert_int_eq(trn_flows_create(&flows), 0);
	return flows;
}

static void add(struct trn_flows *flows, uint32_t task, double bytes, double latency, uint32_t a,
		uint32_t b)
{
	struct trn_flow flow = { .task = task, .bytes = bytes, .latency_s = latency };
	struct trn_flow_hop hops[] = { { a, 1 }, { b, 1 } };

	trn_flows_add(flows, &flow, hops, a == b ? 1 : 2);
}

/* Two share a link, one of them a slower one too: it takes its third, the other the rest. */
START_TEST(what_one_cannot_use_another_gets)
{
	struct trn_flows *flows = make();
	uint32_t wide = trn_flows_link(flows, 90, 1, 0), thin = trn_flows_link(flows, 30, 1, 0);
	uint32_t task = trn_flows_task(flows, 0, 1), second = trn_flows_task(flows, 0, 1);

	add(flows, task, 60, 0, wide, wide);
	add(flows, second, 60, 0.5, wide, thin);
	/* 60 and 30 a second: the first is done after 1 s, the second after 2 s and a half. */
	ck_assert_double_eq_tol(run(flows), 2.5, 1e-9);
	ck_assert_double_eq_tol(trn_flows_done_s(flows, task), 1, 1e-9);
	ck_assert_double_eq_tol(trn_flows_link_bytes(flows, wide), 120, 1e-9);
	ck_assert_double_eq_tol(trn_flows_link_used(flows, thin), 60 / (30 * 2.5), 1e-9);
	ck_assert_double_eq_tol(trn_flows_bytes(flows), 120, 1e-9);
	trn_flows_destroy(flows);
}
END_TEST

START_TEST(tasks_wait_and_repeat)
{
	struct trn_flows *flows = make();
	uint32_t link = trn_flows_link(flows, 10, 1, 0);
	uint32_t a = trn_flows_task(flows, 1, 3), b = trn_flows_task(flows, 2, 1);
	uint32_t side = trn_flows_task(flows, 0, 1);
	double alone;

	add(flows, a, 10, 0.5, link, link);
	add(flows, b, 20, 0, link, link);
	trn_flows_after(flows, b, a);
	/* 3 x (1 + 1 + 0.5), then 2 + 2. */
	alone = 3 * 2.5 + 4;
	(void)side;
	ck_assert_double_eq_tol(run(flows), alone, 1e-9);
	ck_assert_double_eq_tol(trn_flows_link_bytes(flows, link), 50, 1e-9);
	trn_flows_destroy(flows);
}
END_TEST

/* Repetitions that are skipped and those that are not bring the same. */
START_TEST(skipping_changes_nothing)
{
	double seconds[2], bytes[2];

	for (int with = 0; with < 2; with++) {
		struct trn_flows *flows = make();
		uint32_t link = trn_flows_link(flows, 7, 1, 0),
			 other = trn_flows_link(flows, 1, 1, 0);
		uint32_t task = trn_flows_task(flows, 0.25, 1000);

		add(flows, task, 3, 0.125, link, link);
		if (with) {
			uint32_t beside = trn_flows_task(flows, 0, 1);

			add(flows, beside, 1, 0, other, other);
		}
		seconds[with] = run(flows);
		bytes[with] = trn_flows_link_bytes(flows, link);
		trn_flows_destroy(flows);
	}
	ck_assert_double_eq_tol(seconds[0], 1000 * (0.375 + 3.0 / 7), 1e-6);
	ck_assert_double_eq_tol(seconds[0], seconds[1], 1e-6);
	ck_assert_double_eq_tol(bytes[0], bytes[1], 1e-6);
}
END_TEST

START_TEST(a_source_has_a_limit)
{
	struct trn_flows *flows = make();
	uint32_t link = trn_flows_link(flows, 100, 1, 0), task = trn_flows_task(flows, 0, 1);
	struct trn_flow slow = { .task = task, .bytes = 10, .limit = 10 };
	struct trn_flow fast = { .task = task, .bytes = 90, .count = 1 };
	struct trn_flow none = { .task = task, .bytes = 1e12 };
	struct trn_flow_hop hop = { link, 1 };

	trn_flows_add(flows, &slow, &hop, 1);
	trn_flows_add(flows, &fast, &hop, 1);
	trn_flows_add(flows, &none, NULL, 0);
	ck_assert_double_eq_tol(run(flows), 1, 1e-9);
	trn_flows_destroy(flows);
}
END_TEST

/* Who came first is served first; a flow may begin behind its task. */
START_TEST(links_in_order)
{
	for (int in_order = 0; in_order < 2; in_order++) {
		struct trn_flows *flows = make();
		uint32_t link = trn_flows_link(flows, 10, 1, 0);
		uint32_t a = trn_flows_task(flows, 0, 1), b = trn_flows_task(flows, 0, 1);
		struct trn_flow late = { .task = a, .bytes = 10, .start_s = 1 };
		struct trn_flow_hop hop = { link, 1 };

		if (in_order)
			trn_flows_in_order(flows);
		add(flows, b, 20, 0, link, link);
		trn_flows_add(flows, &late, &hop, 1);
		ck_assert_double_eq_tol(run(flows), 3, 1e-9);
		/* In order the second second is b's, too; else they share it and the third. */
		ck_assert_double_eq_tol(trn_flows_done_s(flows, b), in_order ? 2 : 3, 1e-9);
		ck_assert_double_eq_tol(trn_flows_done_s(flows, a), 3, 1e-9);
		trn_flows_destroy(flows);
	}
}
END_TEST

/* Two that could each have a link for themselves: a second's worth of it more, then halves of it;
 * the same again when it was idle for so long. */
START_TEST(an_idle_link_bursts)
{
	static const double idle[] = { 1.0, 0.5 }, takes[] = { 3.0 + 1.0 + 3.0, 3.0 + 0.5 + 4.0 };

	for (uint32_t i = 0; i < 2; i++) {
		struct trn_flows *flows = make();
		uint32_t link = trn_flows_link(flows, 10, 1, 0);
		uint32_t first = trn_flows_task(flows, 0, 1);
		uint32_t second = trn_flows_task(flows, idle[i], 1);

		trn_flows_burst(flows, 1.0);
		trn_flows_after(flows, second, first);
		for (uint32_t k = 0; k < 4; k++) {
			struct trn_flow flow = { .task = k % 2 ? first : second,
						 .bytes = 20,
						 .limit = 10 };

			trn_flows_add(flows, &flow, &(struct trn_flow_hop){ link, 1 }, 1);
		}
		ck_assert_double_eq_tol(run(flows), takes[i], 1e-9);
		ck_assert_double_eq_tol(trn_flows_link_bytes(flows, link), 80, 1e-9);
		trn_flows_destroy(flows);
	}
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct trn_predict_why why = { "" };
	struct trn_flows *flows = make();
	uint32_t a = trn_flows_task(flows, 0, 1), b = trn_flows_task(flows, 0, 1);
	double seconds = 0;

	trn_flows_after(flows, a, b);
	trn_flows_after(flows, b, a);
	ck_assert_int_eq(trn_flows_run(flows, &seconds, &why), -EDEADLK);
	trn_flows_destroy(flows);
	flows = make();
	a = trn_flows_task(flows, 0, 1);
	b = trn_flows_link(flows, 0, 1, 0);
	add(flows, a, 1, 0, b, b);
	ck_assert_int_eq(trn_flows_run(flows, &seconds, &why), -EHOSTUNREACH);
	trn_flows_destroy(flows);
	flows = make();
	add(flows, 0, 1, 0, 0, 0);
	ck_assert_int_eq(trn_flows_run(flows, &seconds, &why), -EINVAL);
	trn_flows_destroy(flows);
	flows = make();
	a = trn_flows_task(flows, 0, 1);
	add(flows, a, NAN, 0, 0, 0);
	ck_assert_int_eq(trn_flows_run(flows, &seconds, &why), -EINVAL);
	ck_assert_double_eq(seconds, 0);
	trn_flows_destroy(flows);
}
END_TEST

/* ---- division by brute force ---- */

#define FLOWS 24
#define LINKS 12
#define HOPS 5

struct net {
	uint32_t flows, links, first[FLOWS + 1];
	struct trn_flow_hop hops[FLOWS * HOPS];
	double limit[FLOWS], capacity[LINKS], rate[FLOWS];
};

static void draw_net(struct trn_prng *prng, struct net *net)
{
	uint32_t hops = 0;

	net->flows = 1 + (uint32_t)trn_prng_below(prng, FLOWS);
	net->links = 1 + (uint32_t)trn_prng_below(prng, LINKS);
	for (uint32_t l = 0; l < net->links; l++)
		net->capacity[l] = 1.0 + (double)trn_prng_below(prng, 100);
	for (uint32_t f = 0; f < net->flows; f++) {
		uint32_t want = 1 + (uint32_t)trn_prng_below(prng, HOPS);

		net->first[f] = hops;
		net->limit[f] =
			trn_prng_below(prng, 4) == 0 ? 1.0 + (double)trn_prng_below(prng, 20) : 0.0;
		for (uint32_t l = 0; l < net->links && want > 0; l++) {
			if (trn_prng_below(prng, 3) != 0)
				continue;
			net->hops[hops++] =
				(struct trn_flow_hop){ l, 1.0 + (double)trn_prng_below(prng, 3) };
			want--;
		}
		if (hops == net->first[f])
			net->hops[hops++] = (struct trn_flow_hop){ 0, 1 };
	}
	net->first[net->flows] = hops;
}

static double load(const struct net *net, const double *rate, uint32_t link)
{
	double sum = 0;

	for (uint32_t f = 0; f < net->flows; f++)
		for (uint32_t h = net->first[f]; h < net->first[f + 1]; h++)
			if (net->hops[h].link == link)
				sum += rate[f] * net->hops[h].weight;
	return sum;
}

/* All flows grow by little steps; one stops when a link of it, or itself, can do no more. */
static void fill(const struct net *net, double step, double *rate)
{
	bool stopped[FLOWS] = { false };
	bool any = true;

	memset(rate, 0, FLOWS * sizeof(*rate));
	while (any) {
		any = false;
		for (uint32_t f = 0; f < net->flows; f++)
			if (!stopped[f])
				rate[f] += step;
		for (uint32_t f = 0; f < net->flows; f++) {
			if (stopped[f])
				continue;
			stopped[f] = net->limit[f] > 0 && rate[f] >= net->limit[f];
			for (uint32_t h = net->first[f]; h < net->first[f + 1]; h++)
				stopped[f] |= load(net, rate, net->hops[h].link) >=
					      net->capacity[net->hops[h].link];
			any |= !stopped[f];
		}
	}
}

START_TEST(division_is_max_min_fair)
{
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (int round = 0; round < 60; round++) {
		const double step = 1e-3;
		double rate[FLOWS];
		struct net net;
		struct trn_share share;
		void *room;

		draw_net(&prng, &net);
		share = (struct trn_share){ net.flows, net.links,    net.first, net.hops,
					    net.limit, net.capacity, net.rate };
		room = malloc(trn_share_room(net.flows, net.links, net.first[net.flows]));
		trn_share_divide(&share, room);
		free(room);
		fill(&net, step, rate);
		for (uint32_t l = 0; l < net.links; l++)
			ck_assert_double_le(load(&net, net.rate, l), net.capacity[l] * (1 + 1e-9));
		/* Steps are coarse, and what one flow is late another one is early. */
		for (uint32_t f = 0; f < net.flows; f++)
			ck_assert_msg(fabs(rate[f] - net.rate[f]) < 200 * step,
				      "round %d flow %u: %g, by steps %g", round, f, net.rate[f],
				      rate[f]);
	}
}
END_TEST

/* ---- folding ---- */

/* n stars on a switch, each sends to its k-th neighbour: one flow is left, two links. */
START_TEST(a_ring_folds_to_one_flow)
{
	const uint32_t n = 100;
	struct trn_flows *flows = make(), *folded = NULL;
	uint32_t task = trn_flows_task(flows, 1e-6, 2 * (n - 1)), where[200];
	struct trn_predict_why why;
	double seconds;

	for (uint32_t i = 0; i < 2 * n; i++)
		ck_assert_uint_eq(trn_flows_link(flows, 100e9, 1, 0), i);
	for (uint32_t i = 0; i < n; i++)
		add(flows, task, 1e9 / n, 2e-6, i, n + (i + 1) % n);
	ck_assert_int_eq(trn_flows_fold(flows, &folded, where, &why), 0);
	ck_assert_uint_eq(trn_flows_flows(folded), 1);
	/* Up and down links carry the same flow: even those are alike. */
	ck_assert_uint_eq(trn_flows_links(folded), 1);
	ck_assert_double_eq(trn_flows_link_count(folded, 0), 2 * n);
	ck_assert_uint_eq(where[n], 0);
	seconds = run(folded);
	/* 2 (n - 1) / n S / B, and the latencies. */
	ck_assert_double_eq_tol(seconds, 2.0 * (n - 1) / n * 1e9 / 100e9 + 2 * (n - 1) * 3e-6,
				1e-9);
	ck_assert_double_eq_tol(run(flows), seconds, 1e-12);
	ck_assert_double_eq_tol(trn_flows_bytes(flows), trn_flows_bytes(folded), 1);
	ck_assert_double_eq_tol(trn_flows_link_bytes(flows, 5), trn_flows_link_bytes(folded, 0), 1);
	trn_flows_destroy(flows);
	trn_flows_destroy(folded);
}
END_TEST

/* Random tasks on random links of few kinds, so that some are alike. */
static struct trn_flows *draw_flows(struct trn_prng *prng)
{
	struct trn_flows *flows = make();
	uint32_t links = 2 + (uint32_t)trn_prng_below(prng, 40);
	uint32_t tasks = 1 + (uint32_t)trn_prng_below(prng, 6);

	for (uint32_t l = 0; l < links; l++)
		(void)trn_flows_link(flows, 1.0 + (double)trn_prng_below(prng, 2), 1, 0);
	for (uint32_t t = 0; t < tasks; t++) {
		(void)trn_flows_task(flows, (double)trn_prng_below(prng, 3),
				     1 + (uint32_t)trn_prng_below(prng, 4));
		if (t > 0 && trn_prng_below(prng, 2))
			trn_flows_after(flows, t, (uint32_t)trn_prng_below(prng, t));
		for (uint32_t i = 0; i < links; i++)
			add(flows, t, 1.0 + (double)trn_prng_below(prng, 2),
			    (double)trn_prng_below(prng, 2), i,
			    (i + 1 + (uint32_t)trn_prng_below(prng, 2)) % links);
	}
	return flows;
}

START_TEST(folded_is_as_before)
{
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (int round = 0; round < 100; round++) {
		struct trn_flows *flows = draw_flows(&prng), *folded = NULL;
		struct trn_predict_why why;
		uint32_t where[64];
		double seconds;

		ck_assert_int_eq(trn_flows_fold(flows, &folded, where, &why), 0);
		ck_assert_uint_le(trn_flows_flows(folded), trn_flows_flows(flows));
		seconds = run(flows);
		ck_assert_double_eq_tol(run(folded), seconds, 1e-9 * seconds);
		ck_assert_double_eq_tol(trn_flows_bytes(folded), trn_flows_bytes(flows),
					1e-9 * trn_flows_bytes(flows));
		for (uint32_t l = 0; l < trn_flows_links(flows); l++)
			ck_assert_double_eq_tol(trn_flows_link_bytes(flows, l),
						trn_flows_link_bytes(folded, where[l]), 1e-6);
		trn_flows_destroy(flows);
		trn_flows_destroy(folded);
	}
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-flow");
	TCase *tc = tcase_create("flow");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_one_cannot_use_another_gets);
	tcase_add_test(tc, tasks_wait_and_repeat);
	tcase_add_test(tc, skipping_changes_nothing);
	tcase_add_test(tc, a_source_has_a_limit);
	tcase_add_test(tc, links_in_order);
	tcase_add_test(tc, an_idle_link_bursts);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_test(tc, division_is_max_min_fair);
	tcase_add_test(tc, a_ring_folds_to_one_flow);
	tcase_add_test(tc, folded_is_as_before);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
