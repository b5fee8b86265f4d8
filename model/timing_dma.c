/* SPDX-License-Identifier: Apache-2.0 */
/* What DMAs and memory traffic cost in virtual time (hardware-and-isa facts 4.6 and 8): the 16
 * DMA engines of a core, and the bandwidth of the HBM stacks. */
#include <string.h>
#include "model/core.h"
#include "model/fabric.h"

/* Who makes the descriptors: enum trn_dge without AUTO. */
static uint32_t dma_mode(const struct trn_inst *inst)
{
	const bool indexed = inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);

	if (inst->op0 != TRN_DGE_AUTO)
		return inst->op0;
	return indexed || inst->engine == TRN_ENGINE_GPSIMD ? TRN_DGE_SOFTWARE : TRN_DGE_HARDWARE;
}

/* A number that there is three times, for SOFTWARE, HARDWARE and STATIC in this order. */
static uint64_t by_mode_ps(const struct trn_gen *gen, enum trn_gen_field software,
			   const struct trn_inst *inst)
{
	return gen->value[software + dma_mode(inst) - TRN_DGE_SOFTWARE] * TRN_PS_PER_NS;
}

uint64_t trn_dma_issue_ps(const struct trn_gen *gen, const struct trn_inst *inst)
{
	return by_mode_ps(gen, TRN_GEN_dma_issue_software_ns, inst);
}

/* Bytes that lie together on this side. */
static uint64_t side_run(const struct trn_side *side)
{
	const bool chip = side->space == TRN_SPACE_SBUF;
	uint64_t run = side->esize;

	if (chip)
		return side->view.step[side->view.ndims - 1] == 1 ?
			       (uint64_t)side->view.num[side->view.ndims - 1] * side->esize :
			       side->esize;
	for (uint32_t d = side->ndims; d-- > 0;) {
		if (side->num[d] == 1)
			continue;
		if (side->step[d] != (int64_t)run)
			break;
		run *= side->num[d];
	}
	return run;
}

/* Elements of one descriptor: what lies together on both sides. A transpose moves its source
 * in whole rows. */
static uint64_t run_elements(const struct trn_inst *inst)
{
	const uint64_t src = side_run(&inst->src) / inst->src.esize;
	const uint64_t dst = side_run(&inst->dst) / inst->dst.esize;

	return inst->head.op == TRN_OP_DMA_TRANSPOSE ? src : trn_min_u64(src, dst);
}

static uint64_t dma_percent(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool within = inst->src.space == TRN_SPACE_SBUF && inst->dst.space == TRN_SPACE_SBUF;
	const bool same = inst->src.dtype == inst->dst.dtype &&
			  (inst->src.dtype == TRN_DTYPE_BF16 || inst->src.dtype == TRN_DTYPE_F32);

	switch (inst->head.op) {
	case TRN_OP_DMA_TRANSPOSE:
		return within ? gen->dma_transpose_sbuf_percent : gen->dma_transpose_percent;
	case TRN_OP_DMA_ADD:
		return same ? gen->dma_add_same_percent : gen->dma_add_percent;
	default:
		return 100;
	}
}

/* An exchange through the DMA of the gpsimd engine: one engine, one rate. */
static uint64_t gpsimd_ps(const struct trn_gen *gen, uint64_t bytes)
{
	return bytes * 1000000u / gen->gpsimd_dma_mbps;
}

/* 10^6 bytes/s of one engine. */
static uint64_t dma_mbps(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const bool store = inst->dst.space == TRN_SPACE_DRAM && inst->src.space == TRN_SPACE_SBUF;

	return trn_max_u64((store ? gen->dma_store_mbps : gen->dma_load_mbps) *
				   dma_percent(gen, inst) / 100u,
			   1);
}

uint64_t trn_dma_bytes(const struct trn_inst *inst)
{
	return trn_max_u64(inst->dst.count * inst->dst.esize, inst->src.count * inst->src.esize);
}

/* Bytes that each of the 16 engines moves: an SBUF side gives eight partitions to each,
 * memory to memory is cut evenly. */
static void dma_shares(const struct trn_inst *inst, uint64_t bytes, uint64_t *share)
{
	const struct trn_side *chip = inst->dst.space == TRN_SPACE_SBUF ? &inst->dst : &inst->src;
	const uint32_t per_engine = TRN_ISA_PARTITIONS / TRN_ISA_DMA_ENGINES;
	const uint32_t start = chip->view.start, end = start + chip->view.partitions;
	uint64_t each;

	if (chip->space != TRN_SPACE_SBUF) {
		for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++)
			share[e] = (bytes + TRN_ISA_DMA_ENGINES - 1) / TRN_ISA_DMA_ENGINES;
		return;
	}
	each = bytes / chip->view.partitions;
	for (uint32_t e = start / per_engine; e * per_engine < end; e++) {
		const uint64_t first = trn_max_u64(start, e * per_engine);
		const uint64_t last = trn_min_u64(end, (e + 1) * per_engine);

		share[e] = (last - first) * each; /* the others have 0 */
	}
}

/* What each engine has to do: at its rate, and no run of bytes in less than dma_row_ns. */
static void flow_work(const struct trn_gen *gen, const struct trn_inst *inst, uint64_t bytes,
		      struct trn_dma_flow *flow)
{
	const uint64_t run = run_elements(inst) * trn_max_u64(inst->dst.esize, inst->src.esize);
	const uint64_t mbps = dma_mbps(gen, inst);
	uint64_t begin = flow->start_ps;

	dma_shares(inst, bytes, flow->left_ps);
	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++) {
		const uint64_t share = flow->left_ps[e];

		if (share == 0)
			continue;
		flow->begin_ps[e] = begin;
		begin += by_mode_ps(gen, TRN_GEN_dma_stagger_software_ns, inst);
		/* share / (rate 10^6 B/s) in ps is share * 10^6 / rate. */
		flow->left_ps[e] = trn_max_u64(share * 1000000u / mbps,
					       share / run * gen->dma_row_ns * TRN_PS_PER_NS);
		flow->left_ps[e] = trn_max_u64(flow->left_ps[e], 1);
	}
}

/* ---- engines shared by queues ---- */

/* Flows by queue, in the order of their triggers. */
struct queues {
	uint8_t slot[TRN_ENGINE_COUNT][TRN_DMA_LIVE];
	uint8_t count[TRN_ENGINE_COUNT];
};

static void queues_of(const struct trn_dma_time *d, struct queues *ret_queues)
{
	memset(ret_queues->count, 0, sizeof(ret_queues->count));
	for (uint32_t i = 0; i < d->count; i++) {
		const uint32_t q = d->flow[d->order[i]].queue;

		ret_queues->slot[q][ret_queues->count[q]++] = d->order[i];
	}
}

/* One DMA engine at work. */
struct server {
	const struct trn_dma_time *d;
	const struct queues *queues;
	uint32_t engine;
	bool classes;
	uint64_t at;
	uint64_t *left, *end; /* by slot */
	uint8_t head[TRN_ENGINE_COUNT];
	uint32_t count; /* of those it serves now */
	uint8_t slot[TRN_ENGINE_COUNT];
};

/* The first of every queue that has work for the engine and has begun; the best class only,
 * where there are classes. When another one begins. */
static uint64_t choose(struct server *s)
{
	uint32_t best = TRN_DMA_PRIORITIES;
	uint64_t next = TRN_MODEL_NEVER;

	s->count = 0;
	for (uint32_t q = 0; q < TRN_ENGINE_COUNT; q++) {
		const uint8_t *slot = s->queues->slot[q];
		const struct trn_dma_flow *flow;
		uint32_t class;

		while (s->head[q] < s->queues->count[q] && s->left[slot[s->head[q]]] == 0)
			s->head[q]++;
		if (s->head[q] == s->queues->count[q])
			continue;
		flow = &s->d->flow[slot[s->head[q]]];
		if (flow->begin_ps[s->engine] > s->at) {
			next = trn_min_u64(next, flow->begin_ps[s->engine]);
			continue;
		}
		class = s->classes ? flow->priority : 0;
		if (class < best)
			s->count = 0;
		best = class < best ? class : best;
		if (class == best)
			s->slot[s->count++] = slot[s->head[q]];
	}
	return next;
}

/* Works until a time, in turn for those it serves. */
static void serve(struct server *s, uint64_t until_ps)
{
	while (s->at < until_ps) {
		const uint64_t begins = choose(s), next = trn_min_u64(begins, until_ps);
		uint64_t step = TRN_MODEL_NEVER;

		if (s->count == 0 && begins == TRN_MODEL_NEVER)
			return;
		for (uint32_t i = 0; i < s->count; i++)
			step = trn_min_u64(step, s->left[s->slot[i]]);
		if (s->count == 0 || step > (next - s->at) / s->count) {
			step = s->count == 0 ? 0 : (next - s->at) / s->count;
			s->at = next;
		} else {
			s->at += step * s->count;
		}
		for (uint32_t i = 0; i < s->count; i++) {
			s->left[s->slot[i]] -= step;
			if (s->left[s->slot[i]] == 0)
				s->end[s->slot[i]] = s->at;
		}
	}
}

static void left_of(const struct trn_dma_time *d, uint32_t e, uint64_t *left)
{
	for (uint32_t i = 0; i < d->count; i++)
		left[d->order[i]] = d->flow[d->order[i]].left_ps[e];
}

static bool one_queue(const struct trn_dma_time *d)
{
	for (uint32_t i = 1; i < d->count; i++) {
		if (d->flow[d->order[i]].queue != d->flow[d->order[0]].queue)
			return false;
	}
	return true;
}

/* The same for one queue: one behind the other. */
static void serve_in_order(struct trn_dma_time *d, uint32_t e, uint64_t until_ps)
{
	uint64_t at = d->now_ps;

	for (uint32_t i = 0; i < d->count; i++) {
		struct trn_dma_flow *flow = &d->flow[d->order[i]];
		uint64_t part;

		if (flow->left_ps[e] == 0)
			continue;
		at = trn_max_u64(at, flow->begin_ps[e]);
		if (at >= until_ps)
			return;
		part = trn_min_u64(flow->left_ps[e], until_ps - at);
		flow->left_ps[e] -= part;
		at += part;
	}
}

/* Lets the engines work until now. */
static void advance(struct trn_dma_time *d, bool classes, uint64_t now_ps)
{
	uint64_t left[TRN_DMA_LIVE], end[TRN_DMA_LIVE];

	const bool simple = one_queue(d);
	struct queues queues;

	queues_of(d, &queues);
	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES && d->count > 0; e++) {
		if (simple) {
			serve_in_order(d, e, now_ps);
			continue;
		}
		left_of(d, e, left);
		serve(&(struct server){ .d = d,
					.queues = &queues,
					.engine = e,
					.classes = classes,
					.at = d->now_ps,
					.left = left,
					.end = end },
		      now_ps);
		for (uint32_t i = 0; i < d->count; i++)
			d->flow[d->order[i]].left_ps[e] = left[d->order[i]];
	}
	d->now_ps = now_ps;
}

/* Ends of all, if nobody comes. Within a queue nobody ends before the one in front. */
static void project(struct trn_dma_time *d, bool classes)
{
	uint64_t left[TRN_DMA_LIVE], end[TRN_DMA_LIVE], last[TRN_ENGINE_COUNT] = { 0 };
	struct queues queues;

	queues_of(d, &queues);
	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++) {
		memset(end, 0, sizeof(end));
		left_of(d, e, left);
		serve(&(struct server){ .d = d,
					.queues = &queues,
					.engine = e,
					.classes = classes,
					.at = d->now_ps,
					.left = left,
					.end = end },
		      TRN_MODEL_NEVER);
		for (uint32_t i = 0; i < d->count; i++) {
			struct trn_dma_flow *flow = &d->flow[d->order[i]];

			flow->end_ps = trn_max_u64(flow->end_ps, end[d->order[i]]);
			d->drained_ps[e] = trn_max_u64(d->drained_ps[e], end[d->order[i]]);
		}
	}
	for (uint32_t i = 0; i < d->count; i++) {
		struct trn_dma_flow *flow = &d->flow[d->order[i]];

		flow->end_ps =
			trn_max_u64(trn_max_u64(flow->end_ps, flow->least_ps), last[flow->queue]);
		/* A semaphore comes behind its payload, not with it. */
		last[flow->queue] = flow->end_ps + flow->far;
	}
}

/* The same for the last one, when all are of one queue: it begins behind them. */
static void project_last(struct trn_dma_time *d, struct trn_dma_flow *flow, uint64_t front_ps)
{
	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++) {
		if (flow->left_ps[e] == 0)
			continue;
		d->drained_ps[e] =
			trn_max_u64(d->drained_ps[e], flow->begin_ps[e]) + flow->left_ps[e];
		flow->end_ps = trn_max_u64(flow->end_ps, d->drained_ps[e]);
	}
	flow->end_ps = trn_max_u64(trn_max_u64(flow->end_ps, flow->least_ps), front_ps);
}

/* Where a side lies; SBUF is in the core's window. */
static uint64_t side_address(const struct trn_core *core, const struct trn_side *side)
{
	return side->space == TRN_SPACE_DRAM ? side->arg + side->offset :
					       trn_regs_tpb_axi(core->index);
}

/* One way between chips, in pieces; when the last has come, or TRN_MODEL_NEVER. */
static uint64_t way_ps(struct trn_core *core, uint64_t dst, uint64_t src, uint64_t bytes,
		       const struct trn_dma_flow *flow, uint64_t span_ps)
{
	const uint64_t pieces = trn_max_u64((bytes + TRN_FABRIC_PIECE - 1) / TRN_FABRIC_PIECE, 1);
	uint64_t end = flow->start_ps;

	for (uint64_t i = 0; i < pieces && end != TRN_MODEL_NEVER; i++) {
		const struct trn_piece piece = {
			.dst = dst + i * TRN_FABRIC_PIECE,
			.src = src + i * TRN_FABRIC_PIECE,
			.bytes = trn_min_u64(bytes - i * TRN_FABRIC_PIECE, TRN_FABRIC_PIECE),
			.priority = flow->priority,
			.start_ps = flow->start_ps + span_ps / pieces * i,
			.span_ps = span_ps / pieces,
		};

		end = trn_max_u64(end, trn_piece_ps(core->chip, &piece));
	}
	return end;
}

/* To or from another chip. What is added to comes here first. */
static uint64_t far_ps(struct trn_core *core, const struct trn_inst *inst,
		       const struct trn_dma_flow *flow, uint64_t span_ps)
{
	const uint64_t dst = side_address(core, &inst->dst), src = side_address(core, &inst->src);
	const bool adds = inst->head.op == TRN_OP_DMA_ADD && inst->head.flags & TRN_DMA_ACCUMULATE;
	uint64_t end = way_ps(core, dst, src, trn_dma_bytes(inst), flow, span_ps), back = 0;

	if (adds && trn_address_far(dst))
		back = way_ps(core, trn_regs_tpb_axi(core->index), dst,
			      inst->dst.count * inst->dst.esize, flow, span_ps);
	return back == TRN_MODEL_NEVER ? back :
	       end == TRN_MODEL_NEVER  ? end :
					 end + (back - trn_min_u64(back, flow->start_ps + span_ps));
}

static bool side_far(const struct trn_side *side)
{
	return side->space == TRN_SPACE_DRAM && trn_address_far(side->arg + side->offset);
}

/* Bytes of HBM on both sides, and of links: not done before those have moved them. */
static uint64_t memory_ps(struct trn_core *core, const struct trn_inst *inst,
			  const struct trn_dma_flow *flow)
{
	uint64_t span = 0, end = flow->start_ps;

	for (uint32_t e = 0; e < TRN_ISA_DMA_ENGINES; e++)
		span = trn_max_u64(span, flow->left_ps[e]);
	if (flow->far)
		return far_ps(core, inst, flow, span);
	for (uint32_t s = 0; s < 2; s++) {
		const struct trn_side *side = s == 0 ? &inst->dst : &inst->src;

		if (side->space == TRN_SPACE_DRAM)
			end = trn_max_u64(end, trn_hbm_take_ps(core->chip, side->arg + side->offset,
							       side->count * side->esize,
							       flow->start_ps, span));
	}
	return end;
}

/* The one before the last may end then: it is of the same queue. */
static uint64_t front_ps(const struct trn_dma_time *d)
{
	const struct trn_dma_flow *front = d->count > 1 ? &d->flow[d->order[d->count - 2]] : NULL;

	return front ? front->end_ps + front->far : 0;
}

uint64_t trn_dma_begin_ps(struct trn_core *core, uint32_t slot)
{
	const struct trn_gen *gen = core->chip->gen;
	const bool classes = gen->features & TRN_FEATURE_QOS;
	const struct trn_inst *inst = &core->dma[slot].inst;
	struct trn_dma_time *d = &core->dma_time;
	struct trn_dma_flow *flow = &d->flow[slot];
	const uint64_t now = core->chip->model->now_ps;

	advance(d, classes, now);
	*flow = (struct trn_dma_flow){ 0 };
	flow->start_ps = now + by_mode_ps(gen, TRN_GEN_dma_trigger_software_ns, inst);
	flow->end_ps = flow->start_ps;
	flow->queue = inst->engine;
	flow->priority = inst->mode;
	flow->far = side_far(&inst->dst) || side_far(&inst->src);
	if (inst->head.flags & TRN_DMA_GPSIMD) {
		flow->least_ps = flow->start_ps + gpsimd_ps(gen, trn_dma_bytes(inst));
	} else {
		flow_work(gen, inst, trn_dma_bytes(inst), flow);
		flow->least_ps = memory_ps(core, inst, flow);
		flow->lost = flow->least_ps == TRN_MODEL_NEVER;
		if (flow->lost)
			flow->least_ps = flow->start_ps + TRN_FABRIC_LOST_PS;
	}
	d->order[d->count++] = (uint8_t)slot;
	if (one_queue(d))
		project_last(d, flow, front_ps(d));
	else
		project(d, classes);
	return trn_dma_end_ps(core, slot);
}

uint64_t trn_dma_end_ps(const struct trn_core *core, uint32_t slot)
{
	return core->dma_time.flow[slot].end_ps + core->chip->gen->dma_done_ns * TRN_PS_PER_NS;
}

bool trn_dma_lost(const struct trn_core *core, uint32_t slot)
{
	return core->dma_time.flow[slot].lost;
}

void trn_dma_hold(struct trn_core *core, uint32_t slot, uint64_t end_ps)
{
	struct trn_dma_flow *flow = &core->dma_time.flow[slot];
	const uint64_t end = end_ps - core->chip->gen->dma_done_ns * TRN_PS_PER_NS;

	flow->least_ps = trn_max_u64(flow->least_ps, end);
	flow->end_ps = trn_max_u64(flow->end_ps, end);
}

void trn_dma_forget(struct trn_core *core, uint32_t slot)
{
	struct trn_dma_time *d = &core->dma_time;
	uint32_t kept = 0;

	/* What it took of the engines until now, the others did not have. */
	advance(d, core->chip->gen->features & TRN_FEATURE_QOS, core->chip->model->now_ps);
	for (uint32_t i = 0; i < d->count; i++) {
		if (d->order[i] != slot)
			d->order[kept++] = d->order[i];
	}
	d->count = kept;
}
