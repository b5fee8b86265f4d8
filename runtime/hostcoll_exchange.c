/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange over libfabric: everybody gets the record of everybody, a barrier when it has no
 * bytes. In ceil(log2 P) steps of one message (Bruck), or in one step of P - 1 messages. */
#include "runtime/hostcoll_net.h"

#include <errno.h>

#define DIRECT_MAX 16u /* processes */

void trn_hostcoll_exchange_begin(struct trn_hostcoll *coll, size_t record)
{
	struct trn_hostcoll_net *net = &coll->at.net;

	net->record = record;
	net->step = 0;
	net->sends = net->recvs = net->sent = net->got = 0;
	coll->wire->exchanges++;
}

/* Between processes of one host that share cores one round of many messages is faster than many
 * rounds: each would wait until all have had their turn. */
static bool is_direct(const struct trn_hostcoll *coll)
{
	return coll->wire->processes <= DIRECT_MAX &&
	       trn_ofi_piece(coll->wire) < TRN_WIRE_MESSAGE_MAX;
}

/* A message of the step at hand: from, or to, the process at a distance, a piece of what is
 * sent. */
struct item {
	uint64_t distance, tag;
	size_t offset, bytes;
};

static uint32_t items_of(const struct trn_hostcoll *coll, struct item *ret_item, uint32_t index)
{
	const struct trn_hostcoll_net *net = &coll->at.net;
	const uint64_t n = coll->wire->processes;
	const bool direct = is_direct(coll);
	const uint64_t distance = direct ? 1 : UINT64_C(1) << net->step;
	const size_t bytes = (direct ? 1 : trn_min_u64(distance, n - distance)) * net->record;
	const size_t piece = trn_ofi_piece(coll->wire);
	const uint32_t pieces = bytes > piece ? (uint32_t)((bytes + piece - 1) / piece) : 1;

	if (ret_item) {
		const uint32_t p = index % pieces;

		ret_item->distance = direct ? index / pieces + 1 : distance;
		ret_item->offset = p * piece;
		ret_item->bytes = trn_min_u64(piece, bytes - p * piece);
		ret_item->tag = coll->wire->exchanges << 9 | (uint64_t)net->step << 5 | p;
	}
	return pieces * (direct ? (uint32_t)n - 1 : 1);
}

static int item_send(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_exchange *exchange = &coll->wire->exchange;
	const uint32_t slot = coll->at.net.sends % TRN_HOSTCOLL_MESSAGES;
	struct trn_wire *wire = coll->wire;
	struct item item;
	int r;

	(void)items_of(coll, &item, coll->at.net.sends);
	r = trn_wire_send(wire, trn_hostcoll_peer(coll, wire->processes - item.distance), item.tag,
			  trn_hostcoll_record(coll, 0) + item.offset, item.bytes,
			  &exchange->send[slot]);
	if (r == 0)
		coll->at.net.sends++;
	return r;
}

static int item_recv(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_exchange *exchange = &coll->wire->exchange;
	const uint32_t slot = coll->at.net.recvs % TRN_HOSTCOLL_MESSAGES;
	struct item item;
	int r;

	(void)items_of(coll, &item, coll->at.net.recvs);
	r = trn_wire_recv(coll->wire, trn_hostcoll_peer(coll, item.distance), item.tag,
			  trn_hostcoll_record(coll, item.distance) + item.offset, item.bytes,
			  &exchange->recv[slot]);
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
	size_t got = 0;
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
		if (got != item.bytes)
			return trn_wire_blame(coll->wire, trn_hostcoll_peer(coll, item.distance),
					      "sent %zu bytes of records where %zu belong: it "
					      "calls something else",
					      got, item.bytes);
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
		net->step = is_direct(coll) ? 32 : net->step + 1;
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
