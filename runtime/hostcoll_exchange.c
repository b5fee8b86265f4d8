/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange over libfabric: everybody gets the record of everybody, a barrier when it has no
 * bytes. In ceil(log2 P) steps of one message (Bruck), or in one step of P - 1 messages. */
#include "runtime/hostcoll_net.h"

#include <errno.h>

#define DIRECT_MAX 16u /* processes */

void trn_hostcoll_exchange_begin(struct trn_hostcoll *coll, enum trn_hostcoll_content content,
				 size_t record)
{
	struct trn_hostcoll_net *net = &coll->at.net;

	net->content = content;
	net->record = record;
	net->step = 0;
	net->sends = net->recvs = net->sent = net->got = 0;
	coll->wire->exchanges++;
}

/* Between processes of one host that share cores one round of many messages is faster than many
 * rounds: each would wait until all have had their turn. */
bool trn_hostcoll_exchange_direct(const struct trn_hostcoll *coll)
{
	return coll->wire->processes <= DIRECT_MAX &&
	       trn_ofi_piece(coll->wire) < TRN_WIRE_MESSAGE_MAX;
}

/* Bytes from one place, or from two: those of a head, then data. */
struct span {
	unsigned char *head, *data;
	size_t head_bytes, data_bytes;
};

/* The part of a vector that process reduces. */
static struct span part_of(const struct trn_hostcoll *coll, const void *vector, uint32_t process)
{
	const struct trn_hostcoll_piece part = trn_hostcoll_part(coll, coll->call.count, process);

	return (struct span){ .data = (unsigned char *)(uintptr_t)vector + part.offset * coll->size,
			      .data_bytes = part.count * coll->size };
}

static struct span span_to(const struct trn_hostcoll *coll, uint32_t process)
{
	struct span span = { .data = trn_hostcoll_record(coll, 0),
			     .data_bytes = coll->at.net.record };

	if (coll->at.net.content == TRN_HOSTCOLL_RESULTS)
		return part_of(coll, coll->call.dst, coll->wire->process);
	if (coll->at.net.content == TRN_HOSTCOLL_PARTS) {
		span = part_of(coll, coll->call.src, process);
		span.head = trn_hostcoll_record(coll, 0);
		span.head_bytes = sizeof(struct trn_hostcoll_head);
	}
	return span;
}

/* It comes to one place. */
static struct span span_from(const struct trn_hostcoll *coll, uint32_t process, uint64_t distance)
{
	struct span span = { .data = trn_hostcoll_record(coll, distance),
			     .data_bytes = coll->at.net.record };

	if (coll->at.net.content == TRN_HOSTCOLL_RESULTS)
		return part_of(coll, coll->call.dst, process);
	if (coll->at.net.content == TRN_HOSTCOLL_PARTS)
		span.data_bytes = sizeof(struct trn_hostcoll_head) +
				  part_of(coll, coll->call.src, coll->wire->process).data_bytes;
	return span;
}

/* A message of the step at hand: from, or to, the process at a distance, a piece of what is
 * sent. */
struct item {
	uint64_t distance, tag;
	size_t offset, most;
};

static uint32_t items_of(const struct trn_hostcoll *coll, struct item *ret_item, uint32_t index)
{
	const struct trn_hostcoll_net *net = &coll->at.net;
	const uint64_t n = coll->wire->processes;
	const bool direct = trn_hostcoll_exchange_direct(coll);
	const uint64_t distance = direct ? 1 : UINT64_C(1) << net->step;
	const size_t bytes = (direct ? 1 : trn_min_u64(distance, n - distance)) * net->record;
	const size_t piece = trn_ofi_piece(coll->wire);
	const uint32_t pieces = bytes > piece ? (uint32_t)((bytes + piece - 1) / piece) : 1;

	if (ret_item) {
		const uint32_t p = index % pieces;

		ret_item->distance = direct ? index / pieces + 1 : distance;
		ret_item->offset = p * piece;
		ret_item->most = trn_min_u64(piece, bytes - p * piece);
		ret_item->tag = coll->wire->exchanges << 9 | (uint64_t)net->step << 5 | p;
	}
	return pieces * (direct ? (uint32_t)n - 1 : 1);
}

/* What of bytes the item has: parts are not all as long. */
static size_t item_bytes(const struct item *item, size_t bytes)
{
	return bytes > item->offset ? trn_min_u64(item->most, bytes - item->offset) : 0;
}

static struct trn_wire_text item_text(const struct trn_hostcoll *coll, const struct item *item,
				      uint32_t process)
{
	const struct span span = span_to(coll, process);
	const size_t bytes = item_bytes(item, span.head_bytes + span.data_bytes);
	struct trn_wire_text text = { .data_bytes = bytes };
	size_t offset = item->offset;

	if (offset < span.head_bytes) {
		text.head = span.head + offset;
		text.head_bytes = trn_min_u64(bytes, span.head_bytes - offset);
		text.data_bytes = bytes - text.head_bytes;
		offset = span.head_bytes;
	}
	if (text.data_bytes > 0)
		text.data = span.data + (offset - span.head_bytes);
	return text;
}

static int item_send(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_exchange *exchange = &coll->wire->exchange;
	const uint32_t slot = coll->at.net.sends % TRN_HOSTCOLL_MESSAGES;
	struct trn_wire_text text;
	struct item item;
	uint32_t process;
	int r;

	(void)items_of(coll, &item, coll->at.net.sends);
	process = trn_hostcoll_peer(coll, coll->wire->processes - item.distance);
	if (trn_hostcoll_exchange_direct(coll))
		text = item_text(coll, &item, process);
	else
		text = (struct trn_wire_text){ .data = trn_hostcoll_record(coll, 0) + item.offset,
					       .data_bytes = item.most };
	r = trn_wire_send_text(coll->wire, process, item.tag, &text, &exchange->send[slot]);
	if (r == 0)
		coll->at.net.sends++;
	return r;
}

/* Where it comes to, and how much. */
static struct span item_span(const struct trn_hostcoll *coll, const struct item *item)
{
	struct span span = { .data = trn_hostcoll_record(coll, item->distance),
			     .data_bytes = item->offset + item->most };

	if (trn_hostcoll_exchange_direct(coll))
		span = span_from(coll, trn_hostcoll_peer(coll, item->distance), item->distance);
	span.data_bytes = item_bytes(item, span.data_bytes);
	span.data += span.data_bytes > 0 ? item->offset : 0;
	return span;
}

static int item_recv(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_exchange *exchange = &coll->wire->exchange;
	const uint32_t slot = coll->at.net.recvs % TRN_HOSTCOLL_MESSAGES;
	struct item item;
	struct span span;
	int r;

	(void)items_of(coll, &item, coll->at.net.recvs);
	span = item_span(coll, &item);
	r = trn_wire_recv(coll->wire, trn_hostcoll_peer(coll, item.distance), item.tag, span.data,
			  span.data_bytes, &exchange->recv[slot]);
	if (r == 0)
		coll->at.net.recvs++;
	return r;
}

/* In order; the oldest may hold up others that are done, which costs nothing. */
static int items_settle(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_exchange *exchange = &coll->wire->exchange;
	struct trn_hostcoll_net *net = &coll->at.net;
	struct item item;
	size_t got = 0, bytes;
	int r = 0;

	while (net->sent < net->sends) {
		r = trn_wire_test(coll->wire, exchange->send[net->sent % TRN_HOSTCOLL_MESSAGES],
				  NULL);
		if (r < 0)
			break;
		net->sent++;
	}
	if (r < 0 && r != -EAGAIN)
		return r;
	while (net->got < net->recvs) {
		r = trn_wire_test(coll->wire, exchange->recv[net->got % TRN_HOSTCOLL_MESSAGES],
				  &got);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		(void)items_of(coll, &item, net->got++);
		bytes = item_span(coll, &item).data_bytes;
		if (got != bytes)
			return trn_wire_blame(coll->wire, trn_hostcoll_peer(coll, item.distance),
					      "sent %zu bytes of records where %zu belong: it "
					      "calls something else",
					      got, bytes);
	}
	return 0;
}

/* -EAGAIN, 0: the step is done, or the failure. */
static int exchange_step(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_net *net = &coll->at.net;
	const uint32_t items = items_of(coll, NULL, 0);
	int r;

	do {
		r = 0;
		while (r == 0 && net->recvs < items &&
		       net->recvs - net->got < TRN_HOSTCOLL_MESSAGES)
			r = item_recv(coll);
		if (r == -EAGAIN)
			r = 0;
		while (r == 0 && net->sends < items &&
		       net->sends - net->sent < TRN_HOSTCOLL_MESSAGES)
			r = item_send(coll);
		if (r < 0 && r != -EAGAIN)
			return r;
		r = trn_wire_progress(coll->wire);
		if (r == 0)
			r = items_settle(coll);
	} while (r == 0 && (net->sends < items || net->recvs < items) &&
		 net->sends - net->sent < TRN_HOSTCOLL_MESSAGES &&
		 net->recvs - net->got < TRN_HOSTCOLL_MESSAGES && net->sends > 0);
	if (r < 0)
		return r;
	return net->sent == items && net->got == items ? 0 : -EAGAIN;
}

/* -EAGAIN, 0: all steps are done, or the failure. */
int trn_hostcoll_exchange(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_net *net = &coll->at.net;
	const uint32_t n = coll->wire->processes;
	int r = 0;

	while (r == 0 && (UINT64_C(1) << net->step) < n) {
		r = exchange_step(coll);
		if (r < 0)
			return r;
		net->step = trn_hostcoll_exchange_direct(coll) ? 32 : net->step + 1;
		net->sends = net->recvs = net->sent = net->got = 0;
	}
	return 0;
}

uint32_t trn_hostcoll_exchange_waits_for(const struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_net *net = &coll->at.net;
	struct item item;

	if (net->got < net->recvs) {
		(void)items_of(coll, &item, net->got);
		return trn_hostcoll_peer(coll, item.distance);
	}
	(void)items_of(coll, &item, net->sent);
	return trn_hostcoll_peer(coll, coll->wire->processes - item.distance);
}
