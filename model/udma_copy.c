/* SPDX-License-Identifier: Apache-2.0 */
/* The data path of one UDMA engine: fetch descriptors, form packets, move
 * bytes in virtual time. A packet's bytes become visible later than it ends,
 * in HBM later than elsewhere, so a missing barrier shows (driver facts 3.10). */
#include "model/udma.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "model/fabric.h"

#define PACKET_BYTES_MASK 0xfffffu
#define PACKET_DESCS_MASK 0xffu
#define SLOW_MAX UINT64_C(1000000)
#define RLIMIT_BLOCKS_DMB 0x4u /* with this bit set a DMB does not pause (driver facts 3.6) */

/* Descriptors of the packet at the head of a queue pair. */
struct batch {
	struct trn_udma_desc tx[TRN_UDMA_PACKET_DESCS_MAX], rx[TRN_UDMA_PACKET_DESCS_MAX];
	uint32_t tx_count, rx_count;
	uint64_t tx_bytes, rx_bytes;
};

enum outcome {
	TAKEN,   /* the packet is on its way */
	DROPPED, /* an error that does not abort: go on behind it */
	WAITING, /* more descriptors must be rung first */
	STOPPED, /* the engine aborted or hangs */
};

static uint32_t desc_bytes(const struct trn_udma_desc *desc)
{
	uint32_t length = desc->len_ctrl & 0xffff;

	return length != 0 ? length : TRN_UDMA_DESC_LEN_MAX;
}

/* ---- packets in flight ---- */

void trn_udma_drop(struct trn_udma *udma, uint32_t queue)
{
	struct udma_pair *pair = &udma->pair[queue];

	pair->epoch++;
	pair->in_flight = 0;
	pair->ready = false;
	pair->stalled = false;
	pair->visible_ps = pair->floor_ps = pair->path_ps[0] = pair->path_ps[1] = 0;
}

static struct udma_packet *packet_new(struct trn_udma *udma, uint32_t room)
{
	struct udma_packet *packet = udma->spare;

	if (room == 1 && packet) {
		udma->spare = packet->next;
	} else {
		packet = trn_alloc_zero(udma->chip->model->alloc,
					sizeof(*packet) + room * sizeof(packet->pieces[0]));
		if (!packet)
			return NULL;
		packet->room = room;
	}
	packet->count = 0;
	packet->lost = false;
	packet->prev = NULL;
	packet->next = udma->packets;
	if (packet->next)
		packet->next->prev = packet;
	udma->packets = packet;
	return packet;
}

static void packet_end(struct trn_udma *udma, struct udma_packet *packet)
{
	if (packet->prev)
		packet->prev->next = packet->next;
	else
		udma->packets = packet->next;
	if (packet->next)
		packet->next->prev = packet->prev;
	if (packet->room == 1) {
		packet->next = udma->spare;
		udma->spare = packet;
	} else {
		trn_free(udma->chip->model->alloc, packet);
	}
}

void trn_udma_packets_free(struct trn_udma *udma)
{
	struct udma_packet **lists[] = { &udma->packets, &udma->spare };

	for (size_t i = 0; i < TRN_ARRAY_LEN(lists); i++) {
		while (*lists[i]) {
			struct udma_packet *packet = *lists[i];

			*lists[i] = packet->next;
			trn_free(udma->chip->model->alloc, packet);
		}
	}
}

static void queue_advance(uint32_t *index, uint32_t *id, uint32_t count, uint32_t length)
{
	*index += count;
	if (*index >= length) {
		*index -= length;
		*id = (*id + 1) & TRN_UDMA_RING_ID_MASK;
	}
}

static void trace(struct trn_udma *udma, const struct udma_packet *packet)
{
	struct trn_nq_entry entry = {
		.phase_type = TRN_NQ_TRACE_DMA,
		.code = udma->index << 8 | packet->queue,
		.time_ps = udma->chip->model->now_ps,
		.address = packet->pieces[0].dst,
		.aux = (uint32_t)packet->bytes,
	};

	trn_notific_post(udma->chip->notific, TRN_NQ_OWNER_UDMA + udma->index, 0, &entry);
}

/* An error of a packet: drop it, unless the engine stops. */
static enum outcome packet_error(struct trn_udma *udma, enum udma_dir dir, uint32_t cause,
				 uint32_t q, const char *rule, uint64_t address)
{
	return trn_udma_error(udma, dir, cause, q, rule, address) ? STOPPED : DROPPED;
}

static enum outcome unmapped(struct trn_udma *udma, enum udma_dir dir, uint32_t cause,
			     uint32_t queue, uint64_t address)
{
	trn_model_event(udma->chip, TRN_EV_VIOLATION, "dma-unmapped", address, (uint64_t)dir,
			udma->index, queue);
	return packet_error(udma, dir, cause, queue, "dma-response", address);
}

/* Event: the bytes of a packet become visible. */
static void packet_visible(void *arg, uint64_t a, uint64_t b)
{
	struct udma_packet *packet = (struct udma_packet *)(uintptr_t)a;
	struct trn_udma *udma = arg;
	struct trn_chip *chip = udma->chip;
	struct udma_pair *pair = &udma->pair[packet->queue];
	struct udma_queue *tx = &udma->queue[UDMA_M2S][packet->queue];
	struct udma_queue *rx = &udma->queue[UDMA_S2M][packet->queue];
	uint64_t bad = 0;

	if (pair->epoch != b || chip->dead) {
		packet_end(udma, packet);
		return;
	}
	pair->in_flight--;
	if (packet->lost) {
		(void)packet_error(udma, UDMA_M2S, TRN_M2S_ERR_DATA_RD_RESP, packet->queue,
				   "link-lost", packet->pieces[0].dst);
		packet_end(udma, packet);
		return;
	}
	for (uint32_t i = 0; i < packet->count; i++) {
		const struct udma_piece *piece = &packet->pieces[i];

		if (trn_chip_dma_copy(chip, piece->dst, piece->src, piece->size, &bad) < 0) {
			/* It answered when the packet started and is gone now. */
			(void)unmapped(udma, UDMA_S2M, TRN_S2M_ERR_DATA_WR_RESP, packet->queue,
				       bad);
			packet_end(udma, packet);
			return;
		}
		trn_energy_move(chip, piece->dst, piece->src, piece->size);
	}
	chip->counters.dma_packets++;
	chip->counters.dma_bytes += packet->bytes;
	queue_advance(&tx->done, &tx->done_id, packet->tx_count, tx->length);
	queue_advance(&rx->done, &rx->done_id, packet->rx_count, rx->length);
	trace(udma, packet);
	packet_end(udma, packet);
	if (chip->launch)
		trn_launch_kick(chip->launch);
}

/* ---- forming a packet ---- */

/* Descriptor number at from the head. */
static enum outcome fetch(struct trn_udma *udma, enum udma_dir dir, uint32_t q, uint32_t at,
			  struct trn_udma_desc *ret_desc)
{
	const struct udma_queue *queue = &udma->queue[dir][q];
	uint32_t index = queue->head, id = queue->head_id, found;
	uint64_t address, value = 0, bad = 0;

	queue_advance(&index, &id, at, queue->length);
	address = trn_u64(queue->base_lo, queue->base_hi) + (uint64_t)index * TRN_UDMA_DESC_SIZE;
	if (trn_chip_dma_read(udma->chip, address, ret_desc, sizeof(*ret_desc), &bad) < 0) {
		return unmapped(udma, dir,
				dir == UDMA_M2S ? TRN_M2S_ERR_PREF_RESP : TRN_S2M_ERR_PREF_RESP, q,
				bad);
	}
	found = ret_desc->len_ctrl >> TRN_DESC_RING_ID_SHIFT & TRN_UDMA_RING_ID_MASK;
	if (udma->chip->model->faults && dir == UDMA_M2S &&
	    trn_fault_fires(udma->chip, "dma.ringid", udma->index, &value))
		found = (found + 1) & TRN_UDMA_RING_ID_MASK;
	if (found != id &&
	    trn_udma_error(udma, dir, dir == UDMA_M2S ? TRN_M2S_ERR_RING_ID : TRN_S2M_ERR_RING_ID,
			   q, "ring-id", address))
		return STOPPED;
	return TAKEN;
}

/* Tx descriptors from FIRST to LAST. */
static enum outcome gather_tx(struct trn_udma *udma, uint32_t q, struct batch *batch)
{
	uint32_t limit = trn_udma_plain(udma, TRN_UDMA_M2S_PREF_CFG_2) & PACKET_DESCS_MASK;
	bool last = false;

	if (limit == 0 || limit > TRN_UDMA_PACKET_DESCS_MAX)
		limit = TRN_UDMA_PACKET_DESCS_MAX;
	while (!last) {
		struct trn_udma_desc *desc = &batch->tx[batch->tx_count];
		bool first;
		enum outcome o;

		if (batch->tx_count == limit)
			return packet_error(udma, UDMA_M2S, TRN_M2S_ERR_PKT_DESCS, q,
					    "packet-descriptors", limit);
		if (batch->tx_count == udma->queue[UDMA_M2S][q].waiting)
			return WAITING;
		o = fetch(udma, UDMA_M2S, q, batch->tx_count, desc);
		batch->tx_count++;
		if (o != TAKEN)
			return o;
		first = (desc->len_ctrl & TRN_DESC_FIRST) != 0;
		last = (desc->len_ctrl & TRN_DESC_LAST) != 0;
		batch->tx_bytes += desc_bytes(desc);
		if (!first && batch->tx_count == 1)
			return packet_error(udma, UDMA_M2S, TRN_M2S_ERR_FIRST, q, "packet-first",
					    0);
		if (first && batch->tx_count > 1) {
			/* The LAST before it is missing; this one begins the next packet. */
			batch->tx_count--;
			return packet_error(udma, UDMA_M2S, TRN_M2S_ERR_LAST, q, "packet-last", 0);
		}
	}
	if (batch->tx_bytes > (trn_udma_plain(udma, TRN_UDMA_M2S_PKT_LEN_CFG) & PACKET_BYTES_MASK))
		return packet_error(udma, UDMA_M2S, TRN_M2S_ERR_PKT_TOO_LONG, q, "packet-bytes",
				    batch->tx_bytes);
	return TAKEN;
}

/* Rx descriptors that take exactly the packet's bytes. */
static enum outcome gather_rx(struct trn_udma *udma, uint32_t q, struct batch *batch)
{
	while (batch->rx_bytes < batch->tx_bytes) {
		struct trn_udma_desc *desc = &batch->rx[batch->rx_count];
		enum outcome o;

		if (batch->rx_count == TRN_UDMA_PACKET_DESCS_MAX)
			break;
		if (batch->rx_count == udma->queue[UDMA_S2M][q].waiting)
			return WAITING;
		o = fetch(udma, UDMA_S2M, q, batch->rx_count, desc);
		batch->rx_count++;
		if (o != TAKEN)
			return o;
		batch->rx_bytes += desc_bytes(desc);
	}
	if (batch->rx_bytes != batch->tx_bytes)
		return packet_error(udma, UDMA_S2M, TRN_S2M_ERR_LEN_MISMATCH, q, "length-mismatch",
				    batch->rx_bytes);
	return TAKEN;
}

static enum outcome check_addresses(struct trn_udma *udma, uint32_t q, const struct batch *batch)
{
	uint64_t bad = 0;

	for (uint32_t i = 0; i < batch->tx_count; i++) {
		if (trn_chip_far_check(udma->chip, batch->tx[i].address, desc_bytes(&batch->tx[i]),
				       false, &bad) < 0)
			return unmapped(udma, UDMA_M2S, TRN_M2S_ERR_DATA_RD_RESP, q, bad);
	}
	for (uint32_t i = 0; i < batch->rx_count; i++) {
		if (trn_chip_far_check(udma->chip, batch->rx[i].address, desc_bytes(&batch->rx[i]),
				       true, &bad) < 0)
			return unmapped(udma, UDMA_S2M, TRN_S2M_ERR_DATA_WR_RESP, q, bad);
	}
	return TAKEN;
}

/* Both lists cut at each other's borders. */
static void cut_pieces(struct udma_packet *packet, const struct batch *batch)
{
	uint32_t t = 0, r = 0, t_done = 0, r_done = 0;

	while (t < batch->tx_count && r < batch->rx_count) {
		uint32_t left_t = desc_bytes(&batch->tx[t]) - t_done;
		uint32_t left_r = desc_bytes(&batch->rx[r]) - r_done;
		uint32_t size = left_t < left_r ? left_t : left_r;

		packet->pieces[packet->count++] = (struct udma_piece){
			.dst = batch->rx[r].address + r_done,
			.src = batch->tx[t].address + t_done,
			.size = size,
		};
		t_done += size;
		r_done += size;
		if (t_done == desc_bytes(&batch->tx[t])) {
			t++;
			t_done = 0;
		}
		if (r_done == desc_bytes(&batch->rx[r])) {
			r++;
			r_done = 0;
		}
	}
}

/* ---- time ---- */

/* When a packet that starts now has moved its bytes, or TRN_MODEL_NEVER; and how long it takes
 * the data path. */
static uint64_t transfer_end(struct trn_udma *udma, const struct batch *batch, uint64_t *ret_busy)
{
	struct trn_chip *chip = udma->chip;
	const struct trn_gen *gen = chip->gen;
	const uint64_t dst = batch->rx[0].address, src = batch->tx[0].address;
	bool store = trn_chip_place(chip, src) == TRN_PLACE_CORE;
	uint64_t mbps = store ? gen->dma_store_mbps : gen->dma_load_mbps;
	uint64_t ps =
		trn_max_u64(batch->tx_bytes * 1000000 / mbps, gen->udma_packet_ns * TRN_PS_PER_NS);
	const uint64_t now = chip->model->now_ps;
	uint64_t factor = 1, end;

	if (chip->model->faults && trn_fault_fires(chip, "dma.slow", udma->index, &factor))
		ps *= trn_min_u64(factor, SLOW_MAX);
	end = trn_piece_go(chip,
			   &(struct trn_piece){ .dst = dst,
						.src = src,
						.bytes = batch->tx_bytes,
						.start_ps = now,
						.span_ps = ps },
			   ret_busy);
	*ret_busy -= now;
	return end;
}

/* The same for bytes that go to another chip: behind each other, whatever they are. */
static uint64_t arrive_at(struct trn_udma *udma, uint64_t dst, uint64_t src, uint64_t at_ps)
{
	struct trn_fabric *fabric = udma->chip->model->fabric;
	const struct trn_chip *from = trn_chip_at(udma->chip, &src);
	const struct trn_chip *to = trn_chip_at(udma->chip, &dst);

	return fabric && from && to && from != to ?
		       trn_fabric_order_ps(fabric, from->index, to->index, 0, at_ps) :
		       at_ps;
}

/* When the bytes of a packet that ends at end_ps are visible; keeps the pair's order. */
static uint64_t visible_at(struct trn_udma *udma, uint32_t q, const struct batch *batch,
			   uint64_t end_ps, bool dmb)
{
	const struct trn_gen *gen = udma->chip->gen;
	struct udma_pair *pair = &udma->pair[q];
	const uint64_t dst = batch->rx[0].address;
	const bool far = trn_address_far(dst);
	bool barrier = dmb, strong = dmb, hbm = far;
	uint64_t at;

	for (uint32_t i = 0; i < batch->tx_count; i++)
		barrier = barrier || (batch->tx[i].meta & TRN_DESC_META_WRITE_BARRIER) != 0;
	for (uint32_t i = 0; i < batch->rx_count; i++) {
		strong = strong || (batch->rx[i].len_ctrl & TRN_DESC_STRONG_ORDER) != 0;
		hbm = hbm || trn_chip_place(udma->chip, batch->rx[i].address) == TRN_PLACE_HBM;
	}
	at = end_ps + (hbm ? gen->udma_write_hbm_ns : gen->udma_write_host_ns) * TRN_PS_PER_NS;
	at = trn_max_u64(at, strong ? pair->visible_ps : pair->floor_ps);
	/* Writes on one path stay in order. */
	if (!far)
		at = trn_max_u64(at, pair->path_ps[hbm]);
	at = arrive_at(udma, dst, batch->tx[0].address, at);
	if (!far)
		pair->path_ps[hbm] = at;
	pair->visible_ps = trn_max_u64(pair->visible_ps, at);
	if (barrier)
		pair->floor_ps = pair->visible_ps;
	return at;
}

static bool has_dmb(struct trn_udma *udma, uint32_t q, const struct batch *batch)
{
	uint32_t rlimit = trn_udma_plain(udma, TRN_UDMA_QUEUE(q) + TRN_UDMAQ_M2S_RLIMIT_MASK);
	bool dmb = false;

	for (uint32_t i = 0; i < batch->tx_count; i++)
		dmb = dmb || (batch->tx[i].len_ctrl & TRN_DESC_DMB) != 0;
	return dmb && (rlimit & RLIMIT_BLOCKS_DMB) == 0;
}

/* ---- the engine's loop ---- */

static void consume(struct trn_udma *udma, uint32_t q, const struct batch *batch)
{
	const uint32_t counts[2] = { batch->tx_count, batch->rx_count };

	for (uint32_t dir = 0; dir < 2; dir++) {
		struct udma_queue *queue = &udma->queue[dir][q];

		queue_advance(&queue->head, &queue->head_id, counts[dir], queue->length);
		queue->waiting -= counts[dir];
	}
}

static enum outcome launch_packet(struct trn_udma *udma, uint32_t q, const struct batch *batch,
				  uint64_t *ret_ps)
{
	struct trn_model *model = udma->chip->model;
	struct udma_pair *pair = &udma->pair[q];
	bool dmb = has_dmb(udma, q, batch);
	struct udma_packet *packet;
	uint64_t at, end;

	if (dmb && pair->visible_ps > model->now_ps) {
		/* Not before everything written so far can be read. */
		pair->ready_ps = pair->visible_ps;
		*ret_ps = 0;
		return TAKEN;
	}
	packet = packet_new(udma, batch->tx_count + batch->rx_count - 1);
	if (!packet) {
		model->lost++;
		return packet_error(udma, UDMA_M2S, TRN_M2S_ERR_DATA_RD_RESP, q, "model-memory", 0);
	}
	cut_pieces(packet, batch);
	packet->bytes = batch->tx_bytes;
	packet->queue = q;
	packet->tx_count = batch->tx_count;
	packet->rx_count = batch->rx_count;
	end = transfer_end(udma, batch, ret_ps);
	/* What comes behind a barrier waits for the end of a lost packet, too. */
	packet->lost = end == TRN_MODEL_NEVER;
	if (packet->lost)
		end = model->now_ps + TRN_FABRIC_LOST_PS;
	at = visible_at(udma, q, batch, end, dmb);
	if (trn_model_after(model, at - model->now_ps, packet_visible, udma,
			    (uint64_t)(uintptr_t)packet, pair->epoch) < 0) {
		packet_end(udma, packet);
		return packet_error(udma, UDMA_M2S, TRN_M2S_ERR_DATA_RD_RESP, q, "model-memory", 0);
	}
	pair->in_flight++;
	consume(udma, q, batch);
	return TAKEN;
}

/* One packet of a queue; *ret_ps is how long the data path is taken. */
static enum outcome packet_start(struct trn_udma *udma, uint32_t q, uint64_t *ret_ps)
{
	struct batch batch;
	uint64_t value = 0;
	enum outcome o;

	batch.tx_count = batch.rx_count = 0;
	batch.tx_bytes = batch.rx_bytes = 0;
	*ret_ps = udma->chip->gen->udma_packet_ns * TRN_PS_PER_NS;
	if (udma->chip->model->faults) {
		udma->hung = trn_fault_fires(udma->chip, "dma.hang", udma->index, &value);
		if (udma->hung)
			return STOPPED;
		if (trn_fault_fires(udma->chip, "dma.abort", udma->index, &value)) {
			trn_udma_abort(udma, UDMA_M2S, TRN_M2S_ERR_DATA_RD_RESP, q, "dma-response",
				       0);
			return STOPPED;
		}
	}
	o = gather_tx(udma, q, &batch);
	if (o == TAKEN)
		o = gather_rx(udma, q, &batch);
	if (o == TAKEN)
		o = check_addresses(udma, q, &batch);
	if (o == TAKEN)
		o = launch_packet(udma, q, &batch, ret_ps);
	if (o == DROPPED)
		consume(udma, q, &batch);
	return o;
}

static bool pair_has_work(const struct trn_udma *udma, uint32_t q)
{
	const struct udma_queue *tx = &udma->queue[UDMA_M2S][q], *rx = &udma->queue[UDMA_S2M][q];

	return tx->waiting != 0 && rx->waiting != 0 && udma_queue_enabled(tx) &&
	       udma_queue_enabled(rx) && !udma->pair[q].stalled;
}

static bool engine_runs(const struct trn_udma *udma)
{
	return udma->state[UDMA_M2S] == TRN_UDMA_STATE_NORMAL &&
	       udma->state[UDMA_S2M] == TRN_UDMA_STATE_NORMAL && !udma->hung && !udma->chip->dead;
}

static void engine_step(void *arg, uint64_t a, uint64_t b);

/* Makes sure that a step comes at the right time, if any queue has work. */
static void engine_schedule(struct trn_udma *udma)
{
	struct trn_model *model = udma->chip->model;
	uint64_t at = TRN_MODEL_NEVER;

	if (!engine_runs(udma))
		return;
	for (uint32_t q = 0; q < TRN_DMA_QUEUES; q++) {
		if (udma->pair[q].ready)
			at = trn_min_u64(at, udma->pair[q].ready_ps);
	}
	if (at == TRN_MODEL_NEVER)
		return;
	at = trn_max_u64(trn_max_u64(at, udma->busy_ps), model->now_ps);
	if (at >= udma->step_ps)
		return;
	udma->step_ps = at;
	udma->step_token++;
	if (trn_model_after(model, at - model->now_ps, engine_step, udma, udma->step_token, 0) <
	    0) {
		udma->step_ps = TRN_MODEL_NEVER;
		(void)trn_udma_error(udma, UDMA_M2S, TRN_M2S_ERR_DATA_RD_RESP, 0, "model-memory",
				     0);
	}
}

/* The next queue in turn whose time has come, or -1. */
static int pick_queue(struct trn_udma *udma)
{
	for (uint32_t i = 0; i < TRN_DMA_QUEUES; i++) {
		uint32_t q = (udma->next_queue + i) % TRN_DMA_QUEUES;

		udma->pair[q].ready = udma->pair[q].ready && pair_has_work(udma, q);
		if (udma->pair[q].ready && udma->pair[q].ready_ps <= udma->chip->model->now_ps)
			return (int)q;
	}
	return -1;
}

static void engine_step(void *arg, uint64_t a, uint64_t b)
{
	struct trn_udma *udma = arg;
	uint64_t ps = 0;
	int q;

	(void)b;
	if (a != udma->step_token || udma->step_ps == TRN_MODEL_NEVER)
		return;
	udma->step_ps = TRN_MODEL_NEVER;
	if (!engine_runs(udma))
		return;
	q = pick_queue(udma);
	if (q >= 0) {
		udma->next_queue = ((uint32_t)q + 1) % TRN_DMA_QUEUES;
		udma->pair[q].stalled = packet_start(udma, (uint32_t)q, &ps) == WAITING;
		if (!udma->pair[q].stalled)
			udma->busy_ps = udma->chip->model->now_ps + ps;
		udma->pair[q].ready = pair_has_work(udma, (uint32_t)q);
	}
	engine_schedule(udma);
}

void trn_udma_poke(struct trn_udma *udma, uint32_t queue)
{
	struct udma_pair *pair = &udma->pair[queue];

	if (!pair->ready && engine_runs(udma) && pair_has_work(udma, queue)) {
		pair->ready = true;
		pair->ready_ps =
			udma->chip->model->now_ps + udma->chip->gen->udma_fetch_ns * TRN_PS_PER_NS;
	}
	engine_schedule(udma);
}
