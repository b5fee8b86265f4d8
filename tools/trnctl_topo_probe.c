// SPDX-License-Identifier: Apache-2.0
/* trnctl topo --probe: every chip sends a block over each of its links, to the next chip there,
 * and what arrives is looked at. */
#include "tools/trnctl_topo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <trn/queue.h>

#define BLOCK 4096u
#define PROBE_SECONDS 10u

/* A block to send, then one to receive, of each chip. */
struct probe {
	struct topo *topo;
	struct trn_buffer **buffer; /* by chip */
	uint8_t block[BLOCK];
};

static void pattern(uint8_t block[BLOCK], uint32_t link)
{
	for (uint32_t i = 0; i < BLOCK; i++)
		block[i] = (uint8_t)(link * 31 + i * 7 + (i >> 8));
}

/* Two chips with a way over @link and through one switch at most: of a link of a chip, this one
 * and the next; of one that comes from a switch, the chip there and the one before. */
static bool way_over(const struct topo *topo, uint32_t link, uint32_t ret_ends[2],
		     uint32_t ret_way[2])
{
	const struct trn_pod_link_info *info = &topo->link[link];
	uint32_t chips = topo->pod.chips, links[TRN_ROUTE_LINKS_MAX], count;
	bool out = info->from < chips;

	for (uint32_t i = 1; i < chips; i++) {
		uint32_t from = out ? info->from : (info->to + chips - i) % chips;
		uint32_t to = out ? (info->from + i) % chips : info->to;

		if (trn_device_route(topo->device[0], from, to, links, &count, NULL) < 0 ||
		    count < 1 || count > 2 || links[out ? 0 : count - 1] != link)
			continue;
		if (count == 2 && topo->result[links[out ? 1 : 0]] < 0)
			continue; /* would fail for the other's sake */
		ret_ends[0] = from;
		ret_ends[1] = to;
		ret_way[0] = links[0];
		ret_way[1] = links[count - 1];
		return true;
	}
	return false;
}

static int copy_over(struct trn_queue *queue, struct trn_buffer *dst, struct trn_buffer *src,
		     uint64_t deadline_ns)
{
	struct trn_batch *batch = NULL;
	uint64_t sequence;
	int r = trn_batch_create(queue, 1, &batch);

	if (r == 0)
		r = trn_batch_copy(batch, dst, BLOCK, src, 0, BLOCK);
	if (r == 0)
		r = trn_queue_submit(queue, batch, deadline_ns, &sequence);
	if (r == 0)
		r = trn_queue_wait(queue, sequence, deadline_ns);
	trn_batch_destroy(batch);
	return r;
}

/* 0, or what kept the block from arriving; -EIO: other bytes arrived. */
static int send_block(struct probe *probe, uint32_t from, uint32_t to, uint32_t link)
{
	struct topo *topo = probe->topo;
	struct trn_queue_opts opts = { .size = sizeof(opts) };
	uint64_t deadline_ns = trnctl_deadline(topo->ctl, PROBE_SECONDS);
	struct trn_buffer *peer = NULL;
	struct trn_queue *queue = NULL;
	uint8_t got[BLOCK] = { 0 };
	int r;

	pattern(probe->block, link);
	r = trn_buffer_write(probe->buffer[from], 0, probe->block, BLOCK, deadline_ns);
	if (r == 0)
		r = trn_buffer_write(probe->buffer[to], BLOCK, got, BLOCK, deadline_ns);
	if (r == 0)
		r = trn_buffer_peer(probe->buffer[to], topo_device(topo, from), &peer);
	if (r == 0)
		r = trn_queue_create(topo_device(topo, from), &opts, &queue);
	if (r == 0)
		r = copy_over(queue, peer, probe->buffer[from], deadline_ns);
	if (r == 0)
		r = trn_buffer_read(probe->buffer[to], BLOCK, got, BLOCK, deadline_ns);
	if (r == 0 && memcmp(got, probe->block, BLOCK) != 0)
		r = -EIO;
	trn_queue_unref(queue);
	trn_buffer_unref(peer);
	return r;
}

static void probe_link(struct probe *probe, uint32_t link)
{
	struct topo *topo = probe->topo;
	uint32_t ends[2], way[2];
	int r;

	if (!way_over(topo, link, ends, way))
		return;
	r = send_block(probe, ends[0], ends[1], link);
	for (uint32_t i = 0; i < 2; i++) {
		topo->probed += topo->result[way[i]] == TOPO_UNTRIED;
		/* A link that carried a block once is not what failed. */
		if (topo->result[way[i]] != 0)
			topo->result[way[i]] = r;
	}
}

static int buffers_make(struct probe *probe)
{
	struct topo *topo = probe->topo;

	for (uint32_t i = 0; i < topo->devices; i++) {
		struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 2 * BLOCK };
		uint32_t chip = topo->place[i].index;
		int r = trn_buffer_create(topo->device[i], &opts, &probe->buffer[chip]);

		if (r < 0)
			return trnctl_fail(topo->ctl, r, "chip %" PRIu32 ": no buffer", chip);
	}
	return TRNCTL_OK;
}

int topo_probe(struct topo *topo)
{
	struct trn_device_info info = { .size = sizeof(info) };
	struct probe probe = { .topo = topo };
	int r;

	if (trn_device_info(topo->device[0], &info) < 0 ||
	    (topo->links > 0 && (info.caps & TRN_CAP_PEER) == 0))
		return trnctl_fail(topo->ctl, -ENOTSUP,
				   "--probe: the device reaches no other chips");
	if (topo->devices != topo->pod.chips)
		return trnctl_fail_usage(topo->ctl,
					 "--probe takes the whole pod: a URI without an index");
	topo->result = calloc((size_t)topo->links + 1, sizeof(*topo->result));
	probe.buffer = calloc(topo->pod.chips, sizeof(struct trn_buffer *));
	if (!topo->result || !probe.buffer) {
		free(probe.buffer);
		return trnctl_fail(topo->ctl, -ENOMEM, "no memory");
	}
	for (uint32_t l = 0; l < topo->links; l++)
		topo->result[l] = TOPO_UNTRIED;
	r = buffers_make(&probe);
	for (uint32_t l = 0; l < topo->links && r == TRNCTL_OK; l++) {
		if (topo->result[l] == TOPO_UNTRIED)
			probe_link(&probe, l);
	}
	/* Of a way that failed, which link was it? */
	for (uint32_t l = 0; l < topo->links && r == TRNCTL_OK; l++) {
		if (topo->result[l] < 0)
			probe_link(&probe, l);
	}
	for (uint32_t i = 0; i < topo->pod.chips; i++)
		trn_buffer_unref(probe.buffer[i]);
	free(probe.buffer);
	for (uint32_t l = 0; l < topo->links; l++)
		topo->failed += topo->result[l] < 0;
	return r;
}
