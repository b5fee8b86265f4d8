/* SPDX-License-Identifier: Apache-2.0 */
/* Sends and receives over libfabric: a letter says how much comes, then the data follows as a
 * message, or the receiver reads it out of the sender's window and says that it has. */
#include "runtime/hostcoll_net.h"

#include <errno.h>

#define MESSAGE_TAG (UINT64_C(1) << 49)

struct letter {
	uint64_t bytes, tag;
	struct trn_wire_remote remote;
};

enum letter_stage {
	LETTER,
	DATA,
	TAKEN,
	DONE
};

static uint64_t letter_tag(const struct trn_hostcoll *coll, uint32_t part)
{
	return MESSAGE_TAG | coll->at.message.sequence << 2 | part;
}

static bool by_message(uint64_t bytes)
{
	return bytes <= TRN_WIRE_MESSAGE_MAX;
}

/* Starts, or looks after, the request of a message. 0: done. */
static int settle(struct trn_hostcoll *coll, size_t *ret_bytes)
{
	int r = trn_wire_test(coll->wire, coll->at.message.request, ret_bytes);

	if (r != -EAGAIN)
		coll->at.message.request = NULL;
	return r;
}

static int send_next(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_message *m = &coll->at.message;
	const uint64_t bytes = coll->call.count * coll->size;
	struct letter letter = { .bytes = bytes, .tag = coll->call.tag };
	int r = 0;

	switch ((enum letter_stage)m->stage) {
	case LETTER:
		if (!by_message(bytes) && !m->window.region)
			r = trn_wire_expose(coll->wire, (void *)(uintptr_t)coll->call.src, bytes,
					    &m->window);
		if (r < 0)
			return trn_wire_broken(coll->wire, r, "host memory cannot be registered");
		if (m->window.region)
			letter.remote = trn_wire_remote(coll->wire, &m->window);
		return trn_wire_send(coll->wire, coll->call.root, letter_tag(coll, 0), &letter,
				     sizeof(letter), &m->request);
	case DATA:
		return by_message(bytes) ?
			       trn_wire_send(coll->wire, coll->call.root, letter_tag(coll, 1),
					     coll->call.src, bytes, &m->request) :
			       0;
	default: /* until the other side has read */
		return by_message(bytes) ?
			       0 :
			       trn_wire_recv(coll->wire, coll->call.root, letter_tag(coll, 2),
					     m->letter, 0, &m->request);
	}
}

/* A letter came. */
static int letter_check(struct trn_hostcoll *coll, size_t got)
{
	struct trn_hostcoll_message *m = &coll->at.message;
	struct letter letter;

	memcpy(&letter, m->letter, sizeof(letter));
	if (got != sizeof(letter))
		return trn_wire_blame(coll->wire, coll->call.root, "sent a letter of %zu bytes",
				      got);
	m->remote = letter.remote;
	return trn_hostcoll_letter_differs(coll, letter.tag, letter.bytes);
}

static int read_next(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_message *m = &coll->at.message;
	const uint64_t bytes = coll->call.count * coll->size;
	struct trn_wire_get get;
	int r = 0;

	if (!m->window.region)
		r = trn_wire_expose(coll->wire, coll->call.dst, bytes, &m->window);
	if (r < 0)
		return trn_wire_broken(coll->wire, r, "host memory cannot be registered");
	get = (struct trn_wire_get){
		coll->call.root, m->remote, m->done,
		&m->window,      m->done,   trn_min_u64(TRN_HOSTCOLL_READ_MAX, bytes - m->done)
	};
	r = trn_wire_get(coll->wire, &get, &m->request);
	if (r == 0)
		m->done += get.bytes;
	return r;
}

static int recv_next(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_message *m = &coll->at.message;
	const uint64_t bytes = coll->call.count * coll->size;

	switch ((enum letter_stage)m->stage) {
	case LETTER:
		return trn_wire_recv(coll->wire, coll->call.root, letter_tag(coll, 0), m->letter,
				     sizeof(m->letter), &m->request);
	case DATA:
		return by_message(bytes) ?
			       trn_wire_recv(coll->wire, coll->call.root, letter_tag(coll, 1),
					     coll->call.dst, bytes, &m->request) :
			       read_next(coll);
	default:
		return by_message(bytes) ?
			       0 :
			       trn_wire_send(coll->wire, coll->call.root, letter_tag(coll, 2),
					     m->letter, 0, &m->request);
	}
}

/* A request of a stage is done. */
static int settled(struct trn_hostcoll *coll, size_t got)
{
	struct trn_hostcoll_message *m = &coll->at.message;
	const uint64_t bytes = coll->call.count * coll->size;
	const bool recv = coll->call.kind == TRN_COMM_RECV;
	int r = 0;

	if (recv && m->stage == LETTER)
		r = letter_check(coll, got);
	if (recv && m->stage == DATA && by_message(bytes) && got != bytes)
		r = trn_wire_blame(coll->wire, coll->call.root, "sent %zu of %llu bytes", got,
				   (unsigned long long)bytes);
	if (recv && m->stage == DATA && !by_message(bytes) && m->done < bytes)
		return 0; /* the next read */
	m->stage++;
	return r;
}

int trn_hostcoll_net_message(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_message *m = &coll->at.message;
	int r = trn_wire_progress(coll->wire);

	while (r == 0 && m->stage != DONE) {
		size_t got = 0;

		if (!m->request)
			r = coll->call.kind == TRN_COMM_SEND ? send_next(coll) : recv_next(coll);
		if (r == 0 && m->request)
			r = settle(coll, &got);
		if (r == 0)
			r = settled(coll, got);
	}
	return r;
}
