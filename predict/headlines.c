/* SPDX-License-Identifier: Apache-2.0 */
/* H 3 as a table: what was claimed, which numbers of the generations' tables give it, whether
 * those give it when rounded as the claim rounds. */
#include "predict/headlines.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/bits.h"
#include "model/gen.h"
#include "predict/cluster_parts.h"

#define CLAIM_CONTEXT 4096u
#define CLAIM_BATCH 1024u
#define CHIPS_CLAIMED 1e6
#define CHIPS_BEFORE 1e5    /* of the generation before: H 2.4 */
#define TRN3_GEN1_CHIPS 64u /* H 2.1 */

struct sources {
	const struct trn_gen *trn2, *trn3, *trn4;
	struct trn_predict_config gpt;
	struct trn_predict_rates rate2, rate3;
	double many, one; /* step of Trainium2 over step of Trainium3, by the kernels */
	uint64_t seed;
};

typedef double value_fn(const struct sources *s, char *text, size_t room);

static double ratio_of(double a, double b, int digits, const char *what, char *text, size_t room)
{
	snprintf(text, room, "%.*f / %.*f %s = %.3f", digits, a, digits, b, what, a / b);
	return a / b;
}

static double whole(const struct trn_gen *gen, uint64_t of_a_chip)
{
	return (double)gen->chips_ultraserver * (double)of_a_chip;
}

static double compute(const struct sources *s, char *text, size_t room)
{
	return ratio_of(whole(s->trn3, s->trn3->peak_f8_tflops),
			whole(s->trn2, s->trn2->peak_f8_tflops), 0, "TFLOP/s of an UltraServer",
			text, room);
}

static double compute_bf16(const struct sources *s, char *text, size_t room)
{
	return ratio_of(whole(s->trn3, s->trn3->peak_bf16_tflops),
			whole(s->trn2, s->trn2->peak_bf16_tflops), 0,
			"TFLOP/s of an UltraServer in BF16", text, room);
}

static double tensor_only(const struct sources *s, char *text, size_t room)
{
	double a = trn_predict_peak(s->trn3, TRN_PREDICT_MXFP8);
	double b = trn_predict_peak(s->trn2, TRN_PREDICT_BF16) * (double)s->trn2->matmul_rate_f8 /
		   100.0;

	return ratio_of(whole(s->trn3, 1) * a * 1e-12, whole(s->trn2, 1) * b * 1e-12, 0,
			"TFLOP/s of the tensor engines alone", text, room);
}

static double compute_gen1(const struct sources *s, char *text, size_t room)
{
	return ratio_of(TRN3_GEN1_CHIPS * (double)s->trn3->peak_f8_tflops,
			whole(s->trn2, s->trn2->peak_f8_tflops), 0, "TFLOP/s of 64 chips each",
			text, room);
}

static double capacity(const struct sources *s, char *text, size_t room)
{
	return ratio_of(whole(s->trn3, s->trn3->hbm_capacity_bytes) / (1u << 30),
			whole(s->trn2, s->trn2->hbm_capacity_bytes) / (1u << 30), 0,
			"GiB of an UltraServer", text, room);
}

static double bandwidth(const struct sources *s, char *text, size_t room)
{
	return ratio_of(whole(s->trn3, s->trn3->hbm_bytes_per_s) * 1e-12,
			whole(s->trn2, s->trn2->hbm_bytes_per_s) * 1e-12, 1,
			"TB/s of an UltraServer", text, room);
}

static double chip_f8(const struct sources *s)
{
	return (double)s->trn3->peak_f8_tflops / (double)s->trn2->peak_f8_tflops;
}

static double energy(const struct sources *s, char *text, size_t room)
{
	double power = (double)s->trn3->power_mw_busy / (double)s->trn2->power_mw_busy;

	snprintf(text, room,
		 "%.3f FP8 per chip / (%.0f W / %.0f W) = %.3f; the watts are estimates",
		 chip_f8(s), (double)s->trn3->power_mw_busy / 1e3,
		 (double)s->trn2->power_mw_busy / 1e3, chip_f8(s) / power);
	return chip_f8(s) / power;
}

static double energy_rack(const struct sources *s, char *text, size_t room)
{
	double speed = compute(s, text, room);
	double power =
		whole(s->trn3, s->trn3->power_mw_busy) / whole(s->trn2, s->trn2->power_mw_busy);

	snprintf(text, room, "%.3f compute / %.3f power (estimates) = %.3f", speed, power,
		 speed / power);
	return speed / power;
}

static double decode(const struct sources *s, const char *gen, uint32_t batch)
{
	struct trn_predict_request request = { .config = &s->gpt,
					       .gen = gen,
					       .batch = batch,
					       .context = CLAIM_CONTEXT,
					       .chips = 1,
					       .chip_equivalent = true };
	struct trn_predict_roofline roofline;
	struct trn_predict_why why;

	return trn_predict_roofline(&request, &roofline, &why) < 0 ? NAN : roofline.step_s * 1e3;
}

static double throughput(const struct sources *s, char *text, size_t room)
{
	return ratio_of(decode(s, "trn2", CLAIM_BATCH), decode(s, "trn3", CLAIM_BATCH), 1,
			"ms a step of a chip, 1,024 sequences at 4,096", text, room);
}

static double latency(const struct sources *s, char *text, size_t room)
{
	return ratio_of(decode(s, "trn2", 1), decode(s, "trn3", 1), 3,
			"ms a step of a chip, one sequence at 4,096", text, room);
}

static double scale(const struct sources *s, char *text, size_t room)
{
	double servers = CHIPS_CLAIMED / (double)s->trn3->chips_ultraserver;

	snprintf(text, room,
		 "1,000,000 / 100,000 chips = 10; %.0f UltraServers of %.0f, %.2f ZFLOP/s", servers,
		 whole(s->trn3, 1), CHIPS_CLAIMED * (double)s->trn3->peak_f8_tflops * 1e-9);
	return CHIPS_CLAIMED / CHIPS_BEFORE;
}

static double per_chip(const struct sources *s, char *text, size_t room)
{
	return ratio_of((double)s->trn3->peak_f8_tflops, (double)s->trn2->peak_f8_tflops, 0,
			"TFLOP/s of a chip", text, room);
}

static double next_f4(const struct sources *s, char *text, size_t room)
{
	return ratio_of((double)s->trn4->peak_f4_tflops, (double)s->trn3->peak_f4_tflops, 0,
			"TFLOP/s (from the claim itself)", text, room);
}

static double next_f8(const struct sources *s, char *text, size_t room)
{
	return ratio_of((double)s->trn4->peak_f8_tflops, (double)s->trn3->peak_f8_tflops, 0,
			"TFLOP/s (from the claim itself)", text, room);
}

static double next_hbm(const struct sources *s, char *text, size_t room)
{
	return ratio_of((double)s->trn4->hbm_bytes_per_s * 1e-12,
			(double)s->trn3->hbm_bytes_per_s * 1e-12, 1, "TB/s (from the claim itself)",
			text, room);
}

static double links(const struct sources *s, char *text, size_t room)
{
	return ratio_of((double)s->trn3->link_total_mbps * 1e-3,
			(double)s->trn2->link_total_mbps * 1e-3, 0, "GB/s of a chip, both ways",
			text, room);
}

static double chips_of_a_pod(const struct sources *s, char *text, size_t room)
{
	const struct trn_pod *pod = trn_pod_find("trn3-ultraserver");

	(void)s;
	snprintf(text, room, "%u servers x %u chips in %u racks = %u", pod->servers,
		 pod->server_chips, pod->racks, trn_pod_chips(pod));
	return trn_pod_chips(pod);
}

static double links_in_use(const struct sources *s, char *text, size_t room)
{
	(void)s;
	return ratio_of(2048, 1024, 0, "GB/s of a chip in a server's table, both ways", text, room);
}

/* ---- what the model measures ---- */

typedef double measure_fn(const struct sources *s);

static double ultraservers(const struct sources *s)
{
	return (double)s->trn3->chips_ultraserver / (double)s->trn2->chips_ultraserver;
}

static double measure_compute(const struct sources *s)
{
	return ultraservers(s) * s->rate3.mx / s->rate2.f8;
}

static double measure_bf16(const struct sources *s)
{
	return ultraservers(s) * s->rate3.bf16 / s->rate2.bf16;
}

static double measure_gen1(const struct sources *s)
{
	return TRN3_GEN1_CHIPS / (double)s->trn2->chips_ultraserver * s->rate3.mx / s->rate2.f8;
}

static double measure_chip(const struct sources *s)
{
	return s->rate3.mx / s->rate2.f8;
}

static double measure_hbm(const struct sources *s)
{
	return ultraservers(s) * s->rate3.hbm / s->rate2.hbm;
}

static double measure_energy(const struct sources *s)
{
	return measure_chip(s) / ((double)s->trn3->power_mw_busy / (double)s->trn2->power_mw_busy);
}

/* ---- pods: their flows ---- */

static double pod_busbw(const char *pod)
{
	struct trn_cluster_call call = { .bytes = UINT64_C(1) << 30,
					 .inner = TRN_CLUSTER_INNER_GRID };
	struct trn_cluster_result result;
	struct trn_predict_why why;
	struct trn_cluster c;

	if (trn_cluster_init(&c, pod, NULL, trn_pod_chips(trn_pod_find(pod)), NULL, &why) < 0 ||
	    trn_cluster_run(&c, &call, &result, &why) < 0)
		return NAN;
	return result.busbw;
}

static double measure_links(const struct sources *s)
{
	(void)s;
	return pod_busbw("trn3-ultraserver") / pod_busbw("trn2-ultraserver");
}

/* Chips that a mock of the pod's graph reaches from chip 0, itself included. */
static double measure_reach(const struct sources *s)
{
	struct trn_predict_why why;
	uint16_t links[TRN_POD_PATH_MAX];
	struct trn_cluster c;
	uint32_t count = 1;

	(void)s;
	if (trn_cluster_init(&c, "trn3-ultraserver", NULL, 144, NULL, &why) < 0)
		return NAN;
	for (uint32_t i = 1; i < c.pod_chips; i++)
		count += trn_pod_route(&c.graph, 0, i, links) > 0;
	return count;
}

/* Chips that take part in a sum of 1 MiB, of a million and of ten times less. */
static double measure_scale(const struct sources *s)
{
	struct trn_cluster_call call = { .bytes = 1 << 20, .inner = TRN_CLUSTER_INNER_GRID };
	struct trn_cluster_result now, before;
	struct trn_predict_why why;
	struct trn_cluster c;

	(void)s;
	if (trn_cluster_init(&c, "trn3-ultraserver", NULL, 1000000, NULL, &why) < 0 ||
	    trn_cluster_run(&c, &call, &now, &why) < 0)
		return NAN;
	if (trn_cluster_init(&c, "trn2-ultraserver", NULL, 100000, NULL, &why) < 0 ||
	    trn_cluster_run(&c, &call, &before, &why) < 0)
		return NAN;
	return now.cls[TRN_CLUSTER_NIC].links / before.cls[TRN_CLUSTER_NIC].links;
}

static double measure_many(const struct sources *s)
{
	return s->many;
}

static double measure_one(const struct sources *s)
{
	return s->one;
}

static const struct row {
	const char *id, *claim;
	double claimed;
	int decimals;  /* as the claim rounds */
	bool unproven; /* its conditions are not published */
	value_fn *value;
	measure_fn *measured;
	const char *measure, *words;
} rows[] = {
	{ "H1", "4.4x more compute than the previous UltraServers", 4.4, 1, false, compute,
	  measure_compute, "FP8 double row against MXFP8 matmuls, 64 against 144 chips",
	  "up to: MXFP8 on 144 chips against FP8 on 64" },
	{ "H1b", "the same in BF16", 4.4, 1, false, compute_bf16, measure_bf16,
	  "BF16 matmuls, 64 against 144 chips", "only the number of chips" },
	{ "H1c", "the same of an FP8 matrix product", 4.4, 1, true, tensor_only, measure_compute,
	  "FP8 double row against MXFP8 matmuls, 64 against 144 chips",
	  "the published peaks add other engines; a matrix product gains 4.5" },
	{ "H1d", "the same of the UltraServer with 64 chips", 4.4, 1, false, compute_gen1,
	  measure_gen1, "FP8 double row against MXFP8 matmuls, 64 chips each",
	  "only the one with 144 chips" },
	{ "H2", "4x memory capacity", 4, 0, false, capacity, NULL, NULL,
	  "3.4 of an UltraServer, 1.5 of a chip" },
	{ "H2b", "4x memory bandwidth", 4, 0, false, bandwidth, measure_hbm,
	  "loads from HBM, 64 against 144 chips: Trainium3's DMA engines are the limit",
	  "rounded up, of an UltraServer; 1.69 of a chip" },
	{ "H3", "40 % more energy efficient", 1.4, 1, true, energy, measure_energy,
	  "FP8 against MXFP8 matmuls at the table's watts", "no watts are published" },
	{ "H3b", "4x energy efficiency of an UltraServer", 4, 0, true, energy_rack, NULL, NULL,
	  "only as tokens a joule of some workload" },
	{ "H4", "GPT-OSS: 3x throughput of a chip", 3, 0, false, throughput, measure_many,
	  "decode steps of the kernels on the model, 1,024 sequences at 4,096",
	  "in the right regime: 3.0 at 1,024 sequences, 5.5 at 16" },
	{ "H5", "GPT-OSS: 4x faster response", 4, 0, true, latency, measure_one,
	  "decode steps of the kernels on the model, one sequence at 4,096",
	  "plausible: 3.4 from the weights alone, the rest would be the network" },
	{ "H6", "up to 1 million chips, 10x the previous generation", 10, 0, false, scale,
	  measure_scale,
	  "chips in an all-reduce of 1 MiB run as flows: 6,944 pods and a part, against 100,000 "
	  "chips",
	  "what the network of H 2.4 reaches with three tiers" },
	{ "H6b", "144 chips in an UltraServer", 144, 0, false, chips_of_a_pod, measure_reach,
	  "chips that chip 0 reaches over the links of the pod", "" },
	{ "H7", "more than 4x performance, read of a chip", 4, 0, false, per_chip, measure_chip,
	  "FP8 double row against MXFP8 matmuls of a chip", "only of an UltraServer" },
	{ "H8", "Trainium4: 6x FP4", 6, 0, false, next_f4, NULL, NULL, "by definition: a preview" },
	{ "H8b", "Trainium4: 3x FP8", 3, 0, false, next_f8, NULL, NULL,
	  "by definition: a preview" },
	{ "H8c", "Trainium4: 4x memory bandwidth", 4, 0, false, next_hbm, NULL, NULL,
	  "by definition: a preview" },
	{ "H9", "twice as fast as its predecessors", 2, 0, false, per_chip, measure_chip,
	  "FP8 double row against MXFP8 matmuls of a chip", "" },
	{ "H10", "NeuronSwitch: 2x bandwidth between chips", 2, 0, false, links, measure_links,
	  "busbw of a chip, all-reduce of 1 GiB on 144 and on 64 chips, grid on both", "" },
	{ "H10b", "the same by the systems' tables", 2, 0, false, links_in_use, measure_links,
	  "busbw of a chip, all-reduce of 1 GiB on 144 and on 64 chips, grid on both", "" },
};

const char *trn_predict_verdict_name(enum trn_predict_verdict verdict)
{
	static const char *const names[] = { "follows", "does not follow", "not provable" };

	return names[verdict];
}

static enum trn_predict_verdict verdict_of(const struct row *row, double value)
{
	double unit = row->decimals ? 0.1 : 1.0;

	if (row->unproven)
		return TRN_PREDICT_NOT_PROVABLE;
	return fabs(round(value / unit) * unit - row->claimed) < 1e-9 ? TRN_PREDICT_FOLLOWS :
									TRN_PREDICT_FOLLOWS_NOT;
}

static void claim_fill(const struct row *row, const struct sources *s, bool measure,
		       struct trn_predict_claim *claim)
{
	*claim = (struct trn_predict_claim){ .id = row->id,
					     .claim = row->claim,
					     .claimed = row->claimed,
					     .measured = NAN,
					     .measure = row->measure,
					     .words = row->words };
	claim->value = row->value(s, claim->arithmetic, sizeof(claim->arithmetic));
	if (measure && row->measured)
		claim->measured = row->measured(s);
	claim->verdict = verdict_of(row, claim->value);
}

/* How much longer a step of so many sequences takes on Trainium2. */
static int steps(const struct sources *s, uint32_t batch, double *ret_ratio,
		 struct trn_predict_why *why)
{
	struct trn_predict_request request = { .config = &s->gpt,
					       .gen = s->trn2->name,
					       .batch = batch,
					       .context = CLAIM_CONTEXT,
					       .chips = 1,
					       .chip_equivalent = true,
					       .seed = s->seed };
	struct trn_predict_result before, after;
	int r = trn_predict_run(&request, &before, why);

	request.gen = s->trn3->name;
	if (r == 0)
		r = trn_predict_run(&request, &after, why);
	if (r == 0)
		*ret_ratio = before.step_s / after.step_s;
	return r;
}

int trn_predict_headlines(bool measure, uint64_t seed, struct trn_predict_claim *ret_claims,
			  uint32_t *ret_count, struct trn_predict_why *why)
{
	struct sources s = { .trn2 = trn_gen_find("trn2"),
			     .trn3 = trn_gen_find("trn3"),
			     .trn4 = trn_gen_find("trn4"),
			     .seed = seed };
	int r;

	if (!s.trn2 || !s.trn3 || !s.trn4)
		return trn_predict_fail(why, -EINVAL, "a generation is missing");
	r = trn_predict_config_load("gpt-oss-120b", &s.gpt, why);
	if (r == 0 && measure)
		r = trn_predict_rates("trn2", seed, &s.rate2, why);
	if (r == 0 && measure)
		r = trn_predict_rates("trn3", seed, &s.rate3, why);
	if (r == 0 && measure)
		r = steps(&s, CLAIM_BATCH, &s.many, why);
	if (r == 0 && measure)
		r = steps(&s, 1, &s.one, why);
	if (r < 0)
		return r;
	_Static_assert(TRN_ARRAY_LEN(rows) <= TRN_PREDICT_CLAIMS_MAX, "places for claims");
	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++)
		claim_fill(&rows[i], &s, measure, &ret_claims[i]);
	*ret_count = TRN_ARRAY_LEN(rows);
	return 0;
}
