/* SPDX-License-Identifier: Apache-2.0 */
/* Failures come one by one, each takes a pod. Without a spare the job waits for the first pod that
 * is repaired. docs/scale.md 6. */
#include "predict/goodput.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "base/prng.h"
#include "predict/cluster_parts.h"

#define FAILURES 4000u  /* that are drawn */
#define HORIZON_S 3.2e9 /* and no more than a hundred years */
#define HOUR 3600.0

/* Daly, "A higher order estimate of the optimum checkpoint interval", 2006: of work alone. */
static double daly(double checkpoint, double mtbf)
{
	double x = checkpoint / (2.0 * mtbf);

	if (x >= 1.0)
		return mtbf;
	return sqrt(2.0 * checkpoint * mtbf) * (1.0 + sqrt(x) / 3.0 + x / 9.0) - checkpoint;
}

/* Useful share when failures strike work, checkpoints and restarts alike. */
static double expected(const struct trn_goodput *g)
{
	double passes = g->mtbf_s * exp(g->restart_s / g->mtbf_s) *
			expm1((g->interval_s + g->checkpoint_s) / g->mtbf_s);

	return g->interval_s / passes;
}

struct sim {
	const struct trn_goodput *g;
	struct trn_prng prng;
	double now, failure; /* the next one */
	double *back;        /* when pods in repair are back; a ring in order of time */
	uint32_t first, repairing, places;
	uint32_t failures;
	double work, checkpointing, lost, restarting, waiting;
};

static double draw(struct sim *s)
{
	/* 53 bits, never 0. */
	double u = ((double)(trn_prng_next(&s->prng) >> 11) + 1.0) / 9007199254740992.0;

	return -log(u) * s->g->mtbf_s;
}

/* So much time, or up to the failure. True: it all went by. */
static bool pass(struct sim *s, double seconds, double *ret_passed)
{
	bool whole = s->now + seconds <= s->failure;

	*ret_passed = whole ? seconds : s->failure - s->now;
	s->now += *ret_passed;
	return whole;
}

/* A pod goes to repair; without a spare the first one to come back is waited for. */
static void take_out(struct sim *s)
{
	s->failures++;
	while (s->repairing > 0 && s->back[s->first] <= s->now) {
		s->first = (s->first + 1) % s->places;
		s->repairing--;
	}
	s->back[(s->first + s->repairing) % s->places] = s->now + s->g->repair_s;
	s->repairing++;
	if (s->repairing > s->g->spares) {
		s->waiting += s->back[s->first] - s->now;
		s->now = s->back[s->first];
		s->first = (s->first + 1) % s->places;
		s->repairing--;
	}
	s->failure = s->now + draw(s);
}

static void recover(struct sim *s)
{
	double passed;

	for (bool up = false; !up && s->failures < FAILURES && s->now < HORIZON_S;) {
		take_out(s);
		up = pass(s, s->g->restart_s, &passed);
		s->restarting += passed;
	}
}

static void simulate(struct sim *s)
{
	s->failure = draw(s);
	while (s->failures < FAILURES && s->now < HORIZON_S) {
		double worked, wrote = 0.0;
		bool done = pass(s, s->g->interval_s, &worked);

		done = done && pass(s, s->g->checkpoint_s, &wrote);
		if (done) {
			s->work += worked;
			s->checkpointing += wrote;
			continue;
		}
		s->lost += worked + wrote;
		recover(s);
	}
}

static int run(struct trn_goodput *g, uint64_t seed, struct trn_predict_why *why)
{
	struct sim s = { .g = g, .places = g->spares < FAILURES ? g->spares + 2 : FAILURES + 2 };

	s.back = trn_alloc_array(&trn_alloc_libc, s.places, sizeof(*s.back));
	if (!s.back)
		return trn_predict_fail(why, -ENOMEM, "no memory");
	trn_prng_seed(&s.prng, seed);
	simulate(&s);
	trn_free(&trn_alloc_libc, s.back);
	g->failures = s.failures;
	g->simulated = s.work / s.now;
	g->checkpointing = s.checkpointing / s.now;
	g->lost = s.lost / s.now;
	g->restarting = s.restarting / s.now;
	g->waiting = s.waiting / s.now;
	return 0;
}

double trn_goodput_mtbf(const struct trn_cluster *c)
{
	const struct trn_cluster_params *p = &c->params;

	return 1.0 / (c->chips / ((double)p->chip_mtbf_h * HOUR) +
		      trn_cluster_pods(c) / ((double)p->pod_mtbf_h * HOUR));
}

int trn_goodput(const struct trn_goodput_request *request, struct trn_goodput *ret_goodput,
		struct trn_predict_why *why)
{
	const struct trn_cluster *c = request->cluster;
	const struct trn_cluster_params *p = &c->params;
	struct trn_goodput g = { .restart_s = (double)p->restart_s,
				 .repair_s = (double)p->repair_h * HOUR,
				 .interval_s = request->interval_s,
				 .spares = request->spares };
	int r;

	if (!(request->state_bytes >= 0.0) || !(request->interval_s >= 0.0))
		return trn_predict_fail(why, -EINVAL, "a checkpoint or an interval below 0");
	g.mtbf_s = trn_goodput_mtbf(c);
	g.checkpoint_s = request->state_bytes / c->chips / ((double)p->checkpoint_mbps * 1e6);
	g.young_s = sqrt(2.0 * g.checkpoint_s * g.mtbf_s);
	g.daly_s = daly(g.checkpoint_s, g.mtbf_s);
	if (g.interval_s == 0.0)
		g.interval_s = fmax(g.daly_s, 1e-3);
	g.repairing = g.repair_s / g.mtbf_s;
	/* Pods in repair are as many as calls in a telephone exchange. */
	if (g.spares == TRN_GOODPUT_AUTO)
		g.spares = (uint32_t)ceil(g.repairing + 3.0 * sqrt(g.repairing));
	g.expected = expected(&g);
	r = run(&g, request->seed, why);
	if (r == 0)
		*ret_goodput = g;
	return r;
}
