/* SPDX-License-Identifier: Apache-2.0 */
/* Point to point: what one rank sends and receives in a group, as one stream of a channel; and the
 * arithmetic of both kinds. */
#include "base/bits.h"
#include "base/coll.h"
#include "base/regs.h"

uint64_t trn_coll_semaphore(uint32_t processor, uint32_t semaphore)
{
	uint32_t block = processor < 8 ? processor : processor + 2;

	return trn_regs_topsp_axi(block) + TRN_TOPSP_SEM_INC + 4 * (uint64_t)semaphore;
}

static void put(struct trn_coll_ops *out, struct trn_ext_sync_op op)
{
	if (out->count < out->max)
		out->ops[out->count] = op;
	out->count++;
}

static uint64_t reach(const struct trn_coll *c, uint32_t rank, uint64_t address)
{
	const struct trn_coll_rank *r = &c->rank[rank];

	return r->chip == c->rank[c->me].chip ? address : r->mark | address;
}

/* The rank's processor that this channel of the other side runs on. */
static uint64_t semaphore_of(const struct trn_coll *c, uint32_t rank, uint32_t processor,
			     uint32_t semaphore)
{
	return reach(c, rank, trn_coll_semaphore(c->rank[rank].processor + processor, semaphore));
}

static uint64_t part_bytes(const struct trn_coll *c, const struct trn_coll_p2p *p, uint64_t step)
{
	uint64_t at = step * c->room;

	if (p->direct)
		return step == 0 ? p->bytes : 0;
	return at < p->bytes ? trn_min_u64(p->bytes - at, c->room) : 0;
}

/* Without bytes there is one step as well: who receives has heard of who sent. */
static bool part_runs(const struct trn_coll *c, const struct trn_coll_p2p *p, uint64_t step)
{
	return step == 0 || part_bytes(c, p, step) > 0;
}

static void put_ready(const struct trn_coll *c, const struct trn_coll_p2p *p,
		      struct trn_coll_ops *out)
{
	put(out, (struct trn_ext_sync_op){
			 .op = TRN_SYNC_SIGNAL,
			 .value = 1,
			 .peer = p->peer,
			 .signal = semaphore_of(c, p->peer, p->there, p->there_semaphore),
		 });
}

static void put_send(const struct trn_coll *c, const struct trn_coll_p2p *p, uint64_t step,
		     struct trn_coll_ops *out)
{
	const uint64_t bytes = part_bytes(c, p, step), at = step * c->room;
	const uint64_t signal = semaphore_of(c, p->peer, p->there, p->there_semaphore + 1);

	put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_WAIT,
					   .semaphore = (uint16_t)p->semaphore,
					   .value = 1,
					   .peer = p->peer });
	if (bytes == 0) {
		put(out,
		    (struct trn_ext_sync_op){
			    .op = TRN_SYNC_SIGNAL, .value = 1, .peer = p->peer, .signal = signal });
		return;
	}
	put(out, (struct trn_ext_sync_op){
			 .op = TRN_SYNC_COPY,
			 .value = 1,
			 .peer = p->peer,
			 .dst = reach(c, p->peer, p->direct ? p->remote : p->landing),
			 .src = p->local + (p->direct ? 0 : at),
			 .bytes = bytes,
			 .signal = signal,
		 });
}

static void put_receive(const struct trn_coll *c, const struct trn_coll_p2p *p, uint64_t step,
			struct trn_coll_ops *out)
{
	const uint64_t bytes = part_bytes(c, p, step);

	put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_WAIT,
					   .semaphore = (uint16_t)(p->semaphore + 1),
					   .value = 1,
					   .peer = p->peer });
	if (!p->direct && bytes > 0)
		put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_COPY,
						   .peer = p->peer,
						   .dst = p->local + step * c->room,
						   .src = p->landing,
						   .bytes = bytes });
}

void trn_coll_build_p2p(const struct trn_coll *c, const struct trn_coll_p2p *parts, uint32_t count,
			struct trn_coll_ops *out)
{
	bool more = true;

	for (uint64_t step = 0; more; step++) {
		more = false;
		for (uint32_t i = 0; i < count; i++)
			if (!parts[i].send && part_runs(c, &parts[i], step))
				put_ready(c, &parts[i], out);
		for (uint32_t i = 0; i < count; i++)
			if (parts[i].send && part_runs(c, &parts[i], step))
				put_send(c, &parts[i], step, out);
		for (uint32_t i = 0; i < count; i++)
			if (!parts[i].send && part_runs(c, &parts[i], step))
				put_receive(c, &parts[i], step, out);
		for (uint32_t i = 0; i < count; i++)
			more = more || part_bytes(c, &parts[i], step + 1) > 0;
		if (more)
			put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_FENCE, .peer = c->me });
	}
	put(out, (struct trn_ext_sync_op){ .op = TRN_SYNC_END });
}
