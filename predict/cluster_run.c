/* SPDX-License-Identifier: Apache-2.0 */
/* A collective of a whole cluster: phases inside pods and between them, chunk after chunk. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "model/gen.h"
#include "predict/cluster_parts.h"

#define NONE TRN_CLUSTER_NONE
#define CHUNKS_MAX 64u
#define IN_ORDER_MAX 6000u /* flows */
/* The model's links count in microseconds: who comes in the middle of one gets, at once, what was
 * not used before. On the average half of one is unused, and what
 * wants it wants a part of it. */
#define BURST_S (1e-6 / 3)
#define LEAST_CHUNK 65536.0 /* bytes of a chip, below which chunks are not tried */

/* Pods that are alike, and where their tasks are in the run. */
struct kind_of_pod {
	struct trn_pod_phases phases;
	double times;
	uint32_t *links; /* of the run, by link of the phases */
	uint32_t first;  /* task of the present chunk */
};

struct run {
	const struct trn_cluster *c;
	struct trn_cluster_call call; /* no AUTO any more */
	struct trn_predict_why *why;
	struct trn_flows *flows;
	struct kind_of_pod *pods;
	uint32_t kinds;
	struct trn_net net;
	uint32_t *net_links;
};

static void run_close(struct run *run)
{
	for (uint32_t i = 0; i < run->kinds; i++) {
		trn_flows_destroy(run->pods[i].phases.flows);
		trn_free(&trn_alloc_libc, run->pods[i].links);
	}
	trn_free(&trn_alloc_libc, run->pods);
	trn_free(&trn_alloc_libc, run->net_links);
	trn_cluster_net_close(&run->net);
	trn_flows_destroy(run->flows);
}

/* Channel by channel, as the device serves them: in an all-reduce enough is alike. */
static bool in_order(const struct trn_cluster *c, const struct trn_cluster_call *call)
{
	return !trn_cluster_crosses(c, call) && !c->apart && !call->fair &&
	       call->kind == TRN_CLUSTER_ALL_REDUCE;
}

static uint32_t *links_none(uint32_t count)
{
	uint32_t *links = trn_alloc_array(&trn_alloc_libc, count + 1, sizeof(*links));

	for (uint32_t i = 0; links && i < count; i++)
		links[i] = NONE;
	return links;
}

/* A pod that does not have the algorithm takes the one that all have. */
static int pod_open(struct run *run, uint32_t pod, uint32_t chips, double bytes, double times)
{
	struct kind_of_pod *k = &run->pods[run->kinds];
	struct trn_cluster_call call = run->call;
	bool alone = in_order(run->c, &call);
	int r = trn_cluster_pod_phases(run->c, chips, pod, &call, bytes, alone, &k->phases,
				       run->why);

	call.inner = TRN_CLUSTER_INNER_MESH;
	if (r == -ENOTSUP && run->c->part > 0 && chips == run->c->part)
		r = trn_cluster_pod_phases(run->c, chips, pod, &call, bytes, alone, &k->phases,
					   run->why);
	if (r < 0)
		return r;
	run->kinds++;
	k->times = times;
	k->links = links_none(trn_flows_links(k->phases.flows));
	return k->links ? 0 : trn_predict_fail(run->why, -ENOMEM, "no memory");
}

static int pods_open(struct run *run, double bytes)
{
	const struct trn_cluster *c = run->c;
	uint32_t full = c->full > 0 && !c->apart ? 1 : c->full;
	int r = 0;

	run->pods = trn_alloc_array(&trn_alloc_libc, full + 1, sizeof(*run->pods));
	if (!run->pods)
		return trn_predict_fail(run->why, -ENOMEM, "no memory");
	for (uint32_t i = 0; r == 0 && i < full; i++)
		r = pod_open(run, i, c->pod_chips, bytes, c->apart ? 1.0 : c->full);
	if (r == 0 && c->part > 0)
		r = pod_open(run, c->full, c->part, bytes, 1.0);
	return r;
}

static int run_open(struct run *run)
{
	double bytes = (double)run->call.bytes /
		       (trn_cluster_crosses(run->c, &run->call) ? run->call.chunks : 1);
	int r = trn_flows_create(&run->flows);

	if (r < 0)
		return trn_predict_fail(run->why, r, "no memory");
	if (in_order(run->c, &run->call))
		trn_flows_in_order(run->flows);
	if (run->call.inner == TRN_CLUSTER_INNER_FUSED)
		trn_flows_burst(run->flows, BURST_S);
	r = pods_open(run, bytes);
	if (r < 0 || !trn_cluster_crosses(run->c, &run->call))
		return r;
	r = trn_cluster_net_phase(run->c, run->call.kind, run->call.outer, run->call.stride, bytes,
				  &run->net, run->why);
	if (r < 0)
		return r;
	run->net_links = links_none(trn_flows_links(run->net.flows));
	return run->net_links ? 0 : trn_predict_fail(run->why, -ENOMEM, "no memory");
}

/* ---- chunks ---- */

/* Each phase of a chunk waits for the one before, and for the same phase of the chunk before. */
static void after(struct run *run, uint32_t task, uint32_t before)
{
	if (before != NONE)
		trn_flows_after(run->flows, task, before);
}

struct chunk {
	uint32_t in, net, out; /* ends of the phases; NONE: none yet */
};

/* Reduce-scatter, or exchange, of all pods; then what is between them; then the all-gather. */
static void lanes_after(struct run *run, const struct kind_of_pod *k, bool out, uint32_t before,
			uint32_t chunk_before, uint32_t end)
{
	for (uint32_t i = 0; i < k->phases.lanes; i++) {
		const struct trn_pod_chunk *lane = &k->phases.lane[i].chunk[0][0];
		const struct trn_phase *phase = out ? &lane->out : &lane->in;

		after(run, k->first + phase->begin, before);
		after(run, k->first + phase->begin, chunk_before);
		after(run, end, k->first + phase->end);
	}
}

static void chunk_add(struct run *run, struct chunk *last)
{
	struct chunk now = { trn_flows_task(run->flows, 0, 1), NONE, NONE };
	uint32_t between;

	for (uint32_t i = 0; i < run->kinds; i++) {
		struct kind_of_pod *k = &run->pods[i];

		k->first = trn_flows_append(run->flows, k->phases.flows, 0,
					    trn_flows_tasks(k->phases.flows), k->times, k->links);
		lanes_after(run, k, false, NONE, last->in, now.in);
	}
	between = now.in;
	if (run->net.flows) {
		uint32_t first = trn_flows_append(run->flows, run->net.flows, 0,
						  trn_flows_tasks(run->net.flows), 1.0,
						  run->net_links);

		after(run, first + run->net.phase.begin, now.in);
		after(run, first + run->net.phase.begin, last->net);
		now.net = between = first + run->net.phase.end;
	}
	if (run->call.kind == TRN_CLUSTER_ALL_REDUCE) {
		now.out = trn_flows_task(run->flows, 0, 1);
		for (uint32_t i = 0; i < run->kinds; i++)
			lanes_after(run, &run->pods[i], true, between, last->out, now.out);
	}
	*last = now;
}

/* A strand's chunks one after the other; its gates are noted. */
static uint32_t strand_add(struct run *run, struct kind_of_pod *k, const struct trn_pod_lane *lane,
			   uint32_t strand, uint32_t *gate)
{
	uint32_t last = NONE, gates = 0;

	for (uint32_t n = 0; n < lane->chunks; n++) {
		const uint32_t which = n == 0 ? 0 : n + 1 < lane->chunks ? 1 : 2;
		const struct trn_pod_chunk *chunk = &lane->chunk[strand][which];
		uint32_t at = trn_flows_append(run->flows, k->phases.flows, chunk->first,
					       chunk->count, k->times, k->links) -
			      chunk->first;

		for (uint32_t g = 0; g < chunk->gates; g++)
			gate[gates++] = at + chunk->gate[g];
		after(run, at + chunk->in.begin, last);
		last = at + chunk->in.end;
		if (chunk->out.begin == NONE)
			continue;
		after(run, at + chunk->out.begin, last);
		last = at + chunk->out.end;
	}
	return gates;
}

/* A processor comes to what its strands do in one order (trn_coll_merge()). */
static void strands_join(struct run *run, const uint32_t *first, const uint32_t *second,
			 uint32_t gates, uint32_t ahead)
{
	uint32_t last = NONE;

	for (uint32_t i = 0; i < gates + ahead; i++) {
		if (i < gates) {
			after(run, first[i], last);
			last = first[i];
		}
		if (i >= ahead) {
			after(run, second[i - ahead], last);
			last = second[i - ahead];
		}
	}
}

/* Pods that need no network: every lane goes through its own chunks as it can. */
static int lanes_add(struct run *run, struct kind_of_pod *k)
{
	for (uint32_t i = 0; i < k->phases.lanes; i++) {
		const struct trn_pod_lane *lane = &k->phases.lane[i];
		const uint32_t room = lane->chunks * TRN_CLUSTER_GATES;
		uint32_t *gate = trn_alloc_array(&trn_alloc_libc, 2 * (size_t)room, sizeof(*gate));
		uint32_t gates;

		if (!gate)
			return trn_predict_fail(run->why, -ENOMEM, "no memory");
		gates = strand_add(run, k, lane, 0, gate);
		if (lane->strands > 1) {
			(void)strand_add(run, k, lane, 1, gate + room);
			strands_join(run, gate, gate + room, gates, lane->ahead);
		}
		trn_free(&trn_alloc_libc, gate);
	}
	return 0;
}

/* ---- what came of it ---- */

/* One more link of a class, or @count alike. */
static void class_add(struct trn_cluster_result *ret, uint32_t cls, double capacity, double count,
		      double bytes)
{
	double could = capacity * ret->seconds;

	ret->bound_s = fmax(ret->bound_s, bytes / capacity);
	if (cls >= TRN_CLUSTER_CLASSES || count <= 0.0)
		return;
	ret->cls[cls].links += count;
	ret->cls[cls].bytes += bytes * count;
	ret->cls[cls].could += could * count;
	ret->cls[cls].most = fmax(ret->cls[cls].most, could > 0.0 ? bytes / could : 0.0);
}

/* Rounds between pods were folded one by one, so the sums of their links are kept beside them. */
static void classes(const struct run *run, struct trn_cluster_result *ret)
{
	const struct trn_flows *f = run->flows, *net = run->c->apart ? NULL : run->net.all;

	for (uint32_t l = 0; l < trn_flows_links(f); l++) {
		uint32_t cls = trn_flows_link_tag(f, l);

		if (!net || (cls != TRN_CLUSTER_NIC && cls != TRN_CLUSTER_UPLINK))
			class_add(ret, cls, trn_flows_link_capacity(f, l),
				  trn_flows_link_count(f, l), trn_flows_link_bytes(f, l));
	}
	for (uint32_t l = 0; net && l < trn_flows_links(net); l++)
		class_add(ret, trn_flows_link_tag(net, l), trn_flows_link_capacity(net, l),
			  trn_flows_link_count(net, l), run->net.carried[l] * run->call.chunks);
	for (uint32_t i = 0; i < TRN_CLUSTER_CLASSES; i++)
		if (ret->cls[i].could > 0.0)
			ret->cls[i].mean = ret->cls[i].bytes / ret->cls[i].could;
}

static double idle_watts(const struct trn_gen *gen)
{
	double mw = 0.0;

	for (uint32_t f = TRN_GEN_idle_tensor_mw; f <= TRN_GEN_idle_link_mw; f++)
		mw += (double)gen->value[f];
	return mw * 1e-3;
}

/* Inside pods as memories and DMA engines were used; a byte of the network is read there, moved,
 * written here. */
static void energy(const struct run *run, struct trn_cluster_result *ret)
{
	const struct trn_cluster_params *p = &run->c->params;
	const struct trn_gen *gen = run->c->gen;
	double full = (double)gen->power_mw_busy * 1e-3 * run->c->chips * ret->seconds;
	double memory = ret->cls[TRN_CLUSTER_NIC].bytes;
	double dma = ret->cls[TRN_CLUSTER_NIC].bytes / 2.0;

	for (uint32_t l = 0; l < trn_flows_links(run->flows); l++) {
		double bytes =
			trn_flows_link_bytes(run->flows, l) * trn_flows_link_count(run->flows, l);

		if (trn_flows_link_tag(run->flows, l) == TRN_CLUSTER_MEMORY)
			memory += bytes;
		else if (trn_flows_link_tag(run->flows, l) == TRN_CLUSTER_DMA)
			dma += bytes;
	}
	ret->joules_idle = idle_watts(gen) * run->c->chips * ret->seconds;
	ret->joules_memory = (memory * (double)gen->hbm_fj + dma * (double)gen->dma_fj) * 1e-15;
	for (uint32_t i = TRN_CLUSTER_SERVER; i <= TRN_CLUSTER_CROSS; i++)
		ret->joules_links += ret->cls[i].bytes * (double)p->link_fj * 1e-15;
	/* Both ends of a network byte are in its class. */
	ret->joules_network = (ret->cls[TRN_CLUSTER_NIC].bytes / 2.0 * (double)p->nic_fj +
			       run->net.switched * run->call.chunks * (double)p->switch_fj) *
			      1e-15;
	ret->joules_site = full * ((double)p->site_percent - 100.0) / 100.0;
}

static void result_fill(const struct run *run, double seconds, struct trn_cluster_result *ret)
{
	double n = run->call.block ? run->call.block : (double)run->c->chips / run->call.stride;
	double factor = run->call.kind == TRN_CLUSTER_ALL_REDUCE ? 2.0 : 1.0;

	*ret = (struct trn_cluster_result){ .seconds = seconds,
					    .inner = run->call.inner,
					    .outer = run->call.outer,
					    .chunks = run->call.chunks,
					    .flows = trn_flows_flows(run->flows),
					    .links = trn_flows_links(run->flows),
					    .delivered = trn_flows_bytes(run->flows) };
	ret->algbw = seconds > 0.0 ? (double)run->call.bytes / seconds : 0.0;
	ret->busbw = ret->algbw * factor * (n - 1.0) / n;
	classes(run, ret);
	energy(run, ret);
}

static int run_once(const struct trn_cluster *c, const struct trn_cluster_call *call,
		    struct trn_cluster_result *ret_result, struct trn_predict_why *why)
{
	struct run run = { .c = c, .call = *call, .why = why };
	struct chunk last = { NONE, NONE, NONE };
	double seconds = 0.0;
	int r = run_open(&run);

	/* Channels of a pod that is not even are too many to be followed one by one. */
	if (r == 0 && in_order(c, call) &&
	    trn_flows_flows(run.pods[0].phases.flows) > IN_ORDER_MAX) {
		run_close(&run);
		run = (struct run){ .c = c, .call = *call, .why = why };
		run.call.fair = true;
		r = run_open(&run);
	}

	for (uint32_t i = 0; r == 0 && trn_cluster_crosses(c, call) && i < call->chunks; i++)
		chunk_add(&run, &last);
	for (uint32_t i = 0; r == 0 && !trn_cluster_crosses(c, call) && i < run.kinds; i++)
		r = lanes_add(&run, &run.pods[i]);
	if (r == 0)
		r = trn_flows_run(run.flows, &seconds, why);
	if (r == 0)
		result_fill(&run, seconds, ret_result);
	run_close(&run);
	return r;
}

/* ---- choices ---- */

/* Runs @call and keeps it when it is the fastest so far; what a pod has not is left out. */
static int try_call(const struct trn_cluster *c, const struct trn_cluster_call *call,
		    struct trn_cluster_call *best, struct trn_cluster_result *best_result,
		    struct trn_predict_why *why)
{
	struct trn_cluster_result result;
	int r = run_once(c, call, &result, why);

	if (r == -ENOTSUP)
		return 0;
	if (r == 0 && !(best_result->seconds <= result.seconds)) {
		*best = *call;
		*best_result = result;
	}
	return r;
}

/* In a pod what the runtime would pick; with others what is the fastest in a pod alone. */
static int inner_choose(const struct trn_cluster *c, struct trn_cluster_call *call,
			struct trn_predict_why *why)
{
	uint32_t chips = c->full > 0 ? c->pod_chips : c->part;
	struct trn_cluster_call one = *call, best = *call;
	struct trn_cluster_result result = { .seconds = NAN };
	struct trn_cluster alone = *c;
	int r = 0;

	if (call->inner != TRN_CLUSTER_INNER_AUTO)
		return 0;
	call->inner = trn_cluster_pod_choose(c, chips, call);
	if (!trn_cluster_crosses(c, call) || call->kind == TRN_CLUSTER_ALL_TO_ALL)
		return 0;
	alone.part = c->full > 0 ? 0 : c->part;
	alone.full = c->full > 0;
	alone.chips = chips;
	alone.apart = false;
	one.chunks = 1;
	one.fair = true;
	best.inner = call->inner;
	for (int i = TRN_CLUSTER_INNER_MESH; r == 0 && i < TRN_CLUSTER_INNER_FUSED; i++) {
		one.inner = (enum trn_cluster_inner)i;
		r = try_call(&alone, &one, &best, &result, why);
	}
	call->inner = best.inner;
	return r;
}

static int call_check(const struct trn_cluster *c, struct trn_cluster_call *call,
		      struct trn_predict_why *why)
{
	if (call->bytes < 1 || call->bytes > TRN_CLUSTER_BYTES)
		return trn_predict_fail(why, -EINVAL, "bytes must be 1 to %llu",
					(unsigned long long)TRN_CLUSTER_BYTES);
	if (call->kind == TRN_CLUSTER_ALL_TO_ALL &&
	    call->bytes < (call->block ? call->block : c->chips))
		return trn_predict_fail(why, -EINVAL,
					"%llu bytes are less than one for each of %u chips",
					(unsigned long long)call->bytes,
					call->block ? call->block : c->chips);
	if (call->chunks > CHUNKS_MAX)
		return trn_predict_fail(why, -EINVAL, "chunks must be 1 to %u", CHUNKS_MAX);
	if (call->stride == 0)
		call->stride = 1;
	if (call->block > 0 &&
	    (call->stride != 1 || c->pod_chips % call->block != 0 || c->part % call->block != 0))
		return trn_predict_fail(why, -EINVAL,
					"%u chips of a pod, or %u of the last, are no groups of %u",
					c->pod_chips, c->part, call->block);
	if (call->kind == TRN_CLUSTER_ALL_TO_ALL && call->stride != 1)
		return trn_predict_fail(why, -ENOTSUP, "an all-to-all of every %u-th chip",
					call->stride);
	if (c->chips % call->stride != 0 || (c->full > 0 && c->pod_chips % call->stride != 0) ||
	    c->part % call->stride != 0)
		return trn_predict_fail(why, -EINVAL, "%u chips are no groups of every %u-th",
					c->chips, call->stride);
	return 0;
}

/* The number of chunks that is asked for, or @count of the list; each has to be large enough. */
static int chunks_try(const struct trn_cluster *c, const struct trn_cluster_call *call,
		      const uint32_t *chunks, uint32_t count, struct trn_cluster_call *best,
		      struct trn_cluster_result *result, struct trn_predict_why *why)
{
	struct trn_cluster_call one = *call;
	int r = 0;

	if (call->chunks > 0)
		return try_call(c, &one, best, result, why);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		one.chunks = chunks[i];
		if (chunks[i] == 1 || (trn_cluster_crosses(c, call) &&
				       (double)call->bytes / chunks[i] >= LEAST_CHUNK))
			r = try_call(c, &one, best, result, why);
	}
	return r;
}

/* First the algorithms, with few chunks and with many, then other numbers of chunks. */
static int outer_choose(const struct trn_cluster *c, const struct trn_cluster_call *call,
			struct trn_cluster_call *best, struct trn_cluster_result *result,
			struct trn_predict_why *why)
{
	static const uint32_t ends[] = { 1, 16 }, others[] = { 2, 4, 8, 32, CHUNKS_MAX };
	struct trn_cluster_call one = *call;
	int first = TRN_CLUSTER_OUTER_RING, last = TRN_CLUSTER_OUTERS - 1, r = 0;

	if (call->kind == TRN_CLUSTER_ALL_TO_ALL)
		first = last = TRN_CLUSTER_OUTER_MESH;
	else if (call->outer != TRN_CLUSTER_OUTER_AUTO)
		first = last = (int)call->outer;
	else if (!trn_cluster_crosses(c, call))
		last = first;
	for (int i = first; r == 0 && i <= last; i++) {
		one.outer = (enum trn_cluster_outer)i;
		r = chunks_try(c, &one, ends, TRN_ARRAY_LEN(ends), best, result, why);
	}
	one = *best;
	one.chunks = call->chunks;
	if (r == 0 && call->chunks == 0 && !isnan(result->seconds))
		r = chunks_try(c, &one, others, TRN_ARRAY_LEN(others), best, result, why);
	return r;
}

int trn_cluster_run(const struct trn_cluster *cluster, const struct trn_cluster_call *call,
		    struct trn_cluster_result *ret_result, struct trn_predict_why *why)
{
	struct trn_cluster_call asked = *call, best = *call;
	struct trn_cluster_result result = { .seconds = NAN };
	int r = call_check(cluster, &asked, why);

	if (r == 0)
		r = inner_choose(cluster, &asked, why);
	if (r == 0)
		r = outer_choose(cluster, &asked, &best, &result, why);
	/* The last failure that was no way of doing it. */
	if (r == 0 && isnan(result.seconds))
		r = -ENOTSUP;
	if (r == 0)
		*ret_result = result;
	return r;
}
